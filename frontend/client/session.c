/* SPDX-License-Identifier: Apache-2.0 */
/* session.c: SDF sessions and what becomes of them when the broker is replaced; rules in call.h. */
#include <stdlib.h>
#include <string.h>

#include "cardmux/sdf.h"
#include "frontend/client/link.h"

#define TRIES 64 /* replaced brokers that one call survives */

struct session {
    struct link *link;
    uint32_t remote;
    uint32_t attach; /* the attachment in which `remote` is valid; 0: none */
    uint32_t incarnation;
    bool holds; /* a right, handle or running state */
    bool lost;  /* held something; the caller has not been told yet */
};

static uint32_t remote_open(struct session *session)
{
    for (unsigned i = 0; i < TRIES; i++) {
        uint32_t attach;
        uint32_t status = link_recover(session->link, &attach);
        if (status != SDR_OK)
            return status;
        struct call call = {.op = CM_OP_SESSION_OPEN, .status = CALL_PENDING};
        status = link_run(session->link, attach, 0, &call, 1);
        if (status == LINK_STALE)
            continue;
        if (status != SDR_OK || call.status != SDR_OK)
            return status != SDR_OK ? status : call.status;
        session->remote = call.value;
        session->attach = attach;
        return SDR_OK;
    }
    return SDR_COMMFAIL;
}

/* The caller learns of the loss by this very call: not again by the next one. */
static void loss_told(struct session *session)
{
    session->holds = session->lost = false;
    session->attach = 0;
    session->incarnation++;
}

static uint32_t session_prepare(struct session *session, const struct cm_op_info *info)
{
    if (!link_current(session->link, session->attach)) {
        if (session->holds) {
            session->holds = false;
            session->lost = true;
            session->incarnation++;
        }
        session->attach = 0;
        uint32_t status = remote_open(session);
        if (status != SDR_OK)
            return status;
    }
    if (session->lost && info->traits & T_NEEDS) {
        session->lost = false;
        return SDR_COMMFAIL;
    }
    return SDR_OK;
}

uint32_t session_open(struct link *link, struct session **out)
{
    if (link->forked)
        return SDR_INARGERR;
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return SDR_NOBUFFER;
    session->link = link;
    session->incarnation = 1;
    uint32_t attach = atomic_load(&link->attach);
    uint32_t status = SDR_COMMFAIL;
    if (link_current(link, attach)) { /* the common case takes no lock but those of the call */
        struct call call = {.op = CM_OP_SESSION_OPEN, .status = CALL_PENDING};
        status = link_run(link, attach, 0, &call, 1);
        if (status == SDR_OK && (status = call.status) == SDR_OK) {
            session->remote = call.value;
            session->attach = attach;
        }
    } else {
        status = LINK_STALE;
    }
    if (status == LINK_STALE)
        status = remote_open(session);
    if (status != SDR_OK) {
        free(session);
        return status;
    }
    *out = session;
    return SDR_OK;
}

void session_close(struct session *session)
{
    if (!session->link->forked && link_current(session->link, session->attach)) {
        struct call call = {.op = CM_OP_SESSION_CLOSE, .status = CALL_PENDING};
        link_run(session->link, session->attach, session->remote, &call, 1);
    }
    free(session);
}

struct link *session_link(struct session *session)
{
    return session->link;
}

uint32_t session_incarnation(const struct session *session)
{
    return session->incarnation;
}

/* After the broker was replaced: what may not be sent again ends here. */
static void settle_unrepeatable(struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (calls[i].status == CALL_PENDING && !(cm_op_info(calls[i].op)->traits & T_REPEAT))
            calls[i].status = SDR_COMMFAIL;
}

static uint32_t first_failure(const struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (calls[i].status != SDR_OK)
            return calls[i].status;
    return SDR_OK;
}

/* Ends what is still pending with `status`, which is returned. */
static uint32_t settle_all(struct call *calls, size_t n, uint32_t status)
{
    for (size_t i = 0; i < n; i++)
        if (calls[i].status == CALL_PENDING)
            calls[i].status = status;
    return status;
}

uint32_t session_run(struct session *session, struct call *calls, size_t n)
{
    if (session->link->forked)
        return SDR_INARGERR;
    uint16_t traits = 0;
    for (size_t i = 0; i < n; i++) {
        const struct cm_op_info *info = cm_op_info(calls[i].op);
        if (!info || calls[i].param_len > CM_PARAM_SIZE || calls[i].data_len > CM_SLOT_SIZE)
            return SDR_INARGERR;
        traits |= info->traits;
        calls[i].status = CALL_PENDING;
    }
    struct cm_op_info all = {.traits = traits};
    for (unsigned tries = 0; tries < TRIES; tries++) {
        uint32_t status = session_prepare(session, &all);
        if (status != SDR_OK)
            return settle_all(calls, n, status);
        status = link_run(session->link, session->attach, session->remote, calls, n);
        if (status == LINK_STALE) {
            settle_unrepeatable(calls, n);
            if (first_failure(calls, n) == CALL_PENDING)
                continue;
            status = settle_all(calls, n, first_failure(calls, n)); /* answered, though by a broker that is gone */
            session->holds |= traits & T_MAKES && status == SDR_OK;
            if (status == SDR_COMMFAIL)
                loss_told(session);
            return status;
        }
        if (status != SDR_OK) {
            if (!link_current(session->link, session->attach))
                loss_told(session);
            return settle_all(calls, n, status);
        }
        status = first_failure(calls, n);
        session->holds |= traits & T_MAKES && status == SDR_OK;
        return status;
    }
    return settle_all(calls, n, SDR_COMMFAIL);
}
