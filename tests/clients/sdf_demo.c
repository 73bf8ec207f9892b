/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdf_demo: an application of SDF. It includes sdf.h and nothing else of cardmux, and computes nothing itself: whatever
 * it prints came from the card.
 *
 *   sdf_demo [--index N] [--code-file FILE] transcript HOST [SEALED]
 *       does one of everything, towards the host's public key HOST (x || y in hexadecimal, 128 digits), and prints
 * every input and output. SEALED is a cipher that somebody made for this card's encryption key (see below); it is
 * opened. sdf_demo [...] key                      prints the card's public encryption key, x || y sdf_demo [...] time
 * OPERATION SIZE SECONDS prints {"op", "size", "seconds", "ops", "ops_per_s", "errors"}
 *
 * A transcript is lines of name=hex. Ciphers are x || y || M || C, signatures r || s. Session keys are in it only
 * encrypted for HOST. The last line, transcript.sign, is the card's signature (with Z, default id) of all lines before
 * it. sdf_judge computes everything again. Exits 1 where a call failed that must not.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cardmux/sdf.h"

#define DEFAULT_ID "1234567812345678"

struct program {
    void *device, *session;
    unsigned index;
    unsigned char code[256];
    unsigned code_len;
    char *text; /* the transcript so far */
    size_t len, cap;
};

static void must(int status, const char *what)
{
    if (status == SDR_OK)
        return;
    fprintf(stderr, "sdf_demo: %s: 0x%08x\n", what, (unsigned)status);
    exit(1);
}
#define MUST(call) must(call, #call)

static void put(struct program *p, const char *name, const void *bytes, size_t len)
{
    size_t need = strlen(name) + 2 * len + 3;
    if (p->cap - p->len < need) {
        p->cap = 2 * (p->cap + need);
        p->text = realloc(p->text, p->cap);
        if (!p->text)
            must((int)SDR_NOBUFFER, "memory");
    }
    p->len += (size_t)sprintf(p->text + p->len, "%s=", name);
    for (size_t i = 0; i < len; i++)
        p->len += (size_t)sprintf(p->text + p->len, "%02x", ((const unsigned char *)bytes)[i]);
    p->text[p->len++] = '\n';
}

static void put_item(struct program *p, const char *item, const char *what, const void *bytes, size_t len)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", item, what);
    put(p, name, bytes, len);
}

static void put_status(struct program *p, const char *name, int status)
{
    unsigned char bytes[4] = {(unsigned char)(status >> 24), (unsigned char)(status >> 16),
                              (unsigned char)(status >> 8), (unsigned char)status};
    put(p, name, bytes, 4);
}

/* The right half of fixed fields. */
static void put_pair(struct program *p, const char *name, const unsigned char *a, const unsigned char *b)
{
    unsigned char bytes[64];
    memcpy(bytes, a + 32, 32);
    memcpy(bytes + 32, b + 32, 32);
    put(p, name, bytes, 64);
}

static void put_cipher(struct program *p, const char *name, const ECCCipher *cipher)
{
    unsigned char bytes[96 + 255];
    memcpy(bytes, cipher->x + 32, 32);
    memcpy(bytes + 32, cipher->y + 32, 32);
    memcpy(bytes + 64, cipher->M, 32);
    memcpy(bytes + 96, cipher->C, cipher->L);
    put(p, name, bytes, 96 + cipher->L);
}

static size_t hex(const char *text, unsigned char *bytes, size_t max)
{
    size_t n = 0;
    for (unsigned v; n < max && strlen(text) >= 2 && sscanf(text, "%2x", &v) == 1; text += 2)
        bytes[n++] = (unsigned char)v;
    return *text ? 0 : n;
}

static void key_from(ECCrefPublicKey *key, const unsigned char point[64])
{
    memset(key, 0, sizeof *key);
    key->bits = 256;
    memcpy(key->x + 32, point, 32);
    memcpy(key->y + 32, point + 32, 32);
}

