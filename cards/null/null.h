/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CARDS_NULL_NULL_H
#define CARDS_NULL_NULL_H

#include "cardmux/card.h"

extern const struct card_driver null_card_driver; /* see cardmux-card-null(7) */

#endif
