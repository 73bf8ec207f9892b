/* SPDX-License-Identifier: Apache-2.0 */
/*
 * act.h: one request of the admin process that is worked on (admin_link.c), shared with the files that hold acts of
 * their own.
 *
 * An act is a row of the table in admin_link.c: what a worker does, what the broker's thread does after it, and its
 * event in the audit log. A row with an event is recorded before its work begins (and refused where that is not
 * possible) and after it; a row that changes nothing says NOT_AUDITED. A row that says neither is refused always.
 */
#ifndef CARDMUX_ACT_H
#define CARDMUX_ACT_H

#include "backend/broker/broker.h"

#define NOT_AUDITED AUDIT_EVENTS

struct act {
    struct task task;
    struct admin_message message; /* the request, then the answer's row */
    enum vault_result result;
    char error[VAULT_ERROR_TEXT];
    uint64_t begun;                    /* its first entry in the audit log */
    char unrecorded[VAULT_ERROR_TEXT]; /* it was done, but its end could not be recorded: why */
    char detail[AUDIT_DETAIL_MAX + 1]; /* for the entry at its end, in place of that of the beginning; work fills it */
    struct keypair pair;
    struct kek kek;
    bool loaded;
    uint32_t codes_set; /* of the tenant, when the act began */
    struct vault_key *rows;
    size_t row_count, row_room;
    size_t row_next; /* of a list that is being told: where its `row` stands */
    bool (*row)(struct broker *broker, struct act *act, struct admin_message *row);
    struct listed {
        struct keypair pair; /* publics only */
    } * listed;              /* as many as rows */
    char *bytes;             /* freed with the act */
    size_t len;
};

/* To the admin process (admin_out.c), on the broker's thread; never blocks. answer_rows is for lists: row fills in one
   row after another, false after the last, as the admin process takes them; then done_plain ends the act. */
typedef bool act_row(struct broker *broker, struct act *act, struct admin_message *row);
void answer(struct broker *broker, const struct admin_message *message);
void answer_done(struct broker *broker, uint32_t id, enum vault_result result, const char *text);
void answer_rows(struct broker *broker, struct act *act, act_row *row);
void act_free(struct act *act);

/* The event of the act in the table: enum audit_event, NOT_AUDITED; 0: there is none. For tests. */
int act_event(uint32_t type);

typedef void act_step(struct broker *broker, struct task *task);
act_step done_plain; /* answers with the result, frees the act */

/* Stores the key that the message describes, and takes it into the card. On a worker's thread. */
void put_and_load(struct broker *broker, struct act *act, struct vault_secret *sign, struct vault_secret *encrypt);

/* admin_import.c */
act_step work_key_import;

/* admin_vault.c */
act_step work_vault_state, work_rekey, work_backup, work_tenant_export, work_tenant_import, done_vault_state,
    done_rekey;

/* admin_audit.c */
act_step work_audit_state, work_audit_read, work_audit_checkpoint, work_audit_refused, done_audit_row, done_audit_read;

/* admin_key.c */
act_step work_key_code, done_key_code, work_key_list, done_key_list;
void publics_tell(const struct keypair *pair, struct admin_message *row);

/* admin_file.c */
act_step work_file_list, done_file_list, work_file_remove;

#endif
