/* SPDX-License-Identifier: Apache-2.0 */
/* ops.h: the operation table; the rows and what their columns mean are in ops.def. */
#ifndef CARDMUX_PROTO_OPS_H
#define CARDMUX_PROTO_OPS_H

#include <stdint.h>
#include "proto/layout.h"
#include "proto/policy.h"

enum cm_op {
#define OP(number, NAME, function, pmin, pmax, dmin, dmax, fields, traits, class, alg) CM_OP_##NAME = number,
#include "proto/ops.def"
#undef OP
    CM_OP_END
};

enum cm_op_field {
    F_SESSION = 1u << 0,
    F_KEY = 1u << 1,
    F_ALG = 1u << 2,
    F_ARG = 1u << 3,
    F_IV = 1u << 4,
};

enum cm_op_trait {
    T_REPEAT = 1u << 0,
    T_NEEDS = 1u << 1,
    T_MAKES = 1u << 2,
    T_COPY = 1u << 3,
    T_SLOW = 1u << 4,
    T_ASYM = 1u << 5,
    T_KEYS = 1u << 6,
    T_DEBUG = 1u << 7,
    T_KEK_HANDLE = 1u << 8,
    T_PAIR_IMPORT = 1u << 9,
};

/* What of enum cm_asked the operation needs, from its traits: they have the same order. */
#define T_ASKED_SHIFT 6
#define T_ASKED       (T_DEBUG | T_KEK_HANDLE | T_PAIR_IMPORT)
_Static_assert(T_DEBUG >> T_ASKED_SHIFT == CM_ASKED_DEBUG && T_KEK_HANDLE >> T_ASKED_SHIFT == CM_ASKED_KEK_HANDLE &&
                   T_PAIR_IMPORT >> T_ASKED_SHIFT == CM_ASKED_PAIR_IMPORT && T_ASKED >> T_ASKED_SHIFT == CM_ASKED_ALL,
               "a trait for each thing that must be asked for");

struct cm_op_info {
    const char *name;
    const char *function;
    uint16_t param_min, param_max;
    uint16_t data_min, data_max;
    uint16_t fields; /* enum cm_op_field */
    uint16_t traits; /* enum cm_op_trait */
    uint8_t class;   /* enum cm_class */
    uint8_t alg;     /* enum cm_alg */
};

/* The row of an operation; NULL where there is none of that number. */
const struct cm_op_info *cm_op_info(uint32_t op);

/* What the gate finds wrong with a submission, by itself: lengths, unused fields, flags. The rest (session, key,
   right) is the broker's to look up, and counted by it under the other names. */
enum cm_gate {
    CM_GATE_OK = 0,
    CM_GATE_OP,      /* no such operation */
    CM_GATE_FLAGS,   /* unknown flag bits */
    CM_GATE_SLOT,    /* slot out of range */
    CM_GATE_BUSY,    /* slot already in flight */
    CM_GATE_PARAM,   /* param_len outside the operation's limits */
    CM_GATE_DATA,    /* data_len outside the operation's limits */
    CM_GATE_FIELD,   /* a field that the operation does not use is not 0 */
    CM_GATE_STALE,   /* generation or epoch of somebody else: not answered */
    CM_GATE_SESSION, /* no such session */
    CM_GATE_KEY,     /* no such key or handle */
    CM_GATE_RIGHT,   /* private-key right missing */
    CM_GATE_ALG,     /* algorithm unknown, or not the card's */
    CM_GATE_ARG,     /* argument out of range */
    CM_GATE_STEP,    /* wrong order of calls */
    CM_GATE_LIMIT,   /* a limit of the tenant is reached */
    CM_GATE_POLICY,  /* denied to this tenant */
    CM_GATE_STREAM,  /* not a frame of the stream protocol: ends the connection */
    CM_GATE_END
};

const char *cm_gate_name(enum cm_gate reason);

/* Checks a private copy of a submission; busy has bit s set for each slot in flight. Pure. */
enum cm_gate cm_gate_check(const struct cm_sqe *sqe, uint64_t busy);

#endif
