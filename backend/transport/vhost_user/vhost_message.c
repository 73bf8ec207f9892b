/* SPDX-License-Identifier: Apache-2.0 */
/* vhost_message.c: see vhost_message.h. */
#include "backend/transport/vhost_user/vhost_message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a request takes. A payload may be longer than `size` only where `open` says so. */
struct shape {
    const char *name;
    uint32_t size;
    bool open;    /* at least size */
    bool answers; /* has an answer of its own */
};

#define MEM_TABLE_HEAD 8u
#define CONFIG_HEAD    12u

static const struct shape shapes[] = {
    [VHOST_GET_FEATURES] = {"GET_FEATURES", 0, false, true},
    [VHOST_SET_FEATURES] = {"SET_FEATURES", 8, false, false},
    [VHOST_SET_OWNER] = {"SET_OWNER", 0, false, false},
    [VHOST_RESET_OWNER] = {"RESET_OWNER", 0, false, false},
    [VHOST_SET_MEM_TABLE] = {"SET_MEM_TABLE", MEM_TABLE_HEAD, true, false},
    [VHOST_SET_VRING_NUM] = {"SET_VRING_NUM", 8, false, false},
    [VHOST_SET_VRING_ADDR] = {"SET_VRING_ADDR", 40, false, false},
    [VHOST_SET_VRING_BASE] = {"SET_VRING_BASE", 8, false, false},
    [VHOST_GET_VRING_BASE] = {"GET_VRING_BASE", 8, false, true},
    [VHOST_SET_VRING_KICK] = {"SET_VRING_KICK", 8, false, false},
    [VHOST_SET_VRING_CALL] = {"SET_VRING_CALL", 8, false, false},
    [VHOST_SET_VRING_ERR] = {"SET_VRING_ERR", 8, false, false},
    [VHOST_GET_PROTOCOL_FEATURES] = {"GET_PROTOCOL_FEATURES", 0, false, true},
    [VHOST_SET_PROTOCOL_FEATURES] = {"SET_PROTOCOL_FEATURES", 8, false, false},
    [VHOST_GET_QUEUE_NUM] = {"GET_QUEUE_NUM", 0, false, true},
    [VHOST_SET_VRING_ENABLE] = {"SET_VRING_ENABLE", 8, false, false},
    [VHOST_GET_CONFIG] = {"GET_CONFIG", CONFIG_HEAD, true, true},
    [VHOST_SET_CONFIG] = {"SET_CONFIG", CONFIG_HEAD, true, false},
    [VHOST_CREATE_CRYPTO_SESSION] = {"CREATE_CRYPTO_SESSION", 0, true, true},
    [VHOST_CLOSE_CRYPTO_SESSION] = {"CLOSE_CRYPTO_SESSION", 8, false, false},
    [VHOST_RESET_DEVICE] = {"RESET_DEVICE", 0, false, false},
};

static const struct shape *shape_of(uint32_t request)
{
    return request < sizeof(shapes) / sizeof(shapes[0]) && shapes[request].name ? &shapes[request] : NULL;
}

bool vhost_message_known(uint32_t request)
{
    return shape_of(request) != NULL;
}

bool vhost_message_answers(uint32_t request)
{
    const struct shape *shape = shape_of(request);
    return shape && shape->answers;
}

const char *vhost_request_name(uint32_t request)
{
    const struct shape *shape = shape_of(request);
    return shape ? shape->name : "an unknown request";
}

