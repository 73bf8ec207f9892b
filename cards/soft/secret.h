/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.h: key bytes, the one place where they are made, used and wiped.
 *
 * A secret lives in a cell of an arena. An arena's memory is locked (mlock), left out of core dumps (MADV_DONTDUMP) and
 * of forked children (MADV_WIPEONFORK); a cell is wiped when the secret is freed and when the arena is destroyed. There
 * is no function that prints, compares or copies a secret out: who has to hand key bytes to a library reads them
 * through secret_bytes() and keeps no copy. Key schedules inside the libraries are kept out of swap as far as the
 * libraries can: libgcrypt's contexts are opened in its secure memory, and libcrypto's private numbers in its secure
 * heap; libcrypto's cipher contexts are on the ordinary heap and wiped when freed. memory_setup() switches those on.
 *
 * Threads: secret_new and secret_free may be called from any thread. secret_bytes takes no lock; the secret must not be
 * freed meanwhile.
 */
#ifndef CARDS_SOFT_SECRET_H
#define CARDS_SOFT_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_MAX 256u /* longest secret, bytes */

struct secret;
struct secret_arena;

/* With memory NULL the arena maps its own pages and grows as needed. Else it uses exactly memory[size], which the
   caller owns and may read after secret_free or secret_arena_destroy: that is how a test sees the wiping. The memory
   must be aligned to 64 bytes. Returns NULL where there is no memory. */
struct secret_arena *secret_arena_create(void *memory, size_t size);

/* Wipes everything; all secrets of the arena must have been freed. NULL is allowed. */
void secret_arena_destroy(struct secret_arena *arena);

/* False where a page of it, or of libcrypto's secure heap, could not be locked: RLIMIT_MEMLOCK is too small. Said once,
   by the card, to the operator. */
bool secret_arena_locked(const struct secret_arena *arena);

/* Copies bytes[len], 1..SECRET_MAX, into a new secret; NULL where the arena is full or len is out of range. */
struct secret *secret_new(struct secret_arena *arena, const uint8_t *bytes, size_t len);
const uint8_t *secret_bytes(const struct secret *secret);
size_t secret_len(const struct secret *secret);

/* Wipes the cell and gives it back. NULL is allowed. */
void secret_free(struct secret *secret);

/* Prepares the libraries' own secure memory, once in a process. False: libgcrypt cannot be used. */
bool memory_setup(void);

#endif
