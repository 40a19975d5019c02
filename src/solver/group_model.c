/* SPDX-License-Identifier: BSD-3-Clause */
/* The distributed side of the group Newton method: dealing, residuals, refreshes, prediction. */
#include "solver/group_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"
#include "data/dealt.h"
#include "kernels/kernels.h"
#include "solver/group_newton.h"

enum {
  MAX_ROWS = 8192, /* an n x n factor of 512 MB on rank 0 */
  MAX_STEPS = 60,
  MAX_REFRESHES = 8,
  SYRK_COLS = 256,
  N_PAST = 3,
  MAX_PAST = N_PAST + 8 /* a batch of which nothing may be accepted */
};

/* A step that leaves more than this part of the residual asks for a new matrix. */
static const double SLOW = 0.25;
/* B is brought up to date where tau moved by more than this part. */
static const double STALE = 0.1;

/* A solved lambda, from which the next are predicted. */
typedef struct past {
  double lambda;
  double *eta; /* n, owned */
  double *tau; /* room for capacity, owned */
  int64_t n_blocks;
} past;

struct bvl_group_model {
  bvl_problem *problem; /* borrowed */
  bvl_working_set *set; /* borrowed */
  bvl_dealt *dealt;     /* owned */
  int64_t n;            /* rows of all ranks */
  double *y, *w, *o;    /* n each, replicated, owned; o is 0 where there is no offset */
  double *eta, *r, *h;  /* n each, replicated, owned */
  double *B;            /* n x n, lower triangle, owned: this rank's groups, at tau_in */
  int64_t n_blocks;     /* blocks of the set that were dealt */
  int64_t generation;   /* of the set then */
  int64_t *load;        /* size: columns dealt to each rank, owned */
  /* by block of the set, owned, `capacity` of each */
  int64_t capacity;
  int64_t *owner;  /* rank, replicated */
  int64_t *first;  /* its first column in `dealt`; -1 elsewhere and for the intercept */
  double *tau;     /* replicated; a free block's coefficient */
  double *tau_in;  /* what B holds of it */
  int64_t *slot;   /* its column of V, -1 = none; replicated */
  int64_t *member; /* the inverse of slot */
  int64_t n_members;
  int has_factor;
  past past[MAX_PAST];     /* oldest first */
  int64_t n_past, n_fresh; /* n_fresh: of the last batch */
  bvl_group_newton newton; /* rank 0 */
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
  int64_t *integers[] = {m->load, m->owner, m->first, m->slot, m->member};
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) free(doubles[k]);
  for (size_t k = 0; k < sizeof integers / sizeof *integers; k++) free(integers[k]);
  for (int k = 0; k < MAX_PAST; k++) {
    free(m->past[k].eta);
    free(m->past[k].tau);
  }
  bvl_dealt_destroy(&m->dealt);
  bvl_group_newton_free(&m->newton);
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
  double **vectors[] = {&m->y, &m->w, &m->o, &m->eta, &m->r, &m->h};
  for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++)
    BVL_TRY(BVL_ALLOC(vectors[k], m->n));
  BVL_TRY(BVL_ALLOC(&m->B, m->n * m->n));
  BVL_TRY(BVL_ALLOC(&m->load, comm_of(m)->size));
  for (int k = 0; k < MAX_PAST; k++) BVL_TRY(BVL_ALLOC(&m->past[k].eta, m->n));
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
  BVL_TRY(bvl_dealt_create(set->columns, &m->dealt));
  m->n = m->dealt->n;
  BVL_TRY(bvl_agree(all, allocate(m)));
  BVL_TRY(bvl_dealt_rows(m->dealt, problem->y + split0, m->y));
  BVL_TRY(bvl_dealt_rows(m->dealt, problem->w + split0, m->w));
  if (problem->offset != NULL) BVL_TRY(bvl_dealt_rows(m->dealt, problem->offset + split0, m->o));
  *out = m;
  m = NULL;
cleanup:
  bvl_group_model_destroy(&m);
  return status;
}

