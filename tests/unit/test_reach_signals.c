/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cardmux/sdf.h"
#include "frontend/reach/reach.h"

#define OPENS    4
#define LIMIT_MS 200

static void ignore_signal(int number)
{
    (void)number;
}

/* At a listener that takes nobody a program whose timer ticks has its answer all the same. */
static void signals_lengthen_no_wait(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct sigaction act = {.sa_handler = ignore_signal, .sa_flags = SA_RESTART};
    struct itimerval tick = {{0, LIMIT_MS * 250}, {0, LIMIT_MS * 250}}, none = {{0, 0}, {0, 0}};
    int waiting[OPENS], listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)state;
    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/cardmux-signals-%d", (int)getpid());
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &tick, NULL), 0);
    for (int i = 0; i < OPENS; i++) { /* the first hears no word, the last find the queue full */
        struct reach *reach = NULL;
        char text[REACH_TEXT] = "";
        assert_int_not_equal(reach_unix.open(address.sun_path, LIMIT_MS, &reach, text), SDR_OK);
        assert_null(reach);
        waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(waiting[i], (struct sockaddr *)&address, sizeof address);
    }
    assert_int_equal(setitimer(ITIMER_REAL, &none, NULL), 0);
    for (int i = 0; i < OPENS; i++)
        close(waiting[i]);
    close(listener);
    unlink(address.sun_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(signals_lengthen_no_wait)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
