/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsa.c: RSA with keys inside the card and from outside. The operations are bare: input and output are as long as the
 * modulus, and padding is the caller's. Which size of struct a function reads and writes: rsa_form.h.
 */
#include "frontend/sdf/rsa_form.h"

#include <string.h>
#include "frontend/sdf/asym.h"
#include "frontend/sdf/key.h"

/* The key of an index; its length is known only with the answer. */
static uint32_t export(struct sdf_session *session, uint32_t index, uint32_t pair, void *key, size_t field)
{
    uint8_t out[RSA_PUBLIC_SIZE(RSA_MAX)];
    if (!key)
        return SDR_OUTARGERR;
    struct call call = {.op = CM_OP_RSA_EXPORT, .key = index, .arg = pair, .out = out, .out_cap = sizeof out};
    uint32_t status = session_call(session, &call);
    if (status != SDR_OK)
        return status;
    size_t len = call.out_len - RSA_E;
    if (call.out_len <= RSA_E || !rsa_bits_ok((uint32_t)len * 8))
        return SDR_COMMFAIL;
    if (len > field)
        return SDR_OUTARGERR; /* it has no room there */
    rsa_public_write(key, field, out, len);
    return SDR_OK;
}

static int export_by(void *handle, uint32_t index, uint32_t pair, void *key, size_t field)
{
    struct sdf_session *session = session_enter(handle);
    return session ? session_leave(session, export(session, index, pair, key, field)) : SDR_INARGERR;
}

int SDF_ExportSignPublicKey_RSA(void *hSessionHandle, unsigned int uiKeyIndex, RSArefPublicKey *pucPublicKey)
{
    return export_by(hSessionHandle, uiKeyIndex, 0, pucPublicKey, rsa_field());
}

int SDF_ExportSignPublicKey_RSA_4096(void *hSessionHandle, unsigned int uiKeyIndex, void *pucPublicKey)
{
    return export_by(hSessionHandle, uiKeyIndex, 0, pucPublicKey, RSA_FIELD_LARGE);
}

int SDF_ExportEncPublicKey_RSA(void *hSessionHandle, unsigned int uiKeyIndex, RSArefPublicKey *pucPublicKey)
{
    return export_by(hSessionHandle, uiKeyIndex, 1, pucPublicKey, rsa_field());
}

int SDF_ExportEncPublicKey_RSA_4096(void *hSessionHandle, unsigned int uiKeyIndex, void *pucPublicKey)
{
    return export_by(hSessionHandle, uiKeyIndex, 1, pucPublicKey, RSA_FIELD_LARGE);
}

static uint32_t keypair(struct sdf_session *session, uint32_t bits, void *public_key, void *private_key, size_t field)
{
    uint8_t out[RSA_PRIVATE_SIZE(RSA_MAX)];
    size_t len = bits / 8;
    if (!rsa_bits_ok(bits))
        return SDR_INARGERR;
    if (!public_key || !private_key || len > field)
        return SDR_OUTARGERR;
    struct call call = {.op = CM_OP_RSA_KEYPAIR, .arg = bits, .out = out, .out_cap = sizeof out};
    uint32_t status = session_call_expect(session, &call, 0, RSA_PRIVATE_SIZE(len));
    if (status == SDR_OK) {
        rsa_public_write(public_key, field, out, len);
        rsa_private_write(private_key, field, out, len);
    }
    explicit_bzero(out, sizeof out);
    return status;
}

static int keypair_by(void *handle, uint32_t bits, void *public_key, void *private_key, size_t field)
{
    struct sdf_session *session = session_enter(handle);
    return session ? session_leave(session, keypair(session, bits, public_key, private_key, field)) : SDR_INARGERR;
}

int SDF_GenerateKeyPair_RSA(void *hSessionHandle, unsigned int uiKeyBits, RSArefPublicKey *pucPublicKey,
                            RSArefPrivateKey *pucPrivateKey)
{
    return keypair_by(hSessionHandle, uiKeyBits, pucPublicKey, pucPrivateKey, rsa_field());
}

