/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/ring.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE          64u
#define RING_GRACE_NS 2000000000u

struct ring_memory {
    _Alignas(LINE) _Atomic uint32_t sent;
    _Alignas(LINE) _Atomic uint32_t done;
    _Alignas(LINE) _Atomic uint32_t state; /* futex: enum ring_state */
    _Alignas(LINE) uint32_t size;
    _Alignas(4096) uint8_t slots[RING_SLOTS][RING_SLOT];
};

enum ring_state {
    RING_RESTS,
    RING_RUNS,
    RING_ENDS,
};

struct ring {
    struct ring_memory *memory;
    pid_t pid;
    uint8_t *out; /* the caller's own buffers for results, one per slot; payload comes from the work's inputs */
    bool yield;
};

static inline void pause_or_yield(bool yield)
{
    if (yield) {
        sched_yield();
        return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Reads and writes every cache line. The compiler must not see that nothing changes. */
static void touch(uint8_t *slot, uint32_t size)
{
    for (uint32_t i = 0; i < size; i += LINE) {
        volatile uint8_t *byte = slot + i;
        *byte = *byte;
    }
}

static void far_side(struct ring_memory *memory, bool yield)
{
    for (;;) {
        uint32_t state = atomic_load(&memory->state);
        if (state == RING_ENDS)
            return;
        if (state == RING_RESTS) {
            syscall(SYS_futex, &memory->state, FUTEX_WAIT, RING_RESTS, NULL, NULL, 0);
            continue;
        }
        uint32_t done = atomic_load(&memory->done);
        for (uint32_t idle = 0; idle < 4096;) { /* the state is looked at only when nothing comes */
            if (atomic_load_explicit(&memory->sent, memory_order_acquire) == done) {
                pause_or_yield(yield);
                idle++;
                continue;
            }
            idle = 0;
            touch(memory->slots[done % RING_SLOTS], memory->size);
            atomic_store_explicit(&memory->done, ++done, memory_order_release);
        }
    }
}

static void state_set(struct ring_memory *memory, enum ring_state state)
{
    atomic_store(&memory->state, state);
    syscall(SYS_futex, &memory->state, FUTEX_WAKE, 1, NULL, NULL, 0);
}

struct ring *ring_open(void)
{
    struct ring *ring = calloc(1, sizeof(*ring));
    if (!ring)
        return NULL;
    ring->yield = sysconf(_SC_NPROCESSORS_ONLN) < 2;
    ring->pid = -1;
    ring->memory =
        mmap(NULL, sizeof(*ring->memory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (ring->memory == MAP_FAILED)
        ring->memory = NULL;
    ring->out = aligned_alloc(4096, sizeof(ring->memory->slots));
    if (ring->memory && ring->out)
        ring->pid = fork();
    if (ring->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setpgid(0, 0);
        far_side(ring->memory, ring->yield);
        _exit(0);
    }
    if (ring->pid < 0) {
        ring_close(ring);
        return NULL;
    }
    return ring;
}

void ring_close(struct ring *ring)
{
    if (!ring)
        return;
    if (ring->pid > 0) {
        state_set(ring->memory, RING_ENDS);
        waitpid(ring->pid, NULL, 0);
    }
    if (ring->memory)
        munmap(ring->memory, sizeof(*ring->memory));
    free(ring->out);
    free(ring);
}

pid_t ring_pid(const struct ring *ring)
{
    return ring->pid;
}

void ring_run(struct ring *ring, struct work *work, uint32_t depth, struct meter *meter)
{
    struct ring_memory *memory = ring->memory;
    size_t size = work->size;
    uint64_t stamps[RING_SLOTS] = {0};
    memset(ring->out, 0, sizeof(memory->slots));
    memory->size = (uint32_t)size;
    state_set(memory, RING_RUNS);
    uint32_t base = atomic_load(&memory->done), sent = 0, taken = 0;
    bool running = true;
    while (running || taken != sent) {
        while (running && sent - taken < depth) {
            memcpy(memory->slots[(base + sent) % RING_SLOTS], work_input(work, sent), size);
            if (sent % meter->stride == 0)
                stamps[sent % RING_SLOTS] = now_ns();
            atomic_store_explicit(&memory->sent, base + ++sent, memory_order_release);
        }
        uint32_t done;
        uint32_t idle = 0;
        while ((done = atomic_load_explicit(&memory->done, memory_order_acquire) - base) == taken) {
            pause_or_yield(ring->yield);
            if (++idle % 65536 == 0 && now_ns() > meter->end_ns + RING_GRACE_NS) { /* the far process is gone */
                meter->result->errors++;
                return;
            }
        }
        for (; taken != done; taken++) {
            uint8_t *out = ring->out + (taken % depth) * RING_SLOT;
            memcpy(out, memory->slots[(base + taken) % RING_SLOTS], size);
            meter->ops++;
            if (work_sampled(taken))
                work_compare(work, taken, out);
            if (taken % meter->stride == 0) {
                uint64_t stamp = now_ns();
                meter_latency(meter, stamp - stamps[taken % RING_SLOTS]);
                running = meter_tick(meter, stamp) && running;
            }
        }
    }
    meter->result->all_ops = meter->ops;
    state_set(memory, RING_RESTS);
}
