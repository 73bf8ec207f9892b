/* SPDX-License-Identifier: Apache-2.0 */
/*
 * derive.c: keys of secure channels, annex C of 2023. sdf_annex.h says what is derived from what.
 *
 * One call makes several keys: all of them or none. Their handles are reserved first (key.c says why). On any failure
 * nothing is written to the caller's memory. A key of 0 bits is not wanted: its handle becomes NULL where there is a
 * place for one, its cipher is left as it is.
 */
#include <string.h>
#include "frontend/sdf/form.h"
#include "frontend/sdf/key.h"
#include "proto/derive.h"

#define KEYS   CM_DERIVE_KEYS
#define CLEARS CM_DERIVE_CLEARS

/* What a function got: the texts and the lengths, the secret's handle, where results go. */
struct wish {
    enum cm_derivation kind;
    const uint8_t *texts[CM_DERIVE_TEXTS];
    struct cm_derive lengths;
    void *secret;
    uint32_t prf;
    uint32_t ecc; /* sealed: the public key's algorithm, and it */
    const ECCrefPublicKey *public;
    bool sealed;
    void **handles[KEYS];
    ECCCipher *ciphers[KEYS];
    uint8_t *clear[CLEARS];
};

static bool texts_join(const struct wish *wish, uint8_t data[CM_DERIVE_DATA_MAX])
{
    for (unsigned i = 0; i < CM_DERIVE_TEXTS; i++) {
        if (wish->lengths.text_len[i] && !wish->texts[i])
            return false;
        if (wish->lengths.text_len[i])
            memcpy(data, wish->texts[i], wish->lengths.text_len[i]);
        data += wish->lengths.text_len[i];
    }
    return true;
}

static bool places_ok(const struct wish *wish)
{
    for (unsigned i = 0; i < KEYS; i++)
        if (wish->lengths.bits[i] && !(wish->sealed ? (void *)wish->ciphers[i] : (void *)wish->handles[i]))
            return false;
    for (unsigned i = 0; i < CLEARS; i++)
        if (wish->lengths.clear_len[i] && !wish->clear[i])
            return false;
    return true;
}

static void clear_write(const struct wish *wish, const uint8_t *from)
{
    for (unsigned i = 0; i < CLEARS; i++) {
        if (wish->lengths.clear_len[i])
            memcpy(wish->clear[i], from, wish->lengths.clear_len[i]);
        from += wish->lengths.clear_len[i];
    }
}

static void made_drop(struct sdf_session *session, void *made[KEYS], bool over_there)
{
    for (unsigned i = 0; i < KEYS; i++) {
        if (made[i] && over_there)
            key_unmake(session, made[i]);
        else if (made[i])
            handle_key_drop(made[i], session->handle, &session->first_key);
        made[i] = NULL;
    }
}

/* Is the answer what it must be? Then the handles get the back end's numbers. */
static bool numbers_take(struct sdf_session *session, const struct wish *wish, const struct call *call,
                         struct handle_key *keys[KEYS])
{
    uint32_t numbers[KEYS];
    bool good = call->param_out_len == CM_DERIVE_HANDLES + cm_derive_clear(&wish->lengths) && call->out_len == 0;
    memcpy(numbers, call->param_out, sizeof numbers);
    for (unsigned i = 0; i < KEYS; i++) {
        if (keys[i]) {
            keys[i]->number = numbers[i];
            keys[i]->incarnation = session_incarnation(session->wire);
        }
        good &= (numbers[i] != 0) == (keys[i] != NULL);
    }
    return good;
}

static uint32_t keys_stay(struct sdf_session *session, const struct wish *wish, struct call *call)
{
    struct handle_key *keys[KEYS] = {NULL};
    void *made[KEYS] = {NULL};
    uint32_t status = SDR_OK;
    for (unsigned i = 0; i < KEYS && status == SDR_OK; i++)
        if (wish->lengths.bits[i]) {
            made[i] = handle_key_make(session->handle, &session->first_key, &keys[i]);
            status = made[i] ? SDR_OK : SDR_NOBUFFER;
        }
    if (status == SDR_OK)
        status = session_call(session, call);
    if (status != SDR_OK) {
        made_drop(session, made, false);
        return status;
    }
    if (!numbers_take(session, wish, call, keys)) {
        made_drop(session, made, true);
        return SDR_COMMFAIL;
    }
    for (unsigned i = 0; i < KEYS; i++)
        if (wish->handles[i])
            *wish->handles[i] = made[i];
    clear_write(wish, call->param_out + CM_DERIVE_HANDLES);
    return SDR_OK;
}

