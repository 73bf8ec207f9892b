/* SPDX-License-Identifier: Apache-2.0 */
/* direct_internal.h: what direct.c and plain.c share. */
#ifndef CARDMUX_BENCH_DIRECT_INTERNAL_H
#define CARDMUX_BENCH_DIRECT_INTERNAL_H

#include "bench/direct.h"
#include "cardmux/card.h"

struct direct {
    struct work *work;
    const struct card_driver *driver;
    struct card *card;
    struct card_key *key;
    bool inline_card;
    uint32_t flight; /* buffers and jobs */
    size_t stride;
    uint8_t *buffers;
    struct card_job *jobs;
    uint64_t *seqs, *stamps; /* per job */
    uint32_t *spare;         /* run_threads: jobs not in flight */
    uint8_t key_bytes[CARD_ECC_PRIVATE + CARD_ECC_POINT];
    size_t key_len;
};

#endif
