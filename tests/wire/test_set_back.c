/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual machine that is set back to a snapshot in the QEMU that runs: its memory is of then, the region's too, and
 * the broker's is of now. Here a front end's positions (raw.h) and the bytes of its region are kept, and later put back
 * under a broker that runs.
 *
 *   something happened since   the front end hears of another generation, its sessions are gone, it begins anew and
 * goes on; until then nothing is answered, in particular not what was asked in the time that never was nothing happened
 * it goes on
 *
 * Another region of the same tenant notices nothing.
 *
 * And a guest that writes into its marks of all queue pairs while a new broker attaches its region: each time a
 * doorbell is to be watched, for then the marks are there, and the broker has not gone on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cardmux/sdf.h"
#include "tests/wire/harness.h"
#include "tests/wire/raw.h"

#define NOTICED_S 60

struct snapshot {
    struct raw raw;
    uint8_t *bytes;
};

static struct wire *wire;
static struct raw raw, neighbour;
static uint32_t neighbour_key;

static uint64_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

/* All calls have one tag, as those of a program with one thread do. */
static uint32_t ask(struct raw *who, struct cm_sqe sqe, uint32_t *value)
{
    struct cm_cqe cqe = {0};
    sqe.tag = 1;
    uint32_t status = raw_call(who, sqe, &cqe);
    if (value)
        *value = cqe.value;
    return status;
}

static uint32_t make_key(struct raw *who)
{
    uint32_t key = 0;
    assert_int_equal(ask(who, (struct cm_sqe){.op = CM_OP_SESSION_OPEN}, NULL), SDR_OK);
    assert_int_equal(
        ask(who,
            (struct cm_sqe){
                .op = CM_OP_KEY_GENERATE_KEK, .session = who->session, .key = 1, .alg = SGD_SM4_ECB, .arg = 128},
            &key),
        SDR_OK);
    return key;
}

static struct cm_sqe encrypt(const struct raw *who, uint32_t key)
{
    return (struct cm_sqe){
        .op = CM_OP_ENCRYPT, .session = who->session, .key = key, .alg = SGD_SM4_ECB, .data_len = 16, .tag = 1};
}

static struct snapshot take(void)
{
    struct snapshot snapshot = {.raw = raw, .bytes = malloc(raw.all.size)};
    assert_non_null(snapshot.bytes);
    shm_copy_in(snapshot.bytes, raw.all, 0, raw.all.size);
    return snapshot;
}

static void put_back(struct snapshot *snapshot)
{
    shm_copy_out(raw.all, 0, snapshot->bytes, raw.all.size);
    raw = snapshot->raw;
    free(snapshot->bytes);
}

/* A call in the belief that it is still then, of a broker that seemed to sleep or not, and what a front end does when
 * it sees another generation. */
static void goes_on_anew(uint32_t key, bool rings)
{
    struct cm_cqe cqe;
    struct cm_header header;
    uint64_t since = now_s(), generation;
    size_t unread = cm_slot_offset(0) + CM_SLOT_SIZE - 4; /* of an answer of then that is being taken */
    shm_store32(raw.qp, unread, 4711);
    raw_submit(&raw, encrypt(&raw, key));
    if (rings)
        raw_ring(&raw);
    while ((generation = shm_load64(raw.qp, offsetof(struct cm_control, generation))) == raw.generation) {
        assert_false(raw_take(&raw, &cqe, 1));
        assert_true(now_s() - since < NOTICED_S);
    }
    do {
        shm_copy_in(&header, raw.all, 0, sizeof header);
        assert_true(now_s() - since < NOTICED_S);
    } while (header.generation != generation || shm_load32(raw.qp, offsetof(struct cm_control, epoch)) != raw.epoch);
    assert_int_equal(shm_load32(raw.qp, unread), 4711);
    raw.generation = generation;
    raw.sq_pos = raw.cq_pos = 1;
    cm_ring_clear(raw.qp, CM_QP_CQ);
    assert_int_equal(ask(&raw, encrypt(&raw, key), NULL), SDR_INARGERR); /* no such session */
    key = make_key(&raw);
    assert_int_equal(ask(&raw, encrypt(&raw, key), NULL), SDR_OK);
    assert_int_equal(ask(&neighbour, encrypt(&neighbour, neighbour_key), NULL), SDR_OK);
}

