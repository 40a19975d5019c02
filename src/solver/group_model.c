/* SPDX-License-Identifier: BSD-3-Clause */
/* The distributed side of the group Newton method: the matrix, the residuals of
 * several lambdas at once, and what rank 0 decides about each. */
#include "solver/group_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "solver/anderson.h"
#include "solver/group_newton.h"
#include "solver/group_past.h"
#include "solver/group_set.h"

enum {
  MAX_ROWS = 8192, /* an n x n factor of 512 MB on rank 0 */
  MAX_BATCH = BVL_PAST_ROOM - BVL_PAST_USED,
  MAX_STEPS = 60,
  MAX_REFRESHES = 12, /* of a batch */
  MAX_BACKS = 4,      /* halvings of a step */
  SYRK_COLS = 256
};

/* A new matrix costs as much as some steps (n^2 d + n^3 / 3 flops against 4 n d + 4 n^2 a lambda):
 * it is made when, at the rate of the last step, more than this many are still to go. */
static const double WORTH_STEPS = 10;
/* B is brought up to date where tau moved by more than this part. */
static const double STALE = 0.1;

struct bvl_group_model {
  bvl_problem *problem; /* borrowed */
  bvl_working_set *set; /* borrowed */
  bvl_group_set *G;     /* owned */
  int64_t n;            /* rows of all ranks */
  int64_t generation;   /* of the set when G was last in step with it */
  double *y, *w, *o;    /* n each, replicated, owned; o is 0 where there is no offset */
  double *eta;          /* n x MAX_BATCH, replicated, owned */
  double *r, *h;        /* n x MAX_BATCH, by lane, owned */
  double *B;            /* n x n, lower triangle, owned: this rank's groups, at tau_in */
  double *tau_in;       /* by dealt column: what B holds, owned */
  int64_t n_columns;    /* that tau_in is set for */
  int64_t column_capacity;
  int64_t capacity; /* of the arrays by block */
  double *tau;      /* capacity x MAX_BATCH, replicated, owned; of free blocks
                       coefficients */
  int64_t *slot;    /* capacity: a block's column of V, -1 = none; replicated, owned */
  int64_t *member;  /* capacity: the inverse of slot, owned */
  int64_t n_known;  /* blocks these arrays are set for */
  int64_t n_members;
  int has_factor;
  bvl_past past;
  int64_t n_fresh;                  /* points of `past` that the last batch added */
  bvl_group_newton newton;          /* rank 0 */
  bvl_anderson anderson[MAX_BATCH]; /* by q, rank 0 */
};

int bvl_group_model_fits(const bvl_problem *problem)
{
  return problem->penalty.type->convex && problem->penalty.type->grouped && problem->n <= MAX_ROWS;
}

void bvl_group_model_destroy(bvl_group_model **model)
{
  bvl_group_model *m = *model;
  *model = NULL;
  if (m == NULL) return;
  double *doubles[] = {m->y, m->w, m->o, m->eta, m->r, m->h, m->B, m->tau, m->tau_in};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  free(m->slot);
  free(m->member);
  bvl_past_free(&m->past);
  bvl_group_newton_free(&m->newton);
  for (int q = 0; q < MAX_BATCH; q++) bvl_anderson_free(&m->anderson[q]);
  bvl_group_set_destroy(&m->G);
  free(m);
}

static const bvl_comm *comm_of(const bvl_group_model *m)
{
  return &m->problem->grid->all;
}

static int is_root(const bvl_group_model *m)
{
  return comm_of(m)->rank == 0;
}

static bvl_status allocate(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  double **vectors[] = {&m->y, &m->w, &m->o};
  double **blocks[] = {&m->eta, &m->r, &m->h};
  for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++)
    BVL_TRY(BVL_ALLOC(vectors[k], m->n));
  for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
    BVL_TRY(BVL_ALLOC(blocks[k], m->n * MAX_BATCH));
  BVL_TRY(BVL_ALLOC(&m->B, m->n * m->n));
  if (is_root(m)) BVL_TRY(bvl_group_newton_open(&m->newton, m->n));
cleanup:
  return status;
}

bvl_status bvl_group_model_create(bvl_problem *problem, bvl_working_set *set, bvl_group_model **out)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = &problem->grid->all;
  const int64_t split0 = problem->X->rows.split0;
  bvl_group_model *m = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&m, 1)));
  m->problem = problem;
  m->set = set;
  m->generation = set->generation;
  BVL_TRY(bvl_group_set_create(problem, set, &m->G));
  m->n = m->G->n;
  BVL_TRY(bvl_agree(all, allocate(m)));
  BVL_TRY(bvl_dealt_rows(m->G->dealt, problem->y + split0, m->y));
  BVL_TRY(bvl_dealt_rows(m->G->dealt, problem->w + split0, m->w));
  if (problem->offset != NULL) BVL_TRY(bvl_dealt_rows(m->G->dealt, problem->offset + split0, m->o));
  *out = m;
  m = NULL;
