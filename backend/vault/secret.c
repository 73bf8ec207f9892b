/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.c: memory for keys in clear. Slots come from slabs that are locked (never swapped) and left out of core dumps.
 * A slab stays for the next secrets once it is there: a process needs as many as it had secrets at once, 7 to a slab of
 * 16 KiB, against RLIMIT_MEMLOCK. vault_secret_free is the one place that wipes.
 */
#include "backend/vault/vault.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#define SLAB_SIZE 16384u

union slot {
    struct vault_secret secret;
    union slot *next;
};

struct slab {
    struct slab *next; /* keeps every slab reachable for leak checkers */
    union slot slots[];
};

static pthread_mutex_t slab_lock = PTHREAD_MUTEX_INITIALIZER;
static struct slab *slabs;
static union slot *free_slots;

static bool slab_add(void)
{
    struct slab *slab = mmap(NULL, SLAB_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t count = (SLAB_SIZE - sizeof *slab) / sizeof slab->slots[0];

    if (slab == MAP_FAILED)
        return false;
    if (mlock(slab, SLAB_SIZE) != 0 || madvise(slab, SLAB_SIZE, MADV_DONTDUMP) != 0) {
        munmap(slab, SLAB_SIZE);
        return false;
    }
    slab->next = slabs;
    slabs = slab;
    for (size_t i = 0; i < count; i++) {
        slab->slots[i].next = free_slots;
        free_slots = &slab->slots[i];
    }
    return true;
}

struct vault_secret *vault_secret_new(void)
{
    union slot *slot = NULL;

    pthread_mutex_lock(&slab_lock);
    if (free_slots || slab_add()) {
        slot = free_slots;
        free_slots = slot->next;
    }
    pthread_mutex_unlock(&slab_lock);
    if (!slot)
        return NULL;
    memset(slot, 0, sizeof *slot);
    return &slot->secret;
}

void vault_secret_free(struct vault_secret *secret)
{
    union slot *slot = (union slot *)(void *)secret;

    if (!slot)
        return;
    explicit_bzero(slot, sizeof *slot);
    pthread_mutex_lock(&slab_lock);
    slot->next = free_slots;
    free_slots = slot;
    pthread_mutex_unlock(&slab_lock);
}
