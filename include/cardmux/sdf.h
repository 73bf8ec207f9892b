/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdf.h: the interface of cryptographic devices: GM/T 0018-2012, what GM/T 0018-2023 added to it, and the extensions
 * that vendors' headers carry. docs/sdf-coverage.md says of each function whether it works.
 *
 * Lengths are bytes unless a name says Bits. Big integers are big-endian and right-aligned in their fixed fields; what
 * is above the lowest 32 bytes must be 0. Digests to sign and verify are 32 bytes: e = SM3(Z || M), never the message.
 * RSA structs are declared for keys up to 2048 bits, the older and common layout; see SGD_RSA_MAX_BITS.
 *
 * Return: SDR_OK or an SDR_ code (GM/T 0018 annex A). Nothing is written on failure, except that a long Encrypt,
 * Decrypt, AuthEnc or GenerateRandom that failed in the middle has written the beginning of its output. A function that is not
 * there yet, or that the host does not allow, answers SDR_NOTSUPPORT on a live session.
 *
 * Buffers: every puiLength is written only, never read as a capacity, except puiReadLength of SDF_ReadFile and
 * puiLastDataLength of SDF_AuthDecFinal; an output buffer of NULL asks for the length alone (Encrypt, Decrypt,
 * CalculateMAC, InternalDecrypt_ECC, GenerateKeyWithKEK, AuthEnc, AuthDec, updates, ends; ReadFile: how much there is
 * from the offset on). Input and output of Encrypt and Decrypt, of AuthEnc and AuthDec, and of their updates may be the
 * same buffer or overlap. One call takes up to 4 GiB - 1.
 *
 * Symmetric: there is no padding. ECB, CBC and MAC take multiples of 16 bytes, else SDR_INARGERR; CFB, OFB, CTR any
 * length; CTR counts all 128 bits. Of no bytes at all Encrypt and Decrypt give SDR_OK and length 0, a MAC SDR_INARGERR.
 * XTS takes one data unit in a call, of 16 bytes to 16 MiB; pucIV is its tweak, not written; its key is two of them.
 * SGD_SM3 in CalculateMAC is HMAC-SM3 with a session key, of any length. pucIV is 16 bytes, read and written so that
 * calls chain, written only if it changed; it may be NULL for ECB and HMAC.
 *
 * In several calls (...Init, ...Update, ...Final; one of each kind in a session): updates take any length. EncryptUpdate
 * gives the full blocks that it has, so up to 15 bytes more than it takes (XTS keeps back up to 31); EncryptFinal what is
 * left, nothing for ECB and CBC. The IV is only read. A wrong argument does not end the operation, an error of the card
 * does; Init begins anew. Out of order: SDR_STEPERR.
 *
 * Authenticated: GCM with a nonce of 1 to 64 bytes, CCM with 7 to 13. Encrypting gives tags of 16 bytes; decrypting takes
 * 8 and 12 to 16, CCM even ones from 8. A tag that does not hold is SDR_MACERR, and not a byte of plaintext is written:
 * AuthDecUpdate gives none until the last byte of the length named in AuthDecInit has come and the tag held. That update
 * gives the beginning of the plaintext, at most as many bytes as it was given, so all of it if it is the only one;
 * AuthDecFinal gives the rest, reads in *puiLastDataLength how much room there is, and answers SDR_NOBUFFER with the
 * length needed where that is too little, or asked with NULL. GCM may name the length 0, not known: then all comes from
 * AuthDecFinal. The library holds as much memory as the message is long. uiAuthDataLength of SDF_AuthDec may be the
 * length itself, which some headers have in the pointer's place.
 *
 * HMACInit takes a hash's number; there 8 and 0x10 are HMAC-SM3 and HMAC-SHA256 (GM/T 0006-2023), so HMAC with SHA-512
 * and SHA-384 are SGD_SHA512_B and SGD_SHA384_B.
 *
 * SM2 identifiers are taken in either numbering of the field, SGD_SM3_SM2 among them: the function says what they are
 * for. InternalEncrypt_ECC and InternalDecrypt_ECC also serve callers that were built without uiAlgID. libsdf(3) tells what
 * the environment must say for programs whose headers differ from this one in what no call shows.
 *
 * Handles are checked: one that is foreign, closed, destroyed, of another session or of the wrong kind is SDR_INARGERR.
 * A restart of the host's daemon: what needs a lost session gets SDR_COMMFAIL once, then a lost key is SDR_KEYNOTEXIST,
 * a lost hash SDR_STEPERR as without SDF_HashInit. A hash of which an update failed has ended.
 * SDF_OpenDevice may be called many times; each SDF_CloseDevice closes the sessions opened through its handle, with
 * their keys.
 *
 * Threads: any function from any thread; calls on one session are put in order by the library. A close during a call
 * of another thread takes effect when that call ends.
 * Fork: a child has its parent's device and session handles and may use them, each process for itself. What sessions
 * held (rights, keys, what runs in the host) is not there: to the child that is as if the daemon had been restarted. A
 * session on which another thread was in mid-call is SDR_INARGERR there.
 */
