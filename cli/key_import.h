/* SPDX-License-Identifier: Apache-2.0 */
/* key_import.h: keys from files into envelopes to a tenant's device key, for `cardmux key import`. */
#ifndef CARDMUX_CLI_KEY_IMPORT_H
#define CARDMUX_CLI_KEY_IMPORT_H

#include <jansson.h>
#include "backend/vault/vault.h"
#include "cli/command.h"

struct key_files {
    const char *sign, *encrypt, *key; /* paths, one of them may be "-": standard input */
    bool enveloped;                   /* they hold envelopes already */
};

/* Puts the envelopes into body, as docs/api.md has them. device: the public key of the tenant's key 0, 128 hexadecimal
 * digits; not looked at where the files are enveloped. False: said why. What was read in clear is wiped. */
bool key_import_fill(const struct cli *cli, enum vault_key_kind kind, const struct key_files *files, const char *device,
                     json_t *body);

#endif
