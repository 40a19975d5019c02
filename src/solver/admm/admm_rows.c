/* SPDX-License-Identifier: BSD-3-Clause */
/* The x-step of ADMM in the space of the rows, for n <= p, any family:
 *
 *   x = b + X~'s / (n rho),   s = r(eta),   eta = o + F c + X~ b + G s / (n rho),   F's = 0
 *
 * b = a - d / rho, r the working residual, F = [1 | unpenalised columns], G = X~X~'. A Newton step
 * in (s, c), with weights h: (I + H G / (n rho)) ds + H F dc = r - s, F'ds = -F's, solved by the
 * factor of S = n rho I + H^1/2 G H^1/2. For a quadratic loss it is the answer; elsewhere the
 * factor is kept while it contracts well, and the step is searched along on the objective of the
 * x-step. The new dual is X~'s / n, and X~ b needs X~ z alone: X~ times the dual is G s / n.
 *
 * All of it is done by every rank alike: memory 16 n^2 bytes each. Traffic of a sweep: the sum of n
 * (X~ z) and, with several grid rows, one of p_local along the grid column. Work: n p / ranks for
 * the dual, 4 n^2 a Newton step, n^3 / 3 a factor. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "base/lapack.h"
#include "base/phase.h"
#include "data/design.h"
#include "solver/admm/admm.h"

enum { MAX_INNER = 6, MAX_HALVINGS = 30, POWER_STEPS = 40, FRESH = 64 };

static const double INNER_SHARE = 1e-3; /* of the residual an x-step begins with */
static const double SLOW = 0.2;         /* contraction from which a factor is stale */

typedef struct rows_system {
  bvl_problem *problem; /* borrowed */
  int n;
  int f; /* intercept and unpenalised columns */
  int64_t first_row;
  int64_t *cols; /* p_local, scratch, owned */
  double *V;     /* p_local, scratch, owned */
  double *block; /* n_local, scratch, owned */
  double *y;     /* n each from here on, owned, the same on every rank */
  double *w;
  double *o;
  double *F;      /* n x f */
  double *G;      /* n x n, lower triangle */
  double *S;      /* n x n, Cholesky factor */
  double rho;     /* that S was made for; 0: none */
  double *root;   /* square roots of the weights it was made for */
  double *SF;     /* n x f: S^-1 H^1/2 F */
  double *C;      /* f x f: factor of F'H^1/2 S^-1 H^1/2 F */
  double *coef;   /* f */
  double *step_c; /* f */
  double *s;
  double *Gs;
  double *Xx; /* X~ x over penalised columns */
  double *q;  /* X~ b */
  double *eta;
  double *r;
  double *h;
  double *ds;
  double *Gds;
  double *deta;
  double *trial;
  int64_t sweeps; /* since Gs was last made from s */
} rows_system;

static void destroy(void **out)
{
  rows_system *s = *out;
  *out = NULL;
  if (s == NULL) return;
  double *owned[] = {s->V,    s->block, s->y, s->w,    s->o,      s->F,   s->G,    s->S,
                     s->root, s->SF,    s->C, s->coef, s->step_c, s->s,   s->Gs,   s->Xx,
                     s->q,    s->eta,   s->r, s->h,    s->ds,     s->Gds, s->deta, s->trial};
  for (size_t k = 0; k < sizeof owned / sizeof owned[0]; k++) free(owned[k]);
  free(s->cols);
  free(s);
}

static bvl_status allocate(rows_system *s)
{
  const int64_t n = s->problem->n;
  const int64_t f = s->f;
  bvl_status status = BVL_OK;
  double **vectors[] = {&s->y,   &s->w, &s->o, &s->root, &s->s,   &s->Gs,   &s->Xx,   &s->q,
                        &s->eta, &s->r, &s->h, &s->ds,   &s->Gds, &s->deta, &s->trial};
  for (size_t k = 0; k < sizeof vectors / sizeof vectors[0]; k++) BVL_TRY(BVL_ALLOC(vectors[k], n));
  BVL_TRY(BVL_ALLOC(&s->cols, s->problem->X->columns.p_local));
  BVL_TRY(BVL_ALLOC(&s->V, s->problem->X->columns.p_local));
  BVL_TRY(BVL_ALLOC(&s->block, s->problem->X->rows.n_local));
  BVL_TRY(BVL_ALLOC(&s->F, n * f));
  BVL_TRY(BVL_ALLOC(&s->SF, n * f));
  BVL_TRY(BVL_ALLOC(&s->C, f * f));
  BVL_TRY(BVL_ALLOC(&s->coef, f));
  BVL_TRY(BVL_ALLOC(&s->step_c, f));
  BVL_TRY(BVL_ALLOC(&s->G, n * n));
  BVL_TRY(BVL_ALLOC(&s->S, n * n));
cleanup:
  return status;
}

