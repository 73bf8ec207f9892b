/* SPDX-License-Identifier: Apache-2.0 */
/* exec.c: the bench as a program of its own, for those who work on it. Users have `cardmux bench`. */
#include "bench/bench.h"

int main(int argc, char **argv)
{
    return bench_main(argc, argv);
}