static void test_calls_since(void **state)
{
    static const unsigned calls[] = {1, 2, 63, 64, 65, 200};
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        for (int idle = 0; idle < 2; idle++) {
            uint32_t key = make_key(&raw);
            usleep(idle ? 50000 : 0); /* or the broker is awake throughout */
            struct snapshot then = take();
            for (unsigned k = 0; k < calls[i]; k++)
                assert_int_equal(ask(&raw, encrypt(&raw, key), NULL), SDR_OK);
            usleep(idle ? 50000 : 0);
            put_back(&then);
            goes_on_anew(key, idle);
        }
}

static void test_nothing_since(void **state)
{
    (void)state;
    uint32_t key = make_key(&raw);
    usleep(50000);
    struct snapshot then = take();
    put_back(&then);
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(&raw, encrypt(&raw, key), NULL), SDR_OK);
}

/* The queue pair has had another owner since, and has none now, or another one still. */
static void test_owner_since(void **state)
{
    (void)state;
    for (int left = 0; left < 2; left++) {
        uint32_t key = make_key(&raw);
        struct snapshot then = take();
        assert_true(raw_attach(&raw, 10000));
        uint32_t other = make_key(&raw);
        assert_int_equal(ask(&raw, encrypt(&raw, other), NULL), SDR_OK);
        if (left) {
            shm_store32(raw.qp, offsetof(struct cm_control, epoch_wanted), 0);
            raw_ring(&raw);
            while (shm_load32(raw.qp, offsetof(struct cm_control, epoch)))
                usleep(1000);
        }
        put_back(&then);
        goes_on_anew(key, left);
    }
}

/* The answer to what was asked in that time comes late, where somebody waits for another one. */
static void test_answer_since(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        uint32_t key = make_key(&raw);
        usleep(50000);
        struct snapshot then = take();
        raw_submit(&raw, (struct cm_sqe){.tag = 1, .op = CM_OP_RSA_KEYPAIR, .session = raw.session, .arg = 2048});
        raw_ring(&raw);
        usleep(20000); /* a worker has it */
        put_back(&then);
        goes_on_anew(key, false);
    }
}

static _Atomic unsigned lines;

void __wrap_broker_log(const char *format, ...);

void __wrap_broker_log(const char *format, ...)
{
    va_list args;
    lines += strstr(format, "was set back") != NULL;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* Each connection is another region, but it is one tenant who would fill the log. */
static void test_lines_are_few(void **state)
{
    (void)state;
    uint64_t since = now_s();
    lines = 0;
    for (unsigned i = 0; i < 40; i++) {
        struct raw game;
        uint32_t status;
        assert_true(raw_connect(&game, wire_socket(wire, 0, "unix"), &status) && raw_attach(&game, 10000));
        shm_store32(game.qp, offsetof(struct cm_control, mark), 0x5a5a5a5a);
        for (unsigned n = 0; shm_load64(game.qp, offsetof(struct cm_control, generation)) == game.generation; n++) {
            if (n % 64 == 0)
                raw_ring(&game);
            assert_true(now_s() - since < NOTICED_S);
            usleep(100);
        }
        raw_close(&game);
    }
    assert_true(lines <= 2 + (now_s() - since) / 10);
}

static struct shm_span guest;      /* an ivshmem device's memory */
static _Atomic unsigned scribbles; /* left */

int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD && event->events == (EPOLLIN | EPOLLET) && scribbles) {
        scribbles--;
        for (unsigned i = 0; i < CM_QP_MAX; i++)
            shm_store32(shm_sub(guest, CM_QP_OFFSET(i), CM_QP_SIZE), offsetof(struct cm_control, mark),
                        0x5a5a5a5au + scribbles);
    }
    return __real_epoll_ctl(epoll, op, fd, event);
}

