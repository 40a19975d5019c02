/* SPDX-License-Identifier: BSD-3-Clause */
/* Secant pairs over a stale factor: the last step is undone exactly (B y = s), whatever joined or
 * left since; with a factor of the true matrix everything stays consistent with it. */
#include "bvl_test.h"

#include "base/rng.h"
#include "solver/scalar/secant.h"

enum { D = 40 };

/* H = identity + R R' / D, well conditioned; P = the same with R scaled by `part`. */
static void make_matrix(double part, double *H)
{
  double R[D * D];
  for (int64_t e = 0; e < D * D; e++) R[e] = bvl_rng_normal(3, BVL_STREAM_SIM_X, 0, (uint64_t)e);
  for (int64_t k = 0; k < D; k++)
    for (int64_t l = 0; l < D; l++) {
      double sum = k == l;
      for (int64_t i = 0; i < D; i++) sum += part * R[k + i * D] * R[l + i * D] / D;
      H[k + l * D] = sum;
    }
}

typedef struct fixture {
  double H[D * D]; /* the loss's matrix */
  double P[D * D]; /* the factor's */
  double b[D], b_before[D], g[D], g_before[D];
  bvl_factor factor;
  bvl_secant secant;
} fixture;

static void open_fixture(fixture *f, double part, int64_t n)
{
  int64_t order[D];
  int64_t refused[D];
  int64_t n_refused = 0;
  *f = (fixture){0};
  make_matrix(1, f->H);
  make_matrix(part, f->P);
  bvl_rng_permutation(5, BVL_STREAM_FOLD, 0, D, order);
  assert_int_equal(bvl_factor_append(&f->factor, f->P, D, NULL, n, order, &n_refused, refused),
                   BVL_OK);
  assert_int_equal(bvl_secant_reserve(&f->secant, D), BVL_OK);
}

static void close_fixture(fixture *f)
{
  bvl_factor_free(&f->factor);
  bvl_secant_free(&f->secant);
}

/* Moves the factor's unknowns and sets g = minus H b everywhere. */
static void take_step(fixture *f, uint64_t seed)
{
  memcpy(f->b_before, f->b, sizeof f->b);
  memcpy(f->g_before, f->g, sizeof f->g);
  for (int64_t i = 0; i < f->factor.m; i++)
    f->b[f->factor.index[i]] += bvl_rng_normal(seed, BVL_STREAM_SIM_NOISE, 0, (uint64_t)i);
}

static void set_gradient(fixture *f)
{
  for (int64_t k = 0; k < D; k++) {
    f->g[k] = 0;
    for (int64_t l = 0; l < D; l++) f->g[k] -= f->H[k + l * D] * f->b[l];
  }
}

static void step(fixture *f, uint64_t seed)
{
  take_step(f, seed);
  set_gradient(f);
  bvl_secant_push(&f->secant, &f->factor, f->b, f->b_before, f->g, f->g_before);
}

/* B (M v) = v for a random v on the factor's unknowns, M either matrix plus ridge: exactly so when
 * factor and pairs all are M's. Condition below 10, 40 unknowns: 1e-12 is some 100 times the
 * rounding. */
static void check_inverse(fixture *f, const double *M, const double *ridge)
{
  double v[D];
  double x[D];
  const int64_t *index = f->factor.index;
  for (int64_t i = 0; i < f->factor.m; i++) v[i] = cos((double)i);
  for (int64_t i = 0; i < f->factor.m; i++) {
    x[i] = ridge != NULL ? ridge[index[i]] * v[i] : 0;
    for (int64_t j = 0; j < f->factor.m; j++) x[i] += M[index[i] + index[j] * D] * v[j];
  }
  bvl_secant_apply(&f->secant, &f->factor, ridge, x);
  for (int64_t i = 0; i < f->factor.m; i++) ASSERT_NEAR(x[i], v[i], 1e-12);
}

