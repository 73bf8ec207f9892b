/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vhost_device.c: messages as QEMU sends them and as nobody should, and what becomes of their descriptors. A
 * device that does nothing but count stands behind the layer.
 */
#include "vhost_env.h"

/* ---- life as it should be ---- */

static void test_enable(void **state)
{
    (void)state;
    for (int protocol = 0; protocol < 2; protocol++) {
        struct env env;
        env_open(&env);
        bring_up(&env, protocol);
        assert_true(env.started[0] == 1 && env.started[1] == 1 && env.watched[0] >= 0 && env.watched[1] >= 0);
        /* with protocol features a ring is disabled until it is enabled; without, the other way round */
        assert_int_equal(vhost_device_queue(&env.dev, 0) != NULL, !protocol);
        say_state(&env, VHOST_SET_VRING_ENABLE, 0, 1);
        assert_true(settle(&env));
        assert_non_null(vhost_device_queue(&env.dev, 0));
        say_state(&env, VHOST_SET_VRING_ENABLE, 0, 0);
        assert_true(settle(&env));
        assert_null(vhost_device_queue(&env.dev, 0));
        say_state(&env, VHOST_SET_VRING_ENABLE, 0, 1);
        assert_true(settle(&env));
        assert_non_null(vhost_device_queue(&env.dev, 0));
        env_close(&env);
    }
}

static void enable_all(struct env *env)
{
    for (unsigned i = 0; i < QUEUES; i++) {
        say_state(env, VHOST_SET_VRING_ENABLE, i, 1);
    }
    assert_true(settle(env));
}

static void serve(struct env *env, unsigned queue, unsigned count)
{
    static struct vq_chain chain;
    for (unsigned i = 0; i < count; i++) {
        driver_put(&env->ring[queue], 0, GUEST_GPA + 0x80000, 64, 0, 0);
        driver_offer(&env->ring[queue], 0);
        struct virtqueue *vq = vhost_device_queue(&env->dev, queue);
        assert_non_null(vq);
        assert_true(vq_take(vq, &chain));
        vq_give(vq, chain.head, 0);
    }
}

static uint32_t get_base(struct env *env, unsigned ring)
{
    struct vhost_vring_state got;
    say_state(env, VHOST_GET_VRING_BASE, ring, 0);
    assert_true(settle(env));
    assert_int_equal(reply(env, VHOST_GET_VRING_BASE, &got, sizeof(got)), sizeof(got));
    assert_int_equal(got.index, ring);
    return got.num;
}

/* Stopped and started again where it was: a pause. At another place: another driver. */
static void test_base(void **state)
{
    struct env env;
    (void)state;
    env_open(&env);
    bring_up(&env, true);
    enable_all(&env);
    serve(&env, 0, 5);
    serve(&env, 1, 3);
    assert_int_equal(get_base(&env, 0), 5);
    assert_int_equal(get_base(&env, 1), 3);
    assert_true(env.stopped[0] == 1 && env.stopped[1] == 1 && env.watched[0] == -1 &&
                env.kept[VHOST_KICK_SLOT(0)] == -1);
    assert_null(vhost_device_queue(&env.dev, 0));
    ring_say(&env, 0, 5);
    ring_say(&env, 1, 3);
    enable_all(&env);
    assert_int_equal(env.resets, 0);
    serve(&env, 0, 2);
    assert_int_equal(env.dev.rings[0].vq.done, 7);
    assert_int_equal(get_base(&env, 0), 7);
    assert_int_equal(get_base(&env, 1), 3);
    memset(env.ram.base, 0, 2 * RING_SPACE); /* another driver */
    env.ring[0].avail = env.ring[0].used = env.ring[1].avail = env.ring[1].used = 0;
    ring_say(&env, 0, 0);
    ring_say(&env, 1, 0);
    enable_all(&env);
    assert_int_equal(env.resets, 1);
    serve(&env, 0, 1);
    say_fds(&env, VHOST_RESET_DEVICE, NULL, 0, NULL, 0);
    assert_true(settle(&env));
    assert_int_equal(env.resets, 2);
    assert_null(vhost_device_queue(&env.dev, 0));
    env_close(&env);
}

