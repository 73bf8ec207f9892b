/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock_door.c: the door of guests whose vsock the host's kernel carries (vhost-vsock): one listener for all. The
 * kernel says from which CID a connection comes, and that is the tenant; a CID that no tenant has is refused. A virtual
 * machine gets its CID from whoever starts it, so the operator sees to it that a tenant's CID is given to nobody else.
 */
#include "backend/transport/doors_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define BACKLOG      128
#define ACCEPT_BURST 16
#define PAUSE_MS     1000

static void vsock_ready(struct watch *watch, uint32_t events)
{
    struct vsock_listener *listener = (struct vsock_listener *)watch;
    (void)events;
    for (int i = 0; i < ACCEPT_BURST && !listener->paused; i++) {
        struct sockaddr_vm peer = {0};
        socklen_t len = sizeof(peer);
        int fd = accept4(watch->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            vsock_connection(listener->doors, fd, peer.svm_family == AF_VSOCK ? peer.svm_cid : 0);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (say_allowed(&listener->trouble)) {
                say("vsock: cannot accept: %s; raise LimitNOFILE", strerror(errno));
            }
            epoll_ctl(listener->doors->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
            listener->paused = true;
            doors_retry_in(listener->doors, PAUSE_MS);
        }
        return;
    }
}

void vsock_connection(struct doors *doors, int fd, uint32_t cid)
{
    struct door *door, *found = NULL;
    unsigned count = 0;
    TAILQ_FOREACH(door, &doors->list, in_doors)
    {
        if (cid && door->cid == cid) {
            found = door;
            count++;
        }
    }
    if (count == 1) { /* of two nobody can tell which it is */
        stream_connection(found, fd, cid);
        return;
    }
    char sentence[100];
    snprintf(sentence, sizeof(sentence), "%s CID %u: on the host, cardmux tenant set NAME --cid %u",
             count ? "two tenants have" : "no tenant has", cid, cid);
    if (say_allowed(&doors->vsock.refused)) {
        say("vsock: a connection was refused: %s", sentence);
    }
    stream_refuse(fd, sentence);
}

void vsock_retry(struct doors *doors)
{
    struct vsock_listener *listener = &doors->vsock;
    if (listener->paused && watch_set(doors->epoll_fd, &listener->watch, EPOLL_CTL_ADD, EPOLLIN) == 0) {
        listener->paused = false;
    }
}

int doors_listen_vsock(struct doors *doors, char *text)
{
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = CM_VSOCK_PORT};
    struct watch *watch = &doors->vsock.watch;
    watch->ready = vsock_ready;
    watch->fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (watch->fd < 0 && (errno == EAFNOSUPPORT || errno == ENODEV)) {
        snprintf(text, 256,
                 "vsock = on, but this kernel has no vsock: load it (modprobe vhost_vsock), or write "
                 "vsock = off");
        return -1;
    }
    if (watch->fd < 0 || bind(watch->fd, (struct sockaddr *)&address, sizeof(address)) || listen(watch->fd, BACKLOG) ||
        watch_set(doors->epoll_fd, watch, EPOLL_CTL_ADD, EPOLLIN)) {
        snprintf(text, 256, "vsock port %u: %s", CM_VSOCK_PORT, strerror(errno));
        if (watch->fd >= 0) {
            close(watch->fd);
        }
        watch->fd = -1;
        return -1;
    }
    return 0;
}
