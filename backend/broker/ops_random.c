/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_random.c: random numbers for tenants.
 *
 * The health tests (card_watch.c) must see what a tenant gets, and no tenant may make them fail: so numbers are drawn
 * into memory of the broker's own, tested there, and copied out. Where the card works inline they are drawn
 * RANDOM_STORE bytes at a time, whoever asks: what one drawing and one test cost beside the bytes is then paid once for
 * many requests, which more than pays for the tests. What is drawn waits in locked memory; each byte is given to one
 * tenant, in the order in which it came, and wiped as it leaves. Who could read it there could read the generator's
 * state as well. A card with threads of its own draws for each request.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "backend/broker/broker.h"

#define RANDOM_STORE CM_SLOT_SIZE

static const char unhealthy[] = "the random numbers that it delivers fail the health test";

void random_open(struct broker *broker)
{
    struct random_store *store = &broker->random_store;
    if (!(broker->caps.flags & CARD_INLINE))
        return;
    void *memory = mmap(NULL, RANDOM_STORE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    if (mlock(memory, RANDOM_STORE) == 0 && madvise(memory, RANDOM_STORE, MADV_DONTDUMP) == 0)
        store->bytes = memory;
    else
        munmap(memory, RANDOM_STORE); /* then it goes without */
}

void random_drop(struct broker *broker)
{
    struct random_store *store = &broker->random_store;
    if (store->left)
        explicit_bzero(store->bytes + RANDOM_STORE - store->left, store->left);
    store->left = 0;
}

void random_close(struct broker *broker)
{
    random_drop(broker);
    if (broker->random_store.bytes)
        munmap(broker->random_store.bytes, RANDOM_STORE);
    broker->random_store.bytes = NULL;
}

static uint32_t store_fill(struct broker *broker)
{
    struct random_store *store = &broker->random_store;
    struct card_job card = {.op = CARD_RANDOM, .out = store->bytes, .out_cap = RANDOM_STORE};
    broker->driver->run(broker->card, &card);
    if (card.status != SDR_OK)
        return card.status;
    store->left = RANDOM_STORE;
    if (card.out_len == RANDOM_STORE && random_holds(&broker->random, store->bytes, RANDOM_STORE))
        return SDR_OK;
    card_fail(broker, unhealthy);
    random_drop(broker);
    return SDR_HARDFAIL;
}

static enum step give_from_store(struct broker *broker, struct job *job)
{
    struct random_store *store = &broker->random_store;
    size_t wanted = job->sqe.arg, place = cm_slot_offset(job->sqe.slot);
    for (size_t n, given = 0; given < wanted; given += n) {
        if (!store->left && (job->card.status = store_fill(broker)) != SDR_OK)
            return STEP_DONE;
        uint8_t *next = store->bytes + RANDOM_STORE - store->left;
        n = store->left < wanted - given ? store->left : wanted - given;
        shm_copy_out(job->channel->qp, place + given, next, n);
        explicit_bzero(next, n);
        store->left -= n;
    }
    job->card.out_len = wanted;
    job->reply = REPLY_IN_PLACE;
    return STEP_DONE;
}

static void random_finish(struct broker *broker, struct job *job)
{
    struct card_job *card = &job->card;
    if (card->status != SDR_OK || random_holds(&broker->random, card->out, card->out_len))
        return;
    card->status = SDR_HARDFAIL;
    card_fail(broker, unhealthy);
}

enum step op_random(struct broker *broker, struct job *job)
{
    if (job->sqe.arg < 1 || job->sqe.arg > CM_SLOT_SIZE)
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    if (broker->random_store.bytes)
        return give_from_store(broker, job);
    job->card.out = job->out;
    if (job->sqe.arg > JOB_BYTES) {
        job->big_len = job->sqe.arg;
        job->big = malloc(job->big_len);
        if (!job->big)
            return refuse(job, CM_GATE_LIMIT, SDR_NOBUFFER);
        job->card.out = job->big;
    }
    job->secret_out = true;
    job->card.op = CARD_RANDOM;
    job->card.out_cap = job->sqe.arg;
    job->reply = REPLY_DATA;
    job->finish = random_finish;
    return STEP_CARD;
}
