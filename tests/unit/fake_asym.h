/* SPDX-License-Identifier: Apache-2.0 */
/* fake_asym.h: RSA, key agreement, envelopes and keys in clear for fake_link.c, by the judges of tests/clients. */
#ifndef CARDMUX_TESTS_FAKE_ASYM_H
#define CARDMUX_TESTS_FAKE_ASYM_H

#include "frontend/client/call.h"

#define FAKE_AGREEMENTS 4

struct fake_asym { /* of a session; all zeros at first and after a loss */
    struct fake_agreement {
        uint32_t number, index, bits, id_len; /* number 0: free */
        uint8_t r[32], point[64], id[8191];
    } agreements[FAKE_AGREEMENTS];
};

/* What an operation needs to know of its index: which there is, whose private half the session may use. */
struct fake_index {
    bool there, right;
    const uint8_t *d, *point; /* of the encrypting SM2 pair of call->key; of index i for agreements: by `pair` */
    void (*pair)(uint32_t index, const uint8_t **d, const uint8_t **point);
};

bool fake_asym_has(uint16_t op);
/* Runs it. A session key that it made is left in key[64] with *key_len; number: for a new agreement. */
uint32_t fake_asym_run(struct fake_asym *asym, const struct fake_index *index, struct call *call, uint32_t number,
                       uint8_t key[64], size_t *key_len);
bool fake_asym_drop(struct fake_asym *asym, uint32_t number);

#endif
