/* SPDX-License-Identifier: Apache-2.0 */
/*
 * harness.h: keeper's doors, broker and front end in one process, without sandbox: what the wire tests run on. The
 * doors and the broker are the real ones, each on a thread; only the keeper around the doors is the harness's.
 *
 * Tenants are named t0, t1, ...; each has SM2 index 1 without a code, index 2 with the code WIRE_CODE, and KEKs of 128
 * bits at both, the second with that code too.
 */
#ifndef WIRE_HARNESS_H
#define WIRE_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include "backend/admin/message.h"
#include "proto/wait.h"

#define WIRE_CODE "12345678"

struct wire_options {
    const char *card; /* "soft" unless set */
    const char *fault;
    uint32_t card_threads;
    unsigned tenants; /* 1 unless set */
    enum wait_mode wait;
    uint32_t deadline_ms; /* 120000 unless set */
    uint32_t keys_loaded; /* 4096 unless set */
};

struct wire;

/* Exits the test program with a sentence on failure: nothing works then. */
struct wire *wire_start(const struct wire_options *options);
void wire_stop(struct wire *wire);
/* The tenant's socket of a transport: "unix", "ivshmem" or "stream". Valid until the next call. */
const char *wire_socket(const struct wire *wire, unsigned tenant, const char *transport);
/* Points this process's libraries at it (CARDMUX_SOCKET, CARDMUX_REACH). */
void wire_use(const struct wire *wire, unsigned tenant);
/* The broker ends as a crashed one does for its tenants (sessions gone), and a new one starts. */
void wire_broker_stop(struct wire *wire);
void wire_broker_start(struct wire *wire);
/* Counters of a tenant, asked of the broker through its management messages. */
struct admin_counters wire_counters(struct wire *wire, unsigned tenant);
/* One management request; returns the result and the first row (or the request's own content where there is none). */
enum vault_result wire_admin(struct wire *wire, struct admin_message *message);

#endif
