/* SPDX-License-Identifier: Apache-2.0 */
/*
 * derive.h: what is derived for a secure channel: the parameters of such an operation on the wire, and which lengths
 * there can be. Front end and broker ask the same functions.
 *
 *     0   u32 x 4   bytes of the texts (randoms, nonces, ...) that the operation's data is made of, one after the other
 *     16  u32 x 4   bits of the keys, in the protocol's order; 0: none is wanted
 *     32  u32 x 2   bytes that come out in clear, behind the keys (initialisation vectors, a salt)
 *     40  point[64] the public key under which the keys leave: where they do (CM_DERIVE_SEALED); nothing behind
 *
 * The answer: where keys stay, parameters: u32 x 4, their handles (0: none), then the bytes in clear. Where they leave,
 * data: for each key x || y || M || C, then the bytes in clear.
 *
 * No key is shorter than 128 bits: no protocol has such, and they could be found by trying.
 */
#ifndef CARDMUX_PROTO_DERIVE_H
#define CARDMUX_PROTO_DERIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CM_DERIVE_TEXTS     4u
#define CM_DERIVE_KEYS      4u
#define CM_DERIVE_CLEARS    2u
#define CM_DERIVE_HEAD      40u
#define CM_DERIVE_SEALED    104u /* with the public key */
#define CM_DERIVE_RANDOM    32u  /* of client and server of TLS */
#define CM_DERIVE_IV_MAX    16u
#define CM_DERIVE_NONCE_MIN 8u /* RFC 2409, section 5 */
#define CM_DERIVE_NONCE_MAX 256u
#define CM_DERIVE_COOKIE    8u
#define CM_DERIVE_PROTOCOL  1u
#define CM_DERIVE_SPI       4u
#define CM_DERIVE_BITS_MAX  512u
#define CM_DERIVE_DATA_MAX  (2u * CM_DERIVE_NONCE_MAX + 2u * CM_DERIVE_COOKIE) /* all texts */
#define CM_DERIVE_HANDLES   (4u * CM_DERIVE_KEYS)
#define CM_DERIVE_CLEAR_MAX (CM_DERIVE_CLEARS * CM_DERIVE_IV_MAX)
#define CM_DERIVE_OUT_MAX   (CM_DERIVE_KEYS * (96u + CM_DERIVE_BITS_MAX / 8u) + CM_DERIVE_CLEAR_MAX)

enum cm_derivation {
    /* texts: client's random, server's; keys: client MAC, server MAC, client, server; in clear: IVs of both */
    CM_DERIVE_TLS,
    /* texts: initiator's nonce, responder's, initiator's cookie, responder's; keys: SKEYID_d, SKEYID_a, SKEYID_e */
    CM_DERIVE_IKE,
    /* texts: protocol, SPI, initiator's nonce, responder's; keys: encryption, MAC */
    CM_DERIVE_IPSEC,
    CM_DERIVATIONS
};

struct cm_derive {
    uint32_t text_len[CM_DERIVE_TEXTS];
    uint32_t bits[CM_DERIVE_KEYS];
    uint32_t clear_len[CM_DERIVE_CLEARS];
    const uint8_t *point; /* into what was read; NULL: keys stay */
};

/* Can there be a derivation of that kind with these lengths? */
bool cm_derive_ok(const struct cm_derive *derive, enum cm_derivation kind);
size_t cm_derive_texts(const struct cm_derive *derive);  /* bytes of all texts */
size_t cm_derive_clear(const struct cm_derive *derive);  /* bytes in clear */
size_t cm_derive_sealed(const struct cm_derive *derive); /* bytes of the answer where keys leave */

/* bytes must not change while *derive is used. sealed: with a public key. False: not of that form, a length that cannot
   be, or the texts do not have data_len bytes. */
bool cm_derive_read(const uint8_t *bytes, size_t len, enum cm_derivation kind, bool sealed, size_t data_len,
                    struct cm_derive *derive);
/* Returns the length. */
size_t cm_derive_write(const struct cm_derive *derive, uint8_t bytes[CM_DERIVE_SEALED]);

#endif
