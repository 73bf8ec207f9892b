/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_vault.c: acts about the vault as a whole: another master key, backups, tenants on their way.
 *
 * Sealed files are written to and read from the state directory, the only one that the broker sees, under names that
 * the asker chose (`transfer-` and a word); the command line moves them from and to where the operator wants them.
 *
 * A rekey goes through three processes (backend/main/ground_master.c): the keeper makes the key, a worker has the vault
 * take it, the keeper puts its file in place. Then, in tasks one after another, the tenants' keys are replaced
 * (backend/vault/rekey.c), also after a restart; who asks sees in the vault's state how far it is.
 */
#include "backend/broker/act.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/vault/master_key.h"

#define STEP_ROWS      64u
#define KEEPER_SECONDS 10
#define MAKER_SECONDS  20 /* where it has a card or a passphrase asked for: more than the deadline of that */

/* ---- files ---- */

static int transfer_open(struct broker *broker, struct act *act, int flags, char path[PATH_MAX])
{
    const char *name = act->message.vault.file;
    size_t len = strnlen(name, sizeof act->message.vault.file);
    int fd;
    if (len == 0 || len >= sizeof act->message.vault.file ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") != len ||
        snprintf(path, PATH_MAX, "%s/transfer-%s", broker->state_dir, name) >= PATH_MAX) {
        act->result = VAULT_INVALID;
        snprintf(act->error, sizeof act->error, "a transfer's name is 1 to %zu of a-z 0-9",
                 sizeof act->message.vault.file - 1);
        return -1;
    }
    fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) {
        act->result = errno == ENOENT ? VAULT_NOT_FOUND : errno == EEXIST ? VAULT_EXISTS : VAULT_IO;
        snprintf(act->error, sizeof act->error, "transfer-%s in the state directory cannot be opened: %s", name,
                 strerror(errno));
    }
    return fd;
}

static void detail_key(struct act *act, const char *what, const uint8_t *key)
{
    size_t at = (size_t)snprintf(act->detail, sizeof act->detail, "%s=", what);
    for (size_t i = 0; i < VAULT_HOST_KEY && at + 3 < sizeof act->detail; i++)
        at += (size_t)snprintf(act->detail + at, sizeof act->detail - at, "%02x", key[i]);
}

static void work_write(struct broker *broker, struct act *act, bool backup)
{
    char path[PATH_MAX];
    int fd = transfer_open(broker, act, O_WRONLY | O_CREAT | O_EXCL, path);
    if (fd < 0)
        return;
    detail_key(act, "to", act->message.vault.key);
    act->result =
        backup ? vault_backup(broker->vault, fd, act->message.vault.key, act->error)
               : vault_tenant_export(broker->vault, act->message.tenant.id, fd, act->message.vault.key, act->error);
    if (close(fd) && act->result == VAULT_OK) {
        act->result = VAULT_IO;
        snprintf(act->error, sizeof act->error, "the sealed file cannot be written: %s", strerror(errno));
    }
    if (act->result != VAULT_OK)
        unlink(path);
}

void work_backup(struct broker *broker, struct task *task)
{
    work_write(broker, (struct act *)task, true);
}

void work_tenant_export(struct broker *broker, struct task *task)
{
    work_write(broker, (struct act *)task, false);
}

void work_tenant_import(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct admin_message *message = &act->message;
    struct vault_archive_info info;
    char path[PATH_MAX];
    int fd = transfer_open(broker, act, O_RDONLY, path);
    if (fd < 0)
        return;
    act->result = vault_tenant_import(broker->vault, fd, message->tenant.name[0] ? message->tenant.name : NULL,
                                      message->mask & ADMIN_FROM ? message->vault.key : NULL, &message->tenant, &info,
                                      act->error);
    close(fd);
    if (act->result != VAULT_OK)
        return;
    detail_key(act, "from", info.sender);
    memcpy(message->vault.key, info.sender, VAULT_HOST_KEY);
    if (vault_policy_get(broker->vault, message->tenant.id, &message->policy, act->error) != VAULT_OK)
        message->policy = (struct vault_policy){.denied = cm_policy_all, .codes = VAULT_CODES_ALWAYS};
}

