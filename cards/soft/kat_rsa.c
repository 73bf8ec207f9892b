/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers of RSA (kat_rsa_vectors.c), of SM2 key agreement, and of ECDSA on P-256. */
#include <string.h>

#include "cards/soft/kat.h"
#include "cards/soft/soft_internal.h"

#define LEN 256u /* of the modulus */

static size_t unhex(const char *hex, uint8_t *bytes, size_t cap)
{
    size_t len = 0;

    while (*hex && len < cap) {
        size_t n = kat_bytes(hex, bytes + len); /* at most KAT_BYTES at a time: room for them is left behind cap */

        len += n;
        hex += 2 * n;
    }
    return len;
}

static struct card_key *private_key(struct card *card, const char *hex)
{
    uint8_t bytes[CARD_RSA_PRIVATE_SIZE(LEN) + KAT_BYTES];
    size_t len = unhex(hex, bytes, CARD_RSA_PRIVATE_SIZE(LEN));
    struct card_key *key;

    return key_import(card, CARD_KEY_RSA_PRIVATE, bytes, len, &key) == SDR_OK ? key : NULL;
}

static bool raw(struct card *card, struct card_key *key, enum card_op op, const char *from, const char *to,
                uint8_t flip)
{
    uint8_t in[LEN + KAT_BYTES], right[LEN + KAT_BYTES], out[LEN];
    struct card_job job = {.op = (uint16_t)op, .key = key, .in = in, .out = out, .out_cap = sizeof(out)};

    job.in_len = unhex(from, in, LEN);
    unhex(to, right, LEN);
    if (!key)
        return false;
    soft_execute(card, &job);
    return job.status == SDR_OK && job.out_len == LEN && kat_same(out, right, LEN, flip);
}

bool kat_rsa_private(struct card *card, const struct kat *kat, uint8_t flip)
{
    struct card_key *key = private_key(card, rsa_sign_key);
    bool ok = raw(card, key, CARD_RSA_PRIVATE, rsa_sign_block, rsa_sign_signature, flip);

    (void)kat;
    key_unref(key);
    return ok;
}

bool kat_rsa_public(struct card *card, const struct kat *kat, uint8_t flip)
{
    struct card_key *key = private_key(card, rsa_sign_key);
    bool ok = raw(card, key, CARD_RSA_PUBLIC, rsa_sign_signature, rsa_sign_block, flip);

    (void)kat;
    key_unref(key);
    return ok;
}

bool kat_rsa_unwrap(struct card *card, const struct kat *kat, uint8_t flip)
{
    struct card_key *key = private_key(card, rsa_unwrap_key);
    uint8_t in[LEN + KAT_BYTES], right[KAT_BYTES];
    struct card_job job = {.op = CARD_KEY_IMPORT_RSA, .key = key, .in = in};
    size_t len = kat_bytes(rsa_unwrap_plain, right);
    bool ok;

    (void)kat;
    job.in_len = unhex(rsa_unwrap_cipher, in, LEN);
    if (!key)
        return false;
    soft_execute(card, &job);
    ok = job.status == SDR_OK && secret_len(job.new_key->secret) == len &&
         kat_same(secret_bytes(job.new_key->secret), right, len, flip);
    key_unref(job.new_key);
    in[LEN - 1] ^= 1; /* no block of the right form any more */
    soft_execute(card, &job);
    ok = ok && job.status == SDR_ENCDATAERR;
    key_unref(key);
    return ok;
}

/* What was encrypted to a key comes out of it again; encryption is randomised. */
bool kat_wrap_rsa(struct card *card, const struct kat *kat, uint8_t flip)
{
    struct card_key *key = private_key(card, rsa_unwrap_key), *made;
    uint8_t out[LEN];
    struct card_job job = {
        .op = CARD_KEY_GENERATE_RSA, .key = key, .in_key_bits = 128, .out = out, .out_cap = sizeof(out)};
    bool ok;

    (void)kat;
    if (!key)
        return false;
    soft_execute(card, &job);
    made = job.new_key;
    ok = job.status == SDR_OK && job.out_len == LEN;
    job = (struct card_job){.op = CARD_KEY_IMPORT_RSA, .key = key, .in = out, .in_len = LEN};
    if (ok)
        soft_execute(card, &job);
    ok = ok && job.status == SDR_OK && secret_len(job.new_key->secret) == 16 &&
         kat_same(secret_bytes(job.new_key->secret), secret_bytes(made->secret), 16, flip);
    key_unref(job.new_key);
    key_unref(made);
    key_unref(key);
    return ok;
}

/* GB/T 32918.5, annex B: both sides. */
#define A_PRIVATE "81eb26e941bb5af16df116495f90695272ae2cd63d6c4ae1678418be48230029"
#define A_POINT                                                                                                        \
    "160e12897df4edb61dd812feb96748fbd3ccf4ffe26aa6f6db9540af49c94232"                                                 \
    "4a7dad08bb9a459531694beb20aa489d6649975e1bfcf8c4741b78b4b223007f"
