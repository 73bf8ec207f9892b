/* SPDX-License-Identifier: Apache-2.0 */
/* test_vault_record.c: the parser and the seals by themselves, without the tallies that stand before them in a store.
 */
#include "vault_env.h"

#include "backend/vault/record.h"
#include "backend/vault/seal.h"

static struct vault_secret *keys_of(uint8_t fill)
{
    struct vault_secret *root = secret_of(fill, 32), *keys = vault_secret_new();

    assert_true(seal_derive(root->bytes, keys));
    vault_secret_free(root);
    return keys;
}

static const struct vault_key meta = {
    .kind = VAULT_KEY_SM2, .index = 5, .has_code = true, .failures = 2, .created = 1700000000, .bits = 256};

static void key_record(const struct vault_secret *keys, struct record *record)
{
    uint8_t plain[96] = {1}, meta_bytes[KEY_META_LEN];

    memset(record, 0, sizeof *record);
    record->type = RECORD_KEY;
    memset(record->uid, 7, RECORD_UID);
    key_meta_build(&meta, meta_bytes);
    assert_true(seal_close(keys, record, PART_KEY, VAULT_KEY_SM2, 5, plain, 96));
    assert_true(seal_close(keys, record, PART_ENCRYPT, VAULT_KEY_SM2, 5, plain, 96));
    assert_true(seal_close(keys, record, PART_CODE, VAULT_KEY_SM2, 5, plain, CODE_LEN));
    assert_true(seal_close(keys, record, PART_META, VAULT_KEY_SM2, 5, meta_bytes, KEY_META_LEN));
}

/* How many of the four parts open. */
static unsigned opened(const struct vault_secret *keys, const struct record *record, uint32_t kind, uint32_t index)
{
    uint8_t plain[RECORD_PART_MAX];
    unsigned count = 0;
    size_t len;

    for (int part = PART_META; part < RECORD_PARTS; part++)
        count += seal_open(keys, record, (enum record_part)part, kind, index, plain, &len);
    return count;
}

static void test_flip_every_bit(void **state)
{
    struct vault_secret *keys = keys_of(1);
    uint8_t bytes[RECORD_MAX];
    struct record record, parsed;
    size_t len;

    (void)state;
    key_record(keys, &record);
    len = record_build(&record, bytes);
    assert_int_equal(len, 24 + 2 + 52 + 2 + 124 + 2 + 124 + 2 + 80);
    assert_true(record_parse(RECORD_KEY, bytes, len, &parsed));
    assert_int_equal(opened(keys, &parsed, VAULT_KEY_SM2, 5), 4);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        if (bit / 8 == 5) /* the generation: says which keys, and the others do not open it */
            continue;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        /* a part that still opens is whole; the altered one does not, nor (nonces, tags) does the meta that binds it */
        if (record_parse(RECORD_KEY, bytes, len, &parsed) && opened(keys, &parsed, VAULT_KEY_SM2, 5) == 4)
            fail_msg("bit %zu flipped and not noticed", bit);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    vault_secret_free(keys);
}

static void test_every_length(void **state)
{
    struct vault_secret *keys = keys_of(1);
    uint8_t bytes[RECORD_MAX + 8] = {0};
    struct record record, parsed;
    size_t len;

    (void)state;
    key_record(keys, &record);
    len = record_build(&record, bytes);
    for (size_t n = 0; n <= RECORD_MAX + 1; n++) {
        uint8_t *exact = malloc(n + 1); /* so that a sanitizer sees a read too far */

        memcpy(exact, bytes, n < sizeof bytes ? n : sizeof bytes);
        assert_int_equal(record_parse(RECORD_KEY, exact, n, &parsed), n == len);
        if (n >= RECORD_HEADER) { /* also when the header agrees */
            exact[6] = (uint8_t)n;
            exact[7] = (uint8_t)(n >> 8);
            assert_int_equal(record_parse(RECORD_KEY, exact, n, &parsed), n == len);
        }
        free(exact);
    }
    assert_false(record_parse(RECORD_TENANT, bytes, len, &parsed));
    assert_false(record_parse((enum record_type)0, bytes, len, &parsed));
    assert_false(record_parse(RECORD_TYPES, bytes, len, &parsed));
    record.parts[PART_META].len--;
    assert_int_equal(record_build(&record, bytes), 0);
    vault_secret_free(keys);
}

