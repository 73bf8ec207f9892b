/* SPDX-License-Identifier: Apache-2.0 */
/* vhost_request.c: what QEMU says and asks; see vhost_device.h. */
#include "backend/transport/vhost_user/vhost_internal.h"

#include <string.h>
#include <sys/socket.h>

#define MESSAGES_MAX 8u /* before others get a turn */

/* ---- requests ---- */

static const char *features_set(struct vhost_device *dev, uint64_t features)
{
    if (features & ~vhost_features_offered(dev)) {
        return "SET_FEATURES names features that were not offered";
    }
    dev->note->features = features;
    for (unsigned i = 0; i < dev->ops->queues; i++) {
        if (!(features & VHOST_F_PROTOCOL_FEATURES)) {
            vhost_ring_flag_set(dev, i, VHOST_RING_ENABLED, true);
        } else if (!vhost_ring_flag(dev, i, VHOST_RING_STARTED)) {
            vhost_ring_flag_set(dev, i, VHOST_RING_ENABLED, false);
        }
    }
    return NULL;
}

static const char *protocol_set(struct vhost_device *dev, uint64_t features)
{
    if (features & ~vhost_protocol_offered(dev)) {
        return "SET_PROTOCOL_FEATURES names features that were not offered";
    }
    dev->note->protocol = features;
    return NULL;
}

/* Not a breach of the protocol: it is refused, and the connection goes on without memory. */
static const char *memory_set(struct vhost_device *dev, struct vhost_message *message, bool *refused)
{
    const struct vhost_mem_table *table = &message->payload.memory;
    const char *why;
    struct guest_memory *memory = guest_memory_new(table->regions, message->fds, table->count, &why);
    if (!memory) {
        vhost_say(dev, dev->ops->name, why);
        *refused = true;
    }
    for (unsigned i = 0; i < GUEST_REGIONS_MAX; i++) {
        dev->host->keep(dev->owner, i, memory && i < table->count ? message->fds[i] : -1);
    }
    dev->note->region_count = memory ? table->count : 0;
    memcpy(dev->note->regions, table->regions, sizeof(dev->note->regions));
    for (unsigned i = 0; i < dev->ops->queues; i++) {
        vq_remap(&dev->rings[i].vq, memory);
    }
    guest_memory_release(dev->memory);
    dev->memory = memory;
    for (unsigned i = 0; memory && i < dev->ops->queues; i++) {
        if (dev->rings[i].resuming) {
            dev->rings[i].resuming = vhost_ring_start(dev, i, true) != NULL;
        }
    }
    return NULL;
}

static const char *num_set(struct vhost_device *dev, const struct vhost_vring_state *state)
{
    if (vhost_ring_flag(dev, state->index, VHOST_RING_STARTED) || !state->num || state->num > VQ_SIZE_MAX ||
        state->num & (state->num - 1)) {
        return "SET_VRING_NUM of a ring that runs, or no power of two up to 1024";
    }
    dev->note->rings[state->index].size = state->num;
    return NULL;
}

static const char *base_set(struct vhost_device *dev, const struct vhost_vring_state *state)
{
    if (vhost_ring_flag(dev, state->index, VHOST_RING_STARTED) || state->num > UINT16_MAX) {
        return "SET_VRING_BASE of a ring that runs, or beyond 65535";
    }
    dev->note->rings[state->index].base = state->num;
    return NULL;
}

static const char *addr_set(struct vhost_device *dev, const struct vhost_vring_addr *addr)
{
    if (addr->flags) {
        return "SET_VRING_ADDR wants a log, which was not offered";
    }
    struct vhost_ring_note *note = &dev->note->rings[addr->index];
    struct virtqueue *vq = &dev->rings[addr->index].vq;
    note->desc = addr->desc;
    note->avail = addr->avail;
    note->used = addr->used;
    vhost_ring_flag_set(dev, addr->index, VHOST_RING_ADDRESSED, true);
    vq->desc_uva = addr->desc;
    vq->avail_uva = addr->avail;
    vq->used_uva = addr->used;
    if (vq->state != VQ_OFF) {
        vq_remap(vq, dev->memory);
    }
    return NULL;
}

static const char *enable_set(struct vhost_device *dev, const struct vhost_vring_state *state)
{
    if (state->num > 1) {
        return "SET_VRING_ENABLE is neither 0 nor 1";
    }
    vhost_ring_flag_set(dev, state->index, VHOST_RING_ENABLED, state->num);
    return NULL;
}

