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
}

/* All of a file, which must end where the one behind it goes on: `next` is that chain's value, and becomes that before
   this file. false: it is not there, or does not hold. */
static bool file_look(struct audit *audit, uint64_t number, uint8_t next[AUDIT_HASH], uint64_t *first, size_t *bytes)
{
    struct audit_replay replay;
    struct audit_line line;
    size_t len = 0;
    char *text = segment_load(audit, number, &len);
    const char *end = text ? memchr(text, '\n', len) : NULL;
    bool ok = end && audit_parse(text, (size_t)(end - text) + 1, &line) && line.kind == AUDIT_SEGMENT;
    audit_replay_init(&replay);
    for (size_t at = 0; ok && at < len;) {
        end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - (text + at)) + 1 : len - at;
        ok = audit_replay_line(&replay, text + at, n);
        if (ok)
            known_look(&audit->known, &replay);
        at += n;
    }
    ok = ok && memcmp(replay.head, next, AUDIT_HASH) == 0;
    if (ok) {
        memcpy(next, line.segment.head, AUDIT_HASH);
        *first = line.seq;
    }
    *bytes += len;
    audit_replay_free(&replay);
    free(text);
    return ok;
}

/* The chain's value before the file, and its first number. */
static bool file_begin(const struct audit *audit, uint64_t number, uint8_t before[AUDIT_HASH], uint64_t *first)
{
    struct audit_line line;
    size_t len = 0;
    char *text = segment_load(audit, number, &len);
    const char *end = text ? memchr(text, '\n', len) : NULL;
    bool ok = end && audit_parse(text, (size_t)(end - text) + 1, &line) && line.kind == AUDIT_SEGMENT;
    if (ok) {
        memcpy(before, line.segment.head, AUDIT_HASH);
        *first = line.seq;
    }
    free(text);
    return ok;
}

static void known_go_back(struct audit *audit)
{
    struct known *known = &audit->known;
    uint64_t number = audit->place.segment, first = 0;
    uint8_t next[AUDIT_HASH];
    size_t bytes = 0;
    bool linked = file_begin(audit, number, next, &first);
    while (linked && !known->passed && first > known->seq && number > 1 && bytes < BACK_BYTES)
        linked = file_look(audit, --number, next, &first, &bytes);
    known->holds = known->holds && linked;
}

void known_judge(struct audit *audit, struct audit_found *found)
{
    struct known *known = &audit->known;
    const struct audit_replay *place = &audit->place;
    if (!known->seq)
        return;
    if (!known->passed && place->begun && known->seq < place->seq)
        known_go_back(audit);
    found->altered = !known->passed || !known->holds;
    if (!found->altered)
        return;
    if (!place->begun)
        snprintf(found->how, sizeof found->how, "it had %" PRIu64 " lines, and is gone", known->seq);
    else if (known->seq > place->seq)
        snprintf(found->how, sizeof found->how, "it ended at number %" PRIu64 ", and now does at %" PRIu64, known->seq,
                 place->seq);
    else
        snprintf(found->how, sizeof found->how,
                 "its lines up to number %" PRIu64 " are others than those that were written", known->seq);
}
