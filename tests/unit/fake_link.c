/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "cardmux/sdf.h"
#include "tests/clients/sm2_raw.h"
#include "tests/unit/fake_cipher.h"
#include "tests/unit/fake_derive.h"
#include "tests/unit/fake_export.h"
#include "tests/unit/fake_file.h"
#include "tests/unit/fake_link.h"
#include "tests/unit/fake_asym.h"
#include "tests/unit/fake_digest.h"
#include "tests/unit/fake_pair.h"
#include "tests/unit/fake_sym.h"

#define KEYS  64
#define INDEX 3

struct link {
    int refs;
};

struct fake_key {
    uint32_t number;
    size_t len; /* 0: free */
    uint8_t bytes[256];
};

struct session {
    struct link *link;
    uint32_t attach, incarnation;
    bool holds, lost;
    struct fake_key keys[KEYS];
    int rights[INDEX], kek_rights[INDEX];
    struct fake_digest digest;
    struct fake_sym sym;
    struct fake_asym asym;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct link the_link;
static uint32_t attach_now = 1, next_number = 1;
static int session_count, key_count;
static uint64_t counts[CM_OP_END];
static struct {
    uint16_t op;
    uint32_t status;
    int skip;
} failure;
static struct {
    uint8_t d[32], point[64];
} pairs[INDEX][2]; /* [index][sign, encrypt]; index 0 is not there */
static uint8_t kek[16];
static const char *const codes[INDEX] = {NULL, NULL, "12345678"};

static bool debug = true;

void fake_debug(bool allowed)
{
    debug = allowed;
}

void fake_restart(void)
{
    attach_now++;
}

/* To a child it is the same. */
static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, fake_restart);
}

void fake_fail(uint16_t op, uint32_t status, int skip)
{
    failure.op = op;
    failure.status = status;
    failure.skip = skip;
}

uint64_t fake_count(uint16_t op)
{
    return counts[op];
}

int fake_links(void)
{
    return the_link.refs;
}

int fake_sessions(void)
{
    return session_count;
}

int fake_keys(void)
{
    return key_count;
}

/* The same in each process, as a card's are. */
static void pair_make(int index, int pair)
{
    memset(pairs[index][pair].d, 0x10 * index + pair + 1, 32);
    sm2_raw_public(pairs[index][pair].d, pairs[index][pair].point);
}

uint32_t link_get(struct link **link, char *text, size_t text_size)
{
    (void)text;
    (void)text_size;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&lock);
    if (kek[0] == 0) {
        for (int i = 1; i < INDEX; i++)
            for (int j = 0; j < 2; j++)
                pair_make(i, j);
        memset(kek, 0x4b, sizeof kek);
    }
    the_link.refs++;
    pthread_mutex_unlock(&lock);
    *link = &the_link;
    return SDR_OK;
}

const char *link_reach(const struct link *link)
{
    (void)link;
    return "fake";
}

void link_put(struct link *link)
{
    pthread_mutex_lock(&lock);
    link->refs--;
    pthread_mutex_unlock(&lock);
}

uint32_t session_open(struct link *link, struct session **out)
{
    struct session *session = calloc(1, sizeof *session);
    pthread_mutex_lock(&lock);
    session->link = link;
    session->attach = attach_now;
    session->incarnation = 1;
    session_count++;
    pthread_mutex_unlock(&lock);
    *out = session;
    return SDR_OK;
}

static void session_forget(struct session *session)
{
    for (int i = 0; i < KEYS; i++)
        if (session->keys[i].len) {
            session->keys[i].len = 0;
            key_count--;
        }
    memset(session->rights, 0, sizeof session->rights);
    memset(session->kek_rights, 0, sizeof session->kek_rights);
    memset(&session->asym, 0, sizeof session->asym);
    fake_digest_forget(&session->digest);
    fake_sym_forget(&session->sym);
}

void session_close(struct session *session)
{
    pthread_mutex_lock(&lock);
    session_forget(session);
    session_count--;
    pthread_mutex_unlock(&lock);
    free(session);
}

