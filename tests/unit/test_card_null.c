/* SPDX-License-Identifier: Apache-2.0 */
/* The null card and the registry. */
#include "card_under_test.h"

static void registry_finds_by_name(void **state)
{
    (void)state;
    assert_string_equal(card_driver_find("null")->name, "null");
    assert_string_equal(card_driver_find("soft")->name, "soft");
    assert_null(card_driver_find("softer"));
    assert_null(card_driver_find(NULL));
    for (size_t i = 0; card_drivers[i]; i++) {
        assert_int_equal(card_drivers[i]->version, CARD_ABI_VERSION);
        assert_int_equal(card_drivers[i]->size, sizeof(struct card_driver));
    }
}

static void echo_copies(void **state)
{
    const struct card_driver *driver = card_driver_find("null");
    struct card *card = card_open("null", 0, NULL);
    uint8_t in[1000], out[1001];
    struct card_job job = {.op = CARD_ECHO, .in = in, .out = out, .out_cap = sizeof(out)};
    struct card_caps caps;

    (void)state;
    fill(in, sizeof(in), 1);
    for (size_t len = 0; len <= sizeof(in); len += 1 + len / 7) {
        memset(out, 0xee, sizeof(out));
        job.in_len = len;
        driver->run(card, &job);
        assert_int_equal(job.status, SDR_OK);
        assert_int_equal(job.out_len, len);
        assert_memory_equal(in, out, len);
        assert_int_equal(out[len], 0xee);
    }
    driver->caps(card, &caps);
    assert_int_equal(caps.flags, CARD_CAN_ECHO | CARD_INLINE);
    assert_int_equal(driver->wait_fd(card, true), -1);
    driver->close(card);
}

static void echo_in_place_keeps_bytes(void **state)
{
    const struct card_driver *driver = card_driver_find("null");
    struct card *card = card_open("null", 0, NULL);
    uint8_t work[700], before[700];

    (void)state;
    fill(work, sizeof(work), 2);
    memcpy(before, work, sizeof(work));
    for (size_t at = 0; at < 130; at++) {
        for (size_t len = 0; len < 300; len += 13) {
            struct card_job job = {.op = CARD_ECHO, .in = work + at, .out = work + at, .in_len = len, .out_cap = len};

            driver->run(card, &job);
            assert_int_equal(job.status, SDR_OK);
            assert_int_equal(job.out_len, len);
        }
    }
    assert_memory_equal(work, before, sizeof(work));
    driver->close(card);
}

static void the_rest_is_refused(void **state)
{
    const struct card_driver *driver = card_driver_find("null");
    struct card_options options = {.size = sizeof(options), .fault = "delay:1"};
    struct card *card = card_open("null", 0, NULL), *none;
    struct card_key *key = (struct card_key *)card;
    uint8_t bytes[64] = {0};
    char error[CARD_ERROR_TEXT];

    (void)state;
    for (unsigned op = 0; op <= CARD_OP_END; op++) {
        struct card_job job = {.op = (uint16_t)op, .in = bytes, .in_len = 16, .out = bytes, .out_cap = sizeof(bytes)};

        driver->run(card, &job);
        assert_int_equal(job.status, op == CARD_ECHO ? SDR_OK : SDR_NOTSUPPORT);
        assert_int_equal(job.out_len, op == CARD_ECHO ? 16 : 0);
    }
    struct card_job job = {.op = CARD_ECHO, .in = bytes, .in_len = 16, .out = bytes + 32, .out_cap = 15};

    driver->run(card, &job);
    assert_int_equal(job.status, SDR_OUTARGERR);
    assert_int_equal(driver->key_import(card, CARD_KEY_SYMMETRIC, bytes, 16, &key), SDR_NOTSUPPORT);
    assert_null(key);
    driver->key_free(card, NULL);
    assert_int_equal(driver->open(&options, &none, error), SDR_INARGERR);
    assert_null(none);
    driver->close(card);
}

static void submit_gives_back_in_collect(void **state)
{
    const struct card_driver *driver = card_driver_find("null");
    struct card *card = card_open("null", 0, NULL);
    static struct card_job jobs[300];
    struct card_job *list[300], *done[300];
    struct card_caps caps;
    uint8_t bytes[8] = {0};
    size_t taken, n = 0;

    (void)state;
    driver->caps(card, &caps);
    for (size_t i = 0; i < 300; i++) {
        jobs[i] = (struct card_job){.op = CARD_ECHO, .in = bytes, .out = bytes, .in_len = 8, .out_cap = 8};
        list[i] = &jobs[i];
    }
    taken = driver->submit(card, list, 300);
    assert_int_equal(taken, caps.depth);
    assert_int_equal(driver->submit(card, list + taken, 1), 0);
    while (n < taken) {
        size_t got = driver->collect(card, done, 7);

        assert_true(got > 0);
        for (size_t i = 0; i < got; i++)
            assert_ptr_equal(done[i], list[n++]);
    }
    assert_int_equal(driver->collect(card, done, 7), 0);
    driver->close(card);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registry_finds_by_name),       cmocka_unit_test(echo_copies),
        cmocka_unit_test(echo_in_place_keeps_bytes),    cmocka_unit_test(the_rest_is_refused),
        cmocka_unit_test(submit_gives_back_in_collect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
