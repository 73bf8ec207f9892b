/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.h: who is at the other end of a connection to admin.sock and which roles that gives, asked of the kernel and not
 * of the peer. Anybody may connect (the socket's mode is 0666, because a file has one group and there are three); what
 * counts are the credentials at the time of connect: user, primary group, supplementary groups.
 */
#ifndef CARDMUX_ADMIN_PEER_H
#define CARDMUX_ADMIN_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "backend/main/role.h"

struct peer_group {
    const char *name; /* for sentences */
    gid_t gid;
    bool there; /* false: no such group on this machine */
};

/* Names of users, as they were when the process started: later it sees no /etc. */
#define PEER_NAMES 4096u
struct peer_user {
    uid_t uid;
    char name[33];
};

struct peer_rule {
    uid_t uid;           /* who started the daemon: has root's roles */
    uint32_t root_roles; /* [daemon] root-roles */
    struct peer_group groups[ROLES];
    struct peer_user *users; /* sorted by uid */
    size_t user_count;
};

struct peer {
    uid_t uid;
    gid_t gid;
    uint32_t roles; /* enum role_set */
};

/* False: the kernel does not say who it is. A peer that is known but has no role is true, with roles 0. */
bool peer_look(int socket_fd, const struct peer_rule *rule, struct peer *peer);
void peer_names_load(struct peer_rule *rule);                   /* getpwent; without memory there are none */
const char *peer_name(const struct peer_rule *rule, uid_t uid); /* "" where it is not known */
/* A sentence for who has none of the roles needed. */
void peer_refusal(const struct peer *peer, const struct peer_rule *rule, uint32_t needed, char *text, size_t size);

#endif
