/* SPDX-License-Identifier: BSD-3-Clause */
/* One step of the group Newton method against the equations it linearises, and iterated to the
 * optimum; the extrapolation along lambda against polynomials, which it must reproduce. */
#include "bvl_test.h"

#include "base/rng.h"
#include "solver/group/group_newton.h"
#include "solver/group/group_past.h"

enum { N = 30, LEN = 7, GROUPS = 6, LANES = 2 };

static double X[GROUPS][N * LEN];
static double y[N], h[N];

static void make_data(int duplicate)
{
  for (int g = 0; g < GROUPS; g++)
    for (int e = 0; e < N * LEN; e++)
      X[g][e] = bvl_rng_normal(1, BVL_STREAM_SIM_X, (uint64_t)(duplicate && g == 1 ? 0 : g),
                               (uint64_t)e);
  for (int i = 0; i < N; i++) {
    y[i] = 3 * bvl_rng_normal(2, BVL_STREAM_SIM_X, 0, (uint64_t)i);
    h[i] = i == 4 ? 0 : 0.2 + bvl_rng_uniform(3, BVL_STREAM_SIM_X, 0, (uint64_t)i);
    for (int g = 0; g < GROUPS; g++) y[i] += (g < 3) * X[g][i] * 2;
  }
}

/* v <- X_g' diag(h) (y - eta) / n; returns its norm. */
static double correlate(int g, const double *eta, double *v)
{
  double norm = 0;
  for (int k = 0; k < LEN; k++) {
    v[k] = 0;
    for (int i = 0; i < N; i++) v[k] += X[g][i + k * N] * h[i] * (y[i] - eta[i]) / N;
    norm += v[k] * v[k];
  }
  return sqrt(norm);
}

static void forward(int g, const double *b, double *out)
{
  for (int k = 0; k < LEN; k++)
    for (int i = 0; i < N; i++) out[i] += X[g][i + k * N] * b[k];
}

/* B = sum tau_g X_g X_g' / n, lower triangle. */
static void make_B(const double *tau, double *B)
{
  memset(B, 0, N * N * sizeof *B);
  for (int g = 0; g < GROUPS; g++)
    for (int k = 0; k < LEN; k++)
      for (int l = 0; l < N; l++)
        for (int i = l; i < N; i++) B[i + l * N] += tau[g] * X[g][i + k * N] * X[g][l + k * N] / N;
}

static void make_matrix(bvl_group_newton *s, const double *eta, const double *tau)
{
  double Z[N * GROUPS] = {0};
  assert_int_equal(bvl_group_newton_open(s, N), BVL_OK);
  make_B(tau, s->L);
  assert_int_equal(bvl_group_newton_factor(s, h), 1);
  for (int g = 0; g < GROUPS; g++) {
    double v[LEN];
    const double norm = correlate(g, eta, v);
    for (int k = 0; k < LEN; k++) v[k] /= norm;
    forward(g, v, Z + g * N);
  }
  assert_int_equal(bvl_group_newton_append(s, GROUPS, Z), BVL_OK);
}

/* F1 = eta - sum X_g tau_g v_g and excess = ||v_g|| - lambda; returns the largest residual. */
static double evaluate(double lambda, const double *eta, const double *tau, double *F1,
                       double *excess, double *norm)
{
  double largest = 0;
  memcpy(F1, eta, N * sizeof *eta);
  for (int g = 0; g < GROUPS; g++) {
    double v[LEN];
    norm[g] = correlate(g, eta, v);
    excess[g] = norm[g] - lambda;
    for (int k = 0; k < LEN; k++) v[k] *= -tau[g];
    forward(g, v, F1);
    largest = fmax(largest, tau[g] > 0 ? fabs(excess[g]) : excess[g]);
  }
  for (int i = 0; i < N; i++) largest = fmax(largest, fabs(F1[i]) * h[i]);
  return largest;
}

static const unsigned char bounded[GROUPS] = {1, 1, 1, 1, 1, 1};

/* Two lambdas at once, a row without curvature, more columns (42) than rows (30): with the matrix
 * made anew each step, Newton ends at rounding (|v| < 10, some hundred operations: 1e-11). */
