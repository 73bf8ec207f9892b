/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies and paths of the HTTP interface: what is taken, and that each refusal names what is wrong. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "backend/admin/body.h"
#include "backend/vault/master_key.h"
#include "backend/admin/route.h"
#include "backend/admin/wipe_alloc.h"

#define HEX32  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEK_15 HEX32 HEX32 HEX32 "00112233445566778899aabbccddee" /* one byte too few */

static bool parse(enum body_kind kind, const char *json, struct admin_message *message, struct body_error *error)
{
    memset(message, 0, sizeof *message);
    memset(error, 0, sizeof *error);
    return body_parse(kind, json, strlen(json), message, error);
}

static void refused_bodies(void **state)
{
    (void)state;
    static const struct {
        enum body_kind kind;
        const char *json, *code, *names;
    } rows[] = {
        {BODY_TENANT_ADD, "", "bad-json", "object"},
        {BODY_TENANT_ADD, "{", "bad-json", "line 1"},
        {BODY_TENANT_ADD, "[]", "wrong-type", "object"},
        {BODY_TENANT_ADD, "{} x", "bad-json", "line 1"},
        {BODY_TENANT_ADD, "{}", "missing-field", "\"name\""},
        {BODY_TENANT_ADD, "{\"name\": 5}", "wrong-type", "\"name\""},
        {BODY_TENANT_ADD, "{\"name\": \"A\"}", "out-of-range", "\"name\""},
        {BODY_TENANT_ADD, "{\"name\": \"../x\"}", "out-of-range", "\"name\""},
        {BODY_TENANT_ADD, "{\"name\": \"-x\"}", "out-of-range", "\"name\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\\u0000b\"}", "bad-json", "line 1"},
        {BODY_TENANT_ADD, "{\"name\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "out-of-range", "\"name\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"name\": \"b\"}", "duplicate-field", "\"name\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"wieght\": 5}", "unknown-field", "\"wieght\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"weight\": 0}", "out-of-range", "\"weight\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"weight\": 1001}", "out-of-range", "\"weight\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"weight\": 1.0}", "wrong-type", "\"weight\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"weight\": \"1\"}", "wrong-type", "\"weight\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"max_handles\": 99999999999999999999}", "bad-json", "line 1"},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"max_sessions\": -1}", "out-of-range", "\"max_sessions\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"max_connections\": null}", "wrong-type", "\"max_connections\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"owner_uid\": 4294967295, \"owner_gid\": 1}", "out-of-range",
         "\"owner_uid\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"owner_uid\": 7}", "missing-field", "\"owner_gid\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"owner_gid\": 7}", "missing-field", "\"owner_uid\""},
        {BODY_TENANT_ADD, "{\"name\": \"a\", \"disabled\": 1}", "wrong-type", "\"disabled\""},
        {BODY_IMPORT, "{\"from\": \"00\"}", "out-of-range", "\"from\""},
        {BODY_IMPORT, "{\"file\": \"a\", \"from\": \"\"}", "out-of-range", "\"from\""},
        {BODY_IMPORT, "{\"file\": \"a\", \"from\": null}", "wrong-type", "\"from\""},
        {BODY_REKEY, "{\"form\": \"tpm\"}", "out-of-range", "\"form\""},
        {BODY_REKEY, "{\"form\": \"\"}", "out-of-range", "\"form\""},
        {BODY_REKEY, "{\"form\": 2}", "wrong-type", "\"form\""},
        {BODY_TENANT_SET, "{\"deny\": \"rsa\"}", "wrong-type", "\"deny\""},
        {BODY_TENANT_SET, "{\"deny\": [1]}", "wrong-type", "\"deny\""},
        {BODY_TENANT_SET, "{\"allow\": [\"rsa\", \"dsa\"]}", "out-of-range", "\"allow\", name 2"},
        {BODY_TENANT_SET, "{\"allow\": [\"rsa\"], \"deny\": [\"sm2\", \"rsa\"]}", "out-of-range", "\"deny\""},
        {BODY_TENANT_SET, "{\"allow\": [\"debug\"], \"deny\": [\"debug\"]}", "out-of-range", "\"deny\""},
        {BODY_TENANT_SET, "{\"access_codes\": true}", "wrong-type", "\"access_codes\""},
        {BODY_TENANT_SET, "{\"access_codes\": \"never\"}", "out-of-range", "\"access_codes\""},
        {BODY_TENANT_SET, "{\"max_files\": 4097}", "out-of-range", "\"max_files\""},
        {BODY_TENANT_SET, "{\"max_file_bytes\": 268435457}", "out-of-range", "\"max_file_bytes\""},
        {BODY_TENANT_SET, "{}", "missing-field", "no field"},
        {BODY_TENANT_SET, "{\"name\": \"b\"}", "unknown-field", "\"name\""},
        {BODY_KEY_GENERATE, "{\"index\": 1}", "missing-field", "\"kind\""},
        {BODY_KEY_GENERATE, "{\"kind\": \"sm2\"}", "missing-field", "\"index\""},
        {BODY_KEY_GENERATE, "{\"kind\": \"dsa\", \"index\": 1}", "out-of-range", "\"kind\""},
        {BODY_KEY_GENERATE, "{\"kind\": \"rsa\", \"index\": 1, \"bits\": 1024}", "out-of-range", "2048, 3072 or 4096"},
        {BODY_KEY_GENERATE, "{\"kind\": \"rsa\", \"index\": 1, \"bits\": 256}", "out-of-range", "2048, 3072 or 4096"},
        {BODY_KEY_GENERATE, "{\"kind\": \"p256\", \"index\": 1, \"bits\": 384}", "out-of-range", "256"},
        {BODY_KEY_GENERATE, "{\"kind\": 1, \"index\": 1}", "wrong-type", "\"kind\""},
        {BODY_KEY_GENERATE, "{\"kind\": \"kek\", \"index\": 0}", "out-of-range", "\"index\""},
        {BODY_KEY_GENERATE, "{\"kind\": \"sm2\", \"index\": 65536}", "out-of-range", "\"index\""},
        {BODY_KEY_GENERATE, "{\"kind\": \"sm2\", \"index\": 1, \"bits\": 128}", "out-of-range", "\"bits\""},
        {BODY_KEY_GENERATE, "{\"kind\": \"kek\", \"index\": 1, \"bits\": 160}", "out-of-range", "\"bits\""},
        {BODY_KEY_GENERATE, "{\"kind\": \"kek\", \"index\": 1, \"code\": \"\"}", "out-of-range", "\"code\""},
        {BODY_KEY_GENERATE, "{\"kind\": \"sm2\", \"index\": 1, \"code\": \"\"}", "out-of-range", "\"code\""},
        {BODY_KEY_GENERATE, "{\"kind\": \"sm2\", \"index\": 1, \"code\": 1234}", "wrong-type", "\"code\""},
        {BODY_KEY_IMPORT, "{\"index\": 1, \"wrapped\": \"00\"}", "missing-field", "\"kind\""},
        {BODY_KEY_IMPORT, "{\"kind\": \"kek\", \"index\": 1}", "missing-field", "\"wrapped\""},
        {BODY_KEY_IMPORT, "{\"kind\": \"kek\", \"index\": 1, \"wrapped\": \"00\"}", "missing-field", "\"wrapped\""},
        {BODY_KEY_IMPORT, "{\"kind\": \"kek\", \"index\": 1, \"wrapped\": \"0\"}", "out-of-range", "\"wrapped\""},
        {BODY_KEY_IMPORT, "{\"kind\": \"kek\", \"index\": 1, \"wrapped\": \"0G\"}", "out-of-range", "\"wrapped\""},
        {BODY_KEY_IMPORT, "{\"kind\": \"kek\", \"index\": 1, \"wrapped\": 7}", "wrong-type", "\"wrapped\""},
        {BODY_KEY_IMPORT, "{\"kind\": \"kek\", \"index\": 1, \"wrapped\": \"" KEK_15 "\"}", "out-of-range",
         "\"wrapped\""},
        {BODY_KEY_IMPORT, "{\"kind\": \"kek\", \"index\": 0, \"wrapped\": \"" KEK_15 "00\"}", "out-of-range",
         "\"index\""},
        {BODY_KEY_IMPORT, "{\"kind\": \"sm2\", \"index\": 1, \"wrapped\": \"" KEK_15 "00\"}", "missing-field",
         "\"sign\""},
        {BODY_KEY_IMPORT, "{\"kind\": \"rsa\", \"index\": 1, \"wrapped\": \"" KEK_15 "00\"}", "out-of-range",
         "\"kind\""},
        {BODY_KEY_IMPORT, "{\"kind\": \"sm2\", \"index\": 1, \"bits\": 256}", "unknown-field", "\"bits\""},
        {BODY_EMPTY, "{\"a\": 1}", "unknown-field", "\"a\""},
        {BODY_EMPTY, "null", "bad-json", "line 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct admin_message message;
        struct body_error error;
        bool taken = parse(rows[i].kind, rows[i].json, &message, &error);
        if (taken || strcmp(error.code, rows[i].code) != 0 || !strstr(error.message, rows[i].names))
            fail_msg("%s: %s %s: %s", rows[i].json, taken ? "taken" : "refused", error.code, error.message);
    }
}

