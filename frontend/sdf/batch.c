/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.c: many operations of one session in flight together.
 *
 * A call that fits into a slot and is right as far as can be seen here becomes one operation; up to BATCH of those of
 * one session are sent together. Anything else (too long, or wrong) is left to the SDF function of its name, which
 * splits it, or says what is wrong: so each answer is what that function gives.
 */
#include "frontend/sdf/batch.h"

#include <stdlib.h>
#include <string.h>
#include "frontend/sdf/aead.h"
#include "frontend/sdf/alg.h"
#include "frontend/sdf/dialect.h"
#include "frontend/sdf/form.h"
#include "frontend/sdf/transform.h"

#define BATCH 32u

struct item {
    struct cardmux_sdf_call *from;
    struct call *wire;
    uint32_t result_len; /* in params */
    uint8_t params[CM_PARAM_SIZE];
};

static bool fits(const struct cardmux_sdf_call *c)
{
    return c->in_len <= CM_SLOT_SIZE && (c->in || c->in_len == 0);
}

static bool crypt_make(struct item *i, bool decrypt, uint32_t key)
{
    struct cardmux_sdf_call *c = i->from;
    uint32_t alg = dialect_alg(c->alg);
    if (alg_cipher(&alg) != SDR_OK || !c->in || !c->out || c->in_len == 0)
        return false;
    uint32_t mode = alg & 0xff;
    bool xts = alg_is_xts(alg);
    if ((mode != SGD_ECB && !c->iv) || ((mode == SGD_ECB || mode == SGD_CBC) && c->in_len % BLOCK != 0) ||
        (xts && c->in_len < BLOCK))
        return false;
    *i->wire = (struct call){.op = decrypt ? CM_OP_DECRYPT : CM_OP_ENCRYPT,
                             .key = key,
                             .alg = alg,
                             .data = c->in,
                             .data_len = c->in_len,
                             .out = c->out,
                             .out_cap = c->in_len};
    if (xts)
        i->wire->op = decrypt ? CM_OP_SECTOR_DECRYPT : CM_OP_SECTOR_ENCRYPT;
    if (mode != SGD_ECB)
        memcpy(i->wire->iv, c->iv, BLOCK);
    return true;
}

static bool mac_make(struct item *i, uint32_t key)
{
    struct cardmux_sdf_call *c = i->from;
    bool hmac = c->what == CARDMUX_SDF_HMAC || c->alg == SGD_SM3;
    uint32_t alg = hmac ? alg_hmac(c->alg, &i->result_len) : dialect_alg(c->alg);
    if (!c->out || alg == 0 ||
        (!hmac && (alg_check(alg, ALG_USE_MAC) != SDR_OK || !c->iv || c->in_len == 0 || c->in_len % BLOCK != 0)))
        return false;
    *i->wire = (struct call){.op = CM_OP_MAC, .key = key, .alg = alg, .data = c->in, .data_len = c->in_len};
    if (!hmac) {
        i->result_len = BLOCK;
        memcpy(i->wire->iv, c->iv, BLOCK);
    }
    return true;
}

static bool hash_make(struct item *i)
{
    struct cardmux_sdf_call *c = i->from;
    uint32_t alg = alg_hash(c->alg, &i->result_len);
    if (alg == 0 || !c->out)
        return false;
    *i->wire = (struct call){.op = CM_OP_HASH, .alg = alg, .data = c->in, .data_len = c->in_len};
    return true;
}

static bool auth_make(struct item *i, bool decrypt, uint32_t key)
{
    struct cardmux_sdf_call *c = i->from;
    struct aead_args a = {.decrypt = decrypt,
                          .key = key,
                          .alg = dialect_alg(c->alg),
                          .nonce = c->iv,
                          .aad = c->aad,
                          .nonce_len = c->iv_len,
                          .aad_len = c->aad_len,
                          .tag = c->tag,
                          .tag_len = c->tag_len,
                          .data_len = c->in_len};
    if (!c->tag || (c->in_len > 0 && !c->out) || aead_check(&a) != SDR_OK)
        return false;
    i->result_len = decrypt ? 0 : AEAD_TAG;
    return aead_call(&a, c->in, c->out, i->params, i->wire);
}

