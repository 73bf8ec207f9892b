/* SPDX-License-Identifier: Apache-2.0 */
/* say.c: see say.h. */
#include "backend/transport/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void say(const char *format, ...)
{
    char line[1024];
    int used = snprintf(line, sizeof(line), "cardmuxd: ");
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, args);
    va_end(args);
    if (more < 0) {
        return;
    }
    used += more;
    if (used > (int)sizeof(line) - 2) {
        used = (int)sizeof(line) - 2;
    }
    line[used++] = '\n';
    /* one write: lines of several processes do not mix; nothing can be done where it fails */
    if (write(STDERR_FILENO, line, (size_t)used) < 0) {
        return;
    }
}

uint64_t keeper_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}

bool say_allowed(struct say_limit *limit)
{
    uint64_t now = keeper_clock_ms();
    if (now < limit->next_ms) {
        return false;
    }
    limit->next_ms = now + SAY_EVERY_MS;
    return true;
}
