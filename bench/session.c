/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c: what opening a session costs beyond one exchange on the ring.
 *
 * One process, one tenant of a private cardmuxd, slices in turn: SESSIONS times SDF_OpenSession of the libsdf.so that a
 * tenant would load (they are closed again off the clock), and as many exchanges that do nothing: an echo of one byte
 * through client.h, one after the other. Both wait for the same broker by the same rule. The figure is the median of
 * the differences of neighbours.
 */
#include <dlfcn.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "bench/bench.h"
#include "bench/clock.h"
#include "bench/daemon.h"
#include "bench/stats.h"
#include "cardmux/sdf.h"

#define SESSIONS   256u
#define ROUNDS_MAX 4000u
#define ROUNDS_A_S 50u /* rounds for each second that the caller asks for; they take less */
#define DOOR_NS    10000000000u

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

struct session_run {
    const struct bench_options *options;
    struct daemon daemon;
    struct cardmux_client *client;
    int slot;
    void *library, *device, *sessions[SESSIONS];
    __typeof__(&SDF_OpenDevice) open_device;
    __typeof__(&SDF_CloseDevice) close_device;
    __typeof__(&SDF_OpenSession) open_session;
    __typeof__(&SDF_CloseSession) close_session;
    double opening[ROUNDS_MAX], exchange[ROUNDS_MAX], beyond[ROUNDS_MAX]; /* us for one */
    uint32_t rounds;
    bool quiet;
    char why[QUIET_TEXT];
    char *text;
};

static bool fail(struct session_run *run, const char *sentence)
{
    if (interrupted || !run->text[0])
        snprintf(run->text, BENCH_TEXT, "%s", interrupted ? "interrupted" : sentence);
    return false;
}

static bool connect_both(struct session_run *run)
{
    const char *via = run->options->via, *reach = strcmp(via, "ivshmem") == 0 ? "ivshmem-peer" : via;
    char library[DAEMON_PATH], socket[DAEMON_PATH];
    struct cardmux_options options = {
        .size = sizeof(options), .reach = reach, .where = socket, .wait = run->options->wait};
    daemon_libsdf(library);
    daemon_socket(&run->daemon, "tenant0", via, socket);
    for (uint64_t until = now_ns() + DOOR_NS; access(socket, F_OK) != 0 && now_ns() < until && !interrupted;)
        sleep_ns(1000000);
    setenv("CARDMUX_SOCKET", socket, 1);
    setenv("CARDMUX_REACH", reach, 1);
    setenv("CARDMUX_WAIT", run->options->wait_name, 1);
    run->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!run->library)
        return fail(run, dlerror());
    *(void **)&run->open_device = dlsym(run->library, "SDF_OpenDevice");
    *(void **)&run->close_device = dlsym(run->library, "SDF_CloseDevice");
    *(void **)&run->open_session = dlsym(run->library, "SDF_OpenSession");
    *(void **)&run->close_session = dlsym(run->library, "SDF_CloseSession");
    if (!run->open_device || !run->close_device || !run->open_session || !run->close_session)
        return fail(run, "libsdf.so lacks what the measurement calls");
    if (cardmux_open(&options, &run->client, run->text, BENCH_TEXT) != SDR_OK ||
        (run->slot = cardmux_slot_take(run->client)) < 0)
        return fail(run, "no client of the private daemon");
    return run->open_device(&run->device) == SDR_OK || fail(run, "SDF_OpenDevice failed");
}

static bool slice_sessions(struct session_run *run, double *us)
{
    bool ok = true;
    uint64_t begin = now_ns();
    for (uint32_t i = 0; i < SESSIONS; i++)
        ok &= run->open_session(run->device, &run->sessions[i]) == SDR_OK;
    *us = (double)(now_ns() - begin) / 1000 / SESSIONS;
    for (uint32_t i = 0; i < SESSIONS; i++)
        ok &= run->close_session(run->sessions[i]) == SDR_OK;
    return ok || fail(run, "a session could not be opened or closed");
}

