/* SPDX-License-Identifier: BSD-3-Clause */
/* Simulated data: every number is a function of (seed, row, column), and the noise is scaled by the
 * population variance of X beta, so that the file is the same at every rank count. Written in
 * strips; a sparse X is held as this rank's rows of CSR.
 *
 * Dense:  x_i0 = z_i0,  x_ij = rho x_i,j-1 + sqrt(1 - rho^2) z_ij: unit variance, correlation
 *         rho^|j-k|.      Sparse: independent N(0, 1) at a share `density` of the places. */
#include "run/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/rng.h"
#include "loss/loss.h"

enum { STRIP_BYTES = 8 << 20 };

void bvl_simulate_options_init(bvl_simulate_options *options)
{
  memset(options, 0, sizeof *options);
  options->group_size = 1;
  options->active = 10;
  options->snr = 3.0;
  options->density = 1.0;
  options->family = "gaussian";
  options->seed = 1;
}

typedef struct simulation {
  const bvl_simulate_options *options;
  bvl_comm comm;
  bvl_data_writer *writer;
  int64_t row0; /* this rank's rows: row0 .. row0 + n_rows - 1 */
  int64_t n_rows;
  double *beta;    /* p, owned, replicated */
  double noise_sd; /* gaussian */
  double *y;       /* n_rows, owned */
  /* sparse X of this rank's rows, owned */
  int64_t *indptr; /* n_rows + 1 */
  int64_t *indices;
  double *values;
  int64_t index_room, value_room;
} simulation;

static bvl_status check_options(const bvl_simulate_options *o)
{
  int64_t n_groups = o->group_size > 0 ? (o->p + o->group_size - 1) / o->group_size : 0;
  if (o->n < 1 || o->p < 1 || o->group_size < 1)
    return bvl_fail(BVL_ERR_USAGE,
                    "n %" PRId64 ", p %" PRId64 ", group size %" PRId64 ": each must be at least 1",
                    o->n, o->p, o->group_size);
  if (o->active < 0 || o->active > n_groups)
    return bvl_fail(BVL_ERR_USAGE, "active %" PRId64 ": there are %" PRId64 " %s", o->active,
                    n_groups, o->group_size > 1 ? "groups" : "columns");
  if (!(fabs(o->rho) < 1.0) || !(o->snr > 0.0) || !(o->density > 0.0 && o->density <= 1.0))
    return bvl_fail(BVL_ERR_USAGE,
                    "rho %g, snr %g, density %g: wanted |rho| < 1, snr > 0, "
                    "0 < density <= 1",
                    o->rho, o->snr, o->density);
  if (o->density < 1.0 && o->rho != 0.0)
    return bvl_fail(BVL_ERR_USAGE, "rho %g with density %g: sparse columns are independent", o->rho,
                    o->density);
  if (bvl_loss_find(o->family) == NULL)
    return bvl_fail(BVL_ERR_USAGE, "family %.31s: not available", o->family);
  return BVL_OK;
}

/* ---- coefficients --------------------------------------------------------------------------- */

static double draw_coefficient(const bvl_simulate_options *o, int64_t column)
{
  uint64_t c = (uint64_t)column;
  if (o->group_size > 1) return bvl_rng_normal(o->seed, BVL_STREAM_SIM_BETA, c, 0);
  double size = 0.5 + bvl_rng_uniform(o->seed, BVL_STREAM_SIM_BETA, c, 0);
  return bvl_rng_uniform(o->seed, BVL_STREAM_SIM_BETA, c, 1) < 0.5 ? -size : size;
}

/* Var(x'beta) from Cov(x_j, x_k) = rho^|j-k| (density I when sparse), in O(p):
 * sum_j beta_j (beta_j + 2 c_j) with c_j = sum_{k<j} rho^(j-k) beta_k = rho (c_{j-1} + beta_{j-1}).
 */
static double signal_variance(const bvl_simulate_options *o, const double *beta)
{
  double variance = 0.0, behind = 0.0;
  for (int64_t j = 0; j < o->p; j++) {
    variance += beta[j] * (beta[j] + 2.0 * behind);
    behind = o->rho * (behind + beta[j]);
  }
  return o->density * variance;
}

/* Active groups stand evenly over the columns. Binomial and Poisson predictors are scaled to a
 * standard deviation that leaves both classes uncertain and rates moderate. */
