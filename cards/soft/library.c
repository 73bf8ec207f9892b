/* SPDX-License-Identifier: Apache-2.0 */
/* see library.h. Written apart from the card on purpose: nothing but the SGD_ ids and alg.c's names is shared. */
#include <gcrypt.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cardmux/sdf.h"
#include "cards/soft/library.h"
#include "cards/soft/secret.h"

#define MAC_BUFFER 16384u

struct library {
    enum library_use use;
    enum card_op op;
    bool ctr, ecb;
    EVP_CIPHER_CTX *cipher;
    gcry_cipher_hd_t gcipher;
    EVP_MD *md;
    EVP_MD_CTX *md_ctx;
    int ghash; /* 0: none */
    EVP_MAC_CTX *mac;
    gcry_md_hd_t gmac;
    EVP_PKEY_CTX *pkey;
    uint8_t scratch[MAC_BUFFER];
};

struct cipher_name {
    uint32_t mode;
    const char *name;
    int gcrypt;
};

static const struct cipher_name modes[] = {
    {SGD_ECB, "ECB", GCRY_CIPHER_MODE_ECB}, {SGD_CBC, "CBC", GCRY_CIPHER_MODE_CBC},
    {SGD_CFB, "CFB", GCRY_CIPHER_MODE_CFB}, {SGD_OFB, "OFB", GCRY_CIPHER_MODE_OFB},
    {SGD_CTR, "CTR", GCRY_CIPHER_MODE_CTR}, {SGD_MAC, "CBC", GCRY_CIPHER_MODE_CBC},
};

static const struct {
    uint32_t alg, alg2;
    const char *name;
    int gcrypt;
} hashes[] = {
    {SGD_SM3, SGD_SM3, "SM3", GCRY_MD_SM3},
    {SGD_SHA1, SGD_SHA1, "SHA1", GCRY_MD_SHA1},
    {SGD_SHA224, SGD_SHA224_B, "SHA224", GCRY_MD_SHA224},
    {SGD_SHA256, SGD_SHA256, "SHA256", GCRY_MD_SHA256},
    {SGD_SHA384, SGD_SHA384_B, "SHA384", GCRY_MD_SHA384},
    {SGD_SHA512, SGD_SHA512_B, "SHA512", GCRY_MD_SHA512},
    {SGD_SHA3_224, SGD_SHA3_224, "SHA3-224", GCRY_MD_SHA3_224},
    {SGD_SHA3_256, SGD_SHA3_256, "SHA3-256", GCRY_MD_SHA3_256},
    {SGD_SHA3_384, SGD_SHA3_384, "SHA3-384", GCRY_MD_SHA3_384},
    {SGD_SHA3_512, SGD_SHA3_512, "SHA3-512", GCRY_MD_SHA3_512},
};

static int hash_find(uint32_t alg)
{
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        if (hashes[i].alg == alg || hashes[i].alg2 == alg)
            return (int)i;
    }
    return -1;
}

static bool faster_in_gcrypt(bool sm4, enum card_op op, uint32_t mode)
{
    if (mode == SGD_CTR)
        return true;
    if (mode == SGD_ECB || mode == SGD_MAC)
        return false;
    return sm4 ? op == CARD_DECRYPT && mode != SGD_OFB : true;
}

static bool cipher_open(struct library *library, uint32_t alg, const uint8_t *key, size_t key_len)
{
    static const uint8_t zero[16];
    static const int aes[3] = {GCRY_CIPHER_AES128, GCRY_CIPHER_AES192, GCRY_CIPHER_AES256};
    bool sm4 = (alg & ~0xffu) == SGD_SM4;
    const struct cipher_name *mode = NULL;
    EVP_CIPHER *cipher;
    char name[24];
    bool ok;

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (modes[i].mode == (alg & 0xffu))
            mode = &modes[i];
    }
    if (!mode || (!sm4 && (alg & ~0xffu) != SGD_AES) || key_len % 8 || key_len < 16 || key_len > (sm4 ? 16u : 32u))
        return false;
    library->ctr = mode->mode == SGD_CTR;
    library->ecb = mode->mode == SGD_ECB;
    if (library->use == LIBRARY_FASTEST && faster_in_gcrypt(sm4, library->op, mode->mode))
        return gcry_cipher_open(&library->gcipher, sm4 ? GCRY_CIPHER_SM4 : aes[key_len / 8 - 2], mode->gcrypt, 0) ==
                   0 &&
               gcry_cipher_setkey(library->gcipher, key, key_len) == 0;
    if (sm4)
        snprintf(name, sizeof(name), "SM4-%s", mode->name);
    else
        snprintf(name, sizeof(name), "AES-%u-%s", (unsigned)key_len * 8, mode->name);
    cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    library->cipher = EVP_CIPHER_CTX_new();
    ok = cipher && library->cipher &&
         EVP_CipherInit_ex2(library->cipher, cipher, key, library->ecb ? NULL : zero, library->op != CARD_DECRYPT,
                            NULL) == 1 &&
         EVP_CIPHER_CTX_set_padding(library->cipher, 0) == 1;
    EVP_CIPHER_free(cipher);
    return ok;
}

