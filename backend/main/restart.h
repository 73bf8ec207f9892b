/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restart.h: when a child that ended is started again. At once if it had lived for a second; one that dies young is
 * started again at once too, but from the sixth such death within ten seconds on after 100 ms, doubled with each death
 * up to five seconds. Never given up.
 */
#ifndef CARDMUX_RESTART_H
#define CARDMUX_RESTART_H

#include <stdint.h>

#define RESTART_FAST      5u
#define RESTART_YOUNG_MS  1000u
#define RESTART_WINDOW_MS 10000u
#define RESTART_FIRST_MS  100u
#define RESTART_LAST_MS   5000u

struct restart {
    uint64_t deaths[RESTART_FAST + 1]; /* ring; 0: none */
    unsigned next;
    unsigned delay_ms;
};

/* A death at now_ms (not 0) after a life of lived_ms: milliseconds to wait. */
static inline unsigned restart_delay(struct restart *restart, uint64_t now_ms, uint64_t lived_ms)
{
    if (lived_ms >= RESTART_YOUNG_MS) {
        *restart = (struct restart){0};
        return 0;
    }
    restart->deaths[restart->next] = now_ms;
    restart->next = (restart->next + 1) % (RESTART_FAST + 1);
    uint64_t oldest = restart->deaths[restart->next];
    /* once delayed, the window must hold the delays too */
    uint64_t window = RESTART_WINDOW_MS + (uint64_t)RESTART_FAST * restart->delay_ms;
    if (!oldest || now_ms - oldest > window) {
        restart->delay_ms = 0;
    } else if (!restart->delay_ms) {
        restart->delay_ms = RESTART_FIRST_MS;
    } else {
        restart->delay_ms = restart->delay_ms * 2 < RESTART_LAST_MS ? restart->delay_ms * 2 : RESTART_LAST_MS;
    }
    return restart->delay_ms;
}

#endif