static void test_config(void **state)
{
    struct env env;
    struct vhost_config config = {.offset = 0, .size = 8}, got;
    (void)state;
    env_open(&env);
    say_fds(&env, VHOST_GET_CONFIG, &config, 20, NULL, 0);
    assert_true(settle(&env));
    assert_int_equal(reply(&env, VHOST_GET_CONFIG, &got, sizeof(got)), 20);
    assert_memory_equal(got.bytes, "01234567", 8);
    config.offset = 2;
    config.size = 3;
    say_fds(&env, VHOST_GET_CONFIG, &config, 15, NULL, 0);
    assert_true(settle(&env));
    assert_int_equal(reply(&env, VHOST_GET_CONFIG, &got, sizeof(got)), 15);
    assert_memory_equal(got.bytes, "234", 3);
    config.offset = 4;
    config.size = 5; /* one beyond */
    say_fds(&env, VHOST_GET_CONFIG, &config, 17, NULL, 0);
    assert_true(settle(&env));
    assert_int_equal(reply(&env, VHOST_GET_CONFIG, &got, sizeof(got)), 0);
    config.offset = UINT32_MAX;
    say_fds(&env, VHOST_GET_CONFIG, &config, 17, NULL, 0);
    assert_true(settle(&env));
    assert_int_equal(reply(&env, VHOST_GET_CONFIG, &got, sizeof(got)), 0);
    env_close(&env);
}

/* Answers that were asked for: 0, or 1 for what is refused; nothing where they were not negotiated. */
static void test_acknowledged(void **state)
{
    struct env env;
    uint64_t value = 0, got = 9;
    (void)state;
    env_open(&env);
    say_flags(&env, VHOST_SET_FEATURES, VHOST_FLAG_VERSION | VHOST_FLAG_NEED_REPLY, &value, 8, NULL, 0);
    assert_true(settle(&env));
    no_reply(&env);
    say_u64(&env, VHOST_SET_PROTOCOL_FEATURES, VHOST_PROTOCOL_REPLY_ACK);
    say_flags(&env, VHOST_SET_FEATURES, VHOST_FLAG_VERSION | VHOST_FLAG_NEED_REPLY, &value, 8, NULL, 0);
    assert_true(settle(&env));
    reply(&env, VHOST_SET_FEATURES, &got, 8);
    assert_int_equal(got, 0);
    say_flags(&env, 99, VHOST_FLAG_VERSION | VHOST_FLAG_NEED_REPLY, &value, 8, NULL, 0);
    assert_true(settle(&env));
    reply(&env, 99, &got, 8);
    assert_int_equal(got, 1);
    /* memory that could shrink: refused, said, and the connection goes on */
    struct guest_ram unsealed = guest_ram_make(GUEST_SIZE, 0);
    struct vhost_mem_table table = memory_table(&env);
    say_flags(&env, VHOST_SET_MEM_TABLE, VHOST_FLAG_VERSION | VHOST_FLAG_NEED_REPLY, &table, sizeof(table),
              &unsealed.fd, 1);
    assert_true(settle(&env));
    reply(&env, VHOST_SET_MEM_TABLE, &got, 8);
    assert_int_equal(got, 1);
    assert_non_null(strstr(env.said, "not sealed"));
    guest_ram_free(&unsealed, GUEST_SIZE);
    env_close(&env);
}

/* A request of the device's own. */
static void test_own_message(void **state)
{
    struct env env;
    uint64_t value = 4711;
    (void)state;
    env_open(&env);
    say_fds(&env, VHOST_CREATE_CRYPTO_SESSION, &value, 8, NULL, 0);
    assert_true(settle(&env));
    value = 0;
    assert_int_equal(reply(&env, VHOST_CREATE_CRYPTO_SESSION, &value, 8), 8);
    assert_int_equal(value, 4711);
    value = 666;
    say_fds(&env, VHOST_CREATE_CRYPTO_SESSION, &value, 8, NULL, 0);
    assert_false(settle(&env));
    env_close(&env);
}

/* ---- breaches: each ends the connection, with a word ---- */

struct breach {
    const char *name;
    uint32_t request, flags, size;
    uint64_t words[6];
    unsigned fds; /* eventfds that come along */
    const char *said;
};

#define V VHOST_FLAG_VERSION

