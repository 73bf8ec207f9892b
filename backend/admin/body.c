/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.c: one table of fields per kind of body (see body.h). A row says what a field is called, what it may hold and
 * where it goes in struct admin_message; one loop over the document's keys finds each key's row or refuses it, and a
 * second one over the table finds what is missing. What needs two fields at once (owner, bits with kind) is in
 * check_whole().
 */
#include "backend/admin/body.h"
#include "backend/vault/master_key.h"
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum field_type {
    FIELD_NAME,
    FIELD_UINT,
    FIELD_DISABLED,
    FIELD_KIND,
    FIELD_CODE,
    FIELD_NAMES,
    FIELD_PUBLIC, /* 64 hexadecimal digits */
    FIELD_FILE,
    FIELD_CODES,
    FIELD_ENVELOPE, /* hexadecimal digits */
    FIELD_FORM,     /* of a master key's file */
};

struct field {
    const char *name;
    enum field_type type;
    size_t offset; /* FIELD_UINT: of a uint32_t in struct admin_message; FIELD_NAMES: of a struct admin_names;
                      FIELD_ENVELOPE: of a struct admin_envelope */
    uint32_t min, max;
    uint32_t mask; /* into message.mask */
    bool required;
};

#define AT(member) offsetof(struct admin_message, member)
#define ID_MAX     0xfffffffeu /* (uid_t)-1 means nobody */
#define SEEN_MAX   16
#define LIMIT_FIELDS                                                                                                     \
    {"owner_uid", FIELD_UINT, AT(tenant.owner_uid), 0, ID_MAX, ADMIN_SET_OWNER, false},                                  \
        {"owner_gid", FIELD_UINT, AT(tenant.owner_gid), 0, ID_MAX, ADMIN_SET_OWNER, false},                              \
        {"max_connections", FIELD_UINT, AT(tenant.max_connections), 1, 65535, ADMIN_SET_CONNECTIONS, false},             \
        {"max_sessions", FIELD_UINT, AT(tenant.max_sessions), 1, 65535, ADMIN_SET_SESSIONS, false},                      \
        {"max_handles", FIELD_UINT, AT(tenant.max_handles), 1, 1048576, ADMIN_SET_HANDLES, false},                       \
        {"weight", FIELD_UINT, AT(tenant.weight), 1, 1000, ADMIN_SET_WEIGHT, false},                                     \
        {"cid", FIELD_UINT, AT(tenant.cid), 0, ID_MAX, ADMIN_SET_CID, false},                                            \
        {"allow", FIELD_NAMES, AT(allow), 0, 0, ADMIN_SET_POLICY, false},                                                \
        {"deny", FIELD_NAMES, AT(deny), 0, 0, ADMIN_SET_POLICY, false},                                                  \
        {"access_codes", FIELD_CODES, 0, 0, 0, ADMIN_SET_CODES, false},                                                  \
        {"max_files", FIELD_UINT, AT(policy.max_files), 0, VAULT_FILES_MAX, ADMIN_SET_FILES, false},                     \
        {"max_file_bytes", FIELD_UINT, AT(policy.max_file_bytes), 0, VAULT_FILE_BYTES_MAX, ADMIN_SET_FILE_BYTES, false}, \
    {                                                                                                                    \
        "disabled", FIELD_DISABLED, 0, 0, 0, ADMIN_SET_FLAGS, false                                                      \
    }

static const struct field tenant_add[] = {
    {"name", FIELD_NAME, 0, 0, 0, 0, true},
    LIMIT_FIELDS,
};
static const struct field tenant_set[] = {LIMIT_FIELDS};
static const struct field key_generate[] = {
    {"kind", FIELD_KIND, 0, 0, 0, 0, true},
    {"index", FIELD_UINT, AT(key.index), 0, VAULT_INDEX_MAX, 0, true},
    {"bits", FIELD_UINT, AT(key.bits), 128, 4096, 0, false},
    {"code", FIELD_CODE, 0, 0, 0, 0, false},
};

