/* SPDX-License-Identifier: Apache-2.0 */
/* vsock.c: the device: what comes from the guest, and what has to be answered; see vsock.h. vsock_send.c sends. */
#include "backend/device/virtio_vsock/vsock_internal.h"

#include <string.h>

#define UPDATE_AT (VSOCK_BUF_ALLOC / 4) /* bytes taken that the guest was not told of: tell it */

/* What outlives the process: which connections are to be reset. By place in `connections`. */
struct vsock_note {
    struct {
        uint32_t open, guest_port, host_port;
    } connections[VSOCK_CONNECTIONS_MAX];
};
static_assert(sizeof(struct vsock_note) <= VHOST_NOTE_DEVICE, "the note has room for it");

static struct vsock_note *note_of(struct vsock *vsock)
{
    return vhost_device_note(&vsock->vhost);
}

static unsigned place_of(const struct vsock_connection *connection)
{
    return (unsigned)(connection - connection->vsock->connections);
}

/* ---- connections ---- */

static struct vsock_connection *connection_find(struct vsock *vsock, uint32_t guest_port, uint32_t host_port)
{
    for (unsigned i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
        unsigned place = (vsock->last + i) % VSOCK_CONNECTIONS_MAX; /* the same as last time, most times */
        struct vsock_connection *connection = &vsock->connections[place];
        if (connection->guest_port == guest_port && connection->host_port == host_port &&
            connection->state != VSOCK_FREE) {
            vsock->last = place;
            return connection;
        }
    }
    return NULL;
}

void vsock_due(struct vsock_connection *connection, bool *what)
{
    *what = true;
    connection->vsock->due = 1;
}

static void stream_drop(struct vsock_connection *connection)
{
    void *stream = connection->stream;
    connection->stream = NULL;
    connection->stalled = false;
    if (stream) {
        connection->vsock->service->close(stream);
    }
}

void vsock_closing(struct vsock_connection *connection)
{
    stream_drop(connection);
    connection->state = VSOCK_CLOSING;
    connection->response_due = connection->update_due = connection->request_due = connection->shutdown_due = false;
}

/* The guest knows nothing of it any more. */
void vsock_free(struct vsock_connection *connection)
{
    struct vsock *vsock = connection->vsock;
    stream_drop(connection);
    note_of(vsock)->connections[place_of(connection)].open = 0;
    memset(connection, 0, sizeof(*connection));
    connection->vsock = vsock;
}

/* The guest has to hear that it is over. */
static void connection_reset(struct vsock_connection *connection)
{
    vsock_closing(connection);
    vsock_due(connection, &connection->reset_due);
}

static void connection_breach(struct vsock_connection *connection)
{
    connection->vsock->counts.breaches++;
    connection_reset(connection);
}

/* A place, if need be that of one whose end only the guest's RST is missing to. */
static struct vsock_connection *place_find(struct vsock *vsock)
{
    struct vsock_connection *unused = NULL, *closing = NULL;
    unsigned open = 0;
    for (unsigned i = VSOCK_CONNECTIONS_MAX; i-- > 0;) {
        struct vsock_connection *connection = &vsock->connections[i];
        open += connection->state == VSOCK_OPEN;
        if (connection->state == VSOCK_FREE) {
            unused = connection;
        } else if (connection->state == VSOCK_CLOSING && !connection->reset_due) {
            closing = connection;
        }
    }
    return open >= vsock->limit ? NULL : unused ? unused : closing;
}

static void on_request(struct vsock *vsock, const struct vsock_header *header)
{
    struct vsock_connection *connection = connection_find(vsock, header->src_port, header->dst_port);
    if (connection) { /* of a guest that has forgotten it */
        vsock_free(connection);
    }
    connection = place_find(vsock);
    if (connection) {
        vsock_free(connection);
        connection->guest_port = header->src_port;
        connection->host_port = header->dst_port;
        connection->peer_alloc = header->buf_alloc;
        connection->peer_fwd = header->fwd_cnt;
        connection->sent = header->fwd_cnt; /* it counts from 0; whatever it says is its beginning */
        connection->state = VSOCK_OPEN;
        connection->stream = vsock->service->open(vsock->owner, connection, header->dst_port);
    }
    if (!connection || !connection->stream) {
        if (connection) {
            vsock_free(connection);
        }
        vsock->counts.refused++;
        vsock_refuse(vsock, header);
        return;
    }
    vsock->counts.opened++;
    note_of(vsock)->connections[place_of(connection)].guest_port = header->src_port;
    note_of(vsock)->connections[place_of(connection)].host_port = header->dst_port;
    note_of(vsock)->connections[place_of(connection)].open = 1;
    vsock_due(connection, &connection->response_due);
}

/* ---- credit ---- */

