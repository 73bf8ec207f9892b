/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_power.c: a fixed list of steps is run on the disk of powerloss_vfs.h, with an accident at each operation
 * of that disk in turn. A picture of the vault (all tenants, all keys) is taken after each step of an undisturbed run;
 * after an accident during step n the picture must be the one after step n - 1 or after step n, never older or other.
 * One control runs the same with SQLite told not to flush: there the test must find losses, or it is worth nothing.
 */
#include "vault_env.h"

#include "backend/vault/sqlite/sqlite_store.h"
#include "backend/vault/vault_internal.h"
#include "powerloss_vfs.h"

#define PICTURE 4096u

struct run {
    struct env env;
    struct vault *vault;
    const char *setting; /* run after opening */
    bool reopened;
};

static void run_open(struct run *run)
{
    run->vault = NULL;
    if (vault_open(&run->env.config, &run->vault, run->env.error) == VAULT_OK && run->setting)
        sqlite3_exec(sqlite_store_handle(run->vault->store), run->setting, NULL, NULL, NULL);
}

/* A policy, and a file of three chunks; the last write touches two of them. */
static enum vault_result file_step(struct run *run, unsigned step)
{
    static const uint8_t name[] = {'f', 0, 1};
    static uint8_t bytes[10000];
    struct vault_tenant tenant = {.id = 1, .weight = 900};
    struct vault_policy policy = {.denied = {1u << C_HASH, 1u << A_RSA}, .max_files = 9, .max_file_bytes = 20000};
    struct env *env = &run->env;

    memset(bytes, (int)step + 1, sizeof bytes);
    switch (step) {
    case 0:
        return vault_tenant_change(run->vault, &tenant, &policy, env->error);
    case 1:
        return vault_file_create(run->vault, 1, name, sizeof name, sizeof bytes, env->error);
    case 2:
        return vault_file_write(run->vault, 1, name, sizeof name, 0, bytes, sizeof bytes, sizeof bytes, env->error);
    default:
        return vault_file_write(run->vault, 1, name, sizeof name, 3000, bytes, 3000, 3000, env->error);
    }
}

/* Step 0 creates, the others need a vault. */
static enum vault_result step_do(struct run *run, unsigned step)
{
    struct vault_tenant tenant = {.name = "second", .weight = 7};
    struct env *env = &run->env;
    struct vault *vault = run->vault;
    enum vault_result result;

    if (step && !vault)
        return VAULT_IO;
    switch (step) {
    case 0:
        result = vault_create(&env->config, env->error);
        if (result == VAULT_OK)
            run_open(run);
        return result;
    case 1:
        snprintf(tenant.name, sizeof tenant.name, "first");
        return vault_tenant_add(vault, &tenant, env->error);
    case 2:
    case 3:
    case 4:
        return env_put(env, vault, 1, VAULT_KEY_SM2, step, (uint8_t)step, NULL);
    case 5:
        return vault_tenant_add(vault, &tenant, env->error);
    case 6:
        return env_put(env, vault, 2, VAULT_KEY_KEK, 6, 6, NULL);
    case 7:
        return vault_key_remove(vault, 1, VAULT_KEY_SM2, 3, env->error);
    case 8:
        tenant.id = 1;
        tenant.weight = 900;
        return vault_tenant_set(vault, &tenant, env->error);
    case 9:
        vault_close(vault); /* a clean end and a new start in the middle */
        run_open(run);
        return run->vault ? VAULT_OK : VAULT_IO;
    case 10:
        return env_put(env, vault, 1, VAULT_KEY_SM2, 3, 33, NULL);
    case 11:
        return vault_tenant_remove(vault, 2, env->error);
    case 12:
        snprintf(tenant.name, sizeof tenant.name, "second");
        return vault_tenant_add(vault, &tenant, env->error);
    case 13:
        return env_put(env, vault, 3, VAULT_KEY_KEK, 6, 66, NULL);
    case 14:
        return env_replace(env, vault, 1, 4, 4, 44);
    default:
        return file_step(run, step - 15);
    }
}
#define STEPS 19u

struct painter {
    struct run *run;
    char *text;
    uint32_t tenants[8];
    size_t count;
    struct {
        enum vault_key_kind kind;
        uint32_t index;
    } keys[16];
    size_t key_count;
};

