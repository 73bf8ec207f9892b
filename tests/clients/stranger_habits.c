/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stranger_habits: what programs do around SDF calls. Each case is a process of its own, which hangs at most a minute.
 *
 *     stranger_habits LIBSDF [CASE...]
 *
 * Prints a line for each case; exits 1 where one failed.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/clients/stranger.h"

#define HANG_S 60
#define MIB    (1u << 20)

static const char *library;
static _Atomic int wrong;
static SGD_HANDLE device, session;

#define NEED(truth) need((truth), #truth, __LINE__)

static int need(int truth, const char *what, int line)
{
    if (!truth && atomic_fetch_add(&wrong, 1) < 5)
        fprintf(stderr, "stranger_habits: line %d: %s\n", line, what);
    return truth;
}

static int begin(void)
{
    return NEED(SDF_OpenDevice(&device) == SDR_OK) && NEED(SDF_OpenSession(device, &session) == SDR_OK);
}

static SGD_HANDLE new_key(SGD_HANDLE s)
{
    ECCCipher cipher;
    SGD_HANDLE key = NULL;
    NEED(SDF_GenerateKeyWithIPK_ECC(s, 1, 128, &cipher, &key) == SDR_OK);
    return key;
}

static int random_works(SGD_HANDLE s)
{
    SGD_UCHAR bytes[32];
    return SDF_GenerateRandom(s, sizeof bytes, bytes) == SDR_OK;
}

