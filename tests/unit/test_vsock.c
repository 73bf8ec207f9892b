/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vsock.c: the device's state machine, as a table of what a guest sends and what it must get, and against what
 * only a hostile one does. The stream behind it echoes, out of a buffer that may be made small.
 */
#include "vsock_env.h"

/* ---- the table ---- */

enum before {
    NONE, /* no connection */
    OPEN,
    HALF,    /* the guest sends no more, and its stream has something to send that it holds back */
    CLOSING, /* we said SHUTDOWN */
};

#define NOTHING (-1)

static const struct {
    enum before before;
    enum vsock_op op;
    uint32_t flags;
    int answer;
    bool open_after; /* it has a stream */
} table[] = {
    {NONE, VSOCK_OP_INVALID, 0, VSOCK_OP_RST, false},
    {NONE, VSOCK_OP_REQUEST, 0, VSOCK_OP_RESPONSE, true},
    {NONE, VSOCK_OP_RESPONSE, 0, VSOCK_OP_RST, false},
    {NONE, VSOCK_OP_RST, 0, NOTHING, false},
    {NONE, VSOCK_OP_SHUTDOWN, 3, VSOCK_OP_RST, false},
    {NONE, VSOCK_OP_RW, 0, VSOCK_OP_RST, false},
    {NONE, VSOCK_OP_CREDIT_UPDATE, 0, VSOCK_OP_RST, false},
    {NONE, VSOCK_OP_CREDIT_REQUEST, 0, VSOCK_OP_RST, false},
    {NONE, 8, 0, VSOCK_OP_RST, false},
    {OPEN, VSOCK_OP_INVALID, 0, VSOCK_OP_RST, false},
    {OPEN, VSOCK_OP_REQUEST, 0, VSOCK_OP_RESPONSE, true}, /* of a guest that forgot the first */
    {OPEN, VSOCK_OP_RESPONSE, 0, VSOCK_OP_RST, false},
    {OPEN, VSOCK_OP_RST, 0, NOTHING, false},
    {OPEN, VSOCK_OP_SHUTDOWN, 0, NOTHING, true},
    {OPEN, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_RCV, NOTHING, true},
    {OPEN, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_SEND, VSOCK_OP_SHUTDOWN, false},
    {OPEN, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_BOTH, VSOCK_OP_RST, false},
    {OPEN, VSOCK_OP_RW, 0, NOTHING, true}, /* empty */
    {OPEN, VSOCK_OP_CREDIT_UPDATE, 0, NOTHING, true},
    {OPEN, VSOCK_OP_CREDIT_REQUEST, 0, VSOCK_OP_CREDIT_UPDATE, true},
    {OPEN, 77, 0, VSOCK_OP_RST, false},
    {HALF, VSOCK_OP_RW, 0, VSOCK_OP_RST, false},
    {HALF, VSOCK_OP_CREDIT_UPDATE, 0, NOTHING, true},
    {HALF, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_RCV, VSOCK_OP_RST, false},
    {HALF, VSOCK_OP_RST, 0, NOTHING, false},
    {CLOSING, VSOCK_OP_RST, 0, NOTHING, false},
    {CLOSING, VSOCK_OP_RW, 0, NOTHING, false},
    {CLOSING, VSOCK_OP_SHUTDOWN, 3, NOTHING, false},
    {CLOSING, VSOCK_OP_REQUEST, 0, VSOCK_OP_RESPONSE, true},
};

static void bring_to(struct env *env, enum before before)
{
    struct vsock_header header = header_of(1000, VSOCK_OP_SHUTDOWN);
    header.flags = VSOCK_SHUTDOWN_SEND;
    if (before == NONE) {
        return;
    }
    connect_port(env, 1000);
    if (before == HALF) {
        env->hold = true;
        packet_put(env, header_of(1000, VSOCK_OP_RW), "x", 1);
    }
    if (before != OPEN) {
        packet_put(env, header, NULL, 0);
        turns(env);
    }
    if (before == CLOSING) {
        expect(env, 1000, VSOCK_OP_SHUTDOWN);
    }
    expect_nothing(env);
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct env env;
        struct vsock_header header = header_of(1000, table[i].op), got;
        env_open(&env, 8);
        buffers_offer(&env, 16);
        bring_to(&env, table[i].before);
        header.flags = table[i].flags;
        packet_put(&env, header, NULL, 0);
        turns(&env);
        int answer = packet_get(&env, &got, NULL) ? got.op : NOTHING;
        bool open = env.opened > env.closed;
        if (answer != table[i].answer || open != table[i].open_after) {
            fail_msg("line %zu: answer %d, open %d", i, answer, open);
        }
        expect_nothing(&env);
        connect_port(&env, 1001); /* and the device is well */
        env_close(&env);
    }
}

