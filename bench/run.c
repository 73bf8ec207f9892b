/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c: the processes of a run, and the order of its slices.
 *
 *   parent            yardsticks (direct, library, near side of the ring), clock, counters; asleep while callers run
 *   +- cardmuxd       keeper, broker, admin, as in production
 *   +- ring           far side of the bare ring (echo only)
 *   +- socket         far side of the bare socket (echo over a stream only)
 *   +- tenant 0..N-1  `threads` callers each
 *
 * All children are forked before this process has a second thread or a card. Slices go round: library, direct, virtual,
 * virtual's mirror image next (virtual, direct, library), so that direct always stands beside virtual and the order
 * favours nobody; with echo the ring stands where virtual's other neighbour is, and over a stream the bare socket.
 * Ratios are made of the neighbours of one round.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench/bench.h"
#include "bench/busy.h"
#include "bench/caller.h"
#include "bench/cpu.h"
#include "bench/daemon.h"
#include "bench/direct.h"
#include "bench/ring.h"
#include "bench/slice.h"
#include "bench/socket.h"

#define FLIGHT_MAX    1024u
#define STORE_ALL     (512u << 20)
#define REST_NS       10000000u /* after a slice: the broker falls asleep by itself */
#define READY_MS      30000
#define IDLE_AFTER_NS 1000000000u
#define IDLE_NS       3000000000u
#define CARD_THREAD   "card-"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

struct run {
    const struct bench_options *options;
    struct bench_report *report;
    struct daemon daemon;
    struct slice_control *control;
    struct slice_result *yard; /* scratch for the parent's own slices */
    pid_t *tenants;
    struct ring *ring;
    struct bare_socket *bare; /* echo over a stream */
    struct direct *direct;
    struct plain *plain;
    struct work work; /* the parent's */
    uint32_t stride;
    uint64_t kib_before; /* the broker's own memory before there was a tenant */
    char *text;
};

static bool fail(struct run *run, const char *sentence)
{
    snprintf(run->text, BENCH_TEXT, "%s", interrupted ? "interrupted" : sentence);
    return false;
}

static bool tenants_alive(struct run *run)
{
    for (uint32_t i = 0; i < run->options->tenants; i++) {
        int status;
        if (run->tenants[i] > 0 && waitpid(run->tenants[i], &status, WNOHANG) == run->tenants[i]) {
            run->tenants[i] = 0;
            return false;
        }
    }
    return true;
}

/* Until all callers are done with this phase. */
static bool callers_wait(struct run *run, double seconds)
{
    uint64_t until = now_ns() + (uint64_t)(seconds * 1e9) + READY_MS * 1000000ull;
    while (!slice_wait(run->control, 250)) {
        if (interrupted)
            return fail(run, "interrupted");
        if (!tenants_alive(run))
            return fail(run, "a tenant's process ended");
        if (!daemon_alive(&run->daemon))
            return fail(run, "cardmuxd ended");
        if (now_ns() > until)
            return fail(run, "the callers do not come to an end");
    }
    for (uint32_t i = 0; i < run->control->callers; i++)
        if (atomic_load(&run->control->results[i].failed))
            return fail(run, run->control->results[i].text);
    return true;
}

static bool through_sdf(const struct bench_options *options)
{
    return options->depth == 1 && options->op->kind != WORK_ECHO;
}

static _Noreturn void tenant_process(struct run *run, uint32_t index, const char *socket)
{
    const struct bench_options *options = run->options;
    const char *reach = strcmp(options->via, "ivshmem") == 0 ? "ivshmem-peer" : options->via;
    char library[DAEMON_PATH];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    daemon_libsdf(library);
    setenv("CARDMUX_SOCKET", socket, 1);
    setenv("CARDMUX_REACH", reach, 1);
    setenv("CARDMUX_WAIT", options->wait_name, 1);
    struct caller_config config = {.op = options->op,
                                   .size = options->size,
                                   .depth = options->depth,
                                   .wake = options->wake,
                                   .socket = socket,
                                   .reach = reach,
                                   .wait = options->wait,
                                   .libsdf = through_sdf(options) ? library : NULL,
                                   .store_bytes = STORE_ALL / run->control->callers};
    _exit(tenant_main(&config, options->threads, run->control, index * options->threads));
}

/* A tenant is there before its door is: the keeper opens that a moment later. */
static bool door_wait(const char *socket)
{
    for (uint64_t until = now_ns() + READY_MS * 1000000ull; access(socket, F_OK) != 0;) {
        if (now_ns() > until || interrupted)
            return false;
        sleep_ns(1000000);
    }
    return true;
}

