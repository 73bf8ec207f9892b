/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "tests/clients/sdf_cases.h"

void case_device(struct sdf_env *env)
{
    void *second, *session = NULL;
    DEVICEINFO info;
    CALL(SDR_OUTARGERR, SDF_OpenDevice, NULL);
    if (!CALL(SDR_OK, SDF_OpenDevice, &second)) /* many opens in one process */
        return;
    HOLDS(second != env->device);
    CALL(SDR_OUTARGERR, SDF_OpenSession, second, NULL);
    CALL(SDR_OK, SDF_OpenSession, second, &session);
    memset(&info, 0xff, sizeof info);
    CALL(SDR_OK, SDF_GetDeviceInfo, session, &info);
    HOLDS(info.IssuerName[0] != 0 && info.IssuerName[0] != 0xff);
    HOLDS(info.DeviceSerial[0] != 0 && info.DeviceSerial[0] != 0xff);
    HOLDS(info.StandardVersion == 2 && info.BufferSize != 0xffffffff);
    CALL(SDR_OUTARGERR, SDF_GetDeviceInfo, session, NULL);
    CALL(SDR_OK, SDF_CloseDevice, second); /* with a session open: it goes too */
    CALL(SDR_INARGERR, SDF_GetDeviceInfo, session, &info);
    CALL(SDR_INARGERR, SDF_CloseSession, session);
    CALL(SDR_INARGERR, SDF_CloseDevice, second);
    CALL(SDR_INARGERR, SDF_OpenSession, second, &session);
    CALL(SDR_OK, SDF_GetDeviceInfo, env->session, &info); /* and the first device lives */
}

void case_handles(struct sdf_env *env)
{
    uint8_t byte;
    int local;
    uintptr_t live = (uintptr_t)env->session;
    void *wrong[] = {NULL,
                     &local,
                     env,
                     (void *)1,
                     (void *)2,
                     (void *)~(uintptr_t)0,
                     env->device,
                     (void *)(live + 1),
                     (void *)(live + 4),
                     (void *)(live ^ (uintptr_t)1 << 21),
                     (void *)(live + ((uintptr_t)1 << 22)),
                     (void *)(live ^ (uintptr_t)1 << 54),
                     (void *)(live ^ (uintptr_t)1 << 63)};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CALL(SDR_INARGERR, SDF_GenerateRandom, wrong[i], 1, &byte);
        CALL(SDR_INARGERR, SDF_CloseSession, wrong[i]);
        CALL(SDR_INARGERR, SDF_HashUpdate, wrong[i], &byte, 1);
        CALL(SDR_INARGERR, SDF_DestroyKey, wrong[i], env->session);
        CALL(SDR_INARGERR, SDF_DestroyKey, env->session, wrong[i]);
    }
    CALL(SDR_INARGERR, SDF_CloseDevice, NULL);
    CALL(SDR_INARGERR, SDF_CloseDevice, env->session);
    CALL(SDR_INARGERR, SDF_OpenSession, env->session, &wrong[0]);
    for (int i = 0; i < 3000; i++) { /* slots of the table come round, handles do not */
        void *session, *before = wrong[0];
        if (!CALL(SDR_OK, SDF_OpenSession, env->device, &session) || !HOLDS(session != before))
            return;
        CALL(SDR_OK, SDF_CloseSession, session);
        CALL(SDR_INARGERR, SDF_CloseSession, session);
        wrong[0] = session;
    }
}

