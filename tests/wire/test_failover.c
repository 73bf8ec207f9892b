/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that may take two ways, `unix` and `stream`, to one tenant's card. Before each of the two sockets stands a
 * door of the test's own, which passes bytes and descriptors on until it is shut: then its connections end and its
 * socket is gone. While one of the two is open:
 *
 *   what needs nothing goes well, always; what a session held is lost with SDR_COMMFAIL, once; and the calls go by the
 *   way that is open
 *
 * Not so where one way alone was named, nor where another tenant is behind the other door.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cardmux/client.h"
#include "cardmux/sdf.h"
#include "cardmux/sdf_ext.h"
#include "proto/layout.h"
#include "tests/wire/harness.h"

#define DEADLINE_MS 30000                     /* of calls that are answered, on however busy a machine */
#define SILENT_MS   3000                      /* where somebody says nothing */
#define LATE_S      (DEADLINE_MS / 1000 + 30) /* a call that takes longer hangs */
#define CALLERS     4
#define OPENERS     4
#define SESSIONS    40
#define TURNS       6
#define PAIRS       16 /* connections through a door at a time */
#define FDS         4

struct door {
    const char *transport;
    char path[64];
    unsigned tenant;
    int listener, front[PAIRS], host[PAIRS];
    _Atomic bool stop, mute, hold; /* mute: connections are taken, and nothing is passed on; hold: nothing at all */
    _Atomic bool dead;             /* the region that is passed on is a copy, which no broker serves */
    pthread_t thread;
};

static struct wire *wire;
static struct door by_unix = {.transport = "unix"}, by_stream = {.transport = "stream"};

/* ---- doors ---- */

static int unix_socket(const char *path, bool listening)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    if (listening ? bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 16)
                  : connect(fd, (struct sockaddr *)&at, sizeof at)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* What a region looks like that its broker has left: the door is open in its header. */