/* How far its count may have moved: it may stand still (two threads of a guest can overtake each other: an older count
   is no news), but not name bytes that were never sent. False: it does. */
static bool credit_take(struct vsock_connection *connection, const struct vsock_header *header)
{
    uint32_t outstanding = connection->sent - connection->peer_fwd;
    uint32_t ahead = header->fwd_cnt - connection->peer_fwd;
    if (ahead <= outstanding) {
        connection->peer_fwd = header->fwd_cnt;
    } else if (ahead < 1u << 31) {
        return false;
    }
    connection->peer_alloc = header->buf_alloc;
    return true;
}

uint32_t vsock_credit(const struct vsock_connection *connection)
{
    uint32_t outstanding = connection->sent - connection->peer_fwd;
    return outstanding < connection->peer_alloc ? connection->peer_alloc - outstanding : 0;
}

/* ---- payload ---- */

/* From guest memory to the stream, copied once. False: the stream wants no more. */
static bool payload_feed(struct vsock_connection *connection, struct vq_cursor *cursor, size_t len)
{
    const struct vsock_service *service = connection->vsock->service;
    while (len) {
        struct iovec iov[VSOCK_IOV];
        unsigned count = service->into(connection->stream, iov, VSOCK_IOV);
        size_t moved = 0;
        for (unsigned i = 0; i < count && moved < len; i++) {
            size_t part = iov[i].iov_len < len - moved ? iov[i].iov_len : len - moved;
            vq_copy_in(cursor, iov[i].iov_base, part);
            moved += part;
        }
        if (!moved || !service->fed(connection->stream, moved)) {
            return false;
        }
        len -= moved;
    }
    return true;
}

static void on_payload(struct vsock_connection *connection, const struct vsock_header *header, struct vq_cursor *cursor)
{
    uint32_t ahead = connection->received - connection->told;
    if (connection->guest_quiet || header->len > vq_left(cursor) || !range_ok(ahead, header->len, VSOCK_BUF_ALLOC)) {
        connection_breach(connection);
        return;
    }
    connection->received += header->len;
    if (!payload_feed(connection, cursor, header->len)) {
        connection_reset(connection);
        return;
    }
    if (connection->received - connection->told >= UPDATE_AT) {
        vsock_due(connection, &connection->update_due);
    }
}

/* ---- packets ---- */

static void on_shutdown(struct vsock_connection *connection, uint32_t flags)
{
    connection->guest_deaf |= (flags & VSOCK_SHUTDOWN_RCV) != 0;
    connection->guest_quiet |= (flags & VSOCK_SHUTDOWN_SEND) != 0;
    if (connection->guest_deaf && connection->guest_quiet) {
        connection_reset(connection);
    } else if (connection->guest_quiet && connection->vsock->service->idle(connection->stream)) {
        vsock_due(connection, &connection->shutdown_due);
    }
}

static void on_connected(struct vsock_connection *connection, const struct vsock_header *header,
                         struct vq_cursor *cursor)
{
    if (!credit_take(connection, header)) {
        connection_breach(connection);
        return;
    }
    switch (header->op) {
    case VSOCK_OP_RW:
        on_payload(connection, header, cursor);
        break;
    case VSOCK_OP_SHUTDOWN:
        on_shutdown(connection, header->flags);
        break;
    case VSOCK_OP_CREDIT_UPDATE:
        break;
    case VSOCK_OP_CREDIT_REQUEST:
        vsock_due(connection, &connection->update_due);
        break;
    default: /* RESPONSE to nothing that we asked, or no operation at all */
        connection_breach(connection);
        return;
    }
    if (connection->stalled && connection->stream && vsock_credit(connection)) {
        connection->stalled = connection->asked = false;
        connection->vsock->service->resume(connection->stream);
    }
}

static void packet_handle(struct vsock *vsock, const struct vsock_header *header, struct vq_cursor *cursor)
{
    vsock->counts.packets++;
    if (header->src_cid != vsock->cid) {
        vsock->counts.strangers++;
        return;
    }
    struct vsock_connection *connection = NULL;
    bool ours = header->dst_cid == VSOCK_CID_HOST && header->type == VSOCK_TYPE_STREAM;
    if (ours && header->op == VSOCK_OP_REQUEST) {
        on_request(vsock, header);
        return;
    }
    if (ours) {
        connection = connection_find(vsock, header->src_port, header->dst_port);
    }
    if (header->op == VSOCK_OP_RST) {
        if (connection) {
            vsock_free(connection);
        }
    } else if (connection && connection->state == VSOCK_OPEN) {
        on_connected(connection, header, cursor);
    } else if (!connection) {
        vsock->counts.refused++;
        vsock_refuse(vsock, header);
    }
    /* CLOSING: what was under way when we closed is of no interest */
}

