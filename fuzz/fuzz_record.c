/* covers: backend/vault/record.c backend/vault/record_more.c */
/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the vault: what a parser accepts is byte for byte what the builder makes of it. The first byte chooses. */
#include <stdlib.h>
#include <string.h>
#include "vault/record.h"

static void must(int condition)
{
    if (!condition)
        abort();
}

static void try_record(enum record_type type, const uint8_t *bytes, size_t len)
{
    struct record record;
    uint8_t again[RECORD_MAX];
    if (!record_parse(type, bytes, len, &record))
        return;
    must(record_build(&record, again) == len && memcmp(again, bytes, len) == 0);
    record.parts[PART_KEY].len = 1; /* no part is this short */
    must(record_build(&record, again) == 0);
}

static void try_metas(const uint8_t *bytes, size_t len)
{
    uint8_t again[RECORD_MAX] = {0};
    struct root_meta root;
    struct tenant_meta tenant;
    struct vault_key key;
    struct code_verifier code;
    if (root_meta_parse(bytes, len, &root)) {
        must(root_meta_build(&root, again) == len);
        must(memcmp(again, bytes, len) == 0);
    }
    for (int kind = 0; kind <= VAULT_KEY_KINDS; kind++) { /* of as many bytes as came */
        uint32_t bits = key_bits((enum vault_key_kind)kind, len);
        must(!bits || vault_kind_bits_ok((enum vault_key_kind)kind, bits));
    }
    if (tenant_meta_parse(bytes, len, &tenant)) {
        must(tenant_meta_build(&tenant, again) == len);
        must(memcmp(again, bytes, len) == 0);
        must(tenant_name_ok(tenant.tenant.name) && tenant_limits_ok(&tenant.tenant));
    }
    if (key_meta_parse(bytes, len, &key)) {
        key_meta_build(&key, again);
        must(memcmp(again, bytes, len) == 0);
        must(vault_kind_place_ok(key.kind, key.index) && vault_kind_bits_ok(key.kind, key.bits));
    }
    if (code_parse(bytes, len, &code)) {
        code_build(&code, again);
        must(memcmp(again, bytes, len) == 0);
    }
}

static void try_more_metas(const uint8_t *bytes, size_t len)
{
    uint8_t again[RECORD_MAX] = {0};
    struct policy_meta policy;
    struct file_meta file;
    struct chunk_meta chunk;
    if (policy_meta_parse(bytes, len, &policy)) {
        policy_meta_build(&policy, again);
        must(memcmp(again, bytes, len) == 0);
        must(policy_ok(&policy.policy));
        struct vault_policy meant = policy_meta_get(&policy); /* never less denied than what stands there */
        must(policy_ok(&meant));
        must((meant.denied.denied_classes & policy.policy.denied.denied_classes) == policy.policy.denied.denied_classes);
        policy_meta_set(&policy, &meant);
        struct vault_policy same = policy_meta_get(&policy);
        must(same.denied.denied_classes == meant.denied.denied_classes);
    }
    if (file_meta_parse(bytes, len, &file)) {
        file_meta_build(&file, again);
        must(memcmp(again, bytes, len) == 0);
    }
    if (chunk_meta_parse(bytes, len, &chunk)) {
        chunk_meta_build(&chunk, again);
        must(memcmp(again, bytes, len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned choice = data[0] % (RECORD_TYPES + 1);
    if (choice < RECORD_TYPES) {
        try_record((enum record_type)choice, data + 1, size - 1);
    } else {
        try_metas(data + 1, size - 1);
        try_more_metas(data + 1, size - 1);
    }
    return 0;
}
