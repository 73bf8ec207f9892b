/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_scale.c: what a look-up costs does not grow with the number of keys. Counted are the rows that the vault
 * asks its store for, and the pages that SQLite looks at for them, with 1,000 and with 20,000 keys of one tenant; no
 * clock is looked at. What does grow is the first use of a tenant after the opening, which adds up all its rows once.
 *
 *     test_vault_scale --fill STATE_DIR MASTER_KEY_FILE TENANT KEYS
 *
 * puts that many keys into a vault that is there, many in one transaction, for bench/measure-vault.
 */
#include "vault_env.h"

#include <sqlite3.h>
#include "backend/vault/master_key.h"
#include "backend/vault/sqlite/sqlite_store.h"
#include "backend/vault/vault_internal.h"

/* A store that counts what it is asked for, and can hold back commits. */
struct counting {
    struct vault_store store; /* first */
    struct vault_store *under;
    bool batch;
    unsigned long rows;
};

static struct vault_store *under(struct vault_store *store)
{
    return ((struct counting *)(void *)store)->under;
}

static void counted(struct vault_store *store, enum vault_result result)
{
    ((struct counting *)(void *)store)->rows += result == VAULT_OK;
}

static bool batch(struct vault_store *store)
{
    return ((struct counting *)(void *)store)->batch;
}

static enum vault_result count_begin(struct vault_store *s, char *error)
{
    return batch(s) ? VAULT_OK : under(s)->ops->begin(under(s), error);
}

static enum vault_result count_commit(struct vault_store *s, char *error)
{
    return batch(s) ? VAULT_OK : under(s)->ops->commit(under(s), error);
}

static void count_rollback(struct vault_store *s)
{
    if (!batch(s)) /* what failed in a batch ends the test */
        under(s)->ops->rollback(under(s));
}

static enum vault_result count_root_get(struct vault_store *s, struct store_row *row, char *error)
{
    enum vault_result result = under(s)->ops->root_get(under(s), row, error);

    counted(s, result);
    return result;
}

static enum vault_result count_root_put(struct vault_store *s, const struct store_row *row, char *error)
{
    return under(s)->ops->root_put(under(s), row, error);
}

static enum vault_result count_tenant_get(struct vault_store *s, uint32_t id, struct store_row *row, char *error)
{
    enum vault_result result = under(s)->ops->tenant_get(under(s), id, row, error);

    counted(s, result);
    return result;
}

static enum vault_result count_tenant_put(struct vault_store *s, const struct store_row *row, char *error)
{
    return under(s)->ops->tenant_put(under(s), row, error);
}

struct each {
    struct vault_store *store;
    store_visit *visit;
    void *arg;
};

static bool count_visit(void *arg, const struct store_row *row)
{
    struct each *each = arg;

    counted(each->store, VAULT_OK);
    return each->visit(each->arg, row);
}

static enum vault_result count_tenant_each(struct vault_store *s, store_visit *visit, void *arg, char *error)
{
    struct each each = {s, visit, arg};

    return under(s)->ops->tenant_each(under(s), count_visit, &each, error);
}

static enum vault_result count_key_get(struct vault_store *s, uint32_t id, uint32_t kind, uint32_t index,
                                       struct store_row *row, char *error)
{
    enum vault_result result = under(s)->ops->key_get(under(s), id, kind, index, row, error);

    counted(s, result);
    return result;
}

static enum vault_result count_key_put(struct vault_store *s, const struct store_row *row, char *error)
{
    return under(s)->ops->key_put(under(s), row, error);
}

static enum vault_result count_key_remove(struct vault_store *s, uint32_t id, uint32_t kind, uint32_t index,
                                          char *error)
{
    return under(s)->ops->key_remove(under(s), id, kind, index, error);
}

static enum vault_result count_key_each(struct vault_store *s, uint32_t id, store_visit *visit, void *arg, char *error)
{
    struct each each = {s, visit, arg};

    return under(s)->ops->key_each(under(s), id, count_visit, &each, error);
}

static unsigned count_schema(struct vault_store *s)
{
    return under(s)->ops->schema(under(s));
}

static void count_erase(struct vault_store *s)
{
    if (!batch(s))
        under(s)->ops->erase(under(s));
}

static void count_close(struct vault_store *s)
{
    under(s)->ops->close(under(s));
}

