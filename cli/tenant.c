/* SPDX-License-Identifier: Apache-2.0 */
/* cardmux tenant: who has a virtual card, and how much of the card each may use. */
#include "cli/api.h"
#include "cli/command.h"
#include "cli/table.h"
#include "cli/transfer.h"
#include "backend/admin/body.h"
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "usage: cardmux tenant add NAME [LIMITS]     make a tenant\n"
                           "       cardmux tenant list                  all tenants\n"
                           "       cardmux tenant show NAME             one tenant, with counters\n"
                           "       cardmux tenant set NAME LIMITS       change one, at once\n"
                           "       cardmux tenant remove NAME           remove one, with its keys\n"
                           "       cardmux tenant export NAME --to KEY --out FILE   for the host of that key alone\n"
                           "       cardmux tenant import FILE [--name NAME] [--from KEY]   what was exported to this host\n"
                           "\n"
                           "limits:\n"
                           "  --owner UID[:GID]    user (number or name) who may use its sockets\n"
                           "  --max-connections N  connections at once over its unix socket\n"
                           "  --max-sessions N     sessions per connection or queue pair\n"
                           "  --max-handles N      key handles, all sessions together\n"
                           "  --weight N           share of the card, 1 to 1000\n"
                           "  --cid N              guest whose vsock connections are its; 0: none\n"
                           "  --deny NAME[,NAME]   functions and algorithms that it may not use\n"
                           "  --allow NAME[,NAME]  that it may use; see --help-policy\n"
                           "  --access-codes WHICH key indexes without an access code: optional, new-keys (none any\n"
                           "                       more) or always (not even those that there are)\n"
                           "  --max-files N        files in its virtual card\n"
                           "  --max-file-bytes N   bytes of all of them together\n"
                           "  --disable            keep it, but serve it no more\n"
                           "  --enable             serve it again\n"
                           "\n"
                           "options:\n"
                           "  --json               print JSON\n"
                           "  --to KEY             host key of the other host (`cardmux vault status` there)\n"
                           "  --out FILE           what is written; it must not be there\n"
                           "  --from KEY           import: only what the host of that key exported\n"
                           "  --name NAME          another name for it here\n"
                           "  --config FILE, --state DIR   export and import: where the daemon's files are\n"
                           "  --help-policy        list the names for --allow and --deny\n"
                           "\n"
                           "A name is 1 to 32 of a-z 0-9 - _ . and starts with a letter or digit.\n";

struct tenant_options {
    json_t *body;
    bool json;
};

static void print_policy_names(void)
{
    puts("Denied unless allowed:");
#define CLASS(bit, NAME, name, what)
#define ALG(bit, NAME, name)
#define ASKED(bit, NAME, name, what) printf("  %-18s  %s\n", name, what);
#include "proto/policy.def"
#undef CLASS
#undef ALG
    puts("Functions:");
#define CLASS(bit, NAME, name, what) printf("  %-18s  %s\n", name, what);
#define ALG(bit, NAME, name)
#include "proto/policy.def"
#undef CLASS
#undef ALG
    puts("Algorithms:");
#define CLASS(bit, NAME, name, what)
#define ALG(bit, NAME, name) puts("  " name);
#include "proto/policy.def"
#undef CLASS
#undef ALG
}

/* "a,b" is added to the list of that name. */
static bool take_names(const struct cli *cli, const char *option, const char *field, char *text, json_t *body)
{
    json_t *list = json_object_get(body, field);
    char *rest = text;
    if (!list) {
        list = json_array();
        json_object_set_new(body, field, list);
    }
    for (char *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
        struct cm_policy mask = {0};
        if (!cm_asked_named(name) && !cm_policy_name(name, &mask))
            return cli_usage(cli, "%s: \"%.40s\" is no function or algorithm; --help-policy lists them", option, name),
                   false;
        json_array_append_new(list, json_string(name));
    }
    return true;
}

static bool take_owner(const struct cli *cli, char *text, json_t *body)
{
    char *colon = strchr(text, ':');
    uint32_t uid, gid;
    if (colon)
        *colon++ = 0;
    struct passwd *user = getpwnam(text);
    if (user)
        uid = (uint32_t)user->pw_uid, gid = (uint32_t)user->pw_gid;
    else if (text[0] >= '0' && text[0] <= '9') {
        if (!cli_number(cli, "--owner", text, 0, 0xfffffffeu, &uid))
            return false;
        user = getpwuid((uid_t)uid);
        gid = user ? (uint32_t)user->pw_gid : uid;
    } else
        return cli_usage(cli, "--owner: there is no user \"%.40s\"", text), false;
    if (colon) {
        struct group *group = getgrnam(colon);
        if (group)
            gid = (uint32_t)group->gr_gid;
        else if (!cli_number(cli, "--owner (group)", colon, 0, 0xfffffffeu, &gid))
            return false;
    }
    json_object_set_new(body, "owner_uid", json_integer((json_int_t)uid));
    json_object_set_new(body, "owner_gid", json_integer((json_int_t)gid));
    return true;
}