static bool tenants_start(struct run *run)
{
    const struct bench_options *options = run->options;
    run->control = slice_control_new(options->tenants * options->threads);
    run->tenants = calloc(options->tenants, sizeof(*run->tenants));
    struct daemon_counters counters;
    if (!run->control || !run->tenants)
        return fail(run, "no memory");
    if (!daemon_counters(&run->daemon, &counters, run->text))
        return false;
    run->kib_before = memory_anon_kib(counters.broker_pid);
    for (uint32_t i = 0; i < options->tenants; i++) {
        char name[24], socket[DAEMON_PATH];
        snprintf(name, sizeof(name), "tenant%u", i);
        if (!daemon_tenant(&run->daemon, name, options->threads + 1, options->op->kind != WORK_ECHO, run->text))
            return false;
        daemon_socket(&run->daemon, name, options->via, socket);
        if (!door_wait(socket))
            return fail(run, "a tenant's door did not open");
        run->tenants[i] = fork();
        if (run->tenants[i] == 0)
            tenant_process(run, i, socket);
        if (run->tenants[i] < 0)
            return fail(run, strerror(errno));
    }
    return callers_wait(run, 0);
}

static bool yard_open(struct run *run)
{
    const struct bench_options *options = run->options;
    uint64_t flight = (uint64_t)options->tenants * options->threads * options->depth;
    if (flight > FLIGHT_MAX)
        flight = FLIGHT_MAX;
    while (flight > 1 && flight * options->size > (256u << 20))
        flight /= 2;
    run->yard = calloc(1, sizeof(*run->yard));
    if (!run->yard || !work_init(&run->work, options->op, options->size, 0x2545f4914f6cdd1du, WORK_STORE))
        return fail(run, "no memory");
    run->direct = direct_open(options->card, options->card_threads, &run->work, (uint32_t)flight, run->text);
    if (!run->direct)
        return false;
    run->plain = plain_open(run->direct);
    run->report->rows[KIND_VIRTUAL].there = run->report->rows[KIND_DIRECT].there = true;
    run->report->rows[KIND_LIBRARY].there = run->plain != NULL;
    run->report->rows[KIND_RING].there = run->ring != NULL;
    run->report->rows[KIND_SOCKET].there = run->bare != NULL;
    return true;
}

/* A slice of one of the parent's own kinds. */
static bool slice_own(struct run *run, enum bench_kind kind, uint32_t round)
{
    struct bench_row *row = &run->report->rows[kind];
    struct slice_result *result = run->yard;
    struct meter meter;
    memset(result, 0, sizeof(*result));
    uint64_t begin = now_ns() + SLICE_WARM_NS;
    meter_start(&meter, begin, begin + (uint64_t)(run->report->plan.slice_s * 1e9), run->stride, result);
    if (kind == KIND_RING)
        ring_run(run->ring, &run->work, run->options->depth, &meter);
    else if (kind == KIND_SOCKET)
        bare_socket_run(run->bare, &run->work, &meter);
    else if (kind == KIND_DIRECT)
        direct_run(run->direct, &meter);
    else
        plain_run(run->plain, &meter);
    work_check(&run->work);
    row->rates[round] = result->ops_per_s;
    hist_merge(&row->hist, &result->hist);
    run->report->errors += result->errors;
    sleep_ns(REST_NS);
    return interrupted ? fail(run, "interrupted") : true;
}

static bool slice_virtual(struct run *run, uint32_t round)
{
    struct bench_report *report = run->report;
    struct daemon_counters before, after;
    struct cpu_split cpu_before, cpu_after;
    if (!daemon_counters(&run->daemon, &before, run->text))
        return false;
    cpu_threads(before.broker_pid, CARD_THREAD, &cpu_before);
    slice_start(run->control, report->plan.slice_s);
    if (!callers_wait(run, report->plan.slice_s))
        return false;
    cpu_threads(before.broker_pid, CARD_THREAD, &cpu_after);
    if (!daemon_counters(&run->daemon, &after, run->text))
        return false;
    if (before.broker_pid != after.broker_pid)
        return fail(run, "the broker was started anew during a slice");
    uint64_t rung = 0;
    for (uint32_t i = 0; i < run->control->callers; i++) {
        const struct slice_result *result = &run->control->results[i];
        report->rows[KIND_VIRTUAL].rates[round] += result->ops_per_s;
        report->virtual_ops += result->all_ops;
        report->window_ops += result->ops;
        report->client_cpu_ns += result->cpu_ns;
        report->sleeps += result->sleeps;
        rung += result->doorbells;
    }
    /* libsdf.so does not tell how often it rang: there the broker's own count stands for it */
    report->doorbells += report->through_sdf ? after.doorbells - before.doorbells : rung;
    report->wakeups += after.wakeups - before.wakeups;
    report->broker_cpu_ns += cpu_after.other_ns - cpu_before.other_ns;
    report->card_cpu_ns += cpu_after.named_ns - cpu_before.named_ns;
    sleep_ns(REST_NS);
    return true;
}

