/* SPDX-License-Identifier: Apache-2.0 */
/*
 * region.h: what all ways to the host share: the sentence of a failure, the check of a region's header, and the two
 * views of a region (header read-only, one queue pair) of one mapping each.
 */
#ifndef CARDMUX_REACH_REGION_H
#define CARDMUX_REACH_REGION_H

#include "frontend/reach/reach.h"
#include "proto/layout.h"

/* Writes a sentence into text[REACH_TEXT] (may be NULL) and returns code. */
__attribute__((format(printf, 3, 4))) uint32_t reach_fail(char *text, uint32_t code, const char *format, ...);

/* The same descriptor under a number above 2; errno is kept where it is none, or set where none was left. A program
   that closed its standard streams would else have one of ours in their place, and what it prints would ring a bell or
   be written over the region. */
int reach_descriptor(int fd);

/* Is this the header of a region of `size` bytes (fstat, BAR) that we understand? SDR_OK or SDR_COMMFAIL. */
uint32_t region_check(const struct cm_header *header, uint64_t size, char *text);

/* known: we were told on a socket that this is a region, so an empty header only means that no broker runs yet.
   Maps header and queue pair q of fd into reach->header and reach->qp, after region_check. On failure nothing stays
   mapped. `*qp_count` (may be NULL): how many there are. */
uint32_t region_map_header(struct reach *reach, int fd, uint64_t size, uint64_t at, bool known, uint32_t *qp_count,
                           char *text);
uint32_t region_map_qp(struct reach *reach, int fd, uint64_t at, uint32_t q, char *text);
void region_unmap(struct reach *reach);

/* Takes the first free queue pair of qp_count by an OFD lock of byte q of fd; -1 where none is free. The lock lives as
   long as fd's open file description, which fork shares: the child closes it. */
int region_claim(int fd, uint32_t qp_count);

#endif
