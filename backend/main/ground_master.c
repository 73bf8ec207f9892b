/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ground_master.c: the master key in the keeper. See ground.h.
 *
 * Two locked pages that no dump shows. The first (struct ground_key) holds the key, and during a rekey the next one; it
 * is inherited by a broker, which is how each new broker gets it, and by nobody else. The second (struct ground_seals)
 * is never inherited: it holds what was derived from the passphrase, or what the card made, so that a rekey knows its
 * own file again, and can seal the new key under the same passphrase without asking anybody.
 *
 * A rekey, with a crash anywhere:
 *   0. where the new file needs a passphrase that must be stretched, or a card, a child makes what seals it
 *      (master_change.c); nothing has changed yet
 *   1. the keeper makes the new key, writes it beside the old one (PATH.next) and gives it to the broker;
 *   2. the broker's vault takes it, in one transaction, and says so;
 *   3. the keeper puts PATH.next in place of PATH.
 * A keeper that starts and finds PATH.next gives both to its broker, which tries the first and then the second and says
 * which one opened the vault; then the other file goes.
 */
#include "backend/main/ground.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>
#include "backend/main/secret_file.h"
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
    ssize_t len = secret_fd_read(STDIN_FILENO, true, out, MASTER_PASSPHRASE_MAX);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    fputc('\n', stderr);
    return len < 0 ? fail(text, "the passphrase cannot be read: %s", strerror(errno)) : len;
}

