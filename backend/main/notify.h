/* SPDX-License-Identifier: Apache-2.0 */
/* notify.h: tells whoever started the daemon that it serves: systemd by sd_notify(3)'s datagram, others by a line on
   the descriptor of --ready-fd. Failures are of no consequence and are not reported. */
#ifndef CARDMUX_NOTIFY_H
#define CARDMUX_NOTIFY_H

/* To NOTIFY_SOCKET, if there is one: lines such as "READY=1\nSTATUS=...". */
void notify_systemd(const char *lines);

/* Writes "ready\n" to fd and closes it; -1: nothing. */
void notify_fd(int fd);

#endif
