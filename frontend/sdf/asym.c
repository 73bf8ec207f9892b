/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asym.c: SM2 with keys inside the card and with public keys from outside. Data to sign and verify is the 32-byte
 * digest e = SM3(Z || M), never the message. SDF_InternalEncrypt_ECC and SDF_InternalDecrypt_ECC are in arity.c.
 */
#include <string.h>
#include "frontend/sdf/asym.h"
#include "frontend/sdf/form.h"

#define DIGEST 32u

static uint32_t verify_external(struct sdf_session *session, const ECCrefPublicKey *key, const uint8_t *digest,
                                uint32_t len, const ECCSignature *signature)
{
    uint8_t param[FORM_POINT + DIGEST + FORM_SIGNATURE];
    if (!key || !digest || len != DIGEST || !signature || !form_point_read(key, param))
        return SDR_INARGERR;
    memcpy(param + FORM_POINT, digest, DIGEST);
    if (!form_signature_read(signature, param + FORM_POINT + DIGEST))
        return SDR_VERIFYERR;
    struct call call = {.op = CM_OP_VERIFY_EXTERNAL, .alg = SGD_SM2_1, .param = param, .param_len = sizeof param};
    return session_call(session, &call);
}

int SDF_ExternalVerify_ECC(void *hSessionHandle, unsigned int uiAlgID, ECCrefPublicKey *pucPublicKey,
                           unsigned char *pucDataInput, unsigned int uiInputLength, ECCSignature *pucSignature)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    uint32_t status = SDR_ALGNOTSUPPORT;
    if (alg_is_sm2(uiAlgID))
        status = verify_external(session, pucPublicKey, pucDataInput, uiInputLength, pucSignature);
    return session_leave(session, status);
}

static uint32_t sign_internal(struct sdf_session *session, uint32_t index, const uint8_t *digest, uint32_t len,
                              ECCSignature *signature)
{
    if (!digest || len != DIGEST)
        return SDR_INARGERR;
    if (!signature)
        return SDR_OUTARGERR;
    struct call call = {.op = CM_OP_SIGN_INTERNAL, .key = index, .param = digest, .param_len = DIGEST};
    uint32_t status = session_call_expect(session, &call, FORM_SIGNATURE, 0);
    if (status == SDR_OK)
        form_signature_write(signature, call.param_out);
    return status;
}

int SDF_InternalSign_ECC(void *hSessionHandle, unsigned int uiISKIndex, unsigned char *pucData,
                         unsigned int uiDataLength, ECCSignature *pucSignature)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, sign_internal(session, uiISKIndex, pucData, uiDataLength, pucSignature));
}

static uint32_t verify_internal(struct sdf_session *session, uint32_t index, const uint8_t *digest, uint32_t len,
                                const ECCSignature *signature)
{
    uint8_t param[DIGEST + FORM_SIGNATURE];
    if (!digest || len != DIGEST || !signature)
        return SDR_INARGERR;
    memcpy(param, digest, DIGEST);
    if (!form_signature_read(signature, param + DIGEST))
        return SDR_VERIFYERR;
    struct call call = {.op = CM_OP_VERIFY_INTERNAL, .key = index, .param = param, .param_len = sizeof param};
    return session_call(session, &call);
}

int SDF_InternalVerify_ECC(void *hSessionHandle, unsigned int uiIPKIndex, unsigned char *pucData,
                           unsigned int uiDataLength, ECCSignature *pucSignature)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, verify_internal(session, uiIPKIndex, pucData, uiDataLength, pucSignature));
}

/* call: op, key, alg, params are set by the caller. */
static uint32_t pke_encrypt(struct sdf_session *session, struct call *call, const uint8_t *data, uint32_t len,
                            ECCCipher *cipher)
{
    uint8_t out[FORM_CIPHER_MAX];
    if (!data || len == 0 || len > form_pke_max())
        return SDR_INARGERR;
    if (!cipher)
        return SDR_OUTARGERR;
    call->data = data;
    call->data_len = len;
    call->out = out;
    call->out_cap = sizeof out;
    uint32_t status = session_call_expect(session, call, 0, FORM_PKE_HEAD + len);
    if (status == SDR_OK)
        form_cipher_write(cipher, out, call->out_len);
    return status;
}

int SDF_ExternalEncrypt_ECC(void *hSessionHandle, unsigned int uiAlgID, ECCrefPublicKey *pucPublicKey,
                            unsigned char *pucData, unsigned int uiDataLength, ECCCipher *pucEncData)
{
    uint8_t point[FORM_POINT];
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    if (!alg_is_sm2(uiAlgID))
        return session_leave(session, SDR_ALGNOTSUPPORT);
    if (!pucPublicKey || !form_point_read(pucPublicKey, point))
        return session_leave(session, SDR_INARGERR);
    struct call call = {.op = CM_OP_PKE_ENCRYPT_EXTERNAL, .alg = SGD_SM2_3, .param = point, .param_len = sizeof point};
    return session_leave(session, pke_encrypt(session, &call, pucData, uiDataLength, pucEncData));
}

int asym_encrypt_internal(void *handle, uint32_t index, bool alg_ok, const uint8_t *data, uint32_t len,
                          ECCCipher *cipher)
{
    struct sdf_session *session = session_enter(handle);
    if (!session)
        return SDR_INARGERR;
    if (!alg_ok)
        return session_leave(session, SDR_ALGNOTSUPPORT);
    struct call call = {.op = CM_OP_PKE_ENCRYPT_INTERNAL, .key = index, .alg = SGD_SM2_3};
    return session_leave(session, pke_encrypt(session, &call, data, len, cipher));
}

static uint32_t pke_decrypt(struct sdf_session *session, uint32_t index, const ECCCipher *cipher, uint8_t *data,
                            uint32_t *len)
{
    uint8_t in[FORM_CIPHER_MAX], out[FORM_PKE_MAX];
    size_t in_len;
    if (!cipher)
        return SDR_INARGERR;
    if (!len)
        return SDR_OUTARGERR;
    uint32_t status = form_cipher_read(cipher, in, &in_len);
    if (status != SDR_OK)
        return status;
    if (!data) {
        *len = (uint32_t)(in_len - FORM_PKE_HEAD);
        return SDR_OK;
    }
    struct call call = {.op = CM_OP_PKE_DECRYPT_INTERNAL,
                        .key = index,
                        .alg = SGD_SM2_3,
                        .data = in,
                        .data_len = in_len,
                        .out = out,
                        .out_cap = sizeof out};
    status = session_call_expect(session, &call, 0, in_len - FORM_PKE_HEAD);
    if (status == SDR_OK) {
        memcpy(data, out, call.out_len);
        *len = (uint32_t)call.out_len;
    }
    explicit_bzero(out, sizeof out);
    return status;
}

int asym_decrypt_internal(void *handle, uint32_t index, bool alg_ok, const ECCCipher *cipher, uint8_t *data,
                          uint32_t *len)
{
    struct sdf_session *session = session_enter(handle);
    if (!session)
        return SDR_INARGERR;
    if (!alg_ok)
        return session_leave(session, SDR_ALGNOTSUPPORT);
    return session_leave(session, pke_decrypt(session, index, cipher, data, len));
}
