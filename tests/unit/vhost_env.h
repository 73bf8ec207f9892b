/* SPDX-License-Identifier: Apache-2.0 */
/* vhost_env.h: a device that does nothing but count, behind the vhost-user layer, and what QEMU says to it. */
#ifndef CARDMUX_TEST_VHOST_ENV_H
#define CARDMUX_TEST_VHOST_ENV_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#ifndef CARDMUX_FUZZ_CHECKS /* fuzz/checks.h: the same words, without a test framework */
#include <cmocka.h>
#endif
#include "vring_driver.h"

#define QUEUES 2u
#define SIZE   16u

struct env {
    struct vhost_device dev;
    int qemu; /* QEMU's end */
    _Alignas(16) uint8_t note[VHOST_NOTE_SIZE];
    int kept[VHOST_KEEP_SLOTS];
    int watched[VHOST_QUEUES_MAX];
    unsigned started[VHOST_QUEUES_MAX], again[VHOST_QUEUES_MAX], stopped[VHOST_QUEUES_MAX], resets, rings, overs;
    char said[256];
    struct guest_ram ram;
    struct driver_ring ring[QUEUES];
    unsigned fds_before;
};

static inline unsigned fds_open(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count;
}

/* ---- the surroundings, and the device ---- */

static inline void host_watch(void *owner, unsigned queue, int fd)
{
    ((struct env *)owner)->watched[queue] = fd;
}

