/* SPDX-License-Identifier: Apache-2.0 */
/* test_virtqueue.c: the walker against every shape of chain, who is woken when, and what a kill leaves behind. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "vring_driver.h"

#define SIZE    16u
#define BUFFERS 0x20000u /* in guest memory */
#define NEXT    1u
#define WRITE   2u
#define INDIR   4u

struct env {
    struct guest_ram ram;
    struct guest_memory *memory;
    struct driver_ring ring;
    struct virtqueue vq;
    struct vq_note note;
};

static void env_open(struct env *env, unsigned size, uint64_t features)
{
    memset(env, 0, sizeof(*env));
    env->ram = guest_ram_make(GUEST_SIZE, F_SEAL_SHRINK);
    assert_non_null(env->ram.base);
    env->memory = guest_memory_of(&env->ram);
    assert_non_null(env->memory);
    env->ring = (struct driver_ring){.base = env->ram.base, .at = 0, .size = size};
    assert_int_equal(driver_map(&env->ring, &env->vq, env->memory), 0);
    vq_start(&env->vq, features, 0, &env->note);
}

static void env_close(struct env *env)
{
    guest_memory_release(env->memory);
    guest_ram_free(&env->ram, GUEST_SIZE);
}

static uint64_t buffer(unsigned i)
{
    return GUEST_GPA + BUFFERS + 0x1000ull * i;
}

/* ---- shapes ---- */

struct shape {
    const char *name;
    struct ring_desc ring[6];
    struct ring_desc inner[6]; /* an indirect table, at buffer(8) */
    uint64_t features;
    uint16_t head;
    int parts;       /* -1: the queue is broken */
    const char *why; /* a word of the sentence */
};

#define IN   VIRTIO_F_INDIRECT
#define B(i) (GUEST_GPA + BUFFERS + 0x1000ull * (i))
#define END  (GUEST_GPA + GUEST_SIZE)
#define INNER_N(n, flags)                                                                                              \
    {                                                                                                                  \
        B(8), 16 * (n), (flags), 1                                                                                     \
    }

static const struct shape shapes[] = {
    {"one part", {{B(0), 64, 0, 0}}, .parts = 1},
    {"read, then write", {{B(0), 44, NEXT, 1}, {B(1), 4096, WRITE, 0}}, .parts = 2},
    {"order of the table does not matter",
     {{B(0), 1, NEXT, 5}, [5] = {B(1), 1, NEXT, 2}, [2] = {B(2), 1, WRITE, 0}},
     .parts = 3},
    {"empty parts are passed over", {{B(0), 0, NEXT, 1}, {B(1), 8, 0, 0}}, .parts = 1},
    {"nothing at all", {{B(0), 0, 0, 0}}, .parts = 0},
    {"the last byte of memory", {{END - 1, 1, 0, 0}}, .parts = 1},
    {"one byte beyond", {{END - 1, 2, 0, 0}}, .parts = -1, .why = "outside"},
    {"before memory", {{GUEST_GPA - 1, 2, 0, 0}}, .parts = -1, .why = "outside"},
    {"address and length wrap", {{UINT64_MAX - 3, 8, 0, 0}}, .parts = -1, .why = "outside"},
    {"a loop of one", {{B(0), 8, NEXT, 0}}, .parts = -1, .why = "loop"},
    {"a loop of two", {{B(0), 8, NEXT, 1}, {B(1), 8, NEXT, 0}}, .parts = -1, .why = "loop"},
    {"an empty loop", {{B(0), 0, NEXT, 1}, {B(1), 0, NEXT, 0}}, .parts = -1, .why = "loop"},
    {"next is outside", {{B(0), 8, NEXT, SIZE}}, .parts = -1, .why = "outside its table"},
    {"write, then read", {{B(0), 8, WRITE | NEXT, 1}, {B(1), 8, 0, 0}}, .parts = -1, .why = "behind"},
    {"head is outside", {{B(0), 8, 0, 0}}, .head = SIZE, .parts = -1, .why = "does not exist"},
    {"indirect", {INNER_N(2, INDIR)}, {{B(0), 44, NEXT, 1}, {B(1), 8, WRITE, 0}}, IN, .parts = 2},
    {"indirect, not negotiated",
     {INNER_N(2, INDIR)},
     {{B(0), 44, NEXT, 1}, {B(1), 8, WRITE, 0}},
     .parts = -1,
     .why = "indirect"},
    {"indirect behind a direct part", {{B(2), 9, NEXT, 1}, INNER_N(1, INDIR)}, {{B(0), 44, 0, 0}}, IN, .parts = 2},
    {"indirect in indirect", {INNER_N(1, INDIR)}, {INNER_N(1, INDIR)}, IN, .parts = -1, .why = "indirect"},
    {"indirect and next", {INNER_N(1, INDIR | NEXT)}, {{B(0), 44, 0, 0}}, IN, .parts = -1, .why = "indirect"},
    {"indirect, no entries", {INNER_N(0, INDIR)}, {{B(0), 44, 0, 0}}, IN, .parts = -1, .why = "indirect"},
    {"indirect, half an entry", {{B(8), 24, INDIR, 0}}, {{B(0), 44, 0, 0}}, IN, .parts = -1, .why = "indirect"},
    {"indirect, too long a table",
     {{B(8), 16 * (VQ_SIZE_MAX + 1), INDIR, 0}},
     {{B(0), 44, 0, 0}},
     IN,
     .parts = -1,
     .why = "indirect"},
    {"indirect, outside", {{END - 16, 32, INDIR, 0}}, {{B(0), 44, 0, 0}}, IN, .parts = -1, .why = "indirect"},
    {"indirect, a loop", {INNER_N(3, INDIR)}, {{B(0), 1, NEXT, 1}, {B(0), 1, NEXT, 0}}, IN, .parts = -1, .why = "loop"},
    {"indirect, next outside", {INNER_N(2, INDIR)}, {{B(0), 1, NEXT, 2}}, IN, .parts = -1, .why = "outside its table"},
};

