/* SPDX-License-Identifier: Apache-2.0 */
/* The converter between raw SM2 fields and DER: what it writes it reads, and it reads nothing else. */
#include "card_under_test.h"

#include "cards/soft/sm2_der.h"

static void signatures_round_trip(void **state)
{
    uint8_t rs[64], back[64], der[SM2_DER_SIG_MAX];

    (void)state;
    for (size_t zeros = 0; zeros < 32; zeros++) { /* short numbers, with the top bit set or not */
        for (int top = 0; top < 2; top++) {
            fill(rs, 64, (uint32_t)zeros);
            memset(rs, 0, zeros);
            rs[zeros] = top ? 0x80 : 0x01;
            size_t len = sm2_der_sig_write(rs, der);

            assert_true(len <= sizeof(der));
            assert_true(sm2_der_sig_read(der, len, back));
            assert_memory_equal(rs, back, 64);
            for (size_t cut = 0; cut < len; cut++)
                assert_false(sm2_der_sig_read(der, cut, back));
        }
    }
    memset(rs, 0, 64);
    assert_int_equal(sm2_der_sig_write(rs, der), 8); /* zero is one byte */
    assert_true(sm2_der_sig_read(der, 8, back));
}

static void only_canonical_is_read(void **state)
{
    static const char *const wrong[] = {
        "",
        "30",
        "3080020101020101",     /* indefinite length */
        "300702010102010100",   /* something left over inside */
        "300602010102010100",   /* and outside */
        "31060201010201ff",     /* not a sequence */
        "3006020101020181",     /* negative */
        "300702020001020101",   /* a zero too many */
        "30810602010102010100", /* long form of a short length */
        "30060281010102010101",
        "3005020002020101",     /* empty number */
        "3006020101040101",     /* not an integer */
        "30830000060201010201", /* three length bytes */
        "3026022100ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff02",
        "30270222010000000000000000000000000000000000000000000000000000000000000000000201", /* 33 bytes */
    };
    uint8_t der[128], rs[64];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        size_t len = unhex(wrong[i], der);

        if (sm2_der_sig_read(der, len, rs))
            fail_msg("read %s", wrong[i]);
    }
    assert_true(sm2_der_sig_read(der, unhex("3006020101020102", der), rs));
}

static void ciphertexts_round_trip(void **state)
{
    uint8_t raw[CARD_PKE_HEAD + CARD_PKE_MAX], back[sizeof(raw)], der[SM2_DER_CIPHER_MAX];

    (void)state;
    for (size_t c_len = 1; c_len <= CARD_PKE_MAX; c_len++) {
        fill(raw, sizeof(raw), (uint32_t)c_len);
        memset(raw, 0, c_len % 33);
        size_t len = sm2_der_cipher_write(raw, CARD_PKE_HEAD + c_len, der);

        assert_true(len <= sizeof(der));
        assert_true(sm2_der_cipher_read(der, len, back, c_len));
        assert_memory_equal(raw, back, CARD_PKE_HEAD + c_len);
        assert_false(sm2_der_cipher_read(der, len, back, c_len - 1));
        assert_false(sm2_der_cipher_read(der, len - 1, back, c_len));
    }
}

static void any_bytes_are_survived(void **state)
{
    uint8_t der[SM2_DER_CIPHER_MAX], raw[CARD_PKE_HEAD + CARD_PKE_MAX], good[CARD_PKE_HEAD + 40];

    (void)state;
    fill(good, sizeof(good), 1);
    for (uint32_t seed = 0; seed < 20000; seed++) {
        uint8_t *exact;
        size_t len = sm2_der_cipher_write(good, sizeof(good), der);
        uint8_t change[4];

        fill(change, 4, seed);
        der[change[0] % len] = change[1];
        if (seed & 1)
            der[change[2] % 8] = change[3];
        len = seed % 3 ? len : change[3] % len;
        exact = malloc(len + !len); /* so that a sanitizer sees a byte too far */
        memcpy(exact, der, len);
        (void)sm2_der_cipher_read(exact, len, raw, 40);
        (void)sm2_der_sig_read(exact, len, raw);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_round_trip),
        cmocka_unit_test(only_canonical_is_read),
        cmocka_unit_test(ciphertexts_round_trip),
        cmocka_unit_test(any_bytes_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
