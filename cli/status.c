/* SPDX-License-Identifier: Apache-2.0 */
/* cardmux status: whether the daemon works, and what it did since its broker started. */
#include "cli/api.h"
#include "cli/command.h"
#include "cli/table.h"
#include <stdio.h>
#include <string.h>

static const char help[] = "usage: cardmux status [--json]\n"
                           "\n"
                           "Prints the state of broker and card, and the counters of all tenants together. Fails when\n"
                           "the daemon cannot be asked, or the card does not serve.\n"
                           "\n"
                           "options:\n"
                           "  --json  print JSON\n";

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    static const struct option table[] = {{"json", no_argument, NULL, 'j'}, {0}};
    static const struct column columns[] = {
        {"version", "version"},
        {"card", "card.name"},
        {"card state", "card.state"},
        {"master key", "master_key"},
        {"tenants", "tenants"},
        {"uptime, s", "uptime_s"},
        {"broker pid", "broker_pid"},
        {"generation", "generation"},
        {"operations", "total.operations"},
        {"errors", "total.errors"},
        {"bytes", "total.bytes"},
        {"doorbells", "total.doorbells"},
        {"wake-ups", "total.wakeups"},
        {"card time, ns", "total.card_ns"},
        {"regions", "total.regions"},
        {"sessions", "total.sessions"},
        {"handles", "total.handles"},
    };
    bool json = false;
    json_t *reply;
    int opt;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt != 'j')
            return cli_bad_option(cli, argc, argv, opt);
        json = true;
    }
    if (optind < argc)
        return cli_usage(cli, "\"%.40s\" is one word too many", argv[optind]);
    if (api_call(cli, "GET", "/v1/status", NULL, &reply) != CLI_DONE)
        return CLI_FAILED;
    if (json)
        json_print(reply);
    else
        table_print_one(reply, columns, sizeof columns / sizeof *columns);
    const char *state = json_string_value(json_object_get(json_object_get(reply, "card"), "state"));
    bool serves = state && strcmp(state, "ok") == 0;
    json_decref(reply);
    if (!serves)
        cli_say(cli, "the card does not serve");
    return serves ? CLI_DONE : CLI_FAILED;
}

const struct command command_status = {"status", "state of the daemon and its card", help, run};
