/* SPDX-License-Identifier: BSD-3-Clause */
/* The path's checkpoint: what is done, where it stands, and the solver's own memory, as named
 * arrays in canonical column positions, so that any grid can take it up.
 *
 *   path/stops      descending lambdas        path/numbers    scalars of the state
 *   path/metrics    9 x n_lambda doubles      path/counts     4 x n_lambda integers
 *   path/keys       (point, input column)     path/values     of every nonzero coefficient
 *   point/beta, point/v   p, by position      then what the solver adds
 *
 * With K responses or classes a column has K of these, K intercepts a point stand in
 * path/intercepts and those of the state behind them. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "path/path_state.h"

enum { N_METRICS = 9, N_COUNTS = 4, N_NUMBERS = 16 };

static int speaks(const bvl_path *path)
{
  return path->problem->grid->all.rank == 0;
}

static void pack_point(const bvl_path_point *p, double *metrics, int64_t *counts)
{
  const double m[N_METRICS] = {
      p->intercept, p->dev_ratio,           p->objective,     p->dual_gap,        p->kkt_residual,
      p->seconds,   p->surrogate_objective, p->surrogate_gap, p->surrogate_epochs};
  const int64_t c[N_COUNTS] = {p->df, p->iterations, p->status, p->surrogate_support};
  memcpy(metrics, m, sizeof m);
  memcpy(counts, c, sizeof c);
}

static void unpack_point(bvl_path_point *p, const double *metrics, const int64_t *counts)
{
  p->intercept = metrics[0];
  p->dev_ratio = metrics[1];
  p->objective = metrics[2];
  p->dual_gap = metrics[3];
  p->kkt_residual = metrics[4];
  p->seconds = metrics[5];
  p->surrogate_objective = metrics[6];
  p->surrogate_gap = metrics[7];
  p->surrogate_epochs = metrics[8];
  p->df = counts[0];
  p->iterations = counts[1];
  p->status = (int)counts[2];
  p->surrogate_support = counts[3];
}

static void pack_numbers(const bvl_path *path, double *numbers)
{
  const bvl_solve_state *s = &path->state;
  const bvl_certificate *c = &s->certificate;
  const double n[N_NUMBERS] = {(double)path->next_stop,
                               path->polishing,
                               path->stop_seconds + path->way_s,
                               s->lambda,
                               s->lambda_previous,
                               s->point.intercept,
                               s->v_valid,
                               (double)s->iterations,
                               s->epochs,
                               s->status,
                               c->objective,
                               c->gap,
                               c->kkt,
                               c->radius,
                               c->scale,
                               c->support};
  memcpy(numbers, n, sizeof n);
}

static void unpack_numbers(bvl_path *path, const double *n)
{
  bvl_solve_state *s = &path->state;
  path->next_stop = (int64_t)n[0];
  path->polishing = (int)n[1];
  path->stop_seconds = n[2];
  s->lambda = n[3];
  s->lambda_previous = n[4];
  s->point.intercept = n[5];
  s->v_valid = (int)n[6];
  s->iterations = (int64_t)n[7];
  s->epochs = n[8];
  s->status = (int)n[9];
  s->certificate = (bvl_certificate){.objective = n[10],
                                     .gap = n[11],
                                     .kkt = n[12],
                                     .radius = n[13],
                                     .scale = n[14],
                                     .support = n[15]};
}

static bvl_status put_replicated(const bvl_path *path, const bvl_store *store, const char *name,
                                 int64_t n, const double *values)
{
  return store->put_f64(store->context, name, n, 0, speaks(path) ? n : 0, values);
}

/* K intercepts a point, then the state's. */
static int64_t n_intercepts(const bvl_path *path)
{
  return path->problem->outputs > 1 ? (path->n_lambda + 1) * path->problem->outputs : 0;
}

static double *intercepts_of(bvl_path *path, int64_t k)
{
  return k < path->n_lambda ? path->points[k].intercepts : path->state.point.intercepts;
}

static bvl_status save_intercepts(const bvl_path *path, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const int64_t K = path->problem->outputs;
  double *all = NULL;
  if (n_intercepts(path) == 0) return BVL_OK;
  BVL_TRY(bvl_agree(&path->problem->grid->all, BVL_ALLOC(&all, n_intercepts(path))));
  for (int64_t k = 0; k <= path->n_lambda; k++) {
    const double *from = k < path->n_lambda ? path->points[k].intercepts
                                            : path->state.point.intercepts;
    memcpy(all + k * K, from, (size_t)K * sizeof *all);
  }
  BVL_TRY(put_replicated(path, store, "path/intercepts", n_intercepts(path), all));
cleanup:
  free(all);
  return status;
}

