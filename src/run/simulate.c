/* SPDX-License-Identifier: BSD-3-Clause */
/* Simulated data: every number is a function of (seed, row, column). What is not (the spread of a
 * words predictor, the median of a split response) is computed on rank 0 in the order of the rows;
 * so the file is the same at every rank count. Written in strips; a sparse X is held as this rank's
 * rows of CSR. The designs: run/simulate_rows.c; the recipes: run/recipe.c. */
#include "run/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/rng.h"
#include "loss/loss.h"
#include "run/recipe.h"
#include "run/simulate_rows.h"

enum { STRIP_BYTES = 8 << 20 };

void bvl_simulate_options_init(bvl_simulate_options *options)
{
  memset(options, 0, sizeof *options);
  options->active = -1;
  options->rho = options->snr = options->density = NAN;
  options->seed = 1;
}

typedef struct simulation {
  bvl_recipe plan;
  int64_t K; /* outputs of a row: responses, or the classes of family multinomial */
  uint64_t seed;
  const char *command_line; /* borrowed */
  char start_time[24];
  bvl_comm comm;
  bvl_data_writer *writer;
  int64_t row0; /* this rank's rows: row0 .. row0 + n_rows - 1 */
  int64_t n_rows;
  double *beta;     /* p x K, a column's together; owned, replicated */
  double *noise_sd; /* K, owned: gaussian, and before a split at the median */
  double *y;        /* n_rows x K, one output after the other, owned: X beta until responses or
                       labels are drawn */
  bvl_sim_csr csr;  /* sparse X of this rank's rows */
} simulation;

/* ---- coefficients --------------------------------------------------------------------------- */

static double draw_one(const simulation *sim, uint64_t column, uint64_t draw)
{
  if (sim->plan.group_size > 1 || sim->plan.active == BVL_SIM_TENTH)
    return bvl_rng_normal(sim->seed, BVL_STREAM_SIM_BETA, column, draw);
  double size = 0.5 + bvl_rng_uniform(sim->seed, BVL_STREAM_SIM_BETA, column, draw);
  return bvl_rng_uniform(sim->seed, BVL_STREAM_SIM_BETA, column, draw + 1) < 0.5 ? -size : size;
}

/* A column's, of every output. */
static void draw_coefficients(simulation *sim, int64_t column)
{
  for (int64_t k = 0; k < sim->K; k++)
    sim->beta[column * sim->K + k] = draw_one(sim, (uint64_t)column, 2 * (uint64_t)k);
}

/* Active groups stand evenly over the columns; among words over the common ones, since most others
 * are in no row. */
static int64_t active_group(const simulation *sim, int64_t n_common, int64_t a)
{
  const bvl_recipe *plan = &sim->plan;
  int64_t n_groups = (plan->p + plan->group_size - 1) / plan->group_size;
  if (plan->design != BVL_SIM_WORDS) return bvl_cut(n_groups, plan->active, a);
  return bvl_cut(bvl_greater(n_common / plan->group_size, plan->active), 2 * plan->active,
                 2 * a + 1);
}

static void draw_beta(simulation *sim)
{
  const bvl_recipe *plan = &sim->plan;
  int64_t n_common = plan->design == BVL_SIM_WORDS ? bvl_sim_common_words(plan) : 0;
  for (int64_t j = 0; plan->active == BVL_SIM_TENTH && j < plan->p; j++)
    if (bvl_rng_uniform(sim->seed, BVL_STREAM_SIM_BETA, (uint64_t)j, 1) < 0.1)
      draw_coefficients(sim, j);
  for (int64_t a = 0; a < plan->active; a++) {
    int64_t first = active_group(sim, n_common, a) * plan->group_size;
    int64_t end = bvl_lesser(first + plan->group_size, plan->p);
    for (int64_t j = first; j < end; j++) draw_coefficients(sim, j);
  }
}

/* ---- scale ---------------------------------------------------------------------------------- */

/* Var(x'beta) of output k from Cov(x_j, x_l) = rho^|j-l| (density I when sparse), in O(p):
 * sum_j beta_j (beta_j + 2 c_j) with c_j = sum_{l<j} rho^(j-l) beta_l = rho (c_{j-1} + beta_{j-1}).
 */
static double signal_variance(const simulation *sim, int64_t k)
{
  const bvl_recipe *plan = &sim->plan;
  double variance = 0.0, behind = 0.0;
  for (int64_t j = k; j < plan->p * sim->K; j += sim->K) {
    variance += sim->beta[j] * (sim->beta[j] + 2.0 * behind);
    behind = plan->rho * (behind + sim->beta[j]);
  }
  return plan->density * variance;
}

