/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdf_load: works without end on a virtual card and judges every result with libcrypto, while somebody breaks things
 * around it. Two threads in one process, each with a session of its own:
 *
 *   stateful   session keys, chained CBC over several slots, long running hashes, signatures: its session holds
 *              something nearly always, so a lost broker is told to it by one SDR_COMMFAIL
 *   stateless  random, short hashes, public keys: never fails
 *
 *     sdf_load [--rounds N] [--index N] [--gone | --patient]
 *
 * It prints "LOAD running" when both have done a round, and ends after N rounds of each, or at SIGTERM, with
 * "LOAD rounds=A/B lost=L wrong=W". Exits 1 where W is not 0: a wrong result, a code that is no SDR_COMMFAIL, an error
 * of the stateless one. With --gone it works until the card is taken away: any error of any call is that, results are
 * judged all the same; it prints "LOAD gone 0x........". With --patient the card may go and come: SDR_COMMFAIL is not
 * held against either, each waits a little after it, and both go on with the sessions that they have.
 */
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "tests/clients/sdf_cases.h"
#include "tests/clients/sm2_raw.h"

#define CHUNK      20000u
#define PATIENT_US 50000u /* before the next call while there is no card */

static volatile sig_atomic_t stopping;
static _Atomic unsigned wrong;
static _Atomic uint32_t gone;
static bool expect_gone, patient;
static unsigned key_index = 1;
static void *device;

struct caller {
    const char *name;
    void (*round)(struct caller *);
    void *session;
    unsigned lost;
    _Atomic unsigned rounds;
    unsigned goal; /* 0: none */
    uint64_t random;
};

static void on_term(int number)
{
    (void)number;
    stopping = 1;
}

static void complain(const struct caller *caller, const char *what, uint32_t status)
{
    fprintf(stderr, "LOAD %s, round %u: %s (0x%08x)\n", caller->name, caller->rounds, what, (unsigned)status);
    wrong++;
}

static bool went(struct caller *caller, const char *what, int status)
{
    if (status == SDR_OK)
        return true;
    if (expect_gone)
        gone = (uint32_t)status;
    else if ((uint32_t)status == SDR_COMMFAIL && caller->session)
        caller->lost++;
    else
        complain(caller, what, (uint32_t)status);
    return false;
}
#define WENT(call) went(caller, #call, call)

static void fill(struct caller *caller, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        caller->random = caller->random * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(caller->random >> 56);
    }
}

/* A session key that we know too, since the host's key it was made for is ours. */
static void *known_key(struct caller *caller, uint8_t key[16])
{
    uint8_t d[32], point[64], raw[96 + 255];
    union sdf_cipher cipher;
    ECCrefPublicKey to;
    void *handle = NULL;
    if (!sm2_raw_generate(d, point))
        return NULL;
    sdf_point(point, &to);
    if (!WENT(SDF_GenerateKeyWithEPK_ECC(caller->session, 128, SGD_SM2_3, &to, &cipher.c, &handle)))
        return NULL;
    size_t len = sdf_cipher_bytes(&cipher.c, raw);
    if (len != 96 + 16 || !sm2_raw_decrypt(d, raw, len, key)) {
        complain(caller, "a wrong wrapped key", 0);
        return NULL;
    }
    return handle;
}

static void chain(struct caller *caller)
{
    static uint8_t plain[CHUNK], got[CHUNK], want[CHUNK + 16];
    uint8_t key[16], iv[16], iv_want[16];
    void *handle = known_key(caller, key);
    if (!handle)
        return;
    fill(caller, iv, sizeof iv);
    memcpy(iv_want, iv, sizeof iv);
    for (int i = 0; i < 4; i++) {
        unsigned len = CHUNK;
        int want_len = 0;
        fill(caller, plain, 64);
        if (!WENT(SDF_Encrypt(caller->session, handle, SGD_SM4_CBC, iv, plain, CHUNK, got, &len)))
            return;
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        EVP_EncryptInit_ex(ctx, EVP_sm4_cbc(), NULL, key, iv_want);
        EVP_CIPHER_CTX_set_padding(ctx, 0);
        EVP_EncryptUpdate(ctx, want, &want_len, plain, CHUNK);
        EVP_CIPHER_CTX_free(ctx);
        memcpy(iv_want, want + CHUNK - 16, 16);
        if (len != CHUNK || memcmp(got, want, CHUNK) || memcmp(iv, iv_want, 16))
            complain(caller, "a wrong cipher text", 0);
    }
    WENT(SDF_DestroyKey(caller->session, handle));
}

