/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cardmux qemu-args: what to put into a QEMU command so that a VM has a tenant's virtual card. master=on, because QEMU
 * refuses to migrate a VM whose ivshmem device is not master; no reconnect= on the socket, because QEMU hangs at start
 * with it; 16 vectors, one per queue pair of the region. A vsock device has no number to be given: the daemon tells
 * QEMU the guest's CID.
 */
#include "cli/api.h"
#include "cli/command.h"
#include "backend/admin/body.h"
#include "proto/layout.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY "512M"

static const char help[] =
    "usage: cardmux qemu-args TENANT [--via ivshmem|vsock] [--memory SIZE] [--hotplug qmp|hmp] [--bus BUS]\n"
    "\n"
    "Prints one line to put into a QEMU command, safe for a shell:\n"
    "  qemu-system-x86_64 ... $(cardmux qemu-args vm1)\n"
    "With --hotplug it prints two commands for the monitor of a VM that runs. On q35 hot-plug needs a root port with\n"
    "room, made when the VM starts: -device pcie-root-port,id=rp0,chassis=1,slot=1,pref64-reserve=256M, then --bus "
    "rp0.\n"
    "\n"
    "options:\n"
    "  --via ivshmem      the way to the host: a device with shared memory\n"
    "  --via vsock        a socket device: no driver of ours in the guest, and no kernel module on the host\n"
    "  --memory SIZE      with --via vsock: the VM's whole memory, 512M if not given. The device needs it as a memfd\n"
    "                     that is shared, so the line makes it; leave -m out, or give it the same size. With "
    "--hotplug\n"
    "                     the VM must have been started with such a memory\n"
    "  --hotplug qmp|hmp  commands for a running VM's monitor instead, as JSON or for people\n"
    "  --bus BUS          the PCI bus to put the device on\n";

struct qemu_options {
    const char *via, *hotplug, *bus, *memory;
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

/* What differs between the ways. %s is the tenant's name each time. */
struct way {
    const char *via, *socket;
    const char *door, *device; /* ids */
    const char *driver, *properties;
    bool shared; /* QEMU hands the machine's memory to us: it has to be a memfd that can be shared */
};

static const struct way ways[] = {
    {"ivshmem", "ivshmem.sock", "cardmux-%s-door", "cardmux-%s", "ivshmem-doorbell", "vectors=16,master=on", false},
    {"vsock", "vsock.sock", "cardmux-%s-vsock-door", "cardmux-%s-vsock", "vhost-user-vsock-pci", NULL, true},
};
_Static_assert(CM_QP_MAX == 16, "vectors");

static const struct way *way_find(const char *via)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (strcmp(ways[i].via, via) == 0)
            return &ways[i];
    return NULL;
}

static void id_write(char *id, size_t size, const char *format, const char *name)
{
    const char *mark = strchr(format, '%');
    snprintf(id, size, "%.*s%s%s", (int)(mark - format), format, name, mark + 2);
}

static void device_write(char *device, size_t size, const struct way *way, const char *name, const char *bus)
{
    char id[80], door[80];
    id_write(id, sizeof id, way->device, name);
    id_write(door, sizeof door, way->door, name);
    snprintf(device, size, "%s,id=%s,chardev=%s%s%s%s%.64s", way->driver, id, door, way->properties ? "," : "",
             way->properties ? way->properties : "", bus ? ",bus=" : "", bus ? bus : "");
}

static void print_arguments(const struct way *way, const char *name, const char *path,
                            const struct qemu_options *options)
{
    char chardev[640], device[400], escaped[512], door[80], memory[160];
    qemu_escape(path, escaped, sizeof escaped);
    id_write(door, sizeof door, way->door, name);
    snprintf(chardev, sizeof chardev, "socket,id=%s,path=%s", door, escaped);
    device_write(device, sizeof device, way, name, options->bus);
    if (way->shared) {
        snprintf(memory, sizeof memory, "memory-backend-memfd,id=cardmux-%s-memory,size=%s,share=on", name,
                 options->memory);
        printf("-object ");
        shell_print(memory);
        printf(" -machine memory-backend=cardmux-%s-memory ", name);
    }
    fputs("-chardev ", stdout);
    shell_print(chardev);
    fputs(" -device ", stdout);
    shell_print(device);
    putchar('\n');
}

