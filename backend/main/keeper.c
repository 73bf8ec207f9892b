/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.c: the process that must not die.
 *
 * It owns what has to outlive the broker: listening sockets, connections, memfds, eventfds (backend/transport) and the
 * master key in a locked page. It forks the broker and the admin process, starts each again when it ends, and otherwise
 * waits in one epoll, one event at a time, never blocking on anybody. It reads no tenant's bytes; what a broker says is
 * checked in broker_link.c.
 *
 *   start      ground (limits, user, directories, lock, key) -> doors -> broker. A broker that cannot serve, or ends
 *              before it serves, ends the start with status 1
 *   serving    after the first READY: the admin process, the word to systemd. A broker's end: doors forget what it was
 *              told, a new one is forked, doors tell it again
 *   end        SIGTERM, SIGINT: links closed, so that children end; SIGTERM, SIGKILL for one that does not; sockets
 *              removed
 *
 * A change of the master key that needs scrypt or a card has a child do that (master_change.c), so that the loop goes
 * on.
 *
 * The admin process and the broker share a socket pair, made anew for each broker. The keeper keeps the admin's end
 * too, to give it to an admin process that was started again: it may find answers there to questions of the one before.
 */
#include "backend/main/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "backend/main/broker_link.h"
#include "backend/main/child.h"
#include "backend/main/ground.h"
#include "backend/main/master_change.h"
#include "backend/main/notify.h"
#include "backend/main/restart.h"
#include "backend/transport/say.h"

#define END_PATIENCE_MS 1500
#define CHANNEL_RETRY   100
#define FORK_RETRY_MS   1000

struct worker {
    const char *name;
    pid_t pid;         /* 0: none */
    uint64_t start_at; /* keeper_clock_ms; 0: not to be started */
    uint64_t started;  /* keeper_clock_ms of the last start */
    struct restart restart;
};

struct keeper {
    struct watch signals; /* first: a watch is its keeper */
    const struct config *config;
    struct ground ground;
    struct master_change change; /* of the master key's file, while a child is asked for what seals it */
    int epoll_fd;
    int ready_fd;
    struct doors *doors;
    struct broker_link link;
    struct worker broker, admin;
    int admin_socket;  /* to the admin process; -1: none */
    int admin_channel; /* admin's end of its pair with the broker */
    bool channel_owed; /* the admin process has not got it yet */
    bool served;       /* a broker said READY once */
    bool stopping;
    int result;
};

static void descriptor_close(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void keeper_stop(struct keeper *keeper, int result)
{
    keeper->stopping = true;
    keeper->result = result;
}

/* ---- the broker ---- */

/* In the child. */
static int broker_child(struct keeper *keeper, int link, int channel)
{
    struct broker_start start = {.config = &keeper->config->daemon,
                                 .keeper_fd = link,
                                 .admin_fd = channel,
                                 .again = keeper->served,
                                 .master = keeper->ground.key->now,
                                 .next = keeper->ground.key->has_next ? keeper->ground.key->next : NULL,
                                 .form = keeper->ground.form + 1u,
                                 .next_form = keeper->ground.next_form + 1u,
                                 .uid = keeper->ground.uid,
                                 .gid = keeper->ground.gid};
    ground_master_locked(&keeper->ground);
    return broker_main(&start);
}

static int broker_fork(struct keeper *keeper)
{
    int link[2], channel[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link)) {
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel)) {
        close(link[0]);
        close(link[1]);
        return -1;
    }
    int keep[2] = {link[1], channel[1]};
    ground_master_inherit(&keeper->ground, true);
    pid_t pid = child_fork(keep, 2);
    if (pid == 0) {
        _exit(broker_child(keeper, link[1], channel[1]));
    }
    ground_master_inherit(&keeper->ground, false);
    close(link[1]);
    close(channel[1]);
    if (pid < 0) {
        close(link[0]);
        close(channel[0]);
        return -1;
    }
    keeper->broker.pid = pid;
    master_change_cancel(&keeper->change);
    keeper->ground.rekey_round = 0; /* what the last one began this one ends */
    if (broker_link_open(&keeper->link, link[0])) {
        broker_link_close(&keeper->link);
        kill(pid, SIGKILL); /* its end starts the next */
    }
    descriptor_close(&keeper->admin_channel);
    keeper->admin_channel = channel[0];
    keeper->channel_owed = true;
    return 0;
}

/* ---- the admin process ---- */

