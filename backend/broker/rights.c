/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights.c: what a session may use: private keys of an index, and KEKs. Two kinds of right, taken and given back the
 * same way; each counts, and lasts until it was released as often as it was taken.
 *
 * The right to private keys is needed always, whether the index has an access code or not (GM/T 0018 on
 * SDF_GetPrivateKeyAccessRight); that to a KEK only where the KEK has one, because KEKs had neither before 2023.
 *
 * A code costs one scrypt for each session that gives it: the right keeps a mark of the code that was right
 * (vault.h), and the same code again is known by it. A wrong code costs the mark too, so that marks are not what codes
 * are tried against. (While its index is locked a session that has the right may take it once more by the mark: it can
 * use it anyway.) Marks go with the right: released, revoked because the code was set anew, or the session's end.
 */
#include "backend/broker/ops_key.h"

#include <stdlib.h>

#include "backend/broker/keycache.h"

#define RIGHTS_STEP 4u

_Static_assert(2 * VAULT_MARK <= JOB_BYTES, "a job has room for a mark");

/* Pairs of all kinds share what their index has; SM2 stands for them. */
static enum vault_key_kind domain(enum vault_key_kind kind)
{
    return kind == VAULT_KEY_KEK ? VAULT_KEY_KEK : VAULT_KEY_SM2;
}

static enum vault_key_kind job_domain(const struct job *job)
{
    return job->sqe.op == CM_OP_KEK_RIGHT_GET || job->sqe.op == CM_OP_KEK_RIGHT_RELEASE ? VAULT_KEY_KEK : VAULT_KEY_SM2;
}

static struct right *right_find(const struct session *session, enum vault_key_kind kind, uint32_t index)
{
    for (unsigned i = 0; i < session->right_count; i++)
        if (session->rights[i].index == index && session->rights[i].kind == domain(kind))
            return &session->rights[i];
    return NULL;
}

bool session_has_right(const struct session *session, enum vault_key_kind kind, uint32_t index)
{
    return right_find(session, kind, index) != NULL;
}

static void right_drop(struct session *session, struct right *right)
{
    struct right *last = &session->rights[--session->right_count];
    *right = *last;
    explicit_bzero(last, sizeof *last);
}

static struct right *right_add(struct session *session)
{
    if (session->right_count == session->right_room) {
        unsigned room = session->right_room + RIGHTS_STEP;
        struct right *more = room <= SESSION_RIGHTS_MAX ? calloc(room, sizeof *more) : NULL;
        if (!more)
            return NULL;
        if (session->right_count) {
            memcpy(more, session->rights, session->right_count * sizeof *more);
            explicit_bzero(session->rights, session->right_count * sizeof *more);
        }
        free(session->rights);
        session->rights = more;
        session->right_room = room;
    }
    return &session->rights[session->right_count++];
}

void session_rights_free(struct session *session)
{
    if (session->rights)
        explicit_bzero(session->rights, session->right_room * sizeof *session->rights);
    free(session->rights);
    session->rights = NULL;
    session->right_count = session->right_room = 0;
}

void tenant_rights_revoke(struct tenant *tenant, enum vault_key_kind kind, uint32_t index)
{
    tenant->codes_set++;
    for (struct region *region = tenant->regions; region; region = region->next)
        for (unsigned i = 0; i < region->qp_count; i++) {
            const struct numbers *sessions = &region->channels[i].sessions;
            for (uint32_t at = 0; at < sessions->room; at++) {
                struct session *session = sessions->slots[at].number ? sessions->slots[at].object : NULL;
                struct right *right = session ? right_find(session, kind, index) : NULL;
                if (right)
                    right_drop(session, right);
            }
        }
}

bool lacks_code(const struct job *job, bool has_code)
{
    return !has_code && job->channel->tenant->policy.codes == VAULT_CODES_ALWAYS;
}

/* What the index has: a code or none. False: refused, or on its way. */
static bool find_code(struct job *job, bool *has_code)
{
    struct tenant *tenant = job->channel->tenant;
    bool kek = job_domain(job) == VAULT_KEY_KEK;
    for (unsigned kind = 1; kind < VAULT_KEY_KINDS; kind++) {
        struct keypair *pair = kek || kind == VAULT_KEY_KEK
                                   ? NULL
                                   : keycache_pair(tenant->broker, tenant, (enum vault_key_kind)kind, job->sqe.key);
        if (!pair)
            continue;
        *has_code = pair->has_code;
        return true;
    }
    struct kek *found = kek ? keycache_kek(tenant->broker, tenant, job->sqe.key) : NULL;
    if (found)
        *has_code = found->has_code;
    else if (!job_wants(job, kek ? VAULT_KEY_KEK : 0, job->sqe.key))
        refuse(job, CM_GATE_KEY, SDR_KEYNOTEXIST);
    return found != NULL;
}

