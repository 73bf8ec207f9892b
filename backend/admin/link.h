/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h: the admin process's end of its conversation with the broker (message.h). Requests wait here for their
 * answers. Not blocking, no threads: the caller's loop polls link_fd() and calls link_pump().
 *
 * A request is in one of these states, and leaves them in this order only:
 *   queued   not yet sent: the socket was full. The broker's death ends it with LINK_NO_BROKER: surely not done
 *   sent     the broker has it. Its death ends it with LINK_LOST: not known whether it was done
 *   ended    done() was called, once, and the link has forgotten the request
 * A late answer (after LINK_TIMEOUT) names an id that nobody has and is dropped.
 */
#ifndef CARDMUX_ADMIN_LINK_H
#define CARDMUX_ADMIN_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include "backend/admin/message.h"

#define LINK_TIMEOUT_MS      30000
#define LINK_LONG_TIMEOUT_MS 600000 /* of making an RSA key: seconds each, one after the other */

enum link_outcome {
    LINK_ANSWERED,  /* message holds ADMIN_DONE's result and text */
    LINK_NO_BROKER, /* not sent */
    LINK_LOST,      /* sent, and the broker died */
    LINK_TIMED_OUT, /* sent, and no answer in its time */
};

struct link_request {
    struct admin_message message; /* to send; the link wipes its access code when it was sent or failed */
    /* A row: valid during the call. */
    void (*row)(struct link_request *request, const struct admin_message *row);
    void (*done)(struct link_request *request, enum link_outcome outcome, const struct admin_message *done);
    /* the link's own */
    struct link_request *next;
    uint64_t deadline_ms;
    bool sent;
};

struct link {
    int fd; /* -1: no broker */
    uint32_t last_id;
    struct link_request *first, **end; /* in order of submission */
    uint64_t stray;                    /* packets of wrong length, type or id */
};

void link_init(struct link *link);
/* Takes fd: a new broker. What the old one still had is read first, then its requests end. */
void link_attach(struct link *link, int fd);
/* done() may be called before this returns. */
void link_submit(struct link *link, struct link_request *request, uint64_t now_ms);
short link_events(const struct link *link); /* for poll(); meaningless while fd is -1 */
void link_pump(struct link *link);          /* reads and sends what is possible */
void link_expire(struct link *link, uint64_t now_ms);
int link_timeout(const struct link *link, uint64_t now_ms); /* ms until link_expire has something to do; -1: never */
void link_close(struct link *link);                         /* all requests end */

#endif
