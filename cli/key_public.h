/* SPDX-License-Identifier: Apache-2.0 */
/* key_public.h: a public key as the daemon tells it, in the form that other programs read. */
#ifndef CARDMUX_CLI_KEY_PUBLIC_H
#define CARDMUX_CLI_KEY_PUBLIC_H

#include <stdbool.h>

/* Prints SubjectPublicKeyInfo (RFC 5280; SM2: GM/T 0003, GB/T 32918) as PEM to standard output. kind: "sm2", "p256" or
 * "rsa"; hex: x || y, or modulus || exponent of 8 bytes. False: not a public key of that kind. */
bool key_public_print(const char *kind, const char *hex);

#endif
