/* SPDX-License-Identifier: BSD-3-Clause */
/* Growing, shrinking and using the working set. */
#include "solver/working_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { IDLE_LIMIT = 3, PRUNE_SLACK = 100, SHAPE = 3, TILE = 32 };

static int is_root(const bvl_working_set *set)
{
  return set->problem->grid->all.rank == 0;
}

static bvl_status reserve_blocks(bvl_working_set *set, int64_t n_blocks, int64_t d)
{
  bvl_status status = BVL_OK;
  int64_t begin_capacity = set->block_capacity > 0 ? set->block_capacity + 1 : 0;
  int64_t weight_capacity = set->block_capacity;
  int64_t idle_capacity = set->block_capacity;
  int64_t curvature_capacity = set->block_capacity;
  BVL_TRY(BVL_GROW(&set->begin, &begin_capacity, n_blocks + 1));
  BVL_TRY(BVL_GROW(&set->weight, &weight_capacity, n_blocks));
  BVL_TRY(BVL_GROW(&set->idle, &idle_capacity, n_blocks));
  BVL_TRY(BVL_GROW(&set->curvature, &curvature_capacity, n_blocks));
  set->block_capacity = bvl_lesser(begin_capacity - 1, bvl_lesser(weight_capacity, idle_capacity));
  set->block_capacity = bvl_lesser(set->block_capacity, curvature_capacity);
  BVL_TRY(BVL_GROW(&set->b, &set->b_capacity, d));
cleanup:
  return status;
}

static void append_block(bvl_working_set *set, int64_t len, double weight, double curvature)
{
  const int64_t g = set->n_blocks++;
  set->begin[g + 1] = set->begin[g] + len;
  set->weight[g] = weight;
  set->curvature[g] = curvature;
  set->idle[g] = 0;
  for (int64_t k = set->begin[g]; k < set->begin[g + 1]; k++) set->b[k] = 0;
}

bvl_status bvl_working_set_create(bvl_problem *problem, bvl_working_set **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  bvl_working_set *set = NULL;
  unsigned char *wanted = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&set, 1)));
  set->problem = problem;
  BVL_TRY(bvl_agree(all, reserve_blocks(set, 1, 1)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&set->member, problem->blocks.n)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&wanted, problem->blocks.n)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&set->h, bvl_problem_n_split(problem))));
  BVL_TRY(bvl_agree(all, bvl_active_create(problem->X, &set->columns)));
  if (problem->intercept) append_block(set, 1, 0, 1);
  set->d = problem->intercept;
  for (int64_t g = 0; g < problem->blocks.n; g++) wanted[g] = problem->blocks.weight[g] == 0;
  BVL_TRY(bvl_working_set_add(set, wanted));
  *out = set;
  set = NULL;
cleanup:
  free(wanted);
  bvl_working_set_destroy(&set);
  return status;
}

void bvl_working_set_destroy(bvl_working_set **set)
{
  bvl_working_set *s = *set;
  *set = NULL;
  if (s == NULL) return;
  bvl_active_destroy(&s->columns);
  free(s->begin);
  free(s->weight);
  free(s->idle);
  free(s->curvature);
  free(s->b);
  free(s->member);
  free(s->G);
  free(s->h);
  free(s);
}

/* Shapes (length, weight, curvature) of the new blocks of every rank of the grid row, in rank
 * order: the order in which bvl_active_append lays their columns out. */
static bvl_status gather_shapes(const bvl_working_set *set, int64_t n_new, const double *mine,
                                double **out, int64_t *n_all)
{
  bvl_status status = BVL_OK;
  const bvl_comm *row = &set->problem->grid->row;
  int64_t *counts = NULL;
  BVL_TRY(bvl_agree(&set->problem->grid->all, BVL_ALLOC(&counts, row->size)));
  counts[row->rank] = SHAPE * n_new;
  BVL_TRY(bvl_sum_i64(row, counts, row->size));
  *n_all = 0;
  for (int j = 0; j < row->size; j++) *n_all += counts[j] / SHAPE;
  BVL_TRY(bvl_agree(&set->problem->grid->all, BVL_ALLOC(out, SHAPE * *n_all)));
  BVL_TRY(bvl_gather_all(row, mine, counts, *out));
cleanup:
  free(counts);
  return status;
}

