/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keeper.c: the real keeper with a broker and an admin process that this file makes up. The broker opens the door
 * of one tenant and then does what its configuration says under `fault`:
 *
 *   good       serves; a REGION makes it write its own pid into the region's first bytes
 *   refuses    READY with a status
 *   dies       ends before READY
 *   babbles    sends packets of every wrong kind, then is as good
 *   deaf       opens doors and READY, then never reads again
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "backend/main/handover.h"
#include "backend/main/keeper.h"
#include "backend/vault/master_key.h"

#define PATIENCE_MS 20000 /* until a test gives up; nothing is timed */

/* ---- the made-up broker and admin ---- */

static void say_to_keeper(int fd, struct handover *message)
{
    if (send(fd, message, sizeof(*message), MSG_NOSIGNAL) < 0) {
        _exit(9);
    }
}

static void babble(int fd)
{
    static const uint32_t types[] = {0, HANDOVER_DOOR_RESULT, HANDOVER_REGION, HANDOVER_REGION_GONE, 99, UINT32_MAX};
    uint8_t junk[2 * sizeof(struct handover)];
    memset(junk, 0xff, sizeof(junk));
    for (size_t len = 0; len <= sizeof(junk); len += 13) {
        send(fd, junk, len, MSG_NOSIGNAL);
    }
    struct handover message = {0};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        message.type = types[i];
        say_to_keeper(fd, &message);
    }
    message.type = HANDOVER_DOOR;
    message.tenant = 3;
    memcpy(message.name, "../../x", 8);
    say_to_keeper(fd, &message);
    message.type = HANDOVER_DROPPED;
    message.region = 1;
    say_to_keeper(fd, &message);
    /* descriptors that nobody asked for */
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {&message, sizeof(message)};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
    CMSG_FIRSTHDR(&header)->cmsg_level = SOL_SOCKET;
    CMSG_FIRSTHDR(&header)->cmsg_type = SCM_RIGHTS;
    CMSG_FIRSTHDR(&header)->cmsg_len = CMSG_LEN(sizeof(int));
    for (int i = 0; i < 50; i++) {
        sendmsg(fd, &header, MSG_NOSIGNAL);
    }
}

static int region_serve(const struct handover *message, struct msghdr *header)
{
    struct cmsghdr *rights = CMSG_FIRSTHDR(header);
    int fds[HANDOVER_FDS], result = -1;
    if (!rights || message->qp_count > CM_QP_MAX) {
        return -1;
    }
    memcpy(fds, CMSG_DATA(rights), (1 + 2 * message->qp_count) * sizeof(int));
    uint64_t pid = (uint64_t)getpid();
    if (pwrite(fds[0], &pid, sizeof(pid), 0) == sizeof(pid)) {
        result = 0;
    }
    for (unsigned i = 0; i < 1 + 2 * message->qp_count; i++) {
        close(fds[i]);
    }
    return result;
}

int broker_main(const struct broker_start *start)
{
    const char *fault = start->config->card_fault;
    int fd = start->keeper_fd;
    if (start->master[0] != 0x5a) {
        return 7;
    }
    explicit_bzero(start->master, VAULT_MASTER_KEY);
    if (strcmp(fault, "dies") == 0) {
        return 5;
    }
    struct handover ready = {.type = HANDOVER_READY};
    if (strcmp(fault, "refuses") == 0) {
        ready.status = 1;
        memcpy(ready.text, "the card is not plugged in", 27);
        say_to_keeper(fd, &ready);
        return 1;
    }
    if (strcmp(fault, "babbles") == 0) {
        babble(fd);
    }
    struct handover door = {.type = HANDOVER_DOOR,
                            .tenant = 1,
                            .owner_uid = getuid(),
                            .owner_gid = getgid(),
                            .max_connections = 8,
                            .name = "t1"};
    say_to_keeper(fd, &door);
    say_to_keeper(fd, &ready);
    while (strcmp(fault, "deaf") == 0) {
        pause();
    }
    for (;;) {
        struct handover message;
        union {
            struct cmsghdr align;
            char room[CMSG_SPACE(HANDOVER_FDS * sizeof(int))];
        } control;
        struct iovec part = {&message, sizeof(message)};
        struct msghdr header = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
        ssize_t len = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
        if (len == 0) {
            return 0;
        }
        if (len != sizeof(message) || (message.type == HANDOVER_REGION && region_serve(&message, &header))) {
            return 8;
        }
        if (message.type == HANDOVER_REGION_GONE) {
            message.type = HANDOVER_DROPPED;
            say_to_keeper(fd, &message);
        }
    }
}

