/* SPDX-License-Identifier: BSD-3-Clause */
/* Small networks for tests: data in memory from the global index, so that every grid learns from
 * the same rows, and theta gathered into one order that no grid changes. */
#ifndef BVL_TEST_NET_FIT_H
#define BVL_TEST_NET_FIT_H

#include "bvl_test.h"

#include "base/rng.h"
#include "bevel/source.h"
#include "net/train.h"

#ifndef NET_PARAMS /* a test may want more */
#define NET_PARAMS 400
#endif
enum { NET_MAX_PARAMS = NET_PARAMS, NET_MAX_THETA = 4 * NET_PARAMS };

typedef enum net_storage { NET_F64, NET_F32, NET_I8, NET_U8, NET_CSC, NET_CSR } net_storage;

/** What a test wants of a network; 0 = the plain thing. */
typedef struct net_case {
  const char *layers; /* "7-5-3", or the text of an architecture file */
  bvl_activation activation;
  const char *family;
  int64_t n;
  int64_t n_responses; /* 0 = 1 */
  int64_t n_slices;    /* 0 = 1 */
  int weighted;
  const char *penalty;
  const char *param;
  double q; /* of lq, 0 = none */
  double lambda;
  bvl_structure structure;
  bvl_hoyer hoyer;
  double hoyer_lambda;
  double weight_decay;
  int masked; /* every third parameter is held at 0 */
  int single; /* products in float32 */
  net_storage storage;
  bvl_scaling scaling;
  int missing;       /* NET_I8: some entries are -1, which stands for none */
  int64_t bad_row;   /* with bad: whose y is `bad` */
  double bad;        /* 0 = none */
  double zero_share; /* of X: entries that are 0 */
} net_case;

typedef struct net_data {
  const net_case *what;
  int64_t p;
  double *X; /* n x p, row-major, as all of them */
  float *X32;
  int8_t *X8;
  uint8_t *U8;
  int64_t *indptr;
  int64_t *indices;
  double *entries;
  double *y; /* n x responses */
  double *w;
} net_data;

typedef struct net_fit {
  net_data data;
  bvl_grid *grid;
  bvl_architecture arch;
  bvl_net *net;
  bvl_net_rows *rows;
  bvl_penalty penalty;
  bvl_sparsity *sparsity;
  bvl_net_objective *objective;
  int64_t first[2]; /* place of this rank's theta in the gathered one, by part */
  int64_t n_theta;  /* of the gathered one */
  double params[NET_MAX_PARAMS];
  double theta[NET_MAX_THETA];
  double grad[NET_MAX_THETA];
} net_fit;

/* ---- data ------------------------------------------------------------------------------------
 */

/* The 8-bit kinds hold small integers, all others the same numbers or, plain, normals. */
static inline double net_entry(const net_case *what, int64_t i, int64_t j)
{
  const double u = bvl_rng_uniform(11, BVL_STREAM_SIM_X, (uint64_t)(1000 + i), (uint64_t)j);
  if (u < what->zero_share) return 0.0;
  if (what->zero_share > 0.0) return 1.0 + floor(7.0 * (u - what->zero_share));
  return 0.3 * (double)(j % 3) + bvl_rng_normal(11, BVL_STREAM_SIM_X, (uint64_t)i, (uint64_t)j);
}

static inline double net_response(const net_case *what, int64_t outputs, int64_t i, int64_t v)
{
  const double u = bvl_rng_uniform(12, BVL_STREAM_SIM_NOISE, (uint64_t)i, (uint64_t)v);
  if (strcmp(what->family, "gaussian") == 0)
    return bvl_rng_normal(12, BVL_STREAM_SIM_NOISE, (uint64_t)(1000 + i), (uint64_t)v);
  if (strcmp(what->family, "binomial") == 0) return u < 0.4;
  if (strcmp(what->family, "poisson") == 0) return floor(5.0 * u);
  return floor((double)outputs * u);
}

static inline void net_data_free(net_data *d)
{
  free(d->X);
  free(d->X32);
  free(d->X8);
  free(d->U8);
  free(d->indptr);
  free(d->indices);
  free(d->entries);
  free(d->y);
  free(d->w);
}

