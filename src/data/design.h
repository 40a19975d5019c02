/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of bvl_design, for the data room and for the solvers that step on row slices. */
#ifndef BVL_DATA_DESIGN_H
#define BVL_DATA_DESIGN_H

#include "bevel/design.h"
#include "comm/grid.h"

/* Dense storage: local rows are cut into panels (of at most panel_rows rows, never across a slice
 * boundary); a panel is column-major with ld = its row count and panels follow each other, so a
 * slice is contiguous, a column is n_panels pieces, and a panel that fits the cache is read from
 * memory once for X~b and X~'r together. Sparse storage: CSC with 32-bit local rows, and CSR with
 * 32-bit local columns when row_access was asked for. */
enum { BVL_PANEL_ROWS = 512 }; /* no panel has more rows */

typedef struct bvl_streamed bvl_streamed; /* data/streamed.h */

struct bvl_design {
  const bvl_grid *grid; /* borrowed */
  bvl_rows rows;        /* owned */
  bvl_columns columns;  /* owned */
  bvl_format format;    /* BVL_DENSE or BVL_CSC */
  bvl_dtype dtype;
  int has_missing; /* of floats until bvl_design_standardize or bvl_design_set_fill: after that no
                      NaN is left */
  int missing;
  /* dense */
  void *values; /* n_local x p_local elements of dtype, by panels, 64-byte aligned, owned; NULL when
                   X is streamed */
  bvl_streamed *streamed; /* owned; NULL when X is held */
  int64_t n_panels;
  int64_t *panel_begin; /* n_panels + 1 local rows, owned */
  /* sparse */
  int64_t *col_ptr; /* p_local + 1, owned */
  int32_t *row_idx; /* nnz_local */
  double *col_val;  /* nnz_local */
  int64_t *row_ptr; /* n_local + 1, owned; NULL without row access */
  int32_t *col_idx; /* nnz_local */
  double *row_val;  /* nnz_local */
  /* standardization; NULL before bvl_design_standardize means m = 0, s = 1 */
  double *center;          /* p_local, owned */
  double *inv_scale;       /* p_local, 1 / s, owned */
  double *scale;           /* p_local, owned */
  double *fill;            /* p_local: value of a missing code (weighted mean; 0 before
                              bvl_design_standardize), owned; NULL unless has_missing */
  unsigned char *constant; /* p_local flags, owned */
  int centered;            /* some center may differ from 0 */
  int scaled;              /* some scale may differ from 1 */
  double *work; /* scratch of the products, owned; 2 p_local from the start, so that the local
                   functions allocate nothing for k <= 2 */
  int64_t work_len;
  /* A reduction's buffer, owned. It and `work` have room for p_local * packed_k + packed_extra,
   * both numbers equal on all ranks, so that the buffers grow, and may fail to, on all together. */
  double *packed;
  int64_t packed_k;
  int64_t packed_extra;
  int64_t bytes_touched;
  int is_view; /* rows, columns and entries are another design's */
};

/** The entries of X, which outlives the view, with a standardisation (none yet), scratch and a
 * count of bytes of their own. Collective. @return BVL_ERR_NOMEM. */
bvl_status bvl_design_view(const bvl_design *X, bvl_design **out);

/** As bvl_design_standardize, for a view of `base`, which was standardised with weights w_base
 * (n_local, as w). Rows of no weight in w alone are all that is read where w is otherwise in
 * proportion. Collective; at most the cost of bvl_design_standardize and two small reductions. */
bvl_status bvl_design_standardize_beside(bvl_design *X, const bvl_design *base,
                                         const double *w_base, const double *w, int center,
                                         int scale);

/** The element type a dense source is held in: its own, or float32 for float64 when asked. What is
 * sparse stays float64. Not collective. */
bvl_dtype bvl_design_held_dtype(const bvl_source *source, int store_float32);

/** eta[row - row0] += (X~ B)[row] for local rows row0 .. row1 - 1, this rank's columns only: no
 * communication. `cols` as in bvl_design_forward. ld_b and ld_eta are leading dimensions of B
 * (local column by k) and eta (row1 - row0 by k). The caller zeroes eta. Not collective. */
bvl_status bvl_design_forward_local(bvl_design *X, int64_t row0, int64_t row1, int64_t n_cols,
                                    const int64_t *cols, int64_t k, const double *B, int64_t ld_b,
                                    double *eta, int64_t ld_eta);

/** V[c] += (X~' R)[c] over local rows row0 .. row1 - 1: no communication; V has leading dimension
 * ld_v and is indexed by local column (cols or not). Not collective. */
bvl_status bvl_design_adjoint_local(bvl_design *X, int64_t row0, int64_t row1, int64_t n_cols,
                                    const int64_t *cols, int64_t k, const double *R, int64_t ld_r,
                                    double *V, int64_t ld_v);

/** Writes its fill where a NaN stands in float X: such an X has no missing values any more. Not
 * collective. */
void bvl_design_fill_in(bvl_design *X);

/** Column c of a panel of a dense design as it is stored, in double, a missing code as NaN.
 * Streamed: of the whole column in the cache (data/streamed.h). Not collective. */
void bvl_design_load(const bvl_design *X, int64_t panel, int64_t c, double *out);
/** m elements of X's type from values[first], in double, a missing code as NaN. */
void bvl_design_convert(const bvl_design *X, const void *values, int64_t first, int64_t m,
                        double *out);

/** Sets the lazy standardisation from outside: m = center, s = scale (p_local each, copied), as
 * another matrix had them. Not collective. @return BVL_ERR_NOMEM. */
bvl_status bvl_design_set_scaling(bvl_design *X, const double *center, const double *scale);

/** Dense: the standardised rows row0 .. row1 - 1 of columns c0 .. c1 - 1 written out, column-major
 * with leading dimension row1 - row0, to floats or doubles; a missing code is its fill. Not
 * collective. */
void bvl_design_unpack_f32(const bvl_design *X, int64_t row0, int64_t row1, int64_t c0, int64_t c1,
                           float *out);
void bvl_design_unpack_f64(const bvl_design *X, int64_t row0, int64_t row1, int64_t c0, int64_t c1,
                           double *out);

/** A loss as the fused step sees it: turns eta[0..n) of local rows row0.. into the weighted
 * residual r[0..n) (r may be eta). */
typedef void (*bvl_residual_fn)(void *context, int64_t row0, int64_t n, const double *eta,
                                double *r);

/** Forward, residual and adjoint of one slice in a single pass over its memory, panel by panel:
 * needs Pc = 1 (else use the two calls above with the reduction between them).
 *     eta_i = base + x~_i'b, r = residual(eta), V += X~'r over the slice's rows.
 * V is p_local, not zeroed here. Not collective. */
bvl_status bvl_design_slice_step(bvl_design *X, int64_t slice, int64_t n_cols, const int64_t *cols,
                                 const double *b, double base, bvl_residual_fn residual,
                                 void *context, double *V);

#endif
