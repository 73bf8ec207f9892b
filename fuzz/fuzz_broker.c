/* covers: backend/broker/intake.c backend/broker/session.c backend/broker/numbers.c backend/broker/ops_file.c backend/broker/ops_data.c backend/broker/ops_derive.c backend/broker/ops_key.c backend/broker/rights.c backend/broker/ops_aead.c backend/broker/states.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker against a tenant's memory. Card, vault, two workers and one tenant with keys are made once; each input has
 * a region of its own and is a program of steps: a submission with fields that make sense, a recorded one, one of raw
 * bytes, words written anywhere in the region, another epoch, what an operator, a failing card, a full disk or a lack
 * of memory changes meanwhile, passes of the broker, the region's end. Passes are made on this thread (broker_pass),
 * the workers' only after a step that waits for them, so that a run can be repeated. At the end the region goes, and
 * sessions, handles, jobs and mappings with it: what is left is a finding.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "backend/broker/keycache.h"
#include "fuzz/scarce.h"
#include "tests/wire/bare.h"

#define STEPS 96

static struct broker broker;
static struct daemon_config config = {
    .card = "soft", .wait = WAIT_SLEEP, .deadline_ms = 1000, .workers = 2, .code_attempts = 1000000};
static struct bare bare;
static struct vault_tenant record; /* of the tenant, before an input changes it */
static struct vault_policy policy;

struct program {
    uint64_t generation;
    const uint8_t *at;
    size_t left;
    struct shm_span all, qp;
    uint32_t epoch, pos, session, key, state;
    uint32_t cq_pos;
};

static void must(int condition)
{
    if (!condition)
        abort();
}

/* Before libcrypto's own end (it is registered later, so it runs earlier): threads, keys and card go as they should,
 * and what is left then is a leak. */
static void end_once(void)
{
    bare_end(&bare, &broker);
}

static void start_once(void)
{
    signal(SIGXFSZ, SIG_IGN);
    bare_start(&bare, &broker, &config, 1);
    atexit(end_once);
    record = broker.tenants[0]->record;
    policy = broker.tenants[0]->policy;
}

static uint32_t take(struct program *in, unsigned bytes)
{
    uint32_t value = 0;
    while (bytes-- && in->left) {
        value = value << 8 | *in->at++;
        in->left--;
    }
    return value;
}

/* What the front end would learn from completions: its session, its key. */
static void look(struct program *in)
{
    struct cm_cqe cqe;
    while (cm_entry_take(in->qp, CM_QP_CQ, in->cq_pos, &cqe)) {
        in->cq_pos++;
        if (cqe.status == SDR_OK && cqe.op == CM_OP_SESSION_OPEN)
            in->session = cqe.value;
        else if (cqe.status == SDR_OK && cqe.value && cqe.op >= CM_OP_STATE_HASH && cqe.op <= CM_OP_STATE_COPY)
            in->state = cqe.value;
        else if (cqe.status == SDR_OK && cqe.value)
            in->key = cqe.value;
    }
}

static void passes(struct program *in, unsigned n)
{
    while (n--)
        broker_pass(&broker, true);
    look(in);
}

static void workers_wait(struct program *in)
{
    for (unsigned i = 0; broker.tasks && i < 100000; i++) {
        if (!broker_pass(&broker, true))
            usleep(100);
    }
    must(!broker.tasks);
    look(in);
}

static void publish(struct program *in, struct cm_sqe *sqe)
{
    sqe->generation = in->generation;
    sqe->epoch = in->epoch;
    sqe->pos = in->pos;
    cm_entry_publish(in->qp, CM_QP_SQ, in->pos++, sqe);
}

