/* SPDX-License-Identifier: Apache-2.0 */
/* fake_sym.h: what the back end that fake_link.h plays has from the software card: authenticated encryption, XTS,
   numbered running states. */
#ifndef CARDMUX_TEST_FAKE_SYM_H
#define CARDMUX_TEST_FAKE_SYM_H

#include <stdbool.h>
#include "frontend/client/call.h"

#define FAKE_STATES 64

struct fake_sym {
    struct fake_state {
        uint32_t number; /* 0: free */
        uint16_t start;
        bool decrypt;
        struct card_state *state;
    } states[FAKE_STATES];
};

bool fake_sym_has(uint16_t op);
/* key: the bytes of the call's key, NULL where it names none. */
uint32_t fake_sym_run(struct fake_sym *sym, struct call *call, const uint8_t *key, size_t key_len);
void fake_sym_forget(struct fake_sym *sym);
int fake_states(void); /* in all sessions */

#endif
