/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox_landlock.c: files when chroot is not ours to use (not root). See landlock(7); glibc has no wrappers. */
#include "backend/main/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights of the first version of Landlock; REFER and TRUNCATE came later and are denied or, on old kernels, free. */
#define RIGHTS_V1 ((1ull << 13) - 1)
#define RIGHTS_DIR                                                                                                     \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE |                      \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)

int sandbox_landlock(const char *dir)
{
    struct landlock_ruleset_attr rules = {.handled_access_fs = RIGHTS_V1};
    long set = syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules.handled_access_fs), 0);
    if (set < 0) {
        return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -1;
    }
    struct landlock_path_beneath_attr below = {.allowed_access = RIGHTS_DIR,
                                               .parent_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    int result = -1;
    if (below.parent_fd >= 0 && syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &below, 0) == 0 &&
        syscall(SYS_landlock_restrict_self, set, 0) == 0) {
        result = 1;
    }
    int saved = errno;
    if (below.parent_fd >= 0) {
        close(below.parent_fd);
    }
    close((int)set);
    errno = saved;
    return result;
}
