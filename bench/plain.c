/* SPDX-License-Identifier: Apache-2.0 */
/* plain.c: the library loop, see direct.h. Same buffers, inputs and checks as direct, no card between. */
#include <stdlib.h>
#include <string.h>
#include "bench/direct_internal.h"
#include "cards/soft/library.h"

struct plain {
    struct direct *direct;
    struct library *library;
};

struct plain *plain_open(struct direct *direct)
{
    const struct bench_op *op = direct->work->op;
    if (op->kind == WORK_ECHO || strcmp(direct->driver->name, "soft") != 0)
        return NULL;
    struct plain *plain = calloc(1, sizeof(*plain));
    if (!plain)
        return NULL;
    plain->direct = direct;
    plain->library =
        library_open(LIBRARY_FASTEST, (enum card_op)op->card_op, op->alg, direct->key_bytes, direct->key_len);
    if (!plain->library) {
        free(plain);
        return NULL;
    }
    return plain;
}

void plain_close(struct plain *plain)
{
    if (!plain)
        return;
    library_close(plain->library);
    free(plain);
}

/* Is what library_run returned right for operation seq? */
static bool written_ok(const struct work *work, uint64_t seq, size_t written)
{
    if (work->op->kind == WORK_VERIFY)
        return (written == 1) == work->good[seq % WORK_INPUTS];
    return written == work->result;
}

void plain_run(struct plain *plain, struct meter *meter)
{
    struct direct *direct = plain->direct;
    struct work *work = direct->work;
    enum work_kind kind = work->op->kind;
    size_t out_cap = kind == WORK_HASH ? CARD_DIGEST_MAX : work->result; /* room for any digest */
    size_t in_len = kind == WORK_RANDOM ? 0 : work->size;
    uint8_t iv[CARD_IV] = {0};
    bool running = true;
    uint64_t now = now_ns();
    for (uint64_t seq = 0; running; seq++) {
        uint8_t *buffer = direct->buffers + (seq % direct->flight) * direct->stride;
        uint64_t stamp = now;
        uint8_t *kept = work_sampled(seq) && kind != WORK_VERIFY ? work_keep(work, seq) : NULL;
        const uint8_t *in = kind == WORK_CIPHER && !kept ? buffer : work_input(work, seq);
        if (kind == WORK_CIPHER)
            work_iv(work, seq, iv);
        size_t written =
            library_run(plain->library, iv, in, in_len, work->sigs[seq % WORK_INPUTS], kept ? kept : buffer, out_cap);
        meter->ops++;
        if (!written_ok(work, seq, written))
            meter->result->errors++;
        if (kind == WORK_VERIFY && work_sampled(seq))
            work_compare(work, seq, NULL);
        now = now_ns();
        meter_latency(meter, now - stamp);
        running = meter_tick(meter, now);
    }
    meter->result->all_ops = meter->ops;
}