static const struct field key_import[] = {
    {"kind", FIELD_KIND, 0, 0, 0, 0, true},
    {"index", FIELD_UINT, AT(key.index), 0, VAULT_INDEX_MAX, 0, true},
    {"code", FIELD_CODE, 0, 0, 0, 0, false},
    {"sign", FIELD_ENVELOPE, AT(envelopes[0]), 0, 0, 0, false},
    {"encrypt", FIELD_ENVELOPE, AT(envelopes[1]), 0, 0, 0, false},
    {"wrapped", FIELD_ENVELOPE, AT(envelopes[2]), 0, 0, 0, false},
};

static const struct field backup[] = {
    {"recipient", FIELD_PUBLIC, 0, 0, 0, 0, true},
    {"file", FIELD_FILE, 0, 0, 0, 0, true},
};
static const struct field import[] = {
    {"file", FIELD_FILE, 0, 0, 0, 0, true},
    {"from", FIELD_PUBLIC, 0, 0, 0, ADMIN_FROM, false},
    {"name", FIELD_NAME, 0, 0, 0, 0, false},
};

static const struct field rekey[] = {
    {"form", FIELD_FORM, 0, 0, 0, 0, false},
};

static const struct field key_code[] = {
    {"code", FIELD_CODE, 0, 0, 0, 0, false},
};

static const struct {
    const struct field *fields;
    size_t count;
} kinds[BODY_KINDS] = {
    [BODY_EMPTY] = {NULL, 0},
    [BODY_TENANT_ADD] = {tenant_add, sizeof tenant_add / sizeof *tenant_add},
    [BODY_TENANT_SET] = {tenant_set, sizeof tenant_set / sizeof *tenant_set},
    [BODY_KEY_CODE] = {key_code, sizeof key_code / sizeof *key_code},
    [BODY_KEY_IMPORT] = {key_import, sizeof key_import / sizeof *key_import},
    [BODY_KEY_GENERATE] = {key_generate, sizeof key_generate / sizeof *key_generate},
    [BODY_BACKUP] = {backup, sizeof backup / sizeof *backup},
    [BODY_IMPORT] = {import, sizeof import / sizeof *import},
    [BODY_REKEY] = {rekey, sizeof rekey / sizeof *rekey},
};
_Static_assert(sizeof tenant_add / sizeof *tenant_add <= SEEN_MAX, "seen[]");

__attribute__((format(printf, 3, 4))) static bool refuse(struct body_error *error, const char *code, const char *format,
                                                         ...)
{
    va_list args;
    error->code = code;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return false;
}

