/* SPDX-License-Identifier: Apache-2.0 */
/* test_door_unix.c: unix doors against a tenant's process, also a bad one. */
#include "door_env.h"

#include <fcntl.h>
#include <sys/mman.h>
#include "cardmux/sdf.h"

#define BUDGET 4000

/* Connects, pumps, takes the hello. */
static int tenant_enter(struct door_env *env, struct cm_hello *hello, int *fds)
{
    int fd = tenant_connect(env, "t1", "unix.sock");
    assert_true(fd >= 0);
    env_pump(env);
    unsigned count = receive(fd, hello, sizeof(*hello), fds, 3);
    assert_int_equal(count, hello->status ? 0 : 3);
    return fd;
}

static int tenant_enter_only(struct door_env *env)
{
    struct cm_hello hello;
    int fds[3];
    int fd = tenant_enter(env, &hello, fds);
    assert_int_equal(hello.status, 0);
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
    return fd;
}

/* The broker takes the next message. */
static bool told(struct door_env *env, struct handover *message)
{
    int fds[HANDOVER_FDS];
    unsigned count;
    if (!doors_next(env->doors, message, fds, &count)) {
        return false;
    }
    doors_next_sent(env->doors);
    return true;
}

static void test_files(void **state)
{
    (void)state;
    struct door_env env;
    struct stat is;
    char path[128];
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 1, "t1", 4), 0);
    snprintf(path, sizeof(path), "%s/tenant/t1", env.dir);
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 07777, 0751);
    assert_int_equal(is.st_uid, geteuid());
    snprintf(path, sizeof(path), "%s/tenant/t1/unix.sock", env.dir);
    assert_int_equal(stat(path, &is), 0);
    assert_true(S_ISSOCK(is.st_mode) && (is.st_mode & 07777) == 0660);
    if (geteuid() == 0) { /* a new owner takes effect on the sockets, not on the directory */
        char text[191];
        struct handover message = {.tenant = 1, .owner_uid = 12345, .owner_gid = 12346, .name = "t1"};
        assert_int_equal(doors_open(env.doors, &message, text), 0);
        assert_int_equal(stat(path, &is), 0);
        assert_true(is.st_uid == 12345 && is.st_gid == 12346);
        snprintf(path, sizeof(path), "%s/tenant/t1", env.dir);
        assert_int_equal(stat(path, &is), 0);
        assert_true(is.st_uid == 0 && is.st_gid == 12346);
    }
    assert_true(doors_close(env.doors, 1));
    assert_false(doors_close(env.doors, 1));
    assert_int_equal(stat(path, &is), -1);
    env_close(&env);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ".", "..", "../x", "a/b", "-a", ".a", "_a", "A", "a b", "a\n"};
    struct door_env env;
    env_open(&env, BUDGET);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(door_open_as(&env, 1, bad[i], 4), EINVAL);
    }
    assert_int_equal(door_open_as(&env, 0, "zero", 4), EINVAL);
    struct handover message = {.tenant = 9};
    char text[191];
    memset(message.name, 'a', sizeof(message.name)); /* without an end */
    assert_int_equal(doors_open(env.doors, &message, text), EINVAL);
    assert_int_equal(door_open_as(&env, 1, "a-_.0", 4), 0);
    assert_int_equal(door_open_as(&env, 2, "a-_.0", 4), EEXIST);
    /* a broker later: the tenant was removed, its name given again */
    doors_broker_ended(env.doors);
    assert_int_equal(door_open_as(&env, 2, "a-_.0", 4), 0);
    assert_false(doors_close(env.doors, 1));
    assert_true(doors_close(env.doors, 2));
    env_close(&env);
}