uint32_t session_incarnation(const struct session *session)
{
    return session->incarnation;
}

static struct fake_key *key_find(struct session *session, uint32_t number)
{
    for (int i = 0; i < KEYS; i++)
        if (session->keys[i].len && session->keys[i].number == number)
            return &session->keys[i];
    return NULL;
}

static uint32_t key_add(struct session *session, struct call *call, const uint8_t *bytes, size_t len)
{
    bool any = call->op == CM_OP_KEY_IMPORT || call->op == CM_OP_KEY_IMPORT_DEBUG || fake_derive_has(call->op) ||
               (len == 48 && (call->op == CM_OP_KEY_IMPORT_ISK || call->op == CM_OP_AGREE_CONCLUDE ||
                              call->op == CM_OP_AGREE_RESPOND));
    if (!any && len != 16 && len != 24 && len != 32)
        return SDR_KEYERR;
    for (int i = 0; i < KEYS; i++)
        if (!session->keys[i].len) {
            memcpy(session->keys[i].bytes, bytes, len);
            session->keys[i].len = len;
            session->keys[i].number = next_number++;
            key_count++;
            call->value = session->keys[i].number;
            return SDR_OK;
        }
    return SDR_NOBUFFER;
}

static void give_data(struct call *call, const uint8_t *bytes, size_t len)
{
    memcpy(call->out, bytes, len);
    call->out_len = len;
}

static void give_param(struct call *call, const uint8_t *bytes, size_t len)
{
    memcpy(call->param_out, bytes, len);
    call->param_out_len = len;
}

static uint32_t run_cipher(struct session *session, struct call *call, bool encrypt)
{
    struct fake_key *key = key_find(session, call->key);
    if (!key)
        return SDR_KEYNOTEXIST;
    uint8_t *copy = malloc(call->data_len);
    uint32_t status = fake_cipher(key->bytes, key->len, call->alg, encrypt, call->iv, call->data, call->data_len, copy);
    if (status == SDR_OK)
        give_data(call, copy, call->data_len);
    free(copy);
    return status;
}

static uint32_t run_mac(struct session *session, struct call *call)
{
    struct fake_key *key = key_find(session, call->key);
    if (!key)
        return SDR_KEYNOTEXIST;
    if (fake_hmac(call, key->bytes, key->len))
        return SDR_OK;
    uint8_t *copy = malloc(call->data_len);
    uint32_t status = fake_cipher(key->bytes, key->len, call->alg, true, call->iv, call->data, call->data_len, copy);
    free(copy);
    give_param(call, call->iv, 16);
    return status;
}

static uint32_t run_mac_step(struct session *session, struct call *call)
{
    struct fake_key *key = call->op == CM_OP_MAC_INIT ? key_find(session, call->key) : NULL;
    if (call->op == CM_OP_MAC_INIT && !key)
        return SDR_KEYNOTEXIST;
    return fake_mac_step(&session->digest, call, key ? key->bytes : NULL, key ? key->len : 0);
}

static bool index_ok(uint32_t index)
{
    return index >= 1 && index < INDEX;
}

static uint32_t run_right(int *rights, struct call *call)
{
    if (!index_ok(call->key))
        return SDR_KEYNOTEXIST;
    if (call->op == CM_OP_RIGHT_RELEASE || call->op == CM_OP_KEK_RIGHT_RELEASE) {
        if (!rights[call->key])
            return SDR_PARDENY;
        rights[call->key]--;
        return SDR_OK;
    }
    const char *code = codes[call->key];
    if (!code && call->param_len)
        return SDR_PRKRERR;
    if (code && (call->param_len != strlen(code) || memcmp(call->param, code, strlen(code)) != 0))
        return SDR_PRKRERR;
    rights[call->key]++;
    return SDR_OK;
}

static uint32_t run_generate(struct session *session, struct call *call, const uint8_t *point)
{
    uint8_t bytes[32], out[96 + 32];
    size_t len = call->arg / 8;
    RAND_bytes(bytes, sizeof bytes);
    if (!sm2_raw_encrypt(point, bytes, len, out))
        return SDR_KEYERR;
    uint32_t status = key_add(session, call, bytes, len);
    if (status == SDR_OK)
        give_data(call, out, 96 + len);
    return status;
}

