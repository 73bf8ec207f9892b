/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.c: public keys out, key pairs, session keys in and out.
 *
 * A session key exists twice: as a number in the back end's session and as a handle here. The handle is reserved first,
 * so that a key made over there is never lost for want of a place here. On any failure nothing is written to the
 * caller's memory.
 */
#include <string.h>
#include "frontend/sdf/dialect.h"
#include "frontend/sdf/form.h"
#include "frontend/sdf/key.h"

bool key_bits_ok(uint32_t bits)
{
    return bits == 128 || bits == 192 || bits == 256;
}

static uint32_t make(struct sdf_session *session, struct call *call, bool agreement, void **handle)
{
    struct handle_key *key;
    void *made = handle_key_make(session->handle, &session->first_key, &key);
    if (!made)
        return SDR_NOBUFFER;
    uint32_t status = session_call(session, call);
    if (status != SDR_OK) {
        handle_key_drop(made, session->handle, &session->first_key);
        return status;
    }
    key->number = call->value;
    key->incarnation = session_incarnation(session->wire);
    key->agreement = agreement;
    *handle = made;
    return SDR_OK;
}

uint32_t key_make(struct sdf_session *session, struct call *call, void **handle)
{
    return make(session, call, false, handle);
}

uint32_t agreement_make(struct sdf_session *session, struct call *call, void **handle)
{
    return make(session, call, true, handle);
}

/* The back end's number of a handle of either kind. */
static uint32_t handle_number(struct sdf_session *session, void *handle, uint32_t *number)
{
    const struct handle_key *key = handle_key_find(handle, session->handle);
    return key && key->agreement ? session_agreement(session, handle, number) : session_key(session, handle, number);
}

void key_unmake(struct sdf_session *session, void *handle)
{
    uint32_t number;
    if (handle_number(session, handle, &number) == SDR_OK) {
        struct call call = {.op = CM_OP_KEY_DESTROY, .key = number};
        session_call(session, &call);
    }
    handle_key_drop(handle, session->handle, &session->first_key);
}

/* A generated key that comes back encrypted by SM2. */
static uint32_t key_make_pke(struct sdf_session *session, struct call *call, ECCCipher *cipher, void **handle)
{
    uint8_t out[FORM_CIPHER_MAX];
    void *made;
    call->out = out;
    call->out_cap = sizeof out;
    uint32_t status = key_make(session, call, &made);
    if (status != SDR_OK)
        return status;
    if (call->out_len <= FORM_PKE_HEAD) {
        key_unmake(session, made);
        return SDR_COMMFAIL;
    }
    form_cipher_write(cipher, out, call->out_len);
    *handle = made;
    return SDR_OK;
}

static uint32_t key_export(struct sdf_session *session, uint32_t index, uint32_t pair, ECCrefPublicKey *key)
{
    if (!key)
        return SDR_OUTARGERR;
    struct call call = {.op = CM_OP_EXPORT_PUBLIC, .key = index, .arg = pair};
    uint32_t status = session_call_expect(session, &call, FORM_POINT, 0);
    if (status == SDR_OK)
        form_point_write(key, call.param_out);
    return status;
}

int SDF_ExportSignPublicKey_ECC(void *hSessionHandle, unsigned int uiKeyIndex, ECCrefPublicKey *pucPublicKey)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    return session ? session_leave(session, key_export(session, uiKeyIndex, 0, pucPublicKey)) : SDR_INARGERR;
}

int SDF_ExportEncPublicKey_ECC(void *hSessionHandle, unsigned int uiKeyIndex, ECCrefPublicKey *pucPublicKey)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    return session ? session_leave(session, key_export(session, uiKeyIndex, 1, pucPublicKey)) : SDR_INARGERR;
}

