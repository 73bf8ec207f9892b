/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault.h: the store of tenants, wrapped keys and access codes.
 *
 * Two layers. This one wraps and unwraps (AES-256-GCM), derives access codes (scrypt) and knows what a record means;
 * below it a `struct vault_store` (store.h, one folder per store: sqlite/) keeps rows of bytes and commits them. A
 * record's identity (tenant uid, kind, index, part) is associated data of its wrapping, so a record that was moved to
 * another tenant or index does not open. A master key wraps one random key per tenant; the tenant key wraps that
 * tenant's records.
 *
 * Durability: a function that changes something returns SDR_OK only when the change survives kill -9 and power loss.
 * On any other code nothing was changed. Threads: any function from any thread at any time; each may block (disk,
 * scrypt): worker pool. Errors: SDR_ codes, plus a sentence for the operator in error[VAULT_ERROR_TEXT], never with a
 * secret in it. Names: a tenant's name is 1..32 characters of a-z 0-9 - _ . starting with a letter or digit.
 */
#ifndef CARDMUX_VAULT_H
#define CARDMUX_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/policy.h"

#define VAULT_NAME_MAX   32u
#define VAULT_ERROR_TEXT 256u
#define VAULT_INDEX_MAX  65535u /* key and KEK indexes: 1..this; all but KEKs also 0, the device's */
#define VAULT_SECRET_MAX 2312u  /* an RSA private key of 4096 bits, as card.h has it */
#define VAULT_CODE_MAX   256u
#define VAULT_MASTER_KEY 32u

struct vault;

/* Codes of this layer beside SDR_OK; callers turn them into SDR_ codes or sentences. */
enum vault_result {
    VAULT_OK = 0,
    VAULT_NOT_FOUND,
    VAULT_EXISTS,
    VAULT_INVALID,  /* argument out of range, bad name */
    VAULT_DAMAGED,  /* a record does not open: moved, truncated, altered, or the wrong master key */
    VAULT_IO,       /* disk full, read-only, ... : nothing changed */
    VAULT_BAD_CODE, /* wrong access code */
    VAULT_LOCKED,   /* too many wrong codes: the operator resets it */
    VAULT_BUSY,     /* another daemon has this state directory */
    VAULT_LIMIT,    /* a limit of the tenant */
    VAULT_RANGE,    /* outside of a file */
};

const char *vault_result_name(enum vault_result result);

enum vault_tenant_flag {
    VAULT_TENANT_DISABLED = 1u << 0,
    VAULT_TENANT_DEBUG = CM_ASKED_DEBUG, /* may use operations with T_DEBUG; and so on */
    VAULT_TENANT_KEK_HANDLE = CM_ASKED_KEK_HANDLE,
    VAULT_TENANT_PAIR_IMPORT = CM_ASKED_PAIR_IMPORT,
};

struct vault_tenant {
    uint32_t id; /* given by the vault, never used again */
    char name[VAULT_NAME_MAX + 1];
    char serial[17];               /* of the virtual card, 16 characters: DEVICEINFO.DeviceSerial */
    uint32_t flags;                /* enum vault_tenant_flag */
    uint32_t owner_uid, owner_gid; /* of its sockets */
    uint32_t max_connections;      /* unix connections at once */
    uint32_t max_sessions;         /* per connection or queue pair */
    uint32_t max_handles;          /* key handles, all sessions of the tenant together */
    uint32_t weight;               /* share of the card, 1..1000 */
    uint32_t cid;                  /* whose vsock connections are its; 0: nobody's */
};

/* Which access codes a tenant's key indexes have. */
enum vault_codes {
    VAULT_CODES_FREE = 0, /* an index may have one or not */
    VAULT_CODES_NEW,      /* new ones must have one */
    VAULT_CODES_ALWAYS    /* and older ones without one cannot be used */
};

/* What a tenant may do beside its limits. A tenant for whom none was ever set has the defaults: nothing denied,
   VAULT_CODES_FREE, VAULT_FILES_DEFAULT, VAULT_FILE_BYTES_DEFAULT. */
struct vault_policy {
    struct cm_policy denied;
    enum vault_codes codes;
    uint32_t max_files;
    uint32_t max_file_bytes; /* of all files together */
};

#define VAULT_FILES_DEFAULT      64u
#define VAULT_FILE_BYTES_DEFAULT (1u << 20)
#define VAULT_FILES_MAX          4096u
#define VAULT_FILE_BYTES_MAX     (1u << 28)
#define VAULT_FILE_MAX           (1u << 24) /* bytes of one file */
#define VAULT_FILE_NAME          128u       /* bytes of a name, any bytes */

/* A file of a tenant's virtual card, without its content. */
struct vault_file {
    uint8_t name[VAULT_FILE_NAME];
    uint32_t name_len;
    uint32_t size;
    uint64_t created; /* seconds since the epoch */
};

