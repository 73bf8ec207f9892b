/* SPDX-License-Identifier: Apache-2.0 */
/*
 * absent.c: the functions that this release does not do. They are exported so that programs link, and answer
 * SDR_NOTSUPPORT on a live session, SDR_INARGERR on anything else. No argument but the session is looked at. The
 * annexes' are in absent_annex.c; functions.def says which, and why.
 */
#include "frontend/sdf/absent.h"
#include "frontend/sdf/session.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

int absent(void *handle)
{
    if (!handle_pin(handle, HANDLE_SESSION))
        return SDR_INARGERR;
    handle_unpin(handle);
    return SDR_NOTSUPPORT;
}

int SDF_ExportSignPublicKey_RSA(void *hSessionHandle, unsigned int uiKeyIndex, RSArefPublicKey *pucPublicKey)
{
    return absent(hSessionHandle);
}

int SDF_ExportEncPublicKey_RSA(void *hSessionHandle, unsigned int uiKeyIndex, RSArefPublicKey *pucPublicKey)
{
    return absent(hSessionHandle);
}

int SDF_GenerateKeyPair_RSA(void *hSessionHandle, unsigned int uiKeyBits, RSArefPublicKey *pucPublicKey,
                            RSArefPrivateKey *pucPrivateKey)
{
    return absent(hSessionHandle);
}

int SDF_GenerateKeyWithIPK_RSA(void *hSessionHandle, unsigned int uiIPKIndex, unsigned int uiKeyBits,
                               unsigned char *pucKey, unsigned int *puiKeyLength, void **phKeyHandle)
{
    return absent(hSessionHandle);
}

int SDF_GenerateKeyWithEPK_RSA(void *hSessionHandle, unsigned int uiKeyBits, RSArefPublicKey *pucPublicKey,
                               unsigned char *pucKey, unsigned int *puiKeyLength, void **phKeyHandle)
{
    return absent(hSessionHandle);
}

int SDF_ImportKeyWithISK_RSA(void *hSessionHandle, unsigned int uiISKIndex, unsigned char *pucKey,
                             unsigned int uiKeyLength, void **phKeyHandle)
{
    return absent(hSessionHandle);
}

int SDF_ExchangeDigitEnvelopeBaseOnRSA(void *hSessionHandle, unsigned int uiKeyIndex, RSArefPublicKey *pucPublicKey,
                                       unsigned char *pucDEInput, unsigned int uiDELength, unsigned char *pucDEOutput,
                                       unsigned int *puiDELength)
{
    return absent(hSessionHandle);
}

int SDF_GenerateAgreementDataWithECC(void *hSessionHandle, unsigned int uiISKIndex, unsigned int uiKeyBits,
                                     unsigned char *pucSponsorID, unsigned int uiSponsorIDLength,
                                     ECCrefPublicKey *pucSponsorPublicKey, ECCrefPublicKey *pucSponsorTmpPublicKey,
                                     void **phAgreementHandle)
{
    return absent(hSessionHandle);
}

int SDF_GenerateKeyWithECC(void *hSessionHandle, unsigned char *pucResponseID, unsigned int uiResponseIDLength,
                           ECCrefPublicKey *pucResponsePublicKey, ECCrefPublicKey *pucResponseTmpPublicKey,
                           void *hAgreementHandle, void **phKeyHandle)
{
    return absent(hSessionHandle);
}

int SDF_GenerateAgreementDataAndKeyWithECC(void *hSessionHandle, unsigned int uiISKIndex, unsigned int uiKeyBits,
                                           unsigned char *pucResponseID, unsigned int uiResponseIDLength,
                                           unsigned char *pucSponsorID, unsigned int uiSponsorIDLength,
                                           ECCrefPublicKey *pucSponsorPublicKey,
                                           ECCrefPublicKey *pucSponsorTmpPublicKey,
                                           ECCrefPublicKey *pucResponsePublicKey,
                                           ECCrefPublicKey *pucResponseTmpPublicKey, void **phKeyHandle)
{
    return absent(hSessionHandle);
}

int SDF_ExchangeDigitEnvelopeBaseOnECC(void *hSessionHandle, unsigned int uiKeyIndex, unsigned int uiAlgID,
                                       ECCrefPublicKey *pucPublicKey, ECCCipher *pucEncDataIn, ECCCipher *pucEncDataOut)
{
    return absent(hSessionHandle);
}