int SDF_GenerateKeyPair_RSA_4096(void *hSessionHandle, unsigned int uiKeyBits, void *pucPublicKey, void *pucPrivateKey)
{
    return keypair_by(hSessionHandle, uiKeyBits, pucPublicKey, pucPrivateKey, RSA_FIELD_LARGE);
}

/* A generated key that comes back encrypted. */
static uint32_t generate(struct sdf_session *session, struct call *call, uint8_t *wrapped, uint32_t *len, void **handle)
{
    uint8_t out[RSA_MAX];
    void *made;
    if (!key_bits_ok(call->arg))
        return SDR_INARGERR;
    if (!wrapped || !len || !handle)
        return SDR_OUTARGERR;
    call->out = out;
    call->out_cap = sizeof out;
    uint32_t status = key_make(session, call, &made);
    if (status != SDR_OK)
        return status;
    if (!rsa_bits_ok((uint32_t)call->out_len * 8)) {
        key_unmake(session, made);
        return SDR_COMMFAIL;
    }
    memcpy(wrapped, out, call->out_len);
    *len = (uint32_t)call->out_len;
    *handle = made;
    return SDR_OK;
}

int SDF_GenerateKeyWithIPK_RSA(void *hSessionHandle, unsigned int uiIPKIndex, unsigned int uiKeyBits,
                               unsigned char *pucKey, unsigned int *puiKeyLength, void **phKeyHandle)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct call call = {.op = CM_OP_KEY_GENERATE_IPK_RSA, .key = uiIPKIndex, .arg = uiKeyBits};
    return session_leave(session, generate(session, &call, pucKey, puiKeyLength, phKeyHandle));
}

int SDF_GenerateKeyWithEPK_RSA(void *hSessionHandle, unsigned int uiKeyBits, RSArefPublicKey *pucPublicKey,
                               unsigned char *pucKey, unsigned int *puiKeyLength, void **phKeyHandle)
{
    uint8_t key[RSA_PUBLIC_SIZE(RSA_MAX)];
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    size_t len = pucPublicKey ? rsa_public_read(pucPublicKey, key) : 0;
    if (!len)
        return session_leave(session, SDR_INARGERR);
    if (!pucKey && puiKeyLength && key_bits_ok(uiKeyBits)) { /* how long would it be? No key is made */
        *puiKeyLength = (unsigned int)len;
        return session_leave(session, SDR_OK);
    }
    struct call call = {
        .op = CM_OP_KEY_GENERATE_EPK_RSA, .arg = uiKeyBits, .data = key, .data_len = RSA_PUBLIC_SIZE(len)};
    return session_leave(session, generate(session, &call, pucKey, puiKeyLength, phKeyHandle));
}

int SDF_ImportKeyWithISK_RSA(void *hSessionHandle, unsigned int uiISKIndex, unsigned char *pucKey,
                             unsigned int uiKeyLength, void **phKeyHandle)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct call call = {.op = CM_OP_KEY_IMPORT_ISK_RSA, .key = uiISKIndex, .data = pucKey, .data_len = uiKeyLength};
    if (!pucKey || uiKeyLength > RSA_MAX || !rsa_bits_ok(uiKeyLength * 8))
        return session_leave(session, SDR_INARGERR);
    return session_leave(session, phKeyHandle ? key_make(session, &call, phKeyHandle) : SDR_OUTARGERR);
}

/* A call with a block in it whose answer is a block of len bytes. out NULL: how long would it be? */
static uint32_t operate(struct sdf_session *session, struct call *call, size_t len, uint8_t *out, uint32_t *out_len)
{
    uint8_t block[RSA_MAX];
    if (!out_len)
        return SDR_OUTARGERR;
    if (!out) {
        *out_len = (uint32_t)len;
        return SDR_OK;
    }
    call->out = block;
    call->out_cap = sizeof block;
    uint32_t status = session_call_expect(session, call, 0, len);
    if (status == SDR_OK) {
        memcpy(out, block, len);
        *out_len = (uint32_t)len;
    }
    explicit_bzero(block, sizeof block);
    return status;
}

