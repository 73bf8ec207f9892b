/* covers: backend/vault/master_form.c cards/sdf/seal_said.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a master key's file, of any length. What is accepted is of one of the three forms and says of itself
 * what the parser says of it; a passphrase's cost is one that the daemon can pay and that protects; nothing shorter or
 * longer is of that form, nor anything with another of the fixed bytes. A card's head is written again as it was read.
 *
 * Behind it, what the process with a vendor's library answers: the same bytes as an answer. What is accepted is within
 * its bounds, and a sentence comes of it, printable and not empty, whatever it says.
 */
#include <string.h>
#include "backend/vault/master_key.h"
#include "cards/sdf/seal.h"
#include "fuzz/checks.h"

#define FIXED 16u

/* Each of the fixed bytes but the cost's counts. */
static void passphrase_is_strict(const uint8_t *bytes, size_t len)
{
    uint8_t other[MASTER_FILE_MAX];
    struct master_head head;
    memcpy(other, bytes, len);
    for (size_t i = 0; i < FIXED; i++) {
        if (i == 10)
            continue;
        other[i] ^= 0x40;
        assert_true(!master_head_parse(other, len, &head));
        other[i] ^= 0x40;
    }
    assert_true(!master_head_parse(other, len - 1, &head));
}

static void card_is_strict(const uint8_t *bytes, size_t len, const struct master_card *card)
{
    uint8_t again[MASTER_CARD_HEAD];
    struct master_head head;
    assert_true(len == MASTER_FILE_MAX && memcmp(bytes, "CMMASTER\1\2", 10) == 0);
    assert_true(card->kind == 1 || card->kind == 2);
    assert_true(card->index >= 1 && card->index <= MASTER_CARD_INDEX);
    assert_true(card->blob_len >= MASTER_CARD_BLOB_MIN && card->blob_len <= MASTER_CARD_BLOB);
    master_card_head(card, again);
    assert_true(memcmp(again, bytes, sizeof again) == 0);
    assert_true(!master_head_parse(bytes, len - 1, &head));
}

static void file_check(const uint8_t *data, size_t size)
{
    struct master_head head;
    if (!master_head_parse(data, size, &head))
        return;
    assert_true(master_form_of(master_form_name(head.form)) == head.form);
    switch (head.form) {
    case MASTER_FILE:
        assert_true(size == VAULT_MASTER_KEY);
        break;
    case MASTER_PASSPHRASE:
        assert_true(size == MASTER_PASS_HEAD + MASTER_SEALED && memcmp(data, "CMMASTER\1\1", 10) == 0);
        assert_true(head.cost == data[10] && head.cost >= 14 && head.cost <= 20);
        assert_true(memcmp(head.salt, data + FIXED, MASTER_SALT) == 0);
        passphrase_is_strict(data, size);
        break;
    case MASTER_CARD:
        card_is_strict(data, size, &head.card);
        break;
    default:
        assert_true(false);
    }
}

/* The first byte says what was asked; the rest is put over an answer of zeros, or is one of its own length. */
static void reply_check(const uint8_t *data, size_t size)
{
    struct card_seal_reply reply = {0};
    struct card_seal_ask ask = {.verb = size && data[0] & 1 ? CARD_SEAL_NEW : CARD_SEAL_OPEN,
                                .kind = size && data[0] & 2 ? CARD_SEAL_KEK : CARD_SEAL_PAIR,
                                .index = 1,
                                .library = "/usr/lib/libvendor_sdf.so"};
    char sentence[CARD_SEAL_SENTENCE] = "";
    size_t len = size > 1 ? size - 1 : 0;
    if (len > sizeof reply)
        len = sizeof reply;
    if (len)
        memcpy(&reply, data + 1, len);
    if (!card_seal_reply_check(&reply, size && data[0] & 4 ? len : sizeof reply, (enum card_seal_verb)ask.verb))
        return;
    assert_true(reply.step < CARD_SEAL_STEPS && reply.blob_len <= CARD_SEAL_BLOB);
    assert_true(memchr(reply.text, 0, sizeof reply.text) != NULL);
    if (reply.step == CARD_SEAL_DONE) {
        assert_true(ask.verb == CARD_SEAL_OPEN ? reply.blob_len == 0 : reply.blob_len >= CARD_SEAL_BLOB_MIN);
        return;
    }
    (void)card_seal_code_refused(&reply);
    card_seal_sentence(&ask, &reply, sentence);
    assert_true(sentence[0] && memchr(sentence, 0, sizeof sentence));
    for (const char *at = sentence; *at; at++)
        assert_true(*at >= ' ' && *at <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    file_check(data, size);
    reply_check(data, size);
    return 0;
}