cleanup:
  bvl_group_model_destroy(&m);
  return status;
}

static bvl_status reserve(bvl_group_model *m, int64_t n_blocks)
{
  bvl_status status = BVL_OK;
  const int64_t capacity = bvl_greater(n_blocks, m->capacity + m->capacity / 2);
  int64_t room[3] = {m->capacity * MAX_BATCH, m->capacity, m->capacity};
  BVL_TRY(BVL_GROW(&m->tau_in, &m->column_capacity, m->G->dealt->n_cols));
  if (n_blocks <= m->capacity) return BVL_OK;
  BVL_TRY(BVL_GROW(&m->tau, &room[0], capacity * MAX_BATCH));
  BVL_TRY(BVL_GROW(&m->slot, &room[1], capacity));
  BVL_TRY(BVL_GROW(&m->member, &room[2], capacity));
  BVL_TRY(bvl_past_reserve(&m->past, m->n, capacity));
  m->capacity = capacity;
cleanup:
  return status;
}

/* Brings the dealt blocks in step with the set; after a renumbering everything
 * starts anew. */
static bvl_status follow_set(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  if (m->generation != m->set->generation) {
    m->generation = m->set->generation;
    m->n_known = 0;
    m->n_columns = 0;
    m->n_members = 0;
    m->has_factor = 0;
    memset(m->B, 0, (size_t)(m->n * m->n) * sizeof *m->B);
    bvl_group_set_clear(m->G);
    bvl_group_model_forget(m);
  }
  BVL_TRY(bvl_group_set_follow(m->G));
  BVL_TRY(bvl_agree(comm_of(m), reserve(m, m->G->n_blocks)));
  for (; m->n_known < m->G->n_blocks; m->n_known++) m->slot[m->n_known] = -1;
  for (; m->n_columns < m->G->dealt->n_cols; m->n_columns++) m->tau_in[m->n_columns] = 0;
cleanup:
  return status;
}

/* ---- the lambdas being solved
 * -------------------------------------------------------------------
 */

typedef enum action { DONE, STEP, SLOW_STEP, GO_BACK, GIVE_UP, FAILED } action;

/* Lane a works on lambda q[a] of the batch; lanes[0..n) are still to be solved.
 */
typedef struct lanes {
  int64_t n;
  int64_t q[MAX_BATCH];
  const double *lambda;       /* of the batch */
  double tol;                 /* relative to lambda */
  double residual[MAX_BATCH]; /* by q, at the last step */
  int64_t steps[MAX_BATCH];   /* by q */
  int backs[MAX_BATCH];       /* by q: halvings of the last step */
  double *before;           /* n + blocks, x lanes by q: eta and tau before the last step; owned */
  int solved[MAX_BATCH];    /* by q */
  int regrouped[MAX_BATCH]; /* by q: did the last step change what is active? */
  int refreshes;
  int64_t budget;
  double *packed;         /* n + blocks, x lanes: X b, then norms of the members; owned */
  double *excess;         /* blocks x lanes, owned */
  double *x;              /* blocks x lanes, owned */
  double *state;          /* lanes (actions), n + blocks x lanes (eta, tau): broadcast;
                             owned */
  double *v;              /* longest block x lanes, owned */
  unsigned char *bounded; /* blocks, owned */
  double *point;          /* n + blocks, twice: a lane and its step; owned */
} lanes;

static void close_lanes(lanes *at)
{
  free(at->packed);
  free(at->before);
  free(at->excess);
  free(at->x);
  free(at->state);
  free(at->v);
  free(at->bounded);
  free(at->point);
}

static bvl_status open_lanes(const bvl_group_model *m, lanes *at)
{
  bvl_status status = BVL_OK;
  int64_t longest = 1;
  for (int64_t g = 0; g < m->n_known; g++) longest = bvl_greater(longest, bvl_group_len(m->G, g));
  BVL_TRY(BVL_ALLOC(&at->packed, (m->n + m->n_known) * MAX_BATCH));
  BVL_TRY(BVL_ALLOC(&at->before, (m->n + m->n_known) * MAX_BATCH));
  BVL_TRY(BVL_ALLOC(&at->state, (1 + m->n + m->n_known) * MAX_BATCH));
  BVL_TRY(BVL_ALLOC(&at->excess, m->n_known * MAX_BATCH));
  BVL_TRY(BVL_ALLOC(&at->x, m->n_known * MAX_BATCH));
  BVL_TRY(BVL_ALLOC(&at->v, longest * MAX_BATCH));
  BVL_TRY(BVL_ALLOC(&at->bounded, m->n_known));
  BVL_TRY(BVL_ALLOC(&at->point, 2 * (m->n + m->n_known)));
cleanup:
  return status;
}

