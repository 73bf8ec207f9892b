/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal_card.c: in the helper: what a vendor's library is asked to do. See seal.h.
 *
 * Buffers that the library writes to are far larger than what it may write, and filled before with a pattern, so that a
 * library with other ideas of a struct's size harms nothing and is found. An access code that was wrong is not given
 * again: a card counts wrong ones.
 */
#include "cards/sdf/seal.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include "cardmux/sdf.h"

#define ROOM     8192u /* of a buffer that a library writes to */
#define PATTERN  0xa5u
#define KEY_BITS 128u

struct library {
    __typeof__(SDF_OpenDevice) *open_device;
    __typeof__(SDF_CloseDevice) *close_device;
    __typeof__(SDF_OpenSession) *open_session;
    __typeof__(SDF_CloseSession) *close_session;
    __typeof__(SDF_GetPrivateKeyAccessRight) *get_right;
    __typeof__(SDF_ReleasePrivateKeyAccessRight) *release_right;
    __typeof__(SDF_GenerateKeyWithIPK_ECC) *make_pair;
    __typeof__(SDF_ImportKeyWithISK_ECC) *import_pair;
    __typeof__(SDF_GenerateKeyWithKEK) *make_kek;
    __typeof__(SDF_ImportKeyWithKEK) *import_kek;
    __typeof__(SDF_Encrypt) *encrypt;
    __typeof__(SDF_DestroyKey) *destroy;
};

struct run {
    const struct card_seal_ask *ask;
    struct card_seal_reply *reply;
    struct library sdf;
    void *device, *session;
    bool right;
};

static bool failed(struct run *run, enum card_seal_step step, int code, const char *text)
{
    run->reply->step = step;
    run->reply->code = (uint32_t)code;
    snprintf(run->reply->text, sizeof run->reply->text, "%s", text);
    return false;
}

/* ---- the library ---- */

struct symbol {
    const char *name, *other; /* as some vendors have it */
    size_t place;
    enum {
        EVERY,
        PAIR,
        KEK,
        CODE_KEK
    } needed;
};

#define PLACE(field) offsetof(struct library, field)
static const struct symbol symbols[] = {
    {"SDF_OpenDevice", NULL, PLACE(open_device), EVERY},
    {"SDF_CloseDevice", NULL, PLACE(close_device), EVERY},
    {"SDF_OpenSession", NULL, PLACE(open_session), EVERY},
    {"SDF_CloseSession", NULL, PLACE(close_session), EVERY},
    {"SDF_Encrypt", NULL, PLACE(encrypt), EVERY},
    {"SDF_DestroyKey", "SDF_DestoryKey", PLACE(destroy), EVERY},
    {"SDF_GetPrivateKeyAccessRight", NULL, PLACE(get_right), PAIR},
    {"SDF_ReleasePrivateKeyAccessRight", NULL, PLACE(release_right), PAIR},
    {"SDF_GenerateKeyWithIPK_ECC", NULL, PLACE(make_pair), PAIR},
    {"SDF_ImportKeyWithISK_ECC", NULL, PLACE(import_pair), PAIR},
    {"SDF_GenerateKeyWithKEK", NULL, PLACE(make_kek), KEK},
    {"SDF_ImportKeyWithKEK", NULL, PLACE(import_kek), KEK},
    {"SDF_GetKEKAccessRight", "SDF_GetKekAccessRight", PLACE(get_right), CODE_KEK},
    {"SDF_ReleaseKEKAccessRight", "SDF_ReleaseKekAccessRight", PLACE(release_right), CODE_KEK},
};

static bool is_needed(const struct card_seal_ask *ask, const struct symbol *symbol)
{
    bool kek = ask->kind == CARD_SEAL_KEK;
    return symbol->needed == EVERY || (symbol->needed == PAIR && !kek) || (symbol->needed == KEK && kek) ||
           (symbol->needed == CODE_KEK && kek && ask->code_len);
}

static bool library_open(struct run *run)
{
    void *handle = dlopen(run->ask->library, RTLD_NOW | RTLD_LOCAL);
    const char *words;
    if (!handle) {
        words = dlerror();
        return failed(run, CARD_SEAL_LIBRARY, 0, words ? words : "no reason given");
    }
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        const struct symbol *symbol = &symbols[i];
        if (!is_needed(run->ask, symbol))
            continue;
        void *at = dlsym(handle, symbol->name);
        if (!at && symbol->other)
            at = dlsym(handle, symbol->other);
        if (!at)
            return failed(run, CARD_SEAL_SYMBOL, 0, symbol->name);
        memcpy((char *)&run->sdf + symbol->place, &at, sizeof at);
    }
    return true;
}

