/* SPDX-License-Identifier: Apache-2.0 */
/* admin_audit.c: what a management act says of itself in the audit log, and the acts that are about the log. */
#include "backend/broker/act.h"
#include "backend/main/role.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void actor(const struct admin_message *message, struct audit_entry *entry)
{
    entry->by = AUDIT_BY_USER;
    entry->uid = message->actor.uid;
    audit_text(entry->user, sizeof entry->user, message->actor.user);
    role_text(message->actor.roles, entry->roles);
}

__attribute__((format(printf, 2, 3))) static void add(struct audit_entry *entry, const char *format, ...)
{
    size_t used = strlen(entry->detail);
    va_list args;
    if (used && used + 1 < sizeof entry->detail)
        entry->detail[used++] = ' ', entry->detail[used] = '\0';
    va_start(args, format);
    vsnprintf(entry->detail + used, sizeof entry->detail - used, format, args);
    va_end(args);
}

static void add_classes(struct audit_entry *entry, const char *what, const struct admin_names *names)
{
    if (names->policy.denied_classes || names->policy.denied_algs || names->flags)
        add(entry, "%s-classes=%llx %s-algs=%llx %s-flags=%x", what, (unsigned long long)names->policy.denied_classes,
            what, (unsigned long long)names->policy.denied_algs, what, names->flags);
}

/* The settings that the mask names, as they are to be. */
static void tenant_detail(const struct admin_message *m, struct audit_entry *entry)
{
    const struct vault_tenant *t = &m->tenant;
    if (m->mask & ADMIN_SET_FLAGS)
        add(entry, "disabled=%s", t->flags & VAULT_TENANT_DISABLED ? "yes" : "no");
    if (m->mask & ADMIN_SET_OWNER)
        add(entry, "owner=%u:%u", t->owner_uid, t->owner_gid);
    if (m->mask & ADMIN_SET_CONNECTIONS)
        add(entry, "max_connections=%u", t->max_connections);
    if (m->mask & ADMIN_SET_SESSIONS)
        add(entry, "max_sessions=%u", t->max_sessions);
    if (m->mask & ADMIN_SET_HANDLES)
        add(entry, "max_handles=%u", t->max_handles);
    if (m->mask & ADMIN_SET_WEIGHT)
        add(entry, "weight=%u", t->weight);
    if (m->mask & ADMIN_SET_CODES)
        add(entry, "codes=%u", (unsigned)m->policy.codes);
    if (m->mask & ADMIN_SET_FILES)
        add(entry, "max_files=%u", m->policy.max_files);
    if (m->mask & ADMIN_SET_FILE_BYTES)
        add(entry, "max_file_bytes=%llu", (unsigned long long)m->policy.max_file_bytes);
    if (m->mask & ADMIN_SET_POLICY) {
        add_classes(entry, "allow", &m->allow);
        add_classes(entry, "deny", &m->deny);
    }
}

static const char *key_word(enum vault_key_kind kind)
{
    static const char *const words[] = {
        [VAULT_KEY_SM2] = "sm2", [VAULT_KEY_KEK] = "kek", [VAULT_KEY_RSA] = "rsa", [VAULT_KEY_P256] = "p256"};
    return (unsigned)kind < sizeof words / sizeof *words && words[kind] ? words[kind] : "key";
}

void audit_key_target(enum vault_key_kind kind, uint32_t index, char target[AUDIT_TARGET_MAX + 1])
{
    snprintf(target, AUDIT_TARGET_MAX + 1, "%s/%u", key_word(kind), index);
}

void admin_audit_entry(const struct admin_message *message, enum audit_event event, struct audit_entry *entry)
{
    audit_entry(entry, event, &message->tenant, "");
    actor(message, entry);
    switch (message->type) {
    case ADMIN_TENANT_ADD:
    case ADMIN_TENANT_SET:
        tenant_detail(message, entry);
        break;
    case ADMIN_KEY_GENERATE:
    case ADMIN_KEY_IMPORT:
        audit_key_target(message->key.kind, message->key.index, entry->target);
        add(entry, "bits=%u code=%s", message->key.bits, message->code_len ? "yes" : "no");
        break;
    case ADMIN_KEY_CODE:
        audit_key_target(message->key.kind, message->key.index, entry->target);
        add(entry, "code=%s", message->code_len ? "yes" : "no");
        break;
    case ADMIN_KEY_DESTROY:
    case ADMIN_KEY_UNLOCK:
        audit_key_target(message->key.kind, message->key.index, entry->target);
        break;
    case ADMIN_FILE_REMOVE:
        snprintf(entry->target, sizeof entry->target, "file/");
        for (uint32_t i = 0; i < message->file.name_len && i < 24; i++)
            snprintf(entry->target + 5 + 2 * i, sizeof entry->target - 5 - 2 * i, "%02x", message->file.name[i]);
        break;
    default:
        break;
    }
}

/* ---- acts about the log ---- */

void work_audit_state(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    act->message.audit = (struct admin_audit){0};
    audit_look(broker->audit, &act->message.audit.state);
    audit_vault(broker, act->message.audit.vault);
}

void work_audit_read(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    act->bytes = malloc(ADMIN_AUDIT_PAGE);
    if (act->bytes) {
        act->result = audit_read(broker->audit, act->message.audit.segment, act->message.audit.offset, act->bytes,
                                 ADMIN_AUDIT_PAGE, &act->len, act->error);
        return;
    }
    act->result = VAULT_IO;
    snprintf(act->error, sizeof act->error, "no memory for a page of the audit log");
}

void work_audit_checkpoint(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct admin_audit *audit = &act->message.audit;
    *audit = (struct admin_audit){0};
    audit_flush(broker->audit, true);
    act->result = audit_checkpoint(broker->audit, audit->bytes, act->error);
    vault_head_keep(broker->vault, NULL);
    audit->len = (uint32_t)strnlen(audit->bytes, sizeof audit->bytes);
    audit_look(broker->audit, &audit->state);
}

void work_audit_refused(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct audit_entry entry;
    audit_entry(&entry, AUDIT_ROLE_REFUSED, NULL, "");
    actor(&act->message, &entry);
    act->message.text[sizeof act->message.text - 1] = '\0';
    audit_text(entry.target, sizeof entry.target, act->message.text);
    entry.result = AUDIT_REFUSED;
    audit_tell_often(broker->audit, &entry);
}

void done_audit_row(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    if (act->result == VAULT_OK) {
        struct admin_message row = {.type = ADMIN_ROW, .id = act->message.id, .audit = act->message.audit};
        answer(broker, &row);
    }
    done_plain(broker, task);
}

void done_audit_read(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    for (size_t at = 0; act->result == VAULT_OK && at < act->len;) {
        struct admin_message row = {.type = ADMIN_ROW, .id = act->message.id};
        size_t n = act->len - at < ADMIN_AUDIT_BYTES ? act->len - at : ADMIN_AUDIT_BYTES;
        row.audit.len = (uint32_t)n;
        memcpy(row.audit.bytes, act->bytes + at, n);
        answer(broker, &row);
        at += n;
    }
    done_plain(broker, task);
}