/* Parameters of authenticated encryption that make sense. */
static void write_aead(struct program *in, struct cm_sqe *sqe, uint8_t choice)
{
    static const uint8_t bytes[CM_PARAM_SIZE];
    uint8_t params[CM_PARAM_SIZE];
    enum cm_aead_use use = sqe->op == CM_OP_STATE_AEAD     ? CM_AEAD_BEGIN
                           : sqe->op == CM_OP_AEAD_DECRYPT ? CM_AEAD_OPEN
                                                           : CM_AEAD_SEAL;
    struct cm_aead aead = {
        .nonce = bytes, .tag = bytes, .aad = bytes, .nonce_len = choice & 4 ? 12 : 13, .tag_len = 16};
    if (use != CM_AEAD_BEGIN)
        aead.aad_len = choice & 8 ? 100 : 0;
    else
        aead.total_data = choice & 8 ? 16 : CM_SLOT_SIZE;
    sqe->param_len = (uint16_t)cm_aead_write(&aead, use, params, sizeof params);
    shm_copy_out(in->qp, cm_param_offset(sqe->slot), params, sqe->param_len);
}

static bool is_aead(uint16_t op)
{
    return op == CM_OP_AEAD_ENCRYPT || op == CM_OP_AEAD_DECRYPT || op == CM_OP_STATE_AEAD;
}

static void submit_likely(struct program *in)
{
    static const uint32_t plain[] = {SGD_SM2_1,   SGD_SM4_ECB, SGD_SM4_CBC, SGD_SM3,
                                     SGD_SM4_CTR, SGD_SM4_MAC, SGD_SHA256,  0xdead};
    static const uint32_t modes[] = {SGD_SM4_GCM, SGD_SM4_CCM, SGD_AES_GCM,      SGD_AES_CCM,
                                     SGD_SM4_XTS, SGD_AES_XTS, SGD_SM4_XTS_IEEE, SGD_SHA3_256};
    struct cm_sqe sqe = {.op = (uint16_t)(take(in, 1) % (CM_OP_END + 1)), .tag = in->pos};
    const struct cm_op_info *info = cm_op_info(sqe.op);
    uint8_t choice = (uint8_t)take(in, 1), more = (uint8_t)take(in, 1);
    const uint32_t args[] = {256, 128, more & 3u, CM_SLOT_SIZE};
    sqe.slot = more % CM_SLOTS;
    const uint32_t *algs = sqe.op >= CM_OP_AEAD_ENCRYPT && sqe.op != CM_OP_STATE_HASH && sqe.op != CM_OP_STATE_MAC &&
                                   sqe.op <= CM_OP_SECTOR_DECRYPT
                               ? modes
                               : plain;
    if (info) {
        sqe.session = info->fields & F_SESSION ? in->session : 0;
        sqe.alg = info->fields & F_ALG ? algs[choice & 7] : 0;
        sqe.param_len = choice & 8 ? info->param_max : info->param_min;
        sqe.data_len = choice & 16 ? info->data_max : info->data_min;
        sqe.key = !(info->fields & F_KEY) ? 0 : choice & 32 ? in->key : 1 + (more >> 6 & 1);
        sqe.arg = info->fields & F_ARG ? args[choice >> 6] : 0;
        if (sqe.op == CM_OP_FILE_CREATE && choice >> 6 == 3)
            sqe.arg = VAULT_FILE_MAX;
        if (sqe.op >= CM_OP_STATE_UPDATE && sqe.op <= CM_OP_STATE_FREE)
            sqe.arg = choice & 64 ? in->state + (choice & 3) : in->state;
        if (is_aead(sqe.op) && !(choice & 16 && more & 1))
            write_aead(in, &sqe, choice);
    }
    publish(in, &sqe);
}

static void take_raw(struct program *in, struct cm_sqe *sqe)
{
    uint8_t bytes[sizeof *sqe];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)take(in, 1);
    memcpy(sqe, bytes, sizeof *sqe);
}

static void submit_raw(struct program *in)
{
    struct cm_sqe sqe;
    take_raw(in, &sqe);
    publish(in, &sqe);
}

/* The numbers in a recorded submission were another life's: this one's take their places. Making RSA pairs is left out:
 * it takes seconds. */
static void submit_recorded(struct program *in)
{
    struct cm_sqe sqe;
    take_raw(in, &sqe);
    const struct cm_op_info *info = cm_op_info(sqe.op);
    if (!info || sqe.op == CM_OP_RSA_KEYPAIR)
        return;
    if (info->fields & F_SESSION)
        sqe.session = in->session;
    if (info->fields & F_KEY && sqe.key > 8)
        sqe.key = in->key;
    if (sqe.op >= CM_OP_STATE_UPDATE && sqe.op <= CM_OP_STATE_FREE)
        sqe.arg = in->state;
    publish(in, &sqe);
}

