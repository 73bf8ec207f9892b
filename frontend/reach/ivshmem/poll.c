/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll.c: a guest without any driver: BAR2 and the doorbell register mapped through sysfs, by root. There are no
 * interrupts, so wait sleeps, longer each time that it finds itself called again without a ring in between: 50 us to
 * 1 ms. A queue pair is claimed by an OFD lock of its byte of resource2; all processes in the guest that may open
 * resource2 can reach all queue pairs, and are one domain of trust.
 *
 * A device that another driver holds (ours, vfio-pci) is left alone: those know nothing of the locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "frontend/reach/ivshmem/pci.h"
#include "frontend/reach/region.h"

#define NAP_FIRST_US 50u
#define NAP_LAST_US  1000u

struct poller {
    struct reach reach;
    int memory; /* resource2: holds the lock */
    volatile uint32_t *registers;
    uint32_t ring_word;
    char address[PCI_ADDRESS];
    _Atomic unsigned nap_us;
};

static void poller_close(struct reach *reach)
{
    struct poller *poller = (struct poller *)reach;
    region_unmap(reach);
    if (poller->registers)
        munmap((void *)(uintptr_t)poller->registers, CM_PAGE);
    if (poller->memory >= 0)
        close(poller->memory);
    free(poller);
}

static uint32_t map_registers(struct poller *poller, char *text)
{
    int fd = pci_open_file(poller->address, "resource0", O_RDWR);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, CM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED)
        return reach_fail(text, SDR_OPENDEVICE, "%s: doorbell register: %s", poller->address, strerror(error));
    poller->registers = map;
    return SDR_OK;
}

static uint32_t open_device(struct poller *poller, char *text)
{
    char driver[64];
    struct stat st;
    struct cm_header header;
    uint32_t qp_count = 0;
    pci_driver(poller->address, driver);
    if (driver[0] && strcmp(driver, "uio_pci_generic"))
        return reach_fail(text, SDR_OPENDEVICE, "%s belongs to the driver %s", poller->address, driver);
    poller->memory = pci_open_file(poller->address, "resource2", O_RDWR);
    if (poller->memory < 0 || fstat(poller->memory, &st))
        return reach_fail(text, SDR_OPENDEVICE, "%s: %s", poller->address, strerror(errno));
    if (!driver[0] && !pci_write_file(poller->address, "enable", "1"))
        return reach_fail(text, SDR_OPENDEVICE, "%s: cannot enable it: %s", poller->address, strerror(errno));
    uint32_t code = region_map_header(&poller->reach, poller->memory, (uint64_t)st.st_size, 0, false, &qp_count, text);
    if (code != SDR_OK)
        return code;
    int q = region_claim(poller->memory, qp_count);
    if (q < 0)
        return reach_fail(text, SDR_NOBUFFER, "%s: none of %u queue pairs is free", poller->address, qp_count);
    shm_copy_in(&header, poller->reach.header, 0, sizeof header);
    poller->ring_word = header.host_peer << 16 | (uint32_t)q;
    code = region_map_qp(&poller->reach, poller->memory, 0, (uint32_t)q, text);
    return code == SDR_OK ? map_registers(poller, text) : code;
}

static uint32_t try_device(const char *address, struct reach **out, char *text)
{
    struct poller *poller = calloc(1, sizeof *poller);
    if (!poller)
        return reach_fail(text, SDR_NOBUFFER, "out of memory");
    poller->reach.driver = &reach_ivshmem_poll;
    poller->memory = -1;
    memcpy(poller->address, address, PCI_ADDRESS);
    uint32_t code = open_device(poller, text);
    if (code == SDR_OK)
        *out = &poller->reach;
    else
        poller_close(&poller->reach);
    return code;
}

static uint32_t poller_open(const char *where, unsigned limit_ms, struct reach **out, char *text)
{
    (void)limit_ms; /* there is nobody to wait for */
    return pci_open_first(where, try_device, out, text);
}

static void poller_ring(struct reach *reach)
{
    struct poller *poller = (struct poller *)reach;
    atomic_store_explicit(&poller->nap_us, NAP_FIRST_US, memory_order_relaxed);
    poller->registers[PCI_DOORBELL / 4] = poller->ring_word;
}

static void poller_wait(struct reach *reach, int timeout_ms)
{
    struct poller *poller = (struct poller *)reach;
    unsigned us = atomic_load_explicit(&poller->nap_us, memory_order_relaxed);
    if (us < NAP_FIRST_US)
        us = NAP_FIRST_US;
    if (timeout_ms == 0)
        return;
    nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
    us = us * 2 > NAP_LAST_US ? NAP_LAST_US : us * 2;
    atomic_store_explicit(&poller->nap_us, us, memory_order_relaxed);
}

static void poller_kick(struct reach *reach)
{
    (void)reach; /* a wait is over before anybody could */
}

static bool poller_alive(struct reach *reach)
{
    char path[128] = PCI_DEVICES "/";
    strcat(path, ((struct poller *)reach)->address);
    return access(path, F_OK) == 0;
}

const struct reach_driver reach_ivshmem_poll = {
    .name = "ivshmem-poll",
    .open = poller_open,
    .close = poller_close,
    .forget = poller_close,
    .ring = poller_ring,
    .wait = poller_wait,
    .kick = poller_kick,
    .alive = poller_alive,
};
