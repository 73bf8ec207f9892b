/* SPDX-License-Identifier: Apache-2.0 */
/* backend/broker/numbers.h: numbers are unique, cannot be guessed from others, and die with what they named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backend/broker/numbers.h"

#define MANY 100000u

static char object[2];

static int order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Numbers of objects that came and went: none comes twice, and none of the dead ones is found. */
static void test_never_again(void **state)
{
    struct numbers numbers = {0};
    uint32_t *seen = malloc(MANY * sizeof *seen);
    (void)state;
    assert_non_null(seen);
    for (uint32_t i = 0; i < MANY; i++) {
        seen[i] = numbers_add(&numbers, object, 4);
        assert_int_not_equal(seen[i], 0);
        assert_ptr_equal(numbers_find(&numbers, seen[i]), object);
        assert_ptr_equal(numbers_drop(&numbers, seen[i]), object);
        assert_null(numbers_find(&numbers, seen[i]));
        assert_null(numbers_drop(&numbers, seen[i]));
    }
    for (uint32_t i = 0; i < 100; i++)
        assert_null(numbers_find(&numbers, seen[i * 997]));
    qsort(seen, MANY, sizeof *seen, order);
    for (uint32_t i = 1; i < MANY; i++)
        assert_int_not_equal(seen[i], seen[i - 1]);
    free(seen);
    numbers_free(&numbers);
}

/* A model with random coming and going: whatever is live is found, with its own object, and nothing else. */
static void test_model(void **state)
{
    enum {
        LIVE = 500
    };
    struct numbers numbers = {0};
    uint32_t live[LIVE], count = 0;
    static char objects[LIVE];
    char *of[LIVE];
    unsigned seed = 11;
    (void)state;
    for (unsigned step = 0; step < 60000; step++) {
        if (count < LIVE && (count == 0 || rand_r(&seed) % 2)) {
            of[count] = &objects[rand_r(&seed) % LIVE];
            live[count] = numbers_add(&numbers, of[count], LIVE);
            assert_int_not_equal(live[count], 0);
            count++;
        } else {
            uint32_t at = (uint32_t)rand_r(&seed) % count;
            assert_ptr_equal(numbers_drop(&numbers, live[at]), of[at]);
            count--;
            live[at] = live[count];
            of[at] = of[count];
        }
        assert_int_equal(numbers.used, count);
        for (uint32_t i = 0; step % 100 == 0 && i < count; i++)
            assert_ptr_equal(numbers_find(&numbers, live[i]), of[i]);
    }
    uint32_t at = 0, number, emptied = 0;
    while (numbers_left(&numbers, &at, &number)) {
        numbers_drop(&numbers, number);
        emptied++;
    }
    assert_int_equal(emptied, count);
    assert_int_equal(numbers.used, 0);
    numbers_free(&numbers);
}

static void test_most(void **state)
{
    struct numbers numbers = {0};
    uint32_t last = 0;
    (void)state;
    for (unsigned i = 0; i < 4096; i++)
        last = numbers_add(&numbers, object, 4096);
    assert_int_not_equal(last, 0);
    assert_int_equal(numbers_add(&numbers, object, 4096), 0);
    numbers_drop(&numbers, last);
    assert_int_not_equal(numbers_add(&numbers, object, 4096), 0);
    assert_null(numbers_find(&numbers, 0));
    assert_null(numbers_drop(&numbers, 0));
    numbers_free(&numbers);
}

/* What one table gives says nothing about another: the same counts give other numbers, and about half of the bits
 * differ from each number to the next (a chance of less than 2^-60 to be outside of these bounds). */
static void test_unlike(void **state)
{
    struct numbers a = {0}, b = {0};
    unsigned same = 0, bits = 0;
    uint32_t before = 0;
    (void)state;
    for (unsigned i = 0; i < 4096; i++) {
        uint32_t x = numbers_add(&a, object, 4096), y = numbers_add(&b, object, 4096);
        same += x == y;
        bits += (unsigned)__builtin_popcount(x ^ before);
        before = x;
    }
    assert_in_range(same, 0, 8);
    assert_in_range(bits, 4096 * 16 - 2000, 4096 * 16 + 2000);
    numbers_free(&a);
    numbers_free(&b);
}

/* The count's end: another key, and what lives goes on. */
static void test_wrap(void **state)
{
    struct numbers numbers = {0};
    (void)state;
    uint32_t first = numbers_add(&numbers, object, 100);
    numbers.count = UINT32_MAX - 2;
    for (unsigned i = 0; i < 20; i++)
        assert_int_not_equal(numbers_add(&numbers, object + 1, 100), 0);
    assert_in_range(numbers.count, 1, 30);
    assert_ptr_equal(numbers_find(&numbers, first), object);
    numbers_free(&numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_again), cmocka_unit_test(test_model), cmocka_unit_test(test_most),
        cmocka_unit_test(test_unlike),      cmocka_unit_test(test_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
