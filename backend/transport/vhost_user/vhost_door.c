/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_door.c: QEMU's vhost-user connection at vsock.sock.
 *
 * The keeper reads none of its bytes: it gives the connection to the broker, and holds a copy to see its end and to
 * give it to the next broker, since QEMU does not connect again. What that one has to know besides is deposited by the
 * broker: a note in a memfd, and descriptors by slot (doors_keep).
 *
 * One QEMU at a door. Another one that comes while it lives is hung up on at once: it waits for answers with its main
 * lock held, so a refusal is better than silence.
 */
#include "backend/transport/doors_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void vhost_refuse(struct door *door, int fd, const char *why)
{
    if (say_allowed(&door->refused)) {
        say("tenant %s: process %u at vsock.sock was refused: %s", door->name, connection_pid(fd), why);
    }
    close(fd);
}

void vhost_connection(struct door *door, int fd)
{
    /* the one before may have ended without its event having come yet */
    if (door->live_vhost && connection_ended(door->live_vhost->connection.fd)) {
        door_region_end(door->live_vhost);
    }
    if (door->live_vhost) {
        vhost_refuse(door, fd, "another one is served");
        return;
    }
    if (door->draining >= door->max_connections + DOOR_DRAINING_SLACK) {
        vhost_refuse(door, fd, "earlier connections are not cleared away yet");
        return;
    }
    struct door_region *region = doors_room(door->doors, door_region_fds(TRANSPORT_VHOST) + HANDOVER_KEEP_SLOTS, 100)
                                     ? door_region_new(TRANSPORT_VHOST)
                                     : NULL;
    if (region) {
        region->door = door;
        region->connection.fd = fd;
        region->peer_pid = connection_pid(fd);
        region->memory = door_memory_make(region->size, region->size);
    }
    if (!region || region->memory < 0 || door_region_watch(region)) {
        if (region) {
            door_region_close(region);
            free(region);
        }
        vhost_refuse(door, fd, "the host has no memory or descriptors for another device");
        return;
    }
    door->live_vhost = region;
    door_region_begin(region);
}

bool doors_keep(struct doors *doors, uint64_t id, uint32_t slot, int *fd)
{
    struct door *door;
    TAILQ_FOREACH(door, &doors->list, in_doors)
    {
        struct door_region *region = door->live_vhost;
        if (!region || region->id != id || slot >= HANDOVER_KEEP_SLOTS) {
            continue;
        }
        if (region->kept[slot] >= 0) {
            close(region->kept[slot]);
            doors->fds_used--;
        }
        region->kept[slot] = *fd;
        doors->fds_used += *fd >= 0;
        *fd = -1;
        return true;
    }
    return false;
}

void vhost_region_describe(const struct door_region *region, struct handover *message, int *fds, unsigned *count)
{
    fds[(*count)++] = region->connection.fd;
    fds[(*count)++] = region->memory;
    for (unsigned slot = 0; slot < HANDOVER_KEEP_SLOTS; slot++) {
        if (region->kept[slot] >= 0) {
            message->kept |= 1ull << slot;
            fds[(*count)++] = region->kept[slot];
        }
    }
}
