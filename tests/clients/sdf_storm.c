/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdf_storm: many threads in several processes at once, each at the functions that hold something between calls
 * (encryption, MAC, HMAC and authenticated encryption in several calls, hashes with handles, batches, queues, keys,
 * agreements, rights, files); and some on one session together, where calls are put in order and only their results can
 * be judged. Every result is compared with a judge's. One thread opens devices and closes them while others work on
 * their sessions. Each process forks in the middle; the children have its device, and then one of their own.
 *
 *     sdf_storm [--processes N] [--threads N] [--rounds N | --seconds N] [--forks N] [--kills 0|1]
 *
 * --kills 1: brokers are killed meanwhile. Then what fails in a round of a thread is pardoned if a session was lost
 * since it began, and nothing else.
 *
 * Prints "STORM wrong=W lost=L" for each process; exits 1 where a W is not 0.
 */
#include <openssl/evp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "cardmux/sdf_ext.h"
#include "tests/clients/mode_judge.h"
#include "tests/clients/sdf_cases.h"
#include "tests/clients/storm_seen.h"

#define TEXT       20000u
#define MOST_FORKS 100

static uint8_t text[TEXT];
static const uint8_t key_bytes[16] = {0xca, 0x4d};
static _Atomic unsigned wrong;
static void *device, *shared; /* shared: one session for all threads */
static struct cardmux_sdf_queue *queue;
static unsigned rounds = 20, seconds;
static time_t ends;             /* --seconds */
static bool lossy;              /* --kills 1: brokers are killed meanwhile */
static _Atomic unsigned losses; /* calls that ended with SDR_COMMFAIL */
static _Thread_local unsigned losses_before;
static _Thread_local bool in_round;

#define NEED(...) need((__VA_ARGS__), #__VA_ARGS__, __LINE__)

static int seen(int status)
{
    if (status == SDR_COMMFAIL)
        atomic_fetch_add(&losses, 1);
    return status;
}

/* Has a loss been told since this thread's round began? Of a session that is shared another thread may be told, at this
   very moment. */
static bool pardoned(void)
{
    for (int looks = 0; lossy && in_round && looks < 100; looks++) {
        if (atomic_load(&losses) != losses_before)
            return true;
        usleep(10000);
    }
    return false;
}

static void round_begin(void)
{
    losses_before = atomic_load(&losses);
    in_round = true;
}

static bool need(bool truth, const char *what, int line)
{
    if (!truth && !pardoned() && atomic_fetch_add(&wrong, 1) < 5)
        fprintf(stderr, "sdf_storm: line %d: %s\n", line, what);
    return truth;
}

static void cipher(void *s, void *key, unsigned len)
{
    uint8_t iv[16] = {(uint8_t)len}, want[TEXT], got[TEXT + 32];
    unsigned n = 0, m = 0, last = 0;
    NEED(judge_cipher("SM4-CTR", key_bytes, iv, true, text, len, want));
    NEED(SDF_EncryptInit(s, key, SGD_SM4_CTR, iv, 16) == SDR_OK);
    NEED(SDF_EncryptUpdate(s, text, len / 3, got, &n) == SDR_OK);
    NEED(SDF_EncryptUpdate(s, text + len / 3, len - len / 3, got + n, &m) == SDR_OK);
    NEED(SDF_EncryptFinal(s, got + n + m, &last) == SDR_OK);
    NEED(n + m + last == len && memcmp(got, want, len) == 0);
}

static void macs(void *s, void *key, unsigned len)
{
    uint8_t mac[64], right[64];
    size_t right_len;
    unsigned n;
    NEED(judge_hmac("SM3", key_bytes, 16, text, len, right, &right_len));
    NEED(SDF_HMACInit(s, key, SGD_SM3) == SDR_OK);
    NEED(SDF_CalculateMACInit(s, key, SGD_SM3, NULL, 0) == SDR_OK);
    NEED(SDF_HMACUpdate(s, text, len) == SDR_OK && SDF_CalculateMACUpdate(s, text, len) == SDR_OK);
    NEED(SDF_HMACFinal(s, mac, &n) == SDR_OK && n == 32 && memcmp(mac, right, 32) == 0);
    NEED(SDF_CalculateMACFinal(s, mac, &n) == SDR_OK && n == 32 && memcmp(mac, right, 32) == 0);
}

