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

/*
 * Good bytes pass in one walk that counts for both tests, many at a time. Only what looks wrong in it is looked at byte
 * by byte.
 */
#define WIDE 32u
typedef uint8_t wide __attribute__((vector_size(WIDE)));
typedef uint32_t wide_words __attribute__((vector_size(WIDE)));
typedef uint64_t wide_longs __attribute__((vector_size(WIDE)));

struct walk {
    const uint8_t *bytes;
    size_t len; /* a multiple of WIDE, at most WINDOW */
    uint8_t value;
    unsigned same; /* how often value comes up */
    bool repeated; /* somewhere 8 bytes at a multiple of 8 have equal halves, as they do in each run of CUTOFF_RUN */
};

__attribute__((always_inline)) static inline void walk_through(struct walk *walk)
{
    wide same = {0}, value = same + walk->value;
    wide_words repeated = {0};
    uint64_t sum = 0, any = 0;
    for (size_t at = 0; at < walk->len; at += WIDE) {
        wide bytes;
        memcpy(&bytes, walk->bytes + at, WIDE);
        wide_words words = (wide_words)bytes;
        same -= (wide)(bytes == value);
        repeated |= (wide_words)(words == __builtin_shufflevector(words, words, 1, 0, 3, 2, 5, 4, 7, 6));
    }
    for (unsigned i = 0; i < WIDE / 8; i++) {
        sum += ((wide_longs)same)[i]; /* of each byte at most WINDOW / 8 */
        any |= ((wide_longs)repeated)[i];
    }
    sum = (sum & 0x00ff00ff00ff00ffu) + (sum >> 8 & 0x00ff00ff00ff00ffu);
    walk->same = (unsigned)(sum * 0x0001000100010001u >> 48);
    walk->repeated = any != 0;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void walk_wide(struct walk *walk)
{
    walk_through(walk);
}
#endif

static void walk_plain(struct walk *walk)
{
    walk_through(walk);
}

static void walk_run(struct walk *walk)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        walk_wide(walk);
        return;
    }
#endif
    walk_plain(walk);
}

/* Byte by byte, from the run that health holds. */
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

/* repeated: may there be a run within? Else only one that goes on from the piece before, or into the next, counts. */
static bool repetition_holds(struct random_health *health, const uint8_t *bytes, size_t len, bool repeated)
{
    size_t lead = 1, trail = 1;
    if (repeated)
        return run_holds(health, bytes, len);
    while (lead < len && bytes[lead] == bytes[0])
        lead++;
    if (!run_holds(health, bytes, lead))
        return false;
    if (lead == len)
        return true;
    while (bytes[len - 1 - trail] == bytes[len - 1])
        trail++;
    health->run = (unsigned)trail;
    health->last = bytes[len - 1];
    return true;
}

/* A part of one window. */
static bool part_holds(struct random_health *health, const uint8_t *bytes, size_t len)
{
    if (health->seen == 0) {
        health->first = bytes[0];
        health->same = 0;
    }
    size_t tail = len % WIDE;
    struct walk walk = {.bytes = bytes, .len = len - tail, .value = health->first};
    if (walk.len)
        walk_run(&walk);
    bool repeated = walk.repeated || tail >= 8;
    for (size_t i = len - tail; i < len; i++)
        walk.same += bytes[i] == health->first;
    health->same += walk.same;
    health->seen = (health->seen + (unsigned)len) % WINDOW;
    return repetition_holds(health, bytes, len, repeated) && health->same < CUTOFF_SAME;
}

bool random_holds(struct random_health *health, const uint8_t *bytes, size_t len)
{
    for (size_t n; len; bytes += n, len -= n) {
        n = len < WINDOW - health->seen ? len : WINDOW - health->seen;
        if (!part_holds(health, bytes, n)) {
            *health = (struct random_health){0};
            return false;
        }
    }
    return true;
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
    random_drop(broker);
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

/* A job that comes back from a failed card: nothing of what it brings is believed or kept. Unless the vault
   has it already: who is told that this failed would go on with what is no more. */
void card_void(struct broker *broker, struct job *job)
{
    struct card_job *card = &job->card;
    if (card->status != SDR_OK || job->kept)
        return;
    if (card->new_key)
        broker->driver->key_free(broker->card, card->new_key);
    card->new_key = NULL;
    if (card->op >= CARD_DERIVE_TLS)
        derive_forget(broker, job);
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
