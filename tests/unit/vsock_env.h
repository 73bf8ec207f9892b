/* SPDX-License-Identifier: Apache-2.0 */
/* vsock_env.h: a vsock device with echoes behind it, and its guest. */
#ifndef CARDMUX_TEST_VSOCK_ENV_H
#define CARDMUX_TEST_VSOCK_ENV_H

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
#include "backend/device/virtio_vsock/vsock.h"
#include "vring_driver.h"

#define SIZE    64u
#define CID     42u
#define PORT    21316u
#define ECHO    (1u << 20)
#define BUFFERS 0x40000u /* of the receive queue; those of the transmit queue lie behind */
#define BUFFER  4096u

struct env;

struct echo {
    struct env *env;
    struct vsock_connection *connection;
    uint8_t *bytes;
    size_t first, last; /* of bytes: to be sent */
    bool blocked, closed, deaf;
};

struct env {
    struct vsock vsock;
    _Alignas(16) uint8_t note[VHOST_NOTE_SIZE];
    struct guest_ram ram;
    struct driver_ring ring[VSOCK_QUEUES];
    int qemu;
    unsigned opened, closed;
    struct echo *last;
    bool refuse, hold; /* the service: no streams; echoes keep what they have */
    unsigned rx_offered;
};

/* ---- the service ---- */

static inline void *echo_open(void *owner, struct vsock_connection *connection, uint32_t port)
{
    struct env *env = owner;
    if (port != PORT || env->refuse) {
        return NULL;
    }
    struct echo *echo = calloc(1, sizeof(*echo));
    echo->bytes = malloc(ECHO);
    echo->env = env;
    echo->connection = connection;
    env->opened++;
    env->last = echo;
    return echo;
}

static inline unsigned echo_into(void *stream, struct iovec *iov, unsigned max)
{
    struct echo *echo = stream;
    size_t room = ECHO - echo->last;
    (void)max;
    if (echo->deaf) {
        return 0;
    }
    iov[0] = (struct iovec){echo->bytes + echo->last, room < 1000 ? room : 1000};
    iov[1] = (struct iovec){echo->bytes + echo->last + iov[0].iov_len, room - iov[0].iov_len};
    return room ? 2 : 0;
}

static inline bool echo_fed(void *stream, size_t len)
{
    struct echo *echo = stream;
    echo->last += len;
    if (!echo->env->hold && !echo->blocked) {
        echo->blocked = !vsock_push(echo->connection);
    }
    return true;
}

static inline unsigned echo_next(void *stream, struct iovec *iov, unsigned max, size_t most, size_t *bytes)
{
    struct echo *echo = stream;
    size_t have = echo->last - echo->first;
    (void)max;
    if (echo->env->hold || !have) {
        return 0;
    }
    *bytes = have < most ? have : most;
    size_t part = *bytes < 700 ? *bytes : 700;
    iov[0] = (struct iovec){echo->bytes + echo->first, part};
    iov[1] = (struct iovec){echo->bytes + echo->first + part, *bytes - part};
    return *bytes > part ? 2 : 1;
}

static inline void echo_sent(void *stream, size_t len)
{
    ((struct echo *)stream)->first += len;
}

static inline bool echo_idle(void *stream)
{
    const struct echo *echo = stream;
    return echo->first == echo->last;
}

static inline void echo_resume(void *stream)
{
    struct echo *echo = stream;
    echo->blocked = !vsock_push(echo->connection);
}

static inline void echo_close(void *stream)
{
    struct echo *echo = stream;
    echo->env->closed++;
    if (echo->env->last == echo) {
        echo->env->last = NULL;
    }
    free(echo->bytes);
    free(echo);
}

static const struct vsock_service service = {echo_open, echo_into, echo_fed,    echo_next,
                                             echo_sent, echo_idle, echo_resume, echo_close};

/* ---- the surroundings ---- */

static inline void host_watch(void *owner, unsigned queue, int fd)
{
    (void)owner, (void)queue, (void)fd;
}
static inline void host_ring(void *owner, int fd)
{
    (void)owner, (void)fd;
}
static inline void host_keep(void *owner, unsigned slot, int fd)
{
    (void)owner, (void)slot, (void)fd;
}
static inline void host_say(void *owner, const char *text)
{
    (void)owner, (void)text;
}
static inline void host_over(void *owner, int socket)
{
    (void)owner, (void)socket;
}
static const struct vhost_host host = {host_watch, host_ring, host_keep, host_say, host_over};

/* Rings are put in place without QEMU's messages; test_vhost_device.c has those. */
static inline void rings_start(struct env *env, bool again)
{
    struct vhost_device *dev = &env->vsock.vhost;
    guest_memory_release(dev->memory);
    dev->memory = guest_memory_of(&env->ram);
    for (unsigned i = 0; i < VSOCK_QUEUES; i++) {
        struct vhost_ring_note *note = &dev->note->rings[i];
        note->flags = VHOST_RING_ADDRESSED | VHOST_RING_ENABLED | VHOST_RING_STARTED;
        assert_int_equal(driver_map(&env->ring[i], &dev->rings[i].vq, dev->memory), 0);
        if (again) {
            vq_resume(&dev->rings[i].vq, VIRTIO_F_EVENT_IDX, &note->vq);
        } else {
            vq_start(&dev->rings[i].vq, VIRTIO_F_EVENT_IDX, 0, &note->vq);
        }
        dev->ops->started(&env->vsock, i, again);
    }
}

