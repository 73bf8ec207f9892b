/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.h: what stands in a sealed file (sealed.h): a whole store, or one tenant.
 *
 * Frames: 1 byte type, 3 bytes 0, 4 bytes length, body; little-endian. In this order:
 *
 *     'R'  the root, in a backup only: next id[4] 0[4] version[8] uid[16] the store's secret[32]
 *     'T'  a tenant: id[4] flags[4] uid[16] key[32] key before[32] key of places[32] META (record.h)
 *     'K'  a row of that tenant: kind[4] index[4] record, as stored: sealed with the tenant's key
 *     ...  more rows, more tenants
 *     'E'  the end: number of tenants[4] 0[4] number of rows[8]
 *
 * Rows come in the order of (kind, index), and add up to the number and sum in their tenant's META: so what is read is
 * what was in the store at one moment, or an error. Verifying opens every part of every record.
 */
#ifndef CARDMUX_VAULT_ARCHIVE_H
#define CARDMUX_VAULT_ARCHIVE_H

#include "backend/vault/record.h"
#include "backend/vault/sealed.h"

#define ARCHIVE_FRAME      8u
#define ARCHIVE_ROOT_LEN   64u
#define ARCHIVE_TENANT_LEN (120u + TENANT_META_LEN)
#define ARCHIVE_ROW_HEAD   8u
#define ARCHIVE_END_LEN    16u

enum archive_frame {
    ARCHIVE_ROOT = 'R',
    ARCHIVE_TENANT = 'T',
    ARCHIVE_ROW = 'K',
    ARCHIVE_END = 'E'
};

struct archive_root {
    uint32_t next_id;
    uint64_t version;
    uint8_t uid[RECORD_UID], secret[32];
};

struct archive_tenant {
    uint32_t id;
    bool rotating;
    uint8_t uid[RECORD_UID], key[32], key_before[32], places[32];
    struct tenant_meta meta;
};

struct archive_end {
    uint32_t tenants;
    uint64_t rows;
};

/* Parsers; len is the body's. Builders write that many bytes. */
bool archive_frame_parse(const uint8_t bytes[ARCHIVE_FRAME], enum archive_frame *type, size_t *len);
void archive_frame_build(enum archive_frame type, size_t len, uint8_t bytes[ARCHIVE_FRAME]);
bool archive_root_parse(const uint8_t *bytes, size_t len, struct archive_root *root);
void archive_root_build(const struct archive_root *root, uint8_t bytes[ARCHIVE_ROOT_LEN]);
bool archive_tenant_parse(const uint8_t *bytes, size_t len, struct archive_tenant *tenant);
void archive_tenant_build(const struct archive_tenant *tenant, uint8_t bytes[ARCHIVE_TENANT_LEN]);
bool archive_end_parse(const uint8_t *bytes, size_t len, struct archive_end *end);
void archive_end_build(const struct archive_end *end, uint8_t bytes[ARCHIVE_END_LEN]);

#endif
