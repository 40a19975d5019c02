/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a job on a network. All that can fail early (shapes, split, memory) fails before X is
 * read. */
#include "run/network.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/rng.h"
#include "data/row_subset.h"
#include "net/pass.h"
#include "run/job.h"
#include "run/memory.h"

void bvl_network_options_init(bvl_network_options *options)
{
  *options = (bvl_network_options){.activation = BVL_RELU, .seed = 1, .collective_io = 1};
}

/* ---- the network's shape ---------------------------------------------------------------------
 */

/* "net.txt: line 2: ..." */
static bvl_status name_it(const char *name, bvl_status status)
{
  char message[BVL_MESSAGE_BYTES];
  snprintf(message, sizeof message, "%s", bvl_last_error());
  return bvl_fail(status, "%.80s: %s", name, message);
}

static bvl_status read_architecture(bvl_network_job *job)
{
  const bvl_network_options *o = job->options;
  bvl_architecture *arch = &job->arch;
  const int is_file = o->layers == NULL && o->arch_name != NULL && o->arch_name != o->arch;
  bvl_status status = o->layers != NULL ? bvl_architecture_dense(o->layers, o->activation, arch)
                      : is_file || strchr(o->arch, '\n') != NULL
                          ? bvl_architecture_read(o->arch, o->activation, arch)
                          : bvl_architecture_named(o->arch, o->activation, arch);
  if (status != BVL_OK) return is_file ? name_it(o->arch_name, status) : status;
  if (bvl_architecture_inputs(arch) != job->p)
    return bvl_fail(BVL_ERR_USAGE, "the network has %" PRId64 " inputs, %s has %" PRId64 " columns",
                    bvl_architecture_inputs(arch), bvl_data_source(job->data)->name, job->p);
  for (int64_t l = 0; l + 1 < arch->n; l++) arch->layer[l].by_output = o->by_output;
  if (job->sparse && arch->layer[0].kind != BVL_LAYER_DENSE)
    return bvl_fail(BVL_ERR_USAGE, "a network that begins with %s wants a dense X",
                    bvl_layer_kind_name(arch->layer[0].kind));
  return BVL_OK;
}

static void choose_family(bvl_network_job *job)
{
  const char *family = job->options->family;
  if (family == NULL) family = bvl_data_family(job->data);
  snprintf(job->family, sizeof job->family, "%s", family != NULL ? family : "gaussian");
}

/* ---- rows ------------------------------------------------------------------------------------
 */

/* Rows to try drawn by the seed: the first of a permutation. */
static bvl_status draw_test(bvl_network_job *job, unsigned char *is_train)
{
  bvl_status status = BVL_OK;
  int64_t *order = NULL;
  const int64_t n_test = (int64_t)floor(job->options->test_fraction * (double)job->n + 0.5);
  BVL_TRY(BVL_ALLOC(&order, job->n));
  bvl_rng_permutation(job->options->seed, BVL_STREAM_FOLD, 0, job->n, order);
  memset(is_train, 1, (size_t)job->n);
  for (int64_t k = 0; k < n_test; k++) is_train[order[k]] = 0;
cleanup:
  free(order);
  return status;
}

static bvl_status list_rows(bvl_network_job *job, const unsigned char *is_train)
{
  bvl_status status = BVL_OK;
  for (int64_t i = 0; i < job->n; i++) job->n_train += is_train[i];
  job->n_test = job->n - job->n_train;
  if (job->n_train == 0) return bvl_fail(BVL_ERR_USAGE, "no row is left to learn from");
  BVL_TRY(BVL_ALLOC(&job->train_index, job->n_train));
  BVL_TRY(BVL_ALLOC(&job->test_index, job->n_test));
  for (int64_t i = 0, train = 0, test = 0; i < job->n; i++)
    *(is_train[i] ? &job->train_index[train++] : &job->test_index[test++]) = i;
cleanup:
  return status;
}

static bvl_status split_rows(bvl_network_job *job)
{
  const bvl_network_options *o = job->options;
  bvl_status status = BVL_OK;
  unsigned char *is_train = NULL;
  int64_t *index = NULL, count = 0;
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&is_train, job->n)));
  if (o->train_index != NULL) {
    BVL_TRY(bvl_data_read_index(job->data, o->train_index, &count, &index));
    for (int64_t k = 0; k < count; k++) is_train[index[k]] = 1;
  } else {
    status = draw_test(job, is_train);
  }
  if (status == BVL_OK) status = list_rows(job, is_train);
  BVL_TRY(bvl_agree(&job->comm, status));
  const int64_t batch = o->batch > 0 ? o->batch : job->n_train;
  if (batch > job->n_train)
    BVL_TRY(bvl_fail(BVL_ERR_USAGE, "--batch %" PRId64 ": there are %" PRId64 " rows to learn from",
                     batch, job->n_train));
  job->n_slices = bvl_greater(1, (job->n_train + batch / 2) / batch);
