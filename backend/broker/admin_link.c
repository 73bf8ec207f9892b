/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_link.c: the broker's end of backend/admin/message.h.
 *
 * Reading counters is answered at once. Everything that touches the vault is a task: `begin` on the broker's thread
 * finds the tenant, `work` on a worker's thread does the slow part, `done` on the broker's thread puts the result into
 * the tables and answers. Between begin and done a tenant may go: done looks it up again by its number.
 */
#include "backend/broker/act.h"
#include "backend/broker/keycache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACTS_MAX           32u /* under way at a time */
#define ADMIN_MESSAGES_MAX 8u  /* that are read in one turn: the tenants' rings come in between */

/* The broker's thread only. */
static unsigned acts;
static struct task *waiting_for_doors;

static void tenant_tell(const struct tenant *tenant, struct admin_message *row)
{
    row->tenant = tenant->record;
    row->policy = tenant->policy;
    row->counters = tenant->counters;
}

static void answer_tenant(struct broker *broker, uint32_t id, const struct tenant *tenant)
{
    struct admin_message row = {.type = ADMIN_ROW, .id = id};
    tenant_tell(tenant, &row);
    answer(broker, &row);
}

void act_free(struct act *act)
{
    explicit_bzero(act->message.code, sizeof act->message.code);
    for (size_t i = act->row_next; act->listed && i < act->row_count; i++)
        free(act->listed[i].pair.rsa_public); /* of a list that was not told to its end */
    free(act->rows);
    free(act->listed);
    free(act->bytes);
    free(act);
    acts--;
}

/* work: on a worker's thread */

static void work_key_generate(struct broker *broker, struct task *task);

/* With the key of the device at index 0, where the card can make one. */
static void work_tenant_add(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct admin_message *message = &act->message;
    act->result = vault_tenant_add(broker->vault, &message->tenant, act->error);
    if (act->result != VAULT_OK)
        return;
    if (message->mask & ADMIN_SET_ANY_POLICY)
        act->result = vault_tenant_change(broker->vault, &message->tenant, &message->policy, act->error);
    if (act->result == VAULT_OK && broker->caps.asym_alg[0] & SGD_SM2 & 0xffff0000u) {
        message->key = (struct vault_key){.kind = VAULT_KEY_SM2, .index = 0, .bits = 256};
        work_key_generate(broker, task);
    }
    if (act->result != VAULT_OK)
        vault_tenant_remove(broker->vault, message->tenant.id, NULL);
}

static void work_tenant_set(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    const struct admin_message *message = &act->message;
    act->result = vault_tenant_change(broker->vault, &message->tenant,
                                      message->mask & ADMIN_SET_ANY_POLICY ? &message->policy : NULL, act->error);
}

static void work_tenant_remove(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    act->result = vault_tenant_remove(broker->vault, act->message.tenant.id, act->error);
}

void put_and_load(struct broker *broker, struct act *act, struct vault_secret *sign, struct vault_secret *encrypt)
{
    struct admin_message *message = &act->message;
    act->result = vault_key_put(broker->vault, message->tenant.id, message->key.kind, message->key.index, sign,
                                vault_kind(message->key.kind)->has_encrypt ? encrypt : NULL,
                                message->code_len ? message->code : NULL, message->code_len, act->error);
    if (act->result != VAULT_OK)
        return;
    act->result = vault_key_get(broker->vault, message->tenant.id, message->key.kind, message->key.index, &message->key,
                                NULL, NULL, act->error);
    if (act->result == VAULT_OK)
        act->loaded = key_fetch(broker, message->tenant.id, &message->key, &act->pair, &act->kek, act->error);
    if (!act->loaded)
        act->result = VAULT_DAMAGED;
}

static void generate_and_put(struct broker *broker, struct act *act, struct vault_secret *sign,
                             struct vault_secret *encrypt)
{
    const struct vault_key *key = &act->message.key;
    bool two = vault_kind(key->kind)->has_encrypt;
    if (key_make(broker, key->kind, key->bits, sign) && (!two || key_make(broker, key->kind, key->bits, encrypt))) {
        put_and_load(broker, act, sign, encrypt);
        return;
    }
    act->result = VAULT_IO;
    snprintf(act->error, sizeof act->error, "the card made no key: look at its state with `cardmux status`");
}

