/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.h: the table of what can be asked over HTTP (docs/api.md), and the search in it. Pure.
 */
#ifndef CARDMUX_ADMIN_ROUTE_H
#define CARDMUX_ADMIN_ROUTE_H

#include <stdbool.h>
#include "backend/admin/body.h"
#include "backend/admin/message.h"
#include "backend/main/role.h"

enum route_answer {
    ANSWER_NONE,       /* 204 */
    ANSWER_TENANT,     /* the row, as an object */
    ANSWER_TENANTS,    /* {"tenants": [...]} */
    ANSWER_KEY,        /* as above */
    ANSWER_KEYS,       /* {"keys": [...]} */
    ANSWER_FILES,      /* {"files": [...]} */
    ANSWER_STATUS,     /* the row, as an object */
    ANSWER_OPERATIONS, /* {"operations": [...]}, without the broker */
    ANSWER_AUDIT,      /* the row, as an object */
    ANSWER_VAULT,      /* the row, as an object */
    ANSWER_AUDIT_BYTES /* {"text": "..."}: the rows' bytes, one after the other */
};

struct route {
    enum role_set roles; /* any of them suffices; none: nobody may */
    const char *method;
    const char *pattern; /* segments; {name} {kind} {index} stand for one each */
    enum body_kind body;
    uint32_t type; /* enum admin_type; 0: answered here */
    enum route_answer answer;
    unsigned http_status; /* when it went well */
    bool change;          /* after a lost answer nobody knows whether it was done */
};

/* Finds the route and fills type, tenant.name, key.kind, key.index of a zeroed message. NULL: *http_status is 404 or
 * 405 (then `allow` lists the methods) or 400, error says why. */
const struct route *route_find(const char *method, const char *path, struct admin_message *message,
                               unsigned *http_status, char allow[64], struct body_error *error);

/* The HTTP status and the word for a result that is not VAULT_OK. */
unsigned route_result(uint32_t result, const char **code);

/* Row i of the table, NULL after the last: for tests. */
const struct route *route_row(unsigned i);

#endif
