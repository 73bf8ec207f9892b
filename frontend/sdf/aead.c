/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aead.c: SDF_AuthEnc and SDF_AuthDec, for any length in one call.
 *
 * What fits into a slot, with associated data that fit beside the other parameters, is one operation: one crossing, and
 * the back end itself gives no plaintext before the tag held. Anything longer goes through a state there, slot by slot.
 * Its plaintext is collected in memory of the library's and given to the caller when the tag held, all at once: on any
 * failure nothing was written. That memory is as long as the message.
 */
#include "frontend/sdf/aead.h"

#include <stdlib.h>
#include <string.h>
#include "frontend/sdf/alg.h"
#include "frontend/sdf/dialect.h"
#include "frontend/sdf/transform.h"
#include "proto/aead.h"

#define TAG_LEAST 8u /* shorter ones vouch for too little */

static bool ccm(uint32_t alg)
{
    return (alg & SGD_CCM) != 0;
}

static bool nonce_ok(const struct aead_args *a)
{
    return a->nonce &&
           (ccm(a->alg) ? a->nonce_len >= 7 && a->nonce_len <= 13 : a->nonce_len >= 1 && a->nonce_len <= CM_NONCE_MAX);
}

static bool tag_ok(const struct aead_args *a)
{
    if (!a->tag || a->tag_len < TAG_LEAST || a->tag_len > CM_TAG_MAX)
        return false;
    return ccm(a->alg) ? a->tag_len % 2 == 0 : a->tag_len == 8 || a->tag_len >= 12;
}

uint32_t aead_check(const struct aead_args *a)
{
    uint32_t status = alg_aead(a->alg);
    if (status != SDR_OK)
        return status;
    if (!nonce_ok(a) || (!a->aad && a->aad_len > 0) || (a->decrypt && !tag_ok(a)))
        return SDR_INARGERR;
    unsigned bits = 8 * (15 - a->nonce_len); /* what CCM counts with; 32 and more hold any length here */
    return ccm(a->alg) && bits < 32 && a->data_len >> bits ? SDR_INARGERR : SDR_OK;
}

void aead_forget(struct sdf_session *session, uint32_t number)
{
    struct call call = {.op = CM_OP_STATE_FREE, .arg = number};
    session_call(session, &call);
}

uint32_t aead_begin(struct sdf_session *session, const struct aead_args *a, uint32_t *number)
{
    uint8_t params[CM_AEAD_MAX];
    struct cm_aead aead = {.nonce = a->nonce,
                           .nonce_len = (uint8_t)a->nonce_len,
                           .tag_len = (uint8_t)(a->decrypt ? a->tag_len : AEAD_TAG),
                           .total_aad = a->aad_len,
                           .total_data = a->data_len};
    struct call call = {.op = CM_OP_STATE_AEAD, .key = a->key, .alg = a->alg, .arg = a->decrypt, .param = params};
    call.param_len = cm_aead_write(&aead, CM_AEAD_BEGIN, params, sizeof params);
    uint32_t status = session_call(session, &call);
    if (status != SDR_OK)
        return status;
    *number = call.value;
    for (size_t at = 0, part; status == SDR_OK && at < a->aad_len; at += part) {
        part = a->aad_len - at < CM_SLOT_SIZE ? a->aad_len - at : CM_SLOT_SIZE;
        struct call update = {.op = CM_OP_STATE_UPDATE, .arg = *number, .data = a->aad + at, .data_len = part};
        status = session_call(session, &update);
    }
    return status;
}

static uint32_t pass(struct sdf_session *session, uint32_t number, const uint8_t *in, uint8_t *out, size_t len)
{
    uint32_t status = SDR_OK;
    for (size_t at = 0, part; status == SDR_OK && at < len; at += part) {
        part = len - at < CM_SLOT_SIZE ? len - at : CM_SLOT_SIZE;
        struct call call = {.op = CM_OP_STATE_CRYPT,
                            .arg = number,
                            .data = in + at,
                            .data_len = part,
                            .out = out + at,
                            .out_cap = part};
        status = session_call_expect(session, &call, 0, part);
    }
    return status;
}

uint32_t aead_pass(struct sdf_session *session, uint32_t number, const uint8_t *in, uint8_t *out, size_t len)
{
    if (len <= CM_SLOT_SIZE || !buffers_cross(in, len, out, len))
        return pass(session, number, in, out, len);
    uint8_t *copy = malloc(len);
    if (!copy) {
        aead_forget(session, number);
        return SDR_NOBUFFER;
    }
    memcpy(copy, in, len);
    uint32_t status = pass(session, number, copy, out, len);
    explicit_bzero(copy, len);
    free(copy);
    return status;
}

uint32_t aead_end(struct sdf_session *session, uint32_t number, const uint8_t *tag_in, uint32_t tag_len,
                  uint8_t *tag_out)
{
    struct call call = {.op = CM_OP_STATE_FINAL, .arg = number, .param = tag_in, .param_len = tag_in ? tag_len : 0};
    uint32_t status = session_call_expect(session, &call, tag_in ? 0 : AEAD_TAG, 0);
    if (status == SDR_OK && !tag_in)
        memcpy(tag_out, call.param_out, AEAD_TAG);
    return status;
}