/* ---- ports, identities, limits ---- */

static void test_refused(void **state)
{
    struct env env;
    struct vsock_header header;
    (void)state;
    env_open(&env, 2);
    buffers_offer(&env, 30);
    header = header_of(5, VSOCK_OP_REQUEST);
    header.dst_port = PORT + 1;
    packet_put(&env, header, NULL, 0);
    turns(&env);
    expect(&env, 5, VSOCK_OP_RST);
    header = header_of(5, VSOCK_OP_REQUEST);
    header.dst_cid = 99; /* nobody; answered in that one's name, or the guest would wait */
    packet_put(&env, header, NULL, 0);
    turns(&env);
    assert_true(packet_get(&env, &header, NULL) && header.op == VSOCK_OP_RST && header.src_cid == 99);
    header = header_of(5, VSOCK_OP_REQUEST);
    header.type = 2;
    packet_put(&env, header, NULL, 0);
    turns(&env);
    assert_true(packet_get(&env, &header, NULL) && header.op == VSOCK_OP_RST && header.type == 2);
    header = header_of(5, VSOCK_OP_REQUEST);
    header.src_cid = CID + 1; /* not this guest */
    packet_put(&env, header, NULL, 0);
    turns(&env);
    expect_nothing(&env);
    assert_int_equal(env.opened, 0);
    connect_port(&env, 5);
    connect_port(&env, 6);
    say(&env, 7, VSOCK_OP_REQUEST); /* one too many */
    expect(&env, 7, VSOCK_OP_RST);
    say(&env, 5, VSOCK_OP_RST);
    connect_port(&env, 7);
    env.refuse = true;
    say(&env, 6, VSOCK_OP_RST);
    say(&env, 6, VSOCK_OP_REQUEST);
    expect(&env, 6, VSOCK_OP_RST);
    env_close(&env);
}

/* Places whose end only the guest's RST is missing to are given to others. */
static void test_closing_places(void **state)
{
    struct env env;
    (void)state;
    env_open(&env, VSOCK_CONNECTIONS_MAX);
    for (uint32_t port = 0; port < 3 * VSOCK_CONNECTIONS_MAX; port++) {
        struct vsock_header header = header_of(port, VSOCK_OP_SHUTDOWN);
        header.flags = VSOCK_SHUTDOWN_SEND;
        buffers_offer(&env, 2);
        connect_port(&env, port);
        packet_put(&env, header, NULL, 0);
        turns(&env);
        expect(&env, port, VSOCK_OP_SHUTDOWN);
    }
    assert_int_equal(env.closed, env.opened);
    env_close(&env);
}

/* ---- bytes ---- */

static void transmit_used(struct env *env)
{
    uint32_t head, len;
    while (driver_take(&env->ring[VSOCK_TX], &head, &len)) {
        assert_int_equal(len, 0);
    }
}

/* Several connections at once, packets of all lengths: what comes back is what was sent, in order. */
static void test_echo(void **state)
{
    struct env env;
    uint8_t out[2048], in[BUFFER];
    size_t want[4] = {0}, got[4] = {0};
    uint32_t sent[4] = {0};
    (void)state;
    env_open(&env, 8);
    buffers_offer(&env, 20);
    for (uint32_t c = 0; c < 4; c++) {
        connect_port(&env, c);
    }
    srand(1);
    for (unsigned round = 0; round < 800; round++) {
        uint32_t c = round % 4, len = 1 + (uint32_t)rand() % 1000;
        for (uint32_t i = 0; i < len; i++) {
            out[i] = (uint8_t)((want[c] + i) * (c * 2 + 1));
        }
        struct vsock_header header = header_of(c, VSOCK_OP_RW), back;
        header.fwd_cnt = (uint32_t)got[c];
        packet_put(&env, header, out, len);
        want[c] += len;
        turns(&env);
        transmit_used(&env);
        while (packet_get(&env, &back, in)) {
            buffers_offer(&env, 1);
            if (back.op != VSOCK_OP_RW) {
                assert_int_equal(back.op, VSOCK_OP_CREDIT_UPDATE);
                continue;
            }
            uint32_t from = back.dst_port;
            for (uint32_t i = 0; i < back.len; i++) {
                assert_int_equal(in[i], (uint8_t)((got[from] + i) * (from * 2 + 1)));
            }
            got[from] += back.len;
            sent[from] = back.fwd_cnt;
        }
    }
    for (uint32_t c = 0; c < 4; c++) {
        assert_int_equal(want[c], got[c]);
        assert_int_equal(sent[c], want[c]); /* as far as it was told by the last packet */
    }
    env_close(&env);
}

