/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.c: the chooser. Which way a process takes decides as whom the host knows it, so a door that somebody named (a
 * socket in the environment or in client.conf, a reach) is taken or the open fails; only where nobody named one are
 * the usual places tried in turn: the socket, the kernel module, vfio, the bare device, vsock. The socket comes first
 * because somebody put it there for this container; vsock last among the ways out of a guest because it is slower, and
 * because it knows no containers: all of a guest's processes are one tenant there.
 */
#include <stdio.h>
#include <string.h>
#include "cardmux/sdf.h"
#include "frontend/reach/conf.h"
#include "frontend/reach/region.h"
#include "frontend/reach/vsock/vsock.h"

static const struct reach_driver *const all[] = {&reach_unix,         &reach_ivshmem_module, &reach_ivshmem_vfio,
                                                 &reach_ivshmem_poll, &reach_vsock,          &reach_ivshmem_peer,
                                                 &reach_stream};
#define ALL     (sizeof all / sizeof all[0])
#define USUAL   (ALL - 2) /* peer and stream only by name */
#define IVSHMEM 4         /* the end of those that are ivshmem */

/* Tries all[first..end); the first failure that is more than "not there" gives the code. */
static uint32_t try_in_turn(size_t first, size_t end, const char *where, struct reach **out, char *text)
{
    uint32_t code = SDR_OPENDEVICE;
    char said[REACH_TEXT] = "";
    size_t used = 0;
    for (size_t i = first; i < end; i++) {
        char why[REACH_TEXT] = "";
        bool alone = end - first == 1;
        uint32_t one =
            all[i] == &reach_vsock && !alone ? vsock_open_usual(where, out, why) : all[i]->open(where, out, why);
        if (one == SDR_OK)
            return SDR_OK;
        if (code == SDR_OPENDEVICE)
            code = one;
        int n = snprintf(said + used, sizeof said - used, "%s%s: %s", used ? "; " : "", all[i]->name, why);
        used += n < 0 ? 0 : (size_t)n;
        if (used >= sizeof said)
            used = sizeof said - 1;
    }
    return reach_fail(text, code, "%s", said);
}

uint32_t reach_open(const char *reach, const char *where, struct reach **out, char *text)
{
    struct conf conf = {.reach = ""};
    char unused[REACH_TEXT];
    *out = NULL;
    if (!text)
        text = unused;
    text[0] = 0;
    if (!reach || !where) {
        uint32_t code = conf_load(&conf, text);
        if (code != SDR_OK)
            return code;
    }
    if (!reach && conf.reach[0] && !where)
        reach = conf.reach;
    if (!reach && (where || conf.socket[0]))
        reach = "unix";
    if (!reach)
        return try_in_turn(0, USUAL, NULL, out, text);
    if (!strcmp(reach, "ivshmem"))
        return try_in_turn(1, IVSHMEM, where, out, text);
    for (size_t i = 0; i < ALL; i++)
        if (!strcmp(reach, all[i]->name))
            return try_in_turn(i, i + 1, where, out, text);
    return reach_fail(text, SDR_OPENDEVICE, "no reach '%.40s' in this library", reach);
}
