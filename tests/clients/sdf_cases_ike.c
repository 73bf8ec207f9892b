/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of IKE and IPSEC, annex C of 2023. The judge is derive_judge.c. */
#include <inttypes.h>
#include <string.h>
#include "tests/clients/derive_judge.h"
#include "tests/clients/mode_judge.h"
#include "tests/clients/sdf_cases.h"
#include "tests/clients/sm2_raw.h"

static const struct prf {
    const char *hash;
    unsigned alg, bits;
} prfs[] = {{"SM3", SGD_SM3, 256}, {"SHA256", SGD_SHA256, 256}, {"SHA384", SGD_SHA384, 384}};

#define PRFS (sizeof prfs / sizeof prfs[0])

/* What an exchange leaves with both sides: nonces one behind the other, and cookies. */
struct exchange {
    uint8_t nonces[512], cookies[16];
    unsigned ni, nr;
    uint8_t *n_r, *c_r; /* the responder's */
};

static void exchange_make(struct sdf_env *env, struct exchange *x, unsigned ni, unsigned nr)
{
    HOLDS(SDF_GenerateRandom(env->session, sizeof x->nonces, x->nonces) == SDR_OK);
    HOLDS(SDF_GenerateRandom(env->session, sizeof x->cookies, x->cookies) == SDR_OK);
    x->ni = ni;
    x->nr = nr;
    x->n_r = x->nonces + ni;
    x->c_r = x->cookies + 8;
}

static bool hmac_is(void *session, void *handle, const uint8_t *key, size_t len)
{
    uint8_t text[] = "HASH_1", mac[64], right[64];
    unsigned n = 0;
    size_t right_len = 0;
    return SDF_HMACInit(session, handle, SGD_SM3) == SDR_OK && SDF_HMACUpdate(session, text, sizeof text) == SDR_OK &&
           SDF_HMACFinal(session, mac, &n) == SDR_OK &&
           judge_hmac("SM3", key, len, text, sizeof text, right, &right_len) && n == right_len &&
           memcmp(mac, right, n) == 0;
}

static bool cipher_is(void *session, void *handle, const uint8_t *key, unsigned bits)
{
    static const char *const names[] = {"AES-128-ECB", "AES-192-ECB", "AES-256-ECB"};
    uint8_t in[16] = "one single block", out[16], right[16];
    unsigned n = 0;
    return SDF_Encrypt(session, handle, SGD_AES_ECB, NULL, in, 16, out, &n) == SDR_OK &&
           judge_cipher(names[bits / 64 - 2], key, NULL, true, in, 16, right) && memcmp(out, right, 16) == 0;
}

#define IKE(want, prf, d, d_bits, a, a_bits, e, e_bits)                                                                \
    CALL(want, SDF_GenerateKeywithIKE, env->session, x.nonces, x.ni, x.n_r, x.nr, x.cookies, 8, x.c_r, 8, prf, d,      \
         d_bits, a, a_bits, e, e_bits)

static void ike_with(struct sdf_env *env, const struct prf *prf, unsigned ni, unsigned nr, unsigned bits)
{
    struct exchange x;
    uint8_t right[3][64];
    size_t len = 0;
    void *d = NULL, *a = NULL, *e = NULL, *s = env->session;
    exchange_make(env, &x, ni, nr);
    if (!IKE(SDR_OK, prf->alg, &d, prf->bits, &a, prf->bits, &e, bits))
        return;
    HOLDS(judge_ike(prf->hash, x.nonces, ni + nr, x.cookies, right, &len) && len == prf->bits / 8);
    HOLDS(hmac_is(s, d, right[0], len) && hmac_is(s, a, right[1], len));
    HOLDS(cipher_is(s, e, right[2], bits));
    CALL(SDR_OK, SDF_DestroyKey, s, d);
    CALL(SDR_OK, SDF_DestroyKey, s, a);
    CALL(SDR_OK, SDF_DestroyKey, s, e);
}

