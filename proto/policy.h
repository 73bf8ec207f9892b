/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h: what a tenant may do, apart from what its keys and rights allow: the names of policy.def, and one pure
 * function that judges an operation. A policy holds what is denied, so that an empty one allows all; what is denied
 * unless it is allowed are the exception, and have flags of the tenant instead.
 */
#ifndef CARDMUX_PROTO_POLICY_H
#define CARDMUX_PROTO_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum cm_class {
    C_ALWAYS = 0, /* cannot be denied */
#define CLASS(bit, NAME, name, what) C_##NAME = bit,
#define ALG(bit, NAME, name)
#include "proto/policy.def"
#undef CLASS
#undef ALG
};

enum cm_alg {
    A_NONE = 0,
#define CLASS(bit, NAME, name, what)
#define ALG(bit, NAME, name) A_##NAME = bit,
#include "proto/policy.def"
#undef CLASS
#undef ALG
    A_FIELD = 255, /* what the submission's field `alg` names: cm_alg_family */
};

/* Flags of a tenant: what is denied unless it is allowed. */
enum cm_asked {
    CM_ASKED_NONE = 0,
#define CLASS(bit, NAME, name, what)
#define ALG(bit, NAME, name)
#define ASKED(bit, NAME, name, what) CM_ASKED_##NAME = 1u << (bit),
#include "proto/policy.def"
#undef CLASS
#undef ALG
    CM_ASKED_ALL = 0
#define CLASS(bit, NAME, name, what)
#define ALG(bit, NAME, name)
#define ASKED(bit, NAME, name, what) | 1u << (bit)
#include "proto/policy.def"
#undef CLASS
#undef ALG
};

#define CM_POLICY_NAME 24 /* bytes of a name, the 0 included */

struct cm_policy {
    uint32_t denied_classes; /* bit c: enum cm_class c */
    uint32_t denied_algs;    /* bit a: enum cm_alg a */
};

/* Every bit that a policy may have. */
extern const struct cm_policy cm_policy_all;

struct cm_op_info;

/* The family of an SDF algorithm id, of any use; A_OTHER where the id is of none that has a name. */
enum cm_alg cm_alg_family(uint32_t alg);

enum cm_verdict {
    CM_ALLOWED = 0,
    CM_DENIED_CLASS,
    CM_DENIED_ALG
};
/* alg: the submission's. Pure; not for the path of a tenant to whom nothing is denied. */
enum cm_verdict cm_policy_judge(const struct cm_policy *policy, const struct cm_op_info *info, uint32_t alg);

/* The name of a bit; NULL: the bit has none. */
const char *cm_class_name(unsigned bit);
const char *cm_alg_name(unsigned bit);
const char *cm_asked_name(unsigned bit);
/* Adds what the name stands for to the masks; false: no such name. */
bool cm_policy_name(const char *name, struct cm_policy *mask);
/* The flag of that name; CM_ASKED_NONE: there is none. */
uint32_t cm_asked_named(const char *name);

#endif
