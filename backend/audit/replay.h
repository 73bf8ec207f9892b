/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.h: going through a log line by line and checking that each follows from those before it. The daemon does it
 * with its last file at start, to know where to go on; `cardmux audit verify` with everything, signatures included.
 *
 * What each line must do:
 *   any         has the number (seq) after the one before, and the chain's value that follows from its body
 *   segment     begins a file: number after the one before, the head that the chain has, as many tenant lines as there
 *               are tenants that are not gone. The first one seen may have any number (older files were moved away)
 *   tenant      directly after it, in order of id, and what we had counted ourselves
 *   entry       counts its tenant's entries on
 *   checkpoint  the head that the chain has, the tenants' root, and a signature that holds under the key
 */
#ifndef CARDMUX_AUDIT_REPLAY_H
#define CARDMUX_AUDIT_REPLAY_H

#include "backend/audit/chain.h"

#define AUDIT_ERROR_TEXT 256u

struct audit_replay {
    /* set before the first line */
    bool signatures; /* check them */
    bool any_key;    /* else `key` must be the log's */
    uint8_t key[AUDIT_POINT];

    /* where it stands */
    bool begun;
    uint8_t log[AUDIT_LOG_ID];
    uint64_t segment, seq, time, first_seq;
    uint8_t head[AUDIT_HASH];
    struct audit_tenant *tenants; /* sorted by id */
    size_t tenant_count, tenant_room;
    uint64_t awaited; /* tenant lines still to come */
    uint64_t entries, checkpoints;
    char vault[AUDIT_VAULT_MAX + 1]; /* of the last checkpoint */
    uint64_t checkpoint_seq;         /* of the last one; 0: none */
    bool card_failed;
    struct audit_line line;       /* the last one taken */
    char error[AUDIT_ERROR_TEXT]; /* a sentence, where a line was refused */

    struct audit_tenant *carried; /* those of the segment before, while the new one's are awaited */
    size_t carried_count;
    struct audit_key *verifier;
};

void audit_replay_init(struct audit_replay *replay);
void audit_replay_free(struct audit_replay *replay);
/* One whole line, with or without its end. False: it does not follow; error says why, and the place has not moved (but
 * for the segment that a refused segment line had begun). */
bool audit_replay_line(struct audit_replay *replay, const char *bytes, size_t len);
/* At the end: false where a segment's tenant lines are missing. */
bool audit_replay_whole(struct audit_replay *replay);

struct audit_tenant *audit_tenant_find(struct audit_tenant *tenants, size_t count, uint32_t id);
/* The tenant, made with n 0 where it is new; NULL: no memory. */
struct audit_tenant *audit_tenant_get(struct audit_tenant **tenants, size_t *count, size_t *room, uint32_t id);

#endif
