/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h: the region, the shared memory between one tenant's front end and the broker. Little-endian. The kernel
 * module for guests includes this file too (with CM_KERNEL), so it has only integers.
 *
 *   offset 0          header page: written by the broker only, and said again where a tenant overwrote it. Padded to 64
 * KiB, so that a guest with 64 KiB pages can map it apart from what follows 64 KiB + i * 1088 KiB   queue pair i:
 *       + 0           control page: three cache lines that matter (below)
 *       + 4 KiB       submission ring, 64 entries of 64 bytes
 *       + 8 KiB       completion ring, 64 entries of 64 bytes
 *       + 12 KiB      parameters, 64 entries of 512 bytes
 *       + 64 KiB      payload, 64 slots of 16 KiB
 *
 * A queue pair is one owner's: a connection (unix), an open file of /dev/cardmux0, the holder of a lock (ivshmem).
 * SDF sessions belong to the queue pair on which they were opened and die with it.
 *
 * Rings without indexes. Both rings are as long as there are slots, and a slot is in use from submission until its
 * completion was taken, so neither ring can overflow and no consumer index is needed. An entry is valid when its `pos`
 * (stored last, with release; loaded first, with acquire) equals the position the consumer waits for, and its
 * generation and epoch are the current ones. Positions start at 1 with each epoch and each generation and count up,
 * wrapping; entry = (pos - 1) % 64. The consumer copies the 64 bytes into private memory once and looks at the copy
 * alone. The broker takes at most 64 jobs of a queue pair at a time, whatever the tenant writes.
 *
 * Slots. data of slot s lies at payload + s * 16 KiB, its parameters at params + s * 512. Results replace what was
 * sent: output data in the same slot, output parameters in the same entry.
 *
 * Generation: random, not 0, new at each start of the broker. 0: no broker yet. A front end that sees a new one forgets
 * what was in flight, starts at position 1 and sends again what is safe to send again.
 * Epoch: one owner of a queue pair. A new owner writes epoch_wanted (any value other than epoch) and rings; the broker,
 * once the last job of the old epoch has left the card and its sessions are gone, sets epoch = epoch_wanted. Only then
 * may slots be used. epoch 0 means that nobody owns the queue pair.
 *
 * Sleeping. The broker sets broker_sleeps before it blocks and looks at the ring once more; the front end publishes an
 * entry, then fence, then reads broker_sleeps, and rings if it is set. The fence (StoreLoad) on both sides is what
 * makes one of the two see the other. The front end sets wake_at to the completion position at which it wants to be
 * woken (0: not asleep), fences, looks once more, blocks; the broker after publishing fences, reads wake_at and rings
 * when the position was reached (wrapping compare), once.
 *
 * Is anybody there? A region looks the same when its daemon has ended. A front end that has waited for long writes a
 * number that differs from `answered` into `asked`, and rings whether or not the broker sleeps; a broker that lives
 * writes it into `answered` as soon as it sees the doorbell, whatever it is busy with. Nobody writes anything into an
 * idle region.
 */
#ifndef CARDMUX_PROTO_LAYOUT_H
#define CARDMUX_PROTO_LAYOUT_H

#ifdef CM_KERNEL
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#define CM_MAGIC          0x3158554d44524143ull /* "CARDMUX1" */
#define CM_LAYOUT_VERSION 1u

#define CM_PAGE        4096u
#define CM_HEADER_SIZE 65536u
#define CM_SLOTS       64u
#define CM_SLOT_SIZE   16384u
#define CM_PARAM_SIZE  512u
#define CM_QP_MAX      16u

#define CM_QP_CONTROL 0u
#define CM_QP_SQ      4096u
#define CM_QP_CQ      8192u
#define CM_QP_PARAMS  12288u
#define CM_QP_PAYLOAD 65536u
#define CM_QP_SIZE    (CM_QP_PAYLOAD + CM_SLOTS * CM_SLOT_SIZE) /* 1088 KiB */

#define CM_QP_OFFSET(i) (CM_HEADER_SIZE + (uint64_t)(i)*CM_QP_SIZE)

#define CM_REGION_UNIX    (2u << 20)  /* 1 queue pair */
#define CM_REGION_IVSHMEM (32u << 20) /* 16 queue pairs; becomes BAR2 */

#define CM_VSOCK_PORT      21316u /* of the stream protocol (proto/stream.h) */
#define CM_VSOCK_PORT_TEXT "21316"

/* ivshmem bus of one tenant: the guest is peer 0 (or QEMU refuses to migrate it), the host peer 1. */
#define CM_IVSHMEM_GUEST 0u
#define CM_IVSHMEM_HOST  1u

/* Start of the header page. Written by the broker only. */
struct cm_header {
    uint64_t magic;
    uint32_t version;     /* CM_LAYOUT_VERSION */
    uint32_t qp_count;    /* 1..CM_QP_MAX */
    uint64_t generation;  /* 0: no broker serves this region (yet, or any more) */
    uint32_t region_size; /* bytes */
    uint32_t slots;       /* CM_SLOTS */
    uint32_t slot_size;   /* CM_SLOT_SIZE */
    uint32_t param_size;  /* CM_PARAM_SIZE */
    uint32_t host_peer;   /* whom to ring, on ivshmem: CM_IVSHMEM_HOST */
    uint32_t state;       /* enum cm_door_state */
    uint32_t deadline_ms; /* longest time that a call may take before the front end gives it up */
    uint32_t features;    /* CM_FEATURE_ bits: what a broker of this release does that older ones do not */
    char tenant[40];      /* its own name, for messages; NUL-padded */
};

