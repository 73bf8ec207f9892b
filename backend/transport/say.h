/* SPDX-License-Identifier: Apache-2.0 */
/* say.h: one line for the operator, on standard error (the journal under systemd). Never a secret, never a tenant's
   bytes. */
#ifndef CARDMUX_SAY_H
#define CARDMUX_SAY_H

#include <stdbool.h>
#include <stdint.h>

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For what a peer can cause at will: true at most once in SAY_EVERY_MS for each limit. */
#define SAY_EVERY_MS 5000
struct say_limit {
    uint64_t next_ms;
};
bool say_allowed(struct say_limit *limit);

uint64_t keeper_clock_ms(void); /* CLOCK_MONOTONIC; never 0 */

#endif
