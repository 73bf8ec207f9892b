/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.h: one way from a front end to the host. A reach gives the client one queue pair in mapped memory, a means to
 * ring and a means to be woken; it knows nothing of rings' contents, calls or SDF. One folder per way.
 *
 * Claim: a reach hands out a queue pair that nobody else has. unix: the connection is the claim. ivshmem: the open file
 * of the kernel module, else an OFD lock. The claim must end with the process, and not be inherited over fork (the
 * child closes `forget`). The client itself then does the epoch handshake of layout.h (epoch_wanted, ring, wait for
 * epoch). Threads: open and close by one thread; ring, wait and alive by any.
 */
#ifndef CARDMUX_REACH_H
#define CARDMUX_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/shm.h"

#define REACH_TEXT 256

struct reach;

struct reach_driver {
    const char *name; /* as in CARDMUX_REACH: unix, ivshmem-module, ivshmem-vfio, ivshmem-poll, ivshmem-peer, vsock,
                         stream */
    /* where: socket path, device, PCI address; NULL: the usual places. limit_ms: for a word of who listens there.
     * SDR_OK, or SDR_OPENDEVICE/SDR_COMMFAIL/SDR_NOBUFFER and a sentence in text[REACH_TEXT]. */
    uint32_t (*open)(const char *where, unsigned limit_ms, struct reach **reach, char *text);
    /* Ends the claim. */
    void (*close)(struct reach *reach);
    /* In a forked child: closes descriptors and unmaps without touching shared memory or ending the parent's claim. */
    void (*forget)(struct reach *reach);
    /* Rings the broker. */
    void (*ring)(struct reach *reach);
    /* Blocks until rung or timeout_ms passed (a spurious return is fine). A reach without interrupts sleeps for a short
     * time (<= 1 ms). */
    void (*wait)(struct reach *reach, int timeout_ms);
    /* Makes another thread's wait return. */
    void (*kick)(struct reach *reach);
    /* False: the other side is gone for good (keeper dead, device unplugged): the client opens anew. Cheap enough for
     * each 100 ms. */
    bool (*alive)(struct reach *reach);
    /* Puts what has come into the completion ring; NULL where the host writes there itself. Called without having slept
     * by whoever takes completions next, or looks at the generation. */
    void (*look)(struct reach *reach);
};

/* First member of each driver's own struct. */
struct reach {
    const struct reach_driver *driver;
    struct shm_span header; /* at least sizeof(struct cm_header); may be read-only */
    struct shm_span qp;     /* CM_QP_SIZE bytes */
    bool interrupts;        /* false: wait only sleeps */
};

extern const struct reach_driver reach_unix, reach_ivshmem_module, reach_ivshmem_vfio, reach_ivshmem_poll,
    reach_ivshmem_peer, reach_vsock, reach_stream;

#define REACH_WAYS    8
#define REACH_OPEN_MS 5000 /* the first words are sent at once or not at all */

/* The ways that a process may take, and how far it has come with trying them. */
struct reach_choice {
    const struct reach_driver *ways[REACH_WAYS]; /* in order */
    size_t n, next;
    bool named;      /* else these are the usual ones */
    bool sole;       /* somebody named one way: no other takes its place, now or later */
    const char *why; /* who decided, for humans */
    uint32_t code;   /* of an open that fails: the first failure that is more than "not there" */
    char said[REACH_TEXT];
};

/* Decides which ways to try (docs/design.md, "Ways to the host"). reach: a name, several with commas between, or NULL:
   what environment and client.conf say. "ivshmem" stands for module, vfio, poll in this order. where: a place for a
   single reach, or NULL. again: the process had a way, and it died; it accepts another only as the same tenant. SDR_OK,
   or SDR_OPENDEVICE and a sentence. */
uint32_t reach_choose(struct reach_choice *choice, const char *reach, const char *where, bool again, char *text);

/* Before the first reach_next: this way is tried before the others, if it is one of them. */
void reach_prefer(struct reach_choice *choice, const struct reach_driver *way);

/* The same: this way is not tried, nor another driver of the same device. */
void reach_omit(struct reach_choice *choice, const struct reach_driver *way);

/* Tries the next one; from then on it is ways[next - 1]. If it fails the choice remembers why, and where next < n there
   are more to try; else `code` and `said` tell how all of it went. */
uint32_t reach_next(struct reach_choice *choice, const char *where, unsigned limit_ms, struct reach **out);

/* What was opened is of no use, says the caller (who closes it). */
void reach_refuse(struct reach_choice *choice, uint32_t code, const char *why);

/* Both: opens the best that works. text says what was tried and why it failed. */
uint32_t reach_open(const char *reach, const char *where, struct reach **out, char *text);

#endif