/* ---- blocks of the set ------------------------------------------------------------------------
 */

static int is_intercept(const bvl_group_model *m, int64_t g)
{
  return m->problem->intercept && g == 0;
}

static int is_free(const bvl_group_model *m, int64_t g)
{
  return m->set->weight[g] == 0;
}

static int64_t block_len(const bvl_group_model *m, int64_t g)
{
  return m->set->begin[g + 1] - m->set->begin[g];
}

static const double *columns_of(const bvl_group_model *m, int64_t g)
{
  return m->dealt->values + m->first[g] * m->n;
}

static bvl_status reserve(bvl_group_model *m, int64_t n_blocks)
{
  bvl_status status = BVL_OK;
  if (n_blocks <= m->capacity) return BVL_OK;
  const int64_t capacity = bvl_greater(n_blocks, m->capacity + m->capacity / 2);
  int64_t **integers[] = {&m->owner, &m->first, &m->slot, &m->member};
  double **doubles[] = {&m->tau, &m->tau_in};
  int64_t room = 0;
  for (size_t k = 0; k < sizeof integers / sizeof *integers; k++) {
    room = m->capacity;
    BVL_TRY(BVL_GROW(integers[k], &room, capacity));
  }
  for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) {
    room = m->capacity;
    BVL_TRY(BVL_GROW(doubles[k], &room, capacity));
  }
  for (int k = 0; k < MAX_PAST; k++) {
    room = m->capacity;
    BVL_TRY(BVL_GROW(&m->past[k].tau, &room, capacity));
  }
  m->capacity = capacity;
cleanup:
  return status;
}

/* Deals the set's new blocks, each to the rank with the fewest columns. */
static bvl_status deal_blocks(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = comm_of(m);
  const bvl_working_set *set = m->set;
  const int64_t shift = m->problem->intercept;
  const int64_t column0 = m->n_blocks > 0 ? set->begin[m->n_blocks] - shift : 0;
  int64_t mine = m->dealt->n_cols;
  int64_t *owner = NULL;
  status = reserve(m, set->n_blocks);
  if (status == BVL_OK) status = BVL_ALLOC(&owner, set->columns->n_cols - column0);
  BVL_TRY(bvl_agree(all, status));
  for (int64_t g = m->n_blocks; g < set->n_blocks; g++) {
    int to = 0;
    for (int r = 1; r < all->size; r++)
      if (m->load[r] < m->load[to]) to = r;
    m->owner[g] = is_intercept(m, g) ? 0 : to;
    m->first[g] = -1;
    m->tau[g] = 0;
    m->tau_in[g] = 0;
    m->slot[g] = -1;
    if (is_intercept(m, g)) continue;
    m->load[to] += block_len(m, g);
    for (int64_t k = set->begin[g]; k < set->begin[g + 1]; k++) owner[k - shift - column0] = to;
    if (to != all->rank) continue;
    m->first[g] = mine;
    mine += block_len(m, g);
  }
  BVL_TRY(bvl_dealt_append(m->dealt, column0, owner));
  m->n_blocks = set->n_blocks;
cleanup:
  free(owner);
  return status;
}

/* Brings the dealt columns in step with the set; after a renumbering everything starts anew. */
static bvl_status follow_set(bvl_group_model *m)
{
  if (m->generation != m->set->generation) {
    m->generation = m->set->generation;
    m->n_blocks = 0;
    m->n_members = 0;
    m->has_factor = 0;
    memset(m->load, 0, (size_t)comm_of(m)->size * sizeof *m->load);
    memset(m->B, 0, (size_t)(m->n * m->n) * sizeof *m->B);
    bvl_dealt_clear(m->dealt);
    bvl_group_model_forget(m);
  }
  return m->n_blocks < m->set->n_blocks ? deal_blocks(m) : BVL_OK;
}

/* v (len) <- X_g'r / n of a block this rank has; returns its norm (of one free column: v itself).
 */
