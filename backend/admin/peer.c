/* SPDX-License-Identifier: Apache-2.0 */
/* see peer.h */
#include "backend/admin/peer.h"
#include <stdlib.h>
#include <sys/socket.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

#define GROUPS_MAX 65536u /* the kernel's NGROUPS_MAX */

static bool in_supplementary(int socket_fd, gid_t gid)
{
    bool found = false;
    gid_t *groups = calloc(GROUPS_MAX, sizeof *groups);
    socklen_t len = GROUPS_MAX * sizeof *groups;
    if (groups && getsockopt(socket_fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
        for (size_t i = 0; i < len / sizeof *groups && !found; i++)
            found = groups[i] == gid;
    free(groups);
    return found;
}

bool peer_allowed(int socket_fd, const struct peer_rule *rule)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || len != sizeof peer)
        return false;
    if (peer.uid == 0 || peer.uid == rule->uid)
        return true;
    return rule->has_group && (peer.gid == rule->gid || in_supplementary(socket_fd, rule->gid));
}
