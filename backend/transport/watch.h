/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h: one descriptor in the keeper's epoll.
 *
 * The keeper takes one event per epoll_wait, so a handler may free any watch, its own too. Whoever frees a watch takes
 * it out first.
 */
#ifndef CARDMUX_WATCH_H
#define CARDMUX_WATCH_H

#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

struct watch {
    int fd; /* -1: not watched */
    void (*ready)(struct watch *watch, uint32_t events);
};

static inline int watch_set(int epoll_fd, struct watch *watch, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    return epoll_ctl(epoll_fd, operation, watch->fd, &event);
}

/* Takes it out, then closes: a child just forked may still hold a copy, and epoll forgets a description only when its
   last copy is closed. */
static inline void watch_close(int epoll_fd, struct watch *watch)
{
    if (watch->fd >= 0) {
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
        close(watch->fd);
        watch->fd = -1;
    }
}

#endif
