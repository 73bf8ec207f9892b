/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock_send.c: what goes to the guest: answers that are due, and the streams' bytes.
 *
 * Every packet needs a receive buffer that the guest has given. Where there is none the device is `starved`: it asks to
 * be kicked on the receive queue, and goes on where it stopped: answers first, then the streams, each time another one
 * at the head of the line. So it does, too, when streams have sent VSOCK_PUSH_MAX packets at a time: the rest goes in
 * its next turn, after others had theirs.
 */
#include "backend/device/virtio_vsock/vsock_internal.h"

#include <string.h>

#define TOO_SHORT_MAX 16u /* receive buffers without room for a header, in a row */

static void room_use(struct vsock *vsock, size_t packets)
{
    vsock->room -= packets < vsock->room ? (unsigned)packets : vsock->room;
}

/* The next receive buffer, with room for a header and something behind it where there is a payload. */
static struct virtqueue *buffer_take(struct vsock *vsock, struct vq_chain *chain, struct vq_cursor *cursor,
                                     size_t least)
{
    struct virtqueue *vq = vhost_device_queue(&vsock->vhost, VSOCK_RX);
    for (unsigned i = 0; vq && i < TOO_SHORT_MAX && vq_take(vq, chain); i++) {
        *cursor = vq_write(chain);
        if (vq_left(cursor) >= least) {
            return vq;
        }
        vq_give(vq, chain->head, 0);
        vsock->wasted++;
        room_use(vsock, 1);
    }
    vsock->starved = true;
    return NULL;
}

static bool packet_send(struct vsock *vsock, const struct vsock_header *header)
{
    static struct vq_chain chain;
    struct vq_cursor cursor;
    struct virtqueue *vq = buffer_take(vsock, &chain, &cursor, VSOCK_HEADER);
    struct vsock_header wire = *header;
    if (!vq) {
        return false;
    }
    vsock_header_swap(&wire);
    vq_copy_out(&cursor, &wire, sizeof(wire));
    vq_give(vq, chain.head, sizeof(wire));
    return true;
}

static struct vsock_header header_of(struct vsock_connection *connection, enum vsock_op op)
{
    connection->told = connection->received;
    connection->update_due = false;
    return (struct vsock_header){.src_cid = VSOCK_CID_HOST,
                                 .dst_cid = connection->vsock->cid,
                                 .src_port = connection->host_port,
                                 .dst_port = connection->guest_port,
                                 .type = VSOCK_TYPE_STREAM,
                                 .op = (uint16_t)op,
                                 .buf_alloc = VSOCK_BUF_ALLOC,
                                 .fwd_cnt = connection->received};
}

void vsock_refuse(struct vsock *vsock, const struct vsock_header *header)
{
    unsigned place = (vsock->reset_first + vsock->reset_count++) % VSOCK_RESETS_MAX;
    vsock->due = 1;
    vsock->resets[place] = (struct vsock_header){.src_cid = header->dst_cid,
                                                 .dst_cid = vsock->cid,
                                                 .src_port = header->dst_port,
                                                 .dst_port = header->src_port,
                                                 .type = header->type,
                                                 .op = VSOCK_OP_RST};
}

/* ---- what is due ---- */

static bool op_send(struct vsock_connection *connection, enum vsock_op op, uint32_t flags, bool *due)
{
    uint32_t told = connection->told;
    bool update = connection->update_due;
    struct vsock_header header = header_of(connection, op);
    header.flags = flags;
    if (packet_send(connection->vsock, &header)) {
        *due = false;
        return true;
    }
    connection->told = told;
    connection->update_due = update;
    return false;
}

/* False: no buffers. */
static bool connection_send_due(struct vsock_connection *connection)
{
    if (connection->reset_due) {
        if (!op_send(connection, VSOCK_OP_RST, 0, &connection->reset_due)) {
            return false;
        }
        vsock_free(connection);
        return true;
    }
    if (connection->shutdown_due) {
        if (!op_send(connection, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_BOTH, &connection->shutdown_due)) {
            return false;
        }
        vsock_closing(connection);
        return true;
    }
    return (!connection->response_due || op_send(connection, VSOCK_OP_RESPONSE, 0, &connection->response_due)) &&
           (!connection->request_due || op_send(connection, VSOCK_OP_CREDIT_REQUEST, 0, &connection->request_due)) &&
           (!connection->update_due || op_send(connection, VSOCK_OP_CREDIT_UPDATE, 0, &connection->update_due));
}

/* All connections of before are gone: the one event that there is. */
static void event_send(struct vsock *vsock)
{
    static struct vq_chain chain;
    static const uint32_t transport_reset = 0;
    struct virtqueue *vq = vhost_device_queue(&vsock->vhost, VSOCK_EVENT);
    if (vq && vq_take(vq, &chain)) {
        struct vq_cursor cursor = vq_write(&chain);
        bool fits = vq_copy_out(&cursor, &transport_reset, sizeof(transport_reset));
        vq_give(vq, chain.head, fits ? sizeof(transport_reset) : 0);
        vsock->event_due = false;
        vsock->counts.events++;
    }
}

static bool resets_send(struct vsock *vsock, unsigned *did)
{
    while (vsock->reset_count) {
        if (!packet_send(vsock, &vsock->resets[vsock->reset_first])) {
            return false;
        }
        vsock->reset_first = (vsock->reset_first + 1) % VSOCK_RESETS_MAX;
        vsock->reset_count--;
        ++*did;
    }
    return true;
}

