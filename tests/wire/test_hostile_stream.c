/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tenant at the stream socket of a real cardmuxd that has no manners, beside a neighbour whose results are all
 * checked: garbage, frames cut anywhere, lengths and slots that are lies, floods of what is refused, one byte at a
 * time, connections that only write and never read, and descriptors sent along. After each of them the broker is the
 * same, holds the descriptors that it held, and no more memory than its bounds say.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cardmux/sdf.h"
#include "proto/stream.h"
#include "tests/wire/hostile.h"
#include "tests/wire/hostile_load.h"

#define SILENT     24u   /* connections that never read */
#define PER_STREAM 1300u /* KiB: queue pair, engine and what the allocator adds */
#define LOOKS_MAX  6000u /* 10 ms apart, for what comes */

static struct daemon host;
static pid_t broker;
static unsigned keeper_fds, broker_fds, failures;
static struct load_counts *neighbour;
static struct dice dice = {.state = 5};

static void expect(bool holds, const char *what)
{
    if (!holds)
        failures++;
    printf("%s - %s\n", holds ? "ok" : "NOT OK", what);
}

struct line {
    int fd;
    struct cm_stream_hello hello;
    uint32_t pos;
};

static bool dial(struct line *line)
{
    line->pos = 1;
    line->fd = raw_dial(daemon_socket(&host, 0, "stream"));
    if (line->fd >= 0 && recv(line->fd, &line->hello, sizeof line->hello, MSG_WAITALL) == sizeof line->hello &&
        !cm_stream_hello_fault(&line->hello))
        return true;
    if (line->fd >= 0)
        close(line->fd);
    return false;
}

static struct cm_sqe frame(struct line *line, uint16_t op, uint16_t slot, uint32_t data_len)
{
    return (struct cm_sqe){.generation = line->hello.generation,
                           .epoch = CM_STREAM_EPOCH,
                           .op = op,
                           .slot = slot,
                           .tag = line->pos,
                           .data_len = data_len,
                           .pos = line->pos++};
}

