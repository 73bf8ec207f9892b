/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <string.h>
#include "tests/clients/sm2_raw.h"

/* Numbers of one computation, freed together. */
struct numbers {
    BN_CTX *ctx;
    EC_GROUP *group;
    EC_POINT *p, *q;
    BIGNUM *d, *k, *x, *y, *r, *s, *t, *n;
};

static void numbers_free(struct numbers *v)
{
    EC_POINT_free(v->p);
    EC_POINT_free(v->q);
    EC_GROUP_free(v->group);
    if (v->ctx)
        BN_CTX_end(v->ctx);
    BN_CTX_free(v->ctx);
}

static bool numbers_make(struct numbers *v)
{
    memset(v, 0, sizeof *v);
    v->ctx = BN_CTX_new();
    v->group = EC_GROUP_new_by_curve_name(NID_sm2);
    if (!v->ctx || !v->group)
        return false;
    BN_CTX_start(v->ctx);
    BIGNUM **all[] = {&v->d, &v->k, &v->x, &v->y, &v->r, &v->s, &v->t, &v->n};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!(*all[i] = BN_CTX_get(v->ctx)))
            return false;
    v->p = EC_POINT_new(v->group);
    v->q = EC_POINT_new(v->group);
    return v->p && v->q && EC_GROUP_get_order(v->group, v->n, v->ctx);
}

static bool point_in(struct numbers *v, EC_POINT *p, const uint8_t *bytes)
{
    uint8_t form[65] = {4};
    memcpy(form + 1, bytes, 64);
    return EC_POINT_oct2point(v->group, p, form, sizeof form, v->ctx);
}

static bool point_out(struct numbers *v, const EC_POINT *p, uint8_t *bytes)
{
    uint8_t form[65];
    if (EC_POINT_point2oct(v->group, p, POINT_CONVERSION_UNCOMPRESSED, form, sizeof form, v->ctx) != sizeof form)
        return false;
    memcpy(bytes, form + 1, 64);
    return true;
}

static bool scalar_random(struct numbers *v, BIGNUM *k)
{
    do
        if (!BN_priv_rand_range(k, v->n))
            return false;
    while (BN_is_zero(k));
    return true;
}