/* ---- the card ---- */

static bool session_open(struct run *run)
{
    int code = run->sdf.open_device(&run->device);
    if (code != SDR_OK)
        return failed(run, CARD_SEAL_DEVICE, code, "SDF_OpenDevice");
    code = run->sdf.open_session(run->device, &run->session);
    if (code != SDR_OK) {
        run->sdf.close_device(run->device);
        return failed(run, CARD_SEAL_SESSION, code, "SDF_OpenSession");
    }
    return true;
}

/* The right to the private key is asked for also where there is no code: cards differ in whether it must be. */
static bool right_get(struct run *run)
{
    uint8_t code[CARD_SEAL_CODE + 1];
    int result;
    if (!run->sdf.get_right)
        return true;
    memcpy(code, run->ask->code, CARD_SEAL_CODE);
    code[run->ask->code_len] = 0;
    result = run->sdf.get_right(run->session, run->ask->index, code, run->ask->code_len);
    explicit_bzero(code, sizeof code);
    run->right = result == SDR_OK;
    return run->right || !run->ask->code_len ? true : failed(run, CARD_SEAL_RIGHT, result, "");
}

static void session_close(struct run *run)
{
    if (run->right)
        run->sdf.release_right(run->session, run->ask->index);
    run->sdf.close_session(run->session);
    run->sdf.close_device(run->device);
    run->session = run->device = NULL;
    run->right = false;
}

/* The last byte that was written to a buffer of the pattern, and one; 0: none. */
static size_t written(const uint8_t *room, size_t size)
{
    while (size && room[size - 1] == PATTERN)
        size--;
    return size;
}

/* A session key, wrapped into blob; the length of a struct is known by what was written, up to a byte that is like the
   pattern by chance, which is put back when it is read. */
static bool key_make(struct run *run, uint8_t blob[CARD_SEAL_BLOB], uint32_t *len, void **key)
{
    static uint8_t room[ROOM] __attribute__((aligned(16)));
    unsigned length = ROOM; /* some take it for the room that there is */
    int code;
    memset(room, run->ask->kind == CARD_SEAL_KEK ? (int)PATTERN : 0, sizeof room);
    if (run->ask->kind == CARD_SEAL_KEK) {
        code = run->sdf.make_kek(run->session, KEY_BITS, SGD_SM4_ECB, run->ask->index, room, &length, key);
        if (code == SDR_OK && (length < CARD_SEAL_BLOB_MIN || length > CARD_SEAL_BLOB || written(room, ROOM) > length))
            return failed(run, CARD_SEAL_LENGTH, 0, "SDF_GenerateKeyWithKEK");
    } else {
        code = run->sdf.make_pair(run->session, run->ask->index, KEY_BITS, (ECCCipher *)(void *)room, key);
        length = ROOM;
        while (length && room[length - 1] == 0)
            length--;
        if (code == SDR_OK && (length < CARD_SEAL_BLOB_MIN || length > CARD_SEAL_BLOB))
            return failed(run, CARD_SEAL_LENGTH, 0, "SDF_GenerateKeyWithIPK_ECC");
    }
    if (code != SDR_OK)
        return failed(run, CARD_SEAL_MAKE, code, "");
    memset(blob, 0, CARD_SEAL_BLOB);
    memcpy(blob, room, length);
    *len = length;
    return true;
}

static bool key_import(struct run *run, const uint8_t *blob, uint32_t len, void **key)
{
    static uint8_t room[ROOM] __attribute__((aligned(16)));
    int code;
    memset(room, 0, sizeof room);
    memcpy(room, blob, len);
    if (run->ask->kind == CARD_SEAL_KEK)
        code = run->sdf.import_kek(run->session, SGD_SM4_ECB, run->ask->index, room, len, key);
    else
        code = run->sdf.import_pair(run->session, run->ask->index, (ECCCipher *)(void *)room, key);
    return code == SDR_OK ? true : failed(run, CARD_SEAL_IMPORT, code, "");
}

