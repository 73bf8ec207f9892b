/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sm2_der.h: the raw fields of card.h <-> the DER that libcrypto 3.0 speaks.
 *
 * Signature: r || s <-> SEQUENCE { INTEGER r, INTEGER s }. Ciphertext: x || y || M || C <-> SEQUENCE { INTEGER x,
 * INTEGER y, OCTET STRING M, OCTET STRING C }. Readers take canonical DER only: shortest lengths, shortest integers, no
 * negative ones, nothing left over. No allocation; any bytes may be given to any of these.
 */
#ifndef CARDS_SOFT_SM2_DER_H
#define CARDS_SOFT_SM2_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cardmux/card.h"

#define SM2_DER_SIG_MAX    72u
#define SM2_DER_CIPHER_MAX (4u + 2u * 35u + 34u + 4u + CARD_PKE_MAX)

/* Return the length written. raw_len is CARD_PKE_HEAD + 1..CARD_PKE_MAX. */
size_t sm2_der_sig_write(const uint8_t rs[CARD_ECC_SIG], uint8_t der[SM2_DER_SIG_MAX]);
size_t sm2_der_cipher_write(const uint8_t *raw, size_t raw_len, uint8_t der[SM2_DER_CIPHER_MAX]);

/* False where der is not exactly that; then the output is unspecified. c_len: length of C that is expected. */
bool sm2_der_sig_read(const uint8_t *der, size_t len, uint8_t rs[CARD_ECC_SIG]);
bool sm2_der_cipher_read(const uint8_t *der, size_t len, uint8_t *raw, size_t c_len);

#endif
