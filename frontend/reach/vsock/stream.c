/* SPDX-License-Identifier: Apache-2.0 */
#include "frontend/reach/vsock/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "cardmux/sdf.h"
#include "frontend/reach/region.h"
#include "proto/ring.h"
#include "proto/stream.h"

#define SEND_IOV     96u
#define SEND_MOST    131072u
#define RECEIVES_MAX 8 /* of one look */
#define RETRY_MIN_MS 10u
#define RETRY_MAX_MS 500u

enum stream_reach_state {
    STREAM_LOST,
    STREAM_CONNECTING,
    STREAM_GREETING,
    STREAM_OPEN,
    STREAM_DEAD
};

struct stream_reach {
    struct reach reach; /* first; header and qp are ours alone */
    struct stream_address address;
    pthread_mutex_t rx, tx;
    int socket; /* the number is kept; -1: never connected */
    int kicked; /* eventfd */
    _Atomic uint32_t state;
    _Atomic bool more;    /* something was published that the one who sends may not have seen */
    _Atomic bool blocked; /* the socket took no more */
    uint32_t hello_at;
    unsigned retry_ms;
    uint64_t retry_at; /* ms */
    uint32_t code;     /* DEAD: why */
    char why[REACH_TEXT];
    struct cm_stream_hello hello;
    struct cm_stream wire;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static enum stream_reach_state state_of(const struct stream_reach *stream)
{
    return (enum stream_reach_state)atomic_load_explicit(&stream->state, memory_order_acquire);
}

static void state_set(struct stream_reach *stream, enum stream_reach_state state)
{
    atomic_store_explicit(&stream->state, state, memory_order_release);
}

/* ---- sending ---- */

/* Under tx. */
static void send_published(struct stream_reach *stream)
{
    struct iovec iov[SEND_IOV];
    size_t bytes;
    atomic_store_explicit(&stream->blocked, false, memory_order_relaxed);
    while (cm_stream_gather(&stream->wire)) {
        struct msghdr message = {.msg_iov = iov,
                                 .msg_iovlen = cm_stream_from(&stream->wire, iov, SEND_IOV, SEND_MOST, &bytes)};
        ssize_t sent = sendmsg(stream->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            cm_stream_left(&stream->wire, (size_t)sent);
        } else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
            atomic_store_explicit(&stream->blocked, true, memory_order_relaxed);
            return;
        } else if (errno != EINTR) {
            shutdown(stream->socket, SHUT_RDWR); /* who receives will see it */
            return;
        }
    }
}

/* The owner of the queue pair names itself, or changes: what a broker does when it is rung. A new owner on a stream
   that was used gets a new connection, since the broker's end has no other way to begin anew. Under rx and tx. */
static void settle_epoch(struct stream_reach *stream);

static uint32_t epoch_wanted(const struct stream_reach *stream)
{
    return shm_load32(stream->reach.qp, offsetof(struct cm_control, epoch_wanted));
}

/* One thread sends for all who ask meanwhile. */
void stream_reach_ring(struct reach *reach)
{
    struct stream_reach *stream = (struct stream_reach *)reach;
    if (state_of(stream) == STREAM_OPEN &&
        epoch_wanted(stream) != shm_load32(reach->qp, offsetof(struct cm_control, epoch))) {
        pthread_mutex_lock(&stream->rx);
        pthread_mutex_lock(&stream->tx);
        settle_epoch(stream);
        pthread_mutex_unlock(&stream->tx);
        pthread_mutex_unlock(&stream->rx);
    }
    atomic_store(&stream->more, true);
    while (atomic_load(&stream->more) && pthread_mutex_trylock(&stream->tx) == 0) {
        atomic_store(&stream->more, false);
        if (state_of(stream) == STREAM_OPEN)
            send_published(stream);
        pthread_mutex_unlock(&stream->tx);
    }
}

/* ---- states; under rx ---- */

/* Never given twice in a process: equality is all that counts. */
static uint64_t generation_new(void)
{
    static _Atomic uint64_t last;
    return atomic_fetch_add(&last, 1) + 1;
}

/* served: by the broker at the other end. Else the number says only that the last one is gone; 0 in the control page
   would say that this memory is, with results in it that have come and were not taken yet. */
