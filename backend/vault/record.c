/* SPDX-License-Identifier: Apache-2.0 */
/* record.c: see record.h. Strict: a record that is accepted is byte for byte what record_build makes of it. */
#include "backend/vault/record.h"

#include <string.h>
#include "proto/range.h"

static const uint8_t record_magic[4] = {'C', 'M', 'V', RECORD_VERSION};

/* Plain lengths of each part, by type: {least, most}; optional parts may be absent. */
static const struct part_rule {
    uint16_t least, most;
    bool optional;
} part_rules[RECORD_TYPES][RECORD_PARTS] = {
    [RECORD_ROOT] = {[PART_META] = {ROOT_META_1, ROOT_META_LEN, false},
                     [PART_KEY] = {32, 32, false},
                     [PART_ENCRYPT] = {32, 32, true}},
    [RECORD_TENANT] = {[PART_META] = {TENANT_META_1, TENANT_META_LEN, false},
                       [PART_KEY] = {32, 32, false},
                       [PART_ENCRYPT] = {32, 32, true},
                       [PART_CODE] = {32, 32, true}},
    [RECORD_KEY] = {[PART_META] = {KEY_META_LEN, KEY_META_LEN, false},
                    [PART_KEY] = {16, VAULT_SECRET_MAX, false},
                    [PART_ENCRYPT] = {96, VAULT_SECRET_MAX, true},
                    [PART_CODE] = {CODE_LEN, CODE_LEN, true}},
    [RECORD_POLICY] = {[PART_META] = {POLICY_META_LEN, POLICY_META_LEN, false}},
    [RECORD_FILE] = {[PART_META] = {FILE_META_LEN, FILE_META_LEN, false}, [PART_KEY] = {1, VAULT_FILE_NAME, false}},
    [RECORD_CHUNK] = {[PART_META] = {CHUNK_META_LEN, CHUNK_META_LEN, false},
                      [PART_KEY] = {1, FILE_HALF, false},
                      [PART_ENCRYPT] = {1, FILE_HALF, true}},
};

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, (uint16_t)v);
    put16(p + 2, (uint16_t)(v >> 16));
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

static bool part_fits(enum record_type type, unsigned part, size_t len)
{
    const struct part_rule *rule = &part_rules[type][part];

    if (len == 0)
        return rule->most == 0 || rule->optional;
    return rule->most != 0 && len >= rule->least + RECORD_OVERHEAD && len <= rule->most + RECORD_OVERHEAD;
}

bool record_parse(enum record_type type, const uint8_t *bytes, size_t len, struct record *record)
{
    size_t at = RECORD_HEADER;

    if (type < RECORD_ROOT || type >= RECORD_TYPES || len < RECORD_HEADER || len > RECORD_MAX)
        return false;
    if (memcmp(bytes, record_magic, sizeof record_magic) != 0 || bytes[4] != (uint8_t)type || get16(bytes + 6) != len ||
        (type < RECORD_KEY && bytes[5] != 0))
        return false;
    record->type = type;
    record->generation = bytes[5];
    memcpy(record->uid, bytes + 8, RECORD_UID);
    for (unsigned part = 0; part < RECORD_PARTS; part++) {
        struct record_sealed *sealed = &record->parts[part];

        if (!range_ok(at, 2, len))
            return false;
        sealed->len = get16(bytes + at);
        at += 2;
        if (!part_fits(type, part, sealed->len) || !range_ok(at, sealed->len, len))
            return false;
        memcpy(sealed->bytes, bytes + at, sealed->len);
        at += sealed->len;
    }
    return at == len;
}

size_t record_build(const struct record *record, uint8_t bytes[RECORD_MAX])
{
    size_t at = RECORD_HEADER;

    memcpy(bytes, record_magic, sizeof record_magic);
    bytes[4] = (uint8_t)record->type;
    bytes[5] = record->generation;
    memcpy(bytes + 8, record->uid, RECORD_UID);
    for (unsigned part = 0; part < RECORD_PARTS; part++) {
        const struct record_sealed *sealed = &record->parts[part];

        if (!part_fits(record->type, part, sealed->len) || !range_ok(at, sealed->len + 2, RECORD_MAX))
            return 0;
        put16(bytes + at, (uint16_t)sealed->len);
        memcpy(bytes + at + 2, sealed->bytes, sealed->len);
        at += 2 + sealed->len;
    }
    put16(bytes + 6, (uint16_t)at);
    return at;
}