int64_t bvl_working_set_mark(const bvl_working_set *set, const double *v, const bvl_point *point,
                             double level, int strict, unsigned char *wanted)
{
  const bvl_blocks *blocks = &set->problem->blocks;
  int64_t count = 0;
  for (int64_t g = 0; g < blocks->n; g++) {
    const int64_t begin = bvl_problem_begin(set->problem, g);
    wanted[g] = 0;
    if (blocks->weight[g] == INFINITY || set->member[g]) continue;
    const bvl_penalty pen = bvl_problem_penalty(set->problem, g);
    const double lw = fmax(level, 0) * blocks->weight[g];
    const double norm = bvl_problem_pull(set->problem, &pen, lw, g, v + begin);
    const double threshold = bvl_penalty_threshold(&pen, lw);
    int nonzero = 0;
    for (int64_t k = begin; k < begin + bvl_problem_len(set->problem, g); k++)
      nonzero |= point->beta[k] != 0;
    wanted[g] = nonzero || (strict ? norm > threshold : norm >= threshold);
    count += wanted[g];
  }
  return count;
}

/* A histogram, on a log scale up to `top`, of the lambda at which each block would be at its
 * threshold. */
bvl_status bvl_working_set_cap(const bvl_working_set *set, const double *v, double top,
                               int64_t limit, double *level)
{
  enum { BINS = 48 };
  const bvl_problem *problem = set->problem;
  const bvl_blocks *blocks = &problem->blocks;
  int64_t counts[BINS] = {0};
  if (!(*level > 0) || !(top > *level)) return BVL_OK;
  const double width = log(top / *level) / (BINS - 1);
  for (int64_t g = 0; problem->grid->i == 0 && g < blocks->n; g++) {
    if (set->member[g] || !(blocks->weight[g] > 0) || blocks->weight[g] == INFINITY) continue;
    const double entry = bvl_problem_entry(problem, g, v + bvl_problem_begin(problem, g));
    if (entry < *level) continue;
    counts[(int)fmin(log(entry / *level) / width, BINS - 1)]++;
  }
  bvl_status status = bvl_sum_i64(&problem->grid->all, counts, BINS);
  int64_t total = 0;
  int bin = BINS;
  while (bin > 0 && total + counts[bin - 1] <= limit) total += counts[--bin];
  while (total == 0 && bin > 0) total += counts[--bin]; /* never nothing when there is something */
  if (bin > 0) *level *= exp(bin * width);
  return status;
}

bvl_status bvl_working_set_add(bvl_working_set *set, const unsigned char *wanted)
{
  bvl_status status = BVL_OK;
  const bvl_blocks *blocks = &set->problem->blocks;
  const bvl_comm *all = &set->problem->grid->all;
  int64_t *cols = NULL;
  double *mine = NULL;
  double *shapes = NULL;
  int64_t n_cols = 0;
  int64_t n_new = 0;
  int64_t n_all = 0;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&cols, set->problem->X->columns.p_local)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&mine, SHAPE * blocks->n)));
  for (int64_t g = 0; g < blocks->n; g++) {
    if (!wanted[g] || set->member[g]) continue;
    set->member[g] = 1;
    mine[SHAPE * n_new] = (double)bvl_block_len(blocks, g);
    mine[SHAPE * n_new + 1] = blocks->weight[g];
    mine[SHAPE * n_new + 2] = bvl_problem_penalty(set->problem, g).curvature;
    n_new++;
    for (int64_t k = blocks->begin[g]; k < blocks->begin[g + 1]; k++) cols[n_cols++] = k;
  }
  BVL_TRY(gather_shapes(set, n_new, mine, &shapes, &n_all));
  if (n_all == 0) goto cleanup;
  BVL_TRY(bvl_active_append(set->columns, n_cols, cols));
  set->d = set->problem->intercept + set->columns->n_cols;
  BVL_TRY(bvl_agree(all, reserve_blocks(set, set->n_blocks + n_all, set->d)));
  for (int64_t g = 0; g < n_all; g++)
    append_block(set, (int64_t)shapes[SHAPE * g], shapes[SHAPE * g + 1], shapes[SHAPE * g + 2]);
  BVL_ASSERT(set->begin[set->n_blocks] == set->d);
cleanup:
  free(shapes);
  free(mine);
  free(cols);
  return status;
}

/* This rank's local column of the k-th column in the set, -1 when another grid column owns it. */
static int64_t local_column(const bvl_working_set *set, int64_t k)
{
  const bvl_columns *columns = &set->problem->X->columns;
  const int64_t local = set->columns->position[k] - columns->first;
  return local >= 0 && local < columns->p_local ? local : -1;
}

bvl_status bvl_working_set_load(bvl_working_set *set, const bvl_point *point)
{
  const int64_t shift = set->problem->intercept;
  for (int64_t k = 0; k < set->columns->n_cols; k++) {
    const int64_t local = local_column(set, k);
    set->b[shift + k] = local >= 0 ? point->beta[local] : 0;
  }
  if (shift) set->b[0] = point->intercept;
  return bvl_sum(&set->problem->grid->row, set->b + shift, set->columns->n_cols);
}

