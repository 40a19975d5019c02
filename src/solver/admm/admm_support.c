/* SPDX-License-Identifier: BSD-3-Clause */
/* Rank 0 decides and orders (bvl_row_work); the other ranks do their rows' share. */
#include "solver/admm/admm_support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"
#include "solver/row_work.h"

enum { MAX_RETRIES = 14, EIGEN_WORK = 40, MAX_IDLE = 4 };

static const double FIRST_DAMPING = 1e-4;  /* mu, of H's largest diagonal entry */
static const double LEAST_DAMPING = 1e-10; /* below it mu is 0 */
static const double FLATTEST = 1e-12;      /* eigenvalues, of the largest */
static const double LEAST_FALL = 0.05;     /* of what the first order promises */
static const double CURVED = 1e-6;         /* of the largest: a saddle's, to be left */
static const double ROUNDING = 1e-14;      /* of the objective */

typedef struct support {
  bvl_row_work work;
  bvl_working_set *set; /* owned */
  double lambda;
  int64_t d;
  int64_t m;             /* unknowns that are not zero for good */
  int64_t *list;         /* m of d, owned, as the rest: rank 0's */
  unsigned char *active; /* d */
  double *b;             /* d */
  double *g;             /* d: minus the loss's gradient at b */
  double *trial;         /* d */
  double *g_trial;       /* d */
  unsigned char *kept;   /* d: active at the trial point */
  double *rest;          /* m: minus the gradient of everything at b */
  double *step;          /* m */
  double *H;             /* m x m, lower triangle */
  double *A;             /* m x m: its factor, or its eigenvectors */
  double *eigen;         /* m */
  double *scratch;       /* EIGEN_WORK m */
  int spectral;          /* is A made of eigenvectors? */
  double mu;
  double value; /* of the objective at b */
  int idle;     /* steps whose fall was lost in rounding */
  bvl_admm_descent *out;
} support;

static void release(support *s)
{
  double *doubles[] = {s->b,    s->g, s->trial, s->g_trial, s->rest,
                       s->step, s->H, s->A,     s->eigen,   s->scratch};
  for (size_t k = 0; k < sizeof doubles / sizeof doubles[0]; k++) free(doubles[k]);
  free(s->list);
  free(s->active);
  free(s->kept);
  bvl_row_work_free(&s->work);
  bvl_working_set_destroy(&s->set);
}

static bvl_status allocate(support *s)
{
  bvl_status status = BVL_OK;
  const int64_t d = s->d;
  double **vectors[] = {&s->b, &s->g, &s->trial, &s->g_trial, &s->rest, &s->step, &s->eigen};
  for (size_t k = 0; k < sizeof vectors / sizeof vectors[0]; k++) BVL_TRY(BVL_ALLOC(vectors[k], d));
  BVL_TRY(BVL_ALLOC(&s->list, d));
  BVL_TRY(BVL_ALLOC(&s->active, d));
  BVL_TRY(BVL_ALLOC(&s->kept, d));
  BVL_TRY(BVL_ALLOC(&s->H, d * d));
  BVL_TRY(BVL_ALLOC(&s->A, d * d));
  BVL_TRY(BVL_ALLOC(&s->scratch, EIGEN_WORK * d));
cleanup:
  return status;
}

/* ---- the objective ----------------------------------------------------------------------------
 */

static int64_t length(const support *s, int64_t block)
{
  return s->set->begin[block + 1] - s->set->begin[block];
}

/* The objective at b, and minus the loss's gradient; INFINITY where it is not finite. */
static bvl_status evaluate(support *s, const double *b, const unsigned char *active, double *g,
                           double *value)
{
  const bvl_working_set *set = s->set;
  double loss = 0;
  const bvl_status status = bvl_row_work_evaluate(&s->work, b, active, 0, &loss, g);
  for (int64_t k = 0; k < set->n_blocks; k++) {
    if (!(set->weight[k] > 0)) continue;
    const bvl_penalty pen = bvl_penalty_at(&set->problem->penalty, set->weight[k]);
    loss += bvl_penalty_value(&pen, s->lambda * set->weight[k], length(s, k), b + set->begin[k]);
  }
  *value = isfinite(loss) ? loss : INFINITY;
  s->out->steps++;
  return status;
}

/* list, rest, and how far the worst block is from stationary. */
static double list_rest(support *s)
{
  const bvl_working_set *set = s->set;
  double worst = 0;
  s->m = 0;
  for (int64_t k = 0; k < set->n_blocks; k++) {
    const int64_t begin = set->begin[k];
    const double lw = s->lambda * set->weight[k];
    double *rest = s->rest + s->m;
    if (!s->active[begin]) continue;
    memset(rest, 0, (size_t)length(s, k) * sizeof *rest);
    if (lw > 0) {
      const bvl_penalty pen = bvl_penalty_at(&set->problem->penalty, set->weight[k]);
      bvl_penalty_gradient(&pen, lw, length(s, k), s->b + begin, rest);
    }
    for (int64_t i = 0; i < length(s, k); i++) {
      rest[i] = s->g[begin + i] - rest[i];
      s->list[s->m++] = begin + i;
    }
    worst = fmax(worst, bvl_block_norm(length(s, k), rest));
  }
  return worst;
}