#ifndef CARDMUX_SDF_H
#define CARDMUX_SDF_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SDF_API       __attribute__((visibility("default")))
#define SDF_EXTENSION __extension__ /* unions without a name, before C11 */
#else
#define SDF_API
#define SDF_EXTENSION
#endif

/* Names for types that many programs use. */
typedef char SGD_CHAR;
typedef unsigned char SGD_UCHAR;
typedef int SGD_INT32;
typedef unsigned int SGD_UINT32;
typedef unsigned int SGD_RV;
typedef void *SGD_HANDLE;

/* Algorithm identifiers: GM/T 0006. A symmetric id is cipher | mode. */
#define SGD_ECB   0x00000001u
#define SGD_CBC   0x00000002u
#define SGD_CFB   0x00000004u
#define SGD_OFB   0x00000008u
#define SGD_MAC   0x00000010u
#define SGD_CTR   0x00000020u
#define SGD_SM1   0x00000100u
#define SGD_SSF33 0x00000200u
#define SGD_SM4   0x00000400u
#define SGD_ZUC   0x00000800u
#define SGD_AES   0x00002000u /* vendors' extension */

#define SGD_SM1_ECB (SGD_SM1 | SGD_ECB)
#define SGD_SM1_CBC (SGD_SM1 | SGD_CBC)
#define SGD_SM1_CFB (SGD_SM1 | SGD_CFB)
#define SGD_SM1_OFB (SGD_SM1 | SGD_OFB)
#define SGD_SM1_MAC (SGD_SM1 | SGD_MAC)
#define SGD_SM1_CTR (SGD_SM1 | SGD_CTR)
#define SGD_SM4_ECB (SGD_SM4 | SGD_ECB)
#define SGD_SM4_CBC (SGD_SM4 | SGD_CBC)
#define SGD_SM4_CFB (SGD_SM4 | SGD_CFB)
#define SGD_SM4_OFB (SGD_SM4 | SGD_OFB)
#define SGD_SM4_MAC (SGD_SM4 | SGD_MAC)
#define SGD_SM4_CTR (SGD_SM4 | SGD_CTR)
/* SM4 under the name that it had first */
#define SGD_SMS4     SGD_SM4
#define SGD_SMS4_ECB SGD_SM4_ECB
#define SGD_SMS4_CBC SGD_SM4_CBC
#define SGD_SMS4_CFB SGD_SM4_CFB
#define SGD_SMS4_OFB SGD_SM4_OFB
#define SGD_SMS4_MAC SGD_SM4_MAC
#define SGD_SMS4_CTR SGD_SM4_CTR
#define SGD_AES_ECB (SGD_AES | SGD_ECB)
#define SGD_AES_CBC (SGD_AES | SGD_CBC)
#define SGD_AES_CFB (SGD_AES | SGD_CFB)
#define SGD_AES_OFB (SGD_AES | SGD_OFB)
#define SGD_AES_MAC (SGD_AES | SGD_MAC)
#define SGD_AES_CTR (SGD_AES | SGD_CTR)

/*
 * Authenticated encryption, and sectors (data units): GM/T 0006-2023 for SM4; for AES the same bits by extension.
 * SGD_SM4_XTS is XTS as GB/T 17964 has it, which counts bits of the tweak from the other end than IEEE 1619 does; of
 * the two, AES has the latter's. SM4 in the manner of IEEE 1619 has no number in the field: SGD_SM4_XTS_IEEE is ours.
 * 0x00000440 and 0x02000402, which some headers have for XTS of SM4, are taken for SGD_SM4_XTS, and 0x00002040 for
 * SGD_AES_XTS.
 */
#define SGD_XTS          0x01000000u
#define SGD_GCM          0x02000000u
#define SGD_CCM          0x04000000u
#define SGD_XTS_IEEE     0x08000000u
#define SGD_SM4_XTS      (SGD_SM4 | SGD_XTS)
#define SGD_SM4_GCM      (SGD_SM4 | SGD_GCM)
#define SGD_SM4_CCM      (SGD_SM4 | SGD_CCM)
#define SGD_SM4_XTS_IEEE (SGD_SM4 | SGD_XTS_IEEE)
#define SGD_AES_XTS      (SGD_AES | SGD_XTS)
#define SGD_AES_GCM      (SGD_AES | SGD_GCM)
#define SGD_AES_CCM      (SGD_AES | SGD_CCM)

#define SGD_RSA      0x00010000u
#define SGD_RSA_SIGN 0x00010100u
#define SGD_RSA_ENC  0x00010200u
#define SGD_SM2      0x00020100u
#define SGD_SM2_1    0x00020200u /* signature */
#define SGD_SM2_2    0x00020400u /* key exchange */
#define SGD_SM2_3    0x00020800u /* encryption */

