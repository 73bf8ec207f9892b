/* SPDX-License-Identifier: Apache-2.0 */
/* test_door_stream.c: doors of streams: the socket, whose CID it is, refusals, and what a broker's end does to them. */
#include "door_env.h"

#include "backend/transport/doors_internal.h"
#include "cardmux/sdf.h"
#include "proto/stream.h"

#define BUDGET 4000
#define SOCKET "stream.sock_21316"

static bool told(struct door_env *env, struct handover *message, int *fds, unsigned *count)
{
    if (!doors_next(env->doors, message, fds, count)) {
        return false;
    }
    doors_next_sent(env->doors);
    return true;
}

/* The broker gets the connected socket itself, and nothing before it is told is read by the keeper. */
static void test_handed_over(void **state)
{
    (void)state;
    struct door_env env;
    struct handover message;
    int fds[HANDOVER_FDS];
    unsigned count;
    char bytes[8] = "";
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 5, "t1", 4), 0);
    unsigned before = doors_fds(env.doors);
    int fd = tenant_connect(&env, "t1", SOCKET);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, "early", 5, 0), 5);
    env_pump(&env);
    assert_int_equal(doors_fds(env.doors), before + 1);
    assert_true(told(&env, &message, fds, &count));
    assert_int_equal(message.type, HANDOVER_REGION);
    assert_int_equal(message.transport, TRANSPORT_STREAM);
    assert_int_equal(message.tenant, 5);
    assert_int_equal(count, 1);
    assert_int_equal(recv(fds[0], bytes, sizeof(bytes), MSG_DONTWAIT), 5);
    uint64_t region = message.region;
    close(fd);
    env_pump(&env);
    assert_true(told(&env, &message, fds, &count));
    assert_true(message.type == HANDOVER_REGION_GONE && message.region == region && count == 0);
    assert_true(doors_dropped(env.doors, region));
    assert_int_equal(doors_fds(env.doors), before);
    env_close(&env);
}

/* A stream that a broker has had ends with it; one that waited goes to the next. */
static void test_broker_ends(void **state)
{
    (void)state;
    struct door_env env;
    struct handover message;
    int fds[HANDOVER_FDS];
    unsigned count;
    char byte;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 5, "t1", 4), 0);
    int had = tenant_connect(&env, "t1", SOCKET);
    env_pump(&env);
    assert_true(told(&env, &message, fds, &count));
    int waited = tenant_connect(&env, "t1", SOCKET);
    env_pump(&env);
    doors_broker_ended(env.doors);
    assert_int_equal(recv(had, &byte, 1, MSG_DONTWAIT), 0);
    assert_int_equal(recv(waited, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    int between = tenant_connect(&env, "t1", SOCKET);
    env_pump(&env);
    assert_false(told(&env, &message, fds, &count));
    assert_int_equal(door_open_as(&env, 5, "t1", 4), 0);
    assert_true(told(&env, &message, fds, &count) && message.type == HANDOVER_REGION);
    assert_true(told(&env, &message, fds, &count) && message.type == HANDOVER_REGION);
    assert_false(told(&env, &message, fds, &count));
    close(had), close(waited), close(between);
    env_close(&env);
}

static void refused_with(int fd, const char *part)
{
    struct cm_stream_hello hello;
    char byte;
    assert_int_equal(recv(fd, &hello, sizeof(hello), MSG_DONTWAIT), (ssize_t)sizeof(hello));
    assert_true(hello.magic == CM_STREAM_MAGIC && hello.status == SDR_OPENDEVICE);
    assert_non_null(strstr(hello.text, part));
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
    close(fd);
}

/* Streams and shared memory have one limit together. */
static void test_limit(void **state)
{
    (void)state;
    struct door_env env;
    int fds[4];
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 1, "t1", 3), 0);
    for (int i = 0; i < 3; i++) {
        fds[i] = tenant_connect(&env, "t1", i == 1 ? "unix.sock" : SOCKET);
        env_pump(&env);
    }
    fds[3] = tenant_connect(&env, "t1", SOCKET);
    env_pump(&env);
    refused_with(fds[3], "max_connections");
    close(fds[0]); /* its event has not come */
    fds[3] = tenant_connect(&env, "t1", SOCKET);
    env_pump(&env);
    char byte;
    assert_int_equal(recv(fds[3], &byte, 1, MSG_DONTWAIT), -1);
    close(fds[1]), close(fds[2]), close(fds[3]);
    env_close(&env);
}

static int door_open_cid(struct door_env *env, uint32_t tenant, const char *name, uint32_t cid)
{
    struct handover message = {.type = HANDOVER_DOOR,
                               .tenant = tenant,
                               .owner_uid = getuid(),
                               .owner_gid = getgid(),
                               .max_connections = 4,
                               .cid = cid};
    char text[191];
    snprintf(message.name, sizeof(message.name), "%s", name);
    return doors_open(env->doors, &message, text);
}

/* What vsock_connection does with an accepted socket and the CID that the kernel gave; a socket pair stands for it. */
static int arrive(struct door_env *env, uint32_t cid)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    vsock_connection(env->doors, pair[0], cid);
    return pair[1];
}

static void test_cids(void **state)
{
    (void)state;
    struct door_env env;
    struct handover message;
    int fds[HANDOVER_FDS];
    unsigned count;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_cid(&env, 1, "one", 0), 0);
    assert_int_equal(door_open_cid(&env, 2, "two", 42), 0);
    int fd = arrive(&env, 42);
    assert_true(told(&env, &message, fds, &count));
    assert_int_equal(message.tenant, 2);
    refused_with(arrive(&env, 43), "CID 43");
    refused_with(arrive(&env, 0), "CID 0");
    assert_int_equal(door_open_cid(&env, 1, "one", 43), 0); /* set while running */
    assert_int_equal(door_open_cid(&env, 2, "two", 42), 0); /* no change */
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(door_open_cid(&env, 2, "two", 0), 0); /* who came as it is it no more */
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
    close(fd);
    fd = arrive(&env, 43);
    env_pump(&env);
    do {
        assert_true(told(&env, &message, fds, &count));
    } while (message.type != HANDOVER_REGION);
    assert_int_equal(message.tenant, 1);
    close(fd);
    refused_with(arrive(&env, 42), "CID 42");
    assert_int_equal(door_open_cid(&env, 2, "two", 43), 0);
    refused_with(arrive(&env, 43), "two tenants");
    env_close(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handed_over),
        cmocka_unit_test(test_broker_ends),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_cids),
    };
    return cmocka_run_group_tests_name("door_stream", tests, NULL, NULL);
}
