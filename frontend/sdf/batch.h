/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h: between batch.c and async.c. */
#ifndef CARDMUX_SDF_BATCH_H
#define CARDMUX_SDF_BATCH_H

#include "cardmux/sdf_ext.h"

/* Runs them all; each gets its status. */
void batch_run(struct cardmux_sdf_call **calls, size_t n);

#endif
