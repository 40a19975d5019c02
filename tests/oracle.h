/* SPDX-License-Identifier: BSD-3-Clause */
/* A second opinion on an answer: objective, duality gap and stationarity of a point of a small
 * dense problem, naively and in long double, from the problem's definition. Shares no code with
 * src/.
 *
 *     F = (1/n) sum w loss(y, o + b0 + x~'b) + lambda sum_g omega_g Pen(b_g),   sum w scaled to n
 *
 * x~ is X centred by its weighted mean (with an intercept) and scaled by its weighted standard
 * deviation (when standardize); beta and b0 come in on the input's scale. Cost O(n p + p^2). */
#ifndef BVL_TEST_ORACLE_H
#define BVL_TEST_ORACLE_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef long double oracle_real;

/** All pointers are the caller's. */
typedef struct oracle_problem {
  const char *family;  /* "gaussian", "binomial", "poisson" */
  const char *penalty; /* "lasso", "enet", "group-lasso", "sparse-group-lasso" */
  double alpha;        /* of enet and sparse-group-lasso; ignored otherwise */
  int intercept;
  int standardize;
  int64_t n;
  int64_t p;
  const double *X;              /* n x p, column-major; NaN = missing */
  const double *y;              /* n */
  const double *w;              /* n, NULL = ones */
  const double *o;              /* n, NULL = zeros */
  const int64_t *groups;        /* p, used by the group penalties alone */
  const double *group_weights;  /* by ascending id, NULL = sqrt of the group's penalised columns */
  const double *penalty_factor; /* p, NULL = ones */
  const double *lower;          /* p, input's scale, NULL = -Inf; lasso and enet */
  const double *upper;          /* p, input's scale, NULL = Inf */
} oracle_problem;

typedef struct oracle_certificate {
  double objective;
  double gap;        /* objective less a lower bound of the optimum, over null_half */
  double kkt;        /* largest violation of stationarity, over lambda */
  double null_half;  /* loss of the null model less that of the saturated one */
  double lambda_max; /* from the null model */
  int64_t support;   /* nonzero coefficients */
} oracle_certificate;

/* The standardised problem. */
typedef struct oracle_state {
  const oracle_problem *q;
  /* a block has lambda omega (linear t + ridge t^2 / 2), t its norm, and lambda l1 |b_j| a column
   */
  oracle_real linear;
  oracle_real ridge;
  oracle_real l1;
  oracle_real *X;      /* n x p, standardised */
  oracle_real *w;      /* n */
  oracle_real *center; /* p */
  oracle_real *scale;  /* p */
  oracle_real *omega;  /* p: factor of the block a column is in; INFINITY = excluded */
  int64_t *block;      /* p: first column of the block a column is in */
  oracle_real *b;      /* p */
  oracle_real b0;
  oracle_real *eta; /* n, at (b0, b) */
  oracle_real *r;   /* n: w (y - mu) */
  oracle_real *v;   /* p: X'r / n */
} oracle_state;

static inline void *oracle_alloc(int64_t count, size_t size)
{
  void *block = calloc(count > 0 ? (size_t)count : 1, size);
  if (block == NULL) abort();
  return block;
}

static inline oracle_real oracle_xlogx(oracle_real x)
{
  return x > 0 ? x * logl(x) : 0;
}

static inline oracle_real oracle_loss(const char *family, oracle_real y, oracle_real eta)
{
  if (strcmp(family, "gaussian") == 0) return (y - eta) * (y - eta) / 2;
  if (strcmp(family, "binomial") == 0) return fmaxl(eta, 0) + log1pl(expl(-fabsl(eta))) - y * eta;
  return expl(eta) - y * eta;
}

static inline oracle_real oracle_mean(const char *family, oracle_real eta)
{
  if (strcmp(family, "gaussian") == 0) return eta;
  if (strcmp(family, "binomial") == 0) return 1 / (1 + expl(-eta));
  return expl(eta);
}

static inline oracle_real oracle_curvature(const char *family, oracle_real eta)
{
  oracle_real mu = oracle_mean(family, eta);
  if (strcmp(family, "gaussian") == 0) return 1;
  return strcmp(family, "binomial") == 0 ? mu * (1 - mu) : mu;
}

