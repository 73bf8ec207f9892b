/* SPDX-License-Identifier: Apache-2.0 */
/* populate.h: makes a vault with the tenants and keys that the tests expect (harness.h says which). Exits on failure.
 */
#ifndef WIRE_POPULATE_H
#define WIRE_POPULATE_H

#include <stdint.h>

void populate(const char *state_dir, const uint8_t *master, unsigned tenants);

#endif
