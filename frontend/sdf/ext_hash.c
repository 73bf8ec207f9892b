/* SPDX-License-Identifier: Apache-2.0 */
/* ext_hash.c: hashes with handles, and what a virtual card says of itself (sdf_ext.h). */
#include <stdlib.h>
#include <string.h>
#include "cardmux/sdf_ext.h"
#include "frontend/sdf/form.h"
#include "frontend/sdf/session.h"

void hash_handle_gone(struct handle_key *key)
{
    if (!key->run)
        return;
    run_release(key->run);
    free(key->run);
    key->run = NULL;
}

/* A handle with a run of its own that has not begun. */
static uint32_t make(struct sdf_session *session, void **handle, struct digest_run **run)
{
    struct handle_key *key;
    *run = calloc(1, sizeof **run);
    if (!*run)
        return SDR_NOBUFFER;
    *handle = handle_key_make(session->handle, &session->first_key, &key);
    if (!*handle) {
        free(*run);
        return SDR_NOBUFFER;
    }
    key->run = *run;
    return SDR_OK;
}

static void unmake(struct sdf_session *session, void *handle)
{
    struct handle_key *key = handle_key_find(handle, session->handle);
    if (!key)
        return;
    hash_handle_gone(key);
    handle_key_drop(handle, session->handle, &session->first_key);
}

static struct digest_run *find(struct sdf_session *session, void *handle)
{
    struct handle_key *key = handle_key_find(handle, session->handle);
    return key ? key->run : NULL;
}

/* Gives the handle where all went well. */
static int made(struct sdf_session *session, void *handle, void **out, uint32_t status)
{
    if (status == SDR_OK)
        *out = handle;
    else
        unmake(session, handle);
    return session_leave(session, status);
}

int cardmux_hash_open(void *session_handle, unsigned int alg, const ECCrefPublicKey *key, const unsigned char *id,
                      unsigned int id_len, void **hash)
{
    struct sdf_session *session = session_enter(session_handle);
    struct digest_run *run;
    void *handle;
    if (!session)
        return SDR_INARGERR;
    if (!hash)
        return session_leave(session, SDR_OUTARGERR);
    uint32_t status = make(session, &handle, &run);
    if (status != SDR_OK)
        return session_leave(session, status);
    return made(session, handle, hash, hash_begin(session, run, alg, key, id, id_len));
}

int cardmux_hmac_open(void *session_handle, void *key, unsigned int alg, void **hash)
{
    struct sdf_session *session = session_enter(session_handle);
    struct digest_run *run;
    void *handle;
    if (!session)
        return SDR_INARGERR;
    if (!hash)
        return session_leave(session, SDR_OUTARGERR);
    uint32_t status = make(session, &handle, &run);
    if (status != SDR_OK)
        return session_leave(session, status);
    return made(session, handle, hash, hmac_begin(session, run, key, alg));
}

static uint32_t copy(struct sdf_session *session, const struct digest_run *from, struct digest_run *to)
{
    uint8_t *buffer = NULL;
    if (from->buffer) {
        buffer = malloc(CM_SLOT_SIZE);
        if (!buffer)
            return SDR_NOBUFFER;
        memcpy(buffer, from->buffer, from->fill);
    }
    *to = *from;
    to->buffer = buffer;
    if (from->state != RUN_RUNNING)
        return SDR_OK;
    struct call call = {.op = CM_OP_STATE_COPY, .arg = from->number};
    uint32_t status = session_call(session, &call);
    to->number = call.value;
    if (status != SDR_OK)
        run_drop(to); /* and the buffer goes with its handle */
    return status;
}

int cardmux_hash_clone(void *session_handle, void *hash, void **clone)
{
    struct sdf_session *session = session_enter(session_handle);
    struct digest_run *run;
    void *handle;
    if (!session)
        return SDR_INARGERR;
    struct digest_run *from = hash ? find(session, hash) : &session->hash;
    if (!from)
        return session_leave(session, SDR_INARGERR);
    if (!clone)
        return session_leave(session, SDR_OUTARGERR);
    uint32_t status = run_ready(session, from);
    if (status == SDR_OK)
        status = make(session, &handle, &run);
    if (status != SDR_OK)
        return session_leave(session, status);
    return made(session, handle, clone, copy(session, from, run));
}

int cardmux_hash_update(void *session_handle, void *hash, const unsigned char *data, unsigned int len)
{
    struct sdf_session *session = session_enter(session_handle);
    if (!session)
        return SDR_INARGERR;
    struct digest_run *run = find(session, hash);
    return session_leave(session, run ? run_update(session, run, data, len) : SDR_INARGERR);
}

int cardmux_hash_final(void *session_handle, void *hash, unsigned char *digest, unsigned int *digest_len)
{
    struct sdf_session *session = session_enter(session_handle);
    if (!session)
        return SDR_INARGERR;
    struct digest_run *run = find(session, hash);
    uint32_t status = run ? run_end(session, run, digest, digest_len) : SDR_INARGERR;
    if (status == SDR_OK && digest)
        unmake(session, hash);
    return session_leave(session, status);
}

int cardmux_hash_close(void *session_handle, void *hash)
{
    struct sdf_session *session = session_enter(session_handle);
    if (!session)
        return SDR_INARGERR;
    struct digest_run *run = find(session, hash);
    if (!run)
        return session_leave(session, SDR_INARGERR);
    run_abandon(session, run);
    unmake(session, hash);
    return session_leave(session, SDR_OK);
}

static void text_copy(char *to, size_t room, const char *from, size_t len)
{
    size_t used = strnlen(from, len);
    if (used >= room)
        used = room - 1;
    memset(to, 0, room);
    memcpy(to, from, used);
}

static void info_fill(const struct cm_info *wire, const char *reach, struct cardmux_card_info *info)
{
    text_copy(info->tenant, sizeof info->tenant, wire->tenant, sizeof wire->tenant);
    text_copy(info->card, sizeof info->card, wire->card, sizeof wire->card);
    text_copy(info->issuer, sizeof info->issuer, wire->issuer, sizeof wire->issuer);
    text_copy(info->reach, sizeof info->reach, reach, sizeof info->reach);
    info->max_sessions = wire->max_sessions;
    info->sessions = wire->sessions;
    info->max_handles = wire->max_handles;
    info->handles = wire->handles;
    info->weight = wire->weight;
    info->debug = wire->flags & CM_INFO_DEBUG ? 1 : 0;
    info->slots = CM_SLOTS;
    info->slot_size = CM_SLOT_SIZE;
    info->operations = wire->operations;
}

int cardmux_card_info(void *session_handle, struct cardmux_card_info *info)
{
    struct sdf_session *session = session_enter(session_handle);
    struct cm_info wire;
    if (!session)
        return SDR_INARGERR;
    if (!info || info->size != sizeof *info)
        return session_leave(session, info ? SDR_INARGERR : SDR_OUTARGERR);
    struct call call = {.op = CM_OP_TENANT_INFO};
    uint32_t status = session_call_expect(session, &call, sizeof wire, 0);
    if (status == SDR_OK) {
        memcpy(&wire, call.param_out, sizeof wire);
        info_fill(&wire, session_reach(session), info);
    }
    return session_leave(session, status);
}
