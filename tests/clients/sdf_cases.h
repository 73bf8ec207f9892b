/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdf_cases.h: what SDF must do, as a table of functions that need sdf.h and, as judge, libcrypto. The same cases run
 * against a fake back end (unit), a daemon (wire), and inside containers and VMs.
 *
 * The tenant: key index 1 without an access code, index 2 with the code "12345678", no index 3, each with SM2 and RSA
 * pairs, the latter of 2048 bits at index 1 and 3072 at 2; KEKs of 128 bits at index 1 without a code, at 2 with the
 * same. Each case gets a session of its own.
 *
 * Every call goes through CALL or FAILS, which also note (function, code, case) where the expectation was met: that is
 * the table function x state x test, and sdf_calls_missing() holds it against frontend/sdf/functions.def.
 */
#ifndef CARDMUX_TESTS_SDF_CASES_H
#define CARDMUX_TESTS_SDF_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "cardmux/sdf.h"

struct sdf_env {
    void *device, *session;
    const char *name; /* of the running case */
    int failed;
};

struct sdf_case {
    const char *name;
    void (*run)(struct sdf_env *env);
};

extern const struct sdf_case sdf_cases[]; /* ended by a NULL name */

/* Opens a session on env->device, runs the case, closes the session; true where all expectations were met. */
bool sdf_case_run(const struct sdf_case *c, struct sdf_env *env);
/* "function  code  case": one line for each that was met. */
void sdf_calls_print(FILE *out);
/* Says which functions lack a test that they need; returns how many do. */
int sdf_calls_missing(FILE *out);
const char *sdf_code_name(uint32_t code);

/* For the cases. Not from threads. */
bool sdf_met(struct sdf_env *env, const char *function, bool any_error, uint32_t want, uint32_t got, int line);
bool sdf_holds(struct sdf_env *env, bool truth, const char *text, int line);
#define CALL(want, f, ...) sdf_met(env, #f, false, (uint32_t)(want), (uint32_t)f(__VA_ARGS__), __LINE__)
#define FAILS(f, ...)      sdf_met(env, #f, true, 0, (uint32_t)f(__VA_ARGS__), __LINE__)
#define HOLDS(...)         sdf_holds(env, (__VA_ARGS__), #__VA_ARGS__, __LINE__)

/* A session key in the card whose bytes the case knows; NULL on failure. */
void *sdf_known_key(struct sdf_env *env, unsigned bits, uint8_t bytes[32]);
void sdf_point(const uint8_t point[64], ECCrefPublicKey *key);
void sdf_point_bytes(const ECCrefPublicKey *key, uint8_t point[64]);
_Static_assert(sizeof(ECCCipher) >= 164 + 255, "programs have variables of it");

/* x || y || M || C, between the wire's order and ECCCipher; the object owns 164 + C bytes. */
size_t sdf_cipher_bytes(const ECCCipher *cipher, uint8_t *out);
void sdf_cipher_fill(ECCCipher *cipher, const uint8_t *in, size_t len);

union sdf_cipher { /* an ECCCipher with room, and a canary behind */
    ECCCipher c;
    uint8_t bytes[164 + 255 + 16];
};