/* False: the connection has ended, or takes no more. */
static bool say(struct line *line, const void *bytes, size_t len)
{
    return send(line->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

static bool ended(struct line *line)
{
    char bytes[4096];
    struct timeval limit = {.tv_sec = 10};
    setsockopt(line->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ssize_t got;
    while ((got = recv(line->fd, bytes, sizeof bytes, 0)) > 0)
        ;
    return got == 0 || errno == ECONNRESET;
}

/* ---- attacks; each ends what it began ---- */

static void garbage(void)
{
    unsigned shut = 0, tries = 60;
    for (unsigned i = 0; i < tries; i++) {
        uint8_t junk[4096];
        struct line line;
        for (size_t k = 0; k < sizeof junk; k++)
            junk[k] = (uint8_t)dice_roll(&dice);
        if (!dial(&line))
            continue;
        say(&line, junk, 64 + dice_roll(&dice) % 4000);
        shut += ended(&line);
        close(line.fd);
    }
    expect(shut == tries, "whoever sends what is no frame is cut off");
}

static void lies(void)
{
    unsigned shut = 0, tries = 0;
    for (unsigned kind = 0; kind < 7; kind++) {
        struct line line;
        tries++;
        if (!dial(&line))
            continue;
        struct cm_sqe sqe = frame(&line, CM_OP_SESSION_OPEN, 3, 0);
        sqe.data_len = kind == 0 ? UINT32_MAX : kind == 1 ? CM_SLOT_SIZE + 1 : 0;
        sqe.param_len = kind == 2 ? UINT16_MAX : 0;
        sqe.slot = kind == 3 ? 64 : kind == 4 ? 0xffff : 3;
        sqe.pos += kind == 5;
        sqe.generation += kind == 6;
        say(&line, &sqe, sizeof sqe);
        shut += ended(&line);
        close(line.fd);
    }
    expect(shut == tries, "each lie about length, slot, position and generation ends its connection");
}

/* Connections that stop after any number of bytes of a frame, all open at once, then gone at once. */
static void cut_frames(void)
{
    struct line lines[60];
    uint8_t bytes[CM_STREAM_FRAME] = {0};
    unsigned n = 0;
    for (unsigned i = 0; i < 60; i++) {
        if (!dial(&lines[n]))
            continue;
        struct cm_sqe sqe = frame(&lines[n], CM_OP_HASH, (uint16_t)i, CM_SLOT_SIZE);
        memcpy(bytes, &sqe, sizeof sqe);
        say(&lines[n++], bytes, i < 30 ? 1 + 2 * i : 64 + i * 200);
    }
    expect(n == 60, "half frames are waited for");
    while (n)
        close(lines[--n].fd);
}

static void byte_by_byte(void)
{
    struct line line;
    if (!dial(&line)) {
        expect(false, "a connection for one byte at a time");
        return;
    }
    unsigned answers = 0;
    for (unsigned i = 0; i < 30; i++) {
        struct cm_sqe sqe = frame(&line, CM_OP_SESSION_OPEN, 0, 0);
        struct cm_cqe cqe;
        for (size_t k = 0; k < sizeof sqe; k++)
            say(&line, (uint8_t *)&sqe + k, 1);
        answers += recv(line.fd, &cqe, sizeof cqe, MSG_WAITALL) == sizeof cqe && cqe.status == SDR_OK;
    }
    expect(answers == 30, "one byte at a time is answered as any other");
    close(line.fd);
}

/* What the gate refuses, as fast as it goes, answers read; then a slot that is in flight. */
static void flood(void)
{
    struct line line;
    unsigned refused = 0, sent = 0;
    if (!dial(&line)) {
        expect(false, "a connection for a flood");
        return;
    }
    for (unsigned round = 0; round < 300; round++) {
        struct cm_sqe burst[CM_SLOTS];
        struct cm_cqe cqe;
        for (uint16_t slot = 0; slot < CM_SLOTS; slot++)
            burst[slot] = frame(&line, slot & 1 ? 9999 : CM_OP_HASH_FINAL, slot, 0);
        if (!say(&line, burst, sizeof burst))
            break;
        sent += CM_SLOTS;
        for (unsigned i = 0; i < CM_SLOTS; i++)
            refused += recv(line.fd, &cqe, sizeof cqe, MSG_WAITALL) == sizeof cqe && cqe.status != SDR_OK;
    }
    expect(sent && refused == sent, "a flood of what is refused is refused, one by one");
    close(line.fd);
}

/* Writes and never reads: its slots are used up, then it breaks the rules and is cut off, or waits for ever. */
static void never_reads(void)
{
    static struct line lines[SILENT];
    static uint8_t data[CM_SLOT_SIZE];
    uint64_t before = process_anon_kib(broker), most = 0;
    uint64_t done = atomic_load(&neighbour->done);
    unsigned n = 0;
    for (unsigned i = 0; i < SILENT; i++) {
        int small = 4096;
        if (!dial(&lines[n]))
            continue;
        setsockopt(lines[n].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        for (uint16_t slot = 0; slot < CM_SLOTS; slot++) {
            struct cm_sqe sqe = frame(&lines[n], CM_OP_RANDOM, slot, slot & 1 ? CM_SLOT_SIZE : 0);
            struct iovec parts[2] = {{&sqe, sizeof sqe}, {data, sqe.data_len}};
            struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
            if (sendmsg(lines[n].fd, &message, MSG_NOSIGNAL) < 0)
                break;
        }
        n++;
    }
    for (unsigned looks = 0; looks < LOOKS_MAX && (looks < 100 || atomic_load(&neighbour->done) == done); looks++) {
        uint64_t now = process_anon_kib(broker);
        most = now > most ? now : most;
        usleep(10000);
    }
    printf("%u connections that never read: broker %llu KiB before, %llu at most\n", n, (unsigned long long)before,
           (unsigned long long)most);
    expect(n == SILENT && most < before + n * PER_STREAM + 4096,
           "who never reads costs its own slots and nothing else");
    expect(atomic_load(&neighbour->done) > done, "the neighbour goes on meanwhile");
    while (n)
        close(lines[--n].fd);
}

/* Descriptors with each message, into a daemon that wants none. */
static void descriptors(void)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(16 * sizeof(int))];
    } control = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(16 * sizeof(int))}};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct line line;
    unsigned answers = 0;
    for (unsigned i = 0; i < 16; i++)
        memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &null, sizeof null);
    if (dial(&line)) {
        for (unsigned i = 0; i < 20; i++) {
            struct cm_sqe sqe = frame(&line, CM_OP_SESSION_OPEN, 0, 0);
            struct cm_cqe cqe;
            struct iovec part = {&sqe, sizeof sqe};
            struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
            if (sendmsg(line.fd, &message, MSG_NOSIGNAL) < 0)
                break;
            answers += recv(line.fd, &cqe, sizeof cqe, MSG_WAITALL) == sizeof cqe && cqe.status == SDR_OK;
        }
        expect(answers == 20 && process_fds(broker) <= broker_fds + 1, "descriptors that come along are not kept");
        close(line.fd);
    } else {
        expect(false, "a connection for descriptors");
    }
    close(null);
}

