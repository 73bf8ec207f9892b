/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.h: CPU time and memory of other processes, from /proc. What cannot be read counts as 0. */
#ifndef CARDMUX_BENCH_CPU_H
#define CARDMUX_BENCH_CPU_H

#include <stdint.h>
#include <sys/types.h>

struct cpu_split {
    uint64_t named_ns; /* threads whose name starts with the prefix */
    uint64_t other_ns;
};

/* CPU time of a process's live threads, to the nanosecond, split by thread name. */
void cpu_threads(pid_t pid, const char *prefix, struct cpu_split *split);
/* CPU time of a process and all its living descendants, in clock ticks' precision. */
uint64_t cpu_descendants_ns(pid_t pid);
/* A process's own memory (not files, not shared memory) that is present, in KiB. */
uint64_t memory_anon_kib(pid_t pid);

#endif