static void test_hello(void **state)
{
    (void)state;
    struct door_env env;
    struct cm_hello hello;
    struct handover message;
    int fds[3], broker_fds[HANDOVER_FDS];
    unsigned count;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 5, "t1", 4), 0);
    int fd = tenant_enter(&env, &hello, fds);
    assert_true(hello.magic == CM_MAGIC && hello.version == CM_LAYOUT_VERSION && hello.status == 0);
    assert_true(hello.region_size == CM_REGION_UNIX && hello.qp_count == 1);
    struct stat is;
    assert_int_equal(fstat(fds[0], &is), 0);
    assert_int_equal(is.st_size, CM_REGION_UNIX);
    assert_int_equal(fcntl(fds[0], F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    assert_int_equal(ftruncate(fds[0], 4096), -1);
    uint8_t *map = mmap(NULL, CM_REGION_UNIX, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
    assert_true(map != MAP_FAILED);
    for (size_t i = 0; i < CM_REGION_UNIX; i++) {
        assert_int_equal(map[i], 0);
    }
    munmap(map, CM_REGION_UNIX);

    assert_true(doors_next(env.doors, &message, broker_fds, &count));
    assert_int_equal(count, 3);
    assert_true(message.type == HANDOVER_REGION && message.tenant == 5 && message.region != 0);
    assert_true(message.transport == TRANSPORT_UNIX && message.qp_count == 1 && message.peer_pid == (uint32_t)getpid());
    assert_int_equal(message.region_size, CM_REGION_UNIX);
    assert_same_file(broker_fds[0], fds[0]);
    assert_same_eventfd(fds[1], broker_fds[1]); /* the front end rings the broker */
    assert_same_eventfd(broker_fds[2], fds[2]); /* the broker rings the front end */
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
    close(fd);
    env_close(&env);
}

static void test_hang_up(void **state)
{
    (void)state;
    struct door_env env;
    struct handover message;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 1, "t1", 4), 0);
    close(tenant_enter_only(&env)); /* gone before the broker heard of it: never mentioned */
    env_pump(&env);
    assert_false(told(&env, &message));
    int fd = tenant_enter_only(&env);
    assert_true(told(&env, &message) && message.type == HANDOVER_REGION);
    uint64_t id = message.region;
    assert_false(doors_dropped(env.doors, id)); /* it lives */
    unsigned before = doors_fds(env.doors);
    shutdown(fd, SHUT_WR); /* giving up the claim is enough */
    env_pump(&env);
    assert_int_equal(doors_fds(env.doors), before - 4);
    assert_false(doors_dropped(env.doors, id)); /* not told yet */
    assert_true(told(&env, &message) && message.type == HANDOVER_REGION_GONE && message.region == id);
    assert_false(told(&env, &message));
    assert_true(doors_dropped(env.doors, id));
    assert_false(doors_dropped(env.doors, id));
    close(fd);
    env_close(&env);
}

static void test_limit(void **state)
{
    (void)state;
    struct door_env env;
    struct cm_hello hello;
    int fds[3];
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 1, "t1", 2), 0);
    int one = tenant_enter_only(&env), two = tenant_enter_only(&env);
    int three = tenant_enter(&env, &hello, fds);
    assert_int_equal(hello.status, SDR_OPENDEVICE);
    assert_int_equal(hello.status, 0x01000005);
    assert_true(strlen(hello.text) > 20);
    char byte;
    assert_int_equal(recv(three, &byte, 1, MSG_DONTWAIT), 0);
    close(three);
    close(two); /* its end and the next connection come in one go */
    two = tenant_enter_only(&env);
    assert_int_equal(door_open_as(&env, 1, "t1", 3), 0); /* a new limit for a door that is open */
    three = tenant_enter_only(&env);
    close(one), close(two), close(three);
    env_close(&env);
}

static void test_draining_limit(void **state)
{
    (void)state;
    struct door_env env;
    struct cm_hello hello = {0};
    struct handover message;
    int fds[3];
    unsigned entered = 0;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 1, "t1", 2), 0);
    while (entered < 100) { /* a broker that never drops: the tenant cannot pile up regions in it */
        int fd = tenant_enter(&env, &hello, fds);
        close(fd);
        if (hello.status) {
            break;
        }
        close(fds[0]), close(fds[1]), close(fds[2]);
        entered++;
        assert_true(told(&env, &message));
        env_pump(&env);
        assert_true(told(&env, &message));
    }
    assert_int_equal(entered, 2 + DOOR_DRAINING_SLACK);
    assert_true(doors_dropped(env.doors, message.region));
    close(tenant_enter_only(&env));
    env_close(&env);
}

