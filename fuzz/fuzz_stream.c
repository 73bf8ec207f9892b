/* covers: proto/stream.c backend/broker/stream.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream, as the broker's engine receives it from a hostile front end and as a front end receives it from a hostile
 * host. The broker has the null card and one tenant; each input is one connection and a program of steps: bytes as they
 * are, frames that make sense whole or in pieces, bytes taken from what is to be sent, a pump that cannot send, passes,
 * the end. What the engine sends is received by an honest front end, which must find no fault with it; and the bytes
 * that went to the engine go to a second front end, too, as if a host had sent them. Nothing may be left at the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backend/broker/stream.h"
#include "tests/wire/bare.h"

#define STEPS 128

static struct broker broker;
static struct daemon_config config = {
    .card = "null", .wait = WAIT_SLEEP, .deadline_ms = 1000, .workers = 1, .code_attempts = 10};
static struct bare bare;

static struct {
    struct stream *stream;
    bool stuck; /* the pump cannot send */
    unsigned shuts, freed;
} pumped;

static uint8_t honest_memory[CM_QP_SIZE] __attribute__((aligned(4096)));
static uint8_t misled_memory[CM_QP_SIZE] __attribute__((aligned(4096)));
static struct cm_stream honest, misled; /* front ends */
static struct cm_stream_hello hello;
static size_t hello_at;
static uint32_t sq_pos, cq_pos;

struct program {
    const uint8_t *at;
    size_t left;
};

static void must(int condition)
{
    if (!condition)
        abort();
}

static uint32_t take(struct program *in, unsigned bytes)
{
    uint32_t value = 0;
    while (bytes-- && in->left) {
        value = value << 8 | *in->at++;
        in->left--;
    }
    return value;
}

/* Copies into what a receiving end names; how much went. */
static size_t put(const struct iovec *into, unsigned n, const uint8_t *bytes, size_t len)
{
    size_t done = 0;
    for (unsigned i = 0; i < n && done < len; i++) {
        size_t part = len - done < into[i].iov_len ? len - done : into[i].iov_len;
        memcpy(into[i].iov_base, bytes + done, part);
        done += part;
    }
    return done;
}

static void to_honest(const uint8_t *bytes, size_t len)
{
    while (len) {
        size_t part;
        if (hello_at < sizeof hello) {
            part = len < sizeof hello - hello_at ? len : sizeof hello - hello_at;
            memcpy((uint8_t *)&hello + hello_at, bytes, part);
            hello_at += part;
            must(hello_at < sizeof hello || !cm_stream_hello_fault(&hello));
        } else {
            struct iovec into[CM_STREAM_INTO];
            unsigned n = cm_stream_into(&honest, into);
            part = put(into, n, bytes, len);
            /* whatever slots the engine answers, this front end has asked for them */
            honest.busy = ~0ull;
            must(cm_stream_got(&honest, part, NULL));
        }
        bytes += part;
        len -= part;
    }
    struct cm_cqe cqe;
    while (cm_entry_take(honest.qp, CM_QP_CQ, cq_pos, &cqe))
        cq_pos++;
}

/* Sends at most `most` bytes. */
static void drain(struct stream *stream, size_t most)
{
    struct iovec iov[STREAM_SEND_IOV];
    size_t bytes;
    while (most) {
        unsigned n = stream_next(stream, iov, STREAM_SEND_IOV, STREAM_SEND_MOST, &bytes);
        if (!n)
            return;
        size_t sent = 0;
        for (unsigned i = 0; i < n && sent < most; i++) {
            size_t part = iov[i].iov_len < most - sent ? iov[i].iov_len : most - sent;
            to_honest(iov[i].iov_base, part);
            sent += part;
        }
        stream_sent(stream, sent);
        most -= sent;
    }
}

static void push(struct stream *stream)
{
    if (pumped.stuck)
        stream->blocked = true;
    else
        drain(stream, SIZE_MAX);
}

static bool quiet(struct stream *stream)
{
    return stream->blocked || !cm_stream_has(&stream->wire);
}

static void shut(struct stream *stream)
{
    (void)stream;
    pumped.shuts++;
}

static void freed(void *owner)
{
    must(owner == &pumped);
    pumped.freed++;
}

static const struct stream_pump pump = {.push = push, .quiet = quiet, .shut = shut, .freed = freed};

