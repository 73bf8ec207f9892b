/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "frontend/sdf/handle.h"

#define CHUNK_SLOTS 1024u
#define CHUNKS      1024u

#define PINS_MASK     0x3fffffffu
#define STATE_MASK    0xc0000000u
#define STATE_FREE    0u
#define STATE_LIVE    0x40000000u
#define STATE_CLOSING 0x80000000u

struct slot {
    _Atomic uint64_t word;  /* generation << 32 | state | pins */
    _Atomic uint64_t owner; /* keys: handle of their session */
    void *object;
    struct handle_key key;
    _Atomic uint32_t kind;
    uint32_t next; /* slot number + 1; 0: none. Free list, or a session's list of keys */
    uint32_t prev;
};

_Static_assert(sizeof(void *) == 8, "a handle holds 62 bits");

static struct slot *_Atomic chunks[CHUNKS];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER; /* free list and growth */
static uint32_t free_first;                                    /* slot number + 1 */
static uint32_t used;                                          /* slots ever handed out */
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static struct slot *slot_at(uint32_t index)
{
    struct slot *chunk = atomic_load_explicit(&chunks[index / CHUNK_SLOTS], memory_order_acquire);
    return chunk ? &chunk[index % CHUNK_SLOTS] : NULL;
}

static uint32_t handle_index(void *handle)
{
    return ((uintptr_t)handle >> 2) & 0xfffffu;
}

static uint32_t handle_generation(void *handle)
{
    return (uint32_t)((uintptr_t)handle >> 22);
}

static struct slot *handle_slot(void *handle, enum handle_kind kind)
{
    uintptr_t bits = (uintptr_t)handle;
    if ((bits & 3) != kind || bits >> 54 != 0)
        return NULL;
    return slot_at(handle_index(handle));
}

static bool word_is_live(uint64_t word, void *handle)
{
    return word >> 32 == handle_generation(handle) && (word & STATE_MASK) == STATE_LIVE;
}

static void fork_prepare(void)
{
    pthread_mutex_lock(&table_lock);
}

static void fork_parent(void)
{
    pthread_mutex_unlock(&table_lock);
}

/* Only this thread came along: whoever else had pinned something is not here to let go of it. */
static void fork_child(void)
{
    for (uint32_t i = 0; i < used; i++) {
        struct slot *slot = slot_at(i);
        uint64_t word = atomic_load(&slot->word), generation = word >> 32 << 32;
        uint64_t state = word & STATE_MASK;
        enum handle_kind kind = (enum handle_kind)atomic_load(&slot->kind);
        bool gone = state == STATE_CLOSING;
        if (state == STATE_LIVE && kind != HANDLE_KEY)
            gone = !handle_forked(kind, slot->object);
        if (gone) {
            slot->next = free_first;
            free_first = i + 1;
            generation += 1ull << 32;
            state = STATE_FREE;
        }
        atomic_store(&slot->word, generation | state);
    }
    pthread_mutex_unlock(&table_lock);
}

static void fork_watch(void)
{
    pthread_atfork(fork_prepare, fork_parent, fork_child);
}

static bool slot_grow(void)
{
    if (used % CHUNK_SLOTS != 0)
        return true;
    if (used / CHUNK_SLOTS >= CHUNKS)
        return false;
    struct slot *chunk = calloc(CHUNK_SLOTS, sizeof *chunk);
    if (!chunk)
        return false;
    atomic_store_explicit(&chunks[used / CHUNK_SLOTS], chunk, memory_order_release);
    return true;
}

static struct slot *slot_take(uint32_t *index)
{
    struct slot *slot = NULL;
    pthread_once(&fork_once, fork_watch);
    pthread_mutex_lock(&table_lock);
    if (free_first) {
        *index = free_first - 1;
        slot = slot_at(*index);
        free_first = slot->next;
    } else if (slot_grow()) {
        *index = used++;
        slot = slot_at(*index);
    }
    pthread_mutex_unlock(&table_lock);
    if (slot)
        slot->next = slot->prev = 0;
    return slot;
}

static void slot_give(struct slot *slot, uint32_t index)
{
    pthread_mutex_lock(&table_lock);
    slot->next = free_first;
    free_first = index + 1;
    pthread_mutex_unlock(&table_lock);
}

/* Pins of strangers may come and go on a free slot, so the state is added, never stored. */
static void *slot_publish(struct slot *slot, uint32_t index, enum handle_kind kind)
{
    atomic_store_explicit(&slot->kind, kind, memory_order_relaxed);
    uint64_t word = atomic_fetch_add_explicit(&slot->word, STATE_LIVE, memory_order_release);
    return (void *)(uintptr_t)((word >> 32) << 22 | (uint64_t)index << 2 | kind);
}

