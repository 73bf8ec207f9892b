/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card.h: what a card is to cardmux.
 *
 * A card does cryptographic operations; it knows nothing of tenants, sessions, rings or SDF handles. A driver is one
 * `struct card_driver` in one folder below cards/. The broker opens a card once and keeps it for ever.
 *
 * Threads.  open, close, submit, collect and wait_fd are called from one thread (the broker's). run, key_import,
 *           key_free and state_free may be called from any thread at any time, several at once: they are what the
 * worker pool uses for slow operations and what submit uses inside. Blocking. submit, collect and wait_fd never block.
 * run may take as long as the operation takes. Memory.   A job and the buffers that it names belong to the caller and
 * stay untouched by it from submit until collect returned the job. in == out is allowed for every operation (fully in
 * place); a partial overlap is not. `in` and `out` may lie in memory that a hostile tenant writes at the same time: a
 * driver must not read a byte of `in` twice where the two readings must agree, and must not take lengths or indexes
 * from it. The caller copies to private memory first whatever is parsed (see `copied` in the table of operations
 * below). Errors.   status is an SDR_ code (cardmux/sdf.h). On anything but SDR_OK, out holds no plaintext, out_len is
 * 0 and no key or state was made. A driver never aborts the process. Secrets.  Key bytes enter by key_import (or in
 * front of `in`, see below) and leave in clear by CARD_KEYPAIR_GENERATE, CARD_RSA_KEYPAIR and CARD_UNENVELOPE only; inside, they
 * live in memory that the driver locks, excludes from core dumps and wipes. Stability. The structs start with their
 * size; fields are only added at the end.
 */
#ifndef CARDMUX_CARD_H
#define CARDMUX_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CARD_ABI_VERSION 1u

#define CARD_ECC_POINT   64u /* x || y, big-endian, 32 bytes each (256-bit curves) */
#define CARD_ECC_PRIVATE 32u
#define CARD_ECC_SIG     64u /* r || s */
#define CARD_DIGEST_MAX  64u
#define CARD_IV          16u
#define CARD_PKE_HEAD    96u  /* x || y || M (SM3), before C: C1 C3 C2, as SDF's ECCCipher has it; L is out_len - 96 */
#define CARD_PKE_MAX     255u /* longest plaintext of one SM2 encryption that every caller's ECCCipher can take */
#define CARD_SYM_KEY_MAX 32u
#define CARD_TLS_SECRET  48u /* bytes of TLCP's pre-master secret */
#define CARD_TAG_MAX     16u /* of authenticated encryption */
#define CARD_NONCE_MAX   64u
#define CARD_XTS_BLOCKS  (1u << 20) /* longest data unit of XTS, blocks (IEEE 1619) */

/* RSA keys, big-endian numbers of fixed lengths; len is the modulus in bytes: 256, 384 or 512.
   public:  m[len] || e[8]
   private: m[len] || e[8] || d[len] || p || q || d mod p-1 || d mod q-1 || 1/q mod p, [len / 2] each */
#define CARD_RSA_MAX               512u
#define CARD_RSA_E                 8u
#define CARD_RSA_PUBLIC_SIZE(len)  ((len) + CARD_RSA_E)
#define CARD_RSA_PRIVATE_SIZE(len) ((len)*9u / 2u + CARD_RSA_E)
#define CARD_ID_MAX                8191u /* bytes of a party's identity in SM2: its length in bits has 16 bits */

struct card;       /* one opened card, the driver's own */
struct card_key;   /* one key inside it, the driver's own; used by several jobs at once */
struct card_state; /* a running hash or MAC; used by one job at a time */

enum card_key_type {
    CARD_KEY_SYMMETRIC = 1,    /* 16, 24 or 32 bytes, 32 or 64 for XTS; also the key of an HMAC (1..256 bytes) */
    CARD_KEY_SM2_PRIVATE,      /* private[32] || point[64] */
    CARD_KEY_SM2_PUBLIC,       /* point[64]; refused with SDR_KEYERR where the point is not on the curve */
    CARD_KEY_RSA_PRIVATE = 16, /* CARD_RSA_PRIVATE_SIZE(len); SDR_KEYERR where its numbers do not fit each other */
    CARD_KEY_RSA_PUBLIC,       /* CARD_RSA_PUBLIC_SIZE(len) */
    CARD_KEY_P256_PRIVATE,     /* as the SM2 ones, on the curve P-256 */
    CARD_KEY_P256_PUBLIC,
};

/*
 * The operations. `in`, `out`, `aux` are the fields of struct card_job; alg is an SGD_ id of cardmux/sdf.h.
 * "copied": the caller has put in (and aux) into private memory, because it is parsed.
 *
 * operation             uses
 * CARD_SIGN, CARD_VERIFY and CARD_KEYPAIR_GENERATE do ECDSA on P-256 where the key is of that curve, or, without a
 * key, where alg is SGD_ECDSA_P256.
 *
 * CARD_ECHO             in -> out, every cache line read and written. Only test cards have it
 * CARD_RANDOM           out_cap bytes -> out
 * CARD_HASH_START       alg; makes state. With aux (point[64]) and in (the signer's id, 1..8191 bytes): SGD_SM3 only,
 * and the state has taken in Z already (GM/T 0009 section 8: Z = SM3(ENTL || id || a || b || xG || yG || x || y)).
 * copied CARD_HASH_UPDATE      state, in CARD_HASH_FINISH      state -> out (digest, out_cap >= its size). The state
 * stays to be freed by state_free CARD_HASH             alg, in -> out: the three above in one CARD_MAC_START key, alg
 * (SGD_SM3: HMAC-SM3, SGD_SM4_MAC, ...), iv (MAC of a block cipher); makes state CARD_MAC_UPDATE       state, in
 * CARD_MAC_FINISH       state -> out
 * CARD_MAC              key, alg, iv, in -> out. CBC-MAC without padding (in_len a multiple of the block, else
 * SDR_INARGERR), 16 bytes; iv is updated to the MAC so that calls chain. HMAC-SM3: 32 bytes, iv untouched
 * CARD_ENCRYPT/DECRYPT  key, alg (cipher | mode), iv, in -> out, out_len == in_len. No padding. ECB and CBC: a multiple
 * of 16, else SDR_INARGERR. CFB (128 bit), OFB, CTR (128-bit big-endian counter): any length. iv is left so that the
 * next call goes on where this one stopped: CBC, CFB the last cipher block; OFB the last key-stream block; CTR advanced
 * by in_len/16 rounded up. ECB leaves it. A partial last block of CFB/OFB ends the chain CARD_SIGN             key
 * (private), in (32 bytes, the digest e) -> out r||s. copied CARD_VERIFY           key (private or public) or, with key
 * NULL, aux point[64]; in (digest 32), sig in aux2 [64]. SDR_OK or SDR_VERIFYERR. copied CARD_PKE_ENCRYPT      key or
 * aux point[64]; in (1..CARD_PKE_MAX) -> out (CARD_PKE_HEAD + in_len) CARD_PKE_DECRYPT      key (private); in (head +
 * C) -> out (plaintext only once M held, else SDR_ENCDATAERR). copied CARD_KEYPAIR_GENERATE alg (SGD_SM2*) -> out
 * private[32] || point[64] CARD_KEY_GENERATE_PKE in_key_bits; key or aux point[64]; makes new_key, out: the key's bytes
 * encrypted as CARD_PKE_ENCRYPT CARD_KEY_IMPORT_PKE   key (private), in (head + C); makes new_key, of 16, 24, 32 or
 * CARD_TLS_SECRET bytes. copied
 * CARD_KEY_GENERATE_KEK in_key_bits; key (KEK), alg (ECB or CBC mode), iv; makes new_key, out: wrapped bytes
 * CARD_KEY_IMPORT_KEK   key (KEK), alg, iv, in (wrapped bytes); makes new_key. copied
 */
// clang-format off
/*
 * XTS, by CARD_ENCRYPT and CARD_DECRYPT: key of 32 (SM4, AES-128) or 64 bytes (AES-256), data key || tweak key, which
 * must differ; iv: the tweak, left as it is; in: a data unit, or a part of one, which begins at its block number
 * `block`; 16 bytes or more, a multiple of 16 unless it is the end. SGD_SM4_XTS is that of GB/T 17964, SGD_SM4_XTS_IEEE
 * and SGD_AES_XTS that of IEEE 1619.
 *
 * CARD_AEAD_ENCRYPT     key, alg (GCM, CCM), nonce, aad, in -> out of the same length, tag (tag_len bytes). copied
 * CARD_AEAD_DECRYPT     the same, tag being given. out only once the tag held, else SDR_MACERR. copied
 *                       Lengths: GCM nonce 1..CARD_NONCE_MAX, tag 4, 8, 12..16. CCM nonce 7..13, tag 4, 6, 8, 10, 12,
 *                       14, 16, in_len < 2^(8 * (15 - nonce_len)). Any other: SDR_INARGERR
 * CARD_AEAD_START       key, alg, nonce, tag_len, decrypt; makes state. CCM: total_aad and total_data are what will
 *                       come, neither more nor less. GCM: not looked at. copied
 * CARD_AEAD_UPDATE_AAD  state, in; before any CARD_AEAD_UPDATE, else SDR_STEPERR
 * CARD_AEAD_UPDATE      state, in -> out of the same length, any length. When it decrypts, nothing vouches yet for what
 *                       it gives: the caller must not use it before CARD_AEAD_FINISH. copied
 * CARD_AEAD_FINISH      state; encrypting: tag is given; decrypting: tag is compared, SDR_MACERR. CCM: SDR_STEPERR
 *                       where less came than was said. A state that failed has ended
 * CARD_STATE_COPY       state (hash or MAC, in mid-course); makes another in the same place of its course, in `state`.
 *                       The one given stays with the caller. On failure `state` is NULL
 */
// clang-format on
enum card_op {
    CARD_ECHO = 1,
    CARD_RANDOM,
    CARD_HASH_START,
    CARD_HASH_UPDATE,
    CARD_HASH_FINISH,
    CARD_HASH,
    CARD_MAC_START,
    CARD_MAC_UPDATE,
    CARD_MAC_FINISH,
    CARD_MAC,
    CARD_ENCRYPT,
    CARD_DECRYPT,
    CARD_SIGN,
    CARD_VERIFY,
    CARD_PKE_ENCRYPT,
    CARD_PKE_DECRYPT,
    CARD_KEYPAIR_GENERATE,
    CARD_KEY_GENERATE_PKE,
    CARD_KEY_IMPORT_PKE,
    CARD_KEY_GENERATE_KEK,
    CARD_KEY_IMPORT_KEK,
    /* 40 to 79: symmetric, hashes; 80 to 119: asymmetric; 120 to 139: files and rights */
    CARD_AEAD_ENCRYPT = 40,
    CARD_AEAD_DECRYPT,
    CARD_AEAD_START,
    CARD_AEAD_UPDATE_AAD,
    CARD_AEAD_UPDATE,
    CARD_AEAD_FINISH,
    CARD_STATE_COPY,

    /* Asymmetric; all: copied. Where a key comes from outside, key is NULL and the key's bytes stand in front of the
       rest of `in`, whose length tells theirs. */

    /* key, or private or public bytes in front; in (as long as the modulus, and below it) -> out, as long: the bare
       operation. No padding is made or taken off */
    CARD_RSA_PUBLIC = 80,
    CARD_RSA_PRIVATE,
    /* in_key_bits -> out: private bytes. Takes seconds: worker pool */
    CARD_RSA_KEYPAIR,
    /* in_key_bits; key, or public bytes in `in`; makes new_key, out: its bytes encrypted by PKCS #1 v1.5 */
    CARD_KEY_GENERATE_RSA,
    /* key (private), in; makes new_key. SDR_ENCDATAERR for whatever does not hold 16, 24 or 32 bytes, and after the
       same time whatever it is */
    CARD_KEY_IMPORT_RSA,
    /* key (private), in: public bytes || a session key encrypted to key -> out: encrypted to those */
    CARD_RSA_REWRAP,
    /* the same for SM2: key (private), aux point[64], in (head + C) -> out (as long) */
    CARD_PKE_REWRAP,
    /* makes new_key, an SM2 private key for one agreement; out: its point */
    CARD_AGREE_START,
    /* GM/T 0003.3: in_key_bits; key (private, the own), key2 (the own temporary one; NULL: it is made, and out is its
       point); aux, aux2: the peer's points; in: own id || peer's id; arg: CARD_AGREE_*; makes new_key */
    CARD_AGREE_FINISH,
    /* in: private[32] || digest[32] -> out r || s */
    CARD_SIGN_CLEAR,
    /* in: private[32] || head + C -> out */
    CARD_PKE_DECRYPT_CLEAR,
    /* key (private); alg (ECB); in: enc[32] || point[64] || head + C: a private number under a key of alg that is under
       key -> out private[32] || point[64] */
    CARD_UNENVELOPE,
    /* A session key (16, 24 or 32 bytes, else SDR_KEYTYPEERR) once more out of the card. key: the session key; aux:
       point[64] -> out as CARD_PKE_ENCRYPT */
    CARD_KEY_EXPORT_PKE,
    /* key: the session key; in: public bytes -> out: PKCS #1 v1.5 */
    CARD_KEY_EXPORT_RSA,
    /* key (KEK), key2: the session key; alg (ECB or CBC mode), iv -> out: wrapped bytes */
    CARD_KEY_EXPORT_KEK,

    /* Keys of secure channels: key (symmetric, the secret), alg (the PRF's hash), derive; in: its texts; copied. With
       aux (point[64]) the keys are not made but encrypted to that point: out is for each of them what CARD_PKE_ENCRYPT
       gives, then the bytes in clear. Without, out is the bytes in clear.
       RFC 5246, GB/T 38636: master = PRF(key, "master secret", texts 0, 1)[48], then PRF(master, "key expansion",
       texts 1, 0) cut into keys 0 to 3 and bytes in clear. alg: SGD_SM3, SGD_SHA256, SGD_SHA384 */
    CARD_DERIVE_TLS = 150,
    /* GB/T 36968: key: NULL. texts: Ni, Nr (8 to 256 bytes each), CKY-I, CKY-R (8). keys: SKEYID_d and SKEYID_a, as long
       as the hash, and the beginning of SKEYID_e. Nothing in clear. alg as above */
    CARD_DERIVE_IKE,
    /* GB/T 36968, RFC 2409: key: SKEYID_d. texts: protocol (1), SPI (4), Ni, Nr. keys: of KEYMAT for encryption, for a
       MAC. Nothing in clear */
    CARD_DERIVE_IPSEC,
    CARD_OP_END
};

#define CARD_DERIVE_KEY_MIN 16u /* bytes of a derived key */
#define CARD_DERIVE_KEY_MAX 64u

struct card_derive {
    uint16_t text_len[4];     /* how `in` is cut; TLS: 32 and 32 */
    uint8_t key_len[4];       /* 0: none wanted */
    uint8_t clear_len[2];     /* in clear, behind the keys */
    struct card_key *keys[4]; /* made; the caller sets NULL, and owns them where status is SDR_OK */
};

#define CARD_AGREE_ID(len)   (len)      /* of arg: bytes of the own id, 1..CARD_ID_MAX */
#define CARD_AGREE_RESPONDER (1u << 31) /* the other side began */

struct card_job {
    uint16_t op;          /* enum card_op */
    uint16_t in_key_bits; /* of a session key: 128, 192, 256; CARD_AGREE_FINISH: 8 * CARD_TLS_SECRET too;
                             CARD_RSA_KEYPAIR: 2048, 3072, 4096 */
    uint32_t alg;
    struct card_key *key;
    struct card_state *state; /* in; made by *_START */
    const uint8_t *in;
    size_t in_len;
    const uint8_t *aux;  /* CARD_ECC_POINT bytes or NULL */
    const uint8_t *aux2; /* CARD_ECC_SIG bytes or NULL */
    uint8_t *out;
    size_t out_cap;
    uint8_t iv[CARD_IV]; /* in and out */

    uint32_t status; /* results: SDR_ code */
    size_t out_len;
    struct card_key *new_key; /* owned by the caller: key_free */

    void *driver; /* the driver's own between submit and collect, e.g. a list link */
    void *owner;  /* the caller's own */

    /* CARD_AEAD_* and XTS; else not looked at */
    const uint8_t *nonce;
    const uint8_t *aad;
    size_t aad_len;
    uint64_t total_aad, total_data;
    uint32_t block;
    uint8_t nonce_len, tag_len;
    bool decrypt;
    uint8_t tag[CARD_TAG_MAX]; /* in or out */
    struct card_key *key2;     /* CARD_AGREE_FINISH, CARD_KEY_EXPORT_KEK */
    uint32_t arg;
    struct card_derive *derive; /* CARD_DERIVE_* */
};

enum {
    CARD_CAN_ECHO = 1u << 0,
    CARD_INLINE = 1u << 1
};

struct card_caps {
    uint32_t flags; /* CARD_CAN_*; CARD_INLINE: run() on the caller's thread is the fastest way, submit() is not used */
    uint32_t parallel;    /* jobs worked on at once; 1 where CARD_INLINE */
    uint32_t depth;       /* jobs that submit takes before it returns fewer than asked */
    uint32_t max_data;    /* longest in of one job, bytes */
    uint32_t asym_alg[2]; /* as in DEVICEINFO of GM/T 0018: ids, moduli */
    uint32_t sym_alg;     /* OR of SGD_ cipher|mode ids without AES */
    uint32_t hash_alg;    /* OR of SGD_SM3, SGD_SHA1, SGD_SHA256 and the Sansec ids of the others */
    char issuer[40];      /* for DEVICEINFO; NUL padded */
    char name[16];
    uint32_t device_version;
};

#define CARD_ERROR_TEXT 256

struct card_options {
    size_t size;         /* sizeof(struct card_options) */
    uint32_t threads;    /* 0: inline if the driver can; else that many threads of its own */
    const char *library; /* vendor cards: path; else NULL */
    const char *fault;   /* test knob, NULL in production: "selftest:NAME" breaks the known answer of that algorithm,
                            "delay:US" adds a delay to each job, "fail:N" fails each Nth job with SDR_HARDFAIL. At
                            run time: "selftest-late:N:NAME" breaks the Nth time that this answer is computed,
                            "random-stuck:N" makes each Nth CARD_RANDOM give one byte over and over */
};

struct card_driver {
    size_t size;      /* sizeof(struct card_driver) */
    uint32_t version; /* CARD_ABI_VERSION */
    const char *name; /* folder's name: "null", "soft" */

    /* Opens the card and runs its known-answer tests. On failure returns an SDR_ code and writes one sentence for the
       operator (what failed, which algorithm, what to do) into error[CARD_ERROR_TEXT]; a card whose self-test failed
       serves nothing. */
    uint32_t (*open)(const struct card_options *options, struct card **card, char *error);
    /* Waits for nothing: the caller has collected all jobs and freed all keys and states. */
    void (*close)(struct card *card);
    void (*caps)(struct card *card, struct card_caps *caps);
    /* Runs every known-answer test again; same contract as open. Blocking: worker pool. */
    uint32_t (*selftest)(struct card *card, char *error);

    /* Does one job now, on this thread; fills its results, status included. */
    void (*run)(struct card *card, struct card_job *job);
    /* Hands over up to n jobs; returns how many were taken, in order from jobs[0]. */
    size_t (*submit)(struct card *card, struct card_job **jobs, size_t n);
    /* Returns up to max finished jobs, in any order. */
    size_t (*collect)(struct card *card, struct card_job **done, size_t max);
    /* A descriptor that polls readable while finished jobs wait and `arm` was called with true; -1 for an inline card.
       The caller reads it (8 bytes) when it wakes. Not armed, no system call is made for a finished job. */
    int (*wait_fd)(struct card *card, bool arm);

    uint32_t (*key_import)(struct card *card, enum card_key_type type, const uint8_t *bytes, size_t len,
                           struct card_key **key);
    void (*key_free)(struct card *card, struct card_key *key); /* wipes; NULL is allowed */
    void (*state_free)(struct card *card, struct card_state *state);

    /* Optional (NULL): one of the tests that selftest runs, numbered from 0, so that the rounds that the daemon makes by
       itself are spread. *last: there is none after this one. Same contract as selftest. */
    uint32_t (*selftest_part)(struct card *card, unsigned part, bool *last, char *error);
};

/* The drivers built into cardmuxd, ended by NULL; and one by name, NULL where there is none. cards/registry.c */
extern const struct card_driver *const card_drivers[];
const struct card_driver *card_driver_find(const char *name);

#endif
