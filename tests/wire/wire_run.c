/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_run [--threads N] [--reach unix|ivshmem-peer] [--wait adaptive|sleep|poll] PROGRAM [ARGUMENT...]: runs a program
 * that uses libsdf.so against doors and broker in this process, and exits as it does. Afterwards the broker must hold
 * none of the program's sessions and handles.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/wire/harness.h"

static int run(char **argv)
{
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    if (WIFSIGNALED(status))
        fprintf(stderr, "wire_run: %s ended by signal %d\n", argv[0], WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    static const struct option table[] = {
        {"threads", required_argument, NULL, 't'},
        {"reach", required_argument, NULL, 'r'},
        {"wait", required_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    struct wire_options options = {.tenants = 1};
    const char *reach = "unix", *wait = "adaptive";
    int c;
    while ((c = getopt_long(argc, argv, "+", table, NULL)) != -1) {
        if (c == 't')
            options.card_threads = (uint32_t)atoi(optarg);
        else if (c == 'r')
            reach = optarg;
        else if (c == 'w')
            wait = optarg;
        else
            return 2;
    }
    if (optind >= argc)
        return 2;
    options.wait = !strcmp(wait, "sleep") ? WAIT_SLEEP : !strcmp(wait, "poll") ? WAIT_POLL : WAIT_ADAPTIVE;
    struct wire *wire = wire_start(&options);
    setenv("CARDMUX_REACH", reach, 1);
    setenv("CARDMUX_WAIT", wait, 1);
    setenv("CARDMUX_SOCKET", wire_socket(wire, 0, !strncmp(reach, "ivshmem", 7) ? "ivshmem" : reach), 1);
    int status = run(argv + optind);
    struct admin_counters counters = wire_counters(wire, 0);
    for (int tries = 0; tries < 6000 && (counters.regions || counters.sessions || counters.handles); tries++) {
        usleep(10000);
        counters = wire_counters(wire, 0);
    }
    printf("wire_run: %llu operations, %llu errors, %llu doorbells, %llu wake-ups; left: %u regions, %u sessions, %u "
           "handles\n",
           (unsigned long long)counters.operations, (unsigned long long)counters.errors,
           (unsigned long long)counters.doorbells, (unsigned long long)counters.wakeups, counters.regions,
           counters.sessions, counters.handles);
    if (counters.regions || counters.sessions || counters.handles)
        status = 1;
    wire_stop(wire);
    return status;
}
