/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_link.c: the audit log as the broker uses it. The broker's thread never writes to it: what it has to tell goes
 * to the worker pool as a task. Tenants' refused operations are not told one by one: the gate counts them anyway, and
 * audit_tick looks at the counts.
 */
#include "backend/broker/broker.h"
#include "backend/vault/master_key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define POLICY_TOLD_NS 10000000000u /* how often a tenant's refused operations are told, at most */
#define POLICIES_MAX   32u          /* tenants of one look */
#define HEAD_KEPT_NS   3000000000u  /* how long the log's end may be another than the vault's root has, at most */

void audit_entry(struct audit_entry *entry, enum audit_event event, const struct vault_tenant *tenant,
                 const char *target)
{
    *entry = (struct audit_entry){.by = AUDIT_BY_DAEMON};
    snprintf(entry->event, sizeof entry->event, "%s", audit_event_name(event));
    snprintf(entry->target, sizeof entry->target, "%s", target);
    if (!tenant)
        return;
    entry->tenant_id = tenant->id;
    memcpy(entry->tenant, tenant->name, sizeof entry->tenant);
}

void audit_vault(void *arg, char text[AUDIT_VAULT_MAX + 1])
{
    struct broker *broker = arg;
    uint64_t version;
    uint8_t digest[VAULT_DIGEST];
    text[0] = '\0';
    if (vault_root(broker->vault, &version, digest, NULL) != VAULT_OK)
        return;
    int used = snprintf(text, AUDIT_VAULT_MAX + 1, "%" PRIu64 ":", version);
    for (size_t i = 0; i < VAULT_DIGEST; i++)
        snprintf(text + used + 2 * i, 3, "%02x", digest[i]);
}

/* On the log's writer's thread. */
static void audit_moved(void *arg, uint64_t seq, const uint8_t head[AUDIT_HASH])
{
    struct broker *broker = arg;
    struct vault_head now = {.number = seq};
    _Static_assert(AUDIT_HASH == VAULT_CHAIN, "one chain");
    memcpy(now.chain, head, VAULT_CHAIN);
    vault_head_offer(broker->vault, &now);
}

/* ---- start and end ---- */

__attribute__((format(printf, 4, 5))) static void tell(struct broker *broker, enum audit_event event,
                                                       enum audit_result result, const char *format, ...)
{
    struct audit_entry entry;
    va_list args;
    audit_entry(&entry, event, NULL, "");
    entry.result = result;
    va_start(args, format);
    vsnprintf(entry.detail, sizeof entry.detail, format, args);
    va_end(args);
    audit_tell(broker->audit, &entry);
}

/* The store may be newer than the last checkpoint, never older, and never another one of the same version. */
static void vault_compare(struct broker *broker, const char *was)
{
    char now[AUDIT_VAULT_MAX + 1];
    audit_vault(broker, now);
    uint64_t version_was = strtoull(was, NULL, 10), version_now = strtoull(now, NULL, 10);
    if (!was[0] || !now[0] || version_now > version_was || strcmp(was, now) == 0)
        return;
    broker_log("the vault was put back to an older copy, or is another one: it is at %.100s, the audit log has seen "
               "%.100s",
               now, was);
    tell(broker, AUDIT_VAULT_ROLLBACK, AUDIT_FAILED, "now=%.100s was=%.100s", now, was);
}