static inline void host_ring(void *owner, int fd)
{
    uint64_t one = 1;
    ((struct env *)owner)->rings++;
    assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static inline void host_keep(void *owner, unsigned slot, int fd)
{
    int *kept = ((struct env *)owner)->kept;
    assert_true(slot < VHOST_KEEP_SLOTS);
    if (kept[slot] >= 0) {
        close(kept[slot]);
    }
    kept[slot] = fd < 0 ? -1 : dup(fd);
}

static inline void host_say(void *owner, const char *text)
{
    snprintf(((struct env *)owner)->said, 256, "%s", text);
}

/* Whoever watches it must be able to name it still. */
static inline void host_over(void *owner, int socket)
{
    struct env *env = owner;
    int kind;
    socklen_t len = sizeof(kind);
    assert_int_equal(getsockopt(socket, SOL_SOCKET, SO_TYPE, &kind, &len), 0);
    assert_int_equal(socket, env->dev.socket);
    env->overs++;
}

static const struct vhost_host host = {host_watch, host_ring, host_keep, host_say, host_over};

static inline void device_config(void *device, uint8_t *bytes)
{
    (void)device;
    memcpy(bytes, "01234567", 8);
}

static inline void device_started(void *device, unsigned queue, bool again)
{
    struct env *env = device;
    env->started[queue]++;
    env->again[queue] += again;
}

static inline void device_stopped(void *device, unsigned queue)
{
    ((struct env *)device)->stopped[queue]++;
}

static inline void device_reset(void *device)
{
    ((struct env *)device)->resets++;
}

static inline bool device_message(void *device, const struct vhost_message *message, void *reply, uint32_t *len)
{
    (void)device;
    memcpy(reply, &message->payload.u64, 8);
    *len = 8;
    return message->payload.u64 != 666;
}

static const struct vhost_device_ops ops = {.name = "test",
                                            .queues = QUEUES,
                                            .config_size = 8,
                                            .config = device_config,
                                            .started = device_started,
                                            .stopped = device_stopped,
                                            .reset = device_reset,
                                            .message = device_message};

static inline void env_open(struct env *env)
{
    int pair[2];
    memset(env, 0, sizeof(*env));
    env->fds_before = fds_open();
    memset(env->kept, 0xff, sizeof(env->kept));
    memset(env->watched, 0xff, sizeof(env->watched));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    env->qemu = pair[0];
    env->ram = guest_ram_make(GUEST_SIZE, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    for (unsigned i = 0; i < QUEUES; i++) {
        env->ring[i] = (struct driver_ring){.base = env->ram.base, .at = i * RING_SPACE, .size = SIZE};
    }
    vhost_device_open(&env->dev, &ops, env, &host, env, pair[1], env->note);
}

/* Nothing of it is left, whatever was done to it. */
static inline void env_close(struct env *env)
{
    unsigned overs = env->overs + (env->dev.socket >= 0);
    vhost_device_close(&env->dev);
    assert_int_equal(env->overs, overs); /* told each time, and once */
    assert_true(overs > 0);
    for (unsigned i = 0; i < VHOST_KEEP_SLOTS; i++) {
        if (env->kept[i] >= 0) {
            close(env->kept[i]);
        }
    }
    close(env->qemu);
    guest_ram_free(&env->ram, GUEST_SIZE);
    assert_int_equal(fds_open(), env->fds_before);
}

/* ---- QEMU ---- */

static inline void send_raw(struct env *env, const void *bytes, size_t len, const int *fds, unsigned count)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(64 * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    }
    assert_int_equal(sendmsg(env->qemu, &message, 0), (ssize_t)len);
}

static inline void say_flags(struct env *env, uint32_t request, uint32_t flags, const void *payload, uint32_t len,
                             const int *fds, unsigned count)
{
    uint8_t bytes[2048];
    struct vhost_header header = {.request = request, .flags = flags, .size = len};
    memcpy(bytes, &header, sizeof(header));
    if (len) {
        memcpy(bytes + sizeof(header), payload, len);
    }
    send_raw(env, bytes, sizeof(header) + len, fds, count);
}

static inline void say_fds(struct env *env, uint32_t request, const void *payload, uint32_t len, const int *fds,
                           unsigned count)
{
    say_flags(env, request, VHOST_FLAG_VERSION, payload, len, fds, count);
}

static inline void say_u64(struct env *env, uint32_t request, uint64_t value)
{
    say_fds(env, request, &value, sizeof(value), NULL, 0);
}

static inline void say_state(struct env *env, uint32_t request, uint32_t index, uint32_t num)
{
    struct vhost_vring_state state = {index, num};
    say_fds(env, request, &state, sizeof(state), NULL, 0);
}

/* Everything that was said is dealt with; is the connection still there? */
static inline bool settle(struct env *env)
{
    enum vhost_turn turn;
    while ((turn = vhost_device_read(&env->dev)) == VHOST_TURN_MORE) {
    }
    return turn == VHOST_TURN_DONE;
}

static inline uint32_t reply(struct env *env, uint32_t request, void *payload, uint32_t room)
{
    struct vhost_header header;
    assert_int_equal(recv(env->qemu, &header, sizeof(header), MSG_DONTWAIT), sizeof(header));
    assert_true(header.request == request && header.flags == (VHOST_FLAG_VERSION | VHOST_FLAG_REPLY));
    assert_true(header.size <= room);
    if (header.size) {
        assert_int_equal(recv(env->qemu, payload, header.size, MSG_DONTWAIT), header.size);
    }
    return header.size;
}

static inline uint64_t ask_u64(struct env *env, uint32_t request)
{
    uint64_t value = 0;
    say_fds(env, request, NULL, 0, NULL, 0);
    assert_true(settle(env));
    assert_int_equal(reply(env, request, &value, sizeof(value)), sizeof(value));
    return value;
}

static inline void no_reply(struct env *env)
{
    char byte;
    assert_int_equal(recv(env->qemu, &byte, 1, MSG_DONTWAIT), -1);
}

static inline struct vhost_mem_table memory_table(const struct env *env)
{
    (void)env;
    struct vhost_mem_table table = {.count = 1};
    table.regions[0] = (struct guest_region_entry){.gpa = GUEST_GPA, .size = GUEST_SIZE, .uva = GUEST_UVA};
    return table;
}

static inline void say_memory(struct env *env, int fd)
{
    struct vhost_mem_table table = memory_table(env);
    say_fds(env, VHOST_SET_MEM_TABLE, &table, sizeof(table), &fd, 1);
}

static inline void say_eventfd(struct env *env, uint32_t request, unsigned ring)
{
    uint64_t index = ring;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    say_fds(env, request, &index, sizeof(index), &fd, 1);
    close(fd);
}

static inline void ring_say(struct env *env, unsigned i, uint32_t base)
{
    const struct driver_ring *ring = &env->ring[i];
    struct vhost_vring_addr addr = {.index = i,
                                    .desc = GUEST_UVA + DESC_AT(ring),
                                    .used = GUEST_UVA + USED_AT(ring),
                                    .avail = GUEST_UVA + AVAIL_AT(ring)};
    say_state(env, VHOST_SET_VRING_NUM, i, SIZE);
    say_state(env, VHOST_SET_VRING_BASE, i, base);
    say_fds(env, VHOST_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
    say_eventfd(env, VHOST_SET_VRING_KICK, i);
    say_eventfd(env, VHOST_SET_VRING_CALL, i);
}

/* From the first word to two rings that are served. */
static inline void bring_up(struct env *env, bool protocol)
{
    uint64_t features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX;
    uint64_t offered = ask_u64(env, VHOST_GET_FEATURES);
    assert_int_equal(offered, features | VHOST_F_PROTOCOL_FEATURES);
    if (protocol) {
        uint64_t got = ask_u64(env, VHOST_GET_PROTOCOL_FEATURES);
        assert_int_equal(got,
                         VHOST_PROTOCOL_MQ | VHOST_PROTOCOL_REPLY_ACK | VHOST_PROTOCOL_CONFIG | VHOST_PROTOCOL_RESET);
        say_u64(env, VHOST_SET_PROTOCOL_FEATURES, got);
        assert_int_equal(ask_u64(env, VHOST_GET_QUEUE_NUM), QUEUES);
    }
    say_fds(env, VHOST_SET_OWNER, NULL, 0, NULL, 0);
    say_u64(env, VHOST_SET_FEATURES, features | (protocol ? VHOST_F_PROTOCOL_FEATURES : 0));
    say_memory(env, env->ram.fd);
    for (unsigned i = 0; i < QUEUES; i++) {
        ring_say(env, i, 0);
    }
    assert_true(settle(env));
    no_reply(env);
    assert_string_equal(env->said, "");
}

#endif
