/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agree.c: key agreement of SM2, GM/T 0003.3 section 6.1, without the optional confirmation, which SDF does not have.
 *
 * With the own key pair (d, P), the own temporary one (r, R), the peer's points P', R' and the bar of a point being
 * 2^127 + (x mod 2^127):
 *
 *     t = d + bar(R) * r mod n        U = t * (P' + bar(R') * R')        K = KDF(xU || yU || ZA || ZB)
 *
 * The cofactor is 1. A is who began. Both of the peer's points are checked to be on the curve; U must not be infinity,
 * nor may K be all zero. Two blocks of the KDF are enough for all that is asked for. libcrypto 3.0 has no such
 * operation, so this is written on its curve arithmetic; private numbers are in its secure heap.
 */
#include <openssl/bn.h>
#include <openssl/err.h>
#include <string.h>

#include "cards/soft/soft_internal.h"

#define NUMBER 32u

struct numbers {
    BN_CTX *ctx;
    BIGNUM *d, *r, *t, *bar;
    EC_POINT *peer, *temporary;
};

static bool numbers_make(struct numbers *v, const EC_GROUP *group)
{
    v->ctx = BN_CTX_secure_new();
    v->d = BN_secure_new();
    v->r = BN_secure_new();
    v->t = BN_secure_new();
    v->bar = BN_new();
    v->peer = EC_POINT_new(group);
    v->temporary = EC_POINT_new(group);
    if (!v->ctx || !v->d || !v->r || !v->t || !v->bar || !v->peer || !v->temporary)
        return false;
    BN_set_flags(v->d, BN_FLG_CONSTTIME);
    BN_set_flags(v->r, BN_FLG_CONSTTIME);
    BN_set_flags(v->t, BN_FLG_CONSTTIME);
    return true;
}

static void numbers_free(struct numbers *v)
{
    EC_POINT_clear_free(v->peer);
    EC_POINT_clear_free(v->temporary);
    BN_clear_free(v->d);
    BN_clear_free(v->r);
    BN_clear_free(v->t);
    BN_free(v->bar);
    BN_CTX_free(v->ctx);
    ERR_clear_error();
}

static bool bar(BIGNUM *to, const uint8_t point[CARD_ECC_POINT])
{
    uint8_t low[16];

    memcpy(low, point + NUMBER - sizeof(low), sizeof(low));
    low[0] |= 0x80;
    return BN_bin2bn(low, sizeof(low), to) != NULL;
}

static bool point_read(const EC_GROUP *group, struct numbers *v, const uint8_t point[CARD_ECC_POINT], EC_POINT *to)
{
    uint8_t octets[1 + CARD_ECC_POINT] = {POINT_CONVERSION_UNCOMPRESSED};

    memcpy(octets + 1, point, CARD_ECC_POINT);
    return EC_POINT_oct2point(group, to, octets, sizeof(octets), v->ctx) == 1;
}

/* xU || yU */
static bool shared_point(const uint8_t own[CARD_ECC_PRIVATE],
                         const uint8_t temporary[CARD_ECC_PRIVATE + CARD_ECC_POINT], const uint8_t peer[CARD_ECC_POINT],
                         const uint8_t peer_temporary[CARD_ECC_POINT], uint8_t out[CARD_ECC_POINT])
{
    const EC_GROUP *group = sm2_group();
    const BIGNUM *order = group ? EC_GROUP_get0_order(group) : NULL;
    uint8_t octets[1 + CARD_ECC_POINT];
    struct numbers v = {0};
    bool ok = group && numbers_make(&v, group);

    ok = ok && BN_bin2bn(own, CARD_ECC_PRIVATE, v.d) && BN_bin2bn(temporary, CARD_ECC_PRIVATE, v.r) &&
         bar(v.bar, temporary + CARD_ECC_PRIVATE) && BN_mod_mul(v.t, v.r, v.bar, order, v.ctx) &&
         BN_mod_add(v.t, v.t, v.d, order, v.ctx);
    ok = ok && point_read(group, &v, peer, v.peer) && point_read(group, &v, peer_temporary, v.temporary) &&
         bar(v.bar, peer_temporary) && EC_POINT_mul(group, v.temporary, NULL, v.temporary, v.bar, v.ctx) &&
         EC_POINT_add(group, v.peer, v.peer, v.temporary, v.ctx) &&
         EC_POINT_mul(group, v.peer, NULL, v.peer, v.t, v.ctx) && !EC_POINT_is_at_infinity(group, v.peer) &&
         EC_POINT_point2oct(group, v.peer, POINT_CONVERSION_UNCOMPRESSED, octets, sizeof(octets), v.ctx) ==
             sizeof(octets);
    if (ok)
        memcpy(out, octets + 1, CARD_ECC_POINT);
    explicit_bzero(octets, sizeof(octets));
    numbers_free(&v);
    return ok;
}

