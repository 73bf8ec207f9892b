/* SPDX-License-Identifier: Apache-2.0 */
/* run() from several threads at once, and the card with threads of its own. */
#include "card_under_test.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 512

struct work {
    struct card_job job;
    uint8_t in[SIZE], out[SIZE], right[SIZE];
    size_t right_len;
    uint32_t status;
};

static const struct {
    uint16_t op;
    uint32_t alg;
    size_t len;
} kinds[] = {
    {CARD_ENCRYPT, SGD_SM4_CBC, SIZE}, {CARD_DECRYPT, SGD_SM4_CBC, SIZE}, {CARD_ENCRYPT, SGD_SM4_CTR, SIZE - 3},
    {CARD_ENCRYPT, SGD_AES_CBC, SIZE}, {CARD_DECRYPT, SGD_AES_CFB, 77},   {CARD_ENCRYPT, SGD_AES_ECB, 32},
    {CARD_MAC, SGD_SM4_MAC, SIZE},     {CARD_MAC, SGD_SM3, 100},          {CARD_HASH, SGD_SM3, 200},
    {CARD_HASH, SGD_SHA512, 9},        {CARD_ENCRYPT, SGD_SM1_CBC, 16},
};

#define KINDS_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static uint8_t key_bytes[16];

static void work_make(struct work *work, struct card_key *key, uint32_t i)
{
    size_t kind = i % KINDS_COUNT;
    struct library *judge = library_open(LIBRARY_JUDGE, kinds[kind].op, kinds[kind].alg, key_bytes, 16);

    *work = (struct work){.job = {.op = kinds[kind].op, .alg = kinds[kind].alg, .key = key}};
    fill(work->in, SIZE, i);
    fill(work->job.iv, 16, i + 1);
    work->status = judge ? SDR_OK : SDR_ALGNOTSUPPORT;
    if (judge)
        work->right_len = library_run(judge, work->job.iv, work->in, kinds[kind].len, NULL, work->right, SIZE);
    library_close(judge);
    work->job.in = work->in;
    work->job.in_len = kinds[kind].len;
    work->job.out = work->out;
    work->job.out_cap = SIZE;
    work->job.owner = work;
}

static bool work_right(const struct work *work)
{
    return work->job.status == work->status && work->job.out_len == work->right_len &&
           memcmp(work->out, work->right, work->right_len) == 0;
}

struct runner {
    struct card *card;
    struct card_key *key, *sm2;
    uint32_t first;
    unsigned wrong;
};

static void *run_many(void *arg)
{
    struct runner *runner = arg;
    struct work *work = malloc(sizeof(*work));

    for (uint32_t i = 0; i < 600; i++) {
        work_make(work, runner->key, runner->first + i);
        soft_card_driver.run(runner->card, &work->job);
        runner->wrong += !work_right(work);
        if (i % 40 == 0) {
            uint8_t sig[64];
            struct card_job sign = {.op = CARD_SIGN, .key = runner->sm2, .in = work->in, .in_len = 32, .out = sig};
            struct card_job verify = {.op = CARD_VERIFY, .key = runner->sm2, .in = work->in, .in_len = 32, .aux2 = sig};

            sign.out_cap = 64;
            soft_card_driver.run(runner->card, &sign);
            soft_card_driver.run(runner->card, &verify);
            runner->wrong += sign.status != SDR_OK || verify.status != SDR_OK;
        }
        if (i % 50 == 0) { /* keys come and go meanwhile */
            struct card_key *key = NULL;

            runner->wrong +=
                soft_card_driver.key_import(runner->card, CARD_KEY_SYMMETRIC, key_bytes, 16, &key) != SDR_OK;
            work_make(work, key, i);
            soft_card_driver.run(runner->card, &work->job);
            runner->wrong += !work_right(work);
            soft_card_driver.key_free(runner->card, key);
        }
    }
    free(work);
    return NULL;
}