void case_derive_ike(struct sdf_env *env)
{
    struct exchange x;
    void *d = NULL, *a = NULL, *e = NULL;
    for (size_t i = 0; i < PRFS; i++) {
        ike_with(env, &prfs[i], 16, 16, 128);
        ike_with(env, &prfs[i], 8, 256, 192);
        ike_with(env, &prfs[i], 256, 256, 256);
    }
    exchange_make(env, &x, 16, 16);
    IKE(SDR_OK, SGD_SM3, NULL, 0, &a, 256, NULL, 0); /* one alone */
    CALL(SDR_OK, SDF_DestroyKey, env->session, a);
    IKE(SDR_INARGERR, SGD_SM3, &d, 128, &a, 256, &e, 128); /* a key of the PRF is as long as what it gives */
    IKE(SDR_INARGERR, SGD_SM3, &d, 256, &a, 384, &e, 128);
    IKE(SDR_INARGERR, SGD_SHA384, &d, 256, &a, 384, &e, 128);
    IKE(SDR_INARGERR, SGD_SM3, &d, 256, &a, 256, &e, 136);
    IKE(SDR_INARGERR, SGD_SM3, NULL, 0, NULL, 0, NULL, 0);
    x.ni = 7;
    IKE(SDR_INARGERR, SGD_SM3, &d, 256, &a, 256, &e, 128);
    x.ni = 257;
    IKE(SDR_INARGERR, SGD_SM3, &d, 256, &a, 256, &e, 128);
    x.ni = 16;
    CALL(SDR_INARGERR, SDF_GenerateKeywithIKE, env->session, x.nonces, 16, x.n_r, 16, x.cookies, 7, x.c_r, 8, SGD_SM3,
         &d, 256, &a, 256, &e, 128);
}

static bool opens_to(const uint8_t d[32], const union sdf_cipher *cipher, const uint8_t *key, unsigned bits)
{
    uint8_t raw[96 + 255], plain[255];
    return cipher->c.L == bits / 8 && cipher->bytes[164 + bits / 8] == 0xa5 &&
           sm2_raw_decrypt(d, raw, sdf_cipher_bytes(&cipher->c, raw), plain) && memcmp(plain, key, bits / 8) == 0;
}

void case_derive_ike_epk(struct sdf_env *env)
{
    struct exchange x;
    union sdf_cipher c[3];
    ECCrefPublicKey host;
    uint8_t d[32], point[64], right[3][64];
    size_t len = 0;
    HOLDS(sm2_raw_generate(d, point));
    sdf_point(point, &host);
    for (size_t i = 0; i < PRFS; i++) {
        const struct prf *prf = &prfs[i];
        exchange_make(env, &x, 256, 256);
        memset(c, 0xa5, sizeof c);
        CALL(SDR_OK, SDF_GenerateKeywithEPK_IKE, env->session, x.nonces, x.ni, x.n_r, x.nr, x.cookies, 8, x.c_r, 8,
             prf->alg, SGD_SM2_3, &host, &c[0].c, prf->bits, &c[1].c, prf->bits, &c[2].c, 128);
        HOLDS(judge_ike(prf->hash, x.nonces, x.ni + x.nr, x.cookies, right, &len));
        HOLDS(opens_to(d, &c[0], right[0], prf->bits) && opens_to(d, &c[1], right[1], prf->bits) &&
              opens_to(d, &c[2], right[2], 128));
    }
}

/* ---- the second phase ---- */

static uint8_t protocol[1] = {3}; /* ESP */

/* protocol | SPI | Ni | Nr */
static size_t seed_of(const struct exchange *x, const uint8_t spi[4], uint8_t text[517])
{
    text[0] = protocol[0];
    memcpy(text + 1, spi, 4);
    memcpy(text + 5, x->nonces, x->ni + x->nr);
    return 5 + x->ni + x->nr;
}

static void ipsec_with(struct sdf_env *env, const struct prf *prf, unsigned enc_bits, unsigned mac_bits, unsigned ni)
{
    struct exchange x;
    uint8_t secret[48], spi[4] = {1, 2, 3, 4}, text[517], right[64 + 32];
    void *d = NULL, *enc = env, *mac = env, *s = env->session;
    exchange_make(env, &x, ni, 256);
    HOLDS(SDF_GenerateRandom(s, sizeof secret, secret) == SDR_OK);
    CALL(SDR_OK, SDF_ImportKey, s, secret, prf->bits / 8, &d);
    if (CALL(SDR_OK, SDF_GenerateKeywithIPSEC, s, protocol, 1, spi, 4, x.nonces, x.ni, x.n_r, x.nr, d, prf->alg, &enc,
             enc_bits, &mac, mac_bits, NULL, 0)) {
        HOLDS(judge_ipsec(prf->hash, secret, prf->bits / 8, text, seed_of(&x, spi, text), right, sizeof right));
        HOLDS(enc_bits ? cipher_is(s, enc, right, enc_bits) : !enc);
        HOLDS(mac_bits ? hmac_is(s, mac, right + enc_bits / 8, mac_bits / 8) : !mac);
        if (enc)
            CALL(SDR_OK, SDF_DestroyKey, s, enc);
        if (mac)
            CALL(SDR_OK, SDF_DestroyKey, s, mac);
    }
    CALL(SDR_OK, SDF_DestroyKey, s, d);
}