/* Takes descriptors until the keeper is gone. */
int admin_main(const struct admin_start *start)
{
    char byte;
    while (recv(start->keeper_fd, &byte, 1, 0) == 1) {
    }
    return 0;
}

/* ---- the test's side ---- */

struct daemon_run {
    char dir[64];
    pid_t keeper;
    int ready; /* read end of --ready-fd */
    int log;   /* read end of its standard error */
    char said[8192];
};

static void write_file(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static void run_keeper(struct daemon_run *run, const char *fault)
{
    int ready[2], logs[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(logs), 0);
    run->keeper = fork();
    assert_true(run->keeper >= 0);
    if (run->keeper == 0) {
        struct config config;
        char text[CONFIG_TEXT], path[100];
        dup2(logs[1], STDERR_FILENO);
        close(ready[0]), close(logs[0]), close(logs[1]);
        snprintf(path, sizeof(path), "%s/conf", run->dir);
        if (config_load(&config, path, text)) {
            _exit(100);
        }
        config.daemon.card_fault = strdup(fault);
        _exit(keeper_run(&config, ready[1]));
    }
    close(ready[1]), close(logs[1]);
    run->ready = ready[0];
    run->log = logs[0];
}

static void run_start(struct daemon_run *run, const char *fault)
{
    char path[100], text[400];
    uint8_t key[VAULT_MASTER_KEY];
    memset(run, 0, sizeof(*run));
    snprintf(run->dir, sizeof(run->dir), "/tmp/cardmux-keeper-XXXXXX");
    assert_non_null(mkdtemp(run->dir));
    snprintf(path, sizeof(path), "%s/key", run->dir);
    memset(key, 0x5a, sizeof(key));
    write_file(path, key, sizeof(key));
    snprintf(path, sizeof(path), "%s/conf", run->dir);
    snprintf(text, sizeof(text), "[daemon]\nuser = nobody\nstate = %s/s\nrun = %s/r\nmaster-key = %s/key\n", run->dir,
             run->dir, run->dir);
    write_file(path, text, strlen(text));
    run_keeper(run, fault);
}

static bool readable(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    return poll(&poller, 1, PATIENCE_MS) == 1;
}

static void wait_ready(struct daemon_run *run)
{
    char line[16] = "";
    assert_true(readable(run->ready));
    if (read(run->ready, line, sizeof(line)) <= 0) {
        line[0] = 0;
    }
    assert_string_equal(line, "ready\n");
}

/* Reads its log until it says so. */
static void wait_said(struct daemon_run *run, const char *words)
{
    size_t len = strlen(run->said);
    while (!strstr(run->said, words)) {
        assert_true(readable(run->log));
        ssize_t got = read(run->log, run->said + len, sizeof(run->said) - 1 - len);
        if (got <= 0) {
            fail_msg("never said \"%s\": %s", words, run->said);
        }
        len += (size_t)got;
        run->said[len] = 0;
    }
}

static int run_wait(struct daemon_run *run)
{
    int status;
    assert_int_equal(waitpid(run->keeper, &status, 0), run->keeper);
    close(run->ready), close(run->log);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_end(struct daemon_run *run)
{
    char command[100];
    struct stat is;
    kill(run->keeper, SIGTERM);
    assert_int_equal(run_wait(run), 0);
    snprintf(command, sizeof(command), "%s/r/admin.sock", run->dir);
    assert_int_equal(stat(command, &is), -1);
    snprintf(command, sizeof(command), "%s/r/tenant/t1/unix.sock", run->dir);
    assert_int_equal(stat(command, &is), -1);
    snprintf(command, sizeof(command), "rm -r %s", run->dir);
    assert_int_equal(system(command), 0);
}

static int enter(struct daemon_run *run, int *memory)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct cm_hello hello;
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(3 * sizeof(int))];
    } control;
    struct iovec part = {&hello, sizeof(hello)};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/r/tenant/t1/unix.sock", run->dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fds[3];
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_true(readable(fd));
    assert_int_equal(recvmsg(fd, &header, MSG_CMSG_CLOEXEC), sizeof(hello));
    assert_int_equal(hello.status, 0);
    memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(fds));
    close(fds[1]), close(fds[2]);
    *memory = fds[0];
    return fd;
}

