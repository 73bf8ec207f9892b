/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c: reads cardmuxd.conf.
 *
 * inih splits lines; what it lets pass is caught around it. Its reader hook counts lines, because Debian's inih does
 * not give the line to the handler, refuses lines longer than inih's buffer (it would cut them), and looks at section
 * headings, because inih says nothing of a section without keys. Everything else is one table: a row for each key, with
 * its type, its bounds and where it goes. A value that continues on an indented line arrives as the same key twice, and
 * a key given twice is refused.
 */
#include "backend/main/config.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "backend/main/role.h"
#include "backend/vault/master_key.h"

enum key_type {
    KEY_TEXT,   /* 1..CONFIG_VALUE_MAX characters */
    KEY_PATH,   /* absolute */
    KEY_NUMBER, /* decimal, min..max */
    KEY_WAIT,
    KEY_ROLES,
    KEY_SWITCH, /* on, off */
    KEY_KIND,   /* key-pair, kek */
};

struct key {
    const char *section;
    const char *name;
    enum key_type type;
    size_t offset; /* in struct daemon_config */
    uint32_t min, max;
};

#define PLACE(field) offsetof(struct daemon_config, field)

static const struct key keys[] = {
    {"daemon", "state", KEY_PATH, PLACE(state_dir), 0, 0},
    {"daemon", "run", KEY_PATH, PLACE(run_dir), 0, 0},
    {"daemon", "user", KEY_TEXT, PLACE(user), 0, 0},
    {"daemon", "group", KEY_TEXT, PLACE(group), 0, 0},
    {"daemon", "security-group", KEY_TEXT, PLACE(security_group), 0, 0},
    {"daemon", "audit-group", KEY_TEXT, PLACE(audit_group), 0, 0},
    {"daemon", "root-roles", KEY_ROLES, PLACE(root_roles), 0, 0},
    {"daemon", "master-key", KEY_PATH, PLACE(master_key), 0, 0},
    {"daemon", "passphrase-file", KEY_PATH, PLACE(passphrase_file), 0, 0},
    {"daemon", "master-key-card", KEY_PATH, PLACE(master_card), 0, 0},
    {"daemon", "master-key-index", KEY_NUMBER, PLACE(master_index), 1, MASTER_CARD_INDEX},
    {"daemon", "master-key-kind", KEY_KIND, PLACE(master_kek), 0, 0},
    {"daemon", "master-key-code-file", KEY_PATH, PLACE(master_code_file), 0, 0},
    {"daemon", "vsock", KEY_SWITCH, PLACE(vsock), 0, 0},
    {"card", "driver", KEY_TEXT, PLACE(card), 0, 0},
    {"card", "library", KEY_PATH, PLACE(card_library), 0, 0},
    {"card", "fault", KEY_TEXT, PLACE(card_fault), 0, 0},
    {"card", "threads", KEY_NUMBER, PLACE(card_threads), 0, 64},
    {"broker", "wait", KEY_WAIT, PLACE(wait), 0, 0},
    {"broker", "deadline", KEY_NUMBER, PLACE(deadline_ms), 100, 600000},
    {"broker", "workers", KEY_NUMBER, PLACE(workers), 1, 64},
    {"broker", "keys-loaded", KEY_NUMBER, PLACE(keys_loaded), 1, 65536},
    {"broker", "code-attempts", KEY_NUMBER, PLACE(code_attempts), 1, 1000},
    {"broker", "self-test", KEY_NUMBER, PLACE(self_test_s), 0, 604800},
    {"audit", "file-size", KEY_NUMBER, PLACE(audit_segment_kib), 64, 1048576},
    {"audit", "checkpoint", KEY_NUMBER, PLACE(audit_checkpoint_s), 10, 604800},
    {"test", "sandbox-probe", KEY_TEXT, PLACE(sandbox_probe), 0, 0},
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

#define RAW_MAX        (1u << 20)
#define LINE_MAX_BYTES 198 /* inih's buffer holds 200, with line end and NUL */

struct parse {
    struct config *config;
    FILE *file;
    const char *name;
    char *text;
    int line;
    int failed_line; /* where text was written; 0: nowhere */
    bool seen[KEY_COUNT];
    char card_section[64]; /* NAME of the one [card NAME]; empty: none yet */
};

static int parse_fail(struct parse *parse, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Keeps the first sentence; returns 0, which is how a handler tells inih that it failed. */
static int parse_fail(struct parse *parse, const char *format, ...)
{
    if (parse->failed_line) {
        return 0;
    }
    parse->failed_line = parse->line;
    int used = snprintf(parse->text, CONFIG_TEXT, "%.200s:%d: ", parse->name, parse->line);
    va_list args;
    va_start(args, format);
    vsnprintf(parse->text + used, CONFIG_TEXT - (size_t)used, format, args);
    va_end(args);
    return 0;
}

static bool section_known(const char *section)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].section, section) == 0) {
            return true;
        }
    }
    return false;
}