/* The vault can write no more; what was begun is taken back. */
static void disk_full(bool is)
{
    struct rlimit limit;
    must(!getrlimit(RLIMIT_FSIZE, &limit));
    limit.rlim_cur = is ? 0 : limit.rlim_max;
    must(!setrlimit(RLIMIT_FSIZE, &limit));
}

/* What comes from elsewhere while a tenant works: less is allowed to it, a code is set anew, the card fails and is well
 * again. And an entry that was meant for another life of the queue pair: it is not taken, and the next takes its place.
 */
static void meanwhile(struct program *in)
{
    struct tenant *tenant = broker.tenants[0];
    struct vault_policy less = policy;
    struct cm_sqe stale = {.op = CM_OP_SESSION_OPEN, .generation = in->generation, .pos = in->pos};
    switch (take(in, 1) & 7) {
    case 0:
        less.denied.denied_classes = take(in, 2) & cm_policy_all.denied_classes;
        less.denied.denied_algs = take(in, 3) & cm_policy_all.denied_algs;
        tenant_set_policy(tenant, &less);
        break;
    case 1: {
        uint32_t index = take(in, 1) & 3;
        tenant_rights_revoke(tenant, VAULT_KEY_SM2, index);
        keycache_forget(&broker, tenant, VAULT_KEY_KEK, index); /* its handles die */
        break;
    }
    case 2:
        tenant->record.max_sessions = take(in, 1);
        tenant->record.max_handles = take(in, 1);
        break;
    case 3:
        broker.card_failed = !broker.card_failed;
        break;
    case 4:
        stale.generation++;
        stale.epoch = in->epoch;
        cm_entry_publish(in->qp, CM_QP_SQ, in->pos, &stale);
        break;
    case 5:
        stale.epoch = in->epoch + 1;
        cm_entry_publish(in->qp, CM_QP_SQ, in->pos, &stale);
        break;
    case 6: {
        uint32_t which = take(in, 1);
        if (which & 0x80)
            disk_full(true);
        else
            scarce = which + 1;
        break;
    }
    default:
        less.codes = VAULT_CODES_ALWAYS;
        tenant_set_policy(tenant, &less);
        tenant->record.flags ^= VAULT_TENANT_DEBUG;
        break;
    }
}

static bool name_copy(void *arg, const struct vault_file *file)
{
    memcpy(arg, file, sizeof *file);
    return false;
}

/* The next input finds the tenant as this one did. */
static void restore(void)
{
    struct tenant *tenant = broker.tenants[0];
    char error[VAULT_ERROR_TEXT];
    struct vault_file file = {.name_len = 0};
    scarce = 0;
    disk_full(false);
    tenant->record = record;
    tenant_set_policy(tenant, &policy);
    broker.card_failed = false;
    while (vault_file_each(broker.vault, record.id, name_copy, &file, error) == VAULT_OK && file.name_len) {
        must(vault_file_remove(broker.vault, record.id, file.name, file.name_len, error) == VAULT_OK);
        file.name_len = 0;
    }
    for (struct job *job; (job = broker.free_jobs); free(job)) /* or nothing would have to be allocated any more */
        broker.free_jobs = job->next;
}

static void write_words(struct program *in)
{
    size_t base = take(in, 1) % 8, off = take(in, 3);
    size_t places[] = {0, CM_QP_SQ, CM_QP_CQ, CM_QP_PARAMS, CM_QP_PAYLOAD, CM_QP_PARAMS, CM_QP_SQ, 0};
    for (unsigned n = take(in, 1) % 16 + 1; n; n--, off += 4)
        shm_store32(in->qp, (places[base] + off % (base == 0 || base == 7 ? 192 : 32768)) & ~(size_t)3, take(in, 4));
}

