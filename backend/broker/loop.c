/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c: the passes of the broker's thread.
 *
 * A tenant is active while one of its channels is. In a pass each active tenant gets a share of time (QUANTUM_NS times
 * its weight over the default weight) and its channels take turns within it; what a turn overdraws is taken from the
 * next one, what is not used is not saved. The time of wake-ups counts as the tenant's.
 *
 * A channel without work for CHANNEL_IDLE_NS while others are busy is put to sleep by itself (its front end rings
 * then). Without any work the waiting rule says when all of them are, and the thread blocks.
 */
#include "backend/broker/stream.h"
#include "backend/broker/vsock_port.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#define QUANTUM_NS     100000
#define WEIGHT_DEFAULT 100
#define BURST          8u /* submissions of one channel at a time */
#define EVENTS_EVERY_NS                                                                                                \
    200000u /* how late a doorbell may be seen while others keep us busy; a look costs half a microsecond */
#define CHANNEL_IDLE_NS 1000000u
#define POLL_IDLE_NS    10000000000u /* a polling broker gives up the core after so long */
#define EVENTS_MAX      64
#define LOOKS_FREE      8u /* looks at empty rings that a tenant's turn may take for nothing */
#define IDLE_MS         1000
#define MEND_NS         1000000000u

static unsigned channel_turn(struct broker *broker, struct channel *channel)
{
    if (channel->port)
        return vsock_port_turn(broker, channel);
    if (__builtin_expect(channel->renewing, 0) && !channel->region->gone) {
        if (channel->jobs)
            return 0;
        channel_renew(broker, channel);
        broker->clock_due = CLOCK_DUE;
        return 1;
    }
    if (channel_reset_wanted(channel)) {
        if (channel->jobs)
            return 0;
        if (channel_set_back(broker, channel))
            return 1;
        channel_reset(broker, channel);
        broker->clock_due = CLOCK_DUE;
        return 1;
    }
    if (!channel->epoch || channel->region->gone)
        return 0;
    if (channel->stream)
        return stream_turn(channel->stream, BURST);
    unsigned taken = intake(broker, channel, BURST);
    if (taken)
        channel_notify(broker, channel);
    return taken;
}

/*
 * The clock is read when it tells something: after work that may have taken a microsecond or more, else once in
 * CLOCK_DUE. Reading it at each step would cost an echo a tenth of its time.
 */
static void clock_charge(struct broker *broker, struct tenant *tenant)
{
    if (broker->clock_due < CLOCK_DUE)
        return;
    uint64_t then = broker->now;
    broker->now = clock_ns();
    broker->clock_due = 0;
    tenant->credit_ns -= (int64_t)(broker->now - then);
    tenant->counters.card_ns += broker->now - then;
}

static unsigned tenant_turn(struct broker *broker, struct tenant *tenant)
{
    int64_t share = (int64_t)QUANTUM_NS * tenant->record.weight / WEIGHT_DEFAULT;
    unsigned total = 0, empty = 0, looks = 0;
    tenant->credit_ns += share;
    if (tenant->credit_ns > share || tenant->active_count == broker->active_channels)
        tenant->credit_ns = share; /* nobody else is there to be fair to */
    while (tenant->credit_ns > 0 && tenant->active && empty < tenant->active_count) {
        struct channel *channel = tenant->active;
        tenant->active = channel->next;
        unsigned taken = channel_turn(broker, channel);
        if (!taken) {
            empty++;
            looks++;
            if (!channel->idle_since)
                channel->idle_since = broker->now;
            else if (broker->now - channel->idle_since > CHANNEL_IDLE_NS && broker->active_channels > 1 &&
                     broker->config->wait != WAIT_POLL && channel_deactivate(broker, channel))
                empty--;
            continue;
        }
        channel->idle_since = 0;
        empty = 0;
        total += taken;
        clock_charge(broker, tenant);
    }
    if (looks > LOOKS_FREE) { /* many rings with nothing in them are its own cost */
        uint64_t then = broker->now;
        broker->now = clock_ns();
        tenant->credit_ns -= (int64_t)(broker->now - then);
    }
    return total;
}

static unsigned tenants_turn(struct broker *broker)
{
    unsigned total = 0;
    if (broker->clock_due++ >= CLOCK_DUE) {
        broker->now = clock_ns();
        broker->clock_due = 0;
    }
    /* a turn may put its own tenant, and no other, out of the ring */
    for (unsigned left = broker->active_tenants; left && broker->active; left--) {
        struct tenant *tenant = broker->active;
        broker->active = tenant->next;
        total += tenant_turn(broker, tenant);
    }
    if (broker->active)
        broker->active = broker->active->next; /* who comes first finds the card's room: not always the same one */
    return total;
}

static void drain(int fd)
{
    uint64_t count;
    if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
        broker_log("an eventfd cannot be read: %m");
}

/* Doorbells first: what keeper and admin say may free the channels that the events name. */
static unsigned events_take(struct broker *broker, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = guard_epoll(broker->epoll_fd, events, EVENTS_MAX, timeout_ms);
    unsigned did = 0;
    bool keeper = false, admin = false;
    for (int i = 0; i < n; i++) {
        void *what = events[i].data.ptr;
        if (what == &broker->keeper_fd) {
            keeper = true;
        } else if (what == &broker->admin_fd) {
            admin = true;
        } else if (what == &broker->pool || what == &broker->card_fd) {
            drain(what == &broker->pool ? broker->pool.event_fd : broker->card_fd);
        } else {
            struct channel *channel = what;
            if (channel->port) {
                vsock_port_event(broker, channel);
                did++;
                continue;
            }
            if (channel->stream) {
                stream_socket_event(channel->stream, events[i].events);
                did++;
                continue;
            }
            channel_answer_question(channel);
            if (channel->active && channel->rung)
                continue; /* a storm: what it says is known */
            channel_heard(channel);
            channel_activate(broker, channel);
        }
        did++;
    }
    if (keeper && !keeper_read(broker))
        broker->ending = true;
    if (admin)
        admin_out_go(broker);
    if (admin && broker->admin_fd >= 0 && !admin_read(broker)) {
        admin_out_drop(broker);
        epoll_ctl(broker->epoll_fd, EPOLL_CTL_DEL, broker->admin_fd, NULL);
        close(broker->admin_fd);
        broker->admin_fd = -1;
    }
    return did;
}