/* ---- credit ---- */

/* The guest's buffers are small: we send as much as it has room for, ask, and go on when it says so. */
static void test_credit_of_guest(void **state)
{
    struct env env;
    uint8_t bytes[3000] = {1};
    struct vsock_header header = header_of(9, VSOCK_OP_REQUEST), got;
    (void)state;
    env_open(&env, 8);
    buffers_offer(&env, 30);
    header.buf_alloc = 1000;
    packet_put(&env, header, NULL, 0);
    turns(&env);
    expect(&env, 9, VSOCK_OP_RESPONSE);
    header.op = VSOCK_OP_RW;
    packet_put(&env, header, bytes, sizeof(bytes));
    turns(&env);
    assert_true(packet_get(&env, &got, NULL) && got.op == VSOCK_OP_RW && got.len == 1000);
    expect(&env, 9, VSOCK_OP_CREDIT_REQUEST);
    expect_nothing(&env);
    header.op = VSOCK_OP_CREDIT_UPDATE;
    header.fwd_cnt = 400;
    packet_put(&env, header, NULL, 0);
    turns(&env);
    assert_true(packet_get(&env, &got, NULL) && got.op == VSOCK_OP_RW && got.len == 400);
    expect(&env, 9, VSOCK_OP_CREDIT_REQUEST);
    header.fwd_cnt = 100; /* an older count: no news */
    packet_put(&env, header, NULL, 0);
    turns(&env);
    expect_nothing(&env);
    header.fwd_cnt = 1400;
    header.buf_alloc = UINT32_MAX;
    packet_put(&env, header, NULL, 0);
    turns(&env);
    assert_true(packet_get(&env, &got, NULL) && got.op == VSOCK_OP_RW && got.len == 1600);
    header.fwd_cnt = 3001; /* more than was ever sent */
    packet_put(&env, header, NULL, 0);
    turns(&env);
    expect(&env, 9, VSOCK_OP_RST);
    assert_true(env.closed == 1 && env.vsock.counts.breaches == 1);
    env_close(&env);
}

/* Nobody takes away buf_alloc in one go what he was told that there is room for; a byte more is a breach. */
static void test_credit_of_ours(void **state)
{
    (void)state;
    for (uint32_t surplus = 0; surplus < 2; surplus++) {
        struct env env;
        static uint8_t bytes[8192];
        env_open(&env, 8);
        env.hold = true;
        buffers_offer(&env, 3);
        connect_port(&env, 9);
        /* all receive buffers are used up, so that nothing can be told */
        say(&env, 10, VSOCK_OP_RW);
        say(&env, 11, VSOCK_OP_RW);
        for (uint32_t left = VSOCK_BUF_ALLOC + surplus; left;) {
            uint32_t len = left < sizeof(bytes) ? left : sizeof(bytes);
            packet_put(&env, header_of(9, VSOCK_OP_RW), bytes, len);
            turns(&env);
            left -= len;
        }
        assert_int_equal(env.vsock.counts.breaches, surplus);
        assert_int_equal(env.closed, surplus);
        env_close(&env);
    }
}

/* A length beyond the buffers, and one that is a lie. */
static void test_lengths(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct env env;
        struct vsock_header header = header_of(9, VSOCK_OP_RW);
        env_open(&env, 8);
        buffers_offer(&env, 8);
        connect_port(&env, 9);
        header.len = kind == 0 ? 11 : kind == 1 ? UINT32_MAX : VSOCK_BUF_ALLOC + 1;
        packet_put(&env, header, "0123456789", 10);
        turns(&env);
        expect(&env, 9, VSOCK_OP_RST);
        assert_int_equal(env.closed, 1);
        env_close(&env);
    }
    /* no room for a header, neither way */
    struct env env;
    env_open(&env, 8);
    driver_put(&env.ring[VSOCK_TX], 0, GUEST_GPA + 0x80000, VSOCK_HEADER - 1, 0, 0);
    driver_offer(&env.ring[VSOCK_TX], 0);
    for (uint16_t i = 0; i < 4; i++) {
        driver_put(&env.ring[VSOCK_RX], i, GUEST_GPA + BUFFERS, 1 + i * 10u, 2, 0);
        driver_offer(&env.ring[VSOCK_RX], i);
    }
    packet_put(&env, header_of(9, VSOCK_OP_RW), NULL, 0);
    turns(&env);
    env_close(&env);
}