bvl_status bvl_working_set_bounds(const bvl_working_set *set, bvl_interval *out)
{
  const int64_t shift = set->problem->intercept;
  for (int64_t k = 0; k < set->columns->n_cols; k++) {
    const int64_t local = local_column(set, k);
    out[shift + k] = local >= 0 ? set->problem->bounds[local] : (bvl_interval){0, 0};
  }
  if (shift) out[0] = (bvl_interval){-INFINITY, INFINITY};
  return bvl_sum(&set->problem->grid->row, (double *)(out + shift), 2 * set->columns->n_cols);
}

void bvl_working_set_penalty(const bvl_working_set *set, double lambda, double *threshold,
                             double *ridge)
{
  const bvl_penalty *pen = &set->problem->penalty;
  for (int64_t g = 0; g < set->n_blocks; g++) {
    const double lw = set->weight[g] > 0 ? lambda * set->weight[g] : 0;
    const int64_t k = set->begin[g];
    threshold[k] = lw > 0 ? bvl_penalty_threshold(pen, lw) : 0;
    ridge[k] = lw > 0 ? pen->type->bend(pen, lw, 1) : 0;
  }
}

void bvl_working_set_scatter(const bvl_working_set *set, const double *b, double *beta)
{
  for (int64_t k = 0; k < set->columns->n_cols; k++) {
    const int64_t local = local_column(set, k);
    if (local >= 0) beta[local] = b != NULL ? b[set->problem->intercept + k] : 0;
  }
}

void bvl_working_set_store(const bvl_working_set *set, bvl_point *point)
{
  memset(point->beta, 0, (size_t)set->problem->X->columns.p_local * sizeof *point->beta);
  bvl_working_set_scatter(set, set->b, point->beta);
  point->intercept = set->problem->intercept ? set->b[0] : 0;
}

void bvl_working_set_eta(const bvl_working_set *set, int64_t k, const double *b, int64_t ld_b,
                         double *eta)
{
  const bvl_problem *problem = set->problem;
  const int64_t n = set->columns->n_split;
  const double *offset = problem->offset != NULL ? problem->offset + problem->X->rows.split0 : NULL;
  for (int64_t q = 0; q < k; q++) {
    const double base = problem->intercept ? b[q * ld_b] : 0;
    for (int64_t i = 0; i < n; i++) eta[q * n + i] = base + (offset != NULL ? offset[i] : 0);
  }
  bvl_active_forward_many(set->columns, k, b + problem->intercept, ld_b, eta, n);
}

void bvl_working_set_correlate(const bvl_working_set *set, const double *r, double *out)
{
  const int64_t shift = set->problem->intercept;
  if (shift) out[0] = 0;
  for (int64_t i = 0; shift && i < set->columns->n_split; i++) out[0] += r[i];
  bvl_active_adjoint(set->columns, r, out + shift);
}

/* Room for d x d on rank 0, keeping the leading kept x kept part. */
static bvl_status reserve_gram(bvl_working_set *set, int64_t kept)
{
  if (!is_root(set) || (set->G != NULL && set->d <= set->ld)) return BVL_OK;
  const int64_t ld = bvl_greater(set->d, set->ld + set->ld / 2);
  double *G = NULL;
  bvl_status status = BVL_ALLOC(&G, ld * ld);
  if (status != BVL_OK) return status;
  for (int64_t l = 0; l < kept; l++)
    memcpy(G + l * ld, set->G + l * set->ld, (size_t)kept * sizeof *G);
  free(set->G);
  set->G = G;
  set->ld = ld;
  return BVL_OK;
}

/* Rows `first`.. of G (and, by symmetry, columns) from the packed reduction: new columns' products
 * with all columns, then all columns' products with the intercept's ones. */
static void fill_gram(bvl_working_set *set, int64_t first, const double *packed)
{
  const int64_t shift = set->problem->intercept;
  const int64_t n_cols = set->columns->n_cols;
  const int64_t n_new = n_cols - first;
  const double scale = 1 / (double)set->problem->n;
  /* in tiles: one of the two places is written across columns */
  for (int64_t l0 = 0; l0 < n_cols; l0 += TILE)
    for (int64_t k0 = 0; k0 < n_new; k0 += TILE)
      for (int64_t l = l0; l < bvl_lesser(l0 + TILE, n_cols); l++)
        for (int64_t k = k0; k < bvl_lesser(k0 + TILE, n_new); k++) {
          const double value = packed[k + l * n_new] * scale;
          set->G[(shift + first + k) + (shift + l) * set->ld] = value;
          set->G[(shift + l) + (shift + first + k) * set->ld] = value;
        }
  const double *ones = packed + n_new * n_cols;
  for (int64_t k = 0; shift && k <= n_cols; k++) {
    set->G[k] = ones[k] * scale;
    set->G[k * set->ld] = ones[k] * scale;
  }
}

