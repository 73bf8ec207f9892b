/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/ops.h"
#include <stddef.h>

static const struct cm_op_info table[] = {
#define OP(number, NAME, function, pmin, pmax, dmin, dmax, fields, traits, class, alg)                                 \
    [number] = {#NAME, function, pmin, pmax, dmin, dmax, fields, traits, class, alg},
#include "proto/ops.def"
#undef OP
};

static const char *const gate_names[] = {
    [CM_GATE_OK] = "ok",           [CM_GATE_OP] = "op",         [CM_GATE_FLAGS] = "flags", [CM_GATE_SLOT] = "slot",
    [CM_GATE_BUSY] = "busy",       [CM_GATE_PARAM] = "param",   [CM_GATE_DATA] = "data",   [CM_GATE_FIELD] = "field",
    [CM_GATE_STALE] = "stale",     [CM_GATE_KEY] = "key",       [CM_GATE_RIGHT] = "right", [CM_GATE_ALG] = "alg",
    [CM_GATE_SESSION] = "session", [CM_GATE_ARG] = "arg",       [CM_GATE_STEP] = "step",   [CM_GATE_LIMIT] = "limit",
    [CM_GATE_POLICY] = "policy",   [CM_GATE_STREAM] = "stream",
};
_Static_assert(sizeof gate_names / sizeof *gate_names == CM_GATE_END, "a name for each reason");

const struct cm_op_info *cm_op_info(uint32_t op)
{
    if (op >= sizeof table / sizeof *table || !table[op].name)
        return NULL;
    return &table[op];
}

const char *cm_gate_name(enum cm_gate reason)
{
    return (unsigned)reason < CM_GATE_END ? gate_names[reason] : "?";
}

static int iv_is_zero(const uint8_t *iv)
{
    uint8_t all = 0;
    for (int i = 0; i < 16; i++)
        all |= iv[i];
    return all == 0;
}

enum cm_gate cm_gate_check(const struct cm_sqe *sqe, uint64_t busy)
{
    const struct cm_op_info *info = cm_op_info(sqe->op);
    if (!info)
        return CM_GATE_OP;
    if (sqe->flags)
        return CM_GATE_FLAGS;
    if (sqe->slot >= CM_SLOTS)
        return CM_GATE_SLOT;
    if (busy >> sqe->slot & 1)
        return CM_GATE_BUSY;
    if (sqe->param_len < info->param_min || sqe->param_len > info->param_max)
        return CM_GATE_PARAM;
    if (sqe->data_len < info->data_min || sqe->data_len > info->data_max)
        return CM_GATE_DATA;
    if ((!(info->fields & F_SESSION) && sqe->session) || (!(info->fields & F_KEY) && sqe->key) ||
        (!(info->fields & F_ALG) && sqe->alg) || (!(info->fields & F_ARG) && sqe->arg) ||
        (!(info->fields & F_IV) && !iv_is_zero(sqe->iv)))
        return CM_GATE_FIELD;
    return CM_GATE_OK;
}