static double *tau_of(const bvl_group_model *m, int64_t q)
{
  return m->tau + q * m->capacity;
}

/* r and h of every lane at its eta. */
static void residuals(bvl_group_model *m, const lanes *at)
{
  for (int64_t a = 0; a < at->n; a++)
    bvl_loss_eval(m->problem->loss, m->n, m->y, m->w, m->eta + at->q[a] * m->n, m->r + a * m->n,
                  m->h + a * m->n);
}

/* The lambdas of the lanes, side by side. */
static const double *lane_lambdas(const lanes *at, double *out)
{
  for (int64_t a = 0; a < at->n; a++) out[a] = at->lambda[at->q[a]];
  return out;
}

static int is_active(const bvl_group_model *m, const lanes *at, int64_t g)
{
  if (bvl_group_is_free(m->G, g)) return 1;
  for (int64_t a = 0; a < at->n; a++)
    if (tau_of(m, at->q[a])[g] > 0) return 1;
  return 0;
}

/* ---- membership and the matrix
 * -----------------------------------------------------------------
 */

/* at->v <- v_g of lane a; its norm. Where a sparse penalty's threshold leaves nothing of it: that
 * of the last lane, then v_g without the threshold, so that no column of V is null. */
static double direction(const bvl_group_model *m, const lanes *at, int64_t g, int64_t a)
{
  const int64_t lane[] = {a, at->n - 1, a};
  const double lambda[] = {at->lambda[at->q[a]], at->lambda[at->q[at->n - 1]], 0};
  double norm = 0;
  for (int k = 0; k < 3; k++) {
    bvl_group_correlate(m->G, g, 1, lambda + k, m->r + lane[k] * m->n, at->v, &norm);
    if (norm != 0 || bvl_group_is_free(m->G, g)) break;
  }
  return norm;
}

/* Z_g = X_g v_g / ||v_g|| of the blocks member[from ..), v at residuals r of the lane lane[g] (by
 * default `same`), into V on rank 0. */
static bvl_status join(bvl_group_model *m, lanes *at, int64_t from, int64_t same,
                       const int64_t *lane)
{
  bvl_status status = BVL_OK;
  const int64_t n_new = m->n_members - from;
  double *Z = NULL;
  if (n_new == 0) return BVL_OK;
  BVL_TRY(bvl_agree(comm_of(m), BVL_ALLOC(&Z, m->n * n_new)));
  for (int64_t k = 0; k < n_new; k++) {
    const int64_t g = m->member[from + k];
    const int64_t a = lane != NULL ? lane[g] : same;
    if (!bvl_group_is_here(m->G, g)) continue;
    const double norm = direction(m, at, g, a);
    for (int64_t l = 0; l < bvl_group_len(m->G, g); l++)
      at->v[l] = bvl_group_is_free(m->G, g) ? 1 : norm > 0 ? at->v[l] / norm : 0;
    bvl_group_forward(m->G, g, 1, at->v, Z + k * m->n);
  }
  BVL_TRY(bvl_sum_to(comm_of(m), 0, Z, m->n * n_new));
  if (is_root(m)) status = bvl_group_newton_append(&m->newton, n_new, Z);
  BVL_TRY(bvl_agree(comm_of(m), status));
cleanup:
  free(Z);
  return status;
}

static void make_member(bvl_group_model *m, int64_t g)
{
  m->slot[g] = m->n_members;
  m->member[m->n_members++] = g;
}

/* Takes in the groups of the set that are above their threshold in some lane,
 * with their direction in the last such lane, where they stand out most. */
