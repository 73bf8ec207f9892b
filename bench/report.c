/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "bench/bench.h"
#include "bench/stats.h"

static const char *const names[KIND_COUNT] = {"virtual", "direct", "library", "ring", "socket"};

struct bench_plan bench_plan(double seconds, uint32_t kinds)
{
    struct bench_plan plan = {.slice_s = BENCH_SLICE_S};
    double fits = seconds / ((double)kinds * (BENCH_SLICE_S + BENCH_GAP_S));
    if (fits >= BENCH_SLICES_MIN) {
        plan.slices = fits > BENCH_SLICES_MAX ? BENCH_SLICES_MAX : (uint32_t)fits;
        plan.slice_s = seconds / ((double)kinds * plan.slices) - BENCH_GAP_S;
        return plan;
    }
    plan.is_short = true;
    plan.slices = fits < 3 ? 3 : (uint32_t)fits;
    double left = seconds / ((double)kinds * plan.slices) - BENCH_GAP_S;
    if (left < plan.slice_s)
        plan.slice_s = left > 0.01 ? left : 0.01;
    return plan;
}

static double median_of(const double *values, uint32_t n)
{
    double copy[BENCH_SLICES_MAX];
    memcpy(copy, values, n * sizeof(*values));
    return stats_median(copy, n);
}

/* Median of the ratios of neighbours; its spread too. 0 where one of the two is not there. */
static double ratio_of(const struct bench_report *report, enum bench_kind a, enum bench_kind b, double *spread)
{
    double ratios[BENCH_SLICES_MAX];
    *spread = 0;
    if (!report->rows[a].there || !report->rows[b].there)
        return 0;
    size_t n = stats_ratios(report->rows[a].rates, report->rows[b].rates, report->plan.slices, ratios);
    *spread = stats_spread(ratios, n);
    return stats_median(ratios, n);
}

static double per_op(uint64_t total, uint64_t ops)
{
    return ops ? (double)total / (double)ops : 0;
}

static json_t *row_json(const struct bench_options *options, const struct bench_report *report, enum bench_kind kind)
{
    const struct bench_row *row = &report->rows[kind];
    if (!row->there)
        return json_null();
    double rate = median_of(row->rates, report->plan.slices);
    return json_pack("{s:f s:f s:f s:f s:f}", "ops_per_s", rate, "bytes_per_s", rate * options->size, "p50_us",
                     hist_percentile(&row->hist, 0.5) / 1000, "p99_us", hist_percentile(&row->hist, 0.99) / 1000,
                     "p999_us", hist_percentile(&row->hist, 0.999) / 1000);
}

static json_t *real_or_null(double value)
{
    return value > 0 ? json_real(value) : json_null();
}

void report_json(const struct bench_options *options, struct bench_report *report)
{
    double spread, ring_spread, library_spread, socket_spread;
    double ratio = ratio_of(report, KIND_VIRTUAL, KIND_DIRECT, &spread);
    double to_ring = ratio_of(report, KIND_VIRTUAL, KIND_RING, &ring_spread);
    double to_socket = ratio_of(report, KIND_VIRTUAL, KIND_SOCKET, &socket_spread);
    double to_library = ratio_of(report, KIND_DIRECT, KIND_LIBRARY, &library_spread);
    json_t *json =
        json_pack("{s:s s:i s:i s:i s:i s:i s:b s:I}", "op", options->op->name, "size", (int)options->size, "tenants",
                  (int)options->tenants, "threads", (int)options->threads, "depth", (int)options->depth, "card_threads",
                  (int)options->card_threads, "quiet", (int)report->quiet, "errors", (json_int_t)report->errors);
    if (options->busy)
        json_object_set_new(json, "busy", json_integer((json_int_t)options->busy));
    for (int i = 0; i < KIND_COUNT; i++)
        json_object_set_new(json, names[i], row_json(options, report, (enum bench_kind)i));
    json_object_set_new(json, "ratio", real_or_null(ratio));
    json_object_set_new(json, "ratio_to_ring", real_or_null(to_ring));
    json_object_set_new(json, "ratio_to_socket", real_or_null(to_socket));
    json_object_set_new(json, "ratio_spread", json_real(spread));
    json_object_set_new(json, "notifications_per_op",
                        json_real(per_op(report->doorbells + report->wakeups, report->virtual_ops)));
    json_object_set_new(json, "cpu_us_per_op",
                        json_pack("{s:f s:f s:f}", "client", per_op(report->client_cpu_ns, report->window_ops) / 1000,
                                  "broker", per_op(report->broker_cpu_ns, report->virtual_ops) / 1000, "card",
                                  per_op(report->card_cpu_ns, report->virtual_ops) / 1000));
    /* beside what every reader of the bench may count on */
    json_object_set_new(json, "card", json_string(options->card));
    json_object_set_new(json, "via", json_string(options->via));
    json_object_set_new(json, "wait", json_string(options->wait_name));
    json_object_set_new(json, "wake", json_integer(options->wake));
    json_object_set_new(json, "caller", json_string(report->through_sdf ? "libsdf" : "client"));
    json_object_set_new(json, "slices", json_integer(report->plan.slices));
    json_object_set_new(json, "slice_s", json_real(report->plan.slice_s));
    json_object_set_new(json, "short", json_boolean(report->plan.is_short));
    json_object_set_new(json, "ratio_to_ring_spread", real_or_null(ring_spread));
    json_object_set_new(json, "ratio_to_socket_spread", real_or_null(socket_spread));
    json_object_set_new(json, "direct_to_library", real_or_null(to_library));
    json_object_set_new(json, "checked", json_integer((json_int_t)report->checked));
    json_object_set_new(json, "operations", json_integer((json_int_t)report->virtual_ops));
    json_object_set_new(json, "doorbells", json_integer((json_int_t)report->doorbells));
    json_object_set_new(json, "wakeups", json_integer((json_int_t)report->wakeups));
    if (options->idle)
        json_object_set_new(json, "idle",
                            json_pack("{s:f s:f s:f s:f}", "seconds", report->idle_s, "client_percent",
                                      report->idle_client * 100, "broker_percent", report->idle_broker * 100,
                                      "broker_kib_per_tenant", report->idle_kib));
    if (!report->quiet)
        json_object_set_new(json, "not_quiet_because", json_string(report->why));
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(json);
}

