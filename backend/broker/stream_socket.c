/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream_socket.c: the pump of a stream that is a socket: AF_VSOCK, or a UNIX socket. The keeper accepted it, keeps a
 * copy, and tells of its end (REGION_GONE); what the broker shuts down the keeper sees end, too.
 *
 * The socket is watched edge-triggered for what comes. An active channel receives in each turn without asking epoll
 * first; it may sleep when a receive found nothing and no edge was seen since, as what comes after that is one. For room to send it is
 * watched only while there was none: each read of the peer's would wake the broker otherwise.
 */
#include "backend/broker/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define SENDINGS_MAX 4u /* of a turn */

static void watch(struct stream *stream, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET | (stream->blocked ? EPOLLOUT : 0u),
                                .data.ptr = stream->channel};
    if (epoll_ctl(stream->broker->epoll_fd, operation, stream->fd, &event))
        broker_log("tenant %s: a stream cannot be watched: %m", stream->channel->tenant->record.name);
}

static bool transient(int error)
{
    return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

static bool socket_pull(struct stream *stream)
{
    struct iovec iov[CM_STREAM_INTO];
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = stream_into(stream, iov)};
    ssize_t got = recvmsg(stream->fd, &message, MSG_DONTWAIT); /* descriptors that came along are closed at once */
    stream->quiet = got < 0 && errno == EAGAIN;
    if (got > 0) {
        stream->channel->tenant->counters.doorbells++;
        stream_fed(stream, (size_t)got);
        return true;
    }
    if (got == 0 || !transient(errno))
        stream_shut(stream);
    return false;
}

static void socket_push(struct stream *stream)
{
    struct iovec iov[STREAM_SEND_IOV];
    size_t bytes;
    for (unsigned i = 0; i < SENDINGS_MAX; i++) {
        struct msghdr message = {.msg_iov = iov,
                                 .msg_iovlen = stream_next(stream, iov, STREAM_SEND_IOV, STREAM_SEND_MOST, &bytes)};
        if (!message.msg_iovlen)
            return;
        ssize_t sent = sendmsg(stream->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            stream->channel->tenant->counters.wakeups++;
            stream->broker->clock_due = CLOCK_DUE;
            stream_sent(stream, (size_t)sent);
        } else if (transient(errno)) {
            stream->blocked = true;
            watch(stream, EPOLL_CTL_MOD);
            return;
        } else {
            stream_shut(stream);
            return;
        }
    }
}

static bool socket_quiet(struct stream *stream)
{
    /* what is left to send and not blocked is sent in the next turn */
    return stream->quiet && (stream->blocked || !cm_stream_has(&stream->wire));
}

static void socket_shut(struct stream *stream)
{
    shutdown(stream->fd, SHUT_RDWR);
}

static const struct stream_pump socket_pump = {
    .pull = socket_pull, .push = socket_push, .quiet = socket_quiet, .shut = socket_shut};

void stream_socket_attach(struct broker *broker, const struct handover *message, int fd)
{
    struct tenant *tenant = tenant_by_id(broker, message->tenant);
    struct stream *stream = NULL;
    if (tenant && !tenant->shut) /* else sent before the keeper read that the doors are to be closed */
        stream = stream_open(broker, tenant, message->region, &socket_pump, NULL);
    if (!stream) {
        if (tenant && !tenant->shut)
            broker_log("tenant %s: no memory for a stream", message->name);
        shutdown(fd, SHUT_RDWR);
        close(fd);
        return;
    }
    stream->fd = stream->channel->doorbell_fd = fd;
    watch(stream, EPOLL_CTL_ADD);
    stream_push(stream);
}

void stream_socket_event(struct stream *stream, uint32_t events)
{
    stream->quiet = false; /* the edge is used up: a channel that is active and has no turn now may not sleep over it */
    if (stream->blocked && events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        stream->blocked = false;
        watch(stream, EPOLL_CTL_MOD);
        stream_push(stream);
    }
    channel_activate(stream->broker, stream->channel);
}
