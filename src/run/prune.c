/* SPDX-License-Identifier: BSD-3-Clause */
/* From a network file to a smaller one. */
#include "run/prune.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/clock.h"
#include "run/job.h"
#include "run/network.h"
#include "run/network_load.h"

void bvl_prune_options_init(bvl_prune_options *options)
{
  *options = (bvl_prune_options){.rule = {.threshold = NAN, .deviations = NAN}};
}

/* ---- the file ----------------------------------------------------------------------------------
 */

static bvl_status describe_job(const bvl_prune_options *options, const bvl_network_file *file,
                               const bvl_prune_outcome *outcome, const bvl_origin *origin,
                               bvl_result_writer *writer)
{
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_result_attr_origin(writer, origin));
  BVL_TRY(bvl_result_attr_text(writer, "pruned_from", options->model));
  if (file->family[0] != '\0') BVL_TRY(bvl_result_attr_text(writer, "family", file->family));
  BVL_TRY(bvl_result_attr_text(writer, "precision", file->single ? "single" : "double"));
  if (!isnan(options->rule.threshold))
    BVL_TRY(bvl_result_attr_f64(writer, "prune_threshold", options->rule.threshold));
  if (!isnan(options->rule.deviations))
    BVL_TRY(bvl_result_attr_f64(writer, "prune_std", options->rule.deviations));
  BVL_TRY(bvl_result_attr_i64(writer, "p", file->p));
  BVL_TRY(bvl_result_attr_i64(writer, "outputs", bvl_architecture_outputs(&file->arch)));
  BVL_TRY(bvl_result_attr_i64(writer, "parameters", outcome->counts.all));
  BVL_TRY(bvl_result_attr_i64(writer, "parameters_left", outcome->counts.left));
cleanup:
  return status;
}

/* What the network was trained on, for those who recompute what it does. */
static bvl_status carry_texts(const bvl_comm *comm, const char *from, bvl_result_writer *writer)
{
  static const char *const names[] = {"data",         "fingerprint", "x",          "y",
                                      "weights_name", "scaling",     "class_names"};
  bvl_status status = BVL_OK;
  for (size_t k = 0; k < sizeof names / sizeof names[0] && status == BVL_OK; k++) {
    char *text = comm->rank == 0 ? bvl_network_text(from, names[k]) : NULL;
    int64_t there = text != NULL;
    status = bvl_bcast_i64(comm, 0, &there, 1);
    if (status == BVL_OK && there) status = bvl_result_attr_text(writer, names[k], text);
    free(text);
  }
  return status;
}

static bvl_status put_beside(const bvl_network_file *file, bvl_result_writer *writer)
{
  bvl_status status = BVL_OK;
  if (file->n_train >= 0)
    BVL_TRY(bvl_result_put_i64(writer, "/train_index", file->n_train, file->train_index));
  if (file->n_test >= 0)
    BVL_TRY(bvl_result_put_i64(writer, "/test_index", file->n_test, file->test_index));
  if (file->feature_names != NULL)
    BVL_TRY(bvl_result_put_strings(writer, "/feature_names", file->p, file->feature_names));
cleanup:
  return status;
}

static bvl_status write_small(const bvl_comm *comm, const bvl_prune_options *options,
                              const bvl_loaded *loaded, const bvl_compact *compact,
                              const bvl_prune_outcome *outcome, const bvl_origin *origin)
{
  bvl_status status = BVL_OK;
  const bvl_network_file *file = &loaded->file;
  bvl_result_writer *writer = NULL;
  bvl_network_values values;
  int64_t *kept = NULL;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&kept, compact->n_kept)));
  for (int64_t k = 0; k < compact->n_kept; k++) kept[k] = file->kept[compact->kept[k]];
  bvl_network_values_of(loaded->net, compact, &values);
  values.p = file->p;
  values.center = file->center;
  values.scale = file->scale;
  values.has_fill = file->fill != NULL;
  values.fill = file->fill;
  values.kept = kept;
  BVL_TRY(bvl_network_create(comm, options->output, "network", &writer));
  BVL_TRY(bvl_network_put(writer, "", &values));
  BVL_TRY(put_beside(file, writer));
  BVL_TRY(describe_job(options, file, outcome, origin, writer));
  BVL_TRY(carry_texts(comm, options->model, writer));
  BVL_TRY(bvl_result_close(&writer, 1));
cleanup:
  if (writer != NULL) bvl_result_close(&writer, 0);
  free(kept);
  return status;
}

/* ---- the job -----------------------------------------------------------------------------------
 */

bvl_status bvl_run_prune(MPI_Comm mpi, const bvl_prune_options *options, bvl_prune_outcome *outcome)
{
  bvl_status status = BVL_OK;
  bvl_traffic traffic = {0};
  bvl_comm comm = {.size = 0};
  bvl_loaded loaded = {.path = NULL};
  bvl_compact *compact = NULL;
  char start_time[24];
  bvl_origin origin = {.command_line = options->command_line, .start_time = start_time};
  bvl_time_now(start_time);
  *outcome = (bvl_prune_outcome){.stored = 0};
  BVL_TRY(bvl_comm_dup(mpi, &traffic, &comm));
  BVL_TRY(bvl_loaded_open(&comm, options->model, -1, &loaded));
  BVL_TRY(bvl_loaded_lay_out(&comm, &loaded, 1, NULL));
  BVL_TRY(bvl_prune(loaded.net, &options->rule, loaded.params, NULL, &outcome->counts));
  BVL_TRY(bvl_compact_create(loaded.net, loaded.params, &compact));
  outcome->stored = bvl_architecture_parameters(&compact->arch);
  origin.grid_rows = loaded.grid->n_rows;
  origin.grid_cols = loaded.grid->n_cols;
  BVL_TRY(write_small(&comm, options, &loaded, compact, outcome, &origin));
cleanup:
  status = bvl_name_file(options->model, status);
  bvl_compact_destroy(&compact);
  bvl_loaded_close(&loaded);
  bvl_comm_free(&comm);
  return status;
}
