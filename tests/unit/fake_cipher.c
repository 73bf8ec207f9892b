/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_cipher.h"

#include <openssl/evp.h>
#include <stdio.h>
#include "cardmux/sdf.h"

static const EVP_CIPHER *cipher_of(uint32_t alg, size_t key_len)
{
    bool aes = (alg & ~0xffu) == SGD_AES;
    char name[16];
    static const char *const modes[] = {[SGD_ECB] = "ECB", [SGD_CBC] = "CBC", [SGD_CFB] = "CFB",
                                        [SGD_OFB] = "OFB", [SGD_MAC] = "CBC", [SGD_CTR] = "CTR"};
    const char *mode = (alg & 0xff) <= SGD_CTR ? modes[alg & 0xff] : NULL;
    if (!mode || (!aes && key_len != 16))
        return NULL;
    if (aes)
        snprintf(name, sizeof name, "AES-%zu-%s", key_len * 8, mode);
    else
        snprintf(name, sizeof name, "SM4-%s", mode);
    return EVP_get_cipherbyname(name);
}

uint32_t fake_cipher(const uint8_t *key, size_t key_len, uint32_t alg, bool encrypt, uint8_t *iv, const uint8_t *in,
                     size_t len, uint8_t *out)
{
    uint32_t family = alg & ~0xffu, mode = alg & 0xff;
    if (family != SGD_SM4 && family != SGD_AES)
        return SDR_ALGNOTSUPPORT;
    const EVP_CIPHER *cipher = cipher_of(alg, key_len);
    if (!cipher)
        return SDR_KEYERR;
    if ((mode == SGD_ECB || mode == SGD_CBC || mode == SGD_MAC) && len % 16 != 0)
        return SDR_INARGERR;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    bool ok = EVP_CipherInit_ex(ctx, cipher, NULL, key, iv, encrypt) && EVP_CIPHER_CTX_set_padding(ctx, 0) &&
              EVP_CipherUpdate(ctx, out, &n, in, (int)len);
    if (mode != SGD_ECB)
        EVP_CIPHER_CTX_get_updated_iv(ctx, iv, 16);
    EVP_CIPHER_CTX_free(ctx);
    return ok && (size_t)n == len ? SDR_OK : SDR_SYMOPERR;
}