static bvl_status admit(bvl_group_model *m, lanes *at, int64_t *n_new)
{
  bvl_status status = BVL_OK;
  const int64_t from = m->n_members;
  int64_t *lane = NULL;
  double norm[MAX_BATCH];
  double lambdas[MAX_BATCH];
  *n_new = 0;
  if (!m->has_factor || m->n_members == m->n_known) return BVL_OK;
  BVL_TRY(bvl_agree(comm_of(m), BVL_ALLOC(&lane, m->n_known)));
  residuals(m, at);
  for (int64_t g = 0; g < m->n_known; g++) {
    if (!bvl_group_is_here(m->G, g) || m->slot[g] >= 0) continue;
    bvl_group_correlate(m->G, g, at->n, lane_lambdas(at, lambdas), m->r, at->v, norm);
    for (int64_t a = 0; a < at->n; a++) {
      const double lambda = at->lambda[at->q[a]];
      if (norm[a] > bvl_group_target(m->G, lambda, g) + at->tol * lambda) lane[g] = a + 1;
    }
  }
  BVL_TRY(bvl_sum_i64(comm_of(m), lane, m->n_known));
  for (int64_t g = 0; g < m->n_known; g++)
    if (lane[g]-- > 0) make_member(m, g);
  *n_new = m->n_members - from;
  BVL_TRY(join(m, at, from, 0, lane));
cleanup:
  free(lane);
  return status;
}

/* tau by dealt column, at lane a's point: under a sparse penalty, 0 of the columns that its l1 part
 * holds at zero there. */
static void spread_tau(const bvl_group_model *m, const lanes *at, int64_t a, double *out)
{
  const int sparse = m->problem->penalty.type->sparse;
  const double *tau = tau_of(m, at->q[a]);
  for (int64_t g = 0; g < m->n_known; g++) {
    double norm = 0;
    const int used = !bvl_group_is_free(m->G, g) && tau[g] > 0;
    if (!bvl_group_is_here(m->G, g) || m->G->first[g] < 0) continue; /* not an intercept */
    if (sparse && used)
      bvl_group_correlate(m->G, g, 1, &at->lambda[at->q[a]], m->r + a * m->n, at->v, &norm);
    for (int64_t k = 0; k < bvl_group_len(m->G, g); k++)
      out[m->G->first[g] + k] = used && (!sparse || at->v[k] != 0) ? tau[g] : 0;
  }
}

/* B += sign sum over this rank's columns whose tau moved that way of |change| x x' / n. */
static void update_B(bvl_group_model *m, const double *tau, double sign, double *Y)
{
  const int n = (int)m->n; /* at most MAX_ROWS */
  int cols = 0;
  for (int64_t k = 0; k < m->n_columns; k++) {
    const double change = tau[k] - m->tau_in[k];
    if (!(sign * change > 0) || !(fabs(change) > STALE * fmax(tau[k], m->tau_in[k]))) continue;
    const double factor = sqrt(fabs(change) / (double)m->n);
    const double *x = m->G->dealt->values + k * m->n;
    for (int64_t i = 0; i < m->n; i++) Y[i + cols * m->n] = factor * x[i];
    m->tau_in[k] = tau[k];
    if (++cols < SYRK_COLS) continue;
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, cols, sign, Y, n, 1, m->B, n);
    cols = 0;
  }
  if (cols > 0)
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, cols, sign, Y, n, 1, m->B, n);
}

/* S on rank 0 <- the sum of every rank's B: lower triangles travel packed. */
static bvl_status collect_S(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  double *packed = NULL;
  double *at = NULL;
  BVL_TRY(bvl_agree(comm_of(m), BVL_ALLOC(&packed, m->n * (m->n + 1) / 2)));
  at = packed;
  for (int64_t l = 0; l < m->n; at += m->n - l, l++)
    memcpy(at, m->B + l + l * m->n, (size_t)(m->n - l) * sizeof *at);
  BVL_TRY(bvl_sum_to(comm_of(m), 0, packed, m->n * (m->n + 1) / 2));
  at = packed;
  for (int64_t l = 0; is_root(m) && l < m->n; at += m->n - l, l++)
    memcpy(m->newton.S + l + l * m->n, at, (size_t)(m->n - l) * sizeof *at);
cleanup:
  free(packed);
  return status;
}

/* A new matrix at one lane's point; its members are the groups active in any.
 */
static bvl_status refresh(bvl_group_model *m, lanes *at, int64_t a, int *ok)
{
  bvl_status status = BVL_OK;
  double *Y = NULL;
  double *tau = NULL; /* by dealt column */
  int64_t factored = 1;
  *ok = 1;
  status = BVL_ALLOC(&Y, m->n * SYRK_COLS);
  if (status == BVL_OK) status = BVL_ALLOC(&tau, m->n_columns);
  BVL_TRY(bvl_agree(comm_of(m), status));
  residuals(m, at);
  spread_tau(m, at, a, tau);
  update_B(m, tau, 1, Y);
  update_B(m, tau, -1, Y);
  BVL_TRY(collect_S(m));
  if (is_root(m)) factored = bvl_group_newton_factor(&m->newton, m->h + a * m->n);
  BVL_TRY(bvl_bcast_i64(comm_of(m), 0, &factored, 1));
  *ok = (int)factored;
  m->has_factor = *ok;
  m->n_members = 0;
  for (int64_t g = 0; g < m->n_known; g++) {
    m->slot[g] = -1;
    if (is_active(m, at, g)) make_member(m, g);
  }
  if (!*ok) goto cleanup;
  BVL_TRY(join(m, at, 0, a, NULL)); /* directions at this lane's r */
cleanup:
  free(tau);
  free(Y);
  return status;
}

