/* SPDX-License-Identifier: Apache-2.0 */
/* guest_memory.c: see guest_memory.h. */
#include "backend/transport/vhost_user/guest_memory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PAGE 4096u

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

/* What the numbers alone tell; sums are checked first, so overlap() cannot wrap. */
static const char *table_check(const struct guest_region_entry *table, unsigned count)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct guest_region_entry *entry = &table[i];
        if (!entry->size || entry->size > GUEST_MEMORY_MAX || !range_ok(entry->gpa, entry->size, UINT64_MAX) ||
            !range_ok(entry->uva, entry->size, UINT64_MAX) || !range_ok(entry->offset, entry->size, INT64_MAX)) {
            return "a memory region has impossible numbers";
        }
        total += entry->size;
        for (unsigned k = 0; k < i; k++) {
            if (overlap(entry->gpa, entry->size, table[k].gpa, table[k].size) ||
                overlap(entry->uva, entry->size, table[k].uva, table[k].size)) {
                return "memory regions overlap";
            }
        }
    }
    return total > GUEST_MEMORY_MAX ? "there is too much memory" : NULL;
}

static const char *file_check(const struct guest_region_entry *entry, int fd)
{
    struct stat is;
    struct statfs on;
    if (fstat(fd, &is) || fstatfs(fd, &on) || !S_ISREG(is.st_mode)) {
        return "guest memory is not a file";
    }
    if (on.f_type != TMPFS_MAGIC) {
        return "guest memory must be a memfd of ordinary pages: -object memory-backend-memfd,share=on without hugetlb";
    }
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK)) {
        return "guest memory is not sealed against shrinking: -object memory-backend-memfd,share=on without seal=off";
    }
    if (is.st_size < 0 || !range_ok(entry->offset, entry->size, (uint64_t)is.st_size)) {
        return "a memory region is larger than its file";
    }
    return NULL;
}

static const char *region_map(struct guest_region *region, const struct guest_region_entry *entry, int fd)
{
    const char *why = file_check(entry, fd);
    uint64_t lead = entry->offset % PAGE;
    if (why) {
        return why;
    }
    size_t size = entry->size + lead;
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, (off_t)(entry->offset - lead));
    if (map == MAP_FAILED) {
        return "guest memory cannot be mapped";
    }
    madvise(map, size, MADV_DONTDUMP);
    *region = (struct guest_region){.gpa = entry->gpa,
                                    .size = entry->size,
                                    .uva = entry->uva,
                                    .span = shm_span_of((char *)map + lead, entry->size),
                                    .map = map,
                                    .map_size = size};
    return NULL;
}

struct guest_memory *guest_memory_new(const struct guest_region_entry *table, const int *fds, unsigned count,
                                      const char **why)
{
    struct guest_memory *memory = NULL;
    *why = count > GUEST_REGIONS_MAX ? "there are too many memory regions" : table_check(table, count);
    if (*why) {
        return NULL;
    }
    memory = calloc(1, sizeof(*memory));
    if (!memory) {
        *why = "out of memory";
        return NULL;
    }
    memory->refs = 1;
    for (; memory->count < count; memory->count++) {
        unsigned i = memory->count;
        *why = region_map(&memory->regions[i], &table[i], fds[i]);
        if (*why) {
            guest_memory_release(memory);
            return NULL;
        }
    }
    return memory;
}

struct guest_memory *guest_memory_hold(struct guest_memory *memory)
{
    memory->refs++;
    return memory;
}

void guest_memory_release(struct guest_memory *memory)
{
    if (!memory || --memory->refs) {
        return;
    }
    for (unsigned i = 0; i < memory->count; i++) {
        munmap(memory->regions[i].map, memory->regions[i].map_size);
    }
    free(memory);
}

struct shm_span guest_memory_gpa(const struct guest_memory *memory, uint64_t addr, uint64_t len)
{
    for (unsigned i = 0; memory && i < memory->count; i++) {
        const struct guest_region *region = &memory->regions[i];
        if (addr >= region->gpa && range_ok(addr - region->gpa, len, region->size)) {
            return shm_sub(region->span, addr - region->gpa, len);
        }
    }
    return (struct shm_span){NULL, 0};
}

struct shm_span guest_memory_uva(const struct guest_memory *memory, uint64_t addr, uint64_t len)
{
    for (unsigned i = 0; memory && i < memory->count; i++) {
        const struct guest_region *region = &memory->regions[i];
        if (addr >= region->uva && range_ok(addr - region->uva, len, region->size)) {
            return shm_sub(region->span, addr - region->uva, len);
        }
    }
    return (struct shm_span){NULL, 0};
}
