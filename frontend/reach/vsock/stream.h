/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h: a reach without shared memory (proto/stream.h): a queue pair in this process's own memory, and a socket
 * whose far end has another. What the client publishes is sent by `ring`; what has come is put into the completion ring
 * by `look` and `wait`. So nothing above knows that no broker writes this memory.
 *
 *   state        what is true                                          left by
 *   LOST         no connection; tried again now and then               connect: CONNECTING; refused: DEAD
 *   CONNECTING   connect is under way                                  done: GREETING; refused: DEAD
 *   GREETING     connected; while no broker runs, nothing is said      hello: OPEN; refusal, wrong peer: DEAD; end:
 * LOST OPEN         header and control page say so (their generation      end, or a peer that breaks the protocol: LOST
 *                is this process's own, a new one for each connection)
 *   DEAD         not alive: the client closes it and opens anew, maybe another way
 *
 * In every state but OPEN the header says that nobody serves this memory, and a new generation in the control page that
 * the last one is gone. So a lost connection is to the client what a lost broker is: it sends again what may be sent
 * again, and sessions that held something are lost.
 *
 * Locks: rx (receiving, states), then tx (sending). Both are held where the connection or its epoch changes. Who
 * receives looks at the completion ring before it sleeps, or a completion would lie there while its owner sleeps:
 * `look` is called by the client where it takes completions next, and `wait` by the one sleeper.
 *
 * The socket's number stays the same from open to close: another thread may be about to poll it.
 */
#ifndef CARDMUX_REACH_STREAM_H
#define CARDMUX_REACH_STREAM_H

#include <sys/socket.h>
#include "frontend/reach/reach.h"

#define STREAM_ADDRESS 128

struct stream_address {
    struct sockaddr_storage at;
    socklen_t len;
    char text[STREAM_ADDRESS]; /* for sentences */
};

/* Opens a stream to an address and waits for the hello. */
uint32_t stream_reach_open(const struct reach_driver *driver, const struct stream_address *address, unsigned limit_ms,
                           struct reach **reach, char *text);

void stream_reach_close(struct reach *reach);
void stream_reach_forget(struct reach *reach);
void stream_reach_ring(struct reach *reach);
void stream_reach_wait(struct reach *reach, int timeout_ms);
void stream_reach_kick(struct reach *reach);
bool stream_reach_alive(struct reach *reach);
void stream_reach_look(struct reach *reach);

#endif
