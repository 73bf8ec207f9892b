/* SPDX-License-Identifier: Apache-2.0 */
/* vsock_port.c: see vsock_port.h. */
#include "backend/broker/vsock_port.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/broker/stream.h"
#include "backend/device/virtio_vsock/vsock.h"

_Static_assert(VHOST_KEEP_SLOTS <= HANDOVER_KEEP_SLOTS && VHOST_NOTE_SIZE == HANDOVER_NOTE_SIZE,
               "the keeper has room for what a device deposits");

#define BURST         32u /* packets of a turn, about */
#define REGIONS_SLACK 16u
#define SAY_FREE      5u /* lines of the log for each tenant; then one in SAY_EVERY_NS */
#define SAY_EVERY_NS  10000000000u

enum {
    CHANNEL_KICKS = 0,
    CHANNEL_MESSAGES,
    CHANNELS
};

struct vsock_port {
    struct vsock vsock;
    struct broker *broker;
    struct region *region;
    bool unread;                 /* messages may be there */
    int kicks[VHOST_QUEUES_MAX]; /* watched; -1: none */
};

/* ---- streams ---- */

static void port_wanted(struct vsock_port *port)
{
    /* answers are due, or receive buffers are to be waited for: both are its turn's business */
    if (port->vsock.due || port->vsock.starved)
        channel_activate(port->broker, &port->region->channels[CHANNEL_KICKS]);
}

static void pump_push(struct stream *stream)
{
    struct vsock_connection *connection = stream->owner;
    struct vsock_port *port = connection->vsock->owner;
    port->broker->clock_due = CLOCK_DUE;
    stream->blocked = !vsock_push(connection);
    port_wanted(port);
}

static void pump_shut(struct stream *stream)
{
    struct vsock_connection *connection = stream->owner;
    vsock_shut(connection);
    port_wanted(connection->vsock->owner);
}

/* Its tenant's doors were closed under it. */
static void pump_freed(void *owner)
{
    if (owner)
        vsock_lost(owner);
}

static const struct stream_pump pump = {.push = pump_push, .shut = pump_shut, .freed = pump_freed};

static void *service_open(void *owner, struct vsock_connection *connection, uint32_t number)
{
    struct vsock_port *port = owner;
    struct tenant *tenant = port->region->tenant;
    if (number != CM_VSOCK_PORT || tenant->shut || port->region->gone)
        return NULL;
    /* connections that are over keep their region until their jobs have left the card: not without bound */
    if (tenant->counters.regions >= 2 * ((uint64_t)tenant->record.max_connections + REGIONS_SLACK))
        return NULL;
    return stream_open(port->broker, tenant, 0, &pump, connection);
}

static unsigned service_into(void *stream, struct iovec *iov, unsigned max)
{
    _Static_assert(CM_STREAM_INTO <= VSOCK_IOV, "room for the stream's iovecs");
    (void)max;
    return stream_into(stream, iov);
}

static bool service_fed(void *stream, size_t len)
{
    return stream_fed(stream, len);
}

static unsigned service_next(void *stream, struct iovec *iov, unsigned max, size_t most, size_t *bytes)
{
    return stream_next(stream, iov, max, most, bytes);
}

static void service_sent(void *stream, size_t len)
{
    stream_sent(stream, len);
}

static bool service_idle(void *stream)
{
    struct stream *of = stream;
    return !cm_stream_has(&of->wire) && !atomic_load_explicit(&of->wire.busy, memory_order_relaxed);
}

static void service_resume(void *stream)
{
    struct stream *of = stream;
    of->blocked = false;
    stream_push(of);
}

static void service_close(void *stream)
{
    struct stream *of = stream;
    of->owner = NULL; /* its last job may leave long after the connection's place has been taken by another */
    stream_close(of);
}

static const struct vsock_service service = {.open = service_open,
                                             .into = service_into,
                                             .fed = service_fed,
                                             .next = service_next,
                                             .sent = service_sent,
                                             .idle = service_idle,
                                             .resume = service_resume,
                                             .close = service_close};

