/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach_probe.c: proves one way to the host, in a guest or natively, against bare_broker or the daemon:
 *
 *     reach_probe REACH ROUNDS [COMMAND...]     WHERE in the environment: socket, device or PCI address
 *
 * Opens the forced reach, does the epoch handshake, then ROUNDS echoes whose data is compared; every fifth waits asleep
 * until it is rung. Prints one line: reach, rounds, how many sleeps ended by a ring, and by how much the counts of our
 * vectors in /proc/interrupts grew. Commands then run in order:
 *     hold      prints "held" and keeps the queue pair until standard input ends
 *     die-busy  leaves a slow echo in flight (bare_broker) and kills itself
 *     clean     fails unless the queue pair was empty (zeros) when it was opened
 *     gone      waits until the reach says that the host is gone, then touches the mapping
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "frontend/reach/reach.h"
#include "proto/ops.h"
#include "proto/ring.h"

#define CONTROL(field) offsetof(struct cm_control, field)
#define SLOW_LENGTH    4444u
#define PATIENCE_MS    30000 /* a machine can be busy; nothing here is expected to take a second */

struct probe {
    struct reach *reach;
    uint64_t generation;
    uint32_t epoch, pos;
    unsigned slept, rung;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int failed(const char *what)
{
    printf("FAILED %s\n", what);
    return 1;
}

/* Sum of the counts of all vectors that are ours. */
static unsigned long interrupts(void)
{
    FILE *file = fopen("/proc/interrupts", "re");
    char line[4096];
    unsigned long sum = 0;
    while (file && fgets(line, sizeof line, file)) {
        if (!strstr(line, "cardmux") && !strstr(line, "vfio-msi"))
            continue;
        char *at = strchr(line, ':');
        for (at = at ? at + 1 : line; *at;) {
            char *end;
            unsigned long count = strtoul(at, &end, 10);
            if (end == at || (*end != ' ' && *end != '\n'))
                break;
            sum += count;
            at = end;
        }
    }
    if (file)
        fclose(file);
    return sum;
}

static bool pair_is_zero(struct shm_span qp)
{
    static const uint8_t zeros[CM_PAGE];
    const size_t line = 64; /* line 0 is the broker's */
    for (size_t off = 0; off < CM_QP_SIZE; off += CM_PAGE) {
        uint8_t page[CM_PAGE];
        shm_copy_in(page, qp, off, sizeof page);
        size_t skip = off ? 0 : line;
        if (memcmp(page + skip, zeros, sizeof page - skip))
            return false;
    }
    return true;
}

static bool handshake(struct probe *probe)
{
    struct shm_span qp = probe->reach->qp;
    int64_t until = now_ms() + PATIENCE_MS;
    probe->generation = shm_load64(qp, CONTROL(generation));
    probe->epoch = shm_load32(qp, CONTROL(epoch)) + 0x1001u + (uint32_t)getpid();
    if (!probe->epoch)
        probe->epoch = 1;
    probe->pos = 1;
    shm_store32(qp, CONTROL(wake_at), 0);
    shm_store32(qp, CONTROL(epoch_wanted), probe->epoch);
    shm_fence();
    probe->reach->driver->ring(probe->reach);
    while (shm_load32(qp, CONTROL(epoch)) != probe->epoch) {
        if (now_ms() > until)
            return false;
        probe->reach->driver->wait(probe->reach, 10);
    }
    return true;
}

static void submit(struct probe *probe, uint16_t slot, uint32_t len)
{
    struct shm_span qp = probe->reach->qp;
    struct cm_sqe sqe = {.generation = probe->generation,
                         .epoch = probe->epoch,
                         .tag = probe->pos * 7,
                         .op = CM_OP_ECHO,
                         .slot = slot,
                         .data_len = len,
                         .pos = probe->pos};
    cm_entry_publish(qp, CM_QP_SQ, probe->pos, &sqe);
    shm_fence();
    if (shm_load32(qp, CONTROL(broker_sleeps)))
        probe->reach->driver->ring(probe->reach);
}

/* An entry of an earlier owner can stand at the same position: it is none. */
static bool taken(struct probe *probe, struct cm_cqe *cqe)
{
    return cm_entry_take(probe->reach->qp, CM_QP_CQ, probe->pos, cqe) && cqe->epoch == probe->epoch &&
           cqe->generation == probe->generation;
}

/* Waits for the completion at probe->pos, asleep or looking. */
static bool await(struct probe *probe, struct cm_cqe *cqe, bool asleep)
{
    struct shm_span qp = probe->reach->qp;
    int64_t until = now_ms() + 2 * PATIENCE_MS;
    if (asleep) {
        int64_t before = now_ms();
        probe->reach->driver->wait(probe->reach, PATIENCE_MS);
        probe->slept++;
        probe->rung += now_ms() - before < PATIENCE_MS;
        shm_store32(qp, CONTROL(wake_at), 0);
    }
    while (!taken(probe, cqe)) {
        if (now_ms() > until)
            return false;
        if (asleep)
            probe->reach->driver->wait(probe->reach, 10);
    }
    return true;
}

static bool echo(struct probe *probe, unsigned round)
{
    struct shm_span qp = probe->reach->qp;
    uint8_t sent[1024], back[1024];
    struct cm_cqe cqe;
    uint16_t slot = (uint16_t)(round % CM_SLOTS);
    uint32_t len = 1 + round * 37 % sizeof sent;
    for (uint32_t i = 0; i < len; i++)
        sent[i] = (uint8_t)(round * 31 + i * 7);
    shm_copy_out(qp, cm_slot_offset(slot), sent, len);
    bool asleep = round % 5 == 0;
    if (asleep) /* announced before there is anything to do, so that the far side cannot but ring */
        shm_store32(qp, CONTROL(wake_at), probe->pos);
    submit(probe, slot, len);
    if (!await(probe, &cqe, asleep))
        return false;
    shm_copy_in(back, qp, cm_slot_offset(slot), len);
    if (cqe.status || cqe.tag != probe->pos * 7 || cqe.slot != slot || cqe.data_len != len || memcmp(sent, back, len))
        return false;
    probe->pos++;
    return true;
}

static int run_command(struct probe *probe, const char *command, bool was_zero)
{
    char byte;
    if (!strcmp(command, "hold")) {
        puts("held");
        fflush(stdout);
        while (read(0, &byte, 1) > 0)
            ;
        return 0;
    }
    if (!strcmp(command, "die-busy")) {
        shm_copy_out(probe->reach->qp, cm_slot_offset(5), "secret of the dead", 18);
        submit(probe, 5, SLOW_LENGTH);
        puts("dying");
        fflush(stdout);
        raise(SIGKILL);
    }
    if (!strcmp(command, "clean"))
        return was_zero ? 0 : failed("clean: the queue pair held something");
    if (!strcmp(command, "gone")) {
        int64_t until = now_ms() + PATIENCE_MS;
        puts("waiting");
        fflush(stdout);
        while (probe->reach->driver->alive(probe->reach)) {
            if (now_ms() > until)
                return failed("gone: it stays alive");
            probe->reach->driver->wait(probe->reach, 100);
        }
        uint64_t magic = shm_load64(probe->reach->header, 0);
        shm_store32(probe->reach->qp, CM_QP_PAYLOAD, 1);
        probe->reach->driver->ring(probe->reach);
        printf("gone, magic %llx\n", (unsigned long long)magic);
        return 0;
    }
    return failed("no such command");
}

int main(int argc, char **argv)
{
    struct probe probe = {0};
    char text[REACH_TEXT];
    if (argc < 3)
        return 2;
    unsigned rounds = (unsigned)atoi(argv[2]);
    uint32_t code = reach_open(argv[1], getenv("WHERE"), &probe.reach, text);
    if (code) {
        printf("FAILED open %08x: %s\n", code, text);
        return 3;
    }
    bool was_zero = pair_is_zero(probe.reach->qp);
    unsigned long before = interrupts();
    if (!handshake(&probe))
        return failed("epoch handshake");
    for (unsigned i = 0; i < rounds; i++)
        if (!echo(&probe, i)) {
            printf("FAILED round %u\n", i);
            return 1;
        }
    printf("OK reach=%s rounds=%u slept=%u rung=%u interrupts=%lu\n", probe.reach->driver->name, rounds, probe.slept,
           probe.rung, interrupts() - before);
    fflush(stdout);
    for (int i = 3; i < argc; i++) {
        int status = run_command(&probe, argv[i], was_zero);
        if (status)
            return status;
    }
    shm_store32(probe.reach->qp, CONTROL(epoch_wanted), 0);
    shm_fence();
    probe.reach->driver->ring(probe.reach);
    probe.reach->driver->close(probe.reach);
    return 0;
}
