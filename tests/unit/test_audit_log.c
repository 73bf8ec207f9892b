/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log as files: what was acknowledged stays, whatever happens to the process or to the last bytes; full
 * disks, many threads, several files, floods.
 */
#include "tests/unit/audit_env.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "backend/audit/audit_internal.h" /* FLOOD_SLOTS */

static void it_goes_on_after_a_restart(void **state)
{
    (void)state;
    struct log_env env;
    log_start(&env);
    struct audit *audit = log_open(&env);
    assert_true(env.found.made);
    note(audit, AUDIT_TENANT_ADD, 1, "");
    audit_close(audit);
    audit = log_open(&env);
    assert_false(env.found.made || env.found.damaged || env.found.cut);
    struct audit_entry entry = entry_of(AUDIT_KEY_GENERATE, 1, "kek/4");
    assert_int_equal(audit_note(audit, &entry, NULL, env.error), VAULT_OK);
    assert_int_equal(entry.n, 2);
    audit_close(audit);
    must_hold(&env, 3);
    /* another vault's key cannot continue it */
    env.seed[0] ^= 1;
    audit = log_open(&env);
    assert_true(env.found.damaged);
    audit_close(audit);
    log_end(&env);
}

/* The file ends at any byte: every whole line stays, the rest is cut, kept and told. */
static void each_torn_tail_is_repaired(void **state)
{
    (void)state;
    struct log_env env;
    char path[128];
    size_t len;
    log_start(&env);
    struct audit *audit = log_open(&env);
    for (uint32_t i = 1; i <= 4; i++)
        note(audit, AUDIT_TENANT_ADD, i, "");
    audit_close(audit);
    segment_path(&env, 1, path);
    char *text = file_read(path, &len);
    size_t first = (size_t)((char *)memchr(text, '\n', len) - text) + 1;
    for (size_t end = first; end <= len; end += end % 5 + 1) {
        unsigned lines = 0;
        size_t whole = 0;
        for (size_t i = 0; i < end; i++)
            if (text[i] == '\n')
                lines++, whole = i + 1;
        file_write(path, text, end);
        audit = log_open(&env);
        assert_int_equal(env.found.cut, end - whole);
        assert_false(env.found.damaged);
        note(audit, AUDIT_KEY_GENERATE, 1, "sm2/1");
        audit_close(audit);
        must_hold(&env, lines + 1);
        snprintf(path, sizeof path, "%s/audit-torn-%u", env.dir, lines);
        if (end > whole) {
            size_t kept_len;
            char *kept = file_read(path, &kept_len);
            assert_non_null(kept);
            free(kept);
            unlink(path);
        }
        segment_path(&env, 1, path);
    }
    /* garbage behind the end, as pages that came out of order */
    char *junk = calloc(1, len + 3000);
    memcpy(junk, text, len);
    memcpy(junk + len + 1000, text + first, 200);
    file_write(path, junk, len + 3000);
    audit = log_open(&env);
    assert_int_equal(env.found.cut, 3000);
    audit_close(audit);
    must_hold(&env, 5);
    free(junk);
    free(text);
    log_end(&env);
}

static void damage_is_left_as_it_is(void **state)
{
    (void)state;
    struct log_env env;
    char path[128];
    size_t len, again;
    log_start(&env);
    struct audit *audit = log_open(&env);
    for (unsigned i = 0; i < 400; i++)
        note(audit, AUDIT_KEY_GENERATE, 1 + i % 3, "sm2/1");
    audit_close(audit);
    segment_path(&env, 1, path);
    char *text = file_read(path, &len);
    text[2000] ^= 1;
    file_write(path, text, len);
    audit = log_open(&env);
    assert_true(env.found.damaged);
    assert_non_null(strstr(env.found.why, "audit-00000001.log"));
    struct audit_state now;
    audit_look(audit, &now);
    assert_int_equal(now.segment, 2);
    note(audit, AUDIT_KEY_DESTROY, 1, "sm2/1");
    audit_close(audit);
    char *kept = file_read(path, &again);
    assert_int_equal(again, len);
    assert_memory_equal(kept, text, len);
    struct audit_replay replay;
    char *all = log_text(&env, &len);
    assert_int_not_equal(replay_text(&replay, all, len), 0);
    audit_replay_free(&replay);
    audit = log_open(&env); /* the new file is the last one, and good */
    assert_false(env.found.damaged);
    audit_close(audit);
    free(all);
    free(kept);
    free(text);
    log_end(&env);
}

