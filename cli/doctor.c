/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cardmux doctor: looks at a set-up from outside and says what is wrong and what to do. On a host it follows the
 * daemon's configuration to its files, sockets and limits; where a tenant lives (VM or container) it follows the way
 * that libsdf.so will take. Nothing is changed, no check depends on another having passed.
 */
#include "cli/doctor.h"
#include "cli/table.h"
#include "backend/main/config.h"
#include "frontend/reach/conf.h"
#include "frontend/reach/ivshmem/pci.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: cardmux doctor [--host | --guest] [--config FILE] [--library FILE] [--json]\n"
    "\n"
    "Looks for what is wrong with a set-up, and says what to do. Fails when something will not work.\n"
    "\n"
    "options:\n"
    "  --host          look at the daemon's side (the default where there is one)\n"
    "  --guest         look at a tenant's side: in a VM or a container\n"
    "  --config FILE   the daemon's configuration (" CONFIG_DEFAULT_FILE ")\n"
    "  --library FILE  the libsdf.so to try (the one that programs find)\n"
    "  --json          print JSON\n";

static const char *const words[] = {[FINDING_OK] = "ok", [FINDING_WARN] = "warn", [FINDING_FAIL] = "fail"};

void doctor_note(struct doctor *doctor, const char *check, enum finding finding, const char *remedy, const char *format,
                 ...)
{
    char detail[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    json_t *note = json_pack("{s:s s:s}", "check", check, "status", words[finding]);
    json_t *text = json_string(detail);
    json_object_set_new(note, "detail", text ? text : json_string("(not UTF-8)"));
    json_object_set_new(note, "remedy", finding != FINDING_OK && remedy ? json_string(remedy) : json_null());
    json_array_append_new(doctor->findings, note);
    if (finding > doctor->worst)
        doctor->worst = finding;
}

static void print(const struct doctor *doctor)
{
    size_t i;
    json_t *note;
    json_array_foreach(doctor->findings, i, note)
    {
        const char *remedy = json_string_value(json_object_get(note, "remedy"));
        printf("%-4s  %-14s %s\n", json_string_value(json_object_get(note, "status")),
               json_string_value(json_object_get(note, "check")), json_string_value(json_object_get(note, "detail")));
        if (remedy)
            printf("      %-14s -> %s\n", "", remedy);
    }
}

/* A tenant's side has a device, the module or a socket of its own, and no daemon. */
static bool looks_like_guest(const struct cli *cli, const char *config_file)
{
    char addresses[PCI_MAX][PCI_ADDRESS];
    if (config_file || access(CONFIG_DEFAULT_FILE, F_OK) == 0 || access(cli->socket, F_OK) == 0)
        return false;
    return access("/dev/cardmux0", F_OK) == 0 || access(CONF_FILE, F_OK) == 0 || access(CONF_SOCKET, F_OK) == 0 ||
           getenv("CARDMUX_SOCKET") || pci_list(NULL, addresses) > 0;
}

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    static const struct option table[] = {
        {"host", no_argument, NULL, 'H'},         {"guest", no_argument, NULL, 'g'},
        {"config", required_argument, NULL, 'c'}, {"library", required_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},         {0},
    };
    struct doctor doctor = {.cli = cli, .library = "libsdf.so"};
    bool json = false;
    int opt, side = 0;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt == 'H' || opt == 'g') {
            if (side && side != opt)
                return cli_usage(cli, "--host and --guest exclude each other");
            side = opt;
        } else if (opt == 'c')
            doctor.config_file = optarg;
        else if (opt == 'l')
            doctor.library = optarg;
        else if (opt == 'j')
            json = true;
        else
            return cli_bad_option(cli, argc, argv, opt);
    }
    if (optind < argc)
        return cli_usage(cli, "\"%.40s\" is one word too many", argv[optind]);
    if (!side)
        side = looks_like_guest(cli, doctor.config_file) ? 'g' : 'H';
    doctor.findings = json_array();
    (side == 'g' ? doctor_guest : doctor_host)(&doctor);
    if (json) {
        json_t *all = json_pack("{s:s s:s s:o}", "side", side == 'g' ? "guest" : "host", "status", words[doctor.worst],
                                "findings", doctor.findings);
        json_print(all);
        json_decref(all);
    } else {
        print(&doctor);
        json_decref(doctor.findings);
    }
    return doctor.worst == FINDING_FAIL ? CLI_FAILED : CLI_DONE;
}

const struct command command_doctor = {"doctor", "find what is wrong with a set-up", help, run};
