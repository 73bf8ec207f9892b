/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdf_judge: computes a transcript of sdf_demo again with libcrypto. It links nothing of cardmux.
 *
 *   sdf_judge keys FILE                 makes the host's key pair: FILE (private, mode 0600), FILE.pub (x || y)
 *   sdf_judge seal KEY FILE             encrypts fresh bytes for a card's public encryption key KEY (hexadecimal):
 *                                       FILE (the cipher, for sdf_demo), FILE.plain
 *   sdf_judge judge FILE TRANSCRIPT [PLAIN]
 *       FILE: the host's private key. PLAIN: what the sealed cipher of the transcript must open to
 *
 * Every line must be known, be there once, and be right; nothing may be missing; and the card's signature must cover
 * all of it. Prints a line for each wrong item and a summary. Exits 0, 1 (wrong), 2 (usage, files).
 */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>
#include "tests/clients/sm2_raw.h"

#define ITEMS_MAX 128

struct item {
    char name[48];
    uint8_t *bytes;
    size_t len;
    bool judged;
};

struct transcript {
    char *text;
    size_t len;
    struct item items[ITEMS_MAX];
    size_t n;
    int wrong, right;
};

static void say_wrong(struct transcript *t, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    printf("wrong: ");
    vprintf(format, list);
    printf("\n");
    va_end(list);
    t->wrong++;
}

static void judge(struct transcript *t, bool right, const char *what)
{
    if (right)
        t->right++;
    else
        say_wrong(t, "%s", what);
}

static char *file_read(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(1 << 24);
    if (!file || !text) {
        perror(path);
        exit(2);
    }
    *len = fread(text, 1, (1 << 24) - 1, file);
    text[*len] = 0;
    fclose(file);
    return text;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* n bytes from 2n lower-case digits. */
static bool hex(const char *text, size_t n, uint8_t *bytes)
{
    for (size_t i = 0; i < n; i++) {
        int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);
        if (low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static void hex_write(const char *path, int mode, const uint8_t *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file) {
        perror(path);
        exit(2);
    }
    for (size_t i = 0; i < len; i++)
        fprintf(file, "%02x", bytes[i]);
    fprintf(file, "\n");
    if (fclose(file) != 0) {
        perror(path);
        exit(2);
    }
}

static size_t hex_read(const char *path, uint8_t *bytes, size_t max)
{
    size_t len;
    char *text = file_read(path, &len);
    while (len && text[len - 1] == '\n')
        len--;
    bool ok = len % 2 == 0 && len / 2 <= max && hex(text, len / 2, bytes);
    free(text);
    return ok ? len / 2 : 0;
}

static bool parse_line(struct transcript *t, const char *line, size_t len)
{
    const char *equal = memchr(line, '=', len);
    struct item *item = &t->items[t->n];
    if (t->n == ITEMS_MAX || !equal || equal == line || (size_t)(equal - line) >= sizeof item->name)
        return false;
    size_t digits = len - (size_t)(equal - line) - 1;
    memcpy(item->name, line, (size_t)(equal - line));
    item->len = digits / 2;
    item->bytes = malloc(item->len + 1);
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->items[i].name, item->name) == 0)
            return false;
    t->n++;
    return item->bytes && digits % 2 == 0 && hex(equal + 1, item->len, item->bytes);
}

static bool parse(struct transcript *t)
{
    for (size_t off = 0; off < t->len;) {
        const char *end = memchr(t->text + off, '\n', t->len - off);
        if (!end || !parse_line(t, t->text + off, (size_t)(end - t->text) - off))
            return false;
        off = (size_t)(end - t->text) + 1;
    }
    return true;
}

/* An item, which must be there and, where len is not 0, have that length; NULL with a word otherwise. */
static const struct item *get(struct transcript *t, const char *name, const char *what, size_t len)
{
    char full[64];
    snprintf(full, sizeof full, what ? "%s.%s" : "%s", name, what);
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->items[i].name, full) == 0) {
            t->items[i].judged = true;
            if (len == 0 || t->items[i].len == len)
                return &t->items[i];
        }
    say_wrong(t, "%s is missing or has a wrong length", full);
    return NULL;
}

static bool equal(const struct item *item, const uint8_t *bytes, size_t len)
{
    return item->len == len && memcmp(item->bytes, bytes, len) == 0;
}

