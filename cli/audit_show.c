/* SPDX-License-Identifier: Apache-2.0 */
/* cardmux audit show: entries as a table, some of them by filter. It shows; whether it is true, verify tells. */
#include "cli/audit.h"
#include "cli/table.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct shown {
    uint64_t seq, of;
    json_t *json;
};

struct show {
    const struct audit_filter *filter;
    struct shown *rows;
    size_t count, room;
    uint64_t strange; /* lines that are none */
    bool no_memory;
};

static bool wanted(const struct audit_filter *filter, const struct audit_line *line)
{
    const struct audit_entry *e = &line->entry;
    char uid[12];
    snprintf(uid, sizeof uid, "%u", e->uid);
    return (!filter->event || strcmp(filter->event, e->event) == 0) &&
           (!filter->tenant || strcmp(filter->tenant, e->tenant) == 0) &&
           (!filter->user ||
            (e->by == AUDIT_BY_USER && (strcmp(filter->user, e->user) == 0 || strcmp(filter->user, uid) == 0))) &&
           line->time >= filter->since && (!filter->until || line->time <= filter->until);
}

static void forget(struct show *show, size_t i)
{
    json_decref(show->rows[i].json);
    memmove(show->rows + i, show->rows + i + 1, (--show->count - i) * sizeof *show->rows);
}

/* An act's beginning is of no interest once its end is there: they stand close together. */
static void begun_forget(struct show *show, uint64_t seq)
{
    for (size_t i = show->count; i-- && show->rows[i].seq >= seq;)
        if (show->rows[i].seq == seq)
            forget(show, i);
}

static void when_text(uint64_t seconds, char text[32])
{
    time_t time = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&time, &parts) || !strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts))
        snprintf(text, 32, "%" PRIu64, seconds);
}

/* The line as it is, and two fields for people: when, and who did it. */
static json_t *row_of(const struct audit_line *line, const char *bytes, size_t len)
{
    const struct audit_entry *e = &line->entry;
    char when[32], who[80];
    json_t *json = json_loadb(bytes, len, 0, NULL);
    when_text(line->time, when);
    if (e->by == AUDIT_BY_USER)
        snprintf(who, sizeof who, "%s%s(%u)", e->user, e->user[0] ? " " : "", e->uid);
    else
        snprintf(who, sizeof who, "%s", audit_by_name(e->by));
    json_object_set_new(json, "when", json_string(when));
    json_object_set_new(json, "who", json_string(who));
    return json;
}

static bool show_line(void *arg, const char *bytes, size_t len)
{
    struct show *show = arg;
    struct audit_line line;
    if (!audit_parse(bytes, len, &line)) {
        show->strange++;
        return true;
    }
    if (line.kind != AUDIT_ENTRY)
        return true;
    if (!show->filter->all && line.entry.of)
        begun_forget(show, line.entry.of);
    if (!wanted(show->filter, &line))
        return true;
    if (show->count == show->room) {
        size_t room = show->room ? 2 * show->room : 256;
        struct shown *grown = realloc(show->rows, room * sizeof *grown);
        if (!grown) {
            show->no_memory = true;
            return false;
        }
        show->rows = grown;
        show->room = room;
    }
    show->rows[show->count++] = (struct shown){line.seq, line.entry.of, row_of(&line, bytes, len)};
    if (show->filter->last && show->count > show->filter->last + 64u) /* some of them may still be forgotten */
        forget(show, 0);
    return true;
}

enum cli_status audit_show(struct audit_source *source, const struct audit_filter *filter)
{
    static const struct column columns[] = {
        {"NUMBER", "seq"},    {"TIME", "when"},     {"EVENT", "event"},   {"BY", "who"},
        {"TENANT", "tenant"}, {"TARGET", "target"}, {"RESULT", "result"}, {"DETAIL", "detail"},
    };
    struct show show = {.filter = filter};
    bool had = audit_lines(source, show_line, &show);
    json_t *rows = json_array();
    size_t from = filter->last && show.count > filter->last ? show.count - filter->last : 0;
    for (size_t i = from; i < show.count; i++)
        json_array_append(rows, show.rows[i].json);
    if (had && !show.no_memory && filter->json) {
        for (size_t i = from; i < show.count; i++) {
            json_object_del(show.rows[i].json, "when");
            json_object_del(show.rows[i].json, "who");
        }
        json_t *all = json_pack("{s:O}", "entries", rows);
        json_print(all);
        json_decref(all);
    } else if (had && !show.no_memory) {
        table_print(rows, columns, sizeof columns / sizeof *columns);
    }
    json_decref(rows);
    for (size_t i = 0; i < show.count; i++)
        json_decref(show.rows[i].json);
    free(show.rows);
    if (show.no_memory)
        cli_say(source->cli, "no memory: ask for fewer entries (--since, --last)");
    if (show.strange)
        cli_say(source->cli, "%" PRIu64 " lines are not lines of an audit log: look with cardmux audit verify",
                show.strange);
    return had && !show.no_memory && !show.strange ? CLI_DONE : CLI_FAILED;
}
