/* covers: frontend/reach/unix/unix.c frontend/reach/channel.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a front end does with the first words of whoever listens at its socket. A thread plays the server: the input's
 * first bytes choose how many descriptors come and of what kind, the next 128 are the greeting, the rest the
 * region's header. A connection that is accepted is used as the client uses it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "frontend/reach/channel.h"

enum kind {
    REGION_GOOD,
    REGION_HEADER, /* sealed, its header is the input's */
    REGION_UNSEALED,
    REGION_TINY,
    EVENT,
    PIPE,
    KINDS
};

static struct {
    int listener, fds[KINDS];
    const uint8_t *data;
    size_t size;
    char path[64];
    sem_t served; /* the thread is done with data */
} server;

static void must(int condition)
{
    if (!condition)
        abort();
}

static void send_input(int peer)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * 12)];
        struct cmsghdr align;
    } control = {{0}};
    const uint8_t *data = server.data;
    int fds[12], n = data[0] % 12;
    for (int i = 0; i < n; i++)
        fds[i] = server.fds[data[1 + i % 3] % KINDS];
    struct iovec part = {(void *)(uintptr_t)(data + 4), server.size - 4 < 128 ? server.size - 4 : 128};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (n) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (unsigned)n);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * (unsigned)n);
        memcpy(CMSG_DATA(head), fds, sizeof(int) * (unsigned)n);
    }
    if (part.iov_len)
        (void)!sendmsg(peer, &message, MSG_NOSIGNAL);
}

static void *serve(void *unused)
{
    for (;;) {
        int peer = accept(server.listener, NULL, NULL);
        if (peer < 0)
            continue;
        send_input(peer);
        close(peer);
        sem_post(&server.served);
    }
    return unused;
}

static int make_region(size_t size, unsigned seals)
{
    struct cm_header header = {.magic = CM_MAGIC,
                               .version = CM_LAYOUT_VERSION,
                               .qp_count = 1,
                               .generation = 1,
                               .region_size = (uint32_t)size,
                               .slots = CM_SLOTS,
                               .slot_size = CM_SLOT_SIZE,
                               .param_size = CM_PARAM_SIZE};
    int fd = memfd_create("fuzz", MFD_ALLOW_SEALING);
    must(fd >= 0 && ftruncate(fd, (off_t)size) == 0 && pwrite(fd, &header, sizeof header, 0) > 0);
    must(fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

static void cleanup(void)
{
    unlink(server.path);
}

static void setup(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int ends[2];
    pthread_t thread;
    must(pipe(ends) == 0 && sem_init(&server.served, 0, 0) == 0);
    server.fds[REGION_GOOD] = make_region(CM_REGION_UNIX, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    server.fds[REGION_HEADER] = make_region(CM_REGION_UNIX, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    server.fds[REGION_UNSEALED] = make_region(CM_REGION_UNIX, F_SEAL_GROW);
    server.fds[REGION_TINY] = make_region(4096, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    server.fds[EVENT] = eventfd(0, 0);
    server.fds[PIPE] = ends[0];
    snprintf(server.path, sizeof server.path, "/tmp/fuzz-hello-%d.sock", (int)getpid());
    memcpy(address.sun_path, server.path, strlen(server.path));
    unlink(server.path);
    server.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(server.listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(server.listener, 8) == 0);
    atexit(cleanup);
    setenv("CARDMUX_SOCKET", server.path, 1);
    must(pthread_create(&thread, NULL, serve, NULL) == 0);
}

static void use(struct reach *reach)
{
    struct cm_header header;
    must(reach->qp.size == CM_QP_SIZE && reach->header.size >= sizeof header);
    /* 0: a region that no broker serves yet */
    must(shm_copy_in(&header, reach->header, 0, sizeof header) && (header.magic == CM_MAGIC || header.magic == 0));
    must(shm_load32(reach->qp, CM_QP_SIZE - 4) == 0); /* mapped to its end */
    reach->driver->ring(reach);
    reach->driver->kick(reach);
    reach->driver->wait(reach, 1);
    reach->driver->wait(reach, 0);
    (void)reach->driver->alive(reach);
    reach->driver->close(reach);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reach *reach = NULL;
    char text[REACH_TEXT] = "";
    if (!server.listener)
        setup();
    if (size < 4)
        return 0;
    server.data = data;
    server.size = size;
    if (size > 4 + 128)
        must(pwrite(server.fds[REGION_HEADER], data + 132, size - 132 < 256 ? size - 132 : 256, 0) > 0);
    uint32_t code = reach_unix.open(data[3] & 1 ? NULL : server.path, REACH_OPEN_MS, &reach, text);
    while (sem_wait(&server.served) != 0)
        continue;
    if (code == SDR_OK)
        use(reach);
    else
        must(memchr(text, 0, sizeof text) && text[0]);
    if (size == 4) {
        char path[200];
        memset(path, 'a', sizeof path - 1);
        path[sizeof path - 1] = 0;
        must(reach_unix.open(path, REACH_OPEN_MS, &reach, text) != SDR_OK);
        must(reach_unix.open("/nonexistent/card.sock", REACH_OPEN_MS, &reach, text) != SDR_OK &&
             strstr(text, "/nonexistent"));
    }
    return 0;
}