bool root_meta_parse(const uint8_t *bytes, size_t len, struct root_meta *meta)
{
    if (len != ROOT_META_LEN && len != ROOT_META_2 && len != ROOT_META_1)
        return false;
    *meta = (struct root_meta){.schema = len == ROOT_META_1 ? 1 : len == ROOT_META_2 ? 2 : 4};
    meta->next_id = get32(bytes);
    meta->tenants = get32(bytes + 4);
    memcpy(meta->tally, bytes + 8, RECORD_TALLY);
    if (meta->schema >= 2) {
        meta->version = get64(bytes + 40);
        meta->rotate = get32(bytes + 48);
        if (meta->schema == 2 && get32(bytes + 52) == 3)
            meta->schema = 3;
        if (get32(bytes + 52) != (meta->schema > 2 ? meta->schema : 0))
            return false;
    }
    if (meta->schema >= 4) {
        meta->head.number = get64(bytes + 56);
        memcpy(meta->head.chain, bytes + 64, VAULT_CHAIN);
    }
    return meta->next_id != 0;
}

size_t root_meta_build(const struct root_meta *meta, uint8_t bytes[ROOT_META_LEN])
{
    put32(bytes, meta->next_id);
    put32(bytes + 4, meta->tenants);
    memcpy(bytes + 8, meta->tally, RECORD_TALLY);
    if (meta->schema == 1)
        return ROOT_META_1;
    put64(bytes + 40, meta->version);
    put32(bytes + 48, meta->rotate);
    put32(bytes + 52, meta->schema > 2 ? meta->schema : 0);
    if (meta->schema < 4)
        return ROOT_META_2;
    put64(bytes + 56, meta->head.number);
    memcpy(bytes + 64, meta->head.chain, VAULT_CHAIN);
    return ROOT_META_LEN;
}

bool tenant_name_ok(const char *name)
{
    size_t n = strnlen(name, VAULT_NAME_MAX + 1);

    if (n == 0 || n > VAULT_NAME_MAX || strchr("-_.", name[0]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || strchr("-_.", name[i])))
            return false;
    return true;
}

bool tenant_serial_ok(const char *serial)
{
    for (size_t i = 0; i < 16; i++)
        if (serial[i] <= ' ' || serial[i] > '~')
            return false;
    return serial[16] == 0;
}

bool tenant_limits_ok(const struct vault_tenant *tenant)
{
    const uint32_t most = 1u << 20;

    const uint32_t known = VAULT_TENANT_DISABLED | CM_ASKED_ALL;

    return (tenant->flags & ~known) == 0 && tenant->max_connections >= 1 && tenant->max_connections <= most &&
           tenant->max_sessions >= 1 && tenant->max_sessions <= most && tenant->max_handles >= 1 &&
           tenant->max_handles <= most && tenant->weight >= 1 && tenant->weight <= 1000;
}

bool tenant_meta_parse(const uint8_t *bytes, size_t len, struct tenant_meta *meta)
{
    struct vault_tenant *t = &meta->tenant;

    if (len != TENANT_META_LEN && len != TENANT_META_1)
        return false;
    *meta = (struct tenant_meta){.schema = len == TENANT_META_1 ? 1 : 2};
    t->id = get32(bytes);
    memcpy(t->name, bytes + 4, 32);
    memcpy(t->serial, bytes + 36, 16);
    t->flags = get32(bytes + 52);
    t->owner_uid = get32(bytes + 56);
    t->owner_gid = get32(bytes + 60);
    t->max_connections = get32(bytes + 64);
    t->max_sessions = get32(bytes + 68);
    t->max_handles = get32(bytes + 72);
    t->weight = get32(bytes + 76);
    meta->keys = get64(bytes + 80);
    memcpy(meta->tally, bytes + 88, RECORD_TALLY);
    if (len == TENANT_META_LEN) {
        meta->generation = bytes[120];
        meta->rotating = bytes[121] & 1;
        meta->cursor_kind = get32(bytes + 124);
        meta->cursor_index = get32(bytes + 128);
        t->cid = get32(bytes + 132);
        if (bytes[121] > 1 || get16(bytes + 122) != 0 || (!meta->rotating && (meta->cursor_kind || meta->cursor_index)))
            return false;
    }
    if (t->id == 0 || !tenant_name_ok(t->name) || !tenant_serial_ok(t->serial) || !tenant_limits_ok(t))
        return false;
    for (size_t i = strlen(t->name); i < VAULT_NAME_MAX; i++)
        if (t->name[i] != 0)
            return false;
    return true;
}

