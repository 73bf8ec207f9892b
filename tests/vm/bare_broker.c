/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_broker.c: the smallest other side of the region, to test the ways to it (frontend/reach, kmod) without a daemon:
 *
 *     bare_broker DIR [PAIRS [SLOW_MS]]
 *
 * serves DIR/ivshmem.sock (one region of PAIRS queue pairs, the same for whoever connects) and DIR/unix.sock (a region
 * for each connection), grants epochs and answers ECHO at once; an ECHO of SLOW_LENGTH bytes is answered only after
 * SLOW_MS milliseconds, its data filled with SLOW_BYTE, and the epoch is not given up before: what a card does that is
 * still at work for a process that died. Prints "ready", then runs until it is killed or standard input ends.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "proto/ops.h"
#include "proto/ring.h"

#define SLOW_LENGTH 4444u
#define SLOW_BYTE   0xee
#define DOORS       9 /* door 0: ivshmem; the others: unix connections */

struct pair {
    struct shm_span span;
    int host, guest; /* eventfds: rings us, rings them */
    uint32_t epoch, sq_pos, cq_pos, woken_at;
    struct cm_sqe slow; /* pos 0: none */
    int64_t slow_until;
};

struct door {
    int memory, connection; /* connection -1: free (unix) or nobody (ivshmem) */
    void *map;
    size_t size;
    uint32_t pair_count;
    struct pair pairs[CM_QP_MAX];
};

static struct door doors[DOORS];
static uint64_t generation;
static int slow_ms = 200;

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void pair_eventfds(struct pair *pair)
{
    pair->host = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pair->guest = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pair->host < 0 || pair->guest < 0)
        fail("eventfd");
}

