/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/hostile.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One request, one connection: HTTP as far as needed here. */
const char *manage(const struct daemon *daemon, const char *method, const char *path, const char *body)
{
    static char answer[65536];
    char request[1024], socket_path[160];
    size_t got = 0;
    snprintf(socket_path, sizeof socket_path, "%s/admin.sock", daemon->run);
    int fd = raw_dial(socket_path);
    int n = snprintf(request, sizeof request,
                     "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n"
                     "Content-Type: application/json\r\n\r\n%s",
                     method, path, strlen(body), body);
    if (fd < 0 || write(fd, request, (size_t)n) != n) {
        perror("management");
        exit(2);
    }
    for (ssize_t part; got < sizeof answer - 1 && (part = read(fd, answer + got, sizeof answer - 1 - got)) > 0;)
        got += (size_t)part;
    close(fd);
    answer[got] = '\0';
    char *content = strstr(answer, "\r\n\r\n");
    if (strncmp(answer, "HTTP/1.1 2", 10) != 0 || !content) {
        fprintf(stderr, "management: %s %s: %.300s\n", method, path, answer);
        exit(2);
    }
    return content + 4;
}

uint64_t number_in(const char *body, const char *name)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    const char *at = strstr(body, quoted);
    return at ? strtoull(at + strlen(quoted) + strspn(at + strlen(quoted), ": "), NULL, 10) : UINT64_MAX;
}

unsigned process_fds(pid_t pid)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

uint64_t process_anon_kib(pid_t pid)
{
    char path[64], line[256];
    unsigned long long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %llu", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib;
}
