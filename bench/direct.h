/* SPDX-License-Identifier: Apache-2.0 */
/*
 * direct.h: the two yardsticks without a path: the card's own inner function in a loop (`direct`), and the library
 * below it in a loop (`library`).
 *
 * Direct: the card is opened in this process, its key set once, an IV per operation, in place, over as many rotating
 * buffers as the callers of `virtual` have in flight. One card thread: run() on this thread. More: the card opened with
 * that many threads of its own, and submit/collect with as many jobs in flight, this thread sleeping on the card's
 * descriptor when there is nothing to collect. Library: one thread, always.
 * Sampled operations read the pristine input and write their result into the store of the work; the others turn their
 * buffers over and over.
 */
#ifndef CARDMUX_BENCH_DIRECT_H
#define CARDMUX_BENCH_DIRECT_H

#include <stdbool.h>
#include <stdint.h>
#include "bench/slice.h"
#include "bench/work.h"

#define DIRECT_TEXT 256

struct direct;
struct plain;

/* work: made by work_init; gets a key (and for SM2 a pair and signatures) of the bench's own. flight: buffers and jobs.
   NULL: text[DIRECT_TEXT] says why. */
struct direct *direct_open(const char *card, uint32_t threads, struct work *work, uint32_t flight, char *text);
void direct_close(struct direct *direct);
void direct_run(struct direct *direct, struct meter *meter);

/* The library loop over the same inputs, after direct_open gave work its key. NULL where there is none (echo). */
struct plain *plain_open(struct direct *direct);
void plain_close(struct plain *plain);
void plain_run(struct plain *plain, struct meter *meter);

#endif
