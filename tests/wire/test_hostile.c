/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tenants and a real cardmuxd, sandbox and limits on. t0 attacks with ATTACKERS processes: garbage, and random
 * words in the memory of the same region while it is served; epochs and doorbells without end; slow operations. t1, the
 * neighbour, is a process of its own that checks every result. (t2 comes in at the end, see eventfds_block.)
 *
 * What the neighbour may expect is measured in the same run: in every other slice the same number of t0's processes
 * load the card honestly, with as many requests as the card takes. The neighbour's rate beside the attack must be at
 * least 80 % of its rate beside that load: the median of paired slices, up to TRIES times, since the machine may be
 * busy with something else; it is 1.0 to 1.3, and where the attack tells, it does so each time. Under a sanitizer the
 * ratio is printed only. t0's processes have a CPU of their own in both kinds of slice (where there are two): how much
 * of a CPU a tenant may burn is for the host's scheduler to limit, and a process that only spins would otherwise take
 * it from the daemon without asking the daemon for anything.
 *
 * Then: nothing of the neighbour's was wrong or failed, keeper, broker and admin are the processes that they were, they
 * have the descriptors that they had, no memory was kept, and each reason of the gate was counted.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/wire/hostile.h"
#include "tests/wire/hostile_load.h"

#define ATTACKERS    4
#define SLICES       8 /* pairs */
#define SLICE_MS     250
#define SETTLE_MS    60
#define LEAST        0.8
#define TRIES        5
#define PATIENCE_MS  60000 /* for what must come */
#define GROWTH_KIB   32768 /* a check of an access code takes 16 MiB, and its thread's heap keeps them */
#define MAX_SESSIONS 64

#if defined(__SANITIZE_ADDRESS__)
#define MEASURED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEASURED 0
#endif
#endif
#ifndef MEASURED
#define MEASURED 1
#endif

enum mode {
    MODE_IDLE,
    MODE_CALM,
    MODE_HOSTILE,
};

static struct {
    _Atomic int mode;
    _Atomic uint64_t attacks[ATTACKERS];
    struct load_counts neighbour, honest;
} * shared;

static struct daemon host;
static unsigned failures;

static void expect(bool holds, const char *what)
{
    if (!holds)
        failures++;
    printf("%s - %s\n", holds ? "ok" : "NOT OK", what);
}

static void sleep_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l};
    while (nanosleep(&left, &left))
        ;
}

static bool grows_over(const _Atomic uint64_t *count, uint64_t limit)
{
    for (unsigned waited = 0; atomic_load(count) <= limit && waited < PATIENCE_MS; waited += 10)
        sleep_ms(10);
    return atomic_load(count) > limit;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The last CPU for t0, the others for daemon and neighbour. */
static void cpus_take(bool of_attackers)
{
    static cpu_set_t all;
    static bool known;
    cpu_set_t set;
    size_t last = 0;
    if (!known && sched_getaffinity(0, sizeof all, &all))
        return;
    known = true;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all))
            last = cpu;
    if (CPU_COUNT(&all) < 2)
        return;
    set = all;
    CPU_CLR(last, &set);
    if (of_attackers) {
        CPU_ZERO(&set);
        CPU_SET(last, &set);
    }
    sched_setaffinity(0, sizeof set, &set);
}

static pid_t child(void (*body)(void *), void *arg)
{
    pid_t parent = getpid(), pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        body(arg);
    _exit(0);
}

static void end(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (WIFEXITED(status))
        expect(WEXITSTATUS(status) == 0, "a child process did its work");
}

static void neighbour_run(void *arg)
{
    (void)arg;
    struct load *load = load_open(daemon_socket(&host, 1, "unix"), &shared->neighbour);
    for (;;)
        load_round(load);
}

struct attacker {
    unsigned number;
    struct raw raw;
};

/* HOSTILE_KINDS=MASK leaves out attacks, to find which one tells. */
static unsigned kinds = ~0u;

