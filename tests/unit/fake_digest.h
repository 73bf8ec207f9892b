/* SPDX-License-Identifier: Apache-2.0 */
/* fake_digest.h: hashes and MACs, running and not, of the back end that fake_link.h plays. */
#ifndef CARDMUX_TEST_FAKE_DIGEST_H
#define CARDMUX_TEST_FAKE_DIGEST_H

#include <openssl/evp.h>
#include <stdbool.h>
#include "frontend/client/call.h"

struct fake_digest {
    EVP_MD_CTX *hash;
    EVP_MAC_CTX *mac;
};

uint32_t fake_hash(struct fake_digest *digest, struct call *call);
/* False: the call's algorithm is no HMAC. */
bool fake_hmac(struct call *call, const uint8_t *key, size_t len);
uint32_t fake_mac_step(struct fake_digest *digest, struct call *call, const uint8_t *key, size_t len);
void fake_digest_forget(struct fake_digest *digest);

#endif
