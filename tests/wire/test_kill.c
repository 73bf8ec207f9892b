/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker of a real cardmuxd is killed (SIGKILL) again and again at random moments under four callers in one
 * process:
 *
 *   chain      a CBC chain under a session key, chunk by chunk, compared with libcrypto
 *   hash       running hashes longer than a slot, so that their state lives in the broker
 *   sign       private-key right by code, signatures, verified with libcrypto
 *   stateless  random, public-key verification, short hashes: these must never fail
 *
 * Asserted: each kill gives a new broker pid and a new generation; no result is ever wrong; a session that held
 * something and was lost tells its caller so by SDR_COMMFAIL once, never twice for one broker, and by no other code;
 * stateless calls all go on. KILLS (environment) is the number of kills: 100 unless set; KILL_REACH the callers' way to
 * the host: unix unless set.
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cardmux/sdf.h"
#include "frontend/reach/reach.h"
#include "proto/layout.h"
#include "tests/clients/sdf_cases.h"
#include "tests/wire/daemon.h"
#include "tests/wire/harness.h"

#define CHUNK 48000u

static _Atomic bool stopping;
static _Atomic unsigned kills, wrong;
static void *device;

struct caller {
    const char *name;
    void (*round)(struct caller *);
    void *session;
    unsigned commfails, rounds;
    unsigned told_at; /* kills + 1 when it was last told of a loss */
    uint64_t random;
};

static void complain(struct caller *caller, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s (round %u, kill %u): ", caller->name, caller->rounds, kills);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    wrong++;
}

/* True where the call went well. False where the session was lost, which may be told once for each broker. */
static bool went(struct caller *caller, const char *what, int status)
{
    if (status == SDR_OK)
        return true;
    if (status != SDR_COMMFAIL) {
        complain(caller, "%s: 0x%08x", what, (unsigned)status);
        return false;
    }
    caller->commfails++;
    unsigned now = kills + 1;
    /* a kill counted just after the loss was told may make two tellings fall on one number, never three */
    if (caller->told_at == now + 1)
        complain(caller, "%s: told twice of one loss", what);
    caller->told_at = caller->told_at == now ? now + 1 : now;
    return false;
}

static void fill(struct caller *caller, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        caller->random = caller->random * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(caller->random >> 56);
    }
}

/* One chain of six chunks under a new key; each chunk's result is compared. */
static void chain_round(struct caller *caller)
{
    static uint8_t plain[CHUNK], got[CHUNK], want[CHUNK + 16];
    uint8_t key[32], iv[16], iv_want[16];
    struct sdf_env env = {.device = device, .session = caller->session, .name = "kill"};
    void *handle = sdf_known_key(&env, 128, key);
    if (!handle) /* made of several calls: the loss of one is the loss of all, told once */
        return;
    fill(caller, iv, sizeof iv);
    memcpy(iv_want, iv, sizeof iv);
    for (int i = 0; i < 6 && !stopping; i++) {
        unsigned len = CHUNK;
        int want_len = 0;
        fill(caller, plain, 64);
        int status = SDF_Encrypt(caller->session, handle, SGD_SM4_CBC, iv, plain, CHUNK, got, &len);
        if (!went(caller, "SDF_Encrypt", status))
            return; /* the handle went with the session */
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        EVP_EncryptInit_ex(ctx, EVP_sm4_cbc(), NULL, key, iv_want);
        EVP_CIPHER_CTX_set_padding(ctx, 0);
        EVP_EncryptUpdate(ctx, want, &want_len, plain, CHUNK);
        EVP_CIPHER_CTX_free(ctx);
        memcpy(iv_want, want + CHUNK - 16, 16);
        if (len != CHUNK || memcmp(got, want, CHUNK) || memcmp(iv, iv_want, 16)) {
            complain(caller, "a wrong cipher text");
            return;
        }
    }
    went(caller, "SDF_DestroyKey", SDF_DestroyKey(caller->session, handle));
}

