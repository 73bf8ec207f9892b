/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the virtual card. The tenant has 1 MiB of space and no files. */
#include <stdlib.h>
#include <string.h>
#include "tests/clients/sdf_cases.h"

#define LONG 300000u /* many slots, and not a whole number of them */

static uint8_t a[] = {'a'}, odd[128] = {0, 255, '/', '.', '.'};

void case_files(struct sdf_env *env)
{
    void *s = env->session, *other;
    uint8_t bytes[64] = {0}, zero[64] = {0}, text[] = "what is written can be read";
    unsigned n = sizeof bytes;
    CALL(SDR_OK, SDF_CreateFile, s, a, 1, 40);
    CALL(SDR_OK, SDF_CreateFile, s, odd, 128, 1); /* any bytes, and all of them count */
    CALL(SDR_OK, SDF_CreateFile, s, odd, 127, 2);
    CALL(SDR_FILEEXISTS, SDF_CreateFile, s, a, 1, 40);
    CALL(SDR_FILEEXISTS, SDF_CreateFile, s, odd, 128, 9);
    CALL(SDR_OK, SDF_ReadFile, s, a, 1, 0, &n, bytes);
    HOLDS(n == 40 && memcmp(bytes, zero, 40) == 0); /* fewer than wanted, and zeros */
    CALL(SDR_OK, SDF_WriteFile, s, a, 1, 5, sizeof text, text);
    n = sizeof text;
    CALL(SDR_OK, SDF_ReadFile, s, a, 1, 5, &n, bytes);
    HOLDS(n == sizeof text && memcmp(bytes, text, n) == 0);
    n = 9;
    CALL(SDR_OK, SDF_ReadFile, s, a, 1, 39, &n, bytes);
    HOLDS(n == 1 && bytes[0] == 0);
    if (CALL(SDR_OK, SDF_OpenSession, env->device, &other)) { /* files are the card's, not a session's */
        n = 4;
        CALL(SDR_OK, SDF_ReadFile, other, a, 1, 5, &n, bytes);
        HOLDS(memcmp(bytes, "what", 4) == 0);
        CALL(SDR_OK, SDF_DeleteFile, other, a, 1);
        CALL(SDR_OK, SDF_CloseSession, other);
    }
    n = 4;
    CALL(SDR_FILENOEXIST, SDF_ReadFile, s, a, 1, 5, &n, bytes);
    CALL(SDR_OK, SDF_CreateFile, s, a, 1, 40);
    CALL(SDR_OK, SDF_ReadFile, s, a, 1, 5, &n, bytes);
    HOLDS(n == 4 && memcmp(bytes, zero, 4) == 0); /* a new one has nothing of the old */
    CALL(SDR_OK, SDF_DeleteFile, s, a, 1);
    CALL(SDR_OK, SDF_DeleteFile, s, odd, 128);
    CALL(SDR_OK, SDF_DeleteFile, s, odd, 127);
}

void case_files_long(struct sdf_env *env)
{
    void *s = env->session;
    uint8_t *in = malloc(LONG), *out = malloc(LONG + 9), last;
    unsigned n = LONG + 9;
    if (!HOLDS(in && out)) {
        free(in);
        free(out);
        return;
    }
    for (unsigned i = 0; i < LONG; i++)
        in[i] = (uint8_t)(i * 7 + (i >> 8));
    CALL(SDR_OK, SDF_CreateFile, s, a, 1, LONG);
    CALL(SDR_OK, SDF_WriteFile, s, a, 1, 0, LONG, in);
    CALL(SDR_OK, SDF_ReadFile, s, a, 1, 0, &n, out);
    HOLDS(n == LONG && memcmp(in, out, n) == 0);
    n = 3 * 16384; /* ends where a slot does, which is where the file does */
    CALL(SDR_OK, SDF_ReadFile, s, a, 1, LONG - 2 * 16384, &n, out);
    HOLDS(n == 2 * 16384 && memcmp(in + LONG - n, out, n) == 0);
    CALL(SDR_OK, SDF_WriteFile, s, a, 1, 12345, 70000, in);
    memmove(in + 12345, in, 70000);
    n = LONG;
    CALL(SDR_OK, SDF_ReadFile, s, a, 1, 0, &n, out);
    HOLDS(n == LONG && memcmp(in, out, n) == 0);
    /* one byte too many: nothing is written, not even the first piece */
    in[0] ^= 0xff;
    CALL(SDR_FILEOFSERR, SDF_WriteFile, s, a, 1, 1, LONG, in);
    n = 1;
    CALL(SDR_OK, SDF_ReadFile, s, a, 1, 1, &n, &last);
    HOLDS(last == out[1]);
    CALL(SDR_OK, SDF_DeleteFile, s, a, 1);
    free(in);
    free(out);
}

