/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known answers of GCM, CCM and XTS. Each published example goes through all the ways that there are: in one piece and
 * in several, both directions, in place. A tag that is wrong by a bit must be refused. Long inputs are compared with
 * the same in pieces, and for AES with libcrypto; for SM4 no second library is at hand when a card starts (the tests
 * have one).
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "cards/soft/kat.h"
#include "cards/soft/soft_internal.h"

#define BULK 1033u

struct aead_case {
    struct card_key *key;
    uint32_t alg;
    uint8_t nonce[KAT_BYTES], aad[KAT_BYTES];
    size_t nonce_len, aad_len, tag_len;
};

static bool one_piece(struct card *card, const struct aead_case *c, bool decrypt, uint8_t *data, size_t len,
                      uint8_t tag[CARD_TAG_MAX])
{
    struct card_job job = {.op = decrypt ? CARD_AEAD_DECRYPT : CARD_AEAD_ENCRYPT,
                           .alg = c->alg,
                           .key = c->key,
                           .nonce = c->nonce,
                           .nonce_len = (uint8_t)c->nonce_len,
                           .aad = c->aad,
                           .aad_len = c->aad_len,
                           .tag_len = (uint8_t)c->tag_len,
                           .in = data,
                           .in_len = len,
                           .out = data,
                           .out_cap = len};

    memcpy(job.tag, tag, CARD_TAG_MAX);
    soft_execute(card, &job);
    memcpy(tag, job.tag, CARD_TAG_MAX);
    return job.status == SDR_OK && job.out_len == len;
}

static bool step(struct card *card, struct card_job *job, enum card_op op, uint8_t *data, size_t len)
{
    job->op = (uint16_t)op;
    job->in = job->out = data;
    job->in_len = job->out_cap = len;
    soft_execute(card, job);
    return job->status == SDR_OK;
}

/* Cut where no block ends. */
static bool pieces(struct card *card, const struct aead_case *c, bool decrypt, uint8_t *data, size_t len,
                   uint8_t tag[CARD_TAG_MAX])
{
    uint8_t aad[KAT_BYTES];
    size_t half = len / 2 + 1 < len ? len / 2 + 1 : len;
    struct card_job job = {.alg = c->alg,
                           .key = c->key,
                           .nonce = c->nonce,
                           .nonce_len = (uint8_t)c->nonce_len,
                           .tag_len = (uint8_t)c->tag_len,
                           .decrypt = decrypt,
                           .total_aad = c->aad_len,
                           .total_data = len};
    bool ok;

    memcpy(aad, c->aad, c->aad_len);
    memcpy(job.tag, tag, CARD_TAG_MAX);
    ok = step(card, &job, CARD_AEAD_START, NULL, 0) && step(card, &job, CARD_AEAD_UPDATE_AAD, aad, c->aad_len / 3) &&
         step(card, &job, CARD_AEAD_UPDATE_AAD, aad + c->aad_len / 3, c->aad_len - c->aad_len / 3) &&
         step(card, &job, CARD_AEAD_UPDATE, data, half) &&
         step(card, &job, CARD_AEAD_UPDATE, data + half, len - half) && step(card, &job, CARD_AEAD_FINISH, NULL, 0);
    memcpy(tag, job.tag, CARD_TAG_MAX);
    state_free(job.state);
    return ok;
}

static bool judge_agrees(const struct aead_case *c, const uint8_t *plain, const uint8_t *cipher, size_t len,
                         const uint8_t *tag)
{
    uint8_t out[BULK], right_tag[CARD_TAG_MAX];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    EVP_CIPHER *type;
    char name[16];
    bool ccm = c->alg == SGD_AES_CCM, ok;
    int done;

    snprintf(name, sizeof(name), "AES-%u-%s", (unsigned)secret_len(c->key->secret) * 8, ccm ? "CCM" : "GCM");
    type = EVP_CIPHER_fetch(NULL, name, NULL);
    ok = ctx && type && EVP_EncryptInit_ex2(ctx, type, NULL, NULL, NULL) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)c->nonce_len, NULL) == 1 &&
         (!ccm || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)c->tag_len, NULL) == 1) &&
         EVP_EncryptInit_ex2(ctx, NULL, secret_bytes(c->key->secret), c->nonce, NULL) == 1 &&
         (!ccm || EVP_EncryptUpdate(ctx, NULL, &done, NULL, (int)len) == 1) &&
         EVP_EncryptUpdate(ctx, NULL, &done, c->aad, (int)c->aad_len) == 1 &&
         EVP_EncryptUpdate(ctx, out, &done, plain, (int)len) == 1 && EVP_EncryptFinal_ex(ctx, out + len, &done) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)c->tag_len, right_tag) == 1 &&
         kat_same(cipher, out, len, 0) && kat_same(tag, right_tag, c->tag_len, 0);
    EVP_CIPHER_free(type);
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

static bool bulk_agrees(struct card *card, const struct aead_case *c)
{
    uint8_t plain[BULK], work[BULK], again[BULK], tag[CARD_TAG_MAX] = {0}, tag_again[CARD_TAG_MAX] = {0};
    bool ok;

    for (size_t i = 0; i < BULK; i++)
        again[i] = work[i] = plain[i] = (uint8_t)(i * 13 + (i >> 8));
    ok = one_piece(card, c, false, work, BULK, tag) && pieces(card, c, false, again, BULK, tag_again) &&
         kat_same(work, again, BULK, 0) && kat_same(tag, tag_again, c->tag_len, 0);
    if (ok && (c->alg & SGD_AES))
        ok = judge_agrees(c, plain, work, BULK, tag);
    return ok && one_piece(card, c, true, work, BULK, tag) && kat_same(work, plain, BULK, 0);
}

