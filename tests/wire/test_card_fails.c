/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A card that fails while many callers use it: every call that begins after one was told of it is told so too, nothing
 * that comes back from the card is believed or leaked, and an operator's good test lets it serve again. And the table
 * of management acts: nothing that changes something has been left out of the audit log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/admin/route.h"
#include "backend/broker/act.h"
#include "cardmux/sdf.h"
#include "tests/wire/harness.h"

#define CALLERS 6u

static struct wire *wire;
static void *device;
static _Atomic bool told, stopping;
static _Atomic unsigned wrong;

struct caller {
    unsigned number, served, refused;
};

static int one_call(void *session, unsigned which)
{
    static const unsigned char text[3000] = "abc";
    unsigned char out[4096];
    unsigned len = sizeof out;
    void *key;
    int status;
    switch (which % 4) {
    case 0:
        return SDF_GenerateRandom(session, 600, out);
    case 1:
        status = SDF_HashInit(session, SGD_SM3, NULL, NULL, 0);
        status = status ? status : SDF_HashUpdate(session, (unsigned char *)text, sizeof text);
        return status ? status : SDF_HashFinal(session, out, &len);
    case 2:
        status = SDF_GenerateKeyWithKEK(session, 128, SGD_SM4_ECB, 1, out, &len, &key);
        if (status == SDR_OK)
            SDF_DestroyKey(session, key);
        return status;
    default:
        return SDF_InternalSign_ECC(session, 1, (unsigned char *)text, 32, (ECCSignature *)(void *)out);
    }
}

static void *caller_run(void *arg)
{
    struct caller *caller = arg;
    void *session = NULL;
    if (SDF_OpenSession(device, &session) != SDR_OK || SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0) != SDR_OK) {
        wrong++;
        return NULL;
    }
    for (unsigned i = caller->number; !stopping; i++) {
        bool was_told = told;
        int status = one_call(session, i);
        if (status == SDR_OK) {
            caller->served++;
            wrong += was_told; /* it had failed before this call began */
        } else if (status == SDR_HARDFAIL) {
            caller->refused++;
            told = true;
        } else if (status != SDR_STEPERR || !told) { /* a running hash may have been lost with the card */
            fprintf(stderr, "caller %u: 0x%08x\n", caller->number, (unsigned)status);
            wrong++;
        }
        if (caller->refused > 50)
            break;
    }
    wrong += SDF_CloseSession(session) != SDR_OK; /* tidying up works */
    return NULL;
}

static void fails_under_load(uint32_t threads)
{
    /* an inline card draws for many requests at once */
    struct wire_options options = {
        .card = "soft", .fault = threads ? "random-stuck:150" : "random-stuck:3", .card_threads = threads};
    struct caller callers[CALLERS];
    pthread_t ids[CALLERS];
    void *session;
    told = stopping = false;
    wrong = 0;
    wire = wire_start(&options);
    wire_use(wire, 0);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    for (unsigned i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.number = i};
        assert_int_equal(pthread_create(&ids[i], NULL, caller_run, &callers[i]), 0);
    }
    for (unsigned i = 0; i < CALLERS; i++)
        pthread_join(ids[i], NULL);
    assert_int_equal(wrong, 0);
    for (unsigned i = 0; i < CALLERS; i++)
        assert_true(callers[i].refused > 50);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_HARDFAIL);
    struct admin_message status = {.type = ADMIN_STATUS};
    assert_int_equal(wire_admin(wire, &status), VAULT_OK);
    assert_string_equal(status.status.card_state, "failed");
    struct admin_message test = {.type = ADMIN_CARD_TEST};
    assert_int_equal(wire_admin(wire, &test), VAULT_OK);
    assert_int_equal(SDF_OpenSession(device, &session), SDR_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(one_call(session, i), SDR_OK);
    SDF_CloseDevice(device);
    wire_stop(wire);
}

static void an_inline_card_fails(void **state)
{
    (void)state;
    fails_under_load(0);
}

static void a_card_with_threads_fails(void **state)
{
    (void)state;
    fails_under_load(3);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 8);
}

/* Numbers are drawn for many requests at once: no byte is given twice, however they are asked for. */
static void what_is_drawn_is_given_once(void **state)
{
    static uint8_t all[40000][8];
    uint8_t bytes[6000];
    size_t count = 0;
    void *sessions[2];
    (void)state;
    wire = wire_start(&(struct wire_options){.card = "soft"});
    wire_use(wire, 0);
    assert_int_equal(SDF_OpenDevice(&device), SDR_OK);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(SDF_OpenSession(device, &sessions[i]), SDR_OK);
    for (unsigned turn = 0, size = 8; count + sizeof bytes / 8 <= sizeof all / 8; turn++, size = size * 3 % 5993 + 8) {
        memset(bytes, 0, sizeof bytes);
        assert_int_equal(SDF_GenerateRandom(sessions[turn & 1], size, bytes), SDR_OK);
        for (unsigned at = 0; at + 8 <= size; at += 8)
            memcpy(all[count++], bytes + at, 8);
    }
    qsort(all, count, 8, compare);
    for (size_t i = 1; i < count; i++)
        assert_true(compare(all[i - 1], all[i]) != 0);
    SDF_CloseDevice(device);
    wire_stop(wire);
}