static void draw_beta(simulation *sim)
{
  const bvl_simulate_options *o = sim->options;
  int64_t n_groups = (o->p + o->group_size - 1) / o->group_size;
  for (int64_t a = 0; a < o->active; a++) {
    int64_t group = bvl_cut(n_groups, o->active, a);
    int64_t end = bvl_lesser((group + 1) * o->group_size, o->p);
    for (int64_t j = group * o->group_size; j < end; j++) sim->beta[j] = draw_coefficient(o, j);
  }
  double variance = signal_variance(o, sim->beta);
  sim->noise_sd = variance > 0.0 ? sqrt(variance / o->snr) : 1.0;
  if (strcmp(o->family, "gaussian") == 0 || !(variance > 0.0)) return;
  double factor = (strcmp(o->family, "binomial") == 0 ? 2.0 : 0.7) / sqrt(variance);
  for (int64_t j = 0; j < o->p; j++) sim->beta[j] *= factor;
}

/* ---- responses ------------------------------------------------------------------------------ */

/* Inversion: the smallest k whose distribution function exceeds u. */
static double draw_poisson(double rate, double u)
{
  double probability = exp(-rate), below = probability, k = 0.0;
  while (u >= below && probability > 0.0) {
    k += 1.0;
    probability *= rate / k;
    below += probability;
  }
  return k;
}

static double draw_response(const simulation *sim, int64_t row, double eta)
{
  const bvl_simulate_options *o = sim->options;
  uint64_t i = (uint64_t)row;
  if (strcmp(o->family, "gaussian") == 0)
    return eta + sim->noise_sd * bvl_rng_normal(o->seed, BVL_STREAM_SIM_NOISE, i, 0);
  double u = bvl_rng_uniform(o->seed, BVL_STREAM_SIM_NOISE, i, 0);
  if (strcmp(o->family, "binomial") == 0) return u < 1.0 / (1.0 + exp(-eta)) ? 1.0 : 0.0;
  return draw_poisson(exp(eta), u);
}

/* ---- the matrix ----------------------------------------------------------------------------- */

static double draw_dense_row(const simulation *sim, int64_t row, double *x)
{
  const bvl_simulate_options *o = sim->options;
  double fresh = sqrt(1.0 - o->rho * o->rho), eta = 0.0;
  for (int64_t j = 0; j < o->p; j++) {
    double z = bvl_rng_normal(o->seed, BVL_STREAM_SIM_X, (uint64_t)row, (uint64_t)j);
    x[j] = j == 0 ? z : o->rho * x[j - 1] + fresh * z;
    eta += x[j] * sim->beta[j];
  }
  return eta;
}

static bvl_status write_dense(simulation *sim)
{
  const bvl_simulate_options *o = sim->options;
  int64_t strip = bvl_greater(1, STRIP_BYTES / (8 * o->p));
  int64_t longest = (o->n + sim->comm.size - 1) / sim->comm.size;
  double *rows = NULL;
  bvl_status status = BVL_ALLOC(&rows, strip * o->p);
  BVL_TRY(bvl_agree(&sim->comm, status));
  for (int64_t done = 0; done < longest; done += strip) { /* every rank writes equally often */
    int64_t count = bvl_greater(0, bvl_lesser(strip, sim->n_rows - done));
    int64_t first = sim->row0 + bvl_lesser(done, sim->n_rows);
    for (int64_t i = 0; i < count; i++)
      sim->y[done + i] = draw_response(sim, first + i,
                                       draw_dense_row(sim, first + i, rows + i * o->p));
    BVL_TRY(bvl_data_put_dense(sim->writer, first, count, rows));
  }
cleanup:
  free(rows);
  return status;
}

/* Skips from entry to entry with geometric gaps instead of tossing a coin at every place. */
static bvl_status draw_sparse_row(simulation *sim, int64_t i, double *eta)
{
  const bvl_simulate_options *o = sim->options;
  const uint64_t row = (uint64_t)(sim->row0 + i);
  const double log_miss = log1p(-o->density);
  int64_t used = sim->indptr[i], column = -1;
  *eta = 0.0;
  for (uint64_t k = 0;; k++) {
    double u = bvl_rng_uniform(o->seed, BVL_STREAM_SIM_PATTERN, row, k);
    double gap = floor(log1p(-u) / log_miss);
    if (gap >= (double)(o->p - 1 - column)) break;
    column += 1 + (int64_t)gap;
    bvl_status status = BVL_GROW(&sim->indices, &sim->index_room, used + 1);
    if (status == BVL_OK) status = BVL_GROW(&sim->values, &sim->value_room, used + 1);
    if (status != BVL_OK) return status;
    sim->indices[used] = column;
    sim->values[used] = bvl_rng_normal(o->seed, BVL_STREAM_SIM_X, row, (uint64_t)column);
    *eta += sim->values[used] * sim->beta[column];
    used++;
  }
  sim->indptr[i + 1] = used;
  return BVL_OK;
}

