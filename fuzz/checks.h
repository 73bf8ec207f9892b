/* SPDX-License-Identifier: Apache-2.0 */
/* checks.h: cmocka's words for fuzz targets that use a unit test's environment: what is wrong ends the process. */
#ifndef CARDMUX_FUZZ_CHECKS
#define CARDMUX_FUZZ_CHECKS

#include <stdlib.h>
#include <string.h>

#define assert_true(truth)                                                                                             \
    do {                                                                                                               \
        if (!(truth))                                                                                                  \
            abort();                                                                                                   \
    } while (0)
#define assert_false(truth)               assert_true(!(truth))
#define assert_null(pointer)              assert_true(!(pointer))
#define assert_non_null(pointer)          assert_true(pointer)
#define assert_int_equal(a, b)            assert_true((a) == (b))
#define assert_int_not_equal(a, b)        assert_true((a) != (b))
#define assert_string_equal(a, b)         assert_true(strcmp(a, b) == 0)
#define assert_memory_equal(a, b, length) assert_true(memcmp(a, b, length) == 0)
#define fail_msg(...)                     abort()

/* The input, byte by byte; zeros when it is used up. */
struct input {
    const uint8_t *data;
    size_t left;
};

static inline uint8_t take(struct input *input)
{
    if (!input->left) {
        return 0;
    }
    input->left--;
    return *input->data++;
}

static inline uint32_t take32(struct input *input)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        value = value << 8 | take(input);
    }
    return value;
}

#endif
