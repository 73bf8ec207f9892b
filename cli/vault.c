/* SPDX-License-Identifier: Apache-2.0 */
/* cardmux vault: the store of all keys as a whole: its version, this host's key, another master key or passphrase. */
#include "cli/api.h"
#include "cli/code_input.h"
#include "cli/command.h"
#include "cli/table.h"
#include "cli/transfer.h"
#include "backend/main/config.h"
#include "backend/vault/master_key.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR 40

static const char help[] =
    "usage: cardmux vault status [--json]\n"
    "       cardmux vault rekey [--to file|passphrase|card] [--no-wait]\n"
    "       cardmux vault passphrase [--config FILE] [--passphrase-file FILE] [--new-passphrase-file FILE|--none]\n"
    "\n"
    "status tells the version and digest of the store, the public key of this host, to which tenants can be exported, "
    "and\n"
    "how far a change of the master key is. rekey changes to a new master key while the daemon serves, then replaces "
    "all\n"
    "tenants' keys; interrupted at any point, it goes on by itself. The old master key is useless afterwards: make a "
    "new\n"
    "copy for the safe. Its file is in the form that the old one had, or in that of --to, with what the daemon's\n"
    "configuration says of passphrase and card, so that the next start finds it. passphrase changes the passphrase of "
    "the master key's file, gives it one, or takes it away; "
    "the\n"
    "key stays the same, and a daemon that runs notices nothing.\n"
    "\n"
    "options:\n"
    "  --json                      print JSON\n"
    "  --to FORM                   the new master key's file: the key itself (file), sealed with the passphrase of\n"
    "                              [daemon] passphrase-file or systemd's credential (passphrase), or so that only the\n"
    "                              card of [daemon] master-key-card opens it (card)\n"
    "  --no-wait                   do not wait for tenants' keys\n"
    "  --config FILE               the daemon's configuration (" CONFIG_DEFAULT_FILE ")\n"
    "  --passphrase-file FILE      the passphrase so far: from FILE, or - for standard input (the default; typed "
    "unseen\n"
    "                              on a terminal)\n"
    "  --new-passphrase-file FILE  the new one likewise\n"
    "  --none                      no passphrase: the file holds the key itself\n";

static enum cli_status status(const struct cli *cli, bool json)
{
    static const struct column columns[] = {
        {"version", "version"},
        {"digest", "digest"},
        {"host key", "host_key"},
        {"master key is in the form", "master_key"},
        {"master key is being changed", "rekey.pending"},
        {"records done", "rekey.done"},
        {"of", "rekey.total"},
        {"keys in the card", "keys.loaded"},
        {"at most", "keys.most"},
        {"keys fetched from the vault", "keys.fetched"},
        {"keys put out of the card", "keys.evicted"},
    };
    json_t *reply;
    if (api_call(cli, "GET", "/v1/vault", NULL, &reply) != CLI_DONE)
        return CLI_FAILED;
    if (json)
        json_print(reply);
    else
        table_print_one(reply, columns, sizeof columns / sizeof *columns);
    json_decref(reply);
    return CLI_DONE;
}

static void bar(json_int_t done, json_int_t total, bool last)
{
    char text[BAR + 1];
    size_t filled = total > 0 ? (size_t)(BAR * (double)done / (double)total) : BAR;
    if (!isatty(STDERR_FILENO))
        return;
    memset(text, '-', BAR);
    memset(text, '#', filled > BAR ? BAR : filled);
    text[BAR] = 0;
    fprintf(stderr, "\r[%s] %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT "%s", text, done, total,
            last ? "\n" : "");
}

static enum cli_status rekey(const struct cli *cli, bool wait, const char *form)
{
    json_t *body = form ? json_pack("{s:s}", "form", form) : NULL;
    if (api_call(cli, "POST", "/v1/vault/rekey", body, NULL) != CLI_DONE)
        return CLI_FAILED;
    printf("the vault has a new master key; make a copy of its file for the safe, the old one is of no use any more\n");
    fflush(stdout);
    for (bool pending = wait; pending;) {
        json_t *reply;
        if (api_call(cli, "GET", "/v1/vault", NULL, &reply) != CLI_DONE)
            return CLI_FAILED;
        json_t *state = json_object_get(reply, "rekey");
        json_int_t done = json_integer_value(json_object_get(state, "done"));
        json_int_t total = json_integer_value(json_object_get(state, "total"));
        pending = json_is_true(json_object_get(state, "pending"));
        bar(pending ? done : total, total, !pending);
        json_decref(reply);
        if (pending)
            usleep(200000);
    }
    if (wait)
        printf("all tenants' keys were replaced\n");
    return CLI_DONE;
}

struct change {
    const char *config, *old_file, *new_file;
    bool none;
};

