/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon that is not there any more, behind memory and a connection that look well: the keeper's end of both lives,
 * the broker has ended (as where a machine's ivshmem device outlives its daemon), or is stopped.
 *
 *   another daemon at another way   the process goes on there: what needs nothing goes well, always; what a session
 * held is lost with SDR_COMMFAIL, once none, or another tenant's       calls end with SDR_COMMFAIL: the first at its
 * deadline, those after it soon it comes back                   calls go well again; where it was only stopped, with
 * all that sessions held
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cardmux/sdf.h"
#include "cardmux/sdf_ext.h"
#include "tests/wire/daemon.h"
#include "tests/wire/harness.h"

#define DEADLINE_MS 1500
#define LATE_S      (DEADLINE_MS / 1000 + 30) /* a call that takes longer hangs */
#define CALLERS     4
#define CALLS       30 /* with a deadline for each they would take longer than LATE_S */

static struct wire *first, *second; /* whose unix socket, and whose stream, the process may take */
static void *device;
static _Atomic bool ending;

static uint64_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

static void ways(const char *reach, const char *unix_socket, const char *stream_socket)
{
    setenv("CARDMUX_REACH", reach, 1);
    setenv("CARDMUX_SOCKET", unix_socket, 1);
    setenv("CARDMUX_STREAM", stream_socket, 1);
}

static const char *way_of(void *session)
{
    static struct cardmux_card_info info;
    info.size = sizeof info;
    return cardmux_card_info(session, &info) == SDR_OK ? info.reach : "none";
}

static int make_key(void *session, void **key)
{
    uint8_t wrapped[64];
    unsigned len = sizeof wrapped;
    return SDF_GenerateKeyWithKEK(session, 128, SGD_SM4_ECB, 1, wrapped, &len, key);
}

static int use_key(void *session, void *key)
{
    uint8_t data[64] = "sixty-four bytes of plain text", out[64], back[64];
    unsigned len = sizeof out;
    int status = SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, data, sizeof data, out, &len);
    if (status == SDR_OK)
        status = SDF_Decrypt(session, key, SGD_SM4_ECB, NULL, out, len, back, &len);
    return status == SDR_OK && memcmp(data, back, sizeof data) ? SDR_UNKNOWERR : status;
}

struct caller {
    pthread_t thread;
    void *session, *key;
    _Atomic unsigned rounds, losses, wrong;
};

static void *caller_run(void *arg)
{
    struct caller *caller = arg;
    while (!ending) {
        uint8_t bytes[32];
        uint64_t since = now_s();
        caller->wrong += SDF_GenerateRandom(caller->session, sizeof bytes, bytes) != SDR_OK;
        int status = caller->key ? use_key(caller->session, caller->key) : make_key(caller->session, &caller->key);
        if (status != SDR_OK) {
            caller->wrong += status != SDR_COMMFAIL;
            caller->losses++;
            caller->key = NULL;
        }
        caller->wrong += now_s() - since > LATE_S;
        caller->rounds++;
    }
    return NULL;
}

static void wait_rounds(struct caller *callers, unsigned count)
{
    for (unsigned i = 0; i < CALLERS; i++) {
        unsigned from = callers[i].rounds;
        while (callers[i].rounds - from <= count)
            usleep(1000);
    }
}

