/* SPDX-License-Identifier: Apache-2.0 */
/* master_card.c: see master_card.h */
#include "backend/vault/master_card.h"

#include <stdio.h>
#include <string.h>
#include "backend/vault/seal.h"
#include "backend/vault/vault_internal.h"

_Static_assert(CARD_SEAL_SALT == MASTER_CARD_SALT && CARD_SEAL_BLOB == MASTER_CARD_BLOB &&
                   CARD_SEAL_BLOB_MIN == MASTER_CARD_BLOB_MIN,
               "the file holds what the card is asked");

enum vault_result master_card_question(const struct master_place *place, const struct master_card *card,
                                       struct card_seal_ask *ask, char *error)
{
    memset(ask, 0, sizeof *ask);
    if (!place->library)
        return vault_fail(error, VAULT_INVALID,
                          "a card is to hold the master key, and none is named: set [daemon] master-key-card to the "
                          "library of its vendor, and master-key-index");
    if (strlen(place->library) >= sizeof ask->library || place->code_len > CARD_SEAL_CODE)
        return vault_fail(error, VAULT_INVALID, "the path of the card's library, or its access code, is too long");
    snprintf(ask->version, sizeof ask->version, "%s", CARDMUX_VERSION);
    snprintf(ask->library, sizeof ask->library, "%s", place->library);
    ask->verb = card ? CARD_SEAL_OPEN : CARD_SEAL_NEW;
    ask->kind = card ? card->kind : place->kind;
    ask->index = card ? card->index : place->index;
    if (ask->kind == place->kind && ask->index == place->index) { /* the code is of that index */
        ask->code_len = place->code_len;
        memcpy(ask->code, place->code, place->code_len);
    }
    if (card) {
        ask->blob_len = card->blob_len;
        memcpy(ask->blob, card->blob, MASTER_CARD_BLOB);
        memcpy(ask->salt, card->salt, MASTER_CARD_SALT);
    } else if (!seal_random(ask->salt, sizeof ask->salt)) {
        return vault_fail(error, VAULT_IO, "no random bytes for a master key");
    }
    return vault_ok(error);
}

enum vault_result master_card_take(const struct card_seal_ask *ask, const struct card_seal_reply *reply,
                                   struct master_wrap *wrap, char *error)
{
    bool made = ask->verb == CARD_SEAL_NEW;
    struct master_card card = {
        .kind = ask->kind, .index = ask->index, .blob_len = made ? reply->blob_len : ask->blob_len};

    memcpy(card.salt, ask->salt, MASTER_CARD_SALT);
    memcpy(card.blob, made ? reply->blob : ask->blob, MASTER_CARD_BLOB);
    return master_wrap_card(&card, reply->made, wrap, error);
}

static enum vault_result card_run(const struct master_place *place, const struct master_card *card,
                                  struct master_wrap *wrap, char *error)
{
    struct vault_secret *room = vault_secret_new(), *more = vault_secret_new();
    struct card_seal_ask *ask = room ? (struct card_seal_ask *)(void *)room->bytes : NULL;
    struct card_seal_reply *reply = more ? (struct card_seal_reply *)(void *)more->bytes : NULL;
    char sentence[CARD_SEAL_SENTENCE] = "";
    enum vault_result result;
    _Static_assert(sizeof *ask <= VAULT_SECRET_MAX && sizeof *reply <= VAULT_SECRET_MAX, "both fit a secret");

    if (!ask || !reply)
        result = vault_fail(error, VAULT_IO, "no locked memory for the master key: raise the limit of locked memory");
    else
        result = master_card_question(place, card, ask, error);
    if (result == VAULT_OK && card_seal_run(ask, reply, sentence))
        result = master_card_take(ask, reply, wrap, error);
    else if (result == VAULT_OK)
        result = vault_fail(error, card_seal_code_refused(reply) ? VAULT_LOCKED : VAULT_IO, "%s", sentence);
    vault_secret_free(room);
    vault_secret_free(more);
    return result;
}

enum vault_result master_card_new(const struct master_place *place, struct master_wrap *wrap, char *error)
{
    return card_run(place, NULL, wrap, error);
}

enum vault_result master_card_open(const char *path, const struct master_place *place, struct master_wrap *wrap,
                                   char *error)
{
    struct master_head head = {0};
    enum vault_result result = master_key_head(path, &head, error);

    if (result == VAULT_OK && head.form != MASTER_CARD)
        return vault_fail(error, VAULT_INVALID, "no card holds the master key %s", path);
    if (result == VAULT_OK && !place->library)
        return vault_fail(error, VAULT_INVALID,
                          "a card holds the master key %s, and none is named: set [daemon] master-key-card to its "
                          "vendor's library",
                          path);
    return result == VAULT_OK ? card_run(place, &head.card, wrap, error) : result;
}