static void test_budget(void **state)
{
    (void)state;
    struct door_env env;
    struct cm_hello hello;
    int fds[3], conns[40];
    unsigned n = 0;
    env_open(&env, (DOOR_FDS + 6 * 4 + 3) * 4 / 3); /* three quarters for unix: the door's own, and six connections */
    assert_int_equal(door_open_as(&env, 1, "t1", 1000), 0);
    for (;;) {
        conns[n] = tenant_enter(&env, &hello, fds);
        if (hello.status) {
            break;
        }
        close(fds[0]), close(fds[1]), close(fds[2]);
        assert_true(++n < 40);
    }
    assert_int_equal(n, 6);
    assert_int_equal(hello.status, SDR_OPENDEVICE);
    for (unsigned i = 0; i <= n; i++) {
        close(conns[i]);
    }
    env_pump(&env);
    assert_int_equal(doors_fds(env.doors), DOOR_FDS);
    env_close(&env);
}

/* A tenant that talks, and sends descriptors, is not read, costs no events and leaves nothing. */
static void test_talker(void **state)
{
    (void)state;
    struct door_env env;
    char junk[512] = {1};
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 1, "t1", 4), 0);
    unsigned before = fds_open();
    int fd = tenant_enter_only(&env);
    unsigned inside = fds_open();
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(16 * sizeof(int))];
    } control = {0};
    struct iovec part = {junk, sizeof(junk)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(16 * sizeof(int));
    for (unsigned i = 0; i < 16; i++) {
        int zero = 0;
        memcpy(CMSG_DATA(header) + i * sizeof(int), &zero, sizeof(int));
    }
    unsigned sent = 0;
    while (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
        assert_true(++sent < 100000);
    }
    assert_true(sent > 0);
    assert_int_equal(env_pump(&env), 0);
    assert_int_equal(fds_open(), inside);
    close(fd);
    env_pump(&env);
    assert_int_equal(fds_open(), before);
    env_close(&env);
}

static void test_thousand(void **state)
{
    (void)state;
    struct door_env env;
    struct handover message;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 1, "t1", 8), 0);
    unsigned before = fds_open();
    for (int i = 0; i < 1000; i++) {
        int fd = tenant_enter_only(&env);
        if (i % 2) {
            assert_true(told(&env, &message));
        }
        close(fd);
        env_pump(&env);
        if (i % 2) {
            assert_true(told(&env, &message) && message.type == HANDOVER_REGION_GONE);
            assert_true(doors_dropped(env.doors, message.region));
        }
    }
    assert_int_equal(fds_open(), before);
    assert_int_equal(doors_fds(env.doors), DOOR_FDS);
    env_close(&env);
}

static void test_broker_restart(void **state)
{
    (void)state;
    struct door_env env;
    struct handover message;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 1, "t1", 8), 0);
    int stays = tenant_enter_only(&env), goes = tenant_enter_only(&env);
    assert_true(told(&env, &message));
    uint64_t first = message.region;
    assert_true(told(&env, &message));
    close(goes);
    env_pump(&env);
    assert_true(told(&env, &message) && message.type == HANDOVER_REGION_GONE);
    doors_broker_ended(env.doors);
    assert_false(told(&env, &message));  /* nobody to tell */
    int comes = tenant_enter_only(&env); /* while no broker runs */
    assert_false(told(&env, &message));  /* the new broker has not named the tenant */
    assert_int_equal(door_open_as(&env, 1, "t1", 8), 0);
    assert_true(told(&env, &message) && message.type == HANDOVER_REGION && message.region == first);
    assert_true(told(&env, &message) && message.type == HANDOVER_REGION && message.region > first);
    assert_false(told(&env, &message));
    assert_int_equal(door_open_as(&env, 1, "t1", 8), 0); /* named twice: told once */
    assert_false(told(&env, &message));
    close(stays), close(comes);
    env_close(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),          cmocka_unit_test(test_names),  cmocka_unit_test(test_hello),
        cmocka_unit_test(test_hang_up),        cmocka_unit_test(test_limit),  cmocka_unit_test(test_draining_limit),
        cmocka_unit_test(test_budget),         cmocka_unit_test(test_talker), cmocka_unit_test(test_thousand),
        cmocka_unit_test(test_broker_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
