/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_master_card.c: the file of a master key that a card seals: written and read again, by nothing but what the card
 * made; the sealing key is HKDF-SHA256 as RFC 5869 writes it, here from HMAC step by step. (The card itself: clients,
 * test-master-card.)
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "backend/vault/master_card.h"

static char folder[] = "/tmp/cardmux-master-XXXXXX", path[64];

static void card_fill(struct master_card *card, uint8_t made[MASTER_CARD_SALT])
{
    *card = (struct master_card){.kind = CARD_SEAL_PAIR, .index = 258, .blob_len = 180};
    for (unsigned i = 0; i < MASTER_CARD_SALT; i++) {
        card->salt[i] = (uint8_t)(i + 1);
        made[i] = (uint8_t)(200 - i);
    }
    memset(card->blob, 0x42, card->blob_len);
}

static void hmac(const void *key, size_t key_len, const void *text, size_t len, uint8_t out[32])
{
    assert_non_null(HMAC(EVP_sha256(), key, (int)key_len, text, len, out, NULL));
}

static void the_sealing_key_is_hkdf(void **state)
{
    (void)state;
    static const char name[] = "cardmux master key of a card";
    struct master_card card;
    struct master_wrap wrap = {0};
    uint8_t made[MASTER_CARD_SALT], prk[32], okm[32], info[sizeof name - 1 + MASTER_CARD_HEAD + 1];
    card_fill(&card, made);
    assert_int_equal(master_wrap_card(&card, made, &wrap, NULL), VAULT_OK);
    hmac(card.salt, sizeof card.salt, made, sizeof made, prk);
    memcpy(info, name, sizeof name - 1);
    master_card_head(&card, info + sizeof name - 1);
    info[sizeof info - 1] = 1;
    hmac(prk, sizeof prk, info, sizeof info, okm);
    assert_memory_equal(wrap.key, okm, sizeof okm);
    assert_int_equal(wrap.head_len, MASTER_CARD_HEAD);
    assert_memory_equal(wrap.head, info + sizeof name - 1, MASTER_CARD_HEAD);
}

static void bytes_put(const uint8_t *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static void it_opens_by_what_the_card_made_alone(void **state)
{
    (void)state;
    static const uint8_t key[VAULT_MASTER_KEY] = {7, 8, 9};
    struct master_card card;
    struct master_head head;
    struct master_wrap wrap = {0}, again = {0};
    uint8_t made[MASTER_CARD_SALT], out[VAULT_MASTER_KEY], bytes[MASTER_FILE_MAX + 1];
    char error[VAULT_ERROR_TEXT];
    card_fill(&card, made);
    assert_int_equal(master_wrap_card(&card, made, &wrap, error), VAULT_OK);
    assert_int_equal(master_key_write(path, key, &wrap, false, error), VAULT_OK);
    assert_int_equal(master_key_write(path, key, &wrap, false, error), VAULT_EXISTS);
    assert_int_equal(master_key_read(path, out, error), VAULT_LOCKED);
    assert_non_null(strstr(error, "card"));

    assert_int_equal(master_key_head(path, &head, error), VAULT_OK);
    assert_int_equal(head.form, MASTER_CARD);
    assert_memory_equal(&head.card, &card, sizeof card);
    assert_int_equal(master_wrap_card(&head.card, made, &again, error), VAULT_OK);
    assert_int_equal(master_key_unwrap(path, &again, out, error), VAULT_OK);
    assert_memory_equal(out, key, sizeof key);

    made[31] ^= 1;
    assert_int_equal(master_wrap_card(&head.card, made, &again, error), VAULT_OK);
    assert_int_equal(master_key_unwrap(path, &again, out, error), VAULT_BAD_CODE);
    assert_non_null(strstr(error, "another card"));
    for (unsigned i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0);

    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, bytes, sizeof bytes), MASTER_FILE_MAX);
    close(fd);
    for (unsigned i = 0; i < MASTER_FILE_MAX; i++) { /* with the right key of the card in hand */
        bytes[i] ^= 1;
        bytes_put(bytes, MASTER_FILE_MAX);
        assert_int_not_equal(master_key_unwrap(path, &wrap, out, error), VAULT_OK);
        bytes[i] ^= 1;
    }
    bytes_put(bytes, MASTER_FILE_MAX - 1);
    assert_int_equal(master_key_head(path, &head, error), VAULT_INVALID);
    unlink(path);
}

static void a_code_goes_to_its_own_index_only(void **state)
{
    (void)state;
    struct master_place place = {
        .library = "/lib/v.so", .kind = CARD_SEAL_PAIR, .index = 258, .code_len = 3, .code = "pin"};
    struct master_card card;
    struct card_seal_ask ask;
    uint8_t made[MASTER_CARD_SALT];
    card_fill(&card, made);
    assert_int_equal(master_card_question(&place, &card, &ask, NULL), VAULT_OK);
    assert_int_equal(ask.verb, CARD_SEAL_OPEN);
    assert_int_equal(ask.code_len, 3);
    card.index = 1;
    assert_int_equal(master_card_question(&place, &card, &ask, NULL), VAULT_OK);
    assert_int_equal(ask.code_len, 0);
    assert_int_equal(ask.index, 1);
    card = (struct master_card){.kind = CARD_SEAL_KEK, .index = 258, .blob_len = 16};
    assert_int_equal(master_card_question(&place, &card, &ask, NULL), VAULT_OK);
    assert_int_equal(ask.code_len, 0);
    assert_int_equal(master_card_question(&place, NULL, &ask, NULL), VAULT_OK);
    assert_int_equal(ask.verb, CARD_SEAL_NEW);
    assert_int_equal(ask.code_len, 3);
    place.library = NULL;
    assert_int_equal(master_card_question(&place, NULL, &ask, NULL), VAULT_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_sealing_key_is_hkdf),
                                       cmocka_unit_test(it_opens_by_what_the_card_made_alone),
                                       cmocka_unit_test(a_code_goes_to_its_own_index_only)};
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/master.key", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
