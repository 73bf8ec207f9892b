/* covers: backend/audit/entry.c, backend/audit/cursor.c, backend/audit/part.c */
/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the audit log: what a parser accepts is byte for byte what the builder makes of it. Any text, line by line,
 * also goes through the replay and the check of a tenant's part, which must only ever say no. */
#include <stdlib.h>
#include <string.h>
#include "backend/audit/extract.h"

static void must(int condition)
{
    if (!condition)
        abort();
}

static void try_line(const char *bytes, size_t len)
{
    struct audit_line line;
    char again[AUDIT_LINE_MAX], texts[8];
    if (!audit_parse(bytes, len, &line))
        return;
    len -= len && bytes[len - 1] == '\n';
    size_t body = line.body_len, built = audit_build_body(&line, again);
    if (line.kind == AUDIT_CHECKPOINT)
        built = audit_build_signature(&line, again, built);
    must(built == body);
    built = audit_build_end(&line, again, built);
    must(built == len + 1 && memcmp(again, bytes, len) == 0);
    if (line.kind != AUDIT_ENTRY)
        return;
    must(line.entry.by < AUDIT_BYS && line.entry.result < AUDIT_RESULTS);
    audit_text(texts, sizeof texts, line.entry.detail);
    must(strlen(texts) < sizeof texts);
    must(audit_event_name(AUDIT_EVENTS)[0] == '\0' && audit_event_name(AUDIT_TENANT_ADD)[0]);
    must(audit_by_name(AUDIT_BYS)[0] == '\0' && audit_result_name(AUDIT_RESULTS)[0] == '\0');
}

static void try_part(const char *bytes, size_t len)
{
    struct audit_part part;
    char again[AUDIT_PART_MAX];
    if (!audit_part_parse(bytes, len, &part))
        return;
    len -= len && bytes[len - 1] == '\n';
    must(audit_part_build(&part, again) == len + 1 && memcmp(again, bytes, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct audit_part_result result;
    const char *text = (const char *)data;
    struct audit_extract extract;
    bool follows = true;
    if (size > 65536)
        return 0;
    audit_extract_init(&extract, "t1");
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t n = end ? (size_t)(end - (text + at)) + 1 : size - at;
        try_line(text + at, n);
        try_part(text + at, n);
        follows = follows && audit_extract_line(&extract, text + at, n);
        at += n;
    }
    audit_extract_free(&extract);
    audit_part_verify(text, size, NULL, &result);
    return 0;
}
