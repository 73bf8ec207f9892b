/* SPDX-License-Identifier: Apache-2.0 */
/* test_door_vhost.c: QEMU's vhost-user connection at the keeper's door, and what the broker deposits there. */
#include "door_env.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#define BUDGET 200

static int next_region(struct door_env *env, struct handover *message, int *fds, unsigned *count)
{
    if (!doors_next(env->doors, message, fds, count)) {
        return -1;
    }
    doors_next_sent(env->doors);
    return (int)message->type;
}

static bool keep(struct door_env *env, uint64_t region, uint32_t slot, int fd)
{
    bool kept = doors_keep(env->doors, region, slot, &fd);
    if (fd >= 0) {
        close(fd);
    }
    return kept;
}

/* The broker gets the connection and a sealed note; nothing of what QEMU says is read meanwhile. */
static void test_connection(void **state)
{
    (void)state;
    struct door_env env;
    struct handover message;
    struct stat is;
    int fds[HANDOVER_FDS];
    unsigned count;
    char bytes[8];
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 7, "t1", 4), 0);
    int qemu = tenant_connect(&env, "t1", "vsock.sock");
    assert_true(qemu >= 0);
    assert_int_equal(send(qemu, "features", 8, 0), 8);
    env_pump(&env);
    assert_int_equal(next_region(&env, &message, fds, &count), HANDOVER_REGION);
    assert_true(message.transport == TRANSPORT_VHOST && message.tenant == 7 && count == 2 && message.kept == 0);
    assert_int_equal(fstat(fds[1], &is), 0);
    assert_int_equal(is.st_size, HANDOVER_NOTE_SIZE);
    assert_int_equal(fcntl(fds[1], F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    assert_int_equal(recv(fds[0], bytes, sizeof(bytes), MSG_DONTWAIT), 8);
    assert_memory_equal(bytes, "features", 8);
    /* a second QEMU waits for answers with its main lock held: it is hung up on */
    int second = tenant_connect(&env, "t1", "vsock.sock");
    env_pump(&env);
    assert_int_equal(recv(second, bytes, 1, 0), 0);
    close(second);
    assert_int_equal(doors_fds(env.doors), DOOR_FDS + 2);
    /* the first ends, and another comes before the keeper has seen either */
    close(qemu);
    qemu = tenant_connect(&env, "t1", "vsock.sock");
    env_pump(&env);
    uint64_t first = message.region;
    assert_int_equal(next_region(&env, &message, fds, &count), HANDOVER_REGION_GONE);
    assert_int_equal(message.region, first);
    assert_int_equal(next_region(&env, &message, fds, &count), HANDOVER_REGION);
    assert_true(message.region > first);
    assert_true(doors_dropped(env.doors, first));
    close(qemu);
    env_close(&env);
}

/* What was deposited comes to the next broker by slot; what was replaced or taken back is closed. */
static void test_kept(void **state)
{
    (void)state;
    struct door_env env;
    struct handover message;
    int fds[HANDOVER_FDS], first = memfd_create("a", 0), second = memfd_create("b", 0), third = memfd_create("c", 0);
    unsigned count, before = fds_open();
    env_open(&env, BUDGET);
    assert_int_equal(door_open_as(&env, 7, "t1", 4), 0);
    int qemu = tenant_connect(&env, "t1", "vsock.sock");
    env_pump(&env);
    assert_int_equal(next_region(&env, &message, fds, &count), HANDOVER_REGION);
    uint64_t id = message.region, value = 0x1234;
    assert_int_equal(pwrite(fds[1], &value, sizeof(value), 100), sizeof(value));
    assert_true(keep(&env, id, 39, dup(third)) && keep(&env, id, 3, dup(first)) && keep(&env, id, 5, dup(first)));
    assert_true(keep(&env, id, 3, dup(second)) && keep(&env, id, 5, -1) && keep(&env, id, 6, -1));
    assert_false(keep(&env, id, HANDOVER_KEEP_SLOTS, dup(first)));
    assert_false(keep(&env, id, UINT32_MAX, dup(first)));
    assert_false(keep(&env, id + 1, 0, dup(first)));
    assert_false(keep(&env, 0, 0, -1));
    assert_int_equal(doors_fds(env.doors), DOOR_FDS + 4);
    doors_broker_ended(env.doors);
    assert_int_equal(door_open_as(&env, 7, "t1", 4), 0);
    assert_int_equal(next_region(&env, &message, fds, &count), HANDOVER_REGION);
    assert_true(message.region == id && message.kept == (1ull << 3 | 1ull << 39) && count == 4);
    assert_same_file(fds[2], second);
    assert_same_file(fds[3], third);
    value = 0;
    assert_int_equal(pread(fds[1], &value, sizeof(value), 100), sizeof(value));
    assert_int_equal(value, 0x1234);
    close(qemu);
    env_pump(&env);
    assert_int_equal(doors_fds(env.doors), DOOR_FDS);
    assert_false(keep(&env, id, 0, dup(first))); /* gone */
    env_close(&env);
    assert_int_equal(fds_open(), before);
    close(first);
    close(second);
    close(third);
}

/* A door that is closed takes its device along; one without room for all that may be deposited takes none. */
static void test_ends(void **state)
{
    (void)state;
    struct door_env env;
    struct handover message;
    int fds[HANDOVER_FDS];
    unsigned count;
    char byte;
    env_open(&env, DOOR_FDS + 2 + HANDOVER_KEEP_SLOTS);
    assert_int_equal(door_open_as(&env, 7, "t1", 4), 0);
    int qemu = tenant_connect(&env, "t1", "vsock.sock");
    env_pump(&env);
    assert_int_equal(next_region(&env, &message, fds, &count), HANDOVER_REGION);
    assert_true(keep(&env, message.region, 0, eventfd(0, 0)));
    assert_true(doors_close(env.doors, 7));
    assert_int_equal(recv(qemu, &byte, 1, 0), 0);
    close(qemu);
    assert_int_equal(doors_fds(env.doors), 0);
    env_close(&env);
    env_open(&env, DOOR_FDS + 1 + HANDOVER_KEEP_SLOTS);
    assert_int_equal(door_open_as(&env, 7, "t1", 4), 0);
    qemu = tenant_connect(&env, "t1", "vsock.sock");
    env_pump(&env);
    assert_int_equal(recv(qemu, &byte, 1, 0), 0);
    close(qemu);
    assert_int_equal(doors_fds(env.doors), DOOR_FDS);
    env_close(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
