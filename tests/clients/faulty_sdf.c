/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faulty_sdf.c: a library of a bad vendor, which test-master-card gives to cardmuxd: FAULT_FILE in the environment
 * names a file with the one thing that is wrong with it. Without a fault it would do: a session key is a number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cardmux/sdf.h"

#define ROUNDS 16u

static char fault[32];
static unsigned made;

static int is(const char *name)
{
    return strcmp(fault, name) == 0;
}

__attribute__((constructor)) static void fault_read(void)
{
    const char *path = getenv("FAULT_FILE");
    FILE *file = path ? fopen(path, "re") : NULL;
    if (file) {
        if (fscanf(file, "%31s", fault) != 1)
            fault[0] = 0;
        fclose(file);
    }
}

/* One that would stay; its number is in the file when this returns. */
static void child_start(const char *path)
{
    int ready[2];
    char byte;
    if (pipe(ready))
        return;
    if (fork() == 0) {
        FILE *file = fopen(path, "we");
        if (file)
            fprintf(file, "%d\n", (int)getpid());
        if (file)
            fclose(file);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) < 0)
        return;
    close(ready[0]);
}

int SDF_OpenDevice(void **phDeviceHandle)
{
    if (is("hang"))
        for (;;)
            pause();
    if (is("crash"))
        abort(); /* a segmentation fault is the sanitizer's where there is one */
    if (is("exit"))
        exit(0);
    if (is("child"))
        child_start(getenv("FAULT_CHILD"));
    *phDeviceHandle = fault;
    return SDR_OK;
}

int SDF_CloseDevice(void *hDeviceHandle)
{
    (void)hDeviceHandle;
    return SDR_OK;
}

int SDF_OpenSession(void *hDeviceHandle, void **phSessionHandle)
{
    *phSessionHandle = hDeviceHandle;
    return is("no-session") ? SDR_OPENSESSION : SDR_OK;
}

int SDF_CloseSession(void *hSessionHandle)
{
    (void)hSessionHandle;
    return SDR_OK;
}

int SDF_GetPrivateKeyAccessRight(void *hSessionHandle, unsigned int uiKeyIndex, unsigned char *pucPassword,
                                 unsigned int uiPwdLength)
{
    (void)hSessionHandle, (void)uiKeyIndex;
    if (is("talks")) {
        printf("code %.*s\n", (int)uiPwdLength, (char *)pucPassword);
        fprintf(stderr, "code %.*s\n", (int)uiPwdLength, (char *)pucPassword);
        fflush(stdout);
    }
    return is("own-code") ? 0x02000042 : SDR_OK;
}

int SDF_ReleasePrivateKeyAccessRight(void *hSessionHandle, unsigned int uiKeyIndex)
{
    (void)hSessionHandle, (void)uiKeyIndex;
    return SDR_OK;
}

static void *key_of(unsigned char number)
{
    static unsigned char keys[256];
    keys[number] = number;
    return &keys[number];
}

int SDF_GenerateKeyWithIPK_ECC(void *hSessionHandle, unsigned int uiIPKIndex, unsigned int uiKeyBits, ECCCipher *pucKey,
                               void **phKeyHandle)
{
    unsigned char *bytes = (unsigned char *)pucKey, number = (unsigned char)(++made * 37u + (unsigned)getpid());
    (void)hSessionHandle, (void)uiIPKIndex, (void)uiKeyBits;
    memset(bytes, number | 1, is("far") ? 700 : is("short") ? 3 : 180);
    bytes[0] = number;
    *phKeyHandle = key_of(number);
    return is("no-make") ? SDR_ALGNOTSUPPORT : SDR_OK;
}

int SDF_ImportKeyWithISK_ECC(void *hSessionHandle, unsigned int uiISKIndex, ECCCipher *pucKey, void **phKeyHandle)
{
    (void)hSessionHandle, (void)uiISKIndex;
    *phKeyHandle = key_of((unsigned char)(*(unsigned char *)pucKey + (is("forgets") ? 1u : 0u)));
    return SDR_OK;
}

int SDF_DestroyKey(void *hSessionHandle, void *hKeyHandle)
{
    (void)hSessionHandle, (void)hKeyHandle;
    return SDR_OK;
}

int SDF_Encrypt(void *hSessionHandle, void *hKeyHandle, unsigned int uiAlgID, unsigned char *pucIV,
                unsigned char *pucData, unsigned int uiDataLength, unsigned char *pucEncData,
                unsigned int *puiEncDataLength)
{
    unsigned char key = is("one-key") ? 7 : *(unsigned char *)hKeyHandle;
    static unsigned calls;
    (void)hSessionHandle, (void)uiAlgID, (void)pucIV;
    calls++;
    for (unsigned i = 0; i < uiDataLength; i++)
        pucEncData[i] = is("echo") ? pucData[i] : (unsigned char)((pucData[i] ^ key) * 5u + (is("random") ? calls : 0));
    if (is("writes-on"))
        memset(pucEncData + uiDataLength, 1, ROUNDS);
    *puiEncDataLength = uiDataLength + (is("length") ? ROUNDS : 0);
    return SDR_OK;
}
