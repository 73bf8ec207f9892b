/* covers: backend/device/virtio_vsock/vsock.c backend/device/virtio_vsock/vsock_send.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile guest of the vsock device, with honest and dishonest headers in any state of its connections, and a stream
 * that holds back, takes no more, or ends. The device comes to rest after every step, sends no more than it has credit
 * for, and in the end no stream is left.
 */
#include <stdint.h>
#include "fuzz/checks.h"
#include "tests/unit/vsock_env.h"

#define STEPS 120

static uint32_t number(struct input *input)
{
    static const uint32_t some[] = {0,        1,         64, 1000, 4096, 65536, VSOCK_BUF_ALLOC, VSOCK_BUF_ALLOC + 1,
                                    1u << 31, UINT32_MAX};
    uint8_t choice = take(input);
    return choice < 0xf0 ? some[choice % 10] + (choice >> 6) : take32(input);
}

static void packet(struct input *input, struct env *env)
{
    static uint8_t bytes[8192];
    uint8_t shape = take(input), odd = take(input);
    struct vsock_header header = header_of(shape % 4, (enum vsock_op)(shape >> 2 & 7));
    uint32_t len = header.op == VSOCK_OP_RW ? number(input) % sizeof(bytes) : 0;
    header.flags = shape >> 5;
    if (odd & 1) {
        header.fwd_cnt = number(input);
    }
    if (odd & 2) {
        header.buf_alloc = number(input);
    }
    if (odd & 4) {
        header.len = number(input);
    }
    if ((odd & 0x38) == 0x38) {
        header.op = take(input);
        header.type = take(input) & 3;
        header.src_cid = odd & 0x40 ? CID : 7;
        header.dst_cid = odd & 0x80 ? VSOCK_CID_HOST : 9;
        header.dst_port = PORT + (odd >> 7);
    }
    packet_put(env, header, bytes, len);
}

static void stream_acts(struct input *input, struct env *env)
{
    uint8_t choice = take(input);
    switch (choice % 6) {
    case 0:
        env->hold = choice & 0x80;
        break;
    case 1:
        env->refuse = choice & 0x80;
        break;
    case 2:
        if (env->last) {
            env->last->deaf = true;
        }
        break;
    case 3:
        if (env->last && env->last->connection->state == VSOCK_OPEN) {
            vsock_shut(env->last->connection);
        }
        break;
    case 4:
        if (env->last) {
            struct echo *echo = env->last;
            vsock_lost(echo->connection);
            echo_close(echo);
        }
        break;
    default:
        if (env->last && !env->last->blocked) {
            env->last->blocked = !vsock_push(env->last->connection);
        }
    }
}

static void process_dies(struct env *env)
{
    _Alignas(64) static uint8_t note[VHOST_NOTE_SIZE];
    int kept[VHOST_KEEP_SLOTS];
    memcpy(note, env->note, sizeof(note));
    int socket = dup(env->vsock.vhost.socket);
    vsock_close(&env->vsock);
    memcpy(env->note, note, sizeof(note));
    memset(kept, 0xff, sizeof(kept));
    for (unsigned i = 0; i < VSOCK_QUEUES; i++) {
        env->vsock.vhost.note->rings[i].flags = 0;
    }
    vsock_open(&env->vsock, &service, &host, env, CID, 3, socket, env->note);
    vsock_resume(&env->vsock, kept);
    rings_start(env, true);
}

static void guest_reads(struct env *env)
{
    uint32_t head, len;
    for (int i = 0; i < 64 && driver_take(&env->ring[VSOCK_RX], &head, &len); i++) {
        assert_true(len <= VSOCK_HEADER + BUFFER);
    }
    while (driver_take(&env->ring[VSOCK_TX], &head, &len)) {
    }
}

static void sane(const struct env *env)
{
    unsigned open = 0;
    for (unsigned i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
        const struct vsock_connection *connection = &env->vsock.connections[i];
        open += connection->state == VSOCK_OPEN;
        assert_true((connection->stream != NULL) <= (connection->state == VSOCK_OPEN));
        assert_true(connection->received - connection->told <= VSOCK_BUF_ALLOC);
    }
    assert_true(open <= 3 && env->vsock.reset_count <= VSOCK_RESETS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct env env;
    struct input input = {data, size};
    env_open(&env, 3);
    for (int i = 0; i < STEPS && input.left; i++) {
        uint8_t what = take(&input);
        if (what < 0xa0) {
            packet(&input, &env);
        } else if (what < 0xc8) {
            buffers_offer(&env, what & 3);
        } else if (what < 0xe0) {
            stream_acts(&input, &env);
        } else if (what < 0xe8) {
            process_dies(&env);
        } else if (what < 0xf0) { /* a receive buffer of any size, or the event queue */
            uint8_t length = take(&input);
            driver_put(&env.ring[VSOCK_RX + (what & 2)], 60, GUEST_GPA + 0xf0000, length, 2, 0);
            driver_offer(&env.ring[VSOCK_RX + (what & 2)], 60);
        } else {
            guest_reads(&env);
        }
        turns(&env);
        sane(&env);
    }
    env_close(&env);
    return 0;
}