static inline void net_data_allocate(net_data *d, int64_t m)
{
  const size_t n = (size_t)d->what->n, p = (size_t)d->p;
  d->X = calloc(n * p, sizeof *d->X);
  d->X32 = calloc(n * p, sizeof *d->X32);
  d->X8 = calloc(n * p, sizeof *d->X8);
  d->U8 = calloc(n * p, sizeof *d->U8);
  d->indptr = calloc(n + p + 1, sizeof *d->indptr);
  d->indices = calloc(n * p, sizeof *d->indices);
  d->entries = calloc(n * p, sizeof *d->entries);
  d->y = calloc(n * (size_t)m, sizeof *d->y);
  d->w = calloc(n, sizeof *d->w);
}

/* net_data_free frees it. */
static inline void net_data_make(net_data *d, const net_case *what, const bvl_architecture *arch)
{
  const int64_t outputs = bvl_architecture_outputs(arch);
  const int64_t m = what->n_responses > 0 ? what->n_responses : 1;
  *d = (net_data){.what = what, .p = bvl_architecture_inputs(arch)};
  net_data_allocate(d, m);
  for (int64_t i = 0; i < what->n; i++) {
    for (int64_t j = 0; j < d->p; j++) {
      const double x = net_entry(what, i, j);
      d->X[i * d->p + j] = x;
      d->X32[i * d->p + j] = (float)x;
      d->X8[i * d->p + j] = (int8_t)x;
      d->U8[i * d->p + j] = (uint8_t)fabs(x);
      if (what->missing && (i + 3 * j) % 11 == 5) d->X8[i * d->p + j] = -1;
    }
    for (int64_t v = 0; v < m; v++) d->y[i * m + v] = net_response(what, outputs, i, v);
    d->w[i] = i % 9 == 4 ? 0.0 : 0.5 + bvl_rng_uniform(13, BVL_STREAM_SIM_NOISE, 0, (uint64_t)i);
  }
  if (what->bad != 0.0) d->y[what->bad_row * m] = what->bad;
}

/* CSC or CSR arrays of X. */
static inline void net_compress(net_data *d)
{
  const int by_row = d->what->storage == NET_CSR;
  const int64_t major = by_row ? d->what->n : d->p, minor = by_row ? d->p : d->what->n;
  int64_t count = 0;
  for (int64_t a = 0; a < major; a++) {
    d->indptr[a] = count;
    for (int64_t b = 0; b < minor; b++) {
      const double x = by_row ? d->X[a * d->p + b] : d->X[b * d->p + a];
      if (x == 0.0) continue;
      d->indices[count] = b;
      d->entries[count++] = x;
    }
  }
  d->indptr[major] = count;
}

static inline bvl_status net_source(net_data *d, bvl_source *out)
{
  bvl_status status = BVL_OK;
  const int64_t n = d->what->n, p = d->p;
  switch (d->what->storage) {
  case NET_F64: return bvl_source_dense_borrow(BVL_F64, n, p, d->X, p, 0, out);
  case NET_F32: return bvl_source_dense_borrow(BVL_F32, n, p, d->X32, p, 0, out);
  case NET_U8: return bvl_source_dense_borrow(BVL_U8, n, p, d->U8, p, 0, out);
  case NET_I8:
    status = bvl_source_dense_borrow(BVL_I8, n, p, d->X8, p, 0, out);
    out->has_missing = d->what->missing;
    out->missing = -1;
    return status;
  case NET_CSC:
  case NET_CSR: break;
  }
  net_compress(d);
  return bvl_source_sparse_borrow(d->what->storage == NET_CSC ? BVL_CSC : BVL_CSR, n, p, d->indptr,
                                  d->indices, d->entries, out);
}

static inline bvl_status net_read_rows(void *context, const char *what, int64_t row0, int64_t count,
                                       double *out, int *present)
{
  const net_data *d = context;
  const int64_t m = d->what->n_responses > 0 ? d->what->n_responses : 1;
  *present = strcmp(what, "y") == 0 || d->what->weighted;
  if (strcmp(what, "y") == 0)
    memcpy(out, d->y + row0 * m, (size_t)(count * m) * sizeof *out);
  else if (d->what->weighted)
    memcpy(out, d->w + row0, (size_t)count * sizeof *out);
  return BVL_OK;
}

/** Collective over the grid: the rows of a case, scaled. */
static inline bvl_status net_rows(net_data *d, const bvl_grid *grid, int64_t outputs,
                                  bvl_net_rows **out)
{
  bvl_source source;
  bvl_status status = net_source(d, &source);
  if (status != BVL_OK) return status;
  const net_case *what = d->what;
  status = bvl_net_rows_create(grid, &source, what->family, outputs,
                               what->n_responses > 0 ? what->n_responses : 1,
                               what->n_slices > 0 ? what->n_slices : 1, d, net_read_rows, out);
  if (status == BVL_OK) status = bvl_net_rows_scale(*out, what->scaling);
  bvl_source_memory_free(&source);
  return status;
}

