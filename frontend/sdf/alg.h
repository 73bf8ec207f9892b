/* SPDX-License-Identifier: Apache-2.0 */
/* alg.h: identifiers of symmetric modes and HMACs, of which headers in the field have several for one thing; the wire
   has one. Those of 2012's modes and hashes are in form.h. */
#ifndef CARDMUX_SDF_ALG_H
#define CARDMUX_SDF_ALG_H

#include <stdbool.h>
#include <stdint.h>

/* ECB CBC CFB OFB CTR and XTS. SDR_OK with *alg as on the wire, else as alg_check. */
uint32_t alg_cipher(uint32_t *alg);
/* On the wire's numbers. */
bool alg_is_xts(uint32_t alg);
/* GCM and CCM: SDR_OK, SDR_ALGNOTSUPPORT (unknown cipher), SDR_ALGMODNOTSUPPORT. */
uint32_t alg_aead(uint32_t alg);
/* The hash of an HMAC, as on the wire, and the MAC's length; 0: unknown. 8 and 0x10 are HMAC-SM3 and HMAC-SHA256 here
   (GM/T 0006-2023), not hashes. */
uint32_t alg_hmac(uint32_t alg, uint32_t *mac_len);

#endif
