/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known answers of SM2. Signing and encryption are randomised: there the answer is that the published key's own public
 * half, or private half, takes what was made, and does not take it with one bit changed.
 */
#include <string.h>

#include "cards/soft/kat.h"
#include "cards/soft/soft_internal.h"

static struct card_key *private_key(struct card *card, const struct kat *kat)
{
    uint8_t bytes[KAT_BYTES];
    size_t len = kat_bytes(kat->key, bytes);
    struct card_key *key;

    return key_import(card, CARD_KEY_SM2_PRIVATE, bytes, len, &key) == SDR_OK ? key : NULL;
}

bool kat_sm3_z(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t point[KAT_BYTES], id[KAT_BYTES], in[KAT_BYTES], right[KAT_BYTES], out[32];
    struct card_job job = {.op = CARD_HASH_START, .alg = kat->alg, .aux = point, .out = out, .out_cap = sizeof(out)};
    bool ok;

    kat_bytes(kat->key, point);
    kat_bytes(kat->out, right);
    job.in = id;
    job.in_len = kat_bytes(kat->iv, id);
    soft_execute(card, &job);
    if (job.status != SDR_OK)
        return false;
    job.op = CARD_HASH_UPDATE;
    job.in = in;
    job.in_len = kat_bytes(kat->in, in);
    soft_execute(card, &job);
    job.op = CARD_HASH_FINISH;
    if (job.status == SDR_OK)
        soft_execute(card, &job);
    ok = job.status == SDR_OK && job.out_len == sizeof(out) && kat_same(out, right, sizeof(out), flip);
    state_free(job.state);
    return ok;
}

static uint32_t verify(struct card *card, struct card_key *key, const uint8_t *point, const uint8_t *digest,
                       const uint8_t *sig)
{
    struct card_job job = {.op = CARD_VERIFY, .key = key, .aux = point, .aux2 = sig, .in = digest, .in_len = 32};

    soft_execute(card, &job);
    return job.status;
}

static bool sign_verify(struct card *card, struct card_key *key, const uint8_t digest[32], uint8_t flip)
{
    uint8_t sig[CARD_ECC_SIG], changed[32];
    struct card_job job = {.op = CARD_SIGN, .key = key, .in = digest, .in_len = 32, .out = sig, .out_cap = sizeof(sig)};

    soft_execute(card, &job);
    if (job.status != SDR_OK || job.out_len != sizeof(sig))
        return false;
    sig[0] ^= flip;
    memcpy(changed, digest, sizeof(changed));
    changed[31] ^= 1;
    return verify(card, key, NULL, digest, sig) == SDR_OK && verify(card, key, NULL, changed, sig) == SDR_VERIFYERR;
}

bool kat_sm2_sign(struct card *card, const struct kat *kat, uint8_t flip)
{
    struct card_key *key = private_key(card, kat);
    uint8_t digest[KAT_BYTES];
    bool ok;

    kat_bytes(kat->in, digest);
    ok = key && sign_verify(card, key, digest, flip);
    key_unref(key);
    return ok;
}

bool kat_sm2_verify(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t point[KAT_BYTES], digest[KAT_BYTES], sig[KAT_BYTES];

    kat_bytes(kat->key, point);
    kat_bytes(kat->in, digest);
    kat_bytes(kat->out, sig);
    sig[0] ^= flip;
    if (verify(card, NULL, point, digest, sig) != SDR_OK)
        return false;
    sig[63] ^= 1;
    return verify(card, NULL, point, digest, sig) == SDR_VERIFYERR;
}

bool kat_sm2_encrypt(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t plain[KAT_BYTES], cipher[CARD_PKE_HEAD + KAT_BYTES], back[KAT_BYTES];
    struct card_job job = {.op = CARD_PKE_ENCRYPT, .in = plain, .out = cipher, .out_cap = sizeof(cipher)};
    size_t len = kat_bytes(kat->in, plain);
    bool ok;

    job.key = private_key(card, kat);
    job.in_len = len;
    soft_execute(card, &job);
    ok = job.status == SDR_OK && job.out_len == CARD_PKE_HEAD + len;
    job = (struct card_job){.op = CARD_PKE_DECRYPT,
                            .key = job.key,
                            .in = cipher,
                            .in_len = CARD_PKE_HEAD + len,
                            .out = back,
                            .out_cap = sizeof(back)};
    if (ok)
        soft_execute(card, &job);
    ok = ok && job.status == SDR_OK && job.out_len == len && kat_same(back, plain, len, flip);
    key_unref(job.key);
    return ok;
}

bool kat_sm2_decrypt(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t cipher[KAT_BYTES], right[KAT_BYTES], out[KAT_BYTES];
    struct card_job job = {.op = CARD_PKE_DECRYPT, .in = cipher, .out = out, .out_cap = sizeof(out)};
    size_t len = kat_bytes(kat->out, right);
    bool ok;

    job.key = private_key(card, kat);
    job.in_len = kat_bytes(kat->in, cipher);
    soft_execute(card, &job);
    ok = job.status == SDR_OK && job.out_len == len && kat_same(out, right, len, flip);
    cipher[CARD_ECC_POINT] ^= 1; /* M no longer holds */
    soft_execute(card, &job);
    ok = ok && job.status == SDR_ENCDATAERR;
    key_unref(job.key);
    return ok;
}

bool kat_sm2_keypair(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t pair[CARD_ECC_PRIVATE + CARD_ECC_POINT], digest[KAT_BYTES];
    struct card_job job = {.op = CARD_KEYPAIR_GENERATE, .alg = kat->alg, .out = pair, .out_cap = sizeof(pair)};
    struct card_key *key = NULL;
    bool ok;

    kat_bytes(kat->in, digest);
    soft_execute(card, &job);
    pair[CARD_ECC_PRIVATE - 1] ^= flip; /* import finds that private number and point do not fit */
    ok = job.status == SDR_OK && job.out_len == sizeof(pair) &&
         key_import(card, CARD_KEY_SM2_PRIVATE, pair, sizeof(pair), &key) == SDR_OK &&
         sign_verify(card, key, digest, 0);
    key_unref(key);
    explicit_bzero(pair, sizeof(pair));
    return ok;
}

bool kat_wrap_pke(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t cipher[CARD_PKE_HEAD + CARD_SYM_KEY_MAX];
    struct card_job job = {.op = CARD_KEY_GENERATE_PKE, .in_key_bits = 128, .out = cipher, .out_cap = sizeof(cipher)};
    struct card_key *made;
    bool ok;

    job.key = private_key(card, kat);
    soft_execute(card, &job);
    made = job.new_key;
    ok = job.status == SDR_OK;
    job.op = CARD_KEY_IMPORT_PKE;
    job.in = cipher;
    job.in_len = job.out_len;
    job.new_key = NULL;
    if (ok)
        soft_execute(card, &job);
    ok = ok && job.status == SDR_OK &&
         kat_same(secret_bytes(job.new_key->secret), secret_bytes(made->secret), secret_len(made->secret), flip);
    key_unref(job.new_key);
    key_unref(made);
    key_unref(job.key);
    return ok;
}
