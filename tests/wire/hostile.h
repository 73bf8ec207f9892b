/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile.h: a tenant without manners, and what its judges look at.
 *
 * A `raw` is one connection with nothing between it and the shared memory: positions, epoch and generation are the
 * attack's own. It negotiates as layout.h says and is not held to anything afterwards.
 */
#ifndef WIRE_HOSTILE_H
#define WIRE_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "proto/ops.h"
#include "proto/ring.h"
#include "tests/wire/daemon.h"

struct raw {
    int socket, region, ring, wake; /* eventfds: it writes ring, the broker writes wake */
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

/* A unix connection and its hello. false: refused, with status (SDR_, 0: no hello at all); nothing is left open. */
bool raw_connect(struct raw *raw, const char *path, uint32_t *status);
void raw_close(struct raw *raw);
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
/* Each class of bad submission once, in order, so that each reason of the gate is counted but `policy`. */
void attack_each_reason(struct raw *raw, unsigned max_sessions);
void attack_garbage(struct raw *raw, struct dice *dice);  /* a burst, likely and unlikely, and a ring */
void attack_memory(struct raw *raw, struct dice *dice);   /* random words anywhere in the region, now */
void attack_epoch(struct raw *raw, struct dice *dice);    /* another epoch, without waiting for it */
void attack_slow(struct raw *raw, struct dice *dice);     /* key pairs and wrong access codes */
void attack_doorbell(struct raw *raw, struct dice *dice); /* rings without end */
/* Makes both eventfds block, fills the one that the broker writes, empties the one that it reads. In a process of its
   own, to be killed: it leaves a thread behind. */
void attack_eventfds(struct raw *raw);

/* Management, as an operator would; the answer's body, or exits the program. Valid until the next call. */
const char *manage(const struct daemon *daemon, const char *method, const char *path, const char *body);
/* A number in such an answer, after `name`. */
uint64_t number_in(const char *body, const char *name);

unsigned process_fds(pid_t pid);
uint64_t process_anon_kib(pid_t pid); /* memory of its own, shared regions not counted */

#endif
