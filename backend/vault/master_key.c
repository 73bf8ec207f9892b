/* SPDX-License-Identifier: Apache-2.0 */
/* master_key.c: see master_key.h */
#include "backend/vault/master_key.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/vault/seal.h"
#include "backend/vault/vault_internal.h"

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

enum vault_result master_key_create(const char *path, char *error)
{
    struct vault_secret *key = vault_secret_new();
    int fd, saved;
    bool ok;

    if (!key || !seal_random(key->bytes, VAULT_MASTER_KEY)) {
        vault_secret_free(key);
        return vault_fail(error, VAULT_IO, "no locked memory or no random bytes for a master key");
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        saved = errno;
        vault_secret_free(key);
        if (saved == EEXIST)
            return vault_fail(error, VAULT_EXISTS, "%s is there already: a master key is never overwritten", path);
        return vault_fail(error, VAULT_IO, "cannot create the master key %s: %s", path, strerror(saved));
    }
    errno = 0; /* fchmod: the umask must not decide */
    ok = fchmod(fd, 0600) == 0 && write(fd, key->bytes, VAULT_MASTER_KEY) == VAULT_MASTER_KEY && fsync(fd) == 0;
    saved = errno;
    ok = close(fd) == 0 && ok;
    vault_secret_free(key);
    if (ok && !directory_sync(path)) {
        saved = errno;
        ok = false;
    }
    if (ok)
        return vault_ok(error);
    unlink(path);
    return vault_fail(error, VAULT_IO, "cannot write the master key %s: %s", path,
                      saved ? strerror(saved) : "short write");
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
    if (st->st_size != VAULT_MASTER_KEY)
        return vault_fail(error, VAULT_INVALID, "%s has %lld bytes, a master key has %u: restore it from a backup",
                          path, (long long)st->st_size, VAULT_MASTER_KEY);
    return VAULT_OK;
}

enum vault_result master_key_read(const char *path, uint8_t out[VAULT_MASTER_KEY], char *error)
{
    enum vault_result result;
    struct stat st;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    explicit_bzero(out, VAULT_MASTER_KEY);
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
    if (result == VAULT_OK && read(fd, out, VAULT_MASTER_KEY) != VAULT_MASTER_KEY) {
        explicit_bzero(out, VAULT_MASTER_KEY);
        result = vault_fail(error, VAULT_IO, "cannot read the master key %s", path);
    }
    close(fd);
    return result == VAULT_OK ? vault_ok(error) : result;
}