/* ---- a guest that gives no receive buffers ---- */

static void test_starved(void **state)
{
    struct env env;
    struct vsock_header header;
    (void)state;
    env_open(&env, 8);
    for (uint32_t port = 0; port < VSOCK_RESETS_MAX + 20; port++) {
        say(&env, port, VSOCK_OP_RW); /* each wants an RST */
    }
    assert_int_equal(env.vsock.reset_count, VSOCK_RESETS_MAX);
    assert_int_equal(env.vsock.counts.packets, VSOCK_RESETS_MAX); /* the others wait in the guest's own queue */
    assert_true(vsock_sleep(&env.vsock));
    unsigned answers = 0;
    for (int i = 0; i < 10; i++) {
        buffers_offer(&env, 16);
        turns(&env);
        while (packet_get(&env, &header, NULL)) {
            assert_true(header.op == VSOCK_OP_RST && header.dst_port == answers);
            answers++;
        }
    }
    assert_int_equal(answers, VSOCK_RESETS_MAX + 20);
    env_close(&env);
}

/* Streams that wait for buffers take turns when there are some again. */
static void test_turns(void **state)
{
    struct env env;
    struct vsock_header got;
    static uint8_t bytes[8192];
    unsigned of[3] = {0};
    (void)state;
    env_open(&env, 8);
    buffers_offer(&env, 3);
    for (uint32_t c = 0; c < 3; c++) {
        connect_port(&env, c);
    }
    for (unsigned i = 0; i < 9; i++) {
        packet_put(&env, header_of(i % 3, VSOCK_OP_RW), bytes, sizeof(bytes));
    }
    turns(&env);
    expect_nothing(&env);
    for (unsigned i = 0; i < 9; i++) {
        buffers_offer(&env, 1);
        turns(&env);
        assert_true(packet_get(&env, &got, NULL));
        if (got.op == VSOCK_OP_RW) {
            of[got.dst_port]++;
        }
    }
    assert_true(of[0] && of[1] && of[2]);
    env_close(&env);
}

/* However many small buffers the guest gives, a call sends so many packets; the rest goes in the next turns. */
static void test_much_to_send(void **state)
{
    struct env env;
    static uint8_t bytes[200];
    (void)state;
    env_open(&env, 8);
    buffers_offer(&env, 1);
    connect_port(&env, 9);
    env.hold = true;
    packet_put(&env, header_of(9, VSOCK_OP_RW), bytes, sizeof(bytes));
    turns(&env);
    for (uint16_t i = 0; i < SIZE; i++) { /* a byte of payload in each */
        driver_put(&env.ring[VSOCK_RX], i, GUEST_GPA + BUFFERS + i * 64u, VSOCK_HEADER + 1, 2, 0);
        driver_offer(&env.ring[VSOCK_RX], i);
    }
    env.hold = false;
    env.last->blocked = !vsock_push(env.last->connection);
    assert_true(env.last->blocked);
    assert_int_equal(env.last->first, VSOCK_PUSH_MAX);
    assert_false(vsock_sleep(&env.vsock));
    assert_true(vsock_turn(&env.vsock, 16) > 0);
    assert_int_equal(env.last->first, 2 * VSOCK_PUSH_MAX);
    turns(&env);
    assert_int_equal(env.last->first, SIZE);
    env_close(&env);
}

/* Buffers that are too short for anything are taken and given back: a turn that did that did something. */
static void test_short_buffers(void **state)
{
    struct env env;
    (void)state;
    env_open(&env, 8);
    say(&env, 9, VSOCK_OP_RW); /* wants an RST */
    for (uint16_t i = 0; i < 8; i++) {
        driver_put(&env.ring[VSOCK_RX], i, GUEST_GPA + BUFFERS, VSOCK_HEADER - 1, 2, 0);
        driver_offer(&env.ring[VSOCK_RX], i);
    }
    assert_int_equal(vsock_turn(&env.vsock, 16), 8);
    assert_int_equal(driver_used(&env.ring[VSOCK_RX])[1], 8);
    assert_int_equal(vsock_turn(&env.vsock, 16), 0);
    env_close(&env);
}

/* ---- the stream's side ---- */

