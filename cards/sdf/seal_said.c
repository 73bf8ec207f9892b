/* SPDX-License-Identifier: Apache-2.0 */
/* seal_said.c: what cardmux-card-sdf answered: its form, and a sentence for the operator. See seal.h. */
#include "cards/sdf/seal.h"

#include <stdio.h>
#include <string.h>
#include "cardmux/sdf.h"

static bool zeros(const uint8_t *bytes, size_t len)
{
    uint8_t all = 0;
    for (size_t i = 0; i < len; i++)
        all |= bytes[i];
    return all == 0;
}

bool card_seal_reply_check(struct card_seal_reply *reply, size_t len, enum card_seal_verb verb)
{
    if (len != sizeof *reply || reply->step >= CARD_SEAL_STEPS || reply->blob_len > CARD_SEAL_BLOB)
        return false;
    reply->text[CARD_SEAL_TEXT - 1] = 0;
    for (char *at = reply->text; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    if (reply->step != CARD_SEAL_DONE)
        return true;
    if (zeros(reply->made, sizeof reply->made) || memcmp(reply->made, reply->made + 16, 16) == 0)
        return false;
    if (verb == CARD_SEAL_OPEN)
        return reply->blob_len == 0;
    return reply->blob_len >= CARD_SEAL_BLOB_MIN && !zeros(reply->blob, reply->blob_len) &&
           zeros(reply->blob + reply->blob_len, CARD_SEAL_BLOB - reply->blob_len);
}

/* The words of GM/T 0018 for the codes that an operator can do something about. */
static const char *code_word(uint32_t code)
{
    switch (code) {
    case SDR_UNKNOWERR:
        return "an unknown error";
    case SDR_NOTSUPPORT:
        return "not supported";
    case SDR_COMMFAIL:
        return "no communication with the card";
    case SDR_HARDFAIL:
        return "the hardware does not respond";
    case SDR_OPENDEVICE:
        return "the device cannot be opened";
    case SDR_OPENSESSION:
        return "no session";
    case SDR_PARDENY:
        return "no right to the private key";
    case SDR_KEYNOTEXIST:
        return "no such key";
    case SDR_ALGNOTSUPPORT:
    case SDR_ALGMODNOTSUPPORT:
        return "the algorithm is not supported";
    case SDR_PRKRERR:
        return "the access code is wrong, or locked";
    default:
        return "an error of the card";
    }
}

static bool card_away(const struct card_seal_reply *reply)
{
    return reply->step == CARD_SEAL_DEVICE || reply->step == CARD_SEAL_SESSION || reply->code == SDR_COMMFAIL ||
           reply->code == SDR_HARDFAIL || reply->code == SDR_OPENDEVICE;
}

bool card_seal_code_refused(const struct card_seal_reply *reply)
{
    return (reply->step == CARD_SEAL_RIGHT && !card_away(reply) && reply->code != SDR_KEYNOTEXIST) ||
           reply->code == SDR_PARDENY || reply->code == SDR_PRKRERR;
}

static const char *key_name(const struct card_seal_ask *ask)
{
    return ask->kind == CARD_SEAL_KEK ? "KEK" : "pair for encryption";
}

/* The library's function failed with the card there. */
static void sentence_card(const struct card_seal_ask *ask, const struct card_seal_reply *reply, char *sentence)
{
    unsigned code = reply->code, index = ask->index;
    if (code == SDR_KEYNOTEXIST)
        snprintf(sentence, CARD_SEAL_SENTENCE,
                 "the card has no %s at index %u (0x%08x): set [daemon] master-key-index and master-key-kind, make the "
                 "key with the vendor's tool, or put in the card that has it",
                 key_name(ask), index, code);
    else if (reply->step == CARD_SEAL_RIGHT)
        snprintf(sentence, CARD_SEAL_SENTENCE,
                 "the card refuses the access code of index %u (0x%08x): mend [daemon] master-key-code-file before you "
                 "start again, because cards lock an index after some wrong codes",
                 index, code);
    else if (code == SDR_PARDENY || code == SDR_PRKRERR)
        snprintf(sentence, CARD_SEAL_SENTENCE,
                 "the card lets nobody use index %u without its access code (0x%08x): name a file that holds it in "
                 "[daemon] master-key-code-file",
                 index, code);
    else if (reply->step == CARD_SEAL_IMPORT && ask->verb == CARD_SEAL_OPEN)
        snprintf(sentence, CARD_SEAL_SENTENCE,
                 "the card does not open what it once sealed (0x%08x, %s): it is another card, the key at index %u is "
                 "another one, or the master key's file was changed",
                 code, code_word(code), index);
    else
        snprintf(
            sentence, CARD_SEAL_SENTENCE,
            "the card cannot hold the master key: it answers 0x%08x (%s) when it should %s; try the other [daemon] "
            "master-key-kind",
            code, code_word(code),
            reply->step == CARD_SEAL_MAKE      ? "make a session key"
            : reply->step == CARD_SEAL_ENCRYPT ? "encrypt with SM4"
                                               : "open the session key that it made");
}

void card_seal_sentence(const struct card_seal_ask *ask, const struct card_seal_reply *reply, char *sentence)
{
    const char *library = ask->library;
    switch (reply->step) {
    case CARD_SEAL_QUESTION:
        snprintf(sentence, CARD_SEAL_SENTENCE,
                 "cardmux-card-sdf is of another version than the program that asks it: restart cardmuxd, or install "
                 "cardmux as a whole");
        break;
    case CARD_SEAL_LIBRARY:
        snprintf(sentence, CARD_SEAL_SENTENCE, "[daemon] master-key-card: the card's library cannot be loaded: %s",
                 reply->text);
        break;
    case CARD_SEAL_SYMBOL:
        snprintf(sentence, CARD_SEAL_SENTENCE,
                 "[daemon] master-key-card: %.80s has no %.40s, so it is no library of GM/T 0018; or try the other "
                 "master-key-kind",
                 library, reply->text);
        break;
    case CARD_SEAL_LENGTH:
        snprintf(sentence, CARD_SEAL_SENTENCE,
                 "%.40s of %.80s gave a result of a length that cannot be: that library cannot hold the master key",
                 reply->text, library);
        break;
    case CARD_SEAL_SAME:
        snprintf(sentence, CARD_SEAL_SENTENCE,
                 "what %.80s encrypts does not depend on key and data as it must: that library cannot hold the master "
                 "key",
                 library);
        break;
    default:
        if (card_away(reply))
            snprintf(
                sentence, CARD_SEAL_SENTENCE,
                "the card that holds the master key is not there: %.80s answers 0x%08x (%s). Is it plugged in, its "
                "driver loaded, its device open to this user?",
                library, (unsigned)reply->code, code_word(reply->code));
        else
            sentence_card(ask, reply, sentence);
    }
}
