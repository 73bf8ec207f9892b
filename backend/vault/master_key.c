/* SPDX-License-Identifier: Apache-2.0 */
/* master_key.c: see master_key.h */
#include "backend/vault/master_key.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/vault/seal.h"
#include "backend/vault/vault_internal.h"

#define SCRYPT_COST  17u /* log2 N: 128 MiB */
#define SCRYPT_ROOM  (UINT64_C(3) << 29)
#define SEALED_PLACE 32u /* of nonce, ciphertext and tag */

static bool directory_sync(const char *path)
{
    char copy[PATH_MAX];
    int fd, rc;

    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return false;
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    rc = fsync(fd);
    close(fd);
    return rc == 0;
}

/* Makes path, which must not be there. On failure nothing is left. */
static enum vault_result file_make(const char *path, const uint8_t *bytes, size_t len, char *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), saved;
    bool ok;

    if (fd < 0) {
        saved = errno;
        if (saved == EEXIST)
            return vault_fail(error, VAULT_EXISTS, "%s is there already: a master key is never overwritten", path);
        return vault_fail(error, VAULT_IO, "cannot create the master key %s: %s", path, strerror(saved));
    }
    errno = 0; /* fchmod: the umask must not decide */
    ok = fchmod(fd, 0600) == 0 && write(fd, bytes, len) == (ssize_t)len && fsync(fd) == 0;
    saved = errno;
    ok = close(fd) == 0 && ok;
    if (ok && !directory_sync(path)) {
        saved = errno;
        ok = false;
    }
    if (ok)
        return VAULT_OK;
    unlink(path);
    return vault_fail(error, VAULT_IO, "cannot write the master key %s: %s", path,
                      saved ? strerror(saved) : "short write");
}

enum vault_result master_key_create(const char *path, char *error)
{
    struct vault_secret *key = vault_secret_new();
    enum vault_result result;

    if (!key || !seal_random(key->bytes, VAULT_MASTER_KEY))
        result = vault_fail(error, VAULT_IO, "no locked memory or no random bytes for a master key");
    else
        result = master_key_write(path, key->bytes, NULL, false, error);
    vault_secret_free(key);
    return result;
}

static enum vault_result master_key_judge(const char *path, const struct stat *st, char *error)
{
    if (!S_ISREG(st->st_mode) || st->st_nlink != 1)
        return vault_fail(error, VAULT_INVALID, "%s must be a regular file with a single name", path);
    if (st->st_uid != geteuid())
        return vault_fail(error, VAULT_INVALID, "%s belongs to user %u, not to user %u who reads it: chown it", path,
                          (unsigned)st->st_uid, (unsigned)geteuid());
    if ((st->st_mode & 07777) != 0600)
        return vault_fail(error, VAULT_INVALID, "%s has mode %04o: chmod 0600 it (and ask who could read it)", path,
                          (unsigned)(st->st_mode & 07777));
    if (st->st_size != VAULT_MASTER_KEY && st->st_size != MASTER_FILE_MAX)
        return vault_fail(error, VAULT_INVALID,
                          "%s has %lld bytes, a master key has %u or %u: restore it from a backup", path,
                          (long long)st->st_size, VAULT_MASTER_KEY, MASTER_FILE_MAX);
    return VAULT_OK;
}

