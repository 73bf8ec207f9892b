/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shares.h: a key of 32 bytes split among several people, of whom any M can put it together (Shamir's scheme over
 * GF(2^8), libgfshare); fewer know nothing of it. A share is one line of text:
 *
 *     cardmux-share-1 SET M N NUMBER SHARE CHECK
 *
 * SET: 16 hexadecimal digits, the same in all shares of one splitting; NUMBER: 1 to N; SHARE: 64 digits; CHECK: the
 * first 8 digits of the SHA-256 of what stands before it. The key that is put together is checked against a digest in
 * SET.
 */
#ifndef CARDMUX_VAULT_SHARES_H
#define CARDMUX_VAULT_SHARES_H

#include "backend/vault/vault.h"

#define SHARES_MOST 16u
#define SHARE_KEY   32u
#define SHARE_TEXT  192u

struct share {
    uint8_t set[8];
    unsigned least, count, number;
    uint8_t bytes[SHARE_KEY];
};

/* What a text says; ends at its first newline or at len. */
bool share_parse(const char *text, size_t len, struct share *share);
/* Without a newline. */
void share_build(const struct share *share, char text[SHARE_TEXT]);

/* shares has room for count. 2 <= least <= count <= SHARES_MOST. */
enum vault_result shares_split(const uint8_t key[SHARE_KEY], unsigned least, unsigned count, struct share *shares,
                               char *error);
/* VAULT_INVALID with a sentence: too few, twice the same, of different sets. VAULT_DAMAGED: they do not give the key.
 */
enum vault_result shares_join(const struct share *shares, size_t count, uint8_t key[SHARE_KEY], char *error);

#endif
