/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "tests/clients/sdf_cases.h"
#include "tests/clients/sm2_raw.h"

const struct sdf_case sdf_cases[] = {
    {"device", case_device},
    {"handles", case_handles},
    {"random", case_random},
    {"rights", case_rights},
    {"messages", case_messages},
    {"absent", case_absent},
    {"export", case_export},
    {"keypair", case_keypair},
    {"epk", case_epk},
    {"ipk_isk", case_ipk_isk},
    {"kek", case_kek},
    {"kek_rights", case_kek_rights},
    {"kek_handle", case_kek_handle},
    {"pair_import", case_pair_import},
    {"export_key", case_export_key},
    {"destroy", case_destroy},
    {"sign", case_sign},
    {"pke", case_pke},
    {"arity", case_arity},
    {"rsa_export", case_rsa_export},
    {"rsa_keypair", case_rsa_keypair},
    {"rsa_raw", case_rsa_raw},
    {"rsa_ipk_isk", case_rsa_ipk_isk},
    {"rsa_epk", case_rsa_epk},
    {"rsa_code", case_rsa_code},
    {"rsa_large", case_rsa_large},
    {"agree", case_agree},
    {"derive_tls", case_derive_tls},
    {"derive_tls_epk", case_derive_tls_epk},
    {"derive_known", case_derive_known},
    {"derive_channel", case_derive_channel},
    {"derive_refused", case_derive_refused},
    {"derive_ike", case_derive_ike},
    {"derive_ike_epk", case_derive_ike_epk},
    {"derive_ipsec", case_derive_ipsec},
    {"derive_ipsec_epk", case_derive_ipsec_epk},
    {"derive_tunnel", case_derive_tunnel},
    {"derive_nothing_stays", case_derive_nothing_stays},
    {"envelope", case_envelope},
    {"debug_asym", case_debug_asym},
    {"cipher", case_cipher},
    {"cipher_chain", case_cipher_chain},
    {"cipher_huge", case_cipher_huge},
    {"cipher_wrong", case_cipher_wrong},
    {"mac", case_mac},
    {"xts", case_xts},
    {"multi_cipher", case_multi_cipher},
    {"multi_steps", case_multi_steps},
    {"mac_multi", case_mac_multi},
    {"hmac", case_hmac},
    {"import", case_import},
    {"auth", case_auth},
    {"auth_wrong", case_auth_wrong},
    {"auth_multi", case_auth_multi},
    {"auth_steps", case_auth_steps},
    {"debug", case_debug},
    {"hash", case_hash},
    {"hash_z", case_hash_z},
    {"hash_steps", case_hash_steps},
    {"files", case_files},
    {"files_long", case_files_long},
    {"files_wrong", case_files_wrong},
    {"wrong_device", case_wrong_device},
    {"wrong_key", case_wrong_key},
    {"wrong_wrapped", case_wrong_wrapped},
    {"wrong_kek_right", case_wrong_kek_right},
    {"wrong_stored", case_wrong_stored},
    {"wrong_export", case_wrong_export},
    {"wrong_sm2", case_wrong_sm2},
    {"wrong_rsa", case_wrong_rsa},
    {"wrong_rights", case_wrong_rights},
    {"wrong_agree", case_wrong_agree},
    {"wrong_respond", case_wrong_respond},
    {"wrong_derive", case_wrong_derive},
    {"wrong_derive_epk", case_wrong_derive_epk},
    {"wrong_ike", case_wrong_ike},
    {"wrong_ike_epk", case_wrong_ike_epk},
    {"wrong_ipsec", case_wrong_ipsec},
    {"wrong_ipsec_epk", case_wrong_ipsec_epk},
    {"wrong_envelope", case_wrong_envelope},
    {"wrong_clear", case_wrong_clear},
    {"wrong_data", case_wrong_data},
    {"wrong_hash", case_wrong_hash},
    {"wrong_file", case_wrong_file},
    {"wrong_multi", case_wrong_multi},
    {"wrong_auth", case_wrong_auth},
    {"wrong_debug", case_wrong_debug},
    {"ext_hash", case_ext_hash},
    {"ext_many_hashes", case_ext_many_hashes},
    {"ext_info", case_ext_info},
    {"ext_batch", case_ext_batch},
    {"ext_queue", case_ext_queue},
    {"threads", case_threads},
    {"close_race", case_close_race},
    {"fork", case_fork},
    {NULL, NULL},
};

enum sdf_state {
    WORKS,
    ABSENT
};

static const struct {
    const char *name;
    enum sdf_state state;
} functions[] = {
#define SDF_FUNCTION(name, state, ...) {#name, state},
#include "frontend/sdf/functions.def"
#undef SDF_FUNCTION
};

#define FUNCTIONS (sizeof functions / sizeof functions[0])

/* met[function][code - SDR_BASE], 0 for SDR_OK: the first case that met it */
static const char *met[FUNCTIONS][32];

