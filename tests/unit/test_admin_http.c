/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin process from outside: admin_main runs on a thread of its own, with the keeper's part and the broker's part
 * (message.h) played by this program, and raw HTTP on its socket. The fake broker keeps nothing: it answers by the
 * tenant's name. The sandbox is played too; here only that it is entered, and in which order.
 */
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

static void *admin_thread(void *arg)
{
    struct fixture *f = arg;
    struct admin_start start = {.config = &f->config, .listen_fd = f->listen_fd, .keeper_fd = f->admin_keeper_fd};
    f->status = admin_main(&start);
    return NULL;
}

/* The fake broker. Tenants' names say what happens: "absent" is not there, "taken" is there already, "silent" gets no
   answer, "die" ends the broker, "mute" refuses without a sentence, "wrong" sends rows of the wrong size first. */
static bool broker_answer(int fd, const struct admin_message *m)
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
    unsigned rows = m->type == ADMIN_TENANT_LIST ? 50 : m->type == ADMIN_KEY_LIST ? 2 : 1;
    for (unsigned i = 0; i < rows && done.result == VAULT_OK; i++)
        if (send(fd, &row, sizeof row, MSG_NOSIGNAL) < 0)
            return false;
    return send(fd, &done, sizeof done, MSG_NOSIGNAL) > 0;
}

static void *broker_thread(void *arg)
{
    struct fixture *f = arg;
    struct admin_message m;
    while (recv(f->broker_fd, &m, sizeof m, 0) == sizeof m && broker_answer(f->broker_fd, &m))
        ;
    close(f->broker_fd);
    return NULL;
}

static void start_broker(struct fixture *f)
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

static int set_up(void **state)
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

static int set_up_with_broker(void **state)
{
    set_up(state);
    start_broker(*state);
    return 0;
}

static int tear_down(void **state)
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

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void write_all(int fd, const char *bytes, size_t len)
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

static struct reply read_reply(int fd)
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

static int send_request(const char *path, const char *method, const char *url, const char *body, size_t len)
{
    char head[512];
    int fd = dial(path);
    int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                     method, url, len);
    write_all(fd, head, (size_t)n);
    write_all(fd, body, len);
    return fd;
}

static struct reply ask(struct fixture *f, const char *method, const char *url, const char *body)
{
    int fd = send_request(f->path, method, url, body, strlen(body));
    struct reply reply = read_reply(fd);
    close(fd);
    return reply;
}

static void expect(struct fixture *f, const char *method, const char *url, const char *body, int status,
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
static void wait_for_broker(struct fixture *f)
{
    int status;
    do {
        struct reply r = ask(f, "GET", "/v1/status", "");
        status = r.status;
        json_decref(r.json);
    } while (status == 503);
    assert_int_equal(status, 200);
}

static void every_route_answers(void **state)
{
    struct fixture *f = *state;
    expect(f, "GET", "/v1/status", "", 200, NULL);
    expect(f, "GET", "/v1/operations", "", 200, NULL);
    expect(f, "GET", "/v1/tenants", "", 200, NULL);
    expect(f, "POST", "/v1/tenants", "{\"name\": \"a\"}", 201, NULL);
    expect(f, "GET", "/v1/tenants/a", "", 200, NULL);
    expect(f, "PATCH", "/v1/tenants/a", "{\"weight\": 3}", 204, NULL);
    expect(f, "DELETE", "/v1/tenants/a", "", 204, NULL);
    expect(f, "GET", "/v1/tenants/a/keys", "", 200, NULL);
    expect(f, "POST", "/v1/tenants/a/keys", "{\"kind\": \"sm2\", \"index\": 1}", 201, NULL);
    expect(f, "DELETE", "/v1/tenants/a/keys/sm2/1", "", 204, NULL);
    expect(f, "POST", "/v1/tenants/a/keys/sm2/1/unlock", "", 204, NULL);
    expect(f, "POST", "/v1/card/test", "", 204, NULL);
    expect(f, "GET", "/v1/tenants/wrong", "", 200, NULL);
    unsigned rows = 0;
    while (route_row(rows))
        rows++;
    assert_int_equal(rows, 12); /* a new route: ask it above, and refuse it below */
    assert_string_equal(sandbox_calls, "drop filter");
}

/* Each route about a tenant with one that is not there; each with a body it does not take; each method wrong. */
static void every_route_refuses(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; route_row(i); i++) {
        const struct route *route = route_row(i);
        char url[128] = "";
        for (const char *p = route->pattern; *p; p++) {
            const char *word = strncmp(p, "{name}", 6) == 0    ? "absent"
                               : strncmp(p, "{kind}", 6) == 0  ? "sm2"
                               : strncmp(p, "{index}", 7) == 0 ? "1"
                                                               : NULL;
            char one[2] = {*p, 0};
            strcat(url, word ? word : one);
            p = word ? strchr(p, '}') : p;
        }
        expect(f, route->method, url, "{\"surprise\": 1}", 400, "unknown-field");
        expect(f, route->method, url, "{", 400, "bad-json");
        expect(f, "TRACE", url, "", 405, "method-not-allowed");
        const char *body = route->body == BODY_TENANT_SET     ? "{\"weight\": 1}"
                           : route->body == BODY_KEY_GENERATE ? "{\"kind\": \"kek\", \"index\": 1}"
                                                              : "";
        if (strstr(url, "absent"))
            expect(f, route->method, url, body, 404, "not-found");
        strcat(url, "?x=1");
        expect(f, route->method, url, body, 400, "unknown-field");
    }
    expect(f, "POST", "/v1/tenants", "{\"name\": \"taken\"}", 409, "exists");
    expect(f, "POST", "/v1/tenants", "{\"name\": \"mute\"}", 507, "io");
    expect(f, "GET", "/v2/status", "", 404, "no-such-path");
    expect(f, "GET", "/v1/tenants/a%2fb", "", 404, "no-such-path");
    expect(f, "GET", "/v1/tenants/UPPER", "", 400, "out-of-range");
}

