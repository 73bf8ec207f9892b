/* SPDX-License-Identifier: Apache-2.0 */
/* test_door_ivshmem.c: the handshake as QEMU reads it, and what happens around it. */
#include "door_env.h"

#include <fcntl.h>
#include <sys/mman.h>

#define BUDGET     4000
#define REGION_FDS (2 + 2 * CM_QP_MAX)

struct guest {
    int connection;
    int memory;
    int host[CM_QP_MAX]; /* what the guest rings */
    int own[CM_QP_MAX];  /* what raises its interrupts */
};

static int64_t number(int fd, int *got)
{
    int64_t value = 0;
    *got = -1;
    receive(fd, &value, sizeof(value), got, 1);
    return value;
}

/* Reads a complete handshake in the order that QEMU needs: the memory before the guest's own eventfds. */
static void handshake_read(struct guest *guest)
{
    int fd, got;
    char byte;
    fd = guest->connection;
    assert_int_equal(number(fd, &got), 0);
    assert_int_equal(got, -1);
    assert_int_equal(number(fd, &got), CM_IVSHMEM_GUEST);
    assert_int_equal(got, -1);
    assert_int_equal(number(fd, &guest->memory), -1);
    assert_true(guest->memory >= 0);
    for (unsigned i = 0; i < CM_QP_MAX; i++) {
        assert_int_equal(number(fd, &guest->host[i]), CM_IVSHMEM_HOST);
        assert_true(guest->host[i] >= 0);
    }
    for (unsigned i = 0; i < CM_QP_MAX; i++) {
        assert_int_equal(number(fd, &guest->own[i]), CM_IVSHMEM_GUEST);
        assert_true(guest->own[i] >= 0);
    }
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1); /* nothing more, and still open */
    assert_int_equal(errno, EAGAIN);
    struct stat is;
    assert_int_equal(fstat(guest->memory, &is), 0);
    assert_int_equal(is.st_size, CM_REGION_IVSHMEM);
    assert_int_equal(fcntl(guest->memory, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

static void guest_enter(struct door_env *env, struct guest *guest)
{
    guest->connection = tenant_connect(env, "t1", "ivshmem.sock");
    assert_true(guest->connection >= 0);
    env_pump(env);
    handshake_read(guest);
}

static void guest_leave(struct guest *guest)
{
    close(guest->connection);
    close(guest->memory);
    for (unsigned i = 0; i < CM_QP_MAX; i++) {
        close(guest->host[i]);
        close(guest->own[i]);
    }
}

static void memory_write(int fd, uint64_t place, uint64_t value)
{
    assert_int_equal(pwrite(fd, &value, sizeof(value), (off_t)place), sizeof(value));
}

static uint64_t memory_read(int fd, uint64_t place)
{
    uint64_t value = 1;
    assert_int_equal(pread(fd, &value, sizeof(value), (off_t)place), sizeof(value));
    return value;
}

static void test_handshake(void **state)
{
    (void)state;
    struct door_env env;
    struct guest guest;
    struct handover message;
    int fds[HANDOVER_FDS];
    unsigned count;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 7, "t1", 4), 0);
    guest_enter(&env, &guest);
    assert_true(doors_next(env.doors, &message, fds, &count));
    assert_true(message.type == HANDOVER_REGION && message.transport == TRANSPORT_IVSHMEM && message.tenant == 7);
    assert_true(message.qp_count == CM_QP_MAX && message.region_size == CM_REGION_IVSHMEM);
    assert_int_equal(count, 1 + 2 * CM_QP_MAX);
    assert_same_file(fds[0], guest.memory);
    for (unsigned i = 0; i < CM_QP_MAX; i++) {
        assert_same_eventfd(guest.host[i], fds[1 + i]);
        assert_same_eventfd(fds[1 + CM_QP_MAX + i], guest.own[i]);
    }
    guest_leave(&guest);
    env_close(&env);
}

