/* SPDX-License-Identifier: Apache-2.0 */
/* see route.h */
#include "backend/admin/route.h"
#include <stdio.h>
#include <string.h>

#define KEY "/v1/tenants/{name}/keys/{kind}/{index}"

#define EVERY ROLE_ANY
#define RUN   ROLE_OPERATOR
#define AUDIT (ROLE_AUDITOR | ROLE_SECURITY)
#define KEYS  ROLE_SECURITY

/* Who may comes first in a row: one that forgets it does not compile. */
static const struct route routes[] = {
    {EVERY, "GET", "/v1/status", BODY_EMPTY, ADMIN_STATUS, ANSWER_STATUS, 200, false},
    {EVERY, "GET", "/v1/operations", BODY_EMPTY, 0, ANSWER_OPERATIONS, 200, false},
    {EVERY, "GET", "/v1/tenants", BODY_EMPTY, ADMIN_TENANT_LIST, ANSWER_TENANTS, 200, false},
    {RUN, "POST", "/v1/tenants", BODY_TENANT_ADD, ADMIN_TENANT_ADD, ANSWER_TENANT, 201, true},
    {EVERY, "GET", "/v1/tenants/{name}", BODY_EMPTY, ADMIN_TENANT_SHOW, ANSWER_TENANT, 200, false},
    {RUN, "PATCH", "/v1/tenants/{name}", BODY_TENANT_SET, ADMIN_TENANT_SET, ANSWER_NONE, 204, true},
    {RUN, "DELETE", "/v1/tenants/{name}", BODY_EMPTY, ADMIN_TENANT_REMOVE, ANSWER_NONE, 204, true},
    {EVERY, "GET", "/v1/tenants/{name}/keys", BODY_EMPTY, ADMIN_KEY_LIST, ANSWER_KEYS, 200, false},
    {RUN, "POST", "/v1/tenants/{name}/keys", BODY_KEY_GENERATE, ADMIN_KEY_GENERATE, ANSWER_KEY, 201, true},
    {RUN, "POST", "/v1/tenants/{name}/keys/import", BODY_KEY_IMPORT, ADMIN_KEY_IMPORT, ANSWER_KEY, 201, true},
    {RUN, "DELETE", KEY, BODY_EMPTY, ADMIN_KEY_DESTROY, ANSWER_NONE, 204, true},
    {RUN, "POST", KEY "/code", BODY_KEY_CODE, ADMIN_KEY_CODE, ANSWER_NONE, 204, true},
    {RUN, "POST", KEY "/unlock", BODY_EMPTY, ADMIN_KEY_UNLOCK, ANSWER_NONE, 204, true},
    {EVERY, "GET", "/v1/tenants/{name}/files", BODY_EMPTY, ADMIN_FILE_LIST, ANSWER_FILES, 200, false},
    {RUN, "DELETE", "/v1/tenants/{name}/files/{file}", BODY_EMPTY, ADMIN_FILE_REMOVE, ANSWER_NONE, 204, true},
    {RUN, "POST", "/v1/card/test", BODY_EMPTY, ADMIN_CARD_TEST, ANSWER_NONE, 204, false},
    {EVERY, "GET", "/v1/vault", BODY_EMPTY, ADMIN_VAULT_STATE, ANSWER_VAULT, 200, false},
    {KEYS, "POST", "/v1/vault/rekey", BODY_REKEY, ADMIN_VAULT_REKEY, ANSWER_NONE, 204, true},
    {KEYS, "POST", "/v1/vault/backup", BODY_BACKUP, ADMIN_BACKUP, ANSWER_NONE, 204, true},
    {KEYS, "POST", "/v1/tenants/{name}/export", BODY_BACKUP, ADMIN_TENANT_EXPORT, ANSWER_NONE, 204, true},
    {KEYS, "POST", "/v1/imports", BODY_IMPORT, ADMIN_TENANT_IMPORT, ANSWER_TENANT, 201, true},
    {EVERY, "GET", "/v1/audit", BODY_EMPTY, ADMIN_AUDIT_STATE, ANSWER_AUDIT, 200, false},
    {AUDIT, "GET", "/v1/audit/files/{segment}/{offset}", BODY_EMPTY, ADMIN_AUDIT_READ, ANSWER_AUDIT_BYTES, 200, false},
    {AUDIT, "POST", "/v1/audit/checkpoint", BODY_EMPTY, ADMIN_AUDIT_CHECKPOINT, ANSWER_AUDIT_BYTES, 200, false},
};

static bool is_segment(const char *pattern, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(pattern, word, len) == 0;
}

/* 0..VAULT_INDEX_MAX in plain decimal. */
static bool parse_index(const char *text, uint32_t *value)
{
    *value = 0;
    if (text[0] == '0')
        return !text[1];
    for (; *text >= '0' && *text <= '9' && *value <= VAULT_INDEX_MAX; text++)
        *value = *value * 10 + (uint32_t)(*text - '0');
    return !*text && *value && *value <= VAULT_INDEX_MAX;
}

