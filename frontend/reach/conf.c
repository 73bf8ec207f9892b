/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "frontend/reach/conf.h"
#include "frontend/reach/region.h"

static size_t trim(const char **at, size_t len)
{
    while (len && (**at == ' ' || **at == '\t'))
        (*at)++, len--;
    while (len && ((*at)[len - 1] == ' ' || (*at)[len - 1] == '\t' || (*at)[len - 1] == '\r'))
        len--;
    return len;
}

static const char *parse_line(const char *at, size_t len, struct conf *conf)
{
    len = trim(&at, len);
    if (len == 0 || *at == '#')
        return NULL;
    const char *equals = memchr(at, '=', len);
    if (!equals)
        return "expected word = value";
    const char *value = equals + 1;
    size_t value_len = trim(&value, len - (size_t)(value - at));
    size_t word_len = trim(&at, (size_t)(equals - at));
    char *into;
    if (word_len == 6 && !memcmp(at, "socket", 6))
        into = conf->socket;
    else if (word_len == 5 && !memcmp(at, "reach", 5))
        into = conf->reach;
    else if (word_len == 5 && !memcmp(at, "vsock", 5))
        into = conf->vsock;
    else if (word_len == 6 && !memcmp(at, "stream", 6))
        into = conf->stream;
    else
        return "unknown word (known: socket, reach, vsock, stream)";
    if (*into)
        return "said twice";
    if (value_len == 0 || value_len >= CONF_VALUE || memchr(value, 0, value_len))
        return "value empty or too long";
    if ((into == conf->socket || into == conf->stream) && *value != '/')
        return "a socket needs a path that begins with /";
    memcpy(into, value, value_len);
    return NULL;
}

const char *conf_parse(const char *bytes, size_t len, struct conf *conf, unsigned *line)
{
    memset(conf, 0, sizeof *conf);
    for (*line = 1; len > 0; (*line)++) {
        const char *end = memchr(bytes, '\n', len);
        size_t part = end ? (size_t)(end - bytes) : len;
        const char *wrong = parse_line(bytes, part, conf);
        if (wrong) {
            memset(conf, 0, sizeof *conf);
            return wrong;
        }
        part += end != NULL;
        bytes += part;
        len -= part;
    }
    return NULL;
}

static uint32_t load_file(struct conf *conf, char *text)
{
    char bytes[CONF_SIZE + 1];
    unsigned line;
    int fd = open(CONF_FILE, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return SDR_OK;
    ssize_t got = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return reach_fail(text, SDR_OPENDEVICE, CONF_FILE ": %s", strerror(error));
    if (got > CONF_SIZE)
        return reach_fail(text, SDR_OPENDEVICE, CONF_FILE ": more than %d bytes", CONF_SIZE);
    const char *wrong = conf_parse(bytes, (size_t)got, conf, &line);
    if (wrong)
        return reach_fail(text, SDR_OPENDEVICE, CONF_FILE ":%u: %s", line, wrong);
    return SDR_OK;
}

static uint32_t take_env(const char *name, char into[CONF_VALUE], char *text)
{
    const char *value = secure_getenv(name);
    if (!value || !*value)
        return SDR_OK;
    if (strlen(value) >= CONF_VALUE)
        return reach_fail(text, SDR_OPENDEVICE, "%s: too long", name);
    memcpy(into, value, strlen(value) + 1);
    return SDR_OK;
}

uint32_t conf_load(struct conf *conf, char *text)
{
    memset(conf, 0, sizeof *conf);
    /* A socket named in the environment is not to be undone by a file that prefers another way, so the file has
       nothing left to say; it may be one that this user cannot read. */
    const char *socket = secure_getenv("CARDMUX_SOCKET");
    uint32_t code = socket && *socket ? SDR_OK : load_file(conf, text);
    if (code != SDR_OK)
        return code;
    code = take_env("CARDMUX_SOCKET", conf->socket, text);
    if (code == SDR_OK)
        code = take_env("CARDMUX_REACH", conf->reach, text);
    if (code == SDR_OK)
        code = take_env("CARDMUX_VSOCK", conf->vsock, text);
    if (code == SDR_OK)
        code = take_env("CARDMUX_STREAM", conf->stream, text);
    return code;
}

uint32_t conf_vsock(char place[CONF_VALUE], char *text)
{
    struct conf conf;
    uint32_t code = conf_load(&conf, text);
    if (code == SDR_OK)
        memcpy(place, conf.vsock, CONF_VALUE);
    return code;
}

static void place(char path[CONF_VALUE], const char *named)
{
    snprintf(path, CONF_VALUE, "%s", named[0] ? named : CONF_SOCKET);
}

uint32_t conf_socket(char path[CONF_VALUE], char *text)
{
    struct conf conf;
    uint32_t code = conf_load(&conf, text);
    if (code == SDR_OK)
        place(path, conf.socket);
    return code;
}

uint32_t conf_stream(char path[CONF_VALUE], char *text)
{
    struct conf conf;
    uint32_t code = conf_load(&conf, text);
    if (code == SDR_OK)
        place(path, conf.stream[0] ? conf.stream : conf.socket);
    return code;
}
