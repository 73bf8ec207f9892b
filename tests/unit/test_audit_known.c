/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of the log that was kept elsewhere: a log that leads through it is taken as it is, and one that was written
 * anew, cut, or put back from an older copy is found, though it holds in itself.
 */
#include "tests/unit/audit_env.h"

struct kept {
    uint64_t seq;
    uint8_t head[AUDIT_HASH];
    unsigned times;
};

static void keep(void *arg, uint64_t seq, const uint8_t head[AUDIT_HASH])
{
    struct kept *kept = arg;
    kept->seq = seq;
    kept->times++;
    memcpy(kept->head, head, AUDIT_HASH);
}

static void kept_start(struct log_env *env, struct kept *kept)
{
    log_start(env);
    *kept = (struct kept){0};
    env->config.moved = keep;
    env->config.arg = kept;
}

static void knows(struct log_env *env, const struct kept *kept)
{
    env->config.known_seq = kept->seq;
    memcpy(env->config.known_head, kept->head, AUDIT_HASH);
}

/* Opens with what was kept: is it found altered, with these words? */
static void judged(struct log_env *env, const struct kept *kept, const char *words)
{
    struct kept ours = *kept; /* the opening itself moves nothing */
    knows(env, &ours);
    env->config.arg = &ours;
    struct audit *audit = log_open(env);
    assert_int_equal(ours.times, kept->times);
    if (env->found.altered != (words != NULL))
        fail_msg("altered %d: %s", env->found.altered, env->found.how);
    if (words && !strstr(env->found.how, words))
        fail_msg("%s", env->found.how);
    audit_close(audit);
}

static void entries(struct audit *audit, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        note(audit, AUDIT_KEY_GENERATE, 1 + i % 3, "sm2/1");
}

static void each_end_is_told_once_it_is_there(void **state)
{
    (void)state;
    struct log_env env;
    struct kept kept;
    struct audit_state now;
    kept_start(&env, &kept);
    struct audit *audit = log_open(&env);
    assert_int_equal(kept.times, 0);
    for (unsigned i = 1; i < 30; i++) {
        uint64_t seq = note(audit, AUDIT_TENANT_ADD, i, "");
        audit_look(audit, &now);
        assert_int_equal(kept.seq, seq);
        assert_memory_equal(kept.head, now.head, AUDIT_HASH);
        assert_int_equal(kept.times, i);
    }
    assert_int_equal(audit_checkpoint(audit, NULL, env.error), VAULT_OK);
    assert_int_equal(kept.times, 30);
    audit_close(audit);
    judged(&env, &kept, NULL);
    judged(&env, &(struct kept){.times = kept.times}, NULL); /* where none was kept nothing is asked */
    log_end(&env);
}

/* Known ends at each line of one file, and lines behind it, which are allowed. */
static void each_place_of_one_file(void **state)
{
    (void)state;
    struct log_env env;
    struct kept kept, at[40];
    unsigned count = 0;
    kept_start(&env, &kept);
    struct audit *audit = log_open(&env);
    while (count < 40) {
        entries(audit, 1);
        at[count++] = kept;
    }
    audit_close(audit);
    for (unsigned i = 0; i < count; i++) {
        judged(&env, &at[i], NULL);
        at[i].head[i % AUDIT_HASH] ^= 1;
        judged(&env, &at[i], "are others");
    }
    log_end(&env);
}

static void what_was_cut_is_found(void **state)
{
    (void)state;
    struct log_env env;
    struct kept kept, before;
    char path[128];
    size_t len;
    kept_start(&env, &kept);
    struct audit *audit = log_open(&env);
    entries(audit, 10);
    before = kept;
    entries(audit, 5);
    audit_close(audit);
    segment_path(&env, 1, path);
    char *text = file_read(path, &len);
    for (unsigned i = 0; i < 5; i++) { /* a line less each time */
        do
            len--;
        while (text[len - 1] != '\n');
        file_write(path, text, len);
        judged(&env, &kept, "it ended at number 16, and now does at 1");
        judged(&env, &before, NULL);
    }
    len--; /* and in the middle of one, as a crash would */
    file_write(path, text, len);
    judged(&env, &before, "it ended at number 11, and now does at 10");
    free(text);
    unlink(path);
    judged(&env, &kept, "is gone");
    log_end(&env);
}

