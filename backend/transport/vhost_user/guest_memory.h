/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_memory.h: the memory of a virtual machine, as QEMU shares it over vhost-user.
 *
 * A table of up to GUEST_REGIONS_MAX regions, each a part of a memfd: where the guest sees it (gpa), where QEMU does
 * (uva, the addresses in which it names virtqueues), and where it is mapped here. Nothing but spans (proto/shm.h) come
 * out of it; a range that does not lie within one region is refused.
 *
 * A memfd that could shrink would turn an access into a SIGBUS, so a region is taken only from a file that is sealed
 * against that (F_SEAL_SHRINK; QEMU's memory-backend-memfd is, unless it is told seal=off), and not from hugetlbfs,
 * where a page that was given back may not be there again. A hole in a memfd of ordinary pages is filled with zeros.
 *
 * The table may be replaced at any time while devices work, so it is counted: whoever keeps a span beyond a callback
 * holds the table that it came from.
 */
#ifndef CARDMUX_GUEST_MEMORY_H
#define CARDMUX_GUEST_MEMORY_H

#include <stdint.h>
#include "proto/shm.h"

#define GUEST_REGIONS_MAX 8u           /* what vhost-user has room for in one message */
#define GUEST_MEMORY_MAX  (1ull << 42) /* of one virtual machine together */

/* As on the wire. */
struct guest_region_entry {
    uint64_t gpa, size, uva, offset;
};

struct guest_region {
    uint64_t gpa, size, uva;
    struct shm_span span;
    void *map;
    size_t map_size;
};

struct guest_memory {
    unsigned refs;
    unsigned count;
    struct guest_region regions[GUEST_REGIONS_MAX];
};

/* Checks and maps the table; fds[i] belongs to entry i and stays the caller's. NULL with a sentence in *why. */
struct guest_memory *guest_memory_new(const struct guest_region_entry *table, const int *fds, unsigned count,
                                      const char **why);
struct guest_memory *guest_memory_hold(struct guest_memory *memory);
void guest_memory_release(struct guest_memory *memory); /* NULL is allowed */

/* An empty span (base NULL) where [addr, addr+len) is not within one region. memory may be NULL. */
struct shm_span guest_memory_gpa(const struct guest_memory *memory, uint64_t addr, uint64_t len);
struct shm_span guest_memory_uva(const struct guest_memory *memory, uint64_t addr, uint64_t len);

#endif
