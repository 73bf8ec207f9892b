/* SPDX-License-Identifier: Apache-2.0 */
/*
 * region.c: regions and channels: mapping, the header, epochs, who is active.
 *
 *   channel      epoch  looked at in each pass
 *   UNOWNED      0      no; a doorbell makes it look at epoch_wanted
 *   OWNED        != 0   while active; after a while without work it says broker_sleeps and waits for a doorbell
 *   RESETTING    != 0, and epoch_wanted differs: takes nothing more; when its last job is done its sessions end, used
 * slots are wiped, positions start anew, and epoch = epoch_wanted
 */
#include "backend/broker/stream.h"
#include "backend/broker/vsock_port.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Another one for each region of each broker: a virtual machine can be saved, and restored into a region of its own,
   where it brings all words of the old one with it. */
uint64_t region_generation(const struct broker *broker, const struct region *region)
{
    uint64_t generation =
        broker->generation ^ (region->id * 0x9e3779b97f4a7c15u + region->renewals * 0xd1b54a32d192ed03u);
    return generation ? generation : broker->generation;
}

static struct cm_header header_of(const struct broker *broker, const struct region *region)
{
    struct cm_header header = {.magic = CM_MAGIC,
                               .version = CM_LAYOUT_VERSION,
                               .qp_count = region->qp_count,
                               .generation = region_generation(broker, region),
                               .region_size = (uint32_t)region->all.size,
                               .slots = CM_SLOTS,
                               .slot_size = CM_SLOT_SIZE,
                               .param_size = CM_PARAM_SIZE,
                               .host_peer = CM_IVSHMEM_HOST,
                               .state = CM_DOOR_OPEN,
                               .deadline_ms = broker->config->deadline_ms,
                               .features = CM_FEATURE_ANSWERS};
    memcpy(header.tenant, region->tenant->record.name, sizeof region->tenant->record.name);
    return header;
}

void region_write_header(struct broker *broker, struct region *region)
{
    struct cm_header header = header_of(broker, region);
    header.generation = 0;
    shm_store64(region->all, offsetof(struct cm_header, generation), 0);
    shm_copy_out(region->all, 0, &header, sizeof header);
    shm_store64(region->all, offsetof(struct cm_header, generation), region_generation(broker, region));
}

/* A word of ours that the tenant overwrote. Written only where it differs, so that an honest guest's pages stay clean.
 */
static void mend32(struct shm_span qp, size_t off, uint32_t value)
{
    if (shm_load32(qp, off) != value)
        shm_store32(qp, off, value);
}

/*
 * A guest can overwrite the words that the broker tells it with, and hurts nobody but itself; but its next boot, in the
 * same QEMU with the same memory, has done nothing wrong. Nor has a machine that was restored with the words of another
 * region. So the broker says again what it said, about once a second.
 */
void regions_mend(struct broker *broker)
{
    for (unsigned t = 0; t < broker->tenant_count; t++)
        for (struct region *region = broker->tenants[t]->regions; region; region = region->next) {
            if (region->stream)
                stream_rest(region->stream);
            if (region->gone || region->stream || region->port)
                continue;
            struct cm_header now, meant = header_of(broker, region);
            shm_copy_in(&now, region->all, 0, sizeof now);
            if (memcmp(&now, &meant, sizeof now))
                region_write_header(broker, region);
            for (unsigned i = 0; i < region->qp_count; i++) {
                struct channel *channel = &region->channels[i];
                if (channel_set_back(broker, channel))
                    continue;
                if (shm_load64(channel->qp, offsetof(struct cm_control, generation)) != channel->generation)
                    shm_store64(channel->qp, offsetof(struct cm_control, generation), channel->generation);
                mend32(channel->qp, offsetof(struct cm_control, epoch), channel->epoch);
                mend32(channel->qp, offsetof(struct cm_control, broker_sleeps), !channel->active);
                mend32(channel->qp, offsetof(struct cm_control, crowded), channel->crowded);
            }
        }
}