static bool hmac_open(struct library *library, int hash, const uint8_t *key, size_t key_len)
{
    char name[16];
    OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
    EVP_MAC *mac;

    if (library->use == LIBRARY_FASTEST)
        return gcry_md_open(&library->gmac, hashes[hash].gcrypt, GCRY_MD_FLAG_HMAC) == 0 &&
               gcry_md_setkey(library->gmac, key, key_len) == 0;
    snprintf(name, sizeof(name), "%s", hashes[hash].name);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    library->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    return library->mac && EVP_MAC_init(library->mac, key, key_len, params) == 1;
}

static bool hash_open(struct library *library, uint32_t alg)
{
    int hash = hash_find(alg);

    if (hash < 0)
        return false;
    if (library->use == LIBRARY_FASTEST) {
        library->ghash = hashes[hash].gcrypt;
        return true;
    }
    library->md = EVP_MD_fetch(NULL, hashes[hash].name, NULL);
    library->md_ctx = EVP_MD_CTX_new();
    return library->md && library->md_ctx;
}

static EVP_PKEY *sm2_key(const uint8_t *key, size_t key_len)
{
    uint8_t octets[65] = {4};
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    bool private = key_len == 96;
    BIGNUM *number = private ? BN_bin2bn(key, 32, BN_secure_new()) : NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;

    memcpy(octets + 1, key + (private ? 32 : 0), 64);
    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0);
    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, octets, sizeof(octets));
    if (private)
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number);
    params = OSSL_PARAM_BLD_to_param(build);
    if (EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &pkey, private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    BN_clear_free(number);
    return pkey;
}

static bool sm2_open(struct library *library, const uint8_t *key, size_t key_len)
{
    EVP_PKEY *pkey = key_len == 96 || key_len == 64 ? sm2_key(key, key_len) : NULL;

    library->pkey = pkey ? EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL) : NULL;
    EVP_PKEY_free(pkey);
    if (!library->pkey)
        return false;
    switch (library->op) {
    case CARD_SIGN:
        return EVP_PKEY_sign_init(library->pkey) == 1;
    case CARD_VERIFY:
        return EVP_PKEY_verify_init(library->pkey) == 1;
    case CARD_PKE_ENCRYPT:
        return EVP_PKEY_encrypt_init(library->pkey) == 1;
    default:
        return EVP_PKEY_decrypt_init(library->pkey) == 1;
    }
}

struct library *library_open(enum library_use use, enum card_op op, uint32_t alg, const uint8_t *key, size_t key_len)
{
    struct library *library = memory_setup() ? calloc(1, sizeof(*library)) : NULL;
    bool ok = false;

    if (!library)
        return NULL;
    library->use = use;
    library->op = op;
    switch (op) {
    case CARD_RANDOM:
        ok = true;
        break;
    case CARD_HASH:
        ok = hash_open(library, alg);
        break;
    case CARD_MAC:
        if (hash_find(alg) >= 0) {
            ok = hmac_open(library, hash_find(alg), key, key_len);
            break;
        }
        ok = (alg & 0xffu) == SGD_MAC && cipher_open(library, alg, key, key_len);
        break;
    case CARD_ENCRYPT:
    case CARD_DECRYPT:
        ok = (alg & 0xffu) != SGD_MAC && cipher_open(library, alg, key, key_len);
        break;
    case CARD_SIGN:
    case CARD_VERIFY:
    case CARD_PKE_ENCRYPT:
    case CARD_PKE_DECRYPT:
        ok = sm2_open(library, key, key_len);
        break;
    default:
        break;
    }
    if (!ok) {
        ERR_clear_error();
        library_close(library);
        return NULL;
    }
    return library;
}

