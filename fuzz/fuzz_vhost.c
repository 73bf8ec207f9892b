/* covers: backend/transport/vhost_user/vhost_message.c backend/transport/vhost_user/vhost_request.c
 * backend/transport/vhost_user/vhost_device.c backend/transport/vhost_user/guest_memory.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU gone bad, with messages and descriptors of every kind, and a process that dies in between and goes on from its
 * note, which may be rubbish. In the end no descriptor is left over, whoever sent it.
 */
#include <stdint.h>
#include "fuzz/checks.h"
#include "tests/unit/vhost_env.h"

#define STEPS 60

enum {
    FD_EVENT,
    FD_SEALED,
    FD_UNSEALED,
    FD_PIPE,
    FD_HUGE,
    FD_READ_ONLY,
    FD_KINDS
};

static int kinds[FD_KINDS];

static void kinds_make(void)
{
    int pair[2];
    struct guest_ram other = guest_ram_make(GUEST_SIZE, 0);
    assert_int_equal(pipe(pair), 0);
    kinds[FD_EVENT] = eventfd(0, EFD_NONBLOCK);
    kinds[FD_UNSEALED] = other.fd;
    kinds[FD_PIPE] = pair[0];
    kinds[FD_HUGE] = memfd_create("huge", MFD_HUGETLB | MFD_ALLOW_SEALING);
    kinds[FD_READ_ONLY] = guest_ram_make(GUEST_SIZE, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE).fd;
}

/* Side by side, of the size of the file or less; or odd in one way. */
static void region_likely(struct guest_region_entry *entry, unsigned i, uint8_t odd)
{
    *entry = (struct guest_region_entry){GUEST_GPA + i * (uint64_t)GUEST_SIZE, GUEST_SIZE >> (odd & 3),
                                         GUEST_UVA + i * (uint64_t)GUEST_SIZE, odd & 0x7c};
    switch (odd & 0x80 ? odd & 7 : 0) {
    case 1:
        entry->size = 0;
        break;
    case 2:
        entry->size = GUEST_MEMORY_MAX + i;
        break;
    case 3:
        entry->gpa = GUEST_GPA;
        break;
    case 4:
        entry->uva = UINT64_MAX;
        break;
    case 5:
        entry->size = GUEST_SIZE + 1;
        break;
    case 6:
        entry->gpa = 1ull << 60;
        entry->uva = 1ull << 60;
        entry->size = GUEST_MEMORY_MAX;
        break;
    default:
        break;
    }
}

static uint32_t payload_likely(struct input *input, struct env *env, uint32_t request, uint8_t *payload)
{
    uint8_t choice = take(input);
    struct vhost_vring_state state = {choice % 3, take(input)};
    struct vhost_vring_addr addr = {.index = choice % 3, .flags = choice == 0xff};
    struct vhost_mem_table table = {.count = choice % 10};
    uint64_t value = choice & 0x80 ? take32(input) : choice;
    const struct driver_ring *ring = &env->ring[choice % QUEUES];
    switch (request) {
    case VHOST_SET_MEM_TABLE:
        for (unsigned i = 0; i < GUEST_REGIONS_MAX; i++) {
            region_likely(&table.regions[i], i, i || choice & 0x10 ? take(input) : 0);
        }
        memcpy(payload, &table, sizeof(table));
        return sizeof(table);
    case VHOST_SET_VRING_ADDR:
        addr.desc = GUEST_UVA + DESC_AT(ring);
        addr.avail = GUEST_UVA + AVAIL_AT(ring);
        addr.used = GUEST_UVA + USED_AT(ring) + (choice & 0x40);
        memcpy(payload, &addr, sizeof(addr));
        return sizeof(addr);
    case VHOST_SET_VRING_KICK:
    case VHOST_SET_VRING_CALL:
    case VHOST_SET_VRING_ERR:
        value = choice % 3 | (choice & 0x40 ? VHOST_NO_FD : 0);
        break;
    case VHOST_SET_FEATURES:
        value = choice & 0x80 ? value << 24 : VIRTIO_F_VERSION_1 | (choice & 1 ? VHOST_F_PROTOCOL_FEATURES : 0);
        break;
    case VHOST_SET_VRING_NUM:
        state.index = choice & 1;
        state.num = 1u << choice / 4 % 12;
        /* fall through */
    case VHOST_SET_VRING_BASE:
    case VHOST_GET_VRING_BASE:
    case VHOST_SET_VRING_ENABLE:
        memcpy(payload, &state, sizeof(state));
        return sizeof(state);
    case VHOST_GET_CONFIG:
    case VHOST_SET_CONFIG:
        memcpy(payload, &(struct vhost_config){.offset = choice & 7, .size = choice >> 4}, 12);
        return 12u + (choice >> 4);
    case VHOST_GET_FEATURES:
    case VHOST_GET_PROTOCOL_FEATURES:
    case VHOST_GET_QUEUE_NUM:
    case VHOST_SET_OWNER:
    case VHOST_RESET_OWNER:
    case VHOST_RESET_DEVICE:
        return 0;
    default:
        break;
    }
    memcpy(payload, &value, sizeof(value));
    return sizeof(value);
}

