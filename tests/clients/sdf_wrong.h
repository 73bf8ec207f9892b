/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdf_wrong.h: the table of wrong arguments. A row says: this function, with this parameter in this class of wrong,
 * everything else as it should be, answers this code. (Where a class is no error for a parameter, such as a NULL access
 * code for an index that has none, the row says SDR_OK, or the code that then comes.)
 *
 * Which rows a function needs is made from its prototype in sdf.h by gen-wrong (gen_wrong.h); sdf_wrong_missing() holds
 * what was met against that, for each function that functions.def says works. Rows are written in files of cases like
 * sdf_wrong_key.c; the classes are
 *
 *     parameter             classes
 *     hSessionHandle        null dead kind      (kind: a live handle of another kind); order (no Init before) of
 *                                               Update and Final
 *     hDeviceHandle         null dead kind
 *     h...Handle, others    null dead foreign   (foreign: of another session)
 *     pointers              null; code (a wrong access code) of pucPassword
 *     ui...Index            absent              (nothing is there); right (the session has no right) of uiISKIndex
 *     ui(Prf|Ecc)AlgID      unknown
 *     uiKeyBits...          unknown
 *     ui...Length, NameLen  zero                (of what goes in); long of uiPwdLength; unaligned of uiDataLength of
 *                                               Encrypt, Decrypt and CalculateMAC
 *
 * and beside these, wherever they can happen, in rows that nothing demands by itself: long, unaligned, right, code,
 * order, value.
 */
#ifndef CARDMUX_TESTS_SDF_WRONG_H
#define CARDMUX_TESTS_SDF_WRONG_H

#include "tests/clients/sdf_cases.h"

/* Notes the row where the code is the wanted one. */
bool sdf_wrong(struct sdf_env *env, const char *function, const char *parameter, const char *class, uint32_t want,
               uint32_t got, int line);
/* Says which rows were not met, of all functions that work; returns how many functions lack one. `except` names a file
   with functions, a line each, that may lack rows; one that lacks none must not stand there. */
int sdf_wrong_missing(FILE *out, const char *except);

#define WRONG(parameter, class, want, f, ...)                                                                          \
    sdf_wrong(env, #f, #parameter, #class, (uint32_t)(want), (uint32_t)f(__VA_ARGS__), __LINE__)

/* The rows of a function's session, with the arguments behind it. */
#define WRONG_SESSION(f, ...)                                                                                          \
    do {                                                                                                               \
        void *dead_ = sdf_dead_session(env);                                                                           \
        WRONG(hSessionHandle, null, SDR_INARGERR, f, NULL, __VA_ARGS__);                                               \
        WRONG(hSessionHandle, dead, SDR_INARGERR, f, dead_, __VA_ARGS__);                                              \
        WRONG(hSessionHandle, kind, SDR_INARGERR, f, env->device, __VA_ARGS__);                                        \
    } while (0)

/* The rows of a key handle that comes second. */
#define WRONG_KEY(parameter, f, ...)                                                                                   \
    do {                                                                                                               \
        void *other_ = NULL, *foreign_ = sdf_foreign_key(env, &other_);                                                \
        WRONG(parameter, null, SDR_INARGERR, f, env->session, NULL, __VA_ARGS__);                                      \
        WRONG(parameter, foreign, SDR_INARGERR, f, env->session, foreign_, __VA_ARGS__);                               \
        SDF_CloseSession(other_);                                                                                      \
        WRONG(parameter, dead, SDR_INARGERR, f, env->session, foreign_, __VA_ARGS__);                                  \
    } while (0)

/* A session that was closed; a key of another session, which is the caller's to close. */
void *sdf_dead_session(struct sdf_env *env);
void *sdf_foreign_key(struct sdf_env *env, void **session);

#endif
