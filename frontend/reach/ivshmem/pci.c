/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "frontend/reach/ivshmem/pci.h"
#include "frontend/reach/region.h"
#include "frontend/reach/region.h"

int pci_open_file(const char *address, const char *name, int flags)
{
    char path[128];
    if (snprintf(path, sizeof path, PCI_DEVICES "/%s/%s", address, name) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return reach_descriptor(open(path, flags | O_CLOEXEC));
}

static bool file_is(const char *address, const char *name, const char *value)
{
    char bytes[32] = "";
    int fd = pci_open_file(address, name, O_RDONLY);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, bytes, sizeof bytes - 1);
    close(fd);
    return got > 0 && !strncmp(bytes, value, strlen(value));
}

bool pci_write_file(const char *address, const char *name, const char *value)
{
    int fd = pci_open_file(address, name, O_WRONLY);
    if (fd < 0)
        return false;
    bool done = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    close(fd);
    return done;
}

static bool is_ivshmem(const char *address)
{
    return file_is(address, "vendor", "0x1af4") && file_is(address, "device", "0x1110");
}

static int by_address(const void *a, const void *b)
{
    return strcmp(a, b);
}

size_t pci_list(const char *where, char addresses[PCI_MAX][PCI_ADDRESS])
{
    size_t n = 0;
    if (where) {
        if (strlen(where) >= PCI_ADDRESS || strchr(where, '/') || !is_ivshmem(where))
            return 0;
        strcpy(addresses[0], where);
        return 1;
    }
    DIR *dir = opendir(PCI_DEVICES);
    if (!dir)
        return 0;
    for (struct dirent *entry = readdir(dir); entry && n < PCI_MAX; entry = readdir(dir))
        if (strlen(entry->d_name) < PCI_ADDRESS && entry->d_name[0] != '.' && is_ivshmem(entry->d_name))
            strcpy(addresses[n++], entry->d_name);
    closedir(dir);
    qsort(addresses, n, PCI_ADDRESS, by_address);
    return n;
}

uint32_t pci_open_first(const char *where, uint32_t (*open)(const char *address, struct reach **out, char *text),
                        struct reach **out, char *text)
{
    char addresses[PCI_MAX][PCI_ADDRESS];
    uint32_t code = reach_fail(text, SDR_OPENDEVICE, "no ivshmem device");
    size_t n = pci_list(where, addresses);
    if (n && !PCI_UNCACHED_WORKS)
        return reach_fail(text, SDR_OPENDEVICE, PCI_UNCACHED_WHY);
    for (size_t i = 0; i < n; i++) {
        code = open(addresses[i], out, text);
        if (code == SDR_OK)
            break;
    }
    return code;
}

/* The last part of what a symbolic link of the device's folder points to; "" where there is none. */
static void link_end(const char *address, const char *name, char end[64])
{
    char path[128], target[256];
    end[0] = 0;
    snprintf(path, sizeof path, PCI_DEVICES "/%s/%s", address, name);
    ssize_t got = readlink(path, target, sizeof target - 1);
    if (got <= 0)
        return;
    target[got] = 0;
    const char *slash = strrchr(target, '/');
    snprintf(end, 64, "%.63s", slash ? slash + 1 : target);
}

void pci_driver(const char *address, char name[64])
{
    link_end(address, "driver", name);
}

int pci_group(const char *address)
{
    char name[64], *end;
    link_end(address, "iommu_group", name);
    long group = strtol(name, &end, 10);
    return *name && !*end && group >= 0 && group < 1 << 30 ? (int)group : -1;
}
