/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain.h: the log's cryptography, and all of its calls into libcrypto.
 *
 *     B       = SM3(body of a line)
 *     chain'  = SM3(0x02 || chain || B)        all lines; before the first line 32 zero bytes
 *     head'   = SM3(0x03 || head || B)         the entries of one tenant; before the first one 32 zero bytes
 *     leaf    = SM3(0x00 || id || n || head)   of a tenant; id 4, n 8 bytes, big-endian
 *     node    = SM3(0x01 || left || right)     the tree of RFC 6962 over the leaves in order of id; no leaf: 32 zeros
 *     signature: SM2 with SM3 and the identity 1234567812345678 (GM/T 0009) over a checkpoint's body before it
 *
 * So a checkpoint fixes every line before it, and for each tenant how many entries it has and what stands in them. A
 * tenant that is given its own entries, a checkpoint and the path from its leaf can verify both that they are unchanged
 * and that none is missing, and sees nothing of others.
 *
 * Functions answer false where libcrypto fails, or where what is to be verified does not hold.
 */
#ifndef CARDMUX_AUDIT_CHAIN_H
#define CARDMUX_AUDIT_CHAIN_H

#include "backend/audit/entry.h"

#define AUDIT_SEED 32u

bool audit_random(void *bytes, size_t len);
bool audit_digest(const void *bytes, size_t len, uint8_t out[AUDIT_HASH]);
/* next may be the same memory as before. */
bool audit_chain_next(const uint8_t before[AUDIT_HASH], const char *line, size_t body_len, uint8_t next[AUDIT_HASH]);
bool audit_head_next(const uint8_t before[AUDIT_HASH], const char *line, size_t body_len, uint8_t next[AUDIT_HASH]);

/* tenants in order of id. */
bool audit_root(const struct audit_tenant *tenants, size_t count, uint8_t root[AUDIT_HASH]);
bool audit_path(const struct audit_tenant *tenants, size_t count, size_t index,
                uint8_t path[AUDIT_PATH_MAX][AUDIT_HASH], unsigned *len);
bool audit_path_holds(const struct audit_tenant *tenant, uint64_t index, uint64_t count,
                      const uint8_t path[AUDIT_PATH_MAX][AUDIT_HASH], unsigned len, const uint8_t root[AUDIT_HASH]);

/* The signing key follows from a secret of the vault, so it lives as long as the vault does. */
struct audit_key;
struct audit_key *audit_key_new(const uint8_t seed[AUDIT_SEED]);      /* NULL: libcrypto failed */
struct audit_key *audit_key_public(const uint8_t point[AUDIT_POINT]); /* NULL: not on the curve */
void audit_key_free(struct audit_key *key);                           /* NULL is allowed */
void audit_key_point(const struct audit_key *key, uint8_t point[AUDIT_POINT]);
bool audit_sign(const struct audit_key *key, const char *bytes, size_t len, uint8_t signature[AUDIT_SIGNATURE]);
bool audit_signature_holds(const struct audit_key *key, const char *bytes, size_t len,
                           const uint8_t signature[AUDIT_SIGNATURE]);

#endif