bool aead_call(const struct aead_args *a, const uint8_t *in, uint8_t *out, uint8_t *params, struct call *call)
{
    enum cm_aead_use use = a->decrypt ? CM_AEAD_OPEN : CM_AEAD_SEAL;
    struct cm_aead aead = {.nonce = a->nonce,
                           .tag = a->tag,
                           .aad = a->aad,
                           .nonce_len = (uint8_t)a->nonce_len,
                           .tag_len = (uint8_t)(a->decrypt ? a->tag_len : AEAD_TAG),
                           .aad_len = (uint16_t)a->aad_len};
    if (a->data_len > CM_SLOT_SIZE || a->aad_len > CM_PARAM_SIZE)
        return false;
    *call = (struct call){.op = a->decrypt ? CM_OP_AEAD_DECRYPT : CM_OP_AEAD_ENCRYPT,
                          .key = a->key,
                          .alg = a->alg,
                          .param = params,
                          .param_len = cm_aead_write(&aead, use, params, CM_PARAM_SIZE),
                          .data = in,
                          .data_len = a->data_len,
                          .out = out,
                          .out_cap = a->data_len};
    return call->param_len > 0;
}

/* False: it does not fit. */
static bool at_once(struct sdf_session *session, const struct aead_args *a, const uint8_t *in, uint8_t *out,
                    uint8_t *tag_out, uint32_t *status)
{
    uint8_t params[CM_PARAM_SIZE];
    struct call call;
    if (!aead_call(a, in, out, params, &call))
        return false;
    *status = session_call_expect(session, &call, a->decrypt ? 0 : AEAD_TAG, a->data_len);
    if (*status == SDR_OK && !a->decrypt)
        memcpy(tag_out, call.param_out, AEAD_TAG);
    return true;
}

/* Through a state; `out` is the caller's when encrypting, memory of ours when decrypting. */
static uint32_t in_slots(struct sdf_session *session, const struct aead_args *a, const uint8_t *in, uint8_t *out,
                         uint8_t *tag_out)
{
    uint32_t number;
    uint32_t status = aead_begin(session, a, &number);
    if (status == SDR_OK)
        status = aead_pass(session, number, in, out, a->data_len);
    return status == SDR_OK ? aead_end(session, number, a->tag, a->tag_len, tag_out) : status;
}

static uint32_t open_long(struct sdf_session *session, const struct aead_args *a, const uint8_t *in, uint8_t *out)
{
    uint8_t *plain = malloc(a->data_len ? a->data_len : 1);
    if (!plain)
        return SDR_NOBUFFER;
    uint32_t status = in_slots(session, a, in, plain, NULL);
    if (status == SDR_OK && a->data_len > 0)
        memcpy(out, plain, a->data_len);
    explicit_bzero(plain, a->data_len);
    free(plain);
    return status;
}

static uint32_t seal(struct sdf_session *session, struct aead_args *a, void *key, const uint8_t *in, uint8_t *out,
                     uint32_t *out_len, uint8_t *tag, uint32_t *tag_len)
{
    uint8_t made[AEAD_TAG];
    uint32_t status = session_key(session, key, &a->key);
    if (status == SDR_OK)
        status = aead_check(a);
    if (status != SDR_OK)
        return status;
    if (!in && a->data_len > 0)
        return SDR_INARGERR;
    bool asks = !tag && !out;
    if (!out_len || !tag_len || (!asks && (!tag || (!out && a->data_len > 0))))
        return SDR_OUTARGERR;
    if (!asks) {
        if (!at_once(session, a, in, out, made, &status))
            status = in_slots(session, a, in, out, made);
        if (status != SDR_OK)
            return status;
        memcpy(tag, made, AEAD_TAG);
    }
    *out_len = a->data_len;
    *tag_len = AEAD_TAG;
    return SDR_OK;
}

int SDF_AuthEnc(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucStartVar,
                unsigned int uiStartVarLength, unsigned char *pucAad, unsigned int uiAadLength, unsigned char *pucData,
                unsigned int uiDataLength, unsigned char *pucEncData, unsigned int *puiEncDataLength,
                unsigned char *pucAuthData, unsigned int *puiAuthDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct aead_args a = {.alg = dialect_alg(uiAlgID),
                          .nonce = pucStartVar,
                          .nonce_len = uiStartVarLength,
                          .aad = pucAad,
                          .aad_len = uiAadLength,
                          .data_len = uiDataLength};
    return session_leave(
        session, seal(session, &a, hKeyHandle, pucData, pucEncData, puiEncDataLength, pucAuthData, puiAuthDataLength));
}

int aead_open(void *handle, void *key, struct aead_args *a, const uint8_t *in, uint8_t *out, uint32_t *out_len)
{
    struct sdf_session *session = session_enter(handle);
    if (!session)
        return SDR_INARGERR;
    uint32_t status = session_key(session, key, &a->key);
    if (status == SDR_OK)
        status = aead_check(a);
    if (status == SDR_OK && !in && a->data_len > 0)
        status = SDR_INARGERR;
    if (status == SDR_OK && !out_len)
        status = SDR_OUTARGERR;
    /* with nothing to write a tag is still to be compared: then NULL does not only ask */
    if (status == SDR_OK && (out || a->data_len == 0) && !at_once(session, a, in, out, NULL, &status))
        status = open_long(session, a, in, out);
    if (status == SDR_OK)
        *out_len = a->data_len;
    return session_leave(session, status);
}