static void attack(struct attacker *attacker, struct dice *dice)
{
    struct raw *raw = &attacker->raw;
    if (!(kinds >> attacker->number & 1)) {
        usleep(1000);
        return;
    }
    switch (attacker->number) {
    case 0:
        attack_garbage(raw, dice);
        break;
    case 1:
        attack_memory(raw, dice);
        break;
    case 2:
        attack_epoch(raw, dice);
        attack_doorbell(raw, dice);
        break;
    default:
        attack_slow(raw, dice);
    }
    atomic_fetch_add(&shared->attacks[attacker->number], 1);
}

static void attacker_run(void *arg)
{
    struct attacker *attacker = arg;
    struct dice dice = {.state = 4711u + attacker->number};
    cpus_take(true);
    struct load *load = load_open(daemon_socket(&host, 0, "unix"), &shared->honest);
    for (;;)
        switch ((enum mode)atomic_load(&shared->mode)) {
        case MODE_IDLE:
            usleep(1000);
            break;
        case MODE_CALM:
            load_round(load);
            break;
        case MODE_HOSTILE:
            attack(attacker, &dice);
            break;
        }
}

/* Attackers 0 and 1 have one region: one submits, the other changes its memory meanwhile. */
static void attackers_start(pid_t *pids)
{
    struct attacker attackers[ATTACKERS];
    uint32_t status;
    for (unsigned i = 0; i < ATTACKERS; i++) {
        attackers[i].number = i;
        if (i == 1)
            attackers[i].raw = attackers[0].raw;
        else if (!raw_connect(&attackers[i].raw, daemon_socket(&host, 0, "unix"), &status)) {
            fprintf(stderr, "an attacker is not let in: 0x%08x\n", (unsigned)status);
            exit(2);
        }
    }
    attack_each_reason(&attackers[0].raw, MAX_SESSIONS);
    attackers[1].raw = attackers[0].raw;
    for (unsigned i = 0; i < ATTACKERS; i++)
        pids[i] = child(attacker_run, &attackers[i]);
    for (unsigned i = 0; i < ATTACKERS; i++)
        if (i != 1)
            raw_close(&attackers[i].raw);
}

