/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.c: the one running hash, HMAC and MAC of a session (run.h). Init in the middle starts anew, and a failed one
 * leaves none. With the result's buffer NULL, Final gives the length and the run goes on.
 */
#include <string.h>
#include "frontend/sdf/alg.h"
#include "frontend/sdf/dialect.h"
#include "frontend/sdf/form.h"
#include "frontend/sdf/session.h"

#define ID_MAX 8191u /* its length in bits is written in 16 */
#define BLOCK  16u

uint32_t hash_begin(struct sdf_session *session, struct digest_run *run, uint32_t alg, const ECCrefPublicKey *key,
                    const uint8_t *id, uint32_t id_len)
{
    uint8_t point[FORM_POINT];
    run_abandon(session, run);
    run->alg = alg_hash(alg, &run->out_len);
    if (run->alg == 0)
        return SDR_ALGNOTSUPPORT;
    if (id_len == 0) {
        run_begin(session, run, RUN_HASH);
        return SDR_OK;
    }
    if (run->alg != SGD_SM3 || !id || id_len > ID_MAX || !key || !form_point_read(key, point))
        return SDR_INARGERR;
    return run_begin_id(session, run, point, id, id_len);
}

int SDF_HashInit(void *hSessionHandle, unsigned int uiAlgID, ECCrefPublicKey *pucPublicKey, unsigned char *pucID,
                 unsigned int uiIDLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, hash_begin(session, &session->hash, uiAlgID, pucPublicKey, pucID, uiIDLength));
}

int SDF_HashUpdate(void *hSessionHandle, unsigned char *pucData, unsigned int uiDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, run_update(session, &session->hash, pucData, uiDataLength));
}

int SDF_HashFinal(void *hSessionHandle, unsigned char *pucHash, unsigned int *puiHashLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, run_end(session, &session->hash, pucHash, puiHashLength));
}

uint32_t hmac_begin(struct sdf_session *session, struct digest_run *run, void *key, uint32_t alg)
{
    run_abandon(session, run);
    uint32_t status = session_key(session, key, &run->key);
    if (status != SDR_OK)
        return status;
    run->alg = alg_hmac(alg, &run->out_len);
    if (run->alg == 0)
        return SDR_ALGNOTSUPPORT;
    run_begin(session, run, RUN_HMAC);
    return SDR_OK;
}

int SDF_HMACInit(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    session_forget_external(session, &session->hmac_external);
    return session_leave(session, hmac_begin(session, &session->hmac, hKeyHandle, uiAlgID));
}

int SDF_HMACUpdate(void *hSessionHandle, unsigned char *pucData, unsigned int uiDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, run_update(session, &session->hmac, pucData, uiDataLength));
}

int SDF_HMACFinal(void *hSessionHandle, unsigned char *pucHMac, unsigned int *puiHMacLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    uint32_t status = run_end(session, &session->hmac, pucHMac, puiHMacLength);
    if (session->hmac.state == RUN_NONE)
        session_forget_external(session, &session->hmac_external);
    return session_leave(session, status);
}

static uint32_t mac_begin(struct sdf_session *session, void *key, uint32_t alg, const uint8_t *iv, uint32_t iv_len)
{
    struct digest_run *run = &session->mac;
    run_abandon(session, run);
    uint32_t status = session_key(session, key, &run->key);
    if (status != SDR_OK)
        return status;
    if (alg == SGD_SM3) { /* as in SDF_CalculateMAC */
        run->alg = alg_hmac(alg, &run->out_len);
        run_begin(session, run, RUN_HMAC);
        return SDR_OK;
    }
    status = alg_check(alg, ALG_USE_MAC);
    if (status != SDR_OK)
        return status;
    if (!iv || iv_len != BLOCK)
        return SDR_INARGERR;
    run->alg = alg;
    run->out_len = BLOCK;
    memcpy(run->iv, iv, BLOCK);
    run_begin(session, run, RUN_MAC);
    return SDR_OK;
}

int SDF_CalculateMACInit(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                         unsigned int uiIVLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, mac_begin(session, hKeyHandle, dialect_alg(uiAlgID), pucIV, uiIVLength));
}

int SDF_CalculateMACUpdate(void *hSessionHandle, unsigned char *pucData, unsigned int uiDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, run_update(session, &session->mac, pucData, uiDataLength));
}

int SDF_CalculateMACFinal(void *hSessionHandle, unsigned char *pucMac, unsigned int *puiMacLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, run_end(session, &session->mac, pucMac, puiMacLength));
}
