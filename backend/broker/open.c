/* SPDX-License-Identifier: Apache-2.0 */
/* open.c: what the broker is made of, step by step: card, vault and tenants, threads, doors. */
#include "backend/broker/keycache.h"

#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#define STATE_WAIT_MS 10000u

bool broker_open_card(struct broker *broker, char *text)
{
    const struct daemon_config *config = broker->config;
    broker->driver = card_driver_find(config->card);
    if (!broker->driver) {
        snprintf(text, CARD_ERROR_TEXT, "there is no card driver %s: set `driver` in the configuration's card section",
                 config->card);
        return false;
    }
    struct card_options options = {.size = sizeof options,
                                   .threads = config->card_threads,
                                   .library = config->card_library,
                                   .fault = config->card_fault};
    if (broker->driver->open(&options, &broker->card, text) != SDR_OK)
        return false;
    broker->driver->caps(broker->card, &broker->caps);
    broker->jobs_in_card_max = broker->caps.parallel * 8;
    if (broker->jobs_in_card_max > broker->caps.depth)
        broker->jobs_in_card_max = broker->caps.depth;
    broker->card_fd = broker->driver->wait_fd(broker->card, false);
    random_open(broker);
    snprintf(broker->card_state, sizeof broker->card_state, "ok");
    return true;
}

static bool watch(struct broker *broker, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    return fd < 0 || !epoll_ctl(broker->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* A daemon that was killed leaves a broker for a moment, which may be in the middle of a write: systemd, or whoever
   starts the next one at once, shall not have to know. */
enum vault_result broker_await_vault(const struct broker *broker, struct vault_config *config, struct vault **vault,
                                     char *text)
{
    enum vault_result result = vault_open(config, vault, text);
    if (result != VAULT_BUSY)
        return result;
    broker_log("%s is in use, maybe by what is left of a daemon that was killed: waiting for it, %u s at most",
               broker->config->state_dir, STATE_WAIT_MS / 1000);
    config->patience_ms = STATE_WAIT_MS;
    result = vault_open(config, vault, text);
    if (result == VAULT_BUSY && text) /* its own sentence knows only the directory as seen from inside */
        snprintf(text, VAULT_ERROR_TEXT,
                 "another cardmuxd uses the state directory %s: stop it, or give this one a directory of its own",
                 broker->config->state_dir);
    return result;
}

bool broker_open_vault(struct broker *broker, const char *state_dir, const uint8_t *master, char *text)
{
    struct vault_rekey_state rekey = {0};
    struct vault_config vault = {
        .state_dir = state_dir, .master = master, .code_attempts = broker->config->code_attempts};
    enum vault_result result = broker_await_vault(broker, &vault, &broker->vault, text);
    broker->state_dir = state_dir;
    rekey_start(broker);
    broker->keys.most = broker->config->keys_loaded ? broker->config->keys_loaded : KEYCACHE_KEYS;
    if (result == VAULT_NOT_FOUND) /* its own sentence knows only the directory as seen from inside */
        snprintf(text, VAULT_ERROR_TEXT, "there is no vault in %s: run `cardmux init` once", broker->config->state_dir);
    if (result != VAULT_OK || !tenants_load(broker, text) || !broker_open_audit(broker, state_dir, text))
        return false;
    broker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (broker->epoll_fd >= 0 && pool_start(broker, broker->config->workers) &&
        watch(broker, broker->pool.event_fd, &broker->pool) && watch(broker, broker->keeper_fd, &broker->keeper_fd) &&
        watch(broker, broker->admin_fd, &broker->admin_fd) && watch(broker, broker->card_fd, &broker->card_fd)) {
        if (vault_rekey_pending(broker->vault, &rekey, NULL) == VAULT_OK && rekey.pending)
            rekey_go_on(broker);
        return true;
    }
    snprintf(text, VAULT_ERROR_TEXT, "the broker cannot start its threads: %m");
    return false;
}

void broker_open_doors(struct broker *broker, const char *text)
{
    struct handover ready = {.type = HANDOVER_READY};
    snprintf(ready.text, sizeof ready.text, "%.190s", text);
    /* in this order: whoever is told that the daemon is ready finds the sockets */
    for (unsigned i = 0; i < broker->tenant_count; i++)
        keeper_door(broker, broker->tenants[i]);
    keeper_send(broker, &ready);
}

bool broker_init(struct broker *broker, const struct broker_start *start)
{
    cpu_set_t set;
    broker->config = start->config;
    broker->keeper_fd = start->keeper_fd;
    broker->admin_fd = start->admin_fd;
    broker->again = start->again;
    broker->card_fd = broker->epoll_fd = -1;
    broker->started_ns = clock_ns();
    broker->cores = sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
    while (!broker->generation)
        if (getrandom(&broker->generation, sizeof broker->generation, 0) != sizeof broker->generation)
            return false;
    return true;
}

void broker_end(struct broker *broker)
{
    rekey_stop(broker);
    pool_stop(broker);
    broker_end_audit(broker);
    admin_out_drop(broker);
    random_close(broker);
    vault_close(broker->vault);
}