static double correlate(const bvl_group_model *m, int64_t g, double *v)
{
  const int64_t len = block_len(m, g);
  const double scale = 1 / (double)m->n;
  memset(v, 0, (size_t)len * sizeof *v);
  if (is_intercept(m, g))
    for (int64_t i = 0; i < m->n; i++) v[0] += m->r[i];
  else
    bvl_kernels_get()->dense_adjoint[BVL_F64](columns_of(m, g), m->n, m->n, len, NULL, 1, m->r,
                                              m->n, v, len, 0, NULL);
  for (int64_t k = 0; k < len; k++) v[k] *= scale;
  return is_free(m, g) ? v[0] : bvl_block_norm(len, v);
}

/* out (n) += X_g b. */
static void forward(const bvl_group_model *m, int64_t g, const double *b, double *out)
{
  const int64_t len = block_len(m, g);
  if (is_intercept(m, g))
    for (int64_t i = 0; i < m->n; i++) out[i] += b[0];
  else
    bvl_kernels_get()->dense_forward[BVL_F64](columns_of(m, g), m->n, m->n, len, NULL, 1, b, len,
                                              out, m->n, 0, NULL);
}

static double target(const bvl_group_model *m, double lambda, int64_t g)
{
  if (is_free(m, g)) return 0;
  return bvl_penalty_threshold(&m->problem->penalty, lambda * m->set->weight[g]);
}

static void residuals(bvl_group_model *m)
{
  bvl_loss_eval(m->problem->loss, m->n, m->y, m->w, m->eta, m->r, m->h);
}

/* ---- membership and the matrix -----------------------------------------------------------------
 */

/* Z_g = X_g v_g / ||v_g|| of the blocks member[from ..), on rank 0, into V. */
static bvl_status join(bvl_group_model *m, int64_t from)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = comm_of(m);
  const int64_t n_new = m->n_members - from;
  double *Z = NULL;
  double *v = NULL;
  if (n_new == 0) return BVL_OK;
  status = BVL_ALLOC(&Z, m->n * n_new);
  if (status == BVL_OK) status = BVL_ALLOC(&v, bvl_greater(m->set->d, 1));
  BVL_TRY(bvl_agree(all, status));
  for (int64_t k = 0; k < n_new; k++) {
    const int64_t g = m->member[from + k];
    if (m->owner[g] != all->rank) continue;
    const double norm = correlate(m, g, v);
    if (is_free(m, g)) v[0] = 1;
    for (int64_t l = 0; !is_free(m, g) && l < block_len(m, g); l++) v[l] /= norm;
    forward(m, g, v, Z + k * m->n);
  }
  BVL_TRY(bvl_sum_to(all, 0, Z, m->n * n_new));
  if (is_root(m)) status = bvl_group_newton_append(&m->newton, n_new, Z);
  BVL_TRY(bvl_agree(all, status));
cleanup:
  free(v);
  free(Z);
  return status;
}

static void make_member(bvl_group_model *m, int64_t g)
{
  m->slot[g] = m->n_members;
  m->member[m->n_members++] = g;
}

/* Takes in the groups of the set that are above their threshold by more than tol. */
static bvl_status admit(bvl_group_model *m, double lambda, double tol, int64_t *n_new)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = comm_of(m);
  const int64_t from = m->n_members;
  double *above = NULL;
  double *v = NULL;
  *n_new = 0;
  if (!m->has_factor || m->n_members == m->n_blocks) return BVL_OK;
  status = BVL_ALLOC(&above, m->n_blocks);
  if (status == BVL_OK) status = BVL_ALLOC(&v, bvl_greater(m->set->d, 1));
  BVL_TRY(bvl_agree(all, status));
  residuals(m);
  for (int64_t g = 0; g < m->n_blocks; g++)
    if (m->owner[g] == all->rank && m->slot[g] < 0)
      above[g] = correlate(m, g, v) > target(m, lambda, g) + tol;
  BVL_TRY(bvl_sum(all, above, m->n_blocks));
  for (int64_t g = 0; g < m->n_blocks; g++)
    if (above[g] > 0) make_member(m, g);
  *n_new = m->n_members - from;
  BVL_TRY(join(m, from));