static int admin_child(struct keeper *keeper, int socket)
{
    struct admin_start start = {.config = &keeper->config->daemon,
                                .listen_fd = keeper->ground.admin_listen,
                                .keeper_fd = socket,
                                .uid = keeper->ground.uid,
                                .gid = keeper->ground.gid};
    return admin_main(&start);
}

static int admin_fork(struct keeper *keeper)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        return -1;
    }
    int keep[2] = {pair[1], keeper->ground.admin_listen};
    pid_t pid = child_fork(keep, 2);
    if (pid == 0) {
        _exit(admin_child(keeper, pair[1]));
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return -1;
    }
    keeper->admin.pid = pid;
    descriptor_close(&keeper->admin_socket);
    keeper->admin_socket = pair[0];
    keeper->channel_owed = true;
    return 0;
}

/* Sends the admin process its end of the pair with the broker. Milliseconds until the next try, -1: none needed. */
static int channel_send(struct keeper *keeper)
{
    if (!keeper->channel_owed || keeper->admin_socket < 0 || keeper->admin_channel < 0) {
        return -1;
    }
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char byte = 'B';
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &keeper->admin_channel, sizeof(int));
    if (sendmsg(keeper->admin_socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != 1) {
        return errno == EPIPE ? -1 : CHANNEL_RETRY; /* ended: the next one gets it */
    }
    keeper->channel_owed = false;
    return -1;
}

/* ---- what the broker says ---- */

static void broker_ready(struct broker_link *link, const struct handover *message)
{
    struct keeper *keeper = link->owner;
    if (message->status) {
        say("broker: %s", *message->text ? message->text : "cannot serve");
        if (!keeper->served) {
            keeper_stop(keeper, 1);
        }
        return;
    }
    if (*message->text) {
        say("broker: %s", message->text);
    }
    doors_broker_ready(keeper->doors);
    if (keeper->served) {
        say("broker (pid %d) serves", (int)keeper->broker.pid);
        return;
    }
    keeper->served = true;
    ground_next_drop(&keeper->ground, &keeper->config->daemon);
    keeper->admin.start_at = keeper_clock_ms();
}

/* The next key is made and its file written; or, where failed is not NULL, that is why not. */
static void rekey_answer(struct keeper *keeper, uint64_t round, enum master_form form, const char *failed,
                         struct handover *answer)
{
    char text[GROUND_TEXT] = "";
    if (!failed && ground_rekey_begin(&keeper->ground, &keeper->config->daemon, round, form, text)) {
        failed = text;
    }
    if (failed) {
        answer->status = 1;
        snprintf(answer->text, sizeof(answer->text), "%.254s", failed);
        say("%s", failed);
        ground_next_forget(&keeper->ground);
    } else {
        memcpy(answer->text, keeper->ground.key->next, VAULT_MASTER_KEY);
    }
}

static void rekey_made(struct master_change *change, const char *failed)
{
    struct keeper *keeper = change->owner;
    struct handover answer = {.type = HANDOVER_MASTER, .region = change->round};
    rekey_answer(keeper, change->round, change->form, failed, &answer);
    broker_link_rekeyed(&keeper->link, &answer);
}

/* False: the answer comes when a child has made what seals the new file. */
static bool rekey_begin(struct keeper *keeper, const struct handover *message, struct handover *answer)
{
    struct ground *ground = &keeper->ground;
    enum master_form form = message->form ? (enum master_form)(message->form - 1) : ground->form;
    char text[GROUND_TEXT] = "";
    bool child = form == MASTER_CARD || (form == MASTER_PASSPHRASE && message->form);
    if (keeper->change.watch.fd >= 0) {
        snprintf(text, sizeof(text), "a change of the master key is under way");
    } else if (message->form > MASTER_FORMS) {
        snprintf(text, sizeof(text), "there is no such form of a master key");
    } else if (ground_rekey_look(ground, &keeper->config->daemon, text) == 0) {
        if (child && master_change_start(&keeper->change, form, message->region, text) == 0) {
            return false;
        }
        if (form == MASTER_PASSPHRASE) {
            ground->seals->next = ground->seals->now; /* the same passphrase, of which only this is left */
        }
    }
    rekey_answer(keeper, message->region, form, *text ? text : NULL, answer);
    return true;
}

