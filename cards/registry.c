/* SPDX-License-Identifier: Apache-2.0 */
/* The drivers that are built into cardmuxd. A new card adds one line here and one folder beside this file. */
#include <string.h>

#include "cardmux/card.h"
#include "cards/null/null.h"
#include "cards/soft/soft.h"

const struct card_driver *const card_drivers[] = {&null_card_driver, &soft_card_driver, NULL};

const struct card_driver *card_driver_find(const char *name)
{
    for (size_t i = 0; name && card_drivers[i]; i++) {
        if (strcmp(card_drivers[i]->name, name) == 0)
            return card_drivers[i];
    }
    return NULL;
}