static void hash_round(struct caller *caller)
{
    static uint8_t data[CHUNK];
    uint8_t got[64], want[32];
    unsigned len = 0, want_len = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_DigestInit_ex(ctx, EVP_sm3(), NULL);
    bool ok = went(caller, "SDF_HashInit", SDF_HashInit(caller->session, SGD_SM3, NULL, NULL, 0));
    for (int i = 0; ok && i < 8; i++) {
        fill(caller, data, 64);
        EVP_DigestUpdate(ctx, data, CHUNK);
        ok = went(caller, "SDF_HashUpdate", SDF_HashUpdate(caller->session, data, CHUNK));
    }
    if (ok && went(caller, "SDF_HashFinal", SDF_HashFinal(caller->session, got, &len))) {
        EVP_DigestFinal_ex(ctx, want, &want_len);
        if (len != 32 || memcmp(got, want, 32))
            complain(caller, "a wrong hash");
    } else if (!ok && SDF_HashUpdate(caller->session, data, 64) != SDR_STEPERR) {
        complain(caller, "a lost hash goes on");
    }
    EVP_MD_CTX_free(ctx);
}

static bool verifies(const ECCrefPublicKey *point, const uint8_t *digest, const ECCSignature *signature)
{
    /* judged by the card of another call path: the public-key operation of the same library would share a fault of
       ours, so libcrypto does it */
    uint8_t bytes[64], der[80];
    sdf_point_bytes(point, bytes);
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    uint8_t encoded[65] = {4};
    memcpy(encoded + 1, bytes, 64);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"SM2", 0),
                           OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof encoded),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY *key = NULL;
    EVP_PKEY_fromdata_init(make);
    EVP_PKEY_fromdata(make, &key, EVP_PKEY_PUBLIC_KEY, params);
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(signature->r + 32, 32, NULL), BN_bin2bn(signature->s + 32, 32, NULL));
    unsigned char *at = der;
    int der_len = i2d_ECDSA_SIG(sig, &at);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = key && EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_verify(ctx, der, (size_t)der_len, digest, 32) == 1;
    EVP_PKEY_CTX_free(ctx);
    ECDSA_SIG_free(sig);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(make);
    return ok;
}

static void sign_round(struct caller *caller)
{
    uint8_t digest[32];
    ECCSignature signature;
    ECCrefPublicKey point;
    if (!went(caller, "SDF_ExportSignPublicKey_ECC", SDF_ExportSignPublicKey_ECC(caller->session, 2, &point)) ||
        !went(caller, "SDF_GetPrivateKeyAccessRight",
              SDF_GetPrivateKeyAccessRight(caller->session, 2, (unsigned char *)WIRE_CODE, strlen(WIRE_CODE))))
        return;
    for (int i = 0; i < 10 && !stopping; i++) {
        fill(caller, digest, sizeof digest);
        if (!went(caller, "SDF_InternalSign_ECC", SDF_InternalSign_ECC(caller->session, 2, digest, 32, &signature)))
            return;
        if (!verifies(&point, digest, &signature))
            complain(caller, "a wrong signature");
    }
    went(caller, "SDF_ReleasePrivateKeyAccessRight", SDF_ReleasePrivateKeyAccessRight(caller->session, 2));
}

static void stateless_round(struct caller *caller)
{
    static uint8_t random[40000];
    uint8_t data[100], got[32], want[32];
    unsigned len = 0, want_len = 0;
    ECCrefPublicKey point;
    ECCrefPrivateKey secret;
    fill(caller, data, sizeof data);
    int status = SDF_GenerateRandom(caller->session, sizeof random, random);
    if (status == SDR_OK)
        status = SDF_HashInit(caller->session, SGD_SM3, NULL, NULL, 0);
    if (status == SDR_OK)
        status = SDF_HashUpdate(caller->session, data, sizeof data);
    if (status == SDR_OK)
        status = SDF_HashFinal(caller->session, got, &len);
    if (status == SDR_OK)
        status = SDF_GenerateKeyPair_ECC(caller->session, SGD_SM2_1, 256, &point, &secret);
    if (status == SDR_OK)
        status = SDF_ExportEncPublicKey_ECC(caller->session, 1, &point);
    if (status != SDR_OK) {
        complain(caller, "a stateless call failed: 0x%08x", (unsigned)status);
        return;
    }
    EVP_Digest(data, sizeof data, want, &want_len, EVP_sm3(), NULL);
    if (len != 32 || memcmp(got, want, 32))
        complain(caller, "a wrong hash");
}