static void sealed(void *s, void *key, unsigned len)
{
    uint8_t nonce[12] = {(uint8_t)len, 1}, want[TEXT], got[TEXT + 16], tag[16], right[16];
    unsigned n = 0, t, m;
    struct judge_aead a = {
        .cipher = "SM4", .key = key_bytes, .nonce = nonce, .aad = text, .nonce_len = 12, .aad_len = 20, .tag_len = 16};
    NEED(judge_gcm(&a, text, len, want, right));
    NEED(SDF_AuthEnc(s, key, SGD_SM4_GCM, nonce, 12, text, 20, text, len, got, &n, tag, &t) == SDR_OK);
    NEED(n == len && memcmp(got, want, len) == 0 && memcmp(tag, right, 16) == 0);
    NEED(SDF_AuthDecInit(s, key, SGD_SM4_GCM, nonce, 12, text, 20, tag, 16, len) == SDR_OK);
    NEED(SDF_AuthDecUpdate(s, want, len, got, &n) == SDR_OK);
    m = sizeof got;
    NEED(SDF_AuthDecFinal(s, got + n, &m) == SDR_OK && n + m == len && memcmp(got, text, len) == 0);
}

static void hashes(void *s, unsigned len)
{
    uint8_t digest[64], right[64];
    size_t right_len;
    unsigned n;
    void *a, *b = NULL;
    NEED(EVP_Q_digest(NULL, "SHA3-256", NULL, text, len, right, &right_len) == 1);
    NEED(cardmux_hash_open(s, SGD_SHA3_256, NULL, NULL, 0, &a) == SDR_OK);
    NEED(cardmux_hash_update(s, a, text, len / 2) == SDR_OK && cardmux_hash_clone(s, a, &b) == SDR_OK);
    NEED(cardmux_hash_update(s, b, text + len / 2, len - len / 2) == SDR_OK);
    NEED(cardmux_hash_final(s, b, digest, &n) == SDR_OK && n == 32 && memcmp(digest, right, 32) == 0);
    NEED(cardmux_hash_close(s, a) == SDR_OK);
}

/* A handful through the process's one queue, which other threads use too: each takes what comes, and hands what is not
   its own on by its flag. */
static void queued(void *s, unsigned len)
{
    uint8_t out[4][64], right[64];
    size_t right_len;
    _Atomic bool done[4] = {false};
    struct cardmux_sdf_call calls[4], *some[4];
    NEED(EVP_Q_digest(NULL, "SM3", NULL, text, len, right, &right_len) == 1);
    for (int i = 0; i < 4; i++) {
        calls[i] = (struct cardmux_sdf_call){.what = CARDMUX_SDF_HASH,
                                             .session = s,
                                             .alg = SGD_SM3,
                                             .in = text,
                                             .in_len = len,
                                             .out = out[i],
                                             .user = (void *)&done[i]};
        some[i] = &calls[i];
    }
    if (!NEED(cardmux_sdf_submit(queue, some, 4) == SDR_OK))
        return;
    while (!(atomic_load(&done[0]) && atomic_load(&done[1]) && atomic_load(&done[2]) && atomic_load(&done[3]))) {
        size_t n = cardmux_sdf_poll(queue, some, 4, 10);
        for (size_t i = 0; i < n; i++)
            atomic_store((_Atomic bool *)some[i]->user, true);
    }
    for (int i = 0; i < 4; i++)
        NEED(calls[i].status == SDR_OK && memcmp(out[i], right, 32) == 0);
}