/* The files of another log with the same key hold in themselves, and have even signatures. */
static void what_was_written_anew_is_found(void **state)
{
    (void)state;
    for (int more = -3; more <= 3; more += 3) {
        struct log_env env, other;
        struct kept kept, forged;
        char from[128], to[128];
        size_t len;
        kept_start(&env, &kept);
        kept_start(&other, &forged);
        struct audit *audit = log_open(&env);
        entries(audit, 20);
        audit_close(audit);
        audit = log_open(&other);
        entries(audit, (unsigned)(20 + more));
        audit_checkpoint(audit, NULL, NULL);
        audit_close(audit);
        segment_path(&other, 1, from);
        segment_path(&env, 1, to);
        char *text = file_read(from, &len);
        file_write(to, text, len);
        free(text);
        judged(&env, &kept, more < 0 ? "it ended at number 21" : "are others");
        judged(&env, &forged, NULL);
        log_end(&env);
        log_end(&other);
    }
}

/* The known end in an older file: files between are looked through, and must be there and link. */
static void older_files_are_looked_through(void **state)
{
    (void)state;
    struct log_env env;
    struct kept kept, at[4000];
    unsigned count = 0;
    struct audit_state now = {0};
    char path[128], hidden[160];
    size_t len;
    kept_start(&env, &kept);
    env.config.segment_bytes = 8192;
    struct audit *audit = log_open(&env);
    while (now.segment < 5 && count < 4000) {
        entries(audit, 1);
        at[count++] = kept;
        audit_look(audit, &now);
    }
    assert_int_equal(now.segment, 5);
    entries(audit, 3);
    audit_close(audit);
    for (unsigned i = 0; i < count; i++) {
        judged(&env, &at[i], NULL);
        struct kept wrong = at[i];
        wrong.head[7] ^= 1;
        judged(&env, &wrong, "are others");
    }
    /* the end before a file's first line is repeated there: what stands before must be there all the same */
    segment_path(&env, 5, path);
    char *text = file_read(path, &len);
    struct audit_line line;
    assert_true(audit_parse(text, (size_t)((char *)memchr(text, '\n', len) - text), &line));
    kept = (struct kept){.seq = line.seq - 1};
    memcpy(kept.head, line.segment.head, AUDIT_HASH);
    free(text);
    segment_path(&env, 4, path);
    snprintf(hidden, sizeof hidden, "%s.moved", path);
    judged(&env, &kept, NULL);
    assert_int_equal(rename(path, hidden), 0);
    judged(&env, &kept, "are others");
    kept.head[0] ^= 1;
    judged(&env, &kept, "are others");
    kept.seq--; /* in the file that is not there */
    judged(&env, &kept, "are others");
    judged(&env, &at[10], "are others");
    /* there, but a line between is another one */
    text = file_read(hidden, &len);
    char *word = strstr(text, "sm2/1");
    memcpy(word, "sm2/2", 5);
    file_write(path, text, len);
    judged(&env, &at[10], "are others");
    memcpy(word, "sm2/1", 5);
    file_write(path, text, len);
    judged(&env, &at[10], NULL);
    free(text);
    log_end(&env);
}

