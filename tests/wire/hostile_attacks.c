/* SPDX-License-Identifier: Apache-2.0 */
/* hostile_attacks.c: what a tenant can do to the memory and the descriptors that it was given. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cardmux/sdf.h"
#include "tests/wire/raw.h"

#define WRONG_CODE "wrong, always"

static struct cm_sqe open_session(void)
{
    return (struct cm_sqe){.op = CM_OP_SESSION_OPEN};
}

/* A submission that fails in one way, each way in turn. 0: it must be answered by any error. */
struct bad {
    struct cm_sqe sqe;
    uint32_t status;
};

static void each_alone(struct raw *raw, uint32_t session)
{
    const struct bad list[] = {
        {{.op = 0}, SDR_NOTSUPPORT},
        {{.op = 999}, SDR_NOTSUPPORT},
        {{.op = CM_OP_SESSION_OPEN, .flags = 1}, SDR_INARGERR},
        {{.op = CM_OP_SESSION_OPEN, .slot = CM_SLOTS}, SDR_INARGERR},
        {{.op = CM_OP_SESSION_OPEN, .slot = 0xffff}, SDR_INARGERR},
        {{.op = CM_OP_SIGN_INTERNAL, .session = session, .param_len = 31}, SDR_INARGERR},
        {{.op = CM_OP_HASH, .session = session, .alg = SGD_SM3, .data_len = CM_SLOT_SIZE + 1}, SDR_INARGERR},
        {{.op = CM_OP_HASH, .session = session, .alg = SGD_SM3, .data_len = UINT32_MAX}, SDR_INARGERR},
        {{.op = CM_OP_SESSION_OPEN, .key = 1}, SDR_INARGERR},
        {{.op = CM_OP_SESSION_OPEN, .iv = {[15] = 1}}, SDR_INARGERR},
        {{.op = CM_OP_HASH_FINAL, .session = session + 1}, SDR_INARGERR},
        {{.op = CM_OP_HASH_FINAL, .session = UINT32_MAX}, SDR_INARGERR},
        {{.op = CM_OP_EXPORT_PUBLIC, .session = session, .key = 77}, SDR_KEYNOTEXIST},
        {{.op = CM_OP_ENCRYPT, .session = session, .key = UINT32_MAX, .alg = SGD_SM4_ECB, .data_len = 16},
         SDR_KEYNOTEXIST},
        {{.op = CM_OP_SIGN_INTERNAL, .session = session, .key = 1, .param_len = 32}, SDR_PARDENY},
        {{.op = CM_OP_KEYPAIR_GENERATE, .session = session, .alg = 0xdead, .arg = 256}, SDR_ALGNOTSUPPORT},
        {{.op = CM_OP_RANDOM, .session = session, .arg = CM_SLOT_SIZE + 1}, SDR_INARGERR},
        {{.op = CM_OP_HASH, .session = session, .alg = SGD_SHA1}, SDR_ALGNOTSUPPORT},
        {{.op = CM_OP_HASH_UPDATE, .session = session, .data_len = 1}, SDR_STEPERR},
    };
    struct cm_cqe cqe;
    for (uint32_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct cm_sqe sqe = list[i].sqe;
        sqe.tag = 1000 + i;
        uint32_t status = raw_call(raw, sqe, &cqe);
        if (status != list[i].status)
            fprintf(stderr, "bad submission %u (op %u): 0x%08x, not 0x%08x\n", (unsigned)i, sqe.op, (unsigned)status,
                    (unsigned)list[i].status);
    }
}