static void batched(void *s, void *key, unsigned len)
{
    uint8_t out[8][512], iv[8][16], want[512], first[16];
    struct cardmux_sdf_call calls[8];
    for (unsigned i = 0; i < 8; i++) {
        memset(iv[i], (int)(i + len), 16);
        calls[i] = (struct cardmux_sdf_call){.what = CARDMUX_SDF_ENCRYPT,
                                             .session = s,
                                             .key = key,
                                             .alg = SGD_SM4_CBC,
                                             .iv = iv[i],
                                             .in = text + i,
                                             .in_len = 512,
                                             .out = out[i]};
    }
    NEED(cardmux_sdf_batch(calls, 8) == SDR_OK);
    for (unsigned i = 0; i < 8; i++) {
        memset(first, (int)(i + len), 16);
        NEED(judge_cipher("SM4-CBC", key_bytes, first, true, text + i, 512, want) && memcmp(out[i], want, 512) == 0);
    }
}

/* One key, which two sides agree on, and envelopes of it: made, used, destroyed. */
static void keys(void *s)
{
    uint8_t id[] = "1234567812345678", block[16] = {1}, one[16], other[16];
    ECCrefPublicKey own, temporary, peer, peer_temporary;
    union sdf_cipher cipher;
    void *agreement, *a, *b;
    unsigned n;
    NEED(SDF_GetPrivateKeyAccessRight(s, 1, NULL, 0) == SDR_OK);
    if (NEED(SDF_GenerateAgreementDataWithECC(s, 1, 128, id, 16, &own, &temporary, &agreement) == SDR_OK) &&
        NEED(SDF_GenerateAgreementDataAndKeyWithECC(s, 1, 128, id, 16, id, 16, &own, &temporary, &peer, &peer_temporary,
                                                    &a) == SDR_OK) &&
        NEED(SDF_GenerateKeyWithECC(s, id, 16, &peer, &peer_temporary, agreement, &b) == SDR_OK)) {
        NEED(SDF_Encrypt(s, a, SGD_SM4_ECB, NULL, block, 16, one, &n) == SDR_OK);
        NEED(SDF_Encrypt(s, b, SGD_SM4_ECB, NULL, block, 16, other, &n) == SDR_OK && memcmp(one, other, 16) == 0);
        NEED(SDF_DestroyKey(s, a) == SDR_OK && SDF_DestroyKey(s, b) == SDR_OK);
    }
    if (NEED(SDF_GenerateKeyWithIPK_ECC(s, 1, 128, &cipher.c, &a) == SDR_OK) &&
        NEED(SDF_ImportKeyWithISK_ECC(s, 1, &cipher.c, &b) == SDR_OK)) {
        NEED(SDF_Encrypt(s, a, SGD_SM4_ECB, NULL, block, 16, one, &n) == SDR_OK && SDF_DestroyKey(s, a) == SDR_OK);
        NEED(SDF_Encrypt(s, b, SGD_SM4_ECB, NULL, block, 16, other, &n) == SDR_OK && memcmp(one, other, 16) == 0);
        NEED(SDF_DestroyKey(s, b) == SDR_OK && SDF_DestroyKey(s, b) == SDR_INARGERR);
    }
    NEED(SDF_ReleasePrivateKeyAccessRight(s, 1) == SDR_OK);
    NEED(SDF_GenerateAgreementDataWithECC(s, 1, 128, id, 16, &own, &temporary, &agreement) == SDR_PARDENY);
}

/* A file of the thread's own. */
static void files(void *s, unsigned len)
{
    static _Atomic unsigned made;
    char name[64];
    uint8_t got[TEXT];
    unsigned name_len = (unsigned)snprintf(name, sizeof name, "%d %u", getpid(), atomic_fetch_add(&made, 1)), n = len;
    uint8_t *named = (uint8_t *)name;
    NEED(SDF_CreateFile(s, named, name_len, len) == SDR_OK);
    NEED(SDF_WriteFile(s, named, name_len, 0, len, text) == SDR_OK);
    NEED(SDF_ReadFile(s, named, name_len, 0, &n, got) == SDR_OK && n == len && memcmp(got, text, len) == 0);
    NEED(SDF_DeleteFile(s, named, name_len) == SDR_OK);
}

struct victim {
    void *session;
    _Atomic bool begun;
};

