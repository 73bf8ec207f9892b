/* SPDX-License-Identifier: Apache-2.0 */
/* hostile.h: what the judges of a hostile tenant (raw.h) look at. */
#ifndef WIRE_HOSTILE_H
#define WIRE_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "tests/wire/daemon.h"
#include "tests/wire/raw.h"

/* Management, as an operator would; the answer's body, or exits the program. Valid until the next call. */
const char *manage(const struct daemon *daemon, const char *method, const char *path, const char *body);
/* A number in such an answer, after `name`. */
uint64_t number_in(const char *body, const char *name);

unsigned process_fds(pid_t pid);
uint64_t process_anon_kib(pid_t pid); /* memory of its own, shared regions not counted */

#endif
