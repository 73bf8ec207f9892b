/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of authenticated encryption: what was written is read, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "proto/aead.h"

static const uint8_t bytes[512] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void written_is_read(void **state)
{
    (void)state;
    for (enum cm_aead_use use = CM_AEAD_SEAL; use <= CM_AEAD_BEGIN; use++)
        for (unsigned nonce = 1; nonce <= CM_NONCE_MAX; nonce += 7) {
            struct cm_aead in = {.nonce = bytes,
                                 .tag = bytes + 1,
                                 .aad = bytes + 2,
                                 .nonce_len = (uint8_t)nonce,
                                 .tag_len = 12},
                           out;
            uint8_t wire[512];
            if (use == CM_AEAD_BEGIN) {
                in.total_aad = 0x01020304;
                in.total_data = 0xfffefdfc;
            } else {
                in.aad_len = 300;
            }
            size_t len = cm_aead_write(&in, use, wire, sizeof wire);
            assert_int_equal(len, CM_AEAD_HEAD + nonce + (use == CM_AEAD_OPEN ? 12 : 0) + in.aad_len);
            assert_int_equal(cm_aead_write(&in, use, wire, len - 1), 0);
            assert_int_equal(cm_aead_write(&in, use, wire, len), len);
            assert_true(cm_aead_read(wire, len, use, &out));
            assert_int_equal(out.nonce_len, nonce);
            assert_int_equal(out.tag_len, 12);
            assert_int_equal(out.aad_len, in.aad_len);
            assert_int_equal(out.total_aad, in.total_aad);
            assert_int_equal(out.total_data, in.total_data);
            assert_memory_equal(out.nonce, bytes, nonce);
            if (use == CM_AEAD_OPEN)
                assert_memory_equal(out.tag, bytes + 1, 12);
            else
                assert_null(out.tag);
            assert_memory_equal(out.aad, bytes + 2, out.aad_len);
            for (size_t cut = 0; cut < len; cut++)
                assert_false(cm_aead_read(wire, cut, use, &out));
            assert_false(cm_aead_read(wire, len + 1, use, &out));
        }
}

static void lengths_have_bounds(void **state)
{
    (void)state;
    struct cm_aead good = {.nonce = bytes, .tag = bytes, .aad = bytes, .nonce_len = 12, .tag_len = 16}, bad, out;
    uint8_t wire[512];
    for (unsigned wrong = 0; wrong < 7; wrong++) {
        enum cm_aead_use use = wrong == 6 ? CM_AEAD_BEGIN : CM_AEAD_SEAL;
        bad = good;
        if (wrong == 0)
            bad.nonce_len = 0;
        if (wrong == 1)
            bad.nonce_len = CM_NONCE_MAX + 1;
        if (wrong == 2)
            bad.tag_len = 0;
        if (wrong == 3)
            bad.tag_len = CM_TAG_MAX + 1;
        if (wrong == 4)
            bad.total_aad = 1;
        if (wrong == 5)
            bad.total_data = 1;
        if (wrong == 6)
            bad.aad_len = 1;
        assert_int_equal(cm_aead_write(&bad, use, wire, sizeof wire), 0);
        size_t len = cm_aead_write(&good, use, wire, sizeof wire);
        assert_true(len > 0 && cm_aead_read(wire, len, use, &out));
        /* the same by hand */
        if (wrong < 2)
            wire[0] = bad.nonce_len;
        else if (wrong < 4)
            wire[1] = bad.tag_len;
        else
            wire[wrong == 4 ? 4 : wrong == 5 ? 8 : 2] = 1;
        assert_false(cm_aead_read(wire, CM_AEAD_HEAD + wire[0] + (wrong == 6), use, &out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(written_is_read), cmocka_unit_test(lengths_have_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
