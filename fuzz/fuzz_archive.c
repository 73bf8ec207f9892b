/* covers: backend/vault/archive_form.c backend/vault/sealed_form.c backend/vault/shares_form.c */
/* SPDX-License-Identifier: Apache-2.0 */
/* Import formats of the vault: headers of sealed files, frames and bodies of archives, shares of a key. What a parser
   accepts is byte for byte what the builder makes of it. The first byte chooses. */
#include <stdlib.h>
#include <string.h>
#include "vault/archive.h"
#include "vault/shares.h"

static void must(int condition)
{
    if (!condition)
        abort();
}

static void try_sealed(const uint8_t *bytes, size_t len)
{
    struct sealed_header header;
    uint8_t again[SEALED_HEADER];
    size_t piece;
    bool last;
    if (len >= SEALED_HEADER && sealed_header_parse(bytes, &header)) {
        sealed_header_build(&header, again);
        must(memcmp(again, bytes, sizeof again) == 0);
    }
    if (len >= 4 && sealed_piece_parse(bytes, &piece, &last)) {
        must(piece >= SEALED_TAG && piece <= SEALED_PIECE + SEALED_TAG);
        must(last || piece == SEALED_PIECE + SEALED_TAG);
    }
}

static void try_bodies(const uint8_t *bytes, size_t len)
{
    struct archive_root root;
    struct archive_tenant tenant;
    struct archive_end end;
    uint8_t again[ARCHIVE_TENANT_LEN];
    if (archive_root_parse(bytes, len, &root)) {
        archive_root_build(&root, again);
        must(len == ARCHIVE_ROOT_LEN && memcmp(again, bytes, len) == 0);
    }
    if (archive_tenant_parse(bytes, len, &tenant)) {
        archive_tenant_build(&tenant, again);
        must(len == ARCHIVE_TENANT_LEN && memcmp(again, bytes, len) == 0);
        must(tenant_name_ok(tenant.meta.tenant.name));
    }
    if (archive_end_parse(bytes, len, &end)) {
        archive_end_build(&end, again);
        must(len == ARCHIVE_END_LEN && memcmp(again, bytes, len) == 0);
    }
}

static void try_frame(const uint8_t *bytes, size_t len)
{
    enum archive_frame type;
    uint8_t again[ARCHIVE_FRAME];
    size_t body;
    if (len < ARCHIVE_FRAME || !archive_frame_parse(bytes, &type, &body))
        return;
    archive_frame_build(type, body, again);
    must(memcmp(again, bytes, sizeof again) == 0 && body <= ARCHIVE_ROW_HEAD + RECORD_MAX);
}

static void try_share(const uint8_t *bytes, size_t len)
{
    struct share share;
    char again[SHARE_TEXT];
    if (!share_parse((const char *)bytes, len, &share))
        return;
    share_build(&share, again);
    must(strlen(again) <= len && memcmp(again, bytes, strlen(again)) == 0);
    must(share.least >= 2 && share.least <= share.count && share.number <= share.count && share.count <= SHARES_MOST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const uint8_t *, size_t) = {try_sealed, try_bodies, try_frame, try_share};
    if (size)
        tries[data[0] % 4](data + 1, size - 1);
    return 0;
}
