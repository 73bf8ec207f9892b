/* SPDX-License-Identifier: Apache-2.0 */
/* admin_key.c: lists of a tenant's keys, and acts about their access codes. Others about keys are in admin_link.c. */
#include "backend/broker/act.h"
#include "backend/broker/keycache.h"

#include <stdio.h>
#include <stdlib.h>

void work_key_code(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct admin_message *message = &act->message;
    act->result = vault_code_set(broker->vault, message->tenant.id, message->key.kind, message->key.index,
                                 message->code_len ? message->code : NULL, message->code_len, act->error);
    explicit_bzero(message->code, sizeof message->code);
}

void done_key_code(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct tenant *tenant = tenant_by_id(broker, act->message.tenant.id);
    if (act->result == VAULT_OK && tenant) {
        const struct vault_key *key = &act->message.key;
        for (unsigned kind = 0; kind < VAULT_KEY_KINDS; kind++)
            if (vault_kinds_share(key->kind, (enum vault_key_kind)kind))
                keycache_forget(broker, tenant, (enum vault_key_kind)kind, key->index);
        tenant_rights_revoke(tenant, key->kind, key->index);
    }
    done_plain(broker, task);
}

void publics_tell(const struct keypair *pair, struct admin_message *row)
{
    if (pair->kind == VAULT_KEY_RSA && pair->rsa_public) {
        size_t size = CARD_RSA_PUBLIC_SIZE(pair->bits / 8);
        memcpy(row->sign_public, pair->rsa_public, size);
        memcpy(row->encrypt_public, pair->rsa_public + size, size);
    } else if (pair->kind != VAULT_KEY_RSA) {
        memcpy(row->sign_public, pair->sign_public, sizeof pair->sign_public);
        memcpy(row->encrypt_public, pair->encrypt_public, sizeof pair->encrypt_public);
    }
}

static bool keep_row(void *arg, const struct vault_key *key)
{
    struct act *act = arg;
    if (act->row_count == act->row_room) {
        size_t room = act->row_room ? act->row_room * 2 : 16;
        struct vault_key *grown = realloc(act->rows, room * sizeof *grown);
        if (!grown)
            return false;
        act->rows = grown;
        act->row_room = room;
    }
    act->rows[act->row_count++] = *key;
    return true;
}

/* In two steps: what the vault has; then row by row, as the admin process takes them, with the uses that the broker's
   thread knows. */
void work_key_list(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    act->result = vault_key_each(broker->vault, act->message.tenant.id, keep_row, act, act->error);
    act->listed = act->result == VAULT_OK && act->row_count ? calloc(act->row_count, sizeof *act->listed) : NULL;
    for (size_t i = 0; act->listed && i < act->row_count; i++)
        if (act->rows[i].kind != VAULT_KEY_KEK)
            key_publics(broker, act->message.tenant.id, &act->rows[i], &act->listed[i].pair);
}

static bool key_row(struct broker *broker, struct act *act, struct admin_message *row)
{
    if (act->row_next == act->row_count)
        return false;
    struct tenant *tenant = tenant_by_id(broker, act->message.tenant.id);
    struct listed *listed = &act->listed[act->row_next];
    row->key = act->rows[act->row_next++];
    if (tenant)
        keycache_uses(broker, tenant, row->key.kind, row->key.index, &row->sign_uses, &row->encrypt_uses);
    if (row->key.kind != VAULT_KEY_KEK)
        publics_tell(&listed->pair, row);
    free(listed->pair.rsa_public);
    return true;
}

void done_key_list(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    if (act->result != VAULT_OK || !act->listed) {
        if (act->row_count && act->result == VAULT_OK) {
            act->result = VAULT_IO;
            snprintf(act->error, sizeof act->error, "no memory for a list of %zu keys", act->row_count);
        }
        done_plain(broker, task);
        return;
    }
    answer_rows(broker, act, key_row);
}
