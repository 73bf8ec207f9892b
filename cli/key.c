/* SPDX-License-Identifier: Apache-2.0 */
/* cardmux key: the keys inside a tenant's virtual card. Made in the broker, never shown; public keys can be listed. */
#include "cli/api.h"
#include "cli/code_input.h"
#include "cli/command.h"
#include "cli/key_import.h"
#include "cli/key_public.h"
#include "cli/table.h"
#include "backend/admin/body.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "usage: cardmux key generate TENANT --type sm2|rsa|p256|kek --index N [--bits N] [--code-file FILE]\n"
    "       cardmux key import TENANT --type sm2 --index N --sign-file FILE --encrypt-file FILE [--enveloped] [--code-file FILE]\n"
    "       cardmux key import TENANT --type kek --index N --key-file FILE [--enveloped] [--code-file FILE]\n"
    "       cardmux key list TENANT\n"
    "       cardmux key show TENANT --type TYPE --index N\n"
    "       cardmux key export-public TENANT --type sm2|rsa|p256 --index N --usage sign|encrypt\n"
    "       cardmux key set-code TENANT [--type TYPE] --index N [--code-file FILE]\n"
    "       cardmux key destroy TENANT --type sm2|rsa|p256|kek --index N\n"
    "       cardmux key unlock TENANT [--type TYPE] --index N\n"
    "\n"
    "generate makes SM2 or RSA keys (a pair for signing and one for encryption), a P-256 pair, or a KEK; import brings\n"
    "SM2 pairs (PEM files) or a KEK (16, 24 or 32 bytes), sealed here for the tenant's device key; list shows what there "
    "is, with public keys in JSON; destroy is for ever; unlock lets an index be used again after too many wrong\n"
    "access codes. Keys of different types may have the same index; key pairs share its access code, a KEK has one of\n"
    "its own (--type kek). RSA takes seconds.\n"
    "\n"
    "options:\n"
    "  --type TYPE       kind of key: sm2, rsa, p256, kek\n"
    "  --index N         1 to 65535; 0: the device's own key, which each tenant is made with\n"
    "  --usage WHICH     sign (which is the default) or encrypt: the pair whose public key is printed, as PEM\n"
    "  --bits N          length of an RSA key: 2048 (else 3072 or 4096); of a KEK: 128 (else 192 or 256)\n"
    "  --code-file FILE  access code of the index: from FILE, or - for standard input (typed unseen on a terminal)\n"
    "  --sign-file FILE, --encrypt-file FILE, --key-file FILE  what is imported: a file, or - for standard input\n"
    "  --enveloped       these hold envelopes to the tenant's device key already: EnvelopedECCKey, ECCCipher of sdf.h\n"
    "  --json            print JSON\n";

struct key_options {
    const char *type, *code_file, *usage;
    struct key_files files;
    uint32_t index, bits;
    bool has_index, json;
};

static void add_times(json_t *keys)
{
    size_t i;
    json_t *key;
    json_array_foreach(keys, i, key)
    {
        time_t created = (time_t)json_integer_value(json_object_get(key, "created"));
        struct tm tm;
        char text[32] = "-";
        if (created > 0 && gmtime_r(&created, &tm))
            strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
        json_object_set_new(key, "created_text", json_string(text));
    }
}

static enum cli_status list(const struct cli *cli, const char *path, bool json)
{
    static const struct column columns[] = {
        {"TYPE", "kind"},
        {"INDEX", "index"},
        {"BITS", "bits"},
        {"CODE", "has_code"},
        {"LOCKED", "locked"},
        {"FAILURES", "failures"},
        {"SIGNED", "sign_uses"},
        {"OTHER USES", "encrypt_uses"},
        {"CREATED", "created_text"},
    };
    json_t *reply;
    if (api_call(cli, "GET", path, NULL, &reply) != CLI_DONE)
        return CLI_FAILED;
    if (json)
        json_print(reply);
    else {
        add_times(json_object_get(reply, "keys"));
        table_print(json_object_get(reply, "keys"), columns, sizeof columns / sizeof *columns);
    }
    json_decref(reply);
    return CLI_DONE;
}

