/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SM2 on libcrypto: signature over a given digest, encryption, key pairs; and ECDSA on P-256, which differs by curve
 * and name only.
 *
 * EVP_PKEY_sign on an SM2 key takes the 32-byte digest itself; no Z enters there (the caller has hashed it in, see
 * hash_start). Per key, an initialised EVP_PKEY_CTX for each use is cached. What comes from a tenant is checked before
 * libcrypto sees it: points are on the curve, r and s in [1, n-1], private numbers in [1, n-2] and fitting their point.
 * A ciphertext's C1 is checked by libcrypto, which refuses a point that is not on the curve.
 *
 * A key stream that is all zero comes up once in 256 one-byte messages, and would send the plaintext in clear.
 * GM/T 0003.4 asks for another random number then. Whether libcrypto looks for it depends on its release, so
 * sm2_encrypt looks too and repeats.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <pthread.h>
#include <string.h>

#include "cards/soft/sm2_der.h"
#include "cards/soft/soft_internal.h"

#define ENCRYPT_TRIES 32

const uint8_t sm2_curve[4 * 32] = {
    /* a */
    0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc,
    /* b */
    0x28, 0xe9, 0xfa, 0x9e, 0x9d, 0x9f, 0x5e, 0x34, 0x4d, 0x5a, 0x9e, 0x4b, 0xcf, 0x65, 0x09, 0xa7, 0xf3, 0x97, 0x89,
    0xf5, 0x15, 0xab, 0x8f, 0x92, 0xdd, 0xbc, 0xbd, 0x41, 0x4d, 0x94, 0x0e, 0x93,
    /* xG */
    0x32, 0xc4, 0xae, 0x2c, 0x1f, 0x19, 0x81, 0x19, 0x5f, 0x99, 0x04, 0x46, 0x6a, 0x39, 0xc9, 0x94, 0x8f, 0xe3, 0x0b,
    0xbf, 0xf2, 0x66, 0x0b, 0xe1, 0x71, 0x5a, 0x45, 0x89, 0x33, 0x4c, 0x74, 0xc7,
    /* yG */
    0xbc, 0x37, 0x36, 0xa2, 0xf4, 0xf6, 0x77, 0x9c, 0x59, 0xbd, 0xce, 0xe3, 0x6b, 0x69, 0x21, 0x53, 0xd0, 0xa9, 0x87,
    0x7c, 0xc6, 0x2a, 0x47, 0x40, 0x02, 0xdf, 0x32, 0xe5, 0x21, 0x39, 0xf0, 0xa0};

const uint8_t sm2_order[32] = {0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                               0xff, 0xff, 0xff, 0xff, 0xff, 0x72, 0x03, 0xdf, 0x6b, 0x21, 0xc6,
                               0x05, 0x2b, 0x53, 0xbb, 0xf4, 0x09, 0x39, 0xd5, 0x41, 0x23};

static const uint8_t p256_order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                       0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

static bool in_range(const uint8_t number[32], const uint8_t order[32], unsigned less)
{
    unsigned borrow = 0, any = 0;

    /* number - (order - less), without a branch on the number, which may be private */
    for (size_t i = 32; i-- > 0;) {
        unsigned limit = order[i] - (i == 31 ? less : 0);

        borrow = ((unsigned)number[i] - limit - borrow) >> 31;
        any |= number[i];
    }
    return borrow && any;
}

bool sm2_in_range(const uint8_t number[32], unsigned less)
{
    return in_range(number, sm2_order, less);
}

static EC_GROUP *groups[2]; /* SM2, P-256 */

static void groups_make(void)
{
    groups[0] = EC_GROUP_new_by_curve_name(NID_sm2);
    groups[1] = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
}

static const EC_GROUP *curve_group(bool p256)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, groups_make);
    return groups[p256];
}

const EC_GROUP *sm2_group(void)
{
    return curve_group(false);
}

static bool point_ok(bool p256, const uint8_t point[CARD_ECC_POINT])
{
    uint8_t octets[1 + CARD_ECC_POINT] = {POINT_CONVERSION_UNCOMPRESSED};
    const EC_GROUP *group = curve_group(p256);
    EC_POINT *ec_point;
    bool ok;

    ec_point = group ? EC_POINT_new(group) : NULL;
    if (!ec_point)
        return false;
    memcpy(octets + 1, point, CARD_ECC_POINT);
    ok = EC_POINT_oct2point(group, ec_point, octets, sizeof(octets), NULL) == 1;
    EC_POINT_free(ec_point);
    if (!ok)
        ERR_clear_error();
    return ok;
}