/* ---- residuals and steps
 * -----------------------------------------------------------------------
 */

/* Rank 0: packed <- X b of the lanes (n x lanes), then the members' norms
 * (members x lanes). Each group's columns are read once: the second product
 * finds them in the cache. */
static bvl_status evaluate(bvl_group_model *m, lanes *at)
{
  double *norms = at->packed + m->n * at->n;
  double norm[MAX_BATCH];
  double lambdas[MAX_BATCH];
  lane_lambdas(at, lambdas);
  residuals(m, at);
  memset(at->packed, 0, (size_t)((m->n + m->n_members) * at->n) * sizeof *at->packed);
  for (int64_t k = 0; k < m->n_members; k++) {
    const int64_t g = m->member[k];
    const int64_t len = bvl_group_len(m->G, g);
    if (!bvl_group_is_here(m->G, g)) continue;
    bvl_group_correlate(m->G, g, at->n, lambdas, m->r, at->v, norm);
    for (int64_t a = 0; a < at->n; a++) {
      const double tau = tau_of(m, at->q[a])[g];
      norms[k + a * m->n_members] = norm[a];
      for (int64_t l = 0; l < len; l++)
        at->v[l + a * len] = bvl_group_is_free(m->G, g) ? tau : tau * at->v[l + a * len];
    }
    if (is_active(m, at, g)) bvl_group_forward(m->G, g, at->n, at->v, at->packed);
  }
  return bvl_sum_to(comm_of(m), 0, at->packed, (m->n + m->n_members) * at->n);
}

/* Rank 0: lane a's packed <- F1, excess <- F2, x; returns the largest residual
 * in units of v. */
static double residual_of(const bvl_group_model *m, lanes *at, int64_t a)
{
  const double lambda = at->lambda[at->q[a]];
  const double *tau = tau_of(m, at->q[a]);
  const double *eta = m->eta + at->q[a] * m->n;
  const double *norms = at->packed + m->n * at->n + a * m->n_members;
  double *F1 = at->packed + a * m->n;
  double *excess = at->excess + a * m->n_members;
  double *x = at->x + a * m->n_members;
  double largest = 0;
  double sum = 0;
  for (int64_t k = 0; k < m->n_members; k++) {
    const int64_t g = m->member[k];
    at->bounded[k] = !bvl_group_is_free(m->G, g);
    excess[k] = norms[k] - bvl_group_target(m->G, lambda, g);
    x[k] = tau[g] * (at->bounded[k] ? norms[k] : 1);
    const int slack = at->bounded[k] && tau[g] == 0;
    largest = fmax(largest, slack ? fmax(excess[k], 0) : fabs(excess[k]));
    if (slack) excess[k] -= at->tol * lambda; /* none enters on rounding: null at lambda_max */
    if (!isfinite(norms[k])) return INFINITY;
  }
  for (int64_t i = 0; i < m->n; i++) {
    F1[i] = eta[i] - m->o[i] - F1[i];
    sum += m->h[i + a * m->n] * F1[i] * F1[i];
  }
  return isfinite(sum) ? fmax(largest, sqrt(sum / (double)m->n)) : INFINITY;
}

/* Rank 0. Where columns come and go inside groups, a full step may overshoot, for the linear model
 * ends at the next column's kink; elsewhere only far from the answer. */
static int has_overshot(const bvl_group_model *m, const lanes *at, int64_t q, double residual)
{
  const double allowed = m->problem->penalty.type->sparse ? 1 : 4;
  return m->has_factor && isfinite(at->residual[q]) && !(residual <= allowed * at->residual[q]) &&
         at->backs[q] < MAX_BACKS;
}

