/* SPDX-License-Identifier: Apache-2.0 */
/* The admin process's end of its conversation with the broker: order, death, deadlines, and packets that are wrong. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "backend/admin/link.h"

struct probe {
    struct link_request request;
    unsigned rows, dones;
    enum link_outcome outcome;
    uint32_t result;
};

static void on_row(struct link_request *request, const struct admin_message *row)
{
    (void)row;
    ((struct probe *)request)->rows++;
}

static void on_done(struct link_request *request, enum link_outcome outcome, const struct admin_message *done)
{
    struct probe *probe = (struct probe *)request;
    probe->dones++;
    probe->outcome = outcome;
    probe->result = done ? done->result : 0;
}

static void probe_init(struct probe *probe)
{
    *probe = (struct probe){.request = {.row = on_row, .done = on_done}};
    probe->request.message.type = ADMIN_TENANT_LIST;
}

static int attach(struct link *link)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    link_attach(link, pair[0]);
    return pair[1];
}

static void answer(int fd, uint32_t type, uint32_t id, uint32_t result)
{
    struct admin_message packet = {.type = type, .id = id, .result = result};
    assert_int_equal(send(fd, &packet, sizeof packet, 0), sizeof packet);
}

static void without_a_broker_a_request_ends_at_once(void **state)
{
    (void)state;
    struct link link;
    struct probe probe;
    link_init(&link);
    probe_init(&probe);
    link_submit(&link, &probe.request, 0);
    assert_int_equal(probe.dones, 1);
    assert_int_equal(probe.outcome, LINK_NO_BROKER);
    assert_int_equal(link_timeout(&link, 0), -1);
}

static void answers_find_their_requests_in_any_order(void **state)
{
    (void)state;
    struct link link;
    struct probe a, b;
    link_init(&link);
    int fd = attach(&link);
    probe_init(&a), probe_init(&b);
    a.request.message.code_len = 4;
    memcpy(a.request.message.code, "1234", 4);
    link_submit(&link, &a.request, 0);
    link_submit(&link, &b.request, 5);
    struct admin_message first, second;
    assert_int_equal(recv(fd, &first, sizeof first, 0), sizeof first);
    assert_int_equal(recv(fd, &second, sizeof second, 0), sizeof second);
    assert_int_equal(first.code_len, 4);
    assert_int_not_equal(first.id, second.id);
    assert_int_equal(a.request.message.code_len, 0); /* wiped as soon as it was sent */
    assert_int_equal(a.request.message.code[0], 0);
    answer(fd, ADMIN_ROW, second.id, 0);
    answer(fd, ADMIN_ROW, first.id, 0);
    answer(fd, ADMIN_ROW, second.id, 0);
    answer(fd, ADMIN_DONE, second.id, VAULT_EXISTS);
    link_pump(&link);
    assert_int_equal(b.rows, 2);
    assert_int_equal(b.dones, 1);
    assert_int_equal(b.result, VAULT_EXISTS);
    assert_int_equal(a.rows, 1);
    assert_int_equal(a.dones, 0);
    answer(fd, ADMIN_DONE, first.id, 0);
    link_pump(&link);
    assert_int_equal(a.dones, 1);
    assert_int_equal(a.outcome, LINK_ANSWERED);
    link_close(&link);
    close(fd);
}

static void death_of_the_broker_tells_sent_from_unsent(void **state)
{
    (void)state;
    struct link link;
    static struct probe probes[2000];
    unsigned lost = 0, unsent = 0;
    link_init(&link);
    int fd = attach(&link);
    for (size_t i = 0; i < 2000; i++) {
        probe_init(&probes[i]);
        link_submit(&link, &probes[i].request, 0);
    }
    assert_int_equal(link_events(&link), POLLIN | POLLOUT); /* the socket is full */
    close(fd);
    link_pump(&link);
    for (size_t i = 0; i < 2000; i++) {
        assert_int_equal(probes[i].dones, 1);
        lost += probes[i].outcome == LINK_LOST;
        unsent += probes[i].outcome == LINK_NO_BROKER;
    }
    assert_true(lost > 0 && unsent > 0);
    assert_int_equal(lost + unsent, 2000);
    assert_int_equal(link.fd, -1);
}