/* c(y, y - theta); at theta = 0 the saturated loss. */
static inline oracle_real oracle_conjugate(const char *family, oracle_real y, oracle_real theta)
{
  oracle_real m = y - theta;
  if (strcmp(family, "gaussian") == 0) return theta * y - theta * theta / 2;
  if (strcmp(family, "binomial") == 0) return -oracle_xlogx(m) - oracle_xlogx(1 - m);
  return m - oracle_xlogx(m);
}

static inline void oracle_standardize(oracle_state *s)
{
  const oracle_problem *q = s->q;
  int64_t n = q->n;
  oracle_real total = 0;
  for (int64_t i = 0; i < n; i++) total += q->w != NULL ? q->w[i] : 1;
  for (int64_t i = 0; i < n; i++) s->w[i] = (q->w != NULL ? q->w[i] : 1) * (n / total);
  for (int64_t j = 0; j < q->p; j++) {
    const double *x = q->X + j * n;
    oracle_real *z = s->X + j * n;
    oracle_real seen = 0;
    oracle_real mean = 0;
    oracle_real variance = 0;
    int constant = 1;
    for (int64_t i = 0; i < n; i++)
      if (!isnan(x[i])) {
        seen += s->w[i];
        mean += s->w[i] * x[i];
      }
    mean /= seen;
    int64_t last = -1;
    for (int64_t i = 0; i < n; i++) {
      z[i] = isnan(x[i]) ? mean : x[i];
      variance += s->w[i] * (z[i] - mean) * (z[i] - mean) / n;
      if (s->w[i] <= 0 || isnan(x[i])) continue;
      if (last >= 0 && x[i] != x[last]) constant = 0;
      last = i;
    }
    s->center[j] = q->intercept ? mean : 0;
    s->scale[j] = q->standardize && !constant ? sqrtl(variance) : 1;
    for (int64_t i = 0; i < n; i++) z[i] = (z[i] - s->center[j]) / s->scale[j];
    s->omega[j] = constant && (q->intercept || q->standardize) ? INFINITY : 0;
  }
}

/* Bounds of column j on the standardised scale. */
static inline oracle_real oracle_lower(const oracle_state *s, int64_t j)
{
  return s->q->lower != NULL ? s->q->lower[j] * s->scale[j] : -INFINITY;
}

static inline oracle_real oracle_upper(const oracle_state *s, int64_t j)
{
  return s->q->upper != NULL ? s->q->upper[j] * s->scale[j] : INFINITY;
}

/* The id's place among the distinct ids, ascending. */
static inline int64_t oracle_id_rank(const oracle_problem *q, int64_t id)
{
  int64_t rank = 0;
  for (int64_t j = 0; j < q->p; j++) {
    int first = 1;
    for (int64_t k = 0; k < j; k++) first = first && q->groups[k] != q->groups[j];
    if (first && q->groups[j] < id) rank++;
  }
  return rank;
}

/* Which block each column is in, and its factor. oracle_standardize has marked the constants. */
static inline void oracle_blocks(oracle_state *s)
{
  const oracle_problem *q = s->q;
  int grouped = strstr(q->penalty, "group-lasso") != NULL;
  for (int64_t j = 0; j < q->p; j++) {
    oracle_real factor = q->penalty_factor != NULL ? q->penalty_factor[j] : 1;
    s->block[j] = j;
    if (grouped && factor == 1) {
      int64_t size = 0;
      for (int64_t k = q->p - 1; k >= 0; k--) {
        if (q->groups[k] != q->groups[j]) continue;
        if (q->penalty_factor != NULL && q->penalty_factor[k] != 1) continue;
        size++;
        s->block[j] = k;
      }
      factor = q->group_weights != NULL ? q->group_weights[oracle_id_rank(q, q->groups[j])]
                                        : sqrtl((oracle_real)size);
      if (factor == 0) s->block[j] = j;
    }
    if (s->omega[j] == 0) s->omega[j] = factor;
    if (oracle_lower(s, j) == 0 && oracle_upper(s, j) == 0) s->omega[j] = INFINITY;
  }
}