static void files_follow_each_other(void **state)
{
    (void)state;
    struct log_env env;
    log_start(&env);
    env.config.segment_bytes = 4096;
    struct audit *audit = log_open(&env);
    struct audit_state now;
    for (uint32_t i = 0; i < 120; i++) {
        note(audit, i == 50 ? AUDIT_TENANT_REMOVE : AUDIT_KEY_GENERATE, 1 + i % 7, "sm2/1");
        if (i % 40 == 7) {
            audit_close(audit);
            audit = log_open(&env);
        }
    }
    struct audit_entry failed = {.event = "card-failed"};
    assert_int_equal(audit_note(audit, &failed, NULL, env.error), VAULT_OK);
    for (uint32_t i = 0; i < 20; i++)
        note(audit, AUDIT_SETTING, 0, "");
    audit_look(audit, &now);
    assert_true(now.segment > 8 && now.card_failed);
    audit_close(audit);
    must_hold(&env, now.seq);
    audit = log_open(&env); /* what a file's first line carries over */
    audit_look(audit, &now);
    assert_true(now.card_failed);
    audit_close(audit);
    /* without its first files it can still be verified, from there on; without one between, not */
    char path[128];
    struct audit_replay replay;
    size_t len, n;
    char *all = log_text(&env, &len);
    segment_path(&env, 1, path);
    free(file_read(path, &n));
    assert_int_equal(replay_text(&replay, all + n, len - n), 0);
    assert_true(replay.first_seq > 1);
    audit_replay_free(&replay);
    segment_path(&env, 2, path);
    size_t second = 0;
    free(file_read(path, &second));
    memmove(all + n, all + n + second, len - n - second);
    assert_int_not_equal(replay_text(&replay, all, len - second), 0);
    assert_non_null(strstr(replay.error, "comes after"));
    audit_replay_free(&replay);
    free(all);
    log_end(&env);
}

struct many {
    struct audit *audit;
    uint32_t tenant;
};

static void *note_many(void *arg)
{
    struct many *many = arg;
    for (unsigned i = 0; i < 50; i++)
        note(many->audit, AUDIT_KEY_GENERATE, many->tenant, "sm2/1");
    return NULL;
}

static void many_threads_share(void **state)
{
    (void)state;
    struct log_env env;
    pthread_t threads[8];
    struct many many[8];
    log_start(&env);
    env.config.segment_bytes = 30000;
    struct audit *audit = log_open(&env);
    for (uint32_t i = 0; i < 8; i++) {
        many[i] = (struct many){audit, i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, note_many, &many[i]), 0);
    }
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(audit_checkpoint(audit, NULL, env.error), VAULT_OK);
    for (unsigned i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    struct audit_state now;
    audit_look(audit, &now);
    audit_close(audit);
    must_hold(&env, now.seq);
    log_end(&env);
}

