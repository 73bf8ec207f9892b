/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extract.h: a tenant's part of the log, made and verified. It is text: the line of part.c, the tenant's entries as
 * they stand in the log, and the checkpoint that covers them. Whoever has it and knows the log's public key can tell
 * that these are all of the tenant's entries up to the checkpoint (from the first one that the log still had),
 * unaltered.
 */
#ifndef CARDMUX_AUDIT_EXTRACT_H
#define CARDMUX_AUDIT_EXTRACT_H

#include "backend/audit/replay.h"

struct audit_extract {
    struct audit_replay replay; /* signatures are checked on the way */
    char name[AUDIT_NAME_MAX + 1];
    uint32_t id; /* 0: not met yet */
    struct audit_part part;
    char *lines;
    size_t len, room;
    size_t covered; /* bytes of lines that the last checkpoint covers */
    char checkpoint[AUDIT_LINE_MAX];
    size_t checkpoint_len;
};

/* A name may have been given again after its tenant was removed: the last one of that name counts. */
void audit_extract_init(struct audit_extract *extract, const char *name);
void audit_extract_free(struct audit_extract *extract);
/* Lines of the whole log in order. False: replay.error says why. */
bool audit_extract_line(struct audit_extract *extract, const char *bytes, size_t len);
/* The part, to be freed by the caller; NULL: replay.error says why. */
char *audit_extract_text(struct audit_extract *extract, size_t *len);

struct audit_part_result {
    struct audit_part part;
    char tenant[AUDIT_NAME_MAX + 1]; /* of its last entry */
    uint64_t entries;
    struct audit_line checkpoint;
    uint64_t line; /* where it failed, from 1 */
    char error[AUDIT_ERROR_TEXT];
};

/* key NULL: the one that the part names, which the caller must then compare by himself. */
bool audit_part_verify(const char *text, size_t len, const uint8_t *key, struct audit_part_result *result);

#endif
