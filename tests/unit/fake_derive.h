/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CARDMUX_TEST_FAKE_DERIVE_H
#define CARDMUX_TEST_FAKE_DERIVE_H

#include <stdbool.h>
#include "frontend/client/call.h"
#include "proto/derive.h"

/* What a derivation gave that is to become keys: of no bytes where none is wanted. */
struct fake_made {
    uint8_t bytes[CM_DERIVE_KEYS][CM_DERIVE_BITS_MAX / 8];
    size_t len[CM_DERIVE_KEYS];
    bool stay; /* else they have left in the call's data */
};

bool fake_derive_has(uint16_t op);
/* param_out is filled but for the handles. */
uint32_t fake_derive(struct call *call, const uint8_t *secret, size_t len, struct fake_made *made);

#endif