static int dead_copy(int region)
{
    static uint8_t header[CM_PAGE];
    int copy = memfd_create("dead", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(pread(region, header, sizeof header, 0), sizeof header);
    assert_int_equal(ftruncate(copy, lseek(region, 0, SEEK_END)), 0);
    assert_int_equal(pwrite(copy, header, sizeof header, 0), sizeof header);
    assert_int_equal(fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    close(region);
    return copy;
}

/* What has come, with its descriptors. False: the connection ends. */
static bool pass(int from, int to, bool dead)
{
    static _Thread_local uint8_t bytes[65536];
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(FDS * sizeof(int))];
    } control;
    struct iovec part = {bytes, sizeof bytes};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    if (got <= 0)
        return false;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    int fds[FDS];
    size_t n = head ? (head->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
    if (n)
        memcpy(fds, CMSG_DATA(head), n * sizeof(int));
    if (n && dead) {
        fds[0] = dead_copy(fds[0]);
        memcpy(CMSG_DATA(head), fds, n * sizeof(int));
    }
    part.iov_len = (size_t)got;
    if (!head)
        message.msg_control = NULL, message.msg_controllen = 0;
    ssize_t sent = sendmsg(to, &message, MSG_NOSIGNAL);
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
    for (ssize_t more; sent > 0 && sent < got; sent += more)
        if ((more = send(to, bytes + sent, (size_t)(got - sent), MSG_NOSIGNAL)) <= 0)
            return false;
    return sent == got;
}

static void pair_end(struct door *door, int i)
{
    if (door->front[i] >= 0)
        close(door->front[i]);
    if (door->host[i] >= 0)
        close(door->host[i]);
    door->front[i] = door->host[i] = -1;
}

static void pair_begin(struct door *door)
{
    int i = 0, front = accept(door->listener, NULL, NULL);
    while (i < PAIRS && door->front[i] >= 0)
        i++;
    if (front < 0 || i == PAIRS) {
        close(front);
        return;
    }
    door->front[i] = front;
    door->host[i] = door->mute ? -1 : unix_socket(wire_socket(wire, door->tenant, door->transport), false);
}

static void *door_run(void *arg)
{
    struct door *door = arg;
    while (!door->stop) {
        if (door->hold) {
            usleep(1000);
            continue;
        }
        struct pollfd fds[1 + 2 * PAIRS] = {{.fd = door->listener, .events = POLLIN}};
        for (int i = 0; i < PAIRS; i++) {
            fds[1 + 2 * i] = (struct pollfd){.fd = door->host[i] < 0 ? -1 : door->front[i], .events = POLLIN};
            fds[2 + 2 * i] = (struct pollfd){.fd = door->host[i], .events = POLLIN};
        }
        if (poll(fds, 1 + 2 * PAIRS, 10) <= 0)
            continue;
        for (int i = 0; i < PAIRS; i++)
            if ((fds[1 + 2 * i].revents && !pass(door->front[i], door->host[i], false)) ||
                (fds[2 + 2 * i].revents && !pass(door->host[i], door->front[i], door->dead)))
                pair_end(door, i);
        if (fds[0].revents)
            pair_begin(door);
    }
    for (int i = 0; i < PAIRS; i++)
        pair_end(door, i);
    return NULL;
}

static void door_open(struct door *door, unsigned tenant, bool mute)
{
    door->tenant = tenant;
    door->stop = door->hold = false;
    door->mute = mute;
    for (int i = 0; i < PAIRS; i++)
        door->front[i] = door->host[i] = -1;
    door->listener = unix_socket(door->path, true);
    assert_true(door->listener >= 0);
    assert_int_equal(pthread_create(&door->thread, NULL, door_run, door), 0);
}

/* The socket goes first: who loses a connection finds nobody to connect to. */
static void door_shut(struct door *door)
{
    unlink(door->path);
    door->stop = true;
    pthread_join(door->thread, NULL);
    close(door->listener);
}

/* ---- callers ---- */

static uint64_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

static void ways(const char *reach)
{
    setenv("CARDMUX_REACH", reach, 1);
}

static const char *way_of(void *session)
{
    static struct cardmux_card_info info;
    info.size = sizeof info;
    return cardmux_card_info(session, &info) == SDR_OK ? info.reach : "none";
}

struct caller {
    pthread_t thread;
    void *session, *key;
    _Atomic unsigned rounds, losses, wrong;
};

static void *device;
static _Atomic bool ending;

static int make_key(void *session, void **key)
{
    uint8_t wrapped[64];
    unsigned len = sizeof wrapped;
    return SDF_GenerateKeyWithKEK(session, 128, SGD_SM4_ECB, 1, wrapped, &len, key);
}

static int use_key(void *session, void *key)
{
    uint8_t data[64] = "sixty-four bytes of plain text", out[64], back[64];
    unsigned len = sizeof out;
    int status = SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, data, sizeof data, out, &len);
    if (status == SDR_OK)
        status = SDF_Decrypt(session, key, SGD_SM4_ECB, NULL, out, len, back, &len);
    return status == SDR_OK && memcmp(data, back, sizeof data) ? SDR_UNKNOWERR : status;
}

/* The key may be lost between any two calls, and then one of them says so. */
static void caller_round(struct caller *caller)
{
    static const uint8_t sm3_abc[4] = {0x66, 0xc7, 0xf0, 0xf4};
    uint8_t bytes[32];
    unsigned len = sizeof bytes;
    caller->wrong += SDF_GenerateRandom(caller->session, sizeof bytes, bytes) != SDR_OK;
    int status = SDF_HashInit(caller->session, SGD_SM3, NULL, NULL, 0);
    if (status == SDR_OK)
        status = SDF_HashUpdate(caller->session, (uint8_t *)"abc", 3);
    if (status == SDR_OK)
        status = SDF_HashFinal(caller->session, bytes, &len);
    caller->wrong += status != SDR_OK || len != 32 || memcmp(bytes, sm3_abc, 4) != 0;
    status = caller->key ? use_key(caller->session, caller->key) : make_key(caller->session, &caller->key);
    if (status != SDR_OK) {
        caller->wrong += status != SDR_COMMFAIL;
        caller->losses++;
        caller->key = NULL;
    }
}

