/* covers: proto/aead.c */
/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of authenticated encryption: any bytes. What is read lies inside them, and is written as it was. */
#include <stdlib.h>
#include <string.h>
#include "proto/aead.h"
#include "proto/layout.h"

static void must(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cm_aead aead;
    uint8_t again[CM_PARAM_SIZE];
    if (!size || size > 1 + CM_PARAM_SIZE)
        return 0;
    enum cm_aead_use use = (enum cm_aead_use)(data[0] % 3);
    data++;
    size--;
    if (!cm_aead_read(data, size, use, &aead)) {
        must(cm_aead_write(&(struct cm_aead){.nonce_len = 1, .tag_len = 1, .nonce = data}, use, again, 0) == 0);
        return 0;
    }
    must(aead.nonce >= data && aead.nonce + aead.nonce_len <= data + size);
    must((use == CM_AEAD_OPEN) == (aead.tag != NULL));
    must(!aead.tag || (aead.tag >= data && aead.tag + aead.tag_len <= data + size));
    must(aead.aad >= data && aead.aad + aead.aad_len <= data + size);
    must(cm_aead_write(&aead, use, again, sizeof again) == size && memcmp(again, data, size) == 0);
    return 0;
}
