/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c: the engine of a stream connection; see stream.h. */
#include "backend/broker/stream.h"

#include <stdlib.h>
#include <sys/mman.h>

static struct cm_stream_hello hello_of(const struct broker *broker, const struct tenant *tenant)
{
    struct cm_stream_hello hello = {.magic = CM_STREAM_MAGIC,
                                    .version = CM_STREAM_VERSION,
                                    .generation = broker->generation,
                                    .slots = CM_SLOTS,
                                    .slot_size = CM_SLOT_SIZE,
                                    .param_size = CM_PARAM_SIZE,
                                    .deadline_ms = broker->config->deadline_ms};
    memcpy(hello.tenant, tenant->record.name, sizeof tenant->record.name);
    return hello;
}

/* What a front end does on shared memory: it owns the queue pair, and never leaves it. */
static void channel_own(struct broker *broker, struct channel *channel)
{
    channel->sq_pos = channel->cq_pos = 1;
    channel->epoch = CM_STREAM_EPOCH;
    channel->generation = broker->generation;
    shm_store32(channel->qp, offsetof(struct cm_control, epoch_wanted), CM_STREAM_EPOCH);
    shm_store32(channel->qp, offsetof(struct cm_control, epoch), CM_STREAM_EPOCH);
    shm_store64(channel->qp, offsetof(struct cm_control, generation), broker->generation);
    channel_activate(broker, channel);
}

struct stream *stream_open(struct broker *broker, struct tenant *tenant, uint64_t region_id,
                           const struct stream_pump *pump, void *owner)
{
    struct region *region = calloc(1, sizeof *region + sizeof region->channels[0]);
    struct stream *stream = calloc(1, sizeof *stream);
    void *map = mmap(NULL, CM_QP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!region || !stream || map == MAP_FAILED) {
        free(region);
        free(stream);
        if (map != MAP_FAILED)
            munmap(map, CM_QP_SIZE);
        return NULL;
    }
    madvise(map, CM_QP_SIZE, MADV_DONTDUMP);
    struct channel *channel = &region->channels[0];
    region->id = region_id;
    region->tenant = tenant;
    region->memfd = -1;
    region->qp_count = 1;
    region->all = channel->qp = shm_span_of(map, CM_QP_SIZE);
    region->stream = channel->stream = stream;
    region->next = tenant->regions;
    tenant->regions = region;
    tenant->counters.regions++;
    channel->region = region;
    channel->tenant = tenant;
    channel->doorbell_fd = channel->wake_fd = -1;
    *stream =
        (struct stream){.broker = broker, .region = region, .channel = channel, .pump = pump, .owner = owner, .fd = -1};
    cm_stream_start(&stream->wire, channel->qp, true, broker->generation, broker->generation, CM_STREAM_EPOCH);
    struct cm_stream_hello hello = hello_of(broker, tenant);
    cm_stream_greet(&stream->wire, &hello);
    channel_own(broker, channel);
    return stream;
}

void stream_shut(struct stream *stream)
{
    stream->shut = true;
    if (stream->shutting || stream->region->gone)
        return;
    stream->shutting = true;
    stream->pump->shut(stream);
}

void stream_close(struct stream *stream)
{
    struct region *region = stream->region;
    stream->shut = true;
    region->gone = true;
    region_release(stream->broker, region);
}

void stream_free(struct stream *stream)
{
    if (stream->pump->freed)
        stream->pump->freed(stream->owner);
    free(stream);
}

unsigned stream_into(struct stream *stream, struct iovec iov[CM_STREAM_INTO])
{
    return stream->shut ? 0 : cm_stream_into(&stream->wire, iov);
}

bool stream_fed(struct stream *stream, size_t len)
{
    struct broker *broker = stream->broker;
    unsigned frames;
    if (stream->shut)
        return false;
    broker->clock_due = CLOCK_DUE; /* bytes were moved */
    stream->used = true;
    if (!cm_stream_got(&stream->wire, len, &frames)) {
        struct tenant *tenant = stream->channel->tenant;
        tenant->counters.rejects[CM_GATE_STREAM]++;
        tenant->counters.errors++;
        stream_shut(stream);
        return false;
    }
    if (frames)
        channel_activate(broker, stream->channel);
    return true;
}

unsigned stream_next(struct stream *stream, struct iovec *iov, unsigned max, size_t most, size_t *bytes)
{
    *bytes = 0;
    if (stream->shut)
        return 0;
    stream->wire.note = stream->channel->crowded & CM_STREAM_NOTE_CROWDED;
    return cm_stream_gather(&stream->wire) ? cm_stream_from(&stream->wire, iov, max, most, bytes) : 0;
}

void stream_sent(struct stream *stream, size_t len)
{
    cm_stream_left(&stream->wire, len);
}

void stream_push(struct stream *stream)
{
    if (!stream->shut && !stream->blocked)
        stream->pump->push(stream);
}

bool stream_pull(struct stream *stream)
{
    return !stream->shut && stream->pump->pull && stream->pump->pull(stream);
}

bool stream_quiet(const struct stream *stream)
{
    return stream->shut || !stream->pump->quiet || stream->pump->quiet((struct stream *)stream);
}

/*
 * A turn of its channel. What is finished is sent at the turn's end: sending costs as much for one as for many. Where
 * nobody else keeps the broker busy it is sent in between, too, when the first of it has waited for STREAM_HOLD_NS:
 * whoever waits for that could send the next meanwhile.
 */
unsigned stream_turn(struct stream *stream, unsigned burst)
{
    struct broker *broker = stream->broker;
    struct channel *channel = stream->channel;
    unsigned total = stream_pull(stream), taken = 0;
    uint64_t since = broker->now;
    channel->turn_over = false;
    while (taken < burst && !channel->turn_over && !channel->region->gone) {
        unsigned n = intake(broker, channel, 1);
        if (!n)
            break;
        taken += n;
        if (broker->clock_due < CLOCK_DUE || broker->active_channels > 1)
            continue;
        uint64_t now = clock_ns();
        if (now - since >= STREAM_HOLD_NS) {
            stream_push(stream);
            since = now;
        }
    }
    if (taken || cm_stream_has(&stream->wire))
        stream_push(stream);
    return total + taken;
}

void stream_rest(struct stream *stream)
{
    struct channel *channel = stream->channel;
    if (!stream->used || channel->active || channel->jobs || stream->wire.in.open ||
        atomic_load_explicit(&stream->wire.busy, memory_order_relaxed))
        return;
    madvise(shm_bytes(channel->qp, CM_QP_PAYLOAD, CM_SLOTS * CM_SLOT_SIZE), CM_SLOTS * CM_SLOT_SIZE, MADV_DONTNEED);
    stream->used = false;
}
