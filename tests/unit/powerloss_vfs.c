/* SPDX-License-Identifier: Apache-2.0 */
/* powerloss_vfs.c: see powerloss_vfs.h */
#include "powerloss_vfs.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR     512u
#define FILES_MOST 64u

struct change {
    struct change *next;
    bool truncate;
    size_t at, len;
    unsigned char bytes[];
};

struct content {
    unsigned char *bytes;
    size_t len;
};

struct inode {
    struct content now, safe;
    struct change *first, **last; /* since the last flush */
};

struct entry {
    char name[256];
    struct inode *inode;
};

struct directory {
    struct entry entries[FILES_MOST];
    size_t count;
};

struct handle {
    sqlite3_file file; /* first */
    struct inode *inode;
    bool flush_directory;
};

static struct {
    struct directory now, safe;
    struct inode *inodes[4096]; /* all there ever were, freed by disk_erase */
    size_t inode_count;
    enum disk_accident accident;
    unsigned at, operations;
    bool happened, off;
} disk;

static sqlite3_vfs *real;

static void content_resize(struct content *content, size_t len)
{
    if (len > content->len) {
        content->bytes = realloc(content->bytes, len);
        memset(content->bytes + content->len, 0, len - content->len);
    }
    content->len = len;
}

static void content_write(struct content *content, size_t at, const unsigned char *bytes, size_t len)
{
    if (at + len > content->len)
        content_resize(content, at + len);
    memcpy(content->bytes + at, bytes, len);
}

static void content_copy(struct content *to, const struct content *from)
{
    to->bytes = realloc(to->bytes, from->len + 1);
    if (from->len)
        memcpy(to->bytes, from->bytes, from->len);
    to->len = from->len;
}

static void changes_drop(struct inode *inode)
{
    while (inode->first) {
        struct change *change = inode->first;

        inode->first = change->next;
        free(change);
    }
    inode->last = &inode->first;
}

/* Counts an operation; SQLITE_OK, or the code with which it does not happen. */
static int disk_step(bool write, int code)
{
    unsigned number = disk.operations++;

    if (disk.off)
        return code;
    if (disk.accident == DISK_NONE || number < disk.at)
        return SQLITE_OK;
    switch (disk.accident) {
    case DISK_POWER:
        disk.happened = disk.off = true;
        return code;
    case DISK_FULL:
        if (!write)
            return SQLITE_OK;
        disk.happened = true;
        return SQLITE_FULL;
    case DISK_ERROR:
        if (number != disk.at)
            return SQLITE_OK;
        disk.happened = true;
        return code;
    default:
        return SQLITE_OK;
    }
}

static struct entry *entry_find(struct directory *directory, const char *name)
{
    for (size_t i = 0; i < directory->count; i++)
        if (strcmp(directory->entries[i].name, name) == 0)
            return &directory->entries[i];
    return NULL;
}

static void entry_add(struct directory *directory, const char *name, struct inode *inode)
{
    struct entry *entry = entry_find(directory, name);

    if (!entry && directory->count < FILES_MOST)
        entry = &directory->entries[directory->count++];
    if (!entry)
        abort();
    strncpy(entry->name, name, sizeof entry->name - 1);
    entry->inode = inode;
}

static void entry_remove(struct directory *directory, const char *name)
{
    struct entry *entry = entry_find(directory, name);

    if (entry)
        *entry = directory->entries[--directory->count];
}

static struct inode *inode_of(sqlite3_file *file)
{
    return ((struct handle *)(void *)file)->inode;
}