/* The one key of a list that the options name. */
static enum cli_status show(const struct cli *cli, const char *path, const struct key_options *options, bool public)
{
    static const struct column columns[] = {
        {"type", "kind"},          {"index", "index"},         {"bits", "bits"},
        {"access code", "has_code"}, {"locked", "locked"},       {"failures", "failures"},
        {"created", "created_text"}, {"signed", "sign_uses"},    {"other uses", "encrypt_uses"},
        {"public, sign", "sign_public"}, {"public, encrypt", "encrypt_public"},
    };
    json_t *reply, *key, *found = NULL;
    size_t i;
    if (api_call(cli, "GET", path, NULL, &reply) != CLI_DONE)
        return CLI_FAILED;
    json_array_foreach(json_object_get(reply, "keys"), i, key)
    {
        const char *kind = json_string_value(json_object_get(key, "kind"));
        if (kind && strcmp(kind, options->type) == 0 &&
            json_integer_value(json_object_get(key, "index")) == (json_int_t)options->index)
            found = key;
    }
    enum cli_status status = found ? CLI_DONE : CLI_FAILED;
    if (!found)
        cli_say(cli, "there is no %s key %u", options->type, options->index);
    else if (public) {
        bool sign = !options->usage || strcmp(options->usage, "sign") == 0;
        const char *hex = json_string_value(json_object_get(found, sign ? "sign_public" : "encrypt_public"));
        if (!hex || !key_public_print(options->type, hex)) {
            cli_say(cli, "the daemon tells no public key for that");
            status = CLI_FAILED;
        }
    } else if (options->json)
        json_print(found);
    else {
        add_times(json_object_get(reply, "keys"));
        table_print_one(found, columns, sizeof columns / sizeof *columns);
    }
    json_decref(reply);
    return status;
}

/* The access code of the options into the body; without a file none. */
static bool add_code(const struct cli *cli, const struct key_options *options, json_t *body)
{
    char code[CODE_INPUT_MAX + 1];
    if (!options->code_file)
        return true;
    bool ok = code_read(cli, options->code_file, code);
    json_t *text = ok ? json_string(code) : NULL;
    explicit_bzero(code, sizeof code);
    if (ok && !text)
        cli_say(cli, "the access code is not UTF-8");
    if (text)
        json_object_set_new(body, "code", text);
    return text != NULL;
}

static enum cli_status generate(const struct cli *cli, const char *path, const struct key_options *options)
{
    json_t *body = json_pack("{s:s s:I}", "kind", options->type, "index", (json_int_t)options->index), *reply = NULL;
    if (options->bits)
        json_object_set_new(body, "bits", json_integer((json_int_t)options->bits));
    if (!add_code(cli, options, body)) {
        json_decref(body);
        return CLI_FAILED;
    }
    bool lengthy = vault_kind_named(options->type) == VAULT_KEY_RSA;
    enum cli_status status = lengthy ? api_call_slow(cli, "POST", path, body, &reply, "making two RSA key pairs")
                                     : api_call(cli, "POST", path, body, &reply);
    if (status == CLI_DONE && options->json)
        json_print(reply);
    json_decref(reply);
    return status;
}

/* The public key that envelopes to a tenant are made for; the caller's to free. NULL: said why. */
static char *device_key(const struct cli *cli, const char *path)
{
    json_t *reply, *key;
    char *found = NULL;
    size_t i;
    if (api_call(cli, "GET", path, NULL, &reply) != CLI_DONE)
        return NULL;
    json_array_foreach(json_object_get(reply, "keys"), i, key)
    {
        const char *kind = json_string_value(json_object_get(key, "kind"));
        const char *point = json_string_value(json_object_get(key, "encrypt_public"));
        if (kind && point && strcmp(kind, "sm2") == 0 && json_integer_value(json_object_get(key, "index")) == 0 &&
            strlen(point) == 128)
            found = strdup(point);
    }
    if (!found)
        cli_say(cli, "the tenant has no device key to make an envelope for: generate SM2 key 0");
    json_decref(reply);
    return found;
}

