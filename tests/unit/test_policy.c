/* SPDX-License-Identifier: Apache-2.0 */
/* proto/policy.h: names, families of algorithm ids, and the judgement of each operation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cardmux/sdf.h"
#include "proto/ops.h"

static void test_names(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 40; bit++) {
        struct cm_policy mask = {0};
        bool is_class = bit < 32 && cm_policy_all.denied_classes >> bit & 1;
        bool is_alg = bit < 32 && cm_policy_all.denied_algs >> bit & 1;
        assert_int_equal(cm_class_name(bit) != NULL, is_class);
        assert_int_equal(cm_alg_name(bit) != NULL, is_alg);
        if (is_class)
            assert_true(cm_policy_name(cm_class_name(bit), &mask));
        assert_int_equal(mask.denied_classes, is_class ? 1u << bit : 0);
        if (is_alg)
            assert_true(cm_policy_name(cm_alg_name(bit), &mask));
        assert_int_equal(mask.denied_algs, is_alg ? 1u << bit : 0);
    }
    uint32_t asked = 0;
    for (unsigned bit = 0; bit < 40; bit++) {
        const char *name = cm_asked_name(bit);
        struct cm_policy mask = {0};
        if (!name)
            continue;
        asked |= cm_asked_named(name);
        assert_int_equal(cm_asked_named(name), 1u << bit);
        assert_false(cm_policy_name(name, &mask)); /* a name means one thing */
    }
    assert_int_equal(asked, CM_ASKED_ALL);
    assert_int_equal(cm_asked_named("debug"), CM_ASKED_DEBUG);
    assert_int_equal(cm_asked_named("kek-handle"), CM_ASKED_KEK_HANDLE);
    assert_int_equal(cm_asked_named(""), CM_ASKED_NONE);
    assert_int_equal(cm_asked_named("files"), CM_ASKED_NONE);
    struct cm_policy mask = {0};
    assert_false(cm_policy_name("", &mask));
    assert_false(cm_policy_name("SM2", &mask));
    assert_int_equal(mask.denied_classes | mask.denied_algs, 0);
}

static void test_families(void **state)
{
    static const struct {
        uint32_t id;
        enum cm_alg family;
    } rows[] = {
        {SGD_SM4_CBC, A_SM4}, {SGD_SM4_MAC, A_SM4},   {SGD_AES_CTR, A_AES},   {SGD_SM1_ECB, A_SM1},
        {SGD_ZUC | 1, A_ZUC}, {SGD_SSF33, A_SSF33},   {0x02000400u, A_SM4},   {0x04002000u, A_AES},
        {SGD_SM2, A_SM2},     {SGD_SM2_1, A_SM2},     {SGD_SM2_2, A_SM2},     {SGD_SM2_3, A_SM2},
        {SGD_SM3_SM2, A_SM2}, {SGD_RSA, A_RSA},       {SGD_RSA_SIGN, A_RSA},  {SGD_SM3, A_SM3},
        {SGD_SHA1, A_SHA1},   {SGD_SHA256, A_SHA2},   {SGD_SHA224, A_SHA2},   {SGD_SHA384, A_SHA2},
        {SGD_SHA512, A_SHA2}, {SGD_SHA224_B, A_SHA2}, {SGD_SHA384_B, A_SHA2}, {SGD_SHA512_B, A_SHA2},
        {0, A_OTHER},         {0xffffffffu, A_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(cm_alg_family(rows[i].id), rows[i].family);
}

/* Nothing is denied to an empty policy; all that can be is denied to a full one; one bit denies its own alone. */
static void test_judgement(void **state)
{
    const struct cm_policy none = {0};
    unsigned always = 0;
    (void)state;
    for (uint32_t op = 0; op < CM_OP_END; op++) {
        const struct cm_op_info *info = cm_op_info(op);
        if (!info)
            continue;
        assert_true(info->class == C_ALWAYS || cm_class_name(info->class));
        assert_true(info->alg == A_NONE || info->alg == A_FIELD || cm_alg_name(info->alg));
        assert_true(info->alg != A_FIELD || info->fields & F_ALG);
        assert_int_equal(cm_policy_judge(&none, info, SGD_SM4_ECB), CM_ALLOWED);
        enum cm_verdict verdict = cm_policy_judge(&cm_policy_all, info, SGD_SM4_ECB);
        assert_int_equal(verdict, info->class != C_ALWAYS ? CM_DENIED_CLASS : CM_ALLOWED);
        always += info->class == C_ALWAYS;
        for (unsigned bit = 0; bit < 32; bit++) {
            struct cm_policy one = {.denied_classes = 1u << bit};
            assert_int_equal(cm_policy_judge(&one, info, SGD_SM4_ECB) == CM_DENIED_CLASS,
                             bit == info->class && bit != C_ALWAYS);
            one = (struct cm_policy){.denied_algs = 1u << bit};
            enum cm_alg family = info->alg == A_FIELD ? A_SM4 : (enum cm_alg)info->alg;
            assert_int_equal(cm_policy_judge(&one, info, SGD_SM4_ECB) == CM_DENIED_ALG, bit == family && bit != A_NONE);
        }
    }
    assert_in_range(always, 6, 20); /* more than that, and somebody forgot to think */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_judgement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
