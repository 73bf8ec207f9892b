/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"
#include "bench/busy.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_SDF (1u << 20)

static const char help[] =
    "usage: cardmux bench [options]\n"
    "Measures a virtual card against the card itself, on a private cardmuxd.\n\n"
    "  --card NAME        soft (default) or null; null does echo only\n"
    "  --via WAY          unix (default), ivshmem (as a native peer, without a guest) or stream (the protocol\n"
    "                     of vsock, over a UNIX socket)\n"
    "  --op OP            echo, random, sm3, sm4-ecb, sm4-cbc, sm4-ctr, aes-cbc, sha256, sm2-sign, sm2-verify\n"
    "                     (default sm4-cbc, with --card null echo)\n"
    "  --size BYTES       of one operation (default 4096; sm2: always 32)\n"
    "  --tenants N        processes, each with a virtual card of its own (default 1)\n"
    "  --threads T        callers in each (default 1)\n"
    "  --depth D          requests outstanding per caller (default 1)\n"
    "  --card-threads C   threads of the card (default 1: inline)\n"
    "  --wait MODE        adaptive (default), sleep or poll, for callers and broker\n"
    "  --wake N           finished requests worth waking a caller (default half the depth)\n"
    "  --busy N           beside N processes that only compute, as on a host with other work (default 0)\n"
    "  --seconds S        all slices together (default 12)\n"
    "  --idle             measure idling too, from 1 s after the last slice on\n"
    "  --session          measure instead what opening a session costs beyond one exchange on the ring;\n"
    "                     of the other options --via, --wait, --seconds and --json count\n"
    "  --json             one JSON object instead of the table\n"
    "  --force            print ratios even where the machine was not quiet\n"
    "  --help             this\n";

enum option_id {
    OPT_CARD = 1,
    OPT_VIA,
    OPT_OP,
    OPT_SIZE,
    OPT_TENANTS,
    OPT_THREADS,
    OPT_DEPTH,
    OPT_CARD_THREADS,
    OPT_WAIT,
    OPT_WAKE,
    OPT_BUSY,
    OPT_SECONDS,
    OPT_JSON,
    OPT_FORCE,
    OPT_IDLE,
    OPT_SESSION,
    OPT_HELP,
};

static const struct option longs[] = {{"card", required_argument, NULL, OPT_CARD},
                                      {"via", required_argument, NULL, OPT_VIA},
                                      {"op", required_argument, NULL, OPT_OP},
                                      {"size", required_argument, NULL, OPT_SIZE},
                                      {"tenants", required_argument, NULL, OPT_TENANTS},
                                      {"threads", required_argument, NULL, OPT_THREADS},
                                      {"depth", required_argument, NULL, OPT_DEPTH},
                                      {"card-threads", required_argument, NULL, OPT_CARD_THREADS},
                                      {"wait", required_argument, NULL, OPT_WAIT},
                                      {"wake", required_argument, NULL, OPT_WAKE},
                                      {"busy", required_argument, NULL, OPT_BUSY},
                                      {"seconds", required_argument, NULL, OPT_SECONDS},
                                      {"json", no_argument, NULL, OPT_JSON},
                                      {"force", no_argument, NULL, OPT_FORCE},
                                      {"idle", no_argument, NULL, OPT_IDLE},
                                      {"session", no_argument, NULL, OPT_SESSION},
                                      {"help", no_argument, NULL, OPT_HELP},
                                      {NULL, 0, NULL, 0}};

static int wrong(const char *sentence)
{
    fprintf(stderr, "cardmux bench: %s; see: cardmux bench --help\n", sentence);
    return 2;
}

static bool number(const char *text, uint32_t min, uint32_t max, uint32_t *value)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || n < min || n > max)
        return false;
    *value = (uint32_t)n;
    return true;
}

static bool wait_mode(const char *text, struct bench_options *options)
{
    static const char *const names[] = {"adaptive", "sleep", "poll"};
    for (uint32_t i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            options->wait_name = names[i];
            options->wait = (enum cardmux_wait)i;
            return true;
        }
    return false;
}

static bool one_of(const char *text, const char *a, const char *b, const char **value)
{
    *value = strcmp(text, a) == 0 ? a : b;
    return strcmp(text, *value) == 0;
}

static bool seconds(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return *text && !*end && *value >= 0.2 && *value <= 3600;
}