/* ---- directions -------------------------------------------------------------------------------
 */

/* H over the listed unknowns. */
static bvl_status build(support *s)
{
  const bvl_working_set *set = s->set;
  const int64_t m = s->m;
  const bvl_status status = bvl_row_work_gram(&s->work, 1, m, m, s->list);
  if (status != BVL_OK) return status;
  memcpy(s->H, s->work.gram, (size_t)(m * m) * sizeof *s->H);
  int64_t at = 0;
  for (int64_t k = 0; k < set->n_blocks; k++) {
    const int64_t begin = set->begin[k];
    if (!s->active[begin]) continue;
    const double lw = s->lambda * set->weight[k];
    const bvl_penalty pen = bvl_penalty_at(&set->problem->penalty, set->weight[k]);
    if (lw > 0)
      bvl_penalty_add_curvature(&pen, lw, length(s, k), s->b + begin, s->H + at * (m + 1), m);
    at += length(s, k);
  }
  s->spectral = 0;
  return BVL_OK;
}

static double largest_diagonal(const support *s)
{
  double most = 0;
  for (int64_t k = 0; k < s->m; k++) most = fmax(most, fabs(s->H[k * (s->m + 1)]));
  return most > 0 ? most : 1;
}

/* A <- H + mu I, then its factor. @return whether it has one. */
static int is_definite(support *s)
{
  const int64_t m = s->m;
  memcpy(s->A, s->H, (size_t)(m * m) * sizeof *s->A);
  for (int64_t k = 0; k < m; k++) s->A[k * (m + 1)] += s->mu;
  return bvl_cholesky(m, s->A, m) == 0;
}

/* step <- (|H| + mu I)^-1 rest. @return whether it could. */
static int direct(support *s)
{
  const int m = (int)s->m; /* at most BVL_ADMM_WIDEST_SUPPORT and the free block */
  if (!s->spectral && is_definite(s)) {
    memcpy(s->step, s->rest, (size_t)m * sizeof *s->step);
    bvl_cholesky_apply(m, s->A, m, 1, s->step);
    return 1;
  }
  if (!s->spectral) {
    memcpy(s->A, s->H, (size_t)m * (size_t)m * sizeof *s->A);
    if (bvl_eigen(m, s->A, m, s->eigen, EIGEN_WORK * m, s->scratch) != 0) return 0;
    s->spectral = 1;
  }
  const double most = fmax(fabs(s->eigen[0]), fabs(s->eigen[m - 1]));
  cblas_dgemv(CblasColMajor, CblasTrans, m, m, 1, s->A, m, s->rest, 1, 0, s->scratch, 1);
  for (int k = 0; k < m; k++) s->scratch[k] /= fmax(fabs(s->eigen[k]), FLATTEST * most) + s->mu;
  cblas_dgemv(CblasColMajor, CblasNoTrans, m, m, 1, s->A, m, s->scratch, 1, 0, s->step, 1);
  return 1;
}

/* trial <- b + t step; a block that is turned round becomes zero. Returns what the first order
 * promises of the fall. */
static double go(support *s, double t)
{
  const bvl_working_set *set = s->set;
  double promise = 0;
  int64_t at = 0;
  memcpy(s->trial, s->b, (size_t)s->d * sizeof *s->trial);
  memcpy(s->kept, s->active, (size_t)s->d);
  for (int64_t k = 0; k < set->n_blocks; k++) {
    const int64_t begin = set->begin[k];
    const int64_t n = length(s, k);
    double along = 0;
    if (!s->active[begin]) continue;
    for (int64_t i = 0; i < n; i++) {
      const int is_idle = s->b[begin + i] == 0 && s->rest[at + i] == 0; /* a constant column */
      s->trial[begin + i] += is_idle ? 0 : t * s->step[at + i];
      along += s->trial[begin + i] * s->b[begin + i];
    }
    for (int64_t i = 0; set->weight[k] > 0 && !(along > 0) && i < n; i++) {
      s->trial[begin + i] = 0;
      s->kept[begin + i] = 0;
    }
    for (int64_t i = 0; i < n; i++)
      promise += s->rest[at + i] * (s->trial[begin + i] - s->b[begin + i]);
    at += n;
  }
  return promise;
}

static void accept(support *s, double value)
{
  memcpy(s->b, s->trial, (size_t)s->d * sizeof *s->b);
  memcpy(s->g, s->g_trial, (size_t)s->d * sizeof *s->g);
  memcpy(s->active, s->kept, (size_t)s->d);
  s->value = value;
}

/* ---- steps ------------------------------------------------------------------------------------
 */