/* Rank 0. */
static action decide(const bvl_group_model *m, lanes *at, int64_t a)
{
  const int64_t q = at->q[a];
  const double residual = residual_of(m, at, a);
  const double to_go = log(residual / (at->tol * at->lambda[q]));
  const int slow = to_go > WORTH_STEPS * log(at->residual[q] / residual);
  at->backs[q] = has_overshot(m, at, q, residual) ? at->backs[q] + 1 : 0;
  if (at->backs[q] > 0) return GO_BACK; /* to be compared with the same residual again */
  at->residual[q] = residual;
  if (!m->has_factor) return SLOW_STEP;
  if (residual <= at->tol * at->lambda[q]) return DONE;
  if (!isfinite(residual) || at->steps[q] >= at->budget) return GIVE_UP;
  /* after a change of active groups a poor step says nothing of the matrix */
  return slow && !at->regrouped[q] ? SLOW_STEP : STEP;
}

/* Rank 0: what a lane can go back to. */
static void remember(const bvl_group_model *m, const lanes *at, int64_t q)
{
  double *to = at->before + q * (m->n + m->n_known);
  memcpy(to, m->eta + q * m->n, (size_t)m->n * sizeof *to);
  memcpy(to + m->n, tau_of(m, q), (size_t)m->n_known * sizeof *to);
}

/* Rank 0: half of the last step is taken back. */
static void go_back(bvl_group_model *m, const lanes *at, int64_t q)
{
  bvl_anderson_reset(&m->anderson[q]);
  const double *from = at->before + q * (m->n + m->n_known);
  double *eta = m->eta + q * m->n;
  double *tau = tau_of(m, q);
  for (int64_t i = 0; i < m->n; i++) eta[i] = 0.5 * (eta[i] + from[i]);
  for (int64_t g = 0; g < m->n_known; g++) tau[g] = 0.5 * (tau[g] + from[m->n + g]);
}

/* Rank 0: lane a moves by deta and to x, accelerated; what was active stays the measure of it. */
static bvl_status move_lane(bvl_group_model *m, lanes *at, int64_t a)
{
  const int64_t q = at->q[a];
  const int64_t length = m->n + m->n_members;
  const double *norms = at->packed + m->n * at->n + a * m->n_members;
  double *tau = tau_of(m, q);
  double *eta = m->eta + q * m->n;
  double *z = at->point;
  double *f = at->point + length;
  remember(m, at, q);
  int changed = 0; /* the active groups: the map is another one */
  memcpy(z, eta, (size_t)m->n * sizeof *z);
  memcpy(f, at->packed + a * m->n, (size_t)m->n * sizeof *f);
  for (int64_t k = 0; k < m->n_members; k++) {
    const double x = at->x[k + a * m->n_members];
    const double next = !at->bounded[k] ? x : norms[k] > 0 ? x / norms[k] : 0;
    z[m->n + k] = tau[m->member[k]];
    f[m->n + k] = next - z[m->n + k];
    changed |= at->bounded[k] && (next > 0) != (z[m->n + k] > 0);
  }
  at->regrouped[q] = changed;
  if (changed) bvl_anderson_reset(&m->anderson[q]);
  const bvl_status status = bvl_anderson_step(&m->anderson[q], length, m->n, m->newton.D, z, f);
  for (int64_t i = 0; i < m->n; i++) eta[i] += f[i];
  for (int64_t k = 0; k < m->n_members; k++) {
    const double next = z[m->n + k] + f[m->n + k];
    tau[m->member[k]] = at->bounded[k] ? fmax(next, 0) : next;
  }
  return status;
}

/* Rank 0: eta and tau of every lane after one step. */
static bvl_status take_step(bvl_group_model *m, lanes *at, const action *what)
{
  double tol[MAX_BATCH];
  for (int64_t a = 0; a < at->n; a++) {
    tol[a] = 0.01 * at->tol * at->lambda[at->q[a]];
    at->steps[at->q[a]]++;
  }
  bvl_status status = bvl_group_newton_step(&m->newton, at->n, at->excess, at->bounded, tol, at->x,
                                            at->packed);
  for (int64_t a = 0; status == BVL_OK && a < at->n; a++)
    if (what[a] != GO_BACK) status = move_lane(m, at, a);
  return status;
}

/* Rank 0's decisions and points, to all. */
static bvl_status share(bvl_group_model *m, lanes *at, action *what)
{
  bvl_status status = BVL_OK;
  const int64_t stride = 1 + m->n + m->n_members;
  for (int64_t a = 0; is_root(m) && a < at->n; a++) {
    double *to = at->state + a * stride;
    const double *tau = tau_of(m, at->q[a]);
    to[0] = (double)what[a];
    memcpy(to + 1, m->eta + at->q[a] * m->n, (size_t)m->n * sizeof *to);
    for (int64_t k = 0; k < m->n_members; k++) to[1 + m->n + k] = tau[m->member[k]];
  }
  BVL_TRY(bvl_bcast(comm_of(m), 0, at->state, at->n * stride));
  for (int64_t a = 0; a < at->n; a++) {
    const double *from = at->state + a * stride;
    double *tau = tau_of(m, at->q[a]);
    what[a] = (action)from[0];
    memcpy(m->eta + at->q[a] * m->n, from + 1, (size_t)m->n * sizeof *from);
    for (int64_t k = 0; k < m->n_members; k++) tau[m->member[k]] = from[1 + m->n + k];
  }
cleanup:
  return status;
}

