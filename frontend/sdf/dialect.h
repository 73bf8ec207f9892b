/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialect.h: what the environment says of the header that the program was built with. Vendors' headers differ in ways
 * that no call shows; libsdf(3) tells how to know one. Read once, at the first question.
 *
 *   CARDMUX_ECC_BITS=256        numbers of elliptic curves have fields of 32 bytes, not of 64
 *   CARDMUX_ECC_UPPER=ignore    what stands above the lowest 32 bytes of a field that is read is not looked at
 *   CARDMUX_ECC_CIPHER=LxyCM    the fields of ECCCipher in that order, C with DIALECT_C bytes and M as large as x
 *   CARDMUX_SGD_SM4=0x2000      the number of SM4 in symmetric identifiers; that of AES is then 0x400, or
 *   CARDMUX_SGD_AES=NUMBER      another
 *   CARDMUX_IV=keep             pucIV is never written
 *   CARDMUX_RSA_BITS=4096       structures of RSA that are written have 4096 bits, not 2048
 */
#ifndef CARDMUX_SDF_DIALECT_H
#define CARDMUX_SDF_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIALECT_C 136u

struct dialect {
    size_t ecc_field; /* 64 or 32 */
    bool ecc_upper_ignored;
    bool length_first; /* LxyCM */
    bool iv_kept;
    bool rsa_4096;
    uint32_t sm4, aes; /* SGD_SM4 and SGD_AES of that header */
};

const struct dialect *dialect(void);
/* NULL, or a sentence: a value that is none of these. No device is opened then. */
const char *dialect_wrong(void);
/* A symmetric identifier as ours; one of ours that means another cipher there, or none, becomes one that no card has.
 */
uint32_t dialect_alg(uint32_t alg);
/* The other way, for a set of ciphers: DEVICEINFO. */
uint32_t dialect_ability(uint32_t ours);
/* Writes the IV of a call back, unless the program would not have it; never memory that would not change. */
void dialect_iv(uint8_t *to, const uint8_t *iv);

#endif
