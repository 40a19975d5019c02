/* SPDX-License-Identifier: BSD-3-Clause */
/* What stability selection adds to checkpoints and to the result. In a checkpoint the counts stand
 * by variable, a variable named by the input column that is its first, so that they can be taken up
 * on any grid. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/design.h"
#include "run/stability_job.h"

/* /subsample_rows is written up to this many numbers. */
enum { MOST_ROWS = 1 << 22 };

void bvl_stability_identify(void *context, FILE *text)
{
  const bvl_stability_job *stability = context;
  const bvl_stability_options *o = stability->options;
  fprintf(text,
          "subsamples=%" PRId64 "\nfraction=%.17g\ncomplementary=%d\nstratify=%d\n"
          "weakness=%.17g\nselected=%" PRId64 "\n",
          o->subsamples, o->fraction, o->complementary, o->stratify, o->weakness,
          stability->outcome->selected);
}

/* ---- checkpoints -----------------------------------------------------------------------------
 */

static int64_t name_of(const bvl_selections *counts, const bvl_job *job, int64_t slot)
{
  return bvl_design_input_column(bvl_problem_design(job->problem),
                                 counts->begin[counts->variable[slot]]);
}

/* Grid row 0 speaks for all: its ranks have every variable once. */
static bvl_status save_counts(const bvl_selections *counts, const bvl_job *job,
                              const bvl_store *store)
{
  const int64_t n = job->grid->i == 0 ? counts->n_slots : 0, L = counts->n_lambda;
  int64_t first = 0, total = 0, *name = NULL;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&name, n)));
  for (int64_t s = 0; s < n; s++) name[s] = name_of(counts, job, s);
  BVL_TRY(bvl_offsets(&job->comm, n, &first, &total));
  BVL_TRY(store->put_i64(store->context, "stability/variable", total, first, n, name));
  BVL_TRY(store->put_f64(store->context, "stability/any", total, first, n, counts->any));
  BVL_TRY(store->put_f64(store->context, "stability/count", total * L, first * L, n * L,
                         counts->count));
cleanup:
  free(name);
  return status;
}

/* Every rank reads all and keeps what is its own. */
static bvl_status restore_counts(bvl_selections *counts, const bvl_job *job, const bvl_store *store)
{
  const int64_t L = counts->n_lambda;
  int64_t n = 0, *name = NULL;
  double *any = NULL, *count = NULL;
  bvl_status status = BVL_OK;
  BVL_TRY(store->length(store->context, "stability/variable", &n));
  status = BVL_ALLOC(&name, n);
  if (status == BVL_OK) status = BVL_ALLOC(&any, n);
  if (status == BVL_OK) status = BVL_ALLOC(&count, n * L);
  BVL_TRY(bvl_agree(&job->comm, status));
  BVL_TRY(store->get_i64(store->context, "stability/variable", 0, n, name));
  BVL_TRY(store->get_f64(store->context, "stability/any", 0, n, any));
  BVL_TRY(store->get_f64(store->context, "stability/count", 0, n * L, count));
  for (int64_t s = 0; status == BVL_OK && s < n; s++) {
    const int64_t column = name[s] >= 0 && name[s] < job->p ? counts->place[name[s]] : -1;
    if (column < 0 || counts->of[column] < 0) continue;
    status = bvl_selections_set(counts, counts->of[column], any[s], count + s * L);
  }
  status = bvl_agree(&job->comm, status);
cleanup:
  free(count);
  free(any);
  free(name);
  return status;
}

typedef bvl_status (*put_fn)(void *context, const char *name, int64_t n, int64_t first,
                             int64_t count, const double *values);

bvl_status bvl_stability_save(void *context, bvl_job *job, const bvl_store *store)
{
  bvl_stability_job *stability = context;
  const int64_t B = stability->options->subsamples, mine = job->comm.rank == 0 ? B : 0;
  const put_fn put = store->put_f64;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_stability_allocate(stability, job)); /* the path may still be in work */
  BVL_TRY(put(store->context, "stability/selected", B, 0, mine, stability->selected));
  BVL_TRY(put(store->context, "stability/unfinished", B, 0, mine, stability->unfinished));
  BVL_TRY(put(store->context, "stability/points", B, 0, mine, stability->points));
  BVL_TRY(save_counts(&stability->counts, job, store));
  status = bvl_beside_save(&stability->beside, store);