static bool sign_make(struct item *i)
{
    struct cardmux_sdf_call *c = i->from;
    if (!c->in || c->in_len != 32 || !c->signature)
        return false;
    memcpy(i->params, c->in, 32);
    *i->wire = (struct call){.op = CM_OP_SIGN_INTERNAL, .key = c->index, .param = i->params, .param_len = 32};
    i->result_len = FORM_SIGNATURE;
    if (c->what == CARDMUX_SDF_SIGN)
        return true;
    i->wire->op = CM_OP_VERIFY_INTERNAL;
    i->wire->param_len += FORM_SIGNATURE;
    i->result_len = 0;
    return form_signature_read(c->signature, i->params + 32);
}

static bool make(struct sdf_session *session, struct item *i)
{
    struct cardmux_sdf_call *c = i->from;
    uint32_t key = 0;
    bool keyed = c->what != CARDMUX_SDF_RANDOM && c->what != CARDMUX_SDF_HASH && c->what != CARDMUX_SDF_SIGN &&
                 c->what != CARDMUX_SDF_VERIFY;
    i->result_len = 0;
    if (!fits(c) || (keyed && session_key(session, c->key, &key) != SDR_OK))
        return false;
    switch (c->what) {
    case CARDMUX_SDF_RANDOM:
        if (!c->out || c->out_len == 0 || c->out_len > CM_SLOT_SIZE)
            return false;
        *i->wire = (struct call){.op = CM_OP_RANDOM, .arg = c->out_len, .out = c->out, .out_cap = c->out_len};
        return true;
    case CARDMUX_SDF_ENCRYPT:
    case CARDMUX_SDF_DECRYPT:
        return crypt_make(i, c->what == CARDMUX_SDF_DECRYPT, key);
    case CARDMUX_SDF_MAC:
    case CARDMUX_SDF_HMAC:
        return mac_make(i, key);
    case CARDMUX_SDF_HASH:
        return hash_make(i);
    case CARDMUX_SDF_SIGN:
    case CARDMUX_SDF_VERIFY:
        return sign_make(i);
    case CARDMUX_SDF_AUTH_ENC:
    case CARDMUX_SDF_AUTH_DEC:
        return auth_make(i, c->what == CARDMUX_SDF_AUTH_DEC, key);
    default:
        return false;
    }
}

/* From the answer to the caller. */
static void settle(struct item *i)
{
    struct cardmux_sdf_call *c = i->from;
    const struct call *w = i->wire;
    size_t data_len = c->what == CARDMUX_SDF_RANDOM ? c->out_len : w->out ? w->data_len : 0;
    c->status = (int)w->status;
    if (w->status != SDR_OK)
        return;
    if (w->param_out_len != i->result_len || w->out_len != data_len) {
        c->status = SDR_COMMFAIL;
        return;
    }
    switch (c->what) {
    case CARDMUX_SDF_SIGN:
        form_signature_write(c->signature, w->param_out);
        return;
    case CARDMUX_SDF_AUTH_ENC:
        memcpy(c->tag, w->param_out, AEAD_TAG);
        c->tag_len = AEAD_TAG;
        c->out_len = c->in_len;
        return;
    case CARDMUX_SDF_MAC:
    case CARDMUX_SDF_HMAC:
    case CARDMUX_SDF_HASH:
        memcpy(c->out, w->param_out, i->result_len);
        c->out_len = i->result_len;
        break;
    case CARDMUX_SDF_ENCRYPT:
    case CARDMUX_SDF_DECRYPT:
    case CARDMUX_SDF_AUTH_DEC:
        c->out_len = c->in_len;
        break;
    default:
        return;
    }
    bool chains = c->what == CARDMUX_SDF_ENCRYPT || c->what == CARDMUX_SDF_DECRYPT ||
                  (c->what == CARDMUX_SDF_MAC && c->alg != SGD_SM3);
    if (chains && c->iv && (w->alg & 0xff) != SGD_ECB)
        dialect_iv(c->iv, w->iv);
}

static int digest_alone(struct cardmux_sdf_call *c)
{
    void *hash;
    int status = c->what == CARDMUX_SDF_HMAC ? cardmux_hmac_open(c->session, c->key, c->alg, &hash)
                                             : cardmux_hash_open(c->session, c->alg, NULL, NULL, 0, &hash);
    if (status != SDR_OK)
        return status;
    status = cardmux_hash_update(c->session, hash, c->in, c->in_len);
    if (status == SDR_OK)
        status = cardmux_hash_final(c->session, hash, c->out, &c->out_len);
    if (status != SDR_OK || !c->out)
        cardmux_hash_close(c->session, hash);
    return status;
}

