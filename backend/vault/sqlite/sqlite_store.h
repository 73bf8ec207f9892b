/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_store.h: the embedded store. What it promises stands in store.h. */
#ifndef CARDMUX_VAULT_SQLITE_STORE_H
#define CARDMUX_VAULT_SQLITE_STORE_H

#include <sqlite3.h>
#include "backend/vault/store.h"

/* Locks dir/lock (VAULT_BUSY where another daemon holds it) and opens dir/vault.db through SQLite's default VFS.
   create: makes the files where there are none, with dir's owner. Without: VAULT_NOT_FOUND where there is no vault. */
enum vault_result sqlite_store_open(const char *dir, bool create, struct vault_store **store, char *error);

/* For tests that look underneath. */
sqlite3 *sqlite_store_handle(struct vault_store *store);

#endif