/* 0..2^53 - 1 in plain decimal, which JSON can hold. */
static bool parse_count(const char *text, uint64_t *value)
{
    *value = 0;
    if (text[0] == '0')
        return !text[1];
    for (; *text >= '0' && *text <= '9' && *value < UINT64_C(1) << 49; text++)
        *value = *value * 10 + (uint64_t)(*text - '0');
    return !*text && *value;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A file's name, any bytes, as pairs of hexadecimal digits. */
static bool parse_file(const char *text, struct vault_file *file)
{
    size_t len = strlen(text);
    if (len % 2 || len > 2 * sizeof file->name)
        return false;
    for (size_t i = 0; i < len; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        file->name[i / 2] = (uint8_t)(high << 4 | low);
    }
    file->name_len = (uint32_t)len / 2;
    return file->name_len != 0;
}

enum match {
    MATCH_NO,
    MATCH_YES,
    MATCH_BAD, /* the path has this form, but a name, kind or index in it cannot be */
};

static bool take_segment(const char *pattern, size_t plen, const char *word, struct admin_message *message,
                         struct body_error *error)
{
    if (is_segment(pattern, plen, "{name}")) {
        snprintf(error->message, sizeof error->message, "the path holds no valid tenant name");
        if (body_name_ok(word))
            memcpy(message->tenant.name, word, strlen(word) + 1);
        return message->tenant.name[0] != 0;
    }
    if (is_segment(pattern, plen, "{kind}")) {
        snprintf(error->message, sizeof error->message, "the kind of key in the path must be sm2, rsa, p256 or kek");
        message->key.kind = (enum vault_key_kind)body_key_kind(word);
        return message->key.kind != 0;
    }
    if (is_segment(pattern, plen, "{file}")) {
        snprintf(error->message, sizeof error->message,
                 "the file's name in the path must be 1 to %u bytes as pairs of digits 0-9 a-f", VAULT_FILE_NAME);
        return parse_file(word, &message->file);
    }
    if (is_segment(pattern, plen, "{segment}") || is_segment(pattern, plen, "{offset}")) {
        bool segment = pattern[1] == 's';
        snprintf(error->message, sizeof error->message, "the path needs a file's number (from 1) and an offset");
        return parse_count(word, segment ? &message->audit.segment : &message->audit.offset) &&
               (!segment || message->audit.segment);
    }
    snprintf(error->message, sizeof error->message, "the key index in the path must be from 0 to %u", VAULT_INDEX_MAX);
    return parse_index(word, &message->key.index);
}

static enum match match_path(const char *pattern, const char *path, struct admin_message *message,
                             struct body_error *error)
{
    enum match result = MATCH_YES;
    while (*pattern == '/' && *path == '/') {
        size_t plen = strcspn(++pattern, "/"), len = strcspn(++path, "/");
        char word[2 * VAULT_FILE_NAME + 4];
        if (len == 0 || len >= sizeof word)
            return MATCH_NO;
        memcpy(word, path, len);
        word[len] = 0;
        if (pattern[0] != '{' && !is_segment(pattern, plen, word))
            return MATCH_NO;
        if (pattern[0] == '{' && result == MATCH_YES && !take_segment(pattern, plen, word, message, error))
            result = MATCH_BAD; /* the first complaint stays; the rest must still have the form */
        pattern += plen;
        path += len;
    }
    return *pattern || *path ? MATCH_NO : result;
}

const struct route *route_find(const char *method, const char *path, struct admin_message *message,
                               unsigned *http_status, char allow[64], struct body_error *error)
{
    allow[0] = 0;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct admin_message found = {.type = routes[i].type};
        enum match match = match_path(routes[i].pattern, path, &found, error);
        if (match == MATCH_NO)
            continue;
        size_t used = strlen(allow);
        snprintf(allow + used, 64 - used, "%s%s", used ? ", " : "", routes[i].method);
        if (strcmp(routes[i].method, method) != 0)
            continue;
        if (match == MATCH_BAD) {
            *http_status = 400;
            error->code = "out-of-range";
            return NULL;
        }
        message->type = found.type;
        message->tenant = found.tenant;
        message->key = found.key;
        message->file = found.file;
        message->audit.segment = found.audit.segment;
        message->audit.offset = found.audit.offset;
        return &routes[i];
    }
    *http_status = allow[0] ? 405 : 404;
    error->code = allow[0] ? "method-not-allowed" : "no-such-path";
    snprintf(error->message, sizeof error->message,
             allow[0] ? "this path does not take that method" : "there is no such path");
    return NULL;
}

unsigned route_result(uint32_t result, const char **code)
{
    static const struct {
        unsigned http_status;
        const char *code;
    } table[] = {
        [VAULT_OK] = {200, "ok"},
        [VAULT_NOT_FOUND] = {404, "not-found"},
        [VAULT_EXISTS] = {409, "exists"},
        [VAULT_INVALID] = {400, "invalid"},
        [VAULT_DAMAGED] = {500, "damaged"},
        [VAULT_IO] = {507, "io"},
        [VAULT_BAD_CODE] = {403, "bad-code"},
        [VAULT_LOCKED] = {423, "locked"},
        [VAULT_BUSY] = {503, "busy"},
        [VAULT_LIMIT] = {409, "limit"},
        [VAULT_RANGE] = {400, "range"},
    };
    if (result >= sizeof table / sizeof *table) {
        *code = "failed";
        return 500;
    }
    *code = table[result].code;
    return table[result].http_status;
}

const struct route *route_row(unsigned i)
{
    return i < sizeof routes / sizeof *routes ? &routes[i] : NULL;
}
