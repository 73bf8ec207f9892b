/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c: lines from any thread, one after the other, onto the disk.
 *
 * Whoever has a line queues it. The first one who finds nobody writing becomes the writer: he takes what is queued, up
 * to a batch, gives each line its number and its place in the chains, writes all of it, flushes once, and tells its
 * owners. The others wait. So lines that come together share a flush, and no thread is there for it alone.
 *
 * `place` (replay.h) is both what the next line follows from and the check that what is written can be verified: each
 * line goes through the same function as in `cardmux audit verify`. Where a batch cannot be written, place is put back
 * to where it was before it, since nothing of it stands on the disk.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "backend/audit/audit_internal.h"

#define RETRY_MS 10000u

enum vault_result audit_fail(char *error, enum vault_result result, const char *format, ...)
{
    va_list args;
    if (!error)
        return result;
    va_start(args, format);
    vsnprintf(error, VAULT_ERROR_TEXT, format, args);
    va_end(args);
    return result;
}

uint64_t audit_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- one line ---- */

static bool checkpoint_fill(struct audit *audit, struct audit_checkpoint *c)
{
    const struct audit_replay *place = &audit->place;
    memcpy(c->log, place->log, AUDIT_LOG_ID);
    memcpy(c->head, place->head, AUDIT_HASH);
    c->tenants = place->tenant_count;
    return audit_root(place->tenants, place->tenant_count, c->root);
}

size_t line_make(struct audit *audit, struct audit_line *line, char text[AUDIT_LINE_MAX])
{
    struct audit_replay *place = &audit->place;
    line->seq = place->seq + 1;
    line->time = (uint64_t)time(NULL);
    if (line->kind == AUDIT_ENTRY && line->entry.tenant_id) {
        const struct audit_tenant *t = audit_tenant_find(place->tenants, place->tenant_count, line->entry.tenant_id);
        line->entry.n = t ? t->n + 1 : 1;
    }
    if (line->kind == AUDIT_CHECKPOINT && !checkpoint_fill(audit, &line->checkpoint))
        return 0;
    size_t len = audit_build_body(line, text);
    if (len && line->kind == AUDIT_CHECKPOINT) {
        if (!audit_sign(audit->key, text, len, line->checkpoint.signature))
            return 0;
        len = audit_build_signature(line, text, len);
    }
    if (!len || !audit_chain_next(place->head, text, len, line->chain))
        return 0;
    len = audit_build_end(line, text, len);
    return len && audit_replay_line(place, text, len) ? len : 0;
}

/* ---- batches ---- */

/* What a batch changes in place, so that it can be taken back. */
struct mark {
    struct audit_replay place; /* but for the pointers */
    size_t tenant_count;
    bool ok;
};

static void mark_set(struct audit *audit, struct mark *mark)
{
    struct audit_replay *place = &audit->place;
    mark->place = *place;
    mark->tenant_count = place->tenant_count;
    if (audit->saved_room < place->tenant_room) {
        struct audit_tenant *grown = realloc(audit->saved, place->tenant_room * sizeof *grown);
        mark->ok = grown != NULL;
        if (!grown)
            return;
        audit->saved = grown;
        audit->saved_room = place->tenant_room;
    }
    mark->ok = true;
    if (place->tenant_count)
        memcpy(audit->saved, place->tenants, place->tenant_count * sizeof *audit->saved);
}

/* Only a batch of entries and checkpoints, or a new file's first lines, lies between. */
static void mark_back(struct audit *audit, const struct mark *mark)
{
    struct audit_replay *place = &audit->place, now = *place;
    *place = mark->place;
    place->tenants = now.tenants;
    place->tenant_room = now.tenant_room;
    place->carried = now.carried;
    place->carried_count = now.carried_count;
    place->verifier = now.verifier;
    memcpy(place->error, now.error, sizeof place->error);
    place->tenant_count = 0;
    if (place->tenant_room < mark->tenant_count) { /* a new file had begun an array of its own */
        free(place->tenants);
        place->tenants = audit->saved;
        place->tenant_room = audit->saved_room;
        audit->saved = NULL;
        audit->saved_room = 0;
    } else if (mark->tenant_count) {
        memcpy(place->tenants, audit->saved, mark->tenant_count * sizeof *place->tenants);
    }
    place->tenant_count = mark->tenant_count;
}

