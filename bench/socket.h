/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket.h: the bare socket, the yardstick of the stream: what the plainest design does, one question and one answer at
 * a time. Two processes on a UNIX stream socket pair, one buffer each; the caller writes its payload, blocking, and
 * reads it back; the far process reads it whole and writes it. Nobody spins, nothing is checked, and there is no
 * protocol.
 */
#ifndef CARDMUX_BENCH_SOCKET_H
#define CARDMUX_BENCH_SOCKET_H

#include "bench/slice.h"
#include "bench/work.h"

struct bare_socket;

/* Forks the far process; NULL: errno says why. To be called while the process has one thread. */
struct bare_socket *bare_socket_open(size_t size);
void bare_socket_close(struct bare_socket *bare);
/* One slice on the calling thread, work of kind WORK_ECHO and of the size given above. */
void bare_socket_run(struct bare_socket *bare, struct work *work, struct meter *meter);

#endif
