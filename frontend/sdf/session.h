/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h: devices and sessions of this process, and how every SDF function enters and leaves one.
 *
 * A device handle is one count on the process's link and owns the sessions opened through it. A session is a mutex
 * around one session of the client (frontend/client/call.h), its key handles and what runs over several calls.
 * Lock order: session lock, then that of the lists of sessions, then the handle table's. No lock but the session's is
 * held over a call to the back end.
 *
 * A thread is not cancelled within the library: it would leave with locks, and as the one who sleeps for the others.
 *
 * Fork: servers open the card once and fork their workers, and daemons fork after all is open. So a child has its
 * parent's devices and sessions, on a queue pair of its own from its first call on: to the sessions that is a restart
 * of the back end (below). One that another thread was in the middle of is lost to the child.
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
#include "frontend/sdf/run.h"

struct sdf_device;

/* A key from outside, imported for one operation; number 0: none. */
struct external_key {
    uint32_t number, incarnation;
};

/* Encryption or decryption in several calls (multi.c). */
struct cipher_run {
    bool active, decrypt;
    uint32_t key, alg, incarnation;
    uint8_t iv[16];
    uint32_t block;    /* XTS */
    uint8_t carry[32]; /* what does not fill a block yet; XTS: and a block */
    size_t fill;
    struct external_key external;
};

/* Authenticated encryption or decryption in several calls (aead_multi.c). */
struct aead_run {
    bool active, counted,
        ended; /* counted: the length was said; ended: the tag held, the back end has no state of it */
    uint32_t number, incarnation, tag_len;
    uint8_t tag[16];
    uint64_t total, taken, given; /* bytes */
    uint8_t *plain;               /* [taken], decrypting */
    size_t plain_cap;
};

struct sdf_session {
    pthread_mutex_t lock;
    struct session *wire;
    void *handle;
    uint32_t first_key;      /* see handle.h */
    uint32_t loss_collected; /* incarnation in which session_loss has asked; 0: none */
    struct digest_run hash, mac, hmac;
    struct external_key hmac_external; /* hmac's, if it is one */
    struct cipher_run cipher[2];       /* [decrypt] */
    struct aead_run aead[2];           /* [decrypt] */
    struct sdf_device *device;
    int cancel_state;                /* that the thread in it had before */
    struct sdf_session *next, *prev; /* in its device, under the lock of the lists */
    bool listed;
};

/* Pins and locks the session; NULL: the caller answers SDR_INARGERR. */
struct sdf_session *session_enter(void *handle);
/* Unlocks and unpins; returns status, as every SDF function does. */
int session_leave(struct sdf_session *session, uint32_t status);

/* The name of the way to the host. */
const char *session_reach(const struct sdf_session *session);

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

/* hash.c: begin a run; what ran before ends. */
uint32_t hash_begin(struct sdf_session *session, struct digest_run *run, uint32_t alg, const ECCrefPublicKey *key,
                    const uint8_t *id, uint32_t id_len);
uint32_t hmac_begin(struct sdf_session *session, struct digest_run *run, void *key, uint32_t alg);

/* ext_hash.c: a handle goes. */
void hash_handle_gone(struct handle_key *key);
/* The same for the handle of an agreement; session_key knows none of these, nor this one keys. */
uint32_t session_agreement(struct sdf_session *session, void *handle, uint32_t *number);

/* multi.c. With session NULL the back end is not told: the session ends. */
void cipher_run_drop(struct sdf_session *session, struct cipher_run *run);
/* Makes run active, or says what is wrong with the algorithm or the IV. */
uint32_t cipher_begin(struct sdf_session *session, struct cipher_run *run, uint32_t key, bool decrypt, uint32_t alg,
                      const uint8_t *iv, uint32_t iv_len);
/* aead_multi.c, likewise. */
void aead_run_drop(struct sdf_session *session, struct aead_run *run);
/* external.c: destroys it in the back end; nothing where there is none. */
void session_forget_external(struct sdf_session *session, struct external_key *key);

#endif