static bool broker_rekey(struct broker_link *link, const struct handover *message, struct handover *answer)
{
    struct keeper *keeper = link->owner;
    struct ground *ground = &keeper->ground;
    char text[GROUND_TEXT] = "";
    if (message->type == HANDOVER_REKEY) {
        return rekey_begin(keeper, message, answer);
    }
    if (keeper->change.watch.fd >= 0 && keeper->change.round == message->region) {
        master_change_cancel(&keeper->change); /* it did not wait so long; nothing was written */
    } else if (ground_rekey_end(ground, &keeper->config->daemon, message->region, message->status == 0, text)) {
        answer->status = 1;
        snprintf(answer->text, sizeof(answer->text), "%.254s", text);
        say("%s", text);
    } else if (message->status == 0) {
        say("the master key is a new one%s", ground->form == MASTER_CARD         ? ", sealed by the card"
                                             : ground->form == MASTER_PASSPHRASE ? ", sealed with the passphrase"
                                                                                 : "");
    }
    answer->form = ground->form + 1u;
    return true;
}

static void broker_hung_up(struct broker_link *link)
{
    struct keeper *keeper = link->owner;
    master_change_cancel(&keeper->change);
    doors_broker_ended(keeper->doors);
    if (keeper->broker.pid > 0) {
        kill(keeper->broker.pid, SIGKILL); /* of no use without its link; not reaped yet, so the pid is still its own */
    }
}

/* ---- children's ends ---- */

static void worker_ended(struct worker *worker, int status)
{
    char cause[80];
    child_cause(status, cause, sizeof(cause));
    uint64_t now = keeper_clock_ms();
    unsigned delay = restart_delay(&worker->restart, now, now - worker->started);
    char when[40] = "started again";
    if (delay) {
        snprintf(when, sizeof(when), "started again in %u ms", delay);
    }
    say("%s (pid %d) ended: %s; %s", worker->name, (int)worker->pid, cause, when);
    worker->pid = 0;
    worker->start_at = now + delay;
}

static void broker_ended(struct keeper *keeper, int status)
{
    char cause[80];
    if (keeper->link.watch.fd >= 0) {
        /* what it said before its end, and its hang-up */
        keeper->link.watch.ready(&keeper->link.watch, EPOLLIN | EPOLLRDHUP);
        if (keeper->link.watch.fd >= 0) {
            broker_link_close(&keeper->link);
            master_change_cancel(&keeper->change);
            doors_broker_ended(keeper->doors);
        }
    }
    if (keeper->stopping) {
        keeper->broker.pid = 0; /* a signal that was meant for all of us */
        return;
    }
    if (keeper->served) {
        worker_ended(&keeper->broker, status);
        return;
    }
    say("broker ended before it served: %s", child_cause(status, cause, sizeof(cause)));
    keeper->broker.pid = 0;
    keeper_stop(keeper, 1);
}

/* Helpers of a card's library that hung in a driver when they were killed: nobody waited for their end (seal.h). One
   that is still to be heard is left alone, and so is what is behind it, until the next child ends. */
static void leftovers_reap(const struct keeper *keeper)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid <= 0 ||
            info.si_pid == keeper->broker.pid || info.si_pid == keeper->admin.pid ||
            info.si_pid == keeper->change.child.pid || waitpid(info.si_pid, NULL, WNOHANG) != info.si_pid) {
            return;
        }
    }
}

static void children_reap(struct keeper *keeper)
{
    int status;
    if (keeper->broker.pid > 0 && waitpid(keeper->broker.pid, &status, WNOHANG) == keeper->broker.pid) {
        broker_ended(keeper, status);
    }
    if (keeper->admin.pid > 0 && waitpid(keeper->admin.pid, &status, WNOHANG) == keeper->admin.pid) {
        descriptor_close(&keeper->admin_socket);
        if (keeper->stopping) {
            keeper->admin.pid = 0;
        } else {
            worker_ended(&keeper->admin, status);
        }
    }
    leftovers_reap(keeper);
}

static void signals_ready(struct watch *watch, uint32_t events)
{
    struct keeper *keeper = (struct keeper *)watch;
    struct signalfd_siginfo info;
    (void)events;
    while (read(watch->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
            keeper_stop(keeper, 0);
        }
    }
    children_reap(keeper);
}

/* ---- the loop ---- */

/* Starts a worker that is due. Milliseconds until then; -1: none. */
static int worker_start(struct keeper *keeper, struct worker *worker, int (*start)(struct keeper *))
{
    if (!worker->start_at || keeper->stopping) {
        return -1;
    }
    uint64_t now = keeper_clock_ms();
    if (now < worker->start_at) {
        return (int)(worker->start_at - now);
    }
    worker->start_at = 0;
    worker->started = now;
    if (start(keeper) == 0 || worker->pid > 0) {
        return -1;
    }
    say("%s cannot be started: %s; tried again", worker->name, strerror(errno));
    worker->start_at = now + FORK_RETRY_MS;
    return FORK_RETRY_MS;
}

