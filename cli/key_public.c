/* SPDX-License-Identifier: Apache-2.0 */
/* key_public.c: see key_public.h. DER is written from its end, where lengths are known. */
#include "cli/key_public.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define RAW_MAX (512u + 8u)
#define DER_MAX (RAW_MAX + 80u)

struct der {
    uint8_t bytes[DER_MAX];
    size_t at; /* what is written begins here */
};

static void der_put(struct der *der, const void *bytes, size_t len)
{
    der->at -= len;
    memcpy(der->bytes + der->at, bytes, len);
}

/* A tag and length in front of what was written since `end`. */
static void der_wrap(struct der *der, uint8_t tag, size_t end)
{
    size_t len = end - der->at;
    uint8_t head[4] = {tag, (uint8_t)len, 0, 0};
    size_t head_len = 2;
    if (len >= 256) {
        head[1] = 0x82;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        head_len = 4;
    } else if (len >= 128) {
        head[1] = 0x81;
        head[2] = (uint8_t)len;
        head_len = 3;
    }
    der_put(der, head, head_len);
}

static void der_integer(struct der *der, const uint8_t *bytes, size_t len)
{
    size_t end = der->at;
    while (len > 1 && !bytes[0]) {
        bytes++;
        len--;
    }
    der_put(der, bytes, len);
    if (bytes[0] & 0x80)
        der_put(der, "", 1);
    der_wrap(der, 0x02, end);
}

static void put_point(struct der *der, const uint8_t point[64], bool sm2)
{
    static const uint8_t algorithm_sm2[] = {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                            0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d};
    static const uint8_t algorithm_p256[] = {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                             0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    size_t end = der->at;
    der_put(der, point, 64);
    der_put(der, "\0\4", 2); /* no unused bits; not compressed */
    der_wrap(der, 0x03, end);
    der_put(der, sm2 ? algorithm_sm2 : algorithm_p256, sizeof algorithm_sm2);
    der_wrap(der, 0x30, end);
}

static void put_rsa(struct der *der, const uint8_t *raw, size_t len)
{
    static const uint8_t algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                        0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
    size_t end = der->at;
    der_integer(der, raw + len - 8, 8);
    der_integer(der, raw, len - 8);
    der_wrap(der, 0x30, end);
    der_put(der, "", 1);
    der_wrap(der, 0x03, end);
    der_put(der, algorithm, sizeof algorithm);
    der_wrap(der, 0x30, end);
}

static size_t from_hex(const char *hex, uint8_t raw[RAW_MAX])
{
    size_t len = 0;
    unsigned byte;
    while (len < RAW_MAX && sscanf(hex + 2 * len, "%2x", &byte) == 1)
        raw[len++] = (uint8_t)byte;
    return hex[2 * len] ? 0 : len;
}

static void pem_print(const uint8_t *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    puts("-----BEGIN PUBLIC KEY-----");
    for (size_t i = 0; i < len; i += 3) {
        uint32_t n = len - i < 3 ? (uint32_t)(len - i) : 3;
        uint32_t bits =
            (uint32_t)bytes[i] << 16 | (n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (n > 2 ? bytes[i + 2] : 0);
        for (uint32_t k = 0; k < 4; k++)
            putchar(k > n ? '=' : digits[bits >> (18 - 6 * k) & 63]);
        if (i % 48 == 45 || i + 3 >= len)
            putchar('\n');
    }
    puts("-----END PUBLIC KEY-----");
}

bool key_public_print(const char *kind, const char *hex)
{
    struct der der = {.at = DER_MAX};
    uint8_t raw[RAW_MAX];
    size_t len = from_hex(hex, raw);
    bool rsa = strcmp(kind, "rsa") == 0;
    if (rsa ? len < 64 + 8 : len != 64)
        return false;
    if (rsa)
        put_rsa(&der, raw, len);
    else
        put_point(&der, raw, strcmp(kind, "sm2") == 0);
    pem_print(der.bytes + der.at, DER_MAX - der.at);
    return true;
}
