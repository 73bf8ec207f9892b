/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stored.c: what vendors' headers do with keys that stand in the card: use a KEK as a key for data, put an encrypting
 * pair into an index. The back end refuses both (SDR_NOTSUPPORT) unless the operator allows them to this tenant.
 */
#include "frontend/sdf/dialect.h"
#include "frontend/sdf/form.h"
#include "frontend/sdf/key.h"

/* The KEK stays where it is; what is made and destroyed is the handle. */
int SDF_GetSymmKeyHandle(void *hSessionHandle, unsigned int uiKeyIndex, void **phKeyHandle)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    if (!phKeyHandle)
        return session_leave(session, SDR_OUTARGERR);
    struct call call = {.op = CM_OP_KEK_HANDLE, .key = uiKeyIndex};
    return session_leave(session, kek_status(session, key_make(session, &call, phKeyHandle)));
}

static uint32_t pair_import(struct sdf_session *session, uint32_t index, uint32_t alg, uint32_t bits,
                            const EnvelopedECCKey *envelope)
{
    uint8_t data[FORM_ENVELOPE_MAX];
    struct call call = {.op = CM_OP_PAIR_IMPORT, .key = index, .data = data};
    if (!alg_is_sm2(alg))
        return SDR_ALGNOTSUPPORT;
    if (bits != 256 || !envelope)
        return SDR_INARGERR;
    if (!form_envelope_known())
        return SDR_NOTSUPPORT;
    uint32_t status = form_envelope_read(envelope, data, &call.data_len, &call.alg);
    call.alg = dialect_alg(call.alg);
    if (status == SDR_OK)
        status = alg_check(call.alg, ALG_USE_WRAP);
    if (status == SDR_OK && (call.alg & 0xff) != SGD_ECB)
        status = SDR_ALGMODNOTSUPPORT;
    return status == SDR_OK ? session_call(session, &call) : status;
}

/* The form of two vendors. A third has a flag, an index and the pair in clear under the same name: an index is no
   algorithm, so that its callers are refused. */
int SDF_ImportKeyPair_ECC(void *hSessionHandle, unsigned int uiKeyIndex, unsigned int uiAlgID, unsigned int uiKeyBits,
                          EnvelopedECCKey *pucEncedKeyPair)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, pair_import(session, uiKeyIndex, uiAlgID, uiKeyBits, pucEncedKeyPair));
}
