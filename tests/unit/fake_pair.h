/* SPDX-License-Identifier: Apache-2.0 */
/* fake_pair.h: enveloped pairs for fake_link.c, opened by the judges of tests/clients. */
#ifndef CARDMUX_TESTS_FAKE_PAIR_H
#define CARDMUX_TESTS_FAKE_PAIR_H

#include "frontend/client/call.h"

/* Opens what the call brings with the signing number, and sets the encrypting pair. */
uint32_t fake_pair_import(const struct call *call, const uint8_t sign[32], uint8_t d[32], uint8_t point[64]);

#endif
