/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper of a real cardmuxd is killed (SIGKILL) under load, stays away for a while, and a new daemon starts on the
 * same directories. Four callers of one process, each way to wait in a process of its own, go on all the time:
 *
 *   while there is no daemon   every call ends, with SDR_COMMFAIL, and within the deadline
 *   afterwards                 the same device and session handles work again, through a new connection; what the
 *                              session held is gone: SDR_COMMFAIL once, then the caller may make it anew
 *
 * and a client of cardmux/client.h gets an answer to each of its requests. The children of the dead keeper end by
 * themselves: two brokers would serve one vault otherwise; and the next daemon waits for what is left of the last one.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cardmux/client.h"
#include "cardmux/sdf.h"
#include "proto/wait.h"
#include "tests/wire/daemon.h"

#define CALLERS    4
#define DEADLINE_S 3
#define LATE_S     (DEADLINE_S + 20) /* a call that takes longer hangs: slack for a busy machine */
#define DEATHS     3

enum times {
    SERVED,
    GONE,
    ENDING
};

static _Atomic int now; /* enum times */
static _Atomic unsigned wrong;
static void *device;

struct caller {
    pthread_t thread;
    unsigned number;
    void *session, *key;
    _Atomic unsigned good, bad; /* calls, since the last change of times */
    _Atomic unsigned rounds;
};

static struct caller callers[CALLERS];

static uint64_t clock_s(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec;
}

static void complain(struct caller *caller, const char *what, int status)
{
    fprintf(stderr, "caller %u, at time %d: %s: 0x%08x\n", caller->number, now, what, (unsigned)status);
    wrong++;
}

static bool went(struct caller *caller, const char *what, int status, uint64_t since)
{
    if (clock_s() - since > LATE_S)
        complain(caller, "late", status);
    if (status == SDR_OK) {
        caller->good++;
        return true;
    }
    caller->bad++;
    if (status != SDR_COMMFAIL)
        complain(caller, what, status);
    return false;
}

/* A key in the session, used until it is lost; and what needs nothing. */
static void caller_round(struct caller *caller)
{
    unsigned char data[64] = "sixty-four bytes of plain text.", out[64], back[64], wrapped[64], iv[16] = {0};
    unsigned len = sizeof wrapped;
    uint64_t since = clock_s();
    if (!caller->key) {
        void *key = NULL;
        if (!went(caller, "SDF_GenerateKeyWithKEK",
                  SDF_GenerateKeyWithKEK(caller->session, 128, SGD_SM4_ECB, 1, wrapped, &len, &key), since))
            return;
        caller->key = key;
    }
    since = clock_s();
    if (!went(caller, "SDF_GenerateRandom", SDF_GenerateRandom(caller->session, sizeof out, out), since))
        return;
    since = clock_s();
    len = sizeof out;
    int status = SDF_Encrypt(caller->session, caller->key, SGD_SM4_CBC, iv, data, sizeof data, out, &len);
    if (went(caller, "SDF_Encrypt", status, since)) {
        memset(iv, 0, sizeof iv);
        len = sizeof back;
        since = clock_s();
        status = SDF_Decrypt(caller->session, caller->key, SGD_SM4_CBC, iv, out, sizeof out, back, &len);
        if (went(caller, "SDF_Decrypt", status, since) && (len != sizeof data || memcmp(back, data, sizeof data)))
            complain(caller, "wrong plain text", 0);
    }
    if (status != SDR_OK)
        caller->key = NULL; /* the handle went with its session */
}

static void *caller_run(void *arg)
{
    struct caller *caller = arg;
    while (now != ENDING) {
        unsigned bad = caller->bad;
        caller_round(caller);
        caller->rounds++;
        if (caller->bad != bad)
            usleep(2000); /* nobody there: no busy loop */
    }
    return NULL;
}

/* Until each caller has ended `count` rounds, all of them begun after now. */
static void wait_rounds(unsigned count)
{
    unsigned from[CALLERS];
    for (unsigned i = 0; i < CALLERS; i++)
        from[i] = callers[i].rounds;
    for (unsigned i = 0; i < CALLERS; i++)
        while (callers[i].rounds - from[i] <= count)
            usleep(1000);
}

/* Requests in flight when the keeper dies are answered, each once. */
static void client_death(struct daemon *daemon, enum wait_mode wait)
{
    struct cardmux_client *client = NULL;
    struct cardmux_options options = {.size = sizeof options, .wait = (enum cardmux_wait)wait};
    struct cardmux_completion done[16];
    unsigned answered = 0, sent = 0;
    uint64_t since = clock_s();
    if (cardmux_open(&options, &client, NULL, 0) != SDR_OK) {
        wrong++;
        return;
    }
    for (int round = 0; round < 200 || (answered < sent && clock_s() - since < LATE_S); round++) {
        if (round == 50) {
            daemon_kill(daemon);
            since = clock_s();
        }
        int slot = round < 200 ? cardmux_slot_take(client) : -1;
        struct cardmux_request request = {.op = CARDMUX_RANDOM, .slot = (uint16_t)slot, .arg = 16};
        if (slot >= 0 && cardmux_submit(client, &request, 1) == 1)
            sent++;
        else if (slot >= 0)
            cardmux_slot_free(client, slot);
        size_t n = cardmux_poll(client, done, 16, 2, round < 50 ? 1 : 20);
        for (size_t i = 0; i < n; i++, answered++) {
            wrong += done[i].status != SDR_OK && done[i].status != SDR_COMMFAIL;
            cardmux_slot_free(client, done[i].slot);
        }
    }
    if (answered != sent || sent < 50) {
        fprintf(stderr, "client: %u answers to %u requests\n", answered, sent);
        wrong++;
    }
    cardmux_close(client);
}

