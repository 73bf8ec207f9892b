/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_file.h"

#include <string.h>

#include "cardmux/sdf.h"

#define FILES 4
#define SPACE (1u << 20)

static struct file {
    uint8_t name[128];
    size_t name_len;
    uint32_t size; /* 0: no file */
    uint8_t bytes[SPACE];
} files[FILES];

static struct file *find(const uint8_t *name, size_t len)
{
    for (size_t i = 0; i < FILES; i++)
        if (files[i].size && files[i].name_len == len && memcmp(files[i].name, name, len) == 0)
            return &files[i];
    return NULL;
}

static uint32_t create(const uint8_t *name, size_t len, uint32_t size)
{
    uint32_t used = 0;
    struct file *place = NULL;
    if (find(name, len))
        return SDR_FILEEXISTS;
    for (size_t i = 0; i < FILES; i++) {
        used += files[i].size;
        if (!files[i].size)
            place = &files[i];
    }
    if (!place || !size || size > SPACE - used)
        return SDR_FILESIZEERR;
    memset(place, 0, sizeof *place);
    memcpy(place->name, name, len);
    place->name_len = len;
    place->size = size;
    return SDR_OK;
}

uint32_t fake_file(struct call *call)
{
    const uint8_t *name = call->param;
    if (call->op == CM_OP_FILE_CREATE)
        return create(name, call->param_len, call->arg);
    struct file *file;
    if (call->op == CM_OP_FILE_DELETE) {
        file = find(name, call->param_len);
        if (file)
            file->size = 0;
        return file ? SDR_OK : SDR_FILENOEXIST;
    }
    uint32_t offset;
    memcpy(&offset, name, sizeof offset);
    file = find(name + 4, call->param_len - 4);
    if (!file)
        return SDR_FILENOEXIST;
    if (offset >= file->size)
        return SDR_FILEOFSERR;
    uint32_t room = file->size - offset;
    if (call->op == CM_OP_FILE_WRITE) {
        if (call->arg < call->data_len)
            return SDR_INARGERR;
        if (call->arg > room)
            return SDR_FILEOFSERR;
        memcpy(file->bytes + offset, call->data, call->data_len);
        return SDR_OK;
    }
    if (call->arg > CM_SLOT_SIZE || call->arg > call->out_cap)
        return SDR_INARGERR;
    if (call->arg == 0) {
        call->value = room;
        return SDR_OK;
    }
    call->out_len = call->arg < room ? call->arg : room;
    memcpy(call->out, file->bytes + offset, call->out_len);
    return SDR_OK;
}