cleanup:
  free(v);
  free(above);
  return status;
}

/* B += sign sum over this rank's groups whose tau moved that way of |change| X_g X_g' / n. */
static void update_B(bvl_group_model *m, double sign, double *Y)
{
  const int n = (int)m->n; /* at most MAX_ROWS */
  int cols = 0;
  for (int64_t g = 0; g < m->n_blocks; g++) {
    const double change = m->tau[g] - m->tau_in[g];
    const int moved = fabs(change) > STALE * fmax(m->tau[g], m->tau_in[g]);
    if (is_free(m, g) || m->first[g] < 0 || !(sign * change > 0) || !moved) continue;
    const double factor = sqrt(fabs(change) / (double)m->n);
    for (int64_t k = 0; k < block_len(m, g); k++) {
      const double *x = columns_of(m, g) + k * m->n;
      for (int64_t i = 0; i < m->n; i++) Y[i + cols * m->n] = factor * x[i];
      if (++cols < SYRK_COLS) continue;
      cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, cols, sign, Y, n, 1, m->B, n);
      cols = 0;
    }
    m->tau_in[g] = m->tau[g];
  }
  if (cols > 0)
    cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, n, cols, sign, Y, n, 1, m->B, n);
}

/* S on rank 0 <- the sum of every rank's B: lower triangles travel packed. */
static bvl_status collect_S(bvl_group_model *m)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = comm_of(m);
  double *packed = NULL;
  double *at = NULL;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&packed, m->n * (m->n + 1) / 2)));
  at = packed;
  for (int64_t l = 0; l < m->n; at += m->n - l, l++)
    memcpy(at, m->B + l + l * m->n, (size_t)(m->n - l) * sizeof *at);
  BVL_TRY(bvl_sum_to(all, 0, packed, m->n * (m->n + 1) / 2));
  at = packed;
  for (int64_t l = 0; is_root(m) && l < m->n; at += m->n - l, l++)
    memcpy(m->newton.S + l + l * m->n, at, (size_t)(m->n - l) * sizeof *at);
cleanup:
  free(packed);
  return status;
}

/* A new matrix at the point; its members are the groups that are active there. */
static bvl_status refresh(bvl_group_model *m, int *ok)
{
  bvl_status status = BVL_OK;
  const bvl_comm *all = comm_of(m);
  double *Y = NULL;
  int64_t done = 1;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&Y, m->n * SYRK_COLS)));
  residuals(m);
  update_B(m, 1, Y);
  update_B(m, -1, Y);
  BVL_TRY(collect_S(m));
  *ok = 1;
  if (is_root(m)) status = bvl_group_newton_factor(&m->newton, m->h, ok);
  BVL_TRY(bvl_agree(all, status));
  done = *ok;
  BVL_TRY(bvl_bcast_i64(all, 0, &done, 1));
  *ok = (int)done;
  m->has_factor = *ok;
  m->n_members = 0;
  for (int64_t g = 0; g < m->n_blocks; g++) {
    m->slot[g] = -1;
    if (is_free(m, g) || m->tau[g] > 0) make_member(m, g);
  }
  if (*ok) BVL_TRY(join(m, 0));
cleanup:
  free(Y);
  return status;
}

/* ---- one lambda --------------------------------------------------------------------------------
 */

typedef enum action { DONE, STEP, REFRESH, GIVE_UP, FAILED } action;

typedef struct progress {
  double *packed; /* n + members: X b, then norms; on rank 0 summed */
  double *excess; /* members */
  double *x;      /* members */
  double *state;  /* 1 + n + members: action, eta, tau as rank 0 has them */
  unsigned char *bounded;
  double *v; /* longest block */
  int64_t room;
  double residual; /* at the last step */
  int64_t steps;
  int64_t budget;
  int refreshes;
} progress;

static void free_progress(progress *at)
{
  free(at->packed);
  free(at->excess);
  free(at->x);
  free(at->state);
  free(at->bounded);
  free(at->v);
}

