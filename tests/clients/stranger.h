/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stranger.h: SDF as other vendors' headers declare it: structs packed, typedefs of their own, sizes chosen by
 * STRANGER_ECC_BITS (512 or 256) and STRANGER_RSA_BITS (2048 or 4096). Nothing of cardmux is included: programs that
 * were built long ago with such headers run with libsdf.so as they are.
 */
#ifndef STRANGER_H
#define STRANGER_H

#ifndef STRANGER_ECC_BITS
#define STRANGER_ECC_BITS 512
#endif
#ifndef STRANGER_RSA_BITS
#define STRANGER_RSA_BITS 2048
#endif

typedef unsigned char SGD_UCHAR;
typedef unsigned int SGD_UINT32;
typedef unsigned int SGD_RV; /* some have int; in a register it is the same */
typedef void *SGD_HANDLE;

#define SDR_OK          0x0
#define SDR_COMMFAIL    0x01000003
#define SDR_PARDENY     0x01000007
#define SDR_KEYNOTEXIST 0x01000008
#define SDR_STEPERR     0x01000010
#define SDR_INARGERR    0x0100001D

#define SGD_SM3     0x00000001
#define SGD_SM4_ECB 0x00000401
#define SGD_SM4_CBC 0x00000402
#define SGD_SM4_CFB 0x00000404
#define SGD_SM4_OFB 0x00000408
#define SGD_SM4_MAC 0x00000410
#define SGD_SM4_CTR 0x00000420
#define SGD_SM4_GCM 0x02000400
#define SGD_SM2_1   0x00020100 /* the older numbering */
#define SGD_SM2_3   0x00020400

#pragma pack(1)
typedef struct {
    SGD_UCHAR IssuerName[40];
    SGD_UCHAR DeviceName[16];
    SGD_UCHAR DeviceSerial[16];
    SGD_UINT32 DeviceVersion;
    SGD_UINT32 StandardVersion;
    SGD_UINT32 AsymAlgAbility[2];
    SGD_UINT32 SymAlgAbility;
    SGD_UINT32 HashAlgAbility;
    SGD_UINT32 BufferSize;
} DEVICEINFO;

#define RSA_LEN (STRANGER_RSA_BITS / 8)
typedef struct {
    SGD_UINT32 bits;
    SGD_UCHAR m[RSA_LEN];
    SGD_UCHAR e[RSA_LEN];
} RSArefPublicKey;

#define ECC_LEN (STRANGER_ECC_BITS / 8)
typedef struct {
    SGD_UINT32 bits;
    SGD_UCHAR x[ECC_LEN];
    SGD_UCHAR y[ECC_LEN];
} ECCrefPublicKey;

typedef struct {
    SGD_UINT32 bits;
    SGD_UCHAR D[ECC_LEN];
} ECCrefPrivateKey;

typedef struct {
    SGD_UCHAR x[ECC_LEN];
    SGD_UCHAR y[ECC_LEN];
    SGD_UCHAR M[32];
    SGD_UINT32 L;
    SGD_UCHAR C[136];
} ECCCipher;

typedef struct {
    SGD_UCHAR r[ECC_LEN];
    SGD_UCHAR s[ECC_LEN];
} ECCSignature;
#pragma pack()

