/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_change.h: what seals the next master key, made in a child while the keeper goes on serving: scrypt takes half
 * a second, a card what it takes. One at a time. The secrets go to ground->seals.
 */
#ifndef CARDMUX_MASTER_CHANGE_H
#define CARDMUX_MASTER_CHANGE_H

#include "backend/main/ground.h"
#include "backend/transport/watch.h"

struct master_change {
    struct watch watch; /* first: a watch is its change. fd -1: none is under way */
    int epoll_fd;
    struct ground *ground;
    const struct daemon_config *daemon;
    /* ground->seals->next is ready (text NULL), or text says why not. Not called after master_change_cancel. */
    void (*on_made)(struct master_change *change, const char *text);
    void *owner;
    enum master_form form;
    uint64_t round;
    struct card_seal child; /* a helper of cards/sdf, or a process of ours */
    uint64_t deadline;
};

/* 0: on_made will be called; -1: text[GROUND_TEXT] says why not. */
int master_change_start(struct master_change *change, enum master_form form, uint64_t round, char *text);
/* Ends what is late. Milliseconds until it should be called again; -1: no need. */
int master_change_due(struct master_change *change);
void master_change_cancel(struct master_change *change);

#endif
