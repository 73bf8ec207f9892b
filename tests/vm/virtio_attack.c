/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_attack.c: root in a test guest drives a vsock device without a driver, and does to its virtqueues what no
 * driver would. Needs a device that no driver is bound to.
 *
 *     virtio_attack SECONDS SEED
 *
 * It reaches the device's registers through sysfs, and knows where its own pages lie from /proc/self/pagemap. It
 * negotiates properly, then writes descriptors, indexes and packets, right and wrong, into memory that the daemon reads
 * at the same time, and kicks; and resets the device now and then, for a queue that is broken stays so. Ends with a
 * proper connection to the daemon's port through its own rings, which must be answered.
 */
#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "backend/device/virtio_vsock/vsock_packet.h"
#include "proto/layout.h"

#define PAGE    4096u
#define SIZE    64u /* of each queue */
#define QUEUES  3u
#define BUFFERS 128u /* pages */
#define LEAST   1000 /* of each kind; test-hostile-vsock asks for as many */
#define RESETS  3

/* struct virtio_pci_common_cfg, by offset */
enum {
    DEVICE_FEATURE_SELECT = 0x00,
    DRIVER_FEATURE_SELECT = 0x08,
    DRIVER_FEATURE = 0x0c,
    DEVICE_STATUS = 0x14,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY_OFF = 0x1e,
    QUEUE_DESC = 0x20,
    QUEUE_DRIVER = 0x28,
    QUEUE_DEVICE = 0x30,
};

struct page {
    uint8_t *at;
    uint64_t physical;
};

struct queue {
    struct page desc, avail, used;
    uint16_t next, seen;
    volatile uint16_t *notify;
};

static struct {
    volatile uint8_t *common, *notify, *config;
    uint32_t multiplier;
    struct queue queues[QUEUES];
    struct page buffers[BUFFERS];
    uint64_t cid, seed;
    unsigned long packets, words, kicks, resets;
} device;

static uint32_t next_random(void)
{
    device.seed = device.seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(device.seed >> 33);
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void put8(unsigned at, uint8_t value)
{
    device.common[at] = value;
}
static void put16(unsigned at, uint16_t value)
{
    *(volatile uint16_t *)(volatile void *)(device.common + at) = value;
}
static void put32(unsigned at, uint32_t value)
{
    *(volatile uint32_t *)(volatile void *)(device.common + at) = value;
}
static void put64(unsigned at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

/* ---- pages, and where they lie ---- */

static struct page page_make(int pagemap)
{
    struct page page = {
        .at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)};
    uint64_t entry = 0;
    if (page.at == MAP_FAILED || mlock(page.at, PAGE))
        fail("a page");
    memset(page.at, 0, PAGE);
    if (pread(pagemap, &entry, sizeof entry, (off_t)((uintptr_t)page.at / PAGE * sizeof entry)) != sizeof entry ||
        !(entry >> 63) || !(entry & ((1ull << 55) - 1)))
        fail("/proc/self/pagemap");
    page.physical = (entry & ((1ull << 55) - 1)) * PAGE;
    return page;
}

/* ---- the device ---- */

static volatile uint8_t *bar_map(const char *folder, unsigned bar, uint32_t offset, uint32_t length)
{
    char path[300];
    snprintf(path, sizeof path, "%s/resource%u", folder, bar);
    int fd = open(path, O_RDWR);
    uint32_t lead = offset % PAGE;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, length + lead, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset - lead);
    if (map == MAP_FAILED)
        fail(path);
    close(fd);
    return (volatile uint8_t *)map + lead;
}

static void capabilities_map(const char *folder, const uint8_t *config)
{
    for (uint8_t at = config[0x34]; at; at = config[at + 1]) {
        uint32_t offset, length;
        memcpy(&offset, config + at + 8, 4);
        memcpy(&length, config + at + 12, 4);
        if (config[at] != 9)
            continue;
        if (config[at + 3] == 1)
            device.common = bar_map(folder, config[at + 4], offset, length);
        if (config[at + 3] == 2) {
            device.notify = bar_map(folder, config[at + 4], offset, length);
            memcpy(&device.multiplier, config + at + 16, 4);
        }
        if (config[at + 3] == 4)
            device.config = bar_map(folder, config[at + 4], offset, length);
    }
    if (!device.common || !device.notify || !device.config)
        fail("virtio capabilities");
}

