/* SPDX-License-Identifier: Apache-2.0 */
/* peer.h: who may use admin.sock, asked of the kernel and not of the peer. */
#ifndef CARDMUX_ADMIN_PEER_H
#define CARDMUX_ADMIN_PEER_H

#include <stdbool.h>
#include <sys/types.h>

struct peer_rule {
    uid_t uid;      /* the daemon's own */
    gid_t gid;      /* the group that may use the socket */
    bool has_group; /* false: no such group on this machine */
};

/* True: root, the daemon's own user, or a member of the group (primary or supplementary, at the time of connect). */
bool peer_allowed(int socket_fd, const struct peer_rule *rule);

#endif
