/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cardmux: the command line for operators, and for whoever sets up a tenant. A table of commands, one file per command;
 * this file finds the row, and holds the few words that all commands share. Commands that change or look at the running
 * daemon speak HTTP over its admin socket (api.h); `init`, `doctor`, `qemu-args` and `bench` work without it.
 */
#include "cli/command.h"
#include "backend/admin/wipe_alloc.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_init,  &command_tenant, &command_key,   &command_file,   &command_qemu_args, &command_card,
    &command_vault, &command_backup, &command_audit, &command_status, &command_doctor,    &command_bench,
};
#define COMMANDS (sizeof commands / sizeof *commands)

static void print_help(FILE *out)
{
    fprintf(out, "usage: cardmux [--socket PATH] COMMAND [ARGUMENTS]\n\nShares cryptographic cards among virtual "
                 "machines and containers.\n\ncommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\noptions:\n"
                 "  --socket PATH  the daemon's admin socket (else CARDMUX_ADMIN_SOCKET, else " CLI_DEFAULT_SOCKET ")\n"
                 "  --version      print the version\n"
                 "  --help         print this, or after a command that command's options\n"
                 "\nExit status: 0 done, 1 failed, 2 wrong usage.\n");
}

void cli_say(const struct cli *cli, const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fprintf(stderr, "cardmux%s%s: ", cli->command ? " " : "", cli->command ? cli->command->name : "");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

enum cli_status cli_usage(const struct cli *cli, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_say(cli, "%s; see: cardmux%s%s --help", text, cli->command ? " " : "", cli->command ? cli->command->name : "");
    return CLI_USAGE;
}

enum cli_status cli_bad_option(const struct cli *cli, int argc, char **argv, int opt)
{
    const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "?";
    return cli_usage(cli, opt == ':' ? "%.60s needs a value" : "%.60s is no option here", word);
}

bool cli_number(const struct cli *cli, const char *option, const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || value < min || value > max) {
        cli_usage(cli, "%s takes a number from %u to %u, not \"%.20s\"", option, min, max, text);
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

/* What comes before the command. Returns false when there is nothing left to do; *status is then final. */
static bool read_globals(struct cli *cli, int argc, char **argv, enum cli_status *status)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int opt;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
        if (opt == 's') {
            cli->socket = optarg;
            cli->socket_named = true;
            continue;
        }
        *status = CLI_DONE;
        if (opt == 'h')
            print_help(stdout);
        else if (opt == 'V')
            puts("cardmux " CARDMUX_VERSION);
        else
            *status = cli_bad_option(cli, argc, argv, opt);
        return false;
    }
    return true;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, argv[0]) != 0)
            continue;
        cli->command = commands[i];
        if (commands[i]->help && wants_help(argc, argv)) {
            fputs(commands[i]->help, stdout);
            return CLI_DONE;
        }
        optind = 0; /* glibc: start anew */
        return commands[i]->run(cli, argc, argv);
    }
    return cli_usage(cli, "there is no command \"%.40s\"", argv[0]);
}

int main(int argc, char **argv)
{
    const char *env = getenv("CARDMUX_ADMIN_SOCKET");
    wipe_alloc_for_json();
    bool named = env && env[0];
    struct cli cli = {.socket = named ? env : CLI_DEFAULT_SOCKET, .socket_named = named, .program = argv[0]};
    enum cli_status status = CLI_USAGE;
    if (!read_globals(&cli, argc, argv, &status))
        return (int)status;
    if (optind >= argc) {
        print_help(stderr);
        return CLI_USAGE;
    }
    status = run(&cli, argc - optind, argv + optind);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_say(&cli, "cannot write the output: %s", strerror(errno));
        return CLI_FAILED;
    }
    return (int)status;
}
