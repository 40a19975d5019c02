/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton on blocks of rows with K right-hand sides, against accelerated proximal gradient written
 * here, against the stationarity conditions recomputed from G and C, and for K = 1 against the
 * group engine's steps. */
#include "bvl_test.h"

#include "base/rng.h"
#include "solver/group/group_newton.h"
#include "solver/multi/multi_newton.h"

enum { MAX_N = 40, MAX_D = 36, MAX_K = 5, WIDE = MAX_D * MAX_K };

typedef struct problem {
  int64_t n, d, K, n_free, n_blocks;
  double X[MAX_N * MAX_D], Y[MAX_N * MAX_K];
  double G[MAX_D * MAX_D], C[WIDE];
  int64_t begin[MAX_D + 1];
  double target[MAX_D], ridge[MAX_D];
} problem;

typedef struct shape {
  int64_t n, d, K, n_free, block; /* rows of a penalised block; the last may be shorter */
  double level;                   /* target over the one at which everything is 0 */
  double ridge;
  int duplicate; /* the block after the first penalised one equals it */
  int empty;     /* the last block's columns are zero */
  int uneven;    /* targets differ */
} shape;

static double normal(uint64_t seed, uint64_t what, int64_t k)
{
  return bvl_rng_normal(seed, BVL_STREAM_SIM_X, what, (uint64_t)k);
}

static void draw_columns(problem *p, const shape *s, uint64_t seed)
{
  const int64_t n = s->n;
  for (int64_t e = 0; e < n * s->d; e++) p->X[e] = normal(seed, 0, e);
  for (int64_t j = 0; s->duplicate && j < s->block; j++)
    memcpy(p->X + (s->n_free + s->block + j) * n, p->X + (s->n_free + j) * n,
           (size_t)n * sizeof *p->X);
  for (int64_t j = s->d - s->block; s->empty && j < s->d; j++)
    memset(p->X + j * n, 0, (size_t)n * sizeof *p->X);
  for (int64_t k = 0; k < s->K; k++)
    for (int64_t i = 0; i < n; i++) {
      p->Y[i + k * n] = normal(seed, 1, i + k * n);
      for (int64_t j = 0; j < s->d && j < 6; j++)
        p->Y[i + k * n] += p->X[i + j * n] * normal(seed, 2, j + k * s->d);
    }
}

static void cut_blocks(problem *p, const shape *s)
{
  p->n_blocks = 0;
  for (int64_t j = 0; j < s->d; j += p->n_blocks <= s->n_free ? 1 : s->block)
    p->begin[p->n_blocks++] = j;
  p->begin[p->n_blocks] = s->d;
}

/* Euclidean norm of a block of B. */
static double block_norm(const problem *p, int64_t g, const double *B)
{
  double sum = 0;
  for (int64_t e = p->begin[g] * p->K; e < p->begin[g + 1] * p->K; e++) sum += B[e] * B[e];
  return sqrt(sum);
}

/* V = C - G B. */
static void residual(const problem *p, const double *B, double *V)
{
  memcpy(V, p->C, (size_t)(p->d * p->K) * sizeof *V);
  for (int64_t l = 0; l < p->d; l++)
    for (int64_t j = 0; j < p->d; j++)
      for (int64_t k = 0; k < p->K; k++) V[j * p->K + k] -= p->G[j + l * p->d] * B[l * p->K + k];
}

static void set_levels(problem *p, const shape *s, double level)
{
  double largest = 0;
  for (int64_t g = s->n_free; g < p->n_blocks; g++) largest = fmax(largest, block_norm(p, g, p->C));
  for (int64_t g = 0; g < p->n_blocks; g++) {
    const double factor = s->uneven ? 0.5 + (double)(g % 3) : 1;
    p->target[g] = g < s->n_free ? 0 : level * largest * factor;
    p->ridge[g] = g < s->n_free ? 0 : s->ridge * factor;
  }
}