/* A [card NAME] heading: its name is also the driver, unless a driver is written below it. */
static void card_heading(struct parse *parse, const char *name)
{
    if (!*name || strlen(name) >= sizeof(parse->card_section) ||
        name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_")]) {
        parse_fail(parse, "\"%.40s\" cannot be a card's name; write [card NAME] with a-z 0-9 - _ in NAME", name);
        return;
    }
    if (*parse->card_section && strcmp(parse->card_section, name) != 0) {
        parse_fail(parse, "a second card (%.40s after %.40s); one card is served, remove the other section", name,
                   parse->card_section);
        return;
    }
    if (!*parse->card_section) {
        snprintf(parse->card_section, sizeof(parse->card_section), "%s", name);
    }
}

static void heading_check(struct parse *parse, const char *line)
{
    char section[LINE_MAX_BYTES + 1];
    size_t len = strcspn(line + 1, "]");
    if (len >= sizeof(section) || line[1 + len] != ']') {
        return; /* inih reports it */
    }
    memcpy(section, line + 1, len);
    section[len] = 0;
    const char *rest = line + 1 + len + 1;
    rest += strspn(rest, " \t\r\n");
    if (*rest && *rest != ';' && *rest != '#') {
        parse_fail(parse, "text after [%.60s]; put it on a line of its own", section);
    } else if (strncmp(section, "card ", 5) == 0) {
        card_heading(parse, section + 5 + strspn(section + 5, " \t"));
    } else if (strcmp(section, "card") == 0) {
        parse_fail(parse, "a card needs a name; write [card soft]");
    } else if (!section_known(section)) {
        parse_fail(parse, "unknown section [%.60s]; known are [daemon], [card NAME], [broker], [audit], [test]",
                   section);
    }
}

/* inih's reader: one line, counted. NULL ends the parsing. */
static char *line_read(char *buffer, int size, void *stream)
{
    struct parse *parse = stream;
    int used = 0, c = EOF;
    if (parse->failed_line || size <= LINE_MAX_BYTES + 1) {
        return NULL;
    }
    parse->line++;
    while ((c = fgetc(parse->file)) != EOF && c != '\n') {
        if (used == LINE_MAX_BYTES) {
            parse_fail(parse, "line longer than %d characters; shorten it", LINE_MAX_BYTES);
            return NULL;
        }
        if (c == 0) {
            parse_fail(parse, "a NUL byte; this is not a text file");
            return NULL;
        }
        buffer[used++] = (char)c;
    }
    if (c == EOF && used == 0) {
        return NULL;
    }
    buffer[used++] = '\n';
    buffer[used] = 0;
    const char *line = buffer;
    if (parse->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
    }
    line += strspn(line, " \t");
    if (*line == '[') {
        heading_check(parse, line);
    }
    return parse->failed_line ? NULL : buffer;
}

static int text_set(struct parse *parse, const char **place, const char *value)
{
    char *copy = strdup(value);
    if (!copy) {
        return parse_fail(parse, "out of memory");
    }
    free((char *)*place);
    *place = copy;
    return 1;
}

static int number_set(struct parse *parse, const struct key *key, uint32_t *place, const char *value)
{
    size_t digits = strspn(value, "0123456789");
    unsigned long number = digits && digits < 10 ? strtoul(value, NULL, 10) : 0;
    if (!digits || digits >= 10 || value[digits] || number < key->min || number > key->max) {
        return parse_fail(parse, "%s = %.40s; write a whole number from %u to %u", key->name, value, key->min,
                          key->max);
    }
    *place = (uint32_t)number;
    return 1;
}