/* The file's bytes into locked memory, and its form. */
static enum vault_result file_read(const char *path, struct vault_secret *bytes, enum master_form *form,
                                   uint8_t salt[MASTER_SALT], unsigned *cost, char *error)
{
    enum vault_result result;
    struct stat st;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return vault_fail(error, VAULT_NOT_FOUND, "there is no master key %s: make one with cardmux init", path);
    if (fd < 0 && errno == ELOOP)
        return vault_fail(error, VAULT_INVALID, "%s is a symbolic link: name the master key's file itself", path);
    if (fd < 0)
        return vault_fail(error, VAULT_IO, "cannot open the master key %s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0)
        result = vault_fail(error, VAULT_IO, "cannot look at the master key %s: %s", path, strerror(errno));
    else
        result = master_key_judge(path, &st, error);
    if (result == VAULT_OK && (n = read(fd, bytes->bytes, MASTER_FILE_MAX + 1)) != st.st_size)
        result = vault_fail(error, VAULT_IO, "cannot read the master key %s", path);
    close(fd);
    bytes->len = n > 0 ? (size_t)n : 0;
    if (result == VAULT_OK && !master_form_parse(bytes->bytes, bytes->len, form, salt, cost))
        result = vault_fail(error, VAULT_INVALID, "%s is no master key, or one of a newer cardmux", path);
    if (result == VAULT_OK && *form == MASTER_CARD)
        result = vault_fail(error, VAULT_INVALID,
                            "%s says that the card holds the master key, and no card driver here can: give a file or a "
                            "passphrase",
                            path);
    return result;
}

static enum vault_result no_memory(char *error)
{
    return vault_fail(error, VAULT_IO, "no locked memory for the master key: raise the limit of locked memory");
}

enum vault_result master_key_form(const char *path, enum master_form *form, char *error)
{
    struct vault_secret *bytes = vault_secret_new();
    uint8_t salt[MASTER_SALT];
    unsigned cost;
    enum vault_result result = bytes ? file_read(path, bytes, form, salt, &cost, error) : no_memory(error);

    vault_secret_free(bytes);
    return result == VAULT_OK ? vault_ok(error) : result;
}

enum vault_result master_key_read(const char *path, uint8_t out[VAULT_MASTER_KEY], char *error)
{
    struct vault_secret *bytes = vault_secret_new();
    enum master_form form = MASTER_FILE;
    uint8_t salt[MASTER_SALT];
    unsigned cost;
    enum vault_result result = bytes ? file_read(path, bytes, &form, salt, &cost, error) : no_memory(error);

    explicit_bzero(out, VAULT_MASTER_KEY);
    if (result == VAULT_OK && form != MASTER_FILE)
        result = vault_fail(error, VAULT_LOCKED, "the master key %s needs a passphrase", path);
    if (result == VAULT_OK)
        memcpy(out, bytes->bytes, VAULT_MASTER_KEY);
    vault_secret_free(bytes);
    return result == VAULT_OK ? vault_ok(error) : result;
}

/* ---- under a passphrase ---- */

static enum vault_result wrap_derive(const uint8_t *passphrase, size_t len, unsigned cost, struct master_wrap *wrap,
                                     char *error)
{
    if (len == 0 || len > MASTER_PASSPHRASE_MAX)
        return vault_fail(error, VAULT_INVALID, "a passphrase has 1 to %u bytes", MASTER_PASSPHRASE_MAX);
    if (EVP_PBE_scrypt((const char *)passphrase, len, wrap->salt, MASTER_SALT, UINT64_C(1) << cost, 8, 1, SCRYPT_ROOM,
                       wrap->key, sizeof wrap->key) != 1)
        return vault_fail(error, VAULT_IO, "scrypt failed: it needs %u MiB of memory for a moment", 1u << (cost - 10));
    return vault_ok(error);
}

enum vault_result master_wrap_new(const uint8_t *passphrase, size_t len, struct master_wrap *wrap, char *error)
{
    if (!seal_random(wrap->salt, MASTER_SALT))
        return vault_fail(error, VAULT_IO, "no random bytes for a master key");
    return wrap_derive(passphrase, len, SCRYPT_COST, wrap, error);
}

enum vault_result master_wrap_of(const char *path, const uint8_t *passphrase, size_t len, struct master_wrap *wrap,
                                 char *error)
{
    struct vault_secret *bytes = vault_secret_new();
    enum master_form form = MASTER_FILE;
    unsigned cost = 0;
    enum vault_result result = bytes ? file_read(path, bytes, &form, wrap->salt, &cost, error) : no_memory(error);

    vault_secret_free(bytes);
    if (result == VAULT_OK && form != MASTER_PASSPHRASE)
        return vault_fail(error, VAULT_INVALID, "the master key %s has no passphrase", path);
    return result == VAULT_OK ? wrap_derive(passphrase, len, cost, wrap, error) : result;
}

enum vault_result master_key_unwrap(const char *path, const struct master_wrap *wrap, uint8_t out[VAULT_MASTER_KEY],
                                    char *error)
{
    struct vault_secret *bytes = vault_secret_new();
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    enum master_form form = MASTER_FILE;
    uint8_t salt[MASTER_SALT] = {0}, *at;
    unsigned cost;
    int n = 0;
    enum vault_result result = bytes && ctx ? file_read(path, bytes, &form, salt, &cost, error) : no_memory(error);

    explicit_bzero(out, VAULT_MASTER_KEY);
    if (result == VAULT_OK && form != MASTER_PASSPHRASE)
        result = vault_fail(error, VAULT_INVALID, "the master key %s has no passphrase", path);
    if (result == VAULT_OK) {
        at = bytes->bytes + SEALED_PLACE;
        if (memcmp(salt, wrap->salt, MASTER_SALT) != 0 ||
            EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, wrap->key, at) != 1 ||
            EVP_DecryptUpdate(ctx, NULL, &n, bytes->bytes, (int)SEALED_PLACE) != 1 ||
            EVP_DecryptUpdate(ctx, out, &n, at + RECORD_NONCE, VAULT_MASTER_KEY) != 1 ||
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, RECORD_TAG, at + RECORD_NONCE + VAULT_MASTER_KEY) != 1 ||
            EVP_DecryptFinal_ex(ctx, out + n, &n) != 1)
            result = vault_fail(error, VAULT_BAD_CODE, "this is not the passphrase of the master key %s", path);
    }
    if (result != VAULT_OK)
        explicit_bzero(out, VAULT_MASTER_KEY);
    EVP_CIPHER_CTX_free(ctx);
    vault_secret_free(bytes);
    return result == VAULT_OK ? vault_ok(error) : result;
}

