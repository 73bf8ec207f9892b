/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_probe.c: tries, from inside, what the sandbox must deny. A test knob ([test] sandbox-probe), so that the
 * sandbox which is tested is the one that runs. Each attempt is harmless where it succeeds. Denied is EPERM, EACCES,
 * ENOSYS, and for files also ENOENT: the name does not exist in what is left to see.
 */
#include "backend/main/broker_entry.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "backend/main/sandbox_internal.h"

/* Each returns an errno, 0 for success. */

static int outcome(long result)
{
    return result < 0 ? errno : 0;
}

static int try_execve(void)
{
    char *const argv[] = {(char *)"true", NULL};
    char *const envp[] = {NULL};
    /* a program that does not exist: whoever gets as far as looking for it was not stopped */
    int result = outcome(execve("/proc/self/cardmux-no-such-program", argv, envp));
    return result == ENOENT || result == EACCES ? 0 : result;
}

static int try_inet(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = outcome(fd);
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

static int file_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int result = outcome(fd);
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

static int try_foreign_file(void)
{
    static const char *const paths[] = {"/etc/shadow", "/etc/passwd", "../../../../../../../../etc/shadow",
                                        "../../../../../../../../etc/passwd", "/proc/1/environ"};
    int result = EPERM;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        result = file_open(paths[i]);
        if (result == 0) {
            return 0;
        }
        if (result == ENOENT) {
            result = EACCES; /* out of sight */
        }
    }
    return result;
}

static int try_ptrace(void)
{
    int result = outcome(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
    if (result == 0) {
        ptrace(PTRACE_DETACH, getppid(), NULL, NULL);
    }
    return result;
}

static int try_kill(void)
{
    return outcome(kill(getppid(), 0)); /* asks for the right, sends nothing */
}

static int try_mount(void)
{
    return outcome(mount("none", "/", "tmpfs", MS_REMOUNT | MS_RDONLY | MS_BIND, NULL));
}

static int try_setuid(void)
{
    return outcome(setuid(0));
}

static int try_unshare(void)
{
    return outcome(unshare(CLONE_NEWUSER));
}

static int try_exec_memory(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return errno;
    }
    munmap(page, 4096);
    return 0;
}

static int try_read_memory(void)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)4096, 1};
    int result = outcome(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
    return result == EFAULT ? 0 : result; /* the right was there, only not the page */
}

static int try_fork(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        _exit(0);
    }
    return outcome(pid);
}

static int try_keyctl(void)
{
    return outcome(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0));
}

static int try_io_uring(void)
{
    int result = outcome(syscall(SYS_io_uring_setup, 0, NULL));
    return result == EFAULT || result == EINVAL ? 0 : result;
}

static int try_bpf(void)
{
    int result = outcome(syscall(SYS_bpf, ~0, NULL, 0));
    return result == EFAULT || result == EINVAL ? 0 : result;
}

static const struct probe {
    const char *name;
    int (*try)(void);
} probes[] = {
    {"execve", try_execve},           {"inet", try_inet},       {"foreign-file", try_foreign_file},
    {"ptrace", try_ptrace},           {"kill", try_kill},       {"mount", try_mount},
    {"setuid", try_setuid},           {"unshare", try_unshare}, {"exec-memory", try_exec_memory},
    {"read-memory", try_read_memory}, {"fork", try_fork},       {"keyctl", try_keyctl},
    {"io-uring", try_io_uring},       {"bpf", try_bpf},
};

static bool denied(int error)
{
    return error == EPERM || error == EACCES || error == ENOSYS;
}

bool sandbox_probe(const char *what, char *text)
{
    char good[SANDBOX_TEXT] = "", bad[SANDBOX_TEXT] = "";
    size_t good_used = 0, bad_used = 0;
    unsigned tried = 0;
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        if (strcmp(what, "all") != 0 && strcmp(what, probes[i].name) != 0) {
            continue;
        }
        int error = probes[i].try();
        tried++;
        const char *name = error ? strerrorname_np(error) : "allowed";
        char *list = denied(error) ? good : bad;
        size_t *used = denied(error) ? &good_used : &bad_used;
        if (*used < SANDBOX_TEXT) {
            *used += (size_t)snprintf(list + *used, SANDBOX_TEXT - *used, " %s %s", probes[i].name, name);
        }
    }
    if (!tried) {
        snprintf(text, SANDBOX_TEXT, "sandbox-probe: %.40s is not known", what);
    } else if (bad_used) {
        snprintf(text, SANDBOX_TEXT, "NOT denied:%.240s", bad);
    } else {
        snprintf(text, SANDBOX_TEXT, "denied:%.245s", good);
    }
    return tried && !bad_used;
}
