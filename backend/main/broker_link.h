/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_link.h: the keeper's end of the hand-over socket (handover.h).
 *
 * Bytes that come here are a broker's, and a broker may be a tenant's by then: each packet is copied once, checked for
 * length, type, names and numbers, and ignored and counted when wrong; a descriptor that rides along is closed, unless
 * it is a KEEP's. Nothing blocks, and reading never stops, because a broker may send all its doors before it reads:
 * answers wait in a queue with room for one for each door and are dropped beyond; regions wait in doors' own list.
 */
#ifndef CARDMUX_BROKER_LINK_H
#define CARDMUX_BROKER_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include "backend/main/handover.h"
#include "backend/transport/doors.h"
#include "backend/transport/watch.h"

#define LINK_ANSWERS (DOORS_MAX + 64u)

struct broker_link {
    struct watch watch; /* first: a watch is its link. fd -1: no broker */
    int epoll_fd;
    struct doors *doors;
    /* The broker said READY; message->text is printable and ends. */
    void (*on_ready)(struct broker_link *link, const struct handover *message);
    /* REKEY and REKEYED; true: it filled the answer, which is sent at once and wiped; false: broker_link_rekeyed will.
     */
    bool (*on_rekey)(struct broker_link *link, const struct handover *message, struct handover *answer);
    /* The broker has closed its end; the link is closed already. */
    void (*on_end)(struct broker_link *link);
    void *owner;
    struct handover *answers; /* LINK_ANSWERS, a ring, made by broker_link_open */
    unsigned answer_first, answer_count;
    uint32_t events;   /* armed in epoll */
    bool blocked;      /* the socket took no more */
    uint64_t rejected; /* packets ignored, answers dropped */
};

/* Takes fd over. 0 or -1 with errno; broker_link_close frees all either way. */
int broker_link_open(struct broker_link *link, int fd);
void broker_link_close(struct broker_link *link);
/* The answer to a REKEY that took longer. It may hold a key: it never waits in a queue, and is wiped. */
void broker_link_rekeyed(struct broker_link *link, struct handover *answer);
/* Sends what is owed as far as it goes. Milliseconds until it should be called again although nothing happened; -1:
   no need. */
int broker_link_flush(struct broker_link *link);

#endif
