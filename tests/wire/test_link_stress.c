/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads on one queue pair, with every way to wait on both ends, while the broker is replaced at random moments
 * and the process forks now and then.
 *
 *   callers   session_run on sessions of their own: echoes, batches of mixed results, hashes, random, key handles;
 *             between calls they think for times that let both sides fall asleep
 *   clients   the asynchronous client, each on a queue pair of its own, with any depth, want and timeout
 *   children  forked in the midst of all that: they open the card anew and use it
 *
 * Asserted: no result is wrong; a call that needs nothing of its session never fails; one that does fails with
 * SDR_COMMFAIL if at all; each request of a client is answered once; nothing hangs; all slots come back; and no wake-up
 * is lost. A lost wake-up costs at most WAIT_BLOCK_MS, so no clock would show it: the link's reach is replaced by one
 * that looks, after a whole sleep, whether the completion that was asked for is there. If so the bell must follow; the
 * link counts the same for threads that sleep behind the one on the reach. The longest call is printed, not judged.
 * LINK_REACH: over another way than unix; then only those behind are looked at.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cardmux/client.h"
#include "cardmux/sdf.h"
#include "frontend/client/link.h"
#include "frontend/reach/channel.h"
#include "tests/wire/harness.h"

#define CALLERS 14
#define CLIENTS 2
#define HANG_S  100

static _Atomic bool stopping;
static _Atomic unsigned wrong, full_sleeps, late_bells, lost_wakeups;
static struct wire *wire;
static unsigned caller_count = CALLERS, client_count = CLIENTS;
static bool echoes; /* the card can; the others hash */

static const uint8_t abc[32] = {0x66, 0xc7, 0xf0, 0xf4, 0x62, 0xee, 0xed, 0xd9, 0xd1, 0xf2, 0xd4,
                                0x6b, 0xdc, 0x10, 0xe4, 0xe2, 0x41, 0x67, 0xc4, 0x87, 0x5c, 0xf2,
                                0xf7, 0xa2, 0x29, 0x7d, 0xa0, 0x2b, 0x8f, 0x4b, 0xa8, 0xe0};

struct caller {
    pthread_t thread;
    unsigned number;
    struct link *link;
    struct session *session;
    uint64_t random, longest_ns;
    unsigned calls, commfails;
    uint8_t data[CM_SLOT_SIZE], out[20 * 600 + CM_SLOT_SIZE];
};

static struct caller callers[CALLERS];
static struct session *kept; /* shown to children, used by nobody */

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % below;
}

static void complain(unsigned number, const char *what, uint32_t status)
{
    fprintf(stderr, "thread %u: %s: 0x%08x\n", number, what, status);
    wrong++;
}

/* A reach that notices lost wake-ups */

static struct reach_driver watched;

static bool bell(struct channel *channel, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = channel->wake, .events = POLLIN}, {.fd = channel->socket, .events = POLLRDHUP}};
    return poll(fds, 2, timeout_ms) != 0;
}

static bool something_there(void)
{
    struct link *link = callers[0].link;
    pthread_mutex_lock(&link->poll);
    bool there = queue_ready(&link->queue);
    pthread_mutex_unlock(&link->poll);
    return there;
}

static void watched_wait(struct reach *reach, int timeout_ms)
{
    struct channel *channel = (struct channel *)reach;
    if (timeout_ms == WAIT_BLOCK_MS && !bell(channel, timeout_ms)) {
        full_sleeps++;
        if (something_there()) {
            if (bell(channel, 2000))
                late_bells++;
            else if (something_there()) /* nobody else took it */
                lost_wakeups++;
        }
    }
    channel_wait(reach, timeout_ms == WAIT_BLOCK_MS ? 0 : timeout_ms);
}

/* Callers */

static uint32_t run(struct caller *caller, struct call *calls, size_t n)
{
    uint64_t start = monotonic_ns();
    uint32_t status = session_run(caller->session, calls, n);
    uint64_t took = monotonic_ns() - start;
    if (took > caller->longest_ns)
        caller->longest_ns = took;
    caller->calls++;
    return status;
}

