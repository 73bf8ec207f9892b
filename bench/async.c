/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include "bench/caller.h"
#include "cardmux/sdf.h"

/* Of the operation table, not worth queueing, but needed to check signatures (param out: x || y). */
#define OP_EXPORT_PUBLIC 8u

struct async {
    const struct caller_config *config;
    struct work *work;
    struct cardmux_client *client;
    uint32_t key;
    uint32_t depth;
    int slots[CARDMUX_DEPTH];
    uint8_t *data[CARDMUX_DEPTH], *param[CARDMUX_DEPTH]; /* of the slots */
    uint8_t *out;                                        /* results, one buffer per slot */
    size_t stride;
    uint64_t seq[CARDMUX_DEPTH], stamp[CARDMUX_DEPTH]; /* per slot, by its place in `slots` */
};

/* One request and its answer, outside of slices, in the first slot. */
static uint32_t ask(struct async *async, struct cardmux_request request, struct cardmux_completion *done)
{
    request.slot = (uint16_t)async->slots[0];
    if (cardmux_submit(async->client, &request, 1) != 1 || cardmux_poll(async->client, done, 1, 1, 10000) != 1)
        return SDR_COMMFAIL;
    return done->status;
}

static uint32_t session_key(struct async *async)
{
    struct ref_sm2 *pair = ref_sm2_new();
    if (!pair)
        return SDR_UNKNOWERR;
    ref_sm2_export(pair, NULL, async->param[0]);
    struct cardmux_request request = {
        .op = CARDMUX_KEY_GENERATE_EPK, .param_len = 64, .alg = SGD_SM2_3, .arg = 8 * sizeof(async->work->key)};
    struct cardmux_completion done;
    uint32_t status = ask(async, request, &done);
    uint8_t key[64];
    size_t len = sizeof(key);
    if (status == SDR_OK && !(ref_sm2_decrypt(pair, async->data[0], done.data_len, key, &len) && len == 16))
        status = SDR_KEYERR;
    if (status == SDR_OK) {
        memcpy(async->work->key, key, 16);
        async->key = done.value;
    }
    ref_sm2_free(pair);
    return status;
}

static uint32_t public_key(struct async *async)
{
    struct cardmux_completion done;
    uint32_t status = cardmux_right_get(async->client, 1, NULL, 0);
    if (status == SDR_OK)
        status = ask(async, (struct cardmux_request){.op = OP_EXPORT_PUBLIC, .key = 1}, &done);
    if (status == SDR_OK)
        async->work->checker = ref_sm2_public(async->param[0]);
    async->key = 1;
    return status != SDR_OK || async->work->checker ? status : SDR_KEYERR;
}

static uint32_t signatures(struct async *async)
{
    struct cardmux_completion done;
    for (uint32_t i = 0; i < WORK_INPUTS; i++) {
        memcpy(async->param[0], work_input(async->work, i), 32);
        uint32_t status = ask(async, (struct cardmux_request){.op = CARDMUX_SIGN, .key = 1, .param_len = 32}, &done);
        if (status != SDR_OK)
            return status;
        memcpy(async->work->sigs[i], async->param[0], 64);
    }
    return work_signatures(async->work) ? SDR_OK : SDR_VERIFYERR;
}

static uint32_t keys_make(struct async *async)
{
    switch (async->work->op->kind) {
    case WORK_CIPHER:
        return session_key(async);
    case WORK_SIGN:
        return public_key(async);
    case WORK_VERIFY: {
        uint32_t status = public_key(async);
        return status == SDR_OK ? signatures(async) : status;
    }
    default:
        return SDR_OK;
    }
}

static void async_close(void *caller)
{
    struct async *async = caller;
    cardmux_close(async->client);
    free(async->out);
    free(async);
}

static void *async_open(const struct caller_config *config, struct work *work, char *text)
{
    struct async *async = calloc(1, sizeof(*async));
    if (!async)
        return NULL;
    async->config = config;
    async->work = work;
    async->depth = config->depth;
    async->stride = (work->size + 127) / 64 * 64;
    async->out = aligned_alloc(64, async->depth * async->stride);
    struct cardmux_options options = {
        .size = sizeof(options), .reach = config->reach, .where = config->socket, .wait = config->wait};
    if (!async->out || cardmux_open(&options, &async->client, text, SLICE_TEXT) != SDR_OK) {
        async_close(async);
        return NULL;
    }
    memset(async->out, 0, async->depth * async->stride);
    for (uint32_t i = 0; i < async->depth; i++) {
        async->slots[i] = cardmux_slot_take(async->client);
        async->data[i] = cardmux_slot_data(async->client, async->slots[i]);
        async->param[i] = cardmux_slot_param(async->client, async->slots[i]);
    }
    uint32_t status = async->slots[async->depth - 1] < 0 ? SDR_NOBUFFER : keys_make(async);
    if (status != SDR_OK) {
        snprintf(text, SLICE_TEXT, "the tenant's keys could not be had over %s (0x%08x)", config->reach, status);
        async_close(async);
        return NULL;
    }
    return async;
}

