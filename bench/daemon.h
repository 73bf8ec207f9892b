/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h: the bench's own cardmuxd: the real one, with sandbox, limits and vault, on a private directory.
 *
 *   DIR/cardmuxd.conf, DIR/state, DIR/run      DIR below XDG_RUNTIME_DIR or /tmp, removed at the end
 *
 * State is made by `cardmux init`, tenants and keys by the daemon's HTTP interface. The programs are looked for beside
 * the running one, as an installation or a build tree has them, then in PATH. Everything started here dies with the
 * bench (parent-death signal) and is ended by its pid.
 */
#ifndef CARDMUX_BENCH_DAEMON_H
#define CARDMUX_BENCH_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DAEMON_TEXT 512
#define DAEMON_PATH 256

struct daemon {
    char dir[DAEMON_PATH];
    char socket[DAEMON_PATH]; /* admin.sock */
    char program[DAEMON_PATH], cli[DAEMON_PATH];
    pid_t pid; /* the keeper; 0: not running */
    void *curl;
};

struct daemon_options {
    const char *card;
    uint32_t card_threads; /* 1: inline */
    const char *wait;      /* adaptive, sleep, poll */
};

struct daemon_counters {
    uint64_t operations, errors, doorbells, wakeups, card_ns;
    pid_t broker_pid;
};

/* Makes state and starts it; returns when it serves. False: text[DAEMON_TEXT] says why; daemon_stop is still due. */
bool daemon_start(struct daemon *daemon, const struct daemon_options *options, char *text);
/* A tenant; with an SM2 pair and a KEK at index 1 if `keys` (a card that only echoes can make none). */
bool daemon_tenant(struct daemon *daemon, const char *name, uint32_t connections, bool keys, char *text);
void daemon_socket(const struct daemon *daemon, const char *tenant, const char *via, char path[DAEMON_PATH]);
bool daemon_counters(struct daemon *daemon, struct daemon_counters *counters, char *text);
bool daemon_alive(const struct daemon *daemon);
/* Ends it and removes the directory. */
void daemon_stop(struct daemon *daemon);
/* libsdf.so as a tenant would load it: found as the programs are, else its bare name for the loader to find. */
void daemon_libsdf(char path[DAEMON_PATH]);

#endif
