/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: broker_main, from the fork to the loop. The order, sandbox included, is in broker_entry.h. */
#include "backend/broker/broker.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define BROKER_NICE (-10)

static void fail(struct broker *broker, const char *text)
{
    struct handover message = {.type = HANDOVER_READY, .status = 1};
    snprintf(message.text, sizeof message.text, "%.190s", text);
    keeper_send(broker, &message);
    broker_log("%s", text);
}

static void wipe(const struct broker_start *start)
{
    explicit_bzero(start->master, VAULT_MASTER_KEY);
    if (start->next)
        explicit_bzero(start->next, VAULT_MASTER_KEY);
}

/* After a rekey that was interrupted: is the new master key the one by now? */
static bool opens(const struct broker *broker, const char *dir, const uint8_t *master)
{
    struct vault_config config = {.state_dir = dir, .master = master};
    struct vault *vault = NULL;
    bool ok = broker_await_vault(broker, &config, &vault, NULL) == VAULT_OK;
    vault_close(vault);
    return ok;
}

static bool enter(struct broker *broker, const struct broker_start *start, char *text)
{
    if (sandbox_drop(broker->config->state_dir, start->uid, start->gid, text))
        return false;
    const char *dir = start->uid ? "/" : broker->config->state_dir;
    broker->rekey_left = start->next != NULL;
    broker->rekey_done = start->next && opens(broker, dir, start->next);
    broker->rekey.form = broker->rekey_done ? start->next_form : start->form;
    bool open = broker_open_vault(broker, dir, broker->rekey_done ? start->next : start->master, text);
    wipe(start);
    return open && !sandbox_filter(SANDBOX_BROKER, text);
}

int broker_main(const struct broker_start *start)
{
    static struct broker broker;
    char text[512] = "";
    prctl(PR_SET_NAME, "cardmux-broker");
    /* Before root is gone. All tenants wait for this one thread, and where they outnumber the cores they poll and yield
       beside it: it must not have to share its core evenly with them. */
    if (setpriority(PRIO_PROCESS, 0, BROKER_NICE) && geteuid() == 0)
        broker_log("the broker's priority cannot be raised: %m");
    if (!broker_init(&broker, start) || !broker_open_card(&broker, text) || !enter(&broker, start, text)) {
        fail(&broker, text[0] ? text : "the broker cannot start");
        wipe(start);
        return 1;
    }
    if (broker.config->sandbox_probe) {
        char probe[256] = "";
        bool denied = sandbox_probe(broker.config->sandbox_probe, probe);
        snprintf(text, sizeof text, "%s%s", denied ? "" : "NOT DENIED: ", probe);
        broker_log("sandbox probe: %s", text);
    }
    broker_open_doors(&broker, text);
    if (broker.rekey_left)
        keeper_rekeyed(&broker, 0, broker.rekey_done);
    int status = broker_loop(&broker);
    broker_end(&broker);
    return status;
}
