/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h: what every command of `cardmux` is made of: a row in the table of main.c, a help text, a function. A
 * command reads its own options with getopt_long (optind is reset before), prints results to stdout and sentences to
 * stderr, and returns an exit status.
 */
#ifndef CARDMUX_CLI_COMMAND_H
#define CARDMUX_CLI_COMMAND_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#define CLI_DEFAULT_SOCKET "/run/cardmux/admin.sock"

enum cli_status {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2
};

struct cli {
    const char *socket;  /* the daemon's admin socket */
    bool socket_named;   /* by option or environment: no configuration says otherwise */
    const char *program; /* argv[0] */
    const struct command *command;
};

struct command {
    const char *name;
    const char *summary;
    const char *help; /* printed for --help, and after a usage error in short */
    enum cli_status (*run)(struct cli *cli, int argc, char **argv); /* argv[0]: the command's name */
};

extern const struct command command_init, command_tenant, command_key, command_qemu_args, command_status, command_card,
    command_audit, command_file, command_doctor, command_bench, command_vault, command_backup;

/* Prints "cardmux NAME: sentence" to stderr. */
__attribute__((format(printf, 2, 3))) void cli_say(const struct cli *cli, const char *format, ...);
/* The same, with a pointer to --help; returns CLI_USAGE. */
__attribute__((format(printf, 2, 3))) enum cli_status cli_usage(const struct cli *cli, const char *format, ...);
/* For getopt's '?' and ':': says which option was wrong; returns CLI_USAGE. */
enum cli_status cli_bad_option(const struct cli *cli, int argc, char **argv, int opt);
/* A whole decimal number from min to max, or false with a usage sentence. */
bool cli_number(const struct cli *cli, const char *option, const char *text, uint32_t min, uint32_t max, uint32_t *out);

#endif
