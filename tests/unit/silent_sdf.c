/* SPDX-License-Identifier: Apache-2.0 */
/* A library that gives no answer until the caller's alarm, which here comes at once. */
#include <signal.h>

__attribute__((visibility("default"))) int SDF_OpenDevice(void **device);
__attribute__((visibility("default"))) int SDF_CloseDevice(void *device);

int SDF_OpenDevice(void **device)
{
    *device = 0;
    return raise(SIGALRM);
}

int SDF_CloseDevice(void *device)
{
    return device != 0;
}
