/* SPDX-License-Identifier: Apache-2.0 */
/* see transfer.h */
#include "cli/transfer.h"
#include "cli/api.h"
#include "backend/admin/body.h"
#include "backend/main/config.h"
#include "backend/vault/sealed.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

char *state_find(const struct cli *cli, const char *config_file, const char *state)
{
    struct config config;
    char text[CONFIG_TEXT], *found = NULL;
    if (state && state[0] != '/') {
        cli_say(cli, "--state takes an absolute path");
        return NULL;
    }
    if (state)
        return strdup(state);
    if (config_load(&config, config_file, text) < 0)
        cli_say(cli, "%s", text);
    else
        found = strdup(config.daemon.state_dir);
    config_free(&config);
    return found;
}

bool key_parse(const char *text, unsigned char key[KEY_BYTES])
{
    if (strlen(text) != 2 * KEY_BYTES || strspn(text, "0123456789abcdef") != 2 * KEY_BYTES)
        return false;
    for (size_t i = 0; text[i]; i++) {
        unsigned digit = (unsigned)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
        key[i / 2] = (unsigned char)(i % 2 ? key[i / 2] | digit : digit << 4);
    }
    return true;
}

void key_print(const char *what, const unsigned char key[KEY_BYTES])
{
    printf("%s", what);
    for (size_t i = 0; i < KEY_BYTES; i++)
        printf("%02x", key[i]);
    putchar('\n');
}

bool transfer_name(const struct cli *cli, char name[NAME_TEXT])
{
    unsigned char bytes[12];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
        cli_say(cli, "no random bytes: %s", strerror(errno));
        return false;
    }
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(name + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

static void transfer_path(const char *state, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/transfer-%s", state, name);
}

void transfer_drop(const char *state, const char *name)
{
    char path[PATH_MAX];
    transfer_path(state, name, path);
    unlink(path);
}

/* from: opened; to: made anew, mode 0600, and durable. False: said why, and to is not there. owner: NULL, or whose it
   becomes. */
static bool copy(const struct cli *cli, int from, const char *to, const struct stat *owner)
{
    char buffer[65536];
    ssize_t n = 0;
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        cli_say(cli, "cannot make %s: %s", to, strerror(errno));
        return false;
    }
    bool ok = !owner || geteuid() != 0 || fchown(fd, owner->st_uid, owner->st_gid) == 0;
    while (ok && (n = read(from, buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0, part; ok && done < n; done += part) {
            part = write(fd, buffer + done, (size_t)(n - done));
            ok = part > 0;
            part = part > 0 ? part : 0;
        }
    ok = ok && n == 0 && fsync(fd) == 0;
    if (!ok)
        cli_say(cli, "cannot write %s: %s", to, errno ? strerror(errno) : "short write");
    close(fd);
    if (!ok)
        unlink(to);
    return ok;
}

bool transfer_fetch(const struct cli *cli, const char *state, const char *name, const char *path)
{
    char from[PATH_MAX];
    transfer_path(state, name, from);
    int fd = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        cli_say(cli, "cannot read %s, which the daemon wrote: %s (run this as root, or as the daemon's user)", from,
                strerror(errno));
        return false;
    }
    bool ok = copy(cli, fd, path, NULL);
    close(fd);
    unlink(from);
    return ok;
}

bool transfer_give(const struct cli *cli, const char *state, const char *name, const char *path)
{
    char to[PATH_MAX];
    struct stat st;
    transfer_path(state, name, to);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || stat(state, &st) < 0) {
        cli_say(cli, "cannot open %s: %s", fd < 0 ? path : state, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool ok = copy(cli, fd, to, &st);
    close(fd);
    return ok;
}

/* ---- tenants ---- */

struct options {
    const char *config, *state, *to, *out, *name, *from;
};

static bool options_read(struct cli *cli, int argc, char **argv, struct options *options)
{
    static const struct option table[] = {
        {"config", required_argument, NULL, 'c'}, {"state", required_argument, NULL, 's'},
        {"to", required_argument, NULL, 't'},     {"out", required_argument, NULL, 'o'},
        {"name", required_argument, NULL, 'n'},   {"from", required_argument, NULL, 'f'},
        {0},
    };
    int opt;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt == 'c')
            options->config = optarg;
        else if (opt == 's')
            options->state = optarg;
        else if (opt == 't')
            options->to = optarg;
        else if (opt == 'o')
            options->out = optarg;
        else if (opt == 'n')
            options->name = optarg;
        else if (opt == 'f')
            options->from = optarg;
        else
            return cli_bad_option(cli, argc, argv, opt), false;
    }
    return true;
}

