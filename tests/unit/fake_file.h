/* SPDX-License-Identifier: Apache-2.0 */
/* fake_file.h: the files of the back end that fake_link.h plays: a few, in memory. */
#ifndef CARDMUX_TEST_FAKE_FILE_H
#define CARDMUX_TEST_FAKE_FILE_H

#include "frontend/client/call.h"

uint32_t fake_file(struct call *call);

#endif