/* ---- networks --------------------------------------------------------------------------------
 */

static inline bvl_status net_architecture(const net_case *what, bvl_architecture *out)
{
  const bvl_status status = strchr(what->layers, '\n') != NULL
                                ? bvl_architecture_read(what->layers, what->activation, out)
                                : bvl_architecture_dense(what->layers, what->activation, out);
  for (int64_t l = 0; status == BVL_OK && l + 1 < out->n; l++)
    out->layer[l].by_output = what->structure == BVL_BY_NEURON;
  return status;
}

/** Must its grid have one column? */
static inline int net_needs_all_columns(const net_case *what)
{
  return strchr(what->layers, '\n') != NULL || what->structure == BVL_BY_NEURON ||
         what->hoyer == BVL_HOYER_GROUP;
}

/** Place of the parameter at `at` in the order of files, which no grid changes. */
static inline int64_t net_file_place(const bvl_net *net, int64_t at)
{
  int64_t before = 0, q = 0;
  for (; at >= net->tensor[q].begin + net->tensor[q].count; q++)
    before += net->tensor[q].outputs * net->tensor[q].all_columns;
  const bvl_tensor *t = &net->tensor[q];
  const bvl_layer *layer = &net->arch.layer[t->layer];
  const int64_t place = at - t->begin;
  if (t->is_bias) return before + place;
  const int64_t o = layer->by_output ? place / t->columns : place % t->outputs;
  const int64_t k = layer->by_output ? place % t->columns : place / t->outputs;
  return before + o * t->all_columns + bvl_layer_file_index(layer, t->first_column + k);
}

/** out (n_all, in the order of files) <- params of all ranks. Collective. */
static inline void net_gather_params(const net_fit *fit, const double *params, double *out)
{
  const bvl_net *net = fit->net;
  memset(out, 0, (size_t)net->n_all * sizeof *out);
  for (int64_t k = 0; k < net->n_params; k++)
    if (net->grid->i == 0 && (k < net->n_first || net->grid->j == 0))
      out[net_file_place(net, k)] = params[k];
  ASSERT_OK(bvl_sum(&net->grid->all, out, net->n_all));
}

/** out (n_theta) <- a vector like theta, of all ranks. Collective. */
static inline void net_gather(const net_fit *fit, const double *local, double *out)
{
  memset(out, 0, (size_t)fit->n_theta * sizeof *out);
  for (int part = 0; part < 2; part++) {
    const int64_t count = fit->sparsity->theta_count[part];
    if (part == 0 || fit->grid->j == 0)
      memcpy(out + fit->first[part], local, (size_t)count * sizeof *out);
    local += count;
  }
  ASSERT_OK(bvl_sum(&fit->grid->all, out, fit->n_theta));
}

/** local <- this rank's of a gathered vector. */
static inline void net_scatter(const net_fit *fit, const double *all, double *local)
{
  for (int part = 0; part < 2; part++) {
    const int64_t count = fit->sparsity->theta_count[part];
    memcpy(local, all + fit->first[part], (size_t)count * sizeof *local);
    local += count;
  }
}

static inline void net_find_places(net_fit *fit)
{
  const bvl_sparsity *s = fit->sparsity;
  int64_t in_column = 0, column = 0, before = 0, all = 0;
  ASSERT_OK(bvl_offsets(&fit->grid->col, s->theta_count[0], &in_column, &column));
  ASSERT_OK(bvl_offsets(&fit->grid->row, column, &before, &all));
  fit->first[0] = before + in_column;
  ASSERT_OK(bvl_offsets(&fit->grid->col, s->theta_count[1], &in_column, &column));
  fit->first[1] = all + in_column;
  fit->n_theta = all + column;
  ASSERT_ALL(fit->n_theta <= NET_MAX_THETA);
}

/* The usual start with biases that are not 0, so that nothing is there by chance. */
static inline void net_start(net_fit *fit)
{
  bvl_net_start(fit->net, 17, fit->params);
  for (int64_t q = 0; q < fit->net->n_tensors; q++) {
    const bvl_tensor *t = &fit->net->tensor[q];
    for (int64_t o = 0; o < t->count && t->is_bias; o++)
      fit->params[t->begin + o] = 0.1 * (double)(o % 4) - 0.13;
  }
  bvl_sparsity_start(fit->sparsity, fit->params, fit->theta);
}

