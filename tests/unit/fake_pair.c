/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_pair.h"

#include <string.h>
#include "cardmux/sdf.h"
#include "tests/clients/sm2_raw.h"
#include "tests/unit/fake_cipher.h"

uint32_t fake_pair_import(const struct call *call, const uint8_t sign[32], uint8_t d[32], uint8_t point[64])
{
    const uint8_t *number = call->data, *public = number + 64, *cipher = public + 64;
    uint8_t key[255], clear[64], iv[16] = {0}, made[64];
    size_t cipher_len = call->data_len - 128;
    if (!sm2_raw_decrypt(sign, cipher, cipher_len, key))
        return SDR_ENCDATAERR;
    uint32_t status = fake_cipher(key, cipher_len - SM2_HEAD, call->alg, false, iv, number, 64, clear);
    for (int at = 32; status == SDR_OK && at >= 0; at -= 32)
        if (sm2_raw_public(clear + at, made) && memcmp(made, public, 64) == 0) {
            memcpy(d, clear + at, 32);
            memcpy(point, made, 64);
            return SDR_OK;
        }
    return status == SDR_OK ? SDR_KEYERR : status;
}
