/* SPDX-License-Identifier: Apache-2.0 */
/* The asynchronous client against the real broker over unix and ivshmem, with every way to wait, inline and threaded
 * cards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cardmux/client.h"
#include "cardmux/sdf.h"
#include "frontend/reach/reach.h"
#include "proto/layout.h"
#include "tests/wire/harness.h"

static struct cardmux_client *open_client(struct wire *wire, unsigned tenant, const char *reach, enum cardmux_wait wait)
{
    struct cardmux_client *client = NULL;
    char text[256] = "";
    bool peer = strcmp(reach, "unix") != 0;
    struct cardmux_options options = {.size = sizeof options,
                                      .reach = reach,
                                      .where = wire_socket(wire, tenant, peer ? "ivshmem" : "unix"),
                                      .wait = wait};
    uint32_t status = cardmux_open(&options, &client, text, sizeof text);
    if (status != SDR_OK)
        fail_msg("open %s: 0x%08x %s", reach, status, text);
    assert_string_equal(cardmux_reach(client), reach);
    return client;
}

/* `total` requests with `depth` in flight, each with content of its own; every answer is compared. */
static void echo_many(struct cardmux_client *client, unsigned depth, unsigned total)
{
    static const uint32_t sizes[] = {0, 1, 64, 4096, 4097, 16384};
    struct cardmux_completion done[64];
    unsigned sent = 0, got = 0;
    while (got < total) {
        while (sent < total && sent - got < depth) {
            int slot = cardmux_slot_take(client);
            assert_true(slot >= 0);
            struct cardmux_request request = {
                .op = CARDMUX_ECHO, .slot = (uint16_t)slot, .data_len = sizes[sent % 6], .user = sent};
            memset(cardmux_slot_data(client, slot), (int)(sent * 7 + 1), request.data_len);
            assert_int_equal(cardmux_submit(client, &request, 1), 1);
            sent++;
        }
        size_t n = cardmux_poll(client, done, 64, depth / 2 + 1, 60000);
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++, got++) {
            unsigned user = (unsigned)done[i].user;
            assert_int_equal(done[i].status, SDR_OK);
            assert_int_equal(done[i].data_len, sizes[user % 6]);
            const uint8_t *data = cardmux_slot_data(client, done[i].slot);
            for (uint32_t k = 0; k < done[i].data_len; k++)
                assert_int_equal(data[k], (uint8_t)(user * 7 + 1));
            cardmux_slot_free(client, done[i].slot);
        }
    }
}

static void test_echo(void **state)
{
    (void)state;
    for (int wait = 0; wait < 3; wait++) {
        struct wire_options options = {.card = "null", .wait = (enum wait_mode)wait};
        struct wire *wire = wire_start(&options);
        for (int reach = 0; reach < 2; reach++) {
            struct cardmux_client *client =
                open_client(wire, 0, reach ? "ivshmem-peer" : "unix", (enum cardmux_wait)wait);
            echo_many(client, 1, 500);
            echo_many(client, 16, 2000);
            echo_many(client, 64, 2000);
            cardmux_close(client);
        }
        wire_stop(wire);
    }
}

/* A second connection reads nothing of what the first wrote, and the counters tell both from other tenants. */
static void test_tenants_apart(void **state)
{
    (void)state;
    struct wire *wire = wire_start(&(struct wire_options){.card = "null", .tenants = 3});
    struct cardmux_client *a = open_client(wire, 0, "unix", CARDMUX_WAIT_ADAPTIVE);
    struct cardmux_client *b = open_client(wire, 1, "unix", CARDMUX_WAIT_ADAPTIVE);
    echo_many(a, 4, 100);
    for (int slot = 0; slot < 64; slot++)
        for (unsigned k = 0; k < CARDMUX_DATA_MAX; k += 64)
            assert_int_equal(cardmux_slot_data(b, slot)[k], 0);
    assert_true(wire_counters(wire, 0).operations >= 100);
    assert_true(wire_counters(wire, 1).operations < 10);
    assert_int_equal(wire_counters(wire, 2).regions, 0);
    cardmux_close(a);
    cardmux_close(b);
    wire_stop(wire);
}

/* The broker goes with requests in flight: each is answered once, by a result or SDR_COMMFAIL, and the client works on.
 */
