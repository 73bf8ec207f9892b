/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of the software card: one ring of jobs to do, one of jobs done, N workers between.
 *
 * Both rings are bounded, with a sequence number in each cell: a writer owns a cell whose number equals its ticket, a
 * reader one whose number is its ticket + 1. Any number of threads may be on either side; no lock. At most
 * WORKERS_DEPTH jobs are between submit and collect, and the rings have that many cells, so putting never fails.
 *
 * Sleeping. A worker that finds nothing spins for a moment (only where there are more cores than workers, so that it
 * never holds the core that the broker needs), then gives the core up with sched_yield, then sleeps on a futex. Nobody
 * makes a system call to wake it unless it has said that it sleeps:
 *
 *     worker                              submit
 *       sleepers += 1                       put jobs, waiting += n
 *       waiting > 0?  -> do not sleep       sleepers > 0?  -> wake one
 *
 * Both sides write before they read, with sequentially consistent order, so one of them sees the other. Only one worker
 * is woken for a burst; a worker that takes a job and sees more of them, and somebody asleep, wakes the next: the
 * broker's thread pays for one wake-up at most. The same pattern, with `armed` and `finished`, guards the eventfd.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cards/soft/soft_internal.h"

#define SPIN_NS  2000  /* a few polls: covers a submitter that is in mid-burst */
#define YIELD_NS 50000 /* then give the core away, but stay awake: a wake-up costs the submitter about 10 us */

struct cell {
    _Atomic size_t sequence;
    struct card_job *job;
};

struct ring {
    alignas(64) _Atomic size_t tail; /* next ticket to write */
    alignas(64) _Atomic size_t head; /* next ticket to read */
    struct cell cells[WORKERS_DEPTH];
};

_Static_assert((WORKERS_DEPTH & (WORKERS_DEPTH - 1)) == 0, "a ring's size is a power of two");

struct workers {
    struct ring todo;
    struct ring done;
    alignas(64) _Atomic long waiting; /* jobs in todo; for a moment below zero when a worker is quicker than submit */
    _Atomic unsigned sleepers;
    _Atomic uint32_t wakes; /* futex word: counts wake-ups */
    _Atomic bool stop;
    alignas(64) _Atomic long finished; /* jobs in done */
    _Atomic bool armed;
    int event_fd;
    size_t in_flight; /* the broker's thread only */
    struct card *card;
    bool may_spin;
    uint32_t count;
    pthread_t threads[WORKERS_MAX];
};

static void ring_init(struct ring *ring)
{
    for (size_t i = 0; i < WORKERS_DEPTH; i++)
        atomic_init(&ring->cells[i].sequence, i);
}

static bool ring_put(struct ring *ring, struct card_job *job)
{
    size_t ticket = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    for (;;) {
        struct cell *cell = &ring->cells[ticket % WORKERS_DEPTH];
        size_t sequence = atomic_load_explicit(&cell->sequence, memory_order_acquire);

        if (sequence == ticket) {
            if (!atomic_compare_exchange_weak_explicit(&ring->tail, &ticket, ticket + 1, memory_order_relaxed,
                                                       memory_order_relaxed))
                continue;
            cell->job = job;
            atomic_store_explicit(&cell->sequence, ticket + 1, memory_order_release);
            return true;
        }
        if ((ptrdiff_t)(sequence - ticket) < 0)
            return false; /* full */
        ticket = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    }
}

static struct card_job *ring_take(struct ring *ring)
{
    size_t ticket = atomic_load_explicit(&ring->head, memory_order_relaxed);

    for (;;) {
        struct cell *cell = &ring->cells[ticket % WORKERS_DEPTH];
        size_t sequence = atomic_load_explicit(&cell->sequence, memory_order_acquire);

        if (sequence == ticket + 1) {
            struct card_job *job;

            if (!atomic_compare_exchange_weak_explicit(&ring->head, &ticket, ticket + 1, memory_order_relaxed,
                                                       memory_order_relaxed))
                continue;
            job = cell->job;
            atomic_store_explicit(&cell->sequence, ticket + WORKERS_DEPTH, memory_order_release);
            return job;
        }
        if ((ptrdiff_t)(sequence - (ticket + 1)) < 0)
            return NULL; /* empty */
        ticket = atomic_load_explicit(&ring->head, memory_order_relaxed);
    }
}

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0); /* EAGAIN, EINTR: the caller looks again */
}

