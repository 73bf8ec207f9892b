/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h: publishing and taking entries of the two rings; both ends use it, each on a span that is one queue pair
 * (CM_QP_SIZE bytes). How the rings work is in layout.h.
 */
#ifndef CARDMUX_PROTO_RING_H
#define CARDMUX_PROTO_RING_H

#include "proto/layout.h"
#include "proto/shm.h"

#define CM_RING_MASK (CM_SLOTS - 1u)

static inline size_t cm_entry_offset(size_t ring, uint32_t pos)
{
    return ring + (size_t)((pos - 1u) & CM_RING_MASK) * 64u;
}

/* Publishes a 64-byte entry at `pos`, its last word last. */
static inline void cm_entry_publish(struct shm_span qp, size_t ring, uint32_t pos, const void *entry)
{
    size_t off = cm_entry_offset(ring, pos);
    /* word by word: the entry was just built by narrow stores, and wide loads behind those stall until they have left
     * the store buffer */
    for (size_t i = 0; i < 60; i += 4) {
        uint32_t word;
        memcpy(&word, (const char *)entry + i, sizeof word);
        shm_put32(qp, off + i, word);
    }
    shm_store32(qp, off + 60, pos);
}

/* Is there an entry at `pos`? If so copies it, once. It is the caller's to compare generation and epoch in the copy. */
static inline bool cm_entry_take(struct shm_span qp, size_t ring, uint32_t pos, void *entry)
{
    size_t off = cm_entry_offset(ring, pos);
    if (shm_load32(qp, off + 60) != pos)
        return false;
    return shm_copy_in(entry, qp, off, 64);
}

/* Forgets all entries of a ring, so that none has the position of a coming one: overwritten, such an entry would seem
   valid half-way. Its consumer does so before a new epoch or generation begins; the front end clears the submission
   ring too, before it publishes in a new generation, since it may have gone on publishing after the broker's look. */
static inline void cm_ring_clear(struct shm_span qp, size_t ring)
{
    for (uint32_t pos = 1; pos <= CM_SLOTS; pos++)
        shm_store32(qp, cm_entry_offset(ring, pos) + 60, 0);
}

static inline size_t cm_slot_offset(uint32_t slot)
{
    return CM_QP_PAYLOAD + (size_t)slot * CM_SLOT_SIZE;
}

static inline size_t cm_param_offset(uint32_t slot)
{
    return CM_QP_PARAMS + (size_t)slot * CM_PARAM_SIZE;
}

/* Has `pos` been reached, counting with wrap? */
static inline bool cm_pos_reached(uint32_t now, uint32_t pos)
{
    return (int32_t)(now - pos) >= 0;
}

#endif
