/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock_proxy.c: what the daemon's own vsock device is measured against: the usual design of a vhost-user-vsock back
 * end, which reads the guest's virtqueues and takes each connection on to a UNIX socket, where somebody else answers.
 * Here that is an echo in a process of its own, with one buffer, blocking read and write. No test, and serves no
 * tenant.
 *
 *     vsock_proxy SOCKET
 *
 * takes one QEMU at SOCKET (it prints "ready" first), and ends with it. The device is the daemon's (backend/device/
 * virtio_vsock): what differs is the hop, and that the service is a plain one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <signal.h>

#include "backend/device/virtio_vsock/vsock.h"

#define GUEST_CID   3u
#define STREAMS_MAX 4u
#define BUFFER      65536u

struct relay {
    struct vsock_connection *connection; /* NULL: the place is free */
    int fd;                              /* of the UNIX socket */
    size_t have, gone;                   /* of `from` */
    char to[BUFFER], from[BUFFER];
};

struct proxy {
    struct vsock vsock;
    int kicks[VHOST_QUEUES_MAX];
    struct relay relays[STREAMS_MAX];
    uint64_t note[VHOST_NOTE_SIZE / sizeof(uint64_t)];
};

/* ---- the other process ---- */

static void echo(int fd)
{
    static char buffer[BUFFER];
    for (ssize_t got; (got = read(fd, buffer, sizeof(buffer))) > 0;) {
        for (ssize_t done = 0, part; done < got; done += part) {
            part = write(fd, buffer + done, (size_t)(got - done));
            if (part <= 0) {
                _exit(1);
            }
        }
    }
    _exit(0);
}

/* A socket whose other end is an echo; -1 on failure. */
static int echo_connect(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        echo(ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -1;
    }
    return ends[0];
}

/* ---- streams ---- */

static void *relay_open(void *owner, struct vsock_connection *connection, uint32_t port)
{
    struct proxy *proxy = owner;
    (void)port;
    for (unsigned i = 0; i < STREAMS_MAX; i++) {
        struct relay *relay = &proxy->relays[i];
        if (!relay->connection && (relay->fd = echo_connect()) >= 0) {
            relay->connection = connection;
            relay->have = relay->gone = 0;
            return relay;
        }
    }
    return NULL;
}

static unsigned relay_into(void *stream, struct iovec *iov, unsigned max)
{
    struct relay *relay = stream;
    (void)max;
    iov[0] = (struct iovec){.iov_base = relay->to, .iov_len = sizeof(relay->to)};
    return 1;
}

static bool relay_fed(void *stream, size_t len)
{
    struct relay *relay = stream;
    for (size_t done = 0; done < len;) {
        ssize_t part = write(relay->fd, relay->to + done, len - done);
        if (part <= 0) {
            return false;
        }
        done += (size_t)part;
    }
    return true;
}

static unsigned relay_next(void *stream, struct iovec *iov, unsigned max, size_t most, size_t *bytes)
{
    struct relay *relay = stream;
    (void)max;
    *bytes = relay->have - relay->gone < most ? relay->have - relay->gone : most;
    iov[0] = (struct iovec){.iov_base = relay->from + relay->gone, .iov_len = *bytes};
    return *bytes ? 1 : 0;
}

static void relay_sent(void *stream, size_t len)
{
    ((struct relay *)stream)->gone += len;
}

static bool relay_idle(void *stream)
{
    const struct relay *relay = stream;
    return relay->gone == relay->have;
}

static void relay_resume(void *stream)
{
    vsock_push(((struct relay *)stream)->connection);
}

static void relay_close(void *stream)
{
    struct relay *relay = stream;
    close(relay->fd);
    relay->connection = NULL;
}

static const struct vsock_service service = {.open = relay_open,
                                             .into = relay_into,
                                             .fed = relay_fed,
                                             .next = relay_next,
                                             .sent = relay_sent,
                                             .idle = relay_idle,
                                             .resume = relay_resume,
                                             .close = relay_close};

/* ---- the device's surroundings ---- */

static void host_watch(void *owner, unsigned queue, int fd)
{
    ((struct proxy *)owner)->kicks[queue] = fd;
}

static void host_ring(void *owner, int fd)
{
    (void)owner;
    eventfd_write(fd, 1);
}

static void host_keep(void *owner, unsigned slot, int fd)
{
    (void)owner, (void)slot, (void)fd;
}

static void host_say(void *owner, const char *text)
{
    (void)owner;
    fprintf(stderr, "vsock_proxy: %s\n", text);
}

static void host_over(void *owner, int socket)
{
    (void)owner, (void)socket;
}

static const struct vhost_host host = {
    .watch = host_watch, .ring = host_ring, .keep = host_keep, .say = host_say, .over = host_over};

/* Waits, and takes in what is there. False: QEMU is gone. */
static bool proxy_wait(struct proxy *proxy)
{
    struct pollfd fds[1 + VHOST_QUEUES_MAX + STREAMS_MAX] = {{.fd = proxy->vsock.vhost.socket, .events = POLLIN}};
    for (unsigned i = 0; i < VHOST_QUEUES_MAX; i++) {
        fds[1 + i] = (struct pollfd){.fd = proxy->kicks[i], .events = POLLIN};
    }
    for (unsigned i = 0; i < STREAMS_MAX; i++) {
        struct relay *relay = &proxy->relays[i];
        fds[1 + VHOST_QUEUES_MAX + i] =
            (struct pollfd){.fd = relay->connection && relay_idle(relay) ? relay->fd : -1, .events = POLLIN};
    }
    poll(fds, sizeof(fds) / sizeof(fds[0]), -1);
    for (unsigned i = 0; i < VHOST_QUEUES_MAX; i++) {
        eventfd_t count;
        if (fds[1 + i].revents & POLLIN) {
            eventfd_read(fds[1 + i].fd, &count);
        }
    }
    for (unsigned i = 0; i < STREAMS_MAX; i++) {
        struct relay *relay = &proxy->relays[i];
        if (fds[1 + VHOST_QUEUES_MAX + i].revents) {
            ssize_t got = read(relay->fd, relay->from, sizeof(relay->from));
            relay->gone = 0;
            relay->have = got > 0 ? (size_t)got : 0;
            got > 0 ? (void)vsock_push(relay->connection) : vsock_shut(relay->connection);
        }
    }
    return !fds[0].revents || vhost_device_read(&proxy->vsock.vhost) != VHOST_TURN_OVER;
}

static int qemu_accept(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1)) {
        perror(path);
        return -1;
    }
    puts("ready");
    fflush(stdout);
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int main(int argc, char **argv)
{
    static struct proxy proxy; /* large */
    int qemu = argc == 2 ? qemu_accept(argv[1]) : -1;
    if (qemu < 0) {
        fprintf(stderr, "usage: vsock_proxy SOCKET\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    memset(proxy.kicks, -1, sizeof(proxy.kicks));
    vsock_open(&proxy.vsock, &service, &host, &proxy, GUEST_CID, STREAMS_MAX, qemu, proxy.note);
    do {
        while (vsock_turn(&proxy.vsock, 32) || !vsock_sleep(&proxy.vsock)) {
        }
    } while (proxy_wait(&proxy));
    vsock_close(&proxy.vsock);
    return 0;
}