static void fill(struct caller *caller, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 61)
        bytes[i] = (uint8_t)draw(&caller->random, 256);
}

static void do_echo(struct caller *caller)
{
    size_t len = draw(&caller->random, 3) ? draw(&caller->random, 300) : draw(&caller->random, CM_SLOT_SIZE + 1);
    fill(caller, caller->data, len);
    struct call call = {.op = CM_OP_ECHO, .data = caller->data, .data_len = len, .out = caller->out, .out_cap = len};
    uint32_t status = run(caller, &call, 1);
    if (status != SDR_OK)
        complain(caller->number, "echo", status);
    else if (call.out_len != len || memcmp(caller->out, caller->data, len))
        complain(caller->number, "echo: wrong bytes", 0);
}

static struct call small_call(struct caller *caller, unsigned i)
{
    if (!echoes)
        return (struct call){.op = CM_OP_HASH, .alg = SGD_SM3, .data = "abc", .data_len = 3};
    return (struct call){.op = CM_OP_ECHO,
                         .data = caller->data + i * 600,
                         .data_len = 600,
                         .out = caller->out + i * 600,
                         .out_cap = 600};
}

static bool small_right(const struct call *call)
{
    return call->op == CM_OP_ECHO ? !memcmp(call->out, call->data, 600) : !memcmp(call->param_out, abc, sizeof abc);
}

/* Up to twenty together, of which one may be refused: the others are none the worse, or were not run. */
static void do_batch(struct caller *caller)
{
    struct call calls[20];
    unsigned n = 1 + draw(&caller->random, 20), bad = draw(&caller->random, 40);
    fill(caller, caller->data, 12000);
    for (unsigned i = 0; i < n; i++) {
        calls[i] = small_call(caller, i);
        calls[i].arg = i == bad;
    }
    uint32_t status = run(caller, calls, n);
    if (status != (bad < n ? SDR_INARGERR : SDR_OK))
        complain(caller->number, "batch", status);
    for (unsigned i = 0; i < n; i++) {
        if (calls[i].status == SDR_OK && !small_right(&calls[i]))
            complain(caller->number, "batch: wrong bytes", i);
        if (calls[i].status != SDR_OK && bad >= n)
            complain(caller->number, "batch: one failed", calls[i].status);
    }
}

static void do_hash(struct caller *caller)
{
    struct call call = {.op = CM_OP_HASH, .alg = SGD_SM3, .data = "abc", .data_len = 3};
    uint32_t status = run(caller, &call, 1);
    if (status != SDR_OK)
        complain(caller->number, "hash", status);
    else if (call.param_out_len != 32 || memcmp(call.param_out, abc, 32))
        complain(caller->number, "hash: wrong", 0);
}

static void do_random(struct caller *caller)
{
    uint32_t len = 1 + draw(&caller->random, 2000);
    struct call call = {.op = CM_OP_RANDOM, .arg = len, .out = caller->out, .out_cap = len};
    uint32_t status = run(caller, &call, 1);
    if (status != SDR_OK || call.out_len != len)
        complain(caller->number, "random", status);
}

/* May be lost with its session, but then says so. */
static bool held(struct caller *caller, const char *what, uint32_t status)
{
    if (status == SDR_COMMFAIL)
        caller->commfails++;
    else if (status != SDR_OK)
        complain(caller->number, what, status);
    return status == SDR_OK;
}