bool sm2_point_ok(const uint8_t point[CARD_ECC_POINT])
{
    return point_ok(false, point);
}

static EVP_PKEY *pkey_make(bool p256, const uint8_t point[CARD_ECC_POINT], const uint8_t *number)
{
    uint8_t octets[1 + CARD_ECC_POINT] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, p256 ? "EC" : "SM2", NULL);
    BIGNUM *bn = number ? BN_secure_new() : NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;

    memcpy(octets + 1, point, CARD_ECC_POINT);
    if (!build || !ctx || (number && !(bn && BN_bin2bn(number, CARD_ECC_PRIVATE, bn))))
        goto out;
    if (!OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, p256 ? "P-256" : "SM2", 0) ||
        !OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, octets, sizeof(octets)) ||
        (bn && !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, bn)))
        goto out;
    params = OSSL_PARAM_BLD_to_param(build);
    if (!params || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, bn ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
out:
    OSSL_PARAM_free(params); /* a secure BIGNUM goes to the secure heap here too, and is wiped */
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    BN_clear_free(bn);
    ERR_clear_error();
    return pkey;
}

static EVP_PKEY *pkey_public(bool p256, const uint8_t point[CARD_ECC_POINT], uint32_t *status)
{
    EVP_PKEY *pkey = NULL;

    if (!point_ok(p256, point))
        *status = SDR_KEYERR;
    else if (!(pkey = pkey_make(p256, point, NULL)))
        *status = SDR_NOBUFFER;
    return pkey;
}

EVP_PKEY *sm2_pkey_public(const uint8_t point[CARD_ECC_POINT], uint32_t *status)
{
    return pkey_public(false, point, status);
}

EVP_PKEY *p256_pkey_public(const uint8_t point[CARD_ECC_POINT], uint32_t *status)
{
    return pkey_public(true, point, status);
}

static EVP_PKEY *pkey_private(bool p256, const uint8_t bytes[CARD_ECC_PRIVATE + CARD_ECC_POINT], uint32_t *status)
{
    const uint8_t *point = bytes + CARD_ECC_PRIVATE;
    EVP_PKEY_CTX *ctx = NULL;
    EVP_PKEY *pkey;

    /* n-1 is no key of SM2: (1+d) would have no inverse */
    if (!(p256 ? in_range(bytes, p256_order, 0) : sm2_in_range(bytes, 1)) || !point_ok(p256, point)) {
        *status = SDR_KEYERR;
        return NULL;
    }
    pkey = pkey_make(p256, point, bytes);
    ctx = pkey ? EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL) : NULL;
    if (!ctx) {
        *status = SDR_NOBUFFER;
    } else if (EVP_PKEY_pairwise_check(ctx) != 1) {
        ERR_clear_error();
        *status = SDR_KEYERR;
    } else {
        EVP_PKEY_CTX_free(ctx);
        return pkey;
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return NULL;
}

EVP_PKEY *sm2_pkey_private(const uint8_t bytes[CARD_ECC_PRIVATE + CARD_ECC_POINT], uint32_t *status)
{
    return pkey_private(false, bytes, status);
}

EVP_PKEY *p256_pkey_private(const uint8_t bytes[CARD_ECC_PRIVATE + CARD_ECC_POINT], uint32_t *status)
{
    return pkey_private(true, bytes, status);
}

static void *pkey_context(EVP_PKEY *pkey, unsigned kind)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    int ok = 0;

    if (ctx && kind == KIND_SM2_SIGN)
        ok = EVP_PKEY_sign_init(ctx);
    else if (ctx && kind == KIND_SM2_VERIFY)
        ok = EVP_PKEY_verify_init(ctx);
    else if (ctx && kind == KIND_SM2_ENCRYPT)
        ok = EVP_PKEY_encrypt_init(ctx);
    else if (ctx && kind == KIND_SM2_DECRYPT)
        ok = EVP_PKEY_decrypt_init(ctx);
    if (ok == 1)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return NULL;
}

void *sm2_context(struct card_key *key, unsigned kind)
{
    return pkey_context(key->pkey, kind);
}

static bool is_sm2(const struct card_key *key)
{
    return key->type == CARD_KEY_SM2_PRIVATE || key->type == CARD_KEY_SM2_PUBLIC;
}

static bool is_p256(const struct card_key *key)
{
    return key->type == CARD_KEY_P256_PRIVATE || key->type == CARD_KEY_P256_PUBLIC;
}