/* Copies the payload into slot i and describes operation seq. */
static void request_make(struct async *async, uint32_t i, uint64_t seq, struct cardmux_request *request)
{
    struct work *work = async->work;
    const struct bench_op *op = work->op;
    *request = (struct cardmux_request){.op = op->wire_op, .slot = (uint16_t)async->slots[i], .user = i};
    async->seq[i] = seq;
    switch (op->kind) {
    case WORK_RANDOM:
        request->arg = (uint32_t)work->size;
        return;
    case WORK_SIGN:
        memcpy(async->param[i], work_input(work, seq), 32);
        request->param_len = 32;
        request->key = async->key;
        return;
    case WORK_VERIFY:
        memcpy(async->param[i], work_input(work, seq), 32);
        memcpy(async->param[i] + 32, work->sigs[seq % WORK_INPUTS], 64);
        request->param_len = 96;
        request->key = async->key;
        return;
    case WORK_CIPHER:
        request->key = async->key;
        if (!(op->alg & SGD_ECB))
            work_iv(work, seq, request->iv);
        /* fall through */
    case WORK_ECHO:
    case WORK_HASH:
        request->alg = op->alg;
        request->data_len = (uint32_t)work->size;
        memcpy(async->data[i], work_input(work, seq), work->size);
    }
}

/* Copies the result out and looks at it as far as that is done on the clock. */
static bool result_take(struct async *async, uint32_t i, const struct cardmux_completion *done)
{
    struct work *work = async->work;
    enum work_kind kind = work->op->kind;
    uint64_t seq = async->seq[i];
    bool sampled = work_sampled(seq);
    if (!work_status_ok(work, seq, done->status))
        return false;
    if (kind == WORK_VERIFY) {
        if (sampled)
            work_compare(work, seq, NULL);
        return true;
    }
    bool in_param = kind == WORK_HASH || kind == WORK_SIGN;
    if ((in_param ? done->param_len : done->data_len) != work->result)
        return false;
    uint8_t *kept = sampled ? work_keep(work, seq) : NULL;
    uint8_t *out = kept ? kept : async->out + i * async->stride;
    memcpy(out, in_param ? async->param[i] : async->data[i], work->result);
    if (sampled && !kept)
        work_compare(work, seq, out);
    return true;
}

static void async_run(void *caller, struct meter *meter)
{
    struct async *async = caller;
    struct cardmux_request batch[CARDMUX_DEPTH];
    struct cardmux_completion done[CARDMUX_DEPTH];
    struct cardmux_stats before, after;
    size_t n = 0, in_flight = 0;
    uint64_t seq = 0;
    bool running = true;
    cardmux_stats(async->client, &before);
    uint64_t now = now_ns();
    for (; n < async->depth; n++, seq++) {
        request_make(async, (uint32_t)n, seq, &batch[n]);
        async->stamp[n] = now;
    }
    while (n > 0 || in_flight > 0) {
        size_t taken = n ? cardmux_submit(async->client, batch, n) : 0;
        in_flight += taken;
        n -= taken;
        memmove(batch, batch + taken, n * sizeof(batch[0]));
        size_t got = in_flight ? cardmux_poll(async->client, done, CARDMUX_DEPTH, async->config->wake, 1000) : 0;
        if (got == 0 && now_ns() > meter->end_ns + CALLER_GRACE_NS) {
            meter->result->errors += in_flight + n;
            snprintf(meter->result->text, SLICE_TEXT, "%zu requests were never answered", in_flight);
            atomic_store(&meter->result->failed, 1);
            break;
        }
        for (size_t k = 0; k < got; k++) {
            uint32_t i = (uint32_t)done[k].user;
            in_flight--;
            meter->ops++;
            if (!result_take(async, i, &done[k]))
                meter->result->errors++;
            if (async->seq[i] % meter->stride == 0) {
                now = now_ns();
                meter_latency(meter, now - async->stamp[i]);
                running = meter_tick(meter, now) && running;
            }
            if (!running)
                continue;
            request_make(async, i, seq, &batch[n++]);
            if (seq++ % meter->stride == 0)
                async->stamp[i] = meter->stride == 1 ? now : now_ns();
        }
    }
    cardmux_stats(async->client, &after);
    meter->result->all_ops = meter->ops;
    meter->result->doorbells = after.doorbells - before.doorbells;
    meter->result->sleeps = after.sleeps - before.sleeps;
}

const struct caller_driver caller_async = {async_open, async_run, async_close};
