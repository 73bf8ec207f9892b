/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/quiet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "bench/clock.h"
#include "bench/cpu.h"

bool quiet_parse_stat(const char *text, uint64_t tick_ns, struct quiet_sample *sample)
{
    uint64_t user, nice, system, idle, iowait, irq, softirq, steal;
    if (sscanf(text, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
               &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal) != 8)
        return false;
    uint32_t cpus = 0;
    for (const char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n'))
        if (strncmp(line + 1, "cpu", 3) == 0)
            cpus++;
    if (cpus == 0)
        return false;
    sample->busy_ns = (user + nice + system + irq + softirq) * tick_ns;
    sample->steal_ns = steal * tick_ns;
    sample->cpus = cpus;
    return true;
}

bool quiet_parse_pressure(const char *text, uint64_t *wait_us)
{
    if (strncmp(text, "some ", 5) != 0)
        return false;
    const char *total = strstr(text, "total=");
    const char *end = strchr(text, '\n');
    if (!total || (end && total > end))
        return false;
    uint64_t value;
    if (sscanf(total, "total=%" SCNu64, &value) != 1)
        return false;
    *wait_us = value;
    return true;
}

static bool file_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t n = fread(text, 1, size - 1, file);
    fclose(file);
    text[n] = 0;
    return n > 0;
}

void quiet_read(struct quiet_sample *sample)
{
    char text[65536];
    memset(sample, 0, sizeof(*sample));
    uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    if (file_text("/proc/stat", text, sizeof(text)))
        quiet_parse_stat(text, tick_ns, sample);
    if (file_text("/proc/pressure/cpu", text, sizeof(text)))
        quiet_parse_pressure(text, &sample->wait_us);
    sample->wall_ns = now_ns();
    sample->ours_ns = cpu_descendants_ns(getpid());
}

bool quiet_judge(const struct quiet_sample *before, const struct quiet_sample *after, bool idle, char *text)
{
    if (before->cpus == 0 || after->cpus == 0) {
        snprintf(text, QUIET_TEXT, "/proc/stat could not be read, so nobody knows");
        return false;
    }
    double wall = (double)(after->wall_ns - before->wall_ns);
    if (wall <= 0)
        wall = 1;
    double busy = (double)(after->busy_ns - before->busy_ns);
    double ours = (double)(after->ours_ns - before->ours_ns);
    double others = (busy - ours) / wall;
    double steal = (double)(after->steal_ns - before->steal_ns) / (wall * (double)after->cpus);
    double waited = (double)(after->wait_us - before->wait_us) * 1000.0 / wall;
    const char *when = idle ? "before the run" : "during the run";
    if (others > QUIET_OTHERS)
        snprintf(text, QUIET_TEXT, "other processes used %.0f %% of a core %s", others * 100, when);
    else if (steal > QUIET_STEAL)
        snprintf(text, QUIET_TEXT, "the hypervisor took %.1f %% of the CPU time away %s", steal * 100, when);
    else if (idle && waited > QUIET_PRESSURE)
        snprintf(text, QUIET_TEXT, "tasks waited for a CPU for %.0f %% of the time %s", waited * 100, when);
    else
        return true;
    return false;
}
