/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card_watch.c: whether the card may be believed.
 *
 *   ok      -> failed   a known answer was wrong (at an operator's wish or in the daemon's own round), or the random
 *                       numbers that it delivered fail a health test
 *   failed  -> ok       an operator's test was good. Nothing else, not even a restart: the audit log remembers
 *
 * A failed card serves nothing: the gate refuses with SDR_HARDFAIL whatever needs a card, and what was in the card when
 * it failed is answered with SDR_HARDFAIL too, results and new keys thrown away.
 *
 * The daemon's own round: within [broker] self-test seconds each known answer is computed once, one at a time on the
 * worker pool, evenly spread, so that no tenant notices. A driver without parts is tested whole, once in that time.
 *
 * Health of random numbers (SP 800-90B section 4.4, on bytes, over all that CARD_RANDOM delivers to tenants, whoever
 * gets them):
 *   repetition count     CUTOFF_RUN equal bytes in a row
 *   adaptive proportion  the first byte of a window of WINDOW comes up CUTOFF_SAME times in it
 * The cut-offs are for what a card delivers, which has 8 bits of entropy a byte: a good card fails the first by chance
 * with 2^-120 for each byte and the second with 2^-119 for each window; a card that is stuck, or whose bytes
 * have lost most of their entropy, fails at once. They are computed on private memory before the tenant gets it.
 */
#include "backend/broker/broker.h"

#include <stdio.h>
#include <stdlib.h>

#define CUTOFF_RUN  16u
#define WINDOW      512u
#define CUTOFF_SAME 40u

/* ---- random numbers ---- */

/* Are there four equal bytes in a place that is a multiple of four? A run of CUTOFF_RUN has some, wherever it begins;
 * good bytes have them once in 64 MiB. In this form compilers do many at a time. */
static bool may_have_run(const uint8_t *bytes, size_t len)
{
    uint32_t found = 0;
    for (size_t i = 0; i < len / 4; i++) {
        uint32_t word;
        memcpy(&word, bytes + 4 * i, sizeof word);
        found |= -(uint32_t)(word == (word << 8 | word >> 24));
    }
    return found;
}

/* How often a value comes up; the same in another form that compilers do well. */
static unsigned count_equal(const uint8_t *bytes, size_t len, uint8_t value)
{
    unsigned total = 0;
    for (; len >= 64; bytes += 64, len -= 64) {
        uint8_t same = 0;
        for (unsigned i = 0; i < 64; i++)
            same = (uint8_t)(same + (bytes[i] == value));
        total += same;
    }
    for (size_t i = 0; i < len; i++)
        total += bytes[i] == value;
    return total;
}

static bool run_holds(struct random_health *health, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        health->run = bytes[i] == health->last && health->run ? health->run + 1 : 1;
        health->last = bytes[i];
        if (health->run >= CUTOFF_RUN)
            return false;
    }
    return true;
}

static bool repetition_holds(struct random_health *health, const uint8_t *bytes, size_t len)
{
    size_t edge = len < CUTOFF_RUN ? len : CUTOFF_RUN; /* what may go on from the piece before */
    if (!run_holds(health, bytes, edge))
        return false;
    if (len == edge)
        return true;
    if (may_have_run(bytes, len)) {
        health->run = 0;
        return run_holds(health, bytes, len);
    }
    health->run = 0;
    return run_holds(health, bytes + len - CUTOFF_RUN, CUTOFF_RUN);
}

static bool proportion_holds(struct random_health *health, const uint8_t *bytes, size_t len)
{
    while (len) {
        if (health->seen == 0) {
            health->first = bytes[0];
            health->same = 0;
        }
        size_t n = len < WINDOW - health->seen ? len : WINDOW - health->seen;
        health->same += count_equal(bytes, n, health->first);
        health->seen = (health->seen + (unsigned)n) % WINDOW;
        if (health->same >= CUTOFF_SAME)
            return false;
        bytes += n;
        len -= n;
    }
    return true;
}

bool random_holds(struct random_health *health, const uint8_t *bytes, size_t len)
{
    bool run = repetition_holds(health, bytes, len), proportion = proportion_holds(health, bytes, len);
    if (run && proportion)
        return true;
    *health = (struct random_health){0};
    return false;
}

/* ---- states ---- */

