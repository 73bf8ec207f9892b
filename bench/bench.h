/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h: `cardmux bench`: what a virtual card costs beside the card itself.
 *
 *   options.c  command line          run.c      processes, slices, their order      report.c  table and JSON
 *   daemon.c   the private cardmuxd  tenant.c   a tenant's process, its callers (async.c, sdfcall.c)
 *   direct.c, plain.c, ring.c, socket.c the yardsticks                              slice.c   one window for all
 *   session.c  what opening a session costs
 *   work.c, reference.c              inputs, and whether results were right
 *   hist.c, stats.c, cpu.c, quiet.c  percentiles, medians, CPU time, "was anybody else here?"
 *
 * The method is described for readers in docs/BENCHMARKING.md.
 */
#ifndef CARDMUX_BENCH_BENCH_H
#define CARDMUX_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bench/hist.h"
#include "bench/quiet.h"
#include "bench/work.h"
#include "cardmux/client.h"

#define BENCH_SLICES_MIN 12u
#define BENCH_SLICES_MAX 40u
#define BENCH_SLICE_S    0.25
#define BENCH_GAP_S      0.06 /* beside each slice: warm-up, checking, falling asleep */
#define BENCH_TEXT       512

struct bench_options {
    const char *card;
    const char *via;
    const struct bench_op *op;
    uint32_t size, tenants, threads, depth, card_threads, wake, busy;
    const char *wait_name;
    enum cardmux_wait wait;
    double seconds;
    bool json, force, idle, session;
};

enum bench_kind {
    KIND_VIRTUAL,
    KIND_DIRECT,
    KIND_LIBRARY,
    KIND_RING,
    KIND_SOCKET,
    KIND_COUNT
};

/* How many slices of which length a run of so many seconds has. Pure. */
struct bench_plan {
    uint32_t slices; /* of each kind */
    double slice_s;
    bool is_short; /* fewer or shorter ones than a figure should stand on */
};
struct bench_plan bench_plan(double seconds, uint32_t kinds);

struct bench_row {
    bool there;
    double rates[BENCH_SLICES_MAX]; /* operations per second in each slice */
    struct hist hist;
};

struct bench_report {
    struct bench_plan plan;
    struct bench_row rows[KIND_COUNT];
    uint64_t errors, checked;
    uint64_t virtual_ops, doorbells, wakeups; /* all virtual slices, warm-up and draining too */
    uint64_t sleeps;
    uint64_t window_ops, client_cpu_ns;  /* in the windows */
    uint64_t broker_cpu_ns, card_cpu_ns; /* as virtual_ops */
    bool quiet;
    char why[QUIET_TEXT]; /* not quiet: why */
    bool through_sdf;
    /* --idle: from 1 s after the last slice on */
    double idle_s, idle_client, idle_broker; /* seconds; share of a core */
    double idle_kib;                         /* the broker's own memory per tenant */
};

/* -1: go on; else the exit status (text was printed). */
int options_read(struct bench_options *options, int argc, char **argv);
/* False: text[BENCH_TEXT] says why. */
bool bench_run(const struct bench_options *options, struct bench_report *report, char *text);
void report_table(const struct bench_options *options, struct bench_report *report);
void report_json(const struct bench_options *options, struct bench_report *report);

/* session.c: what a session costs to open, instead of the rest. Exit status. */
int bench_session(const struct bench_options *options);

/* The command: exit status 0 done, 1 failed (or a result was wrong), 2 usage. */
int bench_main(int argc, char **argv);

#endif
