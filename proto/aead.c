/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/aead.h"

#include <string.h>

static uint32_t word_read(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static void word_write(uint8_t *to, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(word >> 8 * i);
}

static bool lengths_ok(const struct cm_aead *aead, enum cm_aead_use use)
{
    if (aead->nonce_len < 1 || aead->nonce_len > CM_NONCE_MAX || aead->tag_len < 1 || aead->tag_len > CM_TAG_MAX)
        return false;
    return use == CM_AEAD_BEGIN ? !aead->aad_len : !aead->total_aad && !aead->total_data;
}

bool cm_aead_read(const uint8_t *bytes, size_t len, enum cm_aead_use use, struct cm_aead *aead)
{
    if (len < CM_AEAD_HEAD)
        return false;
    *aead = (struct cm_aead){
        .nonce_len = bytes[0],
        .tag_len = bytes[1],
        .aad_len = (uint16_t)(bytes[2] | bytes[3] << 8),
        .total_aad = word_read(bytes + 4),
        .total_data = word_read(bytes + 8),
    };
    size_t tag = use == CM_AEAD_OPEN ? aead->tag_len : 0;
    if (!lengths_ok(aead, use) || len != CM_AEAD_HEAD + aead->nonce_len + tag + aead->aad_len)
        return false;
    aead->nonce = bytes + CM_AEAD_HEAD;
    aead->tag = tag ? aead->nonce + aead->nonce_len : NULL;
    aead->aad = aead->nonce + aead->nonce_len + tag;
    return true;
}

size_t cm_aead_write(const struct cm_aead *aead, enum cm_aead_use use, uint8_t *bytes, size_t cap)
{
    size_t tag = use == CM_AEAD_OPEN ? aead->tag_len : 0;
    size_t len = CM_AEAD_HEAD + aead->nonce_len + tag + aead->aad_len;
    if (!lengths_ok(aead, use) || len > cap)
        return 0;
    bytes[0] = aead->nonce_len;
    bytes[1] = aead->tag_len;
    bytes[2] = (uint8_t)aead->aad_len;
    bytes[3] = (uint8_t)(aead->aad_len >> 8);
    word_write(bytes + 4, aead->total_aad);
    word_write(bytes + 8, aead->total_data);
    bytes += CM_AEAD_HEAD;
    memcpy(bytes, aead->nonce, aead->nonce_len);
    bytes += aead->nonce_len;
    if (tag)
        memcpy(bytes, aead->tag, tag);
    if (aead->aad_len)
        memcpy(bytes + tag, aead->aad, aead->aad_len);
    return len;
}
