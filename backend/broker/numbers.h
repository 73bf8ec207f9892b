/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numbers.h: the numbers by which a tenant names its sessions and keys, and the tables that they are looked up in.
 *
 * A number is 32 bits that tell nothing: not how many there are, not what the next one is, and nothing about those of
 * another table. Each table counts up and shows the count enciphered, under a key of its own: so no number comes twice
 * before 2^32 others did (then the table takes another key), and a dead one meets no successor. 0 is no number.
 *
 * Looking one up is one comparison in most cases: the numbers are as good as random, so their low bits are the place in
 * a table that is never more than half full; taking one out closes the gap that it leaves. The broker's thread only.
 */
#ifndef CARDMUX_BROKER_NUMBERS_H
#define CARDMUX_BROKER_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct number_slot {
    uint32_t number; /* 0: free */
    void *object;
};

struct numbers {
    struct number_slot *slots;
    uint32_t room; /* a power of two, or 0 */
    uint32_t used;
    uint32_t count; /* of numbers given under this key */
    uint8_t key[16];
    bool keyed;
};

/* The object of a number, NULL where there is none. */
static inline void *numbers_find(const struct numbers *numbers, uint32_t number)
{
    uint32_t mask = numbers->room - 1;
    if (!number || !numbers->room)
        return NULL;
    for (uint32_t at = number & mask;; at = (at + 1) & mask) {
        const struct number_slot *slot = &numbers->slots[at];
        if (slot->number == number) /* nearly always at once */
            return slot->object;
        if (!slot->number)
            return NULL;
    }
}

/* Gives object (not NULL) a number; 0: there are `most` already, no memory, or no random bytes for a key. */
uint32_t numbers_add(struct numbers *numbers, void *object, uint32_t most);
/* Takes a number out; its object, NULL where there is none. */
void *numbers_drop(struct numbers *numbers, uint32_t number);
/* For emptying a table, with *at 0 at first: the next object that is left, NULL when none is; it must be dropped before
 * the next call. */
void *numbers_left(const struct numbers *numbers, uint32_t *at, uint32_t *number);
/* Frees the table, which must not be used again without being zeroed; objects are the caller's. */
void numbers_free(struct numbers *numbers);

#endif
