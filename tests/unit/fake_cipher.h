/* SPDX-License-Identifier: Apache-2.0 */
/* fake_cipher.h: block ciphers for fake_link.c: one EVP pass; iv is left as card.h says. */
#ifndef CARDMUX_TESTS_FAKE_CIPHER_H
#define CARDMUX_TESTS_FAKE_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t fake_cipher(const uint8_t *key, size_t key_len, uint32_t alg, bool encrypt, uint8_t *iv, const uint8_t *in,
                     size_t len, uint8_t *out);

#endif
