/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/raw.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

uint32_t dice_roll(struct dice *dice)
{
    dice->state = dice->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice->state >> 33) ^ (uint32_t)(dice->state >> 11);
}

int raw_dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = 10};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) ||
                    connect(fd, (struct sockaddr *)&address, sizeof address))) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool take_hello(struct raw *raw, struct cm_hello *hello, int fds[3])
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(3 * sizeof(int))];
    } control;
    struct iovec part = {hello, sizeof *hello};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(raw->socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL) != sizeof *hello)
        return false;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head)
        memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
    return true;
}

bool raw_connect(struct raw *raw, const char *path, uint32_t *status)
{
    struct cm_hello hello = {0};
    int fds[3] = {-1, -1, -1};
    *raw = (struct raw){.socket = raw_dial(path), .region = -1, .ring = -1, .wake = -1};
    *status = 0;
    if (raw->socket < 0)
        return false;
    bool heard = take_hello(raw, &hello, fds);
    *status = hello.status;
    raw->region = fds[0];
    raw->ring = fds[1];
    raw->wake = fds[2];
    void *map = MAP_FAILED;
    if (heard && !hello.status && fds[2] >= 0)
        map = mmap(NULL, hello.region_size, PROT_READ | PROT_WRITE, MAP_SHARED, raw->region, 0);
    if (map == MAP_FAILED) {
        raw_close(raw);
        return false;
    }
    raw->all = shm_span_of(map, hello.region_size);
    raw->qp = shm_sub(raw->all, CM_QP_OFFSET(0), CM_QP_SIZE);
    return true;
}

void raw_close(struct raw *raw)
{
    int *fds[] = {&raw->socket, &raw->region, &raw->ring, &raw->wake};
    if (raw->all.base)
        munmap((void *)raw->all.base, raw->all.size);
    raw->all = raw->qp = (struct shm_span){0};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (*fds[i] >= 0) {
            close(*fds[i]);
            *fds[i] = -1;
        }
}

void raw_of_device(struct raw *raw, struct shm_span all, unsigned pair, volatile uint32_t *doorbell, uint32_t value)
{
    *raw = (struct raw){.socket = -1, .region = -1, .ring = -1, .wake = -1, .doorbell = doorbell};
    raw->doorbell_value = value;
    raw->all = all;
    raw->qp = shm_sub(all, CM_QP_OFFSET(pair), CM_QP_SIZE);
}

void raw_ring(const struct raw *raw)
{
    if (raw->doorbell)
        *raw->doorbell = raw->doorbell_value;
    else
        (void)!eventfd_write(raw->ring, 1); /* a full counter rings too */
}

bool raw_attach(struct raw *raw, int ms)
{
    uint64_t end = now_ms() + (uint64_t)ms;
    uint32_t wanted = 0x10000u + ++raw->asked;
    shm_store32(raw->qp, offsetof(struct cm_control, wake_at), 0);
    shm_store32(raw->qp, offsetof(struct cm_control, epoch_wanted), wanted);
    for (unsigned step = 0; now_ms() <= end; step++) {
        if (step % 32 == 0)
            raw_ring(raw);
        if (!raw->generation) /* later the attack itself may have written there */
            raw->generation = shm_load64(raw->qp, offsetof(struct cm_control, generation));
        if (raw->generation && shm_load32(raw->qp, offsetof(struct cm_control, epoch)) == wanted) {
            raw->epoch = wanted;
            raw->sq_pos = raw->cq_pos = 1;
            cm_ring_clear(raw->qp, CM_QP_CQ);
            return true;
        }
        usleep(step < 20 ? 50 : 1000);
    }
    return false;
}

void raw_submit(struct raw *raw, struct cm_sqe sqe)
{
    sqe.generation = raw->generation;
    sqe.epoch = raw->epoch;
    sqe.pos = raw->sq_pos;
    cm_entry_publish(raw->qp, CM_QP_SQ, raw->sq_pos++, &sqe);
}

bool raw_take(struct raw *raw, struct cm_cqe *cqe, int ms)
{
    uint64_t end = now_ms() + (uint64_t)ms;
    for (unsigned looks = 0;; looks++) {
        if (cm_entry_take(raw->qp, CM_QP_CQ, raw->cq_pos, cqe)) {
            raw->cq_pos++;
            if (cqe->op == CM_OP_SESSION_OPEN && cqe->status == 0)
                raw->session = cqe->value;
            return true;
        }
        if (now_ms() >= end)
            return false;
        usleep(looks < 50 ? 20 : 500);
    }
}

uint32_t raw_call(struct raw *raw, struct cm_sqe sqe, struct cm_cqe *cqe)
{
    raw_submit(raw, sqe);
    raw_ring(raw);
    while (raw_take(raw, cqe, 10000))
        if (cqe->tag == sqe.tag)
            return cqe->status;
    return UINT32_MAX;
}