static bvl_status restore_intercepts(bvl_path *path, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const int64_t K = path->problem->outputs;
  double *all = NULL;
  if (n_intercepts(path) == 0) return BVL_OK;
  BVL_TRY(bvl_agree(&path->problem->grid->all, BVL_ALLOC(&all, n_intercepts(path))));
  BVL_TRY(store->get_f64(store->context, "path/intercepts", 0, n_intercepts(path), all));
  for (int64_t k = 0; k <= path->n_lambda; k++)
    memcpy(intercepts_of(path, k), all + k * K, (size_t)K * sizeof *all);
cleanup:
  free(all);
  return status;
}

static bvl_status save_points(const bvl_path *path, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &path->problem->grid->all;
  const int64_t n = path->n_lambda;
  double *metrics = NULL;
  int64_t *counts = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&metrics, N_METRICS * n)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&counts, N_COUNTS * n)));
  for (int64_t k = 0; k < n; k++)
    pack_point(&path->points[k], metrics + N_METRICS * k, counts + N_COUNTS * k);
  BVL_TRY(put_replicated(path, store, "path/stops", path->n_stops, path->stop));
  BVL_TRY(put_replicated(path, store, "path/metrics", N_METRICS * n, metrics));
  BVL_TRY(store->put_i64(store->context, "path/counts", N_COUNTS * n, 0,
                         speaks(path) ? N_COUNTS * n : 0, counts));
cleanup:
  free(counts);
  free(metrics);
  return status;
}

/* Every rank of grid row 0 writes its nonzeros of all points in one piece: (point, position,
 * value). Whoever reads picks what it owns. */
static bvl_status save_columns(const bvl_path *path, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const bvl_grid *grid = path->problem->grid;
  int64_t *keys = NULL;
  double *values = NULL;
  int64_t count = 0;
  int64_t first = 0;
  int64_t total = 0;
  for (int64_t k = 0; grid->i == 0 && k < path->n_lambda; k++) count += path->points[k].n_nonzero;
  BVL_TRY(bvl_agree(&grid->all, BVL_ALLOC(&keys, 2 * count)));
  BVL_TRY(bvl_agree(&grid->all, BVL_ALLOC(&values, count)));
  int64_t at = 0;
  for (int64_t k = 0; grid->i == 0 && k < path->n_lambda; k++)
    for (int64_t e = 0; e < path->points[k].n_nonzero; e++, at++) {
      keys[2 * at] = k;
      keys[2 * at + 1] = path->points[k].column[e];
      values[at] = path->points[k].value[e];
    }
  BVL_TRY(bvl_offsets(&grid->all, count, &first, &total));
  BVL_TRY(store->put_i64(store->context, "path/keys", 2 * total, 2 * first, 2 * count, keys));
  BVL_TRY(store->put_f64(store->context, "path/values", total, first, count, values));
cleanup:
  free(values);
  free(keys);
  return status;
}

bvl_status bvl_path_save(const bvl_path *path, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const bvl_problem *problem = path->problem;
  const bvl_columns *columns = &problem->X->columns;
  const int64_t K = problem->outputs;
  const int64_t mine = problem->grid->i == 0 ? columns->p_local * K : 0;
  double numbers[N_NUMBERS];
  pack_numbers(path, numbers);
  BVL_TRY(save_points(path, store));
  BVL_TRY(save_columns(path, store));
  BVL_TRY(put_replicated(path, store, "path/numbers", N_NUMBERS, numbers));
  BVL_TRY(save_intercepts(path, store));
  BVL_TRY(store->put_f64(store->context, "point/beta", columns->p * K, columns->first * K, mine,
                         path->state.point.beta));
  BVL_TRY(store->put_f64(store->context, "point/v", columns->p * K, columns->first * K, mine,
                         path->state.v));
  if (path->solver->save != NULL) BVL_TRY(path->solver->save(path->solver_data, store));
cleanup:
  return status;
}

/* ---- back ---------------------------------------------------------------------------------- */

static bvl_status check_length(const bvl_store *store, const char *name, int64_t wanted)
{
  int64_t stored = -1;
  bvl_status status = store->length(store->context, name, &stored);
  if (status == BVL_OK && stored != wanted)
    status = bvl_fail(BVL_ERR_USAGE,
                      "checkpoint: %s has %" PRId64 " entries, this run needs %" PRId64, name,
                      stored, wanted);
  return status;
}