/* ECDSA on P-256 has no number in GM/T 0006; this is cardmux's own. */
#define SGD_ECDSA      0x00040000u
#define SGD_ECDSA_P256 0x00040100u

#define SGD_SM3    0x00000001u
#define SGD_SHA1   0x00000002u
#define SGD_SHA256 0x00000004u
/* SHA-2 has two numberings in the field; the library takes both. */
#define SGD_SHA512   0x00000008u
#define SGD_SHA384   0x00000010u
#define SGD_SHA224   0x00000020u
#define SGD_SHA224_B 0x00000003u
#define SGD_SHA384_B 0x00000005u
#define SGD_SHA512_B 0x00000006u
#define SGD_SHA3_256 0x00001004u
#define SGD_SHA3_512 0x00001008u
#define SGD_SHA3_384 0x00001010u
#define SGD_SHA3_224 0x00001020u

#define SGD_SM3_SM2 0x00020201u
#define SGD_SM9_1   0x00080100u /* signature */
#define SGD_SM9_2   0x00080200u /* key exchange */
#define SGD_SM9_3   0x00080400u /* encryption */

/* Error codes: GM/T 0018 annex A. */
#define SDR_OK               0x00000000
#define SDR_BASE             0x01000000
#define SDR_UNKNOWERR        (SDR_BASE + 0x01)
#define SDR_NOTSUPPORT       (SDR_BASE + 0x02)
#define SDR_COMMFAIL         (SDR_BASE + 0x03)
#define SDR_HARDFAIL         (SDR_BASE + 0x04)
#define SDR_OPENDEVICE       (SDR_BASE + 0x05)
#define SDR_OPENSESSION      (SDR_BASE + 0x06)
#define SDR_PARDENY          (SDR_BASE + 0x07)
#define SDR_KEYNOTEXIST      (SDR_BASE + 0x08)
#define SDR_ALGNOTSUPPORT    (SDR_BASE + 0x09)
#define SDR_ALGMODNOTSUPPORT (SDR_BASE + 0x0A)
#define SDR_PKOPERR          (SDR_BASE + 0x0B)
#define SDR_SKOPERR          (SDR_BASE + 0x0C)
#define SDR_SIGNERR          (SDR_BASE + 0x0D)
#define SDR_VERIFYERR        (SDR_BASE + 0x0E)
#define SDR_SYMOPERR         (SDR_BASE + 0x0F)
#define SDR_STEPERR          (SDR_BASE + 0x10)
#define SDR_FILESIZEERR      (SDR_BASE + 0x11)
#define SDR_FILENOEXIST      (SDR_BASE + 0x12)
#define SDR_FILEOFSERR       (SDR_BASE + 0x13)
#define SDR_KEYTYPEERR       (SDR_BASE + 0x14)
#define SDR_KEYERR           (SDR_BASE + 0x15)
#define SDR_ENCDATAERR       (SDR_BASE + 0x16)
#define SDR_RANDERR          (SDR_BASE + 0x17)
#define SDR_PRKRERR          (SDR_BASE + 0x18)
#define SDR_MACERR           (SDR_BASE + 0x19)
#define SDR_FILEEXISTS       (SDR_BASE + 0x1A)
#define SDR_FILEEXSITS       SDR_FILEEXISTS /* as the 2012 text spells it */
#define SDR_FILEWERR         (SDR_BASE + 0x1B)
#define SDR_NOBUFFER         (SDR_BASE + 0x1C)
#define SDR_INARGERR         (SDR_BASE + 0x1D)
#define SDR_OUTARGERR        (SDR_BASE + 0x1E)
#define SDR_USERIDERR        (SDR_BASE + 0x1F)

/*
 * Vendors' headers have two sizes of RSA structs: 2048 bits (a public key of 516 bytes; the older one, GmSSL's, and
 * that of 2023) and 4096 bits (1028). This one has the first; with -DSGD_RSA_MAX_BITS=4096 it has the second. Both
 * kinds of programs use one library. Structs that go in are recognised: a modulus has its top bit set. For those that
 * come out the three functions that write one have a namesake for the large kind, which a program gets by building with
 * the macro. A program built with another header of the large kind says so by CARDMUX_RSA_BITS=4096 in its environment.
 *
 * RSA keys have 2048, 3072 or 4096 bits, else SDR_INARGERR, and public exponents up to 64. A key that is too long for
 * the struct it should be written to is SDR_OUTARGERR, and nothing is written. Internal operations use the signing pair
 * of an index, session keys the encrypting one. Operations are bare: as many bytes in and out as the modulus has, and a
 * value below it; padding is the caller's. Session keys are padded by PKCS #1 v1.5. The two internal operations also
 * serve callers whose header has uiKeyUsage behind the index, for signing or (0x00010200, ...400, ...800) encrypting.
 * The private one with an encrypting pair opens session keys' envelopes, and is SDR_NOTSUPPORT unless the operator
 * allows it (kek-handle).
 */
