/* SPDX-License-Identifier: Apache-2.0 */
/* audit_env.h: an audit log in a directory of its own, and what its tests do over and over. */
#ifndef CARDMUX_TEST_AUDIT_ENV_H
#define CARDMUX_TEST_AUDIT_ENV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/audit/audit.h"
#include "backend/audit/extract.h"

struct log_env {
    char dir[64];
    uint8_t seed[AUDIT_SEED];
    struct audit_config config;
    struct audit_found found;
    char error[VAULT_ERROR_TEXT];
};

static inline void log_start(struct log_env *env)
{
    memset(env, 0, sizeof *env);
    /* in memory where that is there: what a flush costs is not the question here */
    snprintf(env->dir, sizeof env->dir, "%s/cardmux-audit-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    assert_non_null(mkdtemp(env->dir));
    memset(env->seed, 0x37, sizeof env->seed);
    env->config = (struct audit_config){.state_dir = env->dir, .seed = env->seed};
}

static inline void log_end(struct log_env *env)
{
    char path[400];
    DIR *dir = opendir(env->dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%.200s", env->dir, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    closedir(dir);
    assert_int_equal(rmdir(env->dir), 0);
}

static inline struct audit *log_open(struct log_env *env)
{
    struct audit *audit;
    if (audit_open(&env->config, &audit, &env->found, env->error) != VAULT_OK)
        fail_msg("audit_open: %s", env->error);
    return audit;
}

static inline struct audit_entry entry_of(enum audit_event event, uint32_t tenant, const char *target)
{
    struct audit_entry entry = {
        .by = AUDIT_BY_USER, .uid = 1000, .user = "alice", .roles = "operator", .tenant_id = tenant};
    snprintf(entry.event, sizeof entry.event, "%s", audit_event_name(event));
    if (tenant)
        snprintf(entry.tenant, sizeof entry.tenant, "t%u", tenant);
    snprintf(entry.target, sizeof entry.target, "%s", target);
    return entry;
}

static inline uint64_t note(struct audit *audit, enum audit_event event, uint32_t tenant, const char *target)
{
    struct audit_entry entry = entry_of(event, tenant, target);
    char error[VAULT_ERROR_TEXT];
    uint64_t seq;
    if (audit_note(audit, &entry, &seq, error) != VAULT_OK)
        fail_msg("audit_note: %s", error);
    return seq;
}

static inline void segment_path(const struct log_env *env, unsigned number, char path[128])
{
    snprintf(path, 128, "%s/audit-%08u.log", env->dir, number);
}

static inline char *file_read(const char *path, size_t *len)
{
    FILE *file = fopen(path, "re");
    char *bytes = malloc(16 << 20);
    *len = 0;
    if (!file) {
        free(bytes);
        return NULL;
    }
    *len = fread(bytes, 1, 16 << 20, file);
    fclose(file);
    return bytes;
}

static inline void file_write(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* All files, one after the other. */
static inline char *log_text(const struct log_env *env, size_t *len)
{
    char *all = calloc(1, 16 << 20), path[128];
    *len = 0;
    for (unsigned i = 1; i < 1000; i++) {
        size_t n;
        segment_path(env, i, path);
        char *bytes = file_read(path, &n);
        if (!bytes)
            break;
        memcpy(all + *len, bytes, n);
        *len += n;
        free(bytes);
    }
    return all;
}

/* Line of the first that does not hold, from 1; 0: all hold. */
static inline unsigned replay_text(struct audit_replay *replay, const char *text, size_t len)
{
    unsigned line = 0;
    audit_replay_init(replay);
    replay->signatures = true;
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - (text + at)) + 1 : len - at;
        line++;
        if (!audit_replay_line(replay, text + at, n))
            return line;
        at += n;
    }
    return audit_replay_whole(replay) ? 0 : line + 1;
}

static inline void must_hold(const struct log_env *env, uint64_t last_seq)
{
    struct audit_replay replay;
    size_t len;
    char *text = log_text(env, &len);
    unsigned bad = replay_text(&replay, text, len);
    if (bad)
        fail_msg("line %u: %s", bad, replay.error);
    assert_int_equal(replay.seq, last_seq);
    audit_replay_free(&replay);
    free(text);
}

#endif
