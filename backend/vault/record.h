/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h: the bytes of a stored record, and the one parser that reads them.
 *
 * A record is little-endian and has exactly one encoding:
 *
 *     0  4   "CMV" and the version, 1
 *     4  1   type      enum record_type
 *     5  1   generation of the tenant's key that seals it (rows of keys, policies, files; else 0)
 *     6  2   length of the whole record
 *     8  16  uid       random; of the tenant (of the store, in the root record)
 *    24      four parts, each: 2 bytes length, then nonce[12] ciphertext tag[16]; length 0: absent
 *
 * Which parts a type has, and how long they may be, is a table in record.c. The parser knows no keys: what it accepts
 * may still fail to open. Part META holds the record's attributes in clear-text structs below, encoded at fixed places;
 * it is sealed together with nonce and tag of the other parts, so that parts of different versions do not mix.
 *
 * The META of root and tenant grows with the schema of the store (SCHEMA_*, vault_internal.h): a shorter one is that of
 * an older schema and is met by the migration only. To add a field: at the end, with a new schema number, and a step in
 * migrate.c that gives it its first value.
 *
 * Failure of a parser leaves the output undefined. Nothing here allocates or reads outside [bytes, bytes + len).
 */
#ifndef CARDMUX_VAULT_RECORD_H
#define CARDMUX_VAULT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/vault/vault.h"

#define RECORD_VERSION  1u
#define RECORD_HEADER   24u
#define RECORD_MAX      4864u
#define RECORD_UID      16u
#define RECORD_NONCE    12u
#define RECORD_TAG      16u
#define RECORD_OVERHEAD (RECORD_NONCE + RECORD_TAG)
#define RECORD_PART_MAX (VAULT_SECRET_MAX + RECORD_OVERHEAD)
#define RECORD_TALLY    32u
#define RECORD_SALT     16u
#define RECORD_VERIFIER 32u

enum record_type {
    RECORD_ROOT = 1,
    RECORD_TENANT = 2,
    RECORD_KEY = 3,
    RECORD_POLICY = 4, /* policy.c */
    RECORD_FILE = 5,   /* files.c: a file's header */
    RECORD_CHUNK = 6,  /* files.c: a piece of one */
    RECORD_TYPES
};

enum record_part {
    PART_META = 0,
    PART_KEY = 1,     /* root: the check value; tenant: the tenant's key; key: sign, or the KEK; file: its name; chunk:
                         its first FILE_HALF bytes */
    PART_ENCRYPT = 2, /* root: the store's own secret; tenant: the key before, while that is being replaced; key record;
                         chunk: the rest */
    PART_CODE = 3,    /* tenant: the key of its files' places; key record: salt and verifier of the access code */
    RECORD_PARTS = 4
};

struct record_sealed {
    size_t len; /* 0: absent */
    uint8_t bytes[RECORD_PART_MAX];
};

struct record {
    enum record_type type;
    uint8_t generation;
    uint8_t uid[RECORD_UID];
    struct record_sealed parts[RECORD_PARTS];
};

bool record_parse(enum record_type type, const uint8_t *bytes, size_t len, struct record *record);
/* Length of the encoding; 0: the record's parts do not fit its type. */
size_t record_build(const struct record *record, uint8_t bytes[RECORD_MAX]);

#define ROOT_META_LEN   96u
#define ROOT_META_1     40u /* of schema 1 */
#define ROOT_META_2     56u /* of schemas 2 and 3 */
#define TENANT_META_LEN 136u
#define TENANT_META_1   120u
#define KEY_META_LEN    24u
#define CODE_LEN        52u
#define POLICY_META_LEN 40u
#define FILE_META_LEN   40u
#define CHUNK_META_LEN  24u
#define FILE_HALF       2048u

struct root_meta {
    unsigned schema;  /* whose form this META has; from 3 on it says so itself */
    uint32_t next_id; /* of the next tenant */
    uint32_t tenants; /* how many rows there are, and the sum of their tallies (schema 1: the XOR) */
    uint8_t tally[RECORD_TALLY];
    uint64_t version; /* one more with each change of the store */
    uint32_t rotate;  /* a rekey is under way: the next tenant whose key is replaced; 0: none */
    struct vault_head head;
};

struct tenant_meta {
    unsigned schema;
    struct vault_tenant tenant;
    uint64_t keys; /* how many rows of keys, policy and files, and the sum of their tallies (schema 1: the XOR) */
    uint8_t tally[RECORD_TALLY];
    uint8_t generation; /* of the tenant's key */
    bool rotating;      /* rows behind the cursor may be of the generation before */
    uint32_t cursor_kind, cursor_index;
};

struct code_verifier {
    uint8_t salt[RECORD_SALT];
    uint8_t verifier[RECORD_VERIFIER]; /* scrypt, N=2^14 r=8 p=1: written in the record, one choice accepted */
};

/* What a tenant may do, and what of its file space is used. */
struct policy_meta {
    struct vault_policy policy;
    unsigned classes; /* the highest class that there was when it was set; 0: it does not say, and denies none */
    uint32_t files;
    uint64_t file_bytes;
};

struct file_meta {
    uint8_t id[RECORD_UID]; /* random: a later file of the same name has another */
    uint32_t size;
    uint32_t name_len;
    uint64_t created;
};

struct chunk_meta {
    uint8_t id[RECORD_UID]; /* of its file */
    uint32_t number;
    uint32_t len;
};

void policy_meta_set(struct policy_meta *meta, const struct vault_policy *policy);
/* Its policy today: who denied some classes is not allowed those that came afterwards. */
struct vault_policy policy_meta_get(const struct policy_meta *meta);
bool policy_meta_parse(const uint8_t *bytes, size_t len, struct policy_meta *meta);
void policy_meta_build(const struct policy_meta *meta, uint8_t bytes[POLICY_META_LEN]);
bool file_meta_parse(const uint8_t *bytes, size_t len, struct file_meta *meta);
void file_meta_build(const struct file_meta *meta, uint8_t bytes[FILE_META_LEN]);
bool chunk_meta_parse(const uint8_t *bytes, size_t len, struct chunk_meta *meta);
void chunk_meta_build(const struct chunk_meta *meta, uint8_t bytes[CHUNK_META_LEN]);
/* These two return the length. */
bool root_meta_parse(const uint8_t *bytes, size_t len, struct root_meta *meta);
size_t root_meta_build(const struct root_meta *meta, uint8_t bytes[ROOT_META_LEN]);
bool tenant_meta_parse(const uint8_t *bytes, size_t len, struct tenant_meta *meta);
size_t tenant_meta_build(const struct tenant_meta *meta, uint8_t bytes[TENANT_META_LEN]);
bool key_meta_parse(const uint8_t *bytes, size_t len, struct vault_key *key);
void key_meta_build(const struct vault_key *key, uint8_t bytes[KEY_META_LEN]);
bool code_parse(const uint8_t *bytes, size_t len, struct code_verifier *code);
void code_build(const struct code_verifier *code, uint8_t bytes[CODE_LEN]);

/* Rules that also new data must meet. */
bool tenant_name_ok(const char *name);
bool tenant_serial_ok(const char *serial);
bool tenant_limits_ok(const struct vault_tenant *tenant);
bool policy_ok(const struct vault_policy *policy);
uint32_t key_bits(enum vault_key_kind kind, size_t len); /* of the plain key in PART_KEY; 0: no such length */

#endif