static void random_item(struct program *p)
{
    unsigned char bytes[64];
    MUST(SDF_GenerateRandom(p->session, sizeof bytes, bytes));
    put(p, "random.out", bytes, sizeof bytes);
}

static void hash(struct program *p, unsigned alg, ECCrefPublicKey *key, const char *id, const void *data, size_t len,
                 unsigned char *digest, unsigned *digest_len)
{
    MUST(SDF_HashInit(p->session, alg, key, (unsigned char *)id, id ? (unsigned)strlen(id) : 0));
    for (size_t off = 0; off < len; off += 5000)
        MUST(SDF_HashUpdate(p->session, (unsigned char *)data + off, (unsigned)(len - off < 5000 ? len - off : 5000)));
    MUST(SDF_HashFinal(p->session, digest, digest_len));
}

static void hash_item(struct program *p, const char *item, unsigned alg, ECCrefPublicKey *key, const char *id,
                      unsigned len)
{
    unsigned char *data = malloc(len + 1), digest[64];
    unsigned n = 0;
    MUST(SDF_GenerateRandom(p->session, len, data));
    hash(p, alg, key, id, data, len, digest, &n);
    put_item(p, item, "in", data, len);
    if (id)
        put_item(p, item, "id", id, strlen(id));
    put_item(p, item, "out", digest, n);
    free(data);
}

/* Encrypts, decrypts in place, and shows IV and both results. */
static void cipher_item(struct program *p, const char *item, void *key, unsigned alg, unsigned len)
{
    unsigned char *data = malloc(len), *out = malloc(len), iv[16], start[16];
    unsigned n = 0;
    MUST(SDF_GenerateRandom(p->session, len, data));
    MUST(SDF_GenerateRandom(p->session, 16, start));
    memcpy(iv, start, 16);
    MUST(SDF_Encrypt(p->session, key, alg, iv, data, len, out, &n));
    put_item(p, item, "iv", start, 16);
    put_item(p, item, "in", data, len);
    put_item(p, item, "out", out, n);
    memcpy(iv, start, 16);
    MUST(SDF_Decrypt(p->session, key, alg, iv, out, n, out, &n));
    put_item(p, item, "back", out, n);
    free(data);
    free(out);
}

static void mac_item(struct program *p, const char *item, void *key, unsigned alg, unsigned len)
{
    unsigned char *data = malloc(len), mac[32], iv[16], start[16];
    unsigned n = 0;
    MUST(SDF_GenerateRandom(p->session, len, data));
    MUST(SDF_GenerateRandom(p->session, 16, start));
    memcpy(iv, start, 16);
    MUST(SDF_CalculateMAC(p->session, key, alg, iv, data, len, mac, &n));
    put_item(p, item, "iv", start, 16);
    put_item(p, item, "in", data, len);
    put_item(p, item, "out", mac, n);
    free(data);
}

static void symmetric_items(struct program *p, ECCrefPublicKey *host)
{
    ECCCipher room, *wrapped = &room;
    void *key;
    MUST(SDF_GenerateKeyWithEPK_ECC(p->session, 128, SGD_SM2_3, host, wrapped, &key));
    put_cipher(p, "session.cipher", wrapped);
    cipher_item(p, "sm4-ecb", key, SGD_SM4_ECB, 4096);
    cipher_item(p, "sm4-cbc", key, SGD_SM4_CBC, 20000); /* more than one slot: chained */
    cipher_item(p, "sm4-cfb", key, SGD_SM4_CFB, 4099);
    cipher_item(p, "sm4-ofb", key, SGD_SM4_OFB, 4099);
    cipher_item(p, "sm4-ctr", key, SGD_SM4_CTR, 20001);
    mac_item(p, "sm4-mac", key, SGD_SM4_MAC, 4096);
    mac_item(p, "hmac-sm3", key, SGD_SM3, 1000);
    MUST(SDF_DestroyKey(p->session, key));
}

