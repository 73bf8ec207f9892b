/* SPDX-License-Identifier: Apache-2.0 */
#include "frontend/client/queue.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cardmux/sdf.h"
#include "frontend/reach/region.h"

uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

unsigned queue_forks;
static pthread_once_t forks_once = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
    queue_forks++;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

void queue_close(struct queue *queue)
{
    if (!queue->reach)
        return;
    shm_store32(queue->qp, offsetof(struct cm_control, epoch_wanted), 0);
    shm_fence();
    queue->reach->driver->ring(queue->reach);
    queue->reach->driver->close(queue->reach);
    queue->reach = NULL;
}

void queue_forget(struct queue *queue)
{
    if (queue->reach)
        queue->reach->driver->forget(queue->reach);
    queue->reach = NULL;
}

static uint32_t new_epoch(uint32_t current)
{
    uint32_t epoch = 0;
    while (epoch == 0 || epoch == current)
        if (getrandom(&epoch, sizeof epoch, GRND_NONBLOCK) != sizeof epoch)
            epoch = current + 1 + (uint32_t)(monotonic_ns() & 0xffffff);
    return epoch;
}

/* Closed for good, which no waiting changes: the tenant was removed or disabled. */
static bool door_closed(const struct cm_header *header)
{
    return header->magic == CM_MAGIC && header->state == CM_DOOR_CLOSED;
}

/* What is wrong with the header as the broker of this moment wrote it; NULL: nothing. `refused`: nor will waiting mend
   it. */
static const char *header_fault(struct queue *queue, struct cm_header *header)
{
    shm_copy_in(header, queue->reach->header, 0, sizeof *header);
    queue->refused = door_closed(header);
    if (queue->refused)
        return "the host has closed this tenant's door; where it opens it again, the device must be plugged anew";
    if (header->magic != CM_MAGIC || !header->generation)
        return "no back end serves this region";
    if (header->version != CM_LAYOUT_VERSION)
        return "the back end speaks another version of the region layout: install front end and back end of one "
               "release";
    if (header->slots != CM_SLOTS || header->slot_size != CM_SLOT_SIZE || header->param_size != CM_PARAM_SIZE)
        return "the region has other slots than this front end was built for";
    if (header->state != CM_DOOR_OPEN)
        return "the door is not open";
    queue->refused = queue->tenant[0] && strncmp(queue->tenant, header->tenant, sizeof header->tenant);
    if (queue->refused)
        return "the host knows us there as another tenant";
    return NULL;
}

/* The handshake has one rhythm: look, then sleep in short steps. Not sched_yield: where others want the core that is a
   time slice each. */
static void handshake_pause(struct queue *queue, unsigned step)
{
    if (step < 50)
        cpu_pause();
    else
        queue->reach->driver->wait(queue->reach, step < 200 ? 1 : 10);
}

/* The time for trying ways. */
struct way_time {
    uint64_t since_ns;
    bool first;       /* the first opening of this queue */
    unsigned n, left; /* ways; of which are still to be tried, this one among them */
};

/* A way's share of the time until the deadline. At a first opening never less than if all n had the same, since the
   deadline of a tenant becomes known only on the way. */
static uint64_t share_ns(const struct queue *queue, const struct way_time *time, uint64_t now)
{
    uint64_t all = queue_deadline_ns(queue), spent = now - time->since_ns;
    uint64_t share = spent < all ? (all - spent) / time->left : 0;
    return time->first && share < all / time->n ? all / time->n : share;
}

/* fresh: takes a new epoch. */
static uint32_t attach(struct queue *queue, bool fresh, const struct way_time *time, char *text)
{
    const char *fault = NULL;
    uint64_t asked = 0, begun = monotonic_ns();
    for (unsigned step = 0;; step++) {
        struct cm_header header;
        queue_fetch(queue);
        fault = header_fault(queue, &header);
        if (!fault) {
            if (header.deadline_ms >= 100 && header.deadline_ms <= 3600000)
                queue->deadline_ms = header.deadline_ms;
            if (fresh) {
                queue->epoch = new_epoch(shm_load32(queue->qp, offsetof(struct cm_control, epoch)));
                fresh = false;
                shm_store32(queue->qp, offsetof(struct cm_control, wake_at), 0);
                shm_store32(queue->qp, offsetof(struct cm_control, epoch_wanted), queue->epoch);
            }
            if (asked != header.generation || step % 64 == 63) {
                /* each new broker is rung once, and again now and then: a ring may have gone to the broker that died */
                asked = header.generation;
                shm_fence();
                queue->reach->driver->ring(queue->reach);
            }
            if (shm_load64(queue->qp, offsetof(struct cm_control, generation)) == header.generation &&
                shm_load32(queue->qp, offsetof(struct cm_control, epoch)) == queue->epoch) {
                queue->sq_pos = queue->cq_pos = 1;
                cm_ring_clear(queue->qp, CM_QP_CQ);
                cm_ring_clear(queue->qp, CM_QP_SQ); /* what was published to the last broker after this one had come */
                queue->generation = header.generation;
                queue->answers = header.features & CM_FEATURE_ANSWERS;
                queue->free_slots = ~0ull;
                if (!queue->sole)
                    memcpy(queue->tenant, header.tenant, sizeof queue->tenant);
                return SDR_OK;
            }
            fault = "the back end does not answer";
        }
        if (monotonic_ns() - begun > share_ns(queue, time, begun) || !queue_alive(queue) || queue->refused)
            break;
        handshake_pause(queue, step);
    }
    snprintf(text, REACH_TEXT, "%s: %s", queue->reach->driver->name,
             queue_alive(queue) ? fault : "the host side of the connection is gone");
    return SDR_COMMFAIL;
}