void case_random(struct sdf_env *env)
{
    static const unsigned sizes[] = {1, 16, 257, 16384, 16385, 32 * 16384 + 1, 3000001};
    CALL(SDR_OUTARGERR, SDF_GenerateRandom, env->session, 16, NULL);
    CALL(SDR_OK, SDF_GenerateRandom, env->session, 0, (unsigned char *)&(int){0});
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *bytes = calloc(1, sizes[i] + 16);
        CALL(SDR_OK, SDF_GenerateRandom, env->session, sizes[i], bytes);
        unsigned zero_runs = 0;
        for (unsigned off = 0; off + 16 <= sizes[i]; off += 16)
            zero_runs += memcmp(bytes + off, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0;
        HOLDS(zero_runs == 0);
        HOLDS(memcmp(bytes + sizes[i], "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0); /* not one byte more */
        if (sizes[i] >= 2 * 16384)
            HOLDS(memcmp(bytes, bytes + 16384, 16384) != 0);
        free(bytes);
    }
}

void case_rights(struct sdf_env *env)
{
    uint8_t digest[32] = {1};
    ECCSignature signature;
    unsigned char code[] = "12345678", wrong[] = "12345679", longer[300] = {0};
    CALL(SDR_PARDENY, SDF_InternalSign_ECC, env->session, 1, digest, 32, &signature);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, env->session, 1, NULL, 0);
    CALL(SDR_OK, SDF_InternalSign_ECC, env->session, 1, digest, 32, &signature);
    CALL(SDR_PARDENY, SDF_InternalSign_ECC, env->session, 2, digest, 32, &signature);
    CALL(SDR_OK, SDF_ReleasePrivateKeyAccessRight, env->session, 1);
    CALL(SDR_PARDENY, SDF_InternalSign_ECC, env->session, 1, digest, 32, &signature);
    FAILS(SDF_ReleasePrivateKeyAccessRight, env->session, 1);
    CALL(SDR_PRKRERR, SDF_GetPrivateKeyAccessRight, env->session, 2, NULL, 0);
    CALL(SDR_PRKRERR, SDF_GetPrivateKeyAccessRight, env->session, 2, wrong, 8);
    CALL(SDR_PARDENY, SDF_InternalSign_ECC, env->session, 2, digest, 32, &signature);
    CALL(SDR_OK, SDF_GetPrivateKeyAccessRight, env->session, 2, code, 8);
    CALL(SDR_OK, SDF_InternalSign_ECC, env->session, 2, digest, 32, &signature);
    CALL(SDR_INARGERR, SDF_GetPrivateKeyAccessRight, env->session, 2, NULL, 8);
    CALL(SDR_INARGERR, SDF_GetPrivateKeyAccessRight, env->session, 2, longer, sizeof longer);
    CALL(SDR_KEYNOTEXIST, SDF_GetPrivateKeyAccessRight, env->session, 3, NULL, 0);
    void *other;
    if (CALL(SDR_OK, SDF_OpenSession, env->device, &other)) { /* a right is one session's */
        CALL(SDR_PARDENY, SDF_InternalSign_ECC, other, 2, digest, 32, &signature);
        CALL(SDR_OK, SDF_CloseSession, other);
    }
}

/* It has no code to return: its answer is one where it is the right text. */
void case_messages(struct sdf_env *env)
{
    sdf_met(env, "SDF_GetErrMsg", false, SDR_OK, strcmp(SDF_GetErrMsg(SDR_OK), "no error") ? 1 : 0, __LINE__);
    sdf_met(env, "SDF_GetErrMsg", true, 0, strcmp(SDF_GetErrMsg(SDR_MACERR), "the MAC does not hold") ? 0 : SDR_MACERR,
            __LINE__);
    for (unsigned code = SDR_BASE + 1; code < SDR_BASE + 32; code++) {
        HOLDS(strlen(SDF_GetErrMsg(code)) > 5);
        HOLDS(strcmp(SDF_GetErrMsg(code), SDF_GetErrMsg(SDR_BASE)) != 0);
    }
    HOLDS(strcmp(SDF_GetErrMsg(SDR_BASE), SDF_GetErrMsg(SDR_BASE + 32)) == 0);
    HOLDS(strcmp(SDF_GetErrMsg(0xffffffff), SDF_GetErrMsg(SDR_BASE + 32)) == 0);
}
