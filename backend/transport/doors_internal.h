/* SPDX-License-Identifier: Apache-2.0 */
/* doors_internal.h: shared by doors.c, door_files.c and the transports. */
#ifndef CARDMUX_DOORS_INTERNAL_H
#define CARDMUX_DOORS_INTERNAL_H

#include <stddef.h>
#include <sys/types.h>
#include "backend/transport/doors.h"
#include "backend/transport/region.h"
#include "backend/transport/say.h"

TAILQ_HEAD(region_list, door_region);

extern const struct door_socket_kind {
    const char *name;
    enum handover_transport transport;
} door_sockets[DOOR_SOCKETS];

struct listener {
    struct watch watch; /* first: a watch is its listener */
    struct door *door;
    enum handover_transport transport;
    bool paused; /* out of epoll until doors_retry */
};

struct door {
    struct doors *doors;
    uint32_t tenant;
    char name[VAULT_NAME_MAX + 1];
    uid_t uid;
    gid_t gid;
    uint32_t max_connections;
    uint32_t cid;   /* whose vsock connections are this tenant's; 0: nobody's */
    bool confirmed; /* named by the broker that runs now */
    int directory;
    struct listener listeners[DOOR_SOCKETS];
    struct region_list regions;            /* live, gone, draining */
    struct region_list parked;             /* ivshmem: beside the live one, served by nobody */
    unsigned live, draining, parked_count; /* live: but for ivshmem and vhost */
    struct door_region *live_ivshmem, *live_vhost;
    struct door_region *heir; /* of live_ivshmem: one of the parked */
    int parked_memory;        /* one for all parked but the heir: none of them is served */
    struct say_limit refused, trouble;
    TAILQ_ENTRY(door) in_doors;
};

/* The listener of all tenants' vsock; a watch is its listener. */
struct vsock_listener {
    struct watch watch;
    struct doors *doors;
    bool paused;
    struct say_limit refused, trouble;
};

struct doors {
    int epoll_fd;
    char *run_dir;
    int tenant_dir; /* run_dir/tenant */
    bool root;
    unsigned fd_budget, fds_used;
    unsigned count;
    uint64_t next_region;
    uint64_t retry_at, grace_at; /* keeper_clock_ms; 0: never */
    TAILQ_HEAD(door_list, door) list;
    struct region_list pending;
    struct vsock_listener vsock;
};

/* door_files.c */
int door_files_root(struct doors *doors, char *text);
int door_files_make(struct door *door, char *text); /* directory and both listening sockets, not yet watched */
void door_files_remove(struct door *door, bool directory_too);
int door_files_owner(struct door *door, char *text); /* after uid or gid changed */
/* Removes what belongs to no door: sockets, and with directories_too directories that are empty then. */
void door_files_sweep(struct doors *doors, bool directories_too);

/* doors.c */
struct door *doors_find_name(struct doors *doors, const char *name);
void doors_retry_in(struct doors *doors, unsigned ms);
void listener_pause(struct listener *listener, unsigned ms);
/* Has a door room for another connection? NULL, or a sentence for the one who is refused. Connections that have hung up
   but whose event has not come yet do not count. */
const char *door_full(struct door *door, enum handover_transport transport);
/* Is there room in the budget for that many more descriptors? share: how much of it this caller may use, in percent. */
bool doors_room(const struct doors *doors, unsigned fds, unsigned share);
/* The front end of a complete region is connected: the region joins its door, and the broker is told. */
void door_region_begin(struct door_region *region);
/* Its front end is gone. Frees the region, now or after DROPPED. */
void door_region_end(struct door_region *region);
void door_region_free(struct door_region *region);
/* Watches region->connection for its end only. 0 or -1. */
int door_region_watch(struct door_region *region);

/* unix/unix_door.c, ivshmem/ivshmem_door.c */
void unix_connection(struct door *door, int fd);    /* takes fd over */
void ivshmem_connection(struct door *door, int fd); /* takes fd over */
void ivshmem_retry(struct door *door);              /* goes on with handshakes that are not finished */
void ivshmem_unpark(struct door_region *region);    /* it ends, or is served */

/* vsock/stream_door.c, vsock/vsock_door.c */
void stream_connection(struct door *door, int fd, uint32_t cid); /* takes fd over */
void stream_refuse(int fd, const char *sentence);                /* says so and closes */
void vsock_connection(struct doors *doors, int fd, uint32_t cid);
void vsock_retry(struct doors *doors);

/* vhost_user/vhost_door.c */
void vhost_connection(struct door *door, int fd); /* takes fd over */
/* What the broker gets of a live one: adds descriptors to fds. */
void vhost_region_describe(const struct door_region *region, struct handover *message, int *fds, unsigned *count);

#endif