/* The writer, without the lock. Requests get their result; done is for the lock's holder to set. */
static void batch_write(struct audit *audit, struct request *batch)
{
    struct mark mark;
    char error[VAULT_ERROR_TEXT] = "no memory for the audit log";
    bool reserved = reserve_make(audit, error), ok;
    size_t used = 0;
    mark_set(audit, &mark);
    ok = mark.ok;
    for (struct request *r = batch; r; r = r->next) {
        r->result = VAULT_IO;
        if (!ok || (r->needs_reserve && !reserved))
            continue;
        size_t len = line_make(audit, &r->line, audit->batch + used);
        if (!len) {
            ok = false;
            snprintf(error, sizeof error, "an entry of the audit log cannot be made: %.180s", audit->place.error);
            continue;
        }
        if (r->text)
            memcpy(r->text, audit->batch + used, len), r->text[len] = '\0';
        r->result = VAULT_OK;
        used += len;
    }
    if (ok && used)
        ok = bytes_append(audit, audit->batch, used, error);
    if (!ok && mark.ok)
        mark_back(audit, &mark);
    audit->failing = !ok || !reserved;
    for (struct request *r = batch; r; r = r->next) {
        r->result = ok ? r->result : VAULT_IO;
        if (r->result != VAULT_OK)
            snprintf(r->line.entry.detail, sizeof r->line.entry.detail, "%s", error); /* to its owner: submit() */
    }
}

static void state_copy(struct audit *audit)
{
    const struct audit_replay *place = &audit->place;
    struct audit_state *state = &audit->state;
    memcpy(state->log, place->log, AUDIT_LOG_ID);
    memcpy(state->key, audit->point, AUDIT_POINT);
    memcpy(state->head, place->head, AUDIT_HASH);
    state->seq = place->seq;
    state->first_segment = audit->first_segment;
    state->segment = place->segment;
    state->card_failed = place->card_failed;
    audit->unsigned_entries = place->seq - audit->checkpoint_at;
    if (place->checkpoint_seq == place->seq)
        audit->checkpoint_at = place->seq, audit->unsigned_entries = 0;
}

bool checkpoint_append(struct audit *audit)
{
    struct audit_line line = {.kind = AUDIT_CHECKPOINT};
    struct mark mark;
    if (audit->vault)
        audit->vault(audit->arg, line.checkpoint.vault);
    mark_set(audit, &mark);
    if (!mark.ok)
        return false;
    size_t len = line_make(audit, &line, audit->batch);
    if (len && bytes_append(audit, audit->batch, len, NULL))
        return true;
    mark_back(audit, &mark);
    return false;
}

/* A file that is full is closed with a checkpoint and followed by another one. Where that fails it goes on growing. The
   new one has a checkpoint too, since at start the last file is to say how old the vault must be at least. */
static void rotate(struct audit *audit)
{
    struct mark mark;
    if (!checkpoint_append(audit))
        return;
    mark_set(audit, &mark);
    if (!mark.ok)
        return;
    if (segment_new(audit, NULL) == VAULT_OK)
        checkpoint_append(audit);
    else
        mark_back(audit, &mark);
}

/* With the lock, and nobody writing. */
static void write_some(struct audit *audit)
{
    struct request *batch = audit->first, **end = &audit->first;
    for (unsigned n = 0; n < BATCH_LINES && *end; n++)
        end = &(*end)->next;
    audit->first = *end;
    *end = NULL;
    if (!audit->first)
        audit->last = &audit->first;
    audit->writing = true;
    pthread_mutex_unlock(&audit->lock);
    batch_write(audit, batch);
    if (audit->size >= audit->segment_bytes)
        rotate(audit);
    if (audit->ended)
        audit->ended(audit->arg, audit->place.seq, audit->place.head);
    pthread_mutex_lock(&audit->lock);
    state_copy(audit);
    audit->writing = false;
    while (batch) { /* once it is done its owner may be gone */
        struct request *next = batch->next;
        batch->done = true;
        batch = next;
    }
    pthread_cond_broadcast(&audit->moved);
}

enum vault_result submit(struct audit *audit, struct request *request, char *error)
{
    request->next = NULL;
    request->done = false;
    pthread_mutex_lock(&audit->lock);
    *audit->last = request;
    audit->last = &request->next;
    while (!request->done) {
        if (audit->writing)
            pthread_cond_wait(&audit->moved, &audit->lock);
        else
            write_some(audit);
    }
    pthread_mutex_unlock(&audit->lock);
    if (request->result != VAULT_OK)
        return audit_fail(error, request->result, "%s",
                          request->line.kind == AUDIT_ENTRY ? request->line.entry.detail
                                                            : "the audit log cannot be written: make room for it");
    if (error)
        error[0] = '\0';
    return VAULT_OK;
}

