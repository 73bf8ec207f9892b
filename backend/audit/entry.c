/* SPDX-License-Identifier: Apache-2.0 */
/* see entry.h */
#include "backend/audit/entry.h"

#include <string.h>
#include "backend/audit/cursor.h"

static const char *const events[AUDIT_EVENTS] = {
    [AUDIT_NO_EVENT] = "",
#define EVENT(name, text) [AUDIT_##name] = text,
#include "backend/audit/events.def"
#undef EVENT
};
static const char *const bys[AUDIT_BYS] = {
    [AUDIT_BY_DAEMON] = "daemon", [AUDIT_BY_USER] = "user", [AUDIT_BY_TENANT] = "tenant"};
static const char *const results[AUDIT_RESULTS] = {
    [AUDIT_OK] = "ok", [AUDIT_BEGUN] = "begun", [AUDIT_REFUSED] = "refused", [AUDIT_FAILED] = "failed"};

const char *audit_event_name(enum audit_event event)
{
    return (unsigned)event < AUDIT_EVENTS ? events[event] : "";
}

const char *audit_by_name(enum audit_by by)
{
    return (unsigned)by < AUDIT_BYS ? bys[by] : "";
}

const char *audit_result_name(enum audit_result result)
{
    return (unsigned)result < AUDIT_RESULTS ? results[result] : "";
}

void audit_text(char *out, size_t size, const char *text)
{
    size_t len = 0;
    for (; text[len] && len < size - 1; len++)
        out[len] = audit_char_ok(text[len]) ? text[len] : '?';
    out[len] = '\0';
}

/* ---- building ---- */

static void put_field(struct writer *w, const char *name, const char *text)
{
    put_literal(w, ",\"");
    put_literal(w, name);
    put_literal(w, "\":\"");
    put_text(w, text);
    put_literal(w, "\"");
}

static void put_count(struct writer *w, const char *name, uint64_t number)
{
    put_literal(w, ",\"");
    put_literal(w, name);
    put_literal(w, "\":");
    put_number(w, number);
}

static void put_bytes(struct writer *w, const char *name, const uint8_t *bytes, size_t len)
{
    put_literal(w, ",\"");
    put_literal(w, name);
    put_literal(w, "\":\"");
    put_hex(w, bytes, len);
    put_literal(w, "\"");
}

static void build_entry(struct writer *w, const struct audit_entry *e)
{
    put_field(w, "event", e->event);
    put_field(w, "by", audit_by_name(e->by));
    put_count(w, "uid", e->uid);
    put_field(w, "user", e->user);
    put_field(w, "roles", e->roles);
    put_field(w, "tenant", e->tenant);
    put_count(w, "tenant_id", e->tenant_id);
    put_count(w, "n", e->n);
    put_field(w, "target", e->target);
    put_field(w, "result", audit_result_name(e->result));
    put_count(w, "of", e->of);
    put_field(w, "detail", e->detail);
}

static void build_segment(struct writer *w, const struct audit_segment *s)
{
    put_count(w, "segment", s->number);
    put_count(w, "version", AUDIT_VERSION);
    put_bytes(w, "log", s->log, AUDIT_LOG_ID);
    put_bytes(w, "head", s->head, AUDIT_HASH);
    put_count(w, "tenants", s->tenants);
    put_field(w, "card", s->card_failed ? "failed" : "ok");
    put_bytes(w, "key", s->key, AUDIT_POINT);
}

static void build_tenant(struct writer *w, const struct audit_tenant *t)
{
    put_count(w, "tenant_id", t->id);
    put_count(w, "n", t->n);
    put_count(w, "gone", t->gone);
    put_bytes(w, "head", t->head, AUDIT_HASH);
}

static void build_checkpoint(struct writer *w, const struct audit_checkpoint *c)
{
    put_count(w, "checkpoint", AUDIT_VERSION);
    put_bytes(w, "log", c->log, AUDIT_LOG_ID);
    put_bytes(w, "head", c->head, AUDIT_HASH);
    put_count(w, "tenants", c->tenants);
    put_bytes(w, "root", c->root, AUDIT_HASH);
    put_field(w, "vault", c->vault);
}

size_t audit_build_body(struct audit_line *line, char out[AUDIT_LINE_MAX])
{
    struct writer w = {.at = out, .end = out + AUDIT_LINE_MAX - 1};
    put_literal(&w, "{\"seq\":");
    put_number(&w, line->seq);
    put_count(&w, "time", line->time);
    switch (line->kind) {
    case AUDIT_ENTRY:
        build_entry(&w, &line->entry);
        break;
    case AUDIT_SEGMENT:
        build_segment(&w, &line->segment);
        break;
    case AUDIT_TENANT:
        build_tenant(&w, &line->tenant);
        break;
    case AUDIT_CHECKPOINT:
        build_checkpoint(&w, &line->checkpoint);
        break;
    }
    line->body_len = w.failed ? 0 : (size_t)(w.at - out);
    line->signed_len = line->kind == AUDIT_CHECKPOINT ? line->body_len : 0;
    return line->body_len;
}

size_t audit_build_signature(struct audit_line *line, char out[AUDIT_LINE_MAX], size_t len)
{
    struct writer w = {.at = out + len, .end = out + AUDIT_LINE_MAX - 1};
    put_bytes(&w, "signature", line->checkpoint.signature, AUDIT_SIGNATURE);
    line->body_len = w.failed ? 0 : (size_t)(w.at - out);
    return line->body_len;
}

