/* SPDX-License-Identifier: Apache-2.0 */
/* asym.h: between asym.c and arity.c. Whole SDF functions: they enter and leave the session. */
#ifndef CARDMUX_SDF_ASYM_H
#define CARDMUX_SDF_ASYM_H

#include "frontend/sdf/session.h"

int asym_encrypt_internal(void *handle, uint32_t index, bool alg_ok, const uint8_t *data, uint32_t len,
                          ECCCipher *cipher);
int asym_decrypt_internal(void *handle, uint32_t index, bool alg_ok, const ECCCipher *cipher, uint8_t *data,
                          uint32_t *len);

#endif
