/* SPDX-License-Identifier: Apache-2.0 */
/* vsock.h: what chooser and doctor want to know of vsock. */
#ifndef CARDMUX_REACH_VSOCK_H
#define CARDMUX_REACH_VSOCK_H

#include "frontend/reach/reach.h"

enum vsock_kernel {
    VSOCK_ABSENT,  /* no vsock in this kernel, or its module is not loaded */
    VSOCK_UNKNOWN, /* /dev/vsock does not say */
    VSOCK_NO_HOST, /* there is vsock, but no host behind it: this is a host, or has the loopback transport alone */
    VSOCK_GUEST    /* a guest; *cid is its own */
};

/* Asks /dev/vsock; opens no socket. */
enum vsock_kernel vsock_kernel(uint32_t *cid);

/* Pure. where: "CID", "CID:PORT", ":PORT", "" or NULL. False: none of these. */
bool vsock_place(const char *where, uint32_t *cid, uint32_t *port);

/* reach_vsock's open for the chooser: where nobody named a place, only in a guest. */
uint32_t vsock_open_usual(const char *where, unsigned limit_ms, struct reach **reach, char *text);

#endif
