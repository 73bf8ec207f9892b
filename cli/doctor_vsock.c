/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock for `cardmux doctor`. On a host: what the kernel has, and whose CIDs the running virtual machines have, against
 * those that tenants have; no socket is opened. On a tenant's side, where vsock is the way that the library would take:
 * the host is asked, and what it did is told apart, since "Connection reset by peer" says little to most people.
 */
#include "cli/doctor.h"
#include "frontend/reach/conf.h"
#include "frontend/reach/vsock/vsock.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CMDLINE    65536u
#define STRANGERS  8u /* virtual machines without a tenant that are named */
#define VIRTIO_DEV "/sys/bus/virtio/devices"

/* ---- host ---- */

static bool cid_known(const json_t *tenants, unsigned long cid)
{
    size_t i;
    json_t *tenant;
    json_array_foreach(tenants, i, tenant)
    {
        if (!json_is_true(json_object_get(tenant, "disabled")) &&
            (unsigned long)json_integer_value(json_object_get(tenant, "cid")) == cid)
            return true;
    }
    return false;
}

/* The guest-cid in a command line (words end with NUL); 0: none. */
static unsigned long cid_of(const char *line, size_t len)
{
    static const char word[] = "guest-cid=";
    for (size_t at = 0; at + sizeof word <= len; at++)
        if (!memcmp(line + at, word, sizeof word - 1))
            return strtoul(line + at + sizeof word - 1, NULL, 10);
    return 0;
}

static size_t read_cmdline(const char *pid, char line[CMDLINE])
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, line, CMDLINE - 1);
    if (fd >= 0)
        close(fd);
    line[got > 0 ? got : 0] = 0;
    return got > 0 ? (size_t)got : 0;
}

/* Virtual machines on the kernel's vsock here, whose CID no tenant has: the daemon refuses them. */
static void check_cids(struct doctor *doctor, const json_t *tenants)
{
    static char line[CMDLINE];
    unsigned strangers = 0, known = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        unsigned long cid =
            isdigit((unsigned char)*entry->d_name) ? cid_of(line, read_cmdline(entry->d_name, line)) : 0;
        if (!cid)
            continue;
        if (cid_known(tenants, cid))
            known++;
        else if (++strangers <= STRANGERS)
            doctor_note(doctor, "vsock-cid", FINDING_WARN,
                        "cardmux tenant set NAME --cid N, if it is to have a virtual card by the kernel's vsock",
                        "process %s is a virtual machine with CID %lu, which no tenant has: it is refused",
                        entry->d_name, cid);
    }
    if (proc)
        closedir(proc);
    if (strangers > STRANGERS)
        doctor_note(doctor, "vsock-cid", FINDING_WARN, NULL, "and %u more of them", strangers - STRANGERS);
    if (!strangers && known)
        doctor_note(doctor, "vsock-cid", FINDING_OK, NULL, "each of %u virtual machines with a CID has a tenant",
                    known);
}

void doctor_vsock_host(struct doctor *doctor, bool on, const json_t *tenants)
{
    unsigned with_cid = 0;
    size_t i;
    json_t *tenant;
    bool kernel = access("/dev/vsock", F_OK) == 0, carrier = access("/dev/vhost-vsock", F_OK) == 0;
    json_array_foreach(tenants, i, tenant)
    {
        with_cid += !json_is_true(json_object_get(tenant, "disabled")) &&
                    json_integer_value(json_object_get(tenant, "cid")) != 0;
    }
    if (on && !kernel)
        doctor_note(doctor, "vsock", FINDING_FAIL, "modprobe vhost_vsock, or [daemon] vsock = off",
                    "vsock = on, but this kernel has no vsock: there is no /dev/vsock");
    else if (on && !carrier)
        doctor_note(doctor, "vsock", FINDING_WARN, "modprobe vhost_vsock",
                    "vsock = on, but no guest can have a vhost-vsock device: there is no /dev/vhost-vsock");
    else if (on && !with_cid)
        doctor_note(doctor, "vsock", FINDING_WARN, "cardmux tenant set NAME --cid N, the guest-cid of its VM",
                    "vsock = on, and no tenant has a CID: every guest is refused");
    else if (!on && with_cid)
        doctor_note(doctor, "vsock", FINDING_WARN, "[daemon] vsock = on, and start the daemon anew",
                    "%u tenant(s) have a CID, but the daemon does not listen on vsock", with_cid);
    else
        doctor_note(doctor, "vsock", FINDING_OK, NULL, "%s; tenants with a CID: %u",
                    on ? "the daemon listens on vsock" : "the kernel's vsock is not used", with_cid);
    if (on)
        check_cids(doctor, tenants);
}

