/* SPDX-License-Identifier: Apache-2.0 */
/* child.c: see child.h. */
#include "backend/main/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "backend/transport/say.h"

/* Closes everything above 2 but what is in keep. */
static void descriptors_close(const int *keep, unsigned count)
{
    unsigned from = STDERR_FILENO + 1;
    for (;;) {
        unsigned next = ~0u; /* the lowest kept one from here on */
        for (unsigned i = 0; i < count; i++) {
            if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < next) {
                next = (unsigned)keep[i];
            }
        }
        if (next == ~0u) {
            close_range(from, ~0u, 0);
            return;
        }
        if (next > from) {
            close_range(from, next - 1, 0);
        }
        from = next + 1;
    }
}

pid_t child_fork(const int *keep, unsigned count)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid != 0) {
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent) {
        _exit(1);
    }
    descriptors_close(keep, count);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_IGN); /* Ctrl-C goes to the whole foreground group; the keeper ends its children in order */
    signal(SIGHUP, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    return 0;
}

const char *child_cause(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status)) {
        snprintf(text, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(text, size, "status %d", WEXITSTATUS(status));
    }
    return text;
}

int child_wait(pid_t pid, uint64_t deadline)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (;;) {
        pid_t ended = waitpid(pid, NULL, WNOHANG);
        if (ended == pid || (ended < 0 && errno == ECHILD)) {
            return 0;
        }
        uint64_t now = keeper_clock_ms();
        if (now >= deadline) {
            return -1;
        }
        uint64_t left = deadline - now;
        struct timespec wait = {.tv_sec = (time_t)(left / 1000), .tv_nsec = (long)(left % 1000) * 1000000};
        sigtimedwait(&child, NULL, &wait);
    }
}

void child_end(pid_t pid, unsigned patience_ms)
{
    if (pid <= 0 || child_wait(pid, keeper_clock_ms() + patience_ms) == 0) {
        return;
    }
    kill(pid, SIGTERM);
    if (child_wait(pid, keeper_clock_ms() + patience_ms)) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
}
