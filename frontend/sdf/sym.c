/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sym.c: SDF_Encrypt and SDF_Decrypt, for any length in one call. (XTS: one data unit in one call.)
 *
 * Input longer than a slot is cut into slots. ECB, CTR, CBC decryption and CFB decryption need nothing of the slot
 * before but an initial value that is known beforehand (the last cipher block of the input, or the counter plus
 * blocks): up to BATCH of them are in flight together. Their initial values are taken from the input before the first
 * is sent, because the output may replace the input. XTS needs the slot's place in the data unit, and its last two
 * blocks in one slot. CBC and CFB encryption and OFB go slot after slot, each with the
 * IV that came back from the one before.
 *
 * Output that begins in the midst of the input would replace what is still to be read: more than a slot of it is copied
 * first. (The same beginning is no matter: each slot is taken before it is written.)
 *
 * A failure in the middle leaves IV and length as they were; output already written stays written (in place: the
 * beginning of the input is lost, as with a card that fails half-way).
 */
#include <stdlib.h>
#include <string.h>
#include "frontend/sdf/alg.h"
#include "frontend/sdf/dialect.h"
#include "frontend/sdf/form.h"
#include "frontend/sdf/transform.h"

#define BATCH 32u

static void counter_add(uint8_t counter[BLOCK], uint64_t blocks)
{
    for (size_t i = BLOCK; i-- > 0 && blocks;) {
        uint64_t sum = counter[i] + (blocks & 0xff);
        counter[i] = (uint8_t)sum;
        blocks = (blocks >> 8) + (sum >> 8);
    }
}

static bool transform_parallel(const struct transform *t)
{
    uint32_t mode = t->alg & 0xff;
    return mode == SGD_ECB || mode == SGD_CTR || alg_is_xts(t->alg) ||
           (t->decrypt && (mode == SGD_CBC || mode == SGD_CFB));
}

/* Fills the next call and moves on; len of it is returned. */
static size_t transform_cut(struct transform *t, struct call *call)
{
    size_t part = t->len < CM_SLOT_SIZE ? t->len : CM_SLOT_SIZE;
    uint16_t op = t->decrypt ? CM_OP_DECRYPT : CM_OP_ENCRYPT;
    if (alg_is_xts(t->alg)) {
        op = t->decrypt ? CM_OP_SECTOR_DECRYPT : CM_OP_SECTOR_ENCRYPT;
        if (t->len > part && t->len - part < BLOCK) /* a tail needs the block before it */
            part -= BLOCK;
    }
    *call = (struct call){
        .op = op, .key = t->key, .alg = t->alg, .data = t->in, .data_len = part, .out = t->out, .out_cap = part};
    call->arg = t->block;
    memcpy(call->iv, t->iv, BLOCK);
    if (alg_is_xts(t->alg))
        t->block += (uint32_t)(part / BLOCK);
    t->in += part;
    t->out += part;
    t->len -= part;
    return part;
}

/* The initial value behind a slot, from the input alone; the last slot's comes from the back end. */
static void transform_skip(struct transform *t, size_t part)
{
    uint32_t mode = t->alg & 0xff;
    if (alg_is_xts(t->alg))
        return;
    if (mode == SGD_CTR)
        counter_add(t->iv, part / BLOCK);
    else if (mode != SGD_ECB)
        memcpy(t->iv, t->in - BLOCK, BLOCK);
}

static uint32_t transform_batch(struct sdf_session *session, struct transform *t)
{
    struct call calls[BATCH];
    size_t n = 0;
    while (n < BATCH && t->len > 0) {
        size_t part = transform_cut(t, &calls[n++]);
        if (t->len > 0)
            transform_skip(t, part);
    }
    uint32_t status = session_run(session->wire, calls, n);
    for (size_t i = 0; status == SDR_OK && i < n; i++)
        if (calls[i].out_len != calls[i].data_len)
            status = SDR_COMMFAIL;
    if (t->len == 0)
        memcpy(t->iv, calls[n - 1].iv, BLOCK);
    return status;
}

static uint32_t transform_one(struct sdf_session *session, struct transform *t)
{
    struct call call;
    size_t part = transform_cut(t, &call);
    uint32_t status = session_call_expect(session, &call, 0, part);
    memcpy(t->iv, call.iv, BLOCK);
    return status;
}

static uint32_t transform_all(struct sdf_session *session, struct transform *t)
{
    bool parallel = t->len > CM_SLOT_SIZE && transform_parallel(t);
    uint32_t status = SDR_OK;
    while (status == SDR_OK && t->len > 0)
        status = parallel ? transform_batch(session, t) : transform_one(session, t);
    return status;
}

bool buffers_cross(const uint8_t *in, size_t len, const uint8_t *out, size_t out_len)
{
    uintptr_t a = (uintptr_t)in, b = (uintptr_t)out;
    return a != b && a < b + out_len && b < a + len;
}

uint32_t transform_run(struct sdf_session *session, struct transform *t)
{
    size_t len = t->len;
    if (len <= CM_SLOT_SIZE || !buffers_cross(t->in, len, t->out, len))
        return transform_all(session, t);
    uint8_t *copy = malloc(len);
    if (!copy)
        return SDR_NOBUFFER;
    memcpy(copy, t->in, len);
    t->in = copy;
    uint32_t status = transform_all(session, t);
    explicit_bzero(copy, len);
    free(copy);
    return status;
}

static uint32_t cipher(struct sdf_session *session, struct transform *t, void *key, uint8_t *iv, uint32_t *out_len)
{
    uint32_t status = session_key(session, key, &t->key);
    if (status == SDR_OK)
        status = alg_cipher(&t->alg);
    if (status != SDR_OK)
        return status;
    uint32_t mode = t->alg & 0xff, len = (uint32_t)t->len;
    if ((!t->in && len > 0) || (!iv && mode != SGD_ECB) || ((mode == SGD_ECB || mode == SGD_CBC) && len % BLOCK != 0) ||
        (alg_is_xts(t->alg) && len > 0 && (len < BLOCK || len > XTS_MAX)))
        return SDR_INARGERR;
    if (!out_len)
        return SDR_OUTARGERR;
    if (t->out && len > 0) {
        if (mode != SGD_ECB)
            memcpy(t->iv, iv, BLOCK);
        status = transform_run(session, t);
        if (status != SDR_OK)
            return status;
        /* some callers' IV is read-only memory that a card would not write either */
        if (mode != SGD_ECB)
            dialect_iv(iv, t->iv);
    }
    *out_len = len;
    return SDR_OK;
}

int SDF_Encrypt(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                unsigned char *pucData, unsigned int uiDataLength, unsigned char *pucEncData,
                unsigned int *puiEncDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct transform t = {.alg = dialect_alg(uiAlgID), .in = pucData, .out = pucEncData, .len = uiDataLength};
    return session_leave(session, cipher(session, &t, hKeyHandle, pucIV, puiEncDataLength));
}

int SDF_Decrypt(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                unsigned char *pucEncData, unsigned int uiEncDataLength, unsigned char *pucData,
                unsigned int *puiDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    struct transform t = {
        .decrypt = true, .alg = dialect_alg(uiAlgID), .in = pucEncData, .out = pucData, .len = uiEncDataLength};
    return session_leave(session, cipher(session, &t, hKeyHandle, pucIV, puiDataLength));
}