static void goes_on_where_somebody_answers(void **state)
{
    struct caller callers[CALLERS] = {0};
    void *looker;
    char socket[200];
    (void)state;
    snprintf(socket, sizeof socket, "%s", wire_socket(first, 0, "unix"));
    ways("unix,stream", socket, wire_socket(second, 0, "stream"));
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &looker), SDR_OK);
    assert_string_equal(way_of(looker), "unix");
    ending = false;
    for (unsigned i = 0; i < CALLERS; i++) {
        assert_int_equal(SDF_OpenSession(device, &callers[i].session), SDR_OK);
        assert_int_equal(pthread_create(&callers[i].thread, NULL, caller_run, &callers[i]), 0);
    }
    wait_rounds(callers, 20);
    wire_broker_stop(first);
    wait_rounds(callers, 20);
    assert_string_equal(way_of(looker), "stream");
    wire_broker_start(first);
    wait_rounds(callers, 20);
    ending = true;
    for (unsigned i = 0; i < CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].wrong, 0);
        assert_int_equal(callers[i].losses, 1);
    }
    assert_string_equal(way_of(looker), "stream"); /* until it has closed all */
    assert_int_equal(SDF_CloseDevice(device), SDR_OK);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &looker), SDR_OK);
    assert_string_equal(way_of(looker), "unix");
    assert_int_equal(SDF_CloseDevice(device), SDR_OK);
}

static void fails_soon(void *session)
{
    uint64_t since = now_s();
    for (unsigned i = 0; i < CALLS; i++) {
        uint8_t byte;
        void *more;
        assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_COMMFAIL);
        if (i % 4 == 0)
            assert_int_equal(SDF_OpenSession(device, &more), SDR_COMMFAIL);
    }
    assert_true(now_s() - since <= LATE_S);
}

/* Another tenant's door is no way, and while nobody answers a call does not wait for long. */
static void fails_where_nobody_answers(void **state)
{
    uint8_t byte;
    void *session, *key;
    char socket[200];
    (void)state;
    snprintf(socket, sizeof socket, "%s", wire_socket(first, 0, "unix"));
    ways("unix,stream", socket, wire_socket(second, 1, "stream"));
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
    assert_int_equal(make_key(session, &key), SDR_OK);
    wire_broker_stop(first);
    fails_soon(session);
    wire_broker_start(first);
    assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_OK);
    assert_string_equal(way_of(session), "unix");
    assert_int_equal(use_key(session, key), SDR_COMMFAIL);
    assert_int_equal(make_key(session, &key), SDR_OK);
    assert_int_equal(use_key(session, key), SDR_OK);
    assert_int_equal(SDF_CloseDevice(device), SDR_OK);
}

/* Nobody else is there, for the same daemon is at both doors. What was sent before it was known is done late. */
static void a_stopped_one_goes_on_where_it_was(void **state)
{
    struct daemon daemon = {0};
    void *session, *key;
    char extra[64], socket[200];
    uint8_t byte;
    (void)state;
    snprintf(extra, sizeof extra, "[broker]\ndeadline = %d\n", DEADLINE_MS);
    daemon_start(&daemon, &(struct daemon_options){.tenants = 1, .extra = extra});
    for (int alone = 0; alone < 2; alone++) {
        snprintf(socket, sizeof socket, "%s", daemon_socket(&daemon, 0, "unix"));
        ways(alone ? "unix" : "unix,stream", socket, daemon_socket(&daemon, 0, "stream"));
        assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
        assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
        assert_int_equal(make_key(session, &key), SDR_OK);
        pid_t broker = daemon_child(&daemon, "cardmux-broker");
        assert_true(broker > 0 && kill(broker, SIGSTOP) == 0);
        fails_soon(session);
        assert_int_equal(kill(broker, SIGCONT), 0);
        for (int tries = 0; SDF_GenerateRandom(session, 1, &byte) != SDR_OK; tries++)
            assert_true(tries < 100);
        assert_int_equal(use_key(session, key), SDR_OK);
        assert_string_equal(way_of(session), "unix");
        assert_int_equal(SDF_CloseDevice(device), SDR_OK);
    }
    assert_int_equal(daemon_stop(&daemon), 0);
}

struct sleeper {
    pthread_t thread;
    pid_t broker;
    unsigned ms;
};

static void *wake_later(void *arg)
{
    struct sleeper *sleeper = arg;
    usleep(sleeper->ms * 1000);
    kill(sleeper->broker, SIGCONT);
    return NULL;
}

static bool goes_well(void *session)
{
    uint8_t byte;
    for (int tries = 0; tries < 100; tries++)
        if (SDF_GenerateRandom(session, 1, &byte) == SDR_OK)
            return true;
    return false;
}

