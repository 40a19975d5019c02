/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel stability: the path, the subsamples one after another, the stable set. */
#include "run/stability.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "data/design.h"
#include "model/problem.h"
#include "run/stability_job.h"

void bvl_stability_options_init(bvl_stability_options *options)
{
  *options = (bvl_stability_options){.subsamples = 100,
                                     .fraction = 0.5,
                                     .complementary = 1,
                                     .weakness = 1.0,
                                     .threshold = NAN,
                                     .pfer = NAN,
                                     .assumption = BVL_ASSUME_UNIMODAL};
}

/* ---- what is asked for -----------------------------------------------------------------------
 */

static bvl_status check_options(const bvl_stability_job *stability, const bvl_job *job)
{
  const bvl_stability_options *o = stability->options;
  const bvl_loss *loss = bvl_loss_find(job->family);
  const int64_t rows = stability->outcome->rows;
  if (rows < 1 || (o->complementary && 2 * rows > job->n))
    return bvl_fail(BVL_ERR_USAGE, "fraction %g of %" PRId64 " rows: %s", o->fraction, job->n,
                    rows < 1 ? "none" : "no two subsamples without a common row");
  if (o->stratify && !loss->coupled && loss != &bvl_loss_binomial)
    return bvl_fail(BVL_ERR_USAGE, "stratify is by label: family %s has none", job->family);
  if (o->weakness < 1.0 && job->penalty.type->grouped)
    return bvl_fail(BVL_ERR_USAGE, "weakness is of single columns, penalty %s is on groups",
                    job->penalty.type->name);
  return BVL_OK;
}

/* Pairs that the bounds are about, 0 = none. */
static int64_t count_pairs(const bvl_stability_options *o)
{
  return o->complementary ? o->subsamples / 2 : 0;
}

/* Threshold and limit from the bound that was asked for; replicated arithmetic, so rank 0's. */
static bvl_status choose_limit(bvl_stability_job *stability, const bvl_job *job)
{
  const bvl_stability_options *o = stability->options;
  bvl_stability_outcome *out = stability->outcome;
  const double p = (double)out->variables;
  double found[2] = {isnan(o->threshold) ? 0.9 : o->threshold, (double)o->selected};
  if (!isnan(o->pfer) && o->selected > 0)
    found[0] = bvl_stability_threshold(o->assumption, count_pairs(o), p, found[1], o->pfer);
  else if (!isnan(o->pfer))
    found[1] = (double)bvl_stability_selected(o->assumption, count_pairs(o), p, found[0], o->pfer);
  bvl_status status = bvl_bcast(&job->comm, 0, found, 2);
  if (status != BVL_OK) return status;
  if (isnan(found[0]) || (!isnan(o->pfer) && found[1] < 1.0))
    return bvl_fail(BVL_ERR_USAGE,
                    isnan(found[0]) ? "pfer %g: no threshold keeps it with %" PRId64
                                      " selected of %" PRId64 " variables"
                                    : "pfer %g: not even %" PRId64 " selected of %" PRId64
                                      " variables keeps it at this threshold",
                    o->pfer, isnan(found[0]) ? o->selected : 1, out->variables);
  out->threshold = found[0];
  out->selected = bvl_lesser((int64_t)found[1], out->variables);
  return BVL_OK;
}

/* With more coefficients than those of the largest `limit` variables more than that are in. */
static bvl_status limit_coefficients(bvl_stability_job *stability, const bvl_job *job)
{
  int64_t longest = stability->counts.longest;
  const bvl_status status = bvl_max_i64(&job->comm, &longest, 1);
  int64_t free_columns = 0;
  for (int64_t j = 0; job->penalty_factor != NULL && j < job->p; j++)
    free_columns += job->penalty_factor[j] == 0;
  if (stability->outcome->selected > 0)
    stability->beside.dfmax = (stability->outcome->selected * longest + free_columns) *
                              bvl_problem_outputs(job->problem);
  return status;
}