/* A line as the daemon would make it, which takes no secret: numbered and chained on to (seq, head), which move on. */
static void forge(const char *path, uint64_t *seq, uint8_t head[AUDIT_HASH], struct audit_line *line)
{
    char text[AUDIT_LINE_MAX];
    line->seq = ++*seq;
    line->time = 1;
    size_t len = audit_build_body(line, text);
    if (line->kind == AUDIT_CHECKPOINT)
        len = audit_build_signature(line, text, len);
    assert_true(audit_chain_next(head, text, len, line->chain));
    memcpy(head, line->chain, AUDIT_HASH);
    len = audit_build_end(line, text, len);
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static struct audit_line forged_begin(const struct audit_state *was, uint64_t number, const uint8_t head[AUDIT_HASH])
{
    struct audit_line line = {.kind = AUDIT_SEGMENT, .segment.number = number};
    memcpy(line.segment.log, was->log, AUDIT_LOG_ID);
    memcpy(line.segment.head, head, AUDIT_HASH);
    memcpy(line.segment.key, was->key, AUDIT_POINT);
    return line;
}

/* All of it taken away and one line put in its place, which begins a file behind the end that was kept. */
static void one_forged_line_is_no_log(void **state)
{
    (void)state;
    struct log_env env;
    struct kept kept, forged;
    struct audit_state was;
    char path[128];
    kept_start(&env, &kept);
    struct audit *audit = log_open(&env);
    for (unsigned i = 0; i < 5; i++)
        note(audit, AUDIT_CARD_FAILED, 0, "soft");
    audit_look(audit, &was);
    audit_close(audit);
    judged(&env, &kept, NULL);
    segment_path(&env, 1, path);
    unlink(path);
    forged = kept;
    struct audit_line line = forged_begin(&was, 2, kept.head);
    segment_path(&env, 2, path);
    forge(path, &forged.seq, forged.head, &line);
    judged(&env, &kept, "are others");
    log_end(&env);
}

/* A good test of the card behind the end that was kept: the log holds, but says no more than it did. */
static void a_forged_test_heals_no_card(void **state)
{
    (void)state;
    for (int failed = 0; failed <= 1; failed++) {
        struct log_env env;
        struct kept kept, forged;
        char path[128];
        kept_start(&env, &kept);
        struct audit *audit = log_open(&env);
        note(audit, failed ? AUDIT_CARD_FAILED : AUDIT_SELF_TEST, 0, "soft");
        audit_close(audit);
        judged(&env, &kept, NULL);
        assert_int_equal(env.found.card_failed, failed);
        forged = kept;
        segment_path(&env, 1, path);
        struct audit_line line = {.kind = AUDIT_ENTRY,
                                  .entry = entry_of(failed ? AUDIT_CARD_TEST : AUDIT_CARD_FAILED, 0, "")};
        forge(path, &forged.seq, forged.head, &line);
        judged(&env, &kept, NULL);
        assert_int_equal(env.found.card_failed, failed);
        judged(&env, &forged, NULL); /* had it been kept, it would count */
        assert_int_equal(env.found.card_failed, !failed);
        log_end(&env);
    }
}

/* A file that follows in its chain alone: with another state of the card, more tenants, or a number left out. */
static void the_next_file_follows_in_everything(void **state)
{
    (void)state;
    for (int what = 0; what < 4; what++) {
        struct log_env env;
        struct kept kept, forged;
        struct audit_state was;
        char path[128];
        kept_start(&env, &kept);
        struct audit *audit = log_open(&env);
        note(audit, AUDIT_CARD_FAILED, 0, "soft");
        audit_look(audit, &was);
        audit_checkpoint(audit, NULL, NULL);
        audit_close(audit);
        forged = kept;
        struct audit_line line = forged_begin(&was, what == 3 ? 3 : 2, kept.head);
        line.segment.card_failed = what != 1;
        line.segment.tenants = what == 2;
        segment_path(&env, what == 3 ? 3 : 2, path);
        forge(path, &forged.seq, forged.head, &line);
        if (what == 2) {
            struct audit_line tenant = {.kind = AUDIT_TENANT, .tenant = {.id = 1, .n = 1}};
            forge(path, &forged.seq, forged.head, &tenant);
        }
        judged(&env, &kept, what ? "are others" : NULL);
        assert_int_equal(env.found.card_failed, what != 3);
        log_end(&env);
    }
}

static void vault_says(void *arg, char text[AUDIT_VAULT_MAX + 1])
{
    (void)arg;
    snprintf(text, AUDIT_VAULT_MAX + 1, "9:00");
}

/* Lines behind the end that was kept, without a signature: what the log says of the vault stays what was signed. */
static void only_a_signature_speaks_of_the_vault(void **state)
{
    (void)state;
    enum what { NOTHING, CHECKPOINT, FILE_ALONE, FILE_AND_CHECKPOINT, TWO_FILES, ALL };
    for (enum what what = NOTHING; what < ALL; what++) {
        struct log_env env;
        struct kept kept, forged;
        struct audit_state was;
        char path[128];
        kept_start(&env, &kept);
        env.config.vault = vault_says;
        struct audit *audit = log_open(&env);
        note(audit, AUDIT_SELF_TEST, 0, "");
        audit_checkpoint(audit, NULL, NULL);
        note(audit, AUDIT_SELF_TEST, 0, "");
        audit_look(audit, &was);
        audit_close(audit);
        forged = kept;
        segment_path(&env, 1, path);
        for (unsigned number = 2; what >= FILE_ALONE && number <= (what == TWO_FILES ? 3u : 2u); number++) {
            struct audit_line line = forged_begin(&was, number, forged.head);
            segment_path(&env, number, path);
            forge(path, &forged.seq, forged.head, &line);
        }
        if (what == CHECKPOINT || what == FILE_AND_CHECKPOINT) {
            struct audit_line line = {.kind = AUDIT_CHECKPOINT, .checkpoint.vault = "1:00", .checkpoint.signature = {7}};
            memcpy(line.checkpoint.log, was.log, AUDIT_LOG_ID);
            memcpy(line.checkpoint.head, forged.head, AUDIT_HASH);
            assert_true(audit_root(NULL, 0, line.checkpoint.root));
            forge(path, &forged.seq, forged.head, &line);
        }
        judged(&env, &kept, what == TWO_FILES ? "file 3 has no signed checkpoint" : NULL);
        assert_int_equal(env.found.cut != 0, what == CHECKPOINT || what == FILE_AND_CHECKPOINT);
        assert_string_equal(env.found.vault, what == TWO_FILES ? "" : "9:00");
        log_end(&env);
    }
}

/* A crash after a new file's first lines, before its checkpoint: the file before says it. After damage there is one. */
static void a_file_that_has_just_begun(void **state)
{
    (void)state;
    struct log_env env;
    struct kept kept, end;
    struct audit_state now = {0};
    char path[128];
    size_t len;
    kept_start(&env, &kept);
    env.config.segment_bytes = 8192;
    env.config.vault = vault_says;
    struct audit *audit = log_open(&env);
    while (now.segment < 3) {
        end = kept;
        entries(audit, 1);
        audit_look(audit, &now);
    }
    audit_close(audit);
    segment_path(&env, 3, path);
    char *text = file_read(path, &len), *line = strstr(text, "\"checkpoint\":1");
    assert_non_null(line);
    while (line[-1] != '\n')
        line--;
    file_write(path, text, (size_t)(line - text));
    judged(&env, &end, NULL);
    assert_string_equal(env.found.vault, "9:00");
    text[0] = '?';
    file_write(path, text, len);
    free(text);
    judged(&env, &end, "nothing of its last file can be read");
    assert_true(env.found.damaged);
    env.config.known_seq = 0;
    audit = log_open(&env);
    assert_false(env.found.damaged || env.found.altered);
    assert_string_equal(env.found.vault, "9:00");
    audit_close(audit);
    log_end(&env);
}

/* A last file that does not hold: what holds of it is judged, and the log goes on in a new one. */
static void damage_and_the_known_end(void **state)
{
    (void)state;
    struct log_env env;
    struct kept kept, early;
    char path[128];
    size_t len;
    kept_start(&env, &kept);
    struct audit *audit = log_open(&env);
    entries(audit, 5);
    early = kept;
    entries(audit, 400);
    audit_close(audit);
    segment_path(&env, 1, path);
    char *text = file_read(path, &len);
    text[4000] ^= 1;
    file_write(path, text, len);
    knows(&env, &kept);
    audit = log_open(&env);
    assert_true(env.found.damaged && env.found.altered);
    audit_close(audit);
    segment_path(&env, 2, path);
    unlink(path);
    knows(&env, &early);
    audit = log_open(&env);
    assert_true(env.found.damaged && !env.found.altered);
    audit_close(audit);
    free(text);
    log_end(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_end_is_told_once_it_is_there), cmocka_unit_test(each_place_of_one_file),
        cmocka_unit_test(what_was_cut_is_found),             cmocka_unit_test(what_was_written_anew_is_found),
        cmocka_unit_test(older_files_are_looked_through),    cmocka_unit_test(damage_and_the_known_end),
        cmocka_unit_test(one_forged_line_is_no_log),         cmocka_unit_test(a_forged_test_heals_no_card),
        cmocka_unit_test(the_next_file_follows_in_everything),
        cmocka_unit_test(only_a_signature_speaks_of_the_vault),
        cmocka_unit_test(a_file_that_has_just_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
