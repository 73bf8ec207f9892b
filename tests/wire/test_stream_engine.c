/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine of backend/broker/stream.c over a fake transport, in one process: the broker's passes are made here, and
 * the front end is the other end of proto/stream. What is asked: the answers of a stream are those of the operation
 * table wherever the bytes are cut, and wherever the connection ends nothing of it is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "backend/broker/stream.h"
#include "tests/wire/bare.h"

static struct broker broker;
static struct daemon_config config = {
    .card = "null", .wait = WAIT_SLEEP, .deadline_ms = 1234, .workers = 1, .code_attempts = 10};
static struct bare bare;

/* A transport in memory: what the engine sends piles up in `out`, up to `room`. */
static struct wire {
    struct stream *stream;
    uint8_t out[4 * CM_STREAM_FRAME];
    size_t len, room;
    unsigned pushes, shuts, freed;
} wire;

/* The front end. */
static struct cm_stream front;
static uint8_t memory[CM_QP_SIZE] __attribute__((aligned(4096)));
static struct cm_stream_hello hello;
static size_t hello_at;
static uint32_t sq_pos, cq_pos;

static void push(struct stream *stream)
{
    struct iovec iov[8];
    size_t bytes;
    wire.pushes++;
    for (unsigned n; wire.len < wire.room && (n = stream_next(stream, iov, 8, 1, &bytes));) {
        size_t sent = 0;
        for (unsigned i = 0; i < n; i++)
            for (size_t k = 0; k < iov[i].iov_len && wire.len < wire.room; k++, sent++)
                wire.out[wire.len++] = ((uint8_t *)iov[i].iov_base)[k];
        stream_sent(stream, sent);
    }
}

static void shut(struct stream *stream)
{
    (void)stream;
    wire.shuts++;
}

static void freed(void *owner)
{
    assert_ptr_equal(owner, &wire);
    wire.freed++;
}

static const struct stream_pump pump = {.push = push, .shut = shut, .freed = freed};

static void open_stream(void)
{
    memset(&wire, 0, sizeof wire);
    wire.room = sizeof wire.out;
    hello_at = 0;
    sq_pos = cq_pos = 1;
    wire.stream = stream_open(&broker, broker.tenants[0], 0, &pump, &wire);
    assert_non_null(wire.stream);
    stream_push(wire.stream);
}

static void nothing_left(void)
{
    const struct tenant *tenant = broker.tenants[0];
    assert_int_equal(wire.freed, 1);
    assert_null(tenant->regions);
    assert_int_equal(tenant->counters.regions, 0);
    assert_int_equal(tenant->counters.sessions, 0);
    assert_int_equal(tenant->active_count, 0);
    assert_int_equal(broker.active_channels, 0);
}

/* `len` bytes of what the engine has sent reach the front end. */
static void deliver(size_t len)
{
    size_t at = 0;
    for (; hello_at < sizeof hello && at < len; at++)
        ((uint8_t *)&hello)[hello_at++] = wire.out[at];
    if (hello_at == sizeof hello && !front.wire_generation) {
        assert_null(cm_stream_hello_fault(&hello));
        cm_stream_start(&front, shm_span_of(memory, sizeof memory), false, hello.generation, 1, 1);
    }
    while (at < len) {
        struct iovec into[CM_STREAM_INTO];
        unsigned n = cm_stream_into(&front, into);
        size_t put = 0;
        for (unsigned i = 0; i < n && at < len; i++)
            for (size_t k = 0; k < into[i].iov_len && at < len; k++, put++)
                ((uint8_t *)into[i].iov_base)[k] = wire.out[at++];
        assert_true(cm_stream_got(&front, put, NULL));
    }
    memmove(wire.out, wire.out + len, wire.len - len);
    wire.len -= len;
    stream_push(wire.stream);
}

/* At most `len` bytes of what the front end has published reach the engine; false: none are left. */
static bool feed(size_t len)
{
    struct iovec from[8], into[CM_STREAM_INTO];
    size_t bytes, put = 0;
    if (!cm_stream_gather(&front))
        return false;
    cm_stream_from(&front, from, 8, 1, &bytes);
    unsigned n = stream_into(wire.stream, into);
    len = len < from[0].iov_len ? len : from[0].iov_len;
    for (unsigned i = 0; i < n; i++)
        for (size_t k = 0; k < into[i].iov_len && put < len; k++, put++)
            ((uint8_t *)into[i].iov_base)[k] = ((uint8_t *)from[0].iov_base)[put];
    cm_stream_left(&front, put);
    assert_true(stream_fed(wire.stream, put));
    return true;
}

static void passes(void)
{
    while (broker_pass(&broker, false))
        ;
}

static void greet(void)
{
    front.wire_generation = 0;
    deliver(wire.len);
    assert_int_equal(hello_at, sizeof hello);
    assert_int_equal(hello.generation, broker.generation);
    assert_int_equal(hello.deadline_ms, 1234);
    assert_string_equal(hello.tenant, "t0");
}