#ifdef SGD_RSA_MAX_BITS
#define RSAref_MAX_BITS SGD_RSA_MAX_BITS
#else
#define RSAref_MAX_BITS 2048
#endif
#if RSAref_MAX_BITS > 2048
#define SDF_ExportSignPublicKey_RSA SDF_ExportSignPublicKey_RSA_4096
#define SDF_ExportEncPublicKey_RSA  SDF_ExportEncPublicKey_RSA_4096
#define SDF_GenerateKeyPair_RSA     SDF_GenerateKeyPair_RSA_4096
#endif
#define RSAref_MAX_LEN   ((RSAref_MAX_BITS + 7) / 8)
#define RSAref_MAX_PBITS ((RSAref_MAX_BITS + 1) / 2)
#define RSAref_MAX_PLEN  ((RSAref_MAX_PBITS + 7) / 8)
#define ECCref_MAX_BITS  512
#define ECCref_MAX_LEN   ((ECCref_MAX_BITS + 7) / 8)

/*
 * Structs of elliptic curves have fields of 64 bytes, as the standard's text has them (a public key of 132 bytes). A
 * program built with an older header whose ECCref_MAX_BITS is 256 (68 bytes; a cipher has x, y, M, L, C in this order)
 * says so by CARDMUX_ECC_BITS=256 in its environment.
 */

/* No struct below has padding in front of its last byte: all fields are bytes or aligned 32-bit words. */
typedef struct DeviceInfo_st {
    unsigned char IssuerName[40]; /* text, padded with NUL, not always ended by one */
    unsigned char DeviceName[16];
    unsigned char DeviceSerial[16];
    unsigned int DeviceVersion;
    unsigned int StandardVersion;
    unsigned int AsymAlgAbility[2];
    unsigned int SymAlgAbility;
    unsigned int HashAlgAbility;
    unsigned int BufferSize;
} DEVICEINFO;

typedef struct RSArefPublicKey_st {
    unsigned int bits;
    unsigned char m[RSAref_MAX_LEN];
    unsigned char e[RSAref_MAX_LEN];
} RSArefPublicKey;

typedef struct RSArefPrivateKey_st {
    unsigned int bits;
    unsigned char m[RSAref_MAX_LEN];
    unsigned char e[RSAref_MAX_LEN];
    unsigned char d[RSAref_MAX_LEN];
    unsigned char prime[2][RSAref_MAX_PLEN];
    unsigned char pexp[2][RSAref_MAX_PLEN];
    unsigned char coef[RSAref_MAX_PLEN];
} RSArefPrivateKey;

typedef struct ECCrefPublicKey_st {
    unsigned int bits;
    unsigned char x[ECCref_MAX_LEN];
    unsigned char y[ECCref_MAX_LEN];
} ECCrefPublicKey;

typedef struct ECCrefPrivateKey_st {
    unsigned int bits;
    SDF_EXTENSION union {
        unsigned char K[ECCref_MAX_LEN];
        unsigned char D[ECCref_MAX_LEN]; /* as some vendors call it */
    };
} ECCrefPrivateKey;

/* C has L bytes, 255 at most, for which there is room here, so that a variable of this type holds any cipher. Headers
   declare other lengths, and programs allocate less: the library reads and writes 164 + L bytes, no more. */
typedef struct ECCCipher_st {
    unsigned char x[ECCref_MAX_LEN];
    unsigned char y[ECCref_MAX_LEN];
    unsigned char M[32];
    unsigned int L;
    unsigned char C[255];
} ECCCipher;

typedef struct ECCSignature_st {
    unsigned char r[ECCref_MAX_LEN];
    unsigned char s[ECCref_MAX_LEN];
} ECCSignature;

/* A key pair under a symmetric key that is under SM2 (2023; as GM/T 0016's ENVELOPEDKEYBLOB). The cipher comes last: it has PubKey's kind of C. */
typedef struct EnvelopedECCKey_st {
    unsigned int Version; /* 1 */
    unsigned int ulSymmAlgID;
    unsigned int ulBits;
    unsigned char cbEncryptedPriKey[ECCref_MAX_LEN];
    ECCrefPublicKey PubKey;
    ECCCipher ECCCipherBlob;
} EnvelopedECCKey;