/* NULL: understood; else what would have been right. */
static const char *option_take(struct bench_options *options, int id)
{
    switch (id) {
    case OPT_CARD:
        return one_of(optarg, "soft", "null", &options->card) ? NULL : "--card is soft or null";
    case OPT_VIA:
        return one_of(optarg, "unix", "ivshmem", &options->via) || one_of(optarg, "stream", "stream", &options->via)
                   ? NULL
                   : "--via is unix, ivshmem or stream";
    case OPT_OP:
        options->op = bench_op_find(optarg);
        return options->op ? NULL : "--op is not one of the operations";
    case OPT_SIZE:
        return number(optarg, 1, SIZE_MAX_SDF, &options->size) ? NULL : "--size is 1 to 1048576";
    case OPT_TENANTS:
        return number(optarg, 1, 64, &options->tenants) ? NULL : "--tenants is 1 to 64";
    case OPT_THREADS:
        return number(optarg, 1, 16, &options->threads) ? NULL : "--threads is 1 to 16";
    case OPT_DEPTH:
        return number(optarg, 1, CARDMUX_DEPTH, &options->depth) ? NULL : "--depth is 1 to 64";
    case OPT_CARD_THREADS:
        return number(optarg, 1, 64, &options->card_threads) ? NULL : "--card-threads is 1 to 64";
    case OPT_WAIT:
        return wait_mode(optarg, options) ? NULL : "--wait is adaptive, sleep or poll";
    case OPT_WAKE:
        return number(optarg, 1, CARDMUX_DEPTH, &options->wake) ? NULL : "--wake is 1 to 64";
    case OPT_BUSY:
        return number(optarg, 0, BUSY_MAX, &options->busy) ? NULL : "--busy is 0 to 16";
    case OPT_SECONDS:
        return seconds(optarg, &options->seconds) ? NULL : "--seconds is 0.2 to 3600";
    case OPT_JSON:
        options->json = true;
        return NULL;
    case OPT_FORCE:
        options->force = true;
        return NULL;
    case OPT_IDLE:
        options->idle = true;
        return NULL;
    case OPT_SESSION:
        options->session = true;
        return NULL;
    default:
        return "that is no option here, or it needs a value";
    }
}

/* What options say together. NULL: makes sense. */
static const char *options_fit(struct bench_options *options)
{
    if (!options->op)
        options->op = bench_op_find(options->card && strcmp(options->card, "null") == 0 ? "echo" : "sm4-cbc");
    bool echo = options->op->kind == WORK_ECHO;
    if (!options->card)
        options->card = echo ? "null" : "soft";
    if (echo != (strcmp(options->card, "null") == 0))
        return echo ? "--op echo needs --card null: a real card has no such operation"
                    : "--card null does echo only: it computes nothing";
    if (options->op->kind == WORK_SIGN || options->op->kind == WORK_VERIFY)
        options->size = 32;
    if (options->op->block && options->size % 16 != 0)
        return "--size must be a multiple of 16 for ECB and CBC";
    if (options->size > CARDMUX_DATA_MAX && (echo || options->depth > 1))
        return "--size above 16384 is for crypto at --depth 1, where the library splits it";
    if (options->session && strcmp(options->via, "ivshmem") == 0)
        return "--session goes over unix or stream: a native ivshmem peer has one queue pair, and it needs two";
    if (options->wake == 0)
        options->wake = options->depth > 1 ? options->depth / 2 : 1;
    if (options->wake > options->depth)
        return "--wake is at most --depth";
    return NULL;
}

int options_read(struct bench_options *options, int argc, char **argv)
{
    *options = (struct bench_options){.via = "unix",
                                      .size = 4096,
                                      .tenants = 1,
                                      .threads = 1,
                                      .depth = 1,
                                      .card_threads = 1,
                                      .wait_name = "adaptive",
                                      .seconds = 12};
    optind = 0;
    opterr = 0;
    for (int id; (id = getopt_long(argc, argv, "+h", longs, NULL)) != -1;) {
        if (id == OPT_HELP || id == 'h') {
            fputs(help, stdout);
            return 0;
        }
        const char *sentence = option_take(options, id);
        if (sentence)
            return wrong(sentence);
    }
    if (optind < argc)
        return wrong("it takes options only");
    const char *sentence = options_fit(options);
    return sentence ? wrong(sentence) : -1;
}
