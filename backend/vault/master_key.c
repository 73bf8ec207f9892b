/* SPDX-License-Identifier: Apache-2.0 */
/* master_key.c: see master_key.h */
#include "backend/vault/master_key.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/vault/seal.h"
#include "backend/vault/vault_internal.h"

#define SCRYPT_COST 17u /* log2 N: 128 MiB */
#define SCRYPT_ROOM (UINT64_C(3) << 29)

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
    if (st->st_size != VAULT_MASTER_KEY && st->st_size != MASTER_PASS_HEAD + MASTER_SEALED &&
        st->st_size != MASTER_FILE_MAX)
        return vault_fail(error, VAULT_INVALID,
                          "%s has %lld bytes, a master key has %u, %u or %u: restore it from a backup", path,
                          (long long)st->st_size, VAULT_MASTER_KEY, MASTER_PASS_HEAD + MASTER_SEALED, MASTER_FILE_MAX);
    return VAULT_OK;
}

/* The file's bytes into locked memory, and its head. */
static enum vault_result file_read(const char *path, struct vault_secret *bytes, struct master_head *head, char *error)
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
    if (result == VAULT_OK && !master_head_parse(bytes->bytes, bytes->len, head))
        result = vault_fail(error, VAULT_INVALID, "%s is no master key, or one of a newer cardmux", path);
    return result;
}

static enum vault_result no_memory(char *error)
{
    return vault_fail(error, VAULT_IO, "no locked memory for the master key: raise the limit of locked memory");
}

enum vault_result master_key_head(const char *path, struct master_head *head, char *error)
{
    struct vault_secret *bytes = vault_secret_new();
    enum vault_result result = bytes ? file_read(path, bytes, head, error) : no_memory(error);

    vault_secret_free(bytes);
    return result == VAULT_OK ? vault_ok(error) : result;
}

enum vault_result master_key_form(const char *path, enum master_form *form, char *error)
{
    struct master_head head = {0};
    enum vault_result result = master_key_head(path, &head, error);

    *form = head.form;
    return result;
}

enum vault_result master_key_read(const char *path, uint8_t out[VAULT_MASTER_KEY], char *error)
{
    struct vault_secret *bytes = vault_secret_new();
    struct master_head head = {0};
    enum vault_result result = bytes ? file_read(path, bytes, &head, error) : no_memory(error);

    explicit_bzero(out, VAULT_MASTER_KEY);
    if (result == VAULT_OK && head.form != MASTER_FILE)
        result = vault_fail(error, VAULT_LOCKED, "the master key %s needs %s", path,
                            head.form == MASTER_CARD ? "its card" : "a passphrase");
    if (result == VAULT_OK)
        memcpy(out, bytes->bytes, VAULT_MASTER_KEY);
    vault_secret_free(bytes);
    return result == VAULT_OK ? vault_ok(error) : result;
}

/* ---- under a passphrase, and under what a card made ---- */

static enum vault_result wrap_derive(const uint8_t *passphrase, size_t len, unsigned cost, struct master_wrap *wrap,
                                     char *error)
{
    static const uint8_t head[16] = {'C', 'M', 'M', 'A', 'S', 'T', 'E', 'R', 1, MASTER_PASSPHRASE, 0, 8, 1, 0};

    if (len == 0 || len > MASTER_PASSPHRASE_MAX)
        return vault_fail(error, VAULT_INVALID, "a passphrase has 1 to %u bytes", MASTER_PASSPHRASE_MAX);
    memcpy(wrap->head, head, sizeof head);
    wrap->head[10] = (uint8_t)cost;
    wrap->head_len = MASTER_PASS_HEAD;
    if (EVP_PBE_scrypt((const char *)passphrase, len, wrap->head + 16, MASTER_SALT, UINT64_C(1) << cost, 8, 1,
                       SCRYPT_ROOM, wrap->key, sizeof wrap->key) != 1)
        return vault_fail(error, VAULT_IO, "scrypt failed: it needs %u MiB of memory for a moment", 1u << (cost - 10));
    return vault_ok(error);
}

