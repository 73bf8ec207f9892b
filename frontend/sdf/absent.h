/* SPDX-License-Identifier: Apache-2.0 */
/* absent.h: the answer of a function that this release does not do. */
#ifndef CARDMUX_SDF_ABSENT_H
#define CARDMUX_SDF_ABSENT_H

/* SDR_NOTSUPPORT on a live session, else SDR_INARGERR. */
int absent(void *handle);

#endif