cleanup:
  free(index);
  free(is_train);
  return status;
}

/* ---- the grid and its memory -----------------------------------------------------------------
 */

/* Columns are cut where nearly all parameters are the first layer's, so that little work is done
 * twice, and where its outputs are less to send than the parameters; rows otherwise. */
static int cuts_columns(const bvl_network_job *job)
{
  const bvl_network_options *o = job->options;
  const bvl_layer *first = &job->arch.layer[0];
  if (first->kind != BVL_LAYER_DENSE || o->by_output || o->whole_inputs) return 0;
  const double mine = (double)job->p * (double)first->out.channels;
  const double all = (double)bvl_architecture_parameters(&job->arch);
  const double batch = (double)job->n_train / (double)job->n_slices;
  return mine >= 0.95 * all && all > 4.0 * batch * (double)first->out.channels;
}

static bvl_status choose_grid(bvl_network_job *job)
{
  const bvl_network_options *o = job->options;
  job->grid_rows = o->grid_rows;
  job->grid_cols = o->grid_cols;
  if (o->grid_rows == 0 && o->grid_cols == 0) {
    const int columns = cuts_columns(job);
    job->grid_rows = columns ? 1 : job->comm.size;
    job->grid_cols = columns ? job->comm.size : 1;
  }
  if (job->grid_rows * job->grid_cols != job->comm.size)
    return bvl_fail(BVL_ERR_USAGE, "--grid %dx%d wants %d ranks, there are %d", job->grid_rows,
                    job->grid_cols, job->grid_rows * job->grid_cols, job->comm.size);
  if (o->whole_inputs && job->grid_cols > 1)
    return bvl_fail(BVL_ERR_USAGE, "--grid %dx%d: group-hs needs all inputs on a rank: %dx1",
                    job->grid_rows, job->grid_cols, job->comm.size);
  return BVL_OK;
}

/* X's block. */
static double matrix_bytes(const bvl_network_job *job)
{
  const double ranks = (double)job->comm.size, n = (double)job->n;
  if (job->sparse) return ((double)job->nnz * 24.0 + n * 8.0) / ranks;
  return n * (double)job->p * (double)bvl_dtype_bytes(bvl_data_source(job->data)->dtype) / ranks;
}

/* Of every parameter its value, its gradient and a copy to begin with; on several grid rows the
 * pieces that travel and MPI's copy too, and of the share value and gradient again; the method's
 * own. */
static double estimate(const bvl_network_job *job, double share_doubles)
{
  const bvl_net *net = job->net;
  const double here = (double)net->n_params, share = here / job->grid_rows;
  const int64_t back = job->n_train / job->n_slices / job->grid_rows + 1;
  const int64_t forward = bvl_greater(job->n_train, job->n_test) / job->grid_rows + 1;
  const double base = 28.0 * 1048576.0; /* program, MPI, HDF5 and its buffers */
  const int as_singles = !job->options->is_double &&
                         back <= BVL_PASS_ROWS; /* gradients travel so */
  const double doubles = job->grid_rows == 1
                             ? here * (3.0 + share_doubles)
                             : here * (as_singles ? 3.0 : 5.0) + share * (2.0 + share_doubles);
  /* statistics of the columns and their order; center, scale and kept on their way to the file */
  const double beside = 64.0 * (double)net->columns.p_local + 24.0 * (double)job->p;
  return base + matrix_bytes(job) + 8.0 * doubles + (double)bvl_pass_bytes(net, forward, back) +
         beside;
}

static bvl_status check_memory(bvl_network_job *job, double share_doubles)
{
  int64_t most = 0;
  bvl_status status = BVL_OK;
  const double bytes = estimate(job, share_doubles);
  most = bytes < 0x1p62 ? (int64_t)bytes : INT64_C(1) << 62;
  BVL_TRY(bvl_max_i64(&job->comm, &most, 1)); /* the largest rank's */
  job->estimate_bytes = most;
  status = bvl_memory_check(&job->comm, most, job->options->memory_limit);
cleanup:
  return status;
}

/* ---- reading ---------------------------------------------------------------------------------
 */

static bvl_status read_some(bvl_network_job *job, int64_t n, const int64_t *index, int64_t n_slices,
                            bvl_net_rows **out)
{
  bvl_status status = BVL_OK;
  bvl_row_subset subset = {0};
  const bvl_source *source = bvl_data_source(job->data);
  const int64_t outputs = bvl_architecture_outputs(&job->arch);
  if (n == job->n)
    return bvl_net_rows_create(job->grid, source, job->family, outputs, job->n_responses, n_slices,
                               job->data, bvl_data_read_rows, out);
  BVL_TRY(bvl_row_subset_create(&job->grid->all, source, n, index, 0, &subset));
  bvl_row_subset_vectors vectors = {.subset = &subset,
                                    .context = job->data,
                                    .n_responses = job->n_responses,
                                    .read_rows = bvl_data_read_rows};
  BVL_TRY(bvl_net_rows_create(job->grid, &subset.source, job->family, outputs, job->n_responses,
                              n_slices, &vectors, bvl_row_subset_read_rows, out));
cleanup:
  bvl_row_subset_free(&subset);
  return status;
}