static void test_shapes(void **state)
{
    static struct vq_chain chain;
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        const struct shape *shape = &shapes[i];
        struct env env;
        env_open(&env, SIZE, shape->features);
        memcpy(driver_desc(&env.ring, 0), shape->ring, sizeof(shape->ring));
        memcpy(env.ram.base + BUFFERS + 0x8000, shape->inner, sizeof(shape->inner));
        driver_offer(&env.ring, shape->head);
        bool taken = vq_take(&env.vq, &chain);
        if (taken != (shape->parts >= 0) || (taken && chain.count != (unsigned)shape->parts) ||
            (!taken && (env.vq.state != VQ_BROKEN || !strstr(env.vq.why, shape->why)))) {
            fail_msg("%s: taken %d, parts %u, state %d, %s", shape->name, taken, chain.count, env.vq.state, env.vq.why);
        }
        if (!taken) { /* and it stays so */
            vq_give(&env.vq, 0, 0);
            assert_int_equal(driver_used(&env.ring)[1], 0);
            assert_false(vq_has_work(&env.vq));
            assert_true(vq_sleep(&env.vq));
            assert_false(vq_interrupt_due(&env.vq));
        }
        env_close(&env);
    }
}

static void test_many_parts(void **state)
{
    static struct vq_chain chain;
    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        unsigned parts = VQ_PARTS_MAX + kind % 2;
        uint32_t len = kind < 2 ? 7 : 0; /* empty ones count as others do */
        struct env env;
        env_open(&env, 256, 0);
        for (unsigned i = 0; i < parts; i++) {
            driver_put(&env.ring, i, buffer(i % 64), len, i + 1 < parts ? NEXT : 0, (uint16_t)(i + 1));
        }
        driver_offer(&env.ring, 0);
        assert_int_equal(vq_take(&env.vq, &chain), parts <= VQ_PARTS_MAX);
        env_close(&env);
    }
}

