/* SPDX-License-Identifier: Apache-2.0 */
/* shares_form.c: the text of a share. See shares.h. */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include "backend/vault/shares.h"

static const char word[] = "cardmux-share-1 ";

static bool hex_take(const char **at, const char *end, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < 2 * count; i++) {
        char c = *at < end ? *(*at)++ : 0;
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 99;

        if (digit > 15)
            return false;
        bytes[i / 2] = (uint8_t)(i % 2 ? bytes[i / 2] | digit : digit << 4);
    }
    return true;
}

/* 1 to 99, and the space behind it. */
static bool number_take(const char **at, const char *end, unsigned *number)
{
    *number = 0;
    for (int i = 0; i < 2 && *at < end && **at >= '0' && **at <= '9'; i++)
        *number = *number * 10 + (unsigned)(*(*at)++ - '0');
    return *number > 0 && *at < end && *(*at)++ == ' ';
}

static bool check_make(const char *text, size_t len, uint8_t check[4])
{
    uint8_t digest[32];
    unsigned digest_len = 0;
    bool ok = EVP_Digest(text, len, digest, &digest_len, EVP_sha256(), NULL) == 1;

    memcpy(check, digest, 4);
    return ok;
}

bool share_parse(const char *text, size_t len, struct share *share)
{
    const char *at = text, *end = memchr(text, '\n', len);
    uint8_t check[4], wanted[4];
    char again[SHARE_TEXT];

    end = end ? end : text + len;
    if ((size_t)(end - at) < sizeof word - 1 || memcmp(at, word, sizeof word - 1) != 0)
        return false;
    at += sizeof word - 1;
    if (!hex_take(&at, end, share->set, sizeof share->set) || at == end || *at++ != ' ' ||
        !number_take(&at, end, &share->least) || !number_take(&at, end, &share->count) ||
        !number_take(&at, end, &share->number) || !hex_take(&at, end, share->bytes, SHARE_KEY) || at == end ||
        *at++ != ' ' || !check_make(text, (size_t)(at - text), wanted) || !hex_take(&at, end, check, sizeof check) ||
        at != end)
        return false;
    if (memcmp(check, wanted, sizeof check) != 0 || share->least < 2 || share->least > share->count ||
        share->count > SHARES_MOST || share->number > share->count)
        return false;
    share_build(share, again); /* one form only: no leading zeros */
    return strlen(again) == (size_t)(end - text) && memcmp(again, text, strlen(again)) == 0;
}

void share_build(const struct share *share, char text[SHARE_TEXT])
{
    size_t at = 0;
    uint8_t check[4] = {0};

    at += (size_t)snprintf(text, SHARE_TEXT, "%s", word);
    for (size_t i = 0; i < sizeof share->set; i++)
        at += (size_t)snprintf(text + at, SHARE_TEXT - at, "%02x", share->set[i]);
    at += (size_t)snprintf(text + at, SHARE_TEXT - at, " %u %u %u ", share->least, share->count, share->number);
    for (size_t i = 0; i < SHARE_KEY; i++)
        at += (size_t)snprintf(text + at, SHARE_TEXT - at, "%02x", share->bytes[i]);
    at += (size_t)snprintf(text + at, SHARE_TEXT - at, " ");
    check_make(text, at, check);
    for (size_t i = 0; i < sizeof check; i++)
        at += (size_t)snprintf(text + at, SHARE_TEXT - at, "%02x", check[i]);
}