static bool paint_tenant(void *arg, const struct vault_tenant *tenant)
{
    struct painter *painter = arg;

    sprintf(painter->text + strlen(painter->text), "%u %s %u\n", tenant->id, tenant->name, tenant->weight);
    painter->tenants[painter->count++] = tenant->id;
    return painter->count < 8;
}

static bool paint_key(void *arg, const struct vault_key *key)
{
    struct painter *painter = arg;

    painter->keys[painter->key_count].kind = key->kind;
    painter->keys[painter->key_count++].index = key->index;
    return painter->key_count < 16;
}

struct file_painter {
    char *text;
    uint32_t tenant;
    struct vault_file files[4];
    size_t count;
};

static bool paint_file(void *arg, const struct vault_file *file)
{
    struct file_painter *painter = arg;

    painter->files[painter->count++] = *file;
    return painter->count < 4;
}

static enum vault_result paint_files(struct run *run, uint32_t tenant, char *text)
{
    struct file_painter painter = {.text = text, .tenant = tenant};
    struct vault_policy policy;
    static uint8_t bytes[20000];
    enum vault_result result = vault_policy_get(run->vault, tenant, &policy, run->env.error);

    if (result != VAULT_OK)
        return result;
    sprintf(text + strlen(text), "%u policy %x %x %u\n", tenant, policy.denied.denied_classes,
            policy.denied.denied_algs, policy.max_files);
    result = vault_file_each(run->vault, tenant, paint_file, &painter, run->env.error);
    for (size_t i = 0; i < painter.count && result == VAULT_OK; i++) {
        const struct vault_file *file = &painter.files[i];
        size_t len = sizeof bytes;
        uint32_t sum = 0;

        result = vault_file_read(run->vault, tenant, file->name, file->name_len, 0, bytes, &len, run->env.error);
        for (size_t at = 0; at < len; at++)
            sum = sum * 31 + bytes[at];
        sprintf(text + strlen(text), "%u file %u %zu %08x\n", tenant, file->size, len, sum);
    }
    return result;
}

/* Empty when the vault could not be read. */
static void paint(struct run *run, char picture[PICTURE])
{
    struct painter painter = {.run = run, .text = picture};
    enum vault_result result;

    picture[0] = 0;
    if (!run->vault)
        return;
    strcpy(picture, "vault\n");
    result = vault_tenant_each(run->vault, paint_tenant, &painter, run->env.error);
    for (size_t i = 0; i < painter.count && result == VAULT_OK; i++) {
        painter.key_count = 0;
        result = vault_key_each(run->vault, painter.tenants[i], paint_key, &painter, run->env.error);
        for (size_t k = 0; k < painter.key_count; k++)
            sprintf(picture + strlen(picture), "%u %u %u %d\n", painter.tenants[i], painter.keys[k].kind,
                    painter.keys[k].index,
                    env_get(&run->env, run->vault, painter.tenants[i], painter.keys[k].kind, painter.keys[k].index));
        if (result == VAULT_OK)
            result = paint_files(run, painter.tenants[i], picture);
    }
    if (result != VAULT_OK)
        picture[0] = 0;
}

static bool whole(struct vault *vault)
{
    sqlite3_stmt *statement = NULL;
    bool ok = sqlite3_prepare_v2(sqlite_store_handle(vault->store), "PRAGMA integrity_check", -1, &statement, NULL) ==
                  SQLITE_OK &&
              sqlite3_step(statement) == SQLITE_ROW &&
              strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;

    sqlite3_finalize(statement);
    return ok;
}

static char pictures[STEPS][PICTURE];

static void run_start(struct run *run, const char *setting)
{
    disk_erase();
    run->setting = setting;
    run->vault = NULL;
}

/* Takes the pictures; returns how many operations the disk did. */
static unsigned run_undisturbed(struct run *run, const char *setting)
{
    unsigned operations;

    run_start(run, setting);
    disk_plan(DISK_NONE, 0);
    for (unsigned step = 0; step < STEPS; step++) {
        assert_vault(&run->env, VAULT_OK, step_do(run, step));
        paint(run, pictures[step]);
        assert_true(step == 9 || step == 0 || strcmp(pictures[step], pictures[step - 1]) != 0);
        assert_true(pictures[step][0]);
    }
    vault_close(run->vault);
    run->vault = NULL;
    operations = disk_operations();
    assert_true(operations > 50);
    return operations;
}

