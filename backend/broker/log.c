/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/broker/broker.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void broker_log(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (n < 0)
        return;
    size_t len = (size_t)n < sizeof line - 1 ? (size_t)n : sizeof line - 2;
    line[len++] = '\n';
    char whole[sizeof line + 16] = "broker: ";
    memcpy(whole + 8, line, len);
    if (write(STDERR_FILENO, whole, len + 8) < 0)
        return; /* nobody to tell */
}
