/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/harness.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/broker/broker.h"
#include "backend/transport/doors.h"
#include "backend/transport/watch.h"
#include "tests/wire/bare.h"
#include "tests/wire/populate.h"

#define DEADLINE_MS 120000 /* RSA pairs are made, of sanitized code on a busy machine too */

struct wire {
    char dir[64], state[80], run[80], path[200];
    struct daemon_config config;
    uint8_t master[VAULT_MASTER_KEY];
    struct doors *doors;
    int epoll_fd, stop_pipe[2];
    struct watch link; /* keeper's end of the handover */
    pthread_t keeper;
    pthread_mutex_t lock; /* doors */
    struct broker *broker;
    pthread_t broker_thread;
    int admin_fd;
    _Atomic bool ready, stopping;
    unsigned tenants;
};

static void die(const char *what)
{
    fprintf(stderr, "harness: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void *broker_run(void *arg)
{
    struct broker *broker = arg;
    broker_loop(broker);
    return NULL;
}

/* The keeper's side */

static void tell(struct wire *wire)
{
    struct handover message;
    int fds[HANDOVER_FDS];
    unsigned n = 0;
    while (wire->link.fd >= 0 && doors_next(wire->doors, &message, fds, &n)) {
        union {
            struct cmsghdr head;
            char room[CMSG_SPACE(sizeof fds)];
        } control = {0};
        struct iovec part = {&message, sizeof message};
        struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
        if (n) {
            header.msg_control = &control;
            header.msg_controllen = CMSG_SPACE(n * sizeof(int));
            control.head.cmsg_level = SOL_SOCKET;
            control.head.cmsg_type = SCM_RIGHTS;
            control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
            memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
        }
        if (sendmsg(wire->link.fd, &header, MSG_NOSIGNAL) < 0)
            break;
        doors_next_sent(wire->doors);
    }
}

static void on_link(struct watch *watch, uint32_t events)
{
    (void)events;
    struct wire *wire = (struct wire *)((char *)watch - offsetof(struct wire, link));
    struct handover message;
    ssize_t got = recv(watch->fd, &message, sizeof message, MSG_DONTWAIT);
    if (got != sizeof message)
        return;
    char text[191] = "";
    switch (message.type) {
    case HANDOVER_READY:
        doors_broker_ready(wire->doors);
        wire->ready = true;
        break;
    case HANDOVER_DOOR: {
        struct handover result = message;
        result.type = HANDOVER_DOOR_RESULT;
        result.status = doors_open(wire->doors, &message, text);
        memcpy(result.text, text, sizeof text);
        if (send(watch->fd, &result, sizeof result, MSG_NOSIGNAL) < 0)
            perror("harness: door result");
        break;
    }
    case HANDOVER_DOOR_CLOSE:
        doors_close(wire->doors, message.tenant);
        break;
    case HANDOVER_DROPPED:
        doors_dropped(wire->doors, message.region);
        break;
    default:
        break;
    }
}

static void *keeper_run(void *arg)
{
    struct wire *wire = arg;
    while (!wire->stopping) {
        struct epoll_event event;
        int n = epoll_wait(wire->epoll_fd, &event, 1, 20);
        pthread_mutex_lock(&wire->lock);
        if (n > 0 && event.data.ptr) {
            struct watch *watch = event.data.ptr;
            watch->ready(watch, event.events);
        }
        doors_retry(wire->doors);
        tell(wire);
        pthread_mutex_unlock(&wire->lock);
    }
    return NULL;
}

void wire_broker_start(struct wire *wire)
{
    int keeper[2], admin[2];
    char text[512] = "";
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keeper) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, admin))
        die("socketpair");
    uint8_t master[VAULT_MASTER_KEY];
    memcpy(master, wire->master, sizeof master);
    struct broker_start start = {
        .config = &wire->config, .keeper_fd = keeper[1], .admin_fd = admin[1], .master = master};
    wire->broker = calloc(1, sizeof *wire->broker);
    wire->admin_fd = admin[0];
    if (!wire->broker || !broker_init(wire->broker, &start) || !broker_open_card(wire->broker, text) ||
        !broker_open_vault(wire->broker, wire->state, master, text)) {
        fprintf(stderr, "harness: broker: %s\n", text);
        exit(2);
    }
    pthread_mutex_lock(&wire->lock);
    wire->ready = false;
    wire->link = (struct watch){.fd = keeper[0], .ready = on_link};
    watch_set(wire->epoll_fd, &wire->link, EPOLL_CTL_ADD, EPOLLIN);
    pthread_mutex_unlock(&wire->lock);
    broker_open_doors(wire->broker, "");
    if (pthread_create(&wire->broker_thread, NULL, broker_run, wire->broker))
        die("thread");
    while (!wire->ready)
        usleep(1000);
    for (unsigned i = 0; i < wire->tenants; i++)
        for (int tries = 0; tries < 2000 && access(wire_socket(wire, i, "ivshmem"), F_OK); tries++)
            usleep(1000);
}