/* GM/T 0018-2012 */
SDF_API int SDF_OpenDevice(void **phDeviceHandle);
SDF_API int SDF_CloseDevice(void *hDeviceHandle);
SDF_API int SDF_OpenSession(void *hDeviceHandle, void **phSessionHandle);
SDF_API int SDF_CloseSession(void *hSessionHandle);
SDF_API int SDF_GetDeviceInfo(void *hSessionHandle, DEVICEINFO *pstDeviceInfo);
SDF_API int SDF_GenerateRandom(void *hSessionHandle, unsigned int uiLength, unsigned char *pucRandom);
SDF_API int SDF_GetPrivateKeyAccessRight(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                                         unsigned int uiPwdLength);
SDF_API int SDF_ReleasePrivateKeyAccessRight(void *hSessionHandle, unsigned int uiKeyIndex);
SDF_API int SDF_ExportSignPublicKey_RSA(void *hSessionHandle, unsigned int uiKeyIndex, RSArefPublicKey *pucPublicKey);
SDF_API int SDF_ExportEncPublicKey_RSA(void *hSessionHandle, unsigned int uiKeyIndex, RSArefPublicKey *pucPublicKey);
SDF_API int SDF_GenerateKeyPair_RSA(void *hSessionHandle, unsigned int uiKeyBits, RSArefPublicKey *pucPublicKey,
                                    RSArefPrivateKey *pucPrivateKey);
SDF_API int SDF_GenerateKeyWithIPK_RSA(void *hSessionHandle, unsigned int uiIPKIndex, unsigned int uiKeyBits,
                                       unsigned char *pucKey, unsigned int *puiKeyLength, void **phKeyHandle);
SDF_API int SDF_GenerateKeyWithEPK_RSA(void *hSessionHandle, unsigned int uiKeyBits, RSArefPublicKey *pucPublicKey,
                                       unsigned char *pucKey, unsigned int *puiKeyLength, void **phKeyHandle);
SDF_API int SDF_ImportKeyWithISK_RSA(void *hSessionHandle, unsigned int uiISKIndex, unsigned char *pucKey,
                                     unsigned int uiKeyLength, void **phKeyHandle);
SDF_API int SDF_ExchangeDigitEnvelopeBaseOnRSA(void *hSessionHandle, unsigned int uiKeyIndex,
                                               RSArefPublicKey *pucPublicKey, unsigned char *pucDEInput,
                                               unsigned int uiDELength, unsigned char *pucDEOutput,
                                               unsigned int *puiDELength);
SDF_API int SDF_ExportSignPublicKey_ECC(void *hSessionHandle, unsigned int uiKeyIndex, ECCrefPublicKey *pucPublicKey);
SDF_API int SDF_ExportEncPublicKey_ECC(void *hSessionHandle, unsigned int uiKeyIndex, ECCrefPublicKey *pucPublicKey);
SDF_API int SDF_GenerateKeyPair_ECC(void *hSessionHandle, unsigned int uiAlgID, unsigned int uiKeyBits,
                                    ECCrefPublicKey *pucPublicKey, ECCrefPrivateKey *pucPrivateKey);
SDF_API int SDF_GenerateKeyWithIPK_ECC(void *hSessionHandle, unsigned int uiIPKIndex, unsigned int uiKeyBits,
                                       ECCCipher *pucKey, void **phKeyHandle);
SDF_API int SDF_GenerateKeyWithEPK_ECC(void *hSessionHandle, unsigned int uiKeyBits, unsigned int uiAlgID,
                                       ECCrefPublicKey *pucPublicKey, ECCCipher *pucKey, void **phKeyHandle);
SDF_API int SDF_ImportKeyWithISK_ECC(void *hSessionHandle, unsigned int uiISKIndex, ECCCipher *pucKey,
                                     void **phKeyHandle);
SDF_API int SDF_GenerateAgreementDataWithECC(void *hSessionHandle, unsigned int uiISKIndex, unsigned int uiKeyBits,
                                             unsigned char *pucSponsorID, unsigned int uiSponsorIDLength,
                                             ECCrefPublicKey *pucSponsorPublicKey,
                                             ECCrefPublicKey *pucSponsorTmpPublicKey, void **phAgreementHandle);
SDF_API int SDF_GenerateKeyWithECC(void *hSessionHandle, unsigned char *pucResponseID, unsigned int uiResponseIDLength,
                                   ECCrefPublicKey *pucResponsePublicKey, ECCrefPublicKey *pucResponseTmpPublicKey,
                                   void *hAgreementHandle, void **phKeyHandle);
SDF_API int SDF_GenerateAgreementDataAndKeyWithECC(void *hSessionHandle, unsigned int uiISKIndex,
                                                   unsigned int uiKeyBits, unsigned char *pucResponseID,
                                                   unsigned int uiResponseIDLength, unsigned char *pucSponsorID,
                                                   unsigned int uiSponsorIDLength, ECCrefPublicKey *pucSponsorPublicKey,
                                                   ECCrefPublicKey *pucSponsorTmpPublicKey,
                                                   ECCrefPublicKey *pucResponsePublicKey,
                                                   ECCrefPublicKey *pucResponseTmpPublicKey, void **phKeyHandle);
