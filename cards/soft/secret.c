/* SPDX-License-Identifier: Apache-2.0 */
/* see secret.h. Cells of one size keep it simple: a free list, no fragments, no search. */
#include <gcrypt.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cards/soft/secret.h"

#define CHUNK_BYTES        (64u << 10)
#define GCRYPT_SECURE      (1u << 20) /* about 170 cipher contexts of libgcrypt; then it grows by GCRYPT_GROW */
#define GCRYPT_GROW        (1u << 20)
#define CRYPTO_SECURE      (2u << 20) /* libcrypto's private numbers, 64 bytes and more each */
#define CRYPTO_SECURE_UNIT 32u

struct secret {
    struct secret_arena *arena;
    struct secret *next_free;
    size_t len;
    uint8_t pad[64 - 3 * sizeof(void *)]; /* the bytes start on a cache line of their own */
    uint8_t bytes[SECRET_MAX];
};

struct chunk {
    struct chunk *next;
    void *memory;
    size_t size;
};

struct secret_arena {
    pthread_mutex_t lock; /* guards everything below; nothing else is taken under it */
    struct secret *free;
    struct chunk *chunks;
    bool grows;
    bool locked;
};

static bool memory_ready;
static bool memory_locked = true; /* libcrypto's secure heap; libgcrypt does not tell */

static bool arena_add(struct secret_arena *arena, void *memory, size_t size)
{
    struct chunk *chunk = malloc(sizeof(*chunk));
    struct secret *cells = memory;

    if (!chunk)
        return false;
    if (mlock(memory, size) != 0)
        arena->locked = false;
    *chunk = (struct chunk){.next = arena->chunks, .memory = memory, .size = size};
    arena->chunks = chunk;
    for (size_t i = size / sizeof(*cells); i-- > 0;) {
        cells[i].arena = arena;
        cells[i].len = 0;
        cells[i].next_free = arena->free;
        arena->free = &cells[i];
    }
    return true;
}

static bool arena_grow(struct secret_arena *arena)
{
    void *memory = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return false;
    /* advice: a kernel that knows one of them not still serves */
    madvise(memory, CHUNK_BYTES, MADV_DONTDUMP);
    madvise(memory, CHUNK_BYTES, MADV_WIPEONFORK);
    if (arena_add(arena, memory, CHUNK_BYTES))
        return true;
    munmap(memory, CHUNK_BYTES);
    return false;
}

struct secret_arena *secret_arena_create(void *memory, size_t size)
{
    struct secret_arena *arena = calloc(1, sizeof(*arena));

    if (!arena)
        return NULL;
    pthread_mutex_init(&arena->lock, NULL);
    arena->locked = true;
    arena->grows = memory == NULL;
    if (memory ? !arena_add(arena, memory, size) : !arena_grow(arena)) {
        secret_arena_destroy(arena);
        return NULL;
    }
    return arena;
}

void secret_arena_destroy(struct secret_arena *arena)
{
    if (!arena)
        return;
    for (struct chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        explicit_bzero(chunk->memory, chunk->size);
        munlock(chunk->memory, chunk->size);
        if (arena->grows)
            munmap(chunk->memory, chunk->size);
        free(chunk);
    }
    pthread_mutex_destroy(&arena->lock);
    free(arena);
}

bool secret_arena_locked(const struct secret_arena *arena)
{
    return arena->locked && memory_locked;
}

struct secret *secret_new(struct secret_arena *arena, const uint8_t *bytes, size_t len)
{
    struct secret *secret = NULL;

    if (len < 1 || len > SECRET_MAX)
        return NULL;
    pthread_mutex_lock(&arena->lock);
    if (arena->free || (arena->grows && arena_grow(arena))) {
        secret = arena->free;
        arena->free = secret->next_free;
    }
    pthread_mutex_unlock(&arena->lock);
    if (secret) {
        memcpy(secret->bytes, bytes, len);
        secret->len = len;
    }
    return secret;
}

const uint8_t *secret_bytes(const struct secret *secret)
{
    return secret->bytes;
}

size_t secret_len(const struct secret *secret)
{
    return secret->len;
}

void secret_free(struct secret *secret)
{
    struct secret_arena *arena;

    if (!secret)
        return;
    arena = secret->arena;
    explicit_bzero(secret->bytes, sizeof(secret->bytes));
    secret->len = 0;
    pthread_mutex_lock(&arena->lock);
    secret->next_free = arena->free;
    arena->free = secret;
    pthread_mutex_unlock(&arena->lock);
}

static void memory_setup_once(void)
{
    if (!CRYPTO_secure_malloc_initialized())
        memory_locked = CRYPTO_secure_malloc_init(CRYPTO_SECURE, CRYPTO_SECURE_UNIT) == 1;
    if (!gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) {
        if (!gcry_check_version(GCRYPT_VERSION))
            return;
        /* what could not be locked is said once by the card, not by the library on standard error */
        gcry_control(GCRYCTL_DISABLE_SECMEM_WARN);
        gcry_control(GCRYCTL_AUTO_EXPAND_SECMEM, GCRYPT_GROW, 0);
        gcry_control(GCRYCTL_INIT_SECMEM, GCRYPT_SECURE, 0);
        gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    }
    memory_ready = true;
}

bool memory_setup(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, memory_setup_once);
    return memory_ready;
}
