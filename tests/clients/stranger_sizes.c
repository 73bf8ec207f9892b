/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stranger_sizes: every structure of another vendor's header, in the sizes that stranger.h was told, through the
 * functions that read and write it. Each object is exactly as long as its type, with a canary behind. Exits 1 where
 * something is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/clients/stranger.h"

#define CANARY 0xa5

static int wrong;

#define NEED(truth) need((truth), #truth, __LINE__)

static int need(int truth, const char *what, int line)
{
    if (!truth)
        fprintf(stderr, "stranger_sizes (ECC %d, RSA %d): line %d: %s\n", STRANGER_ECC_BITS, STRANGER_RSA_BITS, line,
                what);
    wrong += !truth;
    return truth;
}

/* An object of its own on the heap, where the sanitizers see one byte too much; without them the canary does. */
static void *object(size_t size)
{
    unsigned char *bytes = malloc(size + 16);
    memset(bytes, CANARY, size + 16);
    return bytes;
}

static void gone(void *object, size_t size)
{
    unsigned char *bytes = object;
    for (size_t i = size; i < size + 16; i++)
        NEED(bytes[i] == CANARY);
    free(bytes);
}

static int is_right_aligned(const SGD_UCHAR *field)
{
    for (int i = 0; i < ECC_LEN - 32; i++)
        if (field[i])
            return 0;
    return 1;
}

static void signatures(SGD_HANDLE s)
{
    ECCrefPublicKey *key = object(sizeof *key);
    ECCSignature *signature = object(sizeof *signature);
    SGD_UCHAR digest[32] = {1, 2, 3};
    NEED(SDF_ExportSignPublicKey_ECC(s, 1, key) == SDR_OK);
    NEED(key->bits == 256 && is_right_aligned(key->x) && is_right_aligned(key->y));
    NEED(SDF_InternalSign_ECC(s, 1, digest, 32, signature) == SDR_OK);
    NEED(is_right_aligned(signature->r) && is_right_aligned(signature->s));
    NEED(SDF_InternalVerify_ECC(s, 1, digest, 32, signature) == SDR_OK);
    NEED(SDF_ExternalVerify_ECC(s, SGD_SM2_1, key, digest, 32, signature) == SDR_OK);
    signature->s[ECC_LEN - 1] ^= 1;
    NEED(SDF_ExternalVerify_ECC(s, SGD_SM2_1, key, digest, 32, signature) != SDR_OK);
    gone(key, sizeof *key);
    gone(signature, sizeof *signature);
}

static void ciphers(SGD_HANDLE s)
{
    ECCrefPublicKey *key = object(sizeof *key);
    ECCrefPrivateKey *secret = object(sizeof *secret);
    ECCCipher *cipher = object(sizeof *cipher);
    SGD_UCHAR text[136], back[136];
    SGD_UINT32 len = 0xffffffff;
    memset(text, 7, sizeof text);
    NEED(SDF_ExportEncPublicKey_ECC(s, 1, key) == SDR_OK);
    NEED(SDF_ExternalEncrypt_ECC(s, SGD_SM2_3, key, text, sizeof text, cipher) == SDR_OK && cipher->L == sizeof text);
    NEED(SDF_InternalDecrypt_ECC(s, 1, SGD_SM2_3, cipher, back, &len) == SDR_OK && len == sizeof text);
    NEED(memcmp(text, back, sizeof text) == 0);
    NEED(SDF_GenerateKeyPair_ECC(s, SGD_SM2_1, 256, key, secret) == SDR_OK && key->bits == 256 && secret->bits == 256);
    NEED(SDF_ExternalEncrypt_ECC(s, SGD_SM2_3, key, text, 16, cipher) == SDR_OK && cipher->L == 16);
    gone(key, sizeof *key);
    gone(secret, sizeof *secret);
    gone(cipher, sizeof *cipher);
}

static void keys(SGD_HANDLE s)
{
    ECCCipher *cipher = object(sizeof *cipher);
    ECCrefPublicKey *key = object(sizeof *key);
    SGD_HANDLE made, taken;
    SGD_UCHAR block[16] = {9}, one[16], other[16], digest[32];
    SGD_UINT32 n;
    NEED(SDF_GenerateKeyWithIPK_ECC(s, 1, 128, cipher, &made) == SDR_OK && cipher->L == 16);
    NEED(SDF_ImportKeyWithISK_ECC(s, 1, cipher, &taken) == SDR_OK);
    NEED(SDF_Encrypt(s, made, SGD_SM4_ECB, NULL, block, 16, one, &n) == SDR_OK);
    NEED(SDF_Encrypt(s, taken, SGD_SM4_ECB, NULL, block, 16, other, &n) == SDR_OK && memcmp(one, other, 16) == 0);
    NEED(SDF_ExportEncPublicKey_ECC(s, 1, key) == SDR_OK);
    NEED(SDF_GenerateKeyWithEPK_ECC(s, 128, SGD_SM2_3, key, cipher, &made) == SDR_OK);
    NEED(SDF_ImportKeyWithISK_ECC(s, 1, cipher, &taken) == SDR_OK);
    NEED(SDF_HashInit(s, SGD_SM3, key, (SGD_UCHAR *)"1234567812345678", 16) == SDR_OK);
    NEED(SDF_HashFinal(s, digest, &n) == SDR_OK && n == 32);
    gone(cipher, sizeof *cipher);
    gone(key, sizeof *key);
}

static void rsa(SGD_HANDLE s)
{
    RSArefPublicKey *key = object(sizeof *key);
    SGD_UCHAR in[256] = {0, 1, 2}, sealed[256], out[256];
    SGD_UINT32 n = 0xffffffff;
    NEED(SDF_ExportSignPublicKey_RSA(s, 1, key) == SDR_OK && key->bits == 2048);
    NEED(SDF_InternalPrivateKeyOperation_RSA(s, 1, in, 256, sealed, &n) == SDR_OK && n == 256);
    NEED(SDF_ExternalPublicKeyOperation_RSA(s, key, sealed, 256, out, &n) == SDR_OK && memcmp(in, out, 256) == 0);
    gone(key, sizeof *key);
}

int main(void)
{
    SGD_HANDLE device, session;
    DEVICEINFO *info = object(sizeof *info);
    setenv("CARDMUX_ECC_BITS", STRANGER_ECC_BITS == 256 ? "256" : "", 1);
    setenv("CARDMUX_RSA_BITS", STRANGER_RSA_BITS == 4096 ? "4096" : "", 1);
    if (!NEED(SDF_OpenDevice(&device) == SDR_OK) || !NEED(SDF_OpenSession(device, &session) == SDR_OK))
        return 1;
    NEED(sizeof *info == 100 && SDF_GetDeviceInfo(session, info) == SDR_OK);
    gone(info, sizeof *info);
    NEED(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0) == SDR_OK);
    signatures(session);
    ciphers(session);
    keys(session);
    rsa(session);
    NEED(SDF_CloseDevice(device) == SDR_OK); /* as many programs do, without closing the session */
    return wrong != 0;
}