static bvl_status read_rows(bvl_network_job *job)
{
  bvl_status status = BVL_OK;
  BVL_TRY(read_some(job, job->n_train, job->train_index, job->n_slices, &job->train));
  BVL_TRY(bvl_net_rows_scale(job->train, job->options->scaling));
  if (job->n_test == 0) goto cleanup;
  BVL_TRY(read_some(job, job->n_test, job->test_index, 1, &job->test));
  const bvl_design *X = job->train->X;
  BVL_TRY(bvl_agree(
      &job->comm, bvl_design_set_scaling(job->test->X, bvl_design_center(X), bvl_design_scale(X))));
  if (bvl_design_fill(X) != NULL) bvl_design_set_fill(job->test->X, bvl_design_fill(X));
cleanup:
  return status;
}

static bvl_status open_data(bvl_network_job *job)
{
  const bvl_network_options *o = job->options;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_data_open(&job->comm, o->data, &o->names, o->collective_io, 1, &job->data));
  const bvl_source *source = bvl_data_source(job->data);
  job->n = source->n;
  job->p = source->p;
  job->nnz = source->nnz;
  job->sparse = source->format != BVL_DENSE;
  job->n_responses = bvl_data_responses(job->data);
  choose_family(job);
  BVL_TRY(read_architecture(job));
  BVL_TRY(bvl_data_fingerprint(job->data, &job->fingerprint));
  BVL_TRY(bvl_data_read_feature_names(job->data, &job->feature_names));
  BVL_TRY(bvl_data_read_class_names(job->data, &job->class_names));
  BVL_TRY(split_rows(job));
  BVL_TRY(choose_grid(job));
cleanup:
  return status;
}

void bvl_network_job_print(const bvl_network_job *network, FILE *text)
{
  const bvl_network_options *o = network->options;
  fprintf(text, "fingerprint=%016" PRIx64 "\nn=%" PRId64 "\np=%" PRId64 "\nfamily=%s\n",
          network->fingerprint, network->n, network->p, network->family);
  /* the same number of rows may be others */
  fprintf(text, "rows=%016" PRIx64 "\n",
          bvl_hash_bytes(BVL_HASH_START, network->train_index,
                         network->n_train * (int64_t)sizeof *network->train_index));
  fprintf(text,
          "train_rows=%" PRId64 "\nslices=%" PRId64 "\nscale=%d\nprecision=%d\nseed=%" PRIu64 "\n",
          network->n_train, network->n_slices, (int)o->scaling, o->is_double, o->seed);
  for (int64_t l = 0; l < network->arch.n; l++) {
    const bvl_layer *layer = &network->arch.layer[l];
    fprintf(text,
            "layer%" PRId64 "=%s %s %" PRId64 "x%" PRId64 "x%" PRId64 " kernel %" PRId64 "x%" PRId64
            " stride %" PRId64 " padding %" PRId64 "\n",
            l, bvl_layer_kind_name(layer->kind), bvl_activation_name(layer->activation),
            layer->out.channels, layer->out.height, layer->out.width, layer->kernel_h,
            layer->kernel_w, layer->stride, layer->padding);
  }
}

bvl_status bvl_network_open(MPI_Comm comm, const bvl_network_options *options,
                            const bvl_monitor *monitor, bvl_network_job *job)
{
  bvl_status status = BVL_OK;
  *job = (bvl_network_job){.options = options, .monitor = monitor};
  bvl_time_now(job->start_time);
  BVL_TRY(bvl_comm_dup(comm, &job->traffic, &job->comm));
  BVL_TRY(open_data(job));
  BVL_TRY(bvl_grid_create(job->comm.mpi, job->grid_rows, job->grid_cols, &job->grid));
  BVL_TRY(
      bvl_agree(&job->comm, bvl_net_create(job->grid, &job->arch, options->is_double, &job->net)));
cleanup:
  return bvl_name_file(options->data, status);
}

bvl_status bvl_network_job_read(bvl_network_job *job, double share_doubles)
{
  bvl_status status = BVL_OK;
  BVL_TRY(check_memory(job, share_doubles));
  BVL_TRY(read_rows(job));
  bvl_data_close(&job->data);
cleanup:
  return bvl_name_file(job->options->data, status);
}

void bvl_network_close(bvl_network_job *job)
{
  bvl_net_destroy(&job->net);
  bvl_net_rows_destroy(&job->train);
  bvl_net_rows_destroy(&job->test);
  bvl_grid_destroy(&job->grid);
  bvl_data_close(&job->data);
  free(job->feature_names);
  free(job->class_names);
  free(job->train_index);
  free(job->test_index);
  bvl_comm_free(&job->comm);
}