void *handle_make(enum handle_kind kind, void *object)
{
    uint32_t index;
    struct slot *slot = slot_take(&index);
    if (!slot)
        return NULL;
    slot->object = object;
    return slot_publish(slot, index, kind);
}

static void slot_unpin(struct slot *slot, uint32_t index)
{
    uint64_t word = atomic_fetch_sub_explicit(&slot->word, 1, memory_order_acq_rel);
    if ((word & STATE_MASK) != STATE_CLOSING || (word & PINS_MASK) != 1)
        return;
    uint64_t expected = word - 1;
    uint64_t after = ((word >> 32) + 1) << 32 | STATE_FREE;
    if (!atomic_compare_exchange_strong(&slot->word, &expected, after))
        return; /* somebody else pinned it meanwhile and will come here */
    void *object = slot->object;
    enum handle_kind kind = (enum handle_kind)atomic_load_explicit(&slot->kind, memory_order_relaxed);
    slot->object = NULL;
    slot_give(slot, index);
    handle_destroyed(kind, object);
}

void *handle_pin(void *handle, enum handle_kind kind)
{
    struct slot *slot = handle_slot(handle, kind);
    if (!slot)
        return NULL;
    uint64_t word = atomic_fetch_add_explicit(&slot->word, 1, memory_order_acquire);
    if (word_is_live(word, handle) && atomic_load_explicit(&slot->kind, memory_order_relaxed) == kind)
        return slot->object;
    slot_unpin(slot, handle_index(handle));
    return NULL;
}

void handle_unpin(void *handle)
{
    struct slot *slot = slot_at(handle_index(handle));
    if (slot)
        slot_unpin(slot, handle_index(handle));
}

bool handle_close(void *handle, enum handle_kind kind)
{
    if (!handle_pin(handle, kind))
        return false;
    struct slot *slot = slot_at(handle_index(handle));
    uint64_t word = atomic_load(&slot->word);
    bool won = false;
    while (!won && word_is_live(word, handle))
        won = atomic_compare_exchange_weak(&slot->word, &word, word - STATE_LIVE + STATE_CLOSING);
    handle_unpin(handle);
    return won;
}

void *handle_key_make(void *owner, uint32_t *first, struct handle_key **key)
{
    uint32_t index;
    struct slot *slot = slot_take(&index);
    if (!slot)
        return NULL;
    atomic_store_explicit(&slot->owner, (uint64_t)(uintptr_t)owner, memory_order_relaxed);
    slot->next = *first;
    if (*first)
        slot_at(*first - 1)->prev = index + 1;
    *first = index + 1;
    memset(&slot->key, 0, sizeof slot->key);
    *key = &slot->key;
    return slot_publish(slot, index, HANDLE_KEY);
}

/* owner is compared before anything else of the slot is read: only our own session, whose lock is held, changes a slot
   that has it. */
static struct slot *key_slot(void *handle, void *owner)
{
    struct slot *slot = handle_slot(handle, HANDLE_KEY);
    if (!slot || !word_is_live(atomic_load_explicit(&slot->word, memory_order_acquire), handle) ||
        atomic_load_explicit(&slot->kind, memory_order_relaxed) != HANDLE_KEY ||
        atomic_load_explicit(&slot->owner, memory_order_relaxed) != (uint64_t)(uintptr_t)owner)
        return NULL;
    return slot;
}

struct handle_key *handle_key_find(void *handle, void *owner)
{
    struct slot *slot = key_slot(handle, owner);
    return slot ? &slot->key : NULL;
}

static void key_slot_drop(struct slot *slot, uint32_t index, uint32_t *first)
{
    if (slot->prev)
        slot_at(slot->prev - 1)->next = slot->next;
    else
        *first = slot->next;
    if (slot->next)
        slot_at(slot->next - 1)->prev = slot->prev;
    atomic_store_explicit(&slot->owner, 0, memory_order_relaxed);
    uint64_t word = atomic_load(&slot->word);
    uint64_t after;
    do
        after = ((word >> 32) + 1) << 32 | STATE_FREE | (word & PINS_MASK);
    while (!atomic_compare_exchange_weak(&slot->word, &word, after));
    slot_give(slot, index);
}

void handle_key_drop(void *handle, void *owner, uint32_t *first)
{
    struct slot *slot = key_slot(handle, owner);
    if (slot)
        key_slot_drop(slot, handle_index(handle), first);
}

void handle_key_drop_all(void *owner, uint32_t *first, void (*gone)(struct handle_key *))
{
    (void)owner;
    while (*first) {
        gone(&slot_at(*first - 1)->key);
        key_slot_drop(slot_at(*first - 1), *first - 1, first);
    }
}