/* Descriptors of one message, closed on exec. Those that do not fit are closed. */
static void fds_collect(struct msghdr *header, struct vhost_message *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0)) {
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (message->fd_count < VHOST_FDS_MAX) {
                message->fds[message->fd_count++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

/* Peeks at len bytes: how many there are, 0 at the end of the connection, -1 with errno. */
static ssize_t peek(int socket, void *bytes, size_t len, struct vhost_message *message, int *flags)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(VHOST_FDS_MAX * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = len};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (message) {
        header.msg_control = control.room;
        header.msg_controllen = sizeof(control.room);
    }
    ssize_t got = recvmsg(socket, &header, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    *flags = header.msg_flags;
    if (got > 0 && message) {
        fds_collect(&header, message);
    }
    return got;
}

enum vhost_read vhost_message_peek(int socket, struct vhost_message *message, const char **why)
{
    uint8_t bytes[sizeof(struct vhost_header) + VHOST_PAYLOAD_MAX];
    int flags;
    memset(message, 0, sizeof(*message));
    for (unsigned i = 0; i < VHOST_FDS_MAX; i++) {
        message->fds[i] = -1;
    }
    ssize_t got = peek(socket, bytes, sizeof(message->header), NULL, &flags);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        return VHOST_READ_ENDED;
    }
    if (got < (ssize_t)sizeof(message->header)) {
        return VHOST_READ_NONE;
    }
    memcpy(&message->header, bytes, sizeof(message->header));
    if (message->header.size > VHOST_PAYLOAD_MAX) {
        *why = "a message is too long";
        return VHOST_READ_BAD;
    }
    size_t len = sizeof(message->header) + message->header.size;
    got = peek(socket, bytes, len, message, &flags);
    if (got < (ssize_t)len) {
        vhost_message_done(message);
        return got == 0 ? VHOST_READ_ENDED : VHOST_READ_NONE;
    }
    message->fds_lost = flags & MSG_CTRUNC;
    memcpy(message->payload.bytes, bytes + sizeof(message->header), message->header.size);
    return VHOST_READ_ONE;
}

void vhost_message_consume(int socket, const struct vhost_message *message)
{
    uint8_t bytes[sizeof(struct vhost_header) + VHOST_PAYLOAD_MAX];
    size_t left = sizeof(message->header) + message->header.size;
    while (left) {
        ssize_t got = recv(socket, bytes, left, MSG_DONTWAIT); /* no room for descriptors: the kernel drops them */
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return;
        }
        left -= got > 0 ? (size_t)got : 0;
    }
}

int vhost_message_reply(int socket, const struct vhost_message *message, const void *payload, uint32_t len)
{
    struct vhost_header header = {
        .request = message->header.request, .flags = VHOST_FLAG_VERSION | VHOST_FLAG_REPLY, .size = len};
    struct iovec parts[2] = {{.iov_base = &header, .iov_len = sizeof(header)},
                             {.iov_base = (void *)(uintptr_t)payload, .iov_len = len}};
    struct msghdr out = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent;
    do {
        sent = sendmsg(socket, &out, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)(sizeof(header) + len) ? 0 : -1;
}

/* How many descriptors a message that passed the checks of its length takes. */
static unsigned fds_wanted(const struct vhost_message *message)
{
    switch (message->header.request) {
    case VHOST_SET_MEM_TABLE:
        return message->payload.memory.count;
    case VHOST_SET_VRING_KICK:
    case VHOST_SET_VRING_CALL:
    case VHOST_SET_VRING_ERR:
        return message->payload.u64 & VHOST_NO_FD ? 0 : 1;
    default:
        return 0;
    }
}

const char *vhost_message_check(struct vhost_message *message)
{
    const struct vhost_header *header = &message->header;
    const struct shape *shape = shape_of(header->request);
    if ((header->flags & VHOST_FLAG_VERSION_MASK) != VHOST_FLAG_VERSION || header->flags & VHOST_FLAG_REPLY) {
        return "a message has the wrong version, or is a reply";
    }
    if (!shape) {
        return NULL;
    }
    if (header->size < shape->size || (!shape->open && header->size != shape->size)) {
        return "a message has the wrong length";
    }
    if (header->request == VHOST_SET_MEM_TABLE &&
        (message->payload.memory.count > GUEST_REGIONS_MAX ||
         header->size < MEM_TABLE_HEAD + message->payload.memory.count * sizeof(struct guest_region_entry))) {
        return "a memory table does not fit its length";
    }
    if (header->request >= VHOST_SET_VRING_KICK && header->request <= VHOST_SET_VRING_ERR &&
        message->payload.u64 > (VHOST_NO_FD | 0xff)) {
        return "an eventfd's message has unknown flags";
    }
    if ((header->request == VHOST_GET_CONFIG || header->request == VHOST_SET_CONFIG) &&
        (message->payload.config.size > VHOST_CONFIG_MAX ||
         header->size != CONFIG_HEAD + message->payload.config.size)) {
        return "a configuration request does not fit its length";
    }
    if (!fds_wanted(message)) {
        vhost_message_done(message);
    } else if (message->fds_lost || message->fd_count != fds_wanted(message)) {
        return "a message has more or fewer descriptors than it says";
    }
    return NULL;
}

int vhost_message_take_fd(struct vhost_message *message, unsigned i)
{
    int fd = i < message->fd_count ? message->fds[i] : -1;
    if (fd >= 0) {
        message->fds[i] = -1;
    }
    return fd;
}

void vhost_message_done(struct vhost_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++) {
        if (message->fds[i] >= 0) {
            close(message->fds[i]);
            message->fds[i] = -1;
        }
    }
    message->fd_count = 0;
}