static int file_close(sqlite3_file *file)
{
    (void)file;
    return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    const struct content *now = &inode_of(file)->now;
    size_t have = (size_t)at < now->len ? now->len - (size_t)at : 0;

    if (disk.off)
        return SQLITE_IOERR_READ;
    if (have > (size_t)len)
        have = (size_t)len;
    memset(out, 0, (size_t)len);
    if (have)
        memcpy(out, now->bytes + at, have);
    return have == (size_t)len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static void change_add(struct inode *inode, bool truncate, size_t at, const void *bytes, size_t len)
{
    struct change *change = malloc(sizeof *change + len);

    *change = (struct change){.truncate = truncate, .at = at, .len = len};
    if (len)
        memcpy(change->bytes, bytes, len);
    *inode->last = change;
    inode->last = &change->next;
}

static int file_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct inode *inode = inode_of(file);
    int rc = disk_step(true, SQLITE_IOERR_WRITE);

    if (rc != SQLITE_OK && !(disk.off && disk.operations == disk.at + 1))
        return rc;
    /* the write during which the power fails may have reached the disk in part */
    change_add(inode, false, (size_t)at, bytes, (size_t)len);
    content_write(&inode->now, (size_t)at, bytes, (size_t)len);
    return rc;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct inode *inode = inode_of(file);
    int rc = disk_step(false, SQLITE_IOERR_TRUNCATE);

    if (rc != SQLITE_OK)
        return rc;
    change_add(inode, true, (size_t)size, NULL, 0);
    content_resize(&inode->now, (size_t)size);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
    struct handle *handle = (struct handle *)(void *)file;
    struct inode *inode = handle->inode;
    int rc = disk_step(false, SQLITE_IOERR_FSYNC);

    (void)flags;
    if (rc != SQLITE_OK)
        return rc;
    content_copy(&inode->safe, &inode->now);
    changes_drop(inode);
    if (handle->flush_directory)
        disk.safe = disk.now;
    handle->flush_directory = false;
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    *size = (sqlite3_int64)inode_of(file)->now.len;
    return disk.off ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int file_reserved(sqlite3_file *file, int *reserved)
{
    (void)file;
    *reserved = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    (void)file;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

static int file_traits(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* what SQLite's UNIX VFS says too */
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, /* no shared memory: a store that needed it would not work here */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
};

static struct inode *inode_new(void)
{
    struct inode *inode = calloc(1, sizeof *inode);

    if (disk.inode_count == sizeof disk.inodes / sizeof disk.inodes[0])
        abort();
    inode->last = &inode->first;
    disk.inodes[disk.inode_count++] = inode;
    return inode;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    struct handle *handle = (struct handle *)(void *)file;
    struct entry *entry;
    int rc;

    (void)vfs;
    memset(handle, 0, sizeof *handle);
    if (!name || disk.off)
        return SQLITE_CANTOPEN;
    entry = entry_find(&disk.now, name);
    if (!entry && !(flags & SQLITE_OPEN_CREATE))
        return SQLITE_CANTOPEN;
    if (entry) {
        handle->inode = entry->inode;
    } else {
        rc = disk_step(true, SQLITE_CANTOPEN);
        if (rc != SQLITE_OK)
            return SQLITE_CANTOPEN;
        handle->inode = inode_new();
        entry_add(&disk.now, name, handle->inode);
        if (flags & SQLITE_OPEN_MAIN_DB)
            entry_add(&disk.safe, name, handle->inode);
    }
    handle->flush_directory = (flags & SQLITE_OPEN_CREATE) && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL));
    handle->file.pMethods = &methods;
    if (out_flags)
        *out_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int flush)
{
    int rc = disk_step(false, SQLITE_IOERR_DELETE);

    (void)vfs;
    if (rc != SQLITE_OK)
        return rc;
    if (!entry_find(&disk.now, name))
        return SQLITE_IOERR_DELETE_NOENT;
    entry_remove(&disk.now, name);
    if (flush)
        disk.safe = disk.now;
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    struct entry *entry = entry_find(&disk.now, name);

    (void)vfs;
    *result = entry && (flags != SQLITE_ACCESS_EXISTS || entry->inode->now.len > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    if (strlen(name) >= (size_t)size)
        return SQLITE_CANTOPEN;
    memcpy(out, name, strlen(name) + 1);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs;
    return real->xRandomness(real, len, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int vfs_time(sqlite3_vfs *vfs, double *now)
{
    (void)vfs;
    return real->xCurrentTime(real, now);
}

static int vfs_error(sqlite3_vfs *vfs, int size, char *text)
{
    (void)vfs;
    (void)size;
    (void)text;
    return 0;
}

void disk_install(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 1,
        .szOsFile = sizeof(struct handle),
        .mxPathname = 255,
        .zName = "powerloss",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_error,
    };

    if (!real)
        real = sqlite3_vfs_find(NULL);
    sqlite3_vfs_register(&vfs, 1);
}

void disk_erase(void)
{
    for (size_t i = 0; i < disk.inode_count; i++) {
        changes_drop(disk.inodes[i]);
        free(disk.inodes[i]->now.bytes);
        free(disk.inodes[i]->safe.bytes);
        free(disk.inodes[i]);
    }
    memset(&disk, 0, sizeof disk);
}

void disk_plan(enum disk_accident accident, unsigned at)
{
    disk.accident = accident;
    disk.at = at;
    disk.operations = 0;
    disk.happened = false;
}

unsigned disk_operations(void)
{
    return disk.operations;
}

int disk_happened(void)
{
    return disk.happened;
}

static void inode_reboot(struct inode *inode, enum disk_survival survival, unsigned *seed)
{
    struct content *safe = &inode->safe;

    for (const struct change *change = inode->first; change; change = change->next) {
        if (survival == DISK_LOSES_ALL)
            break;
        if (change->truncate) {
            if (survival == DISK_LOSES_NOTHING || rand_r(seed) % 2)
                content_resize(safe, change->at);
            continue;
        }
        for (size_t done = 0; done < change->len;) {
            size_t piece = SECTOR - (change->at + done) % SECTOR;

            if (piece > change->len - done)
                piece = change->len - done;
            if (survival == DISK_LOSES_NOTHING || rand_r(seed) % 2)
                content_write(safe, change->at + done, change->bytes + done, piece);
            done += piece;
        }
    }
    changes_drop(inode);
    content_copy(&inode->now, safe);
}

void disk_reboot(enum disk_survival survival, unsigned seed)
{
    if (survival == DISK_LOSES_NOTHING || (survival == DISK_LOSES_SOME && rand_r(&seed) % 2))
        disk.safe = disk.now;
    for (size_t i = 0; i < disk.inode_count; i++)
        inode_reboot(disk.inodes[i], survival, &seed);
    disk.now = disk.safe;
    disk.off = false;
    disk_plan(DISK_NONE, 0);
}