/* Power failure at one operation. True: what was acknowledged is there. */
static bool power_run(struct run *run, const char *setting, unsigned at, enum disk_survival survival)
{
    char picture[PICTURE];
    unsigned step;
    bool good;

    run_start(run, setting);
    disk_plan(DISK_POWER, at);
    for (step = 0; step < STEPS; step++)
        if (step_do(run, step) != VAULT_OK)
            break;
    vault_close(run->vault);
    run->vault = NULL;
    if (!disk_happened())
        fail_msg("operation %u was never reached", at);
    disk_reboot(survival, at);

    if (step == 0) {
        enum vault_result result = vault_create(&run->env.config, run->env.error);

        if (result != VAULT_OK && result != VAULT_EXISTS)
            return false;
    }
    run_open(run);
    if (!run->vault)
        return false;
    paint(run, picture);
    good = whole(run->vault) && (strcmp(picture, pictures[step < STEPS ? step : STEPS - 1]) == 0 ||
                                 (step > 0 && strcmp(picture, pictures[step - 1]) == 0));
    if (!good && !strstr(setting ? setting : "", "OFF"))
        print_error("power lost at operation %u, step %u, survival %d: found\n%s", at, step, (int)survival, picture);
    /* it goes on working */
    if (good && vault_tenant_add(run->vault, &(struct vault_tenant){.name = "after"}, run->env.error) != VAULT_OK)
        good = false;
    vault_close(run->vault);
    run->vault = NULL;
    return good;
}

static void power_sweep(const char *setting)
{
    struct run run = {0};
    unsigned operations;

    env_start(&run.env);
    operations = run_undisturbed(&run, setting);
    print_message("%u operations\n", operations);
    for (unsigned at = 0; at < operations; at++)
        for (enum disk_survival survival = DISK_LOSES_ALL; survival <= DISK_LOSES_NOTHING; survival++)
            assert_true(power_run(&run, setting, at, survival));
    env_end(&run.env);
}

static void test_power_loss(void **state)
{
    (void)state;
    power_sweep(NULL);
}

/* The log is written back all the time. */
static void test_power_loss_checkpoints(void **state)
{
    (void)state;
    power_sweep("PRAGMA wal_autocheckpoint = 4");
}

static void test_control_unflushed_is_found(void **state)
{
    struct run run = {0};
    unsigned operations, lost = 0;

    (void)state;
    env_start(&run.env);
    operations = run_undisturbed(&run, "PRAGMA synchronous = OFF");
    for (unsigned at = 0; at < operations; at++)
        if (!power_run(&run, "PRAGMA synchronous = OFF", at, DISK_LOSES_ALL))
            lost++;
    print_message("%u of %u power failures lost something\n", lost, operations);
    assert_true(lost > 0);
    env_end(&run.env);
}

/* An accident that passes: full from that operation on, or one failed operation. */
static void passing_run(struct run *run, enum disk_accident accident, unsigned at)
{
    unsigned step, refused = 0;
    char picture[PICTURE];

    run_start(run, "PRAGMA wal_autocheckpoint = 4");
    disk_plan(accident, at);
    for (step = 0; step < STEPS; step++) {
        enum vault_result result = step_do(run, step);

        if (result == VAULT_OK && step == 0 && !run->vault)
            run_open(run); /* opening was what failed, and may be tried again */
        if (result == VAULT_OK && run->vault)
            continue;
        refused++;
        assert_true(disk_happened());
        assert_int_equal(result == VAULT_OK ? VAULT_IO : result, VAULT_IO);
        if (accident == DISK_FULL && !strstr(run->env.error, "full") && !strstr(run->env.error, "cannot be opened"))
            fail_msg("step %u: %s", step, run->env.error);
        if (run->vault && step != 9) { /* nothing changed, and what is there can be read */
            paint(run, picture);
            assert_string_equal(picture, pictures[step - 1]);
        }
        disk_plan(DISK_NONE, 0);
        if (!run->vault && (step || result == VAULT_OK))
            run_open(run);
        if (step != 9 && result != VAULT_OK)
            assert_vault(&run->env, VAULT_OK, step_do(run, step));
        assert_non_null(run->vault);
    }
    paint(run, picture);
    assert_string_equal(picture, pictures[STEPS - 1]);
    assert_true(refused <= 1);
    vault_close(run->vault);
    /* what is on the disk is what was in memory */
    disk_plan(DISK_NONE, 0);
    run_open(run);
    paint(run, picture);
    assert_string_equal(picture, pictures[STEPS - 1]);
    assert_true(whole(run->vault));
    vault_close(run->vault);
    run->vault = NULL;
}

