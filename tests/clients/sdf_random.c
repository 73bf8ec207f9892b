/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdf_random: every symmetric mode, hash, MAC and derivation of channel keys with random keys, lengths and contents, in
 * one call and in several that are cut at random places, against a second implementation: libcrypto's, or for GCM, CCM
 * and XTS that of mode_judge.c (tests/unit holds the card against Botan's).
 *
 *     sdf_random [SEED [ROUNDS]]
 *
 * Prints the seed; with the seed of a failure it fails again.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "cardmux/sdf.h"
#include "tests/clients/derive_judge.h"
#include "tests/clients/mode_judge.h"

#define MOST    70000u
#define AAD     65536u
#define UNTAKEN 0x5a

static uint32_t state, round_now;
static int wrong;
static void *session;
static uint8_t text[MOST], aad[AAD], want[MOST + 32], got[MOST + 64], back[MOST + 64];

#define NEED(truth) need((truth), #truth, __LINE__)

static bool need(bool truth, const char *what, int line)
{
    if (!truth && wrong++ < 5)
        fprintf(stderr, "sdf_random: round %u, line %d: %s\n", round_now, line, what);
    return truth;
}

static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % below;
}

static void draw_bytes(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)draw(256);
}

/* Short ones, those around a block and a slot, and any. */
static uint32_t draw_length(uint32_t most)
{
    uint32_t edge = draw(2) ? 16384u : 16u, off = edge * (1 + draw(3)) - 3 + draw(7);
    uint32_t len = draw(3) == 0 ? draw(64) : draw(2) ? off : draw(most + 1);
    return len > most ? most : len;
}

/* The next piece of what is left. */
static uint32_t draw_piece(uint32_t left)
{
    uint32_t piece = draw(4) == 0 ? draw(20) : draw_length(left);
    return piece > left ? left : piece;
}

static struct cipher {
    const char *name;
    uint32_t alg, key_len;
} ciphers[] = {{"SM4", SGD_SM4, 16}, {"AES-128", SGD_AES, 16}, {"AES-192", SGD_AES, 24}, {"AES-256", SGD_AES, 32}};

static void *import(const uint8_t *bytes, uint32_t len)
{
    void *key = NULL;
    NEED(SDF_ImportKey(session, (uint8_t *)(uintptr_t)bytes, len, &key) == SDR_OK);
    return key;
}

/* In several calls; how many bytes came out. */
static uint32_t in_pieces(bool decrypt, void *key, uint32_t alg, uint8_t iv[16], const uint8_t *in, uint32_t len,
                          uint8_t *out)
{
    uint32_t done = 0, n;
    NEED((decrypt ? SDF_DecryptInit : SDF_EncryptInit)(session, key, alg, iv, 16) == SDR_OK);
    for (uint32_t at = 0, piece; at < len; at += piece, done += n) {
        piece = draw_piece(len - at);
        uint8_t *from = (uint8_t *)(uintptr_t)in + at;
        NEED((decrypt ? SDF_DecryptUpdate : SDF_EncryptUpdate)(session, from, piece, out + done, &n) == SDR_OK);
    }
    NEED((decrypt ? SDF_DecryptFinal : SDF_EncryptFinal)(session, out + done, &n) == SDR_OK);
    return done + n;
}

/* Both ways, both manners, for an algorithm of which want[len] is the right ciphertext. */
static void both_ways(void *key, uint32_t alg, const uint8_t first[16], uint32_t len)
{
    uint8_t iv[16];
    uint32_t n;
    memcpy(iv, first, 16);
    memset(got, UNTAKEN, sizeof got);
    NEED(SDF_Encrypt(session, key, alg, iv, text, len, got, &n) == SDR_OK && n == len);
    NEED(memcmp(got, want, len) == 0 && got[len] == UNTAKEN);
    memcpy(iv, first, 16);
    NEED(SDF_Decrypt(session, key, alg, iv, got, len, got, &n) == SDR_OK && memcmp(got, text, len) == 0);
    memcpy(iv, first, 16);
    NEED(in_pieces(false, key, alg, iv, text, len, back) == len && memcmp(back, want, len) == 0);
    NEED(in_pieces(true, key, alg, iv, want, len, back) == len && memcmp(back, text, len) == 0);
}