/* The descriptor of KICK, CALL or ERR; -1 where the message says that there is none. */
static const char *eventfd_take(struct vhost_message *message, int *fd)
{
    *fd = -1;
    if (message->fd_count && !vhost_eventfd_like(message->fds[0])) {
        return "a descriptor is not an eventfd";
    }
    *fd = vhost_message_take_fd(message, 0);
    return NULL;
}

static const char *kick_set(struct vhost_device *dev, struct vhost_message *message, bool *refused)
{
    unsigned i = (uint8_t)message->payload.u64;
    struct vhost_ring *ring = &dev->rings[i];
    int fd;
    const char *why = eventfd_take(message, &fd);
    if (why) {
        return why;
    }
    if (fd < 0) {
        return "a ring without a kick descriptor is not served";
    }
    dev->host->keep(dev->owner, VHOST_KICK_SLOT(i), fd);
    if (ring->vq.state != VQ_OFF) {
        dev->host->watch(dev->owner, i, -1);
        vhost_fd_replace(&ring->kick, fd);
        dev->host->watch(dev->owner, i, fd);
        return NULL;
    }
    vhost_fd_replace(&ring->kick, fd);
    why = vhost_ring_start(dev, i, false);
    if (why) {
        vhost_say(dev, dev->ops->name, why);
        *refused = true;
    }
    return NULL;
}

static const char *call_set(struct vhost_device *dev, struct vhost_message *message)
{
    unsigned i = (uint8_t)message->payload.u64;
    int fd;
    const char *why = eventfd_take(message, &fd);
    if (!why) {
        dev->host->keep(dev->owner, VHOST_CALL_SLOT(i), fd);
        vhost_fd_replace(&dev->rings[i].call, fd);
    }
    return why;
}

static const char *reset(struct vhost_device *dev)
{
    for (unsigned i = 0; i < dev->ops->queues; i++) {
        vhost_ring_stop(dev, i);
        dev->rings[i].was_stopped = false;
        vhost_ring_flag_set(dev, i, VHOST_RING_ENABLED, false);
    }
    dev->note->features = 0;
    dev->ops->reset(dev->device);
    return NULL;
}

/* Is the ring that a request is about there? True too where it is about none. */
static bool ring_exists(const struct vhost_device *dev, const struct vhost_message *message)
{
    switch (message->header.request) {
    case VHOST_SET_VRING_NUM:
    case VHOST_SET_VRING_ADDR:
    case VHOST_SET_VRING_BASE:
    case VHOST_GET_VRING_BASE:
    case VHOST_SET_VRING_ENABLE:
        return message->payload.state.index < dev->ops->queues; /* of ADDR too: both begin with it */
    case VHOST_SET_VRING_KICK:
    case VHOST_SET_VRING_CALL:
    case VHOST_SET_VRING_ERR:
        return (uint8_t)message->payload.u64 < dev->ops->queues;
    default:
        return true;
    }
}

/* Requests that change something. A sentence: the connection is over. */
static const char *request_do(struct vhost_device *dev, struct vhost_message *message, bool *refused)
{
    int fd = -1;
    const char *why = NULL;
    switch (message->header.request) {
    case VHOST_SET_FEATURES:
        return features_set(dev, message->payload.u64);
    case VHOST_SET_PROTOCOL_FEATURES:
        return protocol_set(dev, message->payload.u64);
    case VHOST_SET_OWNER:
        return NULL;
    case VHOST_RESET_OWNER:
    case VHOST_RESET_DEVICE:
        return reset(dev);
    case VHOST_SET_MEM_TABLE:
        return memory_set(dev, message, refused);
    case VHOST_SET_VRING_NUM:
        return num_set(dev, &message->payload.state);
    case VHOST_SET_VRING_ADDR:
        return addr_set(dev, &message->payload.addr);
    case VHOST_SET_VRING_BASE:
        return base_set(dev, &message->payload.state);
    case VHOST_SET_VRING_ENABLE:
        return enable_set(dev, &message->payload.state);
    case VHOST_SET_VRING_KICK:
        return kick_set(dev, message, refused);
    case VHOST_SET_VRING_CALL:
        return call_set(dev, message);
    case VHOST_SET_VRING_ERR: /* nobody waits for it: it is taken, and closed */
        why = eventfd_take(message, &fd);
        vhost_fd_replace(&fd, -1);
        return why;
    default:
        *refused = true; /* SET_CONFIG: nothing in it can be written. Others: unknown */
        return NULL;
    }
}

/* ---- replies ---- */

/* Sends a reply, once, even when this process is killed in the middle: the flag is set before, so a successor that
   finds it knows that the reply is out. Between flag and system call lie some nanoseconds in which a kill costs the
   reply. */