static void print_hmp(const struct way *way, const char *name, const char *path, const char *bus)
{
    char escaped[512], device[400], door[80];
    qemu_escape(path, escaped, sizeof escaped);
    id_write(door, sizeof door, way->door, name);
    device_write(device, sizeof device, way, name, bus);
    printf("chardev-add socket,id=%s,path=%s\n", door, escaped);
    printf("device_add %s\n", device);
}

static void print_qmp(const struct way *way, const char *name, const char *path, const char *bus)
{
    char chardev[80], device[80];
    id_write(chardev, sizeof chardev, way->door, name);
    id_write(device, sizeof device, way->device, name);
    json_t *add =
        json_pack("{s:s s:{s:s s:{s:s s:{s:{s:s s:{s:s}} s:b}}}}", "execute", "chardev-add", "arguments", "id", chardev,
                  "backend", "type", "socket", "data", "addr", "type", "unix", "data", "path", path, "server", 0);
    json_t *plug = json_pack("{s:s s:{s:s s:s s:s}}", "execute", "device_add", "arguments", "driver", way->driver, "id",
                             device, "chardev", chardev);
    json_t *arguments = json_object_get(plug, "arguments");
    if (strcmp(way->via, "ivshmem") == 0) {
        json_object_set_new(arguments, "vectors", json_integer(CM_QP_MAX));
        json_object_set_new(arguments, "master", json_string("on"));
    }
    if (bus)
        json_object_set_new(arguments, "bus", json_string(bus));
    json_dumpf(add, stdout, JSON_COMPACT);
    putchar('\n');
    json_dumpf(plug, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(add);
    json_decref(plug);
}

/* The tenants' sockets stand beside the admin socket. */
static void door_path(const struct cli *cli, const char *name, const char *socket, char *path, size_t size)
{
    const char *slash = strrchr(cli->socket, '/');
    snprintf(path, size, "%.*s/tenant/%s/%s", slash ? (int)(slash - cli->socket) : 1, slash ? cli->socket : ".", name,
             socket);
}

/* Digits, and at most one letter. QEMU checks the rest. */
static bool memory_ok(const char *memory)
{
    size_t digits = strspn(memory, "0123456789");
    const char *unit = memory + digits;
    return digits && digits < 10 && (!unit[0] || (strchr("MG", unit[0]) && !unit[1]));
}

static enum cli_status check(const struct cli *cli, int argc, char **argv, const struct qemu_options *options)
{
    if (strcmp(options->via, "virtio-crypto") == 0) {
        cli_say(cli, "--via %s is not in this release; ivshmem and vsock are", options->via);
        return CLI_FAILED;
    }
    if (!way_find(options->via))
        return cli_usage(cli, "--via is ivshmem or vsock, not \"%.40s\"", options->via);
    if (!memory_ok(options->memory))
        return cli_usage(cli, "--memory is a number of megabytes, or with M or G behind it, not \"%.40s\"",
                         options->memory);
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
        {"memory", required_argument, NULL, 'm'},
        {0},
    };
    struct qemu_options options = {.via = "ivshmem", .memory = MEMORY};
    char url[64], path[256], text[API_TEXT];
    int opt;
    while ((opt = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (opt == 'v')
            options.via = optarg;
        else if (opt == 'p')
            options.hotplug = optarg;
        else if (opt == 'b')
            options.bus = optarg;
        else if (opt == 'm')
            options.memory = optarg;
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
    const struct way *way = way_find(options.via);
    door_path(cli, name, way->socket, path, sizeof path);
    if (!options.hotplug)
        print_arguments(way, name, path, &options);
    else if (strcmp(options.hotplug, "qmp") == 0)
        print_qmp(way, name, path, options.bus);
    else
        print_hmp(way, name, path, options.bus);
    return CLI_DONE;
}

const struct command command_qemu_args = {"qemu-args", "the line that gives a VM a tenant's card", help, run};
