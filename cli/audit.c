/* SPDX-License-Identifier: Apache-2.0 */
/* cardmux audit: look at the audit log, verify it, hand it on. docs/audit.md says what it is. */
#include "cli/audit.h"
#include "cli/api.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "usage: cardmux audit show [--event NAME] [--tenant NAME] [--user NAME] [--since TIME] [--until TIME] [--last N]\n"
    "                          [--all] [--state DIR] [--json]\n"
    "       cardmux audit verify [FILE] [--checkpoint FILE] [--key KEY] [--state DIR] [--json]\n"
    "       cardmux audit export [--tenant NAME] [--out FILE] [--state DIR]\n"
    "       cardmux audit checkpoint [--out FILE]\n"
    "       cardmux audit key\n"
    "\n"
    "Shows entries of the audit log; verifies all of it, or an exported FILE; exports it, or one tenant's part, which\n"
    "can be verified alone; writes a signed checkpoint now and prints it, to be kept elsewhere; prints the public "
    "key.\n"
    "\n"
    "options:\n"
    "  --event NAME       entries of this kind only\n"
    "  --tenant NAME      of this tenant only\n"
    "  --user NAME        of this user only (name or number)\n"
    "  --since TIME       not older: 2026-01-31, 2026-01-31T08:00:00 (UTC), or seconds since 1970\n"
    "  --until TIME       not newer\n"
    "  --last N           the last N of them\n"
    "  --all              also that an act began where its end is there\n"
    "  --checkpoint FILE  compare with a checkpoint that was kept elsewhere: finds a log that was cut off, and an "
    "older\n"
    "                     copy of the state directory\n"
    "  --key KEY          the public key that must have signed: its digits, or a file with them\n"
    "  --state DIR        read the files of this state directory instead of asking the daemon\n"
    "  --out FILE         write there (a new file) instead of to standard output\n"
    "  --json             print JSON\n";

struct options {
    struct audit_source source;
    struct audit_check check;
    struct audit_filter filter;
    const char *out;
};

static bool time_take(const struct cli *cli, const char *option, const char *text, uint64_t *seconds)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"};
    char *end;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm parts = {0};
        const char *rest = strptime(text, forms[i], &parts);
        if (rest && (!*rest || strcmp(rest, "Z") == 0)) {
            *seconds = (uint64_t)timegm(&parts);
            return true;
        }
    }
    errno = 0;
    *seconds = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && !*end && !errno)
        return true;
    cli_usage(cli, "%s takes a time such as 2026-01-31 or 2026-01-31T08:00:00, not \"%.40s\"", option, text);
    return false;
}

static int out_open(const struct cli *cli, const char *path)
{
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : STDOUT_FILENO;
    if (fd < 0)
        cli_say(cli, "%s: %s", path, errno == EEXIST ? "is there already; nothing is overwritten" : strerror(errno));
    return fd;
}

