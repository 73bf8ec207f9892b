/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_link.c: the broker's end of handover.h. */
#include "backend/broker/stream.h"
#include "backend/broker/vsock_port.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGES_MAX 2u /* at a time; epoll tells of the rest at once */

void keeper_send(struct broker *broker, const struct handover *message)
{
    /* blocks where the keeper is slow: it never waits for the broker, so this ends */
    while (send(broker->keeper_fd, message, sizeof *message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) {
            if (errno != EPIPE)
                broker_log("keeper: cannot be told: %m");
            return;
        }
}

void keeper_send_fd(struct broker *broker, const struct handover *message, int fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {(void *)(uintptr_t)message, sizeof *message};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        header.msg_control = &control;
        header.msg_controllen = sizeof control;
        control.head =
            (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    }
    while (sendmsg(broker->keeper_fd, &header, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) {
            if (errno != EPIPE)
                broker_log("keeper: cannot be given a descriptor: %m");
            return;
        }
}

/* The keeper frees a closed door's regions without a word, and may have sent some before it read this: they are the
 * broker's to drop. Regions are taken again when the answer to the last DOOR is here, which is behind all of those. */
void keeper_door(struct broker *broker, struct tenant *tenant)
{
    const struct vault_tenant *record = &tenant->record;
    bool closed = tenant->gone || record->flags & VAULT_TENANT_DISABLED;
    struct handover message = {.type = closed ? HANDOVER_DOOR_CLOSE : HANDOVER_DOOR,
                               .tenant = record->id,
                               .owner_uid = record->owner_uid,
                               .owner_gid = record->owner_gid,
                               .max_connections = record->max_connections,
                               .cid = record->cid};
    memcpy(message.name, record->name, sizeof message.name);
    if (closed)
        tenant->shut = true;
    else
        tenant->doors_asked++;
    keeper_send(broker, &message);
    if (!closed)
        return;
    for (struct region *region = tenant->regions; region; region = region->next)
        region_say_closed(region);
    regions_drop(broker, tenant);
}

static void on_door_result(struct broker *broker, const struct handover *message)
{
    struct tenant *tenant = tenant_by_id(broker, message->tenant);
    if (message->status)
        broker_log("tenant %s: its doors cannot be opened: %s", message->name, message->text);
    if (tenant && tenant->doors_asked && !--tenant->doors_asked)
        tenant->shut = (tenant->record.flags & VAULT_TENANT_DISABLED) != 0;
    admin_door_result(broker, message);
}

void keeper_rekeyed(struct broker *broker, uint64_t round, bool done)
{
    struct handover message = {.type = HANDOVER_REKEYED, .region = round, .status = done ? 0 : 1};
    keeper_send(broker, &message);
}

static void close_all(const int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        close(fds[i]);
}

static void on_message(struct broker *broker, struct handover *message, int *fds, unsigned n)
{
    message->name[sizeof message->name - 1] = '\0';
    message->text[sizeof message->text - 1] = '\0';
    switch (message->type) {
    case HANDOVER_REGION:
        if (message->transport == TRANSPORT_STREAM && n == 1) {
            stream_socket_attach(broker, message, fds[0]);
            return;
        }
        if (message->transport == TRANSPORT_VHOST && n >= 2) {
            vsock_port_attach(broker, message, fds, n);
            return;
        }
        if (message->qp_count >= 1 && message->qp_count <= CM_QP_MAX && n == 1 + 2 * message->qp_count &&
            message->region_size >= CM_QP_OFFSET(message->qp_count)) {
            region_attach(broker, message, fds);
            return;
        }
        broker_log("keeper: a region with %u descriptors for %u queue pairs is not understood", n, message->qp_count);
        break;
    case HANDOVER_REGION_GONE:
        region_gone(broker, message->region);
        break;
    case HANDOVER_DOOR_RESULT:
        on_door_result(broker, message);
        break;
    case HANDOVER_MASTER:
    case HANDOVER_REKEY_END:
        rekey_heard(broker, message);
        explicit_bzero(message, sizeof *message);
        break;
    default:
        broker_log("keeper: message %u is not understood", message->type);
        break;
    }
    close_all(fds, n);
}

bool keeper_read(struct broker *broker)
{
    /* a tenant that connects without end costs the others no more than this between two looks at their rings */
    for (unsigned i = 0; i < MESSAGES_MAX; i++) {
        struct handover message;
        union {
            struct cmsghdr head;
            char room[CMSG_SPACE(HANDOVER_FDS * sizeof(int))];
        } control;
        struct iovec part = {&message, sizeof message};
        struct msghdr header = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        ssize_t got = recvmsg(broker->keeper_fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        if (got == 0)
            return false;
        int fds[HANDOVER_FDS];
        unsigned n = 0;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c))
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
                n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
                memcpy(fds, CMSG_DATA(c), n * sizeof(int));
            }
        if (got == sizeof message && !(header.msg_flags & (MSG_CTRUNC | MSG_TRUNC)))
            on_message(broker, &message, fds, n);
        else
            close_all(fds, n);
    }
    return true;
}
