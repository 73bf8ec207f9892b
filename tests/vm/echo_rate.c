/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo_rate.c: echoes of a virtual card from inside a guest, by client.h; for tests/vm/measure-vsock.
 *
 *     echo_rate REACH DEPTH SECONDS [BYTES]
 *
 * keeps DEPTH requests in flight, looks at each answer's first and last bytes, and prints operations per second and the
 * median and 99th percentile of the time from submission to completion.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cardmux/client.h"
#include "cardmux/sdf.h"

#define TIMES_MAX 1000000u

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

struct run {
    struct cardmux_client *client;
    uint32_t bytes;
    uint64_t sent, done;
    double started[CARDMUX_DEPTH]; /* by slot */
    float *times;
};

static void request_make(struct run *run, int slot, struct cardmux_request *request)
{
    uint8_t *data = cardmux_slot_data(run->client, slot);
    uint64_t number = run->sent++;
    memcpy(data, &number, sizeof number);
    memcpy(data + run->bytes - sizeof number, &number, sizeof number);
    *request =
        (struct cardmux_request){.op = CARDMUX_ECHO, .slot = (uint16_t)slot, .data_len = run->bytes, .user = number};
    run->started[slot] = now_us();
}

static int take(struct run *run, const struct cardmux_completion *done)
{
    const uint8_t *data = cardmux_slot_data(run->client, done->slot);
    if (done->status != SDR_OK || done->data_len != run->bytes || memcmp(data, &done->user, 8) ||
        memcmp(data + run->bytes - 8, &done->user, 8)) {
        fprintf(stderr, "answer %llu: 0x%08x, %u bytes\n", (unsigned long long)done->user, (unsigned)done->status,
                done->data_len);
        return -1;
    }
    if (run->done < TIMES_MAX)
        run->times[run->done] = (float)(now_us() - run->started[done->slot]);
    run->done++;
    return 0;
}

/* What is answered together is sent again together. */
static int go(struct run *run, unsigned depth, double seconds)
{
    struct cardmux_request batch[CARDMUX_DEPTH];
    double begin = now_us(), end = begin + seconds * 1e6, now = begin;
    unsigned ready = 0, flying = 0;
    for (; ready < depth; ready++)
        request_make(run, cardmux_slot_take(run->client), &batch[ready]);
    while (ready || flying) {
        struct cardmux_completion done[CARDMUX_DEPTH];
        if (ready && cardmux_submit(run->client, batch, ready) != ready)
            return -1;
        flying += ready;
        size_t got = cardmux_poll(run->client, done, depth, 1, 10000);
        if (!got)
            return -1;
        flying -= (unsigned)got;
        now = now_us();
        ready = 0;
        for (size_t i = 0; i < got; i++) {
            if (take(run, &done[i]))
                return -1;
            if (now < end)
                request_make(run, done[i].slot, &batch[ready++]);
        }
    }
    size_t n = run->done < TIMES_MAX ? run->done : TIMES_MAX;
    qsort(run->times, n, sizeof *run->times, by_size);
    printf("echo %u bytes, %u in flight, by %s: %.0f/s, p50 %.0f us, p99 %.0f us\n", run->bytes, depth,
           cardmux_reach(run->client), (double)run->done / (now - begin) * 1e6, run->times[n / 2],
           run->times[n * 99 / 100]);
    return 0;
}

int main(int argc, char **argv)
{
    char text[256];
    struct cardmux_options options = {.size = sizeof options, .reach = argc > 1 ? argv[1] : NULL};
    unsigned depth = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    struct run run = {.bytes = argc > 4 ? (uint32_t)atoi(argv[4]) : 4096, .times = malloc(TIMES_MAX * sizeof(float))};
    if (argc < 4 || depth < 1 || depth > CARDMUX_DEPTH || run.bytes < 8 || run.bytes > CARDMUX_DATA_MAX || !run.times) {
        fprintf(stderr, "usage: echo_rate REACH DEPTH SECONDS [BYTES]\n");
        return 2;
    }
    uint32_t status = cardmux_open(&options, &run.client, text, sizeof text);
    if (status != SDR_OK) {
        fprintf(stderr, "no virtual card (0x%08x): %s\n", (unsigned)status, text);
        return 1;
    }
    int result = go(&run, depth, atof(argv[3]));
    if (result)
        fprintf(stderr, "stopped after %llu\n", (unsigned long long)run.done);
    cardmux_close(run.client);
    return result != 0;
}
