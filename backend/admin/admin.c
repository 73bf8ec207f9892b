/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.c: the admin process. HTTP and JSON for operators on one side (http.h), a fixed set of messages to the broker
 * on the other (link.h, message.h). It sees no tenant's bytes and no key; access codes pass through it and are wiped.
 *
 * One thread, one poll() over three things: libmicrohttpd's epoll, the broker's socket, the keeper's socket. The keeper
 * hands over a broker's descriptor after each start of one ('B' and the descriptor), and hangs up to end this process.
 *
 * Order at start: what needs /etc (the groups' numbers) first; then chroot, uid, no capabilities; then seccomp; then
 * the first byte of a peer.
 */
#include "backend/main/broker_entry.h"
#include "backend/admin/http.h"
#include "backend/admin/link.h"
#include "backend/admin/wipe_alloc.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT 256

static void complain(const char *what, const char *text)
{
    fprintf(stderr, "cardmuxd: admin: %s: %s\n", what, text);
}

/* A directory without anything in it to be our root; the run directory where that cannot be made. */
static const char *pick_root(const struct daemon_config *config, char path[4096])
{
    struct stat st;
    snprintf(path, 4096, "%s/empty", config->run_dir);
    if ((mkdir(path, 0555) == 0 || errno == EEXIST) && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
        st.st_uid == geteuid() && (st.st_mode & 022) == 0)
        return path;
    return config->run_dir;
}

static void find_groups(const struct admin_start *start, struct peer_rule *rule)
{
    const struct daemon_config *config = start->config;
    const char *const names[ROLES] = {config->group, config->security_group, config->audit_group};
    rule->uid = start->uid ? 0 : geteuid(); /* who started the daemon, not whom it became */
    rule->root_roles = config->root_roles;
    for (unsigned i = 0; i < ROLES; i++) {
        struct group *group = names[i] ? getgrnam(names[i]) : NULL;
        rule->groups[i] = (struct peer_group){
            .name = names[i] ? names[i] : "not configured", .gid = group ? group->gr_gid : 0, .there = group != NULL};
    }
}

static bool confine(const struct admin_start *start)
{
    char path[4096], text[TEXT] = "";
    if (sandbox_drop(pick_root(start->config, path), start->uid, start->gid, text) < 0) {
        complain("cannot give up rights", text);
        return false;
    }
    if (sandbox_filter(SANDBOX_ADMIN, text) < 0) {
        complain("cannot filter system calls", text);
        return false;
    }
    if (start->config->sandbox_probe && start->config->sandbox_probe[0]) {
        bool denied = sandbox_probe(start->config->sandbox_probe, text);
        fprintf(stderr, "cardmuxd: admin: sandbox probe %s: %s\n", denied ? "ok" : "FAILED", text);
    }
    return true;
}

/* One packet of the keeper. False: it hung up. */
static bool take_broker(int keeper_fd, struct link *link)
{
    char byte = 0;
    union {
        char bytes[CMSG_SPACE(8 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(keeper_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    int taken = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (taken < 0 && n == 1 && byte == 'B')
                taken = fd;
            else
                close(fd);
        }
    }
    if (taken >= 0)
        link_attach(link, taken);
    return n > 0;
}

static int least(int a, int b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static int serve(const struct admin_start *start, struct http *http, struct link *link)
{
    for (;;) {
        struct pollfd fds[] = {
            {.fd = start->keeper_fd, .events = POLLIN},
            {.fd = http_fd(http), .events = POLLIN},
            {.fd = link->fd, .events = link_events(link)},
        };
        int timeout = least(link_timeout(link, http_now_ms()), http_timeout(http));
        if (poll(fds, 3, timeout) < 0 && errno != EINTR) {
            complain("poll", strerror(errno));
            return 1;
        }
        if (fds[2].revents)
            link_pump(link);
        if (fds[0].revents && !take_broker(start->keeper_fd, link))
            return 0;
        link_expire(link, http_now_ms());
        http_run(http);
    }
}

int admin_main(const struct admin_start *start)
{
    struct peer_rule rule;
    struct link link;
    signal(SIGPIPE, SIG_IGN);
    wipe_alloc_for_json();
    find_groups(start, &rule);
    peer_names_load(&rule);
    int flags = fcntl(start->listen_fd, F_GETFL);
    if (flags < 0 || fcntl(start->listen_fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        complain("admin socket", strerror(errno));
        return 1;
    }
    if (!confine(start))
        return 1;
    link_init(&link);
    struct http *http = http_start(start->listen_fd, &link, &rule);
    if (!http) {
        complain("http", "libmicrohttpd does not start");
        return 1;
    }
    int status = serve(start, http, &link);
    link_close(&link);
    http_stop(http);
    free(rule.users);
    return status;
}