static void judge_hash(struct transcript *t, const char *name, const char *digest, const uint8_t *point)
{
    const struct item *in = get(t, name, "in", 0), *out = get(t, name, "out", 0);
    const struct item *id = point ? get(t, name, "id", 0) : NULL;
    uint8_t z[32], want[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!in || !out || (point && !id))
        return;
    EVP_MD *md = EVP_MD_fetch(NULL, digest, NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = EVP_DigestInit_ex2(ctx, md, NULL);
    if (point)
        ok = ok && sm2_raw_z(point, id->bytes, id->len, z) && EVP_DigestUpdate(ctx, z, 32);
    ok = ok && EVP_DigestUpdate(ctx, in->bytes, in->len) && EVP_DigestFinal_ex(ctx, want, &n);
    judge(t, ok && equal(out, want, n), name);
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(md);
}

static bool cipher(const char *name, const uint8_t *key, const uint8_t *iv, const struct item *in, uint8_t *out)
{
    EVP_CIPHER *type = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    bool ok = type && EVP_EncryptInit_ex2(ctx, type, key, iv, NULL) && EVP_CIPHER_CTX_set_padding(ctx, 0) &&
              EVP_EncryptUpdate(ctx, out, &n, in->bytes, (int)in->len) && (size_t)n == in->len;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(type);
    return ok;
}

static void judge_cipher(struct transcript *t, const char *name, const char *type, const uint8_t *key)
{
    const struct item *iv = get(t, name, "iv", 16), *in = get(t, name, "in", 0);
    const struct item *out = get(t, name, "out", 0), *back = get(t, name, "back", 0);
    if (!iv || !in || !out || !back)
        return;
    uint8_t *want = malloc(in->len);
    bool ok = cipher(type, key, iv->bytes, in, want) && equal(out, want, in->len) && equal(back, in->bytes, in->len);
    judge(t, ok, name);
    free(want);
}

static void judge_mac(struct transcript *t, const uint8_t *key)
{
    const struct item *iv = get(t, "sm4-mac", "iv", 16), *in = get(t, "sm4-mac", "in", 0);
    const struct item *out = get(t, "sm4-mac", "out", 16);
    if (iv && in && out && in->len >= 16) {
        uint8_t *want = malloc(in->len);
        bool ok = cipher("SM4-CBC", key, iv->bytes, in, want);
        judge(t, ok && equal(out, want + in->len - 16, 16), "sm4-mac");
        free(want);
    }
    uint8_t mac[32];
    size_t n = 0;
    get(t, "hmac-sm3", "iv", 16); /* given, and not used */
    in = get(t, "hmac-sm3", "in", 0);
    out = get(t, "hmac-sm3", "out", 32);
    if (in && out)
        judge(t,
              EVP_Q_mac(NULL, "HMAC", NULL, "SM3", NULL, key, 16, in->bytes, in->len, mac, 32, &n) &&
                  equal(out, mac, n),
              "hmac-sm3");
}

static void judge_symmetric(struct transcript *t, const uint8_t d[32])
{
    uint8_t key[16];
    const struct item *wrapped = get(t, "session", "cipher", 96 + 16);
    if (!wrapped)
        return;
    bool opened = sm2_raw_decrypt(d, wrapped->bytes, wrapped->len, key);
    judge(t, opened, "session key");
    if (!opened)
        memset(key, 0, sizeof key);
    judge_cipher(t, "sm4-ecb", "SM4-ECB", key);
    judge_cipher(t, "sm4-cbc", "SM4-CBC", key);
    judge_cipher(t, "sm4-cfb", "SM4-CFB", key);
    judge_cipher(t, "sm4-ofb", "SM4-OFB", key);
    judge_cipher(t, "sm4-ctr", "SM4-CTR", key);
    judge_mac(t, key);
}

static void judge_sign(struct transcript *t, const struct item *key)
{
    const struct item *digest = get(t, "sm2-sign", "digest", 32), *out = get(t, "sm2-sign", "out", 64);
    if (key && digest && out)
        judge(t, sm2_raw_verify(key->bytes, digest->bytes, out->bytes), "sm2-sign");
    const struct item *in = get(t, "sm2-verify", "internal", 4), *ex = get(t, "sm2-verify", "external", 4);
    const struct item *wrong = get(t, "sm2-verify", "wrong", 4);
    if (in && ex && wrong)
        judge(t,
              equal(in, (const uint8_t *)"\0\0\0\0", 4) && equal(ex, (const uint8_t *)"\0\0\0\0", 4) &&
                  equal(wrong, (const uint8_t *)"\1\0\0\x0e", 4),
              "sm2-verify");
}

static void judge_opens(struct transcript *t, const char *name, const uint8_t d[32])
{
    const struct item *in = get(t, name, "in", 0), *sealed = get(t, name, "cipher", 0);
    uint8_t out[255];
    if (in && sealed)
        judge(t,
              sealed->len > SM2_HEAD && sealed->len <= SM2_HEAD + sizeof out &&
                  sm2_raw_decrypt(d, sealed->bytes, sealed->len, out) && equal(in, out, sealed->len - SM2_HEAD),
              name);
}

static void judge_encrypt(struct transcript *t, const uint8_t d[32], const char *plain)
{
    uint8_t point[64], bytes[255];
    judge_opens(t, "sm2-host", d);
    const struct item *k = get(t, "sm2-pair", "k", 32), *key = get(t, "sm2-pair", "key", 64);
    if (k && key) {
        judge(t, sm2_raw_public(k->bytes, point) && equal(key, point, 64), "sm2-pair.key");
        judge_opens(t, "sm2-pair", k->bytes);
    }
    /* the card's own key never leaves it: what went in came out; the cipher itself is covered by the signature */
    const struct item *in = get(t, "sm2-card", "in", 0), *out = get(t, "sm2-card", "out", 0);
    const struct item *sealed = get(t, "sm2-card", "cipher", 0);
    if (in && out && sealed)
        judge(t, equal(out, in->bytes, in->len) && sealed->len == SM2_HEAD + in->len && sm2_raw_on_curve(sealed->bytes),
              "sm2-card");
    if (!plain)
        return;
    size_t len = hex_read(plain, bytes, sizeof bytes);
    get(t, "sealed", "cipher", SM2_HEAD + len);
    out = get(t, "sealed", "out", len);
    if (out)
        judge(t, len && equal(out, bytes, len), "sealed");
}

/* SM3(Z || all lines before the last), signed by the card. */
static void judge_signature(struct transcript *t, const struct item *key)
{
    static const char id[] = "1234567812345678";
    const struct item *sign = get(t, "transcript", "sign", 64);
    const char *line = NULL;
    for (const char *at = t->text; (at = strstr(at, "\ntranscript.sign=")) != NULL; at++)
        line = at + 1;
    if (!sign || !key || !line)
        return;
    uint8_t z[32], digest[32];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = sm2_raw_z(key->bytes, (const uint8_t *)id, 16, z) && EVP_DigestInit_ex2(ctx, EVP_sm3(), NULL) &&
              EVP_DigestUpdate(ctx, z, 32) && EVP_DigestUpdate(ctx, t->text, (size_t)(line - t->text)) &&
              EVP_DigestFinal_ex(ctx, digest, NULL) && memchr(line, '\n', strlen(line)) == t->text + t->len - 1;
    judge(t, ok && sm2_raw_verify(key->bytes, digest, sign->bytes), "the card's signature of the transcript");
    EVP_MD_CTX_free(ctx);
}

static int judge_all(const char *key_path, const char *path, const char *plain)
{
    struct transcript t = {0};
    uint8_t d[32], point[64];
    if (hex_read(key_path, d, sizeof d) != sizeof d || !sm2_raw_public(d, point)) {
        fprintf(stderr, "sdf_judge: %s is not a private key\n", key_path);
        return 2;
    }
    t.text = file_read(path, &t.len);
    judge(&t, t.len > 0 && strlen(t.text) == t.len && parse(&t), "form");
    const struct item *host = get(&t, "host", "key", 64), *random = get(&t, "random", "out", 64);
    const struct item *sign_key = get(&t, "sm2-sign", "key", 64);
    if (host)
        judge(&t, equal(host, point, 64), "host.key");
    if (random) /* nothing can say that it is random; a card that gives nothing is found */
        judge(&t, memcmp(random->bytes, random->bytes + 32, 32) != 0, "random");
    judge_hash(&t, "sm3", "SM3", NULL);
    judge_hash(&t, "sm3-long", "SM3", NULL);
    if (sign_key)
        judge_hash(&t, "sm3-z", "SM3", sign_key->bytes);
    judge_hash(&t, "sha256", "SHA256", NULL);
    judge_symmetric(&t, d);
    judge_sign(&t, sign_key);
    judge_encrypt(&t, d, plain);
    judge_signature(&t, sign_key);
    for (size_t i = 0; i < t.n; i++) {
        if (!t.items[i].judged)
            say_wrong(&t, "%s: nobody asked for it", t.items[i].name);
        free(t.items[i].bytes);
    }
    free(t.text);
    printf("%s: %d results right, %d wrong\n", t.wrong ? "WRONG" : "all right", t.right, t.wrong);
    return t.wrong ? 1 : 0;
}

static int keys(const char *path)
{
    uint8_t d[32], point[64];
    char public_path[4096];
    if (!sm2_raw_generate(d, point))
        return 2;
    snprintf(public_path, sizeof public_path, "%s.pub", path);
    hex_write(path, 0600, d, sizeof d);
    hex_write(public_path, 0644, point, sizeof point);
    OPENSSL_cleanse(d, sizeof d);
    return 0;
}

static int seal(const char *key_hex, const char *path)
{
    uint8_t point[64], plain[48], out[SM2_HEAD + sizeof plain];
    char plain_path[4096];
    if (strlen(key_hex) != 128 || !hex(key_hex, 64, point) || RAND_bytes(plain, sizeof plain) != 1 ||
        !sm2_raw_encrypt(point, plain, sizeof plain, out)) {
        fprintf(stderr, "sdf_judge: KEY is not a point of the curve in 128 hexadecimal digits\n");
        return 2;
    }
    snprintf(plain_path, sizeof plain_path, "%s.plain", path);
    hex_write(path, 0644, out, sizeof out);
    hex_write(plain_path, 0600, plain, sizeof plain);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "keys") == 0)
        return keys(argv[2]);
    if (argc == 4 && strcmp(argv[1], "seal") == 0)
        return seal(argv[2], argv[3]);
    if ((argc == 4 || argc == 5) && strcmp(argv[1], "judge") == 0)
        return judge_all(argv[2], argv[3], argv[4]);
    fprintf(stderr, "usage: sdf_judge keys FILE | seal KEY FILE | judge FILE TRANSCRIPT [PLAIN]\n");
    return 2;
}
