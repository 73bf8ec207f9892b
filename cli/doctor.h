/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h: what the checks of `cardmux doctor` share: a list of findings, each with what to do about it. */
#ifndef CARDMUX_CLI_DOCTOR_H
#define CARDMUX_CLI_DOCTOR_H

#include <jansson.h>
#include "cli/command.h"

enum finding {
    FINDING_OK,
    FINDING_WARN,
    FINDING_FAIL,
};

struct doctor {
    const struct cli *cli;
    const char *config_file; /* NULL: the default */
    const char *library;     /* path or name of libsdf.so */
    json_t *findings;        /* array of {"check", "status", "detail", "remedy"} */
    enum finding worst;
};

/* remedy NULL: nothing to do. */
__attribute__((format(printf, 5, 6))) void doctor_note(struct doctor *doctor, const char *check, enum finding finding,
                                                       const char *remedy, const char *format, ...);

void doctor_host(struct doctor *doctor);
void doctor_guest(struct doctor *doctor);

/* tenants: as the daemon lists them. */
void doctor_vsock_host(struct doctor *doctor, bool on, const json_t *tenants);
/* True: there may be a host behind it. ask: there is no other way, so the host is asked; named: somebody wants this
 * way.
 */
bool doctor_vsock_guest(struct doctor *doctor, bool ask, bool named);

#endif
