/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cardmux backup: the whole vault in one sealed file. Making one needs the backup key's public half only, so that it
 * can run unattended; opening one needs the key itself, from a file or from as many shares as were said to be needed.
 */
#include "cli/api.h"
#include "cli/code_input.h"
#include "cli/command.h"
#include "cli/master_make.h"
#include "cli/transfer.h"
#include "backend/main/config.h"
#include "backend/vault/master_key.h"
#include "backend/vault/sealed.h"
#include "backend/vault/shares.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "usage: cardmux backup key --out FILE [--shares M/N]\n"
    "       cardmux backup create --to KEY --out FILE [--config FILE|--state DIR]\n"
    "       cardmux backup verify FILE (--key-file FILE | --share FILE...) [--from KEY]\n"
    "       cardmux backup restore FILE (--key-file FILE | --share FILE...) [--from KEY] [--config FILE|--state DIR]\n"
    "                              [--passphrase|--passphrase-file FILE|--card-held]\n"
    "\n"
    "key makes a backup key, once: into FILE, or split into N files FILE.1 to FILE.N of which any M open a backup; it\n"
    "prints the public half, which create needs. create writes all of the vault, as it is at one moment, while the "
    "daemon\n"
    "serves. verify opens every record of a backup and changes nothing. restore makes a vault of it where there is "
    "none,\n"
    "under a new master key, or the one that is there already; the daemon must not run.\n"
    "\n"
    "options:\n"
    "  --to KEY         public half of the backup key, 64 digits\n"
    "  --out FILE       what is written; it must not be there\n"
    "  --shares M/N     N shares, of which M are needed\n"
    "  --key-file FILE  the backup key\n"
    "  --share FILE     a share of it; as often as shares are needed\n"
    "  --from KEY       only a backup that the host of that key made (`cardmux vault status` there)\n"
    "  --config FILE    the daemon's configuration (" CONFIG_DEFAULT_FILE ")\n"
    "  --state DIR      the state directory, in place of the configuration's\n"
    "  --passphrase, --passphrase-file FILE, --card-held  the form of the new master key, as for `cardmux init`\n";

struct options {
    const char *config, *state, *to, *out, *split, *key_file, *from, *shares[SHARES_MOST];
    unsigned share_count;
    struct master_wish wish; /* of the vault that is made */
};

/* ---- the key ---- */

static bool file_write(const struct cli *cli, const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, bytes, len) == (ssize_t)len && fsync(fd) == 0;
    if (!ok)
        cli_say(cli, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (!ok && fd >= 0)
        unlink(path);
    return ok;
}

static bool split_parse(const char *text, unsigned *least, unsigned *count)
{
    char more;
    return sscanf(text, "%2u/%2u%c", least, count, &more) == 2 && *least >= 2 && *least <= *count &&
           *count <= SHARES_MOST;
}

static bool shares_write(const struct cli *cli, const struct options *options, const uint8_t *key)
{
    struct vault_secret *room = vault_secret_new();
    struct share *shares = room ? (struct share *)(void *)room->bytes : NULL;
    char error[VAULT_ERROR_TEXT] = "no locked memory", path[4096], text[SHARE_TEXT + 1];
    unsigned least = 0, count = 0, made = 0;
    _Static_assert(SHARES_MOST * sizeof *shares <= VAULT_SECRET_MAX, "shares fit a secret");
    bool ok = room && split_parse(options->split, &least, &count) &&
              shares_split(key, least, count, shares, error) == VAULT_OK;
    if (!ok)
        cli_say(cli, "%s", error);
    for (; ok && made < count; made++) {
        snprintf(path, sizeof path, "%s.%u", options->out, made + 1);
        share_build(&shares[made], text);
        strcat(text, "\n");
        if (!file_write(cli, path, text, strlen(text))) {
            ok = false;
            break;
        }
    }
    for (unsigned i = 0; !ok && i < made; i++) { /* all or none */
        snprintf(path, sizeof path, "%s.%u", options->out, i + 1);
        unlink(path);
    }
    explicit_bzero(text, sizeof text);
    vault_secret_free(room);
    if (ok)
        printf("made %u shares, %s.1 to %s.%u, of which %u are needed: give each to somebody else, keep none here\n",
               count, options->out, options->out, count, least);
    return ok;
}