/* Gone means gone: the vault is not to be served twice. */
static void wait_orphan(pid_t pid)
{
    for (int tries = 0; tries < 20000; tries++) {
        if (kill(pid, 0))
            return;
        usleep(1000);
    }
    fprintf(stderr, "the broker outlives its keeper\n");
    wrong++;
}

/* What is left of a killed daemon may have its locks for a moment longer: another process stands for it. */
static pid_t hold_locks(const struct daemon *daemon)
{
    static const char *const names[] = {"run/cardmuxd.lock", "state/lock"};
    int fds[2];
    for (int i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", daemon->dir, names[i]);
        fds[i] = open(path, O_RDWR | O_CLOEXEC);
        if (fds[i] < 0 || flock(fds[i], LOCK_EX)) {
            perror(path);
            wrong++;
        }
    }
    pid_t pid = fork();
    if (pid == 0) {
        usleep(400000);
        close(fds[0]);
        usleep(400000);
        _exit(0);
    }
    close(fds[0]);
    close(fds[1]);
    return pid;
}

static void death(struct daemon *daemon, enum wait_mode wait, int number)
{
    pid_t broker = 0;
    unsigned bad[CALLERS];
    wait_rounds(20);
    for (int tries = 0; tries < 5000 && !(broker = daemon_child(daemon, "cardmux-broker")); tries++)
        usleep(1000);
    if (number == 0)
        client_death(daemon, wait);
    else
        daemon_kill(daemon);
    now = GONE;
    wait_orphan(broker);
    wait_rounds(3);
    for (unsigned i = 0; i < CALLERS; i++) {
        unsigned good = callers[i].good;
        usleep(20000);
        if (callers[i].good != good)
            complain(&callers[i], "calls go well, with nobody there", 0);
    }
    pid_t holder = hold_locks(daemon);
    daemon_again(daemon);
    waitpid(holder, NULL, 0);
    wait_rounds(2); /* each knows by now */
    now = SERVED;
    for (unsigned i = 0; i < CALLERS; i++)
        bad[i] = callers[i].bad;
    wait_rounds(20);
    for (unsigned i = 0; i < CALLERS; i++)
        if (callers[i].bad != bad[i])
            complain(&callers[i], "calls fail, though the daemon is back", (int)(callers[i].bad - bad[i]));
}

static void run(const char *name, const char *front, enum wait_mode wait)
{
    struct daemon daemon = {0};
    char extra[64];
    alarm(150); /* something hangs */
    snprintf(extra, sizeof extra, "[broker]\ndeadline = %d\n", DEADLINE_S * 1000);
    daemon_start(&daemon, &(struct daemon_options){.tenants = 1, .extra = extra});
    setenv("CARDMUX_SOCKET", daemon_socket(&daemon, 0, "unix"), 1);
    setenv("CARDMUX_REACH", "unix", 1);
    setenv("CARDMUX_WAIT", front, 1);
    if (SDF_OpenDevice(&device) != SDR_OK)
        exit(2);
    for (unsigned i = 0; i < CALLERS; i++) {
        callers[i].number = i;
        if (SDF_OpenSession(device, &callers[i].session) != SDR_OK)
            exit(2);
        pthread_create(&callers[i].thread, NULL, caller_run, &callers[i]);
    }
    for (int i = 0; i < DEATHS; i++)
        death(&daemon, wait, i);
    now = ENDING;
    for (unsigned i = 0; i < CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        printf("%s, caller %u: %u calls went well, %u did not\n", name, i, callers[i].good, callers[i].bad);
    }
    SDF_CloseDevice(device);
    if (daemon_stop(&daemon) != 0)
        wrong++;
}

int main(void)
{
    static const struct {
        const char *name;
        enum wait_mode wait;
    } ways[] = {{"adaptive", WAIT_ADAPTIVE}, {"sleep", WAIT_SLEEP}, {"poll", WAIT_POLL}};
    int failed = 0;
    for (int i = 0; i < 3; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            run(ways[i].name, ways[i].name, ways[i].wait);
            fflush(stdout);
            _exit(wrong != 0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status)
            failed++;
    }
    printf("%d of 3 ways to wait failed\n", failed);
    return failed != 0;
}
