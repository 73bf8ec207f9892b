/* SPDX-License-Identifier: Apache-2.0 */
/* sealed_form.c: the clear-text parts of a sealed file. See sealed.h. */
#include <string.h>
#include "backend/vault/sealed.h"

static const uint8_t magic[16] = {'C', 'M', 'S', 'E', 'A', 'L', 'E', 'D', SEALED_VERSION, 0, 0, 0, 0, 0, 1, 0};
_Static_assert(SEALED_PIECE == 0x10000, "as in magic");

bool sealed_header_parse(const uint8_t bytes[SEALED_HEADER], struct sealed_header *header)
{
    static const uint8_t zeros[16];

    if (memcmp(bytes, magic, 9) != 0 || (bytes[9] != SEALED_BACKUP && bytes[9] != SEALED_TENANT) ||
        memcmp(bytes + 10, magic + 10, 6) != 0 || memcmp(bytes + 112, zeros, 16) != 0)
        return false;
    header->type = (enum sealed_type)bytes[9];
    memcpy(header->recipient, bytes + 16, SEALED_KEY);
    memcpy(header->own, bytes + 48, SEALED_KEY);
    memcpy(header->sender, bytes + 80, SEALED_KEY);
    return true;
}

void sealed_header_build(const struct sealed_header *header, uint8_t bytes[SEALED_HEADER])
{
    memset(bytes, 0, SEALED_HEADER);
    memcpy(bytes, magic, 16);
    bytes[9] = (uint8_t)header->type;
    memcpy(bytes + 16, header->recipient, SEALED_KEY);
    memcpy(bytes + 48, header->own, SEALED_KEY);
    memcpy(bytes + 80, header->sender, SEALED_KEY);
}

bool sealed_piece_parse(const uint8_t bytes[4], size_t *len, bool *last)
{
    uint32_t word = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;

    *last = word >> 31;
    *len = word & 0x7fffffffu;
    return *last ? *len >= SEALED_TAG && *len <= SEALED_PIECE + SEALED_TAG : *len == SEALED_PIECE + SEALED_TAG;
}
