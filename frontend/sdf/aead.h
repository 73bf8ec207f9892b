/* SPDX-License-Identifier: Apache-2.0 */
/* aead.h: authenticated encryption in one call (aead.c) and in several (aead_multi.c). */
#ifndef CARDMUX_SDF_AEAD_H
#define CARDMUX_SDF_AEAD_H

#include <stddef.h>
#include <stdint.h>
#include "frontend/sdf/session.h"

/* What both begin with. */
struct aead_args {
    bool decrypt;
    uint32_t key, alg;
    const uint8_t *nonce, *aad;
    uint32_t nonce_len, aad_len;
    const uint8_t *tag; /* decrypting */
    uint32_t tag_len;
    uint32_t data_len; /* of the whole message */
};

/* Algorithm, pointers and lengths; not the key. */
uint32_t aead_check(const struct aead_args *args);
/* One operation, where it fits into one; params[CM_PARAM_SIZE] must live as long as the call. */
bool aead_call(const struct aead_args *args, const uint8_t *in, uint8_t *out, uint8_t *params, struct call *call);
/* Begins a state in the back end, and gives it the associated data. */
uint32_t aead_begin(struct sdf_session *session, const struct aead_args *args, uint32_t *number);
/* in and out may be the same or overlap. On failure the state is gone. */
uint32_t aead_pass(struct sdf_session *session, uint32_t number, const uint8_t *in, uint8_t *out, size_t len);
/* Ends it: with tag_in, compares (SDR_MACERR); else gives tag_out[AEAD_TAG]. */
uint32_t aead_end(struct sdf_session *session, uint32_t number, const uint8_t *tag_in, uint32_t tag_len,
                  uint8_t *tag_out);
void aead_forget(struct sdf_session *session, uint32_t number);

/* The whole of SDF_AuthDec, which arity.c calls. */
int aead_open(void *handle, void *key, struct aead_args *args, const uint8_t *in, uint8_t *out, uint32_t *out_len);

#define AEAD_TAG 16u /* the length that encrypting gives */

#endif
