/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/busy.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void compute(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0); /* Ctrl-C is the bench's to handle */
    if (getppid() != parent)
        _exit(0);
    for (volatile uint64_t n = 0;; n++)
        ;
}

bool busy_start(struct busy *busy, uint32_t n)
{
    pid_t parent = getpid();
    for (busy->count = 0; busy->count < n && busy->count < BUSY_MAX; busy->count++) {
        pid_t pid = fork();
        if (pid < 0)
            return false;
        if (pid == 0)
            compute(parent);
        busy->pids[busy->count] = pid;
    }
    return true;
}

void busy_stop(struct busy *busy)
{
    for (uint32_t i = 0; i < busy->count; i++) {
        kill(busy->pids[i], SIGKILL);
        waitpid(busy->pids[i], NULL, 0);
    }
    busy->count = 0;
}