static void feed(const uint8_t *bytes, size_t len)
{
    struct iovec into[CM_STREAM_INTO];
    size_t rest = len, mine = len;
    const uint8_t *at = bytes;
    while (mine && !misled.fault) {
        size_t part = put(into, cm_stream_into(&misled, into), at, mine);
        cm_stream_got(&misled, part, NULL);
        at += part;
        mine -= part;
    }
    while (rest) {
        unsigned n = stream_into(pumped.stream, into);
        if (!n)
            return;
        size_t part = put(into, n, bytes, rest);
        bool fine = stream_fed(pumped.stream, part);
        must(fine || pumped.shuts == 1);
        bytes += part;
        rest -= part;
    }
}

/* A frame of this connection, perhaps with one field that is not. */
static void feed_frame(struct program *in)
{
    static uint8_t frame[CM_STREAM_FRAME];
    uint32_t choice = take(in, 1), lengths = take(in, 1), wrong = take(in, 1);
    struct cm_sqe sqe = {.generation = broker.generation,
                         .epoch = CM_STREAM_EPOCH,
                         .op = choice & 1   ? CM_OP_ECHO
                               : choice & 2 ? CM_OP_SESSION_OPEN
                                            : (uint16_t)(choice >> 2),
                         .slot = (uint16_t)(take(in, 1) % CM_SLOTS),
                         .tag = sq_pos,
                         .pos = sq_pos};
    sqe.data_len = lengths & 1 ? lengths * 65u % (CM_SLOT_SIZE + 1) : 0;
    sqe.param_len = lengths & 2 ? (uint16_t)(lengths * 2u) : 0;
    if (wrong >= 248) {
        uint8_t raw[64];
        memcpy(raw, &sqe, sizeof raw);
        raw[take(in, 1) % 64] ^= (uint8_t)(1u << (wrong & 7));
        memcpy(&sqe, raw, sizeof raw);
    }
    size_t len = sizeof sqe + (sqe.param_len <= CM_PARAM_SIZE ? sqe.param_len : 0u) +
                 (sqe.data_len <= CM_SLOT_SIZE ? sqe.data_len : 0u);
    memset(frame, (int)lengths, len);
    memcpy(frame, &sqe, sizeof sqe);
    sq_pos++;
    size_t piece = wrong & 1 ? len : 1 + wrong;
    for (size_t at = 0; at < len; at += piece)
        feed(frame + at, len - at < piece ? len - at : piece);
}

static void step(struct program *in)
{
    uint8_t raw[128];
    uint32_t what = take(in, 1), n;
    switch (what & 7) {
    default:
        feed_frame(in);
        break;
    case 3:
        n = what >> 3;
        for (uint32_t i = 0; i < n; i++)
            raw[i] = (uint8_t)take(in, 1);
        feed(raw, n);
        break;
    case 4:
        pumped.stuck = (what & 8) != 0;
        if (!pumped.stuck) {
            pumped.stream->blocked = false;
            stream_push(pumped.stream);
        }
        break;
    case 5:
        drain(pumped.stream, take(in, 2));
        break;
    case 6: /* as the loop does when there is nothing to do */
        if (pumped.stream->channel->active)
            channel_deactivate(&broker, pumped.stream->channel);
        stream_rest(pumped.stream);
        break;
    case 7:
        break;
    }
    if (what & 0x80 || (what & 7) >= 3)
        for (unsigned i = 0; i < 3; i++)
            broker_pass(&broker, false);
}

static void end_once(void)
{
    bare_end(&bare, &broker);
}

static void start_once(void)
{
    bare_start(&bare, &broker, &config, 1);
    broker.generation = 1; /* so that recorded bytes can have it */
    atexit(end_once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct program in = {.at = data, .left = size};
    if (!bare.dir[0])
        start_once();
    memset(&pumped, 0, sizeof pumped);
    hello_at = 0;
    sq_pos = cq_pos = 1;
    cm_stream_start(&honest, shm_span_of(honest_memory, CM_QP_SIZE), false, 1, 7, 7);
    cm_stream_start(&misled, shm_span_of(misled_memory, CM_QP_SIZE), false, 1, 8, 8);
    misled.busy = 0xffffull;
    pumped.stream = stream_open(&broker, broker.tenants[0], 0, &pump, &pumped);
    must(pumped.stream != NULL);
    stream_push(pumped.stream);
    for (unsigned i = 0; i < STEPS && in.left; i++)
        step(&in);
    must(!pumped.shuts == !pumped.stream->wire.fault && *cm_stream_fault_name(pumped.stream->wire.fault));
    stream_close(pumped.stream);
    while (broker_pass(&broker, false))
        ;
    const struct tenant *tenant = broker.tenants[0];
    must(pumped.freed == 1 && !tenant->regions && !tenant->counters.sessions && !tenant->counters.regions);
    must(!broker.active && !broker.active_channels);
    return 0;
}
