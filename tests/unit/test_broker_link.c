/* SPDX-License-Identifier: Apache-2.0 */
/* test_broker_link.c: the hand-over socket when the broker is slow, and when it sends what it should not. */
#include "door_env.h"

#include <sys/resource.h>
#include "backend/main/broker_link.h"

#define BUDGET 3000

struct link_env {
    struct door_env doors;
    struct broker_link link;
    int broker; /* the broker's end */
    unsigned ready, ended;
};

static void on_ready(struct broker_link *link, const struct handover *message)
{
    struct link_env *env = link->owner;
    assert_string_equal(message->text, message->status ? "bad?text" : "");
    env->ready++;
}

static void on_end(struct broker_link *link)
{
    struct link_env *env = link->owner;
    doors_broker_ended(link->doors);
    env->ended++;
}

static bool on_rekey(struct broker_link *link, const struct handover *message, struct handover *answer)
{
    (void)link;
    answer->status = (int32_t)message->status;
    return true;
}

static void link_begin(struct link_env *env)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    env->broker = pair[1];
    assert_int_equal(broker_link_open(&env->link, pair[0]), 0);
}

static void link_env_open(struct link_env *env)
{
    struct rlimit limit;
    memset(env, 0, sizeof(*env));
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    env_open(&env->doors, BUDGET);
    env->link.doors = env->doors.doors;
    env->link.epoll_fd = env->doors.epoll_fd;
    env->link.on_ready = on_ready;
    env->link.on_end = on_end;
    env->link.owner = env;
    link_begin(env);
}

static void link_env_close(struct link_env *env)
{
    broker_link_close(&env->link);
    close(env->broker);
    env_close(&env->doors);
}

/* As the keeper's loop. EPOLLOUT of a link that is not blocked is not armed, so this ends. */
static void turn(struct link_env *env)
{
    do {
        broker_link_flush(&env->link);
    } while (env_pump(&env->doors));
}