enum vault_key_kind {
    VAULT_KEY_SM2 = 1,
    VAULT_KEY_KEK = 2,
    VAULT_KEY_RSA = 3,
    VAULT_KEY_P256 = 4, /* one pair, for signing */
    VAULT_KEY_KINDS
};

/* What a kind is, for the vault and for those who ask it. The tables of kinds are independent: index 1 may hold an SM2
   key, an RSA key and a KEK. */
struct vault_kind {
    const char *name;      /* as operators write it: "sm2" */
    const char *title;     /* as sentences have it: "SM2" */
    bool has_encrypt;      /* a second pair, for encryption */
    bool has_public;       /* key pairs */
    bool own_code;         /* its access code is its own: all other kinds at an index share one */
    uint32_t bits_default; /* of a new key, where none are named */
};
const struct vault_kind *vault_kind(enum vault_key_kind kind); /* NULL: no such kind */
enum vault_key_kind vault_kind_named(const char *name);        /* 0: none */
bool vault_kind_bits_ok(enum vault_key_kind kind, uint32_t bits);
bool vault_kind_place_ok(enum vault_key_kind kind, uint32_t index);
bool vault_kinds_share(enum vault_key_kind one, enum vault_key_kind other); /* the access code of an index */

/* A key in clear. Lives in locked memory of the vault's making: vault_secret_free wipes and frees. */
struct vault_secret {
    size_t len;
    uint8_t bytes[VAULT_SECRET_MAX];
};
struct vault_secret *vault_secret_new(void); /* NULL: no locked memory */
void vault_secret_free(struct vault_secret *secret);

struct vault_key {
    enum vault_key_kind kind;
    uint32_t index;
    bool has_code;     /* an access code is needed; else a NULL code is accepted */
    uint32_t failures; /* wrong codes in a row */
    bool locked;
    uint64_t created; /* seconds since the epoch */
    uint32_t bits;    /* KEK: 128, 192, 256; SM2, P-256: 256; RSA: 2048, 3072, 4096 */
};

struct vault_config {
    const char *state_dir;  /* holds the store; locked against a second daemon */
    const uint8_t *master;  /* VAULT_MASTER_KEY bytes; copied, the caller wipes its own */
    uint32_t code_attempts; /* wrong codes in a row before an index is locked; 0: 10 */
    uint32_t patience_ms;   /* vault_open waits about that long where another process has the store */
};

/* vault_create makes the store (VAULT_EXISTS where there is one already). vault_open of a store made with another
 * master key: VAULT_DAMAGED. */
enum vault_result vault_create(const struct vault_config *config, char *error);
enum vault_result vault_open(const struct vault_config *config, struct vault **vault, char *error);
void vault_close(struct vault *vault);

/* id, serial (unless given) are filled in. Zero limits get defaults. */
enum vault_result vault_tenant_add(struct vault *vault, struct vault_tenant *tenant, char *error);
enum vault_result vault_tenant_set(struct vault *vault, const struct vault_tenant *tenant,
                                   char *error); /* by id; the name stays */
/* The same with the policy, at once; policy NULL: it stays as it is. Limits of files below what is there already are
   allowed: then nothing new fits. */
enum vault_result vault_tenant_change(struct vault *vault, const struct vault_tenant *tenant,
                                      const struct vault_policy *policy, char *error);
enum vault_result vault_policy_get(struct vault *vault, uint32_t id, struct vault_policy *policy, char *error);
enum vault_result vault_tenant_remove(struct vault *vault, uint32_t id, char *error); /* and all its records */
enum vault_result vault_tenant_find(struct vault *vault, const char *name, struct vault_tenant *tenant, char *error);
/* Calls each(arg, tenant) in order of id, until it returns false. The callback must not call the vault. */
enum vault_result vault_tenant_each(struct vault *vault, bool (*each)(void *arg, const struct vault_tenant *),
                                    void *arg, char *error);

/* SM2: sign = private[32] || point[64], encrypt likewise, both or VAULT_INVALID; P-256: sign alone; RSA: sign and
   encrypt, of the same length, as CARD_KEY_RSA_PRIVATE of card.h; KEK: sign holds the key, encrypt is NULL. code NULL
   with code_len 0: no access code. */
enum vault_result vault_key_put(struct vault *vault, uint32_t tenant, enum vault_key_kind kind, uint32_t index,
                                const struct vault_secret *sign, const struct vault_secret *encrypt,
                                const uint8_t *code, size_t code_len, char *error);
/* Another encrypting pair for the SM2 key there, whose signing pair is the one with that point; else VAULT_NOT_FOUND. The
   old one is lost. */
enum vault_result vault_pair_replace(struct vault *vault, uint32_t tenant, uint32_t index,
                                     const uint8_t sign_point[64], const struct vault_secret *encrypt, char *error);
