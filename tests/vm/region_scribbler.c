/* SPDX-License-Identifier: Apache-2.0 */
/*
 * region_scribbler: a guest's root gone bad. It maps the whole of an ivshmem device (sysfs, no driver), negotiates
 * properly on all queue pairs, and then breaks every rule:
 *
 *     region_scribbler SECONDS SEED [mend]
 *
 *   at first          each class of bad submission once (raw.h), the tenant's limit of sessions being MAX_SESSIONS
 *   half of the time  submissions of right generation, epoch and position with likely and unlikely fields, changed,
 * with their payload, while the broker has them the other half    random words and blocks over everything: header,
 * control pages, rings, parameters, payload; and all vectors of all peers are rung, those that do not exist too
 *
 * With "mend" it then puts back what the broker writes but once, and asks for a fresh epoch of each queue pair: a
 * broker that serves them all as before gives it. Otherwise it leaves the region as it is. Prints what it did.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "frontend/reach/ivshmem/pci.h"
#include "proto/ops.h"
#include "proto/ring.h"
#include "tests/wire/raw.h"

#define CONTROL(field) offsetof(struct cm_control, field)
#define DOORBELL       3 /* register, in words */
#define MAX_SESSIONS   64
#define LEAST          1000 /* of submissions; test-hostile-guest asks for as many */

