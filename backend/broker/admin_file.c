/* SPDX-License-Identifier: Apache-2.0 */
/* admin_file.c: acts about the files in a tenant's virtual card. Names and sizes are the operator's to see, content is
 * not. */
#include "backend/broker/act.h"

#include <stdio.h>
#include <stdlib.h>

struct file_list {
    struct act *act;
    size_t room;
    bool failed;
};

static bool keep_file(void *arg, const struct vault_file *file)
{
    struct file_list *list = arg;
    struct act *act = list->act;
    if (act->len + sizeof *file > list->room) {
        size_t room = list->room ? list->room * 2 : 16 * sizeof *file;
        char *grown = realloc(act->bytes, room);
        if (!grown) {
            list->failed = true;
            return false;
        }
        act->bytes = grown;
        list->room = room;
    }
    memcpy(act->bytes + act->len, file, sizeof *file);
    act->len += sizeof *file;
    return true;
}

void work_file_list(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    struct file_list list = {.act = act};
    act->result = vault_file_each(broker->vault, act->message.tenant.id, keep_file, &list, act->error);
    if (list.failed) {
        act->result = VAULT_IO;
        snprintf(act->error, sizeof act->error, "no memory for a list of files");
    }
}

static bool file_row(struct broker *broker, struct act *act, struct admin_message *row)
{
    (void)broker;
    if (act->row_next == act->len)
        return false;
    memcpy(&row->file, act->bytes + act->row_next, sizeof row->file);
    act->row_next += sizeof row->file;
    return true;
}

void done_file_list(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    if (act->result == VAULT_OK)
        answer_rows(broker, act, file_row);
    else
        done_plain(broker, task);
}

void work_file_remove(struct broker *broker, struct task *task)
{
    struct act *act = (struct act *)task;
    const struct vault_file *file = &act->message.file;
    act->result = vault_file_remove(broker->vault, act->message.tenant.id, file->name, file->name_len, act->error);
}
