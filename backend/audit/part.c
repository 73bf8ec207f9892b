/* SPDX-License-Identifier: Apache-2.0 */
/*
 * part.c: the line at the head of a tenant's part. Its entries follow as they stand in the log, then the checkpoint. It
 * says nothing that must be believed: key and log are compared with what the reader knows, the two places of the chain
 * are recomputed from the entries, and the path leads from the second to the root that the checkpoint signs.
 */
#include <string.h>
#include "backend/audit/cursor.h"
#include "backend/audit/entry.h"

size_t audit_part_build(const struct audit_part *part, char out[AUDIT_PART_MAX])
{
    struct writer w = {.at = out, .end = out + AUDIT_PART_MAX - 1};
    put_literal(&w, "{\"part\":1,\"log\":\"");
    put_hex(&w, part->log, AUDIT_LOG_ID);
    put_literal(&w, "\",\"key\":\"");
    put_hex(&w, part->key, AUDIT_POINT);
    put_literal(&w, "\",\"tenant_id\":");
    put_number(&w, part->end.id);
    put_literal(&w, ",\"start\":");
    put_number(&w, part->start.n);
    put_literal(&w, ",\"start_head\":\"");
    put_hex(&w, part->start.head, AUDIT_HASH);
    put_literal(&w, "\",\"n\":");
    put_number(&w, part->end.n);
    put_literal(&w, ",\"head\":\"");
    put_hex(&w, part->end.head, AUDIT_HASH);
    put_literal(&w, "\",\"index\":");
    put_number(&w, part->index);
    put_literal(&w, ",\"leaves\":");
    put_number(&w, part->leaves);
    put_literal(&w, ",\"path\":[");
    for (unsigned i = 0; i < part->path_len; i++) {
        put_literal(&w, i ? ",\"" : "\"");
        put_hex(&w, part->path[i], AUDIT_HASH);
        put_literal(&w, "\"");
    }
    put_literal(&w, "]}\n");
    return w.failed ? 0 : (size_t)(w.at - out);
}

bool audit_part_parse(const char *bytes, size_t len, struct audit_part *part)
{
    if (len && bytes[len - 1] == '\n')
        len--;
    struct cursor c = {.at = bytes, .end = bytes + len};
    memset(part, 0, sizeof *part);
    take_literal(&c, "{\"part\":1,\"log\":\"");
    take_hex(&c, part->log, AUDIT_LOG_ID);
    take_literal(&c, "\",\"key\":\"");
    take_hex(&c, part->key, AUDIT_POINT);
    take_literal(&c, "\",\"tenant_id\":");
    part->start.id = part->end.id = (uint32_t)take_number(&c, UINT32_MAX);
    take_literal(&c, ",\"start\":");
    part->start.n = take_number(&c, UINT64_MAX);
    take_literal(&c, ",\"start_head\":\"");
    take_hex(&c, part->start.head, AUDIT_HASH);
    take_literal(&c, "\",\"n\":");
    part->end.n = take_number(&c, UINT64_MAX);
    take_literal(&c, ",\"head\":\"");
    take_hex(&c, part->end.head, AUDIT_HASH);
    take_literal(&c, "\",\"index\":");
    part->index = take_number(&c, UINT32_MAX);
    take_literal(&c, ",\"leaves\":");
    part->leaves = take_number(&c, UINT32_MAX);
    take_literal(&c, ",\"path\":[");
    while (is_literal(&c, part->path_len ? ",\"" : "\"") && part->path_len < AUDIT_PATH_MAX) {
        take_literal(&c, part->path_len ? ",\"" : "\"");
        take_hex(&c, part->path[part->path_len++], AUDIT_HASH);
        take_literal(&c, "\"");
    }
    take_literal(&c, "]}");
    return !c.failed && c.at == c.end && part->end.id && part->start.n <= part->end.n && part->index < part->leaves;
}