/* The environment names only systemd's directory of credentials; a secret never stands in it. */
ssize_t ground_passphrase(const struct daemon_config *daemon, bool at_start, uint8_t *out, char *text)
{
    char path[PATH_MAX];
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (at_start && daemon->passphrase_fd > 0) {
        ssize_t len = secret_fd_read(daemon->passphrase_fd, false, out, MASTER_PASSPHRASE_MAX);
        close(daemon->passphrase_fd);
        return len < 0 ? fail(text, "the passphrase cannot be read from descriptor %d: %s", daemon->passphrase_fd,
                              strerror(errno))
                       : len;
    }
    if (daemon->passphrase_file) {
        return secret_file_read(daemon->passphrase_file, "passphrase", out, MASTER_PASSPHRASE_MAX, text);
    }
    if (credentials && snprintf(path, sizeof(path), "%s/" CREDENTIAL, credentials) < (int)sizeof(path) &&
        access(path, R_OK) == 0) {
        return secret_file_read(path, "passphrase", out, MASTER_PASSPHRASE_MAX, text);
    }
    if (!at_start) {
        return fail(text,
                    "there is no passphrase: give it by [daemon] passphrase-file, or systemd's credential " CREDENTIAL
                    ", from where the next start can take it");
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

static int wrap_by_passphrase(const struct daemon_config *daemon, const char *path, struct master_wrap *wrap,
                              char *text)
{
    struct vault_secret *passphrase = vault_secret_new();
    char error[VAULT_ERROR_TEXT] = "";
    int result = -1;
    if (!passphrase) {
        fail(text, "no locked memory for the master key: %s; raise LimitMEMLOCK", strerror(errno));
    } else {
        ssize_t len = ground_passphrase(daemon, true, passphrase->bytes, text);
        if (len >= 0 && master_wrap_of(path, passphrase->bytes, (size_t)len, wrap, error)) {
            fail(text, "%s", error);
        } else if (len >= 0) {
            result = 0;
        }
    }
    vault_secret_free(passphrase);
    return result;
}

static int wrap_by_card(struct ground *ground, const struct daemon_config *daemon, const char *path,
                        struct master_wrap *wrap, char *text)
{
    struct vault_secret *room = vault_secret_new();
    struct master_place *place = room ? (struct master_place *)(void *)room->bytes : NULL;
    char error[VAULT_ERROR_TEXT] = "";
    enum vault_result result = VAULT_IO;
    _Static_assert(sizeof(*place) <= VAULT_SECRET_MAX, "a place fits a secret");
    if (!place) {
        fail(text, "no locked memory for the master key: %s; raise LimitMEMLOCK", strerror(errno));
    } else if (master_place_find(daemon, place, text) == 0) {
        result = master_card_open(path, place, wrap, error);
        if (result != VAULT_OK) {
            fail(text, "%s", error);
        }
    }
    ground->code_refused |= result == VAULT_LOCKED;
    vault_secret_free(room);
    return result == VAULT_OK ? 0 : -1;
}

/* One file's key; what seals it is left in *wrap. */
static int file_open(struct ground *ground, const struct daemon_config *daemon, const char *path,
                     enum master_form *form, struct master_wrap *wrap, uint8_t *key, char *text)
{
    char error[VAULT_ERROR_TEXT] = "";
    enum vault_result result = master_key_form(path, form, error);
    if (result == VAULT_OK && *form == MASTER_FILE) {
        result = master_key_read(path, key, error);
    } else if (result == VAULT_OK) {
        if (*form == MASTER_CARD ? wrap_by_card(ground, daemon, path, wrap, text)
                                 : wrap_by_passphrase(daemon, path, wrap, text)) {
            return -1;
        }
        result = master_key_unwrap(path, wrap, key, error);
    }
    return result == VAULT_OK ? 0 : fail(text, "%s", error);
}

/* PATH.next, of a rekey that was interrupted: sealed as the other one is, or in another form. Where it cannot be opened
   the other key is tried alone: it may be a file of which only a part was written. */
static void next_open(struct ground *ground, const struct daemon_config *daemon, const char *path)
{
    char error[VAULT_ERROR_TEXT] = "", text[GROUND_TEXT] = "";
    struct ground_seals *seals = ground->seals;
    ground->next_form = ground->form;
    seals->next = seals->now;
    ground->key->has_next =
        (ground->form != MASTER_FILE && master_key_unwrap(path, &seals->next, ground->key->next, error) == VAULT_OK) ||
        file_open(ground, daemon, path, &ground->next_form, &seals->next, ground->key->next, text) == 0;
    ground->next_left = !ground->key->has_next;
    ground_next_forget(ground);
    if (ground->key->has_next) {
        say("a change of the master key was interrupted: the broker will say how far it came");
    } else {
        say("a change of the master key was interrupted before the vault had the new one, or %s cannot be opened (%s): "
            "the key before it is tried",
            path, text);
    }
}

int ground_master(struct ground *ground, const struct daemon_config *daemon, char *text)
{
    char path[PATH_MAX];
    ground->key = page_make();
    ground->seals = page_make();
    _Static_assert(sizeof(*ground->key) <= PAGE && sizeof(*ground->seals) <= PAGE, "each fits its page");
    if (!ground->key || !ground->seals) {
        return fail(text, "no locked memory for the master key: %s; raise LimitMEMLOCK", strerror(errno));
    }
    if (file_open(ground, daemon, daemon->master_key, &ground->form, &ground->seals->now, ground->key->now, text)) {
        return -1;
    }
    if (next_path(daemon, path) == 0 && access(path, F_OK) == 0) {
        next_open(ground, daemon, path);
    }
    return 0;
}

void ground_next_drop(struct ground *ground, const struct daemon_config *daemon)
{
    char error[VAULT_ERROR_TEXT] = "", path[PATH_MAX];
    if (ground->next_left && next_path(daemon, path) == 0 && master_key_move(path, NULL, error) != VAULT_OK) {
        say("%s", error);
    }
    ground->next_left = false;
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
    page_free(ground->seals);
    ground->key = NULL;
    ground->seals = NULL;
}

/* ---- rekey ---- */

int ground_rekey_look(struct ground *ground, const struct daemon_config *daemon, char *text)
{
    struct vault_secret *now = vault_secret_new();
    char error[VAULT_ERROR_TEXT] = "";
    enum vault_result read = VAULT_IO;
    int result = 0;
    if (now) {
        read = ground->form == MASTER_FILE
                   ? master_key_read(daemon->master_key, now->bytes, error)
                   : master_key_unwrap(daemon->master_key, &ground->seals->now, now->bytes, error);
    }
    if (ground->key->has_next) {
        result = fail(text, "a change of the master key is under way");
    } else if (!now) {
        result = fail(text, "no locked memory for a master key");
    } else if (read != VAULT_OK || !seal_equal(now->bytes, ground->key->now, VAULT_MASTER_KEY)) {
        /* its passphrase, or the file itself, is another one than at our start */
        result = fail(text, "the master key's file was changed since cardmuxd started: restart it, then try again%s%s",
                      *error ? ": " : "", error);
    }
    vault_secret_free(now);
    return result;
}

void ground_next_forget(struct ground *ground)
{
    if (!ground->key->has_next) {
        explicit_bzero(ground->key->next, VAULT_MASTER_KEY);
        explicit_bzero(&ground->seals->next, sizeof(ground->seals->next));
    }
}

int ground_rekey_begin(struct ground *ground, const struct daemon_config *daemon, uint64_t round, enum master_form form,
                       char *text)
{
    struct ground_key *key = ground->key;
    char error[VAULT_ERROR_TEXT] = "", path[PATH_MAX];
    if (ground_rekey_look(ground, daemon, text)) {
        return -1;
    }
    if (next_path(daemon, path)) {
        return fail(text, "the master key's path is too long");
    }
    if (form == MASTER_FILE) { /* nothing seals it */
        explicit_bzero(&ground->seals->next, sizeof(ground->seals->next));
    }
    if (!seal_random(key->next, VAULT_MASTER_KEY)) {
        return fail(text, "no random bytes for a master key");
    }
    if (master_key_move(path, NULL, error) != VAULT_OK || /* a file that nobody could read */
        master_key_write(path, key->next, form == MASTER_FILE ? NULL : &ground->seals->next, false, error) !=
            VAULT_OK) {
        return fail(text, "%s", error);
    }
    key->has_next = true;
    ground->next_form = form;
    ground->rekey_round = round;
    return 0;
}

int ground_rekey_end(struct ground *ground, const struct daemon_config *daemon, uint64_t round, bool done, char *text)
{
    struct ground_key *key = ground->key;
    char error[VAULT_ERROR_TEXT] = "", path[PATH_MAX];
    if (!key->has_next || round != ground->rekey_round || next_path(daemon, path)) {
        return fail(text, "no change of the master key is under way");
    }
    if (done) { /* that one opens the vault from here on, whatever the disk says */
        memcpy(key->now, key->next, VAULT_MASTER_KEY);
        ground->seals->now = ground->seals->next;
        ground->form = ground->next_form;
    }
    key->has_next = false;
    explicit_bzero(key->next, VAULT_MASTER_KEY);
    explicit_bzero(&ground->seals->next, sizeof(ground->seals->next));
    if (master_key_move(path, done ? daemon->master_key : NULL, error) != VAULT_OK) {
        return fail(text, "%s", error);
    }
    return 0;
}
