/* SPDX-License-Identifier: Apache-2.0 */
/* audit.h: shared by the files of `cardmux audit`: where the log's lines come from. */
#ifndef CARDMUX_CLI_AUDIT_H
#define CARDMUX_CLI_AUDIT_H

#include "backend/audit/extract.h"
#include "cli/command.h"

struct audit_source {
    const struct cli *cli;
    const char *file;                /* a log or a tenant's part, "-": standard input; NULL: not a file */
    const char *state;               /* a state directory; NULL, and file NULL: the daemon */
    uint64_t first, last;            /* of a state directory or the daemon: files that are there, once asked */
    char vault[AUDIT_VAULT_MAX + 1]; /* the daemon's word for its vault now; empty: not known */
    uint8_t key[AUDIT_POINT];        /* and for the log's key */
    bool has_key;
    char where[300]; /* of the line at hand: "audit-00000001.log line 7" */
    uint64_t line;
};

/* Calls each(arg, line, len) for every line, the last one perhaps without its end, until it returns false. False: the
 * lines could not be had, which was said. */
bool audit_lines(struct audit_source *source, bool (*each)(void *arg, const char *line, size_t len), void *arg);
/* The daemon's state of the log, into source. False: said. */
bool audit_ask(struct audit_source *source);
/* The whole of one (small) file; NULL: said. */
char *audit_file(const struct cli *cli, const char *path, size_t *len);

struct audit_check {
    const char *checkpoint; /* file with one kept elsewhere; NULL: none */
    const char *key;        /* 128 hexadecimal digits, or a file with them; NULL: not known */
    bool json;
};
enum cli_status audit_verify(struct audit_source *source, const struct audit_check *check);

struct audit_filter {
    const char *event, *tenant, *user;
    uint64_t since, until; /* seconds; until 0: no end */
    uint32_t last;         /* 0: all */
    bool all;              /* also beginnings whose end is there */
    bool json;
};
enum cli_status audit_show(struct audit_source *source, const struct audit_filter *filter);

#endif
