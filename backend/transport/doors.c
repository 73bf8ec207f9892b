/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doors.c: the table of doors, and what the broker is told.
 *
 * What the broker is owed is not a queue of messages but a list of regions: `told` and `state` say which message each
 * needs. A broker that does not read costs the keeper one list entry per region, and nothing is lost or doubled when
 * it is replaced. A region whose front end came and went before the broker heard of it is never mentioned.
 */
#include "backend/transport/doors_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BURST 16   /* connections of one door before others get a turn */
#define PAUSE_MS     1000 /* of a listener that ran into a limit of the system */
#define DOOR_SHARE   75   /* percent of the descriptors; the rest is for ivshmem, where a refusal would hang a QEMU */

bool door_name_ok(const char *name, size_t size)
{
    size_t len = strnlen(name, size);
    if (len == 0 || len == size || len > VAULT_NAME_MAX || name[0] == '-' || name[0] == '_' || name[0] == '.') {
        return false;
    }
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] == 0;
}

struct door *doors_find_name(struct doors *doors, const char *name)
{
    struct door *door;
    TAILQ_FOREACH(door, &doors->list, in_doors)
    {
        if (strcmp(door->name, name) == 0) {
            return door;
        }
    }
    return NULL;
}

static struct door *doors_find(struct doors *doors, uint32_t tenant)
{
    struct door *door;
    TAILQ_FOREACH(door, &doors->list, in_doors)
    {
        if (door->tenant == tenant) {
            return door;
        }
    }
    return NULL;
}

struct doors *doors_new(int epoll_fd, const char *run_dir, unsigned fd_budget, char *text)
{
    struct doors *doors = calloc(1, sizeof(*doors));
    if (!doors || !(doors->run_dir = strdup(run_dir))) {
        free(doors);
        snprintf(text, 256, "out of memory");
        return NULL;
    }
    doors->epoll_fd = epoll_fd;
    doors->root = geteuid() == 0;
    doors->fd_budget = fd_budget;
    doors->next_region = 1;
    doors->tenant_dir = -1;
    TAILQ_INIT(&doors->list);
    TAILQ_INIT(&doors->pending);
    doors->vsock.watch.fd = -1;
    doors->vsock.doors = doors;
    if (door_files_root(doors, text)) {
        free(doors->run_dir);
        free(doors);
        return NULL;
    }
    return doors;
}

unsigned doors_fds(const struct doors *doors)
{
    return doors->fds_used;
}

bool doors_room(const struct doors *doors, unsigned fds, unsigned share)
{
    return doors->fds_used + fds <= (uint64_t)doors->fd_budget * share / 100;
}

void doors_retry_in(struct doors *doors, unsigned ms)
{
    uint64_t at = keeper_clock_ms() + ms;
    if (!doors->retry_at || at < doors->retry_at) {
        doors->retry_at = at;
    }
}

/* ---- regions ---- */

static void pending_add(struct door_region *region)
{
    if (!region->pending && region->door->confirmed) {
        TAILQ_INSERT_TAIL(&region->door->doors->pending, region, in_pending);
        region->pending = true;
    }
}

static void pending_remove(struct door_region *region)
{
    if (region->pending) {
        TAILQ_REMOVE(&region->door->doors->pending, region, in_pending);
        region->pending = false;
    }
}

static void door_region_ready(struct watch *watch, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        door_region_end((struct door_region *)watch);
    }
}

int door_region_watch(struct door_region *region)
{
    region->connection.ready = door_region_ready;
    /* no EPOLLIN: what a front end sends is not read, it fills that connection's own buffer and stays there */
    return watch_set(region->door->doors->epoll_fd, &region->connection, EPOLL_CTL_ADD, EPOLLRDHUP);
}

/* Against the tenant's limit; of ivshmem and vhost there is one anyway. */
static bool transport_counted(enum handover_transport transport)
{
    return transport == TRANSPORT_UNIX || transport == TRANSPORT_STREAM;
}

void door_region_begin(struct door_region *region)
{
    struct door *door = region->door;
    region->id = door->doors->next_region++;
    region->state = REGION_LIVE;
    TAILQ_INSERT_TAIL(&door->regions, region, in_door);
    if (transport_counted(region->transport)) {
        door->live++;
    }
    door->doors->fds_used += door_region_fds(region->transport);
    pending_add(region);
}

