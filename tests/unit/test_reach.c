/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_reach.c: the `unix` and `ivshmem-peer` ways against servers that say wrong things, and client.conf. After each
 * refusal the process must have as many open descriptors as before: what nobody took is closed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "cardmux/sdf.h"
#include "frontend/reach/vsock/vsock.h"
#include "frontend/reach/conf.h"
#include "frontend/reach/reach.h"
#include "proto/layout.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static char folder[] = "/tmp/test-reach-XXXXXX", path[64];

/* What a server says: up to 8 words, each with some descriptors. */
struct word {
    const void *bytes;
    size_t len;
    int fds[12];
    size_t fd_count;
};

struct server {
    struct word words[9]; /* the last stays empty */
    int listener, connection;
    bool hang_up; /* after the last word */
    pthread_t thread;
};

static void send_word(int to, const struct word *word)
{
    union {
        char bytes[CMSG_SPACE(12 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)word->bytes, .iov_len = word->len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (word->fd_count) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(word->fd_count * sizeof(int));
        control.align = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(word->fd_count * sizeof(int))};
        memcpy(CMSG_DATA(&control.align), word->fds, word->fd_count * sizeof(int));
    }
    (void)!sendmsg(to, &message, MSG_NOSIGNAL);
}

static void *server_run(void *data)
{
    struct server *server = data;
    server->connection = accept(server->listener, NULL, NULL);
    for (size_t i = 0; server->words[i].bytes; i++)
        send_word(server->connection, &server->words[i]);
    if (server->hang_up)
        shutdown(server->connection, SHUT_RDWR);
    return NULL;
}

static void server_start(struct server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    unlink(path);
    server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->listener, 1), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void server_stop(struct server *server)
{
    pthread_join(server->thread, NULL);
    close(server->connection);
    close(server->listener);
}