static bvl_status draw_sparse(simulation *sim)
{
  double expected = (double)sim->n_rows * (double)sim->options->p * sim->options->density;
  bvl_status status = BVL_ALLOC(&sim->indptr, sim->n_rows + 1);
  if (status == BVL_OK) status = BVL_GROW(&sim->indices, &sim->index_room, (int64_t)expected + 1);
  if (status == BVL_OK) status = BVL_GROW(&sim->values, &sim->value_room, (int64_t)expected + 1);
  for (int64_t i = 0; status == BVL_OK && i < sim->n_rows; i++) {
    double eta;
    status = draw_sparse_row(sim, i, &eta);
    sim->y[i] = draw_response(sim, sim->row0 + i, eta);
  }
  return status;
}

static bvl_status write_sparse(simulation *sim)
{
  bvl_status status = bvl_agree(&sim->comm, draw_sparse(sim));
  if (status != BVL_OK) return status;
  return bvl_data_put_csr(sim->writer, sim->n_rows, sim->indptr, sim->indices, sim->values);
}

/* ---- the rest of the file ------------------------------------------------------------------- */

static bvl_status write_vectors(simulation *sim)
{
  const bvl_simulate_options *o = sim->options;
  int64_t on_root = sim->comm.rank == 0 ? o->p : 0, *groups = NULL;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_data_put_f64(sim->writer, "/y", o->n, sim->row0, sim->n_rows, sim->y));
  BVL_TRY(bvl_data_put_f64(sim->writer, "/beta_true", o->p, 0, on_root, sim->beta));
  if (o->group_size > 1) {
    BVL_TRY(bvl_agree(&sim->comm, BVL_ALLOC(&groups, on_root)));
    for (int64_t j = 0; j < on_root; j++) groups[j] = j / o->group_size;
    BVL_TRY(bvl_data_put_i64(sim->writer, "/groups", o->p, 0, on_root, groups));
  }
cleanup:
  free(groups);
  return status;
}

static bvl_status write_attributes(simulation *sim)
{
  const bvl_simulate_options *o = sim->options;
  char text[192];
  bvl_status status = BVL_OK;
  snprintf(text, sizeof text,
           "n=%" PRId64 " p=%" PRId64 " group-size=%" PRId64 " active=%" PRId64
           " rho=%g snr=%g density=%g seed=%" PRIu64,
           o->n, o->p, o->group_size, o->active, o->rho, o->snr, o->density, o->seed);
  BVL_TRY(bvl_data_attr_text(sim->writer, "family", o->family));
  BVL_TRY(bvl_data_attr_text(sim->writer, "simulate", text));
  BVL_TRY(bvl_data_attr_text(sim->writer, "version", bvl_version()));
cleanup:
  return status;
}

bvl_status bvl_run_simulate(MPI_Comm comm, const bvl_simulate_options *options)
{
  bvl_traffic traffic = {0};
  simulation sim = {.options = options};
  bvl_status status = BVL_OK;
  BVL_TRY(check_options(options));
  BVL_TRY(bvl_comm_dup(comm, &traffic, &sim.comm));
  sim.row0 = bvl_cut(options->n, sim.comm.size, sim.comm.rank);
  sim.n_rows = bvl_cut(options->n, sim.comm.size, sim.comm.rank + 1) - sim.row0;
  status = BVL_ALLOC(&sim.beta, options->p);
  if (status == BVL_OK) status = BVL_ALLOC(&sim.y, sim.n_rows);
  BVL_TRY(bvl_agree(&sim.comm, status));
  draw_beta(&sim);
  BVL_TRY(bvl_data_create(&sim.comm, options->output, options->n, options->p, &sim.writer));
  BVL_TRY(options->density < 1.0 ? write_sparse(&sim) : write_dense(&sim));
  BVL_TRY(write_vectors(&sim));
  BVL_TRY(write_attributes(&sim));
  BVL_TRY(bvl_data_finish(&sim.writer, 1));
cleanup:
  if (sim.writer != NULL) bvl_data_finish(&sim.writer, 0);
  free(sim.values);
  free(sim.indices);
  free(sim.indptr);
  free(sim.y);
  free(sim.beta);
  bvl_comm_free(&sim.comm);
  return status;
}
