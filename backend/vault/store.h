/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h: what the vault asks of the thing that keeps its rows. A store knows neither keys nor their meaning: it
 * keeps byte strings under (root), (tenant id, name) and (tenant id, kind, index), and commits them together.
 *
 * The vault calls a store from one thread at a time (it holds its own lock) and changes it only between begin and
 * commit. Commit answers VAULT_OK only when the change survives kill -9 and power loss. After any other code from
 * begin, a put, a remove or commit the vault calls rollback, and then nothing has changed for whoever reads on. (One
 * doubt no store can remove: where the disk reports an error from the very flush that ends a commit, and power fails
 * before the next commit, the change may or may not be there after the restart. It was never acknowledged.)
 *
 * The embedded store (sqlite/): files vault.db, vault.db-wal and lock in the state directory, mode 0600, owned by the
 * owner of that directory. Write-ahead log in exclusive mode: no shared memory, no mmap of files, one flush per
 * commit; after the opening both files stay open and no path is needed again, except by a clean close, which unlinks
 * the log (its failure does no harm). So it may be opened in a chroot and used under seccomp. System calls after
 * opening, libcrypto and locked memory included:
 *     pread64 pwrite64 fdatasync fsync ftruncate lseek fstat newfstatat fcntl getpid futex getrandom
 *     mmap munmap mprotect madvise mlock brk clock_gettime (mostly vDSO); at close also close, unlink(at),
 * (f)access(at)
 */
#ifndef CARDMUX_VAULT_STORE_H
#define CARDMUX_VAULT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/vault/record.h"
#include "backend/vault/vault.h"

/* One row, in or out. Which of id, name, kind and index are meant, the function says. */
struct store_row {
    uint32_t id; /* of the tenant */
    char name[VAULT_NAME_MAX + 1];
    uint32_t kind, index;
    size_t len;
    uint8_t bytes[RECORD_MAX];
};

/* Returns false to stop. Must not call the store. */
typedef bool store_visit(void *arg, const struct store_row *row);

struct vault_store;

/* All answer VAULT_OK, VAULT_NOT_FOUND (get, find, remove), VAULT_IO, or VAULT_DAMAGED with a sentence in error; for
   VAULT_NOT_FOUND error is left alone. */
struct vault_store_ops {
    enum vault_result (*begin)(struct vault_store *store, char *error);
    enum vault_result (*commit)(struct vault_store *store, char *error);
    void (*rollback)(struct vault_store *store);

    enum vault_result (*root_get)(struct vault_store *store, struct store_row *row, char *error);
    enum vault_result (*root_put)(struct vault_store *store, const struct store_row *row, char *error);

    enum vault_result (*tenant_get)(struct vault_store *store, uint32_t id, struct store_row *row, char *error);
    enum vault_result (*tenant_find)(struct vault_store *store, const char *name, struct store_row *row, char *error);
    /* inserts or replaces by id */
    enum vault_result (*tenant_put)(struct vault_store *store, const struct store_row *row, char *error);
    enum vault_result (*tenant_remove)(struct vault_store *store, uint32_t id, char *error); /* with its keys */
    /* the first one with a greater id; VAULT_NOT_FOUND: none */
    enum vault_result (*tenant_next)(struct vault_store *store, uint32_t id, struct store_row *row, char *error);
    enum vault_result (*tenant_each)(struct vault_store *store, store_visit *visit, void *arg, char *error);

    enum vault_result (*key_get)(struct vault_store *store, uint32_t id, uint32_t kind, uint32_t index,
                                 struct store_row *row, char *error);
    enum vault_result (*key_put)(struct vault_store *store, const struct store_row *row, char *error);
    enum vault_result (*key_remove)(struct vault_store *store, uint32_t id, uint32_t kind, uint32_t index, char *error);
    /* in order of kind, index */
    enum vault_result (*key_each)(struct vault_store *store, uint32_t id, store_visit *visit, void *arg, char *error);
    /* the first row behind (kind, index) in that order; VAULT_NOT_FOUND: none */
    enum vault_result (*key_next)(struct vault_store *store, uint32_t id, uint32_t kind, uint32_t index,
                                  struct store_row *row, char *error);

    unsigned (*schema)(struct vault_store *store); /* the schema's number as stored: not authentic, only a hint */
    enum vault_result (*schema_set)(struct vault_store *store, unsigned schema, char *error); /* part of a change */

    /* the same of the kinds first..last only */
    enum vault_result (*key_range)(struct vault_store *store, uint32_t id, uint32_t first, uint32_t last,
                                   store_visit *visit, void *arg, char *error);

    void (*erase)(struct vault_store *store); /* after a removal: overwrite what is left of it, as far as one can */
    void (*close)(struct vault_store *store);
};

struct vault_store {
    const struct vault_store_ops *ops;
};

#endif
