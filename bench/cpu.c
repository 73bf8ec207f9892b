/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/cpu.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool file_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool ok = fgets(line, (int)size, file) != NULL;
    fclose(file);
    return ok;
}

void cpu_threads(pid_t pid, const char *prefix, struct cpu_split *split)
{
    char path[320], line[512];
    memset(split, 0, sizeof(*split));
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        uint64_t ns;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
        if (!file_line(path, line, sizeof(line)) || sscanf(line, "%" SCNu64, &ns) != 1)
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", (int)pid, entry->d_name);
        if (prefix && file_line(path, line, sizeof(line)) && strncmp(line, prefix, strlen(prefix)) == 0)
            split->named_ns += ns;
        else
            split->other_ns += ns;
    }
    closedir(dir);
}

struct process {
    pid_t pid, parent;
    uint64_t ticks;
    bool counted;
};

/* Reads pid, parent and used ticks; the name in parentheses may hold anything, so the fields are counted after it. */
static bool process_read(const char *pid, struct process *process)
{
    char path[320], line[1024];
    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    if (!file_line(path, line, sizeof(line)))
        return false;
    const char *rest = strrchr(line, ')');
    uint64_t user, system;
    int parent;
    if (!rest || sscanf(rest + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &parent, &user,
                        &system) != 3)
        return false;
    *process = (struct process){(pid_t)atoi(pid), (pid_t)parent, user + system, false};
    return true;
}

uint64_t cpu_descendants_ns(pid_t pid)
{
    size_t n = 0, cap = 256;
    struct process *all = malloc(cap * sizeof(*all));
    DIR *dir = all ? opendir("/proc") : NULL;
    if (!dir) {
        free(all);
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        if (n == cap) {
            struct process *more = realloc(all, 2 * cap * sizeof(*all));
            if (!more)
                break;
            all = more;
            cap *= 2;
        }
        if (process_read(entry->d_name, &all[n])) {
            all[n].counted = all[n].pid == pid;
            n++;
        }
    }
    closedir(dir);
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n && !all[i].counted; j++)
                if (all[j].counted && all[j].pid == all[i].parent)
                    again = all[i].counted = true;
    }
    uint64_t ticks = 0;
    for (size_t i = 0; i < n; i++)
        if (all[i].counted)
            ticks += all[i].ticks;
    free(all);
    return ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

uint64_t memory_anon_kib(pid_t pid)
{
    char path[64], line[256];
    uint64_t kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib;
}
