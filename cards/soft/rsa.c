/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA on libcrypto: the bare operations of SDF, session keys under PKCS #1 v1.5, key pairs.
 *
 * libcrypto blinds the private operation and checks its result with the public exponent, so that neither its time nor a
 * fault in it tells of the key. Padding for encryption is libcrypto's; it is taken off here (unpad.c), from the bare
 * private operation, because libcrypto 3.0 tells good and bad padding apart.
 */
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#include "cards/soft/soft_internal.h"

static void *pkey_context(EVP_PKEY *pkey, unsigned kind)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    int padding = kind == KIND_RSA_WRAP ? RSA_PKCS1_PADDING : RSA_NO_PADDING;

    if (ctx && (kind == KIND_RSA_PRIVATE ? EVP_PKEY_decrypt_init(ctx) : EVP_PKEY_encrypt_init(ctx)) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return NULL;
}

void *rsa_context(struct card_key *key, unsigned kind)
{
    return pkey_context(key->pkey, kind);
}

/* One use of a key: one in the card, or one from outside whose bytes stand in front. */
struct use {
    struct card_key *key;
    unsigned kind;
    void *context;
    size_t len; /* of the modulus */
};

static uint32_t use_inside(struct use *use, struct card_key *key, unsigned kind)
{
    bool type_ok = key->type == CARD_KEY_RSA_PRIVATE || (kind != KIND_RSA_PRIVATE && key->type == CARD_KEY_RSA_PUBLIC);

    if (!type_ok)
        return SDR_KEYTYPEERR;
    *use = (struct use){.key = key, .kind = kind, .len = key->rsa_len, .context = context_take(key, kind)};
    return use->context ? SDR_OK : SDR_NOBUFFER;
}

static uint32_t use_outside(struct use *use, const uint8_t *bytes, size_t len, unsigned kind)
{
    uint32_t status = SDR_OK;
    EVP_PKEY *pkey =
        kind == KIND_RSA_PRIVATE ? rsa_pkey_private(bytes, len, &status) : rsa_pkey_public(bytes, len, &status);

    if (!pkey)
        return status;
    *use = (struct use){.kind = kind, .len = len, .context = pkey_context(pkey, kind)};
    EVP_PKEY_free(pkey); /* the context holds a reference */
    return use->context ? SDR_OK : SDR_NOBUFFER;
}

static void use_end(struct use *use, bool ok)
{
    if (use->key && ok)
        context_put(use->key, use->kind, use->context);
    else
        context_drop(use->kind, use->context);
    if (!ok)
        ERR_clear_error();
}

/* out has CARD_RSA_MAX bytes */
static bool use_run(struct use *use, const uint8_t *in, size_t in_len, uint8_t *out)
{
    size_t out_len = CARD_RSA_MAX;

    return (use->kind == KIND_RSA_PRIVATE ? EVP_PKEY_decrypt(use->context, out, &out_len, in, in_len)
                                          : EVP_PKEY_encrypt(use->context, out, &out_len, in, in_len)) == 1 &&
           out_len == use->len;
}

/* The length of the modulus where `in` is key bytes and a block; 0: it is not. */
static size_t outside_len(size_t in_len, bool private_key)
{
    for (size_t len = 256; len <= CARD_RSA_MAX; len += 128)
        if (in_len == len + (private_key ? CARD_RSA_PRIVATE_SIZE(len) : CARD_RSA_PUBLIC_SIZE(len)))
            return len;
    return 0;
}

static uint32_t raw_job(struct card_job *job, unsigned kind)
{
    uint8_t out[CARD_RSA_MAX];
    const uint8_t *block = job->in;
    struct use use;
    uint32_t status;
    bool ok;

    if (job->key) {
        status = use_inside(&use, job->key, kind);
    } else {
        size_t len = outside_len(job->in_len, kind == KIND_RSA_PRIVATE);

        block += job->in_len - len;
        status = len ? use_outside(&use, job->in, len, kind) : SDR_INARGERR;
    }
    if (status != SDR_OK)
        return status;
    if (job->out_cap < use.len || (job->key && job->in_len != use.len)) {
        use_end(&use, true);
        return job->out_cap < use.len ? SDR_OUTARGERR : SDR_INARGERR;
    }
    ok = use_run(&use, block, use.len, out); /* fails for a block that is not below the modulus */
    use_end(&use, ok);
    if (ok) {
        memcpy(job->out, out, use.len);
        job->out_len = use.len;
    }
    explicit_bzero(out, sizeof(out));
    return ok ? SDR_OK : SDR_INARGERR;
}

uint32_t rsa_public(struct card_job *job)
{
    return raw_job(job, KIND_RSA_PUBLIC);
}

uint32_t rsa_private(struct card_job *job)
{
    return raw_job(job, KIND_RSA_PRIVATE);
}

