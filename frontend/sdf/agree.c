/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agree.c: SM2 key agreement, digital envelopes turned over, and the debugging functions of SM2.
 *
 * An agreement handle is a key handle of another kind: SDF_DestroyKey takes it, nothing else but SDF_GenerateKeyWithECC
 * does, and that uses it up when it succeeds.
 */
#include <string.h>
#include "frontend/sdf/form.h"
#include "frontend/sdf/key.h"

#define ID_MAX 8191u
#define DIGEST 32u

#define SECRET 384u /* bits of a secret to derive a channel's keys from, SDF_GenerateKeywithSSL */

static bool bits_ok(uint32_t bits)
{
    return key_bits_ok(bits) || bits == SECRET;
}

static bool id_ok(const uint8_t *id, uint32_t len)
{
    return id && len >= 1 && len <= ID_MAX;
}

/* Own public key and temporary one, as they come back. */
static void points_write(const struct call *call, ECCrefPublicKey *own, ECCrefPublicKey *temporary)
{
    form_point_write(own, call->param_out);
    form_point_write(temporary, call->param_out + FORM_POINT);
}

static uint32_t start(struct sdf_session *session, struct call *call, ECCrefPublicKey *own, ECCrefPublicKey *temporary,
                      void **handle)
{
    void *made;
    if (!bits_ok(call->arg) || !id_ok(call->data, (uint32_t)call->data_len))
        return SDR_INARGERR;
    if (!own || !temporary || !handle)
        return SDR_OUTARGERR;
    uint32_t status = agreement_make(session, call, &made);
    if (status != SDR_OK)
        return status;
    if (call->param_out_len != 2 * FORM_POINT) {
        key_unmake(session, made);
        return SDR_COMMFAIL;
    }
    points_write(call, own, temporary);
    *handle = made;
    return SDR_OK;
}

int SDF_GenerateAgreementDataWithECC(void *hSessionHandle, unsigned int uiISKIndex, unsigned int uiKeyBits,
                                     unsigned char *pucSponsorID, unsigned int uiSponsorIDLength,
                                     ECCrefPublicKey *pucSponsorPublicKey, ECCrefPublicKey *pucSponsorTmpPublicKey,
                                     void **phAgreementHandle)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct call call = {.op = CM_OP_AGREE_START,
                        .key = uiISKIndex,
                        .arg = uiKeyBits,
                        .data = pucSponsorID,
                        .data_len = uiSponsorIDLength};
    return session_leave(session,
                         start(session, &call, pucSponsorPublicKey, pucSponsorTmpPublicKey, phAgreementHandle));
}

static bool peer_read(const ECCrefPublicKey *key, const ECCrefPublicKey *temporary, uint8_t points[2 * FORM_POINT])
{
    return key && temporary && form_point_read(key, points) && form_point_read(temporary, points + FORM_POINT);
}

int SDF_GenerateKeyWithECC(void *hSessionHandle, unsigned char *pucResponseID, unsigned int uiResponseIDLength,
                           ECCrefPublicKey *pucResponsePublicKey, ECCrefPublicKey *pucResponseTmpPublicKey,
                           void *hAgreementHandle, void **phKeyHandle)
{
    uint8_t points[2 * FORM_POINT];
    uint32_t number;
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    if (!id_ok(pucResponseID, uiResponseIDLength) || !peer_read(pucResponsePublicKey, pucResponseTmpPublicKey, points))
        return session_leave(session, SDR_INARGERR);
    uint32_t status = session_agreement(session, hAgreementHandle, &number);
    if (status == SDR_OK && !phKeyHandle)
        status = SDR_OUTARGERR;
    if (status != SDR_OK)
        return session_leave(session, status);
    struct call call = {.op = CM_OP_AGREE_CONCLUDE,
                        .key = number,
                        .param = points,
                        .param_len = sizeof points,
                        .data = pucResponseID,
                        .data_len = uiResponseIDLength};
    status = key_make(session, &call, phKeyHandle);
    if (status == SDR_OK)
        handle_key_drop(hAgreementHandle, session->handle, &session->first_key);
    return session_leave(session, status);
}

/* call: op, key, arg, points are set by the caller; ids: own id, peer's id. */
static uint32_t respond(struct sdf_session *session, struct call *call, ECCrefPublicKey *own,
                        ECCrefPublicKey *temporary, void **handle)
{
    void *made;
    uint32_t status = key_make(session, call, &made);
    if (status != SDR_OK)
        return status;
    if (call->param_out_len != 2 * FORM_POINT) {
        key_unmake(session, made);
        return SDR_COMMFAIL;
    }
    points_write(call, own, temporary);
    *handle = made;
    return SDR_OK;
}

