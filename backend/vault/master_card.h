/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_card.h: a master key of form card: the card is asked by cardmux-card-sdf (cards/sdf/seal.h) for what seals
 * the key. Waiting, by master_card_new and master_card_open; or in parts, for who must not wait: master_card_question,
 * card_seal_start and card_seal_end, master_card_take.
 *
 * Results: VAULT_BAD_CODE: another card, or another key in it; VAULT_LOCKED: the card refuses the access code, and to
 * try again by itself could lock the index; VAULT_IO: no card, no library, no answer. wrap is to be wiped by the
 * caller.
 */
#ifndef CARDMUX_VAULT_MASTER_CARD_H
#define CARDMUX_VAULT_MASTER_CARD_H

#include "backend/vault/master_key.h"
#include "cards/sdf/seal.h"

/* Where a key in a card is, as the configuration says. */
struct master_place {
    const char *library;  /* NULL: no card is configured */
    uint32_t kind, index; /* of a new file; one that is there says its own */
    uint32_t code_len;    /* 0: none. Of that index: a file that was sealed by another one is opened without */
    uint8_t code[CARD_SEAL_CODE];
};

/* card NULL: for a new file, with a random salt. */
enum vault_result master_card_question(const struct master_place *place, const struct master_card *card,
                                       struct card_seal_ask *ask, char *error);
/* What came for ask, made into what seals a key. */
enum vault_result master_card_take(const struct card_seal_ask *ask, const struct card_seal_reply *reply,
                                   struct master_wrap *wrap, char *error);

enum vault_result master_card_new(const struct master_place *place, struct master_wrap *wrap, char *error);
enum vault_result master_card_open(const char *path, const struct master_place *place, struct master_wrap *wrap,
                                   char *error);

#endif
