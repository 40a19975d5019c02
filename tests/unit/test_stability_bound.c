/* SPDX-License-Identifier: BSD-3-Clause */
/* Error bounds of stability selection: the unimodal one against the largest tail that any unimodal
 * distribution has, the other one against its closed form, what two numbers say of the third
 * against the bound itself. */
#include "bvl_test.h"

#include "run/stability_bound.h"

/* P(X >= tail) and E[X] of the uniform distribution on low .. high of 0 .. B, as shares of B. */
static void uniform(int B, int low, int high, int tail, double *chance, double *mean)
{
  const int above = high < tail ? 0 : high - (low > tail ? low : tail) + 1;
  *chance = (double)above / (high - low + 1);
  *mean = 0.5 * (low + high) / B;
}

/* Largest P(X >= tail / B) over unimodal X on 0, 1/B .. 1 with mean <= mean. A unimodal
 * distribution is a mixture of uniform ones that share its mode; under one condition two of them
 * do. */
static double worst_tail(int B, int tail, double mean)
{
  double worst = 0.0;
  for (int mode = 0; mode <= B; mode++) {
    for (int a = 0; a <= B; a++) {
      double chance_a, mean_a, chance_b, mean_b;
      uniform(B, a < mode ? a : mode, a < mode ? mode : a, tail, &chance_a, &mean_a);
      if (mean_a <= mean) worst = fmax(worst, chance_a);
      for (int b = 0; b <= B && mean_a <= mean; b++) {
        uniform(B, b < mode ? b : mode, b < mode ? mode : b, tail, &chance_b, &mean_b);
        if (mean_b <= mean) continue;
        const double share = (mean - mean_a) / (mean_b - mean_a);
        worst = fmax(worst, share * chance_b + (1.0 - share) * chance_a);
      }
    }
  }
  return worst;
}

/* A share of at least `threshold` of 2B halves means that at least 2 threshold - 1 of the B pairs
 * select twice, whose mean is theta^2: p variables, each with that tail at most. */
static void test_unimodal(void **state)
{
  (void)state;
  const double p = 1000.0;
  int sharp = 0, cases = 0;
  for (int B = 10; B <= 50; B += 20)
    for (int k = B + 2; k <= 2 * B; k++)
      for (double q = 10.0; q <= 160.0; q *= 2.0) {
        const double threshold = k / (2.0 * B), theta = q / p;
        const double bound = bvl_stability_pfer(BVL_ASSUME_UNIMODAL, B, p, q, threshold);
        const double always = bvl_stability_pfer(BVL_ASSUME_NONE, B, p, q, threshold);
        const double worst = p * worst_tail(B, k - B, theta * theta);
        assert_true(bound <= always);
        assert_true(worst <= bound * (1.0 + 1e-12)); /* roundings of a few products */
        cases++;
        sharp += worst >= 0.98 * bound;
      }
  assert_true(sharp > cases / 2); /* it is no wider than it must be */
}

static void test_known(void **state)
{
  (void)state;
  /* R's stabs prints 0.454 for p = 9, q = 2, cutoff 0.75, 50 pairs (its vignette's body fat) */
  const double bound = bvl_stability_pfer(BVL_ASSUME_UNIMODAL, 50, 9.0, 2.0, 0.75);
  assert_true(fabs(bound - 0.454) < 5e-4);
  /* 30^2 / (0.8 1000), and no better by the condition */
  assert_true(fabs(bvl_stability_pfer(BVL_ASSUME_NONE, 50, 1000.0, 30.0, 0.9) - 1.125) < 1e-12);
  assert_true(fabs(bvl_stability_pfer(BVL_ASSUME_UNIMODAL, 0, 1000.0, 30.0, 0.9) - 1.125) < 1e-12);
  assert_true(isinf(bvl_stability_pfer(BVL_ASSUME_UNIMODAL, 50, 1000.0, 30.0, 0.5)));
  /* between two multiples of 1/100 the stable set is the upper one's */
  assert_true(bvl_stability_pfer(BVL_ASSUME_NONE, 50, 1000.0, 30.0, 0.891) ==
              bvl_stability_pfer(BVL_ASSUME_NONE, 50, 1000.0, 30.0, 0.9));
}

/* The least threshold and the largest q: they keep the bound, one step on does not. */
static void test_inverse(void **state)
{
  (void)state;
  const double p = 500.0;
  for (int a = BVL_ASSUME_NONE; a <= BVL_ASSUME_UNIMODAL; a++)
    for (double pfer = 0.3; pfer < 5.0; pfer *= 1.7) {
      const bvl_assumption assumption = (bvl_assumption)a;
      for (double q = 5.0; q < 40.0; q += 7.0) {
        const double t = bvl_stability_threshold(assumption, 50, p, q, pfer);
        if (isnan(t)) {
          assert_true(bvl_stability_pfer(assumption, 50, p, q, 1.0) > pfer);
          continue;
        }
        assert_true(bvl_stability_pfer(assumption, 50, p, q, t) <= pfer * (1.0 + 1e-8));
        assert_true(bvl_stability_pfer(assumption, 50, p, q, t - 0.01) > pfer);
      }
      for (double t = 0.6; t <= 1.0; t += 0.1) {
        const double q = (double)bvl_stability_selected(assumption, 50, p, t, pfer);
        assert_true(bvl_stability_pfer(assumption, 50, p, q, t) <= pfer * (1.0 + 1e-8));
        assert_true(bvl_stability_pfer(assumption, 50, p, q + 1.0, t) > pfer);
      }
    }
  assert_true(bvl_stability_selected(BVL_ASSUME_NONE, 50, p, 0.9, 1e-9) == 0);
  /* without pairs any threshold will do: q^2 / ((2 t - 1) p) = pfer */
  const double t = bvl_stability_threshold(BVL_ASSUME_NONE, 0, p, 10.0, 1.0);
  assert_true(fabs(t - 0.6) < 1e-12);
  assert_true(isnan(bvl_stability_threshold(BVL_ASSUME_NONE, 0, p, 30.0, 1.0)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_unimodal),
      cmocka_unit_test(test_known),
      cmocka_unit_test(test_inverse),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
