/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.c: what a broker or an admin process may still do once a tenant or an operator's HTTP client owns it.
 *
 * sandbox_drop takes away whom it is and what it sees: root directory, groups, user, capabilities; no new privileges,
 * no core dumps, no ptrace by others of its user. Where the daemon is not root, Landlock stands in for chroot, if the
 * kernel has it.
 * sandbox_filter takes away system calls. The list is what these programs and the libraries below them use: glibc's
 * memory, threads and clocks; SQLite's files; OpenSSL's random numbers; epoll, eventfds, messages. Anything else is
 * EPERM, so that a library that tries something new meets an error and not death. Five kinds of call are allowed only
 * with some arguments:
 *
 *   mmap, mprotect  without PROT_EXEC: no new code
 *   clone           threads only: no process, no namespace. clone3 is ENOSYS, because its flags lie in memory where a
 *                   filter cannot look; glibc then uses clone
 *   prctl           the thread's name only
 *   tgkill          itself only (abort, raise)
 *   fcntl           flags, locks, seals; not owners of signals
 *   prlimit64       reading only
 *   socketpair      AF_UNIX only; socket not at all
 *
 * The broker may open, truncate and unlink files, which chroot or Landlock confines to the state directory; the admin
 * process may open none, but accepts on the socket that it was given.
 */
#include "backend/main/broker_entry.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "backend/main/sandbox_internal.h"

static int fail(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(char *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(text, SANDBOX_TEXT, format, args);
    va_end(args);
    return -1;
}

/* ---- who ---- */

static int root_leave(const char *dir, uid_t uid, gid_t gid, char *text)
{
    if (chroot(dir) || chdir("/")) {
        return fail(text, "chroot to %.150s: %s", dir, strerror(errno));
    }
    for (unsigned long capability = 0; capability < 64; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)) {
            break; /* EINVAL: past the last one that this kernel knows */
        }
    }
    if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)) {
        return fail(text, "cannot become user %u, group %u: %s", (unsigned)uid, (unsigned)gid, strerror(errno));
    }
    if (setresuid(0, 0, 0) == 0 || geteuid() != uid || getuid() != uid) {
        return fail(text, "user %u can become root again; this kernel's security settings are unusual", (unsigned)uid);
    }
    return 0;
}

/* Not root already: nothing but files can be taken away. */
static int user_confine(const char *dir, char *text)
{
    static bool said;
    int result = sandbox_landlock(dir);
    if (result < 0) {
        return fail(text, "Landlock for %.150s: %s", dir, strerror(errno));
    }
    if (result == 0 && !said) {
        said = true;
        fprintf(stderr, "cardmuxd: neither root nor Landlock: files are not confined to %s\n", dir);
    }
    return 0;
}

static int capabilities_clear(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[2];
    memset(none, 0, sizeof(none));
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return (int)syscall(SYS_capset, &header, none);
}

int sandbox_drop(const char *dir, uid_t uid, gid_t gid, char *text)
{
    struct rlimit none = {0, 0};
    bool root = geteuid() == 0;
    if (root && uid == 0) {
        return fail(text, "no user to become; run as root with [daemon] user, or as an ordinary user");
    }
    if (root && root_leave(dir, uid, gid, text)) {
        return -1;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || capabilities_clear()) {
        return fail(text, "no_new_privs, capset: %s", strerror(errno));
    }
    if (!root && user_confine(dir, text)) {
        return -1;
    }
    if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) {
        return fail(text, "core dumps: %s", strerror(errno));
    }
    /* a change of user clears this; without it a child outlives a keeper that was killed */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) {
        return fail(text, "PR_SET_PDEATHSIG: %s", strerror(errno));
    }
    return 0;
}

/* ---- system calls ---- */

/* By name: a call that this machine's architecture lacks (open on aarch64) is passed over. */
static const char *const calls_common[] = {
    /* descriptors */
    "read",
    "write",
    "readv",
    "writev",
    "close",
    "dup",
    "lseek",
    "fstat",
    "newfstatat",
    "fstatat64",
    "pipe2",
    "eventfd2",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_gettime",
    "timer_create",
    "timer_settime",
    "recvmsg",
    "sendmsg",
    "recvfrom",
    "sendto",
    "shutdown",
    "getsockopt",
    /* memory */
    "munmap",
    "mremap",
    "madvise",
    "brk",
    "mlock",
    "mlock2",
    "munlock",
    "membarrier",
    /* threads */
    "futex",
    "set_robust_list",
    "rseq",
    "sched_yield",
    "sched_getaffinity",
    "sched_setaffinity",
    "getcpu",
    "gettid",
    "getpid",
    "getppid",
    "exit",
    "exit_group",
    "restart_syscall",
    /* signals */
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sigaltstack",
    /* clocks, who, where */
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
    "getrandom",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "uname",
    "sysinfo",
    "getrusage",
    "getrlimit",
};

static const char *const calls_broker[] = {
    /* SQLite, the vault */
    "open",       "openat",          "stat",    "lstat",      "access",    "faccessat", "faccessat2", "readlink",
    "readlinkat", "getcwd",          "pread64", "pwrite64",   "fsync",     "fdatasync", "ftruncate",  "fallocate",
    "unlink",     "unlinkat",        "rename",  "renameat",   "renameat2", "flock",     "fchmod",     "fstatfs",
    "fadvise64",  "sync_file_range", "fchown",  "getdents64", "statx",
};

static const char *const calls_admin[] = {
    /* libmicrohttpd on the listening socket */
    "accept4", "accept", "getsockname", "getpeername", "setsockopt", "sendfile",
};

static int calls_allow(scmp_filter_ctx filter, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);
        if (call != __NR_SCMP_ERROR && call >= 0) {
            int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
            if (result) {
                return result;
            }
        }
    }
    return 0;
}

#define CLONE_NAMESPACES                                                                                               \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static int calls_limited(scmp_filter_ctx filter)
{
    static const int fcntls[] = {F_GETFD,         F_SETFD,     F_GETFL,     F_SETFL,     F_GETLK,
                                 F_SETLK,         F_SETLKW,    F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW,
                                 F_DUPFD_CLOEXEC, F_ADD_SEALS, F_GET_SEALS};
    static const int prctls[] = {PR_SET_NAME, PR_GET_NAME};
    int result = 0;
    result |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    result |=
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    result |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                               SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NAMESPACES | CLONE_THREAD, CLONE_THREAD));
    result |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    result |=
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    result |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0, 0));
    result |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
    for (size_t i = 0; i < sizeof(fcntls) / sizeof(fcntls[0]); i++) {
        result |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                   SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)fcntls[i], 0));
    }
    for (size_t i = 0; i < sizeof(prctls) / sizeof(prctls[0]); i++) {
        result |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                                   SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)prctls[i], 0));
    }
    return result;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int sandbox_filter(enum sandbox_role role, char *text)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter) {
        return fail(text, "seccomp: out of memory");
    }
    int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    result = result ? result : seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
    result = result ? result : seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    result = result ? result : calls_allow(filter, calls_common, COUNT(calls_common));
    result = result                   ? result
             : role == SANDBOX_BROKER ? calls_allow(filter, calls_broker, COUNT(calls_broker))
                                      : calls_allow(filter, calls_admin, COUNT(calls_admin));
    result = result ? result : calls_limited(filter);
    result = result ? result : seccomp_load(filter);
    seccomp_release(filter);
    if (result) {
        return fail(text, "seccomp: %s; the kernel needs CONFIG_SECCOMP_FILTER",
                    strerror(result < 0 ? -result : EINVAL));
    }
    return 0;
}
