/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot is claimed while the queue is replaced. One thread is held where it is about to claim one; the connection
 * ends, another thread notices, finds all slots free and opens a new queue; now the first goes on. It must not fill a
 * slot of the queue that is being taken away: it is held there too until that is gone, if it comes so far. Built with
 * jitter.h.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cardmux/sdf.h"
#include "frontend/client/link.h"
#include "frontend/reach/channel.h"
#include "tests/wire/harness.h"
#include "tests/wire/jitter.h"

#define PATIENCE_MS 20000

enum stage {
    ARMED,     /* the claimer comes */
    CLAIMING,  /* he is there */
    REPLACING, /* the other one has found all slots free */
    FILLING,   /* the claimer has claimed, and fills his slot */
    GIVEN,     /* or he has given it back */
    REPLACED,  /* the new queue is there, and was used */
};

static _Atomic int stage = ARMED;
static _Thread_local bool claimer, other;

static bool reached(enum stage wanted)
{
    for (int ms = 0; atomic_load_explicit(&stage, memory_order_seq_cst) < (int)wanted; ms++) {
        if (ms > PATIENCE_MS)
            return false;
        usleep(1000);
    }
    return true;
}

/* From one stage to the next, by one thread. */
static bool moved(enum stage from, enum stage to)
{
    int expected = (int)from;
    return atomic_compare_exchange_strong_explicit(&stage, &expected, to, memory_order_seq_cst, memory_order_seq_cst);
}

static void at(const char *where)
{
    if (claimer && !strcmp(where, "slot_claim") && moved(ARMED, CLAIMING))
        reached(REPLACING);
    else if (other && !strcmp(where, "reopen") && moved(CLAIMING, REPLACING))
        reached(FILLING); /* or GIVEN */
    else if (claimer && !strcmp(where, "slot_give"))
        moved(REPLACING, GIVEN);
    else if (claimer && !strcmp(where, "shm_copy_out") && moved(REPLACING, FILLING))
        reached(REPLACED);
}

static const uint8_t abc[32] = {0x66, 0xc7, 0xf0, 0xf4, 0x62, 0xee, 0xed, 0xd9, 0xd1, 0xf2, 0xd4,
                                0x6b, 0xdc, 0x10, 0xe4, 0xe2, 0x41, 0x67, 0xc4, 0x87, 0x5c, 0xf2,
                                0xf7, 0xa2, 0x29, 0x7d, 0xa0, 0x2b, 0x8f, 0x4b, 0xa8, 0xe0};

static bool hashes(struct session *session)
{
    struct call call = {.op = CM_OP_HASH, .alg = SGD_SM3, .data = "abc", .data_len = 3};
    return session_run(session, &call, 1) == SDR_OK && call.param_out_len == sizeof abc &&
           memcmp(call.param_out, abc, sizeof abc) == 0;
}

static void *claim(void *session)
{
    claimer = true;
    return hashes(session) ? session : NULL;
}

static bool failed(const char *what)
{
    fprintf(stderr, "%s (at stage %d)\n", what, (int)stage);
    return true;
}

static bool run(struct link *link)
{
    struct session *first, *second;
    pthread_t thread;
    void *right;
    if (session_open(link, &first) != SDR_OK || session_open(link, &second) != SDR_OK)
        return failed("no session");
    atomic_store_explicit(&jitter_hook, at, memory_order_release);
    if (pthread_create(&thread, NULL, claim, first) || !reached(CLAIMING))
        return failed("nobody claims a slot");
    shutdown(((struct channel *)link->queue.reach)->socket, SHUT_RDWR);
    other = true;
    bool bad = !hashes(second) && failed("a wrong answer after the queue was replaced");
    int passed = atomic_exchange_explicit(&stage, REPLACED, memory_order_seq_cst);
    pthread_join(thread, &right);
    if (passed != GIVEN)
        bad = failed("a slot was had of a queue that was being replaced");
    if (!right)
        bad = failed("a wrong answer for who claimed it");
    session_close(first);
    session_close(second);
    return bad;
}

int main(void)
{
    char text[256] = "";
    struct link *link;
    struct wire *wire = wire_start(&(struct wire_options){.card = "soft"});
    wire_use(wire, 0);
    if (link_get(&link, text, sizeof text) != SDR_OK) {
        fprintf(stderr, "no card: %s\n", text);
        return 2;
    }
    bool bad = run(link);
    link_put(link);
    wire_stop(wire);
    return bad;
}
