/* SPDX-License-Identifier: Apache-2.0 */
/* cardmux file: the files inside a tenant's virtual card, from outside: names and sizes, never content. */
#include "cli/api.h"
#include "cli/command.h"
#include "cli/table.h"
#include "backend/admin/body.h"
#include "backend/vault/vault.h"
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: cardmux file list TENANT\n"
    "       cardmux file remove TENANT --name TEXT | --hex DIGITS\n"
    "\n"
    "Files are made, written and read by the tenant's programs (SDF_CreateFile and its like). list shows\n"
    "their names, as text where they are printable, and sizes; remove is for ever. How many a tenant may\n"
    "have is set with `cardmux tenant set`.\n"
    "\n"
    "options:\n"
    "  --name TEXT   the file's name as text\n"
    "  --hex DIGITS  the file's name in hexadecimal, for any name\n"
    "  --json        print JSON\n";

struct file_options {
    const char *name, *hex;
    bool json;
};

static enum cli_status list(const struct cli *cli, const char *path, bool json)
{
    static const struct column columns[] = {{"NAME", "shown"}, {"BYTES", "size"}, {"HEX", "hex"}};
    json_t *reply, *file;
    size_t i;
    if (api_call(cli, "GET", path, NULL, &reply) != CLI_DONE)
        return CLI_FAILED;
    if (json)
        json_print(reply);
    else {
        json_array_foreach(json_object_get(reply, "files"), i, file)
        {
            json_t *text = json_object_get(file, "text");
            json_object_set_new(file, "shown", text ? json_incref(text) : json_string("-"));
        }
        table_print(json_object_get(reply, "files"), columns, sizeof columns / sizeof *columns);
    }
    json_decref(reply);
    return CLI_DONE;
}

/* The name as hexadecimal digits, as the path has it. */
static enum cli_status take_name(const struct cli *cli, const struct file_options *options,
                                 char hex[2 * VAULT_FILE_NAME + 1])
{
    if (!options->name == !options->hex)
        return cli_usage(cli, "give the file's name with --name or with --hex");
    size_t len = strlen(options->name ? options->name : options->hex);
    if (options->hex) {
        if (!len || len % 2 || len > 2 * VAULT_FILE_NAME || strspn(options->hex, "0123456789abcdefABCDEF") != len)
            return cli_usage(cli, "--hex takes 1 to %u bytes as pairs of hexadecimal digits", VAULT_FILE_NAME);
        for (size_t i = 0; i <= len; i++)
            hex[i] = options->hex[i] >= 'A' && options->hex[i] <= 'F' ? (char)(options->hex[i] - 'A' + 'a')
                                                                      : options->hex[i];
        return CLI_DONE;
    }
    if (!len || len > VAULT_FILE_NAME)
        return cli_usage(cli, "--name takes 1 to %u bytes", VAULT_FILE_NAME);
    for (size_t i = 0; i < len; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)options->name[i]);
    return CLI_DONE;
}

static enum cli_status act(const struct cli *cli, int argc, char **argv, const struct file_options *options)
{
    char path[128 + 2 * VAULT_FILE_NAME], hex[2 * VAULT_FILE_NAME + 1];
    const char *verb = optind < argc ? argv[optind] : NULL, *name = optind + 1 < argc ? argv[optind + 1] : NULL;
    if (!verb)
        return cli_usage(cli, "say what to do: list or remove");
    bool is_list = strcmp(verb, "list") == 0;
    if (!is_list && strcmp(verb, "remove") != 0)
        return cli_usage(cli, "\"%.40s\" is not one of list, remove", verb);
    if (!name)
        return cli_usage(cli, "name the tenant");
    if (optind + 2 < argc)
        return cli_usage(cli, "\"%.40s\" is one word too many", argv[optind + 2]);
    if (!body_name_ok(name))
        return cli_usage(cli, "\"%.40s\" is no name for a tenant", name);
    if (is_list) {
        if (options->name || options->hex)
            return cli_usage(cli, "list takes no --name and no --hex");
        snprintf(path, sizeof path, "/v1/tenants/%s/files", name);
        return list(cli, path, options->json);
    }
    enum cli_status status = take_name(cli, options, hex);
    if (status != CLI_DONE)
        return status;
    snprintf(path, sizeof path, "/v1/tenants/%s/files/%s", name, hex);
    return api_call(cli, "DELETE", path, NULL, NULL);
}

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    static const struct option table[] = {
        {"name", required_argument, NULL, 'n'},
        {"hex", required_argument, NULL, 'x'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct file_options options = {0};
    int opt;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt == 'n')
            options.name = optarg;
        else if (opt == 'x')
            options.hex = optarg;
        else if (opt == 'j')
            options.json = true;
        else
            return cli_bad_option(cli, argc, argv, opt);
    }
    return act(cli, argc, argv, &options);
}

const struct command command_file = {"file", "list and remove files in a tenant's virtual card", help, run};
