/* SPDX-License-Identifier: Apache-2.0 */
/* test_rekey.c: the broker asks for a master key, and the keeper (this test) answers late, or for another round. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/broker/act.h"
#include "tests/wire/bare.h"

struct stage {
    struct broker broker;
    struct daemon_config config;
    struct bare bare;
    struct act act;
};

static void stage_start(struct stage *stage)
{
    memset(stage, 0, sizeof *stage);
    stage->config = (struct daemon_config){
        .card = "soft", .wait = WAIT_SLEEP, .deadline_ms = 1000, .workers = 1, .code_attempts = 10};
    bare_start(&stage->bare, &stage->broker, &stage->config, 1);
    fcntl(stage->bare.keeper, F_SETFL, 0); /* a worker is waited for there */
}

static void stage_end(struct stage *stage)
{
    bare_end(&stage->bare, &stage->broker);
}

static void *work(void *arg)
{
    struct stage *stage = arg;
    work_rekey(&stage->broker, &stage->act.task);
    return NULL;
}

static uint64_t asked(struct stage *stage, enum handover_type type, int status)
{
    struct handover message;
    do
        assert_int_equal(recv(stage->bare.keeper, &message, sizeof message, 0), sizeof message);
    while (message.type != HANDOVER_REKEY && message.type != HANDOVER_REKEYED);
    assert_int_equal(message.type, type);
    assert_int_equal(message.status, status);
    return message.region;
}

static void say(struct stage *stage, enum handover_type type, uint64_t round, uint8_t fill)
{
    struct handover message = {.type = type, .region = round};
    memset(message.text, fill, VAULT_MASTER_KEY);
    rekey_heard(&stage->broker, &message);
}

static void only_its_round_counts(void **state)
{
    (void)state;
    static struct stage stage;
    static const uint8_t right[VAULT_MASTER_KEY] = {[0 ... VAULT_MASTER_KEY - 1] = 7};
    pthread_t thread;
    uint64_t before = 0;
    stage_start(&stage);
    for (unsigned i = 0; i < 2; i++) {
        stage.act = (struct act){0};
        assert_int_equal(pthread_create(&thread, NULL, work, &stage), 0);
        uint64_t round = asked(&stage, HANDOVER_REKEY, 0);
        assert_true(round > before);
        say(&stage, HANDOVER_MASTER, before, 9);
        say(&stage, HANDOVER_MASTER, round + 1, 9);
        say(&stage, HANDOVER_MASTER, round, 7);
        assert_int_equal(asked(&stage, HANDOVER_REKEYED, 0), round);
        say(&stage, HANDOVER_REKEY_END, before, 0);
        pthread_mutex_lock(&stage.broker.rekey.lock);
        assert_int_equal(stage.broker.rekey.state, REKEY_TOLD);
        pthread_mutex_unlock(&stage.broker.rekey.lock);
        say(&stage, HANDOVER_REKEY_END, round, 0);
        pthread_join(thread, NULL);
        assert_int_equal(stage.act.result, VAULT_OK);
        before = round;
    }
    struct vault_config config = {.state_dir = stage.bare.dir, .master = right};
    struct vault *vault;
    broker_end_audit(&stage.broker);
    vault_close(stage.broker.vault);
    stage.broker.vault = NULL;
    assert_int_equal(vault_open(&config, &vault, NULL), VAULT_OK);
    vault_close(vault);
    stage_end(&stage);
}

/* Where nobody can know whether the vault took the key, the keeper is told nothing, and so keeps both. */
static void nothing_is_said_where_nothing_is_known(void **state)
{
    (void)state;
    static struct stage stage;
    struct rlimit was, now;
    struct handover message;
    pthread_t thread;
    stage_start(&stage);
    assert_int_equal(pthread_create(&thread, NULL, work, &stage), 0);
    uint64_t round = asked(&stage, HANDOVER_REKEY, 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    now = was;
    now.rlim_cur = 4096; /* a full disk */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    say(&stage, HANDOVER_MASTER, round, 7);
    pthread_join(thread, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(stage.act.result, VAULT_IO);
    assert_non_null(strstr(stage.act.error, "restart cardmuxd"));
    while (recv(stage.bare.keeper, &message, sizeof message, MSG_DONTWAIT) > 0)
        assert_int_not_equal(message.type, HANDOVER_REKEYED);
    assert_int_equal(stage.broker.rekey.state, REKEY_IDLE);
    stage_end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_its_round_counts),
                                       cmocka_unit_test(nothing_is_said_where_nothing_is_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
