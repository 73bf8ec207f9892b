/* SPDX-License-Identifier: Apache-2.0 */
/* region.c: see region.h. */
#include "backend/transport/region.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int door_memory_make(uint64_t size, uint64_t prefault)
{
    int fd = memfd_create("cardmux-region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -1;
    }
    if (ftruncate(fd, (off_t)size) || (prefault && fallocate(fd, 0, 0, (off_t)prefault)) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int fds_make(int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (fds[i] < 0) {
            return -1;
        }
    }
    return 0;
}

static void fds_close(int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
        }
    }
}

struct door_region *door_region_new(enum handover_transport transport)
{
    struct door_region *region = calloc(1, sizeof(*region));
    if (!region) {
        return NULL;
    }
    region->transport = transport;
    region->qp_count = transport == TRANSPORT_IVSHMEM ? CM_QP_MAX : 1;
    region->size = transport == TRANSPORT_IVSHMEM ? CM_REGION_IVSHMEM
                   : transport == TRANSPORT_VHOST ? HANDOVER_NOTE_SIZE
                                                  : CM_REGION_UNIX;
    region->connection.fd = -1;
    for (unsigned i = 0; i < CM_QP_MAX; i++) {
        region->ring_broker[i] = region->ring_front[i] = -1;
    }
    for (unsigned i = 0; i < HANDOVER_KEEP_SLOTS; i++) {
        region->kept[i] = -1;
    }
    region->memory = -1;
    return region;
}

int door_region_fill(struct door_region *region)
{
    int memory = region->memory;
    if (memory < 0) {
        region->memory = door_memory_make(region->size, CM_QP_OFFSET(region->qp_count));
    }
    if (region->memory >= 0 && fds_make(region->ring_broker, region->qp_count) == 0 &&
        fds_make(region->ring_front, region->qp_count) == 0) {
        return 0;
    }
    int saved = errno;
    if (memory < 0 && region->memory >= 0) {
        close(region->memory);
        region->memory = -1;
    }
    fds_close(region->ring_broker, CM_QP_MAX);
    fds_close(region->ring_front, CM_QP_MAX);
    errno = saved;
    return -1;
}

void door_region_close(struct door_region *region)
{
    if (region->memory >= 0) {
        close(region->memory);
        region->memory = -1;
    }
    fds_close(region->ring_broker, CM_QP_MAX);
    fds_close(region->ring_front, CM_QP_MAX);
    fds_close(region->kept, HANDOVER_KEEP_SLOTS);
}

unsigned door_region_fds(enum handover_transport transport)
{
    switch (transport) {
    case TRANSPORT_STREAM:
        return 1;
    case TRANSPORT_VHOST: /* and what is kept */
        return 2;
    case TRANSPORT_UNIX:
        return 4;
    default:
        return 2 + 2 * CM_QP_MAX;
    }
}

bool connection_ended(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLRDHUP};
    return poll(&poller, 1, 0) > 0 && poller.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL);
}

uint32_t connection_pid(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? (uint32_t)peer.pid : 0;
}
