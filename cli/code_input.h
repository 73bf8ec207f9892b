/* SPDX-License-Identifier: Apache-2.0 */
/* code_input.h: access codes, from a file, from standard input or typed twice without echo; never from argv. */
#ifndef CARDMUX_CLI_CODE_INPUT_H
#define CARDMUX_CLI_CODE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include "cli/command.h"

#define CODE_INPUT_MAX 256u

/* file "-": standard input; if that is a terminal, asks twice. One newline at the end is not part of the code. The
 * caller wipes code (CODE_INPUT_MAX + 1 bytes, NUL-terminated). False: said why. */
bool code_read(const struct cli *cli, const char *file, char *code);
/* The same for another secret; prompt: "New passphrase"; twice: a new one, to be typed twice. */
bool secret_read(const struct cli *cli, const char *prompt, const char *file, bool twice, char *code);
bool secret_random(void *bytes, size_t len); /* of the kernel */

#endif