static enum cli_status import(const struct cli *cli, const char *path, const struct key_options *options)
{
    char *device = options->files.enveloped ? NULL : device_key(cli, path), where[176];
    json_t *body = json_pack("{s:s s:I}", "kind", options->type, "index", (json_int_t)options->index), *reply = NULL;
    bool ok = (device || options->files.enveloped) && add_code(cli, options, body) &&
              key_import_fill(cli, vault_kind_named(options->type), &options->files, device, body);
    free(device);
    if (!ok) {
        json_decref(body);
        return CLI_FAILED;
    }
    snprintf(where, sizeof where, "%s/import", path);
    enum cli_status status = api_call(cli, "POST", where, body, &reply);
    if (status == CLI_DONE && options->json)
        json_print(reply);
    json_decref(reply);
    return status;
}

/* What a verb takes. */
static const struct verb {
    const char *name;
    bool index, code, bits, usage, any_kind; /* any_kind: without a type it is the code of the index's key pairs */
} verbs[] = {
    {"generate", true, true, true, false, false}, {"import", true, true, false, false, false},
    {"list", false, false, false, false, true},
    {"show", true, false, false, false, false},   {"export-public", true, false, false, true, false},
    {"set-code", true, true, false, false, true}, {"unlock", true, false, false, false, true},
    {"destroy", true, false, false, false, false},
};

/* Files go with import, and which with the type; standard input can be read once. */
static enum cli_status check_files(const struct cli *cli, const struct verb *verb, const struct key_options *options)
{
    const struct key_files *files = &options->files;
    bool kek = options->type && strcmp(options->type, "kek") == 0, sm2 = options->type && strcmp(options->type, "sm2") == 0;
    const char *const all[] = {files->sign, files->encrypt, files->key, options->code_file};
    unsigned stdins = 0;
    if (strcmp(verb->name, "import") != 0)
        return files->sign || files->encrypt || files->key || files->enveloped
                   ? cli_usage(cli, "--sign-file, --encrypt-file, --key-file and --enveloped go with import")
                   : CLI_DONE;
    if (options->type && !kek && !sm2)
        return cli_usage(cli, "import takes SM2 keys and KEKs");
    if (sm2 && (!files->sign || !files->encrypt || files->key))
        return cli_usage(cli, "an SM2 key needs --sign-file and --encrypt-file: a pair for each use");
    if (kek && (!files->key || files->sign || files->encrypt))
        return cli_usage(cli, "a KEK needs --key-file");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        stdins += all[i] && strcmp(all[i], "-") == 0;
    return stdins > 1 ? cli_usage(cli, "standard input can be read for one file only") : CLI_DONE;
}

static enum cli_status check(const struct cli *cli, const struct verb *verb, struct key_options *options)
{
    enum cli_status files = check_files(cli, verb, options);
    if (files != CLI_DONE)
        return files;
    if ((options->bits && !verb->bits) || (options->code_file && !verb->code) || (options->usage && !verb->usage))
        return cli_usage(cli, "--bits goes with generate, --code-file with generate, import and set-code, --usage with "
                              "export-public");
    if (!verb->index)
        return options->has_index || options->type ? cli_usage(cli, "list takes no --type and no --index") : CLI_DONE;
    if (verb->any_kind && !options->type)
        options->type = "sm2";
    if (!options->type)
        return cli_usage(cli, "--type is missing");
    if (!body_key_kind(options->type))
        return cli_usage(cli, "--type is sm2, rsa, p256 or kek, not \"%.40s\"", options->type);
    const struct vault_kind *kind = vault_kind(vault_kind_named(options->type));
    if (verb->usage && !kind->has_public)
        return cli_usage(cli, "a KEK has no public key");
    if (options->usage && strcmp(options->usage, "sign") != 0 && strcmp(options->usage, "encrypt") != 0)
        return cli_usage(cli, "--usage is sign or encrypt, not \"%.40s\"", options->usage);
    if (options->bits && !vault_kind_bits_ok(vault_kind_named(options->type), options->bits))
        return cli_usage(cli, "no %s key has %u bits", kind->title, options->bits);
    if (!options->has_index)
        return cli_usage(cli, "--index is missing");
    if (!vault_kind_place_ok(vault_kind_named(options->type), options->index))
        return cli_usage(cli, "a KEK has an index from 1 on");
    return CLI_DONE;
}

