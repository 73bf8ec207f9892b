/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cardmux init: the state directory, the master key and an empty vault, once, before the daemon's first start. Made as
 * whoever runs this; a daemon that starts as root gives the directory and the vault to its own user, never the key.
 */
#include "cli/code_input.h"
#include "cli/command.h"
#include "backend/main/config.h"
#include "backend/main/role.h"
#include "backend/vault/master_key.h"
#include "backend/vault/vault.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] =
    "usage: cardmux init [--config FILE] [--state DIR] [--create-user] [--passphrase|--passphrase-file "
    "FILE|--card-held]\n"
    "\n"
    "Makes the state directory, a new master key and an empty vault. Keep a copy of the master key in a safe place:\n"
    "without it, nobody opens the vault any more. Where there is a vault already, nothing is changed.\n"
    "\n"
    "options:\n"
    "  --config FILE  the daemon's configuration (" CONFIG_DEFAULT_FILE ")\n"
    "  --state DIR    the state directory, in place of the configuration's\n"
    "  --passphrase   the master key's file is sealed with a passphrase, which is asked for\n"
    "  --passphrase-file FILE  which stands in FILE (- is standard input)\n"
    "  --card-held    the card holds the master key; no card driver here can\n"
    "  --create-user  make the daemon's system user and the groups of operators, security officers and auditors if\n"
    "                 they are missing (root, by useradd and groupadd)\n";

static bool make_directories(const struct cli *cli, const char *path)
{
    char part[4096];
    struct stat st;
    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part) {
        cli_say(cli, "the state directory's path is too long");
        return false;
    }
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(part, 0755); /* what is wrong shows below */
        *slash = '/';
    }
    if (mkdir(part, 0700) < 0 && errno != EEXIST) {
        cli_say(cli, "cannot make the directory %s: %s", path, strerror(errno));
        return false;
    }
    if (stat(part, &st) < 0 || !S_ISDIR(st.st_mode)) {
        cli_say(cli, "%s is not a directory", path);
        return false;
    }
    if (st.st_mode & 022) {
        cli_say(cli, "%s can be written by others: chmod 700 %s", path, path);
        return false;
    }
    return true;
}