/* The driver's index is worth its distance only. */
static void test_index(void **state)
{
    static struct vq_chain chain;
    (void)state;
    for (unsigned distance = 0; distance <= 0xffff; distance += 15) {
        struct env env;
        if (distance > 2 * SIZE && distance < 0xffff - 2 * SIZE) {
            distance += 977;
        }
        env_open(&env, SIZE, 0);
        driver_avail(&env.ring)[1] = (uint16_t)distance;
        driver_put(&env.ring, 0, buffer(0), 1, 0, 0);
        bool taken = vq_take(&env.vq, &chain);
        assert_int_equal(taken, distance != 0 && distance <= SIZE);
        assert_int_equal(env.vq.state, distance <= SIZE ? VQ_ON : VQ_BROKEN);
        env_close(&env);
    }
}

/* What is taken is a copy: the driver may write what it likes afterwards. And no chain is out twice. */
static void test_copied_once(void **state)
{
    static struct vq_chain chain;
    struct env env;
    (void)state;
    env_open(&env, SIZE, 0);
    driver_put(&env.ring, 3, buffer(1), 100, 0, 0);
    driver_offer(&env.ring, 3);
    assert_true(vq_take(&env.vq, &chain));
    driver_put(&env.ring, 3, UINT64_MAX, UINT32_MAX, NEXT | INDIR, 99);
    assert_true(chain.parts[0].span.size == 100 &&
                (uint8_t *)chain.parts[0].span.base == env.memory->regions[0].map + BUFFERS + 0x1000);
    driver_offer(&env.ring, 3);
    assert_false(vq_take(&env.vq, &chain));
    assert_int_equal(env.vq.state, VQ_BROKEN);
    env_close(&env);
}

static void test_sizes(void **state)
{
    static const unsigned wrong[] = {0, 3, 7, 12, 1023, 2048, 1u << 16, UINT32_MAX};
    struct env env;
    struct virtqueue vq = {0};
    (void)state;
    env_open(&env, SIZE, 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(vq_map(&vq, env.memory, wrong[i], GUEST_UVA, GUEST_UVA + 0x4000, GUEST_UVA + 0x5000), -1);
    }
    assert_int_equal(vq_map(&vq, env.memory, 1024, GUEST_UVA, GUEST_UVA + 0x4000, GUEST_UVA + 0x5000), 0);
    /* each area: beyond the end, and not aligned */
    assert_int_equal(vq_map(&vq, env.memory, 16, GUEST_UVA + GUEST_SIZE - 16, GUEST_UVA, GUEST_UVA), -1);
    assert_int_equal(vq_map(&vq, env.memory, 16, GUEST_UVA, GUEST_UVA + GUEST_SIZE - 36, GUEST_UVA), -1);
    assert_int_equal(vq_map(&vq, env.memory, 16, GUEST_UVA, GUEST_UVA, GUEST_UVA + GUEST_SIZE - 132), -1);
    assert_int_equal(vq_map(&vq, env.memory, 16, GUEST_UVA + 8, GUEST_UVA, GUEST_UVA), -1);
    assert_int_equal(vq_map(&vq, env.memory, 16, GUEST_UVA, GUEST_UVA + 1, GUEST_UVA), -1);
    assert_int_equal(vq_map(&vq, env.memory, 16, GUEST_UVA, GUEST_UVA, GUEST_UVA + 2), -1);
    assert_int_equal(vq_map(&vq, NULL, 16, GUEST_UVA, GUEST_UVA, GUEST_UVA), -1);
    env_close(&env);
}

/* ---- cursors ---- */

