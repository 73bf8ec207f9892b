/* SPDX-License-Identifier: Apache-2.0 */
/* vsock_internal.h: between vsock.c and vsock_send.c. */
#ifndef CARDMUX_VSOCK_INTERNAL_H
#define CARDMUX_VSOCK_INTERNAL_H

#include "backend/device/virtio_vsock/vsock.h"

/* vsock.c */
void vsock_due(struct vsock_connection *connection, bool *what); /* one of its *_due: to be sent with the next turn */
void vsock_free(struct vsock_connection *connection);
void vsock_closing(struct vsock_connection *connection);          /* closes the stream; the guest's RST is waited for */
uint32_t vsock_credit(const struct vsock_connection *connection); /* bytes that the guest has room for */

/* vsock_send.c */
/* An RST in answer to a packet of no connection. There is room: the caller saw to it. */
void vsock_refuse(struct vsock *vsock, const struct vsock_header *header);
unsigned vsock_send_due(struct vsock *vsock);
unsigned vsock_resume_stalled(struct vsock *vsock);
void vsock_notify(struct vsock *vsock, bool all);

#endif
