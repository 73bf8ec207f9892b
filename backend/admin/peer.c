/* SPDX-License-Identifier: Apache-2.0 */
/* see peer.h */
#include "backend/admin/peer.h"
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

#define GROUPS_MAX 65536u /* the kernel's NGROUPS_MAX */

static uint32_t roles_of(const struct peer_rule *rule, gid_t gid)
{
    uint32_t roles = ROLE_NONE;
    for (unsigned i = 0; i < ROLES; i++)
        if (rule->groups[i].there && rule->groups[i].gid == gid)
            roles |= 1u << i;
    return roles;
}

static uint32_t roles_of_supplementary(int socket_fd, const struct peer_rule *rule)
{
    uint32_t roles = ROLE_NONE;
    gid_t *groups = calloc(GROUPS_MAX, sizeof *groups);
    socklen_t len = GROUPS_MAX * sizeof *groups;
    if (groups && getsockopt(socket_fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
        for (size_t i = 0; i < len / sizeof *groups; i++)
            roles |= roles_of(rule, groups[i]);
    free(groups);
    return roles;
}

bool peer_look(int socket_fd, const struct peer_rule *rule, struct peer *peer)
{
    struct ucred credentials;
    socklen_t len = sizeof credentials;
    *peer = (struct peer){.uid = (uid_t)-1, .gid = (gid_t)-1, .roles = ROLE_NONE};
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) < 0 || len != sizeof credentials ||
        credentials.uid == (uid_t)-1)
        return false;
    peer->uid = credentials.uid;
    peer->gid = credentials.gid;
    peer->roles = roles_of(rule, credentials.gid) | roles_of_supplementary(socket_fd, rule);
    if (peer->uid == 0 || peer->uid == rule->uid)
        peer->roles |= rule->root_roles;
    return true;
}

static int user_order(const void *a, const void *b)
{
    uid_t x = ((const struct peer_user *)a)->uid, y = ((const struct peer_user *)b)->uid;
    return (x > y) - (x < y);
}

void peer_names_load(struct peer_rule *rule)
{
    rule->user_count = 0;
    rule->users = calloc(PEER_NAMES, sizeof *rule->users);
    setpwent();
    for (struct passwd *user; rule->users && rule->user_count < PEER_NAMES && (user = getpwent());) {
        struct peer_user *place = &rule->users[rule->user_count++];
        place->uid = user->pw_uid;
        snprintf(place->name, sizeof place->name, "%s", user->pw_name);
    }
    endpwent();
    if (rule->users)
        qsort(rule->users, rule->user_count, sizeof *rule->users, user_order);
}

const char *peer_name(const struct peer_rule *rule, uid_t uid)
{
    struct peer_user wanted = {.uid = uid};
    const struct peer_user *found =
        rule->user_count ? bsearch(&wanted, rule->users, rule->user_count, sizeof wanted, user_order) : NULL;
    return found ? found->name : "";
}

void peer_refusal(const struct peer *peer, const struct peer_rule *rule, uint32_t needed, char *text, size_t size)
{
    char has[ROLE_TEXT];
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < ROLES && used < size; i++)
        if (needed & 1u << i)
            used += (size_t)snprintf(text + used, size - used, "%s%s (group %s%s)",
                                     used ? " or " : "this needs the role ", role_name(i), rule->groups[i].name,
                                     rule->groups[i].there ? "" : ", which does not exist on this machine");
    if (used < size)
        snprintf(text + used, size - used, "; user %u has the roles: %s", (unsigned)peer->uid,
                 role_text(peer->roles, has));
}