static void answer(struct vhost_device *dev, const struct vhost_message *message, const void *payload, uint32_t len)
{
    if (!dev->note->answering) {
        dev->note->answering = 1;
        atomic_signal_fence(memory_order_seq_cst);
        if (vhost_message_reply(dev->socket, message, payload, len)) {
            shutdown(dev->socket, SHUT_RDWR); /* gone, or does not read what it asked for: the next read ends it */
        }
    }
}

static void answer_u64(struct vhost_device *dev, const struct vhost_message *message, uint64_t value)
{
    answer(dev, message, &value, sizeof(value));
}

static void answer_config(struct vhost_device *dev, const struct vhost_message *message)
{
    struct vhost_config config = message->payload.config;
    uint8_t bytes[VHOST_CONFIG_MAX] = {0};
    memset(config.bytes, 0, sizeof(config.bytes));
    dev->ops->config(dev->device, bytes);
    if (range_ok(config.offset, config.size, dev->ops->config_size)) {
        memcpy(config.bytes, bytes + config.offset, config.size);
        answer(dev, message, &config, 12 + config.size);
    } else {
        answer(dev, message, &config, 0); /* how QEMU is told that there is an error */
    }
}

/* Requests that ask. */
static const char *request_answer(struct vhost_device *dev, struct vhost_message *message)
{
    uint8_t reply[VHOST_PAYLOAD_MAX];
    uint32_t len = 0;
    switch (message->header.request) {
    case VHOST_GET_FEATURES:
        answer_u64(dev, message, vhost_features_offered(dev));
        return NULL;
    case VHOST_GET_PROTOCOL_FEATURES:
        answer_u64(dev, message, vhost_protocol_offered(dev));
        return NULL;
    case VHOST_GET_QUEUE_NUM:
        answer_u64(dev, message, dev->ops->queues);
        return NULL;
    case VHOST_GET_VRING_BASE: {
        struct vhost_vring_state state = message->payload.state;
        vhost_ring_stop(dev, state.index);
        state.num = dev->note->rings[state.index].base;
        answer(dev, message, &state, sizeof(state));
        return NULL;
    }
    case VHOST_GET_CONFIG:
        if (dev->ops->config_size) {
            answer_config(dev, message);
            return NULL;
        }
        return "GET_CONFIG of a device without configuration";
    default:
        if (dev->ops->message && dev->ops->message(dev->device, message, reply, &len)) {
            answer(dev, message, reply, len);
            return NULL;
        }
        return "a request that this device does not answer";
    }
}

static const char *message_handle(struct vhost_device *dev, struct vhost_message *message)
{
    bool refused = false;
    const char *why = vhost_message_check(message);
    if (!why && !ring_exists(dev, message)) {
        why = "a request names a queue that does not exist";
    }
    if (!why && vhost_message_answers(message->header.request)) {
        return request_answer(dev, message);
    }
    if (!why) {
        why = request_do(dev, message, &refused);
    }
    if (!why && message->header.flags & VHOST_FLAG_NEED_REPLY && dev->note->protocol & VHOST_PROTOCOL_REPLY_ACK) {
        answer_u64(dev, message, refused);
    }
    dev->refused += refused;
    return why;
}

static enum vhost_turn device_over(struct vhost_device *dev, const char *why)
{
    if (why) {
        vhost_say(dev, dev->ops->name, why);
    }
    vhost_device_close(dev);
    return VHOST_TURN_OVER;
}

enum vhost_turn vhost_device_read(struct vhost_device *dev)
{
    for (unsigned i = 0; i < MESSAGES_MAX && dev->socket >= 0; i++) {
        struct vhost_message message;
        const char *why = NULL;
        switch (vhost_message_peek(dev->socket, &message, &why)) {
        case VHOST_READ_NONE:
            return VHOST_TURN_DONE;
        case VHOST_READ_ENDED:
        case VHOST_READ_BAD:
            return device_over(dev, why);
        case VHOST_READ_ONE:
            break;
        }
        dev->messages++;
        why = message_handle(dev, &message);
        vhost_message_done(&message);
        if (why) {
            vhost_say(dev, vhost_request_name(message.header.request), why);
            return device_over(dev, NULL);
        }
        atomic_signal_fence(memory_order_seq_cst);
        dev->note->answering = 0;
        atomic_signal_fence(memory_order_seq_cst);
        vhost_message_consume(dev->socket, &message);
    }
    return dev->socket >= 0 ? VHOST_TURN_MORE : VHOST_TURN_DONE;
}
