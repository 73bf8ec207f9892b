/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtqueue.h: a split virtqueue, device side, of a driver that may do anything.
 *
 * The driver puts buffers (chains of descriptors) into the available ring, the device takes them and puts them back
 * into the used ring. All three areas lie in guest memory:
 *
 *   - positions are kept privately; of the driver's index only the distance to ours counts, and it must not be larger
 *     than the ring;
 *   - a descriptor is copied once, checked on the copy and translated to a span at once;
 *   - a walk ends after as many descriptors as its table has, or after VQ_PARTS_MAX of them, empty ones too;
 *   - what breaks a rule makes the queue VQ_BROKEN: nothing is taken from it any more until it is started anew. A
 *     broken queue is its guest's affair alone.
 *
 * So that a virtual machine survives the death of the process that serves it, each queue keeps a note (struct vq_note)
 * in memory that outlives the process: position, and which chains are taken and not given back. vq_resume() goes on
 * from there: chains that were in flight are taken again first. Stores are ordered so that a kill between any two of
 * them loses no chain and returns none twice.
 *
 * Waiting: vq_sleep() asks the driver for a kick and says whether there is work after all; while the device looks by
 * itself, kicks are turned off. vq_interrupt_due() says whether the driver wants to hear of what was given back. Both
 * by event index where negotiated, else by flags.
 */
#ifndef CARDMUX_VIRTQUEUE_H
#define CARDMUX_VIRTQUEUE_H

#include <stdint.h>
#include "backend/transport/vhost_user/guest_memory.h"

#define VQ_SIZE_MAX  1024u
#define VQ_PARTS_MAX 128u /* of one chain */

/* Feature bits that concern the ring. */
#define VIRTIO_F_INDIRECT  (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)

enum vq_state {
    VQ_OFF = 0,
    VQ_ON,
    VQ_BROKEN
};

/* In memory that outlives the process. Read as hostile: a process that was taken over may have written it. */
struct vq_note {
    uint16_t avail;     /* next position in the available ring */
    uint16_t used;      /* position in the used ring */
    uint16_t last_head; /* given back last */
    uint16_t reserved;
    uint64_t taken[VQ_SIZE_MAX / 64]; /* by head */
};

struct vq_part {
    struct shm_span span;
    bool writable; /* by the device */
};

struct vq_chain {
    uint16_t head;
    unsigned count;
    struct vq_part parts[VQ_PARTS_MAX];
};

struct virtqueue {
    enum vq_state state;
    const char *why; /* VQ_BROKEN: a sentence */
    unsigned size;   /* entries, a power of two */
    bool event_idx, indirect;
    struct shm_span desc, avail, used;
    uint64_t desc_uva, avail_uva, used_uva; /* kept for vq_remap */
    const struct guest_memory *memory;
    struct vq_note *note;
    uint16_t next;    /* position to take from */
    uint16_t seen;    /* the driver's index, as last read */
    uint16_t done;    /* our index in the used ring */
    uint16_t told;    /* done when vq_interrupt_due was last asked */
    unsigned resumed; /* heads below this were looked at by vq_take after vq_resume */
    bool quiet;       /* no kicks wanted */
};

/* The areas of a queue from QEMU's addresses. 0, or -1 with a sentence in vq->why. */
int vq_map(struct virtqueue *vq, const struct guest_memory *memory, unsigned size, uint64_t desc, uint64_t avail,
           uint64_t used);
/* The same areas in another memory table; a queue whose areas are gone becomes VQ_BROKEN. */
void vq_remap(struct virtqueue *vq, const struct guest_memory *memory);

/* Starts at position `base`; note is filled. */
void vq_start(struct virtqueue *vq, uint64_t features, uint16_t base, struct vq_note *note);
/* Goes on where note says. */
void vq_resume(struct virtqueue *vq, uint64_t features, struct vq_note *note);
/* Returns the position to go on from. Every chain has been given back, or its driver never gets it. */
uint16_t vq_stop(struct virtqueue *vq);

/* Takes the next chain. False: none, or the queue is not VQ_ON (any more). */
bool vq_take(struct virtqueue *vq, struct vq_chain *chain);
/* Gives a chain back with `written` bytes of it written. */
void vq_give(struct virtqueue *vq, uint16_t head, uint32_t written);

bool vq_has_work(struct virtqueue *vq); /* would vq_take find one? */
bool vq_interrupt_due(struct virtqueue *vq);
bool vq_sleep(struct virtqueue *vq); /* true: kicks are on and there is nothing */
void vq_awake(struct virtqueue *vq); /* kicks are not needed */

/* Bytes from or to the parts of a chain, in order. A cursor goes over the parts of one direction and never back. */
struct vq_cursor {
    const struct vq_chain *chain;
    unsigned part;
    size_t off;
    bool writable;
};

struct vq_cursor vq_read(const struct vq_chain *chain);
struct vq_cursor vq_write(const struct vq_chain *chain);
size_t vq_left(const struct vq_cursor *cursor);
/* False where fewer than len are left; what was there is gone then. */
bool vq_copy_in(struct vq_cursor *cursor, void *to, size_t len);
bool vq_copy_out(struct vq_cursor *cursor, const void *from, size_t len);
/* The next piece that lies in one part, at most max bytes, and beyond it; empty: none is left. */
struct shm_span vq_piece(struct vq_cursor *cursor, size_t max);

#endif
