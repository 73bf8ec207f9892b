/* SPDX-License-Identifier: Apache-2.0 */
/* hostile_load.h: tenants with manners, in processes of their own: the neighbour, whose every result is checked, and
   the load that is put in the attackers' place for comparison. */
#ifndef WIRE_HOSTILE_LOAD_H
#define WIRE_HOSTILE_LOAD_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

struct load; /* an open client */

struct load_counts { /* in memory that test and load share */
    _Atomic uint64_t done, wrong, failed;
};

/* Opens a client over unix and what it needs; exits the process with a sentence on failure. */
struct load *load_open(const char *path, struct load_counts *counts);
/* One round: 64 hashes, 16 at a time, a signature and its verification, a block encrypted and decrypted; all compared
   with what they must be. */
void load_round(struct load *load);
void load_close(struct load *load);

#endif
