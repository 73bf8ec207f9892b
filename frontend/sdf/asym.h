/* SPDX-License-Identifier: Apache-2.0 */
/* asym.h: between asym.c, rsa.c and arity.c. Whole SDF functions: they enter and leave the session. */
#ifndef CARDMUX_SDF_ASYM_H
#define CARDMUX_SDF_ASYM_H

#include "frontend/sdf/session.h"

int asym_encrypt_internal(void *handle, uint32_t index, bool alg_ok, const uint8_t *data, uint32_t len,
                          ECCCipher *cipher);
int asym_decrypt_internal(void *handle, uint32_t index, bool alg_ok, const ECCCipher *cipher, uint8_t *data,
                          uint32_t *len);
/* pair: 0 for the signing one of the index, 1 for the encrypting one. */
int rsa_operate_inside(void *handle, bool private_key, uint32_t index, uint32_t pair, const uint8_t *in, uint32_t in_len,
                       uint8_t *out, uint32_t *out_len);

#endif