static void make(problem *p, const shape *s, uint64_t seed)
{
  memset(p, 0, sizeof *p);
  p->n = s->n;
  p->d = s->d;
  p->K = s->K;
  p->n_free = s->n_free;
  draw_columns(p, s, seed);
  cut_blocks(p, s);
  for (int64_t i = 0; i < s->n; i++)
    for (int64_t j = 0; j < s->d; j++) {
      const double x = p->X[i + j * s->n] / (double)s->n;
      for (int64_t l = 0; l < s->d; l++) p->G[l + j * s->d] += x * p->X[i + l * s->n];
      for (int64_t k = 0; k < s->K; k++) p->C[j * s->K + k] += x * p->Y[i + k * s->n];
    }
  set_levels(p, s, s->level);
}

static bvl_multi_quadratic quadratic(const problem *p)
{
  return (bvl_multi_quadratic){.d = p->d,
                               .K = p->K,
                               .n_free = p->n_free,
                               .G = p->G,
                               .ld = p->d,
                               .C = p->C,
                               .n_blocks = p->n_blocks,
                               .begin = p->begin,
                               .target = p->target,
                               .ridge = p->ridge};
}

/* ---- the truth ------------------------------------------------------------------------------ */

static double objective(const problem *p, const double *B)
{
  double V[WIDE], sum = 0;
  residual(p, B, V); /* <B, G B> / 2 - <B, C> = -<B, V + C> / 2 */
  for (int64_t e = 0; e < p->d * p->K; e++) sum -= B[e] * (V[e] + p->C[e]) / 2;
  for (int64_t g = p->n_free; g < p->n_blocks; g++) {
    const double t = block_norm(p, g, B);
    if (t > 0) sum += p->target[g] * t + p->ridge[g] * t * t / 2;
  }
  return sum;
}

/* The largest distance of a block's V to what the penalty allows. */
static double stationarity(const problem *p, const double *B)
{
  double V[WIDE], worst = 0;
  residual(p, B, V);
  for (int64_t g = 0; g < p->n_blocks; g++) {
    const double t = block_norm(p, g, B);
    const double pull = t > 0 ? p->target[g] / t + p->ridge[g] : 0;
    for (int64_t e = p->begin[g] * p->K; e < p->begin[g + 1] * p->K; e++)
      if (g >= p->n_free) V[e] -= pull * B[e];
    worst = fmax(worst, block_norm(p, g, V) - (t > 0 || g < p->n_free ? 0 : p->target[g]));
  }
  return worst;
}

/* One proximal step from Z with step length 1 / L. */
static void prox_step(const problem *p, double L, const double *Z, double *B)
{
  residual(p, Z, B);
  for (int64_t e = 0; e < p->d * p->K; e++) B[e] = Z[e] + B[e] / L;
  for (int64_t g = p->n_free; g < p->n_blocks; g++) {
    const double t = block_norm(p, g, B);
    const double shrink = t * L > p->target[g]
                              ? (1 - p->target[g] / (t * L)) / (1 + p->ridge[g] / L)
                              : 0;
    for (int64_t e = p->begin[g] * p->K; e < p->begin[g + 1] * p->K; e++) B[e] *= shrink;
  }
}

/* FISTA with restarts (Beck, Teboulle 2009; O'Donoghue, Candes 2015) until it stands still. */
static void oracle(const problem *p, double *B)
{
  const int64_t length = p->d * p->K;
  double Z[WIDE] = {0}, before[WIDE], L = 0, t = 1;
  for (int64_t j = 0; j < p->d; j++) { /* Gershgorin */
    double sum = 0;
    for (int64_t l = 0; l < p->d; l++) sum += fabs(p->G[l + j * p->d]);
    L = fmax(L, sum);
  }
  memset(B, 0, (size_t)length * sizeof *B);
  for (int step = 0; step < 20000; step++) {
    double moved = 0, size = 0, uphill = 0;
    memcpy(before, B, (size_t)length * sizeof *B);
    prox_step(p, L, Z, B);
    for (int64_t e = 0; e < length; e++) {
      uphill += (Z[e] - B[e]) * (B[e] - before[e]);
      moved = fmax(moved, fabs(B[e] - Z[e]));
      size = fmax(size, fabs(B[e]));
    }
    if (moved <= 1e-15 * size) break;
    const double next = uphill > 0 ? 1 : (1 + sqrt(1 + 4 * t * t)) / 2;
    const double push = uphill > 0 ? 0 : (t - 1) / next;
    for (int64_t e = 0; e < length; e++) Z[e] = B[e] + push * (B[e] - before[e]);
    t = next;
  }
}

