/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/admin/wipe_alloc.h"
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The length stands before the block; the union keeps malloc's alignment. */
union head {
    size_t size;
    max_align_t align;
};

void *wipe_malloc(size_t size)
{
    if (size > SIZE_MAX - sizeof(union head))
        return NULL;
    union head *head = malloc(sizeof *head + size);
    if (!head)
        return NULL;
    head->size = size;
    return head + 1;
}

size_t wipe_block(void *block)
{
    union head *head = (union head *)block - 1;
    explicit_bzero(block, head->size);
    return head->size;
}

void wipe_free(void *block)
{
    if (!block)
        return;
    wipe_block(block);
    free((union head *)block - 1);
}

void wipe_alloc_for_json(void)
{
    json_set_alloc_funcs(wipe_malloc, wipe_free);
}