static int ended_well(pid_t child)
{
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void fill(SGD_UCHAR *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (SGD_UCHAR)(i * 7 ^ i >> 8 ^ i >> 16);
}

/* The device opened often and closed too often, sessions never closed or closed after their device. */
static void opens(void)
{
    SGD_HANDLE d[27], s[27];
    for (int i = 0; i < 27; i++)
        NEED(SDF_OpenDevice(&d[i]) == SDR_OK && SDF_OpenSession(d[i], &s[i]) == SDR_OK);
    for (int i = 0; i < 27; i++) {
        for (int j = 0; j < 27; j++)
            NEED(random_works(s[j]) == (j >= i));
        NEED(SDF_CloseDevice(d[i]) == SDR_OK && SDF_CloseDevice(d[i]) == SDR_INARGERR);
        NEED(SDF_CloseSession(s[i]) == SDR_INARGERR);
    }
    NEED(begin() && random_works(session));
}

static void lengths(void)
{
    SGD_UCHAR iv[16] = {0}, in[64], out[64], mac[16];
    SGD_UINT32 n = 0;
    if (!begin())
        return;
    SGD_HANDLE key = new_key(session);
    fill(in, sizeof in);
    for (SGD_UINT32 before = 0; before < 3; before++) {
        n = before == 0 ? 0 : before == 1 ? 1 : 0xffffffff;
        NEED(SDF_Encrypt(session, key, SGD_SM4_CBC, iv, in, 64, out, &n) == SDR_OK && n == 64);
        n = before == 0 ? 0 : 0xdeadbeef;
        NEED(SDF_CalculateMAC(session, key, SGD_SM4_MAC, iv, in, 64, mac, &n) == SDR_OK && n == 16);
        n = before == 0 ? 0 : 0xdeadbeef;
        NEED(SDF_HashInit(session, SGD_SM3, NULL, NULL, 0) == SDR_OK);
        NEED(SDF_HashUpdate(session, in, 0) == SDR_OK && SDF_HashUpdate(session, NULL, 0) == SDR_OK);
        NEED(SDF_HashFinal(session, out, &n) == SDR_OK && n == 32);
    }
    NEED(SDF_DestroyKey(session, key) == SDR_OK && SDF_DestroyKey(session, key) == SDR_INARGERR);
    NEED(SDF_Encrypt(session, key, SGD_SM4_CBC, iv, in, 64, out, &n) == SDR_INARGERR);
    NEED(SDF_CalculateMAC(session, key, SGD_SM4_MAC, iv, in, 64, mac, &n) == SDR_INARGERR);
}

/* Output that begins a little before or behind its input, longer than one crossing takes. */
static void overlapping(void)
{
    static const SGD_UINT32 modes[] = {SGD_SM4_ECB, SGD_SM4_CBC, SGD_SM4_CFB, SGD_SM4_OFB, SGD_SM4_CTR};
    static const int shifts[] = {-20000, -1000, -16, -1, 0, 1, 16, 1000, 16384, 20000};
    static SGD_UCHAR text[160000], want[160000], tag[16], right[16], room[200000];
    SGD_UINT32 n, t;
    if (!begin())
        return;
    SGD_HANDLE key = new_key(session);
    fill(text, sizeof text);
    for (unsigned m = 0; m < 5; m++)
        for (unsigned i = 0; i < sizeof shifts / sizeof *shifts; i++) {
            SGD_UCHAR iv[16] = {0}, again[16] = {0}, *in = room + 20000, *out = in + shifts[i];
            NEED(SDF_Encrypt(session, key, modes[m], iv, text, sizeof text, want, &n) == SDR_OK);
            memcpy(in, text, sizeof text);
            NEED(SDF_Encrypt(session, key, modes[m], again, in, sizeof text, out, &n) == SDR_OK);
            NEED(memcmp(out, want, sizeof want) == 0 && memcmp(iv, again, 16) == 0);
            memset(again, 0, 16);
            memcpy(in, want, sizeof want);
            NEED(SDF_Decrypt(session, key, modes[m], again, in, sizeof text, out, &n) == SDR_OK);
            NEED(memcmp(out, text, sizeof text) == 0);
        }
    NEED(SDF_AuthEnc(session, key, SGD_SM4_GCM, text, 12, text, 20, text, sizeof text, want, &n, right, &t) == SDR_OK);
    for (unsigned i = 0; i < sizeof shifts / sizeof *shifts; i++) {
        SGD_UCHAR *in = room + 20000, *out = in + shifts[i];
        memcpy(in, text, sizeof text);
        NEED(SDF_AuthEnc(session, key, SGD_SM4_GCM, text, 12, text, 20, in, sizeof text, out, &n, tag, &t) == SDR_OK);
        NEED(memcmp(out, want, sizeof want) == 0 && memcmp(tag, right, 16) == 0);
    }
}

/* One call of 64 MiB, in place, against calls of 1 MiB that chain; and back again. */
static void huge(void)
{
    size_t size = 64 * (size_t)MIB;
    SGD_UCHAR *bytes = malloc(size), *part = malloc(MIB), iv[16] = {1}, chain[16] = {1}, back[16] = {1};
    SGD_UINT32 n = 0;
    if (!NEED(bytes && part) || !begin())
        return;
    SGD_HANDLE key = new_key(session);
    fill(bytes, size);
    NEED(SDF_Encrypt(session, key, SGD_SM4_CTR, iv, bytes, (SGD_UINT32)size, bytes, &n) == SDR_OK && n == size);
    for (size_t at = 0; at < size; at += MIB) {
        fill(part, MIB);
        for (size_t i = 0; i < MIB; i++) /* the same bytes as in the whole */
            part[i] = (SGD_UCHAR)((at + i) * 7 ^ (at + i) >> 8 ^ (at + i) >> 16);
        NEED(SDF_Encrypt(session, key, SGD_SM4_CTR, chain, part, MIB, part, &n) == SDR_OK);
        NEED(memcmp(part, bytes + at, MIB) == 0);
    }
    NEED(memcmp(iv, chain, 16) == 0);
    NEED(SDF_Decrypt(session, key, SGD_SM4_CTR, back, bytes, (SGD_UINT32)size, bytes, &n) == SDR_OK);
    for (size_t i = 0; i < size && !wrong; i += 4093)
        NEED(bytes[i] == (SGD_UCHAR)(i * 7 ^ i >> 8 ^ i >> 16));
    NEED(SDF_GenerateRandom(session, MIB, part) == SDR_OK);
    free(bytes);
    free(part);
}

static void *call_for_ever(void *arg)
{
    static SGD_UCHAR bytes[4][MIB];
    SGD_UCHAR *mine = bytes[(size_t)arg];
    for (;;) {
        NEED(SDF_GenerateRandom(session, (size_t)arg & 1 ? 64 : MIB, mine) == SDR_OK);
        pthread_testcancel();
    }
    return NULL;
}

/* Threads are cancelled while they work: the session that they shared, and everybody else, goes on. */
static void cancelled(void)
{
    pthread_t threads[4];
    if (!begin())
        return;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 4; i++)
            NEED(pthread_create(&threads[i], NULL, call_for_ever, (void *)i) == 0);
        usleep(2000 + 517 * (unsigned)round);
        for (int i = 0; i < 4; i++)
            NEED(pthread_cancel(threads[i]) == 0 && pthread_join(threads[i], NULL) == 0);
        NEED(random_works(session));
    }
    SGD_HANDLE other;
    NEED(SDF_OpenSession(device, &other) == SDR_OK && random_works(other) && SDF_CloseSession(other) == SDR_OK);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    (void)number;
    alarms++;
}