/* Every byte value once in 256 is what good random numbers look like; what is not, is found, wherever pieces end. */
static void random_numbers_are_judged(void **state)
{
    (void)state;
    static uint8_t bytes[65536];
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < sizeof bytes; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        bytes[i] = (uint8_t)(x >> 32);
    }
    for (size_t piece = 1; piece < 3000; piece = piece * 3 / 2 + 1) {
        struct random_health health = {0};
        for (size_t at = 0; at + piece <= sizeof bytes; at += piece)
            assert_true(random_holds(&health, bytes + at, piece));
        for (size_t start = 1000; start < 1064; start += 7) { /* a run of 16 at any place, one of 15 not */
            uint8_t kept[16];
            bool held = true;
            memcpy(kept, bytes + start, 16);
            uint8_t stuck = (uint8_t)(bytes[start - 1] + 1);
            for (unsigned len = 15; len <= 16; len++) {
                memset(bytes + start, stuck, len);
                if (len == 15 && bytes[start + 15] == stuck)
                    continue;
                health = (struct random_health){0};
                held = true;
                for (size_t at = 0; at + piece <= 4096 && held; at += piece)
                    held = random_holds(&health, bytes + at, piece);
                assert_int_equal(held, len == 15);
            }
            memcpy(bytes + start, kept, 16);
        }
    }
    struct random_health health = {0}; /* no run, but one value far too often */
    for (size_t i = 0; i < sizeof bytes; i += 8)
        bytes[i] = 0x42;
    assert_false(random_holds(&health, bytes, 4096));
    bool held = true;
    health = (struct random_health){0};
    for (size_t at = 0; at < 4096 && held; at += 24)
        held = random_holds(&health, bytes + at, 24);
    assert_false(held);
}

/* SP 800-90B, 4.4.1 and 4.4.2, as they stand there: one sample after another. */
struct plain {
    unsigned a, b, i, first, same;
};

static bool plain_holds(struct plain *plain, const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len; at++) {
        plain->b = plain->b && bytes[at] == plain->a ? plain->b + 1 : 1;
        plain->a = bytes[at];
        if (plain->i == 0)
            plain->first = bytes[at], plain->same = 0;
        plain->same += bytes[at] == plain->first;
        plain->i = (plain->i + 1) % 512;
        if (plain->b >= 16 || plain->same >= 40) {
            *plain = (struct plain){0};
            return false;
        }
    }
    return true;
}

static uint64_t draw(uint64_t *x)
{
    return *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
}

/* Good bytes, bytes of which one value comes too often, now more, now less, and runs of about the length that is too
   long: each piece, however long, gets the verdict that the plain tests give, and leaves what they leave. */
static void the_quick_tests_are_the_plain_ones(void **state)
{
    static uint8_t bytes[5000];
    uint64_t x = 0x2545f4914f6cdd1du;
    unsigned bad[3] = {0}, good[3] = {0};
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct random_health health = {0};
        struct plain plain = {0};
        for (unsigned turn = 0; turn < 6000; turn++) {
            size_t len = turn % 4 ? 1 + draw(&x) % 700 : 1 + draw(&x) % sizeof bytes;
            unsigned often = (unsigned)(draw(&x) % 24);
            for (size_t i = 0; i < len; i++) {
                uint64_t r = draw(&x) >> 20;
                bytes[i] = (uint8_t)r;
                if (kind == 1 && (r >> 8) % 256 < often)
                    bytes[i] = 0x42;
            }
            if (kind == 2) {
                size_t run = 10 + draw(&x) % 9, at = draw(&x) % len;
                memset(bytes + at, (int)draw(&x), run < len - at ? run : len - at);
            }
            bool held = plain_holds(&plain, bytes, len);
            assert_int_equal(random_holds(&health, bytes, len), held);
            assert_int_equal(health.seen, plain.i);
            ++*(held ? &good[kind] : &bad[kind]);
        }
    }
    assert_int_equal(bad[0], 0);
    assert_true(bad[1] > 100 && good[1] > 1000 && bad[2] > 100 && good[2] > 1000);
}

static void no_act_is_left_out_of_the_audit_log(void **state)
{
    (void)state;
    const struct route *route;
    for (unsigned i = 0; (route = route_row(i)); i++) {
        int event = act_event(route->type);
        if (route->change && (event <= 0 || event >= NOT_AUDITED))
            fail_msg("%s %s has no event in the table of backend/broker/admin_link.c", route->method, route->pattern);
        assert_true(event <= NOT_AUDITED);
    }
    assert_int_equal(act_event(9999), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inline_card_fails),
        cmocka_unit_test(a_card_with_threads_fails),
        cmocka_unit_test(what_is_drawn_is_given_once),
        cmocka_unit_test(random_numbers_are_judged),
        cmocka_unit_test(the_quick_tests_are_the_plain_ones),
        cmocka_unit_test(no_act_is_left_out_of_the_audit_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