static void sign_items(struct program *p, ECCrefPublicKey *key)
{
    unsigned char digest[32];
    ECCSignature signature;
    MUST(SDF_GenerateRandom(p->session, 32, digest));
    MUST(SDF_InternalSign_ECC(p->session, p->index, digest, 32, &signature));
    put_pair(p, "sm2-sign.key", key->x, key->y);
    put(p, "sm2-sign.digest", digest, 32);
    put_pair(p, "sm2-sign.out", signature.r, signature.s);
    put_status(p, "sm2-verify.internal", SDF_InternalVerify_ECC(p->session, p->index, digest, 32, &signature));
    put_status(p, "sm2-verify.external", SDF_ExternalVerify_ECC(p->session, SGD_SM2_1, key, digest, 32, &signature));
    digest[0] ^= 1;
    put_status(p, "sm2-verify.wrong", SDF_InternalVerify_ECC(p->session, p->index, digest, 32, &signature));
}

/* Encryption: to the host, to a key pair that the card hands out, to the card's own key and back. */
static void encrypt_items(struct program *p, ECCrefPublicKey *host, const char *sealed)
{
    ECCCipher room, *cipher = &room;
    unsigned char data[100], out[255], bytes[96 + 255];
    ECCrefPublicKey key;
    ECCrefPrivateKey private_key;
    unsigned n = 0;
    MUST(SDF_GenerateRandom(p->session, sizeof data, data));
    MUST(SDF_ExternalEncrypt_ECC(p->session, SGD_SM2_3, host, data, sizeof data, cipher));
    put(p, "sm2-host.in", data, sizeof data);
    put_cipher(p, "sm2-host.cipher", cipher);
    MUST(SDF_GenerateKeyPair_ECC(p->session, SGD_SM2, 256, &key, &private_key));
    put(p, "sm2-pair.k", private_key.K + 32, 32);
    put_pair(p, "sm2-pair.key", key.x, key.y);
    MUST(SDF_ExternalEncrypt_ECC(p->session, SGD_SM2_3, &key, data, 32, cipher));
    put(p, "sm2-pair.in", data, 32);
    put_cipher(p, "sm2-pair.cipher", cipher);
    MUST(SDF_InternalEncrypt_ECC(p->session, p->index, SGD_SM2_3, data, 64, cipher));
    MUST(SDF_InternalDecrypt_ECC(p->session, p->index, SGD_SM2_3, cipher, out, &n));
    put(p, "sm2-card.in", data, 64);
    put_cipher(p, "sm2-card.cipher", cipher);
    put(p, "sm2-card.out", out, n);
    size_t len = sealed ? hex(sealed, bytes, sizeof bytes) : 0;
    if (len > 96) {
        memset(&room, 0, sizeof room);
        memcpy(cipher->x + 32, bytes, 32);
        memcpy(cipher->y + 32, bytes + 32, 32);
        memcpy(cipher->M, bytes + 64, 32);
        cipher->L = (unsigned)(len - 96);
        memcpy(cipher->C, bytes + 96, len - 96);
        MUST(SDF_InternalDecrypt_ECC(p->session, p->index, SGD_SM2_3, cipher, out, &n));
        put(p, "sealed.cipher", bytes, len);
        put(p, "sealed.out", out, n);
    }
}

