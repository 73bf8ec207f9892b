/* SPDX-License-Identifier: Apache-2.0 */
/* see link.h */
#include "backend/admin/link.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The broker may still answer an admin process that was before this one: numbers begin somewhere else each time, so
   that such an answer is a stray one. */
static uint32_t id_first(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec) * 2654435761u;
}

void link_init(struct link *link)
{
    *link = (struct link){.fd = -1, .last_id = id_first()};
    link->end = &link->first;
}

static void wipe_code(struct admin_message *message)
{
    explicit_bzero(message->code, sizeof message->code);
    message->code_len = 0;
}

/* Takes *at out of the list and ends it. */
static void end_request(struct link *link, struct link_request **at, enum link_outcome outcome,
                        const struct admin_message *done)
{
    struct link_request *request = *at;
    *at = request->next;
    if (link->end == &request->next)
        link->end = at;
    request->next = NULL;
    wipe_code(&request->message);
    request->done(request, outcome, done);
}

static void drop_broker(struct link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    while (link->first)
        end_request(link, &link->first, link->first->sent ? LINK_LOST : LINK_NO_BROKER, NULL);
}

static void take_packet(struct link *link, const struct admin_message *packet)
{
    struct link_request **at = &link->first;
    while (*at && (!(*at)->sent || (*at)->message.id != packet->id))
        at = &(*at)->next;
    if (!*at || (packet->type != ADMIN_ROW && packet->type != ADMIN_DONE)) {
        link->stray++;
        return;
    }
    if (packet->type == ADMIN_ROW)
        (*at)->row(*at, packet);
    else
        end_request(link, at, LINK_ANSWERED, packet);
}

/* Strings of the other process end, whatever it wrote. */
static void terminate(struct admin_message *packet)
{
    packet->text[sizeof packet->text - 1] = 0;
    packet->tenant.name[sizeof packet->tenant.name - 1] = 0;
    packet->tenant.serial[sizeof packet->tenant.serial - 1] = 0;
    packet->status.card[sizeof packet->status.card - 1] = 0;
    packet->status.card_state[sizeof packet->status.card_state - 1] = 0;
    packet->audit.vault[sizeof packet->audit.vault - 1] = 0;
    packet->status.version[sizeof packet->status.version - 1] = 0;
}

/* False: the broker is gone. */
static bool read_all(struct link *link)
{
    bool reset = false;
    for (;;) {
        struct admin_message packet;
        ssize_t n = recv(link->fd, &packet, sizeof packet, MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == ECONNRESET && !reset) {
            reset = true; /* it died with requests unread; answers that it gave before are still behind this error */
            continue;
        }
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        if (n == 0)
            return false;
        if ((size_t)n != sizeof packet) {
            link->stray++;
            continue;
        }
        terminate(&packet);
        take_packet(link, &packet);
        wipe_code(&packet);
    }
}

static bool send_all(struct link *link)
{
    for (struct link_request *request = link->first; request; request = request->next) {
        if (request->sent)
            continue;
        ssize_t n = send(link->fd, &request->message, sizeof request->message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        request->sent = true;
        wipe_code(&request->message);
    }
    return true;
}

void link_pump(struct link *link)
{
    if (link->fd >= 0 && (!read_all(link) || !send_all(link))) {
        /* A send can fail while answers are still waiting to be read. */
        read_all(link);
        drop_broker(link);
    }
}

void link_attach(struct link *link, int fd)
{
    if (link->fd >= 0) {
        read_all(link);
        drop_broker(link);
    }
    link->fd = fd;
}

static uint64_t patience(const struct admin_message *message)
{
    bool lengthy = message->type == ADMIN_KEY_GENERATE && message->key.kind == VAULT_KEY_RSA;
    return lengthy ? LINK_LONG_TIMEOUT_MS : LINK_TIMEOUT_MS;
}

void link_submit(struct link *link, struct link_request *request, uint64_t now_ms)
{
    request->message.id = ++link->last_id;
    request->deadline_ms = now_ms + patience(&request->message);
    request->sent = false;
    request->next = NULL;
    *link->end = request;
    link->end = &request->next;
    if (link->fd < 0)
        drop_broker(link);
    else
        link_pump(link);
}

short link_events(const struct link *link)
{
    for (const struct link_request *request = link->first; request; request = request->next)
        if (!request->sent)
            return POLLIN | POLLOUT;
    return POLLIN;
}

void link_expire(struct link *link, uint64_t now_ms)
{
    for (struct link_request **at = &link->first; *at;) {
        if ((*at)->deadline_ms <= now_ms)
            end_request(link, at, (*at)->sent ? LINK_TIMED_OUT : LINK_NO_BROKER, NULL);
        else
            at = &(*at)->next;
    }
}

int link_timeout(const struct link *link, uint64_t now_ms)
{
    uint64_t first = UINT64_MAX;
    for (const struct link_request *request = link->first; request; request = request->next)
        if (request->deadline_ms < first)
            first = request->deadline_ms;
    if (!link->first)
        return -1;
    return first <= now_ms ? 0 : (int)(first - now_ms);
}

void link_close(struct link *link)
{
    drop_broker(link);
}