size_t audit_build_end(struct audit_line *line, char out[AUDIT_LINE_MAX], size_t len)
{
    struct writer w = {.at = out + len, .end = out + AUDIT_LINE_MAX - 1};
    put_bytes(&w, "chain", line->chain, AUDIT_HASH);
    put_literal(&w, "}\n");
    return w.failed ? 0 : (size_t)(w.at - out);
}

/* ---- parsing ---- */

static void take_field(struct cursor *c, const char *name, char *out, size_t max)
{
    take_literal(c, ",\"");
    take_literal(c, name);
    take_literal(c, "\":\"");
    take_text(c, out, max);
    take_literal(c, "\"");
}

static uint64_t take_count(struct cursor *c, const char *name, uint64_t max)
{
    take_literal(c, ",\"");
    take_literal(c, name);
    take_literal(c, "\":");
    return take_number(c, max);
}

static void take_bytes(struct cursor *c, const char *name, uint8_t *out, size_t len)
{
    take_literal(c, ",\"");
    take_literal(c, name);
    take_literal(c, "\":\"");
    take_hex(c, out, len);
    take_literal(c, "\"");
}

/* The place of a word in a table. */
static unsigned take_word(struct cursor *c, const char *name, const char *const *words, unsigned count)
{
    char word[16];
    take_field(c, name, word, sizeof word - 1);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    c->failed = true;
    return 0;
}

static void parse_entry(struct cursor *c, struct audit_entry *e)
{
    take_field(c, "event", e->event, AUDIT_EVENT_MAX);
    e->by = (enum audit_by)take_word(c, "by", bys, AUDIT_BYS);
    e->uid = (uint32_t)take_count(c, "uid", UINT32_MAX);
    take_field(c, "user", e->user, AUDIT_NAME_MAX);
    take_field(c, "roles", e->roles, AUDIT_ROLES_MAX);
    take_field(c, "tenant", e->tenant, AUDIT_NAME_MAX);
    e->tenant_id = (uint32_t)take_count(c, "tenant_id", UINT32_MAX);
    e->n = take_count(c, "n", UINT64_MAX);
    take_field(c, "target", e->target, AUDIT_TARGET_MAX);
    e->result = (enum audit_result)take_word(c, "result", results, AUDIT_RESULTS);
    e->of = take_count(c, "of", UINT64_MAX);
    take_field(c, "detail", e->detail, AUDIT_DETAIL_MAX);
    if (!e->event[0] || (e->tenant_id == 0) != (e->n == 0))
        c->failed = true;
}

static void parse_segment(struct cursor *c, struct audit_segment *s)
{
    static const char *const cards[] = {"ok", "failed"};
    s->number = take_count(c, "segment", UINT64_MAX);
    if (take_count(c, "version", UINT32_MAX) != AUDIT_VERSION)
        c->failed = true;
    take_bytes(c, "log", s->log, AUDIT_LOG_ID);
    take_bytes(c, "head", s->head, AUDIT_HASH);
    s->tenants = take_count(c, "tenants", UINT32_MAX);
    s->card_failed = take_word(c, "card", cards, 2) == 1;
    take_bytes(c, "key", s->key, AUDIT_POINT);
}

static void parse_tenant(struct cursor *c, struct audit_tenant *t)
{
    t->id = (uint32_t)take_count(c, "tenant_id", UINT32_MAX);
    t->n = take_count(c, "n", UINT64_MAX);
    t->gone = take_count(c, "gone", 1) == 1;
    take_bytes(c, "head", t->head, AUDIT_HASH);
    if (!t->id || !t->n)
        c->failed = true;
}

static void parse_checkpoint(struct cursor *c, const char *start, struct audit_line *line)
{
    struct audit_checkpoint *check = &line->checkpoint;
    if (take_count(c, "checkpoint", UINT32_MAX) != AUDIT_VERSION)
        c->failed = true;
    take_bytes(c, "log", check->log, AUDIT_LOG_ID);
    take_bytes(c, "head", check->head, AUDIT_HASH);
    check->tenants = take_count(c, "tenants", UINT32_MAX);
    take_bytes(c, "root", check->root, AUDIT_HASH);
    take_field(c, "vault", check->vault, AUDIT_VAULT_MAX);
    line->signed_len = (size_t)(c->at - start);
    take_bytes(c, "signature", check->signature, AUDIT_SIGNATURE);
}

bool audit_parse(const char *bytes, size_t len, struct audit_line *line)
{
    if (len && bytes[len - 1] == '\n')
        len--;
    struct cursor c = {.at = bytes, .end = bytes + len};
    memset(line, 0, sizeof *line);
    if (len >= AUDIT_LINE_MAX)
        return false;
    take_literal(&c, "{\"seq\":");
    line->seq = take_number(&c, UINT64_MAX);
    line->time = take_count(&c, "time", UINT64_MAX);
    if (is_literal(&c, ",\"event\":")) {
        parse_entry(&c, &line->entry);
    } else if (is_literal(&c, ",\"segment\":")) {
        line->kind = AUDIT_SEGMENT;
        parse_segment(&c, &line->segment);
    } else if (is_literal(&c, ",\"tenant_id\":")) {
        line->kind = AUDIT_TENANT;
        parse_tenant(&c, &line->tenant);
    } else {
        line->kind = AUDIT_CHECKPOINT;
        parse_checkpoint(&c, bytes, line);
    }
    line->body_len = (size_t)(c.at - bytes);
    take_bytes(&c, "chain", line->chain, AUDIT_HASH);
    take_literal(&c, "}");
    return !c.failed && c.at == c.end && line->seq > 0;
}
