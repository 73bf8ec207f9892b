/* SPDX-License-Identifier: Apache-2.0 */
/* see render.h */
#include "backend/admin/render.h"
#include "backend/vault/master_key.h"
#include "backend/admin/body.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Text of another process: bytes that are not ASCII print as '?', since JSON wants UTF-8. */
static json_t *text(const char *raw)
{
    char clean[VAULT_ERROR_TEXT];
    size_t n = 0;
    for (; raw[n] && n < sizeof clean - 1; n++)
        clean[n] = raw[n] >= ' ' && raw[n] < 127 ? raw[n] : '?';
    clean[n] = 0;
    return json_string(clean);
}

static json_t *number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *hex(const uint8_t *bytes, size_t len)
{
    char out[2 * ADMIN_PUBLIC_MAX + 1];
    for (size_t i = 0; i < len && i < ADMIN_PUBLIC_MAX; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return json_string(out);
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return any == 0;
}

static json_t *render_counters(const struct admin_counters *c)
{
    json_t *rejects = json_object();
    for (unsigned reason = CM_GATE_OK + 1; reason < CM_GATE_END; reason++)
        json_object_set_new(rejects, cm_gate_name((enum cm_gate)reason), number(c->rejects[reason]));
    return json_pack("{s:o s:o s:o s:o s:o s:o s:I s:I s:I s:o}", "operations", number(c->operations), "errors",
                     number(c->errors), "bytes", number(c->bytes), "doorbells", number(c->doorbells), "wakeups",
                     number(c->wakeups), "card_ns", number(c->card_ns), "regions", (json_int_t)c->regions, "sessions",
                     (json_int_t)c->sessions, "handles", (json_int_t)c->handles, "rejects", rejects);
}

/* Names, as allow and deny take them. */
static json_t *render_denied(const struct admin_message *row)
{
    const struct cm_policy *denied = &row->policy.denied;
    json_t *list = json_array();
    for (unsigned bit = 0; bit < 32; bit++)
        if (denied->denied_classes >> bit & 1 && cm_class_name(bit))
            json_array_append_new(list, json_string(cm_class_name(bit)));
    for (unsigned bit = 0; bit < 32; bit++)
        if (denied->denied_algs >> bit & 1 && cm_alg_name(bit))
            json_array_append_new(list, json_string(cm_alg_name(bit)));
    for (unsigned bit = 0; bit < 32; bit++)
        if (cm_asked_name(bit) && !(row->tenant.flags >> bit & 1))
            json_array_append_new(list, json_string(cm_asked_name(bit)));
    return list;
}

json_t *render_tenant(const struct admin_message *row)
{
    const struct vault_tenant *t = &row->tenant;
    return json_pack("{s:o s:I s:o s:b s:I s:I s:I s:I s:I s:I s:o s:s s:I s:I s:I s:o}", "name", text(t->name), "id",
                     (json_int_t)t->id, "serial", text(t->serial), "disabled", (t->flags & VAULT_TENANT_DISABLED) != 0,
                     "owner_uid", (json_int_t)t->owner_uid, "owner_gid", (json_int_t)t->owner_gid, "max_connections",
                     (json_int_t)t->max_connections, "max_sessions", (json_int_t)t->max_sessions, "max_handles",
                     (json_int_t)t->max_handles, "weight", (json_int_t)t->weight, "denied", render_denied(row),
                     "access_codes", body_codes_word(row->policy.codes), "max_files", (json_int_t)row->policy.max_files,
                     "max_file_bytes", (json_int_t)row->policy.max_file_bytes, "cid", (json_int_t)t->cid, "counters",
                     render_counters(&row->counters));
}

json_t *render_key(const struct admin_message *row)
{
    const struct vault_key *k = &row->key;
    const struct vault_kind *kind = vault_kind(k->kind);
    size_t size = k->kind == VAULT_KEY_RSA ? k->bits / 8 + 8 : 64;
    if (size > ADMIN_PUBLIC_MAX)
        size = ADMIN_PUBLIC_MAX;
    json_t *key = json_pack("{s:s s:I s:I s:b s:I s:b s:o}", "kind", kind ? kind->name : "?", "index",
                            (json_int_t)k->index, "bits", (json_int_t)k->bits, "has_code", k->has_code, "failures",
                            (json_int_t)k->failures, "locked", k->locked, "created", number(k->created));
    json_object_set_new(key, "sign_uses", number(row->sign_uses));
    json_object_set_new(key, "encrypt_uses", number(row->encrypt_uses));
    if (!all_zero(row->sign_public, size))
        json_object_set_new(key, "sign_public", hex(row->sign_public, size));
    if (!all_zero(row->encrypt_public, size))
        json_object_set_new(key, "encrypt_public", hex(row->encrypt_public, size));
    return key;
}

/* The name in hexadecimal, and as text where it is printable ASCII. */
json_t *render_file(const struct admin_message *row)
{
    const struct vault_file *file = &row->file;
    size_t len = file->name_len <= sizeof file->name ? file->name_len : sizeof file->name;
    char digits[2 * sizeof file->name + 1] = "";
    bool printable = len != 0;
    for (size_t i = 0; i < len; i++) {
        snprintf(digits + 2 * i, 3, "%02x", file->name[i]);
        printable = printable && file->name[i] >= ' ' && file->name[i] < 127;
    }
    json_t *json =
        json_pack("{s:s s:I s:o}", "hex", digits, "size", (json_int_t)file->size, "created", number(file->created));
    if (json && printable)
        json_object_set_new(json, "text", json_stringn((const char *)file->name, len));
    return json;
}

json_t *render_status(const struct admin_message *row)
{
    const struct admin_status *s = &row->status;
    char generation[17];
    snprintf(generation, sizeof generation, "%016" PRIx64, s->generation);
    return json_pack("{s:o s:s s:o s:I s:I s:{s:o s:o} s:o s:o s:o s:o}", "version", text(s->version), "generation",
                     generation, "uptime_s", number(s->uptime_s), "broker_pid", (json_int_t)s->broker_pid, "tenants",
                     (json_int_t)s->tenants, "card", "name", text(s->card), "state", text(s->card_state), "master_key",
                     text(s->master), "total", render_counters(&s->total), "sleeps", number(s->sleeps), "passes",
                     number(s->passes));
}

json_t *render_vault(const struct admin_message *row)
{
    const struct admin_vault *v = &row->vault;
    return json_pack("{s:o s:o s:o s:s s:{s:b s:o s:o} s:{s:I s:I s:o s:o}}", "version", number(v->version), "digest",
                     hex(v->digest, sizeof v->digest), "host_key", hex(v->key, sizeof v->key), "master_key",
                     v->form ? master_form_name((enum master_form)(v->form - 1)) : "", "rekey", "pending",
                     v->rekey_pending != 0, "done", number(v->rekey_done), "total", number(v->rekey_total), "keys",
                     "loaded", (json_int_t)v->keys_loaded, "most", (json_int_t)v->keys_most, "fetched",
                     number(v->keys_fetched), "evicted", number(v->keys_evicted));
}

json_t *render_audit(const struct admin_message *row)
{
    const struct admin_audit *a = &row->audit;
    const struct audit_state *s = &a->state;
    return json_pack("{s:o s:o s:o s:o s:o s:o s:o s:o s:b s:o}", "log", hex(s->log, sizeof s->log), "key",
                     hex(s->key, sizeof s->key), "seq", number(s->seq), "chain", hex(s->head, sizeof s->head),
                     "first_file", number(s->first_segment), "last_file", number(s->segment), "unsigned",
                     number(s->unsigned_entries), "missed", number(s->missed), "failing", s->failing, "vault",
                     text(a->vault));
}

json_t *render_audit_bytes(const struct admin_message *row)
{
    char clean[ADMIN_AUDIT_BYTES];
    size_t len = row->audit.len < sizeof clean ? row->audit.len : sizeof clean;
    for (size_t i = 0; i < len; i++) {
        char c = row->audit.bytes[i];
        clean[i] = c == '\n' || (c >= ' ' && c < 127) ? c : '?';
    }
    return json_stringn(clean, len);
}

static json_t *bits(uint32_t value, const char *const *names, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        if (value & 1u << i)
            json_array_append_new(list, json_string(names[i]));
    return list;
}

json_t *render_operations(void)
{
    static const char *const fields[] = {"session", "key", "alg", "arg", "iv"};
    static const char *const traits[] = {"repeat", "needs", "makes", "copy",       "slow",
                                         "asym",   "keys",  "debug", "kek_handle", "pair_import"};
    json_t *list = json_array();
    for (uint32_t op = 0; op < CM_OP_END; op++) {
        const struct cm_op_info *info = cm_op_info(op);
        if (!info)
            continue;
        json_array_append_new(list, json_pack("{s:I s:s s:s s:{s:i s:i} s:{s:i s:i} s:o s:o}", "number", (json_int_t)op,
                                              "name", info->name, "function", info->function, "params", "min",
                                              info->param_min, "max", info->param_max, "data", "min", info->data_min,
                                              "max", info->data_max, "fields",
                                              bits(info->fields, fields, sizeof fields / sizeof *fields), "traits",
                                              bits(info->traits, traits, sizeof traits / sizeof *traits)));
    }
    return list;
}

json_t *render_error(const char *code, const char *message)
{
    return json_pack("{s:{s:o s:o}}", "error", "code", text(code), "message", text(message));
}