static unsigned packets_take(struct vsock *vsock, unsigned budget)
{
    static struct vq_chain chain; /* large; one thread */
    unsigned taken = 0, spent = 0;
    while (spent < budget && vsock->reset_count < VSOCK_RESETS_MAX) {
        struct virtqueue *vq = vhost_device_queue(&vsock->vhost, VSOCK_TX);
        struct vsock_header header;
        if (!vq || !vq_take(vq, &chain)) {
            break;
        }
        struct vq_cursor cursor = vq_read(&chain);
        if (vq_copy_in(&cursor, &header, sizeof(header))) {
            vsock_header_swap(&header);
            spent += (unsigned)(vq_left(&cursor) / VSOCK_COST);
            packet_handle(vsock, &header, &cursor);
        } else {
            vsock->counts.strangers++;
        }
        vq_give(vq, chain.head, 0);
        taken++;
        spent++;
    }
    return taken;
}

unsigned vsock_turn(struct vsock *vsock, unsigned budget)
{
    vsock->in_turn = true;
    vsock->room = VSOCK_PUSH_MAX;
    unsigned did = vsock_send_due(vsock);
    vhost_device_awake(&vsock->vhost, 1u << VSOCK_TX);
    unsigned taken = packets_take(vsock, budget);
    if (taken || did) {
        did += vsock_send_due(vsock);
    }
    did += vsock_resume_stalled(vsock);
    vsock_notify(vsock, false);
    vsock->in_turn = false;
    did += vsock->wasted;
    vsock->wasted = 0;
    return did + taken;
}

bool vsock_sleep(struct vsock *vsock)
{
    /* with no room for answers the transmit queue must wait, however much is in it */
    uint32_t queues = vsock->reset_count < VSOCK_RESETS_MAX ? 1u << VSOCK_TX : 0;
    if (vsock->starved) {
        queues |= 1u << VSOCK_RX;
    }
    if ((vsock->due && !vsock->starved && vhost_device_queue(&vsock->vhost, VSOCK_RX)) ||
        !vhost_device_sleep(&vsock->vhost, queues)) {
        return false;
    }
    vsock_notify(vsock, true);
    return true;
}

void vsock_shut(struct vsock_connection *connection)
{
    if (connection->state == VSOCK_OPEN) {
        vsock_due(connection, &connection->reset_due);
    }
}

void vsock_lost(struct vsock_connection *connection)
{
    connection->stream = NULL;
    if (connection->state == VSOCK_OPEN) {
        connection_reset(connection);
    }
}

/* ---- the device ---- */

static void device_config(void *device, uint8_t *bytes)
{
    struct vsock *vsock = device;
    uint64_t cid = htole64(vsock->cid);
    memcpy(bytes, &cid, sizeof(cid));
}

static void device_started(void *device, unsigned queue, bool again)
{
    struct vsock *vsock = device;
    if (queue == VSOCK_EVENT && again) {
        vsock->event_due = true;
    }
    vsock->due = 1;
}

static void device_stopped(void *device, unsigned queue)
{
    (void)device;
    (void)queue; /* nothing of a queue is held between two turns; connections outlive a pause */
}

static void device_reset(void *device)
{
    struct vsock *vsock = device;
    for (unsigned i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
        if (vsock->connections[i].state != VSOCK_FREE) {
            vsock_free(&vsock->connections[i]);
        }
    }
    vsock->reset_count = 0;
    vsock->starved = vsock->event_due = false;
}

static const struct vhost_device_ops device_ops = {.name = "vsock",
                                                   .queues = VSOCK_QUEUES,
                                                   .config_size = sizeof(uint64_t),
                                                   .config = device_config,
                                                   .started = device_started,
                                                   .stopped = device_stopped,
                                                   .reset = device_reset};

void vsock_open(struct vsock *vsock, const struct vsock_service *service, const struct vhost_host *host, void *owner,
                uint64_t cid, unsigned limit, int socket, void *note)
{
    memset(vsock, 0, sizeof(*vsock));
    vsock->service = service;
    vsock->owner = owner;
    vsock->cid = cid;
    vsock->limit = limit;
    for (unsigned i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
        vsock->connections[i].vsock = vsock;
    }
    vhost_device_open(&vsock->vhost, &device_ops, vsock, host, owner, socket, note);
}

void vsock_resume(struct vsock *vsock, int *kept)
{
    for (unsigned i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
        struct vsock_connection *connection = &vsock->connections[i];
        if (note_of(vsock)->connections[i].open) {
            connection->guest_port = note_of(vsock)->connections[i].guest_port;
            connection->host_port = note_of(vsock)->connections[i].host_port;
            connection_reset(connection);
        }
    }
    vhost_device_resume(&vsock->vhost, kept);
}

void vsock_close(struct vsock *vsock)
{
    device_reset(vsock);
    vhost_device_close(&vsock->vhost);
}