/* A timer interrupts every system call there is. */
static void interrupted(void)
{
    struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART */
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    static SGD_UCHAR bytes[200000];
    SGD_UCHAR iv[16] = {0}, name[] = "interrupted";
    SGD_UINT32 n;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 50; i++) {
        if (!begin())
            break;
        SGD_HANDLE key = new_key(session);
        NEED(SDF_Encrypt(session, key, SGD_SM4_CBC, iv, bytes, sizeof bytes / 16 * 16, bytes, &n) == SDR_OK);
        NEED(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0) == SDR_OK);
        NEED(SDF_GenerateRandom(session, sizeof bytes, bytes) == SDR_OK);
        if (i % 10 == 0)
            NEED(SDF_CreateFile(session, name, sizeof name - 1, 100) == SDR_OK &&
                 SDF_DeleteFile(session, name, sizeof name - 1) == SDR_OK);
        NEED(SDF_CloseDevice(device) == SDR_OK);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    NEED(alarms > 0);
}

/* A daemon without standard streams that prints all the same. */
static void closed_streams(void)
{
    int report = fcntl(2, F_DUPFD, 10);
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    int ok = SDF_OpenDevice(&device) == SDR_OK && SDF_OpenSession(device, &session) == SDR_OK;
    for (int fd = 0; fd < 3; fd++)
        ok = ok && fcntl(fd, F_GETFD) < 0; /* nothing of the library's is there */
    for (int i = 0; i < 100; i++) {
        printf("to standard output\n");
        fprintf(stderr, "to standard error\n");
        fflush(NULL);
        ok = ok && random_works(session);
    }
    dup2(report, 2);
    NEED(ok);
}

static void at_exit(void)
{
    if (!random_works(session) || SDF_CloseSession(session) != SDR_OK || SDF_CloseDevice(device) != SDR_OK)
        _exit(3);
}

/* The card is used and closed while the process ends. */
static void exiting(void)
{
    pid_t child = fork();
    if (child == 0) {
        atexit(at_exit);
        exit(begin() ? 0 : 4);
    }
    NEED(ended_well(child));
}

/* A server: its master opens all, workers use it, one of them dies, and the master goes on. */
static void workers(void)
{
    SGD_UCHAR digest[32] = {1};
    ECCSignature signature;
    SGD_UINT32 n;
    if (!begin() || !NEED(SDF_GetPrivateKeyAccessRight(session, 1, NULL, 0) == SDR_OK))
        return;
    SGD_HANDLE key = new_key(session), fresh;
    NEED(SDF_OpenSession(device, &fresh) == SDR_OK);
    pid_t child[4];
    for (int i = 0; i < 4; i++) {
        child[i] = fork();
        if (child[i])
            continue;
        for (int round = 0; round < 50; round++) {
            NEED(random_works(fresh) && SDF_HashInit(fresh, SGD_SM3, NULL, NULL, 0) == SDR_OK);
            NEED(SDF_HashUpdate(fresh, digest, 32) == SDR_OK && SDF_HashFinal(fresh, digest, &n) == SDR_OK);
        }
        NEED(SDF_GetPrivateKeyAccessRight(fresh, 1, NULL, 0) == SDR_OK);
        NEED(SDF_InternalSign_ECC(fresh, 1, digest, 32, &signature) == SDR_OK);
        NEED(SDF_InternalVerify_ECC(fresh, 1, digest, 32, &signature) == SDR_OK);
        if (i == 3)
            raise(SIGKILL);
        _exit(wrong != 0);
    }
    for (int round = 0; round < 50; round++)
        NEED(SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, digest, 32, digest, &n) == SDR_OK);
    for (int i = 0; i < 3; i++)
        NEED(ended_well(child[i]));
    waitpid(child[3], NULL, 0);
    NEED(SDF_InternalSign_ECC(session, 1, digest, 32, &signature) == SDR_OK);
}

