/* SPDX-License-Identifier: Apache-2.0 */
/* range.h: the one form in which a range is tested against a size. It cannot overflow. */
#ifndef CARDMUX_PROTO_RANGE_H
#define CARDMUX_PROTO_RANGE_H

#include <stdbool.h>
#include <stdint.h>

static inline bool range_ok(uint64_t off, uint64_t len, uint64_t size)
{
    return off <= size && len <= size - off;
}

#endif
