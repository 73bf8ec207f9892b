/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller.h: what is measured as `virtual`: the callers in a tenant's process, which know a socket and nothing else.
 *
 * One process per tenant, `threads` callers in it. A caller is one of two kinds behind one small interface:
 *   async.c    cardmux/client.h, `depth` requests in flight: echo, and whatever is deeper than 1
 *   sdfcall.c  SDF functions of a dlopen()ed libsdf.so, one call after the other: crypto at depth 1
 * The caller copies its payload in from buffers of its own and the result out to others, as an application does. Its
 * keys are made so that it can check results without the card: session keys by GenerateKeyWithEPK towards a pair made
 * by libcrypto; for signatures it asks for the public key.
 */
#ifndef CARDMUX_BENCH_CALLER_H
#define CARDMUX_BENCH_CALLER_H

#include <stdbool.h>
#include <stdint.h>
#include "bench/slice.h"
#include "bench/work.h"
#include "cardmux/client.h"

#define CALLER_GRACE_NS 5000000000u /* no completion for that long after the window: given up */

struct caller_config {
    const struct bench_op *op;
    size_t size;
    uint32_t depth;
    uint32_t wake; /* completions worth a wake-up */
    const char *socket;
    const char *reach; /* "unix", "ivshmem-peer" */
    enum cardmux_wait wait;
    const char *libsdf; /* path; NULL: client.h */
    size_t store_bytes;
};

struct caller_driver {
    /* Connects and makes keys, into work as well. NULL: text[SLICE_TEXT] says why. */
    void *(*open)(const struct caller_config *config, struct work *work, char *text);
    void (*run)(void *caller, struct meter *meter);
    void (*close)(void *caller);
};

extern const struct caller_driver caller_async, caller_sdf;

/* A tenant's process: runs `threads` callers until quit; their results are control->results[first...]. Returns the
   process's exit status. Threads block all signals. */
int tenant_main(const struct caller_config *config, uint32_t threads, struct slice_control *control, uint32_t first);

#endif