/* Labels, weights, offsets and the free block, whole on every rank. */
static bvl_status gather(rows_system *s)
{
  bvl_status status = BVL_OK;
  const bvl_problem *problem = s->problem;
  const int64_t split0 = problem->X->rows.split0;
  BVL_TRY(bvl_admm_gather_rows(problem, s->first_row, problem->y + split0, s->y));
  BVL_TRY(bvl_admm_gather_rows(problem, s->first_row, problem->w + split0, s->w));
  if (problem->offset != NULL)
    BVL_TRY(bvl_admm_gather_rows(problem, s->first_row, problem->offset + split0, s->o));
  for (int64_t i = 0; problem->intercept && i < s->n; i++) s->F[i] = 1;
  for (int64_t k = 0; k < problem->free_columns->n_cols; k++) {
    bvl_active_column(problem->free_columns, k, s->block);
    BVL_TRY(bvl_admm_gather_rows(problem, s->first_row, s->block,
                                 s->F + (problem->intercept + k) * s->n));
  }
cleanup:
  return status;
}

static bvl_status create(bvl_problem *problem, void **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  rows_system *s = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&s, 1)));
  s->problem = problem;
  BVL_TRY(bvl_agree(all, bvl_to_int(problem->n, &s->n)));
  s->f = problem->intercept + (int)problem->free_columns->n_cols;
  BVL_TRY(bvl_admm_first_row(problem, &s->first_row));
  BVL_TRY(bvl_agree(all, allocate(s)));
  BVL_TRY(gather(s));
  BVL_TRY(bvl_admm_gram(problem, s->G));
  *out = s;
  s = NULL;
cleanup:
  destroy((void **)&s);
  return status;
}

static int64_t length(const void *system)
{
  return ((const rows_system *)system)->n;
}

/* ---- pieces -----------------------------------------------------------------------------------
 */

/* out = G v. */
static void times_gram(const rows_system *s, const double *v, double *out)
{
  bvl_symmetric_apply(s->n, s->G, s->n, v, out);
}

/* eta = o + q + F c + Gs / (n rho). */
static void predict(rows_system *s, double rho)
{
  const double scale = 1 / ((double)s->n * rho);
  for (int i = 0; i < s->n; i++) s->eta[i] = s->o[i] + s->q[i] + scale * s->Gs[i];
  if (s->f > 0)
    cblas_dgemv(CblasColMajor, CblasNoTrans, s->n, s->f, 1, s->F, s->n, s->coef, 1, 1, s->eta, 1);
}

/* r and h at eta; the loss over n. */
static double evaluate(rows_system *s, const double *eta)
{
  return bvl_loss_eval(s->problem->loss, s->n, s->y, s->w, eta, s->r, s->h) / (double)s->n;
}

/* This rank's part of X~ v over penalised columns, at its rows of out (n). */
static bvl_status forward(rows_system *s, const double *v, double *out)
{
  bvl_design *X = s->problem->X;
  int64_t n_cols = 0;
  memset(out, 0, (size_t)s->n * sizeof *out);
  for (int64_t c = 0; c < X->columns.p_local; c++) {
    s->V[c] = bvl_admm_is_penalised(s->problem, s->problem->block_of[c]) ? v[c] : 0;
    if (s->V[c] != 0) s->cols[n_cols++] = c;
  }
  return bvl_design_forward_local(X, 0, X->rows.n_local, n_cols, s->cols, 1, s->V,
                                  X->columns.p_local, out + s->first_row, X->rows.n_local);
}