static int wait_set(struct parse *parse, enum wait_mode *place, const char *value)
{
    static const char *const modes[] = {[WAIT_ADAPTIVE] = "adaptive", [WAIT_SLEEP] = "sleep", [WAIT_POLL] = "poll"};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(value, modes[i]) == 0) {
            *place = (enum wait_mode)i;
            return 1;
        }
    }
    return parse_fail(parse, "wait = %.40s; write adaptive, sleep or poll", value);
}

static int roles_set(struct parse *parse, uint32_t *place, const char *value)
{
    if (role_parse(value, place)) {
        return 1;
    }
    return parse_fail(parse, "root-roles = %.60s; write all, none, or a list of operator, security-officer, auditor",
                      value);
}

static int switch_set(struct parse *parse, const struct key *key, bool *place, const char *value)
{
    *place = strcmp(value, "on") == 0;
    return *place || strcmp(value, "off") == 0 ? 1 : parse_fail(parse, "%s = %.40s; write on or off", key->name, value);
}

static int kind_set(struct parse *parse, bool *place, const char *value)
{
    *place = strcmp(value, "kek") == 0;
    return *place || strcmp(value, "key-pair") == 0
               ? 1
               : parse_fail(parse, "master-key-kind = %.40s; write key-pair or kek", value);
}

static int key_set(struct parse *parse, const struct key *key, const char *value)
{
    void *place = (char *)&parse->config->daemon + key->offset;
    switch (key->type) {
    case KEY_TEXT:
        return *value ? text_set(parse, place, value) : parse_fail(parse, "%s has no value; give one", key->name);
    case KEY_PATH:
        if (*value != '/') {
            return parse_fail(parse, "%s = %.80s; write a path that starts with /", key->name, value);
        }
        return text_set(parse, place, value);
    case KEY_NUMBER:
        return number_set(parse, key, place, value);
    case KEY_WAIT:
        return wait_set(parse, place, value);
    case KEY_ROLES:
        return roles_set(parse, place, value);
    case KEY_SWITCH:
        return switch_set(parse, key, place, value);
    case KEY_KIND:
        return kind_set(parse, place, value);
    }
    return 0;
}

/* inih's handler: one key. */
static int key_read(void *user, const char *section, const char *name, const char *value)
{
    struct parse *parse = user;
    if (parse->failed_line) {
        return 0;
    }
    if (!*section) {
        return parse_fail(
            parse, "%.40s stands before any section; put it below [daemon], [card NAME], [broker] or [audit]", name);
    }
    if (strncmp(section, "card ", 5) == 0) {
        section = "card";
    }
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].section, section) != 0 || strcmp(keys[i].name, name) != 0) {
            continue;
        }
        if (parse->seen[i]) {
            return parse_fail(parse, "%s is given twice (or its value goes on in a second line); keep one line", name);
        }
        parse->seen[i] = true;
        return key_set(parse, &keys[i], value);
    }
    char known[320] = "";
    for (size_t i = 0, used = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].section, section) == 0 && used < sizeof(known)) {
            used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", keys[i].name);
        }
    }
    return parse_fail(parse, "unknown key %.40s in [%.40s]; known are %s", name, section, known);
}

static int defaults_set(struct config *config)
{
    static const struct {
        size_t offset;
        const char *value;
    } texts[] = {
        {PLACE(state_dir), "/var/lib/cardmux"},
        {PLACE(run_dir), "/run/cardmux"},
        {PLACE(user), CONFIG_DEFAULT_USER},
        {PLACE(group), CONFIG_DEFAULT_GROUP},
        {PLACE(security_group), "cardmux-so"},
        {PLACE(audit_group), "cardmux-audit"},
        {PLACE(card), "soft"},
    };
    memset(config, 0, sizeof(*config));
    struct daemon_config *daemon = &config->daemon;
    daemon->root_roles = ROLE_ANY;
    daemon->wait = WAIT_ADAPTIVE;
    daemon->deadline_ms = 30000;
    daemon->workers = 2;
    daemon->code_attempts = 10;
    daemon->master_index = 1;
    daemon->keys_loaded = 4096;
    daemon->self_test_s = 3600;
    daemon->audit_segment_kib = 4096;
    daemon->audit_checkpoint_s = 3600;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char **place = (const char **)((char *)daemon + texts[i].offset);
        *place = strdup(texts[i].value);
        if (!*place) {
            return -1;
        }
    }
    return 0;
}

