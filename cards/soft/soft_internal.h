/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soft_internal.h: what the files of the software card share.
 *
 *     soft.c     driver table, faults, one function per operation   alg.c      SGD_ ids -> what the card knows
 *     key.c      import, reference count, free                       context.c  library contexts cached per key
 *     sym.c      ECB CBC CFB OFB CTR                                 mac.c      CBC-MAC, HMAC
 *     xts.c      XTS, both kinds                                     aead.c     GCM, CCM
 *     hash.c     digests, Z                                          sm2.c      sign, verify, encrypt, decrypt, pairs
 *     wrap.c     session keys made and taken in                      sm2_der.c  libcrypto's DER <-> raw fields
 *     threads.c  workers, submit, collect                            kat*.c     known answers
 *     secret.c   key bytes                                           library.c  the same, without a card (bench)
 *     rsa.c      RSA: operations, pairs     rsa_key.c  its key bytes    unpad.c    PKCS #1 v1.5 in constant time
 *     agree.c    SM2 key agreement          clear.c    keys from outside, envelopes
 *     derive.c   keys of secure channels
 *
 * Functions that do an operation have one form: they get the job, validate what card.h leaves to the card, fill out and
 * out_len, and return the status. soft_execute() clears results first and clears out_len again on failure.
 */
#ifndef CARDS_SOFT_INTERNAL_H
#define CARDS_SOFT_INTERNAL_H

#include <gcrypt.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdatomic.h>

#include "cardmux/card.h"
#include "cardmux/sdf.h"
#include "cards/done_list.h"
#include "cards/soft/secret.h"

#define BLOCK         16u
#define SOFT_MAX_DATA (64u << 20) /* longest in of one job; fits libcrypto's int lengths */

enum cipher {
    CIPHER_SM4,
    CIPHER_AES,
    CIPHERS
};

enum mode {
    MODE_ECB,
    MODE_CBC,
    MODE_CFB,
    MODE_OFB,
    MODE_CTR,
    MODES,
    MODE_MAC = MODES /* not a mode of its own: CBC encryption, of which the last block stays */
};

enum aead {
    AEAD_GCM,
    AEAD_CCM,
    AEADS
};

enum hash {
    HASH_SM3,
    HASH_SHA1,
    HASH_SHA224,
    HASH_SHA256,
    HASH_SHA384,
    HASH_SHA512,
    HASH_SHA3_224,
    HASH_SHA3_256,
    HASH_SHA3_384,
    HASH_SHA3_512,
    HASHES
};

/* What a cached context is for: KIND_SYM + 2 * (cipher * MODES + mode) + (1 for decryption), KIND_AEAD + cipher * AEADS
   + mode, KIND_HMAC + hash, or one of the SM2 kinds. */
enum {
    KIND_SYM = 0,
    KIND_AEAD = KIND_SYM + 2 * CIPHERS * MODES,
    KIND_HMAC = KIND_AEAD + CIPHERS * AEADS,
    KIND_SM2_SIGN = KIND_HMAC + HASHES,
    KIND_SM2_VERIFY,
    KIND_SM2_ENCRYPT,
    KIND_SM2_DECRYPT,
    KIND_RSA_PUBLIC,
    KIND_RSA_PRIVATE,
    KIND_RSA_WRAP,
    KINDS
};

#define IDLE_CONTEXTS 8u /* idle contexts kept per key and kind; as many threads use one key without an allocation */

/* Made when a key is first used in that way: most keys are used in one or two of forty. */
struct idle {
    _Atomic(void *) contexts[IDLE_CONTEXTS];
};

struct card_key {
    enum card_key_type type;
    _Atomic unsigned refs; /* the caller's, and one for each running MAC */
    struct card *card;
    struct secret *secret;              /* symmetric; for SM2 keys libcrypto holds the bytes */
    EVP_PKEY *pkey;                     /* SM2, P-256, RSA */
    size_t rsa_len;                     /* RSA: of the modulus */
    _Atomic(struct card_key *) half[2]; /* XTS: its two keys, made when first used */
    _Atomic(struct idle *) idle[KINDS];
};

struct fault {
    bool any; /* delay_us or every is set: tested once per job */
    char selftest[32];
    unsigned late;         /* which computation of `selftest` is broken; 0: all */
    _Atomic unsigned done; /* computations of it */
    unsigned stuck;        /* each so many-th CARD_RANDOM; 0: none */
    _Atomic unsigned randoms;
    unsigned delay_us;
    unsigned every;
    _Atomic unsigned jobs;
};

struct workers;

struct card {
    struct secret_arena *secrets;
    EVP_CIPHER *ciphers[CIPHERS][MODES][3]; /* fetched once; the last index is the key's length: 128, 192, 256 bits */
    EVP_KDF *tls_prf;
    struct fault fault;
    struct workers *workers; /* NULL: inline */
    struct done_list done;   /* inline */
};