/* s->V <- X~'s / n. */
static bvl_status adjoint(rows_system *s)
{
  for (int64_t i = 0; i < s->problem->X->rows.n_local; i++)
    s->block[i] = s->s[s->first_row + i] / (double)s->n;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_SWEEP);
  const bvl_status status = bvl_design_adjoint(s->problem->X, 0, NULL, 1, s->block, s->V, 0, NULL);
  bvl_phase_leave(before);
  return status;
}

static bvl_status lipschitz(void *system, double *out)
{
  rows_system *s = system;
  const double bound = s->problem->loss->curvature_bound;
  double norm = 0;
  evaluate(s, s->eta);
  for (int i = 0; i < s->n; i++) {
    s->trial[i] = sqrt(isfinite(bound) ? bound * s->w[i] : s->h[i]);
    s->ds[i] = 1 + 0.5 * sin(i + 1.0); /* nothing X is likely to be orthogonal to */
  }
  for (int k = 0; k < POWER_STEPS; k++) {
    const double scale = norm > 0 ? 1 / norm : 1;
    for (int i = 0; i < s->n; i++) s->ds[i] *= scale * s->trial[i];
    times_gram(s, s->ds, s->Gds);
    for (int i = 0; i < s->n; i++) s->ds[i] = s->trial[i] * s->Gds[i];
    norm = cblas_dnrm2(s->n, s->ds, 1);
  }
  *out = norm / (double)s->n;
  return BVL_OK;
}

/* ---- the Newton step --------------------------------------------------------------------------
 */

/* The factor at rho and the weights h, and what the free block adds to it. */
static bvl_status factor(rows_system *s, double rho)
{
  const int n = s->n;
  const int f = s->f;
  const double nrho = (double)n * rho;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_INNER);
  for (int i = 0; i < n; i++) s->root[i] = sqrt(s->h[i]);
  for (int64_t l = 0; l < n; l++) {
    for (int64_t k = l; k < n; k++) s->S[k + l * n] = s->root[k] * s->G[k + l * n] * s->root[l];
    s->S[l + l * n] += nrho;
  }
  int bad = bvl_cholesky(n, s->S, n);
  for (int64_t k = 0; k < f; k++)
    for (int i = 0; i < n; i++) s->SF[i + k * n] = s->root[i] * s->F[i + k * n];
  if (f > 0 && !bad) {
    cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, f, 1, s->S, n,
                s->SF, n);
    double most = 0;
    for (double ridge = 0; ridge <= 1; ridge = ridge > 0 ? 100 * ridge : 1e-14) {
      cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, f, n, 1, s->SF, n, 0, s->C, f);
      for (int64_t k = 0; k < f; k++) most = fmax(most, s->C[k + k * f]);
      for (int64_t k = 0; k < f; k++) s->C[k + k * f] += ridge * most;
      bad = bvl_cholesky(f, s->C, f); /* collinear unpenalised columns get a ridge */
      if (!bad) break;
    }
    cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, n, f, 1, s->S, n,
                s->SF, n);
  }
  s->rho = bad ? 0 : rho;
  bvl_phase_leave(before);
  return bad ? bvl_fail(BVL_ERR_USAGE, "admm: no factor of the x-step at rho %g (--admm-rho)", rho)
             : BVL_OK;
}

/* ds, step_c, Gds and deta from r, s and the factor. */
static void direction(rows_system *s)
{
  const int n = s->n;
  const int f = s->f;
  const double nrho = (double)n * s->rho;
  for (int i = 0; i < n; i++) s->ds[i] = s->root[i] > 0 ? (s->r[i] - s->s[i]) / s->root[i] : 0;
  cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, s->S, n, s->ds, 1);
  cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, n, s->S, n, s->ds, 1);
  if (f > 0) { /* C dc = F~'S^-1 t + F's / (n rho) */
    for (int i = 0; i < n; i++) s->trial[i] = s->root[i] * s->ds[i] + s->s[i] / nrho;
    cblas_dgemv(CblasColMajor, CblasTrans, n, f, 1, s->F, n, s->trial, 1, 0, s->step_c, 1);
    cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, f, s->C, f, s->step_c, 1);
    cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, f, s->C, f, s->step_c, 1);
    cblas_dgemv(CblasColMajor, CblasNoTrans, n, f, -1, s->SF, n, s->step_c, 1, 1, s->ds, 1);
  }
  for (int i = 0; i < n; i++) s->ds[i] *= nrho * s->root[i];
}