static void epoch_change(struct program *in, uint32_t epoch)
{
    shm_store32(in->qp, offsetof(struct cm_control, epoch_wanted), epoch);
    passes(in, 2);
    if (shm_load32(in->qp, offsetof(struct cm_control, epoch)) == epoch) {
        in->epoch = epoch;
        in->pos = in->cq_pos = 1;
        cm_ring_clear(in->qp, CM_QP_CQ);
    }
}

/* What a workload begins with, so that a mutated input need not find it. */
static void prepare(struct program *in)
{
    struct cm_sqe open = {.op = CM_OP_SESSION_OPEN};
    epoch_change(in, 1);
    publish(in, &open);
    passes(in, 1);
    struct cm_sqe right = {.op = CM_OP_RIGHT_GET, .session = in->session, .key = 1};
    struct cm_sqe make = {
        .op = CM_OP_KEY_GENERATE_KEK, .session = in->session, .key = 1, .alg = SGD_SM4_ECB, .arg = 128};
    publish(in, &right);
    publish(in, &make);
    passes(in, 1);
}

static void step(struct program *in, uint64_t id)
{
    switch (take(in, 1) & 15) {
    default:
        submit_likely(in);
        passes(in, 1);
        break;
    case 6:
        submit_recorded(in);
        passes(in, 1);
        break;
    case 7:
        meanwhile(in);
        passes(in, 1);
        break;
    case 8: /* without a pass: several in one */
        submit_likely(in);
        break;
    case 9:
        submit_raw(in);
        break;
    case 10:
    case 11:
        write_words(in);
        passes(in, 1);
        break;
    case 12:
        epoch_change(in, take(in, 1) % 4);
        break;
    case 13:
        workers_wait(in);
        break;
    case 14:
        passes(in, take(in, 1) % 8);
        break;
    case 15:
        if (take(in, 1) < 16)
            region_gone(&broker, id); /* with whatever is in flight */
        else
            prepare(in);
        break;
    }
}

static void attach(struct program *in, uint64_t id)
{
    int fds[3] = {memfd_create("fuzz", MFD_CLOEXEC), eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
                  eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    struct handover message = {.type = HANDOVER_REGION,
                               .tenant = broker.tenants[0]->record.id,
                               .region = id,
                               .transport = TRANSPORT_UNIX,
                               .qp_count = 1,
                               .region_size = CM_REGION_UNIX};
    must(fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0 && ftruncate(fds[0], CM_REGION_UNIX) == 0);
    void *map = mmap(NULL, CM_REGION_UNIX, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
    must(map != MAP_FAILED);
    in->all = shm_span_of(map, CM_REGION_UNIX);
    in->qp = shm_sub(in->all, CM_QP_OFFSET(0), CM_QP_SIZE);
    region_attach(&broker, &message, fds);
    in->generation = shm_load64(in->qp, offsetof(struct cm_control, generation));
}

/*
 * Leaks are looked for at the end, when the workers are gone, not between inputs too: libcrypto's random generators of
 * a live thread hang on a thread-specific key, and where the C library keeps those LeakSanitizer does not look.
 */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char option[] = "-detect_leaks=0";
    char **with = calloc((size_t)*argc + 2, sizeof *with);
    must(with != NULL);
    memcpy(with, *argv, (size_t)*argc * sizeof *with);
    with[(*argc)++] = option;
    *argv = with;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t id;
    struct program in = {.at = data, .left = size, .pos = 1, .cq_pos = 1};
    struct handover dropped;
    if (!bare.dir[0])
        start_once();
    attach(&in, ++id);
    prepare(&in);
    for (unsigned i = 0; i < STEPS && in.left; i++)
        step(&in, id);
    workers_wait(&in);
    region_gone(&broker, id);
    const struct tenant *tenant = broker.tenants[0];
    must(!tenant->regions && !tenant->working && !tenant->in_card && !tenant->active_count);
    must(!tenant->counters.sessions && !tenant->counters.handles && !tenant->counters.regions);
    must(!broker.active && !broker.active_tenants && !broker.active_channels);
    must(recv(bare.keeper, &dropped, sizeof dropped, 0) == sizeof dropped && dropped.region == id);
    munmap((void *)in.all.base, in.all.size);
    restore();
    return 0;
}