static uint32_t run_kek(struct session *session, struct call *call)
{
    uint8_t bytes[64], out[64], iv[16] = {0};
    if (!index_ok(call->key))
        return SDR_KEYNOTEXIST;
    if (codes[call->key] && !session->kek_rights[call->key])
        return SDR_PARDENY;
    if (call->op == CM_OP_KEK_HANDLE)
        return key_add(session, call, kek, sizeof kek);
    bool make = call->op == CM_OP_KEY_GENERATE_KEK;
    size_t len = make ? call->arg / 8 : call->data_len;
    if (make)
        RAND_bytes(bytes, (int)len);
    else
        memcpy(bytes, call->data, len);
    uint32_t status = fake_cipher(kek, sizeof kek, call->alg, make, iv, bytes, len, out);
    if (status == SDR_OK)
        status = key_add(session, call, make ? bytes : out, len);
    if (status == SDR_OK && make)
        give_data(call, out, len);
    return status;
}

/* Public-key work with the key pairs inside. */
static uint32_t run_inside(struct session *session, struct call *call)
{
    uint8_t out[96 + 255];
    const uint8_t *param = call->param;
    if (!index_ok(call->key))
        return SDR_KEYNOTEXIST;
    const uint8_t *sign_point = pairs[call->key][0].point, *enc_point = pairs[call->key][1].point;
    if (cm_op_info(call->op)->traits & T_NEEDS && !session->rights[call->key])
        return SDR_PARDENY;
    switch (call->op) {
    case CM_OP_EXPORT_PUBLIC:
        give_param(call, call->arg ? enc_point : sign_point, 64);
        return SDR_OK;
    case CM_OP_KEY_GENERATE_IPK:
        return run_generate(session, call, enc_point);
    case CM_OP_SIGN_INTERNAL:
        sm2_raw_sign(pairs[call->key][0].d, param, out);
        give_param(call, out, 64);
        return SDR_OK;
    case CM_OP_VERIFY_INTERNAL:
        return sm2_raw_verify(sign_point, param, param + 32) ? SDR_OK : SDR_VERIFYERR;
    case CM_OP_PAIR_IMPORT:
        return fake_pair_import(call, pairs[call->key][0].d, pairs[call->key][1].d, pairs[call->key][1].point);
    case CM_OP_PKE_ENCRYPT_INTERNAL:
        sm2_raw_encrypt(enc_point, call->data, call->data_len, out);
        give_data(call, out, 96 + call->data_len);
        return SDR_OK;
    }
    if (!sm2_raw_decrypt(pairs[call->key][1].d, call->data, call->data_len, out))
        return SDR_ENCDATAERR;
    if (call->op == CM_OP_KEY_IMPORT_ISK)
        return key_add(session, call, out, call->data_len - 96);
    give_data(call, out, call->data_len - 96);
    return SDR_OK;
}

static uint32_t run_outside(struct session *session, struct call *call)
{
    uint8_t out[96 + 255];
    const uint8_t *param = call->param;
    switch (call->op) {
    case CM_OP_KEYPAIR_GENERATE:
        sm2_raw_generate(out, out + 32);
        give_param(call, out, 96);
        return SDR_OK;
    case CM_OP_KEY_GENERATE_EPK:
        return run_generate(session, call, param);
    case CM_OP_VERIFY_EXTERNAL:
        if (!sm2_raw_on_curve(param))
            return SDR_KEYERR;
        return sm2_raw_verify(param, param + 64, param + 96) ? SDR_OK : SDR_VERIFYERR;
    default: /* CM_OP_PKE_ENCRYPT_EXTERNAL */
        if (!sm2_raw_encrypt(param, call->data, call->data_len, out))
            return SDR_KEYERR;
        give_data(call, out, 96 + call->data_len);
        return SDR_OK;
    }
}