static void do_key(struct caller *caller)
{
    uint8_t wrapped[64], back[4096];
    struct call make = {.op = CM_OP_KEY_GENERATE_KEK,
                        .key = 1,
                        .alg = SGD_SM4_ECB,
                        .arg = 128,
                        .out = wrapped,
                        .out_cap = sizeof wrapped};
    if (!held(caller, "key", run(caller, &make, 1)))
        return;
    for (unsigned i = draw(&caller->random, 5); i; i--) {
        size_t len = 16 * (1 + draw(&caller->random, 256));
        fill(caller, caller->data, len);
        struct call seal = {.op = CM_OP_ENCRYPT,
                            .key = make.value,
                            .alg = SGD_SM4_CBC,
                            .iv = {(uint8_t)i},
                            .data = caller->data,
                            .data_len = len,
                            .out = caller->out,
                            .out_cap = len};
        if (!held(caller, "encrypt", run(caller, &seal, 1)))
            return;
        struct call open = {.op = CM_OP_DECRYPT,
                            .key = make.value,
                            .alg = SGD_SM4_CBC,
                            .iv = {(uint8_t)i},
                            .data = caller->out,
                            .data_len = len,
                            .out = back,
                            .out_cap = len};
        if (!held(caller, "decrypt", run(caller, &open, 1)))
            return;
        if (open.out_len != len || memcmp(back, caller->data, len))
            complain(caller->number, "decrypt: wrong bytes", 0);
    }
    struct call destroy = {.op = CM_OP_KEY_DESTROY, .key = make.value};
    held(caller, "destroy", run(caller, &destroy, 1));
}

/* The session is closed and another one opened. */
static void do_session(struct caller *caller)
{
    session_close(caller->session);
    uint32_t status = session_open(caller->link, &caller->session);
    if (status != SDR_OK) {
        complain(caller->number, "session", status);
        pthread_exit(NULL);
    }
}

static void *caller_run(void *arg)
{
    static void (*const echo[])(struct caller *) = {do_echo, do_echo, do_echo, do_batch, do_batch, do_session};
    static void (*const card[])(struct caller *) = {do_hash, do_hash, do_batch, do_key, do_key, do_session, do_random};
    struct caller *caller = arg;
    while (!stopping) {
        if (echoes)
            echo[draw(&caller->random, sizeof echo / sizeof *echo)](caller);
        else
            card[draw(&caller->random, sizeof card / sizeof *card)](caller);
        uint32_t think = draw(&caller->random, 100);
        if (think < 30)
            usleep(draw(&caller->random, 400));
        else if (think < 33)
            usleep(draw(&caller->random, 20000));
    }
    return NULL;
}

/* Asynchronous clients */

struct client {
    pthread_t thread;
    unsigned number;
    struct cardmux_client *handle;
    uint64_t random;
    unsigned answered, commfails, flying;
    uint64_t out; /* slots submitted and not answered */
};

static struct client clients[CLIENTS];

static void client_submit(struct client *client, unsigned n)
{
    while (n--) {
        int slot = cardmux_slot_take(client->handle);
        if (slot < 0)
            return;
        uint32_t len = echoes ? draw(&client->random, 2000) : 3;
        struct cardmux_request request = {.op = CARDMUX_ECHO, .slot = (uint16_t)slot, .data_len = len, .user = len};
        memset(cardmux_slot_data(client->handle, slot), (int)len, len);
        if (!echoes) {
            request.op = CARDMUX_HASH;
            request.alg = SGD_SM3;
            memcpy(cardmux_slot_data(client->handle, slot), "abc", 3);
        }
        if (!cardmux_submit(client->handle, &request, 1)) {
            cardmux_slot_free(client->handle, slot);
            return;
        }
        client->out |= 1ull << slot;
        client->flying++;
    }
}

static bool client_right(struct client *client, const struct cardmux_completion *done)
{
    const uint8_t *data = cardmux_slot_data(client->handle, done->slot);
    if (!echoes)
        return done->param_len == sizeof abc &&
               !memcmp(cardmux_slot_param(client->handle, done->slot), abc, sizeof abc);
    for (uint32_t i = 0; i < done->data_len; i++)
        if (data[i] != (uint8_t)done->user)
            return false;
    return done->data_len == done->user;
}

