/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module.c: a guest with our kernel module: an open file of /dev/cardmuxN is a queue pair, and the module sees to it
 * that it is empty and that its late owner's work has left the card (cardmux_ioctl.h). The only way that needs no root
 * and keeps the processes of one guest apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "frontend/reach/region.h"
#include "kmod/cardmux_ioctl.h"

#define DEVICES  16    /* /dev/cardmux0 .. 15 */
#define TRIES_MS 2000u /* how long to wait for a late owner's work to leave the card */

_Static_assert(CARDMUX_HEADER_LENGTH == CM_HEADER_SIZE, "the module's header is the layout's");

struct module {
    struct reach reach;
    int file, kick;
};

static void module_close(struct reach *reach)
{
    struct module *module = (struct module *)reach;
    region_unmap(reach);
    if (module->file >= 0)
        close(module->file);
    if (module->kick >= 0)
        close(module->kick);
    free(module);
}

static int open_file(const char *path, unsigned limit_ms)
{
    int fd = -1;
    for (unsigned ms = 0; ms < TRIES_MS && (!ms || ms < limit_ms); ms++) {
        fd = reach_descriptor(open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK));
        if (fd >= 0 || errno != EAGAIN)
            return fd;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    errno = EBUSY;
    return fd;
}

static uint32_t open_device(struct module *module, const char *path, unsigned limit_ms, char *text)
{
    struct cardmux_info info;
    module->file = open_file(path, limit_ms);
    if (module->file < 0)
        return reach_fail(text, errno == EBUSY ? SDR_NOBUFFER : SDR_OPENDEVICE, "%s: %s", path,
                          errno == EBUSY ? "all queue pairs are taken" : strerror(errno));
    module->kick = reach_descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (module->kick < 0)
        return reach_fail(text, SDR_NOBUFFER, "eventfd: %s", strerror(errno));
    if (ioctl(module->file, CARDMUX_IOC_INFO, &info) || info.qp_size != CM_QP_SIZE)
        return reach_fail(text, SDR_COMMFAIL, "%s: the module is of another version", path);
    uint32_t code = region_map_header(&module->reach, module->file, info.region_size, 0, false, NULL, text);
    /* The module puts a file's own pair behind the header, whatever its number. */
    return code == SDR_OK ? region_map_qp(&module->reach, module->file, 0, 0, text) : code;
}

static uint32_t try_device(const char *path, unsigned limit_ms, struct reach **out, char *text)
{
    struct module *module = calloc(1, sizeof *module);
    if (!module)
        return reach_fail(text, SDR_NOBUFFER, "out of memory");
    module->reach.driver = &reach_ivshmem_module;
    module->reach.interrupts = true;
    module->file = module->kick = -1;
    uint32_t code = open_device(module, path, limit_ms, text);
    if (code == SDR_OK)
        *out = &module->reach;
    else
        module_close(&module->reach);
    return code;
}

static uint32_t module_open(const char *where, unsigned limit_ms, struct reach **out, char *text)
{
    uint32_t code = reach_fail(text, SDR_OPENDEVICE, "no /dev/cardmux0: is the module loaded?");
    if (where)
        return try_device(where, limit_ms, out, text);
    for (int i = 0; i < DEVICES; i++) {
        char path[32];
        snprintf(path, sizeof path, "/dev/cardmux%d", i);
        if (access(path, F_OK))
            continue;
        code = try_device(path, limit_ms, out, text);
        if (code == SDR_OK)
            break;
    }
    return code;
}

static void module_ring(struct reach *reach)
{
    ioctl(((struct module *)reach)->file, CARDMUX_IOC_RING);
}

static void module_wait(struct reach *reach, int timeout_ms)
{
    struct module *module = (struct module *)reach;
    struct pollfd fds[2] = {{.fd = module->file, .events = POLLIN}, {.fd = module->kick, .events = POLLIN}};
    uint64_t count;
    if (poll(fds, 2, timeout_ms) <= 0)
        return;
    if (fds[0].revents & POLLIN)
        (void)!read(module->file, &count, sizeof count);
    else if (fds[0].revents & POLLHUP && timeout_ms)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* no storm until the caller asks alive() */
    if (fds[1].revents)
        (void)!eventfd_read(module->kick, &count);
}

static void module_kick(struct reach *reach)
{
    (void)!eventfd_write(((struct module *)reach)->kick, 1);
}

static bool module_alive(struct reach *reach)
{
    struct pollfd fd = {.fd = ((struct module *)reach)->file, .events = 0};
    return poll(&fd, 1, 0) <= 0;
}

const struct reach_driver reach_ivshmem_module = {
    .name = "ivshmem-module",
    .open = module_open,
    .close = module_close,
    .forget = module_close,
    .ring = module_ring,
    .wait = module_wait,
    .kick = module_kick,
    .alive = module_alive,
};
