/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of the software card. Symmetric bytes are a secret (secret.h); an SM2 or P-256 key is libcrypto's, its private
 * number in libcrypto's secure heap; an RSA key libcrypto keeps on the ordinary heap, and wipes when it is freed. A
 * running MAC holds a reference, so that freeing its key first is harmless; the bytes are wiped when the last reference
 * goes.
 */
#include <stdlib.h>

#include "cards/soft/soft_internal.h"

static uint32_t rsa_import(struct card_key *key, const uint8_t *bytes, size_t len)
{
    bool private_key = key->type == CARD_KEY_RSA_PRIVATE;
    uint32_t status = SDR_INARGERR;

    if (len <= CARD_RSA_E)
        return SDR_INARGERR;
    key->rsa_len = private_key ? (len - CARD_RSA_E) * 2 / 9 : len - CARD_RSA_E;
    if (!rsa_len_ok(key->rsa_len) || (private_key && len != CARD_RSA_PRIVATE_SIZE(key->rsa_len)))
        return SDR_INARGERR;
    key->pkey =
        private_key ? rsa_pkey_private(bytes, key->rsa_len, &status) : rsa_pkey_public(bytes, key->rsa_len, &status);
    return key->pkey ? SDR_OK : status;
}

uint32_t key_import(struct card *card, enum card_key_type type, const uint8_t *bytes, size_t len, struct card_key **out)
{
    uint32_t status = SDR_NOBUFFER;
    struct card_key *key;

    *out = NULL;
    if (!bytes)
        return SDR_INARGERR;
    key = calloc(1, sizeof(*key));
    if (!key)
        return SDR_NOBUFFER;
    key->type = type;
    key->card = card;
    atomic_init(&key->refs, 1);
    switch (type) {
    case CARD_KEY_SYMMETRIC:
        if (len < 1 || len > SECRET_MAX)
            status = SDR_INARGERR;
        else if ((key->secret = secret_new(card->secrets, bytes, len)))
            status = SDR_OK;
        break;
    case CARD_KEY_SM2_PRIVATE:
        if (len != CARD_ECC_PRIVATE + CARD_ECC_POINT)
            status = SDR_INARGERR;
        else if ((key->pkey = sm2_pkey_private(bytes, &status)))
            status = SDR_OK;
        break;
    case CARD_KEY_SM2_PUBLIC:
        if (len != CARD_ECC_POINT)
            status = SDR_INARGERR;
        else if ((key->pkey = sm2_pkey_public(bytes, &status)))
            status = SDR_OK;
        break;
    case CARD_KEY_P256_PRIVATE:
        if (len != CARD_ECC_PRIVATE + CARD_ECC_POINT)
            status = SDR_INARGERR;
        else if ((key->pkey = p256_pkey_private(bytes, &status)))
            status = SDR_OK;
        break;
    case CARD_KEY_P256_PUBLIC:
        if (len != CARD_ECC_POINT)
            status = SDR_INARGERR;
        else if ((key->pkey = p256_pkey_public(bytes, &status)))
            status = SDR_OK;
        break;
    case CARD_KEY_RSA_PRIVATE:
    case CARD_KEY_RSA_PUBLIC:
        status = rsa_import(key, bytes, len);
        break;
    default:
        status = SDR_KEYTYPEERR;
    }
    if (status == SDR_OK)
        *out = key;
    else
        key_unref(key);
    return status;
}

struct card_key *key_ref(struct card_key *key)
{
    atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

void key_unref(struct card_key *key)
{
    if (!key || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
        return;
    contexts_free(key);
    key_unref(atomic_load_explicit(&key->half[0], memory_order_relaxed));
    key_unref(atomic_load_explicit(&key->half[1], memory_order_relaxed));
    secret_free(key->secret);
    EVP_PKEY_free(key->pkey);
    free(key);
}

uint32_t key_fits(const struct card_key *key, enum cipher cipher)
{
    size_t len;

    if (!key)
        return SDR_KEYNOTEXIST;
    if (key->type != CARD_KEY_SYMMETRIC)
        return SDR_KEYTYPEERR;
    len = secret_len(key->secret);
    if (len == 16 || (cipher == CIPHER_AES && (len == 24 || len == 32)))
        return SDR_OK;
    return SDR_KEYERR;
}