static void an_error_never_repeats_an_access_code(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"kind\": \"sm2\", \"index\": 1, \"code\": \"s3cret-word\" \"x\"}",
        "{\"kind\": \"sm2\", \"index\": 1, \"code\": \"s3cret-word",
        "{\"kind\": \"sm2\", \"index\": 1, \"code\": s3cret-word}",
        "{\"kind\": \"kek\", \"index\": 0, \"code\": \"s3cret-word\"}",
        "{\"kind\": \"sm2\", \"index\": 1, \"code\": \"s3cret-word\", \"code\": \"s3cret-word\"}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct admin_message message;
        struct body_error error;
        assert_false(parse(BODY_KEY_GENERATE, bodies[i], &message, &error));
        assert_null(strstr(error.message, "s3cret"));
    }
}

static void taken_bodies(void **state)
{
    (void)state;
    struct admin_message m;
    struct body_error error;
    assert_true(parse(BODY_TENANT_ADD,
                      "{\"name\": \"vm-1.a_b\", \"owner_uid\": 64055, \"owner_gid\": 108, \"max_connections\": 3,"
                      " \"max_sessions\": 4, \"max_handles\": 5, \"weight\": 1000, \"disabled\": true}",
                      &m, &error));
    assert_string_equal(m.tenant.name, "vm-1.a_b");
    assert_int_equal(m.tenant.owner_uid, 64055);
    assert_int_equal(m.tenant.owner_gid, 108);
    assert_int_equal(m.tenant.max_connections, 3);
    assert_int_equal(m.tenant.max_sessions, 4);
    assert_int_equal(m.tenant.max_handles, 5);
    assert_int_equal(m.tenant.weight, 1000);
    assert_int_equal(m.tenant.flags, VAULT_TENANT_DISABLED);

    assert_true(
        parse(BODY_TENANT_SET,
              "{\"deny\": [\"rsa\", \"files\"], \"allow\": [\"debug\", \"hash\", \"kek-handle\"], \"access_codes\": "
              "\"always\", \"max_files\": 0, \"max_file_bytes\": 268435456}",
              &m, &error));
    assert_int_equal(m.mask, ADMIN_SET_ANY_POLICY);
    assert_int_equal(m.deny.policy.denied_classes, 1u << C_FILES);
    assert_int_equal(m.deny.policy.denied_algs, 1u << A_RSA);
    assert_int_equal(m.deny.flags, 0);
    assert_int_equal(m.allow.policy.denied_classes, 1u << C_HASH);
    assert_int_equal(m.allow.flags, VAULT_TENANT_DEBUG | VAULT_TENANT_KEK_HANDLE);
    assert_int_equal(m.policy.codes, VAULT_CODES_ALWAYS);
    assert_int_equal(m.policy.max_files, 0);
    assert_int_equal(m.policy.max_file_bytes, VAULT_FILE_BYTES_MAX);

    assert_true(parse(BODY_TENANT_SET, "{\"cid\": 42}", &m, &error));
    assert_int_equal(m.mask, ADMIN_SET_CID);
    assert_int_equal(m.tenant.cid, 42);
    assert_true(parse(BODY_TENANT_SET, "{\"disabled\": false, \"weight\": 7}", &m, &error));
    assert_int_equal(m.mask, ADMIN_SET_FLAGS | ADMIN_SET_WEIGHT);
    assert_int_equal(m.tenant.flags, 0);

    assert_true(
        parse(BODY_KEY_GENERATE, "{\"kind\": \"sm2\", \"index\": 65535, \"code\": \"\xe5\xaf\x86\"}", &m, &error));
    assert_int_equal(m.key.kind, VAULT_KEY_SM2);
    assert_int_equal(m.key.index, 65535);
    assert_int_equal(m.key.bits, 256);
    assert_int_equal(m.code_len, 3);
    assert_memory_equal(m.code, "\xe5\xaf\x86", 3);

    assert_true(parse(BODY_KEY_IMPORT,
                      "{\"kind\": \"kek\", \"index\": 1, \"code\": \"x\", \"wrapped\": \"" KEK_15 "ff\"}", &m, &error));
    assert_true(m.key.bits == 128 && m.envelopes[2].len == 112 && m.envelopes[2].bytes[111] == 0xff && m.code_len == 1);
    assert_true(parse(BODY_KEY_GENERATE, "{\"kind\": \"kek\", \"index\": 1, \"code\": \"x\"}", &m, &error));
    assert_int_equal(m.code_len, 1);
    assert_true(parse(BODY_KEY_GENERATE, "{\"kind\": \"kek\", \"index\": 1}", &m, &error));
    assert_int_equal(m.key.bits, 128);
    assert_true(parse(BODY_EMPTY, "", &m, &error));
    assert_true(parse(BODY_EMPTY, " {} ", &m, &error));
}

