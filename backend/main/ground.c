/* SPDX-License-Identifier: Apache-2.0 */
/* ground.c: see ground.h. */
#include "backend/main/ground.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "backend/transport/say.h"

#define FDS_WANTED     65536u
#define MEMLOCK_WANTED (64u << 20)
#define LOCK_LOOKS     100u
#define LOCK_LOOK_MS   20

static int fail(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(char *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(text, GROUND_TEXT, format, args);
    va_end(args);
    return -1;
}

/* ---- limits ---- */

static rlim_t limit_raise(__rlimit_resource_t what, rlim_t wanted)
{
    struct rlimit limit;
    if (getrlimit(what, &limit)) {
        return 0;
    }
    struct rlimit more = limit;
    more.rlim_max = limit.rlim_max > wanted ? limit.rlim_max : wanted;
    more.rlim_cur = more.rlim_max;
    if (setrlimit(what, &more)) { /* not root: as far as it may go */
        more = limit;
        more.rlim_cur = limit.rlim_max;
        setrlimit(what, &more);
    }
    return getrlimit(what, &limit) ? 0 : limit.rlim_cur;
}

void ground_limits(struct ground *ground)
{
    struct rlimit none = {0, 0};
    for (int fd; (fd = open("/dev/null", O_RDWR)) >= 0;) {
        if (fd > STDERR_FILENO) {
            close(fd);
            break;
        }
    }
    umask(077);
    rlim_t fds = limit_raise(RLIMIT_NOFILE, FDS_WANTED);
    ground->fd_limit = fds > 1u << 20 ? 1u << 20 : (unsigned)fds;
    limit_raise(RLIMIT_MEMLOCK, MEMLOCK_WANTED);
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    ground->root = geteuid() == 0;
}

/* ---- user ---- */

/* A group that was written must exist; one that is only the default is missed aloud. */
static int group_find(const char *name, bool written, const char *key, const char *whose, gid_t *gid, char *text)
{
    const struct group *group = getgrnam(name);
    *gid = group ? group->gr_gid : (gid_t)-1;
    if (!group && written) {
        return fail(text, "group %s does not exist; make it (groupadd --system %s) or change [daemon] %s", name, name,
                    key);
    }
    if (!group) {
        say("group %s does not exist: nobody but root is %s (groupadd --system %s)", name, whose, name);
    }
    return 0;
}

static int groups_find(struct ground *ground, const struct config *config, char *text)
{
    const struct daemon_config *daemon = &config->daemon;
    gid_t gid;
    return group_find(daemon->group, config->group_written, "group", "an operator", &ground->admin_gid, text) ||
                   group_find(daemon->security_group, config->security_group_written, "security-group",
                              "a security officer", &gid, text) ||
                   group_find(daemon->audit_group, config->audit_group_written, "audit-group", "an auditor", &gid, text)
               ? -1
               : 0;
}

int ground_user(struct ground *ground, const struct config *config, char *text)
{
    const char *name = config->daemon.user;
    ground->uid = 0;
    ground->gid = 0;
    ground->admin_gid = (gid_t)-1;
    if (!ground->root) {
        say("not root: broker and admin run as the user who started this (%u), without chroot", (unsigned)geteuid());
        return 0;
    }
    const struct passwd *user = getpwnam(name);
    if (!user && config->user_written) {
        return fail(text, "user %s does not exist; make it (useradd --system --user-group %s) or change [daemon] user",
                    name, name);
    }
    if (!user) {
        user = getpwnam("nobody");
        if (!user) {
            return fail(text, "user %s does not exist; make it: useradd --system --user-group %s", name, name);
        }
        say("user %s does not exist: broker and admin run as nobody (useradd --system --user-group %s)", name, name);
    }
    if (user->pw_uid == 0) {
        return fail(text, "[daemon] user = %s is root; name a user without rights", name);
    }
    ground->uid = user->pw_uid;
    ground->gid = user->pw_gid;
    return groups_find(ground, config, text);
}

/* ---- directories ---- */

/* mkdir -p; the last one with mode. */
static int directory_make(const char *path, mode_t mode)
{
    char copy[4096];
    if (strlen(path) >= sizeof(copy)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(copy, path, strlen(path) + 1);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mode_t old = umask(022);
        int result = mkdir(copy, 0755);
        umask(old);
        if (result && errno != EEXIST) {
            return -1;
        }
        *slash = '/';
    }
    if (mkdir(copy, mode) && errno != EEXIST) {
        return -1;
    }
    return 0;
}

/* One that was killed a moment ago has the lock until the kernel has taken its memory apart. */
static int lock_take(int fd)
{
    for (unsigned looks = 0; flock(fd, LOCK_EX | LOCK_NB); looks++) {
        if (errno != EWOULDBLOCK || looks >= LOCK_LOOKS) {
            return -1;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOCK_LOOK_MS * 1000000l}, NULL);
    }
    return 0;
}