static void submit(uint16_t op, uint16_t slot, uint32_t len)
{
    struct cm_sqe sqe = {
        .generation = 1, .epoch = 1, .tag = sq_pos, .op = op, .slot = slot, .data_len = len, .pos = sq_pos};
    for (uint32_t i = 0; i < len; i++)
        memory[cm_slot_offset(slot) + i] = (uint8_t)(slot + i);
    cm_entry_publish(front.qp, CM_QP_SQ, sq_pos++, &sqe);
}

static unsigned answers(void)
{
    struct cm_cqe cqe;
    unsigned n = 0;
    while (cm_entry_take(front.qp, CM_QP_CQ, cq_pos, &cqe)) {
        assert_int_equal(cqe.tag, cq_pos++);
        assert_int_equal(cqe.status, SDR_OK);
        for (uint32_t i = 0; i < cqe.data_len; i++)
            assert_int_equal(memory[cm_slot_offset(cqe.slot) + i], (uint8_t)(cqe.slot + i));
        n++;
    }
    return n;
}

/* A session and two echoes, in pieces of every size. */
static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 200; piece++) {
        open_stream();
        greet();
        submit(CM_OP_SESSION_OPEN, 0, 0);
        submit(CM_OP_ECHO, 1, 100);
        submit(CM_OP_ECHO, 2, 0);
        while (feed(piece))
            if (piece & 1)
                passes();
        passes();
        while (wire.len)
            deliver(wire.len < piece ? wire.len : piece);
        assert_int_equal(answers(), 3);
        assert_int_equal(broker.tenants[0]->counters.sessions, 1);
        stream_close(wire.stream);
        nothing_left();
    }
}

/* The connection ends after each byte of a request in turn, and after each byte of the answers. */
static void end_at_every_byte(void **state)
{
    (void)state;
    size_t all = 3 * 64 + 100;
    for (size_t cut = 0; cut <= 2 * all; cut++) {
        open_stream();
        greet();
        submit(CM_OP_SESSION_OPEN, 0, 0);
        submit(CM_OP_ECHO, 1, 100);
        submit(CM_OP_ECHO, 2, 0);
        size_t left = cut;
        while (left && feed(1))
            left--;
        passes();
        if (cut >= all) {
            assert_int_equal(wire.len, all);
            deliver(cut - all);
        }
        stream_close(wire.stream);
        nothing_left();
    }
}

/* Nobody reads: what is finished keeps its slots, and nothing more is taken or sent until somebody does. */
static void reader_that_does_not_read(void **state)
{
    (void)state;
    open_stream();
    greet();
    wire.room = 10000;
    for (uint16_t slot = 0; slot < CM_SLOTS; slot++)
        submit(CM_OP_ECHO, slot, 1000);
    while (feed(SIZE_MAX))
        passes();
    passes();
    assert_int_equal(wire.len, wire.room);
    assert_int_equal(broker.tenants[0]->counters.errors, 0);
    unsigned got = 0;
    while (wire.len) {
        deliver(wire.len);
        got += answers();
    }
    assert_int_equal(got, CM_SLOTS);
    assert_int_equal(wire.stream->wire.busy, 0);
    stream_close(wire.stream);
    nothing_left();
}

static void fault_shuts(void **state)
{
    struct iovec into[CM_STREAM_INTO];
    (void)state;
    uint64_t before = broker.tenants[0]->counters.rejects[CM_GATE_STREAM];
    open_stream();
    greet();
    assert_int_equal(stream_into(wire.stream, into), 1);
    memset(into[0].iov_base, 'x', 64);
    assert_false(stream_fed(wire.stream, 64));
    assert_int_equal(wire.shuts, 1);
    assert_int_equal(stream_into(wire.stream, into), 0);
    assert_false(stream_fed(wire.stream, 64));
    passes();
    assert_int_equal(wire.shuts, 1);
    assert_int_equal(broker.tenants[0]->counters.rejects[CM_GATE_STREAM], before + 1);
    stream_close(wire.stream);
    nothing_left();
}

/* What the gate refuses is answered, and the stream goes on. */
static void gate_answers(void **state)
{
    struct cm_cqe cqe;
    (void)state;
    open_stream();
    greet();
    submit(999, 7, 12000);
    submit(CM_OP_ECHO, 8, 5);
    while (feed(SIZE_MAX))
        passes();
    passes();
    while (wire.len)
        deliver(wire.len);
    assert_true(cm_entry_take(front.qp, CM_QP_CQ, cq_pos++, &cqe));
    assert_int_equal(cqe.status, SDR_NOTSUPPORT);
    assert_int_equal(cqe.slot, 7);
    assert_int_equal(answers(), 1);
    stream_close(wire.stream);
    nothing_left();
}

static int set_up(void **state)
{
    (void)state;
    bare_start(&bare, &broker, &config, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bare_end(&bare, &broker);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(end_at_every_byte),
        cmocka_unit_test(reader_that_does_not_read),
        cmocka_unit_test(fault_shuts),
        cmocka_unit_test(gate_answers),
    };
    return cmocka_run_group_tests_name("stream_engine", tests, set_up, tear_down);
}