static void modes(void)
{
    static const struct {
        const char *name;
        uint32_t mode;
        bool blocks;
    } all[] = {{"ECB", SGD_ECB, true},
               {"CBC", SGD_CBC, true},
               {"CFB", SGD_CFB, false},
               {"OFB", SGD_OFB, false},
               {"CTR", SGD_CTR, false}};
    const struct cipher *c = &ciphers[draw(4)];
    uint8_t bytes[32], iv[16], mac[16];
    uint32_t m = draw(5), len = draw_length(MOST), n;
    char name[32];
    draw_bytes(bytes, 32);
    draw_bytes(iv, 16);
    if (draw(3) == 0) /* a counter that runs over */
        memset(iv + 6, 0xff, 9);
    if (all[m].blocks)
        len -= len % 16;
    void *key = import(bytes, c->key_len);
    snprintf(name, sizeof name, "%s-%s", c->name, all[m].name);
    NEED(judge_cipher(name, bytes, iv, true, text, len, want));
    both_ways(key, c->alg | all[m].mode, iv, len);
    if (all[m].mode == SGD_CBC && len > 0) { /* a MAC is the last block */
        uint8_t chain[16];
        memcpy(chain, iv, 16);
        NEED(SDF_CalculateMAC(session, key, c->alg | SGD_MAC, chain, text, len, mac, &n) == SDR_OK && n == 16);
        NEED(memcmp(mac, want + len - 16, 16) == 0 && memcmp(chain, mac, 16) == 0);
        NEED(SDF_CalculateMACInit(session, key, c->alg | SGD_MAC, iv, 16) == SDR_OK);
        for (uint32_t at = 0, piece; at < len; at += piece)
            NEED(SDF_CalculateMACUpdate(session, text + at, piece = draw_piece(len - at)) == SDR_OK);
        NEED(SDF_CalculateMACFinal(session, mac, &n) == SDR_OK && memcmp(mac, want + len - 16, 16) == 0);
    }
    NEED(SDF_DestroyKey(session, key) == SDR_OK);
}

static void sectors(void)
{
    static const struct {
        uint32_t alg;
        const char *name;
        uint32_t key_len;
        bool gb;
    } all[] = {{SGD_SM4_XTS, "SM4", 16, true},
               {SGD_SM4_XTS_IEEE, "SM4", 16, false},
               {SGD_AES_XTS, "AES-128", 16, false},
               {SGD_AES_XTS, "AES-256", 32, false}};
    uint8_t bytes[64], tweak[16];
    uint32_t x = draw(4), len = 16 + draw_length(MOST - 16);
    draw_bytes(bytes, 64);
    draw_bytes(tweak, 16);
    void *key = import(bytes, 2 * all[x].key_len);
    NEED(judge_xts(all[x].name, bytes, all[x].key_len, all[x].gb, tweak, text, len, want));
    both_ways(key, all[x].alg, tweak, len);
    NEED(SDF_DestroyKey(session, key) == SDR_OK);
}

static void digests(void)
{
    static const struct {
        const char *name;
        uint32_t alg, hmac;
    } all[] = {
        {"SM3", SGD_SM3, SGD_SM3},          {"SHA1", SGD_SHA1, SGD_SHA1},         {"SHA224", SGD_SHA224, SGD_SHA224},
        {"SHA256", SGD_SHA256, SGD_SHA256}, {"SHA384", SGD_SHA384, SGD_SHA384_B}, {"SHA512", SGD_SHA512, SGD_SHA512_B},
        {"SHA3-256", SGD_SHA3_256, 0},      {"SHA3-512", SGD_SHA3_512, 0}};
    uint8_t right[64], made[64], bytes[200];
    uint32_t h = draw(8), len = draw_length(MOST), n, at, piece, key_len = 1 + draw(200);
    size_t right_len;
    NEED(EVP_Q_digest(NULL, all[h].name, NULL, text, len, right, &right_len) == 1);
    NEED(SDF_HashInit(session, all[h].alg, NULL, NULL, 0) == SDR_OK);
    for (at = 0; at < len; at += piece)
        NEED(SDF_HashUpdate(session, text + at, piece = draw_piece(len - at)) == SDR_OK);
    NEED(SDF_HashFinal(session, made, &n) == SDR_OK && n == right_len && memcmp(made, right, n) == 0);
    if (!all[h].hmac)
        return;
    draw_bytes(bytes, key_len);
    void *key = import(bytes, key_len);
    NEED(judge_hmac(all[h].name, bytes, key_len, text, len, right, &right_len));
    NEED(SDF_HMACInit(session, key, all[h].hmac) == SDR_OK);
    for (at = 0; at < len; at += piece)
        NEED(SDF_HMACUpdate(session, text + at, piece = draw_piece(len - at)) == SDR_OK);
    NEED(SDF_HMACFinal(session, made, &n) == SDR_OK && n == right_len && memcmp(made, right, n) == 0);
    if (all[h].alg == SGD_SM3)
        NEED(SDF_CalculateMAC(session, key, SGD_SM3, NULL, text, len, made, &n) == SDR_OK && n == 32 &&
             memcmp(made, right, 32) == 0);
    NEED(SDF_DestroyKey(session, key) == SDR_OK);
}