/* A program that becomes a daemon when all is open: the process that goes on is the child's child. */
static void daemon_like(void)
{
    int out[2];
    char said = 0;
    if (!begin() || !NEED(pipe(out) == 0))
        return;
    pid_t child = fork();
    if (child == 0) {
        setsid();
        if (fork())
            _exit(0);
        for (int fd = 0; fd < 3; fd++)
            close(fd);
        said = random_works(session) && new_key(session) && SDF_CloseDevice(device) == SDR_OK ? 'y' : 'n';
        _exit(write(out[1], &said, 1) != 1);
    }
    NEED(ended_well(child));
    NEED(read(out[0], &said, 1) == 1 && said == 'y' && random_works(session));
}

/* No descriptors, then no address space: the open fails, the program lives, and with room it works. */
static void starved(void)
{
    struct rlimit before, tight;
    int lowest = dup(2), again;
    close(lowest);
    getrlimit(RLIMIT_NOFILE, &before);
    for (rlim_t room = 3; room < 8; room++) {
        tight = (struct rlimit){room, before.rlim_max};
        setrlimit(RLIMIT_NOFILE, &tight);
        SGD_RV opened = SDF_OpenDevice(&device);
        NEED(opened != SDR_OK ? opened > 0x01000000 && opened < 0x01000020 : SDF_CloseDevice(device) == SDR_OK);
    }
    setrlimit(RLIMIT_NOFILE, &before);
    again = dup(2);
    NEED(again == lowest); /* none was left open */
    close(again);
    getrlimit(RLIMIT_AS, &before);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    tight = (struct rlimit){3 * MIB, before.rlim_max};
    setrlimit(RLIMIT_AS, &tight);
    NEED(SDF_OpenDevice(&device) != SDR_OK);
    setrlimit(RLIMIT_AS, &before);
#endif
    NEED(begin() && random_works(session));
}

/* Closed in, and nobody, after the card was opened. Needs root; others skip the step. */
static void confined(void)
{
    if (!begin())
        return;
    SGD_HANDLE key = new_key(session);
    clearenv();
    if (geteuid() == 0)
        NEED(chroot("/proc/self/fdinfo") == 0 && chdir("/") == 0 && setgid(65534) == 0 && setuid(65534) == 0);
    SGD_UCHAR block[16] = {0};
    SGD_UINT32 n;
    SGD_HANDLE other;
    NEED(SDF_Encrypt(session, key, SGD_SM4_ECB, NULL, block, 16, block, &n) == SDR_OK);
    NEED(SDF_OpenSession(device, &other) == SDR_OK && random_works(other));
}

static void *on_small_stack(void *arg)
{
    SGD_UCHAR iv[16] = {0}, tag[16], *bytes = calloc(1, MIB);
    ECCCipher cipher;
    SGD_HANDLE s = NULL;
    SGD_UINT32 n, t;
    (void)arg;
    NEED(bytes != NULL && SDF_OpenSession(device, &s) == SDR_OK);
    SGD_HANDLE key = new_key(s);
    NEED(SDF_Encrypt(s, key, SGD_SM4_CTR, iv, bytes, MIB, bytes, &n) == SDR_OK);
    NEED(SDF_AuthEnc(s, key, SGD_SM4_GCM, iv, 12, iv, 16, bytes, MIB, bytes, &n, tag, &t) == SDR_OK);
    NEED(SDF_GenerateRandom(s, MIB, bytes) == SDR_OK);
    NEED(SDF_GetPrivateKeyAccessRight(s, 1, NULL, 0) == SDR_OK);
    NEED(SDF_GenerateKeyWithIPK_ECC(s, 1, 128, &cipher, &key) == SDR_OK);
    NEED(SDF_ImportKeyWithISK_ECC(s, 1, &cipher, &key) == SDR_OK && SDF_CloseSession(s) == SDR_OK);
    free(bytes);
    return NULL;
}

