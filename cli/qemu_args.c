/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cardmux qemu-args: what to put into a QEMU command so that a VM has a tenant's virtual card. master=on, because QEMU
 * refuses to migrate a VM whose ivshmem device is not master; no reconnect= on the socket, because QEMU hangs at start
 * with it; 16 vectors, one per queue pair of the region.
 */
#include "cli/api.h"
#include "cli/command.h"
#include "backend/admin/body.h"
#include "proto/layout.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: cardmux qemu-args TENANT [--via ivshmem] [--hotplug qmp|hmp] [--bus BUS]\n"
    "\n"
    "Prints one line to put into a QEMU command, safe for a shell:\n"
    "  qemu-system-x86_64 ... $(cardmux qemu-args vm1)\n"
    "With --hotplug it prints two commands for the monitor of a VM that runs. On q35 hot-plug needs a root port with\n"
    "room, made when the VM starts: -device pcie-root-port,id=rp0,chassis=1,slot=1,pref64-reserve=256M, then --bus "
    "rp0.\n"
    "\n"
    "options:\n"
    "  --via ivshmem      the way to the host; vsock and virtio-crypto are not in this release\n"
    "  --hotplug qmp|hmp  commands for a running VM's monitor instead, as JSON or for people\n"
    "  --bus BUS          the PCI bus to put the device on\n";

struct qemu_options {
    const char *via, *hotplug, *bus;
};

/* A comma in a value of QEMU's option syntax is doubled. */
static void qemu_escape(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (; *text && n + 2 < size; text++) {
        out[n++] = *text;
        if (*text == ',')
            out[n++] = ',';
    }
    out[n] = 0;
}

/* One word of a shell. */
static void shell_print(const char *word)
{
    const char *safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=,:@%+";
    if (word[strspn(word, safe)] == 0) {
        fputs(word, stdout);
        return;
    }
    putchar('\'');
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){*word, 0}, stdout);
    putchar('\'');
}

static void print_arguments(const char *name, const char *path, const char *bus)
{
    char chardev[600], device[300], escaped[512];
    qemu_escape(path, escaped, sizeof escaped);
    snprintf(chardev, sizeof chardev, "socket,id=cardmux-%s-door,path=%s", name, escaped);
    snprintf(device, sizeof device,
             "ivshmem-doorbell,id=cardmux-%s,chardev=cardmux-%s-door,vectors=%u,master=on%s%.64s", name, name,
             CM_QP_MAX, bus ? ",bus=" : "", bus ? bus : "");
    fputs("-chardev ", stdout);
    shell_print(chardev);
    fputs(" -device ", stdout);
    shell_print(device);
    putchar('\n');
}

static void print_hmp(const char *name, const char *path, const char *bus)
{
    char escaped[512];
    qemu_escape(path, escaped, sizeof escaped);
    printf("chardev-add socket,id=cardmux-%s-door,path=%s\n", name, escaped);
    printf("device_add ivshmem-doorbell,id=cardmux-%s,chardev=cardmux-%s-door,vectors=%u,master=on%s%s\n", name, name,
           CM_QP_MAX, bus ? ",bus=" : "", bus ? bus : "");
}

static void print_qmp(const char *name, const char *path, const char *bus)
{
    char chardev[80], device[64];
    snprintf(chardev, sizeof chardev, "cardmux-%s-door", name);
    snprintf(device, sizeof device, "cardmux-%s", name);
    json_t *add =
        json_pack("{s:s s:{s:s s:{s:s s:{s:{s:s s:{s:s}} s:b}}}}", "execute", "chardev-add", "arguments", "id", chardev,
                  "backend", "type", "socket", "data", "addr", "type", "unix", "data", "path", path, "server", 0);
    json_t *plug =
        json_pack("{s:s s:{s:s s:s s:s s:i s:s}}", "execute", "device_add", "arguments", "driver", "ivshmem-doorbell",
                  "id", device, "chardev", chardev, "vectors", (int)CM_QP_MAX, "master", "on");
    if (bus)
        json_object_set_new(json_object_get(plug, "arguments"), "bus", json_string(bus));
    json_dumpf(add, stdout, JSON_COMPACT);
    putchar('\n');
    json_dumpf(plug, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(add);
    json_decref(plug);
}

/* The tenants' sockets stand beside the admin socket. */
static void door_path(const struct cli *cli, const char *name, char *path, size_t size)
{
    const char *slash = strrchr(cli->socket, '/');
    snprintf(path, size, "%.*s/tenant/%s/ivshmem.sock", slash ? (int)(slash - cli->socket) : 1,
             slash ? cli->socket : ".", name);
}

static enum cli_status check(const struct cli *cli, int argc, char **argv, const struct qemu_options *options)
{
    if (strcmp(options->via, "vsock") == 0 || strcmp(options->via, "virtio-crypto") == 0) {
        cli_say(cli, "--via %s is not in this release; ivshmem is", options->via);
        return CLI_FAILED;
    }
    if (strcmp(options->via, "ivshmem") != 0)
        return cli_usage(cli, "--via is ivshmem, not \"%.40s\"", options->via);
    if (options->hotplug && strcmp(options->hotplug, "qmp") != 0 && strcmp(options->hotplug, "hmp") != 0)
        return cli_usage(cli, "--hotplug is qmp or hmp, not \"%.40s\"", options->hotplug);
    if (options->bus && (!options->bus[0] || strlen(options->bus) > 64 ||
                         options->bus[strspn(options->bus, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                           "0123456789-_.")]))
        return cli_usage(cli, "--bus takes the id of a bus");
    if (argc - optind != 1)
        return cli_usage(cli, "name one tenant");
    if (!body_name_ok(argv[optind]))
        return cli_usage(cli, "\"%.40s\" is no name for a tenant", argv[optind]);
    return CLI_DONE;
}

static enum cli_status run(struct cli *cli, int argc, char **argv)
{
    static const struct option table[] = {
        {"via", required_argument, NULL, 'v'},
        {"hotplug", required_argument, NULL, 'p'},
        {"bus", required_argument, NULL, 'b'},
        {0},
    };
    struct qemu_options options = {.via = "ivshmem"};
    char url[64], path[256], text[API_TEXT];
    int opt;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt == 'v')
            options.via = optarg;
        else if (opt == 'p')
            options.hotplug = optarg;
        else if (opt == 'b')
            options.bus = optarg;
        else
            return cli_bad_option(cli, argc, argv, opt);
    }
    enum cli_status status = check(cli, argc, argv, &options);
    if (status != CLI_DONE)
        return status;
    const char *name = argv[optind];
    snprintf(url, sizeof url, "/v1/tenants/%s", name);
    if (!api_try(cli, "GET", url, NULL, NULL, text)) {
        cli_say(cli, "%s", text);
        return CLI_FAILED;
    }
    door_path(cli, name, path, sizeof path);
    if (!options.hotplug)
        print_arguments(name, path, options.bus);
    else if (strcmp(options.hotplug, "qmp") == 0)
        print_qmp(name, path, options.bus);
    else
        print_hmp(name, path, options.bus);
    return CLI_DONE;
}

const struct command command_qemu_args = {"qemu-args", "the line that gives a VM a tenant's card", help, run};