cleanup:
  return status;
}

bvl_status bvl_stability_restore(void *context, bvl_job *job, const bvl_store *store)
{
  bvl_stability_job *stability = context;
  const int64_t B = stability->options->subsamples;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_stability_allocate(stability, job));
  BVL_TRY(store->get_f64(store->context, "stability/selected", 0, B, stability->selected));
  BVL_TRY(store->get_f64(store->context, "stability/unfinished", 0, B, stability->unfinished));
  BVL_TRY(store->get_f64(store->context, "stability/points", 0, B, stability->points));
  BVL_TRY(restore_counts(&stability->counts, job, store));
  status = bvl_beside_restore(&stability->beside, store);
cleanup:
  return status;
}

/* ---- the result ------------------------------------------------------------------------------
 */

/* One past variable v's last local column: its columns stand together. */
static int64_t end_of(const bvl_selections *counts, int64_t v, int64_t p_local)
{
  int64_t c = counts->begin[v];
  while (c < p_local && counts->of[c] == v) c++;
  return c;
}

/* /probability: a lambda's shares, every column of a variable with the variable's. */
static bvl_status write_lambda(const bvl_stability_job *stability, bvl_job *job, int64_t q,
                               int64_t *column, double *value)
{
  const bvl_selections *counts = &stability->counts;
  const bvl_design *X = bvl_problem_design(job->problem);
  int64_t n = 0;
  for (int64_t s = 0; s < counts->n_slots && job->grid->i == 0; s++) {
    const int64_t v = counts->variable[s], end = end_of(counts, v, X->columns.p_local);
    const double count = counts->count[s * counts->n_lambda + q];
    for (int64_t c = counts->begin[v]; count > 0.0 && c < end; c++) {
      column[n] = bvl_design_input_column(X, c);
      value[n++] = count / (double)stability->outcome->subsamples;
    }
  }
  return bvl_result_put_coef(job->writer, n, column, value);
}

static bvl_status write_probability(const bvl_stability_job *stability, bvl_job *job)
{
  const int64_t p_local = bvl_problem_design(job->problem)->columns.p_local;
  int64_t *column = NULL;
  double *value = NULL;
  bvl_status status = BVL_ALLOC(&column, p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&value, p_local);
  BVL_TRY(bvl_agree(&job->comm, status));
  BVL_TRY(bvl_result_begin_csc(job->writer, "/probability", job->p, stability->counts.n_lambda));
  for (int64_t q = 0; q < stability->counts.n_lambda; q++)
    BVL_TRY(write_lambda(stability, job, q, column, value));
cleanup:
  free(value);
  free(column);
  return status;
}

/* p each, by input column, on rank 0: the largest share at one lambda, and the share at any. */
static bvl_status gather_largest(const bvl_stability_job *stability, const bvl_job *job,
                                 double *at_one, double *at_any)
{
  const bvl_selections *counts = &stability->counts;
  const bvl_design *X = bvl_problem_design(job->problem);
  bvl_status status = BVL_OK;
  for (int64_t s = 0; s < counts->n_slots && job->grid->i == 0; s++) {
    const int64_t v = counts->variable[s], end = end_of(counts, v, X->columns.p_local);
    double most = 0.0;
    for (int64_t q = 0; q < counts->n_lambda; q++)
      most = fmax(most, counts->count[s * counts->n_lambda + q]);
    for (int64_t c = counts->begin[v]; c < end; c++) {
      at_one[bvl_design_input_column(X, c)] = most / (double)stability->outcome->subsamples;
      at_any[bvl_design_input_column(X, c)] = counts->any[s] /
                                              (double)stability->outcome->subsamples;
    }
  }
  BVL_TRY(bvl_sum_to(&job->comm, 0, at_one, job->p));
  status = bvl_sum_to(&job->comm, 0, at_any, job->p);
cleanup:
  return status;
}