static int transcript(struct program *p, const char *host_hex, const char *sealed)
{
    unsigned char point[64], digest[64];
    ECCrefPublicKey host, sign_key;
    ECCSignature signature;
    unsigned n = 0;
    if (hex(host_hex, point, sizeof point) != sizeof point) {
        fprintf(stderr, "sdf_demo: HOST is not 128 hexadecimal digits\n");
        return 2;
    }
    key_from(&host, point);
    MUST(SDF_GetPrivateKeyAccessRight(p->session, p->index, p->code_len ? p->code : NULL, p->code_len));
    MUST(SDF_ExportSignPublicKey_ECC(p->session, p->index, &sign_key));
    put(p, "host.key", point, sizeof point);
    random_item(p);
    hash_item(p, "sm3", SGD_SM3, NULL, NULL, 1000);
    hash_item(p, "sm3-long", SGD_SM3, NULL, NULL, 40000);
    hash_item(p, "sm3-z", SGD_SM3, &sign_key, DEFAULT_ID, 1000);
    hash_item(p, "sha256", SGD_SHA256, NULL, NULL, 1000);
    symmetric_items(p, &host);
    sign_items(p, &sign_key);
    encrypt_items(p, &host, sealed);
    hash(p, SGD_SM3, &sign_key, DEFAULT_ID, p->text, p->len, digest, &n);
    MUST(SDF_InternalSign_ECC(p->session, p->index, digest, 32, &signature));
    put_pair(p, "transcript.sign", signature.r, signature.s);
    return fwrite(p->text, 1, p->len, stdout) == p->len && fflush(stdout) == 0 ? 0 : 1;
}

static int print_key(struct program *p)
{
    ECCrefPublicKey key;
    MUST(SDF_ExportEncPublicKey_ECC(p->session, p->index, &key));
    for (int i = 0; i < 64; i++)
        printf("%02x", i < 32 ? key.x[32 + i] : key.y[i]);
    printf("\n");
    return 0;
}

/* What one timed operation needs. */
struct timed {
    unsigned alg, size;
    void *key;
    unsigned char *data, digest[64], iv[16];
    ECCSignature signature;
    ECCCipher room;
};

static int time_hash(struct program *p, struct timed *t)
{
    unsigned n;
    int status = SDF_HashInit(p->session, t->alg, NULL, NULL, 0);
    if (status == SDR_OK)
        status = SDF_HashUpdate(p->session, t->data, t->size);
    return status == SDR_OK ? SDF_HashFinal(p->session, t->digest, &n) : status;
}

static int time_encrypt(struct program *p, struct timed *t)
{
    unsigned n;
    return SDF_Encrypt(p->session, t->key, t->alg, t->iv, t->data, t->size, t->data, &n);
}

static int time_mac(struct program *p, struct timed *t)
{
    unsigned n;
    return SDF_CalculateMAC(p->session, t->key, t->alg, t->iv, t->data, t->size, t->digest, &n);
}

static int time_random(struct program *p, struct timed *t)
{
    return SDF_GenerateRandom(p->session, t->size, t->data);
}

static int time_sign(struct program *p, struct timed *t)
{
    return SDF_InternalSign_ECC(p->session, p->index, t->digest, 32, &t->signature);
}

static int time_verify(struct program *p, struct timed *t)
{
    return SDF_InternalVerify_ECC(p->session, p->index, t->digest, 32, &t->signature);
}

static int time_pke_encrypt(struct program *p, struct timed *t)
{
    return SDF_InternalEncrypt_ECC(p->session, p->index, SGD_SM2_3, t->digest, 32, &t->room);
}

static int time_pke_decrypt(struct program *p, struct timed *t)
{
    unsigned char out[255];
    unsigned n;
    return SDF_InternalDecrypt_ECC(p->session, p->index, SGD_SM2_3, &t->room, out, &n);
}