/* Defaults that follow from other values. */
static int defaults_finish(struct config *config)
{
    struct daemon_config *daemon = &config->daemon;
    char *path = NULL;
    if (!daemon->master_key) {
        if (asprintf(&path, "%s/master.key", daemon->state_dir) < 0) {
            return -1;
        }
        daemon->master_key = path;
    }
    return 0;
}

static bool key_seen(const struct parse *parse, size_t offset)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].offset == offset) {
            return parse->seen[i];
        }
    }
    return false;
}

static int parse_finish(struct parse *parse, int result)
{
    struct config *config = parse->config;
    if (parse->failed_line) {
        return -1;
    }
    if (result != 0) {
        parse->line = result > 0 ? result : parse->line;
        parse_fail(parse, "not understood; write [section], key = value, or a comment after #");
        return -1;
    }
    if (ferror(parse->file)) {
        snprintf(parse->text, CONFIG_TEXT, "%.200s: cannot be read: %s", parse->name, strerror(errno));
        return -1;
    }
    if (*parse->card_section && !key_seen(parse, PLACE(card)) &&
        !text_set(parse, &config->daemon.card, parse->card_section)) {
        return -1;
    }
    config->user_written = key_seen(parse, PLACE(user));
    config->group_written = key_seen(parse, PLACE(group));
    config->security_group_written = key_seen(parse, PLACE(security_group));
    config->audit_group_written = key_seen(parse, PLACE(audit_group));
    return 0;
}

int config_read(struct config *config, FILE *file, const char *name, char *text)
{
    struct parse parse = {.config = config, .file = file, .name = name, .text = text};
    text[0] = 0;
    if (defaults_set(config)) {
        snprintf(text, CONFIG_TEXT, "%.200s: out of memory", name);
        return -1;
    }
    if (file && parse_finish(&parse, ini_parse_stream(line_read, &parse, key_read, &parse))) {
        return -1;
    }
    if (defaults_finish(config)) {
        snprintf(text, CONFIG_TEXT, "%.200s: out of memory", name);
        return -1;
    }
    return 0;
}

static void raw_read(struct config *config, FILE *file)
{
    config->raw = malloc(RAW_MAX);
    if (config->raw && fseek(file, 0, SEEK_SET) == 0) {
        config->raw_len = fread(config->raw, 1, RAW_MAX, file);
        return;
    }
    free(config->raw);
    config->raw = NULL;
}

int config_load(struct config *config, const char *path, char *text)
{
    const char *name = path ? path : CONFIG_DEFAULT_FILE;
    FILE *file = fopen(name, "re");
    if (!file && (path || errno != ENOENT)) {
        snprintf(text, CONFIG_TEXT, "%.200s: cannot be opened: %s; name another file with --config", name,
                 strerror(errno));
        memset(config, 0, sizeof(*config));
        return -1;
    }
    int result = config_read(config, file, name, text);
    if (file) {
        raw_read(config, file);
        fclose(file);
    }
    return result;
}

void config_free(struct config *config)
{
    struct daemon_config *daemon = &config->daemon;
    const char **const texts[] = {&daemon->state_dir,       &daemon->run_dir,     &daemon->user,
                                  &daemon->group,           &daemon->master_key,  &daemon->card,
                                  &daemon->card_library,    &daemon->card_fault,  &daemon->sandbox_probe,
                                  &daemon->security_group,  &daemon->audit_group, &daemon->digest,
                                  &daemon->passphrase_file, &daemon->master_card, &daemon->master_code_file};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        free((char *)*texts[i]);
        *texts[i] = NULL;
    }
    free(config->raw);
    config->raw = NULL;
}
