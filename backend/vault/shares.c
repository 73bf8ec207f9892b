/* SPDX-License-Identifier: Apache-2.0 */
/* shares.c: splitting a key and putting it together. See shares.h. */
#include "backend/vault/shares.h"

#include <libgfshare.h>
#include <openssl/rand.h>
#include <string.h>
#include "backend/vault/seal.h"
#include "backend/vault/vault_internal.h"

/* libgfshare asks for random bytes by this, and cannot be told of a failure. */
static bool random_failed;

static void random_fill(unsigned char *bytes, unsigned len)
{
    if (RAND_priv_bytes(bytes, (int)len) != 1)
        random_failed = true;
}

/* Half of it random, half a digest of the key with that: so that a wrong key is known for one. */
static bool set_make(const uint8_t key[SHARE_KEY], uint8_t set[8])
{
    uint8_t mac[32];

    if (!seal_mac(key, set, 4, mac))
        return false;
    memcpy(set + 4, mac, 4);
    return true;
}

enum vault_result shares_split(const uint8_t key[SHARE_KEY], unsigned least, unsigned count, struct share *shares,
                               char *error)
{
    unsigned char numbers[SHARES_MOST];
    gfshare_ctx *ctx;
    uint8_t set[8];

    if (least < 2 || least > count || count > SHARES_MOST)
        return vault_fail(error, VAULT_INVALID, "a key is split into at most %u shares, of which at least 2 are needed",
                          SHARES_MOST);
    for (unsigned i = 0; i < count; i++)
        numbers[i] = (unsigned char)(i + 1);
    random_failed = false;
    gfshare_fill_rand = random_fill;
    ctx = seal_random(set, 4) && set_make(key, set)
              ? gfshare_ctx_init_enc(numbers, count, (unsigned char)least, SHARE_KEY)
              : NULL;
    if (!ctx)
        return vault_fail(error, VAULT_IO, "no memory or no random bytes to split a key");
    gfshare_ctx_enc_setsecret(ctx, (unsigned char *)(uintptr_t)key);
    for (unsigned i = 0; i < count; i++) {
        shares[i] = (struct share){.least = least, .count = count, .number = i + 1};
        memcpy(shares[i].set, set, sizeof set);
        gfshare_ctx_enc_getshare(ctx, (unsigned char)i, shares[i].bytes);
    }
    gfshare_ctx_free(ctx); /* overwrites what it had */
    if (random_failed) {
        explicit_bzero(shares, count * sizeof *shares);
        return vault_fail(error, VAULT_IO, "no random bytes to split a key");
    }
    return vault_ok(error);
}

static enum vault_result shares_judge(const struct share *shares, size_t count, char *error)
{
    if (count == 0 || count > SHARES_MOST)
        return vault_fail(error, VAULT_INVALID, "give from 2 to %u shares", SHARES_MOST);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            if (memcmp(shares[i].set, shares[j].set, sizeof shares[i].set) != 0 || shares[i].least != shares[j].least ||
                shares[i].count != shares[j].count)
                return vault_fail(error, VAULT_INVALID, "the shares are not of one key");
            if (shares[i].number == shares[j].number)
                return vault_fail(error, VAULT_INVALID, "share %u was given twice", shares[i].number);
        }
    if (count < shares[0].least)
        return vault_fail(error, VAULT_INVALID, "%u shares are needed, %zu were given", shares[0].least, count);
    return VAULT_OK;
}

enum vault_result shares_join(const struct share *shares, size_t count, uint8_t key[SHARE_KEY], char *error)
{
    unsigned char numbers[SHARES_MOST];
    gfshare_ctx *ctx;
    uint8_t set[8];
    enum vault_result result = shares_judge(shares, count, error);

    if (result != VAULT_OK)
        return result;
    for (size_t i = 0; i < count; i++)
        numbers[i] = (unsigned char)shares[i].number;
    gfshare_fill_rand = random_fill; /* with which the library overwrites what it frees */
    ctx = gfshare_ctx_init_dec(numbers, (unsigned)count, SHARE_KEY);
    if (!ctx)
        return vault_fail(error, VAULT_IO, "no memory to put a key together");
    for (size_t i = 0; i < count; i++)
        gfshare_ctx_dec_giveshare(ctx, (unsigned char)i, (unsigned char *)(uintptr_t)shares[i].bytes);
    gfshare_ctx_dec_extract(ctx, key);
    gfshare_ctx_free(ctx);
    memcpy(set, shares[0].set, 4);
    if (!set_make(key, set) || memcmp(set, shares[0].set, sizeof set) != 0) {
        explicit_bzero(key, SHARE_KEY);
        return vault_fail(error, VAULT_DAMAGED, "the shares do not give the key: one of them was altered");
    }
    return vault_ok(error);
}
