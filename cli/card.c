/* SPDX-License-Identifier: Apache-2.0 */
/* cardmux card: the physical card behind the daemon. */
#include "cli/api.h"
#include "cli/command.h"
#include "cli/table.h"
#include <stdio.h>
#include <string.h>

static const char help[] = "usage: cardmux card test [--json]\n"
                           "\n"
                           "Runs the card's known-answer tests of every algorithm once more. A card that fails one\n"
                           "serves nothing from then on, until this command succeeds; nothing else, not even a\n"
                           "restart, lets it serve again.\n"
                           "\n"
                           "options:\n"
                           "  --json  print JSON\n";

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    static const struct option table[] = {{"json", no_argument, NULL, 'j'}, {0}};
    bool json = false;
    char text[API_TEXT] = "";
    int opt;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt != 'j')
            return cli_bad_option(cli, argc, argv, opt);
        json = true;
    }
    if (argc - optind != 1 || strcmp(argv[optind], "test") != 0)
        return cli_usage(cli, "say what to do: test");
    bool ok = api_try(cli, "POST", "/v1/card/test", NULL, NULL, text);
    if (json) {
        json_t *result = json_pack("{s:b s:s}", "ok", ok, "message", text);
        json_print(result);
        json_decref(result);
    } else if (ok)
        puts("the card gives all known answers");
    if (!ok)
        cli_say(cli, "%s", text);
    return ok ? CLI_DONE : CLI_FAILED;
}

const struct command command_card = {"card", "test the card", help, run};