void bvl_working_set_weigh(bvl_working_set *set, const double *h)
{
  memcpy(set->h, h, (size_t)set->columns->n_split * sizeof *h);
  set->weighed = 1;
  set->weighing++;
  set->gram_d = 0;
}

bvl_status bvl_working_set_gram(bvl_working_set *set)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &set->problem->grid->all;
  const int64_t shift = set->problem->intercept;
  const int64_t n_cols = set->columns->n_cols;
  const int64_t kept = set->gram_d;
  const int64_t first = bvl_greater(kept - shift, 0);
  double *packed = NULL;
  if (kept == set->d) return BVL_OK;
  const double *weight = set->weighed ? set->h : set->problem->w + set->problem->X->rows.split0;
  const int64_t length = (n_cols - first) * n_cols + 1 + n_cols;
  BVL_TRY(bvl_agree(all, reserve_gram(set, kept)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&packed, length)));
  BVL_TRY(bvl_agree(all, bvl_active_gram(set->columns, weight, first, packed)));
  if (shift) bvl_working_set_correlate(set, weight, packed + (n_cols - first) * n_cols);
  BVL_TRY(bvl_sum_to(all, 0, packed, length));
  if (is_root(set)) fill_gram(set, first, packed);
  set->gram_d = set->d;
cleanup:
  free(packed);
  return status;
}

/* Squeezes G, b and the block lists to the blocks with keep[g] != 0. */
static void compress(bvl_working_set *set, const unsigned char *keep, int64_t *kept_unknown,
                     unsigned char *keep_column)
{
  const int64_t shift = set->problem->intercept;
  int64_t blocks = 0;
  int64_t d = 0;
  for (int64_t g = 0; g < set->n_blocks; g++) {
    const int64_t begin = set->begin[g];
    const int64_t end = set->begin[g + 1];
    for (int64_t k = begin; k < end; k++)
      if (k >= shift) keep_column[k - shift] = keep[g];
    if (!keep[g]) continue;
    for (int64_t k = begin; k < end; k++) {
      set->b[d] = set->b[k];
      kept_unknown[d++] = k;
    }
    set->weight[blocks] = set->weight[g];
    set->idle[blocks] = set->idle[g];
    set->curvature[blocks] = set->curvature[g];
    set->begin[++blocks] = d;
  }
  if (is_root(set) && set->gram_d == set->d)
    for (int64_t l = 0; l < d; l++)
      for (int64_t k = 0; k < d; k++)
        set->G[k + l * set->ld] = set->G[kept_unknown[k] + kept_unknown[l] * set->ld];
  set->gram_d = set->gram_d == set->d ? d : 0;
  set->generation++;
  set->n_blocks = blocks;
  set->d = d;
}

static int block_is_zero(const bvl_working_set *set, int64_t g)
{
  for (int64_t k = set->begin[g]; k < set->begin[g + 1]; k++)
    if (set->b[k] != 0) return 0;
  return 1;
}

/* This rank's blocks that are in the set, after its columns changed. */
static void mark_members(bvl_working_set *set)
{
  const bvl_blocks *blocks = &set->problem->blocks;
  memset(set->member, 0, (size_t)blocks->n);
  unsigned char *member = set->member;
  int64_t *block_of = set->problem->block_of;
  for (int64_t k = 0; k < set->columns->n_cols; k++) {
    const int64_t local = local_column(set, k);
    if (local >= 0) member[block_of[local]] = 1;
  }
}

bvl_status bvl_working_set_prune(bvl_working_set *set)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &set->problem->grid->all;
  unsigned char *keep = NULL;
  unsigned char *keep_column = NULL;
  int64_t *kept_unknown = NULL;
  int64_t support = 0;
  int64_t dropped = 0;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&keep, set->n_blocks + 1)));
  for (int64_t g = 0; g < set->n_blocks; g++) {
    const int zero = set->weight[g] > 0 && block_is_zero(set, g);
    set->idle[g] = zero ? set->idle[g] + 1 : 0;
    keep[g] = set->idle[g] < IDLE_LIMIT;
    if (!zero) support += set->begin[g + 1] - set->begin[g];
    dropped += !keep[g];
  }
  keep[set->n_blocks] = dropped > 0 && set->d > 2 * support + PRUNE_SLACK;
  BVL_TRY(bvl_bcast_bytes(all, 0, keep, set->n_blocks + 1));
  if (!keep[set->n_blocks]) goto cleanup;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&keep_column, set->columns->n_cols)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&kept_unknown, set->d)));
  compress(set, keep, kept_unknown, keep_column);
  bvl_active_keep(set->columns, keep_column);
  mark_members(set);
cleanup:
  free(kept_unknown);
  free(keep_column);
  free(keep);
  return status;
}
