/* SPDX-License-Identifier: Apache-2.0 */
/* see extract.h */
#include "backend/audit/extract.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void audit_extract_init(struct audit_extract *x, const char *name)
{
    memset(x, 0, sizeof *x);
    audit_replay_init(&x->replay);
    x->replay.signatures = true;
    snprintf(x->name, sizeof x->name, "%s", name);
}

void audit_extract_free(struct audit_extract *x)
{
    audit_replay_free(&x->replay);
    free(x->lines);
}

static bool keep_line(struct audit_extract *x, const char *bytes, size_t len)
{
    if (x->room - x->len < len + 1) {
        size_t more = 2 * x->room + len + 4096;
        char *grown = realloc(x->lines, more);
        if (!grown) {
            snprintf(x->replay.error, sizeof x->replay.error, "no memory");
            return false;
        }
        x->lines = grown;
        x->room = more;
    }
    memcpy(x->lines + x->len, bytes, len);
    x->len += len;
    if (bytes[len - 1] != '\n')
        x->lines[x->len++] = '\n';
    return true;
}

/* Where its chain stood before the entry that was just taken. */
static void start_here(struct audit_extract *x, const struct audit_entry *e, const struct audit_tenant *before)
{
    x->id = e->tenant_id;
    x->len = x->covered = x->checkpoint_len = 0;
    x->part.start = before ? *before : (struct audit_tenant){.id = e->tenant_id};
}

static bool checkpoint_here(struct audit_extract *x, const char *bytes, size_t len)
{
    struct audit_replay *r = &x->replay;
    const struct audit_tenant *t = audit_tenant_find(r->tenants, r->tenant_count, x->id);
    if (!t)
        return true;
    memcpy(x->part.log, r->log, AUDIT_LOG_ID);
    memcpy(x->part.key, r->key, AUDIT_POINT);
    x->part.end = *t;
    x->part.index = (uint64_t)(t - r->tenants);
    x->part.leaves = r->tenant_count;
    memcpy(x->checkpoint, bytes, len);
    x->checkpoint_len = len;
    if (x->checkpoint[len - 1] != '\n')
        x->checkpoint[x->checkpoint_len++] = '\n';
    x->covered = x->len;
    if (audit_path(r->tenants, r->tenant_count, (size_t)x->part.index, x->part.path, &x->part.path_len))
        return true;
    snprintf(r->error, sizeof r->error, "libcrypto failed");
    return false;
}

bool audit_extract_line(struct audit_extract *x, const char *bytes, size_t len)
{
    struct audit_replay *r = &x->replay;
    struct audit_line line;
    struct audit_tenant before;
    bool had = false;
    if (audit_parse(bytes, len, &line) && line.kind == AUDIT_ENTRY && line.entry.tenant_id) {
        const struct audit_tenant *t = audit_tenant_find(r->tenants, r->tenant_count, line.entry.tenant_id);
        had = t != NULL;
        if (t)
            before = *t;
    }
    if (!audit_replay_line(r, bytes, len))
        return false;
    if (r->line.kind == AUDIT_CHECKPOINT && x->id)
        return len < AUDIT_LINE_MAX && checkpoint_here(x, bytes, len);
    if (r->line.kind != AUDIT_ENTRY || !r->line.entry.tenant_id)
        return true;
    if (strcmp(r->line.entry.tenant, x->name) == 0 && r->line.entry.tenant_id != x->id)
        start_here(x, &r->line.entry, had ? &before : NULL);
    return r->line.entry.tenant_id != x->id || keep_line(x, bytes, len);
}

