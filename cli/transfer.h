/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer.h: sealed files between the operator and the daemon, which writes and reads them in its state directory
 * only, and keys as 64 hexadecimal digits.
 */
#ifndef CARDMUX_CLI_TRANSFER_H
#define CARDMUX_CLI_TRANSFER_H

#include "cli/command.h"

#define KEY_BYTES 32u
#define NAME_TEXT 33u

/* The state directory: given, or of the configuration (NULL: the default file). The caller frees; NULL: said why. */
char *state_find(const struct cli *cli, const char *config, const char *state);

bool key_parse(const char *text, unsigned char key[KEY_BYTES]);
void key_print(const char *what, const unsigned char key[KEY_BYTES]);

/* A name for a transfer: random. */
bool transfer_name(const struct cli *cli, char name[NAME_TEXT]);
/* What the daemon wrote under that name, to path, which must not be there; then it is gone from the state directory. */
bool transfer_fetch(const struct cli *cli, const char *state, const char *name, const char *path);
/* The other way round; transfer_drop removes it again. */
bool transfer_give(const struct cli *cli, const char *state, const char *name, const char *path);
void transfer_drop(const char *state, const char *name);

/* cardmux tenant export|import, whose arguments start behind the verb. */
enum cli_status tenant_export(struct cli *cli, int argc, char **argv);
enum cli_status tenant_import(struct cli *cli, int argc, char **argv);

#endif