static bool all_untaken(const uint8_t *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        if (bytes[i] != UNTAKEN)
            return false;
    return true;
}

static void open_sealed(void *key, uint32_t alg, struct judge_aead *a, uint8_t *tag, uint32_t len)
{
    uint8_t *nonce = (uint8_t *)(uintptr_t)a->nonce;
    uint32_t nonce_len = (uint32_t)a->nonce_len, aad_len = (uint32_t)a->aad_len, tag_len = (uint32_t)a->tag_len, n;
    uint32_t done = 0;
    memset(back, UNTAKEN, sizeof back);
    tag[draw(tag_len)] ^= 0x10; /* first one that does not hold: not a byte comes out */
    NEED(SDF_AuthDec(session, key, alg, nonce, nonce_len, aad, aad_len, tag, &tag_len, want, len, back, &n) ==
         SDR_MACERR);
    NEED(all_untaken(back, len));
    NEED((alg & SGD_CCM ? judge_ccm : judge_gcm)(a, text, len, want, tag));
    NEED(SDF_AuthDec(session, key, alg, nonce, nonce_len, aad, aad_len, tag, &tag_len, want, len, back, &n) == SDR_OK);
    NEED(n == len && memcmp(back, text, len) == 0);
    memset(back, UNTAKEN, sizeof back);
    NEED(SDF_AuthDecInit(session, key, alg, nonce, nonce_len, aad, aad_len, tag, tag_len, len) == SDR_OK);
    for (uint32_t at = 0, piece; at < len; at += piece, done += n) {
        piece = draw_piece(len - at);
        NEED(SDF_AuthDecUpdate(session, want + at, piece, back + done, &n) == SDR_OK && n <= piece);
    }
    n = MOST - done;
    NEED(SDF_AuthDecFinal(session, back + done, &n) == SDR_OK && done + n == len && memcmp(back, text, len) == 0);
}

static void sealed(void)
{
    static const uint32_t gcm_tags[] = {8, 12, 13, 14, 15, 16}, ccm_tags[] = {8, 10, 12, 14, 16};
    const struct cipher *c = &ciphers[draw(4)];
    bool ccm = draw(2);
    uint32_t alg = c->alg | (ccm ? SGD_CCM : SGD_GCM), n, t, done = 0, len = draw_length(40000);
    uint8_t bytes[32], nonce[64], tag[16], right[16];
    struct judge_aead a = {.cipher = c->name, .key = bytes, .nonce = nonce, .aad = aad, .tag_len = 16};
    a.nonce_len = ccm ? 7 + draw(6) : 1 + draw(64); /* of 13 bytes, CCM counts 65535 at most */
    a.aad_len = draw(3) ? draw_length(300) : draw_length(AAD);
    draw_bytes(bytes, 32);
    draw_bytes(nonce, 64);
    void *key = import(bytes, c->key_len);
    uint32_t nonce_len = (uint32_t)a.nonce_len, aad_len = (uint32_t)a.aad_len;
    NEED((ccm ? judge_ccm : judge_gcm)(&a, text, len, want, right));
    memset(got, UNTAKEN, sizeof got);
    NEED(SDF_AuthEnc(session, key, alg, nonce, nonce_len, aad, aad_len, text, len, got, &n, tag, &t) == SDR_OK);
    NEED(n == len && t == 16 && memcmp(got, want, len) == 0 && memcmp(tag, right, 16) == 0 && got[len] == UNTAKEN);
    NEED(SDF_AuthEncInit(session, key, alg, nonce, nonce_len, aad, aad_len, len) == SDR_OK);
    for (uint32_t at = 0, piece; at < len; at += piece, done += n)
        NEED(SDF_AuthEncUpdate(session, text + at, piece = draw_piece(len - at), back + done, &n) == SDR_OK);
    NEED(SDF_AuthEncFinal(session, NULL, &n, tag, &t) == SDR_OK && done == len && memcmp(back, want, len) == 0);
    NEED(memcmp(tag, right, 16) == 0);
    a.tag_len = ccm ? ccm_tags[draw(5)] : gcm_tags[draw(6)];
    NEED((ccm ? judge_ccm : judge_gcm)(&a, text, len, want, right));
    open_sealed(key, alg, &a, right, len);
    NEED(SDF_DestroyKey(session, key) == SDR_OK);
}

/* What a key does says which it is. */
static void key_is(void *key, const uint8_t *bytes, uint32_t len)
{
    uint8_t mac[64], right[64];
    size_t right_len;
    uint32_t n;
    NEED(SDF_CalculateMAC(session, key, SGD_SM3, NULL, text, 100, mac, &n) == SDR_OK && n == 32);
    NEED(judge_hmac("SM3", bytes, len, text, 100, right, &right_len) && memcmp(mac, right, 32) == 0);
    NEED(SDF_DestroyKey(session, key) == SDR_OK);
}