/* Closes the descriptors of a region that has begun (id not 0). */
static void door_region_leave(struct door_region *region)
{
    struct door *door = region->door;
    if (transport_counted(region->transport)) {
        door->live--;
    } else if (door->live_ivshmem == region) {
        door->live_ivshmem = NULL;
        doors_retry_in(door->doors, 0); /* for its heir */
    } else if (door->live_vhost == region) {
        door->live_vhost = NULL;
    }
    for (unsigned i = 0; i < HANDOVER_KEEP_SLOTS; i++) {
        door->doors->fds_used -= region->kept[i] >= 0;
    }
    door->doors->fds_used -= door_region_fds(region->transport);
    watch_close(door->doors->epoll_fd, &region->connection);
    door_region_close(region);
}

void door_region_free(struct door_region *region)
{
    struct door *door = region->door;
    pending_remove(region);
    if (region->parked) {
        ivshmem_unpark(region);
    } else if (region->id) {
        TAILQ_REMOVE(&door->regions, region, in_door);
        if (region->state == REGION_LIVE) {
            door_region_leave(region);
        } else {
            door->draining--;
        }
    } else if (door->live_ivshmem == region) {
        door->live_ivshmem = NULL; /* its handshake was not finished */
        doors_retry_in(door->doors, 0);
    }
    watch_close(door->doors->epoll_fd, &region->connection);
    door_region_close(region);
    free(region);
}

void door_region_end(struct door_region *region)
{
    if (region->state != REGION_LIVE) {
        return;
    }
    if (!region->told || region->parked || !region->id) {
        door_region_free(region);
        return;
    }
    door_region_leave(region);
    region->state = REGION_GONE;
    region->door->draining++;
    pending_add(region);
}

static void ended_sweep(struct door *door)
{
    struct door_region *region, *next;
    for (region = TAILQ_FIRST(&door->regions); region; region = next) {
        next = TAILQ_NEXT(region, in_door);
        if (region->state == REGION_LIVE && transport_counted(region->transport) &&
            connection_ended(region->connection.fd)) {
            door_region_end(region);
        }
    }
}

const char *door_full(struct door *door, enum handover_transport transport)
{
    if (door->live >= door->max_connections) {
        ended_sweep(door);
    }
    if (door->live >= door->max_connections) {
        return "too many connections of this tenant (limit max_connections)";
    }
    if (door->draining >= door->max_connections + DOOR_DRAINING_SLACK) {
        return "earlier connections of this tenant are not cleared away yet";
    }
    if (!doors_room(door->doors, door_region_fds(transport), DOOR_SHARE)) {
        return "too many connections of all tenants together (limit of descriptors)";
    }
    return NULL;
}

/* ---- listeners ---- */

void listener_pause(struct listener *listener, unsigned ms)
{
    if (!listener->paused) {
        epoll_ctl(listener->door->doors->epoll_fd, EPOLL_CTL_DEL, listener->watch.fd, NULL);
        listener->paused = true;
    }
    doors_retry_in(listener->door->doors, ms);
}

static void listener_ready(struct watch *watch, uint32_t events)
{
    struct listener *listener = (struct listener *)watch;
    struct door *door = listener->door;
    (void)events;
    for (int i = 0; i < ACCEPT_BURST && !listener->paused; i++) {
        int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            if (say_allowed(&door->trouble)) {
                say("tenant %s: cannot accept: %s; raise LimitNOFILE or remove tenants", door->name, strerror(errno));
            }
            listener_pause(listener, PAUSE_MS);
            return;
        }
        if (fd < 0) {
            return;
        }
        if (listener->transport == TRANSPORT_UNIX) {
            unix_connection(door, fd);
        } else if (listener->transport == TRANSPORT_STREAM) {
            stream_connection(door, fd, 0);
        } else if (listener->transport == TRANSPORT_VHOST) {
            vhost_connection(door, fd);
        } else {
            ivshmem_connection(door, fd);
        }
    }
}

static int listeners_watch(struct door *door)
{
    for (unsigned i = 0; i < DOOR_SOCKETS; i++) {
        struct listener *listener = &door->listeners[i];
        listener->watch.ready = listener_ready;
        if (watch_set(door->doors->epoll_fd, &listener->watch, EPOLL_CTL_ADD, EPOLLIN)) {
            return errno;
        }
    }
    return 0;
}

/* ---- doors ---- */

static struct door *door_new(struct doors *doors, const struct handover *message)
{
    struct door *door = calloc(1, sizeof(*door));
    if (!door) {
        return NULL;
    }
    door->doors = doors;
    door->tenant = message->tenant;
    memcpy(door->name, message->name, sizeof(door->name));
    door->uid = message->owner_uid;
    door->gid = message->owner_gid;
    door->directory = door->parked_memory = -1;
    for (unsigned i = 0; i < DOOR_SOCKETS; i++) {
        door->listeners[i].watch.fd = -1;
        door->listeners[i].door = door;
        door->listeners[i].transport = door_sockets[i].transport;
    }
    TAILQ_INIT(&door->regions);
    TAILQ_INIT(&door->parked);
    TAILQ_INSERT_TAIL(&doors->list, door, in_doors);
    doors->count++;
    doors->fds_used += DOOR_FDS;
    return door;
}

