/* SPDX-License-Identifier: BSD-3-Clause */
/* The BLAS kernels that fit the CPU. */
#include "blas_kernels.h"

#include <stdlib.h>
#include <string.h>

#include <unistd.h>

/* OpenBLAS' own; absent from other BLAS. */
extern char *openblas_get_corename(void) __attribute__((weak));

void choose_blas_kernels(char **argv)
{
#if defined(__x86_64__)
  if (openblas_get_corename == NULL || getenv("OPENBLAS_CORETYPE") != NULL) return;
  if (strcmp(openblas_get_corename(), "Prescott") != 0) return;
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return;
  if (setenv("OPENBLAS_CORETYPE", "Haswell", 1) != 0) return;
  execv("/proc/self/exe", argv); /* returns only on failure: slow kernels are still right */
#else
  (void)argv;
#endif
}