static void encrypting_pair(uint32_t index, const uint8_t **d, const uint8_t **point)
{
    *d = pairs[index][1].d;
    *point = pairs[index][1].point;
}

static uint32_t run_asym(struct session *session, struct call *call)
{
    struct fake_index index = {.there = index_ok(call->key), .pair = encrypting_pair};
    uint8_t key[64];
    size_t len = 0;
    if (index.there) {
        index.right = session->rights[call->key];
        encrypting_pair(call->key, &index.d, &index.point);
    }
    uint32_t status = fake_asym_run(&session->asym, &index, call, next_number, key, &len);
    if (status == SDR_OK && call->value)
        next_number++;
    return status == SDR_OK && len ? key_add(session, call, key, len) : status;
}

static uint32_t run_destroy(struct session *session, struct call *call)
{
    struct fake_key *key = key_find(session, call->key);
    if (!key)
        return fake_asym_drop(&session->asym, call->key) ? SDR_OK : SDR_KEYNOTEXIST;
    key->len = 0;
    key_count--;
    return SDR_OK;
}

static uint32_t run_info(struct call *call)
{
    DEVICEINFO info = {.IssuerName = "cardmux", .DeviceName = "fake", .StandardVersion = 2};
    memcpy(info.DeviceSerial, "2026010100100001", 16);
    give_param(call, (const uint8_t *)&info, sizeof info);
    return SDR_OK;
}

static uint32_t run_derive(struct session *session, struct call *call, const struct fake_key *secret)
{
    struct fake_made made;
    uint32_t status = fake_derive(call, secret ? secret->bytes : NULL, secret ? secret->len : 0, &made);
    for (unsigned i = 0; i < CM_DERIVE_KEYS && status == SDR_OK && made.stay; i++)
        if (made.len[i]) {
            status = key_add(session, call, made.bytes[i], made.len[i]);
            memcpy(call->param_out + 4 * i, &call->value, 4);
        }
    for (uint32_t i = 0, number; i < CM_DERIVE_KEYS && status == SDR_NOBUFFER; i++) {
        memcpy(&number, call->param_out + 4 * i, 4);
        struct call drop = {.op = CM_OP_KEY_DESTROY, .key = number};
        if (number && key_find(session, number))
            run_destroy(session, &drop);
    }
    call->value = 0;
    return status;
}

static uint32_t run_sym(struct session *session, struct call *call)
{
    struct fake_key *key = NULL;
    if (cm_op_info(call->op)->fields & F_KEY && !(key = key_find(session, call->key)))
        return SDR_KEYNOTEXIST;
    if (fake_export_has(call->op))
        return fake_export(call, key->bytes, key->len);
    if (fake_derive_has(call->op))
        return run_derive(session, call, key);
    return fake_sym_run(&session->sym, call, key ? key->bytes : NULL, key ? key->len : 0);
}

static uint32_t run_tenant_info(struct call *call)
{
    struct cm_info info = {.tenant = "fake",
                           .card = "fake",
                           .issuer = "cardmux",
                           .max_sessions = 1000,
                           .sessions = (uint32_t)session_count,
                           .max_handles = KEYS,
                           .handles = (uint32_t)key_count,
                           .weight = 100,
                           .flags = debug ? CM_INFO_DEBUG : 0};
    give_param(call, (const uint8_t *)&info, sizeof info);
    return SDR_OK;
}

