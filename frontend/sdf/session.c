/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "frontend/sdf/session.h"
#include "frontend/sdf/dialect.h"

struct sdf_device {
    _Atomic uint32_t refs; /* its handle, and each session */
    struct link *link;
    bool closed; /* this and the list under lists_lock */
    struct sdf_session *sessions;
};

static pthread_mutex_t lists_lock = PTHREAD_MUTEX_INITIALIZER; /* one for all devices, so that a fork can take it */
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void fork_prepare(void)
{
    pthread_mutex_lock(&lists_lock);
}

static void fork_over(void)
{
    pthread_mutex_unlock(&lists_lock);
}

static void fork_watch(void)
{
    pthread_atfork(fork_prepare, fork_over, fork_over);
}

bool handle_forked(enum handle_kind kind, void *object)
{
    struct sdf_session *session = object;
    if (kind != HANDLE_SESSION)
        return true;
    bool idle = pthread_mutex_trylock(&session->lock) == 0;
    if (idle)
        pthread_mutex_unlock(&session->lock);
    else
        atomic_fetch_sub(&session->device->refs, 1);
    return idle;
}

static void device_unref(struct sdf_device *device)
{
    if (atomic_fetch_sub(&device->refs, 1) != 1)
        return;
    link_put(device->link);
    free(device);
}

static void session_unlist(struct sdf_session *session)
{
    if (!session->listed)
        return;
    if (session->prev)
        session->prev->next = session->next;
    else
        session->device->sessions = session->next;
    if (session->next)
        session->next->prev = session->prev;
    session->listed = false;
}

/* Nobody has it pinned any more. */
static void session_destroy(struct sdf_session *session)
{
    struct sdf_device *device = session->device;
    pthread_mutex_lock(&lists_lock);
    session_unlist(session);
    pthread_mutex_unlock(&lists_lock);
    handle_key_drop_all(session->handle, &session->first_key, hash_handle_gone);
    run_release(&session->hash);
    run_release(&session->mac);
    run_release(&session->hmac);
    for (int decrypt = 0; decrypt < 2; decrypt++) {
        cipher_run_drop(NULL, &session->cipher[decrypt]);
        aead_run_drop(NULL, &session->aead[decrypt]);
    }
    if (session->wire)
        session_close(session->wire);
    pthread_mutex_destroy(&session->lock);
    free(session);
    device_unref(device);
}

void handle_destroyed(enum handle_kind kind, void *object)
{
    if (kind == HANDLE_DEVICE)
        device_unref(object);
    else if (kind == HANDLE_SESSION)
        session_destroy(object);
}

static int stay(void)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

static int as_before(int cancel_state, uint32_t status)
{
    pthread_setcancelstate(cancel_state, &cancel_state);
    return (int)status;
}

static uint32_t device_open(void **handle_out)
{
    char text[256] = "";
    const char *wrong = dialect_wrong();
    struct sdf_device *device = calloc(1, sizeof *device);
    if (!device)
        return SDR_NOBUFFER;
    if (wrong)
        snprintf(text, sizeof text, "%s", wrong);
    uint32_t status = wrong ? SDR_OPENDEVICE : link_get(&device->link, text, sizeof text);
    if (status != SDR_OK) {
        if (getenv("CARDMUX_DEBUG"))
            fprintf(stderr, "libsdf: no virtual card: %s\n", text);
        free(device);
        return status;
    }
    pthread_once(&fork_once, fork_watch);
    atomic_store(&device->refs, 1);
    void *handle = handle_make(HANDLE_DEVICE, device);
    if (!handle) {
        device_unref(device);
        return SDR_NOBUFFER;
    }
    if (getenv("CARDMUX_DEBUG"))
        fprintf(stderr, "libsdf: virtual card by %s\n", link_reach(device->link));
    *handle_out = handle;
    return SDR_OK;
}

int SDF_OpenDevice(void **phDeviceHandle)
{
    int before = stay();
    return as_before(before, phDeviceHandle ? device_open(phDeviceHandle) : SDR_OUTARGERR);
}

static uint32_t device_close(void *handle)
{
    struct sdf_device *device = handle_pin(handle, HANDLE_DEVICE);
    if (!device)
        return SDR_INARGERR;
    if (!handle_close(handle, HANDLE_DEVICE)) {
        handle_unpin(handle);
        return SDR_INARGERR;
    }
    pthread_mutex_lock(&lists_lock);
    device->closed = true;
    while (device->sessions) {
        /* by its handle alone once the lock is off: the session may go at any time then */
        void *session = device->sessions->handle;
        session_unlist(device->sessions);
        pthread_mutex_unlock(&lists_lock);
        handle_close(session, HANDLE_SESSION);
        pthread_mutex_lock(&lists_lock);
    }
    pthread_mutex_unlock(&lists_lock);
    handle_unpin(handle);
    return SDR_OK;
}

