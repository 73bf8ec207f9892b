/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivshmem_door.c: QEMU's ivshmem-doorbell at ivshmem.sock.
 *
 * QEMU reads the whole handshake synchronously, with its big lock held: a server that stalls freezes the VM, and one
 * that closes early makes QEMU spin for ever. So everything that can fail is done before the first byte, and the whole
 * is sent at once, whether or not a broker runs. Messages are 8 bytes, little-endian, each with at most one descriptor:
 *
 *   0         version
 *   1         0: the id of the guest. With any other, QEMU would refuse to migrate the VM
 *   2         -1 and the memfd, which becomes BAR2. It comes before the guest's own eventfds, or QEMU crashes
 *   3 .. 18   1 and an eventfd, once for each vector: the host's peer, which the guest rings
 *   19 .. 34  0 and an eventfd, once for each vector: the guest's own, which raise its interrupts
 *
 * After that nothing is ever sent: announcing that the host's peer left is a use-after-free in QEMU.
 *
 * One QEMU at a door is served. Another one that comes while it lives is its heir: the far end of a migration on this
 * host, or a mistake. It gets memory of its own too, never that of the one before, and is served when that one has
 * ended, with what the migration has put into its memory; the broker finds there the words of another region, and
 * begins anew. Any further one is parked: a complete handshake, with memory in which magic stays 0 and eventfds that
 * nobody holds.
 *
 * If a region cannot be made, or the kernel will not take another descriptor in flight, the connection waits, open,
 * and doors_retry goes on with it: late is better than closed.
 */
#include "backend/transport/doors_internal.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROTOCOL_VERSION   0
#define HANDSHAKE_MESSAGES (3u + 2u * CM_QP_MAX)
#define RETRY_MS           100
#define PARKED_PAUSE_MS    1000

static int message_send(int socket, int64_t value, int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    uint64_t bytes = htole64((uint64_t)value);
    struct iovec part = {.iov_base = &bytes, .iov_len = sizeof(bytes)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
    }
    /* 8 bytes on a stream socket go as a whole or not at all */
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(bytes) ? 0 : -1;
}

/* Sends message number n of the handshake. */
static int handshake_message(const struct door_region *region, unsigned n)
{
    int socket = region->connection.fd;
    if (n == 0) {
        return message_send(socket, PROTOCOL_VERSION, -1);
    }
    if (n == 1) {
        return message_send(socket, CM_IVSHMEM_GUEST, -1);
    }
    if (n == 2) {
        return message_send(socket, -1, region->memory);
    }
    if (n < 3 + CM_QP_MAX) {
        return message_send(socket, CM_IVSHMEM_HOST, region->ring_broker[n - 3]);
    }
    return message_send(socket, CM_IVSHMEM_GUEST, region->ring_front[n - 3 - CM_QP_MAX]);
}

/* After the last message of a parked one: QEMU has the descriptors, nobody else needs them. */
static void parked_close(struct door_region *region)
{
    for (unsigned i = 0; i < CM_QP_MAX; i++) {
        close(region->ring_broker[i]);
        close(region->ring_front[i]);
        region->ring_broker[i] = region->ring_front[i] = -1;
    }
    close(region->memory);
    region->memory = -1;
}

/* Goes on with the handshake as far as it goes now. A peer that is gone is noticed by its hang-up. */
static void handshake_continue(struct door_region *region)
{
    struct door *door = region->door;
    if (region->ring_front[CM_QP_MAX - 1] < 0) {
        if (region != door->heir && !doors_room(door->doors, door_region_fds(TRANSPORT_IVSHMEM), 100)) {
            errno = EMFILE;
        } else if (door_region_fill(region) == 0) {
            goto filled;
        }
        if (say_allowed(&door->trouble)) {
            say("tenant %s: a VM waits for its ivshmem device: %s", door->name, strerror(errno));
        }
        doors_retry_in(door->doors, RETRY_MS);
        return;
    }
filled:
    while (region->handshake_sent < HANDSHAKE_MESSAGES) {
        if (handshake_message(region, region->handshake_sent)) {
            doors_retry_in(door->doors, RETRY_MS);
            return;
        }
        region->handshake_sent++;
    }
    if (!region->parked) {
        door_region_begin(region);
    } else if (region != door->heir) {
        parked_close(region);
    }
}

