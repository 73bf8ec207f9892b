/* covers: backend/main/broker_link.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper against a broker gone bad, while tenants come and go. The input is a program of steps: a byte says what
 * happens next (a packet of the broker, raw or with fields that make sense; a tenant connects or leaves; the broker
 * reads, or is replaced). After each step the keeper does all it has to do; at the end nothing may be left.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "backend/main/broker_link.h"

#define CONNECTIONS 8
#define STEPS       64

struct world {
    const uint8_t *data;
    size_t left;
    int epoll_fd;
    struct doors *doors;
    struct broker_link link;
    int broker; /* the broker's end */
    int connections[CONNECTIONS];
};

static char run_dir[64];

static void must(int condition)
{
    if (!condition)
        abort();
}

static void on_ready(struct broker_link *link, const struct handover *message)
{
    must(memchr(message->text, 0, sizeof message->text) != NULL);
    doors_broker_ready(link->doors);
}

static bool on_rekey(struct broker_link *link, const struct handover *message, struct handover *answer)
{
    must(message->type == HANDOVER_REKEY || message->type == HANDOVER_REKEYED);
    answer->status = link->rejected & 1;
    return !(message->slot & 1);
}

static void on_end(struct broker_link *link)
{
    doors_broker_ended(link->doors);
}

static uint8_t take(struct world *world)
{
    if (!world->left)
        return 0;
    world->left--;
    return *world->data++;
}

static void broker_begin(struct world *world)
{
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    world->broker = pair[1];
    must(broker_link_open(&world->link, pair[0]) == 0);
}

static void broker_end(struct world *world)
{
    close(world->broker);
    if (world->link.watch.fd >= 0) {
        world->link.watch.ready(&world->link.watch, EPOLLIN | EPOLLRDHUP);
        must(world->link.watch.fd == -1);
    }
}

/* As keeper_loop does, until nothing happens. */
static void pump(struct world *world)
{
    struct epoll_event event;
    doors_retry(world->doors);
    broker_link_flush(&world->link);
    for (int i = 0; i < 1000 && epoll_wait(world->epoll_fd, &event, 1, 0) == 1; i++) {
        struct watch *watch = event.data.ptr;
        must(i < 999);
        watch->ready(watch, event.events);
        broker_link_flush(&world->link);
    }
}

static void packet_raw(struct world *world)
{
    size_t len = (size_t)take(world) * 2;
    uint8_t bytes[512];
    if (len > world->left)
        len = world->left;
    for (size_t i = 0; i < len; i++)
        bytes[i] = take(world);
    send(world->broker, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* With up to three descriptors, of which one may be of use. */
static void packet_send(struct world *world, const struct handover *message, unsigned fd_count)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(3 * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof *message};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    int fds[3] = {world->epoll_fd, world->epoll_fd, world->epoll_fd};
    if (fd_count) {
        header.msg_control = control.room;
        header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        control.align = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(fd_count * sizeof(int))};
        memcpy(CMSG_DATA(&control.align), fds, fd_count * sizeof(int));
    }
    sendmsg(world->broker, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void packet_likely(struct world *world)
{
    static const char *const names[] = {"a", "b", "c0-_.", "..", "a/b", "", "A", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    static const uint32_t later[] = {HANDOVER_KEEP, HANDOVER_REKEY, HANDOVER_REKEYED, HANDOVER_MASTER,
                                     HANDOVER_REKEY_END};
    uint8_t type = take(world), choice = take(world);
    struct handover message = {.type = type & 0x80 ? later[(type & 0x7fu) % 5] : type % 9u,
                               .slot = type & 0x80 ? type % 48u : 0,
                               .owner_uid = geteuid(),
                               .owner_gid = getegid()};
    message.tenant = choice % 4u;
    message.max_connections = choice & 0x80 ? 3 : UINT32_MAX;
    message.region = take(world) % 16u;
    message.status = choice & 0x40;
    if (choice & 0x20)
        message.owner_uid = UINT32_MAX;
    if (choice & 0x10)
        memset(message.text, take(world), sizeof message.text);
    choice = take(world);
    if (choice == 0xff)
        memset(message.name, 'a', sizeof message.name);
    else
        strcpy(message.name, names[choice % (sizeof names / sizeof names[0])]);
    packet_send(world, &message, type & 0x80 ? choice >> 6 : 0);
}

static void broker_reads(struct world *world)
{
    struct handover message;
    for (int i = 0; i < 8 && recv(world->broker, &message, sizeof message, MSG_DONTWAIT) > 0; i++)
        must(message.type == HANDOVER_DOOR_RESULT || message.type == HANDOVER_REGION ||
             message.type == HANDOVER_REGION_GONE || message.type == HANDOVER_MASTER ||
             message.type == HANDOVER_REKEY_END);
}

static void tenant_moves(struct world *world)
{
    static const char *const doors[] = {"unix.sock", "stream.sock_" CM_VSOCK_PORT_TEXT, "ivshmem.sock", "vsock.sock"};
    uint8_t choice = take(world);
    int *fd = &world->connections[choice % CONNECTIONS];
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
        return;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/tenant/%s/%s", run_dir, choice & 0x40 ? "a" : "b",
             doors[(choice >> 6 & 2) | (choice >> 5 & 1)]);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(*fd, (struct sockaddr *)&address, sizeof address)) {
        close(*fd);
        *fd = -1;
    }
}

static void step(struct world *world)
{
    uint8_t what = take(world);
    if (what < 0x30)
        packet_raw(world);
    else if (what < 0xa0)
        packet_likely(world);
    else if (what < 0xc0)
        broker_reads(world);
    else if (what < 0xf8)
        tenant_moves(world);
    else {
        broker_end(world);
        broker_begin(world);
    }
    pump(world);
}

static void run_dir_make(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(run_dir, sizeof run_dir, "%.30s/cardmux-fuzz-XXXXXX", base ? base : "/tmp");
    must(mkdtemp(run_dir) != NULL);
}

static void run_dir_remove(void)
{
    char path[96];
    snprintf(path, sizeof path, "%s/tenant", run_dir);
    rmdir(path);
    rmdir(run_dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = {.data = data, .left = size, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    char text[256];
    if (!run_dir[0]) {
        run_dir_make();
        atexit(run_dir_remove);
    }
    must((world.doors = doors_new(world.epoll_fd, run_dir, 120, text)) != NULL);
    world.link = (struct broker_link){.watch.fd = -1,
                                      .epoll_fd = world.epoll_fd,
                                      .doors = world.doors,
                                      .on_ready = on_ready,
                                      .on_rekey = size & 1 ? on_rekey : NULL,
                                      .on_end = on_end};
    for (int i = 0; i < CONNECTIONS; i++)
        world.connections[i] = -1;
    broker_begin(&world);
    for (int i = 0; i < STEPS && world.left; i++)
        step(&world);
    for (int i = 0; i < CONNECTIONS; i++)
        if (world.connections[i] >= 0)
            close(world.connections[i]);
    broker_end(&world);
    for (uint32_t tenant = 0; tenant < 4; tenant++) /* closes what was opened, with its directory */
        doors_close(world.doors, tenant);
    doors_free(world.doors);
    must(close(world.epoll_fd) == 0);
    return 0;
}
