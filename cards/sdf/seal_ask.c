/* SPDX-License-Identifier: Apache-2.0 */
/* seal_ask.c: starts cardmux-card-sdf, asks it one thing and ends it. See seal.h. */
#include "cards/sdf/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HELPER  "cardmux-card-sdf"
#define MOMENTS 40 /* of 5 ms */

/* Of the same build tree where we are one's program, else where it is installed. */
static void helper_path(char path[PATH_MAX])
{
    static const struct {
        const char *ours, *its;
    } trees[] = {{"/backend/main", "/cards/sdf/" HELPER}, {"/cli", "/cards/sdf/" HELPER}};
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = NULL;
    if (len > 0) {
        self[len] = 0;
        slash = strrchr(self, '/');
    }
    if (slash)
        *slash = 0;
    for (size_t i = 0; slash && i < sizeof trees / sizeof trees[0]; i++) {
        size_t end = strlen(self), tail = strlen(trees[i].ours);
        if (end < tail || strcmp(self + end - tail, trees[i].ours) != 0 ||
            snprintf(path, PATH_MAX, "%.*s%s", (int)(end - tail), self, trees[i].its) >= PATH_MAX)
            continue;
        if (access(path, X_OK) == 0)
            return;
    }
    snprintf(path, PATH_MAX, "%s/" HELPER, CARDMUX_LIBEXEC);
}

/* In the child: nothing of ours but its end of the pair. What a vendor's library prints goes nowhere: it may be an
   access code. */
static void helper_exec(int fd, const char *path)
{
    char *const words[] = {(char *)(uintptr_t)HELPER, NULL};
    int null = open("/dev/null", O_RDWR);
    sigset_t none;
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || dup2(fd, CARD_SEAL_FD) < 0)
        _exit(126);
    if (fd == CARD_SEAL_FD && fcntl(fd, F_SETFD, 0))
        _exit(126);
    close_range(CARD_SEAL_FD + 1, ~0u, 0);
    setpgid(0, 0); /* what the library starts ends with it */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        signal(signal_number, SIG_DFL);
    unsetenv("NOTIFY_SOCKET"); /* the service manager's, for us */
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("CREDENTIALS_DIRECTORY");
    if (chdir("/"))
        _exit(126);
    execv(path, words);
    _exit(127);
}

bool card_seal_start(struct card_seal *seal, const struct card_seal_ask *ask)
{
    char path[PATH_MAX];
    int pair[2];
    *seal = (struct card_seal){.fd = -1};
    helper_path(path);
    if (access(path, X_OK) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return false;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        if (getppid() == parent)
            helper_exec(pair[1], path);
        _exit(126);
    }
    int saved = errno;
    close(pair[1]);
    if (pid > 0) {
        setpgid(pid, pid); /* whichever of us is first */
        seal->pid = pid;
        seal->fd = pair[0];
        if (send(pair[0], ask, sizeof *ask, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof *ask || errno == EPIPE)
            return true;
        saved = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    close(pair[0]);
    *seal = (struct card_seal){.fd = -1};
    errno = saved;
    return false;
}

/* Its group too: what the library started. */
void card_seal_kill(struct card_seal *seal)
{
    kill(-seal->pid, SIGKILL);
    kill(seal->pid, SIGKILL);
    for (unsigned i = 0; i < MOMENTS && waitpid(seal->pid, NULL, WNOHANG) != seal->pid; i++)
        poll(NULL, 0, 5);
    close(seal->fd);
    *seal = (struct card_seal){.fd = -1};
}

bool card_seal_end(struct card_seal *seal, const struct card_seal_ask *ask, bool late, struct card_seal_reply *reply,
                   char *sentence)
{
    ssize_t len = late ? -1 : recv(seal->fd, reply, sizeof *reply, MSG_DONTWAIT | MSG_TRUNC);
    siginfo_t how = {0};
    /* a process that hung up has ended or is about to: its own way of ending is worth a moment */
    for (unsigned i = 0; len == 0 && !how.si_pid && i < MOMENTS; i++) {
        waitid(P_PID, (id_t)seal->pid, &how, WEXITED | WNOHANG | WNOWAIT);
        if (!how.si_pid)
            poll(NULL, 0, 5);
    }
    card_seal_kill(seal);
    if (len > 0 && card_seal_reply_check(reply, (size_t)len, (enum card_seal_verb)ask->verb)) {
        if (reply->step == CARD_SEAL_DONE)
            return true;
        card_seal_sentence(ask, reply, sentence);
        return false;
    }
    explicit_bzero(reply, sizeof *reply);
    reply->step = CARD_SEAL_QUESTION;
    if (late)
        snprintf(sentence, CARD_SEAL_SENTENCE,
                 "the card's library %.100s did not answer within %u s and was ended: is the card well?", ask->library,
                 CARD_SEAL_DEADLINE_MS / 1000);
    else if (len > 0)
        snprintf(sentence, CARD_SEAL_SENTENCE, "cardmux-card-sdf answered with what cannot be: is %.100s sound?",
                 ask->library);
    else if (how.si_pid && how.si_code == CLD_EXITED && how.si_status == 127)
        snprintf(sentence, CARD_SEAL_SENTENCE, "cardmux-card-sdf cannot be executed: install cardmux as a whole");
    else if (how.si_pid && how.si_code != CLD_EXITED)
        snprintf(sentence, CARD_SEAL_SENTENCE,
                 "the card's library %.100s ended its process by signal %d (%s): ask its vendor for a sound one",
                 ask->library, how.si_status, strsignal(how.si_status));
    else
        snprintf(sentence, CARD_SEAL_SENTENCE, "the card's library %.100s ended its process without an answer",
                 ask->library);
    return false;
}

static int left_ms(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t used = (int64_t)(now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
    return used >= (int64_t)CARD_SEAL_DEADLINE_MS ? 0 : (int)(CARD_SEAL_DEADLINE_MS - used);
}

bool card_seal_run(const struct card_seal_ask *ask, struct card_seal_reply *reply, char *sentence)
{
    struct card_seal seal;
    struct timespec start;
    int ready = 0, wait;
    *reply = (struct card_seal_reply){.step = CARD_SEAL_QUESTION};
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (!card_seal_start(&seal, ask)) {
        snprintf(sentence, CARD_SEAL_SENTENCE, "cardmux-card-sdf cannot be started: %s: install cardmux as a whole",
                 strerror(errno));
        return false;
    }
    struct pollfd one = {.fd = seal.fd, .events = POLLIN};
    while ((wait = left_ms(&start)) > 0 && (ready = poll(&one, 1, wait)) < 0 && errno == EINTR) {
    }
    return card_seal_end(&seal, ask, ready <= 0, reply, sentence);
}
