/* SPDX-License-Identifier: Apache-2.0 */
/*
 * states.c: running operations with a number: hashes, MACs, authenticated encryption, as many as a session has handles
 * for. (The hash and the MAC of HASH_INIT and MAC_INIT, one each, have no number and are in ops_data.c.)
 *
 *     free -> running   STATE_HASH, STATE_MAC, STATE_AEAD, STATE_COPY: the card made the state
 *     running -> busy   any job that uses it; everything else that wants it meanwhile is out of step
 *     busy -> running   STATE_UPDATE, STATE_CRYPT, STATE_COPY that succeeded
 *     -> free           STATE_FINAL; a failure of STATE_UPDATE or STATE_CRYPT; STATE_FREE; the session's end
 *
 * A number is looked up as a handle's is: place and serial. Each state counts as a handle of the tenant and holds the
 * key that it uses.
 */
#include "backend/broker/broker.h"

#include <stdlib.h>

#define STATES_MAX 1024u /* of one session; a power of two */

struct running {
    uint32_t id;
    enum card_op start; /* what made it */
    bool busy, decrypt;
    struct card_state *state;
    struct key *key;
};

static struct running *find(struct job *job, uint32_t id)
{
    struct session *session = job->session;
    uint32_t place = id & (STATES_MAX - 1);
    struct running *running = place < session->state_room ? session->states[place] : NULL;
    return id && running && running->id == id ? running : NULL;
}

static void running_free(struct broker *broker, struct session *session, uint32_t place)
{
    struct running *running = session->states[place];
    broker->driver->state_free(broker->card, running->state);
    if (running->key)
        key_release(broker, running->key);
    free(running);
    session->states[place] = NULL;
    session->channel->tenant->counters.handles--;
}

void session_states_free(struct broker *broker, struct session *session)
{
    for (uint32_t i = 0; i < session->state_room; i++)
        if (session->states[i])
            running_free(broker, session, i);
    free(session->states);
}

static bool room(struct session *session, uint32_t *place)
{
    const struct tenant *tenant = session->channel->tenant;
    if (tenant->counters.handles >= tenant->record.max_handles)
        return false;
    for (*place = 0; *place < session->state_room; (*place)++)
        if (!session->states[*place])
            return true;
    uint32_t more = session->state_room ? session->state_room * 2 : 4;
    if (more > STATES_MAX)
        return false;
    struct running **grown = realloc(session->states, more * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + session->state_room, 0, (more - session->state_room) * sizeof *grown);
    session->states = grown;
    session->state_room = more;
    return true;
}

/* The state that the card made gets a number; 0: it is freed again. */
static uint32_t keep(struct broker *broker, struct job *job, enum card_op start, struct key *key, bool decrypt)
{
    struct session *session = job->session;
    struct running *running = NULL;
    uint32_t place;
    if (session->id && room(session, &place))
        running = calloc(1, sizeof *running);
    if (!running) {
        broker->driver->state_free(broker->card, job->card.state);
        return 0;
    }
    session->state_serial = session->state_serial % 0x3fffffu + 1;
    *running = (struct running){.id = session->state_serial * STATES_MAX | place,
                                .start = start,
                                .decrypt = decrypt,
                                .state = job->card.state,
                                .key = key};
    if (key)
        key->refs++;
    session->states[place] = running;
    session->channel->tenant->counters.handles++;
    return running->id;
}

static void start_finish(struct broker *broker, struct job *job)
{
    if (job->card.status != SDR_OK)
        return;
    job->value = keep(broker, job, (enum card_op)job->card.op, job->key, job->card.decrypt);
    if (!job->value)
        job->card.status = SDR_NOBUFFER;
}

static enum step start(struct job *job, enum card_op op)
{
    uint32_t place;
    if (!room(job->session, &place)) /* asked before the card works for nothing, and again when it has */
        return refuse(job, CM_GATE_LIMIT, SDR_NOBUFFER);
    job->card.op = (uint16_t)op;
    job->card.decrypt = false;
    job->finish = start_finish;
    return STEP_CARD;
}

enum step op_state_hash(struct broker *broker, struct job *job)
{
    (void)broker;
    bool with_z = job->sqe.param_len != 0;
    if (with_z != (job->sqe.data_len != 0) || (with_z && job->sqe.param_len != CARD_ECC_POINT))
        return refuse(job, CM_GATE_PARAM, SDR_INARGERR);
    job->card.aux = with_z ? job->param : NULL;
    return start(job, CARD_HASH_START);
}

