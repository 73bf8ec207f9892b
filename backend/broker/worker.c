/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c: the pool for what can block or takes long. Tasks in by a locked queue, finished tasks out by a lock-free
 * stack. */
#include "backend/broker/broker.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORKER_NICE 5

static void *worker(void *arg)
{
    struct broker *broker = arg;
    struct pool *pool = &broker->pool;
    prctl(PR_SET_NAME, "cardmux-work");
    /* what one tenant has computed here must not take the core from the thread that serves all */
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), WORKER_NICE);
    pthread_mutex_lock(&pool->lock);
    pool->ready++;
    pthread_cond_signal(&pool->started);
    for (;;) {
        while (!pool->first && !pool->stopping)
            pthread_cond_wait(&pool->more, &pool->lock);
        if (!pool->first)
            break;
        struct task *task = pool->first;
        pool->first = task->next;
        if (!pool->first)
            pool->last = &pool->first;
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
    return NULL;
}

bool pool_start(struct broker *broker, unsigned threads)
{
    struct pool *pool = &broker->pool;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->more, NULL);
    pthread_cond_init(&pool->started, NULL);
    pool->last = &pool->first;
    pool->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (pool->event_fd < 0)
        return false;
    unsigned most = sizeof pool->threads / sizeof *pool->threads;
    threads = threads < 1 ? 1 : threads > most ? most : threads;
    for (unsigned i = 0; i < threads; i++)
        if (!pthread_create(&pool->threads[pool->thread_count], NULL, worker, broker))
            pool->thread_count++;
    pthread_mutex_lock(&pool->lock); /* the system call filter that comes next has no priorities */
    while (pool->ready < pool->thread_count)
        pthread_cond_wait(&pool->started, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    return pool->thread_count > 0;
}

void pool_stop(struct broker *broker)
{
    struct pool *pool = &broker->pool;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->more);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pool_collect(broker);
}

void pool_submit(struct broker *broker, struct task *task)
{
    struct pool *pool = &broker->pool;
    task->next = NULL;
    broker->tasks++;
    pthread_mutex_lock(&pool->lock);
    *pool->last = task;
    pool->last = &task->next;
    pthread_cond_signal(&pool->more);
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
