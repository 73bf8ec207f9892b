/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers of the admin process, good, bad and while the broker dies; see admin_env.h. */
#include "tests/unit/admin_env.h"

#define HEX64        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEK_ENVELOPE HEX64 HEX64 HEX64 "00112233445566778899aabbccddeeff"
#define BACKUP       "{\"recipient\": \"" HEX64 "\", \"file\": \"x1\"}"

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
    expect(f, "POST", "/v1/tenants/a/keys/import",
           "{\"kind\": \"kek\", \"index\": 1, \"wrapped\": \"" KEK_ENVELOPE "\"}", 201, NULL);
    expect(f, "DELETE", "/v1/tenants/a/keys/sm2/1", "", 204, NULL);
    expect(f, "POST", "/v1/tenants/a/keys/sm2/1/unlock", "", 204, NULL);
    expect(f, "POST", "/v1/tenants/a/keys/sm2/0/code", "{\"code\": \"K123\"}", 204, NULL);
    expect(f, "POST", "/v1/tenants/a/keys/kek/1/code", "{\"code\": \"K123\"}", 204, NULL);
    expect(f, "POST", "/v1/tenants/a/keys/kek/1/unlock", "", 204, NULL);
    expect(f, "POST", "/v1/tenants/a/keys/dsa/1/unlock", "", 400, "out-of-range");
    expect(f, "DELETE", "/v1/tenants/a/keys/sm2/65536", "", 400, "out-of-range");
    expect(f, "DELETE", "/v1/tenants/a/keys/sm2/00", "", 400, "out-of-range");
    expect(f, "POST", "/v1/card/test", "", 204, NULL);
    expect(f, "GET", "/v1/vault", "", 200, NULL);
    expect(f, "POST", "/v1/vault/rekey", "", 204, NULL);
    expect(f, "POST", "/v1/vault/backup", BACKUP, 204, NULL);
    expect(f, "POST", "/v1/tenants/a/export", BACKUP, 204, NULL);
    expect(f, "POST", "/v1/imports", "{\"file\": \"x1\"}", 201, NULL);
    expect(f, "GET", "/v1/audit", "", 200, NULL);
    expect(f, "GET", "/v1/audit/files/1/0", "", 200, NULL);
    expect(f, "POST", "/v1/audit/checkpoint", "", 200, NULL);
    expect(f, "GET", "/v1/tenants/a/files", "", 200, NULL);
    expect(f, "DELETE", "/v1/tenants/a/files/00ff", "", 204, NULL);
    expect(f, "DELETE", "/v1/tenants/a/files/0", "", 400, "out-of-range");
    expect(f, "DELETE", "/v1/tenants/a/files/0G", "", 400, "out-of-range");
    expect(f, "GET", "/v1/tenants/wrong", "", 200, NULL);
    unsigned rows = 0;
    while (route_row(rows))
        rows++;
    assert_int_equal(rows, 24); /* a new route: ask it above, and refuse it below */
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
            const char *word = strncmp(p, "{name}", 6) == 0      ? "absent"
                               : strncmp(p, "{kind}", 6) == 0    ? "sm2"
                               : strncmp(p, "{index}", 7) == 0   ? "1"
                               : strncmp(p, "{segment}", 9) == 0 ? "1"
                               : strncmp(p, "{offset}", 8) == 0  ? "0"
                               : strncmp(p, "{file}", 6) == 0    ? "6162"
                                                                 : NULL;
            char one[2] = {*p, 0};
            strcat(url, word ? word : one);
            p = word ? strchr(p, '}') : p;
        }
        expect(f, route->method, url, "{\"surprise\": 1}", 400, "unknown-field");
        expect(f, route->method, url, "{", 400, "bad-json");
        expect(f, "TRACE", url, "", 405, "method-not-allowed");
        const char *body = route->body == BODY_TENANT_SET     ? "{\"weight\": 1}"
                           : route->body == BODY_KEY_CODE     ? "{\"code\": \"x\"}"
                           : route->body == BODY_KEY_GENERATE ? "{\"kind\": \"kek\", \"index\": 1}"
                           : route->body == BODY_KEY_IMPORT
                               ? "{\"kind\": \"kek\", \"index\": 1, \"wrapped\": \"" KEK_ENVELOPE "\"}"
                           : route->body == BODY_BACKUP ? BACKUP
                                                        : "";
        if (strstr(url, "absent"))
            expect(f, route->method, url, body, 404, "not-found");
        strcat(url, "?x=1");
        expect(f, route->method, url, body, 400, "unknown-field");
    }
    expect(f, "POST", "/v1/tenants", "{\"name\": \"taken\"}", 409, "exists");
    expect(f, "POST", "/v1/tenants", "{\"name\": \"mute\"}", 507, "io");
    expect(f, "POST", "/v1/vault/backup", "{\"file\": \"x\"}", 400, "missing-field");
    expect(f, "POST", "/v1/vault/backup", "{\"recipient\": \"" HEX64 "\", \"file\": \"../x\"}", 400, "out-of-range");
    expect(f, "POST", "/v1/vault/backup", "{\"recipient\": \"" HEX64 "0\", \"file\": \"x\"}", 400, "out-of-range");
    expect(f, "POST", "/v1/vault/backup", "{\"recipient\": 7, \"file\": \"x\"}", 400, "wrong-type");
    expect(f, "POST", "/v1/imports", "{\"file\": 7}", 400, "wrong-type");
    expect(f, "GET", "/v2/status", "", 404, "no-such-path");
    expect(f, "GET", "/v1/tenants/a%2fb", "", 404, "no-such-path");
    expect(f, "GET", "/v1/tenants/UPPER", "", 400, "out-of-range");
    expect(f, "GET", "/v1/audit/files/0/0", "", 400, "out-of-range");
    expect(f, "GET", "/v1/audit/files/1/01", "", 400, "out-of-range");
    expect(f, "GET", "/v1/audit/files/1/99999999999999999999", "", 400, "out-of-range");
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

/* Pieces of the log come in rows; together they are one text, and bytes that a log never holds are not passed on. */
static void the_log_comes_whole(void **state)
{
    struct fixture *f = *state;
    struct reply r = ask(f, "GET", "/v1/audit/files/7/2048", "");
    const char *text = json_string_value(json_object_get(r.json, "text"));
    assert_non_null(text);
    assert_string_equal(text, "file 7 from 2048 row 0 ?\nfile 7 from 2048 row 1 ?\n");
    json_decref(r.json);
    r = ask(f, "GET", "/v1/audit", "");
    assert_int_equal(json_integer_value(json_object_get(r.json, "seq")), 77);
    assert_int_equal(strlen(json_string_value(json_object_get(r.json, "key"))), 2 * AUDIT_POINT);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_route_answers, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(every_route_refuses, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(answers_hold_what_the_broker_said, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(the_log_comes_whole, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(long_bodies, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(garbage_costs_one_connection, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(many_at_once, set_up_with_broker, tear_down),
        cmocka_unit_test_setup_teardown(without_a_broker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(death_of_the_broker_in_flight, set_up_with_broker, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
