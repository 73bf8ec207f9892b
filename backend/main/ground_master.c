/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ground_master.c: the master key in the keeper. See ground.h.
 *
 * Two locked pages that no dump shows. The first (struct ground_key) holds the key, and during a rekey the next one; it
 * is inherited by a broker, which is how each new broker gets it, and by nobody else. The second is never inherited: it
 * holds what was derived from the passphrase, so that a rekey can seal the new key without asking anybody.
 *
 * A rekey, with a crash anywhere:
 *   1. the keeper makes the new key, writes it beside the old one (PATH.next) and gives it to the broker;
 *   2. the broker's vault takes it, in one transaction, and says so;
 *   3. the keeper puts PATH.next in place of PATH.
 * A keeper that starts and finds PATH.next gives both to its broker, which tries the first and then the second and says
 * which one opened the vault; then the other file goes.
 */
#include "backend/main/ground.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include "backend/transport/say.h"
#include "backend/vault/master_key.h"
#include "backend/vault/seal.h"

#define PAGE       4096u
#define CREDENTIAL "cardmux-passphrase"

static int fail(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(char *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(text, GROUND_TEXT, format, args);
    va_end(args);
    return -1;
}

static void *page_make(void)
{
    uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return NULL;
    }
    if (mlock(page, PAGE) || madvise(page, PAGE, MADV_DONTDUMP) || madvise(page, PAGE, MADV_DONTFORK)) {
        munmap(page, PAGE);
        return NULL;
    }
    return page;
}

static int next_path(const struct daemon_config *daemon, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s.next", daemon->master_key) < PATH_MAX ? 0 : -1;
}

/* ---- the passphrase: from where it is found first ---- */

/* To the end, or of a terminal to the end of the line; one newline at the end does not count. -1: too long, or not
   readable. */
static ssize_t passphrase_read(int fd, bool line, uint8_t *out)
{
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, out + len, MASTER_PASSPHRASE_MAX + 1 - len)) > 0 || (n < 0 && errno == EINTR)) {
        len += n > 0 ? (size_t)n : 0;
        if (len > MASTER_PASSPHRASE_MAX) {
            errno = EFBIG;
            return -1;
        }
        if (line && len && out[len - 1] == '\n') {
            break;
        }
    }
    if (len && out[len - 1] == '\n') {
        len--;
    }
    return n < 0 ? -1 : (ssize_t)len;
}

static ssize_t passphrase_file(const char *path, uint8_t *out, char *text)
{
    struct stat is;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &is)) {
        int saved = errno;
        if (fd >= 0) {
            close(fd);
        }
        return fail(text, "the passphrase cannot be read from %.200s: %s", path, strerror(saved));
    }
    ssize_t len = -1;
    if (is.st_mode & 077) {
        fail(text, "the passphrase's file %.200s can be read by others: chmod 600 it", path);
    } else if ((len = passphrase_read(fd, false, out)) < 0) {
        fail(text, "the passphrase cannot be read from %.200s: %s", path, strerror(errno));
    }
    close(fd);
    return len;
}