/* The neighbour's operations per second while t0 does as `mode` says. */
static double slice(enum mode mode)
{
    atomic_store(&shared->mode, mode);
    sleep_ms(SETTLE_MS);
    double start = now_s();
    uint64_t before = atomic_load(&shared->neighbour.done);
    sleep_ms(SLICE_MS);
    return (double)(atomic_load(&shared->neighbour.done) - before) / (now_s() - start);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double ratio_measure(void)
{
    double ratio[SLICES], calm = 0, hostile = 0;
    for (unsigned i = 0; i < SLICES; i++) {
        double a = slice(i & 1 ? MODE_HOSTILE : MODE_CALM), b = slice(i & 1 ? MODE_CALM : MODE_HOSTILE);
        ratio[i] = i & 1 ? a / b : b / a;
        calm += i & 1 ? b : a;
        hostile += i & 1 ? a : b;
    }
    atomic_store(&shared->mode, MODE_IDLE);
    qsort(ratio, SLICES, sizeof *ratio, ascending);
    double median = (ratio[SLICES / 2 - 1] + ratio[SLICES / 2]) / 2;
    printf("neighbour: %.0f operations/s beside honest load, %.0f beside the attack; ratio %.2f (%.2f to %.2f)\n",
           calm / SLICES, hostile / SLICES, median, ratio[0], ratio[SLICES - 1]);
    return median;
}

/* Works on as if nothing had happened, with the memory that it has mapped. */
static void flood(void *arg)
{
    struct raw raw;
    struct cm_cqe cqe;
    uint32_t status;
    (void)arg;
    if (!raw_connect(&raw, daemon_socket(&host, 0, "unix"), &status) || !raw_attach(&raw, 10000))
        _exit(3);
    for (unsigned flying = 0;;) {
        for (; flying < CM_SLOTS; flying++)
            raw_submit(&raw, (struct cm_sqe){.op = CM_OP_SESSION_OPEN});
        raw_ring(&raw);
        while (raw_take(&raw, &cqe, 10))
            flying--;
    }
}

/* A disabled tenant's regions are gone before the next submission is looked at: the gate needs no reason for it. */
static void disable(void)
{
    struct raw raw;
    uint32_t status;
    bool back = false;
    pid_t pid = child(flood, NULL);
    /* the attackers' regions first go with the last of their slow operations; one session too many is the flood's */
    uint64_t served = 0, sessions = UINT64_MAX;
    for (unsigned waited = 0; waited < PATIENCE_MS && served != 1; waited += 100) {
        const char *body = manage(&host, "GET", "/v1/tenants/t0", "");
        uint64_t before = sessions;
        sessions = number_in(body, cm_gate_name(CM_GATE_LIMIT));
        served = sessions > before ? number_in(body, "regions") : 0;
        sleep_ms(100);
    }
    manage(&host, "PATCH", "/v1/tenants/t0", "{\"disabled\": true}");
    uint64_t left = number_in(manage(&host, "GET", "/v1/tenants/t0", ""), "regions");
    manage(&host, "PATCH", "/v1/tenants/t0", "{\"disabled\": false}");
    for (unsigned waited = 0; waited < PATIENCE_MS && !back; waited += 10) {
        back = raw_connect(&raw, daemon_socket(&host, 0, "unix"), &status);
        if (!back)
            sleep_ms(10);
    }
    printf("t0: %llu regions, %llu when disabled\n", (unsigned long long)served, (unsigned long long)left);
    expect(served == 1 && left == 0,
           "a tenant that is disabled is not served from that moment, whatever it has mapped");
    expect(back && raw_attach(&raw, 10000), "enabled again, it is");
    if (back)
        raw_close(&raw);
    end(pid);
}

static void rejects_print(void)
{
    const char *body = strstr(manage(&host, "GET", "/v1/tenants/t0", ""), "\"rejects\"");
    bool all = body != NULL;
    printf("t0's submissions refused:");
    for (int reason = CM_GATE_OK + 1; body && reason < CM_GATE_END; reason++) {
        if (reason == CM_GATE_STREAM)
            continue; /* no ring can give it */
        uint64_t count = number_in(body, cm_gate_name((enum cm_gate)reason));
        printf(" %s %llu", cm_gate_name((enum cm_gate)reason), (unsigned long long)count);
        all = all && count != UINT64_MAX && count > 0;
    }
    printf("\n");
    expect(all, "each reason of the gate that a tenant can give was counted");
}

/* t2 makes the eventfds block that it shares with the broker (guard.c); the neighbour must go on all the time. */
static void eventfds_run(void *arg)
{
    struct raw raw;
    uint32_t status;
    (void)arg;
    for (;;)
        if (raw_connect(&raw, daemon_socket(&host, 2, "unix"), &status))
            attack_eventfds(&raw);
        else
            sleep_ms(10);
}

static void eventfds_block(void)
{
    pid_t pid = child(eventfds_run, NULL);
    bool goes_on = true;
    for (unsigned i = 0; i < 10 && goes_on; i++) {
        uint64_t before = atomic_load(&shared->neighbour.done);
        sleep_ms(300);
        goes_on = grows_over(&shared->neighbour.done, before);
    }
    expect(goes_on, "the neighbour goes on while eventfds are made to block");
    end(pid);
}

struct held {
    pid_t keeper, broker, admin;
    unsigned keeper_fds, broker_fds;
    uint64_t keeper_kib, broker_kib;
};

static struct held held_now(void)
{
    struct held held = {.keeper = host.pid,
                        .broker = daemon_child(&host, "cardmux-broker"),
                        .admin = daemon_child(&host, "cardmux-admin")};
    held.keeper_fds = process_fds(held.keeper);
    held.broker_fds = process_fds(held.broker);
    held.keeper_kib = process_anon_kib(held.keeper);
    held.broker_kib = process_anon_kib(held.broker);
    return held;
}

static void held_compare(const struct held *before)
{
    struct held after = held_now();
    for (unsigned looks = 0;
         looks < PATIENCE_MS / 10 && (after.keeper_fds != before->keeper_fds || after.broker_fds != before->broker_fds);
         looks++) {
        sleep_ms(10);
        after = held_now();
    }
    printf("keeper: %u descriptors, %llu KiB before; %u, %llu KiB after\nbroker: %u descriptors, %llu KiB before; %u, "
           "%llu KiB after\n",
           before->keeper_fds, (unsigned long long)before->keeper_kib, after.keeper_fds,
           (unsigned long long)after.keeper_kib, before->broker_fds, (unsigned long long)before->broker_kib,
           after.broker_fds, (unsigned long long)after.broker_kib);
    expect(after.broker && after.broker == before->broker && after.admin == before->admin, "broker and admin live on");
    expect(after.keeper_fds == before->keeper_fds && after.broker_fds == before->broker_fds, "no descriptor was kept");
    if (MEASURED)
        expect(after.keeper_kib < before->keeper_kib + GROWTH_KIB && after.broker_kib < before->broker_kib + GROWTH_KIB,
               "no memory was kept");
}

static void tenants_limit(void)
{
    char body[64];
    snprintf(body, sizeof body, "{\"max_sessions\": %d, \"deny\": [\"sha1\"]}", MAX_SESSIONS);
    manage(&host, "PATCH", "/v1/tenants/t0", body);
}

int main(void)
{
    pid_t neighbour, attackers[ATTACKERS];
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (getenv("HOSTILE_KINDS"))
        kinds = (unsigned)strtoul(getenv("HOSTILE_KINDS"), NULL, 0);
    cpus_take(false);
    daemon_start(&host, &(struct daemon_options){.tenants = 3, .extra = getenv("HOSTILE_CARD")});
    tenants_limit();
    neighbour = child(neighbour_run, NULL);
    grows_over(&shared->neighbour.done, 0); /* its connection stands, and is not counted as kept */
    sleep_ms(500);
    struct held before = held_now();
    attackers_start(attackers);
    sleep_ms(500);
    double ratio = 0;
    for (unsigned tries = 0; tries < TRIES && ratio < LEAST; tries++)
        ratio = ratio_measure();
    /* what the workers keep for the next check of an access code is there now, but for one that had none yet */
    before.keeper_kib = process_anon_kib(before.keeper);
    before.broker_kib = process_anon_kib(before.broker);
    atomic_store(&shared->mode, MODE_HOSTILE);
    sleep_ms(2000);
    if (MEASURED)
        expect(ratio >= LEAST, "the neighbour has at least 80 % of the rate that it has beside honest load");
    for (unsigned i = 0; i < ATTACKERS; i++)
        expect(grows_over(&shared->attacks[i], 5), "an attacker attacked");
    for (unsigned i = 0; i < ATTACKERS; i++)
        end(attackers[i]);
    rejects_print();
    disable();
    eventfds_block();
    expect(grows_over(&shared->neighbour.done, 1000), "the neighbour did something");
    expect(!atomic_load(&shared->neighbour.wrong) && !atomic_load(&shared->neighbour.failed),
           "all of the neighbour's results are right");
    expect(!atomic_load(&shared->honest.wrong), "none of t0's own honest results was wrong");
    held_compare(&before);
    end(neighbour);
    int status = daemon_stop(&host);
    expect(status == 0, "the daemon ends as it should");
    return failures ? 1 : 0;
}
