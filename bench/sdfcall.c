/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include "bench/caller.h"
#include "cardmux/sdf.h"

/* The functions that are called, by the names of sdf.h, from the library that a tenant would load. */
#define SDF_FUNCTIONS(F)                                                                                               \
    F(OpenDevice)                                                                                                      \
    F(CloseDevice)                                                                                                     \
    F(OpenSession)                                                                                                     \
    F(CloseSession)                                                                                                    \
    F(GenerateRandom)                                                                                                  \
    F(GetPrivateKeyAccessRight)                                                                                        \
    F(ExportSignPublicKey_ECC)                                                                                         \
    F(GenerateKeyWithEPK_ECC)                                                                                          \
    F(InternalSign_ECC)                                                                                                \
    F(InternalVerify_ECC)                                                                                              \
    F(Encrypt)                                                                                                         \
    F(HashInit)                                                                                                        \
    F(HashUpdate)                                                                                                      \
    F(HashFinal)

struct sdfcall {
    struct work *work;
    void *library, *device, *session, *key;
    uint8_t *out;
    ECCSignature sigs[WORK_INPUTS];
#define MEMBER(name) __typeof__(&SDF_##name) name;
    SDF_FUNCTIONS(MEMBER)
#undef MEMBER
};

static bool symbols_find(struct sdfcall *call, const char *path, char *text)
{
    call->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!call->library) {
        snprintf(text, SLICE_TEXT, "%s", dlerror());
        return false;
    }
    const char *missing = NULL;
#define FIND(name)                                                                                                     \
    *(void **)&call->name = dlsym(call->library, "SDF_" #name);                                                        \
    missing = call->name ? missing : "SDF_" #name;
    SDF_FUNCTIONS(FIND)
#undef FIND
    if (missing)
        snprintf(text, SLICE_TEXT, "%s has no %s", path, missing);
    return !missing;
}

/* SDF's structs are right-aligned in fields of 64 bytes. */
static void point_out(const uint8_t point[64], ECCrefPublicKey *key)
{
    memset(key, 0, sizeof(*key));
    key->bits = 256;
    memcpy(key->x + 32, point, 32);
    memcpy(key->y + 32, point + 32, 32);
}

static int session_key(struct sdfcall *call)
{
    struct ref_sm2 *pair = ref_sm2_new();
    ECCCipher *cipher = calloc(1, 164 + 256);
    int status = SDR_UNKNOWERR;
    if (pair && cipher) {
        uint8_t point[64], raw[96 + 64], key[64];
        size_t len = sizeof(key);
        ECCrefPublicKey public;
        ref_sm2_export(pair, NULL, point);
        point_out(point, &public);
        status = call->GenerateKeyWithEPK_ECC(call->session, 128, SGD_SM2_3, &public, cipher, &call->key);
        memcpy(raw, cipher->x + 32, 32);
        memcpy(raw + 32, cipher->y + 32, 32);
        memcpy(raw + 64, cipher->M, 32);
        if (status == SDR_OK && cipher->L <= 64) {
            memcpy(raw + 96, cipher->C, cipher->L);
            if (!ref_sm2_decrypt(pair, raw, 96 + cipher->L, key, &len) || len != 16)
                status = SDR_KEYERR;
        }
        if (status == SDR_OK)
            memcpy(call->work->key, key, 16);
    }
    ref_sm2_free(pair);
    free(cipher);
    return status;
}

static int public_key(struct sdfcall *call)
{
    ECCrefPublicKey key;
    int status = call->GetPrivateKeyAccessRight(call->session, 1, NULL, 0);
    if (status == SDR_OK)
        status = call->ExportSignPublicKey_ECC(call->session, 1, &key);
    if (status != SDR_OK)
        return status;
    uint8_t point[64];
    memcpy(point, key.x + 32, 32);
    memcpy(point + 32, key.y + 32, 32);
    call->work->checker = ref_sm2_public(point);
    return call->work->checker ? SDR_OK : SDR_KEYERR;
}

static int signatures(struct sdfcall *call)
{
    struct work *work = call->work;
    for (uint32_t i = 0; i < WORK_INPUTS; i++) {
        uint8_t e[32];
        memcpy(e, work_input(work, i), sizeof(e));
        int status = call->InternalSign_ECC(call->session, 1, e, sizeof(e), &call->sigs[i]);
        if (status != SDR_OK)
            return status;
        memcpy(work->sigs[i], call->sigs[i].r + 32, 32);
        memcpy(work->sigs[i] + 32, call->sigs[i].s + 32, 32);
    }
    if (!work_signatures(work))
        return SDR_VERIFYERR;
    for (uint32_t i = 0; i < WORK_INPUTS; i++) { /* some were spoilt */
        memcpy(call->sigs[i].r + 32, work->sigs[i], 32);
        memcpy(call->sigs[i].s + 32, work->sigs[i] + 32, 32);
    }
    return SDR_OK;
}