static inline bvl_status net_sparsity(const net_case *what, net_fit *fit)
{
  bvl_status status = BVL_OK;
  unsigned char mask[NET_MAX_PARAMS];
  for (int64_t k = 0; k < fit->net->n_params; k++) mask[k] = net_file_place(fit->net, k) % 3 != 1;
  bvl_sparsity_options options = {.param = what->param,
                                  .structure = what->structure,
                                  .lambda = what->lambda,
                                  .hoyer = what->hoyer,
                                  .hoyer_lambda = what->hoyer_lambda,
                                  .weight_decay = what->weight_decay,
                                  .mask = what->masked ? mask : NULL};
  if (what->penalty != NULL) {
    bvl_penalty_parameters parameters = with_alpha(NAN);
    if (what->q > 0.0) parameters.q = what->q;
    status = bvl_penalty_init(bvl_penalty_find(what->penalty), &parameters, &fit->penalty);
    options.penalty = &fit->penalty;
  }
  return status == BVL_OK ? bvl_sparsity_create(fit->net, &options, &fit->sparsity) : status;
}

/** Collective over MPI_COMM_WORLD, whose ranks all call it: a case on a grid of `comm`, at the
 * usual start. The struct may not move. */
static inline void net_open(const net_case *what, MPI_Comm comm, int n_rows, int n_cols,
                            net_fit *fit)
{
  memset(fit, 0, sizeof *fit);
  ASSERT_OK(bvl_grid_create(comm, n_rows, n_cols, &fit->grid));
  ASSERT_OK(net_architecture(what, &fit->arch));
  net_data_make(&fit->data, what, &fit->arch);
  ASSERT_OK(bvl_net_create(fit->grid, &fit->arch, !what->single, &fit->net));
  ASSERT_ALL(fit->net->n_all <= NET_MAX_PARAMS);
  ASSERT_OK(net_rows(&fit->data, fit->grid, bvl_architecture_outputs(&fit->arch), &fit->rows));
  ASSERT_OK(net_sparsity(what, fit));
  ASSERT_OK(bvl_net_objective_create(fit->net, fit->rows, fit->sparsity, &fit->objective));
  net_find_places(fit);
  net_start(fit);
}

static inline void net_close(net_fit *fit)
{
  bvl_net_objective_destroy(&fit->objective);
  bvl_sparsity_destroy(&fit->sparsity);
  bvl_net_rows_destroy(&fit->rows);
  bvl_net_destroy(&fit->net);
  bvl_grid_destroy(&fit->grid);
  net_data_free(&fit->data);
}

/** The value at theta, its gradient in fit->grad. Collective. */
static inline double net_value(net_fit *fit, const double *theta, int64_t batch)
{
  double value = NAN;
  int wants = 0;
  const bvl_status status = bvl_net_objective_eval(fit->objective, theta, batch, &value, fit->grad,
                                                   &wants);
  ASSERT_OK(wants == 0 ? status : BVL_ERR_INTERNAL);
  return value;
}

/** Grids of all ranks that a case can live on: shapes[][2]; returns how many. */
static inline int net_grids(const net_case *what, int shapes[8][2])
{
  const int size = bvl_test_size();
  int count = 0;
  for (int r = 1; r <= size; r++) {
    if (size % r != 0 || (net_needs_all_columns(what) && r != size)) continue;
    shapes[count][0] = r;
    shapes[count++][1] = size / r;
  }
  return count;
}

/** Of a list of cases, is this one left out at many ranks, where messages are slow? */
static inline int net_is_spared(int c)
{
  return bvl_test_size() > 3 && c % 3 != bvl_test_size() % 3;
}

static inline double net_most(int64_t n, const double *x)
{
  double most = 0.0;
  for (int64_t k = 0; k < n; k++) most = fmax(most, fabs(x[k]));
  return most;
}

/** The largest |a - b|. */
static inline double net_apart(int64_t n, const double *a, const double *b)
{
  double most = 0.0;
  for (int64_t k = 0; k < n; k++)
    most = fmax(most, isnan(a[k] - b[k]) ? INFINITY : fabs(a[k] - b[k]));
  return most;
}

#endif
