/* SPDX-License-Identifier: Apache-2.0 */
/*
 * absent.c: the functions of the standard that this release does not do: RSA, key agreement, envelopes, files. They are
 * exported so that programs link, and answer SDR_NOTSUPPORT on a live session, SDR_INARGERR on anything else. No
 * argument but the session is looked at.
 */
#include "frontend/sdf/session.h"

static int absent(void *handle)
{
    if (!handle_pin(handle, HANDLE_SESSION))
        return SDR_INARGERR;
    handle_unpin(handle);
    return SDR_NOTSUPPORT;
}

int SDF_ExportSignPublicKey_RSA(void *hSessionHandle, unsigned int uiKeyIndex, RSArefPublicKey *pucPublicKey)
{
    (void)uiKeyIndex;
    (void)pucPublicKey;
    return absent(hSessionHandle);
}

int SDF_ExportEncPublicKey_RSA(void *hSessionHandle, unsigned int uiKeyIndex, RSArefPublicKey *pucPublicKey)
{
    (void)uiKeyIndex;
    (void)pucPublicKey;
    return absent(hSessionHandle);
}

int SDF_GenerateKeyPair_RSA(void *hSessionHandle, unsigned int uiKeyBits, RSArefPublicKey *pucPublicKey,
                            RSArefPrivateKey *pucPrivateKey)
{
    (void)uiKeyBits;
    (void)pucPublicKey;
    (void)pucPrivateKey;
    return absent(hSessionHandle);
}

int SDF_GenerateKeyWithIPK_RSA(void *hSessionHandle, unsigned int uiIPKIndex, unsigned int uiKeyBits,
                               unsigned char *pucKey, unsigned int *puiKeyLength, void **phKeyHandle)
{
    (void)uiIPKIndex;
    (void)uiKeyBits;
    (void)pucKey;
    (void)puiKeyLength;
    (void)phKeyHandle;
    return absent(hSessionHandle);
}

int SDF_GenerateKeyWithEPK_RSA(void *hSessionHandle, unsigned int uiKeyBits, RSArefPublicKey *pucPublicKey,
                               unsigned char *pucKey, unsigned int *puiKeyLength, void **phKeyHandle)
{
    (void)uiKeyBits;
    (void)pucPublicKey;
    (void)pucKey;
    (void)puiKeyLength;
    (void)phKeyHandle;
    return absent(hSessionHandle);
}

int SDF_ImportKeyWithISK_RSA(void *hSessionHandle, unsigned int uiISKIndex, unsigned char *pucKey,
                             unsigned int uiKeyLength, void **phKeyHandle)
{
    (void)uiISKIndex;
    (void)pucKey;
    (void)uiKeyLength;
    (void)phKeyHandle;
    return absent(hSessionHandle);
}

int SDF_ExchangeDigitEnvelopeBaseOnRSA(void *hSessionHandle, unsigned int uiKeyIndex, RSArefPublicKey *pucPublicKey,
                                       unsigned char *pucDEInput, unsigned int uiDELength, unsigned char *pucDEOutput,
                                       unsigned int *puiDELength)
{
    (void)uiKeyIndex;
    (void)pucPublicKey;
    (void)pucDEInput;
    (void)uiDELength;
    (void)pucDEOutput;
    (void)puiDELength;
    return absent(hSessionHandle);
}

int SDF_GenerateAgreementDataWithECC(void *hSessionHandle, unsigned int uiISKIndex, unsigned int uiKeyBits,
                                     unsigned char *pucSponsorID, unsigned int uiSponsorIDLength,
                                     ECCrefPublicKey *pucSponsorPublicKey, ECCrefPublicKey *pucSponsorTmpPublicKey,
                                     void **phAgreementHandle)
{
    (void)uiISKIndex;
    (void)uiKeyBits;
    (void)pucSponsorID;
    (void)uiSponsorIDLength;
    (void)pucSponsorPublicKey;
    (void)pucSponsorTmpPublicKey;
    (void)phAgreementHandle;
    return absent(hSessionHandle);
}