static bvl_status loaded(void *context, bvl_job *job)
{
  bvl_stability_job *stability = context;
  const bvl_stability_options *o = stability->options;
  bvl_stability_outcome *out = stability->outcome;
  bvl_status status = BVL_OK;
  out->rows = (int64_t)floor((double)job->n * o->fraction * (1.0 + 1e-12));
  out->grouped = job->groups != NULL;
  BVL_TRY(check_options(stability, job));
  BVL_TRY(bvl_beside_load(&stability->beside, job));
  if (o->stratify)
    BVL_TRY(bvl_beside_read_rows(job, "y", job->n_responses, 0, job->comm.rank == 0 ? job->n : 0,
                                 &stability->label));
  if (job->comm.rank != 0) {
    free(stability->label);
    stability->label = NULL;
  }
  BVL_TRY(bvl_selections_create(job, &stability->counts));
  out->variables = stability->counts.n;
  BVL_TRY(bvl_sum_i64(&job->grid->row, &out->variables, 1));
  BVL_TRY(choose_limit(stability, job));
  BVL_TRY(limit_coefficients(stability, job));
  status = BVL_ALLOC(&stability->taken, job->n);
  if (status == BVL_OK && o->weakness < 1.0) status = BVL_ALLOC(&stability->factor, job->p);
  stability->beside.penalty_factor = stability->factor;
  status = bvl_agree(&job->comm, status);
cleanup:
  return status;
}

/* ---- subsamples ------------------------------------------------------------------------------
 */

bvl_status bvl_stability_allocate(bvl_stability_job *stability, const bvl_job *job)
{
  const int64_t B = stability->options->subsamples;
  if (stability->selected != NULL) return BVL_OK;
  stability->counts.n_lambda = bvl_path_n_lambda(job->path);
  bvl_status status = BVL_ALLOC(&stability->selected, B);
  if (status == BVL_OK) status = BVL_ALLOC(&stability->unfinished, B);
  if (status == BVL_OK) status = BVL_ALLOC(&stability->points, B);
  for (int64_t b = 0; status == BVL_OK && b < B; b++) stability->selected[b] = -1.0;
  return bvl_agree(&job->comm, status);
}

static void count_points(bvl_stability_job *stability, int64_t b)
{
  const bvl_path *path = stability->beside.path;
  for (int64_t q = 0; q < bvl_path_n_lambda(path); q++) {
    bvl_path_point point;
    bvl_path_get(path, q, &point);
    stability->points[b] += point.status != 3;
    stability->unfinished[b] += point.status == 1 || point.status == 2;
  }
}

/* *in_time is 0 when time was up before it was. */
static bvl_status solve_subsample(bvl_stability_job *stability, bvl_job *job, int64_t b,
                                  int *in_time)
{
  const bvl_rows *rows = &bvl_problem_design(job->problem)->rows;
  bvl_beside *beside = &stability->beside;
  bvl_status status = BVL_OK;
  int64_t selected = -1;
  char who[48];
  snprintf(who, sizeof who, "subsample %" PRId64, b);
  BVL_TRY(bvl_stability_draw(stability, job, b));
  for (int64_t i = 0; i < rows->n_local; i++) beside->factor[i] = stability->taken[rows->row0 + i];
  BVL_TRY(bvl_beside_solve(beside, b, who));
  BVL_TRY(bvl_selections_add(&stability->counts, job, beside->path, beside->at,
                             stability->outcome->selected, &selected));
  *in_time = selected >= 0;
  if (*in_time) {
    stability->selected[b] = (double)selected;
    count_points(stability, b);
    bvl_beside_end(beside);
  }
  if (job->options->checkpoint != NULL) BVL_TRY(bvl_job_save(job));
cleanup:
  bvl_beside_end(beside);
  return status;
}