/* ---- what the device asks of us ---- */

/* The tenant's, not the device's: QEMU may connect again as often as it likes. */
static void host_say(void *owner, const char *text)
{
    struct vsock_port *port = owner;
    struct tenant *tenant = port->region->tenant;
    uint64_t now = clock_ns();
    if (tenant->vsock_said >= SAY_FREE && now - tenant->vsock_said_ns < SAY_EVERY_NS) {
        tenant->vsock_unsaid++;
        return;
    }
    tenant->vsock_said += tenant->vsock_said < SAY_FREE;
    tenant->vsock_said_ns = now;
    if (tenant->vsock_unsaid)
        broker_log("tenant %s: %s (before it %u lines were left out)", tenant->record.name, text, tenant->vsock_unsaid);
    else
        broker_log("tenant %s: %s", tenant->record.name, text);
    tenant->vsock_unsaid = 0;
}

/* Edge-triggered, and never read: an eventfd tells of each kick whatever its count is. */
static void host_watch(void *owner, unsigned queue, int fd)
{
    struct vsock_port *port = owner;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &port->region->channels[CHANNEL_KICKS]};
    if (port->kicks[queue] >= 0)
        epoll_ctl(port->broker->epoll_fd, EPOLL_CTL_DEL, port->kicks[queue], NULL);
    port->kicks[queue] = fd;
    if (fd >= 0 && epoll_ctl(port->broker->epoll_fd, EPOLL_CTL_ADD, fd, &event))
        host_say(port, "a kick cannot be watched");
}

static void host_ring(void *owner, int fd)
{
    struct vsock_port *port = owner;
    tenant_ring(port->region->tenant, fd);
    port->broker->clock_due = CLOCK_DUE;
}

static void host_keep(void *owner, unsigned slot, int fd)
{
    struct vsock_port *port = owner;
    struct handover message = {.type = HANDOVER_KEEP, .region = port->region->id, .slot = slot};
    keeper_send_fd(port->broker, &message, fd);
}

/* The keeper's copy keeps the open file, and with it what epoll knows of it: closing ours would not end the watch, and
   its events would name a region that is freed. */
static void host_over(void *owner, int socket)
{
    struct vsock_port *port = owner;
    epoll_ctl(port->broker->epoll_fd, EPOLL_CTL_DEL, socket, NULL);
}

static const struct vhost_host host = {
    .watch = host_watch, .ring = host_ring, .keep = host_keep, .say = host_say, .over = host_over};

/* ---- its life ---- */