int SDF_ExchangeDigitEnvelopeBaseOnRSA(void *hSessionHandle, unsigned int uiKeyIndex, RSArefPublicKey *pucPublicKey,
                                       unsigned char *pucDEInput, unsigned int uiDELength, unsigned char *pucDEOutput,
                                       unsigned int *puiDELength)
{
    uint8_t data[RSA_PUBLIC_SIZE(RSA_MAX) + RSA_MAX];
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    size_t len = pucPublicKey ? rsa_public_read(pucPublicKey, data) : 0;
    if (!len || !pucDEInput || uiDELength > RSA_MAX || !rsa_bits_ok(uiDELength * 8))
        return session_leave(session, SDR_INARGERR);
    memcpy(data + RSA_PUBLIC_SIZE(len), pucDEInput, uiDELength);
    struct call call = {
        .op = CM_OP_RSA_REWRAP, .key = uiKeyIndex, .data = data, .data_len = RSA_PUBLIC_SIZE(len) + uiDELength};
    return session_leave(session, operate(session, &call, len, pucDEOutput, puiDELength));
}

int SDF_ExternalPublicKeyOperation_RSA(void *hSessionHandle, RSArefPublicKey *pucPublicKey, unsigned char *pucDataInput,
                                       unsigned int uiInputLength, unsigned char *pucDataOutput,
                                       unsigned int *puiOutputLength)
{
    uint8_t data[RSA_PUBLIC_SIZE(RSA_MAX) + RSA_MAX];
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    size_t len = pucPublicKey ? rsa_public_read(pucPublicKey, data) : 0;
    if (!len || !pucDataInput || uiInputLength != len)
        return session_leave(session, SDR_INARGERR);
    memcpy(data + RSA_PUBLIC_SIZE(len), pucDataInput, len);
    struct call call = {.op = CM_OP_RSA_PUBLIC_EXTERNAL, .data = data, .data_len = RSA_PUBLIC_SIZE(len) + len};
    return session_leave(session, operate(session, &call, len, pucDataOutput, puiOutputLength));
}

int SDF_ExternalPrivateKeyOperation_RSA(void *hSessionHandle, RSArefPrivateKey *pucPrivateKey,
                                        unsigned char *pucDataInput, unsigned int uiInputLength,
                                        unsigned char *pucDataOutput, unsigned int *puiOutputLength)
{
    uint8_t data[RSA_PRIVATE_SIZE(RSA_MAX) + RSA_MAX];
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    uint32_t status = SDR_INARGERR;
    size_t len = pucPrivateKey ? rsa_private_read(pucPrivateKey, data) : 0;
    if (len && pucDataInput && uiInputLength == len) {
        memcpy(data + RSA_PRIVATE_SIZE(len), pucDataInput, len);
        struct call call = {.op = CM_OP_RSA_PRIVATE_EXTERNAL, .data = data, .data_len = RSA_PRIVATE_SIZE(len) + len};
        status = operate(session, &call, len, pucDataOutput, puiOutputLength);
    }
    explicit_bzero(data, sizeof data);
    return session_leave(session, status);
}

int rsa_operate_inside(void *handle, bool private_key, uint32_t index, uint32_t pair, const uint8_t *in,
                       uint32_t in_len, uint8_t *out, uint32_t *out_len)
{
    struct sdf_session *session = session_enter(handle);
    if (!session)
        return SDR_INARGERR;
    if (!in || in_len > RSA_MAX || !rsa_bits_ok(in_len * 8))
        return session_leave(session, SDR_INARGERR);
    struct call call = {.op = private_key ? CM_OP_RSA_PRIVATE_INTERNAL : CM_OP_RSA_PUBLIC_INTERNAL,
                        .key = index,
                        .arg = pair,
                        .data = in,
                        .data_len = in_len};
    return session_leave(session, operate(session, &call, in_len, out, out_len));
}
