/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel info: the machine, or a file and the memory a run on it would need. */
#include "run/run.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/lines.h"
#include "data/design.h"
#include "data/rounded.h"
#include "kernels/kernels.h"
#include "run/grid.h"
#include "run/memory.h"

static void describe_machine(const bvl_lines *to)
{
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING], memory[32];
  int length = 0;
  MPI_Get_library_version(mpi, &length);
  mpi[strcspn(mpi, ",\n")] = '\0';
  bvl_memory_words(bvl_memory_machine(), memory, sizeof memory);
  bvl_say(to, "bevel    %s", bvl_version());
  bvl_say(to, "kernels  %s", bvl_kernels_get()->name);
  bvl_say(to, "MPI      %s", mpi);
  bvl_say(to, "cores    %ld", sysconf(_SC_NPROCESSORS_ONLN));
  bvl_say(to, "memory   %s", memory);
}

/* Rows are the source's own type: what is left of X is little. */
static void describe_streamed(const bvl_lines *to, const bvl_step_shape *step,
                              bvl_memory_shape *shape)
{
  char words[2][32];
  for (int k = 0; k < 2; k++) {
    bvl_grid_choose(step, 1 + k, &shape->grid_rows, &shape->grid_cols);
    bvl_memory_words(bvl_memory_least_streamed(shape), words[k], sizeof words[k]);
  }
  bvl_say(to,
          "streamed from the file (below that, or --stream on): at least %s, on 2 ranks %s each",
          words[0], words[1]);
}

static void describe_memory(const bvl_lines *to, const bvl_source *source)
{
  const bvl_step_shape step = {source->n, source->p, source->nnz, source->n, 0};
  const bvl_dtype held[] = {source->dtype, bvl_design_held_dtype(source, 1)};
  const int choice = held[1] != held[0];
  bvl_memory_shape shape = {
      .n = source->n,
      .p = source->p,
      .nnz = source->nnz,
      .format = source->format,
      .n_lambda = 100,
      .solver = BVL_SOLVER_AUTO,
      .gram = BVL_GRAM_AUTO,
      .rounded = bvl_rounded_pays(source->format, source->dtype, source->n),
  };
  bvl_say(to, "memory a rank would need for a path of 100 lambdas%s:",
          choice ? " (and with --precision single)" : "");
  for (int ranks = 1; ranks <= 64; ranks *= 2) {
    char words[2][32];
    bvl_grid_choose(&step, ranks, &shape.grid_rows, &shape.grid_cols);
    for (int k = 0; k <= choice; k++) {
      shape.dtype = held[k];
      bvl_memory_words(bvl_memory_estimate(&shape), words[k], sizeof words[k]);
    }
    bvl_say(to, "  %2d rank%s  grid %dx%d  %s%s%s%s", ranks, ranks == 1 ? " " : "s",
            shape.grid_rows, shape.grid_cols, words[0], choice ? " (" : "", choice ? words[1] : "",
            choice ? ")" : "");
  }
  if (source->read_alone != NULL) describe_streamed(to, &step, &shape);
}

/* Rank 0 alone. A file that does not open as data is a result or a checkpoint: no memory to tell.
 */
static bvl_status describe(const bvl_lines *to, const char *path)
{
  bvl_traffic traffic = {0};
  bvl_comm alone = {0};
  bvl_data *data = NULL;
  bvl_data_names names = {0};
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_describe_file(path, to));
  BVL_TRY(bvl_comm_dup(MPI_COMM_SELF, &traffic, &alone));
  if (bvl_data_open(&alone, path, &names, 0, 0, &data) == BVL_OK)
    describe_memory(to, bvl_data_source(data));
cleanup:
  bvl_data_close(&data);
  bvl_comm_free(&alone);
  return status;
}

bvl_status bvl_run_info(MPI_Comm comm, const char *path,
                        void (*emit)(void *context, const char *line), void *context)
{
  const bvl_lines to = {emit, context};
  bvl_traffic traffic = {0};
  bvl_comm all = {0};
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_comm_dup(comm, &traffic, &all));
  if (all.rank == 0 && path == NULL) describe_machine(&to);
  if (all.rank == 0 && path != NULL) status = describe(&to, path);
  status = bvl_agree(&all, status);
cleanup:
  bvl_comm_free(&all);
  return status;
}