void case_derive_ipsec(struct sdf_env *env)
{
    struct exchange x;
    uint8_t spi[4] = {9}, secret[32] = {7}, salt[4] = {5, 5, 5, 5};
    void *d = NULL, *enc = NULL, *mac = NULL, *s = env->session;
    for (size_t i = 0; i < PRFS; i++) {
        ipsec_with(env, &prfs[i], 128, 256, 16);
        ipsec_with(env, &prfs[i], 256, 512, 256);
        ipsec_with(env, &prfs[i], 0, 160, 8); /* AH */
        ipsec_with(env, &prfs[i], 192, 0, 20);
    }
    exchange_make(env, &x, 16, 16);
    CALL(SDR_OK, SDF_ImportKey, s, secret, 32, &d);
    CALL(SDR_NOTSUPPORT, SDF_GenerateKeywithIPSEC, s, protocol, 1, spi, 4, x.nonces, 16, x.n_r, 16, d, SGD_SM3, &enc,
         128, NULL, 0, salt, 4);
    CALL(SDR_INARGERR, SDF_GenerateKeywithIPSEC, s, protocol, 1, spi, 3, x.nonces, 16, x.n_r, 16, d, SGD_SM3, &enc, 128,
         &mac, 256, NULL, 0);
    CALL(SDR_INARGERR, SDF_GenerateKeywithIPSEC, s, protocol, 1, spi, 4, x.nonces, 16, x.n_r, 16, d, SGD_SM3, &enc, 0,
         &mac, 0, NULL, 0);
    HOLDS(!enc && !mac && salt[0] == 5);
}

void case_derive_ipsec_epk(struct sdf_env *env)
{
    struct exchange x;
    union sdf_cipher c[2];
    ECCrefPublicKey host;
    uint8_t private[32], point[64], secret[32] = {3}, spi[4] = {0xff, 0, 0, 1}, text[517], right[16 + 32], salt[4];
    void *d = NULL, *s = env->session;
    HOLDS(sm2_raw_generate(private, point));
    sdf_point(point, &host);
    exchange_make(env, &x, 256, 256);
    memset(c, 0xa5, sizeof c);
    CALL(SDR_OK, SDF_ImportKey, s, secret, 32, &d);
    CALL(SDR_OK, SDF_GenerateKeywithEPK_IPSEC, s, protocol, 1, spi, 4, x.nonces, x.ni, x.n_r, x.nr, d, SGD_SM3,
         SGD_SM2_3, &host, &c[0].c, 128, &c[1].c, 256, NULL, 0);
    HOLDS(judge_ipsec("SM3", secret, 32, text, seed_of(&x, spi, text), right, sizeof right));
    HOLDS(opens_to(private, &c[0], right, 128) && opens_to(private, &c[1], right + 16, 256));
    CALL(SDR_NOTSUPPORT, SDF_GenerateKeywithEPK_IPSEC, s, protocol, 1, spi, 4, x.nonces, x.ni, x.n_r, x.nr, d, SGD_SM3,
         SGD_SM2_3, &host, &c[0].c, 128, &c[1].c, 256, salt, 4);
}

/* Both ends of a tunnel in sessions of their own: the first phase's keys, then for each direction those of its SPI.
   What one seals the other opens. */