/* A sender that is named is told from none, also where the key is all zeros. */
static void a_sender_is_named_or_not(void **state)
{
    (void)state;
    static struct admin_message message;
    struct body_error error;
    char json[128];
    assert_true(parse(BODY_IMPORT, "{\"file\": \"a1\"}", &message, &error));
    assert_int_equal(message.mask & ADMIN_FROM, 0);
    for (unsigned zeros = 0; zeros < 2; zeros++) {
        snprintf(json, sizeof json, "{\"file\": \"a1\", \"from\": \"%064d\"}", zeros ? 0 : 7);
        assert_true(parse(BODY_IMPORT, json, &message, &error));
        assert_int_equal(message.mask, ADMIN_FROM);
        assert_int_equal(message.vault.key[VAULT_HOST_KEY - 1], zeros ? 0 : 7);
    }
}

static void a_form_is_wished_for_or_not(void **state)
{
    (void)state;
    static struct admin_message message;
    struct body_error error;
    assert_true(parse(BODY_REKEY, "", &message, &error));
    assert_int_equal(message.vault.form, 0);
    assert_true(parse(BODY_REKEY, "{\"form\": \"file\"}", &message, &error));
    assert_int_equal(message.vault.form, MASTER_FILE + 1);
    assert_true(parse(BODY_REKEY, "{\"form\": \"card\"}", &message, &error));
    assert_int_equal(message.vault.form, MASTER_CARD + 1);
}

