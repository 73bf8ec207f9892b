/* covers: backend/main/config.c */
/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's configuration file: any bytes give a complete configuration, or a sentence that names file and line,
 * also where memory is short. */
#include <stdlib.h>
#include <string.h>
#include "backend/main/config.h"
#include "fuzz/scarce.h"

static void must(int condition)
{
    if (!condition)
        abort();
}

static void check_accepted(const struct config *config)
{
    const struct daemon_config *daemon = &config->daemon;
    must(daemon->state_dir && daemon->state_dir[0] == '/' && daemon->run_dir && daemon->run_dir[0] == '/');
    must(daemon->master_key && daemon->master_key[0] == '/' && daemon->card && daemon->card[0]);
    must(daemon->user && daemon->user[0] && daemon->group && daemon->group[0]);
    must(daemon->card_threads <= 64 && daemon->workers >= 1 && daemon->workers <= 64);
    must(daemon->deadline_ms >= 100 && daemon->code_attempts >= 1 && (int)daemon->wait <= (int)WAIT_POLL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    char text[CONFIG_TEXT];
    if (size >= 2 && data[0] == 0xff) { /* in no file that means something */
        scarce = data[1] % 32u + 1;
        data += 2;
        size -= 2;
    }
    FILE *file = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
    memset(text, 'x', sizeof text);
    int result = config_read(&config, file, "some.conf", text);
    scarce = 0;
    must(memchr(text, 0, sizeof text) != NULL);
    if (result == 0)
        check_accepted(&config);
    else
        must(strncmp(text, "some.conf:", 10) == 0 && strlen(text) > 12);
    config_free(&config);
    config_free(&config); /* twice does no harm */
    if (file)
        fclose(file);
    if (size == 0) {
        must(config_load(&config, "/nonexistent/cardmuxd.conf", text) == -1 && strstr(text, "/nonexistent"));
        config_free(&config);
        must(config_load(&config, "/", text) == -1 && strstr(text, "cannot be read"));
        config_free(&config);
        must(config_load(&config, "/dev/null", text) == 0);
        config_free(&config);
        for (unsigned refused = 1; refused < 16; refused++) {
            scarce = refused;
            must(config_load(&config, "/dev/null", text) == 0 || strstr(text, "out of memory"));
            scarce = 0;
            config_free(&config);
        }
    }
    return 0;
}