/* Until its session is gone. */
static void *until_closed(void *arg)
{
    struct victim *victim = arg;
    uint8_t bytes[40000], digest[32];
    unsigned n, status;
    round_begin();
    do {
        status = (unsigned)SDF_GenerateRandom(victim->session, sizeof bytes, bytes);
        atomic_store(&victim->begun, true);
        if (status == SDR_OK)
            status = (unsigned)SDF_HashInit(victim->session, SGD_SM3, NULL, NULL, 0);
        if (status == SDR_OK)
            status = (unsigned)SDF_HashUpdate(victim->session, bytes, sizeof bytes);
        if (status == SDR_OK)
            status = (unsigned)SDF_HashFinal(victim->session, digest, &n);
    } while (status == SDR_OK || status == SDR_STEPERR); /* the two of them begin each other's hash anew */
    NEED(status == SDR_INARGERR);
    return NULL;
}

/* A device of one's own, closed while two threads are in the middle of its session. */
static void closing(void)
{
    struct victim victim = {0};
    pthread_t ids[2];
    void *own;
    if (!NEED(SDF_OpenDevice(&own) == SDR_OK) || !NEED(SDF_OpenSession(own, &victim.session) == SDR_OK))
        return;
    for (int i = 0; i < 2; i++)
        NEED(pthread_create(&ids[i], NULL, until_closed, &victim) == 0);
    while (!atomic_load(&victim.begun))
        sched_yield();
    NEED(SDF_CloseDevice(own) == SDR_OK);
    for (int i = 0; i < 2; i++)
        pthread_join(ids[i], NULL);
}

static void *work(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg * 7919 + 1;
    void *s;
    if (!NEED(SDF_OpenSession(device, &s) == SDR_OK))
        return NULL;
    for (unsigned i = 0; seconds ? i == 0 || time(NULL) < ends : i < rounds; i++) {
        void *key = NULL, *shared_key = NULL;
        round_begin();
        NEED(SDF_ImportKey(s, (uint8_t *)(uintptr_t)key_bytes, 16, &key) == SDR_OK);
        NEED(SDF_ImportKey(shared, (uint8_t *)(uintptr_t)key_bytes, 16, &shared_key) == SDR_OK);
        seed = seed * 1664525u + 1013904223u;
        unsigned len = 1000 + (seed >> 8) % (TEXT - 1000);
        cipher(s, key, len);
        macs(s, key, len);
        sealed(s, key, len);
        hashes(s, len);
        batched(s, key, len);
        queued(s, len % 3000);
        keys(s);
        if (i % 4 == 0) /* each is several commits of the vault */
            files(s, len);
        if (i % 4 == 1)
            closing();
        hashes(shared, len); /* those that have handles are nobody else's there */
        batched(shared, shared_key, len);
        NEED(SDF_DestroyKey(shared, shared_key) == SDR_OK);
        NEED(SDF_DestroyKey(s, key) == SDR_OK);
    }
    in_round = false;
    NEED(SDF_CloseSession(s) == SDR_OK);
    return NULL;
}

/* In a child of a process with many threads libcrypto may not be called: one of them may have had its locks. So what is
   right was found out before. */
static uint8_t right_digest[32];

static void *child_work(void *arg)
{
    uint8_t digest[32], iv[16], again[16], sealed_text[TEXT], back[TEXT];
    void *s, *key = NULL;
    unsigned n;
    (void)arg;
    if (!NEED(SDF_OpenSession(device, &s) == SDR_OK))
        return NULL;
    for (unsigned i = 0; i < 5; i++) {
        round_begin();
        memset(iv, 0, sizeof iv);
        memset(again, 0, sizeof again);
        NEED(SDF_ImportKey(s, (uint8_t *)(uintptr_t)key_bytes, 16, &key) == SDR_OK);
        NEED(SDF_HashInit(s, SGD_SM3, NULL, NULL, 0) == SDR_OK && SDF_HashUpdate(s, text, TEXT) == SDR_OK);
        NEED(SDF_HashFinal(s, digest, &n) == SDR_OK && memcmp(digest, right_digest, 32) == 0);
        NEED(SDF_Encrypt(s, key, SGD_SM4_CFB, iv, text, TEXT, sealed_text, &n) == SDR_OK);
        NEED(SDF_Decrypt(s, key, SGD_SM4_CFB, again, sealed_text, TEXT, back, &n) == SDR_OK);
        NEED(memcmp(back, text, TEXT) == 0);
        NEED(SDF_DestroyKey(s, key) == SDR_OK);
        keys(s);
    }
    in_round = false;
    NEED(SDF_CloseSession(s) == SDR_OK);
    return NULL;
}