int SDF_GenerateKeyWithECC(void *hSessionHandle, unsigned char *pucResponseID, unsigned int uiResponseIDLength,
                           ECCrefPublicKey *pucResponsePublicKey, ECCrefPublicKey *pucResponseTmpPublicKey,
                           void *hAgreementHandle, void **phKeyHandle)
{
    (void)pucResponseID;
    (void)uiResponseIDLength;
    (void)pucResponsePublicKey;
    (void)pucResponseTmpPublicKey;
    (void)hAgreementHandle;
    (void)phKeyHandle;
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
    (void)uiISKIndex;
    (void)uiKeyBits;
    (void)pucResponseID;
    (void)uiResponseIDLength;
    (void)pucSponsorID;
    (void)uiSponsorIDLength;
    (void)pucSponsorPublicKey;
    (void)pucSponsorTmpPublicKey;
    (void)pucResponsePublicKey;
    (void)pucResponseTmpPublicKey;
    (void)phKeyHandle;
    return absent(hSessionHandle);
}

int SDF_ExchangeDigitEnvelopeBaseOnECC(void *hSessionHandle, unsigned int uiKeyIndex, unsigned int uiAlgID,
                                       ECCrefPublicKey *pucPublicKey, ECCCipher *pucEncDataIn, ECCCipher *pucEncDataOut)
{
    (void)uiKeyIndex;
    (void)uiAlgID;
    (void)pucPublicKey;
    (void)pucEncDataIn;
    (void)pucEncDataOut;
    return absent(hSessionHandle);
}

int SDF_ExternalPublicKeyOperation_RSA(void *hSessionHandle, RSArefPublicKey *pucPublicKey, unsigned char *pucDataInput,
                                       unsigned int uiInputLength, unsigned char *pucDataOutput,
                                       unsigned int *puiOutputLength)
{
    (void)pucPublicKey;
    (void)pucDataInput;
    (void)uiInputLength;
    (void)pucDataOutput;
    (void)puiOutputLength;
    return absent(hSessionHandle);
}

int SDF_InternalPublicKeyOperation_RSA(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucDataInput,
                                       unsigned int uiInputLength, unsigned char *pucDataOutput,
                                       unsigned int *puiOutputLength)
{
    (void)uiKeyIndex;
    (void)pucDataInput;
    (void)uiInputLength;
    (void)pucDataOutput;
    (void)puiOutputLength;
    return absent(hSessionHandle);
}

int SDF_InternalPrivateKeyOperation_RSA(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucDataInput,
                                        unsigned int uiInputLength, unsigned char *pucDataOutput,
                                        unsigned int *puiOutputLength)
{
    (void)uiKeyIndex;
    (void)pucDataInput;
    (void)uiInputLength;
    (void)pucDataOutput;
    (void)puiOutputLength;
    return absent(hSessionHandle);
}

int SDF_CreateFile(void *hSessionHandle, unsigned char *pucFileName, unsigned int uiNameLen, unsigned int uiFileSize)
{
    (void)pucFileName;
    (void)uiNameLen;
    (void)uiFileSize;
    return absent(hSessionHandle);
}

int SDF_ReadFile(void *hSessionHandle, unsigned char *pucFileName, unsigned int uiNameLen, unsigned int uiOffset,
                 unsigned int *puiReadLength, unsigned char *pucBuffer)
{
    (void)pucFileName;
    (void)uiNameLen;
    (void)uiOffset;
    (void)puiReadLength;
    (void)pucBuffer;
    return absent(hSessionHandle);
}

int SDF_WriteFile(void *hSessionHandle, unsigned char *pucFileName, unsigned int uiNameLen, unsigned int uiOffset,
                  unsigned int uiWriteLength, unsigned char *pucBuffer)
{
    (void)pucFileName;
    (void)uiNameLen;
    (void)uiOffset;
    (void)uiWriteLength;
    (void)pucBuffer;
    return absent(hSessionHandle);
}

int SDF_DeleteFile(void *hSessionHandle, unsigned char *pucFileName, unsigned int uiNameLen)
{
    (void)pucFileName;
    (void)uiNameLen;
    return absent(hSessionHandle);
}