static void test_broker_restart(void **state)
{
    (void)state;
    struct wire *wire = wire_start(&(struct wire_options){.card = "null"});
    struct cardmux_client *client = open_client(wire, 0, "unix", CARDMUX_WAIT_ADAPTIVE);
    for (int round = 0; round < 5; round++) {
        echo_many(client, 8, 64);
        struct cardmux_request requests[8] = {{0}};
        wire_broker_stop(wire);
        for (unsigned i = 0; i < 8; i++) {
            int slot = cardmux_slot_take(client);
            assert_true(slot >= 0);
            requests[i] =
                (struct cardmux_request){.op = CARDMUX_ECHO, .slot = (uint16_t)slot, .data_len = 64, .user = 100 + i};
        }
        assert_int_equal(cardmux_submit(client, requests, 8), 8);
        wire_broker_start(wire);
        unsigned seen = 0, answered = 0;
        while (answered < 8) {
            struct cardmux_completion done[8];
            size_t n = cardmux_poll(client, done, 8, 1, 60000);
            assert_true(n > 0);
            for (size_t i = 0; i < n; i++, answered++) {
                unsigned bit = 1u << (done[i].user - 100);
                assert_false(seen & bit);
                seen |= bit;
                assert_true(done[i].status == SDR_OK || done[i].status == SDR_COMMFAIL);
                cardmux_slot_free(client, done[i].slot);
            }
        }
        echo_many(client, 16, 200);
    }
    cardmux_close(client);
    wire_stop(wire);
}

/* What a client left in its slots is gone when the next owner of the queue pair comes (ivshmem: the same region). */
static void test_late_close_frees(void **state)
{
    (void)state;
    struct wire *wire = wire_start(&(struct wire_options){.card = "null"});
    for (int i = 0; i < 50; i++) {
        struct cardmux_client *client = open_client(wire, 0, "unix", CARDMUX_WAIT_ADAPTIVE);
        echo_many(client, 4, 16);
        cardmux_close(client);
    }
    for (int tries = 0; tries < 6000 && wire_counters(wire, 0).regions; tries++)
        usleep(10000);
    assert_int_equal(wire_counters(wire, 0).regions, 0);
    assert_int_equal(wire_counters(wire, 0).sessions, 0);
    wire_stop(wire);
}

/* What client.h says that a forked child gets; the parent goes on. */
static void test_child_gets_nothing(void **state)
{
    (void)state;
    struct wire *wire = wire_start(&(struct wire_options){.card = "null"});
    struct cardmux_client *client = open_client(wire, 0, "unix", CARDMUX_WAIT_ADAPTIVE);
    int slot = cardmux_slot_take(client), status = 0;
    assert_true(slot >= 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct cardmux_request request = {.op = CARDMUX_ECHO, .slot = (uint16_t)slot};
        struct cardmux_completion done;
        cardmux_slot_free(client, slot);
        bool right = cardmux_slot_take(client) == -1 && !cardmux_slot_data(client, slot) &&
                     !cardmux_slot_param(client, slot) && cardmux_submit(client, &request, 1) == 0 &&
                     cardmux_poll(client, &done, 1, 1, -1) == 0 &&
                     cardmux_right_get(client, 1, NULL, 0) == SDR_INARGERR;
        cardmux_close(client);
        _exit(right ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_non_null(cardmux_slot_data(client, slot));
    cardmux_slot_free(client, slot);
    echo_many(client, 64, 200);
    cardmux_close(client);
    wire_stop(wire);
}

/* A guest that overwrote the broker's words (and then rebooted with the same memory) is told again. */
static void test_words_are_mended(void **state)
{
    (void)state;
    struct wire *wire = wire_start(&(struct wire_options){.card = "null"});
    struct reach *reach = NULL;
    char text[REACH_TEXT] = "";
    assert_int_equal(reach_unix.open(wire_socket(wire, 0, "unix"), REACH_OPEN_MS, &reach, text), SDR_OK);
    size_t generation = offsetof(struct cm_control, generation), sleeps = offsetof(struct cm_control, broker_sleeps);
    uint64_t right = 0;
    for (int tries = 0; tries < 6000 && !(right = shm_load64(reach->header, offsetof(struct cm_header, generation)));
         tries++)
        usleep(10000);
    assert_true(right != 0);
    shm_store64(reach->qp, generation, ~right);
    shm_store32(reach->qp, sleeps, 77);
    for (int tries = 0;
         tries < 6000 && (shm_load64(reach->qp, generation) != right || shm_load32(reach->qp, sleeps) == 77); tries++)
        usleep(10000);
    assert_true(shm_load64(reach->qp, generation) == right);
    assert_int_not_equal(shm_load32(reach->qp, sleeps), 77);
    reach->driver->close(reach);
    wire_stop(wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_tenants_apart),
        cmocka_unit_test(test_broker_restart),
        cmocka_unit_test(test_late_close_frees),
        cmocka_unit_test(test_child_gets_nothing),
        cmocka_unit_test(test_words_are_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
