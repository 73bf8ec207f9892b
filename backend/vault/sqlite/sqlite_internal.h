/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_internal.h: shared by sqlite_open.c (files, set-up, schema) and sqlite_store.c (statements). */
#ifndef CARDMUX_VAULT_SQLITE_INTERNAL_H
#define CARDMUX_VAULT_SQLITE_INTERNAL_H

#include "backend/vault/sqlite/sqlite_store.h"
#include "backend/vault/vault_internal.h"

enum sqlite_statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_ROOT_GET,
    SQL_ROOT_PUT,
    SQL_TENANT_GET,
    SQL_TENANT_FIND,
    SQL_TENANT_PUT,
    SQL_TENANT_REMOVE,
    SQL_TENANT_EACH,
    SQL_TENANT_NEXT,
    SQL_KEY_GET,
    SQL_KEY_PUT,
    SQL_KEY_REMOVE,
    SQL_KEY_REMOVE_ALL,
    SQL_KEY_EACH,
    SQL_KEY_RANGE,
    SQL_KEY_NEXT,
    SQL_STATEMENTS
};

struct sqlite_store {
    struct vault_store store; /* first */
    sqlite3 *db;
    int lock_fd;
    char *path; /* of vault.db */
    unsigned schema;
    sqlite3_stmt *statements[SQL_STATEMENTS];
};

extern const struct vault_store_ops sqlite_store_ops;

/* sqlite_store.c */
enum vault_result sqlite_prepare_all(struct sqlite_store *store, char *error);
void sqlite_store_free(struct sqlite_store *store);
/* The sentence for what SQLite just answered; doing: "opening", "reading", "writing". */
enum vault_result sqlite_fail(const struct sqlite_store *store, int rc, const char *doing, char *error);

#endif
