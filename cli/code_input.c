/* SPDX-License-Identifier: Apache-2.0 */
/* see code_input.h */
#include "cli/code_input.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* read() and not stdio, whose buffer nobody would wipe. */
static bool read_all(const struct cli *cli, int fd, const char *name, bool one_line, char *code)
{
    char buffer[CODE_INPUT_MAX + 2]; /* the code, a newline, and one to see that it is too long */
    size_t len = 0;
    ssize_t n = 1;
    while (len < sizeof buffer && (n = read(fd, buffer + len, sizeof buffer - len)) > 0) {
        len += (size_t)n;
        if (one_line && buffer[len - 1] == '\n')
            break;
    }
    int error = errno;
    if (len && buffer[len - 1] == '\n')
        len--;
    bool ok = n >= 0 && len >= 1 && len <= CODE_INPUT_MAX && !memchr(buffer, 0, len);
    if (ok) {
        memcpy(code, buffer, len);
        code[len] = 0;
    } else if (n < 0)
        cli_say(cli, "cannot read %s: %s", name, strerror(error));
    else
        cli_say(cli, "%s must hold 1 to %u bytes of UTF-8", name, CODE_INPUT_MAX);
    explicit_bzero(buffer, sizeof buffer);
    return ok;
}

bool secret_random(void *bytes, size_t len)
{
    return getrandom(bytes, len, 0) == (ssize_t)len;
}

static bool ask(const struct cli *cli, const char *prompt, char *code)
{
    struct termios old, quiet;
    if (tcgetattr(STDIN_FILENO, &old) < 0) {
        cli_say(cli, "cannot switch the terminal's echo off: %s", strerror(errno));
        return false;
    }
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(stderr, "%s: ", prompt);
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0) {
        cli_say(cli, "cannot switch the terminal's echo off: %s", strerror(errno));
        return false;
    }
    bool ok = read_all(cli, STDIN_FILENO, "the terminal", true, code);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    fputc('\n', stderr);
    return ok;
}

static bool ask_twice(const struct cli *cli, const char *prompt, char *code)
{
    char again[CODE_INPUT_MAX + 1];
    bool ok = ask(cli, prompt, code) && ask(cli, "Once more", again);
    if (ok && strcmp(code, again) != 0) {
        cli_say(cli, "the two are not the same");
        ok = false;
    }
    explicit_bzero(again, sizeof again);
    return ok;
}

bool code_read(const struct cli *cli, const char *file, char *code)
{
    return secret_read(cli, "Access code", file, true, code);
}

bool secret_read(const struct cli *cli, const char *prompt, const char *file, bool twice, char *code)
{
    struct stat st;
    if (strcmp(file, "-") == 0) {
        if (!isatty(STDIN_FILENO))
            return read_all(cli, STDIN_FILENO, "standard input", false, code);
        return twice ? ask_twice(cli, prompt, code) : ask(cli, prompt, code);
    }
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        cli_say(cli, "cannot open %s: %s", file, strerror(errno));
        return false;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077))
        cli_say(cli, "warning: %s can be read by others: chmod 600", file);
    bool ok = read_all(cli, fd, file, false, code);
    close(fd);
    return ok;
}