/* ---- tests ---------------------------------------------------------------------------------- */

static double scale_of(const problem *p)
{
  double largest = 0;
  for (int64_t e = 0; e < p->d * p->K; e++) largest = fmax(largest, fabs(p->C[e]));
  return largest;
}

/* tol is on ||V||, of size scale_of: rounding of d products, ten times over, is far below. */
static const double TOL = 1e-11;

static int64_t n_active(const problem *p, const double *B)
{
  int64_t count = 0;
  for (int64_t g = p->n_free; g < p->n_blocks; g++) count += block_norm(p, g, B) > 0;
  return count;
}

static void solve(bvl_multi_newton *s, const problem *p, double *B)
{
  const bvl_multi_quadratic q = quadratic(p);
  bvl_multi_outcome outcome;
  assert_int_equal(bvl_multi_newton_solve(s, &q, TOL * scale_of(p), 200, B, &outcome), BVL_OK);
  assert_true(outcome.solved);
  /* B follows from V by products with tau, which adds rounding to what tol allows */
  assert_true(stationarity(p, B) <= 10 * TOL * scale_of(p));
}

/* Two minimisers of one objective: no worse than FISTA's, which is within a rounding of the
 * minimum; and where the minimum is unique the same coefficients. */
static void compare(const problem *p, const shape *s, const double *B)
{
  double wanted[WIDE];
  oracle(p, wanted);
  ASSERT_NEAR(objective(p, B), objective(p, wanted), 1e-11 * (1 + fabs(objective(p, wanted))));
  if (s->duplicate || (s->d > s->n && s->ridge == 0)) return;
  /* the smallest curvature of these problems is above 1e-2: 100 times the gradients' errors */
  for (int64_t e = 0; e < p->d * p->K; e++) ASSERT_NEAR(B[e], wanted[e], 1e-7 * scale_of(p));
}

static void cold_solve(const shape *s, uint64_t seed)
{
  problem p;
  bvl_multi_newton newton = {0};
  double B[WIDE];
  make(&p, s, seed);
  const bvl_multi_quadratic q = quadratic(&p);
  assert_int_equal(bvl_multi_newton_open(&newton, &q), BVL_OK);
  solve(&newton, &p, B);
  compare(&p, s, B);
  const int64_t active = n_active(&p, B);
  assert_true(active > 1 && active + s->empty <= p.n_blocks - p.n_free);
  for (int64_t e = p.begin[p.n_blocks - 1] * p.K; s->empty && e < p.d * p.K; e++)
    assert_true(B[e] == 0);
  bvl_multi_newton_free(&newton);
}