static void workers_wake(struct workers *workers, int n)
{
    atomic_fetch_add(&workers->wakes, 1);
    syscall(SYS_futex, &workers->wakes, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static void event_raise(struct workers *workers)
{
    uint64_t one = 1;

    /* it can only fail where the counter is full, and then it is readable already */
    while (write(workers->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void worker_sleep(struct workers *workers)
{
    uint32_t seen = atomic_load(&workers->wakes);

    atomic_fetch_add(&workers->sleepers, 1);
    if (atomic_load(&workers->waiting) <= 0 && !atomic_load(&workers->stop))
        futex_wait(&workers->wakes, seen);
    atomic_fetch_sub(&workers->sleepers, 1);
}

static int64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* The next job, or NULL where it is time to sleep. */
static struct card_job *worker_poll(struct workers *workers)
{
    struct card_job *job = ring_take(&workers->todo);
    int64_t start, idle;

    if (job)
        return job;
    start = clock_ns();
    do {
        job = ring_take(&workers->todo);
        if (job || atomic_load_explicit(&workers->stop, memory_order_relaxed))
            return job;
        idle = clock_ns() - start;
        if (!workers->may_spin || idle > SPIN_NS)
            sched_yield();
    } while (idle < YIELD_NS);
    return NULL;
}

static void *worker_main(void *arg)
{
    struct workers *workers = arg;

    prctl(PR_SET_NAME, "card-soft"); /* what the operator and the bench see */
    while (!atomic_load_explicit(&workers->stop, memory_order_relaxed)) {
        struct card_job *job = worker_poll(workers);

        if (!job) {
            worker_sleep(workers);
            continue;
        }
        if (atomic_fetch_sub(&workers->waiting, 1) > 1 && atomic_load(&workers->sleepers) > 0)
            workers_wake(workers, 1);
        soft_run(workers->card, job);
        ring_put(&workers->done, job);
        atomic_fetch_add(&workers->finished, 1);
        if (atomic_load(&workers->armed) && atomic_exchange(&workers->armed, false))
            event_raise(workers);
    }
    return NULL;
}

struct workers *workers_start(struct card *card, uint32_t threads)
{
    size_t size = (sizeof(struct workers) + 63) & ~(size_t)63;
    struct workers *workers = aligned_alloc(64, size);
    cpu_set_t cores;

    if (!workers)
        return NULL;
    *workers = (struct workers){.card = card, .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (workers->event_fd < 0) {
        free(workers);
        return NULL;
    }
    ring_init(&workers->todo);
    ring_init(&workers->done);
    workers->may_spin = sched_getaffinity(0, sizeof(cores), &cores) == 0 && (uint32_t)CPU_COUNT(&cores) > threads;
    while (workers->count < threads) {
        if (pthread_create(&workers->threads[workers->count], NULL, worker_main, workers) != 0) {
            workers_stop(workers);
            return NULL;
        }
        workers->count++;
    }
    return workers;
}

void workers_stop(struct workers *workers)
{
    atomic_store(&workers->stop, true);
    workers_wake(workers, WORKERS_MAX);
    for (uint32_t i = 0; i < workers->count; i++)
        pthread_join(workers->threads[i], NULL);
    close(workers->event_fd);
    free(workers);
}

uint32_t workers_count(const struct workers *workers)
{
    return workers->count;
}

size_t workers_submit(struct workers *workers, struct card_job **jobs, size_t n)
{
    size_t taken = 0;

    while (taken < n && workers->in_flight < WORKERS_DEPTH && ring_put(&workers->todo, jobs[taken])) {
        workers->in_flight++;
        taken++;
    }
    if (taken) {
        atomic_fetch_add(&workers->waiting, (long)taken);
        if (atomic_load(&workers->sleepers) > 0)
            workers_wake(workers, 1);
    }
    return taken;
}

size_t workers_collect(struct workers *workers, struct card_job **done, size_t max)
{
    size_t n = 0;

    while (n < max && (done[n] = ring_take(&workers->done)))
        n++;
    if (n) {
        workers->in_flight -= n;
        atomic_fetch_sub(&workers->finished, (long)n);
    }
    return n;
}

int workers_wait_fd(struct workers *workers, bool arm)
{
    atomic_store(&workers->armed, arm);
    /* a job may have finished just before it was armed, and then no worker will tell */
    if (arm && atomic_load(&workers->finished) > 0 && atomic_exchange(&workers->armed, false))
        event_raise(workers);
    return workers->event_fd;
}
