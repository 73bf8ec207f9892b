/* SPDX-License-Identifier: Apache-2.0 */
/* record_more.c: clear-text parts of policies and files. See record.h; as strict as record.c. */
#include "backend/vault/record.h"

#include <string.h>

#define CLASSES_BEFORE 13u /* the highest of the records that do not say: schemas 2 and 3 */

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

bool policy_ok(const struct vault_policy *policy)
{
    return !(policy->denied.denied_classes & ~cm_policy_all.denied_classes) &&
           !(policy->denied.denied_algs & ~cm_policy_all.denied_algs) &&
           (unsigned)policy->codes <= VAULT_CODES_ALWAYS && policy->max_files <= VAULT_FILES_MAX &&
           policy->max_file_bytes <= VAULT_FILE_BYTES_MAX;
}

static unsigned classes_now(void)
{
    return 31u - (unsigned)__builtin_clz(cm_policy_all.denied_classes);
}

void policy_meta_set(struct policy_meta *meta, const struct vault_policy *policy)
{
    meta->policy = *policy;
    meta->classes = policy->denied.denied_classes ? classes_now() : 0;
}

struct vault_policy policy_meta_get(const struct policy_meta *meta)
{
    struct vault_policy policy = meta->policy;
    unsigned known = meta->classes ? meta->classes : CLASSES_BEFORE;

    for (unsigned bit = known + 1; policy.denied.denied_classes && bit <= classes_now(); bit++)
        policy.denied.denied_classes |= cm_policy_all.denied_classes & 1u << bit;
    return policy;
}

bool policy_meta_parse(const uint8_t *bytes, size_t len, struct policy_meta *meta)
{
    struct vault_policy *policy = &meta->policy;

    if (len != POLICY_META_LEN)
        return false;
    policy->denied.denied_classes = get32(bytes);
    policy->denied.denied_algs = get32(bytes + 4);
    policy->codes = (enum vault_codes)get32(bytes + 8);
    policy->max_files = get32(bytes + 12);
    policy->max_file_bytes = get32(bytes + 16);
    meta->files = get32(bytes + 20);
    meta->file_bytes = get64(bytes + 24);
    meta->classes = get32(bytes + 32);
    return meta->classes <= classes_now() && get32(bytes + 36) == 0 && policy_ok(policy) &&
           meta->files <= VAULT_FILES_MAX && meta->file_bytes <= VAULT_FILE_BYTES_MAX;
}

void policy_meta_build(const struct policy_meta *meta, uint8_t bytes[POLICY_META_LEN])
{
    const struct vault_policy *policy = &meta->policy;

    put32(bytes, policy->denied.denied_classes);
    put32(bytes + 4, policy->denied.denied_algs);
    put32(bytes + 8, (uint32_t)policy->codes);
    put32(bytes + 12, policy->max_files);
    put32(bytes + 16, policy->max_file_bytes);
    put32(bytes + 20, meta->files);
    put64(bytes + 24, meta->file_bytes);
    put64(bytes + 32, meta->classes);
}

bool file_meta_parse(const uint8_t *bytes, size_t len, struct file_meta *meta)
{
    if (len != FILE_META_LEN)
        return false;
    memcpy(meta->id, bytes, RECORD_UID);
    meta->size = get32(bytes + 16);
    meta->name_len = get32(bytes + 20);
    meta->created = get64(bytes + 24);
    return get64(bytes + 32) == 0 && meta->size >= 1 && meta->size <= VAULT_FILE_MAX && meta->name_len >= 1 &&
           meta->name_len <= VAULT_FILE_NAME;
}

void file_meta_build(const struct file_meta *meta, uint8_t bytes[FILE_META_LEN])
{
    memcpy(bytes, meta->id, RECORD_UID);
    put32(bytes + 16, meta->size);
    put32(bytes + 20, meta->name_len);
    put64(bytes + 24, meta->created);
    put64(bytes + 32, 0);
}

bool chunk_meta_parse(const uint8_t *bytes, size_t len, struct chunk_meta *meta)
{
    if (len != CHUNK_META_LEN)
        return false;
    memcpy(meta->id, bytes, RECORD_UID);
    meta->number = get32(bytes + 16);
    meta->len = get32(bytes + 20);
    return meta->number < VAULT_FILE_MAX / (2 * FILE_HALF) && meta->len >= 1 && meta->len <= 2 * FILE_HALF;
}

void chunk_meta_build(const struct chunk_meta *meta, uint8_t bytes[CHUNK_META_LEN])
{
    memcpy(bytes, meta->id, RECORD_UID);
    put32(bytes + 16, meta->number);
    put32(bytes + 20, meta->len);
}