/* One step, with more of mu until the objective falls. *moved: whether it did. */
static bvl_status descend(support *s, int *moved)
{
  bvl_status status = BVL_OK;
  const double scale = largest_diagonal(s);
  *moved = 0;
  for (int k = 0; k < MAX_RETRIES && !*moved && direct(s); k++) {
    double value = INFINITY;
    const double promise = go(s, 1);
    const double noise = ROUNDING * fabs(s->value);
    BVL_TRY(evaluate(s, s->trial, s->kept, s->g_trial, &value));
    const double fall = s->value - value;
    const int flat = fabs(fall) <= noise && fabs(promise) <= 100 * noise;
    *moved = flat ? ++s->idle <= MAX_IDLE : fall > LEAST_FALL * promise && fall > 0;
    if (flat || fall >= 0.25 * promise)
      s->mu = s->mu > LEAST_DAMPING * scale ? s->mu / 10 : 0;
    else
      s->mu = fmax(10 * s->mu, FIRST_DAMPING * scale);
    if (*moved) accept(s, value);
  }
cleanup:
  return status;
}

/* Stationary where H is not positive definite: along its most negative eigenvector, as far as that
 * leads down. */
static bvl_status leave_saddle(support *s, int *moved)
{
  bvl_status status = BVL_OK;
  const int m = (int)s->m;
  *moved = 0;
  s->mu = 0;
  if (is_definite(s) || !direct(s)) return BVL_OK;
  const double most = fmax(fabs(s->eigen[0]), fabs(s->eigen[m - 1]));
  if (!s->spectral || s->eigen[0] > -CURVED * most) return BVL_OK;
  const double along = cblas_ddot(m, s->A, 1, s->rest, 1);
  memcpy(s->step, s->A, (size_t)m * sizeof *s->step);
  double t = (along < 0 ? -1 : 1) * cblas_dnrm2((int)s->d, s->b, 1);
  for (int k = 0; k < MAX_RETRIES && !*moved; k++, t /= 4) {
    double value = INFINITY;
    go(s, t);
    BVL_TRY(evaluate(s, s->trial, s->kept, s->g_trial, &value));
    *moved = value < s->value - 100 * ROUNDING * fabs(s->value);
    if (*moved) accept(s, value);
  }
cleanup:
  return status;
}

/* Rank 0 alone. */
static bvl_status solve(support *s, double tol, int64_t max_steps)
{
  bvl_status status = BVL_OK;
  int moved = 1;
  for (int64_t k = 0; k < s->d; k++) s->active[k] = 1;
  memcpy(s->b, s->set->b, (size_t)s->d * sizeof *s->b);
  BVL_TRY(evaluate(s, s->b, s->active, s->g, &s->value));
  const double first = s->value;
  while (moved && isfinite(s->value) && s->out->steps < max_steps) {
    const double worst = list_rest(s);
    if (s->m == 0) break;
    BVL_TRY(build(s));
    if (worst <= tol)
      BVL_TRY(leave_saddle(s, &moved));
    else
      BVL_TRY(descend(s, &moved));
  }
  s->out->objective = s->value;
  s->out->fall = first - s->value;
cleanup:
  return status;
}

/* The set of the point's nonzero blocks, and room for them on rank 0. */
static bvl_status open_support(support *s, bvl_problem *problem, const bvl_point *point)
{
  bvl_status status = BVL_OK;
  const bvl_blocks *blocks = &problem->blocks;
  const bvl_comm *all = &problem->grid->all;
  unsigned char *wanted = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&wanted, blocks->n)));
  for (int64_t g = 0; g < blocks->n; g++)
    for (int64_t c = blocks->begin[g]; c < blocks->begin[g + 1]; c++)
      wanted[g] |= blocks->weight[g] < INFINITY && point->beta[c] != 0;
  BVL_TRY(bvl_working_set_create(problem, &s->set));
  BVL_TRY(bvl_working_set_add(s->set, wanted));
  BVL_TRY(bvl_working_set_load(s->set, point));
  BVL_TRY(bvl_row_work_create(problem, s->set, &s->work));
  BVL_TRY(bvl_row_work_open(&s->work));
  s->d = s->set->d;
  BVL_TRY(bvl_agree(all, all->rank == 0 ? allocate(s) : BVL_OK));
cleanup:
  free(wanted);
  return status;
}

bvl_status bvl_admm_solve_support(bvl_problem *problem, double lambda, double tol,
                                  int64_t max_steps, bvl_point *point, bvl_admm_descent *out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  support s = {.lambda = lambda, .out = out};
  *out = (bvl_admm_descent){0};
  BVL_TRY(open_support(&s, problem, point));
  if (all->rank == 0)
    status = bvl_row_work_stop(&s.work, solve(&s, tol, max_steps));
  else
    status = bvl_row_work_serve(&s.work);
  BVL_TRY(bvl_agree(all, status));
  double told[3] = {(double)out->steps, out->objective, out->fall};
  BVL_TRY(bvl_bcast(all, 0, told, 3));
  *out = (bvl_admm_descent){(int64_t)told[0], told[1], told[2]};
  if (all->rank == 0) memcpy(s.set->b, s.b, (size_t)s.d * sizeof *s.b);
  BVL_TRY(bvl_bcast(all, 0, s.set->b, s.d));
  bvl_working_set_store(s.set, point);
cleanup:
  release(&s);
  return status;
}