SDF_API int SDF_ExchangeDigitEnvelopeBaseOnECC(void *hSessionHandle, unsigned int uiKeyIndex, unsigned int uiAlgID,
                                               ECCrefPublicKey *pucPublicKey, ECCCipher *pucEncDataIn,
                                               ECCCipher *pucEncDataOut);
SDF_API int SDF_GenerateKeyWithKEK(void *hSessionHandle, unsigned int uiKeyBits, unsigned int uiAlgID,
                                   unsigned int uiKEKIndex, unsigned char *pucKey, unsigned int *puiKeyLength,
                                   void **phKeyHandle);
SDF_API int SDF_ImportKeyWithKEK(void *hSessionHandle, unsigned int uiAlgID, unsigned int uiKEKIndex,
                                 unsigned char *pucKey, unsigned int uiKeyLength, void **phKeyHandle);
SDF_API int SDF_DestroyKey(void *hSessionHandle, void *hKeyHandle);
SDF_API int SDF_ExternalPublicKeyOperation_RSA(void *hSessionHandle, RSArefPublicKey *pucPublicKey,
                                               unsigned char *pucDataInput, unsigned int uiInputLength,
                                               unsigned char *pucDataOutput, unsigned int *puiOutputLength);
SDF_API int SDF_InternalPublicKeyOperation_RSA(void *hSessionHandle, unsigned int uiKeyIndex,
                                               unsigned char *pucDataInput, unsigned int uiInputLength,
                                               unsigned char *pucDataOutput, unsigned int *puiOutputLength);
SDF_API int SDF_InternalPrivateKeyOperation_RSA(void *hSessionHandle, unsigned int uiKeyIndex,
                                                unsigned char *pucDataInput, unsigned int uiInputLength,
                                                unsigned char *pucDataOutput, unsigned int *puiOutputLength);
SDF_API int SDF_ExternalVerify_ECC(void *hSessionHandle, unsigned int uiAlgID, ECCrefPublicKey *pucPublicKey,
                                   unsigned char *pucDataInput, unsigned int uiInputLength, ECCSignature *pucSignature);
SDF_API int SDF_InternalSign_ECC(void *hSessionHandle, unsigned int uiISKIndex, unsigned char *pucData,
                                 unsigned int uiDataLength, ECCSignature *pucSignature);
SDF_API int SDF_InternalVerify_ECC(void *hSessionHandle, unsigned int uiIPKIndex, unsigned char *pucData,
                                   unsigned int uiDataLength, ECCSignature *pucSignature);
SDF_API int SDF_ExternalEncrypt_ECC(void *hSessionHandle, unsigned int uiAlgID, ECCrefPublicKey *pucPublicKey,
                                    unsigned char *pucData, unsigned int uiDataLength, ECCCipher *pucEncData);
SDF_API int SDF_InternalEncrypt_ECC(void *hSessionHandle, unsigned int uiIPKIndex, unsigned int uiAlgID,
                                    unsigned char *pucData, unsigned int uiDataLength, ECCCipher *pucEncData);
SDF_API int SDF_InternalDecrypt_ECC(void *hSessionHandle, unsigned int uiISKIndex, unsigned int uiAlgID,
                                    ECCCipher *pucEncData, unsigned char *pucData, unsigned int *uiDataLength);
SDF_API int SDF_Encrypt(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                        unsigned char *pucData, unsigned int uiDataLength, unsigned char *pucEncData,
                        unsigned int *puiEncDataLength);
SDF_API int SDF_Decrypt(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                        unsigned char *pucEncData, unsigned int uiEncDataLength, unsigned char *pucData,
                        unsigned int *puiDataLength);
SDF_API int SDF_CalculateMAC(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                             unsigned char *pucData, unsigned int uiDataLength, unsigned char *pucMAC,
                             unsigned int *puiMACLength);
SDF_API int SDF_HashInit(void *hSessionHandle, unsigned int uiAlgID, ECCrefPublicKey *pucPublicKey,
                         unsigned char *pucID, unsigned int uiIDLength);
SDF_API int SDF_HashUpdate(void *hSessionHandle, unsigned char *pucData, unsigned int uiDataLength);
SDF_API int SDF_HashFinal(void *hSessionHandle, unsigned char *pucHash, unsigned int *puiHashLength);
SDF_API int SDF_CreateFile(void *hSessionHandle, unsigned char *pucFileName, unsigned int uiNameLen,
                           unsigned int uiFileSize);
SDF_API int SDF_ReadFile(void *hSessionHandle, unsigned char *pucFileName, unsigned int uiNameLen,
                         unsigned int uiOffset, unsigned int *puiReadLength, unsigned char *pucBuffer);
SDF_API int SDF_WriteFile(void *hSessionHandle, unsigned char *pucFileName, unsigned int uiNameLen,
                          unsigned int uiOffset, unsigned int uiWriteLength, unsigned char *pucBuffer);
SDF_API int SDF_DeleteFile(void *hSessionHandle, unsigned char *pucFileName, unsigned int uiNameLen);