static void a_code_of_256_bytes_fits_and_257_do_not(void **state)
{
    (void)state;
    struct admin_message m;
    struct body_error error;
    char json[400];
    for (size_t len = 256; len <= 257; len++) {
        int n = snprintf(json, sizeof json, "{\"kind\":\"sm2\",\"index\":1,\"code\":\"");
        memset(json + n, 'x', len);
        memcpy(json + n + len, "\"}", 3);
        assert_int_equal(parse(BODY_KEY_GENERATE, json, &m, &error), len == 256);
    }
    assert_string_equal(error.code, "out-of-range");
}

static void paths(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        unsigned status; /* 0: found */
    } rows[] = {
        {"GET", "/v1/status", 0},
        {"GET", "/v1/status/", 404},
        {"GET", "/", 404},
        {"GET", "", 404},
        {"GET", "/v1", 404},
        {"GET", "/v1/tenants/a/keys/sm2/1/lock", 404},
        {"POST", "/v1/status", 405},
        {"GET", "/v1/tenants/ABC", 400},
        {"GET", "/v1/tenants/..", 400},
        {"GET", "/v1/tenants//keys", 404},
        {"PUT", "/v1/tenants/a", 405},
        {"DELETE", "/v1/tenants/a/keys/sm2/65535", 0},
        {"DELETE", "/v1/tenants/a/keys/sm2/65536", 400},
        {"DELETE", "/v1/tenants/a/keys/sm2/0", 0},
        {"DELETE", "/v1/tenants/a/keys/sm2/-1", 400},
        {"DELETE", "/v1/tenants/a/keys/sm2/01", 400},
        {"DELETE", "/v1/tenants/a/keys/sm2/4294967297", 400},
        {"DELETE", "/v1/tenants/a/keys/dsa/1", 400},
        {"POST", "/v1/tenants/a/keys/kek/1/unlock", 0},
        {"POST", "/v1/tenants/a/keys/sm2/1/unlock", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct admin_message message = {0};
        struct body_error error = {0};
        char allow[64];
        unsigned status = 0;
        const struct route *route = route_find(rows[i].method, rows[i].path, &message, &status, allow, &error);
        if ((route == NULL) != (rows[i].status != 0) || status != rows[i].status)
            fail_msg("%s %s: %u", rows[i].method, rows[i].path, status);
        if (!route)
            assert_true(error.code && error.message[0]);
        if (status == 405)
            assert_true(allow[0] != 0);
    }
}

