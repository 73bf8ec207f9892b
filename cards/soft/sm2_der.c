/* SPDX-License-Identifier: Apache-2.0 */
/* see sm2_der.h. Lengths here never exceed 65535, so a length has one to three bytes. */
#include <string.h>

#include "cards/soft/sm2_der.h"

#define TAG_INTEGER  0x02u
#define TAG_OCTETS   0x04u
#define TAG_SEQUENCE 0x30u
#define NUMBER       32u

static size_t head_size(size_t len)
{
    return len < 0x80 ? 2 : len < 0x100 ? 3 : 4;
}

static uint8_t *head_write(uint8_t *to, uint8_t tag, size_t len)
{
    *to++ = tag;
    if (len >= 0x100) {
        *to++ = 0x82;
        *to++ = (uint8_t)(len >> 8);
    } else if (len >= 0x80) {
        *to++ = 0x81;
    }
    *to++ = (uint8_t)len;
    return to;
}

/* Leading zero bytes that an INTEGER leaves out; one byte always stays. */
static size_t number_skip(const uint8_t number[NUMBER])
{
    size_t skip = 0;

    while (skip < NUMBER - 1 && number[skip] == 0)
        skip++;
    return skip;
}

static size_t number_size(const uint8_t number[NUMBER])
{
    size_t skip = number_skip(number);

    return NUMBER - skip + (number[skip] >> 7);
}

static uint8_t *number_write(uint8_t *to, const uint8_t number[NUMBER])
{
    size_t skip = number_skip(number);

    to = head_write(to, TAG_INTEGER, number_size(number));
    if (number[skip] >> 7)
        *to++ = 0;
    memcpy(to, number + skip, NUMBER - skip);
    return to + NUMBER - skip;
}

static uint8_t *octets_write(uint8_t *to, const uint8_t *bytes, size_t len)
{
    to = head_write(to, TAG_OCTETS, len);
    memcpy(to, bytes, len);
    return to + len;
}

size_t sm2_der_sig_write(const uint8_t rs[CARD_ECC_SIG], uint8_t der[SM2_DER_SIG_MAX])
{
    size_t inner = 2 + number_size(rs) + 2 + number_size(rs + NUMBER);
    uint8_t *to = head_write(der, TAG_SEQUENCE, inner);

    to = number_write(to, rs);
    to = number_write(to, rs + NUMBER);
    return (size_t)(to - der);
}

size_t sm2_der_cipher_write(const uint8_t *raw, size_t raw_len, uint8_t der[SM2_DER_CIPHER_MAX])
{
    size_t c_len = raw_len - CARD_PKE_HEAD;
    size_t inner = 2 + number_size(raw) + 2 + number_size(raw + NUMBER) + 2 + NUMBER + head_size(c_len) + c_len;
    uint8_t *to = head_write(der, TAG_SEQUENCE, inner);

    to = number_write(to, raw);
    to = number_write(to, raw + NUMBER);
    to = octets_write(to, raw + CARD_ECC_POINT, NUMBER);
    to = octets_write(to, raw + CARD_PKE_HEAD, c_len);
    return (size_t)(to - der);
}

struct cursor {
    const uint8_t *at;
    size_t left;
    bool failed; /* sticky */
};

static uint8_t byte_read(struct cursor *c)
{
    if (c->failed || c->left == 0) {
        c->failed = true;
        return 0;
    }
    c->left--;
    return *c->at++;
}

/* Tag and length; the content is within what is left, or the cursor has failed and 0 is returned. */
static size_t head_read(struct cursor *c, uint8_t tag)
{
    size_t len, bytes;

    if (byte_read(c) != tag)
        c->failed = true;
    len = byte_read(c);
    if (len >= 0x80) {
        bytes = len & 0x7f;
        len = 0;
        if (bytes < 1 || bytes > 2)
            c->failed = true;
        for (size_t i = 0; i < bytes && !c->failed; i++)
            len = len << 8 | byte_read(c);
        if (len < (bytes == 1 ? 0x80u : 0x100u)) /* a shorter form exists */
            c->failed = true;
    }
    if (len > c->left)
        c->failed = true;
    return c->failed ? 0 : len;
}

static void number_read(struct cursor *c, uint8_t number[NUMBER])
{
    size_t len = head_read(c, TAG_INTEGER);

    if (c->failed || len == 0 || c->at[0] >> 7 || (len > 1 && c->at[0] == 0 && !(c->at[1] >> 7))) {
        c->failed = true;
        return;
    }
    if (c->at[0] == 0 && len > 1) {
        byte_read(c);
        len--;
    }
    if (len > NUMBER) {
        c->failed = true;
        return;
    }
    memset(number, 0, NUMBER - len);
    memcpy(number + NUMBER - len, c->at, len);
    c->at += len;
    c->left -= len;
}

static void octets_read(struct cursor *c, uint8_t *bytes, size_t expected)
{
    size_t len = head_read(c, TAG_OCTETS);

    if (c->failed || len != expected) {
        c->failed = true;
        return;
    }
    memcpy(bytes, c->at, len);
    c->at += len;
    c->left -= len;
}

static struct cursor sequence_read(const uint8_t *der, size_t len)
{
    struct cursor c = {.at = der, .left = len};

    if (head_read(&c, TAG_SEQUENCE) != c.left)
        c.failed = true;
    return c;
}

bool sm2_der_sig_read(const uint8_t *der, size_t len, uint8_t rs[CARD_ECC_SIG])
{
    struct cursor c = sequence_read(der, len);

    number_read(&c, rs);
    number_read(&c, rs + NUMBER);
    return !c.failed && c.left == 0;
}

bool sm2_der_cipher_read(const uint8_t *der, size_t len, uint8_t *raw, size_t c_len)
{
    struct cursor c = sequence_read(der, len);

    number_read(&c, raw);
    number_read(&c, raw + NUMBER);
    octets_read(&c, raw + CARD_ECC_POINT, NUMBER);
    octets_read(&c, raw + CARD_PKE_HEAD, c_len);
    return !c.failed && c.left == 0;
}
