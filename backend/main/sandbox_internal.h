/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox_internal.h: shared by sandbox*.c. */
#ifndef CARDMUX_SANDBOX_INTERNAL_H
#define CARDMUX_SANDBOX_INTERNAL_H

#define SANDBOX_TEXT 256u

/* Landlock: from here on this thread and what it starts see no file but those below dir. 1: done; 0: the kernel has no
   Landlock; -1: failed, errno. no_new_privs is set already. */
int sandbox_landlock(const char *dir);

#endif