enum vault_result master_wrap_new(const uint8_t *passphrase, size_t len, struct master_wrap *wrap, char *error)
{
    if (!seal_random(wrap->head + 16, MASTER_SALT))
        return vault_fail(error, VAULT_IO, "no random bytes for a master key");
    return wrap_derive(passphrase, len, SCRYPT_COST, wrap, error);
}

enum vault_result master_wrap_of(const char *path, const uint8_t *passphrase, size_t len, struct master_wrap *wrap,
                                 char *error)
{
    struct master_head head = {0};
    enum vault_result result = master_key_head(path, &head, error);

    if (result == VAULT_OK && head.form != MASTER_PASSPHRASE)
        return vault_fail(error, VAULT_INVALID, "the master key %s has no passphrase", path);
    memcpy(wrap->head + 16, head.salt, MASTER_SALT);
    return result == VAULT_OK ? wrap_derive(passphrase, len, head.cost, wrap, error) : result;
}

enum vault_result master_wrap_card(const struct master_card *card, const uint8_t made[MASTER_CARD_SALT],
                                   struct master_wrap *wrap, char *error)
{
    static const char name[] = "cardmux master key of a card";
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    size_t len = sizeof wrap->key;
    bool ok;

    master_card_head(card, wrap->head);
    wrap->head_len = MASTER_CARD_HEAD;
    ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set1_hkdf_salt(ctx, card->salt, MASTER_CARD_SALT) == 1 &&
         EVP_PKEY_CTX_set1_hkdf_key(ctx, made, MASTER_CARD_SALT) == 1 &&
         EVP_PKEY_CTX_add1_hkdf_info(ctx, (const uint8_t *)name, sizeof name - 1) == 1 &&
         EVP_PKEY_CTX_add1_hkdf_info(ctx, wrap->head, MASTER_CARD_HEAD) == 1 &&
         EVP_PKEY_derive(ctx, wrap->key, &len) == 1 && len == sizeof wrap->key;
    EVP_PKEY_CTX_free(ctx);
    return ok ? vault_ok(error) : vault_fail(error, VAULT_IO, "libcrypto failed while a master key was opened");
}

enum vault_result master_key_unwrap(const char *path, const struct master_wrap *wrap, uint8_t out[VAULT_MASTER_KEY],
                                    char *error)
{
    struct vault_secret *bytes = vault_secret_new();
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    struct master_head head = {0};
    uint8_t *at;
    int n = 0;
    enum vault_result result = bytes && ctx ? file_read(path, bytes, &head, error) : no_memory(error);
    bool card = head.form == MASTER_CARD;

    explicit_bzero(out, VAULT_MASTER_KEY);
    if (result == VAULT_OK && head.form == MASTER_FILE)
        result = vault_fail(error, VAULT_INVALID, "the master key %s is not sealed", path);
    if (result == VAULT_OK) {
        at = bytes->bytes + wrap->head_len;
        if (bytes->len != wrap->head_len + MASTER_SEALED || memcmp(bytes->bytes, wrap->head, wrap->head_len) != 0 ||
            EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, wrap->key, at) != 1 ||
            EVP_DecryptUpdate(ctx, NULL, &n, bytes->bytes, (int)wrap->head_len) != 1 ||
            EVP_DecryptUpdate(ctx, out, &n, at + RECORD_NONCE, VAULT_MASTER_KEY) != 1 ||
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, RECORD_TAG, at + RECORD_NONCE + VAULT_MASTER_KEY) != 1 ||
            EVP_DecryptFinal_ex(ctx, out + n, &n) != 1)
            result = card ? vault_fail(error, VAULT_BAD_CODE,
                                       "the card does not open the master key %s: it is another card, its key at that "
                                       "index is another one, or the file was changed",
                                       path)
                          : vault_fail(error, VAULT_BAD_CODE, "this is not the passphrase of the master key %s", path);
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
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *at = bytes + wrap->head_len;
    int n = 0;
    bool ok;

    memcpy(bytes, wrap->head, wrap->head_len);
    ok = ctx && seal_random(at, RECORD_NONCE) && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, wrap->key, at) == 1 &&
         EVP_EncryptUpdate(ctx, NULL, &n, bytes, (int)wrap->head_len) == 1 &&
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
        result = file_make(other, bytes->bytes, wrap ? wrap->head_len + MASTER_SEALED : VAULT_MASTER_KEY, error);
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