/* eta, r and v at (b0, b). */
static inline void oracle_refresh(oracle_state *s)
{
  const oracle_problem *q = s->q;
  for (int64_t i = 0; i < q->n; i++) {
    s->eta[i] = s->b0 + (q->o != NULL ? q->o[i] : 0);
    for (int64_t j = 0; j < q->p; j++)
      if (s->b[j] != 0) s->eta[i] += s->X[i + j * q->n] * s->b[j];
    s->r[i] = s->w[i] * (q->y[i] - oracle_mean(q->family, s->eta[i]));
  }
  for (int64_t j = 0; j < q->p; j++) {
    s->v[j] = 0;
    for (int64_t i = 0; i < q->n; i++) s->v[j] += s->X[i + j * q->n] * s->r[i] / q->n;
  }
}

/* Solves H x = g in place (g becomes x) by Gauss-Jordan; a vanishing pivot leaves its unknown 0. */
static inline void oracle_solve(int64_t m, oracle_real *H, oracle_real *g)
{
  for (int64_t k = 0; k < m; k++) {
    if (!(H[k + k * m] > 1e-14L)) {
      for (int64_t i = 0; i < m; i++) H[i + k * m] = H[k + i * m] = 0;
      g[k] = 0;
      continue;
    }
    for (int64_t i = 0; i < m; i++) {
      if (i == k) continue;
      oracle_real factor = H[i + k * m] / H[k + k * m];
      for (int64_t l = k; l < m; l++) H[i + l * m] -= factor * H[k + l * m];
      g[i] -= factor * g[k];
    }
  }
  for (int64_t k = 0; k < m; k++)
    if (H[k + k * m] > 0) g[k] /= H[k + k * m];
}

/* Column k of the free block: the intercept (if any), then the unpenalised columns. */
static inline oracle_real oracle_free_entry(const oracle_state *s, int64_t column, int64_t i)
{
  return column < 0 ? 1 : s->X[i + column * s->q->n];
}

/* Newton's method over the intercept and the unpenalised columns, steps capped at 1 (the gaussian
 * step is exact and is not). */
static inline void oracle_fit_free(oracle_state *s)
{
  const oracle_problem *q = s->q;
  int exact = strcmp(q->family, "gaussian") == 0;
  int64_t *column = oracle_alloc(q->p + 1, sizeof *column);
  int64_t m = 0;
  if (q->intercept) column[m++] = -1;
  for (int64_t j = 0; j < q->p; j++)
    if (s->omega[j] == 0) column[m++] = j;
  oracle_real *H = oracle_alloc(m * m, sizeof *H);
  oracle_real *g = oracle_alloc(m, sizeof *g);
  for (int step = 0; step < 200; step++) {
    oracle_refresh(s);
    memset(H, 0, (size_t)(m * m) * sizeof *H);
    memset(g, 0, (size_t)m * sizeof *g);
    for (int64_t k = 0; k < m; k++)
      for (int64_t i = 0; i < q->n; i++) {
        oracle_real x = oracle_free_entry(s, column[k], i) / q->n;
        g[k] += x * s->r[i];
        x *= s->w[i] * oracle_curvature(q->family, s->eta[i]);
        for (int64_t l = 0; l < m; l++) H[k + l * m] += x * oracle_free_entry(s, column[l], i);
      }
    oracle_solve(m, H, g);
    oracle_real largest = 0;
    for (int64_t k = 0; k < m; k++) largest = fmaxl(largest, fabsl(g[k]));
    oracle_real shrink = exact || largest < 1 ? 1 : 1 / largest;
    for (int64_t k = 0; k < m; k++) *(column[k] < 0 ? &s->b0 : &s->b[column[k]]) += shrink * g[k];
    if (largest < 1e-17L) break;
  }
  oracle_refresh(s);
  free(column);
  free(H);
  free(g);
}