/* ---- state ---- */

void work_vault_state(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct admin_vault *vault = &act->message.vault;
    struct vault_rekey_state rekey;
    *vault = (struct admin_vault){0};
    act->result = vault_root(broker->vault, &vault->version, vault->digest, act->error);
    if (act->result == VAULT_OK)
        act->result = vault_host_key(broker->vault, vault->key, act->error);
    if (act->result == VAULT_OK)
        act->result = vault_rekey_pending(broker->vault, &rekey, act->error);
    if (act->result != VAULT_OK)
        return;
    pthread_mutex_lock(&broker->rekey.lock);
    vault->form = broker->rekey.form;
    pthread_mutex_unlock(&broker->rekey.lock);
    vault->rekey_pending = rekey.pending;
    vault->rekey_done = rekey.done;
    vault->rekey_total = rekey.total;
}

void done_vault_state(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    if (act->result == VAULT_OK) {
        struct admin_message row = {.type = ADMIN_ROW, .id = act->message.id, .vault = act->message.vault};
        row.vault.keys_loaded = broker->keys.count;
        row.vault.keys_most = broker->keys.most;
        row.vault.keys_fetched = broker->keys.loaded;
        row.vault.keys_evicted = broker->keys.evicted;
        answer(broker, &row);
    }
    done_plain(broker, task);
}

/* ---- rekey ---- */

struct stepper {
    struct task task;
    bool done;
    enum vault_result result;
    char error[VAULT_ERROR_TEXT];
};

static void work_step(struct broker *broker, struct task *task)
{
    struct stepper *stepper = (struct stepper *)task;
    stepper->result = vault_rekey_step(broker->vault, STEP_ROWS, &stepper->done, stepper->error);
}

static void done_step(struct broker *broker, struct task *task)
{
    struct stepper *stepper = (struct stepper *)task;
    if (stepper->result == VAULT_OK && !stepper->done && !broker->pool.stopping) {
        pool_submit(broker, task);
        return;
    }
    if (stepper->result != VAULT_OK)
        broker_log("vault: tenants' keys are not all replaced, the next start goes on: %s", stepper->error);
    broker->stepping = false;
    free(stepper);
}

void rekey_go_on(struct broker *broker)
{
    struct stepper *stepper = broker->stepping ? NULL : calloc(1, sizeof *stepper);
    if (!stepper)
        return;
    broker->stepping = true;
    stepper->task.work = work_step;
    stepper->task.done = done_step;
    pool_submit(broker, &stepper->task);
}

/* Until the keeper's answer changes the state, or some seconds have passed. */
static void rekey_wait(struct rekey *rekey, enum rekey_state state)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += state == REKEY_ASKED ? MAKER_SECONDS : KEEPER_SECONDS;
    while (rekey->state == state && !rekey->stopping)
        if (pthread_cond_timedwait(&rekey->changed, &rekey->lock, &end))
            break;
}

/* An act in two halves: its entry in the audit log is written, then the keeper is asked; with its answer a second task
   has the vault take the key. work does the waiting, so that both entries are around all of it. */
