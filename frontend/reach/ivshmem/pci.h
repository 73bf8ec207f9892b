/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pci.h: ivshmem devices as sysfs shows them in a guest. 1af4:1110 is everybody's ivshmem device; ours is the one whose
 * BAR2 begins with our magic, which only whoever maps it can tell.
 */
#ifndef CARDMUX_REACH_PCI_H
#define CARDMUX_REACH_PCI_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#define PCI_DEVICES  "/sys/bus/pci/devices"
#define PCI_MAX      32 /* ivshmem devices looked at */
#define PCI_ADDRESS  16 /* "0000:00:03.0" and NUL, with room */
#define PCI_DOORBELL 12 /* register of BAR0: peer << 16 | vector */

/* Fills addresses of 1af4:1110 devices in the order of their addresses (or just `where`, where it is given and is one).
   How many. */
size_t pci_list(const char *where, char addresses[PCI_MAX][PCI_ADDRESS]);

struct reach;
/* For the ways without our module: opens the first device (or `where`) at which `open` succeeds. */
uint32_t pci_open_first(const char *where, uint32_t (*open)(const char *address, struct reach **out, char *text),
                        struct reach **out, char *text);

/* Opens a file of the device's folder; -1 with errno. */
int pci_open_file(const char *address, const char *name, int flags);

/* The name of the driver that is bound, "" for none. */
void pci_driver(const char *address, char name[64]);

/* The number of its IOMMU group, -1 for none. */
int pci_group(const char *address);

bool pci_write_file(const char *address, const char *name, const char *value);

/*
 * Without our module the kernel maps a BAR uncached, and the hypervisor maps the same memory cached. On x86 the caches
 * are coherent all the same. Elsewhere they need not be (a stale payload would be a wrong result), and ordinary copies
 * may fault on such memory.
 */
#define PCI_UNCACHED_SHORT "would be uncached, not coherent with the host here"
#define PCI_UNCACHED_WHY   PCI_UNCACHED_SHORT ": load the kernel module"
#if defined(__x86_64__) || defined(__i386__)
#define PCI_UNCACHED_WORKS 1
#else
#define PCI_UNCACHED_WORKS 0
#endif

#endif
