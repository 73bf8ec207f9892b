/* SPDX-License-Identifier: Apache-2.0 */
/* scarce.h: memory that is refused once, when an input says so; for targets that link scarce.c with its words. */
#ifndef CARDMUX_FUZZ_SCARCE_H
#define CARDMUX_FUZZ_SCARCE_H

/* The how manieth allocation of the tested code on the main thread is refused, from now on. 0: none. */
extern unsigned scarce;

#endif