static int descriptors(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static int region_make(size_t size, int seals, uint32_t qp_count)
{
    struct cm_header header = {.magic = CM_MAGIC,
                               .version = CM_LAYOUT_VERSION,
                               .qp_count = qp_count,
                               .region_size = (uint32_t)size,
                               .slots = CM_SLOTS,
                               .slot_size = CM_SLOT_SIZE,
                               .param_size = CM_PARAM_SIZE,
                               .host_peer = CM_IVSHMEM_HOST};
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(pwrite(fd, &header, sizeof header, 0), sizeof header);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

/* Everything right; each test spoils one thing. */
struct unix_case {
    struct cm_hello hello;
    size_t hello_len;
    int region, ring, wake;
    size_t fds;
};

static void unix_case_make(struct unix_case *c)
{
    *c = (struct unix_case){
        .hello = {.magic = CM_MAGIC, .version = CM_LAYOUT_VERSION, .region_size = CM_REGION_UNIX, .qp_count = 1},
        .hello_len = sizeof c->hello,
        .region = region_make(CM_REGION_UNIX, SEALS, 1),
        .ring = eventfd(0, EFD_CLOEXEC),
        .wake = eventfd(0, EFD_CLOEXEC),
        .fds = 3};
}

static uint32_t unix_try(struct unix_case *c, struct reach **reach, struct server *server, char *text)
{
    *server = (struct server){.words = {{.bytes = &c->hello, .len = c->hello_len, .fd_count = c->fds}},
                              .hang_up = c->hello_len < sizeof c->hello};
    for (size_t i = 0; i < c->fds; i++)
        server->words[0].fds[i] = i == 0 ? c->region : i == 1 ? c->ring : c->wake;
    server_start(server);
    return reach_open("unix", path, reach, text);
}

static void unix_case_free(struct unix_case *c)
{
    close(c->region);
    close(c->ring);
    close(c->wake);
}

/* The open must fail with code and these words, and leave nothing open. */
static void unix_refused(struct unix_case *c, uint32_t code, const char *words)
{

    struct server server;
    struct reach *reach;
    char text[REACH_TEXT];
    int before = descriptors();
    assert_int_equal(unix_try(c, &reach, &server, text), code);
    server_stop(&server);
    assert_null(reach);
    if (!strstr(text, words))
        fail_msg("said: %s", text);
    assert_int_equal(descriptors(), before);
    unix_case_free(c);
}

static void unix_works(void **state)
{
    struct unix_case c;
    struct server server;
    struct reach *reach;
    char text[REACH_TEXT];
    eventfd_t count;
    (void)state;
    int before = descriptors();
    unix_case_make(&c);
    assert_int_equal(unix_try(&c, &reach, &server, text), SDR_OK);
    assert_string_equal(reach->driver->name, "unix");
    assert_true(reach->interrupts);
    assert_int_equal(reach->qp.size, CM_QP_SIZE);
    assert_true(shm_load64(reach->header, 0) == CM_MAGIC);
    shm_store32(reach->qp, CM_QP_PAYLOAD, 77); /* queue pair 0 is where the layout says */
    uint32_t seen = 0;
    assert_int_equal(pread(c.region, &seen, 4, CM_HEADER_SIZE + CM_QP_PAYLOAD), 4);
    assert_int_equal(seen, 77);
    reach->driver->ring(reach);
    assert_int_equal(eventfd_read(c.ring, &count), 0);
    assert_int_equal(count, 1);
    eventfd_write(c.wake, 3);
    reach->driver->wait(reach, 10000);
    reach->driver->kick(reach);
    reach->driver->wait(reach, 10000);
    assert_true(eventfd_read(c.wake, &count) < 0); /* both were taken */
    assert_true(reach->driver->alive(reach));
    server_stop(&server);
    reach->driver->wait(reach, 10000); /* the end of the other side wakes */
    assert_false(reach->driver->alive(reach));
    reach->driver->close(reach);
    unix_case_free(&c);
    assert_int_equal(descriptors(), before);
}

static void unix_refusals(void **state)
{
    struct unix_case c;
    (void)state;
    unix_case_make(&c);
    c.hello.magic++;
    unix_refused(&c, SDR_COMMFAIL, "not cardmuxd");
    unix_case_make(&c);
    c.hello.version++;
    unix_refused(&c, SDR_COMMFAIL, "version");
    unix_case_make(&c);
    c.hello_len = 40;
    unix_refused(&c, SDR_COMMFAIL, "not cardmuxd");
    unix_case_make(&c);
    c.hello.status = SDR_NOBUFFER;
    c.fds = 0;
    strcpy(c.hello.text, "too many connections\n\033[2J");
    unix_refused(&c, SDR_NOBUFFER, "too many connections");
    unix_case_make(&c);
    c.hello.qp_count = 2;
    unix_refused(&c, SDR_COMMFAIL, "2 queue pairs");
}

static void unix_descriptors(void **state)
{
    struct unix_case c;
    (void)state;
    for (size_t fds = 0; fds < 12; fds++) {
        if (fds == 3)
            continue;
        unix_case_make(&c);
        c.fds = fds; /* more than fit: truncated by the kernel, and refused as such */
        unix_refused(&c, SDR_COMMFAIL, fds > 8 ? "no word" : "descriptors");
    }
    unix_case_make(&c);
    c.hello.status = SDR_COMMFAIL; /* a refusal that brings descriptors all the same */
    unix_refused(&c, SDR_COMMFAIL, "refuses");
}

static void unix_regions(void **state)
{
    struct unix_case c;
    (void)state;
    unix_case_make(&c);
    close(c.region);
    c.region = region_make(CM_REGION_UNIX, F_SEAL_GROW, 1);
    unix_refused(&c, SDR_COMMFAIL, "not sealed");
    unix_case_make(&c);
    c.hello.region_size *= 2;
    unix_refused(&c, SDR_COMMFAIL, "bytes, not");
    unix_case_make(&c);
    close(c.region);
    c.region = eventfd(0, EFD_CLOEXEC);
    unix_refused(&c, SDR_COMMFAIL, "not a memory file");
    unix_case_make(&c);
    close(c.region);
    c.region = region_make(CM_REGION_UNIX, SEALS, 2); /* more queue pairs than there is room for */
    unix_refused(&c, SDR_COMMFAIL, "queue pairs in");
    unix_case_make(&c);
    close(c.region);
    c.region = region_make(CM_PAGE, SEALS, 1);
    c.hello.region_size = CM_PAGE;
    unix_refused(&c, SDR_COMMFAIL, "only 4096 bytes");
    unix_case_make(&c);
    uint64_t other = CM_MAGIC + 1;
    assert_int_equal(pwrite(c.region, &other, 8, 0), 8);
    unix_refused(&c, SDR_COMMFAIL, "magic");
    unix_case_make(&c); /* no broker yet, which is fine, but no room for a queue pair, which would be a SIGBUS */
    close(c.region);
    c.region = region_make(CM_HEADER_SIZE + CM_PAGE, SEALS, 1);
    c.hello.region_size = CM_HEADER_SIZE + CM_PAGE;
    other = 0;
    assert_int_equal(pwrite(c.region, &other, 8, 0), 8);
    unix_refused(&c, SDR_COMMFAIL, "only");
}

/* The ivshmem server's words up to our own eventfds of two vectors. */
static void peer_words(struct server *server, int region, const int fds[4])
{
    static const int64_t zero = 0, minus = -1, host = CM_IVSHMEM_HOST, own = CM_IVSHMEM_GUEST;
    *server = (struct server){.words = {{&zero, 8, {0}, 0},
                                        {&own, 8, {0}, 0},
                                        {&minus, 8, {region}, 1},
                                        {&host, 8, {fds[0]}, 1},
                                        {&host, 8, {fds[1]}, 1},
                                        {&own, 8, {fds[2]}, 1},
                                        {&own, 8, {fds[3]}, 1}}};
}

static void peer_works(void **state)
{
    struct server servers[3];
    struct reach *reaches[3];
    char text[REACH_TEXT];
    eventfd_t count;
    int fds[4], before = descriptors(), region = region_make(4u << 20, SEALS, 2);
    (void)state;
    for (int i = 0; i < 4; i++)
        fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (int i = 0; i < 3; i++) { /* two have a queue pair each and its vectors, the third finds none */
        peer_words(&servers[i], region, fds);
        server_start(&servers[i]);
        assert_int_equal(reach_open("ivshmem-peer", path, &reaches[i], text), i < 2 ? SDR_OK : SDR_NOBUFFER);
        if (i < 2) {
            reaches[i]->driver->ring(reaches[i]);
            assert_int_equal(eventfd_read(fds[i], &count), 0);
            eventfd_write(fds[2 + i], 1);
            reaches[i]->driver->wait(reaches[i], 10000);
            assert_true(eventfd_read(fds[2 + i], &count) < 0);
            uint32_t seen = 0;
            shm_store32(reaches[i]->qp, CM_QP_PARAMS, 5u + (uint32_t)i);
            assert_int_equal(pread(region, &seen, 4, (off_t)CM_QP_OFFSET(i) + CM_QP_PARAMS), 4);
            assert_int_equal(seen, 5 + i);
        }
    }
    for (int i = 0; i < 3; i++)
        server_stop(&servers[i]);
    for (int i = 0; i < 2; i++) {
        assert_false(reaches[i]->driver->alive(reaches[i]));
        reaches[i]->driver->close(reaches[i]);
    }
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    close(region);
    assert_int_equal(descriptors(), before);
}

/* Each handshake that lacks a word, or has its words in another order, is refused, and nothing stays open. */
static void peer_refusals(void **state)
{
    char text[REACH_TEXT];
    int fds[4], region = region_make(4u << 20, SEALS, 2);
    (void)state;
    for (int i = 0; i < 4; i++)
        fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (int spoilt = 0; spoilt < 6; spoilt++) {
        struct server server;
        struct reach *reach;
        int before = descriptors();
        peer_words(&server, region, fds);
        if (spoilt == 5)
            server.words[2].fd_count = 0; /* the region's word without the region */
        else
            memmove(&server.words[spoilt], &server.words[spoilt + 1], (size_t)(7 - spoilt) * sizeof server.words[0]);
        if (spoilt >= 3 && spoilt < 5)
            server.words[3].bytes = NULL; /* no host vector, or no own one: the server ends */
        server.hang_up = true;
        server_start(&server);
        assert_int_equal(reach_open("ivshmem-peer", path, &reach, text), SDR_COMMFAIL);
        server_stop(&server);
        assert_int_equal(descriptors(), before);
    }
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    close(region);
}

static void nobody_there(void **state)
{
    struct reach *reach;
    char text[REACH_TEXT], long_path[200];
    (void)state;
    unlink(path);
    assert_int_equal(reach_open("unix", path, &reach, text), SDR_OPENDEVICE);
    assert_non_null(strstr(text, path));
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = 0;
    assert_int_equal(reach_open("unix", long_path, &reach, text), SDR_OPENDEVICE);
    assert_int_equal(reach_open("carrier-pigeon", NULL, &reach, NULL), SDR_OPENDEVICE);
    /* a socket named in the environment is taken or the open fails: no other way is tried */
    setenv("CARDMUX_SOCKET", path, 1);
    assert_int_equal(reach_open(NULL, NULL, &reach, text), SDR_OPENDEVICE);
    assert_null(strstr(text, "ivshmem"));
    /* and a forced way does not fall back on the socket */
    setenv("CARDMUX_REACH", "ivshmem-module", 1);
    assert_int_equal(reach_open(NULL, NULL, &reach, text), SDR_OPENDEVICE);
    assert_null(strstr(text, "unix"));
    unsetenv("CARDMUX_SOCKET");
    unsetenv("CARDMUX_REACH");
}

static void ways_are(const char *named, bool again, bool sole, const char *expected)
{
    struct reach_choice choice;
    char text[REACH_TEXT] = "", ways[200] = "";
    uint32_t code = reach_choose(&choice, named, NULL, again, text);
    for (size_t i = 0; code == SDR_OK && i < choice.n; i++) {
        strcat(ways, i ? " " : "");
        strcat(ways, choice.ways[i]->name);
    }
    assert_string_equal(ways, expected ? expected : "");
    assert_int_equal(code, expected ? SDR_OK : SDR_OPENDEVICE);
    if (expected)
        assert_int_equal(choice.sole, sole);
    else
        assert_non_null(strstr(text, "no reach"));
}

static void ways_in_order(void **state)
{
    (void)state;
    ways_are("vsock", false, true, "vsock");
    ways_are("ivshmem", true, true, "ivshmem-module ivshmem-vfio ivshmem-poll");
    ways_are("ivshmem, vsock ,unix", false, false, "ivshmem-module ivshmem-vfio ivshmem-poll vsock unix");
    ways_are("unix,stream,unix", true, false, "unix stream");
    ways_are("ivshmem-poll,ivshmem", false, false, "ivshmem-poll ivshmem-module ivshmem-vfio");
    ways_are("unix,", false, false, NULL);
    ways_are(",unix", false, false, NULL);
    ways_are("unix,,vsock", false, false, NULL);
    ways_are(" ", false, false, NULL);
    ways_are("unix vsock", false, false, NULL);
    setenv("CARDMUX_SOCKET", path, 1);
    ways_are(NULL, false, true, "unix");
    ways_are(NULL, true, true, "unix");
    setenv("CARDMUX_REACH", "vsock,unix", 1);
    ways_are(NULL, true, false, "vsock unix");
    unsetenv("CARDMUX_SOCKET");
    unsetenv("CARDMUX_REACH");
    struct reach_choice choice;
    char text[REACH_TEXT];
    assert_int_equal(reach_choose(&choice, "unix,stream", path, false, text), SDR_OPENDEVICE);
}

/* In a place of its own, where the usual socket can be put and taken away. */
static bool own_run(void)
{
    return (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("none", "/run", "tmpfs", 0, NULL) == 0 &&
           mkdir("/run/cardmux", 0755) == 0;
}

#define USUAL_WAYS "unix ivshmem-module ivshmem-vfio ivshmem-poll vsock"

/* A socket in the usual place was put there for this very container: it is that or nothing, even where it is dead, but
   who had a tenant may look for it at other doors. */
static void a_socket_that_is_there_is_meant(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = CONF_SOCKET};
    struct reach *reach;
    char text[REACH_TEXT];
    int status = 0;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        if (!own_run())
            _exit(77);
        ways_are(NULL, false, false, USUAL_WAYS);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
        ways_are(NULL, false, false, "unix");
        ways_are(NULL, true, false, USUAL_WAYS);
        assert_int_equal(reach_open(NULL, NULL, &reach, text), SDR_OPENDEVICE);
        assert_non_null(strstr(text, CONF_SOCKET));
        assert_null(strstr(text, "vsock"));
        ways_are("ivshmem,vsock", false, false, "ivshmem-module ivshmem-vfio ivshmem-poll vsock");
        unlink(CONF_SOCKET);
        ways_are(NULL, false, false, USUAL_WAYS);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("skipped: needs a mount namespace of its own\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void conf_files(void **state)
{
    static const struct {
        const char *bytes;
        const char *wrong; /* NULL: fine */
        unsigned line;
        const char *socket, *reach;
    } cases[] = {
        {"", NULL, 0, "", ""},
        {"# a comment\n\n  socket = /a/b \r\n", NULL, 0, "/a/b", ""},
        {"reach=ivshmem\nsocket=/x", NULL, 0, "/x", "ivshmem"},
        {"socket = relative", "begins with /", 1, "", ""},
        {"stream = relative", "begins with /", 1, "", ""},
        {"stream = /s", NULL, 0, "", ""},
        {"vsock = off\nvsock = 2:3", "twice", 2, "", ""},
        {"vsock = 2:3", NULL, 0, "", ""},
        {"\nsocket = /a\nsocket = /b\n", "twice", 3, "", ""},
        {"sockets = /a", "unknown", 1, "", ""},
        {"socket", "word = value", 1, "", ""},
        {"reach =\n", "empty", 1, "", ""},
        {"= /a", "unknown", 1, "", ""},
    };
    struct conf conf;
    unsigned line;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *wrong = conf_parse(cases[i].bytes, strlen(cases[i].bytes), &conf, &line);
        assert_int_equal(wrong != NULL, cases[i].wrong != NULL);
        if (wrong) {
            assert_non_null(strstr(wrong, cases[i].wrong));
            assert_int_equal(line, cases[i].line);
        }
        assert_string_equal(conf.socket, cases[i].socket);
        assert_string_equal(conf.reach, cases[i].reach);
    }
    char big[200] = "reach = ";
    memset(big + 8, 'r', sizeof big - 8);
    assert_non_null(conf_parse(big, 8 + CONF_VALUE, &conf, &line));
    assert_null(conf_parse(big, 8 + CONF_VALUE - 1, &conf, &line));
    assert_int_equal(strlen(conf.reach), CONF_VALUE - 1);
    assert_non_null(conf_parse("reach = a\0b", 11, &conf, &line));
}

static void places_of_vsock(void **state)
{
    static const struct {
        const char *where;
        bool fine;
        uint32_t cid, port;
    } cases[] = {
        {NULL, true, 2, 21316},       {"", true, 2, 21316},
        {"3", true, 3, 21316},        {"1:99", true, 1, 99},
        {":5", true, 2, 5},           {"4294967294", true, 4294967294u, 21316},
        {"4294967295", false, 0, 0},  {"1:4294967295", false, 0, 0},
        {"-1", false, 0, 0},          {"1:", false, 0, 0},
        {"x", false, 0, 0},           {"1:2:3", false, 0, 0},
        {"99999999999", false, 0, 0}, {"1:99999999999", false, 0, 0},
        {" 1", false, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t cid = 0, port = 0;
        assert_int_equal(vsock_place(cases[i].where, &cid, &port), cases[i].fine);
        if (cases[i].fine) {
            assert_int_equal(cid, cases[i].cid);
            assert_int_equal(port, cases[i].port);
        }
    }
}

/* Switched off, vsock is not even asked for; a place that is none is said. */
static void vsock_can_be_off(void **state)
{
    struct reach *reach;
    char text[REACH_TEXT];
    (void)state;
    setenv("CARDMUX_VSOCK", "off", 1);
    assert_int_equal(reach_open("vsock", NULL, &reach, text), SDR_OPENDEVICE);
    assert_non_null(strstr(text, "off"));
    setenv("CARDMUX_VSOCK", "next door", 1);
    assert_int_equal(reach_open("vsock", NULL, &reach, text), SDR_OPENDEVICE);
    assert_non_null(strstr(text, "next door"));
    setenv("CARDMUX_VSOCK", "off", 1);
}

static int set_up(void **state)
{
    (void)state;
    unsetenv("CARDMUX_SOCKET");
    unsetenv("CARDMUX_REACH");
    unsetenv("CARDMUX_STREAM");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unix_works),       cmocka_unit_test(unix_refusals),
        cmocka_unit_test(unix_descriptors), cmocka_unit_test(unix_regions),
        cmocka_unit_test(peer_works),       cmocka_unit_test(peer_refusals),
        cmocka_unit_test(nobody_there),     cmocka_unit_test(conf_files),
        cmocka_unit_test(places_of_vsock),  cmocka_unit_test(vsock_can_be_off),
        cmocka_unit_test(ways_in_order),    cmocka_unit_test(a_socket_that_is_there_is_meant),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