void work_rekey(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct handover ask = {.type = HANDOVER_REKEY};
    struct rekey *rekey = &broker->rekey;
    bool unsure = false;
    pthread_mutex_lock(&rekey->lock);
    if (rekey->state != REKEY_IDLE) {
        act->result = VAULT_BUSY;
        snprintf(act->error, sizeof act->error, "a change of the master key is under way");
        pthread_mutex_unlock(&rekey->lock);
        return;
    }
    rekey->state = REKEY_ASKED;
    ask.region = ++rekey->round;
    ask.form = act->message.vault.form;
    keeper_send(broker, &ask);
    rekey_wait(rekey, REKEY_ASKED);
    bool got = rekey->state == REKEY_GIVEN;
    if (rekey->state == REKEY_ASKED)
        keeper_rekeyed(broker, rekey->round, false); /* it need not keep what comes too late */
    pthread_mutex_unlock(&rekey->lock);
    if (got) {
        act->result = vault_rekey(broker->vault, rekey->key, &unsure, act->error);
        explicit_bzero(rekey->key, sizeof rekey->key);
    }
    if (got && unsure) { /* the keeper keeps both keys; the next broker tries the new one first, then the old one */
        snprintf(act->error, sizeof act->error,
                 "the vault could not be written, and which master key opens it shows at the next start: keep both "
                 "files, make room, restart cardmuxd");
        broker_log("vault: %s", act->error);
    } else if (got) {
        pthread_mutex_lock(&rekey->lock);
        rekey->state = REKEY_TOLD;
        keeper_rekeyed(broker, rekey->round, act->result == VAULT_OK);
        rekey_wait(rekey, REKEY_TOLD);
        pthread_mutex_unlock(&rekey->lock);
    }
    pthread_mutex_lock(&rekey->lock);
    if (got && act->result == VAULT_OK && rekey->state == REKEY_TOLD)
        broker_log("keeper: it did not say that the new master key's file has its place");
    if (rekey->text[0] && (act->result == VAULT_OK || !got)) {
        act->result = VAULT_IO;
        snprintf(act->error, sizeof act->error, "%s%.*s",
                 got ? "the vault has the new master key, but not its file: " : "", got ? 200 : 254, rekey->text);
    } else if (!got && act->result == VAULT_OK) {
        act->result = VAULT_BUSY;
        snprintf(act->error, sizeof act->error, "the keeper did not answer: nothing was changed");
    }
    if (rekey->form)
        snprintf(act->detail, sizeof act->detail, "form=%s", master_form_name((enum master_form)(rekey->form - 1)));
    rekey->text[0] = 0;
    rekey->state = REKEY_IDLE;
    pthread_mutex_unlock(&rekey->lock);
}

void done_rekey(struct broker *broker, struct task *task)
{
    rekey_go_on(broker);
    done_plain(broker, task);
}

void rekey_start(struct broker *broker)
{
    pthread_condattr_t clock;
    pthread_mutex_init(&broker->rekey.lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&broker->rekey.changed, &clock);
    pthread_condattr_destroy(&clock);
}

void rekey_stop(struct broker *broker)
{
    pthread_mutex_lock(&broker->rekey.lock);
    broker->rekey.stopping = true;
    pthread_cond_broadcast(&broker->rekey.changed);
    pthread_mutex_unlock(&broker->rekey.lock);
}

void rekey_form(struct broker *broker, char *text, size_t size)
{
    pthread_mutex_lock(&broker->rekey.lock);
    uint32_t form = broker->rekey.form;
    pthread_mutex_unlock(&broker->rekey.lock);
    snprintf(text, size, "%s", form ? master_form_name((enum master_form)(form - 1)) : "");
}

/* The keeper's answers; broker's thread. */
void rekey_heard(struct broker *broker, const struct handover *message)
{
    struct rekey *rekey = &broker->rekey;
    pthread_mutex_lock(&rekey->lock);
    bool ours = message->region == rekey->round && rekey->state != REKEY_IDLE;
    if (message->type == HANDOVER_REKEY_END && message->form && message->form <= MASTER_FORMS)
        rekey->form = message->form;
    if (ours && message->status)
        snprintf(rekey->text, sizeof rekey->text, "%s", message->text);
    if (ours && rekey->state == REKEY_ASKED && message->type == HANDOVER_MASTER) {
        rekey->state = message->status ? REKEY_FAILED : REKEY_GIVEN;
        if (!message->status)
            memcpy(rekey->key, message->text, sizeof rekey->key);
    } else if (ours && rekey->state == REKEY_TOLD && message->type == HANDOVER_REKEY_END) {
        rekey->state = REKEY_FINISHED;
    } else if (message->type == HANDOVER_REKEY_END && message->status) {
        broker_log("keeper: %s", message->text);
        if (ours)
            rekey->text[0] = 0;
    }
    pthread_cond_broadcast(&rekey->changed);
    pthread_mutex_unlock(&rekey->lock);
}