static void test_identity(void **state)
{
    struct vault_secret *keys = keys_of(1), *other = keys_of(2);
    struct record record, second;

    (void)state;
    key_record(keys, &record);
    assert_int_equal(opened(keys, &record, VAULT_KEY_SM2, 5), 4);
    assert_int_equal(opened(other, &record, VAULT_KEY_SM2, 5), 0);
    assert_int_equal(opened(keys, &record, VAULT_KEY_SM2, 6), 0);
    assert_int_equal(opened(keys, &record, VAULT_KEY_KEK, 5), 0);
    record.uid[15] ^= 1;
    assert_int_equal(opened(keys, &record, VAULT_KEY_SM2, 5), 0);
    record.uid[15] ^= 1;
    record.type = RECORD_TENANT;
    assert_int_equal(opened(keys, &record, VAULT_KEY_SM2, 5), 0);
    record.type = RECORD_KEY;
    /* parts of the same record exchanged */
    second = record;
    second.parts[PART_KEY] = record.parts[PART_ENCRYPT];
    assert_int_equal(opened(keys, &second, VAULT_KEY_SM2, 5), 2); /* encrypt and code; not meta */
    /* a part of an older version of the same record opens by itself, but the meta does not go with it */
    key_record(keys, &second);
    second.parts[PART_CODE] = record.parts[PART_CODE];
    assert_int_equal(opened(keys, &second, VAULT_KEY_SM2, 5), 3);
    second.parts[PART_CODE].len = 0;
    assert_int_equal(opened(keys, &second, VAULT_KEY_SM2, 5), 2);
    vault_secret_free(keys);
    vault_secret_free(other);
}

