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

int SDF_ImportKeyPair_ECC(void *hSessionHandle, unsigned int uiKeyIndex, unsigned int uiAlgID, unsigned int uiKeyBits,
                          void *pucEncedKeyPair)
{
    return absent(hSessionHandle);
}