static void channels(void)
{
    static const struct {
        const char *name;
        uint32_t alg;
    } prfs[] = {{"SM3", SGD_SM3}, {"SHA256", SGD_SHA256}, {"SHA384", SGD_SHA384}};
    uint32_t p = draw(3), len = draw(2) ? 48 : 1 + draw(256), bits[4], iv[2] = {draw(17), draw(17)};
    uint8_t secret[256], client[32], server[32], ivs[2][16], right[2 * (64 + 32 + 16)], *at = right;
    void *keys[4];
    draw_bytes(secret, len);
    draw_bytes(client, 32);
    draw_bytes(server, 32);
    for (unsigned i = 0; i < 4; i++)
        bits[i] = i < 2 ? draw(4) ? 128 + 8 * draw(49) : 0 : 128 + 64 * draw(3);
    void *pre = import(secret, len);
    NEED(SDF_GenerateKeywithSSL(session, pre, client, 32, server, 32, prfs[p].alg, &keys[0], bits[0], &keys[1], bits[1],
                                &keys[2], bits[2], &keys[3], bits[3], ivs[0], iv[0], ivs[1], iv[1]) == SDR_OK);
    NEED(judge_tls(prfs[p].name, secret, len, client, server, right, sizeof right));
    for (unsigned i = 0; i < 4; at += bits[i++] / 8)
        if (NEED((keys[i] != NULL) == (bits[i] != 0)) && keys[i])
            key_is(keys[i], at, bits[i] / 8);
    NEED(memcmp(ivs[0], at, iv[0]) == 0 && memcmp(ivs[1], at + iv[0], iv[1]) == 0);
    NEED(SDF_DestroyKey(session, pre) == SDR_OK);
}

/* Both phases of an IPSec tunnel, the second from what the first gave. */
static void tunnels(void)
{
    static const struct {
        const char *name;
        uint32_t alg, bits;
    } prfs[] = {{"SM3", SGD_SM3, 256}, {"SHA256", SGD_SHA256, 256}, {"SHA384", SGD_SHA384, 384}};
    uint32_t p = draw(3), ni = 8 + draw(249), nr = 8 + draw(249), e_bits = 128 + 64 * draw(3), enc = 128 + 64 * draw(3);
    uint32_t mac = 128 + 8 * draw(49);
    uint8_t first[528], second[517], ike[3][64], right[64 + 32];
    void *d = NULL, *a = NULL, *e = NULL, *keys[2] = {NULL};
    size_t len = 0;
    draw_bytes(first, sizeof first);
    draw_bytes(second, sizeof second);
    NEED(SDF_GenerateKeywithIKE(session, first, ni, first + ni, nr, first + ni + nr, 8, first + ni + nr + 8, 8,
                                prfs[p].alg, &d, prfs[p].bits, &a, prfs[p].bits, &e, e_bits) == SDR_OK);
    NEED(judge_ike(prfs[p].name, first, ni + nr, first + ni + nr, ike, &len));
    NEED(SDF_GenerateKeywithIPSEC(session, second, 1, second + 1, 4, second + 5, nr, second + 5 + nr, ni, d,
                                  prfs[p].alg, &keys[0], enc, &keys[1], mac, NULL, 0) == SDR_OK);
    NEED(judge_ipsec(prfs[p].name, ike[0], len, second, 5 + ni + nr, right, sizeof right));
    key_is(d, ike[0], (uint32_t)len);
    key_is(a, ike[1], (uint32_t)len);
    key_is(e, ike[2], e_bits / 8);
    key_is(keys[0], right, enc / 8);
    key_is(keys[1], right + enc / 8, mac / 8);
}

int main(int argc, char **argv)
{
    void *device;
    uint32_t rounds = argc > 2 ? (uint32_t)atoi(argv[2]) : 60;
    state = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    while (!state)
        if (getrandom(&state, sizeof state, 0) != sizeof state)
            state = 1;
    printf("seed %u\n", state);
    fflush(stdout);
    draw_bytes(text, sizeof text);
    draw_bytes(aad, sizeof aad);
    if (!NEED(SDF_OpenDevice(&device) == SDR_OK) || !NEED(SDF_OpenSession(device, &session) == SDR_OK))
        return 1;
    for (round_now = 0; round_now < rounds && !wrong; round_now++) {
        modes();
        sectors();
        digests();
        sealed();
        channels();
        tunnels();
    }
    NEED(SDF_CloseDevice(device) == SDR_OK);
    return wrong != 0;
}
