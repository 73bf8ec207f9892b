/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two rings: entries that are valid and entries that only seem so, positions that wrap at 2^32, and the sleeping
 * protocol of layout.h between two processes.
 *
 * The litmus has no clock in its verdict: each side sleeps on an eventfd, without end unless it is rung, and the pairs
 * of looks happen as close to each other as two cores can have them. A wake-up that gets lost ends in a hang, which
 * the alarm turns into a failure. The short random pause before each look moves the two sides against each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/ring.h"

#define ROUNDS 300000u
#define PAUSE  300u /* turns of a loop: about the time between one side's look and the other's */

static struct shm_span new_pair(void)
{
    void *map = mmap(NULL, CM_QP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    return shm_span_of(map, CM_QP_SIZE);
}

static void drop_pair(struct shm_span qp)
{
    munmap(qp.base, qp.size);
}

static void publish(struct shm_span qp, uint32_t pos, uint32_t tag)
{
    struct cm_sqe sqe = {.generation = 7, .epoch = 3, .tag = tag, .pos = pos};
    cm_entry_publish(qp, CM_QP_SQ, pos, &sqe);
}

/* A full ring at a time, across the wrap: each entry comes once, as it was, at its position. */
static void test_wrap(void **state)
{
    (void)state;
    struct shm_span qp = new_pair();
    uint32_t put = 0u - 200, got = put;
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < CM_SLOTS; i++, put++)
            publish(qp, put, ~put);
        for (uint32_t i = 0; i < CM_SLOTS; i++, got++) {
            struct cm_sqe sqe;
            assert_true(cm_entry_take(qp, CM_QP_SQ, got, &sqe));
            assert_int_equal(sqe.tag, ~got);
            assert_int_equal(sqe.pos, got);
            assert_int_equal(sqe.generation, 7);
        }
        struct cm_sqe none;
        assert_false(cm_entry_take(qp, CM_QP_SQ, got, &none)); /* what stands there is 64 positions old */
    }
    assert_true(put < 2000); /* it did wrap */
    drop_pair(qp);
}

static void test_places(void **state)
{
    (void)state;
    /* neighbours in position are neighbours in the ring, at the wrap too, and no place is outside */
    for (uint32_t i = 0, pos = 0u - 300; i < 600; i++, pos++) {
        size_t here = cm_entry_offset(CM_QP_SQ, pos), next = cm_entry_offset(CM_QP_SQ, pos + 1);
        assert_true(here >= CM_QP_SQ && here + 64 <= CM_QP_CQ);
        assert_true(next == here + 64 || (next == CM_QP_SQ && here == CM_QP_CQ - 64));
    }
    assert_int_equal(cm_entry_offset(CM_QP_CQ, 1), CM_QP_CQ);
    assert_true(cm_slot_offset(CM_SLOTS - 1) + CM_SLOT_SIZE == CM_QP_SIZE);
    assert_true(cm_param_offset(CM_SLOTS - 1) + CM_PARAM_SIZE <= CM_QP_PAYLOAD);
}

static void test_reached(void **state)
{
    (void)state;
    assert_true(cm_pos_reached(5, 5));
    assert_true(cm_pos_reached(6, 5));
    assert_false(cm_pos_reached(4, 5));
    assert_true(cm_pos_reached(2, 0xfffffff0u));
    assert_false(cm_pos_reached(0xfffffff0u, 2));
    assert_true(cm_pos_reached(0, 0xffffffffu));
    assert_false(cm_pos_reached(0, 1)); /* position 0, announced as 1, comes one late */
}

/* What an old generation left in the ring is not valid for the new one before it is written anew: after a clear no
 * position from 1 to 64 seems to be there, whatever stood there. */
static void test_stale(void **state)
{
    (void)state;
    struct shm_span qp = new_pair();
    struct cm_sqe sqe;
    for (uint32_t first = 1; first < 130; first += 43) {
        for (uint32_t i = 0; i < CM_SLOTS; i++)
            publish(qp, first + i, 1);
        cm_ring_clear(qp, CM_QP_SQ);
        for (uint32_t pos = 1; pos <= 2 * CM_SLOTS; pos++)
            assert_false(cm_entry_take(qp, CM_QP_SQ, pos, &sqe));
    }
    /* and the consumer that waits for a position sees neither the one before nor the one a ring later */
    publish(qp, 9, 2);
    assert_false(cm_entry_take(qp, CM_QP_SQ, 9 + CM_SLOTS, &sqe));
    assert_false(cm_entry_take(qp, CM_QP_SQ, 9 - CM_SLOTS, &sqe));
    assert_true(cm_entry_take(qp, CM_QP_SQ, 9, &sqe));
    drop_pair(qp);
}

