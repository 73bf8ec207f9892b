/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_message.h: one message of vhost-user: how it is read, who owns its descriptors, what may stand in it.
 *
 * A message is looked at first (MSG_PEEK) and taken out of the socket only after it has been dealt with, so a process
 * that dies in between leaves it to the next one. Reading never waits and never reads beyond the message.
 *
 * Descriptors that came along belong to the message. Whoever wants one takes it (vhost_message_take_fd);
 * vhost_message_done closes what nobody took. There is room for as many as the largest message may have; what is
 * beyond the kernel throws away. A message that takes descriptors must come with just as many as it says. To one that
 * takes none, Linux shows those of the message behind it when it is only looked at, so there they mean nothing, and are
 * closed; the peer's own surplus ones with them.
 */
#ifndef CARDMUX_VHOST_MESSAGE_H
#define CARDMUX_VHOST_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "backend/transport/vhost_user/guest_memory.h"

#define VHOST_FDS_MAX     GUEST_REGIONS_MAX
#define VHOST_PAYLOAD_MAX 1024u /* configuration space (256) and device-specific requests are the largest */
#define VHOST_CONFIG_MAX  256u

enum vhost_request {
    VHOST_GET_FEATURES = 1,
    VHOST_SET_FEATURES,
    VHOST_SET_OWNER,
    VHOST_RESET_OWNER,
    VHOST_SET_MEM_TABLE,
    VHOST_SET_LOG_BASE,
    VHOST_SET_LOG_FD,
    VHOST_SET_VRING_NUM,
    VHOST_SET_VRING_ADDR,
    VHOST_SET_VRING_BASE,
    VHOST_GET_VRING_BASE,
    VHOST_SET_VRING_KICK,
    VHOST_SET_VRING_CALL,
    VHOST_SET_VRING_ERR,
    VHOST_GET_PROTOCOL_FEATURES,
    VHOST_SET_PROTOCOL_FEATURES,
    VHOST_GET_QUEUE_NUM,
    VHOST_SET_VRING_ENABLE,
    VHOST_GET_CONFIG = 24,
    VHOST_SET_CONFIG,
    VHOST_CREATE_CRYPTO_SESSION,
    VHOST_CLOSE_CRYPTO_SESSION,
    VHOST_RESET_DEVICE = 34,
};

#define VHOST_FLAG_VERSION      1u
#define VHOST_FLAG_VERSION_MASK 3u
#define VHOST_FLAG_REPLY        4u
#define VHOST_FLAG_NEED_REPLY   8u
#define VHOST_NO_FD             0x100u /* in the u64 of KICK, CALL and ERR */

struct vhost_header {
    uint32_t request, flags, size;
};

struct vhost_vring_state {
    uint32_t index, num;
};

struct vhost_vring_addr {
    uint32_t index, flags;
    uint64_t desc, used, avail, log;
};

struct vhost_mem_table {
    uint32_t count, padding;
    struct guest_region_entry regions[GUEST_REGIONS_MAX];
};

struct vhost_config {
    uint32_t offset, size, flags;
    uint8_t bytes[VHOST_CONFIG_MAX];
};

struct vhost_message {
    struct vhost_header header; /* size is payload bytes, at most VHOST_PAYLOAD_MAX */
    union {
        uint64_t u64;
        struct vhost_vring_state state;
        struct vhost_vring_addr addr;
        struct vhost_mem_table memory;
        struct vhost_config config;
        uint8_t bytes[VHOST_PAYLOAD_MAX];
    } payload;              /* zero beyond header.size */
    int fds[VHOST_FDS_MAX]; /* -1: none, or taken */
    unsigned fd_count;
    bool fds_lost; /* there were more than VHOST_FDS_MAX */
};

enum vhost_read {
    VHOST_READ_NONE, /* nothing whole is there yet */
    VHOST_READ_ONE,
    VHOST_READ_ENDED, /* hung up */
    VHOST_READ_BAD    /* no message of this protocol: *why says what is wrong */
};

/* Looks at the next message. After VHOST_READ_ONE: vhost_message_done, then vhost_message_consume. */
enum vhost_read vhost_message_peek(int socket, struct vhost_message *message, const char **why);
/* Takes it out of the socket. */
void vhost_message_consume(int socket, const struct vhost_message *message);
/* Sends a reply to it with len bytes of payload. 0, or -1: the peer is gone or does not read. */
int vhost_message_reply(int socket, const struct vhost_message *message, const void *payload, uint32_t len);

/* The gate: version, payload size and number of descriptors against what the request takes. NULL, or a sentence. An
   unknown request passes (vhost_message_known). Afterwards the message has the descriptors that it takes, or none. */
const char *vhost_message_check(struct vhost_message *message);
bool vhost_message_known(uint32_t request);
/* Does this request have an answer of its own, whether or not one was asked for? */
bool vhost_message_answers(uint32_t request);
const char *vhost_request_name(uint32_t request);

int vhost_message_take_fd(struct vhost_message *message, unsigned i); /* now the caller's; -1: there is none */
void vhost_message_done(struct vhost_message *message);               /* closes what is left */

#endif
