/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h: a real cardmuxd with private directories, for tests that kill its parts. Tenants and keys as in harness.h.
 * The daemon runs as it would for a user: sandbox, vault, limits. CARDMUXD names the program.
 */
#ifndef WIRE_DAEMON_H
#define WIRE_DAEMON_H

#include <sys/types.h>

struct daemon {
    char dir[64];
    char run[96];
    pid_t pid;
    char path[200];
};

struct daemon_options {
    unsigned tenants;
    const char *card;  /* "soft" unless set */
    const char *extra; /* more lines of configuration */
};

/* Exits the program with a sentence on failure. Returns when the daemon serves. */
void daemon_start(struct daemon *daemon, const struct daemon_options *options);
/* SIGTERM, waits, removes the directories. Returns the exit status, -1 if it was killed by a signal. */
int daemon_stop(struct daemon *daemon);
/* SIGKILL to the keeper: its children are left to notice. */
void daemon_kill(struct daemon *daemon);
/* Another one on the same directories; returns when it serves. */
void daemon_again(struct daemon *daemon);
const char *daemon_socket(struct daemon *daemon, unsigned tenant, const char *transport);
/* The child of the daemon whose name (/proc/PID/comm) is `name`; 0: none now. */
pid_t daemon_child(const struct daemon *daemon, const char *name);

#endif
