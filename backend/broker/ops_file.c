/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_file.c: handlers of files. All of them are the vault's work, on a worker's thread; one operation is one change of
 * the vault. Bytes go between the slot and the vault directly: nothing of them is parsed.
 */
#include "backend/broker/broker.h"

static uint32_t file_status(enum vault_result result, bool write)
{
    switch (result) {
    case VAULT_OK:
        return SDR_OK;
    case VAULT_NOT_FOUND:
        return SDR_FILENOEXIST;
    case VAULT_EXISTS:
        return SDR_FILEEXISTS;
    case VAULT_LIMIT:
        return SDR_FILESIZEERR;
    case VAULT_RANGE:
        return SDR_FILEOFSERR;
    case VAULT_INVALID:
        return SDR_INARGERR;
    case VAULT_IO:
        return write ? SDR_FILEWERR : SDR_HARDFAIL;
    default:
        return SDR_HARDFAIL;
    }
}

static uint32_t offset_of(const struct job *job)
{
    uint32_t offset;
    memcpy(&offset, job->param, sizeof offset);
    return offset;
}

static enum vault_result run_file(struct broker *broker, struct job *job, uint32_t tenant, char *error)
{
    const uint8_t *name = job->param;
    size_t name_len = job->sqe.param_len;
    if (job->sqe.op == CM_OP_FILE_CREATE)
        return vault_file_create(broker->vault, tenant, name, name_len, job->sqe.arg, error);
    if (job->sqe.op == CM_OP_FILE_DELETE)
        return vault_file_remove(broker->vault, tenant, name, name_len, error);
    name += sizeof(uint32_t);
    name_len -= sizeof(uint32_t);
    if (job->sqe.op == CM_OP_FILE_WRITE)
        return vault_file_write(broker->vault, tenant, name, name_len, offset_of(job), job->card.in, job->card.in_len,
                                job->sqe.arg, error);
    if (job->sqe.arg == 0) {
        size_t there = SIZE_MAX;
        enum vault_result result =
            vault_file_read(broker->vault, tenant, name, name_len, offset_of(job), NULL, &there, error);
        job->value = (uint32_t)there; /* VAULT_FILE_MAX at most */
        return result;
    }
    job->card.out_len = job->sqe.arg;
    return vault_file_read(broker->vault, tenant, name, name_len, offset_of(job), job->card.out, &job->card.out_len,
                           error);
}

static void file_work(struct broker *broker, struct task *task)
{
    struct job *job = (struct job *)((char *)task - offsetof(struct job, task));
    char error[VAULT_ERROR_TEXT] = "";
    uint32_t tenant = job->value;
    job->value = 0;
    enum vault_result result = run_file(broker, job, tenant, error);
    if (result == VAULT_IO || result == VAULT_DAMAGED)
        broker_log("tenant %u: a file cannot be used: %s", tenant, error);
    job->card.status = file_status(result, job->sqe.op != CM_OP_FILE_READ);
    job->kept = job->card.status == SDR_OK && job->sqe.op != CM_OP_FILE_READ;
}

static enum step file_start(struct job *job)
{
    job->value = job->channel->tenant->record.id; /* for the worker, who may not look at the tenant */
    job->task.work = file_work;
    job->task.done = job_finish_on_broker;
    return STEP_WORK;
}

enum step op_file_create(struct broker *broker, struct job *job)
{
    (void)broker;
    return file_start(job);
}

enum step op_file_read(struct broker *broker, struct job *job)
{
    (void)broker;
    if (job->sqe.arg > CM_SLOT_SIZE)
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    if (job->sqe.arg > 0)
        job->reply = REPLY_IN_PLACE;
    return file_start(job);
}

enum step op_file_write(struct broker *broker, struct job *job)
{
    (void)broker;
    if (job->sqe.arg < job->sqe.data_len)
        return refuse(job, CM_GATE_ARG, SDR_INARGERR);
    return file_start(job);
}

enum step op_file_delete(struct broker *broker, struct job *job)
{
    (void)broker;
    return file_start(job);
}
