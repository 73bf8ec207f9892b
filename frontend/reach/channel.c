/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "frontend/reach/channel.h"

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* A socket with a time limit is interrupted by each signal, even under SA_RESTART, and its limit begins anew. True:
   there is time left to go on; else errno says that it is over, as the limit itself does. */
static bool go_on(uint64_t end_ms)
{
    if (errno != EINTR)
        return false;
    if (now_ms() < end_ms)
        return true;
    errno = EAGAIN;
    return false;
}

/* A signal may come while the server's queue of connections is full; nothing has begun then. */
static int connect_through(int socket, const struct sockaddr_un *address, unsigned limit_ms)
{
    uint64_t end_ms = now_ms() + limit_ms;
    int failed;
    do
        failed = connect(socket, (const struct sockaddr *)address, sizeof *address);
    while (failed && go_on(end_ms));
    return failed;
}

/* Until when to wait for a word: the socket's own limit (0: none). */
static uint64_t receive_end_ms(int socket)
{
    struct timeval limit = {.tv_sec = 0};
    socklen_t len = sizeof limit;
    if (getsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, &len) || (!limit.tv_sec && !limit.tv_usec))
        return UINT64_MAX;
    return now_ms() + (uint64_t)limit.tv_sec * 1000u + (uint64_t)limit.tv_usec / 1000u;
}

static uint32_t connect_to(const struct reach_driver *driver, const char *path, unsigned limit_ms, struct channel **out,
                           char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return reach_fail(text, SDR_OPENDEVICE, "%.100s...: path too long for a socket", path);
    memcpy(address.sun_path, path, strlen(path));

    struct channel *channel = calloc(1, sizeof *channel);
    if (!channel)
        return reach_fail(text, SDR_NOBUFFER, "out of memory");
    channel->reach.driver = driver;
    channel->reach.interrupts = true;
    channel->region = channel->ring = channel->wake = -1;
    channel->socket = reach_descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    struct timeval limit = {.tv_sec = limit_ms / 1000, .tv_usec = limit_ms % 1000 * 1000 + 1}; /* 0: for ever */
    if (channel->socket < 0 || setsockopt(channel->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) ||
        setsockopt(channel->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) ||
        connect_through(channel->socket, &address, limit_ms)) {
        uint32_t code = reach_fail(text, SDR_OPENDEVICE, "%s: %s", path, strerror(errno));
        channel_close(&channel->reach);
        return code;
    }
    *out = channel;
    return SDR_OK;
}

static void close_all(int *fds, int n)
{
    int saved = errno;
    for (int i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    errno = saved;
}

ssize_t channel_receive(int socket, void *bytes, size_t len, int fds[CHANNEL_FDS], int *fd_count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_FDS)];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = len};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t got;
    uint64_t end_ms = receive_end_ms(socket);
    *fd_count = 0;
    do
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    while (got < 0 && go_on(end_ms));
    if (got < 0)
        return -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n && *fd_count < CHANNEL_FDS; i++)
            memcpy(&fds[(*fd_count)++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
    bool all = !(message.msg_flags & MSG_CTRUNC);
    for (int i = 0; i < *fd_count; i++) {
        fds[i] = reach_descriptor(fds[i]);
        all = all && fds[i] >= 0;
    }
    if (!all) {
        errno = EPROTO;
        close_all(fds, *fd_count);
        *fd_count = 0;
        return -1;
    }
    return got;
}

uint32_t channel_check_region(int fd, uint64_t expected, uint64_t *size, char *text)
{
    struct stat st;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0)
        return reach_fail(text, SDR_COMMFAIL, "the server's region is not a memory file");
    if (expected && (uint64_t)st.st_size != expected)
        return reach_fail(text, SDR_COMMFAIL, "the server's region has %lld bytes, not %llu", (long long)st.st_size,
                          (unsigned long long)expected);
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK))
        return reach_fail(text, SDR_COMMFAIL, "the server's region is not sealed against shrinking");
    *size = (uint64_t)st.st_size;
    return SDR_OK;
}

static bool set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

uint32_t channel_open(const struct reach_driver *driver, const char *path, unsigned limit_ms,
                      uint32_t (*greet)(struct channel *, char *), struct reach **out, char *text)
{
    struct channel *channel = NULL;
    uint32_t code = connect_to(driver, path, limit_ms, &channel, text);
    if (code != SDR_OK)
        return code;
    code = greet(channel, text);
    if (code == SDR_OK && (!set_nonblocking(channel->ring) || !set_nonblocking(channel->wake)))
        code = reach_fail(text, SDR_COMMFAIL, "the server's doorbells: %s", strerror(errno));
    if (code == SDR_OK)
        *out = &channel->reach;
    else
        channel_close(&channel->reach);
    return code;
}

/* Nothing here touches shared memory, and a claim ends with the last copy of a descriptor: so this is `forget`, too. */
void channel_close(struct reach *reach)
{
    struct channel *channel = (struct channel *)reach;
    int fds[] = {channel->socket, channel->region, channel->ring, channel->wake};
    region_unmap(reach);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(channel);
}

void channel_ring(struct reach *reach)
{
    /* fails only with a full counter, and then the other side has been rung already */
    (void)!eventfd_write(((struct channel *)reach)->ring, 1);
}

void channel_wait(struct reach *reach, int timeout_ms)
{
    struct channel *channel = (struct channel *)reach;
    struct pollfd fds[2] = {{.fd = channel->wake, .events = POLLIN}, {.fd = channel->socket, .events = POLLRDHUP}};
    eventfd_t count;
    if (atomic_load_explicit(&channel->ended, memory_order_relaxed))
        fds[1].fd = -1; /* or each wait would return at once */
    if (poll(fds, 2, timeout_ms) <= 0)
        return;
    if (fds[1].revents)
        atomic_store_explicit(&channel->ended, true, memory_order_relaxed);
    if (fds[0].revents)
        (void)!eventfd_read(channel->wake, &count);
}

void channel_kick(struct reach *reach)
{
    (void)!eventfd_write(((struct channel *)reach)->wake, 1);
}

bool channel_alive(struct reach *reach)
{
    struct channel *channel = (struct channel *)reach;
    struct pollfd fd = {.fd = channel->socket, .events = POLLRDHUP};
    if (atomic_load_explicit(&channel->ended, memory_order_relaxed))
        return false;
    return poll(&fd, 1, 0) <= 0 || fd.revents == 0;
}
