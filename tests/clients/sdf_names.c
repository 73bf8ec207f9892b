/* SPDX-License-Identifier: Apache-2.0 */
/* sdf_names.c: names of vendors' headers that programs use which are built with sdf.h. That it compiles is the test. */
#include "cardmux/sdf.h"

SGD_RV sdf_names(SGD_HANDLE session, SGD_UCHAR *bytes, SGD_UINT32 len);

_Static_assert(SGD_SMS4_ECB == 0x401 && SGD_SMS4_CBC == 0x402 && SGD_SMS4_CFB == 0x404 && SGD_SMS4_OFB == 0x408,
               "SMS4");
_Static_assert(SGD_SMS4_MAC == 0x410 && SGD_SMS4_CTR == 0x420, "SMS4");
_Static_assert(sizeof(ECCrefPrivateKey) == 68 && sizeof(ECCrefPublicKey) == 132, "no padding");

SGD_RV sdf_names(SGD_HANDLE session, SGD_UCHAR *bytes, SGD_UINT32 len)
{
    ECCrefPrivateKey key = {256, {{1, 2, 3}}};
    SGD_RV status = (SGD_RV)SDF_GenerateRandom(session, len, bytes);
    return key.K[2] == 3 && key.D[2] == 3 ? status : SDR_UNKNOWERR;
}
