/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h: the small fixed set of messages between the admin process and the broker. SOCK_SEQPACKET; one packet is
 * one struct admin_message. The admin sends requests, one or more at a time, each with an id; the broker answers each
 * with zero or more ADMIN_ROW packets and then one ADMIN_DONE, same id; answers to different requests may interleave.
 * Both sides check length and type. Access codes ride in `code`; whoever held the packet wipes it.
 */
#ifndef CARDMUX_ADMIN_MESSAGE_H
#define CARDMUX_ADMIN_MESSAGE_H

#include <stdint.h>
#include "backend/audit/audit.h"
#include "backend/vault/vault.h"
#include "proto/ops.h"

enum admin_type {
    ADMIN_TENANT_ADD = 1,   /* tenant (name, owner, limits; 0: default) -> row: tenant as made */
    ADMIN_TENANT_SET,       /* tenant by name; `mask` says which fields */
    ADMIN_TENANT_REMOVE,    /* tenant.name */
    ADMIN_TENANT_LIST,      /* -> rows: tenant + counters */
    ADMIN_TENANT_SHOW,      /* tenant.name -> one row */
    ADMIN_KEY_GENERATE,     /* tenant.name, key.kind, key.index, key.bits, code -> row: key (+ publics). RSA: seconds */
    ADMIN_KEY_LIST,         /* tenant.name -> rows: key */
    ADMIN_KEY_DESTROY,      /* tenant.name, key.kind, key.index */
    ADMIN_KEY_UNLOCK,       /* tenant.name, key.kind, key.index: access code failures = 0 */
    ADMIN_STATUS,           /* -> one row: status */
    ADMIN_CARD_TEST,        /* runs the known-answer tests again -> done */
    ADMIN_VAULT_STATE = 20, /* -> one row: vault */
    ADMIN_VAULT_REKEY = 21, /* vault.form: to a new master key; what follows goes on after the answer */
    ADMIN_BACKUP = 22,      /* vault.key (recipient), vault.file */
    ADMIN_TENANT_EXPORT = 23, /* tenant.name, vault.key (recipient), vault.file */
    ADMIN_TENANT_IMPORT = 24, /* vault.file, tenant.name (empty: as in the file), with ADMIN_FROM vault.key (whose it
                                 must be) -> row: tenant, vault.key (sender) */
    ADMIN_AUDIT_STATE = 40,   /* -> one row: audit */
    ADMIN_AUDIT_READ = 41,    /* audit.segment, audit.offset -> rows: audit.bytes, in order; none at the file's end */
    ADMIN_AUDIT_CHECKPOINT = 42, /* -> one row: audit.bytes, the checkpoint's line */
    ADMIN_AUDIT_REFUSED = 43,    /* who asked for what his roles do not allow: `text` says what; to be recorded */
    ADMIN_FILE_LIST = 60,        /* tenant.name -> rows: file */
    ADMIN_FILE_REMOVE = 61,      /* tenant.name, file.name */
    ADMIN_KEY_CODE = 62,         /* tenant.name, key.kind, key.index, code; none: taken away */
    ADMIN_KEY_IMPORT = 63, /* tenant.name, key.kind, key.index, key.bits, code, envelopes -> row: key (+ publics) */
    ADMIN_ROW = 100,
    ADMIN_DONE, /* result, text */
};

enum admin_mask {
    ADMIN_SET_FLAGS = 1u << 0,
    ADMIN_SET_OWNER = 1u << 1,
    ADMIN_SET_CONNECTIONS = 1u << 2,
    ADMIN_SET_SESSIONS = 1u << 3,
    ADMIN_SET_HANDLES = 1u << 4,
    ADMIN_SET_WEIGHT = 1u << 5,
    ADMIN_SET_POLICY = 1u << 6, /* allow, deny */
    ADMIN_SET_CODES = 1u << 7,
    ADMIN_SET_FILES = 1u << 8,
    ADMIN_SET_FILE_BYTES = 1u << 9,
    ADMIN_SET_CID = 1u << 16,
    ADMIN_FROM = 1u << 17, /* the sender is named */
    ADMIN_SET_ANY_POLICY = ADMIN_SET_POLICY | ADMIN_SET_CODES | ADMIN_SET_FILES | ADMIN_SET_FILE_BYTES,
};