static void converge(int duplicate)
{
  const double lambda[LANES] = {0.9, 0.3};
  double eta[LANES][N] = {{0}}, tau[LANES][GROUPS] = {{0}};
  bvl_group_newton s = {0};
  make_data(duplicate);
  for (int a = 0; a < LANES; a++) {
    double residual = INFINITY;
    for (int step = 0; step < 40 && residual > 1e-12; step++) {
      double F1[N], excess[GROUPS], norm[GROUPS], x[GROUPS];
      const double tol = 1e-14;
      residual = evaluate(lambda[a], eta[a], tau[a], F1, excess, norm);
      make_matrix(&s, eta[a], tau[a]);
      for (int g = 0; g < GROUPS; g++) x[g] = tau[a][g] * norm[g];
      assert_int_equal(bvl_group_newton_step(&s, 1, &(int64_t){a}, excess, bounded, &tol, x, F1),
                       BVL_OK);
      for (int g = 0; g < GROUPS; g++) tau[a][g] = x[g] / norm[g];
      for (int i = 0; i < N; i++) eta[a][i] += F1[i];
    }
    assert_true(residual < 1e-11);
    int active = 0;
    for (int g = 0; g < GROUPS; g++) active += tau[a][g] > 0;
    assert_true(active > 1); /* otherwise nothing was asked of it */
  }
  bvl_group_newton_free(&s);
}

static void test_converges(void **state)
{
  (void)state;
  converge(0);
}

static void test_duplicate_groups(void **state)
{
  (void)state;
  converge(1);
}

/* Lanes are independent: two at once move as each alone. */
static void test_lanes(void **state)
{
  (void)state;
  double eta[N] = {0}, tau[GROUPS] = {0.5, 0, 0.2, 0, 0, 0}, norm[GROUPS];
  double F1[LANES * N], alone[N], excess[LANES * GROUPS], x[LANES * GROUPS], x_alone[GROUPS];
  const double lambda[LANES] = {0.9, 0.3}, tol[LANES] = {1e-14, 1e-14};
  bvl_group_newton s = {0};
  make_data(0);
  make_matrix(&s, eta, tau);
  for (int a = 0; a < LANES; a++) {
    evaluate(lambda[a], eta, tau, F1 + a * N, excess + a * GROUPS, norm);
    for (int g = 0; g < GROUPS; g++) x[g + a * GROUPS] = tau[g] * norm[g];
  }
  assert_int_equal(bvl_group_newton_step(&s, LANES, (int64_t[]){0, 1}, excess, bounded, tol, x, F1),
                   BVL_OK);
  for (int a = 0; a < LANES; a++) {
    evaluate(lambda[a], eta, tau, alone, excess + a * GROUPS, norm);
    for (int g = 0; g < GROUPS; g++) x_alone[g] = tau[g] * norm[g];
    assert_int_equal(bvl_group_newton_step(&s, 1, &(int64_t){2 + a}, excess + a * GROUPS, bounded,
                                           tol, x_alone, alone),
                     BVL_OK);
    for (int g = 0; g < GROUPS; g++) ASSERT_NEAR(x[g + a * GROUPS], x_alone[g], 1e-10);
    for (int i = 0; i < N; i++) ASSERT_NEAR(F1[i + a * N], alone[i], 1e-9);
  }
  bvl_group_newton_free(&s);
}

static double draw(int stream, int k)
{
  return bvl_rng_normal(5, BVL_STREAM_SIM_X, (uint64_t)stream, (uint64_t)k);
}

/* G = X'diag(h)X / n, all groups side by side. */
static void make_gram(double *G)
{
  enum { D = GROUPS * LEN };
  for (int l = 0; l < D; l++)
    for (int k = 0; k < D; k++) {
      G[k + l * D] = 0;
      for (int i = 0; i < N; i++)
        G[k + l * D] += X[k / LEN][i + k % LEN * N] * h[i] * X[l / LEN][i + l % LEN * N] / N;
    }
}

/* The same point as predictor and as coefficients, z off by F1 and the predictor by X F1: the step
 * is the same x, and X times the same dz, two groups being inactive. Rounding: G's condition number
 * is beyond 1e16 (more columns than rows), but what is inverted is I + T^1/2 G T^1/2, below 1e3. */
