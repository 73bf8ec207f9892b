/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ground.h: what the keeper stands on, made once at start: limits, user, directories, lock, admin.sock, master key.
 *
 * Everything here may block and may fail; failing, it returns -1 with a sentence in text[GROUND_TEXT] that says what to
 * do, and cardmuxd ends with status 1, or 3 (keeper.h).
 */
#ifndef CARDMUX_GROUND_H
#define CARDMUX_GROUND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "backend/main/config.h"
#include "backend/vault/master_card.h"

#define GROUND_TEXT 512u

/* What seals the file of the master key and of the next one (where a form needs it), and room for asking a card. */
struct ground_seals {
    struct master_wrap now, next;
    struct card_seal_ask ask;
    struct card_seal_reply reply;
};

struct ground {
    bool root;
    uid_t uid; /* of broker and admin; 0: not root, they stay what we are */
    gid_t gid;
    gid_t admin_gid; /* of admin.sock; -1: unchanged */
    int lock;        /* run_dir/cardmuxd.lock, held as long as the keeper lives */
    int admin_listen;
    unsigned fd_limit;
    struct ground_key *key;     /* a page: locked, not dumped, not inherited but by a broker */
    uint64_t rekey_round;       /* whose key is `next` there; 0: an earlier broker's */
    struct ground_seals *seals; /* another, never inherited */
    enum master_form form, next_form;
    bool next_left;    /* a file PATH.next that cannot be opened */
    bool code_refused; /* the card refused the access code: who starts us again should not do so by himself */
};

/* Descriptors 0-2 exist, umask, RLIMIT_NOFILE, no core dumps, not dumpable. */
void ground_limits(struct ground *ground);
int ground_user(struct ground *ground, const struct config *config, char *text);
/* run_dir with its lock, state_dir given to the user. */
int ground_directories(struct ground *ground, const struct daemon_config *daemon, char *text);
int ground_admin_socket(struct ground *ground, const struct daemon_config *daemon, char *text);
/* ground_master.c */
int ground_master(struct ground *ground, const struct daemon_config *daemon, char *text);
/* The passphrase, from where it is found first; at_start: also from what is there only once. -1: text says why. */
ssize_t ground_passphrase(const struct daemon_config *daemon, bool at_start, uint8_t *out, char *text);
/* A rekey may begin: none is under way, and the file is the one that we know. */
int ground_rekey_look(struct ground *ground, const struct daemon_config *daemon, char *text);
/* Wipes what was to be the next master key and what seals it; not where its file is written, and may be the vault's. */
void ground_next_forget(struct ground *ground);
/* Makes the next master key and writes its file in that form, sealed by seals->next where it is not MASTER_FILE. Then,
   when the broker has said how it went, the end of it. */
int ground_rekey_begin(struct ground *ground, const struct daemon_config *daemon, uint64_t round, enum master_form form,
                       char *text);
int ground_rekey_end(struct ground *ground, const struct daemon_config *daemon, uint64_t round, bool done, char *text);
/* The vault is open under the key that we have: removes a PATH.next that could not be opened, which is not its. */
void ground_next_drop(struct ground *ground, const struct daemon_config *daemon);
void ground_master_end(struct ground *ground);
/* Shows the master key's page to the next child, or not. */
void ground_master_inherit(struct ground *ground, bool inherit);
/* In a child that inherited the page: locks are not inherited. */
void ground_master_locked(struct ground *ground);
/* Wipes the key, removes admin.sock. */
void ground_end(struct ground *ground, const struct daemon_config *daemon);

#endif