static int run_make(struct ground *ground, const char *path, char *text)
{
    if (directory_make(path, 0755)) {
        return fail(text, "run directory %.200s: %s; make it, or change [daemon] run", path, strerror(errno));
    }
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat is;
    if (dir < 0 || fstat(dir, &is)) {
        int saved = errno;
        if (dir >= 0) {
            close(dir);
        }
        return fail(text, "run directory %.200s: %s", path, strerror(saved));
    }
    int result = 0;
    if (is.st_uid != geteuid()) {
        result = fail(text, "run directory %.200s belongs to another user (%u); change its owner, or [daemon] run",
                      path, (unsigned)is.st_uid);
    } else if (fchmod(dir, 0755)) {
        result = fail(text, "run directory %.200s: %s", path, strerror(errno));
    } else if ((ground->lock = openat(dir, "cardmuxd.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0) {
        result = fail(text, "%.200s/cardmuxd.lock: %s", path, strerror(errno));
    } else if (lock_take(ground->lock)) {
        result = fail(text,
                      "another cardmuxd runs with run directory %.200s; end it first, or give this one directories "
                      "of its own ([daemon] run and state)",
                      path);
    }
    close(dir);
    return result;
}

/* Of the next master key, while it is being changed. */
static bool stat_next(const char *master, struct stat *is)
{
    char path[4096];
    return snprintf(path, sizeof(path), "%s.next", master) < (int)sizeof(path) && stat(path, is) == 0;
}

/*
 * The broker makes files in state_dir, so it belongs to the broker's user. Files that root made there (`cardmux init`)
 * are given to it too, but not the master key (nor the next one), and nothing that has a second name: a broker gone bad
 * could have put that name there.
 */
static int state_give(struct ground *ground, int dir, const char *path, const char *master, char *text)
{
    struct stat key, next, is;
    bool has_key = stat(master, &key) == 0, has_next = stat_next(master, &next);
    if (fchown(dir, ground->uid, ground->gid)) {
        return fail(text, "state directory %.200s: %s", path, strerror(errno));
    }
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list) {
        return fail(text, "state directory %.200s: %s", path, strerror(errno));
    }
    for (struct dirent *entry; (entry = readdir(list));) {
        int fd =
            entry->d_type == DT_REG ? openat(dir, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
        if (fd < 0) {
            continue;
        }
        if (fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && is.st_uid == 0 && is.st_nlink == 1 &&
            !(has_key && is.st_dev == key.st_dev && is.st_ino == key.st_ino) &&
            !(has_next && is.st_dev == next.st_dev && is.st_ino == next.st_ino) &&
            fchown(fd, ground->uid, ground->gid)) {
            say("%s/%s: %s", path, entry->d_name, strerror(errno));
        }
        close(fd);
    }
    closedir(list);
    return 0;
}

static int state_make(struct ground *ground, const struct daemon_config *daemon, char *text)
{
    const char *path = daemon->state_dir;
    if (directory_make(path, 0700)) {
        return fail(text, "state directory %.200s: %s; make it, or change [daemon] state", path, strerror(errno));
    }
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat is;
    if (dir < 0 || fstat(dir, &is)) {
        int saved = errno;
        if (dir >= 0) {
            close(dir);
        }
        return fail(text, "state directory %.200s: %s", path, strerror(saved));
    }
    int result = 0;
    if (is.st_uid != geteuid() && is.st_uid != ground->uid) {
        result = fail(text,
                      "state directory %.200s belongs to user %u; give it to the daemon's user, or change "
                      "[daemon] state",
                      path, (unsigned)is.st_uid);
    } else if (fchmod(dir, 0700)) {
        result = fail(text, "state directory %.200s: %s", path, strerror(errno));
    } else if (ground->root) {
        result = state_give(ground, dir, path, daemon->master_key, text);
    }
    close(dir);
    return result;
}

int ground_directories(struct ground *ground, const struct daemon_config *daemon, char *text)
{
    return run_make(ground, daemon->run_dir, text) || state_make(ground, daemon, text) ? -1 : 0;
}

/* ---- admin.sock ---- */

static int admin_address(const struct daemon_config *daemon, struct sockaddr_un *address)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    int len = snprintf(address->sun_path, sizeof(address->sun_path), "%s/admin.sock", daemon->run_dir);
    return len < 0 || (size_t)len >= sizeof(address->sun_path) ? -1 : 0;
}

/* Open to all users: three groups may use it, and a file has one. The admin process asks the kernel who each peer is.
 */
int ground_admin_socket(struct ground *ground, const struct daemon_config *daemon, char *text)
{
    struct sockaddr_un address;
    if (admin_address(daemon, &address)) {
        return fail(text, "run directory %.200s: too long for a socket's path; choose a shorter one", daemon->run_dir);
    }
    unlink(address.sun_path); /* of a dead daemon: we hold the lock */
    ground->admin_listen = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (ground->admin_listen < 0 || bind(ground->admin_listen, (struct sockaddr *)&address, sizeof(address)) ||
        (ground->root && lchown(address.sun_path, 0, ground->admin_gid)) || chmod(address.sun_path, 0666) ||
        listen(ground->admin_listen, 64)) {
        return fail(text, "%s: %s", address.sun_path, strerror(errno));
    }
    return 0;
}

void ground_end(struct ground *ground, const struct daemon_config *daemon)
{
    struct sockaddr_un address;
    ground_master_end(ground);
    if (ground->admin_listen >= 0 && admin_address(daemon, &address) == 0) {
        unlink(address.sun_path);
        close(ground->admin_listen);
    }
}
