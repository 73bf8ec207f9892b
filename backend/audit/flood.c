/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flood.c: what others can cause without end, held to a few entries.
 *
 * For each (event, tenant, uid): BURST entries at once, then one in PERIOD_MS. What is more is counted, and the count
 * is an entry of its own (log-flood) when FLUSH_MS have passed since the first that was not written. So a tenant that
 * guesses codes all day costs two entries in ten seconds, and the log says how often it tried. A crash loses at most
 * the counts of the last FLUSH_MS.
 *
 * The table is small and its places are shared: what falls on the same place as another one's is written for that one
 * first, for a token of the place; where it has none the count becomes a part of what log-missed tells, once in
 * FLUSH_MS. Who fills the table only makes counts be written earlier, or with less about them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "backend/audit/audit_internal.h"

#define BURST     8u
#define PERIOD_MS 10000u
#define FLUSH_MS  10000u
#define TOKEN     1000u

static struct flood *flood_find(struct audit *audit, const struct audit_entry *entry)
{
    uint32_t hash = entry->tenant_id * 2654435761u ^ entry->uid * 40503u;
    for (const char *c = entry->event; *c; c++)
        hash = hash * 31 + (unsigned char)*c;
    return &audit->floods[hash % FLOOD_SLOTS];
}

static bool flood_is(const struct flood *flood, const struct audit_entry *entry)
{
    return flood->used && flood->tenant_id == entry->tenant_id && flood->uid == entry->uid && flood->by == entry->by &&
           strcmp(flood->event, entry->event) == 0;
}

static void flood_fill(struct flood *flood, uint64_t now)
{
    uint64_t more = (now - flood->filled_ms) * TOKEN / PERIOD_MS;
    flood->tokens = more > BURST * TOKEN - flood->tokens ? BURST * TOKEN : flood->tokens + more;
    flood->filled_ms = now;
}

/* The entry that tells a count; the count is taken. */
static void count_take(struct flood *flood, struct audit_entry *entry)
{
    *entry = (struct audit_entry){.by = flood->by, .uid = flood->uid, .tenant_id = flood->tenant_id};
    memcpy(entry->event, audit_event_name(AUDIT_LOG_FLOOD), strlen(audit_event_name(AUDIT_LOG_FLOOD)) + 1);
    memcpy(entry->tenant, flood->tenant, sizeof entry->tenant);
    snprintf(entry->target, sizeof entry->target, "%s", flood->event);
    snprintf(entry->detail, sizeof entry->detail, "count=%" PRIu64, flood->counted);
    flood->counted = 0;
}

static void due_at(struct audit *audit, uint64_t when)
{
    uint64_t now_due = audit->flood_due_ms;
    if (!now_due || when < now_due)
        audit->flood_due_ms = when;
}

void audit_tell_often(struct audit *audit, struct audit_entry *entry)
{
    struct audit_entry count;
    uint64_t now = audit_now_ms();
    bool write, counted = false;
    pthread_mutex_lock(&audit->flood_lock);
    struct flood *flood = flood_find(audit, entry);
    if (!flood_is(flood, entry)) {
        if (flood->used)
            flood_fill(flood, now);
        if (flood->used && flood->counted && flood->tokens >= TOKEN) {
            flood->tokens -= TOKEN;
            count_take(flood, &count);
            counted = true;
        } else if (flood->used) {
            atomic_fetch_add(&audit->missed, flood->counted);
        }
        uint64_t tokens = flood->used ? flood->tokens : BURST * TOKEN; /* a shared place does not fill up by sharing */
        uint64_t filled = flood->used ? flood->filled_ms : now;
        *flood = (struct flood){.used = true,
                                .tokens = tokens,
                                .filled_ms = filled,
                                .by = entry->by,
                                .tenant_id = entry->tenant_id,
                                .uid = entry->uid};
        memcpy(flood->event, entry->event, sizeof flood->event);
        memcpy(flood->tenant, entry->tenant, sizeof flood->tenant);
    }
    flood_fill(flood, now);
    write = flood->tokens >= TOKEN;
    if (write) {
        flood->tokens -= TOKEN;
    } else {
        if (!flood->counted++)
            flood->since_ms = now;
        due_at(audit, flood->since_ms + FLUSH_MS);
    }
    pthread_mutex_unlock(&audit->flood_lock);
    if (counted)
        audit_tell(audit, &count);
    if (write)
        audit_tell(audit, entry);
}

static void missed_flush(struct audit *audit, uint64_t now, bool everything)
{
    struct audit_entry entry = {.by = AUDIT_BY_DAEMON};
    if (!everything && now < audit->missed_ms)
        return;
    uint64_t missed = atomic_exchange(&audit->missed, 0);
    if (!missed)
        return;
    audit->missed_ms = now + FLUSH_MS;
    memcpy(entry.event, audit_event_name(AUDIT_LOG_MISSED), strlen(audit_event_name(AUDIT_LOG_MISSED)) + 1);
    snprintf(entry.detail, sizeof entry.detail, "count=%" PRIu64, missed);
    if (audit_note(audit, &entry, NULL, NULL) != VAULT_OK) {
        atomic_fetch_add(&audit->missed, missed);
        audit->retry_ms = audit_now_ms() + FLUSH_MS;
    }
}

void audit_flush(struct audit *audit, bool everything)
{
    uint64_t now = audit_now_ms();
    missed_flush(audit, now, everything);
    pthread_mutex_lock(&audit->flood_lock);
    audit->flood_due_ms = 0;
    for (unsigned i = 0; i < FLOOD_SLOTS; i++) {
        struct flood *flood = &audit->floods[i];
        struct audit_entry entry;
        if (!flood->counted)
            continue;
        if (!everything && now < flood->since_ms + FLUSH_MS) {
            due_at(audit, flood->since_ms + FLUSH_MS);
            continue;
        }
        uint64_t had = flood->counted;
        count_take(flood, &entry);
        pthread_mutex_unlock(&audit->flood_lock);
        bool written = audit_note(audit, &entry, NULL, NULL) == VAULT_OK;
        pthread_mutex_lock(&audit->flood_lock);
        if (!written) { /* its place may be another one's by now: then it is only a number */
            atomic_fetch_add(&audit->missed, had);
        }
    }
    pthread_mutex_unlock(&audit->flood_lock);
}

bool audit_due(struct audit *audit, bool *checkpoint)
{
    uint64_t due = audit->flood_due_ms, now = audit_now_ms();
    *checkpoint = audit->unsigned_entries >= audit->checkpoint_entries && now >= audit->retry_ms;
    return *checkpoint || (due && now >= due) || (audit->missed && now >= audit->retry_ms && now >= audit->missed_ms);
}
