/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts of the libraries, cached per key.
 *
 * Setting a key costs more than a short job, so a context is made once, keyed, and kept: a job takes one, sets the IV,
 * runs and puts it back. Several threads may use one key at once; a context serves one at a time. For each kind a key
 * has a few places, each empty or holding an idle context; taking is an exchange with NULL, putting back a
 * compare-and-swap from NULL. A thread begins at a place of its own, so that threads seldom meet. Where all places are
 * taken by others a new context is made, and where none is free when it comes back it is dropped: the number of
 * contexts follows the number of threads that really use the key.
 */
#include "cards/soft/soft_internal.h"

#include <stdlib.h>

unsigned sym_kind(enum cipher cipher, enum mode mode, bool decrypt)
{
    /* key streams are the same both ways */
    unsigned way = decrypt && mode != MODE_OFB && mode != MODE_CTR;

    return KIND_SYM + 2 * ((unsigned)cipher * MODES + (unsigned)mode) + way;
}

static unsigned thread_place(void)
{
    static _Atomic unsigned threads;
    static _Thread_local unsigned place = IDLE_CONTEXTS;

    if (place == IDLE_CONTEXTS)
        place = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % IDLE_CONTEXTS;
    return place;
}

static void *gcrypt_cipher(const struct card_key *key, enum cipher cipher, int mode)
{
    static const int aes[3] = {GCRY_CIPHER_AES128, GCRY_CIPHER_AES192, GCRY_CIPHER_AES256};
    size_t len = secret_len(key->secret);
    gcry_cipher_hd_t handle = NULL;

    if (gcry_cipher_open(&handle, cipher == CIPHER_SM4 ? GCRY_CIPHER_SM4 : aes[len / 8 - 2], mode,
                         GCRY_CIPHER_SECURE) != 0)
        return NULL;
    if (gcry_cipher_setkey(handle, secret_bytes(key->secret), len) != 0) {
        gcry_cipher_close(handle);
        return NULL;
    }
    return handle;
}

static void *crypto_cipher(const struct card_key *key, enum cipher cipher, enum mode mode, bool decrypt)
{
    static const uint8_t zero[CARD_IV];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *type = key->card->ciphers[cipher][mode][secret_len(key->secret) / 8 - 2];

    if (ctx &&
        EVP_CipherInit_ex2(ctx, type, secret_bytes(key->secret), mode == MODE_ECB ? NULL : zero, !decrypt, NULL) == 1 &&
        EVP_CIPHER_CTX_set_padding(ctx, 0) == 1)
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

static void *hmac_context(const struct card_key *key, enum hash hash)
{
    gcry_md_hd_t md = NULL;

    if (gcry_md_open(&md, hash_gcrypt(hash), GCRY_MD_FLAG_HMAC | GCRY_MD_FLAG_SECURE) != 0)
        return NULL;
    if (gcry_md_setkey(md, secret_bytes(key->secret), secret_len(key->secret)) != 0) {
        gcry_md_close(md);
        return NULL;
    }
    return md;
}

static void kind_split(unsigned kind, enum cipher *cipher, enum mode *mode, bool *decrypt)
{
    unsigned number = (kind - KIND_SYM) / 2;

    *cipher = (enum cipher)(number / MODES);
    *mode = (enum mode)(number % MODES);
    *decrypt = (kind - KIND_SYM) % 2;
}

static void *context_make(struct card_key *key, unsigned kind)
{
    static const int modes[MODES] = {GCRY_CIPHER_MODE_ECB, GCRY_CIPHER_MODE_CBC, GCRY_CIPHER_MODE_CFB,
                                     GCRY_CIPHER_MODE_OFB, GCRY_CIPHER_MODE_CTR};
    static const int aeads[AEADS] = {GCRY_CIPHER_MODE_GCM, GCRY_CIPHER_MODE_CCM};
    enum cipher cipher;
    enum mode mode;
    bool decrypt;

    if (kind >= KIND_RSA_PUBLIC)
        return rsa_context(key, kind);
    if (kind >= KIND_SM2_SIGN)
        return sm2_context(key, kind);
    if (kind >= KIND_HMAC)
        return hmac_context(key, (enum hash)(kind - KIND_HMAC));
    if (kind >= KIND_AEAD)
        return gcrypt_cipher(key, (enum cipher)((kind - KIND_AEAD) / AEADS), aeads[(kind - KIND_AEAD) % AEADS]);
    kind_split(kind, &cipher, &mode, &decrypt);
    if (sym_by_gcrypt(cipher, mode, decrypt))
        return gcrypt_cipher(key, cipher, modes[mode]);
    return crypto_cipher(key, cipher, mode, decrypt);
}

void context_drop(unsigned kind, void *context)
{
    enum cipher cipher;
    enum mode mode;
    bool decrypt;

    if (!context)
        return;
    if (kind >= KIND_SM2_SIGN) {
        EVP_PKEY_CTX_free(context);
        return;
    }
    if (kind >= KIND_HMAC) {
        gcry_md_close(context);
        return;
    }
    if (kind >= KIND_AEAD) {
        gcry_cipher_close(context);
        return;
    }
    kind_split(kind, &cipher, &mode, &decrypt);
    if (sym_by_gcrypt(cipher, mode, decrypt))
        gcry_cipher_close(context);
    else
        EVP_CIPHER_CTX_free(context);
}

void *context_take(struct card_key *key, unsigned kind)
{
    struct idle *idle = atomic_load_explicit(&key->idle[kind], memory_order_acquire);
    unsigned place = thread_place();

    for (unsigned i = 0; idle && i < IDLE_CONTEXTS; i++) {
        _Atomic(void *) *at = &idle->contexts[(place + i) % IDLE_CONTEXTS];
        void *context;

        if (!atomic_load_explicit(at, memory_order_relaxed))
            continue;
        context = atomic_exchange_explicit(at, NULL, memory_order_acquire);
        if (context)
            return context;
    }
    return context_make(key, kind);
}

static struct idle *idle_of(struct card_key *key, unsigned kind)
{
    struct idle *idle = atomic_load_explicit(&key->idle[kind], memory_order_acquire), *none = NULL;

    if (idle)
        return idle;
    idle = calloc(1, sizeof(*idle));
    if (!idle || atomic_compare_exchange_strong_explicit(&key->idle[kind], &none, idle, memory_order_acq_rel,
                                                         memory_order_acquire))
        return idle;
    free(idle);
    return none;
}

void context_put(struct card_key *key, unsigned kind, void *context)
{
    struct idle *idle = idle_of(key, kind);
    unsigned place = thread_place();

    for (unsigned i = 0; idle && i < IDLE_CONTEXTS; i++) {
        _Atomic(void *) *at = &idle->contexts[(place + i) % IDLE_CONTEXTS];
        void *empty = NULL;

        if (atomic_load_explicit(at, memory_order_relaxed))
            continue;
        if (atomic_compare_exchange_strong_explicit(at, &empty, context, memory_order_release, memory_order_relaxed))
            return;
    }
    context_drop(kind, context);
}

void contexts_free(struct card_key *key)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct idle *idle = atomic_load_explicit(&key->idle[kind], memory_order_relaxed);

        for (unsigned i = 0; idle && i < IDLE_CONTEXTS; i++)
            context_drop(kind, atomic_load_explicit(&idle->contexts[i], memory_order_relaxed));
        free(idle);
    }
}