static void *caller_run(void *arg)
{
    struct caller *caller = arg;
    while (!ending) {
        uint64_t since = now_s();
        caller_round(caller);
        caller->wrong += now_s() - since > LATE_S;
        caller->rounds++;
    }
    return NULL;
}

/* Opens, sends a full slot and closes, as fast as it can: claims slots while the queue is replaced. */
static void *opener_run(void *arg)
{
    static const uint8_t full[CM_SLOT_SIZE];
    struct caller *caller = arg;
    while (!ending) {
        uint8_t hash[32];
        unsigned len = sizeof hash;
        void *session;
        if (SDF_OpenSession(device, &session) != SDR_OK) {
            caller->wrong++;
            continue;
        }
        int status = SDF_HashInit(session, SGD_SM3, NULL, NULL, 0);
        if (status == SDR_OK)
            status = SDF_HashUpdate(session, (uint8_t *)full, sizeof full);
        if (status == SDR_OK)
            status = SDF_HashFinal(session, hash, &len);
        caller->wrong += status != SDR_OK;
        SDF_CloseSession(session);
        caller->rounds++;
    }
    return NULL;
}

static void wait_rounds(struct caller *callers, unsigned count)
{
    for (unsigned i = 0; i < CALLERS; i++) {
        unsigned from = callers[i].rounds;
        while (callers[i].rounds - from <= count)
            usleep(1000);
    }
}

/* The broker may need a moment to see that a connection has ended; what comes until then it answers. */
static void wait_lost(void *session)
{
    uint8_t byte;
    while (SDF_GenerateRandom(session, 1, &byte) == SDR_OK)
        usleep(1000);
}

/* Nor does the other way serve before that; where it never does, the test's time is up. */
static void wait_way(void *session, const char *way)
{
    while (strcmp(way_of(session), way))
        usleep(1000);
}

/* ---- tests ---- */

static void goes_on_by_the_other_way_and_back(void **state)
{
    struct caller callers[CALLERS] = {0}, openers[OPENERS] = {0};
    void *looker;
    (void)state;
    ways("unix, stream");
    door_open(&by_unix, 0, false);
    door_open(&by_stream, 0, false);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &looker), SDR_OK);
    assert_string_equal(way_of(looker), "unix");
    ending = false;
    for (unsigned i = 0; i < CALLERS; i++) {
        assert_int_equal(SDF_OpenSession(device, &callers[i].session), SDR_OK);
        assert_int_equal(pthread_create(&callers[i].thread, NULL, caller_run, &callers[i]), 0);
    }
    for (unsigned i = 0; i < OPENERS; i++)
        assert_int_equal(pthread_create(&openers[i].thread, NULL, opener_run, &openers[i]), 0);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct door *shut = turn & 1 ? &by_stream : &by_unix;
        wait_rounds(callers, 20);
        door_shut(shut);
        wait_way(looker, turn & 1 ? "unix" : "stream");
        wait_rounds(callers, 3);
        assert_string_equal(way_of(looker), turn & 1 ? "unix" : "stream");
        door_open(shut, 0, false);
    }
    ending = true;
    for (unsigned i = 0; i < CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].wrong, 0);
        assert_in_range(callers[i].losses, 1, TURNS); /* the first key is there by the first turn */
    }
    for (unsigned i = 0; i < OPENERS; i++) {
        pthread_join(openers[i].thread, NULL);
        assert_int_equal(openers[i].wrong, 0);
        assert_true(openers[i].rounds > 0);
    }
    assert_int_equal(SDF_CloseDevice(device), SDR_OK);
    door_shut(&by_unix);
    door_shut(&by_stream);
}