static void take(rows_system *s, double t)
{
  cblas_daxpy(s->n, t, s->ds, 1, s->s, 1);
  for (int k = 0; k < s->f; k++) s->coef[k] += t * s->step_c[k];
}

/* The objective of the x-step along the direction: loss + rho/2 ||x - b||^2 = loss + s'Gs / (2 n^2
 * rho). Takes the step; returns the loss there, with r and h. */
static double search(rows_system *s, double loss)
{
  const int n = s->n;
  const double per = 1 / (2 * (double)n * (double)n * s->rho);
  times_gram(s, s->ds, s->Gds);
  const double sGs = cblas_ddot(n, s->s, 1, s->Gs, 1);
  const double sGd = cblas_ddot(n, s->s, 1, s->Gds, 1);
  const double dGd = cblas_ddot(n, s->ds, 1, s->Gds, 1);
  for (int i = 0; i < n; i++) s->deta[i] = s->Gds[i] / ((double)n * s->rho);
  if (s->f > 0)
    cblas_dgemv(CblasColMajor, CblasNoTrans, n, s->f, 1, s->F, n, s->step_c, 1, 1, s->deta, 1);
  double bend = dGd / ((double)n * s->rho);
  for (int i = 0; i < n; i++) bend += s->root[i] * s->root[i] * s->deta[i] * s->deta[i];
  const double fall = bend / (double)n; /* of the first order */
  const double begin = loss + per * sGs;
  double t = 1;
  double reached = loss;
  for (int k = 0; k < MAX_HALVINGS; k++, t /= 2) {
    for (int i = 0; i < n; i++) s->trial[i] = s->eta[i] + t * s->deta[i];
    reached = evaluate(s, s->trial);
    const double value = reached + per * (sGs + 2 * t * sGd + t * t * dGd);
    if (value <= begin - 1e-4 * t * fall + 1e-14 * fabs(begin)) break;
  }
  take(s, t);
  cblas_daxpy(n, t, s->Gds, 1, s->Gs, 1);
  memcpy(s->eta, s->trial, (size_t)n * sizeof *s->eta);
  return reached;
}

static double residual(const rows_system *s)
{
  double sum = 0;
  for (int i = 0; i < s->n; i++) sum += (s->r[i] - s->s[i]) * (s->r[i] - s->s[i]);
  return sqrt(sum);
}

/* Newton from the s and c of the last sweep. *loss is that of the answer. */
static bvl_status solve(rows_system *s, double rho, double *loss)
{
  bvl_status status = BVL_OK;
  const int quadratic = s->problem->loss->quadratic;
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_INNER);
  predict(s, rho);
  *loss = evaluate(s, s->eta);
  const double first = residual(s);
  double last = first;
  int stale = 0;
  for (int k = 0; k < (quadratic ? 1 : MAX_INNER) && isfinite(*loss) && isfinite(last); k++) {
    if (last <= 1e-14 * cblas_dnrm2(s->n, s->r, 1) && s->rho == rho) break;
    if (s->rho != rho || stale) BVL_TRY(factor(s, rho));
    direction(s);
    if (quadratic) {
      take(s, 1);
      times_gram(s, s->s, s->Gs);
      predict(s, rho);
      *loss = evaluate(s, s->eta);
    } else {
      *loss = search(s, *loss);
    }
    const double now = residual(s);
    stale = now > SLOW * last;
    last = now;
    if (now <= INNER_SHARE * first) break;
  }
  if (!quadratic && ++s->sweeps % FRESH == 0) times_gram(s, s->s, s->Gs);
cleanup:
  bvl_phase_leave(before);
  return status;
}

/* ---- the system -------------------------------------------------------------------------------
 */