/* Tells front ends whether pollers outnumber cores (which it returns), and whether others want them. */
static bool crowded_tell(struct broker *broker)
{
    unsigned pollers = broker->active_channels + 1;
    if (!(broker->caps.flags & CARD_INLINE))
        pollers += broker->caps.parallel;
    bool own = pollers > broker->cores;
    uint32_t crowded =
        (own ? CM_CROWDED_OWN : 0) | (wait_pressed(&broker->pressure, broker->now) ? CM_CROWDED_OTHER : 0);
    if (crowded == broker->crowded)
        return own;
    broker->crowded = crowded;
    struct tenant *tenant = broker->active;
    for (unsigned i = broker->active_tenants; i; i--, tenant = tenant->next) {
        struct channel *channel = tenant->active;
        for (unsigned k = tenant->active_count; k; k--, channel = channel->next)
            if (channel->crowded != crowded) {
                channel->crowded = crowded;
                shm_store32(channel->qp, offsetof(struct cm_control, crowded), crowded);
            }
    }
    return own;
}

static bool sleep_announced(struct broker *broker)
{
    unsigned waiting = 0; /* for a job's end, which wakes us: they stay active */
    for (unsigned tenants = broker->active_tenants; tenants && broker->active; tenants--) {
        struct tenant *tenant = broker->active;
        broker->active = tenant->next;
        for (unsigned left = tenant->active_count; left; left--) {
            struct channel *channel = tenant->active;
            tenant->active = channel->next;
            if (intake_stalls(broker, channel) && !channel_reset_wanted(channel))
                waiting++;
            else if (!channel_deactivate(broker, channel))
                return false;
        }
    }
    return broker->active_channels == waiting;
}

static void block(struct broker *broker)
{
    bool armed = broker->jobs_in_card > 0;
    if (armed)
        broker->driver->wait_fd(broker->card, true);
    if (!armed || !card_collect(broker)) {
        broker->sleeps++;
        events_take(broker, IDLE_MS);
        broker->clock_due = CLOCK_DUE;
    }
    if (armed)
        broker->driver->wait_fd(broker->card, false);
}

void broker_totals(struct broker *broker)
{
    struct admin_counters *total = &broker->total;
    *total = (struct admin_counters){0};
    for (unsigned i = 0; i < broker->tenant_count; i++) {
        const struct admin_counters *one = &broker->tenants[i]->counters;
        total->operations += one->operations;
        total->errors += one->errors;
        total->bytes += one->bytes;
        total->doorbells += one->doorbells;
        total->wakeups += one->wakeups;
        total->card_ns += one->card_ns;
        total->regions += one->regions;
        total->sessions += one->sessions;
        total->handles += one->handles;
        for (unsigned k = 0; k < CM_GATE_END; k++)
            total->rejects[k] += one->rejects[k];
    }
}

unsigned broker_pass(struct broker *broker, bool events)
{
    broker->passes++;
    unsigned did = tenants_turn(broker);
    if (broker->jobs_in_card)
        did += card_collect(broker);
    if (broker->tasks)
        did += pool_collect(broker);
    return events ? did + events_take(broker, 0) : did;
}

int broker_loop(struct broker *broker)
{
    struct wait_input wait = {.mode = broker->config->wait};
    uint64_t idle_since = 0, idle_seen = 0, events_at = 0, mended_at = 0;
    if (!guard_start())
        broker_log("no timer: a tenant that makes its eventfds block can stop the broker: %m");
    while (!broker->ending) {
        unsigned did = broker_pass(broker, false);
        if (broker->now - events_at > EVENTS_EVERY_NS) {
            did += events_take(broker, 0);
            wait.crowded = crowded_tell(broker);
            events_at = broker->now;
            if (broker->now - mended_at > MEND_NS) {
                regions_mend(broker);
                audit_tick(broker);
                self_test_tick(broker);
                mended_at = broker->now;
            }
        }
        if (did) {
            idle_since = idle_seen = 0;
            wait.looks = 0;
            continue;
        }
        if (!idle_since)
            idle_since = broker->now;
        if (idle_seen)
            wait_polled(&broker->pressure, idle_seen, broker->now);
        idle_seen = broker->now;
        wait.looks++;
        if (!wait.crowded && broker->clock_due && broker->config->wait != WAIT_SLEEP)
            continue; /* nothing that the rule looks at has changed; a pass is a look, and no short one */
        wait.waited_ns = broker->now - idle_since;
        wait.pressed = wait_pressed(&broker->pressure, broker->now);
        wait.mode = wait.waited_ns > POLL_IDLE_NS ? WAIT_ADAPTIVE : broker->config->wait;
        switch (wait_decide(&wait)) {
        case WAIT_DO_SPIN:
            break;
        case WAIT_DO_YIELD:
            sched_yield();
            broker->clock_due = CLOCK_DUE; /* it may have been long */
            break;
        case WAIT_DO_ANNOUNCE:
        case WAIT_DO_BLOCK: /* announcing, the second look and blocking are one thing here */
            if (sleep_announced(broker)) {
                block(broker);
                idle_since = idle_seen = 0;
            }
            break;
        }
    }
    return 0;
}