static void say_generation(struct stream_reach *stream, uint64_t generation, bool served)
{
    shm_store64(stream->reach.header, offsetof(struct cm_header, generation), served ? generation : 0);
    shm_store64(stream->reach.qp, offsetof(struct cm_control, generation), generation);
}

static void die(struct stream_reach *stream, uint32_t code, const char *why)
{
    stream->code = code;
    reach_fail(stream->why, code, "%.120s: %.100s", stream->address.text, why);
    say_generation(stream, generation_new(), false);
    state_set(stream, STREAM_DEAD);
}

/* Under rx and tx. */
static void lose(struct stream_reach *stream)
{
    if (stream->socket >= 0)
        shutdown(stream->socket, SHUT_RDWR);
    say_generation(stream, generation_new(), false);
    stream->retry_ms = stream->retry_ms ? stream->retry_ms * 2 : RETRY_MIN_MS;
    if (stream->retry_ms > RETRY_MAX_MS)
        stream->retry_ms = RETRY_MAX_MS;
    stream->retry_at = now_ms() + stream->retry_ms;
    state_set(stream, STREAM_LOST);
}

static void lose_locked(struct stream_reach *stream)
{
    pthread_mutex_lock(&stream->tx);
    lose(stream);
    pthread_mutex_unlock(&stream->tx);
}

static void settle_epoch(struct stream_reach *stream)
{
    uint32_t wanted = epoch_wanted(stream);
    if (state_of(stream) != STREAM_OPEN || !wanted || wanted == stream->wire.epoch)
        return;
    if (stream->wire.out.pos != 1) {
        stream->retry_ms = 0;
        lose(stream);
        return;
    }
    stream->wire.epoch = wanted;
    shm_store32(stream->reach.qp, offsetof(struct cm_control, epoch), wanted);
}

static void greeted(struct stream_reach *stream)
{
    const struct cm_stream_hello *hello = &stream->hello;
    struct shm_span qp = stream->reach.qp;
    uint64_t generation = generation_new();
    struct cm_header header = {.magic = CM_MAGIC,
                               .version = CM_LAYOUT_VERSION,
                               .qp_count = 1,
                               .region_size = CM_REGION_UNIX,
                               .slots = CM_SLOTS,
                               .slot_size = CM_SLOT_SIZE,
                               .param_size = CM_PARAM_SIZE,
                               .host_peer = CM_IVSHMEM_HOST,
                               .state = CM_DOOR_OPEN,
                               .deadline_ms = hello->deadline_ms};
    memcpy(header.tenant, hello->tenant, sizeof header.tenant - 1);
    pthread_mutex_lock(&stream->tx);
    cm_stream_start(&stream->wire, qp, false, hello->generation, generation, epoch_wanted(stream));
    atomic_store(&stream->blocked, false);
    shm_copy_out(stream->reach.header, 0, &header, sizeof header);
    shm_store32(qp, offsetof(struct cm_control, epoch), stream->wire.epoch);
    shm_store32(qp, offsetof(struct cm_control, crowded), 0);
    shm_store32(qp, offsetof(struct cm_control, broker_sleeps), 1); /* so that each burst is rung, and sent */
    say_generation(stream, generation, true);
    stream->retry_ms = 0;
    state_set(stream, STREAM_OPEN);
    pthread_mutex_unlock(&stream->tx);
}

/* What the hello says against us, as a sentence of its own. */
static void refused(struct stream_reach *stream, const char *fault)
{
    struct cm_stream_hello *hello = &stream->hello;
    char said[sizeof hello->text + 32] = "the host refuses: ";
    size_t at = strlen(said);
    bool text = hello->magic == CM_STREAM_MAGIC && hello->version == CM_STREAM_VERSION && hello->status;
    for (size_t i = 0; text && i < sizeof hello->text && hello->text[i] >= ' ' && hello->text[i] <= '~'; i++)
        said[at++] = hello->text[i];
    die(stream, text ? hello->status : SDR_COMMFAIL, text ? said : fault);
}

