/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quiet.h: was anybody else using the machine?
 *
 * One busy process beside a benchmark of this kind changes its figures by a factor of 3 to 1000, so a figure is worth
 * something only with this answer beside it. Two looks:
 *   - before the run, for a moment in which the bench does nothing: busy time, time stolen by the hypervisor, and
 *     (where the kernel has it) time that tasks waited for a CPU;
 *   - over the whole run: all busy time of the machine less what the bench and its children used, and stolen time.
 *     Waiting tasks say nothing here: with more callers than cores the bench's own wait.
 * Limits: QUIET_OTHERS of one core used by others, QUIET_STEAL of all cores stolen, QUIET_PRESSURE of the time waited.
 */
#ifndef CARDMUX_BENCH_QUIET_H
#define CARDMUX_BENCH_QUIET_H

#include <stdbool.h>
#include <stdint.h>

#define QUIET_OTHERS   0.05
#define QUIET_STEAL    0.01
#define QUIET_PRESSURE 0.02
#define QUIET_TEXT     160

struct quiet_sample {
    uint64_t wall_ns;
    uint64_t busy_ns;  /* all CPUs: user, nice, system, irq, softirq */
    uint64_t steal_ns; /* all CPUs */
    uint64_t wait_us;  /* "some" of /proc/pressure/cpu; 0 where there is none */
    uint32_t cpus;
    uint64_t ours_ns; /* this process and its descendants */
};

/* Parsers of /proc/stat (tick: ns of one tick) and of /proc/pressure/cpu. False where the text is not as expected;
   nothing is changed then. */
bool quiet_parse_stat(const char *text, uint64_t tick_ns, struct quiet_sample *sample);
bool quiet_parse_pressure(const char *text, uint64_t *wait_us);

void quiet_read(struct quiet_sample *sample);
/* `idle`: the bench did nothing between the two samples. Pure. Where the answer is no, text[QUIET_TEXT] says why. */
bool quiet_judge(const struct quiet_sample *before, const struct quiet_sample *after, bool idle, char *text);

#endif
