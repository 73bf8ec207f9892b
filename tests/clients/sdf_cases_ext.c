/* SPDX-License-Identifier: Apache-2.0 */
/* sdf_ext.h: hashes with handles, what a card says of itself, batches and queues. */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cardmux/sdf_ext.h"
#include "tests/clients/mode_judge.h"
#include "tests/clients/sdf_cases.h"
#include "tests/clients/sm2_raw.h"

#define TEXT 50000u

static uint8_t text[TEXT];

static void text_fill(void)
{
    for (size_t i = 0; i < TEXT; i++)
        text[i] = (uint8_t)(i * 3 ^ i >> 6);
}

static bool digest_is(const uint8_t *digest, unsigned n, const char *name, size_t len)
{
    uint8_t right[64];
    size_t right_len = 0;
    return EVP_Q_digest(NULL, name, NULL, text, len, right, &right_len) && n == right_len &&
           memcmp(digest, right, n) == 0;
}

void case_ext_hash(struct sdf_env *env)
{
    static const unsigned places[] = {0, 100, 16384, 16385, 40000}; /* where it is cloned: kept here, and over there */
    uint8_t digest[64];
    unsigned n;
    void *s = env->session, *a, *b, *other;
    text_fill();
    for (size_t i = 0; i < 5; i++) {
        CALL(SDR_OK, cardmux_hash_open, s, SGD_SM3, NULL, NULL, 0, &a);
        CALL(SDR_OK, cardmux_hash_update, s, a, text, places[i]);
        CALL(SDR_OK, cardmux_hash_clone, s, a, &b);
        HOLDS(a != b);
        CALL(SDR_OK, cardmux_hash_update, s, a, text + places[i], 1000);
        CALL(SDR_OK, cardmux_hash_final, s, b, digest, &n);
        HOLDS(digest_is(digest, n, "SM3", places[i]));
        CALL(SDR_INARGERR, cardmux_hash_final, s, b, digest, &n); /* its handle is closed */
        CALL(SDR_OK, cardmux_hash_final, s, a, NULL, &n);
        HOLDS(n == 32);
        CALL(SDR_OK, cardmux_hash_final, s, a, digest, &n);
        HOLDS(digest_is(digest, n, "SM3", places[i] + 1000));
        /* of the hash of SDF_HashInit, as TLS does it */
        CALL(SDR_OK, SDF_HashInit, s, SGD_SHA256, NULL, NULL, 0);
        CALL(SDR_OK, SDF_HashUpdate, s, text, places[i]);
        CALL(SDR_OK, cardmux_hash_clone, s, NULL, &a);
        CALL(SDR_OK, SDF_HashUpdate, s, text + places[i], 5);
        CALL(SDR_OK, cardmux_hash_final, s, a, digest, &n);
        HOLDS(digest_is(digest, n, "SHA256", places[i]));
        CALL(SDR_OK, SDF_HashFinal, s, digest, &n);
        HOLDS(digest_is(digest, n, "SHA256", places[i] + 5));
    }
    CALL(SDR_STEPERR, cardmux_hash_clone, s, NULL, &a); /* none runs */
    CALL(SDR_OK, SDF_OpenSession, env->device, &other);
    CALL(SDR_OK, cardmux_hash_open, s, SGD_SHA1, NULL, NULL, 0, &a);
    CALL(SDR_INARGERR, cardmux_hash_update, other, a, text, 1); /* another session's */
    CALL(SDR_INARGERR, cardmux_hash_clone, other, a, &b);
    CALL(SDR_INARGERR, cardmux_hash_final, other, a, digest, &n);
    CALL(SDR_INARGERR, cardmux_hash_close, other, a);
    CALL(SDR_INARGERR, SDF_DestroyKey, s, a); /* no key */
    CALL(SDR_INARGERR, SDF_HMACInit, s, a, SGD_SM3);
    CALL(SDR_INARGERR, cardmux_hash_update, s, NULL, text, 1);
    CALL(SDR_INARGERR, cardmux_hash_update, s, s, text, 1);
    CALL(SDR_INARGERR, cardmux_hash_update, s, a, NULL, 1);
    CALL(SDR_OUTARGERR, cardmux_hash_clone, s, a, NULL);
    CALL(SDR_OUTARGERR, cardmux_hash_final, s, a, digest, NULL);
    CALL(SDR_OUTARGERR, cardmux_hash_open, s, SGD_SM3, NULL, NULL, 0, NULL);
    CALL(SDR_ALGNOTSUPPORT, cardmux_hash_open, s, 0x7777, NULL, NULL, 0, &b);
    CALL(SDR_INARGERR, cardmux_hash_open, s, SGD_SM3, NULL, text, 16, &b);
    CALL(SDR_INARGERR, cardmux_hash_open, NULL, SGD_SM3, NULL, NULL, 0, &b);
    CALL(SDR_OK, cardmux_hash_close, s, a);
    CALL(SDR_INARGERR, cardmux_hash_close, s, a);
    CALL(SDR_OK, cardmux_hash_open, other, SGD_SHA1, NULL, NULL, 0, &a); /* left to the session's end, running */
    CALL(SDR_OK, cardmux_hash_update, other, a, text, 20000);
    CALL(SDR_OK, SDF_CloseSession, other);
}