/* Waits until a broker other than `before` has written its pid into the region. */
static pid_t served_by(int memory, pid_t before)
{
    uint64_t pid = 0;
    for (int waited = 0; waited < PATIENCE_MS; waited += 5) {
        assert_int_equal(pread(memory, &pid, sizeof(pid), 0), sizeof(pid));
        if (pid != 0 && (pid_t)pid != before) {
            return (pid_t)pid;
        }
        usleep(5000);
    }
    fail_msg("no broker took the region");
    return 0;
}

static void test_serves_and_restarts(void **state)
{
    (void)state;
    struct daemon_run run;
    int memory, second;
    run_start(&run, "good");
    wait_ready(&run);
    int fd = enter(&run, &memory);
    pid_t broker = served_by(memory, 0);
    for (int i = 0; i < 8; i++) { /* the later ones after a pause that grows; never given up */
        assert_int_equal(kill(broker, SIGKILL), 0);
        broker = served_by(memory, broker);
    }
    wait_said(&run, "ended: signal 9 (Killed); started again\n");
    wait_said(&run, "started again in 100 ms");
    int other = enter(&run, &second);
    assert_int_equal(served_by(second, 0), broker);
    close(fd), close(other), close(memory), close(second);
    kill(run.keeper, SIGHUP); /* no meaning */
    run_end(&run);
    assert_int_equal(kill(broker, 0), -1);
}

static void test_refuses(void **state)
{
    (void)state;
    struct daemon_run run;
    run_start(&run, "refuses");
    wait_said(&run, "the card is not plugged in");
    assert_int_equal(run_wait(&run), 1);
    run_keeper(&run, "dies");
    wait_said(&run, "ended before it served: status 5");
    assert_int_equal(run_wait(&run), 1);
    run_keeper(&run, "good"); /* nothing was left that would hinder */
    wait_ready(&run);
    run_end(&run);
}

static void test_babbles(void **state)
{
    (void)state;
    struct daemon_run run;
    int memory;
    run_start(&run, "babbles");
    wait_ready(&run);
    int fd = enter(&run, &memory);
    served_by(memory, 0);
    close(fd), close(memory);
    run_end(&run);
}

/* A broker that does not read: the keeper goes on accepting, and loses nothing when that broker is replaced. */
static void test_deaf(void **state)
{
    (void)state;
    struct daemon_run run;
    int memory;
    run_start(&run, "deaf");
    wait_ready(&run);
    for (unsigned i = 0; i < 8; i++) {
        int fd = enter(&run, &memory);
        close(fd), close(memory);
    }
    int fd = enter(&run, &memory);
    close(fd), close(memory);
    run_end(&run);
}

static void test_second_daemon(void **state)
{
    (void)state;
    struct daemon_run run, second;
    run_start(&run, "good");
    wait_ready(&run);
    second = run;
    run_keeper(&second, "good");
    wait_said(&second, "another cardmuxd runs");
    assert_int_equal(run_wait(&second), 1);
    int memory;
    int fd = enter(&run, &memory); /* the first is unharmed, its sockets too */
    served_by(memory, 0);
    close(fd), close(memory);
    /* killed: its children end with it, and what it left does not hinder the next */
    kill(run.keeper, SIGKILL);
    assert_int_equal(run_wait(&run), 128 + SIGKILL);
    run_keeper(&run, "good");
    wait_ready(&run);
    run_end(&run);
}

static void test_missing_key(void **state)
{
    (void)state;
    struct daemon_run run;
    char path[100];
    run_start(&run, "good");
    wait_ready(&run);
    kill(run.keeper, SIGTERM);
    assert_int_equal(run_wait(&run), 0);
    snprintf(path, sizeof(path), "%s/key", run.dir);
    unlink(path);
    run_keeper(&run, "good");
    wait_said(&run, "/key");
    assert_int_equal(run_wait(&run), 1);
    snprintf(path, sizeof(path), "rm -r %s", run.dir);
    assert_int_equal(system(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serves_and_restarts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_babbles),
        cmocka_unit_test(test_deaf),
        cmocka_unit_test(test_second_daemon),
        cmocka_unit_test(test_missing_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
