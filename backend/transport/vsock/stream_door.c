/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream_door.c: a connection that is a stream (proto/stream.h): through stream.sock_PORT, or by vsock.
 *
 * The keeper accepts it, holds a copy to see its end, and gives it to the broker, which says the hello. While no broker
 * runs it waits. A stream that a broker has had ends with that broker: who knows what it had read of a frame?
 */
#include "backend/transport/doors_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "proto/stream.h"

void stream_refuse(int fd, const char *sentence)
{
    struct cm_stream_hello hello = {.magic = CM_STREAM_MAGIC, .version = CM_STREAM_VERSION, .status = SDR_OPENDEVICE};
    snprintf(hello.text, sizeof(hello.text), "%s", sentence);
    /* the first bytes of a new socket: they fit, or the peer is gone */
    if (send(fd, &hello, sizeof(hello), MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(hello)) {
        shutdown(fd, SHUT_RDWR);
    }
    close(fd);
}

void stream_connection(struct door *door, int fd, uint32_t cid)
{
    const char *refusal = door_full(door, TRANSPORT_STREAM);
    struct door_region *region = refusal ? NULL : door_region_new(TRANSPORT_STREAM);
    if (!refusal && !region) {
        refusal = "the host has no memory for another connection";
    }
    if (refusal) {
        if (say_allowed(&door->refused)) {
            say("tenant %s: a connection was refused: %s", door->name, refusal);
        }
        stream_refuse(fd, refusal);
        return;
    }
    region->door = door;
    region->connection.fd = fd;
    region->cid = cid;
    if (door_region_watch(region)) {
        say("tenant %s: a connection cannot be watched: %s", door->name, strerror(errno));
        door_region_close(region);
        close(fd);
        free(region);
        return;
    }
    door_region_begin(region);
}
