/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h: a secret that one card makes again and again, by a vendor's SDF library (GM/T 0018).
 *
 * The library is foreign code: it is loaded by cardmux-card-sdf, a program of its own that links nothing but libc,
 * lives for one question and has a deadline. Who asks keeps one end of a socket pair; the question and the answer are
 * one packet each. Nothing secret stands in arguments, environment or files.
 *
 *   new    the card makes a session key (SM4), gives it wrapped so that only this card opens it, and encrypts the salt
 *          with it. Device and session are closed, opened again, the wrapped key is brought in and the salt encrypted
 *          once more: an answer comes only where both are the same
 *   open   the wrapped key is brought in and the salt is encrypted
 *
 * A session key is wrapped under the pair for encryption of an index (GenerateKeyWithIPK_ECC, ImportKeyWithISK_ECC) or
 * under a KEK (GenerateKeyWithKEK, ImportKeyWithKEK with SGD_SM4_ECB). All of these are in GM/T 0018-2012. What is
 * wrapped is kept as it came: vendors' structs of ECCCipher differ in the sizes of their fields.
 *
 * No function here starts a thread. Who asks must not have SIGCHLD ignored. Contents of both packets are to be wiped.
 */
#ifndef CARDMUX_CARDS_SDF_SEAL_H
#define CARDMUX_CARDS_SDF_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CARD_SEAL_SALT        32u /* two blocks */
#define CARD_SEAL_BLOB        512u
#define CARD_SEAL_BLOB_MIN    16u
#define CARD_SEAL_CODE        256u
#define CARD_SEAL_PATH        1024u
#define CARD_SEAL_TEXT        128u
#define CARD_SEAL_SENTENCE    256u
#define CARD_SEAL_DEADLINE_MS 15000u
#define CARD_SEAL_FD          3 /* where the helper finds its end of the socket pair */

enum card_seal_verb {
    CARD_SEAL_NEW = 1,
    CARD_SEAL_OPEN = 2
};

enum card_seal_kind {
    CARD_SEAL_PAIR = 1,
    CARD_SEAL_KEK = 2
};

struct card_seal_ask {
    char version[16]; /* of cardmux: helper and asker are of one build */
    uint32_t verb, kind, index;
    uint32_t code_len; /* 0: the index has no access code */
    uint32_t blob_len; /* CARD_SEAL_OPEN */
    uint8_t salt[CARD_SEAL_SALT];
    uint8_t blob[CARD_SEAL_BLOB];
    uint8_t code[CARD_SEAL_CODE];
    char library[CARD_SEAL_PATH];
};

/* How far the helper came: the step that failed. The first is success. */
enum card_seal_step {
    CARD_SEAL_DONE = 0,
    CARD_SEAL_QUESTION, /* not understood: a helper of another build */
    CARD_SEAL_LIBRARY,  /* text: dlopen's words */
    CARD_SEAL_SYMBOL,   /* text: the function that the library lacks */
    CARD_SEAL_DEVICE,
    CARD_SEAL_SESSION,
    CARD_SEAL_RIGHT,
    CARD_SEAL_MAKE,
    CARD_SEAL_IMPORT,
    CARD_SEAL_ENCRYPT,
    CARD_SEAL_LENGTH, /* text: the function that said OK and gave a length that cannot be, or wrote too far */
    CARD_SEAL_SAME,   /* what comes out does not depend on key and salt as it must */
    CARD_SEAL_STEPS
};

struct card_seal_reply {
    uint32_t step; /* enum card_seal_step */
    uint32_t code; /* of the library's function, where one failed */
    uint32_t blob_len;
    uint8_t blob[CARD_SEAL_BLOB]; /* CARD_SEAL_NEW; behind blob_len 0 */
    uint8_t made[CARD_SEAL_SALT]; /* of the salt */
    char text[CARD_SEAL_TEXT];
};

/* ---- who asks ---- */

struct card_seal {
    pid_t pid; /* 0: none runs */
    int fd;    /* readable: card_seal_end gives the reply, or says what happened instead */
};

/* Starts the helper with a question; never blocks. False: errno. */
bool card_seal_start(struct card_seal *seal, const struct card_seal_ask *ask);
/* Ends the helper, whether it answered or not; waits for that a moment only, because a process that hangs in a driver
   cannot be ended. True: *reply is of the form that was agreed and step is CARD_SEAL_DONE.
   Otherwise sentence[CARD_SEAL_SENTENCE] says what is wrong and what to do; late: its deadline is over. */
bool card_seal_end(struct card_seal *seal, const struct card_seal_ask *ask, bool late, struct card_seal_reply *reply,
                   char *sentence);
/* Ends it without listening. */
void card_seal_kill(struct card_seal *seal);
/* Start and end in one go, waiting up to CARD_SEAL_DEADLINE_MS. */
bool card_seal_run(const struct card_seal_ask *ask, struct card_seal_reply *reply, char *sentence);

/* The card said that the access code is wrong: trying again by itself could lock the index. */
bool card_seal_code_refused(const struct card_seal_reply *reply);

/* What came from a process with foreign code in it: bounds, zeros, text made printable. False: not of that form. */
bool card_seal_reply_check(struct card_seal_reply *reply, size_t len, enum card_seal_verb verb);
void card_seal_sentence(const struct card_seal_ask *ask, const struct card_seal_reply *reply, char *sentence);

/* ---- the helper ---- */

/* Does what ask says with the library that it names. */
void card_seal_answer(const struct card_seal_ask *ask, struct card_seal_reply *reply);

#endif