uint32_t rsa_keypair(struct card_job *job)
{
    size_t len = job->in_key_bits / 8u;
    EVP_PKEY *pkey;
    bool ok;

    if (job->in_key_bits % 8 || !rsa_len_ok(len))
        return SDR_INARGERR;
    if (job->out_cap < CARD_RSA_PRIVATE_SIZE(len))
        return SDR_OUTARGERR;
    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)job->in_key_bits); /* e is 65537 */
    ok = pkey && rsa_pair_bytes(pkey, job->out, len);
    EVP_PKEY_free(pkey);
    if (ok) {
        job->out_len = CARD_RSA_PRIVATE_SIZE(len);
    } else {
        explicit_bzero(job->out, CARD_RSA_PRIVATE_SIZE(len));
        ERR_clear_error();
    }
    return ok ? SDR_OK : SDR_RANDERR;
}

/* out: use->len bytes, at most cap */
static uint32_t wrap(struct use *use, const uint8_t *bytes, size_t len, uint8_t *out, size_t cap)
{
    uint8_t wrapped[CARD_RSA_MAX];
    bool ok;

    if (cap < use->len) {
        use_end(use, true);
        return SDR_OUTARGERR;
    }
    ok = use_run(use, bytes, len, wrapped);
    use_end(use, ok);
    if (ok)
        memcpy(out, wrapped, use->len);
    return ok ? SDR_OK : SDR_PKOPERR;
}

/* The bytes of a session key out of a block for `key`. */
static uint32_t unwrap(struct card_key *key, const uint8_t *in, size_t in_len, uint8_t bytes[CARD_SYM_KEY_MAX],
                       size_t *len)
{
    uint8_t block[CARD_RSA_MAX];
    struct use use;
    uint32_t status = key ? use_inside(&use, key, KIND_RSA_PRIVATE) : SDR_KEYNOTEXIST;
    bool ok;

    if (status != SDR_OK)
        return status;
    if (in_len != use.len) {
        use_end(&use, true);
        return SDR_INARGERR;
    }
    ok = use_run(&use, in, in_len, block); /* fails for what is not below the modulus: everybody can see that */
    use_end(&use, ok);
    *len = ok ? rsa_unpad(block, use.len, bytes) : 0;
    explicit_bzero(block, sizeof(block));
    return *len ? SDR_OK : SDR_ENCDATAERR;
}

uint32_t key_generate_rsa(struct card *card, struct card_job *job)
{
    uint8_t bytes[CARD_SYM_KEY_MAX];
    size_t len;
    struct use use = {0};
    uint32_t status = key_bytes_make(job->in_key_bits, bytes, &len);

    if (status == SDR_OK && job->key)
        status = use_inside(&use, job->key, KIND_RSA_WRAP);
    else if (status == SDR_OK)
        status = job->in_len > CARD_RSA_E ? use_outside(&use, job->in, job->in_len - CARD_RSA_E, KIND_RSA_WRAP)
                                          : SDR_INARGERR;
    if (status == SDR_OK)
        status = wrap(&use, bytes, len, job->out, job->out_cap);
    if (status == SDR_OK)
        status = key_import(card, CARD_KEY_SYMMETRIC, bytes, len, &job->new_key);
    if (status == SDR_OK)
        job->out_len = use.len;
    explicit_bzero(bytes, sizeof(bytes));
    return status;
}

uint32_t key_export_rsa(struct card_job *job)
{
    struct use use = {0};
    size_t len;
    const uint8_t *bytes = session_key_bytes(job->key, &len);
    uint32_t status = bytes ? SDR_INARGERR : SDR_KEYTYPEERR;

    if (bytes && job->in_len > CARD_RSA_E)
        status = use_outside(&use, job->in, job->in_len - CARD_RSA_E, KIND_RSA_WRAP);
    if (status == SDR_OK)
        status = wrap(&use, bytes, len, job->out, job->out_cap);
    if (status == SDR_OK)
        job->out_len = use.len;
    return status;
}

uint32_t key_import_rsa(struct card *card, struct card_job *job)
{
    uint8_t bytes[CARD_SYM_KEY_MAX];
    size_t len;
    uint32_t status = unwrap(job->key, job->in, job->in_len, bytes, &len);

    if (status == SDR_OK)
        status = key_import(card, CARD_KEY_SYMMETRIC, bytes, len, &job->new_key);
    explicit_bzero(bytes, sizeof(bytes));
    return status;
}

uint32_t rsa_rewrap(struct card_job *job)
{
    uint8_t bytes[CARD_SYM_KEY_MAX] = {0};
    size_t own = job->key ? job->key->rsa_len : 0, len;
    struct use use = {0};
    uint32_t status;

    if (!job->key)
        return SDR_KEYNOTEXIST;
    if (job->key->type != CARD_KEY_RSA_PRIVATE)
        return SDR_KEYTYPEERR;
    if (job->in_len <= own + CARD_RSA_E)
        return SDR_INARGERR;
    /* the other key first: what is wrong with it tells nothing of the envelope */
    status = use_outside(&use, job->in, job->in_len - own - CARD_RSA_E, KIND_RSA_WRAP);
    if (status != SDR_OK)
        return status;
    status = unwrap(job->key, job->in + job->in_len - own, own, bytes, &len);
    if (status == SDR_OK)
        status = wrap(&use, bytes, len, job->out, job->out_cap);
    else
        use_end(&use, true);
    if (status == SDR_OK)
        job->out_len = use.len;
    explicit_bzero(bytes, sizeof(bytes));
    return status;
}
