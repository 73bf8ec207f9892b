/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_traffic: writes down the submissions that libsdf.so sends for the SDF cases, as the broker's gate sees them:
 * one line of hex each, one line for each different shape. fuzz/corpus/traffic.hex was made by it; make it anew after a
 * change of the wire:
 *
 *     build/tests/wire/record_traffic > fuzz/corpus/traffic.hex
 *
 * Linked with --wrap=cm_gate_check, so that the broker in this process shows what it checks.
 */
#include <stdio.h>
#include <string.h>

#include "proto/ops.h"
#include "tests/clients/sdf_cases.h"
#include "tests/wire/harness.h"

#define SHAPES_MAX 1024

static struct cm_sqe shapes[SHAPES_MAX];
static unsigned count;

static bool same_shape(const struct cm_sqe *a, const struct cm_sqe *b)
{
    return a->op == b->op && a->alg == b->alg && a->param_len == b->param_len &&
           a->data_len / 1024 == b->data_len / 1024 && (a->data_len % 16 == 0) == (b->data_len % 16 == 0) &&
           a->key % 8 == b->key % 8;
}

enum cm_gate __real_cm_gate_check(const struct cm_sqe *sqe, uint64_t busy);
enum cm_gate __wrap_cm_gate_check(const struct cm_sqe *sqe, uint64_t busy);
enum cm_gate __wrap_cm_gate_check(const struct cm_sqe *sqe, uint64_t busy)
{
    bool known = count == SHAPES_MAX;
    for (unsigned i = 0; i < count && !known; i++)
        known = same_shape(&shapes[i], sqe);
    if (!known)
        shapes[count++] = *sqe; /* the broker's thread only */
    return __real_cm_gate_check(sqe, busy);
}

int main(void)
{
    struct wire *wire = wire_start(&(struct wire_options){.tenants = 1});
    struct sdf_env env = {.name = "open"};
    int failed = 0;
    wire_use(wire, 0);
    if (SDF_OpenDevice(&env.device) != SDR_OK)
        return 1;
    for (const struct sdf_case *c = sdf_cases; c->name; c++)
        if (strcmp(c->name, "fork") != 0)
            failed += !sdf_case_run(c, &env);
    SDF_CloseDevice(env.device);
    wire_stop(wire);
    for (unsigned i = 0; i < count; i++) {
        const unsigned char *bytes = (const unsigned char *)&shapes[i];
        for (size_t k = 0; k < sizeof shapes[i]; k++)
            printf("%02x", bytes[k]);
        putchar('\n');
    }
    return failed != 0 || count < 20;
}
