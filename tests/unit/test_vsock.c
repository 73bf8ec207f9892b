/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vsock.c: the device's state machine, as a table of what a guest sends and what it must get, and against what
 * only a hostile one does. The stream behind it echoes, out of a buffer that may be made small.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <cmocka.h>
#include "backend/device/virtio_vsock/vsock.h"
#include "vring_driver.h"

#define SIZE    64u
#define CID     42u
#define PORT    21316u
#define ECHO    (1u << 20)
#define BUFFERS 0x40000u /* of the receive queue; those of the transmit queue lie behind */
#define BUFFER  4096u

struct env;

struct echo {
    struct env *env;
    struct vsock_connection *connection;
    uint8_t *bytes;
    size_t first, last; /* of bytes: to be sent */
    bool blocked, closed, deaf;
};

struct env {
    struct vsock vsock;
    _Alignas(64) uint8_t note[VHOST_NOTE_SIZE];
    struct guest_ram ram;
    struct driver_ring ring[VSOCK_QUEUES];
    int qemu;
    unsigned opened, closed;
    struct echo *last;
    bool refuse, hold; /* the service: no streams; echoes keep what they have */
    unsigned rx_offered;
};

/* ---- the service ---- */

static void *echo_open(void *owner, struct vsock_connection *connection, uint32_t port)
{
    struct env *env = owner;
    if (port != PORT || env->refuse) {
        return NULL;
    }
    struct echo *echo = calloc(1, sizeof(*echo));
    echo->bytes = malloc(ECHO);
    echo->env = env;
    echo->connection = connection;
    env->opened++;
    env->last = echo;
    return echo;
}

static unsigned echo_into(void *stream, struct iovec *iov, unsigned max)
{
    struct echo *echo = stream;
    size_t room = ECHO - echo->last;
    (void)max;
    if (echo->deaf) {
        return 0;
    }
    iov[0] = (struct iovec){echo->bytes + echo->last, room < 1000 ? room : 1000};
    iov[1] = (struct iovec){echo->bytes + echo->last + iov[0].iov_len, room - iov[0].iov_len};
    return room ? 2 : 0;
}

static bool echo_fed(void *stream, size_t len)
{
    struct echo *echo = stream;
    echo->last += len;
    if (!echo->env->hold && !echo->blocked) {
        echo->blocked = !vsock_push(echo->connection);
    }
    return true;
}

static unsigned echo_next(void *stream, struct iovec *iov, unsigned max, size_t most, size_t *bytes)
{
    struct echo *echo = stream;
    size_t have = echo->last - echo->first;
    (void)max;
    if (echo->env->hold || !have) {
        return 0;
    }
    *bytes = have < most ? have : most;
    size_t part = *bytes < 700 ? *bytes : 700;
    iov[0] = (struct iovec){echo->bytes + echo->first, part};
    iov[1] = (struct iovec){echo->bytes + echo->first + part, *bytes - part};
    return *bytes > part ? 2 : 1;
}

static void echo_sent(void *stream, size_t len)
{
    ((struct echo *)stream)->first += len;
}

static bool echo_idle(void *stream)
{
    const struct echo *echo = stream;
    return echo->first == echo->last;
}

static void echo_resume(void *stream)
{
    struct echo *echo = stream;
    echo->blocked = !vsock_push(echo->connection);
}

static void echo_close(void *stream)
{
    struct echo *echo = stream;
    echo->env->closed++;
    if (echo->env->last == echo) {
        echo->env->last = NULL;
    }
    free(echo->bytes);
    free(echo);
}

static const struct vsock_service service = {echo_open, echo_into, echo_fed,    echo_next,
                                             echo_sent, echo_idle, echo_resume, echo_close};

/* ---- the surroundings ---- */

static void host_watch(void *owner, unsigned queue, int fd)
{
    (void)owner, (void)queue, (void)fd;
}
static void host_ring(void *owner, int fd)
{
    (void)owner, (void)fd;
}
static void host_keep(void *owner, unsigned slot, int fd)
{
    (void)owner, (void)slot, (void)fd;
}
static void host_say(void *owner, const char *text)
{
    (void)owner, (void)text;
}
static const struct vhost_host host = {host_watch, host_ring, host_keep, host_say};

/* Rings are put in place without QEMU's messages; test_vhost_device.c has those. */
static void rings_start(struct env *env, bool again)
{
    struct vhost_device *dev = &env->vsock.vhost;
    guest_memory_release(dev->memory);
    dev->memory = guest_memory_of(&env->ram);
    for (unsigned i = 0; i < VSOCK_QUEUES; i++) {
        struct vhost_ring_note *note = &dev->note->rings[i];
        note->flags = VHOST_RING_ADDRESSED | VHOST_RING_ENABLED | VHOST_RING_STARTED;
        assert_int_equal(driver_map(&env->ring[i], &dev->rings[i].vq, dev->memory), 0);
        if (again) {
            vq_resume(&dev->rings[i].vq, VIRTIO_F_EVENT_IDX, &note->vq);
        } else {
            vq_start(&dev->rings[i].vq, VIRTIO_F_EVENT_IDX, 0, &note->vq);
        }
        dev->ops->started(&env->vsock, i, again);
    }
}

