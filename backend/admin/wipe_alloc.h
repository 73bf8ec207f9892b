/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wipe_alloc.h: memory for jansson that is wiped before it goes back to the heap. A request body can hold an access
 * code, and a JSON parser leaves copies of it wherever it allocated; so the processes that read such bodies hand these
 * two to json_set_alloc_funcs() before the first document.
 */
#ifndef CARDMUX_ADMIN_WIPE_ALLOC_H
#define CARDMUX_ADMIN_WIPE_ALLOC_H

#include <stddef.h>

void *wipe_malloc(size_t size); /* NULL: no memory. Aligned like malloc's */
void wipe_free(void *block);    /* NULL is fine */
/* What wipe_free does before it frees; apart, so that a test can look. Returns the number of bytes wiped. */
size_t wipe_block(void *block);
/* json_set_alloc_funcs(wipe_malloc, wipe_free). Once, before the first json_ call of the process. */
void wipe_alloc_for_json(void);

#endif