static inline void buffers_offer(struct env *env, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint16_t head = (uint16_t)(env->rx_offered++ % (SIZE / 2) * 2);
        uint64_t at = GUEST_GPA + BUFFERS + (uint64_t)head / 2 * (BUFFER + 64);
        driver_put(&env->ring[VSOCK_RX], head, at, VSOCK_HEADER, 3, (uint16_t)(head + 1));
        driver_put(&env->ring[VSOCK_RX], head + 1u, at + 64, BUFFER, 2, 0);
        driver_offer(&env->ring[VSOCK_RX], head);
    }
}

static inline void env_open(struct env *env, unsigned limit)
{
    int pair[2];
    memset(env, 0, sizeof(*env));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    env->qemu = pair[0];
    env->ram = guest_ram_make(GUEST_SIZE, F_SEAL_SHRINK);
    for (unsigned i = 0; i < VSOCK_QUEUES; i++) {
        env->ring[i] = (struct driver_ring){.base = env->ram.base, .at = i * RING_SPACE, .size = SIZE};
    }
    vsock_open(&env->vsock, &service, &host, env, CID, limit, pair[1], env->note);
    rings_start(env, false);
}

static inline void env_close(struct env *env)
{
    vsock_close(&env->vsock);
    assert_int_equal(env->opened, env->closed);
    close(env->qemu);
    guest_ram_free(&env->ram, GUEST_SIZE);
}

static inline struct vsock_header header_of(uint32_t port, enum vsock_op op)
{
    return (struct vsock_header){.src_cid = CID,
                                 .dst_cid = VSOCK_CID_HOST,
                                 .src_port = port,
                                 .dst_port = PORT,
                                 .type = VSOCK_TYPE_STREAM,
                                 .op = (uint16_t)op,
                                 .buf_alloc = 262144};
}

/* One packet into the transmit queue; payload lies behind the header, in a part of its own. */
static inline void packet_put(struct env *env, struct vsock_header header, const void *payload, uint32_t len)
{
    struct driver_ring *ring = &env->ring[VSOCK_TX];
    uint16_t head = (uint16_t)(ring->avail % (SIZE / 2) * 2);
    uint64_t at = GUEST_GPA + 0x80000 + (uint64_t)head / 2 * 0x3000;
    header.len = header.len ? header.len : len;
    vsock_header_swap(&header);
    memcpy(env->ram.base + (at - GUEST_GPA), &header, sizeof(header));
    if (len) {
        memcpy(env->ram.base + (at - GUEST_GPA) + 64, payload, len);
    }
    driver_put(ring, head, at, VSOCK_HEADER, len ? 1 : 0, (uint16_t)(head + 1));
    driver_put(ring, head + 1u, at + 64, len, 0, 0);
    driver_offer(ring, head);
}

static inline void turns(struct env *env)
{
    for (int i = 0; i < 1000; i++) {
        if (!vsock_turn(&env->vsock, 16) && vsock_sleep(&env->vsock)) {
            return;
        }
    }
    fail_msg("the device does not come to rest");
}

/* The next packet that the guest got. */
static inline bool packet_get(struct env *env, struct vsock_header *header, uint8_t *payload)
{
    uint32_t head, len;
    memset(header, 0, sizeof(*header));
    if (!driver_take(&env->ring[VSOCK_RX], &head, &len)) {
        return false;
    }
    const uint8_t *at = env->ram.base + BUFFERS + head / 2 * (BUFFER + 64);
    memcpy(header, at, VSOCK_HEADER);
    vsock_header_swap(header);
    assert_int_equal(len, VSOCK_HEADER + header->len);
    assert_true(header->dst_cid == CID && header->len <= BUFFER);
    if (payload) {
        memcpy(payload, at + 64, header->len);
    }
    return true;
}

static inline void expect(struct env *env, uint32_t port, enum vsock_op op)
{
    struct vsock_header header;
    if (!packet_get(env, &header, NULL)) {
        fail_msg("the guest got nothing, not operation %d", op);
    }
    if (header.op != op || header.dst_port != port) {
        fail_msg("the guest got operation %u for port %u, not %d for %u", header.op, header.dst_port, op, port);
    }
}

static inline void expect_nothing(struct env *env)
{
    struct vsock_header header;
    assert_false(packet_get(env, &header, NULL));
}

static inline void say(struct env *env, uint32_t port, enum vsock_op op)
{
    packet_put(env, header_of(port, op), NULL, 0);
    turns(env);
}

static inline void connect_port(struct env *env, uint32_t port)
{
    say(env, port, VSOCK_OP_REQUEST);
    expect(env, port, VSOCK_OP_RESPONSE);
}

#endif
