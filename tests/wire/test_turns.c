/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is, counted in passes: the broker is driven pass by pass on this thread, and two tenants' front ends
 * are this test's own hands on their rings. Nothing is timed: what takes long does so by the card's delay, many times
 * as long as a share of a pass.
 */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/broker/stream.h"
#include "tests/wire/bare.h"

#define SLOW       3000    /* us, of a job: thirty shares */
#define PASSES_MAX 1000000 /* a loss of the CPU for so many shares, which are paid back one in a pass */

/* A front end of tenant t: one region, one session. */
struct lane {
    struct tenant *tenant;
    struct shm_span all, qp;
    uint64_t id;
    uint32_t pos, cq_pos, session;
    unsigned answered;
    int doorbell;
};

struct stage {
    struct broker broker;
    struct daemon_config config;
    struct bare bare;
};

static void stage_start(struct stage *stage, const char *fault, unsigned threads)
{
    memset(stage, 0, sizeof *stage);
    stage->config = (struct daemon_config){.card = "soft",
                                           .card_fault = fault,
                                           .card_threads = threads,
                                           .wait = WAIT_SLEEP,
                                           .deadline_ms = 1000,
                                           .workers = 1,
                                           .code_attempts = 10};
    bare_start(&stage->bare, &stage->broker, &stage->config, 2);
}

static void stage_end(struct stage *stage)
{
    for (unsigned i = 0; stage->broker.jobs_in_card && i < 100000; i++)
        if (!broker_pass(&stage->broker, true))
            usleep(100);
    bare_end(&stage->bare, &stage->broker);
}

/* A ring that had nothing in it for a millisecond is not looked at before it is rung for, as ever. */
static void lane_submit(struct lane *lane, struct cm_sqe sqe)
{
    sqe.generation = shm_load64(lane->qp, offsetof(struct cm_control, generation));
    sqe.epoch = 1;
    sqe.pos = lane->pos;
    cm_entry_publish(lane->qp, CM_QP_SQ, lane->pos++, &sqe);
    if (shm_load32(lane->qp, offsetof(struct cm_control, broker_sleeps)))
        assert_int_equal(eventfd_write(lane->doorbell, 1), 0);
}

static void lane_look(struct lane *lane)
{
    struct cm_cqe cqe;
    for (; cm_entry_take(lane->qp, CM_QP_CQ, lane->cq_pos, &cqe); lane->cq_pos++, lane->answered++)
        if (cqe.op == CM_OP_SESSION_OPEN && cqe.status == SDR_OK)
            lane->session = cqe.value;
}

/* Passes until so many are answered. This thread may lose its CPU in the middle of a turn, which then ends early and is
 * paid back: how many passes it takes is not the test's to say. */
static unsigned lane_passes(struct stage *stage, struct lane *lane, unsigned answered)
{
    unsigned passes = 0;
    for (lane_look(lane); lane->answered < answered && passes < PASSES_MAX; passes++) {
        broker_pass(&stage->broker, true);
        lane_look(lane);
    }
    assert_int_equal(lane->answered, answered);
    return passes;
}

