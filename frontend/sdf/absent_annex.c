/* SPDX-License-Identifier: Apache-2.0 */
/* absent_annex.c: what absent.c is, for annex B of 2023: SM9. */
#include "frontend/sdf/absent.h"
#include "cardmux/sdf.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

int SDF_ExportUserID_SM9(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucUserID,
                         unsigned int *puiUserIDLen)
{
    return absent(hSessionHandle);
}

int SDF_GenerateEncMasterKeyPair_SM9(void *hSessionHandle, unsigned int uiAlgID, unsigned int *uiMasterKeyIndex,
                                     SM9EncMasterPublicKey *pEncMasterPublicKey)
{
    return absent(hSessionHandle);
}

int SDF_GenerateKeyWithEMK_SM9(void *hSessionHandle, unsigned int uiKeyLen, SM9EncMasterPublicKey *pEncMasterPublicKey,
                               unsigned char *pucUserID, unsigned int uiUserIDLen, SM9KeyPackage *pKeyPackage,
                               void **phKeyHandle)
{
    return absent(hSessionHandle);
}

int SDF_GenerateKeyWithIMK_SM9(void *hSessionHandle, unsigned int uiKeyLen, unsigned int uiMasterKeyIndex,
                               unsigned char *pucUserID, unsigned int uiUserIDLen, SM9KeyPackage *pKeyPackage,
                               void **phKeyHandle)
{
    return absent(hSessionHandle);
}

int SDF_ImportKeyWithISK_SM9(void *hSessionHandle, unsigned int uiISKIndex, unsigned int uiKeyLen,
                             SM9KeyPackage *pKeyPackage, void **phKeyHandle)
{
    return absent(hSessionHandle);
}

int SDF_GenerateAgreementDataWithSM9(void *hSessionHandle, unsigned int uiMasterKeyIndex, unsigned int uiISKIndex,
                                     unsigned int uiKeyBits, unsigned char *pResponseID, unsigned int ulResponseIDLen,
                                     unsigned char *pSponsorID, unsigned int ulSponsorIDLen,
                                     SM9EncMasterPublicKey *pPublicKey, SM9EncMasterPublicKey *pSponsorTempPublicKey,
                                     void **phAgreementHandle)
{
    return absent(hSessionHandle);
}

int SDF_GenerateKeyWithSM9(void *hSessionHandle, void *hAgreementHandle, SM9EncMasterPublicKey *pTempPublicKey,
                           void **phKeyHandle)
{
    return absent(hSessionHandle);
}

int SDF_GenerateAgreementDataAndKeyWithSM9(void *hSessionHandle, unsigned int uiMasterKeyIndex, unsigned int uiISKIndex,
                                           unsigned int uiKeyBits, unsigned char *pResponseID,
                                           unsigned int ulResponseIDLen, unsigned char *pSponsorID,
                                           unsigned int ulSponsorIDLen, SM9EncMasterPublicKey *pPublicKey,
                                           SM9EncMasterPublicKey *pSponsorTempPublicKey,
                                           SM9EncMasterPublicKey *pResponseTempPublicKey, void **phKeyHandle)
{
    return absent(hSessionHandle);
}

int SDF_VerifyWithMasterEPK_SM9(void *hSessionHandle, SM9SignMasterPublicKey *pSignPublicKey, unsigned char *pucUserID,
                                unsigned int uiUserIDLen, unsigned char *pucData, unsigned int uiDataLength,
                                SM9Signature *pSignature)
{
    return absent(hSessionHandle);
}

int SDF_VerifyWithMasterIPK_SM9(void *hSessionHandle, unsigned int uiSignMasterKeyIndex, unsigned char *pucUserID,
                                unsigned int uiUserIDLen, unsigned char *pucData, unsigned int uiDataLength,
                                SM9Signature *pSignature)
{
    return absent(hSessionHandle);
}

int SDF_InternalSignWithMasterEPK_SM9(void *hSessionHandle, SM9SignMasterPublicKey *pSignPublicKey,
                                      unsigned int uiISKIndex, unsigned char *pucData, unsigned int uiDataLength,
                                      SM9Signature *pSignature)
{
    return absent(hSessionHandle);
}

int SDF_InternalSignWithMasterIPK_SM9(void *hSessionHandle, unsigned int uiMasterKeyIndex, unsigned int uiISKIndex,
                                      unsigned char *pucData, unsigned int uiDataLength, SM9Signature *pSignature)
{
    return absent(hSessionHandle);
}

int SDF_EncryptWithMasterEPK_SM9(void *hSessionHandle, SM9EncMasterPublicKey *pEncPublicKey, unsigned char *pucUserID,
                                 unsigned int uiUserIDLen, unsigned int ulAlgID, unsigned char *pucIV,
                                 unsigned char *pucData, unsigned int uiDataLength, SM9Cipher *pEncData)
{
    return absent(hSessionHandle);
}

int SDF_EncryptWithMasterIPK_SM9(void *hSessionHandle, unsigned int uiMasterKeyIndex, unsigned char *pucUserID,
                                 unsigned int uiUserIDLen, unsigned int ulAlgID, unsigned char *pucIV,
                                 unsigned char *pucData, unsigned int uiDataLength, SM9Cipher *pEncData)
{
    return absent(hSessionHandle);
}

int SDF_DecryptWithISK_SM9(void *hSessionHandle, unsigned int uiISKIndex, unsigned char *pucUserID,
                           unsigned int uiUserIDLen, unsigned int ulAlgID, unsigned char *pucIV, SM9Cipher *pEncData,
                           unsigned int *puiDataLength, unsigned char *pucData)
{
    return absent(hSessionHandle);
}

int SDF_ExternalSign_SM9(void *hSessionHandle, SM9SignMasterPublicKey *pSignMastPublicKey,
                         SM9SignUserPrivateKey *pSignUserPrivateKey, unsigned char *pucData, unsigned int uiDataLength,
                         SM9Signature *pSignature)
{
    return absent(hSessionHandle);
}

int SDF_ExternalDecrypt_SM9(void *hSessionHandle, SM9EncUserPrivateKey *pEncUserPrivateKey, unsigned char *pucUserID,
                            unsigned int uiUserIDLen, unsigned int uiAlgID, unsigned char *pucIV, SM9Cipher *pEncData,
                            unsigned char *pucData, unsigned int *puiDataLength)
{
    return absent(hSessionHandle);
}