static void door_free(struct door *door, bool directory_too)
{
    struct doors *doors = door->doors;
    struct door_region *region;
    for (unsigned i = 0; i < DOOR_SOCKETS; i++) {
        watch_close(doors->epoll_fd, &door->listeners[i].watch);
    }
    door_files_remove(door, directory_too);
    while ((region = TAILQ_FIRST(&door->regions))) {
        door_region_free(region);
    }
    while ((region = TAILQ_FIRST(&door->parked))) {
        door_region_free(region);
    }
    if (door->live_ivshmem) {
        door_region_free(door->live_ivshmem);
    }
    if (door->parked_memory >= 0) {
        close(door->parked_memory);
        doors->fds_used--;
    }
    TAILQ_REMOVE(&doors->list, door, in_doors);
    doors->count--;
    doors->fds_used -= DOOR_FDS;
    free(door);
}

static int door_make(struct doors *doors, const struct handover *message, char *text, struct door **made)
{
    if (doors->count >= DOORS_MAX || !doors_room(doors, DOOR_FDS, 100)) {
        snprintf(text, 191, "no room for another tenant's doors (%u tenants, %u descriptors)", doors->count,
                 doors->fds_used);
        return EMFILE;
    }
    struct door *door = door_new(doors, message);
    if (!door) {
        snprintf(text, 191, "out of memory");
        return ENOMEM;
    }
    int result = door_files_make(door, text);
    if (result == 0 && (result = listeners_watch(door))) {
        snprintf(text, 191, "doors of %s: %s", door->name, strerror(result));
    }
    if (result) {
        door_free(door, true);
        return result;
    }
    *made = door;
    return 0;
}

static void door_confirm(struct door *door)
{
    struct door_region *region;
    door->confirmed = true;
    TAILQ_FOREACH(region, &door->regions, in_door)
    {
        if (region->state == REGION_LIVE && !region->told) {
            pending_add(region);
        }
    }
}

/* Who came from another CID is this tenant no more. */
static void cid_set(struct door *door, uint32_t cid)
{
    struct door_region *region, *next;
    door->cid = cid;
    for (region = TAILQ_FIRST(&door->regions); region; region = next) {
        next = TAILQ_NEXT(region, in_door);
        if (region->state == REGION_LIVE && region->cid && region->cid != cid) {
            shutdown(region->connection.fd, SHUT_RDWR);
            door_region_end(region);
        }
    }
}

int doors_open(struct doors *doors, const struct handover *message, char *text)
{
    text[0] = 0;
    if (!message->tenant || !door_name_ok(message->name, sizeof(message->name)) || message->owner_uid == UINT32_MAX ||
        message->owner_gid == UINT32_MAX) {
        snprintf(text, 191, "not a tenant's number, name or owner");
        return EINVAL;
    }
    struct door *door = doors_find(doors, message->tenant);
    struct door *other = doors_find_name(doors, message->name);
    if (other && other != door) {
        if (other->confirmed) {
            snprintf(text, 191, "tenant %s has its doors already", other->name);
            return EEXIST;
        }
        door_free(other, true); /* removed, and its name given again, while no broker told us */
    }
    if (door && strcmp(door->name, message->name) != 0) {
        door_free(door, true);
        door = NULL;
    }
    int result = 0;
    if (!door) {
        result = door_make(doors, message, text, &door);
    } else if (door->uid != message->owner_uid || door->gid != message->owner_gid) {
        door->uid = message->owner_uid;
        door->gid = message->owner_gid;
        result = door_files_owner(door, text);
    }
    if (!door) {
        return result;
    }
    door->max_connections =
        message->max_connections < DOOR_CONNECTIONS_MAX ? message->max_connections : DOOR_CONNECTIONS_MAX;
    cid_set(door, message->cid);
    door_confirm(door);
    return result;
}

bool doors_close(struct doors *doors, uint32_t tenant)
{
    struct door *door = doors_find(doors, tenant);
    if (door) {
        door_free(door, true);
    }
    return door != NULL;
}

bool doors_dropped(struct doors *doors, uint64_t id)
{
    struct door *door;
    struct door_region *region;
    TAILQ_FOREACH(door, &doors->list, in_doors)
    {
        TAILQ_FOREACH(region, &door->regions, in_door)
        {
            if (region->id == id) {
                if (region->state != REGION_DRAINING) {
                    return false;
                }
                door_region_free(region);
                return true;
            }
        }
    }
    return false;
}