static enum cli_status call(const struct cli *cli, const char *verb, const char *name, struct key_options *options)
{
    char path[160];
    snprintf(path, sizeof path, "/v1/tenants/%s/keys", name);
    if (strcmp(verb, "list") == 0)
        return list(cli, path, options->json);
    if (strcmp(verb, "generate") == 0)
        return generate(cli, path, options);
    if (strcmp(verb, "import") == 0)
        return import(cli, path, options);
    if (strcmp(verb, "show") == 0 || strcmp(verb, "export-public") == 0)
        return show(cli, path, options, verb[0] == 'e');
    bool unlock = strcmp(verb, "unlock") == 0, code = strcmp(verb, "set-code") == 0;
    snprintf(path, sizeof path, "/v1/tenants/%s/keys/%s/%u%s", name, options->type, options->index,
             unlock ? "/unlock" : code ? "/code" : "");
    json_t *body = code ? json_object() : NULL;
    if (code && !add_code(cli, options, body)) {
        json_decref(body);
        return CLI_FAILED;
    }
    return api_call(cli, unlock || code ? "POST" : "DELETE", path, body, NULL);
}

static enum cli_status act(const struct cli *cli, int argc, char **argv, struct key_options *options)
{
    const struct verb *verb = NULL;
    if (optind >= argc)
        return cli_usage(cli, "say what to do: generate, import, list, show, export-public, set-code, unlock or destroy");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, argv[optind]) == 0)
            verb = &verbs[i];
    if (!verb)
        return cli_usage(cli, "\"%.40s\" is not one of generate, import, list, show, export-public, set-code, unlock, "
                         "destroy",
                         argv[optind]);
    enum cli_status status = check(cli, verb, options);
    if (status != CLI_DONE)
        return status;
    if (optind + 1 >= argc)
        return cli_usage(cli, "name the tenant");
    if (optind + 2 < argc)
        return cli_usage(cli, "\"%.40s\" is one word too many", argv[optind + 2]);
    if (!body_name_ok(argv[optind + 1]))
        return cli_usage(cli, "\"%.40s\" is no name for a tenant", argv[optind + 1]);
    return call(cli, verb->name, argv[optind + 1], options);
}

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    static const struct option table[] = {
        {"type", required_argument, NULL, 't'}, {"index", required_argument, NULL, 'i'},
        {"bits", required_argument, NULL, 'b'}, {"code-file", required_argument, NULL, 'c'},
        {"usage", required_argument, NULL, 'u'}, {"json", no_argument, NULL, 'j'},
        {"sign-file", required_argument, NULL, 'S'}, {"encrypt-file", required_argument, NULL, 'E'},
        {"key-file", required_argument, NULL, 'K'}, {"enveloped", no_argument, NULL, 'e'},
        {0},
    };
    struct key_options options = {0};
    int opt;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt == 't')
            options.type = optarg;
        else if (opt == 'c')
            options.code_file = optarg;
        else if (opt == 'u')
            options.usage = optarg;
        else if (opt == 'j')
            options.json = true;
        else if (opt == 'S')
            options.files.sign = optarg;
        else if (opt == 'E')
            options.files.encrypt = optarg;
        else if (opt == 'K')
            options.files.key = optarg;
        else if (opt == 'e')
            options.files.enveloped = true;
        else if (opt == 'i') {
            if (!cli_number(cli, "--index", optarg, 0, 65535, &options.index))
                return CLI_USAGE;
            options.has_index = true;
        } else if (opt == 'b') {
            if (!cli_number(cli, "--bits", optarg, 128, 4096, &options.bits))
                return CLI_USAGE;
        } else
            return cli_bad_option(cli, argc, argv, opt);
    }
    return act(cli, argc, argv, &options);
}

const struct command command_key = {"key", "make, import, list, show, unlock and destroy a tenant's keys", help, run};
