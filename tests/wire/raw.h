/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw.h: a tenant without manners.
 *
 * A `raw` is one queue pair with nothing between it and the shared memory: positions, epoch and generation are the
 * attack's own. It negotiates as layout.h says and is not held to anything afterwards. It is a `unix` connection, or,
 * in a guest, a queue pair of an ivshmem device.
 */
#ifndef WIRE_RAW_H
#define WIRE_RAW_H

#include <stdbool.h>
#include <stdint.h>
#include "proto/ops.h"
#include "proto/ring.h"

struct raw {
    int socket, region, ring, wake; /* eventfds: it writes ring, the broker writes wake; -1: none */
    volatile uint32_t *doorbell;    /* ivshmem: the register, and what is written to ring; else NULL */
    uint32_t doorbell_value;
    struct shm_span all, qp;
    uint64_t generation;
    uint32_t epoch, sq_pos, cq_pos;
    uint32_t asked;   /* epochs so far: no two the same */
    uint32_t session; /* the last that was opened */
};

/* A small generator, so that a run can be repeated from its seed. */
struct dice {
    uint64_t state;
};
uint32_t dice_roll(struct dice *dice);

/* A connected socket, -1: none. */
int raw_dial(const char *path);
/* A unix connection and its hello. false: refused, with status (SDR_, 0: no hello at all); nothing is left open. */
bool raw_connect(struct raw *raw, const char *path, uint32_t *status);
void raw_close(struct raw *raw);
/* A queue pair of a region that is mapped already; region, ring, wake, socket stay -1. */
void raw_of_device(struct raw *raw, struct shm_span all, unsigned pair, volatile uint32_t *doorbell, uint32_t value);
void raw_ring(const struct raw *raw);
/* Asks for a new epoch and waits for it, at most ms. */
bool raw_attach(struct raw *raw, int ms);
/* Publishes at the next position, generation and epoch filled in. */
void raw_submit(struct raw *raw, struct cm_sqe sqe);
/* The next completion, at most ms later. */
bool raw_take(struct raw *raw, struct cm_cqe *cqe, int ms);
/* Submits, rings, takes completions until one of this tag comes; its status, or UINT32_MAX where none does. */
uint32_t raw_call(struct raw *raw, struct cm_sqe sqe, struct cm_cqe *cqe);

/* The attacks. Each does a little and returns. */
/* Each class of bad submission once, in order, so that each reason of the gate is counted that a ring can give. SHA-1
   must be denied to the tenant. */
void attack_each_reason(struct raw *raw, unsigned max_sessions);
void attack_garbage(struct raw *raw, struct dice *dice);  /* a burst, likely and unlikely, and a ring */
void attack_memory(struct raw *raw, struct dice *dice);   /* random words anywhere in the region, now */
void attack_epoch(struct raw *raw, struct dice *dice);    /* another epoch, without waiting for it */
void attack_slow(struct raw *raw, struct dice *dice);     /* key pairs and wrong access codes */
void attack_doorbell(struct raw *raw, struct dice *dice); /* rings without end */
/* Makes both eventfds block, fills the one that the broker writes, empties the one that it reads. In a process of its
   own, to be killed: it leaves a thread behind. */
void attack_eventfds(struct raw *raw);

#endif