/* alg.c */
uint32_t alg_sym(uint32_t alg, enum cipher *cipher, enum mode *mode);
uint32_t alg_hash(uint32_t alg, enum hash *hash);
uint32_t alg_aead(uint32_t alg, enum cipher *cipher, enum aead *mode);
/* False: not an XTS. */
bool alg_xts(uint32_t alg, enum cipher *cipher, bool *gb);
bool alg_is_sm2(uint32_t alg);
int hash_gcrypt(enum hash hash);
size_t hash_size(enum hash hash);
/* Does libgcrypt do it? Else libcrypto. */
bool sym_by_gcrypt(enum cipher cipher, enum mode mode, bool decrypt);
uint32_t ciphers_fetch(struct card *card, char *error);
void ciphers_free(struct card *card);

/* context.c: a context of that kind, keyed and ready, for the caller alone until it is put back; NULL: no memory. A
   context that an operation failed on is dropped. */
void *context_take(struct card_key *key, unsigned kind);
void context_put(struct card_key *key, unsigned kind, void *context);
void context_drop(unsigned kind, void *context);
void contexts_free(struct card_key *key); /* with the key */
unsigned sym_kind(enum cipher cipher, enum mode mode, bool decrypt);

/* key.c */
uint32_t key_import(struct card *card, enum card_key_type type, const uint8_t *bytes, size_t len,
                    struct card_key **key);
struct card_key *key_ref(struct card_key *key);
void key_unref(struct card_key *key); /* NULL is allowed */
/* Is it a symmetric key that fits that cipher? */
uint32_t key_fits(const struct card_key *key, enum cipher cipher);

/* sym.c */
uint32_t sym_job(struct card_job *job, bool decrypt);
/* Validates nothing. Returns SDR_OK or SDR_SYMOPERR, and the chained iv. */
uint32_t sym_crypt(struct card_key *key, enum cipher cipher, enum mode mode, bool decrypt, uint8_t iv[CARD_IV],
                   const uint8_t *in, uint8_t *out, size_t len);

/* xts.c. False: the job's alg is no XTS. */
bool xts_job(struct card_job *job, bool decrypt, uint32_t *status);

/* aead.c */
uint32_t aead_job(struct card_job *job, bool decrypt);
uint32_t aead_start(struct card_job *job);
uint32_t aead_update(struct card_job *job, bool aad);
uint32_t aead_finish(struct card_job *job);

/* hash.c, mac.c */
uint32_t hash_start(struct card_job *job);
uint32_t hash_update(struct card_job *job);
uint32_t hash_finish(struct card_job *job);
uint32_t hash_job(struct card_job *job);
uint32_t mac_start(struct card_job *job);
uint32_t mac_update(struct card_job *job);
uint32_t mac_finish(struct card_job *job);
uint32_t mac_job(struct card_job *job);
uint32_t state_copy(struct card_job *job);

enum state_kind {
    STATE_HASH,
    STATE_MAC,
    STATE_AEAD
};

/* A running hash, MAC or authenticated encryption. md: digests and HMAC; key: CBC-MAC and aead. */
struct card_state {
    enum state_kind kind;
    bool finished;
    enum hash hash;
    gcry_md_hd_t md;
    struct card_key *key;
    enum cipher cipher;
    uint8_t iv[CARD_IV];
    uint8_t part[BLOCK];
    size_t part_len;
    bool fed;   /* CBC-MAC of nothing at all is refused; aead: data came */
    void *aead; /* a cached context of the key, lent out until the end */
    unsigned aead_kind;
    bool decrypt, counted; /* counted: CCM, whose lengths were said before */
    uint8_t tag_len;
    uint64_t aad_left, data_left;
};

void state_free(struct card_state *state);

/* sm2.c. Points: x || y. sm2_pkey_* return NULL with *status set. */
EVP_PKEY *sm2_pkey_public(const uint8_t point[CARD_ECC_POINT], uint32_t *status);
EVP_PKEY *sm2_pkey_private(const uint8_t bytes[CARD_ECC_PRIVATE + CARD_ECC_POINT], uint32_t *status);
const EC_GROUP *sm2_group(void); /* NULL: no memory */
bool sm2_point_ok(const uint8_t point[CARD_ECC_POINT]);
void *sm2_context(struct card_key *key, unsigned kind);
uint32_t sm2_sign(struct card_job *job);
uint32_t sm2_verify(struct card_job *job);
uint32_t sm2_encrypt_job(struct card_job *job);
uint32_t sm2_decrypt_job(struct card_job *job);
uint32_t sm2_keypair(struct card_job *job);
/* out has room for CARD_PKE_HEAD + len */
uint32_t sm2_encrypt(struct card_key *key, const uint8_t *point, const uint8_t *in, size_t len, uint8_t *out);
/* out has room for in_len - CARD_PKE_HEAD <= CARD_PKE_MAX */
uint32_t sm2_decrypt(struct card_key *key, const uint8_t *in, size_t in_len, uint8_t *out);