void case_derive_tunnel(struct sdf_env *env)
{
    struct exchange first, second;
    uint8_t spis[2][4] = {{0, 0, 1, 1}, {0, 0, 2, 2}}, text[64] = "a packet, and its padding", sealed[64], back[64];
    uint8_t macs[2][32], iv[16];
    void *s[2] = {env->session, NULL}, *ike[2][3], *keys[2][2][2] = {{{NULL}}};
    unsigned n = 0;
    if (!CALL(SDR_OK, SDF_OpenSession, env->device, &s[1]))
        return;
    exchange_make(env, &first, 16, 24);
    exchange_make(env, &second, 32, 16);
    for (int end = 0; end < 2; end++) {
        CALL(SDR_OK, SDF_GenerateKeywithIKE, s[end], first.nonces, 16, first.n_r, 24, first.cookies, 8, first.c_r, 8,
             SGD_SM3, &ike[end][0], 256, &ike[end][1], 256, &ike[end][2], 128);
        for (int way = 0; way < 2; way++)
            CALL(SDR_OK, SDF_GenerateKeywithIPSEC, s[end], protocol, 1, spis[way], 4, second.nonces, 32, second.n_r, 16,
                 ike[end][0], SGD_SM3, &keys[end][way][0], 128, &keys[end][way][1], 256, NULL, 0);
    }
    for (int way = 0; way < 2; way++) {
        int from = way, to = !way;
        memset(iv, way, sizeof iv);
        CALL(SDR_OK, SDF_Encrypt, s[from], keys[from][way][0], SGD_SM4_CBC, iv, text, 64, sealed, &n);
        CALL(SDR_OK, SDF_CalculateMAC, s[from], keys[from][way][1], SGD_SM3, NULL, sealed, 64, macs[0], &n);
        CALL(SDR_OK, SDF_CalculateMAC, s[to], keys[to][way][1], SGD_SM3, NULL, sealed, 64, macs[1], &n);
        HOLDS(memcmp(macs[0], macs[1], 32) == 0);
        memset(iv, way, sizeof iv);
        CALL(SDR_OK, SDF_Decrypt, s[to], keys[to][way][0], SGD_SM4_CBC, iv, sealed, 64, back, &n);
        HOLDS(memcmp(text, back, 64) == 0);
        CALL(SDR_OK, SDF_CalculateMAC, s[to], keys[to][!way][1], SGD_SM3, NULL, sealed, 64, macs[1], &n);
        HOLDS(memcmp(macs[0], macs[1], 32) != 0); /* the other direction's key is another */
    }
    CALL(SDR_OK, SDF_CloseSession, s[1]);
}

/* Is it in memory that the library shares with the host? A stream has none; a device of a VM is not looked at. */
static bool shared_has(const void *bytes, size_t len)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        uintptr_t from, to;
        if (strstr(line, "rw-s") && strstr(line, "memfd:") && sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &to) == 2)
            found |= memmem((const void *)from, to - from, bytes, len) != NULL;
    }
    if (maps)
        fclose(maps);
    return found;
}

/* From an exchange's nonces follow all of its keys, and a connection's first vectors were never sent. */
void case_derive_nothing_stays(struct sdf_env *env)
{
    static uint8_t client[32] = "the client's random", server[32] = "the server's random";
    uint8_t secret[48] = "a secret that both ends have, of 48 bytes length", ivs[2][16];
    struct exchange x;
    ECCrefPublicKey public;
    ECCrefPrivateKey private;
    union sdf_cipher ciphers[4];
    void *d = NULL, *a = NULL, *e = NULL, *pre = NULL, *keys[4], *s = env->session;
    exchange_make(env, &x, 32, 32);
    CALL(SDR_OK, SDF_GenerateKeyPair_ECC, s, SGD_SM2_1, 256, &public, &private);
    IKE(SDR_OK, SGD_SM3, &d, 256, &a, 256, &e, 128);
    HOLDS(!shared_has(x.nonces, 32) && !shared_has(x.n_r, 32));
    CALL(SDR_OK, SDF_GenerateKeywithEPK_IKE, s, x.nonces, 32, x.n_r, 32, x.cookies, 8, x.c_r, 8, SGD_SM3, SGD_SM2_3,
         &public, &ciphers[0].c, 256, &ciphers[1].c, 256, &ciphers[2].c, 128);
    HOLDS(!shared_has(x.nonces, 32) && !shared_has(x.n_r, 32));
    exchange_make(env, &x, 32, 32);
    CALL(SDR_OK, SDF_GenerateKeywithIPSEC, s, protocol, 1, x.c_r, 4, x.nonces, 32, x.n_r, 32, d, SGD_SM3, &keys[0], 128,
         &keys[1], 256, NULL, 0);
    HOLDS(!shared_has(x.nonces, 32) && !shared_has(x.n_r, 32));
    CALL(SDR_OK, SDF_ImportKey, s, secret, sizeof secret, &pre);
    CALL(SDR_OK, SDF_GenerateKeywithSSL, s, pre, client, 32, server, 32, SGD_SM3, &keys[0], 256, &keys[1], 256,
         &keys[2], 128, &keys[3], 128, ivs[0], 16, ivs[1], 16);
    HOLDS(!shared_has(ivs[0], 16) && !shared_has(ivs[1], 16));
    CALL(SDR_OK, SDF_GenerateKeywithEPK_SSL, s, pre, client, 32, server, 32, SGD_SM3, SGD_SM2_3, &public, &ciphers[0].c,
         256, &ciphers[1].c, 256, &ciphers[2].c, 128, &ciphers[3].c, 128, ivs[0], 16, ivs[1], 16);
    HOLDS(!shared_has(ivs[0], 16) && !shared_has(ivs[1], 16));
}