static void fds_close(int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static struct region *port_make(struct broker *broker, struct tenant *tenant, const struct handover *message,
                                void *note)
{
    struct region *region = calloc(1, sizeof *region + CHANNELS * sizeof region->channels[0]);
    struct vsock_port *port = calloc(1, sizeof *port);
    if (!region || !port) {
        free(region);
        free(port);
        return NULL;
    }
    port->broker = broker;
    port->region = region;
    port->unread = true;
    for (unsigned i = 0; i < VHOST_QUEUES_MAX; i++)
        port->kicks[i] = -1;
    region->id = message->region;
    region->tenant = tenant;
    region->port = port;
    region->all = shm_span_of(note, VHOST_NOTE_SIZE);
    region->qp_count = CHANNELS;
    for (unsigned i = 0; i < CHANNELS; i++)
        region->channels[i] = (struct channel){
            .region = region, .tenant = tenant, .port = port, .index = i, .doorbell_fd = -1, .wake_fd = -1};
    region->next = tenant->regions;
    tenant->regions = region;
    tenant->counters.regions++;
    return region;
}

static void *note_map(int fd)
{
    struct stat status;
    if (fstat(fd, &status) || status.st_size != VHOST_NOTE_SIZE)
        return MAP_FAILED;
    return mmap(NULL, VHOST_NOTE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* By slot, from the order in which they came. */
static void kept_sort(const struct handover *message, int *fds, unsigned count, int *kept)
{
    unsigned next = 0;
    for (unsigned slot = 0; slot < VHOST_KEEP_SLOTS; slot++)
        kept[slot] = message->kept >> slot & 1 && next < count ? fds[next++] : -1;
    fds_close(fds + next, count - next);
}

void vsock_port_attach(struct broker *broker, const struct handover *message, int *fds, unsigned count)
{
    struct tenant *tenant = tenant_by_id(broker, message->tenant);
    void *note = tenant && !tenant->shut ? note_map(fds[1]) : MAP_FAILED;
    struct region *region = note == MAP_FAILED ? NULL : port_make(broker, tenant, message, note);
    if (!region) {
        if (tenant && !tenant->shut)
            broker_log("tenant %s: no memory for a vsock device", message->name);
        if (note != MAP_FAILED)
            munmap(note, VHOST_NOTE_SIZE);
        shutdown(fds[0], SHUT_RDWR); /* QEMU waits for answers */
        fds_close(fds, count);
        return;
    }
    struct vsock_port *port = region->port;
    struct channel *messages = &region->channels[CHANNEL_MESSAGES];
    unsigned limit =
        tenant->record.max_connections < VSOCK_CONNECTIONS_MAX ? tenant->record.max_connections : VSOCK_CONNECTIONS_MAX;
    int kept[VHOST_KEEP_SLOTS];
    region->memfd = fds[1];
    kept_sort(message, fds + 2, count - 2, kept);
    vsock_open(&port->vsock, &service, &host, port, vsock_port_cid(tenant), limit, fds[0], note);
    vsock_resume(&port->vsock, kept);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = messages};
    if (epoll_ctl(broker->epoll_fd, EPOLL_CTL_ADD, fds[0], &event))
        host_say(port, "QEMU's messages cannot be watched");
    channel_activate(broker, &region->channels[CHANNEL_KICKS]);
}

/* A number of its own for each tenant; no guest sees another's. */
uint64_t vsock_port_cid(const struct tenant *tenant)
{
    return VSOCK_CID_HOST + (uint64_t)tenant->record.id;
}

void vsock_port_event(struct broker *broker, struct channel *channel)
{
    struct vsock_port *port = channel->port;
    if (channel->index == CHANNEL_MESSAGES)
        port->unread = true;
    else
        channel->tenant->counters.doorbells++;
    channel_activate(broker, &port->region->channels[CHANNEL_KICKS]);
}

unsigned vsock_port_turn(struct broker *broker, struct channel *channel)
{
    struct vsock_port *port = channel->port;
    unsigned did = 0;
    if (port->unread) {
        port->unread = false;
        broker->clock_due = CLOCK_DUE;
        enum vhost_turn turn = vhost_device_read(&port->vsock.vhost);
        port->unread = turn == VHOST_TURN_MORE;
        did = port->unread;
        if (turn == VHOST_TURN_OVER)
            vsock_close(&port->vsock); /* the keeper sees it end, and says so */
    }
    unsigned handled = vsock_turn(&port->vsock, BURST);
    if (handled)
        broker->clock_due = CLOCK_DUE;
    port->region->tenant->counters.rejects[CM_GATE_STREAM] += port->vsock.counts.breaches;
    port->vsock.counts.breaches = 0;
    return did + handled;
}

bool vsock_port_quiet(struct channel *channel)
{
    struct vsock_port *port = channel->port;
    return !port->unread && vsock_sleep(&port->vsock);
}

void vsock_port_shut(const struct region *region)
{
    if (region->port->vsock.vhost.socket >= 0)
        shutdown(region->port->vsock.vhost.socket, SHUT_RDWR);
}

void vsock_port_free(struct region *region)
{
    vsock_close(&region->port->vsock);
    free(region->port);
}