static uint32_t run(struct session *session, struct call *call)
{
    if (fake_sym_has(call->op) || fake_export_has(call->op) || fake_derive_has(call->op))
        return run_sym(session, call);
    if (cm_op_info(call->op)->traits & T_ASKED && !debug)
        return SDR_NOTSUPPORT;
    if (fake_asym_has(call->op))
        return run_asym(session, call);
    switch (call->op) {
    case CM_OP_TENANT_INFO:
        return run_tenant_info(call);
    case CM_OP_KEY_IMPORT_DEBUG:
    case CM_OP_KEY_IMPORT:
        return key_add(session, call, call->data, call->data_len);
    case CM_OP_DEVICE_INFO:
        return run_info(call);
    case CM_OP_RANDOM:
        if (call->arg < 1 || call->arg > CM_SLOT_SIZE || call->arg > call->out_cap)
            return SDR_INARGERR;
        RAND_bytes(call->out, (int)call->arg);
        call->out_len = call->arg;
        return SDR_OK;
    case CM_OP_RIGHT_GET:
    case CM_OP_RIGHT_RELEASE:
        return run_right(session->rights, call);
    case CM_OP_KEK_RIGHT_GET:
    case CM_OP_KEK_RIGHT_RELEASE:
        return run_right(session->kek_rights, call);
    case CM_OP_KEY_GENERATE_KEK:
    case CM_OP_KEY_IMPORT_KEK:
    case CM_OP_KEK_HANDLE:
        return run_kek(session, call);
    case CM_OP_KEY_DESTROY:
        return run_destroy(session, call);
    case CM_OP_ENCRYPT:
    case CM_OP_DECRYPT:
        return run_cipher(session, call, call->op == CM_OP_ENCRYPT);
    case CM_OP_MAC:
        return run_mac(session, call);
    case CM_OP_MAC_INIT:
    case CM_OP_MAC_UPDATE:
    case CM_OP_MAC_FINAL:
        return run_mac_step(session, call);
    case CM_OP_HASH:
    case CM_OP_HASH_INIT:
    case CM_OP_HASH_UPDATE:
    case CM_OP_HASH_FINAL:
        return fake_hash(&session->digest, call);
    case CM_OP_FILE_CREATE:
    case CM_OP_FILE_READ:
    case CM_OP_FILE_WRITE:
    case CM_OP_FILE_DELETE:
        return fake_file(call);
    case CM_OP_KEYPAIR_GENERATE:
    case CM_OP_KEY_GENERATE_EPK:
    case CM_OP_VERIFY_EXTERNAL:
    case CM_OP_PKE_ENCRYPT_EXTERNAL:
        return run_outside(session, call);
    default:
        return run_inside(session, call);
    }
}

/* What the gate of the broker would say. */
static bool gate_ok(const struct call *call)
{
    struct cm_sqe sqe = {.op = call->op,
                         .param_len = (uint16_t)call->param_len,
                         .data_len = (uint32_t)call->data_len,
                         .session = 1,
                         .key = call->key,
                         .alg = call->alg,
                         .arg = call->arg};
    memcpy(sqe.iv, call->iv, 16);
    return call->param_len <= CM_PARAM_SIZE && call->data_len <= CM_SLOT_SIZE && (!call->param_len || call->param) &&
           (!call->data_len || call->data) && cm_gate_check(&sqe, 0) == CM_GATE_OK;
}

static uint32_t run_one(struct session *session, struct call *call)
{
    call->param_out_len = call->out_len = 0;
    call->value = 0;
    if (!gate_ok(call))
        return SDR_INARGERR;
    counts[call->op]++;
    if (failure.op == call->op && failure.skip-- == 0) {
        failure.op = 0;
        return failure.status;
    }
    uint32_t status = run(session, call);
    if (status == SDR_OK && cm_op_info(call->op)->traits & T_MAKES)
        session->holds = true;
    return status;
}

static bool attach_again(struct session *session, uint16_t traits)
{
    if (session->attach != attach_now) {
        session->attach = attach_now;
        session_forget(session);
        session->lost |= session->holds;
        session->incarnation += session->holds;
        session->holds = false;
    }
    if (!session->lost || !(traits & T_NEEDS))
        return true;
    session->lost = false;
    return false;
}

void session_begin(struct session *session)
{
    (void)session;
}

uint32_t session_run(struct session *session, struct call *calls, size_t n)
{
    uint32_t first = SDR_OK;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n; i++) {
        bool here = attach_again(session, cm_op_info(calls[i].op)->traits);
        calls[i].status = here ? run_one(session, &calls[i]) : SDR_COMMFAIL;
        if (first == SDR_OK)
            first = calls[i].status;
    }
    pthread_mutex_unlock(&lock);
    return first;
}
