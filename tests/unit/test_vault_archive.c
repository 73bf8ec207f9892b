/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_archive.c: backups and tenants on their way: what goes in comes out elsewhere, and nothing but that: each
 * byte of a sealed file altered, each cut, foreign keys; shares of a key.
 */
#include "vault_env.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include "backend/vault/sealed.h"
#include "backend/vault/shares.h"
#include "backend/vault/vault_internal.h"

static const uint8_t officer[32] = {1, 2, 3}; /* the backup key */

static int file_new(void)
{
    int fd = memfd_create("sealed", MFD_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void fill(struct env *env, struct vault *vault)
{
    static uint8_t bytes[5000];

    memset(bytes, 0x33, sizeof bytes);
    assert_int_equal(env_tenant(env, vault, "one"), 1);
    assert_int_equal(env_tenant(env, vault, "gone"), 2);
    assert_int_equal(env_tenant(env, vault, "two"), 3);
    assert_vault(env, VAULT_OK, vault_tenant_remove(vault, 2, env->error));
    for (uint32_t i = 0; i < 40; i++)
        assert_vault(env, VAULT_OK, env_put(env, vault, 1, VAULT_KEY_SM2, i, (uint8_t)(i + 1), NULL));
    assert_vault(env, VAULT_OK, env_put(env, vault, 1, VAULT_KEY_RSA, 7, 70, NULL));
    assert_vault(env, VAULT_OK, env_put(env, vault, 1, VAULT_KEY_KEK, 7, 71, NULL));
    assert_vault(env, VAULT_OK, env_put(env, vault, 3, VAULT_KEY_SM2, 1, 9, "code"));
    assert_vault(env, VAULT_BAD_CODE, env_code(env, vault, 3, 1, "wrong"));
    assert_vault(env, VAULT_OK, vault_file_create(vault, 3, (const uint8_t *)"f", 1, sizeof bytes, env->error));
    assert_vault(env, VAULT_OK,
                 vault_file_write(vault, 3, (const uint8_t *)"f", 1, 0, bytes, sizeof bytes, sizeof bytes, env->error));
}

static void check_two(struct env *env, struct vault *vault, uint32_t id)
{
    uint8_t bytes[5000];
    size_t len = sizeof bytes;
    struct vault_key key;

    assert_int_equal(env_get(env, vault, id, VAULT_KEY_SM2, 1), 9);
    assert_vault(env, VAULT_OK, vault_key_get(vault, id, VAULT_KEY_SM2, 1, &key, NULL, NULL, env->error));
    assert_int_equal(key.failures, 1);
    assert_vault(env, VAULT_OK, vault_file_read(vault, id, (const uint8_t *)"f", 1, 0, bytes, &len, env->error));
    assert_int_equal(len, sizeof bytes);
    assert_true(bytes[0] == 0x33 && bytes[4999] == 0x33);
}

static void check_all(struct env *env, struct vault *vault)
{
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(env_get(env, vault, 1, VAULT_KEY_SM2, i), i + 1);
    assert_int_equal(env_get(env, vault, 1, VAULT_KEY_RSA, 7), 70);
    assert_int_equal(env_get(env, vault, 1, VAULT_KEY_KEK, 7), 71);
    check_two(env, vault, 3);
}

static int backup(struct env *env, struct vault *vault)
{
    uint8_t key[32];
    int fd = file_new();

    assert_true(sealed_public(officer, key));
    assert_vault(env, VAULT_OK, vault_backup(vault, fd, key, env->error));
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void test_backup(void **state)
{
    uint8_t host[32], host_there[32], digest[32], wrong[32] = {9};
    struct vault_archive_info info;
    struct env env, there;
    struct vault *vault;
    uint64_t version, version_there;
    int fd;

    (void)state;
    env_start(&env);
    env_start(&there);
    memset(there.master, 0x77, sizeof there.master);
    vault = env_create(&env);
    fill(&env, vault);
    fd = backup(&env, vault);
    assert_vault(&env, VAULT_OK, vault_host_key(vault, host, env.error));
    assert_vault(&env, VAULT_OK, vault_root(vault, &version, digest, env.error));
    assert_vault(&env, VAULT_OK, env_put(&env, vault, 1, VAULT_KEY_SM2, 999, 1, NULL)); /* after the backup */
    vault_close(vault);

    assert_vault(&env, VAULT_OK, vault_backup_verify(fd, officer, NULL, &info, env.error));
    assert_memory_equal(info.sender, host, 32);
    assert_int_equal(info.tenants, 2);
    assert_int_equal(info.records, 42 + 1 + 1 + 2 + 1); /* keys; key, policy, pieces and header of the file */
    lseek(fd, 0, SEEK_SET);
    assert_vault(&env, VAULT_INVALID, vault_backup_verify(fd, wrong, NULL, &info, env.error));
    lseek(fd, 0, SEEK_SET);
    assert_vault(&env, VAULT_EXISTS, vault_restore(&env.config, fd, officer, NULL, &info, env.error));
    lseek(fd, 0, SEEK_SET);
    assert_vault(&there, VAULT_OK, vault_restore(&there.config, fd, officer, NULL, &info, there.error));
    vault = env_open(&there);
    check_all(&there, vault);
    assert_int_equal(env_get(&there, vault, 1, VAULT_KEY_SM2, 999), -1);
    assert_vault(&there, VAULT_OK, vault_host_key(vault, host_there, there.error));
    assert_memory_equal(host, host_there, 32); /* the same host, restored */
    assert_vault(&there, VAULT_OK, vault_root(vault, &version_there, digest, there.error));
    assert_true(version_there > version);
    assert_int_equal(env_tenant(&there, vault, "next"), 4); /* ids are not used again */
    vault_close(vault);
    vault = env_open(&env);
    check_all(&env, vault);
    vault_close(vault);
    close(fd);
    env_end(&env);
    env_end(&there);
}

static void test_export(void **state)
{
    uint8_t key[32], host[32];
    struct vault_archive_info info;
    struct vault_tenant tenant = {0};
    struct vault *from, *to;
    struct env env, there;
    int fd = file_new();

    (void)state;
    env_start(&env);
    env_start(&there);
    from = env_create(&env);
    to = env_create(&there);
    fill(&env, from);
    assert_int_equal(env_tenant(&there, to, "two"), 1);
    assert_vault(&there, VAULT_OK, vault_host_key(to, key, there.error));
    assert_vault(&env, VAULT_OK, vault_host_key(from, host, env.error));
    assert_vault(&env, VAULT_NOT_FOUND, vault_tenant_export(from, 2, fd, key, env.error));
    assert_int_equal(ftruncate(fd, 0), 0);
    lseek(fd, 0, SEEK_SET);
    assert_vault(&env, VAULT_OK, vault_tenant_find(from, "two", &tenant, env.error));
    tenant.owner_uid = tenant.owner_gid = 1000;
    tenant.flags = CM_ASKED_ALL | VAULT_TENANT_DISABLED;
    assert_vault(&env, VAULT_OK, vault_tenant_set(from, &tenant, env.error));
    assert_vault(&env, VAULT_OK, vault_tenant_export(from, 3, fd, key, env.error));
    lseek(fd, 0, SEEK_SET);
    /* for that host alone, and no backup */
    assert_vault(&env, VAULT_INVALID, vault_tenant_import(from, fd, "other", NULL, &tenant, &info, env.error));
    lseek(fd, 0, SEEK_SET);
    assert_vault(&env, VAULT_INVALID, vault_backup_verify(fd, officer, NULL, &info, env.error));
    lseek(fd, 0, SEEK_SET);
    assert_vault(&there, VAULT_EXISTS, vault_tenant_import(to, fd, NULL, NULL, &tenant, &info, there.error));
    lseek(fd, 0, SEEK_SET);
    assert_vault(&there, VAULT_INVALID, vault_tenant_import(to, fd, "No Name", NULL, &tenant, &info, there.error));
    lseek(fd, 0, SEEK_SET);
    assert_vault(&there, VAULT_OK, vault_tenant_import(to, fd, "moved", NULL, &tenant, &info, there.error));
    assert_int_equal(tenant.id, 2);
    assert_string_equal(tenant.name, "moved");
    assert_true(tenant.owner_uid == 0 && tenant.owner_gid == 0 && tenant.flags == VAULT_TENANT_DISABLED);
    assert_memory_equal(info.sender, host, 32);
    check_two(&there, to, 2);
    lseek(fd, 0, SEEK_SET);
    assert_vault(&there, VAULT_EXISTS, vault_tenant_import(to, fd, "again", NULL, &tenant, &info, there.error));
    vault_close(to);
    to = env_open(&there);
    check_two(&there, to, 2);
    assert_vault(&there, VAULT_OK, env_code(&there, to, 2, 1, "code"));
    assert_vault(&there, VAULT_OK, env_put(&there, to, 2, VAULT_KEY_SM2, 2, 20, NULL));
    vault_close(to);
    vault_close(from);
    close(fd);
    env_end(&env);
    env_end(&there);
}

/* Who insists on a sender gets nothing from anybody else, whatever the file says of itself. */
static void test_senders(void **state)
{
    uint8_t to_key[32], honest[32], stranger_key[32], other[32] = {9}, header[SEALED_HEADER];
    struct vault_archive_info info;
    struct vault_tenant tenant = {0};
    struct vault *from, *to, *stranger;
    struct env env, there, third;
    int fd = file_new(), backup = file_new();

    (void)state;
    env_start(&env);
    env_start(&there);
    env_start(&third);
    from = env_create(&env);
    to = env_create(&there);
    stranger = env_create(&third);
    fill(&env, from);
    fill(&third, stranger);
    assert_vault(&there, VAULT_OK, vault_host_key(to, to_key, there.error));
    assert_vault(&env, VAULT_OK, vault_host_key(from, honest, env.error));
    assert_vault(&third, VAULT_OK, vault_host_key(stranger, stranger_key, third.error));
    /* a stranger's tenant, well sealed */
    assert_vault(&third, VAULT_OK, vault_tenant_export(stranger, 3, fd, to_key, third.error));
    lseek(fd, 0, SEEK_SET);
    assert_vault(&there, VAULT_INVALID, vault_tenant_import(to, fd, "x", honest, &tenant, &info, there.error));
    assert_non_null(strstr(there.error, "not from the host that was named"));
    /* that says it were the honest host's */
    assert_int_equal(pread(fd, header, sizeof header, 0), sizeof header);
    memcpy(header + 80, honest, 32);
    assert_int_equal(pwrite(fd, header, sizeof header, 0), sizeof header);
    lseek(fd, 0, SEEK_SET);
    assert_vault(&there, VAULT_DAMAGED, vault_tenant_import(to, fd, "x", honest, &tenant, &info, there.error));
    lseek(fd, 0, SEEK_SET);
    assert_vault(&there, VAULT_DAMAGED, vault_tenant_import(to, fd, "x", NULL, &tenant, &info, there.error));
    assert_vault(&there, VAULT_NOT_FOUND, vault_tenant_find(to, "x", &tenant, there.error));
    memcpy(header + 80, stranger_key, 32);
    assert_int_equal(pwrite(fd, header, sizeof header, 0), sizeof header);
    lseek(fd, 0, SEEK_SET);
    assert_vault(&there, VAULT_OK, vault_tenant_import(to, fd, "x", stranger_key, &tenant, &info, there.error));
    assert_memory_equal(info.sender, stranger_key, 32);
    /* backups likewise */
    assert_true(sealed_public(officer, to_key));
    assert_vault(&env, VAULT_OK, vault_backup(from, backup, to_key, env.error));
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *wanted = i == 0 ? stranger_key : i == 1 ? other : honest;
        enum vault_result result = i == 2 ? VAULT_OK : VAULT_INVALID;

        lseek(backup, 0, SEEK_SET);
        assert_vault(&env, result, vault_backup_verify(backup, officer, wanted, &info, env.error));
    }
    vault_close(to);
    vault_close(from);
    vault_close(stranger);
    env_end(&there);
    env_start(&there);
    lseek(backup, 0, SEEK_SET);
    assert_vault(&there, VAULT_INVALID,
                 vault_restore(&there.config, backup, officer, stranger_key, &info, there.error));
    lseek(backup, 0, SEEK_SET);
    assert_vault(&there, VAULT_OK, vault_restore(&there.config, backup, officer, honest, &info, there.error));
    assert_memory_equal(info.sender, honest, 32);
    close(fd);
    close(backup);
    env_end(&env);
    env_end(&there);
    env_end(&third);
}

/* Every byte altered in turn, and every length: nothing is believed, nothing is changed. */
static void test_altered(void **state)
{
    struct vault_archive_info info;
    struct vault_tenant tenant;
    struct vault *vault, *to;
    struct env env, there;
    uint8_t key[32], *bytes;
    int fd = file_new();
    off_t len;

    (void)state;
    env_start(&env);
    env_start(&there);
    vault = env_create(&env);
    to = env_create(&there);
    assert_int_equal(env_tenant(&env, vault, "one"), 1);
    assert_vault(&env, VAULT_OK, env_put(&env, vault, 1, VAULT_KEY_SM2, 1, 1, NULL));
    assert_vault(&there, VAULT_OK, vault_host_key(to, key, there.error));
    assert_vault(&env, VAULT_OK, vault_tenant_export(vault, 1, fd, key, env.error));
    vault_close(vault);
    len = lseek(fd, 0, SEEK_END);
    bytes = malloc((size_t)len + 1);
    assert_int_equal(pread(fd, bytes, (size_t)len, 0), len);
    for (off_t i = 0; i < len; i++) {
        uint8_t changed = bytes[i] ^ (uint8_t)(1u << i % 8);
        enum vault_result result;

        assert_int_equal(pwrite(fd, &changed, 1, i), 1);
        lseek(fd, 0, SEEK_SET);
        result = vault_tenant_import(to, fd, NULL, NULL, &tenant, &info, there.error);
        if (result != VAULT_DAMAGED && result != VAULT_INVALID)
            fail_msg("byte %ld altered: %s", (long)i, vault_result_name(result));
        assert_int_equal(pwrite(fd, bytes + i, 1, i), 1);
    }
    for (off_t cut = 0; cut < len; cut += cut < len - 40 ? 29 : 1) {
        assert_int_equal(ftruncate(fd, cut), 0);
        lseek(fd, 0, SEEK_SET);
        assert_vault(&there, VAULT_DAMAGED, vault_tenant_import(to, fd, NULL, NULL, &tenant, &info, there.error));
        assert_int_equal(pwrite(fd, bytes, (size_t)len, 0), len);
    }
    bytes[len] = 0; /* and one byte more */
    assert_int_equal(pwrite(fd, bytes, (size_t)len + 1, 0), len + 1);
    lseek(fd, 0, SEEK_SET);
    assert_vault(&there, VAULT_DAMAGED, vault_tenant_import(to, fd, NULL, NULL, &tenant, &info, there.error));
    assert_vault(&there, VAULT_NOT_FOUND, vault_tenant_find(to, "one", &tenant, there.error));
    assert_int_equal(ftruncate(fd, len), 0);
    lseek(fd, 0, SEEK_SET);
    assert_vault(&there, VAULT_OK, vault_tenant_import(to, fd, NULL, NULL, &tenant, &info, there.error));
    assert_int_equal(env_get(&there, to, 1, VAULT_KEY_SM2, 1), 1);
    vault_close(to);
    free(bytes);
    close(fd);
    env_end(&env);
    env_end(&there);
}

/* A file that fills: VAULT_IO, and the vault goes on. */
static void test_full(void **state)
{
    struct rlimit none = {4096, RLIM_INFINITY}, before;
    char path[] = "/tmp/cardmux-full-XXXXXX";
    struct vault *vault;
    struct env env;
    uint8_t key[32];
    int fd = mkstemp(path);

    (void)state;
    unlink(path);
    env_start(&env);
    vault = env_create(&env);
    fill(&env, vault);
    assert_true(sealed_public(officer, key));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &none);
    assert_vault(&env, VAULT_IO, vault_backup(vault, fd, key, env.error));
    setrlimit(RLIMIT_FSIZE, &before);
    memset(key, 0, 32); /* of small order: everybody would know the secret */
    assert_vault(&env, VAULT_INVALID, vault_backup(vault, fd, key, env.error));
    check_all(&env, vault);
    vault_close(vault);
    close(fd);
    env_end(&env);
}

static void test_pieces(void **state)
{
    static const size_t sizes[] = {0, 1, SEALED_PIECE - 1, SEALED_PIECE, SEALED_PIECE + 1, 3 * SEALED_PIECE};
    static uint8_t bytes[3 * SEALED_PIECE], back[3 * SEALED_PIECE];
    struct sealed *sealed;
    struct env env = {0};
    uint8_t key[32];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    assert_true(sealed_public(officer, key));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int fd = file_new();

        assert_vault(&env, VAULT_OK, sealed_write_open(fd, SEALED_BACKUP, officer, key, &sealed, env.error));
        assert_vault(&env, VAULT_OK, sealed_write(sealed, bytes, sizes[i], env.error));
        assert_vault(&env, VAULT_OK, sealed_write_end(sealed, env.error));
        sealed_free(sealed);
        for (int more = 0; more < 2; more++) {
            lseek(fd, 0, SEEK_SET);
            assert_vault(&env, VAULT_OK, sealed_read_open(fd, SEALED_BACKUP, officer, NULL, &sealed, env.error));
            assert_vault(&env, VAULT_OK, sealed_read(sealed, back, sizes[i], env.error));
            assert_memory_equal(back, bytes, sizes[i]);
            if (more)
                assert_vault(&env, VAULT_DAMAGED, sealed_read(sealed, back, 1, env.error));
            else
                assert_vault(&env, VAULT_OK, sealed_read_end(sealed, env.error));
            sealed_free(sealed);
        }
        close(fd);
    }
    sealed_free(NULL);
}

