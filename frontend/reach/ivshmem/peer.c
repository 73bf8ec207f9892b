/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.c: a native process in QEMU's place on a tenant's ivshmem socket. The bench and the wire tests drive the very
 * path of a VM with it, without an emulated processor in between. The server's words are 8 bytes, little-endian, some
 * with a descriptor: 0 (version of the protocol); our id; -1 with the region's memfd; then an id with an eventfd for
 * each vector of each peer, in vector order, the host's peer first and ours last. Vector = queue pair in both
 * directions: to ring is to write the host's eventfd of our vector.
 *
 * A server's memfd comes with the server's open file description, on which OFD locks of several processes would be one
 * owner's; so the lock is taken on a description of our own, opened through /proc.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "frontend/reach/channel.h"

#define PEER_MESSAGES 1024 /* more than 256 vectors of two peers, and the head */

/* One word; *fd is -1 where it came with none. */
static uint32_t take_word(struct channel *channel, int64_t *word, int *fd, char *text)
{
    int fds[CHANNEL_FDS], n = 0;
    uint64_t raw = 0;
    ssize_t got = channel_receive(channel->socket, &raw, sizeof raw, fds, &n);
    if (got != (ssize_t)sizeof raw || n > 1) {
        uint32_t code = reach_fail(text, SDR_COMMFAIL, "ivshmem server: %s",
                                   got < 0    ? strerror(errno)
                                   : got == 0 ? "closed the connection"
                                              : "a message of wrong form");
        while (n > 0)
            close(fds[--n]);
        return code;
    }
    *word = (int64_t)le64toh(raw);
    *fd = n ? fds[0] : -1;
    return SDR_OK;
}

/* Version, our id, the region. */
static uint32_t take_head(struct channel *channel, int64_t *id, char *text)
{
    const char *wrong = "ivshmem server: handshake out of order";
    int64_t word = 0;
    int fd = -1;
    uint32_t code = take_word(channel, &word, &fd, text);
    if (code == SDR_OK && (fd >= 0 || word != 0))
        code = reach_fail(text, SDR_COMMFAIL, "%s", wrong);
    if (code == SDR_OK)
        code = take_word(channel, id, &fd, text);
    if (code == SDR_OK && (fd >= 0 || *id < 0 || *id > 65535 || *id == (int64_t)CM_IVSHMEM_HOST))
        code = reach_fail(text, SDR_COMMFAIL, "%s", wrong);
    if (code == SDR_OK) {
        code = take_word(channel, &word, &fd, text);
        channel->region = fd;
        if (code == SDR_OK && (fd < 0 || word != -1))
            return reach_fail(text, SDR_COMMFAIL, "%s", wrong);
        return code;
    }
    if (fd >= 0)
        close(fd);
    return code;
}

/* Maps the first free queue pair; its number, or -1 with *code. */
static int claim(struct channel *channel, uint32_t *code, char *text)
{
    char path[64];
    uint64_t size;
    uint32_t qp_count = 0;
    *code = channel_check_region(channel->region, 0, &size, text);
    if (*code != SDR_OK)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", channel->region);
    int own = reach_descriptor(open(path, O_RDWR | O_CLOEXEC));
    if (own < 0) {
        *code = reach_fail(text, SDR_OPENDEVICE, "ivshmem region: cannot open it anew: %s", strerror(errno));
        return -1;
    }
    close(channel->region);
    channel->region = own;
    *code = region_map_header(&channel->reach, own, size, 0, true, &qp_count, text);
    if (*code != SDR_OK)
        return -1;
    int q = region_claim(own, qp_count);
    if (q < 0)
        *code = reach_fail(text, SDR_NOBUFFER, "ivshmem region: none of %u queue pairs is free", qp_count);
    else
        *code = region_map_qp(&channel->reach, own, 0, (uint32_t)q, text);
    return *code == SDR_OK ? q : -1;
}

/* Reads eventfds until ours of vector q has come, and keeps the two that matter. */
static uint32_t take_vectors(struct channel *channel, int64_t id, int q, char *text)
{
    int host = 0, own = 0, fd = -1;
    int64_t word = 0;
    for (int n = 0; n < PEER_MESSAGES && channel->wake < 0; n++) {
        uint32_t code = take_word(channel, &word, &fd, text);
        if (code != SDR_OK)
            return code;
        if (fd < 0)
            continue; /* a peer that left */
        if (word == (int64_t)CM_IVSHMEM_HOST && host++ == q)
            channel->ring = fd;
        else if (word == id && own++ == q)
            channel->wake = fd;
        else
            close(fd);
    }
    if (channel->ring < 0 || channel->wake < 0)
        return reach_fail(text, SDR_COMMFAIL, "ivshmem server: no vector %d", q);
    return SDR_OK;
}

static uint32_t take_handshake(struct channel *channel, char *text)
{
    int64_t id = -1;
    uint32_t code = take_head(channel, &id, text);
    int q = code == SDR_OK ? claim(channel, &code, text) : -1;
    return code == SDR_OK ? take_vectors(channel, id, q, text) : code;
}

static uint32_t peer_open(const char *where, unsigned limit_ms, struct reach **out, char *text)
{
    if (!where)
        where = secure_getenv("CARDMUX_SOCKET");
    if (!where)
        return reach_fail(text, SDR_OPENDEVICE, "name the ivshmem server's socket in CARDMUX_SOCKET");
    return channel_open(&reach_ivshmem_peer, where, limit_ms, take_handshake, out, text);
}

const struct reach_driver reach_ivshmem_peer = {
    .name = "ivshmem-peer",
    .open = peer_open,
    .close = channel_close,
    .forget = channel_close,
    .ring = channel_ring,
    .wait = channel_wait,
    .kick = channel_kick,
    .alive = channel_alive,
};
