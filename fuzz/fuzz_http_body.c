/* covers: backend/admin/body.c, backend/admin/route.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request as the admin process sees it: the first line of the input is "METHOD PATH", the rest is the body. Beside
 * crashes it looks for what the broker relies on: names, kinds, indexes and lengths in a message that was taken are in
 * range, and a refusal has a word and a sentence.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "backend/admin/body.h"
#include "backend/admin/route.h"
#include "backend/admin/wipe_alloc.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    wipe_alloc_for_json();
    return 0;
}

static void check_taken(const struct route *route, const struct admin_message *m)
{
    bool named = route->body == BODY_TENANT_ADD || strstr(route->pattern, "{name}");
    must(!named || body_name_ok(m->tenant.name));
    must(m->code_len <= VAULT_CODE_MAX && m->tenant.weight <= 1000);
    if (route->body == BODY_KEY_GENERATE || route->body == BODY_KEY_IMPORT || strstr(route->pattern, "{kind}")) {
        must(vault_kind(m->key.kind) != NULL);
        must(m->key.index <= VAULT_INDEX_MAX);
    }
    for (int i = 0; i < 3; i++)
        must(m->envelopes[i].len <= sizeof m->envelopes[i].bytes);
    if (route->body == BODY_KEY_GENERATE || route->body == BODY_KEY_IMPORT)
        must(vault_kind_bits_ok(m->key.kind, m->key.bits) && vault_kind_place_ok(m->key.kind, m->key.index));
    if (strstr(route->pattern, "{file}"))
        must(m->file.name_len >= 1 && m->file.name_len <= VAULT_FILE_NAME);
    must(body_codes_word(m->policy.codes)[0] != '?');
    must(!(m->allow.policy.denied_classes & m->deny.policy.denied_classes));
    must(!(m->deny.policy.denied_algs & ~cm_policy_all.denied_algs));
    must(m->policy.max_files <= VAULT_FILES_MAX && m->policy.max_file_bytes <= VAULT_FILE_BYTES_MAX);
    if (route->body == BODY_TENANT_SET)
        must(m->mask != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct admin_message message;
    struct body_error error = {0};
    char line[300], allow[64];
    unsigned status = 0;
    const uint8_t *end = memchr(data, '\n', size);
    size_t len = end ? (size_t)(end - data) : size;
    if (len >= sizeof line)
        return 0;
    memcpy(line, data, len);
    line[len] = 0;
    char *path = strchr(line, ' ');
    if (!path)
        return 0;
    *path++ = 0;
    memset(&message, 0, sizeof message);
    const struct route *route = route_find(line, path, &message, &status, allow, &error);
    const char *body = end ? (const char *)end + 1 : "";
    size_t body_len = end ? size - len - 1 : 0;
    if (!route)
        must((status == 400 || status == 404 || status == 405) && error.code && error.message[0]);
    else if (body_parse(route->body, body, body_len, &message, &error))
        check_taken(route, &message);
    else
        must(error.code && error.message[0] && strlen(error.message) < sizeof error.message);
    const char *code;
    must(route_result((uint32_t)size % 12, &code) >= 200 && code && route_row(1000) == NULL);
    return 0;
}
