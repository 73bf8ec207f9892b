/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover.h: what keeper and broker say to each other, over one SOCK_SEQPACKET pair made by the keeper before it forks
 * the broker. One message is one packet of exactly sizeof(struct handover); descriptors ride along by SCM_RIGHTS.
 *
 * The keeper owns listening sockets, accepted sockets, memfds and eventfds, so that they outlive a broker. It takes
 * from the broker only what stands here, checks each message (length, type, name, ranges) and ignores what is wrong,
 * counting it.
 *
 *   broker -> keeper
 *     DOOR        tenant `tenant` named `name` exists: have its doors open (create
 * run_dir/tenant/NAME/{unix,ivshmem}.sock if they are not there; the same tenant again with another owner or limit:
 * change them). The keeper answers DOOR_RESULT and then REGION for each region of that tenant that is already there
 * (after a restart of the broker), and for new ones as they come DOOR_CLOSE  the tenant is gone: close its doors and
 * connections, remove the sockets READY       the broker serves (or, status not 0, cannot: text says why). Restart is
 * not tried where status is not 0 at first start DROPPED     the broker has unmapped a region after REGION_GONE keeper
 * -> broker DOOR_RESULT status 0, or errno and text REGION      descriptors: memfd, qp_count eventfds that ring the
 * broker, qp_count eventfds that ring the front end; of a stream: the connected socket REGION_GONE its front end is
 * gone: forget it when the last job has left the card
 *
 *
 *   KEEP        broker -> keeper: region (TRANSPORT_VHOST) has a descriptor for its slot, or, without one, none
 *               any more. The keeper holds it, and gives it to the next broker
 *
 * The region of TRANSPORT_VHOST is QEMU's connection, a memfd of HANDOVER_NOTE_SIZE bytes for the broker's notes, and
 * the descriptors of the slots whose bits are set in `kept`, in order. The keeper reads nothing of all that.
 *
 * A region id is never used again. The generation is the broker's; the keeper writes nothing into regions.
 */
#ifndef CARDMUX_HANDOVER_H
#define CARDMUX_HANDOVER_H

#include <stdint.h>
#include "backend/vault/vault.h"
#include "proto/layout.h"

enum handover_type {
    HANDOVER_DOOR = 1,
    HANDOVER_DOOR_CLOSE,
    HANDOVER_READY,
    HANDOVER_DROPPED,
    HANDOVER_DOOR_RESULT,
    HANDOVER_REGION,
    HANDOVER_REGION_GONE,
    /* `region` of these four is the round: the number that the broker gave its REKEY, from 1, never twice; 0 in the
       REKEYED of a broker that starts while a change of an earlier broker is not finished. Another round's is
       refused. */
    HANDOVER_REKEY = 20, /* broker -> keeper: make the next master key */
    HANDOVER_MASTER,     /* keeper -> broker: here it is, the first 32 bytes of `text`; or status, text: it cannot */
    HANDOVER_REKEYED,    /* broker -> keeper: the vault has taken it (status 0), or has not */
    HANDOVER_REKEY_END,  /* keeper -> broker: its file has its place; or status, text: what is to be done by hand */
    HANDOVER_KEEP = 30,
};

enum handover_transport {
    TRANSPORT_UNIX = 1,
    TRANSPORT_IVSHMEM = 2,
    TRANSPORT_STREAM = 3, /* a socket: AF_VSOCK, or a UNIX socket in its place */
    TRANSPORT_VHOST = 4,  /* QEMU's vhost-user connection: a virtio device of ours */
};

#define HANDOVER_KEEP_SLOTS 40u /* at most 64 */
#define HANDOVER_NOTE_SIZE  16384u
#define HANDOVER_FDS        (2u + HANDOVER_KEEP_SLOTS) /* of one REGION, at most; 1 + 2 * CM_QP_MAX is less */

struct handover {
    uint32_t type;
    uint32_t tenant;
    uint64_t region;
    uint32_t transport;
    uint32_t qp_count;
    uint64_t region_size;
    uint32_t owner_uid, owner_gid;
    uint32_t max_connections;
    int32_t status;
    uint32_t peer_pid; /* REGION: SO_PEERCRED, for messages only */
    uint32_t cid;      /* DOOR: of the tenant's vsock; 0: none */
    uint32_t slot;     /* KEEP */
    uint32_t form; /* of the master key's file, enum master_form + 1. REKEY: the new one, 0: as it is; REKEY_END: now */
    uint64_t kept; /* REGION */
    char name[VAULT_NAME_MAX + 1];
    char text[255];
};

#endif