static void client_check(struct client *client, const struct cardmux_completion *done)
{
    if (!(client->out >> done->slot & 1))
        complain(client->number, "answered twice, or never asked", done->slot);
    client->out &= ~(1ull << done->slot);
    client->flying--;
    client->answered++;
    if (done->status == SDR_COMMFAIL)
        client->commfails++;
    else if (done->status != SDR_OK)
        complain(client->number, "client", done->status);
    else if (!client_right(client, done))
        complain(client->number, "client: wrong bytes", done->slot);
    cardmux_slot_free(client->handle, done->slot);
}

static void *client_run(void *arg)
{
    static const int timeouts[] = {0, 1, 50, -1};
    struct client *client = arg;
    struct cardmux_completion done[CM_SLOTS];
    while (!stopping || client->flying) {
        if (!stopping)
            client_submit(client, draw(&client->random, 30));
        size_t max = 1 + draw(&client->random, CM_SLOTS), want = draw(&client->random, (uint32_t)max + 1);
        size_t n = cardmux_poll(client->handle, done, max, want, timeouts[draw(&client->random, 4)]);
        for (size_t i = 0; i < n; i++)
            client_check(client, &done[i]);
        if (draw(&client->random, 100) < 5)
            usleep(draw(&client->random, 5000));
    }
    if (client->out)
        complain(client->number, "never answered", 0);
    return NULL;
}

/* The whole */

/* In the child: the parent's session works, on a queue pair of the child's, and so does a new one. */
static int child_run(struct session *parents)
{
    struct link *link;
    struct session *session;
    char text[256];
    alarm(HANG_S);
    struct call call = small_call(&callers[0], 0);
    if (session_run(parents, &call, 1) != SDR_OK || !small_right(&call))
        return 2;
    if (link_get(&link, text, sizeof text) != SDR_OK)
        return 3;
    if (session_open(link, &session) != SDR_OK)
        return 4;
    if (session_run(session, &call, 1) != SDR_OK || !small_right(&call))
        return 5;
    session_close(session);
    session_close(parents);
    link_put(link);
    return 0;
}

static void fork_once(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(child_run(kept));
    if (child < 0 || waitpid(child, &status, 0) != child || status)
        complain(99, "child", (uint32_t)status);
}

static void start_all(enum wait_mode wait)
{
    for (unsigned i = 0; i < caller_count; i++) {
        struct caller *caller = &callers[i];
        char text[256];
        memset(caller, 0, sizeof *caller);
        caller->number = i;
        caller->random = i + 1;
        uint32_t status = link_get(&caller->link, text, sizeof text);
        if (status == SDR_OK)
            status = session_open(caller->link, &caller->session);
        if (status != SDR_OK) {
            fprintf(stderr, "no card: %s\n", text);
            exit(2);
        }
    }
    if (session_open(callers[0].link, &kept) != SDR_OK)
        exit(2);
    struct reach *reach = callers[0].link->queue.reach;
    if (reach->driver == &reach_unix) {
        watched = *reach->driver;
        watched.wait = watched_wait;
        reach->driver = &watched;
    }
    for (unsigned i = 0; i < caller_count; i++)
        pthread_create(&callers[i].thread, NULL, caller_run, &callers[i]);
    for (unsigned i = 0; i < client_count; i++) {
        struct cardmux_options options = {.size = sizeof options, .wait = (enum cardmux_wait)wait};
        clients[i] = (struct client){.number = 50 + i, .random = 100 + i};
        if (cardmux_open(&options, &clients[i].handle, NULL, 0) != SDR_OK)
            exit(2);
        pthread_create(&clients[i].thread, NULL, client_run, &clients[i]);
    }
}

