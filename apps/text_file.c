/* SPDX-License-Identifier: BSD-3-Clause */
#include "text_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* The whole of a small text file, NULL when it cannot be read or is longer than a MiB. */
static char *read_text(const char *path)
{
  enum { MOST = 1 << 20 };
  FILE *file = fopen(path, "r");
  char *text = file != NULL ? malloc(MOST + 1) : NULL;
  if (text != NULL) {
    size_t n = fread(text, 1, MOST, file);
    text[n] = '\0';
    if (ferror(file) || (n == MOST && fgetc(file) != EOF)) { /* half of it is another text */
      free(text);
      text = NULL;
    }
  }
  if (file != NULL) fclose(file);
  return text;
}

int text_file_share(MPI_Comm comm, const char *path, char **text)
{
  int rank, length = -1;
  *text = NULL;
  if (path == NULL) return 0;
  MPI_Comm_rank(comm, &rank);
  if (rank == 0) *text = read_text(path);
  if (*text != NULL) length = (int)strlen(*text);
  MPI_Bcast(&length, 1, MPI_INT, 0, comm);
  if (length < 0) return -1;
  if (rank != 0) *text = calloc((size_t)length + 1, 1);
  if (*text == NULL) MPI_Abort(comm, EXIT_RESOURCES);
  MPI_Bcast(*text, length, MPI_CHAR, 0, comm);
  return 0;
}