static int sooner(int a, int b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static void announce(struct keeper *keeper)
{
    if (keeper->ready_fd >= -1 && keeper->served && keeper->admin.pid > 0) {
        say("serving; card %s, state %s, sockets in %s", keeper->config->daemon.card, keeper->config->daemon.state_dir,
            keeper->config->daemon.run_dir);
        notify_systemd("READY=1\nSTATUS=serving");
        notify_fd(keeper->ready_fd);
        keeper->ready_fd = -2; /* said */
    }
}

static void keeper_loop(struct keeper *keeper)
{
    while (!keeper->stopping) {
        int wait = worker_start(keeper, &keeper->broker, broker_fork);
        wait = sooner(wait, worker_start(keeper, &keeper->admin, admin_fork));
        wait = sooner(wait, channel_send(keeper));
        wait = sooner(wait, doors_retry(keeper->doors));
        wait = sooner(wait, broker_link_flush(&keeper->link));
        wait = sooner(wait, master_change_due(&keeper->change));
        announce(keeper);
        struct epoll_event event;
        if (epoll_wait(keeper->epoll_fd, &event, 1, wait) == 1) {
            struct watch *watch = event.data.ptr;
            watch->ready(watch, event.events);
        }
    }
}

static int signals_watch(struct keeper *keeper)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    keeper->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    keeper->signals.ready = signals_ready;
    return keeper->signals.fd < 0 ? -1 : watch_set(keeper->epoll_fd, &keeper->signals, EPOLL_CTL_ADD, EPOLLIN);
}

static int keeper_start(struct keeper *keeper, char *text)
{
    const struct daemon_config *daemon = &keeper->config->daemon;
    struct ground *ground = &keeper->ground;
    ground_limits(ground);
    keeper->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (keeper->epoll_fd < 0 || signals_watch(keeper)) {
        snprintf(text, GROUND_TEXT, "epoll, signalfd: %s", strerror(errno));
        return -1;
    }
    if (ground_user(ground, keeper->config, text) || ground_directories(ground, daemon, text) ||
        ground_master(ground, daemon, text) || ground_admin_socket(ground, daemon, text)) {
        return -1;
    }
    keeper->doors = doors_new(keeper->epoll_fd, daemon->run_dir, ground->fd_limit / 4 * 3, text);
    if (!keeper->doors) {
        return -1;
    }
    if (daemon->vsock && doors_listen_vsock(keeper->doors, text)) {
        return -1;
    }
    keeper->link.doors = keeper->doors;
    keeper->link.epoll_fd = keeper->epoll_fd;
    keeper->link.on_ready = broker_ready;
    keeper->link.on_end = broker_hung_up;
    keeper->link.on_rekey = broker_rekey;
    keeper->link.owner = keeper;
    keeper->change.epoll_fd = keeper->epoll_fd;
    keeper->change.ground = ground;
    keeper->change.daemon = daemon;
    keeper->change.on_made = rekey_made;
    keeper->change.owner = keeper;
    keeper->broker.start_at = keeper_clock_ms();
    return 0;
}

static void keeper_end(struct keeper *keeper)
{
    notify_systemd("STOPPING=1");
    master_change_cancel(&keeper->change);
    descriptor_close(&keeper->signals.fd);
    broker_link_close(&keeper->link);
    descriptor_close(&keeper->admin_socket);
    descriptor_close(&keeper->admin_channel);
    child_end(keeper->admin.pid, END_PATIENCE_MS);
    child_end(keeper->broker.pid, END_PATIENCE_MS);
    doors_free(keeper->doors);
    ground_end(&keeper->ground, &keeper->config->daemon);
}

int keeper_run(const struct config *config, int ready_fd)
{
    char text[GROUND_TEXT] = "";
    struct keeper keeper = {.config = config,
                            .ground = {.lock = -1, .admin_listen = -1},
                            .epoll_fd = -1,
                            .ready_fd = ready_fd,
                            .signals.fd = -1,
                            .link.watch.fd = -1,
                            .change.watch.fd = -1,
                            .broker.name = "broker",
                            .admin.name = "admin",
                            .admin_socket = -1,
                            .admin_channel = -1};
    if (keeper_start(&keeper, text)) {
        say("%s", text);
        keeper.result = keeper.ground.code_refused ? KEEPER_CODE_REFUSED : 1;
    } else {
        keeper_loop(&keeper);
    }
    keeper_end(&keeper);
    descriptor_close(&keeper.epoll_fd);
    descriptor_close(&keeper.ground.lock);
    return keeper.result;
}
