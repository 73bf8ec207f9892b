/* SPDX-License-Identifier: Apache-2.0 */
/*
 * absent.c: what the functions that this release does not do answer: SDR_NOTSUPPORT on a live session, SDR_INARGERR on
 * anything else. They are exported so that programs link, and no argument but the session is looked at. All of them are
 * of the annexes: absent_annex.c; functions.def says which, and why.
 */
#include "frontend/sdf/absent.h"
#include "frontend/sdf/session.h"

int absent(void *handle)
{
    if (!handle_pin(handle, HANDLE_SESSION))
        return SDR_INARGERR;
    handle_unpin(handle);
    return SDR_NOTSUPPORT;
}