bool body_name_ok(const char *name)
{
    size_t len = strnlen(name, VAULT_NAME_MAX + 1);
    if (len == 0 || len > VAULT_NAME_MAX || name[0] == '-' || name[0] == '_' || name[0] == '.')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

uint32_t body_key_kind(const char *word)
{
    return (uint32_t)vault_kind_named(word);
}

static bool take_uint(const struct field *field, json_t *value, struct admin_message *message, struct body_error *error)
{
    if (!json_is_integer(value))
        return refuse(error, "wrong-type", "field \"%s\" must be a whole number", field->name);
    json_int_t number = json_integer_value(value);
    if (number < (json_int_t)field->min || number > (json_int_t)field->max)
        return refuse(error, "out-of-range", "field \"%s\" must be from %u to %u", field->name, field->min, field->max);
    uint32_t narrow = (uint32_t)number;
    memcpy((char *)message + field->offset, &narrow, sizeof narrow);
    return true;
}

static bool take_name(const struct field *field, json_t *value, struct admin_message *message, struct body_error *error)
{
    if (!json_is_string(value))
        return refuse(error, "wrong-type", "field \"%s\" must be a string", field->name);
    if (!body_name_ok(json_string_value(value)))
        return refuse(error, "out-of-range",
                      "field \"%s\" must be 1 to %u characters of a-z 0-9 - _ . and start with a letter or digit",
                      field->name, VAULT_NAME_MAX);
    snprintf(message->tenant.name, sizeof message->tenant.name, "%s", json_string_value(value));
    return true;
}

static bool take_code(const struct field *field, json_t *value, struct admin_message *message, struct body_error *error)
{
    if (!json_is_string(value))
        return refuse(error, "wrong-type", "field \"%s\" must be a string", field->name);
    size_t len = json_string_length(value);
    if (len == 0 || len > VAULT_CODE_MAX)
        return refuse(error, "out-of-range", "field \"%s\" must be 1 to %u bytes of UTF-8", field->name,
                      VAULT_CODE_MAX);
    memcpy(message->code, json_string_value(value), len);
    message->code_len = (uint32_t)len;
    return true;
}

/* Only names that are known and a few words are said again in errors: never a value. */
static bool take_names(const struct field *field, json_t *value, struct admin_message *message,
                       struct body_error *error)
{
    struct admin_names *names = (struct admin_names *)(void *)((char *)message + field->offset);
    size_t i;
    json_t *name;
    if (!json_is_array(value))
        return refuse(error, "wrong-type", "field \"%s\" must be a list of names", field->name);
    json_array_foreach(value, i, name)
    {
        if (!json_is_string(name))
            return refuse(error, "wrong-type", "field \"%s\" must be a list of names", field->name);
        uint32_t asked = cm_asked_named(json_string_value(name));
        if (asked)
            names->flags |= asked;
        else if (!cm_policy_name(json_string_value(name), &names->policy))
            return refuse(error, "out-of-range",
                          "field \"%s\", name %zu: there is no function or algorithm of that name", field->name, i + 1);
    }
    return true;
}

static const char *const codes_words[] = {
    [VAULT_CODES_FREE] = "optional", [VAULT_CODES_NEW] = "new-keys", [VAULT_CODES_ALWAYS] = "always"};

const char *body_codes_word(enum vault_codes codes)
{
    return (unsigned)codes <= VAULT_CODES_ALWAYS ? codes_words[codes] : "?";
}

static bool take_codes(const struct field *field, json_t *value, struct admin_message *message,
                       struct body_error *error)
{
    for (unsigned i = 0; json_is_string(value) && i <= VAULT_CODES_ALWAYS; i++)
        if (strcmp(codes_words[i], json_string_value(value)) == 0) {
            message->policy.codes = (enum vault_codes)i;
            return true;
        }
    return refuse(error, json_is_string(value) ? "out-of-range" : "wrong-type",
                  "field \"%s\" must be \"optional\", \"new-keys\" or \"always\"", field->name);
}

/* Lower-case hexadecimal digits, two for each byte. */
static bool hex_bytes(const char *text, uint8_t *bytes)
{
    size_t len = strlen(text);
    if (len % 2 || strspn(text, "0123456789abcdef") != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = (unsigned)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
        bytes[i / 2] = (uint8_t)(i % 2 ? bytes[i / 2] | digit : digit << 4);
    }
    return true;
}

static bool take_envelope(const struct field *field, json_t *value, struct admin_message *message,
                          struct body_error *error)
{
    const char *text = json_is_string(value) ? json_string_value(value) : NULL;
    struct admin_envelope *envelope = (struct admin_envelope *)(void *)((char *)message + field->offset);
    if (!text)
        return refuse(error, "wrong-type", "field \"%s\" must be a string", field->name);
    if (strlen(text) < 2 || strlen(text) > 2 * sizeof envelope->bytes || !hex_bytes(text, envelope->bytes))
        return refuse(error, "out-of-range", "field \"%s\" must be an envelope in hexadecimal digits, at most %zu",
                      field->name, 2 * sizeof envelope->bytes);
    envelope->len = (uint32_t)strlen(text) / 2;
    return true;
}

static bool take_public(const struct field *field, json_t *value, struct admin_message *message,
                        struct body_error *error)
{
    const char *text = json_is_string(value) ? json_string_value(value) : NULL;
    if (!text)
        return refuse(error, "wrong-type", "field \"%s\" must be a string", field->name);
    if (strlen(text) != 2 * sizeof message->vault.key || !hex_bytes(text, message->vault.key))
        return refuse(error, "out-of-range", "field \"%s\" must be %zu hexadecimal digits", field->name,
                      2 * sizeof message->vault.key);
    return true;
}

static bool take_file(const struct field *field, json_t *value, struct admin_message *message, struct body_error *error)
{
    const char *text = json_is_string(value) ? json_string_value(value) : NULL;
    size_t len = text ? strlen(text) : 0;
    if (!text)
        return refuse(error, "wrong-type", "field \"%s\" must be a string", field->name);
    if (len == 0 || len >= sizeof message->vault.file || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789") != len)
        return refuse(error, "out-of-range", "field \"%s\" must be 1 to %zu characters of a-z 0-9", field->name,
                      sizeof message->vault.file - 1);
    memcpy(message->vault.file, text, len + 1);
    return true;
}

static bool take_form(const struct field *field, json_t *value, struct admin_message *message, struct body_error *error)
{
    enum master_form form = json_is_string(value) ? master_form_of(json_string_value(value)) : MASTER_FORMS;
    if (form == MASTER_FORMS)
        return refuse(error, json_is_string(value) ? "out-of-range" : "wrong-type",
                      "field \"%s\" must be \"file\", \"passphrase\" or \"card\"", field->name);
    message->vault.form = form + 1u;
    return true;
}

static bool take(const struct field *field, json_t *value, struct admin_message *message, struct body_error *error)
{
    message->mask |= field->mask;
    switch (field->type) {
    case FIELD_NAME:
        return take_name(field, value, message, error);
    case FIELD_UINT:
        return take_uint(field, value, message, error);
    case FIELD_PUBLIC:
        return take_public(field, value, message, error);
    case FIELD_FILE:
        return take_file(field, value, message, error);
    case FIELD_ENVELOPE:
        return take_envelope(field, value, message, error);
    case FIELD_CODE:
        return take_code(field, value, message, error);
    case FIELD_NAMES:
        return take_names(field, value, message, error);
    case FIELD_FORM:
        return take_form(field, value, message, error);
    case FIELD_CODES:
        return take_codes(field, value, message, error);
    case FIELD_DISABLED:
        if (!json_is_boolean(value))
            return refuse(error, "wrong-type", "field \"%s\" must be true or false", field->name);
        if (json_is_true(value))
            message->tenant.flags |= VAULT_TENANT_DISABLED;
        return true;
    case FIELD_KIND: {
        if (!json_is_string(value))
            return refuse(error, "wrong-type", "field \"%s\" must be a string", field->name);
        uint32_t kind = body_key_kind(json_string_value(value));
        if (!kind)
            return refuse(error, "out-of-range", "field \"%s\" must be \"sm2\", \"rsa\", \"p256\" or \"kek\"",
                          field->name);
        message->key.kind = (enum vault_key_kind)kind;
        return true;
    }
    }
    return refuse(error, "unknown-field", "field \"%s\" has no type", field->name);
}

/* A key of the sender's own making, fit to be quoted in a sentence: printable ASCII, not long. */
static void quote_key(const char *key, char out[41])
{
    size_t n = 0;
    for (; key[n] && n < 40; n++)
        out[n] = key[n] > ' ' && key[n] < 127 && key[n] != '"' && key[n] != '\\' ? key[n] : '?';
    out[n] = 0;
}

/* The envelopes that the kind needs, and no others; how long they are says how long a KEK is. */
static bool check_envelopes(struct admin_message *message, struct body_error *error)
{
    const struct admin_envelope *e = message->envelopes;
    struct vault_key *key = &message->key;
    if (key->kind == VAULT_KEY_SM2 && (e[0].len != ADMIN_ENVELOPE_PAIR || e[1].len != ADMIN_ENVELOPE_PAIR || e[2].len))
        return refuse(error, "missing-field", "an SM2 key needs the fields \"sign\" and \"encrypt\", %u digits each",
                      2 * ADMIN_ENVELOPE_PAIR);
    if (key->kind == VAULT_KEY_KEK && (e[0].len || e[1].len || e[2].len < ADMIN_ENVELOPE_KEK))
        return refuse(error, "missing-field", "a KEK needs the field \"wrapped\", and no other envelope");
    if (key->kind != VAULT_KEY_SM2 && key->kind != VAULT_KEY_KEK)
        return refuse(error, "out-of-range", "field \"kind\" must be \"sm2\" or \"kek\": others cannot be imported");
    key->bits = key->kind == VAULT_KEY_SM2 ? 256 : 8 * (e[2].len - ADMIN_ENVELOPE_KEK);
    return true;
}

static bool check_whole(enum body_kind kind, const bool *seen, struct admin_message *message, struct body_error *error)
{
    const struct field *fields = kinds[kind].fields;
    bool uid = false, gid = false, any = false;
    for (size_t i = 0; i < kinds[kind].count; i++) {
        if (fields[i].required && !seen[i])
            return refuse(error, "missing-field", "field \"%s\" is missing", fields[i].name);
        any |= seen[i];
        uid |= seen[i] && fields[i].offset == AT(tenant.owner_uid) && fields[i].type == FIELD_UINT;
        gid |= seen[i] && fields[i].offset == AT(tenant.owner_gid) && fields[i].type == FIELD_UINT;
    }
    if (uid != gid)
        return refuse(error, "missing-field", "field \"%s\" is missing: an owner is owner_uid and owner_gid together",
                      uid ? "owner_gid" : "owner_uid");
    const struct admin_names *allow = &message->allow, *deny = &message->deny;
    if (allow->flags & deny->flags || allow->policy.denied_classes & deny->policy.denied_classes ||
        allow->policy.denied_algs & deny->policy.denied_algs)
        return refuse(error, "out-of-range", "a name stands in \"allow\" and in \"deny\"");
    if (kind == BODY_TENANT_SET && !any)
        return refuse(error, "missing-field", "no field to set");
    if (kind != BODY_KEY_GENERATE && kind != BODY_KEY_IMPORT)
        return true;
    if (kind == BODY_KEY_IMPORT && !check_envelopes(message, error))
        return false;
    struct vault_key *key = &message->key;
    const struct vault_kind *known = vault_kind(key->kind);
    if (!vault_kind_place_ok(key->kind, key->index))
        return refuse(error, "out-of-range", "field \"index\" must be from 1 on for a KEK");
    if (!key->bits)
        key->bits = known->bits_default;
    if (!vault_kind_bits_ok(key->kind, key->bits))
        return refuse(error, "out-of-range",
                      kind == BODY_KEY_IMPORT      ? "field \"wrapped\" must hold a KEK of 128, 192 or 256 bits"
                      : key->kind == VAULT_KEY_RSA ? "field \"bits\" must be 2048, 3072 or 4096"
                      : key->kind == VAULT_KEY_KEK ? "field \"bits\" must be 128, 192 or 256"
                                                   : "field \"bits\" must be 256 for a key of a curve, or left out");
    return true;
}

static bool take_object(enum body_kind kind, json_t *object, struct admin_message *message, struct body_error *error)
{
    bool seen[SEEN_MAX] = {false};
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (i < kinds[kind].count && strcmp(kinds[kind].fields[i].name, key) != 0)
            i++;
        if (i == kinds[kind].count) {
            char quoted[41];
            quote_key(key, quoted);
            return refuse(error, "unknown-field", "field \"%s\" is not known here", quoted);
        }
        seen[i] = true;
        if (!take(&kinds[kind].fields[i], value, message, error))
            return false;
    }
    return check_whole(kind, seen, message, error);
}

/* jansson's own text quotes what stands near the error, which may be a part of an access code; only for a duplicate key
 * is that the key. */
static bool refuse_syntax(const json_error_t *what, struct body_error *error)
{
    if (json_error_code(what) == json_error_duplicate_key) {
        char name[41] = "?";
        const char *first = strchr(what->text, '"');
        const char *last = strrchr(what->text, '"');
        if (first && last > first + 1) {
            char key[JSON_ERROR_TEXT_LENGTH];
            snprintf(key, sizeof key, "%.*s", (int)(last - first - 1), first + 1);
            quote_key(key, name);
        }
        return refuse(error, "duplicate-field", "field \"%s\" stands twice", name);
    }
    return refuse(error, "bad-json", "the body is not valid JSON: line %d, column %d", what->line, what->column);
}

bool body_parse(enum body_kind kind, const char *bytes, size_t len, struct admin_message *message,
                struct body_error *error)
{
    if ((unsigned)kind >= BODY_KINDS)
        return refuse(error, "bad-json", "no such kind of body");
    if (len > BODY_MAX)
        return refuse(error, "too-large", "the body is longer than %u bytes", BODY_MAX);
    if (len == 0) {
        if (kind == BODY_EMPTY || kind == BODY_REKEY)
            return true;
        return refuse(error, "bad-json", "a JSON object is expected as the body");
    }
    json_error_t what;
    json_t *root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &what);
    if (!root)
        return refuse_syntax(&what, error);
    bool ok = json_is_object(root) ? take_object(kind, root, message, error)
                                   : refuse(error, "wrong-type", "the body must be a JSON object");
    json_decref(root);
    return ok;
}