static void answers_hold_what_the_broker_said(void **state)
{
    struct fixture *f = *state;
    struct reply r = ask(f, "POST", "/v1/tenants", "{\"name\": \"vm1\", \"owner_uid\": 7, \"owner_gid\": 8}");
    assert_non_null(strstr(r.head, "Location: /v1/tenants/vm1"));
    assert_string_equal(json_string_value(json_object_get(r.json, "name")), "vm1");
    assert_int_equal(json_integer_value(json_object_get(r.json, "owner_uid")), 7);
    json_t *counters = json_object_get(r.json, "counters");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(counters, "rejects"), "key")), 3);
    json_decref(r.json);
    r = ask(f, "POST", "/v1/tenants/a/keys", "{\"kind\": \"sm2\", \"index\": 9, \"code\": \"Kabc\"}");
    assert_true(json_is_true(json_object_get(r.json, "has_code")));
    assert_int_equal(json_integer_value(json_object_get(r.json, "failures")), 4000 + 'K');
    assert_int_equal(json_string_length(json_object_get(r.json, "sign_public")), 128);
    assert_null(json_object_get(r.json, "encrypt_public")); /* all zero: not there */
    json_decref(r.json);
    r = ask(f, "GET", "/v1/tenants", "");
    assert_int_equal(json_array_size(json_object_get(r.json, "tenants")), 50);
    json_decref(r.json);
    r = ask(f, "GET", "/v1/status", "");
    assert_string_equal(json_string_value(json_object_get(r.json, "generation")), "feedfacecafebeef");
    json_decref(r.json);
    r = ask(f, "GET", "/v1/operations", "");
    assert_true(json_array_size(json_object_get(r.json, "operations")) > 20);
    json_decref(r.json);
    r = ask(f, "PUT", "/v1/tenants/a", "");
    assert_non_null(strstr(r.head, "Allow: GET, PATCH, DELETE"));
    json_decref(r.json);
}

static void long_bodies(void **state)
{
    struct fixture *f = *state;
    static char body[BODY_MAX + 100000];
    memset(body, ' ', sizeof body);
    memcpy(body, "{\"name\": \"a\"}", 13);
    static const struct {
        size_t len;
        int status;
    } rows[] = {{BODY_MAX, 201}, {BODY_MAX + 1, 413}, {sizeof body, 413}};
    for (size_t i = 0; i < 3; i++) {
        int fd = send_request(f->path, "POST", "/v1/tenants", body, rows[i].len);
        struct reply r = read_reply(fd);
        assert_int_equal(r.status, rows[i].status);
        json_decref(r.json);
        close(fd);
    }
    int fd = dial(f->path); /* announced only: refused without being read */
    const char *head = "POST /v1/tenants HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n";
    write_all(fd, head, strlen(head));
    struct reply r = read_reply(fd);
    assert_int_equal(r.status, 413);
    json_decref(r.json);
    close(fd);
    fd = dial(f->path); /* in chunks, without a length */
    head = "POST /v1/tenants HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
           "8\r\n{\"name\":\r\n4\r\n\"a\"}\r\n0\r\n\r\n";
    write_all(fd, head, strlen(head));
    r = read_reply(fd);
    assert_int_equal(r.status, 201);
    json_decref(r.json);
    close(fd);
}

