/* SPDX-License-Identifier: Apache-2.0 */
/* see table.h */
#include "cli/table.h"
#include <stdio.h>
#include <string.h>

#define CELL        160
#define COLUMNS_MAX 16

static void cell(json_t *row, const char *path, char text[CELL])
{
    char word[64];
    while (row && *path) {
        size_t len = strcspn(path, ".");
        snprintf(word, sizeof word, "%.*s", (int)len, path);
        row = json_object_get(row, word);
        path += len + (path[len] == '.');
    }
    if (json_is_string(row))
        snprintf(text, CELL, "%s", json_string_value(row));
    else if (json_is_integer(row))
        snprintf(text, CELL, "%" JSON_INTEGER_FORMAT, json_integer_value(row));
    else if (json_is_boolean(row))
        snprintf(text, CELL, "%s", json_is_true(row) ? "yes" : "no");
    else
        snprintf(text, CELL, "-");
}

/* The last column, of width 0, has no blanks after it. */
static void print_cell(const char *text, int width)
{
    printf(width ? "%-*s  " : "%*s", width, text);
}

void table_print(json_t *rows, const struct column *columns, size_t count)
{
    int widths[COLUMNS_MAX] = {0};
    char text[CELL];
    size_t index;
    json_t *row;
    for (size_t c = 0; c < count && c < COLUMNS_MAX; c++) {
        widths[c] = (int)strlen(columns[c].title);
        json_array_foreach(rows, index, row)
        {
            cell(row, columns[c].path, text);
            int len = (int)strlen(text);
            widths[c] = len > widths[c] ? len : widths[c];
        }
    }
    for (size_t c = 0; c < count && c < COLUMNS_MAX; c++)
        print_cell(columns[c].title, c + 1 < count ? widths[c] : 0);
    putchar('\n');
    json_array_foreach(rows, index, row)
    {
        for (size_t c = 0; c < count && c < COLUMNS_MAX; c++) {
            cell(row, columns[c].path, text);
            print_cell(text, c + 1 < count ? widths[c] : 0);
        }
        putchar('\n');
    }
}

void table_print_one(json_t *row, const struct column *columns, size_t count)
{
    char text[CELL];
    int width = 0;
    for (size_t c = 0; c < count; c++)
        width = (int)strlen(columns[c].title) > width ? (int)strlen(columns[c].title) : width;
    for (size_t c = 0; c < count; c++) {
        cell(row, columns[c].path, text);
        printf("%s:%*s %s\n", columns[c].title, width - (int)strlen(columns[c].title), "", text);
    }
}

void json_print(json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
}
