/* SPDX-License-Identifier: Apache-2.0 */
/* master_make.h: a new master key in the form that is wished for, by init and by restoring a backup. */
#ifndef CARDMUX_CLI_MASTER_MAKE_H
#define CARDMUX_CLI_MASTER_MAKE_H

#include "backend/main/broker_entry.h"
#include "backend/vault/master_key.h"
#include "cli/command.h"

struct master_wish {
    enum master_form form;
    const char *passphrase_file;        /* MASTER_PASSPHRASE: "-" is standard input, or the terminal */
    const struct daemon_config *daemon; /* where the card is */
};

#define MASTER_WISH_OPTIONS                                                                                            \
    {"passphrase", no_argument, NULL, 'p'}, {"passphrase-file", required_argument, NULL, 'P'},                         \
    {                                                                                                                  \
        "card-held", no_argument, NULL, 'C'                                                                            \
    }

/* False: another option than those. The last one counts, but that --passphrase after --passphrase-file changes nothing.
 */
bool master_wish_option(struct master_wish *wish, int option, const char *value);

/* Makes the file, or (VAULT_EXISTS) opens the one that an attempt before left; key has VAULT_MASTER_KEY bytes of locked
   memory. Other results: error[VAULT_ERROR_TEXT] says why, and nothing was made. */
enum vault_result master_make(const struct cli *cli, const char *path, const struct master_wish *wish, uint8_t *key,
                              char *error);
/* The same of a file that must be there, whatever its form; asks for what it needs. prompt: for a passphrase. */
enum vault_result master_open(const struct cli *cli, const char *path, const struct master_wish *wish,
                              const char *prompt, uint8_t *key, char *error);
/* "", ", sealed with the passphrase", ", sealed by the card". */
const char *master_words(enum master_form form);

#endif
