/* SPDX-License-Identifier: Apache-2.0 */
/* proto/stream: two ends joined by a fake transport that cuts where it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "proto/ops.h"
#include "proto/ring.h"
#include "proto/stream.h"

#define WIRE_GENERATION  0x1122334455667788ull
#define FRONT_GENERATION 5u
#define FRONT_EPOCH      9u

static struct cm_stream host, front;
static uint8_t *host_memory, *front_memory;
static uint32_t front_pos, host_cq_pos, host_sq_pos, front_cq_pos;

static int start(void **state)
{
    (void)state;
    if (!host_memory) {
        host_memory = aligned_alloc(4096, CM_QP_SIZE);
        front_memory = aligned_alloc(4096, CM_QP_SIZE);
    }
    memset(host_memory, 0, CM_QP_SIZE);
    memset(front_memory, 0, CM_QP_SIZE);
    cm_stream_start(&host, shm_span_of(host_memory, CM_QP_SIZE), true, WIRE_GENERATION, WIRE_GENERATION,
                    CM_STREAM_EPOCH);
    cm_stream_start(&front, shm_span_of(front_memory, CM_QP_SIZE), false, WIRE_GENERATION, FRONT_GENERATION,
                    FRONT_EPOCH);
    front_pos = host_cq_pos = host_sq_pos = front_cq_pos = 1;
    return 0;
}

static uint8_t pattern(uint32_t seed, uint32_t i)
{
    return (uint8_t)(seed * 31 + i * 7 + (i >> 8));
}

static void fill(uint8_t *memory, size_t off, uint32_t len, uint32_t seed)
{
    for (uint32_t i = 0; i < len; i++)
        memory[off + i] = pattern(seed, i);
}

static void check(const uint8_t *memory, size_t off, uint32_t len, uint32_t seed)
{
    for (uint32_t i = 0; i < len; i++)
        if (memory[off + i] != pattern(seed, i))
            fail_msg("byte %u of %u is wrong", i, len);
}

static void submit(uint16_t slot, uint16_t params, uint32_t data, uint32_t tag)
{
    struct cm_sqe sqe = {.generation = FRONT_GENERATION,
                         .epoch = FRONT_EPOCH,
                         .tag = tag,
                         .op = CM_OP_ECHO,
                         .slot = slot,
                         .param_len = params,
                         .data_len = data,
                         .pos = front_pos};
    fill(front_memory, cm_param_offset(slot), params, tag);
    fill(front_memory, cm_slot_offset(slot), data, tag + 1);
    cm_entry_publish(front.qp, CM_QP_SQ, front_pos++, &sqe);
}

/* What the broker does: takes what was submitted, checks it, answers with the same bytes in reverse order of roles. */
static unsigned serve(void)
{
    struct cm_sqe sqe;
    unsigned n = 0;
    while (cm_entry_take(host.qp, CM_QP_SQ, host_sq_pos, &sqe)) {
        host_sq_pos++;
        assert_int_equal(sqe.generation, WIRE_GENERATION);
        assert_int_equal(sqe.epoch, CM_STREAM_EPOCH);
        check(host_memory, cm_param_offset(sqe.slot), sqe.param_len, sqe.tag);
        check(host_memory, cm_slot_offset(sqe.slot), sqe.data_len, sqe.tag + 1);
        struct cm_cqe cqe = {.generation = WIRE_GENERATION,
                             .epoch = CM_STREAM_EPOCH,
                             .tag = sqe.tag,
                             .op = sqe.op,
                             .slot = sqe.slot,
                             .param_len = sqe.param_len,
                             .data_len = sqe.data_len,
                             .pos = host_cq_pos};
        fill(host_memory, cm_param_offset(sqe.slot), sqe.param_len, sqe.tag + 2);
        fill(host_memory, cm_slot_offset(sqe.slot), sqe.data_len, sqe.tag + 3);
        cm_entry_publish(host.qp, CM_QP_CQ, host_cq_pos++, &cqe);
        n++;
    }
    return n;
}

static unsigned take(void)
{
    struct cm_cqe cqe;
    unsigned n = 0;
    while (cm_entry_take(front.qp, CM_QP_CQ, front_cq_pos, &cqe)) {
        front_cq_pos++;
        assert_int_equal(cqe.generation, FRONT_GENERATION);
        assert_int_equal(cqe.epoch, FRONT_EPOCH);
        assert_int_equal(cqe.reserved[0], 0);
        check(front_memory, cm_param_offset(cqe.slot), cqe.param_len, cqe.tag + 2);
        check(front_memory, cm_slot_offset(cqe.slot), cqe.data_len, cqe.tag + 3);
        n++;
    }
    return n;
}