static void test_cursors(void **state)
{
    static struct vq_chain chain;
    struct env env;
    uint8_t bytes[64], back[64];
    (void)state;
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7 + 1);
    }
    env_open(&env, SIZE, 0);
    driver_put(&env.ring, 0, buffer(0), 5, NEXT, 1);
    driver_put(&env.ring, 1, buffer(1), 1, NEXT, 2);
    driver_put(&env.ring, 2, buffer(2), 30, NEXT, 3);
    driver_put(&env.ring, 3, buffer(3), 10, WRITE | NEXT, 4);
    driver_put(&env.ring, 4, buffer(4), 3, WRITE, 0);
    memcpy(env.ram.base + BUFFERS, bytes, 5);
    memcpy(env.ram.base + BUFFERS + 0x1000, bytes + 5, 1);
    memcpy(env.ram.base + BUFFERS + 0x2000, bytes + 6, 30);
    driver_offer(&env.ring, 0);
    assert_true(vq_take(&env.vq, &chain));
    struct vq_cursor in = vq_read(&chain), out = vq_write(&chain);
    assert_int_equal(vq_left(&in), 36);
    assert_int_equal(vq_left(&out), 13);
    assert_true(vq_copy_in(&in, back, 4));
    assert_int_equal(vq_left(&in), 32);
    assert_true(vq_copy_in(&in, back + 4, 32));
    assert_memory_equal(back, bytes, 36);
    assert_int_equal(vq_left(&in), 0);
    assert_false(vq_copy_in(&in, back, 1)); /* never into the parts of the other direction */
    assert_true(vq_copy_out(&out, bytes, 12));
    assert_false(vq_copy_out(&out, bytes, 2));
    assert_memory_equal(env.ram.base + BUFFERS + 0x3000, bytes, 10);
    assert_memory_equal(env.ram.base + BUFFERS + 0x4000, bytes + 10, 2);
    env_close(&env);
}

/* ---- waking ---- */

static void give_one(struct env *env)
{
    static struct vq_chain chain;
    driver_put(&env->ring, 0, buffer(0), 8, 0, 0);
    driver_offer(&env->ring, 0);
    assert_true(vq_take(&env->vq, &chain));
    vq_give(&env->vq, chain.head, 0);
}

static void test_interrupts(void **state)
{
    struct env env;
    (void)state;
    /* by flag */
    env_open(&env, SIZE, 0);
    assert_false(vq_interrupt_due(&env.vq));
    give_one(&env);
    assert_true(vq_interrupt_due(&env.vq));
    assert_false(vq_interrupt_due(&env.vq)); /* told */
    driver_avail(&env.ring)[0] = 1;
    give_one(&env);
    assert_false(vq_interrupt_due(&env.vq));
    env_close(&env);
    /* by event index, across the wrap */
    env_open(&env, SIZE, VIRTIO_F_EVENT_IDX);
    for (unsigned i = 0; i < 70000; i++) {
        uint16_t event = (uint16_t)(i / 3 * 3); /* every third is wanted */
        driver_avail(&env.ring)[2 + SIZE] = event;
        give_one(&env);
        assert_int_equal(vq_interrupt_due(&env.vq), event == (uint16_t)i);
    }
    /* several at once: due where the event is among them */
    driver_avail(&env.ring)[2 + SIZE] = (uint16_t)(env.vq.done + 1);
    give_one(&env);
    give_one(&env);
    give_one(&env);
    assert_true(vq_interrupt_due(&env.vq));
    env_close(&env);
}

static void test_kicks(void **state)
{
    static struct vq_chain chain;
    (void)state;
    for (int events = 0; events < 2; events++) {
        struct env env;
        env_open(&env, SIZE, events ? VIRTIO_F_EVENT_IDX : 0);
        vq_awake(&env.vq);
        assert_int_equal(driver_used(&env.ring)[0], events ? 0 : 1);
        assert_true(vq_sleep(&env.vq));
        assert_int_equal(driver_used(&env.ring)[0], 0);
        driver_put(&env.ring, 0, buffer(0), 8, 0, 0);
        driver_offer(&env.ring, 0);
        assert_false(vq_sleep(&env.vq)); /* it came before the announcement was read */
        assert_true(vq_take(&env.vq, &chain));
        assert_true(vq_sleep(&env.vq));
        if (events) {
            assert_int_equal(driver_used(&env.ring)[2 + 4 * SIZE], 1);
        }
        env_close(&env);
    }
}

/* ---- what a kill leaves ---- */

