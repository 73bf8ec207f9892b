/* SPDX-License-Identifier: Apache-2.0 */
/* link.c: the process's link: its life, recovery, fork. Waiting and running calls are in flight.c; theory in link.h. */
#include "frontend/client/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cardmux/sdf.h"

static pthread_mutex_t current_lock = PTHREAD_MUTEX_INITIALIZER;
static struct link *current; /* under current_lock */
static pthread_once_t atfork_once = PTHREAD_ONCE_INIT;

static void fork_prepare(void)
{
    pthread_mutex_lock(&current_lock);
}

static void fork_parent(void)
{
    pthread_mutex_unlock(&current_lock);
}

static void attach_count(struct link *link)
{
    if (atomic_fetch_add(&link->attach, 1) == UINT32_MAX)
        atomic_store(&link->attach, 1);
}

/* The queue pair stays the parent's, with whatever other threads had in it. Here the link is one whose host side is
   gone, with all slots free: the next call opens it anew (link_recover). */
static void fork_child(void)
{
    struct link *link = current;
    if (link) {
        queue_forget(&link->queue);
        queue_forget(&link->spare);
        link->attached = false;
        link->dead = link->inherited = true;
        link->failed_ns = 0;
        attach_count(link);
        for (unsigned slot = 0; slot < CM_SLOTS; slot++)
            atomic_store(&link->flights[slot].state, FLIGHT_IDLE);
        atomic_store(&link->free, ~0ull);
        atomic_store(&link->followers, 0);
        atomic_store(&link->waiters, 0);
        atomic_store(&link->sleeper, 0);
        atomic_store(&link->sleeper_mine, 0);
        atomic_store(&link->seek_ns, 0);
        pthread_mutex_init(&link->poll, NULL);
        pthread_mutex_init(&link->submit, NULL);
    }
    pthread_mutex_unlock(&current_lock); /* this thread's since fork_prepare */
}

static void register_atfork(void)
{
    pthread_atfork(fork_prepare, fork_parent, fork_child);
}

static enum wait_mode wait_from_environment(void)
{
    const char *mode = getenv("CARDMUX_WAIT");
    if (mode && !strcasecmp(mode, "sleep"))
        return WAIT_SLEEP;
    if (mode && !strcasecmp(mode, "poll"))
        return WAIT_POLL;
    return WAIT_ADAPTIVE;
}

static uint32_t link_new(struct link **out, char *text)
{
    struct link *link = calloc(1, sizeof *link);
    if (!link)
        return SDR_NOBUFFER;
    pthread_mutex_init(&link->poll, NULL);
    pthread_mutex_init(&link->submit, NULL);
    uint32_t status = queue_open(&link->queue, NULL, NULL, text);
    if (status != SDR_OK) {
        free(link);
        return status;
    }
    link->queue.wait = wait_from_environment();
    atomic_store(&link->free, ~0ull);
    atomic_store(&link->attach, 1);
    atomic_store(&link->deadline_ns, queue_deadline_ns(&link->queue));
    link->attached = true;
    *out = link;
    return SDR_OK;
}

uint32_t link_get(struct link **link, char *text, size_t text_size)
{
    char why[REACH_TEXT] = "";
    uint32_t status = SDR_OK, attach;
    uint64_t since = 0;
    bool inherited = false;
    pthread_once(&atfork_once, register_atfork);
    pthread_mutex_lock(&current_lock);
    if (!current)
        status = link_new(&current, why);
    if (status == SDR_OK) {
        current->refs++;
        *link = current;
        inherited = current->inherited;
    }
    pthread_mutex_unlock(&current_lock);
    if (inherited && (status = link_recover(*link, &attach, &since)) != SDR_OK) {
        snprintf(why, sizeof why, "the parent's way to the card cannot be opened anew in this process");
        link_put(*link);
    }
    if (text && text_size)
        snprintf(text, text_size, "%s", why);
    return status;
}

