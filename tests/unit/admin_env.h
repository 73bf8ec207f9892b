/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_env.h: the admin process from outside: admin_main runs on a thread of its own, with the keeper's part and the
 * broker's part (message.h) played by the test, and raw HTTP on its socket. The fake broker keeps nothing: it answers
 * by the tenant's name. The sandbox is played too; here only that it is entered, and in which order.
 */
#ifndef CARDMUX_TEST_ADMIN_ENV_H
#define CARDMUX_TEST_ADMIN_ENV_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <grp.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "backend/admin/body.h"
#include "backend/admin/http.h"
#include "backend/admin/message.h"
#include "backend/admin/route.h"
#include "backend/main/broker_entry.h"

static char sandbox_calls[32];
static struct admin_message refused_seen; /* the last one that the fake broker was told of */
static _Atomic unsigned refused_count;    /* in one order with it, for those who hear of it by another process */

int sandbox_drop(const char *dir, uid_t uid, gid_t gid, char *text)
{
    (void)uid, (void)gid, (void)text;
    strcat(sandbox_calls, strstr(dir, "/empty") ? "drop " : "drop-into-run-dir ");
    return 0;
}

int sandbox_filter(enum sandbox_role role, char *text)
{
    (void)text;
    strcat(sandbox_calls, role == SANDBOX_ADMIN ? "filter" : "wrong-filter");
    return 0;
}

bool sandbox_probe(const char *what, char *text)
{
    (void)what, (void)text;
    return true;
}

struct fixture {
    char dir[64], path[96];
    int listen_fd, keeper_fd; /* the keeper's end */
    int admin_keeper_fd;
    pthread_t admin, broker;
    int broker_fd;
    int status;
    struct daemon_config config;
};

static inline void *admin_thread(void *arg)
{
    struct fixture *f = arg;
    struct admin_start start = {.config = &f->config, .listen_fd = f->listen_fd, .keeper_fd = f->admin_keeper_fd};
    f->status = admin_main(&start);
    return NULL;
}

/* The fake broker. Tenants' names say what happens: "absent" is not there, "taken" is there already, "silent" gets no
   answer, "die" ends the broker, "mute" refuses without a sentence, "wrong" sends rows of the wrong size first. */
static inline bool broker_answer(int fd, const struct admin_message *m)
{
    struct admin_message done = {.type = ADMIN_DONE, .id = m->id};
    struct admin_message row = *m;
    const char *name = m->tenant.name;
    row.type = ADMIN_ROW;
    if (strcmp(name, "silent") == 0)
        return true;
    if (strcmp(name, "die") == 0)
        return false;
    if (strcmp(name, "wrong") == 0)
        send(fd, "x", 1, MSG_NOSIGNAL);
    if (strcmp(name, "absent") == 0)
        done.result = VAULT_NOT_FOUND, strcpy(done.text, "there is no tenant \"absent\"");
    if (strcmp(name, "taken") == 0)
        done.result = VAULT_EXISTS, memset(done.text, 0xff, sizeof done.text); /* neither UTF-8 nor terminated */
    if (strcmp(name, "mute") == 0)
        done.result = VAULT_IO;
    strcpy(row.tenant.serial, "CM00000000000001");
    row.counters.rejects[CM_GATE_KEY] = 3;
    row.counters.operations = 12;
    memset(row.sign_public, 0xab, 64);
    row.key.has_code = m->code_len > 0;
    if (m->code_len) /* the test looks at it: the code came through whole */
        row.key.failures = m->code_len * 1000 + m->code[0];
    strcpy(row.status.card, "soft");
    strcpy(row.status.card_state, "ok");
    row.status.generation = 0xfeedfacecafebeefull;
    row.audit.state.seq = 77;
    if (m->type == ADMIN_AUDIT_REFUSED) {
        refused_seen = *m;
        refused_count++;
        return send(fd, &done, sizeof done, MSG_NOSIGNAL) > 0;
    }
    for (unsigned i = 0; i < 2 && m->type == ADMIN_AUDIT_READ; i++) {
        row.audit.len = (uint32_t)snprintf(row.audit.bytes, sizeof row.audit.bytes, "file %u from %u row %u \xff\n",
                                           (unsigned)m->audit.segment, (unsigned)m->audit.offset, i);
        if (send(fd, &row, sizeof row, MSG_NOSIGNAL) < 0)
            return false;
    }
    if (m->type == ADMIN_AUDIT_READ)
        return send(fd, &done, sizeof done, MSG_NOSIGNAL) > 0;
    unsigned rows = m->type == ADMIN_TENANT_LIST ? 50 : m->type == ADMIN_KEY_LIST ? 2 : 1;
    for (unsigned i = 0; i < rows && done.result == VAULT_OK; i++)
        if (send(fd, &row, sizeof row, MSG_NOSIGNAL) < 0)
            return false;
    return send(fd, &done, sizeof done, MSG_NOSIGNAL) > 0;
}