static void sdf_close(void *caller)
{
    struct sdfcall *call = caller;
    if (call->session)
        call->CloseSession(call->session);
    if (call->device)
        call->CloseDevice(call->device);
    free(call->out);
    free(call); /* the library stays loaded: its threads and handlers may */
}

static void *sdf_open(const struct caller_config *config, struct work *work, char *text)
{
    struct sdfcall *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    call->work = work;
    call->out = aligned_alloc(64, (work->size + 127) / 64 * 64);
    if (!call->out || !symbols_find(call, config->libsdf, text)) {
        sdf_close(call);
        return NULL;
    }
    int status = call->OpenDevice(&call->device);
    if (status == SDR_OK)
        status = call->OpenSession(call->device, &call->session);
    if (status == SDR_OK && work->op->kind == WORK_CIPHER)
        status = session_key(call);
    if (status == SDR_OK && (work->op->kind == WORK_SIGN || work->op->kind == WORK_VERIFY))
        status = public_key(call);
    if (status == SDR_OK && work->op->kind == WORK_VERIFY)
        status = signatures(call);
    if (status != SDR_OK) {
        snprintf(text, SLICE_TEXT, "libsdf.so over %s: device, session or keys could not be had (0x%08x)",
                 config->reach, (unsigned)status);
        sdf_close(call);
        return NULL;
    }
    return call;
}

/* One operation; *len: bytes of result written to out, or to sig. */
static int sdf_one(struct sdfcall *call, uint64_t seq, uint8_t *out, ECCSignature *sig, unsigned *len)
{
    struct work *work = call->work;
    const struct bench_op *op = work->op;
    unsigned char *in = (unsigned char *)(uintptr_t)work_input(work, seq); /* SDF knows no const */
    unsigned size = (unsigned)work->size;
    uint8_t iv[16];
    int status;
    switch (op->kind) {
    case WORK_RANDOM:
        *len = size;
        return call->GenerateRandom(call->session, size, out);
    case WORK_HASH:
        status = call->HashInit(call->session, op->alg, NULL, NULL, 0);
        if (status == SDR_OK)
            status = call->HashUpdate(call->session, in, size);
        return status == SDR_OK ? call->HashFinal(call->session, out, len) : status;
    case WORK_CIPHER:
        work_iv(work, seq, iv);
        return call->Encrypt(call->session, call->key, op->alg, iv, in, size, out, len);
    case WORK_SIGN:
        *len = 64;
        return call->InternalSign_ECC(call->session, 1, in, 32, sig);
    case WORK_VERIFY:
        return call->InternalVerify_ECC(call->session, 1, in, 32, &call->sigs[seq % WORK_INPUTS]);
    case WORK_ECHO:
        break;
    }
    return SDR_NOTSUPPORT;
}

static void sdf_run(void *caller, struct meter *meter)
{
    struct sdfcall *call = caller;
    struct work *work = call->work;
    enum work_kind kind = work->op->kind;
    bool running = true;
    uint64_t now = now_ns();
    for (uint64_t seq = 0; running; seq++) {
        bool sampled = work_sampled(seq);
        uint8_t *kept = sampled && kind != WORK_VERIFY ? work_keep(work, seq) : NULL;
        uint8_t *out = kept ? kept : call->out;
        ECCSignature sig;
        unsigned len = 0;
        uint64_t stamp = now;
        int status = sdf_one(call, seq, out, &sig, &len);
        if (kind == WORK_SIGN) {
            memcpy(out, sig.r + 32, 32);
            memcpy(out + 32, sig.s + 32, 32);
        }
        meter->ops++;
        if (!work_status_ok(work, seq, (uint32_t)status) || len != work->result)
            meter->result->errors++;
        if (sampled && !kept)
            work_compare(work, seq, out);
        now = now_ns();
        meter_latency(meter, now - stamp);
        running = meter_tick(meter, now);
        if (status == SDR_COMMFAIL && now > meter->end_ns)
            break;
    }
    meter->result->all_ops = meter->ops;
}

const struct caller_driver caller_sdf = {sdf_open, sdf_run, sdf_close};