static void test_shares(void **state)
{
    struct share shares[5], some[5], back;
    struct env env = {0};
    char text[SHARE_TEXT];
    uint8_t key[32], joined[32];

    (void)state;
    for (size_t i = 0; i < 32; i++)
        key[i] = (uint8_t)(i * 7);
    assert_vault(&env, VAULT_OK, shares_split(key, 3, 5, shares, env.error));
    for (unsigned set = 0; set < 32; set++) { /* all subsets */
        size_t count = 0;
        enum vault_result result;

        for (unsigned i = 0; i < 5; i++)
            if (set & 1u << i)
                some[count++] = shares[i];
        memset(joined, 0, 32);
        result = shares_join(some, count, joined, env.error);
        assert_int_equal(result, count >= 3 ? VAULT_OK : VAULT_INVALID);
        if (count >= 3)
            assert_memory_equal(joined, key, 32);
        else
            assert_memory_not_equal(joined, key, 32);
    }
    some[0] = some[1] = shares[0];
    some[2] = shares[2];
    assert_vault(&env, VAULT_INVALID, shares_join(some, 3, joined, env.error));
    some[1] = shares[1];
    some[1].bytes[4] ^= 1;
    assert_vault(&env, VAULT_DAMAGED, shares_join(some, 3, joined, env.error));
    some[1].bytes[4] ^= 1;
    some[1].set[0] ^= 1;
    assert_vault(&env, VAULT_INVALID, shares_join(some, 3, joined, env.error));
    assert_vault(&env, VAULT_INVALID, shares_split(key, 1, 5, shares, env.error));
    assert_vault(&env, VAULT_INVALID, shares_split(key, 4, 3, shares, env.error));
    assert_vault(&env, VAULT_INVALID, shares_split(key, 2, SHARES_MOST + 1, shares, env.error));
    share_build(&shares[4], text);
    assert_true(share_parse(text, strlen(text), &back));
    assert_memory_equal(&back, &shares[4], sizeof back);
    for (size_t i = 0; i < strlen(text); i++) { /* a slip of the pen anywhere */
        char was = text[i];

        text[i] = was == '3' ? '4' : '3';
        assert_false(share_parse(text, strlen(text), &back));
        text[i] = was;
        assert_false(share_parse(text, i, &back));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backup), cmocka_unit_test(test_export), cmocka_unit_test(test_altered),
        cmocka_unit_test(test_senders),
        cmocka_unit_test(test_full),   cmocka_unit_test(test_pieces), cmocka_unit_test(test_shares),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