static uint32_t keypair_generate(struct sdf_session *session, uint32_t alg, uint32_t bits, ECCrefPublicKey *public_key,
                                 ECCrefPrivateKey *private_key)
{
    if (!alg_is_sm2(alg))
        return SDR_ALGNOTSUPPORT;
    if (bits != 256)
        return SDR_INARGERR;
    if (!public_key || !private_key)
        return SDR_OUTARGERR;
    struct call call = {.op = CM_OP_KEYPAIR_GENERATE, .alg = SGD_SM2_1, .arg = bits};
    uint32_t status = session_call_expect(session, &call, 32 + FORM_POINT, 0);
    if (status == SDR_OK) {
        form_private_write(private_key, call.param_out);
        form_point_write(public_key, call.param_out + 32);
    }
    explicit_bzero(call.param_out, sizeof call.param_out);
    return status;
}

int SDF_GenerateKeyPair_ECC(void *hSessionHandle, unsigned int uiAlgID, unsigned int uiKeyBits,
                            ECCrefPublicKey *pucPublicKey, ECCrefPrivateKey *pucPrivateKey)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, keypair_generate(session, uiAlgID, uiKeyBits, pucPublicKey, pucPrivateKey));
}

static uint32_t key_generate_ipk(struct sdf_session *session, uint32_t index, uint32_t bits, ECCCipher *cipher,
                                 void **handle)
{
    if (!key_bits_ok(bits))
        return SDR_INARGERR;
    if (!cipher || !handle)
        return SDR_OUTARGERR;
    struct call call = {.op = CM_OP_KEY_GENERATE_IPK, .key = index, .arg = bits};
    return key_make_pke(session, &call, cipher, handle);
}

int SDF_GenerateKeyWithIPK_ECC(void *hSessionHandle, unsigned int uiIPKIndex, unsigned int uiKeyBits, ECCCipher *pucKey,
                               void **phKeyHandle)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, key_generate_ipk(session, uiIPKIndex, uiKeyBits, pucKey, phKeyHandle));
}

static uint32_t key_generate_epk(struct sdf_session *session, uint32_t bits, uint32_t alg, const ECCrefPublicKey *key,
                                 ECCCipher *cipher, void **handle)
{
    uint8_t point[FORM_POINT];
    if (!alg_is_sm2(alg))
        return SDR_ALGNOTSUPPORT;
    if (!key_bits_ok(bits) || !key || !form_point_read(key, point))
        return SDR_INARGERR;
    if (!cipher || !handle)
        return SDR_OUTARGERR;
    struct call call = {
        .op = CM_OP_KEY_GENERATE_EPK, .alg = SGD_SM2_3, .arg = bits, .param = point, .param_len = sizeof point};
    return key_make_pke(session, &call, cipher, handle);
}

int SDF_GenerateKeyWithEPK_ECC(void *hSessionHandle, unsigned int uiKeyBits, unsigned int uiAlgID,
                               ECCrefPublicKey *pucPublicKey, ECCCipher *pucKey, void **phKeyHandle)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, key_generate_epk(session, uiKeyBits, uiAlgID, pucPublicKey, pucKey, phKeyHandle));
}

static uint32_t key_import_isk(struct sdf_session *session, uint32_t index, const ECCCipher *cipher, void **handle)
{
    uint8_t data[FORM_CIPHER_MAX];
    size_t len;
    if (!cipher)
        return SDR_INARGERR;
    if (!handle)
        return SDR_OUTARGERR;
    uint32_t status = form_cipher_read(cipher, data, &len);
    if (status != SDR_OK)
        return status;
    struct call call = {.op = CM_OP_KEY_IMPORT_ISK, .key = index, .data = data, .data_len = len};
    return key_make(session, &call, handle);
}

int SDF_ImportKeyWithISK_ECC(void *hSessionHandle, unsigned int uiISKIndex, ECCCipher *pucKey, void **phKeyHandle)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    return session ? session_leave(session, key_import_isk(session, uiISKIndex, pucKey, phKeyHandle)) : SDR_INARGERR;
}