static void a_path_fills_the_message(void **state)
{
    (void)state;
    struct admin_message message = {0};
    struct body_error error = {0};
    char allow[64];
    unsigned status = 0;
    assert_non_null(route_find("DELETE", "/v1/tenants/vm7/keys/kek/12", &message, &status, allow, &error));
    assert_int_equal(message.type, ADMIN_KEY_DESTROY);
    assert_string_equal(message.tenant.name, "vm7");
    assert_int_equal(message.key.kind, VAULT_KEY_KEK);
    assert_int_equal(message.key.index, 12);
    assert_null(route_find("PUT", "/v1/tenants/vm7", &message, &status, allow, &error));
    assert_string_equal(allow, "GET, PATCH, DELETE");
}

static void every_result_has_a_status(void **state)
{
    (void)state;
    for (uint32_t result = VAULT_OK; result <= VAULT_BUSY + 1; result++) {
        const char *code = NULL;
        unsigned status = route_result(result, &code);
        assert_non_null(code);
        assert_true(result == VAULT_OK ? status == 200 : status >= 400);
    }
}

static void json_memory_is_wiped(void **state)
{
    (void)state;
    char *block = wipe_malloc(100);
    assert_non_null(block);
    memset(block, 's', 100);
    assert_int_equal(wipe_block(block), 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(block[i], 0);
    wipe_free(block);
    wipe_free(NULL);
    assert_null(wipe_malloc(SIZE_MAX - 2));
}

int main(void)
{
    wipe_alloc_for_json();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_bodies),
        cmocka_unit_test(an_error_never_repeats_an_access_code),
        cmocka_unit_test(taken_bodies),
        cmocka_unit_test(a_sender_is_named_or_not),
        cmocka_unit_test(a_form_is_wished_for_or_not),
        cmocka_unit_test(a_code_of_256_bytes_fits_and_257_do_not),
        cmocka_unit_test(paths),
        cmocka_unit_test(a_path_fills_the_message),
        cmocka_unit_test(every_result_has_a_status),
        cmocka_unit_test(json_memory_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
