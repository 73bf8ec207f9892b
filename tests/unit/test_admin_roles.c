/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what over the management socket: roles by group, and what those without any can spoil; see admin_env.h. */
#include "tests/unit/admin_env.h"

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
    wait_for_broker(f); /* getgrnam: it has called it for the last time */
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
    /* which the broker has been told by then, to record it */
    assert_int_not_equal(refused_count, 0);
    assert_int_equal(refused_seen.actor.uid, 65534);
    assert_string_equal(refused_seen.actor.user, "nobody");
    assert_int_equal(refused_seen.actor.roles, ROLE_SECURITY);
    assert_string_equal(refused_seen.text, "POST /v1/tenants");
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
        cmocka_unit_test_setup_teardown(roles_come_from_groups, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(root_has_the_roles_that_the_configuration_gives, set_up_separated, tear_down),
        cmocka_unit_test(each_route_has_its_roles),
        cmocka_unit_test_setup_teardown(strangers_take_no_room, set_up_with_broker, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