static void work_key_generate(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct vault_secret *sign = vault_secret_new(), *encrypt = vault_secret_new();
    if (sign && encrypt) {
        generate_and_put(broker, act, sign, encrypt);
    } else {
        act->result = VAULT_IO;
        snprintf(act->error, sizeof act->error, "no locked memory for keys: raise LimitMEMLOCK of cardmuxd");
    }
    vault_secret_free(sign);
    vault_secret_free(encrypt);
    explicit_bzero(act->message.code, sizeof act->message.code);
}

static void work_key_destroy(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    act->result = vault_key_remove(broker->vault, act->message.tenant.id, act->message.key.kind, act->message.key.index,
                                   act->error);
}

static void work_key_unlock(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    act->result = vault_code_reset(broker->vault, act->message.tenant.id, act->message.key.kind, act->message.key.index,
                                   act->error);
}

static void work_card_test(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    bool ok = broker->driver->selftest(broker->card, act->error) == SDR_OK;
    act->result = ok ? VAULT_OK : VAULT_DAMAGED;
}

/* done: on the broker's thread */

void done_plain(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    if (act->unrecorded[0])
        answer_done(broker, act->message.id, VAULT_IO, act->unrecorded);
    else
        answer_done(broker, act->message.id, act->result, act->error);
    act_free(act);
}

static void done_card_test(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    /* a test that could not be recorded heals nothing: after a restart nobody would know of it */
    if (act->begun && (act->result != VAULT_OK || !act->unrecorded[0]))
        card_tested(broker, act->result == VAULT_OK, act->error);
    done_plain(broker, task);
}

/* The tenant is answered for when its sockets are there: whoever asked may connect at once. */
static void done_tenant_add(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct tenant *tenant = act->result == VAULT_OK ? tenant_install(broker, &act->message.tenant) : NULL;
    if (act->loaded && !tenant)
        pair_release(broker, &act->pair);
    else if (act->loaded && !keycache_put_pair(broker, tenant, &act->pair))
        broker_log("tenant %s: its device key is not served: no memory", tenant->record.name);
    if (tenant) {
        tenant_set_policy(tenant, &act->message.policy);
        act->task.next = waiting_for_doors;
        waiting_for_doors = task;
        keeper_door(broker, tenant);
        return;
    }
    if (act->result == VAULT_OK) {
        act->result = VAULT_IO;
        snprintf(act->error, sizeof act->error, "the tenant is stored but not served: there are %u tenants already",
                 broker->tenant_count);
    }
    done_plain(broker, task);
}

void admin_door_result(struct broker *broker, const struct handover *message)
{
    struct task **link = &waiting_for_doors;
    while (*link && ((struct act *)*link)->message.tenant.id != message->tenant)
        link = &(*link)->next;
    struct act *act = (struct act *)*link;
    if (!act)
        return;
    *link = act->task.next;
    struct tenant *tenant = tenant_by_id(broker, message->tenant);
    if (!message->status && tenant) {
        answer_tenant(broker, act->message.id, tenant);
    } else {
        act->result = VAULT_IO;
        snprintf(act->error, sizeof act->error, "the tenant is stored, but its sockets cannot be made: %.160s",
                 message->text);
    }
    done_plain(broker, &act->task);
}

static void done_tenant_set(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct tenant *tenant = tenant_by_id(broker, act->message.tenant.id);
    if (act->result == VAULT_OK && tenant) {
        tenant_set_record(tenant, &act->message.tenant);
        if (act->message.mask & ADMIN_SET_ANY_POLICY)
            tenant_set_policy(tenant, &act->message.policy);
        keeper_door(broker, tenant);
        answer_tenant(broker, act->message.id, tenant);
    }
    done_plain(broker, task);
}

