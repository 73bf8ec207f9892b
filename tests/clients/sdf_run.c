/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdf_run: runs the cases of sdf_cases.h against the libsdf.so it is linked with (CARDMUX_SOCKET, CARDMUX_REACH choose
 * the door). With names, only those; --except=NAME leaves one out. Prints one line for each case; with --table at the
 * end function, code, case. Exits 1 where a case failed or, with --complete, where a function lacks a test; with
 * --wrong=FILE where one lacks a row of wrong arguments (sdf_wrong.h).
 */
#include <string.h>
#include "tests/clients/sdf_cases.h"
#include "tests/clients/sdf_wrong.h"

static bool wanted(const char *name, int argc, char **argv)
{
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--except=", 9) == 0 && strcmp(argv[i] + 9, name) == 0)
            return false;
        if (strncmp(argv[i], "--", 2) == 0)
            continue;
        any = true;
        if (strcmp(argv[i], name) == 0)
            return true;
    }
    return !any;
}

static bool option(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    struct sdf_env env = {.name = "open"};
    int failed = 0, ran = 0;
    uint32_t status = (uint32_t)SDF_OpenDevice(&env.device);
    if (status != SDR_OK) {
        fprintf(stderr, "SDF_OpenDevice: %s (0x%08x); CARDMUX_DEBUG=1 says why\n", sdf_code_name(status),
                (unsigned)status);
        return 1;
    }
    sdf_met(&env, "SDF_OpenDevice", false, SDR_OK, status, __LINE__);
    for (const struct sdf_case *c = sdf_cases; c->name; c++)
        if (wanted(c->name, argc, argv)) {
            bool ok = sdf_case_run(c, &env);
            printf("%s %s\n", ok ? "ok    " : "FAILED", c->name);
            fflush(stdout);
            failed += !ok;
            ran++;
        }
    failed += !sdf_met(&env, "SDF_CloseDevice", false, SDR_OK, (uint32_t)SDF_CloseDevice(env.device), __LINE__);
    if (option("--table", argc, argv))
        sdf_calls_print(stdout);
    if (option("--complete", argc, argv))
        failed += sdf_calls_missing(stderr);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--wrong=", 8) == 0)
            failed += sdf_wrong_missing(stderr, argv[i] + 8);
    printf("%d cases, %d failed\n", ran, failed);
    return failed || !ran;
}