/* The others are not asked for by what is done here; a call to one would crash, and so be seen. */
static const struct vault_store_ops counting_ops = {
    .begin = count_begin,
    .commit = count_commit,
    .rollback = count_rollback,
    .root_get = count_root_get,
    .root_put = count_root_put,
    .tenant_get = count_tenant_get,
    .tenant_put = count_tenant_put,
    .tenant_each = count_tenant_each,
    .key_get = count_key_get,
    .key_put = count_key_put,
    .key_remove = count_key_remove,
    .key_each = count_key_each,
    .schema = count_schema,
    .erase = count_erase,
    .close = count_close,
};

static struct vault *counting_open(struct env *env, struct counting *counting)
{
    struct vault *vault = NULL;

    memset(counting, 0, sizeof *counting);
    counting->store.ops = &counting_ops;
    assert_vault(env, VAULT_OK, sqlite_store_open(env->config.state_dir, false, &counting->under, env->error));
    assert_vault(env, VAULT_OK, vault_open_store(&env->config, &counting->store, &vault, env->error));
    return vault;
}

static void batch_set(struct counting *counting, bool on, char *error)
{
    counting->batch = false;
    assert_int_equal(on ? count_begin(&counting->store, error) : count_commit(&counting->store, error), VAULT_OK);
    counting->batch = on;
}

static void fill(struct env *env, struct counting *counting, struct vault *vault, uint32_t tenant, uint32_t keys)
{
    batch_set(counting, true, env->error);
    for (uint32_t i = 1; i <= keys; i++)
        assert_vault(env, VAULT_OK, env_put(env, vault, tenant, VAULT_KEY_SM2, i, (uint8_t)i, NULL));
    batch_set(counting, false, env->error);
}

/* ---- what is counted ---- */

struct cost {
    unsigned long rows;
    int pages; /* that SQLite looked at, in its cache or not */
};

static int pages(struct counting *counting)
{
    sqlite3 *db = sqlite_store_handle(counting->under);
    int hit = 0, miss = 0, high;

    sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_HIT, &hit, &high, 0);
    sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_MISS, &miss, &high, 0);
    return hit + miss;
}

static void cost_start(struct counting *counting, struct cost *cost)
{
    *cost = (struct cost){counting->rows, pages(counting)};
}

static void cost_end(struct counting *counting, struct cost *cost)
{
    *cost = (struct cost){counting->rows - cost->rows, pages(counting) - cost->pages};
}

enum {
    COST_FIRST, /* use of the tenant */
    COST_GET,
    COST_ABSENT,
    COST_CODE,
    COST_PUT,
    COST_REMOVE,
    COSTS
};

static void costs_take(uint32_t keys, struct cost costs[COSTS])
{
    struct counting counting;
    struct vault_policy policy;
    struct env env;
    struct vault *vault;
    uint32_t tenant;

    env_start(&env);
    vault = env_create(&env);
    tenant = env_tenant(&env, vault, "t");
    vault_close(vault);
    vault = counting_open(&env, &counting);
    fill(&env, &counting, vault, tenant, keys);
    vault_close(vault);
    vault = counting_open(&env, &counting);

#define COST(which, ...)                                                                                               \
    cost_start(&counting, &costs[which]);                                                                              \
    __VA_ARGS__;                                                                                                       \
    cost_end(&counting, &costs[which])
    COST(COST_FIRST, assert_vault(&env, VAULT_OK, vault_policy_get(vault, tenant, &policy, env.error)));
    COST(COST_GET, assert_int_equal(env_get(&env, vault, tenant, VAULT_KEY_SM2, keys / 2), keys / 2 & 0xff));
    COST(COST_ABSENT, assert_int_equal(env_get(&env, vault, tenant, VAULT_KEY_SM2, keys + 1), -1));
    COST(COST_CODE, assert_vault(&env, VAULT_OK, env_code(&env, vault, tenant, keys / 3, NULL)));
    COST(COST_PUT, assert_vault(&env, VAULT_OK, env_put(&env, vault, tenant, VAULT_KEY_SM2, keys + 1, 1, NULL)));
    COST(COST_REMOVE, assert_vault(&env, VAULT_OK, vault_key_remove(vault, tenant, VAULT_KEY_SM2, 7, env.error)));
#undef COST
    vault_close(vault);
    env_end(&env);
}