/* Threads with as little stack as Go and Java programs give theirs, and the first that comes opens the device. */
static void small_stacks(void)
{
    pthread_t threads[8];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 << 10);
    if (!begin())
        return;
    for (int i = 0; i < 8; i++)
        NEED(pthread_create(&threads[i], &attr, on_small_stack, NULL) == 0);
    for (int i = 0; i < 8; i++)
        NEED(pthread_join(threads[i], NULL) == 0);
}

typedef SGD_RV open_handle(SGD_HANDLE *);
typedef SGD_RV open_within(SGD_HANDLE, SGD_HANDLE *);
typedef SGD_RV random_bytes(SGD_HANDLE, SGD_UINT32, SGD_UCHAR *);

/* Loaded by name, its symbols looked up, unloaded with all open, loaded again. */
static void loaded(void)
{
    for (int i = 0; i < 3; i++) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
        if (!NEED(handle != NULL))
            return;
        open_handle *open_device = (open_handle *)dlsym(handle, "SDF_OpenDevice");
        open_within *open_session = (open_within *)dlsym(handle, "SDF_OpenSession");
        random_bytes *random = (random_bytes *)dlsym(handle, "SDF_GenerateRandom");
        SGD_UCHAR bytes[16];
        if (NEED(open_device && open_session && random))
            NEED(open_device(&device) == SDR_OK && open_session(device, &session) == SDR_OK &&
                 random(session, 16, bytes) == SDR_OK);
        NEED(system("true") == 0);
        NEED(dlclose(handle) == 0);
    }
}

/* As many sessions as the host grants, and then a code, and then one again. */
static void many_sessions(void)
{
    static SGD_HANDLE many[10000];
    unsigned n = 0;
    if (!begin())
        return;
    while (n < 10000 && SDF_OpenSession(device, &many[n]) == SDR_OK)
        n++;
    NEED(n >= 1000);
    if (n < 10000)
        NEED(SDF_OpenSession(device, &many[n]) == 0x01000006);
    for (unsigned i = 0; i < n; i += 97)
        NEED(random_works(many[i]));
    for (unsigned i = 0; i < n; i++)
        NEED(SDF_CloseSession(many[i]) == SDR_OK);
    NEED(SDF_OpenSession(device, &many[0]) == SDR_OK && random_works(many[0]));
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"opens", opens},
    {"lengths", lengths},
    {"overlapping", overlapping},
    {"huge", huge},
    {"cancelled", cancelled},
    {"interrupted", interrupted},
    {"closed_streams", closed_streams},
    {"exiting", exiting},
    {"workers", workers},
    {"daemon_like", daemon_like},
    {"starved", starved},
    {"confined", confined},
    {"small_stacks", small_stacks},
    {"loaded", loaded},
    {"many_sessions", many_sessions},
};

static int wanted(const char *name, int argc, char **argv)
{
    int found = argc <= 2;
    for (int i = 2; i < argc; i++)
        found |= strcmp(argv[i], name) == 0;
    return found;
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc < 2)
        return 2;
    library = argv[1];
    signal(SIGPIPE, SIG_DFL);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!wanted(cases[i].name, argc, argv))
            continue;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            if (cases[i].run != interrupted)
                alarm(HANG_S);
            cases[i].run();
            _exit(wrong != 0);
        }
        int ok = ended_well(child);
        printf("%s %s\n", ok ? "ok    " : "FAILED", cases[i].name);
        failed |= !ok;
    }
    return failed;
}
