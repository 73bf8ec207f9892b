/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealed.h: a file that only one key opens: backups, and tenants on their way to another host.
 *
 *     0    8   "CMSEALED"
 *     8    1   1, the version
 *     9    1   enum sealed_type
 *     10   2   0
 *     12   4   SEALED_PIECE, little-endian
 *     16   32  the recipient's public key (X25519)
 *     48   32  a public key made for this file
 *     80   32  the sender's public key
 *     112  16  0
 *     128      pieces: 4 bytes length of what follows, bit 31 set in the last one; ciphertext, tag[16]
 *
 * A piece holds up to SEALED_PIECE bytes, exactly that but for the last. The key is HKDF-SHA256 of two X25519 secrets,
 * (this file's key, recipient) and (sender, recipient), with the header as info; so it opens for the recipient alone,
 * and only the sender (or the recipient) can have made it: as HPKE's authenticated mode does. Pieces are AES-256-GCM;
 * the nonce is the piece's number, the length field is associated data. Changed, cut, extended, reordered: each is an
 * error.
 *
 * A key is 32 random bytes; its public half is written as 64 hexadecimal digits. error has VAULT_ERROR_TEXT bytes.
 */
#ifndef CARDMUX_VAULT_SEALED_H
#define CARDMUX_VAULT_SEALED_H

#include "backend/vault/vault.h"

#define SEALED_VERSION 1u
#define SEALED_HEADER  128u
#define SEALED_PIECE   65536u
#define SEALED_TAG     16u
#define SEALED_KEY     32u

enum sealed_type {
    SEALED_BACKUP = 1,
    SEALED_TENANT = 2
};

struct sealed_header {
    enum sealed_type type;
    uint8_t recipient[SEALED_KEY], own[SEALED_KEY], sender[SEALED_KEY];
};

/* Parsers of what comes from outside; nothing is read behind the end. The second gives the length of a piece. */
bool sealed_header_parse(const uint8_t bytes[SEALED_HEADER], struct sealed_header *header);
void sealed_header_build(const struct sealed_header *header, uint8_t bytes[SEALED_HEADER]);
bool sealed_piece_parse(const uint8_t bytes[4], size_t *len, bool *last);

bool sealed_public(const uint8_t secret[SEALED_KEY], uint8_t key[SEALED_KEY]);

struct sealed;

/* To a descriptor that stays the caller's. sender is secret; all three are copied. */
enum vault_result sealed_write_open(int fd, enum sealed_type type, const uint8_t sender[SEALED_KEY],
                                    const uint8_t recipient[SEALED_KEY], struct sealed **sealed, char *error);
enum vault_result sealed_write(struct sealed *sealed, const void *bytes, size_t len, char *error);
/* The last piece, and fsync. */
enum vault_result sealed_write_end(struct sealed *sealed, char *error);

/* Reads the header and makes sure that it is of that type, for this recipient, and of the sender `from` (NULL: whose it
   is does not matter): says so, that is, and what is read from it afterwards proves that it said the truth. */
enum vault_result sealed_read_open(int fd, enum sealed_type type, const uint8_t secret[SEALED_KEY], const uint8_t *from,
                                   struct sealed **sealed, char *error);
const struct sealed_header *sealed_header(const struct sealed *sealed);
/* Exactly len bytes, each authenticated; VAULT_DAMAGED where the file ends before. */
enum vault_result sealed_read(struct sealed *sealed, void *bytes, size_t len, char *error);
enum vault_result sealed_read_end(struct sealed *sealed, char *error); /* nothing may be left, in or behind the file */
void sealed_free(struct sealed *sealed);                               /* NULL is allowed; wipes */

#endif
