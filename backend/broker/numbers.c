/* SPDX-License-Identifier: Apache-2.0 */
/* numbers.c: see numbers.h. The cipher is a Feistel network of four rounds over 32 bits, which is a permutation
 * whatever its round function is; that is SipHash-2-4 under the table's key. */
#include "backend/broker/numbers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define ROOM_FIRST 8u

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 of the four bytes of `word`. */
static uint64_t sip(const uint8_t key[16], uint32_t word)
{
    uint64_t k[2], last = 4ull << 56 | word;
    memcpy(k, key, sizeof k);
    uint64_t v[4] = {k[0] ^ 0x736f6d6570736575ull, k[1] ^ 0x646f72616e646f6dull, k[0] ^ 0x6c7967656e657261ull,
                     k[1] ^ 0x7465646279746573ull};
    v[3] ^= last;
    sip_round(v);
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint32_t encipher(const uint8_t key[16], uint32_t count)
{
    uint32_t left = count >> 16, right = count & 0xffff;
    for (uint32_t round = 0; round < 4; round++) {
        uint32_t mixed = left ^ (uint32_t)(sip(key, round << 16 | right) & 0xffff);
        left = right;
        right = mixed;
    }
    return left << 16 | right;
}

static bool take_key(struct numbers *numbers)
{
    numbers->keyed = getrandom(numbers->key, sizeof numbers->key, 0) == (ssize_t)sizeof numbers->key;
    numbers->count = 0;
    return numbers->keyed;
}

static void put(struct number_slot *slots, uint32_t room, uint32_t number, void *object)
{
    uint32_t at = number & (room - 1);
    while (slots[at].number)
        at = (at + 1) & (room - 1);
    slots[at] = (struct number_slot){.number = number, .object = object};
}

static bool grow(struct numbers *numbers)
{
    uint32_t room = numbers->room ? numbers->room * 2 : ROOM_FIRST;
    struct number_slot *slots = calloc(room, sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < numbers->room; i++)
        if (numbers->slots[i].number)
            put(slots, room, numbers->slots[i].number, numbers->slots[i].object);
    free(numbers->slots);
    numbers->slots = slots;
    numbers->room = room;
    return true;
}

uint32_t numbers_add(struct numbers *numbers, void *object, uint32_t most)
{
    uint32_t number = 0;
    if (numbers->used >= most || (numbers->used >= numbers->room / 2 && !grow(numbers)))
        return 0;
    do {
        if ((!numbers->keyed || numbers->count == UINT32_MAX) && !take_key(numbers))
            return 0;
        number = encipher(numbers->key, numbers->count++);
    } while (!number || numbers_find(numbers, number)); /* the second only after a change of keys */
    put(numbers->slots, numbers->room, number, object);
    numbers->used++;
    return number;
}

void *numbers_drop(struct numbers *numbers, uint32_t number)
{
    struct number_slot *slots = numbers->slots;
    uint32_t mask = numbers->room - 1;
    if (!number || !numbers->room)
        return NULL;
    uint32_t at = number & mask;
    while (slots[at].number != number) {
        if (!slots[at].number)
            return NULL;
        at = (at + 1) & mask;
    }
    void *object = slots[at].object;
    /* whoever would be looked for across the gap moves into it */
    for (uint32_t next = (at + 1) & mask; slots[next].number; next = (next + 1) & mask) {
        uint32_t home = slots[next].number & mask;
        if (((next - home) & mask) >= ((next - at) & mask)) {
            slots[at] = slots[next];
            at = next;
        }
    }
    slots[at] = (struct number_slot){0};
    numbers->used--;
    return object;
}

void *numbers_left(const struct numbers *numbers, uint32_t *at, uint32_t *number)
{
    /* dropping may close a gap with what stood behind, never with what stood before */
    for (; numbers->used && *at < numbers->room; ++*at)
        if (numbers->slots[*at].number) {
            *number = numbers->slots[*at].number;
            return numbers->slots[*at].object;
        }
    return NULL;
}

void numbers_free(struct numbers *numbers)
{
    free(numbers->slots);
    explicit_bzero(numbers, sizeof *numbers);
}
