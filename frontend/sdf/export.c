/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export.c: a session key once more out of the card, under a public key from outside or a KEK. Not in the standard, but
 * in many vendors' headers. The key stays where it is. On any failure nothing is written to the caller's memory.
 */
#include <string.h>
#include "frontend/sdf/dialect.h"
#include "frontend/sdf/form.h"
#include "frontend/sdf/key.h"
#include "frontend/sdf/rsa_form.h"

static uint32_t export_ecc(struct sdf_session *session, void *handle, uint32_t alg, const ECCrefPublicKey *public,
                           ECCCipher *cipher)
{
    uint8_t point[FORM_POINT], out[FORM_CIPHER_MAX];
    struct call call = {
        .op = CM_OP_KEY_EXPORT_EPK, .param = point, .param_len = sizeof point, .out = out, .out_cap = sizeof out};
    uint32_t status = session_key(session, handle, &call.key);
    if (status != SDR_OK)
        return status;
    if (!alg_is_sm2(alg))
        return SDR_ALGNOTSUPPORT;
    if (!public || !form_point_read(public, point))
        return SDR_INARGERR;
    if (!cipher)
        return SDR_OUTARGERR;
    status = session_call(session, &call);
    if (status == SDR_OK && call.out_len <= FORM_PKE_HEAD)
        status = SDR_COMMFAIL;
    if (status == SDR_OK)
        form_cipher_write(cipher, out, call.out_len);
    return status;
}

int SDF_ExportKeyWithEPK_ECC(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID,
                             ECCrefPublicKey *pucPublicKey, ECCCipher *pucKey)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, export_ecc(session, hKeyHandle, uiAlgID, pucPublicKey, pucKey));
}

static uint32_t export_rsa(struct sdf_session *session, void *handle, RSArefPublicKey *public, uint8_t *wrapped,
                           uint32_t *wrapped_len)
{
    uint8_t key[RSA_PUBLIC_SIZE(RSA_MAX)], out[RSA_MAX];
    struct call call = {.op = CM_OP_KEY_EXPORT_EPK_RSA, .data = key, .out = out, .out_cap = sizeof out};
    uint32_t status = session_key(session, handle, &call.key);
    if (status != SDR_OK)
        return status;
    size_t len = public ? rsa_public_read(public, key) : 0;
    if (!len)
        return SDR_INARGERR;
    if (!wrapped_len)
        return SDR_OUTARGERR;
    if (!wrapped) { /* how long would it be? */
        *wrapped_len = (uint32_t)len;
        return SDR_OK;
    }
    call.data_len = RSA_PUBLIC_SIZE(len);
    status = session_call_expect(session, &call, 0, len);
    if (status == SDR_OK) {
        memcpy(wrapped, out, len);
        *wrapped_len = (uint32_t)len;
    }
    return status;
}

int SDF_ExportKeyWithEPK_RSA(void *hSessionHandle, void *hKeyHandle, RSArefPublicKey *pucPublicKey,
                             unsigned char *pucKey, unsigned int *puiKeyLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, export_rsa(session, hKeyHandle, pucPublicKey, pucKey, puiKeyLength));
}

/* Only the back end knows how long the key is, so that asking for the length is an export too. */
static uint32_t export_kek(struct sdf_session *session, void *handle, uint32_t alg, uint32_t index, uint8_t *wrapped,
                           uint32_t *wrapped_len)
{
    uint8_t out[64];
    struct call call = {.op = CM_OP_KEY_EXPORT_KEK, .alg = alg, .arg = index, .out = out, .out_cap = sizeof out};
    uint32_t status = session_key(session, handle, &call.key);
    if (status == SDR_OK)
        status = alg_check(alg, ALG_USE_WRAP);
    if (status != SDR_OK)
        return status;
    if (!wrapped_len)
        return SDR_OUTARGERR;
    status = kek_status(session, session_call(session, &call));
    if (status == SDR_OK) {
        if (wrapped)
            memcpy(wrapped, out, call.out_len);
        *wrapped_len = (uint32_t)call.out_len;
    }
    return status;
}

int SDF_ExportKeyWithKEK(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned int uiKEKIndex,
                         unsigned char *pucKey, unsigned int *puiKeyLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session,
                         export_kek(session, hKeyHandle, dialect_alg(uiAlgID), uiKEKIndex, pucKey, puiKeyLength));
}