static bool keeps_key(void *session, void *key)
{
    for (int tries = 0; tries < 20; tries++)
        if (use_key(session, key) == SDR_OK)
            return true;
    return false;
}

/* The first call that finds nobody on a stream ends at its deadline, and the next one asks, and goes elsewhere. */
static void a_silent_stream_is_left(void **state)
{
    struct daemon daemon = {0};
    void *session, *key;
    char extra[64], socket[200];
    uint8_t byte;
    (void)state;
    snprintf(extra, sizeof extra, "[broker]\ndeadline = %d\n", DEADLINE_MS);
    daemon_start(&daemon, &(struct daemon_options){.tenants = 1, .extra = extra});
    snprintf(socket, sizeof socket, "%s", wire_socket(second, 0, "unix"));
    ways("stream,unix", socket, daemon_socket(&daemon, 0, "stream"));
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
    assert_string_equal(way_of(session), "stream");
    assert_int_equal(make_key(session, &key), SDR_OK);
    pid_t broker = daemon_child(&daemon, "cardmux-broker");
    assert_true(broker > 0 && kill(broker, SIGSTOP) == 0);
    assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_COMMFAIL);
    assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_OK);
    assert_string_equal(way_of(session), "unix");
    assert_int_equal(use_key(session, key), SDR_COMMFAIL);
    assert_int_equal(make_key(session, &key), SDR_OK);
    assert_int_equal(use_key(session, key), SDR_OK);
    assert_int_equal(SDF_CloseDevice(device), SDR_OK);
    assert_int_equal(kill(broker, SIGCONT), 0);
    assert_int_equal(daemon_stop(&daemon), 0);
}

/* The daemon of both doors goes on while another way is sought, or is found because it goes on: it is not left. */
static void one_that_wakes_is_not_left(void **state)
{
    struct daemon daemon = {0};
    void *session, *key;
    char extra[64], socket[200];
    (void)state;
    snprintf(extra, sizeof extra, "[broker]\ndeadline = %d\n", DEADLINE_MS);
    daemon_start(&daemon, &(struct daemon_options){.tenants = 1, .extra = extra});
    snprintf(socket, sizeof socket, "%s", daemon_socket(&daemon, 0, "unix"));
    ways("unix,stream", socket, daemon_socket(&daemon, 0, "stream"));
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
    assert_int_equal(make_key(session, &key), SDR_OK);
    pid_t broker = daemon_child(&daemon, "cardmux-broker");
    for (unsigned share = 50; share < 80; share += 5) { /* the search begins at half of the deadline */
        struct sleeper sleeper = {.broker = broker, .ms = DEADLINE_MS * share / 100};
        assert_true(broker > 0 && kill(broker, SIGSTOP) == 0);
        assert_int_equal(pthread_create(&sleeper.thread, NULL, wake_later, &sleeper), 0);
        assert_true(goes_well(session));
        pthread_join(sleeper.thread, NULL);
        assert_true(keeps_key(session, key));
        assert_string_equal(way_of(session), "unix");
    }
    assert_int_equal(SDF_CloseDevice(device), SDR_OK);
    assert_int_equal(daemon_stop(&daemon), 0);
}

static int set_up(void **state)
{
    (void)state;
    first = wire_start(&(struct wire_options){.tenants = 2, .deadline_ms = DEADLINE_MS});
    second = wire_start(&(struct wire_options){.tenants = 2, .deadline_ms = DEADLINE_MS});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wire_stop(first);
    wire_stop(second);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_where_somebody_answers),
        cmocka_unit_test(fails_where_nobody_answers),
        cmocka_unit_test(a_stopped_one_goes_on_where_it_was),
        cmocka_unit_test(one_that_wakes_is_not_left),
        cmocka_unit_test(a_silent_stream_is_left),
    };
    return cmocka_run_group_tests_name("mute", tests, set_up, tear_down);
}