static bool salt_encrypt(struct run *run, void *key, uint8_t made[CARD_SEAL_SALT])
{
    static uint8_t room[ROOM] __attribute__((aligned(16)));
    uint8_t salt[CARD_SEAL_SALT], iv[16] = {0};
    unsigned length = ROOM;
    int code;
    memset(room, (int)PATTERN, sizeof room);
    memcpy(salt, run->ask->salt, sizeof salt);
    code = run->sdf.encrypt(run->session, key, SGD_SM4_ECB, iv, salt, sizeof salt, room, &length);
    if (code == SDR_OK && length == CARD_SEAL_SALT && written(room, ROOM) <= CARD_SEAL_SALT)
        memcpy(made, room, CARD_SEAL_SALT);
    else if (code == SDR_OK)
        failed(run, CARD_SEAL_LENGTH, 0, "SDF_Encrypt");
    else
        failed(run, CARD_SEAL_ENCRYPT, code, "");
    explicit_bzero(room, sizeof room);
    return run->reply->step == CARD_SEAL_DONE;
}

/* What a library gives that does nothing, or not with the key, or not twice the same. */
static bool is_sound(struct run *run, const uint8_t *made, const uint8_t *other)
{
    const uint8_t *salt = run->ask->salt;
    bool bad = memcmp(made, made + 16, 16) == 0;
    for (size_t at = 0; at < CARD_SEAL_SALT; at += 16)
        bad |= memcmp(made + at, salt + at, 16) == 0 || memcmp(made + at, other + at, 16) == 0;
    return bad ? failed(run, CARD_SEAL_SAME, 0, "") : true;
}

/* Two keys, of which the second only shows that the first one matters. */
static bool seal_make(struct run *run)
{
    struct card_seal_reply *reply = run->reply;
    uint8_t blob[CARD_SEAL_BLOB], other[CARD_SEAL_SALT];
    uint32_t len = 0;
    void *key = NULL, *second = NULL;
    bool ok = key_make(run, reply->blob, &reply->blob_len, &key) && salt_encrypt(run, key, reply->made) &&
              key_make(run, blob, &len, &second) && salt_encrypt(run, second, other) &&
              is_sound(run, reply->made, other);
    if (key)
        run->sdf.destroy(run->session, key);
    if (second)
        run->sdf.destroy(run->session, second);
    explicit_bzero(other, sizeof other);
    return ok;
}

static bool seal_open(struct run *run, const uint8_t *blob, uint32_t len, uint8_t made[CARD_SEAL_SALT])
{
    void *key = NULL;
    bool ok = session_open(run) && right_get(run) && key_import(run, blob, len, &key) && salt_encrypt(run, key, made);
    if (key)
        run->sdf.destroy(run->session, key);
    if (run->session)
        session_close(run);
    return ok;
}

/* Nothing that the first session had is there in the second. */
static bool seal_new(struct run *run)
{
    struct card_seal_reply *reply = run->reply;
    uint8_t again[CARD_SEAL_SALT];
    bool ok = session_open(run) && right_get(run) && seal_make(run);
    if (run->session)
        session_close(run);
    ok = ok && seal_open(run, reply->blob, reply->blob_len, again);
    if (ok && memcmp(again, reply->made, sizeof again) != 0)
        ok = failed(run, CARD_SEAL_SAME, 0, "");
    explicit_bzero(again, sizeof again);
    return ok;
}

static bool ask_good(const struct card_seal_ask *ask)
{
    return strncmp(ask->version, CARDMUX_VERSION, sizeof ask->version) == 0 &&
           (ask->verb == CARD_SEAL_NEW || ask->verb == CARD_SEAL_OPEN) &&
           (ask->kind == CARD_SEAL_PAIR || ask->kind == CARD_SEAL_KEK) && ask->code_len <= CARD_SEAL_CODE &&
           ask->blob_len <= CARD_SEAL_BLOB && memchr(ask->library, 0, sizeof ask->library) && ask->library[0] == '/';
}

void card_seal_answer(const struct card_seal_ask *ask, struct card_seal_reply *reply)
{
    struct run run = {.ask = ask, .reply = reply};
    bool ok;
    memset(reply, 0, sizeof *reply);
    if (!ask_good(ask)) {
        failed(&run, CARD_SEAL_QUESTION, 0, "");
        return;
    }
    ok = library_open(&run) &&
         (ask->verb == CARD_SEAL_NEW ? seal_new(&run) : seal_open(&run, ask->blob, ask->blob_len, reply->made));
    if (!ok) {
        explicit_bzero(reply->made, sizeof reply->made);
        memset(reply->blob, 0, sizeof reply->blob);
        reply->blob_len = 0;
    }
}
