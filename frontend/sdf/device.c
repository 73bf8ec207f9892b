/* SPDX-License-Identifier: Apache-2.0 */
/* device.c: device information, random numbers, rights to private keys and KEKs. */
#include <stddef.h>
#include <string.h>
#include "frontend/sdf/dialect.h"
#include "frontend/sdf/session.h"

#define BATCH       32u
#define DEVICE_INFO 100u

_Static_assert(sizeof(DEVICEINFO) == DEVICE_INFO, "DEVICEINFO has no padding");

int SDF_GetDeviceInfo(void *hSessionHandle, DEVICEINFO *pstDeviceInfo)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    if (!pstDeviceInfo)
        return session_leave(session, SDR_OUTARGERR);
    struct call call = {.op = CM_OP_DEVICE_INFO};
    uint32_t status = session_call_expect(session, &call, DEVICE_INFO, 0);
    if (status == SDR_OK) {
        uint32_t ciphers;
        unsigned char *to = (unsigned char *)pstDeviceInfo + offsetof(DEVICEINFO, SymAlgAbility);
        memcpy(pstDeviceInfo, call.param_out, DEVICE_INFO);
        memcpy(&ciphers, to, sizeof ciphers);
        ciphers = dialect_ability(ciphers);
        memcpy(to, &ciphers, sizeof ciphers);
    }
    return session_leave(session, status);
}

/* Up to BATCH slots of random bytes at once. *done: how many bytes were asked for here. */
static uint32_t random_batch(struct sdf_session *session, uint8_t *out, size_t len, size_t *done)
{
    struct call calls[BATCH];
    size_t n = 0, off = 0;
    for (; n < BATCH && off < len; n++) {
        size_t part = len - off < CM_SLOT_SIZE ? len - off : CM_SLOT_SIZE;
        calls[n] = (struct call){.op = CM_OP_RANDOM, .arg = (uint32_t)part, .out = out + off, .out_cap = part};
        off += part;
    }
    uint32_t status = session_run(session->wire, calls, n);
    for (size_t i = 0; status == SDR_OK && i < n; i++)
        if (calls[i].out_len != calls[i].out_cap)
            status = SDR_COMMFAIL;
    *done = off;
    return status;
}

int SDF_GenerateRandom(void *hSessionHandle, unsigned int uiLength, unsigned char *pucRandom)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    if (!session)
        return SDR_INARGERR;
    uint32_t status = pucRandom ? SDR_OK : SDR_OUTARGERR;
    size_t done = 0;
    for (size_t off = 0; status == SDR_OK && off < uiLength; off += done)
        status = random_batch(session, pucRandom + off, uiLength - off, &done);
    return session_leave(session, status);
}

static int take_right(void *handle, uint16_t op, uint32_t index, unsigned char *code, uint32_t len)
{
    struct sdf_session *session = session_enter(handle);
    if (!session)
        return SDR_INARGERR;
    uint32_t status = SDR_INARGERR;
    if ((code || len == 0) && len <= 256) {
        struct call call = {.op = op, .key = index, .param = len ? code : NULL, .param_len = len};
        status = session_call(session, &call);
    }
    return session_leave(session, status);
}

static int give_right(void *handle, uint16_t op, uint32_t index)
{
    struct sdf_session *session = session_enter(handle);
    if (!session)
        return SDR_INARGERR;
    struct call call = {.op = op, .key = index};
    return session_leave(session, session_call(session, &call));
}

static int right_get(void *handle, uint32_t index, unsigned char *code, uint32_t len)
{
    return take_right(handle, CM_OP_RIGHT_GET, index, code, len);
}

static int right_release(void *handle, uint32_t index)
{
    return give_right(handle, CM_OP_RIGHT_RELEASE, index);
}

int SDF_GetPrivateKeyAccessRight(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                                 unsigned int uiPwdLength)
{
    return right_get(hSessionHandle, uiKeyIndex, pucPassword, uiPwdLength);
}

int SDF_ReleasePrivateKeyAccessRight(void *hSessionHandle, unsigned int uiKeyIndex)
{
    return right_release(hSessionHandle, uiKeyIndex);
}

/* Some vendors tell kinds of keys and pairs apart here. With us a right is the index's, and these take and give back
   the same one. */
int SDF_GetPrivateKeyAccessRight_RSA(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                                     unsigned int uiPwdLength)
{
    return right_get(hSessionHandle, uiKeyIndex, pucPassword, uiPwdLength);
}

int SDF_ReleasePrivateKeyAccessRight_RSA(void *hSessionHandle, unsigned int uiKeyIndex)
{
    return right_release(hSessionHandle, uiKeyIndex);
}

int SDF_GetSignPrivateKeyAccessRight_ECC(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                                         unsigned int uiPwdLength)
{
    return right_get(hSessionHandle, uiKeyIndex, pucPassword, uiPwdLength);
}

int SDF_ReleaseSignPrivateKeyAccessRight_ECC(void *hSessionHandle, unsigned int uiKeyIndex)
{
    return right_release(hSessionHandle, uiKeyIndex);
}

int SDF_GetEncPrivateKeyAccessRight_ECC(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                                        unsigned int uiPwdLength)
{
    return right_get(hSessionHandle, uiKeyIndex, pucPassword, uiPwdLength);
}

int SDF_ReleaseEncPrivateKeyAccessRight_ECC(void *hSessionHandle, unsigned int uiKeyIndex)
{
    return right_release(hSessionHandle, uiKeyIndex);
}

/* KEKs: two spellings of the same. */
int SDF_GetKEKAccessRight(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                          unsigned int uiPwdLength)
{
    return take_right(hSessionHandle, CM_OP_KEK_RIGHT_GET, uiKeyIndex, pucPassword, uiPwdLength);
}

int SDF_ReleaseKEKAccessRight(void *hSessionHandle, unsigned int uiKeyIndex)
{
    return give_right(hSessionHandle, CM_OP_KEK_RIGHT_RELEASE, uiKeyIndex);
}

int SDF_GetKekAccessRight(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                          unsigned int uiPwdLength)
{
    return take_right(hSessionHandle, CM_OP_KEK_RIGHT_GET, uiKeyIndex, pucPassword, uiPwdLength);
}

int SDF_ReleaseKekAccessRight(void *hSessionHandle, unsigned int uiKeyIndex)
{
    return give_right(hSessionHandle, CM_OP_KEK_RIGHT_RELEASE, uiKeyIndex);
}
