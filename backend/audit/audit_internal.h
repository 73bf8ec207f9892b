/* SPDX-License-Identifier: Apache-2.0 */
/* audit_internal.h: shared by the log's own files. */
#ifndef CARDMUX_AUDIT_INTERNAL_H
#define CARDMUX_AUDIT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include "backend/audit/audit.h"
#include "backend/audit/replay.h"

#define SEGMENT_BYTES      (4u << 20)
#define CHECKPOINT_ENTRIES 256u
#define BATCH_LINES        64u
#define BATCH_BYTES        (BATCH_LINES * AUDIT_LINE_MAX)
#define TORN_MAX           BATCH_BYTES /* a crash leaves no more than this unfinished */
#define RESERVE            65536u      /* kept allocated behind the end, for results of acts that were begun */
#define FLOOD_SLOTS        1024u

/* One caller's line on its way to the disk. */
struct request {
    struct audit_line line;
    bool needs_reserve; /* not written unless RESERVE is there behind it */
    bool done;
    enum vault_result result;
    char *text; /* AUDIT_LINE_MAX bytes for the line as written; may be NULL */
    struct request *next;
};

/* How often one (event, tenant, uid) came: flood.c */
struct flood {
    bool used;
    char event[AUDIT_EVENT_MAX + 1];
    char tenant[AUDIT_NAME_MAX + 1];
    uint32_t tenant_id, uid;
    enum audit_by by;
    uint64_t tokens;    /* thousandths of an entry */
    uint64_t filled_ms; /* when they were last counted */
    uint64_t counted;   /* not written one by one */
    uint64_t since_ms;  /* the first of them */
};

/* The end that was kept elsewhere, and whether the log was seen to lead through it. */
struct known {
    uint64_t seq; /* 0: none */
    uint8_t head[AUDIT_HASH];
    bool passed; /* the line of that number was seen */
    bool holds;
    bool card_failed; /* as the lines up to that one tell */
};

struct audit {
    pthread_mutex_t lock; /* everything below but what is the writer's */
    pthread_cond_t moved; /* a request is done, or the writer's place is free */
    struct request *first, **last;
    bool writing; /* somebody writes: he alone touches place, files and sizes, without the lock */

    char dir[4096];
    struct audit_key *key;
    uint8_t point[AUDIT_POINT];
    uint64_t segment_bytes;
    uint32_t checkpoint_entries;
    void (*vault)(void *, char *);
    void (*ended)(void *, uint64_t, const uint8_t *);
    void *arg;
    struct known known;

    /* the writer's */
    struct audit_replay place;
    struct audit_tenant *saved; /* place.tenants before a batch */
    size_t saved_room;
    int fd;
    uint64_t size, reserved; /* durable bytes; allocated up to here */
    uint64_t first_segment;
    char batch[BATCH_BYTES];

    struct audit_state state; /* a copy for audit_look, under the lock */
    _Atomic uint64_t missed, unsigned_entries;
    _Atomic bool failing;
    _Atomic uint64_t retry_ms;  /* when what was missed is to be tried again */
    _Atomic uint64_t missed_ms; /* when what was missed may be told again */
    uint64_t checkpoint_at;     /* seq */

    pthread_mutex_t flood_lock; /* the flood table; never held while the other is */
    struct flood floods[FLOOD_SLOTS];
    _Atomic uint64_t flood_due_ms; /* when the first count is to be written; 0: none */
};

/* log.c. Builds the line that comes next into text and takes it into place; the length, 0: failed. */
size_t line_make(struct audit *audit, struct audit_line *line, char text[AUDIT_LINE_MAX]);
enum vault_result submit(struct audit *audit, struct request *request, char *error);
/* The writer. false: the file is as it was. */
bool checkpoint_append(struct audit *audit);

/* files.c: all as the writer. Sentences as everywhere in error. */
enum vault_result files_open(struct audit *audit, struct audit_found *found, char *error);
enum vault_result segment_new(struct audit *audit, char *error);
/* Bytes to the end of the last file, flushed. On failure the file is as it was. */
bool bytes_append(struct audit *audit, const char *bytes, size_t len, char *error);
bool reserve_make(struct audit *audit, char *error);
void segment_name(uint64_t number, char name[32]);
/* known.c: after each line that replay has taken. */
void known_look(struct known *known, const struct audit_replay *replay);
/* Once file `last` (0: there is none) is taken in as the last: goes back through older ones where it begins behind the
   known end, or has no checkpoint yet. Says in found what is wrong, and what the log says of the vault. */
void known_judge(struct audit *audit, uint64_t last, struct audit_found *found);
/* files.c: the bytes of a file, for free(); NULL: it cannot be read. */
char *segment_load(const struct audit *audit, uint64_t number, size_t *len);

uint64_t audit_now_ms(void); /* monotonic */
/* Puts the sentence into error[VAULT_ERROR_TEXT] (which may be NULL) and returns result. */
enum vault_result audit_fail(char *error, enum vault_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
