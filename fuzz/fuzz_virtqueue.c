/* covers: backend/transport/vhost_user/virtqueue.c */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device that takes and gives chains of a driver that writes what the input says into the rings, before and between;
 * is killed and goes on, with its note and with rubbish for one. Whatever it is given, a chain's parts lie in guest
 * memory, it ends, and nothing is written outside.
 */
#include <stdint.h>
#include "fuzz/checks.h"
#include "tests/unit/vring_driver.h"

#define STEPS 200

struct world {
    struct input input;
    struct guest_memory *memory;
    struct driver_ring ring;
    struct virtqueue vq;
    struct vq_note note;
    uint64_t features;
};

/* Values that matter are near borders. */
static uint64_t address(struct world *world)
{
    static const uint64_t bases[] = {GUEST_GPA, GUEST_GPA + 0x10000, GUEST_GPA + GUEST_SIZE - 32, 0, UINT64_MAX - 15};
    uint8_t choice = take(&world->input);
    return bases[choice % 5] + (choice >> 3);
}

static void descriptor_write(struct world *world, uint8_t *at)
{
    static const uint32_t lengths[] = {0, 1, 16, 32, 48, 44, 4096, GUEST_SIZE, UINT32_MAX, 16 * 1025};
    struct ring_desc desc = {.addr = address(world), .len = lengths[take(&world->input) % 10]};
    desc.flags = take(&world->input) & 7;
    desc.next = take(&world->input) % (world->ring.size + 1);
    memcpy(at, &desc, sizeof(desc));
}

static void device_works(struct world *world)
{
    static struct vq_chain chain;
    struct virtqueue *vq = &world->vq;
    uint8_t bytes[64];
    if (!vq_take(vq, &chain)) {
        return;
    }
    assert_true(chain.count <= VQ_PARTS_MAX && chain.head < vq->size);
    struct vq_cursor in = vq_read(&chain), out = vq_write(&chain);
    size_t readable = vq_left(&in), writable = vq_left(&out);
    assert_int_equal(vq_copy_in(&in, bytes, sizeof(bytes)), readable >= sizeof(bytes));
    assert_int_equal(vq_copy_out(&out, bytes, sizeof(bytes)), writable >= sizeof(bytes));
    for (struct shm_span piece; (piece = vq_piece(&out, 1000)).size;) {
        assert_true(piece.size <= 1000);
        shm_copy_out(piece, 0, bytes, piece.size < 64 ? piece.size : 64);
    }
    uint8_t choice = take(&world->input);
    if (choice & 1) {
        vq_give(vq, chain.head, choice);
    }
    if (choice & 2) {
        vq_give(vq, (uint16_t)choice, 1); /* one that may not be out */
    }
    vq_interrupt_due(vq);
}

static void driver_writes(struct world *world)
{
    uint8_t choice = take(&world->input), *base = world->ring.base;
    if (choice < 0x60) {
        descriptor_write(world, base + DESC_AT(&world->ring) + choice % world->ring.size * 16u);
    } else if (choice < 0x80) {
        descriptor_write(world, base + 0x10000 + choice % 8 * 16u); /* an indirect table */
    } else if (choice < 0xc0) {
        driver_offer(&world->ring, choice % (world->ring.size + 1));
    } else if (choice < 0xe0) {
        driver_avail(&world->ring)[1] = take(&world->input);
    } else {
        base[take32(&world->input) % 0x6000] = take(&world->input);
    }
}

static void life(struct world *world)
{
    uint8_t choice = take(&world->input);
    struct virtqueue *vq = &world->vq;
    switch (choice % 6) {
    case 0:
        vq_sleep(vq);
        break;
    case 1:
        vq_awake(vq);
        break;
    case 2: /* killed */
        vq_resume(vq, world->features, &world->note);
        break;
    case 3:
        for (size_t i = 0; i < sizeof(world->note); i++) {
            ((uint8_t *)&world->note)[i] = i < 32 ? take(&world->input) : choice;
        }
        vq_resume(vq, world->features, &world->note);
        break;
    case 4:
        vq_remap(vq, choice & 0x80 ? NULL : world->memory);
        break;
    default:
        vq_stop(vq);
        vq_remap(vq, world->memory);
        if (driver_map(&world->ring, vq, world->memory) == 0) {
            vq_start(vq, world->features, choice, &world->note);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct guest_ram ram;
    struct world world = {.input = {data, size}};
    if (!ram.base) {
        ram = guest_ram_make(GUEST_SIZE, F_SEAL_SHRINK);
    }
    memset(ram.base, 0, 0x11000);
    assert_non_null(world.memory = guest_memory_of(&ram));
    uint8_t first = take(&world.input);
    world.ring = (struct driver_ring){.base = ram.base, .size = first & 0x40 ? first % 20 : 1u << (first % 8)};
    world.features = (first & 0x10 ? VIRTIO_F_EVENT_IDX : 0) | (first & 0x20 ? VIRTIO_F_INDIRECT : 0);
    if (driver_map(&world.ring, &world.vq, world.memory) == 0) {
        vq_start(&world.vq, world.features, 0, &world.note);
        for (int i = 0; i < STEPS && world.input.left; i++) {
            uint8_t what = take(&world.input);
            if (what < 0x80) {
                driver_writes(&world);
            } else if (what < 0xf0) {
                device_works(&world);
            } else {
                life(&world);
            }
        }
    }
    guest_memory_release(world.memory);
    return 0;
}