static bvl_status open_progress(const bvl_group_model *m, int64_t max_iter, progress *at)
{
  bvl_status status = BVL_OK;
  const int64_t room = m->n + m->n_blocks + 1;
  *at = (progress){.residual = INFINITY, .budget = max_iter > 0 ? max_iter : MAX_STEPS};
  BVL_TRY(BVL_ALLOC(&at->packed, room));
  BVL_TRY(BVL_ALLOC(&at->state, room));
  BVL_TRY(BVL_ALLOC(&at->excess, m->n_blocks));
  BVL_TRY(BVL_ALLOC(&at->x, m->n_blocks));
  BVL_TRY(BVL_ALLOC(&at->bounded, m->n_blocks));
  BVL_TRY(BVL_ALLOC(&at->v, bvl_greater(m->set->d, 1)));
cleanup:
  return status;
}

/* Rank 0: packed <- [X b, norms of the members] at eta and tau. Each group's columns are read once:
 * the second product finds them in the cache. */
static bvl_status evaluate(bvl_group_model *m, progress *at)
{
  residuals(m);
  memset(at->packed, 0, (size_t)(m->n + m->n_members) * sizeof *at->packed);
  for (int64_t k = 0; k < m->n_members; k++) {
    const int64_t g = m->member[k];
    if (m->owner[g] != comm_of(m)->rank) continue;
    at->packed[m->n + k] = correlate(m, g, at->v);
    if (is_free(m, g)) at->v[0] = 1;
    if (m->tau[g] == 0) continue;
    for (int64_t l = 0; l < block_len(m, g); l++) at->v[l] *= m->tau[g];
    forward(m, g, at->v, at->packed);
  }
  return bvl_sum_to(comm_of(m), 0, at->packed, m->n + m->n_members);
}

/* Rank 0: packed <- F1, excess <- F2; returns the largest residual in units of v. */
static double residual_of(const bvl_group_model *m, double lambda, progress *at)
{
  double largest = 0;
  double sum = 0;
  for (int64_t k = 0; k < m->n_members; k++) {
    const int64_t g = m->member[k];
    const double norm = at->packed[m->n + k];
    at->bounded[k] = !is_free(m, g);
    at->excess[k] = norm - target(m, lambda, g);
    at->x[k] = m->tau[g] * (is_free(m, g) ? 1 : norm);
    const int slack = at->bounded[k] && m->tau[g] == 0;
    largest = fmax(largest, slack ? fmax(at->excess[k], 0) : fabs(at->excess[k]));
    if (!isfinite(norm)) return INFINITY;
  }
  for (int64_t i = 0; i < m->n; i++) {
    at->packed[i] = m->eta[i] - m->o[i] - at->packed[i];
    sum += m->h[i] * at->packed[i] * at->packed[i];
  }
  return fmax(largest, sqrt(sum / (double)m->n));
}

static action decide(const bvl_group_model *m, double lambda, double tol, progress *at)
{
  const double residual = residual_of(m, lambda, at);
  const int slow = residual > SLOW * at->residual;
  at->residual = residual;
  if (!m->has_factor) return at->refreshes++ < MAX_REFRESHES ? REFRESH : GIVE_UP;
  if (residual <= tol) return DONE;
  if (!isfinite(residual) || at->steps >= at->budget) return GIVE_UP;
  if (!slow) return STEP;
  return at->refreshes++ < MAX_REFRESHES ? REFRESH : GIVE_UP;
}

/* Rank 0: eta and tau after one step. */
static bvl_status take_step(bvl_group_model *m, double tol, progress *at)
{
  at->steps++;
  bvl_status status = bvl_group_newton_step(&m->newton, at->excess, at->bounded, 0.01 * tol, at->x,
                                            at->packed);
  if (status != BVL_OK) return status;
  for (int64_t k = 0; k < m->n_members; k++) {
    const int64_t g = m->member[k];
    const double norm = at->packed[m->n + k];
    m->tau[g] = at->bounded[k] ? (norm > 0 ? at->x[k] / norm : 0) : at->x[k];
  }
  for (int64_t i = 0; i < m->n; i++) m->eta[i] += at->packed[i];
  return BVL_OK;
}