/* Forced: neither at the first opening nor later. */
static void one_named_way_is_not_left(void **state)
{
    uint8_t byte;
    void *session;
    (void)state;
    ways("unix");
    door_open(&by_stream, 0, false);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OPENDEVICE);
    door_open(&by_unix, 0, false);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
    assert_string_equal(way_of(session), "unix");
    door_shut(&by_unix);
    wait_lost(session);
    for (int i = 0; i < 3; i++)
        assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_COMMFAIL);
    door_open(&by_unix, 0, false);
    assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_OK);
    assert_string_equal(way_of(session), "unix");
    assert_int_equal(SDF_CloseDevice(device), SDR_OK);
    door_shut(&by_unix);
    door_shut(&by_stream);
}

/* Who was t0 does not become t1 because that door is open. */
static void another_tenants_door_is_no_way(void **state)
{
    uint8_t byte;
    void *session, *key = NULL;
    (void)state;
    ways("unix,stream");
    door_open(&by_unix, 0, false);
    door_open(&by_stream, 1, false);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
    assert_int_equal(make_key(session, &key), SDR_OK);
    door_shut(&by_unix);
    wait_lost(session);
    for (int i = 0; i < 3; i++)
        assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_COMMFAIL);
    door_shut(&by_stream);
    door_open(&by_stream, 0, false);
    assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_OK);
    assert_string_equal(way_of(session), "stream");
    assert_int_equal(use_key(session, key), SDR_COMMFAIL);
    assert_int_equal(make_key(session, &key), SDR_OK);
    assert_int_equal(use_key(session, key), SDR_OK);
    assert_int_equal(SDF_CloseDevice(device), SDR_OK);
    door_shut(&by_stream);
}

/* A way that died is tried again before those that stand before it in the list. */
static void its_own_way_comes_first(void **state)
{
    uint8_t byte;
    void *session, *key = NULL;
    (void)state;
    ways("stream,unix");
    door_open(&by_unix, 0, false);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
    assert_string_equal(way_of(session), "unix");
    assert_int_equal(make_key(session, &key), SDR_OK);
    door_open(&by_stream, 0, false);
    door_shut(&by_unix);
    door_open(&by_unix, 0, false);
    while (use_key(session, key) == SDR_OK) /* until the broker has seen that the connection ended */
        usleep(1000);
    assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_OK);
    assert_string_equal(way_of(session), "unix");
    assert_int_equal(SDF_CloseDevice(device), SDR_OK);
    door_shut(&by_unix);
    door_shut(&by_stream);
}

static void the_first_that_works_is_taken(void **state)
{
    static const struct {
        const char *named;
        bool unix_open, stream_open;
        const char *taken; /* NULL: none */
    } cases[] = {
        {"unix,stream", true, true, "unix"},    {"stream,unix", true, true, "stream"},
        {"unix,stream", false, true, "stream"}, {"stream,unix", true, false, "unix"},
        {"unix,stream", false, false, NULL},    {"ivshmem-peer,unix", true, true, "unix"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cardmux_client *client;
        struct cardmux_options options = {.size = sizeof options, .reach = cases[i].named};
        char text[256] = "";
        if (cases[i].unix_open)
            door_open(&by_unix, 0, false);
        if (cases[i].stream_open)
            door_open(&by_stream, 0, false);
        uint32_t status = cardmux_open(&options, &client, text, sizeof text);
        assert_int_equal(status == SDR_OK, cases[i].taken != NULL);
        if (cases[i].taken) {
            assert_string_equal(cardmux_reach(client), cases[i].taken);
            cardmux_close(client);
        } else { /* the sentence names both */
            assert_non_null(strstr(text, "unix: "));
            assert_non_null(strstr(text, "stream: "));
        }
        if (cases[i].unix_open)
            door_shut(&by_unix);
        if (cases[i].stream_open)
            door_shut(&by_stream);
    }
}

/* Whoever takes the connections and says nothing, at both doors: each call ends all the same. */
static void nobody_speaks(void **state)
{
    uint8_t byte;
    void *session;
    (void)state;
    ways("unix,stream");
    door_open(&by_unix, 0, false);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
    door_open(&by_stream, 0, true);
    door_shut(&by_unix);
    door_open(&by_unix, 0, true);
    wait_lost(session);
    for (int i = 0; i < 2; i++) {
        uint64_t since = now_s();
        assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_COMMFAIL);
        assert_true(now_s() - since <= LATE_S);
    }
    door_shut(&by_stream);
    door_open(&by_stream, 0, false); /* the silent one leaves time for it */
    assert_int_equal(SDF_GenerateRandom(session, 1, &byte), SDR_OK);
    assert_string_equal(way_of(session), "stream");
    assert_int_equal(SDF_CloseDevice(device), SDR_OK);
    door_shut(&by_stream);
    door_shut(&by_unix);
}

