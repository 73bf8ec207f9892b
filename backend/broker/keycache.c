/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keycache.c: see keycache.h. A hash table of entries; those whose key is in the card are also in a list from the last
 * used to the first. An entry whose key has left the card stays, small, for the counts of its uses: there are never
 * more of them than keys in the vault that were used.
 */
#include "backend/broker/keycache.h"

#include <stdio.h>
#include <stdlib.h>

#define EVICT_LOOKS    64u /* entries looked at to find one that no job uses */
#define COMPLAIN_NS    UINT64_C(1000000000)
#define FETCHES_BEYOND 1u /* of a tenant, beyond the number of workers: none waits for the next pass */

struct content {
    struct keypair pair;
    struct kek kek; /* kind VAULT_KEY_KEK */
};

struct cached {
    uint32_t tenant, kind, index;
    struct content *in;               /* NULL: not in the card */
    uint64_t sign_uses, encrypt_uses; /* before it left the card */
    unsigned handles;                 /* of a KEK: while it has some it is in no list, and cannot make room */
    struct cached *chain;
    struct cached *newer, *older; /* of those in the card */
};

struct fetch {
    struct task task;
    struct tenant *tenant;
    unsigned kind; /* 0: any pair */
    uint32_t index;
    bool stale; /* destroyed meanwhile */
    enum vault_result result;
    struct vault_key key;
    struct keypair pair;
    struct kek kek;
    char error[VAULT_ERROR_TEXT];
    struct job *jobs; /* that wait for it */
    struct fetch *next;
};

static struct cached **place_of(struct keycache *cache, uint32_t tenant, uint32_t kind, uint32_t index)
{
    uint64_t mix =
        ((uint64_t)tenant << 32 | index) * UINT64_C(0x9e3779b97f4a7c15) + kind * UINT64_C(0xff51afd7ed558ccd);
    struct cached **at = &cache->buckets[mix >> (64 - KEYCACHE_BITS)];
    while (*at && ((*at)->tenant != tenant || (*at)->kind != kind || (*at)->index != index))
        at = &(*at)->chain;
    return at;
}