static void done_tenant_remove(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct tenant *tenant = tenant_by_id(broker, act->message.tenant.id);
    if (act->result == VAULT_OK && tenant) {
        tenant->gone = true;
        keeper_door(broker, tenant);
        for (struct region *region = tenant->regions; region; region = region->next)
            region_say_closed(region);
        tenant_remove(broker, tenant);
    }
    done_plain(broker, task);
}

static void done_key_generate(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct admin_message *message = &act->message;
    struct tenant *tenant = tenant_by_id(broker, message->tenant.id);
    bool kek = message->key.kind == VAULT_KEY_KEK;
    struct admin_message row = {.type = ADMIN_ROW, .id = message->id, .key = message->key};
    if (act->loaded && !kek)
        publics_tell(&act->pair, &row);
    /* it may have been destroyed since it was fetched, or have another code: then the next use fetches what there is */
    bool serves = tenant && tenant->codes_set == act->codes_set;
    if (act->loaded && !serves && kek) {
        key_release(broker, act->kek.key);
    } else if (act->loaded && !serves) {
        pair_release(broker, &act->pair);
    } else if (act->loaded &&
               !(!kek ? keycache_put_pair(broker, tenant, &act->pair) : keycache_put_kek(broker, tenant, &act->kek))) {
        act->result = VAULT_IO;
        snprintf(act->error, sizeof act->error, "the key is stored but not served: no memory");
    }
    if (act->result == VAULT_OK)
        answer(broker, &row);
    done_plain(broker, task);
}

static void done_key_destroy(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct tenant *tenant = tenant_by_id(broker, act->message.tenant.id);
    if (act->result == VAULT_OK && tenant) {
        keycache_drop(broker, tenant, act->message.key.kind, act->message.key.index);
        /* the next key at this index may have another code */
        tenant_rights_revoke(tenant, act->message.key.kind, act->message.key.index);
    }
    done_plain(broker, task);
}

/* begin */

static const struct {
    void (*work)(struct broker *, struct task *);
    void (*done)(struct broker *, struct task *);
    int event; /* enum audit_event, or NOT_AUDITED where nothing is changed; 0: forgotten, so it is refused */
} tasks[] = {
    [ADMIN_TENANT_ADD] = {work_tenant_add, done_tenant_add, AUDIT_TENANT_ADD},
    [ADMIN_TENANT_SET] = {work_tenant_set, done_tenant_set, AUDIT_TENANT_SET},
    [ADMIN_TENANT_REMOVE] = {work_tenant_remove, done_tenant_remove, AUDIT_TENANT_REMOVE},
    [ADMIN_KEY_GENERATE] = {work_key_generate, done_key_generate, AUDIT_KEY_GENERATE},
    [ADMIN_KEY_IMPORT] = {work_key_import, done_key_generate, AUDIT_KEY_IMPORT},
    [ADMIN_KEY_LIST] = {work_key_list, done_key_list, NOT_AUDITED},
    [ADMIN_KEY_DESTROY] = {work_key_destroy, done_key_destroy, AUDIT_KEY_DESTROY},
    [ADMIN_KEY_UNLOCK] = {work_key_unlock, done_plain, AUDIT_KEY_UNLOCK},
    [ADMIN_CARD_TEST] = {work_card_test, done_card_test, AUDIT_CARD_TEST},
    [ADMIN_VAULT_STATE] = {work_vault_state, done_vault_state, NOT_AUDITED},
    [ADMIN_VAULT_REKEY] = {work_rekey, done_rekey, AUDIT_VAULT_REKEY},
    [ADMIN_BACKUP] = {work_backup, done_plain, AUDIT_BACKUP_CREATE},
    [ADMIN_TENANT_EXPORT] = {work_tenant_export, done_plain, AUDIT_TENANT_EXPORT},
    [ADMIN_TENANT_IMPORT] = {work_tenant_import, done_tenant_add, AUDIT_TENANT_IMPORT},
    [ADMIN_KEY_CODE] = {work_key_code, done_key_code, AUDIT_KEY_CODE},
    [ADMIN_FILE_LIST] = {work_file_list, done_file_list, NOT_AUDITED},
    [ADMIN_FILE_REMOVE] = {work_file_remove, done_plain, AUDIT_FILE_REMOVE},
    [ADMIN_AUDIT_STATE] = {work_audit_state, done_audit_row, NOT_AUDITED},
    [ADMIN_AUDIT_READ] = {work_audit_read, done_audit_read, NOT_AUDITED},
    [ADMIN_AUDIT_CHECKPOINT] = {work_audit_checkpoint, done_audit_row, NOT_AUDITED},
    [ADMIN_AUDIT_REFUSED] = {work_audit_refused, done_plain, NOT_AUDITED},
};