static void long_hash(struct caller *caller)
{
    static uint8_t data[CHUNK];
    uint8_t got[64], want[32];
    unsigned len = 0, want_len = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_DigestInit_ex(ctx, EVP_sm3(), NULL);
    bool ok = WENT(SDF_HashInit(caller->session, SGD_SM3, NULL, NULL, 0));
    for (int i = 0; ok && i < 4; i++) {
        fill(caller, data, 64);
        EVP_DigestUpdate(ctx, data, CHUNK);
        ok = WENT(SDF_HashUpdate(caller->session, data, CHUNK));
    }
    if (ok && WENT(SDF_HashFinal(caller->session, got, &len))) {
        EVP_DigestFinal_ex(ctx, want, &want_len);
        if (len != 32 || memcmp(got, want, 32))
            complain(caller, "a wrong long hash", 0);
    }
    EVP_MD_CTX_free(ctx);
}

static void sign(struct caller *caller)
{
    uint8_t digest[32], point[64], rs[64];
    ECCSignature signature;
    ECCrefPublicKey key;
    if (!WENT(SDF_ExportSignPublicKey_ECC(caller->session, key_index, &key)) ||
        !WENT(SDF_GetPrivateKeyAccessRight(caller->session, key_index, NULL, 0)))
        return;
    sdf_point_bytes(&key, point);
    fill(caller, digest, sizeof digest);
    if (!WENT(SDF_InternalSign_ECC(caller->session, key_index, digest, 32, &signature)))
        return;
    memcpy(rs, signature.r + 32, 32);
    memcpy(rs + 32, signature.s + 32, 32);
    if (!sm2_raw_verify(point, digest, rs))
        complain(caller, "a wrong signature", 0);
    WENT(SDF_ReleasePrivateKeyAccessRight(caller->session, key_index));
}

static void stateful_round(struct caller *caller)
{
    chain(caller);
    long_hash(caller);
    sign(caller);
}

static void stateless_round(struct caller *caller)
{
    static uint8_t random[20000];
    uint8_t data[100], got[64], want[32];
    unsigned len = 0, want_len = 0;
    ECCrefPublicKey point;
    fill(caller, data, sizeof data);
    memset(random, 0, sizeof random);
    int status = SDF_GenerateRandom(caller->session, sizeof random, random);
    for (size_t at = 0; status == SDR_OK && at + 16 <= sizeof random; at += 16)
        if (!memcmp(random + at, (uint8_t[16]){0}, 16))
            complain(caller, "random bytes that are none", 0);
    if (status == SDR_OK)
        status = SDF_HashInit(caller->session, SGD_SM3, NULL, NULL, 0);
    if (status == SDR_OK)
        status = SDF_HashUpdate(caller->session, data, sizeof data);
    if (status == SDR_OK)
        status = SDF_HashFinal(caller->session, got, &len);
    if (status == SDR_OK) {
        EVP_Digest(data, sizeof data, want, &want_len, EVP_sm3(), NULL);
        if (len != 32 || memcmp(got, want, 32))
            complain(caller, "a wrong hash", 0);
        status = SDF_ExportEncPublicKey_ECC(caller->session, key_index, &point);
    }
    if (status != SDR_OK && expect_gone)
        gone = (uint32_t)status;
    else if ((uint32_t)status == SDR_COMMFAIL && patient)
        caller->lost++;
    else if (status != SDR_OK)
        complain(caller, "a stateless call failed", (uint32_t)status);
}

static void *caller_run(void *arg)
{
    struct caller *caller = arg;
    while (!stopping && !gone && (!caller->goal || caller->rounds < caller->goal)) {
        unsigned lost = caller->lost;
        caller->round(caller);
        caller->rounds += !patient || caller->lost == lost;
        if (patient && caller->lost != lost)
            usleep(PATIENT_US);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct caller callers[] = {{.name = "stateful", .round = stateful_round, .random = (uint64_t)getpid()},
                               {.name = "stateless", .round = stateless_round, .random = (uint64_t)getpid() + 7}};
    pthread_t threads[2];
    bool said = false;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--gone"))
            expect_gone = true;
        else if (!strcmp(argv[i], "--patient"))
            patient = true;
        else if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
            callers[0].goal = callers[1].goal = (unsigned)atoi(argv[++i]);
        else if (!strcmp(argv[i], "--index") && i + 1 < argc)
            key_index = (unsigned)atoi(argv[++i]);
        else
            return 2;
    }
    signal(SIGTERM, on_term);
    uint32_t status = (uint32_t)SDF_OpenDevice(&device);
    for (int i = 0; i < 2 && status == SDR_OK; i++)
        status = (uint32_t)SDF_OpenSession(device, &callers[i].session);
    if (status != SDR_OK) {
        fprintf(stderr, "LOAD cannot open the card: %s\n", sdf_code_name(status));
        return 1;
    }
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, caller_run, &callers[i]);
    while (!said && !stopping && !gone) {
        said = callers[0].rounds && callers[1].rounds;
        if (said)
            puts("LOAD running");
        fflush(stdout);
        usleep(10000);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    SDF_CloseDevice(device);
    printf("LOAD rounds=%u/%u lost=%u wrong=%u\n", callers[0].rounds, callers[1].rounds, callers[0].lost, wrong);
    if (gone)
        printf("LOAD gone 0x%08x\n", gone);
    return wrong != 0;
}
