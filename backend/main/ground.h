/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ground.h: what the keeper stands on, made once at start: limits, user, directories, lock, admin.sock, master key.
 *
 * Everything here may block and may fail; failing, it returns -1 with a sentence in text[GROUND_TEXT] that says what to
 * do, and cardmuxd ends with status 1.
 */
#ifndef CARDMUX_GROUND_H
#define CARDMUX_GROUND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "backend/main/config.h"

#define GROUND_TEXT 512u

struct master_wrap;

struct ground {
    bool root;
    uid_t uid; /* of broker and admin; 0: not root, they stay what we are */
    gid_t gid;
    gid_t admin_gid; /* of admin.sock; -1: unchanged */
    int lock;        /* run_dir/cardmuxd.lock, held as long as the keeper lives */
    int admin_listen;
    unsigned fd_limit;
    struct ground_key *key;   /* a page: locked, not dumped, not inherited but by a broker */
    uint64_t rekey_round;     /* whose key is `next` there; 0: an earlier broker's */
    struct master_wrap *wrap; /* another, never inherited; NULL: the master key has no passphrase */
};

/* Descriptors 0-2 exist, umask, RLIMIT_NOFILE, no core dumps, not dumpable. */
void ground_limits(struct ground *ground);
int ground_user(struct ground *ground, const struct config *config, char *text);
/* run_dir with its lock, state_dir given to the user. */
int ground_directories(struct ground *ground, const struct daemon_config *daemon, char *text);
int ground_admin_socket(struct ground *ground, const struct daemon_config *daemon, char *text);
/* ground_master.c */
int ground_master(struct ground *ground, const struct daemon_config *daemon, char *text);
/* Makes the next master key and writes its file. Then, when the broker has said how it went, the end of it. */
int ground_rekey_begin(struct ground *ground, const struct daemon_config *daemon, uint64_t round, char *text);
int ground_rekey_end(struct ground *ground, const struct daemon_config *daemon, uint64_t round, bool done, char *text);
void ground_master_end(struct ground *ground);
/* Shows the master key's page to the next child, or not. */
void ground_master_inherit(struct ground *ground, bool inherit);
/* In a child that inherited the page: locks are not inherited. */
void ground_master_locked(struct ground *ground);
/* Wipes the key, removes admin.sock. */
void ground_end(struct ground *ground, const struct daemon_config *daemon);

#endif
