/* covers: proto/wait.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The waiting rule on any state: it never blocks unannounced, a sleeper never polls, a poller never sleeps, and where
 * it is crowded nobody spins.
 */
#include <stdlib.h>
#include <string.h>
#include "proto/wait.h"

static void must(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t words[3];
    if (size < 4 + sizeof words)
        return 0;
    memcpy(words, data + 4, sizeof words);
    struct wait_input in = {
        .mode = (enum wait_mode)(data[0] % 3),
        .crowded = data[1] & 1,
        .announced = data[1] & 2,
        .pressed = data[1] & 4,
        .looks = (uint32_t)words[0],
        .waited_ns = words[1] >> (data[2] & 63), /* small numbers too */
        .expected_ns = words[2] >> (data[3] & 63),
    };
    enum wait_action action = wait_decide(&in);
    must(action <= WAIT_DO_BLOCK);
    must(action != WAIT_DO_BLOCK || in.announced);
    must(action != WAIT_DO_ANNOUNCE || !in.announced);
    must(!(in.crowded && action == WAIT_DO_SPIN));
    if (in.mode == WAIT_SLEEP)
        must(action == WAIT_DO_ANNOUNCE || action == WAIT_DO_BLOCK);
    if (in.mode == WAIT_POLL && !in.announced)
        must(action == WAIT_DO_SPIN || action == WAIT_DO_YIELD);
    if (in.pressed && in.mode != WAIT_POLL)
        must(action != WAIT_DO_YIELD);
    struct wait_pressure pressure = {0};
    for (size_t i = 0; i < 3; i++) {
        wait_polled(&pressure, words[i], words[(i + 1) % 3]);
        must(pressure.span_ns <= 1000000000);
        must(pressure.until_ns == 0 || pressure.span_ns >= 20000000);
    }
    uint64_t mean = wait_expect(in.expected_ns % 10000001, in.waited_ns);
    must(mean <= 10000000);
    return 0;
}
