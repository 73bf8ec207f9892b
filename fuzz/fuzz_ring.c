/* covers: proto/ring.h proto/shm.h proto/range.h */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings and the accessors of shared memory, driven by a program of bytes: each step is an access with an offset
 * and a length of the input's choosing, often out of range, in memory of exactly the span's size, so that
 * AddressSanitizer sees the first byte beyond it.
 */
#include <stdlib.h>
#include "proto/ring.h"

struct input {
    const uint8_t *at;
    size_t left;
};

static void must(int condition)
{
    if (!condition)
        abort();
}

static uint32_t next_u32(struct input *in)
{
    uint32_t value = 0;
    size_t n = in->left < 4 ? in->left : 4;
    memcpy(&value, in->at, n);
    in->at += n;
    in->left -= n;
    return value;
}

/* An offset near an edge half of the time. */
static size_t next_offset(struct input *in, size_t size)
{
    uint32_t value = next_u32(in);
    switch (value & 3) {
    case 0:
        return value >> 2;
    case 1:
        return SIZE_MAX - (value >> 16);
    case 2:
        return size - ((value >> 2) & 0xff);
    default:
        return ((size_t)(value >> 2) % (size + 64)) & ~(size_t)7;
    }
}

static void step_entry(struct input *in, struct shm_span span)
{
    uint8_t entry[64], taken[64];
    uint32_t pos = next_u32(in);
    size_t ring = next_u32(in) & 1 ? CM_QP_SQ : CM_QP_CQ;
    bool fits = range_ok(cm_entry_offset(ring, pos), 64, span.size);
    memset(entry, (int)(pos & 0xff), sizeof entry);
    cm_entry_publish(span, ring, pos, entry);
    if (pos == 0)
        return; /* no position of a ring */
    must(cm_entry_take(span, ring, pos, taken) == fits);
    must(!fits || memcmp(entry, taken, 60) == 0);
    must(!cm_entry_take(span, ring, pos + 64, taken)); /* the next lap's entry is not there yet */
    if (pos & 0x100) {
        cm_ring_clear(span, ring);
        must(!cm_entry_take(span, ring, pos, taken));
    }
    must(cm_pos_reached(pos, pos) && cm_pos_reached(pos + 1, pos) && !cm_pos_reached(pos, pos + 1));
    must(cm_slot_offset(pos & CM_RING_MASK) + CM_SLOT_SIZE <= CM_QP_SIZE);
    must(cm_param_offset(pos & CM_RING_MASK) + CM_PARAM_SIZE <= CM_QP_PAYLOAD);
}

static void step_copy(struct input *in, struct shm_span span)
{
    uint8_t buffer[256];
    size_t off = next_offset(in, span.size), len = next_u32(in) % (sizeof buffer + 1);
    bool fits = range_ok(off, len, span.size);
    memset(buffer, 0x5a, sizeof buffer);
    must(shm_copy_out(span, off, buffer, len) == fits);
    must(shm_copy_in(buffer, span, off, len) == fits);
    for (size_t i = 0; i < len; i++)
        must(buffer[i] == (fits ? 0x5a : 0));
    uint8_t *bytes = shm_bytes(span, off, len);
    must((bytes != NULL) == fits);
    if (bytes && len)
        bytes[len - 1] = 1;
}

static void step_word(struct input *in, struct shm_span span)
{
    size_t off = next_offset(in, span.size);
    uint32_t value = next_u32(in) | 1;
    shm_store32(span, off, value);
    must(shm_load32(span, off) == ((off & 3) == 0 && range_ok(off, 4, span.size) ? value : 0));
    shm_store64(span, off, value);
    must(shm_load64(span, off) == ((off & 7) == 0 && range_ok(off, 8, span.size) ? value : 0));
    shm_store16(span, off, (uint16_t)value);
    must(shm_load16(span, off) == ((off & 1) == 0 && range_ok(off, 2, span.size) ? (uint16_t)value : 0));
    shm_fence();
}

static void step_sub(struct input *in, struct shm_span span)
{
    size_t off = next_offset(in, span.size), len = next_offset(in, span.size);
    struct shm_span part = shm_sub(span, off, len);
    must(range_ok(off, len, span.size) ? part.size == len : part.base == NULL && part.size == 0);
    step_copy(in, part.base ? part : span);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    size_t bytes = next_u32(&in) & 1 ? CM_QP_PARAMS : CM_QP_SQ + 100; /* the second: a span too small for its rings */
    void *memory = calloc(1, bytes);
    if (!memory)
        return 0;
    struct shm_span span = shm_span_of(memory, bytes);
    for (int steps = 0; in.left && steps < 256; steps++) {
        switch (next_u32(&in) & 3) {
        case 0:
            step_entry(&in, span);
            break;
        case 1:
            step_copy(&in, span);
            break;
        case 2:
            step_word(&in, span);
            break;
        default:
            step_sub(&in, span);
        }
    }
    free(memory);
    return 0;
}