/* On a worker's thread. Leaves the mark of a right code in job->out. */
static void check_code(struct broker *broker, struct task *task)
{
    struct job *job = (struct job *)((char *)task - offsetof(struct job, task));
    const struct vault_tenant *tenant = &job->channel->tenant->record;
    enum vault_key_kind kind = job_domain(job);
    char error[VAULT_ERROR_TEXT] = "";
    enum vault_result result =
        vault_code_check(broker->vault, tenant->id, kind, job->sqe.key, job->param, job->sqe.param_len, error);
    if (result == VAULT_OK)
        job->marked = vault_code_mark(broker->vault, job->session->nonce, kind, job->sqe.key, job->param,
                                      job->sqe.param_len, job->out);
    explicit_bzero(job->param, sizeof job->param);
    audit_code(broker, tenant, kind, job->sqe.key, result);
    switch (result) {
    case VAULT_OK:
        job->card.status = SDR_OK;
        break;
    case VAULT_BAD_CODE:
    case VAULT_LOCKED:
        job->card.status = SDR_PRKRERR;
        break;
    case VAULT_NOT_FOUND:
        job->card.status = SDR_KEYNOTEXIST;
        break;
    default:
        broker_log("tenant %s, key %u: access code cannot be checked: %s", tenant->name, job->sqe.key, error);
        job->card.status = SDR_HARDFAIL;
        break;
    }
}

static void right_forget_mark(struct right *right)
{
    right->marked = false;
    explicit_bzero(right->mark, sizeof right->mark);
}

/* One more of it. mark NULL: the code, if there is one, is as it was. */
static uint32_t grant(struct session *session, enum vault_key_kind kind, uint32_t index, const uint8_t *mark)
{
    struct right *right = right_find(session, kind, index);
    if (!right) {
        right = right_add(session);
        if (!right)
            return SDR_NOBUFFER;
        *right = (struct right){.index = index, .kind = kind};
    }
    right->count += right->count < UINT32_MAX;
    if (mark) {
        right->marked = true;
        memcpy(right->mark, mark, sizeof right->mark);
    }
    return SDR_OK;
}

static void right_finish(struct broker *broker, struct job *job)
{
    (void)broker;
    enum vault_key_kind kind = job_domain(job);
    bool codes_same = job->value == job->channel->tenant->codes_set;
    job->value = 0;
    if (job->card.status == SDR_OK && !codes_same)
        job->card.status = SDR_PRKRERR; /* it may have been right a moment ago */
    if (job->card.status == SDR_OK) {
        job->card.status = grant(job->session, kind, job->sqe.key, job->marked ? job->out : NULL);
    } else if (job->card.status == SDR_PRKRERR) {
        struct right *right = right_find(job->session, kind, job->sqe.key);
        if (right)
            right_forget_mark(right);
    }
}

/* Is it the code that this session has given already? */
static bool known_code(struct broker *broker, struct job *job)
{
    const struct right *right = right_find(job->session, job_domain(job), job->sqe.key);
    uint8_t mark[VAULT_MARK];
    bool known = right && right->marked &&
                 vault_code_mark(broker->vault, job->session->nonce, right->kind, right->index, job->param,
                                 job->sqe.param_len, mark) &&
                 vault_mark_equal(mark, right->mark);
    explicit_bzero(mark, sizeof mark);
    return known;
}

enum step op_right_get(struct broker *broker, struct job *job)
{
    bool has_code;
    job->secret = true;
    job->marked = false;
    if (!find_code(job, &has_code))
        return STEP_DONE;
    if (lacks_code(job, has_code))
        return refuse(job, CM_GATE_POLICY, SDR_PARDENY);
    job->finish = right_finish;
    job->value = job->channel->tenant->codes_set;
    if (!has_code && !job->sqe.param_len)
        return STEP_DONE;
    if (!has_code || !job->sqe.param_len) { /* a code where there is none, none where there is one */
        job->card.status = SDR_PRKRERR;
        return STEP_DONE;
    }
    if (known_code(broker, job))
        return STEP_DONE;
    if (!job->session->has_nonce && !(job->session->has_nonce = vault_mark_nonce(job->session->nonce))) {
        job->card.status = SDR_HARDFAIL;
        return STEP_DONE;
    }
    job->task.work = check_code;
    job->task.done = job_finish_on_broker;
    return STEP_WORK;
}

enum step op_right_release(struct broker *broker, struct job *job)
{
    struct right *right = right_find(job->session, job_domain(job), job->sqe.key);
    bool has_code;
    (void)broker;
    if (right) {
        if (!--right->count)
            right_drop(job->session, right);
        return STEP_DONE;
    }
    if (!find_code(job, &has_code))
        return STEP_DONE;
    return refuse(job, CM_GATE_RIGHT, SDR_PARDENY);
}