int SDF_CloseDevice(void *hDeviceHandle)
{
    int before = stay();
    return as_before(before, device_close(hDeviceHandle));
}

/* Enters a new session into its device's list; false where the device was closed meanwhile. */
static bool session_list(struct sdf_session *session)
{
    struct sdf_device *device = session->device;
    pthread_mutex_lock(&lists_lock);
    bool open = !device->closed;
    if (open) {
        session->next = device->sessions;
        if (session->next)
            session->next->prev = session;
        device->sessions = session;
        session->listed = true;
    }
    pthread_mutex_unlock(&lists_lock);
    return open;
}

static uint32_t session_make(struct sdf_device *device, void **handle)
{
    struct sdf_session *session = calloc(1, sizeof *session);
    if (!session)
        return SDR_NOBUFFER;
    pthread_mutex_init(&session->lock, NULL);
    session->device = device;
    atomic_fetch_add(&device->refs, 1);
    uint32_t status = session_open(device->link, &session->wire);
    if (status != SDR_OK) {
        session->wire = NULL;
        session_destroy(session);
        return status;
    }
    /* Between the two steps only a caller who guesses handles could meet it; the lock keeps even him out. */
    pthread_mutex_lock(&session->lock);
    void *made = handle_make(HANDLE_SESSION, session);
    session->handle = made;
    pthread_mutex_unlock(&session->lock);
    if (!made) {
        session_destroy(session);
        return SDR_NOBUFFER;
    }
    if (!session_list(session)) {
        handle_close(made, HANDLE_SESSION);
        return SDR_INARGERR;
    }
    *handle = made;
    return SDR_OK;
}

int SDF_OpenSession(void *hDeviceHandle, void **phSessionHandle)
{
    struct sdf_device *device = handle_pin(hDeviceHandle, HANDLE_DEVICE);
    if (!device)
        return SDR_INARGERR;
    int before = stay();
    uint32_t status = phSessionHandle ? session_make(device, phSessionHandle) : SDR_OUTARGERR;
    handle_unpin(hDeviceHandle);
    return as_before(before, status);
}

int SDF_CloseSession(void *hSessionHandle)
{
    int before = stay();
    return as_before(before, handle_close(hSessionHandle, HANDLE_SESSION) ? SDR_OK : SDR_INARGERR);
}

struct sdf_session *session_enter(void *handle)
{
    struct sdf_session *session = handle_pin(handle, HANDLE_SESSION);
    if (session) {
        int before = stay();
        pthread_mutex_lock(&session->lock);
        session->cancel_state = before;
        session_begin(session->wire);
    }
    return session;
}

int session_leave(struct sdf_session *session, uint32_t status)
{
    void *handle = session->handle;
    int before = session->cancel_state;
    pthread_mutex_unlock(&session->lock);
    handle_unpin(handle);
    return as_before(before, status);
}

const char *session_reach(const struct sdf_session *session)
{
    return link_reach(session->device->link);
}

uint32_t session_call(struct sdf_session *session, struct call *call)
{
    return session_run(session->wire, call, 1);
}

uint32_t session_call_expect(struct sdf_session *session, struct call *call, size_t param_len, size_t data_len)
{
    uint32_t status = session_run(session->wire, call, 1);
    if (status == SDR_OK && (call->param_out_len != param_len || call->out_len != data_len))
        status = SDR_COMMFAIL;
    return status;
}

uint32_t session_loss(struct sdf_session *session, uint32_t otherwise)
{
    if (session->loss_collected == session_incarnation(session->wire))
        return otherwise;
    struct call call = {.op = CM_OP_KEY_DESTROY, .key = 0}; /* no key has number 0 */
    uint32_t status = session_call(session, &call);
    session->loss_collected = session_incarnation(session->wire);
    return status == SDR_COMMFAIL ? SDR_COMMFAIL : otherwise;
}

static uint32_t number_of(struct sdf_session *session, void *handle, bool agreement, uint32_t *number)
{
    struct handle_key *key = handle_key_find(handle, session->handle);
    if (!key || key->run || key->agreement != agreement)
        return SDR_INARGERR;
    if (key->incarnation != session_incarnation(session->wire))
        return session_loss(session, SDR_KEYNOTEXIST);
    *number = key->number;
    return SDR_OK;
}

uint32_t session_key(struct sdf_session *session, void *handle, uint32_t *number)
{
    return number_of(session, handle, false, number);
}

uint32_t session_agreement(struct sdf_session *session, void *handle, uint32_t *number)
{
    return number_of(session, handle, true, number);
}
