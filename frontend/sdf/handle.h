/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle.h: what an SDF handle is: a number made to look like a pointer, never dereferenced.
 *
 *   bits 0-1   kind (device, session, key): never 0, so a handle is never NULL and never an aligned address
 *   bits 2-21  slot in a table of this process
 *   bits 22-53 generation of the slot: one more with each object that lived in it
 *
 * A slot's word holds generation, state and pins. Pinning is one atomic add followed by a look at the old value; a pin
 * that hit the wrong object is taken back. Slots are never freed, so looking at a wrong one is harmless. FREE -> LIVE
 * (handle_make), LIVE -> CLOSING (handle_close, one winner), CLOSING -> FREE by whoever drops the last pin: it calls
 * handle_destroyed(). A close during a call of another thread therefore returns at once, and the object goes when that
 * call ends.
 *
 * Fork: a child's handles are its parent's (session.h says what becomes of their objects). Pins that other threads held
 * are nobody's there and are taken back; what was CLOSING is gone; an object in use is asked for by handle_forked.
 *
 * Keys are used only under the lock of their session and carry no object: their slot holds the back end's number and
 * the session incarnation that it belongs to. They are not pinned.
 */
#ifndef CARDMUX_SDF_HANDLE_H
#define CARDMUX_SDF_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

enum handle_kind {
    HANDLE_DEVICE = 1,
    HANDLE_SESSION,
    HANDLE_KEY
};

struct digest_run;

struct handle_key {
    uint32_t number;        /* the back end's */
    uint32_t incarnation;   /* of the session */
    struct digest_run *run; /* a hash's handle; number and incarnation are its own then */
    bool agreement;         /* of one under way, not a session key */
};

/* Makes a device or session handle; NULL where 2^20 handles are in use or memory is out. */
void *handle_make(enum handle_kind kind, void *object);
/* The object, pinned until handle_unpin; NULL for anything that is not a live handle of that kind. */
void *handle_pin(void *handle, enum handle_kind kind);
void handle_unpin(void *handle);
/* False where the handle is not (or, in a race, no longer) live. Calls handle_destroyed now or with the last unpin. */
bool handle_close(void *handle, enum handle_kind kind);
/* Written by the owner of the objects (session.c). Called without locks held by this file. */
void handle_destroyed(enum handle_kind kind, void *object);
/* In a forked child, likewise, for each live device and session: false where it cannot be used, since another thread
   of the parent was in the middle of it. Its handle is dead then, and its memory is left alone. */
bool handle_forked(enum handle_kind kind, void *object);

/* Keys. owner is the handle of the session, whose lock the caller holds; *first is the head of the session's list of
   keys (0: empty). handle_key_make leaves the key's number to be filled in. */
void *handle_key_make(void *owner, uint32_t *first, struct handle_key **key);
struct handle_key *handle_key_find(void *handle, void *owner);
void handle_key_drop(void *handle, void *owner, uint32_t *first);
/* All of a session; `gone` sees each before. */
void handle_key_drop_all(void *owner, uint32_t *first, void (*gone)(struct handle_key *));

#endif
