/* SPDX-License-Identifier: Apache-2.0 */
/* ops_key.h: what the handlers of keys (ops_key.c, ops_asym.c) share. */
#ifndef CARDMUX_BROKER_OPS_KEY_H
#define CARDMUX_BROKER_OPS_KEY_H

#include "backend/broker/broker.h"

#define WHICH_SIGN    0u
#define WHICH_ENCRYPT 1u

/* The pair of that kind at the index that the submission names; NULL: refused, or the key is not in the card yet:
   return STEP_DONE, and the handler is called again with the key there (keycache.h). So nothing that must not be done
   twice comes before. */
struct keypair *find_pair_at(struct job *job, enum vault_key_kind kind, uint32_t index);
struct keypair *find_pair(struct job *job, enum vault_key_kind kind);
/* The same where the session may use its private half. */
struct keypair *find_own_pair(struct job *job, enum vault_key_kind kind);

/* rights.c: has no access code, where the tenant's policy demands one. */
bool lacks_code(const struct job *job, bool has_code);

/* Handlers of signatures end with one of these, once the operation's own is checked or set: a digest (parameters) under
   the pair of that kind at the submission's index; point, digest and signature (parameters). */
enum step sign_with_own(struct job *job, enum vault_key_kind kind);
enum step verify_under_point(struct job *job);

/* A length that a session key can have? */
bool session_key_bits_ok(uint32_t bits);

/* Results of up to JOB_BYTES go where? */
/* For what the policy's columns of the operation table cannot say: is this class denied to the tenant too? */
bool class_denied(const struct job *job, enum cm_class class);
void result_in_data(struct job *job);
void result_in_param(struct job *job);

/* The card's work on a worker's thread: for STEP_WORK. */
enum step on_worker(struct job *job);

#endif
