/* SPDX-License-Identifier: Apache-2.0 */
/* keeper.h: see keeper.c. */
#ifndef CARDMUX_KEEPER_H
#define CARDMUX_KEEPER_H

#include "backend/main/config.h"

/* Of the process, where the card refused the access code of the master key: a service manager that tries again by
   itself would lock its index. */
#define KEEPER_CODE_REFUSED 3

/* Serves until SIGTERM or SIGINT (0), or fails at start (1, or KEEPER_CODE_REFUSED, after saying why). ready_fd: -1 or
   where "ready" is written. */
int keeper_run(const struct config *config, int ready_fd);

#endif