/* All of output k in the order of the rows on rank 0 (*all NULL elsewhere). Collective. */
static bvl_status gather_y(const simulation *sim, int64_t k, double **all)
{
  const bvl_comm *comm = &sim->comm;
  int64_t *counts = NULL;
  bvl_status status = BVL_ALLOC(&counts, comm->size);
  if (status == BVL_OK && comm->rank == 0) status = BVL_ALLOC(all, sim->plan.n);
  BVL_TRY(bvl_agree(comm, status));
  for (int r = 0; r < comm->size; r++)
    counts[r] = bvl_cut(sim->plan.n, comm->size, r + 1) - bvl_cut(sim->plan.n, comm->size, r);
  BVL_TRY(bvl_gather_to(comm, 0, sim->y + k * sim->n_rows, counts, *all));
cleanup:
  free(counts);
  return status;
}

/* Variance of output k over the rows: what words leave of Var(x'beta) has no formula. Collective.
 */
static bvl_status measure_variance(const simulation *sim, int64_t k, double *variance)
{
  double *y = NULL, mean = 0.0, squares = 0.0;
  int64_t n = sim->plan.n;
  bvl_status status = BVL_OK;
  BVL_TRY(gather_y(sim, k, &y));
  for (int64_t i = 0; y != NULL && i < n; i++) mean += y[i] / (double)n;
  for (int64_t i = 0; y != NULL && i < n; i++) squares += (y[i] - mean) * (y[i] - mean);
  *variance = squares / (double)n;
  BVL_TRY(bvl_bcast(&sim->comm, 0, variance, 1));
cleanup:
  free(y);
  return status;
}

/* Noise for the signal's variance in output k. Predictors of other families are scaled instead, to
 * a standard deviation that leaves classes uncertain and rates moderate. */