/* sm2.c: the curve, for Z and range checks */
extern const uint8_t sm2_curve[4 * 32]; /* a, b, xG, yG */
extern const uint8_t sm2_order[32];
/* Is the big-endian number in [1, order - 1 - less]? */
bool sm2_in_range(const uint8_t number[32], unsigned less);

/* Its private number and point; false: it has none, or they are none of the curve. */
bool sm2_pair_bytes(const EVP_PKEY *pkey, bool p256, uint8_t out[CARD_ECC_PRIVATE + CARD_ECC_POINT]);
EVP_PKEY *p256_pkey_public(const uint8_t point[CARD_ECC_POINT], uint32_t *status);
EVP_PKEY *p256_pkey_private(const uint8_t bytes[CARD_ECC_PRIVATE + CARD_ECC_POINT], uint32_t *status);

/* hash.c */
void sm2_z(const uint8_t *id, size_t id_len, const uint8_t point[CARD_ECC_POINT], uint8_t z[32]);

/* rsa_key.c. NULL with *status set. */
bool rsa_len_ok(size_t len);
EVP_PKEY *rsa_pkey_public(const uint8_t *bytes, size_t len, uint32_t *status);
EVP_PKEY *rsa_pkey_private(const uint8_t *bytes, size_t len, uint32_t *status);
bool rsa_pair_bytes(const EVP_PKEY *pkey, uint8_t *out, size_t len);

/* rsa.c */
void *rsa_context(struct card_key *key, unsigned kind);
uint32_t rsa_public(struct card_job *job);
uint32_t rsa_private(struct card_job *job);
uint32_t rsa_keypair(struct card_job *job);
uint32_t rsa_rewrap(struct card_job *job);
uint32_t key_generate_rsa(struct card *card, struct card_job *job);
uint32_t key_import_rsa(struct card *card, struct card_job *job);
uint32_t key_export_rsa(struct card_job *job);

/* unpad.c: takes off PKCS #1 v1.5 (block type 2) in a time that tells nothing of the block, len at least 64 bytes. The
   bytes inside, 16, 24 or 32 of them, go to out; 0: the block is anything else. */
size_t rsa_unpad(const uint8_t *block, size_t len, uint8_t out[CARD_SYM_KEY_MAX]);

/* agree.c */
uint32_t agree_start(struct card *card, struct card_job *job);
uint32_t agree_finish(struct card *card, struct card_job *job);

/* derive.c */
uint32_t derive_fetch(struct card *card, char *error);
void derive_free(struct card *card);
uint32_t derive_keys(struct card *card, struct card_job *job);

/* clear.c */
uint32_t sign_clear(struct card *card, struct card_job *job);
uint32_t decrypt_clear(struct card *card, struct card_job *job);
uint32_t pke_rewrap(struct card_job *job);
uint32_t unenvelope(struct card *card, struct card_job *job);

/* wrap.c */
/* New random bytes of that length: 16, 24 or 32, else SDR_INARGERR. */
uint32_t key_bytes_make(unsigned bits, uint8_t bytes[CARD_SYM_KEY_MAX], size_t *len);
uint32_t key_generate_pke(struct card *card, struct card_job *job);
uint32_t key_import_pke(struct card *card, struct card_job *job);
uint32_t key_generate_kek(struct card *card, struct card_job *job);
uint32_t key_import_kek(struct card *card, struct card_job *job);
uint32_t key_export_pke(struct card_job *job);
uint32_t key_export_kek(struct card_job *job);
/* The bytes of a session key, in the card's memory; NULL: the key is something else. */
const uint8_t *session_key_bytes(const struct card_key *key, size_t *len);

/* soft.c: one job, without faults */
void soft_execute(struct card *card, struct card_job *job);
void soft_run(struct card *card, struct card_job *job);
uint32_t random_job(struct card_job *job);

/* kat.c */
uint32_t kat_run(struct card *card, char *error);
uint32_t kat_part(struct card *card, unsigned part, bool *last, char *error);
bool kat_known(const char *name);

/* threads.c */
struct workers *workers_start(struct card *card, uint32_t threads);
void workers_stop(struct workers *workers);
size_t workers_submit(struct workers *workers, struct card_job **jobs, size_t n);
size_t workers_collect(struct workers *workers, struct card_job **done, size_t max);
int workers_wait_fd(struct workers *workers, bool arm);
uint32_t workers_count(const struct workers *workers);

#define WORKERS_MAX   64u
#define WORKERS_DEPTH 256u /* jobs between submit and collect */

#endif