/* GM/T 0018-2023: several calls to one operation, authenticated encryption, HMAC */
SDF_API int SDF_AuthEnc(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucStartVar,
                        unsigned int uiStartVarLength, unsigned char *pucAad, unsigned int uiAadLength,
                        unsigned char *pucData, unsigned int uiDataLength, unsigned char *pucEncData,
                        unsigned int *puiEncDataLength, unsigned char *pucAuthData, unsigned int *puiAuthDataLength);
SDF_API int SDF_AuthDec(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucStartVar,
                        unsigned int uiStartVarLength, unsigned char *pucAad, unsigned int uiAadLength,
                        unsigned char *pucAuthData, unsigned int *uiAuthDataLength, unsigned char *pucEncData,
                        unsigned int uiEncDataLength, unsigned char *pucData, unsigned int *puiDataLength);
SDF_API int SDF_EncryptInit(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                            unsigned int uiIVLength);
SDF_API int SDF_EncryptUpdate(void *hSessionHandle, unsigned char *pucData, unsigned int uiDataLength,
                              unsigned char *pucEncData, unsigned int *puiEncDataLength);
SDF_API int SDF_EncryptFinal(void *hSessionHandle, unsigned char *pucLastEncData, unsigned int *puiLastEncDataLength);
SDF_API int SDF_DecryptInit(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                            unsigned int uiIVLength);
SDF_API int SDF_DecryptUpdate(void *hSessionHandle, unsigned char *pucEncData, unsigned int uiEncDataLength,
                              unsigned char *pucData, unsigned int *puiDataLength);
SDF_API int SDF_DecryptFinal(void *hSessionHandle, unsigned char *pucLastData, unsigned int *puiLastDataLength);
SDF_API int SDF_CalculateMACInit(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                                 unsigned int uiIVLength);
SDF_API int SDF_CalculateMACUpdate(void *hSessionHandle, unsigned char *pucData, unsigned int uiDataLength);
SDF_API int SDF_CalculateMACFinal(void *hSessionHandle, unsigned char *pucMac, unsigned int *puiMacLength);
SDF_API int SDF_AuthEncInit(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucStartVar,
                            unsigned int uiStartVarLength, unsigned char *pucAad, unsigned int uiAadLength,
                            unsigned int uiDataLength);
SDF_API int SDF_AuthEncUpdate(void *hSessionHandle, unsigned char *pucData, unsigned int uiDataLength,
                              unsigned char *pucEncData, unsigned int *puiEncDataLength);
SDF_API int SDF_AuthEncFinal(void *hSessionHandle, unsigned char *pucLastEncData, unsigned int *puiLastEncDataLength,
                             unsigned char *pucAuthData, unsigned int *puiAuthDataLength);
SDF_API int SDF_AuthDecInit(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucStartVar,
                            unsigned int uiStartVarLength, unsigned char *pucAad, unsigned int uiAadLength,
                            unsigned char *pucAuthData, unsigned int uiAuthDataLength, unsigned int uiDataLength);
SDF_API int SDF_AuthDecUpdate(void *hSessionHandle, unsigned char *pucEncData, unsigned int uiEncDataLength,
                              unsigned char *pucData, unsigned int *puiDataLength);
SDF_API int SDF_AuthDecFinal(void *hSessionHandle, unsigned char *pucLastData, unsigned int *puiLastDataLength);
SDF_API int SDF_HMACInit(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID);
SDF_API int SDF_HMACUpdate(void *hSessionHandle, unsigned char *pucData, unsigned int uiDataLength);
SDF_API int SDF_HMACFinal(void *hSessionHandle, unsigned char *pucHMac, unsigned int *puiHMacLength);

/*
 * GM/T 0018-2023, 6.8: for verification and debugging, with keys in clear from outside. SDR_NOTSUPPORT unless the host
 * allows them to this tenant. The printed text leaves out the session; headers in use have it, and so has this one.
 */
SDF_API int SDF_ExternalPrivateKeyOperation_RSA(void *hSessionHandle, RSArefPrivateKey *pucPrivateKey,
                                                unsigned char *pucDataInput, unsigned int uiInputLength,
                                                unsigned char *pucDataOutput, unsigned int *puiOutputLength);
SDF_API int SDF_ExternalSign_ECC(void *hSessionHandle, unsigned int uiAlgID, ECCrefPrivateKey *pucPrivateKey,
                                 unsigned char *pucDataInput, unsigned int uiInputLength, ECCSignature *pucSignature);
SDF_API int SDF_ExternalDecrypt_ECC(void *hSessionHandle, unsigned int uiAlgID, ECCrefPrivateKey *pucPrivateKey,
                                    ECCCipher *pucEncData, unsigned char *pucData, unsigned int *uiDataLength);
