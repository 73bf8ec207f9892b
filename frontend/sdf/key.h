/* SPDX-License-Identifier: Apache-2.0 */
/* key.h: what the functions that make session keys share (key.c). */
#ifndef CARDMUX_SDF_KEY_H
#define CARDMUX_SDF_KEY_H

#include "frontend/sdf/session.h"

/* Runs a call that makes a key and puts the key behind a new handle. */
uint32_t key_make(struct sdf_session *session, struct call *call, void **handle);

#endif