#define CM_FEATURE_ANSWERS 1u /* `asked` is answered */

enum cm_door_state {
    CM_DOOR_CLOSED = 0, /* with the magic: for good; with magic 0: a region that nobody serves yet */
    CM_DOOR_INCOMING,
    CM_DOOR_OPEN,
    CM_DOOR_DRAINING,
};

#define CM_CROWDED_OWN   1u /* fewer free cores than pollers: do not spin, yield */
#define CM_CROWDED_OTHER 2u /* programs of others want the cores: do not poll for long, sleep */

/* The control page of a queue pair: one cache line per writer and purpose. */
struct cm_control {
    /* line 0: written by the broker */
    uint64_t generation; /* the same as in the header: one line to look at */
    uint32_t epoch;      /* the epoch that the broker serves; 0: none */
    uint32_t broker_sleeps;
    uint32_t crowded;  /* CM_CROWDED_ bits: what a waiter on the host should know of its cores (wait.h) */
    uint32_t answered; /* the question that was answered last */
    uint32_t mark;     /* the broker's own: another one each time that it wakes for this queue pair */
    uint32_t pad0[9];
    /* line 1: written by the front end (by the guest's kernel module where there is one) */
    uint32_t epoch_wanted; /* 0: leave the queue pair */
    uint32_t pad1[15];
    /* line 2: written by the front end */
    uint32_t
        wake_at; /* completion position, 0: awake (position 0 itself, after a wrap, counts as 1 too late: harmless) */
    uint32_t asked; /* a question */
    uint32_t pad2[14];
};

/* A submission. The operation table (ops.h) says which fields an operation uses; the others are 0, or it is refused. */
struct cm_sqe {
    uint64_t generation;
    uint32_t epoch;
    uint32_t tag; /* the front end's own; comes back */
    uint16_t op;
    uint16_t slot;
    uint16_t flags;     /* 0; unknown bits are refused */
    uint16_t param_len; /* <= CM_PARAM_SIZE */
    uint32_t data_len;  /* <= CM_SLOT_SIZE */
    uint32_t session;
    uint32_t key; /* handle or index */
    uint32_t alg;
    uint32_t arg;
    uint8_t iv[16];
    uint32_t pos;
};

/* A completion. */
struct cm_cqe {
    uint64_t generation;
    uint32_t epoch;
    uint32_t tag;
    uint16_t op;
    uint16_t slot; /* 0xffff where the submission named none that exists */
    uint16_t flags;
    uint16_t param_len; /* bytes of result in the slot's parameters */
    uint32_t data_len;  /* bytes of result in the slot */
    uint32_t status;    /* SDR_ */
    uint32_t value;     /* a new session, handle */
    uint32_t reserved[2];
    uint8_t iv[16];
    uint32_t pos;
};

/* First message on a `unix` connection, keeper to front end, with three descriptors: the region (memfd), the eventfd
   that the front end writes to ring the broker, the eventfd that it reads when it is rung. status other than 0: no
   descriptors, the SDR_ code that SDF_OpenDevice returns, and the keeper closes. The front end sends nothing; its end
   of the connection is its claim on the queue pair, and the keeper's end tells it that the keeper lives. */
struct cm_hello {
    uint64_t magic;
    uint32_t version;
    uint32_t status;
    uint32_t region_size;
    uint32_t qp_count;
    char text[104]; /* a sentence for humans where status is not 0 */
};

/* What TENANT_INFO gives. Text is padded with NUL. */
struct cm_info {
    char tenant[40];
    char card[16];
    char issuer[40];
    uint32_t max_sessions, sessions; /* of this queue pair */
    uint32_t max_handles, handles;   /* of the tenant: keys and running states */
    uint32_t weight;                 /* share of the card */
    uint32_t flags;                  /* CM_INFO_ */
    uint64_t operations;             /* of the tenant, since the broker's start */
};

#define CM_INFO_DEBUG 1u /* the operator allows keys in clear from outside */

#ifndef CM_KERNEL
_Static_assert(sizeof(struct cm_info) == 128, "info: what a call takes as parameters out");
_Static_assert(sizeof(struct cm_control) == 192, "control: three lines");
_Static_assert(sizeof(struct cm_sqe) == 64 && sizeof(struct cm_cqe) == 64, "entries are one cache line");
_Static_assert(sizeof(struct cm_hello) == 128, "hello");
_Static_assert(CM_HEADER_SIZE + CM_QP_SIZE <= CM_REGION_UNIX, "unix region");
_Static_assert(CM_HEADER_SIZE + CM_QP_MAX * CM_QP_SIZE <= CM_REGION_IVSHMEM, "ivshmem region");
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the region is little-endian"
#endif
#endif

#endif