static bool sm3(uint8_t out[32], const void *a, size_t a_len, const void *b, size_t b_len, const void *c, size_t c_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sm3(), NULL) && EVP_DigestUpdate(ctx, a, a_len) &&
              EVP_DigestUpdate(ctx, b, b_len) && EVP_DigestUpdate(ctx, c, c_len) && EVP_DigestFinal_ex(ctx, out, NULL);
    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool mask(const uint8_t shared[64], const uint8_t *in, size_t len, uint8_t *out)
{
    uint8_t block[32];
    for (uint32_t i = 0; (size_t)i * 32 < len; i++) {
        uint32_t n = i + 1;
        uint8_t counter[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
        if (!sm3(block, shared, 64, counter, 4, "", 0))
            return false;
        for (size_t j = 0; j < 32 && (size_t)i * 32 + j < len; j++)
            out[i * 32 + j] = in[i * 32 + j] ^ block[j];
    }
    return true;
}

bool sm2_raw_generate(uint8_t private_key[32], uint8_t point[SM2_POINT])
{
    struct numbers v;
    bool ok = numbers_make(&v) && scalar_random(&v, v.d) && BN_bn2binpad(v.d, private_key, 32) == 32 &&
              EC_POINT_mul(v.group, v.p, v.d, NULL, NULL, v.ctx) && point_out(&v, v.p, point);
    numbers_free(&v);
    return ok;
}

bool sm2_raw_public(const uint8_t private_key[32], uint8_t point[SM2_POINT])
{
    struct numbers v;
    bool ok = numbers_make(&v) && BN_bin2bn(private_key, 32, v.d) &&
              EC_POINT_mul(v.group, v.p, v.d, NULL, NULL, v.ctx) && point_out(&v, v.p, point);
    numbers_free(&v);
    return ok;
}

bool sm2_raw_on_curve(const uint8_t point[SM2_POINT])
{
    struct numbers v;
    bool ok = numbers_make(&v) && point_in(&v, v.p, point);
    numbers_free(&v);
    return ok;
}

/* A mask of zeros, which one byte has once in 256 times, would leave the text as it is: the standard takes another k,
   and refuses such a ciphertext. */
bool sm2_raw_encrypt(const uint8_t point[SM2_POINT], const uint8_t *data, size_t len, uint8_t *out)
{
    struct numbers v;
    uint8_t shared[64];
    bool ok = numbers_make(&v) && point_in(&v, v.p, point);
    do
        ok = ok && scalar_random(&v, v.k) && EC_POINT_mul(v.group, v.q, v.k, NULL, NULL, v.ctx) &&
             point_out(&v, v.q, out) && EC_POINT_mul(v.group, v.q, NULL, v.p, v.k, v.ctx) &&
             point_out(&v, v.q, shared) && sm3(out + 64, shared, 32, data, len, shared + 32, 32) &&
             mask(shared, data, len, out + SM2_HEAD);
    while (ok && len && memcmp(out + SM2_HEAD, data, len) == 0);
    numbers_free(&v);
    return ok;
}

bool sm2_raw_decrypt(const uint8_t private_key[32], const uint8_t *in, size_t in_len, uint8_t *out)
{
    struct numbers v;
    uint8_t shared[64], check[32];
    size_t len = in_len - SM2_HEAD;
    bool ok = numbers_make(&v) && point_in(&v, v.p, in) && BN_bin2bn(private_key, 32, v.d) &&
              EC_POINT_mul(v.group, v.q, NULL, v.p, v.d, v.ctx) && point_out(&v, v.q, shared) &&
              mask(shared, in + SM2_HEAD, len, out) && sm3(check, shared, 32, out, len, shared + 32, 32) &&
              memcmp(check, in + 64, 32) == 0;
    numbers_free(&v);
    return ok;
}

/* r = e + x(kG), s = (k - r d) / (1 + d), all modulo n */
bool sm2_raw_sign(const uint8_t private_key[32], const uint8_t digest[32], uint8_t signature[64])
{
    struct numbers v;
    bool ok = numbers_make(&v) && BN_bin2bn(private_key, 32, v.d) && BN_bin2bn(digest, 32, v.t);
    do
        ok = ok && scalar_random(&v, v.k) && EC_POINT_mul(v.group, v.p, v.k, NULL, NULL, v.ctx) &&
             EC_POINT_get_affine_coordinates(v.group, v.p, v.x, v.y, v.ctx) && BN_mod_add(v.r, v.t, v.x, v.n, v.ctx) &&
             BN_mod_mul(v.y, v.r, v.d, v.n, v.ctx) && BN_mod_sub(v.s, v.k, v.y, v.n, v.ctx) && BN_copy(v.x, v.d) &&
             BN_add_word(v.x, 1) && BN_mod_inverse(v.y, v.x, v.n, v.ctx) && BN_mod_mul(v.s, v.s, v.y, v.n, v.ctx) &&
             BN_mod_add(v.x, v.r, v.k, v.n, v.ctx);
    while (ok && (BN_is_zero(v.r) || BN_is_zero(v.s) || BN_is_zero(v.x)));
    ok = ok && BN_bn2binpad(v.r, signature, 32) == 32 && BN_bn2binpad(v.s, signature + 32, 32) == 32;
    numbers_free(&v);
    return ok;
}

/* t = r + s; (x, y) = sG + tP; holds where r = e + x modulo n */
bool sm2_raw_verify(const uint8_t point[SM2_POINT], const uint8_t digest[32], const uint8_t signature[64])
{
    struct numbers v;
    bool ok = numbers_make(&v) && point_in(&v, v.p, point) && BN_bin2bn(signature, 32, v.r) &&
              BN_bin2bn(signature + 32, 32, v.s) && !BN_is_zero(v.r) && !BN_is_zero(v.s) && BN_cmp(v.r, v.n) < 0 &&
              BN_cmp(v.s, v.n) < 0 && BN_mod_add(v.t, v.r, v.s, v.n, v.ctx) && !BN_is_zero(v.t) &&
              EC_POINT_mul(v.group, v.q, v.s, v.p, v.t, v.ctx) &&
              EC_POINT_get_affine_coordinates(v.group, v.q, v.x, v.y, v.ctx) && BN_bin2bn(digest, 32, v.k) &&
              BN_mod_add(v.d, v.k, v.x, v.n, v.ctx) && BN_cmp(v.d, v.r) == 0;
    numbers_free(&v);
    return ok;
}

bool sm2_raw_z(const uint8_t point[SM2_POINT], const uint8_t *id, size_t id_len, uint8_t z[32])
{
    struct numbers v;
    uint8_t entl[2] = {(uint8_t)(id_len * 8 >> 8), (uint8_t)(id_len * 8)}, curve[128 + 64];
    bool ok = numbers_make(&v) && EC_GROUP_get_curve(v.group, v.t, v.x, v.y, v.ctx) &&
              BN_bn2binpad(v.x, curve, 32) == 32 && BN_bn2binpad(v.y, curve + 32, 32) == 32 &&
              point_out(&v, EC_GROUP_get0_generator(v.group), curve + 64);
    memcpy(curve + 128, point, 64);
    ok = ok && sm3(z, entl, 2, id, id_len, curve, sizeof curve);
    numbers_free(&v);
    return ok;
}

static bool bar(struct numbers *v, BIGNUM *to, const uint8_t *point)
{
    uint8_t low[16];
    (void)v;
    memcpy(low, point + 16, sizeof low);
    low[0] |= 0x80;
    return BN_bin2bn(low, sizeof low, to);
}

bool sm2_raw_agree(const uint8_t d[32], const uint8_t r[32], const uint8_t temporary[SM2_POINT],
                   const uint8_t peer[SM2_POINT], const uint8_t peer_temporary[SM2_POINT], const uint8_t za[32],
                   const uint8_t zb[32], uint8_t key[64])
{
    struct numbers v;
    uint8_t text[SM2_POINT + 32 + 32 + 4] = {0};
    bool ok = numbers_make(&v) && BN_bin2bn(d, 32, v.d) && BN_bin2bn(r, 32, v.r) && bar(&v, v.x, temporary) &&
              BN_mod_mul(v.t, v.x, v.r, v.n, v.ctx) && BN_mod_add(v.t, v.t, v.d, v.n, v.ctx) &&
              point_in(&v, v.p, peer) && point_in(&v, v.q, peer_temporary) && bar(&v, v.x, peer_temporary) &&
              EC_POINT_mul(v.group, v.q, NULL, v.q, v.x, v.ctx) && EC_POINT_add(v.group, v.p, v.p, v.q, v.ctx) &&
              EC_POINT_mul(v.group, v.p, NULL, v.p, v.t, v.ctx) && point_out(&v, v.p, text);
    numbers_free(&v);
    memcpy(text + SM2_POINT, za, 32);
    memcpy(text + SM2_POINT + 32, zb, 32);
    for (uint8_t block = 0; block < 2 && ok; block++) {
        text[sizeof text - 1] = (uint8_t)(block + 1);
        ok = EVP_Digest(text, sizeof text, key + 32 * block, NULL, EVP_sm3(), NULL);
    }
    return ok;
}
