/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c: the asynchronous client (cardmux/client.h) on one queue pair.
 *
 * All bookkeeping is by slot: a slot is FREE (in queue.free_slots), TAKEN (the caller's), IN FLIGHT (bit in `flying`),
 * or DONE (the caller's again). When the broker is replaced, everything in flight is answered SDR_COMMFAIL from here
 * (`lost`), and the next submit attaches anew. Tags below CM_SLOTS are the application's requests, by slot; others are
 * the client's own (exchange), of which the answer may come when nobody waits for it any more.
 */
#include "cardmux/client.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cardmux/sdf.h"
#include "frontend/client/queue.h"
#include "proto/ops.h"

_Static_assert(CARDMUX_DEPTH == CM_SLOTS && CARDMUX_DATA_MAX == CM_SLOT_SIZE && CARDMUX_PARAM_MAX == CM_PARAM_SIZE,
               "client.h says what the layout says");
_Static_assert((int)CARDMUX_ECHO == CM_OP_ECHO && (int)CARDMUX_RANDOM == CM_OP_RANDOM &&
                   (int)CARDMUX_HASH == CM_OP_HASH && (int)CARDMUX_KEY_GENERATE_EPK == CM_OP_KEY_GENERATE_EPK &&
                   (int)CARDMUX_SIGN == CM_OP_SIGN_INTERNAL && (int)CARDMUX_VERIFY == CM_OP_VERIFY_INTERNAL &&
                   (int)CARDMUX_VERIFY_EXTERNAL == CM_OP_VERIFY_EXTERNAL && (int)CARDMUX_ENCRYPT == CM_OP_ENCRYPT &&
                   (int)CARDMUX_DECRYPT == CM_OP_DECRYPT && (int)CARDMUX_MAC == CM_OP_MAC &&
                   (int)CARDMUX_KEY_DESTROY == CM_OP_KEY_DESTROY,
               "numbers of the operation table");

#define GLANCES        64u
#define GLANCES_PUMPED 3u /* each is a system call */

#define EMPTY_POLLS 65536u /* polls without waiting between two looks whether the host side is alive */

struct cardmux_client {
    struct queue queue;
    unsigned forks; /* queue_forks of the process that opened it */
    uint32_t session;
    bool attached;
    uint64_t flying; /* in flight */
    uint64_t lost;   /* to be answered SDR_COMMFAIL */
    uint64_t held;   /* of requests of our own that were given up: free when the late answer comes */
    uint32_t tag;    /* last one of our own requests */
    uint32_t empty_polls;
    uint64_t user[CM_SLOTS];
    uint64_t submitted, completed;
    uint64_t expected_ns;
};

/* A completion that is no application request's. */
static void take_own(struct cardmux_client *client, const struct cm_cqe *cqe)
{
    uint64_t bit = 1ull << (cqe->slot & CM_RING_MASK);
    if (cqe->tag >= CM_SLOTS && client->held & bit) {
        client->held &= ~bit;
        queue_slot_free(&client->queue, cqe->slot & CM_RING_MASK);
    }
}

static bool take_answer(struct cardmux_client *client, uint32_t tag, struct cm_cqe *cqe)
{
    while (queue_take(&client->queue, cqe)) {
        if (cqe->tag == tag)
            return true;
        take_own(client, cqe);
    }
    return false;
}

/* One synchronous request outside of the application's: session and rights. No application request may be in flight.
 * SDR_COMMFAIL: no answer, or none yet. */
static uint32_t exchange(struct cardmux_client *client, struct cm_sqe *sqe, struct cm_cqe *cqe, uint64_t since)
{
    uint64_t end = since + queue_deadline_ns(&client->queue);
    client->tag = (client->tag + 1) | 0x80000000u;
    sqe->tag = client->tag;
    queue_publish(&client->queue, sqe);
    queue_ring(&client->queue);
    for (unsigned looks = 0; !take_answer(client, sqe->tag, cqe); looks++) {
        if (queue_ready(&client->queue))
            continue;
        if (queue_stale(&client->queue) || monotonic_ns() > end || !queue_alive(&client->queue))
            return SDR_COMMFAIL;
        if (looks < 100) { /* not sched_yield: where others want the core that is a time slice each */
            cpu_pause();
            continue;
        }
        queue_announce(&client->queue, client->queue.cq_pos);
        if (!queue_ready(&client->queue))
            queue_block(&client->queue, WAIT_BLOCK_MS);
        queue_retract(&client->queue);
    }
    return cqe->status;
}

static uint32_t attach(struct cardmux_client *client, char *text)
{
    uint32_t status = SDR_OK;
    uint64_t since = monotonic_ns();
    client->attached = false;
    if (queue_stale(&client->queue)) { /* else only the session is missing, and positions go on */
        uint64_t free_slots = client->queue.free_slots | client->held;
        status = queue_attach(&client->queue, since, text);
        client->queue.free_slots = free_slots; /* the caller keeps what it has taken */
        if (status != SDR_OK)
            return status;
        client->held = 0;
    }
    struct cm_sqe sqe = {.op = CM_OP_SESSION_OPEN};
    struct cm_cqe cqe;
    status = exchange(client, &sqe, &cqe, since);
    if (status != SDR_OK) {
        snprintf(text, REACH_TEXT, "the back end gives no session (0x%08x)", status);
        return status;
    }
    client->session = cqe.value;
    client->attached = true;
    return SDR_OK;
}

uint32_t cardmux_open(const struct cardmux_options *options, struct cardmux_client **out, char *text, size_t text_size)
{
    char why[REACH_TEXT] = "";
    *out = NULL;
    struct cardmux_client *client = calloc(1, sizeof *client);
    uint32_t status = client ? SDR_OK : SDR_NOBUFFER;
    if (status == SDR_OK) {
        status = queue_open(&client->queue, options ? options->reach : NULL, options ? options->where : NULL, why);
        client->forks = queue_forks;
        client->queue.wait = options ? (enum wait_mode)options->wait : WAIT_ADAPTIVE;
    }
    if (status == SDR_OK) {
        status = attach(client, why);
        if (status != SDR_OK)
            queue_close(&client->queue);
    }
    if (text && text_size)
        snprintf(text, text_size, "%s", why);
    if (status != SDR_OK) {
        free(client);
        return status;
    }
    *out = client;
    return SDR_OK;
}

/* A forked child's copy: the slots are the parent's. */
static bool copied(const struct cardmux_client *client)
{
    return client->forks != queue_forks;
}

void cardmux_close(struct cardmux_client *client)
{
    if (!client)
        return;
    if (!copied(client))
        queue_close(&client->queue);
    else
        queue_forget(&client->queue);
    free(client);
}

const char *cardmux_reach(const struct cardmux_client *client)
{
    return client->queue.reach->driver->name;
}

int cardmux_slot_take(struct cardmux_client *client)
{
    return copied(client) ? -1 : queue_slot_take(&client->queue);
}

void cardmux_slot_free(struct cardmux_client *client, int slot)
{
    if (!copied(client) && slot >= 0 && slot < (int)CM_SLOTS && !((client->flying | client->lost) >> slot & 1))
        queue_slot_free(&client->queue, (unsigned)slot);
}

uint8_t *cardmux_slot_data(struct cardmux_client *client, int slot)
{
    return copied(client) || slot < 0 || slot >= (int)CM_SLOTS
               ? NULL
               : shm_bytes(client->queue.qp, cm_slot_offset((uint32_t)slot), CM_SLOT_SIZE);
}

uint8_t *cardmux_slot_param(struct cardmux_client *client, int slot)
{
    return copied(client) || slot < 0 || slot >= (int)CM_SLOTS
               ? NULL
               : shm_bytes(client->queue.qp, cm_param_offset((uint32_t)slot), CM_PARAM_SIZE);
}

/* The broker was replaced: what flew is lost. Slots that the caller holds stay the caller's. */
static void on_stale(struct cardmux_client *client)
{
    client->lost |= client->flying;
    client->flying = 0;
    client->attached = false;
}

static bool ensure_attached(struct cardmux_client *client)
{
    if (client->attached && !queue_stale(&client->queue))
        return true;
    char text[REACH_TEXT];
    on_stale(client);
    return attach(client, text) == SDR_OK;
}

uint32_t cardmux_right_get(struct cardmux_client *client, uint32_t index, const uint8_t *code, size_t len)
{
    if (copied(client) || client->flying || len > 256 || (len && !code))
        return SDR_INARGERR;
    if (!ensure_attached(client))
        return SDR_COMMFAIL;
    int slot = queue_slot_take(&client->queue);
    if (slot < 0)
        return SDR_NOBUFFER;
    struct cm_sqe sqe = {.op = CM_OP_RIGHT_GET,
                         .slot = (uint16_t)slot,
                         .session = client->session,
                         .key = index,
                         .param_len = (uint16_t)len};
    struct cm_cqe cqe;
    if (len)
        memcpy(cardmux_slot_param(client, slot), code, len);
    uint32_t status = exchange(client, &sqe, &cqe, monotonic_ns());
    explicit_bzero(cardmux_slot_param(client, slot), len);
    if (status == SDR_COMMFAIL)
        client->held |= 1ull << slot;
    else
        queue_slot_free(&client->queue, (unsigned)slot);
    return status;
}

size_t cardmux_submit(struct cardmux_client *client, const struct cardmux_request *requests, size_t n)
{
    if (copied(client) || !ensure_attached(client))
        return 0;
    size_t done = 0;
    for (; done < n; done++) {
        const struct cardmux_request *request = &requests[done];
        uint64_t bit = 1ull << (request->slot & CM_RING_MASK);
        const struct cm_op_info *info = cm_op_info(request->op);
        if (request->slot >= CM_SLOTS || ((client->flying | client->queue.free_slots | client->lost) & bit) || !info)
            break;
        struct cm_sqe sqe = {.tag = request->slot,
                             .op = request->op,
                             .slot = request->slot,
                             .param_len = request->param_len,
                             .data_len = request->data_len,
                             .session = info->fields & F_SESSION ? client->session : 0,
                             .key = request->key,
                             .alg = request->alg,
                             .arg = request->arg};
        memcpy(sqe.iv, request->iv, sizeof sqe.iv);
        client->user[request->slot] = request->user;
        client->flying |= bit;
        queue_publish(&client->queue, &sqe);
    }
    if (done) {
        client->submitted += done;
        queue_ring(&client->queue);
    }
    return done;
}

static size_t take_lost(struct cardmux_client *client, struct cardmux_completion *out, size_t max)
{
    size_t n = 0;
    for (; n < max && client->lost; n++) {
        int slot = __builtin_ctzll(client->lost);
        client->lost &= client->lost - 1;
        out[n] =
            (struct cardmux_completion){.user = client->user[slot], .status = SDR_COMMFAIL, .slot = (uint16_t)slot};
    }
    return n;
}

static size_t take_ready(struct cardmux_client *client, struct cardmux_completion *out, size_t max)
{
    size_t n = 0;
    struct cm_cqe cqe;
    while (n < max && queue_take(&client->queue, &cqe)) {
        uint64_t bit = 1ull << (cqe.tag & CM_RING_MASK);
        if (cqe.tag >= CM_SLOTS || !(client->flying & bit)) {
            take_own(client, &cqe);
            continue;
        }
        client->flying &= ~bit;
        struct cardmux_completion *to = &out[n++];
        to->user = client->user[cqe.tag];
        to->status = cqe.status;
        to->value = cqe.value;
        to->data_len = cqe.data_len <= CM_SLOT_SIZE ? cqe.data_len : 0;
        to->param_len = cqe.param_len <= CM_PARAM_SIZE ? cqe.param_len : 0;
        to->slot = (uint16_t)cqe.tag;
        memcpy(to->iv, cqe.iv, sizeof to->iv);
    }
    return n;
}

static unsigned in_flight(const struct cardmux_client *client)
{
    return (unsigned)__builtin_popcountll(client->flying);
}

/* The clock is looked at, while polling or at the end of it. */
static void wait_look(struct queue *queue, struct wait_input *in, uint64_t start, bool slept)
{
    uint64_t then = start + in->waited_ns, now = monotonic_ns();
    in->waited_ns = now - start;
    if (!slept && !in->crowded) /* where it is crowded, the broker may have had the core, for us */
        wait_polled(&queue->pressure, then, now);
    in->crowded = queue_crowded(queue);
    in->pressed = queue_pressed(queue, now);
}

/* Waits until `want` completions lie there, or something else is to be done about the wait; for how long: ns. */
static uint64_t wait_ready(struct cardmux_client *client, uint32_t want, uint64_t start, uint64_t limit_ns)
{
    struct queue *queue = &client->queue;
    struct wait_input in = {.mode = queue->wait,
                            .crowded = queue_crowded(queue),
                            .pressed = queue_pressed(queue, start),
                            .expected_ns = client->expected_ns};
    uint32_t at = queue->cq_pos + want - 1;
    uint64_t alive_at = WAIT_BLOCK_MS * 1000000ull;
    bool slept = false;
    while (!queue_reached(queue, at)) {
        in.looks++;
        if (!in.crowded && !in.pressed && (in.looks & 15) && queue->wait != WAIT_SLEEP) {
            look_pause(in.waited_ns, in.expected_ns);
            continue;
        }
        wait_look(queue, &in, start, slept);
        slept = false;
        if (in.waited_ns >= limit_ns || queue_stale(queue))
            break;
        if (in.waited_ns > alive_at) { /* polling finds the host side gone too */
            if (!queue_alive(queue))
                break;
            alive_at = in.waited_ns + WAIT_BLOCK_MS * 1000000ull;
        }
        switch (wait_decide(&in)) {
        case WAIT_DO_SPIN:
            cpu_pause();
            break;
        case WAIT_DO_YIELD:
            sched_yield();
            break;
        case WAIT_DO_ANNOUNCE:
            in.announced = true;
            queue_announce(queue, at);
            break;
        case WAIT_DO_BLOCK: {
            uint64_t left_ms = (limit_ns - in.waited_ns) / 1000000u + 1;
            queue_block(queue, left_ms < WAIT_BLOCK_MS ? (int)left_ms : WAIT_BLOCK_MS);
            in.looks |= 15; /* the clock next */
            slept = true;
            if (!queue_reached(queue, at) && (queue_stale(queue) || !queue_alive(queue)))
                goto out;
            break;
        }
        }
    }
out:
    if (in.announced)
        queue_retract(queue);
    wait_look(queue, &in, start, slept);
    return in.waited_ns;
}

/* Looks for about a microsecond, where looking is allowed at all: that is how long the shortest operations take. */
static bool glance(const struct cardmux_client *client, uint32_t want)
{
    const struct queue *queue = &client->queue;
    uint32_t at = queue->cq_pos + want - 1;
    if (queue->wait == WAIT_SLEEP || queue_crowded(queue))
        return false;
    for (unsigned i = queue->pumped ? GLANCES - GLANCES_PUMPED : 0; i < GLANCES; i++) {
        if (queue_reached(queue, at))
            return true;
        cpu_pause();
    }
    return false;
}

size_t cardmux_poll(struct cardmux_client *client, struct cardmux_completion *out, size_t max, size_t want,
                    int timeout_ms)
{
    if (copied(client) || !max)
        return 0;
    size_t n = client->lost ? take_lost(client, out, max) : 0;
    queue_fetch(&client->queue);
    n += take_ready(client, out + n, max - n);
    if (n || timeout_ms == 0 || !client->flying) {
        bool look = !n && client->flying && ++client->empty_polls % EMPTY_POLLS == 0;
        if (!n && client->flying && (queue_stale(&client->queue) || (look && !queue_alive(&client->queue)))) {
            on_stale(client);
            n = take_lost(client, out, max);
        }
        client->completed += n;
        return n;
    }
    uint32_t goal = (uint32_t)(want < 1 ? 1 : want > in_flight(client) ? in_flight(client) : want);
    if (glance(client, goal)) { /* no clock was read: it would cost as much as a short operation */
        n = take_ready(client, out, max);
        client->completed += n;
        if (n)
            return n;
    }
    uint64_t start = monotonic_ns();
    uint64_t limit = timeout_ms < 0 ? queue_deadline_ns(&client->queue) : (uint64_t)timeout_ms * 1000000u;
    uint64_t waited = wait_ready(client, goal, start, limit);
    n = take_ready(client, out, max);
    if (n) {
        client->expected_ns = wait_expect(client->expected_ns, waited);
    } else if (queue_stale(&client->queue) || !queue_alive(&client->queue)) {
        on_stale(client);
        n = take_lost(client, out, max);
    }
    client->completed += n;
    return n;
}

void cardmux_stats(const struct cardmux_client *client, struct cardmux_stats *stats)
{
    *stats = (struct cardmux_stats){.submitted = client->submitted,
                                    .completed = client->completed,
                                    .doorbells = client->queue.doorbells,
                                    .sleeps = client->queue.sleeps};
}
