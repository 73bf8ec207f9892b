/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_link.h: the synchronous calls of frontend/client/call.h answered in process by libcrypto, for unit tests of
 * libsdf. It is as strict as the gate (lengths, unused fields) and follows call.h's rules about restarts. Its tenant is
 * the one that tests/clients/sdf_cases.c expects.
 */
#ifndef CARDMUX_TESTS_FAKE_LINK_H
#define CARDMUX_TESTS_FAKE_LINK_H

#include <stdint.h>
#include "frontend/client/call.h"

void fake_restart(void);                                /* the back end is replaced: what sessions held is lost */
void fake_fail(uint16_t op, uint32_t status, int skip); /* the next call of op after `skip` of them fails; once */
uint64_t fake_count(uint16_t op);                       /* calls of op that reached the back end */
/* Are keys in clear allowed to the tenant? At first they are. */
void fake_debug(bool allowed);
int fake_links(void); /* link_get minus link_put */
int fake_sessions(void);
int fake_keys(void);

#endif
