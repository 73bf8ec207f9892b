/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_open.c: from a directory to an open store.
 *
 * Order: lock file (a second daemon stops here), database file made with the right owner and mode before SQLite sees
 * it, settings, schema. The schema is made in one transaction; a vault that was being made when the power failed has
 * either no tables, and counts as none, or is complete but for the root record, which vault_create then adds.
 *
 * Exclusive locking before the journal mode: then the log's index lives in ordinary memory, not in a shared file that
 * would be mapped and re-opened by path. An empty write at the end opens and flushes the log, so that nothing is left
 * to be opened once the caller has put its system-call filter on. The schema is compared word for word: a database
 * somebody added a trigger, view or table to is refused. All schemas have the tables of schema 1; what changed is in
 * the records (migrate.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/vault/sqlite/sqlite_internal.h"

static const struct {
    const char *name, *sql;
} schema[] = {
    {"key", "CREATE TABLE key(tenant INTEGER NOT NULL, kind INTEGER NOT NULL, place INTEGER NOT NULL, "
            "record BLOB NOT NULL, PRIMARY KEY(tenant, kind, place)) WITHOUT ROWID"},
    {"root", "CREATE TABLE root(id INTEGER PRIMARY KEY CHECK(id = 1), record BLOB NOT NULL)"},
    {"tenant", "CREATE TABLE tenant(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, record BLOB NOT NULL)"},
};
#define SCHEMA_TABLES (sizeof schema / sizeof schema[0])
#define TEXT_(number) #number
#define TEXT(number)  TEXT_(number)

static char *path_join(const char *dir, const char *name)
{
    size_t n = strlen(dir);
    char *path = NULL;

    if (asprintf(&path, "%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name) < 0)
        return NULL;
    return path;
}

/* Makes path where there is none: mode 0600, owned by the directory's owner when root makes it. Returns -1, or a
   descriptor. */
static int file_open(const char *dir, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600), dir_fd;

    if (fd < 0)
        return -1;
    if (geteuid() == 0 && (stat(dir, &st) != 0 || fchown(fd, st.st_uid, st.st_gid) != 0)) {
        close(fd);
        return -1;
    }
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd >= 0) {
        fsync(dir_fd);
        close(dir_fd);
    }
    return fd;
}

static enum vault_result lock_take(struct sqlite_store *store, const char *dir, char *error)
{
    char *path = path_join(dir, "lock");
    enum vault_result result = VAULT_OK;

    store->lock_fd = path ? file_open(dir, path) : -1;
    if (store->lock_fd < 0)
        result = vault_fail(error, VAULT_IO, "cannot open the lock file in the state directory %s: %s", dir,
                            strerror(errno));
    else if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0)
        result = errno == EWOULDBLOCK
                     ? vault_fail(error, VAULT_BUSY,
                                  "another cardmuxd uses the state directory %s: stop it, or give this one a directory "
                                  "of its own",
                                  dir)
                     : vault_fail(error, VAULT_IO, "cannot lock the state directory %s: %s", dir, strerror(errno));
    free(path);
    return result;
}

