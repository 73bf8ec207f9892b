/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h: one stream connection (proto/stream.h) in the broker. Broker's thread only.
 *
 *     pump                    socket (stream_socket.c), or a connection of a guest's vsock device: moves bytes
 *     engine   stream.c       a channel with a queue pair of its own in private memory; frames to and from its rings
 *     broker                  intake, gate, cards, completion: as for any other channel
 *
 * A pump receives into what stream_into() names and says so with stream_fed(), which makes the channel active; and
 * sends what stream_next() names and says so with stream_sent(). Neither blocks, neither allocates. Bytes come in the
 * channel's turn (`pull`), or whenever the pump has some. When completions are there the broker calls `push`, in the
 * same turn or after a card's or worker's job; a pump that cannot send now calls stream_push() when it can again.
 *
 *   state    what is true                                                                left by
 *   OPEN     bytes go either way                                                         fault or closed door: SHUT
 *                                                                                        front end gone: stream_close
 *   SHUT     stream_fed and stream_push do nothing; `shut` was called                    stream_close
 *   closed   stream_close was called: nothing of the pump's is used any more             its last job's end: `freed`
 *
 * Memory: one mapping of CM_QP_SIZE, of which pages are there that were used; struct stream, about 40 KiB; what the
 * pump itself holds. Nothing grows with what the front end sends or does not read. While it is idle the pages of the
 * slots are given back.
 */
#ifndef CARDMUX_BROKER_STREAM_H
#define CARDMUX_BROKER_STREAM_H

#include "backend/broker/broker.h"
#include "proto/stream.h"

#define STREAM_SEND_IOV  96u
#define STREAM_SEND_MOST 131072u /* bytes of one sending, about */
#define STREAM_HOLD_NS   50000u  /* finished work waits for more of its turn for about so long before it is sent */

struct stream;

struct stream_pump {
    /* In the channel's turn: receives what is there, once. True: something came. NULL: bytes come by themselves. */
    bool (*pull)(struct stream *stream);
    /* Sends as much as goes now. */
    void (*push)(struct stream *stream);
    /* Is nothing there to be received, and will what comes make the channel active? NULL: always. */
    bool (*quiet)(struct stream *stream);
    /* The broker wants no more of this connection: the pump ends it towards the peer, and has stream_close called some
       time after it returned, never from within. */
    void (*shut)(struct stream *stream);
    /* The last job has left; the stream is freed when this returns. */
    void (*freed)(void *owner);
};

struct stream {
    struct cm_stream wire;
    struct broker *broker;
    struct region *region;
    struct channel *channel;
    const struct stream_pump *pump;
    void *owner;   /* the pump's */
    int fd;        /* stream_socket.c */
    bool shut;     /* nothing is received or sent any more */
    bool blocked;  /* the pump said that it cannot send now */
    bool quiet;    /* stream_socket.c: the last look found nothing, and nothing was heard since */
    bool used;     /* pages of slots were touched since they were last given back */
    bool shutting; /* `shut` was called */
};

/* A new connection of `tenant`; region_id is the keeper's, 0: not the keeper's. The hello is ready to be sent:
   stream_push follows. NULL: no memory. */
struct stream *stream_open(struct broker *broker, struct tenant *tenant, uint64_t region_id,
                           const struct stream_pump *pump, void *owner);
/* Its front end is gone. Frees the stream, now or after its last job. */
void stream_close(struct stream *stream);

/* Where the next bytes go; 0: it wants none any more. */
unsigned stream_into(struct stream *stream, struct iovec iov[CM_STREAM_INTO]);
/* `len` bytes lie there. False: the front end broke the protocol; it is SHUT. */
bool stream_fed(struct stream *stream, size_t len);
/* What is to be sent, at most max iovecs and about `most` bytes; 0: nothing now. */
unsigned stream_next(struct stream *stream, struct iovec *iov, unsigned max, size_t most, size_t *bytes);
void stream_sent(struct stream *stream, size_t len);
/* Sends what is there, if the pump can. */
void stream_push(struct stream *stream);
/* SHUT. */
void stream_shut(struct stream *stream);

/* For the rest of the broker. */
bool stream_pull(struct stream *stream);
bool stream_quiet(const struct stream *stream); /* may its channel sleep? */
unsigned stream_turn(struct stream *stream, unsigned burst);
void stream_free(struct stream *stream); /* in region_release */
void stream_rest(struct stream *stream); /* now and then: gives pages back where it is idle */

/* stream_socket.c: HANDOVER_REGION of a stream. Takes fd over. */
void stream_socket_attach(struct broker *broker, const struct handover *message, int fd);
void stream_socket_event(struct stream *stream, uint32_t events);

#endif