static bool slice_exchanges(struct session_run *run, double *us)
{
    struct cardmux_request request = {.op = CARDMUX_ECHO, .slot = (uint16_t)run->slot, .data_len = 1};
    struct cardmux_completion done;
    bool ok = true;
    uint64_t begin = now_ns();
    for (uint32_t i = 0; i < SESSIONS && ok; i++)
        ok = cardmux_submit(run->client, &request, 1) == 1 && cardmux_poll(run->client, &done, 1, 1, 10000) == 1 &&
             done.status == SDR_OK;
    *us = (double)(now_ns() - begin) / 1000 / SESSIONS;
    return ok || fail(run, "an echo failed");
}

static bool measure(struct session_run *run)
{
    struct quiet_sample idle, begin, end;
    double seconds = run->options->seconds * ROUNDS_A_S, warm;
    uint32_t rounds = seconds < 12 ? 12 : seconds > ROUNDS_MAX ? ROUNDS_MAX : (uint32_t)seconds;
    bool ok = slice_sessions(run, &warm) && slice_exchanges(run, &warm);
    quiet_read(&idle);
    sleep_ns(300000000u);
    quiet_read(&begin);
    for (uint32_t i = 0; ok && i < rounds; i++) {
        ok = i % 2 ? slice_exchanges(run, &run->exchange[i]) && slice_sessions(run, &run->opening[i])
                   : slice_sessions(run, &run->opening[i]) && slice_exchanges(run, &run->exchange[i]);
        run->beyond[i] = run->opening[i] - run->exchange[i];
        run->rounds = i + 1;
        if (interrupted)
            return fail(run, "interrupted");
    }
    quiet_read(&end);
    run->quiet = quiet_judge(&idle, &begin, true, run->why) && quiet_judge(&begin, &end, false, run->why);
    return ok;
}

static void report(struct session_run *run)
{
    double opening = stats_median(run->opening, run->rounds), exchange = stats_median(run->exchange, run->rounds);
    double low = stats_quantile(run->beyond, run->rounds, 0.25), high = stats_quantile(run->beyond, run->rounds, 0.75);
    double beyond = stats_median(run->beyond, run->rounds);
    if (run->options->json) {
        json_t *json = json_pack("{s:s s:s s:s s:i s:i s:f s:f s:f s:f s:f s:b}", "measures", "session", "via",
                                 run->options->via, "wait", run->options->wait_name, "rounds", (int)run->rounds,
                                 "sessions", (int)SESSIONS, "open_us", opening, "exchange_us", exchange, "beyond_us",
                                 beyond, "beyond_us_q1", low, "beyond_us_q3", high, "quiet", (int)run->quiet);
        if (!run->quiet)
            json_object_set_new(json, "not_quiet_because", json_string(run->why));
        json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(json);
        return;
    }
    printf("SDF_OpenSession over %s, wait %s: %u rounds of %u, and as many exchanges of nothing\n\n", run->options->via,
           run->options->wait_name, run->rounds, SESSIONS);
    printf("  opening a session %10.2f us\n  one exchange      %10.2f us\n", opening, exchange);
    printf("  beyond it         %10.2f us (quartiles %.2f and %.2f)\n", beyond, low, high);
    if (!run->quiet)
        printf("  machine not quiet: %s\n", run->why);
}

int bench_session(const struct bench_options *options)
{
    char text[BENCH_TEXT] = "";
    struct session_run *run = calloc(1, sizeof(*run));
    struct daemon_options daemon = {.card = "null", .card_threads = 1, .wait = options->wait_name};
    if (!run)
        return 1;
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waits return */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    run->options = options;
    run->text = text;
    bool ok = daemon_start(&run->daemon, &daemon, text) && daemon_tenant(&run->daemon, "tenant0", 4, false, text) &&
              connect_both(run) && measure(run);
    if (ok)
        report(run);
    else
        fprintf(stderr, "cardmux bench: %s\n", interrupted ? "interrupted" : text);
    if (run->device)
        run->close_device(run->device);
    cardmux_close(run->client);
    daemon_stop(&run->daemon);
    free(run); /* the library stays loaded: its threads and handlers may */
    return ok ? 0 : 1;
}