static void test_by_gram_as_by_rows(void **state)
{
  (void)state;
  enum { D = GROUPS * LEN };
  static double G[D * D], U[D * GROUPS];
  const double tau[GROUPS] = {0.5, 0.1, 0.2, 0, 0, 1.5}, tol = 1e-14, lambda = 0.4;
  double eta[N] = {0}, norm[GROUPS], v[LEN], by_column[D], unused[N];
  double excess[GROUPS], x[2][GROUPS], rows[N] = {0}, dz[D], moved[N] = {0};
  bvl_group_newton s[2] = {{0}, {0}};
  int ok = 0;
  make_data(0);
  for (int g = 0; g < GROUPS; g++) {
    double z[LEN];
    for (int k = 0; k < LEN; k++) z[k] = tau[g] > 0 ? draw(1, g * LEN + k) : 0;
    forward(g, z, eta);
    for (int k = 0; k < LEN; k++) dz[g * LEN + k] = tau[g] > 0 ? 0.1 * draw(2, g * LEN + k) : 0;
    forward(g, dz + g * LEN, rows);
  }
  evaluate(lambda, eta, tau, unused, excess, norm);
  make_matrix(&s[0], eta, tau);
  make_gram(G);
  assert_int_equal(bvl_group_newton_by_gram(&s[1], D, G, D), BVL_OK);
  for (int k = 0; k < D; k++) by_column[k] = tau[k / LEN];
  assert_int_equal(bvl_group_newton_factor_gram(&s[1], by_column, &ok), BVL_OK);
  assert_true(ok);
  for (int g = 0; g < GROUPS; g++) {
    correlate(g, eta, v);
    for (int k = 0; k < LEN; k++) U[g * LEN + k + g * D] = v[k] / norm[g];
    x[0][g] = x[1][g] = tau[g] * norm[g];
  }
  assert_int_equal(bvl_group_newton_append(&s[1], GROUPS, U), BVL_OK);
  const int64_t lane = 0;
  assert_int_equal(bvl_group_newton_step(&s[0], 1, &lane, excess, bounded, &tol, x[0], rows),
                   BVL_OK);
  assert_int_equal(bvl_group_newton_step(&s[1], 1, &lane, excess, bounded, &tol, x[1], dz), BVL_OK);
  for (int g = 0; g < GROUPS; g++) forward(g, dz + g * LEN, moved);
  int entered = 0;
  for (int g = 0; g < GROUPS; g++) {
    ASSERT_NEAR(x[0][g], x[1][g], 1e-9 * (1 + x[0][g]));
    entered += x[1][g] > 0;
  }
  assert_true(entered > 1);
  for (int i = 0; i < N; i++) /* a row without curvature moves as the others make it, by rows too */
    ASSERT_NEAR(rows[i], moved[i], 1e-8);
  bvl_group_newton_free(&s[0]);
  bvl_group_newton_free(&s[1]);
}

static double parabola(double lambda, int i)
{
  return 1 + i - 0.5 * lambda * (i + 1) + 0.25 * lambda * lambda;
}

/* Through three points a parabola comes back to rounding; a group that was not active stays out,
 * and a fresh one is followed only as far back as it was active. */
static void test_prediction(void **state)
{
  (void)state;
  const double lambdas[5] = {2, 1.7, 1.5, 1.4, 1.2}, weight[4] = {0, 1, 1, 1};
  double eta[N], tau[4];
  bvl_past past = {0};
  assert_int_equal(bvl_past_reserve(&past, N, 4), BVL_OK);
  for (int q = 0; q < 4; q++) {
    for (int i = 0; i < N; i++) eta[i] = parabola(lambdas[q], i);
    for (int g = 0; g < 4; g++) tau[g] = parabola(lambdas[q], g);
    tau[2] = 0;
    if (q < 2) tau[3] = 0;
    bvl_past_add(&past, lambdas[q], N, eta, 4, tau);
  }
  bvl_past_predict(&past, lambdas[4], N, 4, weight, eta, tau);
  for (int i = 0; i < N; i++) ASSERT_NEAR(eta[i], parabola(lambdas[4], i), 1e-11);
  ASSERT_NEAR(tau[0], parabola(lambdas[4], 0), 1e-12);
  ASSERT_NEAR(tau[1], parabola(lambdas[4], 1), 1e-12);
  assert_true(tau[2] == 0);
  const double slope = (parabola(1.4, 3) - parabola(1.5, 3)) / (1.4 - 1.5);
  ASSERT_NEAR(tau[3], parabola(1.4, 3) + slope * (1.2 - 1.4), 1e-12);
  bvl_past_free(&past);
}

/* More points than there is room for: the last stand. */
static void test_forgetting(void **state)
{
  (void)state;
  double eta[1] = {0}, tau[1] = {1};
  const double weight[1] = {1};
  bvl_past past = {0};
  assert_int_equal(bvl_past_reserve(&past, 1, 1), BVL_OK);
  for (int q = 0; q < 2 * BVL_PAST_ROOM; q++) {
    eta[0] = q;
    bvl_past_add(&past, 100 - q, 1, eta, 1, tau);
  }
  assert_int_equal(past.count, BVL_PAST_ROOM);
  bvl_past_predict(&past, 100 - 2 * BVL_PAST_ROOM, 1, 1, weight, eta, tau);
  ASSERT_NEAR(eta[0], 2 * BVL_PAST_ROOM, 1e-9);
  bvl_past_free(&past);
}

BVL_TEST_MAIN(cmocka_unit_test(test_converges), cmocka_unit_test(test_duplicate_groups),
              cmocka_unit_test(test_lanes), cmocka_unit_test(test_by_gram_as_by_rows),
              cmocka_unit_test(test_prediction), cmocka_unit_test(test_forgetting))