int SDF_ExternalPublicKeyOperation_RSA(void *hSessionHandle, RSArefPublicKey *pucPublicKey, unsigned char *pucDataInput,
                                       unsigned int uiInputLength, unsigned char *pucDataOutput,
                                       unsigned int *puiOutputLength)
{
    return absent(hSessionHandle);
}

int SDF_InternalPublicKeyOperation_RSA(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucDataInput,
                                       unsigned int uiInputLength, unsigned char *pucDataOutput,
                                       unsigned int *puiOutputLength)
{
    return absent(hSessionHandle);
}

int SDF_InternalPrivateKeyOperation_RSA(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucDataInput,
                                        unsigned int uiInputLength, unsigned char *pucDataOutput,
                                        unsigned int *puiOutputLength)
{
    return absent(hSessionHandle);
}

int SDF_ExternalPrivateKeyOperation_RSA(void *hSessionHandle, RSArefPrivateKey *pucPrivateKey,
                                        unsigned char *pucDataInput, unsigned int uiInputLength,
                                        unsigned char *pucDataOutput, unsigned int *puiOutputLength)
{
    return absent(hSessionHandle);
}

int SDF_ExternalSign_ECC(void *hSessionHandle, unsigned int uiAlgID, ECCrefPrivateKey *pucPrivateKey,
                         unsigned char *pucDataInput, unsigned int uiInputLength, ECCSignature *pucSignature)
{
    return absent(hSessionHandle);
}

int SDF_ExternalDecrypt_ECC(void *hSessionHandle, unsigned int uiAlgID, ECCrefPrivateKey *pucPrivateKey,
                            ECCCipher *pucEncData, unsigned char *pucData, unsigned int *uiDataLength)
{
    return absent(hSessionHandle);
}

int SDF_GetSymmKeyHandle(void *hSessionHandle, unsigned int uiKeyIndex, void **phKeyHandle)
{
    return absent(hSessionHandle);
}

int SDF_ExportKeyWithEPK_RSA(void *hSessionHandle, void *hKeyHandle, RSArefPublicKey *pucPublicKey,
                             unsigned char *pucKey, unsigned int *puiKeyLength)
{
    return absent(hSessionHandle);
}

int SDF_ExportKeyWithEPK_ECC(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID,
                             ECCrefPublicKey *pucPublicKey, ECCCipher *pucKey)
{
    return absent(hSessionHandle);
}

int SDF_ExportKeyWithKEK(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned int uiKEKIndex,
                         unsigned char *pucKey, unsigned int *puiKeyLength)
{
    return absent(hSessionHandle);
}

int SDF_GetKEKAccessRight(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                          unsigned int uiPwdLength)
{
    return absent(hSessionHandle);
}

int SDF_ReleaseKEKAccessRight(void *hSessionHandle, unsigned int uiKeyIndex)
{
    return absent(hSessionHandle);
}

int SDF_GetKekAccessRight(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                          unsigned int uiPwdLength)
{
    return absent(hSessionHandle);
}

int SDF_ReleaseKekAccessRight(void *hSessionHandle, unsigned int uiKeyIndex)
{
    return absent(hSessionHandle);
}

int SDF_GetPrivateKeyAccessRight_RSA(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                                     unsigned int uiPwdLength)
{
    return absent(hSessionHandle);
}

int SDF_ReleasePrivateKeyAccessRight_RSA(void *hSessionHandle, unsigned int uiKeyIndex)
{
    return absent(hSessionHandle);
}

int SDF_GetSignPrivateKeyAccessRight_ECC(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                                         unsigned int uiPwdLength)
{
    return absent(hSessionHandle);
}

int SDF_ReleaseSignPrivateKeyAccessRight_ECC(void *hSessionHandle, unsigned int uiKeyIndex)
{
    return absent(hSessionHandle);
}

int SDF_GetEncPrivateKeyAccessRight_ECC(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                                        unsigned int uiPwdLength)
{
    return absent(hSessionHandle);
}

int SDF_ReleaseEncPrivateKeyAccessRight_ECC(void *hSessionHandle, unsigned int uiKeyIndex)
{
    return absent(hSessionHandle);
}

int SDF_ImportKeyPair_ECC(void *hSessionHandle, unsigned int uiKeyIndex, unsigned int uiAlgID, unsigned int uiKeyBits,
                          void *pucEncedKeyPair)
{
    return absent(hSessionHandle);
}