static void test_look_up_is_flat(void **state)
{
    static const char *const names[] = {"first use", "get", "absent", "code", "put", "remove"};
    struct cost few[COSTS], many[COSTS];

    (void)state;
    costs_take(1000, few);
    costs_take(20000, many);
    for (unsigned i = 0; i < COSTS; i++)
        print_message("%-10s %6lu rows %6d pages with 1,000 keys; %6lu rows %6d pages with 20,000\n", names[i],
                      few[i].rows, few[i].pages, many[i].rows, many[i].pages);
    /* all rows once, and the tenant's own: what the rest of the counts could not be if counting did not work */
    assert_int_equal(few[COST_FIRST].rows, 1001);
    assert_int_equal(many[COST_FIRST].rows, 20001);
    for (unsigned i = COST_GET; i < COSTS; i++) {
        assert_int_equal(few[i].rows, many[i].rows);
        assert_in_range(many[i].rows, 1, 6);
        assert_in_range(few[i].pages, 1, 60);
        /* a tree that is a level or two deeper, for each row and its way there, and a page that is split */
        assert_in_range(many[i].pages, 1, few[i].pages + 4 * (int)(many[i].rows + 2));
    }
}

/* Tenants: the opening looks at each once, a look-up at one. */
static void test_tenants_are_flat(void **state)
{
    unsigned long opening[2];
    struct cost cost[2];

    (void)state;
    for (unsigned turn = 0; turn < 2; turn++) {
        struct counting counting;
        struct env env;
        struct vault *vault;
        uint32_t id = 0;
        char name[16];

        env_start(&env);
        vault = env_create(&env);
        for (unsigned i = 0; i < (turn ? 60u : 6u); i++) {
            snprintf(name, sizeof name, "t%u", i);
            id = env_tenant(&env, vault, name);
        }
        assert_vault(&env, VAULT_OK, env_put(&env, vault, id, VAULT_KEY_SM2, 1, 5, NULL));
        vault_close(vault);
        vault = counting_open(&env, &counting);
        opening[turn] = counting.rows;
        cost_start(&counting, &cost[turn]);
        assert_int_equal(env_get(&env, vault, id, VAULT_KEY_SM2, 1), 5);
        cost_end(&counting, &cost[turn]);
        vault_close(vault);
        env_end(&env);
    }
    assert_int_equal(opening[1] - opening[0], 54);
    assert_int_equal(cost[0].rows, cost[1].rows);
}

/* ---- by hand ---- */

struct fill_order {
    struct env env;
    const char *tenant;
    uint32_t keys;
};

static void test_fill(void **state)
{
    struct fill_order *order = *state;
    struct vault_secret *sign = vault_secret_new(), *encrypt = vault_secret_new();
    struct counting counting;
    struct vault *vault = counting_open(&order->env, &counting);
    struct vault_store *under_it = counting.under;
    struct store_row row;

    assert_int_equal(under_it->ops->tenant_find(under_it, order->tenant, &row, order->env.error), VAULT_OK);
    assert_vault(&order->env, VAULT_OK,
                 vault_key_get(vault, row.id, VAULT_KEY_SM2, 0, NULL, sign, encrypt, order->env.error));
    batch_set(&counting, true, order->env.error);
    for (uint32_t i = 1; i <= order->keys; i++) { /* all like the device's: the card takes only real ones */
        bool sm2 = i <= VAULT_INDEX_MAX;

        sign->len = sm2 ? 96 : 16;
        assert_vault(&order->env, VAULT_OK,
                     vault_key_put(vault, row.id, sm2 ? VAULT_KEY_SM2 : VAULT_KEY_KEK, sm2 ? i : i - VAULT_INDEX_MAX,
                                   sign, sm2 ? encrypt : NULL, NULL, 0, order->env.error));
    }
    batch_set(&counting, false, order->env.error);
    vault_secret_free(sign);
    vault_secret_free(encrypt);
    vault_close(vault);
}

static int fill_by_hand(char **argv)
{
    struct fill_order order = {.tenant = argv[4], .keys = (uint32_t)atoi(argv[5])};
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(test_fill, &order)};

    if (master_key_read(argv[3], order.env.master, order.env.error) != VAULT_OK) {
        fprintf(stderr, "%s\n", order.env.error);
        return 1;
    }
    order.env.config = (struct vault_config){.state_dir = argv[2], .master = order.env.master};
    return cmocka_run_group_tests_name("fill", tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_look_up_is_flat),
        cmocka_unit_test(test_tenants_are_flat),
    };

    if (argc == 6 && strcmp(argv[1], "--fill") == 0)
        return fill_by_hand(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
