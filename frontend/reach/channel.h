/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h: a reach whose doorbells are two eventfds and whose lifeline is a socket: `unix`, and the native ivshmem
 * peer. Both receive these descriptors from a server on a UNIX socket and differ only in how.
 */
#ifndef CARDMUX_REACH_CHANNEL_H
#define CARDMUX_REACH_CHANNEL_H

#include <stdatomic.h>
#include <sys/types.h>
#include "frontend/reach/region.h"

#define CHANNEL_FDS 8 /* descriptors taken from one message; more are closed by the kernel */

struct channel {
    struct reach reach;
    int socket, region, ring, wake; /* -1: none */
    _Atomic bool ended;             /* the socket's end was seen: do not poll it again */
};

/* Connects to the socket at path and lets `greet` receive what the server says: region, ring, wake, and map the two
   views. limit_ms bounds the connecting and each channel_receive. On failure nothing is left. */
uint32_t channel_open(const struct reach_driver *driver, const char *path, unsigned limit_ms,
                      uint32_t (*greet)(struct channel *channel, char *text), struct reach **out, char *text);

/* Receives up to len bytes and at most CHANNEL_FDS descriptors (close-on-exec). Bytes, or -1 with errno (EPROTO:
   truncated control data). On failure no descriptors stay open. */
ssize_t channel_receive(int socket, void *bytes, size_t len, int fds[CHANNEL_FDS], int *fd_count);

/* The region's memfd: of the expected size (0: any), and sealed so that it cannot shrink under our mapping. */
uint32_t channel_check_region(int fd, uint64_t expected, uint64_t *size, char *text);

void channel_close(struct reach *reach);
void channel_ring(struct reach *reach);
void channel_wait(struct reach *reach, int timeout_ms);
void channel_kick(struct reach *reach);
bool channel_alive(struct reach *reach);

#endif