static bool run_useradd(const struct cli *cli, const char *user)
{
    pid_t pid = fork();
    int status = -1;
    if (pid == 0) {
        execl("/usr/sbin/useradd", "useradd", "--system", "--user-group", "--no-create-home", "--home-dir",
              "/nonexistent", "--shell", "/usr/sbin/nologin", "--", user, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        cli_say(cli, "useradd could not make the user %s", user);
        return false;
    }
    printf("made the system user and group %s\n", user);
    return true;
}

static bool run_groupadd(const struct cli *cli, const char *group)
{
    pid_t pid = fork();
    int status = -1;
    if (pid == 0) {
        execl("/usr/sbin/groupadd", "groupadd", "--system", "--", group, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        cli_say(cli, "groupadd could not make the group %s", group);
        return false;
    }
    printf("made the system group %s\n", group);
    return true;
}

static bool check_groups(const struct cli *cli, const struct daemon_config *config, bool create)
{
    const char *const groups[ROLES] = {config->group, config->security_group, config->audit_group};
    for (unsigned i = 0; i < ROLES; i++) {
        if (getgrnam(groups[i]))
            continue;
        if (create && !run_groupadd(cli, groups[i]))
            return false;
        if (!create)
            cli_say(cli, "note: there is no group %s, whose members have the role %s: addgroup --system %s", groups[i],
                    role_name(i), groups[i]);
    }
    return true;
}

static bool check_user(const struct cli *cli, const struct daemon_config *config, bool create)
{
    if (geteuid() != 0)
        return true; /* the daemon will run as whoever starts it */
    if (!getpwnam(config->user)) {
        if (create && !run_useradd(cli, config->user))
            return false;
        if (!create)
            cli_say(cli,
                    "note: there is no user %s for the daemon: run this with --create-user, or: adduser --system "
                    "--group %s",
                    config->user, config->user);
    }
    return check_groups(cli, config, create);
}

/* A new master key, sealed with a passphrase if one is wanted. */
static enum vault_result make_key(const struct cli *cli, const char *path, const char *passphrase_file, uint8_t *key,
                                  char *error)
{
    char text[CODE_INPUT_MAX + 1];
    struct master_wrap wrap;
    enum vault_result result;
    if (!passphrase_file) {
        result = master_key_create(path, error);
        return result == VAULT_OK || result == VAULT_EXISTS
                   ? master_key_read(path, key, error) == VAULT_OK ? result : VAULT_INVALID
                   : result;
    }
    if (!secret_read(cli, "Passphrase of the master key", passphrase_file, true, text)) {
        snprintf(error, VAULT_ERROR_TEXT, "there is no passphrase: nothing was made");
        return VAULT_INVALID;
    }
    result = secret_random(key, VAULT_MASTER_KEY) ? master_wrap_new((const uint8_t *)text, strlen(text), &wrap, error)
                                                  : VAULT_IO;
    if (result == VAULT_OK)
        result = master_key_write(path, key, &wrap, false, error);
    if (result == VAULT_EXISTS) { /* of an attempt before: its passphrase must be this one */
        result = master_wrap_of(path, (const uint8_t *)text, strlen(text), &wrap, error);
        if (result == VAULT_OK)
            result = master_key_unwrap(path, &wrap, key, error);
        result = result == VAULT_OK ? VAULT_EXISTS : result;
    }
    explicit_bzero(text, sizeof text);
    explicit_bzero(&wrap, sizeof wrap);
    return result;
}

static enum cli_status make_vault(const struct cli *cli, const char *state, const char *key_path,
                                  const char *passphrase_file)
{
    char error[VAULT_ERROR_TEXT] = "";
    struct vault_secret *secret = vault_secret_new();
    if (!secret) {
        cli_say(cli, "no locked memory for the master key: raise the limit (ulimit -l)");
        return CLI_FAILED;
    }
    enum vault_result made = make_key(cli, key_path, passphrase_file, secret->bytes, error), result = made;
    if (made == VAULT_OK || made == VAULT_EXISTS) {
        struct vault_config config = {.state_dir = state, .master = secret->bytes};
        result = vault_create(&config, error);
    }
    vault_secret_free(secret);
    if (result == VAULT_OK) {
        printf("made a vault in %s; its master key is %s%s%s\n", state, key_path,
               passphrase_file ? ", sealed with the passphrase" : "", made == VAULT_EXISTS ? ", which was there" : "");
        return CLI_DONE;
    }
    if (made == VAULT_OK)
        unlink(key_path); /* a key that opens nothing would only mislead */
    if (result == VAULT_EXISTS)
        cli_say(cli, "%s holds a vault already; nothing was changed", state);
    else
        cli_say(cli, "%s", error[0] ? error : vault_result_name(result));
    return CLI_FAILED;
}

static enum cli_status make_all(const struct cli *cli, const struct daemon_config *config, const char *state,
                                bool create_user, const char *passphrase_file)
{
    char key_path[4200];
    snprintf(key_path, sizeof key_path, "%s/master.key", state ? state : "");
    if (!check_user(cli, config, create_user) || !make_directories(cli, state ? state : config->state_dir))
        return CLI_FAILED;
    return make_vault(cli, state ? state : config->state_dir, state ? key_path : config->master_key, passphrase_file);
}

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    static const struct option table[] = {
        {"config", required_argument, NULL, 'c'},
        {"state", required_argument, NULL, 's'},
        {"create-user", no_argument, NULL, 'u'},
        {"passphrase", no_argument, NULL, 'p'},
        {"passphrase-file", required_argument, NULL, 'P'},
        {"card-held", no_argument, NULL, 'C'},
        {0},
    };
    const char *file = NULL, *state = NULL, *passphrase_file = NULL;
    bool create_user = false;
    int opt;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt == 'c')
            file = optarg;
        else if (opt == 's')
            state = optarg;
        else if (opt == 'u')
            create_user = true;
        else if (opt == 'p')
            passphrase_file = passphrase_file ? passphrase_file : "-";
        else if (opt == 'P')
            passphrase_file = optarg;
        else if (opt == 'C') {
            cli_say(cli, "no card driver here can hold the master key (the software card keeps nothing of its own): "
                         "leave it in a file, or seal it with --passphrase");
            return CLI_FAILED;
        } else
            return cli_bad_option(cli, argc, argv, opt);
    }
    if (optind < argc)
        return cli_usage(cli, "\"%.40s\" is one word too many", argv[optind]);
    if (state && state[0] != '/')
        return cli_usage(cli, "--state takes an absolute path");
    struct config config;
    char text[CONFIG_TEXT];
    enum cli_status status = CLI_FAILED;
    if (config_load(&config, file, text) < 0)
        cli_say(cli, "%s", text);
    else
        status = make_all(cli, &config.daemon, state, create_user, passphrase_file);
    config_free(&config);
    return status;
}

const struct command command_init = {"init", "make master key and vault, once", help, run};