static void take_greeting(struct stream_reach *stream)
{
    ssize_t got = recv(stream->socket, (uint8_t *)&stream->hello + stream->hello_at,
                       sizeof stream->hello - stream->hello_at, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        lose_locked(stream);
        return;
    }
    stream->hello_at += (uint32_t)got;
    bool ours = stream->hello_at < sizeof stream->hello.magic || stream->hello.magic == CM_STREAM_MAGIC;
    if (ours && stream->hello_at < sizeof stream->hello)
        return;
    const char *fault = cm_stream_hello_fault(&stream->hello);
    if (fault)
        refused(stream, fault);
    else
        greeted(stream);
}

static void connect_done(struct stream_reach *stream, int error)
{
    if (error) {
        die(stream, SDR_OPENDEVICE, strerror(error));
        return;
    }
    stream->hello_at = 0;
    state_set(stream, STREAM_GREETING);
}

static void connect_begin(struct stream_reach *stream)
{
    int fresh = reach_descriptor(socket(stream->address.at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fresh < 0) {
        die(stream, SDR_OPENDEVICE, strerror(errno));
        return;
    }
    pthread_mutex_lock(&stream->tx);
    if (stream->socket < 0) {
        stream->socket = fresh;
    } else {
        dup3(fresh, stream->socket, O_CLOEXEC);
        close(fresh);
    }
    pthread_mutex_unlock(&stream->tx);
    int result = connect(stream->socket, (struct sockaddr *)&stream->address.at, stream->address.len);
    if (result && errno == EINPROGRESS)
        state_set(stream, STREAM_CONNECTING);
    else if (result && (errno == EAGAIN || errno == EINTR)) /* a full backlog */
        lose_locked(stream);
    else
        connect_done(stream, result ? errno : 0);
}

static void connect_look(struct stream_reach *stream)
{
    struct pollfd fd = {.fd = stream->socket, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;
    if (poll(&fd, 1, 0) <= 0)
        return;
    if (getsockopt(stream->socket, SOL_SOCKET, SO_ERROR, &error, &len))
        error = errno;
    connect_done(stream, error);
}

static void receive(struct stream_reach *stream)
{
    for (unsigned i = 0; i < RECEIVES_MAX; i++) {
        struct iovec iov[CM_STREAM_INTO];
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = cm_stream_into(&stream->wire, iov)};
        size_t room = 0;
        for (unsigned k = 0; k < message.msg_iovlen; k++)
            room += iov[k].iov_len;
        ssize_t got = recvmsg(stream->socket, &message, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0 || !cm_stream_got(&stream->wire, (size_t)got, NULL)) {
            lose_locked(stream);
            return;
        }
        uint32_t crowded = stream->wire.note & CM_STREAM_NOTE_CROWDED;
        if (shm_load32(stream->reach.qp, offsetof(struct cm_control, crowded)) != crowded)
            shm_store32(stream->reach.qp, offsetof(struct cm_control, crowded), crowded);
        if ((size_t)got < room)
            return;
    }
}

static void step(struct stream_reach *stream)
{
    switch (state_of(stream)) {
    case STREAM_OPEN:
        receive(stream);
        break;
    case STREAM_GREETING:
        take_greeting(stream);
        break;
    case STREAM_CONNECTING:
        connect_look(stream);
        break;
    case STREAM_LOST:
        if (now_ms() >= stream->retry_at)
            connect_begin(stream);
        break;
    case STREAM_DEAD:
        break;
    }
}

void stream_reach_look(struct reach *reach)
{
    struct stream_reach *stream = (struct stream_reach *)reach;
    if (pthread_mutex_trylock(&stream->rx))
        return; /* somebody receives */
    step(stream);
    pthread_mutex_unlock(&stream->rx);
    if (atomic_load_explicit(&stream->blocked, memory_order_relaxed))
        stream_reach_ring(reach);
}

void stream_reach_wait(struct reach *reach, int timeout_ms)
{
    struct stream_reach *stream = (struct stream_reach *)reach;
    struct pollfd fds[2] = {{.fd = stream->kicked, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    enum stream_reach_state state = state_of(stream);
    if (state == STREAM_LOST && timeout_ms > (int)RETRY_MIN_MS)
        timeout_ms = RETRY_MIN_MS;
    if (state != STREAM_LOST && state != STREAM_DEAD)
        fds[1].fd = stream->socket;
    if (state == STREAM_CONNECTING)
        fds[1].events = POLLOUT;
    else if (atomic_load_explicit(&stream->blocked, memory_order_relaxed))
        fds[1].events |= POLLOUT;
    eventfd_t count;
    if (poll(fds, 2, timeout_ms) > 0 && fds[0].revents)
        (void)!eventfd_read(stream->kicked, &count);
    pthread_mutex_lock(&stream->rx);
    step(stream);
    pthread_mutex_unlock(&stream->rx);
    if (atomic_load_explicit(&stream->blocked, memory_order_relaxed))
        stream_reach_ring(reach);
}

void stream_reach_kick(struct reach *reach)
{
    (void)!eventfd_write(((struct stream_reach *)reach)->kicked, 1);
}

bool stream_reach_alive(struct reach *reach)
{
    return state_of((struct stream_reach *)reach) != STREAM_DEAD;
}

/* ---- open and close ---- */

void stream_reach_forget(struct reach *reach)
{
    struct stream_reach *stream = (struct stream_reach *)reach;
    if (stream->socket >= 0)
        close(stream->socket);
    if (stream->kicked >= 0)
        close(stream->kicked);
    region_unmap(reach);
    free(stream);
}

void stream_reach_close(struct reach *reach)
{
    struct stream_reach *stream = (struct stream_reach *)reach;
    if (stream->socket >= 0)
        shutdown(stream->socket, SHUT_RDWR); /* a forked child may hold a copy */
    pthread_mutex_destroy(&stream->rx);
    pthread_mutex_destroy(&stream->tx);
    stream_reach_forget(reach);
}

static bool map_own(struct reach *reach)
{
    void *header = mmap(NULL, CM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *qp = mmap(NULL, CM_QP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    reach->header = header == MAP_FAILED ? (struct shm_span){NULL, 0} : shm_span_of(header, CM_PAGE);
    reach->qp = qp == MAP_FAILED ? (struct shm_span){NULL, 0} : shm_span_of(qp, CM_QP_SIZE);
    return header != MAP_FAILED && qp != MAP_FAILED;
}

uint32_t stream_reach_open(const struct reach_driver *driver, const struct stream_address *address, unsigned limit_ms,
                           struct reach **out, char *text)
{
    struct stream_reach *stream = calloc(1, sizeof *stream);
    if (!stream)
        return reach_fail(text, SDR_NOBUFFER, "out of memory");
    stream->reach.driver = driver;
    stream->reach.interrupts = true;
    stream->address = *address;
    stream->socket = -1;
    stream->kicked = reach_descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    pthread_mutex_init(&stream->rx, NULL);
    pthread_mutex_init(&stream->tx, NULL);
    if (stream->kicked < 0 || !map_own(&stream->reach)) {
        stream_reach_close(&stream->reach);
        return reach_fail(text, SDR_NOBUFFER, "no memory or descriptors for a queue pair");
    }
    stream_reach_look(&stream->reach); /* connects */
    uint64_t end = now_ms() + limit_ms;
    bool lost = false;
    while (state_of(stream) != STREAM_OPEN && state_of(stream) != STREAM_DEAD && now_ms() < end && !lost) {
        stream_reach_wait(&stream->reach, limit_ms < 100 ? (int)limit_ms : 100);
        lost = state_of(stream) == STREAM_LOST && stream->hello_at == 0 && stream->retry_ms > RETRY_MIN_MS * 4;
    }
    if (state_of(stream) == STREAM_OPEN) {
        *out = &stream->reach;
        return SDR_OK;
    }
    uint32_t code = SDR_COMMFAIL;
    if (state_of(stream) == STREAM_DEAD)
        code = reach_fail(text, stream->code, "%s", stream->why);
    else
        reach_fail(text, code, "%.120s: %s", stream->address.text,
                   state_of(stream) == STREAM_GREETING ? "connected, but no word from cardmuxd"
                                                       : "the connection ends at once, or is not taken");
    stream_reach_close(&stream->reach);
    return code;
}