/* Names of policy.def, and of flags of the tenant: "debug". */
struct admin_names {
    struct cm_policy policy;
    uint32_t flags; /* enum vault_tenant_flag */
};

#define ADMIN_PUBLIC_MAX 520u /* RSA of 4096 bits */

/* Counters since the broker started. */
struct admin_counters {
    uint64_t operations, errors, bytes;
    uint64_t doorbells; /* times the front ends rang (eventfd reads that found something; of streams: receives) */
    uint64_t wakeups;   /* times the broker rang front ends (of streams: sendings) */
    uint64_t rejects[CM_GATE_END];
    uint64_t card_ns; /* card time used */
    uint32_t regions, sessions, handles;
    uint32_t reserved;
};

struct admin_status {
    uint64_t generation;
    uint64_t uptime_s;
    uint32_t broker_pid;
    uint32_t tenants;
    char card[16];
    char card_state[16]; /* "ok", "failed" */
    char master[16];     /* the form of the master key's file: master_form_name */
    char version[16];
    struct admin_counters total;
    uint64_t sleeps, passes; /* of the broker thread */
};

#define ADMIN_AUDIT_BYTES 2048u  /* of a row */
#define ADMIN_AUDIT_PAGE  16384u /* bytes of one ADMIN_AUDIT_READ's rows together, at most */

struct admin_audit {
    uint64_t segment, offset; /* a file of the log, and a place in it */
    struct audit_state state;
    char vault[AUDIT_VAULT_MAX + 1]; /* "VERSION:DIGEST" now */
    uint32_t len;
    char bytes[ADMIN_AUDIT_BYTES];
};

/* The vault as a whole, and sealed files in the state directory: transfer-FILE. */
struct admin_vault {
    uint64_t version;
    uint8_t digest[VAULT_DIGEST];
    uint8_t key[VAULT_HOST_KEY]; /* of a recipient, a sender, or this host */
    uint32_t rekey_pending;
    uint64_t rekey_done, rekey_total;
    uint32_t keys_loaded, keys_most;     /* in the card now, at most */
    uint64_t keys_fetched, keys_evicted; /* since the broker started */
    uint32_t form;                       /* of the master key's file: enum master_form + 1; asked for: 0: as it is */
    char file[33];
};

/* A key on its way in, for the tenant's device key alone to open: backend/broker/admin_import.c. */
#define ADMIN_ENVELOPE_PAIR 208u
#define ADMIN_ENVELOPE_KEK  96u /* and the KEK's bytes */
struct admin_envelope {
    uint32_t len;
    uint8_t bytes[ADMIN_ENVELOPE_PAIR];
};

/* Who asks, as the admin process has it from the kernel. */
struct admin_actor {
    uint32_t uid;
    uint32_t roles;                /* enum role_set */
    char user[AUDIT_NAME_MAX + 1]; /* as it was called when the admin process started; empty: not known */
};

struct admin_message {
    uint32_t type;
    uint32_t id;
    uint32_t result; /* ADMIN_DONE: enum vault_result */
    uint32_t mask;
    struct admin_actor actor;
    struct vault_tenant tenant;
    struct vault_policy policy;     /* of the tenant; with ADMIN_TENANT_SET what the mask names */
    struct admin_names allow, deny; /* changes of what is denied */
    struct vault_key key;
    uint64_t sign_uses, encrypt_uses; /* of the key, since the broker started */
    struct vault_file file;
    uint8_t sign_public[ADMIN_PUBLIC_MAX], encrypt_public[ADMIN_PUBLIC_MAX]; /* curves: x || y; RSA: m || e[8] */
    struct admin_envelope envelopes[3]; /* pair for signing, pair for encryption; KEK */
    struct admin_counters counters;
    struct admin_status status;
    struct admin_audit audit;
    struct admin_vault vault;
    uint32_t code_len; /* 0: no code */
    uint8_t code[VAULT_CODE_MAX];
    char text[VAULT_ERROR_TEXT]; /* ADMIN_DONE: a sentence for the operator where result is not VAULT_OK */
};

#endif
