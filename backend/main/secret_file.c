/* SPDX-License-Identifier: Apache-2.0 */
/* secret_file.c: see secret_file.h */
#include "backend/main/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t secret_fd_read(int fd, bool line, uint8_t *out, size_t most)
{
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, out + len, most + 1 - len)) > 0 || (n < 0 && errno == EINTR)) {
        len += n > 0 ? (size_t)n : 0;
        if (len > most) {
            errno = EFBIG;
            return -1;
        }
        if (line && len && out[len - 1] == '\n') {
            break;
        }
    }
    if (len && out[len - 1] == '\n') {
        len--;
    }
    return n < 0 ? -1 : (ssize_t)len;
}

ssize_t secret_file_read(const char *path, const char *what, uint8_t *out, size_t most, char *text)
{
    struct stat is;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &is)) {
        int saved = errno;
        if (fd >= 0) {
            close(fd);
        }
        snprintf(text, SECRET_FILE_TEXT, "the %s cannot be read from %.200s: %s", what, path, strerror(saved));
        return -1;
    }
    ssize_t len = -1;
    if (is.st_mode & 077) {
        snprintf(text, SECRET_FILE_TEXT, "the %s's file %.200s can be read by others: chmod 600 it", what, path);
    } else if ((len = secret_fd_read(fd, false, out, most)) < 0) {
        snprintf(text, SECRET_FILE_TEXT, "the %s cannot be read from %.200s: %s", what, path, strerror(errno));
    }
    close(fd);
    return len;
}

int master_place_find(const struct daemon_config *daemon, struct master_place *place, char *text)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY"), *file = daemon->master_code_file;
    uint8_t code[CARD_SEAL_CODE + 1];
    char path[PATH_MAX];
    *place = (struct master_place){.library = daemon->master_card,
                                   .kind = daemon->master_kek ? CARD_SEAL_KEK : CARD_SEAL_PAIR,
                                   .index = daemon->master_index};
    if (!file && credentials && snprintf(path, sizeof(path), "%s/cardmux-card-code", credentials) < (int)sizeof(path) &&
        access(path, R_OK) == 0) {
        file = path;
    }
    if (!file) {
        return 0;
    }
    ssize_t len = secret_file_read(file, "access code", code, CARD_SEAL_CODE, text);
    if (len == 0) {
        snprintf(text, SECRET_FILE_TEXT, "the access code's file %.200s is empty: leave it out where there is no code",
                 file);
        len = -1;
    }
    if (len > 0) {
        memcpy(place->code, code, (size_t)len);
        place->code_len = (uint32_t)len;
    }
    explicit_bzero(code, sizeof(code));
    return len < 0 ? -1 : 0;
}
