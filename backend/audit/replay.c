/* SPDX-License-Identifier: Apache-2.0 */
/* see replay.h */
#include "backend/audit/replay.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void audit_replay_init(struct audit_replay *replay)
{
    memset(replay, 0, sizeof *replay);
    replay->any_key = true;
}

void audit_replay_free(struct audit_replay *replay)
{
    free(replay->tenants);
    free(replay->carried);
    audit_key_free(replay->verifier);
    memset(replay, 0, sizeof *replay);
}

__attribute__((format(printf, 2, 3))) static bool refuse(struct audit_replay *replay, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(replay->error, sizeof replay->error, format, args);
    va_end(args);
    return false;
}

/* ---- tenants ---- */

static size_t tenant_place(const struct audit_tenant *tenants, size_t count, uint32_t id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tenants[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct audit_tenant *audit_tenant_find(struct audit_tenant *tenants, size_t count, uint32_t id)
{
    size_t place = tenant_place(tenants, count, id);
    return place < count && tenants[place].id == id ? &tenants[place] : NULL;
}

struct audit_tenant *audit_tenant_get(struct audit_tenant **tenants, size_t *count, size_t *room, uint32_t id)
{
    size_t place = tenant_place(*tenants, *count, id);
    if (place < *count && (*tenants)[place].id == id)
        return *tenants + place;
    if (*count == *room) {
        size_t more = *room ? *room * 2 : 64;
        struct audit_tenant *grown = realloc(*tenants, more * sizeof *grown);
        if (!grown)
            return NULL;
        *tenants = grown;
        *room = more;
    }
    struct audit_tenant *at = *tenants + place;
    memmove(at + 1, at, (*count - place) * sizeof *at);
    *at = (struct audit_tenant){.id = id};
    (*count)++;
    return at;
}

/* ---- lines ---- */

static bool segment_line(struct audit_replay *r, const struct audit_line *line)
{
    const struct audit_segment *s = &line->segment;
    size_t staying = 0;
    if (r->begun && memcmp(s->log, r->log, AUDIT_LOG_ID) != 0)
        return refuse(r, "this file belongs to another log");
    if (r->begun && s->number != r->segment + 1)
        return refuse(r, "file %" PRIu64 " comes after file %" PRIu64 ": one is missing, or they are out of order",
                      s->number, r->segment);
    if ((r->begun || s->number == 1) && memcmp(s->head, r->head, AUDIT_HASH) != 0)
        return refuse(r, "file %" PRIu64 " does not continue the one before it", s->number);
    if (!r->any_key && memcmp(s->key, r->key, AUDIT_POINT) != 0)
        return refuse(r, "the log's public key is not the one that was expected");
    for (size_t i = 0; i < r->tenant_count; i++)
        staying += !r->tenants[i].gone;
    if ((r->begun || s->number == 1) && s->tenants != staying)
        return refuse(r, "file %" PRIu64 " carries %" PRIu64 " tenants over in place of %zu", s->number, s->tenants,
                      staying);
    if (r->begun && s->card_failed != r->card_failed)
        return refuse(r, "file %" PRIu64 " tells another state of the card", s->number);
    if (!r->begun)
        memcpy(r->head, s->head, AUDIT_HASH);
    return true;
}

static bool segment_taken(struct audit_replay *r, const struct audit_segment *s)
{
    if (!r->verifier || memcmp(r->key, s->key, AUDIT_POINT) != 0) {
        audit_key_free(r->verifier);
        r->verifier = audit_key_public(s->key);
        memcpy(r->key, s->key, AUDIT_POINT);
        r->any_key = false;
        if (!r->verifier)
            return refuse(r, "the log's public key is no point of the curve");
    }
    memcpy(r->log, s->log, AUDIT_LOG_ID);
    r->segment = s->number;
    r->card_failed = s->card_failed;
    r->awaited = s->tenants;
    free(r->carried);
    r->carried = r->begun || s->number == 1 ? r->tenants : NULL;
    r->carried_count = r->carried ? r->tenant_count : 0;
    if (!r->carried)
        free(r->tenants);
    r->tenants = NULL;
    r->tenant_count = r->tenant_room = 0;
    return true;
}

static bool tenant_line(struct audit_replay *r, const struct audit_tenant *t)
{
    const struct audit_tenant *had = audit_tenant_find(r->carried, r->carried_count, t->id);
    if (!r->awaited)
        return refuse(r, "a tenant is carried over where none is awaited");
    if (r->tenant_count && r->tenants[r->tenant_count - 1].id >= t->id)
        return refuse(r, "tenants are carried over out of order");
    if (t->gone || (r->carried && (!had || had->gone || had->n != t->n || memcmp(had->head, t->head, AUDIT_HASH) != 0)))
        return refuse(r, "tenant %u is carried over with another history", t->id);
    struct audit_tenant *place = audit_tenant_get(&r->tenants, &r->tenant_count, &r->tenant_room, t->id);
    if (!place)
        return refuse(r, "no memory");
    *place = *t;
    r->awaited--;
    return true;
}

static bool checkpoint_line(struct audit_replay *r, const struct audit_line *line, const char *bytes)
{
    const struct audit_checkpoint *c = &line->checkpoint;
    uint8_t root[AUDIT_HASH];
    if (memcmp(c->log, r->log, AUDIT_LOG_ID) != 0 || memcmp(c->head, r->head, AUDIT_HASH) != 0)
        return refuse(r, "the checkpoint is of another place or another log");
    if (!r->signatures)
        return true;
    if (!audit_root(r->tenants, r->tenant_count, root))
        return refuse(r, "libcrypto failed");
    if (c->tenants != r->tenant_count || memcmp(c->root, root, AUDIT_HASH) != 0)
        return refuse(r, "the checkpoint's root is not that of the tenants' entries");
    if (!audit_signature_holds(r->verifier, bytes, line->signed_len, c->signature))
        return refuse(r, "the checkpoint's signature does not hold");
    return true;
}

static bool entry_line(struct audit_replay *r, const struct audit_line *line, const char *bytes)
{
    const struct audit_entry *e = &line->entry;
    if (e->of >= line->seq)
        return refuse(r, "the entry ends one that comes later");
    if (!e->tenant_id)
        return true;
    struct audit_tenant *t = audit_tenant_get(&r->tenants, &r->tenant_count, &r->tenant_room, e->tenant_id);
    if (!t)
        return refuse(r, "no memory");
    if (e->n != t->n + 1)
        return refuse(r, "tenant %u has its entry %" PRIu64 " after %" PRIu64, e->tenant_id, e->n, t->n);
    if (!audit_head_next(t->head, bytes, line->body_len, t->head))
        return refuse(r, "libcrypto failed");
    t->n = e->n;
    t->gone = e->result == AUDIT_OK && strcmp(e->event, audit_event_name(AUDIT_TENANT_REMOVE)) == 0;
    return true;
}

/* The state of the card, as it must survive a restart. */
static void card_follow(struct audit_replay *r, const struct audit_entry *e)
{
    if (strcmp(e->event, audit_event_name(AUDIT_CARD_FAILED)) == 0)
        r->card_failed = true;
    else if (strcmp(e->event, audit_event_name(AUDIT_CARD_TEST)) == 0 && e->result == AUDIT_OK)
        r->card_failed = false;
}

bool audit_replay_line(struct audit_replay *r, const char *bytes, size_t len)
{
    struct audit_line line;
    uint8_t chain[AUDIT_HASH];
    if (!audit_parse(bytes, len, &line))
        return refuse(r, "not a line of an audit log");
    if (!r->begun && line.kind != AUDIT_SEGMENT)
        return refuse(r, "the log does not begin with the first line of a file");
    if (r->begun && line.seq != r->seq + 1)
        return refuse(r, "number %" PRIu64 " comes after number %" PRIu64, line.seq, r->seq);
    if (!r->begun && (line.segment.number == 1) != (line.seq == 1))
        return refuse(r, "file %" PRIu64 " cannot begin with number %" PRIu64, line.segment.number, line.seq);
    if (r->awaited && line.kind != AUDIT_TENANT)
        return refuse(r, "%" PRIu64 " tenants were not carried over", r->awaited);
    if (line.kind == AUDIT_SEGMENT && !segment_line(r, &line))
        return false;
    if (!audit_chain_next(r->head, bytes, line.body_len, chain))
        return refuse(r, "libcrypto failed");
    if (memcmp(chain, line.chain, AUDIT_HASH) != 0)
        return refuse(r, "the line does not follow from those before it: it or its chain value was altered");
    bool ok = true;
    switch (line.kind) {
    case AUDIT_SEGMENT:
        ok = segment_taken(r, &line.segment);
        break;
    case AUDIT_TENANT:
        ok = tenant_line(r, &line.tenant);
        break;
    case AUDIT_CHECKPOINT:
        ok = checkpoint_line(r, &line, bytes);
        break;
    case AUDIT_ENTRY:
        ok = entry_line(r, &line, bytes);
        break;
    }
    if (!ok)
        return false;
    if (!r->begun)
        r->first_seq = line.seq;
    r->begun = true;
    r->seq = line.seq;
    r->time = line.time;
    memcpy(r->head, chain, AUDIT_HASH);
    r->entries += line.kind == AUDIT_ENTRY;
    if (line.kind == AUDIT_CHECKPOINT) {
        r->checkpoints++;
        r->checkpoint_seq = line.seq;
        memcpy(r->vault, line.checkpoint.vault, sizeof r->vault);
    }
    if (line.kind == AUDIT_ENTRY)
        card_follow(r, &line.entry);
    r->line = line;
    return true;
}

bool audit_replay_whole(struct audit_replay *r)
{
    if (!r->begun)
        return refuse(r, "there is no log");
    if (r->awaited)
        return refuse(r, "%" PRIu64 " tenants were not carried over", r->awaited);
    return true;
}
