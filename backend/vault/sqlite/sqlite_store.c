/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_store.c: the store's operations, each one prepared statement. Set-up and files: sqlite_open.c. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backend/vault/sqlite/sqlite_internal.h"

static const char *const statement_sql[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_ROOT_GET] = "SELECT record FROM root WHERE id = 1",
    [SQL_ROOT_PUT] = "INSERT INTO root(id, record) VALUES(1, ?1) ON CONFLICT(id) DO UPDATE SET record = ?1",
    [SQL_TENANT_GET] = "SELECT record, id, name FROM tenant WHERE id = ?1",
    [SQL_TENANT_FIND] = "SELECT record, id, name FROM tenant WHERE name = ?1",
    [SQL_TENANT_PUT] = "INSERT INTO tenant(id, name, record) VALUES(?1, ?2, ?3) "
                       "ON CONFLICT(id) DO UPDATE SET record = ?3",
    [SQL_TENANT_REMOVE] = "DELETE FROM tenant WHERE id = ?1",
    [SQL_TENANT_EACH] = "SELECT record, id, name FROM tenant ORDER BY id",
    [SQL_TENANT_NEXT] = "SELECT record, id, name FROM tenant WHERE id > ?1 ORDER BY id LIMIT 1",
    [SQL_KEY_GET] = "SELECT record, tenant, kind, place FROM key WHERE tenant = ?1 AND kind = ?2 AND place = ?3",
    [SQL_KEY_PUT] = "INSERT INTO key(tenant, kind, place, record) VALUES(?1, ?2, ?3, ?4) "
                    "ON CONFLICT(tenant, kind, place) DO UPDATE SET record = ?4",
    [SQL_KEY_REMOVE] = "DELETE FROM key WHERE tenant = ?1 AND kind = ?2 AND place = ?3",
    [SQL_KEY_REMOVE_ALL] = "DELETE FROM key WHERE tenant = ?1",
    [SQL_KEY_EACH] = "SELECT record, tenant, kind, place FROM key WHERE tenant = ?1 ORDER BY kind, place",
    [SQL_KEY_RANGE] = "SELECT record, tenant, kind, place FROM key WHERE tenant = ?1 AND kind BETWEEN ?2 AND ?3 "
                      "ORDER BY kind, place",
    [SQL_KEY_NEXT] = "SELECT record, tenant, kind, place FROM key WHERE tenant = ?1 AND (kind, place) > (?2, ?3) "
                     "ORDER BY kind, place LIMIT 1",
};

static struct sqlite_store *sqlite_of(struct vault_store *store)
{
    return (struct sqlite_store *)(void *)store;
}

sqlite3 *sqlite_store_handle(struct vault_store *store)
{
    return sqlite_of(store)->db;
}

enum vault_result sqlite_fail(const struct sqlite_store *store, int rc, const char *doing, char *error)
{
    const char *path = store->path;

