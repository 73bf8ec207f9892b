/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log as a chain: its lines, the tenants' chains and proofs, checkpoints, and that each change is found. */
#include "tests/unit/audit_env.h"
#include "backend/audit/cursor.h"

static void lines_have_one_form(void **state)
{
    (void)state;
    struct audit_line line = {.kind = AUDIT_ENTRY,
                              .seq = 7,
                              .time = 1700000000,
                              .entry = entry_of(AUDIT_KEY_GENERATE, 3, "sm2/1")},
                      again;
    char text[AUDIT_LINE_MAX];
    line.entry.n = 2;
    line.entry.result = AUDIT_BEGUN;
    memset(line.chain, 0xc1, sizeof line.chain);
    strcpy(line.entry.detail, "bad \"\\\n");
    size_t len = audit_build_end(&line, text, audit_build_body(&line, text));
    assert_non_null(strstr(text, "\"detail\":\"bad ???\",\"chain\":\"c1c1"));
    assert_true(audit_parse(text, len, &again));
    assert_int_equal(again.entry.result, AUDIT_BEGUN);
    assert_string_equal(again.entry.tenant, "t3");
    assert_int_equal(again.body_len, line.body_len);
    /* what differs in any byte, or is longer or shorter, either is another line or none */
    for (size_t i = 0; i < len - 1; i++) {
        char changed[AUDIT_LINE_MAX], built[AUDIT_LINE_MAX];
        memcpy(changed, text, len);
        changed[i] ^= 1;
        if (!audit_parse(changed, len, &again))
            continue;
        size_t n = audit_build_end(&again, built, audit_build_body(&again, built));
        assert_int_equal(n, len);
        assert_memory_equal(built, changed, len);
        assert_false(audit_parse(changed, i, &again));
    }
}

static void longest_texts_fit(void **state)
{
    (void)state;
    struct audit_line line = {.kind = AUDIT_ENTRY, .seq = UINT64_MAX, .time = UINT64_MAX}, again;
    struct audit_entry *e = &line.entry;
    char text[AUDIT_LINE_MAX];
    memset(e->event, 'e', AUDIT_EVENT_MAX);
    memset(e->user, 'u', AUDIT_NAME_MAX);
    memset(e->roles, 'r', AUDIT_ROLES_MAX);
    memset(e->tenant, 't', AUDIT_NAME_MAX);
    memset(e->target, 'g', AUDIT_TARGET_MAX);
    memset(e->detail, 'd', AUDIT_DETAIL_MAX);
    e->uid = e->tenant_id = UINT32_MAX;
    e->n = UINT64_MAX;
    e->of = UINT64_MAX - 1;
    e->by = AUDIT_BY_TENANT;
    e->result = AUDIT_REFUSED;
    size_t len = audit_build_body(&line, text);
    assert_true(len > 0);
    len = audit_build_end(&line, text, len);
    assert_true(len > 0 && audit_parse(text, len, &again));
    assert_memory_equal(&again.entry, e, sizeof *e);
}

/* Every tree of up to 40 tenants, every leaf of it; one bit anywhere and it does not hold. */
static void paths_lead_to_the_root(void **state)
{
    (void)state;
    struct audit_tenant tenants[40];
    uint8_t root[AUDIT_HASH], path[AUDIT_PATH_MAX][AUDIT_HASH];
    for (uint32_t i = 0; i < 40; i++) {
        tenants[i] = (struct audit_tenant){.id = i * 3 + 1, .n = i + 5};
        memset(tenants[i].head, (int)i, AUDIT_HASH);
    }
    for (size_t count = 1; count <= 40; count++) {
        assert_true(audit_root(tenants, count, root));
        for (size_t i = 0; i < count; i++) {
            unsigned len;
            struct audit_tenant other = tenants[i];
            assert_true(audit_path(tenants, count, i, path, &len));
            assert_true(audit_path_holds(&tenants[i], i, count, (const uint8_t(*)[AUDIT_HASH])path, len, root));
            other.n++;
            assert_false(audit_path_holds(&other, i, count, (const uint8_t(*)[AUDIT_HASH])path, len, root));
            if (count > 1)
                assert_false(audit_path_holds(&tenants[i], (i + 1) % count, count, (const uint8_t(*)[AUDIT_HASH])path,
                                              len, root));
            if (len) {
                path[len / 2][5] ^= 4;
                assert_false(audit_path_holds(&tenants[i], i, count, (const uint8_t(*)[AUDIT_HASH])path, len, root));
                assert_false(
                    audit_path_holds(&tenants[i], i, count, (const uint8_t(*)[AUDIT_HASH])path, len - 1, root));
            }
        }
    }
    assert_true(audit_root(tenants, 0, root));
}