static void an_answer_given_before_death_counts(void **state)
{
    (void)state;
    struct link link;
    struct probe a, b;
    struct admin_message got;
    link_init(&link);
    int fd = attach(&link);
    probe_init(&a), probe_init(&b);
    link_submit(&link, &a.request, 0);
    link_submit(&link, &b.request, 0);
    assert_int_equal(recv(fd, &got, sizeof got, 0), sizeof got);
    answer(fd, ADMIN_DONE, got.id, 0);
    close(fd);
    int next = attach(&link); /* the keeper is quicker than our poll */
    assert_int_equal(a.outcome, LINK_ANSWERED);
    assert_int_equal(b.dones, 1);
    assert_int_equal(b.outcome, LINK_LOST);
    probe_init(&a);
    link_submit(&link, &a.request, 0);
    assert_int_equal(recv(next, &got, sizeof got, 0), sizeof got);
    link_close(&link);
    close(next);
}

static void a_silent_broker_is_given_up_and_late_answers_harm_nobody(void **state)
{
    (void)state;
    struct link link;
    struct probe a, b;
    struct admin_message got;
    link_init(&link);
    int fd = attach(&link);
    probe_init(&a), probe_init(&b);
    link_submit(&link, &a.request, 1000);
    link_submit(&link, &b.request, 2000);
    assert_int_equal(recv(fd, &got, sizeof got, 0), sizeof got);
    assert_int_equal(link_timeout(&link, 1000), LINK_TIMEOUT_MS);
    link_expire(&link, 1000 + LINK_TIMEOUT_MS - 1);
    assert_int_equal(a.dones, 0);
    link_expire(&link, 1000 + LINK_TIMEOUT_MS);
    assert_int_equal(a.outcome, LINK_TIMED_OUT);
    assert_int_equal(b.dones, 0);
    answer(fd, ADMIN_DONE, got.id, 0);
    link_pump(&link);
    assert_int_equal(link.stray, 1);
    assert_int_equal(a.dones, 1);
    link_close(&link);
    assert_int_equal(b.dones, 1);
    close(fd);
}

static void wrong_packets_are_counted_and_dropped(void **state)
{
    (void)state;
    struct link link;
    struct probe a;
    struct admin_message got;
    static char big[sizeof(struct admin_message) + 1];
    link_init(&link);
    int fd = attach(&link);
    probe_init(&a);
    link_submit(&link, &a.request, 0);
    assert_int_equal(recv(fd, &got, sizeof got, 0), sizeof got);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    assert_int_equal(send(fd, big, sizeof big, 0), sizeof big);
    answer(fd, ADMIN_STATUS, got.id, 0);
    answer(fd, ADMIN_DONE, got.id + 1, 0);
    link_pump(&link);
    assert_int_equal(link.stray, 4);
    assert_int_equal(a.dones + a.rows, 0);
    answer(fd, ADMIN_DONE, got.id, 0);
    link_pump(&link);
    assert_int_equal(a.outcome, LINK_ANSWERED);
    link_close(&link);
    close(fd);
}

/* The same channel is given to the next admin process: an answer to the one before is not its answer. */
static void an_answer_to_the_process_before_is_a_stray_one(void **state)
{
    (void)state;
    uint32_t before = 0;
    for (unsigned i = 0; i < 50; i++) {
        struct link link;
        struct probe probe;
        struct admin_message got;
        link_init(&link);
        int fd = attach(&link);
        probe_init(&probe);
        link_submit(&link, &probe.request, 0);
        assert_int_equal(recv(fd, &got, sizeof got, 0), sizeof got);
        if (before) {
            answer(fd, ADMIN_DONE, before, 0);
            link_pump(&link);
            assert_int_equal(probe.dones, 0);
            assert_int_equal(link.stray, 1);
        }
        before = got.id;
        answer(fd, ADMIN_DONE, got.id, 0);
        link_pump(&link);
        assert_int_equal(probe.dones, 1);
        link_close(&link);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_to_the_process_before_is_a_stray_one),
        cmocka_unit_test(without_a_broker_a_request_ends_at_once),
        cmocka_unit_test(answers_find_their_requests_in_any_order),
        cmocka_unit_test(death_of_the_broker_tells_sent_from_unsent),
        cmocka_unit_test(an_answer_given_before_death_counts),
        cmocka_unit_test(a_silent_broker_is_given_up_and_late_answers_harm_nobody),
        cmocka_unit_test(wrong_packets_are_counted_and_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
