/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h: the stream protocol, for ways to the host without shared memory: vsock, and UNIX stream sockets that carry
 * a guest's vsock.
 *
 *   host -> front end    struct cm_stream_hello, once
 *   either way           frames: a ring's entry (64 bytes: struct cm_sqe to the host, struct cm_cqe back), then
 *                        param_len bytes of parameters, then data_len bytes of data
 *
 * So a stream carries what the rings of layout.h hold, and each end has a queue pair of its own in private memory: what
 * is above the rings (client, intake, gate, cards) knows no stream. An end takes entries from the ring that the other
 * one fills in layout.h's world, and publishes what it receives in the other ring; parameters and data are received
 * where they belong, into the slot, and sent from there.
 *
 * A connection is one owner's queue pair and one generation: sessions die with it, nothing outlives it. On the wire the
 * generation is the hello's, the epoch CM_STREAM_EPOCH, and pos counts from 1 in each direction; in the private rings
 * stand those of this end (`generation`, `epoch`). A frame with any other number, with a slot or length out of range,
 * or with a slot that is not the sender's to use, ends the connection: the peer is broken or somebody else.
 *
 * Slots. The front end chooses the slot, and host and front end use the same number. It is busy from the submission's
 * first byte to the completion's last. So nobody can have more than CM_SLOTS frames on the way, and this is the flow
 * control: a front end that does not read keeps its own slots, and when they are used up it may not send.
 *
 * No I/O, no allocation, no locks: the caller receives into what cm_stream_into() names, sends what cm_stream_from()
 * names, and says how much it was. The two directions may be used by two threads, each by one at a time; `busy` is
 * atomic for their sake.
 */
#ifndef CARDMUX_PROTO_STREAM_H
#define CARDMUX_PROTO_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "proto/layout.h"
#include "proto/shm.h"

#define CM_STREAM_MAGIC   0x5358554d44524143ull /* "CARDMUXS" */
#define CM_STREAM_VERSION 1u
#define CM_STREAM_EPOCH   1u
#define CM_STREAM_HEAD    64u
#define CM_STREAM_FRAME   (CM_STREAM_HEAD + CM_PARAM_SIZE + CM_SLOT_SIZE) /* the longest */
#define CM_STREAM_STAGE   32768u                                          /* received and not yet told apart */
#define CM_STREAM_INTO    3u                                              /* iovecs of cm_stream_into, at most */

/* The host's first words. status other than 0: the SDR_ code that SDF_OpenDevice returns, and a sentence; then the host
   closes. The front end checks everything: on a machine without a host behind its vsock, whoever has the port answers.
 */
struct cm_stream_hello {
    uint64_t magic;
    uint32_t version;
    uint32_t status;
    uint64_t generation; /* not 0 where status is 0 */
    uint32_t slots, slot_size, param_size;
    uint32_t deadline_ms;
    uint32_t flags; /* 0 */
    uint32_t reserved;
    char tenant[40]; /* NUL-padded */
    char text[104];  /* NUL-padded */
};
_Static_assert(sizeof(struct cm_stream_hello) == 192, "hello");
_Static_assert(offsetof(struct cm_sqe, slot) == offsetof(struct cm_cqe, slot) &&
                   offsetof(struct cm_sqe, param_len) == offsetof(struct cm_cqe, param_len) &&
                   offsetof(struct cm_sqe, data_len) == offsetof(struct cm_cqe, data_len) &&
                   offsetof(struct cm_sqe, pos) == offsetof(struct cm_cqe, pos),
               "one reader for both directions");

/* What was wrong with what the peer sent. */
enum cm_stream_fault {
    CM_STREAM_OK = 0,
    CM_STREAM_NUMBER, /* generation, epoch or pos: not a frame of this connection */
    CM_STREAM_SLOT,   /* no such slot, or not the sender's to use now */
    CM_STREAM_LENGTH, /* more parameters or data than a slot holds */
    CM_STREAM_END
};
const char *cm_stream_fault_name(enum cm_stream_fault fault);

struct cm_stream_in {
    uint32_t pos;        /* of the frame that is being received, or comes next */
    bool open;           /* its entry is in `entry`, and some of what follows has not come */
    uint16_t param_at;   /* received of param_len */
    uint32_t data_at;    /* received of data_len */
    uint32_t staged;     /* bytes at the start of `stage`: less than an entry */
    struct cm_cqe entry; /* or a cm_sqe: the same where this module looks */
    uint8_t stage[CM_STREAM_STAGE];
};

struct cm_stream_out {
    uint32_t hello_left;   /* of `hello`, to be sent before anything else */
    uint32_t pos;          /* of the next entry to take */
    uint32_t first, count; /* frames taken and not wholly sent: entries[first ...] */
    uint32_t sent;         /* bytes of the first that have left */
    struct cm_stream_hello hello;
    struct cm_cqe entries[CM_SLOTS];
};

struct cm_stream {
    struct shm_span qp;       /* private: CM_QP_SIZE */
    bool host;                /* takes completions and sends them; else submissions */
    uint64_t generation;      /* in this end's rings */
    uint64_t wire_generation; /* the hello's */
    uint32_t epoch;           /* in this end's rings */
    uint32_t note;            /* host: goes out in `reserved[0]` of each completion; front end: the last one received */
    _Atomic uint64_t busy;    /* slots */
    enum cm_stream_fault fault;
    struct cm_stream_in in;
    struct cm_stream_out out;
};

#define CM_STREAM_NOTE_CROWDED 3u /* struct cm_control's `crowded`: its bits */

/* A connection begins. The rings of qp are cleared. */
void cm_stream_start(struct cm_stream *stream, struct shm_span qp, bool host, uint64_t wire_generation,
                     uint64_t generation, uint32_t epoch);
/* Host: these are the first bytes to be sent. */
void cm_stream_greet(struct cm_stream *stream, const struct cm_stream_hello *hello);
/* Front end: NULL, or what is wrong with a hello whose status is 0 (or whoever sent it). */
const char *cm_stream_hello_fault(const struct cm_stream_hello *hello);

/* Where the next bytes are to be received: never nothing. How many iovecs were filled in (at most CM_STREAM_INTO). */
unsigned cm_stream_into(struct cm_stream *stream, struct iovec iov[CM_STREAM_INTO]);
/* `len` bytes were received there, in order: publishes what is complete, and counts it in *frames (may be NULL).
   False, now and from now on: the peer broke the protocol, see `fault`. */
bool cm_stream_got(struct cm_stream *stream, size_t len, unsigned *frames);

/* Takes what was published in the ring that goes out; true where there is something to send. Front end: an entry whose
   slot is still busy waits, and what is behind it. */
bool cm_stream_gather(struct cm_stream *stream);
/* The bytes to send, of what was gathered: at most `max` iovecs and (but for the first frame) `most` bytes. How many
   iovecs; their sum in *bytes. */
unsigned cm_stream_from(struct cm_stream *stream, struct iovec *iov, unsigned max, size_t most, size_t *bytes);
/* The first `len` of those bytes have left; they are not needed any more. */
void cm_stream_left(struct cm_stream *stream, size_t len);
static inline bool cm_stream_has(const struct cm_stream *stream)
{
    return stream->out.hello_left || stream->out.count;
}

#endif
