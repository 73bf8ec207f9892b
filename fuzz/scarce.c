/* SPDX-License-Identifier: Apache-2.0 */
/* scarce.c: stands before the allocator, for what is linked in and not for shared libraries (meson.build: --wrap). */
#include "fuzz/scarce.h"

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

unsigned scarce;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

static bool refused(void)
{
    static _Thread_local pid_t thread;
    if (!thread)
        thread = gettid();
    return thread == getpid() && scarce && !--scarce;
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return refused() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return refused() ? NULL : __real_strdup(text);
}
