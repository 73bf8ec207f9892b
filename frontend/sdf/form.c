/* SPDX-License-Identifier: Apache-2.0 */
#include "frontend/sdf/form.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "frontend/sdf/dialect.h"

#define NUMBER 32u
#define BITS   4u /* bytes of the word in front of keys */
#define LENGTH 4u /* bytes of an ECCCipher's L */

#define SM2_FAMILY 0x00020000u /* SGD_SM2 in some headers */

/* Numbers have fields of 64 bytes in the standard's structs, of 32 in those of some older headers. */
static size_t field(void)
{
    return dialect()->ecc_field;
}

static uint32_t word_read(const void *from)
{
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* A program that did not fill its structures gets codes that do not tell why: once, to who asks for it. */
static void upper_hint(void)
{
    static atomic_flag given = ATOMIC_FLAG_INIT;
    if (getenv("CARDMUX_DEBUG") && !atomic_flag_test_and_set(&given))
        fputs("libsdf: a number of an elliptic curve has more than 32 bytes; if the program leaves the others of its "
              "field uninitialised, see CARDMUX_ECC_UPPER in libsdf(3)\n",
              stderr);
}

/* The number of the struct's field `index`; false where it has more than 32 bytes. */
static bool number_read(const unsigned char *fields, unsigned index, uint8_t *out)
{
    unsigned char above = 0;
    size_t pad = field() - NUMBER;
    fields += index * field();
    for (size_t i = 0; i < pad; i++)
        above |= fields[i];
    memcpy(out, fields + pad, NUMBER);
    if (above == 0 || dialect()->ecc_upper_ignored)
        return true;
    upper_hint();
    return false;
}

static void number_write(unsigned char *fields, unsigned index, const uint8_t *in)
{
    size_t pad = field() - NUMBER;
    fields += index * field();
    memset(fields, 0, pad);
    memcpy(fields + pad, in, NUMBER);
}

static unsigned char *bits_write(void *to)
{
    uint32_t bits = 256;
    memcpy(to, &bits, sizeof bits);
    return (unsigned char *)to + BITS;
}

bool form_point_read(const ECCrefPublicKey *key, uint8_t point[FORM_POINT])
{
    const unsigned char *fields = (const unsigned char *)key + BITS;
    bool x = number_read(fields, 0, point);
    bool y = number_read(fields, 1, point + NUMBER);
    return x && y && word_read(key) == 256;
}

void form_point_write(ECCrefPublicKey *key, const uint8_t point[FORM_POINT])
{
    unsigned char *fields = bits_write(key);
    number_write(fields, 0, point);
    number_write(fields, 1, point + NUMBER);
}

bool form_private_read(const ECCrefPrivateKey *key, uint8_t k[32])
{
    return number_read((const unsigned char *)key + BITS, 0, k) && word_read(key) == 256;
}

void form_private_write(ECCrefPrivateKey *key, const uint8_t k[32])
{
    number_write(bits_write(key), 0, k);
}

bool form_signature_read(const ECCSignature *signature, uint8_t out[FORM_SIGNATURE])
{
    bool r = number_read((const unsigned char *)signature, 0, out);
    bool s = number_read((const unsigned char *)signature, 1, out + NUMBER);
    return r && s;
}

void form_signature_write(ECCSignature *signature, const uint8_t in[FORM_SIGNATURE])
{
    number_write((unsigned char *)signature, 0, in);
    number_write((unsigned char *)signature, 1, in + NUMBER);
}

/* Where the parts of an ECCCipher are. */
struct parts {
    size_t x, M, L, C;
};

static struct parts parts(void)
{
    size_t points = 2 * field();
    if (dialect()->length_first)
        return (struct parts){.L = 0, .x = LENGTH, .C = LENGTH + points, .M = LENGTH + points + DIALECT_C};
    return (struct parts){.x = 0, .M = points, .L = points + NUMBER, .C = points + NUMBER + LENGTH};
}

size_t form_pke_max(void)
{
    return dialect()->length_first ? DIALECT_C : FORM_PKE_MAX;
}

uint32_t form_cipher_length(const ECCCipher *cipher)
{
    return word_read((const unsigned char *)cipher + parts().L);
}

uint32_t form_cipher_read(const ECCCipher *cipher, uint8_t *out, size_t *len)
{
    const unsigned char *bytes = (const unsigned char *)cipher;
    struct parts at = parts();
    uint32_t c_len = word_read(bytes + at.L);
    if (c_len == 0 || c_len > form_pke_max())
        return SDR_INARGERR;
    bool x = number_read(bytes + at.x, 0, out);
    bool y = number_read(bytes + at.x, 1, out + NUMBER);
    if (!x || !y)
        return SDR_ENCDATAERR;
    memcpy(out + 2 * NUMBER, bytes + at.M, NUMBER);
    memcpy(out + FORM_PKE_HEAD, bytes + at.C, c_len);
    *len = FORM_PKE_HEAD + c_len;
    return SDR_OK;
}

void form_cipher_write(ECCCipher *cipher, const uint8_t *in, size_t len)
{
    unsigned char *bytes = (unsigned char *)cipher;
    struct parts at = parts();
    uint32_t c_len = (uint32_t)(len - FORM_PKE_HEAD);
    number_write(bytes + at.x, 0, in);
    number_write(bytes + at.x, 1, in + NUMBER);
    memcpy(bytes + at.M, in + 2 * NUMBER, NUMBER);
    if (dialect()->length_first)
        memset(bytes + at.M + NUMBER, 0, field() - NUMBER);
    memcpy(bytes + at.L, &c_len, sizeof c_len);
    memcpy(bytes + at.C, in + FORM_PKE_HEAD, c_len);
}

/* The fields of GM/T 0016 have 64 bytes and this order. */
#define ENVELOPE_BITS   8u
#define ENVELOPE_NUMBER 12u
#define ENVELOPE_PUBLIC (ENVELOPE_NUMBER + 64u)         /* bits, x, y */
#define ENVELOPE_CIPHER (ENVELOPE_PUBLIC + BITS + 128u) /* x, y, hash, length, cipher */

static bool wide_read(const unsigned char *wide, uint8_t out[NUMBER])
{
    unsigned char above = 0;
    for (size_t i = 0; i < 64 - NUMBER; i++)
        above |= wide[i];
    memcpy(out, wide + 64 - NUMBER, NUMBER);
    if (above == 0 || dialect()->ecc_upper_ignored)
        return true;
    upper_hint();
    return false;
}

bool form_envelope_known(void)
{
    return field() == ECCref_MAX_LEN && !dialect()->length_first;
}

uint32_t form_envelope_read(const EnvelopedECCKey *envelope, uint8_t *out, size_t *len, uint32_t *alg)
{
    const unsigned char *bytes = (const unsigned char *)envelope, *public = bytes + ENVELOPE_PUBLIC,
                        *cipher = bytes + ENVELOPE_CIPHER, *hash = cipher + 128;
    uint8_t *point = out + 64, *key = point + FORM_POINT;
    uint32_t key_len = word_read(hash + NUMBER);
    bool public_x = wide_read(public + BITS, point), public_y = wide_read(public + BITS + 64, point + NUMBER);
    bool x = wide_read(cipher, key), y = wide_read(cipher + 64, key + NUMBER);
    if (word_read(bytes) != 1 || word_read(bytes + ENVELOPE_BITS) != 256 || word_read(public) != 256 || !public_x ||
        !public_y || (key_len != 16 && key_len != 24 && key_len != 32))
        return SDR_INARGERR;
    if (!x || !y)
        return SDR_ENCDATAERR;
    *alg = word_read(bytes + 4);
    memcpy(out, bytes + ENVELOPE_NUMBER, 64);
    memcpy(key + 2 * NUMBER, hash, NUMBER);
    memcpy(key + FORM_PKE_HEAD, hash + NUMBER + LENGTH, key_len);
    *len = 64 + FORM_POINT + FORM_PKE_HEAD + key_len;
    return SDR_OK;
}

bool alg_is_sm2(uint32_t alg)
{
    return alg == SGD_SM2 || alg == SGD_SM2_1 || alg == SGD_SM2_2 || alg == SGD_SM2_3 || alg == SGD_SM3_SM2 ||
           alg == SM2_FAMILY;
}

uint32_t alg_check(uint32_t alg, enum alg_use use)
{
    static const uint32_t modes[] = {
        [ALG_USE_CIPHER] = SGD_ECB | SGD_CBC | SGD_CFB | SGD_OFB | SGD_CTR,
        [ALG_USE_WRAP] = SGD_ECB | SGD_CBC,
        [ALG_USE_MAC] = SGD_MAC,
    };
    uint32_t cipher = alg & ~0xffu, mode = alg & 0xffu;
    if (cipher != SGD_SM4 && cipher != SGD_AES && cipher != SGD_SM1 && cipher != SGD_SSF33)
        return SDR_ALGNOTSUPPORT;
    if ((mode & modes[use]) == 0 || (mode & (mode - 1)) != 0 || (mode & ~modes[use]) != 0)
        return SDR_ALGMODNOTSUPPORT;
    return SDR_OK;
}

uint32_t alg_hash(uint32_t alg, uint32_t *digest_len)
{
    static const struct {
        uint32_t alg, wire, len;
    } hashes[] = {
        {SGD_SM3, SGD_SM3, 32},           {SGD_SHA1, SGD_SHA1, 20},         {SGD_SHA256, SGD_SHA256, 32},
        {SGD_SHA512, SGD_SHA512, 64},     {SGD_SHA384, SGD_SHA384, 48},     {SGD_SHA224, SGD_SHA224, 28},
        {SGD_SHA512_B, SGD_SHA512, 64},   {SGD_SHA384_B, SGD_SHA384, 48},   {SGD_SHA224_B, SGD_SHA224, 28},
        {SGD_SHA3_256, SGD_SHA3_256, 32}, {SGD_SHA3_512, SGD_SHA3_512, 64}, {SGD_SHA3_384, SGD_SHA3_384, 48},
        {SGD_SHA3_224, SGD_SHA3_224, 28},
    };
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
        if (hashes[i].alg == alg) {
            *digest_len = hashes[i].len;
            return hashes[i].wire;
        }
    return 0;
}
