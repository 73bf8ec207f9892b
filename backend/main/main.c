/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: cardmuxd(8): options, configuration, and then the keeper. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "backend/audit/chain.h"
#include "backend/main/config.h"
#include "backend/main/keeper.h"
#include "backend/transport/say.h"
#include "cardmux/card.h"

enum {
    STATUS_FAILED = 1,
    STATUS_USAGE = 2
};

static const char usage[] = "usage: cardmuxd [--config FILE] [--check] [--ready-fd N] [--passphrase-fd N]\n"
                            "                [--version] [--help]\n"
                            "\n"
                            "  --config FILE   configuration (default " CONFIG_DEFAULT_FILE ")\n"
                            "  --check         read the configuration, say whether it is good, and end\n"
                            "  --ready-fd N    write the line \"ready\" to descriptor N when serving\n"
                            "  --passphrase-fd N   read the master key's passphrase from descriptor N\n"
                            "  --version       print the version\n"
                            "  --help          print this\n";

struct options {
    const char *config;
    bool check;
    int ready_fd, passphrase_fd;
};

static int usage_error(const char *sentence)
{
    fprintf(stderr, "cardmuxd: %s\n%s", sentence, usage);
    return STATUS_USAGE;
}

/* -1: go on; else the exit status. */
static int options_read(struct options *options, int argc, char **argv)
{
    enum {
        CONFIG = 1,
        CHECK,
        READY_FD,
        PASSPHRASE_FD,
        VERSION,
        HELP
    };
    static const struct option table[] = {{"config", required_argument, NULL, CONFIG},
                                          {"check", no_argument, NULL, CHECK},
                                          {"ready-fd", required_argument, NULL, READY_FD},
                                          {"passphrase-fd", required_argument, NULL, PASSPHRASE_FD},
                                          {"version", no_argument, NULL, VERSION},
                                          {"help", no_argument, NULL, HELP},
                                          {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        char *end = NULL;
        switch (option) {
        case CONFIG:
            options->config = optarg;
            break;
        case CHECK:
            options->check = true;
            break;
        case READY_FD:
            options->ready_fd = (int)strtol(optarg, &end, 10);
            if (end == optarg || *end || options->ready_fd <= 2 || fcntl(options->ready_fd, F_SETFD, FD_CLOEXEC)) {
                return usage_error("--ready-fd needs the number of an open descriptor above 2");
            }
            break;
        case PASSPHRASE_FD:
            options->passphrase_fd = (int)strtol(optarg, &end, 10);
            if (end == optarg || *end || options->passphrase_fd <= 2 ||
                fcntl(options->passphrase_fd, F_SETFD, FD_CLOEXEC)) {
                return usage_error("--passphrase-fd needs the number of an open descriptor above 2");
            }
            break;
        case VERSION:
            puts("cardmuxd " CARDMUX_VERSION);
            return 0;
        case HELP:
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return STATUS_USAGE;
        }
    }
    return optind < argc ? usage_error("takes no arguments but options") : -1;
}

/* config.c knows no cards: the tool reads the configuration too, and has none. */
static bool driver_known(const char *file, const char *driver)
{
    char known[200] = "";
    if (card_driver_find(driver)) {
        return true;
    }
    for (size_t i = 0, used = 0; card_drivers[i] && used < sizeof(known); i++) {
        used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "", card_drivers[i]->name);
    }
    say("%s: there is no card driver %.60s; known are %s: give one as `driver` in the card's section",
        file ? file : CONFIG_DEFAULT_FILE, driver, known);
    return false;
}

/* For the audit log: which configuration the daemon was started with. */
static void digest_take(struct config *config)
{
    uint8_t digest[AUDIT_HASH];
    char *hex = calloc(1, 2 * AUDIT_HASH + 1);
    if (!hex || !config->raw || !audit_digest(config->raw, config->raw_len, digest)) {
        free(hex);
        return;
    }
    for (size_t i = 0; i < AUDIT_HASH; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    config->daemon.digest = hex;
}

int main(int argc, char **argv)
{
    struct options options = {.ready_fd = -1};
    struct config config;
    char text[CONFIG_TEXT];
    int result = options_read(&options, argc, argv);
    if (result >= 0) {
        return result;
    }
    if (config_load(&config, options.config, text)) {
        say("%s", text);
        result = STATUS_FAILED;
    } else if (!driver_known(options.config, config.daemon.card)) {
        result = STATUS_FAILED;
    } else if (options.check) {
        printf("%s: good\n", options.config ? options.config : CONFIG_DEFAULT_FILE);
        result = 0;
    } else {
        digest_take(&config);
        config.daemon.passphrase_fd = options.passphrase_fd;
        result = keeper_run(&config, options.ready_fd);
    }
    config_free(&config);
    return result;
}