void channel_answer_question(struct channel *channel)
{
    uint32_t asked = shm_load32(channel->qp, offsetof(struct cm_control, asked));
    if (shm_load32(channel->qp, offsetof(struct cm_control, answered)) != asked)
        shm_store32(channel->qp, offsetof(struct cm_control, answered), asked);
}

bool channel_reset_wanted(const struct channel *channel)
{
    return shm_load32(channel->qp, offsetof(struct cm_control, epoch_wanted)) != channel->epoch;
}

bool channel_has_work(const struct channel *channel)
{
    if (channel->region->gone)
        return false; /* only its jobs are waited for */
    if (channel->renewing || channel_reset_wanted(channel))
        return true;
    /* nobody's queue pair: what stands in its ring is not looked at, whatever it looks like */
    return channel->epoch &&
           (channel->has_stalled ||
            shm_load32(channel->qp, cm_entry_offset(CM_QP_SQ, channel->sq_pos) + 60) == channel->sq_pos);
}

static void wipe_slots(struct channel *channel)
{
    for (uint64_t left = channel->used; left; left &= left - 1) {
        uint32_t slot = (uint32_t)__builtin_ctzll(left);
        memset(shm_bytes(channel->qp, cm_slot_offset(slot), CM_SLOT_SIZE), 0, CM_SLOT_SIZE);
        memset(shm_bytes(channel->qp, cm_param_offset(slot), CM_PARAM_SIZE), 0, CM_PARAM_SIZE);
    }
    channel->used = 0;
}

static void end_sessions(struct broker *broker, struct channel *channel)
{
    uint32_t at = 0, number;
    for (struct session *session; (session = numbers_left(&channel->sessions, &at, &number));)
        session_end(broker, session);
    numbers_free(&channel->sessions);
}

void channel_begin(struct broker *broker, struct channel *channel)
{
    end_sessions(broker, channel);
    channel->sq_pos = channel->cq_pos = 1;
    channel->busy = 0;
    channel->has_stalled = false;
    channel->stale_pos = channel->rung_at = 0;
    cm_ring_clear(channel->qp, CM_QP_SQ);
}

void channel_reset(struct broker *broker, struct channel *channel)
{
    channel_begin(broker, channel);
    wipe_slots(channel);
    channel_mark(channel);
    channel->epoch = shm_load32(channel->qp, offsetof(struct cm_control, epoch_wanted));
    shm_store32(channel->qp, offsetof(struct cm_control, epoch), channel->epoch);
    if (channel->epoch)
        channel_wake(channel);
}

static void tenant_link(struct broker *broker, struct tenant *tenant)
{
    if (broker->active) {
        tenant->next = broker->active;
        tenant->previous = broker->active->previous;
        tenant->previous->next = tenant->next->previous = tenant;
    } else {
        broker->active = tenant->next = tenant->previous = tenant;
    }
    broker->active_tenants++;
}

static void tenant_unlink(struct broker *broker, struct tenant *tenant)
{
    if (tenant->next == tenant) {
        broker->active = NULL;
    } else {
        tenant->previous->next = tenant->next;
        tenant->next->previous = tenant->previous;
        if (broker->active == tenant)
            broker->active = tenant->next;
    }
    tenant->next = tenant->previous = NULL;
    broker->active_tenants--;
}

void channel_activate(struct broker *broker, struct channel *channel)
{
    if (channel->active)
        return;
    struct tenant *tenant = channel->tenant;
    if (!channel_set_back(broker, channel))
        channel_mark(channel);
    else if (channel->active) /* all channels of the region are, by now */
        return;
    channel->active = true;
    channel->looks_empty = 0;
    channel->idle_since = 0;
    if (channel->crowded != broker->crowded) {
        channel->crowded = broker->crowded;
        shm_store32(channel->qp, offsetof(struct cm_control, crowded), channel->crowded);
    }
    if (tenant->active) {
        channel->next = tenant->active;
        channel->previous = tenant->active->previous;
        channel->previous->next = channel->next->previous = channel;
    } else {
        tenant->active = channel->next = channel->previous = channel;
        tenant_link(broker, tenant);
    }
    tenant->active_count++;
    broker->active_channels++;
    shm_store32(channel->qp, offsetof(struct cm_control, broker_sleeps), 0);
}

