/* covers: proto/ops.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate and the operation table, on any 64 bytes that a front end may write as a submission. What the gate lets
 * through must really be within the limits of its row; the check is made here a second time, in other words.
 */
#include <stdlib.h>
#include <string.h>
#include "proto/ops.h"

static void must(int condition)
{
    if (!condition)
        abort();
}

static void check_passed(const struct cm_sqe *sqe, uint64_t busy)
{
    const struct cm_op_info *info = cm_op_info(sqe->op);
    static const uint8_t no_iv[16];
    must(info != NULL);
    must(sqe->flags == 0 && sqe->slot < CM_SLOTS && !(busy & (1ull << sqe->slot)));
    must(info->param_min <= sqe->param_len && sqe->param_len <= info->param_max && sqe->param_len <= CM_PARAM_SIZE);
    must(info->data_min <= sqe->data_len && sqe->data_len <= info->data_max && sqe->data_len <= CM_SLOT_SIZE);
    must((info->fields & F_SESSION) || sqe->session == 0);
    must((info->fields & F_KEY) || sqe->key == 0);
    must((info->fields & F_ALG) || sqe->alg == 0);
    must((info->fields & F_ARG) || sqe->arg == 0);
    must((info->fields & F_IV) || memcmp(sqe->iv, no_iv, sizeof no_iv) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cm_sqe sqe;
    uint64_t busy = 0;
    if (size < sizeof sqe)
        return 0;
    memcpy(&sqe, data, sizeof sqe);
    if (size >= sizeof sqe + sizeof busy)
        memcpy(&busy, data + sizeof sqe, sizeof busy);
    enum cm_gate reason = cm_gate_check(&sqe, busy);
    must(strcmp(cm_gate_name(reason), "?") != 0);
    must(strcmp(cm_gate_name((enum cm_gate)(CM_GATE_END + sqe.tag % 1000)), "?") == 0);
    if (reason == CM_GATE_OK)
        check_passed(&sqe, busy);
    if (cm_op_info(sqe.tag))
        must(cm_op_info(sqe.tag)->name[0] != 0);
    return 0;
}