static uint32_t keys_leave(struct sdf_session *session, const struct wish *wish, struct call *call)
{
    uint8_t out[CM_DERIVE_OUT_MAX];
    const uint8_t *at = out;
    call->out = out;
    call->out_cap = sizeof out;
    uint32_t status = session_call_expect(session, call, 0, cm_derive_sealed(&wish->lengths));
    for (unsigned i = 0; i < KEYS && status == SDR_OK; i++) {
        size_t len = wish->lengths.bits[i] ? FORM_PKE_HEAD + wish->lengths.bits[i] / 8 : 0;
        if (len)
            form_cipher_write(wish->ciphers[i], at, len);
        at += len;
    }
    if (status == SDR_OK)
        clear_write(wish, at);
    explicit_bzero(out, sizeof out);
    return status;
}

static uint32_t derive(struct sdf_session *session, struct wish *wish, uint16_t op)
{
    uint8_t param[CM_DERIVE_SEALED], data[CM_DERIVE_DATA_MAX], point[FORM_POINT];
    uint32_t digest;
    struct call call = {.op = op, .param = param, .data = data};
    uint32_t status = SDR_OK;
    if (cm_op_info(op)->fields & F_KEY)
        status = session_key(session, wish->secret, &call.key);
    if (status != SDR_OK)
        return status;
    call.alg = alg_hash(wish->prf, &digest);
    if (!call.alg || (wish->sealed && !alg_is_sm2(wish->ecc)))
        return SDR_ALGNOTSUPPORT;
    if (wish->sealed && (!wish->public || !form_point_read(wish->public, point)))
        return SDR_INARGERR;
    wish->lengths.point = wish->sealed ? point : NULL;
    if (!cm_derive_ok(&wish->lengths, wish->kind))
        return SDR_INARGERR;
    if (!texts_join(wish, data))
        status = SDR_INARGERR;
    else if (!places_ok(wish))
        status = SDR_OUTARGERR;
    else {
        call.param_len = cm_derive_write(&wish->lengths, param);
        call.data_len = cm_derive_texts(&wish->lengths);
        status = wish->sealed ? keys_leave(session, wish, &call) : keys_stay(session, wish, &call);
    }
    explicit_bzero(data, sizeof data);
    explicit_bzero(call.param_out, sizeof call.param_out);
    return status;
}

int SDF_GenerateKeywithSSL(void *hSessionHandle, void *hKeyHandlePreMaster, unsigned char *pucClientRandom,
                           unsigned int uiClientRandomLength, unsigned char *pucServerRandom,
                           unsigned int uiServerRandomLength, unsigned int uiPrfAlgID, void **phKeyHandleClientMac,
                           unsigned int uiKeyBitsClientMac, void **phKeyHandleServerMac,
                           unsigned int uiKeyBitsServerMac, void **phKeyHandleClientEnc,
                           unsigned int uiKeyBitsClientEnc, void **phKeyHandleServerEnc,
                           unsigned int uiKeyBitsServerEnc, unsigned char *pucClientIV, unsigned int uiClientIVLength,
                           unsigned char *pucServerIV, unsigned int uiServerIVLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct wish wish = {
        .kind = CM_DERIVE_TLS,
        .texts = {pucClientRandom, pucServerRandom},
        .lengths = {.text_len = {uiClientRandomLength, uiServerRandomLength},
                    .bits = {uiKeyBitsClientMac, uiKeyBitsServerMac, uiKeyBitsClientEnc, uiKeyBitsServerEnc},
                    .clear_len = {uiClientIVLength, uiServerIVLength}},
        .secret = hKeyHandlePreMaster,
        .prf = uiPrfAlgID,
        .handles = {phKeyHandleClientMac, phKeyHandleServerMac, phKeyHandleClientEnc, phKeyHandleServerEnc},
        .clear = {pucClientIV, pucServerIV},
    };
    return session_leave(session, derive(session, &wish, CM_OP_DERIVE_TLS));
}