char *audit_extract_text(struct audit_extract *x, size_t *len)
{
    struct audit_replay *r = &x->replay;
    char *out;
    if (!x->id) {
        snprintf(r->error, sizeof r->error, "the log has no entry of a tenant %s", x->name);
        return NULL;
    }
    if (!x->checkpoint_len) {
        snprintf(r->error, sizeof r->error, "no checkpoint covers the entries of tenant %s yet: write one", x->name);
        return NULL;
    }
    out = malloc(AUDIT_PART_MAX + x->covered + x->checkpoint_len);
    *len = out ? audit_part_build(&x->part, out) : 0;
    if (!*len) {
        free(out);
        snprintf(r->error, sizeof r->error, "no memory");
        return NULL;
    }
    if (x->covered)
        memcpy(out + *len, x->lines, x->covered);
    *len += x->covered;
    memcpy(out + *len, x->checkpoint, x->checkpoint_len);
    *len += x->checkpoint_len;
    return out;
}

/* ---- verifying ---- */

__attribute__((format(printf, 2, 3))) static bool refuse(struct audit_part_result *result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(result->error, sizeof result->error, format, args);
    va_end(args);
    return false;
}

static bool entry_check(struct audit_part_result *result, struct audit_tenant *at, const struct audit_line *line,
                        const char *bytes)
{
    const struct audit_entry *e = &line->entry;
    if (e->tenant_id != at->id)
        return refuse(result, "an entry of another tenant stands among them");
    if (e->n != at->n + 1)
        return refuse(result, "entry %" PRIu64 " of this tenant comes after %" PRIu64, e->n, at->n);
    if (!audit_head_next(at->head, bytes, line->body_len, at->head))
        return refuse(result, "libcrypto failed");
    at->n = e->n;
    result->entries++;
    memcpy(result->tenant, e->tenant, sizeof result->tenant);
    return true;
}

static bool checkpoint_check(struct audit_part_result *result, const struct audit_tenant *at,
                             const struct audit_line *line, const char *bytes)
{
    const struct audit_part *part = &result->part;
    const struct audit_checkpoint *c = &line->checkpoint;
    struct audit_key *key = audit_key_public(part->key);
    bool holds = key && audit_signature_holds(key, bytes, line->signed_len, c->signature);
    audit_key_free(key);
    if (!holds)
        return refuse(result, "the checkpoint's signature does not hold");
    if (memcmp(c->log, part->log, AUDIT_LOG_ID) != 0)
        return refuse(result, "the checkpoint is of another log");
    if (at->n != part->end.n || memcmp(at->head, part->end.head, AUDIT_HASH) != 0)
        return refuse(result, "the entries do not lead to what the checkpoint covers: one was altered or left out");
    if (c->tenants != part->leaves ||
        !audit_path_holds(&part->end, part->index, part->leaves, (const uint8_t(*)[AUDIT_HASH])part->path,
                          part->path_len, c->root))
        return refuse(result, "the path does not lead from these entries to the checkpoint's root");
    result->checkpoint = *line;
    return true;
}

bool audit_part_verify(const char *text, size_t len, const uint8_t *key, struct audit_part_result *result)
{
    struct audit_tenant at = {0};
    bool whole = false;
    memset(result, 0, sizeof *result);
    for (size_t pos = 0; pos < len;) {
        const char *line = text + pos, *end = memchr(line, '\n', len - pos);
        size_t n = end ? (size_t)(end - line) + 1 : len - pos;
        struct audit_line parsed;
        result->line++;
        pos += n;
        if (whole)
            return refuse(result, "something stands behind the checkpoint");
        if (result->line == 1) {
            if (!audit_part_parse(line, n, &result->part))
                return refuse(result, "not a tenant's part of an audit log");
            if (key && memcmp(key, result->part.key, AUDIT_POINT) != 0)
                return refuse(result, "it was signed under another key than the one expected");
            at = result->part.start;
            continue;
        }
        if (!audit_parse(line, n, &parsed))
            return refuse(result, "not a line of an audit log");
        if (parsed.kind == AUDIT_ENTRY && entry_check(result, &at, &parsed, line))
            continue;
        if (parsed.kind != AUDIT_CHECKPOINT)
            return parsed.kind == AUDIT_ENTRY ? false : refuse(result, "such a line does not belong into a part");
        if (!checkpoint_check(result, &at, &parsed, line))
            return false;
        whole = true;
    }
    return whole || refuse(result, "the checkpoint is missing");
}