/* A crashed broker frees nothing, but in one process somebody has to: regions, sessions, keys, card. */
static void broker_dispose(struct broker *broker)
{
    while (broker->jobs_in_card)
        card_collect(broker);
    bare_release(broker);
    close(broker->pool.event_fd);
    close(broker->epoll_fd);
    close(broker->keeper_fd);
    if (broker->admin_fd >= 0)
        close(broker->admin_fd);
    free(broker);
}

void wire_broker_stop(struct wire *wire)
{
    pthread_mutex_lock(&wire->lock);
    watch_close(wire->epoll_fd, &wire->link);
    pthread_mutex_unlock(&wire->lock);
    pthread_join(wire->broker_thread, NULL);
    broker_dispose(wire->broker);
    close(wire->admin_fd);
    pthread_mutex_lock(&wire->lock);
    doors_broker_ended(wire->doors);
    pthread_mutex_unlock(&wire->lock);
}

struct wire *wire_start(const struct wire_options *options)
{
    struct wire *wire = calloc(1, sizeof *wire);
    char text[256];
    if (!wire)
        die("memory");
    snprintf(wire->dir, sizeof wire->dir, "/tmp/cardmux-wire.XXXXXX");
    if (!mkdtemp(wire->dir))
        die("mkdtemp");
    snprintf(wire->state, sizeof wire->state, "%s/state", wire->dir);
    snprintf(wire->run, sizeof wire->run, "%s/run", wire->dir);
    if (mkdir(wire->state, 0700) || mkdir(wire->run, 0755) || getrandom(wire->master, sizeof wire->master, 0) < 0)
        die(wire->dir);
    wire->tenants = options->tenants ? options->tenants : 1;
    wire->config = (struct daemon_config){.state_dir = wire->state,
                                          .run_dir = wire->run,
                                          .card = options->card ? options->card : "soft",
                                          .card_fault = options->fault,
                                          .card_threads = options->card_threads,
                                          .wait = options->wait,
                                          .deadline_ms = options->deadline_ms ? options->deadline_ms : DEADLINE_MS,
                                          .workers = 2,
                                          .keys_loaded = options->keys_loaded,
                                          .code_attempts = 10};
    populate(wire->state, wire->master, wire->tenants);
    pthread_mutex_init(&wire->lock, NULL);
    wire->link.fd = -1;
    wire->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    wire->doors = doors_new(wire->epoll_fd, wire->run, 10000, text);
    if (!wire->doors)
        die(text);
    if (pthread_create(&wire->keeper, NULL, keeper_run, wire))
        die("thread");
    wire_broker_start(wire);
    return wire;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void wire_stop(struct wire *wire)
{
    wire_broker_stop(wire);
    wire->stopping = true;
    pthread_join(wire->keeper, NULL);
    doors_free(wire->doors);
    close(wire->epoll_fd);
    nftw(wire->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(wire);
}

const char *wire_socket(const struct wire *wire, unsigned tenant, const char *transport)
{
    static _Thread_local char path[200];
    const char *port = strcmp(transport, "stream") ? "" : "_" CM_VSOCK_PORT_TEXT;
    snprintf(path, sizeof path, "%s/tenant/t%u/%s.sock%s", wire->run, tenant, transport, port);
    return path;
}

void wire_use(const struct wire *wire, unsigned tenant)
{
    setenv("CARDMUX_SOCKET", wire_socket(wire, tenant, "unix"), 1);
    setenv("CARDMUX_REACH", "unix", 1);
}

enum vault_result wire_admin(struct wire *wire, struct admin_message *message)
{
    static uint32_t id;
    struct admin_message got;
    bool have_row = false;
    message->id = ++id;
    if (send(wire->admin_fd, message, sizeof *message, MSG_NOSIGNAL) != sizeof *message)
        die("admin request");
    for (;;) {
        if (recv(wire->admin_fd, &got, sizeof got, 0) != sizeof got)
            die("admin answer");
        if (got.id != id)
            continue;
        if (got.type == ADMIN_DONE) {
            memcpy(message->text, got.text, sizeof message->text);
            return (enum vault_result)got.result;
        }
        if (!have_row)
            *message = got;
        have_row = true;
    }
}

struct admin_counters wire_counters(struct wire *wire, unsigned tenant)
{
    struct admin_message message = {.type = ADMIN_TENANT_SHOW};
    snprintf(message.tenant.name, sizeof message.tenant.name, "t%u", tenant);
    if (wire_admin(wire, &message) != VAULT_OK)
        die(message.text);
    return message.counters;
}
