/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c: files of the virtual card. A call that is longer than a slot is sent in pieces, in order. Each piece is there
 * completely or not at all, also after a crash; of a long write that failed, what precedes the failed piece is there.
 * Whether the whole of it fits is looked at with the first piece, before anything is written.
 */
#include <string.h>
#include "frontend/sdf/session.h"

#define NAME_MAX_BYTES 128u

struct file_name {
    uint32_t offset; /* little-endian, as both ends are */
    uint8_t bytes[NAME_MAX_BYTES];
};
_Static_assert(sizeof(struct file_name) == 4 + NAME_MAX_BYTES, "as on the wire");

static bool name_ok(const unsigned char *name, unsigned int len)
{
    return name && len >= 1 && len <= NAME_MAX_BYTES;
}

static uint32_t file_create(struct sdf_session *session, const unsigned char *name, unsigned int len, uint32_t size)
{
    if (!name_ok(name, len))
        return SDR_INARGERR;
    struct call call = {.op = CM_OP_FILE_CREATE, .param = name, .param_len = len, .arg = size};
    return session_call_expect(session, &call, 0, 0);
}

int SDF_CreateFile(void *hSessionHandle, unsigned char *pucFileName, unsigned int uiNameLen, unsigned int uiFileSize)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    return session ? session_leave(session, file_create(session, pucFileName, uiNameLen, uiFileSize)) : SDR_INARGERR;
}

static uint32_t file_delete(struct sdf_session *session, const unsigned char *name, unsigned int len)
{
    if (!name_ok(name, len))
        return SDR_INARGERR;
    struct call call = {.op = CM_OP_FILE_DELETE, .param = name, .param_len = len};
    return session_call_expect(session, &call, 0, 0);
}

int SDF_DeleteFile(void *hSessionHandle, unsigned char *pucFileName, unsigned int uiNameLen)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    return session ? session_leave(session, file_delete(session, pucFileName, uiNameLen)) : SDR_INARGERR;
}

/* One piece from or to offset, of what remains; *done counts up. */
static uint32_t file_piece(struct sdf_session *session, uint16_t op, struct file_name *name, unsigned int name_len,
                           uint8_t *bytes, uint32_t left, uint32_t *moved)
{
    uint32_t n = left < CM_SLOT_SIZE ? left : CM_SLOT_SIZE;
    struct call call = {.op = op, .param = name, .param_len = sizeof name->offset + name_len};
    if (op == CM_OP_FILE_WRITE) {
        call.arg = left;
        call.data = bytes;
        call.data_len = n;
    } else {
        call.arg = n;
        call.out = bytes;
        call.out_cap = n;
    }
    uint32_t status = session_call(session, &call);
    *moved = op == CM_OP_FILE_WRITE ? n : (uint32_t)call.out_len;
    return status;
}

static uint32_t file_write(struct sdf_session *session, const unsigned char *bytes_of_name, unsigned int name_len,
                           uint32_t offset, uint32_t len, const uint8_t *bytes)
{
    struct file_name name = {.offset = offset};
    uint32_t status = SDR_OK;
    if (!name_ok(bytes_of_name, name_len) || !bytes || !len)
        return SDR_INARGERR;
    if (len > UINT32_MAX - offset)
        return SDR_FILEOFSERR;
    memcpy(name.bytes, bytes_of_name, name_len);
    for (uint32_t done = 0, moved; status == SDR_OK && done < len; done += moved) {
        name.offset = offset + done;
        status = file_piece(session, CM_OP_FILE_WRITE, &name, name_len, (uint8_t *)(uintptr_t)bytes + done, len - done,
                            &moved);
    }
    return status;
}

int SDF_WriteFile(void *hSessionHandle, unsigned char *pucFileName, unsigned int uiNameLen, unsigned int uiOffset,
                  unsigned int uiWriteLength, unsigned char *pucBuffer)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    return session
               ? session_leave(session, file_write(session, pucFileName, uiNameLen, uiOffset, uiWriteLength, pucBuffer))
               : SDR_INARGERR;
}

/* How many bytes there are from the offset on. */
static uint32_t file_ask(struct sdf_session *session, const struct file_name *name, unsigned int name_len,
                         unsigned int *len)
{
    struct call call = {.op = CM_OP_FILE_READ, .param = name, .param_len = sizeof name->offset + name_len};
    uint32_t status = session_call_expect(session, &call, 0, 0);
    if (status == SDR_OK)
        *len = call.value;
    return status;
}

/* A short piece, and one behind the end after others, is the end of the file. */
static uint32_t file_read(struct sdf_session *session, const unsigned char *bytes_of_name, unsigned int name_len,
                          uint32_t offset, unsigned int *len, uint8_t *bytes)
{
    struct file_name name = {.offset = offset};
    uint32_t done = 0, status = SDR_OK;
    if (!len)
        return SDR_OUTARGERR;
    if (!name_ok(bytes_of_name, name_len) || (bytes && !*len))
        return SDR_INARGERR;
    memcpy(name.bytes, bytes_of_name, name_len);
    if (!bytes)
        return file_ask(session, &name, name_len, len);
    uint32_t wanted = *len > UINT32_MAX - offset ? UINT32_MAX - offset : *len;
    while (status == SDR_OK && done < wanted) {
        uint32_t left = wanted - done, moved = 0;
        name.offset = offset + done;
        status = file_piece(session, CM_OP_FILE_READ, &name, name_len, bytes + done, left, &moved);
        if (status == SDR_FILEOFSERR && done) {
            status = SDR_OK;
            break;
        }
        if (status == SDR_OK && !moved)
            return SDR_COMMFAIL;
        done += moved;
        if (moved < CM_SLOT_SIZE)
            break;
    }
    if (status == SDR_OK && !done)
        return SDR_FILEOFSERR;
    if (status == SDR_OK)
        *len = done;
    return status;
}

int SDF_ReadFile(void *hSessionHandle, unsigned char *pucFileName, unsigned int uiNameLen, unsigned int uiOffset,
                 unsigned int *puiReadLength, unsigned char *pucBuffer)
{
    struct sdf_session *session = session_enter(hSessionHandle);
    return session
               ? session_leave(session, file_read(session, pucFileName, uiNameLen, uiOffset, puiReadLength, pucBuffer))
               : SDR_INARGERR;
}
