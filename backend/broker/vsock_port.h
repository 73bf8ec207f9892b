/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock_port.h: a virtual machine's vsock device (backend/device/virtio_vsock) in the broker. Broker's thread only.
 *
 * The device is a region of the keeper's with two channels that have no queue pair: the first stands for what the guest
 * kicks, and takes turns with the tenant's other channels; the second for QEMU's messages. A connection of the guest to
 * CM_VSOCK_PORT is a stream (stream.h), with a region and a channel of its own.
 *
 *     guest kicks -> channel 0 active -> vsock_turn: packets -> stream_fed -> the stream's channel active -> its turn
 *     a stream's completions -> vsock_push: receive buffers -> the guest is interrupted where it wants that
 *
 * What a new broker must know, should this one die, is deposited with the keeper as it changes: descriptors by KEEP,
 * the rest in the note, a memfd that the keeper holds and never reads.
 */
#ifndef CARDMUX_BROKER_VSOCK_PORT_H
#define CARDMUX_BROKER_VSOCK_PORT_H

#include "backend/broker/broker.h"

/* HANDOVER_REGION of a device: its connection, its note, and what was kept. All descriptors become the port's. */
void vsock_port_attach(struct broker *broker, const struct handover *message, int *fds, unsigned count);
uint64_t vsock_port_cid(const struct tenant *tenant); /* what its guest is told that it is */
void vsock_port_event(struct broker *broker, struct channel *channel);
unsigned vsock_port_turn(struct broker *broker, struct channel *channel);
bool vsock_port_quiet(struct channel *channel);    /* may its channel sleep? */
void vsock_port_shut(const struct region *region); /* towards QEMU; the keeper sees it, and says REGION_GONE */
void vsock_port_free(struct region *region);       /* in region_release */

#endif