uint32_t agree_start(struct card *card, struct card_job *job)
{
    uint8_t pair[CARD_ECC_PRIVATE + CARD_ECC_POINT];
    struct card_job make = {.alg = SGD_SM2_2, .out = pair, .out_cap = sizeof(pair)};
    uint32_t status;

    if (job->out_cap < CARD_ECC_POINT)
        return SDR_OUTARGERR;
    status = sm2_keypair(&make);
    if (status == SDR_OK)
        status = key_import(card, CARD_KEY_SM2_PRIVATE, pair, sizeof(pair), &job->new_key);
    if (status == SDR_OK) {
        memcpy(job->out, pair + CARD_ECC_PRIVATE, CARD_ECC_POINT);
        job->out_len = CARD_ECC_POINT;
    }
    explicit_bzero(pair, sizeof(pair));
    return status;
}

/* The KDF's input is one buffer: the shared point, ZA, ZB, and the counter 1. */
static uint32_t derive(struct card *card, struct card_job *job, uint8_t text[CARD_ECC_POINT + 64 + 4],
                       const uint8_t own_point[CARD_ECC_POINT])
{
    size_t own_id = job->arg & ~CARD_AGREE_RESPONDER, len = job->in_key_bits / 8u;
    uint8_t *za = text + CARD_ECC_POINT, *zb = za + 32, key[2 * 32], any = 0;
    bool responder = job->arg & CARD_AGREE_RESPONDER;
    uint32_t status;

    sm2_z(job->in, own_id, own_point, responder ? zb : za);
    sm2_z(job->in + own_id, job->in_len - own_id, job->aux, responder ? za : zb);
    for (uint8_t block = 0; block < 2; block++) {
        memcpy(zb + 32, (const uint8_t[4]){0, 0, 0, (uint8_t)(block + 1)}, 4);
        gcry_md_hash_buffer(GCRY_MD_SM3, key + 32 * block, text, CARD_ECC_POINT + 64 + 4);
    }
    for (size_t i = 0; i < len; i++)
        any |= key[i];
    status = any ? key_import(card, CARD_KEY_SYMMETRIC, key, len, &job->new_key) : SDR_KEYERR;
    explicit_bzero(key, sizeof(key));
    return status;
}

static uint32_t agree(struct card *card, struct card_job *job, const uint8_t own[CARD_ECC_PRIVATE + CARD_ECC_POINT],
                      const uint8_t temporary[CARD_ECC_PRIVATE + CARD_ECC_POINT])
{
    uint8_t text[CARD_ECC_POINT + 64 + 4];
    uint32_t status = SDR_KEYERR;

    if (shared_point(own, temporary, job->aux, job->aux2, text))
        status = derive(card, job, text, own + CARD_ECC_PRIVATE);
    explicit_bzero(text, sizeof(text));
    return status;
}

static uint32_t agree_judge(const struct card_job *job)
{
    size_t own_id = job->arg & ~CARD_AGREE_RESPONDER;

    if (!job->key)
        return SDR_KEYNOTEXIST;
    if (job->key->type != CARD_KEY_SM2_PRIVATE || (job->key2 && job->key2->type != CARD_KEY_SM2_PRIVATE))
        return SDR_KEYTYPEERR;
    if (!job->aux || !job->aux2 || own_id < 1 || own_id > CARD_ID_MAX || job->in_len <= own_id ||
        job->in_len - own_id > CARD_ID_MAX ||
        (job->in_key_bits != 128 && job->in_key_bits != 192 && job->in_key_bits != 256 &&
         job->in_key_bits != 8 * CARD_TLS_SECRET))
        return SDR_INARGERR;
    if (!job->key2 && job->out_cap < CARD_ECC_POINT)
        return SDR_OUTARGERR;
    return sm2_point_ok(job->aux) && sm2_point_ok(job->aux2) ? SDR_OK : SDR_KEYERR;
}

uint32_t agree_finish(struct card *card, struct card_job *job)
{
    uint8_t own[CARD_ECC_PRIVATE + CARD_ECC_POINT], temporary[CARD_ECC_PRIVATE + CARD_ECC_POINT];
    struct card_job make = {.alg = SGD_SM2_2, .out = temporary, .out_cap = sizeof(temporary)};
    uint32_t status = agree_judge(job);

    if (status == SDR_OK && !sm2_pair_bytes(job->key->pkey, false, own))
        status = SDR_SKOPERR;
    if (status == SDR_OK && job->key2)
        status = sm2_pair_bytes(job->key2->pkey, false, temporary) ? SDR_OK : SDR_SKOPERR;
    else if (status == SDR_OK)
        status = sm2_keypair(&make);
    if (status == SDR_OK)
        status = agree(card, job, own, temporary);
    if (status == SDR_OK && !job->key2) {
        memcpy(job->out, temporary + CARD_ECC_PRIVATE, CARD_ECC_POINT);
        job->out_len = CARD_ECC_POINT;
    }
    explicit_bzero(own, sizeof(own));
    explicit_bzero(temporary, sizeof(temporary));
    return status;
}
