/* SPDX-License-Identifier: Apache-2.0 */
#include "frontend/sdf/alg.h"

#include <stddef.h>
#include "frontend/sdf/form.h"

bool alg_is_xts(uint32_t alg)
{
    return alg == SGD_SM4_XTS || alg == SGD_SM4_XTS_IEEE || alg == SGD_AES_XTS;
}

uint32_t alg_cipher(uint32_t *alg)
{
    if (*alg == (SGD_SM4 | 0x40u) || *alg == 0x02000402u)
        *alg = SGD_SM4_XTS;
    if (*alg == (SGD_AES | 0x40u))
        *alg = SGD_AES_XTS;
    return alg_is_xts(*alg) ? SDR_OK : alg_check(*alg, ALG_USE_CIPHER);
}

uint32_t alg_aead(uint32_t alg)
{
    uint32_t cipher = alg & 0x00ffff00u, mode = alg & ~0x00ffff00u;
    if (cipher != SGD_SM4 && cipher != SGD_AES && cipher != SGD_SM1 && cipher != SGD_SSF33)
        return SDR_ALGNOTSUPPORT;
    return mode == SGD_GCM || mode == SGD_CCM ? SDR_OK : SDR_ALGMODNOTSUPPORT;
}

uint32_t alg_hmac(uint32_t alg, uint32_t *mac_len)
{
    static const struct {
        uint32_t alg, hash;
    } hmacs[] = {
        {0x00000008u, SGD_SM3}, {0x00000010u, SGD_SHA256},                            /* GM/T 0006-2023 */
        {0x00020211u, SGD_SM3}, {0x00010012u, SGD_SHA1},   {0x00010014u, SGD_SHA256}, /* vendors */
    };
    for (size_t i = 0; i < sizeof hmacs / sizeof hmacs[0]; i++)
        if (hmacs[i].alg == alg)
            return alg_hash(hmacs[i].hash, mac_len);
    return alg_hash(alg, mac_len);
}