static void door_make(struct door *door, size_t size, uint32_t pairs)
{
    door->memory = memfd_create("bare", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (door->memory < 0 || ftruncate(door->memory, (off_t)size) ||
        fcntl(door->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        fail("memfd");
    door->map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, door->memory, 0);
    if (door->map == MAP_FAILED)
        fail("mmap");
    door->size = size;
    door->pair_count = pairs;
    struct shm_span region = shm_span_of(door->map, size);
    struct cm_header header = {.magic = CM_MAGIC,
                               .version = CM_LAYOUT_VERSION,
                               .qp_count = pairs,
                               .generation = generation,
                               .region_size = (uint32_t)size,
                               .slots = CM_SLOTS,
                               .slot_size = CM_SLOT_SIZE,
                               .param_size = CM_PARAM_SIZE,
                               .host_peer = CM_IVSHMEM_HOST,
                               .state = CM_DOOR_OPEN,
                               .deadline_ms = 5000,
                               .tenant = "bare"};
    for (uint32_t i = 0; i < pairs; i++) {
        struct pair *pair = &door->pairs[i];
        *pair = (struct pair){.span = shm_sub(region, CM_QP_OFFSET(i), CM_QP_SIZE), .sq_pos = 1, .cq_pos = 1};
        pair_eventfds(pair);
        shm_store64(pair->span, offsetof(struct cm_control, generation), generation);
    }
    shm_copy_out(region, 0, &header, sizeof header);
}

static void door_free(struct door *door)
{
    for (uint32_t i = 0; i < door->pair_count; i++) {
        close(door->pairs[i].host);
        close(door->pairs[i].guest);
    }
    munmap(door->map, door->size);
    close(door->memory);
    close(door->connection);
    door->connection = -1;
    door->pair_count = 0;
}

static void send_fds(int to, const void *bytes, size_t len, const int *fds, size_t n)
{
    union {
        char bytes[CMSG_SPACE(3 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (n) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(n * sizeof(int));
        control.align =
            (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n * sizeof(int))};
        memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
    }
    if (sendmsg(to, &message, MSG_NOSIGNAL) != (ssize_t)len)
        perror("sendmsg");
}

static void send_word(int to, int64_t word, int fd)
{
    send_fds(to, &word, sizeof word, &fd, fd >= 0);
}

static void accept_ivshmem(int listener)
{
    struct door *door = &doors[0];
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (door->connection >= 0)
        close(door->connection);
    door->connection = fd;
    for (uint32_t i = 0; i < door->pair_count; i++) { /* never the same eventfds again: see test_unplug */
        close(door->pairs[i].host);
        close(door->pairs[i].guest);
        pair_eventfds(&door->pairs[i]);
    }
    send_word(fd, 0, -1);
    send_word(fd, CM_IVSHMEM_GUEST, -1);
    send_word(fd, -1, door->memory);
    for (uint32_t i = 0; i < door->pair_count; i++)
        send_word(fd, CM_IVSHMEM_HOST, door->pairs[i].host);
    for (uint32_t i = 0; i < door->pair_count; i++)
        send_word(fd, CM_IVSHMEM_GUEST, door->pairs[i].guest);
}

static void accept_unix(int listener)
{
    struct cm_hello hello = {
        .magic = CM_MAGIC, .version = CM_LAYOUT_VERSION, .region_size = CM_REGION_UNIX, .qp_count = 1};
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), i = 1;
    if (fd < 0)
        return;
    while (i < DOORS && doors[i].connection >= 0)
        i++;
    if (i == DOORS) {
        hello.status = SDR_NOBUFFER;
        strcpy(hello.text, "no more connections");
        send_fds(fd, &hello, sizeof hello, NULL, 0);
        close(fd);
        return;
    }
    door_make(&doors[i], CM_REGION_UNIX, 1);
    doors[i].connection = fd;
    int fds[3] = {doors[i].memory, doors[i].pairs[0].host, doors[i].pairs[0].guest};
    send_fds(fd, &hello, sizeof hello, fds, 3);
}

static void complete(struct pair *pair, const struct cm_sqe *sqe)
{
    struct cm_cqe cqe = {.generation = generation,
                         .epoch = pair->epoch,
                         .tag = sqe->tag,
                         .op = sqe->op,
                         .slot = sqe->slot,
                         .data_len = sqe->data_len,
                         .pos = pair->cq_pos};
    cqe.status = cm_gate_check(sqe, 0) != CM_GATE_OK || sqe->op != CM_OP_ECHO ? SDR_NOTSUPPORT : SDR_OK;
    cm_entry_publish(pair->span, CM_QP_CQ, pair->cq_pos, &cqe);
    shm_fence();
    uint32_t wake_at = shm_load32(pair->span, offsetof(struct cm_control, wake_at));
    if (wake_at && wake_at != pair->woken_at && cm_pos_reached(pair->cq_pos, wake_at)) {
        pair->woken_at = wake_at;
        (void)!eventfd_write(pair->guest, 1);
    }
    pair->cq_pos++;
}

/* One look at a queue pair; true where there was something. */
static bool pair_serve(struct pair *pair)
{
    uint32_t wanted = shm_load32(pair->span, offsetof(struct cm_control, epoch_wanted));
    struct cm_sqe sqe;
    bool found = false;
    if (pair->slow.pos && now_ms() >= pair->slow_until) {
        uint8_t *data = shm_bytes(pair->span, cm_slot_offset(pair->slow.slot), SLOW_LENGTH);
        memset(data, SLOW_BYTE, SLOW_LENGTH);
        complete(pair, &pair->slow);
        pair->slow.pos = 0;
        found = true;
    }
    if (wanted != pair->epoch && !pair->slow.pos) {
        pair->epoch = wanted;
        pair->sq_pos = pair->cq_pos = 1;
        pair->woken_at = 0;
        shm_store32(pair->span, offsetof(struct cm_control, epoch), wanted);
        if (wanted) /* else nobody is there to hear it */
            (void)!eventfd_write(pair->guest, 1);
        return true;
    }
    while (pair->epoch && cm_entry_take(pair->span, CM_QP_SQ, pair->sq_pos, &sqe)) {
        if (sqe.generation != generation || sqe.epoch != pair->epoch || sqe.slot >= CM_SLOTS)
            return found;
        pair->sq_pos++;
        found = true;
        if (sqe.op == CM_OP_ECHO && sqe.data_len == SLOW_LENGTH && !pair->slow.pos) {
            pair->slow = sqe;
            pair->slow_until = now_ms() + slow_ms;
        } else {
            complete(pair, &sqe);
        }
    }
    return found;
}

/* All pairs of all doors; sleeps: what to write into broker_sleeps first. */
static bool serve(uint32_t sleeps, bool *slow)
{
    bool found = false;
    for (int d = 0; d < DOORS; d++)
        for (uint32_t i = 0; i < doors[d].pair_count; i++) {
            struct pair *pair = &doors[d].pairs[i];
            shm_store32(pair->span, offsetof(struct cm_control, broker_sleeps), sleeps);
            shm_fence();
            found |= pair_serve(pair);
            *slow |= pair->slow.pos != 0;
        }
    return found;
}

static int listen_at(const char *dir, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", dir, name) >= (int)sizeof address.sun_path)
        fail("path");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(address.sun_path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 8))
        fail(address.sun_path);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc < 2 || getrandom(&generation, sizeof generation, 0) != (ssize_t)sizeof generation)
        return 2;
    uint32_t pairs = argc > 2 ? (uint32_t)atoi(argv[2]) : CM_QP_MAX;
    slow_ms = argc > 3 ? atoi(argv[3]) : slow_ms;
    if (pairs < 1 || pairs > CM_QP_MAX)
        return 2;
    generation |= 1;
    for (int d = 0; d < DOORS; d++)
        doors[d].connection = -1;
    door_make(&doors[0], CM_REGION_IVSHMEM, pairs);
    int ivshmem = listen_at(argv[1], "ivshmem.sock"), local = listen_at(argv[1], "unix.sock");
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd fds[3 + DOORS * (1 + CM_QP_MAX)] = {
            {.fd = ivshmem, .events = POLLIN}, {.fd = local, .events = POLLIN}, {.fd = 0, .events = 0}};
        nfds_t n = 3;
        bool slow = false;
        eventfd_t count;
        while (serve(0, &slow))
            ;
        slow = false;
        bool found = serve(1, &slow);
        for (int d = 0; d < DOORS; d++) {
            if (d)
                fds[n++] = (struct pollfd){.fd = doors[d].connection, .events = POLLRDHUP};
            for (uint32_t i = 0; i < doors[d].pair_count; i++)
                fds[n++] = (struct pollfd){.fd = doors[d].pairs[i].host, .events = POLLIN};
        }
        if (poll(fds, n, found ? 0 : slow ? 5 : 1000) <= 0)
            continue;
        if (fds[2].revents)
            return 0;
        for (nfds_t k = 3; k < n; k++) /* an eventfd is drained; on a connection this read fails */
            if (fds[k].revents & POLLIN)
                (void)!eventfd_read(fds[k].fd, &count);
        for (int d = 1; d < DOORS; d++)
            for (nfds_t k = 3; k < n; k++)
                if (doors[d].connection >= 0 && fds[k].fd == doors[d].connection && fds[k].revents)
                    door_free(&doors[d]);
        if (fds[0].revents)
            accept_ivshmem(ivshmem);
        if (fds[1].revents)
            accept_unix(local);
    }
}