static void unlink_active(struct broker *broker, struct channel *channel)
{
    struct tenant *tenant = channel->tenant;
    channel->active = channel->rung = false;
    if (channel->next == channel) {
        tenant->active = NULL;
        tenant_unlink(broker, tenant);
    } else {
        channel->previous->next = channel->next;
        channel->next->previous = channel->previous;
        if (tenant->active == channel)
            tenant->active = channel->next;
    }
    channel->next = channel->previous = NULL;
    tenant->active_count--;
    broker->active_channels--;
}

/* There is work, but nothing to be done before a job of its own ends; job_complete makes it active again. */
static bool waits_for_own_jobs(const struct channel *channel)
{
    return channel->jobs &&
           (channel->renewing || channel->has_stalled || channel->jobs >= CM_SLOTS || channel_reset_wanted(channel));
}

/* An entry of another generation or epoch is no work. */
static bool stale_entry(const struct channel *channel)
{
    struct cm_sqe sqe;
    return !channel->has_stalled && !channel_reset_wanted(channel) &&
           cm_entry_take(channel->qp, CM_QP_SQ, channel->sq_pos, &sqe) &&
           (sqe.generation != channel->generation || sqe.epoch != channel->epoch);
}

bool channel_deactivate(struct broker *broker, struct channel *channel)
{
    if (!channel->renewing && channel_set_back(broker, channel))
        return false;
    shm_store32(channel->qp, offsetof(struct cm_control, broker_sleeps), 1);
    shm_fence();
    if ((channel_has_work(channel) && !waits_for_own_jobs(channel) && !stale_entry(channel)) ||
        (channel->stream && !stream_quiet(channel->stream)) || (channel->port && !vsock_port_quiet(channel))) {
        shm_store32(channel->qp, offsetof(struct cm_control, broker_sleeps), 0);
        return false;
    }
    unlink_active(broker, channel);
    return true;
}

static void channel_open(struct broker *broker, struct region *region, unsigned index, int doorbell_fd, int wake_fd)
{
    struct channel *channel = &region->channels[index];
    channel->qp = shm_sub(region->all, CM_QP_OFFSET(index), CM_QP_SIZE);
    channel->region = region;
    channel->tenant = region->tenant;
    channel->index = index;
    channel->doorbell_fd = doorbell_fd;
    channel->wake_fd = wake_fd;
    channel->sq_pos = channel->cq_pos = 1;
    channel->generation = region_generation(broker, region);
    /* Whoever owned it under the last broker goes on with the same epoch. An owner that came or went since then waits
       for a reset, as ever: what its predecessor left is wiped first. */
    channel->epoch = shm_load32(channel->qp, offsetof(struct cm_control, epoch));
    channel->used = channel->epoch ? ~0ull : 0;
    channel->mark = (uint32_t)channel->generation;
    channel_mark(channel);
    cm_ring_clear(channel->qp, CM_QP_SQ);
    shm_store32(channel->qp, offsetof(struct cm_control, broker_sleeps), 1);
    shm_store32(channel->qp, offsetof(struct cm_control, crowded), 0);
    shm_store32(channel->qp, offsetof(struct cm_control, epoch), channel->epoch);
    shm_store64(channel->qp, offsetof(struct cm_control, generation), channel->generation);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = channel};
    if (epoll_ctl(broker->epoll_fd, EPOLL_CTL_ADD, doorbell_fd, &event))
        broker_log("tenant %s: a doorbell cannot be watched: %m", region->tenant->record.name);
    /* it may have slept since before the last broker died */
    if (channel->epoch)
        channel_wake(channel);
}

