/* SPDX-License-Identifier: Apache-2.0 */
/* secret_file.h: passphrases and access codes that stand in files of their own, and where a card's key is. */
#ifndef CARDMUX_SECRET_FILE_H
#define CARDMUX_SECRET_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "backend/main/broker_entry.h"
#include "backend/vault/master_card.h"

#define SECRET_FILE_TEXT 512u

/* To the end, or of a terminal to the end of the line; one newline at the end does not count. -1: longer than most, or
   not readable. out has room for most + 1 bytes. */
ssize_t secret_fd_read(int fd, bool line, uint8_t *out, size_t most);
/* The same from a file that nobody else may read. what: "passphrase". -1: text[SECRET_FILE_TEXT] says why. */
ssize_t secret_file_read(const char *path, const char *what, uint8_t *out, size_t most, char *text);

/* What the configuration says of the card that holds the master key, and its access code: from [daemon]
   master-key-code-file, else systemd's credential cardmux-card-code, else none. To be wiped. -1: text says why. */
int master_place_find(const struct daemon_config *daemon, struct master_place *place, char *text);

#endif
