/* SPDX-License-Identifier: Apache-2.0 */
/*
 * powerloss_vfs.h: a disk in memory, for SQLite, that loses what was not flushed when its power fails.
 *
 * It keeps, for each file, what a flush has made safe and the writes and truncations since; and for the directory,
 * which entries are safe and which were made or removed since. Operations that change something are counted; a plan
 * makes one of them the moment of an accident. After a power failure every operation fails until disk_reboot, which
 * decides what of the unflushed is there: nothing, all of it, or a random part in sectors of 512 bytes, in any order.
 *
 * Flushing a newly made log or journal also makes the directory safe, as SQLite's UNIX VFS does. The database's own
 * entry counts as safe from the start: the store makes that file, and flushes the directory, before SQLite opens it.
 */
#ifndef CARDMUX_TEST_POWERLOSS_VFS_H
#define CARDMUX_TEST_POWERLOSS_VFS_H

enum disk_accident {
    DISK_NONE,
    DISK_POWER, /* the power fails at that operation, which does not happen any more */
    DISK_FULL,  /* from that operation on, writes find no space, until disk_plan(DISK_NONE) */
    DISK_ERROR, /* that one operation fails */
};

enum disk_survival {
    DISK_LOSES_ALL,
    DISK_LOSES_SOME,
    DISK_LOSES_NOTHING
};

void disk_install(void);                                  /* becomes SQLite's default VFS */
void disk_erase(void);                                    /* a new, empty disk; nobody has a file open */
void disk_plan(enum disk_accident accident, unsigned at); /* at the at-th operation from now, from 0 */
unsigned disk_operations(void);                           /* since the last disk_plan */
int disk_happened(void);                                  /* the planned accident */
void disk_reboot(enum disk_survival survival, unsigned seed);

#endif
