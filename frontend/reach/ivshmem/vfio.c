/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfio.c: a guest with a virtual IOMMU where vfio-pci holds the device: interrupts with no module of ours. A VFIO group
 * opens once, so this serves one process, and that process takes queue pair 0. Nothing is mapped for DMA: the device
 * makes none, but it must be allowed to master the bus or its MSI-X messages are dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "frontend/reach/ivshmem/pci.h"
#include "frontend/reach/region.h"

struct vfio {
    struct reach reach;
    int container, group, device;
    int wake, unplug; /* eventfds: vector 0; the kernel's request to give the device back */
    volatile uint32_t *registers;
    uint32_t ring_word;
    char address[PCI_ADDRESS];
};

static void vfio_close(struct reach *reach)
{
    struct vfio *vfio = (struct vfio *)reach;
    int fds[] = {vfio->device, vfio->group, vfio->container, vfio->wake, vfio->unplug};
    region_unmap(reach);
    if (vfio->registers)
        munmap((void *)(uintptr_t)vfio->registers, CM_PAGE);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(vfio);
}

static uint32_t open_group(struct vfio *vfio, char *text)
{
    char path[32];
    struct vfio_group_status status = {.argsz = sizeof status};
    int number = pci_group(vfio->address);
    if (number < 0)
        return reach_fail(text, SDR_OPENDEVICE, "%s has no IOMMU group (no virtual IOMMU?)", vfio->address);
    snprintf(path, sizeof path, "/dev/vfio/%d", number);
    vfio->group = reach_descriptor(open(path, O_RDWR | O_CLOEXEC));
    if (vfio->group < 0)
        return reach_fail(text, errno == EBUSY ? SDR_NOBUFFER : SDR_OPENDEVICE, "%s: %s", path,
                          errno == EBUSY ? "another process has it" : strerror(errno));
    if (ioctl(vfio->group, VFIO_GROUP_GET_STATUS, &status) || !(status.flags & VFIO_GROUP_FLAGS_VIABLE))
        return reach_fail(text, SDR_OPENDEVICE, "%s: other devices of its group have other drivers", path);
    vfio->container = reach_descriptor(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
    if (vfio->container < 0 || ioctl(vfio->container, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
        ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container) ||
        ioctl(vfio->container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU))
        return reach_fail(text, SDR_OPENDEVICE, "/dev/vfio/vfio: %s", strerror(errno));
    vfio->device = reach_descriptor(ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, vfio->address));
    if (vfio->device < 0)
        return reach_fail(text, SDR_OPENDEVICE, "vfio %s: %s", vfio->address, strerror(errno));
    fcntl(vfio->device, F_SETFD, FD_CLOEXEC);
    return SDR_OK;
}

static bool region_info(struct vfio *vfio, uint32_t index, struct vfio_region_info *info)
{
    *info = (struct vfio_region_info){.argsz = sizeof *info, .index = index};
    return ioctl(vfio->device, VFIO_DEVICE_GET_REGION_INFO, info) == 0;
}

/* Memory decoding and bus mastering on, in the command register. */
static bool enable_device(struct vfio *vfio)
{
    struct vfio_region_info config;
    uint16_t command;
    if (!region_info(vfio, VFIO_PCI_CONFIG_REGION_INDEX, &config))
        return false;
    off_t at = (off_t)config.offset + PCI_COMMAND;
    if (pread(vfio->device, &command, sizeof command, at) != (ssize_t)sizeof command)
        return false;
    command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    return pwrite(vfio->device, &command, sizeof command, at) == (ssize_t)sizeof command;
}

static uint32_t map_bars(struct vfio *vfio, char *text)
{
    struct vfio_region_info bar0, bar2;
    struct cm_header header;
    if (!region_info(vfio, VFIO_PCI_BAR0_REGION_INDEX, &bar0) ||
        !region_info(vfio, VFIO_PCI_BAR2_REGION_INDEX, &bar2) ||
        !(bar0.flags & bar2.flags & VFIO_REGION_INFO_FLAG_MMAP))
        return reach_fail(text, SDR_OPENDEVICE, "vfio %s: BARs cannot be mapped", vfio->address);
    uint32_t code = region_map_header(&vfio->reach, vfio->device, bar2.size, bar2.offset, false, NULL, text);
    if (code == SDR_OK)
        code = region_map_qp(&vfio->reach, vfio->device, bar2.offset, 0, text);
    if (code != SDR_OK)
        return code;
    void *map = mmap(NULL, CM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vfio->device, (off_t)bar0.offset);
    if (map == MAP_FAILED)
        return reach_fail(text, SDR_OPENDEVICE, "vfio %s: doorbell register: %s", vfio->address, strerror(errno));
    vfio->registers = map;
    shm_copy_in(&header, vfio->reach.header, 0, sizeof header);
    vfio->ring_word = header.host_peer << 16;
    return SDR_OK;
}