void library_close(struct library *library)
{
    if (!library)
        return;
    EVP_CIPHER_CTX_free(library->cipher);
    gcry_cipher_close(library->gcipher);
    EVP_MD_CTX_free(library->md_ctx);
    EVP_MD_free(library->md);
    EVP_MAC_CTX_free(library->mac);
    gcry_md_close(library->gmac);
    EVP_PKEY_CTX_free(library->pkey);
    explicit_bzero(library, sizeof(*library));
    free(library);
}

static size_t cipher_run(struct library *library, const uint8_t *iv, const uint8_t *in, size_t len, uint8_t *out)
{
    int done;

    if (library->gcipher) {
        if (library->ctr)
            gcry_cipher_setctr(library->gcipher, iv, 16);
        else
            gcry_cipher_setiv(library->gcipher, iv, 16);
        if (library->op == CARD_DECRYPT)
            return gcry_cipher_decrypt(library->gcipher, out, len, in, len) ? 0 : len;
        return gcry_cipher_encrypt(library->gcipher, out, len, in, len) ? 0 : len;
    }
    if (!library->ecb && EVP_CipherInit_ex2(library->cipher, NULL, NULL, iv, -1, NULL) != 1)
        return 0;
    return EVP_CipherUpdate(library->cipher, out, &done, in, (int)len) == 1 ? (size_t)done : 0;
}

static size_t mac_run(struct library *library, const uint8_t *iv, const uint8_t *in, size_t len, uint8_t *out,
                      size_t out_cap)
{
    size_t done = 0;

    if (library->gmac) {
        done = gcry_md_get_algo_dlen(gcry_md_get_algo(library->gmac));
        gcry_md_reset(library->gmac);
        gcry_md_write(library->gmac, in, len);
        memcpy(out, gcry_md_read(library->gmac, 0), done);
        return done;
    }
    if (library->mac) {
        if (EVP_MAC_init(library->mac, NULL, 0, NULL) != 1 || EVP_MAC_update(library->mac, in, len) != 1 ||
            EVP_MAC_final(library->mac, out, &done, out_cap) != 1)
            return 0;
        return done;
    }
    if (EVP_CipherInit_ex2(library->cipher, NULL, NULL, iv, -1, NULL) != 1)
        return 0;
    for (size_t step; len; in += step, len -= step) {
        int written;

        step = len < MAC_BUFFER ? len : MAC_BUFFER;
        if (EVP_CipherUpdate(library->cipher, library->scratch, &written, in, (int)step) != 1 || written < 16)
            return 0;
        memcpy(out, library->scratch + written - 16, 16);
    }
    return 16;
}

static size_t hash_run(struct library *library, const uint8_t *in, size_t len, uint8_t *out)
{
    uint8_t digest[64];
    unsigned done = 0;

    if (library->ghash) {
        done = gcry_md_get_algo_dlen(library->ghash);
        gcry_md_hash_buffer(library->ghash, digest, in, len);
    } else if (EVP_DigestInit_ex2(library->md_ctx, library->md, NULL) != 1 ||
               EVP_DigestUpdate(library->md_ctx, in, len) != 1 ||
               EVP_DigestFinal_ex(library->md_ctx, digest, &done) != 1) {
        return 0;
    }
    memcpy(out, digest, done);
    return done;
}

static size_t sign_run(struct library *library, const uint8_t *in, size_t len, uint8_t *out)
{
    uint8_t der[80];
    const uint8_t *at = der;
    size_t der_len = sizeof(der);
    ECDSA_SIG *sig;
    bool ok;

    if (EVP_PKEY_sign(library->pkey, der, &der_len, in, len) != 1)
        return 0;
    sig = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
    ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) == 32 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) == 32;
    ECDSA_SIG_free(sig);
    return ok ? 64 : 0;
}

static size_t verify_run(struct library *library, const uint8_t *in, size_t len, const uint8_t *raw)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, 32, NULL), *s = BN_bin2bn(raw + 32, 32, NULL);
    uint8_t *der = NULL;
    int der_len = -1;
    bool ok = false;

    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        der_len = i2d_ECDSA_SIG(sig, &der);
    } else {
        BN_free(r);
        BN_free(s);
    }
    if (der_len > 0)
        ok = EVP_PKEY_verify(library->pkey, der, (size_t)der_len, in, len) == 1;
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    ERR_clear_error();
    return ok;
}

