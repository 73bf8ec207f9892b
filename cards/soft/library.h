/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library.h: the operations of the software card as plain library calls, without a card around them.
 *
 * Two uses. LIBRARY_FASTEST is what a programmer would write who wants the same work done and picks the faster library:
 * key set once, IV per call, one call. The bench reports its loop as `library`, against which the card's own run() must
 * hold. LIBRARY_JUDGE goes through libcrypto alone, by the shortest way, and shares no code with the card: it says what
 * the right answer is, in the bench, in tests and in the known-answer tests.
 *
 * Threads: one thread per struct library.
 */
#ifndef CARDS_SOFT_LIBRARY_H
#define CARDS_SOFT_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cardmux/card.h"

enum library_use {
    LIBRARY_FASTEST,
    LIBRARY_JUDGE
};

struct library;

/*
 * op: CARD_ENCRYPT, CARD_DECRYPT, CARD_MAC, CARD_HASH, CARD_RANDOM, CARD_SIGN, CARD_VERIFY, CARD_PKE_ENCRYPT or
 * CARD_PKE_DECRYPT; alg as in struct card_job. key: the bytes that the driver's key_import takes (SM2: private ||
 * point, or a point alone for the public operations). NULL where it cannot be had.
 */
struct library *library_open(enum library_use use, enum card_op op, uint32_t alg, const uint8_t *key, size_t key_len);
void library_close(struct library *library);

/*
 * One operation. in == out is allowed. out_cap and what is written are as in struct card_job; iv is read only (nothing
 * is chained). sig: CARD_VERIFY only. Returns the bytes written; 0 where it failed; 1 for a signature that holds.
 */
size_t library_run(struct library *library, const uint8_t iv[CARD_IV], const uint8_t *in, size_t in_len,
                   const uint8_t *sig, uint8_t *out, size_t out_cap);

#endif