bool broker_open_audit(struct broker *broker, const char *state_dir, char *text)
{
    const struct daemon_config *config = broker->config;
    struct vault_secret *seed = vault_secret_new();
    struct audit_found found;
    struct audit_state now;
    struct vault_head known;
    bool ok = false;
    if (!seed)
        snprintf(text, VAULT_ERROR_TEXT, "no locked memory for keys: raise LimitMEMLOCK of cardmuxd");
    else if (vault_own_secret(broker->vault, "audit", seed, text) == VAULT_OK && seed->len >= AUDIT_SEED &&
             vault_head(broker->vault, &known, text) == VAULT_OK) {
        struct audit_config audit = {.state_dir = state_dir,
                                     .seed = seed->bytes,
                                     .segment_bytes = (uint64_t)config->audit_segment_kib << 10,
                                     .vault = audit_vault,
                                     .moved = audit_moved,
                                     .arg = broker,
                                     .known_seq = known.number};
        memcpy(audit.known_head, known.chain, AUDIT_HASH);
        ok = audit_open(&audit, &broker->audit, &found, text) == VAULT_OK;
    }
    vault_secret_free(seed);
    if (!ok)
        return false;
    if (found.damaged) {
        broker_log("audit log: %s; it goes on in a new file: look with `cardmux audit verify`", found.why);
        tell(broker, AUDIT_LOG_DAMAGED, AUDIT_FAILED, "%s", found.why);
    } else if (found.cut) {
        broker_log("audit log: %s", found.why);
        tell(broker, AUDIT_LOG_REPAIRED, AUDIT_OK, "%s", found.why);
    }
    if (found.altered) {
        broker_log("audit log: somebody altered it while the daemon did not run: %s; compare with a checkpoint kept "
                   "elsewhere (`cardmux audit verify --checkpoint FILE`)",
                   found.how);
        tell(broker, AUDIT_LOG_ALTERED, AUDIT_FAILED, "%s", found.how);
    }
    tell(broker, AUDIT_DAEMON_START, AUDIT_OK,
         "version=%s generation=%016" PRIx64 " broker=%s card=%s master=%s config=%s", CARDMUX_VERSION,
         broker->generation, broker->again ? "again" : "first", broker->driver->name,
         broker->rekey.form ? master_form_name((enum master_form)(broker->rekey.form - 1)) : "file",
         config->digest ? config->digest : "defaults");
    vault_compare(broker, found.vault);
    audit_look(broker->audit, &now);
    /* A good test is acknowledged once the end behind it is kept: one behind what was kept is not believed. */
    if (found.card_failed && !now.card_failed)
        tell(broker, AUDIT_CARD_FAILED, AUDIT_FAILED, "so says the log up to the end that was kept");
    if (now.card_failed || found.card_failed)
        card_stays_failed(broker);
    else
        tell(broker, AUDIT_SELF_TEST, AUDIT_OK, "at start");
    vault_head_keep(broker->vault, NULL); /* on a full disk it is kept later */
    broker->audit_checked_ns = clock_ns();
    return true;
}

void broker_end_audit(struct broker *broker)
{
    if (!broker->audit)
        return;
    audit_flush(broker->audit, true);
    tell(broker, AUDIT_DAEMON_STOP, AUDIT_OK, "generation=%016" PRIx64, broker->generation);
    audit_checkpoint(broker->audit, NULL, NULL);
    vault_head_keep(broker->vault, NULL);
    audit_close(broker->audit);
    broker->audit = NULL;
}

/* ---- tenants ---- */

/* The first of those that share the code has the count. */
static bool code_look(struct broker *broker, uint32_t tenant, enum vault_key_kind kind, uint32_t index,
                      struct vault_key *key)
{
    for (unsigned one = VAULT_KEY_SM2; one < VAULT_KEY_KINDS; one++)
        if (vault_kinds_share(kind, (enum vault_key_kind)one) &&
            vault_key_get(broker->vault, tenant, (enum vault_key_kind)one, index, key, NULL, NULL, NULL) == VAULT_OK &&
            key->has_code)
            return true;
    return false;
}

void audit_code(struct broker *broker, const struct vault_tenant *tenant, enum vault_key_kind kind, uint32_t index,
                enum vault_result result)
{
    struct audit_entry entry;
    struct vault_key key = {0};
    if (result != VAULT_BAD_CODE && result != VAULT_LOCKED)
        return;
    audit_entry(&entry, result == VAULT_LOCKED ? AUDIT_CODE_REFUSED : AUDIT_CODE_FAILED, tenant, "");
    audit_key_target(kind == VAULT_KEY_KEK ? kind : (enum vault_key_kind)0, index, entry.target);
    entry.by = AUDIT_BY_TENANT;
    entry.result = AUDIT_REFUSED;
    bool known = result == VAULT_BAD_CODE && code_look(broker, tenant->id, kind, index, &key);
    if (known)
        snprintf(entry.detail, sizeof entry.detail, "failures=%u", key.failures);
    audit_tell_often(broker->audit, &entry);
    if (!known || !key.locked)
        return;
    /* in any case, however many came before: it happens once, and then only again after an operator's unlock */
    snprintf(entry.event, sizeof entry.event, "%s", audit_event_name(AUDIT_CODE_LOCKED));
    entry.by = AUDIT_BY_DAEMON;
    audit_tell(broker->audit, &entry);
}

