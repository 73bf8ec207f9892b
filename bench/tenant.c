/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "bench/caller.h"

struct caller {
    const struct caller_config *config;
    const struct caller_driver *driver;
    struct slice_control *control;
    struct slice_result *result;
    uint64_t salt;
    pthread_t thread;
};

static void caller_fail(struct slice_result *result)
{
    atomic_store(&result->failed, 1);
}

static void *caller_main(void *arg)
{
    struct caller *caller = arg;
    struct slice_result *result = caller->result;
    struct slice_control *control = caller->control;
    struct work work;
    void *virtual = NULL;
    uint32_t phase = 0;
    uint32_t stride = caller->config->op->kind == WORK_ECHO ? 8 : 1;
    snprintf(result->text, SLICE_TEXT, "no memory");
    if (work_init(&work, caller->config->op, caller->config->size, caller->salt, caller->config->store_bytes))
        virtual = caller->driver->open(caller->config, &work, result->text);
    if (!virtual)
        caller_fail(result);
    slice_finished(control);
    while (slice_next(control, &phase)) {
        if (virtual && !atomic_load(&result->failed)) {
            struct meter meter;
            meter_start(&meter, control->begin_ns, control->end_ns, stride, result);
            caller->driver->run(virtual, &meter);
            uint64_t wrong = work.wrong;
            work_check(&work);
            result->errors += work.wrong - wrong;
            result->checked = work.checked;
        }
        slice_finished(control);
    }
    if (virtual)
        caller->driver->close(virtual);
    work_free(&work);
    return NULL;
}

int tenant_main(const struct caller_config *config, uint32_t threads, struct slice_control *control, uint32_t first)
{
    struct caller *callers = calloc(threads, sizeof(*callers));
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    uint32_t started = 0;
    for (; callers && started < threads; started++) {
        struct caller *caller = &callers[started];
        *caller = (struct caller){.config = config,
                                  .driver = config->libsdf ? &caller_sdf : &caller_async,
                                  .control = control,
                                  .result = &control->results[first + started],
                                  .salt = 0x517cc1b727220a95u * (first + started + 1)};
        if (pthread_create(&caller->thread, NULL, caller_main, caller) != 0)
            break;
    }
    for (uint32_t i = started; i < threads; i++) {
        snprintf(control->results[first + i].text, SLICE_TEXT, "no thread could be started");
        caller_fail(&control->results[first + i]);
        slice_finished(control);
    }
    for (uint32_t i = 0; i < started; i++)
        pthread_join(callers[i].thread, NULL);
    free(callers);
    return started == threads ? 0 : 1;
}
