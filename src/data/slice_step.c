/* SPDX-License-Identifier: BSD-3-Clause */
/* The fused minibatch step: a panel is read from memory for X~b and found in the cache for X~'r,
 * while the next panel is already on its way there. Cost: one pass over the slice's memory. No
 * communication. */
#include "data/product.h"

#include <stddef.h>

#include "base/checked.h"

typedef struct step {
  const int64_t *cols;
  int64_t n_cols;
  double constant; /* base less the centre's part of x~'b */
  double *scaled;  /* b / s, p_local */
  double *raw;     /* X'r so far, p_local */
  double r_sum;    /* 1'r so far */
  bvl_residual_fn residual;
  void *context;
} step;

static void do_rows(bvl_design *X, step *s, int64_t row0, int64_t row1, double *eta)
{
  int64_t p_local = X->columns.p_local;
  int64_t m = row1 - row0;
  for (int64_t i = 0; i < m; i++) eta[i] = s->constant;
  (void)bvl_product_raw(X, BVL_FORWARD, row0, row1, s->n_cols, s->cols, 1, s->scaled, p_local, eta,
                        m);
  s->residual(s->context, row0, m, eta, eta);
  const int64_t from_memory = X->bytes_touched; /* what follows finds the rows in the cache */
  (void)bvl_product_raw(X, BVL_ADJOINT, row0, row1, s->n_cols, s->cols, 1, eta, m, s->raw, p_local);
  X->bytes_touched = from_memory;
  for (int64_t i = 0; i < m; i++) s->r_sum += eta[i];
}

bvl_status bvl_design_slice_step(bvl_design *X, int64_t slice, int64_t n_cols, const int64_t *cols,
                                 const double *b, double base, bvl_residual_fn residual,
                                 void *context, double *V)
{
  BVL_ASSERT(X->grid->n_cols == 1 && X->streamed == NULL);
  double eta[BVL_PANEL_ROWS];
  int64_t p_local = X->columns.p_local;
  int64_t row0 = X->rows.slice_begin[slice];
  int64_t row1 = X->rows.slice_begin[slice + 1];
  bvl_status status = BVL_GROW(&X->work, &X->work_len, 2 * p_local);
  if (status != BVL_OK) return status;
  if (cols == NULL) n_cols = p_local;
  int whole = bvl_product_by_rows(X, row0, row0 + 1);
  step s = {cols, n_cols, base, X->work, X->work + p_local, 0.0, residual, context};
  s.constant -= bvl_product_scale(X, n_cols, cols, whole, b, s.scaled);
  bvl_product_clear(whole ? p_local : n_cols, whole ? NULL : cols, s.raw);
  for (int64_t from = row0; from < row1;) {
    int64_t to = bvl_lesser(bvl_product_rows_end(X, from), row1);
    do_rows(X, &s, from, to, eta);
    from = to;
  }
  bvl_product_unscale(X, n_cols, cols, s.raw, s.r_sum, V);
  return BVL_OK;
}