static void buffers_offer(struct env *env, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint16_t head = (uint16_t)(env->rx_offered++ % (SIZE / 2) * 2);
        uint64_t at = GUEST_GPA + BUFFERS + (uint64_t)head / 2 * (BUFFER + 64);
        driver_put(&env->ring[VSOCK_RX], head, at, VSOCK_HEADER, 3, (uint16_t)(head + 1));
        driver_put(&env->ring[VSOCK_RX], head + 1u, at + 64, BUFFER, 2, 0);
        driver_offer(&env->ring[VSOCK_RX], head);
    }
}

static void env_open(struct env *env, unsigned limit)
{
    int pair[2];
    memset(env, 0, sizeof(*env));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    env->qemu = pair[0];
    env->ram = guest_ram_make(GUEST_SIZE, F_SEAL_SHRINK);
    for (unsigned i = 0; i < VSOCK_QUEUES; i++) {
        env->ring[i] = (struct driver_ring){.base = env->ram.base, .at = i * RING_SPACE, .size = SIZE};
    }
    vsock_open(&env->vsock, &service, &host, env, CID, limit, pair[1], env->note);
    rings_start(env, false);
}

static void env_close(struct env *env)
{
    vsock_close(&env->vsock);
    assert_int_equal(env->opened, env->closed);
    close(env->qemu);
    guest_ram_free(&env->ram, GUEST_SIZE);
}

static struct vsock_header header_of(uint32_t port, enum vsock_op op)
{
    return (struct vsock_header){.src_cid = CID,
                                 .dst_cid = VSOCK_CID_HOST,
                                 .src_port = port,
                                 .dst_port = PORT,
                                 .type = VSOCK_TYPE_STREAM,
                                 .op = (uint16_t)op,
                                 .buf_alloc = 262144};
}

/* One packet into the transmit queue; payload lies behind the header, in a part of its own. */
static void packet_put(struct env *env, struct vsock_header header, const void *payload, uint32_t len)
{
    struct driver_ring *ring = &env->ring[VSOCK_TX];
    uint16_t head = (uint16_t)(ring->avail % (SIZE / 2) * 2);
    uint64_t at = GUEST_GPA + 0x80000 + (uint64_t)head / 2 * 0x3000;
    header.len = header.len ? header.len : len;
    vsock_header_swap(&header);
    memcpy(env->ram.base + (at - GUEST_GPA), &header, sizeof(header));
    if (len) {
        memcpy(env->ram.base + (at - GUEST_GPA) + 64, payload, len);
    }
    driver_put(ring, head, at, VSOCK_HEADER, len ? 1 : 0, (uint16_t)(head + 1));
    driver_put(ring, head + 1u, at + 64, len, 0, 0);
    driver_offer(ring, head);
}

static void turns(struct env *env)
{
    for (int i = 0; i < 1000; i++) {
        if (!vsock_turn(&env->vsock, 16) && vsock_sleep(&env->vsock)) {
            return;
        }
    }
    fail_msg("the device does not come to rest");
}

/* The next packet that the guest got. */
static bool packet_get(struct env *env, struct vsock_header *header, uint8_t *payload)
{
    uint32_t head, len;
    if (!driver_take(&env->ring[VSOCK_RX], &head, &len)) {
        return false;
    }
    const uint8_t *at = env->ram.base + BUFFERS + head / 2 * (BUFFER + 64);
    memcpy(header, at, VSOCK_HEADER);
    vsock_header_swap(header);
    assert_int_equal(len, VSOCK_HEADER + header->len);
    assert_true(header->dst_cid == CID && header->len <= BUFFER);
    if (payload) {
        memcpy(payload, at + 64, header->len);
    }
    return true;
}

static void expect(struct env *env, uint32_t port, enum vsock_op op)
{
    struct vsock_header header;
    if (!packet_get(env, &header, NULL)) {
        fail_msg("the guest got nothing, not operation %d", op);
    }
    if (header.op != op || header.dst_port != port) {
        fail_msg("the guest got operation %u for port %u, not %d for %u", header.op, header.dst_port, op, port);
    }
}

static void expect_nothing(struct env *env)
{
    struct vsock_header header;
    assert_false(packet_get(env, &header, NULL));
}

static void say(struct env *env, uint32_t port, enum vsock_op op)
{
    packet_put(env, header_of(port, op), NULL, 0);
    turns(env);
}

static void connect_port(struct env *env, uint32_t port)
{
    say(env, port, VSOCK_OP_REQUEST);
    expect(env, port, VSOCK_OP_RESPONSE);
}

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
    _Alignas(64) uint8_t note[VHOST_NOTE_SIZE];
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
        cmocka_unit_test(test_turns),           cmocka_unit_test(test_service_ends),
        cmocka_unit_test(test_half_close),      cmocka_unit_test(test_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