/* The litmus */

static uint32_t word(struct shm_span qp, size_t off)
{
    return shm_load32(qp, off);
}

static void pause_for(uint32_t *random, uint32_t most)
{
    *random = *random * 1664525u + 1013904223u;
    for (uint32_t i = (*random >> 16) % most; i; i--)
        atomic_signal_fence(memory_order_seq_cst);
}

static void ring(int fd)
{
    eventfd_write(fd, 1);
}

static void sleep_on(int fd)
{
    eventfd_t count;
    eventfd_read(fd, &count);
}

/* Broker's rule: broker_sleeps, fence, look, block; after publishing fence, wake_at, ring once per position. */
static void far_side(struct shm_span qp, int doorbell, int wake)
{
    uint32_t random = 1, rung_at = 0;
    for (uint32_t pos = 1; pos <= ROUNDS; pos++) {
        struct cm_sqe sqe;
        while (!cm_entry_take(qp, CM_QP_SQ, pos, &sqe)) {
            pause_for(&random, PAUSE);
            shm_store32(qp, offsetof(struct cm_control, broker_sleeps), 1);
            shm_fence();
            if (word(qp, cm_entry_offset(CM_QP_SQ, pos) + 60) != pos)
                sleep_on(doorbell);
            shm_store32(qp, offsetof(struct cm_control, broker_sleeps), 0);
        }
        struct cm_cqe cqe = {.generation = 7, .epoch = 3, .tag = sqe.tag, .pos = pos};
        pause_for(&random, PAUSE);
        cm_entry_publish(qp, CM_QP_CQ, pos, &cqe);
        shm_fence();
        uint32_t wake_at = word(qp, offsetof(struct cm_control, wake_at));
        if (wake_at && wake_at != rung_at && cm_pos_reached(pos, wake_at)) {
            rung_at = wake_at;
            ring(wake);
        }
    }
}

/* Front end's rule. Up to three in flight; sometimes it wants to be woken at the last of them only. */
static unsigned near_side(struct shm_span qp, int doorbell, int wake)
{
    uint32_t random = 2, put = 1, got = 1;
    unsigned wrong = 0;
    while (got <= ROUNDS) {
        uint32_t burst = 1 + (random >> 20) % 3;
        for (; put <= ROUNDS && put - got < burst; put++)
            publish(qp, put, ~put);
        shm_fence();
        if (word(qp, offsetof(struct cm_control, broker_sleeps)))
            ring(doorbell);
        uint32_t at = random & 1 ? put - 1 : got;
        pause_for(&random, PAUSE);
        for (unsigned looks = random & 2 ? 20000 : 0; looks && word(qp, cm_entry_offset(CM_QP_CQ, at) + 60) != at;
             looks--)
            ; /* awake, so that the next submission meets the far side on its way to sleep */
        while (word(qp, cm_entry_offset(CM_QP_CQ, at) + 60) != at) {
            shm_store32(qp, offsetof(struct cm_control, wake_at), at);
            shm_fence();
            if (word(qp, cm_entry_offset(CM_QP_CQ, at) + 60) != at)
                sleep_on(wake);
            shm_store32(qp, offsetof(struct cm_control, wake_at), 0);
        }
        struct cm_cqe cqe;
        for (; got < put && cm_entry_take(qp, CM_QP_CQ, got, &cqe); got++)
            wrong += cqe.tag != ~got || cqe.generation != 7 || cqe.epoch != 3;
    }
    return wrong;
}

static void test_no_lost_wakeup(void **state)
{
    (void)state;
    struct shm_span qp = new_pair();
    int doorbell = eventfd(0, 0), wake = eventfd(0, 0), status = 0;
    assert_true(doorbell >= 0 && wake >= 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(100);
        far_side(qp, doorbell, wake);
        _exit(0);
    }
    assert_true(child > 0);
    alarm(100); /* ends the program: a wake-up was lost */
    assert_int_equal(near_side(qp, doorbell, wake), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    alarm(0);
    assert_int_equal(status, 0);
    close(doorbell);
    close(wake);
    drop_pair(qp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrap),  cmocka_unit_test(test_places),         cmocka_unit_test(test_reached),
        cmocka_unit_test(test_stale), cmocka_unit_test(test_no_lost_wakeup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
