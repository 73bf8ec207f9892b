/* SPDX-License-Identifier: Apache-2.0 */
/* busy.h: programs of others that want the machine's cores, as every real host has them: processes that only compute. */
#ifndef CARDMUX_BENCH_BUSY_H
#define CARDMUX_BENCH_BUSY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define BUSY_MAX 16u

struct busy {
    uint32_t count;
    pid_t pids[BUSY_MAX];
};

/* Starts n <= BUSY_MAX of them, at the caller's priority; they end with busy_stop, or with the caller. False: no
   process; those that were started are the caller's to stop. */
bool busy_start(struct busy *busy, uint32_t n);
void busy_stop(struct busy *busy);

#endif