static void device_find(void)
{
    DIR *dir = opendir("/sys/bus/pci/devices");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char folder[280], path[300];
        uint8_t config[256] = {0};
        snprintf(folder, sizeof folder, "/sys/bus/pci/devices/%s", entry->d_name);
        snprintf(path, sizeof path, "%s/config", folder);
        int fd = open(path, O_RDWR);
        if (fd < 0)
            continue;
        if (pread(fd, config, sizeof config, 0) == sizeof config && config[0] == 0xf4 && config[1] == 0x1a &&
            config[2] == 0x53 && config[3] == 0x10) { /* 1af4:1053 */
            uint16_t command = 6;                     /* memory, bus master */
            if (pwrite(fd, &command, sizeof command, 4) != sizeof command)
                fail(path);
            capabilities_map(folder, config);
            close(fd);
            closedir(dir);
            return;
        }
        close(fd);
    }
    fprintf(stderr, "no vsock device\n");
    exit(1);
}

static void queue_start(unsigned i)
{
    struct queue *queue = &device.queues[i];
    memset(queue->desc.at, 0, PAGE);
    memset(queue->avail.at, 0, PAGE);
    memset(queue->used.at, 0, PAGE);
    queue->next = queue->seen = 0;
    put16(QUEUE_SELECT, (uint16_t)i);
    put16(QUEUE_SIZE, SIZE);
    put64(QUEUE_DESC, queue->desc.physical);
    put64(QUEUE_DRIVER, queue->avail.physical);
    put64(QUEUE_DEVICE, queue->used.physical);
    uint16_t off = *(volatile uint16_t *)(volatile void *)(device.common + QUEUE_NOTIFY_OFF);
    queue->notify = (volatile uint16_t *)(volatile void *)(device.notify + off * device.multiplier);
    put16(QUEUE_ENABLE, 1);
}

/* From reset to DRIVER_OK, as a driver does it. */
static void device_start(void)
{
    uint32_t low = 1u << 28 | (next_random() & 1) << 29;
    put8(DEVICE_STATUS, 0);
    while (device.common[DEVICE_STATUS])
        usleep(100);
    put8(DEVICE_STATUS, 1);
    put8(DEVICE_STATUS, 3);
    put32(DRIVER_FEATURE_SELECT, 0);
    put32(DRIVER_FEATURE, low);
    put32(DRIVER_FEATURE_SELECT, 1);
    put32(DRIVER_FEATURE, 1);
    put8(DEVICE_STATUS, 11);
    if (!(device.common[DEVICE_STATUS] & 8))
        fail("features");
    for (unsigned i = 0; i < QUEUES; i++)
        queue_start(i);
    put8(DEVICE_STATUS, 15);
    device.resets++;
}

/* ---- packets ---- */

static void descriptor_put(struct queue *queue, unsigned i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
    uint8_t *at = queue->desc.at + i % SIZE * 16;
    memcpy(at, &addr, 8);
    memcpy(at + 8, &len, 4);
    memcpy(at + 12, &flags, 2);
    memcpy(at + 14, &next, 2);
}

static void offer(struct queue *queue, uint16_t head)
{
    uint16_t *avail = (uint16_t *)(void *)queue->avail.at;
    avail[2 + queue->next % SIZE] = head;
    atomic_thread_fence(memory_order_seq_cst);
    avail[1] = ++queue->next;
    atomic_thread_fence(memory_order_seq_cst);
}

static void kick(unsigned i)
{
    *device.queues[i].notify = (uint16_t)i;
    device.kicks++;
}

static void buffers_offer(unsigned count)
{
    struct queue *rx = &device.queues[0];
    for (unsigned i = 0; i < count; i++) {
        uint16_t head = rx->next % SIZE;
        descriptor_put(rx, head, device.buffers[head].physical, PAGE, 2, 0);
        offer(rx, head);
    }
}

static void packet_offer(const struct vsock_header *header, uint32_t len)
{
    struct queue *tx = &device.queues[1];
    uint16_t head = tx->next % SIZE;
    struct page *page = &device.buffers[64 + head % (BUFFERS - 64)];
    memcpy(page->at, header, sizeof *header);
    descriptor_put(tx, head, page->physical, VSOCK_HEADER + len, 0, 0);
    offer(tx, head);
    device.packets++;
}

static struct vsock_header header_of(uint32_t port, uint16_t op)
{
    return (struct vsock_header){.src_cid = device.cid,
                                 .dst_cid = VSOCK_CID_HOST,
                                 .src_port = port,
                                 .dst_port = CM_VSOCK_PORT,
                                 .type = VSOCK_TYPE_STREAM,
                                 .op = op,
                                 .buf_alloc = 65536};
}

/* ---- the attack ---- */

