/* SPDX-License-Identifier: Apache-2.0 */
/* broker_entry.h: where the keeper's child becomes the broker, or the admin process. */
#ifndef CARDMUX_BROKER_ENTRY_H
#define CARDMUX_BROKER_ENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "proto/wait.h"

/* From the configuration file; strings live as long as the process. */
struct daemon_config {
    const char *state_dir; /* [daemon] state = /var/lib/cardmux */
    const char *run_dir;   /* [daemon] run = /run/cardmux */
    const char
        *user; /* [daemon] user = cardmux; broker and admin run as it. Not root or not found: see cardmuxd.conf(5) */
    const char *group;            /* [daemon] group = cardmux: operators; admin.sock is theirs */
    const char *security_group;   /* [daemon] security-group = cardmux-so */
    const char *audit_group;      /* [daemon] audit-group = cardmux-audit */
    uint32_t root_roles;          /* [daemon] root-roles = all: enum role_set */
    const char *master_key;       /* [daemon] master-key = STATE/master.key */
    const char *passphrase_file;  /* [daemon] passphrase-file: of the master key; NULL: none */
    int passphrase_fd;            /* --passphrase-fd; 0: none */
    const char *master_card;      /* [daemon] master-key-card: SDF library of the card that seals it; NULL: none */
    const char *master_code_file; /* [daemon] master-key-code-file: access code of its index; NULL: none */
    uint32_t master_index;        /* [daemon] master-key-index = 1 */
    bool master_kek;              /* [daemon] master-key-kind = key-pair; kek: true */
    bool vsock;                   /* [daemon] vsock = off: listen for guests whose CID a tenant has */
    const char *card;             /* [card NAME] driver = soft; the first section is the card */
    const char *card_library;
    const char *card_fault;      /* [card NAME] fault = ...; test knob */
    uint32_t card_threads;       /* [card NAME] threads = 0 */
    enum wait_mode wait;         /* [broker] wait = adaptive|sleep|poll */
    uint32_t deadline_ms;        /* [broker] deadline = 30000 */
    uint32_t workers;            /* [broker] workers = 2: threads for slow operations */
    uint32_t keys_loaded;        /* [broker] keys-loaded = 4096: of the vault's keys, in the card at a time */
    uint32_t code_attempts;      /* [broker] code-attempts = 10 */
    uint32_t self_test_s;        /* [broker] self-test = 3600: seconds for a round of known answers; 0: none */
    uint32_t audit_segment_kib;  /* [audit] file-size = 4096: KiB */
    uint32_t audit_checkpoint_s; /* [audit] checkpoint = 3600: seconds, where there is something to sign */
    const char *digest;          /* SM3 of the file that was read, 64 hexadecimal digits; NULL: none was */
    const char *sandbox_probe; /* [test] sandbox-probe = execve|inet|foreign-file|ptrace|...: tried from inside, result
                                  in READY's text */
};

/* What the keeper has of the master key, and a broker inherits. */
struct ground_key {
    uint8_t now[32], next[32];
    bool has_next; /* a rekey was begun: one of the two opens the vault */
};

struct broker_start {
    const struct daemon_config *config;
    int keeper_fd;            /* SEQPACKET, handover.h */
    int admin_fd;             /* SEQPACKET, backend/admin/message.h; -1: none */
    uint8_t *master;          /* VAULT_MASTER_KEY bytes; broker_main wipes it */
    uint8_t *next;            /* NULL, or another master key that may be the one: a rekey was begun. Wiped too */
    uint32_t form, next_form; /* of their files: enum master_form + 1 */
    bool again;               /* not the first of this keeper */
    uid_t uid;                /* to become; 0: stay (not root) */
    gid_t gid;
};

/* Does not return before the end: 0 clean (keeper hung up), else failed. Called in the forked child with all other
   descriptors closed. Order inside: open card (self-tests) and everything that needs files; sandbox_enter_root (chroot
   to state_dir, uid); vault; seccomp; READY. */
int broker_main(const struct broker_start *start);

struct admin_start {
    const struct daemon_config *config;
    int listen_fd; /* admin.sock, listening */
    int keeper_fd; /* SEQPACKET: after each start of a broker one byte 'B' with the new broker's admin descriptor */
    uid_t uid;
    gid_t gid;
};
int admin_main(const struct admin_start *start);

/* sandbox.c. Each returns 0 or -1 with a sentence in text[256]. */
/* chroot to dir (if root), supplementary groups dropped, gid, uid, no_new_privs, not dumpable, RLIMIT_CORE 0, all
 * capabilities gone. */
int sandbox_drop(const char *dir, uid_t uid, gid_t gid, char *text);
enum sandbox_role {
    SANDBOX_BROKER,
    SANDBOX_ADMIN
};
/* seccomp: kills the process on nothing (EPERM), lists what the role needs, inherited by threads made later; call with
   all threads running or TSYNC. */
int sandbox_filter(enum sandbox_role role, char *text);
/* Tries what must be denied and describes the outcome ("denied: execve EPERM"); true when everything tried was denied.
 */
bool sandbox_probe(const char *what, char *text);

#endif