static void garbage_costs_one_connection(void **state)
{
    struct fixture *f = *state;
    static const char *const lines[] = {"\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02",
                                        "GET /v1/status HTTP/1.1\r\nContent-Length: -1\r\n\r\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        int fd = dial(f->path);
        write_all(fd, lines[i], strlen(lines[i]));
        close(fd);
    }
    static char header[70000];
    memset(header, 'a', sizeof header);
    memcpy(header, "GET /v1/status HTTP/1.1\r\nX: ", 28);
    int fd = dial(f->path);
    write_all(fd, header, sizeof header);
    struct reply r = read_reply(fd);
    assert_int_equal(r.status, 431);
    json_decref(r.json);
    close(fd);
    expect(f, "GET", "/v1/status", "", 200, NULL);
}

static void many_at_once(void **state)
{
    struct fixture *f = *state;
    int fds[60];
    for (unsigned round = 0; round < 5; round++) {
        for (size_t i = 0; i < 60; i++)
            fds[i] = send_request(f->path, "GET", i % 3 == 0 ? "/v1/tenants/silent" : "/v1/tenants", "", 0);
        for (size_t i = 0; i < 60; i++) {
            if (i % 3 == 0) {
                close(fds[i]); /* hangs up while its request is with the broker */
                continue;
            }
            struct reply r = read_reply(fds[i]);
            assert_int_equal(r.status, 200);
            assert_int_equal(json_array_size(json_object_get(r.json, "tenants")), 50);
            json_decref(r.json);
            close(fds[i]);
        }
        /* The silent ones keep their places until the broker ends. */
        expect(f, "DELETE", "/v1/tenants/die", "", 503, "broker-lost");
        pthread_join(f->broker, NULL);
        start_broker(f);
        wait_for_broker(f);
    }
}

static void without_a_broker(void **state)
{
    struct fixture *f = *state;
    struct reply r = ask(f, "POST", "/v1/tenants", "{\"name\": \"a\"}");
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.head, "Retry-After: "));
    json_decref(r.json);
    expect(f, "GET", "/v1/status", "", 503, "no-broker");
    expect(f, "GET", "/v1/operations", "", 200, NULL);
    /* what is wrong anyway is said even so */
    expect(f, "POST", "/v1/tenants", "{}", 400, "missing-field");
}

static void death_of_the_broker_in_flight(void **state)
{
    struct fixture *f = *state;
    int fd = send_request(f->path, "DELETE", "/v1/tenants/silent", "", 0);
    int reader = send_request(f->path, "GET", "/v1/tenants/silent", "", 0);
    /* The two are with the broker when a third one makes it die: it reads them in order. */
    expect(f, "PATCH", "/v1/tenants/die", "{\"weight\": 1}", 503, "broker-lost");
    struct reply r = read_reply(fd);
    assert_int_equal(r.status, 503);
    json_t *error = json_object_get(r.json, "error");
    assert_non_null(strstr(json_string_value(json_object_get(error, "message")), "not known whether"));
    json_decref(r.json);
    r = read_reply(reader);
    assert_int_equal(r.status, 503);
    error = json_object_get(r.json, "error");
    assert_null(strstr(json_string_value(json_object_get(error, "message")), "not known whether"));
    json_decref(r.json);
    close(fd);
    close(reader);
    pthread_join(f->broker, NULL);
    expect(f, "GET", "/v1/status", "", 503, "no-broker");
    start_broker(f);
    wait_for_broker(f);
}

