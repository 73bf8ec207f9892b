/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h: devices and sessions of this process, and how every SDF function enters and leaves one.
 *
 * A device handle is one count on the process's link and owns the sessions opened through it. A session is a mutex
 * around one session of the client (frontend/client/call.h), its key handles and its running hash.
 * Lock order: session lock, then device lock, then the handle table's. No lock but the session's is held over a call
 * to the back end.
 *
 * After a restart of the back end that lost what a session held, session_run answers SDR_COMMFAIL once and counts the
 * session's incarnation up. Here, keys and a running hash remember the incarnation in which they were made: the call
 * that finds out is sent with the old number (session_run turns it down), later ones are answered here:
 * SDR_KEYNOTEXIST for a key, SDR_STEPERR for a hash. A call that needs nothing may have counted the incarnation up
 * without a word, so the first old thing asked for after it sends a call that cannot succeed, to collect the one
 * SDR_COMMFAIL.
 */
#ifndef CARDMUX_SDF_SESSION_H
#define CARDMUX_SDF_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "cardmux/sdf.h"
#include "frontend/client/call.h"
#include "frontend/sdf/handle.h"

struct sdf_device;

enum hash_state {
    HASH_NONE,     /* no HashInit, or it ended */
    HASH_BUFFERED, /* the back end knows nothing of it yet: survives a restart */
    HASH_RUNNING   /* HASH_INIT was sent */
};

struct hash_run {
    enum hash_state state;
    uint32_t alg; /* the wire's numbering */
    uint32_t incarnation;
    size_t fill;
    uint8_t *buffer; /* CM_SLOT_SIZE bytes, made with the first update, wiped when a hash ends */
};

struct sdf_session {
    pthread_mutex_t lock;
    struct session *wire;
    void *handle;
    uint32_t first_key;      /* see handle.h */
    uint32_t loss_collected; /* incarnation in which session_loss has asked; 0: none */
    struct hash_run hash;
    struct sdf_device *device;
    struct sdf_session *next, *prev; /* in its device, under the device's lock */
    bool listed;
};

/* Pins and locks the session; NULL: the caller answers SDR_INARGERR. */
struct sdf_session *session_enter(void *handle);
/* Unlocks and unpins; returns status, as every SDF function does. */
int session_leave(struct sdf_session *session, uint32_t status);

/* One call; returns its status. */
uint32_t session_call(struct sdf_session *session, struct call *call);
/* One call that must have given these lengths; anything else is SDR_COMMFAIL. */
uint32_t session_call_expect(struct sdf_session *session, struct call *call, size_t param_len, size_t data_len);

/* Something of an older incarnation was asked for: SDR_COMMFAIL where nobody has been told of the loss, else
   `otherwise`. */
uint32_t session_loss(struct sdf_session *session, uint32_t otherwise);

/* The back end's number of a key: SDR_INARGERR where handle is none of this session's keys, what session_loss
   says (else SDR_KEYNOTEXIST) where the key was lost with an earlier incarnation. */
uint32_t session_key(struct sdf_session *session, void *handle, uint32_t *number);

/* hash.c: ends the running hash, wipes; release also frees the buffer. */
void hash_drop(struct hash_run *hash);
void hash_release(struct hash_run *hash);

#endif
