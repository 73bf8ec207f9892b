/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/direct.h"

#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench/direct_internal.h"
#include "cardmux/sdf.h"

#define BURST 64u

/* The keys of the bench: random, SM2 pairs from libcrypto, so that the card's results can be checked without it. */
static bool keys_make(struct direct *direct, char *text)
{
    struct work *work = direct->work;
    enum work_kind kind = work->op->kind;
    const struct card_driver *driver = direct->driver;
    uint32_t status = SDR_OK;
    if (kind == WORK_CIPHER) {
        if (RAND_bytes(work->key, sizeof(work->key)) != 1)
            return false;
        memcpy(direct->key_bytes, work->key, sizeof(work->key));
        direct->key_len = sizeof(work->key);
        status = driver->key_import(direct->card, CARD_KEY_SYMMETRIC, direct->key_bytes, direct->key_len, &direct->key);
    } else if (kind == WORK_SIGN || kind == WORK_VERIFY) {
        work->checker = ref_sm2_new();
        if (!work->checker)
            return false;
        ref_sm2_export(work->checker, direct->key_bytes, direct->key_bytes + CARD_ECC_PRIVATE);
        direct->key_len = CARD_ECC_PRIVATE + CARD_ECC_POINT;
        for (uint32_t i = 0; kind == WORK_VERIFY && i < WORK_INPUTS; i++)
            if (!ref_sm2_sign(work->checker, work_input(work, i), work->sigs[i]))
                return false;
        if (kind == WORK_VERIFY && !work_signatures(work))
            return false;
        status =
            driver->key_import(direct->card, CARD_KEY_SM2_PRIVATE, direct->key_bytes, direct->key_len, &direct->key);
    }
    if (status != SDR_OK)
        snprintf(text, DIRECT_TEXT, "the card refused the bench's key (0x%08x)", status);
    return status == SDR_OK;
}

static bool buffers_make(struct direct *direct)
{
    struct work *work = direct->work;
    size_t size = work->size > CARD_ECC_SIG ? work->size : CARD_ECC_SIG;
    direct->stride = (size + 63) / 64 * 64;
    size_t all = (direct->flight * direct->stride + 4095) / 4096 * 4096;
    direct->buffers = aligned_alloc(4096, all);
    direct->jobs = calloc(direct->flight, sizeof(*direct->jobs));
    direct->seqs = calloc(direct->flight, sizeof(*direct->seqs));
    direct->stamps = calloc(direct->flight, sizeof(*direct->stamps));
    direct->spare = calloc(direct->flight, sizeof(*direct->spare));
    if (!direct->buffers || !direct->jobs || !direct->seqs || !direct->stamps || !direct->spare)
        return false;
    memset(direct->buffers, 0, all);
    for (uint32_t i = 0; i < direct->flight; i++)
        memcpy(direct->buffers + i * direct->stride, work_input(work, i), work->size);
    return true;
}

struct direct *direct_open(const char *card, uint32_t threads, struct work *work, uint32_t flight, char *text)
{
    struct direct *direct = calloc(1, sizeof(*direct));
    snprintf(text, DIRECT_TEXT, "the bench's own keys or buffers could not be made");
    if (!direct)
        return NULL;
    direct->work = work;
    direct->flight = flight;
    direct->driver = card_driver_find(card);
    if (!direct->driver) {
        snprintf(text, DIRECT_TEXT, "there is no card '%s'", card);
        goto failed;
    }
    struct card_options options = {.size = sizeof(options), .threads = threads > 1 ? threads : 0};
    if (direct->driver->open(&options, &direct->card, text) != SDR_OK)
        goto failed;
    struct card_caps caps;
    direct->driver->caps(direct->card, &caps);
    direct->inline_card = threads <= 1 || (caps.flags & CARD_INLINE);
    if (!keys_make(direct, text) || !buffers_make(direct))
        goto failed;
    return direct;
failed:
    direct_close(direct);
    return NULL;
}

void direct_close(struct direct *direct)
{
    if (!direct)
        return;
    if (direct->card) {
        direct->driver->key_free(direct->card, direct->key);
        direct->driver->close(direct->card);
    }
    free(direct->buffers);
    free(direct->jobs);
    free(direct->seqs);
    free(direct->stamps);
    free(direct->spare);
    explicit_bzero(direct, sizeof(*direct));
    free(direct);
}

