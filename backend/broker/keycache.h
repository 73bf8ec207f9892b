/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keycache.h: the tenants' keys that are in the card now. Others are in the vault only, and are fetched by a worker
 * when an operation first wants them.
 *
 *     handler ---- keycache_pair/kek ---> there: goes on
 *        ^             not there: the handler ends with STEP_DONE and job->wants
 *        |             |
 *        |         keycache_fetch: joins a fetch of that key, or begins one on the worker pool; of one tenant's only so
 *        |             |           many at a time, the rest queue behind them at that tenant's cost; where
 *        |             |           KEY_WAITS_MAX wait, what names a key stays in its ring
 *        +-- run again when the fetch is done: the key is there, or is known to be absent
 *
 * A handler that may end so has done nothing yet that must not be done twice. There is room for a number of keys of all
 * tenants together (locked memory is limited); who has been used longest ago makes room, unless a job uses it, or it is
 * a KEK that sessions have handles of. The
 * broker's thread owns everything here; a fetch on its worker touches only itself, the vault and the card.
 */
#ifndef CARDMUX_BROKER_KEYCACHE_H
#define CARDMUX_BROKER_KEYCACHE_H

#include "backend/broker/broker.h"

#define KEYCACHE_KEYS 4096u /* unless the configuration says otherwise */

/* NULL: not here, which says nothing of the vault. Each counts as a use. */
struct keypair *keycache_pair(struct broker *broker, struct tenant *tenant, enum vault_key_kind kind, uint32_t index);
struct kek *keycache_kek(struct broker *broker, struct tenant *tenant, uint32_t index);

/* Puts imported keys in, in place of what was there. False: no memory; they are released. */
bool keycache_put_pair(struct broker *broker, struct tenant *tenant, const struct keypair *pair);
bool keycache_put_kek(struct broker *broker, struct tenant *tenant, const struct kek *kek);
/* A key was destroyed: it is not here any more, nor comes by a fetch that is under way. */
void keycache_drop(struct broker *broker, struct tenant *tenant, enum vault_key_kind kind, uint32_t index);
void keycache_drop_all(struct broker *broker, struct tenant *tenant);

/* Its access code is another one, or none, now: what is here, or on its way, may say what was before. */
void keycache_forget(struct broker *broker, struct tenant *tenant, enum vault_key_kind kind, uint32_t index);
/* One handle more, or less, of a key. A KEK that has handles is charged to its tenant's limit of these, as session keys
   are, and does not count as one of the cache's; other keys are none of its business. When the KEK is destroyed, or its
   access code is set, its handles are dead (struct key's `gone`). */
void keycache_hold(struct broker *broker, struct key *key);
void keycache_unhold(struct broker *broker, struct key *key);

/* How often it was used since the broker started, in the card or not. */
void keycache_uses(struct broker *broker, struct tenant *tenant, enum vault_key_kind kind, uint32_t index,
                   uint64_t *sign, uint64_t *encrypt);

/* What a job that wants a key waits for. kind 0: any pair of that index. */
void keycache_fetch(struct broker *broker, struct job *job);

/* For a handler: notes what is wanted, or says that it was looked for already and is not there. */
bool job_wants(struct job *job, unsigned kind, uint32_t index);

#endif