/* The context for a job that names a key, or brings a point. Sets *status where it returns NULL. */
static void *public_context(struct card_key *key, bool p256, const uint8_t *point, unsigned kind, uint32_t *status)
{
    uint8_t copy[CARD_ECC_POINT];
    void *context = NULL;
    EVP_PKEY *pkey;

    if (key) {
        bool fits = is_sm2(key) || (kind == KIND_SM2_VERIFY && is_p256(key));

        *status = fits ? SDR_NOBUFFER : SDR_KEYTYPEERR;
        return fits ? context_take(key, kind) : NULL;
    }
    *status = SDR_KEYNOTEXIST;
    if (!point)
        return NULL;
    memcpy(copy, point, sizeof(copy));
    pkey = pkey_public(p256, copy, status);
    if (pkey) {
        *status = SDR_NOBUFFER;
        context = pkey_context(pkey, kind);
        EVP_PKEY_free(pkey); /* the context holds a reference */
    }
    return context;
}

static void context_done(struct card_key *key, unsigned kind, void *context)
{
    if (key)
        context_put(key, kind, context);
    else
        context_drop(kind, context);
}

static void *private_context(struct card_key *key, unsigned kind, uint32_t *status)
{
    if (!key) {
        *status = SDR_KEYNOTEXIST;
        return NULL;
    }
    bool fits = key->type == CARD_KEY_SM2_PRIVATE || (kind == KIND_SM2_SIGN && key->type == CARD_KEY_P256_PRIVATE);

    *status = fits ? SDR_NOBUFFER : SDR_KEYTYPEERR;
    return fits ? context_take(key, kind) : NULL;
}

uint32_t sm2_sign(struct card_job *job)
{
    uint8_t der[SM2_DER_SIG_MAX], sig[CARD_ECC_SIG], digest[32];
    size_t len = sizeof(der);
    uint32_t status;
    void *context;

    if (job->in_len != sizeof(digest))
        return SDR_INARGERR;
    if (job->out_cap < CARD_ECC_SIG)
        return SDR_OUTARGERR;
    memcpy(digest, job->in, sizeof(digest));
    context = private_context(job->key, KIND_SM2_SIGN, &status);
    if (!context)
        return status;
    if (EVP_PKEY_sign(context, der, &len, digest, sizeof(digest)) != 1 || !sm2_der_sig_read(der, len, sig)) {
        ERR_clear_error();
        context_drop(KIND_SM2_SIGN, context);
        return SDR_SIGNERR;
    }
    context_put(job->key, KIND_SM2_SIGN, context);
    memcpy(job->out, sig, sizeof(sig));
    job->out_len = sizeof(sig);
    return SDR_OK;
}

uint32_t sm2_verify(struct card_job *job)
{
    uint8_t der[SM2_DER_SIG_MAX], sig[CARD_ECC_SIG], digest[32];
    const uint8_t *order;
    uint32_t status;
    void *context;
    bool p256;
    int ok;

    if (job->in_len != sizeof(digest) || !job->aux2)
        return SDR_INARGERR;
    memcpy(sig, job->aux2, sizeof(sig));
    memcpy(digest, job->in, sizeof(digest));
    p256 = job->key ? is_p256(job->key) : job->alg == SGD_ECDSA_P256;
    context = public_context(job->key, p256, job->aux, KIND_SM2_VERIFY, &status);
    if (!context)
        return status;
    order = p256 ? p256_order : sm2_order;
    ok = in_range(sig, order, 0) && in_range(sig + 32, order, 0) &&
         EVP_PKEY_verify(context, der, sm2_der_sig_write(sig, der), digest, sizeof(digest)) == 1;
    context_done(job->key, KIND_SM2_VERIFY, context);
    if (!ok)
        ERR_clear_error();
    return ok ? SDR_OK : SDR_VERIFYERR;
}

uint32_t sm2_encrypt(struct card_key *key, const uint8_t *point, const uint8_t *in, size_t len, uint8_t *out)
{
    uint8_t der[SM2_DER_CIPHER_MAX + 16], plain[CARD_PKE_MAX];
    uint8_t raw[CARD_PKE_HEAD + CARD_PKE_MAX];
    uint32_t status;
    void *context = public_context(key, false, point, KIND_SM2_ENCRYPT, &status);
    bool ok = false;

    if (!context)
        return status;
    memcpy(plain, in, len);
    for (int tries = 0; tries < ENCRYPT_TRIES && !ok; tries++) {
        size_t der_len = sizeof(der);

        if (EVP_PKEY_encrypt(context, der, &der_len, plain, len) != 1 || !sm2_der_cipher_read(der, der_len, raw, len))
            break;
        ok = CRYPTO_memcmp(raw + CARD_PKE_HEAD, plain, len) != 0; /* else the key stream was all zero */
    }
    context_done(key, KIND_SM2_ENCRYPT, context);
    explicit_bzero(plain, sizeof(plain));
    if (!ok) {
        ERR_clear_error();
        return SDR_PKOPERR;
    }
    memcpy(out, raw, CARD_PKE_HEAD + len);
    return SDR_OK;
}