struct attack {
    struct shm_span all;
    volatile uint32_t *registers;
    struct cm_header header;
    uint64_t dice, words, submissions, rings;
    uint32_t epoch[CM_QP_MAX], pos[CM_QP_MAX];
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t roll(struct attack *attack, uint32_t below)
{
    attack->dice = attack->dice * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(attack->dice >> 33) % below;
}

static void ring(struct attack *attack, uint32_t peer, uint32_t vector)
{
    attack->registers[DOORBELL] = peer << 16 | vector;
    attack->rings++;
}

static struct shm_span pair(struct attack *attack, uint32_t i)
{
    return shm_sub(attack->all, CM_QP_OFFSET(i), CM_QP_SIZE);
}

static bool map(struct attack *attack)
{
    char addresses[PCI_MAX][PCI_ADDRESS];
    if (!pci_list(NULL, addresses) || !pci_write_file(addresses[0], "enable", "1"))
        return false;
    int memory = pci_open_file(addresses[0], "resource2", O_RDWR),
        file = pci_open_file(addresses[0], "resource0", O_RDWR);
    void *region = mmap(NULL, CM_REGION_IVSHMEM, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    void *registers = mmap(NULL, CM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (region == MAP_FAILED || registers == MAP_FAILED)
        return false;
    attack->all = shm_span_of(region, CM_REGION_IVSHMEM);
    attack->registers = registers;
    return shm_copy_in(&attack->header, attack->all, 0, sizeof attack->header) && attack->header.magic == CM_MAGIC;
}

/* Asks for an epoch and waits until the broker serves it. */
static bool attach(struct attack *attack, uint32_t i, uint32_t epoch)
{
    struct shm_span qp = pair(attack, i);
    double until = now() + 10;
    shm_store32(qp, CONTROL(epoch_wanted), epoch);
    for (;;) {
        shm_fence();
        ring(attack, attack->header.host_peer, i);
        for (int looks = 0; looks < 1000; looks++)
            if (shm_load32(qp, CONTROL(epoch)) == epoch) {
                attack->epoch[i] = epoch;
                attack->pos[i] = 1;
                return true;
            }
        if (now() > until)
            return false;
        usleep(1000);
    }
}

static void submit(struct attack *attack, uint32_t i)
{
    static const uint32_t algs[] = {0,       SGD_SM4_ECB, SGD_SM4_CBC, SGD_SM4_CTR,
                                    SGD_SM3, SGD_SM2_1,   SGD_SM2_3,   0xffffffff};
    struct shm_span qp = pair(attack, i);
    struct cm_sqe sqe = {.generation = attack->header.generation,
                         .epoch = attack->epoch[i],
                         .tag = roll(attack, 1000),
                         .op = (uint16_t)(attack->pos[i] == 1 ? CM_OP_SESSION_OPEN : roll(attack, CM_OP_END + 4)),
                         .slot = (uint16_t)roll(attack, CM_SLOTS + 3),
                         .param_len = (uint16_t)(roll(attack, 2) ? 0 : roll(attack, 600)),
                         .data_len = roll(attack, 2) ? 0 : roll(attack, 20000),
                         .session = 1 + roll(attack, 3),
                         .key = roll(attack, 4),
                         .alg = algs[roll(attack, 8)],
                         .arg = roll(attack, 3) ? 0 : roll(attack, 300),
                         .pos = attack->pos[i]};
    if (attack->pos[i] == 1)
        sqe = (struct cm_sqe){.generation = sqe.generation, .epoch = sqe.epoch, .op = sqe.op, .pos = 1};
    cm_entry_publish(qp, CM_QP_SQ, attack->pos[i], &sqe);
    shm_fence();
    ring(attack, attack->header.host_peer, i);
    for (int n = 0; n < 8; n++) { /* while the broker has it, or will have it soon */
        shm_store32(qp, CM_QP_SQ + 4 * (size_t)roll(attack, 1024), roll(attack, 1u << 31));
        shm_store32(qp, CM_QP_PARAMS + 4 * (size_t)roll(attack, CM_SLOTS * CM_PARAM_SIZE / 4), roll(attack, 1u << 31));
        shm_store32(qp, cm_slot_offset(sqe.slot % CM_SLOTS) + 4 * (size_t)roll(attack, 4096), roll(attack, 1u << 31));
    }
    attack->pos[i]++;
    attack->submissions++;
}

static void scribble(struct attack *attack)
{
    for (int n = 0; n < 200; n++)
        shm_store32(attack->all, 4 * (size_t)roll(attack, CM_REGION_IVSHMEM / 4), roll(attack, 1u << 31));
    for (uint32_t i = 0; i < CM_QP_MAX; i++) /* where it hurts most */
        shm_store32(pair(attack, i), 4 * (size_t)roll(attack, 3072),
                    roll(attack, 4) ? roll(attack, 1u << 31) : roll(attack, 70));
    shm_store32(attack->all, 4 * (size_t)roll(attack, sizeof attack->header / 4), roll(attack, 1u << 31));
    uint8_t *block =
        shm_bytes(attack->all, 64 * (size_t)roll(attack, (CM_REGION_IVSHMEM - CM_SLOT_SIZE) / 64), CM_SLOT_SIZE);
    memset(block, (int)roll(attack, 256), CM_SLOT_SIZE);
    for (uint32_t vector = 0; vector < CM_QP_MAX; vector++)
        ring(attack, CM_IVSHMEM_HOST, vector);
    ring(attack, roll(attack, 65536), roll(attack, 65536));
    attack->words += 200 + CM_QP_MAX + 1 + CM_SLOT_SIZE / 4;
}

/* Everything that is the broker's own as it was; how many queue pairs are served again. */
static unsigned mend(struct attack *attack)
{
    unsigned served = 0;
    memset(shm_bytes(attack->all, 0, CM_REGION_IVSHMEM), 0, CM_REGION_IVSHMEM);
    shm_copy_out(attack->all, 0, &attack->header, sizeof attack->header);
    for (uint32_t i = 0; i < CM_QP_MAX; i++) {
        shm_store64(pair(attack, i), CONTROL(generation), attack->header.generation);
        shm_store32(pair(attack, i), CONTROL(broker_sleeps), 1);
        served += attach(attack, i, 1 + roll(attack, 1u << 30)) && attach(attack, i, 0);
    }
    return served;
}

int main(int argc, char **argv)
{
    struct attack attack = {0};
    if (argc < 3)
        return 2;
    attack.dice = strtoull(argv[2], NULL, 10);
    if (!map(&attack)) {
        puts("SCRIBBLER cannot map the device");
        return 3;
    }
    struct raw raw;
    raw_of_device(&raw, attack.all, 0, &attack.registers[DOORBELL], attack.header.host_peer << 16);
    attack_each_reason(&raw, MAX_SESSIONS);
    for (uint32_t i = 0; i < CM_QP_MAX; i++)
        if (!attach(&attack, i, 1 + roll(&attack, 1u << 30))) {
            printf("SCRIBBLER gets no epoch on pair %u\n", i);
            return 3;
        }
    puts("SCRIBBLER negotiated");
    fflush(stdout);
    double seconds = atof(argv[1]), half = now() + seconds / 2, end = half + seconds / 2;
    while (now() < half || attack.submissions <= LEAST) { /* on however slow a machine */
        uint32_t i = roll(&attack, CM_QP_MAX);
        submit(&attack, i);
        if (attack.pos[i] > 200 && !attach(&attack, i, 1 + roll(&attack, 1u << 30)))
            break;
    }
    while (now() < end)
        scribble(&attack);
    printf("SCRIBBLER submissions=%llu words=%llu rings=%llu\n", (unsigned long long)attack.submissions,
           (unsigned long long)attack.words, (unsigned long long)attack.rings);
    if (argc > 3)
        printf("SCRIBBLER mended=%u\n", mend(&attack));
    return 0;
}