/* Rank 0 judges every lane and, when none asks for a new matrix, steps those
 * that go on; everyone hears. Lanes that are finished leave. *slow = a lane
 * whose point the matrix should be made at. */
static bvl_status advance(bvl_group_model *m, lanes *at, int64_t *slow)
{
  bvl_status status = BVL_OK;
  bvl_status step = BVL_OK;
  action what[MAX_BATCH] = {STEP};
  int64_t kept = 0;
  *slow = -1;
  if (is_root(m)) {
    int any_slow = 0;
    for (int64_t a = 0; a < at->n; a++) what[a] = decide(m, at, a);
    for (int64_t a = 0; a < at->n; a++) any_slow |= what[a] == SLOW_STEP;
    if (!any_slow) step = take_step(m, at, what); /* a finished lane only gets better */
    for (int64_t a = 0; a < at->n; a++)
      if (what[a] == GO_BACK) go_back(m, at, at->q[a]);
    if (step != BVL_OK) what[0] = FAILED;
  }
  BVL_TRY(share(m, at, what));
  if (what[0] == FAILED) BVL_TRY(bvl_agree(comm_of(m), step));
  for (int64_t a = 0; a < at->n; a++) {
    const int64_t q = at->q[a];
    at->solved[q] = what[a] == DONE;
    if (what[a] == DONE || what[a] == GIVE_UP) continue;
    if (what[a] == SLOW_STEP) *slow = kept;
    at->q[kept++] = q;
  }
  at->n = kept;
cleanup:
  return status;
}

/* The last residuals are no measure of the next step: the point or the matrix is another. */
static void restart(bvl_group_model *m, lanes *at)
{
  for (int64_t q = 0; q < MAX_BATCH; q++) {
    at->residual[q] = INFINITY;
    bvl_anderson_reset(&m->anderson[q]);
  }
}

/* All lanes, from where eta and tau stand, until none is left. */
static bvl_status solve_lanes(bvl_group_model *m, lanes *at)
{
  bvl_status status = BVL_OK;
  restart(m, at);
  for (int64_t a = 0; a < at->n; a++) at->solved[at->q[a]] = 0;
  while (at->n > 0) {
    int64_t slow = -1;
    int ok = 1;
    BVL_TRY(evaluate(m, at));
    BVL_TRY(advance(m, at, &slow));
    if (slow < 0) continue;
    if (at->refreshes++ >= MAX_REFRESHES) break;
    BVL_TRY(refresh(m, at, slow, &ok));
    if (!ok) break;
    restart(m, at);
  }
cleanup:
  return status;
}

/* Solves the batch, then again where a group outside V turns out to violate. */
static bvl_status solve_batch(bvl_group_model *m, int64_t batch, lanes *at)
{
  bvl_status status = BVL_OK;
  int64_t n_new = 0;
  at->n = batch;
  for (int64_t q = 0; q < batch; q++) at->q[q] = q;
  BVL_TRY(admit(m, at, &n_new));
  do {
    BVL_TRY(solve_lanes(m, at));
    at->n = 0;
    for (int64_t q = 0; q < batch; q++)
      if (at->solved[q]) at->q[at->n++] = q;
    if (at->n > 0) BVL_TRY(admit(m, at, &n_new));
  } while (at->n > 0 && n_new > 0);
cleanup:
  return status;
}

/* ---- along lambda
 * ------------------------------------------------------------------------------
 */

void bvl_group_model_forget(bvl_group_model *m)
{
  m->past.count = 0;
  m->n_fresh = 0;
}

void bvl_group_model_keep(bvl_group_model *m, int64_t accepted)
{
  m->past.count -= m->n_fresh - bvl_lesser(accepted, m->n_fresh);
  m->n_fresh = 0;
}

