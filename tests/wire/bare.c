/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/bare.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/wire/populate.h"

static void stop(const char *what)
{
    fprintf(stderr, "bare broker: %s\n", what);
    exit(2);
}

void bare_start(struct bare *bare, struct broker *broker, const struct daemon_config *config, unsigned tenants)
{
    uint8_t master[VAULT_MASTER_KEY] = {1};
    int pair[2];
    char text[512] = "";
    const char *base = getenv("TMPDIR");
    snprintf(bare->dir, sizeof bare->dir, "%.30s/cardmux-bare-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(bare->dir) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
        stop("no directory or sockets");
    populate(bare->dir, master, tenants);
    bare->keeper = pair[0];
    struct broker_start start = {.config = config, .keeper_fd = pair[1], .admin_fd = -1, .master = master};
    if (!broker_init(broker, &start) || !broker_open_card(broker, text) ||
        !broker_open_vault(broker, bare->dir, master, text))
        stop(text);
}

void bare_release(struct broker *broker)
{
    broker_end(broker);
    while (broker->tenant_count)
        tenant_remove(broker, broker->tenants[0]);
    while (broker->free_jobs) {
        struct job *next = broker->free_jobs->next;
        free(broker->free_jobs);
        broker->free_jobs = next;
    }
    broker->driver->close(broker->card);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void bare_end(struct bare *bare, struct broker *broker)
{
    bare_release(broker);
    close(bare->keeper);
    nftw(bare->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
