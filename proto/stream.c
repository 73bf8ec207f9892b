/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/stream.h"
#include "proto/ring.h"

static const char *const fault_names[] = {
    [CM_STREAM_OK] = "ok",
    [CM_STREAM_NUMBER] = "not a frame of this connection",
    [CM_STREAM_SLOT] = "a slot that is not free",
    [CM_STREAM_LENGTH] = "a length that no slot has",
};
_Static_assert(sizeof fault_names / sizeof *fault_names == CM_STREAM_END, "a name for each fault");

const char *cm_stream_fault_name(enum cm_stream_fault fault)
{
    return (unsigned)fault < CM_STREAM_END ? fault_names[fault] : "?";
}

void cm_stream_start(struct cm_stream *stream, struct shm_span qp, bool host, uint64_t wire_generation,
                     uint64_t generation, uint32_t epoch)
{
    stream->qp = qp;
    stream->host = host;
    stream->wire_generation = wire_generation;
    stream->generation = generation;
    stream->epoch = epoch;
    stream->note = 0;
    atomic_store_explicit(&stream->busy, 0, memory_order_relaxed);
    stream->fault = CM_STREAM_OK;
    stream->in.pos = stream->out.pos = 1;
    stream->in.open = false;
    stream->in.staged = 0;
    stream->out.hello_left = 0;
    stream->out.first = stream->out.count = stream->out.sent = 0;
    cm_ring_clear(qp, CM_QP_SQ);
    cm_ring_clear(qp, CM_QP_CQ);
}

void cm_stream_greet(struct cm_stream *stream, const struct cm_stream_hello *hello)
{
    stream->out.hello = *hello;
    stream->out.hello_left = sizeof *hello;
}

const char *cm_stream_hello_fault(const struct cm_stream_hello *hello)
{
    if (hello->magic != CM_STREAM_MAGIC)
        return "whoever answers there is not cardmuxd";
    if (hello->version != CM_STREAM_VERSION)
        return "the host speaks another version of the stream protocol: install front end and back end of one release";
    if (hello->status)
        return "the host refuses";
    if (!hello->generation || hello->slots != CM_SLOTS || hello->slot_size != CM_SLOT_SIZE ||
        hello->param_size != CM_PARAM_SIZE || hello->flags)
        return "the host's queue pairs are not those that this front end was built for";
    return NULL;
}

/* ---- receiving ---- */

unsigned cm_stream_into(struct cm_stream *stream, struct iovec iov[CM_STREAM_INTO])
{
    struct cm_stream_in *in = &stream->in;
    unsigned n = 0;
    if (in->open) {
        uint32_t slot = in->entry.slot, params = in->entry.param_len, data = in->entry.data_len;
        if (in->param_at < params)
            iov[n++] =
                (struct iovec){shm_bytes(stream->qp, cm_param_offset(slot) + in->param_at, params - in->param_at),
                               params - in->param_at};
        if (in->data_at < data)
            iov[n++] = (struct iovec){shm_bytes(stream->qp, cm_slot_offset(slot) + in->data_at, data - in->data_at),
                                      data - in->data_at};
    }
    iov[n++] = (struct iovec){in->stage + in->staged, sizeof in->stage - in->staged};
    return n;
}

/* The entry that opens a frame, checked; no byte of it has been believed before. */
static enum cm_stream_fault entry_fault(const struct cm_stream *stream, const struct cm_cqe *entry)
{
    if (entry->generation != stream->wire_generation || entry->epoch != CM_STREAM_EPOCH || entry->pos != stream->in.pos)
        return CM_STREAM_NUMBER;
    if (entry->slot >= CM_SLOTS)
        return CM_STREAM_SLOT;
    if (entry->param_len > CM_PARAM_SIZE || entry->data_len > CM_SLOT_SIZE)
        return CM_STREAM_LENGTH;
    /* to the host: a free slot; back: one that waits for its answer */
    bool busy = atomic_load_explicit(&stream->busy, memory_order_acquire) >> entry->slot & 1;
    return busy == stream->host ? CM_STREAM_SLOT : CM_STREAM_OK;
}

static bool frame_open(struct cm_stream *stream, const uint8_t *bytes)
{
    struct cm_stream_in *in = &stream->in;
    memcpy(&in->entry, bytes, sizeof in->entry);
    stream->fault = entry_fault(stream, &in->entry);
    if (stream->fault)
        return false;
    if (stream->host)
        atomic_fetch_or_explicit(&stream->busy, 1ull << in->entry.slot, memory_order_relaxed);
    in->param_at = 0;
    in->data_at = 0;
    in->open = true;
    return true;
}

/* Publishes the frame where all of it is here. */
static bool frame_end(struct cm_stream *stream)
{
    struct cm_stream_in *in = &stream->in;
    struct cm_cqe *entry = &in->entry;
    if (in->param_at < entry->param_len || in->data_at < entry->data_len)
        return false;
    if (!stream->host) {
        stream->note = entry->reserved[0];
        entry->reserved[0] = 0;
        atomic_fetch_and_explicit(&stream->busy, ~(1ull << entry->slot), memory_order_release);
    }
    entry->generation = stream->generation;
    entry->epoch = stream->epoch;
    cm_entry_publish(stream->qp, stream->host ? CM_QP_SQ : CM_QP_CQ, in->pos++, entry);
    in->open = false;
    return true;
}