static void message_send(struct input *input, struct env *env)
{
    uint8_t payload[1200] = {0}, choice = take(input);
    uint32_t request = choice % 36, flags = VHOST_FLAG_VERSION, len;
    int fds[64];
    len = payload_likely(input, env, request, payload);
    unsigned count = request == VHOST_SET_MEM_TABLE                                      ? payload[0]
                     : request >= VHOST_SET_VRING_KICK && request <= VHOST_SET_VRING_ERR ? !(payload[1] & 1)
                                                                                         : 0;
    uint8_t kind = request == VHOST_SET_MEM_TABLE ? FD_SEALED : FD_EVENT;
    if (choice & 0x80) { /* something is odd */
        uint8_t odd = take(input);
        flags = odd & 1 ? take(input) : flags | VHOST_FLAG_NEED_REPLY;
        len = odd & 2 ? take32(input) % sizeof(payload) : len;
        count = odd & 4 ? take(input) % 64 : count;
        kind = odd & 8 ? take(input) : kind;
    }
    for (unsigned i = 0; i < count; i++) {
        fds[i] = kinds[kind % FD_KINDS] < 0 ? kinds[FD_PIPE] : kinds[kind % FD_KINDS];
    }
    say_flags(env, request, flags, payload, len, fds, count);
}

static void raw_send(struct input *input, struct env *env)
{
    uint8_t bytes[64], count = take(input) % 64;
    for (unsigned i = 0; i < count; i++) {
        bytes[i] = take(input);
    }
    if (count) {
        send_raw(env, bytes, count, &kinds[FD_EVENT], count & 1);
    }
}

/* The process is killed: nothing is closed in order, only all at once. */
static void die_and_resume(struct input *input, struct env *env)
{
    _Alignas(64) static uint8_t note[VHOST_NOTE_SIZE];
    int kept[VHOST_KEEP_SLOTS], socket = dup(env->dev.socket), deposit[VHOST_KEEP_SLOTS];
    uint8_t choice = take(input);
    if (socket < 0) {
        return;
    }
    for (unsigned i = 0; i < VHOST_KEEP_SLOTS; i++) {
        kept[i] = env->kept[i] < 0 || (choice & 1 && take(input) & 1) ? -1 : dup(env->kept[i]);
        deposit[i] = env->kept[i] < 0 ? -1 : dup(env->kept[i]);
    }
    memcpy(note, env->note, sizeof(note));
    /* its own descriptors and memory go with it; the socket is shut down by close, so that is done by hand */
    close(env->dev.socket);
    env->dev.socket = -1;
    vhost_device_close(&env->dev);
    memcpy(env->note, note, sizeof(note));
    for (unsigned i = 0; i < VHOST_KEEP_SLOTS; i++) {
        if (env->kept[i] >= 0) {
            close(env->kept[i]);
        }
        env->kept[i] = deposit[i];
    }
    for (unsigned i = choice & 2 ? take(input) : 0; i; i--) {
        env->note[take32(input) % sizeof(struct vhost_note)] = take(input);
    }
    vhost_device_open(&env->dev, &ops, env, &host, env, socket, env->note);
    vhost_device_resume(&env->dev, kept);
}

static void rings_use(struct env *env)
{
    static struct vq_chain chain;
    for (unsigned i = 0; i < QUEUES; i++) {
        struct virtqueue *vq = vhost_device_queue(&env->dev, i);
        for (unsigned n = 0; vq && n < 40 && vq_take(vq, &chain); n++) {
            vq_give(vq, chain.head, 0);
        }
        driver_put(&env->ring[i], 0, GUEST_GPA + GUEST_SIZE - 64, 64, 0, 0);
        driver_offer(&env->ring[i], 0);
    }
    vhost_device_notify(&env->dev, 3);
    vhost_device_sleep(&env->dev, 3);
    vhost_device_awake(&env->dev, 3);
    assert_true(vhost_device_is_new(&env->dev) || vhost_device_note(&env->dev));
    (void)vhost_device_features(&env->dev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct env env;
    struct input input = {data, size};
    char drain[512];
    if (!kinds[FD_PIPE]) {
        kinds_make();
    }
    env_open(&env);
    kinds[FD_SEALED] = env.ram.fd; /* the driver's own */
    for (int i = 0; i < STEPS && input.left && env.dev.socket >= 0; i++) {
        uint8_t what = take(&input);
        if (what < 0xc0) {
            message_send(&input, &env);
        } else if (what < 0xd0) {
            raw_send(&input, &env);
        } else if (what < 0xe0) {
            die_and_resume(&input, &env);
        } else {
            rings_use(&env);
        }
        settle(&env);
        while (recv(env.qemu, drain, sizeof(drain), MSG_DONTWAIT) > 0) {
        }
    }
    env_close(&env); /* counts descriptors */
    return 0;
}
