/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock_probe.c: what a guest can do with a socket alone; for test guests, never for the machine that runs the tests.
 *
 *     vsock_probe hello PORT           connects, and reads the daemon's first words
 *     vsock_probe refused PORT [CID]   is refused; prints the kernel's word for it
 *     vsock_probe idle PORT            connects, says "idle", and waits for the end without a word of its own
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "proto/stream.h"

static int card_connect(unsigned port, unsigned cid)
{
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        return -1;
    }
    return fd;
}

static int hello_read(int fd)
{
    struct cm_stream_hello hello;
    size_t have = 0;
    while (have < sizeof(hello)) {
        ssize_t got = read(fd, (char *)&hello + have, sizeof(hello) - have);
        if (got <= 0) {
            return -1;
        }
        have += (size_t)got;
    }
    printf("tenant %.40s\n", hello.tenant);
    return hello.magic == CM_STREAM_MAGIC && hello.status == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    unsigned port = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 0;
    int fd = card_connect(port, argc > 3 ? (unsigned)strtoul(argv[3], NULL, 0) : VMADDR_CID_HOST);
    if (strcmp(what, "refused") == 0) {
        printf("%s\n", fd < 0 ? strerror(errno) : "connected");
        return fd >= 0;
    }
    if (fd < 0 || hello_read(fd)) {
        printf("no card: %s\n", strerror(errno));
        return 1;
    }
    if (strcmp(what, "idle") == 0) {
        char byte;
        puts("idle");
        fflush(stdout);
        ssize_t got = read(fd, &byte, 1);
        printf("ended: %s\n", got == 0 ? "as it should" : got < 0 ? strerror(errno) : "with a byte");
        return got > 0;
    }
    return 0;
}
