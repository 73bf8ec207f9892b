/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock.c: two ways that are streams: `vsock`, from a virtual machine to its host, and `stream`, a UNIX socket in its
 * place: what Firecracker and Cloud Hypervisor connect a guest's vsock to, and what the bench measures.
 *
 * Where is the host? A place is "CID", "CID:PORT" or ":PORT"; nothing means CID 2, CM_VSOCK_PORT. Chosen by itself,
 * vsock is tried only where the kernel says that this is a guest with a CID of its own: elsewhere CID 2 is nobody, or,
 * with the loopback transport alone, this machine itself. Named, it is tried all the same; who answers shows in the
 * hello.
 */
#include "frontend/reach/vsock/vsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "cardmux/sdf.h"
#include "frontend/reach/conf.h"
#include "frontend/reach/region.h"
#include "frontend/reach/vsock/stream.h"

static bool number(const char *text, size_t len, uint32_t *value)
{
    char digits[11] = "";
    if (!len || len >= sizeof digits || strspn(text, "0123456789") < len)
        return false;
    memcpy(digits, text, len);
    unsigned long long n = strtoull(digits, NULL, 10);
    *value = (uint32_t)n;
    return n < UINT32_MAX; /* which stands for "any" */
}

bool vsock_place(const char *where, uint32_t *cid, uint32_t *port)
{
    *cid = VMADDR_CID_HOST;
    *port = CM_VSOCK_PORT;
    if (!where || !*where)
        return true;
    size_t first = strcspn(where, ":");
    if (first && !number(where, first, cid))
        return false;
    return !where[first] || number(where + first + 1, strlen(where + first + 1), port);
}

enum vsock_kernel vsock_kernel(uint32_t *cid)
{
    int fd = open("/dev/vsock", O_RDONLY | O_CLOEXEC);
    *cid = 0;
    if (fd < 0)
        return errno == ENOENT || errno == ENXIO || errno == ENODEV ? VSOCK_ABSENT : VSOCK_UNKNOWN;
    int result = ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, cid);
    close(fd);
    if (result)
        return VSOCK_UNKNOWN;
    return *cid > VMADDR_CID_HOST && *cid != VMADDR_CID_ANY ? VSOCK_GUEST : VSOCK_NO_HOST;
}

static uint32_t vsock_open(const char *where, unsigned limit_ms, struct reach **out, char *text)
{
    struct sockaddr_vm *at;
    struct stream_address address = {.len = sizeof *at};
    uint32_t cid, port;
    char place[CONF_VALUE] = "";
    if (!where) {
        uint32_t code = conf_vsock(place, text);
        if (code != SDR_OK)
            return code;
        where = place;
    }
    if (!strcmp(where, "off"))
        return reach_fail(text, SDR_OPENDEVICE, "switched off by CARDMUX_VSOCK or client.conf");
    if (!vsock_place(where, &cid, &port))
        return reach_fail(text, SDR_OPENDEVICE, "\"%.40s\" is no place; write CID:PORT, such as 2:%u", where,
                          CM_VSOCK_PORT);
    at = (struct sockaddr_vm *)&address.at;
    at->svm_family = AF_VSOCK;
    at->svm_cid = cid;
    at->svm_port = port;
    snprintf(address.text, sizeof address.text, "CID %u port %u", cid, port);
    return stream_reach_open(&reach_vsock, &address, limit_ms, out, text);
}

uint32_t vsock_open_usual(const char *where, unsigned limit_ms, struct reach **out, char *text)
{
    uint32_t cid;
    char place[CONF_VALUE] = "";
    uint32_t code = where ? SDR_OK : conf_vsock(place, text);
    if (code != SDR_OK)
        return code;
    if (!where && !place[0]) {
        enum vsock_kernel kernel = vsock_kernel(&cid);
        if (kernel == VSOCK_ABSENT)
            return reach_fail(text, SDR_OPENDEVICE, "this kernel has no vsock");
        if (kernel == VSOCK_NO_HOST)
            return reach_fail(text, SDR_OPENDEVICE, "this is no guest with a vsock device");
    }
    return vsock_open(where, limit_ms, out, text);
}

static uint32_t unix_open(const char *where, unsigned limit_ms, struct reach **out, char *text)
{
    struct stream_address address = {0};
    struct sockaddr_un *at = (struct sockaddr_un *)&address.at;
    char path[CONF_VALUE];
    if (!where) {
        uint32_t code = conf_stream(path, text);
        if (code != SDR_OK)
            return code;
        where = path;
    }
    if (strlen(where) >= sizeof at->sun_path)
        return reach_fail(text, SDR_OPENDEVICE, "%.100s...: path too long for a socket", where);
    at->sun_family = AF_UNIX;
    memcpy(at->sun_path, where, strlen(where));
    address.len = sizeof *at;
    snprintf(address.text, sizeof address.text, "%s", where);
    return stream_reach_open(&reach_stream, &address, limit_ms, out, text);
}

#define STREAM_DRIVER                                                                                                  \
    .close = stream_reach_close, .forget = stream_reach_forget, .ring = stream_reach_ring, .wait = stream_reach_wait,  \
    .kick = stream_reach_kick, .alive = stream_reach_alive, .look = stream_reach_look

const struct reach_driver reach_vsock = {.name = "vsock", .open = vsock_open, STREAM_DRIVER};
const struct reach_driver reach_stream = {.name = "stream", .open = unix_open, STREAM_DRIVER};