/* Norm of x over the block that begins at column k; 0 when k begins none. */
static inline oracle_real oracle_block_norm(const oracle_state *s, const oracle_real *x, int64_t k)
{
  oracle_real sum = 0;
  for (int64_t j = 0; j < s->q->p; j++)
    if (s->block[j] == k && s->omega[j] < INFINITY) sum += x[j] * x[j];
  return sqrtl(sum);
}

/* The factor of the block that begins at column k; -1 when there is none. */
static inline oracle_real oracle_block_omega(const oracle_state *s, int64_t k)
{
  for (int64_t j = 0; j < s->q->p; j++)
    if (s->block[j] == k && s->omega[j] < INFINITY) return s->omega[j];
  return -1;
}

/* Norm of S(scale x, level) over that block. */
static inline oracle_real oracle_soft_norm(const oracle_state *s, oracle_real scale,
                                           oracle_real level, const oracle_real *x, int64_t k)
{
  oracle_real sum = 0;
  for (int64_t j = 0; j < s->q->p; j++) {
    if (s->block[j] != k || isinf(s->omega[j])) continue;
    oracle_real over = fmaxl(fabsl(scale * x[j]) - level, 0);
    sum += over * over;
  }
  return sqrtl(sum);
}

/* Largest multiple of v (at most 1) whose block beginning at k is in the dual set. */
static inline oracle_real oracle_dual_scale(const oracle_state *s, oracle_real lambda, int64_t k)
{
  oracle_real room = lambda * oracle_block_omega(s, k) * s->linear;
  oracle_real low = 0;
  oracle_real high = 1;
  if (oracle_soft_norm(s, 1, lambda * s->l1, s->v, k) <= room) return 1;
  for (int step = 0; step < 100; step++) {
    oracle_real middle = (low + high) / 2;
    if (oracle_soft_norm(s, middle, lambda * s->l1, s->v, k) <= room)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* Smallest lambda at which zero is stationary for the block that begins at k. */
static inline oracle_real oracle_entry(const oracle_state *s, int64_t k)
{
  oracle_real room = oracle_block_omega(s, k) * s->linear;
  oracle_real low = 0;
  oracle_real high = 0;
  if (s->l1 == 0) return oracle_block_norm(s, s->v, k) / room;
  for (int64_t j = 0; j < s->q->p; j++)
    if (s->block[j] == k) high = fmaxl(high, fabsl(s->v[j]) / s->l1);
  for (int step = 0; step < 100; step++) {
    oracle_real middle = (low + high) / 2;
    if (oracle_soft_norm(s, 1, middle * s->l1, s->v, k) <= middle * room)
      high = middle;
    else
      low = middle;
  }
  return high;
}

static inline oracle_real oracle_mean_loss(const oracle_state *s)
{
  oracle_real sum = 0;
  for (int64_t i = 0; i < s->q->n; i++)
    if (s->w[i] > 0) sum += s->w[i] * oracle_loss(s->q->family, s->q->y[i], s->eta[i]) / s->q->n;
  return sum;
}

static inline oracle_real oracle_objective(const oracle_state *s, oracle_real lambda)
{
  oracle_real sum = oracle_mean_loss(s);
  for (int64_t k = 0; k < s->q->p; k++) {
    oracle_real omega = oracle_block_omega(s, k);
    oracle_real t = oracle_block_norm(s, s->b, k);
    if (omega > 0) sum += lambda * omega * (s->linear * t + s->ridge * t * t / 2);
    for (int64_t j = 0; j < s->q->p && omega > 0 && t > 0; j++)
      if (s->block[j] == k) sum += lambda * s->l1 * fabsl(s->b[j]);
  }
  return sum;
}

/* Distance of 0 to the derivative of the objective along the directions column j may still move in:
 * from the one-sided derivatives to the left and to the right. */
static inline oracle_real oracle_bounded_residual(const oracle_state *s, int64_t j,
                                                  oracle_real lambda)
{
  oracle_real lw = lambda * s->omega[j];
  oracle_real b = s->b[j];
  oracle_real ridge = lw * s->ridge * b - s->v[j];
  oracle_real right = ridge + (b >= 0 ? lw : -lw) * s->linear;
  oracle_real left = ridge + (b > 0 ? lw : -lw) * s->linear;
  if (b < oracle_lower(s, j) || b > oracle_upper(s, j)) return INFINITY;
  oracle_real worst = 0;
  if (b < oracle_upper(s, j)) worst = fmaxl(worst, -right); /* going up would descend */
  if (b > oracle_lower(s, j)) worst = fmaxl(worst, left);
  return worst;
}

/* max over b in [l, u] of v b - lw (alpha |b| + (1 - alpha) b^2 / 2): at a bound, at zero or where
 * the derivative vanishes; INFINITY where there is no maximum. */
static inline oracle_real oracle_bounded_conjugate(const oracle_state *s, int64_t j,
                                                   oracle_real lambda, oracle_real v)
{
  oracle_real lw = lambda * s->omega[j];
  oracle_real best = 0;
  for (int sign = -1; sign <= 1; sign += 2) {
    oracle_real end = sign < 0 ? -oracle_lower(s, j) : oracle_upper(s, j);
    oracle_real gain = sign * v - lw * s->linear;
    if (gain <= 0 || end == 0) continue;
    if (s->ridge > 0) end = fminl(end, gain / (lw * s->ridge));
    best = fmaxl(best, gain * end - (s->ridge > 0 ? lw * s->ridge * end * end / 2 : 0));
  }
  return best;
}

static inline oracle_real oracle_kkt(const oracle_state *s, oracle_real lambda)
{
  oracle_real worst = 0;
  for (int64_t i = 0; i < s->q->n && s->q->intercept; i++) worst += s->r[i] / s->q->n;
  worst = fabsl(worst);
  for (int64_t k = 0; k < s->q->p; k++) {
    oracle_real omega = oracle_block_omega(s, k);
    if (isinf(s->omega[k]) && s->b[k] != 0) return INFINITY;
    if (omega < 0) continue;
    if (s->q->lower != NULL || s->q->upper != NULL) {
      worst = fmaxl(worst, oracle_bounded_residual(s, k, lambda));
      continue;
    }
    oracle_real t = oracle_block_norm(s, s->b, k);
    oracle_real slope = lambda * omega * (s->linear + s->ridge * t);
    oracle_real level = omega > 0 ? lambda * s->l1 : 0;
    oracle_real sum = 0;
    for (int64_t j = 0; j < s->q->p && t > 0; j++) {
      if (s->block[j] != k || isinf(s->omega[j])) continue;
      oracle_real d = -s->v[j] + slope * s->b[j] / t + copysignl(level, s->b[j]);
      if (s->b[j] == 0) d = fmaxl(fabsl(s->v[j]) - level, 0);
      sum += d * d;
    }
    worst = fmaxl(worst, t > 0 ? sqrtl(sum) : oracle_soft_norm(s, 1, level, s->v, k) - slope);
  }
  return worst / lambda;
}

/* A lower bound of the optimum from the residual at (b0, b), the free block being fitted. */
static inline oracle_real oracle_dual(const oracle_state *s, oracle_real lambda)
{
  oracle_real scale = 1;
  oracle_real value = 0;
  for (int64_t k = 0; k < s->q->p; k++) {
    oracle_real omega = oracle_block_omega(s, k);
    oracle_real size = oracle_block_norm(s, s->v, k);
    if (omega <= 0) continue;
    if (s->q->lower != NULL || s->q->upper != NULL) {
      /* any scale gives a bound: this one is 1 where coefficients are at ends or solved exactly */
      oracle_real end = s->v[k] > 0 ? oracle_upper(s, k) : oracle_lower(s, k);
      if (s->b[k] != end && s->ridge == 0 && size > lambda * omega)
        scale = fminl(scale, lambda * omega / size);
      continue;
    }
    oracle_real excess = fmaxl(size - lambda * omega * s->linear, 0);
    if (s->ridge > 0)
      value -= excess * excess / (2 * lambda * s->ridge * omega);
    else
      scale = fminl(scale, oracle_dual_scale(s, lambda, k));
  }
  for (int64_t k = 0; k < s->q->p && (s->q->lower != NULL || s->q->upper != NULL); k++) {
    oracle_real end = s->v[k] > 0 ? oracle_upper(s, k) : -oracle_lower(s, k);
    if (s->omega[k] <= 0 || isinf(s->omega[k]) || (isinf(end) && s->ridge == 0)) continue;
    value -= oracle_bounded_conjugate(s, k, lambda, scale * s->v[k]);
  }
  for (int64_t i = 0; i < s->q->n; i++) {
    if (s->w[i] <= 0) continue;
    oracle_real theta = scale * s->r[i] / s->w[i];
    oracle_real c = oracle_conjugate(s->q->family, s->q->y[i], theta);
    value += s->w[i] * (c - theta * (s->q->o != NULL ? s->q->o[i] : 0)) / s->q->n;
  }
  return value;
}

/* null_half and lambda_max; leaves the state at the null model. */
static inline void oracle_null(oracle_state *s, oracle_certificate *out)
{
  oracle_real saturated = 0;
  oracle_real largest = 0;
  memset(s->b, 0, (size_t)s->q->p * sizeof *s->b);
  s->b0 = 0;
  oracle_fit_free(s);
  for (int64_t i = 0; i < s->q->n; i++)
    saturated += s->w[i] * oracle_conjugate(s->q->family, s->q->y[i], 0) / s->q->n;
  for (int64_t k = 0; k < s->q->p; k++) {
    oracle_real omega = oracle_block_omega(s, k);
    const int shut = (s->v[k] > 0 ? oracle_upper(s, k) : -oracle_lower(s, k)) == 0;
    if (omega > 0 && !shut) largest = fmaxl(largest, oracle_entry(s, k));
  }
  out->null_half = (double)(oracle_mean_loss(s) - saturated);
  out->lambda_max = (double)largest;
}

/** Certifies (beta, b0), p coefficients on the input's scale, at lambda > 0. Not collective. */
static inline oracle_certificate oracle_certify(const oracle_problem *q, double lambda,
                                                const double *beta, double b0)
{
  oracle_certificate out = {0};
  oracle_state s = {.q = q, .linear = 1, .b0 = b0};
  if (strcmp(q->penalty, "enet") == 0) s.linear = q->alpha;
  if (strcmp(q->penalty, "enet") == 0) s.ridge = 1 - s.linear;
  if (strcmp(q->penalty, "sparse-group-lasso") == 0) s.l1 = q->alpha;
  if (strcmp(q->penalty, "sparse-group-lasso") == 0) s.linear = 1 - s.l1;
  s.X = oracle_alloc(q->n * q->p, sizeof *s.X);
  s.w = oracle_alloc(q->n, sizeof *s.w);
  s.eta = oracle_alloc(q->n, sizeof *s.eta);
  s.r = oracle_alloc(q->n, sizeof *s.r);
  s.center = oracle_alloc(q->p, sizeof *s.center);
  s.scale = oracle_alloc(q->p, sizeof *s.scale);
  s.omega = oracle_alloc(q->p, sizeof *s.omega);
  s.block = oracle_alloc(q->p, sizeof *s.block);
  s.b = oracle_alloc(q->p, sizeof *s.b);
  s.v = oracle_alloc(q->p, sizeof *s.v);
  oracle_standardize(&s);
  oracle_blocks(&s);
  for (int64_t j = 0; j < q->p; j++) {
    s.b[j] = beta[j] * s.scale[j];
    s.b0 += s.center[j] * beta[j];
    out.support += beta[j] != 0;
  }
  oracle_refresh(&s);
  oracle_real objective = oracle_objective(&s, lambda);
  out.objective = (double)objective;
  out.kkt = (double)oracle_kkt(&s, lambda);
  oracle_fit_free(&s);
  oracle_real gap = objective - oracle_dual(&s, lambda);
  oracle_null(&s, &out);
  out.gap = (double)(gap / out.null_half);
  free(s.X);
  free(s.w);
  free(s.eta);
  free(s.r);
  free(s.center);
  free(s.scale);
  free(s.omega);
  free(s.block);
  free(s.b);
  free(s.v);
  return out;
}

#endif