static void test_meta_rules(void **state)
{
    uint8_t bytes[TENANT_META_LEN], code_bytes[CODE_LEN];
    struct tenant_meta tenant = {.tenant = {.id = 1,
                                            .name = "t",
                                            .serial = "0123456789abcdef",
                                            .max_connections = 1,
                                            .max_sessions = 1,
                                            .max_handles = 1,
                                            .weight = 1,
                                            .cid = 77},
                                 .schema = 2,
                                 .generation = 9,
                                 .rotating = true,
                                 .cursor_kind = 1,
                                 .cursor_index = 2};
    struct tenant_meta tenant_back;
    struct root_meta root = {.schema = 4,
                             .next_id = 1,
                             .version = 1ull << 40,
                             .rotate = 3,
                             .head = {.number = 1ull << 33, .chain = {1, 2, 3}}},
                     root_back;
    struct code_verifier code = {.salt = {1}}, code_back;
    struct vault_key key, back;

    (void)state;
    key_meta_build(&meta, bytes);
    assert_true(key_meta_parse(bytes, KEY_META_LEN, &back));
    assert_true(back.kind == meta.kind && back.index == 5 && back.has_code && !back.locked && back.failures == 2 &&
                back.created == meta.created && back.bits == 256);
    assert_false(key_meta_parse(bytes, KEY_META_LEN - 1, &back));
    for (size_t i = 0; i < 4; i++) { /* kind, flags, reserved */
        uint8_t was = bytes[i];

        bytes[i] = 0x84;
        assert_false(key_meta_parse(bytes, KEY_META_LEN, &back));
        bytes[i] = was;
    }
    key = (struct vault_key){.kind = VAULT_KEY_RSA, .index = 1, .bits = 3072};
    key_meta_build(&key, bytes);
    assert_true(key_meta_parse(bytes, KEY_META_LEN, &back) && back.kind == VAULT_KEY_RSA && back.bits == 3072);
    for (unsigned i = 0; i < 6; i++) {
        key = meta;
        if (i == 0)
            key.kind = VAULT_KEY_KINDS;
        if (i == 1)
            key.index = VAULT_INDEX_MAX + 1;
        if (i == 2)
            key.has_code = false; /* but failures */
        if (i == 3)
            key.bits = 128;
        if (i == 4)
            key.index = 0, key.kind = VAULT_KEY_KEK;
        if (i == 5)
            key.kind = VAULT_KEY_RSA; /* of 256 bits */
        key_meta_build(&key, bytes);
        assert_false(key_meta_parse(bytes, KEY_META_LEN, &back));
    }
    key = (struct vault_key){.kind = VAULT_KEY_KEK, .index = 0, .bits = 128};
    key_meta_build(&key, bytes);
    assert_false(key_meta_parse(bytes, KEY_META_LEN, &back));
    key = (struct vault_key){.kind = VAULT_KEY_KEK, .index = 1, .bits = 136};
    key_meta_build(&key, bytes);
    assert_false(key_meta_parse(bytes, KEY_META_LEN, &back));

    tenant_meta_build(&tenant, bytes);
    assert_true(tenant_meta_parse(bytes, TENANT_META_LEN, &tenant_back));
    assert_memory_equal(&tenant, &tenant_back, sizeof tenant);
    assert_false(tenant_meta_parse(bytes, TENANT_META_LEN + 1, &tenant_back));
    bytes[4 + 9] = 'x'; /* after the name's end */
    assert_false(tenant_meta_parse(bytes, TENANT_META_LEN, &tenant_back));
    bytes[4 + 9] = 0;
    bytes[121] = 0; /* a cursor, but not rotating */
    assert_false(tenant_meta_parse(bytes, TENANT_META_LEN, &tenant_back));
    bytes[121] = 2;
    assert_false(tenant_meta_parse(bytes, TENANT_META_LEN, &tenant_back));
    tenant.tenant.id = 0;
    tenant_meta_build(&tenant, bytes);
    assert_false(tenant_meta_parse(bytes, TENANT_META_LEN, &tenant_back));

    root_meta_build(&root, bytes);
    assert_true(root_meta_parse(bytes, ROOT_META_LEN, &root_back));
    assert_memory_equal(&root, &root_back, sizeof root);
    assert_true(root_meta_parse(bytes, ROOT_META_1, &root_back)); /* of schema 1 */
    assert_true(root_back.schema == 1 && root_back.version == 0);
    assert_false(root_meta_parse(bytes, ROOT_META_2, &root_back)); /* cut: it still says 4 */
    for (unsigned schema = 2; schema < 4; schema++) {
        uint8_t older[ROOT_META_LEN];

        root.schema = schema;
        assert_int_equal(root_meta_build(&root, older), ROOT_META_2);
        assert_true(root_meta_parse(older, ROOT_META_2, &root_back));
        assert_true(root_back.schema == schema && root_back.version == root.version && root_back.head.number == 0);
        assert_false(root_meta_parse(older, ROOT_META_LEN, &root_back));
    }
    assert_false(root_meta_parse(bytes, ROOT_META_LEN - 1, &root_back));
    root.next_id = 0;
    root_meta_build(&root, bytes);
    assert_false(root_meta_parse(bytes, ROOT_META_LEN, &root_back));

    code_build(&code, code_bytes);
    assert_true(code_parse(code_bytes, CODE_LEN, &code_back));
    assert_false(code_parse(code_bytes, CODE_LEN - 1, &code_back));
    code_bytes[0] = 4; /* a cheaper scrypt */
    assert_false(code_parse(code_bytes, CODE_LEN, &code_back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flip_every_bit),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_meta_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
