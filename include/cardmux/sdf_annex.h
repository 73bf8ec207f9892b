/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdf_annex.h: annexes B (SM9) and C (keys for IKE, IPSEC and SSL) of GM/T 0018-2023. Included by sdf.h; what is said
 * there holds here.
 */
#ifndef CARDMUX_SDF_ANNEX_H
#define CARDMUX_SDF_ANNEX_H

#include "cardmux/sdf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SM9ref_MAX_BITS 256
#define SM9ref_MAX_LEN  ((SM9ref_MAX_BITS + 7) / 8)

typedef struct SM9refMasterPrivateKey_st {
    unsigned int bits;
    unsigned char s[SM9ref_MAX_LEN];
} SM9MasterPrivateKey;

typedef struct SM9refSignMasterPublicKey_st {
    unsigned int bits;
    unsigned char xa[SM9ref_MAX_LEN];
    unsigned char xb[SM9ref_MAX_LEN];
    unsigned char ya[SM9ref_MAX_LEN];
    unsigned char yb[SM9ref_MAX_LEN];
} SM9SignMasterPublicKey;

typedef struct SM9refEncMasterPublicKey_st {
    unsigned int bits;
    unsigned char x[SM9ref_MAX_LEN];
    unsigned char y[SM9ref_MAX_LEN];
} SM9EncMasterPublicKey;

typedef struct SM9refSignUserPrivateKey_st {
    unsigned int bits;
    unsigned char x[SM9ref_MAX_LEN];
    unsigned char y[SM9ref_MAX_LEN];
} SM9SignUserPrivateKey;

typedef struct SM9refEncUserPrivateKey_st {
    unsigned int bits;
    unsigned char xa[SM9ref_MAX_LEN];
    unsigned char xb[SM9ref_MAX_LEN];
    unsigned char ya[SM9ref_MAX_LEN];
    unsigned char yb[SM9ref_MAX_LEN];
} SM9EncUserPrivateKey;

/* C has L bytes, as in an ECCCipher. */
typedef struct SM9refCipher_st {
    unsigned int EncType;
    unsigned char x[SM9ref_MAX_LEN];
    unsigned char y[SM9ref_MAX_LEN];
    unsigned char h[32];
    unsigned int L;
    unsigned char C[1];
} SM9Cipher;

typedef struct SM9refSignature_st {
    unsigned char h[SM9ref_MAX_LEN];
    unsigned char x[SM9ref_MAX_LEN];
    unsigned char y[SM9ref_MAX_LEN];
} SM9Signature;

typedef struct SM9refKeyPackage_st {
    unsigned char x[SM9ref_MAX_LEN];
    unsigned char y[SM9ref_MAX_LEN];
} SM9KeyPackage;

/* Annex B */
SDF_API int SDF_ExportUserID_SM9(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucUserID,
                                 unsigned int *puiUserIDLen);
SDF_API int SDF_GenerateEncMasterKeyPair_SM9(void *hSessionHandle, unsigned int uiAlgID, unsigned int *uiMasterKeyIndex,
                                             SM9EncMasterPublicKey *pEncMasterPublicKey);
SDF_API int SDF_GenerateKeyWithEMK_SM9(void *hSessionHandle, unsigned int uiKeyLen,
                                       SM9EncMasterPublicKey *pEncMasterPublicKey, unsigned char *pucUserID,
                                       unsigned int uiUserIDLen, SM9KeyPackage *pKeyPackage, void **phKeyHandle);
SDF_API int SDF_GenerateKeyWithIMK_SM9(void *hSessionHandle, unsigned int uiKeyLen, unsigned int uiMasterKeyIndex,
                                       unsigned char *pucUserID, unsigned int uiUserIDLen, SM9KeyPackage *pKeyPackage,
                                       void **phKeyHandle);
SDF_API int SDF_ImportKeyWithISK_SM9(void *hSessionHandle, unsigned int uiISKIndex, unsigned int uiKeyLen,
                                     SM9KeyPackage *pKeyPackage, void **phKeyHandle);
SDF_API int SDF_GenerateAgreementDataWithSM9(void *hSessionHandle, unsigned int uiMasterKeyIndex,
                                             unsigned int uiISKIndex, unsigned int uiKeyBits,
                                             unsigned char *pResponseID, unsigned int ulResponseIDLen,
                                             unsigned char *pSponsorID, unsigned int ulSponsorIDLen,
                                             SM9EncMasterPublicKey *pPublicKey,
                                             SM9EncMasterPublicKey *pSponsorTempPublicKey, void **phAgreementHandle);