/* Fills what is not NULL. sign and encrypt are the caller's, from vault_secret_new. */
enum vault_result vault_key_get(struct vault *vault, uint32_t tenant, enum vault_key_kind kind, uint32_t index,
                                struct vault_key *key, struct vault_secret *sign, struct vault_secret *encrypt,
                                char *error);
enum vault_result vault_key_remove(struct vault *vault, uint32_t tenant, enum vault_key_kind kind, uint32_t index,
                                   char *error);
enum vault_result vault_key_each(struct vault *vault, uint32_t tenant,
                                 bool (*each)(void *arg, const struct vault_key *), void *arg, char *error);
/* Access codes. kind says whose: VAULT_KEY_KEK the KEK's of that index; any other the index's, which its keys of all
   other kinds share.

   Checks one: VAULT_OK, VAULT_BAD_CODE (counted, durably, before the answer), VAULT_LOCKED, VAULT_NOT_FOUND. What has
   no code accepts only NULL/0; what has one refuses NULL/0 as VAULT_BAD_CODE without counting it. */
enum vault_result vault_code_check(struct vault *vault, uint32_t tenant, enum vault_key_kind kind, uint32_t index,
                                   const uint8_t *code, size_t len, char *error);
/* Gives another code, or none (len 0); failures = 0, unlocked. */
enum vault_result vault_code_set(struct vault *vault, uint32_t tenant, enum vault_key_kind kind, uint32_t index,
                                 const uint8_t *code, size_t len, char *error);
enum vault_result vault_code_reset(struct vault *vault, uint32_t tenant, enum vault_key_kind kind, uint32_t index,
                                   char *error); /* failures = 0, unlocked */

/* A mark by which a code that was right is known again, without scrypt, for as long as this vault is open; nonce is
   whoever's who keeps marks. Neither blocks nor takes longer than some microseconds. */
#define VAULT_MARK       32u
#define VAULT_MARK_NONCE 16u
bool vault_mark_nonce(uint8_t nonce[VAULT_MARK_NONCE]);
bool vault_code_mark(struct vault *vault, const uint8_t nonce[VAULT_MARK_NONCE], enum vault_key_kind kind,
                     uint32_t index, const uint8_t *code, size_t len, uint8_t mark[VAULT_MARK]);
bool vault_mark_equal(const uint8_t a[VAULT_MARK], const uint8_t b[VAULT_MARK]); /* constant time */

/* The version of the store, one more with each change, and a digest of all that it holds at that version: who keeps
 * both elsewhere can tell an older copy of the whole store (a smaller version) and another history (the same version,
 * another digest). */
#define VAULT_DIGEST 32u
enum vault_result vault_root(struct vault *vault, uint64_t *version, uint8_t digest[VAULT_DIGEST], char *error);

/* The head of the audit log: the number of its last line and the chain's value there. The root keeps it, sealed and
 * counted with the version: who can write the files and does not have the master key can neither write anew nor cut
 * unnoticed what stands up to that line. He can add lines behind it. vault_head_offer takes the newest one that is on
 * the disk; it does not block, and the head goes along with the next change. vault_head_keep makes a change of its own,
 * where the root has another one than was offered, and leaves no file from which an earlier version could be had by
 * cutting it (unless the disk fails). vault_head tells what the root has; number 0: none was ever kept. */
#define VAULT_CHAIN 32u
struct vault_head {
    uint64_t number;
    uint8_t chain[VAULT_CHAIN];
};
void vault_head_offer(struct vault *vault, const struct vault_head *head);
enum vault_result vault_head_keep(struct vault *vault, char *error);
enum vault_result vault_head(struct vault *vault, struct vault_head *head, char *error);

/* To another master key while the vault is in use: vault_rekey at once, then vault_rekey_step (rows of a tenant at a
 * time, in a transaction of its own) until *done, also after a restart where vault_rekey_pending says so. What each
 * guarantees stands in rekey.c. *unsure, where vault_rekey failed: the old master key opens the store until it is
 * closed, and the next vault_open may find that it is the new one: neither may be thrown away before. */
struct vault_rekey_state {
    bool pending;
    uint64_t done, total; /* records, by whole tenants */
};
enum vault_result vault_rekey(struct vault *vault, const uint8_t *master, bool *unsure, char *error);
enum vault_result vault_rekey_step(struct vault *vault, unsigned rows, bool *done, char *error);
enum vault_result vault_rekey_pending(struct vault *vault, struct vault_rekey_state *state, char *error);