static enum cli_status key_make(const struct cli *cli, const struct options *options)
{
    struct vault_secret *key = vault_secret_new();
    char error[VAULT_ERROR_TEXT] = "no locked memory for the key: raise the limit (ulimit -l)";
    uint8_t public[32];
    bool ok = key && secret_random(key->bytes, 32) && sealed_public(key->bytes, public);
    if (!ok)
        cli_say(cli, "%s", error);
    else if (options->split)
        ok = shares_write(cli, options, key->bytes);
    else {
        ok = master_key_write(options->out, key->bytes, NULL, false, error) == VAULT_OK;
        if (ok)
            printf("made the backup key %s: keep it in a safe place, not on this machine\n", options->out);
        else
            cli_say(cli, "%s", error);
    }
    if (ok)
        key_print("its public half is ", public);
    vault_secret_free(key);
    return ok ? CLI_DONE : CLI_FAILED;
}

static bool share_read(const struct cli *cli, const char *path, struct share *share)
{
    char text[SHARE_TEXT + 2];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    bool ok = n > 0 && share_parse(text, (size_t)n, share);
    if (n < 0)
        cli_say(cli, "cannot read %s: %s", path, strerror(errno));
    else if (!ok)
        cli_say(cli, "%s holds no share, or it was mistyped", path);
    explicit_bzero(text, sizeof text);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* The backup key, from what the options name. */
static bool key_read(const struct cli *cli, const struct options *options, uint8_t key[32])
{
    char error[VAULT_ERROR_TEXT] = "no locked memory for shares";
    if (options->key_file) {
        if (master_key_read(options->key_file, key, error) == VAULT_OK)
            return true;
        cli_say(cli, "%s", error);
        return false;
    }
    struct vault_secret *room = vault_secret_new();
    struct share *shares = room ? (struct share *)(void *)room->bytes : NULL;
    bool ok = room != NULL;
    for (unsigned i = 0; ok && i < options->share_count; i++)
        ok = share_read(cli, options->shares[i], &shares[i]);
    if (ok && shares_join(shares, options->share_count, key, error) != VAULT_OK) {
        cli_say(cli, "%s", error);
        ok = false;
    }
    vault_secret_free(room);
    return ok;
}

/* Whose backup it must be; NULL: whoever's. The text was looked at before. */
static const uint8_t *from_key(const struct options *options, uint8_t key[32])
{
    return options->from && key_parse(options->from, key) ? key : NULL;
}

/* ---- backups ---- */

static enum cli_status create(const struct cli *cli, const struct options *options)
{
    char name[NAME_TEXT], *state = state_find(cli, options->config, options->state);
    enum cli_status status = CLI_FAILED;
    if (state && transfer_name(cli, name)) {
        json_t *body = json_pack("{s:s s:s}", "recipient", options->to, "file", name);
        status = api_call(cli, "POST", "/v1/vault/backup", body, NULL);
        if (status != CLI_DONE)
            transfer_drop(state, name); /* of a daemon that died over it */
        else if (!transfer_fetch(cli, state, name, options->out))
            status = CLI_FAILED;
    }
    if (status == CLI_DONE)
        printf("the vault is in %s\n", options->out);
    free(state);
    return status;
}

static void info_print(const struct vault_archive_info *info)
{
    printf("%llu tenants, %llu records: all open\n", (unsigned long long)info->tenants,
           (unsigned long long)info->records);
    key_print("made by the host ", info->sender);
}

static enum cli_status verify(const struct cli *cli, const struct options *options, int fd)
{
    struct vault_secret *key = vault_secret_new();
    struct vault_archive_info info;
    uint8_t from[32];
    char error[VAULT_ERROR_TEXT] = "no locked memory";
    bool ok = key && key_read(cli, options, key->bytes);
    if (ok && vault_backup_verify(fd, key->bytes, from_key(options, from), &info, error) != VAULT_OK) {
        cli_say(cli, "%s", error);
        ok = false;
    }
    vault_secret_free(key);
    if (ok)
        info_print(&info);
    return ok ? CLI_DONE : CLI_FAILED;
}

static bool restore_to(const struct cli *cli, const struct options *options, int fd, const char *state,
                       const char *master_path, const struct master_wish *wish)
{
    struct vault_secret *key = vault_secret_new(), *master = vault_secret_new();
    struct vault_config config = {.state_dir = state};
    struct vault_archive_info info;
    uint8_t from[32];
    char error[VAULT_ERROR_TEXT] = "no locked memory: raise the limit (ulimit -l)";
    bool made = false, ok = key && master;
    if (ok && !key_read(cli, options, key->bytes)) {
        vault_secret_free(key);
        vault_secret_free(master);
        return false;
    }
    if (ok) {
        enum vault_result result = master_make(cli, master_path, wish, master->bytes, error);
        made = result == VAULT_OK;
        ok = made || result == VAULT_EXISTS;
    }
    config.master = ok ? master->bytes : NULL;
    ok = ok && vault_restore(&config, fd, key->bytes, from_key(options, from), &info, error) == VAULT_OK;
    if (!ok)
        cli_say(cli, "%s", error);
    if (!ok && made)
        unlink(master_path);
    vault_secret_free(key);
    vault_secret_free(master);
    if (ok) {
        info_print(&info);
        printf("made a vault in %s; its master key is %s%s%s\n", state, master_path, master_words(wish->form),
               made ? "" : ", which was there");
    }
    return ok;
}

static enum cli_status restore(const struct cli *cli, const struct options *options, int fd)
{
    struct config config;
    char text[CONFIG_TEXT], master[4200];
    bool ok = false;
    if (options->state && options->state[0] != '/')
        return cli_usage(cli, "--state takes an absolute path");
    if (config_load(&config, options->config, text) < 0) {
        cli_say(cli, "%s", text);
    } else {
        const char *state = options->state ? options->state : config.daemon.state_dir;
        struct master_wish wish = options->wish;
        wish.daemon = &config.daemon;
        snprintf(master, sizeof master, "%s/master.key", state);
        if (mkdir(state, 0700) < 0 && errno != EEXIST)
            cli_say(cli, "cannot make the directory %s: %s", state, strerror(errno));
        else
            ok = restore_to(cli, options, fd, state, options->state ? master : config.daemon.master_key, &wish);
    }
    config_free(&config);
    return ok ? CLI_DONE : CLI_FAILED;
}

static enum cli_status open_and(struct cli *cli, const struct options *options, const char *path, bool is_restore)
{
    if (!options->key_file == !options->share_count)
        return cli_usage(cli, "give the backup key: --key-file FILE, or --share FILE as often as shares are needed");
    unsigned char key[KEY_BYTES];
    if (options->from && !key_parse(options->from, key))
        return cli_usage(cli,
                         "--from takes the key of the host that made it, 64 digits (`cardmux vault status` there)");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        cli_say(cli, "cannot open %s: %s", path, strerror(errno));
        return CLI_FAILED;
    }
    enum cli_status status = is_restore ? restore(cli, options, fd) : verify(cli, options, fd);
    close(fd);
    return status;
}