int SDF_GenerateAgreementDataAndKeyWithECC(void *hSessionHandle, unsigned int uiISKIndex, unsigned int uiKeyBits,
                                           unsigned char *pucResponseID, unsigned int uiResponseIDLength,
                                           unsigned char *pucSponsorID, unsigned int uiSponsorIDLength,
                                           ECCrefPublicKey *pucSponsorPublicKey,
                                           ECCrefPublicKey *pucSponsorTmpPublicKey,
                                           ECCrefPublicKey *pucResponsePublicKey,
                                           ECCrefPublicKey *pucResponseTmpPublicKey, void **phKeyHandle)
{
    uint8_t param[2 * FORM_POINT + 4], ids[2 * ID_MAX];
    uint32_t own_len = uiResponseIDLength;
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    if (!bits_ok(uiKeyBits) || !id_ok(pucResponseID, uiResponseIDLength) || !id_ok(pucSponsorID, uiSponsorIDLength) ||
        !peer_read(pucSponsorPublicKey, pucSponsorTmpPublicKey, param))
        return session_leave(session, SDR_INARGERR);
    if (!pucResponsePublicKey || !pucResponseTmpPublicKey || !phKeyHandle)
        return session_leave(session, SDR_OUTARGERR);
    memcpy(param + 2 * FORM_POINT, &own_len, sizeof own_len);
    memcpy(ids, pucResponseID, own_len);
    memcpy(ids + own_len, pucSponsorID, uiSponsorIDLength);
    struct call call = {.op = CM_OP_AGREE_RESPOND,
                        .key = uiISKIndex,
                        .arg = uiKeyBits,
                        .param = param,
                        .param_len = sizeof param,
                        .data = ids,
                        .data_len = own_len + uiSponsorIDLength};
    return session_leave(session, respond(session, &call, pucResponsePublicKey, pucResponseTmpPublicKey, phKeyHandle));
}

static uint32_t exchange(struct sdf_session *session, uint32_t index, const ECCrefPublicKey *key, const ECCCipher *in,
                         ECCCipher *out)
{
    uint8_t point[FORM_POINT], data[FORM_CIPHER_MAX], turned[FORM_CIPHER_MAX];
    size_t len;
    if (!key || !in || !form_point_read(key, point))
        return SDR_INARGERR;
    if (!out)
        return SDR_OUTARGERR;
    uint32_t status = form_cipher_read(in, data, &len);
    if (status != SDR_OK)
        return status;
    struct call call = {.op = CM_OP_PKE_REWRAP,
                        .key = index,
                        .param = point,
                        .param_len = sizeof point,
                        .data = data,
                        .data_len = len,
                        .out = turned,
                        .out_cap = sizeof turned};
    status = session_call_expect(session, &call, 0, len);
    if (status == SDR_OK)
        form_cipher_write(out, turned, len);
    return status;
}

int SDF_ExchangeDigitEnvelopeBaseOnECC(void *hSessionHandle, unsigned int uiKeyIndex, unsigned int uiAlgID,
                                       ECCrefPublicKey *pucPublicKey, ECCCipher *pucEncDataIn, ECCCipher *pucEncDataOut)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    uint32_t status = SDR_ALGNOTSUPPORT;
    if (alg_is_sm2(uiAlgID))
        status = exchange(session, uiKeyIndex, pucPublicKey, pucEncDataIn, pucEncDataOut);
    return session_leave(session, status);
}

static uint32_t sign_clear(struct sdf_session *session, const ECCrefPrivateKey *key, const uint8_t *digest,
                           uint32_t len, ECCSignature *signature)
{
    uint8_t data[32 + DIGEST];
    if (!key || !digest || len != DIGEST)
        return SDR_INARGERR;
    if (!signature)
        return SDR_OUTARGERR;
    if (!form_private_read(key, data))
        return SDR_INARGERR;
    memcpy(data + 32, digest, DIGEST);
    struct call call = {.op = CM_OP_SIGN_CLEAR, .data = data, .data_len = sizeof data};
    uint32_t status = session_call_expect(session, &call, FORM_SIGNATURE, 0);
    if (status == SDR_OK)
        form_signature_write(signature, call.param_out);
    explicit_bzero(data, sizeof data);
    return status;
}

int SDF_ExternalSign_ECC(void *hSessionHandle, unsigned int uiAlgID, ECCrefPrivateKey *pucPrivateKey,
                         unsigned char *pucDataInput, unsigned int uiInputLength, ECCSignature *pucSignature)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    uint32_t status = SDR_ALGNOTSUPPORT;
    if (alg_is_sm2(uiAlgID))
        status = sign_clear(session, pucPrivateKey, pucDataInput, uiInputLength, pucSignature);
    return session_leave(session, status);
}

static uint32_t decrypt_clear(struct sdf_session *session, const ECCrefPrivateKey *key, const ECCCipher *cipher,
                              uint8_t *plain, uint32_t *plain_len)
{
    uint8_t data[32 + FORM_CIPHER_MAX], out[FORM_PKE_MAX];
    size_t len;
    if (!key || !cipher)
        return SDR_INARGERR;
    if (!plain_len)
        return SDR_OUTARGERR;
    if (!form_private_read(key, data))
        return SDR_INARGERR;
    uint32_t status = form_cipher_read(cipher, data + 32, &len);
    if (status == SDR_OK && plain) {
        struct call call = {
            .op = CM_OP_PKE_DECRYPT_CLEAR, .data = data, .data_len = 32 + len, .out = out, .out_cap = sizeof out};
        status = session_call_expect(session, &call, 0, len - FORM_PKE_HEAD);
    }
    if (status == SDR_OK) {
        *plain_len = (uint32_t)(len - FORM_PKE_HEAD);
        if (plain)
            memcpy(plain, out, *plain_len);
    }
    explicit_bzero(data, sizeof data);
    explicit_bzero(out, sizeof out);
    return status;
}

int SDF_ExternalDecrypt_ECC(void *hSessionHandle, unsigned int uiAlgID, ECCrefPrivateKey *pucPrivateKey,
                            ECCCipher *pucEncData, unsigned char *pucData, unsigned int *uiDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    uint32_t status = SDR_ALGNOTSUPPORT;
    if (alg_is_sm2(uiAlgID))
        status = decrypt_clear(session, pucPrivateKey, pucEncData, pucData, uiDataLength);
    return session_leave(session, status);
}
