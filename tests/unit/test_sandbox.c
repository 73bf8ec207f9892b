/* SPDX-License-Identifier: Apache-2.0 */
/* test_sandbox.c: in a child each: what is denied once the sandbox is on, and what must still work. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "backend/main/broker_entry.h"

#define NOBODY 65534u

/* Runs body in a child; fails with what the child wrote unless it wrote "ok". */
static void in_child(void (*body)(int out))
{
    int pipes[2];
    char text[400] = "";
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pipes[0]);
        body(pipes[1]);
        _exit(0);
    }
    close(pipes[1]);
    ssize_t len = read(pipes[0], text, sizeof(text) - 1);
    close(pipes[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (len < 0 || strcmp(text, "ok") != 0) {
        fail_msg("child: status %x, \"%s\"", (unsigned)status, text);
    }
}

static void child_say(int out, const char *text)
{
    if (write(out, text, strlen(text)) < 0) {
        _exit(3);
    }
}

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            char why[200];                                                                                             \
            snprintf(why, sizeof(why), "line %d: %s: %s", __LINE__, #condition, strerrorname_np(errno));               \
            child_say(out, why);                                                                                       \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

static char directory[64];
static bool was_root;

static void enter(int out, enum sandbox_role role)
{
    char text[256] = "";
    bool root = geteuid() == 0;
    if (sandbox_drop(directory, root ? NOBODY : 0, root ? NOBODY : 0, text) || sandbox_filter(role, text)) {
        child_say(out, text);
        _exit(1);
    }
}

static void probe_as(int out, enum sandbox_role role)
{
    char text[256] = "";
    enter(out, role);
    bool denied = sandbox_probe("all", text);
    child_say(out, denied ? "ok" : text);
}

static void probe_broker(int out)
{
    probe_as(out, SANDBOX_BROKER);
}

static void probe_admin(int out)
{
    probe_as(out, SANDBOX_ADMIN);
}

static void *thread_body(void *arg)
{
    void *memory = malloc(1 << 20);
    memset(memory, 1, 1 << 20);
    free(memory);
    *(int *)arg = socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
    return NULL;
}

/* What the vault and the broker's threads do. */
static void work_broker(int out)
{
    enter(out, SANDBOX_BROKER);
    const char *path = was_root ? "/file" : NULL;
    char long_path[100];
    if (!path) {
        snprintf(long_path, sizeof(long_path), "%s/file", directory);
        path = long_path;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    EXPECT(fd >= 0);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    EXPECT(flock(fd, LOCK_EX | LOCK_NB) == 0);
    EXPECT(fcntl(fd, F_SETLK, &lock) == 0);
    EXPECT(pwrite(fd, "abc", 3, 5) == 3);
    EXPECT(fsync(fd) == 0 && fdatasync(fd) == 0 && ftruncate(fd, 4096) == 0);
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT(shared != MAP_FAILED);
    EXPECT(mprotect(shared, 4096, PROT_READ) == 0);
    EXPECT(mprotect(shared, 4096, PROT_READ | PROT_EXEC) < 0 && errno == EPERM);
    EXPECT(unlink(path) == 0);
    int event = eventfd(0, EFD_CLOEXEC);
    EXPECT(event >= 0);
    char random[16];
    EXPECT(getrandom(random, sizeof(random), 0) == sizeof(random));
    pthread_t thread;
    int inside = 0;
    EXPECT(pthread_create(&thread, NULL, thread_body, &inside) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
    errno = inside;
    EXPECT(inside == EPERM); /* a thread made later is inside too */
    child_say(out, "ok");
}

struct early {
    pthread_barrier_t entered;
    int error;
};

static void *early_body(void *arg)
{
    struct early *early = arg;
    pthread_barrier_wait(&early->entered);
    early->error = socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
    return NULL;
}

/* A thread that was there before, a card's perhaps. */
static void early_thread(int out)
{
    struct early early = {.error = -1};
    pthread_t thread;
    EXPECT(pthread_barrier_init(&early.entered, NULL, 2) == 0);
    EXPECT(pthread_create(&thread, NULL, early_body, &early) == 0);
    enter(out, SANDBOX_BROKER);
    pthread_barrier_wait(&early.entered);
    EXPECT(pthread_join(thread, NULL) == 0);
    errno = early.error;
    EXPECT(early.error == EPERM);
    child_say(out, "ok");
}

static void state_of(int out)
{
    char text[256];
    bool root = geteuid() == 0;
    EXPECT(sandbox_drop(directory, root ? NOBODY : 0, root ? NOBODY : 0, text) == 0);
    int signal_of_death = 0;
    EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    EXPECT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    EXPECT(prctl(PR_GET_PDEATHSIG, &signal_of_death) == 0 && signal_of_death == SIGKILL);
    for (int capability = 0; capability < 40; capability++) {
        EXPECT(!root || prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 0);
    }
    if (root) {
        EXPECT(getuid() == NOBODY && getgid() == NOBODY && getgroups(0, NULL) == 0);
        EXPECT(setuid(0) < 0);
        EXPECT(open("/proc/self/status", O_RDONLY) < 0);
    }
    child_say(out, "ok");
}

static void work_admin(int out)
{
    int pair[2];
    enter(out, SANDBOX_ADMIN);
    EXPECT(open("/file", O_RDONLY) < 0 && errno == EPERM);
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    EXPECT(socketpair(AF_INET, SOCK_STREAM, 0, pair) < 0 && errno == EPERM);
    child_say(out, "ok");
}

static void test_probe_broker(void **state)
{
    (void)state;
    in_child(probe_broker);
}
static void test_probe_admin(void **state)
{
    (void)state;
    in_child(probe_admin);
}
static void test_work_broker(void **state)
{
    (void)state;
    in_child(work_broker);
}
static void test_work_admin(void **state)
{
    (void)state;
    in_child(work_admin);
}
static void test_early_thread(void **state)
{
    (void)state;
    in_child(early_thread);
}
static void test_state(void **state)
{
    (void)state;
    in_child(state_of);
}

/* The probe can fail: without a sandbox these succeed. */
static void test_probe_without(void **state)
{
    static const char *const possible[] = {"inet", "execve", "foreign-file", "exec-memory"};
    (void)state;
    char text[256];
    for (size_t i = 0; i < sizeof(possible) / sizeof(possible[0]); i++) {
        assert_false(sandbox_probe(possible[i], text));
        assert_non_null(strstr(text, "NOT denied"));
        assert_non_null(strstr(text, possible[i]));
    }
    assert_false(sandbox_probe("no-such-probe", text));
}

/* Root without a user to become is refused. */
static void test_needs_user(void **state)
{
    (void)state;
    char text[256];
    if (geteuid() == 0) {
        assert_int_equal(sandbox_drop(directory, 0, 0, text), -1);
        assert_true(strlen(text) > 10);
    }
}

static int directory_make(void **state)
{
    (void)state;
    was_root = geteuid() == 0;
    snprintf(directory, sizeof(directory), "/tmp/cardmux-sandbox-XXXXXX");
    return mkdtemp(directory) && (geteuid() != 0 || chown(directory, NOBODY, NOBODY) == 0) ? 0 : -1;
}

static int directory_remove(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe_without), cmocka_unit_test(test_probe_broker), cmocka_unit_test(test_probe_admin),
        cmocka_unit_test(test_work_broker),   cmocka_unit_test(test_work_admin),   cmocka_unit_test(test_early_thread),
        cmocka_unit_test(test_state),         cmocka_unit_test(test_needs_user),
    };
    return cmocka_run_group_tests(tests, directory_make, directory_remove);
}