int act_event(uint32_t type)
{
    return type < sizeof tasks / sizeof *tasks ? tasks[type].event : 0;
}

static void merge_policy(struct admin_message *message, const struct vault_policy *old)
{
    struct vault_policy wanted = message->policy, *policy = &message->policy;
    *policy = *old;
    if (message->mask & ADMIN_SET_POLICY) {
        policy->denied.denied_classes |= message->deny.policy.denied_classes;
        policy->denied.denied_classes &= ~message->allow.policy.denied_classes;
        policy->denied.denied_algs |= message->deny.policy.denied_algs;
        policy->denied.denied_algs &= ~message->allow.policy.denied_algs;
        message->tenant.flags &= ~(message->deny.flags & CM_ASKED_ALL);
        message->tenant.flags |= message->allow.flags & CM_ASKED_ALL;
    }
    if (message->mask & ADMIN_SET_CODES)
        policy->codes = wanted.codes;
    if (message->mask & ADMIN_SET_FILES)
        policy->max_files = wanted.max_files;
    if (message->mask & ADMIN_SET_FILE_BYTES)
        policy->max_file_bytes = wanted.max_file_bytes;
}

/* The record as it is to be: what the mask names from the request, the rest as it was. */
static void merge(struct admin_message *message, const struct vault_tenant *old)
{
    struct vault_tenant wanted = message->tenant;
    message->tenant = *old;
    if (message->mask & ADMIN_SET_FLAGS)
        message->tenant.flags =
            (old->flags & ~(uint32_t)VAULT_TENANT_DISABLED) | (wanted.flags & VAULT_TENANT_DISABLED);
    if (message->mask & ADMIN_SET_OWNER) {
        message->tenant.owner_uid = wanted.owner_uid;
        message->tenant.owner_gid = wanted.owner_gid;
    }
    if (message->mask & ADMIN_SET_CONNECTIONS)
        message->tenant.max_connections = wanted.max_connections;
    if (message->mask & ADMIN_SET_SESSIONS)
        message->tenant.max_sessions = wanted.max_sessions;
    if (message->mask & ADMIN_SET_HANDLES)
        message->tenant.max_handles = wanted.max_handles;
    if (message->mask & ADMIN_SET_WEIGHT)
        message->tenant.weight = wanted.weight;
    if (message->mask & ADMIN_SET_CID)
        message->tenant.cid = wanted.cid;
}

/* A CID is one tenant's. Where two get one at the same moment the keeper refuses both. */
static const struct tenant *cid_owner(const struct broker *broker, const struct admin_message *message)
{
    bool sets = message->type == ADMIN_TENANT_ADD || message->type == ADMIN_TENANT_SET;
    for (unsigned i = 0; sets && message->mask & ADMIN_SET_CID && message->tenant.cid && i < broker->tenant_count;
         i++) {
        const struct tenant *other = broker->tenants[i];
        if (!other->gone && other->record.cid == message->tenant.cid &&
            strcmp(other->record.name, message->tenant.name) != 0)
            return other;
    }
    return NULL;
}

