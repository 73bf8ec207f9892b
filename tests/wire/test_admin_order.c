/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts of operators that meet: the broker's thread is this test, so that two acts are finished before either's end is
 * seen, and the ends come last in, first out. And what is read of them in one turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/broker/keycache.h"
#include "tests/wire/bare.h"

#define INDEX    30u /* where the tenants of populate.h have nothing */
#define REQUESTS 12u /* more than a turn reads */

static struct broker broker;
static struct daemon_config config = {
    .card = "soft", .wait = WAIT_SLEEP, .deadline_ms = 1000, .workers = 1, .code_attempts = 10};
static struct bare bare;
static int operator_fd;

static void begin(uint32_t type, enum vault_key_kind kind, const char *code)
{
    struct admin_message message = {
        .type = type, .id = type, .key = {.kind = kind, .index = INDEX, .bits = kind == VAULT_KEY_KEK ? 128 : 256}};
    snprintf(message.tenant.name, sizeof message.tenant.name, "t0");
    message.code_len = (uint32_t)strlen(code);
    memcpy(message.code, code, strlen(code));
    assert_int_equal(send(operator_fd, &message, sizeof message, 0), sizeof message);
    assert_true(admin_read(&broker));
}

/* Until the worker has done so many; none of their ends is seen here. */
static void finished(unsigned wanted)
{
    for (unsigned n = 0; n != wanted; usleep(100)) {
        n = 0;
        for (struct task *task = atomic_load(&broker.pool.finished); task; task = task->next)
            n++;
    }
}

/* The result of the act; its row, where it had one. */
static enum vault_result ended(uint32_t type, struct admin_message *row)
{
    struct admin_message got;
    for (;;) {
        assert_int_equal(recv(operator_fd, &got, sizeof got, MSG_DONTWAIT), sizeof got);
        assert_int_equal(got.id, type);
        if (got.type == ADMIN_DONE)
            return (enum vault_result)got.result;
        *row = got;
    }
}

static bool cached(enum vault_key_kind kind)
{
    struct tenant *tenant = broker.tenants[0];
    return kind == VAULT_KEY_KEK ? keycache_kek(&broker, tenant, INDEX) != NULL
                                 : keycache_pair(&broker, tenant, kind, INDEX) != NULL;
}

static void destroy(enum vault_key_kind kind)
{
    struct admin_message row;
    begin(ADMIN_KEY_DESTROY, kind, "");
    finished(1);
    assert_int_equal(pool_collect(&broker), 1);
    assert_int_equal(ended(ADMIN_KEY_DESTROY, &row), VAULT_OK);
    assert_false(cached(kind));
}

/* A key is made, and before that is seen the other act is done on it. */
static void overtaken(enum vault_key_kind kind, uint32_t other, const char *code)
{
    static const uint8_t none[64];
    struct admin_message row = {0};
    begin(ADMIN_KEY_GENERATE, kind, "");
    finished(1);
    begin(other, kind, code);
    finished(2);
    assert_int_equal(pool_collect(&broker), 2);
    assert_int_equal(ended(other, &row), VAULT_OK);
    assert_int_equal(ended(ADMIN_KEY_GENERATE, &row), VAULT_OK);
    assert_int_equal(memcmp(row.sign_public, none, 64) == 0, kind == VAULT_KEY_KEK);
    assert_false(cached(kind));
}

static void destroyed_key_does_not_serve(void **state)
{
    (void)state;
    overtaken(VAULT_KEY_KEK, ADMIN_KEY_DESTROY, "");
    overtaken(VAULT_KEY_SM2, ADMIN_KEY_DESTROY, "");
}

static void old_code_does_not_serve(void **state)
{
    (void)state;
    overtaken(VAULT_KEY_KEK, ADMIN_KEY_CODE, "12345678");
    destroy(VAULT_KEY_KEK);
    overtaken(VAULT_KEY_SM2, ADMIN_KEY_CODE, "12345678");
    destroy(VAULT_KEY_SM2);
}

/* In the order in which they were asked for: what is in the card leaves it, its uses are still known. */
static void code_empties_the_cache(void **state)
{
    struct admin_message row;
    uint64_t sign, encrypt;
    (void)state;
    begin(ADMIN_KEY_GENERATE, VAULT_KEY_SM2, "");
    finished(1);
    assert_int_equal(pool_collect(&broker), 1);
    assert_int_equal(ended(ADMIN_KEY_GENERATE, &row), VAULT_OK);
    assert_true(cached(VAULT_KEY_SM2));
    keycache_pair(&broker, broker.tenants[0], VAULT_KEY_SM2, INDEX)->sign->uses = 3;
    begin(ADMIN_KEY_CODE, VAULT_KEY_SM2, "12345678");
    finished(1);
    assert_int_equal(pool_collect(&broker), 1);
    assert_int_equal(ended(ADMIN_KEY_CODE, &row), VAULT_OK);
    assert_false(cached(VAULT_KEY_SM2));
    keycache_uses(&broker, broker.tenants[0], VAULT_KEY_SM2, INDEX, &sign, &encrypt);
    assert_int_equal(sign, 3);
    destroy(VAULT_KEY_SM2);
}

static unsigned statuses(void)
{
    struct admin_message got;
    unsigned n = 0;
    while (recv(operator_fd, &got, sizeof got, MSG_DONTWAIT) == sizeof got)
        n += got.type == ADMIN_DONE;
    return n;
}

static void turn_reads_a_few(void **state)
{
    struct admin_message message = {.type = ADMIN_STATUS};
    (void)state;
    for (unsigned i = 0; i < REQUESTS; i++)
        assert_int_equal(send(operator_fd, &message, sizeof message, MSG_DONTWAIT), sizeof message);
    assert_true(admin_read(&broker));
    unsigned answered = statuses();
    assert_in_range(answered, 1, REQUESTS - 1);
    for (unsigned turns = 0; answered < REQUESTS && turns < REQUESTS; turns++) {
        assert_true(admin_read(&broker));
        answered += statuses();
    }
    assert_int_equal(answered, REQUESTS);
}

int main(void)
{
    int pair[2];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(destroyed_key_does_not_serve),
        cmocka_unit_test(old_code_does_not_serve),
        cmocka_unit_test(code_empties_the_cache),
        cmocka_unit_test(turn_reads_a_few),
    };
    bare_start(&bare, &broker, &config, 1);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return 2;
    operator_fd = pair[0];
    broker.admin_fd = pair[1];
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    broker.admin_fd = -1;
    close(pair[0]);
    close(pair[1]);
    bare_end(&bare, &broker);
    return failed;
}
