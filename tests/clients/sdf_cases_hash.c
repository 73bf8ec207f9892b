/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include "tests/clients/sdf_cases.h"
#include "tests/clients/sm2_raw.h"

static uint8_t text[200000];

static void text_fill(void)
{
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * i >> 3);
}

static void one_hash(struct sdf_env *env, unsigned alg, const char *name, size_t len, size_t step)
{
    uint8_t digest[64], want[64];
    size_t want_len = 0;
    unsigned n = 0xabcdef01;
    CALL(SDR_OK, SDF_HashInit, env->session, alg, NULL, NULL, 0);
    for (size_t off = 0; off < len; off += step)
        CALL(SDR_OK, SDF_HashUpdate, env->session, text + off, (unsigned)(len - off < step ? len - off : step));
    CALL(SDR_OK, SDF_HashFinal, env->session, digest, &n);
    HOLDS(EVP_Q_digest(NULL, name, NULL, text, len, want, &want_len));
    HOLDS(n == want_len && memcmp(digest, want, n) == 0);
}

void case_hash(struct sdf_env *env)
{
    static const struct {
        unsigned alg;
        const char *name;
    } hashes[] = {
        {SGD_SM3, "SM3"},           {SGD_SHA1, "SHA1"},         {SGD_SHA256, "SHA256"},     {SGD_SHA224, "SHA224"},
        {SGD_SHA384, "SHA384"},     {SGD_SHA512, "SHA512"},     {SGD_SHA224_B, "SHA224"},   {SGD_SHA384_B, "SHA384"},
        {SGD_SHA512_B, "SHA512"},   {SGD_SHA3_224, "SHA3-224"}, {SGD_SHA3_256, "SHA3-256"}, {SGD_SHA3_384, "SHA3-384"},
        {SGD_SHA3_512, "SHA3-512"},
    };
    static const size_t sizes[] = {0, 1, 64, 16383, 16384, 16385, 32768, 32769, 200000};
    static const size_t steps[] = {200000, 4096, 16384, 16385, 7001};
    text_fill();
    for (size_t h = 0; h < sizeof hashes / sizeof hashes[0]; h++)
        for (size_t i = 0; i < 9; i++)
            for (size_t j = 0; j < (h == 0 ? 5 : 1); j++)
                one_hash(env, hashes[h].alg, hashes[h].name, sizes[i], steps[j]);
}

void case_hash_z(struct sdf_env *env)
{
    static const size_t sizes[] = {0, 3, 16384, 50000};
    uint8_t d[32], point[64], z[32], digest[64], want[64], id[8192];
    ECCrefPublicKey key;
    unsigned n;
    void *s = env->session;
    text_fill();
    memset(id, 'i', sizeof id);
    HOLDS(sm2_raw_generate(d, point));
    sdf_point(point, &key);
    static const unsigned id_sizes[] = {1, 16, 8191};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 3; j++) {
            CALL(SDR_OK, SDF_HashInit, s, SGD_SM3, &key, id, id_sizes[j]);
            CALL(SDR_OK, SDF_HashUpdate, s, text, (unsigned)sizes[i]);
            CALL(SDR_OK, SDF_HashFinal, s, digest, &n);
            EVP_MD_CTX *ctx = EVP_MD_CTX_new();
            HOLDS(sm2_raw_z(point, id, id_sizes[j], z) && EVP_DigestInit_ex(ctx, EVP_sm3(), NULL));
            HOLDS(EVP_DigestUpdate(ctx, z, 32) && EVP_DigestUpdate(ctx, text, sizes[i]));
            HOLDS(EVP_DigestFinal_ex(ctx, want, NULL) && n == 32 && memcmp(digest, want, 32) == 0);
            EVP_MD_CTX_free(ctx);
        }
    CALL(SDR_OK, SDF_HashInit, s, SGD_SM3, &key, NULL, 0); /* no id: a plain hash */
    CALL(SDR_OK, SDF_HashFinal, s, digest, &n);
    CALL(SDR_INARGERR, SDF_HashInit, s, SGD_SM3, NULL, id, 16);
    CALL(SDR_INARGERR, SDF_HashInit, s, SGD_SM3, &key, NULL, 16);
    CALL(SDR_INARGERR, SDF_HashInit, s, SGD_SM3, &key, id, 8192);
    CALL(SDR_INARGERR, SDF_HashInit, s, SGD_SHA256, &key, id, 16);
    key.y[1] = 1;
    CALL(SDR_INARGERR, SDF_HashInit, s, SGD_SM3, &key, id, 16);
    point[33] ^= 1;
    sdf_point(point, &key);
    CALL(SDR_KEYERR, SDF_HashInit, s, SGD_SM3, &key, id, 16); /* not on the curve: said here, not later */
    CALL(SDR_STEPERR, SDF_HashUpdate, s, text, 3);
}

void case_hash_steps(struct sdf_env *env)
{
    uint8_t digest[64];
    unsigned n = 5;
    void *s = env->session;
    text_fill();
    CALL(SDR_STEPERR, SDF_HashUpdate, s, text, 1);
    CALL(SDR_STEPERR, SDF_HashFinal, s, digest, &n);
    HOLDS(n == 5);
    CALL(SDR_ALGNOTSUPPORT, SDF_HashInit, s, 0x7777, NULL, NULL, 0);
    CALL(SDR_ALGNOTSUPPORT, SDF_HashInit, s, 0, NULL, NULL, 0);
    CALL(SDR_STEPERR, SDF_HashFinal, s, digest, &n);
    CALL(SDR_OK, SDF_HashInit, s, SGD_SHA1, NULL, NULL, 0);
    CALL(SDR_OK, SDF_HashUpdate, s, text, 50000);
    CALL(SDR_OK, SDF_HashUpdate, s, text, 0);
    CALL(SDR_OK, SDF_HashUpdate, s, NULL, 0);
    CALL(SDR_INARGERR, SDF_HashUpdate, s, NULL, 1);
    CALL(SDR_OK, SDF_HashFinal, s, NULL, &n); /* how long? and it goes on */
    HOLDS(n == 20);
    CALL(SDR_OUTARGERR, SDF_HashFinal, s, digest, NULL);
    CALL(SDR_OK, SDF_HashFinal, s, digest, &n);
    CALL(SDR_STEPERR, SDF_HashFinal, s, digest, &n);
    CALL(SDR_OK, SDF_HashInit, s, SGD_SM3, NULL, NULL, 0); /* a new one in the middle */
    CALL(SDR_OK, SDF_HashUpdate, s, text, 40000);
    one_hash(env, SGD_SM3, "SM3", 100, 100);
    void *other; /* one hash per session, not per device */
    CALL(SDR_OK, SDF_OpenSession, env->device, &other);
    CALL(SDR_OK, SDF_HashInit, s, SGD_SM3, NULL, NULL, 0);
    CALL(SDR_STEPERR, SDF_HashUpdate, other, text, 1);
    CALL(SDR_OK, SDF_CloseSession, other);
}