void case_ext_many_hashes(struct sdf_env *env)
{
    enum {
        MANY = 40
    };
    uint8_t digest[64], right[64], bytes[32] = {4};
    void *s = env->session, *hashes[MANY], *key, *copy;
    unsigned n;
    size_t right_len;
    text_fill();
    CALL(SDR_OK, SDF_ImportKey, s, bytes, 32, &key);
    for (unsigned i = 0; i < MANY; i++)
        if (i % 2)
            CALL(SDR_OK, cardmux_hmac_open, s, key, SGD_SHA256, &hashes[i]);
        else
            CALL(SDR_OK, cardmux_hash_open, s, SGD_SHA3_256, NULL, NULL, 0, &hashes[i]);
    for (unsigned at = 0; at < TEXT; at += 5000) /* all of them in turn, each in a state over there in the end */
        for (unsigned i = 0; i < MANY; i++)
            CALL(SDR_OK, cardmux_hash_update, s, hashes[i], text + at, 5000 - (at + 5000 == TEXT ? i : 0));
    CALL(SDR_OK, cardmux_hash_clone, s, hashes[1], &copy);
    for (unsigned i = 0; i < MANY; i++) {
        CALL(SDR_OK, cardmux_hash_final, s, hashes[i], digest, &n);
        HOLDS(judge_hmac("SHA256", bytes, 32, text, TEXT - i, right, &right_len));
        HOLDS(i % 2 ? n == 32 && memcmp(digest, right, 32) == 0 : digest_is(digest, n, "SHA3-256", TEXT - i));
    }
    CALL(SDR_OK, cardmux_hash_final, s, copy, digest, &n);
    HOLDS(judge_hmac("SHA256", bytes, 32, text, TEXT - 1, right, &right_len) && memcmp(digest, right, 32) == 0);
    CALL(SDR_INARGERR, cardmux_hmac_open, s, s, SGD_SHA256, &copy);
    CALL(SDR_ALGNOTSUPPORT, cardmux_hmac_open, s, key, SGD_SM4_MAC, &copy);
    CALL(SDR_OUTARGERR, cardmux_hmac_open, s, key, SGD_SHA256, NULL);
    CALL(SDR_INARGERR, cardmux_hmac_open, NULL, key, SGD_SHA256, &copy);
}

