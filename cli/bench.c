/* SPDX-License-Identifier: Apache-2.0 */
/* cardmux bench: a door to bench/, which reads its own options. */
#include "cli/command.h"
#include <stddef.h>

#ifdef CLI_HAS_BENCH
#include "bench/bench.h"

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    (void)cli;
    int status = bench_main(argc, argv);
    return status == 0 ? CLI_DONE : status == 2 ? CLI_USAGE : CLI_FAILED;
}
#else
static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    (void)argc, (void)argv;
    cli_say(cli, "this build has no bench");
    return CLI_FAILED;
}
#endif

const struct command command_bench = {"bench", "measure the virtual card against the card", NULL, run};