void doors_free(struct doors *doors)
{
    struct door *door;
    if (!doors) {
        return;
    }
    while ((door = TAILQ_FIRST(&doors->list))) {
        door_free(door, false);
    }
    watch_close(doors->epoll_fd, &doors->vsock.watch);
    close(doors->tenant_dir);
    free(doors->run_dir);
    free(doors);
}

/* ---- the broker ---- */

void doors_broker_ready(struct doors *doors)
{
    doors->grace_at = keeper_clock_ms() + DOOR_GRACE_MS;
}

void doors_broker_ended(struct doors *doors)
{
    struct door *door;
    doors->grace_at = 0;
    TAILQ_FOREACH(door, &doors->list, in_doors)
    {
        struct door_region *region, *next;
        door->confirmed = false;
        for (region = TAILQ_FIRST(&door->regions); region; region = next) {
            next = TAILQ_NEXT(region, in_door);
            /* a broker that died in the midst of a frame left a stream that nobody can go on with */
            bool broken = region->transport == TRANSPORT_STREAM && region->told;
            pending_remove(region);
            region->told = false;
            if (region->state != REGION_LIVE || broken) {
                door_region_free(region);
            }
        }
    }
}

bool doors_next(struct doors *doors, struct handover *message, int *fds, unsigned *fd_count)
{
    struct door_region *region = TAILQ_FIRST(&doors->pending);
    if (!region) {
        return false;
    }
    memset(message, 0, sizeof(*message));
    message->type = region->state == REGION_LIVE ? HANDOVER_REGION : HANDOVER_REGION_GONE;
    message->tenant = region->door->tenant;
    message->region = region->id;
    message->transport = region->transport;
    message->qp_count = region->qp_count;
    message->region_size = region->size;
    message->peer_pid = region->peer_pid;
    memcpy(message->name, region->door->name, sizeof(message->name));
    *fd_count = 0;
    if (region->state == REGION_LIVE && region->transport == TRANSPORT_STREAM) {
        fds[(*fd_count)++] = region->connection.fd;
    } else if (region->state == REGION_LIVE && region->transport == TRANSPORT_VHOST) {
        vhost_region_describe(region, message, fds, fd_count);
    } else if (region->state == REGION_LIVE) {
        fds[(*fd_count)++] = region->memory;
        for (unsigned i = 0; i < region->qp_count; i++) {
            fds[(*fd_count)++] = region->ring_broker[i];
        }
        for (unsigned i = 0; i < region->qp_count; i++) {
            fds[(*fd_count)++] = region->ring_front[i];
        }
    }
    return true;
}

void doors_next_sent(struct doors *doors)
{
    struct door_region *region = TAILQ_FIRST(&doors->pending);
    pending_remove(region);
    if (region->state == REGION_LIVE) {
        region->told = true;
    } else {
        region->state = REGION_DRAINING;
    }
}

/* ---- time ---- */

static void door_retry(struct door *door)
{
    ivshmem_retry(door);
    for (unsigned i = 0; i < DOOR_SOCKETS; i++) {
        struct listener *listener = &door->listeners[i];
        bool full = listener->transport == TRANSPORT_IVSHMEM && door->parked_count >= DOOR_PARKED_MAX;
        if (listener->paused && !full &&
            watch_set(door->doors->epoll_fd, &listener->watch, EPOLL_CTL_ADD, EPOLLIN) == 0) {
            listener->paused = false;
        }
    }
}

static void grace_over(struct doors *doors)
{
    struct door *door, *next;
    for (door = TAILQ_FIRST(&doors->list); door; door = next) {
        next = TAILQ_NEXT(door, in_doors);
        if (!door->confirmed) {
            say("tenant %s is gone: its doors are closed", door->name);
            door_free(door, true);
        }
    }
    door_files_sweep(doors, true);
}

int doors_retry(struct doors *doors)
{
    uint64_t now = keeper_clock_ms();
    if (doors->grace_at && now >= doors->grace_at) {
        doors->grace_at = 0;
        grace_over(doors);
    }
    if (doors->retry_at && now >= doors->retry_at) {
        struct door *door;
        doors->retry_at = 0;
        TAILQ_FOREACH(door, &doors->list, in_doors)
        {
            door_retry(door);
        }
        vsock_retry(doors);
    }
    uint64_t at = doors->retry_at;
    if (doors->grace_at && (!at || doors->grace_at < at)) {
        at = doors->grace_at;
    }
    if (!at) {
        return -1;
    }
    now = keeper_clock_ms();
    return at <= now ? 0 : (int)(at - now);
}