/* On a worker's thread: the work of an act that changes something, between its two entries in the audit log. */
static void work_recorded(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct audit_entry entry;
    char error[VAULT_ERROR_TEXT];
    admin_audit_entry(&act->message, (enum audit_event)tasks[act->message.type].event, &entry);
    entry.result = AUDIT_BEGUN;
    act->result = audit_note(broker->audit, &entry, &act->begun, act->error);
    if (act->result != VAULT_OK)
        return;
    tasks[act->message.type].work(broker, task);
    entry.of = act->begun;
    entry.result = act->result == VAULT_OK ? AUDIT_OK : AUDIT_FAILED;
    entry.tenant_id = act->message.tenant.id; /* that of a new one is known only now */
    if (act->result != VAULT_OK)
        audit_text(entry.detail, sizeof entry.detail, act->error);
    else if (act->detail[0])
        audit_text(entry.detail, sizeof entry.detail, act->detail);
    if (audit_note(broker->audit, &entry, NULL, error) != VAULT_OK)
        snprintf(act->unrecorded, sizeof act->unrecorded, "%s, but that cannot be recorded: %.180s",
                 act->result == VAULT_OK ? "it was done" : "it was not done", error);
    vault_head_keep(broker->vault, NULL); /* where that fails the act is done all the same, and the tick tries again */
}

/* NULL: there are too many, and that was answered. */
static struct act *act_new(struct broker *broker, const struct admin_message *message)
{
    struct act *act = acts < ACTS_MAX ? calloc(1, sizeof *act) : NULL;
    if (!act) {
        answer_done(broker, message->id, VAULT_IO, "too many management requests at a time: try again");
        return NULL;
    }
    acts++;
    act->message = *message;
    return act;
}

/* The one with the smallest number behind the last; tenants may come and go meanwhile. */
static bool tenant_row(struct broker *broker, struct act *act, struct admin_message *row)
{
    const struct tenant *next = NULL;
    for (unsigned i = 0; i < broker->tenant_count; i++) {
        const struct tenant *one = broker->tenants[i];
        if (!one->gone && one->record.id > act->row_next && (!next || one->record.id < next->record.id))
            next = one;
    }
    if (!next)
        return false;
    act->row_next = next->record.id;
    tenant_tell(next, row);
    return true;
}

static void begin_task(struct broker *broker, const struct admin_message *message, const struct tenant *tenant)
{
    int event = act_event(message->type);
    if (!event) {
        answer_done(broker, message->id, VAULT_INVALID, "this act has no place in the audit log: please report it");
        return;
    }
    struct act *act = act_new(broker, message);
    if (!act)
        return;
    if (message->type == ADMIN_TENANT_ADD) {
        static const struct vault_policy fresh = {.max_files = VAULT_FILES_DEFAULT,
                                                  .max_file_bytes = VAULT_FILE_BYTES_DEFAULT};
        merge_policy(&act->message, &fresh);
    } else if (message->type == ADMIN_TENANT_SET) {
        merge(&act->message, &tenant->record);
        merge_policy(&act->message, &tenant->policy);
    } else if (tenant)
        act->message.tenant = tenant->record;
    act->codes_set = tenant ? tenant->codes_set : 0;
    act->task.lengthy = message->type == ADMIN_KEY_GENERATE && message->key.kind == VAULT_KEY_RSA;
    act->task.work = event == NOT_AUDITED ? tasks[message->type].work : work_recorded;
    act->task.done = tasks[message->type].done;
    pool_submit(broker, &act->task);
}

static void begin_status(struct broker *broker, uint32_t id)
{
    struct admin_message row = {.type = ADMIN_ROW, .id = id};
    struct admin_status *status = &row.status;
    broker_totals(broker);
    status->generation = broker->generation;
    status->uptime_s = (clock_ns() - broker->started_ns) / 1000000000u;
    status->broker_pid = (uint32_t)getpid();
    status->tenants = broker->tenant_count;
    snprintf(status->card, sizeof status->card, "%s", broker->driver->name);
    snprintf(status->card_state, sizeof status->card_state, "%s", broker->card_state);
    rekey_form(broker, status->master, sizeof status->master);
    snprintf(status->version, sizeof status->version, "%s", CARDMUX_VERSION);
    status->total = broker->total;
    status->sleeps = broker->sleeps;
    status->passes = broker->passes;
    answer(broker, &row);
    answer_done(broker, id, VAULT_OK, "");
}

