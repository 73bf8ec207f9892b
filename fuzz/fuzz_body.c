/* covers: backend/admin/body.c */
/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of HTTP requests. The first byte chooses the kind; the rest is the body. */
#include <stdlib.h>
#include <string.h>
#include "backend/admin/body.h"

static void must(int condition)
{
    if (!condition)
        abort();
}

static void check_accepted(enum body_kind kind, const struct admin_message *message)
{
    must(message->code_len <= VAULT_CODE_MAX);
    must(message->tenant.weight <= 1000 && message->tenant.max_connections <= 65535);
    if (kind == BODY_TENANT_ADD)
        must(body_name_ok(message->tenant.name));
    if (kind == BODY_KEY_GENERATE) {
        must(message->key.kind == VAULT_KEY_SM2 || message->key.kind == VAULT_KEY_KEK);
        must(message->key.index >= 1 && message->key.index <= VAULT_INDEX_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct admin_message message = {0};
    struct body_error error = {0};
    if (size == 0 || size > BODY_MAX)
        return 0;
    enum body_kind kind = (enum body_kind)(data[0] % BODY_KINDS);
    if (body_parse(kind, (const char *)data + 1, size - 1, &message, &error))
        check_accepted(kind, &message);
    else
        must(error.code && memchr(error.message, 0, sizeof error.message) && error.message[0]);
    return 0;
}
