/* SPDX-License-Identifier: Apache-2.0 */
/*
 * region.h: one region as the keeper holds it: the memfd, the eventfds, the connection of its front end.
 *
 *   state           who has it                          left by
 *   REGION_LIVE     front end connected                 its hang-up: GONE (told) or freed (never told)
 *   REGION_GONE     told to the broker, its end is not  REGION_GONE sent: DRAINING
 *   REGION_DRAINING the broker still has jobs in it     DROPPED, or the end of that broker: freed
 *
 * `told` says whether the broker that runs now was sent REGION. A broker's end sets it false on every live region and
 * frees the others. The keeper maps no region and writes nothing into one; its descriptors are closed as soon as the
 * front end is gone (the broker has its own).
 */
#ifndef CARDMUX_REGION_H
#define CARDMUX_REGION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include "backend/main/handover.h"
#include "backend/transport/watch.h"

enum region_state {
    REGION_LIVE,
    REGION_GONE,
    REGION_DRAINING
};

struct door;

struct door_region {
    struct watch connection; /* first: a watch is its region */
    struct door *door;
    uint64_t id;
    enum handover_transport transport;
    enum region_state state;
    bool told;
    bool pending;            /* in the list of what the broker is to be told */
    bool parked;             /* ivshmem: nobody serves it */
    unsigned handshake_sent; /* ivshmem: messages that QEMU was sent */
    uint32_t peer_pid;
    uint32_t cid; /* it came by vsock, from there; 0: through a socket of its door's */
    uint32_t qp_count;
    uint64_t size;
    int memory;                 /* sealed memfd */
    int ring_broker[CM_QP_MAX]; /* eventfds; -1: none */
    int ring_front[CM_QP_MAX];
    int kept[HANDOVER_KEEP_SLOTS]; /* vhost: what the broker deposited; -1: nothing */
    TAILQ_ENTRY(door_region) in_door;
    TAILQ_ENTRY(door_region) in_pending;
};

/* A memfd of size bytes, zero, sealed against shrinking, growing and further seals; the first prefault bytes have
   pages (a page that cannot be had later would be a SIGBUS in the broker). -1 with errno. */
int door_memory_make(uint64_t size, uint64_t prefault);

/* An empty region: no connection, no descriptors. NULL: no memory. */
struct door_region *door_region_new(enum handover_transport transport);

/* Makes memory and eventfds. 0, or -1 with errno and nothing made. memory that is there already (a parked region's) is
   kept. */
int door_region_fill(struct door_region *region);

/* Closes memory and eventfds; the connection is closed by watch_close. */
void door_region_close(struct door_region *region);

/* Descriptors that a region of that transport holds in the keeper, with its connection. */
unsigned door_region_fds(enum handover_transport transport);

/* Has the peer of a connection hung up? Its bytes, if it sent any, stay unread. */
bool connection_ended(int fd);
uint32_t connection_pid(int fd); /* SO_PEERCRED; 0: unknown */

#endif