static bvl_status solve_subsamples(bvl_stability_job *stability, bvl_job *job)
{
  bvl_stability_outcome *out = stability->outcome;
  const int64_t B = stability->options->subsamples;
  bvl_status status = BVL_OK;
  int in_time = 1;
  for (int64_t b = 0; b < B; b++) {
    if (stability->selected[b] < 0.0) {
      BVL_TRY(solve_subsample(stability, job, b, &in_time));
      if (in_time) bvl_job_log(job, "subsample %" PRId64 " of %" PRId64, b + 1, B);
    }
    if (!in_time) break;
    out->subsamples++;
    out->n_points += (int64_t)stability->points[b];
    out->n_unfinished += (int64_t)stability->unfinished[b];
    out->selected_mean += stability->selected[b];
  }
  if (out->subsamples > 0) out->selected_mean /= (double)out->subsamples;
cleanup:
  return status;
}

/* ---- what it came to -------------------------------------------------------------------------
 */

/* Proven for halves of the rows, and for as many as were asked for. */
static void find_bounds(bvl_stability_job *stability, const bvl_job *job)
{
  const bvl_stability_options *o = stability->options;
  bvl_stability_outcome *out = stability->outcome;
  const double q = out->selected > 0 ? (double)out->selected : out->selected_mean;
  const double p = (double)out->variables;
  if (out->rows != job->n / 2 || out->subsamples < o->subsamples) return;
  out->bound = bvl_stability_pfer(BVL_ASSUME_NONE, count_pairs(o), p, q, out->threshold);
  if (o->complementary)
    out->bound_unimodal = bvl_stability_pfer(BVL_ASSUME_UNIMODAL, count_pairs(o), p, q,
                                             out->threshold);
}

/* Variables, not columns. */
static bvl_status count_stable(bvl_stability_job *stability, const bvl_job *job)
{
  const bvl_selections *counts = &stability->counts;
  const double least = (stability->outcome->threshold - 1e-9) *
                       (double)stability->outcome->subsamples;
  int64_t n = 0;
  for (int64_t s = 0; s < counts->n_slots; s++) {
    double most = 0.0;
    for (int64_t q = 0; q < counts->n_lambda; q++)
      most = fmax(most, counts->count[s * counts->n_lambda + q]);
    n += most >= least;
  }
  stability->outcome->n_stable = n;
  return bvl_sum_i64(&job->grid->row, &stability->outcome->n_stable, 1);
}

static bvl_status solved(void *context, bvl_job *job, bvl_run_outcome *outcome)
{
  bvl_stability_job *stability = context;
  bvl_status status = BVL_OK;
  stability->outcome->path_s = outcome->solve_s;
  stability->outcome->asked = stability->options->subsamples;
  BVL_TRY(bvl_stability_allocate(stability, job));
  BVL_TRY(bvl_beside_prepare(&stability->beside, outcome->solve_s));
  if (stability->beside.n_lambda > 0) BVL_TRY(solve_subsamples(stability, job));
  find_bounds(stability, job);
  if (stability->outcome->subsamples > 0) status = count_stable(stability, job);
cleanup:
  return status;
}

static void free_stability(bvl_stability_job *stability)
{
  bvl_beside_free(&stability->beside);
  bvl_selections_free(&stability->counts);
  free(stability->label);
  free(stability->taken);
  free(stability->factor);
  free(stability->selected);
  free(stability->unfinished);
  free(stability->points);
}

bvl_status bvl_run_stability(MPI_Comm comm, const bvl_run_options *run,
                             const bvl_stability_options *options, const bvl_monitor *monitor,
                             bvl_stability_outcome *outcome)
{
  bvl_stability_job stability = {
      .options = options, .outcome = outcome, .beside.prefix = "subsample"};
  const bvl_job_steps steps = {
      .context = &stability,
      .folded = 1,
      .loaded = loaded,
      .identify = bvl_stability_identify,
      .solved = solved,
      .write = bvl_stability_write,
      .save = bvl_stability_save,
      .restore = bvl_stability_restore,
  };
  *outcome = (bvl_stability_outcome){.threshold = NAN, .bound = NAN, .bound_unimodal = NAN};
  const bvl_status status = bvl_job_run(comm, run, &steps, monitor, &outcome->path);
  free_stability(&stability);
  return status;
}
