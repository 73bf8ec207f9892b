/* SPDX-License-Identifier: Apache-2.0 */
/* virtqueue.c: see virtqueue.h. */
#include "backend/transport/vhost_user/virtqueue.h"

#include <endian.h>
#include <string.h>

/* struct vring_desc and friends, as virtio has them: little-endian. */
#define DESC_SIZE     16u
#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u
#define AVAIL_FLAGS   0u
#define AVAIL_IDX     2u
#define AVAIL_RING    4u
#define USED_FLAGS    0u
#define USED_IDX      2u
#define USED_RING     4u
#define USED_SIZE     8u
#define NO_INTERRUPT  1u
#define NO_NOTIFY     1u

struct descriptor {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

static void vq_break(struct virtqueue *vq, const char *why)
{
    if (vq->state == VQ_ON) {
        vq->state = VQ_BROKEN;
    }
    vq->why = why;
}

/* Stores of a note may not change places: another process may find only the first of them. The compiler is all that
   could move them, for a killed process's stores come out in the order in which it made them. */
static inline void note_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void note_mark(struct vq_note *note, uint16_t head)
{
    note->taken[head / 64] |= 1ull << head % 64;
}

static inline void note_clear(struct vq_note *note, uint16_t head)
{
    note->taken[head / 64] &= ~(1ull << head % 64);
}

static inline bool note_has(const struct vq_note *note, uint16_t head)
{
    return note->taken[head / 64] >> head % 64 & 1;
}

/* ---- areas ---- */

static bool aligned(struct shm_span span, size_t to)
{
    return (uintptr_t)span.base % to == 0;
}

static const char *areas_find(struct virtqueue *vq, const struct guest_memory *memory)
{
    size_t n = vq->size;
    vq->desc = guest_memory_uva(memory, vq->desc_uva, DESC_SIZE * n);
    vq->avail = guest_memory_uva(memory, vq->avail_uva, AVAIL_RING + 2 * n + 2);
    vq->used = guest_memory_uva(memory, vq->used_uva, USED_RING + USED_SIZE * n + 2);
    if (!vq->desc.base || !vq->avail.base || !vq->used.base) {
        return "an area of the ring is outside guest memory";
    }
    if (!aligned(vq->desc, 16) || !aligned(vq->avail, 2) || !aligned(vq->used, 4)) {
        return "an area of the ring is not aligned";
    }
    vq->memory = memory;
    return NULL;
}

static void areas_forget(struct virtqueue *vq)
{
    vq->desc = vq->avail = vq->used = (struct shm_span){NULL, 0};
    vq->memory = NULL;
}

int vq_map(struct virtqueue *vq, const struct guest_memory *memory, unsigned size, uint64_t desc, uint64_t avail,
           uint64_t used)
{
    vq->size = size;
    vq->desc_uva = desc;
    vq->avail_uva = avail;
    vq->used_uva = used;
    vq->why = !size || size > VQ_SIZE_MAX || size & (size - 1) ? "the ring's size is no power of two up to 1024"
                                                               : areas_find(vq, memory);
    if (vq->why) {
        areas_forget(vq);
        return -1;
    }
    return 0;
}

void vq_remap(struct virtqueue *vq, const struct guest_memory *memory)
{
    if (vq->state == VQ_OFF) {
        areas_forget(vq);
        return;
    }
    const char *why = areas_find(vq, memory);
    if (why) {
        areas_forget(vq); /* what is out of range reads zeros and is not written */
        vq_break(vq, why);
    }
}

/* ---- start and stop ---- */

static void vq_begin(struct virtqueue *vq, uint64_t features, struct vq_note *note)
{
    vq->note = note;
    vq->event_idx = features & VIRTIO_F_EVENT_IDX;
    vq->indirect = features & VIRTIO_F_INDIRECT;
    vq->next = vq->seen = note->avail;
    vq->done = vq->told = note->used;
    vq->resumed = VQ_SIZE_MAX;
    vq->quiet = false;
    vq->why = NULL;
    vq->state = VQ_ON;
    shm_store16(vq->used, USED_FLAGS, 0);
}

void vq_start(struct virtqueue *vq, uint64_t features, uint16_t base, struct vq_note *note)
{
    memset(note, 0, sizeof(*note));
    note->avail = base;
    note->used = le16toh(shm_load16(vq->used, USED_IDX)); /* whoever had it before us stopped there */
    vq_begin(vq, features, note);
}

static uint16_t avail_head(const struct virtqueue *vq, uint16_t position)
{
    return le16toh(shm_load16(vq->avail, AVAIL_RING + 2u * (position & (vq->size - 1))));
}

void vq_resume(struct virtqueue *vq, uint64_t features, struct vq_note *note)
{
    /* given back, and killed before the note of it was complete */
    if (le16toh(shm_load16(vq->used, USED_IDX)) == (uint16_t)(note->used + 1)) {
        note_clear(note, note->last_head & (VQ_SIZE_MAX - 1));
        note->used++;
    }
    /* taken, and killed before the position moved: it must not be taken twice */
    uint16_t head = avail_head(vq, note->avail);
    if (head < vq->size && note_has(note, head) && le16toh(shm_load16(vq->avail, AVAIL_IDX)) != note->avail) {
        note->avail++;
    }
    vq_begin(vq, features, note);
    vq->resumed = 0;
}

uint16_t vq_stop(struct virtqueue *vq)
{
    uint16_t next = vq->next;
    vq->state = VQ_OFF;
    vq->note = NULL;
    areas_forget(vq);
    return next;
}

/* ---- chains ---- */

static bool part_add(struct virtqueue *vq, struct vq_chain *chain, const struct descriptor *desc)
{
    bool writable = desc->flags & DESC_WRITE;
    if (!desc->len) {
        return true;
    }
    if (chain->count == VQ_PARTS_MAX) {
        vq_break(vq, "a chain has too many parts");
        return false;
    }
    if (chain->count && !writable && chain->parts[chain->count - 1].writable) {
        vq_break(vq, "a chain has readable parts behind writable ones");
        return false;
    }
    struct shm_span span = guest_memory_gpa(vq->memory, desc->addr, desc->len);
    if (!span.base) {
        vq_break(vq, "a descriptor points outside guest memory");
        return false;
    }
    chain->parts[chain->count++] = (struct vq_part){.span = span, .writable = writable};
    return true;
}

static void descriptor_fetch(struct descriptor *desc, struct shm_span table, uint32_t index)
{
    shm_copy_in(desc, table, (size_t)index * DESC_SIZE, sizeof(*desc));
    desc->addr = le64toh(desc->addr);
    desc->len = le32toh(desc->len);
    desc->flags = le16toh(desc->flags);
    desc->next = le16toh(desc->next);
}

/* Follows a table of `size` descriptors from `index`. An indirect one may stand only in the ring's own table. */
static bool table_walk(struct virtqueue *vq, struct vq_chain *chain, struct shm_span table, uint32_t size,
                       uint32_t index, bool nested)
{
    uint32_t most = size < VQ_PARTS_MAX ? size : VQ_PARTS_MAX; /* empty descriptors cost time too */
    for (uint32_t steps = 0; steps < most; steps++) {
        struct descriptor desc;
        descriptor_fetch(&desc, table, index);
        if (desc.flags & DESC_INDIRECT) {
            uint32_t count = desc.len / DESC_SIZE;
            struct shm_span inner = guest_memory_gpa(vq->memory, desc.addr, desc.len);
            if (nested || !vq->indirect || desc.flags & DESC_NEXT || !inner.base || !count || desc.len % DESC_SIZE ||
                count > VQ_SIZE_MAX) {
                vq_break(vq, "an indirect descriptor is not allowed or not right");
                return false;
            }
            return table_walk(vq, chain, inner, count, 0, true);
        }
        if (!part_add(vq, chain, &desc)) {
            return false;
        }
        if (!(desc.flags & DESC_NEXT)) {
            return true;
        }
        index = desc.next;
        if (index >= size) {
            vq_break(vq, "a descriptor names a next one outside its table");
            return false;
        }
    }
    vq_break(vq, most < size ? "a chain has too many parts" : "descriptors form a loop");
    return false;
}

bool vq_has_work(struct virtqueue *vq)
{
    if (vq->state != VQ_ON) {
        return false;
    }
    if (vq->resumed < vq->size || vq->seen != vq->next) {
        return true;
    }
    vq->seen = le16toh(shm_load16(vq->avail, AVAIL_IDX));
    if ((uint16_t)(vq->seen - vq->next) > vq->size) {
        vq_break(vq, "the driver's index is further ahead than the ring is long");
        return false;
    }
    return vq->seen != vq->next;
}

/* A chain that was in flight when the process before this one died. */
static bool resumed_head(struct virtqueue *vq, uint16_t *head)
{
    while (vq->resumed < vq->size) {
        uint16_t candidate = (uint16_t)vq->resumed++;
        if (note_has(vq->note, candidate)) {
            *head = candidate;
            return true;
        }
    }
    vq->resumed = VQ_SIZE_MAX;
    return false;
}

bool vq_take(struct virtqueue *vq, struct vq_chain *chain)
{
    uint16_t head;
    if (!vq_has_work(vq)) {
        return false;
    }
    if (vq->resumed >= vq->size || !resumed_head(vq, &head)) {
        if (!vq_has_work(vq)) {
            return false;
        }
        head = avail_head(vq, vq->next);
        if (head >= vq->size) {
            vq_break(vq, "the available ring names a descriptor that does not exist");
            return false;
        }
        if (note_has(vq->note, head)) {
            vq_break(vq, "the driver offers a chain again that it has not got back");
            return false;
        }
        note_mark(vq->note, head);
        note_order();
        vq->note->avail = ++vq->next;
    }
    chain->head = head;
    chain->count = 0;
    return table_walk(vq, chain, vq->desc, vq->size, head, false);
}

void vq_give(struct virtqueue *vq, uint16_t head, uint32_t written)
{
    if (vq->state != VQ_ON || !note_has(vq->note, head)) {
        return;
    }
    uint32_t element[2] = {htole32(head), htole32(written)};
    shm_copy_out(vq->used, USED_RING + USED_SIZE * (size_t)(vq->done & (vq->size - 1)), element, sizeof(element));
    vq->note->last_head = head;
    note_order();
    vq->done++;
    shm_store16(vq->used, USED_IDX, htole16(vq->done));
    note_order();
    /* killed between these two, vq_resume finds a used index that is one ahead of the note */
    note_clear(vq->note, head);
    note_order();
    vq->note->used = vq->done;
}

/* ---- who wakes whom ---- */

bool vq_interrupt_due(struct virtqueue *vq)
{
    uint16_t since = (uint16_t)(vq->done - vq->told);
    if (vq->state != VQ_ON || !since) {
        return false;
    }
    vq->told = vq->done;
    shm_fence();
    if (!vq->event_idx) {
        return !(le16toh(shm_load16(vq->avail, AVAIL_FLAGS)) & NO_INTERRUPT);
    }
    uint16_t event = le16toh(shm_load16(vq->avail, AVAIL_RING + 2 * vq->size));
    return (uint16_t)(vq->done - event - 1) < since;
}

bool vq_sleep(struct virtqueue *vq)
{
    if (vq->state != VQ_ON) {
        return true;
    }
    if (vq->event_idx) {
        shm_store16(vq->used, USED_RING + USED_SIZE * vq->size, htole16(vq->next));
    } else if (vq->quiet) {
        shm_store16(vq->used, USED_FLAGS, 0);
    }
    vq->quiet = false;
    shm_fence();
    return !vq_has_work(vq);
}

void vq_awake(struct virtqueue *vq)
{
    if (vq->state == VQ_ON && !vq->quiet) {
        vq->quiet = true;
        if (!vq->event_idx) { /* with it, an event behind us says nothing more */
            shm_store16(vq->used, USED_FLAGS, htole16(NO_NOTIFY));
        }
    }
}

/* ---- cursors ---- */

struct vq_cursor vq_read(const struct vq_chain *chain)
{
    return (struct vq_cursor){.chain = chain, .writable = false};
}

struct vq_cursor vq_write(const struct vq_chain *chain)
{
    struct vq_cursor cursor = {.chain = chain, .writable = true};
    while (cursor.part < chain->count && !chain->parts[cursor.part].writable) {
        cursor.part++;
    }
    return cursor;
}

size_t vq_left(const struct vq_cursor *cursor)
{
    size_t total = 0;
    for (unsigned i = cursor->part; i < cursor->chain->count; i++) {
        if (cursor->chain->parts[i].writable != cursor->writable) {
            break;
        }
        total += cursor->chain->parts[i].span.size;
    }
    return total - cursor->off;
}

struct shm_span vq_piece(struct vq_cursor *cursor, size_t max)
{
    if (cursor->part >= cursor->chain->count || cursor->chain->parts[cursor->part].writable != cursor->writable) {
        return (struct shm_span){NULL, 0};
    }
    struct shm_span span = cursor->chain->parts[cursor->part].span;
    size_t len = span.size - cursor->off;
    if (len > max) {
        len = max;
    }
    struct shm_span piece = shm_sub(span, cursor->off, len);
    cursor->off += len;
    if (cursor->off == span.size) {
        cursor->part++;
        cursor->off = 0;
    }
    return piece;
}

bool vq_copy_in(struct vq_cursor *cursor, void *to, size_t len)
{
    for (size_t done = 0; done < len;) {
        struct shm_span piece = vq_piece(cursor, len - done);
        if (!piece.size) {
            memset((char *)to + done, 0, len - done);
            return false;
        }
        shm_copy_in((char *)to + done, piece, 0, piece.size);
        done += piece.size;
    }
    return true;
}

bool vq_copy_out(struct vq_cursor *cursor, const void *from, size_t len)
{
    for (size_t done = 0; done < len;) {
        struct shm_span piece = vq_piece(cursor, len - done);
        if (!piece.size) {
            return false;
        }
        shm_copy_out(piece, 0, (const char *)from + done, piece.size);
        done += piece.size;
    }
    return true;
}
