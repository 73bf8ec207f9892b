/* SPDX-License-Identifier: Apache-2.0 */
/* door_env.h: doors in a directory of their own, the events pumped by the test, and a tenant's and a broker's view of
   them. */
#ifndef CARDMUX_TEST_DOOR_ENV_H
#define CARDMUX_TEST_DOOR_ENV_H

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include "backend/transport/doors.h"
#include "backend/transport/watch.h"

struct door_env {
    char dir[64];
    int epoll_fd;
    struct doors *doors;
};

static inline unsigned fds_open(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count;
}

static inline void env_open(struct door_env *env, unsigned budget)
{
    char text[256];
    snprintf(env->dir, sizeof(env->dir), "/tmp/cardmux-doors-XXXXXX");
    assert_non_null(mkdtemp(env->dir));
    env->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    env->doors = doors_new(env->epoll_fd, env->dir, budget, text);
    if (!env->doors) {
        fail_msg("%s", text);
    }
}

/* Events until there are none; fails if that does not end. */
static inline unsigned env_pump(struct door_env *env)
{
    struct epoll_event event;
    unsigned count = 0;
    while (epoll_wait(env->epoll_fd, &event, 1, 0) == 1) {
        struct watch *watch = event.data.ptr;
        watch->ready(watch, event.events);
        assert_true(++count < 100000);
    }
    return count;
}

static inline void env_close(struct door_env *env)
{
    char command[160];
    doors_free(env->doors);
    close(env->epoll_fd);
    snprintf(command, sizeof(command), "rm -r %s", env->dir);
    assert_int_equal(system(command), 0);
}

static inline int door_open_as(struct door_env *env, uint32_t tenant, const char *name, uint32_t limit)
{
    struct handover message = {.type = HANDOVER_DOOR,
                               .tenant = tenant,
                               .owner_uid = getuid(),
                               .owner_gid = getgid(),
                               .max_connections = limit};
    char text[191];
    snprintf(message.name, sizeof(message.name), "%.32s", name);
    return doors_open(env->doors, &message, text);
}

static inline int tenant_connect(struct door_env *env, const char *name, const char *socket_name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/tenant/%s/%s", env->dir, name, socket_name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* len bytes with at most max descriptors; the number of descriptors. */
static inline unsigned receive(int fd, void *bytes, size_t len, int *fds, unsigned max)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(8 * sizeof(int))];
    } control;
    struct iovec part = {bytes, len};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
    assert_int_equal(recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC), (ssize_t)len);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header) {
        return 0;
    }
    unsigned count = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    assert_true(count <= max);
    memcpy(fds, CMSG_DATA(header), count * sizeof(int));
    return count;
}

/* What one end writes, the other reads: they are the same eventfd. */
static inline void assert_same_eventfd(int a, int b)
{
    uint64_t value = 7;
    assert_int_equal(write(a, &value, 8), 8);
    value = 0;
    assert_int_equal(read(b, &value, 8), 8);
    assert_int_equal(value, 7);
    assert_int_equal(read(b, &value, 8), -1);
    assert_int_equal(errno, EAGAIN);
}

static inline void assert_same_file(int a, int b)
{
    struct stat one, two;
    assert_int_equal(fstat(a, &one), 0);
    assert_int_equal(fstat(b, &two), 0);
    assert_true(one.st_ino == two.st_ino && one.st_dev == two.st_dev);
}

#endif