uint32_t queue_attach(struct queue *queue, uint64_t since_ns, char *text)
{
    return attach(queue, !queue->epoch, &(struct way_time){.since_ns = since_ns, .n = 1, .left = 1}, text);
}

/* Opens and attaches to the first way of a choice at which that works, until the deadline after since_ns (0: now). A
   way that does not say its first words, or says them and does not attach, leaves the others their time. */
static uint32_t open_chosen(struct queue *queue, struct reach_choice *choice, const char *where, uint64_t since_ns,
                            char *text)
{
    struct way_time time = {
        .since_ns = since_ns ? since_ns : monotonic_ns(), .first = !since_ns, .n = (unsigned)choice->n};
    while (choice->next < choice->n) {
        char why[REACH_TEXT] = "";
        time.left = (unsigned)(choice->n - choice->next);
        uint64_t limit_ms = share_ns(queue, &time, monotonic_ns()) / 1000000u;
        if (!limit_ms)
            break;
        if (reach_next(choice, where, limit_ms < REACH_OPEN_MS ? (unsigned)limit_ms : REACH_OPEN_MS, &queue->reach) !=
            SDR_OK)
            continue;
        queue->qp = queue->reach->qp;
        queue->pumped = queue->reach->driver->look != NULL;
        queue->sole = choice->sole;
        uint32_t status = attach(queue, true, &time, why);
        if (status == SDR_OK)
            return status;
        reach_refuse(choice, status, why);
        queue_close(queue);
    }
    snprintf(text, REACH_TEXT, "%s", choice->said[0] ? choice->said : "no time was left to open a way to the host");
    return choice->code;
}

uint32_t queue_open(struct queue *queue, const char *reach, const char *where, char *text)
{
    struct reach_choice choice;
    pthread_once(&forks_once, watch_forks);
    memset(queue, 0, sizeof *queue);
    queue->deadline_ms = 10000; /* until the header says otherwise */
    uint32_t status = reach_choose(&choice, reach, where, false, text);
    return status == SDR_OK ? open_chosen(queue, &choice, where, 0, text) : status;
}

static void successor(struct queue *queue, const struct queue *old)
{
    memset(queue, 0, sizeof *queue);
    queue->deadline_ms = old->deadline_ms;
    queue->wait = old->wait;
    queue->doorbells = old->doorbells;
    queue->sleeps = old->sleeps;
    memcpy(queue->tenant, old->tenant, sizeof queue->tenant);
}

uint32_t queue_elsewhere(struct queue *queue, const struct queue *old, uint64_t budget_ns, char *text)
{
    struct reach_choice choice;
    successor(queue, old);
    uint32_t status = reach_choose(&choice, NULL, NULL, true, text);
    if (status == SDR_OK && (choice.sole || old->sole))
        return reach_fail(text, SDR_COMMFAIL, "one way was named");
    reach_omit(&choice, old->reach->driver);
    return status == SDR_OK
               ? open_chosen(queue, &choice, NULL, monotonic_ns() + budget_ns - queue_deadline_ns(queue), text)
               : status;
}

uint32_t queue_again(struct queue *queue, const struct queue *old, uint64_t since_ns, char *text)
{
    struct reach_choice choice;
    successor(queue, old);
    uint32_t status = reach_choose(&choice, NULL, NULL, true, text);
    if (status == SDR_OK && old->reach)
        reach_prefer(&choice, old->reach->driver);
    return status == SDR_OK ? open_chosen(queue, &choice, NULL, since_ns, text) : status;
}

void queue_announce(struct queue *queue, uint32_t at)
{
    shm_store32(queue->qp, offsetof(struct cm_control, wake_at), at ? at : 1);
    shm_fence();
}

void queue_block(struct queue *queue, int timeout_ms)
{
    queue->sleeps++;
    queue->reach->driver->wait(queue->reach, timeout_ms);
}

void queue_retract(struct queue *queue)
{
    shm_store32(queue->qp, offsetof(struct cm_control, wake_at), 0);
}
