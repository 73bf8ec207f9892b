/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shm.h: the only way to memory that somebody else writes.
 *
 * A span is a base of an incomplete type and a size: `->` on shared memory does not compile, and neither does
 * arithmetic on it. Every access names an offset and a length and is checked; an access out of range reads zeros,
 * writes nothing, and returns false (shm_bytes: NULL). Offsets of words must be aligned. Whoever wants to look at a
 * struct copies it in first.
 */
#ifndef CARDMUX_PROTO_SHM_H
#define CARDMUX_PROTO_SHM_H

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include "proto/range.h"

struct shm; /* never defined */

struct shm_span {
    struct shm *base;
    size_t size;
};

static inline struct shm_span shm_span_of(void *base, size_t size)
{
    return (struct shm_span){(struct shm *)base, size};
}

/* A part of a span; empty where it does not fit. */
static inline struct shm_span shm_sub(struct shm_span span, size_t off, size_t len)
{
    if (!range_ok(off, len, span.size))
        return (struct shm_span){NULL, 0};
    return (struct shm_span){(struct shm *)((char *)span.base + off), len};
}

/* Plain bytes for payload in place. Their content may change at any time. */
static inline uint8_t *shm_bytes(struct shm_span span, size_t off, size_t len)
{
    if (!range_ok(off, len, span.size))
        return NULL;
    return (uint8_t *)span.base + off;
}

static inline bool shm_copy_in(void *to, struct shm_span from, size_t off, size_t len)
{
    if (!range_ok(off, len, from.size)) {
        memset(to, 0, len);
        return false;
    }
    memcpy(to, (const char *)from.base + off, len);
    atomic_signal_fence(memory_order_seq_cst); /* the compiler may not fetch it again */
    return true;
}

static inline bool shm_copy_out(struct shm_span to, size_t off, const void *from, size_t len)
{
    if (!range_ok(off, len, to.size))
        return false;
    memcpy((char *)to.base + off, from, len);
    return true;
}

static inline _Atomic uint32_t *shm_word32(struct shm_span span, size_t off)
{
    return (off & 3) || !range_ok(off, 4, span.size) ? NULL : (_Atomic uint32_t *)(void *)((char *)span.base + off);
}

static inline uint32_t shm_load32(struct shm_span span, size_t off) /* acquire */
{
    _Atomic uint32_t *word = shm_word32(span, off);
    return word ? atomic_load_explicit(word, memory_order_acquire) : 0;
}

static inline void shm_store32(struct shm_span span, size_t off, uint32_t value) /* release */
{
    _Atomic uint32_t *word = shm_word32(span, off);
    if (word)
        atomic_store_explicit(word, value, memory_order_release);
}

static inline void shm_put32(struct shm_span span, size_t off, uint32_t value) /* relaxed */
{
    _Atomic uint32_t *word = shm_word32(span, off);
    if (word)
        atomic_store_explicit(word, value, memory_order_relaxed);
}

static inline uint64_t shm_load64(struct shm_span span, size_t off) /* acquire */
{
    if ((off & 7) || !range_ok(off, 8, span.size))
        return 0;
    return atomic_load_explicit((_Atomic uint64_t *)(void *)((char *)span.base + off), memory_order_acquire);
}

static inline void shm_store64(struct shm_span span, size_t off, uint64_t value) /* release */
{
    if ((off & 7) || !range_ok(off, 8, span.size))
        return;
    atomic_store_explicit((_Atomic uint64_t *)(void *)((char *)span.base + off), value, memory_order_release);
}

static inline uint16_t shm_load16(struct shm_span span, size_t off) /* acquire */
{
    if ((off & 1) || !range_ok(off, 2, span.size))
        return 0;
    return atomic_load_explicit((_Atomic uint16_t *)(void *)((char *)span.base + off), memory_order_acquire);
}

static inline void shm_store16(struct shm_span span, size_t off, uint16_t value) /* release */
{
    if ((off & 1) || !range_ok(off, 2, span.size))
        return;
    atomic_store_explicit((_Atomic uint16_t *)(void *)((char *)span.base + off), value, memory_order_release);
}

/* The StoreLoad fence between "I have published" and "does the peer sleep?" (layout.h). */
static inline void shm_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

#endif
