/* SPDX-License-Identifier: Apache-2.0 */
/* see cursor.h */
#include "backend/audit/cursor.h"

#include <string.h>

bool audit_char_ok(char c)
{
    return c >= ' ' && c < 127 && c != '"' && c != '\\';
}

bool is_literal(const struct cursor *c, const char *literal)
{
    size_t len = strlen(literal);
    return !c->failed && (size_t)(c->end - c->at) >= len && memcmp(c->at, literal, len) == 0;
}

void take_literal(struct cursor *c, const char *literal)
{
    if (is_literal(c, literal))
        c->at += strlen(literal);
    else
        c->failed = true;
}

uint64_t take_number(struct cursor *c, uint64_t max)
{
    uint64_t value = 0;
    const char *start = c->at;
    if (c->failed)
        return 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        unsigned digit = (unsigned)(*c->at - '0');
        if (value > (max - digit) / 10 || digit > max) {
            c->failed = true;
            return 0;
        }
        value = value * 10 + digit;
    }
    c->failed = c->at == start || (*start == '0' && c->at - start > 1);
    return value;
}

void take_text(struct cursor *c, char *out, size_t max)
{
    size_t len = 0;
    out[0] = '\0';
    while (!c->failed && c->at < c->end && audit_char_ok(*c->at)) {
        if (len == max) {
            c->failed = true;
            return;
        }
        out[len++] = *c->at++;
    }
    out[len] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void take_hex(struct cursor *c, uint8_t *out, size_t len)
{
    if (c->failed || (size_t)(c->end - c->at) < 2 * len) {
        c->failed = true;
        return;
    }
    for (size_t i = 0; i < len; i++, c->at += 2) {
        int high = hex_digit(c->at[0]), low = hex_digit(c->at[1]);
        if (high < 0 || low < 0) {
            c->failed = true;
            return;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
}

static void put(struct writer *w, const char *bytes, size_t len)
{
    if (w->failed || (size_t)(w->end - w->at) < len) {
        w->failed = true;
        return;
    }
    memcpy(w->at, bytes, len);
    w->at += len;
    *w->at = '\0';
}

void put_literal(struct writer *w, const char *literal)
{
    put(w, literal, strlen(literal));
}

void put_number(struct writer *w, uint64_t number)
{
    char digits[20];
    size_t n = sizeof digits;
    do
        digits[--n] = (char)('0' + number % 10);
    while (number /= 10);
    put(w, digits + n, sizeof digits - n);
}

void put_text(struct writer *w, const char *text)
{
    for (; *text; text++)
        put(w, audit_char_ok(*text) ? text : "?", 1);
}

void put_hex(struct writer *w, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        put(w, pair, 2);
    }
}
