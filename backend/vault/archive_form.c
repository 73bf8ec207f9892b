/* SPDX-License-Identifier: Apache-2.0 */
/* archive_form.c: frames and bodies of an archive. See archive.h. One encoding each: what is accepted is what the
   builder makes. */
#include <string.h>
#include "backend/vault/archive.h"

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

bool archive_frame_parse(const uint8_t bytes[ARCHIVE_FRAME], enum archive_frame *type, size_t *len)
{
    *len = get32(bytes + 4);
    if (bytes[1] || bytes[2] || bytes[3])
        return false;
    *type = (enum archive_frame)bytes[0];
    switch (*type) {
    case ARCHIVE_ROOT:
        return *len == ARCHIVE_ROOT_LEN;
    case ARCHIVE_TENANT:
        return *len == ARCHIVE_TENANT_LEN;
    case ARCHIVE_ROW:
        return *len >= ARCHIVE_ROW_HEAD + RECORD_HEADER && *len <= ARCHIVE_ROW_HEAD + RECORD_MAX;
    case ARCHIVE_END:
        return *len == ARCHIVE_END_LEN;
    default:
        return false;
    }
}

void archive_frame_build(enum archive_frame type, size_t len, uint8_t bytes[ARCHIVE_FRAME])
{
    put32(bytes, (uint32_t)type);
    put32(bytes + 4, (uint32_t)len);
}

bool archive_root_parse(const uint8_t *bytes, size_t len, struct archive_root *root)
{
    if (len != ARCHIVE_ROOT_LEN || get32(bytes + 4) != 0)
        return false;
    root->next_id = get32(bytes);
    root->version = get64(bytes + 8);
    memcpy(root->uid, bytes + 16, RECORD_UID);
    memcpy(root->secret, bytes + 32, 32);
    return root->next_id != 0;
}

void archive_root_build(const struct archive_root *root, uint8_t bytes[ARCHIVE_ROOT_LEN])
{
    put32(bytes, root->next_id);
    put32(bytes + 4, 0);
    put64(bytes + 8, root->version);
    memcpy(bytes + 16, root->uid, RECORD_UID);
    memcpy(bytes + 32, root->secret, 32);
}

bool archive_tenant_parse(const uint8_t *bytes, size_t len, struct archive_tenant *tenant)
{
    static const uint8_t zeros[32];

    if (len != ARCHIVE_TENANT_LEN || get32(bytes + 4) > 1)
        return false;
    tenant->id = get32(bytes);
    tenant->rotating = bytes[4] & 1;
    memcpy(tenant->uid, bytes + 8, RECORD_UID);
    memcpy(tenant->key, bytes + 24, 32);
    memcpy(tenant->key_before, bytes + 56, 32);
    memcpy(tenant->places, bytes + 88, 32);
    return tenant_meta_parse(bytes + 120, TENANT_META_LEN, &tenant->meta) && tenant->meta.tenant.id == tenant->id &&
           tenant->meta.rotating == tenant->rotating &&
           (tenant->rotating || memcmp(tenant->key_before, zeros, 32) == 0);
}

void archive_tenant_build(const struct archive_tenant *tenant, uint8_t bytes[ARCHIVE_TENANT_LEN])
{
    put32(bytes, tenant->id);
    put32(bytes + 4, tenant->rotating ? 1 : 0);
    memcpy(bytes + 8, tenant->uid, RECORD_UID);
    memcpy(bytes + 24, tenant->key, 32);
    memcpy(bytes + 56, tenant->key_before, 32);
    memcpy(bytes + 88, tenant->places, 32);
    tenant_meta_build(&tenant->meta, bytes + 120);
}

bool archive_end_parse(const uint8_t *bytes, size_t len, struct archive_end *end)
{
    if (len != ARCHIVE_END_LEN || get32(bytes + 4) != 0)
        return false;
    end->tenants = get32(bytes);
    end->rows = get64(bytes + 8);
    return true;
}

void archive_end_build(const struct archive_end *end, uint8_t bytes[ARCHIVE_END_LEN])
{
    put32(bytes, end->tenants);
    put32(bytes + 4, 0);
    put64(bytes + 8, end->rows);
}
