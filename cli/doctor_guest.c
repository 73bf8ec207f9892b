/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tenant's side of `cardmux doctor`; see doctor.c. The last check opens the virtual card as a program would: in a
 * child process, since the library is somebody's file, with dlopen and SDF_OpenDevice. Which way it took is read off
 * the child's own descriptors and mappings, so the library needs no function for it.
 */
#include "cli/doctor.h"
#include "cardmux/sdf.h"
#include "frontend/client/queue.h"
#include "frontend/reach/conf.h"
#include "frontend/reach/ivshmem/pci.h"
#include "frontend/reach/reach.h"
#include "proto/layout.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPEN_SECONDS 20u

static void check_conf(struct doctor *doctor)
{
    char bytes[CONF_SIZE + 1];
    struct conf conf;
    unsigned line = 0;
    int fd = open(CONF_FILE, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        doctor_note(doctor, "client.conf", FINDING_OK, NULL, "no " CONF_FILE ": the usual places are tried");
        return;
    }
    ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (n < 0) {
        const char *named = getenv("CARDMUX_SOCKET");
        doctor_note(doctor, "client.conf", named && *named ? FINDING_WARN : FINDING_FAIL,
                    "let every user read it, and search its directory", CONF_FILE ": %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    const char *wrong = n > (int)CONF_SIZE ? "the file is too long" : conf_parse(bytes, (size_t)n, &conf, &line);
    if (wrong)
        doctor_note(doctor, "client.conf", FINDING_FAIL,
                    "lines are: socket = PATH, reach = NAME or several with commas, vsock = CID:PORT or off, stream = "
                    "PATH, # remark",
                    CONF_FILE ", line %u: %s", line, wrong);
    else
        doctor_note(doctor, "client.conf", FINDING_OK, NULL, CONF_FILE " is valid");
    if (fd >= 0)
        close(fd);
}

/* True: a daemon serves or has served it. */
static bool check_bar(struct doctor *doctor, const char *address)
{
    uint64_t magic = 0;
    char driver[64];
    pci_driver(address, driver);
    if (!strcmp(driver, "cardmux")) { /* it has looked at the magic, and lets nobody else map it */
        doctor_note(doctor, "device", FINDING_OK, NULL,
                    "ivshmem device %s is a cardmux card, held by the kernel module", address);
        return true;
    }
    int fd = pci_open_file(address, "resource2", O_RDONLY | O_CLOEXEC);
    void *page = fd < 0 ? MAP_FAILED : mmap(NULL, CM_PAGE, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        doctor_note(doctor, "device", FINDING_WARN, "run this as root to look at its memory",
                    "ivshmem device %s: its BAR2 cannot be mapped: %s", address, strerror(errno));
    } else {
        magic = *(const volatile uint64_t *)page;
        munmap(page, CM_PAGE);
        if (magic == CM_MAGIC)
            doctor_note(doctor, "device", FINDING_OK, NULL, "ivshmem device %s is a cardmux card", address);
        else if (magic == 0 || magic == ~UINT64_C(0))
            doctor_note(doctor, "device", FINDING_WARN,
                        "on the host: does cardmuxd run? in the guest: is the device enabled?",
                        "ivshmem device %s shows no card (yet)", address);
        else
            doctor_note(doctor, "device", FINDING_WARN, NULL, "ivshmem device %s is somebody else's", address);
    }
    if (fd >= 0)
        close(fd);
    return magic == CM_MAGIC;
}

/* The memory of a device looks the same when its daemon has ended: a queue pair of our own is asked for, as a program
   would. Who is slow answers late, who has ended never. */
static void check_answer(struct doctor *doctor)
{
    struct queue queue;
    struct cm_header header;
    char text[REACH_TEXT] = "";
    uint64_t since = monotonic_ns();
    uint32_t code = queue_open(&queue, "ivshmem", NULL, text);
    unsigned ms = (unsigned)((monotonic_ns() - since) / 1000000u);
    if (code == SDR_OK) {
        shm_copy_in(&header, queue.reach->header, 0, sizeof header);
        doctor_note(doctor, "daemon", FINDING_OK, NULL,
                    "the daemon behind the ivshmem device answers (%u ms), to tenant %.39s", ms, header.tenant);
        queue_close(&queue);
    } else if (strstr(text, "does not answer")) {
        doctor_note(
            doctor, "daemon", FINDING_FAIL,
            "on the host: does cardmuxd run (cardmux doctor)? if it was restarted as a whole: unplug the guest's "
            "ivshmem device and plug it anew (cardmux qemu-args NAME --hotplug qmp)",
            "nobody answers behind the ivshmem device, %u ms long, though its memory looks well: its daemon has "
            "ended, or is stopped",
            ms);
    } else {
        doctor_note(doctor, "daemon", FINDING_WARN, NULL, "no queue pair of the ivshmem device to be had: %s", text);
    }
}

/* True: there is one, whatever its state. */
static bool check_device(struct doctor *doctor, bool wanted)
{
    bool served = false;
    char addresses[PCI_MAX][PCI_ADDRESS], driver[64];
    size_t count = pci_list(NULL, addresses);
    if (count == 0) {
        doctor_note(doctor, "device", FINDING_OK, NULL,
                    "no ivshmem device here (PCI 1af4:1110): a VM gets one by cardmux qemu-args on the host");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        served |= check_bar(doctor, addresses[i]);
    pci_driver(addresses[0], driver);
    if (access("/sys/module/cardmux", F_OK) == 0)
        doctor_note(doctor, "module", FINDING_OK, NULL, "the kernel module is loaded");
    else if (!PCI_UNCACHED_WORKS)
        doctor_note(doctor, "module", FINDING_FAIL,
                    "build and load kmod/; other mappings " PCI_UNCACHED_SHORT ", so the library takes none",
                    "the kernel module cardmux is not loaded (driver: %s)", driver[0] ? driver : "none");
    else
        doctor_note(doctor, "module", FINDING_WARN,
                    "build and load kmod/; without it only root polls, or one process uses vfio",
                    "the kernel module cardmux is not loaded (driver: %s)", driver[0] ? driver : "none");
    if (access("/dev/cardmux0", F_OK) < 0)
        doctor_note(doctor, "node", FINDING_WARN, "load the module", "no /dev/cardmux0");
    else if (access("/dev/cardmux0", R_OK | W_OK) < 0)
        doctor_note(doctor, "node", FINDING_FAIL, "join the group that the udev rule of kmod/ gives it to",
                    "you may not open /dev/cardmux0: %s", strerror(errno));
    else
        doctor_note(doctor, "node", FINDING_OK, NULL, "you may open /dev/cardmux0");
    if (served && wanted)
        check_answer(doctor);
    return true;
}

static bool check_socket(struct doctor *doctor)
{
    char path[CONF_VALUE], text[1024] = "";
    struct stat st;
    if (conf_socket(path, text) != 0) {
        doctor_note(doctor, "socket", FINDING_FAIL, "mend CARDMUX_SOCKET or " CONF_FILE, "%s", text);
        return true;
    }
    if (stat(path, &st) < 0) {
        doctor_note(doctor, "socket", FINDING_OK, NULL, "no socket %s: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISSOCK(st.st_mode))
        doctor_note(doctor, "socket", FINDING_FAIL, "mount the tenant's unix.sock there", "%s is not a socket", path);
    else if (access(path, W_OK) < 0)
        doctor_note(doctor, "socket", FINDING_FAIL, "on the host: cardmux tenant set NAME --owner UID:GID",
                    "you may not use the socket %s", path);
    else
        doctor_note(doctor, "socket", FINDING_OK, NULL, "you may use the socket %s", path);
    return true;
}

static bool choice_has(const struct reach_choice *choice, const struct reach_driver *way)
{
    for (size_t i = 0; i < choice->n; i++)
        if (choice->ways[i] == way)
            return true;
    return false;
}

/* Only where the library tries it. */
static bool check_stream(struct doctor *doctor, const struct reach_choice *choice)
{
    char path[CONF_VALUE], text[REACH_TEXT] = "";
    struct stat st;
    if (!choice_has(choice, &reach_stream))
        return false;
    if (conf_stream(path, text) != 0)
        doctor_note(doctor, "stream", FINDING_FAIL, "mend CARDMUX_STREAM or " CONF_FILE, "%s", text);
    else if (stat(path, &st) < 0)
        doctor_note(doctor, "stream", FINDING_WARN, "mount the tenant's stream.sock_21316 there", "no socket %s: %s",
                    path, strerror(errno));
    else if (!S_ISSOCK(st.st_mode))
        doctor_note(doctor, "stream", FINDING_FAIL, "mount the tenant's stream.sock_21316 there", "%s is not a socket",
                    path);
    else if (access(path, W_OK) < 0)
        doctor_note(doctor, "stream", FINDING_FAIL, "on the host: cardmux tenant set NAME --owner UID:GID",
                    "you may not use the socket %s", path);
    else
        doctor_note(doctor, "stream", FINDING_OK, NULL, "you may use the socket %s", path);
    return text[0] || access(path, F_OK) == 0;
}

/* Which ways the library tries, and who decided it. */
static bool check_choice(struct doctor *doctor, struct reach_choice *choice)
{
    char ways[200] = "", text[REACH_TEXT] = "";
    if (reach_choose(choice, NULL, NULL, false, text) != 0) {
        doctor_note(doctor, "way", FINDING_FAIL, "mend CARDMUX_REACH or " CONF_FILE, "%s", text);
        return false;
    }
    for (size_t i = 0, used = 0; i < choice->n && used < sizeof ways; i++)
        used += (size_t)snprintf(ways + used, sizeof ways - used, "%s%s", i ? ", " : "", choice->ways[i]->name);
    doctor_note(doctor, "way", FINDING_OK, NULL, "the library tries: %s (%s)", ways, choice->why);
    return true;
}

static int domain_of(int fd)
{
    int domain = 0;
    socklen_t len = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) ? 0 : domain;
}

/* In the child: what the open descriptors and mappings tell. */
static const char *reach_used(void)
{
    char path[64], target[256], line[512];
    bool socket_seen = false;
    for (int fd = 3; fd < 1024; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n <= 0)
            continue;
        target[n] = 0;
        if (strncmp(target, "/dev/cardmux", 12) == 0)
            return "ivshmem-module";
        if (strncmp(target, "/dev/vfio/", 10) == 0)
            return "ivshmem-vfio";
        if (strncmp(target, "socket:", 7) != 0)
            continue;
        if (domain_of(fd) == AF_VSOCK)
            return "vsock";
        socket_seen = true;
    }
    FILE *maps = fopen("/proc/self/maps", "re");
    bool polled = false, region = false;
    while (maps && fgets(line, sizeof line, maps)) {
        polled |= strstr(line, "/resource2") != NULL;
        region |= strstr(line, "memfd:") != NULL;
    }
    if (maps)
        fclose(maps);
    return polled ? "ivshmem-poll" : !socket_seen ? "unknown" : region ? "unix" : "stream";
}

struct outcome {
    char what; /* 'l' no library, 's' no symbol, 'd' SDF_OpenDevice failed, 'o' open */
    unsigned code;
    char text[400];
};

static void try_library(const char *library, struct outcome *out)
{
    void *handle = NULL, *so = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!so) {
        out->what = 'l';
        snprintf(out->text, sizeof out->text, "%s", dlerror());
        return;
    }
    int (*open_device)(void **) = (int (*)(void **))(uintptr_t)dlsym(so, "SDF_OpenDevice");
    int (*close_device)(void *) = (int (*)(void *))(uintptr_t)dlsym(so, "SDF_CloseDevice");
    if (!open_device || !close_device) {
        out->what = 's';
        return;
    }
    alarm(OPEN_SECONDS);
    out->code = (unsigned)open_device(&handle);
    out->what = out->code ? 'd' : 'o';
    if (!out->code) {
        snprintf(out->text, sizeof out->text, "%s", reach_used());
        close_device(handle);
    }
}

static void check_library(struct doctor *doctor)
{
    struct outcome out = {0};
    int pipes[2], status = 0;
    fflush(NULL);
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        try_library(doctor->library, &out);
        _exit(write(pipes[1], &out, sizeof out) == sizeof out ? 0 : 1);
    }
    close(pipes[1]);
    ssize_t n = pid > 0 ? read(pipes[0], &out, sizeof out) : -1;
    close(pipes[0]);
    if (pid > 0)
        waitpid(pid, &status, 0);
    if (n != (ssize_t)sizeof out && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        doctor_note(doctor, "card", FINDING_FAIL,
                    "on the host: does cardmuxd run (cardmux doctor)? if it was restarted: unplug the guest's ivshmem "
                    "device and plug it anew (cardmux qemu-args NAME --hotplug qmp)",
                    "SDF_OpenDevice had no answer within %u s", OPEN_SECONDS);
    else if (n != (ssize_t)sizeof out)
        doctor_note(doctor, "card", FINDING_FAIL, "is it the libsdf.so of cardmux?",
                    "%s ended the process that tried it (%s %d)", doctor->library,
                    WIFSIGNALED(status) ? "signal" : "status",
                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    else if (out.what == 'l')
        doctor_note(doctor, "library", FINDING_FAIL, "install libsdf.so and run ldconfig, or name it with --library",
                    "%s", out.text);
    else if (out.what == 's')
        doctor_note(doctor, "library", FINDING_FAIL, "another libsdf.so is found first: look at ldconfig -p",
                    "%s has no SDF_OpenDevice", doctor->library);
    else if (out.what == 'd')
        doctor_note(doctor, "card", FINDING_FAIL,
                    "see the findings above; CARDMUX_REACH=unix or =ivshmem tries one way alone",
                    "SDF_OpenDevice of %s: 0x%08x", doctor->library, out.code);
    else
        doctor_note(doctor, "card", FINDING_OK, NULL, "the virtual card opens, by %s", out.text);
}

void doctor_guest(struct doctor *doctor)
{
    struct reach_choice choice = {.n = 0};
    check_conf(doctor);
    check_choice(doctor, &choice);
    bool ivshmem = choice_has(&choice, &reach_ivshmem_module) || choice_has(&choice, &reach_ivshmem_vfio) ||
                   choice_has(&choice, &reach_ivshmem_poll);
    bool socket = check_socket(doctor), device = check_device(doctor, ivshmem),
         wanted = choice_has(&choice, &reach_vsock);
    bool vsock = doctor_vsock_guest(doctor, wanted && !socket && !device, wanted && choice.named);
    bool stream = check_stream(doctor, &choice);
    if (!socket && !device && !vsock && !stream)
        doctor_note(
            doctor, "reach", FINDING_FAIL,
            "VM: start it with what cardmux qemu-args prints; container: mount the tenant's unix.sock on " CONF_SOCKET
            " or name it in CARDMUX_SOCKET",
            "there is no way to a host from here: neither socket nor device, and nobody by vsock");
    check_library(doctor);
}
