/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/socket.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct bare_socket {
    int fd;
    pid_t pid;
    size_t size;
    uint8_t *buffer;
};

static bool whole_write(int fd, const uint8_t *buffer, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = write(fd, buffer + at, size - at);
        if (n <= 0 && errno != EINTR)
            return false;
        at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool whole_read(int fd, uint8_t *buffer, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = read(fd, buffer + at, size - at);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

struct bare_socket *bare_socket_open(size_t size)
{
    int pair[2] = {-1, -1};
    struct bare_socket *bare = calloc(1, sizeof(*bare));
    if (!bare)
        return NULL;
    bare->fd = -1;
    bare->size = size;
    bare->buffer = malloc(size);
    if (bare->buffer && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0)
        bare->pid = fork();
    if (pair[0] >= 0 && bare->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setpgid(0, 0);
        close(pair[0]);
        while (whole_read(pair[1], bare->buffer, size) && whole_write(pair[1], bare->buffer, size))
            ;
        _exit(0);
    }
    if (pair[1] >= 0)
        close(pair[1]);
    bare->fd = pair[0];
    if (bare->pid <= 0) {
        bare_socket_close(bare);
        return NULL;
    }
    return bare;
}

void bare_socket_close(struct bare_socket *bare)
{
    if (!bare)
        return;
    if (bare->fd >= 0)
        close(bare->fd); /* its end */
    if (bare->pid > 0)
        waitpid(bare->pid, NULL, 0);
    free(bare->buffer);
    free(bare);
}

void bare_socket_run(struct bare_socket *bare, struct work *work, struct meter *meter)
{
    for (uint64_t n = 0;; n++) {
        memcpy(bare->buffer, work_input(work, n), bare->size);
        uint64_t begin = now_ns();
        if (!whole_write(bare->fd, bare->buffer, bare->size) || !whole_read(bare->fd, bare->buffer, bare->size)) {
            meter->result->errors++;
            return;
        }
        uint64_t end = now_ns();
        meter->ops++;
        if (work_sampled(n))
            work_compare(work, n, bare->buffer);
        meter_latency(meter, end - begin);
        if (!meter_tick(meter, end))
            break;
    }
    meter->result->all_ops = meter->ops;
}
