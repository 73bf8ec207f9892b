/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h: the bare ring, the yardstick for the path itself: what two processes and a piece of shared memory can do if
 * there is no protocol at all.
 *
 * 64 slots in shared memory and two counters on cache lines of their own, `sent` and `done`, stored with release and
 * loaded with acquire. The caller copies its payload into a slot and adds one to `sent`; the far process reads and
 * writes one word of every cache line of it and adds one to `done`; the caller copies the payload out. Both spin (with
 * a pause instruction), on a machine with one CPU they yield. There are no descriptors, checks, identities or sleep: a
 * protocol that comes near it has nothing left to give away.
 *
 * The far process exists for this alone, and blocks in futex(2) outside of slices.
 */
#ifndef CARDMUX_BENCH_RING_H
#define CARDMUX_BENCH_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "bench/slice.h"
#include "bench/work.h"

#define RING_SLOTS 64u
#define RING_SLOT  16384u

struct ring;

/* Forks the far process; NULL: errno says why. To be called while the process has one thread. */
struct ring *ring_open(void);
void ring_close(struct ring *ring);
pid_t ring_pid(const struct ring *ring);
/* One slice on the calling thread; depth 1..RING_SLOTS, work of kind WORK_ECHO. */
void ring_run(struct ring *ring, struct work *work, uint32_t depth, struct meter *meter);

#endif