/* ThreadSanitizer's runtime may have been in the middle of something when it was forked, and then hangs where a thread
   is to begin. */
#ifdef __SANITIZE_THREAD__
#define CHILD_THREADS 0
#else
#define CHILD_THREADS 2
#endif

/* Its parent's device serves the child too, and so does one of its own after that was closed. */
static int run_child(void)
{
    pthread_t ids[2];
    struct cardmux_sdf_call *none = NULL;
    atomic_store(&wrong, 0);
    NEED(cardmux_sdf_poll(queue, &none, 1, -1) == 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CHILD_THREADS; i++)
            NEED(pthread_create(&ids[i], NULL, child_work, NULL) == 0);
        child_work(NULL);
        for (int i = 0; i < CHILD_THREADS; i++)
            pthread_join(ids[i], NULL);
        NEED(SDF_CloseDevice(device) == SDR_OK && SDF_OpenDevice(&device) == SDR_OK);
    }
    return atomic_load(&wrong) != 0;
}

/* Each child goes on by itself while the next is forked. */
static void fork_some(unsigned forks)
{
    pid_t children[MOST_FORKS];
    for (unsigned i = 0; i < forks; i++) {
        usleep(seconds ? seconds * 1000000u / (forks + 1) : 20000); /* somewhere in the middle */
        children[i] = fork();
        if (children[i] == 0)
            _exit(run_child()); /* what its parent's threads held here is no leak */
    }
    for (unsigned i = 0; i < forks; i++) {
        int status = 1;
        NEED(waitpid(children[i], &status, 0) == children[i] && status == 0);
    }
}

static int run_process(unsigned threads, unsigned forks)
{
    pthread_t ids[64];
    if (!NEED(SDF_OpenDevice(&device) == SDR_OK) || !NEED(SDF_OpenSession(device, &shared) == SDR_OK) ||
        !NEED(cardmux_sdf_queue_open(&queue) == SDR_OK))
        return 1;
    for (unsigned i = 0; i < threads; i++)
        NEED(pthread_create(&ids[i], NULL, work, (void *)(uintptr_t)(i + (unsigned)getpid())) == 0);
    fork_some(forks);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    cardmux_sdf_queue_close(queue);
    NEED(SDF_CloseDevice(device) == SDR_OK);
    printf("STORM wrong=%u lost=%u\n", atomic_load(&wrong), atomic_load(&losses));
    return atomic_load(&wrong) != 0;
}

static unsigned number(int argc, char **argv, const char *name, unsigned otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return (unsigned)atoi(argv[i + 1]);
    return otherwise;
}

int main(int argc, char **argv)
{
    unsigned processes = number(argc, argv, "--processes", 2), threads = number(argc, argv, "--threads", 8), failed = 0;
    unsigned forks = number(argc, argv, "--forks", 1);
    rounds = number(argc, argv, "--rounds", rounds);
    seconds = number(argc, argv, "--seconds", 0);
    ends = time(NULL) + seconds;
    lossy = number(argc, argv, "--kills", 0) != 0;
    if (threads > 64 || processes > 64 || forks > MOST_FORKS)
        return 2;
    for (size_t i = 0; i < TEXT; i++)
        text[i] = (uint8_t)(i * 7 ^ i >> 4);
    if (EVP_Digest(text, TEXT, right_digest, NULL, EVP_sm3(), NULL) != 1)
        return 2;
    for (unsigned i = 0; i < processes; i++)
        if (fork() == 0)
            exit(run_process(threads, forks));
    for (unsigned i = 0; i < processes; i++) {
        int status = 1;
        wait(&status);
        failed += status != 0;
    }
    return failed != 0;
}
