/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aead_multi.c: authenticated encryption in several calls; one that encrypts and one that decrypts in a session. Each
 * has a state in the back end.
 *
 * Encrypting, an update gives as many bytes as it takes, the end gives the tag.
 *
 * Decrypting, nothing is given before the tag held. The tag and the message's length are known from the beginning, so
 * it can be judged as soon as that many bytes have come: the update that brings the last of them compares, and gives
 * the beginning of the plaintext, at most as many bytes as it was given, which is as much as its caller must have room
 * for. A caller with one update so gets all of it there. What is left then is given by the end, which for once reads
 * the room in *puiLastDataLength, since nobody expects so much there; too little is SDR_NOBUFFER with the length
 * needed, and it can be called again. With a length of 0 in AuthDecInit (GCM alone) the end is when SDF_AuthDecFinal
 * says so, and all plaintext comes from there. Until then the plaintext lies in memory of ours, wiped afterwards. An end
 * that only asks for the length judges the tag, and leaves all else to the end that follows.
 */
#include <stdlib.h>
#include <string.h>
#include "frontend/sdf/aead.h"
#include "frontend/sdf/alg.h"
#include "frontend/sdf/dialect.h"

void aead_run_drop(struct sdf_session *session, struct aead_run *run)
{
    if (session && run->active && !run->ended && run->incarnation == session_incarnation(session->wire))
        aead_forget(session, run->number);
    if (run->plain) {
        explicit_bzero(run->plain, run->plain_cap);
        free(run->plain);
    }
    explicit_bzero(run, sizeof *run);
}

static uint32_t init(struct sdf_session *session, struct aead_args *a, void *key)
{
    struct aead_run *run = &session->aead[a->decrypt];
    aead_run_drop(session, run);
    uint32_t status = session_key(session, key, &a->key);
    if (status == SDR_OK)
        status = aead_check(a);
    if (status == SDR_OK)
        status = aead_begin(session, a, &run->number);
    if (status != SDR_OK)
        return status;
    run->active = true;
    run->counted = a->data_len > 0 || (a->alg & SGD_CCM);
    run->total = a->data_len;
    run->incarnation = session_incarnation(session->wire);
    run->tag_len = a->tag_len;
    if (a->decrypt)
        memcpy(run->tag, a->tag, a->tag_len);
    return SDR_OK;
}

/* The back end has ended the state: with an error, or because it was done. */
static uint32_t fail(struct aead_run *run, uint32_t status)
{
    run->ended = true;
    aead_run_drop(NULL, run);
    return status;
}

static uint32_t ready(struct sdf_session *session, struct aead_run *run)
{
    /* what is only left to be given needs the back end no more */
    if (run->active && !run->ended && run->incarnation != session_incarnation(session->wire)) {
        fail(run, SDR_OK);
        return session_loss(session, SDR_STEPERR);
    }
    return run->active ? SDR_OK : SDR_STEPERR;
}

static uint32_t seal_update(struct sdf_session *session, const uint8_t *in, uint32_t len, uint8_t *out,
                            uint32_t *out_len)
{
    struct aead_run *run = &session->aead[false];
    uint32_t status = ready(session, run);
    if (status != SDR_OK)
        return status;
    if ((!in && len > 0) || (run->counted && len > run->total - run->taken))
        return SDR_INARGERR;
    if (!out_len)
        return SDR_OUTARGERR;
    if (out && len > 0) {
        status = aead_pass(session, run->number, in, out, len);
        if (status != SDR_OK)
            return fail(run, status);
        run->taken += len;
    }
    *out_len = len;
    return SDR_OK;
}

static uint32_t seal_final(struct sdf_session *session, uint32_t *out_len, uint8_t *tag, uint32_t *tag_len)
{
    struct aead_run *run = &session->aead[false];
    uint8_t made[AEAD_TAG];
    uint32_t status = ready(session, run);
    if (status != SDR_OK)
        return status;
    if (!tag_len)
        return SDR_OUTARGERR;
    if (run->counted && run->taken < run->total)
        return SDR_STEPERR; /* it goes on: more must come */
    if (tag) {
        status = aead_end(session, run->number, NULL, 0, made);
        fail(run, SDR_OK);
        if (status != SDR_OK)
            return status;
        memcpy(tag, made, AEAD_TAG);
    }
    if (out_len)
        *out_len = 0;
    *tag_len = AEAD_TAG;
    return SDR_OK;
}

static bool plain_grow(struct aead_run *run, size_t len)
{
    size_t need = run->taken + len, cap = run->plain_cap ? run->plain_cap : 4096;
    if (need <= run->plain_cap)
        return true;
    while (cap < need)
        cap *= 2;
    uint8_t *grown = malloc(cap);
    if (!grown)
        return false;
    if (run->plain) {
        memcpy(grown, run->plain, run->taken);
        explicit_bzero(run->plain, run->plain_cap);
        free(run->plain);
    }
    run->plain = grown;
    run->plain_cap = cap;
    return true;
}

