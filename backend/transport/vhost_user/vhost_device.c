/* SPDX-License-Identifier: Apache-2.0 */
/* vhost_device.c: rings, and the life of a connection; see vhost_device.h. Messages: vhost_request.c. */
#include "backend/transport/vhost_user/vhost_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(sizeof(struct vhost_note) <= VHOST_NOTE_SIZE - VHOST_NOTE_DEVICE, "the note has room for both parts");

/* ---- small things ---- */

void vhost_say(struct vhost_device *dev, const char *what, const char *why)
{
    char text[200];
    snprintf(text, sizeof(text), "%s: %s", what, why);
    dev->host->say(dev->owner, text);
}

void vhost_fd_replace(int *place, int fd)
{
    if (*place >= 0) {
        close(*place);
    }
    *place = fd;
}

/* eventfds are anonymous inodes, without a file type: a read or write of one can be interrupted. A pipe, a file on some
   strange file system or a terminal is not taken. */
bool vhost_eventfd_like(int fd)
{
    struct stat is;
    return fstat(fd, &is) == 0 && (is.st_mode & S_IFMT) == 0;
}

uint64_t vhost_features_offered(const struct vhost_device *dev)
{
    return dev->ops->features | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | VHOST_F_PROTOCOL_FEATURES;
}

uint64_t vhost_protocol_offered(const struct vhost_device *dev)
{
    uint64_t offered = dev->ops->protocol | VHOST_PROTOCOL_MQ | VHOST_PROTOCOL_REPLY_ACK | VHOST_PROTOCOL_RESET;
    return dev->ops->config_size ? offered | VHOST_PROTOCOL_CONFIG : offered;
}

/* ---- rings ---- */

bool vhost_ring_flag(const struct vhost_device *dev, unsigned i, uint32_t flag)
{
    return dev->note->rings[i].flags & flag;
}

void vhost_ring_flag_set(struct vhost_device *dev, unsigned i, uint32_t flag, bool on)
{
    uint32_t *flags = &dev->note->rings[i].flags;
    *flags = on ? *flags | flag : *flags & ~flag;
}

static const char *ring_map(struct vhost_device *dev, unsigned i)
{
    const struct vhost_ring_note *note = &dev->note->rings[i];
    struct virtqueue *vq = &dev->rings[i].vq;
    if (!vhost_ring_flag(dev, i, VHOST_RING_ADDRESSED)) {
        return "a ring is started that has no addresses";
    }
    return vq_map(vq, dev->memory, note->size, note->desc, note->avail, note->used) ? vq->why : NULL;
}

/* Size, addresses and kick are known: serves it. */
const char *vhost_ring_start(struct vhost_device *dev, unsigned i, bool again)
{
    struct vhost_ring *ring = &dev->rings[i];
    struct vhost_ring_note *note = &dev->note->rings[i];
    const char *why = ring_map(dev, i);
    if (why) {
        return why;
    }
    if (again) {
        vq_resume(&ring->vq, dev->note->features, &note->vq);
    } else {
        if (ring->was_stopped && ring->stopped_at != (uint16_t)note->base) {
            dev->ops->reset(dev->device); /* not where we stopped: this driver is another one */
            for (unsigned k = 0; k < dev->ops->queues; k++) {
                dev->rings[k].was_stopped = false;
            }
        }
        vq_start(&ring->vq, dev->note->features, (uint16_t)note->base, &note->vq);
    }
    ring->was_stopped = ring->said = false;
    vhost_ring_flag_set(dev, i, VHOST_RING_STARTED, true);
    dev->ops->started(dev->device, i, again);
    dev->host->watch(dev->owner, i, ring->kick);
    return NULL;
}

void vhost_ring_stop(struct vhost_device *dev, unsigned i)
{
    struct vhost_ring *ring = &dev->rings[i];
    if (ring->vq.state != VQ_OFF) {
        dev->ops->stopped(dev->device, i);
        dev->host->watch(dev->owner, i, -1);
        ring->stopped_at = vq_stop(&ring->vq);
        ring->was_stopped = true;
        dev->note->rings[i].base = ring->stopped_at;
    }
    ring->resuming = false;
    vhost_ring_flag_set(dev, i, VHOST_RING_STARTED, false);
    vhost_fd_replace(&ring->kick, -1);
    dev->host->keep(dev->owner, VHOST_KICK_SLOT(i), -1);
}

/* ---- life ---- */

void vhost_device_open(struct vhost_device *dev, const struct vhost_device_ops *ops, void *device,
                       const struct vhost_host *host, void *owner, int socket, void *note)
{
    memset(dev, 0, sizeof(*dev));
    dev->ops = ops;
    dev->device = device;
    dev->host = host;
    dev->owner = owner;
    dev->socket = socket;
    dev->note = note;
    for (unsigned i = 0; i < VHOST_QUEUES_MAX; i++) {
        dev->rings[i].kick = dev->rings[i].call = -1;
    }
}

