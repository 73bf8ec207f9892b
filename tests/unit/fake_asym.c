/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_asym.h"

#include <openssl/rand.h>
#include <string.h>
#include "cardmux/sdf.h"
#include "tests/clients/rsa_raw.h"
#include "tests/clients/sm2_raw.h"

bool fake_asym_has(uint16_t op)
{
    return op >= CM_OP_RSA_EXPORT && op <= CM_OP_PKE_DECRYPT_CLEAR;
}

static void give(struct call *call, const uint8_t *bytes, size_t len)
{
    memcpy(call->out, bytes, len);
    call->out_len = len;
}

static void give_param(struct call *call, const uint8_t *bytes, size_t len)
{
    memcpy(call->param_out + call->param_out_len, bytes, len);
    call->param_out_len += len;
}

/* Key bytes and modulus of an index. */
static size_t inside(uint32_t index, bool encrypt, uint8_t *key)
{
    size_t size = rsa_test_key(index == 2 ? RSA_TEST_LONG : encrypt ? RSA_TEST_ENCRYPT : RSA_TEST_SIGN, key);
    return (size - 8) * 2 / 9;
}

static bool public_ok(const uint8_t *key, size_t len)
{
    uint64_t e = 0;
    for (size_t i = 0; i < 8; i++)
        e = e << 8 | key[len + i];
    return key[len - 1] & 1 && e & 1 && e >= 3;
}

static uint32_t wrap(struct call *call, const uint8_t *to, size_t len, const uint8_t *bytes, size_t bytes_len)
{
    uint8_t out[RSA_RAW_MAX];
    if (!public_ok(to, len))
        return SDR_KEYERR;
    rsa_raw_wrap(to, len, bytes, bytes_len, out);
    give(call, out, len);
    return SDR_OK;
}

static uint32_t unwrap(const uint8_t *key, size_t len, const uint8_t *in, size_t in_len, uint8_t *bytes,
                       size_t *bytes_len)
{
    uint8_t block[RSA_RAW_MAX];
    if (in_len != len)
        return SDR_INARGERR;
    *bytes_len = rsa_raw_unwrap(key, len, in, block);
    if (*bytes_len != 16 && *bytes_len != 24 && *bytes_len != 32)
        return SDR_ENCDATAERR;
    memcpy(bytes, block, *bytes_len);
    return SDR_OK;
}

static uint32_t raw(struct call *call, const uint8_t *key, size_t len, bool private_key, const uint8_t *in,
                    size_t in_len)
{
    uint8_t out[RSA_RAW_MAX];
    if (in_len != len || !(private_key ? rsa_raw_private(key, len, in, out) : rsa_raw_public(key, len, in, out)))
        return SDR_INARGERR;
    give(call, out, len);
    return SDR_OK;
}

/* `data` is a key from outside and a block. */
static uint32_t raw_outside(struct call *call)
{
    const uint8_t *data = call->data;
    uint8_t there[RSA_RAW_MAX], back[RSA_RAW_MAX], probe[RSA_RAW_MAX] = {0, 1};
    bool private_key = call->op == CM_OP_RSA_PRIVATE_EXTERNAL;
    for (size_t len = 256; len <= RSA_RAW_MAX; len += 128) {
        size_t front = private_key ? RSA_RAW_PRIVATE(len) : RSA_RAW_PUBLIC(len);
        if (call->data_len != front + len)
            continue;
        if (!public_ok(data, len) ||
            (private_key && (!rsa_raw_private(data, len, probe, there) || !rsa_raw_public(data, len, there, back) ||
                             memcmp(probe, back, len))))
            return SDR_KEYERR;
        return raw(call, data, len, private_key, data + front, len);
    }
    return SDR_INARGERR;
}

static uint32_t rsa_keys(struct call *call, uint8_t key[64], size_t *key_len)
{
    uint8_t bytes[RSA_RAW_KEY_MAX];
    const uint8_t *data = call->data;
    size_t len = inside(call->key, true, bytes), outside_len = call->data_len - 8;
    uint32_t status;
    switch (call->op) {
    case CM_OP_KEY_GENERATE_IPK_RSA:
    case CM_OP_KEY_GENERATE_EPK_RSA:
        *key_len = call->arg / 8;
        RAND_bytes(key, 32);
        return call->op == CM_OP_KEY_GENERATE_IPK_RSA ? wrap(call, bytes, len, key, *key_len)
                                                      : wrap(call, data, outside_len, key, *key_len);
    case CM_OP_KEY_IMPORT_ISK_RSA:
        return unwrap(bytes, len, data, call->data_len, key, key_len);
    default: { /* CM_OP_RSA_REWRAP */
        uint8_t inner[32];
        size_t inner_len;
        status = unwrap(bytes, len, data + call->data_len - len, len, inner, &inner_len);
        return status == SDR_OK ? wrap(call, data, outside_len - len, inner, inner_len) : status;
    }
    }
}

static struct fake_agreement *agreement_find(struct fake_asym *asym, uint32_t number)
{
    for (int i = 0; i < FAKE_AGREEMENTS; i++)
        if (asym->agreements[i].number == number)
            return &asym->agreements[i];
    return NULL;
}

bool fake_asym_drop(struct fake_asym *asym, uint32_t number)
{
    struct fake_agreement *agreement = number ? agreement_find(asym, number) : NULL;
    if (agreement)
        agreement->number = 0;
    return agreement != NULL;
}