static void signatures_hold(void **state)
{
    (void)state;
    uint8_t seed[AUDIT_SEED] = {1}, point[AUDIT_POINT], signature[AUDIT_SIGNATURE], again[AUDIT_POINT];
    struct audit_key *key = audit_key_new(seed), *same = audit_key_new(seed), *open, *other;
    assert_non_null(key);
    audit_key_point(key, point);
    audit_key_point(same, again);
    assert_memory_equal(point, again, sizeof point);
    seed[31] = 1;
    other = audit_key_new(seed);
    open = audit_key_public(point);
    assert_non_null(open);
    assert_true(audit_sign(key, "abc", 3, signature));
    assert_true(audit_signature_holds(open, "abc", 3, signature));
    assert_false(audit_signature_holds(open, "abd", 3, signature));
    assert_false(audit_signature_holds(other, "abc", 3, signature));
    assert_false(audit_sign(open, "abc", 3, again)); /* no private part in it */
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] ^= 0x10;
        assert_false(audit_signature_holds(open, "abc", 3, signature));
        signature[i] ^= 0x10;
    }
    memset(signature, 0, sizeof signature);
    assert_false(audit_signature_holds(open, "abc", 3, signature));
    point[0] ^= 1;
    assert_null(audit_key_public(point));
    audit_key_free(key), audit_key_free(same), audit_key_free(open), audit_key_free(other);
}

/* A small log with three tenants and two checkpoints. */
static uint64_t small_log(struct log_env *env)
{
    struct audit *audit = log_open(env);
    note(audit, AUDIT_DAEMON_START, 0, "");
    for (uint32_t t = 1; t <= 3; t++)
        note(audit, AUDIT_TENANT_ADD, t, "");
    note(audit, AUDIT_KEY_GENERATE, 2, "sm2/1");
    assert_int_equal(audit_checkpoint(audit, NULL, env->error), VAULT_OK);
    note(audit, AUDIT_KEY_DESTROY, 2, "sm2/1");
    note(audit, AUDIT_TENANT_REMOVE, 3, "");
    assert_int_equal(audit_checkpoint(audit, NULL, env->error), VAULT_OK);
    struct audit_state now;
    audit_look(audit, &now);
    assert_int_equal(now.unsigned_entries, 0);
    audit_close(audit);
    return now.seq;
}

static void each_changed_byte_is_found(void **state)
{
    (void)state;
    struct log_env env;
    struct audit_replay replay;
    size_t len;
    log_start(&env);
    must_hold(&env, small_log(&env));
    char *text = log_text(&env, &len);
    for (size_t i = 0; i < len; i++) {
        unsigned line = 1;
        for (size_t k = 0; k < i; k++)
            line += text[k] == '\n';
        text[i] ^= (char)(1 + i % 7);
        unsigned bad = replay_text(&replay, text, len);
        audit_replay_free(&replay);
        if (bad != line)
            fail_msg("byte %zu of line %u: line %u is blamed", i, line, bad);
        text[i] ^= (char)(1 + i % 7);
    }
    free(text);
    log_end(&env);
}

/* Chains the lines of a text anew, as somebody without the key would; the text keeps its length. */
static void chain_anew(char *text, size_t len)
{
    uint8_t head[AUDIT_HASH] = {0};
    for (size_t at = 0; at < len;) {
        struct audit_line line;
        size_t n = (size_t)((char *)memchr(text + at, '\n', len - at) - (text + at)) + 1;
        assert_true(audit_parse(text + at, n, &line));
        if (line.kind == AUDIT_CHECKPOINT) { /* its head is somewhere in the body */
            char *place = strstr(text + at, "\"head\":\"") + 8;
            struct writer w = {.at = place, .end = place + 64};
            char kept = place[64];
            put_hex(&w, head, AUDIT_HASH);
            place[64] = kept;
        }
        assert_true(audit_chain_next(head, text + at, line.body_len, head));
        char *place = text + at + line.body_len + strlen(",\"chain\":\"");
        struct writer w = {.at = place, .end = place + 64};
        put_hex(&w, head, AUDIT_HASH);
        place[64] = '"';
        at += n;
    }
}

static void a_log_chained_anew_lacks_the_signature(void **state)
{
    (void)state;
    struct log_env env;
    struct audit_replay replay;
    size_t len;
    log_start(&env);
    small_log(&env);
    char *text = log_text(&env, &len);
    chain_anew(text, len); /* nothing changed: all holds */
    assert_int_equal(replay_text(&replay, text, len), 0);
    audit_replay_free(&replay);
    char *alice = strstr(strstr(text, "key-generate"), "alice");
    memcpy(alice, "mallo", 5);
    chain_anew(text, len);
    unsigned bad = replay_text(&replay, text, len);
    assert_int_equal(replay.line.kind, AUDIT_ENTRY);
    assert_non_null(strstr(replay.error, "checkpoint"));
    assert_true(bad > 0);
    audit_replay_free(&replay);
    free(text);
    log_end(&env);
}