static const struct breach breaches[] = {
    {"no version", VHOST_GET_FEATURES, 0, 0, {0}, 0, "version"},
    {"a reply", VHOST_GET_FEATURES, V | VHOST_FLAG_REPLY, 0, {0}, 0, "version"},
    {"too long", VHOST_GET_FEATURES, V, VHOST_PAYLOAD_MAX + 1, {0}, 0, "too long"},
    {"payload where none is", VHOST_GET_FEATURES, V, 8, {0}, 0, "length"},
    {"too short", VHOST_SET_FEATURES, V, 4, {0}, 0, "length"},
    {"features not offered", VHOST_SET_FEATURES, V, 8, {1ull << 63}, 0, "not offered"},
    {"logging", VHOST_SET_FEATURES, V, 8, {1ull << 26}, 0, "not offered"},
    {"protocol features not offered", VHOST_SET_PROTOCOL_FEATURES, V, 8, {1ull << 5}, 0, "not offered"},
    {"no such queue", VHOST_SET_VRING_NUM, V, 8, {QUEUES}, 0, "does not exist"},
    {"no such queue, far away", VHOST_GET_VRING_BASE, V, 8, {UINT32_MAX}, 0, "does not exist"},
    {"kick of no such queue", VHOST_SET_VRING_KICK, V, 8, {QUEUES}, 1, "does not exist"},
    {"size 0", VHOST_SET_VRING_NUM, V, 8, {0}, 0, "power of two"},
    {"size 3", VHOST_SET_VRING_NUM, V, 8, {3ull << 32}, 0, "power of two"},
    {"size 2048", VHOST_SET_VRING_NUM, V, 8, {2048ull << 32}, 0, "power of two"},
    {"base beyond 16 bits", VHOST_SET_VRING_BASE, V, 8, {65536ull << 32}, 0, "65535"},
    {"enable 2", VHOST_SET_VRING_ENABLE, V, 8, {2ull << 32}, 0, "neither"},
    {"addresses with a log", VHOST_SET_VRING_ADDR, V, 40, {1ull << 32}, 0, "log"},
    {"kick without a descriptor", VHOST_SET_VRING_KICK, V, 8, {0}, 0, "descriptors"},
    {"kick with two", VHOST_SET_VRING_KICK, V, 8, {0}, 2, "descriptors"},
    {"kick with more than there is room for", VHOST_SET_VRING_KICK, V, 8, {0}, 40, "descriptors"},
    {"kick that says none", VHOST_SET_VRING_KICK, V, 8, {VHOST_NO_FD}, 0, "without a kick"},
    {"kick with unknown flags", VHOST_SET_VRING_KICK, V, 8, {0x200}, 1, "flags"},
    {"nine regions", VHOST_SET_MEM_TABLE, V, 40, {9}, 8, "fit"},
    {"four thousand million regions", VHOST_SET_MEM_TABLE, V, 40, {UINT32_MAX}, 8, "fit"},
    {"two regions, one descriptor", VHOST_SET_MEM_TABLE, V, 40, {1}, 2, "descriptors"},
    {"one region in eight bytes", VHOST_SET_MEM_TABLE, V, 8, {1}, 1, "fit"},
    {"configuration of 257 bytes", VHOST_GET_CONFIG, V, 12 + 257, {257ull << 32}, 0, "configuration"},
    {"configuration that is not there", VHOST_GET_CONFIG, V, 12, {5ull << 32}, 0, "configuration"},
};

static void test_breaches(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(breaches) / sizeof(breaches[0]); i++) {
        const struct breach *breach = &breaches[i];
        struct env env;
        uint8_t bytes[2048] = {0};
        int fds[64];
        env_open(&env);
        memcpy(bytes, breach->words, sizeof(breach->words));
        for (unsigned n = 0; n < breach->fds; n++) {
            fds[n] = eventfd(0, EFD_CLOEXEC);
        }
        say_flags(&env, breach->request, breach->flags, bytes, breach->size, fds, breach->fds);
        for (unsigned n = 0; n < breach->fds; n++) {
            close(fds[n]);
        }
        bool alive = settle(&env);
        if (alive || !strstr(env.said, breach->said)) {
            fail_msg("%s: alive %d, said \"%s\"", breach->name, alive, env.said);
        }
        char byte;
        assert_true(recv(env.qemu, &byte, 1, 0) <= 0); /* and QEMU sees it: an end, or a reset where it was not read */
        env_close(&env);
    }
}

