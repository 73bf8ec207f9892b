/* SPDX-License-Identifier: Apache-2.0 */
/* master_form.c: the head of a master key's file, read and written. See master_key.h. */
#include <string.h>
#include "backend/vault/master_key.h"

#define CARD_SALT 16u
#define CARD_LEN  48u
#define CARD_BLOB 52u

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static bool passphrase_parse(const uint8_t *bytes, size_t len, struct master_head *head)
{
    if (len != MASTER_PASS_HEAD + MASTER_SEALED || bytes[11] != 8 || bytes[12] != 1 || bytes[13] || bytes[14] ||
        bytes[15])
        return false;
    head->cost = bytes[10]; /* neither so cheap that it protects nothing nor so dear that the daemon never starts */
    memcpy(head->salt, bytes + 16, MASTER_SALT);
    return head->cost >= 14 && head->cost <= 20;
}

static bool card_parse(const uint8_t *bytes, size_t len, struct master_card *card)
{
    if (len != MASTER_CARD_HEAD + MASTER_SEALED || bytes[10] < 1 || bytes[10] > 2 || bytes[11])
        return false;
    card->kind = bytes[10];
    card->index = get32(bytes + 12);
    card->blob_len = get32(bytes + CARD_LEN);
    memcpy(card->salt, bytes + CARD_SALT, MASTER_CARD_SALT);
    memcpy(card->blob, bytes + CARD_BLOB, MASTER_CARD_BLOB);
    if (card->index < 1 || card->index > MASTER_CARD_INDEX || card->blob_len < MASTER_CARD_BLOB_MIN ||
        card->blob_len > MASTER_CARD_BLOB)
        return false;
    for (uint32_t i = card->blob_len; i < MASTER_CARD_BLOB; i++)
        if (card->blob[i])
            return false;
    return true;
}

bool master_head_parse(const uint8_t *bytes, size_t len, struct master_head *head)
{
    memset(head, 0, sizeof *head);
    if (len == VAULT_MASTER_KEY) {
        head->form = MASTER_FILE;
        return true;
    }
    if (len < MASTER_PASS_HEAD || memcmp(bytes, "CMMASTER\1", 9) != 0)
        return false;
    head->form = (enum master_form)bytes[9];
    if (head->form == MASTER_PASSPHRASE)
        return passphrase_parse(bytes, len, head);
    return head->form == MASTER_CARD && card_parse(bytes, len, &head->card);
}

void master_card_head(const struct master_card *card, uint8_t head[MASTER_CARD_HEAD])
{
    memset(head, 0, MASTER_CARD_HEAD);
    memcpy(head, "CMMASTER\1\2", 10);
    head[10] = (uint8_t)card->kind;
    put32(head + 12, card->index);
    memcpy(head + CARD_SALT, card->salt, MASTER_CARD_SALT);
    put32(head + CARD_LEN, card->blob_len);
    memcpy(head + CARD_BLOB, card->blob, MASTER_CARD_BLOB);
}

static const char *const names[MASTER_FORMS] = {"file", "passphrase", "card"};

const char *master_form_name(enum master_form form)
{
    return (unsigned)form < MASTER_FORMS ? names[form] : "";
}

enum master_form master_form_of(const char *name)
{
    unsigned form = 0;
    while (form < MASTER_FORMS && strcmp(names[form], name) != 0)
        form++;
    return (enum master_form)form;
}