void region_attach(struct broker *broker, const struct handover *message, const int *fds)
{
    struct tenant *tenant = tenant_by_id(broker, message->tenant);
    struct region *region = NULL;
    struct stat status;
    void *map = MAP_FAILED;
    if (tenant && tenant->shut) { /* sent before the keeper read that the doors are to be closed */
        for (unsigned i = 0; i < 1 + 2 * message->qp_count; i++)
            close(fds[i]);
        return;
    }
    if (tenant && !fstat(fds[0], &status) && (uint64_t)status.st_size == message->region_size)
        map = mmap(NULL, message->region_size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
    if (map != MAP_FAILED)
        region = calloc(1, sizeof *region + message->qp_count * sizeof region->channels[0]);
    if (!region) {
        broker_log("tenant %s: region %llu cannot be mapped: %m", message->name, (unsigned long long)message->region);
        if (map != MAP_FAILED)
            munmap(map, message->region_size);
        for (unsigned i = 0; i < 1 + 2 * message->qp_count; i++)
            close(fds[i]);
        return;
    }
    madvise(map, message->region_size, MADV_DONTDUMP);
    region->id = message->region;
    region->tenant = tenant;
    region->memfd = fds[0];
    region->qp_count = message->qp_count;
    region->all = shm_span_of(map, message->region_size);
    region->next = tenant->regions;
    tenant->regions = region;
    tenant->counters.regions++;
    for (unsigned i = 0; i < region->qp_count; i++)
        channel_open(broker, region, i, fds[1 + i], fds[1 + region->qp_count + i]);
    /* not before all are whole: a guest that writes into one's mark meanwhile has all of them set back */
    for (unsigned i = 0; i < region->qp_count; i++)
        channel_activate(broker, &region->channels[i]);
    region_write_header(broker, region);
}

void region_say_closed(const struct region *region)
{
    if (region->stream) {
        stream_shut(region->stream);
        return;
    }
    if (region->port) {
        vsock_port_shut(region);
        return;
    }
    shm_store32(region->all, offsetof(struct cm_header, state), CM_DOOR_CLOSED);
    shm_store64(region->all, offsetof(struct cm_header, generation), 0);
    for (unsigned i = 0; i < region->qp_count; i++)
        shm_store64(region->channels[i].qp, offsetof(struct cm_control, generation), 0);
}

void region_gone(struct broker *broker, uint64_t id)
{
    for (unsigned t = 0; t < broker->tenant_count; t++)
        for (struct region *region = broker->tenants[t]->regions; region; region = region->next)
            if (region->id == id) {
                region->gone = true;
                region_say_closed(region);
                region_release(broker, region);
                return;
            }
}

void regions_drop(struct broker *broker, struct tenant *tenant)
{
    tenant->working++; /* or the end of its last region would free a tenant that is gone under our feet */
    for (struct region *region = tenant->regions; region;) {
        bool before = region->gone; /* else it waits for its jobs */
        struct region *next = region->next;
        region->gone = true;
        if (!before)
            region_release(broker, region);
        region = before ? next : tenant->regions; /* a device takes its streams along */
    }
    tenant->working--;
}

void region_release(struct broker *broker, struct region *region)
{
    if (!region->gone)
        return;
    for (unsigned i = 0; i < region->qp_count; i++)
        if (region->channels[i].jobs)
            return;
    struct tenant *tenant = region->tenant;
    if (region->port) /* and its streams with it, while this region keeps the tenant */
        vsock_port_free(region);
    for (struct region **link = &tenant->regions; *link; link = &(*link)->next)
        if (*link == region) {
            *link = region->next;
            break;
        }
    for (unsigned i = 0; i < region->qp_count; i++) {
        struct channel *channel = &region->channels[i];
        if (channel->active)
            unlink_active(broker, channel);
        end_sessions(broker, channel);
        if (channel->doorbell_fd >= 0) {
            epoll_ctl(broker->epoll_fd, EPOLL_CTL_DEL, channel->doorbell_fd, NULL);
            close(channel->doorbell_fd);
        }
        if (channel->wake_fd >= 0)
            close(channel->wake_fd);
    }
    munmap((void *)region->all.base, region->all.size);
    if (region->memfd >= 0)
        close(region->memfd);
    if (region->stream)
        stream_free(region->stream);
    tenant->counters.regions--;
    if (region->id)
        keeper_send(broker, &(struct handover){.type = HANDOVER_DROPPED, .region = region->id});
    free(region);
    tenant_dispose(broker, tenant);
}