/* The ciphertext's DER, by hand and from the front: the card has its own reader, this one only has to be right for what
   libcrypto itself wrote. */
static size_t pke_encrypt_run(struct library *library, const uint8_t *in, size_t len, uint8_t *out)
{
    uint8_t der[512];
    size_t der_len = sizeof(der), at;

    if (len > 255 || EVP_PKEY_encrypt(library->pkey, der, &der_len, in, len) != 1)
        return 0;
    at = der[1] == 0x82 ? 4 : der[1] == 0x81 ? 3 : 2;
    memset(out, 0, 64);
    for (int i = 0; i < 2; i++) {
        size_t size = der[at + 1], skip = size > 32;

        memcpy(out + 32 * i + 32 - (size - skip), der + at + 2 + skip, size - skip);
        at += 2 + size;
    }
    memcpy(out + 64, der + at + 2, 32);
    memcpy(out + 96, der + der_len - len, len);
    return 96 + len;
}

static size_t pke_decrypt_run(struct library *library, const uint8_t *in, size_t len, uint8_t *out)
{
    BIGNUM *x = BN_bin2bn(in, 32, NULL), *y = BN_bin2bn(in + 32, 32, NULL);
    ASN1_INTEGER *ax = BN_to_ASN1_INTEGER(x, NULL), *ay = BN_to_ASN1_INTEGER(y, NULL);
    ASN1_OCTET_STRING *m = ASN1_OCTET_STRING_new(), *c = ASN1_OCTET_STRING_new();
    uint8_t plain[256], inner[512], der[520], *at = inner;
    size_t done = sizeof(plain), inner_len;

    ASN1_OCTET_STRING_set(m, in + 64, 32);
    ASN1_OCTET_STRING_set(c, in + 96, (int)len - 96);
    i2d_ASN1_INTEGER(ax, &at);
    i2d_ASN1_INTEGER(ay, &at);
    i2d_ASN1_OCTET_STRING(m, &at);
    i2d_ASN1_OCTET_STRING(c, &at);
    inner_len = (size_t)(at - inner);
    at = der;
    ASN1_put_object(&at, 1, (int)inner_len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(at, inner, inner_len);
    if (EVP_PKEY_decrypt(library->pkey, plain, &done, der, (size_t)(at - der) + inner_len) != 1)
        done = 0;
    memcpy(out, plain, done);
    explicit_bzero(plain, sizeof(plain));
    ASN1_INTEGER_free(ax);
    ASN1_INTEGER_free(ay);
    ASN1_OCTET_STRING_free(m);
    ASN1_OCTET_STRING_free(c);
    BN_free(x);
    BN_free(y);
    ERR_clear_error();
    return done;
}

size_t library_run(struct library *library, const uint8_t iv[CARD_IV], const uint8_t *in, size_t in_len,
                   const uint8_t *sig, uint8_t *out, size_t out_cap)
{
    switch (library->op) {
    case CARD_ENCRYPT:
    case CARD_DECRYPT:
        return out_cap < in_len ? 0 : cipher_run(library, iv, in, in_len, out);
    case CARD_MAC:
        return out_cap < CARD_DIGEST_MAX ? 0 : mac_run(library, iv, in, in_len, out, out_cap);
    case CARD_HASH:
        return out_cap < CARD_DIGEST_MAX ? 0 : hash_run(library, in, in_len, out);
    case CARD_RANDOM:
        return RAND_bytes(out, (int)out_cap) == 1 ? out_cap : 0;
    case CARD_SIGN:
        return out_cap < CARD_ECC_SIG ? 0 : sign_run(library, in, in_len, out);
    case CARD_VERIFY:
        return verify_run(library, in, in_len, sig);
    case CARD_PKE_ENCRYPT:
        return out_cap < CARD_PKE_HEAD + in_len ? 0 : pke_encrypt_run(library, in, in_len, out);
    case CARD_PKE_DECRYPT:
        return in_len <= CARD_PKE_HEAD || in_len > CARD_PKE_HEAD + CARD_PKE_MAX || out_cap < in_len - CARD_PKE_HEAD
                   ? 0
                   : pke_decrypt_run(library, in, in_len, out);
    default:
        return 0;
    }
}
