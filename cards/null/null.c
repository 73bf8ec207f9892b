/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The null card: it echoes, and so measures the protocol and nothing else.
 *
 * A real card reads its input and writes its output, so this one does: each cache line of the payload is read and
 * written once, at the speed of memcpy. With in == out the copy would be a no-op (and memcpy on equal pointers is not
 * defined), so there one word of each line is read and written back. The accesses are volatile: the compiler must not
 * drop a store of the value that was just loaded.
 *
 * There are no keys, no states and no algorithms: everything but CARD_ECHO is refused. It never appears in production
 * unless the operator configures it, and then its DEVICEINFO says so.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cardmux/sdf.h"
#include "cards/done_list.h"
#include "cards/null/null.h"

#define CACHE_LINE    64u
#define NULL_MAX_DATA (64u << 20)

struct card {
    struct done_list done;
};

static void touch_lines(uint8_t *bytes, size_t len)
{
    uintptr_t first = (uintptr_t)bytes & (CACHE_LINE - 1);

    /* the first line may begin before the payload: take its byte at offset 0, then one byte at each line's start */
    if (len)
        *(volatile uint8_t *)bytes = *(volatile uint8_t *)bytes;
    for (size_t at = CACHE_LINE - first; at < len; at += CACHE_LINE)
        *(volatile uint8_t *)(bytes + at) = *(volatile uint8_t *)(bytes + at);
}

static uint32_t null_open(const struct card_options *options, struct card **card, char *error)
{
    *card = NULL;
    if (options && options->fault) {
        snprintf(error, CARD_ERROR_TEXT, "the null card has no fault knobs; leave \"fault\" out");
        return SDR_INARGERR;
    }
    *card = calloc(1, sizeof(**card));
    if (!*card) {
        snprintf(error, CARD_ERROR_TEXT, "the null card could not be opened: out of memory");
        return SDR_NOBUFFER;
    }
    return SDR_OK;
}

static void null_close(struct card *card)
{
    free(card);
}

static void null_caps(struct card *card, struct card_caps *caps)
{
    (void)card;
    memset(caps, 0, sizeof(*caps));
    caps->flags = CARD_CAN_ECHO | CARD_INLINE;
    caps->parallel = 1;
    caps->depth = DONE_LIST_DEPTH;
    caps->max_data = NULL_MAX_DATA;
    snprintf(caps->issuer, sizeof(caps->issuer), "cardmux null card: no cryptography");
    snprintf(caps->name, sizeof(caps->name), "null");
    caps->device_version = 1;
}

static uint32_t null_selftest(struct card *card, char *error)
{
    (void)card;
    (void)error;
    return SDR_OK; /* no algorithm, no known answer */
}

static void null_run(struct card *card, struct card_job *job)
{
    (void)card;
    job->out_len = 0;
    job->new_key = NULL;
    if (job->op != CARD_ECHO) {
        job->status = SDR_NOTSUPPORT;
        return;
    }
    if (job->in_len > NULL_MAX_DATA) {
        job->status = SDR_INARGERR;
        return;
    }
    if (job->out_cap < job->in_len) {
        job->status = SDR_OUTARGERR;
        return;
    }
    if (job->in == job->out)
        touch_lines(job->out, job->in_len);
    else if (job->in_len)
        memcpy(job->out, job->in, job->in_len);
    job->out_len = job->in_len;
    job->status = SDR_OK;
}

static size_t null_submit(struct card *card, struct card_job **jobs, size_t n)
{
    return done_list_run(&card->done, card, null_run, jobs, n);
}

static size_t null_collect(struct card *card, struct card_job **done, size_t max)
{
    return done_list_take(&card->done, done, max);
}

static int null_wait_fd(struct card *card, bool arm)
{
    (void)card;
    (void)arm;
    return -1;
}

static uint32_t null_key_import(struct card *card, enum card_key_type type, const uint8_t *bytes, size_t len,
                                struct card_key **key)
{
    (void)card;
    (void)type;
    (void)bytes;
    (void)len;
    *key = NULL;
    return SDR_NOTSUPPORT;
}

static void null_key_free(struct card *card, struct card_key *key)
{
    (void)card;
    (void)key; /* always NULL: none was ever made */
}

static void null_state_free(struct card *card, struct card_state *state)
{
    (void)card;
    (void)state;
}

const struct card_driver null_card_driver = {
    .size = sizeof(struct card_driver),
    .version = CARD_ABI_VERSION,
    .name = "null",
    .open = null_open,
    .close = null_close,
    .caps = null_caps,
    .selftest = null_selftest,
    .run = null_run,
    .submit = null_submit,
    .collect = null_collect,
    .wait_fd = null_wait_fd,
    .key_import = null_key_import,
    .key_free = null_key_free,
    .state_free = null_state_free,
};
