/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front end over a stream that is cut: a go-between stands before the daemon's stream socket and ends the
 * connection after a given number of bytes, in a given direction, once. For each number that falls into a call the
 * call's answer must be right, and what a session held must be lost with one SDR_COMMFAIL. Then ways that end worse:
 * nobody listens any more, somebody else listens, or a host that accepts and says nothing: no call outlives its
 * deadline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cardmux/client.h"
#include "cardmux/sdf.h"
#include "frontend/client/call.h"
#include "proto/layout.h"
#include "proto/stream.h"
#include "tests/wire/harness.h"

#define DEADLINE_MS 30000 /* of calls that are answered, on however busy a machine */
#define SILENT_MS   3000  /* where nobody answers */

enum {
    UP,
    DOWN
};

static struct wire *wire;
static char between[64];
static struct {
    pthread_t thread;
    int listener;
    _Atomic long left[2]; /* bytes until the cut, per direction; -1: no cut */
    _Atomic long next[2]; /* the same for the next connection, from its first byte on */
    _Atomic unsigned cuts, connections;
    _Atomic bool stop, mute; /* mute: connections are taken and nothing is passed on */
} relay;

static int unix_socket(const char *path, bool listening)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    if (listening ? bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 16)
                  : connect(fd, (struct sockaddr *)&at, sizeof at)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Passes bytes from one to the other; false: the connection ends here. */
static bool pass(int from, int to, int direction)
{
    static uint8_t bytes[65536];
    long left = atomic_load(&relay.left[direction]);
    size_t most = left >= 0 && (size_t)left < sizeof bytes ? (size_t)left : sizeof bytes;
    ssize_t got = most ? recv(from, bytes, most, 0) : 0;
    if (got > 0) {
        for (ssize_t at = 0, n; at < got; at += n)
            if ((n = send(to, bytes + at, (size_t)(got - at), MSG_NOSIGNAL)) <= 0)
                return false;
        if (left >= 0)
            atomic_store(&relay.left[direction], left - got);
    }
    if (left >= 0 && left == (got > 0 ? got : 0)) {
        atomic_store(&relay.left[direction], -1);
        relay.cuts++;
        return false;
    }
    return got > 0;
}

static void *relay_run(void *arg)
{
    int front = -1, host = -1;
    (void)arg;
    while (!relay.stop) {
        struct pollfd fds[3] = {
            {.fd = relay.listener, .events = POLLIN}, {.fd = front, .events = POLLIN}, {.fd = host, .events = POLLIN}};
        if (poll(fds, 3, 20) <= 0)
            continue;
        bool ends = (fds[1].revents && !pass(front, host, UP)) || (fds[2].revents && !pass(host, front, DOWN));
        if (ends || (fds[0].revents && front >= 0)) {
            close(front);
            close(host);
            front = host = -1;
        }
        if (fds[0].revents) {
            front = accept(relay.listener, NULL, NULL);
            host = relay.mute ? dup(relay.listener) : unix_socket(wire_socket(wire, 0, "stream"), false);
            if (relay.mute) {
                close(host);
                host = -1;
            }
            relay.connections++;
            for (int direction = UP; direction <= DOWN; direction++) {
                long next = atomic_exchange(&relay.next[direction], -1);
                if (next >= 0)
                    relay.left[direction] = next;
            }
        }
    }
    if (front >= 0)
        close(front);
    if (host >= 0)
        close(host);
    return NULL;
}

static void relay_start(void)
{
    unlink(between);
    relay.listener = unix_socket(between, true);
    assert_true(relay.listener >= 0);
    relay.left[UP] = relay.left[DOWN] = relay.next[UP] = relay.next[DOWN] = -1;
    relay.stop = relay.mute = false;
    relay.cuts = 0;
    assert_int_equal(pthread_create(&relay.thread, NULL, relay_run, NULL), 0);
}