uint32_t sm2_decrypt(struct card_key *key, const uint8_t *in, size_t in_len, uint8_t *out)
{
    uint8_t der[SM2_DER_CIPHER_MAX], plain[CARD_PKE_MAX], raw[CARD_PKE_HEAD + CARD_PKE_MAX];
    size_t len = in_len - CARD_PKE_HEAD, plain_len = sizeof(plain);
    uint32_t status;
    void *context = private_context(key, KIND_SM2_DECRYPT, &status);
    bool ok;

    if (!context)
        return status;
    memcpy(raw, in, in_len); /* the DER writer looks twice at the numbers */
    ok = EVP_PKEY_decrypt(context, plain, &plain_len, der, sm2_der_cipher_write(raw, in_len, der)) == 1 &&
         plain_len == len;
    context_done(key, KIND_SM2_DECRYPT, context);
    if (ok)
        memcpy(out, plain, len);
    else
        ERR_clear_error();
    explicit_bzero(plain, sizeof(plain));
    return ok ? SDR_OK : SDR_ENCDATAERR;
}

uint32_t sm2_encrypt_job(struct card_job *job)
{
    uint32_t status;

    if (job->in_len < 1 || job->in_len > CARD_PKE_MAX)
        return SDR_INARGERR;
    if (job->out_cap < CARD_PKE_HEAD + job->in_len)
        return SDR_OUTARGERR;
    status = sm2_encrypt(job->key, job->aux, job->in, job->in_len, job->out);
    if (status == SDR_OK)
        job->out_len = CARD_PKE_HEAD + job->in_len;
    return status;
}

uint32_t sm2_decrypt_job(struct card_job *job)
{
    uint32_t status;

    if (job->in_len <= CARD_PKE_HEAD || job->in_len > CARD_PKE_HEAD + CARD_PKE_MAX)
        return SDR_INARGERR;
    if (job->out_cap < job->in_len - CARD_PKE_HEAD)
        return SDR_OUTARGERR;
    status = sm2_decrypt(job->key, job->in, job->in_len, job->out);
    if (status == SDR_OK)
        job->out_len = job->in_len - CARD_PKE_HEAD;
    return status;
}

bool sm2_pair_bytes(const EVP_PKEY *pkey, bool p256, uint8_t out[CARD_ECC_PRIVATE + CARD_ECC_POINT])
{
    uint8_t octets[1 + CARD_ECC_POINT], number[CARD_ECC_PRIVATE] = {0};
    OSSL_PARAM params[2] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, number, sizeof(number)),
                            OSSL_PARAM_construct_end()};
    size_t len = 0;
    bool ok;

    /* straight into our buffer: EVP_PKEY_get_bn_param would leave a copy on the stack */
    ok = EVP_PKEY_get_params(pkey, params) == 1 &&
         EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, octets, sizeof(octets), &len) == 1 &&
         len == sizeof(octets) && octets[0] == POINT_CONVERSION_UNCOMPRESSED;
    for (size_t i = 0; i < sizeof(number); i++) /* such a parameter is in the machine's byte order */
        out[i] = number[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? sizeof(number) - 1 - i : i];
    memcpy(out + CARD_ECC_PRIVATE, octets + 1, CARD_ECC_POINT);
    explicit_bzero(number, sizeof(number));
    return ok && (p256 ? in_range(out, p256_order, 0) : sm2_in_range(out, 1));
}

uint32_t sm2_keypair(struct card_job *job)
{
    uint8_t bytes[CARD_ECC_PRIVATE + CARD_ECC_POINT];
    bool p256 = job->alg == SGD_ECDSA_P256, ok;
    EVP_PKEY *pkey;

    if (!p256 && !alg_is_sm2(job->alg))
        return SDR_ALGNOTSUPPORT;
    if (job->out_cap < sizeof(bytes))
        return SDR_OUTARGERR;
    pkey = p256 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256") : EVP_PKEY_Q_keygen(NULL, NULL, "SM2");
    ok = pkey && sm2_pair_bytes(pkey, p256, bytes);
    EVP_PKEY_free(pkey);
    if (ok) {
        memcpy(job->out, bytes, sizeof(bytes));
        job->out_len = sizeof(bytes);
    } else {
        ERR_clear_error();
    }
    explicit_bzero(bytes, sizeof(bytes));
    return ok ? SDR_OK : SDR_RANDERR;
}
