/* SPDX-License-Identifier: Apache-2.0 */
/* render.h: from the broker's rows to JSON (docs/api.md). Each returns a new reference; NULL: no memory. */
#ifndef CARDMUX_ADMIN_RENDER_H
#define CARDMUX_ADMIN_RENDER_H

#include <jansson.h>
#include "backend/admin/message.h"

json_t *render_tenant(const struct admin_message *row);
json_t *render_key(const struct admin_message *row);
json_t *render_file(const struct admin_message *row);
json_t *render_status(const struct admin_message *row);
json_t *render_operations(void);
json_t *render_vault(const struct admin_message *row);
json_t *render_audit(const struct admin_message *row);
/* Bytes of the log as text; what is not ASCII, which a log never holds, becomes '?'. */
json_t *render_audit_bytes(const struct admin_message *row);
json_t *render_error(const char *code, const char *message);

#endif
