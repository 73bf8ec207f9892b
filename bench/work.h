/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work.h: what is computed, from which inputs, and whether the results were right.
 *
 * Each caller (a thread of a tenant, or one of the yardsticks) has a `struct work`: WORK_INPUTS inputs made from a
 * seed, and for each operation, by its sequence number, which input it uses and what its IV is. So any result can be
 * recomputed later from its number alone, and nothing need be remembered about the others.
 *
 * Checking. One operation in WORK_SAMPLE writes its result into a place of its own in a store (prefaulted, so that this
 * costs what any other output buffer costs) and the results are recomputed with libcrypto after the slice, on no clock.
 * Where a slice fills the store, and for echo, where results come too fast to keep (45 MB in a quarter of a second),
 * the sampled result is compared at once, on the clock: for echo of 4 KiB about 60 ns in 64 operations, for ring and
 * virtual alike. The verdict of a signature check is compared for every operation: that costs nothing.
 */
#ifndef CARDMUX_BENCH_WORK_H
#define CARDMUX_BENCH_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "bench/reference.h"

#define WORK_INPUTS 8u
#define WORK_SAMPLE 64u
#define WORK_STORE  (24u << 20) /* bytes of kept results per caller, at most */

enum work_kind {
    WORK_ECHO,
    WORK_RANDOM,
    WORK_HASH,
    WORK_CIPHER,
    WORK_SIGN,
    WORK_VERIFY,
};

struct bench_op {
    const char *name;
    enum work_kind kind;
    uint16_t wire_op; /* enum cardmux_op */
    uint16_t card_op; /* enum card_op */
    uint32_t alg;     /* SGD_ */
    uint32_t result;  /* bytes of a digest or signature; 0: as long as the input */
    bool block;       /* a multiple of 16 only */
    const char *reference;
};

const struct bench_op *bench_op_find(const char *name);
const char *bench_op_names(void); /* "echo, random, ..." */

struct work_sample {
    uint64_t seq;
};

struct work {
    const struct bench_op *op;
    size_t size;   /* bytes of input; of output for random */
    size_t result; /* bytes of output */
    uint64_t salt;
    uint8_t *inputs; /* WORK_INPUTS times `stride` */
    size_t stride;
    uint8_t key[16];         /* symmetric */
    struct ref_sm2 *checker; /* public key of SIGN */
    uint8_t sigs[WORK_INPUTS][64];
    bool good[WORK_INPUTS]; /* VERIFY: what the answer must be */

    uint8_t *store; /* kept results, `result` bytes each */
    struct work_sample *samples;
    size_t store_cap, store_n;
    uint64_t checked, wrong;
};

/* False: no memory. store_bytes: at most that much for results. */
bool work_init(struct work *work, const struct bench_op *op, size_t size, uint64_t salt, size_t store_bytes);
void work_free(struct work *work);
/* For VERIFY: takes WORK_INPUTS good signatures in sigs, spoils some (the third and the last), asks libcrypto for each
   what the answer must be. False where libcrypto disagrees with the signer. */
bool work_signatures(struct work *work);

static inline const uint8_t *work_input(const struct work *work, uint64_t seq)
{
    return work->inputs + (size_t)(seq % WORK_INPUTS) * work->stride;
}

static inline void work_iv(const struct work *work, uint64_t seq, uint8_t iv[16])
{
    memcpy(iv, &work->salt, 8);
    memcpy(iv + 8, &seq, 8);
}

static inline bool work_sampled(uint64_t seq)
{
    return seq % WORK_SAMPLE == 0;
}

/* A place for the result of a sampled operation; NULL: none left (or echo), compare at once with work_compare. */
uint8_t *work_keep(struct work *work, uint64_t seq);
void work_compare(struct work *work, uint64_t seq, const uint8_t *result);
/* Is this status right for operation seq? SDR_OK, but SDR_VERIFYERR for a spoilt signature. */
bool work_status_ok(const struct work *work, uint64_t seq, uint32_t status);
/* Recomputes all kept results and empties the store. checked and wrong grow. */
void work_check(struct work *work);

#endif
