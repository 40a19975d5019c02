/* SPDX-License-Identifier: BSD-3-Clause */
/* Prices are those of one core of 2020's servers, fitted to paths of 49 x 7129 to 20000 x 200000;
 * another machine shows in pace. */
#include "path/time_left.h"

#include <math.h>

enum { FULL_BATCH = 8, FEW_NEW = 64, NEWTON_STEPS = 10, SMALL_SET = 600 };

static const double widening = 1.5;         /* working set over a support that is small */
static const double half_sweep = 0.5;       /* of a batch's sweep that does not depend on lambdas */
static const double later = 1.2;            /* a batch's sweep over the first one's */
static const double pass_s = 0.2e-9;        /* an entry of a triangle in cache, per Newton step */
static const double far_pass_s = 0.42e-9;   /* the same out of cache */
static const double border_s = 0.06e-9;     /* an entry of the factor, per column that joins */
static const double moment_s = 0.15e-9;     /* the same where all columns have their moments */
static const double dense_pair_s = 0.08e-9; /* a product of a dense Gram */
static const double sparse_pair_s = 0.7e-9; /* a product of a sparse one */
static const double weighted_s = 0.0105e-9; /* a product of a weighted Gram, which is renewed now
                                               and then */
static const double row_s = 0.25e-6;        /* a row's weights, over the Newton steps of a lambda */
static const double first_believed_s = 0.01; /* measured time that corrects prices by half */
static const double share_believed = 0.05;   /* or this share of what is to come */

/* Candidates beside the support become fewer as it takes in all columns: on paths of 400 x 400 to
 * 20000 x 2000 within 20 % once the support is past 40 % of the columns. */
static double working_set(const bvl_workload *work, double df)
{
  const double taken = fmin(df / (double)work->p, 1);
  return df + (widening - 1) * df * (1 - taken * taken);
}

double bvl_work_price(const bvl_workload *work, const double *df, int64_t from, int64_t to)
{
  const double pair_s = work->dense ? dense_pair_s : sparse_pair_s;
  double price_s = 0;
  for (int64_t k = from; k < to; k++) {
    const double w = working_set(work, df[k]);
    const double joined = fmax(0, w - (k > 0 ? working_set(work, df[k - 1]) : 0));
    price_s += NEWTON_STEPS * (w < SMALL_SET ? pass_s : far_pass_s) * w * w;
    if (work->moments) {
      price_s += moment_s * joined * w * (double)work->p;
      continue;
    }
    price_s += border_s * joined * w * w + pair_s * work->column_entries * joined * w;
    if (!work->quadratic) price_s += (double)work->n * (weighted_s * w * w + row_s);
  }
  return price_s;
}

static double batch_units(double lambdas)
{
  return half_sweep + (1 - half_sweep) * fmin(lambdas / FULL_BATCH, 1);
}

void bvl_pace_add(const bvl_workload *work, const double *df, int64_t done, double elapsed_s,
                  double sweep_s, double inner_s, bvl_pace *pace)
{
  if (pace->batches == 0) {
    pace->first_s[0] = elapsed_s;
    pace->first_s[1] = sweep_s;
    pace->first_s[2] = inner_s;
  } else {
    pace->units += batch_units((double)(done - pace->done));
    pace->priced_s += bvl_work_price(work, df, pace->done, done);
  }
  pace->batches++;
  pace->done = done;
  pace->elapsed_s = elapsed_s;
  pace->sweep_s = sweep_s;
  pace->inner_s = inner_s;
}

/* Batches to come, a full one counting 1: each takes lambdas until they bring in too many columns.
 */
static double units_left(const bvl_workload *work, const double *df, int64_t k, int64_t n_lambda)
{
  double units = 0;
  while (k < n_lambda) {
    const double before = k > 0 ? df[k - 1] : 0;
    const double room = fmax(FEW_NEW, before / 2) * (work->quadratic ? 1 : 2);
    int64_t q = 1;
    while (q < FULL_BATCH && k + q < n_lambda && widening * (df[k + q] - before) <= room) q++;
    units += batch_units((double)q);
    k += q;
  }
  return units;
}

double bvl_time_left(const bvl_workload *work, const bvl_pace *pace, const double *df,
                     int64_t n_lambda)
{
  if (pace->batches == 0 || pace->done >= n_lambda) return 0;
  const double price_s = bvl_work_price(work, df, pace->done, n_lambda);
  const double believed_s = fmax(first_believed_s, share_believed * price_s);
  const double crowding = fmax(1, pace->crowding);
  const double correction = (pace->inner_s - pace->first_s[2] + crowding * believed_s) /
                            (pace->priced_s + believed_s);
  const double sweeps_s = pace->sweep_s - pace->first_s[1];
  /* the first batch, which has the least to screen, stands for a full one until others are there */
  const double unit_s = (later * pace->first_s[1] + sweeps_s) / (1 + pace->units);
  const double swept_s = unit_s * units_left(work, df, pace->done, n_lambda);
  /* what is in neither: waiting for other ranks, events, checkpoints */
  const double busy_s = pace->sweep_s + pace->inner_s;
  const double rest_s = busy_s - pace->first_s[1] - pace->first_s[2];
  const double whole = rest_s > first_believed_s
                           ? fmax(1, (pace->elapsed_s - pace->first_s[0]) / rest_s)
                           : 1;
  return whole * (swept_s + correction * price_s);
}
