/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transform.h: bytes of any number through a block cipher: what SDF_Encrypt and its kin have in common (sym.c).
 */
#ifndef CARDMUX_SDF_TRANSFORM_H
#define CARDMUX_SDF_TRANSFORM_H

#include <stddef.h>
#include <stdint.h>
#include "frontend/sdf/session.h"

#define BLOCK   16u
#define XTS_MAX (16u << 20) /* one data unit: IEEE 1619 and the card have 2^20 blocks */

struct transform {
    bool decrypt;
    uint32_t key, alg; /* as on the wire */
    uint8_t iv[BLOCK]; /* of the next slot */
    uint32_t block;    /* XTS: of the next slot, within its data unit */
    const uint8_t *in;
    uint8_t *out;
    size_t len;
};

/* Runs it to its end. len is one that the mode takes: full blocks for ECB and CBC, 16 bytes or more for XTS. iv and
   block are left as the next bytes of the same message need them. in and out may be the same or overlap. */
uint32_t transform_run(struct sdf_session *session, struct transform *t);

/* Do they share memory without beginning at the same place? */
bool buffers_cross(const uint8_t *in, size_t len, const uint8_t *out, size_t out_len);

#endif