static int pragma(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int db_setup(sqlite3 *db)
{
    static const char *const pragmas[] = {
        "PRAGMA locking_mode = EXCLUSIVE",     "PRAGMA mmap_size = 0",       "PRAGMA temp_store = MEMORY",
        "PRAGMA trusted_schema = OFF",         "PRAGMA secure_delete = ON",  "PRAGMA cell_size_check = ON",
        "PRAGMA journal_mode = WAL",           "PRAGMA synchronous = EXTRA", "PRAGMA wal_autocheckpoint = 256",
        "PRAGMA journal_size_limit = 4194304",
    };
    int rc = SQLITE_OK;

    sqlite3_extended_result_codes(db, 1);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    for (size_t i = 0; i < sizeof pragmas / sizeof pragmas[0] && rc == SQLITE_OK; i++)
        rc = pragma(db, pragmas[i]);
    return rc;
}

/* 1: our tables are there, and nothing else; 0: no tables at all; -1: something else; -2: SQLite failed, *rc. */
static int schema_look(sqlite3 *db, int *version, int *rc)
{
    sqlite3_stmt *statement = NULL;
    size_t seen = 0;
    bool strange = false;

    *version = 0;
    *rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);
    if (*rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        *version = sqlite3_column_int(statement, 0);
    if (*rc == SQLITE_OK)
        *rc = sqlite3_finalize(statement); /* tells how the step went */
    else
        sqlite3_finalize(statement);
    if (*rc == SQLITE_OK)
        *rc = sqlite3_prepare_v2(db, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name", -1,
                                 &statement, NULL);
    if (*rc != SQLITE_OK)
        return -2;
    while ((*rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        const char *sql = (const char *)sqlite3_column_text(statement, 1);

        if (seen >= SCHEMA_TABLES || !name || !sql || strcmp(name, schema[seen].name) != 0 ||
            strcmp(sql, schema[seen].sql) != 0)
            strange = true;
        seen++;
    }
    sqlite3_finalize(statement);
    if (*rc != SQLITE_DONE)
        return -2;
    if (seen == 0)
        return 0;
    return strange || seen != SCHEMA_TABLES ? -1 : 1;
}

static int schema_make(sqlite3 *db)
{
    int rc = pragma(db, "BEGIN IMMEDIATE");

    for (size_t i = 0; i < SCHEMA_TABLES && rc == SQLITE_OK; i++)
        rc = pragma(db, schema[i].sql);
    if (rc == SQLITE_OK)
        rc = pragma(db, "PRAGMA user_version = " TEXT(SCHEMA_NOW));
    if (rc == SQLITE_OK)
        rc = pragma(db, "COMMIT");
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
        pragma(db, "ROLLBACK");
    return rc;
}

static enum vault_result vault_absent(const char *dir, char *error)
{
    return vault_fail(error, VAULT_NOT_FOUND, "there is no vault in %s: make one with cardmux init", dir);
}

static enum vault_result schema_settle(struct sqlite_store *store, const char *dir, bool create, char *error)
{
    int version, rc, found = schema_look(store->db, &version, &rc);

    if (found == -2)
        return sqlite_fail(store, rc, "opening", error);
    if (version > SCHEMA_NOW)
        return vault_fail(error, VAULT_INVALID,
                          "%s was written by a newer cardmux (schema %d, this one knows %d): use that version",
                          store->path, version, SCHEMA_NOW);
    if (found == -1 || (found == 1 && version < SCHEMA_OLDEST))
        return vault_fail(error, VAULT_DAMAGED,
                          "%s has tables that are not the vault's: restore the state directory "
                          "from a backup",
                          store->path);
    if (found == 0 && !create)
        return vault_absent(dir, error);
    rc = found == 0 ? schema_make(store->db) : SQLITE_OK;
    store->schema = found == 0 ? SCHEMA_NOW : (unsigned)version;
    return rc == SQLITE_OK ? VAULT_OK : sqlite_fail(store, rc, "making", error);
}

/* Opens and flushes the log. That a full disk refuses even this is no reason not to serve what can be read. */
static enum vault_result log_warm(struct sqlite_store *store, char *error)
{
    int rc = pragma(store->db, "UPDATE root SET id = id");

    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_FULL)
        return VAULT_OK;
    return sqlite_fail(store, rc, "opening", error);
}

static enum vault_result db_open(struct sqlite_store *store, const char *dir, bool create, char *error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0), fd, rc;
    enum vault_result result;

    if (create) {
        fd = file_open(dir, store->path);
        if (fd < 0)
            return vault_fail(error, VAULT_IO, "cannot make %s: %s", store->path, strerror(errno));
        close(fd);
    }
    rc = sqlite3_open_v2(store->path, &store->db, flags, NULL);
    if (rc != SQLITE_OK && (rc & 0xff) == SQLITE_CANTOPEN && access(store->path, F_OK) != 0 && errno == ENOENT)
        return vault_absent(dir, error);
    if (rc == SQLITE_OK && sqlite3_db_readonly(store->db, NULL) == 1)
        rc = SQLITE_READONLY;
    if (rc == SQLITE_OK)
        rc = db_setup(store->db);
    if (rc != SQLITE_OK)
        return sqlite_fail(store, rc, "opening", error);
    result = schema_settle(store, dir, create, error);
    if (result == VAULT_OK)
        result = log_warm(store, error);
    return result == VAULT_OK ? sqlite_prepare_all(store, error) : result;
}

enum vault_result sqlite_store_open(const char *dir, bool create, struct vault_store **out, char *error)
{
    struct sqlite_store *store = calloc(1, sizeof *store);
    enum vault_result result;

    if (!store)
        return vault_fail(error, VAULT_IO, "no memory for the vault");
    store->store.ops = &sqlite_store_ops;
    store->lock_fd = -1;
    store->path = path_join(dir, "vault.db");
    result = store->path ? lock_take(store, dir, error) : vault_fail(error, VAULT_IO, "no memory for the vault");
    if (result == VAULT_OK)
        result = db_open(store, dir, create, error);
    if (result != VAULT_OK) {
        sqlite_store_free(store);
        return result;
    }
    *out = &store->store;
    return VAULT_OK;
}
