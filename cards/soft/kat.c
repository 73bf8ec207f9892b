/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known-answer tests, run at open and on request. The card serves nothing until all have passed.
 *
 * Published examples are short, and the libraries take other code for long inputs (8 or 16 blocks at once). So each
 * cipher mode is also run over a thousand bytes in both directions, in place, against libcrypto alone (library.h):
 * where libgcrypt did the work that compares two libraries. Random output cannot be known; it gets the two health tests
 * of SP 800-90B section 4.4 and a comparison of neighbouring blocks.
 */
#include <stdio.h>
#include <string.h>

#include "cards/soft/kat.h"
#include "cards/soft/library.h"
#include "cards/soft/soft.h"
#include "cards/soft/soft_internal.h"

#define BULK 1040u /* 65 blocks */

size_t kat_bytes(const char *hex, uint8_t bytes[KAT_BYTES])
{
    size_t len = 0;

    for (; hex && hex[0] && hex[1] && len < KAT_BYTES; hex += 2) {
        unsigned high = (unsigned)(hex[0] <= '9' ? hex[0] - '0' : hex[0] - 'a' + 10);
        unsigned low = (unsigned)(hex[1] <= '9' ? hex[1] - '0' : hex[1] - 'a' + 10);

        bytes[len++] = (uint8_t)(high << 4 | low);
    }
    return len;
}

bool kat_same(const uint8_t *got, const uint8_t *expected, size_t len, uint8_t flip)
{
    uint8_t differ = 0;

    for (size_t i = 0; i < len; i++)
        differ |= (uint8_t)(got[i] ^ expected[i] ^ (i == 0 ? flip : 0));
    return len && differ == 0;
}

static bool sym_once(struct card *card, struct card_job *job, enum card_op op, size_t len)
{
    job->op = (uint16_t)op;
    job->in_len = len;
    job->out_cap = len;
    soft_execute(card, job);
    return job->status == SDR_OK && job->out_len == len;
}

static bool sym_bulk(struct card *card, const struct kat *kat, struct card_key *key, const uint8_t iv[CARD_IV])
{
    /* CFB, OFB, CTR: with part of a block at the end */
    size_t len = BULK - ((kat->alg & (SGD_CFB | SGD_OFB | SGD_CTR)) ? 7 : 0);
    uint8_t plain[BULK], work[BULK], right[BULK];
    struct card_job job = {.alg = kat->alg, .key = key, .in = work, .out = work};
    struct library *judge =
        library_open(LIBRARY_JUDGE, CARD_ENCRYPT, kat->alg, secret_bytes(key->secret), secret_len(key->secret));
    bool ok;

    for (size_t i = 0; i < len; i++)
        work[i] = plain[i] = (uint8_t)(i * 7 + (i >> 8));
    memcpy(job.iv, iv, CARD_IV);
    ok = judge && library_run(judge, iv, plain, len, NULL, right, len) == len &&
         sym_once(card, &job, CARD_ENCRYPT, len) && kat_same(work, right, len, 0);
    memcpy(job.iv, iv, CARD_IV);
    ok = ok && sym_once(card, &job, CARD_DECRYPT, len) && kat_same(work, plain, len, 0);
    library_close(judge);
    return ok;
}

bool kat_sym(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t key_bytes[KAT_BYTES], iv[KAT_BYTES], plain[KAT_BYTES], cipher[KAT_BYTES], out[KAT_BYTES];
    size_t key_len = kat_bytes(kat->key, key_bytes), len = kat_bytes(kat->in, plain);
    struct card_job job = {.alg = kat->alg, .in = plain, .out = out};
    bool ok;

    kat_bytes(kat->iv, iv);
    kat_bytes(kat->out, cipher);
    if (key_import(card, CARD_KEY_SYMMETRIC, key_bytes, key_len, &job.key) != SDR_OK)
        return false;
    memcpy(job.iv, iv, CARD_IV);
    ok = sym_once(card, &job, CARD_ENCRYPT, len) && kat_same(out, cipher, len, flip);
    memcpy(job.iv, iv, CARD_IV);
    job.in = out;
    ok = ok && sym_once(card, &job, CARD_DECRYPT, len) && kat_same(out, plain, len, 0);
    ok = ok && sym_bulk(card, kat, job.key, iv);
    key_unref(job.key);
    return ok;
}

bool kat_mac(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t key_bytes[KAT_BYTES], iv[KAT_BYTES], in[KAT_BYTES], right[KAT_BYTES], out[CARD_DIGEST_MAX];
    size_t key_len = kat_bytes(kat->key, key_bytes), len = kat_bytes(kat->out, right);
    struct card_job job = {.op = CARD_MAC, .alg = kat->alg, .in = in, .out = out, .out_cap = sizeof(out)};
    bool ok;

    job.in_len = kat_bytes(kat->in, in);
    if (kat_bytes(kat->iv, iv))
        memcpy(job.iv, iv, CARD_IV);
    if (key_import(card, CARD_KEY_SYMMETRIC, key_bytes, key_len, &job.key) != SDR_OK)
        return false;
    soft_execute(card, &job);
    ok = job.status == SDR_OK && job.out_len == len && kat_same(out, right, len, flip);
    key_unref(job.key);
    return ok;
}

