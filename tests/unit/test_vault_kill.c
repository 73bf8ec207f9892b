/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_kill.c: kill -9 at random moments. A child works on the vault and reports through a pipe what the vault
 * has acknowledged; afterwards all of that must be there, and nothing that was not at least begun.
 */
#include "vault_env.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define ROUNDS 25

/* Puts keys from index first on; each acknowledged index goes into the pipe. */
static void child_put(struct env *env, uint32_t first, int out)
{
    struct vault *vault = NULL;

    if (vault_open(&env->config, &vault, env->error) != VAULT_OK)
        _exit(3);
    for (uint32_t index = first; index < VAULT_INDEX_MAX; index++) {
        if (env_put(env, vault, 1, VAULT_KEY_SM2, index, (uint8_t)index, NULL) != VAULT_OK)
            _exit(4);
        if (write(out, &index, sizeof index) != sizeof index)
            _exit(5);
    }
    _exit(6);
}

static void pause_for(unsigned us)
{
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L}, NULL);
}

static unsigned since_us(const struct timespec *before)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned)((now.tv_sec - before->tv_sec) * 1000000 + (now.tv_nsec - before->tv_nsec) / 1000);
}

static void test_acknowledged_puts_survive(void **state)
{
    unsigned seed = 20240917, put_us; /* to open the vault and to put one key */
    uint32_t next = 2, total = 0;
    struct timespec before;
    struct env env;

    (void)state;
    env_start(&env);
    {
        struct vault *vault = env_create(&env);

        env_tenant(&env, vault, "t");
        vault_close(vault);
        clock_gettime(CLOCK_MONOTONIC, &before);
        vault = env_open(&env);
        assert_vault(&env, VAULT_OK, env_put(&env, vault, 1, VAULT_KEY_SM2, 1, 1, NULL));
        put_us = since_us(&before);
        vault_close(vault);
    }
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t index, last = next - 1;
        struct vault *vault;
        int pipes[2], status;
        pid_t pid;

        assert_int_equal(pipe(pipes), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(pipes[0]);
            child_put(&env, next, pipes[1]);
        }
        close(pipes[1]);
        pause_for(5000 + put_us / 2 + (unsigned)rand_r(&seed) % (60000 + 4 * put_us));
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        while (read(pipes[0], &index, sizeof index) == sizeof index)
            last = index;
        close(pipes[0]);
        vault = env_open(&env);
        for (index = next; index <= last; index++)
            assert_int_equal(env_get(&env, vault, 1, VAULT_KEY_SM2, index), index & 0xff);
        total += last + 1 - next;
        if (last + 1 == next) /* slower than it was: a longer life next time */
            put_us *= 2;
        /* the one in flight may be there, whole, or not */
        if (env_get(&env, vault, 1, VAULT_KEY_SM2, last + 1) == (int)((last + 1) & 0xff))
            last++;
        else
            assert_int_equal(env_get(&env, vault, 1, VAULT_KEY_SM2, last + 1), -1);
        assert_int_equal(env_get(&env, vault, 1, VAULT_KEY_SM2, last + 2), -1);
        next = last + 1;
        vault_close(vault);
    }
    print_message("%u acknowledged puts in %d lives\n", total, ROUNDS);
    assert_true(total > 0);
    env_end(&env);
}

/* Each answered guess is counted, whenever the process that answered is killed; so kills buy no guesses. */
static void test_guesses_are_counted(void **state)
{
    unsigned seed = 7, answered = 1, guess_us;
    struct timespec before;
    struct vault_key key;
    struct vault *vault;
    struct env env;

    (void)state;
    env_start(&env);
    env.config.code_attempts = 1000;
    vault = env_create(&env);
    env_tenant(&env, vault, "t");
    assert_vault(&env, VAULT_OK, env_put(&env, vault, 1, VAULT_KEY_SM2, 1, 1, "right"));
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_vault(&env, VAULT_BAD_CODE, env_code(&env, vault, 1, 1, "wrong"));
    guess_us = since_us(&before);
    vault_close(vault);
    for (int round = 0; round < 12; round++) {
        int pipes[2], status;
        char byte;
        unsigned before_kill = answered;
        pid_t pid;

        assert_int_equal(pipe(pipes), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(pipes[0]);
            if (vault_open(&env.config, &vault, env.error) != VAULT_OK)
                _exit(3);
            while (env_code(&env, vault, 1, 1, "wrong") == VAULT_BAD_CODE)
                if (write(pipes[1], "x", 1) != 1)
                    _exit(5);
            _exit(4);
        }
        close(pipes[1]);
        pause_for(guess_us + (unsigned)rand_r(&seed) % (guess_us * 3)); /* the child guesses once or some times */
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        while (read(pipes[0], &byte, 1) == 1)
            answered++;
        close(pipes[0]);
        if (answered == before_kill)
            guess_us *= 2;
        vault = env_open(&env);
        assert_vault(&env, VAULT_OK, vault_key_get(vault, 1, VAULT_KEY_SM2, 1, &key, NULL, NULL, env.error));
        vault_close(vault);
        assert_true(key.failures >= answered);
        assert_true(key.failures <= answered + (unsigned)round + 1); /* one more may be counted per kill */
    }
    print_message("%u guesses answered, %u counted\n", answered, key.failures);
    assert_true(answered > 1);
    env_end(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acknowledged_puts_survive),
        cmocka_unit_test(test_guesses_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