static void list_remove(struct keycache *cache, struct cached *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void list_add(struct keycache *cache, struct cached *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static struct cached *look(struct broker *broker, const struct tenant *tenant, uint32_t kind, uint32_t index)
{
    struct keycache *cache = &broker->keys;
    struct cached *entry = *place_of(cache, tenant->record.id, kind, index);
    if (!entry || !entry->in)
        return NULL;
    if (cache->newest != entry && !entry->handles) {
        list_remove(cache, entry);
        list_add(cache, entry);
    }
    return entry;
}

struct keypair *keycache_pair(struct broker *broker, struct tenant *tenant, enum vault_key_kind kind, uint32_t index)
{
    struct cached *entry = look(broker, tenant, kind, index);
    return entry ? &entry->in->pair : NULL;
}

struct kek *keycache_kek(struct broker *broker, struct tenant *tenant, uint32_t index)
{
    struct cached *entry = look(broker, tenant, VAULT_KEY_KEK, index);
    return entry ? &entry->in->kek : NULL;
}

static void count_in(struct keycache *cache, struct cached *entry)
{
    list_add(cache, entry);
    cache->count++;
}

static void count_out(struct keycache *cache, struct cached *entry)
{
    list_remove(cache, entry);
    cache->count--;
}

void keycache_hold(struct broker *broker, struct key *key)
{
    if (key->kek && !key->kek->handles++)
        count_out(&broker->keys, key->kek);
}

void keycache_unhold(struct broker *broker, struct key *key)
{
    if (key->kek && key->kek->handles && !--key->kek->handles)
        count_in(&broker->keys, key->kek);
}

static void content_release(struct broker *broker, unsigned kind, const struct keypair *pair, const struct kek *kek)
{
    if (kind == VAULT_KEY_KEK)
        key_release(broker, kek->key);
    else
        pair_release(broker, pair);
}

static struct key *first_key(const struct cached *entry)
{
    return entry->kind == VAULT_KEY_KEK ? NULL : entry->in->pair.sign;
}

static struct key *second_key(const struct cached *entry)
{
    return entry->kind == VAULT_KEY_KEK ? entry->in->kek.key : entry->in->pair.encrypt;
}

static void uses_read(const struct cached *entry, uint64_t *sign, uint64_t *encrypt)
{
    const struct key *a = entry->in ? first_key(entry) : NULL, *b = entry->in ? second_key(entry) : NULL;
    *sign = entry->sign_uses + (a ? a->uses : 0);
    *encrypt = entry->encrypt_uses + (b ? b->uses : 0);
}

/* Its key leaves the card; the entry stays. */
static void leave(struct broker *broker, struct cached *entry)
{
    struct key *key = second_key(entry);
    uses_read(entry, &entry->sign_uses, &entry->encrypt_uses);
    if (!entry->handles)
        count_out(&broker->keys, entry);
    if (entry->kind == VAULT_KEY_KEK) {
        key->kek = NULL; /* the handles have it now, and nobody by them */
        key->gone = true;
    }
    entry->handles = 0;
    content_release(broker, entry->kind, &entry->in->pair, &entry->in->kek);
    free(entry->in);
    entry->in = NULL;
}

static void remove_at(struct broker *broker, struct cached **at)
{
    struct cached *entry = *at;
    if (entry->in)
        leave(broker, entry);
    *at = entry->chain;
    free(entry);
}

static bool unused(const struct key *key)
{
    return !key || key->refs == 1;
}

/* Makes room for one more. Where jobs use all that were looked at, the cache holds more for a while. */
static void evict(struct broker *broker)
{
    struct keycache *cache = &broker->keys;
    struct cached *entry = cache->oldest;
    for (unsigned looks = 0; cache->count >= cache->most && entry && looks < EVICT_LOOKS; looks++) {
        struct cached *newer = entry->newer;
        if (unused(first_key(entry)) && unused(second_key(entry))) {
            leave(broker, entry);
            cache->evicted++;
        }
        entry = newer;
    }
}

static bool put(struct broker *broker, struct tenant *tenant, unsigned kind, uint32_t index, const struct keypair *pair,
                const struct kek *kek)
{
    struct keycache *cache = &broker->keys;
    struct cached **at = place_of(cache, tenant->record.id, kind, index), *entry = *at;
    struct content *in = calloc(1, sizeof *in);
    if (entry && entry->in)
        leave(broker, entry);
    evict(broker);
    if (!entry && in && (entry = calloc(1, sizeof *entry))) {
        *entry = (struct cached){.tenant = tenant->record.id, .kind = kind, .index = index};
        *at = entry;
    }
    if (!entry || !in) {
        free(in);
        content_release(broker, kind, pair, kek);
        return false;
    }
    entry->in = in;
    if (kind == VAULT_KEY_KEK) {
        in->kek = *kek;
        in->kek.key->kek = entry;
    } else {
        in->pair = *pair;
    }
    count_in(cache, entry);
    return true;
}

bool keycache_put_pair(struct broker *broker, struct tenant *tenant, const struct keypair *pair)
{
    return put(broker, tenant, pair->kind, pair->index, pair, NULL);
}

bool keycache_put_kek(struct broker *broker, struct tenant *tenant, const struct kek *kek)
{
    return put(broker, tenant, VAULT_KEY_KEK, kek->index, NULL, kek);
}

void keycache_drop(struct broker *broker, struct tenant *tenant, enum vault_key_kind kind, uint32_t index)
{
    struct cached **at = place_of(&broker->keys, tenant->record.id, kind, index);
    if (*at)
        remove_at(broker, at);
    for (struct fetch *fetch = tenant->fetches; fetch; fetch = fetch->next)
        if (fetch->index == index && (fetch->kind == kind || !fetch->kind))
            fetch->stale = true;
}

void keycache_drop_all(struct broker *broker, struct tenant *tenant)
{
    for (size_t i = 0; i < sizeof broker->keys.buckets / sizeof *broker->keys.buckets; i++)
        for (struct cached **at = &broker->keys.buckets[i]; *at;)
            if ((*at)->tenant == tenant->record.id)
                remove_at(broker, at);
            else
                at = &(*at)->chain;
}

void keycache_forget(struct broker *broker, struct tenant *tenant, enum vault_key_kind kind, uint32_t index)
{
    struct cached *entry = *place_of(&broker->keys, tenant->record.id, kind, index);
    if (entry && entry->in)
        leave(broker, entry);
    for (struct fetch *fetch = tenant->fetches; fetch; fetch = fetch->next)
        if (fetch->index == index)
            fetch->stale = true;
}

void keycache_uses(struct broker *broker, struct tenant *tenant, enum vault_key_kind kind, uint32_t index,
                   uint64_t *sign, uint64_t *encrypt)
{
    const struct cached *entry = *place_of(&broker->keys, tenant->record.id, kind, index);
    *sign = *encrypt = 0;
    if (entry)
        uses_read(entry, sign, encrypt);
}

/* ---- fetching ---- */

bool job_wants(struct job *job, unsigned kind, uint32_t index)
{
    if (job->absent & 1u << kind || (kind ? !vault_kind_place_ok(kind, index) : index > VAULT_INDEX_MAX))
        return false;
    job->wants = true;
    job->want_kind = kind;
    job->want_index = index;
    return true;
}

/* On a worker's thread. */
static void work_fetch(struct broker *broker, struct task *task)
{
    struct fetch *fetch = (struct fetch *)task;
    unsigned first = fetch->kind ? fetch->kind : 1, last = fetch->kind ? fetch->kind : VAULT_KEY_KINDS - 1;
    fetch->result = VAULT_NOT_FOUND;
    if (!broker->caps.asym_alg[0] && !broker->caps.sym_alg)
        return; /* a card without keys: null */
    for (unsigned kind = first; kind <= last && fetch->result == VAULT_NOT_FOUND; kind++) {
        if (!fetch->kind && kind == VAULT_KEY_KEK)
            continue;
        fetch->result = vault_key_get(broker->vault, fetch->tenant->record.id, (enum vault_key_kind)kind, fetch->index,
                                      &fetch->key, NULL, NULL, fetch->error);
        if (fetch->result == VAULT_OK &&
            !key_fetch(broker, fetch->tenant->record.id, &fetch->key, &fetch->pair, &fetch->kek, fetch->error))
            fetch->result = VAULT_DAMAGED;
    }
}

static void complain(struct broker *broker, struct fetch *fetch)
{
    struct tenant *tenant = fetch->tenant;
    uint64_t now = clock_ns();
    if (tenant->complained_ns && now - tenant->complained_ns < COMPLAIN_NS)
        return;
    tenant->complained_ns = now;
    broker_log("tenant %s: key %u is not served: %s", tenant->record.name, fetch->index, fetch->error);
    (void)broker;
}

/* The job goes on, or ends, with what the fetch found. */
static void job_resume(struct broker *broker, struct job *job, const struct fetch *fetch)
{
    struct channel *channel = job->channel;
    bool gone = channel->region->gone; /* then the job's end frees it */
    job->wants = false;
    channel->tenant->key_waits--;
    if (fetch && fetch->result == VAULT_NOT_FOUND)
        job->absent |= 1u << fetch->kind;
    if (channel_set_back(broker, channel) || broker->card_failed || broker->pool.stopping ||
        (fetch && fetch->result != VAULT_OK && fetch->result != VAULT_NOT_FOUND)) {
        job->card.status = SDR_HARDFAIL;
        job_complete(broker, job);
    } else {
        job_run(broker, job);
    }
    if (!gone)
        channel_notify(broker, channel);
}

static unsigned fetches_most(const struct broker *broker)
{
    return broker->pool.thread_count + FETCHES_BEYOND;
}

/* Those that queued behind the limit: the first ones begin fetches of their own. */
static void queue_go_on(struct broker *broker, struct tenant *tenant)
{
    while (tenant->fetch_first && tenant->fetching < fetches_most(broker)) {
        struct job *job = tenant->fetch_first;
        tenant->fetch_first = job->next;
        if (!tenant->fetch_first)
            tenant->fetch_last = NULL;
        job_resume(broker, job, NULL); /* it may be here by now; else it comes back to keycache_fetch */
    }
}

static void done_fetch(struct broker *broker, struct task *task)
{
    struct fetch *fetch = (struct fetch *)task, **at;
    struct tenant *tenant = fetch->tenant;
    for (at = &tenant->fetches; *at != fetch; at = &(*at)->next)
        ;
    *at = fetch->next;
    tenant->fetching--;
    if (fetch->result == VAULT_OK) {
        broker->keys.loaded++;
        if (fetch->stale || tenant->gone)
            content_release(broker, fetch->key.kind, &fetch->pair, &fetch->kek);
        else if (!put(broker, tenant, fetch->key.kind, fetch->index, &fetch->pair, &fetch->kek))
            fetch->result = VAULT_IO;
    } else if (fetch->result != VAULT_NOT_FOUND) {
        complain(broker, fetch);
    }
    /* jobs keep the tenant; with the last of them it may go */
    struct job *job = fetch->jobs;
    fetch->jobs = NULL;
    tenant->working--;
    tenant->resuming++;
    while (job) {
        struct job *next = job->next;
        job_resume(broker, job, fetch);
        job = next;
    }
    queue_go_on(broker, tenant);
    tenant->resuming--;
    free(fetch);
    tenant_dispose(broker, tenant);
}

static void queue_add(struct tenant *tenant, struct job *job)
{
    job->next = NULL;
    tenant->key_waits++;
    *(tenant->fetch_last ? &tenant->fetch_last->next : &tenant->fetch_first) = job;
    tenant->fetch_last = job;
}

void keycache_fetch(struct broker *broker, struct job *job)
{
    struct tenant *tenant = job->channel->tenant;
    struct fetch *fetch = tenant->fetches;
    while (fetch && (fetch->stale || fetch->kind != job->want_kind || fetch->index != job->want_index))
        fetch = fetch->next;
    if (!fetch && tenant->fetching >= fetches_most(broker)) {
        queue_add(tenant, job);
        return;
    }
    if (!fetch && !(fetch = calloc(1, sizeof *fetch))) {
        job->wants = false;
        job->card.status = SDR_NOBUFFER;
        job_complete(broker, job);
        return;
    }
    job->next = fetch->jobs;
    fetch->jobs = job;
    tenant->key_waits++;
    if (fetch->tenant)
        return;
    fetch->task.work = work_fetch;
    fetch->task.done = done_fetch;
    fetch->tenant = tenant;
    fetch->kind = job->want_kind;
    fetch->index = job->want_index;
    fetch->next = tenant->fetches;
    tenant->fetches = fetch;
    tenant->fetching++;
    tenant->working++;
    pool_submit(broker, &fetch->task);
}
