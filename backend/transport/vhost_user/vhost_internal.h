/* SPDX-License-Identifier: Apache-2.0 */
/* vhost_internal.h: between vhost_device.c and vhost_request.c. */
#ifndef CARDMUX_VHOST_INTERNAL_H
#define CARDMUX_VHOST_INTERNAL_H

#include "backend/transport/vhost_user/vhost_device.h"

void vhost_say(struct vhost_device *dev, const char *what, const char *why);
void vhost_fd_replace(int *place, int fd); /* closes what is there */
bool vhost_eventfd_like(int fd);
uint64_t vhost_features_offered(const struct vhost_device *dev);
uint64_t vhost_protocol_offered(const struct vhost_device *dev);

bool vhost_ring_flag(const struct vhost_device *dev, unsigned i, uint32_t flag);
void vhost_ring_flag_set(struct vhost_device *dev, unsigned i, uint32_t flag, bool on);
/* Size, addresses and kick are known: serves it. NULL, or a sentence. */
const char *vhost_ring_start(struct vhost_device *dev, unsigned i, bool again);
void vhost_ring_stop(struct vhost_device *dev, unsigned i);

#endif
