/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multi.c: a block cipher over a message in several calls: SDF_EncryptInit and its kin, one each way in a session.
 *
 * Nothing of it is in the back end: the key's number, the chaining value and what did not fill a block are kept here,
 * and each update is the same operation as SDF_Encrypt's. An update gives the full blocks that it has together; the end
 * gives what is left: nothing for ECB and CBC (part of a block is SDR_INARGERR: there is no padding), up to 15 bytes
 * for CFB, OFB and CTR, 16 to 31 bytes for XTS, whose last two blocks belong together.
 *
 * Init in the middle starts anew, and a failed one leaves none. A failure of the back end ends the operation; a wrong
 * argument does not. With the output NULL, an update gives the length and takes nothing in, and an end gives it and
 * ends nothing.
 */
#include <stdlib.h>
#include <string.h>
#include "frontend/sdf/alg.h"
#include "frontend/sdf/dialect.h"
#include "frontend/sdf/form.h"
#include "frontend/sdf/transform.h"

void cipher_run_drop(struct sdf_session *session, struct cipher_run *run)
{
    struct external_key external = run->external;
    explicit_bzero(run, sizeof *run);
    if (session)
        session_forget_external(session, &external);
}

uint32_t cipher_begin(struct sdf_session *session, struct cipher_run *run, uint32_t key, bool decrypt, uint32_t alg,
                      const uint8_t *iv, uint32_t iv_len)
{
    uint32_t status = alg_cipher(&alg);
    if (status != SDR_OK)
        return status;
    bool ecb = (alg & 0xff) == SGD_ECB;
    if (!ecb && (!iv || iv_len != BLOCK))
        return SDR_INARGERR;
    run->active = true;
    run->decrypt = decrypt;
    run->key = key;
    run->alg = alg;
    run->incarnation = session_incarnation(session->wire);
    if (!ecb)
        memcpy(run->iv, iv, BLOCK);
    return SDR_OK;
}

static uint32_t init(struct sdf_session *session, bool decrypt, void *handle, uint32_t alg, const uint8_t *iv,
                     uint32_t iv_len)
{
    struct cipher_run *run = &session->cipher[decrypt];
    uint32_t key;
    cipher_run_drop(session, run);
    uint32_t status = session_key(session, handle, &key);
    return status == SDR_OK ? cipher_begin(session, run, key, decrypt, alg, iv, iv_len) : status;
}

static uint32_t ready(struct sdf_session *session, struct cipher_run *run)
{
    if (run->active && run->incarnation != session_incarnation(session->wire)) {
        cipher_run_drop(session, run);
        return session_loss(session, SDR_STEPERR);
    }
    return run->active ? SDR_OK : SDR_STEPERR;
}

/* How much of `total` bytes can be worked on before it is known whether more will come. */
static size_t settled(const struct cipher_run *run, size_t total)
{
    if (alg_is_xts(run->alg))
        return total < 2 * BLOCK ? 0 : (total - BLOCK) / BLOCK * BLOCK;
    return total - total % BLOCK;
}

static uint32_t pass(struct sdf_session *session, struct cipher_run *run, const uint8_t *in, uint8_t *out, size_t len)
{
    struct transform t = {.decrypt = run->decrypt,
                          .key = run->key,
                          .alg = run->alg,
                          .block = run->block,
                          .in = in,
                          .out = out,
                          .len = len};
    memcpy(t.iv, run->iv, BLOCK);
    uint32_t status = transform_run(session, &t);
    memcpy(run->iv, t.iv, BLOCK);
    run->block = t.block;
    return status;
}

/* The message goes on with run->carry, then in[len]; n bytes of it are to be worked on. */
static uint32_t take_in(struct sdf_session *session, struct cipher_run *run, const uint8_t *in, size_t len,
                        uint8_t *out, size_t n)
{
    uint8_t head[sizeof run->carry];
    size_t first = (run->fill + BLOCK - 1) / BLOCK * BLOCK, used = 0;
    uint32_t status = SDR_OK;
    if (first > n)
        first = n;
    if (first > 0) {
        memcpy(head, run->carry, run->fill < first ? run->fill : first);
        if (first > run->fill) {
            used = first - run->fill;
            memcpy(head + run->fill, in, used);
            run->fill = 0;
        } else {
            run->fill -= first;
            memmove(run->carry, run->carry + first, run->fill);
        }
        status = pass(session, run, head, head, first);
        if (status == SDR_OK)
            memcpy(out, head, first);
        explicit_bzero(head, sizeof head);
    }
    if (status == SDR_OK && n > first)
        status = pass(session, run, in + used, out + first, n - first);
    if (status != SDR_OK)
        return status;
    used += n - first;
    if (len > used)
        memcpy(run->carry + run->fill, in + used, len - used);
    run->fill += len - used;
    return SDR_OK;
}