/* As QEMU takes it: the memory, then the doorbells of the host's queue pairs, then the guest's own. */
static int guest_dial(int fds[1 + 2 * CM_QP_MAX])
{
    int socket = raw_dial(wire_socket(wire, 0, "ivshmem"));
    assert_true(socket >= 0);
    for (unsigned n = 0, at = 0; n < 3 + 2 * CM_QP_MAX; n++) {
        int64_t value;
        union {
            struct cmsghdr head;
            char room[CMSG_SPACE(sizeof(int))];
        } control = {0};
        struct iovec part = {&value, sizeof value};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        assert_int_equal(recvmsg(socket, &message, MSG_WAITALL), sizeof value);
        if (n >= 2) {
            assert_non_null(CMSG_FIRSTHDR(&message));
            memcpy(&fds[at++], CMSG_DATA(&control.head), sizeof(int));
        }
    }
    return socket;
}

static void test_marks_while_it_attaches(void **state)
{
    (void)state;
    int fds[1 + 2 * CM_QP_MAX];
    int socket = guest_dial(fds);
    void *map = mmap(NULL, CM_REGION_IVSHMEM, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    guest = shm_span_of(map, CM_REGION_IVSHMEM);
    for (uint64_t since = now_s(); !shm_load64(guest, offsetof(struct cm_header, generation)); usleep(1000))
        assert_true(now_s() - since < NOTICED_S);
    raw_close(&raw);
    raw_close(&neighbour);
    wire_broker_stop(wire);
    scribbles = CM_QP_MAX;
    wire_broker_start(wire);
    for (uint64_t since = now_s(); scribbles; usleep(1000))
        assert_true(now_s() - since < NOTICED_S);
    uint32_t status;
    assert_true(raw_connect(&neighbour, wire_socket(wire, 0, "unix"), &status) && raw_attach(&neighbour, 10000));
    neighbour_key = make_key(&neighbour);
    assert_int_equal(ask(&neighbour, encrypt(&neighbour, neighbour_key), NULL), SDR_OK);
    /* and it may go on itself, at each of its queue pairs */
    for (unsigned i = 0; i < CM_QP_MAX; i++) {
        struct raw pair;
        raw_of_device(&pair, guest, i, NULL, 0);
        pair.ring = fds[1 + i];
        for (uint64_t since = now_s(); (pair.generation = shm_load64(guest, offsetof(struct cm_header, generation))) !=
                                       shm_load64(pair.qp, offsetof(struct cm_control, generation));
             usleep(1000))
            assert_true(now_s() - since < NOTICED_S);
        assert_true(raw_attach(&pair, 10000));
        uint32_t key = make_key(&pair);
        assert_int_equal(ask(&pair, encrypt(&pair, key), NULL), SDR_OK);
    }
    for (unsigned i = 0; i < 1 + 2 * CM_QP_MAX; i++)
        close(fds[i]);
    close(socket);
    munmap(map, CM_REGION_IVSHMEM);
}

static int set_up(void **state)
{
    uint32_t status;
    (void)state;
    wire = wire_start(&(struct wire_options){.tenants = 1});
    if (!raw_connect(&raw, wire_socket(wire, 0, "unix"), &status) || !raw_attach(&raw, 10000) ||
        !raw_connect(&neighbour, wire_socket(wire, 0, "unix"), &status) || !raw_attach(&neighbour, 10000))
        return -1;
    neighbour_key = make_key(&neighbour);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    raw_close(&raw);
    raw_close(&neighbour);
    wire_stop(wire);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_since),   cmocka_unit_test(test_nothing_since),
        cmocka_unit_test(test_owner_since),   cmocka_unit_test(test_answer_since),
        cmocka_unit_test(test_lines_are_few), cmocka_unit_test(test_marks_while_it_attaches),
    };
    return cmocka_run_group_tests_name("set_back", tests, set_up, tear_down);
}