static bool take_number(const struct cli *cli, const char *option, const char *field, uint32_t min, uint32_t max,
                        json_t *body)
{
    uint32_t value;
    if (!cli_number(cli, option, optarg, min, max, &value))
        return false;
    json_object_set_new(body, field, json_integer((json_int_t)value));
    return true;
}

static bool take_option(const struct cli *cli, int opt, struct tenant_options *options)
{
    json_t *body = options->body;
    switch (opt) {
    case 'o':
        return take_owner(cli, optarg, body);
    case 'c':
        return take_number(cli, "--max-connections", "max_connections", 1, 65535, body);
    case 's':
        return take_number(cli, "--max-sessions", "max_sessions", 1, 65535, body);
    case 'k':
        return take_number(cli, "--max-handles", "max_handles", 1, 1048576, body);
    case 'w':
        return take_number(cli, "--weight", "weight", 1, 1000, body);
    case 'V':
        return take_number(cli, "--cid", "cid", 0, 0xfffffffeu, body);
    case 'F':
        return take_number(cli, "--max-files", "max_files", 0, VAULT_FILES_MAX, body);
    case 'B':
        return take_number(cli, "--max-file-bytes", "max_file_bytes", 0, VAULT_FILE_BYTES_MAX, body);
    case 'A':
        return take_names(cli, "--allow", "allow", optarg, body);
    case 'D':
        return take_names(cli, "--deny", "deny", optarg, body);
    case 'C':
        json_object_set_new(body, "access_codes", json_string(optarg));
        return true;
    case 'd':
    case 'e':
        if (json_object_get(body, "disabled"))
            return cli_usage(cli, "--enable and --disable exclude each other"), false;
        json_object_set_new(body, "disabled", json_boolean(opt == 'd'));
        return true;
    default:
        options->json = true;
        return true;
    }
}

static enum cli_status list(const struct cli *cli, bool json)
{
    static const struct column columns[] = {
        {"NAME", "name"},
        {"SERIAL", "serial"},
        {"DISABLED", "disabled"},
        {"UID", "owner_uid"},
        {"GID", "owner_gid"},
        {"CONNECTIONS", "max_connections"},
        {"SESSIONS", "max_sessions"},
        {"HANDLES", "max_handles"},
        {"WEIGHT", "weight"},
        {"OPERATIONS", "counters.operations"},
        {"ERRORS", "counters.errors"},
    };
    json_t *reply;
    if (api_call(cli, "GET", "/v1/tenants", NULL, &reply) != CLI_DONE)
        return CLI_FAILED;
    if (json)
        json_print(reply);
    else
        table_print(json_object_get(reply, "tenants"), columns, sizeof columns / sizeof *columns);
    json_decref(reply);
    return CLI_DONE;
}

static void print_tenant(json_t *tenant, bool json)
{
    static const struct column columns[] = {
        {"name", "name"},
        {"serial", "serial"},
        {"disabled", "disabled"},
        {"owner uid", "owner_uid"},
        {"owner gid", "owner_gid"},
        {"connections at most", "max_connections"},
        {"sessions at most", "max_sessions"},
        {"handles at most", "max_handles"},
        {"weight", "weight"},
        {"vsock cid", "cid"},
        {"denied", "denied_text"},
        {"access codes", "access_codes"},
        {"files at most", "max_files"},
        {"bytes of files at most", "max_file_bytes"},
        {"operations", "counters.operations"},
        {"errors", "counters.errors"},
        {"bytes", "counters.bytes"},
        {"doorbells", "counters.doorbells"},
        {"wake-ups", "counters.wakeups"},
        {"card time, ns", "counters.card_ns"},
        {"regions now", "counters.regions"},
        {"sessions now", "counters.sessions"},
        {"handles now", "counters.handles"},
    };
    const char *reason;
    json_t *count;
    if (json) {
        json_print(tenant);
        return;
    }
    char denied[512] = "";
    size_t i, used = 0;
    json_t *name;
    json_array_foreach(json_object_get(tenant, "denied"), i, name)
    {
        if (used < sizeof denied && json_is_string(name))
            used +=
                (size_t)snprintf(denied + used, sizeof denied - used, "%s%s", used ? " " : "", json_string_value(name));
    }
    json_object_set_new(tenant, "denied_text", json_string(denied[0] ? denied : "-"));
    table_print_one(tenant, columns, sizeof columns / sizeof *columns);
    json_object_foreach(json_object_get(json_object_get(tenant, "counters"), "rejects"), reason,
                        count) if (json_integer_value(count))
        printf("rejected for %s: %" JSON_INTEGER_FORMAT "\n", reason, json_integer_value(count));
}