/* Nor does a region that nobody serves any more keep a new process from the other way. */
static void nobody_shakes_hands(void **state)
{
    void *session;
    (void)state;
    ways("unix,stream");
    by_unix.dead = true;
    door_open(&by_unix, 0, false);
    assert_int_equal(SDF_OpenDevice(&device), SDR_COMMFAIL); /* nobody at the other one */
    door_open(&by_stream, 0, false);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
    assert_string_equal(way_of(session), "stream");
    assert_int_equal(SDF_CloseDevice(device), SDR_OK);
    door_shut(&by_stream);
    door_shut(&by_unix);
    by_unix.dead = false;
}

/* The host falls silent, and is none the worse when it speaks again. */
static void silence_costs_one_deadline(void **state)
{
    static uint8_t data[CM_SLOT_SIZE + 1];
    void *session, *more[SESSIONS];
    (void)state;
    ways("stream");
    door_open(&by_stream, 0, false);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
    assert_int_equal(SDF_HashInit(session, SGD_SM3, NULL, NULL, 0), SDR_OK);
    assert_int_equal(SDF_HashUpdate(session, data, sizeof data), SDR_OK);
    by_stream.hold = true;
    SDF_HashInit(session, SGD_SM3, NULL, NULL, 0); /* gives up the running one */
    assert_int_equal(SDF_GenerateRandom(session, 1, data), SDR_COMMFAIL);
    by_stream.hold = false;
    assert_int_equal(SDF_HashInit(session, SGD_SM3, NULL, NULL, 0), SDR_OK);
    assert_int_equal(SDF_HashUpdate(session, data, sizeof data), SDR_OK);
    for (unsigned i = 0; i < SESSIONS; i++)
        assert_int_equal(SDF_OpenSession(device, &more[i]), SDR_OK);
    by_stream.hold = true;
    uint64_t since = now_s();
    assert_int_equal(SDF_CloseDevice(device), SDR_OK);
    assert_true(now_s() - since <= LATE_S); /* not so with a deadline for each session */
    door_shut(&by_stream);
}

static void start(uint32_t deadline_ms)
{
    wire = wire_start(&(struct wire_options){.tenants = 2, .deadline_ms = deadline_ms});
    snprintf(by_unix.path, sizeof by_unix.path, "/tmp/cardmux-failover-%d.unix", (int)getpid());
    snprintf(by_stream.path, sizeof by_stream.path, "/tmp/cardmux-failover-%d.stream", (int)getpid());
    setenv("CARDMUX_SOCKET", by_unix.path, 1);
    setenv("CARDMUX_STREAM", by_stream.path, 1);
}

static int set_up(void **state)
{
    (void)state;
    start(DEADLINE_MS);
    return 0;
}

static int set_up_silent(void **state)
{
    (void)state;
    start(SILENT_MS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wire_stop(wire);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_by_the_other_way_and_back), cmocka_unit_test(one_named_way_is_not_left),
        cmocka_unit_test(another_tenants_door_is_no_way),    cmocka_unit_test(its_own_way_comes_first),
        cmocka_unit_test(the_first_that_works_is_taken),
    };
    const struct CMUnitTest silent[] = {
        cmocka_unit_test(nobody_speaks),
        cmocka_unit_test(silence_costs_one_deadline),
        cmocka_unit_test(nobody_shakes_hands),
    };
    return cmocka_run_group_tests_name("failover", tests, set_up, tear_down) +
           cmocka_run_group_tests_name("silence", silent, set_up_silent, tear_down);
}
