/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "frontend/sdf/form.h"

#define NUMBER 32u
#define PAD    (ECCref_MAX_LEN - NUMBER)

static uint32_t word_read(const void *from)
{
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

static bool number_read(const unsigned char *field, uint8_t *out)
{
    unsigned char above = 0;
    for (size_t i = 0; i < PAD; i++)
        above |= field[i];
    memcpy(out, field + PAD, NUMBER);
    return above == 0;
}

static void number_write(unsigned char *field, const uint8_t *in)
{
    memset(field, 0, PAD);
    memcpy(field + PAD, in, NUMBER);
}

static void bits_write(void *to)
{
    uint32_t bits = 256;
    memcpy(to, &bits, sizeof bits);
}

bool form_point_read(const ECCrefPublicKey *key, uint8_t point[FORM_POINT])
{
    bool x = number_read(key->x, point);
    bool y = number_read(key->y, point + NUMBER);
    return x && y && word_read(&key->bits) == 256;
}

void form_point_write(ECCrefPublicKey *key, const uint8_t point[FORM_POINT])
{
    bits_write(&key->bits);
    number_write(key->x, point);
    number_write(key->y, point + NUMBER);
}

bool form_private_read(const ECCrefPrivateKey *key, uint8_t k[32])
{
    return number_read(key->K, k) && word_read(&key->bits) == 256;
}

void form_private_write(ECCrefPrivateKey *key, const uint8_t k[32])
{
    bits_write(&key->bits);
    number_write(key->K, k);
}

bool form_signature_read(const ECCSignature *signature, uint8_t out[FORM_SIGNATURE])
{
    bool r = number_read(signature->r, out);
    bool s = number_read(signature->s, out + NUMBER);
    return r && s;
}

void form_signature_write(ECCSignature *signature, const uint8_t in[FORM_SIGNATURE])
{
    number_write(signature->r, in);
    number_write(signature->s, in + NUMBER);
}

uint32_t form_cipher_length(const ECCCipher *cipher)
{
    return word_read(&cipher->L);
}

uint32_t form_cipher_read(const ECCCipher *cipher, uint8_t *out, size_t *len)
{
    uint32_t c_len = form_cipher_length(cipher);
    if (c_len == 0 || c_len > FORM_PKE_MAX)
        return SDR_INARGERR;
    bool x = number_read(cipher->x, out);
    bool y = number_read(cipher->y, out + NUMBER);
    if (!x || !y)
        return SDR_ENCDATAERR;
    memcpy(out + 2 * NUMBER, cipher->M, sizeof cipher->M);
    memcpy(out + FORM_PKE_HEAD, (const unsigned char *)cipher + offsetof(ECCCipher, C), c_len);
    *len = FORM_PKE_HEAD + c_len;
    return SDR_OK;
}

void form_cipher_write(ECCCipher *cipher, const uint8_t *in, size_t len)
{
    uint32_t c_len = (uint32_t)(len - FORM_PKE_HEAD);
    number_write(cipher->x, in);
    number_write(cipher->y, in + NUMBER);
    memcpy(cipher->M, in + 2 * NUMBER, sizeof cipher->M);
    memcpy(&cipher->L, &c_len, sizeof c_len);
    memcpy((unsigned char *)cipher + offsetof(ECCCipher, C), in + FORM_PKE_HEAD, c_len);
}

bool alg_is_sm2(uint32_t alg)
{
    return alg == SGD_SM2 || alg == SGD_SM2_1 || alg == SGD_SM2_2 || alg == SGD_SM2_3;
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