static uint32_t agree_start(struct fake_asym *asym, const struct fake_index *index, struct call *call, uint32_t number)
{
    struct fake_agreement *agreement = agreement_find(asym, 0);
    if (!agreement)
        return SDR_NOBUFFER;
    sm2_raw_generate(agreement->r, agreement->point);
    agreement->number = number;
    agreement->index = call->key;
    agreement->bits = call->arg;
    agreement->id_len = (uint32_t)call->data_len;
    memcpy(agreement->id, call->data, call->data_len);
    give_param(call, index->point, 64);
    give_param(call, agreement->point, 64);
    call->value = number;
    return SDR_OK;
}

static uint32_t agree_conclude(struct fake_asym *asym, const struct fake_index *index, struct call *call,
                               uint8_t key[64], size_t *key_len)
{
    struct fake_agreement *agreement = call->key ? agreement_find(asym, call->key) : NULL;
    const uint8_t *peer = call->param, *d, *point;
    uint8_t za[32], zb[32];
    if (!agreement)
        return SDR_KEYNOTEXIST;
    if (!sm2_raw_on_curve(peer) || !sm2_raw_on_curve(peer + 64))
        return SDR_KEYERR;
    index->pair(agreement->index, &d, &point);
    sm2_raw_z(point, agreement->id, agreement->id_len, za);
    sm2_raw_z(peer, call->data, call->data_len, zb);
    if (!sm2_raw_agree(d, agreement->r, agreement->point, peer, peer + 64, za, zb, key))
        return SDR_KEYERR;
    *key_len = agreement->bits / 8;
    agreement->number = 0;
    return SDR_OK;
}

static uint32_t agree_respond(const struct fake_index *index, struct call *call, uint8_t key[64], size_t *key_len)
{
    const uint8_t *peer = call->param, *ids = call->data;
    uint8_t r[32], temporary[64], za[32], zb[32];
    uint32_t own_len;
    memcpy(&own_len, peer + 128, sizeof own_len);
    if (!sm2_raw_on_curve(peer) || !sm2_raw_on_curve(peer + 64))
        return SDR_KEYERR;
    sm2_raw_generate(r, temporary);
    sm2_raw_z(peer, ids + own_len, call->data_len - own_len, za);
    sm2_raw_z(index->point, ids, own_len, zb);
    if (!sm2_raw_agree(index->d, r, temporary, peer, peer + 64, za, zb, key))
        return SDR_KEYERR;
    *key_len = call->arg / 8;
    give_param(call, index->point, 64);
    give_param(call, temporary, 64);
    return SDR_OK;
}

static uint32_t rewrap(const struct fake_index *index, struct call *call)
{
    uint8_t plain[255], out[SM2_HEAD + 255];
    if (!sm2_raw_on_curve(call->param))
        return SDR_KEYERR;
    if (!sm2_raw_decrypt(index->d, call->data, call->data_len, plain))
        return SDR_ENCDATAERR;
    sm2_raw_encrypt(call->param, plain, call->data_len - SM2_HEAD, out);
    give(call, out, call->data_len);
    return SDR_OK;
}

static uint32_t clear(struct call *call)
{
    const uint8_t *data = call->data;
    uint8_t out[255], point[64], zero[32] = {0};
    if (!memcmp(data, zero, 32) || !sm2_raw_public(data, point))
        return SDR_KEYERR;
    if (call->op == CM_OP_SIGN_CLEAR) {
        sm2_raw_sign(data, data + 32, out);
        give_param(call, out, 64);
        return SDR_OK;
    }
    if (!sm2_raw_decrypt(data, data + 32, call->data_len - 32, out))
        return SDR_ENCDATAERR;
    give(call, out, call->data_len - 32 - SM2_HEAD);
    return SDR_OK;
}

static bool by_index(uint16_t op)
{
    return cm_op_info(op)->fields & F_KEY && op != CM_OP_AGREE_CONCLUDE;
}

uint32_t fake_asym_run(struct fake_asym *asym, const struct fake_index *index, struct call *call, uint32_t number,
                       uint8_t key[64], size_t *key_len)
{
    uint8_t bytes[RSA_RAW_KEY_MAX];
    size_t len;
    if (by_index(call->op) && !index->there)
        return SDR_KEYNOTEXIST;
    if (by_index(call->op) && cm_op_info(call->op)->traits & T_NEEDS && !index->right)
        return SDR_PARDENY;
    switch (call->op) {
    case CM_OP_RSA_EXPORT:
        len = inside(call->key, call->arg, bytes);
        give(call, bytes, RSA_RAW_PUBLIC(len));
        return SDR_OK;
    case CM_OP_RSA_KEYPAIR:
        give(call, bytes, rsa_test_key(RSA_TEST_HOST, bytes));
        return SDR_OK;
    case CM_OP_RSA_PUBLIC_INTERNAL:
    case CM_OP_RSA_PRIVATE_INTERNAL:
        len = inside(call->key, false, bytes);
        return raw(call, bytes, len, call->op == CM_OP_RSA_PRIVATE_INTERNAL, call->data, call->data_len);
    case CM_OP_RSA_PUBLIC_EXTERNAL:
    case CM_OP_RSA_PRIVATE_EXTERNAL:
        return raw_outside(call);
    case CM_OP_PKE_REWRAP:
        return rewrap(index, call);
    case CM_OP_AGREE_START:
        return agree_start(asym, index, call, number);
    case CM_OP_AGREE_CONCLUDE:
        return agree_conclude(asym, index, call, key, key_len);
    case CM_OP_AGREE_RESPOND:
        return agree_respond(index, call, key, key_len);
    case CM_OP_SIGN_CLEAR:
    case CM_OP_PKE_DECRYPT_CLEAR:
        return clear(call);
    default:
        return rsa_keys(call, key, key_len);
    }
}