static bvl_status check_stops(const bvl_path *path, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  double *stops = NULL;
  BVL_TRY(check_length(store, "path/stops", path->n_stops));
  BVL_TRY(check_length(store, "path/counts", N_COUNTS * path->n_lambda));
  BVL_TRY(check_length(store, "point/beta", path->problem->X->columns.p * path->problem->outputs));
  BVL_TRY(bvl_agree(&path->problem->grid->all, BVL_ALLOC(&stops, path->n_stops)));
  BVL_TRY(store->get_f64(store->context, "path/stops", 0, path->n_stops, stops));
  /* lambda_max is recomputed and may differ in the last bits at another rank count: the stored
   * lambdas are the run's */
  for (int64_t k = 0; k < path->n_stops; k++)
    if (fabs(stops[k] - path->stop[k]) > 1e-10 * fabs(stops[k]))
      BVL_TRY(bvl_fail(BVL_ERR_USAGE, "checkpoint: its lambda %g is not this run's %g", stops[k],
                       path->stop[k]));
  for (int64_t k = 0; k < path->n_stops; k++) {
    path->stop[k] = stops[k];
    if (path->stop_point[k] >= 0) path->lambda[path->stop_point[k]] = stops[k];
  }
cleanup:
  free(stops);
  return bvl_agree(&path->problem->grid->all, status);
}

static bvl_status restore_points(bvl_path *path, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &path->problem->grid->all;
  const int64_t n = path->n_lambda;
  double *metrics = NULL;
  int64_t *counts = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&metrics, N_METRICS * n)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&counts, N_COUNTS * n)));
  BVL_TRY(store->get_f64(store->context, "path/metrics", 0, N_METRICS * n, metrics));
  BVL_TRY(store->get_i64(store->context, "path/counts", 0, N_COUNTS * n, counts));
  for (int64_t k = 0; k < n; k++) {
    bvl_path_blank(path, k);
    unpack_point(&path->points[k], metrics + N_METRICS * k, counts + N_COUNTS * k);
  }
cleanup:
  free(counts);
  free(metrics);
  return status;
}

/* owned[column] = 1 for the input columns this rank owns. */
static bvl_status mark_owned(const bvl_path *path, unsigned char **owned)
{
  const bvl_design *X = path->problem->X;
  bvl_status status = BVL_ALLOC(owned, X->columns.p);
  for (int64_t k = 0; status == BVL_OK && k < X->columns.p_local; k++)
    (*owned)[bvl_design_input_column(X, k)] = 1;
  return status;
}

static bvl_status give_point(bvl_path_point *point, int64_t count)
{
  int64_t *column = NULL;
  double *value = NULL;
  bvl_status status = BVL_ALLOC(&column, count);
  if (status == BVL_OK) status = BVL_ALLOC(&value, count);
  point->column = column;
  point->value = value;
  point->n_nonzero = 0;
  return status;
}

static bvl_status restore_columns(bvl_path *path, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &path->problem->grid->all;
  const int64_t K = path->problem->outputs;
  int64_t total = 0;
  int64_t *keys = NULL;
  int64_t *count = NULL;
  double *values = NULL;
  unsigned char *owned = NULL;
  BVL_TRY(store->length(store->context, "path/values", &total));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&keys, 2 * total)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&values, total)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&count, path->n_lambda)));
  BVL_TRY(bvl_agree(all, mark_owned(path, &owned)));
  BVL_TRY(store->get_i64(store->context, "path/keys", 0, 2 * total, keys));
  BVL_TRY(store->get_f64(store->context, "path/values", 0, total, values));
  for (int64_t e = 0; e < total; e++) count[keys[2 * e]] += owned[keys[2 * e + 1] / K];
  for (int64_t k = 0; k < path->n_lambda && status == BVL_OK; k++)
    status = give_point(&path->points[k], count[k]);
  BVL_TRY(bvl_agree(all, status));
  for (int64_t e = 0; e < total; e++) {
    if (!owned[keys[2 * e + 1] / K]) continue;
    bvl_path_point *point = &path->points[keys[2 * e]];
    ((int64_t *)point->column)[point->n_nonzero] = keys[2 * e + 1];
    ((double *)point->value)[point->n_nonzero++] = values[e];
  }
cleanup:
  free(owned);
  free(values);
  free(count);
  free(keys);
  return status;
}

bvl_status bvl_path_restore(bvl_path *path, const bvl_store *store)
{
  bvl_status status = BVL_OK;
  const bvl_columns *columns = &path->problem->X->columns;
  const int64_t K = path->problem->outputs;
  double numbers[N_NUMBERS];
  BVL_TRY(check_stops(path, store));
  BVL_TRY(restore_points(path, store));
  BVL_TRY(restore_columns(path, store));
  BVL_TRY(store->get_f64(store->context, "path/numbers", 0, N_NUMBERS, numbers));
  BVL_TRY(restore_intercepts(path, store));
  BVL_TRY(store->get_f64(store->context, "point/beta", columns->first * K, columns->p_local * K,
                         path->state.point.beta));
  BVL_TRY(store->get_f64(store->context, "point/v", columns->first * K, columns->p_local * K,
                         path->state.v));
  unpack_numbers(path, numbers);
  if (path->solver->restore != NULL) BVL_TRY(path->solver->restore(path->solver_data, store));
cleanup:
  return status;
}
