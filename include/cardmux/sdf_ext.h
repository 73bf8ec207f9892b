/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdf_ext.h: what SDF lacks, on the same devices, sessions and keys as sdf.h, which says what holds here too (codes,
 * handles, buffers, threads, fork). Beyond the standard: no other card's library has it.
 *
 * Hashes with handles. As many running hashes and HMACs as the tenant's limit of handles allows, beside the one of
 * SDF_HashInit, and copies of them in mid-course: a TLS handshake hashes on after it took a digest. A handle belongs to
 * its session. Those of up to 16 KiB of input are not in the back end at all, and hashes among them survive a restart
 * of the host's daemon, but for those begun with an id.
 *
 * Batches. cardmux_sdf_batch does many operations with one call: those of one session are in flight together, up to 32.
 * What an operation gives, and each error, is what the SDF function of its name gives. They may be done in any order,
 * so none may depend on another's result. cardmux_sdf_submit and cardmux_sdf_poll do the same apart, by a thread of the
 * library's: a queue may be used by any threads at once, and the calls' order among each other is not kept. From submit
 * until poll gave it back, a call and all that it points to belong to the library. What began before a call was
 * submitted and has ended, has ended for that call too. In a forked child a queue is dead: submit is SDR_INARGERR, poll
 * gives nothing, close frees nothing.
 */
#ifndef CARDMUX_SDF_EXT_H
#define CARDMUX_SDF_EXT_H

#include <stddef.h>
#include "cardmux/sdf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As SDF_HashInit: alg is a hash; with id_len > 0 (SM3 only) Z of key and id is taken in first. */
SDF_API int cardmux_hash_open(void *session, unsigned int alg, const ECCrefPublicKey *key, const unsigned char *id,
                              unsigned int id_len, void **hash);
/* As SDF_HMACInit. */
SDF_API int cardmux_hmac_open(void *session, void *key, unsigned int alg, void **hash);
/* Another one in the same place of its course. hash NULL: that of SDF_HashInit. The two then go their own ways. */
SDF_API int cardmux_hash_clone(void *session, void *hash, void **clone);
/* An error of the back end ends the hash; its handle stays, good for closing alone (SDR_STEPERR). */
SDF_API int cardmux_hash_update(void *session, void *hash, const unsigned char *data, unsigned int len);
/* digest NULL: its length alone. Else the hash has ended, and its handle is closed if there was no error. */
SDF_API int cardmux_hash_final(void *session, void *hash, unsigned char *digest, unsigned int *digest_len);
SDF_API int cardmux_hash_close(void *session, void *hash);

/* What a virtual card says of itself. Text ends with a NUL. Fields are only added at the end. */
struct cardmux_card_info {
    size_t size;                         /* in: sizeof(struct cardmux_card_info) */
    char tenant[48];                     /* the operator's name for it */
    char card[24], issuer[48];           /* the physical card */
    char reach[24];                      /* "unix", "ivshmem-module", ... */
    unsigned int max_sessions, sessions; /* of this process */
    unsigned int max_handles, handles;   /* of the tenant: keys, running hashes and the like */
    unsigned int weight;                 /* share of the card, 1 to 1000 */
    unsigned int debug;                  /* 1: keys in clear (GM/T 0018-2023, 6.8) are allowed */
    unsigned int slots, slot_size;       /* operations in flight at most, and bytes of each */
    unsigned long long operations;       /* of the tenant, since the daemon's start */
};

SDF_API int cardmux_card_info(void *session, struct cardmux_card_info *info);

enum cardmux_sdf_what {
    CARDMUX_SDF_RANDOM = 1, /* out, out_len: wanted */
    CARDMUX_SDF_ENCRYPT,    /* key, alg, iv (read and written, as in SDF_Encrypt), in -> out */
    CARDMUX_SDF_DECRYPT,
    CARDMUX_SDF_MAC,      /* as SDF_CalculateMAC: key, alg, iv, in -> out */
    CARDMUX_SDF_HMAC,     /* key, alg (as in SDF_HMACInit), in -> out */
    CARDMUX_SDF_HASH,     /* alg, in -> out */
    CARDMUX_SDF_SIGN,     /* index, in: 32 bytes; signature */
    CARDMUX_SDF_VERIFY,   /* index, in: 32 bytes, signature */
    CARDMUX_SDF_AUTH_ENC, /* key, alg, iv (the nonce, iv_len), aad, in -> out; tag: 16 bytes */
    CARDMUX_SDF_AUTH_DEC  /* the same, tag and tag_len given */
};

struct cardmux_sdf_call {
    enum cardmux_sdf_what what;
    unsigned int alg, index;
    void *session, *key;
    unsigned char *iv;
    const unsigned char *aad, *in;
    unsigned char *out, *tag;
    ECCSignature *signature;
    unsigned int iv_len, aad_len, in_len, tag_len;
    unsigned int out_len; /* what was written; RANDOM: read */
    int status;           /* result: SDR_ */
    void *user;           /* the caller's own */
};

/* All of them; returns the first status that is not SDR_OK. */
SDF_API int cardmux_sdf_batch(struct cardmux_sdf_call *calls, size_t n);

struct cardmux_sdf_queue;

SDF_API int cardmux_sdf_queue_open(struct cardmux_sdf_queue **queue);
/* Waits for what is being done; what was not begun gets SDR_STEPERR. Nobody may use it any more. NULL is allowed. */
SDF_API void cardmux_sdf_queue_close(struct cardmux_sdf_queue *queue);
SDF_API int cardmux_sdf_submit(struct cardmux_sdf_queue *queue, struct cardmux_sdf_call **calls, size_t n);
/* Up to max calls that are done; waits for the first one for timeout_ms (0: not at all, -1: for ever, as long as any
   is under way). */
SDF_API size_t cardmux_sdf_poll(struct cardmux_sdf_queue *queue, struct cardmux_sdf_call **done, size_t max,
                                int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
