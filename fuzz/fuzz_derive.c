/* covers: proto/derive.c */
/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of what is derived for a secure channel: any bytes. What is read is within all bounds, and is written
   as it was. */
#include <stdlib.h>
#include <string.h>
#include "proto/derive.h"
#include "proto/layout.h"

static void must(int condition)
{
    if (!condition)
        abort();
}

static void bounds_hold(const struct cm_derive *derive)
{
    size_t sealed = cm_derive_clear(derive);
    must(cm_derive_texts(derive) <= CM_DERIVE_DATA_MAX && sealed <= CM_DERIVE_CLEAR_MAX);
    for (unsigned i = 0; i < CM_DERIVE_KEYS; i++) {
        must(derive->bits[i] == 0 || (derive->bits[i] >= 128 && derive->bits[i] <= CM_DERIVE_BITS_MAX));
        must(derive->bits[i] % 8 == 0);
        sealed += derive->bits[i] ? 96 + derive->bits[i] / 8 : 0;
    }
    must(cm_derive_sealed(derive) == sealed && sealed <= CM_DERIVE_OUT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cm_derive derive;
    uint8_t again[CM_DERIVE_SEALED];
    if (size < 3 || size > 3 + CM_PARAM_SIZE)
        return 0;
    enum cm_derivation kind = (enum cm_derivation)(data[0] % CM_DERIVATIONS);
    bool sealed = data[0] & 0x80;
    size_t texts = data[1] | (size_t)data[2] << 8;
    data += 3;
    size -= 3;
    if (!cm_derive_read(data, size, kind, sealed, texts, &derive))
        return 0;
    must(size == (sealed ? CM_DERIVE_SEALED : CM_DERIVE_HEAD) && cm_derive_texts(&derive) == texts);
    must(sealed ? derive.point == data + CM_DERIVE_HEAD : !derive.point);
    must(cm_derive_ok(&derive, kind));
    bounds_hold(&derive);
    must(cm_derive_write(&derive, again) == size && memcmp(again, data, size) == 0);
    return 0;
}
