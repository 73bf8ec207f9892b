/* SPDX-License-Identifier: Apache-2.0 */
/* Key bytes are wiped: looked for in the memory afterwards. */
#include "card_under_test.h"

#include "cards/soft/secret.h"

#define MEMORY 65536

static _Alignas(64) uint8_t memory[MEMORY];

static bool holds(const uint8_t *bytes, size_t len)
{
    return memmem(memory, sizeof(memory), bytes, len) != NULL;
}

static void a_freed_secret_is_gone(void **state)
{
    struct secret_arena *arena = secret_arena_create(memory, sizeof(memory));
    uint8_t bytes[SECRET_MAX];
    struct secret *secret;

    (void)state;
    fill(bytes, sizeof(bytes), 1);
    for (size_t len = 16; len <= SECRET_MAX; len += 48) {
        secret = secret_new(arena, bytes, len);
        assert_non_null(secret);
        assert_int_equal(secret_len(secret), len);
        assert_memory_equal(secret_bytes(secret), bytes, len);
        assert_true(holds(bytes, len));
        secret_free(secret);
        for (size_t at = 0; at + 8 <= len; at += 8)
            assert_false(holds(bytes + at, 8));
    }
    secret_free(NULL);
    secret_arena_destroy(arena);
}

static void a_destroyed_arena_is_empty(void **state)
{
    struct secret_arena *arena = secret_arena_create(memory, sizeof(memory));
    uint8_t bytes[32], zero[32] = {0};

    (void)state;
    fill(bytes, sizeof(bytes), 2);
    assert_non_null(secret_new(arena, bytes, sizeof(bytes)));
    assert_true(holds(bytes, 16));
    secret_arena_destroy(arena);
    for (size_t at = 0; at < sizeof(memory); at += 32)
        assert_memory_equal(memory + at, zero, 32);
}

static void a_full_arena_says_so(void **state)
{
    struct secret_arena *arena = secret_arena_create(memory, sizeof(memory));
    struct secret *list[1000];
    uint8_t bytes[SECRET_MAX + 1] = {0};
    size_t n = 0;

    (void)state;
    assert_null(secret_new(arena, bytes, 0));
    assert_null(secret_new(arena, bytes, SECRET_MAX + 1));
    while (n < 1000 && (list[n] = secret_new(arena, bytes, 32)))
        n++;
    assert_in_range(n, 100, 999);
    secret_free(list[--n]);
    assert_non_null(list[n] = secret_new(arena, bytes, 32));
    for (size_t i = 0; i <= n; i++)
        secret_free(list[i]);
    secret_arena_destroy(arena);
}

static void own_pages_grow(void **state)
{
    struct secret_arena *arena = secret_arena_create(NULL, 0);
    struct secret *list[1000];
    uint8_t bytes[32] = {0};

    (void)state;
    for (uint16_t i = 0; i < 1000; i++) {
        memcpy(bytes, &i, 2);
        assert_non_null(list[i] = secret_new(arena, bytes, 32));
    }
    for (uint16_t i = 0; i < 1000; i++) {
        assert_memory_equal(secret_bytes(list[i]), &i, 2);
        secret_free(list[i]);
    }
    secret_arena_destroy(arena);
}

/* A card whose key memory is ours: after key_free nothing of the key is left in it, however the key was made and used,
   and what the card hands out never holds it. */
static void a_freed_key_is_gone(void **state)
{
    struct card_options options = {.size = sizeof(options)};
    char error[CARD_ERROR_TEXT];
    uint8_t bytes[32], out[32], plain[32];
    struct card_key *kek, *key;
    struct card *card;
    struct library *judge;

    (void)state;
    fill(bytes, sizeof(bytes), 3);
    assert_int_equal(soft_open_in(&options, memory, sizeof(memory), &card, error), SDR_OK);
    kek = key_of(card, CARD_KEY_SYMMETRIC, bytes, 16);
    assert_true(holds(bytes, 16));
    struct card_job job = {.op = CARD_KEY_GENERATE_KEK, .alg = SGD_SM4_ECB, .key = kek, .in_key_bits = 256};

    job.out = out;
    job.out_cap = sizeof(out);
    assert_int_equal(run(card, &job), SDR_OK);
    key = job.new_key;
    judge = library_open(LIBRARY_JUDGE, CARD_DECRYPT, SGD_SM4_ECB, bytes, 16);
    assert_int_equal(library_run(judge, NULL, out, 32, NULL, plain, 32), 32);
    library_close(judge);
    assert_true(holds(plain, 32));
    job = (struct card_job){.op = CARD_MAC_START, .alg = SGD_AES_MAC, .key = key};
    assert_int_equal(run(card, &job), SDR_OK);
    soft_card_driver.key_free(card, kek);
    assert_false(holds(bytes, 8));
    soft_card_driver.key_free(card, key);
    assert_true(holds(plain, 32)); /* a running MAC still needs it */
    soft_card_driver.state_free(card, job.state);
    for (size_t at = 0; at + 8 <= 32; at += 8)
        assert_false(holds(plain + at, 8));
    soft_card_driver.close(card);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_freed_secret_is_gone), cmocka_unit_test(a_destroyed_arena_is_empty),
        cmocka_unit_test(a_full_arena_says_so),   cmocka_unit_test(own_pages_grow),
        cmocka_unit_test(a_freed_key_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