static void send_door(struct link_env *env, uint32_t tenant, const char *name, uint32_t limit)
{
    struct handover message = {.type = HANDOVER_DOOR,
                               .tenant = tenant,
                               .owner_uid = getuid(),
                               .owner_gid = getgid(),
                               .max_connections = limit};
    snprintf(message.name, sizeof(message.name), "%.32s", name);
    while (send(env->broker, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        assert_int_equal(errno, EAGAIN);
        turn(env);
    }
}

/* The broker takes one message; false: none there. Its descriptors are counted and closed. */
static bool broker_take(struct link_env *env, struct handover *message, unsigned *fd_count)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(HANDOVER_FDS * sizeof(int))];
    } control;
    struct iovec part = {message, sizeof(*message)};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
    ssize_t len = recvmsg(env->broker, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    *fd_count = 0;
    if (len < 0) {
        return false;
    }
    assert_int_equal(len, sizeof(*message));
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    if (rights) {
        *fd_count = (unsigned)((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (unsigned i = 0; i < *fd_count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(rights) + i * sizeof(int), sizeof(fd));
            close(fd);
        }
    }
    return true;
}

/* A broker that names all its tenants before it reads: every one is answered, nobody waits for ever. */
static void test_many_doors_before_reading(void **state)
{
    (void)state;
    struct link_env env;
    struct handover message;
    unsigned answers = 0, fds;
    link_env_open(&env);
    for (uint32_t i = 1; i <= 2000; i++) {
        send_door(&env, i, "NOT-A-NAME", 1);
    }
    for (int idle = 0; idle < 2;) {
        turn(&env);
        for (idle++; broker_take(&env, &message, &fds); idle = 0) {
            answers++;
            assert_true(message.type == HANDOVER_DOOR_RESULT && message.tenant == answers && message.status == EINVAL);
            assert_true(strlen(message.text) > 5);
        }
    }
    assert_int_equal(answers, 2000);
    link_env_close(&env);
}

/* A broker that does not read while tenants come and go: when it reads again, nothing was lost and nothing doubled. */
static void test_slow_broker(void **state)
{
    enum {
        TENANTS = 400
    };
    (void)state;
    struct link_env env;
    struct handover message;
    static int connections[TENANTS];
    static uint8_t seen[3 * TENANTS];
    unsigned fds, regions = 0, gone = 0;
    link_env_open(&env);
    send_door(&env, 1, "t1", TENANTS);
    turn(&env);
    assert_true(broker_take(&env, &message, &fds) && message.type == HANDOVER_DOOR_RESULT && message.status == 0);
    for (unsigned i = 0; i < TENANTS; i++) {
        connections[i] = tenant_connect(&env.doors, "t1", "unix.sock");
        turn(&env);
    }
    assert_true(env.link.blocked); /* more than the socket holds */
    for (unsigned i = 0; i < TENANTS; i += 2) {
        close(connections[i]);
        turn(&env);
    }
    memset(seen, 0, sizeof(seen));
    for (int idle = 0; idle < 2;) {
        turn(&env);
        for (idle++; broker_take(&env, &message, &fds); idle = 0) {
            assert_true(message.region < sizeof(seen));
            if (message.type == HANDOVER_REGION) {
                assert_true(fds == 3 && seen[message.region] == 0);
                seen[message.region] = 1;
                regions++;
            } else {
                assert_true(message.type == HANDOVER_REGION_GONE && fds == 0 && seen[message.region] == 1);
                seen[message.region] = 2;
                gone++;
            }
        }
    }
    assert_false(env.link.blocked);
    assert_int_equal(regions - gone, TENANTS / 2); /* those that came and went unheard are not mentioned */
    assert_true(gone > 0 && gone < TENANTS / 2);
    for (unsigned i = 1; i < TENANTS; i += 2) {
        close(connections[i]);
    }
    link_env_close(&env);
}

/* Each answer names the round of its question. */
static void test_rounds(void **state)
{
    (void)state;
    struct link_env env;
    unsigned fds;
    link_env_open(&env);
    env.link.on_rekey = on_rekey;
    for (uint64_t round = 1; round <= 3; round++) {
        struct handover message = {.type = HANDOVER_REKEY, .region = round};
        assert_int_equal(send(env.broker, &message, sizeof(message), MSG_NOSIGNAL), sizeof(message));
        message.type = HANDOVER_REKEYED;
        message.status = 1;
        assert_int_equal(send(env.broker, &message, sizeof(message), MSG_NOSIGNAL), sizeof(message));
    }
    turn(&env);
    for (uint64_t round = 1; round <= 3; round++) {
        struct handover answer;
        assert_true(broker_take(&env, &answer, &fds) && answer.type == HANDOVER_MASTER && answer.region == round);
        assert_true(broker_take(&env, &answer, &fds) && answer.type == HANDOVER_REKEY_END && answer.region == round);
    }
    link_env_close(&env);
}

static bool on_rekey_later(struct broker_link *link, const struct handover *message, struct handover *answer)
{
    (void)link, (void)message, (void)answer;
    return false;
}

/* An answer that took longer comes when it is given, and is wiped; without a broker it goes nowhere. */
static void test_rekeyed_later(void **state)
{
    (void)state;
    struct link_env env;
    struct handover message = {.type = HANDOVER_REKEY, .region = 7}, answer = {0}, got;
    static const struct handover none;
    unsigned fds;
    link_env_open(&env);
    env.link.on_rekey = on_rekey_later;
    assert_int_equal(send(env.broker, &message, sizeof(message), MSG_NOSIGNAL), sizeof(message));
    turn(&env);
    assert_false(broker_take(&env, &got, &fds));
    answer = (struct handover){.type = HANDOVER_MASTER, .region = 7, .text = "key"};
    broker_link_rekeyed(&env.link, &answer);
    assert_memory_equal(&answer, &none, sizeof(none));
    assert_true(broker_take(&env, &got, &fds) && got.region == 7 && strcmp(got.text, "key") == 0);
    assert_int_equal(env.link.rejected, 0);
    broker_link_close(&env.link);
    answer = (struct handover){.type = HANDOVER_MASTER, .region = 7, .text = "key"};
    broker_link_rekeyed(&env.link, &answer);
    assert_memory_equal(&answer, &none, sizeof(none));
    link_env_close(&env);
}

static void test_wrong_packets(void **state)
{
    (void)state;
    struct link_env env;
    struct handover message = {.type = HANDOVER_READY};
    uint8_t junk[sizeof(message) + 8];
    unsigned fds;
    link_env_open(&env);
    memset(junk, 0xff, sizeof(junk));
    for (size_t len = 0; len <= sizeof(junk); len++) {
        send(env.broker, junk, len, MSG_NOSIGNAL);
        turn(&env);
    }
    assert_int_equal(env.link.rejected, sizeof(junk) + 1);
    assert_int_equal(env.ready, 0);
    assert_int_equal(env.ended, 0); /* an empty packet is not an end */
    send(env.broker, &message, sizeof(message), MSG_NOSIGNAL);
    message.status = 1;
    memset(message.text, 'x', sizeof(message.text)); /* without an end; printed text has one and no controls */
    memcpy(message.text, "bad\ntext", 9);
    send(env.broker, &message, sizeof(message), MSG_NOSIGNAL);
    turn(&env);
    assert_int_equal(env.ready, 2);
    assert_false(broker_take(&env, &message, &fds));
    link_env_close(&env);
}

/* Descriptors that a broker sends are nobody's. */
static void test_descriptors_of_the_broker(void **state)
{
    (void)state;
    struct link_env env;
    struct handover message = {.type = HANDOVER_DROPPED};
    link_env_open(&env);
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(4 * sizeof(int))];
    } control = {0};
    int fds[4] = {0, 0, 0, 0};
    struct iovec part = {&message, sizeof(message)};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(fds));
    memcpy(CMSG_DATA(rights), fds, sizeof(fds));
    unsigned before = fds_open();
    for (int i = 0; i < 100; i++) {
        assert_int_equal(sendmsg(env.broker, &header, MSG_NOSIGNAL), sizeof(message));
        turn(&env);
    }
    assert_int_equal(fds_open(), before);
    assert_int_equal(env.link.rejected, 100);
    link_env_close(&env);
}

/* What was said before the end is heard, then the end. */
static void test_end(void **state)
{
    (void)state;
    struct link_env env;
    struct handover message = {.type = HANDOVER_READY};
    link_env_open(&env);
    send(env.broker, &message, sizeof(message), MSG_NOSIGNAL);
    close(env.broker);
    turn(&env);
    assert_int_equal(env.ready, 1);
    assert_int_equal(env.ended, 1);
    assert_int_equal(env.link.watch.fd, -1);
    link_begin(&env);
    turn(&env);
    assert_int_equal(env.ended, 1);
    link_env_close(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_doors_before_reading),
        cmocka_unit_test(test_slow_broker),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_rekeyed_later),
        cmocka_unit_test(test_wrong_packets),
        cmocka_unit_test(test_descriptors_of_the_broker),
        cmocka_unit_test(test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