static enum cli_status act(struct cli *cli, int argc, char **argv, const struct options *options)
{
    unsigned char key[KEY_BYTES];
    unsigned least, count;
    const char *verb = optind < argc ? argv[optind] : "";
    int words = argc - optind - 1;
    bool is_verify = strcmp(verb, "verify") == 0, is_restore = strcmp(verb, "restore") == 0;
    if (!is_verify && !is_restore && strcmp(verb, "key") != 0 && strcmp(verb, "create") != 0)
        return cli_usage(cli, "say what to do: key, create, verify or restore");
    if (words != (is_verify || is_restore))
        return cli_usage(cli, is_verify || is_restore ? "name one backup" : "too many words");
    if (is_verify || is_restore)
        return open_and(cli, options, argv[optind + 1], is_restore);
    if (!options->out)
        return cli_usage(cli, "--out is missing");
    if (strcmp(verb, "key") == 0) {
        if (options->split && !split_parse(options->split, &least, &count))
            return cli_usage(cli, "--shares takes M/N, from 2/2 to %u/%u", SHARES_MOST, SHARES_MOST);
        return key_make(cli, options);
    }
    if (!options->to || !key_parse(options->to, key))
        return cli_usage(cli, "--to takes the public half of the backup key, 64 digits");
    return create(cli, options);
}

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    static const struct option table[] = {
        {"config", required_argument, NULL, 'c'},
        {"state", required_argument, NULL, 's'},
        {"to", required_argument, NULL, 't'},
        {"out", required_argument, NULL, 'o'},
        {"shares", required_argument, NULL, 'n'},
        {"share", required_argument, NULL, 'h'},
        {"key-file", required_argument, NULL, 'k'},
        {"from", required_argument, NULL, 'f'},
        MASTER_WISH_OPTIONS,
        {0},
    };
    struct options options = {0};
    int opt;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt == 'c')
            options.config = optarg;
        else if (opt == 's')
            options.state = optarg;
        else if (opt == 't')
            options.to = optarg;
        else if (opt == 'o')
            options.out = optarg;
        else if (opt == 'n')
            options.split = optarg;
        else if (opt == 'k')
            options.key_file = optarg;
        else if (opt == 'f')
            options.from = optarg;
        else if (opt == 'h' && options.share_count < SHARES_MOST)
            options.shares[options.share_count++] = optarg;
        else if (opt == 'h')
            return cli_usage(cli, "at most %u shares", SHARES_MOST);
        else if (!master_wish_option(&options.wish, opt, optarg))
            return cli_bad_option(cli, argc, argv, opt);
    }
    return act(cli, argc, argv, &options);
}

const struct command command_backup = {"backup", "the whole vault in a sealed file", help, run};