int SDF_GenerateKeywithEPK_SSL(void *hSessionHandle, void *hKeyHandlePreMaster, unsigned char *pucClientRandom,
                               unsigned int uiClientRandomLength, unsigned char *pucServerRandom,
                               unsigned int uiServerRandomLength, unsigned int uiPrfAlgID, unsigned int uiEccAlgID,
                               ECCrefPublicKey *pucPublicKey, ECCCipher *pucKeyClientMac,
                               unsigned int uiKeyBitsClientMac, ECCCipher *pucKeyServerMac,
                               unsigned int uiKeyBitsServerMac, ECCCipher *pucKeyClientEnc,
                               unsigned int uiKeyBitsClientEnc, ECCCipher *pucKeyServerEnc,
                               unsigned int uiKeyBitsServerEnc, unsigned char *pucClientIV,
                               unsigned int uiClientIVLength, unsigned char *pucServerIV, unsigned int uiServerIVLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct wish wish = {
        .kind = CM_DERIVE_TLS,
        .texts = {pucClientRandom, pucServerRandom},
        .lengths = {.text_len = {uiClientRandomLength, uiServerRandomLength},
                    .bits = {uiKeyBitsClientMac, uiKeyBitsServerMac, uiKeyBitsClientEnc, uiKeyBitsServerEnc},
                    .clear_len = {uiClientIVLength, uiServerIVLength}},
        .secret = hKeyHandlePreMaster,
        .prf = uiPrfAlgID,
        .ecc = uiEccAlgID,
        .public = pucPublicKey,
        .sealed = true,
        .ciphers = {pucKeyClientMac, pucKeyServerMac, pucKeyClientEnc, pucKeyServerEnc},
        .clear = {pucClientIV, pucServerIV},
    };
    return session_leave(session, derive(session, &wish, CM_OP_DERIVE_TLS_EPK));
}

int SDF_GenerateKeywithIKE(void *hSessionHandle, unsigned char *pucSponsorNonce, unsigned int uiSponsorNonceLength,
                           unsigned char *pucResponseNonce, unsigned int uiResponseNonceLength,
                           unsigned char *pucSponsorCookie, unsigned int uiSponsorCookieLength,
                           unsigned char *pucResponseCookie, unsigned int uiResponseCookieLength,
                           unsigned int uiPrfAlgID, void **phKeyHandleD, unsigned int uiKeyBitsD, void **phKeyHandleA,
                           unsigned int uiKeyBitsA, void **phKeyHandleE, unsigned int uiKeyBitsE)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct wish wish = {
        .kind = CM_DERIVE_IKE,
        .texts = {pucSponsorNonce, pucResponseNonce, pucSponsorCookie, pucResponseCookie},
        .lengths = {.text_len = {uiSponsorNonceLength, uiResponseNonceLength, uiSponsorCookieLength,
                                 uiResponseCookieLength},
                    .bits = {uiKeyBitsD, uiKeyBitsA, uiKeyBitsE}},
        .prf = uiPrfAlgID,
        .handles = {phKeyHandleD, phKeyHandleA, phKeyHandleE},
    };
    return session_leave(session, derive(session, &wish, CM_OP_DERIVE_IKE));
}

