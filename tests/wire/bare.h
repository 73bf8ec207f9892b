/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare.h: a bare broker for tests and fuzz targets that drive it pass by pass on their own thread: card, vault and
 * workers are real, there are no doors, and the keeper's end of its link is the caller's. Tenants and keys as in
 * harness.h, on a store in a directory of its own (below TMPDIR).
 */
#ifndef WIRE_BARE_H
#define WIRE_BARE_H

#include "backend/broker/broker.h"

struct bare {
    char dir[64];
    int keeper; /* the keeper's end; non-blocking */
};

/* Exits the program with a sentence on failure: nothing works then. config stays the broker's. */
void bare_start(struct bare *bare, struct broker *broker, const struct daemon_config *config, unsigned tenants);
/* Ends the broker, with all that it holds, and removes the directory. */
void bare_end(struct bare *bare, struct broker *broker);
/* What a broker holds, which in a process of its own would end with that: threads, tenants, jobs, card. */
void bare_release(struct broker *broker);

#endif
