/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "frontend/sdf/session.h"

#define BLOCK 16u

void run_drop(struct digest_run *run)
{
    if (run->fill)
        explicit_bzero(run->buffer, run->fill);
    explicit_bzero(run->iv, sizeof run->iv);
    run->fill = 0;
    run->state = RUN_NONE;
}

void run_release(struct digest_run *run)
{
    run_drop(run);
    free(run->buffer);
    run->buffer = NULL;
}

void run_abandon(struct sdf_session *session, struct digest_run *run)
{
    if (run->state == RUN_RUNNING && run->incarnation == session_incarnation(session->wire)) {
        struct call call = {.op = CM_OP_STATE_FREE, .arg = run->number};
        session_call(session, &call);
    }
    run_drop(run);
}

void run_begin(struct sdf_session *session, struct digest_run *run, enum run_kind kind)
{
    run->kind = kind;
    run->state = RUN_BUFFERED;
    run->fed = false;
    run->incarnation = session_incarnation(session->wire);
}

static uint32_t start_call(struct sdf_session *session, struct digest_run *run, struct call *call)
{
    uint32_t status = session_call(session, call);
    if (status == SDR_OK) {
        run->state = RUN_RUNNING;
        run->number = call->value;
        run->incarnation = session_incarnation(session->wire);
    }
    return status;
}

uint32_t run_begin_id(struct sdf_session *session, struct digest_run *run, const uint8_t *point, const uint8_t *id,
                      uint32_t id_len)
{
    struct call call = {
        .op = CM_OP_STATE_HASH, .alg = run->alg, .param = point, .param_len = 64, .data = id, .data_len = id_len};
    run->kind = RUN_HASH;
    return start_call(session, run, &call);
}

static uint32_t start(struct sdf_session *session, struct digest_run *run)
{
    struct call call = {.op = CM_OP_STATE_HASH, .alg = run->alg};
    if (run->kind == RUN_HMAC)
        call = (struct call){.op = CM_OP_STATE_MAC, .key = run->key, .alg = run->alg};
    return start_call(session, run, &call);
}

static uint32_t send(struct sdf_session *session, struct digest_run *run, const uint8_t *data, size_t len)
{
    if (run->kind != RUN_MAC) {
        struct call call = {.op = CM_OP_STATE_UPDATE, .arg = run->number, .data = data, .data_len = len};
        return session_call(session, &call);
    }
    struct call call = {.op = CM_OP_MAC, .key = run->key, .alg = run->alg, .data = data, .data_len = len};
    memcpy(call.iv, run->iv, BLOCK);
    uint32_t status = session_call_expect(session, &call, BLOCK, 0);
    memcpy(run->iv, call.iv, BLOCK);
    run->fed = true;
    return status;
}

/* Sends what is buffered, starting over there if need be. */
static uint32_t flush(struct sdf_session *session, struct digest_run *run)
{
    uint32_t status = SDR_OK;
    if (run->state == RUN_BUFFERED && run->kind != RUN_MAC)
        status = start(session, run);
    if (status == SDR_OK && run->fill > 0) {
        status = send(session, run, run->buffer, run->fill);
        explicit_bzero(run->buffer, run->fill);
        run->fill = 0;
    }
    return status;
}

static void keep(struct digest_run *run, const uint8_t *data, size_t len)
{
    memcpy(run->buffer + run->fill, data, len);
    run->fill += len;
}

static uint32_t take_in(struct sdf_session *session, struct digest_run *run, const uint8_t *data, size_t len)
{
    if (len > CM_SLOT_SIZE - run->fill) {
        /* a started buffer is filled up and sent; then full slots go straight from the caller's memory */
        if (run->fill > 0) {
            size_t part = CM_SLOT_SIZE - run->fill;
            keep(run, data, part);
            data += part;
            len -= part;
        }
        uint32_t status = flush(session, run);
        for (; status == SDR_OK && len > CM_SLOT_SIZE; data += CM_SLOT_SIZE, len -= CM_SLOT_SIZE)
            status = send(session, run, data, CM_SLOT_SIZE);
        if (status != SDR_OK)
            return status;
    }
    keep(run, data, len);
    return SDR_OK;
}

uint32_t run_ready(struct sdf_session *session, struct digest_run *run)
{
    bool needs = run->state == RUN_RUNNING || (run->state == RUN_BUFFERED && run->kind != RUN_HASH);
    if (needs && run->incarnation != session_incarnation(session->wire)) {
        run_drop(run);
        return session_loss(session, SDR_STEPERR);
    }
    return run->state == RUN_NONE ? SDR_STEPERR : SDR_OK;
}

uint32_t run_update(struct sdf_session *session, struct digest_run *run, const uint8_t *data, uint32_t len)
{
    uint32_t status = run_ready(session, run);
    if (status != SDR_OK || len == 0)
        return status;
    if (!data)
        return SDR_INARGERR;
    if (!run->buffer)
        run->buffer = malloc(CM_SLOT_SIZE);
    status = run->buffer ? take_in(session, run, data, len) : SDR_NOBUFFER;
    if (status != SDR_OK)
        run_drop(run);
    return status;
}

/* What is kept here was all. */
static uint32_t end_at_once(struct sdf_session *session, struct digest_run *run, uint8_t *out)
{
    struct call call = {.op = run->kind == RUN_HASH ? CM_OP_HASH : CM_OP_MAC,
                        .key = run->kind == RUN_HASH ? 0 : run->key,
                        .alg = run->alg,
                        .data = run->buffer,
                        .data_len = run->fill};
    uint32_t status = session_call_expect(session, &call, run->out_len, 0);
    if (status == SDR_OK)
        memcpy(out, call.param_out, run->out_len);
    return status;
}

static uint32_t end_chain(struct sdf_session *session, struct digest_run *run, uint8_t *out)
{
    uint32_t status = flush(session, run);
    if (status == SDR_OK)
        memcpy(out, run->iv, BLOCK);
    return status;
}

static uint32_t end_running(struct sdf_session *session, struct digest_run *run, uint8_t *out)
{
    struct call call = {.op = CM_OP_STATE_FINAL, .arg = run->number};
    uint32_t status = flush(session, run);
    if (status == SDR_OK)
        status = session_call_expect(session, &call, run->out_len, 0);
    if (status == SDR_OK)
        memcpy(out, call.param_out, run->out_len);
    return status;
}

uint32_t run_end(struct sdf_session *session, struct digest_run *run, uint8_t *out, uint32_t *out_len)
{
    uint32_t status = run_ready(session, run);
    if (status != SDR_OK)
        return status;
    if (!out_len)
        return SDR_OUTARGERR;
    if (run->kind == RUN_MAC && (run->fill % BLOCK != 0 || (!run->fed && run->fill == 0)))
        return SDR_INARGERR; /* it goes on: more may come */
    uint32_t len = run->out_len;
    if (out) {
        if (run->kind == RUN_MAC)
            status = end_chain(session, run, out);
        else
            status = run->state == RUN_BUFFERED ? end_at_once(session, run, out) : end_running(session, run, out);
        run_drop(run);
    }
    if (status == SDR_OK)
        *out_len = len;
    return status;
}
