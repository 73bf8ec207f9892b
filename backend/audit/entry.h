/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.h: the lines of the audit log, and the one parser that reads them. docs/audit.md is the same for readers.
 *
 * A line is one JSON object in exactly one form: these fields in this order, no blanks, numbers without leading zeros,
 * texts of printable ASCII without quote and backslash. So a line can be read with any JSON tool, its bytes can be
 * hashed as they are, and what was built is what is parsed. The last field of each line is the chain's value after it;
 * what stands before that is the line's body. Four kinds:
 *
 *   entry       something happened
 *   segment     the first line of each file: which log, which number, where the chain stood, the public key
 *   tenant      after a segment line, one for each tenant: where its own chain stood. So a file can be verified alone
 *   checkpoint  signed: the chain, the tenants' chains (as a Merkle root) and the vault's version at this place
 *
 * No I/O, no allocation. A failed parse leaves the output undefined.
 */
#ifndef CARDMUX_AUDIT_ENTRY_H
#define CARDMUX_AUDIT_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_VERSION    1u
#define AUDIT_LINE_MAX   1024u /* with the line end */
#define AUDIT_HASH       32u   /* SM3 */
#define AUDIT_POINT      64u   /* SM2 public key: x || y */
#define AUDIT_SIGNATURE  64u   /* r || s */
#define AUDIT_LOG_ID     16u   /* random, one for each log */
#define AUDIT_EVENT_MAX  24u   /* characters of texts, without the NUL */
#define AUDIT_NAME_MAX   32u
#define AUDIT_ROLES_MAX  40u
#define AUDIT_TARGET_MAX 64u
#define AUDIT_DETAIL_MAX 320u
#define AUDIT_VAULT_MAX  100u

enum audit_event {
    AUDIT_NO_EVENT = 0,
#define EVENT(name, text) AUDIT_##name,
#include "backend/audit/events.def"
#undef EVENT
    AUDIT_EVENTS
};

enum audit_by {
    AUDIT_BY_DAEMON = 0,
    AUDIT_BY_USER,
    AUDIT_BY_TENANT,
    AUDIT_BYS
};

enum audit_result {
    AUDIT_OK = 0,
    AUDIT_BEGUN,   /* written before the act; its end has an entry of its own, which names this one in `of` */
    AUDIT_REFUSED, /* not allowed, and nothing was done */
    AUDIT_FAILED,  /* tried, and not done */
    AUDIT_RESULTS
};

enum audit_kind {
    AUDIT_ENTRY,
    AUDIT_SEGMENT,
    AUDIT_TENANT,
    AUDIT_CHECKPOINT
};

struct audit_entry {
    char event[AUDIT_EVENT_MAX + 1];
    enum audit_by by;
    uint32_t uid; /* AUDIT_BY_USER */
    char user[AUDIT_NAME_MAX + 1];
    char roles[AUDIT_ROLES_MAX + 1];
    char tenant[AUDIT_NAME_MAX + 1];
    uint32_t tenant_id; /* 0: concerns no tenant */
    uint64_t n;         /* how many of this tenant's entries there are with this one; 0: tenant_id is 0 */
    char target[AUDIT_TARGET_MAX + 1];
    enum audit_result result;
    uint64_t of; /* seq of the AUDIT_BEGUN entry that this one ends; 0: none */
    char detail[AUDIT_DETAIL_MAX + 1];
};

struct audit_segment {
    uint64_t number;
    uint8_t log[AUDIT_LOG_ID];
    uint8_t head[AUDIT_HASH]; /* the chain before this line */
    uint64_t tenants;         /* tenant lines that follow */
    bool card_failed;
    uint8_t key[AUDIT_POINT];
};

struct audit_tenant {
    uint32_t id;
    uint64_t n;
    bool gone; /* removed: left out of the next segment */
    uint8_t head[AUDIT_HASH];
};

struct audit_checkpoint {
    uint8_t log[AUDIT_LOG_ID];
    uint8_t head[AUDIT_HASH]; /* the chain before this line */
    uint64_t tenants;
    uint8_t root[AUDIT_HASH];        /* over all tenants' (id, n, head): chain.h */
    char vault[AUDIT_VAULT_MAX + 1]; /* "VERSION:DIGEST" of the vault; empty: not known */
    uint8_t signature[AUDIT_SIGNATURE];
};

struct audit_line {
    enum audit_kind kind;
    uint64_t seq;
    uint64_t time; /* seconds since 1970 */
    union {
        struct audit_entry entry;
        struct audit_segment segment;
        struct audit_tenant tenant;
        struct audit_checkpoint checkpoint;
    };
    uint8_t chain[AUDIT_HASH];
    /* set by parse and build, in bytes from the line's start */
    size_t signed_len; /* AUDIT_CHECKPOINT: what is signed */
    size_t body_len;   /* what is hashed */
};

const char *audit_event_name(enum audit_event event); /* "" where there is none */
const char *audit_by_name(enum audit_by by);
const char *audit_result_name(enum audit_result result);

/* Copies what a line may hold of a text; other characters become '?'. */
void audit_text(char *out, size_t size, const char *text);

/* Everything but chain (and signature): returns the length of the body so far, without the terminating NUL. A
 * checkpoint's ends before its signature. Texts must be fit (audit_text). */
size_t audit_build_body(struct audit_line *line, char out[AUDIT_LINE_MAX]);
/* Adds the signature to a checkpoint's. */
size_t audit_build_signature(struct audit_line *line, char out[AUDIT_LINE_MAX], size_t len);
/* Adds line->chain and the line end. Returns the length of the whole line. */
size_t audit_build_end(struct audit_line *line, char out[AUDIT_LINE_MAX], size_t len);

/* A whole line, with or without the line end. */
bool audit_parse(const char *bytes, size_t len, struct audit_line *line);

/* part.c: the first and the last line of a tenant's part (export). */
#define AUDIT_PATH_MAX 32u /* a tree of 2^32 tenants */
struct audit_part {
    uint8_t log[AUDIT_LOG_ID];
    uint8_t key[AUDIT_POINT];
    struct audit_tenant start; /* where the tenant's chain stood before the first entry */
    struct audit_tenant end;   /* and at the checkpoint */
    uint64_t index, leaves;    /* of its leaf */
    unsigned path_len;
    uint8_t path[AUDIT_PATH_MAX][AUDIT_HASH];
};
#define AUDIT_PART_MAX 4096u
size_t audit_part_build(const struct audit_part *part, char out[AUDIT_PART_MAX]);
bool audit_part_parse(const char *bytes, size_t len, struct audit_part *part);

#endif