static void test_service_ends(void **state)
{
    struct env env;
    (void)state;
    env_open(&env, 8);
    buffers_offer(&env, 8);
    connect_port(&env, 9);
    vsock_shut(env.last->connection);
    turns(&env);
    expect(&env, 9, VSOCK_OP_RST);
    assert_int_equal(env.closed, 1);
    connect_port(&env, 9);
    env.last->deaf = true; /* takes no more */
    packet_put(&env, header_of(9, VSOCK_OP_RW), "x", 1);
    turns(&env);
    expect(&env, 9, VSOCK_OP_RST);
    connect_port(&env, 9);
    struct echo *echo = env.last;
    vsock_lost(echo->connection); /* freed by its owner */
    echo_close(echo);
    turns(&env);
    expect(&env, 9, VSOCK_OP_RST);
    env_close(&env);
}

/* Half-closed: what is under way is still sent, then the end is said, and the guest's RST ends it. */
static void test_half_close(void **state)
{
    struct env env;
    struct vsock_header header = header_of(9, VSOCK_OP_SHUTDOWN), got;
    (void)state;
    env_open(&env, 8);
    buffers_offer(&env, 8);
    connect_port(&env, 9);
    env.hold = true;
    packet_put(&env, header_of(9, VSOCK_OP_RW), "answer", 6);
    header.flags = VSOCK_SHUTDOWN_SEND;
    packet_put(&env, header, NULL, 0);
    turns(&env);
    expect_nothing(&env);
    env.hold = false;
    assert_true(vsock_push(env.last->connection));
    turns(&env);
    assert_true(packet_get(&env, &got, NULL) && got.op == VSOCK_OP_RW && got.len == 6);
    assert_true(packet_get(&env, &got, NULL) && got.op == VSOCK_OP_SHUTDOWN && got.flags == VSOCK_SHUTDOWN_BOTH);
    assert_int_equal(env.closed, 1);
    say(&env, 9, VSOCK_OP_RST);
    assert_int_equal(env.vsock.connections[0].state, VSOCK_FREE);
    env_close(&env);
}

/* ---- the process died ---- */

static void test_restart(void **state)
{
    struct env env;
    struct vsock_header got;
    unsigned resets = 0;
    int kept[VHOST_KEEP_SLOTS];
    (void)state;
    env_open(&env, 8);
    buffers_offer(&env, 20);
    for (uint32_t c = 0; c < 5; c++) {
        connect_port(&env, c);
    }
    say(&env, 3, VSOCK_OP_RST);
    _Alignas(16) uint8_t note[VHOST_NOTE_SIZE];
    memcpy(note, env.note, sizeof(note));
    int socket = dup(env.vsock.vhost.socket);
    vsock_close(&env.vsock);
    memcpy(env.note, note, sizeof(note));
    memset(kept, 0xff, sizeof(kept));
    for (unsigned i = 0; i < VSOCK_QUEUES; i++) {
        env.vsock.vhost.note->rings[i].flags = 0; /* this test puts them in place itself */
    }
    vsock_open(&env.vsock, &service, &host, &env, CID, 8, socket, env.note);
    vsock_resume(&env.vsock, kept);
    rings_start(&env, true);
    /* the event queue, of a VMM that leaves it to us */
    driver_put(&env.ring[VSOCK_EVENT], 0, GUEST_GPA + 0xf0000, 4, 2, 0);
    memset(env.ram.base + 0xf0000, 0xff, 4);
    driver_offer(&env.ring[VSOCK_EVENT], 0);
    turns(&env);
    while (packet_get(&env, &got, NULL)) {
        assert_int_equal(got.op, VSOCK_OP_RST);
        assert_int_not_equal(got.dst_port, 3);
        resets |= 1u << got.dst_port;
    }
    assert_int_equal(resets, 0x17);
    uint32_t head, len;
    assert_true(driver_take(&env.ring[VSOCK_EVENT], &head, &len) && len == 4);
    assert_memory_equal(env.ram.base + 0xf0000, "\0\0\0\0", 4);
    connect_port(&env, 0);
    env_close(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),           cmocka_unit_test(test_refused),
        cmocka_unit_test(test_closing_places),  cmocka_unit_test(test_echo),
        cmocka_unit_test(test_credit_of_guest), cmocka_unit_test(test_credit_of_ours),
        cmocka_unit_test(test_lengths),         cmocka_unit_test(test_starved),
        cmocka_unit_test(test_much_to_send),    cmocka_unit_test(test_short_buffers),
        cmocka_unit_test(test_turns),           cmocka_unit_test(test_service_ends),
        cmocka_unit_test(test_half_close),      cmocka_unit_test(test_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
