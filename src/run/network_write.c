/* SPDX-License-Identifier: BSD-3-Clause */
/* What files of networks say of the network and of the job. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/clock.h"
#include "run/job.h"
#include "run/network.h"

/* A vector over input columns on rank 0: grid row 0 holds each column once. */
static bvl_status gather_columns(const bvl_network_job *job, const double *mine, double **out)
{
  bvl_status status = BVL_OK;
  const bvl_grid *grid = job->grid;
  int64_t *counts = NULL;
  status = BVL_ALLOC(&counts, grid->all.size);
  if (status == BVL_OK && grid->all.rank == 0) status = BVL_ALLOC(out, job->p);
  BVL_TRY(bvl_agree(&grid->all, status));
  const int64_t *begin = job->train->X->columns.begin;
  for (int j = 0; j < grid->n_cols; j++) counts[j] = begin[j + 1] - begin[j];
  BVL_TRY(bvl_gather_to(&grid->all, 0, mine, counts, *out));
cleanup:
  free(counts);
  return status;
}

void bvl_network_values_of(const bvl_net *net, const bvl_compact *small, bvl_network_values *values)
{
  const bvl_layer *first = &small->arch.layer[0];
  *values = (bvl_network_values){.arch = &small->arch,
                                 .single = net->real == &bvl_real_f32,
                                 .n_kept = small->n_kept,
                                 .kept = small->kept};
  for (int64_t l = 0; l < small->arch.n; l++) {
    if (small->weight[l] < 0) continue;
    values->weight[l] = small->params + small->weight[l];
    values->bias[l] = small->params + small->bias[l];
  }
  if (!net->split) return;
  values->weight[0] = NULL;
  values->first = small->params + small->weight[0];
  values->n_first = net->grid->i == 0 ? small->n_first : 0;
  values->first_begin = small->first;
  values->output_step = first->by_output ? small->n_first : 1;
  values->input_step = first->by_output ? 1 : first->out.channels;
}

/* The network as it is. */
static void describe_whole(const bvl_network_job *job, const double *params,
                           bvl_network_values *values)
{
  const bvl_net *net = job->net;
  const bvl_tensor *first = &net->tensor[0];
  const int by_output = net->arch.layer[0].by_output;
  *values = (bvl_network_values){
      .arch = &net->arch, .single = net->real == &bvl_real_f32, .p = job->p, .n_kept = job->p};
  for (int64_t q = 0; q < net->n_tensors; q++) {
    const bvl_tensor *t = &net->tensor[q];
    *(t->is_bias ? &values->bias[t->layer] : &values->weight[t->layer]) = params + t->begin;
  }
  if (!net->split) return;
  values->weight[0] = NULL;
  values->first = params;
  values->n_first = job->grid->i == 0 ? first->columns : 0;
  values->first_begin = first->first_column;
  values->output_step = by_output ? first->columns : 1;
  values->input_step = by_output ? 1 : first->outputs;
}

/* Adds what the input is standardised by, and writes. */
static bvl_status put_values(const bvl_network_job *job, bvl_result_writer *writer,
                             const char *prefix, bvl_network_values *values)
{
  bvl_status status = BVL_OK;
  double *center = NULL, *scale = NULL, *fill = NULL;
  const bvl_design *X = job->train->X;
  BVL_TRY(gather_columns(job, bvl_design_center(X), &center));
  BVL_TRY(gather_columns(job, bvl_design_scale(X), &scale));
  values->has_fill = bvl_design_fill(X) != NULL;
  if (values->has_fill) BVL_TRY(gather_columns(job, bvl_design_fill(X), &fill));
  values->center = center;
  values->scale = scale;
  values->fill = fill;
  BVL_TRY(bvl_network_put(writer, prefix, values));
cleanup:
  free(center);
  free(scale);
  free(fill);
  return status;
}

bvl_status bvl_network_job_put(const bvl_network_job *job, bvl_result_writer *writer,
                               const char *prefix, const double *params)
{
  bvl_status status = BVL_OK;
  bvl_network_values values;
  bvl_compact *small = NULL;
  BVL_TRY(bvl_compact_create(job->net, params, &small));
  bvl_network_values_of(job->net, small, &values);
  values.p = job->p;
  BVL_TRY(put_values(job, writer, prefix, &values));
cleanup:
  bvl_compact_destroy(&small);
  return status;
}

bvl_status bvl_network_job_put_whole(const bvl_network_job *job, bvl_result_writer *writer,
                                     const char *prefix, const double *params)
{
  bvl_network_values values;
  describe_whole(job, params, &values);
  return put_values(job, writer, prefix, &values);
}

bvl_status bvl_network_job_describe(const bvl_network_job *job, bvl_result_writer *writer)
{
  static const char *const scaling[] = {"none", "standard", "max", "global"};
  const bvl_network_options *o = job->options;
  bvl_status status = BVL_OK;
  char grid[32], fingerprint[24], end_time[24];
  snprintf(grid, sizeof grid, "%dx%d", job->grid_rows, job->grid_cols);
  snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, job->fingerprint);
  bvl_time_now(end_time);
  const struct {
    const char *name, *value;
  } texts[] = {
      {"version", bvl_version()},
      {"command_line", o->command_line != NULL ? o->command_line : ""},
      {"data", o->data},
      {"fingerprint", fingerprint},
      {"x", o->names.x != NULL ? o->names.x : "/X"},
      {"y", o->names.y != NULL ? o->names.y : "/y"},
      {"family", job->family},
      {"scaling", scaling[o->scaling]},
      {"precision", o->is_double ? "double" : "single"},
      {"grid", grid},
      {"start_time", job->start_time},
      {"end_time", end_time},
  };
  const struct {
    const char *name;
    int64_t value;
  } integers[] = {
      {"n", job->n},
      {"p", job->p},
      {"batch", o->batch},
      {"slices", job->n_slices},
      {"seed", (int64_t)o->seed},
      {"ranks", job->comm.size},
      {"outputs", bvl_architecture_outputs(&job->arch)},
  };
  for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
    BVL_TRY(bvl_result_attr_text(writer, texts[k].name, texts[k].value));
  if (job->class_names != NULL)
    BVL_TRY(bvl_result_attr_text(writer, "class_names", job->class_names));
  for (size_t k = 0; k < sizeof integers / sizeof integers[0]; k++)
    BVL_TRY(bvl_result_attr_i64(writer, integers[k].name, integers[k].value));
  BVL_TRY(bvl_result_put_i64(writer, "/train_index", job->n_train, job->train_index));
  BVL_TRY(bvl_result_put_i64(writer, "/test_index", job->n_test, job->test_index));
  int64_t has_names = job->feature_names != NULL;
  BVL_TRY(bvl_bcast_i64(&job->comm, 0, &has_names, 1));
  if (has_names)
    BVL_TRY(bvl_result_put_strings(writer, "/feature_names", job->p, job->feature_names));
cleanup:
  return status;
}