/* The answer to a request made by another user; supplementary: one more group, 0 for none. */
static struct reply reply_as(struct fixture *f, uid_t uid, gid_t gid, gid_t supplementary, const char *method,
                             const char *path, const char *body)
{
    int pair[2], status;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char bytes[4096];
        if (setgroups(supplementary ? 1 : 0, &supplementary) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
            _exit(1);
        int fd = send_request(f->path, method, path, body, strlen(body));
        for (ssize_t n; (n = recv(fd, bytes, sizeof bytes, 0)) > 0;)
            write_all(pair[1], bytes, (size_t)n);
        _exit(0);
    }
    close(pair[1]);
    struct reply reply = read_reply(pair[0]);
    close(pair[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return reply;
}

static const char *message_of(const struct reply *reply)
{
    const char *text = json_string_value(json_object_get(json_object_get(reply->json, "error"), "message"));
    return text ? text : "";
}

static void expect_as(struct fixture *f, uid_t uid, gid_t gid, gid_t more, const char *method, const char *path,
                      const char *body, int status, const char *words)
{
    struct reply reply = reply_as(f, uid, gid, more, method, path, body);
    if (reply.status != status || (words && !strstr(message_of(&reply), words)))
        fail_msg("%s %s as %u: %d \"%s\", not %d \"%s\"", method, path, (unsigned)uid, reply.status, message_of(&reply),
                 status, words ? words : "");
    json_decref(reply.json);
}

static bool needs_root(void)
{
    if (geteuid() == 0)
        return true;
    print_message("skipped: needs root to become other users\n");
    skip();
    return false;
}

static void roles_come_from_groups(void **state)
{
    struct fixture *f = *state;
    if (!needs_root())
        return;
    gid_t operators = getgrnam("games")->gr_gid, officers = getgrnam("mail")->gr_gid;
    /* without any role: nothing, and the sentence names all */
    expect_as(f, 65534, 65534, 0, "GET", "/v1/operations", "", 403, "operator (group games) or security-officer");
    expect_as(f, 65534, 65534, 0, "GET", "/v1/nothing", "", 403, "user 65534 has the roles: none");
    expect_as(f, 65534, 65534, 0, "GET", "/v1/operations", "", 403, "no-such-group, which does not exist");
    /* by primary and by supplementary group */
    expect_as(f, 65534, operators, 0, "GET", "/v1/operations", "", 200, NULL);
    expect_as(f, 65534, 65534, operators, "GET", "/v1/operations", "", 200, NULL);
    expect_as(f, 65534, 65534, officers, "GET", "/v1/operations", "", 200, NULL);
    /* a role does not bring the others */
    expect_as(f, 65534, 65534, officers, "POST", "/v1/tenants", "{\"name\": \"a\"}", 403,
              "this needs the role operator (group games); user 65534 has the roles: security-officer");
    expect_as(f, 65534, 65534, operators, "POST", "/v1/tenants", "{\"name\": \"a\"}", 201, NULL);
    expect_as(f, 65534, officers, operators, "POST", "/v1/tenants", "{\"name\": \"a\"}", 201, NULL);
    expect_as(f, 0, 0, 0, "GET", "/v1/operations", "", 200, NULL);
}

static int set_up_separated(void **state)
{
    set_up_with_broker(state);
    struct fixture *f = *state;
    close(f->keeper_fd); /* again, with another configuration */
    pthread_join(f->admin, NULL);
    f->config.root_roles = ROLE_AUDITOR;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    pthread_join(f->broker, NULL);
    close(f->admin_keeper_fd);
    f->keeper_fd = pair[0];
    f->admin_keeper_fd = pair[1];
    assert_int_equal(pthread_create(&f->admin, NULL, admin_thread, f), 0);
    start_broker(f);
    return 0;
}

static void root_has_the_roles_that_the_configuration_gives(void **state)
{
    struct fixture *f = *state;
    expect(f, "GET", "/v1/operations", "", 200, NULL);
    expect(f, "POST", "/v1/tenants", "{\"name\": \"a\"}", 403, "not-allowed");
    if (geteuid() == 0)
        expect_as(f, 0, 0, getgrnam("games")->gr_gid, "POST", "/v1/tenants", "{\"name\": \"a\"}", 201, NULL);
}

/* What each role may do, so that a change of it is a change of this list. */
static void each_route_has_its_roles(void **state)
{
    (void)state;
    const struct route *route;
    for (unsigned i = 0; (route = route_row(i)); i++) {
        assert_true(route->roles != ROLE_NONE && !(route->roles & ~(unsigned)ROLE_ANY));
        if (route->change) /* nobody who only looks on, and never everybody */
            assert_true(route->roles != ROLE_ANY);
        if (strcmp(route->method, "GET") != 0 && strncmp(route->pattern, "/v1/audit", 9) != 0)
            assert_false(route->roles & ROLE_AUDITOR);
    }
}

/* Local users without a role cannot keep others out. */
static void strangers_take_no_room(void **state)
{
    struct fixture *f = *state;
    if (!needs_root())
        return;
    int ready[2], go[2];
    char byte = 'x';
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
            _exit(1);
        for (unsigned i = 0; i < 2 * HTTP_CONNECTIONS; i++)
            dial(f->path);
        if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) < 0)
            _exit(2);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    for (unsigned i = 0; i < 4; i++)
        expect(f, "GET", "/v1/operations", "", 200, NULL);
    assert_int_equal(write(go[1], &byte, 1), 1);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    for (int i = 0; i < 2; i++)
        close(ready[i]), close(go[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_route_answers, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(every_route_refuses, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(answers_hold_what_the_broker_said, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(long_bodies, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(garbage_costs_one_connection, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(many_at_once, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(without_a_broker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(death_of_the_broker_in_flight, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(roles_come_from_groups, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(root_has_the_roles_that_the_configuration_gives, set_up_separated, tear_down),
        cmocka_unit_test(each_route_has_its_roles),
        cmocka_unit_test_setup_teardown(strangers_take_no_room, set_up_with_broker, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