static void packet_odd(void)
{
    struct vsock_header header = header_of(next_random() % 80, (uint16_t)(next_random() % 9));
    uint32_t len = next_random() % (PAGE - VSOCK_HEADER);
    header.len = next_random() % 8 ? len : next_random();
    header.flags = next_random() % 4;
    header.fwd_cnt = next_random() % 4 ? 0 : next_random();
    header.buf_alloc = next_random() % 4 ? 65536 : next_random() % 3 * 0x7fffffffu;
    if (next_random() % 32 == 0)
        ((uint8_t *)&header)[next_random() % sizeof header] ^= (uint8_t)next_random();
    packet_offer(&header, header.op == VSOCK_OP_RW ? len : 0);
}

/* Anything into the areas of a queue. */
static void scribble(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct queue *queue = &device.queues[next_random() % QUEUES];
        struct page *page = next_random() % 2 ? &queue->desc : next_random() % 2 ? &queue->avail : &queue->used;
        unsigned at = next_random() % (page == &queue->desc ? SIZE * 16 : 600);
        switch (next_random() % 3) {
        case 0:
            page->at[at] = (uint8_t)next_random();
            break;
        case 1: /* a descriptor with some sense in it */
            descriptor_put(queue, next_random(), device.buffers[next_random() % BUFFERS].physical,
                           next_random() % (2 * PAGE), next_random() % 8, (uint16_t)(next_random() % (SIZE + 2)));
            break;
        default:
            ((uint16_t *)(void *)queue->avail.at)[1] = (uint16_t)(queue->next + next_random() % 3);
        }
        device.words++;
    }
}

/* On however slow a machine. */
static bool enough(void)
{
    return device.packets > LEAST && device.words > LEAST && device.kicks > LEAST && device.resets > RESETS;
}

static void attack(time_t seconds)
{
    for (time_t end = time(NULL) + seconds; time(NULL) < end || !enough();) {
        device_start();
        buffers_offer(next_random() % 2 ? 60 : next_random() % 4); /* some give none */
        kick(0);
        unsigned rounds = 200 + next_random() % 2000;
        bool honest = next_random() % 2; /* rings as they should be: only the packets are not */
        for (unsigned i = 0; i < rounds; i++) {
            packet_odd();
            if (!honest)
                scribble(next_random() % 8);
            if (next_random() % 4 == 0)
                kick(next_random() % QUEUES);
            if (next_random() % 16 == 0)
                buffers_offer(1);
            if (honest)
                for (int wait = 0;
                     wait < 1000 &&
                     (uint16_t)(device.queues[1].next -
                                ((volatile uint16_t *)(volatile void *)device.queues[1].used.at)[1]) >= SIZE - 1;
                     wait++)
                    kick(1);
        }
    }
}

/* A guest that does it right is answered. */
static int proper(void)
{
    struct queue *rx = &device.queues[0];
    struct vsock_header header = header_of(777, VSOCK_OP_REQUEST), got = {0};
    device_start();
    buffers_offer(8);
    packet_offer(&header, 0);
    kick(0);
    kick(1);
    volatile uint16_t *used = (volatile uint16_t *)(volatile void *)rx->used.at;
    for (int i = 0; i < 10000; i++) {
        if (used[1] != rx->seen) {
            uint32_t head = *(volatile uint32_t *)(volatile void *)(rx->used.at + 4 + 8 * (rx->seen % SIZE));
            memcpy(&got, device.buffers[head % SIZE].at, sizeof got);
            rx->seen++;
            if (got.op == VSOCK_OP_RESPONSE && got.dst_port == 777)
                return 0;
        }
        usleep(1000);
    }
    fprintf(stderr, "not answered; the last packet was of operation %u\n", got.op);
    return 1;
}

int main(int argc, char **argv)
{
    device.seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    int pagemap = open("/proc/self/pagemap", O_RDONLY);
    if (pagemap < 0)
        fail("/proc/self/pagemap");
    device_find();
    for (unsigned i = 0; i < QUEUES; i++)
        device.queues[i] =
            (struct queue){.desc = page_make(pagemap), .avail = page_make(pagemap), .used = page_make(pagemap)};
    for (unsigned i = 0; i < BUFFERS; i++)
        device.buffers[i] = page_make(pagemap);
    memcpy(&device.cid, (const void *)(uintptr_t)device.config, sizeof device.cid);
    attack(argc > 1 ? atoi(argv[1]) : 10);
    int result = proper();
    put8(DEVICE_STATUS, 0);
    printf("packets=%lu words=%lu kicks=%lu resets=%lu answered=%d\n", device.packets, device.words, device.kicks,
           device.resets, !result);
    return result;
}