#define S SGD_HANDLE hSessionHandle
#define U SGD_UINT32
#define B SGD_UCHAR *
SGD_RV SDF_OpenDevice(SGD_HANDLE *phDeviceHandle);
SGD_RV SDF_CloseDevice(SGD_HANDLE hDeviceHandle);
SGD_RV SDF_OpenSession(SGD_HANDLE hDeviceHandle, SGD_HANDLE *phSessionHandle);
SGD_RV SDF_CloseSession(S);
SGD_RV SDF_GetDeviceInfo(S, DEVICEINFO *pstDeviceInfo);
SGD_RV SDF_GenerateRandom(S, U uiLength, B pucRandom);
SGD_RV SDF_GetPrivateKeyAccessRight(S, U uiKeyIndex, B pucPassword, U uiPwdLength);
SGD_RV SDF_ReleasePrivateKeyAccessRight(S, U uiKeyIndex);
SGD_RV SDF_ExportSignPublicKey_RSA(S, U uiKeyIndex, RSArefPublicKey *pucPublicKey);
SGD_RV SDF_ExportSignPublicKey_ECC(S, U uiKeyIndex, ECCrefPublicKey *pucPublicKey);
SGD_RV SDF_ExportEncPublicKey_ECC(S, U uiKeyIndex, ECCrefPublicKey *pucPublicKey);
SGD_RV SDF_GenerateKeyPair_ECC(S, U uiAlgID, U uiKeyBits, ECCrefPublicKey *pub, ECCrefPrivateKey *priv);
SGD_RV SDF_GenerateKeyWithIPK_ECC(S, U uiIPKIndex, U uiKeyBits, ECCCipher *pucKey, SGD_HANDLE *phKeyHandle);
SGD_RV SDF_GenerateKeyWithEPK_ECC(S, U uiKeyBits, U uiAlgID, ECCrefPublicKey *pub, ECCCipher *pucKey, SGD_HANDLE *ph);
SGD_RV SDF_ImportKeyWithISK_ECC(S, U uiISKIndex, ECCCipher *pucKey, SGD_HANDLE *phKeyHandle);
SGD_RV SDF_GenerateKeyWithKEK(S, U uiKeyBits, U uiAlgID, U uiKEKIndex, B pucKey, U *puiKeyLength, SGD_HANDLE *ph);
SGD_RV SDF_ImportKeyWithKEK(S, U uiAlgID, U uiKEKIndex, B pucKey, U uiKeyLength, SGD_HANDLE *ph);
SGD_RV SDF_DestroyKey(S, SGD_HANDLE hKeyHandle);
SGD_RV SDF_ExternalPublicKeyOperation_RSA(S, RSArefPublicKey *pub, B in, U len, B out, U *out_len);
SGD_RV SDF_InternalPrivateKeyOperation_RSA(S, U uiKeyIndex, B in, U len, B out, U *out_len);
SGD_RV SDF_ExternalVerify_ECC(S, U uiAlgID, ECCrefPublicKey *pub, B data, U len, ECCSignature *signature);
SGD_RV SDF_InternalSign_ECC(S, U uiISKIndex, B data, U len, ECCSignature *signature);
SGD_RV SDF_InternalVerify_ECC(S, U uiIPKIndex, B data, U len, ECCSignature *signature);
SGD_RV SDF_ExternalEncrypt_ECC(S, U uiAlgID, ECCrefPublicKey *pub, B data, U len, ECCCipher *cipher);
SGD_RV SDF_InternalDecrypt_ECC(S, U uiISKIndex, U uiAlgID, ECCCipher *cipher, B data, U *len);
SGD_RV SDF_Encrypt(S, SGD_HANDLE key, U uiAlgID, B pucIV, B in, U len, B out, U *out_len);
SGD_RV SDF_Decrypt(S, SGD_HANDLE key, U uiAlgID, B pucIV, B in, U len, B out, U *out_len);
SGD_RV SDF_CalculateMAC(S, SGD_HANDLE key, U uiAlgID, B pucIV, B in, U len, B mac, U *mac_len);
SGD_RV SDF_HashInit(S, U uiAlgID, ECCrefPublicKey *pub, B id, U id_len);
SGD_RV SDF_HashUpdate(S, B data, U len);
SGD_RV SDF_HashFinal(S, B hash, U *hash_len);
SGD_RV SDF_EncryptInit(S, SGD_HANDLE key, U uiAlgID, B iv, U iv_len);
SGD_RV SDF_EncryptUpdate(S, B in, U len, B out, U *out_len);
SGD_RV SDF_EncryptFinal(S, B out, U *out_len);
SGD_RV SDF_AuthEnc(S, SGD_HANDLE key, U alg, B nonce, U nonce_len, B aad, U aad_len, B in, U len, B out, U *out_len,
                   B tag, U *tag_len);
SGD_RV SDF_CreateFile(S, B name, U name_len, U size);
SGD_RV SDF_ReadFile(S, B name, U name_len, U offset, U *len, B bytes);
SGD_RV SDF_WriteFile(S, B name, U name_len, U offset, U len, B bytes);
SGD_RV SDF_DeleteFile(S, B name, U name_len);
#undef S
#undef U
#undef B

#endif