void report_table(const struct bench_options *options, struct bench_report *report)
{
    printf("%s of %u bytes on the %s card over %s: %u tenant(s) x %u caller(s) x %u outstanding, %u card thread(s), "
           "wait %s\n",
           options->op->name, options->size, options->card, options->via, options->tenants, options->threads,
           options->depth, options->card_threads, options->wait_name);
    printf("median of %u slices of %.2f s each%s\n\n", report->plan.slices, report->plan.slice_s,
           report->plan.is_short ? " (SHORT: a figure needs 12 of 0.25 s; give more --seconds)" : "");
    printf("  %-8s %12s %10s %10s %10s %10s\n", "", "operations/s", "MB/s", "p50 us", "p99 us", "p99.9 us");
    for (int i = 0; i < KIND_COUNT; i++) {
        struct bench_row *row = &report->rows[i];
        if (!row->there)
            continue;
        double rate = median_of(row->rates, report->plan.slices);
        printf("  %-8s %12.0f %10.1f %10.2f %10.2f %10.2f\n", names[i], rate, rate * options->size / 1e6,
               hist_percentile(&row->hist, 0.5) / 1000, hist_percentile(&row->hist, 0.99) / 1000,
               hist_percentile(&row->hist, 0.999) / 1000);
    }
    putchar('\n');
    if (report->quiet || options->force) {
        static const struct {
            enum bench_kind a, b;
        } pairs[] = {{KIND_VIRTUAL, KIND_DIRECT},
                     {KIND_VIRTUAL, KIND_RING},
                     {KIND_VIRTUAL, KIND_SOCKET},
                     {KIND_DIRECT, KIND_LIBRARY}};
        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
            double spread, ratio = ratio_of(report, pairs[i].a, pairs[i].b, &spread);
            if (ratio > 0)
                printf("  %s / %s: %.3f (quartiles apart by %.1f %%)\n", names[pairs[i].a], names[pairs[i].b], ratio,
                       spread * 100);
        }
    }
    if (!report->quiet)
        printf("  machine not quiet: %s; %s\n", report->why,
               options->force ? "the ratios above mean little" : "no ratio is given (--force prints it)");
    printf("  notifications per operation: %.4f (%.4f doorbells, %.4f wake-ups)\n",
           per_op(report->doorbells + report->wakeups, report->virtual_ops),
           per_op(report->doorbells, report->virtual_ops), per_op(report->wakeups, report->virtual_ops));
    printf("  CPU us per operation: client %.2f, broker %.2f, card %.2f\n",
           per_op(report->client_cpu_ns, report->window_ops) / 1000,
           per_op(report->broker_cpu_ns, report->virtual_ops) / 1000,
           per_op(report->card_cpu_ns, report->virtual_ops) / 1000);
    if (options->idle)
        printf("  idle for %.0f s, from 1 s after the load: callers %.3f %% of a core, broker %.3f %%; broker's memory "
               "%.1f "
               "KiB per tenant\n",
               report->idle_s, report->idle_client * 100, report->idle_broker * 100, report->idle_kib);
    printf("  errors %llu, results checked %llu\n", (unsigned long long)report->errors,
           (unsigned long long)report->checked);
}
