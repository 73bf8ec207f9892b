/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of secure channels, annex C of 2023. The judge is derive_judge.c. */
#include <string.h>
#include "cardmux/sdf_ext.h"
#include "tests/clients/derive_judge.h"
#include "tests/clients/mode_judge.h"
#include "tests/clients/sdf_cases.h"
#include "tests/clients/sm2_raw.h"

#define UNTOUCHED ((void *)0x5a5a5a5au)

static uint8_t client[32] = "the client's random, 32 bytes...", server[32] = "the server's random, 32 bytes...";

/* A secret in the card whose bytes are known. */
static void *secret_make(struct sdf_env *env, uint8_t *bytes, unsigned len)
{
    void *handle = NULL;
    HOLDS(SDF_GenerateRandom(env->session, len, bytes) == SDR_OK);
    CALL(SDR_OK, SDF_ImportKey, env->session, bytes, len, &handle);
    return handle;
}

/* Is it the key behind the handle? Its HMAC of something says so. */
static bool is_mac_key(void *session, void *handle, const uint8_t *key, unsigned bits)
{
    uint8_t text[] = "some text", mac[32], right[64];
    unsigned n = 0;
    size_t right_len;
    return SDF_CalculateMAC(session, handle, SGD_SM3, NULL, text, sizeof text, mac, &n) == SDR_OK &&
           judge_hmac("SM3", key, bits / 8, text, sizeof text, right, &right_len) && n == right_len &&
           memcmp(mac, right, n) == 0;
}

static bool is_cipher_key(void *session, void *handle, const uint8_t *key, unsigned bits)
{
    static const char *const names[] = {"AES-128-ECB", "AES-192-ECB", "AES-256-ECB"};
    uint8_t in[16] = "one single block", out[16], right[16];
    unsigned n = 0;
    return SDF_Encrypt(session, handle, SGD_AES_ECB, NULL, in, 16, out, &n) == SDR_OK &&
           judge_cipher(names[bits / 64 - 2], key, NULL, true, in, 16, right) && memcmp(out, right, 16) == 0;
}

static const struct shape {
    const char *hash;
    unsigned prf, secret, mac, cipher, iv;
} shapes[] = {
    {"SM3", SGD_SM3, 48, 256, 128, 16},       /* ECC_SM4_CBC_SM3 */
    {"SM3", SGD_SM3, 48, 0, 128, 4},          /* ECC_SM4_GCM_SM3 */
    {"SHA256", SGD_SHA256, 48, 160, 256, 0},  /* RSA_WITH_AES_256_CBC_SHA */
    {"SHA384", SGD_SHA384, 32, 384, 192, 12}, /* a secret of ECDHE */
    {"SHA384", SGD_SHA384_B, 256, 512, 256, 16},
    {"SM3", SGD_SM3, 1, 128, 0, 0},
};

#define SHAPES (sizeof shapes / sizeof shapes[0])

/* client's MAC key, server's, client's key, server's; client's IV, server's */
#define MATERIAL (2u * (64 + 32 + 16))

static void keys_are(struct sdf_env *env, const struct shape *shape, void *const keys[4], const uint8_t *at)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned bits = i < 2 ? shape->mac : shape->cipher;
        if (!bits) {
            HOLDS(keys[i] == NULL);
            continue;
        }
        HOLDS(i < 2 ? is_mac_key(env->session, keys[i], at, bits) : is_cipher_key(env->session, keys[i], at, bits));
        CALL(SDR_OK, SDF_DestroyKey, env->session, keys[i]);
        at += bits / 8;
    }
}

void case_derive_tls(struct sdf_env *env)
{
    uint8_t secret[256], right[MATERIAL], ivs[2][17];
    void *s = env->session;
    for (size_t i = 0; i < SHAPES; i++) {
        const struct shape *shape = &shapes[i];
        void *keys[4] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED}, *pre = secret_make(env, secret, shape->secret);
        memset(ivs, 0xa5, sizeof ivs);
        CALL(SDR_OK, SDF_GenerateKeywithSSL, s, pre, client, 32, server, 32, shape->prf, &keys[0], shape->mac, &keys[1],
             shape->mac, &keys[2], shape->cipher, &keys[3], shape->cipher, ivs[0], shape->iv, ivs[1], shape->iv);
        HOLDS(judge_tls(shape->hash, secret, shape->secret, client, server, right, sizeof right));
        keys_are(env, shape, keys, right);
        const uint8_t *at = right + 2 * (shape->mac + shape->cipher) / 8;
        HOLDS(memcmp(ivs[0], at, shape->iv) == 0 && memcmp(ivs[1], at + shape->iv, shape->iv) == 0);
        HOLDS(ivs[0][shape->iv] == 0xa5 && ivs[1][shape->iv] == 0xa5);
        CALL(SDR_OK, SDF_DestroyKey, s, pre);
    }
}

