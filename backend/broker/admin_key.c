/* SPDX-License-Identifier: Apache-2.0 */
/* admin_key.c: acts about the access codes of a tenant's keys. Others about keys are in admin_link.c. */
#include "backend/broker/act.h"

void work_key_code(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct admin_message *message = &act->message;
    act->result = vault_code_set(broker->vault, message->tenant.id, message->key.index,
                                 message->code_len ? message->code : NULL, message->code_len, act->error);
    explicit_bzero(message->code, sizeof message->code);
}

void done_key_code(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct tenant *tenant = tenant_by_id(broker, act->message.tenant.id);
    if (act->result == VAULT_OK && tenant) {
        for (unsigned kind = 0; kind < VAULT_KEY_KINDS; kind++) {
            struct keypair *pair = tenant_pair(tenant, (enum vault_key_kind)kind, act->message.key.index);
            if (pair)
                pair->has_code = act->message.code_len != 0;
        }
        tenant_rights_revoke(tenant, act->message.key.index);
    }
    done_plain(broker, task);
}