static uint32_t least(size_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

/* `from` NULL: the bytes are in their place already. How many of `len` were this frame's. */
static size_t frame_take(struct cm_stream *stream, const uint8_t *from, size_t len)
{
    struct cm_stream_in *in = &stream->in;
    uint32_t params = least(len, (uint32_t)(in->entry.param_len - in->param_at));
    uint32_t data = least(len - params, in->entry.data_len - in->data_at);
    if (from && params)
        shm_copy_out(stream->qp, cm_param_offset(in->entry.slot) + in->param_at, from, params);
    if (from && data)
        shm_copy_out(stream->qp, cm_slot_offset(in->entry.slot) + in->data_at, from + params, data);
    in->param_at = (uint16_t)(in->param_at + params);
    in->data_at += data;
    return params + data;
}

bool cm_stream_got(struct cm_stream *stream, size_t len, unsigned *frames)
{
    struct cm_stream_in *in = &stream->in;
    unsigned ended = 0;
    size_t at = 0;
    if (frames)
        *frames = 0;
    if (stream->fault)
        return false;
    if (in->open) {
        len -= frame_take(stream, NULL, len);
        ended += frame_end(stream);
    }
    if (len > sizeof in->stage - in->staged)
        len = sizeof in->stage - in->staged;
    size_t have = in->staged + len;
    while (!in->open && have - at >= CM_STREAM_HEAD) {
        if (!frame_open(stream, in->stage + at))
            return false;
        at += CM_STREAM_HEAD;
        at += frame_take(stream, in->stage + at, have - at);
        ended += frame_end(stream);
    }
    in->staged = (uint32_t)(have - at);
    if (at && in->staged)
        memmove(in->stage, in->stage + at, in->staged);
    if (frames)
        *frames = ended;
    return true;
}

/* ---- sending ---- */

/* May this entry of our own ring go out? */
static bool entry_goes(struct cm_stream *stream, const struct cm_cqe *entry)
{
    if (entry->generation != stream->generation || entry->epoch != stream->epoch || entry->slot >= CM_SLOTS ||
        entry->param_len > CM_PARAM_SIZE || entry->data_len > CM_SLOT_SIZE)
        return false;
    uint64_t bit = 1ull << entry->slot;
    if (stream->host)
        return (atomic_load_explicit(&stream->busy, memory_order_relaxed) & bit) != 0;
    return !(atomic_fetch_or_explicit(&stream->busy, bit, memory_order_acquire) & bit);
}

bool cm_stream_gather(struct cm_stream *stream)
{
    struct cm_stream_out *out = &stream->out;
    size_t ring = stream->host ? CM_QP_CQ : CM_QP_SQ;
    while (out->count < CM_SLOTS) {
        struct cm_cqe *entry = &out->entries[(out->first + out->count) & CM_RING_MASK];
        if (!cm_entry_take(stream->qp, ring, out->pos, entry) || !entry_goes(stream, entry))
            break;
        entry->generation = stream->wire_generation;
        entry->epoch = CM_STREAM_EPOCH;
        if (stream->host)
            entry->reserved[0] = stream->note;
        out->pos++;
        out->count++;
    }
    return cm_stream_has(stream);
}

/* Appends a part of a frame, without the bytes that have left. */
static void append(struct iovec *iov, unsigned *n, size_t *bytes, uint32_t *skip, void *part, uint32_t len)
{
    if (*skip >= len) {
        *skip -= len;
        return;
    }
    iov[(*n)++] = (struct iovec){(uint8_t *)part + *skip, len - *skip};
    *bytes += len - *skip;
    *skip = 0;
}

unsigned cm_stream_from(struct cm_stream *stream, struct iovec *iov, unsigned max, size_t most, size_t *bytes)
{
    struct cm_stream_out *out = &stream->out;
    unsigned n = 0;
    uint32_t skip = out->sent;
    *bytes = 0;
    if (out->hello_left && max) {
        size_t gone = sizeof out->hello - out->hello_left;
        iov[n++] = (struct iovec){(uint8_t *)&out->hello + gone, out->hello_left};
        *bytes = out->hello_left;
    }
    for (uint32_t i = 0; i < out->count && n + 3 <= max && (n == 0 || *bytes < most); i++) {
        struct cm_cqe *entry = &out->entries[(out->first + i) & CM_RING_MASK];
        append(iov, &n, bytes, &skip, entry, sizeof *entry);
        append(iov, &n, bytes, &skip, shm_bytes(stream->qp, cm_param_offset(entry->slot), entry->param_len),
               entry->param_len);
        append(iov, &n, bytes, &skip, shm_bytes(stream->qp, cm_slot_offset(entry->slot), entry->data_len),
               entry->data_len);
    }
    return n;
}

void cm_stream_left(struct cm_stream *stream, size_t len)
{
    struct cm_stream_out *out = &stream->out;
    uint32_t part = least(len, out->hello_left);
    out->hello_left -= part;
    len -= part;
    while (out->count && len) {
        const struct cm_cqe *entry = &out->entries[out->first];
        uint32_t left = CM_STREAM_HEAD + entry->param_len + entry->data_len - out->sent;
        part = least(len, left);
        len -= part;
        out->sent += part;
        if (part < left)
            break;
        if (stream->host)
            atomic_fetch_and_explicit(&stream->busy, ~(1ull << entry->slot), memory_order_release);
        out->first = (out->first + 1) & CM_RING_MASK;
        out->count--;
        out->sent = 0;
    }
}
