/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async.c: a queue of operations and the thread that does them, in batches of whatever has come meanwhile: while one
 * batch is in flight the next gathers.
 *
 *     waiting -> being done -> done       submit; the thread takes up to TAKE; poll
 *
 * One lock over all three. `work` wakes the thread, `news` whoever polls.
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "frontend/sdf/batch.h"

#define TAKE 64u

struct node {
    struct node *next;
    struct cardmux_sdf_call *call;
};

struct list {
    struct node *first, **last;
};

struct cardmux_sdf_queue {
    pthread_mutex_t lock;
    pthread_cond_t work, news;
    struct list waiting, done;
    size_t under_way; /* waiting or being done */
    bool closing;
    pid_t owner;
    pthread_t thread;
};

static void list_add(struct list *list, struct node *node)
{
    node->next = NULL;
    *list->last = node;
    list->last = &node->next;
}

static struct node *list_take(struct list *list)
{
    struct node *node = list->first;
    if (node) {
        list->first = node->next;
        if (!list->first)
            list->last = &list->first;
    }
    return node;
}

/* Does what is in nodes; without the lock. */
static void do_some(struct node **nodes, size_t n)
{
    struct cardmux_sdf_call *calls[TAKE];
    for (size_t i = 0; i < n; i++)
        calls[i] = nodes[i]->call;
    batch_run(calls, n);
}

static void *run(void *arg)
{
    struct cardmux_sdf_queue *queue = arg;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        struct node *nodes[TAKE];
        size_t n = 0;
        while (!queue->waiting.first && !queue->closing)
            pthread_cond_wait(&queue->work, &queue->lock);
        if (queue->closing)
            break;
        while (n < TAKE && (nodes[n] = list_take(&queue->waiting)))
            n++;
        pthread_mutex_unlock(&queue->lock);
        do_some(nodes, n);
        pthread_mutex_lock(&queue->lock);
        for (size_t i = 0; i < n; i++)
            list_add(&queue->done, nodes[i]);
        queue->under_way -= n;
        pthread_cond_broadcast(&queue->news);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

int cardmux_sdf_queue_open(struct cardmux_sdf_queue **out)
{
    sigset_t all, before;
    if (!out)
        return SDR_OUTARGERR;
    struct cardmux_sdf_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return SDR_NOBUFFER;
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->work, NULL);
    pthread_cond_init(&queue->news, &clock);
    pthread_condattr_destroy(&clock);
    queue->waiting.last = &queue->waiting.first;
    queue->done.last = &queue->done.first;
    queue->owner = getpid();
    sigfillset(&all); /* the application's signals are for its own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&queue->thread, NULL, run, queue);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(queue);
        return SDR_NOBUFFER;
    }
    *out = queue;
    return SDR_OK;
}

static void list_free(struct list *list, bool told)
{
    for (struct node *node; (node = list_take(list));) {
        if (!told)
            node->call->status = SDR_STEPERR;
        free(node);
    }
}

void cardmux_sdf_queue_close(struct cardmux_sdf_queue *queue)
{
    if (!queue || queue->owner != getpid())
        return;
    pthread_mutex_lock(&queue->lock);
    queue->closing = true;
    pthread_cond_signal(&queue->work);
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->thread, NULL);
    list_free(&queue->waiting, false);
    list_free(&queue->done, true);
    pthread_cond_destroy(&queue->work);
    pthread_cond_destroy(&queue->news);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

int cardmux_sdf_submit(struct cardmux_sdf_queue *queue, struct cardmux_sdf_call **calls, size_t n)
{
    struct list made = {.last = &made.first};
    if (!queue || queue->owner != getpid() || (!calls && n > 0))
        return SDR_INARGERR;
    made.first = NULL;
    for (size_t i = 0; i < n; i++) {
        struct node *node = calls[i] ? malloc(sizeof *node) : NULL;
        if (!node) { /* all or none */
            for (struct node *gone; (gone = list_take(&made));)
                free(gone);
            return calls[i] ? SDR_NOBUFFER : SDR_INARGERR;
        }
        node->call = calls[i];
        list_add(&made, node);
    }
    if (n == 0)
        return SDR_OK;
    pthread_mutex_lock(&queue->lock);
    *queue->waiting.last = made.first;
    queue->waiting.last = made.last;
    queue->under_way += n;
    pthread_cond_signal(&queue->work);
    pthread_mutex_unlock(&queue->lock);
    return SDR_OK;
}

static struct timespec later(int timeout_ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += timeout_ms / 1000;
    at.tv_nsec += timeout_ms % 1000 * 1000000l;
    if (at.tv_nsec >= 1000000000l) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000l;
    }
    return at;
}

size_t cardmux_sdf_poll(struct cardmux_sdf_queue *queue, struct cardmux_sdf_call **done, size_t max, int timeout_ms)
{
    size_t n = 0;
    if (!queue || queue->owner != getpid() || !done || max == 0)
        return 0;
    struct timespec end = later(timeout_ms > 0 ? timeout_ms : 0);
    pthread_mutex_lock(&queue->lock);
    while (!queue->done.first && queue->under_way > 0 && timeout_ms != 0) {
        if (timeout_ms < 0)
            pthread_cond_wait(&queue->news, &queue->lock);
        else if (pthread_cond_timedwait(&queue->news, &queue->lock, &end) != 0)
            break;
    }
    for (struct node *node; n < max && (node = list_take(&queue->done));) {
        done[n++] = node->call;
        free(node);
    }
    pthread_mutex_unlock(&queue->lock);
    return n;
}