bool kat_hash(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t in[KAT_BYTES], right[KAT_BYTES], out[CARD_DIGEST_MAX], bulk[BULK];
    struct card_job job = {.op = CARD_HASH, .alg = kat->alg, .in = in, .out = out, .out_cap = sizeof(out)};
    size_t len = kat_bytes(kat->out, right);
    struct library *judge;
    bool ok;

    job.in_len = kat_bytes(kat->in, in);
    soft_execute(card, &job);
    if (job.status != SDR_OK || job.out_len != len || !kat_same(out, right, len, flip))
        return false;
    for (size_t i = 0; i < sizeof(bulk); i++)
        bulk[i] = (uint8_t)(i * 11 + (i >> 8));
    job.in = bulk;
    job.in_len = sizeof(bulk);
    soft_execute(card, &job);
    judge = library_open(LIBRARY_JUDGE, CARD_HASH, kat->alg, NULL, 0);
    ok = job.status == SDR_OK && judge && library_run(judge, NULL, bulk, sizeof(bulk), NULL, right, KAT_BYTES) == len &&
         kat_same(out, right, len, 0);
    library_close(judge);
    return ok;
}

bool kat_wrap_kek(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t key_bytes[KAT_BYTES], in[KAT_BYTES], right[KAT_BYTES], out[CARD_SYM_KEY_MAX];
    size_t key_len = kat_bytes(kat->key, key_bytes), len = kat_bytes(kat->in, in);
    struct card_job job = {.alg = kat->alg, .in = out, .out = out, .out_cap = sizeof(out), .in_key_bits = 256};
    struct card_key *made;
    bool ok;

    kat_bytes(kat->out, right);
    if (key_import(card, CARD_KEY_SYMMETRIC, key_bytes, key_len, &job.key) != SDR_OK)
        return false;
    job.op = CARD_KEY_GENERATE_KEK;
    soft_execute(card, &job);
    made = job.new_key;
    job.op = CARD_KEY_IMPORT_KEK;
    job.in_len = job.out_len;
    ok = job.status == SDR_OK;
    if (ok)
        soft_execute(card, &job);
    ok = ok && job.status == SDR_OK && secret_len(made->secret) == 32 && secret_len(job.new_key->secret) == 32 &&
         kat_same(secret_bytes(made->secret), secret_bytes(job.new_key->secret), 32, 0);
    key_unref(made);
    key_unref(job.new_key);
    /* and an answer that is known: unwrapping `right` gives `in` */
    job.new_key = NULL;
    job.in = right;
    job.in_len = len;
    if (ok)
        soft_execute(card, &job);
    ok = ok && job.status == SDR_OK && kat_same(secret_bytes(job.new_key->secret), in, len, flip);
    key_unref(job.new_key);
    key_unref(job.key);
    return ok;
}

#define RANDOM_BYTES      4096u
#define REPEAT_CUTOFF     6u /* equal bytes in a row: less than 2^-28 in this much good output */
#define PROPORTION_WINDOW 512u
#define PROPORTION_CUTOFF 25u /* times that a window's first byte comes up in it; 2 is usual */

static bool random_healthy(const uint8_t *bytes)
{
    unsigned run = 1;

    for (size_t i = 1; i < RANDOM_BYTES; i++) {
        run = bytes[i] == bytes[i - 1] ? run + 1 : 1;
        if (run >= REPEAT_CUTOFF)
            return false;
    }
    for (size_t at = 0; at < RANDOM_BYTES; at += PROPORTION_WINDOW) {
        unsigned same = 0;

        for (size_t i = 0; i < PROPORTION_WINDOW; i++)
            same += bytes[at + i] == bytes[at];
        if (same >= PROPORTION_CUTOFF)
            return false;
    }
    for (size_t at = BLOCK; at < RANDOM_BYTES; at += BLOCK) {
        if (memcmp(bytes + at, bytes + at - BLOCK, BLOCK) == 0)
            return false;
    }
    return true;
}

bool kat_random(struct card *card, const struct kat *kat, uint8_t flip)
{
    uint8_t bytes[RANDOM_BYTES] = {0};
    struct card_job job = {.op = CARD_RANDOM, .out = bytes, .out_cap = sizeof(bytes)};
    bool ok;

    (void)kat;
    soft_execute(card, &job);
    if (flip) /* a stuck source */
        memset(bytes + RANDOM_BYTES / 2, 0, 2 * BLOCK);
    ok = job.status == SDR_OK && random_healthy(bytes);
    explicit_bzero(bytes, sizeof(bytes));
    return ok;
}

const char *soft_kat_name(size_t i)
{
    return i < kats_count ? kats[i].name : NULL;
}

bool kat_known(const char *name)
{
    for (size_t i = 0; i < kats_count; i++) {
        if (strcmp(kats[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Is this computation of the answer the one that the fault knob breaks? */
static uint8_t kat_flip(struct card *card, const struct kat *kat)
{
    if (strcmp(card->fault.selftest, kat->name) != 0)
        return 0;
    return !card->fault.late || atomic_fetch_add(&card->fault.done, 1) + 1 == card->fault.late;
}

static uint32_t kat_one(struct card *card, const struct kat *kat, char *error)
{
    if (kat->run(card, kat, kat_flip(card, kat)))
        return SDR_OK;
    snprintf(error, CARD_ERROR_TEXT,
             "the software card's self-test of %s gave a wrong answer, so the card serves nothing; check the "
             "installed libcrypto and libgcrypt and this machine's memory",
             kat->name);
    return SDR_HARDFAIL;
}

uint32_t kat_run(struct card *card, char *error)
{
    uint32_t status = SDR_OK;

    for (size_t i = 0; i < kats_count && status == SDR_OK; i++)
        status = kat_one(card, &kats[i], error);
    return status;
}

uint32_t kat_part(struct card *card, unsigned part, bool *last, char *error)
{
    *last = part + 1 >= kats_count;
    return part < kats_count ? kat_one(card, &kats[part], error) : SDR_OK;
}
