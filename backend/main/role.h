/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role.h: who may do what over the management socket. A role is membership of a UNIX group (cardmuxd.conf(5)); a person
 * may have several. Header only: configuration, admin process and command line all name them.
 *
 *   operator           runs the service: tenants, keys, the card
 *   security officer   what concerns all keys at once: master key, backups, policy
 *   auditor            reads and verifies the audit log, writes checkpoints; changes nothing else
 */
#ifndef CARDMUX_ROLE_H
#define CARDMUX_ROLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum role_set {
    ROLE_NONE = 0,
    ROLE_OPERATOR = 1u << 0,
    ROLE_SECURITY = 1u << 1,
    ROLE_AUDITOR = 1u << 2,
    ROLE_ANY = 7
};
#define ROLES 3u

/* As written in the configuration and in the audit log. */
static inline const char *role_name(unsigned i)
{
    static const char *const names[ROLES] = {"operator", "security-officer", "auditor"};
    return i < ROLES ? names[i] : "";
}

/* "operator,auditor"; "none". text has room for ROLE_TEXT bytes. */
#define ROLE_TEXT 40u
static inline const char *role_text(uint32_t roles, char text[ROLE_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < ROLES; i++)
        if (roles & 1u << i)
            used += (size_t)snprintf(text + used, ROLE_TEXT - used, "%s%s", used ? "," : "", role_name(i));
    if (!used)
        snprintf(text, ROLE_TEXT, "none");
    return text;
}

/* The reverse, and "all". False: not understood. */
static inline bool role_parse(const char *text, uint32_t *roles)
{
    *roles = ROLE_NONE;
    if (strcmp(text, "none") == 0)
        return true;
    if (strcmp(text, "all") == 0) {
        *roles = ROLE_ANY;
        return true;
    }
    for (;;) {
        size_t len = strcspn(text, ", ");
        unsigned i = 0;
        while (i < ROLES && (strlen(role_name(i)) != len || memcmp(role_name(i), text, len) != 0))
            i++;
        if (i == ROLES)
            return false;
        *roles |= 1u << i;
        if (!text[len])
            return true;
        text += len + strspn(text + len, ", ");
    }
}

#endif