void attack_each_reason(struct raw *raw, unsigned max_sessions)
{
    struct cm_cqe cqe;
    if (!raw_attach(raw, 10000) || raw_call(raw, open_session(), &cqe) != SDR_OK)
        return;
    uint32_t session = cqe.value;
    each_alone(raw, session);
    /* busy: the slot of a check of an access code that takes its time */
    struct cm_sqe slow = {.op = CM_OP_RIGHT_GET, .session = session, .key = 2, .param_len = 8, .slot = 5, .tag = 1};
    shm_copy_out(raw->qp, cm_param_offset(5), WRONG_CODE, 8);
    raw_submit(raw, slow);
    raw_call(raw, (struct cm_sqe){.op = CM_OP_RANDOM, .session = session, .arg = 1, .slot = 5, .tag = 2}, &cqe);
    while (cqe.tag != 1 && raw_take(raw, &cqe, 10000))
        ;
    /* limit: one session too many */
    for (unsigned i = 0; i <= max_sessions; i++)
        raw_call(raw, open_session(), &cqe);
    /* stale: another generation, another epoch; neither is answered */
    struct cm_sqe stale = open_session();
    stale.generation = raw->generation + 1;
    stale.epoch = raw->epoch;
    stale.pos = raw->sq_pos;
    size_t sleeps = offsetof(struct cm_control, broker_sleeps);
    shm_store32(raw->qp, sleeps, 77); /* until the broker has looked, and found nothing to do */
    cm_entry_publish(raw->qp, CM_QP_SQ, raw->sq_pos, &stale);
    raw_ring(raw);
    for (unsigned looks = 0; looks < 1000 && shm_load32(raw->qp, sleeps) != 1; looks++)
        if (raw_take(raw, &cqe, 10))
            fprintf(stderr, "a submission of another generation was answered\n");
    raw_attach(raw, 10000);
}

/* Mostly right, with one or two things wrong in it. */
static struct cm_sqe likely(struct dice *dice, uint32_t session)
{
    uint32_t roll = dice_roll(dice);
    uint16_t op = (uint16_t)(roll % (CM_OP_END + 2));
    const struct cm_op_info *info = cm_op_info(op);
    struct cm_sqe sqe = {.op = op, .slot = (uint16_t)(dice_roll(dice) % 70), .tag = roll};
    if (!info)
        return sqe;
    sqe.param_len = info->param_max;
    sqe.data_len = roll & 0x100 ? info->data_max : info->data_min;
    sqe.session = info->fields & F_SESSION ? session : 0;
    sqe.key = info->fields & F_KEY ? 1 + (roll >> 12) % 3 : 0;
    sqe.alg = info->fields & F_ALG ? (roll & 0x200 ? SGD_SM2_1 : roll & 0x400 ? SGD_SM3 : SGD_SM4_CBC) : 0;
    sqe.arg = info->fields & F_ARG ? (roll & 0x800 ? 128 : 256) : 0;
    if (dice_roll(dice) % 4 == 0) { /* any byte but generation and epoch */
        uint8_t bytes[sizeof sqe];
        memcpy(bytes, &sqe, sizeof sqe);
        bytes[12 + dice_roll(dice) % 48] = (uint8_t)dice_roll(dice);
        memcpy(&sqe, bytes, sizeof sqe);
    }
    return sqe;
}

void attack_garbage(struct raw *raw, struct dice *dice)
{
    struct cm_cqe cqe;
    /* whoever changes the memory may have ended the epoch */
    if (dice_roll(dice) % 256 == 0 || shm_load32(raw->qp, offsetof(struct cm_control, epoch)) != raw->epoch)
        raw_attach(raw, 20);
    for (unsigned i = 0; i < 16; i++) {
        uint32_t roll = dice_roll(dice);
        raw_submit(raw, roll % 16 ? likely(dice, raw->session + (roll >> 8) % 8 / 7) : open_session());
    }
    raw_ring(raw);
    while (raw_take(raw, &cqe, 0))
        ;
}

