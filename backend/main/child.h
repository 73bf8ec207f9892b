/* SPDX-License-Identifier: Apache-2.0 */
/* child.h: a process that the keeper forks, and how one is ended. (The one program that it executes is the helper of
   cards/sdf/seal.h.) */
#ifndef CARDMUX_CHILD_H
#define CARDMUX_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * fork(). In the child, before it returns 0: every descriptor but 0-2 and the count ones in keep is closed, signals
 * have their default actions (SIGPIPE and SIGHUP stay ignored) and none is blocked, and the child dies with the keeper.
 */
pid_t child_fork(const int *keep, unsigned count);

/* Describes a wait status: "signal 11 (Segmentation fault)", "status 1". */
const char *child_cause(int status, char *text, size_t size);

/* Waits at most until deadline (keeper_clock_ms) for pid's end, with SIGCHLD blocked. 0: it ended. */
int child_wait(pid_t pid, uint64_t deadline);

/* Ends a child: patience_ms for it to end by itself, then SIGTERM, as long again, then SIGKILL. Returns when it is
 * gone.
 */
void child_end(pid_t pid, unsigned patience_ms);

#endif