SDF_API int SDF_GenerateKeyWithSM9(void *hSessionHandle, void *hAgreementHandle, SM9EncMasterPublicKey *pTempPublicKey,
                                   void **phKeyHandle);
SDF_API int SDF_GenerateAgreementDataAndKeyWithSM9(void *hSessionHandle, unsigned int uiMasterKeyIndex,
                                                   unsigned int uiISKIndex, unsigned int uiKeyBits,
                                                   unsigned char *pResponseID, unsigned int ulResponseIDLen,
                                                   unsigned char *pSponsorID, unsigned int ulSponsorIDLen,
                                                   SM9EncMasterPublicKey *pPublicKey,
                                                   SM9EncMasterPublicKey *pSponsorTempPublicKey,
                                                   SM9EncMasterPublicKey *pResponseTempPublicKey, void **phKeyHandle);
SDF_API int SDF_VerifyWithMasterEPK_SM9(void *hSessionHandle, SM9SignMasterPublicKey *pSignPublicKey,
                                        unsigned char *pucUserID, unsigned int uiUserIDLen, unsigned char *pucData,
                                        unsigned int uiDataLength, SM9Signature *pSignature);
SDF_API int SDF_VerifyWithMasterIPK_SM9(void *hSessionHandle, unsigned int uiSignMasterKeyIndex,
                                        unsigned char *pucUserID, unsigned int uiUserIDLen, unsigned char *pucData,
                                        unsigned int uiDataLength, SM9Signature *pSignature);
SDF_API int SDF_InternalSignWithMasterEPK_SM9(void *hSessionHandle, SM9SignMasterPublicKey *pSignPublicKey,
                                              unsigned int uiISKIndex, unsigned char *pucData,
                                              unsigned int uiDataLength, SM9Signature *pSignature);
SDF_API int SDF_InternalSignWithMasterIPK_SM9(void *hSessionHandle, unsigned int uiMasterKeyIndex,
                                              unsigned int uiISKIndex, unsigned char *pucData,
                                              unsigned int uiDataLength, SM9Signature *pSignature);
SDF_API int SDF_EncryptWithMasterEPK_SM9(void *hSessionHandle, SM9EncMasterPublicKey *pEncPublicKey,
                                         unsigned char *pucUserID, unsigned int uiUserIDLen, unsigned int ulAlgID,
                                         unsigned char *pucIV, unsigned char *pucData, unsigned int uiDataLength,
                                         SM9Cipher *pEncData);
SDF_API int SDF_EncryptWithMasterIPK_SM9(void *hSessionHandle, unsigned int uiMasterKeyIndex, unsigned char *pucUserID,
                                         unsigned int uiUserIDLen, unsigned int ulAlgID, unsigned char *pucIV,
                                         unsigned char *pucData, unsigned int uiDataLength, SM9Cipher *pEncData);
SDF_API int SDF_DecryptWithISK_SM9(void *hSessionHandle, unsigned int uiISKIndex, unsigned char *pucUserID,
                                   unsigned int uiUserIDLen, unsigned int ulAlgID, unsigned char *pucIV,
                                   SM9Cipher *pEncData, unsigned int *puiDataLength, unsigned char *pucData);

/* 6.8, see sdf.h */
SDF_API int SDF_ExternalSign_SM9(void *hSessionHandle, SM9SignMasterPublicKey *pSignMastPublicKey,
                                 SM9SignUserPrivateKey *pSignUserPrivateKey, unsigned char *pucData,
                                 unsigned int uiDataLength, SM9Signature *pSignature);
SDF_API int SDF_ExternalDecrypt_SM9(void *hSessionHandle, SM9EncUserPrivateKey *pEncUserPrivateKey,
                                    unsigned char *pucUserID, unsigned int uiUserIDLen, unsigned int uiAlgID,
                                    unsigned char *pucIV, SM9Cipher *pEncData, unsigned char *pucData,
                                    unsigned int *puiDataLength);

