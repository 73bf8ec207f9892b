/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock_probe.c: what a guest can do with a socket alone; for test guests, never for the machine that runs the tests.
 *
 *     vsock_probe hello PORT           connects, and reads the daemon's first words
 *     vsock_probe refused PORT [CID]   is refused; prints the kernel's word for it
 *     vsock_probe idle PORT            connects, says "idle", and waits for the end without a word of its own
 *     vsock_probe echo PORT SECONDS    how fast is a bare echo of 4 KiB, one at a time (for measure-vsock)
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "proto/stream.h"

#define TIMES_MAX 1000000u

static int card_connect(unsigned port, unsigned cid)
{
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        return -1;
    }
    return fd;
}

static int hello_read(int fd)
{
    struct cm_stream_hello hello;
    size_t have = 0;
    while (have < sizeof(hello)) {
        ssize_t got = read(fd, (char *)&hello + have, sizeof(hello) - have);
        if (got <= 0) {
            return -1;
        }
        have += (size_t)got;
    }
    printf("tenant %.40s\n", hello.tenant);
    return hello.magic == CM_STREAM_MAGIC && hello.status == 0 ? 0 : -1;
}

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

/* Blocking write and read, one question at a time. */
static int echo_rate(int fd, double seconds)
{
    static float times[TIMES_MAX];
    char sent[4096], got[sizeof(sent)];
    size_t n = 0;
    double begin = now_us(), now = begin, end = begin + seconds * 1e6;
    for (; now < end && n < TIMES_MAX; n++) {
        double start = now;
        memset(sent, (int)n, sizeof(sent));
        if (write(fd, sent, sizeof(sent)) != (ssize_t)sizeof(sent) ||
            recv(fd, got, sizeof(got), MSG_WAITALL) != (ssize_t)sizeof(got) || memcmp(sent, got, sizeof(got))) {
            return -1;
        }
        now = now_us();
        times[n] = (float)(now - start);
    }
    qsort(times, n, sizeof(*times), by_size);
    printf("bare echo of 4096 bytes, 1 in flight: %.0f/s, p50 %.0f us, p99 %.0f us\n", (double)n / (now - begin) * 1e6,
           times[n / 2], times[n * 99 / 100]);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    unsigned port = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 0;
    bool bare = argc > 3 && strcmp(what, "echo") == 0;
    int fd = card_connect(port, argc > 3 && !bare ? (unsigned)strtoul(argv[3], NULL, 0) : VMADDR_CID_HOST);
    if (strcmp(what, "refused") == 0) {
        printf("%s\n", fd < 0 ? strerror(errno) : "connected");
        return fd >= 0;
    }
    if (bare) {
        return fd < 0 || echo_rate(fd, atof(argv[3]));
    }
    if (fd < 0 || hello_read(fd)) {
        printf("no card: %s\n", strerror(errno));
        return 1;
    }
    if (strcmp(what, "idle") == 0) {
        char byte;
        puts("idle");
        fflush(stdout);
        ssize_t got = read(fd, &byte, 1);
        printf("ended: %s\n", got == 0 ? "as it should" : got < 0 ? strerror(errno) : "with a byte");
        return got > 0;
    }
    return 0;
}
