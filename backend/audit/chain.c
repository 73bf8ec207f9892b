/* SPDX-License-Identifier: Apache-2.0 */
/* see chain.h */
#include "backend/audit/chain.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum tag {
    TAG_LEAF = 0,
    TAG_NODE = 1,
    TAG_CHAIN = 2,
    TAG_HEAD = 3
};

bool audit_random(void *bytes, size_t len)
{
    return RAND_bytes(bytes, (int)len) == 1;
}

bool audit_digest(const void *bytes, size_t len, uint8_t out[AUDIT_HASH])
{
    unsigned got = 0;
    return EVP_Digest(bytes, len, out, &got, EVP_sm3(), NULL) == 1 && got == AUDIT_HASH;
}

static bool tagged(enum tag tag, const uint8_t a[AUDIT_HASH], const uint8_t b[AUDIT_HASH], uint8_t out[AUDIT_HASH])
{
    uint8_t bytes[1 + 2 * AUDIT_HASH];
    bytes[0] = (uint8_t)tag;
    memcpy(bytes + 1, a, AUDIT_HASH);
    memcpy(bytes + 1 + AUDIT_HASH, b, AUDIT_HASH);
    return audit_digest(bytes, sizeof bytes, out);
}

bool audit_chain_next(const uint8_t before[AUDIT_HASH], const char *line, size_t body_len, uint8_t next[AUDIT_HASH])
{
    uint8_t body[AUDIT_HASH];
    return audit_digest(line, body_len, body) && tagged(TAG_CHAIN, before, body, next);
}

bool audit_head_next(const uint8_t before[AUDIT_HASH], const char *line, size_t body_len, uint8_t next[AUDIT_HASH])
{
    uint8_t body[AUDIT_HASH];
    return audit_digest(line, body_len, body) && tagged(TAG_HEAD, before, body, next);
}

/* ---- tenants ---- */

static bool leaf_of(const struct audit_tenant *tenant, uint8_t out[AUDIT_HASH])
{
    uint8_t bytes[1 + 4 + 8 + AUDIT_HASH] = {TAG_LEAF};
    for (unsigned i = 0; i < 4; i++)
        bytes[1 + i] = (uint8_t)(tenant->id >> (24 - 8 * i));
    for (unsigned i = 0; i < 8; i++)
        bytes[5 + i] = (uint8_t)(tenant->n >> (56 - 8 * i));
    memcpy(bytes + 13, tenant->head, AUDIT_HASH);
    return audit_digest(bytes, sizeof bytes, out);
}

/* Leaves on the left of a tree of count > 1: the largest power of two below count. */
static size_t left_of(size_t count)
{
    size_t left = 1;
    while (left * 2 < count)
        left *= 2;
    return left;
}

/* The depth is that of the tree: at most 32. */
bool audit_root(const struct audit_tenant *tenants, size_t count, uint8_t root[AUDIT_HASH])
{
    uint8_t left[AUDIT_HASH], right[AUDIT_HASH];
    if (count == 0) {
        memset(root, 0, AUDIT_HASH);
        return true;
    }
    if (count == 1)
        return leaf_of(tenants, root);
    size_t half = left_of(count);
    return audit_root(tenants, half, left) && audit_root(tenants + half, count - half, right) &&
           tagged(TAG_NODE, left, right, root);
}

bool audit_path(const struct audit_tenant *tenants, size_t count, size_t index,
                uint8_t path[AUDIT_PATH_MAX][AUDIT_HASH], unsigned *len)
{
    uint8_t from_top[AUDIT_PATH_MAX][AUDIT_HASH];
    unsigned n = 0;
    while (count > 1) {
        size_t half = left_of(count);
        bool is_left = index < half;
        if (n == AUDIT_PATH_MAX ||
            !audit_root(is_left ? tenants + half : tenants, is_left ? count - half : half, from_top[n++]))
            return false;
        tenants += is_left ? 0 : half;
        index -= is_left ? 0 : half;
        count = is_left ? half : count - half;
    }
    for (unsigned i = 0; i < n; i++)
        memcpy(path[i], from_top[n - 1 - i], AUDIT_HASH);
    *len = n;
    return true;
}

bool audit_path_holds(const struct audit_tenant *tenant, uint64_t index, uint64_t count,
                      const uint8_t path[AUDIT_PATH_MAX][AUDIT_HASH], unsigned len, const uint8_t root[AUDIT_HASH])
{
    bool is_left[AUDIT_PATH_MAX];
    unsigned depth = 0;
    uint8_t sum[AUDIT_HASH];
    if (index >= count || count > UINT32_MAX || !leaf_of(tenant, sum))
        return false;
    for (size_t left = count, at = index; left > 1 && depth < AUDIT_PATH_MAX; depth++) {
        size_t half = left_of(left);
        is_left[depth] = at < half;
        at -= is_left[depth] ? 0 : half;
        left = is_left[depth] ? half : left - half;
    }
    if (depth != len)
        return false;
    for (unsigned i = 0; i < len; i++) {
        bool left = is_left[len - 1 - i];
        if (!tagged(TAG_NODE, left ? sum : path[i], left ? path[i] : sum, sum))
            return false;
    }
    return memcmp(sum, root, AUDIT_HASH) == 0;
}
