/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aead.h: the parameters of authenticated encryption on the wire, little-endian.
 *
 *     0   u8   length of the nonce, 1..CM_NONCE_MAX
 *     1   u8   length of the tag, 1..CM_TAG_MAX
 *     2   u16  length of the associated data that follows; 0 for CM_AEAD_BEGIN
 *     4   u32  CM_AEAD_BEGIN: all associated data that will come, else 0
 *     8   u32  CM_AEAD_BEGIN: all data that will come, else 0
 *     12       nonce, then the tag (CM_AEAD_OPEN only), then associated data; nothing behind
 *
 * Which lengths an algorithm takes is the card's to say.
 */
#ifndef CARDMUX_PROTO_AEAD_H
#define CARDMUX_PROTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CM_AEAD_HEAD 12u
#define CM_NONCE_MAX 64u
#define CM_TAG_MAX   16u
#define CM_AEAD_MAX  (CM_AEAD_HEAD + CM_NONCE_MAX + CM_TAG_MAX) /* without associated data */

enum cm_aead_use {
    CM_AEAD_SEAL,
    CM_AEAD_OPEN,
    CM_AEAD_BEGIN
};

struct cm_aead {
    const uint8_t *nonce, *tag, *aad; /* into what was read; tag: NULL but for CM_AEAD_OPEN */
    uint8_t nonce_len, tag_len;
    uint16_t aad_len;
    uint32_t total_aad, total_data;
};

/* bytes must not change while *aead is used. False: not of that form. */
bool cm_aead_read(const uint8_t *bytes, size_t len, enum cm_aead_use use, struct cm_aead *aead);
/* Returns the length; 0 where it does not fit into cap, or a length is out of range. */
size_t cm_aead_write(const struct cm_aead *aead, enum cm_aead_use use, uint8_t *bytes, size_t cap);

#endif