void ivshmem_unpark(struct door_region *region)
{
    struct door *door = region->door;
    bool heir = door->heir == region;
    TAILQ_REMOVE(&door->parked, region, in_door);
    door->parked_count--;
    door->doors->fds_used -= heir ? door_region_fds(TRANSPORT_IVSHMEM) : 1;
    if (heir) {
        door->heir = NULL;
    }
    region->parked = false;
    doors_retry_in(door->doors, 0); /* the listener may have waited for this */
}

/* The served one has ended. */
static void heir_take_over(struct door *door)
{
    struct door_region *heir = door->heir;
    if (door->live_ivshmem || !heir || heir->handshake_sent < HANDSHAKE_MESSAGES) {
        return;
    }
    if (door->draining >= door->max_connections + DOOR_DRAINING_SLACK) {
        doors_retry_in(door->doors, RETRY_MS);
        return;
    }
    ivshmem_unpark(heir);
    door->live_ivshmem = heir;
    door_region_begin(heir);
}

void ivshmem_retry(struct door *door)
{
    struct door_region *region, *next;
    if (door->live_ivshmem && door->live_ivshmem->handshake_sent < HANDSHAKE_MESSAGES) {
        handshake_continue(door->live_ivshmem);
    }
    for (region = TAILQ_FIRST(&door->parked); region; region = next) {
        next = TAILQ_NEXT(region, in_door);
        if (region->handshake_sent < HANDSHAKE_MESSAGES) {
            handshake_continue(region);
        }
    }
    heir_take_over(door);
}

/* The heir has memory of its own, the other parked ones have the door's, made once, without pages. */
static void door_region_park(struct door_region *region)
{
    struct door *door = region->door;
    bool heir = !door->heir && doors_room(door->doors, door_region_fds(TRANSPORT_IVSHMEM), 100);
    if (!heir && door->parked_memory < 0) {
        door->parked_memory = door_memory_make(CM_REGION_IVSHMEM, 0);
        door->doors->fds_used += door->parked_memory >= 0;
    }
    if (!heir && door->parked_memory >= 0) {
        region->memory = dup(door->parked_memory);
    }
    if (heir) {
        door->heir = region;
    }
    region->parked = true;
    TAILQ_INSERT_TAIL(&door->parked, region, in_door);
    door->parked_count++;
    door->doors->fds_used += heir ? door_region_fds(TRANSPORT_IVSHMEM) : 1;
    if (door->parked_count >= DOOR_PARKED_MAX) {
        listener_pause(&door->listeners[DOOR_IVSHMEM], PARKED_PAUSE_MS);
    }
    if (say_allowed(&door->refused)) {
        say("tenant %s: process %u connected to ivshmem.sock while process %u is served; %s", door->name,
            region->peer_pid, door->live_ivshmem ? door->live_ivshmem->peer_pid : 0,
            heir ? "its device is served when that one has ended" : "it gets a device that does nothing");
    }
}

void ivshmem_connection(struct door *door, int fd)
{
    /* the one before may have ended without its event having come yet */
    if (door->live_ivshmem && connection_ended(door->live_ivshmem->connection.fd)) {
        door_region_end(door->live_ivshmem);
    }
    heir_take_over(door);
    struct door_region *region = door_region_new(TRANSPORT_IVSHMEM);
    if (!region) {
        close(fd);
        return;
    }
    int room = 1 << 18; /* for 35 small messages; the default would do too */
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    region->door = door;
    region->connection.fd = fd;
    region->peer_pid = connection_pid(fd);
    if (door->live_ivshmem || door->draining >= door->max_connections + DOOR_DRAINING_SLACK) {
        door_region_park(region);
    } else {
        door->live_ivshmem = region;
    }
    if (door_region_watch(region)) {
        door_region_free(region);
        return;
    }
    handshake_continue(region);
}