static bvl_status write_stable(const bvl_stability_job *stability, bvl_job *job)
{
  int64_t n = 0, *stable = NULL;
  double *at_one = NULL, *at_any = NULL;
  bvl_status status = BVL_ALLOC(&at_one, job->p);
  if (status == BVL_OK) status = BVL_ALLOC(&at_any, job->p);
  if (status == BVL_OK) status = BVL_ALLOC(&stable, job->p);
  BVL_TRY(bvl_agree(&job->comm, status));
  BVL_TRY(gather_largest(stability, job, at_one, at_any));
  for (int64_t j = 0; job->comm.rank == 0 && j < job->p; j++)
    if (at_one[j] >= stability->outcome->threshold - 1e-9) stable[n++] = j;
  BVL_TRY(bvl_bcast_i64(&job->comm, 0, &n, 1));
  BVL_TRY(bvl_result_put_f64(job->writer, "/max_probability", job->p, at_one));
  BVL_TRY(bvl_result_put_f64(job->writer, "/any_probability", job->p, at_any));
  status = bvl_result_put_i64(job->writer, "/stable", n, stable);
cleanup:
  free(stable);
  free(at_any);
  free(at_one);
  return status;
}

/* Rows of all subsamples, one after another, ascending. */
static bvl_status write_rows(bvl_stability_job *stability, bvl_job *job)
{
  const int64_t B = stability->options->subsamples, m = stability->outcome->rows;
  int64_t *rows = NULL, at = 0;
  bvl_status status = BVL_OK;
  if (m > MOST_ROWS / B) return BVL_OK;
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&rows, B * m)));
  for (int64_t b = 0; b < B; b++) {
    BVL_TRY(bvl_stability_draw(stability, job, b));
    for (int64_t i = 0; i < job->n; i++)
      if (stability->taken[i]) rows[at++] = i;
  }
  status = bvl_result_put_i64(job->writer, "/subsample_rows", B * m, rows);
cleanup:
  free(rows);
  return status;
}

static bvl_status write_attributes(const bvl_stability_job *stability, bvl_job *job)
{
  const bvl_stability_options *o = stability->options;
  const bvl_stability_outcome *out = stability->outcome;
  bvl_result_writer *writer = job->writer;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_result_attr_i64(writer, "subsamples", o->subsamples));
  BVL_TRY(bvl_result_attr_i64(writer, "subsamples_solved", out->subsamples));
  BVL_TRY(bvl_result_attr_i64(writer, "subsample_size", out->rows));
  BVL_TRY(bvl_result_attr_i64(writer, "subsample_lambdas", out->n_points));
  BVL_TRY(bvl_result_attr_i64(writer, "subsample_lambdas_unfinished", out->n_unfinished));
  BVL_TRY(bvl_result_attr_f64(writer, "fraction", o->fraction));
  BVL_TRY(bvl_result_attr_i64(writer, "complementary", o->complementary));
  BVL_TRY(bvl_result_attr_i64(writer, "stratify", o->stratify));
  BVL_TRY(bvl_result_attr_f64(writer, "weakness", o->weakness));
  BVL_TRY(bvl_result_attr_text(writer, "assumption", bvl_assumption_name(o->assumption)));
  BVL_TRY(bvl_result_attr_text(writer, "variables_are", out->grouped ? "groups" : "columns"));
  BVL_TRY(bvl_result_attr_i64(writer, "variables", out->variables));
  BVL_TRY(bvl_result_attr_i64(writer, "selected_limit", out->selected));
  BVL_TRY(bvl_result_attr_f64(writer, "selected_mean", out->selected_mean));
  BVL_TRY(bvl_result_attr_f64(writer, "threshold", out->threshold));
  BVL_TRY(bvl_result_attr_f64(writer, "pfer", o->pfer));
  BVL_TRY(bvl_result_attr_f64(writer, "pfer_bound", out->bound));
  BVL_TRY(bvl_result_attr_f64(writer, "pfer_bound_unimodal", out->bound_unimodal));
  BVL_TRY(bvl_result_attr_i64(writer, "stable_variables", out->n_stable));
cleanup:
  return status;
}

bvl_status bvl_stability_write(void *context, bvl_job *job)
{
  bvl_stability_job *stability = context;
  bvl_status status = BVL_OK;
  BVL_TRY(write_probability(stability, job));
  BVL_TRY(write_stable(stability, job));
  BVL_TRY(bvl_result_put_f64(job->writer, "/subsample_selected", stability->options->subsamples,
                             stability->selected));
  BVL_TRY(write_rows(stability, job));
  BVL_TRY(write_attributes(stability, job));
cleanup:
  return status;
}
