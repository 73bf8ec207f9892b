/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_out.c: what the broker says to the admin process. All of it is said on the broker's thread, which serves
 * tenants and waits for nobody: what the channel has no room for now is kept and goes when there is room.
 *
 * What is kept is bounded. An answer that finds no room is queued, and while one is, no further request is read; so no
 * more can come than the acts that are under way have to say, and QUEUE_MAX is far above that. A list has as many rows
 * as there are keys: its act waits here, and makes each row when there is room for it. An admin process that is
 * stopped, or slow, costs its own users and nobody else.
 *
 *     state            EPOLLIN   EPOLLOUT   left by
 *     nothing to say   yes       no         answer without room, answer_rows
 *     lists            yes       yes        the last row
 *     queue            no        yes        the last message of the queue
 */
#include "backend/broker/act.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define QUEUE_MAX 1024u
#define ROWS_TURN 8u /* of lists, before tenants have their turn: some 5 us each */

struct late {
    struct late *next;
    struct admin_message message;
};

enum sent {
    SENT,
    SENT_NO_ROOM,
    SENT_NEVER /* the other side is gone, or the like */
};

static enum sent send_now(struct broker *broker, const struct admin_message *message)
{
    for (;;) {
        if (send(broker->admin_fd, message, sizeof *message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return SENT;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return SENT_NO_ROOM;
        if (errno != EINTR) {
            broker_log("admin: cannot be answered: %m");
            return SENT_NEVER;
        }
    }
}

static void arm(struct broker *broker)
{
    struct admin_out *out = &broker->out;
    struct epoll_event event = {.data.ptr = &broker->admin_fd};
    event.events = (out->first ? 0u : (uint32_t)EPOLLIN) | (out->first || out->lists ? (uint32_t)EPOLLOUT : 0u);
    if (broker->admin_fd >= 0 && event.events != (out->events ? out->events : (uint32_t)EPOLLIN) &&
        epoll_ctl(broker->epoll_fd, EPOLL_CTL_MOD, broker->admin_fd, &event) == 0)
        out->events = event.events;
}

static void queue_put(struct broker *broker, const struct admin_message *message)
{
    struct admin_out *out = &broker->out;
    struct late *late = out->count < QUEUE_MAX ? malloc(sizeof *late) : NULL;
    if (!late) {
        broker_log("admin: an answer is lost: %s", out->count < QUEUE_MAX ? "no memory" : "too many are not taken");
        return;
    }
    late->message = *message;
    late->next = NULL;
    *(out->first ? out->last : &out->first) = late;
    out->last = &late->next;
    out->count++;
}

static void queue_drop_first(struct admin_out *out)
{
    struct late *late = out->first;
    out->first = late->next;
    out->count--;
    free(late);
}

void answer(struct broker *broker, const struct admin_message *message)
{
    if (broker->admin_fd < 0 || (!broker->out.first && send_now(broker, message) != SENT_NO_ROOM))
        return;
    queue_put(broker, message);
    arm(broker);
}

void answer_done(struct broker *broker, uint32_t id, enum vault_result result, const char *text)
{
    struct admin_message message = {.type = ADMIN_DONE, .id = id, .result = (uint32_t)result};
    snprintf(message.text, sizeof message.text, "%s", result == VAULT_OK ? "" : text);
    answer(broker, &message);
}

static void list_put(struct admin_out *out, struct act *act)
{
    act->task.next = NULL;
    *(out->lists ? out->lists_last : &out->lists) = &act->task;
    out->lists_last = &act->task.next;
}

static struct act *list_take(struct admin_out *out)
{
    struct task *task = out->lists;
    out->lists = task->next;
    return (struct act *)task;
}

void answer_rows(struct broker *broker, struct act *act, act_row *row)
{
    act->row = row;
    list_put(&broker->out, act);
    admin_out_go(broker);
}

/* Some rows of the list that is first; then it is the last one. */
static void rows_go(struct broker *broker)
{
    struct admin_out *out = &broker->out;
    struct act *act = list_take(out);
    for (unsigned n = 0; n < ROWS_TURN; n++) {
        struct admin_message row = {.type = ADMIN_ROW, .id = act->message.id};
        if (!act->row(broker, act, &row)) {
            done_plain(broker, &act->task);
            return;
        }
        answer(broker, &row);
        if (out->first)
            break;
    }
    list_put(out, act);
}

void admin_out_go(struct broker *broker)
{
    struct admin_out *out = &broker->out;
    enum sent sent = SENT;
    while (out->first && (sent = send_now(broker, &out->first->message)) == SENT)
        queue_drop_first(out);
    if (sent == SENT_NEVER)
        admin_out_drop(broker);
    if (!out->first && out->lists)
        rows_go(broker);
    arm(broker);
}

bool admin_out_full(const struct broker *broker)
{
    return broker->out.first != NULL;
}

void admin_out_drop(struct broker *broker)
{
    struct admin_out *out = &broker->out;
    while (out->first)
        queue_drop_first(out);
    while (out->lists)
        act_free(list_take(out));
}