void case_files_wrong(struct sdf_env *env)
{
    void *s = env->session;
    uint8_t bytes[64] = {0}, long_name[129] = {1};
    unsigned n = 1;
    CALL(SDR_FILENOEXIST, SDF_ReadFile, s, a, 1, 0, &n, bytes);
    CALL(SDR_FILENOEXIST, SDF_WriteFile, s, a, 1, 0, 1, bytes);
    CALL(SDR_FILENOEXIST, SDF_DeleteFile, s, a, 1);
    CALL(SDR_FILESIZEERR, SDF_CreateFile, s, a, 1, 0);
    CALL(SDR_FILESIZEERR, SDF_CreateFile, s, a, 1, (1u << 20) + 1);
    CALL(SDR_FILESIZEERR, SDF_CreateFile, s, a, 1, 0xffffffff);
    CALL(SDR_INARGERR, SDF_CreateFile, s, NULL, 1, 40);
    CALL(SDR_INARGERR, SDF_CreateFile, s, a, 0, 40);
    CALL(SDR_INARGERR, SDF_CreateFile, s, long_name, 129, 40);
    CALL(SDR_OK, SDF_CreateFile, s, a, 1, 40);
    CALL(SDR_FILESIZEERR, SDF_CreateFile, s, odd, 1, (1u << 20) - 39);
    CALL(SDR_FILEOFSERR, SDF_ReadFile, s, a, 1, 40, &n, bytes);
    CALL(SDR_FILEOFSERR, SDF_ReadFile, s, a, 1, 0xffffffff, &n, bytes);
    CALL(SDR_OUTARGERR, SDF_ReadFile, s, a, 1, 0, NULL, bytes);
    for (unsigned at = 0; at < 40; at += 13) { /* how long is it? */
        n = at;
        CALL(SDR_OK, SDF_ReadFile, s, a, 1, at, &n, NULL);
        HOLDS(n == 40 - at);
    }
    n = 5;
    CALL(SDR_FILEOFSERR, SDF_ReadFile, s, a, 1, 40, &n, NULL);
    CALL(SDR_FILENOEXIST, SDF_ReadFile, s, odd, 1, 0, &n, NULL);
    CALL(SDR_INARGERR, SDF_ReadFile, s, a, 0, 0, &n, NULL);
    HOLDS(n == 5);
    CALL(SDR_INARGERR, SDF_ReadFile, s, NULL, 1, 0, &n, bytes);
    CALL(SDR_INARGERR, SDF_ReadFile, s, a, 0, 0, &n, bytes);
    CALL(SDR_INARGERR, SDF_ReadFile, s, long_name, 129, 0, &n, bytes);
    n = 0;
    CALL(SDR_INARGERR, SDF_ReadFile, s, a, 1, 0, &n, bytes);
    CALL(SDR_FILEOFSERR, SDF_WriteFile, s, a, 1, 40, 1, bytes);
    CALL(SDR_FILEOFSERR, SDF_WriteFile, s, a, 1, 39, 2, bytes);
    CALL(SDR_FILEOFSERR, SDF_WriteFile, s, a, 1, 0xffffffff, 2, bytes);
    CALL(SDR_INARGERR, SDF_WriteFile, s, a, 1, 0, 0, bytes);
    CALL(SDR_INARGERR, SDF_WriteFile, s, a, 1, 0, 1, NULL);
    CALL(SDR_INARGERR, SDF_WriteFile, s, NULL, 1, 0, 1, bytes);
    CALL(SDR_INARGERR, SDF_WriteFile, s, long_name, 129, 0, 1, bytes);
    CALL(SDR_INARGERR, SDF_DeleteFile, s, NULL, 1);
    CALL(SDR_INARGERR, SDF_DeleteFile, s, long_name, 129);
    CALL(SDR_INARGERR, SDF_DeleteFile, NULL, a, 1);
    CALL(SDR_INARGERR, SDF_CreateFile, NULL, a, 1, 40);
    CALL(SDR_INARGERR, SDF_ReadFile, NULL, a, 1, 0, &n, bytes);
    CALL(SDR_INARGERR, SDF_WriteFile, NULL, a, 1, 0, 1, bytes);
    CALL(SDR_OK, SDF_DeleteFile, s, a, 1);
}