int SDF_GenerateKeywithEPK_IKE(void *hSessionHandle, unsigned char *pucSponsorNonce, unsigned int uiSponsorNonceLength,
                               unsigned char *pucResponseNonce, unsigned int uiResponseNonceLength,
                               unsigned char *pucSponsorCookie, unsigned int uiSponsorCookieLength,
                               unsigned char *pucResponseCookie, unsigned int uiResponseCookieLength,
                               unsigned int uiPrfAlgID, unsigned int uiEccAlgID, ECCrefPublicKey *pucPublicKey,
                               ECCCipher *pucKeyD, unsigned int uiKeyBitsD, ECCCipher *pucKeyA, unsigned int uiKeyBitsA,
                               ECCCipher *pucKeyE, unsigned int uiKeyBitsE)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct wish wish = {
        .kind = CM_DERIVE_IKE,
        .texts = {pucSponsorNonce, pucResponseNonce, pucSponsorCookie, pucResponseCookie},
        .lengths = {.text_len = {uiSponsorNonceLength, uiResponseNonceLength, uiSponsorCookieLength,
                                 uiResponseCookieLength},
                    .bits = {uiKeyBitsD, uiKeyBitsA, uiKeyBitsE}},
        .prf = uiPrfAlgID,
        .ecc = uiEccAlgID,
        .public = pucPublicKey,
        .sealed = true,
        .ciphers = {pucKeyD, pucKeyA, pucKeyE},
    };
    return session_leave(session, derive(session, &wish, CM_OP_DERIVE_IKE_EPK));
}

/* A salt (of GCM and the like) has a length in the prototype, and no public text says where it comes from. */
static uint32_t derive_unsalted(struct sdf_session *session, struct wish *wish, uint16_t op, uint32_t salt_len)
{
    return salt_len ? SDR_NOTSUPPORT : derive(session, wish, op);
}

int SDF_GenerateKeywithIPSEC(void *hSessionHandle, unsigned char *pucProtocolID, unsigned int uiProtocolIDLength,
                             unsigned char *pucSpi, unsigned int uiSpiLength, unsigned char *pucSponsorNonce,
                             unsigned int uiSponsorNonceLength, unsigned char *pucResponseNonce,
                             unsigned int uiResponseNonceLength, void *hKeyHandle, unsigned int uiPrfAlgID,
                             void **phKeyHandleEnc, unsigned int uiKeyBitsEnc, void **phKeyHandleMac,
                             unsigned int uiKeyBitsMac, unsigned char *pucSalt, unsigned int uiSaltLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct wish wish = {
        .kind = CM_DERIVE_IPSEC,
        .texts = {pucProtocolID, pucSpi, pucSponsorNonce, pucResponseNonce},
        .lengths = {.text_len = {uiProtocolIDLength, uiSpiLength, uiSponsorNonceLength, uiResponseNonceLength},
                    .bits = {uiKeyBitsEnc, uiKeyBitsMac}},
        .secret = hKeyHandle,
        .prf = uiPrfAlgID,
        .handles = {phKeyHandleEnc, phKeyHandleMac},
    };
    (void)pucSalt;
    return session_leave(session, derive_unsalted(session, &wish, CM_OP_DERIVE_IPSEC, uiSaltLength));
}

int SDF_GenerateKeywithEPK_IPSEC(void *hSessionHandle, unsigned char *pucProtocolID, unsigned int uiProtocolIDLength,
                                 unsigned char *pucSpi, unsigned int uiSpiLength, unsigned char *pucSponsorNonce,
                                 unsigned int uiSponsorNonceLength, unsigned char *pucResponseNonce,
                                 unsigned int uiResponseNonceLength, void *hKeyHandle, unsigned int uiPrfAlgID,
                                 unsigned int uiEccAlgID, ECCrefPublicKey *pucPublicKey, ECCCipher *pucKeyEnc,
                                 unsigned int uiKeyBitsEnc, ECCCipher *pucKeyMac, unsigned int uiKeyBitsMac,
                                 unsigned char *pucSalt, unsigned int uiSaltLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct wish wish = {
        .kind = CM_DERIVE_IPSEC,
        .texts = {pucProtocolID, pucSpi, pucSponsorNonce, pucResponseNonce},
        .lengths = {.text_len = {uiProtocolIDLength, uiSpiLength, uiSponsorNonceLength, uiResponseNonceLength},
                    .bits = {uiKeyBitsEnc, uiKeyBitsMac}},
        .secret = hKeyHandle,
        .prf = uiPrfAlgID,
        .ecc = uiEccAlgID,
        .public = pucPublicKey,
        .sealed = true,
        .ciphers = {pucKeyEnc, pucKeyMac},
    };
    (void)pucSalt;
    return session_leave(session, derive_unsalted(session, &wish, CM_OP_DERIVE_IPSEC_EPK, uiSaltLength));
}