void case_ext_info(struct sdf_env *env)
{
    struct cardmux_card_info info = {.size = sizeof info}, more;
    void *s = env->session, *key;
    uint8_t bytes[16] = {1};
    CALL(SDR_OK, cardmux_card_info, s, &info);
    HOLDS(info.tenant[0] != 0 && info.card[0] != 0 && info.issuer[0] != 0 && info.reach[0] != 0);
    HOLDS(info.sessions >= 1 && info.sessions <= info.max_sessions && info.handles < info.max_handles);
    HOLDS(info.slots == 64 && info.slot_size == 16384);
    CALL(SDR_OK, SDF_ImportKey, s, bytes, 16, &key);
    more.size = sizeof more;
    CALL(SDR_OK, cardmux_card_info, s, &more);
    HOLDS(more.handles == info.handles + 1 && strcmp(more.tenant, info.tenant) == 0);
    CALL(SDR_INARGERR, cardmux_card_info, NULL, &info);
    CALL(SDR_OUTARGERR, cardmux_card_info, s, NULL);
    more.size = 8;
    CALL(SDR_INARGERR, cardmux_card_info, s, &more);
}

/* One call of each kind, and what it must give. */
static void batch_each(struct sdf_env *env, void *key, const uint8_t *bytes)
{
    uint8_t out[10][4096 + 64], iv[3][16] = {{1}, {2}, {3}}, tag[16] = {0}, nonce[12] = {7}, digest[32] = {5},
                                want[4096];
    uint8_t iv_was[16] = {1}, mac_iv[16] = {3}, right[64];
    size_t right_len = 0;
    ECCSignature signature;
    void *s = env->session;
    struct cardmux_sdf_call calls[] = {
        {.what = CARDMUX_SDF_RANDOM, .session = s, .out = out[0], .out_len = 100},
        {.what = CARDMUX_SDF_ENCRYPT,
         .session = s,
         .key = key,
         .alg = SGD_SM4_CBC,
         .iv = iv[0],
         .in = text,
         .in_len = 4096,
         .out = out[1]},
        {.what = CARDMUX_SDF_DECRYPT,
         .session = s,
         .key = key,
         .alg = SGD_SM4_CTR,
         .iv = iv[1],
         .in = text,
         .in_len = 77,
         .out = out[2]},
        {.what = CARDMUX_SDF_MAC,
         .session = s,
         .key = key,
         .alg = SGD_SM4_MAC,
         .iv = iv[2],
         .in = text,
         .in_len = 160,
         .out = out[3]},
        {.what = CARDMUX_SDF_HMAC,
         .session = s,
         .key = key,
         .alg = SGD_SHA512_B,
         .in = text,
         .in_len = 999,
         .out = out[4]},
        {.what = CARDMUX_SDF_HASH, .session = s, .alg = SGD_SM3, .in = text, .in_len = 1000, .out = out[5]},
        {.what = CARDMUX_SDF_SIGN, .session = s, .index = 1, .in = digest, .in_len = 32, .signature = &signature},
        {.what = CARDMUX_SDF_AUTH_ENC,
         .session = s,
         .key = key,
         .alg = SGD_SM4_GCM,
         .iv = nonce,
         .iv_len = 12,
         .aad = text,
         .aad_len = 20,
         .in = text,
         .in_len = 500,
         .out = out[6],
         .tag = tag},
        {.what = CARDMUX_SDF_HASH,
         .session = s,
         .alg = SGD_SHA1,
         .in = text,
         .in_len = TEXT,
         .out = out[7]}, /* too long for one */
        {.what = CARDMUX_SDF_ENCRYPT,
         .session = s,
         .key = key,
         .alg = SGD_SM4_ECB,
         .in = text,
         .in_len = 15,
         .out = out[8]}, /* wrong */
        {.what = CARDMUX_SDF_HASH, .session = NULL, .alg = SGD_SHA1, .in = text, .in_len = 1, .out = out[9]},
        {.what = (enum cardmux_sdf_what)99, .session = s},
    };
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, s, 1, NULL, 0);
    CALL(SDR_INARGERR, cardmux_sdf_batch, calls, 12);
    for (int i = 0; i < 9; i++)
        HOLDS(calls[i].status == SDR_OK);
    HOLDS(calls[9].status == SDR_INARGERR && calls[10].status == SDR_INARGERR && calls[11].status == SDR_INARGERR);
    HOLDS(judge_cipher("SM4-CBC", bytes, iv_was, true, text, 4096, want));
    HOLDS(calls[1].out_len == 4096 && memcmp(out[1], want, 4096) == 0 && memcmp(iv[0], want + 4080, 16) == 0);
    HOLDS(calls[2].out_len == 77 && calls[3].out_len == 16 && memcmp(iv[2], out[3], 16) == 0);
    HOLDS(judge_cipher("SM4-CBC", bytes, mac_iv, true, text, 160, want) && memcmp(out[3], want + 144, 16) == 0);
    HOLDS(judge_hmac("SHA512", bytes, 16, text, 999, right, &right_len));
    HOLDS(calls[4].out_len == 64 && memcmp(out[4], right, 64) == 0);
    HOLDS(digest_is(out[5], calls[5].out_len, "SM3", 1000) && digest_is(out[7], calls[8].out_len, "SHA1", TEXT));
    CALL(SDR_OK, SDF_InternalVerify_ECC, s, 1, digest, 32, &signature);
    struct cardmux_sdf_call back[] = {
        {.what = CARDMUX_SDF_AUTH_DEC,
         .session = s,
         .key = key,
         .alg = SGD_SM4_GCM,
         .iv = nonce,
         .iv_len = 12,
         .aad = text,
         .aad_len = 20,
         .in = out[6],
         .in_len = 500,
         .out = out[0],
         .tag = tag,
         .tag_len = 16},
        {.what = CARDMUX_SDF_VERIFY, .session = s, .index = 1, .in = digest, .in_len = 32, .signature = &signature},
    };
    CALL(SDR_OK, cardmux_sdf_batch, back, 2);
    HOLDS(back[0].out_len == 500 && memcmp(out[0], text, 500) == 0);
    tag[3] ^= 1;
    signature.s[40] ^= 1;
    memset(out[0], 0, 500);
    CALL(SDR_MACERR, cardmux_sdf_batch, back, 2);
    HOLDS(back[0].status == SDR_MACERR && back[1].status == SDR_VERIFYERR && out[0][0] == 0);
    CALL(SDR_OK, cardmux_sdf_batch, NULL, 0);
    CALL(SDR_INARGERR, cardmux_sdf_batch, NULL, 1);
}

