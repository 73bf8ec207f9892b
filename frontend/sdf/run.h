/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h: a running hash, HMAC or MAC, of which a session has one each, and more behind handles of sdf_ext.h.
 *
 * Up to one slot of input is kept here. If that was all, the end sends it as one operation: one crossing, nothing held
 * in the back end, safe to send again after a restart. The first byte beyond it, or a signer's id (whose errors belong
 * to SDF_HashInit), starts a state in the back end, fed with full slots. A block cipher's MAC needs none: it chains
 * through its IV.
 *
 *   RUN_NONE      an update or an end is SDR_STEPERR
 *   RUN_BUFFERED  begun
 *   RUN_RUNNING   begun with an id; or an update beyond a slot
 *
 * Any failure of the back end ends the run: what it took in is then unknown.
 */
#ifndef CARDMUX_SDF_RUN_H
#define CARDMUX_SDF_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sdf_session;

enum run_state {
    RUN_NONE,
    RUN_BUFFERED, /* the back end knows nothing of it yet: a hash survives a restart so */
    RUN_RUNNING
};

enum run_kind {
    RUN_HASH,
    RUN_HMAC,
    RUN_MAC
};

struct digest_run {
    enum run_state state;
    enum run_kind kind;
    uint32_t alg;    /* the wire's numbering */
    uint32_t key;    /* the back end's number; HMAC and MAC */
    uint32_t number; /* of the state in the back end */
    uint32_t incarnation;
    uint32_t out_len;
    bool fed; /* MAC: something was sent */
    uint8_t iv[16];
    size_t fill;
    uint8_t *buffer; /* CM_SLOT_SIZE bytes, made with the first update, wiped when a run ends */
};

/* Ends it here; release also frees the buffer. */
void run_drop(struct digest_run *run);
void run_release(struct digest_run *run);
/* Ends it here and in the back end. */
void run_abandon(struct sdf_session *session, struct digest_run *run);
/* From RUN_NONE to RUN_BUFFERED; alg, key, out_len, iv are set by the caller after it. */
void run_begin(struct sdf_session *session, struct digest_run *run, enum run_kind kind);
/* A hash with an id, in the back end at once. */
uint32_t run_begin_id(struct sdf_session *session, struct digest_run *run, const uint8_t *point, const uint8_t *id,
                      uint32_t id_len);
/* SDR_OK where there is something to go on with. */
uint32_t run_ready(struct sdf_session *session, struct digest_run *run);
/* The whole of an SDF function of update and end, after the session was entered: arguments are checked. */
uint32_t run_update(struct sdf_session *session, struct digest_run *run, const uint8_t *data, uint32_t len);
uint32_t run_end(struct sdf_session *session, struct digest_run *run, uint8_t *out, uint32_t *out_len);

#endif