/* The start when nothing is remembered: set->b, as solved at about lambda. */
static bvl_status start_from_b(bvl_group_model *m, int64_t q, double lambda)
{
  bvl_status status = BVL_OK;
  const bvl_working_set *set = m->set;
  double *tau = tau_of(m, q);
  double *eta = NULL;
  BVL_TRY(bvl_agree(comm_of(m), BVL_ALLOC(&eta, bvl_problem_n_split(m->problem))));
  bvl_working_set_eta(set, 1, set->b, set->d, eta);
  BVL_TRY(bvl_dealt_rows(m->G->dealt, eta, m->eta + q * m->n));
  for (int64_t g = 0; g < m->n_known; g++) {
    const double *b = set->b + set->begin[g];
    const double norm = bvl_block_norm(bvl_group_len(m->G, g), b);
    tau[g] = bvl_group_is_free(m->G, g) ? b[0] : norm / bvl_group_target(m->G, lambda, g);
  }
cleanup:
  free(eta);
  return status;
}

static bvl_status predict(bvl_group_model *m, int64_t batch, const double *lambdas)
{
  bvl_status status = BVL_OK;
  for (int64_t q = 0; q < batch; q++) {
    if (m->past.count > 0)
      bvl_past_predict(&m->past, lambdas[q], m->n_known, m->set->weight, m->eta + q * m->n,
                       tau_of(m, q));
    else
      BVL_TRY(start_from_b(m, q, lambdas[q]));
  }
cleanup:
  return status;
}

/* Of lane q, whose residuals stand at q. Replicated: every rank says the same. */
static int is_finite(const bvl_group_model *m, int64_t q)
{
  double sum = 0;
  for (int64_t i = 0; i < m->n; i++) sum += fabs(m->eta[i + q * m->n]) + fabs(m->r[i + q * m->n]);
  for (int64_t g = 0; g < m->n_known; g++) sum += fabs(tau_of(m, q)[g]);
  return isfinite(sum);
}

/* A lane that went astray answers with where the batch started: a NaN would tell the caller that
 * every column violates. */
static void replace_astray(const bvl_group_model *m, int64_t batch, double *answer)
{
  const int64_t d = m->set->d;
  for (int64_t q = 0; q < batch; q++) {
    double *b = answer + q * (d + BVL_ANSWER_EXTRA);
    if (is_finite(m, q)) continue;
    memset(b, 0, (size_t)d * sizeof *b);
    if (is_root(m)) memcpy(b, m->set->b, (size_t)d * sizeof *b);
  }
}

/* answers <- b_g = tau_g v_g, steps, solved; the same on every rank. */
static bvl_status write_answers(bvl_group_model *m, int64_t batch, lanes *at, double *answer)
{
  const int64_t d = m->set->d;
  const int64_t stride = d + BVL_ANSWER_EXTRA;
  double norm[MAX_BATCH];
  at->n = batch;
  for (int64_t q = 0; q < batch; q++) at->q[q] = q;
  memset(answer, 0, (size_t)(batch * stride) * sizeof *answer);
  residuals(m, at);
  for (int64_t g = 0; g < m->n_known; g++) {
    const int64_t len = bvl_group_len(m->G, g);
    if (!bvl_group_is_here(m->G, g) || !is_active(m, at, g)) continue;
    bvl_group_correlate(m->G, g, batch, at->lambda, m->r, at->v, norm);
    for (int64_t q = 0; q < batch; q++) {
      double *b = answer + q * stride + m->set->begin[g];
      const double tau = tau_of(m, q)[g];
      for (int64_t k = 0; k < len; k++)
        b[k] = bvl_group_is_free(m->G, g) ? tau : tau * at->v[k + q * len];
    }
  }
  replace_astray(m, batch, answer);
  for (int64_t q = 0; is_root(m) && q < batch; q++) {
    answer[q * stride + d] = (double)at->steps[q];
    answer[q * stride + d + 1] = at->solved[q];
  }
  return bvl_sum(comm_of(m), answer, batch * stride);
}

bvl_status bvl_group_model_solve(bvl_group_model *m, int64_t batch, const double *lambdas,
                                 double tol, int64_t max_iter, double *answer)
{
  bvl_status status = BVL_OK;
  lanes at = {.lambda = lambdas, .tol = tol, .budget = max_iter > 0 ? max_iter : MAX_STEPS};
  BVL_TRY(follow_set(m));
  BVL_TRY(bvl_agree(comm_of(m), open_lanes(m, &at)));
  BVL_TRY(predict(m, batch, lambdas));
  BVL_TRY(solve_batch(m, batch, &at));
  BVL_TRY(write_answers(m, batch, &at, answer));
  /* also what missed the tolerance: the certificate decides what is kept */
  for (m->n_fresh = 0; m->n_fresh < batch; m->n_fresh++)
    bvl_past_add(&m->past, lambdas[m->n_fresh], m->eta + m->n_fresh * m->n, m->n_known,
                 tau_of(m, m->n_fresh));
cleanup:
  close_lanes(&at);
  return status;
}
