/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CARDS_SOFT_SOFT_H
#define CARDS_SOFT_SOFT_H

#include "cardmux/card.h"

extern const struct card_driver soft_card_driver; /* see cardmux-card-soft(7) */

/* As soft_card_driver.open, but keys live in memory[size] (64-byte aligned, the caller's) instead of pages that the
   card maps itself. Who owns that memory can see what is left in it. */
uint32_t soft_open_in(const struct card_options *options, void *memory, size_t size, struct card **card, char *error);

/* The names of the known-answer tests, for "selftest:NAME"; NULL after the last. */
const char *soft_kat_name(size_t i);

#endif
