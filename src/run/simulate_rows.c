/* SPDX-License-Identifier: BSD-3-Clause */
/* The designs of run/recipe.h, row by row: filtered, scattered, words, sensing. */
#include "run/simulate_rows.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/rng.h"

static const double zipf_exponent = 0.9;

int bvl_sim_is_sparse(const bvl_recipe *plan)
{
  return plan->design == BVL_SIM_WORDS || plan->density < 1.0;
}

/* ---- dense ---------------------------------------------------------------------------------- */

static double draw_entry(uint64_t seed, int64_t row, int64_t column)
{
  return bvl_rng_normal(seed, BVL_STREAM_SIM_X, (uint64_t)row, (uint64_t)column);
}

/* x_0 = z_0, x_j = rho x_{j-1} + sqrt(1 - rho^2) z_j: unit variance, correlation rho^|j-k|. */
void bvl_sim_dense_row(const bvl_recipe *plan, uint64_t seed, int64_t row, double *x)
{
  if (plan->design == BVL_SIM_SENSING) {
    double scale = 1.0 / sqrt((double)plan->p);
    for (int64_t j = 0; j < plan->p; j++) x[j] = scale * draw_entry(seed, row, j);
    return;
  }
  double fresh = sqrt(1.0 - plan->rho * plan->rho);
  for (int64_t j = 0; j < plan->p; j++) {
    double z = draw_entry(seed, row, j);
    x[j] = j == 0 ? z : plan->rho * x[j - 1] + fresh * z;
  }
}

/* ---- scattered ------------------------------------------------------------------------------ */

static bvl_status append(bvl_sim_csr *csr, int64_t at, int64_t column, double value)
{
  bvl_status status = BVL_GROW(&csr->indices, &csr->index_room, at + 1);
  if (status == BVL_OK) status = BVL_GROW(&csr->values, &csr->value_room, at + 1);
  if (status != BVL_OK) return status;
  csr->indices[at] = column;
  csr->values[at] = value;
  return BVL_OK;
}

/* Skips from entry to entry with geometric gaps instead of tossing a coin at every place. */
static bvl_status draw_scattered(const bvl_recipe *plan, uint64_t seed, int64_t row, int64_t *used,
                                 bvl_sim_csr *csr)
{
  const double log_miss = log1p(-plan->density);
  int64_t column = -1;
  for (uint64_t k = 0;; k++) {
    double u = bvl_rng_uniform(seed, BVL_STREAM_SIM_PATTERN, (uint64_t)row, k);
    double gap = floor(log1p(-u) / log_miss);
    if (gap >= (double)(plan->p - 1 - column)) return BVL_OK;
    column += 1 + (int64_t)gap;
    bvl_status status = append(csr, *used, column, draw_entry(seed, row, column));
    if (status != BVL_OK) return status;
    ++*used;
  }
}

/* ---- words ---------------------------------------------------------------------------------- */

/* below[k] <- sum of (j + 1)^-0.9 over j <= k. */
static void sum_frequencies(int64_t p, double *below)
{
  double sum = 0.0;
  for (int64_t k = 0; k < p; k++) {
    sum += pow((double)(k + 1), -zipf_exponent);
    below[k] = sum;
  }
}

int64_t bvl_sim_common_words(const bvl_recipe *plan)
{
  double sum = 0.0, draws = (double)BVL_SIM_WORDS_A_ROW * (double)plan->n;
  int64_t k = 0;
  for (int64_t j = plan->p; j > 0; j--) sum += pow((double)j, -zipf_exponent);
  while (k < plan->p && draws * pow((double)(k + 1), -zipf_exponent) >= 20.0 * sum) k++;
  return k;
}

/* The first word whose running sum lies above u times the whole. */
static int64_t find_word(int64_t p, const double *below, double u)
{
  int64_t low = 0, high = p - 1;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (below[middle] > u * below[p - 1])
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

static int compare_words(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static bvl_status draw_words(const bvl_recipe *plan, uint64_t seed, int64_t row,
                             const double *below, int64_t *used, bvl_sim_csr *csr)
{
  int64_t word[BVL_SIM_WORDS_A_ROW], first = *used;
  double squares = 0.0;
  for (uint64_t k = 0; k < BVL_SIM_WORDS_A_ROW; k++)
    word[k] = find_word(plan->p, below,
                        bvl_rng_uniform(seed, BVL_STREAM_SIM_PATTERN, (uint64_t)row, k));
  qsort(word, BVL_SIM_WORDS_A_ROW, sizeof word[0], compare_words);
  for (int k = 0; k < BVL_SIM_WORDS_A_ROW; k++) {
    if (k > 0 && word[k] == word[k - 1]) continue;
    double value = exp(draw_entry(seed, row, word[k]));
    bvl_status status = append(csr, *used, word[k], value);
    if (status != BVL_OK) return status;
    squares += value * value;
    ++*used;
  }
  for (int64_t e = first; e < *used; e++) csr->values[e] /= sqrt(squares);
  return BVL_OK;
}

/* ---- sparse rows ---------------------------------------------------------------------------- */

static bvl_status make_room(const bvl_recipe *plan, int64_t n_rows, bvl_sim_csr *out)
{
  double a_row = plan->design == BVL_SIM_WORDS ? BVL_SIM_WORDS_A_ROW
                                               : plan->density * (double)plan->p;
  int64_t expected = (int64_t)(a_row * (double)n_rows) + 1;
  bvl_status status = BVL_ALLOC(&out->indptr, n_rows + 1);
  if (status == BVL_OK) status = BVL_GROW(&out->indices, &out->index_room, expected);
  if (status == BVL_OK) status = BVL_GROW(&out->values, &out->value_room, expected);
  return status;
}

bvl_status bvl_sim_sparse_rows(const bvl_recipe *plan, uint64_t seed, int64_t row0, int64_t n_rows,
                               bvl_sim_csr *out)
{
  int words = plan->design == BVL_SIM_WORDS;
  int64_t used = 0;
  double *below = NULL;
  bvl_status status = BVL_OK;
  BVL_TRY(make_room(plan, n_rows, out));
  if (words) {
    BVL_TRY(BVL_ALLOC(&below, plan->p));
    sum_frequencies(plan->p, below);
  }
  for (int64_t i = 0; i < n_rows; i++) {
    BVL_TRY(words ? draw_words(plan, seed, row0 + i, below, &used, out)
                  : draw_scattered(plan, seed, row0 + i, &used, out));
    out->indptr[i + 1] = used;
  }
cleanup:
  free(below);
  return status;
}

void bvl_sim_csr_free(bvl_sim_csr *csr)
{
  free(csr->values);
  free(csr->indices);
  free(csr->indptr);
  csr->values = NULL;
  csr->indices = NULL;
  csr->indptr = NULL;
}
