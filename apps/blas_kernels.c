/* SPDX-License-Identifier: BSD-3-Clause */
/* The BLAS kernels that fit the CPU. */
#include "blas_kernels.h"

#include <stdlib.h>
#include <string.h>

#include <unistd.h>

/* OpenBLAS' own; absent from other BLAS. */
extern char *openblas_get_corename(void) __attribute__((weak));

#if defined(__x86_64__)
/* The fastest of OpenBLAS' kernel sets that this CPU runs; NULL = none of these. Twice the flops a
 * cycle from AVX-512: dsyrk of 502 columns 33 -> 66 Gflop/s a core. */
static const char *fastest_set(void)
{
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512cd"))
    return "SkylakeX";
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? "Haswell" : NULL;
}
#endif

void choose_blas_kernels(char **argv)
{
#if defined(__x86_64__)
  if (openblas_get_corename == NULL || getenv("OPENBLAS_CORETYPE") != NULL) return;
  if (strcmp(openblas_get_corename(), "Prescott") != 0) return;
  const char *set = fastest_set();
  if (set == NULL || setenv("OPENBLAS_CORETYPE", set, 1) != 0) return;
  execv("/proc/self/exe", argv); /* returns only on failure: slow kernels are still right */
#else
  (void)argv;
#endif
}
