/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal_main.c: cardmux-card-sdf, the process in which a vendor's library is loaded: what it may not do, and one
 * question. See seal.h.
 *
 * It stays the user that started it, because a card's device is often root's alone, and gives up everything else that
 * root can: capabilities, core dumps, new privileges. It has no descriptor but its end of the pair, and dies with who
 * asked. Which system calls a vendor's driver needs is not known, so no filter is set.
 */
#include "cards/sdf/seal.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CPU_SECONDS 30
#define FILES_MOST  256
#define FILE_BYTES  (64 << 20) /* a library's own log */

static void limit(__rlimit_resource_t what, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(what, &now))
        return;
    now.rlim_max = now.rlim_max < most ? now.rlim_max : most;
    now.rlim_cur = now.rlim_max;
    setrlimit(what, &now);
}

static void rights_drop(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    for (int cap = 0; cap <= 63; cap++)
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    syscall(SYS_capset, &head, none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, CPU_SECONDS);
    limit(RLIMIT_NOFILE, FILES_MOST);
    limit(RLIMIT_FSIZE, FILE_BYTES);
    close_range(CARD_SEAL_FD + 1, ~0u, 0);
}

struct secrets {
    struct card_seal_ask ask;
    struct card_seal_reply reply;
};

int main(void)
{
    struct secrets *secrets = mmap(NULL, sizeof *secrets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int type = 0, result = 1;
    socklen_t size = sizeof type;
    if (getsockopt(CARD_SEAL_FD, SOL_SOCKET, SO_TYPE, &type, &size) || type != SOCK_SEQPACKET) {
        fputs("cardmux-card-sdf is started by cardmuxd and cardmux\n", stderr);
        return 2;
    }
    if (secrets == MAP_FAILED || mlock(secrets, sizeof *secrets) || madvise(secrets, sizeof *secrets, MADV_DONTDUMP))
        return 1;
    rights_drop();
    alarm(2 * CARD_SEAL_DEADLINE_MS / 1000);
    if (recv(CARD_SEAL_FD, &secrets->ask, sizeof secrets->ask, MSG_TRUNC) == (ssize_t)sizeof secrets->ask) {
        card_seal_answer(&secrets->ask, &secrets->reply);
        explicit_bzero(&secrets->ask, sizeof secrets->ask);
        result = send(CARD_SEAL_FD, &secrets->reply, sizeof secrets->reply, MSG_NOSIGNAL) < 0;
    }
    explicit_bzero(secrets, sizeof *secrets);
    _exit(result); /* not through what the library would do at the end */
}