/* What rank 0 decided and where it stands, to all. */
static bvl_status share(bvl_group_model *m, progress *at, action *what)
{
  bvl_status status = BVL_OK;
  double *tau = at->state + 1 + m->n;
  at->state[0] = (double)*what;
  memcpy(at->state + 1, m->eta, (size_t)m->n * sizeof *m->eta);
  for (int64_t k = 0; k < m->n_members; k++) tau[k] = m->tau[m->member[k]];
  BVL_TRY(bvl_bcast(comm_of(m), 0, at->state, 1 + m->n + m->n_members));
  *what = (action)at->state[0];
  memcpy(m->eta, at->state + 1, (size_t)m->n * sizeof *m->eta);
  for (int64_t k = 0; k < m->n_members; k++) m->tau[m->member[k]] = tau[k];
cleanup:
  return status;
}

static bvl_status solve_lambda(bvl_group_model *m, double lambda, double tol, progress *at,
                               int *solved)
{
  bvl_status status = BVL_OK;
  int64_t n_new = 0;
  int ok = 1;
  *solved = 0;
  at->residual = INFINITY;
  at->steps = 0;
  at->refreshes = 0;
  BVL_TRY(admit(m, lambda, tol, &n_new));
  while (ok) {
    action what = STEP;
    BVL_TRY(evaluate(m, at));
    if (is_root(m)) what = decide(m, lambda, tol, at);
    if (is_root(m) && what == STEP) status = take_step(m, tol, at);
    if (status != BVL_OK) what = FAILED;
    const bvl_status shared = share(m, at, &what);
    if (what == FAILED) BVL_TRY(bvl_agree(comm_of(m), status));
    BVL_TRY(shared);
    if (what == GIVE_UP) break;
    if (what == REFRESH) {
      BVL_TRY(refresh(m, &ok));
      at->residual = INFINITY;
    }
    if (what != DONE) continue;
    BVL_TRY(admit(m, lambda, tol, &n_new));
    at->residual = INFINITY;
    if (n_new > 0) continue;
    *solved = 1;
    break;
  }
cleanup:
  return status;
}

/* ---- along lambda ------------------------------------------------------------------------------
 */

void bvl_group_model_forget(bvl_group_model *m)
{
  m->n_past = 0;
  m->n_fresh = 0;
}

void bvl_group_model_keep(bvl_group_model *m, int64_t accepted)
{
  m->n_past -= m->n_fresh - bvl_lesser(accepted, m->n_fresh);
  m->n_fresh = 0;
}

static void remember(bvl_group_model *m, double lambda)
{
  if (m->n_past == MAX_PAST) {
    const past oldest = m->past[0];
    memmove(m->past, m->past + 1, (MAX_PAST - 1) * sizeof *m->past);
    m->past[MAX_PAST - 1] = oldest;
    m->n_past--;
  }
  past *to = &m->past[m->n_past++];
  to->lambda = lambda;
  to->n_blocks = m->n_blocks;
  memcpy(to->eta, m->eta, (size_t)m->n * sizeof *m->eta);
  memcpy(to->tau, m->tau, (size_t)m->n_blocks * sizeof *m->tau);
  m->n_fresh++;
}

static double tau_then(const past *p, int64_t g)
{
  return g < p->n_blocks ? p->tau[g] : 0;
}

/* Lagrange's weights of the last `use` solutions at lambda. */
static void weights_at(const past *last, int use, double lambda, double *weight)
{
  for (int a = 0; a < use; a++) {
    weight[a] = 1;
    for (int b = 0; b < use; b++)
      if (b != a) weight[a] *= (lambda - last[b].lambda) / (last[a].lambda - last[b].lambda);
  }
}

/* eta and tau at lambda from the last solutions. A group is followed as far back as it was active;
 * it neither leaves nor more than doubles on a prediction's word. */
