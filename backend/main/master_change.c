/* SPDX-License-Identifier: Apache-2.0 */
/* master_change.c: see master_change.h */
#include "backend/main/master_change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "backend/main/child.h"
#include "backend/main/secret_file.h"
#include "backend/transport/say.h"

/* What the child that stretches a passphrase says. */
struct stretched {
    int failed;
    char text[GROUND_TEXT];
    struct master_wrap wrap;
};

/* In the child. */
static int passphrase_child(const struct daemon_config *daemon, int fd)
{
    struct vault_secret *passphrase = vault_secret_new(), *room = vault_secret_new();
    struct stretched *out = room ? (struct stretched *)(void *)room->bytes : NULL;
    char error[VAULT_ERROR_TEXT] = "";
    _Static_assert(sizeof(*out) <= VAULT_SECRET_MAX, "fits a secret");
    if (!passphrase || !out) {
        return 1;
    }
    ssize_t len = ground_passphrase(daemon, false, passphrase->bytes, out->text);
    out->failed = len < 0;
    if (len >= 0 && master_wrap_new(passphrase->bytes, (size_t)len, &out->wrap, error) != VAULT_OK) {
        out->failed = 1;
        snprintf(out->text, sizeof(out->text), "%s", error);
    }
    int result = send(fd, out, sizeof(*out), MSG_NOSIGNAL) != (ssize_t)sizeof(*out);
    vault_secret_free(passphrase);
    vault_secret_free(room);
    return result;
}

static int passphrase_start(struct master_change *change, char *text)
{
    int pair[2];
    pid_t pid = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0) {
        pid = child_fork(&pair[1], 1);
        if (pid == 0) {
            _exit(passphrase_child(change->daemon, pair[1]));
        }
        close(pair[1]);
        if (pid < 0) {
            close(pair[0]);
        }
    }
    if (pid < 0) {
        snprintf(text, GROUND_TEXT, "a passphrase cannot be stretched: %s", strerror(errno));
        return -1;
    }
    change->child = (struct card_seal){.pid = pid, .fd = pair[0]};
    return 0;
}

static int card_start(struct master_change *change, char *text)
{
    struct card_seal_ask *ask = &change->ground->seals->ask;
    struct vault_secret *room = vault_secret_new();
    struct master_place *place = room ? (struct master_place *)(void *)room->bytes : NULL;
    char error[VAULT_ERROR_TEXT] = "";
    int result = -1;
    if (!place) {
        snprintf(text, GROUND_TEXT, "no locked memory for a master key");
    } else if (master_place_find(change->daemon, place, text) == 0) {
        if (master_card_question(place, NULL, ask, error) != VAULT_OK) {
            snprintf(text, GROUND_TEXT, "%s", error);
        } else if (!card_seal_start(&change->child, ask)) {
            snprintf(text, GROUND_TEXT, "cardmux-card-sdf cannot be started: %s: install cardmux as a whole",
                     strerror(errno));
        } else {
            result = 0;
        }
    }
    vault_secret_free(room);
    return result;
}

/* Nothing of it is left but ground->seals->next. */
static void change_forget(struct master_change *change)
{
    struct card_seal *child = &change->child;
    if (change->watch.fd >= 0) {
        epoll_ctl(change->epoll_fd, EPOLL_CTL_DEL, change->watch.fd, NULL);
        change->watch.fd = -1;
    }
    if (child->pid > 0) {
        card_seal_kill(child);
    }
    *child = (struct card_seal){.fd = -1};
    explicit_bzero(&change->ground->seals->ask, sizeof(change->ground->seals->ask));
    explicit_bzero(&change->ground->seals->reply, sizeof(change->ground->seals->reply));
}

/* It comes to nothing: no key is left that would have sealed the next one. */
static void change_undo(struct master_change *change)
{
    change_forget(change);
    ground_next_forget(change->ground);
}

static bool card_take(struct master_change *change, bool late, char *text)
{
    struct ground_seals *seals = change->ground->seals;
    char sentence[CARD_SEAL_SENTENCE] = "", error[VAULT_ERROR_TEXT] = "";
    epoll_ctl(change->epoll_fd, EPOLL_CTL_DEL, change->watch.fd, NULL);
    change->watch.fd = -1;
    if (!card_seal_end(&change->child, &seals->ask, late, &seals->reply, sentence)) {
        snprintf(text, GROUND_TEXT, "%s", sentence);
        return false;
    }
    if (master_card_take(&seals->ask, &seals->reply, &seals->next, error) != VAULT_OK) {
        snprintf(text, GROUND_TEXT, "%s", error);
        return false;
    }
    return true;
}

static bool passphrase_take(struct master_change *change, bool late, char *text)
{
    struct vault_secret *room = vault_secret_new();
    struct stretched *out = room ? (struct stretched *)(void *)room->bytes : NULL;
    bool ok = false;
    if (!out || late || recv(change->watch.fd, out, sizeof(*out), MSG_DONTWAIT) != (ssize_t)sizeof(*out)) {
        snprintf(text, GROUND_TEXT,
                 "the passphrase could not be stretched: scrypt needs 128 MiB of memory for a moment");
    } else if (out->failed) {
        snprintf(text, GROUND_TEXT, "%s", out->text);
    } else {
        change->ground->seals->next = out->wrap;
        ok = true;
    }
    vault_secret_free(room);
    return ok;
}

static void change_end(struct master_change *change, bool late)
{
    char text[GROUND_TEXT] = "";
    bool ok = change->form == MASTER_CARD ? card_take(change, late, text) : passphrase_take(change, late, text);
    if (ok) {
        change_forget(change);
    } else {
        change_undo(change);
    }
    change->on_made(change, ok ? NULL : text);
}

static void change_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    change_end((struct master_change *)watch, false);
}

int master_change_start(struct master_change *change, enum master_form form, uint64_t round, char *text)
{
    if (change->watch.fd >= 0) {
        snprintf(text, GROUND_TEXT, "a change of the master key is under way");
        return -1;
    }
    if (form == MASTER_CARD ? card_start(change, text) : passphrase_start(change, text)) {
        change_undo(change);
        return -1;
    }
    change->form = form;
    change->round = round;
    change->deadline = keeper_clock_ms() + CARD_SEAL_DEADLINE_MS;
    change->watch.fd = change->child.fd;
    change->watch.ready = change_ready;
    if (watch_set(change->epoll_fd, &change->watch, EPOLL_CTL_ADD, EPOLLIN)) {
        snprintf(text, GROUND_TEXT, "epoll: %s", strerror(errno));
        change_undo(change);
        return -1;
    }
    return 0;
}

int master_change_due(struct master_change *change)
{
    if (change->watch.fd < 0) {
        return -1;
    }
    uint64_t now = keeper_clock_ms();
    if (now < change->deadline) {
        return (int)(change->deadline - now);
    }
    change_end(change, true);
    return 0;
}

void master_change_cancel(struct master_change *change)
{
    if (change->watch.fd >= 0) {
        change_undo(change);
    }
}