/* Fills job i for operation seq. */
static void job_make(struct direct *direct, uint32_t i, uint64_t seq)
{
    struct work *work = direct->work;
    struct card_job *job = &direct->jobs[i];
    uint8_t *buffer = direct->buffers + i * direct->stride;
    enum work_kind kind = work->op->kind;
    uint8_t *kept = work_sampled(seq) && kind != WORK_ECHO && kind != WORK_VERIFY ? work_keep(work, seq) : NULL;
    *job = (struct card_job){.op = work->op->card_op, .alg = work->op->alg, .key = direct->key};
    job->in_len = kind == WORK_RANDOM ? 0 : work->size;
    /* only ciphers and echo turn their buffer over; a digest or a signature goes beside its input */
    bool over = kind == WORK_CIPHER || kind == WORK_ECHO;
    job->in = over && !kept ? buffer : work_input(work, seq);
    job->out = kept ? kept : buffer;
    job->out_cap = kind == WORK_VERIFY ? 0 : work->result;
    if (kind == WORK_RANDOM)
        job->in = NULL;
    if (kind == WORK_VERIFY) {
        job->out = NULL;
        job->aux2 = work->sigs[seq % WORK_INPUTS];
    }
    if (kind == WORK_CIPHER)
        work_iv(work, seq, job->iv);
    direct->seqs[i] = seq;
}

/* Counts a finished job; false: the window is over. *now: the clock, if it was looked at. */
static bool job_done(struct direct *direct, uint32_t i, struct meter *meter, uint64_t *now)
{
    struct work *work = direct->work;
    uint64_t seq = direct->seqs[i];
    meter->ops++;
    if (!work_status_ok(work, seq, direct->jobs[i].status))
        meter->result->errors++;
    if (work_sampled(seq) && (work->op->kind == WORK_ECHO || work->op->kind == WORK_VERIFY))
        work_compare(work, i, direct->buffers + i * direct->stride);
    if (seq % meter->stride != 0)
        return true;
    *now = now_ns();
    meter_latency(meter, *now - direct->stamps[i]);
    return meter_tick(meter, *now);
}

static void run_inline(struct direct *direct, struct meter *meter)
{
    bool running = true;
    uint64_t now = now_ns();
    for (uint64_t seq = 0; running; seq++) {
        uint32_t i = (uint32_t)(seq % direct->flight);
        job_make(direct, i, seq);
        if (seq % meter->stride ==
            0) /* one look at the clock where each operation is timed: its end and the next start */
            direct->stamps[i] = meter->stride == 1 ? now : now_ns();
        direct->driver->run(direct->card, &direct->jobs[i]);
        running = job_done(direct, i, meter, &now);
    }
}

/* Nothing to collect: sleeps until the card has something, or for 100 ms. */
static size_t collect_asleep(struct direct *direct, struct card_job **done)
{
    const struct card_driver *driver = direct->driver;
    struct pollfd fd = {.fd = driver->wait_fd(direct->card, true), .events = POLLIN};
    size_t got = driver->collect(direct->card, done, BURST);
    if (got == 0 && fd.fd >= 0 && poll(&fd, 1, 100) > 0) {
        uint64_t count;
        (void)!read(fd.fd, &count, sizeof(count));
    }
    driver->wait_fd(direct->card, false);
    return got;
}

static void run_threads(struct direct *direct, struct meter *meter)
{
    const struct card_driver *driver = direct->driver;
    struct card_job *ready[BURST], *done[BURST]; /* ready: made, not taken by the card yet */
    uint32_t n_ready = 0, n_spare = 0;
    uint64_t seq = 0, now;
    bool running = true;
    for (uint32_t i = direct->flight; i > 0; i--)
        direct->spare[n_spare++] = i - 1;
    while (running || n_ready > 0 || n_spare < direct->flight) {
        while (running && n_ready < BURST && n_spare > 0) {
            uint32_t i = direct->spare[--n_spare];
            job_make(direct, i, seq++);
            direct->stamps[i] = now_ns();
            ready[n_ready++] = &direct->jobs[i];
        }
        uint32_t taken = n_ready ? (uint32_t)driver->submit(direct->card, ready, n_ready) : 0;
        n_ready -= taken;
        memmove(ready, ready + taken, n_ready * sizeof(*ready));
        size_t got = driver->collect(direct->card, done, BURST);
        if (got == 0 && n_spare + n_ready < direct->flight)
            got = collect_asleep(direct, done);
        for (size_t k = 0; k < got; k++) {
            uint32_t i = (uint32_t)(done[k] - direct->jobs);
            running = job_done(direct, i, meter, &now) && running;
            direct->spare[n_spare++] = i;
        }
    }
}

void direct_run(struct direct *direct, struct meter *meter)
{
    if (direct->inline_card)
        run_inline(direct, meter);
    else
        run_threads(direct, meter);
    meter->result->all_ops = meter->ops;
}