static inline void *broker_thread(void *arg)
{
    struct fixture *f = arg;
    struct admin_message m;
    while (recv(f->broker_fd, &m, sizeof m, 0) == sizeof m && broker_answer(f->broker_fd, &m))
        ;
    close(f->broker_fd);
    return NULL;
}

static inline void start_broker(struct fixture *f)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    char byte = 'B';
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &pair[0], sizeof(int));
    assert_int_equal(sendmsg(f->keeper_fd, &msg, 0), 1);
    close(pair[0]);
    f->broker_fd = pair[1];
    assert_int_equal(pthread_create(&f->broker, NULL, broker_thread, f), 0);
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int pair[2];
    strcpy(f->dir, "/tmp/test-admin-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(chmod(f->dir, 0755), 0);
    snprintf(f->path, sizeof f->path, "%s/admin.sock", f->dir);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, f->path);
    f->listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(f->listen_fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(chmod(f->path, 0666), 0); /* wider than in life, so that it is the peer check that refuses */
    assert_int_equal(listen(f->listen_fd, 64), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    f->keeper_fd = pair[0];
    f->admin_keeper_fd = pair[1];
    f->config = (struct daemon_config){.run_dir = f->dir,
                                       .group = "games",
                                       .security_group = "mail",
                                       .audit_group = "no-such-group",
                                       .root_roles = ROLE_ANY};
    sandbox_calls[0] = 0;
    assert_int_equal(pthread_create(&f->admin, NULL, admin_thread, f), 0);
    *state = f;
    return 0;
}

static inline int set_up_with_broker(void **state)
{
    set_up(state);
    start_broker(*state);
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    char empty[96];
    close(f->keeper_fd);
    pthread_join(f->admin, NULL);
    if (f->broker)
        pthread_join(f->broker, NULL);
    close(f->admin_keeper_fd);
    close(f->listen_fd);
    unlink(f->path);
    snprintf(empty, sizeof empty, "%s/empty", f->dir);
    rmdir(empty);
    rmdir(f->dir);
    int status = f->status;
    free(f);
    return status;
}

static inline int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static inline void write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* refused half-way: the answer tells */
        bytes += n, len -= (size_t)n;
    }
}

struct reply {
    int status;
    char head[1024];
    json_t *json;
};

static inline struct reply read_reply(int fd)
{
    static char buffer[1 << 20];
    size_t len = 0;
    struct reply reply = {0};
    for (;;) {
        ssize_t n = recv(fd, buffer + len, sizeof buffer - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    buffer[len] = 0;
    char *body = strstr(buffer, "\r\n\r\n");
    if (!body)
        return reply;
    *body = 0;
    sscanf(buffer, "HTTP/1.1 %d", &reply.status);
    snprintf(reply.head, sizeof reply.head, "%.1000s", buffer);
    if (body[4])
        reply.json = json_loads(body + 4, JSON_REJECT_DUPLICATES, NULL);
    return reply;
}

static inline int send_request(const char *path, const char *method, const char *url, const char *body, size_t len)
{
    char head[512];
    int fd = dial(path);
    int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                     method, url, len);
    write_all(fd, head, (size_t)n);
    write_all(fd, body, len);
    return fd;
}

static inline struct reply ask(struct fixture *f, const char *method, const char *url, const char *body)
{
    int fd = send_request(f->path, method, url, body, strlen(body));
    struct reply reply = read_reply(fd);
    close(fd);
    return reply;
}

static inline void expect(struct fixture *f, const char *method, const char *url, const char *body, int status,
                          const char *code)
{
    struct reply reply = ask(f, method, url, body);
    json_t *error = json_object_get(reply.json, "error");
    const char *got = json_string_value(json_object_get(error, "code"));
    if (reply.status != status || (code && (!got || strcmp(got, code) != 0)))
        fail_msg("%s %s %s: %d %s", method, url, body, reply.status, got ? got : "");
    if (code)
        assert_true(json_string_length(json_object_get(error, "message")) > 0);
    json_decref(reply.json);
}

/* Until the admin process has read 'B'. */
static inline void wait_for_broker(struct fixture *f)
{
    int status;
    do {
        struct reply r = ask(f, "GET", "/v1/status", "");
        status = r.status;
        json_decref(r.json);
    } while (status == 503);
    assert_int_equal(status, 200);
}

#endif