/* A door whose broker is away: the handshake is complete all the same, and the next broker hears of the VM. */
static void test_without_broker(void **state)
{
    (void)state;
    struct door_env env;
    struct guest guest;
    struct handover message;
    int fds[HANDOVER_FDS];
    unsigned count;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 7, "t1", 4), 0);
    doors_broker_ended(env.doors);
    guest_enter(&env, &guest);
    assert_false(doors_next(env.doors, &message, fds, &count));
    assert_int_equal(door_open_as(&env, 7, "t1", 4), 0);
    assert_true(doors_next(env.doors, &message, fds, &count));
    assert_int_equal(message.type, HANDOVER_REGION);
    guest_leave(&guest);
    env_close(&env);
}

/* A second QEMU gets a whole handshake and memory of its own, which is served, with what it holds by then, when the
   first one has ended; a third one is its heir in turn. */
static void test_second(void **state)
{
    (void)state;
    struct door_env env;
    struct guest first, second, third;
    struct handover message;
    int fds[HANDOVER_FDS];
    unsigned count;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 7, "t1", 4), 0);
    guest_enter(&env, &first);
    assert_true(doors_next(env.doors, &message, fds, &count));
    doors_next_sent(env.doors);
    uint64_t id = message.region;
    memory_write(first.memory, CM_QP_OFFSET(3), 0x5ec4e7);
    guest_enter(&env, &second);
    assert_false(doors_next(env.doors, &message, fds, &count));
    assert_int_equal(memory_read(second.memory, CM_QP_OFFSET(3)), 0);
    assert_int_equal(memory_read(second.memory, 0), 0); /* magic: nobody serves it */
    assert_int_equal(doors_fds(env.doors), DOOR_FDS + 2 * REGION_FDS);
    memory_write(second.memory, CM_QP_OFFSET(5), 0xa11e); /* as a migration does */

    /* the first ends and one more connects before the keeper has seen either */
    guest_leave(&first);
    guest_enter(&env, &third);
    assert_true(doors_next(env.doors, &message, fds, &count));
    assert_true(message.type == HANDOVER_REGION_GONE && message.region == id);
    doors_next_sent(env.doors);
    assert_true(doors_next(env.doors, &message, fds, &count));
    assert_true(message.type == HANDOVER_REGION && message.region > id);
    doors_next_sent(env.doors);
    assert_same_file(fds[0], second.memory);
    for (unsigned i = 0; i < CM_QP_MAX; i++) {
        assert_same_eventfd(second.host[i], fds[1 + i]);
        assert_same_eventfd(fds[1 + CM_QP_MAX + i], second.own[i]);
    }
    assert_int_equal(memory_read(second.memory, CM_QP_OFFSET(5)), 0xa11e);
    assert_false(doors_next(env.doors, &message, fds, &count));
    id = message.region;
    guest_leave(&second);
    env_pump(&env);
    doors_retry(env.doors);
    assert_true(doors_next(env.doors, &message, fds, &count));
    assert_true(message.type == HANDOVER_REGION_GONE && message.region == id);
    doors_next_sent(env.doors);
    assert_true(doors_next(env.doors, &message, fds, &count));
    assert_true(message.type == HANDOVER_REGION && message.region > id);
    assert_same_file(fds[0], third.memory);
    assert_int_equal(memory_read(third.memory, CM_QP_OFFSET(3)), 0);
    guest_leave(&third);
    env_pump(&env);
    assert_int_equal(doors_fds(env.doors), DOOR_FDS);
    env_close(&env);
}