static bool set_interrupt(struct vfio *vfio, uint32_t index, int fd)
{
    union {
        struct vfio_irq_set set;
        char bytes[sizeof(struct vfio_irq_set) + sizeof(int)];
    } irq = {.set = {.argsz = sizeof irq.bytes,
                     .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
                     .index = index,
                     .count = 1}};
    memcpy(irq.set.data, &fd, sizeof fd);
    return ioctl(vfio->device, VFIO_DEVICE_SET_IRQS, &irq) == 0;
}

static uint32_t open_device(struct vfio *vfio, char *text)
{
    char driver[64];
    pci_driver(vfio->address, driver);
    if (strcmp(driver, "vfio-pci"))
        return reach_fail(text, SDR_OPENDEVICE, "%s: the driver is %s, not vfio-pci", vfio->address,
                          *driver ? driver : "none");
    uint32_t code = open_group(vfio, text);
    if (code == SDR_OK && !enable_device(vfio))
        code = reach_fail(text, SDR_OPENDEVICE, "vfio %s: cannot enable it", vfio->address);
    if (code == SDR_OK)
        code = map_bars(vfio, text);
    if (code != SDR_OK)
        return code;
    vfio->wake = reach_descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    vfio->unplug = reach_descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (vfio->wake < 0 || vfio->unplug < 0 || !set_interrupt(vfio, VFIO_PCI_MSIX_IRQ_INDEX, vfio->wake))
        return reach_fail(text, SDR_OPENDEVICE, "vfio %s: MSI-X: %s", vfio->address, strerror(errno));
    if (!set_interrupt(vfio, VFIO_PCI_REQ_IRQ_INDEX, vfio->unplug)) {
        close(vfio->unplug);
        vfio->unplug = -1; /* unplug then waits until we close */
    }
    return SDR_OK;
}

static uint32_t try_device(const char *address, struct reach **out, char *text)
{
    struct vfio *vfio = calloc(1, sizeof *vfio);
    if (!vfio)
        return reach_fail(text, SDR_NOBUFFER, "out of memory");
    vfio->reach.driver = &reach_ivshmem_vfio;
    vfio->reach.interrupts = true;
    vfio->container = vfio->group = vfio->device = vfio->wake = vfio->unplug = -1;
    memcpy(vfio->address, address, PCI_ADDRESS);
    uint32_t code = open_device(vfio, text);
    if (code == SDR_OK)
        *out = &vfio->reach;
    else
        vfio_close(&vfio->reach);
    return code;
}

static uint32_t vfio_open(const char *where, unsigned limit_ms, struct reach **out, char *text)
{
    (void)limit_ms; /* there is nobody to wait for */
    return pci_open_first(where, try_device, out, text);
}

static void vfio_ring(struct reach *reach)
{
    struct vfio *vfio = (struct vfio *)reach;
    vfio->registers[PCI_DOORBELL / 4] = vfio->ring_word;
}

static void vfio_wait(struct reach *reach, int timeout_ms)
{
    struct vfio *vfio = (struct vfio *)reach;
    struct pollfd fd = {.fd = vfio->wake, .events = POLLIN};
    eventfd_t count;
    if (poll(&fd, 1, timeout_ms) > 0)
        (void)!eventfd_read(vfio->wake, &count);
}

static void vfio_kick(struct reach *reach)
{
    (void)!eventfd_write(((struct vfio *)reach)->wake, 1);
}

static bool vfio_alive(struct reach *reach)
{
    struct pollfd fd = {.fd = ((struct vfio *)reach)->unplug, .events = POLLIN};
    return poll(&fd, 1, 0) <= 0; /* never read: once asked for, always */
}

const struct reach_driver reach_ivshmem_vfio = {
    .name = "ivshmem-vfio",
    .open = vfio_open,
    .close = vfio_close,
    .forget = vfio_close,
    .ring = vfio_ring,
    .wait = vfio_wait,
    .kick = vfio_kick,
    .alive = vfio_alive,
};