static bool wrap_old(const struct cli *cli, const char *path, const struct change *change, uint8_t *key)
{
    char error[VAULT_ERROR_TEXT] = "", text[CODE_INPUT_MAX + 1];
    struct master_wrap wrap;
    enum master_form form;
    enum vault_result result = master_key_form(path, &form, error);
    if (result == VAULT_OK && form == MASTER_FILE)
        result = master_key_read(path, key, error);
    else if (result == VAULT_OK && form == MASTER_CARD) {
        cli_say(cli, "a card holds the master key %s: `cardmux vault rekey --to passphrase` changes that", path);
        return false;
    } else if (result == VAULT_OK) {
        if (!secret_read(cli, "Passphrase so far", change->old_file ? change->old_file : "-", false, text))
            return false;
        result = master_wrap_of(path, (const uint8_t *)text, strlen(text), &wrap, error);
        explicit_bzero(text, sizeof text);
        if (result == VAULT_OK)
            result = master_key_unwrap(path, &wrap, key, error);
        explicit_bzero(&wrap, sizeof wrap);
    }
    if (result != VAULT_OK)
        cli_say(cli, "%s", error);
    return result == VAULT_OK;
}

static bool wrap_new(const struct cli *cli, const char *path, const struct change *change, const uint8_t *key)
{
    char error[VAULT_ERROR_TEXT] = "", text[CODE_INPUT_MAX + 1];
    struct master_wrap wrap;
    enum vault_result result = VAULT_OK;
    if (!change->none) {
        if (!secret_read(cli, "New passphrase", change->new_file ? change->new_file : "-", true, text))
            return false;
        result = master_wrap_new((const uint8_t *)text, strlen(text), &wrap, error);
        explicit_bzero(text, sizeof text);
    }
    if (result == VAULT_OK)
        result = master_key_write(path, key, change->none ? NULL : &wrap, true, error);
    explicit_bzero(&wrap, sizeof wrap);
    if (result != VAULT_OK)
        cli_say(cli, "%s", error);
    return result == VAULT_OK;
}

static enum cli_status passphrase(const struct cli *cli, const struct change *change)
{
    struct vault_secret *key = vault_secret_new();
    struct config config;
    char text[CONFIG_TEXT];
    bool ok = key && config_load(&config, change->config, text) == 0;
    if (!key)
        cli_say(cli, "no locked memory for the master key: raise the limit (ulimit -l)");
    else if (!ok)
        cli_say(cli, "%s", text);
    const char *path = ok ? config.daemon.master_key : NULL;
    ok = ok && wrap_old(cli, path, change, key->bytes) && wrap_new(cli, path, change, key->bytes);
    if (ok)
        printf("%s has %s\n", path, change->none ? "no passphrase now" : "another passphrase now");
    if (key)
        config_free(&config);
    vault_secret_free(key);
    return ok ? CLI_DONE : CLI_FAILED;
}

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    static const struct option table[] = {
        {"json", no_argument, NULL, 'j'},
        {"no-wait", no_argument, NULL, 'w'},
        {"config", required_argument, NULL, 'c'},
        {"passphrase-file", required_argument, NULL, 'p'},
        {"new-passphrase-file", required_argument, NULL, 'n'},
        {"none", no_argument, NULL, '0'},
        {"to", required_argument, NULL, 't'},
        {0},
    };
    struct change change = {0};
    const char *form = NULL;
    bool json = false, wait = true;
    int opt;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt == 'j')
            json = true;
        else if (opt == 'w')
            wait = false;
        else if (opt == 'c')
            change.config = optarg;
        else if (opt == 'p')
            change.old_file = optarg;
        else if (opt == 'n')
            change.new_file = optarg;
        else if (opt == '0')
            change.none = true;
        else if (opt == 't')
            form = optarg;
        else
            return cli_bad_option(cli, argc, argv, opt);
    }
    const char *verb = optind < argc ? argv[optind] : "";
    if (optind + 1 < argc)
        return cli_usage(cli, "\"%.40s\" is one word too many", argv[optind + 1]);
    if (change.none && change.new_file)
        return cli_usage(cli, "--none and --new-passphrase-file exclude each other");
    if (form && (strcmp(verb, "rekey") != 0 || master_form_of(form) == MASTER_FORMS))
        return cli_usage(cli, "--to goes with rekey and takes file, passphrase or card");
    if (strcmp(verb, "status") == 0)
        return status(cli, json);
    if (strcmp(verb, "rekey") == 0)
        return rekey(cli, wait, form);
    if (strcmp(verb, "passphrase") == 0)
        return passphrase(cli, &change);
    return cli_usage(cli, "say what to do: status, rekey or passphrase");
}

const struct command command_vault = {"vault", "the store as a whole: host key, master key", help, run};