static void set_scale(simulation *sim, int64_t k, double variance)
{
  const bvl_recipe *plan = &sim->plan;
  sim->noise_sd[k] = variance > 0.0 ? sqrt(variance / plan->snr) : 1.0;
  if (plan->response != BVL_SIM_FAMILY || strcmp(plan->family, "gaussian") == 0) return;
  if (!(variance > 0.0)) return;
  double factor = (strcmp(plan->family, "poisson") == 0 ? 0.7 : 2.0) / sqrt(variance);
  for (int64_t j = 0; j < plan->p; j++) sim->beta[j * sim->K + k] *= factor;
  for (int64_t i = 0; i < sim->n_rows; i++) sim->y[i + k * sim->n_rows] *= factor;
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

/* The first class at which the sum of probabilities exceeds u; eta's classes are ld apart. */
static double draw_class(int64_t K, const double *eta, int64_t ld, double u)
{
  double top = eta[0], sum = 0.0, below = 0.0;
  for (int64_t k = 1; k < K; k++) top = fmax(top, eta[k * ld]);
  for (int64_t k = 0; k < K; k++) sum += exp(eta[k * ld] - top);
  for (int64_t k = 0; k < K - 1; k++) {
    below += exp(eta[k * ld] - top);
    if (u * sum < below) return (double)k;
  }
  return (double)(K - 1);
}

static double add_noise(const simulation *sim, int64_t row, int64_t k, double eta)
{
  return eta + sim->noise_sd[k] *
                   bvl_rng_normal(sim->seed, BVL_STREAM_SIM_NOISE, (uint64_t)row, (uint64_t)k);
}

/* From output k's predictor, or from all K of a row where those are classes. */
static double draw_response(const simulation *sim, int64_t row, int64_t k, const double *predictor)
{
  const bvl_recipe *plan = &sim->plan;
  const double eta = predictor[0];
  if (plan->response == BVL_SIM_MEDIAN || strcmp(plan->family, "gaussian") == 0)
    return add_noise(sim, row, k, eta);
  double u = bvl_rng_uniform(sim->seed, BVL_STREAM_SIM_NOISE, (uint64_t)row, 0);
  if (sim->K > plan->responses) return draw_class(sim->K, predictor, sim->n_rows, u);
  if (strcmp(plan->family, "binomial") == 0) return u < 1.0 / (1.0 + exp(-eta)) ? 1.0 : 0.0;
  return draw_poisson(exp(eta), u);
}

static int compare_values(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* y <- whether it is above its median over all rows. Collective. */
static bvl_status split_at_median(simulation *sim)
{
  int64_t n = sim->plan.n;
  double *all = NULL, median = 0.0;
  bvl_status status = BVL_OK;
  BVL_TRY(gather_y(sim, 0, &all));
  if (all != NULL) {
    qsort(all, (size_t)n, sizeof *all, compare_values);
    median = 0.5 * (all[(n - 1) / 2] + all[n / 2]);
  }
  BVL_TRY(bvl_bcast(&sim->comm, 0, &median, 1));
  for (int64_t i = 0; i < sim->n_rows; i++) sim->y[i] = sim->y[i] > median ? 1.0 : 0.0;
cleanup:
  free(all);
  return status;
}

/* From X beta to the responses, or the labels. Collective. */
static bvl_status respond(simulation *sim)
{
  bvl_status status = BVL_OK;
  for (int64_t k = 0; k < sim->K && sim->plan.design == BVL_SIM_WORDS; k++) {
    double variance = 0.0;
    BVL_TRY(measure_variance(sim, k, &variance));
    set_scale(sim, k, variance);
  }
  for (int64_t k = 0; k < sim->plan.responses; k++) {
    double *y = sim->y + k * sim->n_rows; /* what is overwritten was read already */
    for (int64_t i = 0; i < sim->n_rows; i++) y[i] = draw_response(sim, sim->row0 + i, k, y + i);
  }
  if (sim->plan.response == BVL_SIM_MEDIAN) status = split_at_median(sim);
cleanup:
  return status;
}

/* ---- the matrix ----------------------------------------------------------------------------- */

static void add_predictors(const simulation *sim, int64_t column, double x, double *eta)
{
  for (int64_t k = 0; k < sim->K; k++) eta[k * sim->n_rows] += x * sim->beta[column * sim->K + k];
}

static bvl_status write_dense(simulation *sim)
{
  int64_t p = sim->plan.p, strip = bvl_greater(1, STRIP_BYTES / (8 * p));
  int64_t longest = (sim->plan.n + sim->comm.size - 1) / sim->comm.size;
  double *rows = NULL;
  bvl_status status = BVL_ALLOC(&rows, strip * p);
  BVL_TRY(bvl_agree(&sim->comm, status));
  for (int64_t done = 0; done < longest; done += strip) { /* every rank writes equally often */
    int64_t count = bvl_greater(0, bvl_lesser(strip, sim->n_rows - done));
    int64_t first = sim->row0 + bvl_lesser(done, sim->n_rows);
    for (int64_t i = 0; i < count; i++) {
      bvl_sim_dense_row(&sim->plan, sim->seed, first + i, rows + i * p);
      for (int64_t j = 0; j < p; j++) add_predictors(sim, j, rows[i * p + j], sim->y + done + i);
    }
    BVL_TRY(bvl_data_put_dense(sim->writer, first, count, rows));
  }
cleanup:
  free(rows);
  return status;
}

static bvl_status write_sparse(simulation *sim)
{
  bvl_sim_csr *x = &sim->csr;
  bvl_status status = bvl_sim_sparse_rows(&sim->plan, sim->seed, sim->row0, sim->n_rows, x);
  status = bvl_agree(&sim->comm, status);
  if (status != BVL_OK) return status;
  for (int64_t i = 0; i < sim->n_rows; i++)
    for (int64_t e = x->indptr[i]; e < x->indptr[i + 1]; e++)
      add_predictors(sim, x->indices[e], x->values[e], sim->y + i);
  return bvl_data_put_csr(sim->writer, sim->n_rows, x->indptr, x->indices, x->values);
}

/* ---- the rest of the file ------------------------------------------------------------------- */

/* /y, n or n x responses. */
static bvl_status write_y(simulation *sim)
{
  const int64_t K = sim->plan.responses;
  double *rows = NULL;
  bvl_status status = BVL_OK;
  if (K == 1)
    return bvl_data_put_f64(sim->writer, "/y", sim->plan.n, sim->row0, sim->n_rows, sim->y);
  BVL_TRY(bvl_agree(&sim->comm, BVL_ALLOC(&rows, sim->n_rows * K)));
  for (int64_t k = 0; k < K; k++)
    for (int64_t i = 0; i < sim->n_rows; i++) rows[i * K + k] = sim->y[i + k * sim->n_rows];
  BVL_TRY(bvl_data_put_rows(sim->writer, "/y", sim->plan.n, K, sim->row0, sim->n_rows, rows));
cleanup:
  free(rows);
  return status;
}

static bvl_status write_vectors(simulation *sim)
{
  const bvl_recipe *o = &sim->plan;
  int64_t on_root = sim->comm.rank == 0 ? o->p : 0, *groups = NULL;
  bvl_status status = BVL_OK;
  BVL_TRY(write_y(sim));
  if (sim->K == 1)
    BVL_TRY(bvl_data_put_f64(sim->writer, "/beta_true", o->p, 0, on_root, sim->beta));
  else
    BVL_TRY(bvl_data_put_rows(sim->writer, "/beta_true", o->p, sim->K, 0, on_root, sim->beta));
  if (o->group_size > 1) {
    BVL_TRY(bvl_agree(&sim->comm, BVL_ALLOC(&groups, on_root)));
    for (int64_t j = 0; j < on_root; j++) groups[j] = j / o->group_size;
    BVL_TRY(bvl_data_put_i64(sim->writer, "/groups", o->p, 0, on_root, groups));
  }
cleanup:
  free(groups);
  return status;
}

static void append_real(char *text, size_t size, const char *name, double value)
{
  size_t used = strlen(text);
  if (!isnan(value)) snprintf(text + used, size - used, " %s=%g", name, value);
}

/* What was drawn, without what its recipe does not have. */
static void describe(const simulation *sim, char *text, size_t size)
{
  const bvl_recipe *o = &sim->plan;
  snprintf(text, size, "%s%s%sn=%" PRId64 " p=%" PRId64 " seed=%" PRIu64 " group-size=%" PRId64,
           o->name != NULL ? "recipe=" : "", o->name != NULL ? o->name : "",
           o->name != NULL ? " " : "", o->n, o->p, sim->seed, o->group_size);
  append_real(text, size, "classes", sim->K > o->responses ? (double)sim->K : NAN);
  append_real(text, size, "responses", o->responses > 1 ? (double)o->responses : NAN);
  append_real(text, size, "active", o->active == BVL_SIM_TENTH ? NAN : (double)o->active);
  append_real(text, size, "rho", o->rho);
  append_real(text, size, "snr", o->snr);
  append_real(text, size, "density", o->density);
}

static bvl_status write_attributes(simulation *sim)
{
  char text[256];
  const bvl_origin origin = {.command_line = sim->command_line,
                             .start_time = sim->start_time,
                             .grid_rows = sim->comm.size,
                             .grid_cols = 1};
  bvl_status status = BVL_OK;
  describe(sim, text, sizeof text);
  BVL_TRY(bvl_data_attr_text(sim->writer, "family", sim->plan.family));
  BVL_TRY(bvl_data_attr_text(sim->writer, "simulate", text));
  BVL_TRY(bvl_data_attr_origin(sim->writer, &origin));
cleanup:
  return status;
}

static bvl_status choose_outputs(simulation *sim, int64_t asked)
{
  const int has_classes = bvl_loss_find(sim->plan.family)->coupled;
  sim->K = !has_classes ? sim->plan.responses : asked > 0 ? asked : 3;
  if (asked > 0 && !has_classes)
    return bvl_fail(BVL_ERR_USAGE, "classes: go with family multinomial, not %s", sim->plan.family);
  return BVL_OK;
}

bvl_status bvl_run_simulate(MPI_Comm comm, const bvl_simulate_options *options)
{
  bvl_traffic traffic = {0};
  simulation sim = {.seed = options->seed, .command_line = options->command_line};
  bvl_status status = BVL_OK;
  bvl_time_now(sim.start_time);
  BVL_TRY(bvl_recipe_plan(options, &sim.plan));
  BVL_TRY(choose_outputs(&sim, options->classes));
  BVL_TRY(bvl_comm_dup(comm, &traffic, &sim.comm));
  sim.row0 = bvl_cut(sim.plan.n, sim.comm.size, sim.comm.rank);
  sim.n_rows = bvl_cut(sim.plan.n, sim.comm.size, sim.comm.rank + 1) - sim.row0;
  status = BVL_ALLOC(&sim.beta, sim.plan.p * sim.K);
  if (status == BVL_OK) status = BVL_ALLOC(&sim.noise_sd, sim.K);
  if (status == BVL_OK) status = BVL_ALLOC(&sim.y, sim.n_rows * sim.K);
  BVL_TRY(bvl_agree(&sim.comm, status));
  draw_beta(&sim);
  for (int64_t k = 0; k < sim.K; k++) {
    if (sim.plan.design == BVL_SIM_FILTER) set_scale(&sim, k, signal_variance(&sim, k));
    if (sim.plan.response == BVL_SIM_FAINT) sim.noise_sd[k] = 0.01;
  }
  BVL_TRY(bvl_data_create(&sim.comm, options->output, sim.plan.n, sim.plan.p, &sim.writer));
  BVL_TRY(bvl_sim_is_sparse(&sim.plan) ? write_sparse(&sim) : write_dense(&sim));
  BVL_TRY(respond(&sim));
  BVL_TRY(write_vectors(&sim));
  BVL_TRY(write_attributes(&sim));
  BVL_TRY(bvl_data_finish(&sim.writer, 1));
cleanup:
  if (sim.writer != NULL) bvl_data_finish(&sim.writer, 0);
  bvl_sim_csr_free(&sim.csr);
  free(sim.y);
  free(sim.noise_sd);
  free(sim.beta);
  bvl_comm_free(&sim.comm);
  return status;
}
