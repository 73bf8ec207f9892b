/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/policy.h"

#include <stddef.h>
#include <string.h>

#include "proto/ops.h"

static const char *const class_names[32] = {
#define CLASS(bit, NAME, name, what) [bit] = name,
#define ALG(bit, NAME, name)
#include "proto/policy.def"
#undef CLASS
#undef ALG
};

static const char *const alg_names[32] = {
#define CLASS(bit, NAME, name, what)
#define ALG(bit, NAME, name) [bit] = name,
#include "proto/policy.def"
#undef CLASS
#undef ALG
};

static const char *const asked_names[32] = {
#define CLASS(bit, NAME, name, what)
#define ALG(bit, NAME, name)
#define ASKED(bit, NAME, name, what) [bit] = name,
#include "proto/policy.def"
#undef CLASS
#undef ALG
};

#define CLASS(bit, NAME, name, what)                                                                                   \
    _Static_assert((bit) > 0 && (bit) < 32 && sizeof(name) <= CM_POLICY_NAME, "a bit of a mask, and a short name");
#define ALG(bit, NAME, name)         CLASS(bit, NAME, name, "")
#define ASKED(bit, NAME, name, what) CLASS(bit, NAME, name, "")
#include "proto/policy.def"
#undef CLASS
#undef ALG

const struct cm_policy cm_policy_all = {
#define CLASS(bit, NAME, name, what) | 1u << (bit)
#define ALG(bit, NAME, name)
    .denied_classes = 0u
#include "proto/policy.def"
    ,
#undef CLASS
#undef ALG
#define CLASS(bit, NAME, name, what)
#define ALG(bit, NAME, name) | 1u << (bit)
    .denied_algs = 0u
#include "proto/policy.def"
#undef CLASS
#undef ALG
};

static enum cm_alg hash_family(uint32_t alg)
{
    switch (alg) {
    case 0x01:
        return A_SM3;
    case 0x02:
        return A_SHA1;
    case 0x80:
        return A_MD5;
    case 0x03: /* SHA-2 has two numberings in the field */
    case 0x04:
    case 0x05:
    case 0x06:
    case 0x08:
    case 0x10:
    case 0x20:
        return A_SHA2;
    default:
        return A_OTHER;
    }
}

/* mode bits: the low byte, and above 24 bits those of authenticated modes */
static enum cm_alg cipher_family(uint32_t alg)
{
    switch (alg & 0xffff00u) {
    case 0x0100:
        return A_SM1;
    case 0x0200:
        return A_SSF33;
    case 0x0400:
        return A_SM4;
    case 0x0800:
        return A_ZUC;
    case 0x2000:
        return A_AES;
    case 0x4000:
        return A_DES;
    default:
        return A_OTHER;
    }
}

enum cm_alg cm_alg_family(uint32_t alg)
{
    if (alg < 0x100)
        return hash_family(alg);
    if (alg == 0x1004 || alg == 0x1008 || alg == 0x1010 || alg == 0x1020) /* no cipher that a card here has */
        return A_SHA3;
    switch (alg & 0xffff0000u) {
    case 0x00010000:
        return A_RSA;
    case 0x00020000:
        return A_SM2;
    case 0x00040000:
        return A_ECDSA;
    case 0x00080000:
    case 0x00100000:
        return A_SM9;
    default:
        return cipher_family(alg);
    }
}

enum cm_verdict cm_policy_judge(const struct cm_policy *policy, const struct cm_op_info *info, uint32_t alg)
{
    if (info->class != C_ALWAYS && policy->denied_classes >> info->class & 1)
        return CM_DENIED_CLASS;
    enum cm_alg family = info->alg == A_FIELD ? cm_alg_family(alg) : (enum cm_alg)info->alg;
    return family != A_NONE && policy->denied_algs >> family & 1 ? CM_DENIED_ALG : CM_ALLOWED;
}

const char *cm_class_name(unsigned bit)
{
    return bit < 32 ? class_names[bit] : NULL;
}

const char *cm_alg_name(unsigned bit)
{
    return bit < 32 ? alg_names[bit] : NULL;
}

const char *cm_asked_name(unsigned bit)
{
    return bit < 32 ? asked_names[bit] : NULL;
}

uint32_t cm_asked_named(const char *name)
{
    for (unsigned bit = 0; bit < 32; bit++)
        if (asked_names[bit] && strcmp(asked_names[bit], name) == 0)
            return 1u << bit;
    return CM_ASKED_NONE;
}

bool cm_policy_name(const char *name, struct cm_policy *mask)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        if (class_names[bit] && strcmp(class_names[bit], name) == 0) {
            mask->denied_classes |= 1u << bit;
            return true;
        }
        if (alg_names[bit] && strcmp(alg_names[bit], name) == 0) {
            mask->denied_algs |= 1u << bit;
            return true;
        }
    }
    return false;
}