/* What can be done to whole lines: leave out, double, swap, cut from the front. */
static void moved_lines_are_found(void **state)
{
    (void)state;
    struct log_env env;
    struct audit_replay replay;
    size_t len, starts[64], count = 0;
    log_start(&env);
    small_log(&env);
    char *text = log_text(&env, &len), *changed = malloc(2 * len);
    for (size_t at = 0; at < len; at = (size_t)((char *)memchr(text + at, '\n', len - at) - text) + 1)
        starts[count++] = at;
    starts[count] = len;
    for (size_t i = 0; i + 1 < count; i++) { /* the last line alone may go: nobody can know */
        memcpy(changed, text, starts[i]);
        memcpy(changed + starts[i], text + starts[i + 1], len - starts[i + 1]);
        assert_int_not_equal(replay_text(&replay, changed, len - (starts[i + 1] - starts[i])), 0);
        audit_replay_free(&replay);
        memcpy(changed, text, starts[i + 1]);
        memcpy(changed + starts[i + 1], text + starts[i], len - starts[i]);
        assert_int_equal(replay_text(&replay, changed, len + starts[i + 1] - starts[i]), i + 2);
        audit_replay_free(&replay);
    }
    assert_int_equal(replay_text(&replay, text, starts[count - 1]), 0);
    audit_replay_free(&replay);
    free(text);
    free(changed);
    log_end(&env);
}

/* ---- a tenant's part ---- */

static char *part_of(struct log_env *env, const char *name, size_t *part_len, char error[AUDIT_ERROR_TEXT])
{
    struct audit_extract extract;
    size_t len;
    char *text = log_text(env, &len), *part;
    audit_extract_init(&extract, name);
    for (size_t at = 0; at < len;) {
        size_t n = (size_t)((char *)memchr(text + at, '\n', len - at) - (text + at)) + 1;
        if (!audit_extract_line(&extract, text + at, n))
            fail_msg("%s", extract.replay.error);
        at += n;
    }
    part = audit_extract_text(&extract, part_len);
    memcpy(error, extract.replay.error, AUDIT_ERROR_TEXT);
    audit_extract_free(&extract);
    free(text);
    return part;
}

static void a_part_stands_alone(void **state)
{
    (void)state;
    struct log_env env;
    struct audit_part_result result;
    char error[AUDIT_ERROR_TEXT];
    size_t len;
    log_start(&env);
    small_log(&env);
    char *part = part_of(&env, "t2", &len, error);
    assert_non_null(part);
    if (!audit_part_verify(part, len, NULL, &result))
        fail_msg("line %u: %s", (unsigned)result.line, result.error);
    assert_int_equal(result.entries, 3);
    assert_string_equal(result.tenant, "t2");
    part[len - 1] = '\0';
    assert_null(strstr(part, "\"t1\"")); /* nothing of others */
    part[len - 1] = '\n';
    for (size_t i = 0; i + 1 < len; i++) { /* any byte but in chain values, which a part cannot judge */
        part[i] ^= 1;
        if (audit_part_verify(part, len, NULL, &result)) {
            size_t back = i;
            while (back && part[back] != '{' && memcmp(part + back, "\"chain\":\"", 9) != 0)
                back--;
            assert_int_equal(part[back], '"');
        }
        part[i] ^= 1;
    }
    /* one entry left out, in the middle and at the end */
    char *first = memchr(part, '\n', len), *second = memchr(first + 1, '\n', len - (size_t)(first + 1 - part));
    for (unsigned i = 0; i < 3; i++) {
        char *cut = malloc(len);
        size_t head = (size_t)(first + 1 - part), gone = (size_t)(second - first);
        memcpy(cut, part, head);
        memcpy(cut + head, second + 1, len - head - gone);
        assert_false(audit_part_verify(cut, len - gone, NULL, &result));
        free(cut);
        first = second;
        second = memchr(first + 1, '\n', len - (size_t)(first + 1 - part));
    }
    env.seed[0] ^= 1; /* another log's key */
    struct audit_key *other = audit_key_new(env.seed);
    uint8_t point[AUDIT_POINT];
    audit_key_point(other, point);
    assert_false(audit_part_verify(part, len, point, &result));
    assert_non_null(strstr(result.error, "another key"));
    audit_key_free(other);
    free(part);
    part = part_of(&env, "t3", &len, error); /* removed since: its part stays */
    assert_true(audit_part_verify(part, len, NULL, &result));
    assert_int_equal(result.entries, 2);
    free(part);
    assert_null(part_of(&env, "t9", &len, error));
    assert_non_null(strstr(error, "no entry"));
    log_end(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_one_form),        cmocka_unit_test(longest_texts_fit),
        cmocka_unit_test(paths_lead_to_the_root),     cmocka_unit_test(signatures_hold),
        cmocka_unit_test(each_changed_byte_is_found), cmocka_unit_test(a_log_chained_anew_lacks_the_signature),
        cmocka_unit_test(moved_lines_are_found),      cmocka_unit_test(a_part_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
