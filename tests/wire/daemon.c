/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/daemon.h"
#include "proto/layout.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/vault/master_key.h"
#include "tests/wire/populate.h"

static void stop(const char *what)
{
    fprintf(stderr, "daemon: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* The broker runs as user `nobody` here: what it owns must be its own. */
static int give_away(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    struct passwd *user = getpwnam("nobody");
    return user ? lchown(path, user->pw_uid, user->pw_gid) : 0;
}

static void write_config(struct daemon *daemon, const struct daemon_options *options, const char *path)
{
    FILE *file = fopen(path, "w");
    struct group *group = getgrgid(getpwnam("nobody") ? getpwnam("nobody")->pw_gid : getgid());
    if (!file)
        stop(path);
    fprintf(file, "[daemon]\nstate = %s/state\nrun = %s\nmaster-key = %s/master.key\nuser = nobody\ngroup = %s\n",
            daemon->dir, daemon->run, daemon->dir, group ? group->gr_name : "root");
    fprintf(file, "[card card0]\ndriver = %s\n%s", options->card ? options->card : "soft",
            options->extra ? options->extra : "");
    fclose(file);
}

static void prepare(struct daemon *daemon, const struct daemon_options *options)
{
    char path[200], error[256] = "";
    uint8_t master[VAULT_MASTER_KEY];
    snprintf(daemon->dir, sizeof daemon->dir, "/tmp/cardmux-daemon.XXXXXX");
    if (!mkdtemp(daemon->dir) || chmod(daemon->dir, 0755))
        stop("mkdtemp");
    snprintf(daemon->run, sizeof daemon->run, "%s/run", daemon->dir);
    snprintf(path, sizeof path, "%s/state", daemon->dir);
    if (mkdir(path, 0700))
        stop(path);
    snprintf(daemon->path, sizeof daemon->path, "%s/master.key", daemon->dir);
    if (master_key_create(daemon->path, error) != VAULT_OK || master_key_read(daemon->path, master, error) != VAULT_OK)
        stop(error);
    populate(path, master, options->tenants ? options->tenants : 1);
    if (geteuid() == 0)
        nftw(path, give_away, 8, FTW_PHYS);
}

static void launch(struct daemon *daemon)
{
    char config[200], ready[16], byte;
    int pipe_fds[2];
    const char *program = getenv("CARDMUXD");
    snprintf(config, sizeof config, "%s/cardmuxd.conf", daemon->dir);
    if (!program || pipe(pipe_fds))
        stop("CARDMUXD must name the daemon");
    daemon->pid = fork();
    if (daemon->pid == 0) {
        close(pipe_fds[0]);
        snprintf(ready, sizeof ready, "%d", pipe_fds[1]);
        execl(program, program, "--config", config, "--ready-fd", ready, (char *)NULL);
        _exit(127);
    }
    close(pipe_fds[1]);
    if (daemon->pid < 0 || read(pipe_fds[0], &byte, 1) != 1)
        stop("cardmuxd did not come up");
    close(pipe_fds[0]);
}

void daemon_start(struct daemon *daemon, const struct daemon_options *options)
{
    char config[200];
    prepare(daemon, options);
    snprintf(config, sizeof config, "%s/cardmuxd.conf", daemon->dir);
    write_config(daemon, options, config);
    launch(daemon);
    for (unsigned i = 0; i < (options->tenants ? options->tenants : 1); i++)
        for (int tries = 0; tries < 5000 && access(daemon_socket(daemon, i, "unix"), F_OK); tries++)
            usleep(1000);
}

void daemon_kill(struct daemon *daemon)
{
    kill(daemon->pid, SIGKILL);
    if (waitpid(daemon->pid, NULL, 0) != daemon->pid)
        stop("waitpid");
    daemon->pid = 0;
}

void daemon_again(struct daemon *daemon)
{
    launch(daemon);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

int daemon_stop(struct daemon *daemon)
{
    int status = -1;
    kill(daemon->pid, SIGTERM);
    if (waitpid(daemon->pid, &status, 0) != daemon->pid)
        stop("waitpid");
    nftw(daemon->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const char *daemon_socket(struct daemon *daemon, unsigned tenant, const char *transport)
{
    const char *port = strcmp(transport, "stream") ? "" : "_" CM_VSOCK_PORT_TEXT;
    snprintf(daemon->path, sizeof daemon->path, "%s/tenant/t%u/%s.sock%s", daemon->run, tenant, transport, port);
    return daemon->path;
}

/* Parent and name of a process; false where it is gone. */
static bool process_is(pid_t pid, pid_t parent, const char *name)
{
    char path[64], line[256], *open_paren, *close_paren;
    int its_parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    bool got = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    if (!got || !(open_paren = strchr(line, '(')) || !(close_paren = strrchr(line, ')')) ||
        sscanf(close_paren + 1, " %*c %d", &its_parent) != 1)
        return false;
    *close_paren = '\0';
    return its_parent == parent && !strcmp(open_paren + 1, name);
}

pid_t daemon_child(const struct daemon *daemon, const char *name)
{
    pid_t found = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        if (pid > 0 && process_is(pid, daemon->pid, name))
            found = pid;
    }
    if (proc)
        closedir(proc);
    return found;
}
