/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jitter.h: put before the front end's source in some tests' builds (-include): a thread now and then stays where it is
 * for a while before an atomic operation, a lock or a copy. Between two such places another thread may do anything; where
 * a few cores take turns it hardly ever does, and a fault that needs it shows once in a million runs.
 *
 * A test that knows an interleaving sets jitter_hook, which is called at each of these places in place of that, with the
 * name of the function.
 */
#ifndef WIRE_JITTER_H
#define WIRE_JITTER_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

void jitter(const char *where);
void jitter_copy(const char *where);
extern void (*_Atomic jitter_hook)(const char *where);

#undef atomic_load
#undef atomic_store
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_fetch_or
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_strong
#define atomic_load(at)             (jitter(__func__), atomic_load_explicit(at, memory_order_seq_cst))
#define atomic_store(at, to)        (jitter(__func__), atomic_store_explicit(at, to, memory_order_seq_cst))
#define atomic_fetch_add(at, by)    (jitter(__func__), atomic_fetch_add_explicit(at, by, memory_order_seq_cst))
#define atomic_fetch_sub(at, by)    (jitter(__func__), atomic_fetch_sub_explicit(at, by, memory_order_seq_cst))
#define atomic_fetch_or(at, with)   (jitter(__func__), atomic_fetch_or_explicit(at, with, memory_order_seq_cst))
#define atomic_compare_exchange_weak(at, was, to)                                                                      \
    (jitter(__func__), atomic_compare_exchange_weak_explicit(at, was, to, memory_order_seq_cst, memory_order_seq_cst))
#define atomic_compare_exchange_strong(at, was, to)                                                                    \
    (jitter(__func__), atomic_compare_exchange_strong_explicit(at, was, to, memory_order_seq_cst, memory_order_seq_cst))
#define pthread_mutex_lock(lock)    (jitter(__func__), pthread_mutex_lock(lock))
#define pthread_mutex_trylock(lock) (jitter(__func__), pthread_mutex_trylock(lock))
#define pthread_mutex_unlock(lock)  (jitter(__func__), pthread_mutex_unlock(lock))
#define memcpy(to, from, len)       (jitter_copy(__func__), memcpy(to, from, len))

#endif
