/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h: the configuration file, cardmuxd.conf(5), read once at start.
 *
 * Strict: an unknown section or key, a key given twice, a value out of range or a line that is not INI is an error, and
 * the sentence names file, line, what is wrong and what to write instead. A key that is absent has its default.
 */
#ifndef CARDMUX_CONFIG_H
#define CARDMUX_CONFIG_H

#include <stdbool.h>
#include <stdio.h>
#include "backend/main/broker_entry.h"

#define CONFIG_DEFAULT_FILE  "/etc/cardmux/cardmuxd.conf"
#define CONFIG_DEFAULT_USER  "cardmux"
#define CONFIG_DEFAULT_GROUP "cardmux"
#define CONFIG_TEXT          512u

/* Which names were written by the operator: a missing default user is replaced with a warning, a written one is an
 * error. */
struct config {
    struct daemon_config daemon; /* every string is heap memory, freed by config_free */
    char *
        raw; /* what stood in the file, for its digest; NULL: there was none, or it is not one that can be read twice */
    size_t raw_len;
    bool user_written, group_written, security_group_written, audit_group_written;
};

/* Fills config with the defaults, then with what stands in the file. path NULL: the default file, which need not
   exist. 0, or -1 with a sentence in text[CONFIG_TEXT]; config needs config_free either way. */
int config_load(struct config *config, const char *path, char *text);

/* The same from an open stream; name stands for the file in sentences. */
int config_read(struct config *config, FILE *file, const char *name, char *text);

void config_free(struct config *config);

#endif
