/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/slice.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int futex_wait(_Atomic uint32_t *word, uint32_t value, int timeout_ms)
{
    struct timespec ts = {timeout_ms / 1000, (timeout_ms % 1000) * 1000000L};
    return (int)syscall(SYS_futex, word, FUTEX_WAIT, value, timeout_ms < 0 ? NULL : &ts, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static size_t control_size(uint32_t callers)
{
    return sizeof(struct slice_control) + callers * sizeof(struct slice_result);
}

struct slice_control *slice_control_new(uint32_t callers)
{
    struct slice_control *control =
        mmap(NULL, control_size(callers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (control == MAP_FAILED)
        return NULL;
    control->callers = callers;
    return control;
}

void slice_control_free(struct slice_control *control)
{
    if (control)
        munmap(control, control_size(control->callers));
}

void slice_start(struct slice_control *control, double seconds)
{
    atomic_store(&control->finished, 0);
    control->begin_ns = now_ns() + SLICE_WARM_NS;
    control->end_ns = control->begin_ns + (uint64_t)(seconds * 1e9);
    atomic_fetch_add(&control->phase, 1);
    futex_wake(&control->phase);
}

bool slice_wait(struct slice_control *control, int timeout_ms)
{
    uint64_t until = now_ns() + (uint64_t)timeout_ms * 1000000u;
    for (;;) {
        uint32_t finished = atomic_load(&control->finished);
        if (finished >= control->callers)
            return true;
        uint64_t now = now_ns();
        if (now >= until)
            return false;
        if (futex_wait(&control->finished, finished, (int)((until - now) / 1000000u) + 1) < 0 && errno == EINTR)
            return false;
    }
}

void slice_quit(struct slice_control *control)
{
    atomic_store(&control->quit, 1);
    atomic_fetch_add(&control->phase, 1);
    futex_wake(&control->phase);
}

void slice_finished(struct slice_control *control)
{
    /* the parent is woken once, by the last */
    if (atomic_fetch_add(&control->finished, 1) + 1 == control->callers)
        futex_wake(&control->finished);
}

bool slice_next(struct slice_control *control, uint32_t *phase)
{
    uint32_t now;
    while ((now = atomic_load(&control->phase)) == *phase)
        futex_wait(&control->phase, *phase, -1);
    *phase = now;
    return !atomic_load(&control->quit);
}

void meter_start(struct meter *meter, uint64_t begin_ns, uint64_t end_ns, uint32_t stride, struct slice_result *result)
{
    *meter = (struct meter){.begin_ns = begin_ns, .end_ns = end_ns, .stride = stride, .result = result};
    result->ops_per_s = 0;
    result->ops = result->cpu_ns = result->all_ops = 0;
}

bool meter_edge(struct meter *meter, uint64_t now)
{
    if (meter->over)
        return false;
    if (!meter->on && now < meter->end_ns) {
        meter->on = true;
        meter->at_ops = meter->ops;
        meter->at_ns = now;
        meter->at_cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        return true;
    }
    meter->over = true;
    if (!meter->on) /* it did not get to look even once within its window */
        return false;
    meter->on = false;
    meter->result->ops = meter->ops - meter->at_ops;
    meter->result->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - meter->at_cpu;
    uint64_t nominal = meter->end_ns - meter->begin_ns, looked = now - meter->at_ns;
    if (looked > nominal - nominal / 10 && looked < nominal + nominal / 10)
        meter->result->ops_per_s = (double)meter->result->ops * 1e9 / (double)looked;
    else /* it was kept from looking for long: only what it saw before the end counts, over the whole window */
        meter->result->ops_per_s = (double)(meter->result->ops - 1) * 1e9 / (double)nominal;
    return false;
}
