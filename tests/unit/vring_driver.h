/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vring_driver.h: the guest's side of virtqueues, for tests and fuzzers: memory as QEMU shares it, and a driver that
 * does what it is told, right or wrong. It does not ask for a test framework: what fails, fails in the caller's eyes.
 */
#ifndef CARDMUX_TEST_VRING_DRIVER_H
#define CARDMUX_TEST_VRING_DRIVER_H

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "backend/transport/vhost_user/vhost_device.h"

#define GUEST_GPA  0x40000000ull
#define GUEST_UVA  0x7f1200000000ull
#define GUEST_SIZE (1u << 20)

struct ring_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

/* One queue's areas lie at `at` in guest memory: descriptors, available, used, each on pages of its own. */
struct driver_ring {
    uint8_t *base; /* of guest memory, as the driver sees it */
    uint32_t at;
    unsigned size;
    uint16_t avail, used; /* the driver's own counts */
};

struct guest_ram {
    int fd;
    uint8_t *base;
};

static inline struct guest_ram guest_ram_make(uint64_t size, int seals)
{
    struct guest_ram ram = {.fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (ram.fd < 0 || ftruncate(ram.fd, (off_t)size) || (seals && fcntl(ram.fd, F_ADD_SEALS, seals))) {
        ram.base = NULL;
        return ram;
    }
    ram.base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ram.fd, 0);
    return ram;
}

static inline void guest_ram_free(struct guest_ram *ram, uint64_t size)
{
    munmap(ram->base, size);
    close(ram->fd);
}

#define DESC_AT(ring)  ((ring)->at)
#define AVAIL_AT(ring) ((ring)->at + 0x4000u)
#define USED_AT(ring)  ((ring)->at + 0x5000u)
#define RING_SPACE     0x8000u

static inline struct ring_desc *driver_desc(const struct driver_ring *ring, unsigned i)
{
    return (struct ring_desc *)(void *)(ring->base + DESC_AT(ring)) + i;
}

static inline volatile uint16_t *driver_avail(const struct driver_ring *ring) /* flags, idx, ring[], used_event */
{
    return (volatile uint16_t *)(void *)(ring->base + AVAIL_AT(ring));
}

static inline volatile uint16_t *driver_used(const struct driver_ring *ring) /* flags, idx, then elements */
{
    return (volatile uint16_t *)(void *)(ring->base + USED_AT(ring));
}

static inline void driver_put(struct driver_ring *ring, unsigned i, uint64_t addr, uint32_t len, uint16_t flags,
                              uint16_t next)
{
    *driver_desc(ring, i) = (struct ring_desc){.addr = addr, .len = len, .flags = flags, .next = next};
}

static inline void driver_offer(struct driver_ring *ring, uint16_t head)
{
    driver_avail(ring)[2 + ring->avail % ring->size] = head;
    __atomic_store_n(&driver_avail(ring)[1], ++ring->avail, __ATOMIC_SEQ_CST);
}

static inline bool driver_take(struct driver_ring *ring, uint32_t *head, uint32_t *len)
{
    if (__atomic_load_n(&driver_used(ring)[1], __ATOMIC_SEQ_CST) == ring->used) {
        return false;
    }
    volatile uint32_t *element = (volatile uint32_t *)(driver_used(ring) + 2) + 2 * (ring->used % ring->size);
    *head = element[0];
    *len = element[1];
    ring->used++;
    return true;
}

/* A table of one region, and the memory that the device makes of it. */
static inline struct guest_memory *guest_memory_of(const struct guest_ram *ram)
{
    struct guest_region_entry entry = {.gpa = GUEST_GPA, .size = GUEST_SIZE, .uva = GUEST_UVA};
    const char *why;
    return guest_memory_new(&entry, &ram->fd, 1, &why);
}

static inline int driver_map(const struct driver_ring *ring, struct virtqueue *vq, const struct guest_memory *memory)
{
    return vq_map(vq, memory, ring->size, GUEST_UVA + DESC_AT(ring), GUEST_UVA + AVAIL_AT(ring),
                  GUEST_UVA + USED_AT(ring));
}

#endif
