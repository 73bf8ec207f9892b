/* SPDX-License-Identifier: Apache-2.0 */
/* key.h: what the functions that make session keys share (key.c). */
#ifndef CARDMUX_SDF_KEY_H
#define CARDMUX_SDF_KEY_H

#include "frontend/sdf/session.h"

/* A length that a session key can have? */
bool key_bits_ok(uint32_t bits);
/* Runs a call that makes a key and puts the key behind a new handle. */
uint32_t key_make(struct sdf_session *session, struct call *call, void **handle);
/* The same for a call that begins an agreement: its handle is good for session_agreement alone. */
uint32_t agreement_make(struct sdf_session *session, struct call *call, void **handle);
/* What a call that used a KEK answered: the loss of a right that went with the back end is told of. */
uint32_t kek_status(struct sdf_session *session, uint32_t status);
/* The answer to a call that made a key was not what it must be: the key goes again. */
void key_unmake(struct sdf_session *session, void *handle);

#endif
