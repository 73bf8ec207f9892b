/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock_stranger.c: somebody else who answers on a vsock port; for guests only.
 *
 *     vsock_stranger PORT silent|garbage|close
 *
 * silent takes connections and says nothing; garbage says what is no hello; close hangs up. Prints "ready" when it
 * listens, and a line for each connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

static int listener(unsigned port)
{
    struct sockaddr_vm at = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 16) == 0)
        return fd;
    perror("vsock_stranger");
    return -1;
}

static void answer(int fd, const char *manner)
{
    char bytes[4096];

    if (!strcmp(manner, "close"))
        return;
    memset(bytes, 'A', sizeof bytes);
    if (!strcmp(manner, "garbage") && write(fd, bytes, sizeof bytes) < 0)
        return;
    while (read(fd, bytes, sizeof bytes) > 0)
        ;
}

int main(int argc, char **argv)
{
    int fd = argc == 3 ? listener((unsigned)strtoul(argv[1], NULL, 10)) : -1;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (fd >= 0)
        puts("ready");
    while (fd >= 0) {
        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

        if (peer < 0)
            break;
        puts("a connection");
        answer(peer, argv[2]);
        close(peer);
    }
    return 1;
}
