/* SPDX-License-Identifier: Apache-2.0 */
/* vsock_packet.h: the header that precedes everything on a vsock device's queues (virtio, socket device). */
#ifndef CARDMUX_VSOCK_PACKET_H
#define CARDMUX_VSOCK_PACKET_H

#include <assert.h>
#include <endian.h>
#include <stdint.h>

#define VSOCK_HEADER   44u
#define VSOCK_CID_HOST 2u

enum vsock_type {
    VSOCK_TYPE_STREAM = 1
};

enum vsock_op {
    VSOCK_OP_INVALID = 0,
    VSOCK_OP_REQUEST,
    VSOCK_OP_RESPONSE,
    VSOCK_OP_RST,
    VSOCK_OP_SHUTDOWN,
    VSOCK_OP_RW,
    VSOCK_OP_CREDIT_UPDATE,
    VSOCK_OP_CREDIT_REQUEST
};

#define VSOCK_SHUTDOWN_RCV  1u /* the sender of this will receive no more */
#define VSOCK_SHUTDOWN_SEND 2u /* ... send no more */
#define VSOCK_SHUTDOWN_BOTH 3u

struct vsock_header {
    uint64_t src_cid, dst_cid;
    uint32_t src_port, dst_port;
    uint32_t len; /* of the payload */
    uint16_t type, op;
    uint32_t flags;
    uint32_t buf_alloc, fwd_cnt; /* of the sender, for this connection */
} __attribute__((packed));
static_assert(sizeof(struct vsock_header) == VSOCK_HEADER, "as on the wire");

/* From or to little-endian; the same both ways. */
static inline void vsock_header_swap(struct vsock_header *header)
{
    header->src_cid = le64toh(header->src_cid);
    header->dst_cid = le64toh(header->dst_cid);
    header->src_port = le32toh(header->src_port);
    header->dst_port = le32toh(header->dst_port);
    header->len = le32toh(header->len);
    header->type = le16toh(header->type);
    header->op = le16toh(header->op);
    header->flags = le32toh(header->flags);
    header->buf_alloc = le32toh(header->buf_alloc);
    header->fwd_cnt = le32toh(header->fwd_cnt);
}

#endif
