/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doors.h: all tenants' doors, the keeper's part of the transports.
 *
 * A door is a tenant's directory run_dir/tenant/NAME with its listening sockets, and the connections that came through
 * them. Doors outlive a broker: while none runs, connections are accepted all the same and told to the next one.
 *
 *   broker says                 doors_open, doors_close, doors_dropped, doors_broker_ready
 *   broker starts, ends         doors_broker_ended: what it had not dropped is freed, what lives will be told again
 *   what the broker is owed     doors_next, doors_next_sent: a list of regions, so its length is bounded by theirs
 *   what time brings            doors_retry
 *
 * Not thread-safe; no call blocks beyond the making of files. What a tenant sends is never read.
 */
#ifndef CARDMUX_DOORS_H
#define CARDMUX_DOORS_H

#include <stdbool.h>
#include <stdint.h>
#include "backend/main/handover.h"

#define DOORS_MAX            4096u /* tenants */
#define DOOR_CONNECTIONS_MAX 1024u /* unix, of one tenant, whatever its limit says */
#define DOOR_PARKED_MAX      64u   /* further QEMUs at one ivshmem door; then they wait in the backlog */
#define DOOR_DRAINING_SLACK  16u   /* regions of one tenant that the broker has not dropped yet, above its limit */
#define DOOR_GRACE_MS        5000u /* after READY: a door that the broker did not name by then is closed */

/* A door's listening sockets; which transport and which file each is, is a table in door_files.c. */
enum door_socket {
    DOOR_UNIX = 0,
    DOOR_IVSHMEM,
    DOOR_STREAM,
    DOOR_VHOST,
    DOOR_SOCKETS
};
#define DOOR_FDS (1u + DOOR_SOCKETS) /* of a door without connections: its directory, and these */

struct doors;

/* run_dir exists. fd_budget: descriptors that doors and regions may hold. NULL with a sentence in text[256]. Sockets
   that a dead daemon left are removed; the caller holds the lock that makes sure that it is dead. */
struct doors *doors_new(int epoll_fd, const char *run_dir, unsigned fd_budget, char *text);

/* Removes the sockets (directories stay: a container may have one mounted), closes everything. */
void doors_free(struct doors *doors);

/* Listens on vsock for all tenants (proto/stream.h, CM_VSOCK_PORT). 0, or -1 with a sentence in text[256]. */
int doors_listen_vsock(struct doors *doors, char *text);

/* HANDOVER_DOOR: 0, or an errno with a sentence in text[191]. */
int doors_open(struct doors *doors, const struct handover *message, char *text);
/* HANDOVER_DOOR_CLOSE; an unknown tenant is ignored (false). */
bool doors_close(struct doors *doors, uint32_t tenant);
/* HANDOVER_DROPPED; false: no such region was gone. */
bool doors_dropped(struct doors *doors, uint64_t region);
/* HANDOVER_KEEP: *fd is taken, and -1 then; false: there is no such region. */
bool doors_keep(struct doors *doors, uint64_t region, uint32_t slot, int *fd);
void doors_broker_ready(struct doors *doors);
void doors_broker_ended(struct doors *doors);

/* The next message that the broker is owed: REGION with fds[HANDOVER_FDS], or REGION_GONE. false: none. */
bool doors_next(struct doors *doors, struct handover *message, int *fds, unsigned *fd_count);
void doors_next_sent(struct doors *doors);

/* Does what is due, returns milliseconds until something will be; -1: nothing. */
int doors_retry(struct doors *doors);

/* Descriptors held, for tests and limits. */
unsigned doors_fds(const struct doors *doors);

/* 1..32 characters of a-z 0-9 - _ . starting with a letter or digit, NUL-terminated within size. */
bool door_name_ok(const char *name, size_t size);

#endif
