/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BVL_APPS_BLAS_KERNELS_H
#define BVL_APPS_BLAS_KERNELS_H

/** Starts the program again with the fitting OPENBLAS_CORETYPE when OpenBLAS runs SSE kernels on a
 * CPU that has AVX2: an OpenBLAS older than its CPU does not know the model and falls back to the
 * oldest kernels it has (0.3.21 on 2023 servers: dgemm four times slower). It reads the variable
 * when it is loaded, so only a new process image helps. Call it first in main, before MPI_Init;
 * returns when there is nothing to do. A user's own OPENBLAS_CORETYPE is left alone. */
void choose_blas_kernels(char **argv);

#endif
