/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/rounded.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "data/streamed.h"
#include "kernels/kernels.h"

enum {
  GROUP = BVL_ROUNDED_GROUP,
  SIDES = BVL_ROUNDED_SIDES,
  ALIGNMENT = 64,
  CHUNK_GROUPS = 192, /* their sums, 192 KiB, stay in the second-level cache */
  MOST_CODE = 127,
  MOST_ROWS = 32768
};

struct bvl_rounded {
  bvl_design *X; /* borrowed */
  int64_t n_groups;
  int8_t *codes; /* [group][n_local][16], owned */
  double *mid;   /* n_groups x 16, 0 for the columns that fill up the last group, owned */
  double *step;  /* the same */
  double *error; /* the same; see bvl_rounded_error */
  double *sums;  /* CHUNK_GROUPS x SIDES x 16, owned scratch */
  float *r;      /* n_local x SIDES, owned scratch */
  int is_shared; /* all of it but `error` is another's */
};

int bvl_rounded_pays(bvl_format format, bvl_dtype dtype, int64_t n)
{
  return format == BVL_DENSE && (dtype == BVL_F64 || dtype == BVL_F32) && n <= MOST_ROWS;
}

void bvl_rounded_destroy(bvl_rounded **rounded)
{
  bvl_rounded *s = *rounded;
  *rounded = NULL;
  if (s == NULL) return;
  free(s->error);
  if (!s->is_shared) {
    free(s->codes);
    free(s->mid);
    free(s->step);
    free(s->sums);
    free(s->r);
  }
  free(s);
}

/* ---- rounding ---------------------------------------------------------------------------------
 */

/* A panel's piece of a group's columns in double, column c at the result + c ld: where X holds it,
 * or in x (16 x BVL_PANEL_ROWS), where columns beyond the last are 0. */
static const double *find_group(const bvl_design *X, int64_t group, int64_t panel, double *x,
                                int64_t *ld)
{
  const int64_t begin = X->panel_begin[panel];
  const int64_t first = group * GROUP;
  *ld = X->panel_begin[panel + 1] - begin;
  if (X->dtype == BVL_F64 && first + GROUP <= X->columns.p_local)
    return (const double *)X->values + begin * X->columns.p_local + first * *ld;
  *ld = BVL_PANEL_ROWS;
  memset(x, 0, (size_t)GROUP * BVL_PANEL_ROWS * sizeof *x);
  for (int64_t c = 0; c < GROUP && first + c < X->columns.p_local; c++)
    bvl_design_load(X, panel, first + c, x + c * BVL_PANEL_ROWS);
  return x;
}

static void set_step(bvl_rounded *s, int64_t c, double low, double high)
{
  const double mid = low / 2 + high / 2;
  s->mid[c] = mid;
  s->step[c] = fmax(high - mid, mid - low) / MOST_CODE;
}

/* Middle and step from the range of each column over this rank's rows. */
static void find_steps(bvl_rounded *s, int64_t group, double *x)
{
  const bvl_design *X = s->X;
  const bvl_rounded_kernels *kernels = bvl_kernels_get()->rounded;
  double low[GROUP];
  double high[GROUP];
  for (int c = 0; c < GROUP; c++) {
    low[c] = INFINITY;
    high[c] = -INFINITY;
  }
  for (int64_t panel = 0; panel < X->n_panels; panel++) {
    const int64_t m = X->panel_begin[panel + 1] - X->panel_begin[panel];
    int64_t ld = 0;
    const double *at = find_group(X, group, panel, x, &ld);
    for (int c = 0; c < GROUP; c++) kernels->range(at + c * ld, m, &low[c], &high[c]);
  }
  for (int c = 0; c < GROUP && X->rows.n_local > 0; c++)
    set_step(s, group * GROUP + c, low[c], high[c]);
}

/* error and size, p_local each, are sums of squares. */
static void round_columns(bvl_rounded *s, double *x, double *error, double *size)
{
  const bvl_design *X = s->X;
  const bvl_rounded_kernels *kernels = bvl_kernels_get()->rounded;
  for (int64_t group = 0; group < s->n_groups; group++) {
    int8_t *codes = s->codes + group * X->rows.n_local * GROUP;
    find_steps(s, group, x);
    for (int64_t panel = 0; panel < X->n_panels; panel++) {
      const int64_t begin = X->panel_begin[panel];
      int64_t ld = 0;
      const double *at = find_group(X, group, panel, x, &ld);
      kernels->round(at, ld, X->panel_begin[panel + 1] - begin, s->mid + group * GROUP,
                     s->step + group * GROUP, codes + begin * GROUP, error + group * GROUP,
                     size + group * GROUP);
    }
  }
}

/* The same of a streamed X, in one pass: ranges are known from the one that standardised. */
typedef struct rounding {
  bvl_rounded *s;
  double *x;     /* GROUP x BVL_PANEL_ROWS */
  double *error; /* as in round_columns */
  double *size;
} rounding;