/* Surplus descriptors of messages that take none: closed, and nothing else happens. */
static void test_surplus(void **state)
{
    struct env env;
    int fds[64];
    (void)state;
    env_open(&env);
    for (unsigned n = 0; n < 64; n++) {
        fds[n] = eventfd(0, EFD_CLOEXEC);
    }
    for (unsigned count = 1; count <= 64; count = count * 2 - (count == 8)) {
        uint64_t features = VIRTIO_F_VERSION_1, none = VHOST_NO_FD;
        unsigned before = fds_open();
        say_fds(&env, VHOST_SET_FEATURES, &features, 8, fds, count);
        say_fds(&env, VHOST_SET_VRING_CALL, &none, 8, fds, count);
        say_fds(&env, 77, &features, 8, fds, count);
        assert_true(settle(&env));
        assert_int_equal(fds_open(), before);
        assert_int_equal(env.dev.rings[0].call, -1);
    }
    for (unsigned n = 0; n < 64; n++) {
        close(fds[n]);
    }
    env_close(&env);
}

/* What a kick may be: nothing that could make a thread wait where no signal wakes it. */
static void test_strange_descriptors(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct env env;
        uint64_t index = 0;
        int fds[2] = {-1, -1};
        env_open(&env);
        if (kind == 0) {
            assert_int_equal(pipe(fds), 0);
        } else if (kind == 1) {
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        } else {
            fds[0] = memfd_create("x", 0);
            fds[1] = dup(fds[0]);
        }
        say_fds(&env, VHOST_SET_VRING_CALL, &index, 8, fds, 1);
        close(fds[0]);
        close(fds[1]);
        assert_false(settle(&env));
        assert_non_null(strstr(env.said, "not an eventfd"));
        env_close(&env);
    }
}

/* A message that comes in pieces is waited for, without spinning. */
static void test_pieces(void **state)
{
    struct env env;
    struct vhost_header header = {VHOST_GET_FEATURES, VHOST_FLAG_VERSION, 0};
    uint64_t value;
    (void)state;
    env_open(&env);
    for (size_t i = 0; i < sizeof(header); i++) {
        assert_int_equal(vhost_device_read(&env.dev), VHOST_TURN_DONE);
        no_reply(&env);
        send_raw(&env, (uint8_t *)&header + i, 1, NULL, 0);
    }
    assert_true(settle(&env));
    reply(&env, VHOST_GET_FEATURES, &value, 8);
    env_close(&env);
}

/* ---- memory ---- */

