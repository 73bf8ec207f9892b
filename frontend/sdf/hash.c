/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.c: the one running hash of a session.
 *
 * Up to one slot of input is kept here. If that was all, SDF_HashFinal sends it as one HASH: one crossing, nothing held
 * in the back end, safe to send again after a restart. The first byte beyond it, or a signer's id (whose errors belong
 * to SDF_HashInit), starts a hash in the back end, fed with full slots.
 *
 *   HASH_NONE      Update, Final: SDR_STEPERR
 *   HASH_BUFFERED  Init (plain)
 *   HASH_RUNNING   Init with an id; or Update beyond a slot
 *
 * Any failure of Update or Final ends the hash: what the back end took in is then unknown. Init in the middle starts
 * anew, and a failed one leaves none. With pucHash NULL, Final gives the length and the hash goes on.
 */
#include <stdlib.h>
#include <string.h>
#include "frontend/sdf/form.h"
#include "frontend/sdf/session.h"

#define ID_MAX 8191u /* its length in bits is written in 16 */

void hash_drop(struct hash_run *hash)
{
    if (hash->fill)
        explicit_bzero(hash->buffer, hash->fill);
    hash->fill = 0;
    hash->state = HASH_NONE;
}

void hash_release(struct hash_run *hash)
{
    hash_drop(hash);
    free(hash->buffer);
    hash->buffer = NULL;
}

static uint32_t hash_start(struct sdf_session *session, const uint8_t *point, const uint8_t *id, uint32_t id_len)
{
    struct call call = {.op = CM_OP_HASH_INIT,
                        .alg = session->hash.alg,
                        .param = point,
                        .param_len = point ? FORM_POINT : 0,
                        .data = id,
                        .data_len = id_len};
    uint32_t status = session_call(session, &call);
    if (status == SDR_OK) {
        session->hash.state = HASH_RUNNING;
        session->hash.incarnation = session_incarnation(session->wire);
    }
    return status;
}

static uint32_t hash_init(struct sdf_session *session, uint32_t alg, const ECCrefPublicKey *key, const uint8_t *id,
                          uint32_t id_len)
{
    uint8_t point[FORM_POINT];
    uint32_t digest_len;
    hash_drop(&session->hash);
    session->hash.alg = alg_hash(alg, &digest_len);
    if (session->hash.alg == 0)
        return SDR_ALGNOTSUPPORT;
    if (id_len == 0) {
        session->hash.state = HASH_BUFFERED;
        return SDR_OK;
    }
    if (session->hash.alg != SGD_SM3 || !id || id_len > ID_MAX || !key || !form_point_read(key, point))
        return SDR_INARGERR;
    return hash_start(session, point, id, id_len);
}

int SDF_HashInit(void *hSessionHandle, unsigned int uiAlgID, ECCrefPublicKey *pucPublicKey, unsigned char *pucID,
                 unsigned int uiIDLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, hash_init(session, uiAlgID, pucPublicKey, pucID, uiIDLength));
}

static uint32_t hash_send(struct sdf_session *session, const uint8_t *data, size_t len)
{
    struct call call = {.op = CM_OP_HASH_UPDATE, .data = data, .data_len = len};
    return session_call(session, &call);
}

/* Sends what is buffered, starting the hash over there if need be. */
static uint32_t hash_flush(struct sdf_session *session)
{
    struct hash_run *hash = &session->hash;
    uint32_t status = SDR_OK;
    if (hash->state == HASH_BUFFERED)
        status = hash_start(session, NULL, NULL, 0);
    if (status == SDR_OK && hash->fill > 0) {
        status = hash_send(session, hash->buffer, hash->fill);
        explicit_bzero(hash->buffer, hash->fill);
        hash->fill = 0;
    }
    return status;
}

static void hash_keep(struct hash_run *hash, const uint8_t *data, size_t len)
{
    memcpy(hash->buffer + hash->fill, data, len);
    hash->fill += len;
}

static uint32_t hash_update(struct sdf_session *session, const uint8_t *data, size_t len)
{
    struct hash_run *hash = &session->hash;
    if (len > CM_SLOT_SIZE - hash->fill) {
        /* a started buffer is filled up and sent; then full slots go straight from the caller's memory */
        if (hash->fill > 0) {
            size_t part = CM_SLOT_SIZE - hash->fill;
            hash_keep(hash, data, part);
            data += part;
            len -= part;
        }
        uint32_t status = hash_flush(session);
        for (; status == SDR_OK && len > CM_SLOT_SIZE; data += CM_SLOT_SIZE, len -= CM_SLOT_SIZE)
            status = hash_send(session, data, CM_SLOT_SIZE);
        if (status != SDR_OK)
            return status;
    }
    hash_keep(hash, data, len);
    return SDR_OK;
}

/* SDR_OK where there is a hash to go on with. */
static uint32_t hash_ready(struct sdf_session *session)
{
    struct hash_run *hash = &session->hash;
    if (hash->state == HASH_RUNNING && hash->incarnation != session_incarnation(session->wire)) {
        hash_drop(hash);
        return session_loss(session, SDR_STEPERR);
    }
    return hash->state == HASH_NONE ? SDR_STEPERR : SDR_OK;
}

int SDF_HashUpdate(void *hSessionHandle, unsigned char *pucData, unsigned int uiDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct hash_run *hash = &session->hash;
    uint32_t status = hash_ready(session);
    if (status == SDR_OK && !pucData && uiDataLength > 0)
        return session_leave(session, SDR_INARGERR);
    if (status == SDR_OK && uiDataLength > 0) {
        if (!hash->buffer)
            hash->buffer = malloc(CM_SLOT_SIZE);
        status = hash->buffer ? hash_update(session, pucData, uiDataLength) : SDR_NOBUFFER;
        if (status != SDR_OK)
            hash_drop(hash);
    }
    return session_leave(session, status);
}

static uint32_t hash_final(struct sdf_session *session, uint8_t *digest, uint32_t digest_len)
{
    struct hash_run *hash = &session->hash;
    struct call call = {.op = CM_OP_HASH_FINAL};
    uint32_t status = SDR_OK;
    if (hash->state == HASH_BUFFERED)
        call = (struct call){.op = CM_OP_HASH, .alg = hash->alg, .data = hash->buffer, .data_len = hash->fill};
    else
        status = hash_flush(session);
    if (status == SDR_OK)
        status = session_call_expect(session, &call, digest_len, 0);
    if (status == SDR_OK)
        memcpy(digest, call.param_out, digest_len);
    return status;
}

int SDF_HashFinal(void *hSessionHandle, unsigned char *pucHash, unsigned int *puiHashLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    uint32_t digest_len = 0;
    uint32_t status = hash_ready(session);
    if (status == SDR_OK && !puiHashLength)
        return session_leave(session, SDR_OUTARGERR);
    if (status == SDR_OK) {
        alg_hash(session->hash.alg, &digest_len);
        if (pucHash) {
            status = hash_final(session, pucHash, digest_len);
            hash_drop(&session->hash);
        }
    }
    if (status == SDR_OK)
        *puiHashLength = digest_len;
    return session_leave(session, status);
}
