/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of sessions and keys, as somebody who makes them up meets them: those of another connection, tenant or
 * session, dead ones, ones that were guessed. Each is refused with the code of a number that never was. Doors and
 * broker are in this process; the attacker writes submissions by itself (raw.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cardmux/sdf.h"
#include "tests/wire/harness.h"
#include "tests/wire/raw.h"

#define CONNECTIONS 3 /* two of t0, one of t1 */

static struct wire *wire;
static struct raw raws[CONNECTIONS];
static uint32_t sessions[CONNECTIONS][2], keys[CONNECTIONS][2]; /* keys[c][s] was made in sessions[c][s] */
static uint32_t tag;

static uint32_t ask(unsigned connection, struct cm_sqe sqe, uint32_t *value)
{
    struct cm_cqe cqe = {0};
    sqe.tag = ++tag;
    uint32_t status = raw_call(&raws[connection], sqe, &cqe);
    if (value)
        *value = cqe.value;
    return status;
}

static uint32_t open_session(unsigned connection)
{
    uint32_t id = 0;
    assert_int_equal(ask(connection, (struct cm_sqe){.op = CM_OP_SESSION_OPEN}, &id), SDR_OK);
    assert_int_not_equal(id, 0);
    return id;
}

static uint32_t close_session(unsigned connection, uint32_t session)
{
    return ask(connection, (struct cm_sqe){.op = CM_OP_SESSION_CLOSE, .session = session}, NULL);
}

static uint32_t make_key(unsigned connection, uint32_t session)
{
    uint32_t id = 0;
    assert_int_equal(
        ask(connection,
            (struct cm_sqe){.op = CM_OP_KEY_GENERATE_KEK, .session = session, .key = 1, .alg = SGD_SM4_ECB, .arg = 128},
            &id),
        SDR_OK);
    assert_int_not_equal(id, 0);
    return id;
}

static uint32_t use(unsigned connection, uint32_t session, uint32_t key)
{
    return ask(connection,
               (struct cm_sqe){.op = CM_OP_ENCRYPT, .session = session, .key = key, .alg = SGD_SM4_ECB, .data_len = 16},
               NULL);
}

static uint32_t destroy(unsigned connection, uint32_t session, uint32_t key)
{
    return ask(connection, (struct cm_sqe){.op = CM_OP_KEY_DESTROY, .session = session, .key = key}, NULL);
}

static void test_foreign(void **state)
{
    (void)state;
    for (unsigned c = 0; c < CONNECTIONS; c++)
        for (unsigned s = 0; s < 2; s++)
            for (unsigned d = 0; d < CONNECTIONS; d++)
                for (unsigned t = 0; t < 2; t++) {
                    bool own_session = c == d;
                    assert_int_equal(use(c, sessions[d][s], keys[d][t]), !own_session ? SDR_INARGERR
                                                                         : s == t     ? SDR_OK
                                                                                      : SDR_KEYNOTEXIST);
                    /* with a session of one's own and a key of somebody else's */
                    if (c != d || s != t) {
                        assert_int_equal(use(c, sessions[c][s], keys[d][t]), SDR_KEYNOTEXIST);
                        assert_int_equal(destroy(c, sessions[c][s], keys[d][t]), SDR_KEYNOTEXIST);
                    }
                    if (!own_session)
                        assert_int_equal(close_session(c, sessions[d][s]), SDR_INARGERR);
                }
}

/* Numbers of what is gone, and of the many that came and went. */
static void test_dead(void **state)
{
    (void)state;
    uint32_t dead_key[200], dead_session[200];
    for (unsigned i = 0; i < 200; i++) {
        dead_key[i] = make_key(0, sessions[0][0]);
        assert_int_equal(destroy(0, sessions[0][0], dead_key[i]), SDR_OK);
        dead_session[i] = open_session(0);
        assert_int_equal(close_session(0, dead_session[i]), SDR_OK);
        for (unsigned j = 0; j < i; j++) {
            assert_int_not_equal(dead_key[i], dead_key[j]);
            assert_int_not_equal(dead_session[i], dead_session[j]);
        }
    }
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(use(0, sessions[0][0], dead_key[i]), SDR_KEYNOTEXIST);
        assert_int_equal(destroy(0, sessions[0][0], dead_key[i]), SDR_KEYNOTEXIST);
        assert_int_equal(use(0, dead_session[i], keys[0][0]), SDR_INARGERR);
        assert_int_equal(close_session(0, dead_session[i]), SDR_INARGERR);
    }
    uint32_t session = open_session(0), key = make_key(0, session); /* a key dies with its session */
    assert_int_equal(close_session(0, session), SDR_OK);
    assert_int_equal(use(0, sessions[0][0], key), SDR_KEYNOTEXIST);
}

/* Neighbours of live numbers, and any number at all. */
static void test_guessed(void **state)
{
    struct dice dice = {.state = 12345};
    (void)state;
    for (int step = -40; step <= 40; step++)
        if (step) {
            assert_int_equal(use(0, sessions[0][0], keys[0][0] + (uint32_t)step), SDR_KEYNOTEXIST);
            assert_int_equal(use(0, sessions[0][0] + (uint32_t)step, keys[0][0]), SDR_INARGERR);
        }
    for (unsigned bit = 0; bit < 32; bit++) {
        assert_int_equal(use(0, sessions[0][0], keys[0][0] ^ 1u << bit), SDR_KEYNOTEXIST);
        assert_int_equal(use(0, sessions[0][0] ^ 1u << bit, keys[0][0]), SDR_INARGERR);
        assert_int_equal(use(0, sessions[0][0], 1u << bit), SDR_KEYNOTEXIST);
    }
    unsigned hits = 0;
    for (unsigned i = 0; i < 5000; i++)
        hits += use(0, dice_roll(&dice), dice_roll(&dice)) != SDR_INARGERR;
    assert_in_range(hits, 0, 1); /* two live ones among 2^32 */
    assert_int_equal(use(0, sessions[0][0], 0), SDR_KEYNOTEXIST);
    assert_int_equal(use(0, 0, keys[0][0]), SDR_INARGERR);
    assert_int_equal(use(0, sessions[0][0], keys[0][0]), SDR_OK);
}

static int start(void **state)
{
    (void)state;
    wire = wire_start(&(struct wire_options){.tenants = 2});
    for (unsigned c = 0; c < CONNECTIONS; c++) {
        uint32_t status;
        if (!raw_connect(&raws[c], wire_socket(wire, c == 2, "unix"), &status) || !raw_attach(&raws[c], 10000))
            return -1;
        for (unsigned s = 0; s < 2; s++) {
            sessions[c][s] = open_session(c);
            keys[c][s] = make_key(c, sessions[c][s]);
        }
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (unsigned c = 0; c < CONNECTIONS; c++)
        raw_close(&raws[c]);
    wire_stop(wire);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_dead),
        cmocka_unit_test(test_guessed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