/*
 * Annex C: the keys of a secure channel, derived inside the card from what a handshake agreed on, made all or none. A
 * key of 0 bits is not wanted: its handle becomes NULL where there is a place for one, its cipher is left as it is. On
 * any failure nothing is written. The functions with EPK in their name make no handles: each key leaves as an ECCCipher
 * (164 + its bytes) under pucPublicKey; uiEccAlgID is a number of SM2, else SDR_ALGNOTSUPPORT.
 *
 * SSL: as RFC 5246 sections 5, 6.3 and 8.1 have it, and GM/T 0024 and GB/T 38636 (TLCP) with them:
 *
 *     master_secret = PRF(pre_master_secret, "master secret", client_random || server_random)[0..47]
 *     key_block     = PRF(master_secret, "key expansion", server_random || client_random)
 *
 * and key_block is cut into client MAC key, server MAC key, client key, server key, client IV, server IV. uiPrfAlgID is
 * the hash of the PRF: SGD_SM3, SGD_SHA256, SGD_SHA384, else SDR_ALGNOTSUPPORT. (What TLS 1.0 and 1.1 had, with MD5 and
 * SHA-1 together, TLS 1.3's derivation and the extended master secret of RFC 7627 are not there.) The pre-master secret
 * is a session key of 8 to 2048 bits: one of 384 bits, TLCP's, comes in by SDF_ImportKeyWithISK_ECC or SDF_ImportKey,
 * or is agreed on by SDF_GenerateAgreementDataWithECC and its two companions. Randoms have 32 bytes. MAC keys have 128
 * to 512 bits, in full bytes, or 0 (AEAD); keys 128, 192 or 256 bits, or 0; IVs 0 to 16 bytes; at least one key is
 * wanted. Any other length is SDR_INARGERR.
 *
 * IKE: as GB/T 36968 (and GM/T 0022) has it, which is RFC 2409 section 5 with public-key encryption and without the
 * Diffie-Hellman secret. PRF is HMAC with the hash of uiPrfAlgID, one of the above; HASH is that hash; 0, 1 and 2 are
 * one byte each:
 *
 *     SKEYID   = PRF(HASH(sponsor's nonce || response's nonce), sponsor's cookie || response's cookie)
 *     SKEYID_d = PRF(SKEYID, sponsor's cookie || response's cookie || 0)                     phKeyHandleD, pucKeyD
 *     SKEYID_a = PRF(SKEYID, SKEYID_d || sponsor's cookie || response's cookie || 1)         phKeyHandleA, pucKeyA
 *     SKEYID_e = PRF(SKEYID, SKEYID_a || sponsor's cookie || response's cookie || 2)         phKeyHandleE, pucKeyE
 *
 * Nonces have 8 to 256 bytes, cookies 8. The keys D and A are as long as what the hash gives (256 bits; SHA-384: 384),
 * or 0; E is the beginning of SKEYID_e, 128, 192 or 256 bits, or 0.
 *
 * IPSEC: GB/T 36968 and RFC 2409 section 5.5, from SKEYID_d in hKeyHandle, for one direction, without a new Diffie-
 * Hellman exchange:
 *
 *     KEYMAT = K1 || K2 || ...     K1 = PRF(SKEYID_d, protocol || SPI || sponsor's nonce || response's nonce)
 *                                  Kn = PRF(SKEYID_d, Kn-1 || protocol || SPI || sponsor's nonce || response's nonce)
 *
 * cut into the encryption key, 128, 192 or 256 bits or 0, and the MAC key, 128 to 512 bits in full bytes or 0. The
 * protocol has 1 byte, the SPI 4, nonces (the second phase's) 8 to 256. uiSaltLength must be 0, else SDR_NOTSUPPORT: no
 * public text says whether the salt goes in or comes out, nor from where.
 */
SDF_API int SDF_GenerateKeywithIKE(void *hSessionHandle, unsigned char *pucSponsorNonce,
                                   unsigned int uiSponsorNonceLength, unsigned char *pucResponseNonce,
                                   unsigned int uiResponseNonceLength, unsigned char *pucSponsorCookie,
                                   unsigned int uiSponsorCookieLength, unsigned char *pucResponseCookie,
                                   unsigned int uiResponseCookieLength, unsigned int uiPrfAlgID, void **phKeyHandleD,
                                   unsigned int uiKeyBitsD, void **phKeyHandleA, unsigned int uiKeyBitsA,
                                   void **phKeyHandleE, unsigned int uiKeyBitsE);
