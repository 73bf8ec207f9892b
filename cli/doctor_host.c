/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of `cardmux doctor`; see doctor.c. */
#include "cli/api.h"
#include "cli/doctor.h"
#include "backend/main/config.h"
#include "backend/main/role.h"
#include "backend/vault/master_card.h"
#include "proto/layout.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOFILE_LEAST  4096ul      /* a few hundred tenants */
#define MEMLOCK_LEAST (1ul << 20) /* key material; regions are not locked */

/* A role whose group is missing is root's alone; where root has not got it either, nobody can do its acts. */
static void check_groups(struct doctor *doctor, const struct config *config)
{
    const struct daemon_config *daemon = &config->daemon;
    const struct {
        const char *name;
        bool written;
    } groups[ROLES] = {{daemon->group, config->group_written},
                       {daemon->security_group, config->security_group_written},
                       {daemon->audit_group, config->audit_group_written}};
    for (unsigned i = 0; i < ROLES; i++) {
        const struct group *group = getgrnam(groups[i].name);
        bool root = daemon->root_roles & 1u << i;
        char remedy[120];
        snprintf(remedy, sizeof remedy, "addgroup --system %.80s", groups[i].name);
        if (group && (root || group->gr_mem[0]))
            doctor_note(doctor, "group", FINDING_OK, NULL, "group %s exists: its members have the role %s",
                        groups[i].name, role_name(i));
        else if (group) /* as a primary group it may have some all the same */
            doctor_note(doctor, "group", FINDING_WARN,
                        "adduser NAME GROUP, or give root the role in [daemon] root-roles",
                        "group %s lists no member and root has not got the role %s", groups[i].name, role_name(i));
        else
            doctor_note(doctor, "group", groups[i].written || !root ? FINDING_FAIL : FINDING_WARN, remedy,
                        "group %s does not exist: %s has the role %s", groups[i].name, root ? "only root" : "nobody",
                        role_name(i));
    }
}

static void check_user(struct doctor *doctor, const struct config *config)
{
    const char *user = config->daemon.user;
    if (getpwnam(user))
        doctor_note(doctor, "user", FINDING_OK, NULL, "the daemon's user %s exists", user);
    else
        doctor_note(doctor, "user", config->user_written ? FINDING_FAIL : FINDING_WARN,
                    "cardmux init --create-user, or: useradd --system --user-group cardmux",
                    "the daemon's user %s does not exist%s", user,
                    config->user_written ? "" : "; started as root it uses nobody");
    check_groups(doctor, config);
}

static void check_state(struct doctor *doctor, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0 && errno == EACCES)
        doctor_note(doctor, "state", FINDING_WARN, "run this as root to look further", "%s: %s", path, strerror(errno));
    else if (stat(path, &st) < 0)
        doctor_note(doctor, "state", FINDING_FAIL, "cardmux init", "state directory %s: %s", path, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        doctor_note(doctor, "state", FINDING_FAIL, "name a directory in [daemon] state", "%s is not a directory", path);
    else if (st.st_mode & 077)
        doctor_note(doctor, "state", st.st_mode & 022 ? FINDING_FAIL : FINDING_WARN, "chmod 700 it",
                    "state directory %s is open to others (mode %04o)", path, (unsigned)(st.st_mode & 07777));
    else
        doctor_note(doctor, "state", FINDING_OK, NULL, "state directory %s is there, closed to others", path);
}

