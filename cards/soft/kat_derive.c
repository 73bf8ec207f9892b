/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers of keys derived for secure channels: as keys of the card, and encrypted to a point whose key is known.
 */
#include <string.h>

#include "cards/soft/kat.h"
#include "cards/soft/soft_internal.h"

#define KEYS       4u
#define RANDOMS    64u
#define CIPHER_KEY 16u
#define IV         16u

static bool made_holds(const struct card_job *job, const uint8_t *right, uint8_t flip)
{
    const struct card_derive *derive = job->derive;

    for (unsigned i = 0; i < KEYS; i++) {
        const struct secret *secret = derive->keys[i] ? derive->keys[i]->secret : NULL;

        if (!secret || secret_len(secret) != derive->key_len[i] ||
            !kat_same(secret_bytes(secret), right, derive->key_len[i], i ? 0 : flip))
            return false;
        right += derive->key_len[i];
    }
    return job->out_len == 2 * IV && kat_same(job->out, right, 2 * IV, 0);
}

/* Each opens, and is the key that stands in `right`. */
static bool sealed_holds(const struct card_job *job, struct card_key *opener, const uint8_t *right)
{
    const uint8_t *at = job->out;
    uint8_t bytes[CARD_DERIVE_KEY_MAX];
    bool ok = true;

    for (unsigned i = 0; i < KEYS && ok; i++) {
        size_t len = job->derive->key_len[i];

        ok = sm2_decrypt(opener, at, CARD_PKE_HEAD + len, bytes) == SDR_OK && kat_same(bytes, right, len, 0);
        at += CARD_PKE_HEAD + len;
        right += len;
    }
    explicit_bzero(bytes, sizeof(bytes));
    return ok && job->out + job->out_len == at + 2 * IV && kat_same(at, right, 2 * IV, 0);
}

bool kat_tls(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t secret[KAT_BYTES], randoms[KAT_BYTES], right[KAT_BYTES], pair[CARD_ECC_PRIVATE + CARD_ECC_POINT];
    uint8_t out[KEYS * (CARD_PKE_HEAD + CARD_DERIVE_KEY_MAX) + 2 * IV];
    size_t mac = (kat_bytes(kat->out, right) - 2 * CIPHER_KEY - 2 * IV) / 2;
    struct card_derive derive = {.text_len = {RANDOMS / 2, RANDOMS / 2},
                                 .key_len = {(uint8_t)mac, (uint8_t)mac, CIPHER_KEY, CIPHER_KEY},
                                 .clear_len = {IV, IV}};
    struct card_job job = {
        .op = CARD_DERIVE_TLS, .alg = kat->alg, .derive = &derive, .in = randoms, .out = out, .out_cap = sizeof(out)};
    struct card_job make = {.alg = SGD_SM2_3, .out = pair, .out_cap = sizeof(pair)};
    struct card_key *opener = NULL;
    bool ok;

    job.in_len = kat_bytes(kat->in, randoms);
    if (key_import(card, CARD_KEY_SYMMETRIC, secret, kat_bytes(kat->key, secret), &job.key) != SDR_OK)
        return false;
    soft_execute(card, &job);
    ok = job.status == SDR_OK && made_holds(&job, right, flip);
    for (unsigned i = 0; i < KEYS; i++)
        key_unref(derive.keys[i]);
    memset(derive.keys, 0, sizeof(derive.keys));
    ok = ok && sm2_keypair(&make) == SDR_OK &&
         key_import(card, CARD_KEY_SM2_PRIVATE, pair, sizeof(pair), &opener) == SDR_OK;
    job.aux = pair + CARD_ECC_PRIVATE;
    if (ok)
        soft_execute(card, &job);
    ok = ok && job.status == SDR_OK && sealed_holds(&job, opener, right);
    key_unref(opener);
    key_unref(job.key);
    explicit_bzero(pair, sizeof(pair));
    return ok;
}
