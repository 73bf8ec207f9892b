/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CARDMUX_TEST_FAKE_EXPORT_H
#define CARDMUX_TEST_FAKE_EXPORT_H

#include <stdbool.h>
#include "frontend/client/call.h"

bool fake_export_has(uint16_t op);
uint32_t fake_export(struct call *call, const uint8_t *key, size_t len);

#endif