static void round_piece(void *context, const bvl_design *X, const bvl_piece *piece)
{
  const rounding *r = context;
  const bvl_rounded_kernels *kernels = bvl_kernels_get()->rounded;
  for (int64_t k = 0; k < piece->n_cols; k += GROUP) {
    const int64_t c = piece->first + k, group = c / GROUP;
    const double *at = (const double *)piece->values + k * piece->ld;
    int64_t ld = piece->ld;
    if (X->dtype != BVL_F64 || k + GROUP > piece->n_cols) {
      at = r->x;
      ld = BVL_PANEL_ROWS;
      memset(r->x, 0, (size_t)GROUP * BVL_PANEL_ROWS * sizeof *r->x);
      for (int64_t l = 0; l < GROUP && k + l < piece->n_cols; l++)
        bvl_piece_load(X, piece, k + l, r->x + l * BVL_PANEL_ROWS);
    }
    kernels->round(at, ld, piece->n_rows, r->s->mid + c, r->s->step + c,
                   r->s->codes + (group * X->rows.n_local + piece->row0) * GROUP, r->error + c,
                   r->size + c);
  }
}

static bvl_status round_streamed(bvl_rounded *s, double *x, double *error, double *size)
{
  const bvl_design *X = s->X;
  rounding r = {s, x, error, size};
  double *low = NULL, *high = NULL;
  bvl_streamed_range(X, &low, &high);
  for (int64_t c = 0; c < X->columns.p_local && X->rows.n_local > 0; c++)
    set_step(s, c, low[c], high[c]);
  return bvl_design_walk(X, 0, X->rows.n_local, 0, NULL, round_piece, &r);
}

/* What is bounded is bounded with room for the rounding of the bound itself. */
static void bound_errors(bvl_rounded *s, const double *error, const double *size)
{
  const bvl_design *X = s->X;
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    const double inv_scale = X->scaled ? X->inv_scale[c] : 1;
    s->error[c] = 1.0001 * inv_scale * (sqrt(error[c]) + BVL_ROUNDED_SUM_ERROR * sqrt(size[c]));
  }
}

static bvl_status allocate(bvl_rounded *s)
{
  bvl_status status = BVL_OK;
  const int64_t bytes = s->n_groups * GROUP * s->X->rows.n_local;
  const int64_t padded = (bytes / ALIGNMENT + 1) * ALIGNMENT;
  s->codes = aligned_alloc(ALIGNMENT, (size_t)padded);
  if (s->codes == NULL)
    BVL_TRY(bvl_fail(BVL_ERR_NOMEM, "%lld bytes for rounded columns", (long long)padded));
  BVL_TRY(BVL_ALLOC(&s->mid, s->n_groups * GROUP));
  BVL_TRY(BVL_ALLOC(&s->step, s->n_groups * GROUP));
  BVL_TRY(BVL_ALLOC(&s->error, s->n_groups * GROUP));
  BVL_TRY(BVL_ALLOC(&s->sums, (int64_t)CHUNK_GROUPS * SIDES * GROUP));
  BVL_TRY(BVL_ALLOC(&s->r, s->X->rows.n_local * SIDES));
cleanup:
  return status;
}

bvl_status bvl_rounded_create(bvl_design *X, bvl_rounded **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &X->grid->all;
  const int64_t p_local = X->columns.p_local;
  bvl_rounded *s = NULL;
  double *x = NULL;
  double *squares = NULL; /* of errors and of codes */
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s, 1)));
  s->X = X;
  s->n_groups = (p_local + GROUP - 1) / GROUP;
  const int64_t room = s->n_groups * GROUP;
  BVL_TRY(bvl_agree(all, allocate(s)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&x, (int64_t)GROUP * BVL_PANEL_ROWS)));
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&squares, 2 * room)));
  if (X->streamed != NULL)
    BVL_TRY(bvl_agree(all, round_streamed(s, x, squares, squares + room)));
  else
    round_columns(s, x, squares, squares + room);
  if (X->grid->col.size > 1) BVL_TRY(bvl_sum(&X->grid->col, squares, 2 * room));
  bound_errors(s, squares, squares + room);
  X->bytes_touched += bvl_design_bytes(X);
  *out = s;
  s = NULL;
cleanup:
  free(squares);
  free(x);
  bvl_rounded_destroy(&s);
  return status;
}

/* Norms of errors are of all rows: what rows have no weight in X's problem only widens the bound.
 */
bvl_status bvl_rounded_share(const bvl_rounded *base, bvl_design *X, bvl_rounded **out)
{
  const bvl_comm *all = &X->grid->all;
  bvl_rounded *s = NULL;
  bvl_status status = BVL_ALLOC(&s, 1);
  *out = NULL;
  if (status == BVL_OK) {
    *s = *base;
    s->is_shared = 1;
    s->X = X;
    s->error = NULL;
    status = BVL_ALLOC(&s->error, s->n_groups * GROUP);
  }
  BVL_TRY(bvl_agree(all, status));
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    const double from = base->X->scaled ? base->X->inv_scale[c] : 1;
    const double to = X->scaled ? X->inv_scale[c] : 1;
    s->error[c] = to == 0 ? 0 : from == 0 ? INFINITY : base->error[c] / from * to;
  }
  *out = s;
  s = NULL;