/* What stands in the note is checked by the gates that the messages went through. */
static void note_check(struct vhost_device *dev)
{
    struct vhost_note *note = dev->note;
    note->features &= vhost_features_offered(dev);
    note->protocol &= vhost_protocol_offered(dev);
    if (note->region_count > GUEST_REGIONS_MAX) {
        note->region_count = 0;
    }
    for (unsigned i = 0; i < dev->ops->queues; i++) {
        note->rings[i].base &= UINT16_MAX;
    }
}

void vhost_device_resume(struct vhost_device *dev, int *kept)
{
    const char *why;
    unsigned have = 0;
    note_check(dev);
    while (have < dev->note->region_count && kept[have] >= 0) {
        have++;
    }
    if (have == dev->note->region_count) { /* else it died while it changed them; the message comes again */
        dev->memory = guest_memory_new(dev->note->regions, kept, have, &why);
    }
    for (unsigned i = 0; i < dev->ops->queues; i++) {
        struct vhost_ring *ring = &dev->rings[i];
        ring->kick = kept[VHOST_KICK_SLOT(i)];
        ring->call = kept[VHOST_CALL_SLOT(i)];
        kept[VHOST_KICK_SLOT(i)] = kept[VHOST_CALL_SLOT(i)] = -1;
        if ((ring->kick >= 0 && !vhost_eventfd_like(ring->kick)) ||
            (ring->call >= 0 && !vhost_eventfd_like(ring->call))) {
            vhost_fd_replace(&ring->kick, -1);
            vhost_fd_replace(&ring->call, -1);
        }
    }
    for (unsigned i = 0; i < dev->ops->queues; i++) {
        if (vhost_ring_flag(dev, i, VHOST_RING_STARTED) && dev->rings[i].kick >= 0) {
            dev->rings[i].resuming = vhost_ring_start(dev, i, true) != NULL;
        }
    }
    for (unsigned i = 0; i < VHOST_KEEP_SLOTS; i++) {
        vhost_fd_replace(&kept[i], -1);
    }
}

void vhost_device_close(struct vhost_device *dev)
{
    for (unsigned i = 0; i < dev->ops->queues; i++) {
        struct vhost_ring *ring = &dev->rings[i];
        if (ring->vq.state != VQ_OFF) {
            dev->ops->stopped(dev->device, i);
            dev->host->watch(dev->owner, i, -1);
            vq_stop(&ring->vq);
        }
        vhost_fd_replace(&ring->kick, -1);
        vhost_fd_replace(&ring->call, -1);
    }
    guest_memory_release(dev->memory);
    dev->memory = NULL;
    if (dev->socket >= 0) {
        dev->host->over(dev->owner, dev->socket);
        /* the keeper has a copy: without this QEMU would wait for answers for ever */
        shutdown(dev->socket, SHUT_RDWR);
        close(dev->socket);
        dev->socket = -1;
    }
}

bool vhost_device_is_new(const struct vhost_device *dev)
{
    return !dev->note->features && !dev->note->protocol;
}

/* ---- for devices ---- */

struct virtqueue *vhost_device_queue(struct vhost_device *dev, unsigned queue)
{
    struct vhost_ring *ring = &dev->rings[queue];
    if (ring->vq.state == VQ_BROKEN && !ring->said) {
        ring->said = true;
        vhost_say(dev, dev->ops->name, ring->vq.why);
    }
    return ring->vq.state == VQ_ON && vhost_ring_flag(dev, queue, VHOST_RING_ENABLED) ? &ring->vq : NULL;
}

uint64_t vhost_device_features(const struct vhost_device *dev)
{
    return dev->note->features;
}

void vhost_device_notify(struct vhost_device *dev, uint32_t queues)
{
    for (unsigned i = 0; i < dev->ops->queues; i++) {
        struct vhost_ring *ring = &dev->rings[i];
        if (queues >> i & 1 && vq_interrupt_due(&ring->vq) && ring->call >= 0) {
            dev->host->ring(dev->owner, ring->call);
        }
    }
}

bool vhost_device_sleep(struct vhost_device *dev, uint32_t queues)
{
    bool nothing = true;
    for (unsigned i = 0; i < dev->ops->queues; i++) {
        struct virtqueue *vq = queues >> i & 1 ? vhost_device_queue(dev, i) : NULL;
        if (vq && !vq_sleep(vq)) {
            nothing = false;
        }
    }
    return nothing;
}

void vhost_device_awake(struct vhost_device *dev, uint32_t queues)
{
    for (unsigned i = 0; i < dev->ops->queues; i++) {
        if (queues >> i & 1) {
            vq_awake(&dev->rings[i].vq);
        }
    }
}

void *vhost_device_note(struct vhost_device *dev)
{
    return (uint8_t *)dev->note + VHOST_NOTE_SIZE - VHOST_NOTE_DEVICE;
}