/* What its file says of itself, and whether the configuration has what the next start needs for it. */
static void check_master_form(struct doctor *doctor, const struct daemon_config *daemon)
{
    const char *path = daemon->master_key, *library = daemon->master_card;
    struct master_head head = {0};
    char error[VAULT_ERROR_TEXT] = "";
    enum vault_result result = master_key_head(path, &head, error);
    unsigned index = head.card.index;
    struct stat st;
    const char *kind = head.card.kind == CARD_SEAL_KEK ? "KEK" : "key pair";
    if (result == VAULT_IO || (result != VAULT_OK && geteuid() != 0))
        doctor_note(doctor, "master-key", FINDING_WARN, "run this as the user who starts the daemon", "%s", error);
    else if (result != VAULT_OK)
        doctor_note(doctor, "master-key", FINDING_FAIL, "put it back from your backup", "%s", error);
    else if (head.form != MASTER_CARD)
        doctor_note(doctor, "master-key", FINDING_OK, NULL, "%s is there, closed to others; its form is: %s", path,
                    master_form_name(head.form));
    else if (!library)
        doctor_note(doctor, "master-key", FINDING_FAIL,
                    "set [daemon] master-key-card to the SDF library of the card's vendor",
                    "%s is sealed by a card (%s %u), and none is named", path, kind, index);
    else if (stat(library, &st) == 0 && st.st_mode & 022)
        doctor_note(doctor, "master-key", FINDING_FAIL, "chmod go-w it: the daemon's user runs what stands in it",
                    "the card's library %s can be written by others", library);
    else if (access(library, R_OK) != 0)
        doctor_note(doctor, "master-key", FINDING_FAIL,
                    "install the vendor's package, or mend [daemon] master-key-card",
                    "%s is sealed by a card (%s %u), and its library %s cannot be read: %s", path, kind, index, library,
                    strerror(errno));
    else if (daemon->master_code_file && access(daemon->master_code_file, R_OK) != 0)
        doctor_note(doctor, "master-key", FINDING_FAIL, "mend [daemon] master-key-code-file",
                    "the access code of the card's index cannot be read from %s: %s", daemon->master_code_file,
                    strerror(errno));
    else
        doctor_note(doctor, "master-key", FINDING_OK, NULL,
                    "%s is there, closed to others; its form is: card (%s %u, by %s); the card itself was not asked",
                    path, kind, index, library);
}

