/* SPDX-License-Identifier: Apache-2.0 */
/*
 * done_list.h: finished jobs of a card that works inline.
 *
 * An inline card is called through run(). Somebody who uses submit() all the same gets his jobs done inside submit()
 * and finds them here. submit and collect come from one thread (card.h), so there is nothing to lock; the link is
 * job->driver.
 */
#ifndef CARDS_DONE_LIST_H
#define CARDS_DONE_LIST_H

#include "cardmux/card.h"

#define DONE_LIST_DEPTH 256u

struct done_list {
    struct card_job *first;
    struct card_job *last;
    size_t count;
};

static inline void done_list_put(struct done_list *list, struct card_job *job)
{
    job->driver = NULL;
    if (list->last)
        list->last->driver = job;
    else
        list->first = job;
    list->last = job;
    list->count++;
}

/* Runs as many of the jobs as the list has room for; returns how many. */
static inline size_t done_list_run(struct done_list *list, struct card *card,
                                   void (*run)(struct card *, struct card_job *), struct card_job **jobs, size_t n)
{
    size_t taken = 0;

    while (taken < n && list->count < DONE_LIST_DEPTH) {
        run(card, jobs[taken]);
        done_list_put(list, jobs[taken++]);
    }
    return taken;
}

static inline size_t done_list_take(struct done_list *list, struct card_job **done, size_t max)
{
    size_t n = 0;

    while (n < max && list->first) {
        struct card_job *job = list->first;

        list->first = job->driver;
        if (!list->first)
            list->last = NULL;
        job->driver = NULL;
        list->count--;
        done[n++] = job;
    }
    return n;
}

#endif