static void relay_stop(void)
{
    relay.stop = true;
    pthread_join(relay.thread, NULL);
    close(relay.listener);
    unlink(between);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* ---- libsdf's calls ---- */

static uint32_t hash(struct session *session, uint8_t *out)
{
    static const char text[] = "abc";
    struct call call = {.op = CM_OP_HASH, .alg = SGD_SM3, .data = text, .data_len = 3};
    uint32_t status = session_run(session, &call, 1);
    memcpy(out, call.param_out, 32);
    return status;
}

static const uint8_t sm3_abc[32] = {0x66, 0xc7, 0xf0, 0xf4, 0x62, 0xee, 0xed, 0xd9, 0xd1, 0xf2, 0xd4,
                                    0x6b, 0xdc, 0x10, 0xe4, 0xe2, 0x41, 0x67, 0xc4, 0x87, 0x5c, 0xf2,
                                    0xf7, 0xa2, 0x29, 0x7d, 0xa0, 0x2b, 0x8f, 0x4b, 0xa8, 0xe0};

/* A session that holds nothing, cut after every byte of a request and of its answer: nobody notices. */
static void stateless_calls_survive_every_cut(void **state)
{
    struct link *link;
    struct session *session;
    char text[256];
    uint8_t digest[32];
    (void)state;
    relay_start();
    assert_int_equal(link_get(&link, text, sizeof text), SDR_OK);
    assert_string_equal(link_reach(link), "stream");
    assert_int_equal(session_open(link, &session), SDR_OK);
    for (int direction = UP; direction <= DOWN; direction++)
        for (long cut = 0; cut < 64 + 32; cut++) {
            unsigned before = relay.cuts;
            relay.left[direction] = cut;
            for (int call = 0; call < 3 && relay.cuts == before; call++) {
                assert_int_equal(hash(session, digest), SDR_OK);
                assert_memory_equal(digest, sm3_abc, 32);
            }
            assert_int_equal(relay.cuts, before + 1);
        }
    assert_int_equal(hash(session, digest), SDR_OK);
    session_close(session);
    link_put(link);
    relay_stop();
}

/* And the connection that follows is cut in its turn: after each byte of the host's hello and of the new session's
   answer, and of what asks for that session. */
static void greetings_survive_every_cut(void **state)
{
    static const long all[] = {[UP] = 64, [DOWN] = sizeof(struct cm_stream_hello) + 64};
    struct link *link;
    struct session *session;
    char text[256];
    uint8_t digest[32];
    (void)state;
    relay_start();
    assert_int_equal(link_get(&link, text, sizeof text), SDR_OK);
    assert_int_equal(session_open(link, &session), SDR_OK);
    for (int direction = UP; direction <= DOWN; direction++)
        for (long cut = 0; cut < all[direction]; cut++) {
            unsigned before = relay.cuts;
            relay.next[direction] = cut;
            relay.left[UP] = 0;
            assert_int_equal(hash(session, digest), SDR_OK);
            assert_memory_equal(digest, sm3_abc, 32);
            assert_int_equal(relay.cuts, before + 2);
        }
    session_close(session);
    link_put(link);
    relay_stop();
}

/* A running hash is lost with its connection: told once, then the session is as new. */
static void held_state_is_lost_once(void **state)
{
    struct link *link;
    struct session *session;
    char text[256];
    (void)state;
    relay_start();
    assert_int_equal(link_get(&link, text, sizeof text), SDR_OK);
    assert_int_equal(session_open(link, &session), SDR_OK);
    for (int direction = UP; direction <= DOWN; direction++)
        for (long cut = 0; cut < 64; cut += 7) {
            struct call init = {.op = CM_OP_HASH_INIT, .alg = SGD_SM3};
            struct call update = {.op = CM_OP_HASH_UPDATE, .data = "abc", .data_len = 3};
            struct call final = {.op = CM_OP_HASH_FINAL};
            assert_int_equal(session_run(session, &init, 1), SDR_OK);
            relay.left[direction] = cut;
            uint32_t status = session_run(session, &update, 1);
            if (status == SDR_OK) /* the whole answer came before the cut was seen */
                status = session_run(session, &final, 1);
            assert_int_equal(status, SDR_COMMFAIL);
            assert_int_equal(session_run(session, &final, 1), SDR_STEPERR);
        }
    session_close(session);
    link_put(link);
    relay_stop();
}

/* The broker is replaced beneath the stream; the keeper's sockets stay. */
static void broker_is_replaced(void **state)
{
    struct link *link;
    struct session *session;
    char text[256];
    uint8_t digest[32];
    (void)state;
    relay_start();
    assert_int_equal(link_get(&link, text, sizeof text), SDR_OK);
    assert_int_equal(session_open(link, &session), SDR_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(hash(session, digest), SDR_OK);
        wire_broker_stop(wire);
        wire_broker_start(wire);
        assert_int_equal(hash(session, digest), SDR_OK);
        assert_memory_equal(digest, sm3_abc, 32);
    }
    session_close(session);
    link_put(link);
    relay_stop();
}

/* ---- the asynchronous client ---- */

static void async_client_goes_on(void **state)
{
    struct cardmux_client *client;
    char text[256];
    (void)state;
    relay_start();
    struct cardmux_options options = {.size = sizeof options, .reach = "stream", .where = between};
    assert_int_equal(cardmux_open(&options, &client, text, sizeof text), SDR_OK);
    for (long cut = 0; cut < 20000; cut += 1237) {
        struct cardmux_request requests[8];
        struct cardmux_completion done[8];
        unsigned lost = 0, right = 0;
        for (unsigned i = 0; i < 8; i++) {
            int slot = cardmux_slot_take(client);
            assert_true(slot >= 0);
            requests[i] = (struct cardmux_request){
                .op = CARDMUX_HASH, .slot = (uint16_t)slot, .alg = SGD_SM3, .data_len = 3000, .user = i};
            memset(cardmux_slot_data(client, slot), (int)i, 3000);
        }
        relay.left[cut & 1] = cut / (cut & 1 ? 50 : 1);
        size_t sent = cardmux_submit(client, requests, 8);
        for (size_t n = 0; n < sent;) {
            size_t got = cardmux_poll(client, done + n, 8 - n, 8 - n, -1);
            assert_true(got > 0);
            n += got;
        }
        for (size_t i = 0; i < sent; i++) {
            assert_true(done[i].status == SDR_OK || done[i].status == SDR_COMMFAIL);
            lost += done[i].status != SDR_OK;
            right += done[i].status == SDR_OK && done[i].param_len == 32;
        }
        assert_int_equal(lost + right, sent);
        for (unsigned i = 0; i < 8; i++)
            cardmux_slot_free(client, requests[i].slot);
        relay.left[UP] = relay.left[DOWN] = -1;
    }
    assert_true(relay.cuts > 5);
    cardmux_close(client);
    relay_stop();
}

/* ---- worse ends ---- */

/* Nobody answers any more, first with a listener that says nothing, then without one: each call ends. */
static void no_call_outlives_its_deadline(void **state)
{
    struct link *link;
    struct session *session;
    char text[256];
    uint8_t digest[32];
    (void)state;
    relay_start();
    assert_int_equal(link_get(&link, text, sizeof text), SDR_OK);
    assert_int_equal(session_open(link, &session), SDR_OK);
    assert_int_equal(hash(session, digest), SDR_OK);
    relay.mute = true;
    relay.left[UP] = 10;
    uint64_t start = now_ms();
    assert_int_equal(hash(session, digest), SDR_COMMFAIL);
    assert_true(now_ms() - start < 20 * SILENT_MS);
    relay_stop();
    start = now_ms();
    assert_int_equal(hash(session, digest), SDR_COMMFAIL);
    assert_true(now_ms() - start < 20 * SILENT_MS);
    relay_start(); /* and it goes on when somebody is there again */
    assert_int_equal(hash(session, digest), SDR_OK);
    assert_memory_equal(digest, sm3_abc, 32);
    session_close(session);
    link_put(link);
    relay_stop();
}

static void *stranger(void *arg)
{
    const char *said = arg;
    int fd = accept(relay.listener, NULL, NULL);
    (void)!send(fd, said, strlen(said), MSG_NOSIGNAL);
    char byte;
    (void)!recv(fd, &byte, 1, 0);
    close(fd);
    return NULL;
}

static void wrong_peer_is_recognised(void **state)
{
    static const char *const said[] = {"HTTP/1.1 400 Bad Request\r\n", "SSH-2.0-x\r\n"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct cardmux_client *client;
        char text[256] = "";
        pthread_t thread;
        relay.listener = unix_socket(between, true);
        assert_true(relay.listener >= 0);
        assert_int_equal(pthread_create(&thread, NULL, stranger, (void *)(uintptr_t)said[i]), 0);
        struct cardmux_options options = {.size = sizeof options, .reach = "stream", .where = between};
        assert_int_equal(cardmux_open(&options, &client, text, sizeof text), SDR_COMMFAIL);
        assert_non_null(strstr(text, "not cardmuxd"));
        pthread_join(thread, NULL);
        close(relay.listener);
        unlink(between);
    }
}

static enum vault_result cid_set(const char *name, uint32_t cid, struct admin_message *message)
{
    *message = (struct admin_message){.type = ADMIN_TENANT_SET, .mask = ADMIN_SET_CID, .tenant.cid = cid};
    snprintf(message->tenant.name, sizeof message->tenant.name, "%s", name);
    return wire_admin(wire, message);
}

static void cid_is_one_tenants(void **state)
{
    struct admin_message message;
    (void)state;
    assert_int_equal(cid_set("t0", 42, &message), VAULT_OK);
    assert_int_equal(message.tenant.cid, 42);
    assert_int_equal(cid_set("t1", 42, &message), VAULT_EXISTS);
    assert_non_null(strstr(message.text, "t0"));
    assert_int_equal(cid_set("t0", 42, &message), VAULT_OK);
    assert_int_equal(cid_set("t0", 0, &message), VAULT_OK);
    assert_int_equal(cid_set("t1", 42, &message), VAULT_OK);
    wire_broker_stop(wire);
    wire_broker_start(wire);
    assert_int_equal(cid_set("t0", 42, &message), VAULT_EXISTS); /* it was kept */
}

static void start(uint32_t deadline_ms)
{
    wire = wire_start(&(struct wire_options){.tenants = 2, .deadline_ms = deadline_ms});
    snprintf(between, sizeof between, "/tmp/cardmux-cut-%d.sock", (int)getpid());
    setenv("CARDMUX_SOCKET", between, 1);
    setenv("CARDMUX_REACH", "stream", 1);
}

static int set_up(void **state)
{
    (void)state;
    start(DEADLINE_MS);
    return 0;
}

static int set_up_silent(void **state)
{
    (void)state;
    start(SILENT_MS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wire_stop(wire);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stateless_calls_survive_every_cut),
        cmocka_unit_test(greetings_survive_every_cut),
        cmocka_unit_test(held_state_is_lost_once),
        cmocka_unit_test(broker_is_replaced),
        cmocka_unit_test(async_client_goes_on),
        cmocka_unit_test(wrong_peer_is_recognised),
        cmocka_unit_test(cid_is_one_tenants),
    };
    const struct CMUnitTest silent[] = {cmocka_unit_test(no_call_outlives_its_deadline)};
    return cmocka_run_group_tests_name("stream_cut", tests, set_up, tear_down) +
           cmocka_run_group_tests_name("silence", silent, set_up_silent, tear_down);
}
