/* SPDX-License-Identifier: Apache-2.0 */
/*
 * external.c: keys in clear from outside. SDF_ImportKey makes a session key of them; the debug functions of 2023 take
 * one for an operation: it is imported, used and destroyed, or kept until the operation of several calls ends. The back
 * end refuses the latter (SDR_NOTSUPPORT) unless the operator allows them to this tenant.
 */
#include <string.h>
#include "frontend/sdf/alg.h"
#include "frontend/sdf/dialect.h"
#include "frontend/sdf/form.h"
#include "frontend/sdf/key.h"
#include "frontend/sdf/transform.h"

#define KEY_MAX 256u /* an HMAC's; the card knows what a cipher takes */

void session_forget_external(struct sdf_session *session, struct external_key *key)
{
    if (key->number != 0 && key->incarnation == session_incarnation(session->wire)) {
        struct call call = {.op = CM_OP_KEY_DESTROY, .key = key->number};
        session_call(session, &call);
    }
    key->number = 0;
}

static uint32_t external_import(struct sdf_session *session, const uint8_t *bytes, uint32_t len,
                                struct external_key *key)
{
    key->number = 0;
    if (!bytes || len < 1 || len > KEY_MAX)
        return SDR_INARGERR;
    struct call call = {.op = CM_OP_KEY_IMPORT_DEBUG, .data = bytes, .data_len = len};
    uint32_t status = session_call(session, &call);
    if (status == SDR_OK) {
        key->number = call.value;
        key->incarnation = session_incarnation(session->wire);
    }
    return status;
}

int SDF_ImportKey(void *hSessionHandle, unsigned char *pucKey, unsigned int uiKeyLength, void **phKeyHandle)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    if (!pucKey || uiKeyLength < 1 || uiKeyLength > KEY_MAX)
        return session_leave(session, SDR_INARGERR);
    if (!phKeyHandle)
        return session_leave(session, SDR_OUTARGERR);
    struct call call = {.op = CM_OP_KEY_IMPORT, .data = pucKey, .data_len = uiKeyLength};
    return session_leave(session, key_make(session, &call, phKeyHandle));
}

struct outside {
    bool decrypt;
    uint32_t alg;
    const uint8_t *key, *iv, *in;
    uint32_t key_len, iv_len, len;
    uint8_t *out;
    uint32_t *out_len;
};

static uint32_t outside_run(struct sdf_session *session, struct outside *o)
{
    struct external_key key;
    struct transform t = {.decrypt = o->decrypt, .in = o->in, .out = o->out, .len = o->len};
    uint32_t status = alg_cipher(&o->alg), mode = o->alg & 0xff;
    if (status != SDR_OK)
        return status;
    if ((!o->in && o->len > 0) || (mode != SGD_ECB && (!o->iv || o->iv_len != BLOCK)) ||
        ((mode == SGD_ECB || mode == SGD_CBC) && o->len % BLOCK != 0) ||
        (alg_is_xts(o->alg) && (o->len < BLOCK || o->len > XTS_MAX)))
        return SDR_INARGERR;
    if (!o->out_len)
        return SDR_OUTARGERR;
    status = external_import(session, o->key, o->key_len, &key);
    if (status != SDR_OK)
        return status;
    t.key = key.number;
    t.alg = o->alg;
    if (mode != SGD_ECB)
        memcpy(t.iv, o->iv, BLOCK);
    if (o->out && o->len > 0)
        status = transform_run(session, &t);
    session_forget_external(session, &key);
    if (status == SDR_OK)
        *o->out_len = o->len;
    return status;
}

int SDF_ExternalKeyEncrypt(void *hSessionHandle, unsigned int uiAlgID, unsigned char *pucKey, unsigned int uiKeyLength,
                           unsigned char *pucIV, unsigned int uiIVLength, unsigned char *pucData,
                           unsigned int uiDataLength, unsigned char *pucEncData, unsigned int *puiEncDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct outside o = {false,       dialect_alg(uiAlgID), pucKey,       pucIV,      pucData,
                        uiKeyLength, uiIVLength,           uiDataLength, pucEncData, puiEncDataLength};
    return session_leave(session, outside_run(session, &o));
}

int SDF_ExternalKeyDecrypt(void *hSessionHandle, unsigned int uiAlgID, unsigned char *pucKey, unsigned int uiKeyLength,
                           unsigned char *pucIV, unsigned int uiIVLength, unsigned char *pucEncData,
                           unsigned int uiEncDataLength, unsigned char *pucData, unsigned int *puiDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct outside o = {true,        dialect_alg(uiAlgID), pucKey,          pucIV,   pucEncData,
                        uiKeyLength, uiIVLength,           uiEncDataLength, pucData, puiDataLength};
    return session_leave(session, outside_run(session, &o));
}

static uint32_t outside_init(struct sdf_session *session, bool decrypt, uint32_t alg, const uint8_t *bytes,
                             uint32_t len, const uint8_t *iv, uint32_t iv_len)
{
    struct cipher_run *run = &session->cipher[decrypt];
    struct external_key key;
    cipher_run_drop(session, run);
    uint32_t status = cipher_begin(session, run, 0, decrypt, alg, iv, iv_len); /* its errors before a key is made */
    if (status == SDR_OK)
        status = external_import(session, bytes, len, &key);
    if (status != SDR_OK) {
        cipher_run_drop(session, run);
        return status;
    }
    run->key = key.number;
    run->incarnation = key.incarnation;
    run->external = key;
    return SDR_OK;
}

int SDF_ExternalKeyEncryptInit(void *hSessionHandle, unsigned int uiAlgID, unsigned char *pucKey,
                               unsigned int uiKeyLength, unsigned char *pucIV, unsigned int uiIVLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session,
                         outside_init(session, false, dialect_alg(uiAlgID), pucKey, uiKeyLength, pucIV, uiIVLength));
}

int SDF_ExternalKeyDecryptInit(void *hSessionHandle, unsigned int uiAlgID, unsigned char *pucKey,
                               unsigned int uiKeyLength, unsigned char *pucIV, unsigned int uiIVLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session,
                         outside_init(session, true, dialect_alg(uiAlgID), pucKey, uiKeyLength, pucIV, uiIVLength));
}

static uint32_t outside_hmac(struct sdf_session *session, uint32_t alg, const uint8_t *bytes, uint32_t len)
{
    struct digest_run *run = &session->hmac;
    run_abandon(session, run);
    session_forget_external(session, &session->hmac_external);
    run->alg = alg_hmac(alg, &run->out_len);
    if (run->alg == 0)
        return SDR_ALGNOTSUPPORT;
    uint32_t status = external_import(session, bytes, len, &session->hmac_external);
    if (status != SDR_OK)
        return status;
    run->key = session->hmac_external.number;
    run_begin(session, run, RUN_HMAC);
    return SDR_OK;
}

int SDF_ExternalKeyHMACInit(void *hSessionHandle, unsigned int uiAlgID, unsigned char *pucKey, unsigned int uiKeyLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, outside_hmac(session, uiAlgID, pucKey, uiKeyLength));
}
