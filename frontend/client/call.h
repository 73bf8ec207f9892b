/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h: what libsdf and the PKCS#11 module see of the client: synchronous calls on sessions, from any thread.
 *
 * One link (queue pair) serves all threads of a process: each call takes a slot, whoever waits first collects
 * completions for the others. What a call does when the back end restarts is decided here, by the traits of the
 * operation table:
 *   - a session that held nothing (no right, handle, running state) is opened again without a word, the call goes on;
 *   - a session that held something is lost: the first call that needs it (T_NEEDS) gets SDR_COMMFAIL, once; after that
 * the session is as new: rights, handles and running states are gone (old handle numbers are never valid again);
 *   - a call in flight is sent again from the caller's buffers if its operation is T_REPEAT, else it ends with
 * SDR_COMMFAIL. Deadline: no call takes longer than the region's deadline_ms without a sign of life of the back end;
 * then SDR_COMMFAIL.
 *
 * Buffers: data and out may be the same (in place), or not overlap. out is written only on SDR_OK, and only after all
 * of this call's data was taken. Nothing is retained after return.
 */
#ifndef CARDMUX_CLIENT_CALL_H
#define CARDMUX_CLIENT_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/layout.h"
#include "proto/ops.h"

struct link;    /* the process's way to its virtual card, counted */
struct session; /* one SDF session */

/* The process's one link, opened on first use; each get is matched by a put. In a forked child it is one whose host
   side is gone: a queue pair of its own is opened with the first call, and to sessions that is a restart. */
uint32_t link_get(struct link **link, char *text, size_t text_size);
void link_put(struct link *link);
const char *link_reach(const struct link *link);

uint32_t session_open(struct link *link, struct session **session);
void session_close(struct session *session); /* frees it here and (unless gone) in the back end */
struct link *session_link(struct session *session);

/* What is run from here on, until the next session_begin, is of one call of the application, and has one deadline: once
   it was used up, what follows is sent (unless it is T_MAKES: it fails) and not waited for. Without session_begin each
   session_run has its own. */
void session_begin(struct session *session);

struct call {
    uint16_t op; /* enum cm_op */
    uint32_t key, alg, arg;
    uint8_t iv[16];
    const void *param;
    size_t param_len;
    const void *data;
    size_t data_len;
    void *out;      /* may be NULL where the operation gives no data */
    size_t out_cap; /* more result than this: SDR_OUTARGERR */
    /* results */
    uint32_t status;
    uint32_t value;
    size_t out_len;
    uint8_t param_out[128];
    size_t param_out_len;
};

/* Runs n calls on one session, all in flight together as far as slots allow; returns the first status that is not
   SDR_OK. Calls after a failed one may or may not have been run. Not for calls that depend on each other. n == 1 is the
   common case. */
uint32_t session_run(struct session *session, struct call *calls, size_t n);

/* A key handle is valid only in the incarnation of the session (it counts up when a lost session is as new again) in
 * which it was made. */
uint32_t session_incarnation(const struct session *session);

#endif