/* An heir that ends before its time, and one that ends with the one before it. */
static void test_heir_ends(void **state)
{
    (void)state;
    struct door_env env;
    struct guest first, second;
    struct handover message;
    int fds[HANDOVER_FDS];
    unsigned count;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 7, "t1", 4), 0);
    unsigned before = fds_open();
    for (int i = 0; i < 20; i++) {
        guest_enter(&env, &first);
        assert_true(doors_next(env.doors, &message, fds, &count));
        doors_next_sent(env.doors);
        guest_enter(&env, &second);
        if (i & 1)
            guest_leave(&first);
        guest_leave(&second);
        if (!(i & 1)) {
            env_pump(&env);
            assert_int_equal(doors_fds(env.doors), DOOR_FDS + REGION_FDS);
            guest_leave(&first);
        }
        env_pump(&env);
        doors_retry(env.doors);
        env_pump(&env);
        while (doors_next(env.doors, &message, fds, &count)) {
            doors_next_sent(env.doors);
            if (message.type == HANDOVER_REGION_GONE)
                assert_true(doors_dropped(env.doors, message.region));
        }
    }
    assert_int_equal(fds_open(), before);
    assert_int_equal(doors_fds(env.doors), DOOR_FDS);
    env_close(&env);
}

/* No descriptors left: the connection waits, open, and gets all of it when there are some. */
static void test_waits(void **state)
{
    (void)state;
    struct door_env env;
    struct guest guest, other;
    char byte;
    env_open(&env, 2 * DOOR_FDS + REGION_FDS + 1);
    assert_int_equal(door_open_as(&env, 1, "t1", 4), 0);
    assert_int_equal(door_open_as(&env, 2, "t2", 4), 0);
    guest_enter(&env, &other);
    guest.connection = tenant_connect(&env, "t2", "ivshmem.sock");
    assert_true(guest.connection >= 0);
    env_pump(&env);
    assert_int_equal(recv(guest.connection, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    guest_leave(&other);
    env_pump(&env);
    for (int wait; (wait = doors_retry(env.doors)) >= 0;) {
        usleep((useconds_t)wait * 1000);
        env_pump(&env);
    }
    handshake_read(&guest);
    guest_leave(&guest);
    env_close(&env);
}

static void test_thousand(void **state)
{
    (void)state;
    struct door_env env;
    struct guest guest;
    struct handover message;
    int fds[HANDOVER_FDS];
    unsigned count;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 7, "t1", 4), 0);
    unsigned before = fds_open();
    for (int i = 0; i < 300; i++) {
        guest_enter(&env, &guest);
        assert_true(doors_next(env.doors, &message, fds, &count));
        doors_next_sent(env.doors);
        guest_leave(&guest);
        env_pump(&env);
        assert_true(doors_next(env.doors, &message, fds, &count));
        doors_next_sent(env.doors);
        assert_true(doors_dropped(env.doors, message.region));
    }
    for (int i = 0; i < 300; i++) { /* gone before the handshake was read */
        close(tenant_connect(&env, "t1", "ivshmem.sock"));
        env_pump(&env);
    }
    assert_int_equal(fds_open(), before);
    assert_int_equal(doors_fds(env.doors), DOOR_FDS);
    env_close(&env);
}

/* More QEMUs at one door than are taken at once: the next waits in the backlog and is taken when one leaves. */
static void test_crowd(void **state)
{
    (void)state;
    struct door_env env;
    struct guest first, guest;
    int parked[DOOR_PARKED_MAX];
    char byte;
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 7, "t1", 4), 0);
    guest_enter(&env, &first);
    for (unsigned i = 0; i < DOOR_PARKED_MAX; i++) {
        guest_enter(&env, &guest);
        parked[i] = dup(guest.connection);
        guest_leave(&guest);
    }
    guest.connection = tenant_connect(&env, "t1", "ivshmem.sock");
    env_pump(&env);
    assert_int_equal(recv(guest.connection, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    close(parked[0]);
    env_pump(&env);
    doors_retry(env.doors);
    env_pump(&env);
    handshake_read(&guest);
    guest_leave(&guest);
    guest_leave(&first);
    for (unsigned i = 1; i < DOOR_PARKED_MAX; i++) {
        close(parked[i]);
    }
    env_close(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake), cmocka_unit_test(test_without_broker), cmocka_unit_test(test_second),
        cmocka_unit_test(test_waits),     cmocka_unit_test(test_thousand),       cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_heir_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