/* ---- from the broker's thread ---- */

struct later {
    struct task task;
    unsigned count;
    bool work; /* also what is due by itself */
    bool owed; /* the log's end could not be kept */
    bool checkpoint;
    struct audit_entry entries[];
};

static void later_work(struct broker *broker, struct task *task)
{
    struct later *later = (struct later *)task;
    for (unsigned i = 0; i < later->count; i++)
        audit_tell(broker->audit, &later->entries[i]);
    if (later->work)
        audit_flush(broker->audit, false);
    if (later->checkpoint)
        audit_checkpoint(broker->audit, NULL, NULL);
    if (later->work)
        later->owed = vault_head_keep(broker->vault, NULL) != VAULT_OK;
}

static void later_done(struct broker *broker, struct task *task)
{
    struct later *later = (struct later *)task;
    if (later->work)
        broker->audit_busy = false;
    if (later->owed)
        broker->audit_kept = 0; /* tried again */
    free(later);
}

static struct later *later_new(size_t room)
{
    struct later *later = calloc(1, sizeof *later + room * sizeof later->entries[0]);
    if (later)
        later->task = (struct task){.work = later_work, .done = later_done};
    return later;
}

void audit_later(struct broker *broker, const struct audit_entry *entry)
{
    struct later *later = broker->audit ? later_new(1) : NULL;
    if (!later) {
        broker_log("audit log: %s is not recorded: no memory", entry->event);
        return;
    }
    later->entries[later->count++] = *entry;
    pool_submit(broker, &later->task);
}

static bool policy_is_due(const struct broker *broker, const struct tenant *tenant)
{
    return tenant->counters.rejects[CM_GATE_POLICY] != tenant->policy_told &&
           (!tenant->policy_told_ns || broker->now - tenant->policy_told_ns > POLICY_TOLD_NS);
}

static void policy_tell(struct broker *broker, struct tenant *tenant, struct audit_entry *entry)
{
    uint64_t count = tenant->counters.rejects[CM_GATE_POLICY];
    audit_entry(entry, AUDIT_POLICY_REFUSED, &tenant->record, "");
    entry->by = AUDIT_BY_TENANT;
    entry->result = AUDIT_REFUSED;
    snprintf(entry->detail, sizeof entry->detail, "count=%" PRIu64, count - tenant->policy_told);
    tenant->policy_told = count;
    tenant->policy_told_ns = broker->now;
}

void audit_tick(struct broker *broker)
{
    bool checkpoint = false, due;
    unsigned policies = 0;
    uint64_t kept = broker->audit_kept;
    if (!broker->audit || broker->audit_busy)
        return;
    due = audit_due(broker->audit, &checkpoint);
    uint64_t period = (uint64_t)broker->config->audit_checkpoint_s * 1000000000u;
    if (period && broker->now - broker->audit_checked_ns > period) {
        struct audit_state now;
        audit_look(broker->audit, &now);
        checkpoint |= now.unsigned_entries > 0;
        broker->audit_checked_ns = broker->now;
    }
    if (broker->now - broker->audit_kept_ns > HEAD_KEPT_NS) {
        struct audit_state now;
        audit_look(broker->audit, &now);
        due |= now.seq != kept;
        kept = now.seq;
        broker->audit_kept_ns = broker->now;
    }
    for (unsigned i = 0; i < broker->tenant_count && policies < POLICIES_MAX; i++)
        policies += policy_is_due(broker, broker->tenants[i]);
    if (!due && !checkpoint && !policies)
        return;
    struct later *later = later_new(policies);
    if (!later)
        return; /* it stays due */
    for (unsigned i = 0; i < broker->tenant_count && later->count < policies; i++)
        if (policy_is_due(broker, broker->tenants[i]))
            policy_tell(broker, broker->tenants[i], &later->entries[later->count++]);
    later->work = true;
    later->checkpoint = checkpoint;
    broker->audit_busy = true;
    broker->audit_kept = kept;
    pool_submit(broker, &later->task);
}
