/* SPDX-License-Identifier: Apache-2.0 */
/* link.c: the process's link: its life, recovery, fork. Waiting and running calls are in flight.c; theory in link.h. */
#include "frontend/client/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* The queue pair stays the parent's. The struct itself stays allocated: handles of the parent may be shown to us again.
 */
static void fork_child(void)
{
    if (current) {
        current->forked = true;
        queue_forget(&current->queue);
        current = NULL;
    }
    pthread_mutex_init(&current_lock, NULL);
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
    if (status == SDR_OK) {
        link->queue.wait = wait_from_environment();
        status = queue_attach(&link->queue, true, text);
        if (status != SDR_OK)
            queue_close(&link->queue);
    }
    if (status != SDR_OK) {
        free(link);
        return status;
    }
    atomic_store(&link->free, ~0ull);
    atomic_store(&link->attach, 1);
    *out = link;
    return SDR_OK;
}

uint32_t link_get(struct link **link, char *text, size_t text_size)
{
    char why[REACH_TEXT] = "";
    uint32_t status = SDR_OK;
    pthread_once(&atfork_once, register_atfork);
    pthread_mutex_lock(&current_lock);
    if (!current)
        status = link_new(&current, why);
    if (status == SDR_OK) {
        current->refs++;
        *link = current;
    }
    pthread_mutex_unlock(&current_lock);
    if (text && text_size)
        snprintf(text, text_size, "%s", why);
    return status;
}

void link_put(struct link *link)
{
    if (link->forked)
        return;
    pthread_mutex_lock(&current_lock);
    bool last = --link->refs == 0;
    if (last && current == link)
        current = NULL;
    pthread_mutex_unlock(&current_lock);
    if (!last)
        return;
    queue_close(&link->queue);
    pthread_mutex_destroy(&link->poll);
    pthread_mutex_destroy(&link->submit);
    free(link);
}

const char *link_reach(const struct link *link)
{
    return link->queue.reach ? link->queue.reach->driver->name : "none";
}

bool link_forked(const struct link *link)
{
    return link->forked;
}

/* What flew with the old broker is lost; slots that nobody waits for any more are free again. */
static void lose_flights(struct link *link)
{
    for (unsigned slot = 0; slot < CM_SLOTS; slot++) {
        struct flight *flight = &link->flights[slot];
        uint32_t state = FLIGHT_FLYING;
        if (atomic_compare_exchange_strong(&flight->state, &state, FLIGHT_LOST))
            continue;
        if (state == FLIGHT_ABANDONED) {
            atomic_store(&flight->state, FLIGHT_IDLE);
            atomic_fetch_or(&link->free, 1ull << slot);
        }
    }
}

/* The mapping may be replaced only while nobody has a slot of it. */
static uint32_t reopen(struct link *link, char *text)
{
    if (atomic_load(&link->free) != ~0ull)
        return SDR_COMMFAIL;
    struct queue fresh;
    uint32_t status = queue_open(&fresh, NULL, NULL, text);
    if (status != SDR_OK)
        return SDR_COMMFAIL;
    fresh.wait = link->queue.wait;
    fresh.doorbells = link->queue.doorbells;
    fresh.sleeps = link->queue.sleeps;
    status = queue_attach(&fresh, true, text);
    if (status != SDR_OK) {
        queue_close(&fresh);
        return status;
    }
    link->queue.reach->driver->close(link->queue.reach);
    link->queue = fresh;
    atomic_store(&link->dead, false);
    return SDR_OK;
}

uint32_t link_recover(struct link *link, uint32_t *attach)
{
    char text[REACH_TEXT];
    uint32_t status = SDR_OK;
    pthread_mutex_lock(&link->poll);
    pthread_mutex_lock(&link->submit);
    if (!atomic_load(&link->dead) && !queue_alive(&link->queue)) {
        atomic_store(&link->dead, true);
        lose_flights(link);
    }
    if (atomic_load(&link->dead)) {
        status = reopen(link, text);
        if (status == SDR_OK)
            atomic_fetch_add(&link->attach, 1);
    } else if (queue_stale(&link->queue)) {
        lose_flights(link);
        status = queue_attach(&link->queue, false, text);
        if (status == SDR_OK)
            atomic_fetch_add(&link->attach, 1);
    }
    *attach = atomic_load(&link->attach);
    pthread_mutex_unlock(&link->submit);
    pthread_mutex_unlock(&link->poll);
    return status;
}