static bool out_write(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* Ends what was written: all of it is there, or no file is. */
static enum cli_status out_close(const struct cli *cli, int fd, const char *path, bool ok)
{
    int saved = errno;
    if (path && ok && fsync(fd) != 0) {
        saved = errno;
        ok = false;
    }
    if (path && close(fd) != 0 && ok) {
        saved = errno;
        ok = false;
    }
    if (path && !ok)
        unlink(path);
    if (!ok)
        cli_say(cli, "cannot write %s: %s", path ? path : "the output", strerror(saved));
    return ok ? CLI_DONE : CLI_FAILED;
}

/* The line of a checkpoint that was just written, to be freed; NULL: said. */
static char *checkpoint_write(const struct cli *cli)
{
    json_t *reply;
    if (api_call(cli, "POST", "/v1/audit/checkpoint", NULL, &reply) != CLI_DONE)
        return NULL;
    const char *text = json_string_value(json_object_get(reply, "text"));
    char *line = text ? strdup(text) : NULL;
    json_decref(reply);
    if (!line)
        cli_say(cli, "the daemon's answer holds no checkpoint");
    return line;
}

static enum cli_status checkpoint(const struct cli *cli, const char *out)
{
    char *line = checkpoint_write(cli);
    int fd = line ? out_open(cli, out) : -1;
    enum cli_status status = CLI_FAILED;
    if (fd >= 0)
        status = out_close(cli, fd, out, out_write(fd, line, strlen(line)));
    free(line);
    return status;
}

static enum cli_status key(struct audit_source *source)
{
    if (!audit_ask(source))
        return CLI_FAILED;
    for (size_t i = 0; i < AUDIT_POINT; i++)
        printf("%02x", source->key[i]);
    putchar('\n');
    return CLI_DONE;
}

struct writing {
    int fd;
    bool failed;
};

static bool write_line(void *arg, const char *line, size_t len)
{
    struct writing *writing = arg;
    writing->failed = !out_write(writing->fd, line, len);
    return !writing->failed;
}

static bool extract_line(void *arg, const char *line, size_t len)
{
    return audit_extract_line(arg, line, len);
}

static enum cli_status export_tenant(struct audit_source *source, const char *tenant, const char *out)
{
    struct audit_extract extract;
    enum cli_status status = CLI_FAILED;
    size_t len;
    if (!source->state) { /* so that it covers everything up to now */
        char *line = checkpoint_write(source->cli);
        if (!line)
            return CLI_FAILED;
        free(line);
    }
    audit_extract_init(&extract, tenant);
    if (audit_lines(source, extract_line, &extract)) {
        char *part = extract.replay.error[0] ? NULL : audit_extract_text(&extract, &len);
        int fd = part ? out_open(source->cli, out) : -1;
        if (fd >= 0)
            status = out_close(source->cli, fd, out, out_write(fd, part, len));
        else if (!part)
            cli_say(source->cli, "%s", extract.replay.error);
        free(part);
    }
    audit_extract_free(&extract);
    return status;
}

static enum cli_status export_log(struct audit_source *source, const char *tenant, const char *out)
{
    if (tenant)
        return export_tenant(source, tenant, out);
    struct writing writing = {.fd = out_open(source->cli, out)};
    if (writing.fd < 0)
        return CLI_FAILED;
    bool had = audit_lines(source, write_line, &writing);
    if (had)
        return out_close(source->cli, writing.fd, out, !writing.failed);
    if (out) {
        close(writing.fd);
        unlink(out);
    }
    return CLI_FAILED;
}

static bool take_option(const struct cli *cli, int opt, struct options *o)
{
    switch (opt) {
    case 'e':
        o->filter.event = optarg;
        return true;
    case 't':
        o->filter.tenant = optarg;
        return true;
    case 'u':
        o->filter.user = optarg;
        return true;
    case 's':
        return time_take(cli, "--since", optarg, &o->filter.since);
    case 'U':
        return time_take(cli, "--until", optarg, &o->filter.until);
    case 'n':
        return cli_number(cli, "--last", optarg, 1, 1000000, &o->filter.last);
    case 'a':
        o->filter.all = true;
        return true;
    case 'c':
        o->check.checkpoint = optarg;
        return true;
    case 'k':
        o->check.key = optarg;
        return true;
    case 'd':
        o->source.state = optarg;
        return true;
    case 'o':
        o->out = optarg;
        return true;
    default:
        o->check.json = o->filter.json = true;
        return true;
    }
}

/* Which options go with which verb: letters of take_option. */
static const struct {
    const char *name, *options;
} verbs[] = {
    {"show", "etusUnadj"}, {"verify", "ckdj"}, {"export", "tdo"}, {"checkpoint", "o"}, {"key", ""},
};

static enum cli_status run_verb(struct cli *cli, const char *verb, struct options *o)
{
    if (strcmp(verb, "show") == 0)
        return audit_show(&o->source, &o->filter);
    if (strcmp(verb, "verify") == 0)
        return audit_verify(&o->source, &o->check);
    if (strcmp(verb, "export") == 0)
        return export_log(&o->source, o->filter.tenant, o->out);
    return strcmp(verb, "checkpoint") == 0 ? checkpoint(cli, o->out) : key(&o->source);
}

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    static const struct option table[] = {
        {"event", required_argument, NULL, 'e'},
        {"tenant", required_argument, NULL, 't'},
        {"user", required_argument, NULL, 'u'},
        {"since", required_argument, NULL, 's'},
        {"until", required_argument, NULL, 'U'},
        {"last", required_argument, NULL, 'n'},
        {"all", no_argument, NULL, 'a'},
        {"checkpoint", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},
        {"state", required_argument, NULL, 'd'},
        {"out", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct options o = {.source.cli = cli};
    char given[32] = "";
    int opt;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt == '?' || opt == ':')
            return cli_bad_option(cli, argc, argv, opt);
        if (!take_option(cli, opt, &o))
            return CLI_USAGE;
        if (strlen(given) + 1 < sizeof given && !strchr(given, opt))
            given[strlen(given)] = (char)opt;
    }
    const char *verb = optind < argc ? argv[optind] : "";
    size_t i = 0;
    while (i < sizeof verbs / sizeof *verbs && strcmp(verbs[i].name, verb) != 0)
        i++;
    if (i == sizeof verbs / sizeof *verbs)
        return cli_usage(cli, "say what to do: show, verify, export, checkpoint or key");
    if (given[strspn(given, verbs[i].options)])
        return cli_usage(cli, "an option that was given does not go with %s", verb);
    if (strcmp(verb, "verify") == 0 && optind + 1 < argc)
        o.source.file = argv[++optind];
    if (optind + 1 < argc)
        return cli_usage(cli, "\"%.40s\" is one word too many", argv[optind + 1]);
    if (o.source.file && o.source.state)
        return cli_usage(cli, "a file and --state exclude each other");
    return run_verb(cli, verb, &o);
}

const struct command command_audit = {"audit", "show, verify and export the audit log", help, run};