static bool opens_to(const uint8_t d[32], const union sdf_cipher *cipher, const uint8_t *key, unsigned bits)
{
    uint8_t raw[96 + 255], plain[255];
    return cipher->c.L == bits / 8 && cipher->bytes[164 + bits / 8] == 0xa5 &&
           sm2_raw_decrypt(d, raw, sdf_cipher_bytes(&cipher->c, raw), plain) && memcmp(plain, key, bits / 8) == 0;
}

void case_derive_tls_epk(struct sdf_env *env)
{
    uint8_t secret[256], right[MATERIAL], ivs[2][16], d[32], point[64];
    union sdf_cipher ciphers[4];
    ECCrefPublicKey host;
    void *s = env->session;
    HOLDS(sm2_raw_generate(d, point));
    sdf_point(point, &host);
    for (size_t i = 0; i < SHAPES; i++) {
        const struct shape *shape = &shapes[i];
        void *pre = secret_make(env, secret, shape->secret);
        memset(ciphers, 0xa5, sizeof ciphers);
        CALL(SDR_OK, SDF_GenerateKeywithEPK_SSL, s, pre, client, 32, server, 32, shape->prf, SGD_SM2_3, &host,
             &ciphers[0].c, shape->mac, &ciphers[1].c, shape->mac, &ciphers[2].c, shape->cipher, &ciphers[3].c,
             shape->cipher, ivs[0], shape->iv, ivs[1], shape->iv);
        HOLDS(judge_tls(shape->hash, secret, shape->secret, client, server, right, sizeof right));
        const uint8_t *at = right;
        for (unsigned k = 0; k < 4; k++) {
            unsigned bits = k < 2 ? shape->mac : shape->cipher;
            HOLDS(bits ? opens_to(d, &ciphers[k], at, bits) : ciphers[k].bytes[0] == 0xa5);
            at += bits / 8;
        }
        HOLDS(memcmp(ivs[0], at, shape->iv) == 0 && memcmp(ivs[1], at + shape->iv, shape->iv) == 0);
        CALL(SDR_OK, SDF_DestroyKey, s, pre);
    }
}