static const shape shapes[] = {
    {.n = 40, .d = 14, .K = 3, .block = 1, .level = 0.3},
    {.n = 40, .d = 14, .K = 3, .block = 1, .level = 0.02, .uneven = 1},
    {.n = 40, .d = 16, .K = 4, .n_free = 3, .block = 1, .level = 0.1, .uneven = 1},
    {.n = 40, .d = 15, .K = 2, .block = 1, .level = 0.1, .ridge = 0.3},
    {.n = 40, .d = 20, .K = 3, .n_free = 2, .block = 3, .level = 0.1, .ridge = 0.1, .uneven = 1},
    {.n = 40, .d = 16, .K = 2, .block = 4, .level = 0.05},
    {.n = 40, .d = 12, .K = 3, .block = 1, .level = 0.1, .duplicate = 1},
    {.n = 40, .d = 18, .K = 3, .n_free = 1, .block = 3, .level = 0.1, .duplicate = 1, .empty = 1},
    {.n = 40, .d = 12, .K = 5, .block = 1, .level = 0.2, .empty = 1},
    {.n = 12, .d = 30, .K = 3, .block = 1, .level = 0.05},
    {.n = 12, .d = 36, .K = 3, .n_free = 1, .block = 5, .level = 0.05},
    {.n = 12, .d = 30, .K = 2, .block = 1, .level = 0.02, .ridge = 0.2, .uneven = 1},
    {.n = 40, .d = 14, .K = 1, .n_free = 1, .block = 1, .level = 0.1},
    {.n = 40, .d = 20, .K = 1, .block = 4, .level = 0.1, .uneven = 1},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static void test_against_prox_gradient(void **state)
{
  (void)state;
  for (uint64_t k = 0; k < N_SHAPES; k++)
    for (uint64_t seed = 1; seed <= 3; seed++) cold_solve(&shapes[k], 10 * k + seed);
}

/* Down a path, each level from the last one's tau, and up again, where blocks leave; from a start
 * that is far off; and after the shape grew. */
static void test_warm_starts(void **state)
{
  (void)state;
  const shape s = {.n = 40, .d = 20, .K = 3, .n_free = 1, .block = 2};
  const double levels[] = {0.9, 0.5, 0.2, 0.05, 0.01, 0.3, 0.95, 1.01};
  problem p;
  bvl_multi_newton newton = {0};
  double B[WIDE];
  make(&p, &s, 5);
  bvl_multi_quadratic q = quadratic(&p);
  assert_int_equal(bvl_multi_newton_open(&newton, &q), BVL_OK);
  for (size_t k = 0; k < sizeof levels / sizeof *levels; k++) {
    set_levels(&p, &s, levels[k]);
    solve(&newton, &p, B);
    compare(&p, &s, B);
  }
  set_levels(&p, &s, 0.2);
  for (int64_t g = 0; g < p.n_blocks; g++) newton.tau[g] = g % 2 ? 1e3 : 1e-9;
  solve(&newton, &p, B);
  compare(&p, &s, B);
  const shape larger = {.n = 40, .d = 30, .K = 4, .n_free = 1, .block = 2, .level = 0.1};
  make(&p, &larger, 5);
  q = quadratic(&p);
  assert_int_equal(bvl_multi_newton_open(&newton, &q), BVL_OK);
  solve(&newton, &p, B);
  compare(&p, &larger, B);
  bvl_multi_newton_free(&newton);
}

/* p's first d rows. */
static problem first_rows(const problem *p, int64_t n_blocks)
{
  problem out = *p;
  out.n_blocks = n_blocks;
  out.d = p->begin[n_blocks];
  for (int64_t l = 0; l < out.d; l++)
    for (int64_t j = 0; j < out.d; j++) out.G[j + l * out.d] = p->G[j + l * p->d];
  return out;
}

/* A path in small steps, which is solved at matrices of earlier points: rows join on the way, more
 * of them than n in the end, and blocks leave on the way back, in longer steps; a ridge grows and
 * falls with the targets; every third point against FISTA, all to stationarity. */
static void go_along(const shape *s)
{
  enum { STEPS = 40 };
  problem whole, p;
  bvl_multi_newton newton = {0};
  double B[WIDE];
  int64_t most = 0;
  make(&whole, s, 9);
  for (int step = 0; step < STEPS; step++) {
    const int on_the_way = step < 30 ? step : 30 - 3 * (step - 30);
    const shape at = {.ridge = s->ridge * pow(0.9, on_the_way), .uneven = s->uneven};
    const int64_t n_blocks = step < STEPS / 3 ? whole.n_blocks - 4 : whole.n_blocks;
    set_levels(&whole, &at, 0.7 * pow(0.9, on_the_way));
    p = first_rows(&whole, n_blocks);
    const bvl_multi_quadratic q = quadratic(&p);
    assert_int_equal(step == 0 ? bvl_multi_newton_open(&newton, &q)
                               : bvl_multi_newton_widen(&newton, &q),
                     BVL_OK);
    solve(&newton, &p, B);
    assert_true(newton.stale.n > 0 && newton.stale.d_past[0] == p.d);
    most = n_active(&p, B) > most ? n_active(&p, B) : most;
    if (step % 3 == 0) compare(&p, s, B);
  }
  assert_true(most * s->block > s->n / 2 && n_active(&p, B) < most);
  bvl_multi_newton_free(&newton);
}

static void test_along_a_path(void **state)
{
  (void)state;
  go_along(&(shape){.n = 40, .d = 30, .K = 3, .n_free = 2, .block = 1});
  go_along(&(shape){.n = 40, .d = 33, .K = 2, .n_free = 1, .block = 4, .uneven = 1});
  go_along(&(shape){.n = 15, .d = 36, .K = 5, .block = 1, .ridge = 0.1});
  go_along(&(shape){.n = 15, .d = 36, .K = 5, .n_free = 1, .block = 1, .duplicate = 1});
}

/* A block of infinite target stays out, as if its columns were not there. */
static void test_excluded_blocks(void **state)
{
  (void)state;
  const shape s = {.n = 40, .d = 15, .K = 3, .n_free = 1, .block = 2, .level = 0.1};
  problem p;
  bvl_multi_newton newton = {0};
  double B[WIDE], wanted[WIDE];
  make(&p, &s, 6);
  p.target[1] = p.target[3] = INFINITY;
  const bvl_multi_quadratic q = quadratic(&p);
  assert_int_equal(bvl_multi_newton_open(&newton, &q), BVL_OK);
  newton.tau[3] = 1;
  solve(&newton, &p, B);
  assert_true(block_norm(&p, 1, B) == 0 && block_norm(&p, 3, B) == 0 && n_active(&p, B) > 1);
  oracle(&p, wanted);
  ASSERT_NEAR(objective(&p, B), objective(&p, wanted), 1e-11 * (1 + fabs(objective(&p, wanted))));
  bvl_multi_newton_free(&newton);
}

/* A budget that ends too early says so, and what it leaves is a point like any other. */
static void test_budget(void **state)
{
  (void)state;
  problem p;
  bvl_multi_newton newton = {0};
  bvl_multi_outcome outcome;
  double B[WIDE];
  make(&p, &shapes[1], 7);
  const bvl_multi_quadratic q = quadratic(&p);
  assert_int_equal(bvl_multi_newton_open(&newton, &q), BVL_OK);
  assert_int_equal(bvl_multi_newton_solve(&newton, &q, 1e-12, 1, B, &outcome), BVL_OK);
  assert_false(outcome.solved);
  assert_int_equal(outcome.steps, 1);
  assert_true(objective(&p, B) < 0); /* which B = 0 has */
  bvl_multi_newton_free(&newton);
}

/* ---- K = 1 ---------------------------------------------------------------------------------- */

/* v (of block g) <- X_g'(y - eta) / n; returns its norm. */
static double pull(const problem *p, int64_t g, const double *eta, double *v)
{
  double sum = 0;
  for (int64_t j = p->begin[g]; j < p->begin[g + 1]; j++) {
    double *out = v + (j - p->begin[g]);
    *out = 0;
    for (int64_t i = 0; i < p->n; i++)
      *out += p->X[i + j * p->n] * (p->Y[i] - eta[i]) / (double)p->n;
    sum += *out * *out;
  }
  return sqrt(sum);
}

/* out += X_g b. */
static void push(const problem *p, int64_t g, const double *b, double factor, double *out)
{
  for (int64_t j = p->begin[g]; j < p->begin[g + 1]; j++)
    for (int64_t i = 0; i < p->n; i++) out[i] += p->X[i + j * p->n] * factor * b[j - p->begin[g]];
}

/* One step of the group engine from eta and tau; returns the residual it found there. */
static double group_step(const problem *p, bvl_group_newton *s, double *eta, double *tau)
{
  double h[MAX_N], F1[MAX_N], Z[MAX_N * MAX_D] = {0};
  double excess[MAX_D], x[MAX_D], norm[MAX_D], v[MAX_D], worst = 0;
  unsigned char bounded[MAX_D];
  const int64_t n = p->n, lane = 0;
  const double tol = 1e-14;
  assert_int_equal(bvl_group_newton_open(s, n), BVL_OK);
  memset(s->L, 0, (size_t)(n * n) * sizeof *s->L);
  memcpy(F1, eta, (size_t)n * sizeof *F1);
  for (int64_t i = 0; i < n; i++) h[i] = 1;
  for (int64_t g = 0; g < p->n_blocks; g++) {
    for (int64_t j = p->begin[g]; j < p->begin[g + 1]; j++)
      for (int64_t l = 0; l < n; l++)
        for (int64_t i = l; i < n; i++)
          s->L[i + l * n] += tau[g] * p->X[i + j * n] * p->X[l + j * n] / (double)n;
    norm[g] = pull(p, g, eta, v);
    push(p, g, v, -tau[g], F1);
    push(p, g, v, 1 / norm[g], Z + g * n);
    excess[g] = norm[g] - p->target[g];
    x[g] = tau[g] * norm[g];
    bounded[g] = 1;
    worst = fmax(worst, tau[g] > 0 ? fabs(excess[g]) : excess[g]);
  }
  for (int64_t i = 0; i < n; i++) worst = fmax(worst, fabs(F1[i]));
  assert_int_equal(bvl_group_newton_factor(s, h), 1);
  assert_int_equal(bvl_group_newton_append(s, p->n_blocks, Z), BVL_OK);
  assert_int_equal(bvl_group_newton_step(s, 1, &lane, excess, bounded, &tol, x, F1), BVL_OK);
  for (int64_t g = 0; g < p->n_blocks; g++) tau[g] = x[g] / norm[g];
  for (int64_t i = 0; i < n; i++) eta[i] += F1[i];
  return worst;
}

static void test_one_response_as_a_group_lasso(void **state)
{
  (void)state;
  const shape s = {.n = 40, .d = 24, .K = 1, .block = 4, .level = 0.1, .uneven = 1};
  problem p;
  bvl_multi_newton newton = {0};
  bvl_group_newton group = {0};
  double B[WIDE], eta[MAX_N] = {0}, tau[MAX_D] = {0}, v[MAX_D], left = INFINITY;
  make(&p, &s, 8);
  const bvl_multi_quadratic q = quadratic(&p);
  assert_int_equal(bvl_multi_newton_open(&newton, &q), BVL_OK);
  solve(&newton, &p, B);
  for (int step = 0; step < 40 && left > 1e-12; step++) left = group_step(&p, &group, eta, tau);
  assert_true(left <= 1e-12);
  for (int64_t g = 0; g < p.n_blocks; g++) {
    pull(&p, g, eta, v);
    /* gradients to 1e-11 over a curvature above 1e-2 */
    for (int64_t j = p.begin[g]; j < p.begin[g + 1]; j++)
      ASSERT_NEAR(B[j], tau[g] * v[j - p.begin[g]], 1e-8);
  }
  assert_true(n_active(&p, B) > 1 && n_active(&p, B) < p.n_blocks);
  bvl_group_newton_free(&group);
  bvl_multi_newton_free(&newton);
}

BVL_TEST_MAIN(cmocka_unit_test(test_against_prox_gradient), cmocka_unit_test(test_warm_starts),
              cmocka_unit_test(test_along_a_path), cmocka_unit_test(test_excluded_blocks),
              cmocka_unit_test(test_budget), cmocka_unit_test(test_one_response_as_a_group_lasso))
