/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.h: request bodies, from bytes to a message for the broker. Strict, because a mistyped limit that is silently
 * ignored is worse than a refusal: unknown fields, wrong types, duplicate keys, values out of range and fields that
 * are missing are errors that name the field. Pure: no I/O, no state. Bytes are an operator's, but treated as hostile.
 */
#ifndef CARDMUX_ADMIN_BODY_H
#define CARDMUX_ADMIN_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include "backend/admin/message.h"

#define BODY_MAX 65536u /* bytes; longer bodies are refused before they come here */

enum body_kind {
    BODY_EMPTY, /* nothing, or {} */
    BODY_TENANT_ADD,
    BODY_TENANT_SET,
    BODY_KEY_GENERATE,
    BODY_KEY_CODE,
    BODY_KEY_IMPORT,
    BODY_BACKUP, /* and export: to whom, into which file */
    BODY_IMPORT,
    BODY_REKEY, /* nothing, or the form of the new key's file */
    BODY_KINDS
};

struct body_error {
    const char
        *code; /* "bad-json", "unknown-field", "wrong-type", "out-of-range", "missing-field", "duplicate-field" */
    char message[256]; /* a sentence; holds a field's name, never a value */
};

/* Fills tenant, key, mask, code of a zeroed message. False: error is filled, the message's content means nothing. In
 * both cases the caller wipes the message, which may hold an access code. */
bool body_parse(enum body_kind kind, const char *bytes, size_t len, struct admin_message *message,
                struct body_error *error);

/* vault.h's rule for a tenant's name. */
bool body_name_ok(const char *name);
/* "sm2", "kek" -> VAULT_KEY_; 0: neither. */
uint32_t body_key_kind(const char *word);

/* "optional", "new-keys", "always". */
const char *body_codes_word(enum vault_codes codes);

#endif