void attack_memory(struct raw *raw, struct dice *dice)
{
    for (unsigned i = 0; i < 256; i++) {
        uint32_t roll = dice_roll(dice), value = dice_roll(dice);
        size_t off = roll % CM_QP_SIZE;
        if (roll >> 28 < 8)
            off = CM_QP_SQ + roll % 4096; /* half of them among live descriptors */
        else if (roll >> 28 < 10)
            off = CM_QP_CQ + roll % 4096;
        else if (roll >> 28 < 12)
            off = CM_QP_PARAMS + roll % (CM_SLOTS * CM_PARAM_SIZE);
        else if (roll >> 28 == 12)
            off = roll % sizeof(struct cm_control);
        off &= ~(size_t)3;
        /* the wanted epoch is changed now and then only, so that requests run most of the time */
        if (off == offsetof(struct cm_control, epoch_wanted) && roll & 0x7f00)
            continue;
        shm_store32(raw->qp, off, value & 0x100 ? value : shm_load32(raw->qp, off) ^ (1u << (value & 31)));
    }
    shm_store32(raw->all, dice_roll(dice) % CM_PAGE & ~3u, dice_roll(dice)); /* the header, which is not its own */
}

void attack_epoch(struct raw *raw, struct dice *dice)
{
    for (unsigned i = 0; i < 64; i++) {
        shm_store32(raw->qp, offsetof(struct cm_control, epoch_wanted), dice_roll(dice) % 3);
        shm_store32(raw->qp, offsetof(struct cm_control, wake_at), dice_roll(dice) % 4);
        raw_ring(raw);
    }
}

void attack_slow(struct raw *raw, struct dice *dice)
{
    struct cm_cqe cqe;
    if (dice_roll(dice) % 64 == 0 || !raw->epoch) {
        raw_attach(raw, 100);
        raw_submit(raw, open_session());
        raw_ring(raw);
        raw_take(raw, &cqe, 100);
    }
    for (uint16_t slot = 0; slot < CM_SLOTS; slot++) {
        bool pair = dice_roll(dice) & 1;
        struct cm_sqe sqe = {.op = pair ? CM_OP_KEYPAIR_GENERATE : CM_OP_RIGHT_GET,
                             .session = raw->session,
                             .slot = slot,
                             .alg = pair ? SGD_SM2_1 : 0,
                             .arg = pair ? 256 : 0,
                             .key = pair ? 0 : 2,
                             .param_len = pair ? 0 : sizeof WRONG_CODE - 1};
        shm_copy_out(raw->qp, cm_param_offset(slot), WRONG_CODE, sizeof WRONG_CODE - 1);
        raw_submit(raw, sqe);
    }
    raw_ring(raw);
    for (unsigned n = 0; n < CM_SLOTS && raw_take(raw, &cqe, 50); n++)
        ;
}

void attack_doorbell(struct raw *raw, struct dice *dice)
{
    for (unsigned i = dice_roll(dice) % 1024; i; i--)
        raw_ring(raw);
}

/* Takes rings back before the broker has read them, and sleeps where there is none. */
static void *take_back(void *arg)
{
    eventfd_t count;
    while (!eventfd_read((int)(intptr_t)arg, &count)) /* until this process ends */
        ;
    return NULL;
}

void attack_eventfds(struct raw *raw)
{
    pthread_t thief;
    eventfd_t count;
    if (!raw->epoch)
        raw_attach(raw, 1000);
    do { /* as long as it does not block; it fails where the broker was quicker with a ring of its own */
        (void)!eventfd_read(raw->wake, &count);
    } while (eventfd_write(raw->wake, UINT64_MAX - 1));
    fcntl(raw->wake, F_SETFL, fcntl(raw->wake, F_GETFL) & ~O_NONBLOCK);
    /* wants to be woken for each answer, and gives cause for many */
    for (uint16_t i = 0; i < 32; i++) {
        shm_store32(raw->qp, offsetof(struct cm_control, wake_at), raw->sq_pos);
        raw_submit(raw, (struct cm_sqe){.op = 999, .slot = i});
        raw_ring(raw);
        usleep(200);
    }
    fcntl(raw->ring, F_SETFL, fcntl(raw->ring, F_GETFL) & ~O_NONBLOCK);
    if (pthread_create(&thief, NULL, take_back, (void *)(intptr_t)raw->ring))
        return;
    for (unsigned i = 0; i < 20000; i++) {
        raw_ring(raw);
        if (i % 16 == 0)
            usleep(50); /* long enough for the broker to fall asleep now and then */
    }
}
