/* SPDX-License-Identifier: Apache-2.0 */
/*
 * door_files.c: a door's directory and sockets.
 *
 * run_dir/tenant/NAME belongs to root and the tenant's group, mode 0751; the sockets in it belong to the tenant's owner
 * and group, mode 0660. So the owner reaches the sockets, and nobody but the keeper makes, renames or removes a name
 * there: no link can be put in the keeper's way, and a container with the directory mounted cannot fill the host's
 * /run. A socket gets its owner and mode between bind and listen, when nobody can connect yet. All is done relative to
 * an open directory and without following links. When the keeper is not root, everything is its own.
 */
#include "backend/transport/doors_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TEXT    190
#define BACKLOG 128

/* vsock.sock: QEMU's vhost-user connection. stream.sock: what a VMM calls the path of its vsock device, to which it adds _PORT for each port that a guest asks
   for (Firecracker, Cloud Hypervisor). */
const struct door_socket_kind door_sockets[DOOR_SOCKETS] = {
    [DOOR_UNIX] = {"unix.sock", TRANSPORT_UNIX},
    [DOOR_IVSHMEM] = {"ivshmem.sock", TRANSPORT_IVSHMEM},
    [DOOR_VHOST] = {"vsock.sock", TRANSPORT_VHOST},
    [DOOR_STREAM] = {"stream.sock_" CM_VSOCK_PORT_TEXT, TRANSPORT_STREAM},
};

/* Opens directory `name` below `parent`, made if it is not there, and ours. -1 with errno. */
static int directory_open(int parent, const char *name, mode_t mode)
{
    if (mkdirat(parent, name, mode) && errno != EEXIST) {
        return -1;
    }
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat is;
    if (fd < 0) {
        return -1;
    }
    errno = EPERM; /* where it is somebody else's */
    if (fstat(fd, &is) || is.st_uid != geteuid() || fchmod(fd, mode)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

int door_files_root(struct doors *doors, char *text)
{
    int run = open(doors->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run < 0) {
        snprintf(text, TEXT, "%.120s: %s", doors->run_dir, strerror(errno));
        return -1;
    }
    doors->tenant_dir = directory_open(run, "tenant", 0755);
    int saved = errno;
    close(run);
    if (doors->tenant_dir < 0) {
        snprintf(text, TEXT, "%.120s/tenant: %s", doors->run_dir, strerror(saved));
        return -1;
    }
    door_files_sweep(doors, false);
    return 0;
}

static int socket_bind(struct door *door, int fd, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len =
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/tenant/%s/%s", door->doors->run_dir, door->name, name);
    if (len < 0 || (size_t)len >= sizeof(address.sun_path)) {
        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", door->directory, name);
    }
    return bind(fd, (const struct sockaddr *)&address, sizeof(address));
}

static int socket_make(struct door *door, unsigned which)
{
    const char *name = door_sockets[which].name;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    unlinkat(door->directory, name, 0);
    if (socket_bind(door, fd, name) ||
        (door->doors->root && fchownat(door->directory, name, door->uid, door->gid, AT_SYMLINK_NOFOLLOW)) ||
        fchmodat(door->directory, name, 0660, 0) || listen(fd, BACKLOG)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

int door_files_make(struct door *door, char *text)
{
    struct doors *doors = door->doors;
    door->directory = directory_open(doors->tenant_dir, door->name, 0751);
    if (door->directory < 0 || (doors->root && fchown(door->directory, 0, door->gid))) {
        int saved = errno;
        snprintf(text, TEXT, "directory of %s: %s", door->name, strerror(saved));
        return saved;
    }
    for (unsigned i = 0; i < DOOR_SOCKETS; i++) {
        int fd = socket_make(door, i);
        if (fd < 0) {
            int saved = errno;
            snprintf(text, TEXT, "%s of %s: %s", door_sockets[i].name, door->name, strerror(saved));
            return saved;
        }
        door->listeners[i].watch.fd = fd;
    }
    return 0;
}

int door_files_owner(struct door *door, char *text)
{
    if (!door->doors->root) {
        return 0;
    }
    int result = fchown(door->directory, 0, door->gid) ? errno : 0;
    for (unsigned i = 0; i < DOOR_SOCKETS; i++) {
        if (fchownat(door->directory, door_sockets[i].name, door->uid, door->gid, AT_SYMLINK_NOFOLLOW)) {
            result = errno;
        }
    }
    if (result) {
        snprintf(text, TEXT, "owner of %s's sockets: %s", door->name, strerror(result));
    }
    return result;
}

static void sockets_unlink(int directory)
{
    for (unsigned i = 0; i < DOOR_SOCKETS; i++) {
        unlinkat(directory, door_sockets[i].name, 0);
    }
}

void door_files_remove(struct door *door, bool directory_too)
{
    if (door->directory < 0) {
        return;
    }
    sockets_unlink(door->directory);
    close(door->directory);
    door->directory = -1;
    if (directory_too) {
        unlinkat(door->doors->tenant_dir, door->name, AT_REMOVEDIR);
    }
}

void door_files_sweep(struct doors *doors, bool directories_too)
{
    int copy = openat(doors->tenant_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        if (copy >= 0) {
            close(copy);
        }
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!door_name_ok(entry->d_name, sizeof(entry->d_name)) || doors_find_name(doors, entry->d_name)) {
            continue;
        }
        int fd = openat(doors->tenant_dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        sockets_unlink(fd);
        close(fd);
        if (directories_too) {
            unlinkat(doors->tenant_dir, entry->d_name, AT_REMOVEDIR);
        }
    }
    closedir(dir);
}