SDF_API int SDF_ExternalKeyEncrypt(void *hSessionHandle, unsigned int uiAlgID, unsigned char *pucKey,
                                   unsigned int uiKeyLength, unsigned char *pucIV, unsigned int uiIVLength,
                                   unsigned char *pucData, unsigned int uiDataLength, unsigned char *pucEncData,
                                   unsigned int *puiEncDataLength);
SDF_API int SDF_ExternalKeyDecrypt(void *hSessionHandle, unsigned int uiAlgID, unsigned char *pucKey,
                                   unsigned int uiKeyLength, unsigned char *pucIV, unsigned int uiIVLength,
                                   unsigned char *pucEncData, unsigned int uiEncDataLength, unsigned char *pucData,
                                   unsigned int *puiDataLength);
SDF_API int SDF_ExternalKeyEncryptInit(void *hSessionHandle, unsigned int uiAlgID, unsigned char *pucKey,
                                       unsigned int uiKeyLength, unsigned char *pucIV, unsigned int uiIVLength);
SDF_API int SDF_ExternalKeyDecryptInit(void *hSessionHandle, unsigned int uiAlgID, unsigned char *pucKey,
                                       unsigned int uiKeyLength, unsigned char *pucIV, unsigned int uiIVLength);
SDF_API int SDF_ExternalKeyHMACInit(void *hSessionHandle, unsigned int uiAlgID, unsigned char *pucKey,
                                    unsigned int uiKeyLength);

/* Extensions in vendors' headers. Where these spell one thing in several ways, all are here. */
SDF_API int SDF_ImportKey(void *hSessionHandle, unsigned char *pucKey, unsigned int uiKeyLength, void **phKeyHandle);
SDF_API int SDF_GetSymmKeyHandle(void *hSessionHandle, unsigned int uiKeyIndex, void **phKeyHandle);
SDF_API int SDF_ExportKeyWithEPK_RSA(void *hSessionHandle, void *hKeyHandle, RSArefPublicKey *pucPublicKey,
                                     unsigned char *pucKey, unsigned int *puiKeyLength);
SDF_API int SDF_ExportKeyWithEPK_ECC(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID,
                                     ECCrefPublicKey *pucPublicKey, ECCCipher *pucKey);
SDF_API int SDF_ExportKeyWithKEK(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned int uiKEKIndex,
                                 unsigned char *pucKey, unsigned int *puiKeyLength);
SDF_API int SDF_GetKEKAccessRight(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                                  unsigned int uiPwdLength);
SDF_API int SDF_ReleaseKEKAccessRight(void *hSessionHandle, unsigned int uiKeyIndex);
SDF_API int SDF_GetKekAccessRight(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                                  unsigned int uiPwdLength);
SDF_API int SDF_ReleaseKekAccessRight(void *hSessionHandle, unsigned int uiKeyIndex);
SDF_API int SDF_GetPrivateKeyAccessRight_RSA(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                                             unsigned int uiPwdLength);
SDF_API int SDF_ReleasePrivateKeyAccessRight_RSA(void *hSessionHandle, unsigned int uiKeyIndex);
SDF_API int SDF_GetSignPrivateKeyAccessRight_ECC(void *hSessionHandle, unsigned int uiKeyIndex,
                                                 unsigned char *pucPassword, unsigned int uiPwdLength);
SDF_API int SDF_ReleaseSignPrivateKeyAccessRight_ECC(void *hSessionHandle, unsigned int uiKeyIndex);
SDF_API int SDF_GetEncPrivateKeyAccessRight_ECC(void *hSessionHandle, unsigned int uiKeyIndex,
                                                unsigned char *pucPassword, unsigned int uiPwdLength);
SDF_API int SDF_ReleaseEncPrivateKeyAccessRight_ECC(void *hSessionHandle, unsigned int uiKeyIndex);
SDF_API int SDF_ImportKeyPair_ECC(void *hSessionHandle, unsigned int uiKeyIndex, unsigned int uiAlgID,
                                  unsigned int uiKeyBits, EnvelopedECCKey *pucEncedKeyPair);
#if RSAref_MAX_BITS <= 2048
/* With the structs of 4096 bits; a program built for those gets them under the standard's names. */
SDF_API int SDF_ExportSignPublicKey_RSA_4096(void *hSessionHandle, unsigned int uiKeyIndex, void *pucPublicKey);
SDF_API int SDF_ExportEncPublicKey_RSA_4096(void *hSessionHandle, unsigned int uiKeyIndex, void *pucPublicKey);
SDF_API int SDF_GenerateKeyPair_RSA_4096(void *hSessionHandle, unsigned int uiKeyBits, void *pucPublicKey,
                                         void *pucPrivateKey);
#endif
/* What an SDR_ code means, in English; never NULL, not to be freed. */
SDF_API const char *SDF_GetErrMsg(unsigned int uiCode);

#ifdef __cplusplus
}
#endif

#include "cardmux/sdf_annex.h"

#endif
