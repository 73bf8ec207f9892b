/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA key bytes (card.h) to libcrypto's keys and back.
 *
 * A public key is taken as it comes, within limits that bound the time of an operation: a modulus of one of three
 * lengths, odd, with its top bit set, and an odd exponent from 3 to 64 bits. A private key must be one: its numbers fit
 * each other, and what the private operation makes the public one undoes. Primality is not tested; whoever brings a
 * private key that is none weakens only himself.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#include "cards/soft/soft_internal.h"

enum number {
    NUMBER_M,
    NUMBER_E,
    NUMBER_D,
    NUMBER_P,
    NUMBER_Q,
    NUMBER_DP,
    NUMBER_DQ,
    NUMBER_QINV,
    NUMBERS,
    NUMBERS_PUBLIC = NUMBER_D
};

static const char *const names[NUMBERS] = {
    OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
    OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
    OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
    OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

static size_t number_len(enum number number, size_t len)
{
    return number == NUMBER_E ? CARD_RSA_E : number == NUMBER_M || number == NUMBER_D ? len : len / 2;
}

bool rsa_len_ok(size_t len)
{
    return len == 256 || len == 384 || len == 512;
}

static bool public_ok(const uint8_t *bytes, size_t len)
{
    const uint8_t *e = bytes + len;
    uint8_t above = 0;

    for (size_t i = 0; i < CARD_RSA_E - 1; i++)
        above |= e[i];
    return bytes[0] >= 0x80 && bytes[len - 1] & 1 && e[CARD_RSA_E - 1] & 1 && (above || e[CARD_RSA_E - 1] >= 3);
}

/* Private numbers pass through libcrypto's secure heap; where the key then keeps them is its own affair. */
static EVP_PKEY *pkey_make(const uint8_t *bytes, size_t len, unsigned count)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *numbers[NUMBERS] = {NULL};
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;
    bool ok = build && ctx;

    for (unsigned i = 0; ok && i < count; i++) {
        numbers[i] = i < NUMBERS_PUBLIC ? BN_new() : BN_secure_new();
        ok = numbers[i] && BN_bin2bn(bytes, (int)number_len((enum number)i, len), numbers[i]) &&
             OSSL_PARAM_BLD_push_BN(build, names[i], numbers[i]);
        bytes += number_len((enum number)i, len);
    }
    params = ok ? OSSL_PARAM_BLD_to_param(build) : NULL;
    if (!params || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, count == NUMBERS ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    for (unsigned i = 0; i < NUMBERS; i++)
        BN_clear_free(numbers[i]);
    ERR_clear_error();
    return pkey;
}

EVP_PKEY *rsa_pkey_public(const uint8_t *bytes, size_t len, uint32_t *status)
{
    EVP_PKEY *pkey;

    *status = SDR_KEYERR;
    if (!rsa_len_ok(len) || !public_ok(bytes, len))
        return NULL;
    pkey = pkey_make(bytes, len, NUMBERS_PUBLIC);
    if (!pkey)
        *status = SDR_NOBUFFER;
    return pkey;
}

/* factor - 1 divides into d with that rest */
static bool exponent_ok(const BIGNUM *d, const BIGNUM *factor, const BIGNUM *rest, BIGNUM *t, BIGNUM *u, BN_CTX *ctx)
{
    return BN_copy(t, factor) && BN_sub_word(t, 1) && !BN_is_zero(t) && BN_mod(u, d, t, ctx) && BN_cmp(u, rest) == 0;
}

/* Do the numbers of the Chinese remainder belong to modulus and exponent? */
static bool factors_ok(const uint8_t *bytes, size_t len)
{
    BN_CTX *ctx = BN_CTX_secure_new();
    BIGNUM *v[NUMBERS] = {NULL}, *t = BN_secure_new(), *u = BN_secure_new();
    bool ok = ctx && t && u;

    for (unsigned i = 0; i < NUMBERS; i++) {
        v[i] = BN_secure_new();
        ok = ok && v[i] && BN_bin2bn(bytes, (int)number_len((enum number)i, len), v[i]);
        if (v[i])
            BN_set_flags(v[i], BN_FLG_CONSTTIME);
        bytes += number_len((enum number)i, len);
    }
    ok = ok && BN_mul(t, v[NUMBER_P], v[NUMBER_Q], ctx) && BN_cmp(t, v[NUMBER_M]) == 0 &&
         exponent_ok(v[NUMBER_D], v[NUMBER_P], v[NUMBER_DP], t, u, ctx) &&
         exponent_ok(v[NUMBER_D], v[NUMBER_Q], v[NUMBER_DQ], t, u, ctx) &&
         BN_mod_mul(t, v[NUMBER_Q], v[NUMBER_QINV], v[NUMBER_P], ctx) && BN_is_one(t);
    for (unsigned i = 0; i < NUMBERS; i++)
        BN_clear_free(v[i]);
    BN_clear_free(t);
    BN_clear_free(u);
    BN_CTX_free(ctx);
    return ok;
}

/* Does the public operation undo the private one? */
static bool pair_ok(EVP_PKEY *pkey, size_t len)
{
    EVP_PKEY_CTX *open = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL),
                 *close = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    uint8_t block[CARD_RSA_MAX], there[CARD_RSA_MAX], back[CARD_RSA_MAX];
    size_t there_len = sizeof(there), back_len = sizeof(back);
    bool ok;

    memset(block, 0x5a, len); /* below any modulus: its top bit is set */
    ok = open && close && EVP_PKEY_decrypt_init(open) == 1 && EVP_PKEY_CTX_set_rsa_padding(open, RSA_NO_PADDING) == 1 &&
         EVP_PKEY_encrypt_init(close) == 1 && EVP_PKEY_CTX_set_rsa_padding(close, RSA_NO_PADDING) == 1 &&
         EVP_PKEY_decrypt(open, there, &there_len, block, len) == 1 && there_len == len &&
         EVP_PKEY_encrypt(close, back, &back_len, there, len) == 1 && back_len == len && memcmp(back, block, len) == 0;
    EVP_PKEY_CTX_free(open);
    EVP_PKEY_CTX_free(close);
    return ok;
}

EVP_PKEY *rsa_pkey_private(const uint8_t *bytes, size_t len, uint32_t *status)
{
    EVP_PKEY *pkey;

    *status = SDR_KEYERR;
    if (!rsa_len_ok(len) || !public_ok(bytes, len) || !factors_ok(bytes, len)) {
        ERR_clear_error();
        return NULL;
    }
    pkey = pkey_make(bytes, len, NUMBERS);
    if (!pkey) {
        *status = SDR_NOBUFFER;
    } else if (!pair_ok(pkey, len)) {
        ERR_clear_error();
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

bool rsa_pair_bytes(const EVP_PKEY *pkey, uint8_t *out, size_t len)
{
    for (unsigned i = 0; i < NUMBERS; i++) {
        size_t size = number_len((enum number)i, len);
        uint8_t native[CARD_RSA_MAX];
        /* straight into our buffer: EVP_PKEY_get_bn_param would leave a copy on the stack */
        OSSL_PARAM params[2] = {OSSL_PARAM_construct_BN(names[i], native, size), OSSL_PARAM_construct_end()};
        bool ok = EVP_PKEY_get_params(pkey, params) == 1 && params[0].return_size <= size;

        for (size_t at = 0; at < size; at++) /* such a parameter is in the machine's byte order */
            out[at] = native[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? size - 1 - at : at];
        explicit_bzero(native, sizeof(native));
        if (!ok)
            return false;
        out += size;
    }
    return true;
}