/* Few KEKs need a right, so their operations are not marked as needing one: a right that went with the back end shows
   by its want, and is told of as other losses are. */
uint32_t kek_status(struct sdf_session *session, uint32_t status)
{
    return status == SDR_PARDENY ? session_loss(session, SDR_PARDENY) : status;
}

static uint32_t key_generate_kek(struct sdf_session *session, struct call *call, uint8_t *wrapped, uint32_t *len,
                                 void **handle)
{
    uint8_t out[64];
    void *made = NULL;
    uint32_t status = alg_check(call->alg, ALG_USE_WRAP);
    if (status != SDR_OK)
        return status;
    if (!key_bits_ok(call->arg))
        return SDR_INARGERR;
    if (!len)
        return SDR_OUTARGERR;
    if (!wrapped) { /* how long would it be? No key is made */
        *len = call->arg / 8;
        return SDR_OK;
    }
    if (!handle)
        return SDR_OUTARGERR;
    call->out = out;
    call->out_cap = sizeof out;
    status = kek_status(session, key_make(session, call, &made));
    if (status != SDR_OK)
        return status;
    if (call->out_len != call->arg / 8) {
        key_unmake(session, made);
        return SDR_COMMFAIL;
    }
    memcpy(wrapped, out, call->out_len);
    *len = (uint32_t)call->out_len;
    *handle = made;
    return SDR_OK;
}

int SDF_GenerateKeyWithKEK(void *hSessionHandle, unsigned int uiKeyBits, unsigned int uiAlgID, unsigned int uiKEKIndex,
                           unsigned char *pucKey, unsigned int *puiKeyLength, void **phKeyHandle)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct call call = {.op = CM_OP_KEY_GENERATE_KEK, .key = uiKEKIndex, .alg = dialect_alg(uiAlgID), .arg = uiKeyBits};
    return session_leave(session, key_generate_kek(session, &call, pucKey, puiKeyLength, phKeyHandle));
}

static uint32_t key_import_kek(struct sdf_session *session, struct call *call, void **handle)
{
    uint32_t status = alg_check(call->alg, ALG_USE_WRAP);
    if (status != SDR_OK)
        return status;
    if (!call->data || call->data_len < 16 || call->data_len > 64 || call->data_len % 8 != 0)
        return SDR_INARGERR;
    return handle ? kek_status(session, key_make(session, call, handle)) : SDR_OUTARGERR;
}

int SDF_ImportKeyWithKEK(void *hSessionHandle, unsigned int uiAlgID, unsigned int uiKEKIndex, unsigned char *pucKey,
                         unsigned int uiKeyLength, void **phKeyHandle)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct call call = {.op = CM_OP_KEY_IMPORT_KEK,
                        .key = uiKEKIndex,
                        .alg = dialect_alg(uiAlgID),
                        .data = pucKey,
                        .data_len = uiKeyLength};
    return session_leave(session, key_import_kek(session, &call, phKeyHandle));
}

/* A handle whose key the back end no longer has is dropped all the same. One whose fate is unknown (SDR_COMMFAIL, the
   session still as it was) stays, so that the caller can try again. */
static uint32_t key_destroy(struct sdf_session *session, void *handle)
{
    struct handle_key *key = handle_key_find(handle, session->handle);
    uint32_t number;
    if (!key || key->run)
        return SDR_INARGERR;
    uint32_t status = handle_number(session, handle, &number);
    if (status == SDR_OK) {
        struct call call = {.op = CM_OP_KEY_DESTROY, .key = number};
        status = session_call(session, &call);
    }
    if (status == SDR_OK || status == SDR_KEYNOTEXIST || key->incarnation != session_incarnation(session->wire))
        handle_key_drop(handle, session->handle, &session->first_key);
    return status;
}

int SDF_DestroyKey(void *hSessionHandle, void *hKeyHandle)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    return session ? session_leave(session, key_destroy(session, hKeyHandle)) : SDR_INARGERR;
}
