/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock_attack.c: what any process of a guest can do to the daemon with AF_VSOCK sockets alone; for test guests.
 *
 *     vsock_attack SECONDS SEED
 *
 * In turn and all at once: connections that are opened and never read, that send frames without end and never read the
 * answers, that send rubbish, that stop in the middle of a frame, that are half-closed in the middle, that are reset;
 * and more of them than the tenant may have, and ports that nobody serves. Ends with a line of what it did.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "proto/ops.h"
#include "proto/stream.h"

#define SOCKETS 96
#define LEAST   20 /* of each kind; test-hostile-vsock asks for as many */

enum habit {
    SILENT,  /* never reads */
    FLOODER, /* sends proper frames as fast as it goes, and reads nothing */
    BABBLER, /* random bytes */
    STOPPER, /* half of a frame, then nothing */
    HALVER,  /* half of a frame, then shuts down its side */
    RESETTER,
    HABITS
};

struct victim {
    int fd; /* -1: none */
    enum habit habit;
    struct cm_stream_hello hello;
    size_t have; /* of the hello */
    uint32_t pos, slot;
};

static struct victim victims[SOCKETS];
static struct {
    unsigned long opened, refused, frames, bytes, ended;
} did;

static uint64_t seed;

static uint32_t next_random(void)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33);
}

static void victim_close(struct victim *victim)
{
    close(victim->fd);
    victim->fd = -1;
    did.ended++;
}

static void victim_open(struct victim *victim)
{
    unsigned port = next_random() % 16 ? CM_VSOCK_PORT : next_random();
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
    *victim = (struct victim){.fd = socket(AF_VSOCK, SOCK_STREAM, 0), .habit = next_random() % HABITS, .pos = 1};
    if (victim->fd < 0)
        return;
    if (connect(victim->fd, (struct sockaddr *)&address, sizeof address)) {
        close(victim->fd);
        victim->fd = -1;
        did.refused++;
        return;
    }
    fcntl(victim->fd, F_SETFL, O_NONBLOCK);
    did.opened++;
}

static void bytes_send(struct victim *victim, const void *bytes, size_t len)
{
    ssize_t sent = send(victim->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0)
        did.bytes += (unsigned long)sent;
    else if (sent < 0 && errno != EAGAIN)
        victim_close(victim);
}

/* A frame as a front end sends it, in the next slot: the first 64 are right; beyond that the slots are in use, which is
   a breach, unless it waits: some do, some do not. */
static size_t frame_make(struct victim *victim, uint8_t *frame)
{
    struct cm_sqe sqe = {.generation = victim->hello.generation,
                         .epoch = CM_STREAM_EPOCH,
                         .op = CM_OP_ECHO,
                         .slot = (uint16_t)(victim->slot++ % CM_SLOTS),
                         .data_len = next_random() % 4096,
                         .pos = victim->pos++};
    if (next_random() % 64 == 0)
        ((uint8_t *)&sqe)[next_random() % sizeof sqe] ^= 1u << next_random() % 8;
    memcpy(frame, &sqe, sizeof sqe);
    did.frames++;
    return sizeof sqe + (sqe.data_len < CM_SLOT_SIZE ? sqe.data_len : CM_SLOT_SIZE);
}

static void victim_act(struct victim *victim)
{
    static uint8_t bytes[sizeof(struct cm_sqe) + CM_SLOT_SIZE];
    if (victim->habit != SILENT && victim->have < sizeof victim->hello) {
        ssize_t got = recv(victim->fd, (char *)&victim->hello + victim->have, sizeof victim->hello - victim->have, 0);
        if (got > 0)
            victim->have += (size_t)got;
        else if (got == 0 || errno != EAGAIN)
            victim_close(victim);
        return;
    }
    switch (victim->habit) {
    case FLOODER:
        bytes_send(victim, bytes, frame_make(victim, bytes));
        break;
    case BABBLER:
        for (unsigned i = 0; i < 64; i++)
            bytes[i] = (uint8_t)next_random();
        bytes_send(victim, bytes, 64 + next_random() % 8000);
        break;
    case STOPPER:
    case HALVER:
        if (victim->pos == 1) {
            bytes_send(victim, bytes, 1 + next_random() % frame_make(victim, bytes));
            if (victim->fd >= 0 && victim->habit == HALVER)
                shutdown(victim->fd, SHUT_WR);
        }
        break;
    case RESETTER:
        bytes_send(victim, bytes, frame_make(victim, bytes));
        if (victim->fd >= 0)
            victim_close(victim);
        break;
    default:
        break;
    }
    if (victim->fd >= 0 && next_random() % 400 == 0)
        victim_close(victim);
}

/* Of each kind, on however slow a machine. */
static bool enough(void)
{
    return did.opened > LEAST && did.refused > LEAST && did.frames > LEAST && did.bytes > LEAST && did.ended > LEAST;
}

int main(int argc, char **argv)
{
    time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 10);
    seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    for (unsigned i = 0; i < SOCKETS; i++)
        victims[i].fd = -1;
    while (time(NULL) < end || !enough())
        for (unsigned i = 0; i < 1000; i++) {
            struct victim *victim = &victims[next_random() % SOCKETS];
            if (victim->fd >= 0)
                victim_act(victim);
            else if (next_random() % 8 == 0)
                victim_open(victim);
        }
    printf("opened=%lu refused=%lu frames=%lu bytes=%lu ended=%lu\n", did.opened, did.refused, did.frames, did.bytes,
           did.ended);
    return 0;
}
