/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cardmux init: the state directory, the master key and an empty vault, once, before the daemon's first start. Made as
 * whoever runs this; a daemon that starts as root gives the directory and the vault to its own user, never the key.
 */
#include "cli/command.h"
#include "cli/master_make.h"
#include "backend/main/config.h"
#include "backend/main/role.h"
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
    "usage: cardmux init [--config FILE] [--state DIR] [--create-user]\n"
    "                    [--passphrase|--passphrase-file FILE|--card-held]\n"
    "\n"
    "Makes the state directory, a new master key and an empty vault. Keep a copy of the master key in a safe place:\n"
    "without it, nobody opens the vault any more. Where there is a vault already, nothing is changed.\n"
    "\n"
    "options:\n"
    "  --config FILE  the daemon's configuration (" CONFIG_DEFAULT_FILE ")\n"
    "  --state DIR    the state directory, in place of the configuration's\n"
    "  --passphrase   the master key's file is sealed with a passphrase, which is asked for\n"
    "  --passphrase-file FILE  which stands in FILE (- is standard input)\n"
    "  --card-held    sealed so that only the card opens it that the configuration names: [daemon] master-key-card,\n"
    "                 master-key-index, master-key-kind, master-key-code-file\n"
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

static enum cli_status make_vault(const struct cli *cli, const char *state, const char *key_path,
                                  const struct master_wish *wish)
{
    char error[VAULT_ERROR_TEXT] = "";
    struct vault_secret *secret = vault_secret_new();
    if (!secret) {
        cli_say(cli, "no locked memory for the master key: raise the limit (ulimit -l)");
        return CLI_FAILED;
    }
    enum vault_result made = master_make(cli, key_path, wish, secret->bytes, error), result = made;
    if (made == VAULT_OK || made == VAULT_EXISTS) {
        struct vault_config config = {.state_dir = state, .master = secret->bytes};
        result = vault_create(&config, error);
    }
    vault_secret_free(secret);
    if (result == VAULT_OK) {
        printf("made a vault in %s; its master key is %s%s%s\n", state, key_path, master_words(wish->form),
               made == VAULT_EXISTS ? ", which was there" : "");
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
                                bool create_user, const struct master_wish *wish)
{
    char key_path[4200];
    snprintf(key_path, sizeof key_path, "%s/master.key", state ? state : "");
    if (!check_user(cli, config, create_user) || !make_directories(cli, state ? state : config->state_dir))
        return CLI_FAILED;
    return make_vault(cli, state ? state : config->state_dir, state ? key_path : config->master_key, wish);
}

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    static const struct option table[] = {
        {"config", required_argument, NULL, 'c'},
        {"state", required_argument, NULL, 's'},
        {"create-user", no_argument, NULL, 'u'},
        MASTER_WISH_OPTIONS,
        {0},
    };
    const char *file = NULL, *state = NULL;
    struct master_wish wish = {.form = MASTER_FILE};
    bool create_user = false;
    int opt;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt == 'c')
            file = optarg;
        else if (opt == 's')
            state = optarg;
        else if (opt == 'u')
            create_user = true;
        else if (!master_wish_option(&wish, opt, optarg))
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
    else {
        wish.daemon = &config.daemon;
        status = make_all(cli, &config.daemon, state, create_user, &wish);
    }
    config_free(&config);
    return status;
}

const struct command command_init = {"init", "make master key and vault, once", help, run};
