/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.c: the chooser. Which way a process takes decides as whom the host knows it, so a door that somebody chose for
 * it is taken or the open fails: a reach or a socket that environment or client.conf names, and the socket in the usual
 * place, since somebody put it there for this very container (which in a guest must not become the guest by its vsock
 * instead). Where there is none of these, the guest's own ways are tried, the fastest first: the kernel module, vfio,
 * the bare device, vsock.
 *
 * A process whose way died may take any of them, the socket among them: it knows its tenant by then, and the client
 * refuses a door at which the host calls it by another name. Not so where one way was named: that alone is opened anew.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
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
_Static_assert(ALL <= REACH_WAYS, "a choice of all of them");

static void choose_range(struct reach_choice *choice, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        bool there = false;
        for (size_t k = 0; k < choice->n; k++)
            there |= choice->ways[k] == all[i];
        if (!there)
            choice->ways[choice->n++] = all[i];
    }
}

static bool choose_name(struct reach_choice *choice, const char *name, size_t len)
{
    if (len == 7 && !memcmp(name, "ivshmem", 7)) {
        choose_range(choice, 1, IVSHMEM);
        return true;
    }
    for (size_t i = 0; i < ALL; i++)
        if (len == strlen(all[i]->name) && !memcmp(name, all[i]->name, len)) {
            choose_range(choice, i, i + 1);
            return true;
        }
    return false;
}

/* Names with commas between. */
static uint32_t choose_list(struct reach_choice *choice, const char *list, const char *where, char *text)
{
    choice->named = true;
    choice->sole = !strchr(list, ',');
    choice->why = choice->sole ? "named, so nothing else is tried" : "named, in this order";
    if (where && !choice->sole)
        return reach_fail(text, SDR_OPENDEVICE, "several reaches (%.60s) have no place in common", list);
    for (const char *at = list;; at++) {
        at += strspn(at, " ");
        size_t len = strcspn(at, ","), end = len;
        while (end && at[end - 1] == ' ')
            end--;
        if (!choose_name(choice, at, end))
            return reach_fail(text, SDR_OPENDEVICE, "no reach '%.*s' in this library", end < 40 ? (int)end : 40, at);
        at += len;
        if (!*at)
            return SDR_OK;
    }
}

uint32_t reach_choose(struct reach_choice *choice, const char *reach, const char *where, bool again, char *text)
{
    struct conf conf = {.reach = ""};
    *choice = (struct reach_choice){.code = SDR_OPENDEVICE};
    if (!reach || !where) {
        uint32_t code = conf_load(&conf, text);
        if (code != SDR_OK)
            return code;
    }
    if (!reach && conf.reach[0] && !where)
        reach = conf.reach;
    if (reach)
        return choose_list(choice, reach, where, text);
    if (where || conf.socket[0]) {
        choose_list(choice, "unix", where, text);
        choice->why = "a socket is named, so nothing else is tried";
    } else if (!again && access(CONF_SOCKET, F_OK) == 0) {
        choose_range(choice, 0, 1);
        choice->why = "the socket " CONF_SOCKET " is there, so it is the way that was meant";
    } else {
        choose_range(choice, 0, USUAL);
        choice->why = "nobody named a way, so the first that works is taken";
    }
    return SDR_OK;
}

void reach_prefer(struct reach_choice *choice, const struct reach_driver *way)
{
    size_t at = 0;
    while (at < choice->n && choice->ways[at] != way)
        at++;
    if (at == choice->n)
        return;
    memmove(choice->ways + 1, choice->ways, at * sizeof *choice->ways);
    choice->ways[0] = way;
}

/* One device serves all that are ivshmem. */
static bool same_place(const struct reach_driver *one, const struct reach_driver *other)
{
    bool ones = false, others = false;
    for (size_t i = 1; i < IVSHMEM; i++) {
        ones |= all[i] == one;
        others |= all[i] == other;
    }
    return one == other || (ones && others);
}

void reach_omit(struct reach_choice *choice, const struct reach_driver *way)
{
    size_t n = 0;
    for (size_t i = 0; i < choice->n; i++)
        if (!same_place(choice->ways[i], way))
            choice->ways[n++] = choice->ways[i];
    choice->n = n;
}

void reach_refuse(struct reach_choice *choice, uint32_t code, const char *why)
{
    size_t used = strlen(choice->said);
    if (choice->code == SDR_OPENDEVICE)
        choice->code = code;
    snprintf(choice->said + used, sizeof choice->said - used, "%s%s: %s", used ? "; " : "",
             choice->ways[choice->next - 1]->name, why);
}

uint32_t reach_next(struct reach_choice *choice, const char *where, unsigned limit_ms, struct reach **out)
{
    char why[REACH_TEXT] = "";
    const struct reach_driver *way = choice->ways[choice->next++];
    *out = NULL;
    uint32_t code = way == &reach_vsock && !choice->named ? vsock_open_usual(where, limit_ms, out, why)
                                                          : way->open(where, limit_ms, out, why);
    if (code != SDR_OK)
        reach_refuse(choice, code, why);
    return code;
}

uint32_t reach_open(const char *reach, const char *where, struct reach **out, char *text)
{
    struct reach_choice choice;
    *out = NULL;
    if (text)
        text[0] = 0;
    uint32_t code = reach_choose(&choice, reach, where, false, text);
    if (code != SDR_OK)
        return code;
    while (choice.next < choice.n)
        if (reach_next(&choice, where, REACH_OPEN_MS, out) == SDR_OK)
            return SDR_OK;
    return reach_fail(text, choice.code, "%s", choice.said);
}
