/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "frontend/reach/region.h"

uint32_t reach_fail(char *text, uint32_t code, const char *format, ...)
{
    int saved = errno;
    va_list args;
    va_start(args, format);
    if (text)
        vsnprintf(text, REACH_TEXT, format, args);
    va_end(args);
    errno = saved;
    return code;
}

int reach_descriptor(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3), saved = errno;
    close(fd);
    errno = saved;
    return moved;
}

uint32_t region_check(const struct cm_header *h, uint64_t size, char *text)
{
    if (h->magic != CM_MAGIC)
        return reach_fail(text, SDR_COMMFAIL,
                          "no cardmux region there (wrong magic): the host's daemon does not serve it");
    if (h->version != CM_LAYOUT_VERSION)
        return reach_fail(text, SDR_COMMFAIL, "the host speaks version %u of the region, this library %u", h->version,
                          CM_LAYOUT_VERSION);
    if (h->slots != CM_SLOTS || h->slot_size != CM_SLOT_SIZE || h->param_size != CM_PARAM_SIZE)
        return reach_fail(text, SDR_COMMFAIL, "region with %u slots of %u bytes: not this library's", h->slots,
                          h->slot_size);
    if (h->qp_count < 1 || h->qp_count > CM_QP_MAX || h->region_size > size ||
        CM_QP_OFFSET(h->qp_count) > h->region_size)
        return reach_fail(text, SDR_COMMFAIL, "region of %u bytes with %u queue pairs in %llu bytes of memory",
                          h->region_size, h->qp_count, (unsigned long long)size);
    return SDR_OK;
}

uint32_t region_map_header(struct reach *reach, int fd, uint64_t size, uint64_t at, bool known, uint32_t *qp_count,
                           char *text)
{
    struct cm_header header;
    if (size < CM_QP_OFFSET(1))
        return reach_fail(text, SDR_COMMFAIL, "region of only %llu bytes", (unsigned long long)size);
    void *map = mmap(NULL, CM_HEADER_SIZE, PROT_READ, MAP_SHARED, fd, (off_t)at);
    if (map == MAP_FAILED)
        return reach_fail(text, SDR_OPENDEVICE, "cannot map the region's header: %s", strerror(errno));
    struct shm_span span = shm_span_of(map, CM_HEADER_SIZE);
    shm_copy_in(&header, span, 0, sizeof header);
    if (known && header.magic == 0) /* connected while no broker runs: the client waits for one */
        header.qp_count = (uint32_t)((size - CM_HEADER_SIZE) / CM_QP_SIZE);
    uint32_t code = known && header.magic == 0 ? SDR_OK : region_check(&header, size, text);
    if (code != SDR_OK) {
        munmap(map, CM_HEADER_SIZE);
        return code;
    }
    reach->header = span;
    if (qp_count)
        *qp_count = header.qp_count < CM_QP_MAX ? header.qp_count : CM_QP_MAX;
    return SDR_OK;
}

uint32_t region_map_qp(struct reach *reach, int fd, uint64_t at, uint32_t q, char *text)
{
    off_t off = (off_t)(at + CM_QP_OFFSET(q));
    void *map = mmap(NULL, CM_QP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, off);
    if (map == MAP_FAILED)
        return reach_fail(text, SDR_OPENDEVICE, "cannot map queue pair %u: %s", q, strerror(errno));
    reach->qp = shm_span_of(map, CM_QP_SIZE);
    return SDR_OK;
}

void region_unmap(struct reach *reach)
{
    if (reach->qp.base)
        munmap(reach->qp.base, reach->qp.size);
    if (reach->header.base)
        munmap(reach->header.base, reach->header.size);
    reach->qp = reach->header = (struct shm_span){NULL, 0};
}

int region_claim(int fd, uint32_t qp_count)
{
    for (uint32_t q = 0; q < qp_count; q++) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)q, .l_len = 1};
        if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
            return (int)q;
        if (errno != EAGAIN && errno != EACCES)
            return -1;
    }
    errno = EBUSY;
    return -1;
}
