/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers of keys derived for secure channels: as keys of the card, and encrypted to a point whose key is known.
 */
#include <string.h>

#include "cards/soft/kat.h"
#include "cards/soft/soft_internal.h"

#define KEYS       4u
#define CIPHER_KEY 16u
#define IV         16u

static bool made_holds(const struct card_job *job, const uint8_t *right, size_t clear, uint8_t flip)
{
    const struct card_derive *derive = job->derive;

    for (unsigned i = 0; i < KEYS; i++) {
        const struct secret *secret = derive->keys[i] ? derive->keys[i]->secret : NULL;

        if (!derive->key_len[i] && !secret)
            continue;
        if (!secret || secret_len(secret) != derive->key_len[i] ||
            !kat_same(secret_bytes(secret), right, derive->key_len[i], i ? 0 : flip))
            return false;
        right += derive->key_len[i];
    }
    return job->out_len == clear && (!clear || kat_same(job->out, right, clear, 0));
}

/* Each opens, and is the key that stands in `right`. */
static bool sealed_holds(const struct card_job *job, struct card_key *opener, const uint8_t *right, size_t clear)
{
    const uint8_t *at = job->out;
    uint8_t bytes[CARD_DERIVE_KEY_MAX];
    bool ok = true;

    for (unsigned i = 0; i < KEYS && ok; i++) {
        size_t len = job->derive->key_len[i];

        if (!len)
            continue;
        ok = sm2_decrypt(opener, at, CARD_PKE_HEAD + len, bytes) == SDR_OK && kat_same(bytes, right, len, 0);
        at += CARD_PKE_HEAD + len;
        right += len;
    }
    explicit_bzero(bytes, sizeof(bytes));
    return ok && job->out + job->out_len == at + clear && (!clear || kat_same(at, right, clear, 0));
}

static bool both_ways(struct card *card, struct card_job *job, const uint8_t *right, uint8_t flip)
{
    struct card_derive *derive = job->derive;
    uint8_t out[KEYS * (CARD_PKE_HEAD + CARD_DERIVE_KEY_MAX) + 2 * IV], pair[CARD_ECC_PRIVATE + CARD_ECC_POINT];
    struct card_job make = {.alg = SGD_SM2_3, .out = pair, .out_cap = sizeof(pair)};
    size_t clear = (size_t)derive->clear_len[0] + derive->clear_len[1];
    struct card_key *opener = NULL;
    bool ok;

    job->out = out;
    job->out_cap = sizeof(out);
    soft_execute(card, job);
    ok = job->status == SDR_OK && made_holds(job, right, clear, flip);
    for (unsigned i = 0; i < KEYS; i++)
        key_unref(derive->keys[i]);
    memset(derive->keys, 0, sizeof(derive->keys));
    ok = ok && sm2_keypair(&make) == SDR_OK &&
         key_import(card, CARD_KEY_SM2_PRIVATE, pair, sizeof(pair), &opener) == SDR_OK;
    job->aux = pair + CARD_ECC_PRIVATE;
    if (ok)
        soft_execute(card, job);
    ok = ok && job->status == SDR_OK && sealed_holds(job, opener, right, clear);
    key_unref(opener);
    explicit_bzero(pair, sizeof(pair));
    return ok;
}

static bool derived(struct card *card, const struct kat *kat, enum card_op op, struct card_derive *derive, uint8_t flip)
{
    uint8_t secret[KAT_BYTES], texts[KAT_BYTES], right[KAT_BYTES];
    struct card_job job = {.op = (uint16_t)op, .alg = kat->alg, .derive = derive, .in = texts};
    size_t secret_bytes_n = kat_bytes(kat->key, secret);
    bool ok;

    kat_bytes(kat->out, right);
    job.in_len = kat_bytes(kat->in, texts);
    if (secret_bytes_n && key_import(card, CARD_KEY_SYMMETRIC, secret, secret_bytes_n, &job.key) != SDR_OK)
        return false;
    ok = both_ways(card, &job, right, flip);
    key_unref(job.key);
    return ok;
}

bool kat_tls(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t mac = (uint8_t)((strlen(kat->out) / 2 - 2 * CIPHER_KEY - 2 * IV) / 2);
    struct card_derive derive = {
        .text_len = {32, 32}, .key_len = {mac, mac, CIPHER_KEY, CIPHER_KEY}, .clear_len = {IV, IV}};

    return derived(card, kat, CARD_DERIVE_TLS, &derive, flip);
}

bool kat_ike(struct card *card, const struct kat *kat, uint8_t flip)
{
    struct card_derive derive = {.text_len = {16, 20, 8, 8}, .key_len = {32, 32, CIPHER_KEY}};

    return derived(card, kat, CARD_DERIVE_IKE, &derive, flip);
}

bool kat_ipsec(struct card *card, const struct kat *kat, uint8_t flip)
{
    struct card_derive derive = {.text_len = {1, 4, 16, 20}, .key_len = {CIPHER_KEY, 32}};

    return derived(card, kat, CARD_DERIVE_IPSEC, &derive, flip);
}