static bool makes_key(const struct admin_message *message)
{
    return message->type == ADMIN_KEY_GENERATE || message->type == ADMIN_KEY_IMPORT;
}

static void begin(struct broker *broker, struct admin_message *message)
{
    message->tenant.name[VAULT_NAME_MAX] = '\0';
    message->actor.user[AUDIT_NAME_MAX] = '\0';
    struct tenant *tenant = NULL;
    const struct tenant *other = cid_owner(broker, message);
    if (other) {
        char text[VAULT_ERROR_TEXT];
        snprintf(text, sizeof text, "CID %u is tenant %s's: a CID is one tenant's", message->tenant.cid,
                 other->record.name);
        answer_done(broker, message->id, VAULT_EXISTS, text);
        return;
    }
    switch (message->type) {
    case ADMIN_STATUS:
        begin_status(broker, message->id);
        return;
    case ADMIN_TENANT_LIST: {
        struct act *act = act_new(broker, message);
        if (act)
            answer_rows(broker, act, tenant_row);
        return;
    }
    case ADMIN_TENANT_ADD:
    case ADMIN_CARD_TEST:
    case ADMIN_AUDIT_STATE:
    case ADMIN_AUDIT_READ:
    case ADMIN_AUDIT_CHECKPOINT:
    case ADMIN_AUDIT_REFUSED:
    case ADMIN_VAULT_STATE:
    case ADMIN_VAULT_REKEY:
    case ADMIN_BACKUP:
    case ADMIN_TENANT_IMPORT:
        begin_task(broker, message, NULL);
        return;
    case ADMIN_TENANT_SHOW:
    case ADMIN_TENANT_SET:
    case ADMIN_TENANT_REMOVE:
    case ADMIN_KEY_GENERATE:
    case ADMIN_KEY_IMPORT:
    case ADMIN_KEY_LIST:
    case ADMIN_KEY_DESTROY:
    case ADMIN_KEY_UNLOCK:
    case ADMIN_TENANT_EXPORT:
    case ADMIN_KEY_CODE:
    case ADMIN_FILE_LIST:
    case ADMIN_FILE_REMOVE:
        tenant = tenant_by_name(broker, message->tenant.name);
        break;
    default:
        answer_done(broker, message->id, VAULT_INVALID, "no such request");
        return;
    }
    if (!tenant) {
        char text[VAULT_ERROR_TEXT];
        snprintf(text, sizeof text, "there is no tenant %s", message->tenant.name);
        answer_done(broker, message->id, VAULT_NOT_FOUND, text);
    } else if (message->type == ADMIN_TENANT_SHOW) {
        answer_tenant(broker, message->id, tenant);
        answer_done(broker, message->id, VAULT_OK, "");
    } else if (makes_key(message) && !vault_kind_bits_ok(message->key.kind, message->key.bits)) {
        answer_done(broker, message->id, VAULT_INVALID, "no key of that kind has so many bits");
    } else if ((makes_key(message) || message->type == ADMIN_KEY_CODE) && !message->code_len &&
               tenant->policy.codes != VAULT_CODES_FREE) {
        answer_done(broker, message->id, VAULT_INVALID,
                    "this tenant's new keys must have access codes: give one with --code-file, or change its policy");
    } else {
        begin_task(broker, message, tenant);
    }
}

bool admin_read(struct broker *broker)
{
    /* who does not take answers asks for nothing more; the rest of what waits comes at the next turn */
    for (unsigned n = 0; n < ADMIN_MESSAGES_MAX && !admin_out_full(broker); n++) {
        struct admin_message message;
        ssize_t got = recv(broker->admin_fd, &message, sizeof message, MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        if (got == 0)
            return false;
        if (got != sizeof message || message.code_len > sizeof message.code)
            broker_log("admin: a message of %zd bytes is not understood", got);
        else
            begin(broker, &message);
        explicit_bzero(message.code, sizeof message.code);
    }
    return true;
}