static void test_undoes_the_last_step(void **state)
{
  (void)state;
  fixture f;
  double x[D];
  double ridge[D];
  open_fixture(&f, 0.5, 30);
  for (int64_t k = 0; k < D; k++) ridge[k] = 0.1 * (double)(k % 4);
  for (uint64_t q = 0; q < BVL_SECANT_PAIRS + 3; q++) { /* more than are held */
    step(&f, q);
    for (int64_t i = 0; i < f.factor.m; i++) {
      const int64_t k = f.factor.index[i];
      x[i] = f.g_before[k] - f.g[k] + ridge[k] * (f.b[k] - f.b_before[k]);
    }
    bvl_secant_apply(&f.secant, &f.factor, ridge, x);
    for (int64_t i = 0; i < f.factor.m; i++) {
      const int64_t k = f.factor.index[i];
      ASSERT_NEAR(x[i], f.b[k] - f.b_before[k], 1e-12);
    }
  }
  close_fixture(&f);
}

/* The factor is right: pairs that follow joins, leaves (also in the step under way) and a
 * renumbering correctly leave its inverse alone. */
static void test_follows_the_active_set(void **state)
{
  (void)state;
  fixture f;
  int64_t refused[D];
  int64_t n_refused = 0;
  double row[D];
  open_fixture(&f, 1, 30);
  for (uint64_t q = 0; q < 4; q++) step(&f, q);
  check_inverse(&f, f.H, NULL);
  const int64_t gone = f.factor.index[7]; /* leaves in the middle of a step */
  take_step(&f, 9);
  f.b[gone] = 0;
  bvl_secant_dismiss(&f.secant, &f.factor, 7, -f.b_before[gone]);
  bvl_factor_drop(&f.factor, 7);
  set_gradient(&f);
  bvl_secant_push(&f.secant, &f.factor, f.b, f.b_before, f.g, f.g_before);
  check_inverse(&f, f.H, NULL);
  for (int64_t i = 0; i < f.factor.m; i++) row[i] = f.H[gone + f.factor.index[i] * D];
  bvl_secant_admit(&f.secant, &f.factor, gone, row, 1);
  assert_int_equal(bvl_factor_append(&f.factor, f.H, D, NULL, 1, &gone, &n_refused, refused),
                   BVL_OK);
  check_inverse(&f, f.H, NULL);
  assert_int_equal(f.secant.n, 5);
  close_fixture(&f);
}

static void test_renumber_and_forget(void **state)
{
  (void)state;
  fixture f;
  int64_t to[D];
  double x[D];
  double before[D];
  open_fixture(&f, 0.5, 30);
  step(&f, 1);
  for (int64_t i = 0; i < f.factor.m; i++) before[i] = x[i] = sin((double)i);
  bvl_secant_apply(&f.secant, &f.factor, NULL, before);
  unsigned char used[D] = {0};
  for (int64_t i = 0; i < f.factor.m; i++) used[f.factor.index[i]] = 1;
  int64_t next = 0;
  for (int64_t k = 0; k < D; k++) to[k] = used[k] ? next++ : -1;
  bvl_secant_renumber(&f.secant, D, to);
  for (int64_t i = 0; i < f.factor.m; i++) f.factor.index[i] = to[f.factor.index[i]];
  bvl_secant_apply(&f.secant, &f.factor, NULL, x);
  for (int64_t i = 0; i < f.factor.m; i++) ASSERT_NEAR(x[i], before[i], 0);
  bvl_secant_forget(&f.secant, 0); /* nothing is below that */
  assert_int_equal(f.secant.n, 1);
  bvl_secant_forget(&f.secant, 1e6);
  assert_int_equal(f.secant.n, 0);
  close_fixture(&f);
}

BVL_TEST_MAIN(cmocka_unit_test(test_undoes_the_last_step),
              cmocka_unit_test(test_follows_the_active_set),
              cmocka_unit_test(test_renumber_and_forget))