/* The dual, and with it x where it is penalised; c where it is not. */
static void move(rows_system *s, double rho, const double *b, bvl_admm_iterate *it)
{
  const bvl_problem *problem = s->problem;
  for (int64_t c = 0; c < problem->X->columns.p_local; c++) {
    if (!bvl_admm_is_penalised(problem, problem->block_of[c])) continue;
    it->d[c] = s->V[c];
    it->x[c] = b[c] + s->V[c] / rho;
  }
  const bvl_active *free_columns = problem->free_columns;
  for (int64_t k = 0; k < free_columns->n_cols; k++) {
    const int64_t c = free_columns->position[k] - problem->X->columns.first;
    if (c >= 0 && c < problem->X->columns.p_local) it->x[c] = s->coef[problem->intercept + k];
  }
  it->intercept = problem->intercept ? s->coef[0] : 0;
}

/* X~ z alone: the rest of X~ b is known. */
static bvl_status put(void *system, const bvl_admm_iterate *it, const double *b, double *part)
{
  (void)b;
  return forward(system, it->z, part);
}

static void image(void *system, double rho, double relax, double *sum)
{
  const rows_system *s = system;
  for (int i = 0; i < s->n; i++)
    sum[i] = relax * sum[i] + (1 - relax) * s->Xx[i] - s->Gs[i] / ((double)s->n * rho);
}

static bvl_status step(void *system, double rho, const double *b, const double *q,
                       bvl_admm_iterate *it)
{
  rows_system *s = system;
  bvl_status status = BVL_OK;
  double loss = 0;
  memcpy(s->q, q, (size_t)s->n * sizeof *q);
  if (solve(s, rho, &loss) != BVL_OK) loss = INFINITY; /* every rank's, and told by the next sum */
  for (int i = 0; i < s->n; i++) s->Xx[i] = s->q[i] + s->Gs[i] / ((double)s->n * rho);
  BVL_TRY(adjoint(s));
  move(s, rho, b, it);
  it->loss = s->problem->grid->all.rank == 0 ? loss : 0;
cleanup:
  return status;
}

/* c as everyone knows it. */
static bvl_status take_coefficients(rows_system *s, const bvl_point *point)
{
  const bvl_problem *problem = s->problem;
  const bvl_active *free_columns = problem->free_columns;
  for (int64_t k = 0; k < free_columns->n_cols; k++) {
    const int64_t c = free_columns->position[k] - problem->X->columns.first;
    const int mine = c >= 0 && c < problem->X->columns.p_local && problem->grid->i == 0;
    s->coef[problem->intercept + k] = mine ? point->beta[c] : 0;
  }
  if (problem->intercept) s->coef[0] = problem->grid->all.rank == 0 ? point->intercept : 0;
  return bvl_sum(&problem->grid->all, s->coef, s->f);
}

static bvl_status start(void *system, const bvl_point *point, bvl_admm_iterate *it)
{
  rows_system *s = system;
  bvl_status status = BVL_OK;
  const bvl_problem *problem = s->problem;
  const int64_t p_local = problem->X->columns.p_local;
  memcpy(it->x, point->beta, (size_t)p_local * sizeof *it->x);
  memset(it->d, 0, (size_t)p_local * sizeof *it->d);
  BVL_TRY(take_coefficients(s, point));
  status = forward(s, point->beta, s->Xx);
  BVL_TRY(bvl_agree(&problem->grid->all, status));
  BVL_TRY(bvl_sum(&problem->grid->all, s->Xx, s->n));
  memcpy(s->q, s->Xx, (size_t)s->n * sizeof *s->q);
  memset(s->Gs, 0, (size_t)s->n * sizeof *s->Gs);
  predict(s, 1);
  const double loss = evaluate(s, s->eta);
  memcpy(s->s, s->r, (size_t)s->n * sizeof *s->s);
  times_gram(s, s->s, s->Gs);
  BVL_TRY(adjoint(s));
  for (int64_t c = 0; c < p_local; c++)
    if (bvl_admm_is_penalised(problem, problem->block_of[c])) it->d[c] = s->V[c];
  it->intercept = problem->intercept ? s->coef[0] : 0;
  it->loss = problem->grid->all.rank == 0 ? loss : 0;
cleanup:
  return status;
}

const bvl_admm_system_type bvl_admm_rows = {.create = create,
                                            .destroy = destroy,
                                            .length = length,
                                            .lipschitz = lipschitz,
                                            .start = start,
                                            .put = put,
                                            .image = image,
                                            .step = step};
