/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unix.c: the way to a daemon on the same kernel: containers and native processes. The connection is the claim: the
 * server gives each connection a region of its own with one queue pair. It sends one message, struct cm_hello with
 * three descriptors (region, eventfd that rings the broker, eventfd that rings us), or a status and no descriptors;
 * nothing else is ever sent in either direction.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "frontend/reach/channel.h"
#include "frontend/reach/conf.h"

static uint32_t check_hello(const struct cm_hello *hello, ssize_t got, int error, int fds, char *text)
{
    if (got < 0)
        return reach_fail(text, SDR_COMMFAIL, "no word from the daemon: %s", strerror(error));
    if (got == 0)
        return reach_fail(text, SDR_COMMFAIL, "the daemon closed the connection at once");
    if (got != (ssize_t)sizeof *hello || hello->magic != CM_MAGIC)
        return reach_fail(text, SDR_COMMFAIL, "whoever listens there is not cardmuxd");
    if (hello->version != CM_LAYOUT_VERSION)
        return reach_fail(text, SDR_COMMFAIL, "the daemon speaks version %u, this library %u", hello->version,
                          CM_LAYOUT_VERSION);
    if (hello->status != SDR_OK) /* its own sentence, cut at whatever is not printable */
    {
        char said[sizeof hello->text + 1] = "";
        for (size_t i = 0; i < sizeof hello->text && hello->text[i] >= ' ' && hello->text[i] <= '~'; i++)
            said[i] = hello->text[i];
        return reach_fail(text, hello->status, "the daemon refuses: %s", said);
    }
    if (fds != 3 || hello->qp_count != 1)
        return reach_fail(text, SDR_COMMFAIL, "the daemon sent %d descriptors and %u queue pairs", fds,
                          hello->qp_count);
    return SDR_OK;
}

static uint32_t take_hello(struct channel *channel, char *text)
{
    struct cm_hello hello = {0};
    int fds[CHANNEL_FDS], n = 0;
    uint64_t size;
    ssize_t got = channel_receive(channel->socket, &hello, sizeof hello, fds, &n);
    uint32_t code = check_hello(&hello, got, errno, n, text);
    if (code != SDR_OK) {
        while (n > 0)
            close(fds[--n]);
        return code;
    }
    channel->region = fds[0]; /* from here on closed with the channel */
    channel->ring = fds[1];
    channel->wake = fds[2];
    code = channel_check_region(channel->region, hello.region_size, &size, text);
    if (code == SDR_OK)
        code = region_map_header(&channel->reach, channel->region, size, 0, true, NULL, text);
    return code == SDR_OK ? region_map_qp(&channel->reach, channel->region, 0, 0, text) : code;
}

static uint32_t unix_open(const char *where, unsigned limit_ms, struct reach **out, char *text)
{
    char path[CONF_VALUE];
    uint32_t code = where ? SDR_OK : conf_socket(path, text);
    return code == SDR_OK ? channel_open(&reach_unix, where ? where : path, limit_ms, take_hello, out, text) : code;
}

const struct reach_driver reach_unix = {
    .name = "unix",
    .open = unix_open,
    .close = channel_close,
    .forget = channel_close,
    .ring = channel_ring,
    .wait = channel_wait,
    .kick = channel_kick,
    .alive = channel_alive,
};