static void predict(bvl_group_model *m, double lambda)
{
  const int use = (int)bvl_lesser(m->n_past, N_PAST);
  const past *last = m->past + m->n_past - use;
  double weight[N_PAST] = {0};
  weights_at(last, use, lambda, weight);
  for (int64_t i = 0; i < m->n; i++) {
    double sum = 0;
    for (int a = 0; a < use; a++) sum += weight[a] * last[a].eta[i];
    m->eta[i] = sum;
  }
  for (int64_t g = 0; g < m->n_blocks; g++) {
    const double now = tau_then(&last[use - 1], g);
    int back = 1; /* solutions in a row at which it was active */
    while (back < use && (is_free(m, g) || tau_then(&last[use - 1 - back], g) > 0)) back++;
    double own[N_PAST];
    double sum = 0;
    weights_at(last + use - back, back, lambda, own);
    for (int a = 0; a < back; a++) sum += own[a] * tau_then(&last[use - back + a], g);
    m->tau[g] = is_free(m, g) ? sum : fmin(fmax(sum, 0.5 * now), 2 * now);
  }
}

/* The start when nothing is remembered: set->b, as solved at about lambda. */
static bvl_status start_from_b(bvl_group_model *m, double lambda)
{
  bvl_status status = BVL_OK;
  const bvl_working_set *set = m->set;
  double *eta = NULL;
  BVL_TRY(bvl_agree(comm_of(m), BVL_ALLOC(&eta, bvl_problem_n_split(m->problem))));
  bvl_working_set_eta(set, 1, set->b, set->d, eta);
  BVL_TRY(bvl_dealt_rows(m->dealt, eta, m->eta));
  for (int64_t g = 0; g < m->n_blocks; g++) {
    const double *b = set->b + set->begin[g];
    m->tau[g] = is_free(m, g) ? b[0] : bvl_block_norm(block_len(m, g), b) / target(m, lambda, g);
  }
cleanup:
  free(eta);
  return status;
}

/* answer <- b_g = tau_g v_g, steps, solved; the same on every rank. */
static bvl_status write_answer(bvl_group_model *m, const progress *at, int solved, double *answer)
{
  const bvl_comm *all = comm_of(m);
  const int64_t d = m->set->d;
  memset(answer, 0, (size_t)(d + BVL_ANSWER_EXTRA) * sizeof *answer);
  residuals(m);
  for (int64_t g = 0; g < m->n_blocks; g++) {
    double *b = answer + m->set->begin[g];
    if (m->owner[g] != all->rank || m->tau[g] == 0) continue;
    correlate(m, g, b);
    if (is_free(m, g)) b[0] = 1;
    for (int64_t k = 0; k < block_len(m, g); k++) b[k] *= m->tau[g];
  }
  if (is_root(m)) {
    answer[d] = (double)at->steps;
    answer[d + 1] = solved;
  }
  return bvl_sum(all, answer, d + BVL_ANSWER_EXTRA);
}

bvl_status bvl_group_model_solve(bvl_group_model *m, int64_t batch, const double *lambdas,
                                 double tol, int64_t max_iter, double *answer)
{
  bvl_status status = BVL_OK;
  const int64_t stride = m->set->d + BVL_ANSWER_EXTRA;
  progress at = {0};
  int solved = 1;
  BVL_TRY(follow_set(m));
  BVL_TRY(bvl_agree(comm_of(m), open_progress(m, max_iter, &at)));
  m->n_fresh = 0;
  for (int64_t q = 0; q < batch; q++) {
    if (solved && m->n_past > 0)
      predict(m, lambdas[q]);
    else if (solved)
      BVL_TRY(start_from_b(m, lambdas[q]));
    if (solved) BVL_TRY(solve_lambda(m, lambdas[q], tol * lambdas[q], &at, &solved));
    BVL_TRY(write_answer(m, &at, solved, answer + q * stride));
    if (solved) remember(m, lambdas[q]);
  }
cleanup:
  free_progress(&at);
  return status;
}