/* By the function of its name. The casts take away const that the standard's prototypes lack. */
static int alone(struct cardmux_sdf_call *c)
{
    unsigned char *in = (unsigned char *)(uintptr_t)c->in, *aad = (unsigned char *)(uintptr_t)c->aad;
    switch (c->what) {
    case CARDMUX_SDF_RANDOM:
        return SDF_GenerateRandom(c->session, c->out_len, c->out);
    case CARDMUX_SDF_ENCRYPT:
        return SDF_Encrypt(c->session, c->key, c->alg, c->iv, in, c->in_len, c->out, &c->out_len);
    case CARDMUX_SDF_DECRYPT:
        return SDF_Decrypt(c->session, c->key, c->alg, c->iv, in, c->in_len, c->out, &c->out_len);
    case CARDMUX_SDF_MAC:
        return SDF_CalculateMAC(c->session, c->key, c->alg, c->iv, in, c->in_len, c->out, &c->out_len);
    case CARDMUX_SDF_HMAC:
    case CARDMUX_SDF_HASH:
        return digest_alone(c);
    case CARDMUX_SDF_SIGN:
        return SDF_InternalSign_ECC(c->session, c->index, in, c->in_len, c->signature);
    case CARDMUX_SDF_VERIFY:
        return SDF_InternalVerify_ECC(c->session, c->index, in, c->in_len, c->signature);
    case CARDMUX_SDF_AUTH_ENC:
        return SDF_AuthEnc(c->session, c->key, c->alg, c->iv, c->iv_len, aad, c->aad_len, in, c->in_len, c->out,
                           &c->out_len, c->tag, &c->tag_len);
    case CARDMUX_SDF_AUTH_DEC:
        return SDF_AuthDec(c->session, c->key, c->alg, c->iv, c->iv_len, aad, c->aad_len, c->tag, &c->tag_len, in,
                           c->in_len, c->out, &c->out_len);
    default:
        return SDR_INARGERR;
    }
}

struct batch {
    struct call wire[BATCH];
    struct item items[BATCH];
};

/* Those of calls[0]'s session that can go together; those taken are replaced by NULL. */
static void together(struct sdf_session *session, struct batch *batch, struct cardmux_sdf_call **calls, size_t n)
{
    size_t used = 0;
    void *handle = calls[0]->session;
    for (size_t i = 0; i < n && used < BATCH; i++) {
        struct item *item = &batch->items[used];
        if (!calls[i] || calls[i]->session != handle)
            continue;
        *item = (struct item){.from = calls[i], .wire = &batch->wire[used]};
        if (!make(session, item))
            continue;
        item->wire->status = SDR_COMMFAIL; /* until it was answered */
        calls[i] = NULL;
        used++;
    }
    if (used > 0)
        session_run(session->wire, batch->wire, used);
    for (size_t i = 0; i < used; i++)
        settle(&batch->items[i]);
}

void batch_run(struct cardmux_sdf_call **calls, size_t n)
{
    struct batch *batch = malloc(sizeof *batch); /* without it they go one by one */
    for (size_t i = 0; i < n; i++) {
        if (!calls[i])
            continue;
        struct sdf_session *session = batch ? session_enter(calls[i]->session) : NULL;
        if (session) {
            together(session, batch, calls + i, n - i);
            session_leave(session, SDR_OK);
        }
        if (calls[i]) {
            calls[i]->status = alone(calls[i]);
            calls[i] = NULL;
        }
    }
    if (batch)
        explicit_bzero(batch, sizeof *batch);
    free(batch);
}

int cardmux_sdf_batch(struct cardmux_sdf_call *calls, size_t n)
{
    struct cardmux_sdf_call *some[4 * BATCH];
    if (!calls && n > 0)
        return SDR_INARGERR;
    for (size_t at = 0; at < n;) {
        size_t part = n - at < 4 * BATCH ? n - at : 4 * BATCH;
        for (size_t i = 0; i < part; i++)
            some[i] = &calls[at + i];
        batch_run(some, part);
        at += part;
    }
    for (size_t i = 0; i < n; i++)
        if (calls[i].status != SDR_OK)
            return calls[i].status;
    return SDR_OK;
}
