/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock.h: a socket device of virtio, with the host's end of its connections: what stock QEMU calls
 * vhost-user-vsock-pci and a stock guest driver makes AF_VSOCK sockets of.
 *
 * A guest connects to CID 2 and a port; if struct vsock_service serves that port, the connection gets a stream of it.
 * Nobody connects to the guest. The device keeps no bytes: what comes is copied once, from guest memory to where the
 * stream wants it; what goes is taken from the stream when there is a receive buffer and credit for it. So what a
 * connection costs is one struct vsock_connection, whatever its guest sends, announces or does not read.
 *
 *   state    what is true                                       left by
 *   FREE
 *   OPEN     the guest knows it (or is just being answered)     guest: RST, SHUTDOWN of both directions, a broken rule:
 *            and it has a stream                                FREE after its RST is out, or at once after the guest's
 *                                                               stream: shut: CLOSING
 *                                                               guest half-closed and the stream has nothing left:
 * CLOSING CLOSING  no stream; an RST or a SHUTDOWN has to go out, or  RST is out; guest's RST the guest's RST is waited
 * for
 *
 * Credit. The guest may send as many bytes as buf_alloc and fwd_cnt, as last told, allow; what is beyond is a breach
 * and resets the connection. What it says of its own buffers is believed only as far as it cannot hurt: more credit
 * than it has makes it drop its own bytes; a count of bytes that it was never sent resets the connection.
 *
 * Answers to packets of no connection (RST) wait for receive buffers in a list of VSOCK_RESETS_MAX; while it is full
 * nothing is taken from the transmit queue. A guest that sends and never gives receive buffers stops its own device.
 *
 * After the process that served it died, vsock_resume() resets each connection that was open, and tells the driver by
 * the event queue where the device has one (QEMU keeps it to itself).
 */
#ifndef CARDMUX_VSOCK_H
#define CARDMUX_VSOCK_H

#include <sys/uio.h>
#include "backend/device/virtio_vsock/vsock_packet.h"
#include "backend/transport/vhost_user/vhost_device.h"

#define VSOCK_CONNECTIONS_MAX 64u
#define VSOCK_RESETS_MAX      64u
#define VSOCK_BUF_ALLOC       262144u /* what a guest may send ahead; nothing is set aside for it */
#define VSOCK_PACKET_MAX      65536u  /* bytes of payload in one packet to the guest */
#define VSOCK_IOV             96u
#define VSOCK_COST            4096u /* bytes of payload that count as one more packet */
#define VSOCK_PUSH_MAX        32u   /* packets of streams, about, that go to the guest before others have their turn */

enum vsock_queue {
    VSOCK_RX = 0, /* to the guest */
    VSOCK_TX,
    VSOCK_EVENT,
    VSOCK_QUEUES
};

struct vsock;
struct vsock_connection;

struct vsock_service {
    /* A guest connects. The stream, or NULL: refused. */
    void *(*open)(void *owner, struct vsock_connection *connection, uint32_t port);
    /* Where the next bytes go: iovecs, at most max. 0: it takes no more, and the connection is reset. */
    unsigned (*into)(void *stream, struct iovec *iov, unsigned max);
    bool (*fed)(void *stream, size_t len); /* they are there. False: reset it */
    /* What is to be sent: iovecs, at most max, about `most` bytes. */
    unsigned (*next)(void *stream, struct iovec *iov, unsigned max, size_t most, size_t *bytes);
    void (*sent)(void *stream, size_t len);
    bool (*idle)(void *stream);   /* has nothing to send, and never will unless it is fed */
    void (*resume)(void *stream); /* vsock_push said that it cannot send; it can again */
    void (*close)(void *stream);  /* the connection is gone */
};

enum vsock_state {
    VSOCK_FREE = 0,
    VSOCK_OPEN,
    VSOCK_CLOSING
};

struct vsock_connection {
    struct vsock *vsock;
    enum vsock_state state;
    void *stream;
    uint32_t guest_port, host_port;
    uint32_t peer_alloc, peer_fwd; /* as the guest told */
    uint32_t sent;                 /* bytes to the guest */
    uint32_t received, told;       /* bytes from the guest; as it was last told */
    bool response_due, update_due, request_due, shutdown_due, reset_due;
    bool stalled;     /* the stream waits for vsock_service.resume */
    bool asked;       /* for credit, since it ran out */
    bool guest_quiet; /* sends no more */
    bool guest_deaf;  /* receives no more */
};

/* What is counted; all by what the guest does. */
struct vsock_counts {
    uint64_t packets, opened, refused, strangers, breaches, events;
};

struct vsock {
    struct vhost_device vhost;
    const struct vsock_service *service;
    void *owner;
    uint64_t cid;
    unsigned limit; /* of connections that are open */
    unsigned due;   /* connections with something due: at least 1 where there is one */
    unsigned last;  /* who was found last */
    unsigned turn;  /* who is resumed first next time */
    bool starved;   /* somebody waits for receive buffers, or for the next turn */
    bool in_turn;
    unsigned room;   /* of VSOCK_PUSH_MAX, left */
    unsigned wasted; /* receive buffers that were too short, in this turn or since the last: they are work too */
    bool event_due;
    unsigned reset_first, reset_count;
    struct vsock_header resets[VSOCK_RESETS_MAX];
    struct vsock_connection connections[VSOCK_CONNECTIONS_MAX];
    struct vsock_counts counts;
};

/* cid: what the guest is told that it is. limit: connections at a time, at most VSOCK_CONNECTIONS_MAX count. */
void vsock_open(struct vsock *vsock, const struct vsock_service *service, const struct vhost_host *host, void *owner,
                uint64_t cid, unsigned limit, int socket, void *note);
/* After vsock_open with the note of a process that died; kept as vhost_device_resume has it. */
void vsock_resume(struct vsock *vsock, int *kept);
/* Closes all streams, and the connection to QEMU. */
void vsock_close(struct vsock *vsock);

/* Takes about `budget` packets from the guest (long ones count for several), sends what is due, resumes who can go on.
 * How much was done. */
unsigned vsock_turn(struct vsock *vsock, unsigned budget);
/* Is there nothing to do, and will a kick tell of more? */
bool vsock_sleep(struct vsock *vsock);

/* Sends what the stream has. False: not all of it, for lack of buffers or credit, or because it was much; `resume`
   follows. */
bool vsock_push(struct vsock_connection *connection);
/* The stream ends the connection; `close` follows, in a vsock_turn. */
void vsock_shut(struct vsock_connection *connection);
/* The stream is gone already. */
void vsock_lost(struct vsock_connection *connection);

#endif
