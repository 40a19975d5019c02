/* SPDX-License-Identifier: BSD-3-Clause */
/* Small text files that users write: run files, studies, architectures. */
#ifndef BEVEL_APPS_TEXT_FILE_H
#define BEVEL_APPS_TEXT_FILE_H

#include <mpi.h>

/** Rank 0 reads a text of at most 1 MiB for all; *text is NULL when path is. Collective.
 * @return 0, or -1 (on every rank) when it cannot be read or is longer. */
int text_file_share(MPI_Comm comm, const char *path, char **text);

#endif
