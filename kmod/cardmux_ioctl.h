/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * cardmux_ioctl.h: what a program may do with /dev/cardmux0, cardmux1, ... (one per device).
 *
 * open     takes a free queue pair, emptied; it belongs to the open file and is given back when the last descriptor and
 *          mapping of that file is gone. EBUSY: all pairs are taken. EAGAIN: one is free, but the host has not yet
 *          said that the last work of its late owner has left the card; try again in a millisecond. ENODEV: unplugged.
 * mmap     offset 0, CARDMUX_HEADER_LENGTH bytes: the region's header, read-only. Offset CARDMUX_QP_OFFSET, qp_size
 *          bytes: this file's queue pair. Shared mappings of exactly these, nothing else.
 * poll     POLLIN: rung since the last read. POLLHUP: the device was unplugged; mappings read as zeros from then on.
 * read     8 bytes: how often rung since the last read; blocks while 0 unless O_NONBLOCK.
 * ioctl    below. The epoch handshake on the pair's control page is the program's own business.
 */
#ifndef CARDMUX_IOCTL_H
#define CARDMUX_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define CARDMUX_HEADER_LENGTH 65536
#define CARDMUX_QP_OFFSET     65536

struct cardmux_info {
    __u32 qp;          /* number of the pair */
    __u32 qp_count;    /* pairs of the device */
    __u32 qp_size;     /* bytes of a pair */
    __u32 region_size; /* bytes of BAR2 */
};

#define CARDMUX_IOC_INFO _IOR(0xCA, 0x00, struct cardmux_info)
/* Rings the host: "look at my queue pair". ENODEV once unplugged. */
#define CARDMUX_IOC_RING _IO(0xCA, 0x01)

#endif