/* Published: tls12.xargs.org, a connection of TLS 1.2 byte by byte. */
void case_derive_known(struct sdf_env *env)
{
    static uint8_t secret[32] = {0xdf, 0x4a, 0x29, 0x1b, 0xaa, 0x1e, 0xb7, 0xcf, 0xa6, 0x93, 0x4b,
                                 0x29, 0xb4, 0x74, 0xba, 0xad, 0x26, 0x97, 0xe2, 0x9f, 0x1f, 0x92,
                                 0x0d, 0xcc, 0x77, 0xc8, 0xa0, 0xa0, 0x88, 0x44, 0x76, 0x24};
    static const uint8_t macs[2][20] = {{0x1b, 0x7d, 0x11, 0x7c, 0x7d, 0x5f, 0x69, 0x0b, 0xc2, 0x63,
                                         0xca, 0xe8, 0xef, 0x60, 0xaf, 0x0f, 0x18, 0x78, 0xac, 0xc2},
                                        {0x2a, 0xd8, 0xbd, 0xd8, 0xc6, 0x01, 0xa6, 0x17, 0x12, 0x6f,
                                         0x63, 0x54, 0x0e, 0xb2, 0x09, 0x06, 0xf7, 0x81, 0xfa, 0xd2}};
    static const uint8_t ciphers[2][16] = {
        {0xf6, 0x56, 0xd0, 0x37, 0xb1, 0x73, 0xef, 0x3e, 0x11, 0x16, 0x9f, 0x27, 0x23, 0x1a, 0x84, 0xb6},
        {0x75, 0x2a, 0x18, 0xe7, 0xa9, 0xfc, 0xb7, 0xcb, 0xcd, 0xd8, 0xf9, 0x8d, 0xd8, 0xf7, 0x69, 0xeb}};
    static const uint8_t right[2][16] = {
        {0xa0, 0xd2, 0x55, 0x0c, 0x92, 0x38, 0xee, 0xbf, 0xef, 0x5c, 0x32, 0x25, 0x1a, 0xbb, 0x67, 0xd6},
        {0x43, 0x45, 0x28, 0xdb, 0x49, 0x37, 0xd5, 0x40, 0xd3, 0x93, 0x13, 0x5e, 0x06, 0xa1, 0x1b, 0xb8}};
    uint8_t from_client[32], from_server[32], ivs[2][16];
    void *pre = NULL, *keys[4], *s = env->session;
    for (unsigned i = 0; i < 32; i++) {
        from_client[i] = (uint8_t)i;
        from_server[i] = (uint8_t)(0x70 + i);
    }
    CALL(SDR_OK, SDF_ImportKey, s, secret, sizeof secret, &pre);
    CALL(SDR_OK, SDF_GenerateKeywithSSL, s, pre, from_client, 32, from_server, 32, SGD_SHA256, &keys[0], 160, &keys[1],
         160, &keys[2], 128, &keys[3], 128, ivs[0], 16, ivs[1], 16);
    HOLDS(is_mac_key(s, keys[0], macs[0], 160) && is_mac_key(s, keys[1], macs[1], 160));
    HOLDS(is_cipher_key(s, keys[2], ciphers[0], 128) && is_cipher_key(s, keys[3], ciphers[1], 128));
    HOLDS(memcmp(ivs, right, sizeof ivs) == 0);
}

/* ---- a connection of TLCP (ECC_SM4_CBC_SM3), both ends ---- */

struct end {
    void *session, *mac_out, *mac_in, *key_out, *key_in;
    uint64_t sent, received;
};

#define HEAD 13u /* number, type, version, length: what the MAC of a record covers before the text */

static void record_head(uint8_t head[HEAD], uint64_t number, unsigned len)
{
    for (unsigned i = 0; i < 8; i++)
        head[i] = (uint8_t)(number >> (56 - 8 * i));
    memcpy(head + 8, "\x17\x01\x01", 3);
    head[11] = (uint8_t)(len >> 8);
    head[12] = (uint8_t)len;
}

static bool record_mac(void *session, void *key, uint64_t number, uint8_t *text, unsigned len, uint8_t mac[32])
{
    uint8_t head[HEAD];
    unsigned n = 0;
    record_head(head, number, len);
    return SDF_HMACInit(session, key, SGD_SM3) == SDR_OK && SDF_HMACUpdate(session, head, HEAD) == SDR_OK &&
           SDF_HMACUpdate(session, text, len) == SDR_OK && SDF_HMACFinal(session, mac, &n) == SDR_OK && n == 32;
}

/* IV, then text, MAC and padding under SM4-CBC. Returns the length, 0 where it failed. */
static unsigned record_seal(struct end *end, uint8_t *text, unsigned len, uint8_t *out)
{
    uint8_t iv[16], plain[1024];
    unsigned pad = 15 - (len + 32) % 16, total = len + 32 + pad + 1, n = 0;
    memcpy(plain, text, len);
    memset(plain + len + 32, (int)pad, pad + 1);
    if (SDF_GenerateRandom(end->session, 16, iv) != SDR_OK ||
        !record_mac(end->session, end->mac_out, end->sent++, text, len, plain + len))
        return 0;
    memcpy(out, iv, 16);
    if (SDF_Encrypt(end->session, end->key_out, SGD_SM4_CBC, iv, plain, total, out + 16, &n) != SDR_OK || n != total)
        return 0;
    return 16 + total;
}

/* Returns the text's length, 0 where the record does not hold. */
static unsigned record_open(struct end *end, uint8_t *in, unsigned len, uint8_t *text)
{
    uint8_t iv[16], plain[1024], mac[32];
    unsigned n = 0;
    memcpy(iv, in, 16);
    if (SDF_Decrypt(end->session, end->key_in, SGD_SM4_CBC, iv, in + 16, len - 16, plain, &n) != SDR_OK)
        return 0;
    unsigned pad = plain[n - 1];
    if (pad + 33 >= n)
        return 0;
    unsigned text_len = n - pad - 33;
    if (!record_mac(end->session, end->mac_in, end->received++, plain, text_len, mac) ||
        memcmp(mac, plain + text_len, 32) != 0)
        return 0;
    memcpy(text, plain, text_len);
    return text_len;
}