/* ---- guest ---- */

/* What an attempt's sentence means, and what to do; the last matches any. */
static const struct {
    const char *word, *means, *remedy;
} causes[] = {
    {"no tenant has CID", "the host's daemon does not know this guest",
     "on the host: cardmux tenant set NAME --cid N, with the number in the sentence"},
    {"not cardmuxd", "somebody else listens there",
     "CID 2 is this machine itself where there is no host behind its vsock: name another way in CARDMUX_REACH, or set "
     "CARDMUX_VSOCK=off"},
    {"reset by peer", "the host is there, and nobody listens at that port",
     "on the host: does cardmuxd run, with vsock = on? or give the VM what cardmux qemu-args NAME --via vsock prints"},
    {"No such device", "there is no device behind this kernel's vsock",
     "start the VM with what cardmux qemu-args NAME --via vsock prints, or with a vhost-vsock-pci device"},
    {"unreachable", "there is no device behind this kernel's vsock",
     "start the VM with what cardmux qemu-args NAME --via vsock prints, or with a vhost-vsock-pci device"},
    {"timed out", "the device does not answer", "on the host: does cardmuxd run? cardmux doctor --host says more"},
    {"no word", "the connection was taken, and then nothing came",
     "on the host: cardmuxd starts, or does not; cardmux doctor --host says more"},
    {"", "vsock does not work", "on the host: cardmux doctor --host"},
};

/* Asks the host, where the library would: true when a daemon answers there. */
static bool try_vsock(struct doctor *doctor, const char *place)
{
    struct reach *reach;
    char text[REACH_TEXT] = "";
    size_t i = 0;
    if (reach_vsock.open(*place ? place : NULL, REACH_OPEN_MS, &reach, text) == 0) {
        doctor_note(doctor, "vsock", FINDING_OK, NULL, "the host's daemon answers by vsock");
        reach->driver->close(reach);
        return true;
    }
    while (!strstr(text, causes[i].word))
        i++;
    doctor_note(doctor, "vsock", FINDING_WARN, causes[i].remedy, "%s (%s)", causes[i].means, text);
    return false;
}

/* A virtio socket device that no driver has taken. */
static bool driver_missing(void)
{
    bool missing = false;
    DIR *dir = opendir(VIRTIO_DEV);
    for (struct dirent *entry; dir && !missing && (entry = readdir(dir));) {
        char path[320], number[16] = "";
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, VIRTIO_DEV "/%s/device", entry->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        bool socket = fd >= 0 && read(fd, number, sizeof number - 1) > 0 && strtoul(number, NULL, 16) == 19;
        if (fd >= 0)
            close(fd);
        snprintf(path, sizeof path, VIRTIO_DEV "/%s/driver", entry->d_name);
        missing = socket && access(path, F_OK) != 0;
    }
    if (dir)
        closedir(dir);
    return missing;
}

bool doctor_vsock_guest(struct doctor *doctor, bool ask, bool named)
{
    char place[CONF_VALUE] = "", text[1024] = "";
    uint32_t cid;
    if (conf_vsock(place, text) != 0) {
        doctor_note(doctor, "vsock", FINDING_FAIL, "mend CARDMUX_VSOCK or " CONF_FILE, "%s", text);
        return false;
    }
    if (strcmp(place, "off") == 0) {
        doctor_note(doctor, "vsock", FINDING_OK, NULL, "vsock is switched off");
        return false;
    }
    enum vsock_kernel kernel = vsock_kernel(&cid);
    if (kernel != VSOCK_GUEST && driver_missing())
        doctor_note(doctor, "vsock-driver", FINDING_WARN, "modprobe vmw_vsock_virtio_transport",
                    "this machine has a vsock device, and no driver for it is loaded");
    if (named || *place || (ask && kernel == VSOCK_GUEST))
        return try_vsock(doctor, place);
    if (kernel == VSOCK_GUEST)
        doctor_note(doctor, "vsock", FINDING_OK, NULL, "this is guest %u on its host's vsock", cid);
    else if (kernel == VSOCK_NO_HOST)
        doctor_note(doctor, "vsock", FINDING_OK, NULL,
                    "this kernel has vsock, but no host behind it: CID 2 would be nobody, or this machine itself");
    else if (kernel == VSOCK_ABSENT)
        doctor_note(doctor, "vsock", FINDING_OK, NULL,
                    "no vsock device here: a VM gets one by cardmux qemu-args --via vsock on the host");
    else
        doctor_note(doctor, "vsock", FINDING_OK, NULL, "/dev/vsock cannot be asked: %s", strerror(errno));
    return kernel == VSOCK_GUEST;
}