/* ---- what others call ---- */

enum vault_result audit_note(struct audit *audit, struct audit_entry *entry, uint64_t *seq, char *error)
{
    struct request request = {.line.kind = AUDIT_ENTRY, .line.entry = *entry};
    struct audit_entry *e = &request.line.entry;
    audit_text(e->user, sizeof e->user, entry->user);
    audit_text(e->roles, sizeof e->roles, entry->roles);
    audit_text(e->tenant, sizeof e->tenant, entry->tenant);
    audit_text(e->target, sizeof e->target, entry->target);
    audit_text(e->detail, sizeof e->detail, entry->detail);
    request.needs_reserve = e->result == AUDIT_BEGUN || (e->by == AUDIT_BY_TENANT && !e->of);
    enum vault_result result = submit(audit, &request, error);
    if (result == VAULT_OK)
        entry->n = e->n;
    if (seq)
        *seq = result == VAULT_OK ? request.line.seq : 0;
    return result;
}

void audit_tell(struct audit *audit, struct audit_entry *entry)
{
    if (audit_note(audit, entry, NULL, NULL) != VAULT_OK)
        atomic_fetch_add(&audit->missed, 1);
}

enum vault_result audit_checkpoint(struct audit *audit, char line[AUDIT_LINE_MAX], char *error)
{
    char text[AUDIT_LINE_MAX];
    struct request request = {.line.kind = AUDIT_CHECKPOINT, .text = text};
    if (audit->vault)
        audit->vault(audit->arg, request.line.checkpoint.vault);
    enum vault_result result = submit(audit, &request, error);
    if (result == VAULT_OK && line)
        memcpy(line, text, AUDIT_LINE_MAX);
    if (result != VAULT_OK)
        audit->retry_ms = audit_now_ms() + RETRY_MS;
    return result;
}

void audit_look(struct audit *audit, struct audit_state *state)
{
    pthread_mutex_lock(&audit->lock);
    *state = audit->state;
    pthread_mutex_unlock(&audit->lock);
    state->missed = audit->missed;
    state->unsigned_entries = audit->unsigned_entries;
    state->failing = audit->failing;
}

void audit_close(struct audit *audit)
{
    if (!audit)
        return;
    if (audit->fd >= 0)
        close(audit->fd);
    audit_replay_free(&audit->place);
    audit_key_free(audit->key);
    free(audit->saved);
    pthread_mutex_destroy(&audit->lock);
    pthread_mutex_destroy(&audit->flood_lock);
    pthread_cond_destroy(&audit->moved);
    free(audit);
}

enum vault_result audit_open(const struct audit_config *config, struct audit **out, struct audit_found *found,
                             char *error)
{
    struct audit *audit = calloc(1, sizeof *audit);
    *out = NULL;
    *found = (struct audit_found){0};
    if (!audit)
        return audit_fail(error, VAULT_IO, "no memory for the audit log");
    pthread_mutex_init(&audit->lock, NULL);
    pthread_mutex_init(&audit->flood_lock, NULL);
    pthread_cond_init(&audit->moved, NULL);
    audit->last = &audit->first;
    audit->fd = -1;
    audit->segment_bytes = config->segment_bytes ? config->segment_bytes : SEGMENT_BYTES;
    audit->checkpoint_entries = config->checkpoint_entries ? config->checkpoint_entries : CHECKPOINT_ENTRIES;
    audit->vault = config->vault;
    audit->ended = config->moved;
    audit->arg = config->arg;
    audit->known = (struct known){.seq = config->known_seq};
    memcpy(audit->known.head, config->known_head, AUDIT_HASH);
    audit_replay_init(&audit->place);
    snprintf(audit->dir, sizeof audit->dir, "%s", config->state_dir);
    audit->key = audit_key_new(config->seed);
    enum vault_result result = VAULT_IO;
    if (!audit->key) {
        audit_fail(error, VAULT_IO, "libcrypto made no key for the audit log");
    } else {
        audit_key_point(audit->key, audit->point);
        result = files_open(audit, found, error);
    }
    if (result != VAULT_OK) {
        audit_close(audit);
        return result;
    }
    audit->checkpoint_at = audit->place.checkpoint_seq;
    state_copy(audit);
    if (error)
        error[0] = '\0';
    *out = audit;
    return VAULT_OK;
}