static const char *const code_names[32] = {
    "OK",        "UNKNOWERR",   "NOTSUPPORT",    "COMMFAIL",         "HARDFAIL",    "OPENDEVICE", "OPENSESSION",
    "PARDENY",   "KEYNOTEXIST", "ALGNOTSUPPORT", "ALGMODNOTSUPPORT", "PKOPERR",     "SKOPERR",    "SIGNERR",
    "VERIFYERR", "SYMOPERR",    "STEPERR",       "FILESIZEERR",      "FILENOEXIST", "FILEOFSERR", "KEYTYPEERR",
    "KEYERR",    "ENCDATAERR",  "RANDERR",       "PRKRERR",          "MACERR",      "FILEEXISTS", "FILEWERR",
    "NOBUFFER",  "INARGERR",    "OUTARGERR",     "USERIDERR",
};

const char *sdf_code_name(uint32_t code)
{
    if (code == SDR_OK)
        return code_names[0];
    return code > SDR_BASE && code < SDR_BASE + 32u ? code_names[code - SDR_BASE] : "no SDR_ code";
}

static void note(const char *function, uint32_t code, const char *name)
{
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (strcmp(functions[i].name, function) == 0 && (code == SDR_OK || code - SDR_BASE < 32u)) {
            const char **cell = &met[i][code == SDR_OK ? 0 : code - SDR_BASE];
            if (!*cell)
                *cell = name;
        }
}

bool sdf_met(struct sdf_env *env, const char *function, bool any_error, uint32_t want, uint32_t got, int line)
{
    if (any_error ? got != SDR_OK : got == want) {
        note(function, got, env->name);
        return true;
    }
    fprintf(stderr, "case %s, line %d: %s gave %s (0x%08x), wanted %s\n", env->name, line, function, sdf_code_name(got),
            (unsigned)got, any_error ? "an error" : sdf_code_name(want));
    env->failed++;
    return false;
}

bool sdf_holds(struct sdf_env *env, bool truth, const char *text, int line)
{
    if (!truth) {
        fprintf(stderr, "case %s, line %d: does not hold: %s\n", env->name, line, text);
        env->failed++;
    }
    return truth;
}

bool sdf_case_run(const struct sdf_case *c, struct sdf_env *env)
{
    env->name = c->name;
    env->failed = 0;
    if (CALL(SDR_OK, SDF_OpenSession, env->device, &env->session)) {
        c->run(env);
        CALL(SDR_OK, SDF_CloseSession, env->session);
    }
    return env->failed == 0;
}

void sdf_calls_print(FILE *out)
{
    for (size_t i = 0; i < FUNCTIONS; i++)
        for (size_t code = 0; code < 32; code++)
            if (met[i][code])
                fprintf(out, "%-40s %-18s %s\n", functions[i].name, code_names[code], met[i][code]);
}

int sdf_calls_missing(FILE *out)
{
    int missing = 0;
    for (size_t i = 0; i < FUNCTIONS; i++) {
        bool error = false;
        for (size_t code = 1; code < 32; code++)
            error |= met[i][code] != NULL;
        bool positive = functions[i].state == WORKS ? met[i][0] != NULL : met[i][SDR_NOTSUPPORT - SDR_BASE] != NULL;
        bool wrong = functions[i].state == ABSENT && met[i][0];
        if (positive && error && !wrong)
            continue;
        fprintf(out, "%s: %s\n", functions[i].name,
                wrong       ? "marked ABSENT, but works"
                : !positive ? "no test of what it is for"
                            : "no test of an error");
        missing++;
    }
    return missing;
}

void sdf_point(const uint8_t point[64], ECCrefPublicKey *key)
{
    memset(key, 0, sizeof *key);
    key->bits = 256;
    memcpy(key->x + 32, point, 32);
    memcpy(key->y + 32, point + 32, 32);
}

void sdf_point_bytes(const ECCrefPublicKey *key, uint8_t point[64])
{
    memcpy(point, key->x + 32, 32);
    memcpy(point + 32, key->y + 32, 32);
}

size_t sdf_cipher_bytes(const ECCCipher *cipher, uint8_t *out)
{
    memcpy(out, cipher->x + 32, 32);
    memcpy(out + 32, cipher->y + 32, 32);
    memcpy(out + 64, cipher->M, 32);
    memcpy(out + 96, (const uint8_t *)cipher + 164, cipher->L);
    return 96 + cipher->L;
}

void sdf_cipher_fill(ECCCipher *cipher, const uint8_t *in, size_t len)
{
    memset(cipher, 0, 164);
    memcpy(cipher->x + 32, in, 32);
    memcpy(cipher->y + 32, in + 32, 32);
    memcpy(cipher->M, in + 64, 32);
    cipher->L = (unsigned)(len - 96);
    memcpy((uint8_t *)cipher + 164, in + 96, len - 96);
}

void *sdf_known_key(struct sdf_env *env, unsigned bits, uint8_t bytes[32])
{
    uint8_t d[32], point[64], raw[96 + 255];
    union sdf_cipher cipher;
    ECCrefPublicKey key;
    void *handle = NULL;
    if (!HOLDS(sm2_raw_generate(d, point)))
        return NULL;
    sdf_point(point, &key);
    if (!CALL(SDR_OK, SDF_GenerateKeyWithEPK_ECC, env->session, bits, SGD_SM2_3, &key, &cipher.c, &handle))
        return NULL;
    size_t len = sdf_cipher_bytes(&cipher.c, raw);
    return HOLDS(len == 96 + bits / 8) && HOLDS(sm2_raw_decrypt(d, raw, len, bytes)) ? handle : NULL;
}
