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
    bool begun; /* session_begin is used */
    bool late;  /* the deadline was used up since then */
};

static uint32_t remote_open(struct session *session, uint64_t *since)
{
    for (unsigned i = 0; i < TRIES; i++) {
        uint32_t attach;
        uint32_t status = link_recover(session->link, &attach, since);
        if (status != SDR_OK)
            return status;
        struct call call = {.op = CM_OP_SESSION_OPEN, .status = CALL_PENDING};
        uint64_t waits = *since; /* a session is no headway of the call that needs it */
        status = link_run(session->link, attach, 0, &call, 1, &waits);
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

/* Its broker is gone. */
static void session_detach(struct session *session)
{
    if (session->holds) {
        session->holds = false;
        session->lost = true;
        session->incarnation++;
    }
    session->attach = 0;
}

static uint32_t session_prepare(struct session *session, uint16_t traits, uint64_t *since)
{
    uint32_t status = SDR_OK;
    if (!link_current(session->link, session->attach)) {
        session_detach(session);
        status = remote_open(session, since);
        session->late |= session->begun && status == SDR_COMMFAIL;
    }
    if (session->lost && traits & T_NEEDS && (status == SDR_OK || status == SDR_COMMFAIL)) {
        session->lost = false; /* told, whichever of the two it was */
        return SDR_COMMFAIL;
    }
    return status;
}

uint32_t session_open(struct link *link, struct session **out)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return SDR_NOBUFFER;
    session->link = link;
    session->incarnation = 1;
    uint32_t attach = atomic_load(&link->attach);
    uint64_t since = 0;
    struct call call = {.op = CM_OP_SESSION_OPEN, .status = CALL_PENDING};
    uint32_t status = link_run(link, attach, 0, &call, 1, &since); /* the common case: no lock but the call's */
    if (status == SDR_OK && (status = call.status) == SDR_OK) {
        session->remote = call.value;
        session->attach = attach;
    }
    if (status == LINK_STALE)
        status = remote_open(session, &since);
    if (status != SDR_OK) {
        free(session);
        return status;
    }
    *out = session;
    return SDR_OK;
}

void session_close(struct session *session)
{
    if (link_current(session->link, session->attach)) {
        struct call call = {.op = CM_OP_SESSION_CLOSE, .status = CALL_PENDING};
        /* where nothing is answered it is sent all the same, and costs no deadline of its own */
        uint64_t since = atomic_load(&session->link->silent) ? link_since_over(session->link) : 0;
        link_run(session->link, session->attach, session->remote, &call, 1, &since);
    }
    free(session);
}

void session_begin(struct session *session)
{
    session->begun = true;
    session->late = false;
}

struct link *session_link(struct session *session)
{
    return session->link;
}

uint32_t session_incarnation(const struct session *session)
{
    return session->incarnation;
}

/* After the broker was lost: what was sent and may not be sent again ends here. */
static void settle_unrepeatable(struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (calls[i].status == CALL_LOST)
            calls[i].status = cm_op_info(calls[i].op)->traits & T_REPEAT ? CALL_PENDING : SDR_COMMFAIL;
}

/* Has one of them left something in its session? */
static bool made_something(const struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (calls[i].status == SDR_OK && cm_op_info(calls[i].op)->traits & T_MAKES)
            return true;
    return false;
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
    if (!n)
        return SDR_OK;
    uint16_t traits = 0;
    for (size_t i = 0; i < n; i++) {
        const struct cm_op_info *info = cm_op_info(calls[i].op);
        if (!info || calls[i].param_len > CM_PARAM_SIZE || calls[i].data_len > CM_SLOT_SIZE)
            return SDR_INARGERR;
        traits |= info->traits;
        calls[i].status = CALL_PENDING;
    }
    if (session->late && traits & T_MAKES) /* nobody would ever know what it has made */
        return settle_all(calls, n, SDR_COMMFAIL);
    uint64_t since = session->late ? link_since_over(session->link) : 0;
    for (unsigned tries = 0; tries < TRIES; tries++) {
        uint32_t status = session_prepare(session, traits, &since);
        if (status != SDR_OK)
            return settle_all(calls, n, status);
        status = link_run(session->link, session->attach, session->remote, calls, n, &since);
        if (traits & T_MAKES)
            session->holds |= made_something(calls, n);
        if (status == LINK_STALE) {
            settle_unrepeatable(calls, n);
            uint32_t first = first_failure(calls, n);
            if (first == CALL_PENDING && made_something(calls, n))
                first = SDR_COMMFAIL; /* some of it is gone again */
            if (first == CALL_PENDING) {
                session_detach(session);
                continue;
            }
            if (first == SDR_COMMFAIL)
                loss_told(session);
            return settle_all(calls, n, first); /* answered, though by a broker that is gone */
        }
        if (status != SDR_OK) {
            session->late = session->begun;
            if (!link_current(session->link, session->attach))
                loss_told(session);
            return settle_all(calls, n, status);
        }
        return first_failure(calls, n);
    }
    return settle_all(calls, n, SDR_COMMFAIL);
}
