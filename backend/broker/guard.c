/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.c: ringing and being rung by somebody who may want us to hang.
 *
 * The eventfds of a tenant are one open file each, in its hands too (by SCM_RIGHTS), and O_NONBLOCK is the file's, not
 * the descriptor's. A tenant can take it away, then fill the counter that we add to, or empty the one that we read just
 * before we do: the call would sleep, and with it the thread that serves all tenants. No flag of ours can rule that
 * out, since it can change between any check and the call.
 *
 * So a timer of this thread interrupts it every GUARD_MS (its handler does nothing). A read or write of an eventfd
 * ends with EINTR only if it slept: that tenant is not rung any more, and its doorbells are taken from epoll without
 * being read. Its front ends look by themselves, ten times a second. The signal is blocked while the thread sleeps in
 * epoll, and a timer whose signal is pending does not run, so an idle broker is not woken by it.
 *
 * Doorbells are watched edge-triggered: a ring that we do not read costs nothing after it was seen once.
 */
#include "backend/broker/broker.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GUARD_MS     10
#define GUARD_SIGNAL SIGRTMIN

static void interrupted(int number)
{
    (void)number;
}

bool guard_start(void)
{
    struct sigaction action = {.sa_handler = interrupted}; /* without SA_RESTART: that is the point */
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = GUARD_SIGNAL};
    struct itimerspec every = {.it_interval.tv_nsec = GUARD_MS * 1000000, .it_value.tv_nsec = GUARD_MS * 1000000};
    sigset_t set;
    timer_t timer;
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    sigemptyset(&set);
    sigaddset(&set, GUARD_SIGNAL);
    return !sigaction(GUARD_SIGNAL, &action, NULL) && !pthread_sigmask(SIG_UNBLOCK, &set, NULL) &&
           !timer_create(CLOCK_MONOTONIC, &event, &timer) && !timer_settime(timer, 0, &every, NULL);
}

int guard_epoll(int epoll_fd, struct epoll_event *events, int max, int timeout_ms)
{
    sigset_t set;
    if (!timeout_ms)
        return epoll_wait(epoll_fd, events, max, 0);
    sigemptyset(&set);
    sigaddset(&set, GUARD_SIGNAL);
    return epoll_pwait(epoll_fd, events, max, timeout_ms, &set);
}

static void slept(struct tenant *tenant)
{
    if (errno != EINTR || tenant->blocks)
        return; /* EAGAIN: the counter is full, or the tenant emptied it: its own loss */
    tenant->blocks = true;
    broker_log("tenant %s made an eventfd block that it shares with the broker: it is not woken any more",
               tenant->record.name);
}

void tenant_ring(struct tenant *tenant, int fd)
{
    uint64_t one = 1;
    if (tenant->blocks)
        return;
    if (write(fd, &one, sizeof one) == sizeof one)
        tenant->counters.wakeups++;
    else
        slept(tenant);
}

void channel_wake(struct channel *channel)
{
    tenant_ring(channel->tenant, channel->wake_fd);
}

void channel_heard(struct channel *channel)
{
    uint64_t count;
    channel->rung = true;
    channel->tenant->counters.doorbells++;
    if (!channel->tenant->blocks && read(channel->doorbell_fd, &count, sizeof count) < 0)
        slept(channel->tenant);
}