/* ---- the judge ---- */

static void judge(const char *attack)
{
    char text[160];
    unsigned keeper = 0, its_broker = 0, looks;
    uint64_t done = atomic_load(&neighbour->done);
    for (looks = 0; looks < LOOKS_MAX; looks++) {
        keeper = process_fds(host.pid);
        its_broker = process_fds(broker);
        if (keeper == keeper_fds && its_broker == broker_fds && atomic_load(&neighbour->done) > done + 100)
            break;
        usleep(10000);
    }
    snprintf(text, sizeof text, "%s: keeper %u descriptors (before: %u), broker %u (%u), same broker", attack, keeper,
             keeper_fds, its_broker, broker_fds);
    expect(looks < LOOKS_MAX && daemon_child(&host, "cardmux-broker") == broker, text);
}

static void attack(const char *name, void (*run)(void))
{
    run();
    judge(name);
}

static pid_t neighbour_start(void)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    struct load *load = load_open(daemon_socket(&host, 1, "unix"), neighbour);
    for (;;)
        load_round(load);
}

int main(void)
{
    neighbour = mmap(NULL, sizeof *neighbour, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (neighbour == MAP_FAILED)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    daemon_start(&host, &(struct daemon_options){.tenants = 2});
    pid_t pid = neighbour_start();
    for (unsigned looks = 0; looks < 6000 && !atomic_load(&neighbour->done); looks++)
        usleep(10000);
    broker = daemon_child(&host, "cardmux-broker");
    keeper_fds = process_fds(host.pid);
    broker_fds = process_fds(broker);
    attack("garbage", garbage);
    attack("lies", lies);
    attack("cut frames", cut_frames);
    attack("one byte at a time", byte_by_byte);
    attack("a flood", flood);
    attack("never reads", never_reads);
    attack("descriptors", descriptors);
    const char *body = strstr(manage(&host, "GET", "/v1/tenants/t0", ""), "\"rejects\"");
    uint64_t rejects = body ? number_in(body, cm_gate_name(CM_GATE_STREAM)) : 0;
    printf("streams cut off: %llu\n", (unsigned long long)rejects);
    expect(rejects != UINT64_MAX && rejects >= 67, "each was counted");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    expect(atomic_load(&neighbour->done) > 1000 && !atomic_load(&neighbour->wrong) && !atomic_load(&neighbour->failed),
           "all of the neighbour's results are right");
    expect(daemon_stop(&host) == 0, "the daemon ends as it should");
    return failures ? 1 : 0;
}