/*
 * Backups, and tenants on their way to another host: sealed files (sealed.h, archive.h). A recipient is a public key of
 * VAULT_HOST_KEY bytes, a secret its other half; fd stays the caller's. A backup is of one moment, while the vault is
 * in use. vault_backup_verify is a whole restore into nothing: each record is opened. vault_restore makes a store in a
 * state directory that has none, under the master key of config. vault_tenant_import opens what was exported to this
 * store's own key, and gives the tenant a new id; name NULL: it keeps its own. Owner, CID and the flags of enum
 * cm_asked are not taken along. from, in the three that read: the host key whose file it must be, else VAULT_INVALID
 * before anything of it is opened; NULL: whoever's. Nobody can make a file of a key that is not his, but for the
 * recipient himself.
 */
#define VAULT_HOST_KEY 32u
struct vault_archive_info {
    uint8_t sender[VAULT_HOST_KEY]; /* key of the host that made it: compare */
    uint64_t tenants, records;
};
enum vault_result vault_host_key(struct vault *vault, uint8_t key[VAULT_HOST_KEY], char *error);
enum vault_result vault_backup(struct vault *vault, int fd, const uint8_t *recipient, char *error);
enum vault_result vault_backup_verify(int fd, const uint8_t *secret, const uint8_t *from,
                                      struct vault_archive_info *info, char *error);
enum vault_result vault_restore(const struct vault_config *config, int fd, const uint8_t *secret, const uint8_t *from,
                                struct vault_archive_info *info, char *error);
enum vault_result vault_tenant_export(struct vault *vault, uint32_t id, int fd, const uint8_t *recipient, char *error);
enum vault_result vault_tenant_import(struct vault *vault, int fd, const char *name, const uint8_t *from,
                                      struct vault_tenant *tenant, struct vault_archive_info *info, char *error);

/* A secret of this store alone, one for each label (at most 32 characters), the same for as long as the store lives,
 * also after a rekey. For keys that the daemon itself needs. out has 32 bytes. */
enum vault_result vault_own_secret(struct vault *vault, const char *label, struct vault_secret *out, char *error);

/*
 * Files. A name is 1..VAULT_FILE_NAME bytes of any value and is compared as bytes. A file has the size that it was made
 * with, and reads as zeros until written. One call is one change: after a crash all of a write is there, or nothing.
 * Unknown names: VAULT_NOT_FOUND.
 */
/* VAULT_EXISTS; VAULT_LIMIT: too large, or the tenant has too many, or no space for it. */
enum vault_result vault_file_create(struct vault *vault, uint32_t tenant, const uint8_t *name, size_t name_len,
                                    uint32_t size, char *error);
/* Reads up to *len bytes, fewer at the end of the file, and says in *len how many; VAULT_RANGE where offset is not in
   the file. bytes NULL: says only how many it would be. */
enum vault_result vault_file_read(struct vault *vault, uint32_t tenant, const uint8_t *name, size_t name_len,
                                  uint32_t offset, uint8_t *bytes, size_t *len, char *error);
/* VAULT_RANGE where offset and the `span` bytes from there (at least len) are not all in the file; nothing was written
   then. */
enum vault_result vault_file_write(struct vault *vault, uint32_t tenant, const uint8_t *name, size_t name_len,
                                   uint32_t offset, const uint8_t *bytes, size_t len, size_t span, char *error);
enum vault_result vault_file_remove(struct vault *vault, uint32_t tenant, const uint8_t *name, size_t name_len,
                                    char *error);
/* In no particular order; the callback must not call the vault. */
enum vault_result vault_file_each(struct vault *vault, uint32_t tenant,
                                  bool (*each)(void *arg, const struct vault_file *), void *arg, char *error);

/*
 * In detail:
 * - vault_key_put never replaces: VAULT_EXISTS where the index has a key of that kind; remove it first.
 * - An access code belongs to the index, not to the kind: SDF_GetPrivateKeyAccessRight names no kind. So a second kind
 *   of key at an index must be put with the same code, or with none where there is none: else VAULT_BAD_CODE. KEKs have
 *   a right of their own in SDF, and so codes of their own.
 * - The wrong code that fills the measure is answered VAULT_BAD_CODE, each check after it VAULT_LOCKED, right or wrong.
 * - vault_tenant_set with an empty serial keeps the serial. Defaults: 64 connections, 1024 sessions, 4096 handles,
 *   weight 100; limits are at most 2^20.
 * - An unknown tenant is VAULT_NOT_FOUND in every function.
 * - A tenant whose rows were tampered with answers VAULT_DAMAGED to everything about its keys; vault_tenant_remove
 * still works. Where the list of tenants itself was tampered with, vault_open answers VAULT_DAMAGED.
 * - error may be NULL. On VAULT_OK it is empty.
 * - A store made by an older cardmux is brought to this one's schema by vault_open, in one transaction, once; one made
 *   by a newer cardmux is VAULT_INVALID.
 * - state_dir must exist and belong to the user who opens the vault; root's vault_create gives the files to its owner.
 */

#endif