#define A_TEMPORARY "d4de15474db74d06491c440d305e012400990f3e390c7e87153c12db2ea60bb3"
#define A_TEMPORARY_POINT                                                                                              \
    "64ced1bdbc99d590049b434d0fd73428cf608a5db8fe5ce07f15026940bae40e"                                                 \
    "376629c7ab21e7db260922499ddb118f07ce8eaae3e7720afef6a5cc062070c0"
#define B_PRIVATE "785129917d45a9ea5437a59356b82338eaadda6ceb199088f14ae10defa229b5"
#define B_POINT                                                                                                        \
    "6ae848c57c53c7b1b5fa99eb2286af078ba64c64591b8b566f7357d576f16dfb"                                                 \
    "ee489d771621a27b36c5c7992062e9cd09a9264386f3fbea54dff69305621c4d"
#define B_TEMPORARY "7e07124814b309489125eaed101113164ebf0f3458c5bd88335c1f9d596243d6"
#define B_TEMPORARY_POINT                                                                                              \
    "acc27688a6f7b706098bc91ff3ad1bff7dc2802cdb14ccccdb0a90471f9bd707"                                                 \
    "2fedac0494b2ffc4d6853876c79b8f301c6573ad0aa50f39fc87181e1a1b46fe"
#define AGREED "6c89347354de2484c60b4ab1fde4c6e5"

static const char *const parties[2][4] = {
    {A_PRIVATE A_POINT, A_TEMPORARY A_TEMPORARY_POINT, A_POINT, A_TEMPORARY_POINT},
    {B_PRIVATE B_POINT, B_TEMPORARY B_TEMPORARY_POINT, B_POINT, B_TEMPORARY_POINT},
};

static struct card_key *ec_key(struct card *card, enum card_key_type type, const char *hex)
{
    uint8_t bytes[KAT_BYTES];
    size_t len = kat_bytes(hex, bytes);
    struct card_key *key;

    return key_import(card, type, bytes, len, &key) == SDR_OK ? key : NULL;
}

static bool agree_as(struct card *card, unsigned who, uint8_t flip)
{
    uint8_t peer[KAT_BYTES], temporary[KAT_BYTES], right[KAT_BYTES];
    struct card_job job = {.op = CARD_AGREE_FINISH,
                           .in_key_bits = 128,
                           .aux = peer,
                           .aux2 = temporary,
                           .in = (const uint8_t *)"12345678123456781234567812345678",
                           .in_len = 32,
                           .arg = CARD_AGREE_ID(16) | (who ? CARD_AGREE_RESPONDER : 0)};
    bool ok;

    kat_bytes(parties[!who][2], peer);
    kat_bytes(parties[!who][3], temporary);
    kat_bytes(AGREED, right);
    job.key = ec_key(card, CARD_KEY_SM2_PRIVATE, parties[who][0]);
    job.key2 = ec_key(card, CARD_KEY_SM2_PRIVATE, parties[who][1]);
    if (job.key && job.key2)
        soft_execute(card, &job);
    ok = job.new_key && secret_len(job.new_key->secret) == 16 &&
         kat_same(secret_bytes(job.new_key->secret), right, 16, flip);
    key_unref(job.new_key);
    key_unref(job.key);
    key_unref(job.key2);
    return ok;
}

bool kat_sm2_agree(struct card *card, const struct kat *kat, uint8_t flip)
{
    (void)kat;
    return agree_as(card, 0, flip) && agree_as(card, 1, 0);
}

static uint32_t verify(struct card *card, struct card_key *key, const uint8_t *point, const uint8_t *digest,
                       const uint8_t *sig)
{
    struct card_job job = {
        .op = CARD_VERIFY, .alg = SGD_ECDSA_P256, .key = key, .aux = point, .aux2 = sig, .in = digest, .in_len = 32};

    soft_execute(card, &job);
    return job.status;
}

bool kat_p256_verify(struct card *card, const struct kat *kat, uint8_t flip)
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

/* Signing is randomised: the published key's public half takes what was made, and not with one bit changed. */
bool kat_p256_sign(struct card *card, const struct kat *kat, uint8_t flip)
{
    struct card_key *key = ec_key(card, CARD_KEY_P256_PRIVATE, kat->key);
    uint8_t digest[KAT_BYTES], sig[CARD_ECC_SIG];
    struct card_job job = {.op = CARD_SIGN, .key = key, .in = digest, .in_len = 32, .out = sig, .out_cap = sizeof(sig)};
    bool ok;

    kat_bytes(kat->in, digest);
    soft_execute(card, &job);
    sig[0] ^= flip;
    ok = job.status == SDR_OK && verify(card, key, NULL, digest, sig) == SDR_OK;
    digest[31] ^= 1;
    ok = ok && verify(card, key, NULL, digest, sig) == SDR_VERIFYERR;
    key_unref(key);
    return ok;
}