cleanup:
  bvl_rounded_destroy(&s);
  return status;
}

/* ---- products ---------------------------------------------------------------------------------
 */

/* ||r||; INFINITY, of which no bound can be made, where squares leave the range of doubles. */
static double norm_of(int64_t n, const double *r)
{
  double squares = 0.0;
  double largest = 0.0;
  for (int64_t i = 0; i < n; i++) {
    squares += r[i] * r[i];
    largest = fmax(largest, fabs(r[i]));
  }
  if (largest == 0.0 && squares == 0.0) return 0.0; /* a NaN is in squares alone */
  return squares > 1e-250 && isfinite(squares) ? sqrt(squares) : INFINITY;
}

/* k residuals side by side, `width` to a row, scaled to norm 1, in float; the norms of this rank's
 * rows and their sums. */
static void pack(bvl_rounded *s, int64_t k, int64_t width, const double *R, double *norm,
                 double *sum)
{
  const int64_t n_local = s->X->rows.n_local;
  memset(s->r, 0, (size_t)(n_local * width) * sizeof *s->r);
  for (int64_t q = 0; q < k; q++) {
    const double *r = R + q * n_local;
    norm[q] = norm_of(n_local, r);
    const double per_norm = norm[q] > 0.0 ? 1.0 / norm[q] : 0.0;
    sum[q] = 0.0;
    for (int64_t i = 0; i < n_local; i++) sum[q] += r[i];
    for (int64_t i = 0; i < n_local && per_norm > 0.0; i++)
      s->r[i * width + q] = (float)(r[i] * per_norm);
  }
}

/* The products of n_groups groups with the packed residuals. */
static void multiply(bvl_rounded *s, int64_t first, int64_t n_groups, int64_t width)
{
  const int64_t n_local = s->X->rows.n_local;
  const int64_t ld = n_local * GROUP;
  memset(s->sums, 0, (size_t)(n_groups * width * GROUP) * sizeof *s->sums);
  for (int64_t row = 0; row < n_local; row += BVL_ROUNDED_ROWS)
    bvl_kernels_get()->rounded->adjoint(s->codes + first * ld + row * GROUP, ld,
                                        bvl_lesser(BVL_ROUNDED_ROWS, n_local - row), n_groups,
                                        (int)width, s->r + row * width, s->sums);
  s->X->bytes_touched += n_groups * ld;
}

/* This rank's part of V from the sums of groups first .. */
static void unscale(const bvl_rounded *s, int64_t first, int64_t n_groups, int64_t k, int64_t width,
                    const double *norm, const double *sum, double *V)
{
  const bvl_design *X = s->X;
  const int64_t p_local = X->columns.p_local;
  const int64_t last = bvl_lesser((first + n_groups) * GROUP, p_local);
  for (int64_t q = 0; q < k; q++)
    for (int64_t c = first * GROUP; c < last; c++) {
      const double raw = s->sums[((c / GROUP - first) * width + q) * GROUP + c % GROUP];
      const double shift = X->centered ? s->mid[c] - X->center[c] : s->mid[c];
      const double v = raw == 0.0 ? shift * sum[q] : s->step[c] * raw * norm[q] + shift * sum[q];
      V[c + q * p_local] = X->scaled ? v * X->inv_scale[c] : v;
    }
}

bvl_status bvl_rounded_adjoint(bvl_rounded *s, int64_t k, const double *R, double *V, double *norm)
{
  const bvl_design *X = s->X;
  bvl_status status = BVL_OK;
  for (int64_t done = 0; done < k; done += SIDES) {
    const int64_t now = bvl_lesser(SIDES, k - done);
    const int64_t width = now > SIDES / 2 ? SIDES : SIDES / 2;
    double sum[SIDES];
    pack(s, now, width, R + done * X->rows.n_local, norm + done, sum);
    for (int64_t first = 0; first < s->n_groups; first += CHUNK_GROUPS) {
      const int64_t count = bvl_lesser(CHUNK_GROUPS, s->n_groups - first);
      multiply(s, first, count, width);
      unscale(s, first, count, now, width, norm + done, sum, V + done * X->columns.p_local);
    }
  }
  if (X->grid->col.size > 1) {
    for (int64_t q = 0; q < k; q++) norm[q] *= norm[q];
    BVL_TRY(bvl_sum(&X->grid->col, V, k * X->columns.p_local));
    BVL_TRY(bvl_sum(&X->grid->col, norm, k));
    for (int64_t q = 0; q < k; q++) norm[q] = sqrt(norm[q]);
  }
cleanup:
  return status;
}

const double *bvl_rounded_error(const bvl_rounded *rounded)
{
  return rounded->error;
}