void case_ext_batch(struct sdf_env *env)
{
    enum {
        MANY = 300
    };
    static uint8_t out[MANY][512], iv[MANY][16];
    uint8_t bytes[32], want[512], first[16];
    void *s = env->session, *key = sdf_known_key(env, 128, bytes), *other;
    struct cardmux_sdf_call *calls = calloc(MANY, sizeof *calls);
    text_fill();
    batch_each(env, key, bytes);
    CALL(SDR_OK, SDF_OpenSession, env->device, &other);
    for (unsigned i = 0; i < MANY; i++) {
        memset(iv[i], (int)i, 16);
        calls[i] = (struct cardmux_sdf_call){.what = CARDMUX_SDF_ENCRYPT,
                                             .session = s,
                                             .key = key,
                                             .alg = SGD_SM4_CBC,
                                             .iv = iv[i],
                                             .in = text + i,
                                             .in_len = 512,
                                             .out = out[i]};
        if (i % 7 == 3) /* two sessions in one batch */
            calls[i] = (struct cardmux_sdf_call){
                .what = CARDMUX_SDF_HASH, .session = other, .alg = SGD_SM3, .in = text, .in_len = i, .out = out[i]};
    }
    CALL(SDR_OK, cardmux_sdf_batch, calls, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        memset(first, (int)i, 16);
        HOLDS(judge_cipher("SM4-CBC", bytes, first, true, text + i, 512, want));
        HOLDS(i % 7 == 3 ? digest_is(out[i], calls[i].out_len, "SM3", i) : memcmp(out[i], want, 512) == 0);
    }
    CALL(SDR_OK, SDF_CloseSession, other);
    free(calls);
}

struct user {
    struct cardmux_sdf_queue *queue;
    void *session;
    unsigned wrong;
};

