/* SPDX-License-Identifier: Apache-2.0 */
/* Where the lines of an audit log come from: the daemon, a state directory, a file. See audit.h. */
#include "cli/api.h"
#include "cli/audit.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (256u << 20)

/* What came so far of a line whose end did not come yet. */
struct pending {
    char bytes[AUDIT_PART_MAX];
    size_t len;
    bool too_long;
};

typedef bool line_taker(void *arg, const char *line, size_t len);

static bool line_give(struct audit_source *source, struct pending *pending, line_taker *each, void *arg)
{
    source->line++;
    bool go_on = each(arg, pending->bytes, pending->len);
    pending->len = 0;
    return go_on;
}

/* A line longer than any can be is given in pieces, which nobody takes for lines. */
static bool bytes_take(struct audit_source *source, struct pending *pending, const char *bytes, size_t len,
                       line_taker *each, void *arg)
{
    for (size_t i = 0; i < len; i++) {
        pending->bytes[pending->len++] = bytes[i];
        if ((bytes[i] == '\n' || pending->len == sizeof pending->bytes) && !line_give(source, pending, each, arg))
            return false;
    }
    return true;
}

static bool stream_lines(struct audit_source *source, FILE *file, line_taker *each, void *arg)
{
    struct pending pending = {.len = 0};
    char bytes[16384];
    size_t n;
    source->line = 0;
    while ((n = fread(bytes, 1, sizeof bytes, file)) > 0)
        if (!bytes_take(source, &pending, bytes, n, each, arg))
            return false;
    return !pending.len || line_give(source, &pending, each, arg);
}

/* Numbers of the files in a directory, lowest and highest. */
static bool directory_look(struct audit_source *source)
{
    DIR *dir = opendir(source->state);
    if (!dir) {
        cli_say(source->cli, "%s: %s", source->state, strerror(errno));
        return false;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        uint64_t number;
        char rest;
        if (sscanf(entry->d_name, "audit-%8" SCNu64 ".lo%c", &number, &rest) != 2 || !number)
            continue;
        source->first = !source->first || number < source->first ? number : source->first;
        source->last = number > source->last ? number : source->last;
    }
    closedir(dir);
    if (!source->last)
        cli_say(source->cli, "there is no audit log in %s", source->state);
    return source->last != 0;
}

static bool directory_lines(struct audit_source *source, line_taker *each, void *arg)
{
    if (!directory_look(source))
        return false;
    for (uint64_t i = source->first; i <= source->last; i++) {
        char path[4200];
        snprintf(path, sizeof path, "%s/audit-%08" PRIu64 ".log", source->state, i);
        snprintf(source->where, sizeof source->where, "audit-%08" PRIu64 ".log", i);
        FILE *file = fopen(path, "re");
        if (!file && errno == ENOENT)
            continue; /* that it is missing shows where the next one does not follow */
        if (!file) {
            cli_say(source->cli, "%s: %s", path, strerror(errno));
            return false;
        }
        bool go_on = stream_lines(source, file, each, arg);
        bool failed = ferror(file) != 0;
        fclose(file);
        if (failed) {
            cli_say(source->cli, "%s cannot be read", path);
            return false;
        }
        if (!go_on)
            return true;
    }
    return true;
}

static bool hex_take(const char *text, uint8_t *out, size_t len)
{
    if (!text || strlen(text) != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            return false;
        out[i] = (uint8_t)byte;
    }
    return true;
}

bool audit_ask(struct audit_source *source)
{
    json_t *reply;
    if (api_call(source->cli, "GET", "/v1/audit", NULL, &reply) != CLI_DONE)
        return false;
    const char *vault = json_string_value(json_object_get(reply, "vault"));
    snprintf(source->vault, sizeof source->vault, "%s", vault ? vault : "");
    source->first = (uint64_t)json_integer_value(json_object_get(reply, "first_file"));
    source->last = (uint64_t)json_integer_value(json_object_get(reply, "last_file"));
    source->has_key = hex_take(json_string_value(json_object_get(reply, "key")), source->key, AUDIT_POINT);
    json_decref(reply);
    return true;
}

/* One file of the log, page by page. *go_on: the taker wants more. */
static bool daemon_file(struct audit_source *source, uint64_t number, line_taker *each, void *arg, bool *go_on)
{
    struct pending pending = {.len = 0};
    source->line = 0;
    for (uint64_t offset = 0;;) {
        char path[80];
        json_t *reply;
        snprintf(path, sizeof path, "/v1/audit/files/%" PRIu64 "/%" PRIu64, number, offset);
        if (api_call(source->cli, "GET", path, NULL, &reply) != CLI_DONE)
            return false;
        json_t *text = json_object_get(reply, "text");
        size_t len = json_string_length(text);
        offset += len;
        if (len)
            *go_on = bytes_take(source, &pending, json_string_value(text), len, each, arg);
        json_decref(reply);
        if (len && *go_on)
            continue;
        if (*go_on && pending.len)
            *go_on = line_give(source, &pending, each, arg);
        return true;
    }
}

static bool daemon_lines(struct audit_source *source, line_taker *each, void *arg)
{
    bool go_on = true;
    if (!audit_ask(source))
        return false;
    for (uint64_t i = source->first; i <= source->last && go_on; i++) {
        snprintf(source->where, sizeof source->where, "audit-%08" PRIu64 ".log", i);
        if (!daemon_file(source, i, each, arg, &go_on))
            return false;
    }
    return true;
}

bool audit_lines(struct audit_source *source, line_taker *each, void *arg)
{
    source->line = 0;
    if (source->state)
        return directory_lines(source, each, arg);
    if (!source->file)
        return daemon_lines(source, each, arg);
    bool is_stdin = strcmp(source->file, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(source->file, "re");
    snprintf(source->where, sizeof source->where, "%.250s", is_stdin ? "standard input" : source->file);
    if (!file) {
        cli_say(source->cli, "%s: %s", source->file, strerror(errno));
        return false;
    }
    stream_lines(source, file, each, arg);
    bool failed = ferror(file) != 0;
    if (failed)
        cli_say(source->cli, "%s cannot be read", source->where);
    if (!is_stdin)
        fclose(file);
    return !failed;
}

char *audit_file(const struct cli *cli, const char *path, size_t *len)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    char *bytes = NULL;
    size_t room = 0, n;
    *len = 0;
    if (!file) {
        cli_say(cli, "%s: %s", path, strerror(errno));
        return NULL;
    }
    do {
        if (room - *len < 65536) {
            char *grown = room < FILE_MAX ? realloc(bytes, room = 2 * room + 65536) : NULL;
            if (!grown) {
                cli_say(cli, "%s is too long, or there is no memory", path);
                free(bytes);
                bytes = NULL;
                break;
            }
            bytes = grown;
        }
        n = fread(bytes + *len, 1, room - *len, file);
        *len += n;
    } while (n);
    if (!is_stdin)
        fclose(file);
    return bytes;
}
