/* SPDX-License-Identifier: Apache-2.0 */
/* jitter.c: see jitter.h. */
#include "tests/wire/jitter.h"

#include <sched.h>
#include <stdint.h>
#include <time.h>

void (*_Atomic jitter_hook)(const char *where);

static uint32_t draw(uint32_t below)
{
    static _Thread_local uint64_t random;
    if (!random) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        random = (uint64_t)now.tv_nsec ^ (uint64_t)(uintptr_t)&random;
    }
    random = random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random >> 33) % below;
}

static void stay(const char *where, uint32_t seldom, uint32_t most_us)
{
    void (*hook)(const char *) = atomic_load_explicit(&jitter_hook, memory_order_acquire);
    if (hook) {
        hook(where);
        return;
    }
    uint32_t drawn = draw(seldom);
    if (drawn == 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000l * draw(most_us)}, NULL);
    else if (drawn < 4)
        sched_yield();
}

void jitter(const char *where)
{
    stay(where, 64, 4000);
}

void jitter_copy(const char *where)
{
    stay(where, 16, 4000);
}
