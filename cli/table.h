/* SPDX-License-Identifier: Apache-2.0 */
/* table.h: rows of JSON as a table for people, and JSON as it is for programs. */
#ifndef CARDMUX_CLI_TABLE_H
#define CARDMUX_CLI_TABLE_H

#include <jansson.h>
#include <stddef.h>

struct column {
    const char *title;
    const char *path; /* field of the row, "counters.operations" for one inside */
};

/* A heading line, then a line per row, columns aligned. A missing field prints as "-". */
void table_print(json_t *rows, const struct column *columns, size_t count);
/* The same of one object, a line per column: "title: value". */
void table_print_one(json_t *row, const struct column *columns, size_t count);
void json_print(json_t *json);

#endif
