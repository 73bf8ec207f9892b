/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h: the asynchronous interface to a virtual card: submit many, poll.
 *
 * A client is one queue pair with up to CARDMUX_DEPTH requests in flight. It belongs to one thread at a time and to the
 * process that opened it: in a forked child cardmux_slot_take gives -1, cardmux_slot_data and cardmux_slot_param NULL,
 * cardmux_right_get SDR_INARGERR, cardmux_submit and cardmux_poll 0; cardmux_slot_free does nothing, and cardmux_close
 * frees the child's copy without touching the parent's.
 *
 * No call makes a system call except open, close, a doorbell where the back end sleeps, and waiting. Payload is built
 * in place in a slot, and the result replaces it there, so a request in flight when the back end restarts ends with
 * SDR_COMMFAIL; the next one works. Where the host side itself is gone (daemon stopped, device unplugged) every request
 * in flight ends with SDR_COMMFAIL too, and cardmux_submit takes no more: close the client and open another.
 *
 * A client stays with the way that it opened, other than libsdf: its slots are memory of that way, which the caller may
 * hold at any time. cardmux_open tries the ways in the same order as libsdf, one at which nobody answers among them, so
 * who opens anew goes on over the next one. Nor does a client find out by itself that a daemon has ended behind a
 * device which stays: then nothing comes within cardmux_poll's time, and what is in flight stays so. Give the client up.
 *
 * Errors: SDR_ codes of cardmux/sdf.h. Lengths are bytes.
 */
#ifndef CARDMUX_CLIENT_H
#define CARDMUX_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CARDMUX_API __attribute__((visibility("default")))
#else
#define CARDMUX_API
#endif

#define CARDMUX_DEPTH     64u
#define CARDMUX_DATA_MAX  16384u
#define CARDMUX_PARAM_MAX 512u

struct cardmux_client;

/* Numbers are those of the operation table (docs/design.md lists it); these are the ones worth queueing. */
enum cardmux_op {
    CARDMUX_ECHO = 1,
    CARDMUX_RANDOM = 5,            /* arg: bytes */
    CARDMUX_KEY_GENERATE_EPK = 11, /* param: x || y (64), arg: bits; data: x || y || M || C; value: key handle */
    CARDMUX_KEY_DESTROY = 15,
    CARDMUX_VERIFY_EXTERNAL = 16, /* param: x || y || e || r || s (160) */
    CARDMUX_SIGN = 17,            /* key: index; param: e (32); param out: r || s (64) */
    CARDMUX_VERIFY = 18,          /* key: index; param: e || r || s (96) */
    CARDMUX_ENCRYPT = 22,         /* key: handle; alg; iv; data */
    CARDMUX_DECRYPT = 23,
    CARDMUX_MAC = 24,
    CARDMUX_HASH = 28, /* alg; data; param out: digest */
};

enum cardmux_wait {
    CARDMUX_WAIT_ADAPTIVE = 0,
    CARDMUX_WAIT_SLEEP,
    CARDMUX_WAIT_POLL,
};

struct cardmux_options {
    size_t size;       /* sizeof(struct cardmux_options) */
    const char *reach; /* "unix", "ivshmem", ...: that one or failure; several with commas; NULL: the best that works */
    const char *where; /* socket or device; NULL: searched for as libsdf(3) says */
    enum cardmux_wait wait;
};

struct cardmux_request {
    uint16_t op; /* enum cardmux_op */
    uint16_t slot;
    uint16_t param_len;
    uint32_t data_len;
    uint32_t key;
    uint32_t alg;
    uint32_t arg;
    uint8_t iv[16];
    uint64_t user; /* comes back in the completion */
};

struct cardmux_completion {
    uint64_t user;
    uint32_t status; /* SDR_ */
    uint32_t value;
    uint32_t data_len;
    uint16_t param_len;
    uint16_t slot; /* the result lies here until cardmux_slot_free */
    uint8_t iv[16];
};

struct cardmux_stats {
    uint64_t submitted, completed;
    uint64_t doorbells; /* times this side rang the back end */
    uint64_t sleeps;    /* times it blocked */
};

/* options may be NULL. On failure *client is NULL and text, if not NULL, gets a sentence (at most text_size bytes with
 * the NUL). */
CARDMUX_API uint32_t cardmux_open(const struct cardmux_options *options, struct cardmux_client **client, char *text,
                                  size_t text_size);
CARDMUX_API void cardmux_close(struct cardmux_client *client);              /* NULL is allowed */
CARDMUX_API const char *cardmux_reach(const struct cardmux_client *client); /* "unix", "ivshmem-module", ... */

/* A free slot, or -1 where all are in use. */
CARDMUX_API int cardmux_slot_take(struct cardmux_client *client);
CARDMUX_API void cardmux_slot_free(struct cardmux_client *client, int slot);
CARDMUX_API uint8_t *cardmux_slot_data(struct cardmux_client *client, int slot);  /* CARDMUX_DATA_MAX bytes */
CARDMUX_API uint8_t *cardmux_slot_param(struct cardmux_client *client, int slot); /* CARDMUX_PARAM_MAX bytes */

/* Private-key right of the client's own session (blocks). code may be NULL with length 0. */
CARDMUX_API uint32_t cardmux_right_get(struct cardmux_client *client, uint32_t index, const uint8_t *code, size_t len);

/* Queues n requests; returns how many were taken. The slot is the back end's until its completion was polled. */
CARDMUX_API size_t cardmux_submit(struct cardmux_client *client, const struct cardmux_request *requests, size_t n);

/* Takes up to max completions. With none there, waits for up to timeout_ms (0: does not wait) for at least `want` of
   them to be there (1 <= want <= max; more of them per wake-up cost less). Returns their number. */
CARDMUX_API size_t cardmux_poll(struct cardmux_client *client, struct cardmux_completion *out, size_t max, size_t want,
                                int timeout_ms);

CARDMUX_API void cardmux_stats(const struct cardmux_client *client, struct cardmux_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
