/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_device.h: a virtio device that QEMU leaves to us: the state of one vhost-user connection.
 *
 * A device is a table of callbacks (struct vhost_device_ops) over virtqueues (virtqueue.h). This layer does the rest:
 * features, memory, rings, configuration space, who is woken how. It does no I/O but on the connection, never waits,
 * and gets from its surroundings (struct vhost_host) what it cannot do itself.
 *
 *   ring       OFF      SET_VRING_KICK: STARTED. Needs size, addresses that lie in memory
 *              STARTED  served while it is enabled too. Where protocol features were negotiated it is disabled until
 *                       SET_VRING_ENABLE, else enabled from the start. Disabled it keeps its position, and nothing is
 *                       taken from or given to it
 *              GET_VRING_BASE, RESET_*, the end of the connection: OFF, after device->stopped
 *
 * What another process needs to go on with the connection after this one was killed stands in the note (memory that
 * outlives us, ours alone) and in the descriptors that were given to host->keep: slots 0-7 are memory regions, then
 * kick and call of each ring. Messages are taken out of the socket after they took effect, so the next process finds
 * the one that we died of; each of them can be done twice. The note is read as hostile.
 *
 * A message that breaks the protocol ends the connection, and host->say is told the reason.
 */
#ifndef CARDMUX_VHOST_DEVICE_H
#define CARDMUX_VHOST_DEVICE_H

#include "backend/transport/vhost_user/vhost_message.h"
#include "backend/transport/vhost_user/virtqueue.h"

#define VHOST_QUEUES_MAX      16u
#define VHOST_NOTE_SIZE       16384u
#define VHOST_NOTE_DEVICE     8192u /* of it, for the device itself */
#define VHOST_KEEP_SLOTS      (GUEST_REGIONS_MAX + 2u * VHOST_QUEUES_MAX)
#define VHOST_KICK_SLOT(ring) (GUEST_REGIONS_MAX + 2u * (ring))
#define VHOST_CALL_SLOT(ring) (GUEST_REGIONS_MAX + 2u * (ring) + 1u)

#define VHOST_F_PROTOCOL_FEATURES (1ull << 30)
#define VHOST_PROTOCOL_MQ         (1ull << 0)
#define VHOST_PROTOCOL_REPLY_ACK  (1ull << 3)
#define VHOST_PROTOCOL_CONFIG     (1ull << 9)
#define VHOST_PROTOCOL_RESET      (1ull << 13)

struct vhost_device;

struct vhost_device_ops {
    const char *name;
    uint64_t features; /* the device's own; the ring's are the layer's */
    uint64_t protocol; /* further protocol features, for messages of its own */
    unsigned queues;   /* at most */
    uint32_t config_size;
    /* config_size bytes of the configuration space. */
    void (*config)(void *device, uint8_t *bytes);
    /* Queue may be used from now on; again: its process died, and it goes on. */
    void (*started)(void *device, unsigned queue, bool again);
    /* It may not be used any more after the return, and every chain was given back. The driver may start it again where
       it was: a virtual machine was paused. */
    void (*stopped)(void *device, unsigned queue);
    /* The driver starts anew and knows nothing of before. */
    void (*reset)(void *device);
    /* A request of its own; *reply_len bytes of reply[VHOST_PAYLOAD_MAX]. False: it is refused. NULL: there are none.
       May be called twice with the same message. */
    bool (*message)(void *device, const struct vhost_message *message, void *reply, uint32_t *reply_len);
};

struct vhost_host {
    void (*watch)(void *owner, unsigned queue, int fd); /* this queue's kick; -1: none any more */
    void (*ring)(void *owner, int fd);                  /* adds 1 to an eventfd that QEMU may make block */
    void (*keep)(void *owner, unsigned slot, int fd);   /* for the next process; -1: none. fd stays ours */
    void (*say)(void *owner, const char *text);         /* for the operator */
    void (*over)(void *owner, int socket); /* still open here, and for long in the keeper: to be watched no more */
};

struct vhost_ring_note {
    uint32_t size;
    uint32_t flags; /* VHOST_RING_* */
    uint64_t desc, avail, used;
    uint32_t base, reserved;
    struct vq_note vq;
};

#define VHOST_RING_ADDRESSED 1u
#define VHOST_RING_ENABLED   2u
#define VHOST_RING_STARTED   4u

struct vhost_note {
    uint64_t features, protocol;
    uint32_t answering; /* a reply to the message at the head of the socket was, or is just being, sent */
    uint32_t region_count;
    struct guest_region_entry regions[GUEST_REGIONS_MAX];
    struct vhost_ring_note rings[VHOST_QUEUES_MAX];
};

struct vhost_ring {
    struct virtqueue vq;
    int kick, call; /* -1: none */
    uint16_t stopped_at;
    bool was_stopped;
    bool resuming; /* its process died, and its memory is not there yet */
    bool said;     /* that it is broken */
};

struct vhost_device {
    const struct vhost_device_ops *ops;
    const struct vhost_host *host;
    void *device, *owner;
    int socket; /* -1: over */
    struct guest_memory *memory;
    struct vhost_note *note;
    struct vhost_ring rings[VHOST_QUEUES_MAX];
    uint64_t messages, refused; /* counted */
};

/* note: VHOST_NOTE_SIZE bytes, zero for a new connection. The socket is non-blocking and becomes the device's. */
void vhost_device_open(struct vhost_device *dev, const struct vhost_device_ops *ops, void *device,
                       const struct vhost_host *host, void *owner, int socket, void *note);
/* Goes on where a process that died left it. kept[VHOST_KEEP_SLOTS]: descriptors, -1 where there is none; all become
   the device's. */
void vhost_device_resume(struct vhost_device *dev, int *kept);
/* Stops all rings, closes everything; the note is not touched. */
void vhost_device_close(struct vhost_device *dev);

enum vhost_turn {
    VHOST_TURN_DONE, /* nothing more is there */
    VHOST_TURN_MORE,
    VHOST_TURN_OVER /* the connection ended, or broke the protocol; the socket is closed */
};

/* The connection is readable: handles some messages. */
enum vhost_turn vhost_device_read(struct vhost_device *dev);
bool vhost_device_is_new(const struct vhost_device *dev); /* nothing was said on it yet */

/* The queue, while it is served; else NULL. */
struct virtqueue *vhost_device_queue(struct vhost_device *dev, unsigned queue);
uint64_t vhost_device_features(const struct vhost_device *dev);
/* Wakes the driver for what was given back in these queues (a mask), where it wants that. */
void vhost_device_notify(struct vhost_device *dev, uint32_t queues);
/* Asks for kicks on every queue that is served. False: there is work after all. */
bool vhost_device_sleep(struct vhost_device *dev, uint32_t queues);
void vhost_device_awake(struct vhost_device *dev, uint32_t queues);
/* VHOST_NOTE_DEVICE bytes that outlive the process. */
void *vhost_device_note(struct vhost_device *dev);

#endif