static void test_memory(void **state)
{
    static const struct {
        const char *name;
        struct guest_region_entry entries[2];
        unsigned count;
        int seals;
        const char *why;
    } cases[] = {
        {"empty region", {{GUEST_GPA, 0, GUEST_UVA, 0}}, 1, F_SEAL_SHRINK, "impossible"},
        {"addresses wrap", {{UINT64_MAX - 4095, 8192, GUEST_UVA, 0}}, 1, F_SEAL_SHRINK, "impossible"},
        {"QEMU's addresses wrap", {{0, 8192, UINT64_MAX - 4095, 0}}, 1, F_SEAL_SHRINK, "impossible"},
        {"offset wraps", {{0, 8192, 0, UINT64_MAX - 4095}}, 1, F_SEAL_SHRINK, "impossible"},
        {"huge", {{0, GUEST_MEMORY_MAX + 1, 0, 0}}, 1, F_SEAL_SHRINK, "impossible"},
        {"huge together",
         {{0, GUEST_MEMORY_MAX, 0, 0}, {1ull << 50, 4096, 1ull << 50, 0}},
         2,
         F_SEAL_SHRINK,
         "too much"},
        {"overlap", {{0, 8192, 0, 0}, {4096, 4096, 1ull << 40, 0}}, 2, F_SEAL_SHRINK, "overlap"},
        {"QEMU's overlap", {{0, 8192, 0, 0}, {1ull << 40, 4096, 4096, 0}}, 2, F_SEAL_SHRINK, "overlap"},
        {"beyond the file", {{0, GUEST_SIZE + 4096, 0, 0}}, 1, F_SEAL_SHRINK, "larger"},
        {"offset beyond the file", {{0, 4096, 0, GUEST_SIZE}}, 1, F_SEAL_SHRINK, "larger"},
        {"not sealed", {{0, 4096, 0, 0}}, 1, 0, "not sealed"},
        {"sealed against growing only", {{0, 4096, 0, 0}}, 1, F_SEAL_GROW, "not sealed"},
        {"sealed against writing", {{0, 4096, 0, 0}}, 1, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE, "mapped"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct guest_ram ram = {.fd = memfd_create("guest", MFD_ALLOW_SEALING)};
        const char *why = NULL;
        assert_int_equal(ftruncate(ram.fd, GUEST_SIZE), 0);
        assert_true(!cases[i].seals || fcntl(ram.fd, F_ADD_SEALS, cases[i].seals) == 0);
        int fds[2] = {ram.fd, ram.fd};
        struct guest_memory *memory = guest_memory_new(cases[i].entries, fds, cases[i].count, &why);
        if (memory || !strstr(why, cases[i].why)) {
            fail_msg("%s: %s", cases[i].name, why ? why : "taken");
        }
        close(ram.fd);
    }
    const char *why;
    struct guest_region_entry entry = {0, 4096, 0, 0};
    int other[4] = {open("/dev/zero", O_RDWR), open("/proc/self/exe", O_RDONLY), eventfd(0, 0),
                    memfd_create("huge", MFD_HUGETLB | MFD_ALLOW_SEALING)};
    for (int i = 0; i < 4; i++) {
        assert_null(guest_memory_new(&entry, &other[i], 1, &why));
        assert_true(other[i] < 0 || i < 3 || strstr(why, "ordinary pages")); /* -1: a kernel without huge pages */
        close(other[i]);
    }
}

/* An offset that is not a page's, and what lies between regions. */
static void test_translation(void **state)
{
    struct guest_ram ram = guest_ram_make(GUEST_SIZE, F_SEAL_SHRINK);
    struct guest_region_entry table[2] = {{0x1000, 0x2000, 0x70001000, 0x1800}, {0x3000, 0x1000, 0x90000000, 0x8000}};
    int fds[2] = {ram.fd, ram.fd};
    const char *why;
    (void)state;
    memcpy(ram.base + 0x1800, "first", 5);
    memcpy(ram.base + 0x8000, "other", 5);
    struct guest_memory *memory = guest_memory_new(table, fds, 2, &why);
    assert_non_null(memory);
    assert_memory_equal(guest_memory_gpa(memory, 0x1000, 5).base, "first", 5);
    assert_memory_equal(guest_memory_uva(memory, 0x90000000, 5).base, "other", 5);
    assert_non_null(guest_memory_gpa(memory, 0x2fff, 1).base);
    assert_null(guest_memory_gpa(memory, 0x2fff, 2).base); /* across the border of two regions */
    assert_null(guest_memory_gpa(memory, 0xfff, 2).base);
    assert_null(guest_memory_gpa(memory, 0x4000, 1).base);
    assert_null(guest_memory_gpa(memory, 0x1000, UINT64_MAX).base);
    assert_null(guest_memory_uva(memory, 0x1000, 1).base);
    guest_memory_release(memory);
    guest_ram_free(&ram, GUEST_SIZE);
}

/* A table that is replaced under rings that are served: the same memory, none, and the same again. */
static void test_memory_changes(void **state)
{
    struct env env;
    struct vhost_mem_table none = {.count = 0};
    (void)state;
    env_open(&env);
    bring_up(&env, true);
    enable_all(&env);
    serve(&env, 0, 3);
    say_memory(&env, env.ram.fd);
    assert_true(settle(&env));
    serve(&env, 0, 3);
    say_fds(&env, VHOST_SET_MEM_TABLE, &none, 8, NULL, 0);
    assert_true(settle(&env));
    assert_null(vhost_device_queue(&env.dev, 0));
    assert_non_null(strstr(env.said, "outside guest memory"));
    vhost_device_notify(&env.dev, UINT32_MAX);
    assert_true(vhost_device_sleep(&env.dev, UINT32_MAX));
    for (unsigned i = 0; i < GUEST_REGIONS_MAX; i++) {
        assert_int_equal(env.kept[i], -1);
    }
    env_close(&env);
}

/* ---- the process dies, another goes on ---- */

static void test_resume(void **state)
{
    struct env env;
    static struct vq_chain chain;
    (void)state;
    env_open(&env);
    bring_up(&env, true);
    enable_all(&env);
    serve(&env, 0, 4);
    serve(&env, 1, 2);
    driver_offer(&env.ring[0], 0);
    assert_true(vq_take(vhost_device_queue(&env.dev, 0), &chain)); /* and never given back */
    say_u64(&env, VHOST_SET_FEATURES, 0);                          /* nor read */
    /* the dead one's descriptors are closed, its memory is gone; its socket, its note and what it deposited are not */
    int socket = dup(env.dev.socket);
    close(env.dev.socket);
    guest_memory_release(env.dev.memory);
    for (unsigned i = 0; i < QUEUES; i++) {
        close(env.dev.rings[i].kick);
        close(env.dev.rings[i].call);
    }
    int kept[VHOST_KEEP_SLOTS];
    for (unsigned i = 0; i < VHOST_KEEP_SLOTS; i++) {
        kept[i] = env.kept[i] < 0 ? -1 : dup(env.kept[i]);
    }
    vhost_device_open(&env.dev, &ops, &env, &host, &env, socket, env.note);
    vhost_device_resume(&env.dev, kept);
    assert_true(env.again[0] == 1 && env.again[1] == 1);
    assert_true(vq_take(vhost_device_queue(&env.dev, 0), &chain));
    assert_int_equal(chain.head, 0);
    vq_give(vhost_device_queue(&env.dev, 0), 0, 0);
    serve(&env, 1, 1);
    uint32_t head, len;
    unsigned got = 0;
    while (driver_take(&env.ring[0], &head, &len)) {
        got++;
    }
    assert_int_equal(got, 5);
    assert_true(settle(&env));
    assert_int_equal(vhost_device_features(&env.dev), 0); /* the message was still there */
    env_close(&env);
}

/* A note full of rubbish, with every mark set: a process that was taken over wrote it. */
static void test_resume_rubbish(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 200; seed++) {
        struct env env;
        int kept[VHOST_KEEP_SLOTS];
        env_open(&env);
        bring_up(&env, true);
        srand(seed);
        for (size_t i = 0; i < sizeof(env.note); i++) {
            env.note[i] = seed % 4 == 3 ? 0xff : (uint8_t)rand();
        }
        if (seed % 2) { /* so that it comes further */
            struct vhost_mem_table table = memory_table(&env);
            env.dev.note->region_count = 1;
            memcpy(env.dev.note->regions, table.regions, sizeof(table.regions));
            for (unsigned i = 0; i < QUEUES; i++) {
                env.dev.note->rings[i].size = SIZE;
                env.dev.note->rings[i].flags = 7;
                env.dev.note->rings[i].desc = GUEST_UVA + DESC_AT(&env.ring[i]);
                env.dev.note->rings[i].avail = GUEST_UVA + AVAIL_AT(&env.ring[i]);
                env.dev.note->rings[i].used = GUEST_UVA + USED_AT(&env.ring[i]);
            }
        }
        int socket = dup(env.dev.socket);
        for (unsigned i = 0; i < VHOST_KEEP_SLOTS; i++) {
            kept[i] = env.kept[i] < 0 ? -1 : dup(env.kept[i]);
        }
        _Alignas(16) uint8_t note[VHOST_NOTE_SIZE];
        memcpy(note, env.note, sizeof(note));
        memset(env.note, 0, sizeof(env.note));
        vhost_device_close(&env.dev);
        vhost_device_open(&env.dev, &ops, &env, &host, &env, socket, note);
        vhost_device_resume(&env.dev, kept);
        for (unsigned i = 0; i < QUEUES; i++) {
            static struct vq_chain chain;
            struct virtqueue *vq = vhost_device_queue(&env.dev, i);
            for (unsigned n = 0; vq && n < 3 * SIZE && vq_take(vq, &chain); n++) {
                vq_give(vq, chain.head, 0);
            }
        }
        env_close(&env);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enable),      cmocka_unit_test(test_base),
        cmocka_unit_test(test_config),      cmocka_unit_test(test_acknowledged),
        cmocka_unit_test(test_own_message), cmocka_unit_test(test_breaches),
        cmocka_unit_test(test_surplus),     cmocka_unit_test(test_strange_descriptors),
        cmocka_unit_test(test_pieces),      cmocka_unit_test(test_memory),
        cmocka_unit_test(test_translation), cmocka_unit_test(test_memory_changes),
        cmocka_unit_test(test_resume),      cmocka_unit_test(test_resume_rubbish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