static ssize_t passphrase_ask(uint8_t *out, char *text)
{
    struct termios old, quiet;
    if (tcgetattr(STDIN_FILENO, &old)) {
        return fail(text, "the terminal's echo cannot be switched off: %s", strerror(errno));
    }
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    fputs("Passphrase of the master key: ", stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    ssize_t len = passphrase_read(STDIN_FILENO, true, out);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    fputc('\n', stderr);
    return len < 0 ? fail(text, "the passphrase cannot be read: %s", strerror(errno)) : len;
}

/* The environment names only systemd's directory of credentials; a secret never stands in it. */
static ssize_t passphrase_find(const struct daemon_config *daemon, uint8_t *out, char *text)
{
    char path[PATH_MAX];
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (daemon->passphrase_fd > 0) {
        ssize_t len = passphrase_read(daemon->passphrase_fd, false, out);
        close(daemon->passphrase_fd);
        return len < 0 ? fail(text, "the passphrase cannot be read from descriptor %d: %s", daemon->passphrase_fd,
                              strerror(errno))
                       : len;
    }
    if (daemon->passphrase_file) {
        return passphrase_file(daemon->passphrase_file, out, text);
    }
    if (credentials && snprintf(path, sizeof(path), "%s/" CREDENTIAL, credentials) < (int)sizeof(path) &&
        access(path, R_OK) == 0) {
        return passphrase_file(path, out, text);
    }
    if (isatty(STDIN_FILENO)) {
        return passphrase_ask(out, text);
    }
    return fail(
        text,
        "the master key %.120s has a passphrase: give it by [daemon] passphrase-file, --passphrase-fd, systemd's "
        "credential " CREDENTIAL ", or on a terminal",
        daemon->master_key);
}

/* ---- at start ---- */

static int wrap_make(struct ground *ground, const struct daemon_config *daemon, char *text)
{
    struct vault_secret *passphrase = vault_secret_new();
    char error[VAULT_ERROR_TEXT] = "";
    int result = -1;
    ground->wrap = page_make();
    if (!passphrase || !ground->wrap) {
        fail(text, "no locked memory for the master key: %s; raise LimitMEMLOCK", strerror(errno));
    } else {
        ssize_t len = passphrase_find(daemon, passphrase->bytes, text);
        if (len >= 0 && master_wrap_of(daemon->master_key, passphrase->bytes, (size_t)len, ground->wrap, error)) {
            fail(text, "%s", error);
        } else if (len >= 0) {
            result = 0;
        }
    }
    vault_secret_free(passphrase);
    return result;
}

/* One file's key, by passphrase where it has one. */
static enum vault_result key_read(struct ground *ground, const char *path, uint8_t *key, char *error)
{
    return ground->wrap ? master_key_unwrap(path, ground->wrap, key, error) : master_key_read(path, key, error);
}

int ground_master(struct ground *ground, const struct daemon_config *daemon, char *text)
{
    char error[VAULT_ERROR_TEXT] = "", path[PATH_MAX];
    enum master_form form;
    ground->key = page_make();
    if (!ground->key) {
        return fail(text, "no locked memory for the master key: %s; raise LimitMEMLOCK", strerror(errno));
    }
    if (master_key_form(daemon->master_key, &form, error) != VAULT_OK) {
        return fail(text, "%s", error);
    }
    if (form == MASTER_PASSPHRASE && wrap_make(ground, daemon, text)) {
        return -1;
    }
    if (key_read(ground, daemon->master_key, ground->key->now, error) != VAULT_OK) {
        return fail(text, "%s", error);
    }
    if (next_path(daemon, path) == 0 && access(path, F_OK) == 0) {
        ground->key->has_next = key_read(ground, path, ground->key->next, error) == VAULT_OK;
        say("%s", ground->key->has_next
                      ? "a change of the master key was interrupted: the broker will say how far it came"
                      : error);
    }
    return 0;
}

void ground_master_inherit(struct ground *ground, bool inherit)
{
    madvise(ground->key, PAGE, inherit ? MADV_DOFORK : MADV_DONTFORK);
}

void ground_master_locked(struct ground *ground)
{
    if (mlock(ground->key, PAGE)) {
        say("the master key's page cannot be locked in the broker: %s; raise LimitMEMLOCK", strerror(errno));
    }
}

static void page_free(void *page)
{
    if (page) {
        explicit_bzero(page, PAGE);
        munmap(page, PAGE);
    }
}

void ground_master_end(struct ground *ground)
{
    page_free(ground->key);
    page_free(ground->wrap);
    ground->key = NULL;
    ground->wrap = NULL;
}

/* ---- rekey ---- */

int ground_rekey_begin(struct ground *ground, const struct daemon_config *daemon, uint64_t round, char *text)
{
    struct ground_key *key = ground->key;
    struct vault_secret *now = vault_secret_new();
    char error[VAULT_ERROR_TEXT] = "", path[PATH_MAX];
    int result = 0;
    if (key->has_next) {
        result = fail(text, "a change of the master key is under way");
    } else if (!now || next_path(daemon, path)) {
        result = fail(text, "no locked memory for a master key");
    } else if (key_read(ground, daemon->master_key, now->bytes, error) != VAULT_OK ||
               !seal_equal(now->bytes, key->now, VAULT_MASTER_KEY)) {
        /* its passphrase, or the file itself, is another one than at our start */
        result = fail(text, "the master key's file was changed since cardmuxd started: restart it, then try again%s%s",
                      *error ? ": " : "", error);
    } else if (!seal_random(key->next, VAULT_MASTER_KEY)) {
        result = fail(text, "no random bytes for a master key");
    } else if (master_key_move(path, NULL, error) != VAULT_OK || /* a file that nobody could read */
               master_key_write(path, key->next, ground->wrap, false, error) != VAULT_OK) {
        result = fail(text, "%s", error);
    }
    if (result == 0) {
        key->has_next = true;
        ground->rekey_round = round;
    }
    vault_secret_free(now);
    return result;
}

int ground_rekey_end(struct ground *ground, const struct daemon_config *daemon, uint64_t round, bool done, char *text)
{
    struct ground_key *key = ground->key;
    char error[VAULT_ERROR_TEXT] = "", path[PATH_MAX];
    if (!key->has_next || round != ground->rekey_round || next_path(daemon, path)) {
        return fail(text, "no change of the master key is under way");
    }
    if (done) {
        memcpy(key->now, key->next,
               VAULT_MASTER_KEY); /* that one opens the vault from here on, whatever the disk says */
    }
    key->has_next = false;
    explicit_bzero(key->next, VAULT_MASTER_KEY);
    if (master_key_move(path, done ? daemon->master_key : NULL, error) != VAULT_OK) {
        return fail(text, "%s", error);
    }
    return 0;
}