static void check_master_key(struct doctor *doctor, const struct daemon_config *daemon)
{
    const char *path = daemon->master_key;
    struct stat st;
    if (lstat(path, &st) < 0 && errno == EACCES)
        doctor_note(doctor, "master-key", FINDING_WARN, "run this as root to look further", "%s: %s", path,
                    strerror(errno));
    else if (lstat(path, &st) < 0)
        doctor_note(doctor, "master-key", FINDING_FAIL,
                    "cardmux init makes one for a new vault; an existing vault needs its own back from your backup",
                    "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
        doctor_note(doctor, "master-key", FINDING_FAIL, "put the key itself there, as a plain file with one name",
                    "%s is not a plain file with one name", path);
    else if ((st.st_mode & 07777) != 0600)
        doctor_note(doctor, "master-key", FINDING_FAIL, "chmod 600 it; if others could read it, make a new vault",
                    "%s has mode %04o", path, (unsigned)(st.st_mode & 07777));
    else if (st.st_uid != 0 && st.st_uid != geteuid())
        doctor_note(doctor, "master-key", FINDING_FAIL, "chown it to root, or to who starts the daemon",
                    "%s belongs to user %u", path, (unsigned)st.st_uid);
    else
        check_master_form(doctor, daemon);
}

/* A limit out of /proc/PID/limits: "Max open files  1024  4096  files". */
static bool read_limit(long long pid, const char *name, unsigned long *value)
{
    char path[64], line[256], word[32] = "";
    bool found = false;
    snprintf(path, sizeof path, pid ? "/proc/%lld/limits" : "/proc/self/limits", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (!found && fgets(line, sizeof line, file))
        found = strncmp(line, name, strlen(name)) == 0 && sscanf(line + strlen(name), " %31s", word) == 1;
    fclose(file);
    *value = strcmp(word, "unlimited") == 0 ? ~0ul : strtoul(word, NULL, 10);
    return found;
}

static void check_limits(struct doctor *doctor, long long broker)
{
    static const struct {
        const char *check, *name, *remedy;
        unsigned long least;
    } limits[] = {
        {"nofile", "Max open files", "raise LimitNOFILE of cardmuxd.service, or ulimit -n", NOFILE_LEAST},
        {"memlock", "Max locked memory", "raise LimitMEMLOCK of cardmuxd.service, or ulimit -l", MEMLOCK_LEAST},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        unsigned long value;
        const char *whose = broker ? "the broker" : "this shell";
        if (!read_limit(broker, limits[i].name, &value))
            doctor_note(doctor, limits[i].check, FINDING_WARN, "run this as root to look further",
                        "the limits of %s cannot be read", whose);
        else if (value < limits[i].least)
            doctor_note(doctor, limits[i].check, FINDING_WARN, limits[i].remedy, "%s of %s: %lu, at least %lu is good",
                        limits[i].name, whose, value, limits[i].least);
        else
            doctor_note(doctor, limits[i].check, FINDING_OK, NULL, "%s of %s: enough", limits[i].name, whose);
    }
}

/* Connections of the UNIX socket at path, and whether somebody listens there, as this network namespace's table says.
 */
static bool socket_listened(const char *path, unsigned *connected)
{
    char line[4096 + 128];
    bool listened = false;
    FILE *file = fopen("/proc/net/unix", "re");
    *connected = 0;
    while (file && fgets(line, sizeof line, file)) {
        unsigned flags, state;
        int at = 0;
        line[strcspn(line, "\n")] = 0;
        if (sscanf(line, "%*s %*s %*s %x %*s %x %*s %n", &flags, &state, &at) != 2 || !at || strcmp(line + at, path))
            continue;
        listened |= (flags & 0x10000) != 0; /* it accepts */
        *connected += state == 3;
    }
    if (file)
        fclose(file);
    return listened;
}

static void check_door(struct doctor *doctor, const char *run_dir, const char *name, const char *door)
{
    char path[4096];
    struct stat st;
    unsigned connected;
    snprintf(path, sizeof path, "%s/tenant/%s/%s", run_dir, name, door);
    bool there = stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
    if (!there)
        doctor_note(doctor, "door", FINDING_FAIL,
                    "look at the daemon's log; does [daemon] run name the same directory as the daemon's?", "%s: %s",
                    path, strerror(errno));
    else if (!socket_listened(path, &connected))
        doctor_note(doctor, "door", FINDING_WARN,
                    "a daemon that ended left it, or it runs in another network namespace: start the daemon",
                    "%s is there, and nobody listens to it", path);
    else if (strcmp(door, "ivshmem.sock") == 0 || strcmp(door, "vsock.sock") == 0)
        doctor_note(doctor, "door", FINDING_OK, NULL, "%s is there; %s", path,
                    connected ? "a virtual machine is connected" : "no virtual machine is connected");
    else
        doctor_note(doctor, "door", FINDING_OK, NULL, "%s is there; connections: %u", path, connected);
}

static void check_doors(struct doctor *doctor, const char *run_dir, bool vsock)
{
    json_t *reply, *tenant;
    char text[API_TEXT];
    size_t i;
    if (!api_try(doctor->cli, "GET", "/v1/tenants", NULL, &reply, text)) {
        doctor_note(doctor, "tenants", FINDING_FAIL, "look at the daemon's log", "%s", text);
        return;
    }
    json_t *tenants = json_object_get(reply, "tenants");
    if (json_array_size(tenants) == 0)
        doctor_note(doctor, "tenants", FINDING_WARN, "cardmux tenant add NAME", "there are no tenants yet");
    json_array_foreach(tenants, i, tenant)
    {
        const char *name = json_string_value(json_object_get(tenant, "name"));
        if (!name || json_is_true(json_object_get(tenant, "disabled")))
            continue;
        check_door(doctor, run_dir, name, "unix.sock");
        check_door(doctor, run_dir, name, "ivshmem.sock");
        check_door(doctor, run_dir, name, "vsock.sock");
        check_door(doctor, run_dir, name, "stream.sock_" CM_VSOCK_PORT_TEXT);
    }
    doctor_vsock_host(doctor, vsock, tenants);
    json_decref(reply);
}

static void check_audit(struct doctor *doctor)
{
    json_t *reply;
    char text[API_TEXT];
    if (!api_try(doctor->cli, "GET", "/v1/audit", NULL, &reply, text)) {
        doctor_note(doctor, "audit", FINDING_FAIL, "look at the daemon's log", "%s", text);
        return;
    }
    json_int_t missed = json_integer_value(json_object_get(reply, "missed"));
    if (json_is_true(json_object_get(reply, "failing")))
        doctor_note(doctor, "audit", FINDING_FAIL,
                    "make room on the disk of the state directory, then try the act again",
                    "the audit log could not be written: acts of management are refused (%lld entries wait)",
                    (long long)missed);
    else if (missed)
        doctor_note(doctor, "audit", FINDING_WARN, "make room on the disk of the state directory",
                    "%lld entries of the audit log could not be written yet", (long long)missed);
    else
        doctor_note(doctor, "audit", FINDING_OK, NULL, "the audit log is written; cardmux audit verify looks at it");
    json_decref(reply);
}

/* The broker's pid, 0 where the daemon cannot be asked. */
static long long check_daemon(struct doctor *doctor, const struct daemon_config *config)
{
    json_t *reply;
    char text[API_TEXT];
    if (!api_try(doctor->cli, "GET", "/v1/status", NULL, &reply, text)) {
        doctor_note(doctor, "daemon", FINDING_FAIL,
                    "the sentence says it; then look at the daemon's log: journalctl -u cardmuxd", "%s", text);
        return 0;
    }
    long long pid = json_integer_value(json_object_get(reply, "broker_pid"));
    doctor_note(doctor, "daemon", FINDING_OK, NULL, "the broker answers (pid %lld)", pid);
    json_t *card = json_object_get(reply, "card");
    const char *name = json_string_value(json_object_get(card, "name"));
    const char *state = json_string_value(json_object_get(card, "state"));
    if (state && strcmp(state, "ok") == 0)
        doctor_note(doctor, "card", FINDING_OK, NULL, "card %s gave all known answers", name ? name : "?");
    else
        doctor_note(doctor, "card", FINDING_FAIL,
                    "look into the daemon's log or cardmux audit show --event card-failed for the reason; mend it; "
                    "then cardmux "
                    "card test: only a good one lets it serve again",
                    "card %s is %s and serves nothing", name ? name : "?", state ? state : "in no known state");
    json_decref(reply);
    check_audit(doctor);
    check_doors(doctor, config->run_dir, config->vsock);
    return pid;
}

/* /dev/kvm alone proves nothing: nested machines show one that cannot run a Linux guest. */
static void check_kvm(struct doctor *doctor)
{
    const char *slow = "without it VMs run, slowly, under TCG (-accel tcg)";
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    bool module = access("/sys/module/kvm_intel", F_OK) == 0 || access("/sys/module/kvm_amd", F_OK) == 0;
    if (fd < 0)
        doctor_note(doctor, "kvm", FINDING_WARN, slow, "/dev/kvm: %s", strerror(errno));
    else if (ioctl(fd, KVM_GET_API_VERSION, 0) != 12)
        doctor_note(doctor, "kvm", FINDING_WARN, slow, "/dev/kvm does not speak the stable KVM interface");
#if defined(__x86_64__)
    else if (!module)
        doctor_note(doctor, "kvm", FINDING_WARN, slow,
                    "/dev/kvm is there, but neither kvm_intel nor kvm_amd: such a machine seldom runs Linux guests");
#endif
    else
        doctor_note(doctor, "kvm", FINDING_OK, NULL, "KVM is there");
    (void)module;
    if (fd >= 0)
        close(fd);
}

static void check_kernel(struct doctor *doctor)
{
    int memory = memfd_create("cardmux-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    uint32_t action = SECCOMP_RET_ERRNO;
    bool sealed = memory >= 0 && fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
    bool filter = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
    if (sealed && event >= 0 && filter)
        doctor_note(doctor, "kernel", FINDING_OK, NULL, "sealed memory, eventfd and seccomp are there");
    else
        doctor_note(doctor, "kernel", FINDING_FAIL, "a Linux kernel of 5.10 or later with CONFIG_SECCOMP_FILTER",
                    "missing:%s%s%s", sealed ? "" : " sealed memfd", event >= 0 ? "" : " eventfd",
                    filter ? "" : " seccomp filters");
    if (memory >= 0)
        close(memory);
    if (event >= 0)
        close(event);
}

static void check_qemu(struct doctor *doctor)
{
    const char *path = getenv("PATH");
    char full[4096];
    while (path && *path) {
        size_t len = strcspn(path, ":");
        snprintf(full, sizeof full, "%.*s/qemu-system-x86_64", (int)len, path);
        if (access(full, X_OK) == 0) {
            doctor_note(doctor, "qemu", FINDING_OK, NULL, "%s", full);
            return;
        }
        path += len + (path[len] == ':');
    }
    doctor_note(doctor, "qemu", FINDING_WARN, "apt-get install qemu-system-x86, if VMs are to run here",
                "no qemu-system-x86_64 in PATH");
}

/* The daemon of this configuration, where nobody named a socket. */
static long long check_its_daemon(struct doctor *doctor, const struct daemon_config *config)
{
    char path[4096];
    const struct cli *named = doctor->cli;
    struct cli its = *named;
    snprintf(path, sizeof path, "%s/admin.sock", config->run_dir);
    if (!named->socket_named)
        its.socket = path;
    doctor->cli = &its;
    long long pid = check_daemon(doctor, config);
    doctor->cli = named;
    return pid;
}

void doctor_host(struct doctor *doctor)
{
    struct config config;
    char text[CONFIG_TEXT];
    if (config_load(&config, doctor->config_file, text) < 0)
        doctor_note(doctor, "config", FINDING_FAIL, "mend the file as the sentence says", "%s", text);
    else {
        doctor_note(doctor, "config", FINDING_OK, NULL, "the configuration is valid");
        check_user(doctor, &config);
        check_state(doctor, config.daemon.state_dir);
        check_master_key(doctor, &config.daemon);
        check_limits(doctor, check_its_daemon(doctor, &config.daemon));
    }
    config_free(&config);
    check_kernel(doctor);
    check_kvm(doctor);
    check_qemu(doctor);
}