enum step op_state_mac(struct broker *broker, struct job *job)
{
    (void)broker;
    return job_use_handle(job) ? start(job, CARD_MAC_START) : STEP_DONE;
}

enum step op_state_aead(struct broker *broker, struct job *job)
{
    (void)broker;
    if (job->sqe.arg > 1)
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    if (!job_read_aead(job, CM_AEAD_BEGIN) || !job_use_handle(job))
        return STEP_DONE;
    enum step step = start(job, CARD_AEAD_START);
    job->card.decrypt = job->sqe.arg == 1;
    return step;
}

static void use_finish(struct broker *broker, struct job *job)
{
    struct running *running = find(job, job->sqe.arg);
    if (!running)
        return; /* cannot be: who is busy is not freed */
    running->busy = false;
    if (job->sqe.op == CM_OP_STATE_COPY) {
        if (job->card.status != SDR_OK)
            return;
        job->value = keep(broker, job, running->start, running->key, false);
        if (!job->value)
            job->card.status = SDR_NOBUFFER;
        return;
    }
    if (job->card.op == CARD_AEAD_FINISH && job->card.status == SDR_OK && !running->decrypt) {
        memcpy(job->out, job->card.tag, sizeof job->card.tag);
        job->card.out = job->out;
        job->card.out_len = job->card.tag_len;
    }
    if (job->sqe.op == CM_OP_STATE_FINAL || job->card.status != SDR_OK)
        running_free(broker, job->session, running->id & (STATES_MAX - 1));
}

/* The state that a job asks for, made busy; NULL: refused. */
static struct running *use(struct job *job)
{
    struct running *running = find(job, job->sqe.arg);
    if (!running || running->busy) {
        refuse(job, CM_GATE_STEP, SDR_STEPERR);
        return NULL;
    }
    running->busy = true;
    job->card.state = running->state;
    job->finish = use_finish;
    return running;
}

static enum step release(struct running *running, struct job *job)
{
    running->busy = false;
    job->finish = NULL;
    return refuse(job, CM_GATE_STEP, SDR_STEPERR);
}

enum step op_state_update(struct broker *broker, struct job *job)
{
    (void)broker;
    struct running *running = use(job);
    if (!running)
        return STEP_DONE;
    job->card.op = running->start == CARD_HASH_START  ? CARD_HASH_UPDATE
                   : running->start == CARD_MAC_START ? CARD_MAC_UPDATE
                                                      : CARD_AEAD_UPDATE_AAD;
    return STEP_CARD;
}

/* In the private copy: what comes out is published when it is whole. */
enum step op_state_crypt(struct broker *broker, struct job *job)
{
    (void)broker;
    struct running *running = use(job);
    if (!running)
        return STEP_DONE;
    if (running->start != CARD_AEAD_START)
        return release(running, job);
    job_in_copy(job);
    job->card.op = CARD_AEAD_UPDATE;
    return STEP_CARD;
}

enum step op_state_final(struct broker *broker, struct job *job)
{
    (void)broker;
    struct running *running = use(job);
    if (!running)
        return STEP_DONE;
    bool compares = running->start == CARD_AEAD_START && running->decrypt;
    if (compares != (job->sqe.param_len != 0)) {
        running->busy = false;
        job->finish = NULL;
        return refuse(job, CM_GATE_PARAM, SDR_INARGERR);
    }
    job->reply = REPLY_PARAM;
    job->card.out = job->out;
    job->card.out_cap = CARD_DIGEST_MAX;
    job->card.op = running->start == CARD_HASH_START  ? CARD_HASH_FINISH
                   : running->start == CARD_MAC_START ? CARD_MAC_FINISH
                                                      : CARD_AEAD_FINISH;
    job->card.tag_len = (uint8_t)job->sqe.param_len;
    memcpy(job->card.tag, job->param, job->sqe.param_len);
    return STEP_CARD;
}

enum step op_state_copy(struct broker *broker, struct job *job)
{
    (void)broker;
    uint32_t place;
    if (!room(job->session, &place))
        return refuse(job, CM_GATE_LIMIT, SDR_NOBUFFER);
    struct running *running = use(job);
    if (!running)
        return STEP_DONE;
    if (running->start == CARD_AEAD_START)
        return release(running, job);
    job->card.op = CARD_STATE_COPY;
    return STEP_CARD;
}

enum step op_state_free(struct broker *broker, struct job *job)
{
    struct running *running = find(job, job->sqe.arg);
    if (!running || running->busy)
        return refuse(job, CM_GATE_STEP, SDR_STEPERR);
    running_free(broker, job->session, running->id & (STATES_MAX - 1));
    return STEP_DONE;
}