size_t tenant_meta_build(const struct tenant_meta *meta, uint8_t bytes[TENANT_META_LEN])
{
    const struct vault_tenant *t = &meta->tenant;

    memset(bytes, 0, TENANT_META_LEN);
    put32(bytes, t->id);
    memcpy(bytes + 4, t->name, strnlen(t->name, VAULT_NAME_MAX));
    memcpy(bytes + 36, t->serial, 16);
    put32(bytes + 52, t->flags);
    put32(bytes + 56, t->owner_uid);
    put32(bytes + 60, t->owner_gid);
    put32(bytes + 64, t->max_connections);
    put32(bytes + 68, t->max_sessions);
    put32(bytes + 72, t->max_handles);
    put32(bytes + 76, t->weight);
    put64(bytes + 80, meta->keys);
    memcpy(bytes + 88, meta->tally, RECORD_TALLY);
    if (meta->schema == 1)
        return TENANT_META_1;
    bytes[120] = meta->generation;
    bytes[121] = meta->rotating ? 1 : 0;
    put32(bytes + 124, meta->cursor_kind);
    put32(bytes + 128, meta->cursor_index);
    put32(bytes + 132, t->cid);
    return TENANT_META_LEN;
}

/* m, e, d, p, q, dp, dq, qinv: e has 8 bytes, m and d have one length, the others half of it */
static uint32_t rsa_bits(size_t len)
{
    static const uint32_t sizes[] = {2048, 3072, 4096};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (len == sizes[i] / 8 * 9 / 2 + 8)
            return sizes[i];
    return 0;
}

uint32_t key_bits(enum vault_key_kind kind, size_t len)
{
    switch (kind) {
    case VAULT_KEY_SM2:
    case VAULT_KEY_P256:
        return len == 96 ? 256 : 0;
    case VAULT_KEY_KEK:
        return len == 16 || len == 24 || len == 32 ? (uint32_t)(8 * len) : 0;
    case VAULT_KEY_RSA:
        return rsa_bits(len);
    default:
        return 0;
    }
}

bool key_meta_parse(const uint8_t *bytes, size_t len, struct vault_key *key)
{
    if (len != KEY_META_LEN || !vault_kind((enum vault_key_kind)bytes[0]) || (bytes[1] & ~3) != 0 ||
        get16(bytes + 2) != 0)
        return false;
    memset(key, 0, sizeof *key);
    key->kind = (enum vault_key_kind)bytes[0];
    key->has_code = bytes[1] & 1;
    key->locked = bytes[1] & 2;
    key->index = get32(bytes + 4);
    key->failures = get32(bytes + 8);
    key->bits = get32(bytes + 12);
    key->created = get64(bytes + 16);
    if (!vault_kind_place_ok(key->kind, key->index) || !vault_kind_bits_ok(key->kind, key->bits))
        return false;
    return key->has_code || (key->failures == 0 && !key->locked);
}

void key_meta_build(const struct vault_key *key, uint8_t bytes[KEY_META_LEN])
{
    bytes[0] = (uint8_t)key->kind;
    bytes[1] = (uint8_t)((key->has_code ? 1 : 0) | (key->locked ? 2 : 0));
    put16(bytes + 2, 0);
    put32(bytes + 4, key->index);
    put32(bytes + 8, key->failures);
    put32(bytes + 12, key->bits);
    put64(bytes + 16, key->created);
}

static const uint8_t scrypt_cost[4] = {14, 8, 1, 0}; /* log2 N, r, p, 0 */

bool code_parse(const uint8_t *bytes, size_t len, struct code_verifier *code)
{
    if (len != CODE_LEN || memcmp(bytes, scrypt_cost, sizeof scrypt_cost) != 0)
        return false;
    memcpy(code->salt, bytes + 4, RECORD_SALT);
    memcpy(code->verifier, bytes + 4 + RECORD_SALT, RECORD_VERIFIER);
    return true;
}

void code_build(const struct code_verifier *code, uint8_t bytes[CODE_LEN])
{
    memcpy(bytes, scrypt_cost, sizeof scrypt_cost);
    memcpy(bytes + 4, code->salt, RECORD_SALT);
    memcpy(bytes + 4 + RECORD_SALT, code->verifier, RECORD_VERIFIER);
}