static bool overlap(const uint8_t *in, size_t len, const uint8_t *out, size_t n)
{
    uintptr_t a = (uintptr_t)in, b = (uintptr_t)out;
    return a < b + n && b < a + len;
}

/* What comes out lies before what went in where bytes were carried over: the same buffer needs a copy then. */
static uint32_t take_in_apart(struct sdf_session *session, struct cipher_run *run, const uint8_t *in, size_t len,
                              uint8_t *out, size_t n)
{
    uint8_t *copy = malloc(len);
    if (!copy)
        return SDR_NOBUFFER;
    memcpy(copy, in, len);
    uint32_t status = take_in(session, run, copy, len, out, n);
    explicit_bzero(copy, len);
    free(copy);
    return status;
}

static uint32_t update(struct sdf_session *session, bool decrypt, const uint8_t *in, uint32_t len, uint8_t *out,
                       uint32_t *out_len)
{
    struct cipher_run *run = &session->cipher[decrypt];
    uint32_t status = ready(session, run);
    if (status != SDR_OK)
        return status;
    if (!in && len > 0)
        return SDR_INARGERR;
    if (!out_len)
        return SDR_OUTARGERR;
    if (len > UINT32_MAX - sizeof run->carry)
        return SDR_INARGERR;
    size_t n = settled(run, run->fill + len);
    if (out) {
        bool apart = n > 0 && run->fill > 0 && overlap(in, len, out, n);
        if (len > 0)
            status = (apart ? take_in_apart : take_in)(session, run, in, len, out, n);
        if (status != SDR_OK) {
            cipher_run_drop(session, run);
            return status;
        }
    }
    *out_len = (uint32_t)n;
    return SDR_OK;
}

static uint32_t final(struct sdf_session *session, bool decrypt, uint8_t *out, uint32_t *out_len)
{
    struct cipher_run *run = &session->cipher[decrypt];
    uint32_t status = ready(session, run);
    if (status != SDR_OK)
        return status;
    if (!out_len)
        return SDR_OUTARGERR;
    uint32_t mode = run->alg & 0xff, left = (uint32_t)run->fill;
    if (left > 0 && (mode == SGD_ECB || mode == SGD_CBC || (alg_is_xts(run->alg) && left < BLOCK)))
        return SDR_INARGERR; /* it goes on: more may come */
    if (left > 0 && out) {
        uint8_t last[sizeof run->carry];
        status = pass(session, run, run->carry, last, left);
        if (status == SDR_OK)
            memcpy(out, last, left);
        explicit_bzero(last, sizeof last);
    }
    if (out)
        cipher_run_drop(session, run);
    if (status == SDR_OK)
        *out_len = left;
    return status;
}

int SDF_EncryptInit(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                    unsigned int uiIVLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, init(session, false, hKeyHandle, dialect_alg(uiAlgID), pucIV, uiIVLength));
}

int SDF_EncryptUpdate(void *hSessionHandle, unsigned char *pucData, unsigned int uiDataLength,
                      unsigned char *pucEncData, unsigned int *puiEncDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, update(session, false, pucData, uiDataLength, pucEncData, puiEncDataLength));
}

int SDF_EncryptFinal(void *hSessionHandle, unsigned char *pucLastEncData, unsigned int *puiLastEncDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, final(session, false, pucLastEncData, puiLastEncDataLength));
}

int SDF_DecryptInit(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                    unsigned int uiIVLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, init(session, true, hKeyHandle, dialect_alg(uiAlgID), pucIV, uiIVLength));
}

int SDF_DecryptUpdate(void *hSessionHandle, unsigned char *pucEncData, unsigned int uiEncDataLength,
                      unsigned char *pucData, unsigned int *puiDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, update(session, true, pucEncData, uiEncDataLength, pucData, puiDataLength));
}

int SDF_DecryptFinal(void *hSessionHandle, unsigned char *pucLastData, unsigned int *puiLastDataLength)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    return session_leave(session, final(session, true, pucLastData, puiLastDataLength));
}