static bool example_holds(struct card *card, const struct aead_case *c, const uint8_t *plain, const uint8_t *cipher,
                          size_t len, uint8_t flip)
{
    uint8_t work[KAT_BYTES], tag[CARD_TAG_MAX] = {0}, wrong[CARD_TAG_MAX] = {0};

    for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
        bool (*way)(struct card *, const struct aead_case *, bool, uint8_t *, size_t, uint8_t[CARD_TAG_MAX]) =
            in_pieces ? pieces : one_piece;

        memcpy(work, plain, len);
        if (!way(card, c, false, work, len, tag) || !kat_same(work, cipher, len, flip) ||
            !kat_same(tag, cipher + len, c->tag_len, 0))
            return false;
        if (!way(card, c, true, work, len, tag) || !kat_same(work, plain, len, 0))
            return false;
        memcpy(work, cipher, len);
        memcpy(wrong, tag, CARD_TAG_MAX);
        wrong[c->tag_len - 1] ^= 1;
        if (way(card, c, true, work, len, wrong))
            return false;
    }
    return true;
}

bool kat_aead(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t key[KAT_BYTES], plain[KAT_BYTES], cipher[KAT_BYTES];
    char nonce[2 * CARD_NONCE_MAX + 1];
    const char *space = strchr(kat->iv, ' ');
    struct aead_case c = {.alg = kat->alg};
    size_t key_len = kat_bytes(kat->key, key), len = kat_bytes(kat->in, plain);
    bool ok;

    snprintf(nonce, sizeof(nonce), "%.*s", (int)(space - kat->iv), kat->iv);
    c.nonce_len = kat_bytes(nonce, c.nonce);
    c.aad_len = kat_bytes(space + 1, c.aad);
    c.tag_len = kat_bytes(kat->out, cipher) - len;
    if (key_import(card, CARD_KEY_SYMMETRIC, key, key_len, &c.key) != SDR_OK)
        return false;
    ok = example_holds(card, &c, plain, cipher, len, flip) && bulk_agrees(card, &c);
    key_unref(c.key);
    return ok;
}

static bool xts_once(struct card *card, struct card_job *job, enum card_op op, uint32_t block, uint8_t *data,
                     size_t len)
{
    uint8_t before[CARD_IV];

    memcpy(before, job->iv, CARD_IV);
    job->block = block;
    return step(card, job, op, data, len) && memcmp(before, job->iv, CARD_IV) == 0;
}

/* The same in parts, the second and third beginning far inside the unit; and for AES the same by libcrypto. */
static bool xts_bulk(struct card *card, struct card_job *job)
{
    uint8_t plain[BULK], work[BULK], again[BULK], right[BULK];
    size_t key_len = secret_len(job->key->secret);
    int done = 0;
    bool ok;

    for (size_t i = 0; i < BULK; i++)
        again[i] = work[i] = plain[i] = (uint8_t)(i * 5 + (i >> 8));
    ok = xts_once(card, job, CARD_ENCRYPT, 0, work, BULK) && xts_once(card, job, CARD_ENCRYPT, 0, again, 16) &&
         xts_once(card, job, CARD_ENCRYPT, 1, again + 16, 960) &&
         xts_once(card, job, CARD_ENCRYPT, 61, again + 976, BULK - 976) && kat_same(work, again, BULK, 0);
    if (ok && job->alg == SGD_AES_XTS) {
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        EVP_CIPHER *type = EVP_CIPHER_fetch(NULL, key_len == 32 ? "AES-128-XTS" : "AES-256-XTS", NULL);

        ok = ctx && type && EVP_EncryptInit_ex2(ctx, type, secret_bytes(job->key->secret), job->iv, NULL) == 1 &&
             EVP_EncryptUpdate(ctx, right, &done, plain, BULK) == 1 && kat_same(work, right, BULK, 0);
        EVP_CIPHER_free(type);
        EVP_CIPHER_CTX_free(ctx);
    }
    return ok && xts_once(card, job, CARD_DECRYPT, 61, again + 976, BULK - 976) &&
           xts_once(card, job, CARD_DECRYPT, 0, again, 976) && kat_same(again, plain, BULK, 0);
}

bool kat_xts(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t key[KAT_BYTES], iv[KAT_BYTES], plain[KAT_BYTES], cipher[KAT_BYTES], work[KAT_BYTES];
    struct card_job job = {.alg = kat->alg};
    size_t key_len = kat_bytes(kat->key, key), len = kat_bytes(kat->in, plain);
    bool ok;

    kat_bytes(kat->out, cipher);
    kat_bytes(kat->iv, iv);
    memcpy(job.iv, iv, CARD_IV);
    if (key_import(card, CARD_KEY_SYMMETRIC, key, key_len, &job.key) != SDR_OK)
        return false;
    memcpy(work, plain, len);
    ok = xts_once(card, &job, CARD_ENCRYPT, 0, work, len) && kat_same(work, cipher, len, flip) &&
         xts_once(card, &job, CARD_DECRYPT, 0, work, len) && kat_same(work, plain, len, 0) && xts_bulk(card, &job);
    key_unref(job.key);
    return ok;
}
