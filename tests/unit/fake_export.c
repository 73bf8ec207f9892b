/* SPDX-License-Identifier: Apache-2.0 */
/* fake_export.c: session keys out of fake_link.c's back end, made with the raw numbers of the judges. */
#include "tests/unit/fake_export.h"

#include <openssl/evp.h>
#include <string.h>
#include "cardmux/sdf.h"
#include "tests/clients/rsa_raw.h"
#include "tests/clients/sm2_raw.h"

bool fake_export_has(uint16_t op)
{
    return op == CM_OP_KEY_EXPORT_EPK || op == CM_OP_KEY_EXPORT_EPK_RSA || op == CM_OP_KEY_EXPORT_KEK;
}

static uint32_t give(struct call *call, const uint8_t *bytes, size_t len)
{
    memcpy(call->out, bytes, len);
    call->out_len = len;
    return SDR_OK;
}

/* A KEK's, by its handle. */
static bool is_kek(const uint8_t *key, size_t len)
{
    size_t same = 0;
    while (same < len && key[same] == 0x4b)
        same++;
    return same == len;
}

/* KEK 1 has sixteen bytes 0x4b; 2 has an access code, and nobody has the right; there is no other. */
static uint32_t by_kek(struct call *call, const uint8_t *key, size_t len)
{
    const EVP_CIPHER *cipher = call->alg == SGD_SM4_ECB   ? EVP_sm4_ecb()
                               : call->alg == SGD_SM4_CBC ? EVP_sm4_cbc()
                               : call->alg == SGD_AES_ECB ? EVP_aes_128_ecb()
                                                          : EVP_aes_128_cbc();
    uint8_t kek[16], iv[16] = {0}, out[64];
    int n = 0;
    if (call->arg != 1)
        return call->arg == 2 ? SDR_PARDENY : SDR_KEYNOTEXIST;
    if (len % 16)
        return SDR_INARGERR;
    memset(kek, 0x4b, sizeof kek);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = EVP_EncryptInit_ex(ctx, cipher, NULL, kek, iv) && EVP_CIPHER_CTX_set_padding(ctx, 0) &&
              EVP_EncryptUpdate(ctx, out, &n, key, (int)len);
    EVP_CIPHER_CTX_free(ctx);
    return ok ? give(call, out, (size_t)n) : SDR_SYMOPERR;
}

uint32_t fake_export(struct call *call, const uint8_t *key, size_t len)
{
    const uint8_t *to = call->op == CM_OP_KEY_EXPORT_EPK ? call->param : call->data;
    size_t modulus = call->data_len - 8;
    uint8_t out[RSA_RAW_MAX];
    if ((len != 16 && len != 24 && len != 32) || is_kek(key, len))
        return SDR_KEYTYPEERR;
    if (call->op == CM_OP_KEY_EXPORT_KEK)
        return by_kek(call, key, len);
    if (call->op == CM_OP_KEY_EXPORT_EPK)
        return sm2_raw_encrypt(to, key, len, out) ? give(call, out, SM2_HEAD + len) : SDR_KEYERR;
    if (!(to[modulus - 1] & 1) || !(to[modulus + 7] & 1))
        return SDR_KEYERR;
    return rsa_raw_wrap(to, modulus, key, len, out) ? give(call, out, modulus) : SDR_KEYERR;
}