    switch (rc & 0xff) {
    case SQLITE_FULL:
        return vault_fail(error, VAULT_IO,
                          "the disk that holds %s is full: nothing was changed; free some space and "
                          "try again",
                          path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return vault_fail(error, VAULT_IO,
                          "%s cannot be written (read-only, or another owner): nothing was changed; "
                          "make it writable for the daemon's user",
                          path);
    case SQLITE_CANTOPEN:
        return vault_fail(error, VAULT_IO,
                          "%s or its log cannot be opened: the daemon's user must own it and be able "
                          "to write in its directory",
                          path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return vault_fail(error, VAULT_BUSY, "another program has %s open: close it", path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR:
        return vault_fail(error, VAULT_DAMAGED, "%s is damaged (%s): restore the state directory from a backup", path,
                          sqlite3_errstr(rc));
    default:
        return vault_fail(error, VAULT_IO,
                          "%s %s failed (%s, code %d): nothing was changed; look at the disk and at "
                          "the system's log",
                          doing, path, sqlite3_errstr(rc), rc);
    }
}

enum vault_result sqlite_prepare_all(struct sqlite_store *store, char *error)
{
    for (size_t i = 0; i < SQL_STATEMENTS; i++) {
        int rc =
            sqlite3_prepare_v3(store->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);

        if (rc != SQLITE_OK)
            return sqlite_fail(store, rc, "opening", error);
    }
    return VAULT_OK;
}

void sqlite_store_free(struct sqlite_store *store)
{
    for (size_t i = 0; i < SQL_STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    if (store->lock_fd >= 0)
        close(store->lock_fd); /* unlocks; after the database is closed */
    free(store->path);
    free(store);
}

static void store_close(struct vault_store *store)
{
    sqlite_store_free(sqlite_of(store));
}

static sqlite3_stmt *statement_of(struct vault_store *store, enum sqlite_statement which)
{
    return sqlite_of(store)->statements[which];
}

/* Runs a statement that gives no rows; parameters are bound. */
static enum vault_result statement_run(struct vault_store *store, enum sqlite_statement which, char *error)
{
    sqlite3_stmt *statement = statement_of(store, which);
    int rc = sqlite3_step(statement);

    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return rc == SQLITE_DONE ? VAULT_OK : sqlite_fail(sqlite_of(store), rc, "writing", error);
}

/* The row a statement stands on. A record that is no blob or too long becomes one of length 0, which no parser takes.
 */
static void row_read(sqlite3_stmt *statement, bool tenant, struct store_row *row)
{
    const void *bytes = sqlite3_column_blob(statement, 0);
    int len = sqlite3_column_bytes(statement, 0);

    memset(row, 0, offsetof(struct store_row, bytes));
    if (sqlite3_column_type(statement, 0) == SQLITE_BLOB && len > 0 && (size_t)len <= RECORD_MAX) {
        memcpy(row->bytes, bytes, (size_t)len);
        row->len = (size_t)len;
    }
    if (sqlite3_column_count(statement) > 1)
        row->id = (uint32_t)sqlite3_column_int64(statement, 1);
    if (tenant) {
        const char *name = (const char *)sqlite3_column_text(statement, 2);

        if (name)
            memcpy(row->name, name, strnlen(name, VAULT_NAME_MAX));
    } else if (sqlite3_column_count(statement) == 4) {
        row->kind = (uint32_t)sqlite3_column_int64(statement, 2);
        row->index = (uint32_t)sqlite3_column_int64(statement, 3);
    }
}

static enum vault_result statement_get(struct vault_store *store, enum sqlite_statement which, bool tenant,
                                       struct store_row *row, char *error)
{
    sqlite3_stmt *statement = statement_of(store, which);
    int rc = sqlite3_step(statement);

    if (rc == SQLITE_ROW)
        row_read(statement, tenant, row);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (rc == SQLITE_ROW)
        return VAULT_OK;
    return rc == SQLITE_DONE ? VAULT_NOT_FOUND : sqlite_fail(sqlite_of(store), rc, "reading", error);
}

static enum vault_result statement_each(struct vault_store *store, enum sqlite_statement which, bool tenant,
                                        store_visit *visit, void *arg, char *error)
{
    sqlite3_stmt *statement = statement_of(store, which);
    struct store_row row;
    int rc;

    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        row_read(statement, tenant, &row);
        if (!visit(arg, &row)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return rc == SQLITE_DONE ? VAULT_OK : sqlite_fail(sqlite_of(store), rc, "reading", error);
}

static enum vault_result store_begin(struct vault_store *store, char *error)
{
    return statement_run(store, SQL_BEGIN, error);
}

static enum vault_result store_commit(struct vault_store *store, char *error)
{
    return statement_run(store, SQL_COMMIT, error);
}

static void store_rollback(struct vault_store *store)
{
    if (!sqlite3_get_autocommit(sqlite_of(store)->db)) /* some errors end the transaction by themselves */
        statement_run(store, SQL_ROLLBACK, NULL);
}

static enum vault_result store_root_get(struct vault_store *store, struct store_row *row, char *error)
{
    return statement_get(store, SQL_ROOT_GET, false, row, error);
}

static enum vault_result store_root_put(struct vault_store *store, const struct store_row *row, char *error)
{
    sqlite3_bind_blob(statement_of(store, SQL_ROOT_PUT), 1, row->bytes, (int)row->len, SQLITE_STATIC);
    return statement_run(store, SQL_ROOT_PUT, error);
}

static enum vault_result store_tenant_get(struct vault_store *store, uint32_t id, struct store_row *row, char *error)
{
    sqlite3_bind_int64(statement_of(store, SQL_TENANT_GET), 1, id);
    return statement_get(store, SQL_TENANT_GET, true, row, error);
}

static enum vault_result store_tenant_find(struct vault_store *store, const char *name, struct store_row *row,
                                           char *error)
{
    sqlite3_bind_text(statement_of(store, SQL_TENANT_FIND), 1, name, -1, SQLITE_STATIC);
    return statement_get(store, SQL_TENANT_FIND, true, row, error);
}

static enum vault_result store_tenant_put(struct vault_store *store, const struct store_row *row, char *error)
{
    sqlite3_stmt *statement = statement_of(store, SQL_TENANT_PUT);

    sqlite3_bind_int64(statement, 1, row->id);
    sqlite3_bind_text(statement, 2, row->name, -1, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 3, row->bytes, (int)row->len, SQLITE_STATIC);
    return statement_run(store, SQL_TENANT_PUT, error);
}

static enum vault_result store_tenant_remove(struct vault_store *store, uint32_t id, char *error)
{
    enum vault_result result;

    sqlite3_bind_int64(statement_of(store, SQL_KEY_REMOVE_ALL), 1, id);
    result = statement_run(store, SQL_KEY_REMOVE_ALL, error);
    if (result != VAULT_OK)
        return result;
    sqlite3_bind_int64(statement_of(store, SQL_TENANT_REMOVE), 1, id);
    result = statement_run(store, SQL_TENANT_REMOVE, error);
    if (result == VAULT_OK && sqlite3_changes(sqlite_of(store)->db) == 0)
        return VAULT_NOT_FOUND;
    return result;
}

static enum vault_result store_tenant_each(struct vault_store *store, store_visit *visit, void *arg, char *error)
{
    return statement_each(store, SQL_TENANT_EACH, true, visit, arg, error);
}

static enum vault_result store_tenant_next(struct vault_store *store, uint32_t id, struct store_row *row, char *error)
{
    sqlite3_bind_int64(statement_of(store, SQL_TENANT_NEXT), 1, id);
    return statement_get(store, SQL_TENANT_NEXT, true, row, error);
}

static void key_bind(sqlite3_stmt *statement, uint32_t id, uint32_t kind, uint32_t index)
{
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, kind);
    sqlite3_bind_int64(statement, 3, index);
}

static enum vault_result store_key_get(struct vault_store *store, uint32_t id, uint32_t kind, uint32_t index,
                                       struct store_row *row, char *error)
{
    key_bind(statement_of(store, SQL_KEY_GET), id, kind, index);
    return statement_get(store, SQL_KEY_GET, false, row, error);
}

static enum vault_result store_key_put(struct vault_store *store, const struct store_row *row, char *error)
{
    sqlite3_stmt *statement = statement_of(store, SQL_KEY_PUT);

    key_bind(statement, row->id, row->kind, row->index);
    sqlite3_bind_blob(statement, 4, row->bytes, (int)row->len, SQLITE_STATIC);
    return statement_run(store, SQL_KEY_PUT, error);
}

static enum vault_result store_key_remove(struct vault_store *store, uint32_t id, uint32_t kind, uint32_t index,
                                          char *error)
{
    enum vault_result result;

    key_bind(statement_of(store, SQL_KEY_REMOVE), id, kind, index);
    result = statement_run(store, SQL_KEY_REMOVE, error);
    if (result == VAULT_OK && sqlite3_changes(sqlite_of(store)->db) == 0)
        return VAULT_NOT_FOUND;
    return result;
}

static enum vault_result store_key_each(struct vault_store *store, uint32_t id, store_visit *visit, void *arg,
                                        char *error)
{
    sqlite3_bind_int64(statement_of(store, SQL_KEY_EACH), 1, id);
    return statement_each(store, SQL_KEY_EACH, false, visit, arg, error);
}

static enum vault_result store_key_range(struct vault_store *store, uint32_t id, uint32_t first, uint32_t last,
                                         store_visit *visit, void *arg, char *error)
{
    key_bind(statement_of(store, SQL_KEY_RANGE), id, first, last);
    return statement_each(store, SQL_KEY_RANGE, false, visit, arg, error);
}

static enum vault_result store_key_next(struct vault_store *store, uint32_t id, uint32_t kind, uint32_t index,
                                        struct store_row *row, char *error)
{
    key_bind(statement_of(store, SQL_KEY_NEXT), id, kind, index);
    return statement_get(store, SQL_KEY_NEXT, false, row, error);
}

static unsigned store_schema(struct vault_store *store)
{
    return sqlite_of(store)->schema;
}

static enum vault_result store_schema_set(struct vault_store *store, unsigned schema, char *error)
{
    char text[48];
    int rc;

    snprintf(text, sizeof text, "PRAGMA user_version = %u", schema);
    rc = sqlite3_exec(sqlite_of(store)->db, text, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        sqlite_of(store)->schema = schema;
    return rc == SQLITE_OK ? VAULT_OK : sqlite_fail(sqlite_of(store), rc, "writing", error);
}

/* Deleted cells are zeroed by secure_delete; emptying the log takes their last copies out of the files. */
static void store_erase(struct vault_store *store)
{
    sqlite3_wal_checkpoint_v2(sqlite_of(store)->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

const struct vault_store_ops sqlite_store_ops = {
    .begin = store_begin,
    .commit = store_commit,
    .rollback = store_rollback,
    .root_get = store_root_get,
    .root_put = store_root_put,
    .tenant_get = store_tenant_get,
    .tenant_find = store_tenant_find,
    .tenant_put = store_tenant_put,
    .tenant_remove = store_tenant_remove,
    .tenant_each = store_tenant_each,
    .tenant_next = store_tenant_next,
    .key_get = store_key_get,
    .key_put = store_key_put,
    .key_remove = store_key_remove,
    .key_each = store_key_each,
    .key_range = store_key_range,
    .key_next = store_key_next,
    .schema = store_schema,
    .schema_set = store_schema_set,
    .erase = store_erase,
    .close = store_close,
};