static bool end_derive(struct end *end, void *pre, bool is_client)
{
    uint8_t ivs[2][16];
    void *keys[4];
    if (SDF_GenerateKeywithSSL(end->session, pre, client, 32, server, 32, SGD_SM3, &keys[0], 256, &keys[1], 256,
                               &keys[2], 128, &keys[3], 128, ivs[0], 16, ivs[1], 16) != SDR_OK ||
        SDF_DestroyKey(end->session, pre) != SDR_OK)
        return false;
    end->mac_out = keys[is_client ? 0 : 1];
    end->mac_in = keys[is_client ? 1 : 0];
    end->key_out = keys[is_client ? 2 : 3];
    end->key_in = keys[is_client ? 3 : 2];
    return true;
}

/* The client chooses the pre-master secret and sends it under the server's encrypting key; that one is in the card. */
static bool ends_meet(struct sdf_env *env, struct end *a, struct end *b)
{
    uint8_t secret[48];
    union sdf_cipher sent;
    ECCrefPublicKey key;
    void *pre_a = NULL, *pre_b = NULL;
    HOLDS(SDF_GenerateRandom(a->session, 48, secret) == SDR_OK);
    memcpy(secret, "\x01\x01", 2); /* TLCP's version */
    CALL(SDR_OK, SDF_ExportEncPublicKey_ECC, b->session, 1, &key);
    CALL(SDR_OK, SDF_ExternalEncrypt_ECC, a->session, SGD_SM2_3, &key, secret, 48, &sent.c);
    CALL(SDR_OK, SDF_ImportKey, a->session, secret, 48, &pre_a);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, b->session, 1, NULL, 0);
    CALL(SDR_OK, SDF_ImportKeyWithISK_ECC, b->session, 1, &sent.c, &pre_b);
    return HOLDS(end_derive(a, pre_a, true) && end_derive(b, pre_b, false));
}

/* The pre-master secret of ECDHE: what SM2's key exchange gives. */
static bool ends_agree(struct sdf_env *env, struct end *a, struct end *b)
{
    ECCrefPublicKey own_a, own_b, tmp_a, tmp_b;
    uint8_t id[] = "1234567812345678";
    void *agreement = NULL, *pre_a = NULL, *pre_b = NULL;
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, a->session, 1, NULL, 0);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, b->session, 1, NULL, 0);
    CALL(SDR_OK, SDF_GenerateAgreementDataWithECC, a->session, 1, 384, id, 16, &own_a, &tmp_a, &agreement);
    CALL(SDR_OK, SDF_GenerateAgreementDataAndKeyWithECC, b->session, 1, 384, id, 16, id, 16, &own_a, &tmp_a, &own_b,
         &tmp_b, &pre_b);
    CALL(SDR_OK, SDF_GenerateKeyWithECC, a->session, id, 16, &own_b, &tmp_b, agreement, &pre_a);
    return HOLDS(end_derive(a, pre_a, true) && end_derive(b, pre_b, false));
}

static void channel(struct sdf_env *env, bool (*meet)(struct sdf_env *, struct end *, struct end *))
{
    struct end a = {.session = env->session}, b = {0};
    uint8_t text[600], record[1024], out[1024];
    if (!CALL(SDR_OK, SDF_OpenSession, env->device, &b.session))
        return;
    if (meet(env, &a, &b)) {
        HOLDS(SDF_GenerateRandom(a.session, sizeof text, text) == SDR_OK);
        for (unsigned len = 1; len <= sizeof text; len = len * 3 + 1) {
            unsigned n = record_seal(&a, text, len, record);
            HOLDS(n && record_open(&b, record, n, out) == len && memcmp(out, text, len) == 0);
            n = record_seal(&b, text, len, record);
            HOLDS(n && record_open(&a, record, n, out) == len && memcmp(out, text, len) == 0);
        }
        unsigned n = record_seal(&a, text, 100, record);
        HOLDS(record_open(&a, record, n, out) == 0); /* it is not from the server */
        record[40] ^= 1;
        HOLDS(record_open(&b, record, n, out) == 0);
    }
    CALL(SDR_OK, SDF_CloseSession, b.session);
}