/* Moves at most `limit` bytes from one end to the other, as one sending and one receiving; how many went. */
static size_t move(struct cm_stream *from, struct cm_stream *to, size_t limit)
{
    static uint8_t wire[2 * CM_SLOTS * CM_STREAM_FRAME];
    struct iovec iov[3 * CM_SLOTS + 3], into[CM_STREAM_INTO];
    size_t bytes, len = 0, put = 0;
    if (!cm_stream_gather(from))
        return 0;
    unsigned n = cm_stream_from(from, iov, 3 * CM_SLOTS, SIZE_MAX, &bytes);
    for (unsigned i = 0; i < n; i++)
        for (size_t k = 0; k < iov[i].iov_len && len < limit; k++)
            wire[len++] = ((uint8_t *)iov[i].iov_base)[k];
    unsigned parts = cm_stream_into(to, into);
    for (unsigned i = 0; i < parts; i++) {
        size_t part = len - put < into[i].iov_len ? len - put : into[i].iov_len;
        memcpy(into[i].iov_base, wire + put, part);
        put += part;
    }
    cm_stream_left(from, put);
    assert_true(cm_stream_got(to, put, NULL));
    return put;
}

/* Every kind of frame, cut into pieces of every size up to two entries, and some larger ones. */
static void pieces_of_any_size(void **state)
{
    static const uint32_t sizes[] = {0, 1, 63, 64, 65, 4096, CM_SLOT_SIZE};
    for (size_t piece = 1; piece < 70000; piece = piece < 131 ? piece + 1 : piece * 3) {
        unsigned sent = 0, served = 0, taken = 0, slots = piece < 131 ? 7 : CM_SLOTS;
        start(state);
        for (uint16_t slot = 0; slot < slots; slot++, sent++)
            submit(slot, (uint16_t)(slot * 8), sizes[(slot + piece) % 7], slot * 5u + (uint32_t)piece);
        while (move(&front, &host, piece))
            served += serve();
        assert_int_equal(served, sent);
        while (move(&host, &front, piece))
            taken += take();
        assert_int_equal(taken, sent);
        assert_int_equal(host.busy, 0);
        assert_int_equal(front.busy, 0);
    }
}

static void both_ways_at_once(void **state)
{
    unsigned taken = 0, sent = 0;
    (void)state;
    uint64_t free_slots = ~0ull;
    srand(7);
    for (unsigned round = 0; taken < 3000; round++) {
        while (free_slots && sent < 3000 && rand() % 3) {
            uint16_t slot = (uint16_t)__builtin_ctzll(free_slots);
            free_slots &= free_slots - 1;
            submit(slot, (uint16_t)(rand() % 513), (uint32_t)(rand() % 16385), slot + sent);
            sent++;
        }
        move(&front, &host, (size_t)(rand() % 40000));
        serve();
        move(&host, &front, (size_t)(rand() % 40000));
        uint32_t at = front_cq_pos;
        taken += take();
        for (; at != front_cq_pos; at++) {
            struct cm_cqe cqe;
            memcpy(&cqe, front_memory + cm_entry_offset(CM_QP_CQ, at), sizeof cqe);
            free_slots |= 1ull << cqe.slot;
        }
        assert_true(round < 1000000);
    }
}

/* A slot whose answer has not come is held back, and what stands behind it. */
static void busy_slot_waits(void **state)
{
    (void)state;
    submit(3, 0, 10, 1);
    submit(3, 0, 20, 2);
    submit(4, 0, 20, 3);
    fill(front_memory, cm_slot_offset(3), 10, 2); /* the first one's again */
    assert_int_equal(move(&front, &host, SIZE_MAX), CM_STREAM_HEAD + 10);
    assert_int_equal(move(&front, &host, SIZE_MAX), 0);
    assert_int_equal(serve(), 1);
    move(&host, &front, CM_STREAM_HEAD + 9);
    assert_int_equal(move(&front, &host, SIZE_MAX), 0);
    move(&host, &front, 1);
    assert_int_equal(take(), 1);
    fill(front_memory, cm_slot_offset(3), 20, 3);
    assert_int_equal(move(&front, &host, SIZE_MAX), 2 * (CM_STREAM_HEAD + 20));
    assert_int_equal(serve(), 2);
}

/* One frame as the host receives it; what it makes of it. */
static enum cm_stream_fault received(const struct cm_sqe *sqe)
{
    struct iovec into[CM_STREAM_INTO];
    unsigned n = cm_stream_into(&host, into);
    assert_int_equal(n, 1);
    memcpy(into[0].iov_base, sqe, sizeof *sqe);
    bool fine = cm_stream_got(&host, sizeof *sqe, NULL);
    assert_int_equal(fine, host.fault == CM_STREAM_OK);
    return host.fault;
}

