/* SPDX-License-Identifier: Apache-2.0 */
/* test_vault_threads.c: eight threads on one vault; run it under the sanitizers. */
#include "vault_env.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 8
#define ROUNDS  40

struct worker {
    struct vault *vault;
    uint32_t shared; /* tenant of all */
    unsigned number;
    unsigned wrong;
    char what[128];
};

#define CHECK(worker, condition)                                                                                       \
    do {                                                                                                               \
        if (!(condition) && !(worker)->wrong++)                                                                        \
            snprintf((worker)->what, sizeof(worker)->what, "thread %u, line %d", (worker)->number, __LINE__);          \
    } while (0)

static bool any_key(void *arg, const struct vault_key *key)
{
    (void)arg;
    return key->index != 0;
}

static bool any_tenant(void *arg, const struct vault_tenant *tenant)
{
    (void)arg;
    return tenant->id != 0;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct vault *vault = worker->vault;
    struct env env; /* only its error */

    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t index = 1 + worker->number * 100 + round % 5;
        uint8_t fill = (uint8_t)(worker->number * 16 + round);
        struct vault_tenant tenant = {0};

        CHECK(worker, env_put(&env, vault, worker->shared, VAULT_KEY_SM2, index, fill, NULL) == VAULT_OK);
        CHECK(worker, env_get(&env, vault, worker->shared, VAULT_KEY_SM2, index) == fill);
        CHECK(worker, vault_key_each(vault, worker->shared, any_key, NULL, env.error) == VAULT_OK);
        CHECK(worker, vault_key_remove(vault, worker->shared, VAULT_KEY_SM2, index, env.error) == VAULT_OK);
        CHECK(worker, env_get(&env, vault, worker->shared, VAULT_KEY_SM2, index) == -1);
        snprintf(tenant.name, sizeof tenant.name, "t%u-%u", worker->number, round);
        CHECK(worker, vault_tenant_add(vault, &tenant, env.error) == VAULT_OK);
        CHECK(worker, env_put(&env, vault, tenant.id, VAULT_KEY_KEK, 1, fill, NULL) == VAULT_OK);
        tenant.weight = 1 + round;
        CHECK(worker, vault_tenant_set(vault, &tenant, env.error) == VAULT_OK);
        CHECK(worker, vault_tenant_each(vault, any_tenant, NULL, env.error) == VAULT_OK);
        CHECK(worker, vault_tenant_find(vault, tenant.name, &tenant, env.error) == VAULT_OK);
        CHECK(worker, tenant.weight == 1 + round);
        CHECK(worker, vault_tenant_remove(vault, tenant.id, env.error) == VAULT_OK);
        if (round % 20 == 0) /* scrypt is slow */
            CHECK(worker, env_code(&env, vault, worker->shared, 60000, "right") == VAULT_OK);
    }
    return NULL;
}

static void test_mixed(void **state)
{
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct vault *vault;
    struct env env;
    uint32_t shared;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    shared = env_tenant(&env, vault, "shared");
    assert_vault(&env, VAULT_OK, env_put(&env, vault, shared, VAULT_KEY_SM2, 60000, 1, "right"));
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.vault = vault, .shared = shared, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < THREADS; i++)
        if (workers[i].wrong)
            fail_msg("%s", workers[i].what);
    vault_close(vault);
    vault = env_open(&env); /* all tallies still add up */
    assert_int_equal(env_get(&env, vault, shared, VAULT_KEY_SM2, 60000), 1);
    vault_close(vault);
    env_end(&env);
}

struct guesser {
    struct vault *vault;
    uint32_t tenant;
    atomic_uint *bad, *locked;
};

static void *guess(void *arg)
{
    struct guesser *guesser = arg;
    struct env env;

    for (int i = 0; i < 2; i++)
        switch (env_code(&env, guesser->vault, guesser->tenant, 1, "wrong")) {
        case VAULT_BAD_CODE:
            atomic_fetch_add(guesser->bad, 1);
            break;
        case VAULT_LOCKED:
            atomic_fetch_add(guesser->locked, 1);
            break;
        default:
            break;
        }
    return NULL;
}

/* However many guess at once, as many as allowed are answered. */
static void test_parallel_guesses(void **state)
{
    struct guesser guesser;
    pthread_t threads[THREADS];
    atomic_uint bad = 0, locked = 0;
    struct vault *vault;
    struct env env;

    (void)state;
    env_start(&env);
    vault = env_create(&env);
    guesser = (struct guesser){.vault = vault, .tenant = env_tenant(&env, vault, "t"), .bad = &bad, .locked = &locked};
    assert_vault(&env, VAULT_OK, env_put(&env, vault, guesser.tenant, VAULT_KEY_SM2, 1, 1, "right"));
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, guess, &guesser), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(bad, 3);
    assert_int_equal(locked, 2 * THREADS - 3);
    vault_close(vault);
    env_end(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_parallel_guesses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
