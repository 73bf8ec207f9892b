/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mac.c: SDF_CalculateMAC. A block cipher's MAC (SGD_SM4_MAC, ...) is CBC-MAC without padding; it chains from slot to
 * slot through the IV, and pucIV is left as the MAC so that calls chain too. SGD_SM3 is HMAC-SM3 with the session key
 * (an IV is not used, and may be NULL); more than a slot of it goes through a running state of its own in the back end.
 */
#include <string.h>
#include "frontend/sdf/dialect.h"
#include "frontend/sdf/form.h"
#include "frontend/sdf/session.h"

#define BLOCK 16u
#define HMAC  32u

struct mac {
    uint32_t key, alg;
    const uint8_t *in;
    size_t len;
    uint8_t iv[BLOCK];
    uint8_t out[HMAC];
};

static size_t mac_part(const struct mac *mac)
{
    return mac->len < CM_SLOT_SIZE ? mac->len : CM_SLOT_SIZE;
}

static uint32_t mac_block(struct sdf_session *session, struct mac *mac)
{
    uint32_t status = SDR_OK;
    while (status == SDR_OK && mac->len > 0) {
        size_t part = mac_part(mac);
        struct call call = {.op = CM_OP_MAC, .key = mac->key, .alg = mac->alg, .data = mac->in, .data_len = part};
        memcpy(call.iv, mac->iv, BLOCK);
        status = session_call_expect(session, &call, BLOCK, 0);
        memcpy(mac->iv, call.iv, BLOCK);
        memcpy(mac->out, call.param_out, BLOCK);
        mac->in += part;
        mac->len -= part;
    }
    return status;
}

static uint32_t mac_hmac_long(struct sdf_session *session, struct mac *mac)
{
    struct call init = {.op = CM_OP_MAC_INIT, .key = mac->key, .alg = mac->alg};
    uint32_t status = session_call(session, &init);
    while (status == SDR_OK && mac->len > 0) {
        size_t part = mac_part(mac);
        struct call update = {.op = CM_OP_MAC_UPDATE, .data = mac->in, .data_len = part};
        status = session_call(session, &update);
        mac->in += part;
        mac->len -= part;
    }
    if (status != SDR_OK)
        return status;
    struct call final = {.op = CM_OP_MAC_FINAL};
    status = session_call_expect(session, &final, HMAC, 0);
    memcpy(mac->out, final.param_out, HMAC);
    return status;
}

static uint32_t mac_hmac(struct sdf_session *session, struct mac *mac)
{
    if (mac->len > CM_SLOT_SIZE)
        return mac_hmac_long(session, mac);
    struct call call = {.op = CM_OP_MAC, .key = mac->key, .alg = mac->alg, .data = mac->in, .data_len = mac->len};
    uint32_t status = session_call_expect(session, &call, HMAC, 0);
    memcpy(mac->out, call.param_out, HMAC);
    return status;
}

static uint32_t mac_run(struct sdf_session *session, struct mac *mac, void *key, uint8_t *iv, uint8_t *out,
                        uint32_t *out_len)
{
    bool hmac = mac->alg == SGD_SM3;
    uint32_t status = session_key(session, key, &mac->key);
    if (status == SDR_OK && !hmac)
        status = alg_check(mac->alg, ALG_USE_MAC);
    if (status != SDR_OK)
        return status;
    if ((!mac->in && mac->len > 0) || (!hmac && (!iv || mac->len == 0 || mac->len % BLOCK != 0)))
        return SDR_INARGERR;
    if (!out_len)
        return SDR_OUTARGERR;
    if (out) {
        if (!hmac)
            memcpy(mac->iv, iv, BLOCK);
        status = hmac ? mac_hmac(session, mac) : mac_block(session, mac);
        if (status != SDR_OK)
            return status;
        if (!hmac)
            dialect_iv(iv, mac->iv);
        memcpy(out, mac->out, hmac ? HMAC : BLOCK);
    }
    *out_len = hmac ? HMAC : BLOCK;
    return SDR_OK;
}

int SDF_CalculateMAC(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                     unsigned char *pucData, unsigned int uiDataLength, unsigned char *pucMAC,
                     unsigned int *puiMACLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct mac mac = {.alg = dialect_alg(uiAlgID), .in = pucData, .len = uiDataLength};
    return session_leave(session, mac_run(session, &mac, hKeyHandle, pucIV, pucMAC, puiMACLength));
}
