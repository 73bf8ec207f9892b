/* SPDX-License-Identifier: Apache-2.0 */
/* broker_link.c: see broker_link.h. */
#include "backend/main/broker_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "backend/transport/region.h"

#define LINK_BURST    64  /* packets read before others get a turn */
#define LINK_RETRY_MS 100 /* where the kernel has too many descriptors in flight */

/* Sets in epoll what the link waits for now. */
static void broker_link_arm(struct broker_link *link)
{
    uint32_t events = EPOLLRDHUP | EPOLLIN;
    events |= link->blocked ? (uint32_t)EPOLLOUT : 0;
    if (link->watch.fd >= 0 && events != link->events &&
        watch_set(link->epoll_fd, &link->watch, EPOLL_CTL_MOD, events) == 0) {
        link->events = events;
    }
}

static void text_clean(char *text, size_t size)
{
    text[size - 1] = 0;
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            *text = '?';
        }
    }
}

static void broker_link_answer(struct broker_link *link, const struct handover *request, int status, const char *text)
{
    if (link->answer_count == LINK_ANSWERS) {
        link->rejected++;
        return;
    }
    unsigned place = (link->answer_first + link->answer_count) % LINK_ANSWERS;
    struct handover *answer = &link->answers[place];
    memset(answer, 0, sizeof(*answer));
    answer->type = HANDOVER_DOOR_RESULT;
    answer->tenant = request->tenant;
    answer->status = status;
    memcpy(answer->name, request->name, sizeof(answer->name));
    answer->name[sizeof(answer->name) - 1] = 0;
    memcpy(answer->text, text, strnlen(text, sizeof(answer->text) - 1));
    link->answer_count++;
}

static int packet_send(int fd, const struct handover *message, const int *fds, unsigned fd_count);

/* A broker that leaves no room for it gets none. */
void broker_link_rekeyed(struct broker_link *link, struct handover *answer)
{
    link->rejected += link->watch.fd < 0 || packet_send(link->watch.fd, answer, NULL, 0) != 0;
    explicit_bzero(answer, sizeof(*answer));
}

static void broker_link_rekey(struct broker_link *link, const struct handover *message)
{
    struct handover answer = {.type = message->type == HANDOVER_REKEY ? HANDOVER_MASTER : HANDOVER_REKEY_END,
                              .region = message->region};
    if (link->on_rekey(link, message, &answer)) {
        broker_link_rekeyed(link, &answer);
    }
}

/* *fd, -1 where none came along: taken (and -1 then), or the caller's. */
static void broker_link_packet(struct broker_link *link, struct handover *message, int *fd)
{
    char text[sizeof(message->text)] = "";
    switch (message->type) {
    case HANDOVER_DOOR: {
        int status = doors_open(link->doors, message, text);
        link->rejected += status == EINVAL;
        broker_link_answer(link, message, status, text);
        break;
    }
    case HANDOVER_DOOR_CLOSE:
        link->rejected += !doors_close(link->doors, message->tenant);
        break;
    case HANDOVER_DROPPED:
        link->rejected += !doors_dropped(link->doors, message->region);
        break;
    case HANDOVER_REKEY:
    case HANDOVER_REKEYED:
        if (link->on_rekey) {
            broker_link_rekey(link, message);
        } else {
            link->rejected++;
        }
        break;
    case HANDOVER_KEEP:
        link->rejected += !doors_keep(link->doors, message->region, message->slot, fd);
        return;
    case HANDOVER_READY:
        text_clean(message->text, sizeof(message->text));
        link->on_ready(link, message);
        break;
    default: /* what only the keeper may say, and what nobody says */
        link->rejected++;
    }
}

static void descriptors_take(struct msghdr *header, int *fds)
{
    struct cmsghdr *rights = CMSG_FIRSTHDR(header);
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
        size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(rights), (count < 2 ? count : 2) * sizeof(int));
    }
}

static void descriptors_close(const int *fds)
{
    for (unsigned i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

/* One packet. false: nothing more to read now. */
static bool broker_link_read(struct broker_link *link)
{
    struct handover message;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))]; /* for one descriptor: the kernel drops what is beyond */
    } control;
    struct iovec part = {.iov_base = &message, .iov_len = sizeof(message)};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    ssize_t len = recvmsg(link->watch.fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (len < 0) {
        return false;
    }
    int fds[2] = {-1, -1}; /* CMSG_SPACE may have room for two */
    descriptors_take(&header, fds);
    if (len == 0 && connection_ended(link->watch.fd)) {
        descriptors_close(fds);
        return false;
    }
    if (len != (ssize_t)sizeof(message) || header.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || fds[1] >= 0) {
        link->rejected++;
    } else {
        broker_link_packet(link, &message, &fds[0]);
    }
    descriptors_close(fds);
    return link->watch.fd >= 0;
}

static void broker_link_ready(struct watch *watch, uint32_t events)
{
    struct broker_link *link = (struct broker_link *)watch;
    bool ended = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    link->blocked = false;
    for (int i = 0; i < LINK_BURST; i++) {
        if (!broker_link_read(link)) {
            if (ended && link->watch.fd >= 0) {
                broker_link_close(link);
                link->on_end(link);
            }
            break;
        }
    }
    broker_link_arm(link);
}

static int packet_send(int fd, const struct handover *message, const int *fds, unsigned fd_count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(HANDOVER_FDS * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)message, .iov_len = sizeof(*message)};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
    }
    return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(*message) ? 0 : -1;
}

int broker_link_flush(struct broker_link *link)
{
    if (link->watch.fd < 0 || link->blocked) {
        return -1;
    }
    int failed = 0;
    while (!failed && link->answer_count) {
        failed = packet_send(link->watch.fd, &link->answers[link->answer_first], NULL, 0);
        if (!failed) {
            link->answer_first = (link->answer_first + 1) % LINK_ANSWERS;
            link->answer_count--;
        }
    }
    struct handover message;
    int fds[HANDOVER_FDS];
    unsigned count;
    while (!failed && doors_next(link->doors, &message, fds, &count)) {
        failed = packet_send(link->watch.fd, &message, fds, count);
        if (!failed) {
            doors_next_sent(link->doors);
        }
    }
    int retry = failed && errno == ETOOMANYREFS ? LINK_RETRY_MS : -1;
    link->blocked = failed && errno == EAGAIN;
    broker_link_arm(link);
    return retry;
}

int broker_link_open(struct broker_link *link, int fd)
{
    link->watch.fd = fd;
    link->answers = calloc(LINK_ANSWERS, sizeof(*link->answers));
    if (!link->answers) {
        errno = ENOMEM;
        return -1;
    }
    link->watch.ready = broker_link_ready;
    link->answer_first = link->answer_count = 0;
    link->blocked = false;
    link->rejected = 0;
    link->events = EPOLLIN | EPOLLRDHUP;
    return watch_set(link->epoll_fd, &link->watch, EPOLL_CTL_ADD, link->events);
}

void broker_link_close(struct broker_link *link)
{
    watch_close(link->epoll_fd, &link->watch);
    free(link->answers);
    link->answers = NULL;
    link->answer_count = 0;
}
