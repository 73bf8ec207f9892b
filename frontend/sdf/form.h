/* SPDX-License-Identifier: Apache-2.0 */
/*
 * form.h: between the standard's fixed structures and the bytes on the wire, and what algorithm identifiers mean.
 *
 * Numbers of the curve are 32 bytes, right-aligned in 64-byte fields. A caller may own packed structures at odd
 * addresses and, of an ECCCipher, 164 + L bytes only: nothing here touches more, and words are read bytewise. Where the
 * environment says so (dialect.h) fields have 32 bytes (a public key 68, a cipher 100 + L) and ciphers another order;
 * the types below are but names of where such a struct begins then.
 */
#ifndef CARDMUX_SDF_FORM_H
#define CARDMUX_SDF_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cardmux/sdf.h"

#define FORM_POINT      64u
#define FORM_SIGNATURE  64u
#define FORM_PKE_HEAD   96u
#define FORM_PKE_MAX    255u
#define FORM_CIPHER_MAX (FORM_PKE_HEAD + FORM_PKE_MAX)

/* False: bits is not 256, or the field's upper half is not 0. */
bool form_point_read(const ECCrefPublicKey *key, uint8_t point[FORM_POINT]);
void form_point_write(ECCrefPublicKey *key, const uint8_t point[FORM_POINT]);
bool form_private_read(const ECCrefPrivateKey *key, uint8_t k[32]); /* as form_point_read */
void form_private_write(ECCrefPrivateKey *key, const uint8_t k[32]);
/* False: a number is longer than 32 bytes; such a signature never holds. */
bool form_signature_read(const ECCSignature *signature, uint8_t out[FORM_SIGNATURE]);
void form_signature_write(ECCSignature *signature, const uint8_t in[FORM_SIGNATURE]);
/* How long C can be in a struct of the caller's. */
size_t form_pke_max(void);
/* x || y || M || C into out[FORM_CIPHER_MAX]: SDR_OK, SDR_INARGERR (L is 0 or more than form_pke_max), SDR_ENCDATAERR
   (a coordinate longer than 32 bytes). */
uint32_t form_cipher_read(const ECCCipher *cipher, uint8_t *out, size_t *len);
/* FORM_PKE_HEAD < len <= FORM_PKE_HEAD + form_pke_max(). Writes 164 + (len - 96) bytes, or, where dialect.h says that
   the length is first, the whole struct but what C does not need. */
void form_cipher_write(ECCCipher *cipher, const uint8_t *in, size_t len);
uint32_t form_cipher_length(const ECCCipher *cipher); /* L */

/* An enveloped pair: encrypted number[64] || x || y || key's cipher, into out[FORM_ENVELOPE_MAX]: SDR_OK, SDR_INARGERR
   (another version, other bits, a cipher of no key's length), SDR_ENCDATAERR as form_cipher_read. Its fields have 64
   bytes: to be asked only where form_envelope_known, as no header is known that has such a struct and the dialect's
   shorter numbers or other order in it. */
bool form_envelope_known(void);
#define FORM_ENVELOPE_MAX (64u + FORM_POINT + FORM_PKE_HEAD + 32u)
uint32_t form_envelope_read(const EnvelopedECCKey *envelope, uint8_t *out, size_t *len, uint32_t *alg);

/* Any SM2 identifier of either numbering, the signature scheme and the bare family among them: what it is for is
   decided by the function that got it. */
bool alg_is_sm2(uint32_t alg);

enum alg_use {
    ALG_USE_CIPHER, /* ECB CBC CFB OFB CTR */
    ALG_USE_WRAP,   /* ECB CBC */
    ALG_USE_MAC     /* MAC */
};
/* SDR_OK, SDR_ALGNOTSUPPORT (unknown cipher), SDR_ALGMODNOTSUPPORT (known cipher, other mode). Ciphers that only some
   cards have (SM1, SSF33) pass: the back end answers for its card. */
uint32_t alg_check(uint32_t alg, enum alg_use use);
/* The wire's number of a hash and its digest's length; 0: unknown. Both numberings of SHA-2 go in. */
uint32_t alg_hash(uint32_t alg, uint32_t *digest_len);

#endif