unsigned vsock_send_due(struct vsock *vsock)
{
    unsigned did = 0;
    struct virtqueue *vq = vsock->due ? vhost_device_queue(&vsock->vhost, VSOCK_RX) : NULL;
    if (!vq || !vq_has_work(vq)) {
        vsock->starved |= vsock->due;
        return 0;
    }
    if (vsock->event_due) {
        event_send(vsock);
    }
    if (!resets_send(vsock, &did)) {
        return did;
    }
    for (unsigned i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
        struct vsock_connection *connection = &vsock->connections[i];
        if (connection->state != VSOCK_FREE && !connection_send_due(connection)) {
            return did;
        }
    }
    vsock->due = 0;
    return did + 1;
}

/* ---- the streams' bytes ---- */

/* Fills one receive buffer from iov, whose first *at bytes have gone. The bytes that it took; 0: no buffer, or
   enough for now. */
static size_t data_send(struct vsock_connection *connection, const struct iovec *iov, size_t at, size_t left)
{
    static struct vq_chain chain;
    struct vq_cursor cursor;
    struct vsock *vsock = connection->vsock;
    vsock->starved |= !vsock->room;
    struct virtqueue *vq = vsock->room ? buffer_take(vsock, &chain, &cursor, VSOCK_HEADER + 1) : NULL;
    if (!vq) {
        return 0;
    }
    size_t len = vq_left(&cursor) - VSOCK_HEADER;
    len = len < left ? len : left;
    len = len < VSOCK_PACKET_MAX ? len : VSOCK_PACKET_MAX;
    struct vsock_header header = header_of(connection, VSOCK_OP_RW);
    header.len = (uint32_t)len;
    vsock_header_swap(&header);
    vq_copy_out(&cursor, &header, sizeof(header));
    for (size_t done = 0; done < len; iov++) {
        if (at >= iov->iov_len) {
            at -= iov->iov_len;
            continue;
        }
        size_t part = iov->iov_len - at < len - done ? iov->iov_len - at : len - done;
        vq_copy_out(&cursor, (const char *)iov->iov_base + at, part);
        done += part;
        at = 0;
    }
    vq_give(vq, chain.head, (uint32_t)(VSOCK_HEADER + len));
    connection->sent += (uint32_t)len;
    room_use(vsock, 1 + len / VSOCK_COST);
    return len;
}

/* True: the stream has nothing more. */
static bool stream_send(struct vsock_connection *connection)
{
    const struct vsock_service *service = connection->vsock->service;
    for (;;) {
        struct iovec iov[VSOCK_IOV];
        size_t bytes, gone = 0, credit = vsock_credit(connection);
        unsigned count = service->next(connection->stream, iov, VSOCK_IOV, VSOCK_PACKET_MAX * 2, &bytes);
        if (!count || !bytes) {
            return true;
        }
        bytes = bytes < credit ? bytes : credit;
        if (!bytes) {
            if (!connection->asked) {
                connection->asked = true;
                vsock_due(connection, &connection->request_due);
            }
            return false;
        }
        for (size_t part; gone < bytes && (part = data_send(connection, iov, gone, bytes - gone)); gone += part) {
        }
        service->sent(connection->stream, gone);
        if (gone < bytes) {
            return false;
        }
    }
}

bool vsock_push(struct vsock_connection *connection)
{
    struct vsock *vsock = connection->vsock;
    if (!vsock->in_turn) {
        vsock->room = VSOCK_PUSH_MAX;
    }
    if (connection->state != VSOCK_OPEN || connection->reset_due || connection->guest_deaf) {
        return true; /* nobody would read it */
    }
    /* not before the answer to the guest's request */
    if (connection->response_due && !op_send(connection, VSOCK_OP_RESPONSE, 0, &connection->response_due)) {
        connection->stalled = true;
        return false;
    }
    connection->stalled = !stream_send(connection);
    if (connection->guest_quiet && !connection->stalled && vsock->service->idle(connection->stream)) {
        vsock_due(connection, &connection->shutdown_due); /* not now: we are in the stream's own call */
    }
    vsock_notify(vsock, false);
    return !connection->stalled;
}

unsigned vsock_resume_stalled(struct vsock *vsock)
{
    struct virtqueue *vq = vsock->starved ? vhost_device_queue(&vsock->vhost, VSOCK_RX) : NULL;
    unsigned resumed = 0, turn = vsock->turn;
    if (!vq || !vq_has_work(vq)) {
        return 0;
    }
    vsock->starved = false;
    if (vsock->due && vsock_send_due(vsock)) {
        resumed++;
    }
    for (unsigned i = 0; i < VSOCK_CONNECTIONS_MAX && !vsock->starved; i++) {
        struct vsock_connection *connection = &vsock->connections[(turn + i) % VSOCK_CONNECTIONS_MAX];
        if (connection->state == VSOCK_OPEN && connection->stalled && connection->stream) {
            connection->stalled = false;
            vsock->turn = (turn + i + 1) % VSOCK_CONNECTIONS_MAX;
            vsock->service->resume(connection->stream);
            resumed++;
        }
    }
    return resumed;
}

/* Received packets are told at once; sent ones when a quarter of the ring is, or before we sleep: the guest has nothing
   to do about them, and an interrupt costs it more than a packet. */
void vsock_notify(struct vsock *vsock, bool all)
{
    struct virtqueue *vq = &vsock->vhost.rings[VSOCK_TX].vq;
    bool tx = all || (uint16_t)(vq->done - vq->told) >= vq->size / 4;
    vhost_device_notify(&vsock->vhost, tx ? UINT32_MAX : ~(1u << VSOCK_TX));
}