static uint32_t judge(struct sdf_session *session, struct aead_run *run)
{
    uint32_t status = aead_end(session, run->number, run->tag, run->tag_len, NULL);
    if (status != SDR_OK)
        return fail(run, status);
    run->ended = true;
    return SDR_OK;
}

static uint32_t give(struct aead_run *run, uint8_t *out, uint64_t most)
{
    uint64_t left = run->taken - run->given, n = left < most ? left : most;
    if (n > 0)
        memcpy(out, run->plain + run->given, n);
    run->given += n;
    return (uint32_t)n;
}

static uint32_t open_update(struct sdf_session *session, const uint8_t *in, uint32_t len, uint8_t *out,
                            uint32_t *out_len)
{
    struct aead_run *run = &session->aead[true];
    uint32_t status = ready(session, run);
    if (status != SDR_OK)
        return status;
    bool last = run->counted && run->taken + len == run->total;
    if ((!in && len > 0) || (run->counted && len > run->total - run->taken) || run->taken + len > UINT32_MAX)
        return SDR_INARGERR;
    if (!out_len)
        return SDR_OUTARGERR;
    if (run->ended && !run->counted && len > 0)
        return SDR_STEPERR; /* its end was asked for, and the tag judged */
    if (!out && last && len > 0) { /* how much would it give? */
        *out_len = len;
        return SDR_OK;
    }
    if (len > 0 && !run->ended) {
        if (!plain_grow(run, len)) {
            aead_run_drop(session, run);
            return SDR_NOBUFFER;
        }
        status = aead_pass(session, run->number, in, run->plain + run->taken, len);
        if (status != SDR_OK)
            return fail(run, status);
        run->taken += len;
        if (last && (status = judge(session, run)) != SDR_OK)
            return status;
    }
    *out_len = run->ended && len > 0 ? give(run, out, len) : 0;
    return SDR_OK;
}

static uint32_t open_final(struct sdf_session *session, uint8_t *out, uint32_t *out_len)
{
    struct aead_run *run = &session->aead[true];
    uint32_t status = ready(session, run);
    if (status != SDR_OK)
        return status;
    if (run->counted && run->taken < run->total)
        return SDR_STEPERR; /* it goes on: more must come */
    if (!run->ended && (status = judge(session, run)) != SDR_OK)
        return status;
    uint64_t left = run->taken - run->given;
    if (left > 0 && !out_len)
        return SDR_OUTARGERR;
    if (!out && out_len) { /* how long? it goes on */
        *out_len = (uint32_t)left;
        return SDR_OK;
    }
    if (left > 0 && *out_len < left) {
        *out_len = (uint32_t)left;
        return SDR_NOBUFFER;
    }
    if (left > 0)
        give(run, out, left);
    if (out_len)
        *out_len = (uint32_t)left;
    aead_run_drop(session, run);
    return SDR_OK;
}

int SDF_AuthEncInit(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucStartVar,
                    unsigned int uiStartVarLength, unsigned char *pucAad, unsigned int uiAadLength,
                    unsigned int uiDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct aead_args a = {.alg = dialect_alg(uiAlgID),
                          .nonce = pucStartVar,
                          .nonce_len = uiStartVarLength,
                          .aad = pucAad,
                          .aad_len = uiAadLength,
                          .data_len = uiDataLength};
    return session_leave(session, init(session, &a, hKeyHandle));
}

int SDF_AuthEncUpdate(void *hSessionHandle, unsigned char *pucData, unsigned int uiDataLength,
                      unsigned char *pucEncData, unsigned int *puiEncDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, seal_update(session, pucData, uiDataLength, pucEncData, puiEncDataLength));
}

int SDF_AuthEncFinal(void *hSessionHandle, unsigned char *pucLastEncData, unsigned int *puiLastEncDataLength,
                     unsigned char *pucAuthData, unsigned int *puiAuthDataLength)
{
    (void)pucLastEncData; /* updates have given everything */
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, seal_final(session, puiLastEncDataLength, pucAuthData, puiAuthDataLength));
}

int SDF_AuthDecInit(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucStartVar,
                    unsigned int uiStartVarLength, unsigned char *pucAad, unsigned int uiAadLength,
                    unsigned char *pucAuthData, unsigned int uiAuthDataLength, unsigned int uiDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct aead_args a = {.decrypt = true,
                          .alg = dialect_alg(uiAlgID),
                          .nonce = pucStartVar,
                          .nonce_len = uiStartVarLength,
                          .aad = pucAad,
                          .aad_len = uiAadLength,
                          .tag = pucAuthData,
                          .tag_len = uiAuthDataLength,
                          .data_len = uiDataLength};
    return session_leave(session, init(session, &a, hKeyHandle));
}

int SDF_AuthDecUpdate(void *hSessionHandle, unsigned char *pucEncData, unsigned int uiEncDataLength,
                      unsigned char *pucData, unsigned int *puiDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, open_update(session, pucEncData, uiEncDataLength, pucData, puiDataLength));
}

int SDF_AuthDecFinal(void *hSessionHandle, unsigned char *pucLastData, unsigned int *puiLastDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, open_final(session, pucLastData, puiLastDataLength));
}
