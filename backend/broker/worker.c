/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c: the pool for what can block or takes long. Tasks in by a locked queue, finished tasks out by a lock-free
 * stack. What takes seconds (RSA key pairs) has a queue and a thread of its own, so that it holds up nothing else. */
#include "backend/broker/broker.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORKER_NICE 5

static void serve(struct broker *broker, struct queue *queue)
{
    struct pool *pool = &broker->pool;
    prctl(PR_SET_NAME, "cardmux-work");
    /* what one tenant has computed here must not take the core from the thread that serves all */
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), WORKER_NICE);
    pthread_mutex_lock(&pool->lock);
    pool->ready++;
    pthread_cond_signal(&pool->started);
    for (;;) {
        while (!queue->first && !pool->stopping)
            pthread_cond_wait(&queue->more, &pool->lock);
        if (!queue->first)
            break;
        struct task *task = queue->first;
        queue->first = task->next;
        if (!queue->first)
            queue->last = &queue->first;
        pthread_mutex_unlock(&pool->lock);
        task->work(broker, task);
        task->next = atomic_load(&pool->finished);
        while (!atomic_compare_exchange_weak(&pool->finished, &task->next, task))
            ;
        uint64_t one = 1;
        if (write(pool->event_fd, &one, sizeof one) != sizeof one)
            broker_log("worker: the broker's thread cannot be woken: %m");
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

static void *worker(void *arg)
{
    struct broker *broker = arg;
    serve(broker, &broker->pool.queues[0]);
    return NULL;
}

static void *lengthy_worker(void *arg)
{
    struct broker *broker = arg;
    serve(broker, &broker->pool.queues[1]);
    return NULL;
}

bool pool_start(struct broker *broker, unsigned threads)
{
    struct pool *pool = &broker->pool;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->started, NULL);
    for (unsigned i = 0; i < 2; i++) {
        pthread_cond_init(&pool->queues[i].more, NULL);
        pool->queues[i].last = &pool->queues[i].first;
    }
    pool->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (pool->event_fd < 0)
        return false;
    unsigned most = sizeof pool->threads / sizeof *pool->threads;
    threads = threads < 1 ? 1 : threads > most ? most : threads;
    for (unsigned i = 0; i < threads; i++)
        if (!pthread_create(&pool->threads[pool->thread_count], NULL, worker, broker))
            pool->thread_count++;
    if (pthread_create(&pool->lengthy_thread, NULL, lengthy_worker, broker))
        return false;
    pthread_mutex_lock(&pool->lock); /* the system call filter that comes next has no priorities */
    while (pool->ready < pool->thread_count + 1)
        pthread_cond_wait(&pool->started, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    return pool->thread_count > 0;
}

void pool_stop(struct broker *broker)
{
    struct pool *pool = &broker->pool;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    for (unsigned i = 0; i < 2; i++)
        pthread_cond_broadcast(&pool->queues[i].more);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_join(pool->lengthy_thread, NULL);
    pool_collect(broker);
}

void pool_submit(struct broker *broker, struct task *task)
{
    struct pool *pool = &broker->pool;
    struct queue *queue = &pool->queues[task->lengthy];
    task->next = NULL;
    broker->tasks++;
    pthread_mutex_lock(&pool->lock);
    *queue->last = task;
    queue->last = &task->next;
    pthread_cond_signal(&queue->more);
    pthread_mutex_unlock(&pool->lock);
}

unsigned pool_collect(struct broker *broker)
{
    if (!broker->tasks)
        return 0;
    struct task *task = atomic_exchange(&broker->pool.finished, NULL);
    unsigned n = 0;
    while (task) {
        struct task *next = task->next;
        broker->tasks--;
        task->done(broker, task);
        task = next;
        n++;
    }
    return n;
}

void lengthy_start(struct broker *broker, struct job *job)
{
    struct tenant *tenant = job->channel->tenant;
    if (!tenant->making++) {
        tenant->makes = NULL;
        tenant->makes_end = &tenant->makes;
        pool_submit(broker, &job->task);
        return;
    }
    job->task.next = NULL;
    *tenant->makes_end = &job->task;
    tenant->makes_end = &job->task.next;
}

void lengthy_next(struct broker *broker, struct tenant *tenant)
{
    bool more = --tenant->making > 0;
    while (more) {
        struct task *task = tenant->makes;
        struct job *job = (struct job *)((char *)task - offsetof(struct job, task));
        struct channel *channel = job->channel;
        tenant->makes = task->next;
        if (!tenant->makes)
            tenant->makes_end = &tenant->makes;
        if (!channel->region->gone && !channel->renewing && !channel_reset_wanted(channel) && !broker->pool.stopping &&
            !broker->card_failed) {
            pool_submit(broker, task);
            return;
        }
        more = --tenant->making > 0;
        bool gone = channel->region->gone; /* then the job's end frees it, and maybe the tenant */
        job->card.status = broker->card_failed ? SDR_HARDFAIL : SDR_COMMFAIL;
        job_complete(broker, job);
        if (!gone)
            channel_notify(broker, channel);
    }
}