/* The states of the note between any two stores, made by hand: nothing is lost, nothing comes twice. */
static void test_resume_steps(void **state)
{
    static struct vq_chain chain;
    (void)state;
    for (int step = 0; step < 5; step++) {
        struct env env;
        env_open(&env, SIZE, 0);
        for (uint16_t i = 0; i < 3; i++) {
            driver_put(&env.ring, i, buffer(i), 8, 0, 0);
            driver_offer(&env.ring, i);
        }
        if (step == 1) { /* head 0 marked, position not moved */
            env.note.taken[0] = 1;
        } else if (step >= 2) {
            assert_true(vq_take(&env.vq, &chain));
        }
        if (step == 3) { /* given back; the mark is still there */
            vq_give(&env.vq, 0, 5);
            env.note.taken[0] |= 1;
            env.note.used = 0;
        } else if (step == 4) {
            vq_give(&env.vq, 0, 5);
        }
        vq_resume(&env.vq, 0, &env.note);
        unsigned seen = 0;
        while (vq_take(&env.vq, &chain)) {
            assert_int_equal(seen >> chain.head & 1, 0);
            seen |= 1u << chain.head;
            vq_give(&env.vq, chain.head, 1);
        }
        assert_int_equal(env.vq.state, VQ_ON);
        assert_int_equal(seen, step >= 3 ? 6 : 7);
        assert_int_equal(driver_used(&env.ring)[1], 3);
        env_close(&env);
    }
}

#define KILLS 150

static void serve_for_ever(struct env *env)
{
    static struct vq_chain chain;
    for (;;) {
        if (vq_take(&env->vq, &chain)) {
            vq_give(&env->vq, chain.head, chain.head);
        }
    }
}

/* A process that serves a queue is killed at random moments, and another one goes on: each chain that was offered comes
   back exactly once. */
static void test_resume_kills(void **state)
{
    struct env env;
    struct vq_note *note = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t offered = 0, returned = 0;
    unsigned out[SIZE] = {0};
    (void)state;
    assert_true(note != MAP_FAILED);
    env_open(&env, SIZE, VIRTIO_F_EVENT_IDX);
    for (uint16_t i = 0; i < SIZE; i++) {
        driver_put(&env.ring, i, buffer(i), 64, 0, 0);
        driver_offer(&env.ring, i);
        out[i] = 1;
        offered++;
    }
    vq_start(&env.vq, VIRTIO_F_EVENT_IDX, 0, note);
    for (int kill_count = 0; kill_count <= KILLS; kill_count++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            vq_resume(&env.vq, VIRTIO_F_EVENT_IDX, note);
            serve_for_ever(&env);
        }
        uint64_t want = returned + 200 + (uint64_t)(rand() % 300);
        while (returned < want) {
            uint32_t head, len;
            if (!driver_take(&env.ring, &head, &len)) {
                continue;
            }
            if (head >= SIZE || !out[head] || len != head) {
                kill(pid, SIGKILL);
                fail_msg("chain %u came back (%u) and was not out, after %d kills", head, len, kill_count);
            }
            returned++;
            out[head] = 0;
            if (offered < want || kill_count < KILLS) {
                out[head] = 1;
                offered++;
                driver_offer(&env.ring, (uint16_t)head);
            }
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    /* the rest */
    vq_resume(&env.vq, VIRTIO_F_EVENT_IDX, note);
    static struct vq_chain chain;
    uint32_t head, len;
    while (vq_take(&env.vq, &chain)) {
        vq_give(&env.vq, chain.head, chain.head);
    }
    while (driver_take(&env.ring, &head, &len)) {
        assert_true(head < SIZE && out[head]);
        out[head] = 0;
        returned++;
    }
    assert_int_equal(returned, offered);
    assert_int_equal(env.vq.state, VQ_ON);
    munmap(note, 4096);
    env_close(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),       cmocka_unit_test(test_many_parts), cmocka_unit_test(test_index),
        cmocka_unit_test(test_copied_once),  cmocka_unit_test(test_sizes),      cmocka_unit_test(test_cursors),
        cmocka_unit_test(test_interrupts),   cmocka_unit_test(test_kicks),      cmocka_unit_test(test_resume_steps),
        cmocka_unit_test(test_resume_kills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