static enum cli_status act(const struct cli *cli, const char *verb, const char *name, struct tenant_options *options)
{
    char path[128];
    json_t *reply = NULL;
    enum cli_status status;
    snprintf(path, sizeof path, "/v1/tenants/%s", name);
    if (strcmp(verb, "add") == 0) {
        json_object_set_new(options->body, "name", json_string(name));
        status = api_call(cli, "POST", "/v1/tenants", json_incref(options->body), &reply);
        if (status == CLI_DONE && options->json)
            json_print(reply);
        else if (status == CLI_DONE)
            printf("tenant %s was made; its card's serial is %s\n", name,
                   json_string_value(json_object_get(reply, "serial")));
    } else if (strcmp(verb, "set") == 0) {
        status = api_call(cli, "PATCH", path, json_incref(options->body), &reply);
    } else if (strcmp(verb, "remove") == 0) {
        status = api_call(cli, "DELETE", path, NULL, &reply);
    } else {
        status = api_call(cli, "GET", path, NULL, &reply);
        if (status == CLI_DONE)
            print_tenant(reply, options->json);
    }
    json_decref(reply);
    return status;
}

static enum cli_status check_and_act(const struct cli *cli, int argc, char **argv, struct tenant_options *options)
{
    const char *verb = optind < argc ? argv[optind] : NULL;
    const char *name = optind + 1 < argc ? argv[optind + 1] : NULL;
    static const char *const verbs[] = {"add", "show", "set", "remove"};
    bool has_limits = json_object_size(options->body) > 0;
    if (!verb)
        return cli_usage(cli, "say what to do: add, list, show, set, remove, export or import");
    bool is_list = strcmp(verb, "list") == 0, known = is_list;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        known |= strcmp(verb, verbs[i]) == 0;
    if (!known)
        return cli_usage(cli, "\"%.40s\" is not one of add, list, show, set, remove, export, import", verb);
    if (argc - optind > (is_list ? 1 : 2))
        return cli_usage(cli, "\"%.40s\" is one word too many", argv[optind + (is_list ? 1 : 2)]);
    if (has_limits && strcmp(verb, "add") != 0 && strcmp(verb, "set") != 0)
        return cli_usage(cli, "limits go with add and set only");
    if (is_list)
        return list(cli, options->json);
    if (!name)
        return cli_usage(cli, "name the tenant");
    if (!body_name_ok(name))
        return cli_usage(cli, "\"%.40s\" is no name for a tenant", name);
    if (!has_limits && strcmp(verb, "set") == 0)
        return cli_usage(cli, "say what to set");
    return act(cli, verb, name, options);
}

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "export") == 0)
        return tenant_export(cli, argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "import") == 0)
        return tenant_import(cli, argc - 1, argv + 1);
    static const struct option table[] = {
        {"owner", required_argument, NULL, 'o'},
        {"max-connections", required_argument, NULL, 'c'},
        {"max-sessions", required_argument, NULL, 's'},
        {"max-handles", required_argument, NULL, 'k'},
        {"weight", required_argument, NULL, 'w'},
        {"cid", required_argument, NULL, 'V'},
        {"allow", required_argument, NULL, 'A'},
        {"deny", required_argument, NULL, 'D'},
        {"access-codes", required_argument, NULL, 'C'},
        {"max-files", required_argument, NULL, 'F'},
        {"max-file-bytes", required_argument, NULL, 'B'},
        {"help-policy", no_argument, NULL, 'P'},
        {"disable", no_argument, NULL, 'd'},
        {"enable", no_argument, NULL, 'e'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct tenant_options options = {.body = json_object()};
    enum cli_status status = CLI_DONE;
    int opt;
    while (status == CLI_DONE && (opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt == '?' || opt == ':')
            status = cli_bad_option(cli, argc, argv, opt);
        else if (opt == 'P') {
            print_policy_names();
            json_decref(options.body);
            return CLI_DONE;
        } else if (!take_option(cli, opt, &options))
            status = CLI_USAGE;
    }
    if (status == CLI_DONE)
        status = check_and_act(cli, argc, argv, &options);
    json_decref(options.body);
    return status;
}

const struct command command_tenant = {"tenant", "make, list, change and remove tenants", help, run};