/* In their own files; entered in sdf_cases[]. */
void case_device(struct sdf_env *env);
void case_handles(struct sdf_env *env);
void case_random(struct sdf_env *env);
void case_rights(struct sdf_env *env);
void case_messages(struct sdf_env *env);
void case_absent(struct sdf_env *env);
void case_export(struct sdf_env *env);
void case_keypair(struct sdf_env *env);
void case_epk(struct sdf_env *env);
void case_ipk_isk(struct sdf_env *env);
void case_kek(struct sdf_env *env);
void case_kek_rights(struct sdf_env *env);
void case_kek_handle(struct sdf_env *env);
void case_pair_import(struct sdf_env *env);
void case_export_key(struct sdf_env *env);
void case_wrong_export(struct sdf_env *env);
void case_destroy(struct sdf_env *env);
void case_sign(struct sdf_env *env);
void case_pke(struct sdf_env *env);
void case_arity(struct sdf_env *env);
void case_rsa_export(struct sdf_env *env);
void case_rsa_keypair(struct sdf_env *env);
void case_rsa_raw(struct sdf_env *env);
void case_rsa_ipk_isk(struct sdf_env *env);
void case_rsa_epk(struct sdf_env *env);
void case_rsa_code(struct sdf_env *env);
void case_rsa_large(struct sdf_env *env);
void case_agree(struct sdf_env *env);
void case_derive_tls(struct sdf_env *env);
void case_derive_tls_epk(struct sdf_env *env);
void case_derive_known(struct sdf_env *env);
void case_derive_channel(struct sdf_env *env);
void case_derive_refused(struct sdf_env *env);
void case_derive_ike(struct sdf_env *env);
void case_derive_ike_epk(struct sdf_env *env);
void case_derive_ipsec(struct sdf_env *env);
void case_derive_ipsec_epk(struct sdf_env *env);
void case_derive_tunnel(struct sdf_env *env);
void case_derive_nothing_stays(struct sdf_env *env);
void case_envelope(struct sdf_env *env);
void case_debug_asym(struct sdf_env *env);
void case_cipher(struct sdf_env *env);
void case_cipher_chain(struct sdf_env *env);
void case_cipher_huge(struct sdf_env *env);
void case_cipher_wrong(struct sdf_env *env);
void case_mac(struct sdf_env *env);
void case_xts(struct sdf_env *env);
void case_multi_cipher(struct sdf_env *env);
void case_multi_steps(struct sdf_env *env);
void case_mac_multi(struct sdf_env *env);
void case_hmac(struct sdf_env *env);
void case_import(struct sdf_env *env);
void case_auth(struct sdf_env *env);
void case_auth_wrong(struct sdf_env *env);
void case_auth_multi(struct sdf_env *env);
void case_auth_steps(struct sdf_env *env);
void case_debug(struct sdf_env *env);
void case_hash(struct sdf_env *env);
void case_hash_z(struct sdf_env *env);
void case_hash_steps(struct sdf_env *env);
void case_files(struct sdf_env *env);
void case_files_long(struct sdf_env *env);
void case_files_wrong(struct sdf_env *env);
void case_ext_hash(struct sdf_env *env);
void case_ext_many_hashes(struct sdf_env *env);
void case_ext_info(struct sdf_env *env);
void case_ext_batch(struct sdf_env *env);
void case_ext_queue(struct sdf_env *env);
void case_wrong_multi(struct sdf_env *env);
void case_wrong_auth(struct sdf_env *env);
void case_wrong_debug(struct sdf_env *env);
void case_threads(struct sdf_env *env);
void case_close_race(struct sdf_env *env);
void case_fork(struct sdf_env *env);

/* Rows of wrong arguments: sdf_wrong.h. */
void case_wrong_device(struct sdf_env *env);
void case_wrong_key(struct sdf_env *env);
void case_wrong_wrapped(struct sdf_env *env);
void case_wrong_stored(struct sdf_env *env);
void case_wrong_kek_right(struct sdf_env *env);
void case_wrong_sm2(struct sdf_env *env);
void case_wrong_rsa(struct sdf_env *env);
void case_wrong_rights(struct sdf_env *env);
void case_wrong_agree(struct sdf_env *env);
void case_wrong_respond(struct sdf_env *env);
void case_wrong_derive(struct sdf_env *env);
void case_wrong_derive_epk(struct sdf_env *env);
void case_wrong_ike(struct sdf_env *env);
void case_wrong_ike_epk(struct sdf_env *env);
void case_wrong_ipsec(struct sdf_env *env);
void case_wrong_ipsec_epk(struct sdf_env *env);
void case_wrong_envelope(struct sdf_env *env);
void case_wrong_clear(struct sdf_env *env);
void case_wrong_data(struct sdf_env *env);
void case_wrong_hash(struct sdf_env *env);
void case_wrong_file(struct sdf_env *env);

#endif