static void wrong_frames(void **state)
{
    const struct cm_sqe good = {
        .generation = WIRE_GENERATION, .epoch = CM_STREAM_EPOCH, .op = CM_OP_ECHO, .slot = 63, .pos = 1};
    struct cm_sqe sqe = good;
    assert_int_equal(received(&sqe), CM_STREAM_OK);
    sqe.pos = 2;
    assert_int_equal(received(&sqe), CM_STREAM_SLOT); /* in flight */
    assert_int_equal(serve(), 1);                     /* what came before the fault is there */
    assert_int_equal(received(&sqe), CM_STREAM_SLOT); /* for good */
    start(state);
    sqe = good, sqe.generation++;
    assert_int_equal(received(&sqe), CM_STREAM_NUMBER);
    start(state);
    sqe = good, sqe.epoch++;
    assert_int_equal(received(&sqe), CM_STREAM_NUMBER);
    start(state);
    sqe = good, sqe.pos++;
    assert_int_equal(received(&sqe), CM_STREAM_NUMBER);
    start(state);
    sqe = good, sqe.slot = CM_SLOTS;
    assert_int_equal(received(&sqe), CM_STREAM_SLOT);
    start(state);
    sqe = good, sqe.param_len = CM_PARAM_SIZE + 1;
    assert_int_equal(received(&sqe), CM_STREAM_LENGTH);
    start(state);
    sqe = good, sqe.data_len = CM_SLOT_SIZE + 1;
    assert_int_equal(received(&sqe), CM_STREAM_LENGTH);
    start(state);
    sqe = good, sqe.data_len = UINT32_MAX;
    assert_int_equal(received(&sqe), CM_STREAM_LENGTH);
}

/* An answer to nothing, or a second one, is not received: the front end believes no more than it asked. */
static void unasked_answer(void **state)
{
    (void)state;
    struct cm_cqe cqe = {.generation = WIRE_GENERATION, .epoch = CM_STREAM_EPOCH, .slot = 5, .pos = 1};
    struct iovec into[CM_STREAM_INTO];
    cm_stream_into(&front, into);
    memcpy(into[0].iov_base, &cqe, sizeof cqe);
    assert_false(cm_stream_got(&front, sizeof cqe, NULL));
    assert_int_equal(front.fault, CM_STREAM_SLOT);
}

static void hello_first(void **state)
{
    struct cm_stream_hello hello = {.magic = CM_STREAM_MAGIC, .version = CM_STREAM_VERSION, .generation = 1}, wrong;
    struct iovec iov[3];
    size_t bytes;
    (void)state;
    assert_non_null(cm_stream_hello_fault(&hello)); /* no slots */
    hello.slots = CM_SLOTS, hello.slot_size = CM_SLOT_SIZE, hello.param_size = CM_PARAM_SIZE;
    assert_null(cm_stream_hello_fault(&hello));
    wrong = hello, wrong.magic++;
    assert_non_null(cm_stream_hello_fault(&wrong));
    wrong = hello, wrong.version++;
    assert_non_null(cm_stream_hello_fault(&wrong));
    wrong = hello, wrong.status = 1;
    assert_non_null(cm_stream_hello_fault(&wrong));
    wrong = hello, wrong.generation = 0;
    assert_non_null(cm_stream_hello_fault(&wrong));
    cm_stream_greet(&host, &hello);
    for (size_t left = sizeof hello; left; left--) {
        assert_int_equal(cm_stream_from(&host, iov, 3, SIZE_MAX, &bytes), 1);
        assert_int_equal(bytes, left);
        assert_int_equal(*(uint8_t *)iov[0].iov_base, ((uint8_t *)&hello)[sizeof hello - left]);
        cm_stream_left(&host, 1);
    }
    assert_false(cm_stream_gather(&host));
}

static void limits_of_a_sending(void **state)
{
    struct iovec iov[192];
    size_t bytes;
    (void)state;
    for (uint16_t slot = 0; slot < CM_SLOTS; slot++)
        submit(slot, 0, 4096, slot);
    assert_true(cm_stream_gather(&front));
    assert_int_equal(cm_stream_from(&front, iov, 2, SIZE_MAX, &bytes), 0);
    assert_int_equal(cm_stream_from(&front, iov, 4, SIZE_MAX, &bytes), 2);
    assert_int_equal(cm_stream_from(&front, iov, 192, 1, &bytes), 2);
    assert_int_equal(bytes, 4160);
    assert_int_equal(cm_stream_from(&front, iov, 192, 8000, &bytes), 4);
    assert_int_equal(cm_stream_from(&front, iov, 192, SIZE_MAX, &bytes), 128);
    assert_int_equal(bytes, 64 * 4160);
    cm_stream_left(&front, 64 * 4160 - 1);
    assert_int_equal(cm_stream_from(&front, iov, 192, SIZE_MAX, &bytes), 1);
    assert_int_equal(bytes, 1);
    cm_stream_left(&front, 1);
    assert_false(cm_stream_has(&front));
    assert_string_equal(cm_stream_fault_name(CM_STREAM_END), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pieces_of_any_size, start),  cmocka_unit_test_setup(both_ways_at_once, start),
        cmocka_unit_test_setup(busy_slot_waits, start),     cmocka_unit_test_setup(wrong_frames, start),
        cmocka_unit_test_setup(unasked_answer, start),      cmocka_unit_test_setup(hello_first, start),
        cmocka_unit_test_setup(limits_of_a_sending, start),
    };
    int result = cmocka_run_group_tests_name("stream", tests, NULL, NULL);
    free(host_memory);
    free(front_memory);
    return result;
}
