/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include "bench/bench.h"

int bench_main(int argc, char **argv)
{
    struct bench_options options;
    int status = options_read(&options, argc, argv);
    if (status >= 0)
        return status;
#ifdef CARDMUX_UNFIT_FOR_BENCH
    fprintf(stderr, "cardmux bench: this build has sanitizers or no optimization, its figures would mean nothing; "
                    "build with --buildtype=release\n");
    return 1;
#else
    if (options.session)
        return bench_session(&options);
    char text[BENCH_TEXT] = "";
    struct bench_report *report = calloc(1, sizeof(*report));
    if (!report)
        return 1;
    if (!bench_run(&options, report, text)) {
        fprintf(stderr, "cardmux bench: %s\n", text);
        free(report);
        return 1;
    }
    if (options.json)
        report_json(&options, report);
    else
        report_table(&options, report);
    if (report->errors)
        fprintf(stderr, "cardmux bench: %llu operations failed or had a wrong result\n",
                (unsigned long long)report->errors);
    status = report->errors ? 1 : 0;
    free(report);
    return status;
#endif
}