enum cli_status tenant_export(struct cli *cli, int argc, char **argv)
{
    struct options options = {0};
    unsigned char key[KEY_BYTES];
    char name[NAME_TEXT], path[160], *state;
    if (!options_read(cli, argc, argv, &options))
        return CLI_USAGE;
    if (optind + 1 != argc || !body_name_ok(argv[optind]) || options.name || options.from)
        return cli_usage(cli, "export takes the name of one tenant");
    if (!options.out || !options.to || !key_parse(options.to, key))
        return cli_usage(cli, "export needs --to KEY (64 digits: `cardmux vault status` there) and --out FILE");
    state = state_find(cli, options.config, options.state);
    if (!state || !transfer_name(cli, name)) {
        free(state);
        return CLI_FAILED;
    }
    snprintf(path, sizeof path, "/v1/tenants/%s/export", argv[optind]);
    enum cli_status status =
        api_call(cli, "POST", path, json_pack("{s:s s:s}", "recipient", options.to, "file", name), NULL);
    if (status != CLI_DONE)
        transfer_drop(state, name); /* of a daemon that died over it */
    else if (!transfer_fetch(cli, state, name, options.out))
        status = CLI_FAILED;
    if (status == CLI_DONE)
        printf("tenant %s is in %s, for that host alone; it is still served here\n", argv[optind], options.out);
    free(state);
    return status;
}

/* Who made a file: true once the daemon has opened it. */
static void sender_print(const char *path)
{
    unsigned char bytes[SEALED_HEADER];
    struct sealed_header header;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, bytes, sizeof bytes) == sizeof bytes && sealed_header_parse(bytes, &header))
        key_print("it was made by the host ", header.sender);
    close(fd);
}

enum cli_status tenant_import(struct cli *cli, int argc, char **argv)
{
    struct options options = {0};
    unsigned char key[KEY_BYTES];
    char name[NAME_TEXT], *state;
    json_t *body, *reply = NULL;
    if (!options_read(cli, argc, argv, &options))
        return CLI_USAGE;
    if (optind + 1 != argc || options.to || options.out)
        return cli_usage(cli, "import takes one file, --name and --from");
    if (options.from && !key_parse(options.from, key))
        return cli_usage(cli, "--from takes the host key of the sender, 64 digits (`cardmux vault status` there)");
    if (options.name && !body_name_ok(options.name))
        return cli_usage(cli, "\"%.40s\" is no name for a tenant", options.name);
    state = state_find(cli, options.config, options.state);
    if (!state || !transfer_name(cli, name) || !transfer_give(cli, state, name, argv[optind])) {
        free(state);
        return CLI_FAILED;
    }
    body = json_pack("{s:s}", "file", name);
    if (options.name)
        json_object_set_new(body, "name", json_string(options.name));
    if (options.from)
        json_object_set_new(body, "from", json_string(options.from));
    enum cli_status status = api_call(cli, "POST", "/v1/imports", body, &reply);
    transfer_drop(state, name);
    if (status == CLI_DONE) {
        printf("tenant %s is here; its card's serial is %s\n", json_string_value(json_object_get(reply, "name")),
               json_string_value(json_object_get(reply, "serial")));
        sender_print(argv[optind]);
    }
    json_decref(reply);
    free(state);
    return status;
}
