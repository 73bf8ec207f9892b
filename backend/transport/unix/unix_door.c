/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unix_door.c: a connection through unix.sock.
 *
 * Each connection gets a region with one queue pair of its own, told in one hello (proto/layout.h) with three
 * descriptors. A connection beyond the tenant's limit, or beyond the daemon's, gets a hello with a status and a
 * sentence instead. Nothing here waits: the hello is the first thing written to a new socket, so it fits or the peer is
 * gone.
 */
#include "backend/transport/doors_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "cardmux/sdf.h"

static int hello_send(int fd, const struct cm_hello *hello, const int *fds, unsigned fd_count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(3 * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)hello, .iov_len = sizeof(*hello)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
    }
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(*hello) ? 0 : -1;
}

static void connection_refuse(struct door *door, int fd, const char *sentence)
{
    struct cm_hello hello = {.magic = CM_MAGIC, .version = CM_LAYOUT_VERSION, .status = SDR_OPENDEVICE};
    snprintf(hello.text, sizeof(hello.text), "%s", sentence);
    if (say_allowed(&door->refused)) {
        say("tenant %s: a connection was refused: %s", door->name, sentence);
    }
    hello_send(fd, &hello, NULL, 0);
    close(fd);
}

void unix_connection(struct door *door, int fd)
{
    const char *full = door_full(door, TRANSPORT_UNIX);
    if (full) {
        connection_refuse(door, fd, full);
        return;
    }
    struct door_region *region = door_region_new(TRANSPORT_UNIX);
    if (!region || door_region_fill(region)) {
        free(region);
        connection_refuse(door, fd, "the host has no memory or descriptors for another connection");
        return;
    }
    region->door = door;
    region->connection.fd = fd;
    region->peer_pid = connection_pid(fd);
    struct cm_hello hello = {.magic = CM_MAGIC,
                             .version = CM_LAYOUT_VERSION,
                             .region_size = (uint32_t)region->size,
                             .qp_count = region->qp_count};
    int fds[3] = {region->memory, region->ring_broker[0], region->ring_front[0]};
    if (door_region_watch(region) || hello_send(fd, &hello, fds, 3)) {
        watch_close(door->doors->epoll_fd, &region->connection);
        door_region_close(region);
        free(region);
        return;
    }
    door_region_begin(region);
}