static void stop_all(const char *name, unsigned restarts)
{
    unsigned calls = 0, commfails = 0, answered = 0;
    uint64_t longest = 0;
    struct link *link = callers[0].link;
    stopping = true;
    for (unsigned i = 0; i < client_count; i++) {
        pthread_join(clients[i].thread, NULL);
        answered += clients[i].answered;
        cardmux_close(clients[i].handle);
    }
    for (unsigned i = 0; i < caller_count; i++)
        pthread_join(callers[i].thread, NULL);
    unsigned overslept = atomic_load(&link->overslept);
    if (atomic_load(&link->free) != ~0ull)
        complain(99, "slots are missing", (uint32_t)__builtin_popcountll(~atomic_load(&link->free)));
    session_close(kept);
    uint64_t sleeps = link->queue.sleeps, doorbells = link->queue.doorbells;
    for (unsigned i = 0; i < caller_count; i++) {
        session_close(callers[i].session);
        link_put(callers[i].link);
        calls += callers[i].calls;
        commfails += callers[i].commfails;
        if (callers[i].commfails > restarts)
            complain(i, "told of more losses than there were brokers", callers[i].commfails);
        if (callers[i].longest_ns > longest)
            longest = callers[i].longest_ns;
    }
    printf(
        "%-18s %6u calls, %u lost; %6u asynchronous; %llu sleeps, %llu doorbells; longest call %llu ms; whole sleeps "
        "%u, bell late %u, behind %u, lost %u\n",
        name, calls, commfails, answered, (unsigned long long)sleeps, (unsigned long long)doorbells,
        (unsigned long long)longest / 1000000, full_sleeps, late_bells, overslept, lost_wakeups);
    if (lost_wakeups || overslept)
        complain(99, "wake-ups were lost", overslept);
    full_sleeps = late_bells = lost_wakeups = 0;
    stopping = false;
}

static void stress(const char *name, const char *front, enum wait_mode wait, const struct wire_options *options)
{
    uint64_t random = (uint64_t)getpid();
    unsigned restarts = getenv("RESTARTS") ? (unsigned)atoi(getenv("RESTARTS")) : 3;
    alarm(HANG_S); /* something hangs */
    wire = wire_start(options);
    echoes = !strcmp(options->card, "null");
    wire_use(wire, 0);
    if (getenv("LINK_REACH")) {
        setenv("CARDMUX_REACH", getenv("LINK_REACH"), 1);
        setenv("CARDMUX_SOCKET", wire_socket(wire, 0, getenv("LINK_REACH")), 1);
    }
    setenv("CARDMUX_WAIT", front, 1);
    start_all(wait);
    for (unsigned i = 0; i < restarts; i++) {
        usleep(100000 + draw(&random, 300000));
        fork_once();
        wire_broker_stop(wire);
        usleep(draw(&random, 2) ? 0 : draw(&random, 150000));
        wire_broker_start(wire);
    }
    usleep(300000);
    stop_all(name, restarts);
    wire_stop(wire);
    alarm(0);
}

int main(void)
{
    stress("adaptive", "adaptive", WAIT_ADAPTIVE, &(struct wire_options){.card = "null"});
    stress("sleeping", "sleep", WAIT_SLEEP, &(struct wire_options){.card = "null", .wait = WAIT_SLEEP});
    stress("polling", "poll", WAIT_POLL, &(struct wire_options){.card = "soft"});
    stress("broker polls", "sleep", WAIT_SLEEP, &(struct wire_options){.card = "soft", .wait = WAIT_POLL});
    stress("card's threads", "adaptive", WAIT_ADAPTIVE, &(struct wire_options){.card = "soft", .card_threads = 2});
    stress("all of them sleep", "sleep", WAIT_SLEEP,
           &(struct wire_options){.card = "soft", .card_threads = 2, .wait = WAIT_SLEEP});
    caller_count = 1; /* nobody else wakes it by chance */
    client_count = 0;
    stress("alone", "sleep", WAIT_SLEEP, &(struct wire_options){.card = "null", .wait = WAIT_SLEEP});
    stress("alone, adaptive", "adaptive", WAIT_ADAPTIVE, &(struct wire_options){.card = "soft", .card_threads = 2});
    printf("%u wrong\n", wrong);
    return wrong != 0;
}
