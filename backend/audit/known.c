/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known.c: whether the log that is found at start leads through the end that was kept of it elsewhere (the vault's root,
 * sealed under the master key). The chain's value there fixes every line before it, so a log that was written anew, cut,
 * or put back from an older copy, all of which can be chained without any secret, does not.
 *
 * The known end lies in the last file; after a crash at the wrong moment in a file before that, which is then looked
 * through, file by file backwards. The line itself must be there: that a file's first line repeats the chain's value
 * before it shows nothing, since anybody can write such a line. What is further back than that never was the end at the
 * daemon's last sign of life.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/audit/audit_internal.h"

#define BACK_BYTES (64u << 20)

void known_look(struct known *known, const struct audit_replay *replay)
{
    if (!known->seq || known->passed || replay->seq != known->seq)
        return;
    known->passed = true;
    known->holds = memcmp(replay->head, known->head, AUDIT_HASH) == 0;
    known->card_failed = replay->card_failed;
}

/* The first line of a file. */
struct begin {
    uint64_t seq;
    char text[AUDIT_LINE_MAX];
    size_t len;
};

static bool begin_take(struct begin *begin, const char *text, size_t len)
{
    struct audit_line line;
    const char *end = text ? memchr(text, '\n', len) : NULL;
    begin->len = end ? (size_t)(end - text) + 1 : 0;
    if (!end || !audit_parse(text, begin->len, &line) || line.kind != AUDIT_SEGMENT)
        return false;
    memcpy(begin->text, text, begin->len);
    begin->seq = line.seq;
    return true;
}

/* What a file says that was looked through. */
struct looked {
    size_t bytes; /* counted on */
    bool checkpoint;
    char vault[AUDIT_VAULT_MAX + 1]; /* of its last one */
};

/* All of a file, behind which the file that begins with `next` must follow in everything: number, chain, state of the
   card, count of tenants. `next` becomes its own first line. false: it is not there, or does not hold. */
static bool file_look(struct audit *audit, uint64_t number, struct begin *next, struct looked *looked)
{
    struct audit_replay replay;
    struct begin begin;
    size_t len = 0;
    char *text = segment_load(audit, number, &len);
    bool ok = begin_take(&begin, text, len);
    audit_replay_init(&replay);
    replay.signatures = true;
    replay.any_key = false;
    memcpy(replay.key, audit->point, AUDIT_POINT);
    for (size_t at = 0; ok && at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - (text + at)) + 1 : len - at;
        ok = audit_replay_line(&replay, text + at, n);
        if (ok)
            known_look(&audit->known, &replay);
        at += n;
    }
    ok = ok && audit_replay_line(&replay, next->text, next->len);
    if (ok)
        *next = begin;
    looked->bytes += len;
    looked->checkpoint = replay.checkpoint_seq != 0;
    memcpy(looked->vault, replay.vault, sizeof looked->vault);
    audit_replay_free(&replay);
    free(text);
    return ok;
}

static bool file_begin(const struct audit *audit, uint64_t number, struct begin *begin)
{
    size_t len = 0;
    char *text = segment_load(audit, number, &len);
    bool ok = begin_take(begin, text, len);
    free(text);
    return ok;
}

static void known_go_back(struct audit *audit, uint64_t number)
{
    struct known *known = &audit->known;
    struct looked looked = {0};
    struct begin next;
    bool linked = file_begin(audit, number, &next);
    while (linked && !known->passed && next.seq > known->seq && number > 1 && looked.bytes < BACK_BYTES)
        linked = file_look(audit, --number, &next, &looked);
    known->holds = known->holds && linked;
}

/* The vault's version as the last signed checkpoint has it. A file begins with one, but where a crash came between: then
   the file before ends with it. */
static void vault_find(struct audit *audit, uint64_t last, struct audit_found *found)
{
    const struct audit_replay *place = &audit->place;
    struct looked looked = {0};
    struct begin next;
    memcpy(found->vault, place->vault, sizeof found->vault);
    if (!place->begun || place->checkpoint_seq || place->segment <= 1)
        return;
    if (file_begin(audit, last, &next) && file_look(audit, last - 1, &next, &looked) && looked.checkpoint) {
        memcpy(found->vault, looked.vault, sizeof found->vault);
    } else if (!found->altered) {
        found->altered = true;
        snprintf(found->how, sizeof found->how,
                 "file %" PRIu64 " has no signed checkpoint, and does not continue one that has", last);
    }
}

static void known_find(struct audit *audit, uint64_t last, struct audit_found *found)
{
    struct known *known = &audit->known;
    const struct audit_replay *place = &audit->place;
    if (!known->seq)
        return;
    if (!known->passed && place->begun && known->seq < place->seq)
        known_go_back(audit, last);
    found->altered = !known->passed || !known->holds;
    found->card_failed = known->passed && known->card_failed;
    if (!found->altered)
        return;
    if (!place->begun)
        snprintf(found->how, sizeof found->how, "it had %" PRIu64 " lines, and %s", known->seq,
                 last ? "nothing of its last file can be read" : "is gone");
    else if (known->seq > place->seq)
        snprintf(found->how, sizeof found->how, "it ended at number %" PRIu64 ", and now does at %" PRIu64, known->seq,
                 place->seq);
    else
        snprintf(found->how, sizeof found->how,
                 "its lines up to number %" PRIu64 " are others than those that were written", known->seq);
}

void known_judge(struct audit *audit, uint64_t last, struct audit_found *found)
{
    known_find(audit, last, found);
    vault_find(audit, last, found);
}
