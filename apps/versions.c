/* SPDX-License-Identifier: BSD-3-Clause */
#include "versions.h"

#include <string.h>

#include <mpi.h>

#include "base/lapack.h"
#include "bevel/status.h"
#include "io/io.h"

void versions_print(FILE *to)
{
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING], text[128];
  int length = 0;
  MPI_Get_library_version(mpi, &length);
  mpi[strcspn(mpi, ",\n")] = '\0';
  fprintf(to, "bevel %s\n", bvl_version());
  fprintf(to, "MPI   %s\n", mpi);
  bvl_hdf5_version(text, sizeof text);
  fprintf(to, "HDF5  %s\n", text);
  bvl_blas_version(text, sizeof text);
  fprintf(to, "BLAS  %s\n", text);
}