SDF_API int SDF_GenerateKeywithEPK_IKE(void *hSessionHandle, unsigned char *pucSponsorNonce,
                                       unsigned int uiSponsorNonceLength, unsigned char *pucResponseNonce,
                                       unsigned int uiResponseNonceLength, unsigned char *pucSponsorCookie,
                                       unsigned int uiSponsorCookieLength, unsigned char *pucResponseCookie,
                                       unsigned int uiResponseCookieLength, unsigned int uiPrfAlgID,
                                       unsigned int uiEccAlgID, ECCrefPublicKey *pucPublicKey, ECCCipher *pucKeyD,
                                       unsigned int uiKeyBitsD, ECCCipher *pucKeyA, unsigned int uiKeyBitsA,
                                       ECCCipher *pucKeyE, unsigned int uiKeyBitsE);
SDF_API int SDF_GenerateKeywithIPSEC(void *hSessionHandle, unsigned char *pucProtocolID,
                                     unsigned int uiProtocolIDLength, unsigned char *pucSpi, unsigned int uiSpiLength,
                                     unsigned char *pucSponsorNonce, unsigned int uiSponsorNonceLength,
                                     unsigned char *pucResponseNonce, unsigned int uiResponseNonceLength,
                                     void *hKeyHandle, unsigned int uiPrfAlgID, void **phKeyHandleEnc,
                                     unsigned int uiKeyBitsEnc, void **phKeyHandleMac, unsigned int uiKeyBitsMac,
                                     unsigned char *pucSalt, unsigned int uiSaltLength);
SDF_API int SDF_GenerateKeywithEPK_IPSEC(void *hSessionHandle, unsigned char *pucProtocolID,
                                         unsigned int uiProtocolIDLength, unsigned char *pucSpi,
                                         unsigned int uiSpiLength, unsigned char *pucSponsorNonce,
                                         unsigned int uiSponsorNonceLength, unsigned char *pucResponseNonce,
                                         unsigned int uiResponseNonceLength, void *hKeyHandle, unsigned int uiPrfAlgID,
                                         unsigned int uiEccAlgID, ECCrefPublicKey *pucPublicKey, ECCCipher *pucKeyEnc,
                                         unsigned int uiKeyBitsEnc, ECCCipher *pucKeyMac, unsigned int uiKeyBitsMac,
                                         unsigned char *pucSalt, unsigned int uiSaltLength);
SDF_API int SDF_GenerateKeywithSSL(void *hSessionHandle, void *hKeyHandlePreMaster, unsigned char *pucClientRandom,
                                   unsigned int uiClientRandomLength, unsigned char *pucServerRandom,
                                   unsigned int uiServerRandomLength, unsigned int uiPrfAlgID,
                                   void **phKeyHandleClientMac, unsigned int uiKeyBitsClientMac,
                                   void **phKeyHandleServerMac, unsigned int uiKeyBitsServerMac,
                                   void **phKeyHandleClientEnc, unsigned int uiKeyBitsClientEnc,
                                   void **phKeyHandleServerEnc, unsigned int uiKeyBitsServerEnc,
                                   unsigned char *pucClientIV, unsigned int uiClientIVLength,
                                   unsigned char *pucServerIV, unsigned int uiServerIVLength);
SDF_API int SDF_GenerateKeywithEPK_SSL(void *hSessionHandle, void *hKeyHandlePreMaster, unsigned char *pucClientRandom,
                                       unsigned int uiClientRandomLength, unsigned char *pucServerRandom,
                                       unsigned int uiServerRandomLength, unsigned int uiPrfAlgID,
                                       unsigned int uiEccAlgID, ECCrefPublicKey *pucPublicKey,
                                       ECCCipher *pucKeyClientMac, unsigned int uiKeyBitsClientMac,
                                       ECCCipher *pucKeyServerMac, unsigned int uiKeyBitsServerMac,
                                       ECCCipher *pucKeyClientEnc, unsigned int uiKeyBitsClientEnc,
                                       ECCCipher *pucKeyServerEnc, unsigned int uiKeyBitsServerEnc,
                                       unsigned char *pucClientIV, unsigned int uiClientIVLength,
                                       unsigned char *pucServerIV, unsigned int uiServerIVLength);

#ifdef __cplusplus
}
#endif

#endif
