/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsa_form.h: between the standard's RSA structs and the numbers on the wire.
 *
 * Headers in the field declare the structs for 2048 bits, or for 4096. Programs of both kinds may load one libsdf.so.
 *
 *   In      the struct tells: a modulus has its top bit set, and stands at the end of its field. A key of more than
 * 2048 bits can only be in a large struct. Of a key of 2048, the first byte of the small field is that top byte, or it
 * is one of the zeros in front of it in the large field. No more is read than the kind found has. Out     nothing
 * tells. The functions of the standard write small structs; their namesakes with _4096 at the end, which a program gets
 * that was built with SGD_RSA_MAX_BITS=4096, large ones. A program that was built with another header of the large kind
 * says so in its environment: CARDMUX_RSA_BITS=4096.
 *
 * On the wire: public m[len] || e[8], private m[len] || e[8] || d[len] || p || q || dp || dq || qinv [len / 2] each.
 */
#ifndef CARDMUX_SDF_RSA_FORM_H
#define CARDMUX_SDF_RSA_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSA_MAX               512u
#define RSA_E                 8u
#define RSA_PUBLIC_SIZE(len)  ((len) + RSA_E)
#define RSA_PRIVATE_SIZE(len) ((len)*9u / 2u + RSA_E)
#define RSA_FIELD_SMALL       256u /* bytes of m in a struct */
#define RSA_FIELD_LARGE       512u

bool rsa_bits_ok(uint32_t bits);
/* What the functions of the standard write here: RSA_FIELD_SMALL, or what the environment says. */
size_t rsa_field(void);
/* Length of the modulus, 0: no such key. key is a RSArefPublicKey or a RSArefPrivateKey of either size. */
size_t rsa_public_read(const void *key, uint8_t out[RSA_PUBLIC_SIZE(RSA_MAX)]);
size_t rsa_private_read(const void *key, uint8_t out[RSA_PRIVATE_SIZE(RSA_MAX)]);
/* field >= len */
void rsa_public_write(void *key, size_t field, const uint8_t *in, size_t len);
void rsa_private_write(void *key, size_t field, const uint8_t *in, size_t len);

#endif