static const struct timed_op {
    const char *name;
    unsigned alg;
    int (*run)(struct program *p, struct timed *t);
} timed_ops[] = {
    {"random", 0, time_random},
    {"sm3", SGD_SM3, time_hash},
    {"sha256", SGD_SHA256, time_hash},
    {"sm4-ecb", SGD_SM4_ECB, time_encrypt},
    {"sm4-cbc", SGD_SM4_CBC, time_encrypt},
    {"sm4-cfb", SGD_SM4_CFB, time_encrypt},
    {"sm4-ofb", SGD_SM4_OFB, time_encrypt},
    {"sm4-ctr", SGD_SM4_CTR, time_encrypt},
    {"aes-cbc", SGD_AES_CBC, time_encrypt},
    {"sm4-mac", SGD_SM4_MAC, time_mac},
    {"sm2-sign", 0, time_sign},
    {"sm2-verify", 0, time_verify},
    {"sm2-encrypt", 0, time_pke_encrypt},
    {"sm2-decrypt", 0, time_pke_decrypt},
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int timing(struct program *p, const char *name, const char *size, const char *seconds)
{
    const struct timed_op *op = NULL;
    for (size_t i = 0; i < sizeof timed_ops / sizeof timed_ops[0]; i++)
        if (strcmp(timed_ops[i].name, name) == 0)
            op = &timed_ops[i];
    struct timed t = {.size = (unsigned)strtoul(size, NULL, 10)};
    double want = strtod(seconds, NULL);
    if (!op || t.size == 0 || want <= 0) {
        fprintf(stderr, "sdf_demo: no such operation, or SIZE or SECONDS is 0\n");
        return 2;
    }
    t.alg = op->alg;
    t.data = calloc(1, t.size);
    if (!t.data)
        must((int)SDR_NOBUFFER, "memory");
    MUST(SDF_GetPrivateKeyAccessRight(p->session, p->index, p->code_len ? p->code : NULL, p->code_len));
    MUST(SDF_GenerateKeyWithIPK_ECC(p->session, p->index, 128, &t.room, &t.key));
    MUST(time_sign(p, &t));
    MUST(time_pke_encrypt(p, &t));
    unsigned long ops = 0, errors = 0;
    int status = SDR_OK;
    double start = now(), end = start;
    while (end - start < want && errors < 1000) {
        for (int i = 0; i < 16; i++) {
            int got = op->run(p, &t);
            if (got != SDR_OK) {
                status = got;
                errors++;
            } else {
                ops++;
            }
        }
        end = now();
    }
    if (errors)
        fprintf(stderr, "sdf_demo: %lu errors, the last 0x%08x\n", errors, (unsigned)status);
    printf("{\"op\": \"%s\", \"size\": %u, \"seconds\": %.3f, \"ops\": %lu, \"ops_per_s\": %.1f, \"errors\": %lu}\n",
           name, t.size, end - start, ops, (double)ops / (end - start), errors);
    free(t.data);
    return 0;
}

static void read_code(struct program *p, const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(2);
    }
    p->code_len = (unsigned)fread(p->code, 1, sizeof p->code, file);
    while (p->code_len && (p->code[p->code_len - 1] == '\n' || p->code[p->code_len - 1] == '\r'))
        p->code_len--;
    fclose(file);
}

static int run(struct program *p, int argc, char **argv)
{
    if (argc >= 2 && argc <= 3 && strcmp(argv[0], "transcript") == 0)
        return transcript(p, argv[1], argc > 2 ? argv[2] : NULL);
    if (argc == 1 && strcmp(argv[0], "key") == 0)
        return print_key(p);
    if (argc == 4 && strcmp(argv[0], "time") == 0)
        return timing(p, argv[1], argv[2], argv[3]);
    fprintf(stderr, "usage: sdf_demo [--index N] [--code-file FILE] transcript HOST [SEALED] | key | "
                    "time OPERATION SIZE SECONDS\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct program p = {.index = 1};
    argc--;
    argv++;
    for (; argc >= 2 && strncmp(argv[0], "--", 2) == 0; argc -= 2, argv += 2) {
        if (strcmp(argv[0], "--index") == 0)
            p.index = (unsigned)strtoul(argv[1], NULL, 10);
        else if (strcmp(argv[0], "--code-file") == 0)
            read_code(&p, argv[1]);
        else
            argc = 0;
    }
    if (argc < 1)
        return run(&p, 0, argv);
    MUST(SDF_OpenDevice(&p.device));
    MUST(SDF_OpenSession(p.device, &p.session));
    int status = run(&p, argc, argv);
    MUST(SDF_CloseSession(p.session));
    MUST(SDF_CloseDevice(p.device));
    free(p.text);
    return status;
}