static void run_is_reentrant(void **state)
{
    struct card *card = card_open("soft", 0, NULL);
    struct runner runners[4];
    pthread_t threads[4];
    struct card_key *key, *sm2;
    uint8_t pair[96];

    (void)state;
    fill(key_bytes, 16, 1);
    unhex(SM2_PRIVATE SM2_POINT, pair);
    key = key_of(card, CARD_KEY_SYMMETRIC, key_bytes, 16);
    sm2 = key_of(card, CARD_KEY_SM2_PRIVATE, pair, 96);
    for (uint32_t i = 0; i < 4; i++) {
        runners[i] = (struct runner){.card = card, .key = key, .sm2 = sm2, .first = i * 1000};
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, &runners[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(runners[i].wrong, 0);
    }
    soft_card_driver.key_free(card, key);
    soft_card_driver.key_free(card, sm2);
    soft_card_driver.close(card);
}

/* Waits as the broker does: armed, then the descriptor, never longer than 10 s. */
static void wait_done(struct card *card)
{
    struct pollfd poll_fd = {.fd = soft_card_driver.wait_fd(card, true), .events = POLLIN};
    uint64_t count;

    assert_int_equal(poll(&poll_fd, 1, 10000), 1);
    assert_int_equal(read(poll_fd.fd, &count, sizeof(count)), sizeof(count));
}

static void many_jobs(uint32_t threads, const char *fault, size_t total)
{
    struct card *card = card_open("soft", threads, fault);
    struct work *works = calloc(total, sizeof(*works));
    struct card_job *list[512], *done[64];
    struct card_caps caps;
    size_t sent = 0, back = 0;
    struct card_key *key;

    fill(key_bytes, 16, 1);
    key = key_of(card, CARD_KEY_SYMMETRIC, key_bytes, 16);
    soft_card_driver.caps(card, &caps);
    assert_int_equal(caps.flags & CARD_INLINE, 0);
    assert_int_equal(caps.parallel, threads);
    for (size_t i = 0; i < total; i++)
        work_make(&works[i], key, (uint32_t)i);
    while (back < total) {
        size_t n = 0, taken, got;

        while (n < 512 && sent + n < total) {
            list[n] = &works[sent + n].job;
            n++;
        }
        taken = soft_card_driver.submit(card, list, n); /* often more than it can take */
        sent += taken;
        assert_true(sent - back <= caps.depth);
        got = soft_card_driver.collect(card, done, 64);
        if (got == 0 && (taken == 0 || sent == total) && back < sent)
            wait_done(card);
        for (size_t i = 0; i < got; i++) {
            struct work *work = done[i]->owner;

            assert_ptr_equal(done[i], &work->job);
            assert_int_not_equal(work->right_len, 0xdead);
            assert_true(work_right(work));
            work->right_len = 0xdead; /* comes back once */
        }
        back += got;
    }
    assert_int_equal(sent, total);
    assert_int_equal(soft_card_driver.collect(card, done, 64), 0);
    soft_card_driver.key_free(card, key);
    soft_card_driver.close(card);
    free(works);
}

static void one_worker(void **state)
{
    (void)state;
    many_jobs(1, NULL, 3000);
}

static void several_workers(void **state)
{
    (void)state;
    many_jobs(4, NULL, 6000);
}

static void slow_jobs_are_waited_for(void **state)
{
    (void)state;
    many_jobs(3, "delay:300", 600);
}

static void sleeping_workers_wake(void **state)
{
    struct card *card = card_open("soft", 2, NULL);
    struct card_job *done;
    struct work *work = malloc(sizeof(*work));
    struct card_key *key;

    (void)state;
    fill(key_bytes, 16, 1);
    key = key_of(card, CARD_KEY_SYMMETRIC, key_bytes, 16);
    for (uint32_t i = 0; i < 60; i++) {
        struct card_job *job = &work->job;

        work_make(work, key, i);
        usleep(i % 3 == 0 ? 2000 : i * 3); /* asleep, or about to be */
        assert_int_equal(soft_card_driver.submit(card, &job, 1), 1);
        while (soft_card_driver.collect(card, &done, 1) == 0)
            wait_done(card);
        assert_ptr_equal(done, job);
        assert_true(work_right(work));
    }
    soft_card_driver.key_free(card, key);
    soft_card_driver.close(card);
    free(work);
}

static void not_armed_is_not_told(void **state)
{
    struct card *card = card_open("soft", 1, NULL);
    struct card_job *done, *job;
    struct work *work = malloc(sizeof(*work));
    struct pollfd poll_fd = {.events = POLLIN};
    struct card_key *key;

    (void)state;
    fill(key_bytes, 16, 1);
    key = key_of(card, CARD_KEY_SYMMETRIC, key_bytes, 16);
    work_make(work, key, 0);
    job = &work->job;
    poll_fd.fd = soft_card_driver.wait_fd(card, false);
    assert_int_equal(soft_card_driver.submit(card, &job, 1), 1);
    usleep(20000);
    assert_int_equal(poll(&poll_fd, 1, 0), 0);
    assert_int_equal(soft_card_driver.wait_fd(card, true), poll_fd.fd); /* finished before it was armed: told at once */
    assert_int_equal(poll(&poll_fd, 1, 10000), 1);
    assert_int_equal(soft_card_driver.collect(card, &done, 1), 1);
    soft_card_driver.key_free(card, key);
    soft_card_driver.close(card);
    free(work);
}

static void inline_submit_works_too(void **state)
{
    struct card *card = card_open("soft", 0, NULL);
    struct card_job *done, *job;
    struct work *work = malloc(sizeof(*work));
    struct card_key *key;

    (void)state;
    fill(key_bytes, 16, 1);
    key = key_of(card, CARD_KEY_SYMMETRIC, key_bytes, 16);
    work_make(work, key, 0);
    job = &work->job;
    assert_int_equal(soft_card_driver.wait_fd(card, true), -1);
    assert_int_equal(soft_card_driver.submit(card, &job, 1), 1);
    assert_int_equal(soft_card_driver.collect(card, &done, 1), 1);
    assert_ptr_equal(done, job);
    assert_true(work_right(work));
    soft_card_driver.key_free(card, key);
    soft_card_driver.close(card);
    free(work);
}

static void too_many_threads(void **state)
{
    struct card_options options = {.size = sizeof(options), .threads = 1000};
    char error[CARD_ERROR_TEXT];
    struct card *card;

    (void)state;
    assert_int_equal(soft_card_driver.open(&options, &card, error), SDR_INARGERR);
    assert_null(card);
    assert_non_null(strstr(error, "1000"));
}

/* A tenant that writes into its slot all the time: it gets what it deserves, and the card goes on. */
static void memory_changes_meanwhile(void **state)
{
    struct card *card = card_open("soft", 0, NULL);
    uint8_t *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct card_key *key, *sm2;
    uint8_t pair[96];
    pid_t tenant;

    (void)state;
    assert_ptr_not_equal(shared, MAP_FAILED);
    fill(key_bytes, 16, 1);
    unhex(SM2_PRIVATE SM2_POINT, pair);
    key = key_of(card, CARD_KEY_SYMMETRIC, key_bytes, 16);
    sm2 = key_of(card, CARD_KEY_SM2_PRIVATE, pair, 96);
    tenant = fork();
    if (tenant == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (uint32_t i = 0;; i++)
            fill(shared + i % 4096, 64, i);
    }
    assert_true(tenant > 0);
    for (uint32_t i = 0; i < 4000; i++) {
        size_t kind = i % KINDS_COUNT;
        struct card_job job = {.op = kinds[kind].op, .alg = kinds[kind].alg, .key = key, .in_len = kinds[kind].len};

        job.in = shared + i % 1000;
        job.out = i % 2 ? shared + i % 1000 : shared + 4096;
        job.out_cap = SIZE;
        soft_card_driver.run(card, &job);
        assert_int_equal(job.status, kinds[kind].alg == SGD_SM1_CBC ? SDR_ALGNOTSUPPORT : SDR_OK);
        if (i % 50 == 0) {
            job = (struct card_job){.op = CARD_PKE_DECRYPT, .key = sm2, .in = shared, .in_len = 120, .out = shared};
            job.out_cap = 64;
            soft_card_driver.run(card, &job);
            assert_int_equal(job.status, SDR_ENCDATAERR);
        }
    }
    kill(tenant, SIGKILL);
    waitpid(tenant, NULL, 0);
    munmap(shared, 8192);
    /* and afterwards all is right again */
    struct work *work = malloc(sizeof(*work));

    for (uint32_t i = 0; i < 2 * KINDS_COUNT; i++) {
        work_make(work, key, i);
        soft_card_driver.run(card, &work->job);
        assert_true(work_right(work));
    }
    free(work);
    soft_card_driver.key_free(card, key);
    soft_card_driver.key_free(card, sm2);
    soft_card_driver.close(card);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_is_reentrant),         cmocka_unit_test(one_worker),
        cmocka_unit_test(several_workers),          cmocka_unit_test(slow_jobs_are_waited_for),
        cmocka_unit_test(sleeping_workers_wake),    cmocka_unit_test(not_armed_is_not_told),
        cmocka_unit_test(inline_submit_works_too),  cmocka_unit_test(too_many_threads),
        cmocka_unit_test(memory_changes_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
