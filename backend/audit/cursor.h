/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.h: reading and writing the one form of a line. A reader's failure sticks: after it nothing is taken, and the
 * caller looks once, at the end. A writer that runs out of room sticks in the same way.
 */
#ifndef CARDMUX_AUDIT_CURSOR_H
#define CARDMUX_AUDIT_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const char *at, *end;
    bool failed;
};

void take_literal(struct cursor *c, const char *literal);
bool is_literal(const struct cursor *c, const char *literal); /* does it come next? */
uint64_t take_number(struct cursor *c, uint64_t max);
void take_text(struct cursor *c, char *out, size_t max); /* out has room for max + 1 */
void take_hex(struct cursor *c, uint8_t *out, size_t len);

struct writer {
    char *at, *end; /* one byte behind end is free for the NUL */
    bool failed;
};

void put_literal(struct writer *w, const char *literal);
void put_number(struct writer *w, uint64_t number);
void put_text(struct writer *w, const char *text); /* what does not fit a line becomes '?' */
void put_hex(struct writer *w, const uint8_t *bytes, size_t len);

bool audit_char_ok(char c);

#endif
