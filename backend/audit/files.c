/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.c: the log's files: found, repaired, appended to, followed by a new one.
 *
 * Bytes behind `size` were never acknowledged. A batch is at most TORN_MAX bytes, so a crash leaves at most that much
 * behind the last whole line; more than that, or a file that does not begin well, is no crash's work: it is left as it
 * is for whoever investigates, and the log goes on in a new file from the last line that holds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend/audit/audit_internal.h"

#define NEW_NAME  "audit-new"
#define PATH_ROOM (sizeof((struct audit *)0)->dir + 64)

void segment_name(uint64_t number, char name[32])
{
    snprintf(name, 32, "audit-%08" PRIu64 ".log", number);
}

static void path_of(const struct audit *audit, const char *name, char path[PATH_ROOM])
{
    size_t n = strlen(audit->dir);
    snprintf(path, PATH_ROOM, "%s%s%s", audit->dir, n && audit->dir[n - 1] == '/' ? "" : "/", name);
}

static int file_open(const struct audit *audit, const char *name, int flags)
{
    char path[PATH_ROOM];
    path_of(audit, name, path);
    return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static bool directory_sync(const struct audit *audit)
{
    int fd = open(audit->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool write_at(int fd, const char *bytes, size_t len, uint64_t at)
{
    while (len) {
        ssize_t n = pwrite(fd, bytes, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n ? errno : EIO;
            return false;
        }
        bytes += n;
        len -= (size_t)n;
        at += (uint64_t)n;
    }
    return true;
}

bool bytes_append(struct audit *audit, const char *bytes, size_t len, char *error)
{
    if (write_at(audit->fd, bytes, len, audit->size) && fdatasync(audit->fd) == 0) {
        audit->size += len;
        return true;
    }
    int saved = errno;
    if (ftruncate(audit->fd, (off_t)audit->size) != 0)
        errno = saved; /* the next batch begins at the same place and writes over what is left */
    audit->reserved = 0;
    audit_fail(error, VAULT_IO, "the audit log cannot be written: %s; make room in the state directory",
               strerror(saved));
    return false;
}

/* A file system that cannot reserve is taken as it is: then a disk that fills up between begin and end is told late. */
bool reserve_make(struct audit *audit, char *error)
{
    if (audit->reserved >= audit->size + RESERVE)
        return true;
    if (fallocate(audit->fd, FALLOC_FL_KEEP_SIZE, (off_t)audit->size, 2 * RESERVE + BATCH_BYTES) == 0 ||
        errno == EOPNOTSUPP || errno == ENOSYS) {
        audit->reserved = audit->size + 2 * RESERVE + BATCH_BYTES;
        return true;
    }
    audit_fail(error, VAULT_IO,
               "no room for the audit log, so nothing that must be recorded is done: %s; make room in the state "
               "directory",
               strerror(errno));
    return false;
}

/* ---- a new file ---- */

/* Its first lines, into memory that the caller frees; NULL: failed. place has taken them then. */
static char *segment_text(struct audit *audit, uint64_t number, size_t *len)
{
    struct audit_replay *place = &audit->place;
    size_t count = 0, used = 0;
    struct audit_tenant *staying = calloc(place->tenant_count + 1, sizeof *staying);
    char *text = malloc((place->tenant_count + 1) * AUDIT_LINE_MAX);
    struct audit_line line = {.kind = AUDIT_SEGMENT};
    if (!staying || !text)
        goto failed;
    for (size_t i = 0; i < place->tenant_count; i++)
        if (!place->tenants[i].gone)
            staying[count++] = place->tenants[i];
    line.segment.number = number;
    line.segment.tenants = count;
    line.segment.card_failed = place->card_failed;
    memcpy(line.segment.log, place->log, AUDIT_LOG_ID);
    memcpy(line.segment.head, place->head, AUDIT_HASH);
    memcpy(line.segment.key, audit->point, AUDIT_POINT);
    used = line_make(audit, &line, text);
    if (!used)
        goto failed;
    for (size_t i = 0; i < count; i++) {
        struct audit_line one = {.kind = AUDIT_TENANT, .tenant = staying[i]};
        size_t n = line_make(audit, &one, text + used);
        if (!n)
            goto failed;
        used += n;
    }
    free(staying);
    *len = used;
    return text;
failed:
    free(staying);
    free(text);
    return NULL;
}

/* place has taken the first lines already when this fails: the caller puts it back. */
enum vault_result segment_new(struct audit *audit, char *error)
{
    uint64_t number = audit->place.segment + 1;
    char name[32], from[PATH_ROOM], to[PATH_ROOM];
    size_t len;
    char *text = segment_text(audit, number, &len);
    if (!text)
        return audit_fail(error, VAULT_IO, "no memory, or no signature, for a new file of the audit log: %s",
                          audit->place.error);
    segment_name(number, name);
    path_of(audit, NEW_NAME, from);
    path_of(audit, name, to);
    int fd = file_open(audit, NEW_NAME, O_RDWR | O_CREAT | O_TRUNC);
    struct stat dir;
    bool ok = fd >= 0 && (geteuid() != 0 || (stat(audit->dir, &dir) == 0 && fchown(fd, dir.st_uid, dir.st_gid) == 0)) &&
              write_at(fd, text, len, 0) && fsync(fd) == 0 && rename(from, to) == 0 && directory_sync(audit);
    int saved = errno;
    free(text);
    if (!ok) {
        if (fd >= 0)
            close(fd);
        return audit_fail(error, VAULT_IO, "the audit log's file %s cannot be made: %s", name, strerror(saved));
    }
    if (audit->fd >= 0)
        close(audit->fd);
    audit->fd = fd;
    audit->size = len;
    audit->reserved = 0;
    if (!audit->first_segment)
        audit->first_segment = number;
    return VAULT_OK;
}

/* ---- at start ---- */

/* Lowest and highest number; 0: there are none. */
static bool segments_find(const struct audit *audit, uint64_t *first, uint64_t *last)
{
    DIR *dir = opendir(audit->dir);
    *first = *last = 0;
    if (!dir)
        return false;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char name[32];
        uint64_t number;
        if (sscanf(entry->d_name, "audit-%8" SCNu64 ".log", &number) != 1 || !number)
            continue;
        segment_name(number, name);
        if (strcmp(name, entry->d_name) != 0)
            continue;
        *first = !*first || number < *first ? number : *first;
        *last = number > *last ? number : *last;
    }
    closedir(dir);
    return true;
}

static char *file_load(int fd, size_t *len)
{
    struct stat is;
    char *bytes = NULL;
    if (fstat(fd, &is) != 0 || !S_ISREG(is.st_mode) || is.st_size > INT32_MAX ||
        !(bytes = malloc((size_t)is.st_size + 1)))
        return NULL;
    *len = 0;
    while (*len < (size_t)is.st_size) {
        ssize_t n = pread(fd, bytes + *len, (size_t)is.st_size - *len, (off_t)*len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(bytes);
            return NULL;
        }
        if (n == 0)
            break;
        *len += (size_t)n;
    }
    return bytes;
}

char *segment_load(const struct audit *audit, uint64_t number, size_t *len)
{
    char name[32];
    segment_name(number, name);
    int fd = file_open(audit, name, O_RDONLY);
    char *bytes = fd < 0 ? NULL : file_load(fd, len);
    if (fd >= 0)
        close(fd);
    return bytes;
}

/* How many bytes of whole lines hold. */
static size_t lines_follow(struct audit_replay *place, struct known *known, const char *bytes, size_t len)
{
    size_t at = 0;
    for (;;) {
        const char *end = memchr(bytes + at, '\n', len - at);
        if (!end)
            return at;
        size_t n = (size_t)(end - (bytes + at)) + 1;
        if (!audit_replay_line(place, bytes + at, n))
            return at;
        known_look(known, place);
        at += n;
    }
}

static void torn_keep(struct audit *audit, const char *bytes, size_t len)
{
    char name[48];
    snprintf(name, sizeof name, "audit-torn-%" PRIu64, audit->place.seq);
    int fd = file_open(audit, name, O_WRONLY | O_CREAT | O_EXCL);
    if (fd < 0)
        return; /* kept before, or no room: the digest in the log stays */
    char path[PATH_ROOM];
    path_of(audit, name, path);
    if (!write_at(fd, bytes, len, 0) || fsync(fd) != 0)
        unlink(path);
    close(fd);
}

static void torn_tell(struct audit *audit, struct audit_found *found, const char *bytes, size_t len)
{
    uint8_t digest[AUDIT_HASH];
    char hex[2 * AUDIT_HASH + 1] = "";
    if (audit_digest(bytes, len, digest))
        for (size_t i = 0; i < AUDIT_HASH; i++)
            snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    found->cut = len;
    found->after = audit->place.seq;
    snprintf(found->why, sizeof found->why, "%zu unfinished bytes behind number %" PRIu64 " were cut off; SM3 %s", len,
             audit->place.seq, hex);
}

/* Takes in file `number` as the last one. false: it does not hold; place is at the last line that does. */
static bool last_take(struct audit *audit, uint64_t number, struct audit_found *found)
{
    char name[32];
    size_t len = 0, whole = 0;
    segment_name(number, name);
    int fd = file_open(audit, name, O_RDWR);
    char *bytes = fd < 0 ? NULL : file_load(fd, &len);
    audit->place.signatures = true; /* what a checkpoint says of the vault is believed */
    if (bytes)
        whole = lines_follow(&audit->place, &audit->known, bytes, len);
    audit->place.signatures = false; /* from here on they are our own */
    bool good = whole > 0 && !audit->place.awaited && len - whole <= TORN_MAX;
    if (good && whole < len) {
        torn_tell(audit, found, bytes + whole, len - whole);
        torn_keep(audit, bytes + whole, len - whole);
        good = ftruncate(fd, (off_t)whole) == 0 && fdatasync(fd) == 0;
    }
    if (good) {
        audit->fd = fd;
        audit->size = whole;
    } else {
        snprintf(found->why, sizeof found->why, "%s does not hold behind byte %zu: %.200s", name, whole,
                 bytes ? audit->place.error : "it cannot be read");
        found->damaged = true;
        if (fd >= 0)
            close(fd);
    }
    free(bytes);
    return good;
}

enum vault_result files_open(struct audit *audit, struct audit_found *found, char *error)
{
    struct audit_replay *place = &audit->place;
    uint64_t last;
    if (!segments_find(audit, &audit->first_segment, &last))
        return audit_fail(error, VAULT_IO, "the state directory cannot be read: %s", strerror(errno));
    memcpy(place->key, audit->point, AUDIT_POINT);
    place->any_key = false;
    bool taken = last && last_take(audit, last, found);
    known_judge(audit, last, found);
    if (taken)
        return VAULT_OK;
    found->made = !last;
    if (!place->begun) { /* nothing to continue: another log, with an identity of its own */
        if (!audit_random(place->log, AUDIT_LOG_ID))
            return audit_fail(error, VAULT_IO, "libcrypto gives no random bytes");
    }
    if (!place->begun && last) /* its first file does not have number 1, so nobody takes it for a whole log */
        place->seq = 1;
    free(place->carried);
    place->carried = NULL;
    place->awaited = 0;
    place->segment = last;
    enum vault_result result = segment_new(audit, error);
    if (result == VAULT_OK && last)
        checkpoint_append(audit); /* as in each file behind the first; where there is no room the next start says so */
    return result;
}

/* ---- reading ---- */

enum vault_result audit_read(struct audit *audit, uint64_t segment, uint64_t offset, char *bytes, size_t cap,
                             size_t *len, char *error)
{
    char name[32];
    uint64_t end = UINT64_MAX;
    *len = 0;
    pthread_mutex_lock(&audit->lock);
    while (audit->writing)
        pthread_cond_wait(&audit->moved, &audit->lock);
    if (segment == audit->place.segment)
        end = audit->size; /* what is behind is not acknowledged */
    pthread_mutex_unlock(&audit->lock);
    segment_name(segment, name);
    int fd = segment && segment <= 99999999 ? file_open(audit, name, O_RDONLY) : -1;
    if (fd < 0)
        return audit_fail(error, VAULT_NOT_FOUND, "the audit log has no file %" PRIu64 " here", segment);
    cap = offset >= end ? 0 : end - offset < cap ? (size_t)(end - offset) : cap;
    ssize_t n = cap ? pread(fd, bytes, cap, (off_t)offset) : 0;
    int saved = errno;
    close(fd);
    if (n < 0)
        return audit_fail(error, VAULT_IO, "%s cannot be read: %s", name, strerror(saved));
    *len = (size_t)n;
    return VAULT_OK;
}