static bool slices_run(struct run *run)
{
    static const enum bench_kind orders[2][KIND_COUNT] = {
        {KIND_LIBRARY, KIND_DIRECT, KIND_VIRTUAL, KIND_SOCKET, KIND_RING},
        {KIND_RING, KIND_SOCKET, KIND_VIRTUAL, KIND_DIRECT, KIND_LIBRARY}};
    for (uint32_t round = 0; round < run->report->plan.slices; round++)
        for (uint32_t i = 0; i < KIND_COUNT; i++) {
            enum bench_kind kind = orders[round % 2][i];
            if (!run->report->rows[kind].there)
                continue;
            if (!(kind == KIND_VIRTUAL ? slice_virtual(run, round) : slice_own(run, kind, round)))
                return false;
        }
    return true;
}

/* What is cumulative over the run. */
static void totals(struct run *run)
{
    struct bench_report *report = run->report;
    for (uint32_t i = 0; i < run->control->callers; i++) {
        const struct slice_result *result = &run->control->results[i];
        report->errors += result->errors;
        report->checked += result->checked;
        hist_merge(&report->rows[KIND_VIRTUAL].hist, &result->hist);
    }
    report->errors += run->work.wrong;
    report->checked += run->work.checked;
}

static uint64_t tenants_cpu(const struct run *run)
{
    uint64_t ns = 0;
    for (uint32_t i = 0; i < run->options->tenants; i++) {
        struct cpu_split split;
        cpu_threads(run->tenants[i], NULL, &split);
        ns += split.other_ns;
    }
    return ns;
}

/* What tenants that were busy cost when they are not. */
static bool idle_measure(struct run *run)
{
    struct bench_report *report = run->report;
    struct daemon_counters counters;
    struct cpu_split before, after;
    if (!run->options->idle)
        return true;
    if (!daemon_counters(&run->daemon, &counters, run->text))
        return false;
    sleep_ns(IDLE_AFTER_NS);
    uint64_t begin = now_ns(), clients = tenants_cpu(run);
    cpu_threads(counters.broker_pid, NULL, &before);
    sleep_ns(IDLE_NS);
    double wall = (double)(now_ns() - begin);
    cpu_threads(counters.broker_pid, NULL, &after);
    report->idle_s = wall / 1e9;
    report->idle_client = (double)(tenants_cpu(run) - clients) / wall;
    report->idle_broker = (double)(after.other_ns - before.other_ns) / wall;
    uint64_t kib = memory_anon_kib(counters.broker_pid);
    report->idle_kib = kib > run->kib_before ? (double)(kib - run->kib_before) / run->options->tenants : 0;
    return !interrupted || fail(run, "interrupted");
}

static bool measure(struct run *run)
{
    struct quiet_sample idle, begin, end;
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < KIND_COUNT; i++)
        kinds += run->report->rows[i].there;
    run->report->plan = bench_plan(run->options->seconds, kinds);
    quiet_read(&idle);
    sleep_ns(300000000u);
    quiet_read(&begin);
    struct busy busy;
    bool ran = busy_start(&busy, run->options->busy) ? slices_run(run) : fail(run, "the processes of --busy could not be started");
    quiet_read(&end); /* with the busy ones, who are ours */
    busy_stop(&busy);
    if (!ran)
        return false;
    run->report->quiet =
        quiet_judge(&idle, &begin, true, run->report->why) && quiet_judge(&begin, &end, false, run->report->why);
    totals(run);
    return idle_measure(run);
}

static void tenants_stop(struct run *run)
{
    if (!run->control || !run->tenants)
        return;
    slice_quit(run->control);
    uint64_t until = now_ns() + 2000000000u;
    for (uint32_t i = 0; i < run->options->tenants; i++) {
        pid_t pid = run->tenants[i];
        while (pid > 0 && waitpid(pid, NULL, WNOHANG) == 0) {
            if (now_ns() > until)
                kill(pid, SIGKILL);
            sleep_ns(5000000);
        }
    }
}

static void run_end(struct run *run)
{
    tenants_stop(run);
    slice_control_free(run->control);
    daemon_stop(&run->daemon);
    ring_close(run->ring);
    bare_socket_close(run->bare);
    plain_close(run->plain);
    direct_close(run->direct);
    work_free(&run->work);
    free(run->tenants);
    free(run->yard);
}

bool bench_run(const struct bench_options *options, struct bench_report *report, char *text)
{
    struct run run = {.options = options, .report = report, .text = text};
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waits return */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    memset(report, 0, sizeof(*report));
    report->through_sdf = through_sdf(options);
    run.stride = options->op->kind == WORK_ECHO ? 8 : 1;
    struct daemon_options daemon = {
        .card = options->card, .card_threads = options->card_threads, .wait = options->wait_name};
    bool ok = options->op->kind != WORK_ECHO || (run.ring = ring_open()) != NULL || fail(&run, strerror(errno));
    if (ok && run.ring && strcmp(options->via, "stream") == 0)
        ok = (run.bare = bare_socket_open(options->size)) != NULL || fail(&run, strerror(errno));
    ok = ok && daemon_start(&run.daemon, &daemon, text) && tenants_start(&run) && yard_open(&run) && measure(&run);
    if (!ok && interrupted)
        fail(&run, "interrupted");
    run_end(&run);
    return ok;
}