void link_put(struct link *link)
{
    pthread_mutex_lock(&current_lock);
    bool last = --link->refs == 0;
    if (last) {
        /* under the lock: the next link_get shall find the queue pair free, and a fork no half-closed one */
        if (current == link)
            current = NULL;
        queue_close(&link->queue);
        queue_close(&link->spare);
    }
    pthread_mutex_unlock(&current_lock);
    if (!last)
        return;
    pthread_mutex_destroy(&link->poll);
    pthread_mutex_destroy(&link->submit);
    free(link);
}

const char *link_reach(const struct link *link)
{
    pthread_mutex_t *submit = (pthread_mutex_t *)&link->submit;
    pthread_mutex_lock(submit);
    const char *name = link->queue.reach ? link->queue.reach->driver->name : "none";
    pthread_mutex_unlock(submit);
    return name;
}

/* What flew with the old broker is lost; slots that nobody waits for any more are free again. */
static void lose_flights(struct link *link)
{
    uint64_t lost = 0;
    for (unsigned slot = 0; slot < CM_SLOTS; slot++) {
        uint32_t state = FLIGHT_FLYING;
        if (atomic_compare_exchange_strong(&link->flights[slot].state, &state, FLIGHT_LOST))
            lost |= 1ull << slot;
        else if (state == FLIGHT_ABANDONED)
            flight_reclaim(link, slot);
    }
    if (lost)
        link_wake(link, lost);
}

void link_look_locked(struct link *link)
{
    if (!link->dead && !queue_alive(&link->queue))
        link->dead = true;
    if (!link->attached || (!link->dead && !queue_stale(&link->queue)))
        return;
    attach_count(link); /* before the other: who finds the link not attached finds another number too */
    link->attached = false;
    lose_flights(link);
}

/* The thread sanitizers of gcc 12 and clang 14 do not know pthread_mutex_clocklock and would not see the lock. */
#if defined __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define LOCK_CLOCK               CLOCK_REALTIME
#define lock_until(lock, end_at) pthread_mutex_timedlock(lock, end_at)
#else
#define LOCK_CLOCK               CLOCK_MONOTONIC /* that of the deadlines, which nobody sets */
#define lock_until(lock, end_at) pthread_mutex_clocklock(lock, LOCK_CLOCK, end_at)
#endif

bool link_lock(pthread_mutex_t *lock, uint64_t ns)
{
    struct timespec end;
    clock_gettime(LOCK_CLOCK, &end);
    end.tv_sec += (time_t)((ns + (uint64_t)end.tv_nsec) / 1000000000u);
    end.tv_nsec = (long)((ns + (uint64_t)end.tv_nsec) % 1000000000u);
    return lock_until(lock, &end) == 0;
}

static uint64_t time_left(uint64_t end_ns)
{
    uint64_t now = monotonic_ns();
    return now < end_ns ? end_ns - now : 0;
}

/* Who holds them may be waiting for a broker. */
static bool lock_both_until(struct link *link, uint64_t end_ns)
{
    if (!link_lock(&link->poll, time_left(end_ns)))
        return false;
    if (link_lock(&link->submit, time_left(end_ns)))
        return true;
    pthread_mutex_unlock(&link->poll);
    return false;
}

bool link_lock_both(struct link *link, uint64_t ns)
{
    return lock_both_until(link, monotonic_ns() + ns);
}

void link_unlock_both(struct link *link)
{
    pthread_mutex_unlock(&link->submit);
    pthread_mutex_unlock(&link->poll);
}

void link_look(struct link *link)
{
    if (!lock_both_until(link, monotonic_ns() + WAIT_BLOCK_MS * 1000000ull))
        return;
    link_look_locked(link);
    link_unlock_both(link);
}