static void lane_open(struct stage *stage, struct lane *lane, unsigned tenant)
{
    static uint64_t ids;
    int fds[3] = {memfd_create("turns", MFD_CLOEXEC), eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
                  eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    *lane = (struct lane){
        .tenant = stage->broker.tenants[tenant], .id = ++ids, .pos = 1, .cq_pos = 1, .doorbell = dup(fds[1])};
    struct handover message = {.type = HANDOVER_REGION,
                               .tenant = lane->tenant->record.id,
                               .region = lane->id,
                               .transport = TRANSPORT_UNIX,
                               .qp_count = 1,
                               .region_size = CM_REGION_UNIX};
    assert_true(fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0 && ftruncate(fds[0], CM_REGION_UNIX) == 0);
    void *map = mmap(NULL, CM_REGION_UNIX, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    lane->all = shm_span_of(map, CM_REGION_UNIX);
    lane->qp = shm_sub(lane->all, CM_QP_OFFSET(0), CM_QP_SIZE);
    region_attach(&stage->broker, &message, fds);
    shm_store32(lane->qp, offsetof(struct cm_control, epoch_wanted), 1);
    for (unsigned i = 0; shm_load32(lane->qp, offsetof(struct cm_control, epoch)) != 1 && i < PASSES_MAX; i++)
        broker_pass(&stage->broker, true);
    lane_submit(lane, (struct cm_sqe){.op = CM_OP_SESSION_OPEN});
    lane_passes(stage, lane, 1);
    assert_int_not_equal(lane->session, 0);
    lane->answered = 0;
}

static void lane_close(struct stage *stage, struct lane *lane)
{
    region_gone(&stage->broker, lane->id);
    munmap((void *)lane->all.base, lane->all.size);
    close(lane->doorbell);
}

static struct cm_sqe slow_job(const struct lane *lane, unsigned slot)
{
    return (struct cm_sqe){
        .op = CM_OP_HASH, .session = lane->session, .alg = SGD_SM3, .data_len = 64, .slot = (uint16_t)slot};
}

/* A flood of submissions that the gate refuses is paid for as work is: else it would never use up its turn. */
static void refused_is_charged(void **state)
{
    (void)state;
    struct stage stage;
    struct lane lane, other;
    stage_start(&stage, NULL, 0);
    lane_open(&stage, &lane, 0);
    lane_open(&stage, &other, 1);
    uint64_t before = lane.tenant->counters.card_ns;
    for (unsigned i = 0; i < CM_SLOTS; i++)
        lane_submit(&lane, (struct cm_sqe){.op = 999, .slot = (uint16_t)i});
    lane_passes(&stage, &lane, CM_SLOTS);
    assert_int_equal(lane.tenant->counters.rejects[CM_GATE_OP], CM_SLOTS);
    assert_true(lane.tenant->counters.card_ns > before);
    lane_close(&stage, &lane);
    lane_close(&stage, &other);
    stage_end(&stage);
}

/* What a turn overdraws is taken from the tenant's next ones: beside a neighbour with work in each pass, a job of
 * thirty shares is followed by none for a good number of passes. Alone, the same tenant waits for nothing. */
static void overdraft_is_paid_back(void **state)
{
    (void)state;
    enum {
        CALLS = 300
    };
    unsigned passes = 0;
    struct stage stage;
    struct lane slow, quick;
    char fault[32];
    snprintf(fault, sizeof fault, "delay:%d", SLOW);
    stage_start(&stage, fault, 0);
    lane_open(&stage, &slow, 0);
    for (unsigned i = 0; i < 4; i++)
        lane_submit(&slow, slow_job(&slow, i));
    assert_true(lane_passes(&stage, &slow, 4) <= 4); /* one in each pass at least */

    lane_open(&stage, &quick, 1);
    slow.answered = 0;
    for (unsigned i = 0; i < CM_SLOTS; i++)
        lane_submit(&slow, slow_job(&slow, i));
    for (unsigned i = 0; i < CALLS || (slow.answered == 0 && passes < PASSES_MAX); i++) {
        lane_submit(&quick, (struct cm_sqe){.op = CM_OP_DEVICE_INFO, .session = quick.session});
        passes += lane_passes(&stage, &quick, i + 1);
        lane_look(&slow);
    }
    assert_true(slow.answered >= 1);
    assert_true(slow.answered <= 9 + passes / 30); /* a burst of eight, then one in thirty passes */
    lane_close(&stage, &slow);
    lane_close(&stage, &quick);
    stage_end(&stage);
}

/* A card with threads: one that floods does not fill it, the neighbour's job goes in while the flood waits. */
static void card_is_shared(void **state)
{
    (void)state;
    struct stage stage;
    struct lane flood[4], neighbour;
    stage_start(&stage, "delay:20000", 1);
    for (unsigned k = 0; k < 4; k++)
        lane_open(&stage, &flood[k], 0);
    lane_open(&stage, &neighbour, 1);
    for (unsigned k = 0; k < 4; k++)
        for (unsigned i = 0; i < CM_SLOTS; i++)
            lane_submit(&flood[k], slow_job(&flood[k], i));
    lane_submit(&neighbour, slow_job(&neighbour, 0));
    bool in = false;
    for (unsigned i = 0; i < PASSES_MAX && !in; i++) {
        broker_pass(&stage.broker, true);
        lane_look(&neighbour);
        in = neighbour.tenant->in_card + neighbour.answered == 1;
        assert_true(flood[0].tenant->in_card <= stage.broker.jobs_in_card_max / 2);
    }
    assert_true(in);
    unsigned answered = 0;
    for (unsigned k = 0; k < 4; k++) {
        lane_look(&flood[k]);
        answered += flood[k].answered;
    }
    assert_true(answered < CM_SLOTS); /* long before the flood was through */
    for (unsigned i = 0; i < PASSES_MAX && !flood[0].tenant->in_card; i++)
        broker_pass(&stage.broker, true);
    assert_true(flood[0].tenant->in_card > 0);
    for (unsigned k = 0; k < 4; k++)
        lane_close(&stage, &flood[k]);
    lane_close(&stage, &neighbour);
    stage_end(&stage);
}

/* A doorbell that rings while its queue pair is being served says nothing new, and is not read again. */
static void storm_is_read_once(void **state)
{
    (void)state;
    struct stage stage;
    struct lane lane;
    stage_start(&stage, NULL, 0);
    lane_open(&stage, &lane, 0);
    uint64_t before = lane.tenant->counters.doorbells;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(eventfd_write(lane.doorbell, 1), 0);
        lane_submit(&lane, (struct cm_sqe){.op = CM_OP_DEVICE_INFO, .session = lane.session});
        lane_passes(&stage, &lane, i + 1);
    }
    assert_true(lane.tenant->counters.doorbells - before <= 1);
    lane_close(&stage, &lane);
    stage_end(&stage);
}

/* Key pairs that take seconds to make wait for each other, and for nobody else: not even their own process. */
static void lengthy_ones_wait_aside(void **state)
{
    (void)state;
    enum {
        MAKES = 3
    };
    struct stage stage;
    struct lane lane;
    stage_start(&stage, NULL, 0);
    lane_open(&stage, &lane, 0);
    struct cm_sqe make = {.op = CM_OP_RSA_KEYPAIR, .session = lane.session, .arg = 4096};
    for (make.slot = 0; make.slot < MAKES; make.slot++)
        lane_submit(&lane, make);
    lane_submit(&lane, (struct cm_sqe){.op = CM_OP_DEVICE_INFO, .session = lane.session, .slot = MAKES});
    for (unsigned i = 0; i < 10000 && !lane.answered; i++) {
        broker_pass(&stage.broker, true);
        lane_look(&lane);
    }
    assert_true(lane.answered >= 1);
    assert_true(lane.tenant->making >= MAKES - 1); /* the first may just have been made; not all of them */
    /* who goes leaves no more to do than what has been begun */
    shm_store32(lane.qp, offsetof(struct cm_control, epoch_wanted), 2);
    for (unsigned i = 0; i < 600000 && lane.tenant->making; i++)
        if (!broker_pass(&stage.broker, true))
            usleep(100);
    assert_int_equal(lane.tenant->making, 0);
    assert_true(lane.tenant->counters.errors >= 1);
    lane_close(&stage, &lane);
    stage_end(&stage);
}

/* A worker, held at its work. */
struct held {
    struct task task;
    sem_t go_on;
    bool done;
};

static void held_work(struct broker *broker, struct task *task)
{
    (void)broker;
    while (sem_wait(&((struct held *)task)->go_on))
        ;
}

static void held_done(struct broker *broker, struct task *task)
{
    (void)broker;
    ((struct held *)task)->done = true;
}

/* One that asks for a great many keys, none of which is in the card, while the vault is slow: only so many of its jobs
 * wait for keys, the others stay in their rings; and the neighbour is served all the time. */
static void cold_keys_wait_in_bounds(void **state)
{
    (void)state;
    enum {
        LANES = 8
    };
    struct stage stage;
    struct lane flood[LANES], neighbour;
    struct held held = {.task = {.work = held_work, .done = held_done}};
    stage_start(&stage, NULL, 0);
    sem_init(&held.go_on, 0, 0);
    for (unsigned k = 0; k < LANES; k++)
        lane_open(&stage, &flood[k], 0);
    lane_open(&stage, &neighbour, 1);
    pool_submit(&stage.broker, &held.task);
    for (unsigned k = 0; k < LANES; k++)
        for (unsigned i = 0; i < CM_SLOTS; i++)
            lane_submit(&flood[k], (struct cm_sqe){.op = CM_OP_EXPORT_PUBLIC,
                                                   .session = flood[k].session,
                                                   .slot = (uint16_t)i,
                                                   .key = 1000 + k * CM_SLOTS + i});
    unsigned most = 0;
    for (unsigned i = 0; i < 1000 || (most < KEY_WAITS_MAX && i < PASSES_MAX); i++) {
        lane_submit(&neighbour, slow_job(&neighbour, i % CM_SLOTS));
        lane_passes(&stage, &neighbour, i + 1);
        most = flood[0].tenant->key_waits > most ? flood[0].tenant->key_waits : most;
    }
    assert_int_equal(most, KEY_WAITS_MAX);
    sem_post(&held.go_on);
    for (unsigned k = 0; k < LANES; k++) {
        for (unsigned tries = 0; flood[k].answered < CM_SLOTS && tries < 100000; tries++) {
            if (!broker_pass(&stage.broker, true))
                usleep(100);
            lane_look(&flood[k]);
        }
        assert_int_equal(flood[k].answered, CM_SLOTS);
    }
    assert_true(held.done);
    assert_int_equal(flood[0].tenant->key_waits, 0);
    for (unsigned k = 0; k < LANES; k++)
        lane_close(&stage, &flood[k]);
    lane_close(&stage, &neighbour);
    stage_end(&stage);
    sem_destroy(&held.go_on);
}

/* A tenant in debt has no turns for some passes. What its stream hears meanwhile is heard once: the channel must not be
 * put to sleep before it has looked. */
static void what_was_heard_is_not_slept_over(void **state)
{
    (void)state;
    struct stage stage;
    struct lane neighbour;
    int ends[2];
    stage_start(&stage, NULL, 0);
    struct tenant *tenant = stage.broker.tenants[0];
    struct handover message = {
        .type = HANDOVER_REGION, .tenant = tenant->record.id, .region = 77, .transport = TRANSPORT_STREAM};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    lane_open(&stage, &neighbour, 1);
    stream_socket_attach(&stage.broker, &message, ends[0]);
    struct channel *channel = &tenant->regions->channels[0];
    for (unsigned i = 0; !channel->stream->quiet && i < PASSES_MAX; i++)
        broker_pass(&stage.broker, true);
    channel_activate(&stage.broker, channel);
    channel_activate(&stage.broker, &neighbour.tenant->regions->channels[0]);
    tenant->credit_ns = -1000000000;
    assert_int_equal(send(ends[1], "x", 1, 0), 1);
    broker_pass(&stage.broker, true);
    assert_false(channel_deactivate(&stage.broker, channel));
    tenant->credit_ns = 0;
    for (unsigned i = 0; !channel->stream->quiet && i < PASSES_MAX; i++)
        broker_pass(&stage.broker, true);
    assert_int_equal(channel->stream->wire.in.staged, 1);
    assert_true(!channel->active || channel_deactivate(&stage.broker, channel));
    close(ends[1]);
    region_gone(&stage.broker, 77);
    lane_close(&stage, &neighbour);
    stage_end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_is_charged),
        cmocka_unit_test(overdraft_is_paid_back),
        cmocka_unit_test(card_is_shared),
        cmocka_unit_test(storm_is_read_once),
        cmocka_unit_test(cold_keys_wait_in_bounds),
        cmocka_unit_test(lengthy_ones_wait_aside),
        cmocka_unit_test(what_was_heard_is_not_slept_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