/* Submits one by one, and takes what is done. */
static void *use_queue(void *arg)
{
    enum {
        CALLS = 60
    };
    struct user *user = arg;
    static _Thread_local uint8_t out[CALLS][64];
    struct cardmux_sdf_call calls[CALLS], *some[8], *ptr;
    uint8_t right[64];
    size_t right_len;
    for (unsigned i = 0; i < CALLS; i++) {
        calls[i] = (struct cardmux_sdf_call){.what = CARDMUX_SDF_HASH,
                                             .session = user->session,
                                             .alg = SGD_SM3,
                                             .in = text,
                                             .in_len = i * 50,
                                             .out = out[i],
                                             .status = -1};
        ptr = &calls[i];
        user->wrong += cardmux_sdf_submit(user->queue, &ptr, 1) != SDR_OK;
    }
    for (unsigned done = 0; done < CALLS;) {
        size_t n = cardmux_sdf_poll(user->queue, some, 8, -1);
        for (size_t i = 0; i < n; i++) {
            user->wrong += some[i]->status != SDR_OK ||
                           !EVP_Q_digest(NULL, "SM3", NULL, some[i]->in, some[i]->in_len, right, &right_len) ||
                           memcmp(some[i]->out, right, 32) != 0;
        }
        done += (unsigned)n;
        if (n == 0)
            break;
    }
    return NULL;
}

void case_ext_queue(struct sdf_env *env)
{
    enum {
        THREADS = 4
    };
    struct cardmux_sdf_queue *queue = NULL;
    struct cardmux_sdf_call call = {.what = CARDMUX_SDF_RANDOM, .session = env->session}, *ptr = &call, *done[4];
    uint8_t out[64];
    text_fill();
    CALL(SDR_OUTARGERR, cardmux_sdf_queue_open, NULL);
    CALL(SDR_OK, cardmux_sdf_queue_open, &queue);
    HOLDS(cardmux_sdf_poll(queue, done, 4, -1) == 0); /* nothing is under way: no wait */
    CALL(SDR_INARGERR, cardmux_sdf_submit, NULL, &ptr, 1);
    CALL(SDR_INARGERR, cardmux_sdf_submit, queue, NULL, 1);
    CALL(SDR_INARGERR, cardmux_sdf_submit, queue, &(struct cardmux_sdf_call *){NULL}, 1);
    CALL(SDR_OK, cardmux_sdf_submit, queue, NULL, 0);
    call.out = out;
    call.out_len = sizeof out;
    call.user = &call;
    call.status = -1;
    CALL(SDR_OK, cardmux_sdf_submit, queue, &ptr, 1);
    HOLDS(cardmux_sdf_poll(queue, done, 4, 60000) == 1 && done[0] == &call && call.status == SDR_OK &&
          done[0]->user == &call);
    HOLDS(cardmux_sdf_poll(queue, done, 4, 0) == 0);
    /* a queue for each thread, all at once */
    pthread_t threads[THREADS];
    struct user users[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        CALL(SDR_OK, SDF_OpenSession, env->device, &users[i].session);
        CALL(SDR_OK, cardmux_sdf_queue_open, &users[i].queue);
        HOLDS(pthread_create(&threads[i], NULL, use_queue, &users[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        HOLDS(users[i].wrong == 0);
        cardmux_sdf_queue_close(users[i].queue);
        CALL(SDR_OK, SDF_CloseSession, users[i].session);
    }
    pid_t child = fork(); /* a child has none of it */
    if (child == 0)
        _exit(cardmux_sdf_submit(queue, &ptr, 1) == SDR_INARGERR && cardmux_sdf_poll(queue, done, 4, -1) == 0 ? 0 : 1);
    int status = 1;
    HOLDS(waitpid(child, &status, 0) == child && status == 0);
    CALL(SDR_OK, cardmux_sdf_submit, queue, &ptr, 1); /* closed with work in it */
    cardmux_sdf_queue_close(queue);
    cardmux_sdf_queue_close(NULL);
    HOLDS(call.status == SDR_OK || call.status == SDR_STEPERR);
}