void case_derive_channel(struct sdf_env *env)
{
    channel(env, ends_meet);
    channel(env, ends_agree);
}

/* ---- what is refused ---- */

struct places {
    void *keys[4];
    uint8_t ivs[2][16];
};

static unsigned handles_now(struct sdf_env *env)
{
    struct cardmux_card_info info = {.size = sizeof info};
    HOLDS(cardmux_card_info(env->session, &info) == SDR_OK);
    return info.handles;
}

/* On failure no place is written and no key is made. */
static void refused(struct sdf_env *env, uint32_t want, void *pre, unsigned randoms, unsigned prf,
                    const unsigned bits[4], unsigned iv)
{
    struct places got, before;
    unsigned handles = handles_now(env);
    memset(&got, 0x5a, sizeof got);
    before = got;
    CALL(want, SDF_GenerateKeywithSSL, env->session, pre, client, randoms, server, randoms, prf, &got.keys[0], bits[0],
         &got.keys[1], bits[1], &got.keys[2], bits[2], &got.keys[3], bits[3], got.ivs[0], iv, got.ivs[1], iv);
    HOLDS(memcmp(&got, &before, sizeof got) == 0 && handles_now(env) == handles);
}

void case_derive_refused(struct sdf_env *env)
{
    static const unsigned good[4] = {256, 256, 128, 128};
    static const unsigned wrong[][4] = {{0, 0, 0, 0},         {8, 256, 128, 128},   {256, 120, 128, 128},
                                        {257, 256, 128, 128}, {520, 256, 128, 128}, {256, 0xfffffff8u, 128, 128},
                                        {256, 256, 64, 128},  {256, 256, 128, 136}, {256, 256, 512, 128}};
    uint8_t secret[48], d[32], point[64];
    union sdf_cipher ciphers[4], before[4];
    ECCrefPublicKey host, bad;
    void *pre = secret_make(env, secret, 48), *s = env->session;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refused(env, SDR_INARGERR, pre, 32, SGD_SM3, wrong[i], 16);
    refused(env, SDR_INARGERR, pre, 28, SGD_SM3, good, 16);
    refused(env, SDR_INARGERR, pre, 33, SGD_SM3, good, 16);
    refused(env, SDR_INARGERR, pre, 32, SGD_SM3, good, 17);
    refused(env, SDR_ALGNOTSUPPORT, pre, 32, SGD_SHA1, good, 16); /* what was before TLS 1.2 is another function */
    refused(env, SDR_ALGNOTSUPPORT, pre, 32, SGD_SM4_ECB, good, 16);
    refused(env, SDR_ALGNOTSUPPORT, pre, 32, 0, good, 16);
    HOLDS(sm2_raw_generate(d, point));
    sdf_point(point, &host);
    bad = host;
    bad.y[63] ^= 1;
    memset(ciphers, 0x5a, sizeof ciphers);
    memcpy(before, ciphers, sizeof before);
    CALL(SDR_KEYERR, SDF_GenerateKeywithEPK_SSL, s, pre, client, 32, server, 32, SGD_SM3, SGD_SM2_3, &bad,
         &ciphers[0].c, 256, &ciphers[1].c, 256, &ciphers[2].c, 128, &ciphers[3].c, 128, NULL, 0, NULL, 0);
    CALL(SDR_ALGNOTSUPPORT, SDF_GenerateKeywithEPK_SSL, s, pre, client, 32, server, 32, SGD_SHA1, SGD_SM2_3, &host,
         &ciphers[0].c, 256, &ciphers[1].c, 256, &ciphers[2].c, 128, &ciphers[3].c, 128, NULL, 0, NULL, 0);
    CALL(SDR_INARGERR, SDF_GenerateKeywithEPK_SSL, s, pre, client, 32, server, 32, SGD_SM3, SGD_SM2_3, &host,
         &ciphers[0].c, 64, &ciphers[1].c, 256, &ciphers[2].c, 128, &ciphers[3].c, 128, NULL, 0, NULL, 0);
    HOLDS(memcmp(ciphers, before, sizeof before) == 0);
    CALL(SDR_OK, SDF_DestroyKey, s, pre);
    refused(env, SDR_INARGERR, pre, 32, SGD_SM3, good, 16);
}
