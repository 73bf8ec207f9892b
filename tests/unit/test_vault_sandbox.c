/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_sandbox.c: the broker's order of things: chroot into the state directory, another user, vault_open with
 * "/", and then a filter that kills on any system call that store.h does not name. Everything must work after that.
 */
#include "vault_env.h"

#include <grp.h>
#include <seccomp.h>
#include <sys/wait.h>

/* As in store.h. */
static const char *const named[] = {
    "pread64",
    "pwrite64",
    "fdatasync",
    "fsync",
    "ftruncate",
    "lseek",
    "fstat",
    "newfstatat",
    "fcntl",
    "getpid",
    "futex",
    "getrandom",
    "mmap",
    "munmap",
    "mprotect",
    "madvise",
    "mlock",
    "brk",
    "clock_gettime",
    "gettimeofday",
    /* only the test's own end */
    "exit_group",
    "write",
};
static const char *const at_close[] = {"close", "unlink", "unlinkat", "access", "faccessat"};

static bool filter(bool closing)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool ok = context != NULL;

    for (size_t i = 0; ok && i < sizeof named / sizeof named[0]; i++)
        ok = seccomp_rule_add(context, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(named[i]), 0) == 0;
    for (size_t i = 0; ok && closing && i < sizeof at_close / sizeof at_close[0]; i++)
        ok = seccomp_rule_add(context, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(at_close[i]), 0) == 0;
    ok = ok && seccomp_load(context) == 0;
    seccomp_release(context);
    return ok;
}

static int broker_like(struct env *env, bool closing)
{
    struct vault *vault = NULL;

    if (chroot(env->dir) != 0 || chdir("/") != 0 || setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
        return 2;
    env->config.state_dir = "/";
    if (vault_open(&env->config, &vault, env->error) != VAULT_OK) {
        dprintf(2, "%s\n", env->error);
        return 3;
    }
    if (!filter(closing))
        return 4;
    if (env_tenant(env, vault, "inside") != 2 || env_put(env, vault, 2, VAULT_KEY_SM2, 1, 5, "code") != VAULT_OK ||
        env_get(env, vault, 2, VAULT_KEY_SM2, 1) != 5 || env_code(env, vault, 2, 1, "wrong") != VAULT_BAD_CODE ||
        env_code(env, vault, 2, 1, "code") != VAULT_OK)
        return 5;
    for (uint32_t i = 1; i <= 400; i++) /* enough for the log to be written back */
        if (env_put(env, vault, 2, VAULT_KEY_KEK, i, (uint8_t)i, NULL) != VAULT_OK)
            return 6;
    if (vault_key_remove(vault, 2, VAULT_KEY_KEK, 7, env->error) != VAULT_OK ||
        vault_tenant_remove(vault, 1, env->error) != VAULT_OK)
        return 7;
    if (closing)
        vault_close(vault);
    return 0;
}

static void test_after_chroot_and_filter(void **state)
{
    struct vault *vault;
    struct env env;

    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: needs root for chroot\n");
        skip();
    }
#if defined(__SANITIZE_ADDRESS__)
    print_message("skipped: a sanitizer makes system calls of its own\n");
    skip();
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    print_message("skipped: a sanitizer makes system calls of its own\n");
    skip();
#endif
#endif
    for (int closing = 0; closing <= 1; closing++) {
        int status = 0;

        env_start(&env);
        assert_int_equal(chown(env.dir, 65534, 65534), 0);
        vault = env_create(&env);
        env_tenant(&env, vault, "before");
        vault_close(vault);
        fflush(NULL);
        if (fork() == 0)
            _exit(broker_like(&env, closing != 0));
        wait(&status);
        if (status != 0)
            fail_msg("status %#x (signal 31: a system call that store.h does not name)", (unsigned)status);
        vault = env_open(&env);
        assert_int_equal(env_get(&env, vault, 2, VAULT_KEY_SM2, 1), 5);
        assert_int_equal(env_get(&env, vault, 2, VAULT_KEY_KEK, 400), 400 & 0xff);
        vault_close(vault);
        env_end(&env);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_chroot_and_filter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