static void *caller_run(void *arg)
{
    struct caller *caller = arg;
    while (!stopping) {
        caller->round(caller);
        caller->rounds++;
    }
    return NULL;
}

/* The generation as the region tells it, through a connection of its own. */
static uint64_t generation(const struct reach *reach)
{
    return shm_load64(reach->header, offsetof(struct cm_header, generation));
}

static void kill_once(struct daemon *daemon, const struct reach *reach)
{
    pid_t old_pid = 0, new_pid = 0;
    while (!(old_pid = daemon_child(daemon, "cardmux-broker")))
        usleep(1000);
    uint64_t old = generation(reach);
    kill(old_pid, SIGKILL);
    for (int tries = 0; tries < 30000; tries++) {
        new_pid = daemon_child(daemon, "cardmux-broker");
        if (new_pid && new_pid != old_pid && generation(reach) != old && generation(reach))
            break;
        usleep(1000);
    }
    if (!new_pid || new_pid == old_pid || generation(reach) == old) {
        fprintf(stderr, "kill %u: no new broker (pid %d, was %d)\n", kills, (int)new_pid, (int)old_pid);
        wrong++;
    }
    kills++;
}

int main(void)
{
    struct caller callers[] = {{.name = "chain", .round = chain_round, .random = 1},
                               {.name = "hash", .round = hash_round, .random = 2},
                               {.name = "sign", .round = sign_round, .random = 3},
                               {.name = "stateless", .round = stateless_round, .random = 4}};
    pthread_t threads[4];
    struct daemon daemon = {0};
    struct reach *reach = NULL;
    char text[REACH_TEXT] = "";
    unsigned goal = getenv("KILLS") ? (unsigned)atoi(getenv("KILLS")) : 100, lost = 0;
    daemon_start(&daemon, &(struct daemon_options){.tenants = 1});
    const char *way = getenv("KILL_REACH") ? getenv("KILL_REACH") : "unix";
    setenv("CARDMUX_SOCKET", daemon_socket(&daemon, 0, way), 1);
    setenv("CARDMUX_REACH", way, 1);
    if (reach_unix.open(daemon_socket(&daemon, 0, "unix"), REACH_OPEN_MS, &reach, text) != SDR_OK ||
        SDF_OpenDevice(&device) != SDR_OK) {
        fprintf(stderr, "cannot open the card: %s\n", text);
        return 2;
    }
    for (int i = 0; i < 4; i++) {
        if (SDF_OpenSession(device, &callers[i].session) != SDR_OK)
            return 2;
        pthread_create(&threads[i], NULL, caller_run, &callers[i]);
    }
    srand((unsigned)getpid());
    while (kills < goal && !wrong) {
        usleep(1050000 + (useconds_t)(rand() % 400000)); /* lives longer than a second: no restart is held back */
        kill_once(&daemon, reach);
    }
    usleep(500000);
    stopping = true;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        printf("%-10s %6u rounds, %3u sessions lost\n", callers[i].name, callers[i].rounds, callers[i].commfails);
        lost += callers[i].commfails;
        wrong += callers[i].commfails > goal || !callers[i].rounds;
    }
    wrong += callers[3].commfails;
    /* the test would show nothing if sessions were never caught holding something */
    if (lost < goal / 4) {
        fprintf(stderr, "only %u losses in %u kills: the callers were not busy\n", lost, goal);
        wrong++;
    }
    SDF_CloseDevice(device);
    reach->driver->close(reach);
    int status = daemon_stop(&daemon);
    printf("%u kills, %u wrong, daemon's exit status %d\n", kills, wrong, status);
    return wrong || status != 0;
}
