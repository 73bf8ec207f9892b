/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doors of a real cardmuxd from outside: more connections than a tenant may have, connections that say nothing,
 * that talk without end and hand over descriptors, that come and go as fast as they can. After each of them a neighbour
 * gets in, keeper and broker hold the descriptors that they held, and are the processes that they were.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cardmux/sdf.h"
#include "tests/wire/hostile.h"

#define LIMIT 64u /* connections of a tenant, unless it was given another */

static struct daemon host;
static pid_t broker;
static unsigned keeper_fds, broker_fds, failures;

static void expect(bool holds, const char *what)
{
    if (!holds)
        failures++;
    printf("%s - %s\n", holds ? "ok" : "NOT OK", what);
}

static int knock(const char *transport)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", daemon_socket(&host, 0, transport));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The neighbour comes in and has a call answered. */
static bool neighbour_served(void)
{
    struct raw raw;
    struct cm_cqe cqe;
    uint32_t status;
    if (!raw_connect(&raw, daemon_socket(&host, 1, "unix"), &status))
        return false;
    bool served =
        raw_attach(&raw, 10000) && raw_call(&raw, (struct cm_sqe){.op = CM_OP_SESSION_OPEN, .tag = 7}, &cqe) == SDR_OK;
    raw_close(&raw);
    return served;
}

/* As before the attack; what is under way may end. */
static void judge(const char *attack)
{
    char text[160];
    unsigned keeper = 0, its_broker = 0;
    for (unsigned looks = 0; looks < 6000; looks++) {
        keeper = process_fds(host.pid);
        its_broker = process_fds(broker);
        if (keeper == keeper_fds && its_broker == broker_fds)
            break;
        usleep(10000);
    }
    snprintf(text, sizeof text, "%s: keeper %u descriptors (before: %u), broker %u (%u), same broker", attack, keeper,
             keeper_fds, its_broker, broker_fds);
    expect(keeper == keeper_fds && its_broker == broker_fds && daemon_child(&host, "cardmux-broker") == broker, text);
}

static void over_the_limit(void)
{
    static struct raw raws[LIMIT + 32];
    unsigned inside = 0, refused = 0;
    uint32_t status;
    for (unsigned i = 0; i < LIMIT + 32; i++)
        if (raw_connect(&raws[inside], daemon_socket(&host, 0, "unix"), &status))
            inside++;
        else
            refused += status != 0;
    expect(inside == LIMIT && refused == 32, "as many as the limit says come in, the others are told why not");
    expect(neighbour_served(), "the neighbour is served meanwhile");
    while (inside)
        raw_close(&raws[--inside]);
    judge("over the limit");
}

/* Connected and silent: neither the hello nor QEMU's handshake is ever read. */
static void half_open(const char *transport)
{
    int fds[200];
    unsigned n = 0;
    char text[80];
    for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++) {
        fds[n] = knock(transport);
        n += fds[n] >= 0;
    }
    snprintf(text, sizeof text, "the neighbour is served beside %u silent connections", n);
    expect(n > 0 && neighbour_served(), text);
    while (n)
        close(fds[--n]);
    judge(transport);
}

/* Megabytes, and 16 descriptors with each message, into a connection that nobody reads. */
static void talk(const char *transport)
{
    static char junk[65536];
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(16 * sizeof(int))];
    } control = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(16 * sizeof(int))}};
    struct iovec part = {junk, sizeof junk};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
    int fd = knock(transport), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    unsigned sent = 0;
    for (unsigned i = 0; i < 16; i++)
        memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &null, sizeof null);
    for (unsigned tries = 0; tries < 2000; tries++)
        sent += sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
    expect(fd >= 0 && sent > 0 && neighbour_served(), "the neighbour is served beside one that talks");
    close(fd);
    close(null);
    judge("talking");
}

static void come_and_go(void)
{
    pid_t pids[3];
    for (unsigned i = 0; i < 3; i++)
        if ((pids[i] = fork()) == 0)
            for (unsigned n = 0;; n++) {
                int fd = knock(n % 3 ? "unix" : "ivshmem");
                if (n & 1)
                    usleep(500);
                close(fd);
            }
    unsigned served = 0;
    for (unsigned i = 0; i < 20; i++) {
        served += neighbour_served();
        usleep(50000);
    }
    for (unsigned i = 0; i < 3; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    expect(served == 20, "the neighbour comes in each time while others come and go");
    judge("coming and going");
}

/* How many descriptors keeper and broker hold when all is done that was begun: the same at twenty looks. */
static void count_held(void)
{
    for (unsigned same = 0, looks = 0; same < 20 && looks < 6000; looks++) {
        unsigned keeper = process_fds(host.pid), its_broker = process_fds(broker);
        same = keeper == keeper_fds && its_broker == broker_fds ? same + 1 : 0;
        keeper_fds = keeper;
        broker_fds = its_broker;
        usleep(10000);
    }
}

/* A door makes the memory of connections that nobody will serve once, with the first of them (the second one beside the
 * one that is served: the first is its heir), and keeps it: before anything is counted. QEMU's handshake says that it
 * was made. */
static void park_one(void)
{
    int knocks[3] = {knock("ivshmem"), knock("ivshmem"), knock("ivshmem")};
    for (unsigned i = 0; i < 3; i++) {
        struct pollfd heard = {.fd = knocks[i], .events = POLLIN};
        expect(poll(&heard, 1, 60000) == 1, "a QEMU is spoken to");
    }
    for (unsigned i = 3; i; i--)
        close(knocks[i - 1]);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    daemon_start(&host, &(struct daemon_options){.tenants = 2});
    expect(neighbour_served(), "the neighbour is served");
    park_one();
    broker = daemon_child(&host, "cardmux-broker");
    count_held();
    over_the_limit();
    half_open("unix");
    half_open("ivshmem");
    talk("unix");
    talk("ivshmem");
    come_and_go();
    expect(daemon_stop(&host) == 0, "the daemon ends as it should");
    return failures ? 1 : 0;
}