static bool wrap_build(const uint8_t key[VAULT_MASTER_KEY], const struct master_wrap *wrap,
                       uint8_t bytes[MASTER_FILE_MAX])
{
    static const uint8_t head[16] = {'C',         'M', 'M', 'A', 'S', 'T', 'E', 'R', 1, MASTER_PASSPHRASE,
                                     SCRYPT_COST, 8,   1,   0};
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *at = bytes + SEALED_PLACE;
    int n = 0;
    bool ok;

    memcpy(bytes, head, sizeof head);
    memcpy(bytes + 16, wrap->salt, MASTER_SALT);
    ok = ctx && seal_random(at, RECORD_NONCE) && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, wrap->key, at) == 1 &&
         EVP_EncryptUpdate(ctx, NULL, &n, bytes, (int)SEALED_PLACE) == 1 &&
         EVP_EncryptUpdate(ctx, at + RECORD_NONCE, &n, key, VAULT_MASTER_KEY) == 1 &&
         EVP_EncryptFinal_ex(ctx, at + RECORD_NONCE + n, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, RECORD_TAG, at + RECORD_NONCE + VAULT_MASTER_KEY) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

enum vault_result master_key_write(const char *path, const uint8_t key[VAULT_MASTER_KEY],
                                   const struct master_wrap *wrap, bool replace, char *error)
{
    struct vault_secret *bytes = vault_secret_new();
    char other[PATH_MAX];
    enum vault_result result = VAULT_OK;

    if (!bytes || (wrap && !wrap_build(key, wrap, bytes->bytes)))
        result = vault_fail(error, VAULT_IO, "no locked memory, or libcrypto failed, for a master key");
    else if (snprintf(other, sizeof other, "%s%s", path, replace ? ".new" : "") >= (int)sizeof other)
        result = vault_fail(error, VAULT_INVALID, "the master key's path is too long");
    if (result == VAULT_OK && !wrap)
        memcpy(bytes->bytes, key, VAULT_MASTER_KEY);
    if (result == VAULT_OK && replace)
        unlink(other); /* of an attempt that was interrupted */
    if (result == VAULT_OK)
        result = file_make(other, bytes->bytes, wrap ? MASTER_FILE_MAX : VAULT_MASTER_KEY, error);
    vault_secret_free(bytes);
    if (result == VAULT_OK && replace)
        result = master_key_move(other, path, error);
    return result == VAULT_OK ? vault_ok(error) : result;
}

/* As far as the file system lets it: what was there stood in these blocks. */
static void file_overwrite(const char *path)
{
    static const uint8_t zeros[MASTER_FILE_MAX];
    struct stat st;
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_size <= MASTER_FILE_MAX &&
        write(fd, zeros, (size_t)st.st_size) == st.st_size)
        fsync(fd);
    close(fd);
}

enum vault_result master_key_move(const char *from, const char *to, char *error)
{
    if (to) {
        /* exchanged, so that the old one has a name by which it can be overwritten; else over it */
        bool exchanged = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0;

        if ((!exchanged && rename(from, to) != 0) || !directory_sync(to))
            return vault_fail(error, VAULT_IO, "cannot put %s in place of %s: %s", from, to, strerror(errno));
        if (!exchanged)
            return vault_ok(error);
    }
    file_overwrite(from);
    if (unlink(from) != 0 && errno != ENOENT)
        return vault_fail(error, VAULT_IO, "cannot remove %s: %s", from, strerror(errno));
    directory_sync(from);
    return vault_ok(error);
}