static void passing_sweep(enum disk_accident accident)
{
    struct run run = {0};
    unsigned operations;

    env_start(&run.env);
    operations = run_undisturbed(&run, "PRAGMA wal_autocheckpoint = 4");
    for (unsigned at = 0; at < operations; at++)
        passing_run(&run, accident, at);
    env_end(&run.env);
}

static void test_disk_full(void **state)
{
    (void)state;
    passing_sweep(DISK_FULL);
}

static void test_disk_error(void **state)
{
    (void)state;
    passing_sweep(DISK_ERROR);
}

/* A counted wrong code outlives the power. */
static void test_count_survives(void **state)
{
    struct vault_key key;
    struct run run = {0};

    (void)state;
    env_start(&run.env);
    for (unsigned at = 0;; at++) {
        enum vault_result result;
        bool happened;

        run_start(&run, NULL);
        assert_vault(&run.env, VAULT_OK, step_do(&run, 0));
        assert_vault(&run.env, VAULT_OK, step_do(&run, 1));
        assert_vault(&run.env, VAULT_OK, env_put(&run.env, run.vault, 1, VAULT_KEY_SM2, 1, 1, "right"));
        disk_plan(DISK_POWER, at);
        result = env_code(&run.env, run.vault, 1, 1, "wrong");
        happened = disk_happened();
        assert_int_equal(result, happened ? VAULT_IO : VAULT_BAD_CODE);
        vault_close(run.vault);
        disk_reboot(DISK_LOSES_ALL, at);
        run_open(&run);
        assert_non_null(run.vault);
        assert_vault(&run.env, VAULT_OK,
                     vault_key_get(run.vault, 1, VAULT_KEY_SM2, 1, &key, NULL, NULL, run.env.error));
        if (!happened)
            assert_int_equal(key.failures, 1);
        vault_close(run.vault);
        run.vault = NULL;
        if (!happened)
            break;
    }
    env_end(&run.env);
}

/* On a full disk VAULT_IO must not tell a wrong code from a right one for long. */
static void test_full_disk_is_no_oracle(void **state)
{
    struct vault_key key;
    struct run run = {0};

    (void)state;
    env_start(&run.env);
    run_start(&run, NULL);
    assert_vault(&run.env, VAULT_OK, step_do(&run, 0));
    assert_vault(&run.env, VAULT_OK, step_do(&run, 1));
    assert_vault(&run.env, VAULT_OK, env_put(&run.env, run.vault, 1, VAULT_KEY_SM2, 1, 1, "right"));
    disk_plan(DISK_FULL, 0);
    assert_vault(&run.env, VAULT_IO, env_code(&run.env, run.vault, 1, 1, "wrong"));
    assert_vault(&run.env, VAULT_IO, env_code(&run.env, run.vault, 1, 1, "right"));
    assert_vault(&run.env, VAULT_IO, env_code(&run.env, run.vault, 1, 1, "wrong"));
    disk_plan(DISK_NONE, 0);
    assert_vault(&run.env, VAULT_OK, env_code(&run.env, run.vault, 1, 1, "right"));
    assert_vault(&run.env, VAULT_OK, vault_key_get(run.vault, 1, VAULT_KEY_SM2, 1, &key, NULL, NULL, run.env.error));
    assert_int_equal(key.failures, 0);
    vault_close(run.vault);
    env_end(&run.env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_loss),
        cmocka_unit_test(test_power_loss_checkpoints),
        cmocka_unit_test(test_control_unflushed_is_found),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_disk_error),
        cmocka_unit_test(test_count_survives),
        cmocka_unit_test(test_full_disk_is_no_oracle),
    };
    int failed;

    disk_install();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    disk_erase();
    return failed;
}