void card_stays_failed(struct broker *broker)
{
    broker->card_failed = true;
    snprintf(broker->card_state, sizeof broker->card_state, "failed");
    broker_log("the card failed before this start and serves nothing until `cardmux card test` is good");
}

void card_fail(struct broker *broker, const char *why)
{
    struct audit_entry entry;
    if (broker->card_failed)
        return;
    broker->card_failed = true;
    snprintf(broker->card_state, sizeof broker->card_state, "failed");
    broker_log("the card failed and serves nothing until `cardmux card test` is good: %s", why);
    audit_entry(&entry, AUDIT_CARD_FAILED, NULL, broker->driver->name);
    audit_text(entry.detail, sizeof entry.detail, why);
    entry.result = AUDIT_FAILED;
    audit_later(broker, &entry);
}

void card_tested(struct broker *broker, bool good, const char *why)
{
    if (!good) {
        card_fail(broker, why);
        return;
    }
    if (broker->card_failed)
        broker_log("the card's test was good: it serves again");
    broker->card_failed = false;
    snprintf(broker->card_state, sizeof broker->card_state, "ok");
}

static bool makes_state(uint16_t op)
{
    return op == CARD_HASH_START || op == CARD_MAC_START || op == CARD_AEAD_START || op == CARD_STATE_COPY;
}

/* A job that comes back from a failed card: nothing of what it brings is believed or kept. */
void card_void(struct broker *broker, struct job *job)
{
    struct card_job *card = &job->card;
    if (card->status != SDR_OK)
        return;
    if (card->new_key)
        broker->driver->key_free(broker->card, card->new_key);
    card->new_key = NULL;
    if (makes_state(card->op) && card->state) {
        broker->driver->state_free(broker->card, card->state);
        card->state = NULL;
    }
    if (card->out && card->out_len && job->reply != REPLY_NONE)
        explicit_bzero(card->out, card->out_len);
    card->out_len = 0;
    card->status = SDR_HARDFAIL;
}

/* ---- the daemon's own round ---- */

struct round {
    struct task task;
    unsigned part;
    bool last, good;
    char text[CARD_ERROR_TEXT];
};

static bool has_parts(const struct card_driver *driver)
{
    return driver->size > offsetof(struct card_driver, selftest_part) && driver->selftest_part;
}

static void round_work(struct broker *broker, struct task *task)
{
    struct round *round = (struct round *)task;
    const struct card_driver *driver = broker->driver;
    round->last = true;
    round->good = (has_parts(driver) ? driver->selftest_part(broker->card, round->part, &round->last, round->text)
                                     : driver->selftest(broker->card, round->text)) == SDR_OK;
    if (!round->good || !round->last)
        return;
    struct audit_entry entry;
    audit_entry(&entry, AUDIT_SELF_TEST, NULL, driver->name);
    snprintf(entry.detail, sizeof entry.detail, "periodic");
    audit_tell(broker->audit, &entry);
}

static void round_done(struct broker *broker, struct task *task)
{
    struct round *round = (struct round *)task;
    struct self_test *test = &broker->self_test;
    test->busy = false;
    if (round->last && round->part >= test->parts)
        test->parts = round->part + 1;
    test->part = round->last ? 0 : round->part + 1;
    if (!round->good)
        card_fail(broker, round->text);
    free(round);
    self_test_tick(broker); /* a short period has more than one in a second */
}

/* How long after one part the next one is due. */
static uint64_t part_ns(const struct broker *broker, uint64_t period)
{
    unsigned parts = broker->self_test.parts ? broker->self_test.parts : SELF_TEST_PARTS;
    return has_parts(broker->driver) ? period / parts : period;
}

void self_test_tick(struct broker *broker)
{
    struct self_test *test = &broker->self_test;
    uint64_t period = (uint64_t)broker->config->self_test_s * 1000000000u;
    if (!period || test->busy || broker->card_failed || broker->now < test->next_ns)
        return;
    uint64_t next = (test->next_ns ? test->next_ns : broker->now) + part_ns(broker, period);
    bool first = !test->next_ns; /* all known answers were computed at the start just now */
    test->next_ns = next + period > broker->now ? next : broker->now; /* a round that is late is not made up for */
    struct round *round = first ? NULL : calloc(1, sizeof *round);
    if (!round)
        return;
    round->task = (struct task){.work = round_work, .done = round_done};
    round->part = test->part;
    test->busy = true;
    pool_submit(broker, &round->task);
}
