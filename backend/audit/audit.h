/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h: the audit log of one daemon: appended to, chained, signed now and then, never changed.
 *
 * Durability. audit_note returns VAULT_OK only when the entry is on the disk (flushed): it survives kill -9 and power
 * loss. Several callers at a time share one flush. After any other code the entry is not in the log and never will be.
 * What a crash leaves unfinished behind the last whole entry is cut off at the next start, kept in a file of its own
 * and told in the log.
 *
 * Acts. Who is to be sure that no act goes unrecorded notes it twice: AUDIT_BEGUN before, and refuses the act where
 * that fails; its result, naming the first by `of`, before it is acknowledged. Space for results is reserved on the
 * disk before AUDIT_BEGUN is acknowledged, so that a disk that fills up refuses acts and loses none.
 *
 * Files, in the state directory: audit-NNNNNNNN.log, one after the other; the last one grows. A new one is written
 * whole under another name first. audit-torn-SEQ: what was cut off.
 *
 * Threads: any function from any thread; each may block (disk): worker pool. Only audit_due and audit_look do not.
 */
#ifndef CARDMUX_AUDIT_H
#define CARDMUX_AUDIT_H

#include "backend/audit/chain.h"
#include "backend/vault/vault.h"

struct audit;

struct audit_config {
    const char *state_dir;
    const uint8_t *seed;         /* AUDIT_SEED bytes: the signing key; the caller wipes its own */
    uint64_t segment_bytes;      /* a new file when the last has this many; 0: 4 MiB */
    uint32_t checkpoint_entries; /* a checkpoint is due after so many entries; 0: 256 */
    /* "VERSION:DIGEST" of the vault, for checkpoints; may be NULL, or leave text empty. Called without locks held. */
    void (*vault)(void *arg, char text[AUDIT_VAULT_MAX + 1]);
    /* Each new end of the log behind the first entry written here, once it is on the disk, for somebody to keep where the log's writer cannot put another in
       its place; may be NULL. Called by the writer: must not block, nor call the log. */
    void (*moved)(void *arg, uint64_t seq, const uint8_t head[AUDIT_HASH]);
    void *arg;
    /* The end that was kept: the log must lead through it. seq 0: none was. */
    uint64_t known_seq;
    uint8_t known_head[AUDIT_HASH];
};

struct audit_state {
    uint8_t log[AUDIT_LOG_ID];
    uint8_t key[AUDIT_POINT];
    uint8_t head[AUDIT_HASH];
    uint64_t seq;
    uint64_t first_segment, segment; /* files that are there */
    uint64_t unsigned_entries;       /* since the last checkpoint */
    uint64_t missed;                 /* entries that could not be written yet: audit_flush */
    bool card_failed;                /* as the log tells */
    bool failing;                    /* the last write failed */
};

/* What the start found, for the log's first words. */
struct audit_found {
    bool made;      /* there was no log */
    uint64_t cut;   /* bytes cut off behind the last whole entry */
    uint64_t after; /* the last whole entry then */
    bool damaged;   /* a file does not hold: the log goes on in a new one */
    char why[AUDIT_DETAIL_MAX + 1];
    bool altered; /* it does not lead through the end that was kept */
    char how[AUDIT_DETAIL_MAX + 1];
    /* The lines up to the end that was kept tell that the card failed. Those behind it, which audit_state follows as
     * well, may tell otherwise, and anybody who could write the files may have put them there. */
    bool card_failed;
    char vault[AUDIT_VAULT_MAX + 1]; /* what the last checkpoint says of the vault; empty: nothing */
};

enum vault_result audit_open(const struct audit_config *config, struct audit **audit, struct audit_found *found,
                             char *error);
void audit_close(struct audit *audit); /* NULL is allowed */

/* entry: event, by, uid, user, roles, tenant, tenant_id, target, result, of, detail. Its n is filled in. seq may be
 * NULL. VAULT_IO: it is not in the log; error says why. */
enum vault_result audit_note(struct audit *audit, struct audit_entry *entry, uint64_t *seq, char *error);
/* For what is told and not asked (events of tenants, of the daemon): where it cannot be written it is counted, and the
 * count is an entry as soon as it can be written. */
void audit_tell(struct audit *audit, struct audit_entry *entry);
/* The same for what a tenant or a stranger can cause without end: beyond a few, entries of one (event, tenant, uid) are
 * counted, and the count is written about every 10 s. */
void audit_tell_often(struct audit *audit, struct audit_entry *entry);
/* Writes what was counted, where it is due (all of it: everything). */
void audit_flush(struct audit *audit, bool everything);

/* Writes a checkpoint now. line (may be NULL) gets it, with its line end. */
enum vault_result audit_checkpoint(struct audit *audit, char line[AUDIT_LINE_MAX], char *error);
/* Is there something for audit_flush or a checkpoint to do? Does not block. */
bool audit_due(struct audit *audit, bool *checkpoint);

void audit_look(struct audit *audit, struct audit_state *state);
/* Bytes of a file from offset on, at most cap; *len 0: its end. VAULT_NOT_FOUND: no such file. */
enum vault_result audit_read(struct audit *audit, uint64_t segment, uint64_t offset, char *bytes, size_t cap,
                             size_t *len, char *error);

#endif