/* A child notes and says each number when it is acknowledged; it is killed, again and again. */
static void acknowledged_entries_survive_kills(void **state)
{
    (void)state;
    struct log_env env;
    uint64_t last = 0;
    log_start(&env);
    env.config.segment_bytes = 8000;
    for (unsigned round = 0; round < 25; round++) {
        int pipe_fds[2];
        uint64_t seq;
        assert_int_equal(pipe(pipe_fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
            struct audit *audit;
            if (audit_open(&env.config, &audit, &env.found, env.error) != VAULT_OK)
                _exit(1);
            for (;;) {
                struct audit_entry entry = entry_of(AUDIT_KEY_GENERATE, 1 + round % 3, "sm2/1");
                if (audit_note(audit, &entry, &seq, NULL) != VAULT_OK ||
                    write(pipe_fds[1], &seq, sizeof seq) != sizeof seq)
                    _exit(2);
            }
        }
        close(pipe_fds[1]);
        for (unsigned i = 0; i < 3 + round && read(pipe_fds[0], &seq, sizeof seq) == sizeof seq; i++)
            last = seq;
        kill(pid, SIGKILL);
        while (read(pipe_fds[0], &seq, sizeof seq) == sizeof seq)
            last = seq;
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        close(pipe_fds[0]);
    }
    struct audit *audit = log_open(&env);
    struct audit_state now;
    audit_look(audit, &now);
    assert_true(now.seq >= last && !env.found.damaged);
    audit_close(audit);
    must_hold(&env, now.seq);
    log_end(&env);
}

/* RLIMIT_FSIZE plays the full disk: neither more bytes nor a reservation. */
static void a_full_disk_refuses_acts_and_loses_none(void **state)
{
    (void)state;
    struct log_env env;
    struct rlimit was, now;
    char path[128], error[VAULT_ERROR_TEXT];
    struct stat is;
    log_start(&env);
    struct audit *audit = log_open(&env);
    struct audit_entry begun = entry_of(AUDIT_KEY_GENERATE, 1, "sm2/1"), end = begun, event = begun;
    begun.result = AUDIT_BEGUN;
    uint64_t first, seq;
    assert_int_equal(audit_note(audit, &begun, &first, error), VAULT_OK);
    signal(SIGXFSZ, SIG_IGN);
    segment_path(&env, 1, path);
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    now = was;
    now.rlim_cur = (rlim_t)is.st_size + 60000; /* the room that was reserved is partly there */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    end.of = first;
    assert_int_equal(audit_note(audit, &end, &seq, error), VAULT_OK); /* what was begun can be ended */
    now.rlim_cur = (rlim_t)is.st_size + 100;                          /* not even that */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    assert_int_equal(audit_note(audit, &begun, NULL, error), VAULT_IO);
    assert_non_null(strstr(error, "audit log"));
    event.by = AUDIT_BY_DAEMON;
    for (unsigned i = 0; i < 5; i++)
        audit_tell(audit, &event);
    struct audit_state state_now;
    audit_look(audit, &state_now);
    assert_true(state_now.failing && state_now.missed == 5);
    assert_int_equal(state_now.seq, seq);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(audit_note(audit, &begun, NULL, error), VAULT_OK); /* room again: it goes on by itself */
    audit_flush(audit, true);
    audit_look(audit, &state_now);
    assert_true(!state_now.failing && state_now.missed == 0);
    audit_close(audit);
    must_hold(&env, seq + 2);
    size_t len;
    char *text = log_text(&env, &len);
    assert_non_null(strstr(text, "\"log-missed\""));
    assert_non_null(strstr(text, "count=5"));
    free(text);
    log_end(&env);
}

static unsigned count_of(const char *text, const char *words)
{
    unsigned n = 0;
    for (; (text = strstr(text, words)); text++)
        n++;
    return n;
}

static void floods_are_counted(void **state)
{
    (void)state;
    struct log_env env;
    log_start(&env);
    struct audit *audit = log_open(&env);
    for (unsigned i = 0; i < 10000; i++) {
        struct audit_entry entry = entry_of(AUDIT_CODE_FAILED, 1 + i % 2, "sm2/1");
        entry.by = AUDIT_BY_TENANT;
        audit_tell_often(audit, &entry);
    }
    audit_flush(audit, true);
    audit_close(audit);
    size_t len;
    char *text = log_text(&env, &len);
    unsigned one_by_one = count_of(text, "\"event\":\"code-failed\"");
    assert_true(one_by_one >= 16 && one_by_one < 100); /* 8 each at once; more only where this took tens of seconds */
    unsigned long counted = 0;
    for (char *at = text; (at = strstr(at, "count=")); at += 6)
        counted += strtoul(at + 6, NULL, 10);
    assert_int_equal(one_by_one + counted, 10000); /* nothing is lost */
    free(text);
    log_end(&env);
}

/* Two that share a place in the table, in turn: an entry costs a token all the same, and no count is lost. */
static void floods_share_places(void **state)
{
    (void)state;
    struct log_env env;
    log_start(&env);
    struct audit *audit = log_open(&env);
    for (unsigned i = 0; i < 5000; i++) {
        struct audit_entry entry = entry_of(AUDIT_CODE_FAILED, 1 + i % 2 * FLOOD_SLOTS, "sm2/1");
        entry.by = AUDIT_BY_TENANT;
        audit_tell_often(audit, &entry);
    }
    audit_flush(audit, true);
    audit_close(audit);
    size_t len;
    char *text = log_text(&env, &len);
    unsigned lines = count_of(text, "\"event\":\"code-failed\""), told = count_of(text, "\"event\":\"log-");
    assert_true(lines + told >= 9 && lines + told < 100); /* more only where this took minutes */
    unsigned long counted = 0;
    for (char *at = text; (at = strstr(at, "count=")); at += 6)
        counted += strtoul(at + 6, NULL, 10);
    assert_int_equal(lines + counted, 5000);
    free(text);
    log_end(&env);
}

static void vault_says(void *arg, char text[AUDIT_VAULT_MAX + 1])
{
    snprintf(text, AUDIT_VAULT_MAX + 1, "%u:00", *(unsigned *)arg);
}

/* Also a file that has just begun knows how old the vault must be at least. */
static void each_file_knows_the_vault(void **state)
{
    (void)state;
    struct log_env env;
    struct audit_state now;
    unsigned version = 1;
    uint64_t was = 1;
    char want[16];
    log_start(&env);
    env.config.segment_bytes = 4096;
    env.config.vault = vault_says;
    env.config.arg = &version;
    for (; version < 60; version++) {
        struct audit *audit = log_open(&env);
        note(audit, AUDIT_SETTING, 0, "");
        audit_look(audit, &now);
        audit_close(audit);
        if (now.segment == was)
            continue;
        was = now.segment;
        audit = log_open(&env);
        snprintf(want, sizeof want, "%u:00", version);
        assert_string_equal(env.found.vault, want);
        audit_close(audit);
    }
    assert_true(now.segment > 3);
    must_hold(&env, now.seq);
    log_end(&env);
}

static void reading_gives_what_is_acknowledged(void **state)
{
    (void)state;
    struct log_env env;
    char bytes[256], all[8192];
    size_t n, len = 0, want;
    log_start(&env);
    struct audit *audit = log_open(&env);
    note(audit, AUDIT_TENANT_ADD, 1, "");
    note(audit, AUDIT_TENANT_ADD, 2, "");
    for (;;) {
        assert_int_equal(audit_read(audit, 1, len, bytes, sizeof bytes, &n, env.error), VAULT_OK);
        if (!n)
            break;
        memcpy(all + len, bytes, n);
        len += n;
    }
    char *text = log_text(&env, &want);
    assert_int_equal(len, want);
    assert_memory_equal(all, text, len);
    assert_int_equal(audit_read(audit, 2, 0, bytes, sizeof bytes, &n, env.error), VAULT_NOT_FOUND);
    assert_int_equal(audit_read(audit, 0, 0, bytes, sizeof bytes, &n, env.error), VAULT_NOT_FOUND);
    assert_int_equal(audit_read(audit, 1, 1u << 30, bytes, sizeof bytes, &n, env.error), VAULT_OK);
    assert_int_equal(n, 0);
    free(text);
    audit_close(audit);
    log_end(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_on_after_a_restart),
        cmocka_unit_test(each_torn_tail_is_repaired),
        cmocka_unit_test(damage_is_left_as_it_is),
        cmocka_unit_test(files_follow_each_other),
        cmocka_unit_test(many_threads_share),
        cmocka_unit_test(acknowledged_entries_survive_kills),
        cmocka_unit_test(a_full_disk_refuses_acts_and_loses_none),
        cmocka_unit_test(floods_are_counted),
        cmocka_unit_test(floods_share_places),
        cmocka_unit_test(each_file_knows_the_vault),
        cmocka_unit_test(reading_gives_what_is_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