/* A fork in between would leave a copy of the new connection with a child that knows nothing of it: hence the lock. */
bool link_seek(struct link *link, uint64_t budget_ns)
{
    char text[REACH_TEXT];
    struct queue fresh;
    pthread_mutex_lock(&current_lock);
    bool found = !link->spare.reach && queue_elsewhere(&fresh, &link->queue, budget_ns, text) == SDR_OK;
    if (found)
        link->spare = fresh;
    pthread_mutex_unlock(&current_lock);
    return found;
}

bool link_take_spare(struct link *link)
{
    pthread_mutex_lock(&current_lock);
    bool taken = link->spare.reach != NULL;
    pthread_mutex_unlock(&current_lock);
    if (taken) {
        link->dead = true;
        link_look_locked(link);
    }
    return taken;
}

void link_drop_spare(struct link *link)
{
    pthread_mutex_lock(&current_lock);
    queue_close(&link->spare);
    pthread_mutex_unlock(&current_lock);
}

/* Of a way that is replaced. Where it may live yet, its broker learns that the queue pair is left. */
static void leave(struct queue *queue)
{
    if (!queue->reach)
        return;
    if (queue_alive(queue))
        queue_close(queue);
    else
        queue->reach->driver->close(queue->reach);
    queue->reach = NULL;
}

/* The same lock for the same reason. */
static uint32_t reopen(struct link *link, uint64_t since)
{
    char text[REACH_TEXT];
    uint32_t status = SDR_OK;
    pthread_mutex_lock(&current_lock);
    if (link->spare.reach && (!queue_alive(&link->spare) || queue_stale(&link->spare)))
        leave(&link->spare);
    struct queue fresh = link->spare;
    if (!link->spare.reach)
        status = queue_again(&fresh, &link->queue, since, text);
    link->spare.reach = NULL;
    if (status == SDR_OK) {
        leave(&link->queue);
        link->queue = fresh;
        link->dead = link->inherited = false;
    }
    pthread_mutex_unlock(&current_lock);
    return status == SDR_OK ? SDR_OK : SDR_COMMFAIL;
}

/* One attempt, under both locks. LINK_STALE: other threads have slots yet, for the moment that it takes them to see
 * that they are lost. */
static uint32_t recover_once(struct link *link, uint64_t entered, uint64_t since)
{
    uint32_t status;
    char text[REACH_TEXT];
    link_look_locked(link);
    if (link->attached)
        return SDR_OK;
    if (link->failed_ns > entered)
        return SDR_COMMFAIL; /* somebody else waited for a broker while we waited for the locks: that was our wait too
                              */
    if (!link->dead)
        status = queue_attach(&link->queue, since, text);
    else
        status = atomic_load(&link->free) == ~0ull ? reopen(link, since) : LINK_STALE;
    if (status == SDR_COMMFAIL && !link->dead &&
        (!queue_alive(&link->queue) || (link->queue.refused && !link->queue.sole))) {
        link->dead = true; /* it ended meanwhile, or the door stays shut, and another one may do */
        status = LINK_STALE;
    }
    if (status == SDR_OK) {
        atomic_store(&link->silent, false);
        atomic_store(&link->mute, LINK_HEARD);
    }
    link->attached = status == SDR_OK;
    if (status == SDR_COMMFAIL)
        link->failed_ns = monotonic_ns();
    return status;
}

uint32_t link_recover(struct link *link, uint32_t *attach, uint64_t *since)
{
    uint64_t entered = monotonic_ns();
    if (!*since)
        *since = entered;
    for (;;) {
        uint64_t end = *since + atomic_load(&link->deadline_ns);
        if (!lock_both_until(link, end))
            return SDR_COMMFAIL;
        uint32_t status = recover_once(link, entered, *since);
        atomic_store(&link->deadline_ns, queue_deadline_ns(&link->queue));
        *attach = atomic_load(&link->attach);
        link_unlock_both(link);
        if (status != LINK_STALE)
            return status;
        if (monotonic_ns() > end)
            return SDR_COMMFAIL;
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
}
